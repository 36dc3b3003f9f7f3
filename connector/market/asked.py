"""What strategies asked for at run time, beside what the configuration wants.

Pure. Each session's wishes are its own: what several asked for stays until the last of them has
taken it back or is gone."""

from collections.abc import Collection, Iterable

from connector.market.selection import Wish
from connector.venues.channels import Channel


class Asked:
    """Channels by session and symbol."""

    def __init__(self) -> None:
        self._rows: dict[int, dict[str, set[Channel]]] = {}

    def add(self, session: int, symbol: str, channels: Iterable[Channel]) -> None:
        """The session wants these, too."""
        self._rows.setdefault(session, {}).setdefault(symbol, set()).update(channels)

    def take_back(self, session: int, symbol: str, channels: Iterable[Channel]) -> None:
        """The session wants these no longer; what it never asked for is left alone."""
        mine = self._rows.get(session, {})
        if symbol not in mine:
            return
        mine[symbol].difference_update(channels)
        if not mine[symbol]:
            del mine[symbol]
        if not mine:
            del self._rows[session]

    def end(self, session: int) -> Collection[str]:
        """The session is gone; the symbols it asked for."""
        return self._rows.pop(session, {}).keys()

    def count(self, session: int) -> int:
        """How many streams a session asks for."""
        return sum(len(channels) for channels in self._rows.get(session, {}).values())

    def of(self, symbol: str) -> tuple[Channel, ...]:
        """What of an instrument is asked for, in the order of ``Channel``."""
        found = set[Channel]().union(*(mine.get(symbol, set()) for mine in self._rows.values()))
        return tuple(channel for channel in Channel if channel in found)

    def wishes(self) -> list[Wish]:
        """All of it; READY waits for none, and what the configuration says of a stream holds."""
        symbols = dict.fromkeys(symbol for mine in self._rows.values() for symbol in mine)
        return [
            Wish([symbol], self.of(symbol), required=False, options={}, beside=True)
            for symbol in symbols
        ]
