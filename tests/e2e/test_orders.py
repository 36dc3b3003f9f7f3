"""Simulated venue, daemon and strategy, each as a user runs it: orders and every report of them."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

import connector
from connector.model.packing import layout
from connector.model.records import RecordType
from connector.model.reports import ReportFlag, Result, Update
from connector.trading import journal_files
from connector.venues.trading_contract import Transport
from tests.reference.patient import Patient
from tests.reference.signed_client import Trader
from tests.reference.sim_process import Simulator
from tests.reference.stack import COMMAND, Daemon, Sim, eventually

ANSWER, REPORT = layout("CommandAnswerBody"), layout("OrderReportBody")
KEY, SECRET = "OURKEY", "canary-9d1f4c7a2b"
ACCOUNT = {
    "venue": "binance_usdm",
    "key": "env:TEST_ORDER_KEY",
    "secret": "env:TEST_ORDER_SECRET",
    "strategies": ["maker"],
}
ENVIRON = {"TEST_ORDER_KEY": KEY, "TEST_ORDER_SECRET": SECRET}


class Told:
    """What the journal of the strategy says: answers by command, updates of orders."""

    def __init__(self, entries: list[journal_files.Entry]) -> None:
        self.entries = entries
        answers = [ANSWER.unpack(e.body) for e in entries if e.kind == RecordType.COMMAND_ANSWER]
        self.answers = [(one.command & 0xFFFF, Result(one.result), one.code) for one in answers]
        self.orders = [REPORT.unpack(e.body) for e in entries if e.kind == RecordType.ORDER_REPORT]
        self.reports = [
            Update(one.update) for one in self.orders if not one.flags & ReportFlag.SNAPSHOT
        ]


class Stage:
    """The three of them."""

    def __init__(self, folder: Path, sim: Sim, transport: str) -> None:
        self.folder, self.sim, self.transport = folder, sim, transport
        self.command: list[str] | None = None
        self.daemon = self._start()
        self.trader = Trader(Simulator(sim.process, sim.where), KEY, SECRET)  # type: ignore[arg-type]

    def _start(self) -> Daemon:
        return (
            Daemon(
                self.folder,
                self.sim,
                feeds=[{"instruments": ["BTCUSDT"], "channels": ["bbo", "mark_price"]}],
                venue={"request_s": 2.0, "ws_api_url": f"{self.sim.where['ws']}/ws-fapi/v1"},
                accounts={"main": {**ACCOUNT, "transport": self.transport}},
                environ=ENVIRON,
                command=self.command,
            )
            .ready()
            .quoted()
        )

    def restart(self) -> None:
        """Kill the daemon as nobody should, and start it again."""
        with self.daemon:
            self.daemon.process.send_signal(signal.SIGKILL)
            self.daemon.process.wait(10)
        self.daemon = self._start()

    def told(self) -> Told:
        folders = self.daemon.runtime_dir, self.daemon.state_dir
        return Told(list(journal_files.entries(*folders, "maker")))

    def until(self, done: Callable[[Told], Any]) -> Told:
        """What the journal says once it says that."""
        found: Told = eventually(lambda: (told := self.told()) and done(told) and told, 20)
        return found

    def attach(self, **options: Any) -> Any:
        return Patient(connector.attach("maker", self.daemon.runtime_dir, trading=True, **options))


@pytest.fixture(params=[transport.value for transport in Transport])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    with Sim("--symbols", "BTCUSDT", "--rate", "20", "--weight-limit", "100000",
             "--connects", "10000", "--account", f"main={KEY}:{SECRET}") as sim:  # fmt: skip
        found = Stage(tmp_path, sim, request.param)
        try:
            yield found
        finally:
            with found.daemon:
                pass


def test_an_order_and_its_end(stage: Stage) -> None:
    with closing(stage.attach()) as session:
        far = stage.trader.far()
        order = session.place(
            "BTCUSDT", "buy", "0.01", far, time_in_force="gtc", client_order_id="first"
        )
        stage.until(lambda told: told.answers and told.reports)
        (row,) = stage.trader.ok("GET", "/fapi/v1/openOrders")
        assert row["price"].startswith(far)
        assert row["clientOrderId"] == "first"
        session.cancel(order)
        told = stage.until(lambda told: len(told.answers) == 2 and len(told.reports) == 2)
        assert [one[1:] for one in told.answers] == [(Result.ACCEPTED, 0)] * 2
        assert told.reports == [Update.SUBMITTED, Update.CANCELLED]
        assert stage.trader.ok("GET", "/fapi/v1/openOrders") == []


def test_an_order_can_be_cancelled_before_its_answer(stage: Stage) -> None:
    with closing(stage.attach()) as session:
        order = session.place("BTCUSDT", "buy", "0.01", stage.trader.far(), time_in_force="gtc")
        session.cancel(order)
        told = stage.until(
            lambda told: told.reports[-1:] == [Update.CANCELLED] and len(told.answers) >= 2
        )
        assert told.answers[0][0] != told.answers[1][0]
        assert stage.trader.ok("GET", "/fapi/v1/openOrders") == []


def test_a_batch_is_one_request(stage: Stage) -> None:
    with closing(stage.attach()) as session:
        one = {"instrument": "BTCUSDT", "side": "buy", "quantity": "0.01"}
        orders = session.place_batch([{**one, "price": stage.trader.far()}] * 5)
        stage.until(lambda told: told.reports == [Update.SUBMITTED] * 5)
        session.cancel_batch(orders)
        told = stage.until(lambda told: told.reports.count(Update.CANCELLED) == 5)
        assert [one[1:] for one in told.answers] == [(Result.ACCEPTED, 0)] * 10
    venue = Simulator(stage.sim.process, stage.sim.where)  # type: ignore[arg-type]
    assert venue.status()["requests"]["/fapi/v1/batchOrders"] == 2


def test_a_killed_daemon_finds_its_orders_again(stage: Stage) -> None:
    """After a send: the order rests, is cancelled by its name after the restart, and every report
    comes once."""
    with closing(stage.attach()) as session:
        far = stage.trader.far()
        session.place("BTCUSDT", "buy", "0.01", far, time_in_force="gtc", client_order_id="kept")
        stage.until(lambda told: told.answers and told.reports)
    stage.restart()
    with closing(stage.attach()) as session:
        told = stage.told()
        snapshot = [one for one in told.orders if one.flags & ReportFlag.SNAPSHOT]
        assert [one.client_order_id for one in snapshot] == ["kept"]
        assert not any(one.flags & ReportFlag.FOREIGN for one in told.orders)
        session.cancel(instrument="BTCUSDT", client_order_id="kept")
        told = stage.until(lambda told: Update.CANCELLED in told.reports)
    assert told.reports == [Update.SUBMITTED, Update.CANCELLED]
    assert len({one.order_key for one in told.orders}) == 1
    assert stage.trader.ok("GET", "/fapi/v1/openOrders") == []


@pytest.mark.parametrize("executed", [True, False])
def test_a_daemon_killed_while_an_order_is_under_way_finds_out(
    stage: Stage, executed: bool
) -> None:
    """During a send: neither lost nor doubled, and the command gets its answer."""
    place = {"path": "/fapi/v1/order", "method": "POST"}
    if stage.transport == Transport.WS_API.value:
        place = {"path": "order.place"}
    stage.sim.fault("lost", **place, execute=executed)
    with closing(stage.attach()) as session:
        far = stage.trader.far()
        session.place("BTCUSDT", "buy", "0.01", far, time_in_force="gtc", client_order_id="gone")
        stage.until(lambda told: any(e.kind == RecordType.SENT for e in told.entries))
        if executed:
            eventually(lambda: stage.trader.ok("GET", "/fapi/v1/openOrders"))
    stage.restart()
    wanted = Result.ACCEPTED if executed else Result.REFUSED
    told = stage.until(lambda told: any(one[1] is wanted for one in told.answers))
    assert len({one[0] for one in told.answers}) == 1
    assert [one[1] for one in told.answers if one[1] is not Result.UNKNOWN] == [wanted]
    assert told.reports == [Update.SUBMITTED if executed else Update.REJECTED]
    orders = stage.trader.ok("GET", "/fapi/v1/allOrders", symbol="BTCUSDT")
    assert len(orders) == int(executed)


@contextmanager
def tapped(stage: Stage, name: str, *options: str) -> Iterator[Path]:
    """What ``connector tap`` prints, in a file of that name."""
    file = stage.folder / name
    command = [*COMMAND, "tap", "--json", "--runtime-dir", str(stage.daemon.runtime_dir),
               "--state-dir", str(stage.daemon.state_dir), *options]  # fmt: skip
    with file.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as tap:
        try:
            yield file
        finally:
            tap.send_signal(signal.SIGINT)


def test_no_secret_is_written_anywhere(stage: Stage) -> None:
    """Neither by a daemon that logs everything, nor by who follows what it tells."""
    stage.command = [sys.executable, "-m", "tests.reference.debug_daemon"]
    stage.restart()
    built = Path(connector.__file__).resolve().parents[1]
    maps = Path(f"/proc/{stage.daemon.process.pid}/maps").read_text()
    ours = {line.split()[-1] for line in maps.splitlines() if "/_speedups/" in line}
    assert ours, "no extension of ours"
    assert all(Path(one).is_relative_to(built) for one in ours), ours
    with (
        tapped(stage, "market") as market,
        tapped(stage, "told", "--strategy", "maker") as reports,
        closing(stage.attach()) as session,
    ):
        far = stage.trader.far()

        def followed() -> bool:
            session.place("BTCUSDT", "buy", "0.01", far, time_in_force="gtc")
            return b"{" in market.read_bytes() and b"{" in reports.read_bytes()

        eventually(followed, 30, step_s=0.5)
        session.place("BTCUSDT", "buy", "0.01", far, time_in_force="gtc", client_order_id="first")
        session.place("BTCUSDT", "buy", "0.01", far, reduce_only=True, valid_for_ms=20_000)
        stage.until(lambda told: any(e.kind == RecordType.TEXT for e in told.entries))
        stage.sim.fault("cut", stream="*")
        stage.until(lambda told: told.answers)
        assert not leaks(json.dumps(stage.daemon.ask("state")).encode())
        for path in Path(f"/proc/{stage.daemon.process.pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # sockets come and go
                if "memfd:" in str(path.readlink()):
                    assert not leaks(path.read_bytes()), path.readlink()
    stage.daemon.stop()
    files = [path for path in stage.folder.rglob("*") if path.is_file()]
    assert {"log", "boot", "market", "told"} <= {path.name for path in files}
    assert b"everything is logged" in (stage.folder / "log").read_bytes()
    for path in files:
        assert not leaks(path.read_bytes()), path


def leaks(data: bytes) -> list[bytes]:
    """What must be nowhere: the key's halves, a signature, the private stream's address."""
    words = [word for word in (SECRET.encode(), KEY.encode(), b"listenKey=") if word in data]
    return words + re.findall(rb"signature\W{1,4}[0-9a-fA-F]{16}", data)


def test_a_strategy_that_comes_back_hears_each_report_once(stage: Stage) -> None:
    """By number what it missed, also over a kill of the daemon; without one what comes next."""

    def hear(session: Any, number: int) -> list[int]:
        heard: list[int] = []

        def enough() -> bool:
            while (event := session.poll()) is not None:
                if session.report_sequence > (heard[-1] if heard else first):
                    heard.append(session.report_sequence)
                del event
            return session.report_sequence >= number

        first = session.report_sequence
        eventually(enough, 20)
        return heard

    with closing(stage.attach()) as session:
        session.place("BTCUSDT", "buy", "0.01", stage.trader.far(), time_in_force="gtc")
        told = stage.until(lambda told: told.answers and told.reports)
        last = told.entries[-1].sequence
        heard = hear(session, last)
        assert heard == list(range(heard[0], heard[-1] + 1))
    stage.restart()
    with closing(stage.attach(resume=2)) as session:
        now = stage.told().entries[-1].sequence
        assert hear(session, now) == list(range(3, now + 1))
    with closing(stage.attach()) as session:
        assert session.report_sequence == now
        later = stage.told().entries[-1].sequence
        assert later > now, "how everything stands is told to who attaches"
        assert hear(session, later) == list(range(now + 1, later + 1))
