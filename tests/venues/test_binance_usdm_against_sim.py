"""Binance USD-M, both sides: every order the encoders write is understood by the simulated venue,
and its answers by the judge; over HTTP, compiled and not, and over the WebSocket order API."""

from typing import Any

import pytest

from connector.model.instrument import ABSENT
from connector.model.intents import (
    Action,
    CommandFlag,
    OrderType,
    PriceMatch,
    SelfTrade,
    TimeInForce,
    WorkingType,
)
from connector.model.records import Side
from connector.model.reports import OrderStatus
from connector.venues.binance_usdm import configured
from connector.venues.binance_usdm.config import Config
from connector.venues.binance_usdm.signing import signer
from connector.venues.trading_contract import (
    CannotEncode,
    Execution,
    Intent,
    OrderOutcome,
)
from tests.reference.binance_desk import MAKER
from tests.reference.both_sides import COMMAND, MS, SIGNER, TRADING, TRANSPORTS, Desk, price, qty


@pytest.fixture(params=TRANSPORTS)
def desk(request: pytest.FixtureRequest) -> Desk:
    return Desk(request.param)


def test_a_limit_order_lives_its_life(desk: Desk) -> None:
    order = desk.placed(
        side=Side.BUY, price_e=price(desk, "29990.00"), qty_e=qty(desk, 100),
        time_in_force=TimeInForce.GTC,
    )  # fmt: skip
    assert (order.execution, order.status) == (Execution.NEW, OrderStatus.NEW)
    assert (order.price_e, order.qty_e) == (price(desk, "29990.00"), qty(desk, 100))
    by_id: dict[str, Any] = {"order_id": order.order_id}
    by_name = {"client_order_id": order.client_order_id}
    for ids in (by_id, by_name):
        found = desk.do(action=Action.QUERY, **ids)
        assert found.order is not None
        assert found.order.order_id == order.order_id
    change: dict[str, Any] = {
        "action": Action.AMEND,
        "side": Side.BUY,
        "price_e": price(desk, "29980.50"),
        "qty_e": qty(desk, 70),
    }
    amended = desk.do(**change, **by_name)
    assert amended.order is not None
    assert amended.order.execution is Execution.AMENDED
    assert (amended.order.price_e, amended.order.qty_e) == (price(desk, "29980.50"), qty(desk, 70))
    same = desk.do(**change, **by_id)
    assert same.outcome is OrderOutcome.ALREADY
    cancelled = desk.do(action=Action.CANCEL, **by_name)
    assert cancelled.order is not None
    assert (cancelled.order.execution, cancelled.order.status) == (
        Execution.CANCELLED,
        OrderStatus.CANCELLED,
    )
    for ids in (by_id, by_name):
        again = desk.do(action=Action.CANCEL, **ids)
        assert (again.outcome, again.code) == (OrderOutcome.GONE, -2011)
    if desk.compiled:
        assert desk.compiled == desk.sent - 2, "all but the queries"


@pytest.mark.parametrize("time", [TimeInForce.IOC, TimeInForce.FOK, TimeInForce.GTX])
def test_every_time_in_force_ends_as_it_should(desk: Desk, time: TimeInForce) -> None:
    at = price(desk, "29990.00" if time is TimeInForce.GTX else "30000.10")
    order = desk.placed(side=Side.BUY, price_e=at, qty_e=qty(desk, 100), time_in_force=time)
    assert order.time_in_force is time
    found = desk.do(action=Action.QUERY, order_id=order.order_id).order
    assert found is not None
    if time is TimeInForce.GTX:
        assert found.status is OrderStatus.NEW
    else:
        assert (found.status, found.filled_qty_e) == (OrderStatus.FILLED, qty(desk, 100))
        assert float(found.average) == 30000.1


@pytest.mark.parametrize(
    ("time", "at", "code"),
    [(TimeInForce.FOK, "29990.00", -5021), (TimeInForce.GTX, "30000.10", -5022)],
)
def test_what_cannot_execute_is_refused_at_once(
    desk: Desk, time: TimeInForce, at: str, code: int
) -> None:
    answer = desk.do(
        action=Action.PLACE, client_order_id="x", side=Side.BUY, price_e=price(desk, at),
        qty_e=qty(desk, 100), time_in_force=time,
    )  # fmt: skip
    assert (answer.outcome, answer.code) == (OrderOutcome.REFUSED, code)
    assert not answer.reconcile


def test_a_good_till_date_is_taken(desk: Desk) -> None:
    order = desk.placed(
        side=Side.BUY, price_e=price(desk, "29990.00"), qty_e=qty(desk, 100),
        time_in_force=TimeInForce.GTD, good_till_ns=desk.now_ns + 700 * 10**9,
    )  # fmt: skip
    assert order.time_in_force is TimeInForce.GTD


def test_a_market_order_and_the_way_out_again(desk: Desk) -> None:
    order = desk.placed(side=Side.BUY, order_type=OrderType.MARKET, qty_e=qty(desk, 100))
    assert order.order_type is OrderType.MARKET
    close = desk.placed(
        side=Side.SELL, order_type=OrderType.MARKET, qty_e=qty(desk, 100),
        flags=CommandFlag.REDUCE_ONLY,
    )  # fmt: skip
    assert close.reduce_only
    answer = desk.do(
        action=Action.PLACE, client_order_id="y", side=Side.SELL, order_type=OrderType.MARKET,
        qty_e=qty(desk, 100), flags=CommandFlag.REDUCE_ONLY,
    )  # fmt: skip
    assert (answer.outcome, answer.code) == (OrderOutcome.REFUSED, -2022)
    assert answer.reconcile


@pytest.mark.parametrize("match", [PriceMatch.QUEUE, PriceMatch.OPPONENT_5])
def test_a_price_match_takes_its_price_from_the_book(desk: Desk, match: PriceMatch) -> None:
    order = desk.placed(side=Side.BUY, qty_e=qty(desk, 10), price_match=match)
    found = desk.do(action=Action.QUERY, order_id=order.order_id).order
    assert found is not None
    expected = {PriceMatch.QUEUE: "29999.90", PriceMatch.OPPONENT_5: "30000.50"}[match]
    assert found.price_e == price(desk, expected)


@pytest.mark.parametrize(
    "mode", [SelfTrade.EXPIRE_TAKER, SelfTrade.EXPIRE_MAKER, SelfTrade.EXPIRE_BOTH]
)
def test_every_mode_against_trading_with_oneself_is_taken(desk: Desk, mode: SelfTrade) -> None:
    desk.placed(
        side=Side.BUY, price_e=price(desk, "29990.00"), qty_e=qty(desk, 10), self_trade=mode
    )


CONDITIONAL = [
    {"order_type": OrderType.STOP, "price_e": "30110.00", "stop_price_e": "30100.00"},
    {"order_type": OrderType.TAKE_PROFIT, "price_e": "29890.00", "stop_price_e": "29900.00"},
    {"order_type": OrderType.STOP_MARKET, "stop_price_e": "30100.00"},
    {"order_type": OrderType.TAKE_PROFIT_MARKET, "stop_price_e": "29900.00"},
    {"order_type": OrderType.TRAILING_STOP_MARKET, "callback_rate_e": 10**6},
    {
        "order_type": OrderType.TRAILING_STOP_MARKET,
        "callback_rate_e": 100_000,
        "activation_price_e": "29900.00",
    },
    {
        "order_type": OrderType.STOP_MARKET,
        "stop_price_e": "30100.00",
        "working_type": WorkingType.MARK,
        "flags": CommandFlag.PRICE_PROTECT,
    },
    {
        "order_type": OrderType.STOP,
        "price_e": "30110.00",
        "stop_price_e": "30100.00",
        "time_in_force": TimeInForce.GTX,
        "self_trade": SelfTrade.NONE,
    },
]


@pytest.mark.parametrize("row", CONDITIONAL)
def test_a_conditional_order_is_placed_asked_for_and_cancelled(
    desk: Desk, row: dict[str, Any]
) -> None:
    values = {
        name: price(desk, value) if isinstance(value, str) else value for name, value in row.items()
    }
    order = desk.placed(side=Side.BUY, qty_e=qty(desk, 100), **values)
    assert order.conditional
    assert (order.status, order.execution) == (OrderStatus.NEW, Execution.NEW)
    assert order.order_type is values["order_type"]
    assert order.stop_price_e == values.get("stop_price_e")
    ids: dict[str, Any] = {"order_id": order.order_id, "conditional": True}
    found = desk.do(action=Action.QUERY, **ids).order
    assert found is not None
    assert (found.conditional, found.client_order_id) == (True, order.client_order_id)
    with pytest.raises(CannotEncode, match="cancel and place"):
        desk.do(action=Action.AMEND, price_e=1, qty_e=1, **ids)
    cancelled = desk.do(action=Action.CANCEL, **ids)
    assert cancelled.outcome is OrderOutcome.ACCEPTED
    again = desk.do(action=Action.CANCEL, **ids)
    assert again.outcome is OrderOutcome.GONE
    gone = desk.do(action=Action.QUERY, **ids).order
    assert gone is None or gone.status is OrderStatus.CANCELLED


def test_a_conditional_order_can_close_the_position(desk: Desk) -> None:
    desk.placed(side=Side.BUY, order_type=OrderType.MARKET, qty_e=qty(desk, 100))
    order = desk.placed(
        side=Side.SELL, order_type=OrderType.STOP_MARKET, stop_price_e=price(desk, "29000.00"),
        flags=CommandFlag.CLOSE_POSITION,
    )  # fmt: skip
    assert order.conditional


def test_cancel_all_is_two_requests(desk: Desk) -> None:
    plain = desk.placed(side=Side.BUY, price_e=price(desk, "29990.00"), qty_e=qty(desk, 100))
    stop = desk.placed(
        side=Side.BUY, order_type=OrderType.STOP_MARKET, stop_price_e=price(desk, "30100.00"),
        qty_e=qty(desk, 100),
    )  # fmt: skip
    for conditional in (False, True):
        answer = desk.do(action=Action.CANCEL_ALL, conditional=conditional)
        assert answer.outcome is OrderOutcome.ACCEPTED, answer.body
    for order in (plain, stop):
        answer = desk.do(
            action=Action.CANCEL, order_id=order.order_id, conditional=order.conditional
        )
        assert answer.outcome is OrderOutcome.GONE


def test_a_batch_is_answered_element_by_element() -> None:
    desk = Desk("http")
    assert TRADING.batches is not None
    wishes = [
        Intent(
            action=Action.PLACE, instrument=desk.btc, client_order_id=f"b{index}", side=Side.BUY,
            price_e=price(desk, at), qty_e=qty(desk, 100),
        )
        for index, at in enumerate(("29990.00", "29990.05", "29980.00"))
    ]  # fmt: skip
    request = TRADING.batches.encode(wishes, SIGNER, desk.now_ns)
    found = desk.venue.send(request.method, request.path, request.query, key=MAKER.key)
    answers = TRADING.batches.judge(
        Action.PLACE, 3, found.status, found.headers, found.body, desk.instruments.get
    )
    assert [(answer.outcome, answer.code) for answer in answers] == [
        (OrderOutcome.ACCEPTED, 0),
        (OrderOutcome.REFUSED, -4014),
        (OrderOutcome.ACCEPTED, 0),
    ]
    cancels = [
        Intent(action=Action.CANCEL, instrument=desk.btc, client_order_id=f"b{index}")
        for index in range(3)
    ]
    request = TRADING.batches.encode(cancels, SIGNER, desk.now_ns)
    found = desk.venue.send(request.method, request.path, request.query, key=MAKER.key)
    answers = TRADING.batches.judge(
        Action.CANCEL, 3, found.status, found.headers, found.body, desk.instruments.get
    )
    assert [answer.outcome for answer in answers] == [
        OrderOutcome.ACCEPTED,
        OrderOutcome.GONE,
        OrderOutcome.ACCEPTED,
    ]


def test_a_clock_that_is_off_is_told(desk: Desk) -> None:
    desk.ahead_ms = 10_000
    answer = desk.do(action=Action.CANCEL, order_id=1)
    assert (answer.outcome, answer.code) == (OrderOutcome.CLOCK, -1021)


def test_another_secret_is_told() -> None:
    desk = Desk("http")
    request = TRADING.encode(
        Intent(action=Action.CANCEL, instrument=desk.btc, order_id=1),
        signer(MAKER.key, b"wrong", "hmac"),
        desk.now_ns,
    )
    found = desk.venue.send(request.method, request.path, request.query, key=MAKER.key)
    answer = TRADING.judge(Action.CANCEL, found.status, found.headers, found.body, lambda s: None)
    assert (answer.outcome, answer.code) == (OrderOutcome.AUTH, -1022)


def test_the_window_is_that_of_the_configuration() -> None:
    made = configured(Config(recv_window_ms=700, ws_api_url="wss://x/y")).trading
    assert made is not None
    assert made.api is not None
    assert made.batches is not None
    assert made.encoder is not None
    assert (made.window_ns, made.api.url) == (700 * MS, "wss://x/y")
    wish = Intent(action=Action.CANCEL, instrument=Desk("http").btc, order_id=1)
    asked = made.api.encode(wish, SIGNER, 10**18, 1, False)
    assert asked is not None
    encoder = made.encoder(SIGNER, "h")
    encoder.add(0, wish.instrument)
    absent = dict.fromkeys(("price_e", "qty_e", "stop_price_e"), ABSENT)
    command = COMMAND.pack(action=Action.CANCEL, order_id=1, **absent)
    for data in (
        made.encode(wish, SIGNER, 10**18).query.encode(),
        made.batches.encode([wish], SIGNER, 10**18).query.encode(),
        made.sign(made.lookups.order(wish), SIGNER, 10**18).query.encode(),
        asked.frame.replace(b'":', b"="),
        encoder.encode(command, 10**18),
    ):
        assert data is not None
        assert b"recvWindow=700" in data
