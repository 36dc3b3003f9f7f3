"""Which orders need looking at, and when: questions, cancels that are pursued, missing echoes."""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from connector.model.enums import Word
from connector.model.order import Order
from connector.venues.trading_contract import Denial

MS = 1_000_000
SECOND_NS = 1_000_000_000
ASK_NS = (200 * MS, 500 * MS, SECOND_NS, 2 * SECOND_NS, 5 * SECOND_NS, 15 * SECOND_NS)
"""Waits between queries of one order; the first leaves the stream time to tell by itself."""
CANCEL_NS = (100 * MS, 200 * MS, 500 * MS, SECOND_NS, 2 * SECOND_NS, 5 * SECOND_NS)
"""Waits between attempts of a cancel whose outcome is not known."""


class Due(Word):
    ASK = "ask"
    FILLS = "fills"
    CANCEL = "cancel"
    ECHO = "echo"


class Watch(Struct):
    """What is planned for one order; 0: nothing. CLOCK_MONOTONIC."""

    order: Order
    ask_ns: int = 0
    asks: int = 0
    denials: int = 0
    """How often the venue denied it since it last spoke of it."""
    denied_ns: int = 0
    """When that was last heard of an order that may never have been placed, or first of one that
    has lived."""
    fills_ns: int = 0
    fill_asks: int = 0
    cancel_ns: int = 0
    cancels: int = 0
    echo_ns: int = 0


class WatchList:
    """The plans of all orders; only those with a plan cost anything."""

    def __init__(self) -> None:
        self.plans: dict[int, Watch] = {}
        """By the order's key."""

    def __len__(self) -> int:
        return len(self.plans)

    def get(self, order: Order) -> Watch | None:
        return self.plans.get(order.key)

    def ask(self, order: Order, at_ns: int) -> None:
        """Query it then, unless a question is planned before."""
        watch = self._of(order)
        watch.ask_ns = min(watch.ask_ns or at_ns, at_ns)

    def unsaid(self, order: Order, at_ns: int, asked: bool) -> None:
        """The venue did not say how it stands: query it then. If it was ``asked``, the next
        question that is planned serves: they come less and less often."""
        watch = self._of(order)
        if not (asked and watch.ask_ns):
            self.ask(order, at_ns)

    def ask_soon(self, order: Order, now_ns: int) -> None:
        self.ask(order, now_ns + ASK_NS[0])

    def gone(self, order: Order, times: int, lag_ns: int, asked_ns: int, now_ns: int) -> bool:
        """The venue does not know an order that has lived, asked at ``asked_ns``: whether it said
        so ``times`` times in a row, and not each time out of one old copy, in which a fill may be
        missing as well: the last was asked ``lag_ns`` after the first was heard. An order that
        nothing is planned for is not doubted."""
        watch = self.plans.get(order.key)
        if watch is None:
            return False
        if not watch.denials:
            watch.denied_ns = now_ns
        watch.denials += 1
        return watch.denials >= times and asked_ns >= watch.denied_ns + lag_ns

    def disproved(self, order: Order, denial: Denial, asked_ns: int, now_ns: int) -> bool:
        """The venue does not know an order that may never have been placed, asked at ``asked_ns``
        for what counts: whether it said so often enough. Else it is asked once its word cannot come
        of the same old copy any more: a denial counts if it was asked for so long after the last
        one was heard. What was asked in between, for a cancel say, repeats that one."""
        watch = self._of(order)
        if not watch.denials or asked_ns >= watch.denied_ns + denial.lag_ns:
            watch.denials += 1
            watch.denied_ns = now_ns
        if watch.denials >= denial.times:
            return True
        self.ask(order, watch.denied_ns + denial.lag_ns)
        return False

    def affirmed(self, order: Order) -> None:
        """The venue speaks of it."""
        watch = self.plans.get(order.key)
        if watch is not None:
            watch.denials = 0

    def fills(self, order: Order, at_ns: int) -> None:
        watch = self._of(order)
        watch.fills_ns = watch.fills_ns or at_ns

    def cancel(self, order: Order, at_ns: int) -> None:
        watch = self._of(order)
        watch.cancel_ns = min(watch.cancel_ns or at_ns, at_ns)

    def cancel_again(self, order: Order, now_ns: int) -> None:
        watch = self._of(order)
        if watch.cancel_ns <= now_ns:
            watch.cancel_ns = now_ns + _wait(CANCEL_NS, watch.cancels)

    def echo(self, order: Order, by_ns: int) -> None:
        """The private stream must tell of it by then."""
        self._of(order).echo_ns = by_ns

    def drop(self, order: Order, *what: Due) -> None:
        """These plans are settled."""
        watch = self.plans.get(order.key)
        if watch is None:
            return
        for one in what:
            if one is Due.ASK:
                watch.ask_ns = watch.asks = 0
            elif one is Due.FILLS:
                watch.fills_ns = watch.fill_asks = 0
            elif one is Due.CANCEL:
                watch.cancel_ns = watch.cancels = 0
            else:
                watch.echo_ns = 0
        if not (watch.ask_ns or watch.fills_ns or watch.cancel_ns or watch.echo_ns):
            del self.plans[order.key]

    def due(self, now_ns: int) -> Iterator[tuple[Watch, Due]]:
        """What is due, each planned again with a longer wait."""
        for watch in list(self.plans.values()):
            if 0 < watch.echo_ns <= now_ns:
                watch.echo_ns = 0
                yield watch, Due.ECHO
            if 0 < watch.ask_ns <= now_ns:
                watch.ask_ns = now_ns + _wait(ASK_NS, watch.asks + 1)
                watch.asks += 1
                yield watch, Due.ASK
            if 0 < watch.fills_ns <= now_ns:
                watch.fills_ns = now_ns + _wait(ASK_NS, watch.fill_asks + 1)
                watch.fill_asks += 1
                yield watch, Due.FILLS
            if 0 < watch.cancel_ns <= now_ns:
                watch.cancel_ns = now_ns + _wait(CANCEL_NS, watch.cancels + 1)
                watch.cancels += 1
                yield watch, Due.CANCEL

    def _of(self, order: Order) -> Watch:
        watch = self.plans.get(order.key)
        if watch is None:
            watch = self.plans[order.key] = Watch(order)
        return watch


def _wait(waits: Sequence[int], attempt: int) -> int:
    return waits[min(attempt, len(waits) - 1)]
