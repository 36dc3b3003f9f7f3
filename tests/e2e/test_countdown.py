"""The venue's own dead man's switch, on a real daemon that stops, dies and ends in order."""

import json
import os
import signal
from contextlib import closing
from pathlib import Path
from typing import Any

from connector.model.counters import Counter
from connector.model.reports import Code, Result, Update
from tests.reference import starter
from tests.reference.stack import eventually
from tests.reference.trading_stage import Stage, staged

ALONE = {"exclusive": True, "countdown_s": 6.0}
"""Renewed each two seconds: one of them may be lost to a busy machine."""
TWO = ("--symbols", "BTCUSDT,ETHUSDT")
PATH = "/fapi/v1/countdownCancelAll"


def rest(stage: Stage, name: str) -> None:
    maker = stage.strategy()
    maker.place("buy", "0.01", stage.trader.far(), time_in_force="gtc", client_order_id=name)
    stage.until(lambda told: told.orders)
    eventually(lambda: stage.account_state()["countdown"] == {"BTCUSDT": True})


def outlast(stage: Stage, seconds: float) -> None:
    """Until a countdown that was set now, of an instrument nobody else trades, has fired."""
    price = stage.trader.far("ETHUSDT")
    order = stage.trader.limit(symbol="ETHUSDT", price=price, quantity="0.1")
    stage.trader.ok("POST", "/fapi/v1/order", **order, newClientOrderId="witness")
    stage.trader.ok("POST", PATH, symbol="ETHUSDT", countdownTime=int(seconds * 1000))
    eventually(lambda: "witness" not in stage.open_orders(), seconds + 20)


def test_a_daemon_that_hangs_has_its_orders_cancelled_by_the_venue(tmp_path: Path) -> None:
    with staged(tmp_path, account=ALONE, sim=TWO) as stage:
        rest(stage, "one")
        outlast(stage, 8)
        assert stage.open_orders() == ["one"], "renewed while the loop turns"
        stage.daemon.process.send_signal(signal.SIGSTOP)
        eventually(lambda: stage.open_orders() == [], 20)
        stage.daemon.process.send_signal(signal.SIGCONT)
        told = stage.until(lambda told: ("one", Update.CANCELLED) in told.updates)
        assert told.own == [], "nobody here cancelled it"
        eventually(lambda: stage.account_state()["ready"])
        eventually(lambda: stage.account_state()["countdown"] == {})
        assert stage.missed() == []


def test_a_killed_daemon_has_its_orders_cancelled_and_adopted_ones_are_guarded_again(
    tmp_path: Path,
) -> None:
    rules = {"maker": {"on_death": "leave"}}
    account = {**ALONE, "countdown_s": 60.0}
    with staged(tmp_path, account=account, strategies=rules) as stage:
        rest(stage, "one")
        stage.kill()
        stage.accounts["main"] = ALONE
        stage.start()
        eventually(lambda: stage.account_state()["countdown"] == {"BTCUSDT": True})
        stage.kill()
        eventually(lambda: stage.open_orders() == [], 20)
        stage.start()
        stage.until(lambda told: ("one", Update.CANCELLED) in told.updates)


def test_an_ordered_end_stops_it_for_what_is_left(tmp_path: Path) -> None:
    rules = {"maker": {"on_death": "leave"}}
    with staged(tmp_path, account=ALONE, strategies=rules, sim=TWO) as stage:
        rest(stage, "one")
        assert stage.daemon.stop(seconds=30) == 0
        outlast(stage, 7)
        assert stage.open_orders() == ["one"]


def test_an_end_that_could_not_be_verified_leaves_it_armed(tmp_path: Path) -> None:
    with staged(tmp_path, account=ALONE, daemon={"stop_s": 1.0}) as stage:
        rest(stage, "one")
        for method in ("DELETE", "GET"):
            stage.sim.fault("lost", path="/fapi/v1/*", method=method, count=0, execute=False)
        assert stage.daemon.stop(seconds=30) == 3
        stage.sim.clear()
        eventually(lambda: stage.open_orders() == [], 20)


def test_new_orders_are_refused_while_it_cannot_be_armed(tmp_path: Path) -> None:
    said = '{"code":-1001,"msg":"Internal error; unable to process your request."}'
    with staged(tmp_path, account=ALONE) as stage, closing(stage.attach()) as session:
        stage.sim.fault("status", path=PATH, status=503, body=said, execute=False, count=0)

        def place() -> list[tuple[int, Result, int]]:
            before = len(stage.told().answers)
            far = stage.trader.far()
            session.place("BTCUSDT", "buy", "0.01", far, valid_for_ms=10_000)
            return stage.until(lambda told: len(told.answers) > before).answers[before:]

        assert place()[0][1] is Result.ACCEPTED, "the first one leaves beside the request"
        eventually(lambda: stage.counter(Counter.COUNTDOWN_ERRORS))
        ((_, result, code),) = place()
        assert (result, code) == (Result.REFUSED, Code.UNGUARDED.value)
        stage.sim.clear()
        eventually(lambda: stage.account_state()["countdown"] == {"BTCUSDT": True})
        assert place()[0][1] is Result.ACCEPTED


def test_check_says_what_each_account_has(tmp_path: Path) -> None:
    def shown(**account: Any) -> str:
        keys = {"venue": "binance_usdm", "key": "env:K", "secret": "env:S", "strategies": ["maker"]}
        rows = "".join(f"{key} = {json.dumps(value)}\n" for key, value in (keys | account).items())
        path = tmp_path / "c.toml"
        path.write_text(f'[[venues.binance_usdm.feeds]]\ninstruments = ["*"]\n[accounts.a]\n{rows}')
        done = starter.run("check", path, environ={**os.environ, "K": "key", "S": "secret"})
        assert done.returncode == 0, done.stderr
        return next(line for line in done.stdout.splitlines() if "countdown" in line)

    assert "off: not exclusive" in shown()
    assert "60 s" in shown(exclusive=True)
    assert "5 s" in shown(exclusive=True, countdown_s=5)
    assert "off: countdown_s = 0" in shown(exclusive=True, countdown_s=0)
