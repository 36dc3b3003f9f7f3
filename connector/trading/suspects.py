"""Which of a venue's rows an order of ours may be, where nothing in them names it.

Some venues know an order by their own id alone and never say what its owner called it. Between the
sending of an order and its answer, and for good when the answer was lost, only what it looks like
tells them apart."""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from connector.model.order import Order
from connector.trading.index import OrderIndex
from connector.venues.trading_contract import OrderEvent


class Found(Struct, frozen=True):
    """What a list says of an order that is looked for."""

    event: OrderEvent | None = None
    """This is it."""
    doubt: str = ""
    """Why nobody can say. Neither: it is not there."""


def nameless(order: Order) -> bool:
    """An own order that lives, as far as is known, and the venue has not named."""
    named = order.order_id is not None or order.venue_order_id
    return bool(order.strategy) and not named and not order.status.terminal


def fits(order: Order, event: OrderEvent) -> bool:
    """Whether the event may speak of this order; what it does not say speaks for it."""
    if event.client_order_id:
        return event.client_order_id == order.client_order_id
    return (
        order.instrument.symbol == event.symbol
        and order.position_side is event.position_side
        and event.side in (None, order.side)
        and event.order_type in (None, order.order_type)
        # An order at the market has no price, and a venue may write one all the same.
        and (order.price_e is None or event.price_e in (None, order.price_e))
        and event.qty_e in (None, order.qty_e)
        and event.stop_price_e in (None, order.stop_price_e)
    )


def find(
    order: Order, rows: Sequence[OrderEvent], known: OrderIndex, rivals: Iterable[Order]
) -> Found:
    """The one row that is this order: it fits, belongs to no other order, and fits no other order
    that is looked for, too. ``rows`` are all there can be."""
    last = {row.order_id or row.venue_order_id: row for row in rows}  # of several about one order
    mine = [
        row
        for row in last.values()
        if known.find(order.account, row) in (None, order) and fits(order, row)
    ]
    named = [row for row in mine if row.client_order_id]
    mine = named or mine
    if not mine:
        return Found()
    if len(mine) > 1:
        return Found(doubt=f"{len(mine)} orders of the venue look like it")
    (only,) = mine
    others = [one for one in rivals if one is not order and nameless(one) and fits(one, only)]
    if others and not named:
        names = ", ".join(sorted(one.client_order_id for one in others))
        return Found(doubt=f"the venue's order may as well be {names}")
    return Found(event=only)
