"""The ordered end: SIGTERM, orders cancelled as policies say, the venue asked, and what the exit
status says of it."""

import signal
import time
from contextlib import closing
from pathlib import Path

import pytest

from connector.model.reports import Code, Result, Update
from tests.reference.stack import eventually
from tests.reference.trading_stage import Stage, staged

MUTE = {"path": "*", "count": 0}


def rest(stage: Stage, *names: str) -> None:
    """Open orders of a strategy that stays attached."""
    maker = stage.strategy()
    for name in names:
        maker.place("buy", "0.01", stage.trader.far(), time_in_force="gtc", client_order_id=name)
    stage.until(lambda told: len(told.orders) == len(names))
    assert stage.open_orders() == sorted(names)


@pytest.mark.parametrize(
    ("transport", "number"), [("http", signal.SIGTERM), ("ws_api", signal.SIGINT)]
)
def test_open_orders_are_cancelled_and_the_status_is_0(
    tmp_path: Path, transport: str, number: int
) -> None:
    with staged(tmp_path, account={"transport": transport}) as stage:
        rest(stage, "one", "two", "three")
        assert stage.daemon.stop(number, 30) == 0, stage.daemon.text()
        assert stage.open_orders() == []
        told = stage.told()
        assert [one.label for one in told.own] == ["shutdown"]
        assert sorted(told.updates[3:]) == [
            (name, Update.CANCELLED) for name in ("one", "three", "two")
        ]


def test_what_a_policy_leaves_is_no_fault_and_is_found_again(tmp_path: Path) -> None:
    with staged(tmp_path, strategies={"maker": {"on_death": "leave"}}) as stage:
        rest(stage, "one")
        assert stage.daemon.stop(seconds=30) == 0, stage.daemon.text()
        assert stage.open_orders() == ["one"]
        assert stage.told().own == []
        stage.start()
        with closing(stage.attach(patience=10)) as session:
            session.cancel(instrument="BTCUSDT", client_order_id="one")
            stage.until(lambda told: ("one", Update.CANCELLED) in told.updates)


def test_new_orders_are_refused_while_it_drains(tmp_path: Path) -> None:
    with staged(tmp_path) as stage, closing(stage.attach()) as session:
        far = stage.trader.far()
        session.place("BTCUSDT", "buy", "0.01", far, client_order_id="one", valid_for_ms=10_000)
        stage.until(lambda told: told.orders)
        stage.sim.fault("queue", path="/fapi/v1/order", method="DELETE", ms=1500)
        stage.daemon.process.send_signal(signal.SIGTERM)
        eventually(lambda: "draining" in stage.daemon.text())
        session.place("BTCUSDT", "buy", "0.01", far, client_order_id="two", valid_for_ms=10_000)
        assert stage.daemon.process.wait(30) == 0
        told = stage.told()
        refused = [one for one in told.answers if one[1] is Result.REFUSED]
        assert [one[2] for one in refused] == [Code.DRAINING.value]
        rows = stage.trader.ok("GET", "/fapi/v1/allOrders", symbol="BTCUSDT")
        assert [row["clientOrderId"] for row in rows] == ["one"]


def test_a_venue_that_does_not_answer_is_status_3_within_the_time(tmp_path: Path) -> None:
    with staged(tmp_path, daemon={"stop_s": 2.0}) as stage:
        rest(stage, "one")
        stage.sim.fault("lost", **MUTE, execute=False)
        began = time.monotonic()
        assert stage.daemon.stop(seconds=30) == 3, stage.daemon.text()
        assert time.monotonic() - began < 10
        assert "left open or not verified: account main: BTCUSDT one of maker" in (
            stage.daemon.text()
        )
        stage.sim.clear()
        assert stage.open_orders() == ["one"]
        stage.start()  # the cancel is a goal: it outlives the daemon
        eventually(lambda: stage.open_orders() == [], 20)


def test_cancelled_but_not_listed_is_status_3(tmp_path: Path) -> None:
    """The cancel is confirmed; the list of open orders never comes."""
    with staged(tmp_path, daemon={"stop_s": 2.0}) as stage:
        rest(stage, "one")
        stage.sim.fault("lost", path="/fapi/v1/openOrders", count=0)
        assert stage.daemon.stop(seconds=30) == 3
        assert "account main: not verified" in stage.daemon.text()
        stage.sim.clear()
        assert stage.open_orders() == []


def test_asked_twice_it_waits_for_nothing(tmp_path: Path) -> None:
    with staged(tmp_path, daemon={"stop_s": 600.0}) as stage:
        rest(stage, "one")
        stage.sim.fault("lost", **MUTE, execute=False)
        stage.daemon.process.send_signal(signal.SIGTERM)
        eventually(lambda: "draining" in stage.daemon.text())
        assert stage.daemon.stop(signal.SIGINT, 30) == 3


def test_asked_before_it_is_ready_it_tells_of_orders_it_never_saw(tmp_path: Path) -> None:
    with staged(tmp_path, daemon={"stop_s": 1.0}) as stage:
        rest(stage, "one")
        stage.kill()
        stage.sim.fault("lost", **MUTE, execute=False)
        daemon = stage.start(ready=False)
        eventually(lambda: (daemon.runtime_dir / "control.sock").exists())
        eventually(lambda: stage.asked("state"))
        assert daemon.stop(seconds=30) == 3, daemon.text()


def test_with_nothing_open_a_silent_venue_is_no_fault(tmp_path: Path) -> None:
    with staged(tmp_path) as stage:
        rest(stage, "one")
        with closing(stage.attach(takeover=True)) as session:
            session.cancel(instrument="BTCUSDT", client_order_id="one")
            stage.until(lambda told: ("one", Update.CANCELLED) in told.updates)
        stage.sim.fault("lost", **MUTE, execute=False)
        assert stage.daemon.stop(seconds=30) == 0
