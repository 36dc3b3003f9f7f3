"""The one place that reads time."""

import time


def monotonic_ns() -> int:
    """CLOCK_MONOTONIC in nanoseconds: the clock of ``recv_ns``, ``publish_ns`` and deadlines."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)


def wall_ns() -> int:
    """Unix time in nanoseconds, for stamps people read."""
    return time.time_ns()
