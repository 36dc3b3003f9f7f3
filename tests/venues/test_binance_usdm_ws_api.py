"""Binance USD-M, WebSocket order API: the same orders as over HTTP, signed its own way, and answers
that read as over HTTP."""

import hashlib
import hmac
import json
from typing import Any
from urllib.parse import parse_qsl

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

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
from connector.venues.binance_usdm import orders
from connector.venues.binance_usdm.answers import judge
from connector.venues.binance_usdm.limits import POOLS, used
from connector.venues.binance_usdm.signing import sign_sorted, signer
from connector.venues.binance_usdm.ws_api import api, decode, encode, logon
from connector.venues.trading_contract import ApiRequest, CannotEncode, Intent, OrderOutcome

NOW_NS = 1591702613943_000_000
KEY = "dbefbc809e3e83c283a984c3a1459732ea7db1360ca80c5c2c8867408d28cc83"
SECRET = b"2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9"
SIGNER = signer(KEY, SECRET, "hmac")
# RFC 8032, section 7.1, test 1.
SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
ED25519 = signer(
    KEY,
    Ed25519PrivateKey.from_private_bytes(SEED).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ),
    "ed25519",
)
BTC = Instrument(
    symbol="测试USDT",
    exchange="BinanceU",
    price_exponent=8,
    qty_exponent=8,
    price_digits=2,
    qty_digits=3,
    tick_e=10**7,
    step_e=10**5,
)
LIMIT: dict[str, Any] = {
    "action": Action.PLACE,
    "client_order_id": "a/b:1",
    "price_e": 900010000000,
    "qty_e": 1500000,
}
MARKET = {**LIMIT, "order_type": OrderType.MARKET, "price_e": None}
STOP = {**LIMIT, "order_type": OrderType.STOP, "stop_price_e": 890000000000}
CHANGE: dict[str, Any] = {"client_order_id": "a/b:1", "order_id": 7}
METHODS = [
    (LIMIT, "order.place", 0, 2),
    (MARKET, "order.place", 0, 2),
    ({**LIMIT, "time_in_force": TimeInForce.GTX}, "order.place", 0, 2),
    ({**LIMIT, "flags": CommandFlag.REDUCE_ONLY}, "order.place", 0, 2),
    ({**LIMIT, "price_e": None, "price_match": PriceMatch.QUEUE}, "order.place", 0, 2),
    ({**LIMIT, "action": Action.AMEND}, "order.modify", 0, 2),
    ({**CHANGE, "action": Action.CANCEL}, "order.cancel", 1, 0),
    ({**CHANGE, "action": Action.QUERY}, "order.status", 1, 0),
    (STOP, "algoOrder.place", 0, 2),
    ({**STOP, "time_in_force": TimeInForce.FOK}, "algoOrder.place", 0, 2),
    ({**CHANGE, "action": Action.CANCEL, "conditional": True}, "algoOrder.cancel", 1, 0),
]
OVER_HTTP = [
    {**CHANGE, "action": Action.QUERY, "conditional": True},
    {"action": Action.CANCEL_ALL},
    {"action": Action.CANCEL_ALL, "conditional": True},
    {**STOP, "time_in_force": TimeInForce.GTX},
    {**STOP, "time_in_force": TimeInForce.GTD, "good_till_ns": NOW_NS + 10**12},
    {**LIMIT, "action": Action.AMEND, "price_e": None, "price_match": PriceMatch.QUEUE},
]


def intent(**values: Any) -> Intent:
    return Intent(**{"instrument": BTC, "side": Side.SELL, **values})


def ask(wish: Intent, *more: Any) -> ApiRequest:
    request = encode(wish, SIGNER, NOW_NS, 5, *more)
    assert request is not None
    return request


@pytest.mark.parametrize(("values", "method", "weight", "costs"), METHODS)
def test_a_request_is_its_rest_twin_signed_sorted_and_unencoded(
    values: dict[str, Any], method: str, weight: int, costs: int
) -> None:
    request = ask(intent(**values))
    frame = json.loads(request.frame)
    assert (frame.keys(), frame["id"], frame["method"]) == ({"id", "method", "params"}, 5, method)
    assert (request.weight, len(request.orders), request.number) == (weight, costs, 5)
    params = frame["params"]
    payload = "&".join(f"{name}={params[name]}" for name in sorted(params) if name != "signature")
    expected = hmac.new(SECRET, payload.encode(), hashlib.sha256).hexdigest()
    assert params.pop("signature") == expected
    assert params.pop("apiKey") == KEY
    twin = dict(parse_qsl(orders.encode(intent(**values), SIGNER, NOW_NS).query))
    del twin["signature"]
    assert {name: str(value) for name, value in params.items()} == twin
    numbers = {name for name, value in params.items() if isinstance(value, int)}
    assert numbers <= {"timestamp", "recvWindow", "orderId", "algoId", "goodTillDate"}
    assert {"timestamp", "recvWindow"} <= numbers


@pytest.mark.parametrize("values", OVER_HTTP)
def test_what_the_api_lacks_goes_over_http(values: dict[str, Any]) -> None:
    assert encode(intent(**values), SIGNER, NOW_NS, 5) is None
    assert orders.encode(intent(**values), SIGNER, NOW_NS).query


def test_a_refusal_is_that_of_http() -> None:
    with pytest.raises(CannotEncode, match="cancel and place"):
        ask(intent(**{**LIMIT, "action": Action.AMEND, "conditional": True}))


def a(kind: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(list(kind))


@given(
    st.builds(
        intent,
        action=a(Action),
        client_order_id=st.just("x"),
        order_type=a(OrderType),
        time_in_force=a(TimeInForce),
        position_side=a(PositionSide),
        price_e=st.sampled_from([None, 10**9]),
        qty_e=st.sampled_from([None, 10**9]),
        stop_price_e=st.sampled_from([None, 10**9]),
        working_type=a(WorkingType),
        self_trade=a(SelfTrade),
        price_match=a(PriceMatch),
        conditional=st.booleans(),
    )
)
def test_both_transports_have_the_same_orders(wish: Intent) -> None:
    def over(transport: Any) -> str:
        try:
            return "" if transport() is not None else "over HTTP"
        except CannotEncode as refused:
            return str(refused)

    http = over(lambda: orders.encode(wish, SIGNER, NOW_NS))
    socket = over(lambda: encode(wish, SIGNER, NOW_NS, 1))
    assert socket in (http, "over HTTP")
    assert (socket == "over HTTP") <= (http == "")


def test_the_worked_example() -> None:
    """The fifth of the reference: the first one's order, as this API signs it."""
    params: dict[str, str | int] = {
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "quantity": "1",
        "price": "9000",
        "timeInForce": "GTC",
        "recvWindow": 5000,
        "timestamp": 1591702613943,
        "apiKey": KEY,
    }
    assert sign_sorted(params, SIGNER) == (
        "5b8fe2b962b8e1b2b82fb40e548d56147c2a8f835b5f1393ae4b4b90c38b527f"
    )


def test_a_logon_is_signed_as_the_venue_expects() -> None:
    request = logon(ED25519, NOW_NS, 1)
    assert request is not None
    frame = json.loads(request.frame)
    assert frame["method"] == "session.logon"
    assert frame["params"] == {
        "apiKey": KEY,
        "timestamp": 1591702613943,
        "signature": (
            "1yzD78KHCtjfHBjJOY+AExLx2mUpAtLNCbFAfqblFkalKoNMJ/ym02+5GvqTwxFfsQGrlBwszujEEtpR5PgzAw=="
        ),
    }
    assert request.weight == 2


def test_only_ed25519_keys_log_on() -> None:
    assert logon(SIGNER, NOW_NS, 1) is None


def test_a_connection_that_is_logged_on_needs_neither_key_nor_signature() -> None:
    params = json.loads(ask(intent(**LIMIT), True).frame)["params"]
    assert not {"apiKey", "signature"} & params.keys()
    assert params["timestamp"] == 1591702613943


@pytest.mark.parametrize("number", [0, -1, 2**53])
def test_a_number_no_json_reader_keeps_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match="is not within"):
        encode(intent(**LIMIT), SIGNER, NOW_NS, number)


# Answers

LIMITS = [
    {
        "rateLimitType": "REQUEST_WEIGHT",
        "interval": "MINUTE",
        "intervalNum": 1,
        "limit": 2400,
        "count": 20,
    },
    {
        "rateLimitType": "ORDERS",
        "interval": "SECOND",
        "intervalNum": 10,
        "limit": 300,
        "count": 1,
    },
    {
        "rateLimitType": "ORDERS",
        "interval": "MINUTE",
        "intervalNum": 1,
        "limit": 1200,
        "count": 3,
    },
    {"rateLimitType": "NEW_KIND", "interval": "FORTNIGHT"},
]


def test_an_answer_reads_as_over_http() -> None:
    result = {"orderId": 1, "symbol": "X", "status": "NEW"}
    frame = {"id": 7, "status": 200, "result": result, "rateLimits": LIMITS}
    answer = decode(json.dumps(frame).encode())
    assert (answer.number, answer.status) == (7, 200)
    assert json.loads(answer.body) == result
    assert used(answer.headers) == {
        "x-mbx-used-weight-1m": 20,
        "x-mbx-order-count-10s": 1,
        "x-mbx-order-count-1m": 3,
    }
    assert used(answer.headers).keys() == {pool.header for pool in POOLS if pool.header}
    told = judge(Action.PLACE, answer.status, answer.headers, answer.body, lambda symbol: None)
    assert told.outcome is OrderOutcome.ACCEPTED


@pytest.mark.parametrize(
    ("frame", "number", "outcome"),
    [
        (
            {"id": 7, "status": 400, "error": {"code": -2019, "msg": "Margin"}},
            7,
            OrderOutcome.REFUSED,
        ),
        (
            {"id": 7, "status": 429, "error": {"code": -1003, "msg": "Slow"}},
            7,
            OrderOutcome.THROTTLED,
        ),
        ({"id": 7, "status": 418, "error": {"code": -1003, "msg": "No"}}, 7, OrderOutcome.BANNED),
        ({"id": 7, "status": 500, "error": {"code": -1000, "msg": "?"}}, 7, OrderOutcome.UNKNOWN),
        ({"id": 7, "status": 503}, 7, OrderOutcome.UNKNOWN),
        ({"id": 7, "status": 200}, 7, OrderOutcome.UNKNOWN),
        ({"id": None, "status": 401, "error": {"code": -2015, "msg": ""}}, None, OrderOutcome.AUTH),
        (
            {"id": "x", "status": 400, "error": {"code": -1102, "msg": ""}},
            None,
            OrderOutcome.REFUSED,
        ),
    ],
)
def test_an_error_is_judged_as_over_http(
    frame: dict[str, Any], number: int | None, outcome: OrderOutcome
) -> None:
    answer = decode(json.dumps(frame).encode())
    assert answer.number == number
    told = judge(Action.PLACE, answer.status, answer.headers, answer.body, lambda symbol: None)
    assert told.outcome is outcome


@pytest.mark.parametrize("frame", [b"", b"[]", b"{}", b'{"id":1}', b'{"id":1,"status":"x"}'])
def test_what_is_no_answer_is_said_to_be_none(frame: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        decode(frame)


def test_the_api_is_data_for_the_shell() -> None:
    made = api("wss://example/ws-fapi/v1")
    assert made.url.startswith("wss://")
    assert made.handshake_weight == 5
    assert made.lifetime_ns == 86400 * 10**9
