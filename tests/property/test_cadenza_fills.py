"""Sums and executions of an order at Cadenza, late, twice, in any order: every fill counts once."""

import json
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from connector.model.order import Order
from connector.model.records import Side
from connector.model.reports import OrderStatus, Update
from connector.trading.effects import Detail, Report
from connector.trading.tracker import Tracker
from connector.venues.cadenza import order_rows
from connector.venues.trading_contract import Source
from tests.venues.test_cadenza_user import BTC, E8, ID, scales


def plain(value: int, unit: int) -> str:
    return f"{Decimal(value) / unit:f}"


def executions(fills: list[tuple[int, int]]) -> list[dict[str, Any]]:
    """Lots of 10^-5 at prices in hundredths."""
    return [
        {
            "executionId": f"e{index}", "executedQuantity": plain(lots, 10**5),
            "executedPrice": plain(cents, 100),
            "executedCost": plain(lots * cents, 10**7), "executedAt": 1632933600000 + index,
            "fees": [{"asset": "BNB", "quantity": "0.001"}],
        }
        for index, (lots, cents) in enumerate(fills)
    ]  # fmt: skip


def row(fills: list[tuple[int, int]], count: int, whole: int, named: bool) -> bytes:
    """The order's row after so many of its fills."""
    done = fills[:count]
    lots = sum(one for one, _ in done)
    cost = plain(sum(one * cents for one, cents in done), 10**7)
    ended = count == len(fills)
    status = "FILLED" if ended and lots == whole else "CANCELLED" if ended else "ACCEPTED"
    told = {
        "tradeOrderId": ID, "instrumentId": BTC.symbol, "status": status, "orderSide": "BUY",
        "orderType": "LIMIT", "timeInForce": "GTC", "quantity": plain(whole, 10**5),
        "executedQuantity": plain(lots, 10**5), "executedCost": cost,
        "updatedAt": 1632933600000 + count,
    }  # fmt: skip
    if named:
        told["executions"] = executions(done)
    return json.dumps(told).encode()


@given(st.data())
def test_every_fill_is_booked_once_in_any_order_of_arrival(data: st.DataObject) -> None:
    """Sums and executions of any moment of the order's life, late, twice, from either side: the
    fills that are told add up to the venue's count at what it cost, and in the end, when the whole
    list was told, every fill has its name and its fee."""
    lots = st.integers(1, 10**6)
    fills = data.draw(st.lists(st.tuples(lots, st.integers(1, 10**7)), min_size=1, max_size=5))
    total = sum(one for one, _ in fills)
    whole = total + data.draw(st.sampled_from([0, 7]))
    moments = data.draw(
        st.lists(st.tuples(st.integers(0, len(fills)), st.booleans()), min_size=1, max_size=8)
    )
    tracker = Tracker(iter(range(100)).__next__)
    own = Order(
        key=1_000, account=0, strategy="s", instrument=BTC, client_order_id="c", side=Side.BUY,
        venue_order_id=ID, price_e=E8, qty_e=whole * 1000,
    )  # fmt: skip
    tracker.orders.restore(own)
    told, named, fees, most = 0, set[str](), 0, 0
    for now_ns, (count, lists) in enumerate([*moments, (len(fills), False), (len(fills), True)]):
        most = max(most, count)
        raw, several = row(fills, count, whole, lists), data.draw(st.booleans())
        events = order_rows.order_events(raw, scales, Source.STREAM)
        one = order_rows.order_event(raw, scales, Source.STREAM)
        for event in events if several else [one]:
            for effect in tracker.event(0, event, now_ns + 1):
                if isinstance(effect, Report) and effect.update is Update.EXECUTED:
                    told += effect.last_qty_e
                if isinstance(effect, Report | Detail) and effect.venue_trade_id:
                    assert effect.venue_trade_id not in named
                    named.add(effect.venue_trade_id)
                    fees += effect.fee_e or 0
        so_far = fills[:most]
        assert told == own.known_qty_e == sum(one for one, _ in so_far) * 1000
        if not own.inferred_qty_e:
            assert own.notional_e == sum(one * cents for one, cents in so_far) * 1000 * 10**6
    assert own.status is (OrderStatus.FILLED if total == whole else OrderStatus.CANCELLED)
    assert named == {f"e{index}" for index in range(len(fills))}
    assert (fees, own.inferred_qty_e) == (len(fills) * 100_000, 0)
