"""Work that would keep the loop too long, done in pieces: frames that wait come in between."""

import asyncio
from collections.abc import Callable, Generator
from typing import TypeVar

from connector._speedups.feed import Feed
from connector.clock import monotonic_ns
from connector.ipc.segments import BookHead
from connector.lines import LINES
from connector.model.states import VALID, FeedKind, State

SLICE_NS = 50_000
"""How long one turn of such work goes on: no callback may take longer than 200 us."""
Result = TypeVar("Result")


async def in_turns(more: Callable[[], bool]) -> None:
    """Call ``more`` once a turn of the loop, until it says that nothing is left."""
    left = True
    while left:
        left = more()
        await asyncio.sleep(0)


async def result_of(steps: Generator[None, None, Result]) -> Result:
    """Go through work that pauses, for as long as one callback may take a turn; its result."""
    while True:
        end_ns = monotonic_ns() + SLICE_NS
        try:
            while monotonic_ns() < end_ns:
                next(steps)
        except StopIteration as end:
            found: Result = end.value
            return found
        await asyncio.sleep(0)


class KernelBook:
    """A kernel's book for those who ask for all of it (``ipc.segments.BookSource``)."""

    def __init__(self, kernel: Feed) -> None:
        self._kernel = kernel
        self.levels = kernel.levels

    def head(self) -> BookHead | None:
        kernel = self._kernel
        state = State(kernel.state(FeedKind.BOOK))
        if state not in VALID:
            return None
        venue_ns = max(kernel.line_venue_ns(line) for line in range(LINES))
        return BookHead(state, kernel.last_id, venue_ns, *kernel.counts, kernel.changes)
