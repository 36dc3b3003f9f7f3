"""Cadenza, answers to order requests: what each proves, what it says of the order, and how lists go
on."""

import json
from typing import Any
from urllib.parse import parse_qsl

import pytest

from connector.model.instrument import ContractType, Instrument
from connector.model.intents import Action
from connector.model.reports import OrderStatus
from connector.venues.cadenza.answers import fill_events, judge, next_page, order_event
from connector.venues.cadenza.endpoints import ENDPOINTS
from connector.venues.trading_contract import OrderOutcome, Source

ID = "85df4133-2159-4db1-a117-d20455178752"
BTC = Instrument(
    symbol="BINANCE:BTC/USDT", exchange="Cadenza", base="BTC", quote="USDT", margin="USDT",
    contract=ContractType.SPOT, price_exponent=8, qty_exponent=8, price_digits=2, qty_digits=5,
    tick_e=10**6, step_e=10**3,
)  # fmt: skip
FEE = {"security": "BINANCE:BTC", "asset": "BTC", "venue": "BINANCE", "quantity": "0.002"}
EXECUTION = {
    "executionId": "fc49a52d-e069-4441-83c6-8d779c937dd9", "venue": "BINANCE",
    "instrumentId": "BINANCE:BTC/USDT", "executedQuantity": "2.0", "executedPrice": "1234.5",
    "executedCost": "2469.0", "fees": [FEE], "executedAt": 1632933600000,
}  # fmt: skip
ORDER = {
    "tradeOrderId": ID, "tradingAccountId": "14f773c5-2079-41e0-90e4-340a7b4d3391",
    "venue": "BINANCE", "instrumentId": "BINANCE:BTC/USDT", "baseAsset": "BTC",
    "quoteAsset": "USDT", "orderSide": "BUY", "orderType": "LIMIT", "timeInForce": "GTC",
    "status": "ACCEPTED", "limitPrice": "1234.56789000", "quantity": "2.0",
    "orderQuantityType": "BASE", "executedPrice": "0", "executedQuantity": "0",
    "executedCost": "0", "fees": [], "createdAt": 1632933600000, "updatedAt": 1632933600000,
}  # fmt: skip
FILLED = ORDER | {
    "status": "FILLED", "executedPrice": "1234.5", "executedQuantity": "2.0",
    "executedCost": "2469.0", "executions": [EXECUTION],
}  # fmt: skip
PLACE, CANCEL, QUERY = Action.PLACE, Action.CANCEL, Action.QUERY


def scales(symbol: str) -> Instrument | None:
    return BTC if symbol == BTC.symbol else None


def good(data: Any, **more: Any) -> bytes:
    answer = {"success": True, "errno": 0, "error": None, "data": data}
    return json.dumps(answer | more).encode()


def bad(errno: int) -> bytes:
    return json.dumps({"success": False, "errno": errno, "error": "no", "data": None}).encode()


WINDOW = {"X-RateLimit-Remaining": "0", "Retry-After": "7"}


@pytest.mark.parametrize(
    ("action", "status", "body", "outcome"),
    [
        (PLACE, 200, good([ORDER]), OrderOutcome.ACCEPTED),
        (PLACE, 200, good([ORDER | {"status": "REJECTED"}]), OrderOutcome.ACCEPTED),
        # An order that is not named is not to be told from any other.
        (PLACE, 200, good([]), OrderOutcome.UNKNOWN),
        (PLACE, 200, good([ORDER, ORDER]), OrderOutcome.UNKNOWN),
        (PLACE, 200, good(None), OrderOutcome.UNKNOWN),
        (PLACE, 200, good([{"status": "ACCEPTED"}]), OrderOutcome.UNKNOWN),
        (PLACE, 200, good(["x"]), OrderOutcome.UNKNOWN),
        (PLACE, 200, good([ORDER])[:-1], OrderOutcome.UNKNOWN),
        (PLACE, 200, b"", OrderOutcome.UNKNOWN),
        (PLACE, 400, bad(-18006), OrderOutcome.REFUSED),
        (PLACE, 200, bad(18001), OrderOutcome.REFUSED),
        (PLACE, 401, bad(19002), OrderOutcome.NOT_EXECUTED),
        (CANCEL, 401, b"", OrderOutcome.NOT_EXECUTED),
        (PLACE, 401, bad(26001), OrderOutcome.NOT_EXECUTED),
        (PLACE, 401, bad(18005), OrderOutcome.AUTH),
        (PLACE, 403, bad(19002), OrderOutcome.AUTH),
        (PLACE, 404, bad(22016), OrderOutcome.REFUSED),
        (PLACE, 502, bad(18004), OrderOutcome.UNKNOWN),
        (PLACE, 504, b"<html>", OrderOutcome.UNKNOWN),
        (PLACE, 429, b"", OrderOutcome.UNKNOWN),
        (PLACE, 429, bad(18011), OrderOutcome.THROTTLED),
        # What the exchange behind failed at may be done all the same, whatever the status.
        *(
            (PLACE, 400, bad(-code), OrderOutcome.UNKNOWN)
            for code in (18000, 18004, 18009, 18018, 22000, 22014, 99999)
        ),
        (PLACE, 400, b"", OrderOutcome.REFUSED),
        (CANCEL, 400, bad(18004), OrderOutcome.UNKNOWN),
        (CANCEL, 200, good(ORDER | {"status": "CANCELLED"}), OrderOutcome.ACCEPTED),
        (CANCEL, 200, good(ORDER | {"status": "PENDING_CANCEL"}), OrderOutcome.ACCEPTED),
        (CANCEL, 200, good("ok"), OrderOutcome.ACCEPTED),
        (CANCEL, 404, bad(18018), OrderOutcome.GONE),
        (CANCEL, 404, b"", OrderOutcome.GONE),
        (CANCEL, 409, bad(22017), OrderOutcome.GONE),
        (CANCEL, 500, bad(22000), OrderOutcome.UNKNOWN),
        (QUERY, 200, good([ORDER]), OrderOutcome.ACCEPTED),
        (QUERY, 200, good([]), OrderOutcome.GONE),
        (QUERY, 200, good([ORDER, ORDER]), OrderOutcome.UNKNOWN),
        (QUERY, 404, bad(22016), OrderOutcome.GONE),
        (QUERY, 404, b"", OrderOutcome.REFUSED),
        (QUERY, 404, b"<html>no backend</html>", OrderOutcome.REFUSED),
        (QUERY, 404, bad(12345), OrderOutcome.REFUSED),
        (QUERY, 503, b"", OrderOutcome.UNKNOWN),
    ],
)
def test_what_an_answer_proves(
    action: Action, status: int, body: bytes, outcome: OrderOutcome
) -> None:
    found = judge(action, status, {}, body, scales)
    assert (found.outcome, found.status) == (outcome, status)
    assert found.body == body.decode()


def test_what_an_answer_says_of_the_order() -> None:
    placed = judge(PLACE, 200, {}, good([ORDER]), scales).order
    assert placed is not None
    assert (placed.venue_order_id, placed.client_order_id) == (ID, "")
    assert (placed.source, placed.status) == (Source.ANSWER, OrderStatus.NEW)
    assert (placed.price_e, placed.qty_e) == (123_456_789_000, 200_000_000)
    ended = judge(CANCEL, 200, {}, good(ORDER | {"status": "CANCELLED"}), scales).order
    assert ended is not None
    assert ended.status is OrderStatus.CANCELLED
    asked = judge(QUERY, 200, {}, good([FILLED]), scales).order
    assert asked is not None
    assert (asked.source, asked.filled_qty_e) == (Source.QUERY, 200_000_000)
    assert order_event(good([FILLED]), scales) == asked
    with pytest.raises(ValueError, match="no order"):
        order_event(good([]), scales)


@pytest.mark.parametrize(("headers", "alone"), [(WINDOW, True), ({"retry-after": "7"}, False)])
def test_a_class_that_is_used_up_is_alone_where_the_headers_speak_of_it(
    headers: dict[str, str], alone: bool
) -> None:
    found = judge(PLACE, 429, headers, b"", scales)
    assert (found.outcome, found.alone) == (OrderOutcome.THROTTLED, alone)
    assert found.retry_after_ns == 7 * 10**9
    assert judge(CANCEL, 400, headers, bad(18011), scales).alone is alone


def test_the_fills_of_a_list_have_names_and_fees() -> None:
    later = EXECUTION | {"executionId": "b", "executedAt": 1632933600001}
    other = FILLED | {"tradeOrderId": ID.replace("8", "9"), "executions": [later]}
    found = fill_events(good([other, FILLED, ORDER]), scales)
    assert [(one.venue_order_id, one.venue_trade_id) for one in found] == [
        (ID, EXECUTION["executionId"]), (ID.replace("8", "9"), "b"),
    ]  # fmt: skip
    one = found[0]
    assert (one.last_qty_e, one.last_price_e) == (200_000_000, 123_450_000_000)
    assert (one.fee_e, one.fee_asset, one.source) == (200_000, "BTC", Source.QUERY)
    with pytest.raises(ValueError, match="without"):
        fill_events(bad(1), scales)


@pytest.mark.parametrize(
    ("rows", "pagination", "offset"),
    [
        (2, {"hasNext": True}, "2"),
        (2, {"hasNext": True, "cursor": "", "offset": 0}, "2"),
        (2, {"hasNext": False}, None),
        (2, {"hasNext": None}, None),
        (2, None, None),
        (0, {"hasNext": True}, None),
    ],
)
def test_lists_go_on_while_the_venue_says_so(
    rows: int, pagination: dict[str, Any] | None, offset: str | None
) -> None:
    first = ENDPOINTS["tradeOrderList"].request(orderStatus="ACCEPTED", limit=2)
    body = good([ORDER] * rows, pagination=pagination)
    second = next_page(first, body)
    if offset is None:
        assert second is None
        return
    assert second is not None
    asked = dict(parse_qsl(second.query))
    assert asked == {"orderStatus": "ACCEPTED", "limit": "2", "offset": offset}
    third = next_page(second, body)
    assert third is not None
    assert dict(parse_qsl(third.query))["offset"] == "4"
    last = ENDPOINTS["tradeOrderList"].request(limit=2, offset=9_998)
    assert next_page(last, body) is None, "no more than ten thousand"
    since = ENDPOINTS["tradeOrderList"].request(startTime=1_600, limit=2, offset=9_998)
    with pytest.raises(ValueError, match="more than 10000 rows since 1600"):
        next_page(since, body)
    whole = good([ORDER] * rows, pagination={"hasNext": False})
    assert next_page(since, whole) is None, "as many as can be asked for, and no more there"
    with pytest.raises(ValueError, match="Input data was truncated"):
        next_page(first, body[:-1])


def test_lists_that_have_cursors_go_on_by_them() -> None:
    """Orders that leave a list while it is read would move others past an offset, unseen."""
    asked = {"orderStatus": "ACCEPTED", "limit": "2"}
    first = ENDPOINTS["tradeOrderList"].called(asked, text=True)

    def page(cursor: str, offset: int) -> bytes:
        pagination = {"hasNext": True, "cursor": cursor, "offset": offset}
        return good([ORDER] * 2, pagination=pagination)

    second = next_page(first, page("a/b c", 0))
    assert second is not None
    assert dict(parse_qsl(second.query)) == asked | {"cursor": "a/b c"}
    third = next_page(second, page("d", 2))
    assert third is not None
    assert dict(parse_qsl(third.query)) == asked | {"cursor": "d"}
    fourth = next_page(third, page("", 4))
    assert fourth is not None
    assert dict(parse_qsl(fourth.query)) == asked | {"offset": "6"}
    with pytest.raises(ValueError, match="goes on where it began"):
        next_page(third, page("d", 4))
    assert next_page(third, page("e", 9_998)) is None, "no more than ten thousand"
    since = ENDPOINTS["tradeOrderList"].called(asked | {"startTime": "7"}, text=True)
    with pytest.raises(ValueError, match="more than 10000 rows since 7"):
        next_page(since, page("e", 9_998))
    accounts = ENDPOINTS["portfolioList"].request(limit=2)
    by_offset = next_page(accounts, page("x", 0))
    assert by_offset is not None
    assert dict(parse_qsl(by_offset.query)) == {"limit": "2", "offset": "2"}
