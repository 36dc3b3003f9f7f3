"""``python -m bench.peers``: ours and other projects, in turn, on the same recorded frames.

A regression here: the distance to what else a Python user could run has become smaller.

The peers are installed once, pinned, into ``build/peers-venv``. Each contender is a process of its
own that is told when to run; every one starts each round with the same full book and takes the same
messages. A peer's best round counts, as does ours; "book" leaves out the best 20 levels for the
peers, ours always has them."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from bench.frames import SETS, load
from bench.machine import facts
from bench.peers import ours_streamed, streamed
from bench.peers.decode import CONTENDERS
from bench.peers.orders import CLIENTS, trades
from bench.peers.ours import dump
from bench.peers.pushed import pushed
from bench.report import Group, show, show_machine, write
from bench.streamed import load as load_streamed

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
VENV = ROOT / "build" / "peers-venv"
PYTHON = VENV / "bin" / "python"
IPC = {"iceoryx2": 5_000, "os.pipe": 20_000, "ZeroMQ ipc": 20_000}
IPC_COUNT = 5_000
PYTHON_PEERS = ("cryptofeed", "ccxt.pro", "nautilus_trader", "orjson+dict")


def environment() -> None:
    """Install the pinned peers once; installed again when the pins change."""
    wanted = (HERE / "requirements.txt").read_text()
    stamp = VENV / ".wanted"
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    print(f"installing the peers into {VENV}; this takes some minutes, once", flush=True)
    subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
    install = [str(PYTHON), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    subprocess.run([*install, "-r", str(HERE / "requirements.txt")], check=True)
    stamp.write_text(wanted)


class Contender:
    """A process that loads the frames once and runs when it is told."""

    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, what: str) -> tuple[int, tuple[float, float] | None]:
        """Nanoseconds, and the best prices it ended with."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(what + "\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith('{"ns"'):
                answer = json.loads(line)
                prices = (float(answer["bid"]), float(answer["ask"])) if answer["bid"] else None
                return answer["ns"], prices
        raise RuntimeError(f"a contender ended with status {self._process.wait()}")

    def __enter__(self) -> "Contender":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


def depth(name: str, rounds: int, limit: int) -> Group:
    """Depth message to book, everybody in turn."""
    frames = load(name, limit)
    count, levels = len(frames.depth), frames.levels
    group = Group(
        f"depth message to book, {name}: {count} messages of {levels / count:.1f} levels",
        "the distance to what else a Python user could run has become smaller",
    )
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, ExitStack() as stack:
        path = f"{folder}/frames"
        dump(frames, path)
        commands = {"connector": [sys.executable, "-m", "bench.peers.ours", path]}
        for peer in CONTENDERS:
            commands[peer] = [str(PYTHON), str(HERE / "decode.py"), peer, path]
        running = {
            peer: stack.enter_context(Contender(command)) for peer, command in commands.items()
        }
        best: dict[tuple[str, str], int] = {}
        ends: dict[str, tuple[float, float]] = {}
        for _ in range(rounds):
            for peer in commands:
                whats = ("book", "top") if peer in PYTHON_PEERS else ("top",)
                for what in whats:
                    spent, prices = running[peer].run(what)
                    best[peer, what] = min(best.get((peer, what), spent), spent)
                    if prices is not None:
                        ends[peer] = prices
    for peer, prices in ends.items():
        if prices != ends["connector"]:
            raise RuntimeError(f"{peer} ended with the touch {prices}, not {ends['connector']}")
    ours, yardstick = best["connector", "top"], best["orjson.loads", "top"]
    note = f"{ours / levels:.1f} ns a level; with the best 20 and the record"
    group.add("connector", ours / count, "ns", note=note)
    group.add("orjson.loads alone", yardstick / count, "ns")
    group.add("connector of orjson.loads", ours / yardstick, "x", 0.28)
    for (peer, what), spent in best.items():
        if peer in PYTHON_PEERS:
            added = " + best 20" if what == "top" else ", book only"
            group.add(f"{peer}{added}", spent / count, "ns", note=f"{spent / ours:.0f}x ours")
    fastest = min(best[peer, "top"] for peer in PYTHON_PEERS[:3])
    group.add("fastest peer of ours, both + best 20", fastest / ours, "x", 40, at_least=True)
    fastest = min(best[peer, "book"] for peer in PYTHON_PEERS[:3])
    group.add("fastest peer's book only of ours", fastest / ours, "x")
    return group


def phemex(rounds: int) -> Group:
    """Phemex frame to book, everybody in turn."""
    frames = load_streamed()
    count = len(frames.increments)
    group = Group(
        f"Phemex frame to book, {frames.symbol}: {count} messages of {frames.levels:.1f} levels",
        "the distance to what else a Python user could run has become smaller",
    )
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, ExitStack() as stack:
        path = f"{folder}/frames"
        ours_streamed.dump(frames, path)
        commands = {"connector": [sys.executable, "-m", "bench.peers.ours_streamed", path]}
        for peer in streamed.CONTENDERS:
            commands[peer] = [str(PYTHON), str(HERE / "streamed.py"), peer, path]
        running = {
            peer: stack.enter_context(Contender(command)) for peer, command in commands.items()
        }
        best: dict[tuple[str, str], int] = {}
        for what in ("book", "top", "whole"):
            ends = set()
            for _ in range(rounds):
                for peer, contender in running.items():
                    spent, prices = contender.run(what)
                    best[peer, what] = min(best.get((peer, what), spent), spent)
                    ends.add(prices)
            if len(ends) != 1:
                raise RuntimeError(f"{what}: not everybody ended with the same touch: {ends}")
    for what, name in (("book", "change"), ("top", "change + best 20"), ("whole", "whole book")):
        ours = best["connector", what]
        group.add(f"connector: {name}", ours / count, "ns", note="always with best 20 and record")
        for peer in streamed.CONTENDERS:
            spent = best[peer, what]
            group.add(f"{peer}: {name}", spent / count, "ns", note=f"{spent / ours:.0f}x ours")
        fastest = min(best[peer, what] for peer in streamed.CONTENDERS)
        group.add(f"fastest peer of ours: {name}", fastest / ours, "x", 20, at_least=True)
    return group


def hand_over(rounds: int) -> Group:
    """One way between two processes, Python on both ends."""
    from bench.ipc import python_hand_over

    group = Group(
        "one way between two processes, read in Python",
        "the distance to what else a Python user could run has become smaller",
    )
    found: dict[str, list[dict[str, float]]] = {name: [] for name in ("connector", *IPC)}
    for _ in range(rounds):
        found["connector"].append(python_hand_over())
        for peer, gap_ns in IPC.items():
            script = [str(PYTHON), str(HERE / "ipc.py"), peer, str(IPC_COUNT), str(gap_ns)]
            ran = subprocess.run(script, check=True, capture_output=True, text=True)
            found[peer].append(json.loads(ran.stdout.splitlines()[-1]))
    best = {peer: min(turns, key=lambda turn: turn["p50"]) for peer, turns in found.items()}
    for peer, turn in best.items():
        note = f"p99 {turn['p99']:,.0f}, p99.9 {turn['p999']:,.0f}"
        group.add(f"{peer}: p50", turn["p50"], "ns", note=note)
    for peer in IPC:
        goal = 8 if peer == "iceoryx2" else None
        ratio = best[peer]["p50"] / best["connector"]["p50"]
        group.add(f"{peer} of ours", ratio, "x", goal, at_least=True)
    return group


def versions() -> dict[str, str]:
    """What is installed beside the peers' interpreters."""
    lines = (HERE / "requirements.txt").read_text().split()
    found = {f"peer {name}": version for name, version in (line.split("==") for line in lines)}
    if CLIENTS.exists():
        ask = [str(CLIENTS), "-m", "pip", "list", "--format=json", "--disable-pip-version-check"]
        listed = json.loads(subprocess.run(ask, check=True, capture_output=True).stdout)
        installed = {row["name"].lower(): row["version"] for row in listed}
        for name in ("ccxt", "aiohttp", "uvloop", "orjson"):
            found[f"orders: {name}"] = installed.get(name, "absent")
    return found


def main() -> int:
    names = (*SETS, "phemex", "cadenza", "ipc", "orders")
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(names)}")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=1500, help="depth messages a round")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    os.chdir(ROOT)
    if set(asked.names or names) - {"orders"}:
        environment()
    machine = {**facts(), **versions()}
    show_machine(machine)
    groups = []
    for name in asked.names or names:
        if name == "orders":
            group = trades(asked.rounds)
        elif name == "ipc":
            group = hand_over(asked.rounds)
        elif name == "phemex":
            group = phemex(asked.rounds)
        elif name == "cadenza":
            group = pushed(asked.rounds, PYTHON, ROOT)
        else:
            group = depth(name, asked.rounds, asked.messages)
        show(group)
        groups.append(group)
    print(f"\nkept in {write(groups, machine, asked.json, 'peers')}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
