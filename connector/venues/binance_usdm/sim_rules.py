"""What an exchangeInfo answer demands of orders, and what it leaves out: fees and leverage."""

from decimal import Decimal
from typing import Any

import orjson

from connector.sim.matching.rules import Bracket, Rules
from connector.sim.matching.types import RATIO

MAJORS = ("BTCUSDT", "ETHUSDT")
_MAJOR = (
    (125, 300_000, "0.004"),
    (100, 800_000, "0.005"),
    (75, 3_000_000, "0.0065"),
    (50, 12_000_000, "0.01"),
    (25, 70_000_000, "0.02"),
    (20, 100_000_000, "0.025"),
    (10, 230_000_000, "0.05"),
    (5, 480_000_000, "0.1"),
    (4, 600_000_000, "0.125"),
    (3, 800_000_000, "0.15"),
    (2, 1_200_000_000, "0.25"),
    (1, 1_800_000_000, "0.5"),
)
_MINOR = (
    (75, 10_000, "0.01"),
    (50, 60_000, "0.015"),
    (25, 300_000, "0.02"),
    (20, 600_000, "0.025"),
    (10, 3_000_000, "0.05"),
    (5, 6_000_000, "0.1"),
    (4, 7_500_000, "0.125"),
    (2, 15_000_000, "0.25"),
    (1, 30_000_000, "0.5"),
)
"""Leverage, notional cap and maintenance margin: rounded from what the venue lists."""


def _brackets(rows: tuple[tuple[int, int, str], ...]) -> tuple[Bracket, ...]:
    """With the deductions that make the maintenance margin continuous."""
    found: list[Bracket] = []
    floor_m = rate_r = deduction_m = 0
    for leverage, cap, rate in rows:
        last_r, rate_r = rate_r, int(Decimal(rate) * RATIO)
        deduction_m += floor_m * (rate_r - last_r) // RATIO
        found.append(Bracket(leverage, cap * RATIO, rate_r, deduction_m))
        floor_m = cap * RATIO
    return tuple(found)


_BRACKETS = {True: _brackets(_MAJOR), False: _brackets(_MINOR)}


def rules(info: bytes) -> list[Rules]:
    """Every symbol's whose filters are set, as those of all that trade are; raises ValueError
    naming the fault."""
    try:
        rows = orjson.loads(info)["symbols"]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"not an exchangeInfo answer: {error!r}") from None
    found = []
    for row in rows:
        try:
            found.append(_rules(row))
        except (KeyError, ArithmeticError, ValueError, TypeError) as error:
            if row.get("status") != "TRADING":
                continue  # not yet, or no longer
            raise ValueError(f"exchangeInfo, symbol {row.get('symbol')}: {error!r}") from None
    return found


def _rules(row: dict[str, Any]) -> Rules:
    filters = {each["filterType"]: each for each in row["filters"]}
    prices, lots = filters["PRICE_FILTER"], filters["LOT_SIZE"]
    market = filters.get("MARKET_LOT_SIZE", lots)
    percent = filters.get("PERCENT_PRICE", {})
    tick, step = Decimal(prices["tickSize"]), Decimal(lots["stepSize"])
    price_digits = max(int(row["pricePrecision"]), _digits(tick))
    qty_digits = max(int(row["quantityPrecision"]), _digits(step))
    control = filters.get("POSITION_RISK_CONTROL", {}).get("positionControlSide", "NONE")
    return Rules(
        symbol=row["symbol"],
        asset=row.get("marginAsset", "USDT"),
        price_digits=price_digits,
        tick_units=int(tick.scaleb(price_digits)),
        qty_digits=qty_digits,
        step_units=int(step.scaleb(qty_digits)),
        min_tick=max(1, _ceiling(Decimal(prices["minPrice"]), tick)),
        max_tick=int(Decimal(prices["maxPrice"]) // tick),
        min_lots=max(1, _ceiling(Decimal(lots["minQty"]), step)),
        max_lots=int(Decimal(lots["maxQty"]) // step),
        market_min_lots=max(1, _ceiling(Decimal(market["minQty"]), step)),
        market_max_lots=int(Decimal(market["maxQty"]) // step),
        min_notional_m=_ratio(filters.get("MIN_NOTIONAL", {}).get("notional", "0")),
        collar_up_r=_ratio(percent.get("multiplierUp", "0")),
        collar_down_r=_ratio(percent.get("multiplierDown", "0")),
        max_orders=int(filters.get("MAX_NUM_ORDERS", {}).get("limit", 200)),
        max_amends=int(row.get("maxMoveOrderLimit", 10_000)),
        market_bound_r=_ratio(row.get("marketTakeBound", "0")),
        trigger_protect_r=_ratio(row.get("triggerProtect", "0")),
        liquidation_fee_r=_ratio(row.get("liquidationFee", "0")),
        brackets=_BRACKETS[row["symbol"] in MAJORS],
        trading=row["status"] == "TRADING",
        reduce_only=control != "NONE",
    )


def _ceiling(value: Decimal, step: Decimal) -> int:
    return int(value // step) + (1 if value % step else 0)


def _ratio(text: str) -> int:
    return int(Decimal(text) * RATIO)


def _digits(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
