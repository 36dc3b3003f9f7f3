"""The trading side of the simulated Phemex's second family: decimal texts, a position of each side,
its own private stream. Section 10 of the reference."""

from decimal import Decimal
from typing import Any

import pytest

from connector.venues.phemex.sim_texts import number
from connector.venues.phemex.sim_tickets import NOBODY
from tests.reference.phemex_venue import UNIT, Phemex, Trader, account

WALLET = {"BTC": 10 * UNIT, "USDT": 100_000 * UNIT}
ONE = "symbol=BTCUSDT&"
MODE = ONE + "targetPosMode="


@pytest.fixture
def trader() -> Trader:
    venue = Phemex(["BTCUSD", "BTCUSDT"], rate=50, accounts=(account(**WALLET),))
    made = Trader(venue, hedged=True)
    made.client.pushed.clear()
    return made


@pytest.fixture
def hedger(trader: Trader) -> Trader:
    """One with a position of each side."""
    answer = trader.ask("PUT", "/g-positions/switch-pos-mode-sync", MODE + "Hedged")
    assert answer["code"] == 0
    return trader


def states(entries: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [(each["ordStatus"], each["execStatus"], each["leavesQty"]) for each in entries]


def positions(trader: Trader, symbol: str = "BTCUSDT") -> dict[str, dict[str, Any]]:
    answer = trader.ask("GET", "/g-accounts/positions", f"currency=USDT&symbol={symbol}")
    return {row["posSide"]: row for row in answer["data"]["positions"]}


def assert_texts(row: dict[str, Any]) -> None:
    """Every price, value, ratio and quantity is a decimal text in its shortest form."""
    for name, value in row.items():
        assert not name.endswith(("Ep", "Ev", "Er")), name
        if name.endswith(("Rp", "Rv", "Rr", "Rq")) or name in ("size", "orderQty", "execQty"):
            assert isinstance(value, str), name
            assert f"{Decimal(value).normalize():f}" == value or value == "0", (name, value)


def test_the_stream_opens_with_the_account_of_its_family_alone(trader: Trader) -> None:
    (opened,) = trader.opened
    assert (opened["type"], opened["orders_p"], opened["positions_p"]) == ("snapshot", [], [])
    (row,) = opened["accounts_p"]
    assert (row["currency"], row["accountBalanceRv"]) == ("USDT", "100000")
    assert row["accountID"] % 10_000 == 3
    coins = Trader(trader.venue)
    assert [each["accounts"][0]["currency"] for each in coins.opened] == ["BTC"]


def test_an_order_rests_is_amended_and_cancelled_in_texts(trader: Trader) -> None:
    price = trader.price("-500")
    placed = trader.order(ordType="Limit", priceRp=price, orderQtyRq="0.01")
    ack = placed["data"]
    assert (ack["ordStatus"], ack["execStatus"], ack["posSide"]) == (
        "Created", "PendingNew", "Merged",
    )  # fmt: skip
    assert (Decimal(ack["priceRp"]), ack["orderQtyRq"], ack["cumQtyRq"]) == (
        Decimal(price), "0.01", "0",
    )  # fmt: skip
    assert_texts(ack)
    (entry,) = trader.heard()
    assert states([entry]) == [("New", "New", "0.01")]
    assert entry["leavesValueRv"] == number(int(Decimal(price) * 10**6), 8)
    assert (entry["execID"], entry["posSide"], entry["orderID"]) == (
        NOBODY, "Merged", ack["orderID"],
    )  # fmt: skip
    assert_texts(entry)
    lower = trader.price("-600")
    query = f"{ONE}posSide=Merged&origClOrdID={ack['clOrdID']}&priceRp={lower}&orderQtyRq=0.02"
    shown = trader.ask("PUT", "/g-orders/replace", query)["data"]
    assert (shown["execStatus"], Decimal(shown["priceRp"])) == ("PendingReplace", Decimal(lower))
    assert states(trader.heard()) == [
        ("Canceled", "ReplaceToCanceled", "0"), ("New", "ReAdded", "0.02"),
    ]  # fmt: skip
    (row,) = trader.ask("GET", "/g-orders/activeList", ONE[:-1])["data"]["rows"]
    assert (row["orderQtyRq"], row["ordStatus"]) == ("0.02", "New")
    gone = f"{ONE}posSide=Merged&orderID={ack['orderID']}"
    assert trader.ask("DELETE", "/g-orders/cancel", gone)["data"]["execStatus"] == "PendingCancel"
    (entry,) = trader.heard()
    assert (states([entry]), entry["execQty"]) == ([("Canceled", "Canceled", "0")], "0.02")
    assert trader.ask("GET", "/g-orders/activeList", ONE[:-1])["code"] == 10002
    assert trader.ask("DELETE", "/g-orders/cancel", gone)["code"] == 10002


def test_two_positions_of_a_symbol_add_up(hedger: Trader) -> None:
    """Values and fees by the reference's formulas, the balance by what was paid and earned."""
    entries = []
    for position, side, qty in (
        ("Long", "Buy", "0.5"), ("Short", "Sell", "0.3"), ("Long", "Sell", "0.2"),
    ):  # fmt: skip
        answer = hedger.order(ordType="Market", posSide=position, side=side, orderQtyRq=qty)
        assert answer["code"] == 0
        entries += [each for each in hedger.heard() if each["execID"] != NOBODY]
    paid = Decimal(0)
    for each in entries:
        assert_texts(each)
        value = Decimal(each["execPriceRp"]) * Decimal(each["execQty"])
        assert (Decimal(each["execValueRv"]), each["feeRateRr"]) == (value, "0.0006")
        fee = Decimal(each["execFeeRv"])
        assert 0 <= fee - value * Decimal("0.0006") < Decimal("0.00000001")
        paid += fee - Decimal(each["closedPnlRv"])
    assert Decimal(entries[-1]["curAccBalanceRv"]) == 100_000 - paid
    rows = positions(hedger)
    assert {side: (row["side"], row["size"]) for side, row in rows.items()} == {
        "Long": ("Buy", "0.3"), "Short": ("Sell", "0.3"),
    }  # fmt: skip
    assert {row["posMode"] for row in rows.values()} == {"Hedged"}
    for row in rows.values():
        assert_texts(row)
    sold = [each for each in entries if (each["posSide"], each["side"]) == ("Long", "Sell")]
    assert sum(Decimal(each["closedSize"]) for each in sold) == Decimal("0.2")
    (opened,) = Trader(hedger.venue, hedged=True).opened
    assert {row["posSide"]: row["size"] for row in opened["positions_p"]} == {
        "Long": "0.3", "Short": "0.3",
    }  # fmt: skip
    fills = hedger.ask("GET", "/api-data/g-futures/trades", ONE[:-1])["data"]["rows"]
    assert {row["execID"] for row in fills} == {each["execID"] for each in entries}
    second = hedger.ask("GET", "/exchange/order/v2/tradingList", "currency=USDT&limit=200")
    assert [row["execId"] for row in second["data"]] == [row["execID"] for row in fills]
    assert {row["posSide"] for row in second["data"]} == {1, 2}


REFUSED: list[tuple[str, dict[str, Any], int]] = [
    ("a side in one-way mode", {"posSide": "Long"}, 20004),
    ("no side", {"posSide": ""}, 20004),
    ("a number instead of a text", {"orderQtyRq": 0.01}, 30000),
    ("a price off the tick", {"priceRp": "80000.05"}, 30000),
    ("a quantity off the step", {"orderQtyRq": "0.00015"}, 30000),
    ("no number", {"priceRp": "NaN"}, 30000),
    ("a contract of the first family", {"symbol": "BTCUSD"}, 11027),
    ("an unknown contract", {"symbol": "NOUSDT"}, 11027),
    ("too small", {"orderQtyRq": "0"}, 11058),
    ("too large", {"orderQtyRq": "20000"}, 11056),
    ("worth too little", {"orderQtyRq": "0.0001", "priceRp": "5000"}, 11115),
    ("not paid for", {"orderQtyRq": "9000"}, 11001),
    ("an instruction that is none", {"stpInstruction": "Cancel"}, 30000),
]


def test_what_is_refused(trader: Trader) -> None:
    for what, wrong, code in REFUSED:
        given = {"ordType": "Limit", "priceRp": "80000", "orderQtyRq": "0.01"} | wrong
        assert trader.order(**given)["code"] == code, what
    assert trader.ask("GET", "/orders/activeList", "symbol=BTCUSDT")["code"] == 11027
    assert trader.ask("GET", "/accounts/accountPositions", "currency=USDT")["code"] == 11097
    assert trader.ask("GET", "/g-accounts/accountPositions", "currency=BTC")["code"] == 11097


def test_contracts_in_usdc_are_another_account_of_the_same_family() -> None:
    funds = {"USDT": 1000 * UNIT, "USDC": 100_000 * UNIT}
    venue = Phemex(["BTCUSDT", "BTCUSDC"], rate=50, accounts=(account(**funds),))
    trader = Trader(venue, hedged=True)
    assert {each["accounts_p"][0]["currency"] for each in trader.opened} == {"USDT", "USDC"}
    trader.client.pushed.clear()
    order = {"symbol": "BTCUSDC", "ordType": "Market", "side": "Buy", "orderQtyRq": "0.01"}
    assert trader.order(**order)["code"] == 0
    entry = trader.heard()[-1]
    assert (entry["currency"], entry["ordStatus"]) == ("USDC", "Filled")
    held = trader.ask("GET", "/g-accounts/accountPositions", "currency=USDC")["data"]
    assert [row["size"] for row in held["positions"]] == ["0.01"]
    assert Decimal(held["account"]["accountBalanceRv"]) == 100_000 - Decimal(entry["cumFeeRv"])
    other = trader.ask("GET", "/g-accounts/accountPositions", "currency=USDT")["data"]
    assert (other["account"]["accountBalanceRv"], other["positions"][0]["size"]) == ("1000", "0")


def test_sides_that_do_not_fit_the_mode(hedger: Trader) -> None:
    market = {"ordType": "Market", "orderQtyRq": "0.1"}
    assert hedger.order(**market)["code"] == 20004
    assert hedger.order(**market, posSide="Short")["code"] == 11057, "a buy reduces a short"
    assert hedger.order(**market, posSide="Long", reduceOnly=True)["code"] == 11057
    placed = hedger.order(
        ordType="Limit", priceRp=hedger.price("-500"), orderQtyRq="0.1", posSide="Long"
    )["data"]
    for side, code in (("Short", 20004), ("Merged", 20004), ("Long", 0)):
        query = f"{ONE}posSide={side}&orderID={placed['orderID']}"
        assert hedger.ask("DELETE", "/g-orders/cancel", query)["code"] == code, side


def test_the_mode_changes_only_where_there_is_nothing(trader: Trader) -> None:
    path = "/g-positions/switch-pos-mode-sync"
    price = trader.price("-500")
    placed = trader.order(ordType="Limit", priceRp=price, orderQtyRq="0.01")["data"]
    assert trader.ask("PUT", path, MODE + "Hedged")["code"] == 30000
    gone = f"{ONE}posSide=Merged&orderID={placed['orderID']}"
    assert trader.ask("DELETE", "/g-orders/cancel", gone)["code"] == 0
    assert trader.ask("PUT", path, MODE + "Hedged")["code"] == 0
    assert trader.ask("PUT", path, MODE + "Hedged")["code"] == 0, "it is in that mode"
    assert trader.order(ordType="Market", posSide="Long", orderQtyRq="0.01")["code"] == 0
    assert trader.ask("PUT", path, MODE + "OneWay")["code"] == 30000
    assert trader.ask("PUT", path, MODE + "Both")["code"] == 30000


def test_leverage_is_of_one_position_or_of_each(hedger: Trader) -> None:
    path = "/g-positions/leverage"
    assert hedger.ask("PUT", path, ONE + "leverageRr=5")["code"] == 20004
    assert hedger.ask("PUT", path, ONE + "longLeverageRr=5")["code"] == 20004
    both = ONE + "longLeverageRr=-20&shortLeverageRr=-10"
    assert hedger.ask("PUT", path, both)["code"] == 0
    rows = positions(hedger)
    assert (rows["Long"]["leverageRr"], rows["Short"]["leverageRr"]) == ("-20", "-10")
    assert rows["Long"]["crossMargin"] is True
    assert hedger.ask("PUT", path, ONE + "longLeverageRr=5&shortLeverageRr=-10")["code"] == 11004
    assert hedger.ask("PUT", path, ONE + "longLeverageRr=500&shortLeverageRr=5")["code"] == 11004
    back = hedger.ask("PUT", "/g-positions/switch-pos-mode-sync", MODE + "OneWay")
    assert back["code"] == 0
    assert hedger.ask("PUT", path, ONE + "leverageRr=10")["code"] == 0
    assert positions(hedger)["Merged"]["leverageRr"] == "10"
    units = hedger.ask("GET", "/g-accounts/risk-unit")["data"]
    assert [row["riskMode"] for row in units] == ["SingleAsset", "Isolated"]


def test_an_isolated_position_is_assigned_what_it_shall_have(trader: Trader) -> None:
    assert trader.ask("PUT", "/g-positions/leverage", ONE + "leverageRr=10")["code"] == 0
    assign = ONE + "posSide=Merged&posBalanceRv="
    assert trader.ask("POST", "/g-positions/assign", assign + "900")["code"] == 11006
    assert trader.order(ordType="Market", orderQtyRq="0.1")["code"] == 0
    assert trader.ask("POST", "/g-positions/assign", assign + "950.5")["code"] == 0
    assert positions(trader)["Merged"]["assignedPosBalanceRv"] == "950.5"
    wrong = assign.replace("Merged", "Long") + "950.5"
    assert trader.ask("POST", "/g-positions/assign", wrong)["code"] == 20004


def test_cancels_of_many(trader: Trader) -> None:
    low = {"ordType": "Limit", "priceRp": trader.price("-500"), "orderQtyRq": "0.01"}
    placed = [trader.order(**low)["data"] for _ in range(4)]
    stop = trader.order(
        ordType="Stop", stopPxRp=trader.price("-900"), side="Sell", orderQtyRq="0.01"
    )
    assert stop["code"] == 0
    ids = ",".join([placed[0]["orderID"], "nobody", placed[1]["orderID"]])
    rows = trader.ask("DELETE", "/g-orders", f"orderID={ids}&{ONE}posSide=Merged")["data"]
    assert [row["bizError"] for row in rows] == [0, 10002, 0]
    assert trader.ask("DELETE", "/g-orders/all", "untriggered=false")["code"] == 0
    (left,) = trader.ask("GET", "/g-orders/activeList", ONE[:-1])["data"]["rows"]
    assert (left["ordStatus"], left["orderID"]) == ("Untriggered", stop["data"]["orderID"])
    assert trader.ask("DELETE", "/g-orders/all", ONE + "untriggered=true")["code"] == 0
    assert trader.ask("GET", "/g-orders/activeList", ONE[:-1])["code"] == 10002
    closed = trader.ask("GET", "/exchange/order/v2/orderList", "currency=USDT")["data"]
    assert [row["ordStatus"] for row in closed] == [2, 8, 8, 8, 8]
    found = trader.ask(
        "GET", "/api-data/g-futures/orders/by-order-id", f"{ONE}clOrdID={placed[2]['clOrdID']}"
    )["data"]
    assert [row["orderId"] for row in found] == [placed[2]["orderID"]]


def test_an_order_needs_no_client_id(trader: Trader) -> None:
    low = {"ordType": "Limit", "priceRp": trader.price("-500"), "orderQtyRq": "0.01"}
    one, two = (trader.order(**low, clOrdID="")["data"] for _ in range(2))
    assert one["clOrdID"] == two["clOrdID"] == ""
    assert [each["orderID"] for each in trader.heard()] == [one["orderID"], two["orderID"]]


def test_each_position_pays_its_part_of_the_funding(hedger: Trader) -> None:
    for position, side, qty in (("Long", "Buy", "0.5"), ("Short", "Sell", "0.2")):
        order = {"posSide": position, "side": side, "orderQtyRq": qty}
        assert hedger.order(ordType="Market", **order)["code"] == 0
    before = Decimal(hedger.heard()[-1]["curAccBalanceRv"])
    engine = hedger.venue.engine
    assert engine is not None
    engine.fund("BTCUSDT", 10_000, hedger.venue.wall_ms() * 10**6)
    hedger.venue.tell()
    entries = {each["posSide"]: each for each in hedger.heard()}
    for side, sign in (("Long", 1), ("Short", -1)):
        entry = entries[side]
        assert (entry["tradeType"], entry["orderID"]) == ("Funding", NOBODY)
        due = sign * Decimal(entry["execValueRv"]) * Decimal("0.0001")
        assert abs(Decimal(entry["execFeeRv"]) - due) < Decimal("0.000001")
    paid = sum(Decimal(each["execFeeRv"]) for each in entries.values())
    assert Decimal(entries["Short"]["curAccBalanceRv"]) == before - paid
    rows = hedger.ask("GET", "/api-data/g-futures/funding-fees", ONE[:-1])["data"]["rows"]
    assert {row["posSide"]: row["execFeeRv"] for row in rows} == {
        side: each["execFeeRv"] for side, each in entries.items()
    }
