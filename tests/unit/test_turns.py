"""Each turn of a loop that spins takes commands, wakes who sleeps and is measured; it ends when it
may."""

from collections.abc import Callable

import pytest

from connector._speedups.bell import Bell
from connector._speedups.feed import Feed
from connector._speedups.gateway import Gateway
from connector._speedups.segment import Segment
from connector._speedups.turns import Turns
from connector.clock import monotonic_ns
from connector.ipc.counters import Counters
from connector.model.counters import Counter, Hop
from connector.venues.contract import MarkPrice
from tests.reference.lane_rig import INSTRUMENT
from tests.unit.test_bell import Sleeper
from tests.unit.test_gateway import Writer

NEVER_NS = 1 << 62


class Loop:
    """What was asked for is called when the test wants it; records are published by hand."""

    def __init__(self) -> None:
        self.asked: list[Callable[[], object]] = []
        self.segment = Segment.create(1 << 18)
        self.counters = Counters(self.segment.memory)
        self.bell = Bell()
        self.feed = Feed(self.segment, self.segment.add_instrument(INSTRUMENT), INSTRUMENT)

    def call_soon(self, callback: Callable[[], object]) -> None:
        self.asked.append(callback)

    def turns(
        self, spin_ns: int = 0, stall_ns: int = NEVER_NS, rest: Callable[[], bool] | None = None
    ) -> Turns:
        return Turns(
            self.bell, self.segment, self.call_soon, spin_ns=spin_ns, stall_ns=stall_ns, rest=rest
        )

    def turn(self) -> None:
        asked, self.asked = self.asked, []
        for callback in asked:
            callback()

    def publish(self) -> None:
        self.feed.mark_price(MarkPrice("BTCUSDT", 1, 1, 1, 1, 1, 0, 0), 0, monotonic_ns())
        self.bell.touch()

    @property
    def measured(self) -> int:
        return self.counters.latency(Hop.LOOP_CALLBACK).count


@pytest.fixture
def loop() -> Loop:
    return Loop()


def test_turns_take_commands_wake_sleepers_and_go_on(loop: Loop) -> None:
    writer, sleeper, taken = Writer(1), Sleeper(), list[str]()
    memory = writer.memory
    loop.bell.gateway = Gateway(lambda name, slot, read_ns: taken.append(name))
    loop.bell.gateway.add("a", memory.up, memory.down, memory.doorbell)
    loop.bell.add_session(sleeper.memory.up, sleeper.memory.eventfd)
    sleeper.set(1)
    turns = loop.turns()
    turns.begin()
    turns.begin()  # which begins no second chain of turns
    loop.turn()
    assert len(loop.asked) == 1
    assert not sleeper.rung()
    writer.write(1)
    loop.publish()
    loop.turn()
    assert taken == ["a"]
    assert sleeper.rung()
    turns.end()
    loop.turn()
    assert not loop.asked
    sleeper.memory.close()


def test_turns_with_work_are_measured_and_long_ones_counted(loop: Loop) -> None:
    loop.turns(stall_ns=-1).begin()
    loop.turn()
    first = loop.measured
    loop.turn()
    assert loop.measured == first  # nothing was published
    loop.publish()
    loop.turn()
    loop.turn()
    assert loop.measured == first + 1
    assert loop.counters[Counter.STALLS] == 4


def test_the_last_turn_is_the_first_quiet_one_that_may_be(loop: Loop) -> None:
    asked = list[int]()

    def rest() -> bool:
        asked.append(len(asked))
        return len(asked) > 2

    turns = loop.turns(spin_ns=0, rest=rest)
    turns.begin()
    while loop.asked:
        loop.turn()
    assert len(asked) == 3
    assert not turns.on
    turns.begin()
    assert turns.on
    loop.turn()
    assert not loop.asked


def test_what_is_published_puts_the_end_off(loop: Loop) -> None:
    asked = list[int]()
    turns = loop.turns(spin_ns=NEVER_NS // 2, rest=lambda: bool(asked.append(1)) or True)
    turns.begin()
    for _ in range(100):
        loop.turn()
    loop.publish()
    loop.turn()
    assert turns.on
    assert not asked
