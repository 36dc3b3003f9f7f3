"""How books are asked for over REST, and what recordings of answers show."""

from typing import Any

import msgspec
from msgspec import Struct

from connector._speedups.decimal import parse_any
from connector.model.instrument import Instrument
from connector.venues.cadenza.endpoints import ENDPOINTS
from connector.venues.cadenza.instruments import EXCHANGE, FINEST
from connector.venues.contract import Request

DEPTH = 50
"""Levels a side that are asked for; the venue gives up to 1,000."""


class Book(Struct):
    """The sides of a book; of its form only that price and quantity come first in a row."""

    bids: list[list[Any]] | None = None
    asks: list[list[Any]] | None = None


class Publication(Struct):
    data: Book | None = None


class Push(Struct):
    pub: Publication | None = None


class Answer(Struct):
    """Of REST, or what a channel brings."""

    data: Book | None = None
    push: Push | None = None


_ANSWER = msgspec.json.Decoder(Answer)


def snapshot_request(instrument: Instrument) -> Request:
    return ENDPOINTS["orderBookGet"].request(instrumentId=instrument.symbol, depth=DEPTH)


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
    found = _ANSWER.decode(frame)
    told = found.push.pub if found.push is not None else None
    book = found.data or (told.data if told is not None else None)
    if book is None:
        book = msgspec.json.decode(frame, type=Book)
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
