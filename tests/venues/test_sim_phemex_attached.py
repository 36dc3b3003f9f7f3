"""Take-profit and stop-loss that come with an order of the simulated Phemex, in both families."""

from decimal import Decimal
from typing import Any

import pytest

from tests.reference.phemex_venue import OTHER, UNIT, Phemex, Trader, account


class Floor:
    """A trader of one family, who speaks of prices as so much of the middle."""

    def __init__(self, hedged: bool) -> None:
        self.hedged = hedged
        self.symbol = "BTCUSDT" if hedged else "BTCUSD"
        rich = {"BTC": 10**4 * UNIT, "USDT": 10**7 * UNIT}
        accounts = (account(**rich), account("other", OTHER, **rich))
        venue = Phemex([self.symbol], rate=50, accounts=accounts)
        self.trader = Trader(venue, hedged=hedged)
        venue.run(200)
        self.trader.heard()

    def price(self, part: str) -> int | str:
        best = Decimal(self.trader.venue.market.top(self.symbol, 1).bids[0][0])
        if not self.hedged:
            return int(best * Decimal(part)) // 1000 * 1000
        return f"{best * Decimal(part):.1f}"

    def order(self, **fields: Any) -> dict[str, Any]:
        """Prices are parts of the best bid; without one it is a market order."""
        suffix = "Rp" if self.hedged else "Ep"
        given: dict[str, Any] = {"ordType": "Limit" if "price" in fields else "Market"}
        given["orderQtyRq" if self.hedged else "orderQty"] = "0.01" if self.hedged else 100
        for name in ("price", "takeProfit", "stopLoss", "tpPx", "stopPx"):
            if name in fields:
                given[name + suffix] = self.price(fields.pop(name))
        return self.trader.order(**(given | fields))

    def fall(self, part: str) -> None:
        """Another account takes every bid down to that part of the best."""
        to = self.price(part)
        other = Trader(self.trader.venue, OTHER, hedged=self.hedged)
        bids = self.trader.venue.market.top(self.symbol, 1000).bids
        whole = sum(Decimal(qty) for price, qty in bids if Decimal(price) >= Decimal(to))
        if self.hedged:
            how: dict[str, Any] = {"priceRp": to, "orderQtyRq": str(whole + 1)}
        else:
            how = {"priceEp": to, "orderQty": int(whole) + 1}
        answer = other.order(side="Sell", ordType="Limit", **how)
        assert answer["code"] == 0, answer

    def said(self, entry: dict[str, Any], name: str) -> Any:
        return entry[name + ("Rp" if self.hedged else "Ep")]

    def waiting(self) -> list[dict[str, Any]]:
        path = "/g-orders/activeList" if self.hedged else "/orders/activeList"
        answer = self.trader.ask("GET", path, f"symbol={self.symbol}")
        return answer["data"]["rows"] if answer["data"] else []

    def position(self) -> dict[str, Any]:
        path = "/g-accounts/positions" if self.hedged else "/accounts/positions"
        asset = "USDT" if self.hedged else "BTC"
        answer = self.trader.ask("GET", path, f"currency={asset}&symbol={self.symbol}")
        (row,) = answer["data"]["positions"]
        assert isinstance(row, dict)
        return row


@pytest.fixture(params=[False, True], ids=["scaled", "decimal"])
def floor(request: pytest.FixtureRequest) -> Floor:
    return Floor(request.param)


BOTH: dict[str, Any] = {"takeProfit": "1.5", "stopLoss": "0.5", "tpTrigger": "ByLastPrice",
                        "slTrigger": "ByMarkPrice"}  # fmt: skip


def test_a_filled_order_leaves_two_that_close_its_position(floor: Floor) -> None:
    assert floor.order(**BOTH)["code"] == 0
    entries = floor.trader.heard()
    (filled,) = [each for each in entries if each["ordStatus"] == "Filled"]
    assert (filled["tpTrigger"], filled["slTrigger"]) == ("ByLastPrice", "ByMarkPrice")
    legs = [each for each in entries if each["ordStatus"] == "Untriggered"]
    assert [(each["ordType"], each["side"], each["execInst"]) for each in legs] == [
        ("MarketIfTouched", "Sell", "CloseOnTrigger"), ("Stop", "Sell", "CloseOnTrigger"),
    ]  # fmt: skip
    profit, loss = (floor.said(each, "stopPx") for each in legs)
    assert (floor.said(filled, "takeProfit"), floor.said(filled, "stopLoss")) == (profit, loss)
    rows = floor.waiting()
    assert [(row["trigger"], row["orderID"]) for row in rows] == [
        ("ByLastPrice", legs[0]["orderID"]), ("ByMarkPrice", legs[1]["orderID"]),
    ]  # fmt: skip
    held = floor.position()
    assert (floor.said(held, "takeProfit"), floor.said(held, "stopLoss")) == (profit, loss)
    path = "/g-orders/cancel" if floor.hedged else "/orders/cancel"
    query = f"symbol={floor.symbol}&orderID={legs[0]['orderID']}"
    query += "&posSide=Merged" if floor.hedged else ""
    assert floor.trader.ask("DELETE", path, query)["code"] == 0
    held = floor.position()
    assert (float(floor.said(held, "takeProfit")), floor.said(held, "stopLoss")) == (0, loss)


def test_they_go_when_the_position_does(floor: Floor) -> None:
    assert floor.order(**BOTH)["code"] == 0
    assert len(floor.waiting()) == 2
    floor.trader.heard()
    assert floor.order(side="Sell", reduceOnly=True)["code"] == 0
    entries = floor.trader.heard()
    assert [each["ordStatus"] for each in entries if each["execInst"] == "CloseOnTrigger"] == [
        "Deactivated", "Deactivated",
    ]  # fmt: skip
    assert not floor.waiting()
    held = floor.position()
    assert not float(floor.said(held, "takeProfit"))
    assert not float(floor.said(held, "stopLoss"))


def test_nothing_is_left_of_an_order_that_was_never_filled(floor: Floor) -> None:
    assert floor.order(price="0.9", takeProfit="1.1")["code"] == 0
    assert [row["ordStatus"] for row in floor.waiting()] == ["New"]
    path = "/g-orders/all" if floor.hedged else "/orders/all"
    floor.trader.ask("DELETE", path, f"symbol={floor.symbol}")
    assert not floor.waiting()


def test_one_triggers_closes_all_and_takes_the_other_with_it(floor: Floor) -> None:
    """Somebody sells through the price of the loss."""
    near = {"takeProfit": "1.5", "stopLoss": "0.9999", "slTrigger": "ByLastPrice"}
    assert floor.order(**near)["code"] == 0
    legs = {row["orderID"]: row for row in floor.waiting()}
    assert len(legs) == 2
    floor.trader.heard()
    floor.fall("0.9998")
    floor.trader.venue.run(50)
    entries = floor.trader.heard()
    last = {each["orderID"]: each["ordStatus"] for each in entries if each["orderID"] in legs}
    assert sorted(last.values()) == ["Deactivated", "Filled"]
    assert float(floor.position()["size"]) == 0


REFUSED: list[tuple[dict[str, Any], int]] = [
    ({"takeProfit": "0.9"}, 11047),
    ({"stopLoss": "1.1"}, 11048),
    ({"side": "Sell", "takeProfit": "1.1"}, 11050),
    ({"side": "Sell", "stopLoss": "0.9"}, 11052),
    ({"price": "0.9", "takeProfit": "0.8"}, 11047),
    ({"takeProfit": "1.1", "tpTrigger": "ByAskPrice"}, 11077),
    ({"stopLoss": "0.9", "slTrigger": "ByAskPrice"}, 11080),
    ({"takeProfit": "1.1", "reduceOnly": True}, 11096),
]


@pytest.mark.parametrize(("fields", "code"), REFUSED)
def test_what_cannot_come_with_an_order(floor: Floor, fields: dict[str, Any], code: int) -> None:
    assert floor.order(**fields)["code"] == code
    assert not floor.waiting()


def test_with_a_position_or_with_others_of_their_kind_they_are_refused(floor: Floor) -> None:
    assert floor.order(price="0.9", takeProfit="1.1")["code"] == 0
    assert floor.order(price="0.9", takeProfit="1.1")["code"] == 11083
    assert floor.order(price="0.9", stopLoss="0.8")["code"] == 0
    assert floor.order(price="0.9", stopLoss="0.8")["code"] == 11084
    assert floor.order()["code"] == 0
    assert floor.order(price="0.9", stopLoss="0.8")["code"] == 11074


def test_each_of_two_positions_has_its_own_whatever_number_of_fills_made_it() -> None:
    floor = Floor(True)
    mode = "symbol=BTCUSDT&targetPosMode=Hedged"
    assert floor.trader.ask("PUT", "/g-positions/switch-pos-mode-sync", mode)["code"] == 0

    def waiting() -> list[tuple[str, str, str]]:
        return [(row["posSide"], row["side"], row["orderType"]) for row in floor.waiting()]

    short = {"posSide": "Short", "side": "Sell", "takeProfit": "0.5", "stopLoss": "1.5"}
    assert floor.order(**short, orderQtyRq="20")["code"] == 0
    fills = [each for each in floor.trader.heard() if each["execStatus"] == "TakerFill"]
    assert len(fills) > 1
    both = [("Short", "Buy", "MarketIfTouched"), ("Short", "Buy", "Stop")]
    assert waiting() == both
    assert floor.order(posSide="Long", stopLoss="0.5")["code"] == 0
    assert waiting() == [*both, ("Long", "Sell", "Stop")]
    assert floor.order(posSide="Short", side="Buy", orderQtyRq="20")["code"] == 0
    assert waiting() == [("Long", "Sell", "Stop")]


def test_limit_orders_do_not_come_with_the_second_family_s() -> None:
    floor = Floor(True)
    assert floor.order(takeProfit="1.1", tpPx="1.1")["code"] == 30000
