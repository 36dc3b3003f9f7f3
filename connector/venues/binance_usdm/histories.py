"""The venue's history: candles, trades, funding and open interest."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from connector.venues.binance_usdm import schemas, schemas_market
from connector.venues.binance_usdm.schemas import integer, text, truth
from connector.venues.channels import INTERVALS_S
from connector.venues.histories import Archive, Column, Kind, Row

HOUR_MS = 3_600_000
"""Funding is paid every eight hours, four, or one."""
LATE_MS = HOUR_MS
"""Statistics of a period are there minutes after its end; nobody says how many."""
CANDLES = 499
"""Weight 2, so 250 rows a unit; 1500 rows are 150."""
_CANDLE = (
    ("open_time", Kind.TIME_MS, "open_time"),
    ("open", Kind.DECIMAL, "open"),
    ("high", Kind.DECIMAL, "high"),
    ("low", Kind.DECIMAL, "low"),
    ("close", Kind.DECIMAL, "close"),
    ("volume", Kind.DECIMAL, "volume"),
    ("close_time", Kind.TIME_MS, "close_time"),
    ("quote_volume", Kind.DECIMAL, "quote_volume"),
    ("trades", Kind.INTEGER, "count"),
    ("taker_buy_volume", Kind.DECIMAL, "taker_buy_volume"),
    ("taker_buy_quote_volume", Kind.DECIMAL, "taker_buy_quote_volume"),
)
_PRICES = (*_CANDLE[:5], _CANDLE[6])
"""Candles of what is not traded have no volumes."""
_TRADE = (
    ("id", Kind.INTEGER, "id"),
    ("price", Kind.DECIMAL, "price"),
    ("qty", Kind.DECIMAL, "qty"),
    ("quote_qty", Kind.DECIMAL, "quote_qty"),
    ("time", Kind.TIME_MS, "time"),
    ("buyer_is_maker", Kind.TRUTH, "is_buyer_maker"),
)
_AGG_TRADE = (
    ("id", Kind.INTEGER, "a"),
    ("price", Kind.DECIMAL, "p"),
    ("qty", Kind.DECIMAL, "q"),
    ("first_trade_id", Kind.INTEGER, "f"),
    ("last_trade_id", Kind.INTEGER, "l"),
    ("time", Kind.TIME_MS, "T"),
    ("buyer_is_maker", Kind.TRUTH, "m"),
)
_FUNDING = (
    ("funding_time", Kind.TIME_MS, "funding_time"),
    ("funding_rate", Kind.DECIMAL, "funding_rate"),
    ("mark_price", Kind.DECIMAL, "mark_price"),
)
_OPEN_INTEREST = (
    ("time", Kind.TIME_MS, "timestamp"),
    ("open_interest", Kind.DECIMAL, "sum_open_interest"),
    ("open_interest_value", Kind.DECIMAL, "sum_open_interest_value"),
)
Fields = tuple[tuple[str, Kind, str], ...]


def _value(raw: Any, kind: Kind, name: str) -> Any:
    if not bytes(raw) or text(raw) == "":
        return None
    if kind is Kind.TRUTH:
        return truth(raw, name)
    return text(raw) if kind in (Kind.DECIMAL, Kind.TEXT) else integer(raw, name)


def _reader(row: type[msgspec.Struct], fields: Fields) -> Callable[[bytes], list[Row]]:
    decoder = msgspec.json.Decoder(list[row])  # type: ignore[valid-type]

    def read(body: bytes) -> list[Row]:
        return [
            tuple(_value(getattr(one, name), kind, name) for _, kind, name in fields)
            for one in decoder.decode(body)
        ]

    return read


def _span(start_ms: int, end_ms: int, most: int) -> Mapping[str, Any]:
    return {"startTime": start_ms, "endTime": end_ms, "limit": most}


def _later(key: int, end_ms: int, most: int) -> Mapping[str, Any]:
    return _span(key + 1, end_ms, most)


def _from(start_ms: int, end_ms: int, most: int) -> Mapping[str, Any]:
    return {"startTime": start_ms, "limit": most}


def _next_id(key: int, end_ms: int, most: int) -> Mapping[str, Any]:
    return {"fromId": key + 1, "limit": most}


def _timed(name: str, endpoint: str, row: Any, fields: Fields, page: int, **more: Any) -> Archive:
    return Archive(
        name=name,
        endpoint=endpoint,
        columns=tuple(Column(shown, kind) for shown, kind, _ in fields),
        key=0,
        time=0,
        page=page,
        read=_reader(row, fields),
        first=_span,
        after=_later,
        **more,
    )


def _numbered(name: str, row: Any, fields: Fields, page: int, **more: Any) -> Archive:
    return Archive(
        name=name,
        columns=tuple(Column(shown, kind) for shown, kind, _ in fields),
        key=0,
        time=next(index for index, one in enumerate(fields) if one[0] == "time"),
        page=page,
        read=_reader(row, fields),
        after=_next_id,
        **more,
    )


def _candles(name: str, endpoint: str, fields: Fields) -> Archive:
    over = next(index for index, one in enumerate(fields) if one[0] == "close_time")
    return _timed(name, endpoint, schemas_market.Kline, fields, CANDLES, over=over)


HISTORIES = {
    one.name: one
    for one in (
        _candles("klines", "klines", _CANDLE),
        _candles("continuous", "continuousKlines", _CANDLE),
        _candles("index", "indexPriceKlines", _PRICES),
        _candles("mark", "markPriceKlines", _PRICES),
        _candles("premium", "premiumIndexKlines", _PRICES),
        _timed(
            "funding", "fundingRate", schemas_market.FundingRate, _FUNDING, 1000,
            row_ms=lambda given: HOUR_MS, late_ms=LATE_MS,
        ),
        _timed(
            "openInterest",
            "openInterestHist",
            schemas_market.OpenInterestStatistic,
            _OPEN_INTEREST,
            500,
            row_ms=lambda given: 1000 * INTERVALS_S[given["period"]],
            late_ms=LATE_MS,
        ),
        _numbered(
            "aggTrades", schemas.RecentAggTrade, _AGG_TRADE, 1000,
            endpoint="aggTrades", first=_from,
        ),
        _numbered(
            "trades", schemas.RecentTrade, _TRADE, 500,
            endpoint="historicalTrades", first=_from, by_id=True,
        ),
    )
}  # fmt: skip
