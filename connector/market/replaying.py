"""What every replay of one symbol's book has, wherever its base comes from: the symbol, what was
applied, checkpoints while the book is LIVE, and a word when it is lost."""

from collections.abc import Callable
from typing import Any

import msgspec

from connector.model.instrument import Instrument
from connector.model.states import FeedKind, State
from connector.venues.contract import Venue

RING_BYTES = 8 * 1024 * 1024
TOP = 20
FIRST_LINE = 0
HANDLED = 0
"""What the compiled codec answers when it needed no help."""
Levels = list[tuple[int, int]]


class Checkpoint(msgspec.Struct, frozen=True):
    """A book after ``applied`` depth messages; the hashes are the oracles' canonical ones."""

    applied: int
    u: int
    bid: tuple[int | str, int | str] | None
    ask: tuple[int | str, int | str] | None
    nb: int
    na: int
    top20: str
    full: str


class Replaying:
    """One symbol of a recording.

    ``on_checkpoint`` is called every ``every`` applied depth messages (0: never) and by ``finish``,
    never twice for one count and only while the book is LIVE; ``warn`` with a sentence for a
    person. ``symbols`` collects every symbol whose book the recording touches."""

    LOST = ""
    """What to say of a lost book: of ``symbol``, ``update`` and ``applied``."""

    def __init__(
        self,
        venue: Venue,
        *,
        symbol: str = "",
        every: int = 0,
        on_checkpoint: Callable[[Checkpoint], None],
        warn: Callable[[str], None],
    ) -> None:
        self._venue = venue
        self._wanted = symbol
        self._every = every
        self._on_checkpoint = on_checkpoint
        self._warn = warn
        self._codec: Any = None
        self._kernel: Any = None
        self._digests: Callable[[int, int, Levels, Levels], Checkpoint] | None = None
        self._said = 0
        self._shown: State | None = None
        self.instrument: Instrument | None = None
        self.symbols: dict[str, int] = {}
        """Depth messages by symbol."""
        self.counts: dict[str, int] = {}
        self.applied = 0
        self.first_ns = 0
        self.last_ns = 0

    @property
    def symbol(self) -> str:
        """The symbol that is replayed; "" before it is known."""
        return self._wanted or next(iter(self.symbols), "")

    @property
    def live(self) -> bool:
        return self._kernel is not None and self._state() is State.LIVE

    def finish(self) -> bool:
        """The recording is over: the last checkpoint, if one is due; whether the book is LIVE."""
        if not self.live:
            return False
        if self.applied != self._said:
            self._checkpoint()
        return True

    # For the kinds of replay

    def _meet(self, symbol: str) -> bool:
        """Whether a symbol of the recording is new; the wanted one takes its spelling from here."""
        if symbol in self.symbols:
            return False
        self.symbols[symbol] = 0
        if symbol.upper() == self._wanted.upper():
            self._wanted = symbol
        return True

    def _scales(self, symbol: str) -> Instrument | None:
        return self.instrument if symbol == self.symbol else None

    def _one_applied(self) -> None:
        """One more depth message has moved the book."""
        self.applied += 1
        if self._every and self.applied % self._every == 0 and self.live:
            self._checkpoint()

    def _look(self) -> None:
        """Say it when the book is lost."""
        state = self._state()
        if state is not self._shown:
            if state is State.RESYNC:
                self._warn(
                    self.LOST.format(
                        symbol=self.symbol, update=self._kernel.last_id, applied=self.applied
                    )
                )
            self._shown = state

    def _count(self, name: str) -> None:
        self.counts[name] = self.counts.get(name, 0) + 1

    def _state(self) -> State:
        return State(self._kernel.state(FeedKind.BOOK))

    def _checkpoint(self) -> None:
        assert self._digests is not None
        self._said = self.applied
        kernel = self._kernel
        self._on_checkpoint(
            self._digests(self.applied, kernel.last_id, kernel.bids(), kernel.asks())
        )
