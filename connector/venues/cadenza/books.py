"""Books and instruments as the venue's REST answers and recordings of them show them."""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from connector._speedups.decimal import parse, parse_any
from connector.model.instrument import Instrument
from connector.venues.cadenza.endpoints import ENDPOINTS
from connector.venues.cadenza.instruments import EXCHANGE, FINEST
from connector.venues.contract import Request, Snapshot

MS_NS = 1_000_000
DEPTH = 50
"""Levels a side that are asked for; the venue gives up to 1,000."""
PRICE, QUANTITY = "price", "quantity"
LEVELS = ("L2", "L2_COUNTED", "", None)
"""Kinds of book with one row a price. Of the others several rows may have the same price."""
SUMMED = ("L3", "L3_COUNTED", "L2_EXCHANGE")


class Book(Struct, rename="camel"):
    """Either published form."""

    instrument_id: str | None = None
    venue: str | None = None
    symbol: str | None = None
    order_book_type: str | None = None
    columns: list[str] | None = None
    bids: list[list[Any]] | None = None
    asks: list[list[Any]] | None = None
    timestamp: int | None = None


class Answer(Struct):
    data: Book | None = None


_ANSWER = msgspec.json.Decoder(Answer)


def snapshot_request(instrument: Instrument) -> Request:
    return ENDPOINTS["orderBookGet"].request(instrumentId=instrument.symbol, depth=DEPTH)


def snapshot(body: bytes, instrument: Instrument) -> Snapshot:
    """The book of an answer, its time as its id: the venue counts nothing. Raises ValueError."""
    book = _ANSWER.decode(body).data
    if book is None or book.bids is None or book.asks is None or book.timestamp is None:
        raise ValueError("an answer without a book")
    if book.instrument_id not in (None, "", instrument.symbol):
        raise ValueError(f"the book of {book.instrument_id}, not of {instrument.symbol}")
    bids, asks = (side(book, rows, instrument) for rows in (book.bids, book.asks))
    return Snapshot(book.timestamp, book.timestamp * MS_NS, _flat(bids, True), _flat(asks, False))


def side(book: Book, rows: Sequence[Sequence[Any]], instrument: Instrument) -> dict[int, int]:
    """Quantity by price, scaled; rows of one price are summed where the kind of book has such.
    Raises ValueError."""
    kind = book.order_book_type
    if kind not in LEVELS and kind not in SUMMED:
        raise ValueError(f"a book of kind {kind}")
    columns = book.columns or [PRICE, QUANTITY]
    try:
        price_at, qty_at = columns.index(PRICE), columns.index(QUANTITY)
    except ValueError:
        raise ValueError(f"columns without price and quantity: {columns}") from None
    found: dict[int, int] = {}
    for row in rows:
        if len(row) <= max(price_at, qty_at):
            raise ValueError(f"a row of {len(row)}")
        price_e = parse(str(row[price_at]), instrument.price_exponent)
        qty_e = parse(str(row[qty_at]), instrument.qty_exponent)
        if kind in SUMMED:
            qty_e += found.get(price_e, 0)
        found[price_e] = qty_e
    return found


def _flat(levels: dict[int, int], falling: bool) -> list[int]:
    flat: list[int] = []
    for price_e in sorted(levels, reverse=falling):
        if levels[price_e]:
            flat += (price_e, levels[price_e])
    return flat


def recorded(body: bytes) -> str:
    """The endpoint whose answer a recorded line is; "": none."""
    head = body[:4096]
    if b'"errno"' not in head:
        return ""
    if b'"pipSize"' in head or b'"lotSize"' in head:
        return "instrumentList"
    return "orderBookGet" if b'"bids"' in head or b'"asks"' in head else ""


def wire_instrument(symbol: str, frame: bytes) -> Instrument:
    """An instrument as the text of a book shows it. Raises ValueError."""
    book = _ANSWER.decode(frame).data or msgspec.json.decode(frame, type=Book)
    rows = [*(book.bids or ()), *(book.asks or ())]
    if not rows:
        raise ValueError("a book without levels")
    price_digits = max(len(str(row[0]).partition(".")[2]) for row in rows)
    qty_digits = max(len(str(row[1]).partition(".")[2]) for row in rows)
    for row in rows:
        parse_any(str(row[0]), price_digits)
    price_exponent, qty_exponent = max(FINEST, price_digits), max(FINEST, qty_digits)
    return Instrument(
        symbol=symbol,
        exchange=EXCHANGE,
        price_exponent=price_exponent,
        qty_exponent=qty_exponent,
        price_digits=price_digits,
        qty_digits=qty_digits,
        tick_e=10 ** (price_exponent - price_digits),
        step_e=10 ** (qty_exponent - qty_digits),
    )
