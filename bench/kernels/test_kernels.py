"""Single calls of the kernels under pytest-benchmark; ``make bench`` runs them, the test suite
never does.

A regression here without one in ``python -m bench kernels`` is the cost of the call from Python,
not the path's.
"""

from itertools import cycle
from typing import Any

import pytest

from bench.frames import load
from bench.rig import Rig
from connector._speedups import decimal
from connector._speedups.ring import RingReader
from connector._speedups.segment import Mapping, Segment


@pytest.fixture(scope="module")
def frames() -> Any:
    return load("ethusdt", 500)


def test_decimal_text_to_integer(benchmark: Any) -> None:
    assert benchmark(decimal.parse, "28155.10000000", 8) == 2815510000000


def test_depth_frames_to_book(benchmark: Any, frames: Any) -> None:
    def fresh() -> Any:
        return (Rig(frames, ring_bytes=1 << 22), frames.depth), {}

    benchmark.pedantic(Rig.decode, setup=fresh, rounds=5)


def test_book_ticker_frames_to_records(benchmark: Any, frames: Any) -> None:
    def fresh() -> Any:
        return (Rig(frames, ring_bytes=1 << 22), frames.ticker), {}

    benchmark.pedantic(Rig.decode, setup=fresh, rounds=5)


def test_record_published_and_read_from_python(benchmark: Any) -> None:
    segment = Segment.create(1 << 22)
    reader = RingReader(Mapping(segment.fd, segment.size))
    bodies = cycle([bytes(64), b"\x07" * 64])

    def once() -> Any:
        segment.publish(3, 0, next(bodies))
        return reader.read()

    assert len(benchmark(once)) == 128
