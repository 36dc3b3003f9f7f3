"""Take samples of a running daemon, for `connector top` and the demo.

Reads the daemon's shared memory as any strategy does, market-only, and asks its control socket for
the list of readers; neither can slow it down."""

import os
import struct
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import connector
from connector.cli._frame import Book, Buckets, Reader, Sample
from connector.clock import monotonic_ns
from connector.model.counters import Hop
from connector.model.records import fields
from connector.model.states import State
from connector.trading import halts

if TYPE_CHECKING:
    from connector import Instrument

CATCH_UP = 1_000_000
"""Records passed over at one look, at most; a look costs some 0.1 us a record."""
COUNTS = ("last_data_ns", "deltas", "bbos", "trades", "marks", "gaps", "resyncs", "crossed")
Levels = list[tuple[int, int]]
_CODES = {"u8": "B", "u16": "H", "u32": "I", "u64": "Q", "i32": "i", "i64": "q"}


class Watch:
    """A market-only session with a daemon; AttachError when there is none."""

    def __init__(self, runtime_dir: Path | str | None = None, strategy: str = "top") -> None:
        self._session = connector.attach(strategy, runtime_dir)
        self._runtime_dir = self._session.runtime_dir

    def close(self) -> None:
        """Leave the daemon."""
        self._session.close()

    def sample(self) -> Sample:
        """What is there now. EpochChanged: the daemon is gone."""
        session = self._session
        self._catch_up()
        readers = session.request("sessions")["sessions"]
        trading = session.request("trading")["trading"]
        venues = session.request("state")["state"].get("venues", {})
        memory = memoryview(session.memory)
        head = unpack(memory, "SegmentHeader", 0)
        ring = unpack(memory, "RingControl", head["control_offset"])
        return Sample(
            now_ns=monotonic_ns(),
            epoch=head["epoch"],
            version=head["version"].rstrip(b"\0").decode(),
            pid=head["pid"],
            started_ns=head["started_ns"],
            heartbeat_ns=head["heartbeat_ns"],
            ring_written=ring["written"],
            ring_capacity=head["ring_capacity"],
            sequence=ring["sequence"] - 1,
            books=[self._book(instrument) for instrument in session.listed_now()],
            counters=session.counters.all(),
            hops={hop: _buckets(memory, head["histograms_offset"], hop) for hop in Hop},
            readers=[
                Reader(
                    row["strategy"], row["pid"], row["attached_ns"], row["lag_bytes"], row["lapped"]
                )
                for row in readers
            ],
            halts=self._halts(),
            trading=trading,
            budgets=session.counters.budgets(),
            connections=[
                {"exchange": venue["exchange"], **row}
                for venue in venues.values()
                for row in venue["connections"]
            ],
        )

    def best(self) -> "list[tuple[Instrument, Levels, Levels]]":
        """The best levels of every book, bids and asks, as (price_e, qty_e), best first."""
        found = []
        for instrument in self._session.listed_now():
            levels = self._session.top(instrument).levels()
            found.append((instrument, levels.bids_e, levels.asks_e))
        return found

    def _halts(self) -> list[str]:
        """Read from the file, as the daemon does; it tells them while the daemon hangs, too."""
        try:
            fd = os.open(halts.path_of(self._runtime_dir), os.O_RDONLY | os.O_NONBLOCK)
        except OSError:  # no orders here, or not ours to see
            return []
        try:
            return [str(one) for one in halts.read(fd)]
        except (OSError, halts.Damaged) as error:
            return [f"everything: the halt file: {error}"]
        finally:
            os.close(fd)

    def _catch_up(self) -> None:
        """Let our position follow the ring: a reader that stands still looks as if it hung."""
        for _ in range(CATCH_UP):
            if self._session.poll_view() is None:
                return

    def _book(self, instrument: "Instrument") -> Book:
        top = self._session.top(instrument)
        best = top.bbo()
        counts = self._session.counters.instrument(instrument.index)
        return Book(
            index=instrument.index,
            exchange=instrument.exchange,
            symbol=instrument.symbol,
            state=State(top.levels().state),
            bbo_state=State(best.state),
            bid_e=best.bid_price_e,
            bid_qty_e=best.bid_qty_e,
            ask_e=best.ask_price_e,
            ask_qty_e=best.ask_qty_e,
            price_exponent=instrument.price_exponent,
            qty_exponent=instrument.qty_exponent,
            price_digits=instrument.price_digits,
            qty_digits=instrument.qty_digits,
            tick_e=instrument.tick_e,
            **{name: counts[name] for name in COUNTS},
        )


def unpack(memory: memoryview, name: str, offset: int, index: int = 0) -> dict[str, Any]:
    """Entry ``index`` of an array of flat structs at ``offset``, by field; arrays are tuples."""
    described, names = _layout(name)
    values = iter(described.unpack_from(memory, offset + index * described.size))
    return {
        field: next(values) if not count else tuple(next(values) for _ in range(count))
        for field, count in names
    }


@cache
def _layout(name: str) -> tuple[struct.Struct, tuple[tuple[str, int], ...]]:
    codes, names = ["<"], []
    for field in fields(name):
        if field.type == "char":
            codes.append(f"{field.length}s")
            names.append((field.name, 0))
        else:
            codes.append(f"{field.length or ''}{_CODES[field.type]}")
            names.append((field.name, field.length))
    return struct.Struct("".join(codes)), tuple(names)


def _buckets(memory: memoryview, offset: int, hop: Hop) -> Buckets:
    found = unpack(memory, "Histogram", offset, hop.value)
    return Buckets(found["bucket"], found["sum_ns"], found["max_ns"])
