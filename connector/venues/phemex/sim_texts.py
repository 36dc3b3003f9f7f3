"""How the second family writes what the first writes as integers: decimal texts, by names that end
in Rp, Rv, Rr and Rq.

Written from the venue's reference alone, section 10.3. The rows that come in are those of the first
family, with prices at the contract's decimals and quantities in lots.
"""

from collections.abc import Mapping
from typing import Any

from connector.venues.phemex.sim_rules import CoinRules
from connector.venues.sim_contract import decimal

VALUE_DIGITS = RATIO_DIGITS = 8
QUANTITIES = frozenset(
    {
        "orderQty", "cumQty", "leavesQty", "execQty", "displayQty", "closedSize", "size",
        "buyLeavesQty", "sellLeavesQty", "freeQty", "curPosSize",
    }
)  # fmt: skip
BARE = frozenset({"size", "curPosSize"})
"""Quantities that have no suffix anywhere."""
UNSCALED = frozenset({"price", "stopPx", "closedPnl", "cumValue", "leavesValue"})
"""Of the first family alone."""
CROSS_ER = -100 * 10**RATIO_DIGITS
"""How the leverage of a cross position is told that was never set: the maximum, below 0."""
FEE_TOKEN = {
    "apRp": "0", "bpRp": "0", "cl_req_code": 0, "cumPtFeeRv": "0", "ptFeeRv": "0",
    "ptPriceRp": "0", "pegOffsetProportionRr": "0", "posTpSlPattern": "UNSPECIFIED",
}  # fmt: skip
"""Of an event: what nobody here has, as fees paid in the venue's own token."""


def number(units: int, digits: int) -> str:
    """units * 10**-digits, without trailing zeros."""
    text = decimal(abs(units), digits)
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return f"-{text}" if units < 0 and text != "0" else text


def written(
    row: Mapping[str, Any], rules: CoinRules | None, price_digits: int, suffix: str
) -> dict[str, Any]:
    """A row in texts; ``suffix`` is that of quantities."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        if name in UNSCALED:
            continue
        if name in QUANTITIES:
            assert rules is not None
            key = name if name in BARE else name + suffix
            found[key] = number(value * rules.step_units, rules.qty_digits)
        elif name.endswith("Ep"):
            found[f"{name[:-2]}Rp"] = number(value, price_digits)
        elif name.endswith("Ev"):
            found[f"{name[:-2]}Rv"] = number(value, VALUE_DIGITS)
        elif name.endswith("Er"):
            found[f"{name[:-2]}Rr"] = number(value, RATIO_DIGITS)
        else:
            found[name] = value
    return found


def order(row: Mapping[str, Any], rules: CoinRules, suffix: str) -> dict[str, Any]:
    """An order: of an answer (quantities end in Rq), or an event (they have no suffix)."""
    if suffix:
        return written(row, rules, rules.price_digits, suffix)
    given = {**row, "curLeverageEr": row["curLeverageEr"] or CROSS_ER}
    return written(given, rules, rules.price_digits, suffix) | FEE_TOKEN


def position(row: Mapping[str, Any], rules: CoinRules) -> dict[str, Any]:
    """A position, whose prices need not be on the contract's grid."""
    given = dict(row)
    given["leverageEr"] = row["leverageEr"] or CROSS_ER
    return written(given, rules, rules.average_digits, "")


def account(row: Mapping[str, Any]) -> dict[str, Any]:
    return written(row, None, 0, "")
