"""Funding rates as the simulated venue tells them by REST: what was settled, and what is running.

Written from the venue's reference alone. What was settled before the venue began to run is made up
of symbol and time, so every answer tells the same.
"""

from decimal import Decimal
from typing import Any
from zlib import crc32

from connector.venues.phemex.sim_feeds import priced
from connector.venues.phemex.sim_listings import FUNDING_S, LISTED, decimal_family, derived
from connector.venues.sim_contract import Contract, MarketView

FUNDING_MS = FUNDING_S * 1000
MOST = 100
PAGE = 20
CAP = Decimal("0.003")


class Bad(Exception):
    """A parameter that is none."""


def _number(params: dict[str, str], name: str, default: int, least: int = 0) -> int:
    text = params.get(name, str(default))
    if not text.isdecimal() or int(text) < least:
        raise Bad(name)
    return int(text)


def settled(params: dict[str, str], market: MarketView, now_ms: int) -> dict[str, Any]:
    """The rates settled from ``start`` to ``end``, both in ms and included, oldest first: the
    newest of them when there are more than ``limit``."""
    name = params["symbol"]
    contract = market.symbols.get(priced(name, market.symbols) or "")
    if not isinstance(contract, Contract) or name != derived(contract).settled:
        raise Bad("symbol")
    limit = min(MOST, _number(params, "limit", MOST, 1))
    end_ms = min(now_ms, _number(params, "end", now_ms))
    last = end_ms // FUNDING_MS
    first = -(-_number(params, "start", 0) // FUNDING_MS)
    times = range(max(first, last - limit + 1), last + 1)
    rows = [
        {
            "symbol": name,
            "fundingRate": rate(name, number * FUNDING_MS),
            "fundingTime": number * FUNDING_MS,
            "intervalSeconds": FUNDING_S,
        }
        for number in times
    ]
    return {"rows": rows}


def rate(name: str, time_ms: int) -> str:
    """Within a hundredth of a percent either way."""
    units = crc32(f"{name}{time_ms}".encode()) % 20_001 - 10_000
    return f"{Decimal(units).scaleb(-8):f}"


def running(params: dict[str, str], market: MarketView, now_ms: int) -> dict[str, Any]:
    """The rates of the running interval, of one contract or by pages of all of the second
    family."""
    found = [
        row
        for row in market.symbols.values()
        if isinstance(row, Contract)
        and row.status in ("", LISTED)
        and decimal_family(row.symbol)
        and params.get("symbol", row.symbol) == row.symbol
    ]
    size, number = _number(params, "pageSize", PAGE, 1), _number(params, "pageNum", 1, 1)
    rows = []
    for row in found[size * (number - 1) : size * number]:
        mark = market.mark(row.symbol, now_ms)
        rows.append(
            {
                "symbol": row.symbol,
                "fundingRate": mark.rate if mark is not None else "0",
                "fundingInterval": FUNDING_S,
                "fundingRateCap": f"{CAP}",
                "fundingRateFloor": f"{-CAP}",
                "nextfundingTime": (now_ms // FUNDING_MS + 1) * FUNDING_MS,
            }
        )
    return {"total": len(found), "rows": rows}
