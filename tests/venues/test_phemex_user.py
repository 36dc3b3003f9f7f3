"""Phemex, private messages: the published samples, the traps of section 7, and whatever an entry
may lack or add."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.model.instrument import Instrument
from connector.model.intents import OrderType, PositionSide, TimeInForce
from connector.model.records import Side
from connector.model.reports import BalanceReason, EndReason, OrderStatus
from connector.venues.contract import Control
from connector.venues.phemex.signing import signer
from connector.venues.phemex.user import control, decode, decode_any, logon
from connector.venues.trading_contract import (
    BalanceEvent,
    Execution,
    OrderEvent,
    PositionEvent,
    Source,
    UnknownUserEvent,
)

GOLDEN = Path(__file__).parents[1] / "golden" / "phemex" / "aop.jsonl"
FRAMES = {
    row["name"]: row["raw"].encode() for row in map(json.loads, GOLDEN.read_text().splitlines())
}
NOBODY = "00000000-0000-0000-0000-000000000000"
BTCUSD = Instrument(
    symbol="BTCUSD", exchange="Phemex", base="BTC", quote="USD", margin="BTC", price_exponent=4,
    qty_exponent=0, price_digits=1, qty_digits=0, tick_e=5000, step_e=1,
)  # fmt: skip
BTCUSDT = Instrument(
    symbol="BTCUSDT", exchange="Phemex", base="BTC", quote="USDT", margin="USDT", price_exponent=2,
    qty_exponent=3, price_digits=1, qty_digits=3, tick_e=10, step_e=1,
)  # fmt: skip


def scales(symbol: str) -> Instrument | None:
    return {"BTCUSD": BTCUSD, "BTCUSDT": BTCUSDT}.get(symbol)


def test_the_published_snapshot() -> None:
    """Three fills of a maker, from before the connection."""
    *fills, balance, position = decode(FRAMES["snapshot_2019"], scales)
    assert [
        (one.last_qty_e, one.last_price_e, one.fee_e, one.venue_trade_id[:8]) for one in fills
    ] == [
        (2, 86885000, -5, "92301512"),
        (3, 86880000, -8, "80899855"),
        (4, 86865000, -11, "0be06645"),
    ]
    for one in fills:
        assert isinstance(one, OrderEvent)
        assert (one.source, one.execution, one.status) == (
            Source.HISTORY,
            Execution.TRADE,
            OrderStatus.FILLED,
        )
        assert (one.maker, one.fee_asset) == (True, "BTC")
    assert balance == BalanceEvent(
        asset="BTC",
        wallet_e=100000024,
        available_e=100000024 - 1222,
        venue_ns=1573716998131003833,
    )
    assert position == PositionEvent(
        symbol="BTCUSD",
        position_side=PositionSide.BOTH,
        qty_e=9,
        entry="8687.5941",
        unrealised_e=-107,
        realised_e=0,
        venue_ns=1573712618104628671,
    )


def test_the_published_order_that_takes() -> None:
    placed, filled, balance, position = decode(FRAMES["incremental_2019"], scales)
    told = dict(
        source=Source.STREAM,
        symbol="BTCUSD",
        client_order_id="uuid-1573717284329",
        venue_order_id="e329ae87-ce80-439d-b0cf-ad65272ed44c",
        side=Side.BUY,
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        price_e=86770000,
        qty_e=4,
        venue_ns=1573717286767188294,
        transaction_ns=1573717286765896560,
    )
    assert placed == OrderEvent(
        **told, execution=Execution.NEW, status=OrderStatus.NEW, filled_qty_e=0
    )
    assert filled == OrderEvent(
        **told,
        execution=Execution.TRADE,
        status=OrderStatus.FILLED,
        filled_qty_e=4,
        last_qty_e=4,
        last_price_e=86770000,
        venue_trade_id="8d1848a2-5faf-52dd-be71-9fecbc8926be",
        maker=False,
        fee_e=35,
        fee_asset="BTC",
        realised_e=0,
    )
    assert balance.wallet_e == 99999989
    assert (position.qty_e, position.entry, position.unrealised_e) == (13, "8684.3828", -192)


ENTRY: dict[str, Any] = json.loads(FRAMES["incremental_2019"])["orders"][0]


def entry(**fields: Any) -> Any:
    frame = {
        "accounts": [], "orders": [{**ENTRY, **fields}], "positions": [], "sequence": 1,
        "timestamp": 1573717286767188294, "type": "incremental",
    }  # fmt: skip
    (event,) = decode(json.dumps(frame).encode(), scales)
    return event


@pytest.mark.parametrize(
    ("fields", "execution", "status"),
    [
        ({}, Execution.NEW, OrderStatus.NEW),
        (
            {"ordStatus": "Created", "execStatus": "PendingNew"},
            Execution.STATE,
            None,
        ),
        ({"ordStatus": "New", "execStatus": "PendingCancel"}, Execution.STATE, OrderStatus.NEW),
        (
            {"ordStatus": "Untriggered", "execStatus": "New"},
            Execution.NEW,
            OrderStatus.NEW,
        ),
        (
            {"ordStatus": "Triggered", "execStatus": "New"},
            Execution.TRIGGERED,
            OrderStatus.TRIGGERED,
        ),
        (
            {"ordStatus": "Deactivated", "execStatus": "Canceled", "action": "Cancel"},
            Execution.CANCELLED,
            OrderStatus.CANCELLED,
        ),
        (
            {"ordStatus": "New", "execStatus": "Replaced", "action": "Replace"},
            Execution.AMENDED,
            OrderStatus.NEW,
        ),
        (
            {"ordStatus": "PartiallyFilled", "execStatus": "ReAdded", "action": "Replace"},
            Execution.AMENDED,
            OrderStatus.PARTIALLY_FILLED,
        ),
        (
            {"ordStatus": "New", "execStatus": "New", "action": "Replace"},
            Execution.AMENDED,
            OrderStatus.NEW,
        ),
        (
            {"ordStatus": "New", "execStatus": "CancelRejected", "action": "Cancel"},
            Execution.STATE,
            OrderStatus.NEW,
        ),
        ({"ordStatus": "Suspended", "execStatus": "New"}, Execution.STATE, None),
        ({"ordStatus": "Else", "execStatus": "Something"}, Execution.STATE, None),
        ({"ordStatus": None, "execStatus": 7}, Execution.STATE, None),
    ],
)
def test_what_an_entry_says(
    fields: dict[str, Any], execution: Execution, status: OrderStatus | None
) -> None:
    event = entry(**fields)
    assert (event.execution, event.status, event.passing) == (execution, status, False)
    assert (event.last_qty_e, event.venue_trade_id) == (0, "")
    assert event.venue_order_id == ENTRY["orderID"]


def test_a_cancel_is_no_fill_though_it_has_a_quantity() -> None:
    """As captured in 2021: the quantity that was taken away, no price, nobody's execution."""
    event = entry(
        action="Cancel", ordStatus="Canceled", execStatus="Canceled", execQty=4, execPriceEp=0,
        execID=NOBODY, cumQty=0,
    )  # fmt: skip
    assert (event.execution, event.status) == (Execution.CANCELLED, OrderStatus.CANCELLED)
    assert (event.reason, event.filled_qty_e) == (EndReason.COMMAND, 0)
    assert (event.last_qty_e, event.last_price_e, event.fee_e) == (0, None, None)


def test_a_cancel_that_replaces_does_not_end_the_order() -> None:
    event = entry(action="Replace", ordStatus="Canceled", execStatus="ReplaceToCanceled")
    assert (event.execution, event.status, event.passing) == (Execution.STATE, None, True)
    assert event.reason is EndReason.NONE
    assert (event.price_e, event.qty_e) == (None, None)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"execStatus": "Expired", "cxlRejReason": 101, "timeInForce": "PostOnly"}, "POST_ONLY"),
        (
            {"execStatus": "Aborted", "cxlRejReason": 100, "timeInForce": "ImmediateOrCancel"},
            "REMAINDER",
        ),
        (
            {"execStatus": "Aborted", "cxlRejReason": 100, "timeInForce": "FillOrKill"},
            "NOT_FILLABLE",
        ),
        ({"execStatus": "Expired", "timeInForce": "ImmediateOrCancel"}, "REMAINDER"),
        ({"execStatus": "Expired"}, "VENUE"),
        # An amend that made a post-only order cross: nothing is put back.
        ({"execStatus": "Aborted", "cxlRejReason": 101, "action": "Replace"}, "POST_ONLY"),
    ],
)
def test_what_the_engine_ends(fields: dict[str, Any], reason: str) -> None:
    event = entry(**{"ordStatus": "Canceled", "execQty": 4, "execID": NOBODY, **fields})
    assert (event.execution, event.status) == (Execution.EXPIRED, OrderStatus.EXPIRED)
    assert event.reason is EndReason[reason]
    assert event.last_qty_e == 0


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"action": "CancelAll"}, EndReason.COMMAND),
        ({"action": "Cancel", "actionBy": "BySystem"}, EndReason.VENUE),
        ({"action": "LiqRequest"}, EndReason.LIQUIDATION),
        ({"action": "New"}, EndReason.VENUE),
    ],
)
def test_who_cancelled(fields: dict[str, Any], reason: EndReason) -> None:
    event = entry(**{"ordStatus": "Canceled", "execStatus": "Canceled", **fields})
    assert (event.status, event.reason) == (OrderStatus.CANCELLED, reason)


@pytest.mark.parametrize(
    ("fields", "words", "reason"),
    [
        # As captured in 2025.
        ({"code": 11058, "message": ""}, "11058 TE_QTY_TOO_SMALL", EndReason.NONE),
        (
            {"code": 11001, "message": "TE: no enough available balance", "leavesQty": 1},
            "11001 TE_NO_ENOUGH_AVAILABLE_BALANCE TE: no enough available balance",
            EndReason.NONE,
        ),
        (
            {"code": 11011, "message": "No error"},
            "11011 TE_REDUCE_ONLY_ABORT",
            EndReason.REDUCE_ONLY,
        ),
        ({"code": 0, "cxlRejReason": 101}, "CE_WILLCROSS", EndReason.POST_ONLY),
        ({"code": 12345, "message": "new"}, "12345 new", EndReason.NONE),
    ],
)
def test_rejections(fields: dict[str, Any], words: str, reason: EndReason) -> None:
    event = entry(
        **{"ordStatus": "Rejected", "execStatus": "CreateRejected", "orderQty": 0, "execSeq": 0,
           "priceEp": 0, **fields}
    )  # fmt: skip
    assert (event.execution, event.status) == (Execution.REJECTED, OrderStatus.REJECTED)
    assert (event.words, event.reason) == (words, reason)
    assert (event.qty_e, event.price_e) == (None, None)


def test_a_part_of_a_fill_that_closes() -> None:
    """As captured in 2021."""
    event = entry(
        ordStatus="PartiallyFilled", execStatus="MakerFill", tradeType="Trade", execQty=3,
        cumQty=3, leavesQty=67, closedSize=3, closedPnlEv=11, execPriceEp=552310000,
        execFeeEv=-1, execID="x-1", lastLiquidityInd="AddedLiquidity", orderQty=70,
    )  # fmt: skip
    assert (event.status, event.filled_qty_e) == (OrderStatus.PARTIALLY_FILLED, 3)
    assert (event.last_qty_e, event.last_price_e, event.realised_e) == (3, 552310000, 11)
    assert (event.fee_e, event.maker, event.liquidation) == (-1, True, False)


@pytest.mark.parametrize("kind", ["LiqTrade", "AdlTrade"])
def test_the_venue_s_own_fills(kind: str) -> None:
    event = entry(
        ordStatus="Filled", execStatus="TakerFill", tradeType=kind, execQty=4, execID="x-2",
        execPriceEp=86770000,
    )  # fmt: skip
    assert (event.execution, event.liquidation) == (Execution.TRADE, True)
    assert event.order_type is OrderType.LIQUIDATION


def test_a_fill_after_an_amend_is_a_fill() -> None:
    event = entry(
        action="Replace", ordStatus="Filled", execStatus="MakerFill", tradeType="Trade",
        execQty=4, execID="x-3", execPriceEp=1,
    )  # fmt: skip
    assert (event.execution, event.status) == (Execution.TRADE, OrderStatus.FILLED)


def test_funding_is_no_order() -> None:
    event = entry(
        action="SettleFundingFee", tradeType="Funding", orderID=NOBODY, clOrdID="SettlingFunding",
        execStatus="Init", execFeeEv=479, curAccBalanceEv=99999510,
    )  # fmt: skip
    assert event == BalanceEvent(
        asset="BTC",
        wallet_e=99999510,
        change_e=-479,
        reason=BalanceReason.FUNDING,
        venue_ns=1573717286767188294,
    )


def test_short_and_isolated_positions() -> None:
    row = json.loads(FRAMES["incremental_2019"])["positions"][0]
    row |= {"side": "Sell", "size": 13, "leverageEr": 2_000_000_000}
    frame = {"accounts": [], "orders": [], "positions": [row], "type": "incremental"}
    (event,) = decode(json.dumps(frame).encode(), scales)
    assert (event.qty_e, event.isolated, event.leverage) == (-13, True, 20)
    row |= {"side": "None", "size": 0, "avgEntryPriceEp": 0, "leverageEr": -1_000_000_000}
    (event,) = decode(json.dumps(frame).encode(), scales)
    assert (event.qty_e, event.entry, event.isolated, event.leverage) == (0, "", False, 10)


# Section 10.3: texts in the place of scaled integers, quantities without a suffix.
HEDGED: dict[str, Any] = {
    "accountID": 9328670003, "action": "New", "actionBy": "ByUser", "clOrdID": "t-9",
    "closedPnlRv": "1.5", "code": 0, "cumQty": "0.001", "currency": "USDT", "cxlRejReason": 0,
    "execFeeRv": "0.0125094", "execID": "x-9", "execPriceRp": "20849", "execQty": "0.001",
    "execStatus": "TakerFill", "execValueRv": "20.849", "feeRateRr": "0.0006",
    "leavesQty": "0", "ordStatus": "Filled", "ordType": "Limit", "orderID": "o-9",
    "orderQty": "0.001", "posSide": "Short", "priceRp": "20850.5", "side": "Sell",
    "stopPxRp": "0", "symbol": "BTCUSDT", "timeInForce": "PostOnly", "tradeType": "Trade",
    "transactTimeNs": 1573717286765896560, "curAccBalanceRv": "1000",
}  # fmt: skip


def test_the_hedged_family_ends_in_the_same_events() -> None:
    frame = {
        "accounts_p": [
            {
                "accountBalanceRv": "1000.500000001999",
                "currency": "USDT",
                "totalUsedBalanceRv": "0.25",
            }
        ],
        "orders_p": [HEDGED],
        "positions_p": [
            {
                "symbol": "BTCUSDT", "currency": "USDT", "side": "Sell", "posSide": "Short",
                "size": "0.001", "avgEntryPriceRp": "20849.123456789", "leverageRr": "-10",
                "unrealisedPnlRv": "-0.5", "cumClosedPnlRv": "0", "transactTimeNs": 7,
            }
        ],
        "sequence": 1, "timestamp": 9, "type": "incremental", "version": 0,
    }  # fmt: skip
    raw = json.dumps(frame).encode()
    order, balance, position = decode(raw, scales)
    assert decode_any(raw, scales) == [order, balance, position]
    assert order == OrderEvent(
        source=Source.STREAM,
        execution=Execution.TRADE,
        status=OrderStatus.FILLED,
        symbol="BTCUSDT",
        client_order_id="t-9",
        venue_order_id="o-9",
        side=Side.SELL,
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTX,
        position_side=PositionSide.SHORT,
        price_e=2085050,
        qty_e=1,
        filled_qty_e=1,
        last_qty_e=1,
        last_price_e=2084900,
        venue_trade_id="x-9",
        maker=False,
        fee_e=1_250_940,
        fee_asset="USDT",
        realised_e=150_000_000,
        venue_ns=9,
        transaction_ns=1573717286765896560,
    )
    assert (balance.wallet_e, balance.available_e) == (100_050_000_000, 100_025_000_000)
    assert position == PositionEvent(
        symbol="BTCUSDT", position_side=PositionSide.SHORT, qty_e=-1, entry="20849.123456789",
        unrealised_e=-50_000_000, realised_e=0, leverage=10, venue_ns=7,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("frame", "events"),
    [
        ({"accounts": [], "orders": [], "positions": [], "type": "snapshot"}, []),
        ({"index_market24h": {"symbol": ".BTC"}}, []),
        ({"position_info": {"accountID": 1, "light": 2}}, []),
        ({"something": 1, "else": 2}, [UnknownUserEvent("else")]),
    ],
)
def test_frames_that_say_nothing(frame: dict[str, Any], events: list[UnknownUserEvent]) -> None:
    assert list(decode(json.dumps(frame).encode(), scales)) == events


@pytest.mark.parametrize(
    "frame",
    [b"", b"{}", b"[]", b"{", b'{"orders":[{}]}', b'{"orders":7}', b'{"orders":[{"symbol":"X"}]}'],
)
def test_what_is_no_event(frame: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  whatever cannot be read
        decode(frame, scales)


@given(
    st.sampled_from(sorted(ENTRY)),
    st.none() | st.booleans() | st.integers() | st.text(max_size=9) | st.lists(st.integers()),
)
def test_a_garbled_field_takes_no_other_with_it(field: str, value: Any) -> None:
    if field in ("symbol", "orderID", "clOrdID", "tradeType"):
        return
    event = entry(**{field: value})
    assert (event.venue_order_id, event.client_order_id) == (ENTRY["orderID"], ENTRY["clOrdID"])


@given(
    st.sampled_from(sorted(ENTRY)),
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
)
def test_both_ways_of_reading_say_the_same(field: str, value: Any) -> None:
    frame = json.loads(FRAMES["incremental_2019"])
    frame["orders"][0][field] = value
    raw = json.dumps(frame).encode()
    try:
        expected = decode_any(raw, scales)
    except ValueError:
        with pytest.raises(ValueError):  # noqa: PT011  whatever cannot be read
            decode(raw, scales)
        return
    assert decode(raw, scales) == expected


def test_a_symbol_nobody_configured_is_told_of_all_the_same() -> None:
    event = entry(symbol="cETHUSD")
    assert (event.symbol, event.status) == ("cETHUSD", OrderStatus.NEW)


# The connection


def test_a_connection_becomes_a_private_one() -> None:
    made = signer("key", b"secret")
    login, *subscriptions = map(json.loads, logon(made, 1_570_091_172 * 10**9))
    assert login["method"] == "user.auth"
    assert login["params"][:2] == ["API", "key"]
    assert login["params"][3] == 1_570_091_232
    assert [one["method"] for one in subscriptions] == ["aop.subscribe"]
    login, *subscriptions = map(json.loads, logon(made, 1_570_091_172 * 10**9, hedged=True))
    assert [one["method"] for one in subscriptions] == ["aop.subscribe", "aop_p.subscribe"]
    assert all(one["params"] == [] for one in subscriptions)
    assert len({one["id"] for one in [login, *subscriptions]}) == 3


@pytest.mark.parametrize(
    ("frame", "answer"),
    [
        ({"error": None, "id": 1, "result": {"status": "success"}}, Control(1, ok=True)),
        ({"error": None, "id": 7, "result": "pong"}, Control(7, ok=True)),
        (
            {"error": {"code": 6012, "message": "invalid login token"}, "id": 1, "result": None},
            Control(1, ok=False, fatal=True, message="6012 invalid login token"),
        ),
        (
            {"error": {"code": 6001, "message": "invalid argument"}, "id": None, "result": None},
            Control(None, ok=False, message="6001 invalid argument"),
        ),
        (
            {"error": None, "id": 2, "result": {"status": "failure"}},
            Control(2, ok=False, message='{"status": "failure"}'),
        ),
    ],
)
def test_answers_on_the_connection(frame: dict[str, Any], answer: Control) -> None:
    assert control(json.dumps(frame).encode()) == answer


def test_an_event_answers_nothing() -> None:
    for frame in FRAMES.values():
        assert control(frame) is None
