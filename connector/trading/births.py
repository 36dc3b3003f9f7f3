"""Orders that may be own ones under a name nobody has heard yet.

What a triggered conditional order became need not carry its client id, and the stream may tell of
it before the message that links the two. Until the venue has said what became of every own
conditional order that fits, such an order belongs to nobody. Where a venue names orders by its own
ids alone, the same holds of every order until its answer has come."""

from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from connector.model.instrument import Instrument
from connector.model.order import Order
from connector.trading import suspects
from connector.venues.trading_contract import OrderEvent

Name = tuple[int, str, int | str]
"""Account, symbol, id of the venue."""
MOST = 1_000
"""Orders kept at once; of more the oldest is taken for a foreign one."""


class Unclaimed(Struct):
    """An order nobody here placed, as far as is known."""

    account: int
    instrument: Instrument
    events: list[OrderEvent]
    """What was said of it, oldest first."""
    sure_ns: int
    """Who is asked from then on says for certain whether it became this. CLOCK_MONOTONIC."""
    asked: dict[int, Order]
    """By key: orders that may be it, or may have become it, and have not denied it."""
    nameless: bool = False
    """They are no conditional orders, but wait for their names."""


class Births:
    """Everything that is unclaimed. ``proof_ns``: how long a venue's word may lag behind;
    ``unnamed``: whether an account's venue tells no client ids."""

    def __init__(
        self, proof_ns: int, unnamed: Callable[[int], bool] = lambda account: False
    ) -> None:
        self._proof_ns, self._unnamed = proof_ns, unnamed
        self._unclaimed: dict[Name, Unclaimed] = {}

    def __len__(self) -> int:
        return len(self._unclaimed)

    def hold(
        self,
        account: int,
        event: OrderEvent,
        instrument: Instrument,
        open_orders: Iterable[Order],
        now_ns: int,
    ) -> list[Order] | None:
        """Keep an event of an unknown order; the orders that have to be asked for. None: nothing
        is kept, the order is nobody's."""
        name, unnamed = _name(account, event), self._unnamed(account)
        if name is None or event.conditional or (not unnamed and event.anonymous):
            return None
        known = self._unclaimed.get(name)
        if known is None:
            may_be = _may_be if unnamed else may_become
            asked = {order.key: order for order in open_orders if may_be(order, event)}
            if not asked:
                return None
            sure_ns = now_ns + self._proof_ns
            known = Unclaimed(account, instrument, [], sure_ns, asked, unnamed)
            self._unclaimed[name] = known
        known.events.append(event)
        # Who waits for its name is answered, or asked for, anyway.
        return [] if unnamed else list(known.asked.values())

    def claimed(self, order: Order, event: OrderEvent) -> Sequence[OrderEvent]:
        """The venue says that this order is, or became, that one: what was said of it before."""
        name = event.born_order_id or event.venue_order_id
        if not name or not self._unclaimed:
            return ()
        found = self._unclaimed.pop((order.account, order.instrument.symbol, name), None)
        return found.events if found is not None else ()

    def denied(self, order: Order, asked_ns: int) -> int:
        """The venue, asked at ``asked_ns``, knows of nothing that this order became; when to ask
        again, 0: it need not be."""
        again_ns = 0
        for one in self._unclaimed.values():
            if order.key in one.asked:
                if asked_ns >= one.sure_ns:
                    del one.asked[order.key]
                else:
                    again_ns = max(again_ns, one.sure_ns)
        return again_ns

    def foreign(self) -> list[Unclaimed]:
        """Those that nobody can have become, taken out."""
        found = []
        for name, one in list(self._unclaimed.items()):
            still = suspects.nameless if one.nameless else waits
            became = [order.key for order in one.asked.values() if not still(order)]
            for key in became:
                del one.asked[key]
            if not one.asked or len(self._unclaimed) > MOST:
                found.append(self._unclaimed.pop(name))
        return found


def waits(order: Order) -> bool:
    """A conditional order that may be triggered, or was, and what it became is not known."""
    named = order.order_id is not None or order.venue_order_id  # it keeps its id when triggered
    return order.order_type.conditional and not named and not order.status.terminal


def may_become(order: Order, event: OrderEvent) -> bool:
    """Whether the event may speak of what this conditional order became."""
    return (
        bool(order.strategy)
        and waits(order)
        and order.instrument.symbol == event.symbol
        and order.position_side is event.position_side
        and event.side in (None, order.side)
    )


def _may_be(order: Order, event: OrderEvent) -> bool:
    return suspects.nameless(order) and suspects.fits(order, event)


def _name(account: int, event: OrderEvent) -> Name | None:
    name = event.order_id if event.order_id is not None else event.venue_order_id or None
    return None if name is None else (account, event.symbol, name)
