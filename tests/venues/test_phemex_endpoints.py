"""Every call of the venue's document of 2020 can be made by name, and the simulated venue serves
it."""

import json
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from connector.protocol.http1 import Request
from connector.venues.endpoint import Status
from connector.venues.phemex.endpoints import ENDPOINTS, MARKET_ENDPOINTS
from connector.venues.phemex.schemas import RowsData
from connector.venues.phemex.sim import SIM
from tests.reference.phemex_venue import Phemex, Trader, account

SECOND_NS = 1_000_000_000
PUBLISHED = [
    "GET /exchange/public/products",
    "POST /orders",
    "PUT /orders/replace",
    "DELETE /orders/cancel",
    "DELETE /orders",
    "DELETE /orders/all",
    "GET /accounts/accountPositions",
    "PUT /positions/leverage",
    "PUT /positions/riskLimit",
    "POST /positions/assign",
    "GET /orders/activeList",
    "GET /exchange/order/list",
    "GET /exchange/order",
    "GET /exchange/order/trade",
    "GET /md/orderbook",
    "GET /md/trade",
    "GET /md/ticker/24hr",
    "GET /phemex-user/users/children",
    "POST /exchange/wallets/transferOut",
    "POST /exchange/wallets/transferIn",
    "POST /exchange/margins",
    "GET /exchange/margins/transfer",
    "POST /exchange/wallets/createWithdraw",
    "GET /exchange/wallets/confirm/withdraw",
    "POST /exchange/wallets/cancelWithdraw",
    "GET /exchange/wallets/withdrawList",
    "POST /exchange/wallets/createWithdrawAddress",
]
"""In the order of the document: 27."""
HEDGED = [
    "POST /g-orders",
    "PUT /g-orders/create",
    "PUT /g-orders/replace",
    "DELETE /g-orders/cancel",
    "DELETE /g-orders",
    "DELETE /g-orders/all",
    "GET /g-orders/activeList",
    "GET /g-orders/active",
    "GET /g-accounts/accountPositions",
    "GET /g-accounts/positions",
    "PUT /g-positions/leverage",
    "POST /g-positions/assign",
    "PUT /g-positions/switch-pos-mode-sync",
    "GET /g-accounts/risk-unit",
    "GET /exchange/order/v2/orderList",
    "GET /exchange/order/v2/tradingList",
    "GET /api-data/g-futures/orders",
    "GET /api-data/g-futures/orders/by-order-id",
    "GET /api-data/g-futures/trades",
]
"""Section 10.1 of the reference."""


def test_every_call_of_the_document_has_a_row() -> None:
    rows = {f"{one.method} {one.path}": one for one in ENDPOINTS.values()}
    assert len(PUBLISHED) == 27
    assert not {*PUBLISHED, *HEDGED} - rows.keys()
    assert {rows[call].status for call in HEDGED} == {Status.CURRENT}


def test_who_was_replaced_names_who_replaced_it() -> None:
    words = {"the link in the venue's mail", "the venue's site"}
    for one in ENDPOINTS.values():
        if one.status is Status.REPLACED:
            assert one.successor in words or ENDPOINTS[one.successor].status is Status.CURRENT
        else:
            assert not one.successor


@pytest.fixture(scope="module")
def trader() -> Trader:
    return Trader(Phemex(["BTCUSD", "BTCUSDT"], rate=50, accounts=(account(),)))


def test_the_simulated_venue_serves_all_of_them() -> None:
    assert all(SIM.serves(*call.split()) for call in [*PUBLISHED, *HEDGED])


EVERY = sorted({f"{one.method} {one.path}" for one in ENDPOINTS.values()})


@pytest.mark.parametrize("call", EVERY)
def test_it_answers_what_it_says_that_it_serves(trader: Trader, call: str) -> None:
    """An answer with an envelope, if only to refuse; of the rest the edge knows nothing."""
    method, path = call.split()
    body = b"{}" if method == "POST" else b""
    trader.venue.now_ns += SECOND_NS  # so that all of them are within the limits
    if SIM.serves(method, path):
        answer = trader.ask(method, path, "symbol=BTCUSD", body)
        assert "error" in answer or answer["code"] != "39995"
    else:
        assert trader.venue.get(path).status in (403, 405), "the page says it is not simulated"


GIVEN: dict[str, dict[str, Any]] = {
    "klines": {"symbol": "BTCUSD", "resolution": 60, "limit": 5},
    "klinesLast": {"symbol": "BTCUSDT", "resolution": 60, "limit": 5},
    "gKlineRange": {"symbol": "BTCUSDT", "resolution": 60, "from": 0, "to": 2**40},
    "tradeHistory": {"market": "BTCUSD"},
    "klineRange": {"symbol": "BTCUSDT", "resolution": 60, "from": 0, "to": 2**40},
    "fundingRateHistory": {"symbol": ".BTCFR8H", "limit": 3},
    "gFundingRates": {"pageNum": 1, "pageSize": 1},
}
NO_PARAMETERS = {"configProducts", "products", "productsPlus", "exchangeProducts", "time"}
NO_PARAMETERS |= {"ticker24hrAll", "gTicker24hrAll", "v1Ticker24hrAll", "gTicker24hrAllV2"}


def answered(trader: Trader, request: Any) -> Any:
    venue = trader.venue
    now_ms = venue.wall_ms()
    path, _, query = request.target.partition("?")
    asked = Request(request.method, path, query, {})
    return venue.rest.answer(venue.market, asked, "10.0.0.3", now_ms, now_ms)


@pytest.mark.parametrize("name", MARKET_ENDPOINTS)
def test_market_calls_are_answered_in_the_shape_the_table_says(trader: Trader, name: str) -> None:
    row = MARKET_ENDPOINTS[name]
    decimal = name.startswith("g")
    given = GIVEN.get(name, {} if name in NO_PARAMETERS else {"symbol": "BTCUSD"})
    if decimal and "symbol" in given:
        given = given | {"symbol": "BTCUSDT"}
    found = answered(trader, row.called(given))
    assert found.status == 200
    told = msgspec.json.decode(found.body, type=row.result)
    what = getattr(told, "result", None) or getattr(told, "data", None)
    assert what, "neither a result nor data"
    if isinstance(what, RowsData):
        assert what.rows
    if name in ("orderbook", "fullbook", "gOrderbook", "gFullbook"):
        book = what.orderbook_p if decimal else what.book
        assert book.bids
        assert book.asks
        assert (what.type, what.depth) == ("snapshot", 0 if "ull" in name else 30)
    if name in ("trade", "gTrade"):
        assert len((what.trades_p if decimal else what.trades)[0]) == 4
    if "24hrAll" in name:
        assert len(what) == 1, "of its own family alone"


def test_the_history_of_trades_goes_on_behind_an_id(trader: Trader) -> None:
    trader.venue.run(2000)
    row = MARKET_ENDPOINTS["tradeHistory"]

    def told(**given: Any) -> list[dict[str, str]]:
        body = answered(trader, row.called({"market": "BTCUSD", **given})).body
        return list(json.loads(body)["data"])

    every = told()
    assert len(every) > 10
    assert told(since=every[4]["id"]) == every[5:]
    assert told(start=2**41, end=2**42) == []
    assert float(every[0]["price"]) == pytest.approx(86770, rel=0.1)
    assert {one["side"] for one in every} == {"buy", "sell"}
    assert [one["timestamp"] for one in every] == sorted(one["timestamp"] for one in every)


def rates(trader: Trader, **given: Any) -> list[dict[str, Any]]:
    row = MARKET_ENDPOINTS["fundingRateHistory"]
    body = answered(trader, row.called({"symbol": ".BTCFR8H", **given})).body
    return list(json.loads(body)["data"]["rows"])


def test_settled_rates_are_the_newest_oldest_first_with_both_ends(trader: Trader) -> None:
    rows = rates(trader, limit=5)
    times = [row["fundingTime"] for row in rows]
    assert len(rows) == 5
    assert times == sorted(times)
    assert {after - before for before, after in pairwise(times)} == {28_800_000}
    assert rates(trader, start=times[1], end=times[3]) == rows[1:4]
    assert rates(trader, start=times[1] + 1, end=times[3] - 1) == rows[2:3]
    assert len(rates(trader)) == 100


def test_candles_between_two_seconds_begin_there(trader: Trader) -> None:
    trader.venue.run(200_000)
    row = MARKET_ENDPOINTS["klineRange"]
    asked = {"symbol": "BTCUSD", "resolution": 60}

    def begins(start: int, end: int) -> list[int]:
        body = answered(trader, row.called({**asked, "from": start, "to": end})).body
        return [candle[0] for candle in json.loads(body)["data"]["rows"]]

    every = begins(0, 2**40)
    assert len(every) >= 3
    assert begins(every[1], every[1] + 60) == [every[1]]
    assert begins(every[1], every[1]) == []


@pytest.mark.parametrize(
    ("path", "query", "code"),
    [
        ("/api-data/public/data/funding-rate-history", "", 412),
        ("/api-data/public/data/funding-rate-history", "symbol=BTCUSD", 30000),
        ("/api-data/public/data/funding-rate-history", "symbol=.BTCFR", 30000),
        ("/api-data/public/data/funding-rate-history", "symbol=.BTCFR8H&limit=0", 30000),
        ("/exchange/public/md/kline", "symbol=BTCUSD&resolution=61&from=0&to=9", 30000),
        ("/exchange/public/md/kline", "symbol=BTCUSD&resolution=60&from=x&to=9", 30000),
        ("/contract-biz/public/real-funding-rates", "pageNum=0", 30000),
        ("/exchange/public/nomics/trades", "", 412),
        ("/exchange/public/nomics/trades", "market=BTCUSD&since=7", 30000),
        ("/exchange/public/nomics/trades", "market=NONE", 30000),
    ],
)
def test_calls_that_are_wrong_are_refused(trader: Trader, path: str, query: str, code: int) -> None:
    venue = trader.venue
    now_ms = venue.wall_ms()
    asked = Request("GET", path, query, {})
    found = venue.rest.answer(venue.market, asked, "10.0.0.4", now_ms, now_ms)
    assert json.loads(found.body)["code"] == code
