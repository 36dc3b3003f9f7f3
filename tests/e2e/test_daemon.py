"""The daemon against the simulated venue, both as real processes."""

import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.market.replay import Digests
from connector.model.counters import Counter
from connector.model.records import Flag, RecordType, dtype
from connector.model.states import VALID, FeedKind, State
from tests.reference.market_reader import VENUE, Reader, equal_books, row_of
from tests.reference.stack import COMMAND, Daemon, Sim, eventually

SYMBOLS = ["BTCUSDT", "ETHUSDT", "SOLUSDT"]
MANY = [*SYMBOLS, *(f"T{letter}USDT" for letter in "ABCDEFGHIJKLMN")]
"""Faults of one message or one answer each get a symbol of their own: a book that fails again and
again is asked for ever less often."""


@pytest.fixture(scope="module")
def sim() -> Iterator[Sim]:
    # The comparisons ask for snapshots, too: at the venue's own limit they would starve the daemon
    # until the wall clock's minute turns.
    # And so lively that no stream is silent by chance.
    arguments = ["--rate", "30", "--no-bursts", "--weight-limit", "100000"]
    with Sim("--symbols", ",".join(SYMBOLS), *arguments) as running:
        yield running


@pytest.fixture
def daemon(sim: Sim, tmp_path: Path) -> Iterator[Daemon]:
    """A daemon with all books live, and no fault in force."""
    sim.clear()
    feeds = [{"instruments": SYMBOLS, "quiet_ms": 1500}]
    with Daemon(tmp_path, sim, feeds=feeds) as running:
        yield running.ready()


@pytest.fixture
def reader(daemon: Daemon) -> Iterator[Reader]:
    with Reader(daemon) as running:
        list(running.records())
        yield running


def healed(daemon: Daemon, sim: Sim, symbols: list[str] = SYMBOLS) -> None:
    eventually(lambda: daemon.state()["books_live"] == daemon.state()["books"], 30)
    assert equal_books(daemon, sim, symbols)


def test_books_equal_the_venues(daemon: Daemon, sim: Sim, reader: Reader) -> None:
    healed(daemon, sim)
    eventually(lambda: reader.counter(Counter.FAST) > reader.counter(Counter.FALLBACK) > 0)
    assert reader.counter(Counter.CROSSED) == 0


def test_a_gap_invalidates_first_and_heals_as_a_difference(
    daemon: Daemon, sim: Sim, reader: Reader
) -> None:
    before = reader.counter(Counter.GAPS), reader.counter(Counter.RESYNCS)
    sim.fault("drop", stream="btcusdt@depth*")
    eventually(lambda: reader.counter(Counter.GAPS) > before[0])
    eventually(lambda: reader.counter(Counter.RESYNCS) > before[1], 20)
    told = []
    for type_, index, record in reader.records():
        if index != 0:
            continue
        if type_ is RecordType.FEED_STATE:
            body = row_of(dtype("FeedStateBody"), memoryview(record)[64:])
            if body["kind"] == FeedKind.BOOK:
                told.append(State(body["state"]).name)
        elif type_ is RecordType.BOOK_DELTA:
            flags = row_of(dtype("RecordHeader"), memoryview(record))["flags"]
            told.append("RESYNC delta" if flags & Flag.RESYNC else "delta")
    gap = told.index("GAP")
    live = told.index("LIVE", gap)
    between = [what for what in told[gap:live] if what != "RESYNC delta"]
    assert between == ["GAP", "RESYNC"], "nothing but the difference between GAP and LIVE"
    assert told[live - 1] == "RESYNC delta"
    healed(daemon, sim)


def test_a_cut_connection_is_opened_again_however_it_was_cut(
    daemon: Daemon, sim: Sim, reader: Reader
) -> None:
    for how in ("abrupt", "fin", "clean"):
        connects = reader.counter(Counter.CONNECTS)
        list(reader.records())
        sim.fault("cut", how=how, stream="*depth*")
        eventually(lambda n=connects: reader.counter(Counter.CONNECTS) > n, 20)
        states: list[State] = []
        eventually(lambda s=states: s.extend(reader.states(0)) or State.DOWN in s)
        before = set(states[: states.index(State.DOWN)])
        # A busy machine may have been silent for too long before the cut.
        assert before <= {State.STALE, State.LIVE}, "a book nobody feeds says so at once"
        eventually(lambda: daemon.state()["books_live"] == len(SYMBOLS), 20)
    healed(daemon, sim)


def test_a_half_open_connection_is_stale_first_and_then_replaced(
    daemon: Daemon, sim: Sim, reader: Reader
) -> None:
    connects = reader.counter(Counter.CONNECTS)
    sim.fault("half_open", stream="*depth*")
    states: list[State] = []
    eventually(lambda: states.extend(reader.states(0)) or State.DOWN in states, 30)
    assert State.STALE in states[: states.index(State.DOWN)]
    eventually(lambda: reader.counter(Counter.CONNECTS) > connects, 20)
    healed(daemon, sim)


def test_one_dead_stream_is_asked_for_anew_on_its_own(
    daemon: Daemon, sim: Sim, reader: Reader
) -> None:
    connects, states = reader.counter(Counter.CONNECTS), list[State]()
    sim.fault("stall", stream="ethusdt@depth*", asked=True)
    eventually(lambda: states.extend(reader.states(1)) or State.STALE in states, 20)
    eventually(lambda: states.extend(reader.states(1)) or states[-1] is State.LIVE, 20)
    assert State.DOWN not in states
    assert reader.counter(Counter.CONNECTS) == connects, "the connection is not to blame"
    healed(daemon, sim)


def test_ids_that_start_anew_are_a_gap_not_silence(
    daemon: Daemon, sim: Sim, reader: Reader
) -> None:
    resets = reader.counter(Counter.VENUE_RESETS)
    sim.fault("reset", symbol="SOLUSDT")
    eventually(lambda: reader.counter(Counter.VENUE_RESETS) > resets)
    healed(daemon, sim)


BAD_MESSAGES = [
    ({"kind": "corrupt", "how": "garbage"}, Counter.UNDECODABLE),
    ({"kind": "corrupt", "how": "truncate"}, Counter.UNDECODABLE),
    ({"kind": "corrupt", "how": "number"}, Counter.UNDECODABLE),
    ({"kind": "oversize", "bytes": 1_000_000}, Counter.UNKNOWN_EVENT),
    ({"kind": "split", "parts": 4, "pings": True}, Counter.FRAGMENTED),
    ({"kind": "duplicate", "times": 3}, Counter.DUPLICATES),
    ({"kind": "swap"}, Counter.GAPS),
]
BAD_ANSWERS: list[dict[str, Any]] = [
    {"kind": "status", "status": 429, "retry_after": 1, "body": '{"code":-1003,"msg":"slow"}'},
    {"kind": "status", "status": 500, "body": "<html>oops</html>"},
    {"kind": "status", "status": 403, "retry_after": 1, "body": "<html>firewall</html>"},
    {"kind": "empty"},
    {"kind": "truncate"},
    {"kind": "reset_http"},
    {"kind": "old_snapshot"},
]


def test_bad_messages_and_bad_answers_are_counted_and_never_believed(tmp_path: Path) -> None:
    arguments = ["--symbols", ",".join(MANY), "--rate", "5", "--no-bursts"]
    # A quarter of the real venue's weight would not pay for so many books at once, and comparing
    # them costs weight, too.
    arguments += ["--weight-limit", "100000"]
    with Sim(*arguments) as sim, Daemon(tmp_path, sim) as daemon:
        daemon.ready()
        with Reader(daemon) as reader:
            before = {counter: reader.counter(counter) for _, counter in BAD_MESSAGES}
            for (fault, _), symbol in zip(BAD_MESSAGES, MANY, strict=False):
                sim.fault(**fault, stream=f"{symbol.lower()}@depth*")
            for answer, symbol in zip(BAD_ANSWERS, reversed(MANY), strict=False):
                sim.fault(**answer, path="*/depth", symbol=symbol)
                sim.fault("drop", stream=f"{symbol.lower()}@depth*")
            for counter, count in before.items():
                want = sum(1 for _, one in BAD_MESSAGES if one is counter)
                eventually(lambda c=counter, n=count + want: reader.counter(c) >= n, 20)
            done = sum(1 for row in BAD_ANSWERS)
            eventually(lambda: _answers_done(sim) == done, 40)
            assert reader.counter(Counter.HTTP_THROTTLED) == 2, "429 and the firewall"
            assert reader.counter(Counter.CONNECTS) == 2, "no connection is to blame"
            healed(daemon, sim, MANY)
        assert "Traceback" not in daemon.text()


def _answers_done(sim: Sim) -> int:
    counts = sim.status()["faults"]
    return sum(counts.get(kind, 0) for kind in {row["kind"] for row in BAD_ANSWERS})


@pytest.mark.parametrize(
    ("fault", "counter"),
    [
        ({"kind": "oversize", "bytes": 5_000_000}, Counter.OVERSIZED),
        ({"kind": "compress"}, Counter.COMPRESSED),
        ({"kind": "corrupt", "how": "binary"}, Counter.UNEXPECTED_FRAMES),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else value.name,
)
def test_what_breaks_the_protocol_ends_the_connection(
    daemon: Daemon, sim: Sim, reader: Reader, fault: dict[str, Any], counter: Counter
) -> None:
    connects = reader.counter(Counter.CONNECTS)
    sim.fault(**fault, stream="btcusdt@depth*")
    eventually(lambda: reader.counter(counter) == 1, 10)
    eventually(lambda: reader.counter(Counter.CONNECTS) > connects, 10)
    healed(daemon, sim)


def test_a_reader_that_stops_costs_nobody_else(daemon: Daemon, sim: Sim, reader: Reader) -> None:
    with Reader(daemon) as stopped:
        seen = stopped.ring.received
        seen_by_others: list[Any] = []
        eventually(lambda: seen_by_others.extend(reader.records()) or len(seen_by_others) > 50, 20)
        assert stopped.ring.received == seen
        sessions = daemon.ask("sessions")["sessions"]
        assert len(sessions) >= 2
        assert stopped.peer.ask({"request": "ping"})["ok"]  # type: ignore[index]
    healed(daemon, sim)


# --- start and end


def test_sigterm_ends_in_order_with_status_0(sim: Sim, tmp_path: Path) -> None:
    with Daemon(tmp_path, sim, watchdog_us=600_000) as daemon:
        daemon.ready()
        daemon.hear("WATCHDOG=1")
        daemon.hear("STATUS=3/3 books live")
        assert daemon.stop() == 0
        daemon.process.poll()
        assert "stopped" in daemon.text()
        assert "Traceback" not in daemon.text()
        assert not (daemon.runtime_dir / "control.sock").exists()


def test_sigterm_ends_a_tls_handshake(tmp_path: Path) -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        host = f"127.0.0.1:{mute.getsockname()[1]}"
        # A handshake may take far longer than the end is waited for.
        venue = {"rest_url": f"https://{host}", "ws_url": f"wss://{host}", "request_s": 600}
        with Daemon(tmp_path, None, venue=venue) as daemon:
            connection, _ = mute.accept()
            with connection:
                assert connection.recv(10)
                assert daemon.stop() == 0


def test_not_ready_in_time_is_status_4(sim: Sim, tmp_path: Path) -> None:
    venue = {"ws_url": "ws://127.0.0.1:1"}
    with Daemon(tmp_path, sim, venue=venue, daemon={"ready_s": 5}) as daemon:
        assert daemon.process.wait(60) == 4
        assert "waiting for BTCUSDT depth" in daemon.text()


def test_a_second_daemon_on_the_directory_is_refused(daemon: Daemon, sim: Sim) -> None:
    command = [*COMMAND, "run", str(daemon.folder / "c.toml")]
    command += ["--runtime-dir", str(daemon.runtime_dir), "--state-dir", str(daemon.state_dir)]
    second = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert second.returncode == 2
    assert f"pid {daemon.process.pid}" in second.stderr
    assert daemon.state()["books"] == len(SYMBOLS)


def test_a_wrong_configuration_names_every_fault_and_is_status_2(tmp_path: Path) -> None:
    config = '[deamon]\n[venues.binance_usdm]\nrest_ulr = "x"\n'
    with Daemon(tmp_path, None, config=config) as daemon:
        assert daemon.process.wait(60) == 2
    text = daemon.text()
    assert "deamon" in text
    assert "venues.binance_usdm.rest_ulr: unknown key; the nearest known key is 'rest_url'" in text
    assert "venues.binance_usdm.feeds: missing" in text
    assert "Traceback" not in text


def test_a_killed_daemon_leaves_nothing_in_the_way_of_the_next(sim: Sim, tmp_path: Path) -> None:
    with Daemon(tmp_path, sim) as first:
        first.ready()
        with Reader(first) as reader:
            old_epoch = reader.epoch
            assert first.stop(signal.SIGKILL) == -signal.SIGKILL
            assert reader.peer.receive() is None, "a reader learns of it by its socket"
            assert list(reader.records()) is not None, "and what was published stays readable"
    with Daemon(tmp_path, sim) as second:
        second.ready()
        with Reader(second) as reader:
            assert reader.epoch != old_epoch


def test_an_unknown_symbol_is_named_and_the_others_live(sim: Sim, tmp_path: Path) -> None:
    feeds = [{"instruments": ["BTCUSDT", "BTCUSDX"], "channels": ["depth", "trade"]}]
    with Daemon(tmp_path, sim, feeds=feeds) as daemon:
        daemon.ready()
        state = daemon.state()
        assert state["books_live"] == 1
        assert state["unavailable"] == {"BTCUSDX": "not listed; the nearest is BTCUSDT"}


def test_a_start_works_while_the_venue_gives_no_instruments(tmp_path: Path) -> None:
    with Sim("--symbols", "BTCUSDT", "--rate", "20") as sim:
        with Daemon(tmp_path, sim) as first:
            first.ready()
        sim.fault("status", path="*/exchangeInfo", status=503, body="<html>", count=0)
        with Daemon(tmp_path, sim) as second:
            second.ready()
            assert second.state()["old"]
            second.hear("instruments OLD")
            sim.clear()
            eventually(lambda: not second.state()["old"], 15)


@pytest.mark.parametrize("mode", ["spin", "adaptive", "auto"])
def test_every_loop_mode_serves(sim: Sim, tmp_path: Path, mode: str) -> None:
    with Daemon(tmp_path, sim, daemon={"loop": mode}) as daemon:
        daemon.ready()
        with Reader(daemon) as reader:
            seen: list[Any] = []
            eventually(lambda: seen.extend(reader.records()) or len(seen) > 20)
        assert daemon.stop() == 0


def test_two_lines_hide_the_loss_of_one(sim: Sim, tmp_path: Path) -> None:
    with Daemon(tmp_path, sim, venue={"lines": 2}) as daemon:
        daemon.ready()
        with Reader(daemon) as reader:

            def both_bring() -> None:
                rows = daemon.state()["connections"]
                assert len(rows) == 4
                eventually(
                    lambda: all(
                        row["granted"] == row["streams"] for row in daemon.state()["connections"]
                    )
                )
                seen = reader.counter(Counter.DUPLICATES)
                eventually(lambda: reader.counter(Counter.DUPLICATES) > seen + 60, 30)

            both_bring()
            gaps = reader.counter(Counter.GAPS)
            list(reader.records())
            # One of each route's two.
            ids = {tuple(sorted(row["streams"])): row["id"] for row in sim.status()["connections"]}
            assert len(ids) == 2
            for one in ids.values():
                sim.fault("cut", connection=one)
            eventually(lambda: reader.counter(Counter.CONNECTS) >= 6, 15)
            both_bring()
            states = reader.states(0)
            assert all(state in VALID for state in states), states
            assert reader.counter(Counter.GAPS) == gaps
            eventually(lambda: equal_books(daemon, sim, ["BTCUSDT"]), 20)


# --- real recordings


REPLAYS = [
    ("plain", "binance_btcusdt_202304.json"),
    ("tls", "binance_ethusdt_202407.json"),
    ("tls", "binance_btcusdt_20220811.json"),
    ("plain", "binance_202107_sushiusdt.json"),
]


def replay_ends_with_the_oracles_book(
    recordings: Path, folder: Path, tls: bool, oracle_name: str, speed: str, seconds: float
) -> None:
    oracle = json.loads((recordings / "oracle" / oracle_name).read_text())
    last = oracle["checkpoints"][-1]
    arguments = ["--speed", speed, "--symbol", oracle["symbol"], "--replay"]
    arguments += [str(recordings / name) for name in oracle["files"]]
    if tls:
        arguments += ["--tls", str(folder / "ca")]
    feeds = [{"instruments": [oracle["symbol"]], "channels": ["depth", "bbo", "trade"]}]
    with Sim(*arguments) as sim, Daemon(folder, sim, feeds=feeds) as daemon:
        daemon.ready()
        image = eventually(
            lambda: (one := daemon.book(0)) and one.update_id == last["u"] and one, seconds, 0.5
        )
        listing = VENUE.instruments(json.dumps(sim.ask("/fapi/v1/exchangeInfo")).encode())
        instrument = next(one for one in listing.instruments if one.symbol == oracle["symbol"])
        sides = [
            list(zip(flat[::2], flat[1::2], strict=True))
            for flat in (memoryview(side).cast("q").tolist() for side in (image.bids, image.asks))
        ]
        found = Digests(instrument)(last["applied"], image.update_id, *sides)
        assert (found.nb, found.na) == (last["nb"], last["na"])
        assert found.top20 == last["top20"]
        assert found.full == last["full"]
        with Reader(daemon) as reader:
            assert reader.counter(Counter.GAPS) == 0
            assert reader.counter(Counter.CROSSED) == 0


def test_recordings_at_50x_end_with_the_oracles_book(recordings: Path, tmp_path: Path) -> None:
    faults: list[BaseException] = []

    def one(number: int, wire: str, name: str) -> None:
        try:
            folder = tmp_path / str(number)
            replay_ends_with_the_oracles_book(recordings, folder, wire == "tls", name, "50", 60)
        except BaseException as error:
            faults.append(error)

    threads = [
        threading.Thread(target=one, args=(number, *row)) for number, row in enumerate(REPLAYS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for fault in faults:
        raise fault


@pytest.mark.skipif("CONNECTOR_SOAK" not in os.environ, reason="make soak runs it (minutes)")
@pytest.mark.parametrize(("wire", "name"), REPLAYS)
def test_soak_recordings_at_1x_end_with_the_oracles_book(
    recordings: Path, tmp_path: Path, wire: str, name: str
) -> None:
    replay_ends_with_the_oracles_book(recordings, tmp_path, wire == "tls", name, "1", 900)
