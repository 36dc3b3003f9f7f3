"""Streams of which nothing is kept: what two lines bring is told once, in order, and each channel's
silence is its own."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from connector._speedups.feed import Feed
from connector._speedups.ring import RingReader
from connector._speedups.segment import Segment
from connector.market.beside import Misfit
from connector.market.bodies import BODIES
from connector.market.feeds import make_feed
from connector.market.streams import Streams
from connector.model.counters import Counter
from connector.model.records import RecordType, dtype
from connector.model.states import FeedKind, State
from connector.venues.binance_usdm import VENUE
from connector.venues.contract import Channel, Kline, StreamEvent, Ticker
from tests.ipc.test_stream_events import ASSET, COMPOSITE, CONTRACT, HOURS, KLINE, LIQUIDATION, TOP
from tests.reference.decoding import instrument

S = 1_000_000_000
FIRST, SECOND = 0, 1
CHANNELS = (
    Channel.KLINE_1m, Channel.KLINE_1h, Channel.LIQUIDATION, Channel.ASSET_INDEX,
    Channel.COMPOSITE_INDEX, Channel.CONTRACT, Channel.DEPTH_5, Channel.MARKET_HOURS,
)  # fmt: skip
MINUTE = replace(KLINE, source=KLINE.source.TRADES, closed=False)


@dataclass
class Rig:
    feed: Streams
    kernel: Feed
    ring: RingReader
    counts: list[Counter]
    rows: list[Any]
    now_ns: int = S
    told: list[int] = field(default_factory=list)

    def say(self, event: StreamEvent, line: int = FIRST) -> list[RecordType]:
        """Bring a message; the types of the records it led to, states left out."""
        self.now_ns += 1000
        self.feed.on_event(event, line, self.now_ns)
        header, found = dtype("RecordHeader"), []
        while (record := self.ring.read()) is not None:
            (row,) = np.frombuffer(record[: header.itemsize], header)
            if row["type"] != RecordType.FEED_STATE:
                found.append(RecordType(int(row["type"])))
        return found

    def state(self, kind: FeedKind) -> State:
        return State(self.kernel.state(kind))


@pytest.fixture
def rig() -> Rig:
    one = replace(instrument("BTCUSDT"), base="BTC")
    segment = Segment.create(1 << 20)
    kernel = Feed(segment, segment.add_instrument(one), one)
    rows = [VENUE.subscription(one, channel, {}) for channel in CHANNELS]
    counts: list[Counter] = []
    feed = make_feed(VENUE, kernel, rows, counts.append)
    found = Rig(feed, kernel, RingReader(segment.memory), counts, rows)
    for line in (FIRST, SECOND):
        found.feed.on_line_up(line, line, found.now_ns, frozenset(CHANNELS))
    return found


def later(event: Any, by_ns: int = S) -> Any:
    return replace(event, venue_ns=event.venue_ns + by_ns, update_id=event.update_id + 1)


@pytest.mark.parametrize(
    "event",
    [MINUTE, LIQUIDATION, ASSET, COMPOSITE, CONTRACT, TOP, HOURS],
    ids=lambda e: repr(e)[:9],
)
def test_two_lines_tell_a_message_once(rig: Rig, event: StreamEvent) -> None:
    record = [BODIES[type(event)].type]
    kind = BODIES[type(event)].kind
    assert rig.state(kind) is State.SYNCING
    assert rig.say(event) == record
    assert rig.state(kind) is State.LIVE
    assert rig.say(event, SECOND) == []
    assert rig.say(later(event), SECOND) == record
    assert rig.say(event, FIRST) == [], "it is old by now"
    assert rig.say(later(event), FIRST) == []
    assert rig.counts == [Counter.STREAMS_OLD] * 3
    assert rig.kernel.last_recv_ns(kind) == rig.now_ns, "old news is a sign of life, too"


def test_what_differs_at_one_moment_is_all_told(rig: Rig) -> None:
    other = replace(LIQUIDATION, price_e=LIQUIDATION.price_e + 1)
    assert len(rig.say(LIQUIDATION)) == len(rig.say(other)) == 1
    assert rig.say(LIQUIDATION, SECOND) == rig.say(other, SECOND) == []


def test_a_new_candle_comes_after_the_last_ones_end_whatever_the_stamps(rig: Rig) -> None:
    last = replace(MINUTE, closed=True)
    new = replace(MINUTE, open_ns=MINUTE.end_ns, end_ns=MINUTE.end_ns + 60)
    assert len(rig.say(MINUTE)) == len(rig.say(last)) == len(rig.say(new)) == 1
    assert rig.say(last, SECOND) == [], "over is over"
    assert len(rig.say(later(new), SECOND)) == 1


def test_candles_of_another_length_are_a_stream_of_their_own(rig: Rig) -> None:
    hour: Kline = replace(MINUTE, interval_s=3600, open_ns=0, end_ns=3600)
    assert len(rig.say(MINUTE)) == len(rig.say(hour)) == 1
    assert rig.feed.heard_ns(Channel.KLINE_1h) == rig.now_ns
    assert rig.feed.heard_ns(Channel.KLINE_1m) == rig.now_ns - 1000
    assert rig.feed.heard_ns(Channel.KLINE_1m, SECOND) == 0
    assert rig.feed.heard_ns(Channel.CONTRACT) == 0
    rig.feed.on_line_down(FIRST, rig.now_ns)
    rig.feed.on_line_up(FIRST, 7, rig.now_ns, frozenset(CHANNELS))
    assert rig.feed.heard_ns(Channel.KLINE_1h) == 0, "the line is another connection's"


def test_candles_from_before_are_all_told_and_change_no_place(rig: Rig) -> None:
    before = replace(MINUTE, open_ns=0, end_ns=60, backfill=True)
    assert len(rig.say(MINUTE)) == 1
    assert len(rig.say(before)) == len(rig.say(before)) == 1
    assert rig.counts == []


def test_silence_and_the_end_are_told_by_kind(rig: Rig) -> None:
    rig.say(MINUTE)
    rig.say(ASSET)
    assert rig.feed.on_timer(rig.now_ns + 9 * S) == []
    silent = rig.feed.on_timer(rig.now_ns + 60 * S)
    assert FeedKind.INDEX in silent
    assert FeedKind.KLINE not in silent, "there may have been no trade"
    assert rig.state(FeedKind.INDEX) is State.STALE
    rig.say(later(ASSET))
    assert rig.state(FeedKind.INDEX) is State.LIVE
    for line in (FIRST, SECOND):
        rig.feed.on_line_down(line, rig.now_ns)
    assert {rig.state(kind) for kind in FeedKind} == {State.DOWN}
    assert rig.say(later(MINUTE)) == [], "nobody serves it"


def test_each_market_has_hours_of_its_own(rig: Rig) -> None:
    earlier = replace(HOURS, market="Commodity", venue_ns=HOURS.venue_ns - 1)
    assert len(rig.say(HOURS)) == len(rig.say(earlier)) == 1
    assert rig.say(earlier, SECOND) == rig.say(HOURS, SECOND) == []


def test_ids_that_begin_anew_are_no_old_ones(rig: Rig) -> None:
    assert len(rig.say(TOP)) == 1
    soon = replace(TOP, update_id=TOP.update_id - 1, venue_ns=TOP.venue_ns + S)
    assert rig.say(soon) == [], "lines differ by less"
    anew = replace(soon, venue_ns=soon.venue_ns + 1)
    assert len(rig.say(anew)) == 1
    assert rig.say(anew, SECOND) == []
    assert len(rig.say(later(anew))) == 1


@pytest.mark.parametrize("event", [MINUTE, ASSET, TOP], ids=lambda e: repr(e)[:9])
def test_what_comes_after_nobody_served_it_is_judged_by_itself(
    rig: Rig, event: StreamEvent
) -> None:
    assert len(rig.say(later(event))) == 1
    rig.feed.on_line_down(FIRST, rig.now_ns)
    assert rig.say(event, SECOND) == [], "one line is still there"
    rig.feed.on_line_down(SECOND, rig.now_ns)
    rig.feed.on_line_up(FIRST, 7, rig.now_ns, frozenset(CHANNELS))
    assert len(rig.say(event)) == 1


def test_what_another_instrument_asked_for_is_not_told(rig: Rig) -> None:
    """Streams of all symbols bring it, too."""
    ticker = Ticker(
        symbol="BTCUSDT", venue_ns=S, open_e=1, high_e=1, low_e=1, last_e=1, qty_exponent=0, qty_e=1
    )
    assert rig.say(ticker) == rig.say(replace(MINUTE, interval_s=300)) == []
    assert rig.state(FeedKind.TICKER) is State.DOWN
    assert rig.counts == []


def test_a_text_that_does_not_fit_is_named_and_costs_its_message_alone(rig: Rig) -> None:
    with pytest.raises(Misfit, match=r"MarketHoursBody\.market: 40 bytes, 32 fit"):
        rig.say(replace(HOURS, market="x" * 40))
    assert len(rig.say(HOURS)) == 1
    assert rig.state(FeedKind.MARKET_HOURS) is State.LIVE


def test_what_is_wanted_no_longer_ends_and_the_rest_goes_on(rig: Rig) -> None:
    for event in (MINUTE, ASSET, HOURS):
        rig.say(event)
    wanted = [row for row in rig.rows if row.channel not in (Channel.KLINE_1m, Channel.KLINE_1h)]
    rig.feed.change(wanted, rig.now_ns)
    assert rig.state(FeedKind.KLINE) is State.DOWN
    assert rig.state(FeedKind.INDEX) is rig.state(FeedKind.MARKET_HOURS) is State.LIVE
    assert rig.say(later(MINUTE)) == [], "it was on its way"
    assert len(rig.say(later(ASSET))) == 1
    rig.feed.change(rig.rows, rig.now_ns)
    assert rig.state(FeedKind.KLINE) is State.SYNCING, "the lines still bring it"
    assert len(rig.say(later(MINUTE))) == 1
    assert rig.state(FeedKind.KLINE) is State.LIVE
