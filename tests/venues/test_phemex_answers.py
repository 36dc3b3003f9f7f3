"""Phemex, answers about orders: what each proves, and what it says of the order."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.model.instrument import Instrument
from connector.model.intents import Action, OrderType, PositionSide, TimeInForce
from connector.model.records import Side
from connector.model.reports import OrderStatus
from connector.venues.phemex.answers import (
    fill_events,
    judge,
    judge_batch,
    order_event,
    order_events,
)
from connector.venues.trading_contract import Execution, OrderEvent, OrderOutcome, Source

BTCUSD = Instrument(
    symbol="BTCUSD", exchange="Phemex", base="BTC", quote="USD", margin="BTC", price_exponent=4,
    qty_exponent=0, price_digits=1, qty_digits=0, tick_e=5000, step_e=1,
)  # fmt: skip
# The published answer to a new order, as it stands there.
PLACED = {
    "bizError": 0, "orderID": "ab90a08c-b728-4b6b-97c4-36fa497335bf",
    "clOrdID": "137e1928-5d25-fecd-dbd1-705ded659a4f", "symbol": "BTCUSD", "side": "Sell",
    "actionTimeNs": 1580547265848034600, "transactTimeNs": 0, "orderType": None,
    "priceEp": 98970000, "price": 9897, "orderQty": 1, "displayQty": 1, "timeInForce": None,
    "reduceOnly": False, "takeProfitEp": 0, "takeProfit": 0, "stopLossEp": 0, "closedPnlEv": 0,
    "closedPnl": 0, "closedSize": 0, "cumQty": 0, "cumValueEv": 0, "cumValue": 0, "leavesQty": 1,
    "leavesValueEv": 10104, "leavesValue": 0.00010104, "stopLoss": 0,
    "stopDirection": "UNSPECIFIED", "ordStatus": "Created",
}  # fmt: skip
# One of the published closed orders.
CLOSED = {
    "orderID": "b63bc982-be3a-45e0-8974-43d6375fb626", "clOrdID": "uuid-1577463487504",
    "symbol": "BTCUSD", "side": "Sell", "orderType": "Limit", "actionTimeNs": 1577963507348468200,
    "priceEp": 71500000, "price": None, "orderQty": 700, "displayQty": 700,
    "timeInForce": "GoodTillCancel", "reduceOnly": False, "cumQty": 700, "cumValueEv": 9790209,
    "leavesQty": 0, "stopDirection": "UNSPECIFIED", "ordStatus": "Filled",
    "transactTimeNs": 1578026629824704800,
}  # fmt: skip
FILL = {
    "transactTimeNs": 1578026629824704800, "symbol": "BTCUSD", "currency": "BTC",
    "action": "Replace", "side": "Sell", "tradeType": "Trade", "execQty": 700,
    "execPriceEp": 71500000, "orderQty": 700, "priceEp": 71500000, "execValueEv": 9790209,
    "feeRateEr": -25000, "execFeeEv": -2447, "ordType": "Limit",
    "execID": "b01671a1-5ddc-5def-b80a-5311522fd4bf",
    "orderID": "b63bc982-be3a-45e0-8974-43d6375fb626", "clOrdID": "uuid-1577463487504",
    "execStatus": "MakerFill",
}  # fmt: skip
FUNDING = {
    "transactTimeNs": 1578009600000000000, "symbol": "BTCUSD", "currency": "BTC",
    "action": "SettleFundingFee", "side": "Buy", "tradeType": "Funding", "execQty": 700,
    "execPriceEp": 69473435, "orderQty": 0, "priceEp": 0, "execValueEv": 10075793,
    "feeRateEr": 4747, "execFeeEv": 479, "ordType": "UNSPECIFIED",
    "execID": "381fbe21-a116-472d-a547-9e2368dcc194",
    "orderID": "00000000-0000-0000-0000-000000000000", "clOrdID": "SettlingFunding",
    "execStatus": "Init",
}  # fmt: skip


def scales(symbol: str) -> Instrument | None:
    return BTCUSD if symbol == "BTCUSD" else None


def reply(data: Any, code: int | str = 0, msg: str = "") -> bytes:
    return json.dumps({"code": code, "msg": msg, "data": data}).encode()


def test_an_acknowledged_order_is_taken_and_nothing_more() -> None:
    answer = judge(Action.PLACE, 200, {}, reply(PLACED), scales)
    assert answer.outcome is OrderOutcome.ACCEPTED
    assert answer.order == OrderEvent(
        source=Source.ANSWER,
        execution=Execution.STATE,
        status=None,
        symbol="BTCUSD",
        client_order_id="137e1928-5d25-fecd-dbd1-705ded659a4f",
        venue_order_id="ab90a08c-b728-4b6b-97c4-36fa497335bf",
        side=Side.SELL,
        price_e=98970000,
        qty_e=1,
        filled_qty_e=0,
        venue_ns=1580547265848034600,
        transaction_ns=1580547265848034600,
    )


def test_an_amend_is_answered_before_the_engine_agrees() -> None:
    answer = judge(Action.AMEND, 200, {}, reply({**PLACED, "ordStatus": "New"}), scales)
    assert answer.order is not None
    assert (answer.order.price_e, answer.order.qty_e) == (None, None)
    assert answer.order.status is OrderStatus.NEW


def test_a_cancel_is_answered_with_the_order_as_it_was() -> None:
    answer = judge(Action.CANCEL, 200, {}, reply({**PLACED, "ordStatus": "New"}), scales)
    assert answer.outcome is OrderOutcome.ACCEPTED
    assert answer.order is not None
    assert answer.order.status is OrderStatus.NEW
    assert answer.order.execution is Execution.STATE


@pytest.mark.parametrize("data", [None, "OK", [], {"anything": 1}])
def test_the_answer_to_cancelling_everything_is_not_read(data: Any) -> None:
    answer = judge(Action.CANCEL_ALL, 200, {}, reply(data), scales)
    assert (answer.outcome, answer.order) == (OrderOutcome.ACCEPTED, None)


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b'{"code":0}', reply(None), reply("OK"), reply({}), reply([]), b"<html>"],
)
def test_an_answer_that_names_no_order_proves_nothing(body: bytes) -> None:
    for action in (Action.PLACE, Action.AMEND, Action.CANCEL):
        assert judge(action, 200, {}, body, scales).outcome is OrderOutcome.UNKNOWN


def test_an_order_asked_for() -> None:
    answer = judge(Action.QUERY, 200, {}, reply([CLOSED]), scales)
    assert answer.order is not None
    assert (answer.order.source, answer.order.status) == (Source.QUERY, OrderStatus.FILLED)
    assert (answer.order.order_type, answer.order.time_in_force) == (
        OrderType.LIMIT,
        TimeInForce.GTC,
    )
    assert (answer.order.qty_e, answer.order.filled_qty_e) == (700, 700)
    assert answer.order == order_event(reply([CLOSED]), scales)


@pytest.mark.parametrize("body", [reply([]), reply({"rows": []}), reply(None, 10002, "OM_")])
def test_an_order_the_venue_does_not_know(body: bytes) -> None:
    assert judge(Action.QUERY, 200, {}, body, scales).outcome is OrderOutcome.GONE


@pytest.mark.parametrize("body", [reply({"rows": []}), reply(None, 10002), reply(None, "10002")])
def test_no_open_orders_may_be_an_error_of_the_venue_s(body: bytes) -> None:
    assert list(order_events(body, scales)) == []


@pytest.mark.parametrize("body", [b"", b"{}", reply(None), reply(None, 11027)])
def test_a_list_that_is_none_is_no_empty_list(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  whatever cannot be read
        order_events(body, scales)


def test_open_orders() -> None:
    waiting = {**PLACED, "ordStatus": "Untriggered", "leavesQty": 0, "stopDirection": "Falling"}
    found = order_events(reply({"rows": [waiting, {**PLACED, "ordStatus": "New"}]}), scales)
    assert [event.status for event in found] == [OrderStatus.NEW, OrderStatus.NEW]
    assert not any(event.conditional for event in found)


def test_fills_oldest_first_without_funding() -> None:
    later = {**FILL, "execID": "x", "transactTimeNs": 1578026629824704801, "tradeType": "LiqTrade"}
    body = reply({"total": 3, "rows": [later, FILL, FUNDING]})
    found = fill_events(body, scales)
    assert [event.venue_trade_id for event in found] == [FILL["execID"], "x"]
    assert [event.liquidation for event in found] == [False, True]
    assert found[0] == OrderEvent(
        source=Source.QUERY,
        execution=Execution.TRADE,
        symbol="BTCUSD",
        client_order_id="uuid-1577463487504",
        venue_order_id="b63bc982-be3a-45e0-8974-43d6375fb626",
        side=Side.SELL,
        last_qty_e=700,
        last_price_e=71500000,
        venue_trade_id="b01671a1-5ddc-5def-b80a-5311522fd4bf",
        maker=True,
        fee_e=-2447,
        fee_asset="BTC",
        venue_ns=1578026629824704800,
        transaction_ns=1578026629824704800,
    )


def test_a_batch_that_went_well() -> None:
    body = reply([PLACED, CLOSED])
    found = judge_batch(Action.CANCEL, 2, 200, {}, body, scales)
    assert [one.outcome for one in found] == [OrderOutcome.ACCEPTED] * 2
    orders = [one.order.venue_order_id for one in found if one.order is not None]
    assert orders == [PLACED["orderID"], CLOSED["orderID"]]


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (reply(None, 11027), OrderOutcome.REFUSED),
        (reply(None, 10002), OrderOutcome.GONE),
        (reply([{"bizError": 10002}, {"bizError": 10002}]), OrderOutcome.GONE),
        # Whose error it is cannot be told.
        (reply([PLACED, {"bizError": 10002}]), OrderOutcome.UNKNOWN),
        (reply([PLACED]), OrderOutcome.UNKNOWN),
        (reply([]), OrderOutcome.UNKNOWN),
        (reply("OK"), OrderOutcome.UNKNOWN),
        (b"<html>", OrderOutcome.UNKNOWN),
    ],
)
def test_a_batch_that_did_not(body: bytes, outcome: OrderOutcome) -> None:
    found = judge_batch(Action.CANCEL, 2, 200, {}, body, scales)
    assert [one.outcome for one in found] == [outcome] * 2


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*PLACED, "rows", "code", "data"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(JSON, st.sampled_from(list(Action)), st.sampled_from([200, 400, 500]))
def test_no_answer_breaks_the_judge(data: Any, action: Action, status: int) -> None:
    judge(action, status, {}, reply(data), scales)
    judge_batch(action, 2, status, {}, reply(data), scales)


@given(JSON)
def test_a_garbled_field_takes_no_other_with_it(value: Any) -> None:
    for field in ("priceEp", "orderQty", "side", "orderType", "transactTimeNs", "cumQty"):
        event = order_event(reply([{**CLOSED, field: value}]), scales)
        assert (event.venue_order_id, event.status) == (CLOSED["orderID"], OrderStatus.FILLED)


# Rows of the hedged API: decimals as texts.
BTCUSDT = Instrument(
    symbol="BTCUSDT", exchange="Phemex", base="BTC", quote="USDT", margin="USDT", price_exponent=2,
    qty_exponent=3, price_digits=1, qty_digits=3, tick_e=10, step_e=1,
)  # fmt: skip
HEDGED = {
    "bizError": 0, "orderID": "o-9", "clOrdID": "t-9", "symbol": "BTCUSDT", "side": "Sell",
    "actionTimeNs": 5, "transactTimeNs": 7, "orderType": "Limit", "priceRp": "20850.5",
    "orderQtyRq": "0.012", "displayQtyRq": "0.012", "timeInForce": "GoodTillCancel",
    "reduceOnly": False, "cumQtyRq": "0.004", "cumValueRv": "83.4", "leavesQtyRq": "0.008",
    "stopPxRp": "0", "ordStatus": "PartiallyFilled", "posSide": "Short",
}  # fmt: skip
HEDGED_FILL = {
    "transactTimeNs": 7, "symbol": "BTCUSDT", "currency": "USDT", "action": "New", "side": "Sell",
    "posSide": "Merged", "tradeType": "Trade", "execQtyRq": "0.001", "execPriceRp": "20849",
    "execValueRv": "20.849", "feeRateRr": "0.0006", "execFeeRv": "0.0125094", "execID": "x-9",
    "orderID": "o-9", "clOrdID": "t-9", "execStatus": "TakerFill", "closedPnlRv": "-0.5",
}  # fmt: skip


def both(symbol: str) -> Instrument | None:
    return BTCUSDT if symbol == "BTCUSDT" else scales(symbol)


@pytest.mark.parametrize("bare", [False, True])
def test_orders_of_the_hedged_api(bare: bool) -> None:
    """Below /api-data a list may come without an envelope."""
    body = json.dumps([HEDGED]).encode() if bare else reply([HEDGED])
    answer = judge(Action.QUERY, 200, {}, body, both)
    assert answer.order == OrderEvent(
        source=Source.QUERY,
        execution=Execution.STATE,
        status=OrderStatus.PARTIALLY_FILLED,
        symbol="BTCUSDT",
        client_order_id="t-9",
        venue_order_id="o-9",
        side=Side.SELL,
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        position_side=PositionSide.SHORT,
        price_e=2085050,
        qty_e=12,
        filled_qty_e=4,
        venue_ns=7,
        transaction_ns=7,
    )


def test_the_hedged_api_spells_ids_in_two_ways() -> None:
    """An order looked up by its ids says Id, an open one ID."""
    names = {"orderID": "orderId", "clOrdID": "clOrdId", "orderType": "ordType"}
    looked_up = {names.get(name, name): value for name, value in HEDGED.items()}
    assert looked_up.keys() != HEDGED.keys()
    found = judge(Action.QUERY, 200, {}, reply([looked_up]), both)
    assert found == msgspec.structs.replace(
        judge(Action.QUERY, 200, {}, reply([HEDGED]), both), body=found.body
    )


def test_fills_of_the_hedged_api() -> None:
    (fill,) = fill_events(reply({"rows": [HEDGED_FILL]}), both)
    assert (fill.last_qty_e, fill.last_price_e, fill.fee_e) == (1, 2084900, 1_250_940)
    assert (fill.realised_e, fill.position_side) == (-50_000_000, PositionSide.BOTH)
