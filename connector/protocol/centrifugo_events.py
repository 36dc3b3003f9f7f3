"""What a Centrifugo client has to say: to whoever owns the socket, and to the users of channels."""

from enum import Enum

from msgspec import Raw, Struct

from connector.protocol.centrifugo_frames import (
    NOTHING,
    Class,
    ClientInfo,
    ConnectResult,
    ErrorBody,
    Publication,
)


class Continuity(Enum):
    """What a new subscription says about the time since the last one."""

    FRESH = "fresh"
    """There was none, or it had no position."""
    KEPT = "kept"
    """Nothing was missed: what was published meanwhile came as publications before this."""
    LOST = "lost"
    """Something may be missing: rebuild what depends on the channel."""


class Connected(Struct, frozen=True):
    """The server took the connection."""

    result: ConnectResult


class TokenWanted(Struct, frozen=True):
    """The connection's token ends soon, or (``channel``) a subscription's: give the next one to
    ``refresh`` or ``refresh_channel``."""

    channel: str = ""


class Subscribed(Struct, frozen=True):
    channel: str
    continuity: Continuity
    positioned: bool
    """Publications carry offsets: a gap will be noticed."""
    data: Raw = NOTHING
    offset: int = 0
    """Of the last publication before what follows; where they carry none, 0."""


class Published(Struct, frozen=True):
    channel: str
    publication: Publication
    recovered: bool = False
    """It was published while nobody listened."""


class Gap(Struct, frozen=True):
    """Publications of a channel are missing; it is subscribed anew from its last position."""

    channel: str
    wanted: int
    got: int


class Unsubscribed(Struct, frozen=True):
    """The channel is not served any more. RETRY: it is subscribed anew by itself, from its last
    position; RESYNC: the same without one; TOKEN: after a `subscribe` with a new token; FINAL:
    never."""

    channel: str
    code: int
    reason: str
    meaning: Class


class Refused(Struct, frozen=True):
    """A subscription, or a new token for one, was refused. RETRY and RESYNC (without its position)
    are tried again by ``on_timer``; the rest is the user's: ``subscribe`` again, or not."""

    channel: str
    code: int
    message: str
    meaning: Class


class Answer(Struct, frozen=True):
    """What `publish`, `presence`, `presence_stats`, `history` or `rpc` came to; ``error`` is None
    when it worked, has code 0 when no answer came in time; then ``result`` is empty."""

    number: int
    key: str
    result: Raw
    error: ErrorBody | None = None


class Joined(Struct, frozen=True):
    channel: str
    info: ClientInfo
    left: bool = False


class Told(Struct, frozen=True):
    """A message to this client alone."""

    data: Raw


class Garbled(Struct, frozen=True):
    """A line that cannot be read; `Close` follows."""

    why: str


class Close(Struct, frozen=True):
    """Close the connection: it is of no use. ``closed`` with this code says what follows."""

    code: int
    why: str


Event = (
    Connected
    | TokenWanted
    | Subscribed
    | Published
    | Gap
    | Unsubscribed
    | Refused
    | Answer
    | Joined
    | Told
    | Garbled
    | Close
)
