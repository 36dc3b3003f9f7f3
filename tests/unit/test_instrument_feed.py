"""One instrument's life against the real kernel: connections, snapshots, gaps, silence, time."""

from itertools import product

import pytest

from connector.market.book_sync import Step, follow
from connector.market.feed import BUFFER_MOST
from connector.market.snapshots import LONGEST_NS
from connector.model.instrument import ABSENT
from connector.model.states import FeedKind, State
from connector.venues.contract import Bbo, Channel, Depth, MarkPrice, Snapshot, Subscription
from tests.reference.feed_rig import BOOK, MS, SYMBOL, Rig, S

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
            most_ns = min(S << attempt, LONGEST_NS)
            assert most_ns // 2 <= wait_ns <= most_ns
            waits.setdefault(attempt, []).append(wait_ns)
            rig.now = rig.feed.snapshot_due_ns
    for attempt, found in waits.items():
        assert max(found) - min(found) > min(S << attempt, LONGEST_NS) // 4, "jitter stays"


def test_a_refused_snapshot_is_asked_again_after_a_minute():
    rig = Rig()
    rig.up()
    rig.event(90, 100)
    rig.feed.on_snapshot_asked(rig.now)
    rig.feed.on_snapshot_failed(rig.feed.epoch, rig.now, retryable=False)
    assert rig.feed.snapshot_due_ns == rig.now + LONGEST_NS


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


def test_ids_that_began_anew_while_no_connection_was_there_are_a_reset_too():
    rig = Rig().live(10**10)
    rig.feed.on_line_down(0, rig.now)
    rig.up(epoch=2)
    rig.event(5, 10, venue_ms=10**11)
    assert (rig.state, rig.counts["VENUE_RESETS"]) == (State.SYNCING, 1)
    rig.event(10, 20, venue_ms=10**11 + 1)
    rig.snapshot(15, epoch=2)
    assert (rig.state, rig.kernel.last_id) == (State.LIVE, 20)


@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "rare"])
@pytest.mark.parametrize("later_ms", [900, 1100])
def test_a_live_book_sees_on_a_fresh_line_that_ids_began_anew(compiled, later_ms):
    """A symbol may be silent while its connection is handed over and the venue starts anew: the
    new line has no id of its own to tell by."""
    rig = Rig().live(10**10)
    told_ms = rig.kernel.venue_ns // 10**6
    rig.up(line=1)
    rig.feed.on_line_down(0, rig.now)
    assert rig.state is State.LIVE
    anew = later_ms > 1000
    left = not compiled or rig.frame(5, 10, line=1, venue_ms=told_ms + later_ms)
    assert bool(left) is (anew or not compiled)
    if left:
        rig.event(5, 10, line=1, venue_ms=told_ms + later_ms)
    assert (rig.state is State.RESYNC) is anew
    assert rig.counts["VENUE_RESETS"] == anew
    assert rig.kernel.last_id == 10**10


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


# How often snapshots are asked for


def failing(rig: Rig, valid_ns: int, *, stale: bool = False) -> int:
    """Lose a message after the book was valid for so long; the wait of the next snapshot."""
    last_id = rig.kernel.last_id
    rig.now += valid_ns
    if stale:
        rig.feed.on_timer(rig.now)
        assert rig.state is State.STALE
        rig.now += 120 * S
    rig.event(last_id + 5, last_id + 10)
    assert rig.state is State.RESYNC
    asked_ns = rig.now = max(rig.now, rig.feed.snapshot_due_ns or 0)
    rig.feed.on_snapshot_asked(asked_ns)
    rig.feed.on_snapshot_failed(rig.feed.epoch, asked_ns)
    assert rig.feed.snapshot_due_ns is not None
    wait_ns = rig.feed.snapshot_due_ns - asked_ns
    rig.now = rig.feed.snapshot_due_ns
    rig.feed.on_snapshot_asked(rig.now)
    rig.snapshot(last_id + 7)
    assert rig.state is State.LIVE
    return wait_ns


def test_only_a_steady_minute_shortens_the_snapshot_backoff():
    rig = Rig(quiet_ns=90 * S).live(100)
    waits = [failing(rig, 30 * S) for _ in range(4)]
    for wait_ns, most_s in zip(waits, (2, 8, 32, 60), strict=True):
        assert most_s * S // 2 <= wait_ns <= most_s * S
    assert failing(rig, 60 * S + S) <= S, "valid for a minute"
    assert failing(rig, 30 * S) > S


def test_time_spent_stale_is_not_time_spent_valid():
    rig = Rig(quiet_ns=15 * S).live(100)
    assert failing(rig, 16 * S, stale=True) > S
    assert failing(rig, 16 * S, stale=True) > 3 * S


def test_another_line_is_no_new_connection_of_the_book():
    rig = Rig(quiet_ns=90 * S).live(100)
    assert failing(rig, 10 * S) > S // 2
    rig.up(line=1, epoch=2)
    rig.feed.on_line_down(0, rig.now)
    last_id = rig.kernel.last_id
    rig.event(last_id, last_id + 10, line=1)
    rig.event(last_id + 15, last_id + 20, line=1)
    assert rig.state is State.RESYNC
    rig.now = rig.feed.snapshot_due_ns or 0
    rig.feed.on_snapshot_asked(rig.now)
    rig.feed.on_snapshot_failed(rig.feed.epoch, rig.now)
    assert (rig.feed.snapshot_due_ns or 0) - rig.now >= 4 * S, "the book lived on"


def test_a_flapping_connection_does_not_cost_the_symbol_its_turn():
    rig = Rig()
    for epoch in range(1, 9):
        rig.up(epoch=epoch)
        rig.event(90 + 10 * epoch, 100 + 10 * epoch)
        assert rig.feed.snapshot_due_ns is not None
        assert rig.feed.snapshot_due_ns <= rig.now + S
        rig.feed.on_snapshot_asked(max(rig.now, rig.feed.snapshot_due_ns))
        rig.feed.on_line_down(0, rig.now)


# --- what is wanted


def test_a_book_that_is_wanted_again_begins_with_a_new_base():
    rig = Rig().live(100)
    rows = [
        Subscription(SYMBOL, channel, name, S)
        for channel, name in ((Channel.DEPTH, "depth"), (Channel.BBO, "bbo"))
    ]
    rig.feed.change(rows[1:], rig.now)
    rig.feed.on_line_serves(0, 1, rig.now, frozenset({Channel.BBO}))
    assert rig.state is State.DOWN
    assert rig.frame(100, 110) == 0, "it was on its way, and no decoder of ours need look at it"
    rig.event(110, 120)
    assert (rig.state, rig.kernel.last_id) == (State.DOWN, 100)
    rig.feed.change(rows, rig.now)
    rig.event(120, 130)
    assert rig.state is State.DOWN, "no line serves it yet"
    rig.feed.on_line_serves(0, 1, rig.now, frozenset({Channel.BBO, Channel.DEPTH}))
    assert rig.state is State.SYNCING
    rig.event(130, 140)
    rig.event(140, 150)
    rig.feed.on_timer(rig.now + S)
    rig.event(150, 160)
    assert rig.feed.snapshot_due_ns is not None
    rig.feed.on_snapshot_asked(rig.now)
    rig.snapshot(155)
    assert (rig.state, rig.kernel.last_id) == (State.LIVE, 160)


def test_the_best_prices_follow_the_book_when_their_own_stream_is_not_wanted():
    rig = Rig().live(100)
    rig.feed.on_event(Bbo(SYMBOL, 101, 101 * MS, 101 * MS, 99, 1, 1000, 1), 0, rig.now)
    rig.feed.change([Subscription(SYMBOL, Channel.DEPTH, "depth", S)], rig.now)
    assert rig.kernel.state(FeedKind.BBO) == State.DOWN
    late = Bbo(SYMBOL, 102, 102 * MS, 102 * MS, 98, 1, 1000, 1)
    rig.feed.on_event(late, 0, rig.now)
    assert rig.kernel.state(FeedKind.BBO) == State.DOWN
    rig.event(100, 110)
    assert (rig.state, rig.kernel.state(FeedKind.BBO)) == (State.LIVE, State.LIVE)
    rig.event(120, 130)
    assert rig.state is State.RESYNC
    assert rig.kernel.state(FeedKind.BBO) != State.LIVE, "nothing else keeps them"
