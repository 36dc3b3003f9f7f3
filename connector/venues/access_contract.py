"""What a venue must provide whose requests bear a token that its user gets by logging in.

Beside `contract.Venue`. A `Keeper` is a machine without sockets and clock:
`connector.transport.access` asks what it wants asked and tells it what came.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

from msgspec import Struct

from connector.venues.endpoint import Permission, Request


class NoEntry(Exception):
    """There is no token and nothing left to get one with; the text says what is missing."""


class Keeper(Protocol):
    """Keeps one user's tokens; prints and pickles as nothing. Times are Unix ns."""

    @property
    def token(self) -> str:
        """What requests bear now; "": none. A secret: never logged."""

    def fresh(self, wall_ns: int) -> bool:
        """There is a token, and it need not be renewed yet."""

    def valid(self, wall_ns: int) -> bool:
        """There is a token that is still good, perhaps not for long."""

    def due_ns(self) -> int:
        """Ask for nothing before this instant."""

    def ask(self, wall_ns: int) -> Request:
        """What leads to a token: log in, or renew. Raises `NoEntry`."""

    def answered(self, status: int, headers: Mapping[str, str], body: bytes, wall_ns: int) -> str:
        """The answer to what was asked last; why it was refused, "": there is a new token."""

    def lost(self, wall_ns: int) -> None:
        """Nobody knows whether what was asked last was answered."""

    def denied(self, token: str) -> None:
        """The venue takes this token no more."""

    def bear(self, request: Request) -> Request:
        """The request with the token."""

    @property
    def unsaved(self) -> bool:
        """What outlives the process has changed: ``save`` it."""

    def save(self) -> None:
        """Write it to where it is kept; slow. Raises OSError."""


class Access(Struct, frozen=True, kw_only=True):
    """How a venue is entered."""

    keeper: Callable[[], Keeper]
    """Read what is needed from where it is kept. Raises ConfigError naming the place."""
    allow: tuple[Permission, ...] = ()
    """What the configuration lets be called as this user beside what needs no permission."""
    strategies: tuple[str, ...] = ()
    """Who may call as this user, beside whoever can read the configuration's secrets."""
    denial: int = 401
    """The status of an answer to a request whose token is not taken; nothing was executed."""
    denials: Callable[[int], bool] = lambda _: False
    """Codes of the venue's own that say the same under another status below 500."""
    excuses: Callable[[int], bool] = lambda _: False
    """Codes of the venue's own that are about something else under that status."""
