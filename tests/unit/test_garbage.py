"""Cycles are collected, in passes that look at little; what keeps living is looked at rarely."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from connector import garbage
from connector.garbage import Collector


class Node:
    """Something that refers to itself."""

    def __init__(self) -> None:
        self.itself = self


def cycle() -> "weakref.ref[Node]":
    return weakref.ref(Node())


class Rig:
    def __init__(self) -> None:
        self.resting = True
        self.passes: list[int] = []
        """The generations that were looked at."""
        self.collector = Collector(lambda: self.resting)

    def tick(self) -> None:
        """As many ticks as a pass may wait for."""
        for _ in range(garbage.RARELY):
            self.collector.tick()

    def note(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self.passes.append(info["generation"])


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig()
    made.collector.freeze()
    gc.callbacks.append(made.note)
    yield made
    gc.callbacks.remove(made.note)
    made.collector.thaw()
    gc.freeze()  # as the other tests have it


def test_a_cycle_of_the_last_tick_goes_with_the_next_pass(rig: Rig) -> None:
    dead = cycle()
    assert dead() is not None
    rig.tick()
    assert dead() is None
    assert set(rig.passes) == {0}


def test_what_survives_is_not_looked_at_again(rig: Rig) -> None:
    kept = [[number] for number in range(200)]
    rig.tick()
    looked_at = {id(one) for one in gc.get_objects()}  # without what is frozen
    assert not looked_at & {id(one) for one in kept}
    assert rig.collector.grown >= 200


def test_no_pass_looks_at_more_than_a_frame_may_wait_for(rig: Rig) -> None:
    kept = [Node() for _ in range(garbage.PASSED_OVER + 1)]
    rig.collector.tick()
    assert rig.passes == []
    rig.tick()
    assert set(rig.passes) == {0}
    assert len(kept) <= rig.collector.grown < garbage.WORTH


def test_cycles_that_lived_longer_are_found_when_no_order_is_open(rig: Rig) -> None:
    rig.resting = False
    node: Node | None = Node()
    dead = weakref.ref(node)
    rig.tick()
    node = None
    rig.collector.grown = garbage.WORTH
    rig.tick()
    assert dead() is not None
    assert 2 not in rig.passes
    rig.resting = True
    rig.tick()
    assert dead() is None
    assert rig.passes[-1] == 2
    assert rig.collector.grown == 0


def test_they_wait_for_no_more_than_the_bound(rig: Rig) -> None:
    rig.resting = False
    node: Node | None = Node()
    dead = weakref.ref(node)
    rig.tick()
    node = None
    rig.collector.grown = garbage.MOST
    rig.tick()
    assert dead() is None
    assert rig.collector.grown == 0


def test_what_was_passed_over_is_found_by_the_next_whole_pass(rig: Rig) -> None:
    nodes = [Node() for _ in range(2 * garbage.PASSED_OVER)]
    dead = weakref.ref(nodes[0])
    rig.tick()
    nodes.clear()
    rig.tick()
    assert dead() is not None
    rig.collector.grown = garbage.WORTH
    rig.tick()
    assert dead() is None


def test_growth_counts_what_stays_alone(rig: Rig) -> None:
    rig.tick()
    before = rig.collector.grown
    for _ in range(50):
        for _ in range(100):
            cycle()
        rig.tick()
    assert rig.collector.grown - before < 50 * 20


def test_thawed_it_is_as_python_does_it() -> None:
    collector = Collector(lambda: True)
    collector.freeze()
    assert not gc.isenabled()
    collector.thaw()
    try:
        assert gc.isenabled()
        dead = cycle()
        collector.tick()  # does nothing
        gc.collect(0)
        assert dead() is None
    finally:
        gc.freeze()
