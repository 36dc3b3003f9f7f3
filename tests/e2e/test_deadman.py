"""What becomes of orders and positions when the strategy that made them is gone."""

from contextlib import closing
from pathlib import Path

import pytest

from connector.model.counters import Counter
from connector.model.intents import Action
from connector.model.reports import Update
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
        stage.start()
        with closing(stage.attach("maker", patience=5)):
            eventually(lambda: stage.open_orders() == ["maker"], 20)
            assert stage.missed() == ["taker"]
