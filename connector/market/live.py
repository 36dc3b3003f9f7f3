"""An instrument that is served."""

from connector._speedups.feed import Feed
from connector._speedups.states import ListedState
from connector.clock import monotonic_ns
from connector.market.selection import Chosen
from connector.market.streams import Streams
from connector.model.instrument import Instrument
from connector.model.states import Reason

MARK_NS = 10_000_000_000
"""A mark price older than this says nothing of what the venue measures orders by."""


class Live(ListedState):
    """Its description, its place in the segment, its feed."""

    chosen: Chosen

    def __init__(self, chosen: Chosen, index: int, venue: int, kernel: Feed, feed: Streams) -> None:
        self.chosen, self.index, self.kernel, self.feed = chosen, index, kernel, feed
        self.venue = venue
        self.served = True
        """It is what its place in the directory means; never again once it is not."""
        self.asked_ns = 0

    def close(self, now_ns: int) -> None:
        """It is served no longer."""
        self.feed.close(Reason.UNAVAILABLE, now_ns)
        self.served = False

    @property
    def instrument(self) -> Instrument:
        return self.chosen.instrument

    @property
    def touch(self) -> tuple[int, int] | None:
        """Best bid and ask while they are live, 0 for a side that is empty."""
        return self.kernel.touch

    @property
    def mark_e(self) -> int | None:
        """The mark price in 10^-8 while it is fresh."""
        mark = self.kernel.mark
        if mark is None or monotonic_ns() - mark[1] > MARK_NS:
            return None
        return mark[0]
