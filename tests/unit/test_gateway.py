"""The daemon's end of the command rings: a turn's share, and who wants the doorbell."""

import struct

import pytest

from connector._speedups.gateway import Gateway
from connector._speedups.segment import Mapping
from connector.ipc.segments import COMMAND_BYTES, PAGE, TradingMemory


class Writer:
    """A strategy's side of a session, word by word."""

    def __init__(self, number: int) -> None:
        self.memory = TradingMemory(number, report_bytes=1 << 18)
        self.mapping = Mapping(self.memory.up_fd, self.memory.up_bytes, writable=True)
        self.words = memoryview(self.mapping).cast("B").cast("Q")
        self.written = 0

    def write(self, count: int) -> None:
        for _ in range(count):
            place = (PAGE + self.written % 256 * COMMAND_BYTES) // 8
            self.written += 1
            self.words[place] = self.written

    @property
    def wants_ring(self) -> bool:
        return bool(struct.unpack_from("<Q", self.memory.down, 384)[0] & 1)


@pytest.fixture
def writers() -> list[Writer]:
    return [Writer(1), Writer(2)]


def gateway(writers: list[Writer], taken: list[tuple[str, int]]) -> Gateway:
    def take(name: str, slot: bytes, read_ns: int) -> None:
        taken.append((name, int.from_bytes(slot[:8], "little")))

    found = Gateway(take)
    for name, writer in zip("ab", writers, strict=True):
        found.add(name, writer.memory.up, writer.memory.down, writer.memory.doorbell)
    return found


def test_nobody_gets_more_than_his_share_of_a_turn(writers: list[Writer]) -> None:
    taken: list[tuple[str, int]] = []
    served = gateway(writers, taken)
    writers[0].write(200)
    writers[1].write(5)
    for _ in range(100):  # as after each frame; one look may end early, by its time
        served.take()
    assert len(taken) == 64 + 5
    assert [number for name, number in taken if name == "b"] == [1, 2, 3, 4, 5]
    while served.next_turn():
        pass
    assert [number for name, number in taken if name == "a"] == list(range(1, 201))
    assert served.taken == 205
    assert [writer.memory.commands_taken() for writer in writers] == [200, 5]


def test_what_follows_the_last_command_is_told_once_and_may_fail(writers: list[Writer]) -> None:
    told: list[str] = []

    def after() -> None:
        told.append("after")
        if len(told) == 4:
            raise ValueError("told")

    served = Gateway(
        lambda name, *_: told.append(name),
        after=after,
        failed=lambda session, slot, error: told.append(f"{session} {error}"),
    )
    for name, writer in zip("ab", writers, strict=True):
        served.add(name, writer.memory.up, writer.memory.down, writer.memory.doorbell)
    served.take()
    assert told == []
    writers[0].write(1)
    writers[1].write(1)
    served.take()
    assert sorted(told[:2]) == ["a", "b"]
    assert told[2:] == ["after"]
    del told[:]
    writers[0].write(3)
    served.take()
    assert told == ["a", "a", "a", "after", "None told"]


def test_what_follows_waits_for_commands_that_a_turn_has_left(writers: list[Writer]) -> None:
    told: list[str] = []
    served = Gateway(lambda name, *_: told.append(name), after=lambda: told.append("after"))
    served.add("a", writers[0].memory.up, writers[0].memory.down, writers[0].memory.doorbell)
    writers[0].write(70)
    while told.count("a") < 64:  # one look may end early, by its time
        served.take()
    assert "after" not in told
    while told.count("a") < 70:
        served.next_turn()
    assert told == ["a"] * 70 + ["after"]


def test_who_sleeps_wants_the_doorbell_and_commands_keep_it_awake(writers: list[Writer]) -> None:
    taken: list[tuple[str, int]] = []
    served = gateway(writers, taken)
    assert not writers[0].wants_ring
    assert served.sleep()
    assert writers[0].wants_ring
    assert writers[1].wants_ring
    served.wake()
    assert not writers[1].wants_ring
    writers[1].write(1)
    assert not served.sleep()
    assert not writers[0].wants_ring
    assert served.take() == 1
    assert served.sleep()


def test_one_that_left_is_not_looked_at(writers: list[Writer]) -> None:
    taken: list[tuple[str, int]] = []
    served = gateway(writers, taken)
    served.remove(writers[0].memory.doorbell)
    for writer in writers:
        writer.write(2)
    assert served.take() == 2
    assert {name for name, _ in taken} == {"b"}
    with pytest.raises(KeyError):
        served.remove(writers[0].memory.doorbell)


def test_what_a_handler_raises_costs_its_own_command_only(writers: list[Writer]) -> None:
    failed: list[int] = []

    def take(name: str, slot: bytes, read_ns: int) -> None:
        raise RuntimeError("no")

    def tell(name: str, slot: bytes, error: Exception) -> None:
        failed.append(slot[0])
        raise ValueError("not even this")

    served = Gateway(take, failed=tell)
    memory = writers[0].memory
    served.add("a", memory.up, memory.down, memory.doorbell)
    writers[0].write(3)
    while served.next_turn():
        pass
    assert failed == [1, 2, 3]


def test_a_loop_that_spins_rehearses_in_turns_without_commands(writers: list[Writer]) -> None:
    rehearsed: list[str] = []
    taken: list[int] = []

    def rehearse() -> None:
        rehearsed.append("once more")
        if len(rehearsed) == 3:
            raise ValueError("no more")

    served = Gateway(
        lambda name, *_: taken.append(1),
        rehearse=rehearse,
        failed=lambda session, slot, error: rehearsed.append(f"{session} {error}"),
    )
    for _ in range(10_000):
        served.next_turn()
    assert not rehearsed  # nobody trades
    one = writers[0].memory
    served.add("a", one.up, one.down, one.doorbell)
    while not rehearsed:
        served.next_turn()
    served.set_call_soon(lambda call: None)
    for _ in range(10_000):
        served.next_turn()
    assert len(rehearsed) == 1  # it does not spin
    served.set_call_soon(None)
    while len(rehearsed) < 4:
        served.next_turn()
    for _ in range(10_000):
        served.next_turn()
    assert rehearsed == ["once more"] * 3 + ["None no more"]
    writers[0].write(1)
    assert served.next_turn() == 1
    assert taken == [1]
