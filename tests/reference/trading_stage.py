"""A simulated venue, a daemon and strategies, each a process of its own that may be killed; on any
ground."""

import itertools
import json
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import connector
from connector.model.counters import Counter
from connector.model.packing import layout
from connector.model.records import RecordType
from connector.model.reports import ReportFlag, Result, Update
from connector.trading import journal_files
from tests.reference import starter
from tests.reference.ground import Client, Ground
from tests.reference.grounds import EACH
from tests.reference.patient import Patient
from tests.reference.sim_process import Simulator
from tests.reference.stack import Daemon, Sim, eventually

KEY, SECRET = "OURKEY", "canary-77b1c0de52"
COMMAND, BODY = layout("Command"), layout("CommandBody")
ANSWER, REPORT = layout("CommandAnswerBody"), layout("OrderReportBody")

STRATEGY = """
import json, sys, connector

session = connector.attach(sys.argv[1], sys.argv[2], trading=True, patience=20)
print("attached", flush=True)
for line in sys.stdin:
    fields = json.loads(line)
    fields.setdefault("valid_for_ms", 10_000)
    session.place(sys.argv[3], fields.pop("side"), fields.pop("qty"), fields.pop("price"), **fields)
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
        self._quantity = stage.ground.quantity
        where = stage.daemon.runtime_dir
        self.process = starter.script(code, name, where, stage.ground.symbol)
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
        """``qty`` as the tests speak of quantities."""
        qty = str(self._quantity(float(qty)))
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
        ground: Ground,
        accounts: Mapping[str, Mapping[str, Any]],
        strategies: Mapping[str, Mapping[str, Any]],
        daemon: Mapping[str, Any],
        who: str = "",
    ) -> None:
        self.folder, self.sim, self.ground, self.who = folder, sim, ground, who
        self.accounts, self.strategies, self.settings = dict(accounts), strategies, daemon
        venue = Simulator(sim.process, sim.where)  # type: ignore[arg-type]
        self.clients: dict[str, Client] = {
            name: ground.client(venue, key_of(who + name), SECRET, ground) for name in accounts
        }
        self.running: list[Strategy] = []
        self.daemon: Daemon

    @property
    def trader(self) -> Any:
        """The first account in other hands than the daemon's."""
        return self.clients["main"]

    def start(self, ready: bool = True) -> Daemon:
        """Start the daemon, again if one was there."""
        if hasattr(self, "daemon"):
            with self.daemon:
                pass
        proofs = {
            name: client.proof(name, key_of(self.who + name), SECRET)
            for name, client in self.clients.items()
        }
        self.daemon = Daemon(
            self.folder,
            self.sim,
            feeds=[{"instruments": [self.ground.symbol], "channels": [*self.ground.channels]}],
            venue={
                "request_s": 2.0,
                **self.ground.settings(self.sim.where),
                **dict(itertools.chain.from_iterable(p.venue.items() for p in proofs.values())),
                **self.ground.hurried,
            },
            accounts={
                name: {
                    "venue": self.ground.venue,
                    **proofs[name].account,
                    "strategies": ["maker"],
                    "transport": self.ground.transport,
                    **keys,
                }
                for name, keys in self.accounts.items()
            },
            strategies=self.strategies,
            daemon=self.settings,
            environ=dict(itertools.chain.from_iterable(p.environ.items() for p in proofs.values())),
        )
        return self.daemon.ready().quoted(self.ground.symbol) if ready else self.daemon

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

    def open_orders(self, account: str = "main") -> list[str]:
        """What rests at the venue, by client order id."""
        return sorted(self.clients[account].opened())

    def positions(self, account: str = "main") -> dict[str, float]:
        """What is held at the venue, by position side, as the tests speak of quantities."""
        each = self.ground.whole or 1
        return {side: held / each for side, held in self.clients[account].held().items()}

    def fault(self, kind: str, action: str = "place", **keys: Any) -> None:
        """A fault on the answer to that kind of order request."""
        self.sim.fault(kind, **self.ground.orders[action], **keys)

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
        for client in self.clients.values():
            client.close()
        if hasattr(self, "daemon"):
            with self.daemon:
                self.daemon.process.send_signal(signal.SIGCONT)


def key_of(account: str) -> str:
    return KEY if account == "main" else KEY + account


def simulated(ground: Ground, names: Iterable[str], *sim: str) -> Sim:
    """The venue of a ground with accounts of these names."""
    accounts = [("--account", f"{name}={ground.user(key_of(name))}:{SECRET}") for name in names]
    return Sim(
        "--symbols", ground.symbol, "--rate", "20", "--weight-limit", "100000",
        "--connects", "10000", *ground.sim, *itertools.chain.from_iterable(accounts), *sim,
        venue=ground.venue,
    )  # fmt: skip


@contextmanager
def staged(
    folder: Path,
    *,
    ground: Ground = EACH[0],
    account: Mapping[str, Any] | None = None,
    more: Mapping[str, Mapping[str, Any]] | None = None,
    strategies: Mapping[str, Mapping[str, Any]] | None = None,
    daemon: Mapping[str, Any] | None = None,
    sim: tuple[str, ...] = (),
    hedge: tuple[str, ...] = (),
    on: Sim | None = None,
    who: str = "",
) -> Iterator[Stage]:
    """All of them; what still runs is ended. ``account``: settings of the account ``main``,
    ``more``: other accounts, ``hedge``: those that hold a long and a short position; ``on``: a
    venue that is there already, whose names of the accounts begin with ``who``."""
    accounts = {"main": account or {}, **(more or {})}
    with ExitStack() as stack:
        if on is None:
            names = [who + name for name in accounts]
            on = stack.enter_context(simulated(ground, names, *sim))
        stage = Stage(folder, on, ground, accounts, strategies or {}, daemon or {}, who)
        stack.callback(stage.close)
        for name in hedge:
            stage.clients[name].hedge()
        stage.start()
        yield stage
