"""What the venue allows: connections, messages, requests; data and its decoding.

Sections 4.4 and 10 of the reference."""

from collections.abc import Mapping

from connector.venues.cadenza.config import Config
from connector.venues.contract import Heartbeat, Limits, Pool

AUTH = "auth"
MARKET = "market"
TRADING = "trading"
ACCOUNT = "account"
SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
RESERVES = {TRADING: 0.2}
"""A fifth of what may trade is kept for cancels: there is no request that cancels several."""
LIMIT, REMAINING = "x-ratelimit-limit", "x-ratelimit-remaining"


def pools(config: Config) -> tuple[Pool, ...]:
    """The four classes. Every answer tells of its own class, under the same names of headers."""
    limits = {
        AUTH: config.auth_per_minute,
        MARKET: config.market_per_minute,
        TRADING: config.trading_per_minute,
        ACCOUNT: config.account_per_minute,
    }
    return tuple(
        Pool(name, limit, MINUTE_NS, REMAINING, RESERVES.get(name, 0.1))
        for name, limit in limits.items()
    )


def used(headers: Mapping[str, str]) -> dict[str, int]:
    """What was used of the answer's own class, by the name of the header that tells what is left;
    nothing where the limit itself is not told."""
    given = {name.lower(): value.strip() for name, value in headers.items()}
    limit, left = given.get(LIMIT, ""), given.get(REMAINING, "")
    if not all(text.isascii() and text.isdigit() for text in (limit, left)):
        return {}
    return {REMAINING: max(0, int(limit) - int(left))}


LIMITS = Limits(
    # Nobody says; the server's own default is 128 channels a connection, commands one by one.
    streams=100,
    messages=20,
    window_ns=SECOND_NS,
    connects=60,
    connects_window_ns=MINUTE_NS,
    streams_per_message=20,
    # A recovery answer carries up to 300 messages at once.
    max_message=16 * 1024 * 1024,
)

# The server's empty object every 25 s is answered with ours; whatever comes counts as life.
HEARTBEAT = Heartbeat(pong_by_venue_ping=False, silence_ns=35 * SECOND_NS)
