"""Binance USD-M as the venue sees it: its WebSocket URLs, control messages and frames.

The mirror image of ``market.py`` and written from the venue's reference alone, so that the two do
not share a mistake. Pure: texts and numbers in, bytes out; who is connected, what time it is and
what the market does is the caller's business. The REST side is in ``sim_rest.py``.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

import orjson

from connector.venues.binance_usdm import (
    sim_refusals,
    sim_rest,
    sim_rules,
    sim_streams,
    sim_tape,
)
from connector.venues.binance_usdm.sim_listings import LISTINGS
from connector.venues.binance_usdm.sim_params import error_body
from connector.venues.binance_usdm.sim_private import listen_key_of
from connector.venues.binance_usdm.sim_weights import WEIGHT_LIMIT
from connector.venues.sim_contract import (
    Frames,
    House,
    MarkTexts,
    Mishap,
    Opening,
    Refused,
    Reply,
    SocketRules,
    Stream,
    StreamNames,
    VenueSim,
    decimal,
)

PUBLIC, MARKET, PRIVATE, LEGACY = "public", "market", "private", ""
API = "ws-fapi"
SPEEDS = {"": 250, "@500ms": 500, "@100ms": 100, "@0ms": 0}
MAX_STREAMS = 1024


# Numbers


class Texts:
    """Writes one symbol's ticks and lots as the venue does: fixed decimals, trailing zeros kept."""

    __slots__ = ("_price_digits", "_prices", "_qty_digits", "_qtys", "_step", "_tick")

    CACHED = 200_000

    def __init__(self, price_digits: int, tick: int, qty_digits: int, step: int) -> None:
        self._price_digits, self._tick = price_digits, tick
        self._qty_digits, self._step = qty_digits, step
        self._prices: dict[int, str] = {}
        self._qtys: dict[int, str] = {}

    def price(self, tick: int) -> str:
        text = self._prices.get(tick)
        if text is None:
            if len(self._prices) > self.CACHED:
                self._prices.clear()
            text = self._prices[tick] = decimal(tick * self._tick, self._price_digits)
        return text

    def qty(self, lots: int) -> str:
        text = self._qtys.get(lots)
        if text is None:
            if len(self._qtys) > self.CACHED:
                self._qtys.clear()
            text = self._qtys[lots] = decimal(lots * self._step, self._qty_digits)
        return text

    def levels(self, levels: Iterable[tuple[int, int]]) -> str:
        """``["28145.10","3.868"],...`` of (tick, lots) pairs."""
        prices, qtys, price, qty = self._prices, self._qtys, self.price, self.qty
        return ",".join(
            [
                f'["{prices.get(tick) or price(tick)}","{qtys.get(lots) or qty(lots)}"]'
                for tick, lots in levels
            ]
        )


# Frames


def depth_update(
    symbol: str, event_ms: int, time_ms: int, ids: tuple[int, int, int], bids: str, asks: str
) -> bytes:
    """``ids`` are U, u and pu; the sides come from `Texts.levels`."""
    first, last, prev = ids
    return (
        f'{{"e":"depthUpdate","E":{event_ms},"T":{time_ms},"s":"{symbol}","ps":"{symbol}",'
        f'"U":{first},"u":{last},"pu":{prev},"b":[{bids}],"a":[{asks}],"st":1}}'
    ).encode()


def book_ticker(
    symbol: str, event_ms: int, time_ms: int, update_id: int, texts: tuple[str, str, str, str]
) -> bytes:
    """``texts`` are bid price and quantity, ask price and quantity."""
    bid, bid_qty, ask, ask_qty = texts
    return (
        f'{{"e":"bookTicker","u":{update_id},"s":"{symbol}","ps":"{symbol}","b":"{bid}",'
        f'"B":"{bid_qty}","a":"{ask}","A":"{ask_qty}","T":{time_ms},"E":{event_ms},"st":1}}'
    ).encode()


def trade(
    symbol: str, event_ms: int, time_ms: int, trade_id: int, price: str, qty: str, maker: bool
) -> bytes:
    """``maker``: the buyer is the maker, so the aggressor sold."""
    return (
        f'{{"e":"trade","E":{event_ms},"T":{time_ms},"s":"{symbol}","t":{trade_id},"p":"{price}",'
        f'"q":"{qty}","X":"MARKET","m":{_bool(maker)}}}'
    ).encode()


def agg_trade(
    symbol: str, event_ms: int, time_ms: int, ids: tuple[int, int, int], price: str, qty: str,
    maker: bool,
) -> bytes:  # fmt: skip
    """``ids`` are the aggregate's id and the first and last trade id in it."""
    agg, first, last = ids
    return (
        f'{{"e":"aggTrade","E":{event_ms},"a":{agg},"s":"{symbol}","p":"{price}","q":"{qty}",'
        f'"nq":"{qty}","f":{first},"l":{last},"T":{time_ms},"m":{_bool(maker)},"st":1}}'
    ).encode()


def mark_price(symbol: str, event_ms: int, mark: MarkTexts) -> bytes:
    return (
        f'{{"e":"markPriceUpdate","E":{event_ms},"s":"{symbol}","p":"{mark.mark}",'
        f'"ap":"{mark.average}","P":"{mark.settle}","i":"{mark.index}","r":"{mark.rate}",'
        f'"T":{mark.next_funding_ms},"st":1}}'
    ).encode()


def wrapped(stream: str, payload: bytes) -> bytes:
    """The combined form of a payload; of a private stream it names the listen key."""
    stream = listen_key_of(stream) or stream
    return b'{"stream":"%b","data":%b}' % (stream.encode(), payload)


def _bool(value: bool) -> str:
    return "true" if value else "false"


# Streams and URLs


def names(symbol: str) -> StreamNames:
    lower = symbol.lower()
    return StreamNames(
        f"{lower}@depth@0ms", f"{lower}@bookTicker", f"{lower}@trade", f"{lower}@aggTrade"
    )


_PUBLIC_ONLY = (PUBLIC, LEGACY)
"""Un-routed URLs give only what is public."""
_TRADE = (PUBLIC, MARKET, LEGACY)
"""The class of ``@trade`` is not documented and sources disagree: both carry it here."""

_STREAM = re.compile(
    r"(?P<symbol>[^@]+)@(?:depth(?P<levels>5|10|20)?(?P<speed>@500ms|@100ms|@0ms)?"
    r"|(?P<kind>bookTicker|trade|aggTrade)|markPrice(?P<second>@1s)?|(?P<beside>[^@]+(@500ms)?))"
)
_CONTINUOUS = re.compile(r"(?P<pair>[^@_]+)_(?P<contract>\w+)@(?P<beside>continuousKline_\w+)")


def stream(name: str, symbols: Mapping[str, Any]) -> Stream | None:
    """The stream of that name; None when there is none: the venue then says nothing, ever."""
    if name in sim_streams.OF_ALL:
        # It speaks as long as the symbol that is listed first is there.
        first = next(iter(symbols), "")
        return _beside(name, first, name) if first else None
    if (match := _CONTINUOUS.fullmatch(name)) is not None:
        # Every symbol here is a perpetual; of pairs' other contracts there is nothing to tell.
        pair = match["pair"].upper() if match["contract"] == "perpetual" else ""
        return _beside(name, pair, match["beside"]) if pair in symbols else None
    match = _STREAM.fullmatch(name)
    if match is None:
        return None
    lower = match["symbol"]
    symbol = lower.upper()
    if match["beside"] == "assetIndex":
        symbol += "T"  # of the asset against the dollar, which is here the tether's
    if lower != lower.lower() or symbol not in symbols:
        return None
    if match["kind"]:
        kind = match["kind"]
        routes = {"bookTicker": _PUBLIC_ONLY, "trade": _TRADE}.get(kind, (MARKET,))
        return Stream(name, symbol, kind, routes)
    if match["beside"]:
        of_all = match["beside"] in sim_streams.OF_ALL
        return None if of_all else _beside(name, symbol, match["beside"])
    if "@markPrice" in name:
        return Stream(name, symbol, "markPrice", (MARKET,), 1000 if match["second"] else 3000)
    period_ms = SPEEDS[match["speed"] or ""]
    if match["levels"]:
        return Stream(name, symbol, "partial", _PUBLIC_ONLY, period_ms, int(match["levels"]))
    return Stream(name, symbol, "depth", _PUBLIC_ONLY, period_ms)


def _beside(name: str, symbol: str, kind: str) -> Stream | None:
    return sim_streams.stream(name, symbol, kind, _PUBLIC_ONLY, (MARKET,))


def opening(target: str) -> Opening:
    """Understand the target of a handshake; raises `Refused`.

    A trailing slash, ``/ws?<stream>`` and unknown path parts are refused, as the venue does since
    2023.
    """
    path, _, query = target.partition("?")
    parts = [unquote(part) for part in path.split("/")[1:]]
    if parts == [API, "v1"]:
        return Opening(API, False, (), query)
    route = LEGACY
    if parts and parts[0] in (PUBLIC, MARKET, PRIVATE):
        route = parts.pop(0)
    if not parts or parts[0] not in ("ws", "stream"):
        raise Refused(404, f"no such path: {path}")
    form, *names = parts
    if any(not name for name in names):
        raise Refused(400, f"empty stream name in {path}")
    options = parse_qsl(query, keep_blank_values=True)
    keys = {key for key, _ in options}
    if route == PRIVATE and (keys or names):
        if keys and names:
            raise Refused(400, f"a listen key in path and query of {path}")
        return Opening(route, form == "stream", _listening(options) if keys else tuple(names))
    if form == "ws":
        if query:
            raise Refused(400, f"/ws takes no query: {query}")
        return Opening(route, False, _limited(names))
    if names:
        raise Refused(404, f"no such path: {path}")
    if not query:
        return Opening(route, True, ())
    if keys != {"streams"} or len(options) != 1 or not options[0][1]:
        raise Refused(400, "/stream takes exactly streams=<name>/<name>")
    return Opening(route, True, _limited(name for name in options[0][1].split("/") if name))


def _listening(options: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Listen keys of a query, each with the events that follow it: ``<key>@<event>`` for each of
    them, or the bare key."""
    found: dict[str, list[str]] = {}
    last = ""
    for name, value in options:
        if name == "listenKey" and value:
            found.setdefault(value, [])
            last = value
        elif name == "events" and last:
            found[last] += [event for event in value.split("/") if event]
        else:
            raise Refused(400, "/private takes listenKey=<key>&events=<event>/<event>")
    names: list[str] = []
    for key, events in found.items():
        names += [f"{key}@{event}" for event in events] if events else [key]
    return _limited(names)


def _limited(names: Iterable[str]) -> tuple[str, ...]:
    unique = tuple(dict.fromkeys(names))
    if len(unique) > MAX_STREAMS:
        raise Refused(400, f"more than {MAX_STREAMS} streams")
    return unique


# Control messages


_METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")


class Session:
    """The control side of one connection: its streams and its ``combined`` property."""

    def __init__(self, opened: Opening, house: House | None = None) -> None:
        self.route = opened.route
        self.combined = opened.combined
        self.streams: dict[str, None] = dict.fromkeys(opened.streams)
        self._bare = house is not None and house.bare_errors

    def receive(self, text: bytes) -> Reply:
        """Answer one text message of the client."""
        try:
            message = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            where = f"line {error.lineno} column {error.colno}"
            return self._error(3, f"Invalid JSON: expected value at {where}", close=1008)
        if not isinstance(message, dict):
            return self._invalid("invalid type: expected struct Request")
        if "method" not in message:
            return self._invalid("missing field `method` at line 1 column " + str(len(text)))
        method = message["method"]
        if method not in _METHODS:
            known = ", ".join(f"`{name}`" for name in _METHODS)
            return self._invalid(f"unknown variant `{method}`, expected one of {known}")
        request_id = message.get("id")
        # The page asks for an unsigned integer; the venue's own SDK sends texts and is served.
        if not _is_unsigned(request_id) and not (isinstance(request_id, str) and request_id):
            return self._invalid("request ID must be an unsigned integer")
        if message.keys() - {"method", "params", "id"}:
            return self._invalid("too many parameters")
        return self._do(method, message.get("params"), request_id)

    def _do(self, method: str, params: Any, request_id: Any) -> Reply:
        if method == "LIST_SUBSCRIPTIONS":
            if params:
                return self._invalid("too many parameters")
            return self._result(list(self.streams), request_id)
        if not isinstance(params, list):
            return self._invalid("missing field `params`" if params is None else _SEQUENCE)
        if method == "SET_PROPERTY":
            return self._set_property(params, request_id)
        if method == "GET_PROPERTY":
            return self._get_property(params, request_id)
        if not all(isinstance(name, str) for name in params):
            return self._invalid("invalid type: expected a string")
        if method == "UNSUBSCRIBE":
            removed = tuple(name for name in dict.fromkeys(params) if name in self.streams)
            for name in removed:
                del self.streams[name]
            return self._result(None, request_id, removed=removed)
        added = tuple(name for name in dict.fromkeys(params) if name not in self.streams)
        if len(self.streams) + len(added) > MAX_STREAMS:
            return self._error(2, f"Invalid request: more than {MAX_STREAMS} streams", close=1008)
        self.streams.update(dict.fromkeys(added))
        return self._result(None, request_id, added=added)

    def _set_property(self, params: list[Any], request_id: Any) -> Reply:
        if not params or not isinstance(params[0], str):
            return self._invalid("property name must be a string")
        if len(params) > 2:
            return self._invalid("too many parameters")
        if params[0] != "combined":
            return self._error(0, "Unknown property")
        if len(params) < 2 or not isinstance(params[1], bool):
            return self._error(1, "Invalid value type: expected Boolean")
        self.combined = params[1]
        return self._result(None, request_id)

    def _get_property(self, params: list[Any], request_id: Any) -> Reply:
        if not params or not isinstance(params[0], str):
            return self._invalid("property name must be a string")
        if len(params) > 1:
            return self._invalid("too many parameters")
        if params[0] != "combined":
            return self._error(0, "Unknown property")
        return self._result(self.combined, request_id)

    def _result(
        self,
        result: Any,
        request_id: Any,
        added: tuple[str, ...] = (),
        removed: tuple[str, ...] = (),
    ) -> Reply:
        message = orjson.dumps({"result": result, "id": request_id})
        return Reply(message, added=added, removed=removed)

    def _invalid(self, why: str) -> Reply:
        return self._error(2, f"Invalid request: {why}")

    def _error(self, code: int, text: str, close: int = 0) -> Reply:
        error = {"code": code, "msg": text}
        return Reply(orjson.dumps(error if self._bare else {"error": error}), close)


_SEQUENCE = "invalid type: expected a sequence"


def _is_unsigned(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**64


def refusal(refused: Refused) -> bytes:
    return error_body(-1, str(refused))


GAP_MS = 200
"""Several messages of a depth stream at any speed."""


def mishaps(symbol: str) -> tuple[Mishap, ...]:
    """What follows the lost messages does not fit; the next new order is executed, unanswered."""
    stall = {"kind": "stall", "stream": f"{symbol.lower()}@depth*", "ms": GAP_MS}
    return (Mishap((stall, {"kind": "lost", "path": "/fapi/v1/order", "method": "POST"})),)


SIM = VenueSim(
    folder="binance_usdm",
    mishaps=mishaps,
    sockets=SocketRules(
        ping_s=180.0, pong_s=600.0, lifetime_s=24 * 3600.0, messages_per_s=10, connects=300
    ),
    api_route=API,
    weight_limit=WEIGHT_LIMIT,
    snapshot_levels=1000,
    listings=LISTINGS,
    statuses=sim_rest.STATUSES,
    opening=opening,
    refusal=refusal,
    serves=sim_rest.serves,
    session=Session,
    stream=stream,
    feed=sim_streams.feed,
    texts=lambda symbol, *numbers: Texts(*numbers),
    frames=Frames(
        names=names,
        depth=depth_update,
        bbo=book_ticker,
        trade=trade,
        agg_trade=agg_trade,
        mark=mark_price,
    ),
    snapshot=sim_rest.depth_body,
    wrapped=wrapped,
    rest=sim_rest.Rest,
    exchange_info=sim_rest.exchange_info,
    order_refusal=sim_refusals.answer,
    rules=sim_rules.rules,
    contracts=sim_rest.contracts,
    funds={"USDT": 100_000 * 100_000_000},
    promised=sim_rest.weight_limit,
    tape=sim_tape.TAPE,
)
