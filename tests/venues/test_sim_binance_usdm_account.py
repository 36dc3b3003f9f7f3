"""The simulated Binance's account endpoints: what was, what is set, what it is worth."""

from typing import Any

import pytest

from tests.reference.binance_desk import (
    NOW_MS,
    OTHER,
    UNIT,
    Venue,
    limit_order,
    market_order,
)

ORDER = "/fapi/v1/order"


@pytest.fixture
def venue() -> Venue:
    return Venue()


def test_all_orders_of_a_time_or_from_an_id(venue: Venue) -> None:
    start = venue.now_ms
    ids = []
    for _ in range(5):
        ids.append(venue.place()["orderId"])
        venue.now_ms += 1000

    def found(**params: Any) -> list[int]:
        rows = venue.ok("GET", "/fapi/v1/allOrders", symbol="BTCUSDT", **params)
        return [row["orderId"] for row in rows]

    assert found() == ids
    assert found(limit=2) == ids[-2:]
    assert found(orderId=ids[2]) == ids[2:]
    assert found(orderId=ids[1], limit=2) == ids[1:3]
    assert found(startTime=start + 1000, limit=2) == ids[1:3]
    assert found(startTime=start + 1000, endTime=start + 2000) == ids[1:3]
    week = 7 * 86_400_000
    for params, code in [
        ({"startTime": 5, "endTime": 4}, -1023),
        ({"startTime": start, "endTime": start + week + 1}, -4165),
        ({"limit": 1001}, -1130),
    ]:
        answer = venue.refused("GET", "/fapi/v1/allOrders", symbol="BTCUSDT", **params)
        assert answer[1] == code


def test_user_trades(venue: Venue) -> None:
    maker = venue.place(side="SELL", price="30000.00", quantity="0.3")
    for _ in range(3):
        venue.ok("POST", ORDER, OTHER, **market_order(quantity="0.1"))
        venue.now_ms += 1000
    mine = venue.ok("GET", "/fapi/v1/userTrades", symbol="BTCUSDT")
    assert [row["maker"] for row in mine] == [True] * 3
    assert {row["orderId"] for row in mine} == {maker["orderId"]}
    theirs = venue.ok("GET", "/fapi/v1/userTrades", OTHER, symbol="BTCUSDT")
    assert [row["id"] for row in theirs] == [row["id"] for row in mine]
    assert all(row["buyer"] and not row["maker"] for row in theirs)
    ids = [row["id"] for row in mine]

    def found(**params: Any) -> list[int]:
        rows = venue.ok("GET", "/fapi/v1/userTrades", symbol="BTCUSDT", **params)
        return [row["id"] for row in rows]

    assert found(fromId=ids[1]) == ids[1:]
    assert found(limit=1) == ids[-1:]
    assert found(startTime=NOW_MS + 1000) == ids[1:]
    assert found(orderId=12345) == []
    assert venue.refused(
        "GET", "/fapi/v1/userTrades", symbol="BTCUSDT", fromId=1, startTime=1
    )[1] == -1128  # fmt: skip


# Settings


@pytest.mark.parametrize(
    ("path", "params", "code"),
    [
        ("/fapi/v1/leverage", {"symbol": "BTCUSDT", "leverage": 0}, -4028),
        ("/fapi/v1/leverage", {"symbol": "BTCUSDT", "leverage": 126}, -4028),
        ("/fapi/v1/leverage", {"symbol": "BTCUSDT"}, -1102),
        ("/fapi/v1/leverage", {"symbol": "NOPE", "leverage": 5}, -1121),
        ("/fapi/v1/marginType", {"symbol": "BTCUSDT", "marginType": "CROSSED"}, -4046),
        ("/fapi/v1/marginType", {"symbol": "BTCUSDT", "marginType": "NONE"}, -1130),
        ("/fapi/v1/positionSide/dual", {"dualSidePosition": "false"}, -4059),
        ("/fapi/v1/positionSide/dual", {"dualSidePosition": "maybe"}, -1130),
        ("/fapi/v1/positionSide/dual", {}, -1102),
        ("/fapi/v1/multiAssetsMargin", {"multiAssetsMargin": "false"}, -4171),
        ("/fapi/v1/positionMargin", {"symbol": "BTCUSDT", "amount": 1, "type": 3}, -1130),
        ("/fapi/v1/positionMargin", {"symbol": "BTCUSDT", "amount": 0, "type": 1}, -4055),
        ("/fapi/v1/positionMargin", {"symbol": "BTCUSDT", "amount": 1, "type": 1}, -4049),
    ],
)
def test_a_setting_that_breaks_a_rule(
    venue: Venue, path: str, params: dict[str, Any], code: int
) -> None:
    assert venue.refused("POST", path, **params)[:2] == (400, code)


def test_settings_wait_until_orders_and_positions_are_gone(venue: Venue) -> None:
    dual, margin = "/fapi/v1/positionSide/dual", "/fapi/v1/marginType"
    isolated = {"symbol": "BTCUSDT", "marginType": "ISOLATED"}
    order = venue.place()
    assert venue.refused("POST", dual, dualSidePosition="true")[1] == -4067
    assert venue.refused("POST", margin, **isolated)[1] == -4047
    venue.ok("DELETE", ORDER, symbol="BTCUSDT", orderId=order["orderId"])
    venue.ok("POST", ORDER, **market_order())
    assert venue.refused("POST", dual, dualSidePosition="true")[1] == -4068
    assert venue.refused("POST", margin, **isolated)[1] == -4048
    venue.ok("POST", ORDER, **market_order(side="SELL"))
    done = {"code": 200, "msg": "success"}
    assert venue.ok("POST", dual, dualSidePosition="TRUE") == done
    assert venue.ok("GET", dual) == {"dualSidePosition": True}
    assert venue.ok("POST", margin, **isolated) == done
    row = venue.ok("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=10)
    assert row == {"symbol": "BTCUSDT", "leverage": 10, "maxNotionalValue": "230000000"}
    (config,) = venue.ok("GET", "/fapi/v1/symbolConfig", symbol="BTCUSDT")
    assert (config["marginType"], config["leverage"]) == ("ISOLATED", 10)


def test_hedge_mode_wants_a_side_and_no_reduce_only(venue: Venue) -> None:
    venue.ok("POST", "/fapi/v1/positionSide/dual", dualSidePosition="true")
    assert venue.refused("POST", ORDER, **limit_order())[1] == -4061
    assert venue.refused("POST", ORDER, **limit_order(positionSide="SHORT"))[1] == -2022
    closing = limit_order(positionSide="LONG", reduceOnly="true")
    assert venue.refused("POST", ORDER, **closing)[1] == -1106
    assert venue.place(positionSide="LONG")["positionSide"] == "LONG"
    rows = venue.ok("GET", "/fapi/v2/positionRisk", symbol="BTCUSDT")
    assert sorted(row["positionSide"] for row in rows) == ["LONG", "SHORT"]


def test_an_isolated_position_takes_margin_and_gives_it_back(venue: Venue) -> None:
    venue.ok("POST", "/fapi/v1/marginType", symbol="BTCUSDT", marginType="ISOLATED")
    path = "/fapi/v1/positionMargin"
    asked = {"symbol": "BTCUSDT", "amount": "10.5", "type": 1}
    assert venue.refused("POST", path, **asked)[1] == -4054
    venue.ok("POST", ORDER, **market_order())
    row = venue.ok("POST", path, **asked)
    assert (row["amount"], row["code"], row["type"]) == (10.5, 200, 1)
    (view,) = venue.ok("GET", "/fapi/v2/positionRisk", symbol="BTCUSDT")
    assert view["marginType"] == "isolated"
    assert float(view["isolatedWallet"]) > 10.5
    assert venue.refused("POST", path, **asked | {"amount": "1000000"})[1] == -4050
    assert venue.refused("POST", path, **asked | {"amount": "100000", "type": 2})[1] == -4051
    assert venue.ok("POST", path, **asked | {"amount": "10", "type": 2})["type"] == 2


def test_balances_and_income_follow_a_round_trip(venue: Venue) -> None:
    venue.ok("POST", ORDER, **market_order())
    venue.ok("POST", ORDER, **market_order(side="SELL"))
    # Bought at 30000.10, sold at 29999.90, 0.05 % each time.
    fees, lost = 1.500005 + 1.499995, 0.02
    (row,) = venue.ok("GET", "/fapi/v3/balance")
    assert float(row["balance"]) == pytest.approx(100_000 - fees - lost, abs=1e-9)
    kinds: dict[str, float] = {}
    for each in venue.ok("GET", "/fapi/v1/income"):
        kinds[each["incomeType"]] = kinds.get(each["incomeType"], 0) + float(each["income"])
    assert kinds == {
        "TRANSFER": 100_000,
        "COMMISSION": pytest.approx(-fees),
        "REALIZED_PNL": pytest.approx(-lost),
    }
    only = venue.ok("GET", "/fapi/v1/income", incomeType="REALIZED_PNL")
    assert {each["incomeType"] for each in only} == {"REALIZED_PNL"}
    assert venue.engine.mark_e8("BTCUSDT") == 30_000 * UNIT


def test_fee_burn_is_kept(venue: Venue) -> None:
    path = "/fapi/v1/feeBurn"
    assert venue.ok("GET", path) == {"feeBurn": False}
    assert venue.ok("POST", path, feeBurn="true") == {"code": 200, "msg": "success"}
    assert venue.ok("GET", path) == {"feeBurn": True}
    assert venue.ok("GET", "/fapi/v2/account")["feeBurn"]
    assert venue.ok("GET", path, OTHER) == {"feeBurn": False}
    venue.ok("POST", path, feeBurn="false")
    assert venue.ok("GET", path) == {"feeBurn": False}
    assert venue.refused("POST", path)[:2] == (400, -1102)
    status = venue.ok("GET", "/fapi/v1/apiTradingStatus")
    assert status == {"indicators": {}, "updateTime": NOW_MS}


def test_open_and_conditional_orders_have_limits(venue: Venue) -> None:
    algo = "/fapi/v1/algoOrder"
    stop = {
        "algoType": "CONDITIONAL", "side": "SELL", "type": "STOP_MARKET", "quantity": "0.01",
    }  # fmt: skip

    def later() -> None:
        venue.now_ms += 100

    btc = {"symbol": "BTCUSDT", "triggerPrice": "29000"}
    for _ in range(100):
        venue.place(quantity="0.01")
        venue.ok("POST", algo, **stop, **btc)
        later()
    assert venue.refused("POST", ORDER, **limit_order(quantity="0.01"))[:2] == (400, -2025)
    assert venue.refused("POST", algo, **stop, **btc)[:2] == (400, -2025)
    for _ in range(100):
        venue.ok("POST", algo, **stop, symbol="ETHUSDT", triggerPrice="1900")
        later()
    eth = {"symbol": "ETHUSDT", "triggerPrice": "1900"}
    assert venue.refused("POST", algo, **stop, **eth)[:2] == (400, -4045), "200 of an account"
    assert venue.place(symbol="ETHUSDT", price="1990")["status"] == "NEW"


def test_an_order_good_till_date_ends_then(venue: Venue) -> None:
    venue.listen()
    till_ms = NOW_MS + 601_000
    venue.place(timeInForce="GTD", goodTillDate=till_ms)
    venue.now_ms = till_ms - 1
    assert [payload["o"]["x"] for _, payload in venue.events()] == ["NEW"]
    venue.now_ms = till_ms
    ((_, payload),) = venue.events()
    assert (payload["o"]["x"], payload["o"]["X"], payload["o"]["er"]) == ("EXPIRED", "EXPIRED", "0")
    assert payload["o"]["gtd"] == till_ms


def test_a_margin_call_and_a_liquidation_are_told(venue: Venue) -> None:
    venue.listen()
    venue.ok("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=125)
    venue.engine.transfer("maker", "USDT", -99_000 * UNIT, NOW_MS * 1_000_000)
    venue.ok("POST", ORDER, **market_order(quantity="2"))
    resting = venue.place(quantity="0.001", price="29000")
    venue.events()
    venue.now_ms += 1000
    venue.engine.mark("BTCUSDT", 29_650 * UNIT, venue.now_ms * 1_000_000)
    ((name, call),) = venue.events()
    assert name == "MARGIN_CALL"
    assert sorted(call) == ["E", "cw", "e", "p"]
    (row,) = call["p"]
    assert sorted(row) == ["mm", "mp", "mt", "pa", "ps", "s", "up"]
    assert (row["s"], row["mt"], row["pa"]) == ("BTCUSDT", "CROSSED", "2.000")
    venue.now_ms += 1000
    venue.engine.mark("BTCUSDT", 29_500 * UNIT, venue.now_ms * 1_000_000)
    orders = [payload["o"] for name, payload in venue.events() if name == "ORDER_TRADE_UPDATE"]
    assert (orders[0]["i"], orders[0]["X"], orders[0]["er"]) == (
        resting["orderId"], "EXPIRED", "5",
    )  # fmt: skip
    new, *fills = [each for each in orders if each["o"] == "LIQUIDATION"]
    assert new["c"].startswith("autoclose-")
    assert (new["x"], new["X"]) == ("NEW", "NEW")
    assert {each["x"] for each in fills} == {"CALCULATED"}
    assert fills[-1]["X"] == "FILLED"
    assert venue.ok("GET", "/fapi/v3/positionRisk") == []


@pytest.mark.parametrize("margin", ["CROSSED", "ISOLATED"])
def test_funding_is_told_with_its_symbol(venue: Venue, margin: str) -> None:
    if margin == "ISOLATED":
        venue.ok("POST", "/fapi/v1/marginType", symbol="BTCUSDT", marginType=margin)
    venue.ok("POST", ORDER, **market_order())
    venue.listen()
    venue.now_ms += 1000
    # A hundredth of a percent of 0.1 BTC at 30000.
    venue.engine.fund("BTCUSDT", 10_000, venue.now_ms * 1_000_000)
    ((name, payload),) = venue.events()
    assert (name, payload["a"]["m"], payload["a"]["S"]) == (
        "ACCOUNT_UPDATE", "FUNDING_FEE", "BTCUSDT",
    )  # fmt: skip
    (balance,) = payload["a"]["B"]
    assert float(balance["bc"]) == -0.3
    assert [row["s"] for row in payload["a"]["P"]] == (["BTCUSDT"] if margin == "ISOLATED" else [])
    (row,) = venue.ok("GET", "/fapi/v1/income", incomeType="FUNDING_FEE")
    assert (float(row["income"]), row["symbol"]) == (-0.3, "BTCUSDT")
