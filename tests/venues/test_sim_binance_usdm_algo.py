"""The simulated Binance's Algo service: what it holds, what it refuses, what becomes of it."""

from typing import Any

import pytest

from tests.reference.binance_desk import NOW_MS, OTHER, UNIT, Venue, market_order

ORDER, ALGO = "/fapi/v1/order", "/fapi/v1/algoOrder"


@pytest.fixture
def venue() -> Venue:
    return Venue()


def stop(**change: Any) -> dict[str, Any]:
    """A stop of 0.1 BTC at 29000 with these changes; None leaves a parameter out."""
    return {
        "algoType": "CONDITIONAL", "symbol": "BTCUSDT", "side": "SELL", "type": "STOP_MARKET",
        "quantity": "0.1", "triggerPrice": "29000", **change,
    }  # fmt: skip


def trailing(**change: Any) -> dict[str, Any]:
    same = {"type": "TRAILING_STOP_MARKET", "triggerPrice": None, "callbackRate": "1"}
    return stop(**same | change)


@pytest.mark.parametrize(
    ("order", "code", "words"),
    [
        (stop(algoType=None), -1102, "'algoType'"),
        (stop(algoType="VP"), -1130, "'algoType'"),
        (stop(symbol="NOPE"), -1121, "symbol"),
        (stop(side="SHORT"), -1117, "side"),
        (stop(type="LIMIT"), -1116, "orderType"),
        (stop(type=None), -1102, "'type'"),
        (stop(timeInForce="DAY"), -1115, "timeInForce"),
        (stop(workingType="LAST"), -4031, "workingType"),
        (stop(positionSide="LONG"), -4061, "position side"),
        (stop(quantity=None), -1102, "'quantity'"),
        (stop(quantity="0"), -4003, "zero"),
        (stop(quantity="0.0001"), -1111, "Precision"),
        (stop(quantity="1000.001"), -4005, "max quantity"),
        (stop(triggerPrice=None), -1102, "'triggerPrice'"),
        (stop(triggerPrice="0"), -4006, "zero"),
        (stop(triggerPrice="29000.05"), -4014, "tick"),
        (stop(triggerPrice="210000.1"), -4007, "max price"),
        (stop(price="29000"), -1106, "'price'"),
        (stop(callbackRate="1"), -1106, "'callbackRate'"),
        (stop(activatePrice="30000"), -1106, "'activatePrice'"),
        (stop(type="STOP"), -1102, "'price'"),
        (stop(type="STOP", price="29000", priceMatch="QUEUE"), -1106, "'price'"),
        (stop(type="STOP_MARKET", priceMatch="QUEUE"), -5038, "STOP"),
        (stop(clientAlgoId="a b"), -1100, "'clientAlgoId'"),
        (stop(selfTradePreventionMode="ALL"), -5039, "selfTradePreventionMode"),
        (stop(timeInForce="GTD"), -1102, "'goodTillDate'"),
        (stop(goodTillDate=NOW_MS + 700_000), -1106, "'goodTillDate'"),
        (stop(closePosition="true"), -4137, "Quantity"),
        (stop(closePosition="true", quantity=None, reduceOnly="true"), -1106, "'reduceOnly'"),
        (stop(type="STOP", price="29000", closePosition="true"), -1106, "'closePosition'"),
        (stop(priceProtect="maybe"), -1130, "'priceProtect'"),
        (trailing(triggerPrice="29000"), -1106, "'triggerPrice'"),
        (trailing(callbackRate=None), -1102, "'callbackRate'"),
        (trailing(callbackRate="0.09"), -1130, "'callbackRate'"),
        (trailing(callbackRate="20.1"), -1130, "'callbackRate'"),
        (trailing(callbackRate="0.1000001"), -1130, "'callbackRate'"),
        (stop(triggerPrice="30000", workingType="MARK_PRICE", side="SELL"), -2021, "trigger"),
        (stop(triggerPrice="29000", workingType="MARK_PRICE", side="BUY"), -2021, "trigger"),
    ],
)
def test_a_conditional_order_that_breaks_a_rule(
    venue: Venue, order: dict[str, Any], code: int, words: str
) -> None:
    status, found, text = venue.refused("POST", ALGO, **order)
    assert (status, found) == (400, code), text
    assert words in text
    assert venue.ok("GET", "/fapi/v1/openAlgoOrders") == []


@pytest.mark.parametrize(
    ("order", "row"),
    [
        (stop(), {"orderType": "STOP_MARKET", "triggerPrice": "29000.00", "quantity": "0.100"}),
        (stop(type="STOP", price="28990"), {"orderType": "STOP", "price": "28990.00"}),
        (stop(type="STOP", priceMatch="OPPONENT"), {"priceMatch": "OPPONENT", "price": "0.00"}),
        (
            stop(type="TAKE_PROFIT_MARKET", triggerPrice="31000", workingType="MARK_PRICE"),
            {"orderType": "TAKE_PROFIT_MARKET", "workingType": "MARK_PRICE"},
        ),
        (
            stop(type="TAKE_PROFIT", triggerPrice="31000", price="31000.5", timeInForce="IOC"),
            {"orderType": "TAKE_PROFIT", "timeInForce": "IOC"},
        ),
        (
            stop(closePosition="true", quantity=None),
            {"closePosition": True, "quantity": "0.000"},
        ),
        (stop(timeInForce="GTE_GTC"), {"timeInForce": "GTE_GTC"}),
        (stop(reduceOnly="true"), {"reduceOnly": True}),
        (stop(priceProtect="TRUE"), {"priceProtect": True}),
        (
            stop(timeInForce="GTD", goodTillDate=NOW_MS + 700_999),
            {"goodTillDate": NOW_MS + 700_000},
        ),
        (stop(clientAlgoId="my:id"), {"clientAlgoId": "my:id"}),
    ],
)
def test_what_a_conditional_order_may_say(
    venue: Venue, order: dict[str, Any], row: dict[str, Any]
) -> None:
    venue.ok("POST", ORDER, **market_order())
    found = venue.ok("POST", ALGO, **order)
    assert found["algoStatus"] == "NEW"
    assert {name: found[name] for name in row} == row
    (again,) = venue.ok("GET", "/fapi/v1/openAlgoOrders", symbol="BTCUSDT")
    assert {name: again[name] for name in row} == row


@pytest.mark.parametrize("rate", ["0.1", "1", "10", "20"])
def test_the_callback_rate_is_kept(venue: Venue, rate: str) -> None:
    venue.ok("POST", ORDER, **market_order())
    assert venue.ok("POST", ALGO, **trailing(callbackRate=rate))["callbackRate"] == rate


def test_questions_name_an_order_that_is_there(venue: Venue) -> None:
    assert venue.refused("GET", ALGO)[:2] == (400, -1102)
    assert venue.refused("DELETE", ALGO)[:2] == (400, -1102)
    assert venue.refused("GET", ALGO, algoId=5)[:2] == (400, -2013)
    assert venue.refused("DELETE", ALGO, algoId=5) == (400, -2011, "Unknown order sent.")
    held = venue.ok("POST", ALGO, **stop(clientAlgoId="mine"))
    for named in ({"algoId": held["algoId"]}, {"clientAlgoId": "mine"}):
        assert venue.ok("GET", ALGO, **named)["algoId"] == held["algoId"]
        assert venue.refused("GET", ALGO, OTHER, **named)[1] == -2013
        assert venue.refused("DELETE", ALGO, OTHER, **named)[1] == -2011
    assert venue.refused("POST", ALGO, **stop(clientAlgoId="mine"))[:2] == (400, -4116)
    assert venue.ok("DELETE", ALGO, clientAlgoId="mine")["algoId"] == held["algoId"]
    assert venue.refused("DELETE", ALGO, clientAlgoId="mine")[1] == -2011
    assert venue.ok("GET", ALGO, clientAlgoId="mine")["algoStatus"] == "CANCELED"


def test_cancel_all_knows_only_its_own_kind(venue: Venue) -> None:
    venue.place()
    venue.ok("POST", ALGO, **stop())
    venue.ok("POST", ALGO, **stop(symbol="ETHUSDT", triggerPrice="1900"))
    venue.ok("DELETE", "/fapi/v1/allOpenOrders", symbol="BTCUSDT")
    assert len(venue.ok("GET", "/fapi/v1/openAlgoOrders")) == 2
    venue.place()
    done = venue.ok("DELETE", "/fapi/v1/algoOpenOrders", symbol="BTCUSDT")
    assert done["code"] == 200
    (left,) = venue.ok("GET", "/fapi/v1/openAlgoOrders", algoType="CONDITIONAL")
    assert left["symbol"] == "ETHUSDT"
    assert len(venue.ok("GET", "/fapi/v1/openOrders")) == 1
    assert venue.refused("GET", "/fapi/v1/openAlgoOrders", algoType="VP")[1] == -1130
    rows = venue.ok("GET", "/fapi/v1/allAlgoOrders", symbol="BTCUSDT")
    assert [row["algoStatus"] for row in rows] == ["CANCELED"]
    assert venue.refused("GET", "/fapi/v1/allAlgoOrders")[:2] == (400, -1102)


def test_hedge_mode_closes_its_own_side_only(venue: Venue) -> None:
    venue.ok("POST", "/fapi/v1/positionSide/dual", dualSidePosition="true")
    closing = {"closePosition": "true", "quantity": None}
    assert venue.refused("POST", ALGO, **stop(positionSide="SHORT", **closing))[1] == -2022
    assert venue.refused("POST", ALGO, **stop(positionSide="LONG", reduceOnly="true"))[1] == -1106
    venue.ok("POST", ORDER, **market_order(positionSide="LONG"))
    assert venue.ok("POST", ALGO, **stop(positionSide="LONG", **closing))["closePosition"]


def test_a_trailing_stop_follows_says_so_and_triggers(venue: Venue) -> None:
    venue.listen()
    venue.ok("POST", ORDER, **market_order())
    order = trailing(activatePrice="30100", workingType="MARK_PRICE", reduceOnly="true")
    held = venue.ok("POST", ALGO, **order)
    assert held["activatePrice"] == "30100.00000000"
    venue.events()
    marks = (30_050, 30_200, 30_300, 30_010, 29_996)
    told = []
    for mark in marks:
        venue.now_ms += 1000
        venue.engine.mark("BTCUSDT", mark * UNIT, venue.now_ms * 1_000_000)
        events = venue.events()
        told.append([payload["o"] for name, payload in events if name == "ALGO_UPDATE"])
    assert [[(o["X"], o["ia"]) for o in each] for each in told] == [
        [],
        [("NEW", True)],
        [],
        [],  # 30300 less one percent is 29997
        [("TRIGGERING", True), ("TRIGGERED", True), ("FINISHED", True)],
    ]
    last = told[-1][-1]
    assert (last["cr"], last["act"]) == ("1", "MARKET")
    orders = [payload["o"] for name, payload in events if name == "ORDER_TRADE_UPDATE"]
    assert orders[0]["ot"] == "TRAILING_STOP_MARKET"
    assert (orders[0]["cr"], orders[0]["AP"]) == ("1", "30100.00")
    row = venue.ok("GET", ORDER, symbol="BTCUSDT", orderId=orders[0]["i"])
    assert (row["origType"], row["priceRate"], row["activatePrice"]) == (
        "TRAILING_STOP_MARKET", "1", "30100.00",
    )  # fmt: skip


def test_an_order_that_lives_by_its_position_ends_with_it(venue: Venue) -> None:
    venue.listen()
    venue.ok("POST", ORDER, **market_order())
    venue.ok("POST", ALGO, **stop(timeInForce="GTE_GTC", reduceOnly="true"))
    venue.events()
    venue.ok("POST", ORDER, **market_order(side="SELL"))
    ended = [payload["o"]["X"] for name, payload in venue.events() if name == "ALGO_UPDATE"]
    assert ended == ["EXPIRED"]


def test_a_triggered_limit_order_is_cancelled_as_any_other(venue: Venue) -> None:
    venue.listen()
    venue.ok("POST", ORDER, **market_order())
    order = stop(type="STOP", price="30010", workingType="MARK_PRICE", triggerPrice="29990")
    held = venue.ok("POST", ALGO, **order)
    venue.now_ms += 1000
    venue.engine.mark("BTCUSDT", 29_990 * UNIT, venue.now_ms * 1_000_000)
    row = venue.ok("GET", ALGO, algoId=held["algoId"])
    assert (row["algoStatus"], row["actualType"]) == ("TRIGGERED", "LIMIT")
    assert venue.refused("DELETE", ALGO, algoId=held["algoId"])[1] == -2011
    named = {"symbol": "BTCUSDT", "orderId": int(row["actualOrderId"])}
    assert venue.ok("DELETE", ORDER, **named)["origType"] == "STOP"
    assert venue.ok("GET", ALGO, algoId=held["algoId"])["algoStatus"] == "FINISHED"
