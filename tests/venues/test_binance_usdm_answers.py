"""Binance USD-M, answers about orders: what they prove and what they say, whatever is missing."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.model.instrument import Instrument
from connector.model.intents import Action, OrderType, PositionSide, TimeInForce
from connector.model.records import Side
from connector.model.reports import EndReason, OrderStatus
from connector.venues.binance_usdm.answers import judge, judge_batch, order_events
from connector.venues.trading_contract import Execution, OrderOutcome, Source

MS = 1_000_000


def scales(symbol: str) -> Instrument | None:
    if symbol != "BTCUSDT":
        return None
    return Instrument(
        symbol=symbol,
        exchange="BinanceU",
        price_exponent=2,
        qty_exponent=3,
        price_digits=2,
        qty_digits=3,
        tick_e=10,
        step_e=1,
    )


# R15 as the reference lists it.
ACK: dict[str, Any] = {
    "clientOrderId": "R01a",
    "cumQty": "0.000",
    "executedQty": "0.010",
    "orderId": 22542179,
    "origQty": "0.015",
    "price": "9000.10",
    "reduceOnly": True,
    "side": "SELL",
    "positionSide": "SHORT",
    "status": "NEW",
    "stopPrice": "0",
    "closePosition": False,
    "symbol": "BTCUSDT",
    "timeInForce": "GTX",
    "type": "LIMIT",
    "origType": "LIMIT",
    "updateTime": 1566818724722,
    "workingType": "CONTRACT_PRICE",
    "priceProtect": False,
    "priceMatch": "NONE",
    "selfTradePreventionMode": "EXPIRE_MAKER",
    "goodTillDate": 0,
}
# R28.
ALGO: dict[str, Any] = {
    "algoId": 2148719,
    "clientAlgoId": "Q5xaq5EGKgXXa0fD7fs0Ip",
    "algoType": "CONDITIONAL",
    "orderType": "TAKE_PROFIT",
    "symbol": "BTCUSDT",
    "side": "SELL",
    "positionSide": "BOTH",
    "timeInForce": "GTC",
    "quantity": "0.01",
    "algoStatus": "TRIGGERED",
    "triggerPrice": "750",
    "price": "749.5",
    "icebergQuantity": None,
    "reduceOnly": False,
    "createTime": 1750485492076,
    "updateTime": 1750515742303,
    "triggerTime": 0,
    "actualOrderId": "22542180",
}


def body(row: Any) -> bytes:
    return json.dumps(row).encode()


def ask(action: Action, row: Any, status: int = 200) -> Any:
    return judge(action, status, {}, row if isinstance(row, bytes) else body(row), scales)


@pytest.mark.parametrize("spell", [str, lambda value: value], ids=["strings", "as they are"])
def test_an_accepted_order_is_told_field_by_field(spell: Any) -> None:
    row = {name: spell(value) for name, value in ACK.items()}
    answer = ask(Action.PLACE, row)
    assert answer.outcome is OrderOutcome.ACCEPTED
    assert (answer.status, answer.code, answer.body) == (200, 0, body(row).decode())
    event = answer.order
    assert (event.source, event.execution) == (Source.ANSWER, Execution.NEW)
    assert (event.symbol, event.client_order_id, event.order_id) == ("BTCUSDT", "R01a", 22542179)
    assert (event.status, event.reason) == (OrderStatus.NEW, EndReason.NONE)
    assert (event.side, event.order_type) == (Side.SELL, OrderType.LIMIT)
    assert (event.time_in_force, event.position_side) == (TimeInForce.GTX, PositionSide.SHORT)
    assert (event.price_e, event.qty_e, event.filled_qty_e) == (900010, 15, 10)
    assert (event.average, event.stop_price_e, event.reduce_only) == ("", None, True)
    assert event.venue_ns == 1566818724722 * MS
    assert not event.conditional


@pytest.mark.parametrize(
    ("action", "status", "execution"),
    [
        (Action.PLACE, "NEW", Execution.NEW),
        (Action.PLACE, "FILLED", Execution.STATE),
        (Action.PLACE, "EXPIRED", Execution.STATE),
        (Action.CANCEL, "CANCELED", Execution.CANCELLED),
        (Action.CANCEL, "FILLED", Execution.STATE),
        (Action.AMEND, "NEW", Execution.AMENDED),
        (Action.AMEND, "PARTIALLY_FILLED", Execution.AMENDED),
        (Action.AMEND, "CANCELED", Execution.STATE),
        (Action.QUERY, "NEW", Execution.STATE),
        (Action.QUERY, "CANCELED", Execution.STATE),
    ],
)
def test_what_an_answer_says_has_happened(
    action: Action, status: str, execution: Execution
) -> None:
    event = ask(action, {**ACK, "status": status}).order
    assert event.execution is execution
    assert event.source is (Source.QUERY if action is Action.QUERY else Source.ANSWER)


@pytest.mark.parametrize(
    ("status", "expected", "reason"),
    [
        ("PARTIALLY_FILLED", OrderStatus.PARTIALLY_FILLED, EndReason.NONE),
        ("REJECTED", OrderStatus.REJECTED, EndReason.NONE),
        ("EXPIRED_IN_MATCH", OrderStatus.EXPIRED, EndReason.SELF_TRADE),
        ("NEW_INSURANCE", OrderStatus.NEW, EndReason.NONE),
        ("SOMETHING_NEW", None, EndReason.NONE),
    ],
)
def test_statuses(status: str, expected: OrderStatus | None, reason: EndReason) -> None:
    event = ask(Action.QUERY, {**ACK, "status": status}).order
    assert (event.status, event.reason) == (expected, reason)


def test_an_average_price_is_kept_as_written_and_zero_is_none() -> None:
    for text, expected in (("9000.12345", "9000.12345"), ("0.00000", ""), ("0", "")):
        assert ask(Action.QUERY, {**ACK, "avgPrice": text}).order.average == expected


@pytest.mark.parametrize("client_id", ["autoclose-1", "adl_autoclose", "settlement_autoclose-1"])
def test_the_venues_own_orders_are_known_by_their_client_id(client_id: str) -> None:
    assert ask(Action.QUERY, {**ACK, "clientOrderId": client_id}).order.liquidation
    assert not ask(Action.QUERY, ACK).order.liquidation


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("NEW", OrderStatus.NEW),
        ("TRIGGERING", OrderStatus.TRIGGERED),
        ("TRIGGERED", OrderStatus.TRIGGERED),
        ("FINISHED", OrderStatus.TRIGGERED),
        ("CANCELED", OrderStatus.CANCELLED),
        ("REJECTED", OrderStatus.REJECTED),
        ("EXPIRED", OrderStatus.EXPIRED),
    ],
)
def test_a_conditional_order_is_told_apart(status: str, expected: OrderStatus) -> None:
    event = ask(Action.QUERY, {**ALGO, "algoStatus": status}).order
    assert event.conditional
    assert event.status is expected
    assert (event.order_id, event.born_order_id) == (2148719, 22542180)
    assert (event.price_e, event.qty_e, event.stop_price_e) == (74950, 10, 75000)
    assert (event.reason is EndReason.TRIGGER_REJECTED) == (status == "REJECTED")


def test_a_cancelled_conditional_order_is_answered_by_its_ids_alone() -> None:
    answer = ask(Action.CANCEL, {"algoId": 1, "clientAlgoId": "a", "code": "200", "msg": "success"})
    assert answer.outcome is OrderOutcome.ACCEPTED
    assert answer.order is None


def test_the_unknown_symbol_of_an_order_loses_only_its_numbers() -> None:
    event = ask(Action.QUERY, {**ACK, "symbol": "NEWUSDT"}).order
    assert (event.symbol, event.order_id, event.side) == ("NEWUSDT", 22542179, Side.SELL)
    assert (event.price_e, event.qty_e) == (None, None)


@pytest.mark.parametrize("action", list(Action))
@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"orderId', b"OK", b'{"orderId":""}', b"1"])
def test_a_success_that_names_nothing_proves_nothing(raw: bytes, action: Action) -> None:
    answer = ask(action, raw)
    assert answer.outcome is OrderOutcome.UNKNOWN
    assert answer.body == raw.decode()


@pytest.mark.parametrize("code", [200, "200"])
def test_cancel_all_is_answered_by_a_code(code: Any) -> None:
    row = {"code": code, "msg": "The operation of cancel all open order is done."}
    answer = ask(Action.CANCEL_ALL, row)
    assert (answer.outcome, answer.order) == (OrderOutcome.ACCEPTED, None)


def test_an_error_is_carried_with_the_venues_words() -> None:
    raw = b'{"code":-2019,"msg":"Margin is insufficient."}'
    answer = ask(Action.PLACE, raw, 400)
    assert (answer.outcome, answer.status, answer.code) == (OrderOutcome.REFUSED, 400, -2019)
    assert answer.body == raw.decode()


@given(
    st.dictionaries(
        st.sampled_from(sorted(ACK)),
        st.sampled_from([None, "", "x", -1, 0, "1e400", "0.0001", [], True, 2**70]),
    )
)
def test_no_odd_value_loses_the_rest_of_an_order(odd: dict[str, Any]) -> None:
    odd.pop("orderId", None)
    answer = ask(Action.PLACE, {**ACK, **odd})
    assert answer.outcome is OrderOutcome.ACCEPTED
    expected = ask(Action.PLACE, ACK).order
    if not odd.keys() & {"side", "symbol"}:
        assert answer.order.side is expected.side
    assert answer.order.order_id == 22542179
    if not odd.keys() & {"price", "symbol"}:
        assert answer.order.price_e == expected.price_e


@given(st.sampled_from(list(Action)), st.integers(100, 599), st.binary(max_size=100))
def test_no_answer_breaks_the_judge(action: Action, status: int, raw: bytes) -> None:
    assert judge(action, status, {}, raw, scales).status == status


# Batches


def test_each_element_of_a_batch_is_judged_alone() -> None:
    rows = [
        ACK,
        {"code": -2022, "msg": "ReduceOnly Order is rejected."},
        {"code": -4999, "msg": "?"},
        {"code": -1003, "msg": "Too many requests."},
        {},
    ]
    answers = judge_batch(Action.PLACE, 5, 200, {}, body(rows), scales)
    assert [answer.outcome for answer in answers] == [
        OrderOutcome.ACCEPTED,
        OrderOutcome.REFUSED,
        OrderOutcome.UNKNOWN,
        OrderOutcome.THROTTLED,
        OrderOutcome.UNKNOWN,
    ]
    assert answers[0].order is not None
    assert answers[1].reconcile
    assert json.loads(answers[1].body) == rows[1]


@pytest.mark.parametrize(
    ("status", "raw", "outcome"),
    [
        (200, body([ACK]), OrderOutcome.UNKNOWN),
        (200, body([ACK] * 3), OrderOutcome.UNKNOWN),
        (200, b"{}", OrderOutcome.UNKNOWN),
        (200, b"", OrderOutcome.UNKNOWN),
        (400, b'{"code":-4082,"msg":"Invalid size"}', OrderOutcome.REFUSED),
        (429, b"", OrderOutcome.THROTTLED),
        (502, b"", OrderOutcome.UNKNOWN),
    ],
)
def test_an_answer_to_a_whole_batch_holds_for_every_element(
    status: int, raw: bytes, outcome: OrderOutcome
) -> None:
    answers = judge_batch(Action.PLACE, 2, status, {}, raw, scales)
    assert [answer.outcome for answer in answers] == [outcome] * 2


def test_a_list_of_orders_may_hold_either_kind() -> None:
    found = order_events(body([ACK, ALGO]), scales)
    assert [event.conditional for event in found] == [False, True]
    assert all(event.source is Source.QUERY for event in found)
    with pytest.raises(ValueError, match="names no order"):
        order_events(b"[{}]", scales)
