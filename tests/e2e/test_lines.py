"""Connections that come, go and fall silent: no message may be missed because of it.

What the venue published is known from the simulator's own stamps, so what arrived is held against
that and not against what the daemon believes."""

import json
import random
import re
import time
from collections import Counter as Tally
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from connector.model.counters import Counter
from connector.model.records import Flag, RecordType, dtype
from connector.model.states import FeedKind, State
from tests.reference.market_reader import Reader, equal_books, row_of
from tests.reference.stack import Daemon, Sim, eventually

SYMBOLS = ["BTCUSDT", "ETHUSDT", "SOLUSDT"]
STEADY = ["--rate", "20", "--no-bursts", "--weight-limit", "100000"]

KILLS = 6


class Tape:
    """Everything a reader gets, checked as it comes, by instrument."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.depth: dict[int, list[int]] = {}
        self.trades: dict[int, list[int]] = {}
        self.states: dict[int, list[tuple[State, int]]] = {}
        self.broken: list[str] = []

    def read(self) -> None:
        for type_, index, record in self.reader.records():
            head = row_of(dtype("RecordHeader"), memoryview(record))
            if type_ is RecordType.BOOK_DELTA:
                body = row_of(dtype("BookDeltaBody"), memoryview(record)[64:])
                ids = self.depth.setdefault(index, [])
                resync = head["flags"] & Flag.RESYNC
                if ids and not resync and not body["prev_id"] <= ids[-1] < head["update_id"]:
                    self.broken.append(f"{index}: {body['prev_id']} after {ids[-1]}")
                ids.append(head["update_id"])
            elif type_ is RecordType.TRADE:
                self.trades.setdefault(index, []).append(head["update_id"])
            elif type_ is RecordType.FEED_STATE:
                body = row_of(dtype("FeedStateBody"), memoryview(record)[64:])
                if body["kind"] == FeedKind.BOOK:
                    told = State(body["state"]), head["recv_ns"]
                    self.states.setdefault(index, []).append(told)
        assert self.reader.ring.lost == 0, "the test was too slow for its ring"

    def until(self, what: Callable[[], Any], seconds: float = 30.0) -> Any:
        """Read on until ``what()`` is true."""

        def found() -> Any:
            self.read()
            return what()

        return eventually(found, seconds)

    def told(self, index: int) -> list[State]:
        return [state for state, _ in self.states.get(index, [])]

    def nothing_but_late(self) -> None:
        """No break in any chain, and no state but BEHIND and back, briefly."""
        assert self.broken == []
        for index, told in self.states.items():
            assert {state for state, _ in told} <= {State.LIVE, State.BEHIND}, (index, told)
            for (state, since_ns), (_, until_ns) in pairwise(told):
                # Twice the stream's period or 50 ms is the rule; beyond it is a GAP.
                assert state is State.LIVE or until_ns - since_ns <= 5_000_000_000


def published(stamps: Path) -> dict[str, list[int]]:
    """By stream, the ids that left the venue, in order."""
    found: dict[str, list[int]] = {}
    for line in stamps.read_text().splitlines():
        stream, number, _ = line.split()
        found.setdefault(stream, []).append(int(number))
    return found


def complete(tape: Tape, stamps: Path, order: list[str]) -> None:
    """Between the first and the last message that came, every one came that left, once."""
    left = published(stamps)
    for index, symbol in enumerate(order):
        name = symbol.lower()
        for got, stream in ((tape.depth, f"{name}@depth@0ms"), (tape.trades, f"{name}@trade")):
            ids = got[index]
            assert len(ids) > 50
            assert len(set(ids)) == len(ids), "nothing came twice"
            sent = [number for number in left[stream] if min(ids) <= number <= max(ids)]
            assert sorted(ids) == sent, f"{stream}: {set(sent) ^ set(ids)}"


def order_of(sim: Sim) -> list[str]:
    return [row["symbol"] for row in sim.ask("/fapi/v1/exchangeInfo")["symbols"]]


def settled(daemon: Daemon) -> bool:
    """Every connection is open and every stream granted."""
    rows = daemon.state()["connections"]
    return all(row["open"] and row["granted"] == row["streams"] for row in rows)


@pytest.mark.parametrize("lines", [1, 2])
def test_connections_are_replaced_before_the_cut_and_nothing_is_missed(
    lines: int, tmp_path: Path
) -> None:
    stamps, life_s = tmp_path / "stamps", 12.0
    venue = {"lines": lines, "connection_life_s": 5.0}
    arguments = ["--symbols", ",".join(SYMBOLS), *STEADY]
    arguments += ["--lifetime", str(life_s), "--stamps", str(stamps)]
    with Sim(*arguments) as sim:
        order = order_of(sim)
        with Daemon(tmp_path, sim, venue=venue) as daemon:
            daemon.ready()
            connections = len(daemon.state()["connections"])
            assert connections == 2 * lines
            with Reader(daemon) as reader:
                before = {counter: reader.counter(counter) for counter in Counter}
                tape = Tape(reader)
                started = time.monotonic()
                handover = 0
                while handover < 2 * connections or time.monotonic() - started < life_s:
                    handover += 1  # the cut is due on the way
                    done = before[Counter.HANDOVERS] + handover
                    tape.until(lambda n=done: reader.counter(Counter.HANDOVERS) >= n)
                    assert equal_books(daemon, sim, SYMBOLS)
                tape.until(lambda: min(map(len, tape.trades.values())) > 50)
                tape.nothing_but_late()
                for counter in (Counter.GAPS, Counter.RESYNCS, Counter.DISCONNECTS):
                    assert reader.counter(counter) == before[counter], counter.sentence
                assert reader.counter(Counter.SNAPSHOTS) == before[Counter.SNAPSHOTS]
        assert "lifetime" not in sim.status()["closed_for"], "the venue never had to cut one"
    complete(tape, stamps, order)


def test_one_of_two_lines_may_die_at_any_moment(tmp_path: Path) -> None:
    stamps, chance = tmp_path / "stamps", random.Random(20)
    arguments = ["--symbols", ",".join(SYMBOLS), *STEADY, "--stamps", str(stamps)]
    with Sim(*arguments) as sim:
        order = order_of(sim)
        with Daemon(tmp_path, sim, venue={"lines": 2}) as daemon:
            daemon.ready()
            with Reader(daemon) as reader:
                tape = Tape(reader)

                def both_bring() -> None:
                    """Every stream is granted on both lines, and each brings what the other has."""
                    tape.until(lambda: settled(daemon))
                    seen = reader.counter(Counter.DUPLICATES)
                    tape.until(lambda: reader.counter(Counter.DUPLICATES) > seen + 60)

                both_bring()
                gaps = reader.counter(Counter.GAPS)
                resyncs = reader.counter(Counter.RESYNCS)
                lost = reader.counter(Counter.DISCONNECTS)
                for kill in range(1, KILLS + 1):
                    # The venue may still have the one that was cut.
                    tape.until(lambda: len(carrying(sim, "btcusdt@depth@0ms")) == 2)
                    ids = carrying(sim, "btcusdt@depth@0ms")
                    how = chance.choice(("abrupt", "fin", "clean"))
                    end = time.monotonic() + chance.uniform(0, 0.2)
                    while time.monotonic() < end:  # the instant is what is random
                        tape.read()
                    sim.fault("cut", connection=chance.choice(ids), how=how)
                    tape.until(lambda n=lost + kill: reader.counter(Counter.DISCONNECTS) >= n)
                    assert daemon.state()["books_live"] == len(SYMBOLS)
                    both_bring()
                    if kill % 3 == 0:
                        assert equal_books(daemon, sim, SYMBOLS)
                tape.nothing_but_late()
                assert reader.counter(Counter.GAPS) == gaps
                assert reader.counter(Counter.RESYNCS) == resyncs
                assert reader.counter(Counter.DISCONNECTS) == lost + KILLS
    complete(tape, stamps, order)


# --- silence of one stream

DEPTH = "ethusdt@depth@0ms"


def quick_for(*symbols: str, quiet_ms: int = 1000) -> list[dict[str, Any]]:
    """A second is silence of these books; all else has the usual patience: a machine that is held
    up for a moment is no silence there."""
    return [
        {"instruments": SYMBOLS, "channels": ["bbo"]},  # first: it gives them their places
        {"instruments": [one for one in SYMBOLS if one not in symbols], "channels": ["depth"]},
        {"instruments": [*symbols], "channels": ["depth"], "quiet_ms": quiet_ms},
    ]


SOON = {"first_message_s": 2}
BRISK = ["--rate", "40"]


def carrying(sim: Sim, stream: str) -> list[int]:
    """The connections that are subscribed to a stream, oldest first."""
    rows = sim.status()["connections"]
    return [row["id"] for row in rows if stream in row["streams"]]


def silent(daemon: Daemon) -> Tally[str]:
    return Tally(name for row in daemon.state()["connections"] for name in row["silent"])


def steps(daemon: Daemon) -> list[tuple[str, int]]:
    """What was done about silence: of which stream, and the how many-th time in a row."""
    found = re.findall(r"silent, \w+ .* stream=(\S+) asked=(\d+)", daemon.text())
    return [(stream, int(asked)) for stream, asked in found]


def moved(reader: Reader) -> tuple[int, int, int]:
    """Connections replaced, handed over, lost."""
    return (
        reader.counter(Counter.REPLACEMENTS),
        reader.counter(Counter.HANDOVERS),
        reader.counter(Counter.DISCONNECTS),
    )


@pytest.fixture
def quick(tmp_path: Path) -> Any:
    """A venue, and a daemon that takes a second for silence of one stream, on one line."""
    with (
        Sim("--symbols", ",".join(SYMBOLS), *STEADY, *BRISK) as sim,
        Daemon(tmp_path, sim, feeds=quick_for("ETHUSDT"), venue=SOON) as daemon,
        Reader(daemon.ready()) as reader,
    ):
        yield sim, daemon, reader, Tape(reader)


def test_a_stream_the_venue_forgot_is_asked_for_anew(quick: Any) -> None:
    sim, daemon, reader, tape = quick
    index = order_of(sim).index("ETHUSDT")
    sim.fault("stall", stream=DEPTH, asked=True)
    tape.until(lambda: State.STALE in tape.told(index))
    tape.until(lambda: tape.told(index)[-1] is State.LIVE)
    tape.until(lambda: not silent(daemon))
    assert steps(daemon) == [(DEPTH, 1)]
    assert moved(reader) == (0, 0, 0)
    assert equal_books(daemon, sim, SYMBOLS)


def test_a_stream_that_stays_silent_gets_another_connection_without_a_break(quick: Any) -> None:
    sim, daemon, reader, tape = quick
    order = order_of(sim)
    index = order.index("ETHUSDT")
    (carrier,) = carrying(sim, DEPTH)
    tape.read()
    tape.states.clear()
    sim.fault("stall", stream=DEPTH, connection=carrier)
    tape.until(lambda: State.STALE in tape.told(index))
    tape.until(lambda: silent(daemon)[DEPTH] == 1)
    tape.until(lambda: reader.counter(Counter.HANDOVERS) == 1)
    tape.until(lambda: tape.told(index)[-1] is State.LIVE)
    tape.until(lambda: not silent(daemon))
    assert steps(daemon)[:4] == [(DEPTH, 1), (DEPTH, 2), (DEPTH, 3), (DEPTH, 4)], "and no other"
    assert {stream for stream, _ in steps(daemon)} == {DEPTH}
    assert moved(reader) == (1, 1, 0), "three times in vain, then one replacement"
    assert carrying(sim, DEPTH) != [carrier]
    for other in {0, 1, 2} - {index}:
        assert set(tape.told(other)) <= {State.LIVE, State.BEHIND}, "nobody else noticed"
    assert tape.broken == []
    assert equal_books(daemon, sim, SYMBOLS)


def test_a_stream_that_no_connection_brings_is_never_given_up(quick: Any) -> None:
    sim, daemon, reader, tape = quick
    index = order_of(sim).index("ETHUSDT")
    sim.fault("stall", stream=DEPTH)
    tape.until(lambda: reader.counter(Counter.REPLACEMENTS) == 1)
    tape.until(lambda: reader.counter(Counter.HANDOVERS) == 1)
    asked = reader.counter(Counter.RESUBSCRIBES)
    tape.until(lambda: reader.counter(Counter.RESUBSCRIBES) > asked, 40)
    assert tape.told(index)[-1] is State.STALE
    sim.clear()
    tape.until(lambda: tape.told(index)[-1] is State.LIVE)
    tape.until(lambda: not silent(daemon))
    assert reader.counter(Counter.REPLACEMENTS) == 1
    assert reader.counter(Counter.DISCONNECTS) == 0
    assert equal_books(daemon, sim, SYMBOLS)


def test_a_silent_stream_on_one_of_two_lines_is_mended_unseen(tmp_path: Path) -> None:
    # Twice as long: a venue that is held up is silent on both lines, and that is seen.
    feeds = quick_for("ETHUSDT", quiet_ms=2000)
    with (
        Sim("--symbols", ",".join(SYMBOLS), *STEADY, *BRISK) as sim,
        Daemon(tmp_path, sim, feeds=feeds, venue={**SOON, "lines": 2}) as daemon,
        Reader(daemon.ready()) as reader,
    ):
        tape = Tape(reader)
        tape.until(lambda: settled(daemon))
        first, second = carrying(sim, DEPTH)
        sim.fault("stall", stream=DEPTH, connection=first)
        tape.until(lambda: reader.counter(Counter.HANDOVERS) == 1)
        tape.until(lambda: not silent(daemon))
        assert moved(reader) == (1, 1, 0)
        assert first not in carrying(sim, DEPTH)
        assert second in carrying(sim, DEPTH)
        tape.read()
        tape.nothing_but_late()
        assert equal_books(daemon, sim, SYMBOLS)


def test_a_halted_instrument_is_stale_and_left_alone(tmp_path: Path) -> None:
    with Sim("--symbols", ",".join(SYMBOLS), *STEADY, *BRISK) as sim:
        feeds = quick_for("ETHUSDT", "SOLUSDT")
        info = sim.ask("/fapi/v1/exchangeInfo")
        order = [row["symbol"] for row in info["symbols"]]
        info["symbols"][order.index("SOLUSDT")]["status"] = "SETTLING"
        sim.fault("status", path="*/exchangeInfo", status=200, body=json.dumps(info), count=0)
        with (
            Daemon(tmp_path, sim, feeds=feeds, venue=SOON) as daemon,
            Reader(daemon.ready()) as reader,
        ):
            tape = Tape(reader)
            sim.fault("stall", stream="solusdt@*", count=0)
            tape.until(lambda: State.STALE in tape.told(order.index("SOLUSDT")))
            sim.fault("stall", stream=DEPTH, count=0)
            tape.until(lambda: reader.counter(Counter.RESUBSCRIBES) >= 2)
            assert {stream for stream, _ in steps(daemon)} == {DEPTH}
            assert silent(daemon).keys() == {DEPTH}, "of the one that trades"
            assert tape.told(order.index("SOLUSDT"))[-1] is State.STALE
            sim.clear()
            tape.until(lambda: tape.told(order.index("SOLUSDT"))[-1] is State.LIVE)
            assert equal_books(daemon, sim, SYMBOLS)
