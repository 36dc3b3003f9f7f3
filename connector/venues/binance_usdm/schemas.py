"""The shapes of Binance USD-M messages, market side, as tolerant msgspec structs.

Unknown fields are ignored and most fields may be absent. Every number is kept as its raw JSON text:
the venue writes numbers as strings in one place and as numbers in another, and a float would lose
digits. ``number`` and its sisters turn that text into exact integers."""

import msgspec
from msgspec import Raw, Struct, field

from connector._speedups.decimal import parse
from connector.model.instrument import ABSENT

NOTHING = Raw(b"")
MS = 1_000_000
"""Nanoseconds in a millisecond, the venue's unit of time."""
LAST_MS = (2**63 - 1) // MS
"""The last millisecond that fits 64-bit nanoseconds."""


def text(raw: Raw) -> str:
    """The text of a scalar, without quotes; "" when it is absent, null or blank."""
    found = bytes(raw)
    if not found.startswith(b'"'):
        return "" if found == b"null" else found.decode()
    if b"\\" in found:
        return msgspec.json.decode(found, type=str)
    return found[1:-1].decode()


def number(raw: Raw, exponent: int, name: str) -> int:
    """A mandatory number in units of 10**-exponent; raises ValueError naming the field."""
    value = text(raw)
    if not value:
        raise ValueError(f"{name}: missing")
    try:
        return parse(value, exponent)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{name}: {error}") from None


def optional(raw: Raw, exponent: int, name: str) -> int:
    """Like ``number``; ABSENT when the venue did not give it."""
    return number(raw, exponent, name) if text(raw) else ABSENT


def integer(raw: Raw, name: str) -> int:
    """A mandatory whole number."""
    return number(raw, 0, name)


def nanoseconds(raw: Raw, name: str) -> int:
    """A millisecond stamp in nanoseconds; ABSENT when it was not given."""
    if not text(raw):
        return ABSENT
    ms = integer(raw, name)
    if not 0 <= ms <= LAST_MS:
        raise ValueError(f"{name}: {ms} is no time in milliseconds")
    return ms * MS


def truth(raw: Raw, name: str) -> bool:
    """A boolean, spelled as one or as text."""
    match text(raw).lower():
        case "true":
            return True
        case "false":
            return False
    raise ValueError(f"{name}: {bytes(raw)[:40]!r} is neither true nor false")


def decimals(value: str) -> int:
    """How many decimals a number is written with: 2 for ``0.10``, 7 for ``1e-7``."""
    mantissa, _, power = value.lower().partition("e")
    return max(0, len(mantissa.partition(".")[2]) - int(power or 0))


class Frame(Struct):
    """What any WebSocket message may be: a wrapped event, a bare one, or a control answer."""

    stream: str = ""
    data: Raw = NOTHING
    e: str = ""
    s: Raw = NOTHING
    st: Raw = NOTHING
    id: Raw = NOTHING
    result: Raw = NOTHING
    error: Raw = NOTHING
    code: Raw = NOTHING
    msg: str = ""


class ErrorBody(Struct):
    """``{"code", "msg"}``, of REST answers and of control errors."""

    code: Raw = NOTHING
    msg: str = ""


class DepthUpdate(Struct):
    s: str
    U: Raw
    u: Raw
    pu: Raw
    b: list[list[Raw]]
    a: list[list[Raw]]
    E: Raw = NOTHING
    T: Raw = NOTHING
    e: str = ""
    ps: Raw = NOTHING
    st: Raw = NOTHING


class BookTicker(Struct):
    s: str
    u: Raw
    b: Raw
    B: Raw
    a: Raw
    A: Raw
    E: Raw = NOTHING
    T: Raw = NOTHING
    e: str = ""
    ps: Raw = NOTHING
    st: Raw = NOTHING


class TradeEvent(Struct):
    s: str
    t: Raw
    p: Raw
    q: Raw
    m: Raw
    X: str = "MARKET"
    E: Raw = NOTHING
    T: Raw = NOTHING
    e: str = ""
    ps: Raw = NOTHING
    st: Raw = NOTHING


class AggTradeEvent(Struct):
    s: str
    a: Raw
    p: Raw
    q: Raw
    m: Raw
    nq: Raw = NOTHING
    f: Raw = NOTHING
    l: Raw = NOTHING  # noqa: E741  # the venue's key
    E: Raw = NOTHING
    T: Raw = NOTHING
    e: str = ""
    ps: Raw = NOTHING
    st: Raw = NOTHING


class MarkPriceUpdate(Struct):
    s: str
    p: Raw
    i: Raw = NOTHING
    P: Raw = NOTHING
    ap: Raw = NOTHING
    r: Raw = NOTHING
    E: Raw = NOTHING
    T: Raw = NOTHING
    e: str = ""
    ps: Raw = NOTHING
    st: Raw = NOTHING


class DepthSnapshot(Struct):
    """R3; COIN-M answers carry a symbol, too."""

    lastUpdateId: Raw
    bids: list[list[Raw]]
    asks: list[list[Raw]]
    E: Raw = NOTHING
    T: Raw = NOTHING
    symbol: str = ""


class RateLimit(Struct, rename="camel"):
    rate_limit_type: str = ""
    interval: str = ""
    interval_num: Raw = NOTHING
    limit: Raw = NOTHING


class Filter(Struct, rename="camel"):
    """Any filter: the fields of all kinds side by side."""

    filter_type: str = ""
    min_price: Raw = NOTHING
    max_price: Raw = NOTHING
    tick_size: Raw = NOTHING
    min_qty: Raw = NOTHING
    max_qty: Raw = NOTHING
    step_size: Raw = NOTHING
    notional: Raw = NOTHING
    multiplier_up: Raw = NOTHING
    multiplier_down: Raw = NOTHING


class SymbolName(Struct):
    """A symbol's name alone, to tell whose fault a fault is."""

    symbol: str = ""


class SymbolInfo(Struct, rename="camel"):
    symbol: str
    filters: list[Filter]
    price_precision: Raw
    quantity_precision: Raw
    contract_type: str = ""
    status: str = ""
    contract_status: str = ""
    base_asset: str = ""
    quote_asset: str = ""
    margin_asset: str = ""
    contract_size: Raw = NOTHING
    onboard_date: Raw = NOTHING
    delivery_date: Raw = NOTHING


class ExchangeInfo(Struct, rename="camel"):
    """R2; each symbol stays raw, so that one bad symbol does not lose the others."""

    symbols: list[Raw]
    rate_limits: list[RateLimit] = field(default_factory=list)
    server_time: Raw = NOTHING
    timezone: Raw = NOTHING
    futures_type: Raw = NOTHING
    exchange_filters: Raw = NOTHING
    assets: Raw = NOTHING


class NoParams(Struct, forbid_unknown_fields=True):
    pass


class Nothing(Struct):
    """``{}``."""


class ServerTime(Struct, rename="camel"):
    server_time: Raw


class RecentTrade(Struct, rename="camel"):
    """One row of R4."""

    id: Raw
    price: Raw
    qty: Raw
    time: Raw
    is_buyer_maker: Raw
    quote_qty: Raw = NOTHING
    is_rpi_trade: Raw = field(default=NOTHING, name="isRPITrade")


class RecentAggTrade(Struct):
    """One row of R5."""

    a: Raw
    p: Raw
    q: Raw
    T: Raw
    m: Raw
    f: Raw = NOTHING
    l: Raw = NOTHING  # noqa: E741  # the venue's key
    nq: Raw = NOTHING


class PremiumIndex(Struct, rename="camel"):
    """R7."""

    symbol: str
    mark_price: Raw
    index_price: Raw = NOTHING
    estimated_settle_price: Raw = NOTHING
    last_funding_rate: Raw = NOTHING
    interest_rate: Raw = NOTHING
    next_funding_time: Raw = NOTHING
    time: Raw = NOTHING
