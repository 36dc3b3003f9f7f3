"""The venue's history: candles of both families, settled funding rates.

Trades are not among them: what is kept of those is asked for from an id on that is no number
(`connector call Phemex tradeHistory`), and ``/md/trade`` has the newest alone."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from connector.venues.histories import Archive, Column, Kind, Row
from connector.venues.phemex.schemas_trading import Reply

SECOND_MS = 1000
HOUR_MS = 3_600_000
"""Funding is paid every eight hours, four, or one; a symbol does not say which."""
CANDLES = 1000
"""At most 2,000 of a span are given (document); 1,000 is what every call of candles gives."""
RATES = 100

CANDLE_VALUES = 9
"""Second, seconds, last close, open, high, low, close, volume, turnover."""


class _Rows(msgspec.Struct):
    rows: list[list[int | str]]


class _Rate(msgspec.Struct, rename="camel"):
    funding_time: int
    funding_rate: str
    interval_seconds: int | None = None


class _Rates(msgspec.Struct):
    rows: list[_Rate]


_REPLY = msgspec.json.Decoder(Reply)
_ROWS = msgspec.json.Decoder(_Rows)
_RATES = msgspec.json.Decoder(_Rates)


def _candles(kind: Kind) -> Callable[[bytes], list[Row]]:
    """Of an answer: oldest first, with the last ms of each."""
    known, other = (int, "gKlines") if kind is Kind.INTEGER else (str, "klines")

    def read(body: bytes) -> list[Row]:
        found = []
        for row in _ROWS.decode(_REPLY.decode(body).data).rows:
            if len(row) != CANDLE_VALUES:
                raise ValueError(f"a candle of {len(row)} values, {CANDLE_VALUES} are known")
            begins_s, lasts_s, _, *values = row
            if not isinstance(values[0], known):
                raise ValueError(f"a contract of the other family: {other} has its candles")
            begins_ms = int(begins_s) * SECOND_MS
            ends_ms = begins_ms + int(lasts_s) * SECOND_MS - 1
            found.append((begins_ms, *map(known, values), ends_ms))
        return sorted(found)

    return read


def _rates(body: bytes) -> list[Row]:
    found = _RATES.decode(_REPLY.decode(body).data).rows
    rows = [(one.funding_time, one.funding_rate, one.interval_seconds) for one in found]
    return sorted(rows, key=lambda row: row[0])


def _seconds(start_ms: int, end_ms: int, most: int) -> Mapping[str, Any]:
    """Candles that begin from one second on and before another."""
    return {"from": -(-start_ms // SECOND_MS), "to": end_ms // SECOND_MS + 1}


def _behind(key: int, end_ms: int, most: int) -> Mapping[str, Any]:
    return _seconds(key + 1, end_ms, most)


def _span(start_ms: int, end_ms: int, most: int) -> Mapping[str, Any]:
    return {"start": start_ms, "end": end_ms, "limit": most}


def _later(key: int, end_ms: int, most: int) -> Mapping[str, Any]:
    return _span(key + 1, end_ms, most)


def _klines(name: str, kind: Kind, names: tuple[str, ...]) -> Archive:
    columns = (
        Column("open_time", Kind.TIME_MS),
        *(Column(one, kind) for one in names),
        Column("close_time", Kind.TIME_MS),
    )
    return Archive(
        name=name,
        endpoint="gKlineRange",
        columns=columns,
        key=0,
        time=0,
        page=CANDLES,
        read=_candles(kind),
        first=_seconds,
        after=_behind,
        over=len(columns) - 1,
        row_ms=lambda given: SECOND_MS * int(given["resolution"]),
    )


HISTORIES = {
    one.name: one
    for one in (
        _klines(
            "klines",
            Kind.INTEGER,
            ("open_ep", "high_ep", "low_ep", "close_ep", "volume", "turnover_ev"),
        ),
        _klines("gKlines", Kind.DECIMAL, ("open", "high", "low", "close", "volume", "turnover")),
        Archive(
            name="funding",
            endpoint="fundingRateHistory",
            columns=(
                Column("funding_time", Kind.TIME_MS),
                Column("funding_rate", Kind.DECIMAL),
                Column("interval_s", Kind.INTEGER),
            ),
            key=0,
            time=0,
            page=RATES,
            read=_rates,
            first=_span,
            after=_later,
            row_ms=lambda given: HOUR_MS,
        ),
    )
}
"""Candles of contracts with scaled integers stay integers, as their scales are the product's."""
