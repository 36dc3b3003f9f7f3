"""Two lines that carry the same depth stream: what one misses, the other may still bring."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.model.states import State
from connector.venues.contract import Depth, Snapshot
from tests.reference.feed_rig import MS, SYMBOL, Rig


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


def test_a_message_repeated_while_it_waits_does_not_fill_the_list():
    rig = two_lines(ahead_most=3)
    for _ in range(5):
        rig.event(110, 120, line=0)
    assert (rig.state, rig.counts["DUPLICATES"]) == (State.BEHIND, 5), "and one before"
    rig.event(100, 110, line=1)
    assert (rig.state, rig.kernel.last_id) == (State.LIVE, 120)


def test_a_line_that_catches_up_message_by_message_is_no_gap():
    """A new line began ahead of a slow one that misses nothing: patience counts from the last
    progress."""
    rig = two_lines()
    rig.event(200, 210, line=0)
    for last_id in range(110, 210, 10):
        rig.now += 40 * MS
        rig.feed.on_timer(rig.now)
        assert rig.state is State.BEHIND
        rig.event(last_id - 10, last_id, line=1)
    assert (rig.state, rig.kernel.last_id, rig.counts["GAPS"]) == (State.LIVE, 210, 0)


def test_patience_ends_at_an_old_message_too():
    rig = two_lines()
    rig.event(110, 120, line=0)
    rig.now += 60 * MS
    rig.event(90, 100, line=1)
    assert (rig.state, rig.counts["GAPS"]) == (State.RESYNC, 1)
