"""The strategies that trade, of the examples and the pages, on a simulated venue."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from decimal import Decimal
from itertools import accumulate, pairwise
from pathlib import Path

import pytest

from tests.e2e.stage import ROOT
from tests.e2e.test_examples import python_blocks
from tests.reference.ground import Ground
from tests.reference.grounds import LINEAR_ONES, SYMBOLS
from tests.reference.sim_process import Simulator
from tests.reference.stack import Daemon, Sim, eventually

KEY, SECRET = "THEIRKEY", "theirs"
FIRST, SECOND = SYMBOLS[:2]
ACCOUNT = {
    "key": "env:TEST_EXAMPLE_KEY",
    "secret": "env:TEST_EXAMPLE_SECRET",
    "strategies": ["maker"],
}
Fill = tuple[str, Decimal, Decimal]
"""Symbol, what was bought (less what was sold), the position after it."""
ENVIRON = {"TEST_EXAMPLE_KEY": KEY, "TEST_EXAMPLE_SECRET": SECRET}


class Stage:
    """Venue and daemon, and what the venue says of the account."""

    def __init__(self, folder: Path, sim: Sim, ground: Ground) -> None:
        self.folder, self.sim, self.ground = folder, sim, ground
        self.daemon = self._start()
        venue = Simulator(sim.process, sim.where)  # type: ignore[arg-type]
        self.clients = {
            symbol: ground.client(venue, KEY, SECRET, replace(ground, symbol=symbol))
            for symbol in (FIRST, SECOND)
        }

    def _start(self) -> Daemon:
        accounts = {"main": {"venue": self.ground.venue, **ACCOUNT}}
        settings = {**self.ground.settings(self.sim.where), **self.ground.hurried}
        daemon = Daemon(self.folder, self.sim, venue=settings, accounts=accounts, environ=ENVIRON)
        return daemon.ready(60)

    def restart(self) -> None:
        """Kill the daemon as nobody should, and start another one."""
        with self.daemon:
            self.daemon.process.kill()
            self.daemon.process.wait(10)
        self.daemon = self._start()

    def open_orders(self) -> set[str]:
        return set().union(*(client.opened() for client in self.clients.values()))

    def at_some_time(self, told: "Fill") -> bool:
        """Whether that was the position at some time, as the venue counts."""
        symbol, _, position = told
        return position in accumulate(self.clients[symbol].bought())

    def run(self, *arguments: str) -> "subprocess.Popen[str]":
        """A strategy as a user starts it."""
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=os.environ
            | {"CONNECTOR_RUNTIME_DIR": str(self.daemon.runtime_dir), "PYTHONPATH": str(ROOT)},
        )  # fmt: skip


@pytest.fixture(scope="module", params=LINEAR_ONES, ids=[one.name for one in LINEAR_ONES])
def stage(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Stage]:
    ground = request.param
    with Sim("--symbols", f"{FIRST},{SECOND}", "--rate", "100", "--weight-limit", "100000",
             "--connects", "10000", *ground.sim, "--account", f"main={KEY}:{SECRET}",
             venue=ground.venue) as sim:  # fmt: skip
        found = Stage(tmp_path_factory.mktemp("t"), sim, ground)
        try:
            yield found
        finally:
            for client in found.clients.values():
                client.close()
            with found.daemon:
                pass


@contextmanager
def at_most(seconds: float, process: "subprocess.Popen[str]") -> Iterator[None]:
    """Kill a process that takes longer."""
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def fill(line: str) -> Fill:
    told = re.fullmatch(r"(BUY|SELL) (\S+) (\S+) at (\S+), position (\S+)\n?", line)
    assert told, line
    side, qty, symbol, price, position = told.groups()
    assert float(price) > 0
    return symbol, Decimal(qty) if side == "BUY" else -Decimal(qty), Decimal(position)


def test_the_market_maker_trades_survives_a_restart_and_leaves_nothing_open(stage: Stage) -> None:
    with stage.run("examples/make_market.py", f"{FIRST}=0.003", f"{SECOND}=0.05") as maker:
        try:
            assert maker.stdout is not None
            assert maker.stderr is not None
            runs: list[list[Fill]] = [[fill(maker.stdout.readline()) for _ in range(4)], []]
            stage.restart()
            while "the daemon is gone" not in (line := maker.stdout.readline()):
                assert line, maker.stderr.read()
                runs[0].append(fill(line))
            # What was filled while no daemon was there is found out soon, and told.
            end = time.monotonic() + 30
            while not (runs[1] and stage.at_some_time(runs[1][-1])):
                line = maker.stdout.readline()
                assert line, maker.stderr.read()
                assert time.monotonic() < end, runs
                runs[1].append(fill(line))
            eventually(stage.open_orders)
            maker.send_signal(signal.SIGINT)
            # Not communicate(): it does not know of lines that came with one that was read.
            with at_most(30, maker):
                rest, errors = maker.stdout.read(), maker.stderr.read()
                maker.wait()
        finally:
            maker.kill()
    assert maker.returncode == 0, errors
    runs[1] += [fill(line) for line in rest.splitlines()]
    assert stage.open_orders() == set()
    for fills in runs:
        for symbol in (FIRST, SECOND):
            of_one = [(bought, position) for one, bought, position in fills if one == symbol]
            steps = pairwise(of_one)
            assert all(now - bought == before for (_, before), (bought, now) in steps), of_one


def test_without_sizes_it_says_how(stage: Stage) -> None:
    with stage.run("examples/make_market.py", FIRST) as maker:
        _, errors = maker.communicate(timeout=30)
    assert maker.returncode == 1
    assert "SYMBOL=QUANTITY" in errors


def test_it_is_short() -> None:
    assert len((ROOT / "examples" / "make_market.py").read_text().splitlines()) <= 120


def test_the_order_of_the_readme_lives_and_is_cancelled(stage: Stage) -> None:
    _, code = python_blocks("README.md")
    assert len(code.strip().splitlines()) <= 10
    with stage.run("-uc", code) as program:
        assert program.stdout is not None
        told = [program.stdout.readline().split()[:2] for _ in range(2)]
        program.kill()
        assert told[0] == ["SUBMITTED", "NEW"], program.stderr
        assert told[1][0] in ("CANCELLED", "EXECUTED")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_page_about_trading_works_as_it_stands(tmp_path: Path) -> None:
    """Its blocks in order: venue, configuration, daemon, strategy, its start, its journal."""
    page = (ROOT / "docs" / "trading.md").read_text().replace("9080", str(free_port()))
    blocks = re.findall(r"```(\w+)\n(.*?)```", page, re.S)
    kinds = [kind for kind, _ in blocks]
    assert kinds == ["sh", "toml", "sh", "python", "sh", "sh"]
    venue, configuration, daemon, program, start, look = (text for _, text in blocks)
    (tmp_path / "try.toml").write_text(configuration)
    (tmp_path / "round_trip.py").write_text(program)
    (tmp_path / "bin").mkdir()
    for name, words in (("connector", "-m connector"), ("python", "")):
        shim = tmp_path / "bin" / name
        shim.write_text(f'#!/bin/sh\nexec {sys.executable} {words} "$@"\n')
        shim.chmod(0o755)
    environ = os.environ | {
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT),
        "CONNECTOR_RUNTIME_DIR": str(tmp_path / "run"),
        "CONNECTOR_STATE_DIR": str(tmp_path / "state"),
    }  # fmt: skip
    with ExitStack() as stack:

        def typed(line: str) -> "subprocess.Popen[str]":
            process = stack.enter_context(
                subprocess.Popen(
                    ["/bin/sh", "-c", f"exec env {line}"], cwd=tmp_path, env=environ, text=True,
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                )
            )  # fmt: skip
            stack.callback(process.terminate)
            return process

        running = typed(venue.strip())
        assert running.stdout is not None
        assert "TRYKEY" not in running.stdout.readline()
        serving = typed(daemon.strip())
        assert serving.stderr is not None
        assert any(" ready " in line for line in serving.stderr), "or it ends, and says why"
        said, errors = typed(start.strip()).communicate(timeout=60)
        assert re.search(r"^SUBMITTED NEW 0.0 at ", said), errors
        assert re.search(r"bought at \d+\.\d+ sold at \d+\.\d+\n$", said), errors
        told, errors = typed(look.strip()).communicate(timeout=30)
    assert told.count("update=SUBMITTED") == 2, errors
    assert "update=EXECUTED" in told
