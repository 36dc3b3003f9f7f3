"""The instruments that are served, and the names by which messages know them."""

from collections import Counter
from collections.abc import Sequence

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

    def close(self, now_ns: int, reason: Reason = Reason.UNAVAILABLE) -> None:
        """It is served no longer."""
        self.feed.close(reason, now_ns)
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


class Names:
    """Instruments by their symbols, and by what their subscriptions are about."""

    def __init__(self) -> None:
        self._rows: dict[str, list[Live]] = {}
        self._streams: Counter[str] = Counter()
        """How many have each stream: one of all symbols is several's."""

    def add(self, live: Live) -> None:
        """It is served from now on."""
        for name in _names(live):
            self._rows.setdefault(name, []).append(live)
        self._streams.update(_streams(live))

    def remove(self, live: Live) -> set[str]:
        """It is served no longer; the streams that nobody has any more."""
        for name in _names(live):
            self._rows[name].remove(live)
            if not self._rows[name]:
                del self._rows[name]
        self._streams.subtract(_streams(live))
        gone = {stream for stream in _streams(live) if not self._streams[stream]}
        for stream in gone:
            del self._streams[stream]
        return gone

    def of(self, name: str) -> Sequence[Live]:
        """Whom an event of that name concerns."""
        return self._rows.get(name, ())

    def scales(self, symbol: str) -> Instrument | None:
        """The instrument whose exponents the numbers of such a message have."""
        rows = self._rows.get(symbol)
        return rows[0].instrument if rows else None


def _names(live: Live) -> set[str]:
    told = {row.about for row in live.chosen.subscriptions if row.about}
    return {live.instrument.symbol, *told}


def _streams(live: Live) -> set[str]:
    return {row.stream for row in live.chosen.subscriptions}
