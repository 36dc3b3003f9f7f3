"""Lay a snapshot out on a ladder beside the book in use, in pieces."""

from collections.abc import Sequence
from typing import Protocol

class _Levels(Protocol):
    """``venues.contract.Snapshot`` or ``PackedSnapshot``."""

    @property
    def last_id(self) -> int: ...
    @property
    def venue_ns(self) -> int: ...
    @property
    def bids(self) -> Sequence[int]: ...
    @property
    def asks(self) -> Sequence[int]: ...

class PreparedBase:
    """A snapshot on its way to become a book's base; ``Feed.stage`` takes it like a snapshot, and
    has to do only what is not done yet. Raises ValueError for a negative number."""

    def __init__(self, snapshot: _Levels, tick_e: int) -> None: ...
    def more(self, most: int = 512) -> bool:
        """Lay out up to ``most`` levels more; False: all of them are."""
    @property
    def snapshot(self) -> _Levels: ...
    @property
    def last_id(self) -> int: ...
    @property
    def venue_ns(self) -> int: ...
    @property
    def tick_e(self) -> int:
        """The grid it was laid out on."""
