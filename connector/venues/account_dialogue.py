"""What the dialogue of an account's connection decides, where the venue has a protocol of its own.

Beside `connector.venues.dialogue`, which is the market's. The dialogue lives as long as the account
is served, over all its sockets. Pure: events and ``now_ns`` in, actions out.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec import Struct

from connector.model.instrument import Instrument
from connector.venues.contract import Scales
from connector.venues.dialogue import Ask, Drop, Note, Send, TokenWanted, Verdict
from connector.venues.trading_contract import Signer, UserEvent


class Events(Struct, frozen=True):
    """What was said of the account; ``asked``: because we asked."""

    events: Sequence[UserEvent]
    asked: bool = False


class Live(Struct, frozen=True):
    """From here on everything is told: ask for what went before."""


class Lost(Struct, frozen=True):
    """Something is missing or may be: nothing is believed until it is `Live` again. ``gap``: it was
    missing while the connection was up, or for good."""

    why: str
    gap: bool = True


class Ended(Struct, frozen=True):
    """The venue says nothing of the account any more; what is tried again is the dialogue's."""

    why: str


class Unclear(Struct, frozen=True):
    """Something was said that cannot be understood: ask for everything. ``words`` are as they came,
    without secrets."""

    why: str
    words: str
    known: bool = True
    """It should have been understood; else it is of a kind this version does not know."""


Action = Send | Drop | Ask | TokenWanted | Note | Events | Live | Lost | Ended | Unclear


class AccountDialogue(Protocol):
    """One account's."""

    @property
    def fault(self) -> str:
        """Why it is not live; "": it is, or is about to be."""

    @property
    def due_ns(self) -> int:
        """When ``on_timer`` has something to do, CLOCK_MONOTONIC; 0: only events matter."""

    def opened(self, token: str, now_ns: int) -> list[Action]:
        """A socket is open."""

    def closed(self, code: int) -> Verdict:
        """It is gone, with the close frame's code; 1006: there was none."""

    def received(self, frame: bytes, now_ns: int) -> list[Action]: ...
    def on_timer(self, now_ns: int) -> list[Action]: ...
    def on_token(self, token: str, now_ns: int) -> list[Action]: ...
    def on_answer(self, tag: str, body: bytes | None, why: str, now_ns: int) -> list[Action]:
        """What was asked came to this; no body: ``why`` says what went wrong."""

    def doubted(self) -> None:
        """It keeps something back, as orders show that the venue has taken; its socket is closed
        now."""


Whose = Callable[[str], Instrument | None]
"""The instrument of an order by the id that the venue gave it; None: nobody knows the order."""
MakeAccountDialogue = Callable[[Signer, Scales, Whose, Callable[[], float]], AccountDialogue]
"""Also random numbers in [0, 1) for waits."""
