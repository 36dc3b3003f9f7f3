"""One instrument on the real kernel, with a clock of its own, for tests of its life."""

from collections import Counter as Tally
from typing import Any

from connector._speedups.codec_binance_usdm import BinanceUsdmCodec
from connector._speedups.feed import Feed
from connector._speedups.segment import Segment
from connector.market.feed import InstrumentFeed
from connector.model.counters import Counter
from connector.model.instrument import Instrument
from connector.model.states import FeedKind, State
from connector.venues.contract import Channel, Depth, Snapshot, Subscription

MS = 1_000_000
S = 1_000_000_000
BOOK = FeedKind.BOOK
SYMBOL = "BTCUSDT"
RING = 1 << 20
INSTRUMENT = Instrument(
    symbol=SYMBOL,
    exchange="BinanceU",
    price_exponent=2,
    qty_exponent=0,
    price_digits=2,
    qty_digits=0,
    tick_e=1,
    step_e=1,
)


class Rig:
    """An instrument on a real kernel, with a clock of its own."""

    def __init__(self, *, period_ns: int = 0, quiet_ns: int = S, **options: Any) -> None:
        self.segment = Segment.create(RING)
        self.kernel = Feed(self.segment, self.segment.add_instrument(INSTRUMENT), INSTRUMENT)
        self.codec = BinanceUsdmCodec(self.segment)
        self.codec.add(SYMBOL, self.kernel)
        self.counts: Tally[str] = Tally()
        self.now = 1_000 * S
        self.feed = InstrumentFeed(
            self.kernel,
            [
                Subscription(SYMBOL, Channel.DEPTH, "depth", quiet_ns, period_ns),
                Subscription(SYMBOL, Channel.BBO, "bbo", quiet_ns),
                Subscription(SYMBOL, Channel.MARK_PRICE, "mark", 0),
            ],
            count=self._count,
            **options,
        )

    def _count(self, counter: Counter) -> None:
        self.counts[counter.name] += 1

    @property
    def state(self) -> State:
        return State(self.kernel.state(BOOK))

    def up(self, line: int = 0, epoch: int = 1) -> None:
        self.feed.on_line_up(line, epoch, self.now)

    def event(self, prev_id: int, last_id: int, line: int = 0, venue_ms: int | None = None) -> None:
        """A message that sets the quantity at price ``last_id`` % 50 to ``last_id``."""
        self.now += MS
        made_ms = last_id if venue_ms is None else venue_ms
        depth = Depth(
            SYMBOL, prev_id + 1, last_id, prev_id, made_ms * MS, made_ms * MS,
            [100 + last_id % 50, last_id], [1000, 1],
        )  # fmt: skip
        self.feed.on_event(depth, line, self.now)

    def snapshot(self, last_id: int, epoch: int | None = None) -> None:
        self.now += MS
        answer = Snapshot(last_id, last_id * MS, [99, 1], [1000, 1])
        self.feed.on_snapshot(answer, self.feed.epoch if epoch is None else epoch, self.now)

    def live(self, at: int = 100) -> "Rig":
        """Up, synchronised, LIVE at ``at``."""
        self.up()
        self.event(at - 10, at)
        self.feed.on_snapshot_asked(self.now)
        self.snapshot(at - 5)
        assert self.state is State.LIVE
        assert self.kernel.last_id == at
        return self

    def frame(self, prev_id: int, last_id: int, line: int = 0, venue_ms: int | None = None) -> int:
        """A message through the compiled codec: 0 handled, 1 left to the rare path."""
        self.now += MS
        made_ms = last_id if venue_ms is None else venue_ms
        return self.codec.decode(
            b'{"e":"depthUpdate","E":%d,"T":%d,"s":"BTCUSDT","U":%d,"u":%d,"pu":%d,'
            b'"b":[["1.50","7"]],"a":[]}' % (made_ms, made_ms, prev_id + 1, last_id, prev_id),
            self.now,
            line,
        )
