"""Which snapshot is asked for next, and when one symbol's turn is.

Pure: what is due and what the budget says in, names out."""

from collections.abc import Callable, Iterable

from msgspec import Struct

STARTING_SHARE = 0.75
"""Of the weight pool, until READY: nobody has orders yet, and books are what everybody waits
for."""
RUNNING_SHARE = 0.25
"""Afterwards: the pool also feeds the order path, which must never find it empty."""
AT_ONCE = 4
"""Snapshots in flight: more do not arrive sooner, and their answers would all stop the loop in one
turn."""

SECOND_NS = 1_000_000_000
SHORTEST_NS = SECOND_NS
LONGEST_NS = 60 * SECOND_NS
STEADY_NS = 60 * SECOND_NS


class SnapshotBackoff:
    """How long one symbol's next snapshot waits: 1 s after the first one, twice as long after each
    further one, at most a minute, half of it drawn by ``below`` (from 0 to less than its argument).

    It starts anew only when the book was valid for a minute without a break, or when the
    connections it lives on are others: a book that fails again and again is no reason to spend the
    weight of all the others."""

    def __init__(self, below: Callable[[int], int]) -> None:
        self._below = below
        self._valid_ns: int | None = None
        self.attempts = 0
        """Snapshots asked for since the last start."""
        self.not_before_ns = 0

    def asked(self, now_ns: int) -> None:
        """A snapshot is being asked for."""
        most_ns = min(SHORTEST_NS << min(self.attempts, 6), LONGEST_NS)
        self.attempts += 1
        self.not_before_ns = now_ns + most_ns // 2 + self._below(most_ns // 2 + 1)

    def refused(self, now_ns: int) -> None:
        """The venue will not give one, and asking again at once cannot help."""
        self.not_before_ns = max(self.not_before_ns, now_ns + LONGEST_NS)

    def valid(self, now_ns: int) -> None:
        """The book became valid."""
        self._valid_ns = now_ns

    def invalid(self, now_ns: int) -> None:
        """The book is no longer valid, or no longer known to be."""
        if self._valid_ns is not None and now_ns - self._valid_ns >= STEADY_NS:
            self.attempts = 0
        self._valid_ns = None

    def connected(self, now_ns: int) -> None:
        """A first connection serves the book again: a lost one is no fault of the symbol's."""
        self.attempts = 0
        self._valid_ns = None
        self.not_before_ns = min(self.not_before_ns, now_ns + SHORTEST_NS)


class Want(Struct, frozen=True, order=True):
    """A book that needs a snapshot; the smallest is served first."""

    rank: int
    """0: somebody has orders there; 1: required; 2: the rest."""
    due_ns: int
    symbol: str


def choose(wants: Iterable[Want], in_flight: int, admit_ns: int, now_ns: int) -> Want | None:
    """The one to ask for now; None when nothing is due, enough is in flight, or the budget says
    later."""
    if in_flight >= AT_ONCE or admit_ns > now_ns:
        return None
    return min((want for want in wants if want.due_ns <= now_ns), default=None)
