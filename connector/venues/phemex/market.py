"""Phemex market data: control messages out, events in.

Pure: bytes in, records out. ``decode`` is total and exact; the compiled codec is tested against it
and hands it every frame that is not the common case. Prices and sizes of one family are scaled
integers (``book``, ``trades``) and go through as they are: the instrument's exponents are the
product's scales. Those of the other (``orderbook_p``, ``trades_p``) are decimal texts."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Raw

from connector._speedups.decimal import parse
from connector.model.instrument import ABSENT, MARK_EXPONENT, RATE_EXPONENT, Instrument
from connector.venues.contract import (
    Book,
    Channel,
    Control,
    Depth,
    Event,
    History,
    MarkPrice,
    Scales,
    Snapshot,
    Subscription,
    Trade,
    Traded,
    UnknownEvent,
    UnknownSymbol,
    Unreadable,
)
from connector.venues.phemex import schemas, streams
from connector.venues.phemex.numbers import hedged
from connector.venues.phemex.schemas import (
    DecimalLevel,
    DecimalSides,
    Frame,
    Level,
    Sides,
    TradeRow,
    text,
)

SECOND_NS = 1_000_000_000
BUY, SELL = 1, 2
SIDES = {"Buy": BUY, "Sell": SELL}
MARKET_TRADE = 1
Row = Mapping[str, str | None]
"""Of the table of days."""
LARGEST = 2**63 - 1
INDEX_BITS = 10
"""The venue numbers no trades: an id is the message's sequence, shifted by so many bits, and the
place in the message."""
DAY = "market24h"
DECIMAL_DAY = "perp_market24h_pack_p"
SHARED = {DAY, DECIMAL_DAY}
"""One stream for all symbols of a family."""

METHODS = {
    Channel.DEPTH: "orderbook",
    Channel.BBO: "orderbook",
    Channel.TRADE: "trade",
    Channel.MARK_PRICE: DAY,
    Channel.TICKER: DAY,
}
DECIMAL_METHODS = {
    Channel.DEPTH: "orderbook_p",
    Channel.BBO: "orderbook_p",
    Channel.TRADE: "trade_p",
    Channel.MARK_PRICE: DECIMAL_DAY,
    Channel.TICKER: DECIMAL_DAY,
}
"""Of the contracts with decimal texts, which are those of the hedged API."""
# A whole book comes every minute, also of a book that does not change; the day's figures every
# second; a market may go without a trade for hours.
QUIET_NS = {
    Channel.DEPTH: 90 * SECOND_NS,
    Channel.BBO: 90 * SECOND_NS,
    Channel.TRADE: 0,
    Channel.MARK_PRICE: 30 * SECOND_NS,
    Channel.TICKER: 30 * SECOND_NS,
}
SPARSE = {Channel.BBO, Channel.TRADE, Channel.MARK_PRICE, Channel.TICKER}

_FRAME = msgspec.json.Decoder(Frame)
_KEYS = msgspec.json.Decoder(dict[str, Raw])
_ERROR = msgspec.json.Decoder(schemas.Error)
_NAMES = msgspec.json.Decoder(list[str])
_ROWS = msgspec.json.Decoder(list[list[str | None]])
_ANY = msgspec.json.Decoder()
_BOOK = msgspec.json.Decoder(schemas.BookAnswer)


def subscription(
    instrument: Instrument, channel: Channel, options: Mapping[str, Any]
) -> Subscription | tuple[Subscription, ...]:
    """The stream that carries ``channel``: the book's also for the best bid and ask, one for the
    mark prices and the days of all instruments.

    Option: ``quiet_ms`` after which the stream counts as stale (0: never)."""
    unknown = set(options) - {"quiet_ms"}
    if unknown:
        raise ValueError(f"{instrument.symbol}: unknown option {sorted(unknown)[0]!r}")
    quiet_ns = int(options.get("quiet_ms", QUIET_NS.get(channel, 0) // 1_000_000)) * 1_000_000
    family = "_p" if hedged(instrument) else ""
    if channel is Channel.INDEX:
        if not instrument.indexes:
            raise ValueError(f"{instrument.symbol}: the venue names no symbols of its index")
        return tuple(
            Subscription(
                instrument.symbol, channel, f"tick{family}.{name}", quiet_ns, 0, True, name
            )
            for _, name in instrument.indexes
        )
    if channel in streams.KLINE_CHANNELS:
        stream = f"kline{family}.{instrument.symbol}/{streams.KLINE_CHANNELS[channel]}"
        return Subscription(instrument.symbol, channel, stream, quiet_ns, sparse=True)
    method = (DECIMAL_METHODS if hedged(instrument) else METHODS)[channel]
    stream = method if method in SHARED else f"{method}.{instrument.symbol}"
    return Subscription(instrument.symbol, channel, stream, quiet_ns, sparse=channel in SPARSE)


def subscribe(streams: Sequence[str], request_id: int) -> bytes:
    """Ask for one stream: further parameters would be no further symbols."""
    (stream,) = streams
    method, _, about = stream.partition(".")
    symbol, _, interval = about.partition("/")
    params: list[str | int] = [symbol] if symbol else []
    params += [int(interval)] if interval else []
    return msgspec.json.encode(
        {"id": request_id, "method": f"{method}.subscribe", "params": params}
    )


def snapshot(body: bytes, instrument: Instrument) -> Snapshot:
    """Decode a book below /md; raises ValueError naming what is wrong.

    It may come from a cache in front of the venue: no base for the stream's book."""
    try:
        found = _BOOK.decode(body).result
        if found is None:
            raise ValueError("no result")
        sides = _sides(found.book, instrument)
        return Snapshot(_sequence(found.sequence), found.timestamp or ABSENT, *_sorted(*sides))
    except RecursionError:
        raise ValueError(f"{instrument.symbol}: book answer nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"{instrument.symbol}: book answer: {error}") from None


def decode(frame: bytes, scales: Scales) -> Event | list[Event]:
    """Everything a public connection may bring, as events; raises ValueError on what is none."""
    try:
        found = _FRAME.decode(frame)
        for name, decoder in _EVENTS.items():
            if getattr(found, name) is not None:
                try:
                    return decoder(found, scales)
                except ValueError as error:
                    raise ValueError(f"{name}: {error}") from None
        if bytes(found.result) or bytes(found.error):
            return _answer(found)
        if found.method == f"{DECIMAL_DAY}.update":
            return _decimal_day(found, scales)
        return UnknownEvent(found.method or _kind(frame))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _kind(frame: bytes) -> str:
    """The key by which a message is routed that this version does not know."""
    known = {*Frame.__struct_fields__, "dts", "mts"}
    for key in _KEYS.decode(frame):
        if key not in known:
            return key
    raise ValueError("neither an event nor the answer to a control message")


def _answer(found: Frame) -> Control:
    request = text(found.id)
    request_id = int(request) if request.isascii() and request.isdigit() else None
    if bytes(found.error) not in (b"", b"null"):
        error = _ERROR.decode(found.error)
        return Control(request_id, False, message=f"{text(error.code)}: {text(error.message)}")
    return Control(request_id, True, result=_ANY.decode(found.result or Raw(b"null")))


def _sequence(value: int) -> int:
    if not 0 < value <= LARGEST:
        raise ValueError(f"sequence: {value} is none")
    return value


def _stamp(value: int) -> int:
    if not 0 <= value <= LARGEST:
        raise ValueError(f"timestamp: {value} is no time in nanoseconds")
    return value


def _side(levels: list[Level] | list[DecimalLevel], one: Instrument, name: str) -> list[int]:
    flat: list[int] = []
    fault = f"{name}: a level that does not fit"
    for level in levels:
        if len(level) < 2:
            raise ValueError(f"{name}: a level without price or size")
        flat.append(_scaled(level[0], one.price_exponent, fault))
        flat.append(_scaled(level[1], one.qty_exponent, fault))
    return flat


def _scaled(value: int | str, exponent: int, fault: str) -> int:
    """A price or size: an integer as it is, a text by the instrument's scale."""
    try:
        number = parse(value, exponent) if isinstance(value, str) else value
    except ValueError as error:
        raise ValueError(f"{fault}: {error}") from None
    if not 0 <= number <= LARGEST:
        raise ValueError(fault)
    return number


def _sides(book: Sides | DecimalSides, one: Instrument) -> tuple[list[int], list[int]]:
    return _side(book.bids, one, "bids"), _side(book.asks, one, "asks")


def _sorted(bids: list[int], asks: list[int]) -> tuple[list[int], list[int]]:
    """Best first, without empty levels; of a price that is there twice the later one counts."""
    sides = []
    for flat, down in ((bids, True), (asks, False)):
        levels = dict(zip(flat[::2], flat[1::2], strict=True))
        kept = sorted(((price, qty) for price, qty in levels.items() if qty), reverse=down)
        sides.append([number for level in kept for number in level])
    return sides[0], sides[1]


def _book(found: Frame, scales: Scales) -> Event:
    book = found.book or found.orderbook_p
    assert book is not None
    instrument = scales(found.symbol)
    if instrument is None:
        return UnknownSymbol(found.symbol, "book")
    sequence, stamp_ns = _sequence(found.sequence), _stamp(found.timestamp)
    bids, asks = _sides(book, instrument)
    if found.type == "incremental":
        return Depth(found.symbol, sequence, sequence, 0, stamp_ns, stamp_ns, bids, asks)
    if found.type != "snapshot":
        raise ValueError(f"type: {found.type!r} is neither snapshot nor incremental")
    if not 0 <= found.depth < 2**31:
        raise ValueError(f"depth: {found.depth} is no number of levels")
    return Book(found.symbol, sequence, stamp_ns, found.depth, *_sorted(bids, asks))


def _trades(found: Frame, scales: Scales) -> Event | list[Event]:
    rows = found.trades_p if found.trades is None else found.trades
    assert rows is not None
    instrument = scales(found.symbol)
    if instrument is None:
        return UnknownSymbol(found.symbol, "trades")
    if found.type == "snapshot":
        return History(found.symbol)
    if found.type != "incremental":
        raise ValueError(f"type: {found.type!r} is neither snapshot nor incremental")
    sequence = _sequence(found.sequence)
    if len(rows) > 1 << INDEX_BITS or sequence > LARGEST >> INDEX_BITS:
        raise ValueError("more than can be numbered")
    written = str if found.trades is None else int
    trades = [
        _trade(found.symbol, sequence << INDEX_BITS | index, row, written, instrument)
        for index, row in enumerate(rows)
    ]
    return [*trades, *_traded(found.symbol, sequence, trades)]


def _traded(symbol: str, sequence: int, trades: Sequence[Trade]) -> list[Traded]:
    """What the rows say of the book of that sequence, which is the last one's. Rows of both sides
    may have met several books, the last row's side is not known then."""
    prices = [one.price_e for one in trades]
    sides = {one.side for one in trades}
    if not trades:
        return []
    bid_most_e = max(prices) if sides == {SELL} else ABSENT
    ask_least_e = min(prices) if sides == {BUY} else ABSENT
    return [Traded(symbol, sequence, bid_most_e, ask_least_e)]


def _trade(
    symbol: str, trade_id: int, row: TradeRow, written: type[int | str], one: Instrument
) -> Trade:
    if len(row) < 4:
        raise ValueError("a row that is too short")
    stamp_ns, word, price, qty = row[:4]
    side = SIDES.get(word) if isinstance(word, str) else None
    good = isinstance(stamp_ns, int) and isinstance(price, written) and isinstance(qty, written)
    fault = f"a row that is none: {row[:4]!r}"
    if side is None or not good:
        raise ValueError(fault)
    stamp_ns = _scaled(stamp_ns, 0, fault)
    price_e = _scaled(price, one.price_exponent, fault)
    qty_e = _scaled(qty, one.qty_exponent, fault)
    return Trade(
        symbol,
        trade_id,
        trade_id,
        trade_id,
        stamp_ns,
        stamp_ns,
        price_e,
        qty_e,
        qty_e,
        side,
        False,
        MARKET_TRADE,
    )


def _klines(found: Frame, scales: Scales) -> Event | list[Event]:
    rows = found.kline_p if found.kline is None else found.kline
    assert rows is not None
    instrument = scales(found.symbol)
    if instrument is None:
        return UnknownSymbol(found.symbol, "kline")
    written = str if found.kline is None else int
    return streams.klines(rows, found.type, _stamp(found.sequence), instrument, written)


def _tick(found: Frame, scales: Scales) -> Event:
    one = found.tick or found.tick_p
    assert one is not None
    return streams.tick(one, scales)


def _day(found: Frame, scales: Scales) -> Event | list[Event]:
    """The stream brings every symbol the venue has: what is not configured is no news."""
    day = found.market24h
    assert day is not None
    instrument = scales(day.symbol)
    if instrument is None:
        return []
    stamp_ns = _stamp(found.timestamp)
    figures: list[Event]
    try:
        figures = streams.day(day, stamp_ns, instrument)
    except ValueError as error:
        figures = [Unreadable(str(error))]
    if day.mark_price is None:
        return figures
    finer = MARK_EXPONENT - instrument.price_exponent
    rate = RATE_EXPONENT - instrument.ratio_exponent
    price = MarkPrice(
        day.symbol,
        stamp_ns,
        _moved(day.mark_price, finer, "markPrice"),
        _moved(day.index_price, finer, "indexPrice"),
        ABSENT,
        ABSENT,
        _moved(day.funding_rate, rate, "fundingRate"),
        0,
    )
    return [price, *figures] if figures else price


def _decimal_day(found: Frame, scales: Scales) -> list[Event]:
    """The same of the contracts with decimal texts: a table, of all of them first, then of those
    that changed. A row that cannot be read spoils no other."""
    names, stamp_ns = _NAMES.decode(found.fields), _stamp(found.timestamp)
    told: list[Event] = []
    for values in _ROWS.decode(found.data):
        row = dict(zip(names, values, strict=False))
        instrument = scales(row.get("symbol") or "")
        if instrument is not None:
            for read in (_decimal_price, streams.decimal_day):
                try:
                    told += read(row, stamp_ns, instrument)
                except ValueError as error:
                    told.append(Unreadable(str(error)))
    return told


def _decimal_price(row: Row, stamp_ns: int, one: Instrument) -> list[Event]:
    mark, symbol = row.get("markRp"), one.symbol
    if mark is None:
        return []
    prices = (
        _number(mark, MARK_EXPONENT, f"{symbol}: markRp"),
        _number(row.get("indexRp"), MARK_EXPONENT, f"{symbol}: indexRp"),
    )
    rate_e = _number(row.get("fundingRateRr"), RATE_EXPONENT, f"{symbol}: fundingRateRr")
    return [MarkPrice(symbol, stamp_ns, *prices, ABSENT, ABSENT, rate_e, 0)]


def _number(value: str | None, exponent: int, name: str) -> int:
    """A decimal text in our scale. Prices that are computed have more decimals than any order's:
    what is beyond ours is cut off."""
    if not value:
        return ABSENT
    whole, point, fraction = value.partition(".")
    try:
        return parse(f"{whole}{point}{fraction[:exponent]}", exponent)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _moved(value: int | None, digits: int, name: str) -> int:
    """A number of the venue's scale in ours, which has so many more decimals; exact or an error."""
    if value is None:
        return ABSENT
    found, rest = divmod(value * int(10 ** max(digits, 0)), int(10 ** max(-digits, 0)))
    if rest or not -LARGEST <= found <= LARGEST:
        raise ValueError(f"{name}: {value} does not fit")
    return found


_EVENTS: dict[str, Callable[[Frame, Scales], Event | list[Event]]] = {
    "book": _book,
    "trades": _trades,
    "orderbook_p": _book,
    "trades_p": _trades,
    "kline": _klines,
    "kline_p": _klines,
    "tick": _tick,
    "tick_p": _tick,
    DAY: _day,
}

_SYMBOL = re.compile(rb'"symbol"\s*:\s*"([^"\\]*)"')
_KIND = re.compile(rb'"type"\s*:\s*"(?:snapshot|incremental)"')


def depth_stream(frame: bytes) -> tuple[str, str]:
    """Symbol and stream name of a frame that changes a book, whole books included."""
    decimal = b'"orderbook_p"' in frame
    known = decimal or b'"book"' in frame
    if not known or not _KIND.search(frame) or b'"result"' in frame:
        return "", ""
    found = _SYMBOL.search(frame)
    symbol = found[1].decode("utf-8", "replace") if found is not None else ""
    return symbol, f"{'orderbook_p' if decimal else 'orderbook'}.{symbol}" if symbol else ""


def recorded(payload: bytes) -> str:
    """Which endpoint's answer a bare recorded line is, "" for a stream's frame."""
    if b'"products"' in payload and b'"priceScale"' in payload:
        return "products"
    if b'"result"' in payload and b'"book"' in payload:
        return "orderbook"
    return ""
