"""Orders at the simulated Cadenza that hang on others: who waits for whom, and who ends whom."""

from decimal import Decimal
from typing import Any

import pytest

from tests.reference.cadenza_rest import Cadenza
from tests.venues.test_sim_cadenza_orders import BTC, FEE, TICK, Trader


class Chained(Trader):
    def chain(self, **given: Any) -> list[dict[str, Any]]:
        return [dict(row) for row in self.get("tradeOrderSubmit", **self.wish(**given))]

    def states(self, rows: list[dict[str, Any]]) -> list[str]:
        return [self.order(row["tradeOrderId"])["status"] for row in rows]

    def until(self, rows: list[dict[str, Any]], *, ended: int) -> list[str]:
        """Their states once so many are at their end."""
        for _ in range(400):
            found = self.states(rows)
            if sum(word in ("FILLED", "CANCELLED", "EXPIRED") for word in found) >= ended:
                return found
            self.venue.run(250)
        raise AssertionError(found)


@pytest.fixture
def trader() -> Chained:
    return Chained(Cadenza("current"))


def test_one_of_two_that_come_after_ends_the_other(trader: Chained) -> None:
    bid, ask = trader.best()
    rows = trader.chain(
        orderType="MARKET", quantity="0.1", contingencyType="OTOCO",
        takeProfitPrice=str(ask + 2 * TICK), stopLossPrice=str(bid - 2 * TICK),
    )  # fmt: skip
    assert [row["status"] for row in rows] == ["SUBMITTED", "CREATED", "CREATED"]
    assert [row["orderType"] for row in rows] == ["MARKET", "TAKE_PROFIT", "STOP_LOSS"]
    assert [row["orderSide"] for row in rows] == ["BUY", "SELL", "SELL"]
    assert {row["contingencyType"] for row in rows} == {"OTOCO"}
    (name,) = {row["orderListId"] for row in rows}
    listed = trader.get("tradeOrderList", orderListId=name, ascending=True)
    assert {row["tradeOrderId"] for row in listed} == {row["tradeOrderId"] for row in rows}
    assert rows[0]["takeProfitPrice"] == str(ask + 2 * TICK)
    found = trader.until(rows, ended=3)
    assert sorted(found) == ["CANCELLED", "FILLED", "FILLED"]
    assert found[0] == "FILLED"
    assert trader.purse("BTC") == (2, 0)
    dropped = trader.order(rows[found.index("CANCELLED")]["tradeOrderId"])
    assert dropped["cancelReason"] == "CONTINGENCY"


def test_what_comes_after_waits_until_the_first_is_filled(trader: Chained) -> None:
    rows = trader.chain(limitPrice="50000.00", takeProfitPrice="99000.00", clientOrderId="k1")
    assert {row["contingencyType"] for row in rows} == {"OTO"}
    assert trader.states(rows) == ["ACCEPTED", "CREATED"]
    assert trader.purse("BTC") == (2, 0)
    again = trader.chain(limitPrice="50000.00", takeProfitPrice="99000.00", clientOrderId="k1")
    assert [row["tradeOrderId"] for row in again] == [row["tradeOrderId"] for row in rows]
    trader.cancel(rows[0]["tradeOrderId"])
    assert trader.states(rows) == ["CANCELLED", "CANCELLED"]
    rows = trader.chain(
        orderType="MARKET", takeProfitPrice="99000.00", takeProfitLimitPrice="98000.00"
    )
    assert trader.states(rows) == ["FILLED", "ACCEPTED"]
    assert rows[1]["orderType"] == "TAKE_PROFIT_LIMIT"
    assert trader.purse("BTC") == (2, Decimal("0.1"))
    trader.cancel(rows[1]["tradeOrderId"])
    assert trader.purse("BTC") == (Decimal("2.1"), 0)


def test_two_beside_each_other_are_paid_for_once(trader: Chained) -> None:
    _, ask = trader.best()
    wish = {"contingencyType": "OCO", "limitPrice": "50000.00", "quantity": "0.5"}
    rows = trader.chain(**wish, stopLossPrice="150000.00")
    assert [row["orderSide"] for row in rows] == ["BUY", "BUY"]
    assert trader.states(rows) == ["ACCEPTED", "ACCEPTED"]
    dearer = Decimal("0.5") * 150_000 * Decimal("1.05") * (1 + FEE)
    assert trader.purse("USDT") == (100_000 - dearer, dearer)
    trader.cancel(rows[0]["tradeOrderId"])
    assert trader.states(rows) == ["CANCELLED", "CANCELLED"]
    assert trader.purse("USDT") == (100_000, 0)
    assert trader.no(**wish | {"quantity": "0.7"}, stopLossPrice="150000.00") == (400, 18006)
    assert trader.purse("USDT") == (100_000, 0)
    rows = trader.chain(**wish | {"limitPrice": str(ask + 100)}, stopLossPrice="150000.00")
    assert trader.states(rows) == ["FILLED", "CANCELLED"]
    assert trader.purse("USDT")[1] == 0
    late = wish | {"orderType": "LIMIT_MAKER", "limitPrice": str(ask + 100)}
    rows = trader.chain(**late | {"quantity": "0.1"}, stopLossPrice="150000.00")
    assert trader.states(rows) == ["REJECTED", "CANCELLED"]
    assert trader.purse("USDT")[1] == 0


@pytest.mark.parametrize("first", ["limit", "stop"])
def test_one_move_of_the_market_that_meets_both_trades_one(trader: Chained, first: str) -> None:
    """Within one step of the market, before anything of it is told."""
    _, ask = trader.best()
    low, high = ask - 2000 * TICK, ask + 2000 * TICK
    rows = trader.chain(
        contingencyType="OCO", limitPrice=str(low), stopLossPrice=str(high), quantity="0.1"
    )
    assert trader.states(rows) == ["ACCEPTED", "ACCEPTED"]
    matcher = trader.venue.engine.market[BTC]
    prices = [int(price / TICK) for price in ((low, high) if first == "limit" else (high, low))]
    for price in prices:
        if price < ask / TICK:
            matcher.market_takes(0, 10**12, -price, trader.venue.now_ns)
        else:
            matcher.printed(price)
            trader.venue.engine.settle(trader.venue.now_ns)
    trader.venue.run(1)
    limit, stop = (trader.order(row["tradeOrderId"]) for row in rows)
    traded, dropped = (limit, stop) if first == "limit" else (stop, limit)
    assert (traded["status"], dropped["status"]) == ("FILLED", "CANCELLED")
    assert (Decimal(dropped["executedQuantity"]), dropped["cancelReason"]) == (0, "CONTINGENCY")
    assert "cancelReason" not in traded
    assert trader.purse("BTC") == (Decimal("2.1"), 0)
    assert trader.purse("USDT")[1] == 0


def test_a_part_that_traded_ends_the_other_and_the_rest_goes_on(trader: Chained) -> None:
    _, ask = trader.best()
    low = ask - 20 * TICK
    rows = trader.chain(
        contingencyType="OCO", limitPrice=str(low), stopLossPrice="150000.00", quantity="0.1"
    )
    matcher = trader.venue.engine.market[BTC]
    (number,) = (one.order_id for one in trader.venue.engine.open_orders(trader.account, BTC))
    book = matcher.book
    ahead = sum(lots for key, lots in book.levels(0) if -key > int(low / TICK))
    order = trader.venue.engine.order(trader.account, BTC, order_id=number)
    assert order is not None
    matcher.market_takes(0, ahead + order.ahead + 1, -int(low / TICK), trader.venue.now_ns)
    trader.venue.rest.turn(trader.venue.wall_ms())
    assert trader.states(rows) == ["PARTIALLY_FILLED", "CANCELLED"]
    trader.cancel(rows[0]["tradeOrderId"])
    assert trader.states(rows) == ["CANCELLED", "CANCELLED"]
    assert trader.purse("USDT")[1] == 0


def test_what_cannot_be_paid_for_is_rejected_when_its_time_comes(trader: Chained) -> None:
    rows = trader.chain(
        orderType="MARKET", orderSide="SELL", quantity="0.1", stopLossPrice="5000000.00"
    )
    assert trader.states(rows) == ["FILLED", "REJECTED"]
    assert trader.purse("USDT")[1] == 0


@pytest.mark.parametrize(
    "given",
    [
        {"contingencyType": "OCO"},
        {"contingencyType": "OTOCO", "takeProfitPrice": "99000.00"},
        {"contingencyType": "OTO", "takeProfitPrice": "99000.00", "stopLossPrice": "40000.00"},
        {"takeProfitPrice": "40000.00", "stopLossPrice": "99000.00"},
        {"takeProfitPrice": "99000.005"},
    ],
)
def test_chains_that_cannot_be(trader: Chained, given: dict[str, Any]) -> None:
    assert trader.no(limitPrice="50000.00", **given) == (400, 18007)
    assert trader.get("tradeOrderList") == []
    assert trader.purse("USDT") == (100_000, 0)
