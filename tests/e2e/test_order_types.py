"""Every order type and time in force through both transports to the end of its life, as a strategy
hears it; each fill once, and the venue's own books say the same.

One daemon and one simulated venue a transport serve all lives, one after the other. The market
stands still (`tests/reference/quiet_market.py`), so each life is told exactly."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from connector.model.reports import Code, EndReason, Field, OrderStatus, Result, Update
from tests.reference.notebook import TRANSPORTS, Story
from tests.reference.order_stage import OrderStage, order_stage
from tests.reference.quiet_market import SYMBOL

KEYS = {"main": ("MAINKEY", "main-secret"), "hedge": ("HEDGEKEY", "hedge-secret")}
QTY = 0.02

WORDS: dict[str, tuple[Update, OrderStatus]] = {
    "submitted": (Update.SUBMITTED, OrderStatus.NEW),
    "triggered": (Update.TRIGGERED, OrderStatus.TRIGGERED),
    "partly": (Update.EXECUTED, OrderStatus.PARTIALLY_FILLED),
    "filled": (Update.EXECUTED, OrderStatus.FILLED),
    "amended": (Update.AMENDED, OrderStatus.NEW),
    "amended partly": (Update.AMENDED, OrderStatus.PARTIALLY_FILLED),
    "amended triggered": (Update.AMENDED, OrderStatus.TRIGGERED),
    "cancelled": (Update.CANCELLED, OrderStatus.CANCELLED),
    "expired": (Update.CANCELLED, OrderStatus.EXPIRED),
    "rejected": (Update.REJECTED, OrderStatus.REJECTED),
}


Stage = OrderStage


@pytest.fixture(scope="module", params=TRANSPORTS)
def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp(request.param)
    with order_stage(folder, request.param, accounts=KEYS, hedge=("hedge",)) as running:
        yield running


@pytest.fixture
def stage(shared: Stage) -> Iterator[Stage]:
    yield shared
    shared.market.clear()


class Life:
    """One order while it is told of."""

    def __init__(self, stage: Stage, name: str, account: str) -> None:
        self.stage, self.market, self.name, self.account = stage, stage.market, name, account
        self.wanted: Story = []

    def cancel(self) -> None:
        ticket = self._session.cancel(self.name, instrument=SYMBOL, account=self.account)
        assert self.stage.notes.answer(ticket).result is Result.ACCEPTED

    def amend(self, price: float | None = None, quantity: float | None = None) -> Any:
        ticket = self._session.amend(
            self.name,
            instrument=SYMBOL,
            account=self.account,
            price=None if price is None else self.market.price(price),
            quantity=None if quantity is None else f"{quantity:.3f}",
            valid_for_ms=5000,
        )
        return self.stage.notes.answer(ticket)

    def hears(self, word: str) -> None:
        self.wanted.append(WORDS[word])
        self.stage.notes.tells(self.name, self.wanted)

    @property
    def last(self) -> Any:
        return self.stage.notes.reports[self.name][-1]

    @property
    def _session(self) -> Any:
        return self.stage.notes.session


Act = Callable[[Life], Any]


@dataclass(frozen=True)
class Case:
    """An order and its life: what happens to it, and in between what the strategy hears."""

    name: str
    order: dict[str, Any]
    life: tuple[str | Act, ...]
    prices: dict[str, float] = field(default_factory=dict)
    before: tuple[Act, ...] = ()
    refused: int = 0
    """The venue's code, when it refuses the order: no life then."""
    reason: EndReason | None = None


def rest(side: str, away: float, quantity: float = QTY) -> Act:
    """Somebody offers."""
    return lambda life: life.market.rest(side, away, quantity)


def hit(side: str, away: float, quantity: float = QTY) -> Act:
    """Somebody takes."""
    return lambda life: life.market.hit(side, away, quantity)


def trade(away: float) -> Act:
    """A price is made, and nothing is left there."""
    return lambda life: life.market.trade(away)


def hold(quantity: float, side: str = "BOTH") -> Act:
    return lambda life: life.market.hold(life.account, quantity, side)


def cancel(life: Life) -> None:
    life.cancel()


def accepted(price: float | None = None, quantity: float | None = None) -> Act:
    """An amend that the venue takes."""

    def act(life: Life) -> None:
        answer = life.amend(price, quantity)
        while answer.code == Code.NOT_YET.value:  # what it became is told a moment after
            answer = life.amend(price, quantity)
        assert answer.result is Result.ACCEPTED, answer

    return act


def refused(code: int, price: float | None = None, quantity: float | None = None) -> Act:
    """An amend that the venue refuses."""

    def act(life: Life) -> None:
        answer = life.amend(price, quantity)
        assert (answer.result, answer.venue_code) == (Result.REFUSED, code), answer

    return act


def not_yet(life: Life) -> None:
    """An untriggered conditional order cannot be amended, and the refusal says so."""
    answer = life.amend(price=-90)
    assert (answer.result, answer.code) == (Result.REFUSED, Code.NOT_SUPPORTED.value)
    assert "before it is triggered" in answer.text
    assert answer.field is Field.ACTION


HALF = QTY / 2
BOUGHT = rest("SELL", 10, 1)
"""Plenty to buy at 10 above the middle."""

LIMITS = [
    Case("gtc filled as taker", {"time_in_force": "gtc"}, ("submitted", "filled"),
         {"price": 10}, (BOUGHT,)),
    Case("gtc filled as maker in parts", {"time_in_force": "gtc"},
         ("submitted", hit("SELL", 0, HALF), "partly", hit("SELL", 0, HALF), "filled"),
         {"price": 0}),
    Case("gtc partly taken, rest cancelled", {"time_in_force": "gtc"},
         ("submitted", "partly", cancel, "cancelled"), {"price": 10}, (rest("SELL", 10, HALF),),
         reason=EndReason.COMMAND),
    Case("gtc amended, filled", {"time_in_force": "gtc"},
         ("submitted", accepted(price=-5), "amended", accepted(quantity=HALF), "amended",
          hit("SELL", -5, HALF), "filled"), {"price": 0}),
    Case("gtc amended into the other side", {"time_in_force": "gtc"},
         ("submitted", accepted(price=10), "amended", "filled"), {"price": 0}, (BOUGHT,)),
    Case("gtc partly filled, amended, filled", {"time_in_force": "gtc"},
         ("submitted", hit("SELL", 0, HALF), "partly", accepted(quantity=0.03), "amended partly",
          hit("SELL", 0, 0.01), "partly", hit("SELL", 0, 0.01), "filled"), {"price": 0}),
    Case("gtc cancelled by an amend below what is filled", {"time_in_force": "gtc"},
         ("submitted", hit("SELL", 0, HALF), "partly", accepted(quantity=HALF), "cancelled"),
         {"price": 0}),
    Case("gtc amended to what it is", {"time_in_force": "gtc"},
         ("submitted", accepted(price=-20, quantity=QTY), cancel, "cancelled"), {"price": -20}),
    Case("gtc without margin", {"time_in_force": "gtc", "quantity": "900"}, (), {"price": -20},
         refused=-2019),
    Case("ioc filled", {"time_in_force": "ioc"}, ("submitted", "filled"), {"price": 10}, (BOUGHT,)),
    Case("ioc partly filled", {"time_in_force": "ioc"}, ("submitted", "partly", "expired"),
         {"price": 10}, (rest("SELL", 10, HALF),), reason=EndReason.REMAINDER),
    Case("ioc not filled", {"time_in_force": "ioc"}, ("submitted", "expired"), {"price": 10},
         reason=EndReason.REMAINDER),
    Case("fok filled", {"time_in_force": "fok"}, ("submitted", "filled"), {"price": 10}, (BOUGHT,)),
    Case("fok not fillable", {"time_in_force": "fok"}, (), {"price": 10},
         (rest("SELL", 10, HALF),), refused=-5021),
    Case("gtx filled as maker", {"time_in_force": "gtx"},
         ("submitted", hit("SELL", 0), "filled"), {"price": 0}),
    Case("gtx that would take", {"post_only": True}, (), {"price": 10}, (BOUGHT,), refused=-5022),
    Case("gtx amended into taking", {"post_only": True},
         ("submitted", accepted(price=10), "cancelled"), {"price": 0}, (BOUGHT,)),
    Case("gtd cancelled", {"time_in_force": "gtd", "good_till_ms": 4_000_000_000_000},
         ("submitted", cancel, "cancelled"), {"price": 0}),
    Case("gtd filled", {"good_till_ms": 4_000_000_000_000},
         ("submitted", hit("SELL", 0), "filled"), {"price": 0}),
    Case("sold", {"side": "sell"}, ("submitted", hit("BUY", 20), "filled"), {"price": 20}),
]  # fmt: skip

MATCHED = [
    Case("queue", {"price_match": "queue"}, ("submitted", cancel, "cancelled"),
         before=(rest("BUY", -30, 0.1),)),
    Case("queue 5", {"price_match": "queue_5"}, ("submitted", cancel, "cancelled")),
    Case("opponent", {"price_match": "opponent"}, ("submitted", "filled"), before=(BOUGHT,)),
    Case("opponent 5, ioc", {"price_match": "opponent_5", "time_in_force": "ioc"},
         ("submitted", "filled"), before=(BOUGHT,)),
    Case("opponent, post only", {"price_match": "opponent", "post_only": True}, (),
         before=(BOUGHT,), refused=-5022),
]  # fmt: skip

MARKET = {"order_type": "market"}
AT_MARKET = [
    Case("filled", MARKET, ("submitted", "filled"), before=(BOUGHT,)),
    Case("filled at two prices", MARKET, ("submitted", "partly", "filled"),
         before=(rest("SELL", 10, HALF), rest("SELL", 12, HALF))),
    Case("sold", MARKET | {"side": "sell"}, ("submitted", "filled"), before=(rest("BUY", 0, 1),)),
    Case("without margin", MARKET | {"quantity": "90"}, (), before=(BOUGHT,), refused=-2019),
    Case("reduces", MARKET | {"side": "sell", "reduce_only": True}, ("submitted", "filled"),
         before=(hold(QTY), rest("BUY", 0, 1))),
    Case("reduces as far as it goes", MARKET | {"side": "sell", "reduce_only": True},
         ("submitted", "partly", "expired"), before=(hold(HALF), rest("BUY", 0, 1)),
         reason=EndReason.REDUCE_ONLY),
    Case("has nothing to reduce", MARKET | {"reduce_only": True}, (), before=(hold(0), BOUGHT),
         refused=-2022),
]  # fmt: skip

REDUCING = {"side": "sell", "reduce_only": True}
REDUCES = [
    Case("gtc fills", REDUCING, ("submitted", hit("BUY", 30), "filled"), {"price": 30},
         (hold(QTY),)),
    Case("gtc expires with the position", REDUCING, ("submitted", hold(0), "expired"),
         {"price": 30}, (hold(QTY),), reason=EndReason.REDUCE_ONLY),
    Case("nothing there", REDUCING, (), {"price": 30}, (hold(0),), refused=-2022),
]  # fmt: skip

OWN = "own resting order"


def own(life: Life) -> None:
    """An order of the same account is in the way."""
    life.stage.place(f"{life.name}-own", {"price": 5}, side="sell")
    life.stage.notes.tells(f"{life.name}-own", [WORDS["submitted"]])


def own_is(word: str) -> Act:
    """It ends as told."""

    def act(life: Life) -> None:
        name = f"{life.name}-own"
        wanted = [WORDS["submitted"], WORDS[word]] if word else [WORDS["submitted"]]
        life.stage.notes.tells(name, wanted)
        if word == "expired":
            assert life.stage.notes.reports[name][-1].reason is EndReason.SELF_TRADE

    return act


SELF_TRADES = [
    Case("expire taker", {"self_trade": "expire_taker"}, ("submitted", "expired", own_is("")),
         {"price": 5}, (own,), reason=EndReason.SELF_TRADE),
    Case("expire taker, ioc", {"self_trade": "expire_taker", "time_in_force": "ioc"},
         ("submitted", "expired", own_is("")), {"price": 5}, (own,), reason=EndReason.SELF_TRADE),
    Case("expire maker", {"self_trade": "expire_maker"},
         ("submitted", own_is("expired"), cancel, "cancelled"), {"price": 5}, (own,)),
    Case("expire both", {"self_trade": "expire_both"},
         ("submitted", "expired", own_is("expired")), {"price": 5}, (own,),
         reason=EndReason.SELF_TRADE),
    Case("by default", {}, ("submitted", own_is("expired"), cancel, "cancelled"), {"price": 5},
         (own,)),
]  # fmt: skip


def conditionals() -> Iterator[Case]:
    """STOPs buy and TAKE_PROFITs sell: both trigger as the price goes up to 20."""
    for kind, side in (("stop", "buy"), ("take_profit", "sell")):
        taken = "SELL" if side == "buy" else "BUY"
        price = 20 if side == "buy" else -20
        prices = {"stop_price": 20.0, "price": price}
        plenty = rest(taken, price, 1)
        empty = trade(20)
        up: Act = trade(20)
        if side == "buy":  # what triggers it is the first of what it buys
            up = hit("BUY", 20, 0.001)
        for tif in ("gtc", "ioc", "fok", "gtx", "gtd"):
            order: dict[str, Any] = {"order_type": kind, "side": side, "time_in_force": tif}
            if tif == "gtd":
                order["good_till_ms"] = 4_000_000_000_000
            name = f"{kind} {tif}"
            yield Case(f"{name} cancelled before", order,
                       ("submitted", not_yet, cancel, "cancelled"), prices)  # fmt: skip
            if tif == "gtx":
                yield Case(f"{name} would take", order, ("submitted", up, "triggered", "rejected"),
                           prices, (plenty,), reason=EndReason.TRIGGER_REJECTED)  # fmt: skip
            else:
                yield Case(f"{name} triggered, filled", order,
                           ("submitted", up, "triggered", "filled"), prices, (plenty,))  # fmt: skip
            if tif == "ioc":
                yield Case(f"{name} triggered, nothing there", order,
                           ("submitted", empty, "triggered", "expired"), prices,
                           reason=EndReason.REMAINDER)  # fmt: skip
            elif tif == "fok":
                yield Case(f"{name} triggered, not fillable", order,
                           ("submitted", empty, "triggered", "rejected"), prices,
                           reason=EndReason.TRIGGER_REJECTED)  # fmt: skip
            else:
                yield Case(f"{name} triggered, rests, filled in parts", order,
                           ("submitted", empty, "triggered",
                            hit("SELL" if side == "buy" else "BUY", price, HALF), "partly",
                            hit("SELL" if side == "buy" else "BUY", price, HALF), "filled"),
                           prices)  # fmt: skip
                yield Case(f"{name} triggered, amended, cancelled", order,
                           ("submitted", empty, "triggered", accepted(price=price - 5 * (
                               1 if side == "buy" else -1)), "amended triggered", cancel,
                            "cancelled"), prices)  # fmt: skip


CONDITIONAL = list(conditionals())
STOP_MARKET = {"order_type": "stop_market"}
PROFIT_MARKET = {"order_type": "take_profit_market", "side": "sell"}
TRAILING = {"order_type": "trailing_stop_market", "callback_rate": "0.001"}
CLOSED = ("triggered", "amended triggered", "filled")
"""How much there is to close, or what price the book gives, is known when it triggers."""
MARKET_CONDITIONAL = [
    Case("stop cancelled before", STOP_MARKET | {"working_type": "mark", "price_protect": True},
         ("submitted", not_yet, cancel, "cancelled"), {"stop_price": 500}),
    Case("stop filled", STOP_MARKET, ("submitted", hit("BUY", 20, 0.001), "triggered", "filled"),
         {"stop_price": 20}, (rest("SELL", 20, 1),)),
    Case("stop would trigger at once", STOP_MARKET, (), {"stop_price": -40},
         refused=-2021),
    Case("stop without margin", STOP_MARKET | {"quantity": "90"},
         ("submitted", hit("BUY", 20, 0.001), "triggered", "rejected"),
         {"stop_price": 20}, (rest("SELL", 20, 1),), reason=EndReason.TRIGGER_REJECTED),
    Case("stop reduces", STOP_MARKET | {"reduce_only": True},
         ("submitted", hit("BUY", 20, 0.001), "triggered", "filled"),
         {"stop_price": 20}, (hold(-QTY), rest("SELL", 20, 1))),
    Case("stop has nothing left to reduce", STOP_MARKET | {"reduce_only": True},
         ("submitted", hold(0), hit("BUY", 20, 0.001), "triggered", "rejected"),
         {"stop_price": 20}, (hold(-QTY), rest("SELL", 20, 1)),
         reason=EndReason.TRIGGER_REJECTED),
    Case("stop closes the position", STOP_MARKET | {"close_position": True, "quantity": None},
         ("submitted", hit("BUY", 20, 0.001), *CLOSED),
         {"stop_price": 20}, (hold(-QTY), rest("SELL", 20, 1))),
    Case("profit cancelled before", PROFIT_MARKET, ("submitted", not_yet, cancel, "cancelled"),
         {"stop_price": 500}),
    Case("profit filled", PROFIT_MARKET, ("submitted", trade(20), "triggered", "filled"),
         {"stop_price": 20}, (rest("BUY", -20, 1),)),
    Case("profit closes the position",
         PROFIT_MARKET | {"close_position": True, "quantity": None},
         ("submitted", trade(20), *CLOSED), {"stop_price": 20},
         (hold(QTY), rest("BUY", -20, 1))),
    Case("trailing cancelled before", TRAILING, ("submitted", not_yet, cancel, "cancelled")),
    Case("trailing filled", TRAILING,
         ("submitted", trade(-60), rest("SELL", 40, 1), hit("BUY", 40, 0.001), "triggered",
          "filled"), ),
    Case("trailing activated, filled", TRAILING,
         ("submitted", trade(-20), trade(-60), rest("SELL", 40, 1), hit("BUY", 40, 0.001),
          "triggered", "filled"), {"activation_price": -30}),
    Case("trailing sold", TRAILING | {"side": "sell", "callback_rate": "0.0015"},
         ("submitted", trade(80), rest("BUY", -40, 1), hit("SELL", -40, 0.001), "triggered",
          "filled"), ),
    Case("trailing activated at once", TRAILING, (), {"activation_price": 30},
         refused=-2021),
    Case("stop with queue", {"order_type": "stop", "price_match": "queue"},
         ("submitted", trade(20), "triggered", "amended triggered", cancel, "cancelled"),
         {"stop_price": 20}, (rest("BUY", -30, 0.1),)),
    Case("stop that trades with itself", STOP_MARKET | {"self_trade": "none"},
         ("submitted", cancel, "cancelled"), {"stop_price": 40}),
]  # fmt: skip

LONG, SHORT = {"position_side": "long"}, {"position_side": "short"}
HEDGED = [
    Case("long opened", MARKET | LONG, ("submitted", "filled"), before=(BOUGHT,)),
    Case("long reduced", LONG | {"side": "sell", "reduce_only": True},
         ("submitted", hit("BUY", 30), "filled"), {"price": 30}, (hold(QTY, "LONG"),)),
    Case("short opened", SHORT | {"side": "sell"}, ("submitted", hit("BUY", 30), "filled"),
         {"price": 30}),
    Case("short closed by a stop", STOP_MARKET | SHORT | {"close_position": True, "quantity": None},
         ("submitted", hit("BUY", 20, 0.001), *CLOSED),
         {"stop_price": 20}, (hold(-QTY, "SHORT"), rest("SELL", 20, 1))),
    Case("long closed by a profit",
         PROFIT_MARKET | LONG | {"close_position": True, "quantity": None},
         ("submitted", trade(20), *CLOSED), {"stop_price": 20},
         (hold(QTY, "LONG"), rest("BUY", -20, 1))),
    Case("without a side", {}, (), {"price": 0}, refused=-4061),
]  # fmt: skip


def run(stage: Stage, case: Case, account: str, group: str) -> None:
    stage.begun += 1
    life = Life(stage, f"{group}-{stage.begun}", account)
    for act in case.before:
        act(life)
    if case.order.get("order_type", "limit") not in ("limit", "market"):
        life.market.trade(0)  # what triggered the last one shall not trigger this one
    ticket = stage.place(life.name, case.prices, account=account, **case.order)
    if case.refused:
        answer = stage.notes.answer(ticket)
        assert (answer.result, answer.venue_code) == (Result.REFUSED, case.refused), answer
        stage.ended.append((account, life.name, stage.notes.story(life.name)))
        assert {update for update, _ in stage.notes.story(life.name)} <= {Update.REJECTED}
        return
    for step in case.life:
        if isinstance(step, str):
            life.hears(step)
        else:
            step(life)
    assert stage.notes.answer(ticket).result is Result.ACCEPTED
    assert stage.notes.results(ticket) == [Result.ACCEPTED]
    story = stage.notes.story(life.name)
    assert story == life.wanted, (life.name, story)
    assert life.last.ended
    if case.reason is not None:
        assert life.last.reason is case.reason
    stage.notes.equals_venue(life.name, stage.market.clients[account])
    stage.ended.append((account, life.name, life.wanted))


ONE_WAY = [
    (group, case)
    for group, cases in (
        ("limit", LIMITS),
        ("match", MATCHED),
        ("market", AT_MARKET),
        ("reduce", REDUCES),
        ("stp", SELF_TRADES),
        ("algo", CONDITIONAL),
        ("algomkt", MARKET_CONDITIONAL),
    )
    for case in cases
]


@pytest.mark.parametrize(
    ("group", "case"), ONE_WAY, ids=[f"{group} {case.name}" for group, case in ONE_WAY]
)
def test_a_life(stage: Stage, group: str, case: Case) -> None:
    run(stage, case, "main", group)


@pytest.mark.parametrize("case", HEDGED, ids=[case.name for case in HEDGED])
def test_a_life_in_hedge_mode(stage: Stage, case: Case) -> None:
    run(stage, case, "hedge", "hedge")


LOCALLY = {
    "RPI has no neutral value": ({"time_in_force": 7}, Code.MALFORMED, Field.TIME_IN_FORCE),
    "self trades cannot be allowed": (
        {"self_trade": "none"}, Code.NOT_SUPPORTED, Field.SELF_TRADE),
    "withdrawn price match": ({"price_match": "opponent_10"}, Code.NOT_SUPPORTED,
                              Field.PRICE_MATCH),
    "market orders have no time in force": (
        {"order_type": "market", "time_in_force": "ioc"}, Code.NOT_SUPPORTED, Field.TIME_IN_FORCE),
    "limit orders do not close": ({"close_position": True}, Code.MALFORMED,
                                  Field.CLOSE_POSITION),
    "no day orders": ({"time_in_force": "day"}, Code.NOT_SUPPORTED, Field.TIME_IN_FORCE),
}  # fmt: skip


@pytest.mark.parametrize("what", LOCALLY)
def test_what_the_venue_has_not_is_refused_here(stage: Stage, what: str) -> None:
    keys, code, wrong = LOCALLY[what]
    prices = {} if keys.get("order_type") == "market" or "price_match" in keys else {"price": -30.0}
    ticket = stage.place("", prices, **keys)
    answer = stage.notes.answer(ticket)
    assert (answer.result, answer.code) == (Result.REFUSED, code.value), answer
    assert answer.field is wrong
    assert answer.venue_code == answer.http_status == 0


def test_at_the_end(shared: Stage) -> None:
    """Nothing was told of any life after it was over, what the strategy thinks of the account is
    what the venue thinks, and a good-till date ends an order that rests."""
    notes, market = shared.notes, shared.market
    life = Life(shared, "good-till", "main")
    now_s = market.venue.get("/fapi/v1/time").json()["serverTime"] // 1000
    shared.place(life.name, {"price": -30}, good_till_ms=(now_s + 660) * 1000)
    life.hears("submitted")
    shared.equals_venue()
    assert [one.client_order_id for one in notes.session.orders()] == [life.name]

    market.sim.fault("skew", ms=680_000)
    life.hears("expired")
    assert life.last.reason is EndReason.GOOD_TILL
    assert notes.session.orders() == []

    for _, name, story in shared.ended:
        assert notes.story(name) == story
    assert notes.sequences == sorted(set(notes.sequences))
    assert not notes.session.waiting
    codes = {one.venue_code for answers in notes.answers.values() for one in answers}
    assert -4120 not in codes
