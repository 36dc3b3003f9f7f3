"""Orders of a venue that names them by its own ids alone: what is heard before the answer belongs
to the order the answer names, a lost answer is found in a list by what the order looks like or not
at all, and a cancel waits for the name."""

import itertools
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from connector.model.intents import Action, OrderType
from connector.model.order import Order
from connector.model.records import Side
from connector.model.reports import Field, OrderStatus, ReportFlag, Result, Update
from connector.trading.effects import Answered, Ask, Effect, Report
from connector.trading.pending import Pending
from connector.trading.suspects import find
from connector.trading.tracker import Tracker
from connector.venues.contract import Request
from connector.venues.trading_contract import (
    Execution,
    Intent,
    NotNamed,
    OrderAnswer,
    OrderEvent,
    OrderOutcome,
    Signer,
    Source,
)
from tests.reference.desk_rig import INSTRUMENT, TRADING, Rig, answers_of

ACCOUNT, SECOND_NS = 0, 1_000_000_000
OURS, THEIRS = "id-ours", "id-theirs"


def event(status: OrderStatus | None, name: str = OURS, filled: int = 0, **more: Any) -> OrderEvent:
    given: dict[str, Any] = {
        "source": Source.STREAM, "execution": Execution.STATE, "status": status,
        "symbol": INSTRUMENT.symbol, "venue_order_id": name, "side": Side.BUY,
        "order_type": OrderType.LIMIT, "price_e": 5000, "qty_e": 10, "filled_qty_e": filled,
    }  # fmt: skip
    return OrderEvent(**given | more)


def fill(
    number: int, qty_e: int, filled: int, status: OrderStatus | None, **more: Any
) -> OrderEvent:
    return event(
        status, filled=filled, execution=Execution.TRADE, last_qty_e=qty_e, last_price_e=5000,
        venue_trade_id=f"t{number}", fee_e=1, **more,
    )  # fmt: skip


class Stage:
    """A tracker of one account."""

    def __init__(self) -> None:
        keys = itertools.count(100)
        self.tracker = Tracker(lambda: next(keys), unnamed=lambda account: account == ACCOUNT)
        self.now_ns, self.requests = 10**12, itertools.count(1)
        self.effects: list[Effect] = []
        self.tracker.stream_up(ACCOUNT, self.now_ns)

    def order(self, name: str, **change: Any) -> tuple[Order, int]:
        """A new order whose request has left."""
        given: dict[str, Any] = {
            "account": ACCOUNT, "strategy": "s", "instrument": INSTRUMENT, "price_e": 5000,
            "qty_e": 10, "created_ns": self.now_ns, "client_order_id": name, "command": 1,
        }  # fmt: skip
        number = next(self.requests)
        order = Order(key=number, **given | change)
        self.tracker.register(order)
        pending = Pending(
            request=number, order=order, account=ACCOUNT, strategy="s", action=Action.PLACE,
            command=number, deadline_ns=self.now_ns + 10 * SECOND_NS,
        )  # fmt: skip
        self.tracker.requested(pending)
        return order, number

    def hear(self, one: OrderEvent) -> None:
        """As the desk does it."""
        tracker = self.tracker
        effects = tracker.event(ACCOUNT, one, self.now_ns)
        if not effects and tracker.orders.find(ACCOUNT, one) is None:
            effects = tracker.stranger(ACCOUNT, one, INSTRUMENT, self.now_ns)
        self.effects += effects

    def answer(self, request: int, outcome: OrderOutcome, said: OrderEvent | None = None) -> None:
        answer = OrderAnswer(outcome, 200, order=said)
        self.effects += self.tracker.answered(request, answer, self.now_ns)

    def tick(self, later_ns: int = 0) -> None:
        self.now_ns += later_ns
        self.effects += self.tracker.tick(self.now_ns)

    def reports(self, foreign: bool = False) -> list[tuple[Update, int]]:
        """Of own orders, or of foreign ones: what happened, and how much was new."""
        return [
            (one.update, one.last_qty_e)
            for one in self.effects
            if isinstance(one, Report) and bool(one.flags & ReportFlag.FOREIGN) is foreign
        ]


LIFE = (
    event(OrderStatus.NEW),
    fill(1, 4, 4, None),
    event(OrderStatus.PARTIALLY_FILLED, filled=4),
    fill(2, 6, 10, OrderStatus.FILLED),
)
SAID = event(None, source=Source.ANSWER)


@pytest.mark.parametrize("place", range(len(LIFE) + 1))
@pytest.mark.parametrize("twice", [False, True])
def test_the_answer_may_come_at_any_place(place: int, twice: bool) -> None:
    stage = Stage()
    order, request = stage.order("mine")
    for one in LIFE[:place] * 2 if twice else LIFE[:place]:
        stage.hear(one)
        stage.tick()
    assert not stage.reports(foreign=True)
    stage.answer(request, OrderOutcome.ACCEPTED, SAID)
    for one in LIFE[place:]:
        stage.hear(one)
    stage.tick(60 * SECOND_NS)
    assert stage.reports() == [(Update.SUBMITTED, 0), (Update.EXECUTED, 4), (Update.EXECUTED, 6)]
    assert order.status is OrderStatus.FILLED
    assert order.venue_order_id == OURS
    assert not stage.reports(foreign=True)


@pytest.mark.parametrize("seed", range(40))
def test_orders_that_look_alike_are_told_apart_by_their_answers(seed: int) -> None:
    """Two of ours and one of somebody else, alike but for their ids, in any order of arrival."""
    rng = random.Random(seed)
    stage = Stage()
    mine = [stage.order(f"mine-{number}") for number in range(2)]
    lanes: list[list[Any]] = []
    for name in ("a", "b", THEIRS):
        lanes.append([replace(one, venue_order_id=name) for one in LIFE])
    lanes.append([("answer", number) for number in range(2)])
    while any(lanes):
        lane = rng.choice([lane for lane in lanes if lane])
        one = lane.pop(0)
        if isinstance(one, tuple):
            said = replace(SAID, venue_order_id="ab"[one[1]])
            stage.answer(mine[one[1]][1], OrderOutcome.ACCEPTED, said)
        else:
            stage.hear(one)
        stage.tick()
    assert sorted(order.venue_order_id for order, _ in mine) == ["a", "b"]
    assert all(order.status is OrderStatus.FILLED for order, _ in mine)
    told = [(Update.SUBMITTED, 0), (Update.EXECUTED, 4), (Update.EXECUTED, 6)]
    assert sorted(stage.reports()) == sorted(told * 2)
    assert stage.reports(foreign=True) == told


@pytest.mark.parametrize("outcome", [OrderOutcome.REFUSED, OrderOutcome.AUTH])
def test_what_was_held_is_somebody_else_s_when_ours_is_refused(outcome: OrderOutcome) -> None:
    stage = Stage()
    _, request = stage.order("mine")
    stage.hear(event(OrderStatus.NEW))
    assert not stage.reports(foreign=True)
    stage.answer(request, outcome)
    stage.tick()
    assert stage.reports(foreign=True) == [(Update.SUBMITTED, 0)]


DIFFERENT: list[dict[str, Any]] = [
    {"symbol": "ETHUSDT"}, {"side": Side.SELL}, {"price_e": 5001}, {"qty_e": 11},
    {"order_type": OrderType.MARKET}, {"stop_price_e": 1}, {"client_order_id": "web"},
]  # fmt: skip


@pytest.mark.parametrize("change", DIFFERENT)
def test_what_does_not_look_like_ours_is_nobody_s_at_once(change: dict[str, Any]) -> None:
    stage = Stage()
    stage.order("mine")
    stage.hear(event(OrderStatus.NEW, **change))
    assert stage.reports(foreign=True) == [(Update.SUBMITTED, 0)]


def test_while_a_request_is_under_way_nothing_is_asked_for_its_sake() -> None:
    stage = Stage()
    stage.order("mine")
    stage.hear(event(OrderStatus.NEW))
    stage.tick(SECOND_NS)
    assert not [one for one in stage.effects if isinstance(one, Ask)]


# A lost answer


def row(name: str = OURS, **change: Any) -> OrderEvent:
    return event(OrderStatus.NEW, name, source=Source.QUERY, **change)


@pytest.mark.parametrize(
    ("rows", "named"),
    [
        ([], ""),
        ([row()], OURS),
        ([row(), row(THEIRS, price_e=5001), row(THEIRS, side=Side.SELL)], OURS),
        ([row(price_e=None, qty_e=None, side=None)], OURS),
        ([row(), row(THEIRS)], "?"),
        ([row("known")], ""),
        ([row("known"), row()], OURS),
        ([row(THEIRS, client_order_id="theirs")], ""),
        ([row(client_order_id="mine"), row(THEIRS)], OURS),
    ],
)
def test_a_row_is_ours_if_it_can_be_nobody_else_s(rows: list[OrderEvent], named: str) -> None:
    stage = Stage()
    known, request = stage.order("known")
    stage.answer(request, OrderOutcome.ACCEPTED, replace(SAID, venue_order_id="known"))
    order, _ = stage.order("mine")
    orders = stage.tracker.orders
    found = find(order, rows, orders, orders.open_of(ACCOUNT))
    assert bool(found.doubt) is (named == "?")
    assert (found.event.venue_order_id if found.event else "") == named.strip("?")
    assert known.venue_order_id == "known"


def test_the_price_a_venue_writes_to_an_order_at_the_market_speaks_against_nothing() -> None:
    stage = Stage()
    order, _ = stage.order("mine", order_type=OrderType.MARKET, price_e=None)
    told, orders = row(order_type=OrderType.MARKET), stage.tracker.orders
    assert find(order, [told], orders, orders.open_of(ACCOUNT)).event == told


def test_a_row_that_fits_two_of_ours_is_neither_s() -> None:
    stage = Stage()
    orders = stage.tracker.orders
    order, _ = stage.order("mine")
    stage.order("unlike", price_e=4999)
    assert find(order, [row()], orders, orders.open_of(ACCOUNT)).event == row()
    twin, request = stage.order("twin")
    assert "twin" in find(order, [row()], orders, orders.open_of(ACCOUNT)).doubt
    sure = row(client_order_id="mine")
    assert find(order, [sure], orders, orders.open_of(ACCOUNT)).event == sure
    stage.answer(request, OrderOutcome.REFUSED)
    assert twin.status.terminal
    assert find(order, [row()], orders, orders.open_of(ACCOUNT)).event == row()


def test_what_is_found_settles_the_order_with_all_that_was_held() -> None:
    stage = Stage()
    order, request = stage.order("mine")
    stage.hear(LIFE[0])
    stage.hear(LIFE[1])
    stage.answer(request, OrderOutcome.UNKNOWN)
    found = row(client_order_id="mine", filled_qty_e=4)
    stage.effects += stage.tracker.event(ACCOUNT, found, stage.now_ns, stage.now_ns)
    assert order.venue_order_id == OURS
    assert stage.reports() == [(Update.SUBMITTED, 0), (Update.EXECUTED, 4)]
    told = [one.result for one in stage.effects if isinstance(one, Answered)]
    assert told == [Result.UNKNOWN, Result.ACCEPTED]


# A cancel before there is a name


def _encode(intent: Intent, signer: Signer, venue_ns: int) -> Request:
    if intent.action in (Action.CANCEL, Action.QUERY) and not intent.venue_order_id:
        raise NotNamed(Field.ORDER_ID, "order_id: not told yet")
    return Request("POST", f"/{intent.action.name}", query=intent.venue_order_id)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    lookups = replace(TRADING.lookups, since=lambda instrument, since_ns: Request("GET", "/"))
    rig.main.trading = replace(TRADING, encode=_encode, lookups=lookups)
    yield rig
    rig.halts.close()


def paths(rig: Rig) -> Sequence[str]:
    return [f"{message.path}{message.query}" for _, _, message in rig.main.posted]


def placed(rig: Rig, name: str | None = OURS) -> None:
    request = rig.main.posted[0][0]
    if name is None:
        rig.desk.answered(rig.main, request, OrderAnswer(OrderOutcome.REFUSED, 400))
        return
    said = event(None, name, source=Source.ANSWER, price_e=None, qty_e=None)
    rig.desk.answered(rig.main, request, OrderAnswer(OrderOutcome.ACCEPTED, 200, order=said))


def test_a_cancel_waits_for_the_name_and_leaves_then(rig: Rig) -> None:
    rig.send(client_order_id="mine")
    rig.send(Action.CANCEL, client_order_id="mine")
    for _ in range(20):
        rig.now_ns += SECOND_NS // 10
        list(rig.desk.tick(rig.now_ns))
    assert paths(rig) == ["/PLACE"]
    assert not rig.counted, "that it cannot leave yet is no fault"
    placed(rig)
    rig.now_ns += 6 * SECOND_NS
    list(rig.desk.tick(rig.now_ns))
    assert paths(rig)[1:] == [f"/CANCEL{OURS}"]
    rig.desk.order_event(rig.main, event(OrderStatus.CANCELLED, execution=Execution.CANCELLED))
    assert [result for result, _ in answers_of(rig, 2)] == [Result.UNKNOWN, Result.ACCEPTED]


def test_a_cancel_of_an_order_that_never_was_is_refused_with_it(rig: Rig) -> None:
    rig.send(client_order_id="mine")
    rig.send(Action.CANCEL, client_order_id="mine")
    placed(rig, None)
    rig.now_ns += 60 * SECOND_NS
    list(rig.desk.tick(rig.now_ns))
    assert paths(rig) == ["/PLACE"]
    assert [result for result, _ in answers_of(rig, 2)] == [Result.UNKNOWN, Result.REFUSED]


def test_a_question_by_the_owner_s_name_says_to_ask_again(rig: Rig) -> None:
    rig.send(client_order_id="mine")
    answer = rig.send(Action.QUERY, client_order_id="mine")
    assert answer.code == 900020
    placed(rig)
    assert rig.send(Action.QUERY, client_order_id="mine") is None
    assert paths(rig)[1:] == [f"/QUERY{OURS}"]
