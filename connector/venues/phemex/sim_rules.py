"""What the simulated Phemex demands of orders, and how it counts values, fees and averages.

Written from the venue's reference alone. A value is floored to the smallest unit of its currency, a
fee is rounded up, so that who takes pays the last unit and who makes loses it. The value of an
inverse contract falls when its price rises: it is counted with the other sign than a linear one's,
then profit, exposure and loss are the same sums for both.
"""

from decimal import Decimal

from connector.sim.matching.rules import Bracket, Rules
from connector.sim.matching.types import RATIO
from connector.venues.phemex import sim_listings as listings
from connector.venues.sim_contract import Contract

E8 = 100_000_000


class CoinRules(Rules, frozen=True, kw_only=True):
    """Rules of a contract that is counted as Phemex counts."""

    inverse: bool
    size_e8: int
    """Contract size, in units of 1e-8."""
    unit_m: int
    """The smallest amount of the settlement currency, in units of 1e-8."""
    scaled: bool = True
    """Of the first family, whose numbers on the wire are integers at a scale."""

    @property
    def qty_one(self) -> int:
        """A quantity of 1, in units of the wire's last decimal."""
        return int(10**self.qty_digits)

    @property
    def average_digits(self) -> int:
        """Decimals of prices that are no order's: averages, mark prices."""
        return self.price_digits if self.scaled else 8

    def quote_m(self, tick: int, lots: int) -> int:
        return self._value_m(tick * self.tick_units, 10**self.price_digits, lots)

    def value_m(self, price_e8: int, lots: int) -> int:
        return self._value_m(price_e8, E8, lots)

    def _value_m(self, price: int, one: int, lots: int) -> int:
        """The value of lots at ``price`` / ``one``."""
        whole, unit = abs(lots) * self.step_units * self.size_e8, self.unit_m * self.qty_one
        if self.inverse:
            value = whole * one // (price * unit) if price else 0
            value = -value
        else:
            value = whole * price // (one * unit)
        return value * self.unit_m * (-1 if lots < 0 else 1)

    def average_e8(self, quote_m: int, lots: int) -> int:
        whole, value = abs(lots) * self.step_units * self.size_e8, abs(quote_m) * self.qty_one
        if not whole or not value:
            return 0
        return whole * E8 // value if self.inverse else value * E8 // whole

    def share_m(self, amount_m: int, part: int, whole: int) -> int:
        if part == whole:
            return amount_m
        return amount_m * part // (whole * self.unit_m) * self.unit_m

    def fee_m(self, quote_m: int, rate_r: int) -> int:
        return -(-abs(quote_m) * rate_r // (RATIO * self.unit_m)) * self.unit_m

    def funding_m(self, notional_m: int, lots: int, rate_r: int) -> int:
        return self.fee_m(notional_m, rate_r if lots > 0 else -rate_r)

    def liquidation_e8(self, needed_m: int, lots: int, maintenance_r: int) -> int:
        if not self.inverse:
            return super().liquidation_e8(needed_m, lots, maintenance_r)
        weight = (lots * RATIO + abs(lots) * maintenance_r) * self.step_units * self.size_e8
        return max(0, weight * E8 // (-needed_m * RATIO)) if needed_m else 0


def rules(info: bytes) -> list[Rules]:
    """What a products answer demands of orders; raises ValueError naming the fault."""
    every = [_rules(row) for row in listings.scaled_contracts(info)]
    return every + [_decimal_rules(row) for row in listings.decimal_contracts(info)]


def _decimal_rules(row: Contract) -> Rules:
    low, high = listings.decimal_price_limits(row)
    tick, step = Decimal(row.tick), Decimal(row.step)
    most = int(listings.decimal_max_qty(row) / step)
    limit_m = listings.DECIMAL_RISK_LIMIT * E8
    return CoinRules(
        symbol=row.symbol,
        asset=row.settle,
        price_digits=row.price_digits,
        tick_units=int(tick.scaleb(row.price_digits)),
        qty_digits=row.qty_digits,
        step_units=int(step.scaleb(row.qty_digits)),
        min_tick=int(low / tick),
        max_tick=int(high / tick),
        max_lots=most,
        market_max_lots=most,
        min_notional_m=listings.DECIMAL_MIN_VALUE * E8,
        maker_fee_r=listings.DECIMAL_MAKER_ER,
        taker_fee_r=listings.DECIMAL_TAKER_ER,
        brackets=(Bracket(listings.MAX_LEVERAGE, limit_m, listings.MAINTENANCE_ER),),
        default_leverage=listings.MAX_LEVERAGE,
        inverse=False,
        size_e8=E8,
        unit_m=1,
        scaled=False,
    )


def _rules(row: Contract) -> Rules:
    low_ep, high_ep = listings.price_limits_ep(row)
    tick_ep = int(Decimal(row.tick).scaleb(row.price_digits))
    settle = row.settle or row.quote
    limit_m = listings.risk_limit(row) * E8
    return CoinRules(
        symbol=row.symbol,
        asset=settle,
        price_digits=row.price_digits,
        tick_units=tick_ep,
        qty_digits=0,
        step_units=int(row.step),
        min_tick=-(-low_ep // tick_ep),
        max_tick=high_ep // tick_ep,
        max_lots=listings.max_order_qty(row),
        market_max_lots=listings.max_order_qty(row),
        maker_fee_r=listings.MAKER_FEE_ER,
        taker_fee_r=listings.TAKER_FEE_ER,
        brackets=(Bracket(listings.MAX_LEVERAGE, limit_m, listings.MAINTENANCE_ER),),
        default_leverage=listings.MAX_LEVERAGE,
        inverse=row.inverse,
        size_e8=int(Decimal(row.size) * E8),
        unit_m=10 ** (8 - listings.value_scale(settle)),
    )
