"""The venue is asked what a connection carries, and what differs is mended on the connection."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.cli._sample import Watch
from connector.model.counters import Counter
from connector.model.states import State
from tests.e2e.test_lines import STEADY, SYMBOLS, Tape, order_of
from tests.reference.market_reader import Reader, equal_books
from tests.reference.stack import Daemon, Sim, eventually

OFTEN = {"audit_s": 0.5}
FEEDS = [{"instruments": SYMBOLS, "channels": ["depth", "bbo", "trade"], "quiet_ms": 60_000}]
"""So long that silence is no reason to ask anew: the audit alone can find out."""

Stack = tuple[Sim, Daemon, Reader, Tape]


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with (
        Sim("--symbols", ",".join(SYMBOLS), *STEADY) as sim,
        Daemon(tmp_path, sim, feeds=FEEDS, venue=OFTEN) as daemon,
        Reader(daemon.ready()) as reader,
    ):
        yield sim, daemon, reader, Tape(reader)


def streams(sim: Sim) -> set[str]:
    return {name for row in sim.status()["connections"] for name in row["streams"]}


def audited(reader: Reader, tape: Tape, times: int = 2) -> None:
    """Until the venue was asked so often from now on."""
    seen = reader.counter(Counter.AUDITS)
    tape.until(lambda: reader.counter(Counter.AUDITS) >= seen + times)


def undisturbed(reader: Reader) -> None:
    """No connection was lost or replaced, and no stream was found silent first."""
    for counter in (
        Counter.DISCONNECTS, Counter.HANDOVERS, Counter.REPLACEMENTS, Counter.RESUBSCRIBES,
        Counter.SUBSCRIBE_ERRORS,
    ):  # fmt: skip
        assert reader.counter(counter) == 0, counter.sentence


def test_all_is_well_where_nothing_happens(stack: Stack) -> None:
    _sim, daemon, reader, tape = stack
    audited(reader, tape, 4)
    for counter in (
        Counter.STREAMS_MISSING, Counter.STREAMS_STRAY, Counter.AUDIT_ERRORS, Counter.FORMS_SET,
        Counter.GAPS,
    ):  # fmt: skip
        assert reader.counter(counter) == 0, counter.sentence
    for row in daemon.state()["connections"]:
        assert row["audit"]["age_s"] < 60
        assert row["audit"] | {"age_s": 0} == {"age_s": 0, "missing": [], "stray": [], "error": ""}
    undisturbed(reader)


def test_a_stream_the_venue_lost_comes_back_and_no_other_book_notices(stack: Stack) -> None:
    sim, daemon, reader, tape = stack
    lost, index = "ethusdt@depth@0ms", order_of(sim).index("ETHUSDT")
    had = streams(sim)
    assert lost in had
    tape.read()
    tape.states.clear()
    opened = reader.counter(Counter.CONNECTS)
    sim.fault("lose", stream=lost)
    tape.until(lambda: reader.counter(Counter.STREAMS_MISSING) == 1)
    eventually(lambda: streams(sim) == had, 30)
    tape.until(lambda: reader.counter(Counter.RESYNCS) == 1)
    tape.until(lambda: tape.told(index)[-1] is State.LIVE)
    audited(reader, tape)
    assert reader.counter(Counter.STREAMS_MISSING) == 1, "and was not missing again"
    assert reader.counter(Counter.CONNECTS) == opened
    for other in {0, 1, 2} - {index}:
        assert set(tape.told(other)) <= {State.LIVE, State.BEHIND}, "nobody else noticed"
    assert tape.broken == []
    assert equal_books(daemon, sim, SYMBOLS)
    assert "granted streams are unknown to the venue" in daemon.text()
    undisturbed(reader)


def test_a_stream_nobody_wants_is_ended(stack: Stack) -> None:
    sim, _daemon, reader, tape = stack
    had = streams(sim)
    (carrier,) = (
        row["id"] for row in sim.status()["connections"] if "ethusdt@depth@0ms" in row["streams"]
    )
    sim.fault("foist", connection=carrier, name="btcusdt@depth20@100ms")
    assert "btcusdt@depth20@100ms" in streams(sim) or reader.counter(Counter.STREAMS_STRAY)
    tape.until(lambda: reader.counter(Counter.STREAMS_STRAY) == 1)
    eventually(lambda: streams(sim) == had, 30)
    audited(reader, tape)
    assert reader.counter(Counter.STREAMS_STRAY) == 1
    assert reader.counter(Counter.GAPS) == 0
    undisturbed(reader)


def test_the_form_that_is_read_is_set_where_the_venue_has_the_other(tmp_path: Path) -> None:
    """A book's top without its stream's name would be taken for changes of the book."""
    feeds: list[dict[str, Any]] = [
        {"instruments": ["BTCUSDT"], "channels": ["depth", "depth_20"], "quiet_ms": 60_000}
    ]
    with Sim("--symbols", "BTCUSDT", *STEADY) as sim:
        sim.fault("bare", count=0)
        with (
            Daemon(tmp_path, sim, feeds=feeds, venue=OFTEN) as daemon,
            Reader(daemon.ready()) as reader,
        ):
            tape = Tape(reader)
            audited(reader, tape)
            assert reader.counter(Counter.FORMS_SET) == 1
            assert reader.counter(Counter.GAPS) == 0
            assert reader.counter(Counter.UNKNOWN_EVENT) == 0
            assert equal_books(daemon, sim, ["BTCUSDT"])
            undisturbed(reader)


def test_top_shows_connections_and_what_differs(stack: Stack) -> None:
    _sim, daemon, reader, tape = stack
    audited(reader, tape)
    watch = Watch(daemon.runtime_dir)
    try:
        rows = watch.sample().connections
    finally:
        watch.close()
    assert len(rows) == len(daemon.state()["connections"])
    assert all(row["audit"]["age_s"] is not None for row in rows)
