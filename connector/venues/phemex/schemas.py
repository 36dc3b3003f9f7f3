"""The shapes of Phemex messages, market side, as tolerant msgspec structs.

Unknown fields are ignored and most may be absent. Prices, ratios and values come as integers of the
product's scales and go through as they are; the product list has its sizes as numbers or, in 2020,
as texts, so they are kept as their raw JSON text."""

import re
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Raw, Struct

from connector._speedups.decimal import parse

NOTHING = Raw(b"")
Level = list[int]
"""Price and size; what may follow means nothing to us."""
DecimalLevel = list[str]
"""The same of the other family, as texts."""
TradeRow = list[int | str]
"""Time in ns, side of the taker, price, size."""


def text(raw: Raw) -> str:
    """The text of a scalar, without quotes; "" when it is absent, null or blank."""
    found = bytes(raw)
    if not found.startswith(b'"'):
        return "" if found == b"null" else found.decode()
    return msgspec.json.decode(found, type=str)


_NUMBER = re.compile(r"\s*([-+0-9.eE]+)(?:\s+\w+)?\s*")


def number(raw: Raw, exponent: int, name: str) -> int:
    """A number in units of 10**-exponent, a unit behind it (``"1 USD"``, 2020) left out; raises
    ValueError naming the field."""
    value = text(raw)
    if not value:
        raise ValueError(f"{name}: missing")
    found = _NUMBER.fullmatch(value)
    try:
        return parse(found[1] if found else value, exponent)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{name}: {error}") from None


def decimals(value: str) -> int:
    """How many decimals a number is written with: 1 for ``0.5``, 5 for ``1e-5``."""
    mantissa, _, power = value.split()[0].lower().partition("e")
    return max(0, len(mantissa.partition(".")[2]) - int(power or 0))


# WebSocket


class Sides(Struct):
    asks: list[Level] = []
    bids: list[Level] = []


class DecimalSides(Struct):
    asks: list[DecimalLevel] = []
    bids: list[DecimalLevel] = []


class Frame(Struct):
    """What any message of the public stream may be: routed by the key that is there."""

    id: Raw = NOTHING
    result: Raw = NOTHING
    error: Raw = NOTHING
    book: Sides | None = None
    trades: list[TradeRow] | None = None
    orderbook_p: DecimalSides | None = None
    trades_p: list[TradeRow] | None = None
    market24h: "Market24h | None" = None
    tick: "Tick | None" = None
    tick_p: "Tick | None" = None
    kline: list[list[int | str]] | None = None
    kline_p: list[list[int | str]] | None = None
    method: str = ""
    fields: Raw = NOTHING
    data: Raw = NOTHING
    symbol: str = ""
    type: str = ""
    sequence: int = 0
    depth: int = 0
    timestamp: int = 0


class Market24h(Struct, rename="camel"):
    """The last day of one symbol; the prices it is measured by since 2020-03."""

    symbol: str = ""
    open: int | None = None
    high: int | None = None
    low: int | None = None
    close: int | None = None
    volume: int | None = None
    turnover: int | None = None
    open_interest: int | None = None
    index_price: int | None = None
    mark_price: int | None = None
    funding_rate: int | None = None


class Tick(Struct):
    """One number; the other family writes it as a text and names no scale."""

    last: Raw = NOTHING
    scale: int | None = None
    symbol: str = ""
    timestamp: int = 0
    timestmp: int = 0
    """As the document of 2020 spells it."""


class Error(Struct):
    """Of a control message, or of an answer below /md."""

    code: Raw = NOTHING
    message: Raw = NOTHING


# REST


class Product(Struct, rename="camel"):
    """One product, as of 2020 (``settlementCurrency``, own ``valueScale``) and today."""

    symbol: str = ""
    type: str = ""
    status: str = ""
    settle_currency: str = ""
    settlement_currency: str = ""
    quote_currency: str = ""
    underlying_symbol: str = ""
    index_symbol: str = ""
    mark_symbol: str = ""
    funding_rate_symbol: str = ""
    funding_rate8h_symbol: str = msgspec.field(name="fundingRate8hSymbol", default="")
    contract_underlying_assets: str = ""
    contract_size: Raw = NOTHING
    lot_size: Raw = NOTHING
    tick_size: Raw = NOTHING
    price_scale: int = -1
    ratio_scale: int = 8
    value_scale: int | None = None
    price_precision: int | None = None
    min_price_ep: int = 0
    max_price_ep: int = 0
    max_order_qty: int = 0
    qty_step_size: Raw = NOTHING
    min_price_rp: Raw = NOTHING
    max_price_rp: Raw = NOTHING
    max_order_qty_rq: Raw = NOTHING
    min_order_value_rv: Raw = NOTHING


class Name(Struct):
    symbol: str = ""
    type: str = ""


class Currency(Struct, rename="camel"):
    currency: str = ""
    value_scale: int = 8


class Products(Struct):
    products: list[Raw] = []
    decimal: list[Raw] = msgspec.field(name="perpProductsV2", default_factory=list)
    """Contracts with decimal texts; they were among the others once."""
    currencies: list[Currency] = []


class ProductsAnswer(Struct):
    """The envelope; ``data`` was the list itself in 2020."""

    data: Raw = NOTHING


class BookResult(Struct):
    """A book below /md; ``depth`` 0: all levels."""

    book: Sides = msgspec.field(default_factory=Sides)
    symbol: str = ""
    type: str = ""
    sequence: int = 0
    depth: int = 0
    timestamp: int = 0


class BookAnswer(Struct):
    error: Error | None = None
    id: Raw = NOTHING
    result: BookResult | None = None


class TradesResult(Struct):
    symbol: str = ""
    type: str = ""
    sequence: int = 0
    trades: list[TradeRow] = []


class TradesAnswer(Struct):
    error: Error | None = None
    id: Raw = NOTHING
    result: TradesResult | None = None


class DayAnswer(Struct):
    error: Error | None = None
    id: Raw = NOTHING
    result: Market24h | None = None


class DaysAnswer(Struct):
    error: Error | None = None
    id: Raw = NOTHING
    result: list[Raw] = []


class RowsData(Struct):
    """``rows``: candles as lists, rates as objects."""

    total: int = -1
    rows: list[Raw] = []


class RowsAnswer(Struct):
    code: Raw = NOTHING
    msg: Raw = NOTHING
    data: RowsData | None = None


class DecimalBookResult(Struct):
    orderbook_p: DecimalSides = msgspec.field(default_factory=DecimalSides)
    symbol: str = ""
    type: str = ""
    sequence: int = 0
    depth: int = 0
    timestamp: int = 0


class DecimalBookAnswer(Struct):
    error: Error | None = None
    id: Raw = NOTHING
    result: DecimalBookResult | None = None


class DecimalTradesResult(Struct):
    symbol: str = ""
    type: str = ""
    sequence: int = 0
    trades_p: list[TradeRow] = []


class DecimalTradesAnswer(Struct):
    error: Error | None = None
    id: Raw = NOTHING
    result: DecimalTradesResult | None = None


class DecimalDay(Struct, rename="camel"):
    """By the names of the third form; the second says ``indexPriceRp`` and ``markPriceRp``."""

    symbol: str = ""
    index_rp: str | None = None
    mark_rp: str | None = None
    index_price_rp: str | None = None
    mark_price_rp: str | None = None
    funding_rate_rr: str | None = None


class DecimalDayAnswer(Struct):
    error: Error | None = None
    id: Raw = NOTHING
    result: DecimalDay | None = None


class ServerTime(Struct, rename="camel"):
    server_time: int = 0


class TimeAnswer(Struct):
    code: Raw = NOTHING
    msg: Raw = NOTHING
    data: ServerTime | None = None


# Parameters


class NoParams(Struct, forbid_unknown_fields=True):
    pass


class SymbolParams(Struct, forbid_unknown_fields=True):
    symbol: str
    id: int | None = None


class IdParams(Struct, forbid_unknown_fields=True):
    id: int | None = None


Resolution = Literal[60, 300, 900, 1800, 3600, 14400, 86400, 604800, 2592000, 7776000, 31104000]
"""Seconds."""


class KlineParams(Struct, forbid_unknown_fields=True):
    symbol: str
    resolution: Resolution
    limit: Literal[5, 10, 50, 100, 500, 1000] | None = None


class KlineRangeParams(Struct, forbid_unknown_fields=True, rename={"start": "from", "end": "to"}):
    symbol: str
    resolution: Resolution
    start: Annotated[int, Meta(ge=0)]
    """Seconds; candles that begin then or later, and before ``to``."""
    end: Annotated[int, Meta(ge=0)]


class TradeHistoryParams(Struct, forbid_unknown_fields=True):
    """``since``: the id of the last trade that is known; the times are in ms."""

    market: str
    since: Annotated[
        str, Meta(pattern=r"^[0-9]+-[0-9]+-[0-9]+$", description="an id, as 0-0-0")
    ] = "0-0-0"
    start: Annotated[int, Meta(ge=0)] | None = None
    end: Annotated[int, Meta(ge=0)] | None = None


class FundingHistoryParams(Struct, forbid_unknown_fields=True):
    symbol: Annotated[str, Meta(pattern=r"^\..+", description="a funding symbol, as .BTCFR8H")]
    start: Annotated[int, Meta(ge=0)] | None = None
    end: Annotated[int, Meta(ge=0)] | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] | None = None


class FundingRatesParams(Struct, forbid_unknown_fields=True, rename="camel"):
    symbol: str | None = None
    page_num: Annotated[int, Meta(ge=1)] | None = None
    page_size: Annotated[int, Meta(ge=1)] | None = None
