"""The venue's numbered rules, as tables; every ordering of a message's ids around a book's."""

import re
from itertools import product
from pathlib import Path

import pytest

from connector.market.book_sync import (
    LEAST_PATIENCE_NS,
    RESET_NS,
    Ahead,
    Step,
    Waiting,
    began_anew,
    first,
    follow,
    went_back,
)

APPLY, OLD, AHEAD = Step.APPLY, Step.OLD, Step.AHEAD
L = 100


@pytest.mark.parametrize(
    ("prev_id", "last_id", "step"),
    [
        (80, 99, OLD),  # step 4: u < L
        (80, 100, APPLY),  # u == L is applied, not dropped
        (99, 100, APPLY),
        (99, 101, APPLY),  # the plain straddle
        (100, 105, APPLY),  # L == pu: nothing of this book lies between
        (101, 105, AHEAD),  # pu > L: the snapshot is older than the message
        (100, 100, APPLY),
        (0, 10**15, APPLY),
    ],
)
def test_the_first_message_straddles_the_snapshot(prev_id, last_id, step):
    assert first(L, prev_id, last_id) is step


@pytest.mark.parametrize(
    ("prev_id", "last_id", "step"),
    [
        (80, 99, OLD),
        (80, 100, OLD),  # the same message again
        (99, 101, APPLY),  # another line cut its window elsewhere: final quantities all the same
        (100, 105, APPLY),  # the chain
        (101, 105, AHEAD),
        (104, 105, AHEAD),
    ],
)
def test_later_messages_chain_by_pu(prev_id, last_id, step):
    assert follow(100, prev_id, last_id) is step


ORDERINGS = [
    (prev_id, first_id, last_id)
    for prev_id, first_id, last_id in product((98, 99, 100, 101, 102), repeat=3)
    if prev_id <= first_id <= last_id
]


@pytest.mark.parametrize("ids", ORDERINGS)
def test_every_ordering_around_a_snapshot_obeys_the_document(ids):
    """Steps 4 and 5 in the document's own words, and where we differ: L in the hole before U."""
    prev_id, first_id, last_id = ids
    step = first(L, prev_id, last_id)
    if last_id < L:
        assert step is OLD
    elif first_id <= L <= last_id:
        assert step is APPLY, "the document's first event is always taken"
    elif prev_id <= L:
        assert step is APPLY, "nothing changed between pu and U"
    else:
        assert step is AHEAD


@pytest.mark.parametrize("ids", ORDERINGS)
def test_every_ordering_around_a_book_obeys_the_document(ids):
    prev_id, _, last_id = ids
    step = follow(100, prev_id, last_id)
    assert (step is OLD) == (last_id <= 100)
    assert (step is AHEAD) == (last_id > 100 and prev_id > 100)
    if prev_id == 100 and last_id > 100:
        assert step is APPLY


@pytest.mark.parametrize(
    ("line", "message", "back"),
    [
        ((100, 5), (101, 6), False),
        ((100, 5), (100, 5), False),  # repeated
        ((100, 5), (90, 4), False),  # swapped: smaller, but not later
        ((100, 5), (90, 5), False),
        ((100, 5), (90, 6), True),  # ids began anew
        ((0, 0), (7, 1), False),  # the first message of a line
    ],
)
def test_a_reset_is_a_smaller_id_made_later(line, message, back):
    assert went_back(*line, *message) is back


@pytest.mark.parametrize(
    ("book_ns", "message_ns", "anew"),
    [
        (5, 5, False),
        (5, 5 + RESET_NS, False),
        (5, 6 + RESET_NS, True),
        (5, 4, False),
        (0, 10**18, False),  # a snapshot that did not say when it was made
        (-(2**63), 10**18, False),
    ],
)
def test_old_ids_told_much_later_began_anew(book_ns, message_ns, anew):
    assert began_anew(book_ns, message_ns) is anew


def test_the_compiled_feed_has_the_same_patience():
    text = (Path(__file__).resolve().parents[2] / "_speedups/publish.pxd").read_text()
    assert re.search(r"RESET_NS = (\d+)", text)[1] == str(RESET_NS)


def waiting(*rows):
    return [Waiting(prev_id, last_id) for prev_id, last_id in rows]


def test_what_waits_is_taken_as_soon_as_it_follows():
    ahead = Ahead(0)
    late, next_one, passed = waiting((120, 130), (110, 120), (95, 105))
    for row in (late, next_one, passed):
        ahead.add(row, 0)
    assert ahead.next(105) is None
    assert len(ahead) == 2, "what the book has passed is dropped"
    assert ahead.next(110) is next_one
    assert ahead.next(120) is late
    assert ahead.next(130) is None
    assert ahead.due_ns is None


@pytest.mark.parametrize(
    ("line_ids", "lost"),
    [
        ([120], True),  # one line: the plain rule
        ([120, 100], False),  # the other may still bring it
        ([120, 0], False),  # the other has not spoken yet
        ([120, 101], True),  # both are past it
        ([120, 130, 100], False),
    ],
)
def test_a_gap_is_when_no_line_can_bring_what_is_missing(line_ids, lost):
    ahead = Ahead(0)
    assert not ahead.lost(100, line_ids, 0), "nothing waits, nothing is missing"
    ahead.add(*waiting((110, 120)), 0)
    assert ahead.lost(100, line_ids, 1) is lost


@pytest.mark.parametrize(
    ("period_ns", "patience_ns"),
    [(0, LEAST_PATIENCE_NS), (10_000_000, LEAST_PATIENCE_NS), (100_000_000, 200_000_000)],
)
def test_patience_is_two_periods_or_fifty_milliseconds(period_ns, patience_ns):
    ahead = Ahead(period_ns)
    ahead.add(*waiting((110, 120)), 1_000)
    ahead.add(*waiting((120, 130)), 2_000)
    assert ahead.due_ns == 1_000 + patience_ns
    assert not ahead.lost(100, [130, 0], 1_000 + patience_ns - 1)
    assert ahead.lost(100, [130, 0], 1_000 + patience_ns)
    ahead.restart(5_000)
    assert not ahead.lost(100, [130, 0], 5_000 + patience_ns - 1)


def test_a_full_list_is_a_gap():
    ahead = Ahead(0, most=2)
    ahead.add(*waiting((110, 120)), 0)
    assert not ahead.lost(100, [130, 0], 0)
    ahead.add(*waiting((120, 130)), 0)
    assert ahead.lost(100, [130, 0], 0)
    assert [row.last_id for row in ahead.take()] == [120, 130]
    assert len(ahead) == 0
