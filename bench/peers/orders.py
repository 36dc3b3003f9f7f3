"""Tick to trade of other libraries beside ours: the same frames, strategy and venue's end, and the
clock read by the same library before the write."""

import os
import subprocess
import sys
import time
from pathlib import Path

from bench import native
from bench.frames import load
from bench.machine import two_cores
from bench.orders import ticks
from bench.orders.latency import WARM, Rig
from bench.orders.stamps import Stamps
from bench.orders.ticks import Source, Ticks, Turn
from bench.orders.venue import Venue
from bench.report import Group
from bench.stats import spread

CLIENTS = Path(sys.prefix) / "clients" / "bin" / "python"
SCRIPT = Path(__file__).resolve().parent / "trade.py"
PEERS = {"aiohttp+hmac": (ticks.BBO, ticks.DEPTH), "ccxt.pro": (ticks.DEPTH,)}
"""By name, the streams they are measured on."""
QUIET_S = 0.05


class Peer:
    """A peer's process on the first CPU, venue and sender on the last; a context manager."""

    def __init__(self, name: str, stream: str) -> None:
        self.name, self.stream = name, stream
        self._frames = load("ethusdt", 400)

    def __enter__(self) -> "Peer":
        first, last = two_cores()
        native.load()
        self._affinity = os.sched_getaffinity(0)
        # ccxt subscribes to single streams, whose messages come without a name around them.
        self.source = Source(self._frames, wrapped=self.name != "ccxt.pro")
        self.venue = Venue(self._frames).__enter__()
        self.stamps = Stamps()
        command = [str(CLIENTS), str(SCRIPT), self.name, self.stream, self.venue.rest]
        self._process = subprocess.Popen(
            [*command, self.venue.ws, self._frames.symbol, str(first)],
            env={**os.environ, **self.stamps.environ()},
        )
        os.sched_setaffinity(0, {last})
        try:
            self.venue.wait(self._subscribed, 60)
            # Until it trades: its book is in order then, too.
            self.venue.wait(self._trades, 30)
        except BaseException:
            self.__exit__()
            raise
        return self

    def _alive(self) -> None:
        if self._process.poll() is not None:
            raise RuntimeError(f"{self.name} ended with status {self._process.returncode}")

    def _subscribed(self) -> bool:
        self._alive()
        return self.venue.stream(f"{self.venue.symbol.lower()}@{self.stream}") is not None

    def _trades(self) -> bool:
        self._alive()
        batch = self.make(1, every=1)
        peer = self.venue.stream(batch.stream)
        assert peer is not None
        peer.sock.sendall(batch.frames[0])
        quiet = time.monotonic() + QUIET_S
        while time.monotonic() < quiet:
            self.venue.turn(0.001)
        return len(self.venue.orders) >= 3

    def make(self, count: int, every: int = ticks.EVERY, gap_ns: int = ticks.GAP_NS) -> Ticks:
        """Frames of its stream."""
        made = self.source.bbo if self.stream == ticks.BBO else self.source.depth
        return made(count, every, gap_ns)

    def batch(self, batch: Ticks, seed: int) -> list[Turn]:
        """Send it; each trigger's turn. Where one order was for several, it is for all of them."""
        before, orders = self.stamps.count, len(self.venue.orders)
        turns = ticks.run(self.venue, batch, seed)
        quiet = time.monotonic() + QUIET_S
        while time.monotonic() < quiet:
            self.venue.turn(0.001)
        came, left = self.venue.orders[orders:], self.stamps.since(before)
        if len(left) != len(came) or not came:
            raise RuntimeError(f"{self.name}: {len(left)} orders left, {len(came)} came")
        seconds = sorted(int(order.name) for order in came)
        for number, turn in enumerate(turns):
            second = batch.second + 1 + number
            place = next((at for at, found in enumerate(seconds) if found >= second), None)
            if place is None:
                raise RuntimeError(f"{self.name}: no order after second {second}")
            turn.left_ns = left[place]
        return turns

    def __exit__(self, *error: object) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait(10)
        self.stamps.__exit__()
        self.venue.__exit__()
        os.sched_setaffinity(0, self._affinity)


def trades(rounds: int) -> Group:
    """Everybody, one after the other: each has the first CPU for itself."""
    group = Group(
        "tick to trade: frame due → strategy → before send(2), HTTP",
        "the distance to what else a Python user could run has become smaller",
    )
    ours: dict[str, float] = {}
    with Rig() as rig:
        for stream, made in ((ticks.BBO, rig.source.bbo), (ticks.DEPTH, rig.source.depth)):
            for burst in (False, True) if stream == ticks.DEPTH else (False,):
                what = f"{stream}, bursts" if burst else stream
                ours[what] = _row(
                    group,
                    "connector",
                    what,
                    [rig.batch(made(*_shape(burst)), number) for number in range(WARM + rounds)],
                )
    for name, streams in PEERS.items():
        for stream in streams:
            with Peer(name, stream) as peer:
                for burst in (False, True) if stream == ticks.DEPTH else (False,):
                    what = f"{stream}, bursts" if burst else stream
                    _row(
                        group,
                        name,
                        what,
                        [
                            peer.batch(peer.make(*_shape(burst)), number)
                            for number in range(WARM + rounds)
                        ],
                        ours[what],
                    )
    return group


def _shape(burst: bool) -> tuple[int, int, int]:
    if burst:
        return ticks.BURST, ticks.BURST_EVERY, ticks.BURST_NS // ticks.BURST
    return ticks.BATCH, ticks.EVERY, ticks.GAP_NS


def _row(group: Group, name: str, what: str, batches: list[list[Turn]], ours: float = 0.0) -> float:
    spent = [turn.left_ns - turn.due_ns for batch in batches[WARM:] for turn in batch]
    p50, p99, _ = spread(spent)
    note = f"p99 {p99:,.0f}" + (f"; {p50 / ours:.1f}x ours" if ours else "")
    group.add(f"{what}: {name}, p50", p50, "ns", note=note)
    return p50
