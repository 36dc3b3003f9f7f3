"""Orders at the simulated Cadenza, from a command to its reports: real processes, a venue
that names orders by its own ids alone and moves, and a daemon that is killed."""

import itertools
import json
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import connector
from connector.model.counters import Counter
from connector.model.reports import OrderStatus, Result, Update
from connector.model.states import State
from tests.reference.notebook import Notebook
from tests.reference.patient import Patient
from tests.reference.stack import Daemon, Sim, eventually

SYMBOL, PERPETUAL = "BINANCE:BTC/USDT", "DERIBIT:BTC-PERPETUAL"
BASE = "/api/v3"
SUBMIT, CANCEL = f"{BASE}/tradeOrder/submit", f"{BASE}/tradeOrder/cancel"
LIST = f"{BASE}/tradeOrder/list"
PORTFOLIO = f"{BASE}/tradingAccount/portfolio/list"
CHANNEL = "tradingAccount:*"
SUBMITTED = (Update.SUBMITTED, OrderStatus.NEW)
CANCELLED = (Update.CANCELLED, OrderStatus.CANCELLED)
FILLED = (Update.EXECUTED, OrderStatus.FILLED)
_names = itertools.count(1)


class Stage:
    """A simulated venue, a daemon with one account there, and its strategy."""

    def __init__(
        self, folder: Path, sim: Sim, *, quiet_ms: int = 600_000,
        account: dict[str, Any] | None = None,
        more: Callable[["Stage"], dict[str, dict[str, Any]]] = lambda stage: {}, **venue: Any,
    ) -> None:  # fmt: skip
        self.sim = sim
        who = self.sim.where["account"]
        login = {"email": who["key"], "password": who["secret"]}
        self.token = self.ask(f"{BASE}/auth/login", login)["accessToken"]
        rows = self.ask(f"{BASE}/tradingAccount/list?limit=1000")
        self.account = {row["venue"]: row["tradingAccountId"] for row in rows}["BINANCE"]
        environ = {
            "CADENZA_EMAIL": who["key"], "CADENZA_PASSWORD": who["secret"],
            "CADENZA_ACCOUNT": self.account,
        }  # fmt: skip
        keys = {
            "ws_url": self.sim.where["ws"] + "/connection/websocket",
            "email": "env:CADENZA_EMAIL", "password": "env:CADENZA_PASSWORD", "probe": False,
            "request_s": 2.0, "window_ms": 3000, "lookup_lag_s": 2, "market_per_minute": 10_000,
            "trading_per_minute": 10_000, "account_per_minute": 10_000, **venue,
        }  # fmt: skip
        feeds = [
            {"instruments": [SYMBOL, PERPETUAL], "channels": ["depth", "bbo"], "quiet_ms": quiet_ms}
        ]
        mine = {"venue": "cadenza", "strategies": ["maker"], **(account or {})}
        accounts = {"spot": {**mine, "key": "env:CADENZA_ACCOUNT"}} | {
            name: mine | keys for name, keys in more(self).items()
        }
        self._start = lambda: Daemon(
            folder, self.sim, feeds=feeds, venue=keys, environ=environ,
            accounts=accounts, strategies={"maker": {"grace_s": 600}},
        )  # fmt: skip
        self.daemon = self._start()
        self.notes: Notebook

    def ask(self, path: str, body: Any = None) -> Any:
        headers = {"Content-Type": "application/json"}
        if hasattr(self, "token"):
            headers["Authorization"] = f"Bearer {self.token}"
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.sim.where["rest"] + path, data, headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())["data"]

    def row(self, report: Any) -> Any:
        """The order of a report, as the venue has it."""
        (found,) = self.ask(f"{LIST}?tradeOrderId={report.order_id}")
        return found

    def open_ids(self) -> set[str]:
        return {
            row["tradeOrderId"]
            for status in ("SUBMITTED", "ACCEPTED", "PARTIALLY_FILLED")
            for row in self.ask(
                f"{LIST}?limit=1000&orderStatus={status}&tradingAccountId={self.account}"
            )
        }

    def best(self, side: str) -> float:
        asked = urllib.parse.quote(SYMBOL, safe="")
        found = self.ask(f"{BASE}/market/orderBook/get?instrumentId={asked}&depth=5")
        return float(found[side][0][0])

    def attach(self) -> None:
        session = connector.attach("maker", self.daemon.ready().runtime_dir, trading=True)
        self.notes = Notebook(Patient(session))
        self.ready()

    def ready(self) -> None:
        """New orders may go out."""

        def may() -> bool:
            accounts = self.daemon.ask("state")["state"]["accounts"]
            live = self.notes.session.top(SYMBOL).bbo().state is State.LIVE
            return bool(accounts["spot"]["ready"] and live)

        eventually(may, 30)

    def kill(self) -> None:
        self.notes.session.close()
        self.daemon.process.kill()
        self.daemon.process.wait()

    def start(self) -> None:
        with self.daemon:
            pass
        self.daemon = self._start()
        self.attach()

    def place(
        self, price: float | None, side: str = "buy", quantity: str = "0.001", **keys: Any
    ) -> Any:
        name = keys.pop("name", f"order-{next(_names)}")
        at = {} if price is None else {"price": f"{price:.2f}"}
        keys.setdefault("order_type", "market" if price is None else "limit")
        ticket = self.notes.session.place(
            keys.pop("symbol", SYMBOL), side, quantity, account="spot",
            client_order_id=name, **at, **keys,
        )  # fmt: skip
        return name, ticket

    def rests(self, **keys: Any) -> tuple[str, Any]:
        """An order far from the market."""
        found: tuple[str, Any] = self.place(round(self.best("bids") * 0.9, 0), **keys)
        return found

    def cancel(self, name: str) -> Any:
        return self.notes.session.cancel(name, instrument=SYMBOL, account="spot")

    def accepted(self, ticket: Any) -> Any:
        answer = self.notes.answer(ticket)
        assert answer.result is Result.ACCEPTED, answer
        return answer

    def refused(self, ticket: Any) -> Any:
        answer = self.notes.answer(ticket)
        assert answer.result is Result.REFUSED, answer
        return answer

    def ends_cancelled(self, name: str) -> None:
        self.accepted(self.cancel(name))
        self.notes.tells(name, [SUBMITTED, CANCELLED])

    def equals_venue(self, name: str) -> None:
        """All that filled, at what it cost, and the fee of every execution, as the venue has them:
        its channel tells sums, and the executions are asked for."""
        last = self.notes.reports[name][-1]
        row = self.row(last)
        told = [one for one in self.notes.reports[name] if one.last_qty_e]
        filled = sum(Decimal(str(one.last_qty)) for one in told)
        assert filled == Decimal(row["executedQuantity"])
        cost = sum(float(one.last_qty) * float(one.last_price) for one in told)
        assert cost == pytest.approx(float(row["executedCost"]), abs=1e-6)
        fees = {
            one["executionId"]: sum(float(fee["quantity"]) for fee in one["fees"])
            for one in row["executions"]
        }
        self.notes.until(
            lambda: self.notes.fees(fees) == fees, lambda: (self.notes.fees(fees), fees), 30
        )


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    sim = Sim(
        "--rate", "8", "--no-bursts", "--symbols", f"{SYMBOL},{PERPETUAL}", "--weight-limit",
        "100000", "--history", "300", venue="cadenza",
    )  # fmt: skip
    with sim:
        stage = Stage(tmp_path_factory.mktemp("d"), sim)
        try:
            stage.attach()
            yield stage
        finally:
            if hasattr(stage, "notes"):
                stage.notes.session.close()
            with stage.daemon:
                pass


@pytest.fixture
def stage(shared: Stage) -> Iterator[Stage]:
    yield shared
    shared.sim.clear()
    shared.sim.fault("dialect", name="A1")
    shared.ready()
    shared.notes.until(
        lambda: not shared.open_ids() and not shared.notes.session.orders(),
        lambda: (shared.open_ids(), shared.notes.session.orders()),
    )


def test_an_order_that_rests_and_is_cancelled(stage: Stage) -> None:
    name, ticket = stage.rests()
    answer = stage.accepted(ticket)
    stage.notes.tells(name, [SUBMITTED])
    report = stage.notes.reports[name][0]
    assert stage.open_ids() == {report.order_id}
    assert answer.order_id == report.order_id
    row = stage.row(report)
    assert (row["orderType"], row["timeInForce"], row["quantity"]) == ("LIMIT", "GTC", "0.00100")
    stage.ends_cancelled(name)
    assert stage.row(report)["status"] == "CANCELLED"


def test_a_cancel_does_not_wait_for_the_strategy_to_know_the_name(stage: Stage) -> None:
    """The venue cancels by its own id, which the answer tells: the cancel leaves then."""
    stage.sim.fault("slow", path=SUBMIT, ms=700)
    name, ticket = stage.rests()
    cancel = stage.cancel(name)
    stage.accepted(ticket)
    stage.accepted(cancel)
    stage.notes.tells(name, [SUBMITTED, CANCELLED])


@pytest.mark.parametrize("keys", [{}, {"time_in_force": "IOC"}, {"order_type": "market"}])
@pytest.mark.parametrize("side", ["buy", "sell"])
def test_an_order_that_fills(stage: Stage, side: str, keys: dict[str, Any]) -> None:
    price = None if keys.get("order_type") else stage.best("asks" if side == "buy" else "bids")
    if price is not None:
        price = round(price * (1.01 if side == "buy" else 0.99), 0)
    name, ticket = stage.place(price, side, "0.01", **keys)
    stage.accepted(ticket)
    stage.notes.until(
        lambda: FILLED in stage.notes.story(name), lambda: stage.notes.story(name), 20
    )
    assert stage.notes.story(name)[0] == SUBMITTED
    assert stage.notes.story(name).count(FILLED) == 1
    stage.equals_venue(name)
    assert float(stage.notes.reports[name][-1].filled_qty) == 0.01


def test_balances_are_the_venue_s(stage: Stage) -> None:
    def theirs() -> dict[str, float]:
        (found,) = stage.ask(
            f"{BASE}/tradingAccount/portfolio/list?tradingAccountId={stage.account}"
        )
        return {row["securitySymbol"]: float(row["total"]) for row in found["balances"]}

    def ours() -> dict[str, float]:
        index = stage.notes.session.accounts["spot"]
        rows = [one for one in stage.notes.session.balances() if one.account == index]
        return {one.asset: float(one.wallet) for one in rows}

    stage.notes.until(lambda: ours() == theirs(), lambda: (ours(), theirs()), 30)


def test_the_venue_s_refusal_is_told_in_its_words(stage: Stage) -> None:
    before = stage.best("bids")
    _, ticket = stage.place(round(before * 0.95, 0), quantity="200")
    answer = stage.refused(ticket)
    assert (answer.venue_code, answer.code) == (18006, 999999), answer


def test_post_only_that_would_take_is_rejected(stage: Stage) -> None:
    name, ticket = stage.place(round(stage.best("asks") * 1.01, 0), time_in_force="GTX")
    stage.accepted(ticket)
    stage.notes.until(
        lambda: (Update.REJECTED, OrderStatus.REJECTED) in stage.notes.story(name),
        lambda: stage.notes.story(name),
    )


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"symbol": PERPETUAL, "quantity": "0.01"}, "contracts or in the base"),
    ({"reduce_only": True}, "no position to reduce"),
    ({"self_trade": "expire_taker"}, "behind it"),
    ({"time_in_force": "DAY"}, "not DAY; the instrument has"),
]


@pytest.mark.parametrize(("keys", "words"), REFUSED)
def test_what_the_venue_has_not_is_refused_here(
    stage: Stage, keys: dict[str, Any], words: str
) -> None:
    before = stage.sim.status()["requests"].get(SUBMIT, 0)
    price = 80_000.0 if "symbol" in keys else round(stage.best("bids") * 0.9, 0)
    answer = stage.refused(stage.place(price, **keys)[1])
    assert answer.code == 900016
    assert words in answer.text
    assert stage.sim.status()["requests"].get(SUBMIT, 0) == before


def test_an_amend_is_refused_with_the_reason(stage: Stage) -> None:
    name, ticket = stage.rests()
    stage.accepted(ticket)
    assert not stage.notes.session.amends("spot"), "said before it is tried"
    amend = stage.notes.session.amend(name, instrument=SYMBOL, account="spot", quantity="0.002")
    answer = stage.refused(amend)
    assert (answer.code, "cancel, and place anew" in answer.text) == (900016, True)
    stage.ends_cancelled(name)


LOST = {
    "no answer": {"kind": "lost"},
    "cut": {"kind": "reset_http"},
    "bad gateway": {"kind": "status", "status": 502, "body": "<html>"},
    "names nothing": {
        "kind": "status",
        "status": 200,
        "body": '{"success":true,"errno":0,"data":[]}',
    },
    "an error of the exchange": {
        "kind": "status",
        "status": 400,
        "body": '{"success":false,"errno":-18004,"error":"exchange","data":null}',
    },
}


@pytest.mark.parametrize("what", LOST)
@pytest.mark.parametrize("form", ["A1", "A2"])
def test_an_order_whose_answer_proves_nothing_is_found(stage: Stage, what: str, form: str) -> None:
    """By its owner's id where the channel tells that (A1), else by what it looks like."""
    stage.sim.fault("dialect", name=form)
    stage.sim.fault(path=SUBMIT, **LOST[what])
    name, ticket = stage.rests(quantity=f"0.0{len(what):02d}")
    stage.accepted(ticket)
    stage.notes.tells(name, [SUBMITTED])
    assert stage.open_ids() == {stage.notes.reports[name][0].order_id}
    stage.ends_cancelled(name)


def test_an_order_that_never_was_is_proved_absent(stage: Stage) -> None:
    stage.sim.fault("reset_http", path=SUBMIT, execute=False)
    name, ticket = stage.rests(quantity="0.077")
    stage.refused(ticket)
    assert stage.notes.results(ticket) == [Result.UNKNOWN, Result.REFUSED]
    assert stage.notes.story(name) == [(Update.REJECTED, OrderStatus.REJECTED)]


def test_a_cancel_whose_answer_is_lost_is_pursued(stage: Stage) -> None:
    name, ticket = stage.rests()
    stage.accepted(ticket)
    stage.sim.fault("reset_http", path=CANCEL, execute=False, count=2)
    stage.ends_cancelled(name)


@pytest.mark.parametrize("how", ["abrupt", "clean"])
def test_what_happens_while_the_account_s_channel_is_down_is_told(stage: Stage, how: str) -> None:
    name, ticket = stage.rests()
    stage.accepted(ticket)
    stage.notes.tells(name, [SUBMITTED])
    stage.sim.fault("cut", stream=CHANNEL, how=how)
    account = {"tradingAccountId": stage.account}
    order_id = stage.notes.reports[name][0].order_id
    stage.ask(CANCEL, account | {"tradeOrderId": order_id})
    stage.notes.tells(name, [SUBMITTED, CANCELLED])
    stage.ready()


def test_a_look_at_everything_asks_for_each_thing_once(stage: Stage) -> None:
    """Thirty requests a minute are all that an account's class has: five are for the lists of
    orders, one for the portfolio, which has both balances and positions."""
    for path in (LIST, PORTFOLIO):
        stage.sim.fault("slow", path=path, ms=1, count=0)

    def looks() -> int:
        return int(stage.notes.session.counters[Counter.RECONCILED])

    before = looks()
    stage.sim.fault("cut", stream=CHANNEL, how="clean")
    eventually(lambda: looks() > before, 30)
    stage.ready()

    def each_once() -> bool:
        """Not while a look is under way."""
        count = looks() - before
        done = {rule["path"]: rule["done"] for rule in stage.sim.ask("/_sim/faults")}
        return done == {LIST: 5 * count, PORTFOLIO: count} and count == looks() - before

    eventually(each_once)


def test_tokens_that_end_cost_no_order(stage: Stage) -> None:
    name, ticket = stage.rests()
    stage.accepted(ticket)
    stage.sim.fault("expire")
    token = {
        "email": stage.sim.where["account"]["key"],
        "password": stage.sim.where["account"]["secret"],
    }
    del stage.token
    stage.token = stage.ask(f"{BASE}/auth/login", token)["accessToken"]
    stage.ends_cancelled(name)
    again, ticket = stage.rests()
    if stage.notes.answer(ticket).result is Result.REFUSED:  # the first that met the old token
        stage.ready()
        again, ticket = stage.rests()
    stage.accepted(ticket)
    stage.ends_cancelled(again)


def test_a_daemon_that_is_killed_takes_up_what_it_left(stage: Stage) -> None:
    """One order that rests, one whose answer never came: both are its own afterwards, and each is
    told of once."""
    name, ticket = stage.rests(quantity="0.011")
    stage.accepted(ticket)
    stage.notes.tells(name, [SUBMITTED])
    stage.sim.fault("dialect", name="A2")
    stage.sim.fault("lost", path=SUBMIT)
    lost, ticket = stage.rests(quantity="0.012")
    eventually(lambda: len(stage.open_ids()) == 2, 20)
    stage.kill()
    before = stage.open_ids()
    stage.start()
    stage.notes.until(
        lambda: {one.order_id for one in stage.notes.session.orders()} == before,
        lambda: (stage.notes.session.orders(), before), 40,
    )  # fmt: skip
    assert {one.client_order_id for one in stage.notes.session.orders()} == {name, lost}
    for one in (name, lost):
        stage.accepted(stage.cancel(one))
    eventually(lambda: not stage.open_ids(), 20)
