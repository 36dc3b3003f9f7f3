"""The venue's REST table, market side, and the classes of its WebSocket URLs.

``ENDPOINTS`` is the whole table, order and account side included."""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from connector.venues.binance_usdm import endpoints_trading, schemas
from connector.venues.binance_usdm.limits import WEIGHT, depth_weight, premium_index_weight
from connector.venues.contract import Channel, Endpoint, Route


def _fixed(weight: int) -> Callable[[Mapping[str, Any]], int]:
    return lambda params: weight


def _get(
    name: str,
    params: type[Struct],
    result: Any,
    weight: int | Callable[[Mapping[str, Any]], int],
) -> Endpoint:
    return Endpoint(
        name=name,
        method="GET",
        path=f"/fapi/v1/{name}",
        weight=_fixed(weight) if isinstance(weight, int) else weight,
        params=params,
        result=result,
        pool=WEIGHT,
    )


ENDPOINTS = endpoints_trading.ENDPOINTS | {
    endpoint.name: endpoint
    for endpoint in (
        _get("ping", schemas.NoParams, schemas.Nothing, 1),
        _get("time", schemas.NoParams, schemas.ServerTime, 1),
        _get("exchangeInfo", schemas.NoParams, schemas.ExchangeInfo, 1),
        _get("depth", schemas.DepthParams, schemas.DepthSnapshot, depth_weight),
        _get("trades", schemas.TradesParams, list[schemas.RecentTrade], 5),
        _get("aggTrades", schemas.AggTradesParams, list[schemas.RecentAggTrade], 20),
        _get(
            "premiumIndex",
            schemas.PremiumIndexParams,
            schemas.PremiumIndex | list[schemas.PremiumIndex],
            premium_index_weight,
        ),
    )
}


def routes(trade_route: str) -> tuple[Route, ...]:
    """The URL classes: a stream asked for on the wrong one is acknowledged and stays silent."""
    public = {Channel.DEPTH, Channel.BBO}
    market = {Channel.AGG_TRADE, Channel.MARK_PRICE}
    (public if trade_route == "public" else market).add(Channel.TRADE)
    return (
        Route("public", "/public/stream", frozenset(public)),
        Route("market", "/market/stream", frozenset(market)),
    )
