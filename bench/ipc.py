"""One-way hand-over through the market ring between two pinned processes, beside a bare cache-line
hand-over.

The same two processes take turns: bare line, ring with records of 64 bytes, 128 bytes and a depth
message's 704, read in C and in Python, in batches of a fraction of a second, round after round. The
bare line spans as many bytes of memory as the ring. A record's latency is counted from a clock read
before it is claimed, so it includes writing the body and the clock that ``ring_commit`` reads for
``publish_ns``; "after its clock" counts from that one instead.
"""

import mmap
import os
import time
from array import array
from collections.abc import Callable
from statistics import median
from typing import Any

from bench import native
from bench.machine import two_cores
from bench.report import Group
from bench.stats import ratio, spread

COUNT = (
    5_000  # of 704 bytes they fit into the small ring: a reader that lost its CPU loses no record
)
GAP_NS = 2_000
PYTHON_GAP_NS = 5_000
WAKE_COUNT = 300
RING_BYTES = (4 << 20, 64 << 20)  # stays in the cache; the daemon's default
Step = tuple[str, Callable[[int], None], Callable[[int, Any], None]]


class Lockstep:
    """A forked reader and this process, the writer, which start each batch together.

    ``steps``: (name, write(count), read(count, latencies)). ``run`` returns the latencies of each
    batch, by name.
    """

    def __init__(self, steps: list[Step], counts: dict[str, int]) -> None:
        self._steps, self._counts = steps, counts
        size = max(counts.values())
        self._latencies = mmap.mmap(-1, size * 8)
        self._samples = memoryview(self._latencies).cast("B").cast("q")
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
                for index, (name, write, _) in enumerate(self._steps):
                    os.write(self._to_reader[1], bytes([index]))
                    self._wait(child)
                    time.sleep(0.002)  # the reader is spinning by then
                    write(self._counts[name])
                    self._wait(child)
                    found[name].append(array("q", self._samples[: self._counts[name]]))
            os.write(self._to_reader[1], b"\xff")
        finally:
            os.sched_setaffinity(0, before)
            os.waitpid(child, 0)
            for end in (*self._to_reader, *self._to_writer):
                os.close(end)
        return found

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
            read(self._counts[name], self._samples[: self._counts[name]])
            os.write(self._to_writer[1], b"d")


def ring(rounds: int, ring_bytes: int) -> Group:
    """The ring against the bare line."""
    from connector._speedups.ring import RingReader
    from connector._speedups.segment import Mapping, Segment

    probes = native.load()
    segment = Segment.create(ring_bytes)
    bare = mmap.mmap(-1, ring_bytes)
    bare.write(bytes(ring_bytes))
    area = memoryview(bare).cast("B").cast("Q")
    place = {"write": 0, "read": 0}
    kept: dict[str, Any] = {}

    def enter() -> None:
        kept["memory"] = Mapping(segment.fd, segment.size)
        kept["native"] = probes.Reader(kept["memory"])
        kept["python"] = RingReader(kept["memory"], recent=False)

    def ready() -> None:
        kept["native"].skip()
        while kept["python"].read() is not None:
            pass

    def bare_write(count: int) -> None:
        probes.bare_write(area, place["write"], count, GAP_NS)
        place["write"] += count

    def bare_read(count: int, latencies: Any) -> None:
        probes.bare_read(area, place["read"], latencies)
        place["read"] += count

    def write(length: int, gap_ns: int) -> Callable[[int], None]:
        return lambda count: probes.ring_write(segment, length, count, gap_ns)

    def read(since: int) -> Callable[[int, Any], None]:
        def run(count: int, latencies: Any) -> None:
            kept["native"].read(latencies, since)

        return run

    def read_python(count: int, latencies: Any) -> None:
        _read_python(kept["python"], count, latencies)

    counts = {"bare": COUNT}
    steps: list[Step] = [("bare", bare_write, bare_read)]
    for length in (64, 128, 704):
        for since, what in ((0, ""), (1, ", after its clock")):
            name = f"{length} bytes{what}"
            steps.append((name, write(length, GAP_NS), read(since)))
            counts[name] = COUNT
    for length in (128, 704):
        steps.append((f"Python {length} bytes", write(length, PYTHON_GAP_NS), read_python))
        counts[f"Python {length} bytes"] = COUNT
    found = Lockstep(steps, counts).run(rounds, enter, ready)

    group = Group(
        f"ring of {ring_bytes >> 20} MiB, one way, writer and reader spin on two cores",
        "every strategy hears of every record later, whatever else the daemon does",
    )
    p50 = {name: [spread(batch)[0] for batch in batches] for name, batches in found.items()}
    goals = {
        "64 bytes": 1.25,
        "704 bytes": 2.0,
    }
    for name, batches in found.items():
        middle, p99, p999 = (median(part) for part in zip(*map(spread, batches), strict=True))
        group.add(f"{name}: p50", middle, "ns", note=f"p99 {p99:,.0f}, p99.9 {p999:,.0f}")
        if name == "bare":
            continue
        if name.startswith("Python"):
            more = median(a - b for a, b in zip(p50[name], p50["bare"], strict=True))
            goal = 130 if "128" in name else None
            group.add(f"{name}: more than bare", more, "ns", goal)
        else:
            goal = goals.get(name.split(",")[0])
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

    found = Lockstep([("ring", write, read)], {"ring": COUNT}).run(1, enter)
    p50, p99, p999 = spread(found["ring"][0])
    return {"p50": p50, "p99": p99, "p999": p999}


def _read_python(reader: Any, count: int, latencies: Any) -> None:
    take, clock, from_bytes = reader.read, time.monotonic_ns, int.from_bytes
    for index in range(count):
        while (record := take()) is None:
            pass
        latencies[index] = clock() - from_bytes(record[40:48], "little")


def wake(rounds: int) -> Group:
    """A reader that sleeps in poll() on its eventfd, woken by the daemon's bell."""
    import select

    from connector._speedups.bell import Bell
    from connector._speedups.segment import Mapping, create_memfd

    fd = create_memfd("bench-up", 4096)
    up = Mapping(fd, 4096, writable=True, keep_in_fork=True)
    words = memoryview(up).cast("B").cast("Q")
    words[0] = 0x50555353544E4E43  # CONNECTOR_MAGIC_UP
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
