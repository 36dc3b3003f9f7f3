"""The simulated Binance's order endpoints: one table a rule, request in, status and code out."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.reference.binance_desk import (
    MAKER,
    NOW_MS,
    OTHER,
    Venue,
    limit_order,
    market_order,
    refusal,
)

ORDER, BATCH = "/fapi/v1/order", "/fapi/v1/batchOrders"
MIN = 60_000


@pytest.fixture
def venue() -> Venue:
    return Venue()


LIMIT_FAULTS: list[tuple[dict[str, Any], int, str]] = [
    # presence and form, in the order in which the venue looks
    ({"symbol": None}, -1102, "'symbol'"),
    ({"symbol": ""}, -1102, "'symbol'"),
    ({"symbol": "BTCUSD"}, -1121, "Invalid symbol."),
    ({"symbol": "btcusdt"}, -1121, "Invalid symbol."),
    ({"side": None}, -1102, "'side'"),
    ({"side": "buy"}, -1117, "Invalid side."),
    ({"side": "HOLD", "type": "NONE"}, -1117, "Invalid side."),
    ({"type": None}, -1102, "'type'"),
    ({"type": "LIMIT_MAKER"}, -1116, "Invalid orderType."),
    ({"type": "STOP", "quantity": None}, -4120, "Algo Order API"),
    ({"type": "STOP_MARKET"}, -4120, "Algo Order API"),
    ({"type": "TAKE_PROFIT"}, -4120, "Algo Order API"),
    ({"type": "TAKE_PROFIT_MARKET"}, -4120, "Algo Order API"),
    ({"type": "TRAILING_STOP_MARKET"}, -4120, "Algo Order API"),
    ({"positionSide": "UP"}, -4060, "Invalid position side."),
    ({"timeInForce": None}, -1102, "'timeInForce'"),
    ({"timeInForce": "DAY"}, -1115, "Invalid timeInForce."),
    ({"timeInForce": "GTE_GTC"}, -1115, "Invalid timeInForce."),
    ({"quantity": None}, -1102, "'quantity'"),
    ({"quantity": ""}, -1102, "'quantity'"),
    ({"quantity": "-1"}, -1100, "'quantity'"),
    ({"quantity": "1e3"}, -1100, "'quantity'"),
    ({"quantity": " 1"}, -1100, "'quantity'"),
    ({"quantity": "0"}, -4003, "zero"),
    ({"price": None}, -1102, "'price'"),
    ({"price": "1,5"}, -1100, "'price'"),
    ({"price": "0"}, -4001, "Price less than 0."),
    ({"newClientOrderId": "x" * 37}, -4015, "36"),
    ({"newClientOrderId": "a b"}, -1100, "'newClientOrderId'"),
    ({"newClientOrderId": ""}, -1105, "'newClientOrderId'"),
    ({"newOrderRespType": "FULL"}, -1136, "newOrderRespType"),
    ({"reduceOnly": "yes"}, -1130, "'reduceOnly'"),
    ({"selfTradePreventionMode": "EXPIRE"}, -5039, "selfTradePreventionMode"),
    ({"priceMatch": "BEST", "price": None}, -5037, "price match"),
    ({"priceMatch": "OPPONENT_10", "price": None}, -5037, "price match"),
    ({"priceMatch": "QUEUE"}, -1106, "'price'"),
    ({"stopPrice": "1"}, -1106, "'stopPrice'"),
    ({"callbackRate": "1"}, -1106, "'callbackRate'"),
    ({"closePosition": "true"}, -1106, "'closePosition'"),
    ({"goodTillDate": NOW_MS + 700_000}, -1106, "'goodTillDate'"),
    ({"timeInForce": "GTD"}, -1102, "'goodTillDate'"),
    ({"timeInForce": "GTD", "goodTillDate": NOW_MS + 600_000}, -5040, "600 seconds"),
    ({"timeInForce": "GTD", "goodTillDate": 253402300799000}, -5040, "253402300799000"),
    # the filters
    ({"price": "29990.001"}, -1111, "Precision"),
    ({"price": "29990.00000000000000000001"}, -1111, "Precision"),
    ({"quantity": "12345678901234567890.00000000000000000001"}, -1111, "Precision"),
    ({"price": "99999999999999999999"}, -4002, "max price"),
    ({"quantity": "0.1001"}, -1111, "Precision"),
    ({"price": "29990.05"}, -4014, "tick size"),
    ({"price": "299.9"}, -4013, "min price"),
    ({"price": "210000.1"}, -4002, "max price"),
    ({"quantity": "1000.001", "price": "20000"}, -4005, "max quantity"),
    ({"quantity": "0.001", "price": "4999"}, -4164, "smaller than 5 "),
    ({"price": "31500.1"}, -4016, "higher than 31500."),
    ({"side": "SELL", "price": "28499.9"}, -4024, "lower than 28500."),
    # the account and the book
    ({"positionSide": "LONG"}, -4061, "position side"),
    ({"reduceOnly": "true", "side": "SELL", "price": "30010"}, -2022, "ReduceOnly"),
    ({"quantity": "100", "price": "29990"}, -2019, "Margin"),
    ({"timeInForce": "GTX", "price": "30000.1"}, -5022, "Post Only"),
    ({"timeInForce": "FOK", "quantity": "2.001", "price": "30000.1"}, -5021, "FOK"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "code", "words"), LIMIT_FAULTS)
def test_a_limit_order_that_breaks_a_rule(
    venue: Venue, change: dict[str, Any], code: int, words: str
) -> None:
    key = venue.listen()
    status, found, text = venue.refused("POST", ORDER, **limit_order(**change))
    assert (status, found) == (400, code), text
    assert words in text
    assert key
    assert venue.events() == [], "a refused order leaves no event"
    assert venue.ok("GET", "/fapi/v1/allOrders", symbol="BTCUSDT") == []


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"timeInForce": "GTC"}, -1106, "'timeInForce'"),
        ({"price": "30000"}, -1106, "'price'"),
        ({"quantity": None}, -1102, "'quantity'"),
        ({"priceMatch": "OPPONENT"}, -5038, "LIMIT"),
        ({"quantity": "100.001"}, -4005, "max quantity"),
        ({"quantity": "90"}, -2019, "Margin"),
        ({"reduceOnly": "true"}, -2022, "ReduceOnly"),
    ],
)
def test_a_market_order_that_breaks_a_rule(
    venue: Venue, change: dict[str, Any], code: int, words: str
) -> None:
    status, found, text = venue.refused("POST", ORDER, **market_order(**change))
    assert (status, found) == (400, code), text
    assert words in text


@pytest.mark.parametrize("change", [*LIMIT_FAULTS[:6], *LIMIT_FAULTS[-20:-2]])
def test_the_test_endpoint_checks_and_places_nothing(
    venue: Venue, change: tuple[dict[str, Any], int, str]
) -> None:
    fields, code, _ = change
    assert venue.refused("POST", "/fapi/v1/order/test", **limit_order(**fields))[1] == code
    assert venue.ok("POST", "/fapi/v1/order/test", **limit_order()) == {}
    assert venue.ok("GET", "/fapi/v1/openOrders") == []


@pytest.mark.parametrize(
    ("change", "row"),
    [
        ({}, {"price": "29990.00", "timeInForce": "GTC", "status": "NEW"}),
        ({"timeInForce": "GTX"}, {"timeInForce": "GTX"}),
        (
            {"timeInForce": "GTD", "goodTillDate": NOW_MS + 700_123},
            {"timeInForce": "GTD", "goodTillDate": NOW_MS + 700_000},
        ),
        ({"priceMatch": "QUEUE", "price": None}, {"priceMatch": "QUEUE", "price": "29999.90"}),
        ({"priceMatch": "QUEUE_5", "price": None}, {"price": "29999.50"}),
        ({"priceMatch": "OPPONENT_5", "price": None}, {"price": "30000.50"}),
        ({"selfTradePreventionMode": "NONE"}, {"selfTradePreventionMode": "NONE"}),
        ({"price": "29990"}, {"price": "29990.00"}),
        ({"price": "029990.00000000"}, {"price": "29990.00"}),
        ({"quantity": "0.1"}, {"origQty": "0.100"}),
        ({"newClientOrderId": "a.B:/_-9"}, {"clientOrderId": "a.B:/_-9"}),
    ],
)
def test_what_a_limit_order_may_say(
    venue: Venue, change: dict[str, Any], row: dict[str, Any]
) -> None:
    placed = venue.place(**change)
    assert {name: placed[name] for name in row} == row


@pytest.mark.parametrize("kind", ["ACK", "RESULT"])
@pytest.mark.parametrize("tif", ["MARKET", "IOC", "FOK", "GTC"])
def test_an_ack_tells_of_the_arrival_and_a_result_of_the_end(
    venue: Venue, kind: str, tif: str
) -> None:
    order = (
        market_order(newOrderRespType=kind)
        if tif == "MARKET"
        else limit_order(timeInForce=tif, price="30000.10", newOrderRespType=kind)
    )
    row = venue.ok("POST", ORDER, **order)
    final = kind == "RESULT" and tif != "GTC"
    assert (row["status"], row["executedQty"]) == (
        ("FILLED", "0.100") if final else ("NEW", "0.000")
    )
    found = venue.ok("GET", ORDER, symbol="BTCUSDT", orderId=row["orderId"])
    assert (found["status"], found["executedQty"]) == ("FILLED", "0.100")
    assert found["avgPrice"] == "30000.10000"


def test_client_ids_are_unique_among_open_orders_only(venue: Venue) -> None:
    first = venue.place(newClientOrderId="same")
    refused = venue.refused("POST", ORDER, **limit_order(newClientOrderId="same"))
    assert refused[:2] == (400, -4116)
    venue.place(OTHER, newClientOrderId="same")
    venue.ok("DELETE", ORDER, symbol="BTCUSDT", origClientOrderId="same")
    second = venue.place(newClientOrderId="same")
    assert second["orderId"] != first["orderId"]
    found = venue.ok("GET", ORDER, symbol="BTCUSDT", origClientOrderId="same")
    assert found["orderId"] == second["orderId"], "the newest"


def test_refused_fok_and_post_only_orders_are_not_recorded(venue: Venue) -> None:
    for tif in ("FOK", "GTX"):
        order = limit_order(timeInForce=tif, price="30000.10", quantity="2.5", newClientOrderId=tif)
        assert venue.refused("POST", ORDER, **order)[0] == 400
        query = {"symbol": "BTCUSDT", "origClientOrderId": tif}
        assert venue.refused("GET", ORDER, **query)[:2] == (400, -2013)


@pytest.mark.parametrize("path", [ORDER, "/fapi/v1/openOrder"])
def test_a_question_for_an_order_must_name_one_that_is_there(venue: Venue, path: str) -> None:
    assert venue.refused("GET", path, symbol="BTCUSDT")[:2] == (400, -1102)
    assert venue.refused("GET", path, symbol="BTCUSDT", orderId=99)[:2] == (400, -2013)
    assert venue.refused("GET", path, symbol="BTCUSDT", orderId="x")[:2] == (400, -1100)
    assert venue.refused("GET", path, orderId=1)[:2] == (400, -1102)
    order = venue.place()
    elsewhere = {"symbol": "ETHUSDT", "orderId": order["orderId"]}
    assert venue.refused("GET", path, **elsewhere)[:2] == (400, -2013)
    assert venue.refused("GET", path, OTHER, symbol="BTCUSDT", orderId=1)[:2] == (400, -2013)
    assert venue.ok("GET", path, symbol="BTCUSDT", orderId=order["orderId"])["price"] == "29990.00"


def test_a_cancelled_order_cannot_be_cancelled_again_but_is_found(venue: Venue) -> None:
    order = venue.place()
    named = {"symbol": "BTCUSDT", "orderId": order["orderId"]}
    assert venue.ok("DELETE", ORDER, **named)["status"] == "CANCELED"
    assert venue.refused("DELETE", ORDER, **named) == (400, -2011, "Unknown order sent.")
    assert venue.ok("GET", ORDER, **named)["status"] == "CANCELED"
    assert venue.refused("GET", "/fapi/v1/openOrder", **named)[:2] == (400, -2013)
    # Without a fill it is kept for three days.
    venue.now_ms += 3 * 86_400_000 + 1
    venue.rest.turn(venue.now_ms)
    assert venue.refused("GET", ORDER, **named)[:2] == (400, -2013)


AMEND_FAULTS: list[tuple[dict[str, Any], int]] = [
    ({"symbol": None}, -1102),
    ({"orderId": None}, -1102),
    ({"orderId": 999}, -2013),
    ({"side": None}, -1102),
    ({"side": "SELL"}, -1117),
    ({"quantity": None}, -1102),
    ({"price": None}, -1102),
    ({"priceMatch": "QUEUE"}, -1106),
    ({"quantity": "0.1", "price": "29990"}, -5027),
    ({"price": "29990.05"}, -4014),
    ({"price": "29990.001"}, -1111),
    ({"price": "31500.1"}, -4016),
    ({"quantity": "0.001", "price": "4000"}, -5029),
    ({"quantity": "100"}, -2019),
]


@pytest.mark.parametrize(("change", "code"), AMEND_FAULTS)
def test_an_amend_that_breaks_a_rule_leaves_the_order(
    venue: Venue, change: dict[str, Any], code: int
) -> None:
    order = venue.place()
    asked = {
        "symbol": "BTCUSDT", "orderId": order["orderId"], "side": "BUY", "quantity": "0.2",
        "price": "29991", **change,
    }  # fmt: skip
    status, found, text = venue.refused("PUT", ORDER, **asked)
    assert (status, found) == (400, code), text
    (left,) = venue.ok("GET", "/fapi/v1/openOrders", symbol="BTCUSDT")
    assert (left["price"], left["origQty"]) == ("29990.00", "0.100")


def test_an_amend_keeps_the_ids_and_is_remembered(venue: Venue) -> None:
    order = venue.place(newClientOrderId="mine")
    asked = {"symbol": "BTCUSDT", "side": "BUY", "quantity": "0.2", "price": "29991"}
    row = venue.ok("PUT", ORDER, origClientOrderId="mine", modifyId=77, **asked)
    assert (row["orderId"], row["clientOrderId"]) == (order["orderId"], "mine")
    assert (row["pair"], row["modifyId"], row["origQty"]) == ("BTCUSDT", 77, "0.200")
    venue.ok("PUT", ORDER, orderId=order["orderId"], **asked | {"price": "29992"})
    last, first = venue.ok(
        "GET", "/fapi/v1/orderAmendment", symbol="BTCUSDT", orderId=order["orderId"]
    )
    assert first["amendment"] == {
        "price": {"before": "29990.00", "after": "29991.00"},
        "origQty": {"before": "0.100", "after": "0.200"},
        "count": 1,
        "modifyId": 77,
    }
    assert (last["amendment"]["count"], "modifyId" in last["amendment"]) == (2, False)


def test_an_amend_below_what_is_filled_cancels(venue: Venue) -> None:
    resting = venue.place(side="SELL", price="30000.00", quantity="1")
    venue.ok("POST", ORDER, OTHER, **market_order(quantity="0.4"))
    asked = {"symbol": "BTCUSDT", "side": "SELL", "quantity": "0.4", "price": "30000"}
    row = venue.ok("PUT", ORDER, orderId=resting["orderId"], **asked)
    assert (row["status"], row["executedQty"]) == ("CANCELED", "0.400")


def test_a_post_only_order_that_is_amended_into_the_book_is_cancelled(venue: Venue) -> None:
    order = venue.place(timeInForce="GTX")
    asked = {"symbol": "BTCUSDT", "side": "BUY", "quantity": "0.1", "price": "30000.1"}
    assert venue.ok("PUT", ORDER, orderId=order["orderId"], **asked)["status"] == "CANCELED"


# Batches


def test_a_batch_answers_each_of_its_orders_in_order(venue: Venue) -> None:
    rows = [
        limit_order(newClientOrderId="one"),
        limit_order(price="1.05"),
        limit_order(type="STOP_MARKET"),
        {**limit_order(), "quantity": 0.2, "price": 29000},
        market_order(newOrderRespType="RESULT"),
    ]
    found = venue.ok("POST", BATCH, batchOrders=json.dumps(rows))
    assert [row.get("code", row.get("status")) for row in found] == [
        "NEW", -4014, -4120, "NEW", "FILLED",
    ]  # fmt: skip
    assert (found[3]["origQty"], found[3]["price"]) == ("0.200", "29000.00")
    changes = [
        {"symbol": "BTCUSDT", "origClientOrderId": "one", "side": "BUY", "quantity": "0.3",
         "price": "29980"},
        {"symbol": "BTCUSDT", "orderId": 1234, "side": "BUY", "quantity": "0.3", "price": "1"},
    ]  # fmt: skip
    found = venue.ok("PUT", BATCH, batchOrders=json.dumps(changes))
    assert (found[0]["origQty"], found[1]["code"]) == ("0.300", -2013)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, -1102),
        ("[]", -4082),
        (json.dumps([limit_order()] * 6), -4082),
        ("{}", -1130),
        ("[1]", -1130),
        ("[", -1130),
    ],
)
def test_a_batch_is_a_list_of_at_most_five(venue: Venue, value: str | None, code: int) -> None:
    for method in ("POST", "PUT"):
        assert venue.refused(method, BATCH, batchOrders=value)[:2] == (400, code)


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"orderIdList": "[1,2,3,4,5,6,7,8,9,10,11]"}, -4032),
        ({"orderIdList": '["1"]'}, -1130),
        ({"origClientOrderIdList": "[1]"}, -1130),
        ({"orderIdList": "1"}, -1130),
        ({}, -1102),
    ],
)
def test_a_batch_cancel_names_at_most_ten(venue: Venue, params: dict[str, Any], code: int) -> None:
    assert venue.refused("DELETE", BATCH, symbol="BTCUSDT", **params)[:2] == (400, code)


@pytest.mark.parametrize("spelled", [str, str.lower])
def test_a_batch_cancel_answers_each(venue: Venue, spelled: Callable[[str], str]) -> None:
    orders = [venue.place(newClientOrderId=f"c{n}") for n in range(3)]
    ids = json.dumps([orders[0]["orderId"], 999])
    found = venue.ok("DELETE", BATCH, symbol="BTCUSDT", **{spelled("orderIdList"): ids})
    assert [row.get("code", row.get("status")) for row in found] == ["CANCELED", -2011]
    name = spelled("origClientOrderIdList")
    found = venue.ok("DELETE", BATCH, symbol="BTCUSDT", **{name: '["c1","c9"]'})
    assert [row.get("code", row.get("status")) for row in found] == ["CANCELED", -2011]
    venue.place(symbol="ETHUSDT", price="1990")
    assert venue.ok("DELETE", "/fapi/v1/allOpenOrders", symbol="BTCUSDT")["code"] == 200
    (left,) = venue.ok("GET", "/fapi/v1/openOrders")
    assert left["symbol"] == "ETHUSDT"


def test_the_countdown_cancels_when_it_is_not_renewed(venue: Venue) -> None:
    venue.place()
    venue.place(symbol="ETHUSDT", price="1990")
    path = "/fapi/v1/countdownCancelAll"
    assert venue.ok("POST", path, symbol="BTCUSDT", countdownTime=1000) == {
        "symbol": "BTCUSDT",
        "countdownTime": "1000",
    }
    venue.now_ms += 900
    venue.ok("POST", path, symbol="BTCUSDT", countdownTime=1000)
    venue.now_ms += 999
    venue.rest.turn(venue.now_ms)
    assert len(venue.ok("GET", "/fapi/v1/openOrders")) == 2
    venue.now_ms += 1
    venue.rest.turn(venue.now_ms)
    (left,) = venue.ok("GET", "/fapi/v1/openOrders")
    assert left["symbol"] == "ETHUSDT"
    venue.ok("POST", path, symbol="ETHUSDT", countdownTime=1000)
    venue.ok("POST", path, symbol="ETHUSDT", countdownTime=0)
    venue.now_ms += 5000
    venue.rest.turn(venue.now_ms)
    assert len(venue.ok("GET", "/fapi/v1/openOrders")) == 1
    assert venue.refused("POST", path, symbol="BTCUSDT")[:2] == (400, -1102)


# Limits


def test_orders_are_counted_in_fixed_windows_and_told_in_headers() -> None:
    venue = Venue(order_limits=((10_000, 3), (60_000, 6)))
    venue.now_ms = NOW_MS // MIN * MIN + 5_000

    def counted(**params: Any) -> tuple[str, str] | int:
        answer = venue.ask("POST", ORDER, **limit_order(**params))
        if answer.status != 200:
            assert "X-MBX-ORDER-COUNT-10S" not in answer.headers
            return refusal(answer)[1]
        names = ("X-MBX-ORDER-COUNT-10S", "X-MBX-ORDER-COUNT-1M")
        return answer.headers[names[0]], answer.headers[names[1]]

    assert counted() == ("1", "1")
    assert counted(price="0") == -4001, "refused, but counted"
    assert counted() == ("3", "3")
    answer = venue.ask("POST", ORDER, **limit_order())
    assert refusal(answer)[:2] == (429, -1015)
    assert answer.headers["Retry-After"] == "5", "until the window ends"
    assert venue.ask("POST", ORDER, OTHER, **limit_order()).status == 200, "counts are an account's"
    assert venue.ask("DELETE", ORDER, symbol="BTCUSDT", orderId=1).status == 200
    venue.now_ms += 5_000
    assert counted() == ("1", "4")
    venue.now_ms += 10_000
    assert counted() == ("1", "5")
    rows = json.dumps([limit_order()])
    assert venue.refused("POST", BATCH, batchOrders=rows)[:2] == (429, -1015)
    venue.now_ms += 50_000
    assert counted() == ("1", "1")


def test_a_batch_counts_five_and_one(venue: Venue) -> None:
    answer = venue.ask("POST", BATCH, batchOrders=json.dumps([limit_order()]))
    assert answer.headers["X-MBX-ORDER-COUNT-10S"] == "5"
    assert answer.headers["X-MBX-ORDER-COUNT-1M"] == "1"
    assert answer.headers["x-mbx-used-weight-1m"] == "5"


@pytest.mark.parametrize(
    ("method", "path", "params", "weight"),
    [
        ("GET", ORDER, {"symbol": "BTCUSDT", "orderId": 1}, 1),
        ("DELETE", ORDER, {"symbol": "BTCUSDT", "orderId": 1}, 1),
        ("GET", "/fapi/v1/openOrders", {"symbol": "BTCUSDT"}, 1),
        ("GET", "/fapi/v1/openOrders", {}, 40),
        ("GET", "/fapi/v1/openAlgoOrders", {}, 40),
        ("GET", "/fapi/v1/allOrders", {}, 5),
        ("GET", "/fapi/v1/userTrades", {"symbol": "BTCUSDT"}, 5),
        ("GET", "/fapi/v3/account", {}, 5),
        ("GET", "/fapi/v2/positionRisk", {}, 10),
        ("POST", "/fapi/v1/order/test", {}, 1),
        ("GET", "/fapi/v1/positionSide/dual", {}, 30),
        ("GET", "/fapi/v1/income", {}, 30),
        ("GET", "/fapi/v1/commissionRate", {"symbol": "BTCUSDT"}, 20),
        ("POST", "/fapi/v1/countdownCancelAll", {"symbol": "BTCUSDT", "countdownTime": 0}, 10),
        ("POST", "/fapi/v1/algoOrder", {}, 0),
        ("POST", "/fapi/v1/listenKey", {}, 1),
    ],
)
def test_the_weight_of_a_signed_request(
    venue: Venue, method: str, path: str, params: dict[str, Any], weight: int
) -> None:
    answer = venue.ask(method, path, **params)
    assert int(answer.headers["x-mbx-used-weight-1m"]) == weight


def test_another_method_is_not_served(venue: Venue) -> None:
    answer = venue.send("PATCH", ORDER, key=MAKER.key)
    assert refusal(answer)[:2] == (405, -1020)
    assert answer.headers["Allow"] == "DELETE, GET, POST, PUT"


def test_the_connector_knows_every_code_that_may_come() -> None:
    """Two tables, written apart."""
    from connector.venues.binance_usdm import sim_refusals
    from connector.venues.binance_usdm.error_codes import ROWS

    folder = Path(sim_refusals.__file__).parent
    found = {
        int(code)
        for path in folder.glob("sim*.py")
        for code in re.findall(r"[(,]\s*(-[1-5]\d{3}),", path.read_text())
    }
    assert len(found) > 70
    assert found - ROWS.keys() == set()
