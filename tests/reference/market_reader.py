"""A reader of a daemon's market ring as the control socket hands it out, and its books against the
venue's."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from connector._speedups.ring import RingReader
from connector._speedups.segment import Mapping
from connector.model.counters import Counter
from connector.model.instrument import Status
from connector.model.records import RecordType, dtype
from connector.model.states import FeedKind, State
from connector.venues.contract import Bases, load
from tests.reference.raw_peer import HELLO, RawPeer
from tests.reference.stack import Daemon, Sim, eventually

VENUE = load("binance_usdm")


class Reader:
    """Follows the market ring through the control socket, as a strategy's library does."""

    def __init__(self, daemon: Daemon) -> None:
        self.peer = RawPeer(daemon.runtime_dir)
        hello = self.peer.ask(HELLO) or {}
        assert hello["ok"], hello
        self.epoch = hello["epoch"]
        self.memory = Mapping(self.peer.fds[0], hello["segment_bytes"])
        self.ring = RingReader(self.memory)

    def counter(self, counter: Counter) -> int:
        offset = _offset(self.memory, "counters_offset") + 8 * counter.value
        return int.from_bytes(memoryview(self.memory).cast("B")[offset : offset + 8], "little")

    def records(self) -> Iterator[tuple[RecordType, int, bytes]]:
        """Everything there is now: type, instrument, bytes."""
        header = dtype("RecordHeader")
        while (record := self.ring.read()) is not None:
            head = memoryview(record)[: header.itemsize]
            row = row_of(header, head)
            yield RecordType(row["type"]), row["instrument"], record

    def states(self, instrument: int, kind: FeedKind = FeedKind.BOOK) -> list[State]:
        """The states of a feed, in order, as far as records tell them now."""
        found = []
        for type_, index, record in self.records():
            if type_ is RecordType.FEED_STATE and index == instrument:
                body = row_of(dtype("FeedStateBody"), memoryview(record)[64:])
                if body["kind"] == kind:
                    found.append(State(body["state"]))
        return found

    def close(self) -> None:
        self.peer.__exit__()

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def row_of(kind: Any, data: Any) -> dict[str, int]:
    """The numbers of one struct, by name."""
    row = np.frombuffer(bytes(data[: kind.itemsize]), kind)[0]
    return {name: int(row[name]) for name in kind.names if kind[name].kind in "iu"}


def _offset(memory: Mapping, name: str) -> int:
    return row_of(dtype("SegmentHeader"), memoryview(memory).cast("B")[:4096])[name]


def equal_books(daemon: Daemon, sim: Sim, symbols: list[str]) -> bool:
    """Whether the daemon's books and the venue's agree where both are at one update id."""
    venue = sim.venue
    listing = venue.instruments(json.dumps(sim.ask(venue.instruments_request().target)).encode())
    instruments = {one.symbol: one for one in listing.instruments}
    order = [one.symbol for one in listing.instruments if one.status is not Status.CLOSED]
    for symbol in symbols:

        def equal(symbol: str = symbol) -> bool:
            image = daemon.book(order.index(symbol))
            if image is None:
                return False
            answer = sim.ask(venue.snapshot_request(instruments[symbol]).target)
            theirs = venue.snapshot(json.dumps(answer).encode(), instruments[symbol])
            if theirs.last_id != image.update_id:
                return False
            for ours, side in ((image.bids, theirs.bids), (image.asks, theirs.asks)):
                flat = memoryview(ours).cast("q").tolist()
                if venue.bases is Bases.ASKED:
                    # 1,000 levels of a snapshot: what comes nearer from behind them is unknown.
                    assert len(side) == 2000
                    flat, side = flat[:1000], side[:1000]
                assert flat == side, f"{symbol} differs at {image.update_id}"
            return True

        eventually(equal, 20)
    return True
