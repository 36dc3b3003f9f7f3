"""What becomes of orders and positions when the strategy that made them is gone."""

import signal
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from connector.model.counters import Counter
from connector.model.intents import Action
from connector.model.records import RecordType
from connector.model.reports import Result, Update
from tests.reference.stack import eventually
from tests.reference.trading_stage import Stage, staged

GRACE_S = 0.3


def rest(stage: Stage, *names: str, beside: Sequence[str] = ()) -> None:
    """A strategy that is killed with these orders open, ``beside`` those of others."""
    maker = stage.strategy()
    for name in names:
        maker.place("buy", "0.01", stage.trader.far(), time_in_force="gtc", client_order_id=name)
    stage.until(lambda told: len(told.orders) == len(names))
    assert stage.open_orders() == sorted([*names, *beside])
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


def test_a_strategy_back_within_its_grace_keeps_its_orders(tmp_path: Path) -> None:
    """One was killed, one is taken over; another one, gone at the same time and with a longer
    grace, shows that the time is over."""
    rules = {"maker": {"grace_s": 2.5}, "second": {"grace_s": 2.5}, "taker": {"grace_s": 3}}
    with staged(tmp_path, strategies=rules, account={"strategies": [*rules]}) as stage:
        second = stage.strategy("second")
        second.place("buy", "0.01", stage.trader.far(), client_order_id="two")
        stage.until(lambda told: told.orders, "second")
        rest(stage, "one", beside=["two"])
        with (
            closing(stage.attach("maker")),
            closing(stage.attach("second", takeover=True)),
        ):
            stage.attach("taker").close()
            eventually(lambda: stage.counter(Counter.STRATEGIES_DEAD) == 1, 20)
            assert stage.missed() == ["taker"]
            assert stage.open_orders() == ["one", "two"]
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
    rules = {"maker": {"grace_s": GRACE_S, "on_death": "flatten"}}
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
    rules = {"maker": {"grace_s": GRACE_S, "on_death": "flatten"}}
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


def test_a_killed_daemon_finds_orders_of_strategies_that_come_back_or_do_not(
    tmp_path: Path,
) -> None:
    """Who is back in time keeps its order; adopted, an order falls under the policy when the grace
    is over; else it ends at the start."""
    rules = {
        "maker": {"grace_s": 4},
        "adopted": {"grace_s": 4.5},
        "cancelled": {"grace_s": 600, "on_start": "cancel"},
    }
    with staged(tmp_path, strategies=rules, account={"strategies": [*rules]}) as stage:
        for name in rules:
            strategy = stage.strategy(name)
            strategy.place("buy", "0.01", stage.trader.far(), client_order_id=name)
            stage.until(lambda told: told.orders, name)
        stage.kill()
        for strategy in stage.running:
            strategy.kill()
        assert stage.open_orders() == sorted(rules)
        stage.start(ready=False)
        with closing(stage.attach("maker", patience=40)):
            for name, why in (("cancelled", "on_start"), ("adopted", "on_death")):
                ended = name, Update.CANCELLED
                told = stage.until(lambda told: ended in told.updates, name)  # noqa: B023
                assert [one.label for one in told.own] == [f"{why}: cancel"]
            assert stage.open_orders() == ["maker"]
            assert stage.missed() == ["adopted"]


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
    rules = {"maker": {"grace_s": 2, "lease_s": 1.5}, "taker": {"grace_s": 4}}
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
        assert "did not look for events for 1.5 s" in stage.daemon.text()
        maker.process.send_signal(signal.SIGCONT)
        maker.hear("ended")


def moment(stage: Stage, when: str, names: Sequence[str]) -> None:
    """Kill the daemon at this moment of an order of each of these strategies."""
    far = stage.trader.far()
    strategies = [stage.strategy(name) for name in names]
    if when == "before it is taken":
        stage.daemon.process.send_signal(signal.SIGSTOP)
    for name, strategy in zip(names, strategies, strict=True):
        if when.startswith("during"):
            lost = "unheard" in when
            stage.sim.fault("lost", path="/fapi/v1/order", method="POST", execute=lost)
        strategy.place("buy", "0.01", far, time_in_force="gtc", client_order_id=name)
        if when == "after":
            stage.until(lambda told: told.orders, name)
        elif when != "before it is taken":
            stage.until(lambda told: any(e.kind == RecordType.SENT for e in told.entries), name)
            if "unheard" in when:
                eventually(lambda: name in stage.open_orders())  # noqa: B023
    stage.kill()
    for strategy in strategies:
        strategy.kill()


ENDED = {
    "before it is taken": [],
    "during, lost on its way": [Update.REJECTED],
    "during, its answer unheard": [Update.SUBMITTED, Update.CANCELLED],
    "after": [Update.SUBMITTED, Update.CANCELLED],
}


@pytest.mark.parametrize("when", list(ENDED))
def test_a_daemon_killed_around_a_send_loses_doubles_and_orphans_nothing(
    tmp_path: Path, when: str
) -> None:
    """The strategies do not come back: their orders, if there are any, end under the policy of one
    and at the start for the other."""
    rules = {
        "adopted": {"grace_s": 1.0},
        "cancelled": {"grace_s": 600.0, "on_start": "cancel"},
    }
    with staged(tmp_path, strategies=rules, account={"strategies": [*rules]}) as stage:
        moment(stage, when, list(rules))
        stage.start()
        for name in rules:
            ended = [(name, update) for update in ENDED[when]]
            told = stage.until(lambda told: told.updates == ended, name, seconds=40)  # noqa: B023
            placed = [one for one in told.answers if not one[0] >> 63]
            final = [one for one in placed if one[1] is not Result.UNKNOWN]
            assert len(final) == bool(ENDED[when])
            assert len({one.order_key for one in told.orders}) == bool(ENDED[when])
        assert stage.open_orders() == []
        rows = stage.trader.ok("GET", "/fapi/v1/allOrders", symbol="BTCUSDT")
        at_venue = Update.SUBMITTED in ENDED[when]
        assert sorted(row["clientOrderId"] for row in rows) == sorted(rules) * at_venue
