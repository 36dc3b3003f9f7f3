"""The one place that reads time."""

import time

monotonic_ns = time.monotonic_ns
"""CLOCK_MONOTONIC in nanoseconds: the clock of ``recv_ns``, ``publish_ns`` and deadlines. The
function itself, without one of ours around it: an order reads it a dozen times."""

wall_ns = time.time_ns
"""Unix time in nanoseconds, for stamps people read."""
