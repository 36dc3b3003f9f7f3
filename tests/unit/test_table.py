"""The cells of the top table: what the feed writes is what a reader has, whole or not at all."""

import ctypes
from collections.abc import Callable, Iterator
from socket import socketpair
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector._speedups.cells import Top
from connector._speedups.reader import MarketReader
from connector._speedups.segment import Mapping, Segment
from connector.ipc.segments import PAGE, SessionMemory
from connector.model.records import dtype
from connector.model.states import FeedKind, Reason, State
from tests.reference.feed_desk import MS, Desk, bbo, make_desk, mark, trade

MIN_RING = 1 << 18
CELLS = ("bbo", "trade", "levels")


class Reader(MarketReader):
    """Counts how often a cell could not be copied, and then lets ``rescue`` act."""

    def __init__(self) -> None:
        self.calls = 0
        self.rescue: Callable[[], None] | None = None

    def stalled(self) -> None:
        self.calls += 1
        if self.rescue is None:
            raise TimeoutError
        self.rescue()


class Table:
    """A feed, and a reader of its cells through mappings of its own."""

    def __init__(self) -> None:
        segment = Segment.create(MIN_RING)
        self.desk: Desk = make_desk(segment)
        self.memory = SessionMemory(1)
        self.reader = Reader()
        up = Mapping(self.memory.up_fd, PAGE, writable=True)
        self.control, self._peer = socketpair()
        control = self.control.fileno()
        self.reader.open(Mapping(segment.fd, segment.size), up, control, self.memory.eventfd)
        self.top = Top(self.reader, self.reader.listed_now()[0])
        writers = np.frombuffer(memoryview(segment.memory), np.uint8)
        self.raw = (ctypes.c_uint8 * segment.size).from_address(writers.ctypes.data)

    def close(self) -> None:
        self.reader.shut()
        self.memory.close()
        self.control.close()
        self._peer.close()

    def entry(self) -> Any:
        """The cells themselves, writable."""
        header = np.frombuffer(memoryview(self.desk.segment.memory), dtype("SegmentHeader"), 1)[0]
        offset = int(header["table_offset"]) + dtype("TopEntry").itemsize * self.desk.feed.index
        return np.frombuffer(memoryview(self.raw), dtype("TopEntry"), 1, offset)

    def word(self, cell: str) -> int:
        return int(self.entry()[cell]["word"][0])

    def spoil(self, cell: str, by: int) -> None:
        self.entry()[cell]["word"] += np.uint64(by)


@pytest.fixture
def table() -> Iterator[Table]:
    table = Table()
    yield table
    table.close()


def fill(desk: Desk) -> None:
    desk.live([100, 5, 90, 6], [110, 7])
    desk.feed.bbo(bbo(101, 90, 120), 0, 11)
    desk.feed.trade(trade(9), 0, 12)
    desk.feed.mark_price(mark(13 * MS), 0, 14)


def test_a_reader_has_what_the_feed_wrote(table: Table) -> None:
    fill(table.desk)
    seen = table.top.bbo()
    assert (seen.bid_price_e, seen.bid_qty_e, seen.ask_price_e, seen.ask_qty_e) == (90, 1, 120, 2)
    assert (seen.update_id, seen.recv_ns, seen.state) == (101, 11, State.LIVE)
    assert (seen.bid_price, seen.ask_qty) == (0.9, 0.002)
    last = table.top.trade()
    assert (last.price_e, last.qty_e, last.trade_id, last.venue_ns) == (50, 6, 9, 9 * MS)
    assert (last.mark_venue_ns, last.mark_recv_ns) == (13 * MS, 14)
    levels = table.top.levels()
    assert (levels.bids_e, levels.asks_e) == ([(100, 5), (90, 6)], [(110, 7)])
    assert (levels.update_id, levels.state) == (100, State.LIVE)


def test_each_write_moves_the_count_by_two_and_leaves_the_state(table: Table) -> None:
    fill(table.desk)
    writes: dict[str, Callable[[], Any]] = {
        "bbo": lambda: table.desk.feed.bbo(bbo(200, 95, 105), 0, 20),
        "trade": lambda: table.desk.feed.trade(trade(10), 0, 20),
        "levels": lambda: table.desk.depth(100, 102, [90, 0], []),
    }
    for cell in CELLS:
        before = table.word(cell)
        writes[cell]()
        after = table.word(cell)
        assert (after >> 8, after & 255) == ((before >> 8) + 2, State.LIVE), cell


def test_a_state_alone_is_written_around_the_same_numbers(table: Table) -> None:
    fill(table.desk)
    before = table.entry()["levels"].copy()
    table.desk.feed.set_state(FeedKind.BOOK, State.GAP, Reason.FAULT, 30)
    after = table.entry()["levels"].copy()
    assert int(after["word"][0]) == ((int(before["word"][0]) >> 8) + 2) << 8 | State.GAP
    before["word"] = after["word"]
    assert before.tobytes() == after.tobytes()


@pytest.mark.parametrize("cell", CELLS)
def test_a_half_written_cell_is_never_handed_out(table: Table, cell: str) -> None:
    fill(table.desk)
    read = getattr(table.top, cell)
    table.spoil(cell, 256)
    with pytest.raises(TimeoutError):
        read()
    assert table.reader.calls == 1  # the tries were bounded
    # The writer goes on after the reader was told twice: the third copy is whole.
    table.reader.rescue = lambda: table.spoil(cell, 256) if table.reader.calls == 3 else None
    assert read().state == State.LIVE
    assert table.reader.calls == 3
    others = [name for name in CELLS if name != cell]
    for name in others:
        assert getattr(table.top, name)().state == State.LIVE


def test_a_wild_number_of_levels_reads_no_further_than_the_cell(table: Table) -> None:
    fill(table.desk)
    table.entry()["levels"]["bids"] = table.entry()["levels"]["asks"] = 0xFFFFFFFF
    levels = table.top.levels()
    assert (len(levels.bids_e), len(levels.asks_e)) == (20, 20)
    assert table.top.levels_into(np.empty((2, 64, 2)))[1:] == (20, 20)


def test_rows_without_a_level_are_nan_or_zero(table: Table) -> None:
    fill(table.desk)
    floats, integers = np.full((2, 3, 2), 7.0), np.full((2, 3, 2), 7)
    assert table.top.levels_into(floats) == table.top.levels_into_e(integers) == (100, 2, 1)
    assert floats[0, :2].tolist() == [[1.0, 0.005], [0.9, 0.006]]
    assert np.isnan(floats[0, 2]).all()
    assert np.isnan(floats[1, 1:]).all()
    assert integers[:, 2].tolist() == [[0, 0], [0, 0]]
    with pytest.raises(ValueError, match="shape"):
        table.top.levels_into(np.empty((1, 3, 2)))


levels = st.dictionaries(st.integers(1, 400).map(lambda tick: 10 * tick), st.integers(1, 99))


@settings(max_examples=50, deadline=None)
@given(levels, levels, st.lists(st.tuples(st.booleans(), st.integers(1, 400), st.integers(0, 3))))
def test_the_cell_is_the_best_twenty_of_the_book(
    bids: dict[int, int], asks: dict[int, int], changes: list[tuple[bool, int, int]]
) -> None:
    desk = make_desk(Segment.create(MIN_RING))
    desk.live(
        [x for level in bids.items() for x in level], [x for level in asks.items() for x in level]
    )
    for index, (bid, tick, qty) in enumerate(changes):
        level = [10 * tick, qty]
        desk.depth(100 + index, 101 + index, level if bid else [], [] if bid else level)
        cell = desk.cell("levels")
        for name, side in (("bid", desk.feed.bids(20)), ("ask", desk.feed.asks(20))):
            count = int(cell[f"{name}s"])
            rows = [(int(row["price_e"]), int(row["qty_e"])) for row in cell[name][:count]]
            assert rows == side
