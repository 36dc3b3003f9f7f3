"""A segment with one feed and a reader of what it publishes, for tests of the feed."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from connector._speedups.feed import Feed
from connector._speedups.ring import RingReader
from connector._speedups.segment import Segment
from connector.model.counters import Counter
from connector.model.instrument import ABSENT, Instrument
from connector.model.records import RecordType, dtype
from connector.model.states import FeedKind, Reason, State
from connector.venues.contract import Bbo, Depth, MarkPrice, Snapshot, Trade

BODY = {
    RecordType.BOOK_DELTA: "BookDeltaBody",
    RecordType.BBO: "BboBody",
    RecordType.TRADE: "TradeBody",
    RecordType.MARK_PRICE: "MarkPriceBody",
    RecordType.FEED_STATE: "FeedStateBody",
    RecordType.INSTRUMENT_CHANGE: "InstrumentChangeBody",
}
MS = 1_000_000


@dataclass
class Desk:
    """A segment with one feed, and a reader of its ring."""

    segment: Segment
    feed: Feed
    reader: RingReader
    now_ns: int = 1_000

    def records(self) -> list[tuple[Any, Any, list[tuple[int, int]]]]:
        """What was published since the last call: (header, body, levels)."""
        found = []
        while (raw := self.reader.read()) is not None:
            head = np.frombuffer(raw, dtype("RecordHeader"), 1)[0]
            body = np.frombuffer(raw, dtype(BODY[RecordType(int(head["type"]))]), 1, 64)[0]
            levels: list[tuple[int, int]] = []
            if head["type"] == RecordType.BOOK_DELTA:
                count = int(body["bids"]) + int(body["asks"])
                rows = np.frombuffer(raw, dtype("Level"), count, 96)
                levels = [(int(row["price_e"]), int(row["qty_e"])) for row in rows]
            found.append((head, body, levels))
        return found

    def kinds(self) -> list[RecordType]:
        return [RecordType(int(head["type"])) for head, _, _ in self.records()]

    def states(self) -> list[tuple[FeedKind, State, State, Reason]]:
        return [
            (
                FeedKind(int(body["kind"])),
                State(int(body["previous"])),
                State(int(body["state"])),
                Reason(int(body["reason"])),
            )
            for head, body, _ in self.records()
            if head["type"] == RecordType.FEED_STATE
        ]

    def cell(self, name: str) -> Any:
        memory = memoryview(self.segment.memory)
        header = np.frombuffer(memory, dtype("SegmentHeader"), 1)[0]
        offset = int(header["table_offset"]) + dtype("TopEntry").itemsize * self.feed.index
        return np.frombuffer(memory, dtype("TopEntry"), 1, offset)[0][name].copy()

    def cell_state(self, name: str) -> State:
        word = int(self.cell(name)["word"])
        assert not word >> 8 & 1, "left half-written"
        return State(word & 255)

    def stats(self, name: str) -> int:
        memory = memoryview(self.segment.memory)
        header = np.frombuffer(memory, dtype("SegmentHeader"), 1)[0]
        offset = int(header["stats_offset"]) + 128 * self.feed.index
        return int(np.frombuffer(memory, dtype("InstrumentStats"), 1, offset)[0][name])

    def count(self, counter: Counter) -> int:
        return self.segment.counter(int(counter.value))

    def depth(self, prev_id: int, last_id: int, bids: list[int], asks: list[int]) -> None:
        self.now_ns += 1
        self.feed.apply(depth(prev_id, last_id, bids, asks), 0, self.now_ns)

    def live(self, bids: list[int], asks: list[int], last_id: int = 100) -> None:
        self.feed.set_state(FeedKind.BOOK, State.SYNCING, Reason.CONNECTED, self.now_ns)
        self.feed.stage(Snapshot(last_id, 5 * MS, bids, asks))
        self.feed.adopt(self.now_ns)
        self.feed.set_state(FeedKind.BOOK, State.LIVE, Reason.FRESH, self.now_ns)


def depth(prev_id: int, last_id: int, bids: list[int], asks: list[int]) -> Depth:
    return Depth("X", prev_id + 1, last_id, prev_id, last_id * MS, last_id * MS + 7, bids, asks)


def bbo(update_id: int, bid_e: int, ask_e: int, venue_ns: int = 0) -> Bbo:
    return Bbo("X", update_id, venue_ns or update_id * MS, 3, bid_e, 1, ask_e, 2)


def trade(trade_id: int, venue_ns: int = 0, *, aggregate: bool = False, origin: int = 1) -> Trade:
    return Trade(
        "X",
        trade_id,
        trade_id,
        trade_id,
        venue_ns or trade_id * MS,
        4,
        50,
        6,
        6,
        1,
        aggregate,
        origin,
    )


def mark(venue_ns: int) -> MarkPrice:
    return MarkPrice("X", venue_ns, 70, 71, ABSENT, 72, -3, 9)


def make_desk(segment: Segment) -> Desk:
    instrument = Instrument(
        symbol="X", exchange="Test", price_exponent=2, qty_exponent=3, price_digits=2, qty_digits=3,
        tick_e=10, step_e=1,
    )  # fmt: skip
    index = segment.add_instrument(instrument)
    desk = Desk(segment, Feed(segment, index, instrument), RingReader(segment.memory))
    desk.records()
    return desk
