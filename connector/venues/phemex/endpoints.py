"""The venue's REST table, market side, and its class of WebSocket URL.

``ENDPOINTS`` is the whole table, order, account and wallet side included."""

from typing import Any

from msgspec import Struct

from connector.venues.contract import Channel, Endpoint, Route
from connector.venues.endpoint import Status
from connector.venues.phemex import endpoints_hedged, endpoints_trading, endpoints_wallet, schemas
from connector.venues.phemex.limits import MARKET, OTHERS


def _get(
    name: str,
    path: str,
    params: type[Struct],
    result: Any,
    pool: str,
    summary: str,
    **more: Any,
) -> Endpoint:
    return Endpoint(
        name=name,
        method="GET",
        path=path,
        summary=summary,
        weight=lambda given: 1,
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
    Route("public", "", frozenset({Channel.DEPTH, Channel.BBO, Channel.TRADE, Channel.MARK_PRICE})),
)
"""One class of URL serves everything; the best bid and ask are the book's."""
