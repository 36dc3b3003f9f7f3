"""An order whose fields lie in C is to Python what a plain object with those fields is."""

import copy
import pickle
from typing import Any

import pytest

from connector.model.instrument import Instrument
from connector.model.intents import OrderType, PositionSide, TimeInForce
from connector.model.order import FIELDS, Fill, Order
from connector.model.records import Side
from connector.model.reports import EndReason, OrderStatus

INSTRUMENT = Instrument(
    symbol="BTCUSDT",
    exchange="BinanceU",
    price_exponent=2,
    qty_exponent=3,
    price_digits=2,
    qty_digits=3,
    tick_e=1,
    step_e=1,
)
BEGINS: dict[str, Any] = {
    "key": 7,
    "account": 1,
    "strategy": "maker",
    "instrument": INSTRUMENT,
    **dict.fromkeys(("client_order_id", "venue_order_id", "ref_id", "average"), ""),
    **dict.fromkeys(("order_id", "conditional_id", "price_e", "stop_price_e", "worth")),
    **dict.fromkeys(("qty_e", "command", "created_ns", "filled_qty_e", "known_qty_e"), 0),
    **dict.fromkeys(("inferred_qty_e", "inferred_price_e", "notional_e", "average_of_e"), 0),
    "changed_ns": 0,
    **dict.fromkeys(("conditional", "reduce_only", "submitted", "restored", "echoed"), False),
    "cancel_wanted": False,
    "side": Side.BUY,
    "order_type": OrderType.LIMIT,
    "time_in_force": TimeInForce.NONE,
    "position_side": PositionSide.BOTH,
    "status": OrderStatus.PENDING,
    "reason": EndReason.NONE,
    "fills": {},
}
NUMBERS = [name for name in FIELDS if name.endswith(("_e", "_ns")) or name in ("key", "command")]
EDGES = [0, 1, -1, 2**62, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64, 2**98 - 1, 2**98, 2**200]


def made(**fields: Any) -> Order:
    return Order(**{**{name: BEGINS[name] for name in FIELDS[:4]}, **fields})


def test_how_an_order_begins() -> None:
    assert sorted(BEGINS) == sorted(FIELDS)
    order = made()
    for name, value in BEGINS.items():
        assert getattr(order, name) == value, name
        assert type(getattr(order, name)) is type(value), name
    assert made().fills is not order.fills
    assert order != made()
    assert repr(order).startswith(
        "Order(key=7, account=1, strategy='maker', instrument=Instrument("
    )


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_has_any_size_and_touches_no_other(name: str) -> None:
    order = made()
    before = {one: getattr(order, one) for one in FIELDS if one != name}
    for value in [*EDGES, *reversed(EDGES)]:
        setattr(order, name, value)
        assert getattr(order, name) == value
        assert getattr(made(**{name: value}), name) == value
        assert {one: getattr(order, one) for one in before} == before
    if name in ("price_e", "stop_price_e"):
        for value in (None, 2**70, None, 5):
            setattr(order, name, value)
            assert getattr(order, name) == value


@pytest.mark.parametrize("name", ["side", "order_type", "time_in_force", "status", "reason"])
def test_a_member_stays_the_member(name: str) -> None:
    order = made()
    for member in type(getattr(order, name)):
        setattr(order, name, member)
        assert getattr(order, name) is member


def test_what_is_no_field_is_refused() -> None:
    with pytest.raises(TypeError):
        made(colour="blue")
    with pytest.raises(TypeError):
        Order(key=1)  # type: ignore[call-arg]
    order = made()
    with pytest.raises(AttributeError):
        order.colour = "blue"  # type: ignore[attr-defined]
    for name, value in (("qty_e", "5"), ("status", "NEW"), ("average", 5)):
        with pytest.raises(TypeError):
            setattr(order, name, value)
    assert (order.qty_e, order.status, order.average) == (0, OrderStatus.PENDING, "")


def test_there_is_one_of_each_order() -> None:
    order = made(fills={5: Fill(1, 2)})
    for copied in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError):
            copied(order)
