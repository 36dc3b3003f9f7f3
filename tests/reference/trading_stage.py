"""A simulated venue, a daemon and strategies, each a process of its own that may be killed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import connector
from connector.model.counters import Counter
from connector.model.packing import layout
from connector.model.records import RecordType
from connector.model.reports import ReportFlag, Result, Update
from connector.trading import journal_files
from tests.reference.patient import Patient
from tests.reference.signed_client import Trader
from tests.reference.sim_process import Simulator
from tests.reference.stack import Daemon, Sim, eventually

KEY, SECRET = "OURKEY", "canary-77b1c0de52"
ENVIRON = {"TEST_STAGE_KEY": KEY, "TEST_STAGE_SECRET": SECRET}
ACCOUNT = {
    "venue": "binance_usdm",
    "key": "env:TEST_STAGE_KEY",
    "secret": "env:TEST_STAGE_SECRET",
    "strategies": ["maker"],
}
SIM = ("--symbols", "BTCUSDT", "--rate", "20", "--weight-limit", "100000", "--connects", "10000",
       "--account", f"main={KEY}:{SECRET}")  # fmt: skip
FEEDS = [{"instruments": ["BTCUSDT"], "channels": ["bbo", "mark_price"]}]
COMMAND, BODY = layout("Command"), layout("CommandBody")
ANSWER, REPORT = layout("CommandAnswerBody"), layout("OrderReportBody")

STRATEGY = """
import json, sys, connector

session = connector.attach(sys.argv[1], sys.argv[2], trading=True, patience=20)
print("attached", flush=True)
for line in sys.stdin:
    fields = json.loads(line)
    fields.setdefault("valid_for_ms", 10_000)
    session.place("BTCUSDT", fields.pop("side"), fields.pop("qty"), fields.pop("price"), **fields)
    print("placed", flush=True)
"""


class Told:
    """What the journal of a strategy says."""

    def __init__(self, entries: list[journal_files.Entry]) -> None:
        self.entries = entries
        bodies = [BODY.unpack(e.body) for e in entries if e.kind == RecordType.COMMAND]
        self.commands = [COMMAND.unpack(body.command) for body in bodies]
        self.own = [one for one in self.commands if one.stamp >> 63]
        """Commands of the connector itself."""
        answers = [ANSWER.unpack(e.body) for e in entries if e.kind == RecordType.COMMAND_ANSWER]
        self.answers = [(one.command, Result(one.result), one.code) for one in answers]
        reports = [REPORT.unpack(e.body) for e in entries if e.kind == RecordType.ORDER_REPORT]
        self.orders = [one for one in reports if not one.flags & ReportFlag.SNAPSHOT]
        self.updates = [(one.client_order_id, Update(one.update)) for one in self.orders]


class Strategy:
    """A process that trades until it is ended."""

    def __init__(self, stage: "Stage", name: str, code: str = STRATEGY) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, name, str(stage.daemon.runtime_dir)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.hear("attached")

    def hear(self, word: str) -> None:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.strip() == word, (line, self.process.poll())

    def say(self, line: str, answer: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        self.hear(answer)

    def place(self, side: str, qty: str, price: str | None, **fields: Any) -> None:
        self.say(json.dumps({"side": side, "qty": qty, "price": price, **fields}), "placed")

    def kill(self, number: int = signal.SIGKILL) -> None:
        self.process.send_signal(number)
        self.process.wait(30)

    def close(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()
        self.process.kill()
        self.process.wait(30)


class Stage:
    """All of them."""

    def __init__(
        self,
        folder: Path,
        sim: Sim,
        account: Mapping[str, Any],
        strategies: Mapping[str, Mapping[str, Any]],
        daemon: Mapping[str, Any],
    ) -> None:
        self.folder, self.sim = folder, sim
        self.account, self.strategies, self.settings = account, strategies, daemon
        self.trader = Trader(Simulator(sim.process, sim.where), KEY, SECRET)  # type: ignore[arg-type]
        self.running: list[Strategy] = []
        self.daemon: Daemon
        self.start()

    def start(self, ready: bool = True) -> Daemon:
        """Start the daemon, again if one was there."""
        if hasattr(self, "daemon"):
            with self.daemon:
                pass
        self.daemon = Daemon(
            self.folder,
            self.sim,
            feeds=FEEDS,
            venue={"request_s": 2.0, "ws_api_url": f"{self.sim.where['ws']}/ws-fapi/v1"},
            accounts={"main": {**ACCOUNT, **self.account}},
            strategies=self.strategies,
            daemon=self.settings,
            environ={**os.environ, **ENVIRON},
        )
        return self.daemon.ready().quoted() if ready else self.daemon

    def kill(self) -> None:
        """End the daemon as nobody should."""
        self.daemon.process.kill()
        self.daemon.process.wait(30)

    def strategy(self, name: str = "maker", code: str = STRATEGY) -> Strategy:
        found = Strategy(self, name, code)
        self.running.append(found)
        return found

    def told(self, name: str = "maker") -> Told:
        folders = self.daemon.runtime_dir, self.daemon.state_dir
        return Told(list(journal_files.entries(*folders, name)))

    def until(self, done: Callable[[Told], Any], name: str = "maker", seconds: float = 40) -> Told:
        """What the journal says once it says that."""

        def look() -> Told | None:
            told = self.told(name)
            return told if done(told) else None

        found: Told = eventually(look, seconds)
        return found

    def open_orders(self) -> list[str]:
        """What rests at the venue, by client order id."""
        rows = self.trader.ok("GET", "/fapi/v1/openOrders")
        return sorted(row["clientOrderId"] for row in rows)

    def positions(self) -> dict[str, float]:
        """What is held at the venue, by position side."""
        rows = self.trader.ok("GET", "/fapi/v3/positionRisk")
        return {r["positionSide"]: float(r["positionAmt"]) for r in rows if float(r["positionAmt"])}

    def counter(self, counter: Counter) -> int:
        """One of the daemon's counters."""
        with connector.attach("look", self.daemon.runtime_dir) as session:
            return session.counters[counter]

    def account_state(self) -> dict[str, Any]:
        """How the daemon says that the account is."""
        found: dict[str, Any] = self.daemon.ask("state")["state"]["accounts"]["main"]
        return found

    def asked(self, request: str) -> bool:
        """Whether the daemon answers."""
        try:
            return bool(self.daemon.ask(request))
        except (OSError, AssertionError):
            return False

    def missed(self) -> list[str]:
        """Strategies whose grace is over."""
        found: list[str] = self.daemon.ask("state")["state"]["missed"]
        return found

    def attach(self, name: str = "maker", **options: Any) -> Any:
        return Patient(connector.attach(name, self.daemon.runtime_dir, trading=True, **options))

    def close(self) -> None:
        for strategy in self.running:
            strategy.close()
        with self.daemon:
            self.daemon.process.send_signal(signal.SIGCONT)


@contextmanager
def staged(
    folder: Path,
    *,
    account: Mapping[str, Any] | None = None,
    strategies: Mapping[str, Mapping[str, Any]] | None = None,
    daemon: Mapping[str, Any] | None = None,
    sim: tuple[str, ...] = (),
) -> Iterator[Stage]:
    """All of them; what still runs is ended."""
    with Sim(*SIM, *sim) as venue:
        stage = Stage(folder, venue, account or {}, strategies or {}, daemon or {})
        try:
            yield stage
        finally:
            stage.close()
