"""What becomes of orders and positions when the strategy that made them is gone."""

import signal
from contextlib import closing
from pathlib import Path

import pytest

from connector.model.counters import Counter
from connector.model.intents import Action
from connector.model.records import RecordType
from connector.model.reports import Result, Update
from tests.reference.stack import eventually
from tests.reference.trading_stage import Stage, staged

GRACE_S = 1.0


def rest(stage: Stage, *names: str) -> None:
    """A strategy that is killed with these orders open."""
    maker = stage.strategy()
    for name in names:
        maker.place("buy", "0.01", stage.trader.far(), time_in_force="gtc", client_order_id=name)
    stage.until(lambda told: len(told.orders) == len(names))
    assert stage.open_orders() == sorted(names)
    maker.kill()


@pytest.mark.parametrize("transport", ["http", "ws_api"])
def test_a_strategy_killed_with_open_orders_has_them_cancelled(
    tmp_path: Path, transport: str
) -> None:
    rules = {"maker": {"grace_s": GRACE_S}}
    with staged(tmp_path, strategies=rules, account={"transport": transport}) as stage:
        rest(stage, "one", "two")
        told = stage.until(lambda told: ("two", Update.CANCELLED) in told.updates)
        told = stage.until(lambda told: len(told.updates) == 4)
        assert stage.open_orders() == []
        assert sorted(told.updates[2:]) == [("one", Update.CANCELLED), ("two", Update.CANCELLED)]
        assert [(one.action, one.label) for one in told.own] == [
            (Action.CANCEL_ALL, "on_death: cancel")
        ]
        assert stage.counter(Counter.STRATEGIES_DEAD) == 1
        assert stage.counter(Counter.ORDERS_ORPHANED) == 2
        with closing(stage.attach("maker", resume=0)) as session:
            heard = []
            while session.report_sequence < told.entries[-1].sequence:
                heard.append(session.wait(10))
        assert [one.type for one in heard if one is not None].count("command_answer") == 3


def test_left_orders_stay_for_the_strategy_that_comes_back(tmp_path: Path) -> None:
    with staged(tmp_path, strategies={"maker": {"grace_s": 0.2, "on_death": "leave"}}) as stage:
        rest(stage, "one")
        eventually(lambda: stage.counter(Counter.STRATEGIES_DEAD) == 1)
        assert stage.open_orders() == ["one"]
        with closing(stage.attach("maker")) as session:
            session.cancel(instrument="BTCUSDT", client_order_id="one")
            told = stage.until(lambda told: ("one", Update.CANCELLED) in told.updates)
        assert told.own == []


@pytest.mark.parametrize("way", ["killed", "taken over"])
def test_a_strategy_back_within_its_grace_keeps_its_orders(tmp_path: Path, way: str) -> None:
    """Another one, gone at the same time and with a longer grace, shows that the time is over."""
    rules = {"maker": {"grace_s": 3}, "taker": {"grace_s": 4}}
    both = {"strategies": ["maker", "taker"]}
    with staged(tmp_path, strategies=rules, account=both) as stage:
        if way == "killed":
            rest(stage, "one")
        else:
            maker = stage.strategy()
            maker.place("buy", "0.01", stage.trader.far(), client_order_id="one")
            stage.until(lambda told: told.orders)
        with closing(stage.attach("maker", takeover=way != "killed")):
            stage.attach("taker").close()
            eventually(lambda: stage.counter(Counter.STRATEGIES_DEAD) == 1, 20)
            assert stage.missed() == ["taker"]
            assert stage.open_orders() == ["one"]
        eventually(lambda: stage.open_orders() == [], 20)


@pytest.mark.parametrize("hedge", [False, True])
def test_a_strategy_killed_with_positions_is_flattened(tmp_path: Path, hedge: bool) -> None:
    rules = {"maker": {"grace_s": GRACE_S, "on_death": "flatten"}}
    with staged(tmp_path, strategies=rules, account={"exclusive": True}) as stage:
        sides = {}
        if hedge:
            stage.trader.ok("POST", "/fapi/v1/positionSide/dual", dualSidePosition="true")
            sides = {"buy": {"position_side": "long"}, "sell": {"position_side": "short"}}
        maker = stage.strategy()
        maker.place("buy", "0.03", None, order_type="market", **sides.get("buy", {}))
        if hedge:
            maker.place("sell", "0.02", None, order_type="market", **sides["sell"])
        maker.place("buy", "0.01", stage.trader.far(), client_order_id="rests",
                    **sides.get("buy", {}))  # fmt: skip
        eventually(lambda: "rests" in stage.open_orders())
        held = {"LONG": 0.03, "SHORT": -0.02} if hedge else {"BOTH": 0.03}
        eventually(lambda: stage.positions() == held)
        maker.kill()
        eventually(lambda: stage.positions() == {}, 30)
        assert stage.open_orders() == []
        told = stage.until(lambda told: "positions are closed" in stage.daemon.text(), seconds=30)
        closed = [one for one in told.own if one.action == Action.PLACE]
        assert len(closed) == len(held)
        assert {one.label for one in closed} == {"on_death: flatten"}
        assert len({one.stamp for one in told.commands}) == len(told.commands)


def test_a_position_that_could_not_be_closed_is_asked_for_again_and_never_resent(
    tmp_path: Path,
) -> None:
    """The answer to the closing order is lost although it was executed: the next attempt starts
    from what is held then, which is nothing."""
    rules = {"maker": {"grace_s": 2 * GRACE_S, "on_death": "flatten"}}
    with staged(tmp_path, strategies=rules, account={"exclusive": True}) as stage:
        maker = stage.strategy()
        maker.place("sell", "0.03", None, order_type="market")
        eventually(lambda: stage.positions() == {"BOTH": -0.03})
        stage.sim.fault("lost", path="/fapi/v1/order", method="POST", execute=True)
        maker.kill()
        eventually(lambda: stage.positions() == {}, 30)
        told = stage.until(lambda told: "positions are closed" in stage.daemon.text(), seconds=30)
        assert len([one for one in told.own if one.action == Action.PLACE]) == 1
        rows = stage.trader.ok("GET", "/fapi/v1/allOrders", symbol="BTCUSDT")
        assert [row["side"] for row in rows] == ["SELL", "BUY"]


def test_a_closing_order_that_was_not_executed_is_made_anew(tmp_path: Path) -> None:
    rules = {"maker": {"grace_s": 2 * GRACE_S, "on_death": "flatten"}}
    with staged(tmp_path, strategies=rules, account={"exclusive": True}) as stage:
        maker = stage.strategy()
        maker.place("sell", "0.03", None, order_type="market")
        eventually(lambda: stage.positions() == {"BOTH": -0.03})
        said = '{"code":-1008,"msg":"Request throttled by system-level protection."}'
        where = {"path": "/fapi/v1/order", "method": "POST"}
        stage.sim.fault("status", **where, status=503, execute=False, body=said)
        maker.kill()
        eventually(lambda: stage.positions() == {}, 30)
        told = stage.until(lambda told: "positions are closed" in stage.daemon.text(), seconds=30)
        assert len([one for one in told.own if one.action == Action.PLACE]) == 2


@pytest.mark.parametrize("on_start", ["adopt", "cancel"])
def test_a_killed_daemon_finds_orders_of_a_strategy_that_does_not_come_back(
    tmp_path: Path, on_start: str
) -> None:
    """Adopted, they fall under the policy when the grace is over; else they end at the start."""
    grace_s = 2.0 if on_start == "adopt" else 600.0
    rules = {"maker": {"grace_s": grace_s, "on_start": on_start}}
    with staged(tmp_path, strategies=rules) as stage:
        maker = stage.strategy()
        maker.place("buy", "0.01", stage.trader.far(), client_order_id="one")
        stage.until(lambda told: told.orders)
        stage.kill()
        maker.kill()
        assert stage.open_orders() == ["one"]
        stage.start()
        told = stage.until(lambda told: ("one", Update.CANCELLED) in told.updates)
        label = "on_death: cancel" if on_start == "adopt" else "on_start: cancel"
        assert [one.label for one in told.own] == [label]
        assert stage.open_orders() == []


def test_a_killed_daemon_finds_orders_of_a_strategy_that_comes_back(tmp_path: Path) -> None:
    rules = {"maker": {"grace_s": 5}, "taker": {"grace_s": 6}}
    both = {"strategies": ["maker", "taker"]}
    with staged(tmp_path, strategies=rules, account=both) as stage:
        for name in both["strategies"]:
            strategy = stage.strategy(name)
            strategy.place("buy", "0.01", stage.trader.far(), client_order_id=name)
            stage.until(lambda told: told.orders, name)
        stage.kill()
        stage.start(ready=False)
        with closing(stage.attach("maker", patience=40)):
            eventually(lambda: stage.open_orders() == ["maker"], 20)
            assert stage.missed() == ["taker"]


PATIENT = """
import sys, connector

session = connector.attach(sys.argv[1], sys.argv[2], trading=True, patience=20)
print("attached", flush=True)
try:
    while True:
        session.wait(60)
except connector.EpochChanged as error:
    print("ended" if "lease" in str(error) else repr(error), flush=True)
    sys.stdin.read()
"""


def test_a_strategy_that_hangs_loses_its_lease(tmp_path: Path) -> None:
    """One that sleeps because nothing happens does not: another one, gone with a long grace, shows
    that the lease would be over."""
    rules = {"maker": {"grace_s": 2, "lease_s": 3}, "taker": {"grace_s": 7}}
    both = {"strategies": ["maker", "taker"]}
    with staged(tmp_path, strategies=rules, account=both) as stage:
        with closing(stage.attach("maker")) as session:
            far = stage.trader.far()
            session.place("BTCUSDT", "buy", "0.01", far, client_order_id="one", valid_for_ms=10_000)
            stage.until(lambda told: told.orders)
        maker = stage.strategy("maker", PATIENT)
        stage.sim.fault("stall", stream="*", ms=0)
        stage.attach("taker").close()
        eventually(lambda: stage.missed() == ["taker"], 20)
        assert stage.open_orders() == ["one"]
        assert maker.process.poll() is None
        maker.process.send_signal(signal.SIGSTOP)
        eventually(lambda: stage.open_orders() == [], 20)
        assert "did not look for events for 3 s" in stage.daemon.text()
        maker.process.send_signal(signal.SIGCONT)
        maker.hear("ended")


def moment(stage: Stage, when: str) -> None:
    """Kill the daemon at this moment of an order."""
    maker = stage.strategy()
    far = stage.trader.far()
    if when == "before it is taken":
        stage.daemon.process.send_signal(signal.SIGSTOP)
    elif when != "after":
        stage.sim.fault("lost", path="/fapi/v1/order", method="POST", execute="unheard" in when)
    maker.place("buy", "0.01", far, time_in_force="gtc", client_order_id="one")
    if when == "after":
        stage.until(lambda told: told.orders)
    elif when != "before it is taken":
        stage.until(lambda told: any(e.kind == RecordType.SENT for e in told.entries))
    if "unheard" in when:
        eventually(lambda: stage.open_orders() == ["one"])
    stage.kill()
    maker.kill()


ENDED = {
    "before it is taken": [],
    "during, lost on its way": [("one", Update.REJECTED)],
    "during, its answer unheard": [("one", Update.SUBMITTED), ("one", Update.CANCELLED)],
    "after": [("one", Update.SUBMITTED), ("one", Update.CANCELLED)],
}


@pytest.mark.parametrize("on_start", ["adopt", "cancel"])
@pytest.mark.parametrize("when", list(ENDED))
def test_a_daemon_killed_around_a_send_loses_doubles_and_orphans_nothing(
    tmp_path: Path, when: str, on_start: str
) -> None:
    """The strategy does not come back: its order, if there is one, ends under its policy."""
    rules = {"maker": {"grace_s": 1.0 if on_start == "adopt" else 600.0, "on_start": on_start}}
    with staged(tmp_path, strategies=rules) as stage:
        moment(stage, when)
        stage.start()
        told = stage.until(lambda told: told.updates == ENDED[when], seconds=40)
        assert stage.open_orders() == []
        rows = stage.trader.ok("GET", "/fapi/v1/allOrders", symbol="BTCUSDT")
        at_venue = any(update is Update.SUBMITTED for _, update in ENDED[when])
        assert [row["clientOrderId"] for row in rows] == ["one"] * at_venue
        placed = [one for one in told.answers if not one[0] >> 63]
        final = [one for one in placed if one[1] is not Result.UNKNOWN]
        assert len(final) == bool(ENDED[when])
        assert len({one.order_key for one in told.orders}) == bool(ENDED[when])
