"""Limits by table, and exposure against the plain sum of what could happen."""

import itertools
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.model.instrument import Instrument
from connector.model.intents import Action, CommandFlag, OrderType, PositionSide
from connector.model.order import Order
from connector.model.packing import layout
from connector.model.records import Side
from connector.model.reports import Code, Field, OrderStatus
from connector.trading import risk
from connector.trading.commands import Command, Refusal, read
from connector.trading.risk import Book, Limits, Touch

BTC = Instrument(
    symbol="BTCUSDT", exchange="BinanceU", price_exponent=2, qty_exponent=3, price_digits=2,
    qty_digits=3, tick_e=10, step_e=1,
)  # fmt: skip
ABSENT = {
    name: None
    for name in (
        "order_id", "price_e", "qty_e", "stop_price_e", "activation_price_e", "callback_rate_e",
        "good_till_ns",
    )
}  # fmt: skip
TOUCH = Touch(live=True, bid_e=10_000_00, ask_e=10_001_00, mark_e=10_000 * 10**8)
MONEY = 10**8
MARKET = {"order_type": OrderType.MARKET, "price_e": None}
TOO_LARGE = (Code.RISK_LIMIT, Field.NOTIONAL)
TOO_FAR = (Code.RISK_LIMIT, Field.PRICE)
FINE = (None, None)
ALIVE_OR_NOT = [
    OrderStatus.PENDING,
    OrderStatus.UNKNOWN,
    OrderStatus.NEW,
    OrderStatus.CANCELLED,
]


def command(**given: Any) -> Command:
    fields = ABSENT | {
        "action": Action.PLACE, "side": Side.BUY, "order_type": OrderType.LIMIT,
        "price_e": 10_000_00, "qty_e": 1000,
    } | given  # fmt: skip
    return read(layout("Command").pack(**fields))


@pytest.mark.parametrize(
    ("order", "touch", "limits", "code", "field"),
    [
        ({}, TOUCH, Limits(), *FINE),
        ({}, Touch(live=False), Limits(), Code.STALE_BOOK, Field.INSTRUMENT),
        ({"flags": CommandFlag.REDUCE_ONLY}, Touch(live=False), Limits(), *FINE),
        ({}, TOUCH, Limits(order_notional_e=10_000 * MONEY), *FINE),
        ({"qty_e": 1001}, TOUCH, Limits(order_notional_e=10_000 * MONEY), *TOO_LARGE),
        # A bid below mark is valued at mark; a market order at the touch it would take.
        ({"price_e": 1_000_00}, TOUCH, Limits(order_notional_e=9_999 * MONEY), *TOO_LARGE),
        (MARKET, TOUCH, Limits(order_notional_e=10_001 * MONEY), *FINE),
        (MARKET, TOUCH, Limits(order_notional_e=10_001 * MONEY - 1), *TOO_LARGE),
        ({"price_e": 10_101_01}, TOUCH, Limits(collar_bps=100), *FINE),
        ({"price_e": 10_101_02}, TOUCH, Limits(collar_bps=100), *TOO_FAR),
        ({"side": Side.SELL, "price_e": 9_900_00}, TOUCH, Limits(collar_bps=100), *FINE),
        ({"side": Side.SELL, "price_e": 9_899_99}, TOUCH, Limits(collar_bps=100), *TOO_FAR),
    ],
)  # fmt: skip
def test_one_order(
    order: dict[str, Any], touch: Touch, limits: Limits, code: Code | None, field: Field | None
) -> None:
    if code is None:
        risk.check_order(command(**order), BTC, touch, limits)
        return
    with pytest.raises(Refusal) as caught:
        risk.check_order(command(**order), BTC, touch, limits)
    assert (caught.value.code, caught.value.field) == (code, field)


def test_counts_name_what_they_would_become() -> None:
    limits = Limits(open_orders=3, orders_per_second=2)
    risk.check_counts(2, 1, limits, placing=True)
    risk.check_counts(3, 1, limits, placing=False)
    for open_orders, pace, field in ((3, 0, Field.OPEN_ORDERS), (0, 2, Field.ORDER_RATE)):
        with pytest.raises(Refusal) as caught:
            risk.check_counts(open_orders, pace, limits, placing=True)
        assert caught.value.field is field
        assert caught.value.value_e == caught.value.limit_e + 1


def test_the_day_s_loss_stops_at_the_limit() -> None:
    risk.check_loss(-99, Limits(loss_e=100))
    with pytest.raises(Refusal):
        risk.check_loss(-100, Limits(loss_e=100))


ORDERS = st.lists(
    st.tuples(
        st.sampled_from(Side),
        st.integers(1, 50),
        st.integers(0, 49),
        st.sampled_from(ALIVE_OR_NOT),
        st.sampled_from([0, 0, 80]),
    ),
    max_size=6,
)  # fmt: skip


@given(st.integers(-60, 60), ORDERS)
def test_exposure_is_the_worst_of_every_way_the_orders_could_fill(
    position_e: int, rows: list[tuple[Side, int, int, OrderStatus, int]]
) -> None:
    orders, amends = [], {}
    for key, (side, qty_e, filled_e, status, amend_e) in enumerate(rows):
        order = Order(
            key=key, account=0, strategy="s", instrument=BTC, side=side, qty_e=qty_e,
            filled_qty_e=min(filled_e, qty_e), status=status,
        )  # fmt: skip
        orders.append(order)
        amends[key] = amend_e
    book = risk.gather(orders, lambda order: amends[order.key]).get(("BTCUSDT", 0), Book())
    book.position_e = position_e
    leaves = [
        (max(order.qty_e, amends[order.key]) - order.filled_qty_e)
        * (1 if order.side is Side.BUY else -1)
        for order in orders
        if not order.status.terminal
    ]
    worst = max(
        abs(position_e + sum(chosen))
        for size in range(len(leaves) + 1)
        for chosen in itertools.combinations(leaves, size)
    )
    assert book.worst_e == worst


@given(st.integers(1, 10**6), st.integers(1, 10**13), st.integers(1, 10**9))
def test_notional_rounds_away_from_zero(qty_e: int, mark_e: int, size_e: int) -> None:
    import msgspec

    sized = msgspec.structs.replace(BTC, contract_size_e=size_e)
    exact = Fraction(qty_e, 10**3) * Fraction(mark_e, 10**8) * Fraction(size_e, 10**8) * MONEY
    assert 0 <= risk.notional_e(sized, qty_e, mark_e) - exact < 1


def test_exposure_limits_growth_and_never_the_way_back() -> None:
    limits = Limits(exposure_e=100_000 * MONEY)
    marks = {"BTCUSDT": (BTC, 10_000 * MONEY)}
    place = ("BTCUSDT", int(PositionSide.BOTH))
    full = {place: Book(position_e=10_000)}
    with pytest.raises(Refusal) as caught:
        risk.check_exposure(command(qty_e=1), BTC, full, marks.get, limits)
    assert (caught.value.field, caught.value.limit_e) == (Field.EXPOSURE, 100_000 * MONEY)
    sell = command(side=Side.SELL, qty_e=20_000)
    risk.check_exposure(sell, BTC, full, marks.get, limits)
    with pytest.raises(Refusal):
        risk.check_exposure(command(side=Side.SELL, qty_e=20_001), BTC, full, marks.get, limits)
    with pytest.raises(Refusal) as caught:
        risk.check_exposure(command(qty_e=1), BTC, {}, lambda symbol: None, limits)
    assert caught.value.code is Code.STALE_BOOK
