"""The daemon's clock in Python is the one its compiled parts and every strategy read."""

import time

from connector.clock import monotonic_ns


def test_it_is_clock_monotonic() -> None:
    assert time.get_clock_info("monotonic").implementation == "clock_gettime(CLOCK_MONOTONIC)"
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    now = monotonic_ns()
    assert before <= now <= time.clock_gettime_ns(time.CLOCK_MONOTONIC)
