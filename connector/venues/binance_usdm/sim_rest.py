"""Binance USD-M's public REST side as the venue sees it: routes, weights, checks and answers.

Written from the venue's reference alone (see ``sim.py``). Pure: a query and a view of the market
in, bytes out; a refused request raises `Fault` with the venue's code and text.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

import orjson
from msgspec import Struct

from connector.protocol.http1 import Request
from connector.sim.matching.api import Matching
from connector.venues.binance_usdm import sim_market, sim_signed
from connector.venues.binance_usdm.sim_api import HANDSHAKE_WEIGHT, Api
from connector.venues.binance_usdm.sim_candles import (
    klines,
    klines_weight,
    ticker_24hr,
    ticker_price,
)
from connector.venues.binance_usdm.sim_desk import Desk
from connector.venues.binance_usdm.sim_params import MAX_ID, Fault, Params, error_body
from connector.venues.binance_usdm.sim_weights import WEIGHT_LIMIT, Weights
from connector.venues.sim_contract import (
    Activity,
    Contract,
    MarketView,
    Opening,
    OrderApi,
    Refused,
    RestAnswer,
)
from connector.venues.sim_setup import OrderSetup

TRADING = "TRADING"
STATUSES = {
    TRADING: Activity.OPEN,
    "PENDING_TRADING": Activity.SILENT,
    "PRE_DELIVERING": Activity.HALTED,
    "DELIVERING": Activity.SILENT,
    "DELIVERED": Activity.SILENT,
    "PRE_SETTLE": Activity.HALTED,
    "SETTLING": Activity.SILENT,
    "CLOSE": Activity.SILENT,
    "TRADING_HALT": Activity.HALTED,
    "HALT": Activity.HALTED,
    "BREAK": Activity.HALTED,
    "DOWN": Activity.HALTED,
    "PRE_DELISTING": Activity.HALTED,
    "DELISTING": Activity.SILENT,
}
"""After SETTLING or CLOSE the streams of a symbol go silent; nothing is matched outside TRADING."""


class Route(Struct, frozen=True):
    """One endpoint: the weight of a request and its answer."""

    weight: Callable[[Params], int]
    answer: Callable[[Params, MarketView, int], bytes]
    pool: str = ""
    """Counted there, a request each, in place of the weight; its answers carry no count."""
    keyed: bool = False
    """It wants an API key, unsigned."""


def depth_body(
    symbol: str, last_id: int, event_ms: int, time_ms: int, bids: str, asks: str
) -> bytes:
    return (
        f'{{"lastUpdateId":{last_id},"E":{event_ms},"T":{time_ms},"bids":[{bids}],"asks":[{asks}]}}'
    ).encode()


_DEPTH_WEIGHTS = {5: 2, 10: 2, 20: 2, 50: 2, 100: 5, 500: 10, 1000: 20}


def _depth_weight(params: Params) -> int:
    return _DEPTH_WEIGHTS.get(params.integer("limit", 500, -MAX_ID, MAX_ID) or 0, 20)


def _depth(params: Params, market: MarketView, now_ms: int) -> bytes:
    symbol = params.symbol(market)
    limit = params.integer("limit", 500, -MAX_ID, MAX_ID)
    assert symbol is not None
    if limit not in _DEPTH_WEIGHTS:
        raise Fault(-4021, f"{limit} is not valid depth limit.")
    return market.depth(symbol, limit, now_ms)


def _trades(params: Params, market: MarketView, now_ms: int) -> bytes:
    symbol = params.symbol(market)
    limit = params.integer("limit", 500, 1, 1000)
    assert symbol is not None
    assert limit is not None
    rows = [
        {
            "id": row.trade_id,
            "price": row.price,
            "qty": row.qty,
            "quoteQty": row.quote_qty,
            "time": row.time_ms,
            "isBuyerMaker": row.buyer_is_maker,
            "isRPITrade": False,
        }
        for row in list(market.trades(symbol))[-limit:]
    ]
    return orjson.dumps(rows)


def _agg_trades(params: Params, market: MarketView, now_ms: int) -> bytes:
    symbol = params.symbol(market)
    limit = params.integer("limit", 500, 1, 1000)
    from_id = params.integer("fromId", None, 0, MAX_ID)
    start_ms = params.integer("startTime", None, 0, MAX_ID)
    end_ms = params.integer("endTime", None, 0, MAX_ID)
    assert symbol is not None
    assert limit is not None
    if from_id is not None and (start_ms is not None or end_ms is not None):
        raise Fault(-1128, "Combination of optional parameters invalid.")
    if start_ms is not None and end_ms is not None:
        if start_ms > end_ms:
            raise Fault(-1023, "Start time is greater than end time.")
        if end_ms - start_ms > 3600_000:
            raise Fault(-4165, "Invalid time interval.")
    rows = [
        row
        for row in market.agg_trades(symbol)
        if (from_id is None or row.agg_id >= from_id)
        and (start_ms is None or row.time_ms >= start_ms)
        and (end_ms is None or row.time_ms <= end_ms)
    ]
    rows = rows[:limit] if from_id is not None or start_ms is not None else rows[-limit:]
    keys = ("a", "p", "q", "nq", "f", "l", "T", "m")
    return orjson.dumps(
        [
            dict(
                zip(
                    keys,
                    (r.agg_id, r.price, r.qty, r.qty, r.first_id, r.last_id, r.time_ms,
                     r.buyer_is_maker),
                    strict=True,
                )
            )
            for r in rows
        ]
    )  # fmt: skip


def _premium_index(params: Params, market: MarketView, now_ms: int) -> bytes:
    symbol = params.symbol(market, required=False)

    def row(name: str) -> dict[str, Any] | None:
        mark = market.mark(name, now_ms)
        if mark is None:
            return None
        return {
            "symbol": name,
            "markPrice": mark.mark,
            "indexPrice": mark.index,
            "estimatedSettlePrice": mark.settle,
            "lastFundingRate": mark.rate,
            "interestRate": "0.00010000",
            "nextFundingTime": mark.next_funding_ms,
            "time": now_ms,
        }

    if symbol is not None:
        found = row(symbol)
        if found is None:
            raise Fault(-1121, "Invalid symbol.")
        return orjson.dumps(found)
    return orjson.dumps([found for name in market.symbols if (found := row(name))])


def _book_ticker(params: Params, market: MarketView, now_ms: int) -> bytes:
    symbol = params.symbol(market, required=False)

    def row(name: str) -> dict[str, Any] | None:
        ticker = market.ticker(name)
        if ticker is None:
            return None
        return {
            "symbol": name,
            "bidPrice": ticker.bid,
            "bidQty": ticker.bid_qty,
            "askPrice": ticker.ask,
            "askQty": ticker.ask_qty,
            "time": ticker.time_ms,
            "lastUpdateId": ticker.update_id,
        }

    if symbol is not None:
        return orjson.dumps(row(symbol) or {})
    return orjson.dumps([found for name in market.symbols if (found := row(name))])


FUNDING, STATISTICS = "funding", "statistics"
FIVE_MINUTES_MS = 300_000


def serves(method: str, path: str) -> bool:
    return (method == "GET" and path in ROUTES) or (method, path) in sim_signed.ROUTES


def _one(params: Params) -> int:
    return 1


ROUTES: dict[str, Route] = {
    "/fapi/v1/ping": Route(lambda p: 1, lambda p, m, now: b"{}"),
    "/fapi/v1/time": Route(lambda p: 1, lambda p, m, now: b'{"serverTime":%d}' % now),
    "/fapi/v1/exchangeInfo": Route(lambda p: 1, lambda p, m, now: m.exchange_info(now)),
    "/fapi/v1/depth": Route(_depth_weight, _depth),
    "/fapi/v1/trades": Route(lambda p: 5, _trades),
    "/fapi/v1/aggTrades": Route(lambda p: 20, _agg_trades),
    "/fapi/v1/premiumIndex": Route(lambda p: 1 if "symbol" in p else 10, _premium_index),
    "/fapi/v1/klines": Route(klines_weight, klines),
    "/fapi/v1/ticker/24hr": Route(lambda p: 1 if "symbol" in p else 40, ticker_24hr),
    "/fapi/v1/ticker/price": Route(lambda p: 1 if "symbol" in p else 2, ticker_price),
    "/fapi/v2/ticker/price": Route(lambda p: 1 if "symbol" in p else 2, ticker_price),
    "/fapi/v1/ticker/bookTicker": Route(lambda p: 2 if "symbol" in p else 5, _book_ticker),
    "/fapi/v1/historicalTrades": Route(lambda p: 200, sim_market.historical_trades, keyed=True),
    "/fapi/v1/continuousKlines": Route(klines_weight, sim_market.continuous_klines),
    "/fapi/v1/indexPriceKlines": Route(klines_weight, sim_market.index_klines),
    "/fapi/v1/markPriceKlines": Route(klines_weight, sim_market.mark_klines),
    "/fapi/v1/premiumIndexKlines": Route(klines_weight, sim_market.premium_klines),
    "/fapi/v1/fundingRate": Route(_one, sim_market.funding_rate, FUNDING),
    "/fapi/v1/fundingInfo": Route(_one, sim_market.nothing, FUNDING),
    "/fapi/v1/openInterest": Route(_one, sim_market.open_interest),
    "/fapi/v1/indexInfo": Route(_one, sim_market.index_info),
    "/fapi/v1/rpiDepth": Route(lambda p: 20, sim_market.rpi_depth),
    "/fapi/v1/assetIndex": Route(lambda p: 1 if "symbol" in p else 10, sim_market.asset_index),
    "/fapi/v1/constituents": Route(lambda p: 2, sim_market.constituents),
    "/fapi/v1/insuranceBalance": Route(_one, sim_market.insurance),
    "/fapi/v1/symbolAdlRisk": Route(_one, sim_market.adl_risk),
    "/fapi/v1/tradingSchedule": Route(lambda p: 5, sim_market.schedule),
} | {
    f"/futures/data/{name}": Route(_one, served, STATISTICS)
    for name, served in (
        ("openInterestHist", sim_market.unknown_statistic),
        ("topLongShortAccountRatio", sim_market.unknown_statistic),
        ("topLongShortPositionRatio", sim_market.unknown_statistic),
        ("globalLongShortAccountRatio", sim_market.unknown_statistic),
        ("takerlongshortRatio", sim_market.taker_volume),
        ("basis", sim_market.basis),
        ("delivery-price", sim_market.deliveries),
    )
}


class Rest:
    """The REST side: answers requests under the venue's weight limit."""

    def __init__(
        self, weight_limit: int, engine: Matching | None, setup: OrderSetup, now_ms: int
    ) -> None:
        self._weights = Weights(weight_limit)
        self._pools = {
            FUNDING: Weights(500, window_ms=FIVE_MINUTES_MS),
            STATISTICS: Weights(1000, window_ms=FIVE_MINUTES_MS),
        }
        self._desk = Desk(engine, setup, now_ms) if engine is not None else None

    @property
    def throttled(self) -> int:
        return self._weights.throttled + sum(one.throttled for one in self._pools.values())

    @property
    def banned(self) -> int:
        return self._weights.banned + sum(one.banned for one in self._pools.values())

    def answer(
        self, market: MarketView, request: Request, address: str, arrived_ms: int, now_ms: int
    ) -> RestAnswer:
        """Serve one request: status, body and headers."""
        method, path = request.method, request.path
        signed = self._desk is not None and path in sim_signed.PATHS
        route = ROUTES.get(path)
        weight, params, fault = 1, None, None
        try:
            params = Params(request.query, sim_signed.form(request) if signed else "")
            if signed:
                weight = sim_signed.weight(method, path, params)
            elif route is not None:
                weight = route.weight(params)
        except Fault as refused:
            fault = refused
        pool = self._pools.get(route.pool) if route is not None else None
        verdict = (pool or self._weights).take(address, weight, now_ms)
        headers = {"x-mbx-used-weight-1m": str(verdict.used)} if pool is None else {}
        if verdict.status != 200:
            headers["Retry-After"] = str(verdict.retry_after_s)
            return RestAnswer(verdict.status, verdict.body, headers)
        if fault is not None:
            return RestAnswer(fault.status, fault.body, headers)
        assert params is not None
        if signed:
            assert self._desk is not None
            self._desk.listed = market.symbols
            return sim_signed.answer(self._desk, request, params, headers, arrived_ms, now_ms)
        if route is None:
            body = error_body(-1099, "Not found, unauthenticated, or unauthorized.")
            return RestAnswer(404, body, headers)
        if method not in ("GET", "HEAD"):
            headers["Allow"] = "GET"
            body = error_body(-1020, f"Request method '{method}' not supported")
            return RestAnswer(405, body, headers)
        try:
            if route.keyed:
                self._key(request)
            return RestAnswer(200, route.answer(params, market, now_ms), headers)
        except Fault as refused:
            return RestAnswer(refused.status, refused.body, headers)

    def _key(self, request: Request) -> None:
        """Whether a key is there that somebody has; raises `Fault`."""
        if self._desk is None:
            raise Fault(-2015, "Invalid API-key, IP, or permissions for action.", 401)
        self._desk.keyring.account(request.headers.get("x-mbx-apikey"))

    def private(self, route: str, name: str) -> tuple[str, ...]:
        """The private streams behind a name of a URL or a SUBSCRIBE; un-routed URLs carried them
        until 2026 and still do on the demo venue."""
        desk = self._desk
        if desk is None or route not in ("private", ""):
            return ()
        return desk.listen_keys.streams(name, desk.setup.strict_private)

    def greeting(self, private: str, now_ms: int) -> list[bytes]:
        """A user stream starts with what happens."""
        return []

    def turn(self, now_ms: int) -> None:
        if self._desk is not None:
            self._desk.turn(now_ms)

    def take(self) -> list[tuple[str, bytes]]:
        return [] if self._desk is None else self._desk.take()

    def api(self, market: MarketView, opened: Opening, address: str, now_ms: int) -> OrderApi:
        """A connection of the WebSocket order API; raises `Refused`."""
        if self._desk is None:
            raise Refused(404, "no order API: the simulator has no accounts")
        verdict = self._weights.take(address, HANDSHAKE_WEIGHT, now_ms)
        if verdict.status != 200:
            raise Refused(verdict.status, "too much request weight")

        def ask(path: str, params: Params, now_ms: int) -> bytes:
            return ROUTES[path].answer(params, market, now_ms)

        def cost(path: str, params: Params) -> int:
            return ROUTES[path].weight(params)

        return Api(self._desk, self._weights, market, (ask, cost), address, opened.query, now_ms)


# exchangeInfo


def contracts(info: bytes) -> list[Contract]:
    """The trading symbols of an exchangeInfo answer; raises ValueError naming the fault."""
    try:
        rows = orjson.loads(info)["symbols"]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"not an exchangeInfo answer: {error!r}") from None
    found = []
    for row in rows:
        if row.get("status") != TRADING:
            continue
        try:
            filters = {each["filterType"]: each for each in row["filters"]}
            tick = Decimal(filters["PRICE_FILTER"]["tickSize"])
            top = Decimal(filters["PRICE_FILTER"]["maxPrice"])
            step = Decimal(filters["LOT_SIZE"]["stepSize"])
            price_digits = max(int(row["pricePrecision"]), _digits(tick))
            found.append(
                Contract(
                    symbol=row["symbol"],
                    base=row.get("baseAsset", ""),
                    quote=row.get("quoteAsset", ""),
                    price_digits=price_digits,
                    tick=str(tick),
                    qty_digits=max(int(row["quantityPrecision"]), _digits(step)),
                    step=str(step),
                    # Binance lists a maximum price of a few times the market's.
                    price=str((top / 7).quantize(Decimal(1).scaleb(-price_digits))),
                )
            )
        except (KeyError, ArithmeticError, ValueError) as error:
            raise ValueError(f"exchangeInfo, symbol {row.get('symbol')}: {error!r}") from None
    return found


def weight_limit(info: bytes) -> int:
    """The request weight a minute that an exchangeInfo answer promises."""
    try:
        for row in orjson.loads(info)["rateLimits"]:
            if row["rateLimitType"] == "REQUEST_WEIGHT":
                return int(row["limit"])
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"exchangeInfo, rateLimits: {error!r}") from None
    return WEIGHT_LIMIT


def _digits(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def exchange_info(rows: Iterable[Contract], now_ms: int, weight_limit: int = WEIGHT_LIMIT) -> bytes:
    """An exchangeInfo answer that lists these contracts."""
    return orjson.dumps(
        {
            "timezone": "UTC",
            "serverTime": now_ms,
            "futuresType": "U_MARGINED",
            "rateLimits": [
                _limit("REQUEST_WEIGHT", "MINUTE", 1, weight_limit),
                _limit("ORDERS", "MINUTE", 1, 1200),
                _limit("ORDERS", "SECOND", 10, 300),
            ],
            "exchangeFilters": [],
            "assets": [{"asset": "USDT", "marginAvailable": True, "autoAssetExchange": "-10000"}],
            "symbols": [_symbol(row) for row in rows],
        }
    )


def _limit(kind: str, interval: str, number: int, limit: int) -> dict[str, Any]:
    return {
        "rateLimitType": kind,
        "interval": interval,
        "intervalNum": number,
        "limit": limit,
    }


def _symbol(row: Contract) -> dict[str, Any]:
    tick, step, price = Decimal(row.tick), Decimal(row.step), Decimal(row.price)
    lowest = max(tick, (price / 100 // tick) * tick)
    highest = (price * 7 // tick) * tick
    lot = {"minQty": row.step, "maxQty": f"{step * 10**6:f}", "stepSize": row.step}
    market_lot = lot | {"maxQty": f"{step * 10**5:f}"}
    return {
        "symbol": row.symbol,
        "pair": row.symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": 4133404800000,
        "onboardDate": 1569398400000,
        "status": row.status or TRADING,
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": row.base,
        "quoteAsset": row.quote,
        "marginAsset": row.quote,
        "pricePrecision": row.price_digits,
        "quantityPrecision": row.qty_digits,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "triggerProtect": "0.0500",
        "liquidationFee": "0.012500",
        "marketTakeBound": "0.05",
        "maxMoveOrderLimit": 10000,
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": f"{lowest:f}",
                "maxPrice": f"{highest:f}",
                "tickSize": row.tick,
            },
            {"filterType": "LOT_SIZE"} | lot,
            {"filterType": "MARKET_LOT_SIZE"} | market_lot,
            {"filterType": "MAX_NUM_ORDERS", "limit": 200},
            {"filterType": "MIN_NOTIONAL", "notional": "5"},
            {
                "filterType": "PERCENT_PRICE",
                "multiplierUp": "1.0500",
                "multiplierDown": "0.9500",
                "multiplierDecimal": "4",
            },
            {"filterType": "POSITION_RISK_CONTROL", "positionControlSide": "NONE"},
        ],
        "orderTypes": [
            "LIMIT",
            "MARKET",
            "STOP",
            "STOP_MARKET",
            "TAKE_PROFIT",
            "TAKE_PROFIT_MARKET",
            "TRAILING_STOP_MARKET",
        ],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
        "permissionSets": ["GRID", "COPY"],
    }
