"""`connector halt` and `resume` as an operator uses them, against a running, a hanging and a killed
daemon of each venue: no new order leaves, cancels do, and nothing forgets it."""

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from connector.model.reports import Code, Result
from tests.e2e.test_orders import Stage
from tests.reference import starter
from tests.reference.ground import Ground
from tests.reference.grounds import VENUES
from tests.reference.stack import COMMAND, Sim, eventually
from tests.reference.trading_stage import simulated


class Operator(Stage):
    """The stage, and somebody at a shell."""

    def run(self, *arguments: str, code: int = 0) -> "subprocess.CompletedProcess[str]":
        done = starter.run(*arguments, "--runtime-dir", self.daemon.runtime_dir)
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def halts(self) -> list[dict[str, Any]]:
        found = self.daemon.ask("state")["state"]["halts"]
        assert isinstance(found, list)
        return found

    def open_orders(self) -> set[str]:
        found: set[str] = self.trader.opened()
        return found

    def answer(self, number: int) -> tuple[Result, int]:
        """The answer to the n-th command of the session."""
        told = self.until(lambda told: any(one[0] == number for one in told.answers))
        return next(one[1:] for one in told.answers if one[0] == number)


@pytest.fixture(scope="module", params=VENUES, ids=[one.name for one in VENUES])
def venue(request: pytest.FixtureRequest) -> Iterator[tuple[Ground, Sim, list[str]]]:
    """A ground, its venue, and accounts that nobody has used."""
    names = [f"halts{number}" for number in range(8)]
    with simulated(request.param, names) as sim:
        yield request.param, sim, names


@pytest.fixture
def stage(venue: tuple[Ground, Sim, list[str]], tmp_path: Path) -> Iterator[Operator]:
    ground, sim, names = venue
    found = Operator(tmp_path, sim, ground, names.pop())
    try:
        yield found
    finally:
        found.close()
        sim.clear()


REFUSED = (Result.REFUSED, Code.HALTED.value)
ACCEPTED = (Result.ACCEPTED, 0)


@pytest.mark.parametrize("scope", [(), ("--account", "main"), ("--strategy", "maker")])
def test_a_halt_stops_orders_and_not_cancels(stage: Operator, scope: tuple[str, ...]) -> None:
    with closing(stage.attach()) as session:
        stage.place(session, "before")
        assert stage.answer(1) == ACCEPTED
        done = stage.run("halt", *scope, "--reason", "maintenance")
        assert "maintenance" in done.stdout
        assert done.stderr == ""
        stage.place(session, "halted")
        assert stage.answer(2) == REFUSED
        assert stage.open_orders() == {"before"}
        session.cancel(instrument=stage.symbol, client_order_id="before")
        assert stage.answer(3) == ACCEPTED
        assert stage.open_orders() == set()
        (halt,) = eventually(stage.halts)
        assert halt["reason"] == "maintenance"
        assert "maintenance" in stage.run("top", "--once").stdout
        assert json.loads(stage.run("top", "--json").stdout)["halts"]
        assert stage.run("resume", *scope).stdout.count("resumed: ") == 1
        stage.place(session, "after")
        assert stage.answer(4) == ACCEPTED
        # Commands meet the file itself; what changed in it is logged at the next look.
        for said in ("halted: ", "resumed: "):
            eventually(lambda said=said: said in stage.daemon.text())


def test_a_daemon_that_hangs_is_halted_all_the_same(stage: Operator) -> None:
    with closing(stage.attach()) as session:
        stage.daemon.process.send_signal(signal.SIGSTOP)
        stage.place(session, "while-it-hung")
        done = stage.run("halt")
        assert "no daemon answers" in done.stderr
        stage.daemon.process.send_signal(signal.SIGCONT)
        # Which of two reasons is said depends on how long it hung; what counts: it did not leave.
        assert stage.answer(1)[0] is Result.REFUSED
        assert stage.open_orders() == set()
        assert stage.trader.history() == []


def test_a_killed_daemon_starts_halted(stage: Operator) -> None:
    with closing(stage.attach()) as session:
        stage.place(session, "before")
        assert stage.answer(1) == ACCEPTED
        stage.daemon.process.send_signal(signal.SIGSTOP)
        pid = stage.daemon.process.pid
        assert f"killed: pid {pid}" in stage.run("halt", "--kill", "--reason", "gone mad").stdout
        assert stage.daemon.process.wait(10) == -signal.SIGKILL
    assert "no daemon to kill" in stage.run("halt", "--kill", code=1).stderr
    stage.restart()
    with closing(stage.attach()) as session:
        stage.place(session, "after")
        assert stage.answer(2) == REFUSED
        session.cancel(instrument=stage.symbol, client_order_id="before")
        assert stage.answer(3) == ACCEPTED
        stage.run("resume", "--all")
        stage.place(session, "resumed")
        assert stage.answer(4) == ACCEPTED


def test_wrong_words_are_named(stage: Operator) -> None:
    done = stage.run("halt", "--account", "mian", code=1)
    assert "no account 'mian': that halts nothing; it has main (did you mean" in done.stderr
    done = stage.run("resume")
    assert "halted: ACCOUNT mian" in done.stdout  # it stands, for whichever daemon knows it
    assert "resumed" in stage.run("resume", "--account", "mian").stdout
    for wrong in (["resume", "--account", "mian"], ["resume", "--loss", "--strategy", "makr"]):
        assert "the daemon has no" in stage.run(*wrong, code=1).stderr
    stage.run("halt", "--strategy", "nobody", code=1)
    assert stage.run("resume", "--all", "--account", "main", code=2).stderr
    assert "resumed" in stage.run("resume", "--all").stdout
    with (stage.daemon.runtime_dir / "halt").open("r+b") as file:
        file.write(b"?")
    eventually(stage.halts)
    assert "does not begin as a halt file" in stage.run("halt", code=1).stderr
    assert "nothing is halted" in stage.run("resume", "--all").stdout
    nowhere = subprocess.run([*COMMAND, "halt", "--runtime-dir", "/nonexistent/x"],
                             capture_output=True, text=True, check=False)  # fmt: skip
    assert nowhere.returncode == 1
    assert "/nonexistent/x/halt" in nowhere.stderr
