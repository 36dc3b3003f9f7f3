"""Klines, 24-hour tickers and last prices of the simulated Binance against sums made by hand."""

import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from connector.sim.history import history_of
from connector.venues.binance_usdm.sim_candles import (
    LENGTHS,
    klines,
    klines_weight,
    ticker_24hr,
    ticker_price,
)
from connector.venues.binance_usdm.sim_params import Fault, Params
from connector.venues.sim_contract import Candle, TradeRow

HOUR, DAY = 3_600_000, 86_400_000
START = int(datetime(2026, 1, 30, 11, 7, 30, tzinfo=UTC).timestamp() * 1000)
"""A Friday; the end of the month is in the middle."""


class Traded:
    """A market that has only trades."""

    def __init__(self, rows: Sequence[TradeRow]) -> None:
        self.symbols = {"BTCUSDT": None, "QUIETUSDT": None}
        self._rows = rows

    def trades(self, symbol: str) -> Sequence[TradeRow]:
        return self._rows if symbol == "BTCUSDT" else []

    def candles(self, symbol: str) -> Sequence[Candle]:
        return history_of(self.trades(symbol)).minutes


def trades(count: int = 3000, span_ms: int = 3 * DAY) -> list[TradeRow]:
    rng = random.Random(7)
    times = sorted(START + rng.randrange(span_ms) for _ in range(count))
    return [
        TradeRow(
            trade_id=10 + n,
            price=f"{29_000 + rng.randrange(20_000) / 10:.2f}",
            qty=f"{rng.randrange(1, 900) / 1000:.3f}",
            quote_qty="",
            time_ms=time_ms,
            buyer_is_maker=rng.random() < 0.5,
        )
        for n, time_ms in enumerate(times)
    ]


ROWS = trades()
MARKET: Any = Traded(ROWS)
NOW = ROWS[-1].time_ms + 5


def bucket(time_ms: int, interval: str) -> str:
    """A name of the candle a time belongs to, from the calendar."""
    at = datetime.fromtimestamp(time_ms / 1000, UTC)
    unit, number = interval[-1], int(interval[:-1])
    day = at.toordinal() - datetime(1970, 1, 1).toordinal()
    if unit == "M":
        return f"{at.year}-{at.month}"
    if unit == "w":
        return str(at.isocalendar()[:2])
    if unit == "d":
        return str(day // number)
    if unit == "h":
        return f"{day}-{at.hour // number}"
    return f"{day}-{at.hour}-{at.minute // number}"


@pytest.mark.parametrize("interval", LENGTHS)
def test_klines_are_the_sums_of_their_trades(interval: str) -> None:
    by_candle: dict[str, list[TradeRow]] = {}
    for row in ROWS:
        by_candle.setdefault(bucket(row.time_ms, interval), []).append(row)
    text = f"symbol=BTCUSDT&interval={interval}&limit=1500"
    found = json.loads(klines(Params(text), MARKET, NOW))
    wanted = [*by_candle.values()][-1500:]
    assert len(found) == len(wanted)
    for line, rows in zip(found, wanted, strict=True):
        prices = [Decimal(row.price) for row in rows]
        assert len(line) == 12
        assert line[0] <= rows[0].time_ms <= rows[-1].time_ms <= line[6]
        assert bucket(line[0], interval) == bucket(line[6], interval)
        assert bucket(line[0] - 1, interval) != bucket(line[0], interval)
        assert bucket(line[6] + 1, interval) != bucket(line[6], interval)
        assert [Decimal(text) for text in line[1:5]] == [
            prices[0], max(prices), min(prices), prices[-1],
        ]  # fmt: skip
        assert Decimal(line[5]) == sum(Decimal(row.qty) for row in rows)
        assert Decimal(line[7]) == sum(Decimal(row.price) * Decimal(row.qty) for row in rows)
        assert line[8] == len(rows)
        bought = [row for row in rows if not row.buyer_is_maker]
        assert Decimal(line[9]) == sum(Decimal(row.qty) for row in bought)
        assert Decimal(line[10]) == sum(Decimal(row.price) * Decimal(row.qty) for row in bought)


def test_klines_of_a_time() -> None:
    every = json.loads(klines(Params("symbol=BTCUSDT&interval=1h&limit=1500"), MARKET, NOW))
    opens = [line[0] for line in every]

    def found(more: str) -> list[int]:
        text = f"symbol=BTCUSDT&interval=1h{more}"
        return [line[0] for line in json.loads(klines(Params(text), MARKET, NOW))]

    assert found("&limit=3") == opens[-3:]
    assert found(f"&startTime={opens[10]}&limit=3") == opens[10:13]
    assert found(f"&endTime={opens[10]}&limit=3") == opens[8:11]
    assert found(f"&startTime={opens[3]}&endTime={opens[5]}") == opens[3:6]
    assert found(f"&startTime={NOW + HOUR}") == []


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("interval=1h", -1102),
        ("symbol=BTCUSDT", -1102),
        ("symbol=NOPE&interval=1h", -1121),
        ("symbol=BTCUSDT&interval=1s", -1120),
        ("symbol=BTCUSDT&interval=1h&limit=1501", -1130),
        ("symbol=BTCUSDT&interval=1h&startTime=5&endTime=4", -1023),
    ],
)
def test_klines_that_are_refused(query: str, code: int) -> None:
    with pytest.raises(Fault) as caught:
        klines(Params(query), MARKET, NOW)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("limit", "weight"),
    [(1, 1), (99, 1), (100, 2), (499, 2), (500, 5), (1000, 5), (1001, 10), (1500, 10)],
)
def test_the_weight_of_klines(limit: int, weight: int) -> None:
    assert klines_weight(Params(f"limit={limit}")) == weight


def test_the_ticker_of_a_day() -> None:
    row = json.loads(ticker_24hr(Params("symbol=BTCUSDT"), MARKET, NOW))
    day = [each for each in ROWS if each.time_ms >= row["openTime"]]
    assert NOW - DAY - 60_000 <= row["openTime"] <= NOW - DAY + HOUR
    prices = [Decimal(each.price) for each in day]
    volume = sum(Decimal(each.qty) for each in day)
    quote = sum(Decimal(each.price) * Decimal(each.qty) for each in day)
    assert (row["count"], row["firstId"], row["lastId"]) == (
        len(day), day[0].trade_id, day[-1].trade_id,
    )  # fmt: skip
    assert [Decimal(row[name]) for name in ("openPrice", "highPrice", "lowPrice", "lastPrice")] == [
        prices[0], max(prices), min(prices), prices[-1],
    ]  # fmt: skip
    assert (Decimal(row["volume"]), Decimal(row["quoteVolume"])) == (volume, quote)
    assert Decimal(row["priceChange"]) == prices[-1] - prices[0]
    assert float(row["priceChangePercent"]) == pytest.approx(
        float((prices[-1] / prices[0] - 1) * 100), abs=0.001
    )
    assert float(row["weightedAvgPrice"]) == pytest.approx(float(quote / volume), abs=0.01)
    assert row["lastQty"] == day[-1].qty
    assert json.loads(ticker_24hr(Params(""), MARKET, NOW)) == [row], "who never traded is left out"
    assert json.loads(ticker_24hr(Params("symbol=QUIETUSDT"), MARKET, NOW)) == {}


def test_the_last_price() -> None:
    row = {"symbol": "BTCUSDT", "price": ROWS[-1].price, "time": ROWS[-1].time_ms}
    assert json.loads(ticker_price(Params("symbol=BTCUSDT"), MARKET, NOW)) == row
    assert json.loads(ticker_price(Params(""), MARKET, NOW)) == [row]
