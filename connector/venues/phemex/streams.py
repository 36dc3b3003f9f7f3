"""Phemex streams beside book and trades: candles, ticks and the day's figures as events.

Pure, as ``market``, which asks for the streams and hands frames of these keys here. A candle's row
is start, seconds, last close, open, high, low, close, volume, turnover: scaled integers, or decimal
texts of the hedged API. A tick is one number of a symbol of its own (``.BTC``, ``.MBTC``,
``.BTCFR``, ``.BTCFR8H``)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace

from connector._speedups.decimal import parse
from connector.model.instrument import ABSENT, MARK_EXPONENT, RATE_EXPONENT, Instrument
from connector.model.records import IndexKind
from connector.venues.channels import INTERVALS_S, KLINES
from connector.venues.contract import Channel, Event, Index, Kline, Ticker, UnknownSymbol
from connector.venues.phemex.schemas import Market24h, Tick, text

SECOND_NS = 1_000_000_000
INTERVALS = (60, 300, 900, 1800, 3600, 14400, 86400, 604800, 2592000, 7776000, 31104000)
"""Of which the venue has candles; the last three are a month, a quarter and a year."""
KLINE_CHANNELS = {
    channel: INTERVALS_S[name] for channel, name in KLINES.items() if INTERVALS_S[name] in INTERVALS
}
NEWEST = 2
"""Candles that are told of a history: the running one and the one before; more can be asked for by
``klines``."""
MONTHS = {2592000: 1, 7776000: 3, 31104000: 12}
COLUMNS = 9
LARGEST = 2**63 - 1
RATES = {IndexKind.FUNDING_RATE, IndexKind.NEXT_FUNDING_RATE}
MOST_DECIMALS = 18

Cell = int | str


def channels() -> frozenset[Channel]:
    """What this file knows."""
    return frozenset({*KLINE_CHANNELS, Channel.INDEX, Channel.TICKER})


def klines(
    rows: list[list[Cell]], kind: str, sequence: int, one: Instrument, written: type[Cell]
) -> list[Event]:
    """Candles as they come, oldest first; of a history the newest ones."""
    if kind not in ("snapshot", "incremental"):
        raise ValueError(f"type: {kind!r} is neither snapshot nor incremental")
    if kind == "snapshot":
        rows = rows[:NEWEST]  # newest first
    found = sorted(
        (_kline(row, sequence, one, written) for row in rows), key=lambda event: event.open_ns
    )
    if kind == "snapshot":
        found[:-1] = [replace(event, backfill=True) for event in found[:-1]]
    return list[Event](found)


def _kline(row: list[Cell], sequence: int, one: Instrument, written: type[Cell]) -> Kline:
    fault = f"a row that is none: {row[:COLUMNS]!r}"
    start, interval_s = row[:2] if len(row) >= COLUMNS else (None, None)
    if not isinstance(start, int) or interval_s not in INTERVALS or not 0 <= start < 2**33:
        raise ValueError(fault)
    assert isinstance(interval_s, int)
    cells = row[2:COLUMNS]
    if not all(isinstance(cell, written) for cell in cells):
        raise ValueError(fault)
    prices = [_scaled(cell, one.price_exponent, fault) for cell in cells[:5]]
    last_close_e, open_e, high_e, low_e, close_e = prices
    decimal = written is str
    qty_exponent = _decimals(cells[5]) if decimal else one.qty_exponent
    value_exponent = _decimals(cells[6]) if decimal else one.value_exponent
    return Kline(
        symbol=one.symbol,
        venue_ns=0,
        interval_s=interval_s,
        open_ns=start * SECOND_NS,
        end_ns=_end_s(start, interval_s) * SECOND_NS,
        open_e=open_e,
        high_e=high_e,
        low_e=low_e,
        close_e=close_e,
        last_close_e=last_close_e,
        qty_exponent=qty_exponent,
        qty_e=_scaled(cells[5], qty_exponent, fault),
        value_exponent=value_exponent,
        value_e=_scaled(cells[6], value_exponent, fault),
        update_id=sequence,
    )


def _end_s(start: int, interval_s: int) -> int:
    """Where the next one begins: months are the calendar's."""
    months = MONTHS.get(interval_s)
    if months is None:
        return start + interval_s
    begun = datetime.fromtimestamp(start, UTC)
    years, month = divmod(begun.month - 1 + months, 12)
    return int(begun.replace(year=begun.year + years, month=month + 1, day=1).timestamp())


def _decimals(cell: Cell) -> int:
    found = len(str(cell).partition(".")[2])
    if found > MOST_DECIMALS:
        raise ValueError(f"a number of {found} decimals")
    return found


def _scaled(cell: Cell, exponent: int, fault: str) -> int:
    try:
        number = parse(cell, exponent) if isinstance(cell, str) else cell
    except ValueError as error:
        raise ValueError(f"{fault}: {error}") from None
    if not 0 <= number <= LARGEST:
        raise ValueError(fault)
    return number


DAY_COLUMNS = ("openRp", "highRp", "lowRp", "lastRp", "volumeRq")
"""Of the table of days, without which a row says nothing of a day."""


def day(found: Market24h, stamp_ns: int, one: Instrument) -> list[Event]:
    """The last 24 hours in scaled integers; nothing where the message has only prices of now."""
    prices = (found.open, found.high, found.low, found.close)
    if found.volume is None or None in prices:
        return []
    fault = f"{found.symbol}: figures of the day that do not fit"
    open_e, high_e, low_e, last_e = (_scaled(cell or 0, 0, fault) for cell in prices)
    return [
        Ticker(
            symbol=one.symbol,
            venue_ns=stamp_ns,
            open_e=open_e,
            high_e=high_e,
            low_e=low_e,
            last_e=last_e,
            qty_exponent=one.qty_exponent,
            qty_e=_scaled(found.volume, 0, fault),
            open_interest_e=_optional(found.open_interest, 0, fault),
            value_exponent=one.value_exponent,
            value_e=_optional(found.turnover, 0, fault),
        )
    ]


def decimal_day(row: Mapping[str, str | None], stamp_ns: int, one: Instrument) -> list[Event]:
    """The same of a row of the table of days, in decimal texts. What it calls the open interest's
    value (Rv) counts the base, as the volume does."""
    cells = [row.get(name) for name in DAY_COLUMNS]
    if None in cells:
        return []
    *prices, volume = [cell or "" for cell in cells]
    fault = f"{one.symbol}: figures of the day that do not fit"
    open_e, high_e, low_e, last_e = (_scaled(cell, one.price_exponent, fault) for cell in prices)
    interest, turnover = row.get("openInterestRv"), row.get("turnoverRv")
    qty_exponent = max(_decimals(volume), _decimals(interest or ""))
    value_exponent = _decimals(turnover or "")
    return [
        Ticker(
            symbol=one.symbol,
            venue_ns=stamp_ns,
            open_e=open_e,
            high_e=high_e,
            low_e=low_e,
            last_e=last_e,
            qty_exponent=qty_exponent,
            qty_e=_scaled(volume, qty_exponent, fault),
            open_interest_e=_optional(interest, qty_exponent, fault),
            value_exponent=value_exponent,
            value_e=_optional(turnover, value_exponent, fault),
        )
    ]


def _optional(cell: Cell | None, exponent: int, fault: str) -> int:
    return ABSENT if cell is None else _scaled(cell, exponent, fault)


def tick(found: Tick, scales: Any) -> Event:
    """A number the venue computes; what of it is finer than ours is cut off."""
    instrument = scales(found.symbol)
    kinds = (
        [kind for kind, name in instrument.indexes if name == found.symbol] if instrument else []
    )
    if not kinds:
        return UnknownSymbol(found.symbol, "tick")
    kind = IndexKind(kinds[0])
    exponent = RATE_EXPONENT if kind in RATES else MARK_EXPONENT
    return Index(
        symbol=found.symbol,
        venue_ns=found.timestamp or found.timestmp,
        kind=kind,
        name=found.symbol,
        value_e=_value(found, exponent),
    )


def _value(found: Tick, exponent: int) -> int:
    """``last`` divided by the message's own ``scale``, or a decimal text."""
    last = text(found.last)
    sign, digits = (-1, last[1:]) if last.startswith("-") else (1, last)
    if found.scale is not None:
        if not digits.isdecimal() or not 0 <= found.scale <= MOST_DECIMALS:
            raise ValueError(f"{last!r} of scale {found.scale} is no number")
        units = int(digits) * 10**exponent // 10**found.scale
    else:
        whole, point, fraction = digits.partition(".")
        if fraction.isdecimal():  # an exponent must not be cut off
            fraction = fraction[:exponent]
        units = parse(f"{whole}{point}{fraction}", exponent)
    if not 0 <= units <= LARGEST:
        raise ValueError(f"{last} does not fit")
    value = sign * units
    return value if value != ABSENT else 0
