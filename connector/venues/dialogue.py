"""What a connection's dialogue decides, and the dialogues that read every frame themselves.

Most venues' control messages are asked and answered one by one, which
`connector.market.subscriptions.Session` does for all of them. A venue with a protocol of its own
around its messages gives a `Dialogue` instead (`contract.Venue.dialogue`): it lives as long as the
logical connection, over all its sockets. Pure: events and ``now_ns`` in, actions out.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from connector.venues.endpoint import Request

if TYPE_CHECKING:
    from connector.venues.contract import Event, Scales, Subscription


class Send(Struct, frozen=True):
    """Put this text message on the wire."""

    message: bytes


class Refused(Struct, frozen=True):
    """The venue will not serve this stream; the others go on without it."""

    subscription: "Subscription"
    why: str


class Drop(Struct, frozen=True):
    """Close the connection and open another."""

    why: str


class Ask(Struct, frozen=True):
    """Ask this over REST; the answer comes back by ``on_answer`` with the same tag."""

    request: Request
    tag: str


class TokenWanted(Struct, frozen=True):
    """Get a token and give it to ``on_token``."""


class Told(Struct, frozen=True):
    """Events of the market."""

    events: tuple["Event", ...]


class Standing(Enum):
    """What is known of everything a stream said before now."""

    FRESH = "fresh"
    """It begins here."""
    KEPT = "kept"
    """Nothing is missing since it was last heard."""
    LOST = "lost"
    """Something is missing for good."""
    GAP = "gap"
    """Something is missing now; KEPT or LOST follows."""
    ENDED = "ended"
    """It says nothing any more."""


class Stands(Struct, frozen=True):
    """Where a stream stands. ``number``: of its last message, where the venue counts them, -1
    where it does not; what is told after this has the next numbers."""

    stream: str
    standing: Standing
    number: int = -1
    sure: bool = True
    """Only one channel brings it; else the compiled codec is to take nothing of it yet."""


class Note(Struct, frozen=True):
    """Something was decided that people should know; ``alert``: that they may have to act on."""

    text: str
    alert: bool = False


class Audited(Struct, frozen=True):
    """What came of a question about what the connection carries (`connector.venues.inquiry`)."""

    answered: bool = False
    """The venue said which streams it carries."""
    missing: tuple[str, ...] = ()
    """Streams that were granted and the venue has not: asked for again."""
    stray: tuple[str, ...] = ()
    """Streams the venue has and nobody wants: ended, unless some are missing, too."""
    form: bool = False
    """It spoke in another form than the one that is read, and was told to change."""
    why: str = ""
    """There was no answer that could be used."""


Action = Send | Refused | Drop | Ask | TokenWanted | Told | Stands | Note | Audited


class Verdict(Struct, frozen=True):
    """What follows the end of a connection."""

    wait_ns: int = 0
    """Open no other one sooner; the usual backoff is beside it."""
    new_token: bool = False
    """The token was not taken: get another one first."""
    alert: str = ""


class Dialogue(Protocol):
    """One logical connection's."""

    wanted: dict[str, "Subscription"]
    granted: dict[str, int]
    """Stream name -> when it was acknowledged."""
    lingering: set[str]
    """Not wanted any more, but they could not be ended."""

    @property
    def settled(self) -> bool:
        """Every control message was sent and answered."""

    def opened(self, desired: Sequence["Subscription"], token: str, now_ns: int) -> list[Action]:
        """A socket is open: everything begins anew but what is known of the streams."""

    def closed(self, code: int) -> Verdict:
        """It is gone, with the close frame's code; 1006: there was none."""

    def heard(self, numbers: Mapping[str, int], now_ns: int) -> None:
        """So far streams were heard by the compiled codec, and when any frame came last."""

    def received(self, frame: bytes, now_ns: int) -> list[Action]:
        """A frame, or what the compiled codec left of it."""

    def on_timer(self, now_ns: int) -> list[Action]: ...
    def on_token(self, token: str, now_ns: int) -> list[Action]: ...
    def on_answer(self, tag: str, body: bytes | None, why: str, now_ns: int) -> list[Action]:
        """What was asked came to this; no body: ``why`` says what went wrong."""

    def renew(self, names: Iterable[str], now_ns: int) -> list[Action]: ...
    def add(self, subscriptions: Iterable["Subscription"], now_ns: int) -> list[Action]: ...
    def remove(self, names: Iterable[str], now_ns: int) -> list[Action]: ...


MakeDialogue = Callable[["Scales", Callable[[], float]], Dialogue]
"""Exponents of symbols, and random numbers in [0, 1) for waits."""
