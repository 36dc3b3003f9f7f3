"""The doorbell, waker's side: who sleeps is woken for what was published, and for nothing else."""

import os
from collections.abc import Iterator

import pytest

from connector._speedups.bell import Bell
from connector.ipc.segments import SessionMemory
from connector.model.records import dtype


class Sleeper:
    """A session that may be asleep."""

    def __init__(self) -> None:
        self.memory = SessionMemory(1)
        fields = dtype("SessionUp").fields
        assert fields is not None
        self.offset = int(fields["sleeping"][1])

    def set(self, value: int) -> None:
        os.pwrite(self.memory.up_fd, value.to_bytes(8, "little"), self.offset)

    def rung(self) -> bool:
        try:
            os.eventfd_read(self.memory.eventfd)
        except BlockingIOError:
            return False
        return True


@pytest.fixture
def sleeper() -> Iterator[Sleeper]:
    found = Sleeper()
    yield found
    found.memory.close()


def test_a_loop_that_spins_leaves_sleepers_alone_while_nothing_is_published(
    sleeper: Sleeper,
) -> None:
    bell = Bell()
    bell.add_session(sleeper.memory.up, sleeper.memory.eventfd)
    sleeper.set(1)
    assert [bell.ring() for _ in range(3)] == [0, 0, 0]
    assert not sleeper.rung()
    bell.touch()
    assert [bell.ring() for _ in range(3)] == [1, 0, 0]
    assert sleeper.rung()
    sleeper.set(3)
    assert bell.ring() == 0
    bell.touch()
    assert bell.ring() == 1


def test_who_is_awake_is_not_rung(sleeper: Sleeper) -> None:
    bell = Bell()
    bell.add_session(sleeper.memory.up, sleeper.memory.eventfd)
    sleeper.set(2)
    bell.touch()
    assert bell.ring() == 0
    assert not sleeper.rung()


def test_without_spinning_one_ring_a_turn_is_asked_for(sleeper: Sleeper) -> None:
    asked: list[object] = []
    bell = Bell(asked.append)
    bell.add_session(sleeper.memory.up, sleeper.memory.eventfd)
    sleeper.set(1)
    bell.touch()
    bell.touch()
    assert len(asked) == 1
    assert bell.ring() == 1
    bell.touch()
    assert len(asked) == 2
