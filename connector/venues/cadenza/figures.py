"""Cadenza's channels of figures: tickers and candles in, events out.

Both have come with today's clients (May 2026) and are unknown to the page of January. A ticker has
the last trade and no sums: what it does not say is ABSENT. A candle's row is its first millisecond,
open, high, low, close and volume, which may be null; ``isClosed`` is said of the last row."""

from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
from msgspec import Raw, Struct

from connector.model.instrument import ABSENT, Instrument
from connector.protocol.centrifugo_frames import NOTHING
from connector.venues.channels import INTERVALS_S, KLINES
from connector.venues.contract import Channel, Event, Kline, Ticker

TICKER, KLINE = "market:ticker:", "market:kline:"
INTERVALS = frozenset(
    ("1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M")
)
"""Of the venue's that have a channel here; there is none of seconds."""
CHANNELS = {
    Channel.TICKER: "ticker",
    **{one: f"kline_{name}" for one, name in KLINES.items() if name in INTERVALS},
}
"""By which a stream of figures begins its name."""
MS_NS, SECOND_NS = 1_000_000, 1_000_000_000
MONTH = "1M"
COLUMNS = 6
UNTOLD = (b"", b"null")

Scaled = Callable[[Raw, int, str], int]
"""A number as written, exact, at an exponent; ValueError names it."""


class TickerData(Struct, rename="camel"):
    timestamp: int | None = None
    last_price: Raw = NOTHING
    last_quantity: Raw = NOTHING


class KlineData(Struct, rename="camel"):
    interval: str = ""
    timestamp: int | None = None
    is_closed: bool = False
    candles: list[list[Raw]] = []


_TICKER = msgspec.json.Decoder(TickerData)
_KLINE = msgspec.json.Decoder(KlineData)


def channel_of(kind: str, symbol: str) -> str:
    """The channel of a stream of figures."""
    if kind == "ticker":
        return TICKER + symbol
    return f"{KLINE}{symbol}:{kind.removeprefix('kline_')}"


def kind_of(channel: str) -> tuple[str, str]:
    """Kind and symbol of such a channel; "": it is none."""
    if channel.startswith(TICKER):
        symbol = channel[len(TICKER) :]
        return ("ticker", symbol) if ":" in symbol else ("", "")  # that of a whole venue
    if channel.startswith(KLINE):
        symbol, _, interval = channel[len(KLINE) :].rpartition(":")
        if symbol and interval in INTERVALS:
            return f"kline_{interval}", symbol
    return "", ""


def ticker(data: bytes, offset: int, one: Instrument, scaled: Scaled) -> list[Event]:
    """Nothing where there was no trade yet; raises ValueError."""
    found = _TICKER.decode(data)
    if bytes(found.last_price) in UNTOLD:
        return []
    qty = found.last_quantity
    told = bytes(qty) not in UNTOLD
    return [
        Ticker(
            symbol=one.symbol,
            venue_ns=_stamp_ns(found.timestamp),
            open_e=ABSENT,
            high_e=ABSENT,
            low_e=ABSENT,
            last_e=scaled(found.last_price, one.price_exponent, "lastPrice"),
            qty_exponent=one.qty_exponent,
            last_qty_e=scaled(qty, one.qty_exponent, "lastQuantity") if told else ABSENT,
            qty_e=ABSENT,
            update_id=offset,
        )
    ]


def klines(kind: str, data: bytes, offset: int, one: Instrument, scaled: Scaled) -> list[Event]:
    """Candles, oldest first, all but the last one from before; raises ValueError."""
    found, interval = _KLINE.decode(data), kind.removeprefix("kline_")
    if found.interval and found.interval != interval:
        raise ValueError(f"interval: {found.interval!r} in a channel of {interval}")
    stamp_ns, last = _stamp_ns(found.timestamp), len(found.candles) - 1
    events: list[Event] = []
    for place, row in enumerate(found.candles):
        if len(row) < COLUMNS:
            raise ValueError("a candle of too few columns")
        open_ns = _stamp_ns(msgspec.json.decode(row[0], type=int))
        open_e, high_e, low_e, close_e = (
            scaled(cell, one.price_exponent, name)
            for cell, name in zip(row[1:5], ("open", "high", "low", "close"), strict=True)
        )
        told = bytes(row[5]) != b"null"
        events.append(
            Kline(
                symbol=one.symbol,
                venue_ns=stamp_ns,
                interval_s=INTERVALS_S[interval],
                open_ns=open_ns,
                end_ns=_end_ns(open_ns, interval),
                open_e=open_e,
                high_e=high_e,
                low_e=low_e,
                close_e=close_e,
                qty_exponent=one.qty_exponent,
                qty_e=scaled(row[5], one.qty_exponent, "volume") if told else ABSENT,
                # Another one has begun behind those that are not the last.
                closed=place < last or found.is_closed,
                backfill=place < last,
                update_id=offset,
            )
        )
    return events


def _end_ns(open_ns: int, interval: str) -> int:
    """Where the next one begins: months are the calendar's."""
    if interval != MONTH:
        return open_ns + INTERVALS_S[interval] * SECOND_NS
    begun = datetime.fromtimestamp(open_ns // SECOND_NS, UTC)
    years, month = divmod(begun.month, 12)
    after = begun.replace(year=begun.year + years, month=month + 1, day=1)
    return int(after.timestamp()) * SECOND_NS


def _stamp_ns(stamp_ms: int | None) -> int:
    if stamp_ms is None or not 0 <= stamp_ms < 2**63 // MS_NS:
        raise ValueError(f"timestamp: {stamp_ms!r} is none")
    return stamp_ms * MS_NS
