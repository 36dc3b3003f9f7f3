"""Fills that are known by their sum alone: what a venue counts beyond the fills it names.

Some venues tell sums at once and the fills behind them later, or never. What is booked from a sum
has no name and no fee; a fill that is named afterwards and was part of it is no second one. What
the sum had cost stays what all of it cost: the fills that are named leave the rest what is left."""

import msgspec
from msgspec import Struct

from connector.model.order import Order, round_half_even
from connector.venues.trading_contract import Execution, OrderEvent, Source


class Unnamed(Struct):
    """What is booked without names of an order, exact."""

    qty_e: int
    cost_e: int

    @property
    def price_e(self) -> int:
        return round_half_even(self.cost_e, self.qty_e) if self.qty_e else 0

    def add(self, qty_e: int, cost_e: int) -> None:
        self.qty_e += qty_e
        self.cost_e += cost_e

    def name(self, qty_e: int, price_e: int, guessed: bool) -> int:
        """A fill turns out to be part of it; how much. ``guessed``: no venue told what it cost, so
        it leaves with what it was booked at; else with what it really cost."""
        named_e = min(qty_e, self.qty_e)
        self.cost_e -= named_e * (self.price_e if guessed else price_e)
        self.qty_e -= named_e
        if not self.qty_e:
            self.cost_e = 0  # the fills say it all
        return named_e


def of(order: Order) -> Unnamed:
    """Exact, where the order has but the rounded price of it."""
    if not order.inferred_qty_e:
        return Unnamed(0, 0)
    named_e = sum(fill.qty_e * fill.price_e for fill in order.fills.values())
    return Unnamed(order.inferred_qty_e, order.notional_e - named_e)


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
    found = of(order)
    found.add(missing_e, cost_e)
    _keep(order, found)
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
    price_e = average_e * 10**shift if shift >= 0 else average_e // 10**-shift
    found = of(order)
    found.add(missing_e, missing_e * price_e)
    _keep(order, found)
    return OrderEvent(
        source=Source.QUERY,
        execution=Execution.TRADE,
        symbol=order.instrument.symbol,
        last_qty_e=missing_e,
        last_price_e=price_e,
    )


def new_part(order: Order, event: OrderEvent) -> tuple[int, int]:
    """How much of a fill that is named for the first time was not booked without its name before,
    and how much of it counts by its name at all.

    A count may end before the fills that are told with it do (two of one moment, the newer one
    first): what it does not cover yet is booked by the sum, and named by nobody."""
    assert event.last_price_e is not None
    new_e = last_e = event.last_qty_e
    if order.inferred_qty_e or event.cost_e is not None:
        # The count up to this fill says what can be new; where none is told, that of all.
        told_e = event.filled_qty_e
        count_e = order.filled_qty_e if told_e is None else told_e
        new_e = min(last_e, max(0, count_e - order.known_qty_e))
    found = of(order)
    before_e = found.cost_e
    named_e = found.name(last_e - new_e, event.last_price_e, guessed(event))
    if named_e:
        order.notional_e += named_e * event.last_price_e + found.cost_e - before_e
        _keep(order, found)
    return new_e, new_e + named_e


def guessed(event: OrderEvent) -> bool:
    """Whether what is booked without names of the order that it names a fill of was booked at a
    guess: its venue tells no costs."""
    return event.cost_e is None


def _keep(order: Order, found: Unnamed) -> None:
    order.inferred_qty_e, order.inferred_price_e = found.qty_e, found.price_e
