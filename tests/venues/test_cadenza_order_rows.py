"""Cadenza, what an order's row proves of what was filled: fees that are not told are not known,
numbers finer than a scale are booked as far as it goes and never in silence, averages and costs
give each other."""

import json
import logging
from decimal import ROUND_FLOOR, Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.model.counters import Counter
from connector.model.order import Order
from connector.model.records import Side
from connector.model.reports import Update
from connector.trading.effects import Report
from connector.trading.recovery import kept, restored
from connector.trading.tracker import Tracker
from connector.venues.cadenza import order_rows
from connector.venues.trading_contract import OrderAnswer, OrderEvent, OrderOutcome, Source
from tests.reference.desk_rig import Rig
from tests.venues.test_cadenza_user import BTC, E8, ID, REST_ORDER, scales

FEE = {"asset": "USDT", "quantity": "0.002"}


def row(**fields: Any) -> bytes:
    return json.dumps(REST_ORDER | fields).encode()


def event(**fields: Any) -> OrderEvent:
    return order_rows.order_event(row(**fields), scales, Source.QUERY)


def execution(name: str, qty: str, at: int = 0, **fields: Any) -> dict[str, Any]:
    told = {"executionId": name, "executedQuantity": qty, "executedPrice": "1234.5"}
    return told | {"executedAt": 1632933600000 + at} | fields


@pytest.mark.parametrize(
    ("fees", "told"),
    [
        ({}, (None, "")),
        ({"fees": None}, (None, "")),
        ({"fees": []}, (None, "")),
        ({"fees": "0"}, (None, "")),
        ({"fees": [{"asset": "USDT"}]}, (None, "")),
        ({"fees": [{"asset": "USDT", "quantity": "much"}]}, (None, "")),
        ({"fees": [FEE | {"quantity": "0"}]}, (0, "USDT")),
        ({"fees": [FEE]}, (200_000, "USDT")),
        ({"fees": [FEE, FEE]}, (400_000, "USDT")),
        ({"fees": [FEE | {"asset": "BTC", "quantity": "0"}, FEE]}, (200_000, "USDT")),
    ],
)
def test_a_fee_is_known_when_it_is_told(fees: dict[str, Any], told: tuple[int | None, str]) -> None:
    for order_fees in ([], [FEE]):
        found = event(executions=[execution("a", "2.0", **fees)], fees=order_fees)
        (fill,) = found.fills
        assert (fill.fee_e, fill.fee_asset) == told


def test_a_fee_that_is_told_later_is_told_on() -> None:
    tracker = Tracker(iter(range(100)).__next__)
    tracker.orders.restore(own(2 * E8))
    silent, told = (event(executions=[execution("a", "2.0", fees=fees)]) for fees in ([], [FEE]))
    reports = [one for one in tracker.event(0, silent, 1) if isinstance(one, Report)]
    assert [one.fee_e for one in reports if one.update is Update.EXECUTED] == [None]
    (more,) = tracker.event(0, told, 2)
    assert (more.venue_trade_id, more.fee_e, more.fee_asset) == ("a", 200_000, "USDT")  # type: ignore[union-attr]


def own(qty_e: int) -> Order:
    return Order(
        key=1_000, account=0, strategy="s", instrument=BTC, client_order_id="c", side=Side.BUY,
        venue_order_id=ID, price_e=E8, qty_e=qty_e,
    )  # fmt: skip


LISTED = {
    "of one moment, the newer first": [["A"], ["B", "A"], ["C", "B", "A"]],
    "an earlier one later": [["B"], ["A", "B"], ["A", "B", "C"]],
    "in their order": [["A"], ["A", "B"], ["A", "B", "C"]],
}


@pytest.mark.parametrize("restart", [0, 1, 2])
@pytest.mark.parametrize("lists", LISTED.values(), ids=LISTED)
def test_executions_in_any_order_come_to_what_the_venue_counts_over_a_restart(
    lists: list[list[str]], restart: int
) -> None:
    """``restart``: behind so many rows."""
    sizes, at = {"A": 2, "B": 4, "C": 4}, {"A": -5 * (lists[0] == ["B"]), "B": 0, "C": 5}
    tracker, order, told = Tracker(iter(range(100)).__next__), own(10 * E8), 0
    tracker.orders.restore(order)
    for number, names in enumerate(lists, 1):
        filled = sum(sizes[name] for name in names)
        rows = [execution(name, str(sizes[name]), at[name]) for name in names]
        body = row(
            executions=rows, quantity="10", executedQuantity=str(filled), executedPrice=None,
            executedCost=str(filled * 1234.5), updatedAt=1632933600000 + number,
            status="FILLED" if filled == 10 else "PARTIALLY_FILLED",
        )  # fmt: skip
        heard = order_rows.order_event(body, scales, Source.STREAM)
        told += sum(
            one.last_qty_e for one in tracker.event(0, heard, number) if isinstance(one, Report)
        )
        assert told == order.known_qty_e == filled * E8
        if number == restart:
            order = restored(kept(order, "main"), 0, own(10 * E8))
            tracker = Tracker(iter(range(100, 200)).__next__)
            tracker.restored(order, number)
            assert order.known_qty_e == told


@pytest.mark.parametrize(
    ("quantity", "filled_e", "unfit"),
    [
        ("2.00000000000", 2 * E8, False),
        ("0.123456789", 12_345_678, True),
        ("0.000000001", 0, True),
        ("0", 0, False),
        (0.5, E8 // 2, False),
        ("99999999999999999999", None, True),
        ("-1", None, True),
        ("many", None, True),
        ("1" + "0" * 60, None, True),
        ("", None, False),
        (None, None, False),
    ],
)
def test_a_sum_is_booked_as_far_as_the_scale_goes(
    quantity: Any, filled_e: int | None, unfit: bool
) -> None:
    found = event(executedQuantity=quantity, executions=[])
    assert (found.filled_qty_e, bool(found.unfit)) == (filled_e, unfit)
    assert found.passing == (filled_e is None)
    assert len(found.unfit) < 80
    if unfit:
        assert str(quantity)[:40] in found.unfit


def floor(text: str) -> int:
    return int((Decimal(text) * E8).to_integral_value(ROUND_FLOOR))


DIGITS = st.integers(0, 16)


@given(st.lists(st.tuples(st.integers(1, 10**6), DIGITS), min_size=1, max_size=6), st.data())
def test_what_is_finer_than_the_scale_is_neither_lost_nor_made(
    parts: list[tuple[int, int]], data: st.DataObject
) -> None:
    """The executions of a list come, however fine, to the sum as far as the scale goes, and a
    tracker that is told them in whatever pieces books that and no more."""
    names = [f"e{index}" for index in range(len(parts))]
    exact = [Decimal(value).scaleb(-digits) for value, digits in parts]
    rows = [execution(names[i], f"{exact[i]:f}", i) for i in range(len(parts))]
    total = f"{sum(exact):f}"
    whole = floor(total) + 1
    tracker = Tracker(iter(range(100)).__next__)
    order = own(whole)
    tracker.orders.restore(order)
    booked = 0
    counts = data.draw(st.lists(st.integers(1, len(parts)), max_size=4))
    for now_ns, count in enumerate([*counts, len(parts)], 1):
        upto = f"{sum(exact[:count]):f}"
        told = event(
            executions=rows[:count], executedQuantity=upto, executedPrice="1234.5",
            executedCost=f"{sum(exact[:count]) * Decimal('1234.5'):f}", status="ACCEPTED",
        )  # fmt: skip
        assert sum(fill.last_qty_e for fill in told.fills) in (0, floor(upto))
        fits = all(part * E8 % 1 == 0 for part in exact[:count])
        assert bool(told.unfit) != fits
        for effect in tracker.event(0, told, now_ns):
            if isinstance(effect, Report) and effect.update is Update.EXECUTED:
                booked += effect.last_qty_e
    assert booked == order.known_qty_e == floor(total)


@pytest.mark.parametrize(
    ("cost", "price", "cost_e", "average"),
    [
        ("2469.0", "1234.5", 2469 * E8 * E8, "1234.5"),
        ("2469.0", "0", 2469 * E8 * E8, "1234.5"),
        ("2469.0", None, 2469 * E8 * E8, "1234.5"),
        ("1", None, E8 * E8, "0.5"),
        (None, "1234.5", 2469 * E8 * E8, "1234.5"),
        ("0", "1234.5", 2469 * E8 * E8, "1234.5"),
        (None, "1234.5000000000005", 2469 * E8 * E8 + 10_000, "1234.5000000000005"),
        ("0.00000000000000004", None, None, ""),
        ("0.0000000000000002", None, 2, "0.0000000000000001"),
        (None, None, None, ""),
        ("0", "0", None, ""),
        ("much", "-1", None, ""),
    ],
)
def test_cost_and_average_give_each_other(
    cost: str | None, price: str | None, cost_e: int | None, average: str
) -> None:
    found = event(executedCost=cost, executedPrice=price, executions=[])
    assert (found.cost_e, found.average) == (cost_e, average)
    assert found.filled_qty_e == 2 * E8


def test_a_price_finer_than_its_scale_is_rounded_and_one_that_is_not_told_is_not_made_up() -> None:
    (fill,) = event(executions=[execution("a", "2.0", executedPrice="0.123456785")]).fills
    assert fill.last_price_e == 12_345_678
    (fill,) = event(
        executions=[execution("a", "2.0", executedPrice=None, executedCost="2469")]
    ).fills
    assert fill.last_price_e == 123_450_000_000
    found = event(executions=[execution("a", "2.0", executedPrice=None)])
    assert (found.fills, found.filled_qty_e) == ((), 2 * E8)
    assert found.unfit == "executedPrice  of an execution"


def test_what_does_not_fit_is_counted_and_logged_once_however_often_it_is_listed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rig = Rig(tmp_path)
    orders = rig.desk.tracker.orders
    for key, name in enumerate((ID, "another"), 1):
        mine = Order(key=key, account=0, strategy="maker", instrument=BTC, qty_e=5 * E8)
        orders.add(mine)
        orders.named(mine, name)
    told = event(executedQuantity="0.123456789", executions=[], status="ACCEPTED")
    with caplog.at_level(logging.ERROR, "connector.desk"):
        rig.desk.order_event(rig.main, told)
        rig.desk.order_event(rig.main, event())
        for _ in range(3):
            rig.desk.order_event(rig.main, told)
            rig.desk.answered(rig.main, 0, OrderAnswer(OrderOutcome.ACCEPTED, order=told))
    assert rig.counted[Counter.NUMBER_ERRORS] == 1
    (line,) = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert "executedQuantity 0.123456789" in line.getMessage()
    assert vars(line)["order"] == ID
    more = event(executedQuantity="0.223456789", executions=[], status="ACCEPTED")
    other = msgspec.structs.replace(told, venue_order_id="another")
    for one in (more, other, more, told, other):
        rig.desk.order_event(rig.main, one)
    assert rig.counted[Counter.NUMBER_ERRORS] == 3, "another number, and another order"
    assert orders.odd.keys() == set(orders.keys())
    orders._kept = 0
    for order in list(orders):
        orders.ended(order)
    assert not orders.odd, "forgotten with the order"
    rig.halts.close()
