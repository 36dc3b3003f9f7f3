"""Simulated venue, daemon and strategy, each as a user runs it, on every ground: orders and every
report of them. One venue a ground for all tests, each of which has an account of its own."""

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
from tests.reference.ground import Ground
from tests.reference.grounds import EACH, FAMILIES, VENUES, only
from tests.reference.patient import Patient
from tests.reference.sim_process import Simulator
from tests.reference.stack import COMMAND, Daemon, Sim, eventually
from tests.reference.trading_stage import KEY, SECRET, key_of, simulated

ANSWER, REPORT = layout("CommandAnswerBody"), layout("OrderReportBody")
TESTS = 10


class Told:
    """What the journal of the strategy says: answers by command, updates of orders."""

    def __init__(self, entries: list[journal_files.Entry]) -> None:
        self.entries = entries
        answers = [ANSWER.unpack(e.body) for e in entries if e.kind == RecordType.COMMAND_ANSWER]
        self.answers = [
            (one.command & 0xFFFF, Result(one.result), one.code)
            for one in answers
            if not one.command >> 63  # the connector's own, when nobody came back
        ]
        self.orders = [REPORT.unpack(e.body) for e in entries if e.kind == RecordType.ORDER_REPORT]
        self.reports = [
            Update(one.update) for one in self.orders if not one.flags & ReportFlag.SNAPSHOT
        ]


class Stage:
    """The three of them."""

    def __init__(self, folder: Path, sim: Sim, ground: Ground, who: str = "main") -> None:
        self.folder, self.sim, self.ground, self._who = folder, sim, ground, who
        self.symbol, self.quantity = ground.symbol, ground.quantity(0.01)
        self.command: list[str] | None = None
        self.venue = Simulator(sim.process, sim.where)  # type: ignore[arg-type]
        self.trader: Any = ground.client(self.venue, key_of(who), SECRET, ground)
        self.daemon = self._start()

    def _start(self) -> Daemon:
        ground = self.ground
        proof = self.trader.proof("main", key_of(self._who), SECRET)
        return (
            Daemon(
                self.folder,
                self.sim,
                feeds=[{"instruments": [ground.symbol], "channels": [*ground.channels]}],
                venue={
                    "request_s": 10.0,
                    **ground.settings(self.sim.where),
                    **proof.venue,
                    **ground.hurried,
                },
                accounts={
                    "main": {
                        "venue": ground.venue,
                        **proof.account,
                        "strategies": ["maker"],
                        "transport": ground.transport,
                    }
                },
                strategies={"maker": {"grace_s": 600}},
                environ=proof.environ,
                command=self.command,
            )
            .ready()
            .quoted(ground.symbol)
        )

    def place(self, session: Any, name: str = "", **keys: Any) -> Any:
        """An order far from the market."""
        far = self.trader.far()
        keys = {"time_in_force": "gtc", "quantity": self.quantity, **keys}
        return session.place(
            self.symbol, "buy", keys.pop("quantity"), far, client_order_id=name or None, **keys
        )

    def close(self) -> None:
        self.trader.close()
        with self.daemon:
            pass

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
        found: Told = eventually(lambda: (told := self.told()) and done(told) and told, 40)
        return found

    def attach(self, **options: Any) -> Any:
        return Patient(connector.attach("maker", self.daemon.runtime_dir, trading=True, **options))


@pytest.fixture(scope="module", params=FAMILIES, ids=[one.name for one in FAMILIES])
def venue(request: pytest.FixtureRequest) -> Iterator[tuple[Ground, Sim, list[str]]]:
    """A ground, its venue, and accounts that nobody has used."""
    names = [f"orders{number}" for number in range(TESTS)]
    with simulated(request.param, names) as sim:
        yield request.param, sim, names


@pytest.fixture
def stage(venue: tuple[Ground, Sim, list[str]], tmp_path: Path) -> Iterator[Stage]:
    ground, sim, names = venue
    found = Stage(tmp_path, sim, ground, names.pop())
    try:
        yield found
    finally:
        found.close()
        sim.clear()


@pytest.fixture
def a_family(venue: tuple[Ground, Sim, list[str]]) -> None:
    only(venue[0], EACH)


@pytest.fixture
def a_venue(venue: tuple[Ground, Sim, list[str]]) -> None:
    only(venue[0], VENUES)


def test_an_order_and_its_end(stage: Stage) -> None:
    with closing(stage.attach()) as session:
        far = stage.trader.far()
        order = session.place(
            stage.symbol, "buy", stage.quantity, far, time_in_force="gtc", client_order_id="first"
        )
        stage.until(lambda told: told.answers and told.reports)
        assert stage.trader.known("first") == [float(far)]
        assert stage.trader.opened() == {"first"}
        session.cancel(order)
        told = stage.until(lambda told: len(told.answers) == 2 and len(told.reports) == 2)
        assert [one[1:] for one in told.answers] == [(Result.ACCEPTED, 0)] * 2
        assert told.reports == [Update.SUBMITTED, Update.CANCELLED]
        assert stage.trader.opened() == set()


def test_an_order_can_be_cancelled_before_its_answer(a_venue: None, stage: Stage) -> None:
    with closing(stage.attach()) as session:
        session.cancel(stage.place(session))
        told = stage.until(
            lambda told: told.reports[-1:] == [Update.CANCELLED] and len(told.answers) >= 2
        )
        assert told.answers[0][0] != told.answers[1][0]
        assert stage.trader.opened() == set()


def test_a_batch_is_as_few_requests_as_the_venue_takes(stage: Stage) -> None:
    before = stage.venue.status()["requests"]
    with closing(stage.attach()) as session:
        one = {"instrument": stage.symbol, "side": "buy", "quantity": stage.quantity}
        orders = session.place_batch([{**one, "price": stage.trader.far()}] * 5)
        stage.until(lambda told: told.reports == [Update.SUBMITTED] * 5)
        session.cancel_batch(orders)
        told = stage.until(
            lambda told: told.reports.count(Update.CANCELLED) == 5 and len(told.answers) == 10
        )
        assert [one[1:] for one in told.answers] == [(Result.ACCEPTED, 0)] * 10
    after = stage.venue.status()["requests"]
    asked = {path: after[path] - before.get(path, 0) for path in stage.ground.batched}
    assert asked == stage.ground.batched


def test_a_killed_daemon_finds_its_orders_again(stage: Stage) -> None:
    """After a send: the order rests, is cancelled by its name after the restart, and every report
    comes once."""
    with closing(stage.attach()) as session:
        stage.place(session, "kept")
        stage.until(lambda told: told.answers and told.reports)
    stage.restart()
    with closing(stage.attach()) as session:
        told = stage.told()
        snapshot = [one for one in told.orders if one.flags & ReportFlag.SNAPSHOT]
        assert [one.client_order_id for one in snapshot] == ["kept"]
        assert not any(one.flags & ReportFlag.FOREIGN for one in told.orders)
        session.cancel(instrument=stage.symbol, client_order_id="kept")
        told = stage.until(lambda told: Update.CANCELLED in told.reports)
    assert told.reports == [Update.SUBMITTED, Update.CANCELLED]
    assert len({one.order_key for one in told.orders}) == 1
    assert stage.trader.opened() == set()


@pytest.mark.parametrize("executed", [True, False])
def test_a_daemon_killed_while_an_order_is_under_way_finds_out(
    stage: Stage, executed: bool
) -> None:
    """During a send: neither lost nor doubled, and the command gets its answer."""
    stage.sim.fault("lost", **stage.ground.orders["place"], execute=executed)
    with closing(stage.attach()) as session:
        stage.place(session, "gone")
        stage.until(lambda told: any(e.kind == RecordType.SENT for e in told.entries))
        if executed:
            eventually(stage.trader.opened)
    stage.restart()
    wanted = Result.ACCEPTED if executed else Result.REFUSED
    told = stage.until(lambda told: any(one[1] is wanted for one in told.answers))
    assert len({one[0] for one in told.answers}) == 1
    assert [one[1] for one in told.answers if one[1] is not Result.UNKNOWN] == [wanted]
    assert told.reports == [Update.SUBMITTED if executed else Update.REJECTED]
    assert [name for name, _ in stage.trader.history()] == ["gone"] * executed


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


def test_no_secret_is_written_anywhere(a_venue: None, stage: Stage) -> None:
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

        def followed() -> bool:
            stage.place(session)
            return b"{" in market.read_bytes() and b"{" in reports.read_bytes()

        eventually(followed, 30, step_s=0.5)
        stage.place(session, "first")
        stage.place(session, **stage.ground.beyond[1], valid_for_ms=20_000)
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
    """What must be nowhere: the key's halves, a signature, a token, the private stream's
    address."""
    words = [word for word in (SECRET.encode(), KEY.encode(), b"listenKey=") if word in data]
    words += re.findall(rb"eyJ[\w-]{10,}\.[\w-]{10}", data)
    return words + re.findall(rb"signature\W{1,4}[0-9a-fA-F]{16}", data)


def test_a_strategy_that_comes_back_hears_each_report_once(a_venue: None, stage: Stage) -> None:
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
        stage.place(session)
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
