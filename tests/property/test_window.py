"""Books of which only the best levels are kept: the kernel, a slow model and a reader agree."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector._speedups.codec_phemex import PhemexCodec
from connector._speedups.segment import Segment
from connector.model.counters import Counter
from connector.model.records import RecordType
from connector.model.states import FeedKind, State
from connector.venues.contract import Depth
from tests.reference.book_model import BookModel
from tests.reference.feed_desk import MS, Desk, make_desk

SYMBOL = "X"
HANDLED, RARE = 0, 1
SEGMENT = Segment.create(1 << 20)

LEVEL = st.tuples(st.integers(1, 60), st.sampled_from([0, 0, 1, 2, 5]))
SIDE = st.lists(LEVEL, max_size=8)
STEP = st.tuples(st.sampled_from(["codec", "codec", "python", "snapshot"]), SIDE, SIDE)


def frame(kind: str, sequence: int, depth: int, bids: list, asks: list, venue_ns: int = 0) -> bytes:
    book = {"asks": asks, "bids": bids}
    content = {
        "book": book, "depth": depth, "sequence": sequence, "symbol": SYMBOL,
        "timestamp": venue_ns or 5 * MS + sequence, "type": kind,
    }  # fmt: skip
    return json.dumps(content, separators=(",", ":")).encode()


def flat(levels: list[tuple[int, int]]) -> list[int]:
    return [number for level in levels for number in level]


class Windowed(BookModel):
    def __init__(self, window: int) -> None:
        super().__init__()
        self.window = window

    def apply(self, bids: list[int], asks: list[int]) -> int:
        """Applies a message; how many levels fell out of the window."""
        super().apply(bids, asks)
        if not self.window:
            return 0
        lost = [price for price, _ in self.bids()[self.window :]]
        for price in lost:
            del self.bid[price]
        others = [price for price, _ in self.asks()[self.window :]]
        for price in others:
            del self.ask[price]
        return len(lost) + len(others)


def follow(desk: Desk, reader: BookModel) -> None:
    """A reader's book moves by what was published, and by nothing else."""
    for head, body, levels in desk.records():
        if head["type"] == RecordType.BOOK_DELTA:
            bids = int(body["bids"])
            reader.apply(flat(levels[:bids]), flat(levels[bids:]))


def live(window: int) -> tuple[Desk, PhemexCodec, Windowed, BookModel]:
    desk = make_desk(SEGMENT)
    codec = PhemexCodec(SEGMENT)
    codec.add(SYMBOL, desk.feed)
    model, reader = Windowed(window), BookModel()
    bids, asks = [20, 1, 10, 2], [40, 1, 50, 2]
    desk.feed.window = window
    desk.live(bids, asks)
    model.apply(bids, asks)
    reader.apply(flat(desk.feed.bids()), flat(desk.feed.asks()))
    desk.records()
    return desk, codec, model, reader


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([0, 1, 2, 5, 30, 40]), st.lists(STEP, max_size=25))
def test_who_follows_the_records_has_the_kernels_book(window: int, steps: list) -> None:
    desk, codec, model, reader = live(window)
    before = desk.count(Counter.WINDOW_CUTS)
    cuts = 0
    for sequence, (way, bids, asks) in enumerate(steps, 101):
        if way == "snapshot":
            sides = [
                sorted({price: qty or 1 for price, qty in side}.items(), reverse=bid)
                for side, bid in ((bids, True), (asks, False))
            ]
            if window:
                sides = [side[:window] for side in sides]
            model.bid, model.ask = dict(sides[0]), dict(sides[1])
            assert codec.decode(frame("snapshot", sequence, window, *sides), 1, 0) == HANDLED
        else:
            cuts += model.apply(flat(bids), flat(asks))
            if way == "codec":
                told = frame("incremental", sequence, window, bids, asks)
                assert codec.decode(told, 1, 0) == HANDLED
            else:
                event = Depth("X", sequence, sequence, 0, 1, 1, flat(bids), flat(asks))
                desk.feed.apply(event, 0, 1)
        follow(desk, reader)
        book = (desk.feed.bids(), desk.feed.asks())
        assert book == (model.bids(), model.asks())
        assert book == (reader.bids(), reader.asks())
        assert desk.feed.top() == (model.bids(20), model.asks(20))
    assert desk.count(Counter.WINDOW_CUTS) - before == cuts


def test_a_new_base_keeps_no_more_than_the_window() -> None:
    desk = make_desk(SEGMENT)
    desk.feed.window = 3
    desk.live(flat([(100 - n, 1) for n in range(50)]), flat([(200 + n, 1) for n in range(50)]))
    assert desk.feed.counts == (3, 3)
    assert desk.feed.bids()[-1] == (98, 1)


def test_a_snapshot_that_equals_the_book_publishes_nothing() -> None:
    desk, codec, *_ = live(30)
    levels = [[[20, 1], [10, 2]], [[40, 1], [50, 2]]]
    assert codec.decode(frame("snapshot", 100, 30, *levels), 77, 0) == HANDLED
    assert desk.records() == []
    assert desk.feed.last_recv_ns(FeedKind.BOOK) == 77


def test_what_a_snapshot_leaves_open_is_not_judged_here() -> None:
    """Other levels at the same sequence, an older one, another window, a side out of order, a book
    that is not LIVE: nothing is changed."""
    desk, codec, model, _ = live(30)
    same = [[[20, 1], [10, 2]], [[40, 1], [50, 2]]]
    for sequence, window, bids, asks in (
        (100, 30, [[20, 1], [10, 3]], same[1]),
        (100, 30, [[20, 1]], same[1]),
        (99, 30, *same),
        (101, 5, *same),
        (101, 0, *same),
        (101, 1, [[20, 1], [10, 2]], same[1]),
        (101, 30, [[10, 2], [20, 1]], same[1]),
        (101, 30, same[0], [[40, 1], [40, 2]]),
        (101, 30, same[0], [[40, 0], [50, 2]]),
    ):
        assert codec.decode(frame("snapshot", sequence, window, bids, asks), 1, 0) == RARE
    desk.feed.set_state(FeedKind.BOOK, State.GAP)
    assert codec.decode(frame("snapshot", 101, 30, *same), 1, 0) == RARE
    assert (desk.feed.bids(), desk.feed.asks()) == (model.bids(), model.asks())
    assert desk.feed.last_id == 100


def test_an_increment_has_to_rise() -> None:
    desk, codec, model, _ = live(30)
    for sequence in (100, 99, 1):
        assert codec.decode(frame("incremental", sequence, 30, [[20, 9]], []), 1, 0) == HANDLED
    assert desk.stats("duplicates") == 3
    later = frame("incremental", 99, 30, [[20, 9]], [], venue_ns=2 * 10**9)
    assert codec.decode(later, 1, 0) == RARE, "the venue may have begun anew"
    assert desk.feed.bids() == model.bids()


@pytest.mark.parametrize("wrong", [-1, 65536])
def test_a_window_is_no_more_than_its_field_holds(wrong: int) -> None:
    desk = make_desk(SEGMENT)
    desk.feed.window = 65535
    with pytest.raises(OverflowError):
        desk.feed.window = wrong
    assert desk.feed.window == 65535
