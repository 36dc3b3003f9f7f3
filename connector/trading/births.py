"""Orders that an own conditional order may have become.

What a triggered conditional order became need not carry its client id, and the stream may tell of
it before the message that links the two. Until the venue has said what became of every own
conditional order that fits, such an order belongs to nobody."""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from connector.model.instrument import Instrument
from connector.model.order import Order
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
    """By key: conditional orders that may have become it and have not denied it."""


class Births:
    """Everything that is unclaimed. ``proof_ns``: how long a venue's word may lag behind."""

    def __init__(self, proof_ns: int) -> None:
        self._proof_ns = proof_ns
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
    ) -> list[Order]:
        """Keep an event of an unknown order; the orders that have to be asked for. Nobody, and
        nothing kept: the order is nobody's."""
        name = _name(account, event)
        if name is None or event.conditional:
            return []
        known = self._unclaimed.get(name)
        if known is not None:
            known.events.append(event)
            return list(known.asked.values())
        asked = {order.key: order for order in open_orders if may_become(order, event)}
        if asked:
            sure_ns = now_ns + self._proof_ns
            self._unclaimed[name] = Unclaimed(account, instrument, [event], sure_ns, asked)
        return list(asked.values())

    def claimed(self, order: Order, born_id: int) -> Sequence[OrderEvent]:
        """The venue says that this order became that one: what was said of it before."""
        found = self._unclaimed.pop((order.account, order.instrument.symbol, born_id), None)
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
            became = [order.key for order in one.asked.values() if not waits(order)]
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


def _name(account: int, event: OrderEvent) -> Name | None:
    name = event.order_id if event.order_id is not None else event.venue_order_id or None
    return None if name is None else (account, event.symbol, name)
