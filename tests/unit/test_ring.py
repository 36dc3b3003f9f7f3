"""The ring against a list: what was written is what is read, and what was missed is counted."""

import os
import resource
import socket
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector._speedups import segment as segments
from connector._speedups import stress
from connector._speedups.ring import RingReader
from connector._speedups.segment import Mapping, Segment
from connector.errors import EpochChanged, Stalled
from connector.ipc.client import Session
from connector.ipc.counters import Counters
from connector.ipc.segments import PAGE, SessionMemory
from connector.model.counters import Counter, Hop
from connector.model.histogram import BUCKETS, bucket, lower_ns
from tests.reference.market_daemon import instrument

MIN_RING = 1 << 18


def reader_of(segment: Segment) -> RingReader:
    return RingReader(Mapping(segment.fd, segment.size))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 32_000), st.integers(0, 3)), min_size=1, max_size=80))
def test_a_reader_that_keeps_up_gets_every_byte(steps: list[tuple[int, int]]) -> None:
    segment = Segment.create(MIN_RING)
    reader = reader_of(segment)
    waiting: list[bytes] = []
    for number, (length, reads) in enumerate(steps, 1):
        body = bytes([number & 255]) * length
        assert segment.publish(200, 0, body, update_id=number) == number
        waiting.append(body)
        while len(waiting) > reads:
            record = reader.read()
            assert record is not None
            stated, kind = struct.unpack_from("<IH", record, 8)
            assert (stated, kind) == (len(record), 200)
            body = waiting.pop(0)
            assert record[64 : 64 + len(body)] == body
            assert len(record) == -(-(64 + len(body)) // 64) * 64
    assert reader.lost == 0


def test_a_reader_that_never_reads_counts_all_it_missed() -> None:
    segment = Segment.create(MIN_RING)
    reader = reader_of(segment)
    for number in range(20_000):
        segment.publish(200, 0, bytes(number % 700))
    while reader.read() is not None:
        pass
    assert reader.received + reader.lost == 20_000
    assert 0 < reader.received < 20_000
    assert reader.laps == 1


def test_a_record_longer_than_an_eighth_of_the_ring_is_refused() -> None:
    segment = Segment.create(MIN_RING)
    segment.publish(200, 0, bytes(MIN_RING // 8 - 64))
    with pytest.raises(ValueError, match="eighth"):
        segment.publish(200, 0, bytes(MIN_RING // 8 - 63))
    assert segment.sequence == 2


@pytest.mark.parametrize("size", [0, 1000, MIN_RING // 2, MIN_RING + 64])
def test_a_ring_is_a_power_of_two_of_256_kib_at_least(size: int) -> None:
    with pytest.raises(ValueError, match="power of two"):
        Segment.create(size)


def test_too_little_memory_is_one_error_that_names_the_bytes() -> None:
    with pytest.raises(MemoryError, match=r"needs 1,\d{3},\d{3},\d{3},\d{3} bytes, only"):
        Segment.create(1 << 40)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
            try:
                Segment.create(1 << 20)
            except MemoryError as error:
                status = 0 if "7,639,040 bytes" in str(error) else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_available_memory_is_what_the_machine_says() -> None:
    assert 1 << 20 < segments.available_bytes() < 1 << 50


def test_an_instrument_is_rewritten_but_its_scale_is_fixed() -> None:
    import msgspec

    segment = Segment.create(MIN_RING)
    assert segment.add_instrument(instrument()) == 0
    segment.update_instrument(0, msgspec.structs.replace(instrument(), tick_e=5))
    with pytest.raises(ValueError, match="exponents cannot change"):
        segment.update_instrument(0, msgspec.structs.replace(instrument(), price_exponent=2))
    with pytest.raises(ValueError, match="symbol has more than 63 bytes"):
        segment.add_instrument(msgspec.structs.replace(instrument(), symbol="X" * 64))
    with pytest.raises(IndexError):
        segment.update_instrument(1, instrument())
    assert segment.instruments == 1
    for _ in range(4095):
        segment.add_instrument(instrument())
    with pytest.raises(ValueError, match="full"):
        segment.add_instrument(instrument())


@pytest.fixture
def session(tmp_path: Path):  # type: ignore[no-untyped-def]
    """A session without a daemon: its segment, itself, the daemon's end of the socket."""
    segment = Segment.create(MIN_RING)
    segment.add_instrument(instrument())
    memory = SessionMemory(1)
    theirs, ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    found = Session("test", tmp_path, 1.0)
    up = Mapping(memory.up_fd, PAGE, writable=True)
    found.open(Mapping(segment.fd, segment.size), up, ours.fileno(), memory.eventfd)
    yield segment, found, theirs
    found.shut()
    theirs.close()
    ours.close()
    memory.close()


def test_a_writer_stopped_half_way_is_said_and_not_waited_for(session) -> None:  # type: ignore[no-untyped-def]
    segment, reader, daemon = session
    top = reader.top(0)
    assert top.bbo().bid_qty_e == 0
    stress.stop_half_way(segment)
    for read in (top.bbo, top.trade, top.levels):
        with pytest.raises(Stalled, match="half-way"):
            read()
    daemon.close()
    with pytest.raises(EpochChanged):
        top.bbo()


def test_histograms_come_back_as_they_were_filled() -> None:
    segment = Segment.create(MIN_RING)
    counters = Counters(Mapping(segment.fd, segment.size))
    durations = [-5, 0, 1, 31, 32, 33, 63, 64, 1000, 123_456, 10**9, 2**36 - 1, 2**36, 2**62]
    wanted = [0] * BUCKETS
    for duration in durations:
        segment.observe(Hop.SNAPSHOT.value, duration)
        wanted[bucket(duration)] += 1
    assert counters.buckets(Hop.SNAPSHOT) == wanted
    assert counters.latency(Hop.SNAPSHOT).count == len(durations)
    assert counters.latency(Hop.SNAPSHOT).max_ns == 2**62
    assert counters.latency(Hop.LOOP_CALLBACK).count == 0
    segment.count(Counter.GAPS.value, 3)
    assert counters[Counter.GAPS] == counters.all()[Counter.GAPS] == 3


@given(st.integers(0, 2**36 - 1))
def test_a_bucket_holds_its_value_within_a_thirty_second(value: int) -> None:
    low = lower_ns(bucket(value))
    assert low <= value
    assert bucket(low) == bucket(value)
    assert value - low <= max(low / 32, 0)
