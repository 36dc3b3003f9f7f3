"""Sums and executions of an order at Cadenza, late, twice, in any order: every fill counts once."""

import json
from decimal import Decimal
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from connector.model.order import Order
from connector.model.packing import layout
from connector.model.records import RecordType, Side
from connector.model.reports import OrderStatus, Update
from connector.trading import reports
from connector.trading.effects import Detail, Report
from connector.trading.recovery import Checkpoint, Replay, encoded, kept, restored
from connector.trading.tracker import Tracker
from connector.venues.cadenza import order_rows
from connector.venues.trading_contract import OrderEvent, Source
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


MOMENTS = st.tuples(st.integers(0, 5), st.booleans(), st.booleans(), st.booleans())
"""After how many fills; whether the row lists them; whether it is read as several events;
whether a run begins before it, from a checkpoint."""


class Life:
    """One order, and what its journal says."""

    def __init__(self, whole: int) -> None:
        self.tracker = Tracker(iter(range(100)).__next__)
        self.order = made(whole)
        self.tracker.orders.restore(self.order)
        self.told_e, self.fees_e, self.named = 0, 0, set[str]()
        self.sums_e = 0
        """Told without a name."""
        self.replay = Replay("s")
        for kind, body in (
            (RecordType.CHECKPOINT, encoded(Checkpoint(accounts=["main"]))),
            (RecordType.INSTRUMENT_CHANGE, layout("InstrumentEntry").pack(
                id=0, symbol=BTC.symbol, price_exponent=BTC.price_exponent,
                qty_exponent=BTC.qty_exponent)),
        ):  # fmt: skip
            self.replay.take(kind, 0, 0, body)
        self.replay.orders[1_000] = kept(self.order, "main")

    def again(self, now_ns: int) -> None:
        """The next run, which has a checkpoint."""
        self.tracker = Tracker(iter(range(100)).__next__)
        self.order = restored(kept(self.order, "main"), 0, made(1))
        self.tracker.restored(self.order, now_ns)

    def hear(self, event: OrderEvent, now_ns: int) -> None:
        for effect in self.tracker.event(0, event, now_ns):
            assert isinstance(effect, Report | Detail)
            if isinstance(effect, Report):
                self.replay.take(*self.at(reports.report(effect, 0)))
                if effect.update is Update.EXECUTED:
                    self.told_e += effect.last_qty_e
                    self.sums_e += 0 if effect.venue_trade_id else effect.last_qty_e
            else:
                self.replay.take(*self.at(reports.detail(effect, 0)))
            if effect.venue_trade_id:
                assert effect.venue_trade_id not in self.named
                self.named.add(effect.venue_trade_id)
                self.fees_e += effect.fee_e or 0

    def at(self, entry: tuple[RecordType, bytes]) -> tuple[int, int, int, bytes]:
        return entry[0], 0, 0, entry[1]

    def check(self, cost_e: int) -> None:
        """What all fills cost that were counted, told by the order, by a checkpoint, and by the
        journal as far as the prices in it are exact."""
        order = self.order
        assert order.notional_e == cost_e
        assert restored(kept(order, "main"), 0, made(1)).notional_e == cost_e
        again = restored(self.replay.orders[order.key], 0, made(1))
        assert (again.known_qty_e, again.fills) == (order.known_qty_e, order.fills)
        assert again.inferred_qty_e == order.inferred_qty_e
        # Half a unit of the price for each that was told without a name.
        assert abs(again.notional_e - cost_e) <= (self.sums_e // 2 if order.inferred_qty_e else 0)


def made(whole: int) -> Order:
    return Order(
        key=1_000, account=0, strategy="s", instrument=BTC, client_order_id="c", side=Side.BUY,
        venue_order_id=ID, price_e=E8, qty_e=whole * 1000,
    )  # fmt: skip


@given(
    st.lists(st.tuples(st.integers(1, 10**6), st.integers(1, 10**7)), min_size=1, max_size=5),
    st.sampled_from([0, 7]),
    st.lists(MOMENTS, min_size=1, max_size=8),
)
@example(  # two of three that were counted by their sum are named: the third has cost the rest
    [(1, 1), (1, 3), (2, 1), (1, 1)],
    0,
    [(3, False, False, False), (2, True, True, False), (4, False, False, False)],
)
@example(  # and over a restart
    [(1, 1), (2, 2), (1, 2)],
    0,
    [(2, False, False, False), (1, True, False, True), (3, False, False, True)],
)
def test_every_fill_is_booked_once_in_any_order_of_arrival(
    fills: list[tuple[int, int]], more: int, moments: list[tuple[int, bool, bool, bool]]
) -> None:
    """Sums and executions of any moment of the order's life, late, twice, from either side: the
    fills that are told add up to the venue's count at what it cost, named or not, and in the end,
    when the whole list was told, every fill has its name and its fee. A run that is started from
    the journal knows the same."""
    total = sum(one for one, _ in fills)
    ends = [(len(fills), lists, True, False) for lists in (False, True)]
    life, most = Life(total + more), 0
    for now_ns, (moment, lists, several, again) in enumerate([*moments, *ends]):
        if again:
            life.again(now_ns)
        own, count = life.order, min(moment, len(fills))
        most = max(most, count)
        raw = row(fills, count, total + more, lists)
        events = order_rows.order_events(raw, scales, Source.STREAM)
        one = order_rows.order_event(raw, scales, Source.STREAM)
        for event in events if several else [one]:
            life.hear(event, now_ns + 1)
        so_far = fills[:most]
        assert life.told_e == own.known_qty_e == sum(one for one, _ in so_far) * 1000
        life.check(sum(one * cents for one, cents in so_far) * 1000 * 10**6)
    assert own.status is (OrderStatus.CANCELLED if more else OrderStatus.FILLED)
    assert life.named == {f"e{index}" for index in range(len(fills))}
    assert (life.fees_e, own.inferred_qty_e) == (len(fills) * 100_000, 0)
