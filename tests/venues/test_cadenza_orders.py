"""Cadenza, order requests: what every kind of order is on the wire, and what the venue has none
for."""

import json
from typing import Any
from urllib.parse import parse_qsl

import pytest
from msgspec.structs import replace

from connector.model.instrument import ContractType, Instrument
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
from connector.protocol.ratelimit import Budget
from connector.trading.budget import OrderBudget
from connector.venues.cadenza.config import Config
from connector.venues.cadenza.endpoints import ENDPOINTS
from connector.venues.cadenza.limits import TRADING, pools
from connector.venues.cadenza.orders import encode, sign, signer
from connector.venues.cadenza.trading import trading
from connector.venues.trading_contract import CannotEncode, Encoded, Intent, NotNamed

ACCOUNT = "14f773c5-2079-41e0-90e4-340a7b4d3391"
ID = "85df4133-2159-4db1-a117-d20455178752"
SIGNER = signer(ACCOUNT)
BTC = Instrument(
    symbol="BINANCE:BTC/USDT", exchange="Cadenza", base="BTC", quote="USDT", margin="USDT",
    contract=ContractType.SPOT, price_exponent=8, qty_exponent=8, price_digits=2, qty_digits=5,
    tick_e=10**6, step_e=10**3,
)  # fmt: skip
SEED = replace(
    BTC,
    order_types=("LIMIT", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT"),
    times_in_force=("GTC", "IOC", "FOK", "GTD", "GTX"),
)
NEWER = replace(SEED, order_types=(*SEED.order_types, "TAKE_PROFIT_LIMIT", "LIMIT_MAKER"))
OLDER = replace(BTC, order_types=("LIMIT", "MARKET", "STOP", "STOP_LIMIT"))
DEALER = replace(BTC, order_types=("MARKET", "QUOTED"), times_in_force=("FOK",))
LIMIT = {"price_e": 5_000_000_000_000, "qty_e": 10_000_000}
STOP = {"stop_price_e": 4_900_000_000_000, "qty_e": 10_000_000}
UNTIL_NS = 1_703_052_635_110_000_000


def intent(action: Action = Action.PLACE, on: Instrument = BTC, **fields: Any) -> Intent:
    return Intent(action=action, instrument=on, client_order_id="t-1", **fields)


def sent(wanted: Intent, **more: Any) -> tuple[str, dict[str, Any]]:
    request = encode(wanted, SIGNER, 1, **more)
    assert not any(name == "Authorization" for name, _ in request.headers)
    if request.method == "GET":
        return f"GET {request.path}", dict(parse_qsl(request.query))
    return f"{request.method} {request.path}", json.loads(request.body)


MARKET = OrderType.MARKET


@pytest.mark.parametrize(
    ("on", "fields", "params"),
    [
        (BTC, LIMIT, {"orderType": "LIMIT", "limitPrice": "50000.00", "timeInForce": "GTC"}),
        (
            SEED,
            {**LIMIT, "side": Side.SELL, "time_in_force": TimeInForce.IOC},
            {"orderSide": "SELL", "orderType": "LIMIT", "limitPrice": "50000.00",
             "timeInForce": "IOC"},
        ),
        (
            SEED,
            {**LIMIT, "time_in_force": TimeInForce.GTX},
            {"orderType": "LIMIT", "limitPrice": "50000.00", "timeInForce": "GTX"},
        ),
        (
            NEWER,
            {**LIMIT, "time_in_force": TimeInForce.GTX},
            {"orderType": "LIMIT_MAKER", "limitPrice": "50000.00"},
        ),
        (
            SEED,
            {**LIMIT, "time_in_force": TimeInForce.GTD, "good_till_ns": UNTIL_NS},
            {"orderType": "LIMIT", "limitPrice": "50000.00", "timeInForce": "GTD",
             "expireAt": 1703052635110},
        ),
        (
            BTC,
            {**LIMIT, "time_in_force": TimeInForce.DAY},
            {"orderType": "LIMIT", "limitPrice": "50000.00", "timeInForce": "DAY"},
        ),
        (BTC, {"qty_e": 10_000_000, "order_type": MARKET}, {"orderType": "MARKET"}),
        (
            DEALER,
            {"qty_e": 10_000_000, "order_type": MARKET, "time_in_force": TimeInForce.FOK},
            {"orderType": "MARKET", "timeInForce": "FOK"},
        ),
        (
            SEED,
            {**STOP, "order_type": OrderType.STOP_MARKET},
            {"orderType": "STOP_LOSS", "stopPrice": "49000.00"},
        ),
        (
            OLDER,
            {**STOP, "order_type": OrderType.STOP_MARKET},
            {"orderType": "STOP", "stopPrice": "49000.00"},
        ),
        (
            OLDER,
            {**STOP, "order_type": OrderType.STOP, "price_e": 4_800_000_000_000},
            {"orderType": "STOP_LIMIT", "stopPrice": "49000.00", "limitPrice": "48000.00",
             "timeInForce": "GTC"},
        ),
        (
            NEWER,
            {**STOP, "order_type": OrderType.TAKE_PROFIT, "price_e": 4_800_000_000_000},
            {"orderType": "TAKE_PROFIT_LIMIT", "stopPrice": "49000.00", "limitPrice": "48000.00",
             "timeInForce": "GTC"},
        ),
        (
            SEED,
            {**STOP, "order_type": OrderType.TAKE_PROFIT_MARKET},
            {"orderType": "TAKE_PROFIT", "stopPrice": "49000.00"},
        ),
    ],
)  # fmt: skip
def test_placing(on: Instrument, fields: dict[str, Any], params: dict[str, Any]) -> None:
    call, found = sent(intent(on=on, **fields))
    plain = {
        "tradingAccountId": ACCOUNT, "instrumentId": "BINANCE:BTC/USDT", "idempotencyKey": "t-1",
        "clientOrderId": "t-1", "orderSide": "BUY", "quantity": "0.10000", "quantityType": "BASE",
        "awaitClosed": False,
    }  # fmt: skip
    assert (call, found) == ("POST /api/v3/tradeOrder/submit", plain | params)
    assert (
        ENDPOINTS["tradeOrderSubmit"].called(found).body
        == encode(intent(on=on, **fields), SIGNER, 1).body
    ), "as strict as a call by hand"


def test_the_answer_can_be_awaited_until_the_end() -> None:
    assert sent(intent(**LIMIT), await_closed=True)[1]["awaitClosed"] is True


def test_numbers_are_written_exactly() -> None:
    fine = replace(BTC, price_exponent=10, qty_exponent=12, price_digits=8, qty_digits=12)
    found = sent(intent(on=fine, price_e=123_456_789, qty_e=1))[1]
    assert (found["limitPrice"], found["quantity"]) == ("0.0123456789", "0.000000000001")


@pytest.mark.parametrize(
    ("wanted", "call", "params"),
    [
        (
            intent(Action.CANCEL, venue_order_id=ID),
            "POST /api/v3/tradeOrder/cancel",
            {"tradingAccountId": ACCOUNT, "tradeOrderId": ID},
        ),
        (
            Intent(action=Action.CANCEL, venue_order_id=ID),
            "POST /api/v3/tradeOrder/cancel",
            {"tradingAccountId": ACCOUNT, "tradeOrderId": ID},
        ),
        (
            intent(Action.QUERY, venue_order_id=ID),
            "GET /api/v3/tradeOrder/list",
            {"tradeOrderId": ID, "tradingAccountId": ACCOUNT, "limit": "1"},
        ),
    ],
)
def test_cancelling_and_asking(wanted: Intent, call: str, params: dict[str, str]) -> None:
    assert sent(wanted) == (call, params)


PERPETUAL = replace(BTC, contract=ContractType.PERPETUAL)
NAMELESS = replace(BTC, contract=ContractType.UNKNOWN)


@pytest.mark.parametrize(
    ("on", "fields", "field", "words"),
    [
        (PERPETUAL, LIMIT, Field.INSTRUMENT, "contracts or in the base"),
        (NAMELESS, LIMIT, Field.INSTRUMENT, "contracts or in the base"),
        (BTC, {"order_type": OrderType.TRAILING_STOP_MARKET, "qty_e": 1, "callback_rate_e": 1},
         Field.ORDER_TYPE, "no distance"),
        (DEALER, LIMIT, Field.ORDER_TYPE, "not LIMIT; the instrument has MARKET, QUOTED"),
        (DEALER, {"qty_e": 1, "order_type": MARKET, "time_in_force": TimeInForce.IOC},
         Field.TIME_IN_FORCE, "not IOC; the instrument has FOK"),
        (SEED, {**STOP, "order_type": OrderType.TAKE_PROFIT, "price_e": 1}, Field.ORDER_TYPE,
         "the instrument has LIMIT"),
        (SEED, {**LIMIT, "time_in_force": TimeInForce.DAY}, Field.TIME_IN_FORCE, "not DAY"),
        (replace(SEED, times_in_force=("GTC",)), {**LIMIT, "time_in_force": TimeInForce.GTX},
         Field.TIME_IN_FORCE, "not GTX"),
        (BTC, {**LIMIT, "time_in_force": TimeInForce.GTX}, Field.TIME_IN_FORCE, "post-only"),
        (SEED, {**STOP, "order_type": OrderType.STOP, "price_e": 1,
                "time_in_force": TimeInForce.GTX}, Field.TIME_IN_FORCE, "post-only"),
        (BTC, {"qty_e": 1, "order_type": MARKET, "time_in_force": TimeInForce.GTC},
         Field.TIME_IN_FORCE, "IOC, FOK or none"),
        (BTC, {**LIMIT, "time_in_force": TimeInForce.GTD}, Field.GOOD_TILL, "names when"),
        (BTC, {**LIMIT, "good_till_ns": UNTIL_NS}, Field.GOOD_TILL, "only with GTD"),
        (BTC, {**LIMIT, "price_e": None}, Field.PRICE, "above zero"),
        (BTC, {**LIMIT, "price_e": -1}, Field.PRICE, "above zero"),
        (BTC, {**LIMIT, "order_type": MARKET}, Field.PRICE, "has none"),
        (BTC, {**LIMIT, "qty_e": None}, Field.QUANTITY, "above zero"),
        (BTC, {**LIMIT, "qty_e": 0}, Field.QUANTITY, "above zero"),
        (BTC, {**LIMIT, "stop_price_e": 1}, Field.STOP_PRICE, "only conditional"),
        (BTC, {"order_type": OrderType.STOP_MARKET, "qty_e": 1}, Field.STOP_PRICE, "above zero"),
        (BTC, {**LIMIT, "position_side": PositionSide.LONG}, Field.POSITION_SIDE, "one balance"),
        (BTC, {**LIMIT, "flags": CommandFlag.REDUCE_ONLY}, Field.REDUCE_ONLY, "no position"),
        (BTC, {**LIMIT, "flags": CommandFlag.CLOSE_POSITION}, Field.CLOSE_POSITION, "no position"),
        (BTC, {**LIMIT, "flags": CommandFlag.PRICE_PROTECT}, Field.PRICE_PROTECT, "no such"),
        (BTC, {**LIMIT, "price_match": PriceMatch.QUEUE}, Field.PRICE_MATCH, "book"),
        (BTC, {**LIMIT, "self_trade": SelfTrade.NONE}, Field.SELF_TRADE, "behind"),
        (BTC, {**STOP, "order_type": OrderType.STOP_MARKET, "working_type": WorkingType.MARK},
         Field.WORKING_TYPE, "trigger"),
        (BTC, {**LIMIT, "callback_rate_e": 1}, Field.CALLBACK_RATE, "trailing"),
        (BTC, {**LIMIT, "activation_price_e": 1}, Field.ACTIVATION_PRICE, "trailing"),
    ],
)  # fmt: skip
def test_what_the_venue_has_no_order_for_is_refused_with_what_it_has(
    on: Instrument, fields: dict[str, Any], field: Field, words: str
) -> None:
    with pytest.raises(CannotEncode) as refused:
        encode(intent(on=on, **fields), SIGNER, 1)
    assert refused.value.field is field
    assert str(refused.value).startswith(f"{field.name.lower()}: ")
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        (intent(Action.AMEND, venue_order_id=ID, price_e=1), Field.ACTION),
        (intent(Action.CANCEL_ALL), Field.ACTION),
        (intent(Action.CANCEL, order_id=7), Field.ORDER_ID),
        (intent(Action.CANCEL, venue_order_id="7"), Field.ORDER_ID),
        (intent(Action.QUERY, venue_order_id="../x"), Field.ORDER_ID),
        (Intent(action=Action.PLACE, client_order_id="t-1", **LIMIT), Field.INSTRUMENT),
        (replace(intent(**LIMIT), client_order_id=""), Field.CLIENT_ORDER_ID),
        (replace(intent(**LIMIT), client_order_id="x" * 37), Field.CLIENT_ORDER_ID),
        (replace(intent(**LIMIT), client_order_id="a b"), Field.CLIENT_ORDER_ID),
        (replace(intent(**LIMIT), client_order_id="é"), Field.CLIENT_ORDER_ID),
    ],
)
def test_what_cannot_be_asked_names_its_field(wanted: Intent, field: Field) -> None:
    with pytest.raises(CannotEncode) as refused:
        encode(wanted, SIGNER, 1)
    assert refused.value.field is field
    assert not isinstance(refused.value, NotNamed)


@pytest.mark.parametrize("action", [Action.CANCEL, Action.QUERY])
def test_the_owner_s_id_alone_names_no_order(action: Action) -> None:
    with pytest.raises(NotNamed, match="not told yet"):
        encode(intent(action), SIGNER, 1)


def test_questions_are_about_the_account_alone() -> None:
    asked = ENDPOINTS["portfolioList"].request(limit=1000)
    assert dict(parse_qsl(sign(asked, SIGNER, 1).query))["tradingAccountId"] == ACCOUNT
    named = ENDPOINTS["portfolioList"].request(tradingAccountId=ID)
    assert sign(named, SIGNER, 1) is named
    other = ENDPOINTS["instrumentList"].request(limit=1)
    assert sign(other, SIGNER, 1) is other
    assert sign(ENDPOINTS["portfolioList"].request(), SIGNER, 1).query == (
        f"tradingAccountId={ACCOUNT}"
    )


@pytest.mark.parametrize("key", ["", "main", ACCOUNT[:-1], ACCOUNT + "\r\n", f"{ACCOUNT}&a=1"])
def test_an_account_is_named_by_a_uuid(key: str) -> None:
    with pytest.raises(ValueError, match="UUID"):
        signer(key)
    with pytest.raises(ValueError, match="kind of key"):
        signer(ACCOUNT, b"", "hmac")
    assert SIGNER.sign(b"x") == b""
    assert "login" in SIGNER.means


def test_a_fifth_of_what_may_trade_is_kept_for_cancels() -> None:
    """By the venue's own classes and requests: forty orders of the fifty a minute, and then as many
    cancels as there are orders."""
    pool = next(one for one in pools(Config()) if one.name == TRADING)
    weight = Budget(pool.limit, pool.window_ns)
    mine, now_ns = OrderBudget((), lambda: [(pool, weight)]), 10**15
    charges = trading(Config()).charges
    placing, cancelling = (Encoded(b"", charges[one]) for one in (Action.PLACE, Action.CANCEL))
    placed = 0
    while mine.shortage(placing, Action.PLACE, now_ns, now_ns) is None:
        mine.take(placing, now_ns, now_ns)
        placed += 1
    assert (placed, pool.limit) == (40, 50)
    for _ in range(10):
        assert mine.shortage(cancelling, Action.CANCEL, now_ns, now_ns) is None
        mine.take(cancelling, now_ns, now_ns)
    assert weight.used(now_ns, now_ns) == 50
