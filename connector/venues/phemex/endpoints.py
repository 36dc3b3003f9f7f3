"""The venue's REST table, market side, and its class of WebSocket URL.

``ENDPOINTS`` is the whole table, order, account and wallet side included."""

from typing import Any

from msgspec import Struct

from connector.venues.contract import Channel, Endpoint, Route
from connector.venues.endpoint import Status
from connector.venues.phemex import (
    endpoints_hedged,
    endpoints_trading,
    endpoints_wallet,
    schemas,
    streams,
)
from connector.venues.phemex.limits import MARKET, OTHERS
from connector.venues.phemex.schemas_history import Answered, PastTrade


def _get(
    name: str,
    path: str,
    params: type[Struct],
    result: Any,
    pool: str,
    summary: str,
    weight: int = 1,
    **more: Any,
) -> Endpoint:
    return Endpoint(
        name=name,
        method="GET",
        path=path,
        summary=summary,
        weight=lambda given: weight,
        params=params,
        result=result,
        pool=pool,
        **more,
    )


MARKET_ENDPOINTS = {
    endpoint.name: endpoint
    for endpoint in (
        _get(
            "products",
            "/public/products",
            schemas.NoParams,
            schemas.ProductsAnswer,
            OTHERS,
            "every product with its scales, currencies and risk limits",
        ),
        _get(
            "exchangeProducts",
            "/exchange/public/products",
            schemas.NoParams,
            schemas.ProductsAnswer,
            OTHERS,
            "the products as they were listed in 2020",
            status=Status.REPLACED,
            successor="products",
        ),
        _get(
            "time",
            "/public/time",
            schemas.NoParams,
            schemas.TimeAnswer,
            OTHERS,
            "the venue's clock in milliseconds",
        ),
        _get(
            "orderbook",
            "/md/orderbook",
            schemas.SymbolParams,
            schemas.BookAnswer,
            MARKET,
            "30 levels a side of one contract",
        ),
        _get(
            "fullbook",
            "/md/fullbook",
            schemas.SymbolParams,
            schemas.BookAnswer,
            MARKET,
            "every level of one contract",
        ),
        _get(
            "trade",
            "/md/trade",
            schemas.SymbolParams,
            schemas.TradesAnswer,
            MARKET,
            "the latest trades of one contract",
        ),
        _get(
            "firstTicker24hr",
            "/md/ticker/24hr",
            schemas.SymbolParams,
            schemas.DayAnswer,
            MARKET,
            "the last 24 hours of one contract as they were told in 2020",
            status=Status.REPLACED,
            successor="ticker24hr",
        ),
        _get(
            "ticker24hr",
            "/md/v1/ticker/24hr",
            schemas.SymbolParams,
            schemas.DayAnswer,
            MARKET,
            "the last 24 hours of one contract",
        ),
        _get(
            "v1Ticker24hr",
            "/v1/md/ticker/24hr",
            schemas.SymbolParams,
            schemas.DayAnswer,
            MARKET,
            "the same by its address before",
            status=Status.REPLACED,
            successor="ticker24hr",
        ),
        _get(
            "v1Ticker24hrAll",
            "/v1/md/ticker/24hr/all",
            schemas.IdParams,
            schemas.DaysAnswer,
            MARKET,
            "the same of every contract",
            status=Status.REPLACED,
            successor="ticker24hrAll",
        ),
        _get(
            "ticker24hrAll",
            "/md/v1/ticker/24hr/all",
            schemas.IdParams,
            schemas.DaysAnswer,
            MARKET,
            "the last 24 hours of every contract with scaled integers",
        ),
        _get(
            "gOrderbook",
            "/md/v2/orderbook",
            schemas.SymbolParams,
            schemas.DecimalBookAnswer,
            MARKET,
            "30 levels a side of one contract with decimal texts",
        ),
        _get(
            "gFullbook",
            "/md/v2/fullbook",
            schemas.SymbolParams,
            schemas.DecimalBookAnswer,
            MARKET,
            "every level of one contract with decimal texts",
        ),
        _get(
            "gTrade",
            "/md/v2/trade",
            schemas.SymbolParams,
            schemas.DecimalTradesAnswer,
            MARKET,
            "the latest trades of one contract with decimal texts",
        ),
        _get(
            "gTicker24hr",
            "/md/v3/ticker/24hr",
            schemas.SymbolParams,
            schemas.DecimalDayAnswer,
            MARKET,
            "the last 24 hours of one contract with decimal texts",
        ),
        _get(
            "gTicker24hrV2",
            "/md/v2/ticker/24hr",
            schemas.SymbolParams,
            schemas.DecimalDayAnswer,
            MARKET,
            "the same as it was told before",
            status=Status.REPLACED,
            successor="gTicker24hr",
        ),
        _get(
            "gTicker24hrAllV2",
            "/md/v2/ticker/24hr/all",
            schemas.IdParams,
            schemas.DaysAnswer,
            MARKET,
            "the same of every contract",
            status=Status.REPLACED,
            successor="gTicker24hrAll",
        ),
        _get(
            "gTicker24hrAll",
            "/md/v3/ticker/24hr/all",
            schemas.IdParams,
            schemas.DaysAnswer,
            MARKET,
            "the last 24 hours of every contract with decimal texts",
        ),
        _get(
            "klines",
            "/exchange/public/md/v2/kline",
            schemas.KlineParams,
            schemas.RowsAnswer,
            OTHERS,
            "the newest candles of a contract of either family, newest first",
            weight=10,
        ),
        _get(
            "klineRange",
            "/exchange/public/md/kline",
            schemas.KlineRangeParams,
            schemas.RowsAnswer,
            OTHERS,
            "the candles of a contract that begin between two seconds",
            weight=10,
        ),
        _get(
            "fundingRateHistory",
            "/api-data/public/data/funding-rate-history",
            schemas.FundingHistoryParams,
            schemas.RowsAnswer,
            OTHERS,
            "settled funding rates by their symbol, oldest first",
        ),
        _get(
            "gFundingRates",
            "/contract-biz/public/real-funding-rates",
            schemas.FundingRatesParams,
            schemas.RowsAnswer,
            OTHERS,
            "funding rates of the running interval, by pages",
        ),
        _get(
            "klinesLast",
            "/exchange/public/md/v2/kline/last",
            schemas.KlineParams,
            schemas.RowsAnswer,
            OTHERS,
            "the same by the name it has among the contracts with decimal texts",
            weight=10,
        ),
        _get(
            "gKlineRange",
            "/exchange/public/md/v2/kline/list",
            schemas.KlineRangeParams,
            schemas.RowsAnswer,
            OTHERS,
            "the candles that begin between two seconds, of either family; at most 2,000",
            weight=10,
        ),
        _get(
            "tradeHistory",
            "/exchange/public/nomics/trades",
            schemas.TradeHistoryParams,
            Answered[list[PastTrade]],
            OTHERS,
            "trades of a contract behind an id, or between two times, oldest first",
        ),
        _get(
            "configProducts",
            "/exchange/public/cfg/v2/products",
            schemas.NoParams,
            schemas.ProductsAnswer,
            OTHERS,
            "the products as they were listed between",
            status=Status.REPLACED,
            successor="products",
        ),
        _get(
            "productsPlus",
            "/public/products-plus",
            schemas.NoParams,
            schemas.ProductsAnswer,
            OTHERS,
            "products with when they are listed and delisted",
        ),
    )
}

ENDPOINTS = (
    MARKET_ENDPOINTS
    | endpoints_trading.ENDPOINTS
    | endpoints_wallet.ENDPOINTS
    | endpoints_hedged.ENDPOINTS
)

PRODUCTS = {
    endpoint.path: endpoint for endpoint in (ENDPOINTS["products"], ENDPOINTS["exchangeProducts"])
}

ROUTES = (
    Route(
        "public",
        "",
        frozenset({Channel.DEPTH, Channel.BBO, Channel.TRADE, Channel.MARK_PRICE})
        | streams.channels(),
    ),
)
"""One class of URL serves everything; the best bid and ask are the book's."""
