"""The book of one connection, kept beside the one that is told.

Where changes say nothing of what came before them, those of two connections must not be mixed: each
cuts the venue's changes together in its own way, and a level that comes and goes between two cuts
is in no message. So while two connections bring a book, one of them is believed, and the other's is
kept here until it can take over."""

from itertools import chain
from typing import Any


class LineBook:
    """Levels by price, with the id they stand at; ``depth`` levels a side at most, 0: all."""

    def __init__(
        self, last_id: int, venue_ns: int, depth: int, bids: list[int], asks: list[int]
    ) -> None:
        """Flat sides, best first."""
        self.last_id, self.venue_ns, self.depth = last_id, venue_ns, depth
        self._sides = [dict(zip(side[::2], side[1::2], strict=True)) for side in (bids, asks)]

    def apply(self, event: Any) -> bool:
        """A change; whether it is newer than the book."""
        if event.last_id <= self.last_id:
            return False
        self.last_id, self.venue_ns = event.last_id, event.venue_ns
        for levels, flat in zip(self._sides, (event.bids, event.asks), strict=True):
            for price_e, qty_e in zip(flat[::2], flat[1::2], strict=True):
                if qty_e:
                    levels[price_e] = qty_e
                else:
                    levels.pop(price_e, None)
        if self.depth:
            for levels, down in zip(self._sides, (True, False), strict=True):
                for price_e in sorted(levels, reverse=down)[self.depth :]:
                    del levels[price_e]
        return True

    @property
    def bids(self) -> list[int]:
        return _flat(sorted(self._sides[0].items(), reverse=True))

    @property
    def asks(self) -> list[int]:
        return _flat(sorted(self._sides[1].items()))


def _flat(levels: list[tuple[int, int]]) -> list[int]:
    return list(chain.from_iterable(levels))
