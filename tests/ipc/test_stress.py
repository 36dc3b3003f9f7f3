"""Ring and table under two processes: torn is FORBIDDEN, lost is ACCEPTABLE and counted exactly.

``CONNECTOR_STRESS`` is the number of records (default 100 million, split over the
cases).
"""

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator

import pytest

from connector._speedups import stress
from connector._speedups.ring import RingReader
from connector._speedups.segment import Mapping, Segment
from tests.reference.stack import eventually

WAIT_S = 250
RECORDS = int(os.environ.get("CONNECTOR_STRESS", 100_000_000))


@contextlib.contextmanager
def process(work: Callable[[], int]) -> Iterator[int]:
    """A forked child that does ``work`` and exits with its status; killed when we leave."""
    child = os.fork()
    if child == 0:
        status = 99
        try:
            status = work()
        finally:
            os._exit(status)
    try:
        yield child
    finally:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):  # the test waited for it
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def reader_of(segment: Segment) -> RingReader:
    return RingReader(Mapping(segment.fd, segment.size))


@contextlib.contextmanager
def reading(segment: Segment, work: Callable[[RingReader], int]) -> Iterator[int]:
    """The same with a reader of its own that begins at what is written next."""
    begun, begins = os.pipe()

    def begin() -> int:
        reader = reader_of(segment)
        os.write(begins, b"x")
        return work(reader)

    with process(begin) as child:
        assert os.read(begun, 1) == b"x"
        os.close(begun)
        os.close(begins)
        yield child


@pytest.mark.parametrize(
    ("ring_bytes", "share", "pause_every"),
    [(1 << 19, 0.5, 0), (1 << 22, 0.4, 0), (1 << 20, 0.05, 64)],
)
def test_nothing_is_torn_and_every_loss_counted(
    ring_bytes: int, share: float, pause_every: int
) -> None:
    records = int(RECORDS * share)
    segment = Segment.create(ring_bytes)
    reader = reader_of(segment)

    def write() -> int:
        stress.write(segment, records, ring_bytes, pause_every=pause_every)
        return 0

    with process(write):
        received, lost, _, torn, cells, torn_cells, finished = stress.read(reader, records, WAIT_S)
    assert torn == 0
    assert torn_cells == 0
    assert finished
    assert received + lost == records
    assert received > 0
    assert cells > 0


def test_several_readers_each_count_for_themselves() -> None:
    records = int(RECORDS * 0.05)
    segment = Segment.create(1 << 20)

    def read(reader: RingReader) -> int:
        received, lost, _, torn, _, torn_cells, finished = stress.read(reader, records, WAIT_S)
        return 0 if finished and not torn + torn_cells and received + lost == records else 1

    with contextlib.ExitStack() as stack:
        children = [stack.enter_context(reading(segment, read)) for _ in range(3)]
        stress.write(segment, records)
        ended = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert ended == [0, 0, 0]


def test_a_stopped_reader_slows_nobody_and_counts_what_it_missed() -> None:
    segment = Segment.create(1 << 19)
    records = 400_000

    def read(reader: RingReader) -> int:
        received, lost, laps, torn, _, torn_cells, finished = stress.read(
            reader, 2 * records, WAIT_S
        )
        whole = finished and not torn + torn_cells and received + lost == 2 * records
        return 0 if whole and laps > 0 and lost > records // 2 else 1

    with reading(segment, read) as child:
        os.kill(child, signal.SIGSTOP)
        stress.write(segment, records)
        os.kill(child, signal.SIGCONT)
        stress.write(segment, records, 2, pause_every=16)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_slow_python_reader_loses_exactly_what_it_missed() -> None:
    segment = Segment.create(1 << 19)
    reader = reader_of(segment)
    records = 0
    for burst in (10, 5_000, 1, 20_000, 300):
        stress.write(segment, burst, burst)
        records += burst
        for _ in range(burst // 3):
            if reader.read() is None:
                break
    last = 0
    while (data := reader.read()) is not None:
        last = int.from_bytes(data[16:24], "little")
    assert last == records
    assert reader.received + reader.lost == records
    assert reader.laps > 0
    assert reader.lag == 0


def test_a_killed_writer_leaves_the_ring_readable() -> None:
    segment = Segment.create(1 << 20)
    reader = reader_of(segment)

    def write() -> int:
        stress.write(segment, 1 << 40)
        return 0

    with process(write):
        eventually(lambda: reader.lag > 1 << 19)
    received, lost, _, torn, _, _, finished = stress.read(reader, 1 << 41, 0.5)
    assert not finished
    assert torn == 0
    written = int.from_bytes(memoryview(reader.memory)[_sequence(reader) :][:8], "little") - 1
    # Killed between its stamp and the control words, the writer is one record ahead of them.
    assert received + lost in (written, written + 1)


def _sequence(reader: RingReader) -> int:
    """Where RingControl.sequence lies in the segment."""
    control = int.from_bytes(memoryview(reader.memory)[96:104], sys.byteorder)
    return control + 264
