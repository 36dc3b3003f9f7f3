"""How the loop waits, how a start ends, and which snapshot is asked for next."""

import asyncio
import errno
import os
from typing import Any

import pytest

from connector import daemon
from connector.config import Daemon, LoopMode
from connector.daemon import choose_mode
from connector.market.snapshots import AT_ONCE, Want, choose


def test_auto_spins_only_on_a_cpu_of_its_own() -> None:
    mine = os.sched_getaffinity(0)
    assert choose_mode(Daemon(), frozenset()) is LoopMode.ADAPTIVE
    assert choose_mode(Daemon(cpu=min(mine)), frozenset()) is LoopMode.SPIN
    shared = LoopMode.SPIN if len(mine) == 1 else LoopMode.ADAPTIVE
    assert choose_mode(Daemon(), frozenset(mine)) is shared
    assert choose_mode(Daemon(loop=LoopMode.BLOCK, cpu=min(mine))) is LoopMode.BLOCK


def test_the_most_urgent_due_book_is_asked_for_within_budget_and_number() -> None:
    wants = [Want(2, 0, "C"), Want(1, 5, "B"), Want(1, 3, "A"), Want(0, 99, "own orders, later")]
    assert choose(wants, 0, 10, 10) == Want(1, 3, "A")
    assert choose(wants, 0, 99, 99) == Want(0, 99, "own orders, later")
    assert choose(wants, 0, 11, 10) is None, "the budget says later"
    assert choose(wants, AT_ONCE, 10, 10) is None
    assert choose([], 0, 0, 0) is None


class NoStart:
    """A daemon's inside whose start ends with that error."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def start(self) -> None:
        raise self.error


FULL = "[Errno 28] No space left on device: '/state/boot.new'"
NO_STARTS = [
    (OSError(errno.ENOSPC, "No space left on device", "/state/boot.new"), daemon.NOT_READY, FULL),
    (OSError(errno.EDQUOT, "Disk quota exceeded"), daemon.NOT_READY, "quota"),
    (PermissionError(errno.EACCES, "Permission denied", "/run"), daemon.CONFIGURATION, "'/run'"),
    (MemoryError("too little"), daemon.CONFIGURATION, "too little"),
    (RuntimeError("a bug"), daemon.BUG, ""),
]


@pytest.mark.parametrize(("error", "status", "said"), NO_STARTS)
def test_a_start_is_tried_again_only_where_that_may_help(
    error: Exception, status: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async def start() -> int | None:
        inside: Any = NoStart(error)
        return await daemon._start(inside, asyncio.Event())

    assert asyncio.run(start()) == status
    assert said in capsys.readouterr().err
