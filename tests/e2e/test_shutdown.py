"""The ordered end on every ground: SIGTERM, orders cancelled as policies say, the venue asked, and
what the exit status says of it. One venue a ground for all tests, each of which has an account of
its own."""

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from connector.model.reports import Code, Result, Update
from tests.reference.ground import Ground
from tests.reference.grounds import VENUES, WIRES, only
from tests.reference.stack import Sim, eventually
from tests.reference.trading_stage import Stage, simulated, staged

MUTE = {"path": "*", "count": 0}
TESTS = 8
Begins = Callable[..., Stage]


@pytest.fixture(scope="module", params=WIRES, ids=[one.name for one in WIRES])
def venue(request: pytest.FixtureRequest) -> Iterator[tuple[Ground, Sim, list[str]]]:
    """A ground, its venue, and accounts that nobody has used."""
    ground: Ground = request.param
    names = [f"end{number}" for number in range(TESTS)]
    with simulated(ground, [f"{name}main" for name in names]) as sim:
        yield ground, sim, names


@pytest.fixture
def begins(venue: tuple[Ground, Sim, list[str]], tmp_path: Path) -> Iterator[Begins]:
    """Starts a stage with these settings."""
    ground, sim, names = venue
    with ExitStack() as stack:

        def begin(**settings: Any) -> Stage:
            who = names.pop()
            return stack.enter_context(staged(tmp_path, ground=ground, on=sim, who=who, **settings))

        yield begin
    sim.clear()


@pytest.fixture
def a_venue(venue: tuple[Ground, Sim, list[str]]) -> None:
    only(venue[0], VENUES)


def rest(stage: Stage, *names: str) -> None:
    """Open orders of a strategy that stays attached."""
    maker = stage.strategy()
    for name in names:
        maker.place("buy", "0.01", stage.trader.far(), time_in_force="gtc", client_order_id=name)
    stage.until(lambda told: len(told.orders) == len(names))
    assert stage.open_orders() == sorted(names)


def test_open_orders_are_cancelled_and_the_status_is_0(begins: Begins) -> None:
    stage = begins()
    number = signal.SIGTERM if stage.ground in VENUES else signal.SIGINT
    rest(stage, "one", "two", "three")
    assert stage.daemon.stop(number, 30) == 0, stage.daemon.text()
    assert stage.open_orders() == []
    told = stage.told()
    assert [one.label for one in told.own] == ["shutdown"]
    assert sorted(told.updates[3:]) == [
        (name, Update.CANCELLED) for name in ("one", "three", "two")
    ]


@pytest.mark.usefixtures("a_venue")
def test_what_a_policy_leaves_is_no_fault_and_is_found_again(begins: Begins) -> None:
    stage = begins(strategies={"maker": {"on_death": "leave"}})
    rest(stage, "one")
    assert stage.daemon.stop(seconds=30) == 0, stage.daemon.text()
    assert stage.open_orders() == ["one"]
    assert stage.told().own == []
    stage.start()
    with closing(stage.attach(patience=10)) as session:
        session.cancel(instrument=stage.ground.symbol, client_order_id="one")
        stage.until(lambda told: ("one", Update.CANCELLED) in told.updates)


@pytest.mark.usefixtures("a_venue")
def test_new_orders_are_refused_while_it_drains(begins: Begins) -> None:
    stage = begins(daemon={"stop_s": 600.0})
    with closing(stage.attach()) as session:
        far, symbol = stage.trader.far(), stage.ground.symbol
        quantity = stage.ground.quantity(0.01)
        session.place(symbol, "buy", quantity, far, client_order_id="one", valid_for_ms=10_000)
        stage.until(lambda told: told.orders)
        stage.fault("lost", "cancel", execute=False, count=0)
        stage.daemon.process.send_signal(signal.SIGTERM)
        eventually(lambda: "draining" in stage.daemon.text())
        session.place(symbol, "buy", quantity, far, client_order_id="two", valid_for_ms=30_000)
        told = stage.until(lambda told: any(one[1] is Result.REFUSED for one in told.answers))
        stage.sim.clear()
        assert stage.daemon.process.wait(60) == 0
        refused = [one for one in told.answers if one[1] is Result.REFUSED]
        assert [one[2] for one in refused] == [Code.DRAINING.value]
        assert [name for name, _ in stage.trader.history()] == ["one"]


@pytest.mark.usefixtures("a_venue")
def test_a_venue_that_does_not_answer_is_status_3_within_the_time(begins: Begins) -> None:
    stage = begins(daemon={"stop_s": 2.0})
    rest(stage, "one")
    stage.sim.fault("lost", **MUTE, execute=False)
    assert stage.daemon.stop(seconds=30) == 3, stage.daemon.text()
    assert f"account main: {stage.ground.symbol} one of maker" in stage.daemon.text()
    assert "left open or not verified: " in stage.daemon.text()
    stage.sim.clear()
    assert stage.open_orders() == ["one"]
    stage.start()  # the cancel is a goal: it outlives the daemon
    eventually(lambda: stage.open_orders() == [], 20)


@pytest.mark.usefixtures("a_venue")
def test_cancelled_but_not_listed_is_status_3(begins: Begins) -> None:
    """The cancel is confirmed; the list of open orders never comes."""
    stage = begins(daemon={"stop_s": 5.0})
    rest(stage, "one")
    stage.sim.fault("lost", path=stage.ground.open_orders, count=0)
    assert stage.daemon.stop(seconds=30) == 3
    assert "account main: not verified" in stage.daemon.text()
    stage.sim.clear()
    assert stage.open_orders() == []


@pytest.mark.usefixtures("a_venue")
def test_asked_twice_it_waits_for_nothing(begins: Begins) -> None:
    stage = begins(daemon={"stop_s": 600.0})
    rest(stage, "one")
    stage.sim.fault("lost", **MUTE, execute=False)
    stage.daemon.process.send_signal(signal.SIGTERM)
    eventually(lambda: "draining" in stage.daemon.text())
    assert stage.daemon.stop(signal.SIGINT, 30) == 3


@pytest.mark.usefixtures("a_venue")
def test_asked_before_it_is_ready_it_tells_of_orders_it_never_saw(begins: Begins) -> None:
    stage = begins(daemon={"stop_s": 1.0})
    rest(stage, "one")
    stage.kill()
    stage.sim.fault("lost", **MUTE, execute=False)
    daemon = stage.start(ready=False)
    eventually(lambda: (daemon.runtime_dir / "control.sock").exists())
    eventually(lambda: stage.asked("state"))
    assert daemon.stop(seconds=30) == 3, daemon.text()


@pytest.mark.usefixtures("a_venue")
def test_with_nothing_open_a_silent_venue_is_no_fault(begins: Begins) -> None:
    stage = begins()
    rest(stage, "one")
    with closing(stage.attach(takeover=True)) as session:
        session.cancel(instrument=stage.ground.symbol, client_order_id="one")
        stage.until(lambda told: ("one", Update.CANCELLED) in told.updates)
    stage.sim.fault("lost", **MUTE, execute=False)
    assert stage.daemon.stop(seconds=30) == 0
