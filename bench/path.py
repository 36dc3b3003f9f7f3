"""A WebSocket frame on its way to a strategy, and how many depth messages a second one core takes.

A child process on one CPU is the daemon's path: a uvloop that spins, the project's WebSocket
client, listener, codec, feed and ring. This process on the other CPU is venue and strategy in turn:
it writes frames to the socket when they are due (Poisson arrivals by a fixed seed, never waiting
for an answer) and spins on the ring between. Latency counts from when a frame was *due*, so
whatever holds up the sender, too, is in it. The floor is a final Cython listener on a second
connection of the same process that only notes the time; both take turns in batches.
"""

import asyncio
import mmap
import os
import random
import socket
import time
from array import array
from base64 import b64encode
from collections.abc import Callable, Iterator
from hashlib import sha1
from itertools import cycle
from statistics import median
from typing import Any

from bench import native
from bench.frames import Frames, load
from bench.machine import two_cores
from bench.report import Group
from bench.rig import Rig
from bench.stats import ratio, spread
from connector.model.counters import Counter
from connector.model.records import RecordType

BATCH = 400
GAP_NS = 250_000
SIDE = 15
SYMBOLS = 20
CAPACITY_MESSAGES = 60_000
CHUNK = 64 << 10
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
MAX_MESSAGE = 1 << 20


def depth_messages(frames: Frames, symbol: str, first_id: int, count: int) -> Iterator[bytes]:
    """Messages of 30 recorded levels, ids without a gap from ``first_id`` on."""
    import orjson

    bids: list[list[str]] = []
    asks: list[list[str]] = []
    for frame in frames.depth:
        data = orjson.loads(frame)["data"]
        bids += data["b"]
        asks += data["a"]
    groups = [
        [
            b'"b":' + orjson.dumps(bids[at : at + SIDE]),
            b'"a":' + orjson.dumps(asks[at : at + SIDE]),
        ]
        for at in range(0, min(len(bids), len(asks)) - SIDE, SIDE)
    ]
    head = f'{{"stream":"{symbol.lower()}@depth@0ms","data":{{"e":"depthUpdate",'.encode()
    last = first_id
    turns = cycle(groups)
    for number in range(count):
        b, a = next(turns)
        ids = (1700000000000 + number, 1700000000000 + number, symbol, last + 1, last + 9, last)
        yield (
            head
            + b'"E":%d,"T":%d,"s":"%s","U":%d,"u":%d,"pu":%d,'
            % (*ids[:2], symbol.encode(), *ids[3:])
            + b
            + b","
            + a
            + b"}}"
        )
        last += 9


def ticker_messages(frames: Frames, first_id: int, count: int) -> Iterator[bytes]:
    """Recorded best bids and asks with rising ids."""
    import orjson

    turns = cycle(frames.ticker)
    for number in range(count):
        found = orjson.loads(next(turns))
        found["data"]["u"] = first_id + number + 1
        yield orjson.dumps(found)


def as_frames(messages: Iterator[bytes]) -> tuple[bytes, array]:  # type: ignore[type-arg]
    """WebSocket text frames of a server, one after the other, and where each ends."""
    parts, ends, at = [], array("q"), 0
    for text in messages:
        size = len(text)
        head = bytes([0x81, size]) if size < 126 else b"\x81\x7e" + size.to_bytes(2, "big")
        parts.append(head + text)
        at += len(head) + size
        ends.append(at)
    return b"".join(parts), ends


def accept(listening: socket.socket) -> tuple[str, socket.socket]:
    """Take one WebSocket client; the path it asked for."""
    peer, _ = listening.accept()
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    request = b""
    while b"\r\n\r\n" not in request:
        request += peer.recv(4096)
    lines = request.split(b"\r\n")
    headers = {k.lower(): v for k, _, v in (line.partition(b": ") for line in lines[1:])}
    key = b64encode(sha1(headers[b"sec-websocket-key"] + GUID).digest())
    answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    peer.sendall(answer + b"Sec-WebSocket-Accept: " + key + b"\r\n\r\n")
    return lines[0].split()[1].decode(), peer


async def _daemon(url: str, listeners: dict[str, Callable[[], Any]]) -> None:
    from connector.transport.websocket import connect

    loop = asyncio.get_running_loop()

    def turn() -> None:
        loop.call_soon(turn)

    opened = [
        await connect(url + path, made, context=None, timeout_s=10, max_message=MAX_MESSAGE)
        for path, made in listeners.items()
    ]
    turn()
    await asyncio.wait(
        [asyncio.ensure_future(one.ended()) for one in opened], return_when=asyncio.FIRST_COMPLETED
    )


class Path:
    """The child process on the first CPU and the two connections to it; a context manager."""

    def __init__(self, rig: Rig) -> None:
        self._probes = native.load()
        self.rig = rig
        self._shared = mmap.mmap(-1, 8 * (BATCH + 8))
        words = memoryview(self._shared).cast("B")
        self.seen, self.times = words[:8].cast("Q"), words[64:].cast("q")
        self._child = 0
        self.peers: dict[str, socket.socket] = {}

    def __enter__(self) -> "Path":
        first, last = two_cores()
        self._affinity = os.sched_getaffinity(0)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            url = f"ws://127.0.0.1:{listening.getsockname()[1]}"
            self._child = os.fork()
            if self._child == 0:
                status = 1
                try:
                    os.sched_setaffinity(0, {first})
                    self._run(url)
                    status = 0
                finally:
                    os._exit(status)
            listening.settimeout(20)
            for _ in range(2):
                path, peer = accept(listening)
                peer.setblocking(True)
                self.peers[path] = peer
        os.sched_setaffinity(0, {last})
        from connector._speedups.segment import Mapping

        self.reader = self._probes.Reader(Mapping(self.rig.segment.fd, self.rig.segment.size))
        time.sleep(0.3)
        return self

    def __exit__(self, *error: object) -> None:
        for peer in self.peers.values():
            peer.close()
        deadline = time.monotonic() + 5
        while os.waitpid(self._child, os.WNOHANG)[0] == 0:
            if time.monotonic() > deadline:
                os.kill(self._child, 9)
                deadline += 60
            time.sleep(0.01)
        os.sched_setaffinity(0, self._affinity)

    def _run(self, url: str) -> None:
        import uvloop

        from connector._speedups.listener import Listener

        def rare(message: bytes, recv_ns: int, line: int) -> None:
            os.write(2, b"bench: the codec left a message: " + message[:200] + b"\n")
            os._exit(2)

        def ignore(*event: object) -> None:
            return

        def ours() -> Any:
            return Listener(self.rig.codec, 0, None, rare, ignore, ignore, MAX_MESSAGE)

        def nothing() -> Any:
            return self._probes.Nothing(self.times, self.seen)

        uvloop.run(_daemon(url, {"/ours": ours, "/nothing": nothing}))


def due_times(count: int, seed: int) -> array:  # type: ignore[type-arg]
    """When each frame is due: Poisson arrivals from a moment from now on."""
    chance = random.Random(seed)
    at, found = time.monotonic_ns() + 2_000_000, array("q")
    for _ in range(count):
        at += int(chance.expovariate(1 / GAP_NS))
        found.append(at)
    return found


def latency(rounds: int) -> Group:
    """Frame due → a strategy in another process holds the record."""
    frames = load("ethusdt", 400)
    probes = native.load()
    group = Group(
        "WebSocket frame to strategy, spinning",
        "every strategy sees every event later",
    )
    count = BATCH * rounds
    base = frames.base.last_id
    kinds = {
        "Bbo": (RecordType.BBO, lambda: ticker_messages(frames, base + 10**6, count)),
        "30-level depth": (
            RecordType.BOOK_DELTA,
            lambda: depth_messages(frames, frames.symbol, base, count),
        ),
    }
    for kind, (record, messages) in kinds.items():
        texts = list(messages())
        wanted = int(record)
        floor: list[list[int]] = []
        ours: list[list[int]] = []
        inside: list[list[int]] = []
        with Path(Rig(frames)) as path:
            for turn in range(rounds):
                data, ends = as_frames(iter(texts[turn * BATCH : (turn + 1) * BATCH]))
                for name in ("/nothing", "/ours"):
                    found, hidden = (array("q", bytes(8 * BATCH)) for _ in range(2))
                    due = due_times(BATCH, turn)
                    fd = path.peers[name].fileno()
                    if name == "/ours":
                        path.reader.skip()
                        got = probes.send_and_read(
                            fd, data, ends, due, path.reader, wanted, found, hidden
                        )
                        ours.append(list(found))
                        inside.append([a - b for a, b in zip(found, hidden, strict=True)])
                    else:
                        got = probes.send_to_nothing(
                            fd, data, ends, due, path.times, path.seen, found
                        )
                        floor.append(list(found))
                    if got != BATCH:
                        raise RuntimeError(f"{kind}: {got} of {BATCH} frames came through")
        for name, batches in (("listener that does nothing", floor), ("strategy has it", ours)):
            middle, p99, p999 = (median(part) for part in zip(*map(spread, batches), strict=True))
            note = f"p99 {p99:,.0f}, p99.9 {p999:,.0f}, medians of {rounds} batches"
            group.add(f"{kind}: {name}, p50", middle, "ns", note=note)
        pairs = [[spread(batch)[0] for batch in batches] for batches in (ours, floor)]
        group.add(f"{kind}: of the floor, p50", ratio(*pairs), "x", 1.3)
        pairs = [[spread(batch)[1] for batch in batches] for batches in (ours, floor)]
        group.add(f"{kind}: of the floor, p99", ratio(*pairs), "x")
        after = median(spread(batch)[0] for batch in inside)
        group.add(f"{kind}: callback to strategy, p50", after, "ns")
    return group


def capacity(rounds: int) -> Group:
    """Depth messages of 30 levels over 20 symbols, as fast as the socket gives them."""
    frames = load("ethusdt", 400)
    probes = native.load()
    symbols = [f"S{number:02d}USDT" for number in range(SYMBOLS)]
    each = CAPACITY_MESSAGES // SYMBOLS
    sources = [depth_messages(frames, symbol, frames.base.last_id, each) for symbol in symbols]
    data, ends = as_frames(text for texts in zip(*sources, strict=True) for text in texts)
    rates, writes = [], []
    for _ in range(rounds):
        with Path(Rig(frames, symbols)) as path:
            begin = time.monotonic_ns()
            writes.append(probes.send_chunks(path.peers["/ours"].fileno(), data, CHUNK))
            while path.rig.segment.counter(Counter.DELTAS.value) < len(ends):
                if time.monotonic_ns() > begin + 30_000_000_000:
                    raise RuntimeError("not all messages came through")
            end = time.monotonic_ns()
            rates.append(len(ends) / (end - begin) * 1e9)
    group = Group(
        f"capacity: depth messages of {2 * SIDE} levels over {SYMBOLS} symbols, socket included",
        "bursts queue up earlier, and wait longer",
    )
    best = max(rates)
    size = len(data) / len(ends)
    group.add("messages a second, one core", best, "msg/s", 500_000, at_least=True)
    group.add("messages a second, median", median(rates), "msg/s", note=f"{rounds} rounds")
    group.add("a message", 1e9 / best, "ns", note=f"{size:.0f} bytes, {CHUNK >> 10} KiB a write")
    group.add("a level", 1e9 / best / (2 * SIDE), "ns")
    return group


def run(rounds: int) -> list[Group]:
    """Every bench of this file."""
    return [latency(rounds), capacity(max(rounds // 2, 2))]
