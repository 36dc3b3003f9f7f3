"""Histories of Phemex as data: candles of both families, settled funding rates."""

import asyncio
import json
import time
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.cli import main
from connector.cli.fetch import Download
from connector.venues.contract import load
from connector.venues.histories import Row
from connector.venues.phemex import sim_listings, sim_rest
from connector.venues.sim_contract import Candle
from tests.e2e.test_fetch import Bar, Kept
from tests.reference.stack import Sim, eventually

parquet = pytest.importorskip("pyarrow.parquet")
MS_MIN = 60_000
PATH = "/exchange/public/md/v2/kline/list"
INVERSE, LINEAR = "BTCUSD", "BTCUSDT"
KINDS = {"klines": INVERSE, "gKlines": LINEAR}
BASE_MS = 1_700_000_040_000


@pytest.fixture(scope="module")
def sim() -> Iterator[Sim]:
    with Sim("--symbols", f"{INVERSE},{LINEAR}", "--rate", "50", "--weight-limit", "1000000",
             venue="phemex") as running:  # fmt: skip
        yield running


@pytest.fixture
def now_ms(sim: Sim) -> int:
    """Once there is something to read."""
    eventually(lambda: sim.ask(f"{PATH}?symbol={LINEAR}&resolution=60&from=0")["data"]["rows"])
    found: int = sim.ask("/public/time")["data"]["serverTime"]
    return found


@pytest.fixture
def config(sim: Sim, tmp_path: Path) -> Path:
    path = tmp_path / "c.toml"
    path.write_text(
        f'[venues.phemex]\nrest_url = "{sim.where["rest"]}"\nws_url = "{sim.where["ws"]}"\n'
        '[[venues.phemex.feeds]]\ninstruments = ["*"]\n'
    )
    return path


def fetch(config: Path, folder: Path, *words: str) -> list[dict[str, Any]]:
    code = main(["fetch", "phemex", *words, "-o", str(folder), "--config", str(config)])
    assert code == 0
    found: list[dict[str, Any]] = []
    for path in sorted(folder.glob("*.parquet")):
        found += parquet.read_table(path).to_pylist()
    return found


def ms(value: Any) -> int:
    return round(value.timestamp() * 1000)


class Past:
    """Candles of the simulated venue, asked for as its REST side is."""

    def __init__(self, kind: str, opens: list[int], page: int) -> None:
        self.minutes = [
            Candle(
                open_ms=at, open=Decimal("1.5"), high=Decimal(3), low=Decimal("0.5"),
                close=Decimal(2), volume=Decimal(7), first_id=at, last_id=at,
            )
            for at in opens
        ]  # fmt: skip
        self.page, self.history = page, load("phemex").histories[kind]
        self.symbols = {one.symbol: one for one in sim_listings.LISTINGS}
        self.given = {"symbol": KINDS[kind], "resolution": "60"}
        self.asked = 0

    def candles(self, symbol: str) -> list[Candle]:
        return self.minutes

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def rows(self, params: Mapping[str, Any]) -> list[Row]:
        self.asked += 1
        words = {name: str(value) for name, value in {**self.given, **params}.items()}
        return self.history.read(sim_rest.ROUTES[PATH](words, self, 0))  # type: ignore[arg-type]


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(sorted(KINDS)),
    st.lists(st.booleans(), max_size=60),
    st.integers(1, 9),
    st.integers(-70, 70),
    st.integers(1, 80 * MS_MIN),
    st.integers(0, MS_MIN - 1),
)
def test_a_download_is_what_the_venue_has_whatever_the_borders_are(
    kind: str, traded: list[bool], page: int, first: int, length_ms: int, offset_ms: int
) -> None:
    """Begin and end lie anywhere; the venue's borders are whole seconds."""
    venue = Past(kind, [BASE_MS + at * MS_MIN for at, there in enumerate(traded) if there], page)
    start_ms = BASE_MS + first * MS_MIN + offset_ms
    end_ms = start_ms + length_ms
    kept, whole = Kept(), [row.open_ms for row in venue.minutes if start_ms <= row.open_ms < end_ms]
    asyncio.run(Download(venue, kept, start_ms, end_ms, None, Bar()).run())  # type: ignore[arg-type]
    assert [row[0] for row in kept.rows] == whole
    assert kept.is_whole
    assert venue.asked == -(-length_ms // (page * MS_MIN))


def test_candles_are_the_venues_to_the_last_digit() -> None:
    for kind, values in (
        ("klines", (15_000, 30_000, 5_000, 20_000)),
        ("gKlines", ("1.5", "3", "0.5", "2")),
    ):
        venue = Past(kind, [BASE_MS, BASE_MS + MS_MIN], 9)
        rows = asyncio.run(venue.rows({"from": BASE_MS // 1000, "to": BASE_MS // 1000 + 61}))
        assert [row[0] for row in rows] == [BASE_MS, BASE_MS + MS_MIN], "oldest first"
        assert rows[0][1:5] == values
        assert rows[0][5] == (7 if kind == "klines" else "7")
        assert rows[0][-1] == BASE_MS + MS_MIN - 1


def test_a_candle_that_is_not_over_is_left_out(config: Path, tmp_path: Path, now_ms: int) -> None:
    words = ["symbol=BTCUSDT", "resolution=14400", f"start={now_ms - 600 * MS_MIN}"]
    found = fetch(config, tmp_path / "out", "gKlines", *words)
    assert all(ms(row["close_time"]) < time.time() * 1000 for row in found)
    state = json.loads((tmp_path / "out" / "fetch.json").read_text())
    assert state["done"] is False


def test_the_other_family_is_named() -> None:
    for kind, symbol, other in (("klines", LINEAR, "gKlines"), ("gKlines", INVERSE, "klines")):
        venue = Past(kind, [BASE_MS], 9)
        venue.given["symbol"] = symbol
        with pytest.raises(ValueError, match=f"of the other family: {other} has its candles"):
            asyncio.run(venue.rows({"from": 0, "to": BASE_MS}))


@pytest.mark.parametrize(
    "rows", ["[[1,60,1,1,1,1,1,1]]", '[["a",60,1,1,1,1,1,1,1]]', "[7]", "[[1,60,1,null,1,1,1,1,1]]"]
)
def test_an_answer_that_is_no_list_of_candles_is_an_error(rows: str) -> None:
    body = f'{{"code":0,"msg":"OK","data":{{"total":-1,"rows":{rows}}}}}'
    with pytest.raises(ValueError):  # noqa: PT011
        load("phemex").histories["klines"].read(body.encode())


def test_funding_rates_of_months_come_by_pages(
    sim: Sim, config: Path, tmp_path: Path, now_ms: int
) -> None:
    day = 24 * 60 * MS_MIN
    words = ["symbol=.BTCFR8H", f"start={now_ms - 40 * day}", f"end={now_ms}"]
    found = fetch(config, tmp_path / "out", "funding", *words)
    assert len(found) == 120, "three a day"
    times = [ms(row["funding_time"]) for row in found]
    assert times == sorted(set(times))
    query = f"symbol=.BTCFR8H&start={times[-3]}&end={times[-1]}"
    said = sim.ask(f"/api-data/public/data/funding-rate-history?{query}")["data"]["rows"]
    assert [row["funding_rate"] for row in found[-3:]] == [
        Decimal(row["fundingRate"]) for row in said
    ]
    assert {row["interval_s"] for row in found} == {28_800}
    state = json.loads((tmp_path / "out" / "fetch.json").read_text())
    assert (state["rows"], state["done"]) == (120, True)
