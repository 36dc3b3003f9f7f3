"""Phemex's REST side as the venue sees it: routes, limits, checks and answers.

Written from the venue's reference alone. Market data under ``/md`` has an envelope of its own and
answers what it does not understand with HTTP 500 and code 6001; everything else has ``code``,
``msg`` and ``data``.
"""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import orjson

from connector.protocol.http1 import Request
from connector.sim.matching.api import Matching
from connector.venues.phemex import (
    sim_decimal,
    sim_feeds,
    sim_funding,
    sim_hedged,
    sim_history,
    sim_limits,
    sim_listings,
    sim_orders,
    sim_params,
    sim_transfers,
    sim_wallet,
)
from connector.venues.phemex.sim_auth import Denied
from connector.venues.phemex.sim_desk import AOP, AOP_P, Desk
from connector.venues.phemex.sim_listings import LISTED, envelope
from connector.venues.sim_contract import (
    Contract,
    MarketView,
    Opening,
    OrderApi,
    Refused,
    RestAnswer,
    TradeRow,
)
from connector.venues.sim_setup import OrderSetup

Params = dict[str, str]
Route = Callable[[Params, MarketView, int], bytes]


class BadRequest(Exception):
    """A market data request that is not understood."""


def _symbol(params: Params, market: MarketView) -> str:
    """A symbol that is listed; a recording may know no more of it than its name."""
    symbol = params.get("symbol", "")
    row = market.symbols.get(symbol)
    gone = isinstance(row, Contract) and row.status not in ("", LISTED)
    if symbol not in market.symbols or gone:
        raise BadRequest
    return symbol


def _id(params: Params) -> int:
    text = params.get("id", "0")
    if not text.isdecimal():
        raise BadRequest
    return int(text)


def _numbered(answer: bytes, number: int) -> bytes:
    """A whole answer under the number of its request."""
    return answer.replace(b'"id":0,', b'"id":%d,' % number, 1)


def wrap(number: int, result: bytes) -> bytes:
    return b'{"error":null,"id":%d,"result":%b}' % (number, result)


def _scaled_symbol(params: Params, market: MarketView) -> str:
    """One of the first family, whose numbers are integers."""
    symbol = _symbol(params, market)
    if sim_listings.decimal_family(symbol):
        raise BadRequest
    return symbol


def _orderbook(params: Params, market: MarketView, now_ms: int) -> bytes:
    symbol = _scaled_symbol(params, market)
    return _numbered(market.depth(symbol, sim_feeds.WINDOW, now_ms), _id(params))


def _fullbook(params: Params, market: MarketView, now_ms: int) -> bytes:
    symbol = _scaled_symbol(params, market)
    top = market.top(symbol, 0)
    asks, bids = (",".join(f"[{p},{q}]" for p, q in side) for side in (top.asks, top.bids))
    body = (
        f'{{"book":{{"asks":[{asks}],"bids":[{bids}]}},"depth":0,"sequence":{top.update_id},'
        f'"symbol":"{symbol}","timestamp":{top.time_ms * sim_feeds.MS_NS},"type":"snapshot"}}'
    )
    return wrap(_id(params), body.encode())


def _trade(params: Params, market: MarketView, now_ms: int) -> bytes:
    symbol = _scaled_symbol(params, market)
    sequence, rows = sim_feeds.trade_rows(market.trades(symbol))
    return wrap(_id(params), sim_feeds.trade_message(symbol, sequence, rows, "snapshot"))


def _day(params: Params, market: MarketView, now_ms: int) -> bytes:
    """Today's form: the names of the day stream and its time."""
    contract = market.symbols[_scaled_symbol(params, market)]
    if not isinstance(contract, Contract):
        raise BadRequest
    row = sim_feeds.day(market, contract, now_ms)
    row["timestamp"] = now_ms * sim_feeds.MS_NS
    return wrap(_id(params), orjson.dumps(row))


def _days(params: Params, market: MarketView, now_ms: int) -> bytes:
    rows = [
        sim_feeds.day(market, row, now_ms) | {"timestamp": now_ms * sim_feeds.MS_NS}
        for row in market.symbols.values()
        if isinstance(row, Contract)
        and row.status in ("", LISTED)
        and not sim_listings.decimal_family(row.symbol)
    ]
    return wrap(_id(params), orjson.dumps(rows))


_NAMES = {
    "open": "openEp", "high": "highEp", "low": "lowEp", "close": "lastEp", "turnover": "turnoverEv",
    "indexPrice": "indexEp", "markPrice": "markEp", "fundingRate": "fundingRateEr",
    "predFundingRate": "predFundingRateEr",
}  # fmt: skip


def _named_day(params: Params, market: MarketView, now_ms: int) -> bytes:
    """The second form: suffixes tell the scales, and the best prices are there."""
    contract = market.symbols[_scaled_symbol(params, market)]
    if not isinstance(contract, Contract):
        raise BadRequest
    return wrap(_id(params), orjson.dumps(_named(contract, market, now_ms)))


def _named_days(params: Params, market: MarketView, now_ms: int) -> bytes:
    rows = [
        _named(row, market, now_ms)
        for row in market.symbols.values()
        if isinstance(row, Contract)
        and row.status in ("", LISTED)
        and not sim_listings.decimal_family(row.symbol)
    ]
    return wrap(_id(params), orjson.dumps(rows))


def _named(contract: Contract, market: MarketView, now_ms: int) -> dict[str, Any]:
    row = sim_feeds.day(market, contract, now_ms)
    top = market.top(contract.symbol, 1)
    best = {"askEp": int(top.asks[0][0]), "bidEp": int(top.bids[0][0])}
    named = {_NAMES.get(name, name): value for name, value in row.items()}
    return named | best | {"timestamp": now_ms * sim_feeds.MS_NS}


MARKET_DATA: dict[str, Route] = {
    "orderbook": _orderbook,
    "fullbook": _fullbook,
    "trade": _trade,
    "ticker/24hr": _day,
    "ticker/24hr/all": _days,
}
"""Under ``/md/``."""
LATER: dict[str, Route] = MARKET_DATA | {
    "ticker/24hr": _named_day,
    "ticker/24hr/all": _named_days,
}
"""Under ``/v1/md/`` and ``/md/v1/``."""


def _decimal_symbol(params: Params, market: MarketView) -> str:
    symbol = _symbol(params, market)
    if not sim_listings.decimal_family(symbol):
        raise BadRequest
    return symbol


def _decimal_orderbook(params: Params, market: MarketView, now_ms: int) -> bytes:
    symbol = _decimal_symbol(params, market)
    return _numbered(market.depth(symbol, sim_feeds.WINDOW, now_ms), _id(params))


def _decimal_fullbook(params: Params, market: MarketView, now_ms: int) -> bytes:
    symbol = _decimal_symbol(params, market)
    top = market.top(symbol, 0)
    asks, bids = (",".join(f'["{p}","{q}"]' for p, q in side) for side in (top.asks, top.bids))
    body = sim_decimal.book_body(symbol, top.update_id, top.time_ms, bids, asks, 0)
    return wrap(_id(params), body)


def _decimal_trade(params: Params, market: MarketView, now_ms: int) -> bytes:
    symbol = _decimal_symbol(params, market)
    rows = [*market.trades(symbol)]
    return wrap(_id(params), sim_decimal.trade_message(symbol, rows, "snapshot"))


def _decimal_day(params: Params, market: MarketView, now_ms: int) -> bytes:
    contract = market.symbols[_decimal_symbol(params, market)]
    if not isinstance(contract, Contract):
        raise BadRequest
    return wrap(_id(params), orjson.dumps(sim_decimal.rest_day(market, contract, now_ms)))


def _decimal_days(params: Params, market: MarketView, now_ms: int) -> bytes:
    family = sim_decimal.family(market)
    rows = [sim_decimal.rest_day(market, row, now_ms) for row in family]
    return wrap(_id(params), orjson.dumps(rows))


def _today(params: Params, market: MarketView, now_ms: int) -> bytes:
    contract = market.symbols[_decimal_symbol(params, market)]
    if not isinstance(contract, Contract):
        raise BadRequest
    return wrap(_id(params), orjson.dumps(sim_decimal.today(market, contract, now_ms)))


def _todays(params: Params, market: MarketView, now_ms: int) -> bytes:
    rows = [sim_decimal.today(market, row, now_ms) for row in sim_decimal.family(market)]
    return wrap(_id(params), orjson.dumps(rows))


DECIMALS: dict[str, Route] = {
    "/md/v2/orderbook": _decimal_orderbook,
    "/md/v2/fullbook": _decimal_fullbook,
    "/md/v2/trade": _decimal_trade,
    "/md/v2/ticker/24hr": _decimal_day,
    "/md/v3/ticker/24hr": _today,
    "/md/v2/ticker/24hr/all": _decimal_days,
    "/md/v3/ticker/24hr/all": _todays,
}
"""Of the second family."""

WALLET = sim_wallet.HANDLERS | sim_transfers.HANDLERS
SIGNED = sim_orders.HANDLERS | sim_history.HANDLERS | sim_hedged.HANDLERS | WALLET
"""Requests of accounts."""
SIGNED_PATHS = frozenset(path for _, path in SIGNED)

BAD_INPUT = "Please double check input arguments"
KLINE_LIMITS = (5, 10, 50, 100, 500, 1000)
KLINES_MOST = 2000
"""Of a span."""


class Missing(Exception):
    """A request without a parameter it needs."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Missing parameter - {name}")


def _klines(params: Params, market: MarketView, now_ms: int) -> bytes:
    limit = params.get("limit", "100")
    every = _candles(params, market)
    if every is None or not limit.isdecimal() or int(limit) not in KLINE_LIMITS:
        return _failure(30000, BAD_INPUT)
    return envelope({"total": -1, "rows": every[: int(limit)]})


def _klines_between(params: Params, market: MarketView, now_ms: int) -> bytes:
    """Candles that begin from ``from`` and before ``to``, seconds both; the usual number of the
    newest without them."""
    if "from" not in params:
        return _klines(params, market, now_ms)
    first, end = params["from"], params.get("to", str(now_ms))
    every = _candles(params, market)
    if every is None or not first.isdecimal() or not end.isdecimal():
        return _failure(30000, BAD_INPUT)
    found = [row for row in every if int(first) <= row[0] < int(end)]
    return envelope({"total": -1, "rows": found[:KLINES_MOST]})


def _candles(params: Params, market: MarketView) -> list[list[Any]] | None:
    """All there are, newest first; None: the parameters are wrong."""
    for name in ("symbol", "resolution"):
        if name not in params:
            raise Missing(name)
    row, seconds = market.symbols.get(params["symbol"]), params["resolution"]
    good = seconds.isdecimal() and int(seconds) in sim_feeds.INTERVALS_S
    if not good or not isinstance(row, Contract):
        return None
    if sim_listings.decimal_family(row.symbol):
        return sim_decimal.kline_rows(market, row.symbol, int(seconds), sys.maxsize)
    return sim_feeds.kline_rows(market, row, int(seconds), sys.maxsize)


def _funding(
    of: Callable[[Params, MarketView, int], dict[str, Any]], *needed: str
) -> Callable[[Params, MarketView, int], bytes]:
    """A call for funding rates that needs these parameters."""

    def answer(params: Params, market: MarketView, now_ms: int) -> bytes:
        for name in needed:
            if name not in params:
                raise Missing(name)
        try:
            return envelope(of(params, market, now_ms))
        except sim_funding.Bad:
            return _failure(30000, BAD_INPUT)

    return answer


TRADE_ID = 3
"""Numbers in the id of a trade of the history."""


def _trade_history(params: Params, market: MarketView, now_ms: int) -> bytes:
    """Trades behind an id, or between two times, oldest first."""
    if "market" not in params:
        raise Missing("market")
    row = market.symbols.get(params["market"])
    since = params.get("since", "0-0-0").split("-")
    times = [params.get(name, "0") for name in ("start", "end")]
    good = len(since) == TRADE_ID and all(each.isdecimal() for each in [*since, *times])
    if not good or not isinstance(row, Contract):
        return _failure(30000, BAD_INPUT)
    start_ms, end_ms = int(times[0]), int(times[1]) or now_ms
    return envelope(
        [
            _told(each, row)
            for each in market.trades(row.symbol, int(since[-1]))
            if start_ms <= each.time_ms <= end_ms
        ]
    )


def _told(trade: TradeRow, row: Contract) -> dict[str, str]:
    scaled = not sim_listings.decimal_family(row.symbol)
    price = Decimal(trade.price).scaleb(-row.price_digits if scaled else 0)
    time = f"{datetime.fromtimestamp(trade.time_ms / 1000, UTC):%Y-%m-%dT%H:%M:%S.%f}"
    return {
        "id": f"{trade.update_id}-0-{trade.trade_id}",
        "timestamp": f"{time[:-3]}Z",
        "price": f"{price:.8f}",
        "amount_quote": trade.qty,
        "side": "sell" if trade.buyer_is_maker else "buy",
        "type": "limit",
    }


def _products(params: Params, market: MarketView, now_ms: int) -> bytes:
    return market.exchange_info(now_ms)


def _old_products(params: Params, market: MarketView, now_ms: int) -> bytes:
    rows = [row for row in market.symbols.values() if isinstance(row, Contract)]
    return sim_listings.old_products(rows)


def _time(params: Params, market: MarketView, now_ms: int) -> bytes:
    return envelope({"serverTime": now_ms})


ROUTES: dict[str, Route] = {
    "/public/products": _products,
    "/public/products-plus": _products,
    "/exchange/public/cfg/v2/products": _products,
    "/exchange/public/products": _old_products,
    "/v1/exchange/public/products": _old_products,
    "/public/time": _time,
    "/exchange/public/md/v2/kline": _klines,
    "/exchange/public/md/v2/kline/last": _klines,
    "/exchange/public/md/kline": _klines_between,
    "/v1/exchange/public/md/kline": _klines_between,
    "/exchange/public/md/v2/kline/list": _klines_between,
    "/exchange/public/nomics/trades": _trade_history,
    "/api-data/public/data/funding-rate-history": _funding(sim_funding.settled, "symbol"),
    "/v1/api-data/public/data/funding-rate-history": _funding(sim_funding.settled, "symbol"),
    "/contract-biz/public/real-funding-rates": _funding(sim_funding.running),
}


def market_data(path: str) -> Route | None:
    """What serves a path of market data, by any of its prefixes."""
    if path in DECIMALS:
        return DECIMALS[path]
    for prefix, routes in (("/v1/md/", LATER), ("/md/v1/", LATER), ("/md/", MARKET_DATA)):
        if path.startswith(prefix):
            return routes.get(path.removeprefix(prefix))
    return None


def serves(method: str, path: str) -> bool:
    public = method == "GET" and (market_data(path) is not None or path in ROUTES)
    return public or (method, path) in SIGNED


def _failure(code: int | str, text: str) -> bytes:
    return orjson.dumps({"code": code, "msg": text, "data": None})


def _md_failure() -> bytes:
    error = {"code": 6001, "message": "invalid argument"}
    return orjson.dumps({"error": error, "id": None, "result": None})


class Rest:
    """The REST side; with accounts also the order side."""

    def __init__(
        self, weight_limit: int, engine: Matching | None, setup: OrderSetup, now_ms: int
    ) -> None:
        self._limiter = sim_limits.Limiter(sim_limits.scaled(weight_limit))
        self._desk = Desk(engine, setup, now_ms) if engine is not None else None

    @property
    def throttled(self) -> int:
        return self._limiter.throttled

    @property
    def banned(self) -> int:
        return self._limiter.banned

    def answer(
        self, market: MarketView, request: Request, address: str, arrived_ms: int, now_ms: int
    ) -> RestAnswer:
        """Serve one request: status, body and headers."""
        path = request.path
        who = request.headers.get("x-phemex-access-token", "") or address
        verdict = self._limiter.take(who, address, path, now_ms)
        headers = dict(verdict.headers)
        tracing = request.headers.get("x-phemex-request-tracing")
        if tracing is not None:
            headers["x-phemex-request-tracing"] = tracing
        if not verdict.served:
            return RestAnswer(429, _failure("39995", "Too many requests."), headers)
        if self._desk is not None and path in SIGNED_PATHS:
            self._desk.market = market
            status, body = _signed(self._desk, request, now_ms)
            return RestAnswer(status, body, headers)
        params = dict(parse_qsl(request.query, keep_blank_values=True))
        found = market_data(path)
        if found is not None and request.method == "GET":
            try:
                return RestAnswer(200, found(params, market, now_ms), headers)
            except BadRequest:
                return RestAnswer(500, _md_failure(), headers)
        route = ROUTES.get(path)
        if route is None or request.method != "GET":
            # The edge in front of the venue knows no such path.
            return RestAnswer(403, b"", headers)
        try:
            return RestAnswer(200, route(params, market, now_ms), headers)
        except Missing as missing:
            return RestAnswer(200, _failure(412, str(missing)), headers)

    def login(self, params: list[Any], market: MarketView, now_ms: int) -> str:
        """The account of a ``user.auth``; "" for a token that is none."""
        if self._desk is None:
            return ""
        self._desk.market = market
        return self._desk.keys.login(params, now_ms)

    def private(self, route: str, name: str) -> tuple[str, ...]:
        """An account's stream; a session asks only for that of whose it is."""
        account, _, kind = name.rpartition("@")
        known = self._desk is not None and kind in (AOP, AOP_P) and account in self._desk.people
        return (name,) if known else ()

    def greeting(self, private: str, now_ms: int) -> list[bytes]:
        assert self._desk is not None
        account, _, stream = private.rpartition("@")
        return self._desk.greeting(account, stream, now_ms)

    def turn(self, now_ms: int) -> None:
        if self._desk is not None:
            self._desk.turn(now_ms)

    def take(self) -> list[tuple[str, bytes]]:
        return [] if self._desk is None else self._desk.take()

    def api(self, market: MarketView, opened: Opening, address: str, now_ms: int) -> OrderApi:
        raise Refused(404, "no order API on WebSocket")


def _signed(desk: Desk, request: Request, now_ms: int) -> tuple[int, bytes]:
    """Status and body of a request that needs to be somebody's."""
    try:
        person = desk.people[desk.keys.account(request, now_ms)]
    except Denied as denied:
        return denied.status, denied.body
    handler = SIGNED.get((request.method, request.path))
    if handler is None:
        return 405, b""
    try:
        fields: Any = dict(parse_qsl(request.query, keep_blank_values=True))
        if (request.method, request.path) in WALLET:
            asked = {f"?{name}": value for name, value in fields.items()}
            body = orjson.loads(request.body) if request.body else {}
            fields = body | asked if isinstance(body, dict) else body
        elif request.method == "POST" and request.body:
            fields = orjson.loads(request.body)
        if not isinstance(fields, dict):
            raise sim_params.Fault(sim_params.BAD)
        data = handler(desk, person, fields, now_ms * sim_feeds.MS_NS)
    except orjson.JSONDecodeError:
        return 200, sim_params.Fault(sim_params.BAD).body
    except sim_params.Fault as fault:
        return 200, fault.body
    return 200, orjson.dumps({"code": 0, "msg": "", "data": data})


def retry_after(path: str) -> str:
    """The header that says how long to stay away."""
    return sim_limits.header("retry-after", sim_limits.group_of(path))
