"""Candles of a recording's past from end to end: recorded trades, the simulated venue's REST side,
`connector fetch`, Parquet; compared with the trades counted together by hand."""

import asyncio
import json
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import websockets

from connector.cli import main
from tests.reference.sim_process import Simulator, simulator

parquet = pytest.importorskip("pyarrow.parquet")
MINUTE_MS = 60_000
BEGIN_MS = 1_700_000_040_000
MINUTES = 40
EMPTY = {7, 8, 23}
STREAM = "abcusdt@trade"


def past() -> list[dict[str, Any]]:
    """Trades of forty minutes, of which three have none; fewer than the venue remembers."""
    draw = random.Random(7)
    price, found = 2_000_000, []
    for minute in range(MINUTES):
        times = sorted(draw.randrange(MINUTE_MS) for _ in range(draw.randint(1, 30)))
        if minute == 12:
            times = [0, MINUTE_MS - 1]  # its first and its last millisecond
        for offset_ms in () if minute in EMPTY else times:
            price += draw.randint(-300, 300)
            time_ms = BEGIN_MS + minute * MINUTE_MS + offset_ms
            found.append(
                {"e": "trade", "E": time_ms + 3, "T": time_ms, "s": "ABCUSDT",
                 "t": 5000 + len(found), "p": f"{Decimal(price).scaleb(-2)}",
                 "q": f"{Decimal(draw.randint(1, 9999)).scaleb(-3)}", "X": "MARKET",
                 "m": draw.random() < 0.5}
            )  # fmt: skip
    assert 300 < len(found) < 1000
    return found


def candles(trades: list[dict[str, Any]], minutes: int) -> list[dict[str, Any]]:
    length_ms = minutes * MINUTE_MS
    groups: dict[int, list[dict[str, Any]]] = {}
    for trade in trades:
        groups.setdefault(trade["T"] // length_ms * length_ms, []).append(trade)
    found = []
    for open_ms, rows in groups.items():
        prices = [Decimal(row["p"]) for row in rows]
        taken = [row for row in rows if not row["m"]]

        def volume(some: list[dict[str, Any]]) -> Decimal:
            return sum((Decimal(row["q"]) for row in some), Decimal())

        def quote(some: list[dict[str, Any]]) -> Decimal:
            return sum((Decimal(row["q"]) * Decimal(row["p"]) for row in some), Decimal())

        found.append(
            {"open_time": open_ms, "open": prices[0], "high": max(prices), "low": min(prices),
             "close": prices[-1], "volume": volume(rows), "close_time": open_ms + length_ms - 1,
             "quote_volume": quote(rows), "trades": len(rows), "taker_buy_volume": volume(taken),
             "taker_buy_quote_volume": quote(taken)}
        )  # fmt: skip
    return found


async def replay(venue: Simulator, count: int) -> None:
    """Until everything recorded was told."""
    async with websockets.connect(f"{venue.ws}/market/stream?streams={STREAM}") as ws:
        for _ in range(count):
            await asyncio.wait_for(ws.recv(), 60)


def rows(folder: Path) -> list[dict[str, Any]]:
    found = [row for path in sorted(folder.glob("*.parquet"))
             for row in parquet.read_table(path).to_pylist()]  # fmt: skip
    for row in found:
        for name in ("open_time", "close_time"):
            row[name] = round(row[name].timestamp() * 1000)
    return found


def test_candles_of_a_recording_are_its_trades_counted_together(tmp_path: Path) -> None:
    trades = past()
    file = tmp_path / "recorded"
    file.write_text(
        "".join(
            f"{trade['E'] * 1000 + number} {json.dumps({'stream': STREAM, 'data': trade})}\n"
            for number, trade in enumerate(trades)
        )
    )
    with simulator("--replay", str(file), "--speed", "max", "--weight-limit", "100000") as venue:
        asyncio.run(replay(venue, len(trades)))
        config = tmp_path / "c.toml"
        config.write_text(
            f'[venues.BinanceU]\nrest_url = "{venue.rest}"\nws_url = "{venue.ws}"\n'
            '[[venues.BinanceU.feeds]]\ninstruments = ["*"]\n'
        )

        def fetched(name: str, interval: str, start_ms: int, end_ms: int, page: int) -> Any:
            words = ["klines", "symbol=ABCUSDT", f"interval={interval}", f"start={start_ms}"]
            words += [f"end={end_ms}", "--page", str(page), "--config", str(config)]
            assert main(["fetch", "BinanceU", *words, "-o", str(tmp_path / name)]) == 0
            return rows(tmp_path / name)

        end_ms = BEGIN_MS + MINUTES * MINUTE_MS
        minutes = candles(trades, 1)
        assert len(minutes) == MINUTES - len(EMPTY)
        assert fetched("whole", "1m", BEGIN_MS, end_ms, 1000) == minutes
        assert fetched("few", "1m", BEGIN_MS, end_ms, 7) == minutes
        part = [row for row in minutes if row["open_time"] < BEGIN_MS + 20 * MINUTE_MS][2:]
        borders = (part[0]["open_time"] - 1, part[-1]["open_time"] + 1)
        assert fetched("part", "1m", *borders, 3) == part
        fives = candles(trades, 5)
        assert fetched("fives", "5m", fives[0]["open_time"], end_ms, 3) == fives
