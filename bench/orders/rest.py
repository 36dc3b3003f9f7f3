"""REST round trips on loopback: the order pool beside a bare protocol that does no more than parse,
both spinning and blocking, and beside the clients other people use.

The answering end is a spinning loop in C on the other CPU, the same for all. One request after the
other; contenders take turns in batches."""

import asyncio
import json
import mmap
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from bench import native
from bench.machine import two_cores
from bench.orders import canned
from bench.report import Group
from bench.stats import ratio, spread

BATCH = 400
PEER_COUNT = 2_000
CLIENTS = Path(sys.prefix) / "clients" / "bin" / "python"
SCRIPT = Path(__file__).resolve().parents[1] / "peers" / "rest.py"
TARGET = (
    "/fapi/v1/order?symbol=ETHUSDT&side=BUY&type=LIMIT&quantity=0.010&price=3424.98"
    "&timeInForce=IOC&newClientOrderId=c00001A0000001&recvWindow=5000"
    "&timestamp=1700000000000&signature=" + "0" * 64
)


class Answering:
    """A child process on the last CPU; a context manager."""

    def __enter__(self) -> str:
        _, last = two_cores()
        self._stop = mmap.mmap(-1, 4096)
        order = (10**9, b"ETHUSDT", b"c00001A0000001", b"3424.98", b"0.010", 1_700_000_000_000)
        body = canned.ORDER % order
        answer = canned.HEAD % (200, len(body)) + body
        probes = native.load("answering")
        with socket.create_server(("127.0.0.1", 0)) as listening:
            listening.setblocking(False)
            port = listening.getsockname()[1]
            self._child = os.fork()
            if self._child == 0:
                try:
                    os.sched_setaffinity(0, {last})
                    stop = memoryview(self._stop).cast("B").cast("Q")
                    probes.serve(listening.fileno(), answer, stop)
                finally:
                    os._exit(0)
        return f"http://127.0.0.1:{port}"

    def __exit__(self, *error: object) -> None:
        self._stop[0] = 1
        os.waitpid(self._child, 0)


class Bare(asyncio.Protocol):
    """A connection that parses with httptools, keeps status, headers and body as they are and hands
    them over; nothing else."""

    def __init__(self) -> None:
        import httptools

        self._new: Any = httptools.HttpResponseParser
        self._transport: Any = None
        self.done: Callable[[], None] = lambda: None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def send(self, message: bytes) -> None:
        self._parser = self._new(self)
        self.status, self.body = 0, b""
        self.headers: dict[bytes, bytes] = {}
        self._transport.write(message)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name] = value

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        self.status = self._parser.get_status_code()
        self.done()


class Chain:
    """Requests one after the other, each from the callback of the last; the owner of a pool."""

    def __init__(self, send: Callable[[int], None]) -> None:
        self._send = send
        self._finished: asyncio.Future[None] | None = None
        self.spent: list[int] = []

    async def run(self) -> list[int]:
        self.spent = []
        self._finished = asyncio.get_running_loop().create_future()
        self._next()
        await self._finished
        return self.spent

    def _next(self) -> None:
        self._begun_ns = time.perf_counter_ns()
        self._send(len(self.spent))

    def done(self) -> None:
        self.spent.append(time.perf_counter_ns() - self._begun_ns)
        if len(self.spent) < BATCH:
            # From the loop, for both alike: a pool has its connection back once it has told.
            asyncio.get_running_loop().call_soon(self._next)
        elif self._finished is not None:
            self._finished.set_result(None)

    def answered(self, request: int, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.done()

    def left(self, request: int, now_ns: int) -> None:
        pass

    def stopped(self, request: int) -> str:
        return ""

    def lost(self, request: int, why: str) -> None:
        if self._finished is not None and not self._finished.done():
            self._finished.set_exception(RuntimeError(f"request {request} was lost: {why}"))

    unsent = lost


async def _ours(url: str, rounds: int) -> dict[tuple[str, str], list[list[int]]]:
    import aiofastnet

    from connector.transport.order_pool import OrderPool, Priority

    loop = asyncio.get_running_loop()
    host, port = url.removeprefix("http://").split(":")
    _, bare = await aiofastnet.create_connection(loop, Bare, host, int(port))
    assert isinstance(bare, Bare)
    pooled = Chain(lambda number: pool.send(number, Priority.CANCEL, message))
    pool = OrderPool(url, None, pooled, connections=2)
    message = pool.encode("POST", TARGET, (("X-MBX-APIKEY", "k" * 64),), b"")
    plain = Chain(lambda number: bare.send(message))
    bare.done = plain.done
    running = asyncio.ensure_future(pool.run())
    while pool.open < 2:  # noqa: ASYNC110  the pool tells nobody
        await asyncio.sleep(0.01)
    spinning = False

    def turn() -> None:
        if spinning:
            loop.call_soon(turn)

    found: dict[tuple[str, str], list[list[int]]] = {}
    for number in range(rounds + 1):
        for mode in ("spin", "block"):
            spinning = mode == "spin"
            turn()
            for name, chain in (("bare", plain), ("pool", pooled)):
                spent = await chain.run()
                if number:
                    found.setdefault((mode, name), []).append(spent)
            spinning = False
            await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    pool.close()
    return found


def _peers(url: str, cpu: int) -> dict[str, list[int]]:
    """By client; those whose environment is not there are left out."""
    found = {}
    for name, python in (("aiohttp", CLIENTS), ("httpx", Path(sys.executable))):
        if python.exists():
            command = [str(python), str(SCRIPT), name, url + TARGET, str(PEER_COUNT), str(cpu)]
            ran = subprocess.run(command, check=True, capture_output=True, text=True)
            found[name] = json.loads(ran.stdout)
    return found


def round_trips(rounds: int) -> Group:
    """Everything of this file."""
    import uvloop

    group = Group(
        "REST round trip on loopback: an order and its answer, one connection",
        "every order is answered later",
    )
    first, _ = two_cores()
    affinity = os.sched_getaffinity(0)
    with Answering() as url:
        os.sched_setaffinity(0, {first})
        try:
            found = uvloop.run(_ours(url, rounds * 2))
            peers = _peers(url, first)
        finally:
            os.sched_setaffinity(0, affinity)
    p50 = {key: [spread(batch)[0] for batch in batches] for key, batches in found.items()}
    for (mode, name), middles in p50.items():
        p99 = median(spread(batch)[1] for batch in found[mode, name])
        what = "bare protocol + httptools" if name == "bare" else "order pool"
        group.add(f"{what}, {mode}: p50", median(middles), "ns", note=f"p99 {p99:,.0f}")
    for mode in ("spin", "block"):
        group.add(
            f"order pool of the bare protocol, {mode}",
            ratio(p50[mode, "pool"], p50[mode, "bare"]),
            "x",
            1.3,
        )
    ours = median(p50["block", "pool"])
    for name, spent in peers.items():
        middle, p99, _ = spread(spent)
        note = f"p99 {p99:,.0f}; {middle / ours:.1f}x the order pool, blocking"
        group.add(f"{name} on uvloop: p50", middle, "ns", note=note)
    return group
