"""Which snapshot is asked for next.

Pure: what is due and what the budget says in, names out."""

from collections.abc import Iterable

from msgspec import Struct

STARTING_SHARE = 0.75
"""Of the weight pool, until READY: nobody has orders yet, and books are what everybody waits
for."""
RUNNING_SHARE = 0.25
"""Afterwards: the pool also feeds the order path, which must never find it empty."""
AT_ONCE = 4
"""Snapshots in flight: more do not arrive sooner, and their answers would all stop the loop in one
turn."""


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
