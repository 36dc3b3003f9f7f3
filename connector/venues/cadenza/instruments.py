"""Turn the instrument list, or a recording's own numbers, into instruments: sections 9.5 and 14.1
of the reference.

The steps are ``pipSize`` and ``lotSize``; what the venue means by its precisions is not said, and
they are not used. An instrument without a step cannot be traded: it is named and left out.
"""

import re
from collections.abc import Sequence
from urllib.parse import parse_qs

import msgspec
from msgspec import Raw, Struct

from connector._speedups.decimal import parse
from connector.model.instrument import ABSENT, ContractType, Instrument, Status
from connector.protocol.cutting import cut
from connector.venues.cadenza.endpoints import ENDPOINTS
from connector.venues.contract import Listing, Pieces, Request

EXCHANGE = "Cadenza"
LARGEST = 2**62
"""No scaled number may reach it: sums and differences of two still fit 64 bits."""
SYMBOL_BYTES = 63
FINEST = 8
"""Decimals of prices and quantities, and more where the venue's steps are finer; they do not follow
a later step."""
DEEPEST = 12
LONGEST = 18
"""Digits of a whole number that says no more than: none."""

PAGE = 1000
"""Rows that are asked for at once: all the venue gives."""
MOST = 10_000
"""Rows of one venue behind it that are asked for at all."""

STATUS = {
    "ACTIVE": Status.TRADING,
    "INACTIVE": Status.HALTED,
    "DISABLED": Status.HALTED,
    "DELISTED": Status.CLOSED,
}
CONTRACTS = {
    "SPOT": ContractType.SPOT,
    "PERPETUAL": ContractType.PERPETUAL,
    "FUTURES": ContractType.DELIVERY,
    "DELIVERY": ContractType.DELIVERY,
}


class Row(Struct, rename="camel"):
    """An instrument as far as it is used; numbers as they are written."""

    instrument_id: str = ""
    venue: str | None = None
    symbol: str | None = None
    instrument_type: str | None = None
    status: str | None = None
    base_asset: str | None = None
    quote_asset: str | None = None
    lot_size: Raw = Raw(b"")
    pip_size: Raw = Raw(b"")
    min_quantity: Raw = Raw(b"")
    max_quantity: Raw = Raw(b"")
    min_notional: Raw = Raw(b"")
    delivery_date: int | None = None
    order_types: list[str | None] | None = None
    time_in_force_options: list[str | None] | None = None


class Page(Struct, rename="camel"):
    """Where an answer stands in the list."""

    has_next: bool | None = None


class Answer(Struct):
    errno: int = 0
    data: list[Raw] | None = None


_ANSWER = msgspec.json.Decoder(Answer)
_ROW = msgspec.json.Decoder(Row)
_PAGE = msgspec.json.Decoder(Page)
_PAGINATION = re.compile(rb'"pagination"\s*:\s*(\{(?:[^{}"]|"(?:[^"\\]|\\.)*")*\})')


def first_page(venues: Sequence[str]) -> Request:
    """The first request for the instruments of these venues behind it; of all, where none is
    named."""
    named = {"venue": venues[0]} if venues else {}
    return ENDPOINTS["instrumentList"].request(**named, limit=PAGE, offset=0)


def next_page(venues: Sequence[str], request: Request, body: bytes) -> Request | None:
    """The next one: the next page of the same venue, or the first of the next venue."""
    asked = parse_qs(request.query)
    offset = int(asked["offset"][0])
    rows = body.count(b'"instrumentId"')  # each has one
    if _more(body) and rows and offset + rows < MOST:
        named = {"venue": asked["venue"][0]} if "venue" in asked else {}
        return ENDPOINTS["instrumentList"].request(**named, limit=PAGE, offset=offset + rows)
    place = venues.index(asked["venue"][0]) + 1 if "venue" in asked else len(venues)
    return first_page(venues[place:]) if place < len(venues) else None


def _more(body: bytes) -> bool:
    """Whether an answer says that rows follow. Not decoded as a whole: that is done in pieces."""
    place = body.rfind(b'"pagination"')
    found = _PAGINATION.match(body, place) if place >= 0 else None
    return found is not None and _PAGE.decode(found[1]).has_next is True


def instruments(body: bytes) -> Listing:
    """Every instrument of the answer; those at fault as sentences."""
    try:
        answer = _ANSWER.decode(body)
    except RecursionError:
        raise ValueError("instruments: nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"instruments: {error}") from None
    if answer.errno or answer.data is None:
        raise ValueError("instruments: an answer without data")
    found: dict[str, Instrument] = {}
    faults = [_take(raw, index, found) for index, raw in enumerate(answer.data)]
    return Listing(list(found.values()), [fault for fault in faults if fault])


def pieces(body: bytes) -> Pieces:
    """The same with pauses; limits of its own the venue does not list."""
    rows: list[Raw] = []
    try:
        rest = yield from cut(body, {"data": rows}, 1)
        answer = _ANSWER.decode(rest)
    except RecursionError:
        raise ValueError("instruments: nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"instruments: {error}") from None
    if answer.errno or answer.data is None:
        raise ValueError("instruments: an answer without data")
    found: dict[str, Instrument] = {}
    faults = []
    for index, raw in enumerate(rows):
        yield
        fault = _take(raw, index, found)
        if fault:
            faults.append(fault)
    return Listing(list(found.values()), faults), ()


def _take(raw: Raw, index: int, found: dict[str, Instrument]) -> str:
    """Put a row into ``found``; what is wrong with it, "" when nothing is."""
    name = f"data[{index}]"
    try:
        row = _ROW.decode(raw)
        name = row.instrument_id or name
        made = _instrument(row)
    except (ValueError, OverflowError) as error:
        return f"{name}: {error}"
    if made.symbol in found:
        return f"{name}: listed twice"
    found[made.symbol] = made
    return ""


def _instrument(row: Row) -> Instrument:
    symbol = row.instrument_id
    if not symbol or not symbol.isascii() or not symbol.isprintable() or ":" not in symbol:
        raise ValueError("instrumentId: not VENUE:SYMBOL")
    if len(symbol) > SYMBOL_BYTES:
        raise ValueError(f"instrumentId: longer than {SYMBOL_BYTES}")
    tick, step = (_positive(raw, field) for raw, field in
                  ((row.pip_size, "pipSize"), (row.lot_size, "lotSize")))  # fmt: skip
    price_digits, qty_digits = _digits(tick), _digits(step)
    price_exponent, qty_exponent = max(FINEST, price_digits), max(FINEST, qty_digits)
    if max(price_exponent, qty_exponent) > DEEPEST:
        raise ValueError(f"pipSize, lotSize: more than {DEEPEST} decimals")
    return Instrument(
        symbol=symbol,
        exchange=EXCHANGE,
        base=row.base_asset or "",
        quote=row.quote_asset or "",
        margin=row.quote_asset or "",
        contract=CONTRACTS.get(row.instrument_type or "", ContractType.UNKNOWN),
        status=STATUS.get(row.status or "", Status.UNKNOWN),
        price_exponent=price_exponent,
        qty_exponent=qty_exponent,
        price_digits=price_digits,
        qty_digits=qty_digits,
        tick_e=_scaled(tick, price_exponent, "pipSize"),
        step_e=_scaled(step, qty_exponent, "lotSize"),
        min_qty_e=_bound(row.min_quantity, qty_exponent, "minQuantity"),
        max_qty_e=_bound(row.max_quantity, qty_exponent, "maxQuantity"),
        min_notional_e=_bound(row.min_notional, 8, "minNotional"),
        delivery_ns=(row.delivery_date or 0) * 1_000_000,
        order_types=_words(row.order_types),
        times_in_force=_words(row.time_in_force_options),
    )


def _words(found: Sequence[str | None] | None) -> tuple[str, ...]:
    return tuple(one for one in found or () if one)


def _text(raw: Raw) -> str:
    """A decimal as it is written, without quotes; "" when it is absent or null."""
    found = bytes(raw)
    if not found or found == b"null":
        return ""
    return msgspec.json.decode(found, type=str) if found.startswith(b'"') else found.decode()


def _positive(raw: Raw, field: str) -> str:
    value = _text(raw)
    if not value:
        raise ValueError(f"{field}: missing")
    try:
        if parse(value, DEEPEST) <= 0:
            raise ValueError("not above zero")
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{field}: {error}") from None
    return value


def _digits(value: str) -> int:
    """Decimals that count: 2 of ``0.010``."""
    return len(value.partition(".")[2].rstrip("0"))


def _scaled(value: str, exponent: int, field: str) -> int:
    try:
        found = parse(value, exponent)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{field}: {error}") from None
    if abs(found) >= LARGEST:
        raise ValueError(f"{field}: too large")
    return found


def _bound(raw: Raw, exponent: int, field: str) -> int:
    """A bound; none where it is absent, zero or beyond what any order could be."""
    value = _text(raw)
    if not value or (value.isdecimal() and len(value) > LONGEST):
        return ABSENT
    try:
        found = parse(value, exponent)
    except OverflowError:
        return ABSENT
    except ValueError as error:
        raise ValueError(f"{field}: {error}") from None
    return found if 0 < found < LARGEST else ABSENT
