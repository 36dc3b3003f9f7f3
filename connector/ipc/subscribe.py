"""Streams that a session asks for at run time."""

from collections.abc import Awaitable, Iterable
from typing import Any, Protocol

from msgspec import Struct

from connector.errors import ConnectorError


class Subscribe(Struct, frozen=True):
    """What a session asks for, or takes back."""

    session: int
    strategy: str
    venue: str
    symbol: str
    channels: tuple[str, ...]
    back: bool = False


class Subscriptions(Protocol):
    """Who keeps what sessions asked for."""

    def __call__(self, asked: Subscribe) -> Awaitable[tuple[dict[str, Any], bytes]]:
        """What became of it, for ``Subscribed``. Raises Refused."""

    def ended(self, session: int) -> None:
        """The session is gone, and with it what it alone asked for."""


class Subscribed(Struct, frozen=True):
    """What became of channels that a strategy asked for."""

    granted: tuple[str, ...]
    """The venue sends them; those that were sent before, too."""
    refused: dict[str, str]
    """Why not, by channel."""
    pending: tuple[str, ...]
    """Asked for, and not answered yet: their records come once the venue grants them."""

    @property
    def ok(self) -> bool:
        """Was everything granted?"""
        return not self.refused and not self.pending


def subscribed(told: dict[str, Any]) -> Subscribed:
    """The daemon's answer; ConnectorError: nothing was asked for."""
    if not told.get("ok"):
        raise ConnectorError(str(told.get("error")))
    return Subscribed(tuple(told["granted"]), dict(told["refused"]), tuple(told["pending"]))


def names(channels: str | Iterable[Any]) -> list[str]:
    """Channels by their names in the configuration; one may stand alone."""
    listed = [channels] if isinstance(channels, str) else list(channels)
    return [str(getattr(one, "value", one)) for one in listed]
