"""The one place that reads time."""

import time

monotonic_ns = time.monotonic_ns
"""CLOCK_MONOTONIC in nanoseconds: the clock of ``recv_ns``, ``publish_ns`` and deadlines. On Linux
Python reads that very clock here, in half the time a call by its name takes (a test)."""


def wall_ns() -> int:
    """Unix time in nanoseconds, for stamps people read."""
    return time.time_ns()
