"""After READY no callback of the loop takes longer than 200 µs.

Measured is the CPU time of the loop's thread: the wall clock of a shared machine tells of the
neighbours. They are in the CPU time, too: beside other work caches are cold and half a core's
speed belongs to its sibling, so that everything takes up to three times as long as alone. What a
callback *does* shows in its faster half, whoever else runs; one that does too much does so every
time. The rule is held, therefore,

- for each kind of callback that ran often enough, by its median: at most 200 µs;
- for all of them together by 9 of 10 that do anything: at most 200 µs;
- for each single one by 1 ms: what used to take longer (a snapshot decoded in Python, exchangeInfo
  in one go, a handshake with a megabyte of buffer, a feed's sixty books told of a new connection)
  took more than that alone.

Even so a core that is taken away counts as CPU time of whoever had it: milliseconds, once in ten
thousand callbacks, or, in the bad minutes of a shared machine, a hundred times as often. Work that
is always the same runs behind each callback, and shows how often that is: for as much time of its
own a kind may go over the millisecond three times as often. And guilty is who breaks the same part
of the rule in each of five runs.

Excluded is nothing that runs on the loop after READY."""

import json
import signal
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from connector.model.counters import Counter
from tests.e2e.test_daemon import Reader
from tests.reference.stack import Daemon, Sim, eventually

SYMBOLS = 60
LIMIT_US = 200
WORST_US = 1000
IDLE_US = 5
"""Callbacks below this only look whether there is anything to do."""
OFTEN = 30
"""A kind that ran so often has a median that says something."""


RUNS = 5


class Taken(NamedTuple):
    """Microseconds of CPU time."""

    by_name: dict[str, list[int]]
    """Of each callback, by its kind."""
    same: list[int]
    """Of the same work, each time."""


@pytest.mark.alone
def test_no_callback_holds_the_loop(tmp_path: Path) -> None:
    guilty = faults(run(tmp_path / "0"))
    for number in range(1, RUNS):
        if not guilty:
            return
        again = faults(run(tmp_path / str(number)))
        guilty = {fault: again[fault] for fault in guilty.keys() & again.keys()}
    assert guilty == {}


def run(folder: Path) -> Taken:
    """A daemon's life in which everything happens: what every callback took."""
    folder.mkdir()
    report = folder / "callbacks.json"
    command = [sys.executable, "-m", "tests.reference.measured_daemon", str(report)]
    arguments = ["--symbols", str(SYMBOLS), "--rate", "5", "--no-bursts", "--weight-limit", "24000"]
    with (
        Sim(*arguments) as sim,
        Daemon(folder, sim, command=command, venue={"refresh_s": 2}) as daemon,
    ):
        daemon.ready(60)
        with Reader(daemon) as reader:
            answer = sim.ask("/fapi/v1/exchangeInfo")
            names = [row["symbol"].lower() for row in answer["symbols"]]
            time.sleep(0.2)
            daemon.process.send_signal(signal.SIGUSR1)
            before = reader.counter(Counter.RESYNCS)
            for name in names[:30]:
                sim.fault("drop", stream=f"{name}@depth*")
            eventually(lambda: reader.counter(Counter.RESYNCS) >= before + 30, 40)
            for _ in range(20):
                daemon.state()
                daemon.ask("sessions")
                assert daemon.book(3) is not None
            lost = reader.counter(Counter.DISCONNECTS)
            sim.fault("cut", stream="*depth*")
            eventually(lambda: reader.counter(Counter.DISCONNECTS) > lost, 30)
            eventually(lambda: daemon.state()["books_live"] == SYMBOLS, 40)
            asked = reader.counter(Counter.HTTP_REQUESTS)
            eventually(lambda: reader.counter(Counter.HTTP_REQUESTS) > asked, 30)
            time.sleep(0.5)
            daemon.process.send_signal(signal.SIGUSR1)
            time.sleep(0.2)
        assert daemon.stop() == 0
        assert "Traceback" not in daemon.text()
    return Taken(**json.loads(report.read_text()))


def faults(taken: Taken) -> dict[str, str]:
    """Who broke which part of the rule, and by how much."""
    busy = {
        name: sorted(us for us in took if us > IDLE_US)
        for name, took in sorted(taken.by_name.items())
    }
    same = sorted(taken.same)
    taken_away = sum(us > WORST_US for us in same)
    alike_us = len(same) * same[len(same) // 2]
    """What the same work takes in all where nothing is taken away."""
    every = sum(map(len, busy.values()))
    assert every > 1000, "the daemon had something to do"
    found = {}
    over = 0
    for name, took in busy.items():
        if not took:
            continue
        median, worst, slow = took[len(took) // 2], took[-1], sum(us > LIMIT_US for us in took)
        over += slow
        seen = f"median {median} us, worst {worst} us, {slow} of {len(took)} over {LIMIT_US} us"
        if len(took) >= OFTEN and median > LIMIT_US:
            found[f"{name}, as a rule"] = seen
        own_us = len(took) * min(took[(len(took) - 1) // 2], LIMIT_US)
        if sum(us > WORST_US for us in took) > 3 * taken_away * own_us / alike_us:
            found[f"{name}, once"] = seen
    if over > every // 10 + 1:
        found["one in ten"] = f"{over} of {every}"
    return found


def test_a_slow_callback_is_found() -> None:
    def found(by_name: dict[str, list[int]], same: list[int] = [20] * 2000) -> list[str]:
        return list(faults(Taken(by_name, same)))

    usual = {"quick": [20] * 2000}
    slow = [WORST_US + 1]
    assert found(usual) == []
    assert found(usual | {"slow": [LIMIT_US + 1] * OFTEN}) == ["slow, as a rule"]
    assert found(usual | {"rare": [30, *slow]}) == ["rare, once"]
    few = {f"kind {number}": [30, LIMIT_US + 1, 30] for number in range(400)}
    assert found(usual | few) == ["one in ten"]
    # A core that is taken away ten times from the same work: from a kind that runs as long, too,
    # but what takes so long each time it runs is found all the same.
    taken = [20] * 1990 + slow * 10
    assert found({"quick": [20] * 1980 + slow * 20}, taken) == []
    assert found({"quick": [20] * 1960 + slow * 40}, taken) == ["quick, once"]
    assert found(usual | {"rare": [30, *slow]}, taken) == ["rare, once"]
