"""Binance USD-M: the table holds every endpoint the venue has published, then and now."""

from typing import Any

import msgspec
import pytest

from connector.venues.binance_usdm import VENUE
from connector.venues.binance_usdm.limits import FUNDING, STATISTICS, WEIGHT
from connector.venues.contract import Permission, Security, Status
from connector.venues.endpoint import Removed
from connector.venues.parameters import BadParameter, parameters

# Section 6.1: call, weight without parameters of its own or with a symbol, without; pool.
MARKET_2021 = """
GET /fapi/v1/ping
GET /fapi/v1/time
GET /fapi/v1/exchangeInfo
GET /fapi/v1/depth
GET /fapi/v1/trades
GET /fapi/v1/historicalTrades
GET /fapi/v1/aggTrades
GET /fapi/v1/klines
GET /fapi/v1/continuousKlines
GET /fapi/v1/premiumIndex
GET /fapi/v1/ticker/24hr
GET /fapi/v1/ticker/price
GET /fapi/v1/ticker/bookTicker
GET /fapi/v1/allForceOrders
GET /fapi/v1/openInterest
GET /fapi/v1/indexInfo
"""
TRADING_2021 = """
POST /fapi/v1/positionSide/dual
GET /fapi/v1/positionSide/dual
POST /fapi/v1/order
POST /fapi/v1/batchOrders
GET /fapi/v1/order
DELETE /fapi/v1/order
DELETE /fapi/v1/allOpenOrders
DELETE /fapi/v1/batchOrders
POST /fapi/v1/countdownCancelAll
GET /fapi/v1/openOrder
GET /fapi/v1/openOrders
GET /fapi/v1/allOrders
GET /fapi/v2/balance
GET /fapi/v2/account
POST /fapi/v1/leverage
POST /fapi/v1/marginType
POST /fapi/v1/positionMargin
GET /fapi/v1/positionMargin/history
GET /fapi/v2/positionRisk
GET /fapi/v1/userTrades
GET /fapi/v1/income
GET /fapi/v1/leverageBracket
GET /fapi/v1/adlQuantile
GET /fapi/v1/forceOrders
GET /fapi/v1/commissionRate
POST /fapi/v1/listenKey
PUT /fapi/v1/listenKey
DELETE /fapi/v1/listenKey
"""
# Section 6.3, a line each; portfolio margin and conversions (A33) are out of scope.
SINCE = """
PUT /fapi/v1/order
PUT /fapi/v1/batchOrders
GET /fapi/v1/orderAmendment
POST /fapi/v1/order/test
GET /fapi/v1/rateLimit/order
POST /fapi/v1/algoOrder
DELETE /fapi/v1/algoOrder
GET /fapi/v1/algoOrder
GET /fapi/v1/openAlgoOrders
GET /fapi/v1/allAlgoOrders
DELETE /fapi/v1/algoOpenOrders
GET /fapi/v3/account
GET /fapi/v3/balance
GET /fapi/v3/positionRisk
GET /fapi/v1/accountConfig
GET /fapi/v1/symbolConfig
GET /fapi/v1/multiAssetsMargin
POST /fapi/v1/multiAssetsMargin
GET /fapi/v1/feeBurn
POST /fapi/v1/feeBurn
GET /fapi/v1/apiTradingStatus
GET /fapi/v2/ticker/price
GET /fapi/v1/rpiDepth
GET /fapi/v1/fundingRate
GET /fapi/v1/fundingInfo
GET /fapi/v1/indexPriceKlines
GET /fapi/v1/markPriceKlines
GET /fapi/v1/premiumIndexKlines
GET /fapi/v1/assetIndex
GET /fapi/v1/constituents
GET /fapi/v1/insuranceBalance
GET /fapi/v1/symbolAdlRisk
GET /fapi/v1/tradingSchedule
POST /fapi/v1/stock/contract
GET /fapi/v1/order/asyn
GET /fapi/v1/order/asyn/id
GET /fapi/v1/trade/asyn
GET /fapi/v1/trade/asyn/id
GET /fapi/v1/income/asyn
GET /fapi/v1/income/asyn/id
GET /futures/data/openInterestHist
GET /futures/data/topLongShortAccountRatio
GET /futures/data/topLongShortPositionRatio
GET /futures/data/globalLongShortAccountRatio
GET /futures/data/takerlongshortRatio
GET /futures/data/basis
GET /futures/data/delivery-price
"""
CALLS = {f"{row.method} {row.path}": row for row in VENUE.endpoints.values()}


def lines(text: str) -> list[str]:
    return text.strip().splitlines()


def test_every_endpoint_is_in_the_table_once_and_nothing_else() -> None:
    then = [*lines(MARKET_2021), *lines(TRADING_2021)]
    now = lines(SINCE)
    assert len(then) == len(set(then)) == 44
    assert len(CALLS) == len(VENUE.endpoints)
    assert set(then) | set(now) == set(CALLS)
    for name, row in VENUE.endpoints.items():
        assert row.name == name
        assert row.summary


SYMBOL, KLINES = {"symbol": "BTCUSDT"}, {"symbol": "BTCUSDT", "interval": "1m"}
PAIR = {"pair": "BTCUSDT", "interval": "1m"}
STATISTIC = {"symbol": "BTCUSDT", "period": "5m"}
BASIS = {"pair": "BTCUSDT", "period": "5m", "contractType": "PERPETUAL"}
COSTS: list[tuple[str, dict[str, Any], int, str]] = [
    ("GET /fapi/v1/ping", {}, 1, WEIGHT),
    ("GET /fapi/v1/time", {}, 1, WEIGHT),
    ("GET /fapi/v1/exchangeInfo", {}, 1, WEIGHT),
    *(("GET /fapi/v1/depth", {**SYMBOL, "limit": limit}, weight, WEIGHT)
      for limit, weight in ((5, 2), (50, 2), (100, 5), (500, 10), (1000, 20))),
    ("GET /fapi/v1/depth", SYMBOL, 10, WEIGHT),
    ("GET /fapi/v1/trades", SYMBOL, 5, WEIGHT),
    ("GET /fapi/v1/historicalTrades", SYMBOL, 200, WEIGHT),
    ("GET /fapi/v1/aggTrades", SYMBOL, 20, WEIGHT),
    *((f"GET /fapi/v1/{name}", {**given, "limit": limit}, weight, WEIGHT)
      for name, given in (("klines", KLINES), ("markPriceKlines", KLINES),
                          ("premiumIndexKlines", KLINES), ("indexPriceKlines", PAIR),
                          ("continuousKlines", {**PAIR, "contractType": "PERPETUAL"}))
      for limit, weight in ((99, 1), (100, 2), (499, 2), (500, 5), (1000, 5), (1001, 10))),
    ("GET /fapi/v1/klines", KLINES, 5, WEIGHT),
    ("GET /fapi/v1/premiumIndex", SYMBOL, 1, WEIGHT),
    ("GET /fapi/v1/premiumIndex", {}, 10, WEIGHT),
    ("GET /fapi/v1/fundingRate", {}, 1, FUNDING),
    ("GET /fapi/v1/fundingInfo", {}, 1, FUNDING),
    ("GET /fapi/v1/ticker/24hr", SYMBOL, 1, WEIGHT),
    ("GET /fapi/v1/ticker/24hr", {}, 40, WEIGHT),
    ("GET /fapi/v1/ticker/price", SYMBOL, 1, WEIGHT),
    ("GET /fapi/v1/ticker/price", {}, 2, WEIGHT),
    ("GET /fapi/v2/ticker/price", SYMBOL, 1, WEIGHT),
    ("GET /fapi/v2/ticker/price", {}, 2, WEIGHT),
    ("GET /fapi/v1/ticker/bookTicker", SYMBOL, 2, WEIGHT),
    ("GET /fapi/v1/ticker/bookTicker", {}, 5, WEIGHT),
    ("GET /fapi/v1/openInterest", SYMBOL, 1, WEIGHT),
    ("GET /fapi/v1/indexInfo", {}, 1, WEIGHT),
    ("GET /fapi/v1/rpiDepth", SYMBOL, 20, WEIGHT),
    ("GET /fapi/v1/assetIndex", {"symbol": "BTCUSD"}, 1, WEIGHT),
    ("GET /fapi/v1/assetIndex", {}, 10, WEIGHT),
    ("GET /fapi/v1/constituents", SYMBOL, 2, WEIGHT),
    ("GET /fapi/v1/insuranceBalance", {}, 1, WEIGHT),
    ("GET /fapi/v1/symbolAdlRisk", {}, 1, WEIGHT),
    ("GET /fapi/v1/tradingSchedule", {}, 5, WEIGHT),
    *((f"GET /futures/data/{name}", STATISTIC, 1, STATISTICS)
      for name in ("openInterestHist", "topLongShortAccountRatio", "topLongShortPositionRatio",
                   "globalLongShortAccountRatio", "takerlongshortRatio")),
    ("GET /futures/data/basis", BASIS, 1, STATISTICS),
    ("GET /futures/data/delivery-price", {"pair": "BTCUSDT"}, 1, STATISTICS),
]  # fmt: skip


@pytest.mark.parametrize(("call", "given", "weight", "pool"), COSTS)
def test_a_question_about_the_market_costs_what_the_reference_says(
    call: str, given: dict[str, Any], weight: int, pool: str
) -> None:
    row = CALLS[call]
    request = row.called(given)
    assert (request.weight, request.pool) == (weight, pool)
    assert pool in {one.name for one in VENUE.pools}
    expected = Security.KEY if row.name == "historicalTrades" else Security.NONE
    assert request.security is expected


def test_all_market_rows_are_looked_at() -> None:
    asked = {call for call, *_ in COSTS}
    unsigned = {call for call, row in CALLS.items() if row.security is Security.NONE}
    assert unsigned - asked == {"GET /fapi/v1/allForceOrders"}


def test_what_is_gone_says_so_and_names_what_follows() -> None:
    old = {row.name: row for row in CALLS.values() if row.status is not Status.CURRENT}
    assert {name: row.successor for name, row in old.items()} == {
        "allForceOrders": "the stream !forceOrder@arr, or forceOrders for one's own",
        "tickerPriceV1": "tickerPrice",
        "balanceV2": "balance",
        "accountV2": "account, accountConfig and symbolConfig",
        "positionRiskV2": "positionRisk",
    }
    gone = old["allForceOrders"]
    with pytest.raises(
        Removed, match=r"^allForceOrders: removed 2021-04-27; use the stream !forceOrder@arr"
    ):
        gone.called({})
    old["balanceV2"].called({})


def test_what_places_amends_or_cancels_needs_a_permission() -> None:
    allowed = {row.name for row in CALLS.values() if row.permission is Permission.ORDER}
    assert allowed == {
        "placeOrder", "amendOrder", "cancelOrder", "placeBatch", "amendBatch", "cancelBatch",
        "cancelAll", "countdownCancelAll", "placeAlgo", "cancelAlgo", "cancelAllAlgos",
    }  # fmt: skip
    assert {row.name for row in CALLS.values() if row.orders} <= allowed
    for row in CALLS.values():
        assert bool(row.orders) <= bool(row.instead)
        assert row.permission in (None, Permission.ORDER)  # there is no other money here


PLACE = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "1", "price": "2"}
GTC = {**PLACE, "timeInForce": "GTC"}
ALGO = {"algoType": "CONDITIONAL", "symbol": "X", "side": "BUY", "type": "STOP_MARKET",
        "triggerPrice": "5", "quantity": "1"}  # fmt: skip
TRAIL = {"algoType": "CONDITIONAL", "symbol": "X", "side": "BUY", "type": "TRAILING_STOP_MARKET",
         "quantity": "1", "callbackRate": "20"}  # fmt: skip
HOUR, DAY = 3_600_000, 86_400_000


def without(given: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name not in names}


GOOD = [
    ("placeOrder", GTC),
    ("placeOrder", {**without(GTC, "price"), "priceMatch": "QUEUE"}),
    ("placeOrder", {**without(PLACE, "price"), "type": "MARKET"}),
    ("testOrder", GTC),
    ("placeAlgo", ALGO),
    ("placeAlgo", TRAIL),
    ("placeAlgo", {**without(ALGO, "quantity"), "closePosition": "true"}),
    ("placeAlgo", {**ALGO, "closePosition": "false", "reduceOnly": "true"}),
    ("aggTrades", {"symbol": "X", "startTime": 5, "endTime": 5 + HOUR - 1}),
    ("userTrades", {"symbol": "X", "startTime": 5, "endTime": 5 + 7 * DAY}),
]
BAD = [
    ("placeOrder", PLACE, "timeInForce: needed where type is LIMIT"),
    ("placeOrder", without(GTC, "quantity"), "quantity: needed where type is LIMIT or MARKET"),
    ("placeOrder", without(GTC, "price"),
     "price: needed where type is LIMIT, unless priceMatch is given"),
    ("placeOrder", {**GTC, "priceMatch": "QUEUE"}, "price: not together with priceMatch"),
    ("placeOrder", {**GTC, "timeInForce": "GTD"},
     "goodTillDate: needed where timeInForce is GTD"),
    ("placeOrder", {**GTC, "type": "STOP"}, "type: 'STOP' is not one of LIMIT, MARKET"),
    ("placeOrder", {**GTC, "quantity": "1e3"},
     "quantity: '1e3' is not a plain decimal, as 0.001"),
    ("queryOrder", {"symbol": "X"}, "orderId: one of orderId, origClientOrderId is needed"),
    ("amendOrder", {**without(PLACE, "type"), "orderId": 1, "priceMatch": "QUEUE"},
     "price: not together with priceMatch"),
    ("placeBatch", {"batchOrders": "[1,2,3,4,5,6]"}, "batchOrders: a JSON list of 1 to 5"),
    ("cancelBatch", {"symbol": "X"},
     "orderIdList: one of orderIdList, origClientOrderIdList is needed"),
    ("placeAlgo", without(ALGO, "triggerPrice"),
     "triggerPrice: needed where type is STOP or TAKE_PROFIT or STOP_MARKET or TAKE_PROFIT_MARKET"),
    ("placeAlgo", {**TRAIL, "callbackRate": "20.1"},
     "callbackRate: a percentage from 0.1 to 20"),
    ("placeAlgo", {**TRAIL, "triggerPrice": "1"},
     "triggerPrice: only where type is STOP or TAKE_PROFIT or STOP_MARKET or TAKE_PROFIT_MARKET"),
    ("placeAlgo", {**ALGO, "closePosition": "true"},
     "quantity: needed unless closePosition is true, and not together with it"),
    ("aggTrades", {"symbol": "X", "startTime": 5, "endTime": 5 + HOUR},
     "endTime: not before startTime, and later by less than an hour"),
    ("aggTrades", {"symbol": "X", "fromId": 1, "startTime": 5},
     "fromId: not together with startTime or endTime"),
    ("userTrades", {"symbol": "X", "startTime": 5, "endTime": 6 + 7 * DAY},
     "endTime: not before startTime, and later by at most 7 days"),
    ("historicalTrades", {"symbol": "X", "limit": 501},
     "limit: 501 is not a whole number from 1 to 500"),
    ("setLeverage", {"symbol": "X", "leverage": 126},
     "leverage: 126 is not a whole number from 1 to 125"),
    ("depth", {"symbol": "X", "limit": 7},
     "limit: 7 is not one of 5, 10, 20, 50, 100, 500, 1000"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "given"), GOOD)
def test_what_the_venue_takes_passes(name: str, given: dict[str, Any]) -> None:
    VENUE.endpoints[name].called(given)


@pytest.mark.parametrize(("name", "given", "text"), BAD)
def test_what_the_venue_would_refuse_is_refused_before(
    name: str, given: dict[str, Any], text: str
) -> None:
    with pytest.raises(BadParameter) as refused:
        VENUE.endpoints[name].called(given)
    assert str(refused.value) == text


@pytest.mark.parametrize("name", VENUE.endpoints)
def test_every_parameter_can_be_told_and_every_answer_decoded(name: str) -> None:
    row = VENUE.endpoints[name]
    for one in parameters(row.params):
        assert one.allowed not in ("", "what the venue takes"), one.name
    msgspec.json.Decoder(row.result)
