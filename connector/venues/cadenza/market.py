"""Cadenza market data: publications of its channels in, events out.

Pure: bytes in, records out. No schema is binding: a book comes in six shapes and trades in none
that anybody wrote down, so what a publication is shows in its keys. What it is of is the channel's
name, never the payload's. ``decode`` is the oracle of the compiled codec.

Books carry no number. Where the channel keeps history a publication's ``offset`` numbers it and
follows the one before; else its events have id 0 and are numbered as they come."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

import msgspec
from msgspec import Raw, Struct

from connector._speedups.decimal import parse
from connector.model.instrument import Instrument
from connector.protocol import centrifugo_frames as frames
from connector.protocol.centrifugo_frames import NOTHING, Publication
from connector.venues.cadenza import figures
from connector.venues.contract import (
    Book,
    Depth,
    Event,
    Scales,
    Snapshot,
    Trade,
    UnknownEvent,
    UnknownSymbol,
    Unreadable,
    Voided,
)

MS_NS = 1_000_000
LARGEST = 2**63 - 1
LATEST_MS = LARGEST // MS_NS
BUY, SELL = 1, 2
SIDES = {"BUY": BUY, "SELL": SELL, "BID": BUY, "ASK": SELL}
UNKNOWN_SIDE = 0
MARKET_TRADE = 1
INDEX_BITS = 10
"""A trade's id is the publication's offset, shifted by so many bits, and its place in it."""
BOOKS = ("market:orderBook:", "market:orderbook:")
"""How the channels of books begin: the published page's spelling, and that of today's clients."""
TRADES = "market:trade:"

PLAIN = {None, "", "L2", "L2_COUNTED"}
SUMMED = {"L2_EXCHANGE", "L3", "L3_COUNTED"}
"""Several rows may be of one price; a change of one row says nothing of the others."""
WHOLE = {"SNAPSHOT", "snapshot"}
CHANGES = {"DIFF", "update"}


class BookData(Struct, rename="camel"):
    """Any shape of a book, its numbers undecoded."""

    instrument_id: str | None = None
    bids: Raw = NOTHING
    asks: Raw = NOTHING
    update_type: str | None = None
    type: str | None = None
    order_book_type: str | None = None
    columns: list[str] | None = None
    timestamp: int | str | None = None
    data: Raw = NOTHING


class TradeData(Struct, rename="camel"):
    """Any shape of a trade, its numbers undecoded."""

    price: Raw = NOTHING
    executed_price: Raw = NOTHING
    quantity: Raw = NOTHING
    executed_quantity: Raw = NOTHING
    size: Raw = NOTHING
    amount: Raw = NOTHING
    side: str | None = None
    order_side: str | None = None
    timestamp: int | str | None = None
    executed_at: int | str | None = None
    time: int | str | None = None


class SequenceData(Struct, rename="camel"):
    """What earlier books were numbered by, and whether it is a change."""

    sequence_number: int | None = None
    update_type: str | None = None
    type: str | None = None
    data: Raw = NOTHING


class BookAnswer(Struct):
    errno: int = 0
    data: Raw = NOTHING


_BOOK = msgspec.json.Decoder(BookData)
_TRADE = msgspec.json.Decoder(TradeData)
_SEQUENCE = msgspec.json.Decoder(SequenceData)
_ANSWER = msgspec.json.Decoder(BookAnswer)
_RAWS = msgspec.json.Decoder(list[Raw])
_KEYS = msgspec.json.Decoder(dict[str, Raw])
_TEXT = msgspec.json.Decoder(str)
_ROW = msgspec.json.Decoder(tuple[Raw, ...])


# Channels


def symbol_of(channel: str) -> tuple[str, str]:
    """What a channel brings, ``book``, ``trade``, ``ticker`` or ``kline_1m`` and so on, and the
    symbol; "" for every other one."""
    for head in BOOKS:
        if channel.startswith(head):
            return "book", channel[len(head) :]
    if channel.startswith(TRADES):
        return "trade", channel[len(TRADES) :]
    return figures.kind_of(channel)


def decode(frame: bytes, scales: Scales) -> list[Event]:
    """What the publications of a frame say, those a subscription recovers among them; raises
    ValueError on what is no frame. Replies and pings are the dialogue's."""
    events: list[Event] = []
    for line in frame.split(b"\n"):
        if not line.strip():
            continue
        reply = frames.decode(line)
        if reply.push is not None and reply.push.pub is not None:
            events += published(reply.push.channel, reply.push.pub, scales)
    return events


def published(channel: str, one: Publication, scales: Scales) -> list[Event]:
    """The events of a publication; never raises. A book of which one cannot be read is void."""
    kind, symbol = symbol_of(channel)
    if not kind:
        return [UnknownEvent(channel.rpartition(":")[0] or channel)]
    instrument = scales(symbol)
    if instrument is None:
        return [UnknownSymbol(symbol, kind)]
    data = bytes(one.data)
    try:
        if not 0 <= one.offset <= LARGEST >> INDEX_BITS:
            raise ValueError(f"offset: {one.offset} is none")
        if kind == "trade":
            return list(trades(data, one.offset, one.time, instrument))
        if kind == "ticker":
            return figures.ticker(data, one.offset, instrument, _scaled)
        if kind != "book":
            return figures.klines(kind, data, one.offset, instrument, _scaled)
        return [book(data, one.offset, instrument)]
    except (ValueError, RecursionError) as error:
        fault = Unreadable(f"{symbol}: {error}: {data[:200]!r}")
        return [fault, Voided(symbol, str(error))] if kind == "book" else [fault]


# Books


def book(data: bytes, offset: int, one: Instrument) -> Event:
    """A book or its change; raises ValueError naming what is wrong with it."""
    found, bids, asks = _sides(data, one)
    kind = found.update_type or found.type or "SNAPSHOT"
    if kind == "DELTA":
        return Voided(one.symbol, "updateType DELTA says nothing that can be applied")
    stamp_ns = _stamp(found.timestamp)
    if kind in WHOLE:
        return Book(one.symbol, offset, stamp_ns, 0, *_sorted(bids, asks))
    if kind not in CHANGES:
        raise ValueError(f"updateType: {kind!r} is none")
    if found.order_book_type in SUMMED:
        raise ValueError(f"a change of a book of type {found.order_book_type}")
    before = max(0, offset - 1)
    return Depth(one.symbol, offset, offset, before, stamp_ns, stamp_ns, bids, asks)


def sequence(data: bytes) -> tuple[int, bool] | None:
    """The number of a book that has one of its own, and whether it is a change of the one before;
    None: it has none, as all have that the page or today's clients know."""
    if b'"sequenceNumber"' not in data:
        return None
    try:
        found = _SEQUENCE.decode(data)
        if found.sequence_number is None and bytes(found.data).startswith(b"{"):
            found = _SEQUENCE.decode(found.data)
    except (ValueError, RecursionError):
        return None
    if found.sequence_number is None:
        return None
    return found.sequence_number, (found.update_type or found.type) in CHANGES


def snapshot(body: bytes, instrument: Instrument) -> Snapshot:
    """Decode a book that was asked for; it has no id of its own: 0. Raises ValueError."""
    try:
        answer = _ANSWER.decode(body)
        if answer.errno or not bytes(answer.data).startswith(b"{"):
            raise ValueError("no data")
        found, bids, asks = _sides(bytes(answer.data), instrument)
        if found.instrument_id not in (None, "", instrument.symbol):
            raise ValueError(f"the book of {found.instrument_id}")
        kind = found.update_type or found.type or "SNAPSHOT"
        if kind not in WHOLE:
            raise ValueError(f"updateType: {kind!r} is no whole book")
        return Snapshot(0, _stamp(found.timestamp), *_sorted(bids, asks))
    except (RecursionError, ValueError) as error:
        raise ValueError(f"{instrument.symbol}: book answer: {error}") from None


def _sides(data: bytes, one: Instrument) -> tuple[BookData, list[int], list[int]]:
    """A book out of what is wrapped around it, and its sides, flat, as they are written."""
    found = _BOOK.decode(data)
    if not (bytes(found.bids) or bytes(found.asks)) and bytes(found.data).startswith(b"{"):
        found = _BOOK.decode(found.data)
    if not bytes(found.bids) or not bytes(found.asks):
        raise ValueError("no bids and asks")
    if found.order_book_type not in PLAIN | SUMMED:
        raise ValueError(f"a book of type {found.order_book_type}")
    columns = ["price", "quantity"] if found.columns is None else found.columns
    places = [index for index, name in enumerate(columns) if name in ("price", "quantity")]
    if sorted(columns[index] for index in places) != ["price", "quantity"]:
        raise ValueError(f"columns: {columns!r} name no price and quantity")
    place = {columns[index]: index for index in places}
    summed = found.order_book_type in SUMMED
    change = (found.update_type or found.type) in CHANGES
    bids, asks = (
        # Nothing of a side has changed; a whole book without one is none.
        [] if change and bytes(raw) == b"null" else _side(raw, name, place, one, summed)
        for raw, name in ((found.bids, "bids"), (found.asks, "asks"))
    )
    return found, bids, asks


def _side(
    raw: Raw, name: str, place: Mapping[str, int], one: Instrument, summed: bool
) -> list[int]:
    flat: list[int] = []
    for row in _RAWS.decode(raw):
        cells = _cells(row, place, name)
        flat.append(_scaled(cells[0], one.price_exponent, name))
        flat.append(_scaled(cells[1], one.qty_exponent, name))
    if not summed:
        return flat
    sums: dict[int, int] = {}
    for price, qty in zip(flat[::2], flat[1::2], strict=True):
        sums[price] = sums.get(price, 0) + qty
        if sums[price] > LARGEST:
            raise ValueError(f"{name}: a level that does not fit")
    return [number for level in sums.items() for number in level]


def _cells(row: Raw, place: Mapping[str, int], name: str) -> tuple[Raw, Raw]:
    """Price and quantity of a row, which is a list or an object."""
    if bytes(row).startswith(b"{"):
        fields = _KEYS.decode(row)
        if "price" not in fields or "quantity" not in fields:
            raise ValueError(f"{name}: a level without price or quantity")
        return fields["price"], fields["quantity"]
    cells = _ROW.decode(row)
    if len(cells) <= max(place.values()):
        raise ValueError(f"{name}: a level without price or quantity")
    return cells[place["price"]], cells[place["quantity"]]


def _sorted(bids: list[int], asks: list[int]) -> tuple[list[int], list[int]]:
    """Best first, without empty levels; of a price that is there twice the later one counts."""
    sides = []
    for flat, down in ((bids, True), (asks, False)):
        levels = dict(zip(flat[::2], flat[1::2], strict=True))
        kept = sorted(((price, qty) for price, qty in levels.items() if qty), reverse=down)
        sides.append([number for level in kept for number in level])
    return sides[0], sides[1]


# Trades


def trades(data: bytes, offset: int, time_ms: int, one: Instrument) -> Iterable[Trade]:
    """The trades of a publication, whatever is around them; one that no number tells apart has
    id 0."""
    rows = _trade_rows(data)
    if len(rows) > 1 << INDEX_BITS:
        raise ValueError("more trades than can be numbered")
    return [
        _trade(row, offset << INDEX_BITS | index if offset else 0, time_ms, one)
        for index, row in enumerate(rows)
    ]


def _trade_rows(data: bytes) -> list[Raw]:
    if data.lstrip().startswith(b"["):
        return _RAWS.decode(data)
    fields = _KEYS.decode(data)
    for name in ("data", "trades"):
        inner = fields.get(name)
        if inner is not None:
            return _trade_rows(bytes(inner))
    return [Raw(data)]


def _trade(row: Raw, number: int, time_ms: int, one: Instrument) -> Trade:
    found = _TRADE.decode(row)
    price = _first(found.price, found.executed_price)
    qty = _first(found.quantity, found.executed_quantity, found.size, found.amount)
    if not bytes(price) or not bytes(qty):
        raise ValueError("a trade without price or quantity")
    stamps = (found.timestamp, found.executed_at, found.time)
    stamp = next((value for value in stamps if value is not None), time_ms or None)
    stamp_ns = _stamp(stamp) if stamp is not None else 0
    price_e = _scaled(price, one.price_exponent, "price")
    qty_e = _scaled(qty, one.qty_exponent, "quantity")
    word = (found.side or found.order_side or "").upper()
    side = SIDES.get(word, UNKNOWN_SIDE)
    ids = (number, number, number)
    return Trade(
        one.symbol, *ids, stamp_ns, stamp_ns, price_e, qty_e, qty_e, side, False, MARKET_TRADE
    )


def _first(*values: Raw) -> Raw:
    return next((value for value in values if bytes(value)), NOTHING)


# Numbers


def _scaled(value: Raw, exponent: int, name: str) -> int:
    """A decimal text or a JSON number, exact."""
    text = bytes(value)
    try:
        found = parse(_TEXT.decode(text) if text.startswith(b'"') else text.decode(), exponent)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{name}: {text[:40]!r}: {error}") from None
    if not 0 <= found <= LARGEST:
        raise ValueError(f"{name}: {text[:40]!r} is no price or quantity")
    return found


def _stamp(value: int | str | None) -> int:
    """Milliseconds, or a text as RFC 3339 has it, in nanoseconds."""
    if isinstance(value, str):
        moment = datetime.fromisoformat(value)
        since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _BEGUN
        value = (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000
    if value is None or not 0 <= value <= LATEST_MS:
        raise ValueError(f"timestamp: {value!r} is none")
    return value * MS_NS


_BEGUN = datetime(1970, 1, 1, tzinfo=UTC)


# What recordings are searched for


def depth_stream(frame: bytes) -> tuple[str, str]:
    """Symbol and channel of a frame that changes a book."""
    for head in BOOKS:
        start = frame.find(b'"' + head.encode())
        if start >= 0 and b'"pub"' in frame:
            channel = frame[start + 1 :].partition(b'"')[0].decode("utf-8", "replace")
            return channel[len(head) :], channel
    return "", ""
