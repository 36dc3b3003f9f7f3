"""How the accounts of a venue stand, for whoever runs the simulator: no venue's own words."""

from typing import Any

from connector._speedups import decimal
from connector.sim.matching.api import Matching


def standing(venue: Matching) -> dict[str, Any]:
    """Of each account its open orders, conditional ones counted, and what it holds, by symbol and
    position side; flat ones are left out."""
    return {
        name: {
            "open_orders": len(venue.open_orders(name)) + len(venue.open_conditionals(name)),
            "positions": [
                {
                    "symbol": one.symbol,
                    "side": one.position_side.name,
                    "qty": _qty(venue, one.symbol, one.lots),
                }
                for one in venue.positions(name)
                if one.lots
            ],
        }
        for name in venue.accounts()
    }


def _qty(venue: Matching, symbol: str, lots: int) -> str:
    rules = venue.rules(symbol)
    return decimal.format(lots * rules.step_units, rules.qty_digits, 0)
