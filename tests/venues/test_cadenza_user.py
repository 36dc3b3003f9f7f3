"""Cadenza, the account channel: the samples of the reference in all five shapes, what they may lack
or add, and that no order of arrival makes a fill two or none."""

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from connector.model.instrument import ContractType, Instrument
from connector.model.intents import OrderType, PositionSide, TimeInForce
from connector.model.order import Order
from connector.model.records import Side
from connector.model.reports import EndReason, OrderStatus
from connector.protocol.centrifugo_frames import Publication
from connector.trading.effects import Report
from connector.trading.tracker import Tracker
from connector.venues.cadenza import order_rows, portfolios
from connector.venues.cadenza.user import Heard, decode, read, redacted
from connector.venues.trading_contract import (
    AccountConfigEvent,
    BalanceEvent,
    Execution,
    OrderEvent,
    PositionEvent,
    Source,
    UnknownUserEvent,
)

E8 = 10**8
ID = "85df4133-2159-4db1-a117-d20455178752"
ACCOUNT = "14f773c5-2079-41e0-90e4-340a7b4d3391"
BTC = Instrument(
    symbol="BINANCE:BTC/USDT", exchange="Cadenza", base="BTC", quote="USDT", margin="USDT",
    contract=ContractType.SPOT, price_exponent=8, qty_exponent=8, price_digits=2, qty_digits=5,
    tick_e=E8 // 100, step_e=1000,
)  # fmt: skip
PERP = msgspec.structs.replace(BTC, symbol="DERIBIT:BTC-PERP", contract=ContractType.PERPETUAL)
BEGUN_NS = 1_768_473_000_000_000_000
"""2026-01-15T10:30:00Z."""
RPC_ORDER = {
    "tradeOrderId": ID, "clientOrderId": "client_order_12345", "externalOrderId": "987",
    "tradingAccountId": ACCOUNT, "venue": "BINANCE", "instrumentId": BTC.symbol,
    "orderSide": "BUY", "orderType": "LIMIT", "quantityType": "BASE", "quantity": "1.5",
    "limitPrice": "50000.00", "timeInForce": "GTC", "status": "PARTIALLY_FILLED",
    "executedPrice": "49999.5", "executedQuantity": "0.5", "executedCost": "24999.75",
    "fees": [{"asset": "BNB", "quantity": "0.001"}], "createdAt": "2026-01-15T10:30:00Z",
    "updatedAt": "2026-01-15T10:30:01.250Z", "lastExecutionAt": "2026-01-15T10:30:01.240Z",
}  # fmt: skip
FEE = {"security": "BINANCE:BTC", "asset": "BTC", "venue": "BINANCE", "quantity": "0.002"}
REST_ORDER = {
    "tradeOrderId": ID, "tradingAccountId": ACCOUNT, "venue": "BINANCE",
    "positionId": "da3402dc-13f8-45f9-83a6-bde06dd8eb35", "instrumentId": BTC.symbol,
    "baseAsset": "BTC", "quoteAsset": "USDT", "orderSide": "BUY", "orderType": "LIMIT",
    "timeInForce": "GTC", "status": "FILLED", "limitPrice": "1234.56789000", "quantity": "2.0",
    "orderQuantityType": "BASE", "quantityRounding": "DOWN", "executedPrice": "1234.5",
    "executedQuantity": "2.0", "executedCost": "2469.0", "fees": [FEE],
    "executions": [
        {
            "executionId": "fc49a52d-e069-4441-83c6-8d779c937dd9",
            "externalTradeId": "binance-exec-12345", "venue": "BINANCE",
            "instrumentId": BTC.symbol, "orderSide": "BUY", "executedQuantity": "2.0",
            "executedPrice": "1234.5", "executedCost": "2469.0", "fees": [FEE],
            "executedAt": 1632933600000,
        }
    ],
    "createdAt": 1632933600000, "updatedAt": 1632933600000,
}  # fmt: skip
BALANCE = {
    "securitySymbol": "USDT", "securityType": "CRYPTO", "tradingAccountId": ACCOUNT,
    "status": "ACTIVE", "free": "10000.00", "locked": "5000.00", "borrowed": "0",
    "total": "15000.00", "net": "15000.00", "updatedAt": 1632933600000,
}  # fmt: skip
POSITION = {
    "positionId": "da34", "securitySymbol": "BTC", "tradingAccountId": ACCOUNT,
    "instrumentId": BTC.symbol, "securityType": "CRYPTO", "status": "OPEN", "quantity": "1.5",
    "entryPrice": "45000.00", "currentPrice": "50000.00", "unrealizedPnl": "7500.00",
    "realizedPnl": "0", "createdAt": 1632933600000, "updatedAt": 1632933600000,
}  # fmt: skip
PORTFOLIO = {
    "tradingAccountId": ACCOUNT, "venue": "BINANCE", "positions": [POSITION],
    "balances": [BALANCE], "summary": {"leverage": None}, "updatedAt": 1632933600000,
}  # fmt: skip


def scales(symbol: str) -> Instrument | None:
    return {BTC.symbol: BTC, PERP.symbol: PERP}.get(symbol)


def whose(name: str) -> Instrument | None:
    return BTC if name == ID else None


def heard(data: Any, **more: Any) -> Heard:
    return read(Publication(Raw(json.dumps(data).encode()), 7, 1703052635200), scales, **more)


# The samples


STATE = OrderEvent(
    source=Source.STREAM,
    execution=Execution.STATE,
    status=OrderStatus.PARTIALLY_FILLED,
    symbol=BTC.symbol,
    client_order_id="client_order_12345",
    venue_order_id=ID,
    side=Side.BUY,
    order_type=OrderType.LIMIT,
    time_in_force=TimeInForce.GTC,
    price_e=50000 * E8,
    qty_e=15 * E8 // 10,
    filled_qty_e=E8 // 2,
    cost_e=2499975 * 10**14,
    average="49999.5",
    venue_ns=BEGUN_NS + 1_250_000_000,
    transaction_ns=BEGUN_NS + 1_250_000_000,
)
REST_NS = 1632933600000 * 10**6
FILL = OrderEvent(
    source=Source.STREAM,
    execution=Execution.TRADE,
    status=OrderStatus.FILLED,
    symbol=BTC.symbol,
    venue_order_id=ID,
    side=Side.BUY,
    order_type=OrderType.LIMIT,
    time_in_force=TimeInForce.GTC,
    price_e=123456789000,
    qty_e=2 * E8,
    filled_qty_e=2 * E8,
    cost_e=2469 * 10**16,
    average="1234.5",
    last_qty_e=2 * E8,
    last_price_e=123450000000,
    venue_trade_id="fc49a52d-e069-4441-83c6-8d779c937dd9",
    fee_e=200_000,
    fee_asset="BTC",
    venue_ns=REST_NS,
    transaction_ns=REST_NS,
)
ROW = msgspec.structs.replace(
    FILL,
    execution=Execution.STATE,
    last_qty_e=0,
    last_price_e=None,
    venue_trade_id="",
    fee_e=None,
    fee_asset="",
    fills=(FILL,),
)
THIN = OrderEvent(
    source=Source.STREAM,
    execution=Execution.STATE,
    status=None,
    passing=True,
    symbol=BTC.symbol,
    venue_order_id=ID,
    venue_ns=1703052635200 * 10**6,
)
COUNTED = msgspec.structs.replace(
    THIN, status=OrderStatus.FILLED, passing=False, filled_qty_e=15 * E8 // 10
)
USDT = BalanceEvent(asset="USDT", wallet_e=15000 * E8, available_e=10000 * E8, venue_ns=REST_NS)
HELD = PositionEvent(
    symbol=BTC.symbol,
    position_side=PositionSide.BOTH,
    qty_e=15 * E8 // 10,
    entry="45000.00",
    unrealised_e=7500 * E8,
    realised_e=0,
    venue_ns=REST_NS,
)
ORDERS: dict[str, tuple[Any, OrderEvent]] = {
    "A1": ({"data": RPC_ORDER}, STATE),
    "A1 in a list": ({"data": [RPC_ORDER]}, STATE),
    "A2": (
        {
            "metadata": {
                "eventId": "5f0c", "eventType": "event.tradeOrder.statusChanged",
                "timestamp": "2026-01-15T10:30:01Z", "sender": "TRADE_ORDER_SERVICE",
                "receiver": "MARKET_REALTIME",
            },
            "data": {"order": REST_ORDER, "previousStatus": "ACCEPTED", "newStatus": "FILLED"},
        },
        ROW,
    ),
    "A2, its order without a status": (
        {
            "metadata": {"eventType": "event.tradeOrder.statusChanged"},
            "data": {
                "order": {k: v for k, v in REST_ORDER.items() if k != "status"},
                "newStatus": "FILLED",
            },
        },
        ROW,
    ),
    "A3": ({"type": "orderUpdate", "order": {"orderId": ID, "status": "FILLED"}}, THIN),
    "A4": (
        {
            "eventType": "orderUpdate",
            "order": {"tradeOrderId": ID, "status": "FILLED", "executedQuantity": "1.5"},
        },
        COUNTED,
    ),
    "A5": (
        {
            "type": "order", "tradeOrderId": ID, "status": "FILLED", "executedQuantity": "0.1",
            "timestamp": 1703052635110,
        },
        msgspec.structs.replace(
            COUNTED, filled_qty_e=E8 // 10, venue_ns=1703052635110 * 10**6
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("shape", ORDERS)
def test_orders_in_every_shape(shape: str) -> None:
    data, event = ORDERS[shape]
    assert heard(data, whose=whose, account_id=ACCOUNT) == Heard(events=(event,))


def test_executions_can_be_told_one_by_one() -> None:
    raw = json.dumps(REST_ORDER).encode()
    assert order_rows.order_events(raw, scales, Source.STREAM) == [FILL]
    body = answer(REST_ORDER, {**REST_ORDER, "tradeOrderId": "older"})
    older, newer = order_rows.listed(body, scales)
    assert (older.venue_order_id, newer.fills[0].source) == ("older", Source.QUERY)


def test_portfolios_in_every_shape() -> None:
    delta = {
        "data": {
            "tradingAccountId": ACCOUNT,
            "updateMode": "DELTA",
            "balances": [BALANCE | {"updatedAt": "2026-01-15T10:30:01Z"}],
            "positions": [
                {"positionId": "da34", "instrumentId": BTC.symbol, "positionSide": "LONG",
                 "quantity": "1.5", "entryPrice": "45000.00", "unrealizedPnl": "7500.00",
                 "status": "OPEN"},
            ],
            "updatedAt": "2026-01-15T10:30:01Z",
        }
    }  # fmt: skip
    told_ns = BEGUN_NS + 10**9
    held = msgspec.structs.replace(HELD, realised_e=None, venue_ns=told_ns)
    (found,) = heard(delta).portfolios
    assert found.balances == [msgspec.structs.replace(USDT, venue_ns=told_ns)]
    assert (found.positions, found.whole, found.untold) == ([held], False, False)
    for data in (
        {"metadata": {"eventType": "event.portfolio.updated"}, "data": PORTFOLIO},
        {"eventType": "portfolioUpdate", "portfolio": PORTFOLIO},
        {"data": PORTFOLIO},
        PORTFOLIO,
    ):
        (found,) = heard(data, account_id=ACCOUNT).portfolios
        assert (found.balances, found.positions, found.whole) == ([USDT], [HELD], False)
    (found,) = heard({"data": PORTFOLIO | {"updateMode": "SNAPSHOT"}}).portfolios
    assert found.whole


def test_a_balance_alone() -> None:
    """Free, locked and total are never computed from one another."""
    told = {"symbol": "USDT", "available": "10000.00", "locked": "5000.00"}
    event = msgspec.structs.replace(USDT, venue_ns=1703052635200 * 10**6)
    assert heard({"type": "balance", **told}) == Heard(untold=True)
    assert heard({"type": "balance", **told, "total": "15000"}) == Heard(events=(event,))
    assert heard({"eventType": "balanceUpdate", "balance": BALANCE}) == Heard(events=(USDT,))
    assert heard({"eventType": "balanceUpdate", "balance": told}) == Heard(untold=True)


def test_accounts_subscriptions_and_credentials() -> None:
    account = {
        "tradingAccountId": ACCOUNT, "venue": "BINANCE", "status": "LOCKED",
        "positionMode": "HEDGE",
        "credentials": [{"credentialId": "c", "apiKey": "do not tell"}],
        "updatedAt": "2026-01-15T10:30:00Z",
    }  # fmt: skip
    found = heard({"data": account}, account_id=ACCOUNT)
    assert found.events == (AccountConfigEvent(hedge=True, venue_ns=BEGUN_NS),)
    assert found.notes == ("the venue says that the trading account is LOCKED",)
    assert heard({"data": account | {"status": "ACTIVE", "positionMode": ""}}) == Heard()
    assert heard({"data": {"subscriptionId": "s", "status": "TERMINATED"}}) == Heard(streams=True)
    assert heard({"data": [{"subscriptionId": "s"}]}) == Heard(streams=True)
    assert heard({"data": {"credentialId": "c", "apiKey": "do not tell"}}) == Heard()
    assert heard({"data": [{"instrumentId": "I", "instrumentType": "SPOT"}]}) == Heard()


# What they may lack or add


def test_what_is_unknown_is_named_by_its_keys_and_told_without_secrets() -> None:
    odd = {"eventType": "new", "thing": {"apiKey": "do not tell", "n": 1}, "token": ["do not tell"]}
    assert heard(odd).unknown == "eventType, thing, token"
    assert heard({}).unknown == "nothing"
    text = redacted(json.dumps(odd).encode())
    assert json.loads(text) == {
        "eventType": "new", "thing": {"apiKey": "***", "n": 1}, "token": "***",
    }  # fmt: skip
    assert redacted(b'{"apiKey": "do not tell"') == "24 bytes that are no JSON"
    assert "do not" not in redacted(b"[" * 5000 + b'"do not tell"')


def test_an_order_nobody_knows_is_asked_for() -> None:
    other = "11111111-2159-4db1-a117-d20455178752"
    data = {"type": "order", "tradeOrderId": other, "status": "FILLED", "executedQuantity": "1"}
    assert heard(data, whose=whose) == Heard(orders=(other,))
    assert heard(data) == Heard(orders=(other,))


def test_an_instrument_that_is_not_loaded_loses_the_numbers_alone() -> None:
    (event,) = heard({"data": RPC_ORDER | {"instrumentId": "OKX:NEW/USDT"}}).events
    assert isinstance(event, OrderEvent)
    assert (event.symbol, event.status, event.client_order_id) == (
        "OKX:NEW/USDT",
        OrderStatus.PARTIALLY_FILLED,
        "client_order_12345",
    )
    assert event.qty_e is event.price_e is event.filled_qty_e is event.cost_e is None


def test_an_event_of_another_account_is_an_error() -> None:
    for data in ({"data": RPC_ORDER}, {"data": PORTFOLIO}):
        with pytest.raises(ValueError, match="another trading account"):
            heard(data, account_id="another")


@pytest.mark.parametrize(
    "data", [b"", b"1", b'"text"', b"[1]", b"{", b'{"data":[1]}', b'{"order":{"status":"NEW"}}']
)
def test_what_is_no_event_is_one_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read(Publication(Raw(data)), scales)


def test_nesting_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"nested|deep"):
        read(Publication(Raw(b'{"data":' * 20_000 + b"1" + b"}" * 20_000)), scales)


def order(**fields: Any) -> OrderEvent:
    (event,) = heard({"data": RPC_ORDER | fields}).events
    assert isinstance(event, OrderEvent)
    return event


@pytest.mark.parametrize(
    ("word", "status", "passing"),
    [
        *[(word, OrderStatus.PARTIALLY_FILLED, False) for word in order_rows.LIVE],
        ("PARTIALLY_FILLED", OrderStatus.PARTIALLY_FILLED, False),
        ("FILLED", OrderStatus.FILLED, False),
        ("CANCELLED", OrderStatus.CANCELLED, False),
        ("REVOKED", OrderStatus.CANCELLED, False),
        ("REJECTED", OrderStatus.CANCELLED, False),
        ("EXPIRED", OrderStatus.EXPIRED, False),
        ("UNKNOWN", None, True),
        ("", None, True),
        (None, None, True),
        ("SOMETHING_NEW", None, True),
        (7, None, True),
    ],
)
def test_statuses(word: Any, status: OrderStatus | None, passing: bool) -> None:
    event = order(status=word)
    assert (event.status, event.passing) == (status, passing)
    assert (event.filled_qty_e, event.qty_e) == (E8 // 2, 15 * E8 // 10)


def test_an_end_that_does_not_say_how_much_was_filled_is_asked_for() -> None:
    for word in ("CANCELLED", "EXPIRED", "PARTIALLY_FILLED", "FILLED"):
        event = order(status=word, executedQuantity=None)
        assert (event.status, event.passing) == (None, True)
    event = order(status="REJECTED", executedQuantity=None, rejectReason="no funds")
    assert (event.status, event.words) == (OrderStatus.REJECTED, "no funds")
    assert order(status="ACCEPTED", executedQuantity="0").status is OrderStatus.NEW


def test_what_was_filled_of_an_order_that_is_rejected_then_counts() -> None:
    tracker = Tracker(iter(range(9)).__next__)
    own = Order(key=9, account=0, strategy="s", instrument=BTC, client_order_id=ID, qty_e=2 * E8)
    tracker.orders.add(own)
    said = order(status="REJECTED", clientOrderId=ID, rejectReason="no funds")
    effects = tracker.event(0, said, 1)
    told = [one.last_qty_e for one in effects if isinstance(one, Report) and one.last_qty_e]
    assert (told, own.status, said.words) == ([E8 // 2], OrderStatus.CANCELLED, "no funds")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"cancelReason": "USER_REQUESTED"}, EndReason.COMMAND),
        ({"timeInForce": "IOC"}, EndReason.REMAINDER),
        ({"timeInForce": "FOK"}, EndReason.NOT_FILLABLE),
        ({"timeInForce": "GTD"}, EndReason.GOOD_TILL),
        ({"orderType": "MARKET", "timeInForce": ""}, EndReason.REMAINDER),
        ({}, EndReason.VENUE),
    ],
)
def test_reasons(fields: dict[str, Any], reason: EndReason) -> None:
    assert order(status="EXPIRED", **fields).reason is reason
    assert order(status="FILLED", **fields).reason is EndReason.NONE


@pytest.mark.parametrize(
    ("word", "kind", "time"),
    [
        ("LIMIT_MAKER", OrderType.LIMIT, TimeInForce.GTX),
        ("MARKET", OrderType.MARKET, TimeInForce.GTC),
        ("STOP_LOSS", OrderType.STOP_MARKET, TimeInForce.GTC),
        ("STOP_LOSS_LIMIT", OrderType.STOP, TimeInForce.GTC),
        ("TAKE_PROFIT", OrderType.TAKE_PROFIT_MARKET, TimeInForce.GTC),
        ("TAKE_PROFIT_LIMIT", OrderType.TAKE_PROFIT, TimeInForce.GTC),
        ("WHATEVER", None, TimeInForce.GTC),
    ],
)
def test_types(word: str, kind: OrderType | None, time: TimeInForce) -> None:
    event = order(orderType=word)
    assert (event.order_type, event.time_in_force) == (kind, time)


def test_the_key_of_a_request_names_its_order_too() -> None:
    assert order(clientOrderId=None, idempotencyKey="k1").client_order_id == "k1"
    assert order(clientOrderId="c1", idempotencyKey="k1").client_order_id == "c1"


def test_quantities_in_the_quote_are_no_quantities_of_the_base() -> None:
    assert order(quantityType="QUOTE", quantity="5000").qty_e is None
    assert order(quantityType=None, orderQuantityType="QUOTE", quantity="5000").qty_e is None


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(),
    st.text(),
)


@given(
    st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            [
                "limitPrice", "stopPrice", "executedPrice", "executedCost", "orderSide",
                "orderType", "timeInForce", "updatedAt", "createdAt", "fees", "executions",
                "cancelReason", "rejectReason", "quantityType", "somethingNew",
            ],
            st.recursive(
                SCALARS,
                lambda inner: st.lists(inner, max_size=2)
                | st.dictionaries(st.sampled_from(["asset", "quantity", "x"]), inner, max_size=2),
                max_leaves=4,
            ),
        ),
    )
)  # fmt: skip
def test_a_garbled_field_takes_nothing_else_with_it(garbled: dict[str, Any]) -> None:
    (event, *_) = heard({"data": RPC_ORDER | garbled}).events
    assert isinstance(event, OrderEvent)
    assert (event.venue_order_id, event.status) == (ID, OrderStatus.PARTIALLY_FILLED)
    assert (event.filled_qty_e, event.client_order_id) == (E8 // 2, "client_order_12345")


def test_numbers_may_be_texts_or_numbers_and_are_exact() -> None:
    fields = (
        f'"tradeOrderId":"{ID}","instrumentId":"{BTC.symbol}","status":"PARTIALLY_FILLED",'
        '"quantity":90071992.54740993,"executedQuantity":0.1,'
        '"executedCost":"12345678901.23456789012345","limitPrice":123456789012'
    )
    push = f'{{"push":{{"channel":"c","pub":{{"data":{{"data":{{{fields}}}}}}}}}}}'
    frame = push.encode() + b"\n{}"
    (event,) = decode(frame, scales)
    assert isinstance(event, OrderEvent)
    assert (event.qty_e, event.filled_qty_e) == (9007199254740993, E8 // 10)
    assert event.cost_e == 1234567890123456789012345 * 100
    assert event.price_e is None  # 123456789012e8 does not fit 63 bits


def test_a_cost_that_is_not_said_is_taken_from_the_average() -> None:
    assert order(executedCost=None).cost_e == 2499975 * 10**14
    assert order(executedCost="0").cost_e == 2499975 * 10**14
    assert order(executedCost=None, executedPrice=None).cost_e is None
    assert order(executedQuantity="0").cost_e is None


def test_frames_decode_to_events_alone() -> None:
    frame = b'{"id":1,"subscribe":{}}\n{"push":{"channel":"tradingAccount:a","pub":{"data":%s}}}'
    assert decode(frame % json.dumps({"data": PORTFOLIO}).encode(), scales) == [USDT, HELD]
    (unknown,) = decode(frame % b'{"what":1}', scales)
    assert unknown == UnknownUserEvent("what")
    assert decode(b"{}", scales) == []


# Portfolios that were asked for


def answer(*rows: Any) -> bytes:
    return json.dumps({"success": True, "errno": 0, "error": None, "data": rows}).encode()


def test_an_answered_portfolio() -> None:
    body = answer(PORTFOLIO)
    assert portfolios.balance_events(body) == [USDT]
    assert portfolios.position_events(body, scales) == [HELD]
    (request,) = portfolios.requests(())
    assert request.name == "portfolioList"
    for bad in (b"{}", b'{"errno":22016,"data":null}', b"", b'{"data":{}}'):
        with pytest.raises(ValueError, match=r"\w"):
            portfolios.balance_events(bad)


@pytest.mark.parametrize(
    ("fields", "side", "qty"),
    [
        ({}, PositionSide.BOTH, "1.5"),
        ({"quantity": "-1.5"}, PositionSide.BOTH, "-1.5"),
        ({"positionSide": "SHORT"}, PositionSide.SHORT, "-1.5"),
        ({"positionSide": "SHORT", "quantity": "-1.5"}, PositionSide.SHORT, "-1.5"),
        ({"positionSide": "LONG"}, PositionSide.LONG, "1.5"),
        ({"positionSide": "LONG", "status": "CLOSED"}, PositionSide.LONG, "0"),
        ({"status": "LIQUIDATED"}, PositionSide.BOTH, "0"),
    ],
)
def test_signs_of_positions(fields: dict[str, str], side: PositionSide, qty: str) -> None:
    row = POSITION | {"instrumentId": PERP.symbol} | fields
    (event,) = portfolios.position_events(answer(PORTFOLIO | {"positions": [row]}), scales)
    assert (event.position_side, event.qty_e) == (side, int(Decimal(qty) * E8))


def test_rows_that_are_no_balance_or_position_of_the_account() -> None:
    """One of a position, one of an asset with more decimals than are kept, one without a total."""
    rows = [
        BALANCE | {"positionId": "p"},
        BALANCE | {"securitySymbol": "ETH", "total": "0.123456789987654321"},
        {k: v for k, v in BALANCE.items() if k != "total"},
    ]
    place = {k: v for k, v in POSITION.items() if k != "instrumentId"}
    body = json.dumps(PORTFOLIO | {"balances": rows, "positions": [place]}).encode()
    found = portfolios.portfolio(body, scales)
    assert [(one.asset, one.wallet_e) for one in found.balances] == [("ETH", 12345678)]
    assert (found.positions, found.untold) == ([], True)
