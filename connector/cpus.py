"""Which CPUs are whose: the loop's own, and those left for threads beside it."""

import contextlib
import os
from pathlib import Path

from connector.errors import ConfigError

_granted: frozenset[int] = frozenset()
"""Before the process was bound to one of them by its configuration."""


def bind(cpu: int | None) -> None:
    """Keep this process on ``cpu``; ConfigError when it may not run there."""
    global _granted
    if cpu is None:
        return
    before = frozenset(os.sched_getaffinity(0))
    try:
        os.sched_setaffinity(0, {cpu})
    except OSError as error:
        raise ConfigError(f"daemon.cpu: {cpu}: {error.strerror}") from None
    _granted = before


def spare(isolated: frozenset[int] | None = None) -> frozenset[int]:
    """Where threads beside a loop go that has a CPU of its own; empty: they stay.

    A CPU is the loop's own when the configuration names it, and when it is isolated and the only
    one this process was given. Other isolated CPUs are somebody else's own, and who confines the
    process to a CPU that is not wants its threads there, too."""
    mine = frozenset(os.sched_getaffinity(0))
    isolated = isolated_cpus() if isolated is None else isolated
    if len(mine) != 1:
        return frozenset()
    if _granted:
        return _granted - mine - isolated
    return frozenset(range(os.cpu_count() or 1)) - isolated if mine <= isolated else frozenset()


def leave() -> None:
    """For a thread beside the loop, at its start: go to those that are spare."""
    if cpus := spare():
        with contextlib.suppress(OSError):  # a control group keeps them from us
            os.sched_setaffinity(0, cpus)


def isolated_cpus(path: Path = Path("/sys/devices/system/cpu/isolated")) -> frozenset[int]:
    """The CPUs the kernel keeps other work away from."""
    try:
        return parse_cpus(path.read_text())
    except (OSError, ValueError):
        return frozenset()


def parse_cpus(text: str) -> frozenset[int]:
    """``0,2-4`` as numbers."""
    found: set[int] = set()
    for part in text.strip().split(","):
        if part:
            low, _, high = part.partition("-")
            found.update(range(int(low), int(high or low) + 1))
    return frozenset(found)
