"""The venue's statistics of trades: klines, 24-hour tickers, last prices."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from itertools import groupby
from typing import Any

import orjson

from connector.venues.binance_usdm.sim_params import MAX_ID, Fault, Params
from connector.venues.sim_contract import Candle, MarketView

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
WEEK_OFFSET_MS = 4 * DAY_MS
"""Weeks begin on Mondays; the epoch was a Thursday."""
LENGTHS = {
    "1m": MINUTE_MS, "3m": 3 * MINUTE_MS, "5m": 5 * MINUTE_MS, "15m": 15 * MINUTE_MS,
    "30m": 30 * MINUTE_MS, "1h": HOUR_MS, "2h": 2 * HOUR_MS, "4h": 4 * HOUR_MS, "6h": 6 * HOUR_MS,
    "8h": 8 * HOUR_MS, "12h": 12 * HOUR_MS, "1d": DAY_MS, "3d": 3 * DAY_MS, "1w": 7 * DAY_MS,
    "1M": 0,
}  # fmt: skip


def klines_weight(params: Params) -> int:
    limit = params.integer("limit", 500, 1, MAX_ID) or 500
    return 1 if limit < 100 else 2 if limit < 500 else 5 if limit <= 1000 else 10


def klines(params: Params, market: MarketView, now_ms: int) -> bytes:
    symbol = params.symbol(market)
    assert symbol is not None
    interval = params.required("interval")
    if interval not in LENGTHS:
        raise Fault(-1120, "Invalid interval.")
    limit = params.integer("limit", 500, 1, 1500)
    start_ms = params.integer("startTime", None, 0, MAX_ID)
    end_ms = params.integer("endTime", None, 0, MAX_ID)
    if start_ms is not None and end_ms is not None and start_ms > end_ms:
        raise Fault(-1023, "Start time is greater than end time.")
    rows = [
        row
        for row in joined(market.candles(symbol), interval)
        if (start_ms is None or row.open_ms >= start_ms)
        and (end_ms is None or row.open_ms <= end_ms)
    ]
    assert limit is not None
    rows = rows[:limit] if start_ms is not None else rows[-limit:]
    return orjson.dumps([_kline(row, ends_ms(row.open_ms, interval) - 1) for row in rows])


def joined(minutes: Iterable[Candle], interval: str) -> Iterator[Candle]:
    """The minutes put together to candles of that length."""
    for open_ms, group in groupby(minutes, lambda row: begins_ms(row.open_ms, interval)):
        yield whole(open_ms, list(group))


def whole(open_ms: int, rows: list[Candle]) -> Candle:
    """One candle of all of them."""

    def total(name: str) -> Decimal:
        return sum((getattr(row, name) for row in rows), Decimal(0))

    return Candle(
        open_ms=open_ms,
        open=rows[0].open,
        high=max(row.high for row in rows),
        low=min(row.low for row in rows),
        close=rows[-1].close,
        last_qty=rows[-1].last_qty,
        volume=total("volume"),
        quote=total("quote"),
        count=sum(row.count for row in rows),
        buy_volume=total("buy_volume"),
        buy_quote=total("buy_quote"),
        first_id=rows[0].first_id,
        last_id=rows[-1].last_id,
    )


def begins_ms(time_ms: int, interval: str) -> int:
    if interval == "1M":
        day = datetime.fromtimestamp(time_ms / 1000, UTC)
        return int(datetime(day.year, day.month, 1, tzinfo=UTC).timestamp()) * 1000
    offset_ms = WEEK_OFFSET_MS if interval == "1w" else 0
    return time_ms - (time_ms - offset_ms) % LENGTHS[interval]


def ends_ms(open_ms: int, interval: str) -> int:
    if interval == "1M":
        return begins_ms(open_ms + 32 * DAY_MS, interval)
    return open_ms + LENGTHS[interval]


def _kline(row: Candle, close_ms: int) -> list[Any]:
    return [
        row.open_ms, _text(row.open), _text(row.high), _text(row.low), _text(row.close),
        _text(row.volume), close_ms, _text(row.quote), row.count, _text(row.buy_volume),
        _text(row.buy_quote), "0",
    ]  # fmt: skip


def _text(value: Decimal) -> str:
    return f"{value:f}"


def day_of(minutes: Iterable[Candle], now_ms: int) -> Candle | None:
    """The last 24 hours as one candle; None: nothing was traded."""
    rows = [each for each in minutes if each.open_ms > now_ms - DAY_MS - MINUTE_MS]
    return whole(rows[0].open_ms, rows) if rows else None


def ticker_24hr(params: Params, market: MarketView, now_ms: int) -> bytes:
    def row(name: str) -> dict[str, Any] | None:
        day = day_of(market.candles(name), now_ms)
        if day is None:
            return None
        change = day.close - day.open
        cents = Decimal("0.001")
        average = (day.quote / day.volume).quantize(day.close, ROUND_HALF_UP)
        return {
            "symbol": name,
            "priceChange": _text(change),
            "priceChangePercent": _text((change / day.open * 100).quantize(cents)),
            "weightedAvgPrice": _text(average),
            "lastPrice": _text(day.close),
            "lastQty": _text(day.last_qty),
            "openPrice": _text(day.open),
            "highPrice": _text(day.high),
            "lowPrice": _text(day.low),
            "volume": _text(day.volume),
            "quoteVolume": _text(day.quote),
            "openTime": day.open_ms,
            "closeTime": now_ms,
            "firstId": day.first_id,
            "lastId": day.last_id,
            "count": day.count,
        }

    return _one_or_all(params, market, row)


def ticker_price(params: Params, market: MarketView, now_ms: int) -> bytes:
    def row(name: str) -> dict[str, Any] | None:
        trades = market.trades(name)
        if not trades:
            return None
        return {"symbol": name, "price": trades[-1].price, "time": trades[-1].time_ms}

    return _one_or_all(params, market, row)


def _one_or_all(params: Params, market: MarketView, row: Any) -> bytes:
    symbol = params.symbol(market, required=False)
    if symbol is not None:
        return orjson.dumps(row(symbol) or {})
    return orjson.dumps([found for name in market.symbols if (found := row(name))])
