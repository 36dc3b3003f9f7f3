"""What the venue allows: connections, messages, request weights; data and its decoding."""

from collections.abc import Callable, Mapping
from typing import Any

from connector.venues.binance_usdm.schemas import RateLimit, integer
from connector.venues.contract import Heartbeat, Limits, Pool

WEIGHT = "weight"
ORDERS = "orders"
FUNDING = "funding"
"""Shared by fundingRate and fundingInfo; their answers carry no count."""
STATISTICS = "statistics"
"""Of everything under /futures/data."""
SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
INTERVALS = {
    "SECOND": ("s", SECOND_NS),
    "MINUTE": ("m", 60 * SECOND_NS),
    "HOUR": ("h", 3600 * SECOND_NS),
    "DAY": ("d", 86400 * SECOND_NS),
}
KINDS = {
    "REQUEST_WEIGHT": (WEIGHT, "x-mbx-used-weight-"),
    "ORDERS": (ORDERS, "x-mbx-order-count-"),
    "RAW_REQUESTS": ("raw", ""),
    "RAW_REQUEST": ("raw", ""),
}

# Used until exchangeInfo states the host's own (the demo host allows 6000).
POOLS = (
    Pool(WEIGHT, 2400, 60 * SECOND_NS, "x-mbx-used-weight-1m"),
    Pool(ORDERS, 300, 10 * SECOND_NS, "x-mbx-order-count-10s"),
    Pool(ORDERS, 1200, 60 * SECOND_NS, "x-mbx-order-count-1m"),
    # Not in exchangeInfo (section 2.2).
    Pool(FUNDING, 500, 300 * SECOND_NS),
    Pool(STATISTICS, 1000, 300 * SECOND_NS),
)

LIMITS = Limits(
    streams=1024,
    # The venue disconnects beyond 10 a second and bans repeat offenders; 5 leaves room for pongs
    # and for the demo host, where 5 were measured.
    messages=5,
    window_ns=SECOND_NS,
    connects=300,
    connects_window_ns=300 * SECOND_NS,
    streams_per_message=100,
    max_message=4 * 1024 * 1024,
)

# The venue pings every 3 minutes and wants its payload back within 10; the cut comes after 24 h.
HEARTBEAT = Heartbeat(silence_ns=60 * SECOND_NS, lifetime_ns=24 * 3600 * SECOND_NS)

DEPTH_WEIGHT = {5: 2, 10: 2, 20: 2, 50: 2, 100: 5, 500: 10, 1000: 20}


def depth_weight(params: Mapping[str, Any]) -> int:
    return DEPTH_WEIGHT[params.get("limit", 500)]


def klines_weight(params: Mapping[str, Any]) -> int:
    limit = params.get("limit", 500)
    return 1 if limit < 100 else 2 if limit < 500 else 5 if limit <= 1000 else 10


def by_symbol(one: int, every: int) -> Callable[[Mapping[str, Any]], int]:
    """The weight with a symbol, and without."""
    return lambda params: one if params.get("symbol") else every


def pools(limits: list[RateLimit]) -> tuple[Pool, ...]:
    """The pools of ``rateLimits``; kinds and intervals this version does not know are left out."""
    found = []
    for row in limits:
        kind, interval = KINDS.get(row.rate_limit_type), INTERVALS.get(row.interval)
        if kind is None or interval is None:
            continue
        count = integer(row.interval_num, "rateLimits.intervalNum")
        limit = integer(row.limit, "rateLimits.limit")
        if count <= 0 or limit <= 0:
            raise ValueError(f"rateLimits: {row.rate_limit_type} allows {limit} in {count}")
        header = f"{kind[1]}{count}{interval[0]}" if kind[1] else ""
        found.append(Pool(kind[0], limit, count * interval[1], header))
    return tuple(found)


def used(headers: Mapping[str, str]) -> dict[str, int]:
    """The counts in ``X-MBX-USED-WEIGHT-…`` and ``X-MBX-ORDER-COUNT-…`` by header name.

    A negative value means "not given" (seen on order calls) and is left out."""
    found = {}
    for name, value in headers.items():
        key = name.lower()
        if key.startswith(("x-mbx-used-weight-", "x-mbx-order-count-")):
            digits = value.strip()
            if digits.isascii() and digits.isdigit():
                found[key] = int(digits)
    return found
