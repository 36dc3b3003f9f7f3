"""What a symbol demands of orders, and the arithmetic of its prices, quantities and money."""

from msgspec import Struct

from connector.sim.matching.types import RATIO, Reason, Refused, Side

MONEY_DIGITS = 8
"""Decimals of a wallet."""


class Bracket(Struct, frozen=True):
    """Up to this notional, this leverage and this maintenance margin."""

    leverage: int
    cap_m: int
    maintenance_r: int
    deduction_m: int = 0
    """What makes the maintenance margin continuous at the bracket's floor."""


class Rules(Struct, frozen=True, kw_only=True):
    """One symbol's rules. A limit of 0 is not applied, but ``min_lots``."""

    symbol: str
    asset: str
    """What it is settled in."""
    price_digits: int
    tick_units: int
    """The tick, in units of 10**-price_digits."""
    qty_digits: int
    step_units: int

    min_tick: int = 1
    max_tick: int = 0
    min_lots: int = 1
    max_lots: int = 0
    market_min_lots: int = 1
    market_max_lots: int = 0
    min_notional_m: int = 0
    collar_up_r: int = 0
    """A buy's price is at most mark * this."""
    collar_down_r: int = 0
    max_orders: int = 200
    """Open orders of one account, conditional ones counted."""
    max_amends: int = 10_000
    market_bound_r: int = 0
    """Farthest from mark that a market order takes."""
    trigger_protect_r: int = 0
    """Distance of last and mark price, as a ratio of mark, beyond which protected orders wait."""
    min_callback_r: int = RATIO // 1000
    max_callback_r: int = RATIO // 5
    maker_fee_r: int = 20_000
    taker_fee_r: int = 50_000
    liquidation_fee_r: int = 0
    brackets: tuple[Bracket, ...] = (Bracket(125, 10**20, 400_000),)
    """Ascending in cap, descending in leverage."""
    default_leverage: int = 20
    trading: bool = True
    reduce_only: bool = False
    """Only orders that reduce a position are taken."""

    def ticks(self, units: int, digits: int) -> int:
        """A price of ``units`` * 10**-digits in ticks. Raises Refused(PRICE_OFF_TICK)."""
        tick = _whole(units, digits, self.tick_units, self.price_digits)
        if tick is None:
            raise Refused(Reason.PRICE_OFF_TICK)
        return tick

    def lots(self, units: int, digits: int) -> int:
        """A quantity of ``units`` * 10**-digits in lots. Raises Refused(QTY_OFF_STEP)."""
        lots = _whole(units, digits, self.step_units, self.qty_digits)
        if lots is None:
            raise Refused(Reason.QTY_OFF_STEP)
        return lots

    def price_e8(self, tick: int) -> int:
        """A price on the grid, in units of 1e-8 (exact: no venue has more decimals)."""
        return _scaled(tick * self.tick_units, self.price_digits)

    def quote_m(self, tick: int, lots: int) -> int:
        """Price * quantity, to the nearest unit of money (exact unless decimals sum to over 8)."""
        digits = self.price_digits + self.qty_digits
        return _scaled(tick * self.tick_units * lots * self.step_units, digits)

    def value_m(self, price_e8: int, lots: int) -> int:
        """The same for a price off the grid, such as mark."""
        return _scaled(price_e8 * lots * self.step_units, 8 + self.qty_digits)

    def average_e8(self, quote_m: int, lots: int) -> int:
        """The price, in units of 1e-8, at which ``lots`` cost ``quote_m``; 0 for none."""
        if not lots:
            return 0
        return nearest(quote_m * 10**self.qty_digits, lots * self.step_units)

    def share_m(self, amount_m: int, part: int, whole: int) -> int:
        """What ``part`` of ``whole`` lots has of an amount; all of it for all of them."""
        return amount_m if part == whole else nearest(amount_m * part, whole)

    def fee_m(self, quote_m: int, rate_r: int) -> int:
        """The fee of a fill; negative: a rebate."""
        return nearest(quote_m * rate_r, RATIO)

    def funding_m(self, notional_m: int, lots: int, rate_r: int) -> int:
        """What a position of so many lots (negative: short) pays; negative: it is paid."""
        return nearest(notional_m * rate_r, RATIO)

    def liquidation_e8(self, needed_m: int, lots: int, maintenance_r: int) -> int:
        """The price p at which ``needed_m`` is left of p * lots after the maintenance margin."""
        weight = lots * RATIO - abs(lots) * maintenance_r
        return max(0, self.average_e8(needed_m * RATIO, weight))

    def maintenance_m(self, notional_m: int) -> int:
        """Maintenance margin of a position of that size."""
        bracket = self.bracket(notional_m)
        return max(0, abs(notional_m) * bracket.maintenance_r // RATIO - bracket.deduction_m)

    def bracket(self, notional_m: int) -> Bracket:
        """The bracket of a position of that size; beyond all caps the last."""
        size = abs(notional_m)
        return next((row for row in self.brackets if size <= row.cap_m), self.brackets[-1])

    def max_notional_m(self, leverage: int) -> int:
        """Largest position at that leverage."""
        return max((row.cap_m for row in self.brackets if row.leverage >= leverage), default=0)

    def liquidation_fee_m(self, quote_m: int) -> int:
        """What a liquidation costs above the taker's fee."""
        return nearest(quote_m * self.liquidation_fee_r, RATIO)

    @property
    def max_leverage(self) -> int:
        return max(row.leverage for row in self.brackets)

    def check_price(self, tick: int) -> None:
        """PRICE_FILTER. Raises Refused."""
        if tick < max(1, self.min_tick):
            raise Refused(Reason.PRICE_BELOW_MIN)
        if self.max_tick and tick > self.max_tick:
            raise Refused(Reason.PRICE_ABOVE_MAX)

    def check_trigger(self, tick: int) -> None:
        """The same of a trigger price. Raises Refused."""
        if tick < max(1, self.min_tick):
            raise Refused(Reason.STOP_PRICE_BELOW_MIN)
        if self.max_tick and tick > self.max_tick:
            raise Refused(Reason.STOP_PRICE_ABOVE_MAX)

    def check_lots(self, lots: int, *, market: bool) -> None:
        """LOT_SIZE, or MARKET_LOT_SIZE. Raises Refused."""
        low = self.market_min_lots if market else self.min_lots
        high = self.market_max_lots if market else self.max_lots
        if lots < max(1, low):
            raise Refused(Reason.QTY_BELOW_MIN)
        if high and lots > high:
            raise Refused(Reason.QTY_ABOVE_MAX)

    def check_collar(self, side: Side, tick: int, mark_e8: int) -> None:
        """PERCENT_PRICE: a limit price against the mark price. Raises Refused."""
        if not mark_e8:
            return
        price = self.price_e8(tick) * RATIO
        if side == Side.BUY:
            if self.collar_up_r and price > mark_e8 * self.collar_up_r:
                raise Refused(Reason.PRICE_ABOVE_COLLAR)
        elif self.collar_down_r and price < mark_e8 * self.collar_down_r:
            raise Refused(Reason.PRICE_BELOW_COLLAR)

    def check_notional(self, quote_m: int) -> None:
        """MIN_NOTIONAL; who reduces is exempt. Raises Refused."""
        if abs(quote_m) < self.min_notional_m:
            raise Refused(Reason.NOTIONAL_BELOW_MIN)


def nearest(numerator: int, denominator: int) -> int:
    """The quotient, halves away from zero; ``denominator`` positive or negative."""
    if denominator < 0:
        numerator, denominator = -numerator, -denominator
    if numerator < 0:
        return -((-2 * numerator + denominator) // (2 * denominator))
    return (2 * numerator + denominator) // (2 * denominator)


def _scaled(units: int, digits: int) -> int:
    if digits <= MONEY_DIGITS:
        scale: int = 10 ** (MONEY_DIGITS - digits)
        return units * scale
    return nearest(units, 10 ** (digits - MONEY_DIGITS))


def _whole(units: int, digits: int, step: int, step_digits: int) -> int | None:
    """units * 10**-digits as a number of steps; None if it is none."""
    if digits > step_digits:
        divisor = step * 10 ** (digits - step_digits)
    else:
        units *= 10 ** (step_digits - digits)
        divisor = step
    return None if units % divisor else units // divisor
