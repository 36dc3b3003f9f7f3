"""One instrument's life against the real kernel: connections, snapshots, gaps, silence, time."""

from collections import Counter as Tally
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector._speedups.codec_binance_usdm import BinanceUsdmCodec
from connector._speedups.feed import Feed
from connector._speedups.segment import Segment
from connector.market.book_sync import Step, follow
from connector.market.feed import BUFFER_MOST, LONGEST_BACKOFF_NS, InstrumentFeed
from connector.model.counters import Counter
from connector.model.instrument import ABSENT, Instrument
from connector.model.states import FeedKind, State
from connector.venues.contract import Bbo, Channel, Depth, MarkPrice, Snapshot, Subscription

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
                Subscription(SYMBOL, Channel.DEPTH, "", quiet_ns, period_ns),
                Subscription(SYMBOL, Channel.BBO, "", quiet_ns),
                Subscription(SYMBOL, Channel.MARK_PRICE, "", 0),
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

    def frame(self, prev_id: int, last_id: int, line: int = 0) -> int:
        """A message through the compiled codec: 0 handled, 1 left to the rare path."""
        self.now += MS
        return self.codec.decode(
            b'{"e":"depthUpdate","E":%d,"T":%d,"s":"BTCUSDT","U":%d,"u":%d,"pu":%d,'
            b'"b":[["1.50","7"]],"a":[]}' % (last_id, last_id, prev_id + 1, last_id, prev_id),
            self.now,
            line,
        )


ORDERINGS = [pair for pair in product((98, 99, 100, 101, 102), repeat=2) if pair[0] <= pair[1]]


@pytest.mark.parametrize("ids", ORDERINGS)
def test_the_compiled_check_obeys_the_same_table(ids):
    """``pu <= c < u`` in C and in Python: the same verdict for every ordering around c = 100."""
    rig = Rig().live(100)
    step = follow(100, *ids)
    handled = rig.frame(*ids) == 0
    if step is Step.AHEAD:
        assert not handled
        assert rig.kernel.last_id == 100, "nothing was changed"
    else:
        assert handled
        assert rig.kernel.last_id == (ids[1] if step is Step.APPLY else 100)


def test_a_snapshot_is_wanted_only_after_a_message():
    rig = Rig()
    assert (rig.state, rig.feed.snapshot_due_ns) == (State.DOWN, None)
    rig.up()
    assert (rig.state, rig.feed.snapshot_due_ns) == (State.SYNCING, None)
    rig.event(90, 100)
    assert rig.feed.snapshot_due_ns == rig.now
    rig.feed.on_snapshot_asked(rig.now)
    assert rig.feed.snapshot_due_ns is None
    rig.event(100, 110)
    assert rig.feed.snapshot_due_ns is None, "one is on its way"
    rig.snapshot(95)
    assert (rig.state, rig.kernel.last_id) == (State.LIVE, 110)
    assert not rig.counts["RESYNCS"], "the first base heals nothing"


def test_a_snapshot_newer_than_the_buffer_waits_for_the_next_message():
    rig = Rig()
    rig.up()
    rig.event(90, 100)
    rig.snapshot(130)
    assert (rig.state, rig.feed.snapshot_due_ns) == (State.SYNCING, None)
    rig.event(100, 120)
    assert rig.state is State.SYNCING
    rig.event(120, 130)
    assert (rig.state, rig.kernel.last_id) == (State.LIVE, 130)


def test_an_old_snapshot_is_fetched_again_with_the_buffer_kept():
    rig = Rig()
    rig.up()
    rig.event(90, 100)
    rig.feed.on_snapshot_asked(rig.now)
    rig.snapshot(80)
    assert rig.counts["SNAPSHOTS_OLD"] == 1
    assert rig.state is State.SYNCING
    due_ns = rig.feed.snapshot_due_ns
    assert due_ns is not None
    assert due_ns > rig.now, "not at once"
    rig.event(100, 110)
    rig.snapshot(100)
    assert (rig.state, rig.kernel.last_id) == (State.LIVE, 110)


def test_a_gap_invalidates_in_the_same_call_and_heals_as_a_difference():
    rig = Rig().live(100)
    rig.event(105, 110)
    assert rig.state is State.RESYNC
    assert rig.counts["GAPS"] == 1
    assert rig.feed.snapshot_due_ns is not None
    rig.event(110, 120)
    assert rig.kernel.last_id == 100, "nothing was applied to a book with a hole"
    rig.feed.on_snapshot_asked(rig.now)
    rig.snapshot(107)
    assert (rig.state, rig.kernel.last_id) == (State.LIVE, 120)
    assert rig.counts["RESYNCS"] == 1


def test_a_snapshot_that_came_before_the_gap_was_seen_heals_it_at_once():
    rig = Rig().live(100)
    rig.snapshot(150)
    assert (rig.state, rig.kernel.last_id) == (State.LIVE, 100), "the book goes on by itself"
    rig.event(140, 160)
    assert (rig.state, rig.kernel.last_id) == (State.LIVE, 160)
    assert (rig.counts["GAPS"], rig.counts["RESYNCS"]) == (1, 1)
    rig.snapshot(155)
    rig.event(170, 180)
    assert rig.state is State.RESYNC, "a snapshot the book has passed is of no use"
    assert rig.feed.snapshot_due_ns is not None


def test_a_late_snapshot_of_an_earlier_connection_never_touches_the_book():
    rig = Rig()
    rig.up(epoch=1)
    rig.event(90, 100)
    rig.feed.on_snapshot_asked(rig.now)
    rig.feed.on_line_down(0, rig.now)
    assert rig.state is State.DOWN
    rig.snapshot(95, epoch=1)
    assert (rig.state, rig.counts["SNAPSHOTS_LATE"]) == (State.DOWN, 1)
    rig.up(epoch=2)
    rig.event(190, 200)
    rig.snapshot(95, epoch=1)
    assert (rig.state, rig.counts["SNAPSHOTS_LATE"]) == (State.SYNCING, 2)
    assert rig.feed.snapshot_due_ns is not None
    rig.snapshot(195, epoch=2)
    assert (rig.state, rig.kernel.last_id) == (State.LIVE, 200)


@pytest.mark.parametrize(
    ("prev_id", "last_id", "state", "gaps"),
    [
        (100, 110, State.LIVE, 0),  # nothing happened in between
        (95, 110, State.LIVE, 0),
        (90, 100, State.SYNCING, 0),  # old: proves nothing yet
        (105, 110, State.SYNCING, 1),  # something did
    ],
)
def test_after_a_reconnect_the_first_message_decides(prev_id, last_id, state, gaps):
    rig = Rig().live(100)
    rig.feed.on_line_down(0, rig.now)
    assert rig.state is State.DOWN
    rig.up(epoch=2)
    rig.event(prev_id, last_id)
    assert (rig.state, rig.counts["GAPS"]) == (state, gaps)
    assert (rig.feed.snapshot_due_ns is not None) == bool(gaps)
    if gaps:
        rig.snapshot(107)
        assert (rig.state, rig.kernel.last_id) == (State.LIVE, 110)
        assert rig.counts["RESYNCS"] == 1, "exactly one"


def test_failed_snapshots_back_off_with_jitter_up_to_a_minute():
    waits = {}
    for seed in range(20):
        rig = Rig(seed=seed)
        rig.up()
        rig.event(90, 100)
        for attempt in range(9):
            rig.feed.on_snapshot_asked(rig.now)
            rig.feed.on_snapshot_failed(rig.feed.epoch, rig.now)
            assert rig.feed.snapshot_due_ns is not None
            wait_ns = rig.feed.snapshot_due_ns - rig.now
            most_ns = min(S << attempt, LONGEST_BACKOFF_NS)
            assert most_ns // 2 <= wait_ns <= most_ns
            waits.setdefault(attempt, []).append(wait_ns)
            rig.now = rig.feed.snapshot_due_ns
    for attempt, found in waits.items():
        assert max(found) - min(found) > min(S << attempt, LONGEST_BACKOFF_NS) // 4, "jitter stays"


def test_a_refused_snapshot_is_asked_again_after_a_minute():
    rig = Rig()
    rig.up()
    rig.event(90, 100)
    rig.feed.on_snapshot_asked(rig.now)
    rig.feed.on_snapshot_failed(rig.feed.epoch, rig.now, retryable=False)
    assert rig.feed.snapshot_due_ns == rig.now + LONGEST_BACKOFF_NS


def test_the_buffer_is_bounded_and_its_overflow_starts_anew():
    rig = Rig(buffer_most=5)
    rig.up()
    for last_id in range(100, 200, 10):
        rig.event(last_id - 10, last_id)
    assert rig.counts["BUFFER_OVERFLOWS"] == 1
    rig.snapshot(139)
    assert rig.state is State.SYNCING, "what it needs is gone"
    rig.snapshot(175)
    assert (rig.state, rig.kernel.last_id) == (State.LIVE, 190)
    assert BUFFER_MOST > 1000


def test_a_hole_in_the_buffer_needs_another_snapshot():
    rig = Rig()
    rig.up()
    rig.event(90, 100)
    rig.event(100, 110)
    rig.event(115, 120)
    rig.snapshot(95)
    assert rig.state is State.SYNCING
    assert rig.feed.snapshot_due_ns is not None
    rig.snapshot(117)
    assert (rig.state, rig.kernel.last_id) == (State.LIVE, 120)


def test_ids_that_begin_anew_are_a_reset_not_old_news():
    rig = Rig().live(10**10)
    rig.event(5, 10, venue_ms=10**10 + 5)
    assert (rig.state, rig.counts["VENUE_RESETS"]) == (State.RESYNC, 1)
    rig.event(10, 20, venue_ms=10**10 + 6)
    rig.snapshot(15)
    assert (rig.state, rig.kernel.last_id) == (State.LIVE, 20)
    rig.event(20, 30, venue_ms=10**10 + 7)
    assert rig.kernel.last_id == 30


def test_a_snapshot_of_the_new_ids_may_come_before_the_first_of_them():
    made = 10**8
    rig = Rig().live(made)
    rig.feed.on_snapshot(Snapshot(40, (made + 1) * MS, [99, 1], [1000, 1]), 1, rig.now)
    rig.event(35, 50, venue_ms=made + 2)
    assert (rig.state, rig.kernel.last_id) == (State.LIVE, 50)
    assert (rig.counts["VENUE_RESETS"], rig.counts["RESYNCS"]) == (1, 1)


def test_a_snapshot_of_ids_that_never_come_does_not_bar_the_right_one():
    rig = Rig()
    rig.up()
    rig.event(90, 100)
    rig.snapshot(10**6)
    rig.event(100, 110)
    rig.event(110, 120)
    assert rig.state is State.SYNCING
    rig.snapshot(105)
    assert (rig.state, rig.kernel.last_id) == (State.LIVE, 120)


def test_a_snapshot_the_stream_does_not_come_to_is_given_up_after_a_while():
    rig = Rig()
    rig.up()
    rig.event(1, 2)
    rig.feed.on_snapshot_asked(rig.now)
    rig.snapshot(1_000_000)
    for last_id in (3, 4):
        rig.now += 4 * S
        rig.event(last_id - 1, last_id)
        assert rig.feed.snapshot_due_ns is None, "it may still come"
    rig.now += 4 * S
    rig.event(4, 5)
    assert rig.counts["SNAPSHOTS_UNREACHED"] == 1
    assert rig.feed.snapshot_due_ns == rig.now
    rig.feed.on_snapshot_asked(rig.now)
    rig.snapshot(3)
    assert rig.state is State.LIVE
    assert rig.kernel.last_id == 5


def test_waiting_for_ids_that_never_come_ends_with_the_buffer():
    rig = Rig(buffer_most=8)
    rig.up()
    rig.event(0, 1)
    rig.feed.on_snapshot_asked(rig.now)
    rig.snapshot(10**6)
    for number in range(1, 10):
        rig.event(number, number + 1)
    assert rig.counts["BUFFER_OVERFLOWS"] == 1
    assert rig.feed.snapshot_due_ns is not None


def test_what_another_line_brings_of_the_old_ids_is_not_of_the_new_book():
    rig = Rig().live(10**8)
    rig.up(line=1)
    rig.event(5, 10, venue_ms=10**8 + 5)
    rig.event(10**8, 10**8 + 1, line=1, venue_ms=10**8 + 1)
    rig.snapshot(8)
    assert (rig.state, rig.kernel.last_id) == (State.LIVE, 10)


def test_a_snapshot_of_the_old_ids_does_not_heal_a_reset():
    made = 10**8
    rig = Rig().live(made)
    rig.feed.on_snapshot(Snapshot(40, (made - 1) * MS, [99, 1], [1000, 1]), 1, rig.now)
    rig.event(35, 50, venue_ms=made + 2)
    assert rig.state is State.RESYNC
    assert rig.feed.snapshot_due_ns is not None


def test_messages_without_an_event_time_make_a_book():
    rig = Rig()
    rig.up()
    for prev_id, last_id in ((90, 100), (100, 110)):
        event = Depth(SYMBOL, prev_id + 1, last_id, prev_id, ABSENT, ABSENT, [100, 1], [1000, 1])
        rig.feed.on_event(event, 0, rig.now)
    rig.snapshot(95)
    assert (rig.state, rig.kernel.last_id) == (State.LIVE, 110)


def test_a_duplicate_is_no_gap():
    rig = Rig().live(100)
    rig.event(90, 100)
    rig.event(80, 95)
    assert (rig.state, rig.counts["DUPLICATES"], rig.counts["GAPS"]) == (State.LIVE, 2, 0)


# Silence


def test_silence_is_judged_by_stream_and_data_ends_it():
    rig = Rig().live(100)
    rig.feed.on_event(Bbo(SYMBOL, 101, 101 * MS, 0, 99, 1, 1000, 1), 0, rig.now)
    assert rig.kernel.state(FeedKind.BBO) == State.LIVE
    rig.now += S // 2
    rig.feed.on_event(Bbo(SYMBOL, 102, 102 * MS, 0, 99, 1, 1000, 1), 0, rig.now)
    assert rig.feed.on_timer(rig.now) == []
    rig.now += S // 2 + 10 * MS
    assert rig.feed.on_timer(rig.now) == [BOOK]
    assert rig.state is State.STALE
    assert rig.kernel.state(FeedKind.BBO) == State.LIVE, "only the silent stream"
    assert rig.feed.on_timer(rig.now) == [], "said once"
    rig.event(100, 110)
    assert (rig.state, rig.kernel.last_id) == (State.LIVE, 110)


def test_data_after_silence_that_missed_something_is_a_gap():
    rig = Rig().live(100)
    rig.now += 2 * S
    rig.feed.on_timer(rig.now)
    rig.event(105, 110)
    assert (rig.state, rig.counts["GAPS"]) == (State.RESYNC, 1)


def test_frames_on_the_compiled_path_count_as_data():
    rig = Rig().live(100)
    rig.now += S - 10 * MS
    assert rig.frame(100, 110) == 0
    rig.now += S - 10 * MS
    assert rig.feed.on_timer(rig.now) == [FeedKind.BBO], "that stream never said anything"
    assert rig.kernel.state(FeedKind.BBO) == State.LIVE, "the book's touch keeps it fresh"
    assert rig.state is State.LIVE


def test_a_mark_price_that_may_be_quiet_is_never_stale():
    rig = Rig().live(100)
    rig.feed.on_event(MarkPrice(SYMBOL, 5 * MS, 100, 100, 100, 100, 0, 0), 0, rig.now)
    rig.now += 3600 * S
    rig.feed.on_timer(rig.now)
    assert rig.kernel.state(FeedKind.MARK_PRICE) == State.LIVE
    rig.feed.on_line_down(0, rig.now)
    assert {rig.kernel.state(kind) for kind in FeedKind} == {State.DOWN}


def test_a_crossed_book_is_given_up():
    rig = Rig().live(100)
    rig.now += MS
    event = Depth(SYMBOL, 101, 110, 100, 110 * MS, 110 * MS, [1000, 5], [])
    rig.feed.on_event(event, 0, rig.now)
    rig.feed.on_timer(rig.now)
    assert (rig.state, rig.counts["GAPS"]) == (State.RESYNC, 1)


# Two lines


def two_lines(**options: Any) -> Rig:
    rig = Rig(**options).live(100)
    rig.up(line=1, epoch=2)
    rig.event(90, 100, line=1)
    assert rig.state is State.LIVE
    return rig


def test_two_lines_fill_each_others_holes():
    rig = two_lines()
    rig.event(110, 120, line=0)
    assert (rig.state, rig.kernel.last_id) == (State.BEHIND, 100)
    rig.event(100, 110, line=1)
    assert (rig.state, rig.kernel.last_id) == (State.LIVE, 120)
    assert not rig.counts["GAPS"]


def test_it_is_a_gap_when_both_lines_have_passed_it():
    rig = two_lines()
    rig.event(110, 120, line=0)
    rig.event(110, 120, line=1)
    assert (rig.state, rig.counts["GAPS"]) == (State.RESYNC, 1)


@pytest.mark.parametrize(("period_ns", "patience_ns"), [(0, 50 * MS), (100 * MS, 200 * MS)])
def test_it_is_a_gap_when_patience_ends(period_ns, patience_ns):
    rig = two_lines(period_ns=period_ns)
    rig.event(110, 120, line=0)
    rig.feed.on_timer(rig.now + patience_ns - 1)
    assert rig.state is State.BEHIND
    rig.feed.on_timer(rig.now + patience_ns)
    assert rig.state is State.RESYNC


def test_it_is_a_gap_when_the_other_line_goes_down():
    rig = two_lines()
    rig.event(110, 120, line=0)
    rig.feed.on_line_down(1, rig.now)
    assert rig.state is State.RESYNC


def test_losing_one_of_two_lines_loses_nothing():
    rig = two_lines()
    rig.feed.on_line_down(0, rig.now)
    assert rig.state is State.LIVE
    rig.event(100, 110, line=1)
    assert (rig.state, rig.kernel.last_id) == (State.LIVE, 110)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_whatever_the_lines_do_a_valid_book_is_the_true_one(data):
    """Two FIFO lines that drop, cut windows apart and reconnect; snapshots of any age."""
    rig = Rig(ahead_most=4, buffer_most=12)
    last_ids = [0] + [10 * n for n in range(1, 40)]

    def truth(at: int) -> dict[int, int]:
        book = {99: 1}
        for last_id in last_ids[1:]:
            if last_id <= at:
                book[100 + last_id % 50] = last_id
        return book

    def depth(prev_id: int, last_id: int) -> Depth:
        book = truth(last_id)
        changed = {100 + n % 50 for n in last_ids if prev_id < n <= last_id}
        flat = [part for price in sorted(changed) for part in (price, book[price])]
        return Depth(SYMBOL, prev_id, last_id, prev_id, last_id * MS, last_id * MS, flat, [])

    at, sent, up = 0, [0, 0], [False, False]
    for _ in range(data.draw(st.integers(10, 60))):
        rig.now += MS
        line = data.draw(st.integers(0, 1))
        match data.draw(st.sampled_from("eeeeeeedswrt")):
            case "e" if up[line] and sent[line] < len(last_ids) - 1:
                step = data.draw(st.integers(1, 3))
                start, end = sent[line], min(sent[line] + step, len(last_ids) - 1)
                sent[line] = end
                event = depth(last_ids[start], last_ids[end])
                rig.feed.on_event(event, line, rig.now)
            case "d" if up[line]:
                sent[line] = min(sent[line] + data.draw(st.integers(1, 3)), len(last_ids) - 1)
            case "s" if rig.feed.snapshot_due_ns is not None:
                rig.feed.on_snapshot_asked(rig.now)
                at = last_ids[max(0, max(sent) - data.draw(st.integers(0, 3)))]
                bids = [part for level in truth(at).items() for part in level]
                rig.feed.on_snapshot(
                    Snapshot(at, at * MS, bids, [1000, 1]), rig.feed.epoch, rig.now
                )
            case "w":
                rig.now += data.draw(st.integers(1, 80)) * MS
                rig.feed.on_timer(rig.now)
            case "r":
                if up[line]:
                    rig.feed.on_line_down(line, rig.now)
                else:
                    sent[line] = max(sent)
                    rig.feed.on_line_up(line, rig.now, rig.now)
                up[line] = not up[line]
        if rig.state in (State.LIVE, State.BEHIND, State.STALE):
            assert dict(rig.kernel.bids()) == truth(rig.kernel.last_id)
        assert (rig.state is State.DOWN) == (not any(up))


def test_a_flapping_connection_does_not_cost_the_symbol_its_turn():
    rig = Rig()
    for epoch in range(1, 9):
        rig.up(epoch=epoch)
        rig.event(90 + 10 * epoch, 100 + 10 * epoch)
        assert rig.feed.snapshot_due_ns is not None
        assert rig.feed.snapshot_due_ns <= rig.now + S
        rig.feed.on_snapshot_asked(max(rig.now, rig.feed.snapshot_due_ns))
        rig.feed.on_line_down(0, rig.now)
