"""What a Centrifugo client keeps between frames: channels, commands under way, counts."""

from msgspec import Raw, Struct

from connector.protocol.centrifugo_frames import Publication

SECOND_NS = 1_000_000_000
TOKEN_SHARE = 0.8
"""Of a token's life after which the next one is asked for."""
TOKEN_LEAST_NS = 30 * SECOND_NS
"""At least so long before the end, where the life is long enough."""


class Counts(Struct):
    """What went by, for the owner's counters."""

    duplicates: int = 0
    gaps: int = 0
    unmatched: int = 0
    """Replies to nothing, pushes of channels nobody asked for."""
    undecodable: int = 0
    pings: int = 0


class Command(Struct):
    key: str
    due_ns: int
    channel: str = ""


class Channel(Struct):
    """A subscription that is wanted, over all connections."""

    name: str
    token: str = ""
    data: Raw | None = None
    server: bool = False
    """The server subscribed us: nothing is sent for it."""
    positioned: bool = False
    epoch: str = ""
    offset: int = 0
    lost: bool = False
    """Something was missed that no position can bring back."""
    served: bool = False
    number: int = 0
    """Of the subscribe command under way."""
    retry_ns: int = 0
    """When to subscribe (again); 0: not planned."""
    failures: int = 0
    token_ns: int = 0
    early: list[Publication] = []


def renew_ns(expires: bool, ttl_s: int, now_ns: int) -> int:
    """When to ask for the next token; 0: it does not end."""
    if not expires or ttl_s <= 0:
        return 0
    ttl_ns = ttl_s * SECOND_NS
    return now_ns + max(min(int(ttl_ns * TOKEN_SHARE), ttl_ns - TOKEN_LEAST_NS), ttl_ns // 2)
