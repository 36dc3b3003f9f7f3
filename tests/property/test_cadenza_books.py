"""Whatever is lost on the way, a Cadenza book that is LIVE is the venue's, or it becomes so: where
the channel counts, a live book is never wrong; where it does not, a comparison finds it."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connector.model.counters import Counter
from connector.model.states import State
from tests.reference.cadenza_rig import Rig

SIDE = st.sampled_from(["bids", "asks"])
CHANGE = st.tuples(st.just("change"), SIDE, st.integers(0, 5), st.integers(0, 3), st.integers(0, 2))
LOST = st.tuples(st.just("lost"), SIDE, st.integers(0, 5), st.integers(0, 3), st.integers(0, 2))
WHOLE = st.just(("whole",))
OTHER = st.sampled_from(
    [("deliver",), ("cut",), ("forget",), ("anew",), ("ask",), ("answer",), ("tick",),
     ("end", 2500), ("end", 2502)]
)  # fmt: skip
STEPS = st.lists(st.one_of(CHANGE, CHANGE, LOST, WHOLE, OTHER, OTHER), max_size=60)


def play(rig: Rig, steps: list[tuple], losses: bool = True) -> None:
    book = rig.book
    rig.open()
    for kind, *rest in steps:
        match kind:
            case "change":
                rig.publish(book.change(*rest))
            case "lost":
                rig.publish(book.change(*rest), lost=losses)
            case "whole":
                rig.publish({"updateType": "SNAPSHOT"} | book.whole())
            case "deliver":
                rig.deliver()
            case "cut":
                rig.cut()
                rig.tick(1)
                rig.open()
            case "forget":
                rig.broker.forget()
            case "anew":
                # A server that begins anew has no connections of before.
                rig.cut()
                rig.broker.begin_anew()
                rig.open()
            case "end":
                rig.end(*rest)
            case "ask":
                rig.ask()
            case "answer":
                rig.answer()
            case _:
                rig.tick(1)


def settle(rig: Rig) -> None:
    """Everything that is under way comes, and one message more."""
    for _ in range(200):
        rig.publish(rig.book.change("bids", 3, 2, 1))
        rig.deliver()
        rig.tick(1)
        rig.ask()
        rig.answer()
        if rig.state() is State.LIVE and not rig.late:
            return
    raise AssertionError(f"not live: {rig.state()}, {rig.notes}")


@settings(max_examples=60, deadline=None)
@given(STEPS, st.sampled_from([3, 100]))
@example([("lost", "bids", 0, 2, 1), ("deliver",)], 100)
@example([("deliver",), ("ask",), ("answer",), ("lost", "bids", 0, 2, 1), ("cut",)], 100)
@example([("ask",), ("answer",), ("anew",), ("change", "bids", 0, 2, 1), ("deliver",)], 100)
def test_where_numbers_are_given_a_live_book_is_right(steps: list[tuple], kept: int) -> None:
    rig = Rig(kept=kept)
    play(rig, steps)
    settle(rig)
    assert rig.right()


@settings(max_examples=30, deadline=None)
@given(STEPS)
def test_without_numbers_and_losses_a_live_book_is_right(steps: list[tuple]) -> None:
    rig = Rig()
    play(rig, [step for step in steps if step[0] != "end"], losses=False)
    settle(rig)
    assert rig.right()


@settings(max_examples=25, deadline=None)
@given(STEPS)
def test_without_numbers_a_comparison_finds_what_was_lost(steps: list[tuple]) -> None:
    rig = Rig()
    play(rig, [step for step in steps if step[0] != "end"])
    settle(rig)
    for second in range(50):  # half a minute, and what follows it
        if second % 5 == 0:  # silence would be another fault
            rig.publish(rig.book.change("asks", 4, 1, 1))
            rig.deliver()
        rig.tick(1)
        rig.ask()
        rig.answer()
    assert rig.state() is State.LIVE
    assert rig.right()
    assert rig.counts.get(Counter.BOOKS_DIFFERED, 0) <= 1


@pytest.mark.parametrize("away", [0, 4, 12, 19])
def test_without_numbers_a_level_that_was_lost_among_those_that_are_shown_is_found(
    away: int,
) -> None:
    """The market goes on: that its best levels are right proves nothing of those behind."""
    rig = Rig()
    rig.open()
    for side in ("bids", "asks"):
        for level in range(25):
            rig.publish(rig.book.change(side, level, 2, 1))
    rig.ask()
    rig.answer()
    settle(rig)
    rig.publish(rig.book.change("bids", away, 7, 1), lost=True)
    assert not rig.right()
    for second in range(50):
        if second % 5 == 0:
            rig.publish(rig.book.change("asks", 4, 1 + second, 1))
            rig.deliver()
        rig.tick(1)
        rig.ask()
        rig.answer()
    assert rig.counts[Counter.BOOKS_DIFFERED] == 1
    assert rig.state() is State.LIVE
    assert rig.right()


def test_a_stream_less_deep_than_the_answer_is_no_difference() -> None:
    """Whole books of ten levels a side; the venue's own has more."""
    rig = Rig()
    rig.open()
    for side in ("bids", "asks"):
        for level in range(25):
            rig.book.change(side, level, 2, 1)
    for _ in range(100):
        told = rig.book.whole()
        shown = {name: told[name][:10] for name in ("bids", "asks")}
        rig.publish({"updateType": "SNAPSHOT"} | told | shown)
        rig.deliver()
        rig.tick(1)
        rig.ask()
        rig.answer()
    assert rig.state() is State.LIVE
    assert rig.counts[Counter.SNAPSHOTS] > 1
    assert not rig.counts.get(Counter.BOOKS_DIFFERED)


def due_for_a_look(rig: Rig) -> None:
    """Half a minute passes; the book is right, and due to be compared."""
    for _ in range(31):
        rig.publish(rig.book.change("asks", 4, 1, 1000))
        rig.deliver()
        rig.tick(1)
    assert rig.state() is State.LIVE


def uncounted() -> Rig:
    """A book without numbers."""
    rig = Rig()
    rig.open()
    rig.ask()
    rig.answer()
    settle(rig)
    due_for_a_look(rig)
    return rig


def test_two_books_of_one_millisecond_are_no_difference() -> None:
    """The answer shows the second of them, the stream has told of the first alone."""
    rig = uncounted()
    for qty in range(2, 8):
        rig.publish(rig.book.change("bids", 0, qty, 1))
        rig.deliver()
        rig.publish(rig.book.change("asks", 0, qty, 0))
        rig.ask()
        rig.answer()
        rig.tick(0.05)
        rig.deliver()
        rig.tick(0.05)
        due_for_a_look(rig)
    assert not rig.counts.get(Counter.BOOKS_DIFFERED)
    assert not rig.counts.get(Counter.GAPS)
    assert rig.counts[Counter.SNAPSHOTS] > 6
    assert rig.right()


@pytest.mark.parametrize("pause_s", [0.5, 3.0, 20.0])
def test_an_answer_read_before_the_stream_after_a_pause_is_no_difference(pause_s: float) -> None:
    """The process was held up: what the stream brought is still unread, and time has passed."""
    rig = uncounted()
    rig.publish(rig.book.change("bids", 0, 7, 5))
    rig.ask()
    assert rig.answers
    rig.answer()
    rig.tick(pause_s)
    rig.deliver()
    rig.tick(0.05)
    assert not rig.counts.get(Counter.BOOKS_DIFFERED)
    assert rig.state() is State.LIVE
    assert rig.right()


def test_a_book_that_differs_twice_at_the_same_time_is_wrong_however_lively_the_stream() -> None:
    rig = uncounted()
    rig.publish(rig.book.change("bids", 3, 7, 1), lost=True)
    for step in range(200):
        rig.publish(rig.book.change("asks", 4, 1 + step, 1))
        rig.deliver()
        rig.ask()
        rig.answer()
        rig.tick(0.05)
    assert rig.counts[Counter.BOOKS_DIFFERED] == 1
    assert rig.state() is State.LIVE
    assert rig.right()
