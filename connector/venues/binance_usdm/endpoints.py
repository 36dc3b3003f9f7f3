"""The venue's REST table, market side, and the classes of its WebSocket URLs.

``ENDPOINTS`` is the whole table, order and account side included."""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from connector.venues.binance_usdm import endpoints_trading, schemas
from connector.venues.binance_usdm import params_market as p
from connector.venues.binance_usdm import schemas_market as s
from connector.venues.binance_usdm.limits import (
    FUNDING,
    STATISTICS,
    WEIGHT,
    by_symbol,
    depth_weight,
    klines_weight,
)
from connector.venues.binance_usdm.params import AnySymbolParams, SymbolParams
from connector.venues.binance_usdm.schemas import NoParams
from connector.venues.channels import CONTINUOUS_KLINES, DEPTH_VIEWS, KLINES
from connector.venues.contract import Channel, Endpoint, Route, Security, Status
from connector.venues.parameters import Rule, not_with, ordered, within

HOUR_MS = 3_600_000
ORDERED = (ordered("startTime", "endTime"),)


def _get(
    path: str,
    summary: str,
    params: type[Struct],
    result: Any,
    weight: int | Callable[[Mapping[str, Any]], int],
    *,
    name: str = "",
    rules: tuple[Rule, ...] = (),
    security: Security = Security.NONE,
    pool: str = WEIGHT,
    status: Status = Status.CURRENT,
    successor: str = "",
    since: str = "",
) -> Endpoint:
    return Endpoint(
        name=name or path.rpartition("/")[2],
        method="GET",
        path=path,
        summary=summary,
        security=security,
        weight=(lambda params: weight) if isinstance(weight, int) else weight,
        params=params,
        rules=rules,
        result=result,
        pool=pool,
        status=status,
        successor=successor,
        since=since,
    )


MARKET_ROWS = (
    _get("/fapi/v1/ping", "whether the venue answers", NoParams, schemas.Nothing, 1),
    _get("/fapi/v1/time", "the venue's clock", NoParams, schemas.ServerTime, 1),
    _get("/fapi/v1/exchangeInfo", "instruments and limits", NoParams, schemas.ExchangeInfo, 1),
    _get(
        "/fapi/v1/depth",
        "the best levels of a book",
        p.DepthParams,
        schemas.DepthSnapshot,
        depth_weight,
    ),
    _get("/fapi/v1/trades", "the last trades", p.TradesParams, list[schemas.RecentTrade], 5),
    # 20 by the page, 200 by the newer source: planned with the larger.
    _get(
        "/fapi/v1/historicalTrades",
        "trades of the last month, by id",
        p.HistoricalTradesParams,
        list[schemas.RecentTrade],
        200,
        security=Security.KEY,
    ),
    _get(
        "/fapi/v1/aggTrades",
        "trades of one order at one price put together, of the last 48 hours",
        p.AggTradesParams,
        list[schemas.RecentAggTrade],
        20,
        rules=(
            not_with("fromId", "startTime", "endTime"),
            within("startTime", "endTime", HOUR_MS - 1, "less than an hour"),
        ),
    ),
    _get(
        "/fapi/v1/klines",
        "candles of a symbol",
        p.KlinesParams,
        list[s.Kline],
        klines_weight,
        rules=ORDERED,
    ),
    _get(
        "/fapi/v1/continuousKlines",
        "candles of a pair's contracts of one kind",
        p.ContinuousKlinesParams,
        list[s.Kline],
        klines_weight,
        rules=ORDERED,
    ),
    _get(
        "/fapi/v1/indexPriceKlines",
        "candles of a pair's index price",
        p.PairKlinesParams,
        list[s.Kline],
        klines_weight,
        rules=ORDERED,
    ),
    _get(
        "/fapi/v1/markPriceKlines",
        "candles of a mark price",
        p.KlinesParams,
        list[s.Kline],
        klines_weight,
        rules=ORDERED,
    ),
    _get(
        "/fapi/v1/premiumIndexKlines",
        "candles of a premium index",
        p.KlinesParams,
        list[s.Kline],
        klines_weight,
        rules=ORDERED,
    ),
    _get(
        "/fapi/v1/premiumIndex",
        "mark price, index price and funding",
        AnySymbolParams,
        schemas.PremiumIndex | list[schemas.PremiumIndex],
        by_symbol(1, 10),
    ),
    _get(
        "/fapi/v1/fundingRate",
        "funding rates that were paid",
        p.FundingRateParams,
        list[s.FundingRate],
        1,
        pool=FUNDING,
        rules=ORDERED,
    ),
    _get(
        "/fapi/v1/fundingInfo",
        "funding caps and intervals that are not the usual ones",
        NoParams,
        list[s.FundingInfo],
        1,
        pool=FUNDING,
    ),
    _get(
        "/fapi/v1/ticker/24hr",
        "statistics of the last 24 hours",
        AnySymbolParams,
        s.Ticker24h | list[s.Ticker24h],
        by_symbol(1, 40),
        name="ticker24h",
    ),
    _get(
        "/fapi/v2/ticker/price",
        "the last price",
        AnySymbolParams,
        s.Price | list[s.Price],
        by_symbol(1, 2),
        name="tickerPrice",
    ),
    _get(
        "/fapi/v1/ticker/price",
        "the last price",
        AnySymbolParams,
        s.Price | list[s.Price],
        by_symbol(1, 2),
        name="tickerPriceV1",
        status=Status.REPLACED,
        successor="tickerPrice",
    ),
    _get(
        "/fapi/v1/ticker/bookTicker",
        "the best prices",
        AnySymbolParams,
        s.BestPrices | list[s.BestPrices],
        by_symbol(2, 5),
    ),
    _get(
        "/fapi/v1/allForceOrders",
        "everybody's liquidations",
        p.AllForceOrdersParams,
        list[s.PublicForcedOrder],
        20,
        rules=ORDERED,
        status=Status.REMOVED,
        successor="the stream !forceOrder@arr, or forceOrders for one's own",
        since="2021-04-27",
    ),
    _get("/fapi/v1/openInterest", "open interest of now", SymbolParams, s.OpenInterest, 1),
    _get(
        "/fapi/v1/indexInfo",
        "what composite indexes are made of",
        AnySymbolParams,
        s.IndexInfo | list[s.IndexInfo],
        1,
    ),
    _get(
        "/fapi/v1/rpiDepth",
        "the best levels with retail price improvement orders",
        p.RpiDepthParams,
        schemas.DepthSnapshot,
        20,
    ),
    _get(
        "/fapi/v1/assetIndex",
        "indexes of assets in multi-assets mode",
        p.AssetIndexParams,
        s.AssetIndex | list[s.AssetIndex],
        by_symbol(1, 10),
    ),
    _get(
        "/fapi/v1/constituents", "what an index price is made of", SymbolParams, s.Constituents, 2
    ),
    _get(
        "/fapi/v1/insuranceBalance",
        "insurance funds",
        AnySymbolParams,
        s.InsuranceFund | list[s.InsuranceFund],
        1,
    ),
    _get(
        "/fapi/v1/symbolAdlRisk",
        "how likely automatic deleveraging is",
        AnySymbolParams,
        s.AdlRisk | list[s.AdlRisk],
        1,
    ),
    _get(
        "/fapi/v1/tradingSchedule",
        "sessions of contracts on stocks and commodities",
        NoParams,
        s.TradingSchedule,
        5,
    ),
)


def _statistic(name: str, summary: str, params: type[Struct], result: Any) -> Endpoint:
    """Counted apart from the weight, one each."""
    path = f"/futures/data/{name}"
    rules = ORDERED if params is not p.PairParams else ()
    return _get(path, summary, params, result, 1, pool=STATISTICS, rules=rules)


STATISTIC_ROWS = (
    _statistic(
        "openInterestHist", "open interest by period", p.StatisticParams,
        list[s.OpenInterestStatistic],
    ),
    _statistic(
        "topLongShortAccountRatio", "long to short among top traders, by accounts",
        p.StatisticParams, list[s.LongShortRatio],
    ),
    _statistic(
        "topLongShortPositionRatio", "long to short among top traders, by positions",
        p.StatisticParams, list[s.LongShortRatio],
    ),
    _statistic(
        "globalLongShortAccountRatio", "long to short among everybody, by accounts",
        p.StatisticParams, list[s.LongShortRatio],
    ),
    _statistic(
        "takerlongshortRatio", "what takers bought and sold", p.StatisticParams,
        list[s.TakerVolume],
    ),
    _statistic("basis", "futures price against index price", p.BasisParams, list[s.Basis]),
    _statistic(
        "delivery-price", "prices at past deliveries", p.PairParams, list[s.DeliveryPrice]
    ),
)  # fmt: skip

ENDPOINTS = {row.name: row for row in (*MARKET_ROWS, *STATISTIC_ROWS)} | endpoints_trading.ENDPOINTS


def routes(trade_route: str) -> tuple[Route, ...]:
    """The URL classes: a stream asked for on the wrong one is acknowledged and stays silent."""
    public = {Channel.DEPTH, Channel.BBO, Channel.HIDDEN_DEPTH, *DEPTH_VIEWS}
    market = {
        Channel.AGG_TRADE,
        Channel.MARK_PRICE,
        Channel.TICKER,
        Channel.MINI_TICKER,
        Channel.LIQUIDATION,
        Channel.ASSET_INDEX,
        Channel.COMPOSITE_INDEX,
        Channel.CONTRACT,
        Channel.MARKET_HOURS,
        *(channel for channel, name in KLINES.items() if name in CONTINUOUS_KLINES.values()),
        *CONTINUOUS_KLINES,
    }
    (public if trade_route == "public" else market).add(Channel.TRADE)
    return (
        Route("public", "/public/stream", frozenset(public)),
        Route("market", "/market/stream", frozenset(market)),
    )
