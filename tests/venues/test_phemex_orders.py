"""Phemex, order requests: what every kind of order is on the wire, and what the venue has none
for."""

from typing import Any
from urllib.parse import parse_qsl

import pytest

from connector.model.instrument import Instrument
from connector.model.intents import (
    Action,
    CommandFlag,
    OrderType,
    PositionSide,
    PriceMatch,
    SelfTrade,
    TimeInForce,
    WorkingType,
)
from connector.model.records import Side
from connector.model.reports import Field
from connector.venues.endpoint import Permission
from connector.venues.phemex.endpoints import ENDPOINTS
from connector.venues.phemex.orders import encode, encode_batch, together
from connector.venues.phemex.signing import sign, signer
from connector.venues.trading_contract import CannotEncode, Intent

NOW_NS = 1_580_533_229_000_000_000
SIGNER = signer("806066b0-f02b-4d3e-b444-76ec718e1023", b"secret")
BTCUSD = Instrument(
    symbol="BTCUSD", exchange="Phemex", base="BTC", quote="USD", margin="BTC", price_exponent=4,
    qty_exponent=0, price_digits=1, qty_digits=0, tick_e=5000, step_e=1,
)  # fmt: skip
ID = "2585817b-85df-4dea-8507-5db1920b9954"
OTHER = "b63bc982-be3a-45e0-8974-43d6375fb626"


def intent(action: Action = Action.PLACE, **fields: Any) -> Intent:
    return Intent(action=action, instrument=BTCUSD, client_order_id="t-1", **fields)


def sent(wanted: Intent) -> tuple[str, dict[str, str]]:
    request = encode(wanted, SIGNER, NOW_NS)
    headers = dict(request.headers)
    assert headers["x-phemex-request-expiry"] == "1580533239"
    payload = f"{request.path}{request.query}1580533239".encode()
    assert headers["x-phemex-request-signature"] == SIGNER.sign(payload).decode()
    assert not request.body
    return f"{request.method} {request.path}", dict(parse_qsl(request.query))


LIMIT = {"price_e": 86770000, "qty_e": 4}
STOP = {"stop_price_e": 86000000, "qty_e": 4}
TRAILING: dict[str, Any] = {
    "order_type": OrderType.TRAILING_STOP_MARKET, "qty_e": 4, "callback_rate_e": 10**6,
    "mark_price_e": 867_700_000_000,
}  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "params"),
    [
        (LIMIT, {"ordType": "Limit", "priceEp": "86770000", "timeInForce": "GoodTillCancel"}),
        (
            {**LIMIT, "time_in_force": TimeInForce.GTX, "side": Side.SELL},
            {"side": "Sell", "ordType": "Limit", "priceEp": "86770000", "timeInForce": "PostOnly"},
        ),
        (
            {**LIMIT, "time_in_force": TimeInForce.IOC, "flags": CommandFlag.REDUCE_ONLY},
            {
                "ordType": "Limit",
                "priceEp": "86770000",
                "timeInForce": "ImmediateOrCancel",
                "reduceOnly": "true",
            },
        ),
        (
            {**LIMIT, "time_in_force": TimeInForce.FOK},
            {"ordType": "Limit", "priceEp": "86770000", "timeInForce": "FillOrKill"},
        ),
        (
            {**LIMIT, "time_in_force": TimeInForce.DAY},
            {"ordType": "Limit", "priceEp": "86770000", "timeInForce": "Day"},
        ),
        ({"order_type": OrderType.MARKET, "qty_e": 4}, {"ordType": "Market"}),
        (
            {**STOP, "order_type": OrderType.STOP_MARKET},
            {"ordType": "Stop", "stopPxEp": "86000000", "triggerType": "ByMarkPrice"},
        ),
        (
            {**STOP, "order_type": OrderType.STOP, "price_e": 85000000},
            {
                "ordType": "StopLimit",
                "stopPxEp": "86000000",
                "triggerType": "ByMarkPrice",
                "priceEp": "85000000",
                "timeInForce": "GoodTillCancel",
            },
        ),
        (
            {
                **STOP,
                "order_type": OrderType.TAKE_PROFIT,
                "price_e": 85000000,
                "working_type": WorkingType.LAST,
            },
            {
                "ordType": "LimitIfTouched",
                "stopPxEp": "86000000",
                "triggerType": "ByLastPrice",
                "priceEp": "85000000",
                "timeInForce": "GoodTillCancel",
            },
        ),
        (
            {
                "stop_price_e": 86000000,
                "order_type": OrderType.TAKE_PROFIT_MARKET,
                "flags": CommandFlag.CLOSE_POSITION,
            },
            {
                "ordType": "MarketIfTouched",
                "stopPxEp": "86000000",
                "triggerType": "ByMarkPrice",
                "orderQty": "0",
                "closeOnTrigger": "true",
            },
        ),
    ],
)
def test_placing(fields: dict[str, Any], params: dict[str, str]) -> None:
    call, found = sent(intent(**fields))
    plain = {"clOrdID": "t-1", "symbol": "BTCUSD", "side": "Buy", "orderQty": "4"}
    assert (call, found) == ("PUT /orders/create", plain | params)


@pytest.mark.parametrize(
    ("wanted", "call", "params"),
    [
        (
            intent(Action.AMEND, venue_order_id=ID, price_e=86780000, qty_e=5),
            "PUT /orders/replace",
            {"orderID": ID, "priceEp": "86780000", "orderQty": "5"},
        ),
        (
            intent(Action.AMEND, stop_price_e=86780000),
            "PUT /orders/replace",
            {"origClOrdID": "t-1", "stopPxEp": "86780000"},
        ),
        (intent(Action.CANCEL, venue_order_id=ID), "DELETE /orders/cancel", {"orderID": ID}),
        (intent(Action.CANCEL), "DELETE /orders/cancel", {"clOrdID": "t-1"}),
        (intent(Action.QUERY, venue_order_id=ID), "GET /exchange/order", {"orderID": ID}),
        (intent(Action.QUERY), "GET /exchange/order", {"clOrdID": "t-1"}),
        (intent(Action.CANCEL_ALL), "DELETE /orders/all", {"untriggered": "false"}),
        (
            intent(Action.CANCEL_ALL, conditional=True),
            "DELETE /orders/all",
            {"untriggered": "true"},
        ),
    ],
)
def test_the_other_requests(wanted: Intent, call: str, params: dict[str, str]) -> None:
    assert sent(wanted) == (call, {"symbol": "BTCUSD"} | params)


def test_the_vector_of_a_cancel() -> None:
    """Number 4 of section 2.4, byte for byte."""
    secret = b"--__cGhlbWV4LXRlc3QtdmVjdG9yLXNlY3JldC0wMTIzNDU2Nzg5-_8"
    made = encode(
        intent(Action.CANCEL, venue_order_id=ID), signer(SIGNER.key, secret), NOW_NS, 10_000
    )
    assert made.query == f"symbol=BTCUSD&orderID={ID}"
    assert dict(made.headers)["x-phemex-request-signature"] == (
        "c265f43940f508af9af71343e685b0e2da996a6a435ae03f9dc737eb4347d0e3"
    )


def test_a_batch_of_cancels() -> None:
    """The ids in front of the symbol, and commas as they are: as it is signed."""
    wanted = [intent(Action.CANCEL, venue_order_id=one) for one in (ID, OTHER)]
    made = encode_batch(wanted, SIGNER, NOW_NS)
    assert (made.method, made.path) == ("DELETE", "/orders")
    assert made.query == f"orderID={ID},{OTHER}&symbol=BTCUSD"
    assert len({together(one) for one in wanted}) == 1
    assert together(wanted[0]) is not None


@pytest.mark.parametrize(
    "alone",
    [
        intent(Action.CANCEL),
        intent(Action.AMEND, venue_order_id=ID),
        intent(**LIMIT),
        intent(Action.CANCEL_ALL),
    ],
)
def test_what_goes_alone(alone: Intent) -> None:
    assert together(alone) is None
    with pytest.raises(CannotEncode):
        encode_batch([alone, alone], SIGNER, NOW_NS)


def test_a_batch_has_an_end() -> None:
    wanted = [intent(Action.CANCEL, venue_order_id=f"{ID[:-2]}{n:02}") for n in range(11)]
    with pytest.raises(CannotEncode):
        encode_batch(wanted, SIGNER, NOW_NS)
    encode_batch(wanted[:10], SIGNER, NOW_NS)


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"qty_e": 4}, Field.PRICE),
        ({"price_e": 1, "qty_e": 0}, Field.QUANTITY),
        ({"price_e": 0, "qty_e": 1}, Field.PRICE),
        ({**LIMIT, "time_in_force": TimeInForce.GTD}, Field.TIME_IN_FORCE),
        ({**LIMIT, "good_till_ns": 1}, Field.GOOD_TILL),
        ({**LIMIT, "position_side": PositionSide.LONG}, Field.POSITION_SIDE),
        ({**LIMIT, "self_trade": SelfTrade.EXPIRE_BOTH}, Field.SELF_TRADE),
        ({"qty_e": 1, "price_match": PriceMatch.QUEUE}, Field.PRICE_MATCH),
        ({**LIMIT, "flags": CommandFlag.PRICE_PROTECT}, Field.PRICE_PROTECT),
        ({**LIMIT, "flags": CommandFlag.CLOSE_POSITION}, Field.CLOSE_POSITION),
        ({**LIMIT, "stop_price_e": 1}, Field.STOP_PRICE),
        ({**LIMIT, "working_type": WorkingType.MARK}, Field.WORKING_TYPE),
        ({**LIMIT, "order_type": OrderType.MARKET}, Field.PRICE),
        (
            {"qty_e": 1, "order_type": OrderType.MARKET, "time_in_force": TimeInForce.IOC},
            Field.TIME_IN_FORCE,
        ),
        ({"qty_e": 1, "order_type": OrderType.STOP_MARKET}, Field.STOP_PRICE),
        (
            {**STOP, "order_type": OrderType.STOP_MARKET, "working_type": WorkingType.INDEX},
            Field.WORKING_TYPE,
        ),
        (
            {**STOP, "order_type": OrderType.STOP_MARKET, "flags": CommandFlag.CLOSE_POSITION},
            Field.QUANTITY,
        ),
        (
            {
                "stop_price_e": 1,
                "order_type": OrderType.STOP_MARKET,
                "flags": CommandFlag.CLOSE_POSITION | CommandFlag.REDUCE_ONLY,
            },
            Field.REDUCE_ONLY,
        ),
        ({**TRAILING, "callback_rate_e": None}, Field.CALLBACK_RATE),
        ({**TRAILING, "callback_rate_e": 10**8}, Field.CALLBACK_RATE),
        ({**TRAILING, "mark_price_e": 0}, Field.ACTIVATION_PRICE),
        ({**TRAILING, "activation_price_e": 0}, Field.ACTIVATION_PRICE),
        ({**TRAILING, "stop_price_e": 86000000}, Field.STOP_PRICE),
        ({**TRAILING, "price_e": 86000000}, Field.PRICE),
        ({**LIMIT, "callback_rate_e": 1}, Field.CALLBACK_RATE),
        ({**LIMIT, "activation_price_e": 1}, Field.ACTIVATION_PRICE),
        ({"qty_e": 1, "order_type": OrderType.LIQUIDATION}, Field.ORDER_TYPE),
    ],
)
def test_what_the_venue_has_no_order_for(fields: dict[str, Any], wrong: Field) -> None:
    with pytest.raises(CannotEncode) as caught:
        encode(intent(**fields), SIGNER, NOW_NS)
    assert caught.value.field is wrong
    assert str(caught.value).startswith(f"{wrong.name.lower()}: ")


@pytest.mark.parametrize(
    ("fields", "params"),
    [
        # 1 % of a mark price of 8677, to the nearest half: ticks are 5000 here.
        ({}, {"pegPriceType": "TrailingStopPeg", "pegOffsetValueEp": "870000"}),
        (
            {"side": Side.SELL, "callback_rate_e": 1},
            {"pegPriceType": "TrailingStopPeg", "pegOffsetValueEp": "-5000"},
        ),
        (
            {"side": Side.SELL, "activation_price_e": 90_000_000, "mark_price_e": 0},
            {
                "pegPriceType": "TrailingTakeProfitPeg", "stopPxEp": "90000000",
                "pegOffsetValueEp": "-900000",
            },
        ),
    ],
)  # fmt: skip
def test_a_rate_to_trail_by_is_an_offset_of_the_price(
    fields: dict[str, Any], params: dict[str, str]
) -> None:
    call, query = sent(intent(**TRAILING | fields))
    assert call == "PUT /orders/create"
    assert (query["ordType"], query["triggerType"], query["orderQty"]) == (
        "Stop", "ByMarkPrice", "4",
    )  # fmt: skip
    assert {name: query.get(name) for name in params} == params
    assert ("stopPxEp" in query) == ("stopPxEp" in params)


@pytest.mark.parametrize(
    ("wanted", "wrong"),
    [
        (Intent(action=Action.CANCEL, client_order_id="t-1"), Field.INSTRUMENT),
        (intent(Action.CANCEL, order_id=7), Field.ORDER_ID),
        (intent(Action.CANCEL, venue_order_id="a&b=c"), Field.ORDER_ID),
        (Intent(action=Action.CANCEL, instrument=BTCUSD), Field.CLIENT_ORDER_ID),
        (
            Intent(action=Action.CANCEL, instrument=BTCUSD, client_order_id="a" * 41),
            Field.CLIENT_ORDER_ID,
        ),
        (
            Intent(action=Action.CANCEL, instrument=BTCUSD, client_order_id="a/b"),
            Field.CLIENT_ORDER_ID,
        ),
        (intent(Action.AMEND, venue_order_id=ID), Field.PRICE),
        (intent(Action.AMEND, qty_e=0), Field.QUANTITY),
    ],
)
def test_orders_have_names(wanted: Intent, wrong: Field) -> None:
    with pytest.raises(CannotEncode) as caught:
        encode(wanted, SIGNER, NOW_NS)
    assert caught.value.field is wrong


def test_money_goes_in_the_body_and_the_code_in_the_query() -> None:
    row = ENDPOINTS["createWithdraw"]
    given = {"otpCode": "123456", "address": "1abc", "amountEv": 100, "currency": "BTC"}
    request = sign(row.called(given), SIGNER, NOW_NS)
    assert request.query == "otpCode=123456"
    assert request.body == b'{"address":"1abc","amountEv":100,"currency":"BTC"}'
    payload = b"/exchange/wallets/createWithdrawotpCode=1234561580533239" + request.body
    assert dict(request.headers)["x-phemex-request-signature"] == SIGNER.sign(payload).decode()
    names = [name.lower() for name, _ in request.headers]
    assert names.count("content-type") == 1


def test_everything_that_moves_money_wants_permission_and_is_never_repeated() -> None:
    for row in ENDPOINTS.values():
        if row.path.startswith("/exchange/") and row.changes:
            assert row.permission in (Permission.TRANSFER, Permission.WITHDRAW), row.name
            assert row.retry.value == "query", row.name
    assert ENDPOINTS["confirmWithdraw"].changes


# The hedged API

BTCUSDT = Instrument(
    symbol="BTCUSDT", exchange="Phemex", base="BTC", quote="USDT", margin="USDT", price_exponent=2,
    qty_exponent=3, price_digits=1, qty_digits=3, tick_e=10, step_e=1,
)  # fmt: skip


def hedged(action: Action = Action.PLACE, **fields: Any) -> Intent:
    return Intent(action=action, instrument=BTCUSDT, client_order_id="t-1", **fields)


@pytest.mark.parametrize(
    ("wanted", "call", "params"),
    [
        (
            hedged(price_e=2085050, qty_e=12, position_side=PositionSide.LONG),
            "PUT /g-orders/create",
            {
                "clOrdID": "t-1",
                "side": "Buy",
                "posSide": "Long",
                "ordType": "Limit",
                "orderQtyRq": "0.012",
                "priceRp": "20850.5",
                "timeInForce": "GoodTillCancel",
            },
        ),
        (
            hedged(
                qty_e=12,
                order_type=OrderType.STOP_MARKET,
                stop_price_e=2000000,
                self_trade=SelfTrade.EXPIRE_BOTH,
            ),
            "PUT /g-orders/create",
            {
                "clOrdID": "t-1",
                "side": "Buy",
                "posSide": "Merged",
                "ordType": "Stop",
                "orderQtyRq": "0.012",
                "stopPxRp": "20000.0",
                "triggerType": "ByMarkPrice",
                "stpInstruction": "CancelBoth",
            },
        ),
        (
            hedged(Action.AMEND, venue_order_id=ID, price_e=2085100, qty_e=13),
            "PUT /g-orders/replace",
            {"posSide": "Merged", "orderID": ID, "priceRp": "20851.0", "orderQtyRq": "0.013"},
        ),
        (
            hedged(Action.CANCEL, position_side=PositionSide.SHORT),
            "DELETE /g-orders/cancel",
            {"posSide": "Short", "clOrdID": "t-1"},
        ),
        (
            hedged(Action.QUERY, venue_order_id=ID),
            "GET /api-data/g-futures/orders/by-order-id",
            {"orderID": ID},
        ),
        (
            hedged(Action.CANCEL_ALL, conditional=True),
            "DELETE /g-orders/all",
            {"untriggered": "true"},
        ),
    ],
)
def test_the_same_requests_of_the_hedged_api(
    wanted: Intent, call: str, params: dict[str, str]
) -> None:
    assert sent(wanted) == (call, {"symbol": "BTCUSDT"} | params)


def test_a_batch_of_the_hedged_api_is_of_one_position() -> None:
    short, long = (
        hedged(Action.CANCEL, venue_order_id=one, position_side=side)
        for one, side in ((ID, PositionSide.SHORT), (OTHER, PositionSide.LONG))
    )
    assert together(short) != together(long)
    with pytest.raises(CannotEncode):
        encode_batch([short, long], SIGNER, NOW_NS)
    made = encode_batch([short, short], SIGNER, NOW_NS)
    assert (made.path, made.query) == (
        "/g-orders",
        f"orderID={ID},{ID}&symbol=BTCUSDT&posSide=Short",
    )
