"""One-way hand-over through the market ring between two pinned processes, beside a bare hand-over
of one cache line and of as many as the longest record has.

The same two processes take turns: bare lines, ring with records of 64 bytes, 128 bytes and a depth
message's 704, read in C and in Python, in batches of a millisecond, round after round. A batch
in which one of the two lost its CPU to another process is taken again. The bare lines span as many
bytes of memory as the ring. A record's latency is counted from a clock read before it is claimed,
so it includes writing the body and the clock that ``ring_commit`` reads for ``publish_ns``; "after
its clock" counts from that one instead.
"""

import mmap
import os
import resource
import socket
import time
from array import array
from collections.abc import Callable
from statistics import median
from typing import Any

from bench import native
from bench.machine import two_cores
from bench.report import Group
from bench.stats import ratio, spread
from connector.model.instrument import Instrument

COUNT = 300
BATCHES = 12  # a round
DEPTH = 704  # 38 levels
GAP_NS = 2_000
PYTHON_GAP_NS = 3_000
WAKE_COUNT = 300
PEER_COUNT = 5_000
RING_BYTES = (4 << 20, 64 << 20)  # stays in the cache; the daemon's default
RETAKES = 50
INSTRUMENT = Instrument(
    symbol="BTCUSDT",
    exchange="BinanceU",
    price_exponent=8,
    qty_exponent=8,
    price_digits=2,
    qty_digits=3,
    tick_e=10**6,
    step_e=10**5,
)
Step = tuple[str, Callable[[int], None], Callable[[int, Any], None]]


class Lockstep:
    """A forked reader and this process, the writer, which start each batch together.

    ``steps``: (name, write(count), read(count, latencies)). ``run`` returns the latencies of each
    batch, by name.
    """

    def __init__(self, steps: list[Step], counts: dict[str, int]) -> None:
        self._steps, self._counts = steps, counts
        size = max(counts.values())
        self._latencies = mmap.mmap(-1, (size + 1) * 8)
        self._samples = memoryview(self._latencies).cast("B").cast("q")
        self._last = size  # the reader's preemptions during the batch
        self._to_reader, self._to_writer = os.pipe(), os.pipe()

    def run(
        self,
        rounds: int,
        enter: Callable[[], None] = lambda: None,
        ready: Callable[[], None] = lambda: None,
    ) -> dict[str, list[Any]]:
        """``enter`` is called once, ``ready`` before each batch, in the reader's process."""
        first, last = two_cores()
        before = os.sched_getaffinity(0)
        child = os.fork()
        if child == 0:
            status = 1
            try:
                os.sched_setaffinity(0, {last})
                enter()
                self._serve(ready)
                status = 0
            finally:
                os._exit(status)
        found: dict[str, list[Any]] = {name: [] for name, _, _ in self._steps}
        try:
            os.sched_setaffinity(0, {first})
            for _ in range(rounds):
                for index, (name, _, _) in enumerate(self._steps):
                    for _ in range(RETAKES):
                        if not self._batch(child, index):
                            break
                    found[name].append(array("q", self._samples[: self._counts[name]]))
            os.write(self._to_reader[1], b"\xff")
        finally:
            os.sched_setaffinity(0, before)
            os.waitpid(child, 0)
            for end in (*self._to_reader, *self._to_writer):
                os.close(end)
        return found

    def _batch(self, child: int, index: int) -> int:
        """One batch; how often it was preempted."""
        name, write, _ = self._steps[index]
        os.write(self._to_reader[1], bytes([index]))
        self._wait(child)
        time.sleep(0.001)  # the reader is spinning by then
        before = preemptions()
        write(self._counts[name])
        mine = preemptions() - before
        self._wait(child)
        return mine + self._samples[self._last]

    def _wait(self, child: int) -> None:
        os.set_blocking(self._to_writer[0], False)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                if os.read(self._to_writer[0], 1):
                    return
            except BlockingIOError:
                time.sleep(0.0005)
            if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
                raise RuntimeError("the reader's process died")
        os.kill(child, 9)
        raise RuntimeError("the reader got nothing for 60 s")

    def _serve(self, ready: Callable[[], None]) -> None:
        while (index := os.read(self._to_reader[0], 1)[0]) != 0xFF:
            name, _, read = self._steps[index]
            ready()
            os.write(self._to_writer[1], b"r")
            time.sleep(0.0003)  # what it is owed for spinning is taken now, not during the batch
            before = preemptions()
            read(self._counts[name], self._samples[: self._counts[name]])
            self._samples[self._last] = preemptions() - before
            os.write(self._to_writer[1], b"d")


def preemptions() -> int:
    """How often this process lost its CPU to another one so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


def ring(rounds: int, ring_bytes: int) -> Group:
    """The ring against the bare line."""
    from connector._speedups.ring import RingReader
    from connector._speedups.segment import Mapping, Segment

    probes = native.load()
    segment = Segment.create(ring_bytes)
    segment.add_instrument(INSTRUMENT)
    kept: dict[str, Any] = {}

    def enter() -> None:
        kept["memory"] = Mapping(segment.fd, segment.size)
        kept["native"] = probes.Reader(kept["memory"])
        kept["python"] = RingReader(kept["memory"], recent=False)
        kept["strategy"] = _strategy(kept["memory"])

    def ready() -> None:
        kept["native"].skip()
        while kept["python"].read() is not None:
            pass
        while kept["strategy"].poll() is not None:
            pass

    def bare(name: str, lines: int) -> Step:
        area = mmap.mmap(-1, ring_bytes)
        area.write(bytes(ring_bytes))
        words = memoryview(area).cast("B").cast("Q")
        place = {"write": 0, "read": 0}

        def bare_write(count: int) -> None:
            probes.bare_write(words, place["write"], lines, count, GAP_NS)
            place["write"] += count

        def bare_read(count: int, latencies: Any) -> None:
            probes.bare_read(words, place["read"], lines, latencies)
            place["read"] += count

        return name, bare_write, bare_read

    def write(length: int, gap_ns: int, depth: bool = False) -> Callable[[int], None]:
        return lambda count: probes.ring_write(segment, length, count, gap_ns, depth)

    def read(since: int) -> Callable[[int, Any], None]:
        def run(count: int, latencies: Any) -> None:
            kept["native"].read(latencies, since)

        return run

    def read_python(count: int, latencies: Any) -> None:
        _read_python(kept["python"], count, latencies)

    steps = [bare("bare", 1), bare("bare 704 bytes", DEPTH // 64)]
    for length in (64, 128, DEPTH):
        for since, what in ((0, ""), (1, ", after its clock")):
            name = f"{length} bytes{what}"
            steps.append((name, write(length, GAP_NS), read(since)))

    def poll(count: int, latencies: Any) -> None:
        _poll(kept["strategy"], count, latencies)

    def iterate(count: int, latencies: Any) -> None:
        _iterate(kept["strategy"], count, latencies)

    for length in (128, DEPTH):
        wanted = write(length, PYTHON_GAP_NS, length == DEPTH)
        steps += [
            (f"Python {length} bytes, RingReader.read()", wanted, read_python),
            (f"Python {length} bytes, Session.poll()", wanted, poll),
            (f"Python {length} bytes, for event in session", wanted, iterate),
        ]
    counts = {name: COUNT for name, _, _ in steps}
    found = Lockstep(steps, counts).run(rounds * BATCHES, enter, ready)

    group = Group(
        f"ring of {ring_bytes >> 20} MiB, one way, writer and reader spin on two cores",
        "every strategy hears of every record later, whatever else the daemon does",
    )
    p50 = {name: [spread(batch)[0] for batch in batches] for name, batches in found.items()}
    for name, batches in found.items():
        middle, p99, p999 = (median(part) for part in zip(*map(spread, batches), strict=True))
        group.add(f"{name}: p50", middle, "ns", note=f"p99 {p99:,.0f}, p99.9 {p999:,.0f}")
        if name == "bare":
            continue
        if str(DEPTH) in name and not name.startswith(("Python", "bare")):
            same = ratio(p50[name], p50["bare 704 bytes"])
            group.add(f"{name}: of bare 704 bytes", same, "x", 1.25)
        if name.startswith("Python"):
            more = median(a - b for a, b in zip(p50[name], p50["bare"], strict=True))
            goal = 130 if "128" in name else None
            group.add(f"{name}: more than bare", more, "ns", goal)
        else:
            goal = 1.25 if name.startswith("64 ") else None
            group.add(f"{name}: of bare", ratio(p50[name], p50["bare"]), "x", goal)
    return group


def python_hand_over() -> dict[str, float]:
    """One batch of 128-byte records read in Python: p50, p99, p999 in ns."""
    from connector._speedups.ring import RingReader
    from connector._speedups.segment import Mapping, Segment

    probes = native.load()
    segment = Segment.create(RING_BYTES[0])
    kept: dict[str, Any] = {}

    def enter() -> None:
        kept["python"] = RingReader(Mapping(segment.fd, segment.size))

    def write(count: int) -> None:
        probes.ring_write(segment, 128, count, PYTHON_GAP_NS)

    def read(count: int, latencies: Any) -> None:
        _read_python(kept["python"], count, latencies)

    found = Lockstep([("ring", write, read)], {"ring": PEER_COUNT}).run(1, enter)
    p50, p99, p999 = spread(found["ring"][0])
    return {"p50": p50, "p99": p99, "p999": p999}


def _read_python(reader: Any, count: int, latencies: Any) -> None:
    take, clock, from_bytes = reader.read, time.monotonic_ns, int.from_bytes
    for index in range(count):
        while (record := take()) is None:
            pass
        latencies[index] = clock() - from_bytes(record[40:48], "little")


def _poll(strategy: Any, count: int, latencies: Any) -> None:
    poll, clock = strategy.poll, time.monotonic_ns
    for index in range(count):
        while (event := poll()) is None:
            pass
        latencies[index] = clock() - event.recv_ns


def _iterate(strategy: Any, count: int, latencies: Any) -> None:
    clock, last = time.monotonic_ns, count - 1
    for index, event in enumerate(strategy):
        latencies[index] = clock() - event.recv_ns
        if index == last:
            break


def _up_page() -> tuple[int, Any]:
    """A session's `up` segment: descriptor and mapping."""
    from connector._speedups.segment import Mapping, create_memfd

    fd = create_memfd("bench-up", 4096)
    up = Mapping(fd, 4096, writable=True, keep_in_fork=True)
    memoryview(up).cast("B").cast("Q")[0] = 0x50555353544E4E43  # CONNECTOR_MAGIC_UP
    return fd, up


def _strategy(memory: Any) -> Any:
    """What a ``Session`` reads with, without a daemon on the other end of its control socket."""
    from connector._speedups.reader import MarketReader

    class Reader(MarketReader):
        """A subclass in Python, as ``Session`` is."""

        ends = socket.socketpair()
        event = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    reader = Reader()
    reader.open(memory, _up_page()[1], Reader.ends[0].fileno(), Reader.event)
    return reader


def wake(rounds: int) -> Group:
    """A reader that sleeps in poll() on its eventfd, woken by the daemon's bell."""
    import select

    from connector._speedups.bell import Bell

    fd, up = _up_page()
    words = memoryview(up).cast("B").cast("Q")
    sleeping, sent = 48, 100
    event = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
    bell = Bell()
    bell.add_session(up, event)

    def write(count: int) -> None:
        rung = 0
        for _ in range(count):
            while not (seen := words[sleeping]) & 1 or seen == rung:
                pass
            rung = seen
            due = time.monotonic_ns() + 100_000  # it is in poll() by then
            while time.monotonic_ns() < due:
                pass
            words[sent] = time.monotonic_ns()
            bell.touch()
            bell.ring()

    def read(count: int, latencies: Any) -> None:
        poll = select.poll()
        poll.register(event, select.POLLIN)
        for index in range(count):
            words[sleeping] += 1
            poll.poll()
            now = time.monotonic_ns()
            os.eventfd_read(event)
            latencies[index] = now - words[sent]
            words[sleeping] += 1

    found = Lockstep([("wake", write, read)], {"wake": WAKE_COUNT}).run(rounds)
    group = Group(
        "waking a sleeping reader",
        "a strategy that blocks instead of spinning hears of everything later",
    )
    middle, p99, p999 = (median(part) for part in zip(*map(spread, found["wake"]), strict=True))
    note = f"p99 {p99:,.0f}, p99.9 {p999:,.0f}; bell.ring() to poll() returned, reader in Python"
    group.add("eventfd wake: p50", middle, "ns", note=note)
    words.release()
    os.close(event)
    os.close(fd)
    return group


def run(rounds: int) -> list[Group]:
    """Every bench of this file."""
    return [*(ring(rounds, size) for size in RING_BYTES), wake(max(rounds // 2, 1))]
