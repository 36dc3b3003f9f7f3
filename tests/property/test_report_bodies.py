"""Reports packed by the compiled writer are those the layout's own packer writes."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector._speedups.report_bodies import answer_body, order_report_body
from connector.model.instrument import Instrument
from connector.model.intents import Action, OrderType, PositionSide, TimeInForce
from connector.model.order import Order
from connector.model.packing import layout
from connector.model.records import Side
from connector.model.reports import EndReason, Field, OrderStatus, ReportFlag, Result, Update
from connector.trading.effects import Answered, Report

REPORT, ANSWER = layout("OrderReportBody"), layout("CommandAnswerBody")
INSTRUMENT = Instrument(
    symbol="BTCUSDT",
    exchange="BinanceU",
    price_exponent=8,
    qty_exponent=8,
    price_digits=2,
    qty_digits=3,
    tick_e=1,
    step_e=1,
)
OF_ORDER = ("order_id", "command", "price_e", "qty_e", "stop_price_e", "side", "order_type",
            "time_in_force", "position_side", "client_order_id", "ref_id",
            "venue_order_id")  # fmt: skip

signed = st.integers(-(2**63) + 1, 2**63 - 1)
natural = st.integers(0, 2**63 - 1)
maybe = st.none() | signed
text = st.text("aZ9-ö測", max_size=12)


def members(kind: Any) -> Any:
    return st.sampled_from(list(kind))


orders = st.fixed_dictionaries(
    {
        "key": st.integers(0, 2**64 - 1),
        "order_id": st.none() | natural,
        "command": st.integers(0, 2**64 - 1),
        "price_e": maybe,
        "qty_e": natural,
        "stop_price_e": maybe,
        "side": members(Side),
        "order_type": members(OrderType),
        "time_in_force": members(TimeInForce),
        "position_side": members(PositionSide),
        "client_order_id": text,
        "ref_id": text,
        "venue_order_id": text,
    }
)
reports = st.fixed_dictionaries(
    {
        "update": members(Update),
        "status": members(OrderStatus),
        "reason": members(EndReason),
        "filled_qty_e": natural,
        "average_e": natural,
        "average_exponent": st.integers(0, 26),
        "flags": st.integers(0, 127).map(ReportFlag),
        "last_qty_e": natural,
        "last_price_e": maybe,
        "trade_id": st.none() | natural,
        "venue_trade_id": text,
        "fee_e": maybe,
        "fee_asset": st.text("USDTBN", max_size=16),
        "realised_e": maybe,
    }
)
answers = st.fixed_dictionaries(
    {
        "command": st.integers(0, 2**64 - 1),
        "action": members(Action),
        "ref_id": text,
        "result": members(Result),
        "code": st.integers(-(2**31), 2**31 - 1),
        "http_status": st.integers(0, 599),
        "venue_code": st.integers(-(2**31), 2**31 - 1),
        "field": members(Field),
        "value_e": signed,
        "limit_e": signed,
        "settled": st.booleans(),
        "batch": st.integers(0, 2**16 - 1),
        "sent_ns": natural,
    }
)


def made(values: dict[str, Any]) -> Order:
    return Order(account=0, strategy="maker", instrument=INSTRUMENT, **values)


@settings(max_examples=300)
@given(orders, reports, natural)
def test_order_reports(order: dict[str, Any], report: dict[str, Any], wall_ns: int) -> None:
    body = order_report_body(Report(order=made(order), **report), wall_ns)
    same = {name: order[name] for name in OF_ORDER}
    assert body == REPORT.pack(order_key=order["key"], wall_ns=wall_ns, **same, **report)


@settings(max_examples=300)
@given(st.none() | orders, answers, natural, natural, st.binary(max_size=64))
def test_answers(
    order: dict[str, Any] | None, answer: dict[str, Any], wall_ns: int, left_ns: int, words: bytes
) -> None:
    about = made(order) if order else None
    one = Answered(strategy="maker", order=about, account=0, **answer)
    names = {"order_key": 0, "order_id": None, "client_order_id": "", "venue_order_id": ""}
    if order:
        names = {name: order[name.replace("order_key", "key")] for name in names}
    packed = ANSWER.pack(wall_ns=wall_ns, left_ns=left_ns, text_bytes=len(words), **names, **answer)
    assert answer_body(one, wall_ns, left_ns, words) == packed + words


@pytest.mark.parametrize(
    "change", [{"client_order_id": "x" * 41}, {"key": -1}, {"qty_e": 2**63}, {"order_id": -(2**64)}]
)
def test_what_does_not_fit(change: dict[str, Any]) -> None:
    order = made({"key": 1, **change})
    one = Report(order=order, update=Update.STATE, status=1, reason=0, filled_qty_e=0,
                 average_e=0, average_exponent=0)  # fmt: skip
    with pytest.raises(ValueError, match=r"fit|convert|too large|negative"):
        order_report_body(one, 0)
