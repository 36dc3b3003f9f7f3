"""What the venue allows: connections, messages, requests; data and its decoding."""

from collections.abc import Mapping

import msgspec

from connector.venues.contract import Heartbeat, Limits, Pool

CONTRACT = "contract"
OTHERS = "others"
MARKET = "market"
SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
REMAINING = "x-ratelimit-remaining"
CAPACITY = "x-ratelimit-capacity"

# By user and minute, and beside them by address (5,000 in five minutes, all groups together; a
# breach blocks it for five minutes). Below /md no header is given, only the address counts there.
POOLS = (
    Pool(CONTRACT, 500, MINUTE_NS, f"{REMAINING}-contract"),
    Pool(OTHERS, 100, MINUTE_NS, REMAINING),
    Pool(MARKET, 5000, 5 * MINUTE_NS),
)

LIMITS = Limits(
    streams=20,
    # 20 a second since 2021, 10 before.
    messages=10,
    window_ns=SECOND_NS,
    connects=200,
    connects_window_ns=5 * MINUTE_NS,
    # What follows the first parameter of a subscription is no further symbol.
    streams_per_message=1,
    max_message=4 * 1024 * 1024,
    open=5,
)


def ping(request_id: int) -> bytes:
    """The venue's own heartbeat; it is answered with ``"result": "pong"``."""
    return msgspec.json.encode({"id": request_id, "method": "server.ping", "params": []})


# The venue never pings. It ends a connection about 30 s after the last ping of the client, whatever
# else is sent, and recommends a ping every 5 s and to reconnect after three without an answer.
HEARTBEAT = Heartbeat(
    pong_by_venue_ping=False,
    ping_every_ns=5 * SECOND_NS,
    ping=ping,
    silence_ns=15 * SECOND_NS,
)


def used(headers: Mapping[str, str]) -> dict[str, int]:
    """What was used of each group, by the name of the header that tells what is left of it.

    Newer answers give the group's capacity beside it; without one it is the documented limit."""
    given = {name.lower(): value.strip() for name, value in headers.items()}
    limits = {pool.header: pool.limit for pool in POOLS if pool.header}
    found = {}
    for name, left in given.items():
        if not name.startswith(REMAINING) or not (left.isascii() and left.isdigit()):
            continue
        capacity = given.get(CAPACITY + name[len(REMAINING) :], "")
        most = int(capacity) if capacity.isascii() and capacity.isdigit() else limits.get(name)
        if most is not None:
            found[name] = max(0, most - int(left))
    return found
