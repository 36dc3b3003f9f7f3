"""The venue changes its instruments, or a part of ours fails, while strategies are attached."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import connector
from connector import FeedKind, FeedState, InstrumentChange, Reason, State, Status
from connector.model.counters import Counter
from tests.e2e.test_daemon import equal_books
from tests.reference.stack import COMMAND, Daemon, Sim, eventually

SYMBOLS = ["BTCUSDT", "ETHUSDT"]
INFO = "/fapi/v1/exchangeInfo"
FAILING = [sys.executable, "-m", "tests.reference.failing_daemon"]


class Strategy:
    """A strategy that remembers every event that is not market data."""

    def __init__(self, daemon: Daemon) -> None:
        self.session = connector.attach("refresh", daemon.runtime_dir)
        self.changes: list[tuple[str, Status, Status, int]] = []
        self.books: dict[str, list[tuple[State, Reason]]] = {}

    def look(self) -> None:
        """Read what there is."""
        while (event := self.session.poll()) is not None:
            symbol = event.instrument.symbol
            if isinstance(event, InstrumentChange):
                told = (symbol, event.previous, event.status, event.generation)
                self.changes.append(told)  # type: ignore[arg-type]
            elif isinstance(event, FeedState) and event.kind is FeedKind.BOOK:
                self.books.setdefault(symbol, []).append((event.state, Reason(event.reason)))

    def until(self, what: Callable[[], Any], seconds: float = 20) -> Any:
        """Read until ``what()`` is true."""
        return eventually(lambda: (self.look(), what())[1], seconds)

    def status(self, symbol: str) -> Status:
        status = self.session.instruments[symbol].status
        assert isinstance(status, Status)
        return status

    def live(self, symbol: str) -> bool:
        return self.session.book(symbol).valid

    def counter(self, counter: Counter) -> int:
        return self.session.counters[counter]


@pytest.fixture
def sim() -> Iterator[Sim]:
    arguments = ["--rate", "20", "--no-bursts", "--weight-limit", "100000"]
    with Sim("--symbols", ",".join(SYMBOLS), *arguments) as running:
        yield running


def equal_tops(strategy: Strategy, sim: Sim, symbol: str, levels: int = 100) -> bool:
    """Whether a strategy's book and the venue's agree near the touch, at one update id.

    A grid ten times as coarse leaves few levels of the snapshot, so not all are known."""
    book = strategy.session.book(symbol)
    instrument = strategy.session.instruments[symbol]

    def equal() -> bool:
        answer = sim.ask(f"/fapi/v1/depth?symbol={symbol}&limit={levels}")
        strategy.look()
        if not book.valid or book.update_id != answer["lastUpdateId"]:
            return False
        for ours, side in ((book.bids_e(levels), "bids"), (book.asks_e(levels), "asks")):
            theirs = [
                (instrument.price_e(price), instrument.qty_e(qty)) for price, qty in answer[side]
            ]
            assert len(theirs) == levels
            assert ours == theirs, f"{symbol} differs at {book.update_id}"
        return True

    return bool(eventually(equal, 20))


def daemon_of(
    sim: Sim, folder: Path, instruments: list[str], quiet_ms: int = 60_000, **keys: Any
) -> Daemon:
    """With such a patience that nothing is silent unless a test is about that."""
    feeds = [{"instruments": instruments, "quiet_ms": quiet_ms}]
    return Daemon(folder, sim, feeds=feeds, venue={"refresh_s": 1, **keys})


@pytest.fixture
def daemon(sim: Sim, tmp_path: Path) -> Iterator[Daemon]:
    with daemon_of(sim, tmp_path, SYMBOLS) as running:
        yield running.ready()


@pytest.fixture
def strategy(daemon: Daemon) -> Iterator[Strategy]:
    found = Strategy(daemon)
    with found.session:
        assert found.live("BTCUSDT")
        found.look()
        found.changes.clear()
        found.books.clear()
        yield found


def test_another_tick_reaches_strategies_and_the_book_stays_right(
    sim: Sim, daemon: Daemon, strategy: Strategy
) -> None:
    instrument = strategy.session.instruments["BTCUSDT"]
    generation = instrument.generation
    for tick in ("0.01", "0.50"):  # finer; then coarser, which cancels what is off the grid
        sim.instrument("BTCUSDT", tick=tick)
        strategy.until(lambda want=tick: instrument.tick == float(want))
        generation += 1
        assert strategy.changes == [("BTCUSDT", Status.TRADING, Status.TRADING, generation)]
        strategy.changes.clear()
        assert equal_tops(strategy, sim, "BTCUSDT")
        strategy.look()
        assert strategy.live("BTCUSDT")
    assert strategy.books == {}, "levels are absolute: no book was ever invalid"
    assert strategy.counter(Counter.BOOKS_REBUILT) >= 2
    assert '"tickSize":"0.50"' in (daemon.state_dir / "instruments-binance_usdm.json").read_text()
    assert strategy.counter(Counter.GAPS) == 0


def test_a_status_that_leaves_trading_is_told_and_its_silence_is_stale(
    sim: Sim, tmp_path: Path
) -> None:
    with daemon_of(sim, tmp_path, SYMBOLS, 2000) as daemon:
        strategy = Strategy(daemon.ready())
        with strategy.session:
            strategy.look()
            sim.instrument("ETHUSDT", status="SETTLING")
            strategy.until(lambda: strategy.status("ETHUSDT") is Status.SETTLING)
            change = next(row for row in strategy.changes if row[2] is not Status.TRADING)
            assert change[:3] == ("ETHUSDT", Status.TRADING, Status.SETTLING)
            silent = (State.STALE, Reason.SILENT)
            strategy.until(lambda: strategy.books.get("ETHUSDT", [])[-1:] == [silent])
            strategy.until(lambda: strategy.live("BTCUSDT"))
            assert strategy.books["ETHUSDT"][-1] == silent
            sim.instrument("ETHUSDT", status="TRADING")
            strategy.until(lambda: strategy.status("ETHUSDT") is Status.TRADING)
            strategy.until(lambda: strategy.live("ETHUSDT"))
            assert equal_books(daemon, sim, SYMBOLS)


def test_a_symbol_that_is_gone_is_closed_and_down_and_may_come_back(
    sim: Sim, daemon: Daemon, strategy: Strategy
) -> None:
    index = strategy.session.instruments["ETHUSDT"].index
    sim.instrument("ETHUSDT", listed=False)
    strategy.until(lambda: strategy.status("ETHUSDT") is Status.CLOSED)
    assert strategy.books["ETHUSDT"][-1] == (State.DOWN, Reason.UNAVAILABLE)
    assert strategy.session.top("ETHUSDT").bbo().state is State.DOWN
    assert daemon.state()["unavailable"] == {"ETHUSDT": "the venue lists it no longer"}
    assert daemon.book(index) is None
    eventually(lambda: not [name for name in sim.status()["streams"] if name.startswith("eth")])
    assert strategy.live("BTCUSDT")
    sim.instrument("ETHUSDT", listed=True)
    strategy.until(lambda: strategy.live("ETHUSDT"))
    assert strategy.status("ETHUSDT") is Status.TRADING
    assert strategy.session.instruments["ETHUSDT"].index == index, "listed once"
    assert len(strategy.session.instruments) == len(SYMBOLS)
    assert daemon.state()["unavailable"] == {}
    assert strategy.counter(Counter.CONNECTS) == 2, "on the connections there are"


def test_a_grid_finer_than_the_scale_is_one_error_and_down_until_it_fits(
    sim: Sim, daemon: Daemon, strategy: Strategy
) -> None:
    sim.instrument("ETHUSDT", tick="0.000000001")
    strategy.until(lambda: strategy.status("ETHUSDT") is Status.UNKNOWN)
    assert strategy.books["ETHUSDT"][-1] == (State.DOWN, Reason.UNAVAILABLE)
    asked = sim.status()["requests"][INFO]
    strategy.until(lambda: sim.status()["requests"][INFO] >= asked + 2)
    assert strategy.counter(Counter.MISFITS) == 1
    assert "tick_e" in daemon.state()["unavailable"]["ETHUSDT"]
    assert daemon.text().count("finer than the scale") == 1, "one error"
    sim.instrument("ETHUSDT", tick="0.01")
    strategy.until(lambda: strategy.live("ETHUSDT"))
    assert strategy.status("ETHUSDT") is Status.TRADING
    assert strategy.live("BTCUSDT")
    assert "Traceback" not in daemon.text()


@pytest.mark.parametrize("lines", [1, 2])
def test_a_new_symbol_that_the_configuration_means_is_served(
    sim: Sim, tmp_path: Path, lines: int
) -> None:
    with daemon_of(sim, tmp_path, ["*"], lines=lines) as daemon:
        daemon.ready()
        strategy = Strategy(daemon)
        with strategy.session:
            strategy.look()
            sim.instrument("NEWUSDT", listed=True, tick="0.05", step="0.1", price="250")
            strategy.until(
                lambda: "NEWUSDT" in [symbol for _, symbol in strategy.session.instruments]
            )
            strategy.until(lambda: strategy.live("NEWUSDT"))
            assert next(row for row in strategy.changes if row[0] == "NEWUSDT")[3] == 1
            assert strategy.session.instruments["NEWUSDT"].tick == 0.05
            assert equal_books(daemon, sim, [*SYMBOLS, "NEWUSDT"])
            assert strategy.counter(Counter.CONNECTS) == 2 * lines
            rows = eventually(
                lambda: (
                    all(row["granted"] == row["streams"] for row in daemon.state()["connections"])
                    and daemon.state()["connections"]
                )
            )
            assert sum(row["streams"] for row in rows) == 3 * 4 * lines, "every line carries it"
            sim.instrument("PENDUSDT", listed=True, status="PENDING_TRADING")
            asked = sim.status()["requests"][INFO]
            strategy.until(lambda: sim.status()["requests"][INFO] >= asked + 2)
            assert len(strategy.session.instruments) == 3, "it does not trade yet"
            sim.instrument("PENDUSDT", status="TRADING")
            strategy.until(lambda: len(strategy.session.instruments) == 4)
            strategy.until(lambda: strategy.live("PENDUSDT"))


def test_an_older_answer_undoes_nothing(sim: Sim, daemon: Daemon, strategy: Strategy) -> None:
    older = json.dumps(sim.ask(INFO))
    sim.instrument("BTCUSDT", tick="0.01")
    strategy.until(lambda: strategy.session.instruments["BTCUSDT"].tick == 0.01)
    sim.fault("status", path=f"*{INFO}", status=200, body=older, count=1)
    strategy.until(lambda: strategy.counter(Counter.INSTRUMENTS_OLD) == 1)
    assert strategy.session.instruments["BTCUSDT"].tick == 0.01
    assert len(strategy.changes) == 1


def test_nothing_is_asked_during_a_ban(sim: Sim, daemon: Daemon, strategy: Strategy) -> None:
    body = '{"code":-1003,"msg":"banned"}'
    started = time.monotonic()
    sim.fault("status", path=f"*{INFO}", status=418, retry_after=3, body=body, count=1)
    eventually(lambda: sim.status()["faults"].get("status") == 1)
    asked = sim.status()["requests"][INFO]
    eventually(lambda: sim.status()["requests"][INFO] > asked)
    assert time.monotonic() - started > 3
    assert strategy.counter(Counter.HTTP_THROTTLED) == 1


def test_the_list_is_changed_by_command(sim: Sim) -> None:
    def command(*words: str) -> "subprocess.CompletedProcess[str]":
        line = [*COMMAND, "sim", "instrument", *words, "--url", sim.where["rest"]]
        return subprocess.run(line, capture_output=True, text=True, timeout=100, check=False)

    done = command("ETHUSDT", "status=BREAK", "tick=0.05")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["tick"] == "0.05"
    wrong = command("ETHUSDT", "colour=red")
    assert wrong.returncode == 2
    assert "unknown key 'colour'" in wrong.stderr
    rows = {row["symbol"]: row for row in sim.ask(INFO)["symbols"]}
    assert rows["ETHUSDT"]["status"] == "BREAK"
    assert rows["ETHUSDT"]["filters"][0]["tickSize"] == "0.05"
    first = sim.ask("/fapi/v1/depth?symbol=ETHUSDT&limit=5")["lastUpdateId"]
    other = sim.ask("/fapi/v1/depth?symbol=BTCUSDT&limit=5")["lastUpdateId"]
    eventually(lambda: sim.ask("/fapi/v1/depth?symbol=BTCUSDT&limit=5")["lastUpdateId"] > other)
    assert sim.ask("/fapi/v1/depth?symbol=ETHUSDT&limit=5")["lastUpdateId"] == first


# --- a part of ours fails


def test_a_venue_whose_part_fails_is_down_first_and_then_served_again(
    sim: Sim, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail = tmp_path / "fail"
    monkeypatch.setenv("FAIL_FILE", str(fail))
    feeds = [{"instruments": SYMBOLS}]
    with Daemon(tmp_path, sim, feeds=feeds, venue={"refresh_s": 1}, command=FAILING) as daemon:
        daemon.ready()
        strategy = Strategy(daemon)
        with strategy.session as session:
            assert all(strategy.live(symbol) for symbol in SYMBOLS)
            strategy.look()
            strategy.books.clear()
            epoch, sequence = session.epoch, session.received
            indexes = [session.instruments[symbol].index for symbol in SYMBOLS]
            for round_ in (1, 2):
                fail.touch()
                strategy.until(lambda n=round_: strategy.counter(Counter.RESTARTS) >= n)
                fail.unlink()
                for symbol in SYMBOLS:
                    assert strategy.books[symbol][0] == (State.DOWN, Reason.RESTART)
                strategy.until(lambda: all(strategy.live(symbol) for symbol in SYMBOLS), 40)
                assert equal_books(daemon, sim, SYMBOLS)
                assert strategy.books["BTCUSDT"][-1] == (State.LIVE, Reason.FRESH)
                strategy.books.clear()
            assert [session.instruments[symbol].index for symbol in SYMBOLS] == indexes
            assert len(session.instruments) == len(SYMBOLS), "nothing is listed twice"
            assert session.attached
            assert session.epoch == epoch
            assert session.received > sequence
            assert session.lost == 0, "the ring's sequences go on"
            assert session.request("ping")["ok"]
            restarts = strategy.counter(Counter.RESTARTS)
        assert daemon.text().count("KeyError: 'a bug'") == restarts, "each is logged once"
        connections = {row["id"] for row in sim.status()["connections"]}
        assert len(connections) == 2, "the ones of before were closed"
        assert daemon.stop() == 0


def test_sigterm_ends_the_wait_for_the_next_try(
    sim: Sim, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail = tmp_path / "fail"
    monkeypatch.setenv("FAIL_FILE", str(fail))
    fail.touch()
    with Daemon(tmp_path, sim, command=FAILING) as daemon:
        eventually(lambda: "it starts again in" in daemon.text(), 20)
        eventually(lambda: daemon.text().count("it starts again in") >= 2, 20)
        assert "READY=1" not in daemon.heard
        assert daemon.stop() == 0
        assert "it starts again in" not in daemon.text().partition("stopping")[2], "no other try"


def test_a_fault_that_stays_is_not_ready_in_time(
    sim: Sim, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail = tmp_path / "fail"
    monkeypatch.setenv("FAIL_FILE", str(fail))
    fail.touch()
    with Daemon(tmp_path, sim, daemon={"ready_s": 1.5}, command=FAILING) as daemon:
        assert daemon.process.wait(60) == 4
