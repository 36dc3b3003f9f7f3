"""Whatever is asked of the simulated Binance, it answers by the reference: no request makes it
fail, every refusal has a code of the reference's table, and what REST tells afterwards agrees with
what the private stream told."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from connector.venues.binance_usdm.sim_api import LISTEN, PUBLIC, SESSION, SIGNED
from connector.venues.binance_usdm.sim_signed import ROUTES
from connector.venues.sim_contract import Opening
from tests.reference.binance_desk import MAKER, UNIT, Venue, sign

CODES = {
    -1003, -1013, -1014, -1015, -1020, -1021, -1022, -1023, -1099, -1100, -1101, -1102, -1105,
    -1106, -1111, -1115, -1116, -1117, -1121, -1125, -1128, -1130, -1136, -2011, -2013, -2014,
    -2015, -2018, -2019, -2021, -2022, -2023, -2025, -2027, -4001, -4002, -4003, -4004, -4005,
    -4006, -4007, -4013, -4014, -4015, -4016, -4023, -4024, -4028, -4031, -4032, -4045, -4046,
    -4047, -4048, -4049, -4050, -4051, -4054, -4055, -4056, -4059, -4060, -4061, -4067, -4068,
    -4082, -4105, -4116, -4120, -4131, -4137, -4141, -4161, -4164, -4165, -4171, -5021, -5022,
    -5024, -5025, -5026, -5027, -5028, -5029, -5037, -5038, -5039, -5040, -5041,
}  # fmt: skip
"""What may come of a request here: all of them are in the reference's table."""

ODD = ("", "0", "-1", "x", "1.5", "99999999999999999999", "[]", "[1]", "{}", "null", "true", "é")
NUMBERS = ("0.001", "0.1", "0.1234", "1", "5", "12", "1000.5")
PRICES = ("29990", "29990.05", "30000.10", "30010", "1", "29000.5", "250000")
VALUES: dict[str, tuple[str, ...]] = {
    "symbol": ("BTCUSDT", "BTCUSDT", "ETHUSDT", "NOPE"),
    "side": ("BUY", "SELL"),
    "type": ("LIMIT", "LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT",
             "TRAILING_STOP_MARKET", "1", "2"),
    "timeInForce": ("GTC", "IOC", "FOK", "GTX", "GTD", "GTE_GTC"),
    "quantity": NUMBERS,
    "price": PRICES,
    "triggerPrice": PRICES,
    "stopPrice": PRICES,
    "activatePrice": PRICES,
    "callbackRate": ("0.1", "1", "20", "20.1"),
    "positionSide": ("BOTH", "LONG", "SHORT"),
    "reduceOnly": ("true", "false"),
    "closePosition": ("true", "false"),
    "newClientOrderId": ("a", "b", "c d"),
    "origClientOrderId": ("a", "b"),
    "clientAlgoId": ("a", "b"),
    "orderId": ("1", "2", "3"),
    "algoId": ("1", "2"),
    "algoType": ("CONDITIONAL",),
    "newOrderRespType": ("ACK", "RESULT"),
    "priceMatch": ("NONE", "QUEUE", "OPPONENT_5", "OPPONENT_20"),
    "selfTradePreventionMode": ("NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"),
    "goodTillDate": ("1700000700000", "1"),
    "workingType": ("MARK_PRICE", "CONTRACT_PRICE"),
    "priceProtect": ("TRUE", "FALSE"),
    "modifyId": ("7",),
    "leverage": ("1", "20", "126"),
    "marginType": ("ISOLATED", "CROSSED"),
    "dualSidePosition": ("true", "false"),
    "multiAssetsMargin": ("true", "false"),
    "amount": ("1", "1000000"),
    "countdownTime": ("0", "1000"),
    "limit": ("1", "500", "5000"),
    "fromId": ("1",),
    "startTime": ("1699999999000", "1"),
    "endTime": ("1700000001000", "1"),
    "orderIdList": ("[1,2]", '["1"]'),
    "origClientOrderIdList": ('["a"]',),
    "batchOrders": (
        '[{"symbol":"BTCUSDT","side":"BUY","type":"LIMIT","timeInForce":"GTC","quantity":0.1,'
        '"price":29990},{"symbol":5}]',
        '[{"symbol":"BTCUSDT","orderId":1,"side":"BUY","quantity":"0.2","price":"29980"}]',
    ),
    "recvWindow": ("5000", "60001"),
}  # fmt: skip


@st.composite
def parameters(draw: Any) -> dict[str, str]:
    """Mostly what such parameters are, sometimes anything."""
    names = draw(st.lists(st.sampled_from([*VALUES]), unique=True, max_size=14))
    found = {
        "symbol": "BTCUSDT", "side": draw(st.sampled_from(("BUY", "SELL"))), "quantity": "0.1",
    }  # fmt: skip
    for name in names:
        odd = draw(st.integers(0, 19)) == 0
        found[name] = draw(st.sampled_from(ODD if odd else VALUES[name]))
    if draw(st.booleans()):
        found |= {"type": "LIMIT", "timeInForce": "GTC"}
        found["price"] = draw(st.sampled_from(PRICES))
        for name in ("stopPrice", "callbackRate", "closePosition", "priceMatch", "goodTillDate"):
            found.pop(name, None)
    return found


DEAF = {("DELETE", "/fapi/v1/listenKey")}
"""After it nothing is told any more."""
REQUESTS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(sorted(ROUTES.keys() - DEAF)), parameters()),
        st.tuples(st.just(("POST", "/fapi/v1/order")), parameters()),
        st.tuples(st.just(("MARK", "")), st.sampled_from([{"to": 29_000}, {"to": 30_500}])),
    ),
    max_size=25,
)


def checked(status: int, body: Any) -> None:
    if status == 200:
        return
    assert sorted(body) == ["code", "msg"]
    assert body["code"] in CODES, body
    assert "{}" not in body["msg"]


@settings(max_examples=150, deadline=None)
@given(REQUESTS)
def test_every_request_is_answered_by_the_table(requests: list[Any]) -> None:
    venue = Venue()
    venue.listen()
    for (method, path), params in requests:
        venue.now_ms += 100
        if method == "MARK":
            venue.engine.mark("BTCUSDT", params["to"] * UNIT, venue.now_ms * 1_000_000)
            continue
        answer = venue.ask(method, path, **params)
        body = json.loads(answer.body)
        checked(answer.status, body)
        if "batchOrders" in path and answer.status == 200:
            for row in body:
                checked(200 if "code" not in row else 400, row)
    agree(venue)


def agree(venue: Venue) -> None:
    """The stream's last word on every order is what REST says of it."""
    told: dict[int, Any] = {}
    wallet = "100000.00000000"
    for name, payload in venue.events():
        if name == "ORDER_TRADE_UPDATE":
            told[payload["o"]["i"]] = payload["o"]
        elif name == "ACCOUNT_UPDATE" and payload["a"]["B"]:
            wallet = payload["a"]["B"][-1]["wb"]
    rows = {row["orderId"]: row for row in venue.ok("GET", "/fapi/v1/allOrders", limit=1000)}
    assert {
        number: (row["status"], row["executedQty"], row["origQty"], row["price"])
        for number, row in rows.items()
    } == {number: (o["X"], o["z"], o["q"], o["p"]) for number, o in told.items()}
    (balance,) = venue.ok("GET", "/fapi/v3/balance")
    assert balance["balance"] == wallet
    opened = {row["orderId"] for row in venue.ok("GET", "/fapi/v1/openOrders")}
    assert opened == {
        number for number, row in rows.items() if row["status"] in ("NEW", "PARTIALLY_FILLED")
    }


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([*SIGNED, *LISTEN, *PUBLIC, *SESSION, "order.nothing"]),
    parameters(),
    st.booleans(),
    st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.text(), st.just([])),
)
def test_every_request_of_the_order_api_is_answered(
    method: str, params: dict[str, Any], sealed: bool, request_id: Any
) -> None:
    venue = Venue()
    if method in PUBLIC:
        return  # the still market has no depth to show
    api = venue.rest.api(venue.market, Opening("ws-fapi", False, ()), "local", venue.now_ms)
    if sealed:
        params = {**params, "apiKey": MAKER.key, "timestamp": venue.now_ms}
        payload = "&".join(f"{name}={params[name]}" for name in sorted(params))
        params["signature"] = sign(MAKER, payload)
    text = json.dumps({"id": request_id, "method": method, "params": params}).encode()
    answer = json.loads(api.receive(text, venue.now_ms, venue.now_ms).message)
    assert answer["id"] == (None if request_id == [] else request_id)
    if answer["status"] == 200:
        assert "error" not in answer
    else:
        checked(answer["status"], answer["error"])


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=40))
def test_no_bytes_break_the_order_api(text: bytes) -> None:
    venue = Venue()
    api = venue.rest.api(venue.market, Opening("ws-fapi", False, ()), "local", venue.now_ms)
    api.name(text)
    assert json.loads(api.error(text, 503, text))["status"] == 503
    assert json.loads(api.receive(text, venue.now_ms, venue.now_ms).message)["status"] == 400
