"""Binance USD-M, orders: each intent becomes the request the reference asks for, or is refused with
what the venue has; nothing conditional reaches the plain endpoints."""

import hashlib
import hmac
import json
import re
from typing import Any
from urllib.parse import parse_qsl, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector._speedups.segment import Segment
from connector.model.counters import Counter
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
from connector.venues.binance_usdm import orders
from connector.venues.binance_usdm.params import ORDER_ID
from connector.venues.binance_usdm.signing import sign, signer
from connector.venues.contract import Request, Security
from connector.venues.trading_contract import CannotEncode, Intent

SECOND_NS = 1_000_000_000
NOW_NS = 1591702613943_000_000
KEY = "dbefbc809e3e83c283a984c3a1459732ea7db1360ca80c5c2c8867408d28cc83"
SECRET = b"2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9"
SIGNER = signer(KEY, SECRET, "hmac")


def instrument(symbol: str = "BTCUSDT") -> Instrument:
    return Instrument(
        symbol=symbol,
        exchange="BinanceU",
        price_exponent=8,
        qty_exponent=8,
        price_digits=2,
        qty_digits=3,
        tick_e=10**7,
        step_e=10**5,
    )


BTC = instrument()
PRICE = {"price_e": 900010000000}
QTY = {"qty_e": 1500000}
LIMIT: dict[str, Any] = {"action": Action.PLACE, "client_order_id": "R01a", **PRICE, **QTY}
MARKET = {**LIMIT, "order_type": OrderType.MARKET, "price_e": None}
STOP = {**LIMIT, "order_type": OrderType.STOP, "stop_price_e": 890000000000}
CLOSE = {
    **LIMIT,
    "order_type": OrderType.STOP_MARKET,
    "price_e": None,
    "qty_e": None,
    "stop_price_e": 890000000000,
    "flags": CommandFlag.CLOSE_POSITION,
}
TRAILING = {
    **MARKET,
    "order_type": OrderType.TRAILING_STOP_MARKET,
    "callback_rate_e": 500_000,
}
AMEND = {"action": Action.AMEND, "client_order_id": "R01a", **PRICE, **QTY}
CANCEL = {"action": Action.CANCEL, "client_order_id": "R01a"}


def intent(**values: Any) -> Intent:
    return Intent(**{"instrument": BTC, "side": Side.BUY, **values})


BUY_LIMIT = "symbol=BTCUSDT&side=BUY&type=LIMIT"
ID = "&newClientOrderId=R01a"
AT = "&quantity=0.015&price=9000.10"
ALGO = "algoType=CONDITIONAL&symbol=BTCUSDT&side=BUY&type="
ENCODED = [
    (LIMIT, "POST /fapi/v1/order", BUY_LIMIT + "&timeInForce=GTC" + AT + ID),
    (
        {**LIMIT, "side": Side.SELL, "time_in_force": TimeInForce.GTX},
        "POST /fapi/v1/order",
        BUY_LIMIT.replace("BUY", "SELL") + "&timeInForce=GTX" + AT + ID,
    ),
    (
        {**LIMIT, "time_in_force": TimeInForce.IOC, "flags": CommandFlag.REDUCE_ONLY},
        "POST /fapi/v1/order",
        BUY_LIMIT + "&timeInForce=IOC" + AT + "&reduceOnly=true" + ID,
    ),
    (
        {
            **LIMIT,
            "side": Side.SELL,
            "position_side": PositionSide.LONG,
            "flags": CommandFlag.REDUCE_ONLY,
        },
        "POST /fapi/v1/order",
        BUY_LIMIT.replace("BUY", "SELL") + "&positionSide=LONG&timeInForce=GTC" + AT + ID,
    ),
    (
        {**LIMIT, "time_in_force": TimeInForce.FOK, "self_trade": SelfTrade.EXPIRE_BOTH},
        "POST /fapi/v1/order",
        BUY_LIMIT + "&timeInForce=FOK" + AT + ID + "&selfTradePreventionMode=EXPIRE_BOTH",
    ),
    (
        {
            **LIMIT,
            "time_in_force": TimeInForce.GTD,
            "good_till_ns": NOW_NS + 601 * SECOND_NS + 999,
        },
        "POST /fapi/v1/order",
        BUY_LIMIT + "&timeInForce=GTD" + AT + ID + "&goodTillDate=1591703214000",
    ),
    (
        {**LIMIT, "price_e": None, "price_match": PriceMatch.QUEUE_5},
        "POST /fapi/v1/order",
        BUY_LIMIT + "&timeInForce=GTC&quantity=0.015&priceMatch=QUEUE_5" + ID,
    ),
    (
        {**MARKET, "instrument": instrument("测试USDT")},
        "POST /fapi/v1/order",
        "symbol=%E6%B5%8B%E8%AF%95USDT&side=BUY&type=MARKET&quantity=0.015" + ID,
    ),
    (
        {**LIMIT, "price_e": 1, "qty_e": 10**15 + 5, "client_order_id": "a/b:C.-_9"},
        "POST /fapi/v1/order",
        BUY_LIMIT
        + "&timeInForce=GTC&quantity=10000000.00000005&price=0.00000001"
        + "&newClientOrderId=a%2Fb%3AC.-_9",
    ),
    (
        STOP,
        "POST /fapi/v1/algoOrder",
        ALGO + "STOP&timeInForce=GTC" + AT + "&triggerPrice=8900.00&clientAlgoId=R01a",
    ),
    (
        {
            **STOP,
            "order_type": OrderType.TAKE_PROFIT,
            "price_e": None,
            "price_match": PriceMatch.OPPONENT,
            "working_type": WorkingType.MARK,
            "self_trade": SelfTrade.NONE,
            "flags": CommandFlag.REDUCE_ONLY | CommandFlag.PRICE_PROTECT,
        },
        "POST /fapi/v1/algoOrder",
        ALGO
        + "TAKE_PROFIT&timeInForce=GTC&quantity=0.015&triggerPrice=8900.00"
        + "&workingType=MARK_PRICE&priceMatch=OPPONENT&priceProtect=true&reduceOnly=true"
        + "&clientAlgoId=R01a&selfTradePreventionMode=NONE",
    ),
    (
        CLOSE,
        "POST /fapi/v1/algoOrder",
        ALGO + "STOP_MARKET&triggerPrice=8900.00&closePosition=true&clientAlgoId=R01a",
    ),
    (
        {**CLOSE, "order_type": OrderType.TAKE_PROFIT_MARKET, "position_side": PositionSide.SHORT},
        "POST /fapi/v1/algoOrder",
        ALGO
        + "TAKE_PROFIT_MARKET&positionSide=SHORT&triggerPrice=8900.00&closePosition=true"
        + "&clientAlgoId=R01a",
    ),
    (
        {**TRAILING, "activation_price_e": 880000000000, "working_type": WorkingType.LAST},
        "POST /fapi/v1/algoOrder",
        ALGO
        + "TRAILING_STOP_MARKET&quantity=0.015&workingType=CONTRACT_PRICE&activatePrice=8800.00"
        + "&callbackRate=0.5&clientAlgoId=R01a",
    ),
    (
        {**TRAILING, "callback_rate_e": 20_000_000},
        "POST /fapi/v1/algoOrder",
        ALGO + "TRAILING_STOP_MARKET&quantity=0.015&callbackRate=20.0&clientAlgoId=R01a",
    ),
    (
        {**AMEND, "order_id": 0},
        "PUT /fapi/v1/order",
        "symbol=BTCUSDT&side=BUY" + AT + "&orderId=0",
    ),
    (AMEND, "PUT /fapi/v1/order", "symbol=BTCUSDT&side=BUY" + AT + "&origClientOrderId=R01a"),
    (
        {**AMEND, "price_e": None, "price_match": PriceMatch.QUEUE, "order_id": 7},
        "PUT /fapi/v1/order",
        "symbol=BTCUSDT&side=BUY&quantity=0.015&priceMatch=QUEUE&orderId=7",
    ),
    (CANCEL, "DELETE /fapi/v1/order", "symbol=BTCUSDT&origClientOrderId=R01a"),
    ({**CANCEL, "order_id": 2**62}, "DELETE /fapi/v1/order", f"symbol=BTCUSDT&orderId={2**62}"),
    ({**CANCEL, "conditional": True}, "DELETE /fapi/v1/algoOrder", "clientAlgoId=R01a"),
    (
        {**CANCEL, "conditional": True, "order_id": 5},
        "DELETE /fapi/v1/algoOrder",
        "algoId=5",
    ),
    (
        {**CANCEL, "action": Action.QUERY},
        "GET /fapi/v1/order",
        "symbol=BTCUSDT&origClientOrderId=R01a",
    ),
    (
        {**CANCEL, "action": Action.QUERY, "conditional": True},
        "GET /fapi/v1/algoOrder",
        "clientAlgoId=R01a",
    ),
    ({"action": Action.CANCEL_ALL}, "DELETE /fapi/v1/allOpenOrders", "symbol=BTCUSDT"),
    (
        {"action": Action.CANCEL_ALL, "conditional": True},
        "DELETE /fapi/v1/algoOpenOrders",
        "symbol=BTCUSDT",
    ),
]


def unsigned(request: Request) -> str:
    """The query without time and signature, which are checked."""
    query, _, signature = request.query.partition("&signature=")
    assert signature == hmac.new(SECRET, query.encode(), hashlib.sha256).hexdigest()
    plain, found, _ = query.partition("&recvWindow=5000&timestamp=1591702613943")
    assert found
    assert request.headers == (("X-MBX-APIKEY", KEY),)
    assert request.body == b""
    return plain


@pytest.mark.parametrize(("values", "call", "query"), ENCODED)
def test_an_intent_becomes_the_request_of_the_reference(
    values: dict[str, Any], call: str, query: str
) -> None:
    request = orders.encode(intent(**values), SIGNER, NOW_NS)
    assert f"{request.method} {request.path}" == call
    assert unsigned(request) == query


LATE = NOW_NS + 600 * SECOND_NS
REFUSED = [
    ({**LIMIT, "price_e": None}, Field.PRICE, "above zero"),
    ({**LIMIT, "price_e": 0}, Field.PRICE, "above zero"),
    ({**LIMIT, "qty_e": -1}, Field.QUANTITY, "above zero"),
    ({**LIMIT, "qty_e": None}, Field.QUANTITY, "above zero"),
    ({**LIMIT, "instrument": None}, Field.INSTRUMENT, "symbol"),
    ({**LIMIT, "client_order_id": ""}, Field.CLIENT_ORDER_ID, "1 to 36"),
    ({**LIMIT, "client_order_id": "a\n"}, Field.CLIENT_ORDER_ID, "1 to 36"),
    ({**LIMIT, "client_order_id": "x" * 37}, Field.CLIENT_ORDER_ID, "1 to 36"),
    ({**LIMIT, "client_order_id": "ü"}, Field.CLIENT_ORDER_ID, "1 to 36"),
    ({**LIMIT, "time_in_force": TimeInForce.DAY}, Field.TIME_IN_FORCE, "GTC, IOC, FOK, GTX, GTD"),
    ({**LIMIT, "time_in_force": TimeInForce.GTD}, Field.GOOD_TILL, "needs one"),
    ({**LIMIT, "good_till_ns": LATE}, Field.GOOD_TILL, "only GTD"),
    (
        {**LIMIT, "time_in_force": TimeInForce.GTD, "good_till_ns": LATE},
        Field.GOOD_TILL,
        "600 s",
    ),
    (
        {**LIMIT, "time_in_force": TimeInForce.GTD, "good_till_ns": 253402300799 * 10**9},
        Field.GOOD_TILL,
        "year 10000",
    ),
    ({**LIMIT, "price_match": PriceMatch.QUEUE}, Field.PRICE_MATCH, "one of both"),
    (
        {**LIMIT, "price_e": None, "price_match": PriceMatch.OPPONENT_10},
        Field.PRICE_MATCH,
        "OPPONENT, OPPONENT_5, QUEUE",
    ),
    ({**LIMIT, "self_trade": SelfTrade.NONE}, Field.SELF_TRADE, "EXPIRE_TAKER, EXPIRE_MAKER"),
    ({**LIMIT, "stop_price_e": 1}, Field.STOP_PRICE, "conditional"),
    ({**LIMIT, "working_type": WorkingType.MARK}, Field.WORKING_TYPE, "conditional"),
    ({**LIMIT, "flags": CommandFlag.CLOSE_POSITION}, Field.CLOSE_POSITION, "conditional"),
    ({**LIMIT, "flags": CommandFlag.PRICE_PROTECT}, Field.PRICE_PROTECT, "conditional"),
    (
        {**LIMIT, "position_side": PositionSide.LONG, "flags": CommandFlag.REDUCE_ONLY},
        Field.REDUCE_ONLY,
        "BUY on LONG opens",
    ),
    ({**LIMIT, "order_type": OrderType.LIQUIDATION}, Field.ORDER_TYPE, "venue's own"),
    ({**MARKET, **PRICE}, Field.PRICE, "has none"),
    ({**MARKET, "price_match": PriceMatch.QUEUE}, Field.PRICE_MATCH, "limit price"),
    ({**MARKET, "time_in_force": TimeInForce.IOC}, Field.TIME_IN_FORCE, "has none"),
    ({**STOP, "stop_price_e": None}, Field.STOP_PRICE, "above zero"),
    ({**STOP, "working_type": WorkingType.INDEX}, Field.WORKING_TYPE, "CONTRACT_PRICE, MARK_PRICE"),
    ({**STOP, "callback_rate_e": 10**6}, Field.CALLBACK_RATE, "TRAILING"),
    ({**STOP, "activation_price_e": 10**6}, Field.ACTIVATION_PRICE, "TRAILING"),
    ({**STOP, "flags": CommandFlag.CLOSE_POSITION}, Field.CLOSE_POSITION, "STOP_MARKET and"),
    ({**CLOSE, **QTY}, Field.QUANTITY, "has none"),
    (
        {**CLOSE, "flags": CommandFlag.CLOSE_POSITION | CommandFlag.REDUCE_ONLY},
        Field.REDUCE_ONLY,
        "close_position",
    ),
    ({**CLOSE, "position_side": PositionSide.LONG}, Field.CLOSE_POSITION, "closes nothing"),
    ({**TRAILING, "callback_rate_e": None}, Field.CALLBACK_RATE, "0.1 to 20"),
    ({**TRAILING, "callback_rate_e": 99_999}, Field.CALLBACK_RATE, "0.1 to 20"),
    ({**TRAILING, "callback_rate_e": 20_000_001}, Field.CALLBACK_RATE, "0.1 to 20"),
    ({**TRAILING, "stop_price_e": 1}, Field.STOP_PRICE, "activation price"),
    ({**AMEND, "conditional": True}, Field.ACTION, "cancel and place"),
    ({**AMEND, "price_e": None}, Field.PRICE, "above zero"),
    ({**AMEND, "qty_e": None}, Field.QUANTITY, "above zero"),
    ({**CANCEL, "client_order_id": ""}, Field.CLIENT_ORDER_ID, "1 to 36"),
    ({**CANCEL, "client_order_id": "", "venue_order_id": "u-1"}, Field.ORDER_ID, "numbers"),
    ({**CANCEL, "order_id": -1}, Field.ORDER_ID, "-1"),
]


@pytest.mark.parametrize(("values", "field", "words"), REFUSED)
def test_what_the_venue_has_not_is_refused_with_what_it_has(
    values: dict[str, Any], field: Field, words: str
) -> None:
    with pytest.raises(CannotEncode, match=words) as refused:
        orders.encode(intent(**values), SIGNER, NOW_NS)
    assert refused.value.field is field


def a(kind: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(list(kind))


maybe_price = st.none() | st.integers(0, 10**14)
intents = st.builds(
    Intent,
    action=a(Action),
    instrument=st.sampled_from([BTC, instrument("测试USDT")]),
    client_order_id=st.from_regex(ORDER_ID[1:-1], fullmatch=True),
    order_id=st.none() | st.integers(0, 2**63 - 1),
    side=a(Side),
    order_type=a(OrderType),
    time_in_force=a(TimeInForce),
    position_side=a(PositionSide),
    price_e=maybe_price,
    qty_e=maybe_price,
    stop_price_e=maybe_price,
    activation_price_e=maybe_price,
    callback_rate_e=st.none() | st.integers(90_000, 21_000_000),
    good_till_ns=st.none() | st.integers(NOW_NS, NOW_NS + 10**15),
    working_type=a(WorkingType),
    self_trade=a(SelfTrade),
    price_match=a(PriceMatch),
    flags=st.integers(0, 7).map(CommandFlag),
    conditional=st.booleans(),
)
CONDITIONAL_ONLY = {"triggerPrice", "stopPrice", "callbackRate", "activatePrice", "closePosition"}


@given(intents)
def test_no_intent_gives_a_request_that_breaks_a_rule_of_the_reference(wish: Intent) -> None:
    try:
        request = orders.encode(wish, SIGNER, NOW_NS)
    except CannotEncode:
        return
    pairs = parse_qsl(unsigned(request), keep_blank_values=True, strict_parsing=True)
    given_ = dict(pairs)
    assert len(given_) == len(pairs)
    assert re.fullmatch(r"[A-Za-z0-9%&=._-]+", request.query)
    assert all(value and value == value.strip() for value in given_.values())
    placed = wish.action is Action.PLACE
    if request.path == "/fapi/v1/order":
        assert not CONDITIONAL_ONLY & given_.keys()
        if placed:
            assert given_["type"] in {"LIMIT", "MARKET"}
            assert ("price" in given_) + ("priceMatch" in given_) == (given_["type"] == "LIMIT")
            assert ("timeInForce" in given_) == (given_["type"] == "LIMIT")
    if placed:
        assert given_.get("newClientOrderId", given_.get("clientAlgoId")) == wish.client_order_id
        assert not ("reduceOnly" in given_ and "positionSide" in given_)
        assert not ("closePosition" in given_ and {"quantity", "reduceOnly"} & given_.keys())
        assert ("goodTillDate" in given_) == (given_.get("timeInForce") == "GTD")
    if wish.action is Action.AMEND:
        assert "quantity" in given_
        assert ("price" in given_) != ("priceMatch" in given_)
        assert not wish.conditional
    for name in ("price", "quantity", "triggerPrice", "activatePrice"):
        assert re.fullmatch(r"\d+\.\d{2,8}", given_.get(name, "1.00"))


# Batches


def test_a_batch_is_a_list_that_is_signed_as_sent() -> None:
    wishes = [intent(**{**LIMIT, "client_order_id": f"b{n}"}) for n in range(5)]
    request = orders.encode_batch(wishes, SIGNER, NOW_NS)
    assert (request.method, request.path) == ("POST", "/fapi/v1/batchOrders")
    query = unsigned(request)
    assert not set(query) & set('[]"{} ')
    rows = json.loads(unquote(query.removeprefix("batchOrders=")))
    singles = [dict(parse_qsl(unsigned(orders.encode(w, SIGNER, NOW_NS)))) for w in wishes]
    assert rows == singles
    assert request.weight == 5
    assert [cost.units for cost in request.orders] == [5, 1]


def test_a_batch_of_cancels_uses_one_kind_of_id() -> None:
    wishes = [intent(action=Action.CANCEL, order_id=n) for n in (1234567, 2345678)]
    assert unsigned(orders.encode_batch(wishes, SIGNER, NOW_NS)) == (
        "symbol=BTCUSDT&orderIdList=%5B1234567%2C2345678%5D"
    )
    wishes = [intent(action=Action.CANCEL, client_order_id=name) for name in ("a/1", "b")]
    assert unsigned(orders.encode_batch(wishes, SIGNER, NOW_NS)) == (
        "symbol=BTCUSDT&origClientOrderIdList=%5B%22a%2F1%22%2C%22b%22%5D"
    )


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        ([LIMIT] * 6, "takes 5"),
        ([CANCEL] * 11, "takes 10"),
        ([LIMIT, CANCEL], "either"),
        ([], "either"),
        ([STOP, LIMIT], "conditional"),
        ([CANCEL, {**CANCEL, "client_order_id": "", "order_id": 1}], "one kind"),
        ([CANCEL, {**CANCEL, "instrument": instrument("X")}], "one symbol"),
        ([{"action": Action.QUERY, "order_id": 1}], "either"),
    ],
)
def test_a_batch_the_venue_has_not_is_refused(wishes: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(CannotEncode, match=words) as refused:
        orders.encode_batch([intent(**wish) for wish in wishes], SIGNER, NOW_NS)
    assert refused.value.field is Field.BATCH


# Signing


def test_what_needs_no_signature_gets_none() -> None:
    plain = Request("GET", "/x", "a=1")
    assert sign(plain, SIGNER, NOW_NS) is plain
    keyed = sign(Request("POST", "/k", security=Security.KEY), SIGNER, NOW_NS)
    assert (keyed.query, keyed.headers) == ("", (("X-MBX-APIKEY", KEY),))


def test_query_and_body_are_signed_without_a_sign_between_them() -> None:
    """The venue's third worked example, as far as its rule goes: ours adds time in the query."""
    request = Request("POST", "/x", "symbol=BTCUSDT", body=b"quantity=1", security=Security.SIGNED)
    signed = sign(request, SIGNER, NOW_NS)
    payload = b"symbol=BTCUSDT&recvWindow=5000&timestamp=1591702613943quantity=1"
    expected = hmac.new(SECRET, payload, hashlib.sha256).hexdigest()
    assert signed.query.endswith(f"&signature={expected}")


@pytest.mark.parametrize(
    ("key", "secret", "kind"),
    [("", SECRET, "hmac"), ("a\r\nb", SECRET, "hmac"), (KEY, b"", "hmac"), (KEY, SECRET, "dsa")],
)
def test_a_key_that_cannot_be_is_refused_without_showing_it(
    key: str, secret: bytes, kind: str
) -> None:
    with pytest.raises(ValueError, match=r"key|secret") as refused:
        signer(key, secret, kind)
    assert SECRET.decode() not in str(refused.value)
    assert not key or key not in str(refused.value)


def test_the_signer_of_a_key_shows_neither_half() -> None:
    assert repr(SIGNER) == "KeySigner(***)"


def test_a_signer_tells_what_signs_and_counts_where_asked() -> None:
    assert SIGNER.means.startswith("hmac by libcrypto")
    segment = Segment.create(1 << 20)
    made = signer(KEY, SECRET, "hmac")
    made.count_in(segment)
    made.sign(b"x")
    assert segment.counter(Counter.PLAIN_SIGNATURES.value) == 0
