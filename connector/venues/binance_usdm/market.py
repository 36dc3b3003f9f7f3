"""Binance USD-M market data: stream names and control messages out, events in.

Pure: bytes in, records out. ``decode`` is total and exact; the compiled codec is tested against it
and hands it every frame that is not the common case."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Raw

from connector.model.instrument import MARK_EXPONENT, RATE_EXPONENT, Instrument
from connector.model.records import DepthViewKind
from connector.venues.binance_usdm import schemas, streams
from connector.venues.binance_usdm.schemas import (
    integer,
    nanoseconds,
    number,
    optional,
    text,
    truth,
)
from connector.venues.channels import CONTINUOUS_KLINES, DEPTH_VIEWS, KLINES
from connector.venues.contract import (
    Bbo,
    Channel,
    Control,
    Depth,
    Event,
    MarkPrice,
    Scales,
    Snapshot,
    Subscription,
    Trade,
    UnknownEvent,
    UnknownSymbol,
    Unreadable,
)
from connector.venues.inquiry import Form, Inquiry

SECOND_NS = 1_000_000_000
BUY, SELL = 1, 2
MARKET_TRADE, OTHER_TRADE = 1, 2
USDM = "1"
"""``st`` of this market's symbols; a COIN-M symbol (2) of an equal name is another instrument."""
FATAL_CONTROL = 3
"""Control error 3, "Invalid JSON": the venue closes the connection after it."""

DEPTH_SPEEDS_NS = {
    "0ms": 0,
    "100ms": 100_000_000,
    "250ms": 250_000_000,
    "500ms": 500_000_000,
}
MARK_PRICE_SPEEDS_NS = {"1s": SECOND_NS, "3s": 3 * SECOND_NS}
QUIET_NS = {
    Channel.DEPTH: 15 * SECOND_NS,
    Channel.BBO: 60 * SECOND_NS,
    Channel.MARK_PRICE: 10 * SECOND_NS,
    Channel.ASSET_INDEX: 10 * SECOND_NS,
    Channel.COMPOSITE_INDEX: 10 * SECOND_NS,
    Channel.MARKET_HOURS: 10 * SECOND_NS,
    Channel.HIDDEN_DEPTH: 15 * SECOND_NS,
    **dict.fromkeys(DEPTH_VIEWS, 15 * SECOND_NS),
}
"""The others come with trades, of which a market may have none for hours, or more rarely still."""
NOT_OF_ALL = {Channel.ASSET_INDEX, Channel.COMPOSITE_INDEX}
"""The venue grants the streams of symbols that have none, too: their silence says nothing."""
SUFFIXES = {
    Channel.BBO: "bookTicker",
    Channel.TRADE: "trade",
    Channel.AGG_TRADE: "aggTrade",
    Channel.TICKER: "ticker",
    Channel.MINI_TICKER: "miniTicker",
    Channel.LIQUIDATION: "forceOrder",
    Channel.COMPOSITE_INDEX: "compositeIndex",
    Channel.HIDDEN_DEPTH: "rpiDepth@500ms",
    **{channel: f"kline_{interval}" for channel, interval in KLINES.items()},
}
WHOLE_MARKET = {
    Channel.MARK_PRICE: "!markPrice@arr",
    Channel.TICKER: "!ticker@arr",
    Channel.MINI_TICKER: "!miniTicker@arr",
    Channel.BBO: "!bookTicker",
    Channel.LIQUIDATION: "!forceOrder@arr",
    Channel.ASSET_INDEX: "!assetIndex@arr",
    Channel.CONTRACT: "!contractInfo",
    Channel.MARKET_HOURS: "tradingSession",
}
"""Streams of all symbols at once; the last two have no others."""
PERIODS_NS = {
    Channel.TICKER: 2 * SECOND_NS,
    Channel.MINI_TICKER: 2 * SECOND_NS,
    Channel.LIQUIDATION: SECOND_NS,
    Channel.ASSET_INDEX: SECOND_NS,
    Channel.COMPOSITE_INDEX: SECOND_NS,
    Channel.MARKET_HOURS: SECOND_NS,
    Channel.HIDDEN_DEPTH: SECOND_NS // 2,
    **dict.fromkeys([*KLINES, *CONTINUOUS_KLINES], SECOND_NS // 4),
}
OPTIONS = {"depth_speed", "mark_price_speed", "depth_view_speed", "whole_market", "quiet_ms"}

_FRAME = msgspec.json.Decoder(schemas.Frame)
_LIST = msgspec.json.Decoder(list[Raw])
_DEPTH = msgspec.json.Decoder(schemas.DepthUpdate)
_BOOK_TICKER = msgspec.json.Decoder(schemas.BookTicker)
_TRADE = msgspec.json.Decoder(schemas.TradeEvent)
_AGG_TRADE = msgspec.json.Decoder(schemas.AggTradeEvent)
_MARK_PRICE = msgspec.json.Decoder(schemas.MarkPriceUpdate)
_SNAPSHOT = msgspec.json.Decoder(schemas.DepthSnapshot)
_ERROR = msgspec.json.Decoder(schemas.ErrorBody)
_ANY = msgspec.json.Decoder()


def subscription(
    instrument: Instrument, channel: Channel, options: Mapping[str, Any]
) -> Subscription:
    """The stream that carries ``channel``.

    Options: ``depth_speed``, ``mark_price_speed``, ``depth_view_speed`` and ``whole_market`` as in
    the venue's section, ``quiet_ms`` after which the stream counts as stale (0: never)."""
    unknown = set(options) - OPTIONS
    if unknown:
        raise ValueError(f"{instrument.symbol}: unknown option {sorted(unknown)[0]!r}")
    stream, period_ns, about = _stream(instrument, channel, options)
    usual_ns = QUIET_NS.get(channel, 0)
    quiet_ns = int(options.get("quiet_ms", usual_ns // 1_000_000)) * 1_000_000
    sparse = not usual_ns or channel in NOT_OF_ALL
    return Subscription(instrument.symbol, channel, stream, quiet_ns, period_ns, sparse, about)


def _stream(
    instrument: Instrument, channel: Channel, options: Mapping[str, Any]
) -> tuple[str, int, str]:
    """The stream's name, its pace, and what its messages name in place of the symbol."""
    symbol, period_ns = instrument.symbol.lower(), PERIODS_NS.get(channel, 0)
    whole = channel.value in options.get("whole_market", ())
    if channel in CONTINUOUS_KLINES:
        if not instrument.series:
            raise ValueError(f"{instrument.symbol}: not one of a pair's series of contracts")
        pair = instrument.symbol.partition("_")[0]
        name = f"{pair.lower()}_{instrument.series.lower()}"
        about = streams.continuous(pair, instrument.series)
        return f"{name}@continuousKline_{CONTINUOUS_KLINES[channel]}", period_ns, about
    if channel is Channel.DEPTH:
        speed = options.get("depth_speed", "0ms")
        # 250 ms is the plain stream's own pace and has no suffix.
        kind = "depth" if speed == "250ms" else f"depth@{speed}"
        return f"{symbol}@{kind}", DEPTH_SPEEDS_NS[speed], ""
    if channel in DEPTH_VIEWS:
        speed = options.get("depth_view_speed", "250ms")
        kind = f"depth{DEPTH_VIEWS[channel]}" + ("" if speed == "250ms" else f"@{speed}")
        return f"{symbol}@{kind}", DEPTH_SPEEDS_NS[speed], ""
    if channel is Channel.MARK_PRICE:
        speed = options.get("mark_price_speed", "1s")
        name = WHOLE_MARKET[channel] if whole else f"{symbol}@markPrice"
        name += "" if speed == "3s" else f"@{speed}"
        return name, MARK_PRICE_SPEEDS_NS[speed], ""
    if channel is Channel.ASSET_INDEX:
        asset = f"{instrument.base}USD"
        name = WHOLE_MARKET[channel] if whole else f"{asset.lower()}@assetIndex"
        return name, period_ns, streams.asset(asset)
    if channel is Channel.MARKET_HOURS:
        return WHOLE_MARKET[channel], period_ns, streams.MARKET_HOURS
    if whole or channel is Channel.CONTRACT:
        return WHOLE_MARKET[channel], 5 * SECOND_NS if channel is Channel.BBO else period_ns, ""
    return f"{symbol}@{SUFFIXES[channel]}", period_ns, ""


def subscribe(names: Sequence[str], request_id: int) -> bytes:
    return _control("SUBSCRIBE", names, request_id)


def unsubscribe(names: Sequence[str], request_id: int) -> bytes:
    return _control("UNSUBSCRIBE", names, request_id)


def _ask_streams(request_id: int) -> bytes:
    return msgspec.json.encode({"method": "LIST_SUBSCRIPTIONS", "id": request_id})


def _streams(result: Any) -> frozenset[str]:
    if not isinstance(result, list) or not set(map(type, result)) <= {str}:
        raise ValueError(f"not a list of streams: {str(result)[:200]}")
    return frozenset(result)


def _ask_combined(request_id: int) -> bytes:
    params = ["combined"]
    return msgspec.json.encode({"method": "GET_PROPERTY", "params": params, "id": request_id})


def _combined(result: Any) -> bool:
    if not isinstance(result, bool):
        raise ValueError(f"combined is neither true nor false: {str(result)[:200]}")
    return result


def _set_combined(request_id: int) -> bytes:
    params = ["combined", True]
    return msgspec.json.encode({"method": "SET_PROPERTY", "params": params, "id": request_id})


def _kind(name: str) -> str:
    """Symbol and kind. The venue lists names as they were asked for, those it does not know
    included, as far as anybody has seen; nobody has promised that it names a pace that is its own
    choice (``@depth@0ms``, ``@markPrice@3s``), or the symbol in lower case."""
    symbol, _, rest = name.partition("@")
    return f"{symbol.lower()}@{rest.partition('@')[0]}"


# Bare messages of other depth streams cannot be told from those that change the book.
INQUIRY = Inquiry(_ask_streams, _streams, _kind, Form(_ask_combined, _combined, _set_combined))


def _control(method: str, names: Sequence[str], request_id: int) -> bytes:
    return msgspec.json.encode({"method": method, "params": list(names), "id": request_id})


def snapshot(body: bytes, instrument: Instrument) -> Snapshot:
    """Decode a depth answer (R3); raises ValueError naming what is wrong."""
    try:
        found = _SNAPSHOT.decode(body)
        return Snapshot(
            integer(found.lastUpdateId, "lastUpdateId"),
            nanoseconds(found.E, "E"),
            _side(found.bids, instrument, "bids"),
            _side(found.asks, instrument, "asks"),
        )
    except RecursionError:
        raise ValueError(f"{instrument.symbol}: depth answer nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"{instrument.symbol}: depth answer: {error}") from None


def decode(frame: bytes, scales: Scales) -> Event | list[Event]:
    """Everything a market connection may bring, as events; raises ValueError on what is none."""
    try:
        if frame.lstrip()[:1] == b"[":
            return _each(Raw(frame), "", scales)
        outer = _FRAME.decode(frame)
        if bytes(outer.data):
            if bytes(outer.data)[:1] == b"[":
                return _each(outer.data, outer.stream, scales)
            inner = _FRAME.decode(outer.data)
            return _event(inner, outer.data, outer.stream, scales)
        if outer.e:
            return _event(outer, Raw(frame), outer.stream, scales)
        return _answer(outer)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _each(rows: Raw, stream: str, scales: Scales) -> list[Event]:
    events: list[Event] = []
    for row in _LIST.decode(rows):
        try:
            found = _event(_FRAME.decode(row), row, stream, scales)
        except ValueError as error:
            found = Unreadable(f"{error}: {bytes(row)[:200]!r}")
        events += found if isinstance(found, list) else [found]
    return events


def _event(head: schemas.Frame, payload: Raw, stream: str, scales: Scales) -> Event | list[Event]:
    found = _known(head, payload, stream, scales)
    if stream.startswith("!") and isinstance(found, UnknownSymbol):
        return []  # of all symbols: what is not configured is no news
    return found


def _known(head: schemas.Frame, payload: Raw, stream: str, scales: Scales) -> Event:
    kind = head.e
    decoder = _EVENTS.get(kind)
    if decoder is None:
        return UnknownEvent(kind or stream.partition("@")[2] or "?")
    beside = kind == "depthUpdate" and other_depth(stream)
    view = _VIEWS.get(stream.partition("@")[2].partition("@")[0]) if beside else None
    if beside and view is None:
        return UnknownEvent(stream.partition("@")[2])
    if text(head.st) not in ("", USDM):
        return UnknownSymbol(text(head.s), kind)
    try:
        found = decoder(payload, scales)
    except ValueError as error:
        raise ValueError(f"{kind}: {error}") from None
    return found if view is None else streams.view(found, *view)


def other_depth(stream: str) -> bool:
    """Whether a stream of depthUpdate events is not the diff stream.

    ``@depth20`` brings a whole top each time and ``@rpiDepth`` other orders: neither may change
    the book."""
    name = stream.partition("@")[2]
    return bool(name) and name != "depth" and not name.startswith("depth@")


def _answer(outer: schemas.Frame) -> Control:
    """A control reply, or an error bare (``{"code","msg"}``) or wrapped (``{"error":{…}}``)."""
    request = text(outer.id)
    request_id = int(request) if request.isascii() and request.isdigit() else None
    code, message = outer.code, outer.msg
    if bytes(outer.error) not in (b"", b"null"):
        error = _ERROR.decode(outer.error)
        code, message = error.code, error.msg
    if text(code):
        number_ = integer(code, "code")
        return Control(request_id, False, number_ == FATAL_CONTROL, f"{number_}: {message}")
    if not bytes(outer.result):
        raise ValueError("neither an event nor the answer to a control message")
    return Control(request_id, True, result=_ANY.decode(outer.result))


def _depth(payload: Raw, scales: Scales) -> Event:
    found = _DEPTH.decode(payload)
    instrument = scales(found.s)
    if instrument is None:
        return UnknownSymbol(found.s, "depthUpdate")
    return Depth(
        found.s,
        integer(found.U, "U"),
        integer(found.u, "u"),
        integer(found.pu, "pu"),
        nanoseconds(found.E, "E"),
        nanoseconds(found.T, "T"),
        _side(found.b, instrument, "b"),
        _side(found.a, instrument, "a"),
    )


def _side(levels: list[list[Raw]], instrument: Instrument, name: str) -> list[int]:
    flat: list[int] = []
    for level in levels:
        if len(level) < 2:
            raise ValueError(f"{name}: a level without price or quantity")
        price_e = number(level[0], instrument.price_exponent, f"{name} price")
        qty_e = number(level[1], instrument.qty_exponent, f"{name} quantity")
        if price_e < 0 or qty_e < 0:
            raise ValueError(f"{name}: a level below zero")
        flat += (price_e, qty_e)
    return flat


def _book_ticker(payload: Raw, scales: Scales) -> Event:
    found = _BOOK_TICKER.decode(payload)
    instrument = scales(found.s)
    if instrument is None:
        return UnknownSymbol(found.s, "bookTicker")
    return Bbo(
        found.s,
        integer(found.u, "u"),
        nanoseconds(found.E, "E"),
        nanoseconds(found.T, "T"),
        optional(found.b, instrument.price_exponent, "b"),
        optional(found.B, instrument.qty_exponent, "B"),
        optional(found.a, instrument.price_exponent, "a"),
        optional(found.A, instrument.qty_exponent, "A"),
    )


def _trade(payload: Raw, scales: Scales) -> Event:
    found = _TRADE.decode(payload)
    instrument = scales(found.s)
    if instrument is None:
        return UnknownSymbol(found.s, "trade")
    trade_id = integer(found.t, "t")
    qty_e = number(found.q, instrument.qty_exponent, "q")
    return Trade(
        found.s,
        trade_id,
        trade_id,
        trade_id,
        nanoseconds(found.E, "E"),
        nanoseconds(found.T, "T"),
        number(found.p, instrument.price_exponent, "p"),
        qty_e,
        qty_e,
        SELL if truth(found.m, "m") else BUY,  # m: the buyer was the maker
        False,
        MARKET_TRADE if found.X == "MARKET" else OTHER_TRADE,
    )


def _agg_trade(payload: Raw, scales: Scales) -> Event:
    found = _AGG_TRADE.decode(payload)
    instrument = scales(found.s)
    if instrument is None:
        return UnknownSymbol(found.s, "aggTrade")
    qty_e = number(found.q, instrument.qty_exponent, "q")
    return Trade(
        found.s,
        integer(found.a, "a"),
        optional(found.f, 0, "f"),
        optional(found.l, 0, "l"),
        nanoseconds(found.E, "E"),
        nanoseconds(found.T, "T"),
        number(found.p, instrument.price_exponent, "p"),
        qty_e,
        # nq came in 2025: quantity without RPI orders.
        number(found.nq, instrument.qty_exponent, "nq") if text(found.nq) else qty_e,
        SELL if truth(found.m, "m") else BUY,
        True,
        MARKET_TRADE,
    )


def _mark_price(payload: Raw, scales: Scales) -> Event:
    found = _MARK_PRICE.decode(payload)
    if scales(found.s) is None:
        return UnknownSymbol(found.s, "markPriceUpdate")
    return MarkPrice(
        found.s,
        nanoseconds(found.E, "E"),
        number(found.p, MARK_EXPONENT, "p"),
        optional(found.i, MARK_EXPONENT, "i"),
        optional(found.P, MARK_EXPONENT, "P"),
        optional(found.ap, MARK_EXPONENT, "ap"),
        optional(found.r, RATE_EXPONENT, "r"),
        nanoseconds(found.T, "T"),
    )


_EVENTS: dict[str, Callable[[Raw, Scales], Event]] = {
    "depthUpdate": _depth,
    "bookTicker": _book_ticker,
    "trade": _trade,
    "aggTrade": _agg_trade,
    "markPriceUpdate": _mark_price,
    **streams.EVENTS,
}
_VIEWS = {
    "rpiDepth": (DepthViewKind.HIDDEN, 0),
    **{f"depth{levels}": (DepthViewKind.TOP, levels) for levels in DEPTH_VIEWS.values()},
}
"""Streams of depthUpdate events beside the book's, by what stands behind the symbol."""

_STREAM = re.compile(rb'"stream"\s*:\s*("(?:[^"\\]|\\.)*")')
_SYMBOL = re.compile(rb'"s"\s*:\s*("(?:[^"\\]|\\.)*")')
_HEAD = 400
"""Bytes at the start of a message in which its keys before the levels stand."""


def depth_stream(frame: bytes) -> tuple[str, str]:
    """Symbol and stream name of a frame of the diff stream, both "" for every other frame."""
    if b"depthUpdate" not in frame:
        return "", ""
    stream = _name(_STREAM.search(frame))
    if other_depth(stream):
        return "", ""
    return _name(_SYMBOL.search(frame)), stream


def _name(found: re.Match[bytes] | None) -> str:
    """The text of a JSON string; recorders that write messages anew escape what is not ASCII."""
    if found is None:
        return ""
    if b"\\" in found[1]:
        try:
            return msgspec.json.decode(found[1], type=str)
        except ValueError:
            return ""
    return found[1][1:-1].decode("utf-8", "replace")


def recorded(payload: bytes) -> str:
    """Which endpoint's answer a bare recorded line is, "" for a stream's frame."""
    head = payload[:_HEAD]
    if head.startswith((b'{"stream"', b'{"e"')) or b'"stream"' in head or b'"e"' in head:
        return ""
    if b'"lastUpdateId"' in payload:
        return "depth"
    if b'"symbols"' in payload and b'"filters"' in payload:
        return "exchangeInfo"
    return ""
