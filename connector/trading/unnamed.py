"""Fills that are known by their sum alone: what a venue counts beyond the fills it names.

Some venues tell sums at once and the fills behind them later, or never. What is booked from a sum
has no name and no fee; a fill that is named afterwards and was part of it is no second one."""

import msgspec

from connector.model.order import Order, round_half_even
from connector.venues.trading_contract import Execution, OrderEvent, Source


def summed(order: Order, event: OrderEvent) -> OrderEvent | None:
    """The fill that makes up for what an event counts beyond the known ones, at what they cost
    together; None: nothing is missing, or it is not known what that cost."""
    missing_e = order.missing_qty_e
    if event.cost_e is None or missing_e <= 0 or event.filled_qty_e != order.filled_qty_e:
        return None
    cost_e = event.cost_e - order.notional_e
    price_e = round_half_even(cost_e, missing_e)
    if price_e <= 0:
        return None
    unnamed_e = order.inferred_qty_e * order.inferred_price_e + cost_e
    order.inferred_qty_e += missing_e
    order.inferred_price_e = round_half_even(unnamed_e, order.inferred_qty_e)
    order.notional_e += cost_e - missing_e * price_e  # what rounding the price leaves
    return msgspec.structs.replace(
        event,
        execution=Execution.TRADE,
        last_qty_e=missing_e,
        last_price_e=price_e,
        trade_id=None,
        venue_trade_id="",
        maker=None,
        fee_e=None,
        fee_asset="",
        realised_e=None,
    )


def inferred(order: Order) -> OrderEvent | None:
    """The same where nobody says what it cost: at the order's average."""
    missing_e = order.missing_qty_e
    if missing_e <= 0:
        return None
    average_e, exponent = order.average_price()
    shift = order.instrument.price_exponent - exponent
    order.inferred_price_e = average_e * 10**shift if shift >= 0 else average_e // 10**-shift
    order.inferred_qty_e += missing_e
    return OrderEvent(
        source=Source.QUERY,
        execution=Execution.TRADE,
        symbol=order.instrument.symbol,
        last_qty_e=missing_e,
        last_price_e=order.inferred_price_e,
    )


def new_part(order: Order, event: OrderEvent) -> tuple[int, int]:
    """How much of a fill that is named for the first time was not booked without its name before,
    and how much of it counts by its name at all; what was booked gets the price it had.

    A count may end before the fills that are told with it do (two of one moment, the newer one
    first): what it does not cover yet is booked by the sum, and named by nobody."""
    assert event.last_price_e is not None
    new_e = last_e = event.last_qty_e
    if order.inferred_qty_e or event.cost_e is not None:
        # The count up to this fill says what can be new; where none is told, that of all.
        told_e = event.filled_qty_e
        count_e = order.filled_qty_e if told_e is None else told_e
        new_e = min(last_e, max(0, count_e - order.known_qty_e))
    named_e = min(last_e - new_e, order.inferred_qty_e)
    if named_e:
        order.inferred_qty_e -= named_e
        order.notional_e += named_e * (event.last_price_e - order.inferred_price_e)
        fills = order.fills.values()
        if not order.inferred_qty_e and sum(one.qty_e for one in fills) == order.known_qty_e:
            order.notional_e = sum(one.qty_e * one.price_e for one in fills)
    return new_e, new_e + named_e
