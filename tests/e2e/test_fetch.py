"""History as data: no row lost or doubled at the borders of pages, numbers exact, gone on with
after a break."""

import asyncio
import fcntl
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.cli import fetch as fetch_cli
from connector.cli import main
from connector.cli.fetch import Download
from connector.venues.binance_usdm.sim_candles import klines
from connector.venues.binance_usdm.sim_params import Params
from connector.venues.contract import load
from connector.venues.histories import Row
from connector.venues.sim_contract import Candle
from tests.reference.stack import Sim, eventually

parquet = pytest.importorskip("pyarrow.parquet")
MS_MIN = 60_000
KEY, SECRET = "OURKEY", "canary-8c2de190"


@pytest.fixture(scope="module")
def sim() -> Iterator[Sim]:
    with Sim("--symbols", "BTCUSDT", "--rate", "100", "--weight-limit", "1000000",
             "--account", f"main={KEY}:{SECRET}") as running:  # fmt: skip
        yield running


@pytest.fixture
def now_ms(sim: Sim) -> int:
    """Once there is something to read."""
    eventually(lambda: sim.ask("/fapi/v1/trades?symbol=BTCUSDT&limit=1000")[-1]["id"] > 100)
    found = sim.ask("/fapi/v1/time")["serverTime"]
    assert isinstance(found, int)
    return found - 1000  # by now everything of then was told


@pytest.fixture
def config(sim: Sim, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TEST_FETCH_KEY", KEY)
    monkeypatch.setenv("TEST_FETCH_SECRET", SECRET)
    return write_config(sim, tmp_path)


def write_config(sim: Sim, folder: Path) -> Path:
    path = folder / "c.toml"
    path.write_text(
        f'[venues.BinanceU]\nrest_url = "{sim.where["rest"]}"\nws_url = "{sim.where["ws"]}"\n'
        '[[venues.BinanceU.feeds]]\ninstruments = ["*"]\n'
        '[accounts.main]\nvenue = "BinanceU"\nstrategies = ["s"]\n'
        'key = "env:TEST_FETCH_KEY"\nsecret = "env:TEST_FETCH_SECRET"\n'
    )
    return path


def fetch(config: Path, folder: Path, *words: str) -> list[dict[str, Any]]:
    """The rows that a download brings, in the order of its files."""
    code = main(["fetch", "BinanceU", *words, "-o", str(folder), "--config", str(config)])
    assert code == 0
    return rows(folder)


def rows(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for path in sorted(folder.glob("*.parquet")):
        found += parquet.read_table(path).to_pylist()
    return found


def times(found: list[dict[str, Any]]) -> list[int]:
    return [ms(row["funding_time"]) for row in found]


def ms(value: Any) -> int:
    return round(value.timestamp() * 1000)


KINDS = {
    "klines": ["symbol=BTCUSDT", "interval=1m"],
    "continuous": ["pair=BTCUSDT", "contractType=PERPETUAL", "interval=1m"],
    "index": ["pair=BTCUSDT", "interval=1m"],
    "mark": ["symbol=BTCUSDT", "interval=1m"],
    "premium": ["symbol=BTCUSDT", "interval=1m"],
    "funding": ["symbol=BTCUSDT"],
    "openInterest": ["symbol=BTCUSDT", "period=5m"],
    "aggTrades": ["symbol=BTCUSDT"],
    "trades": ["symbol=BTCUSDT"],
}


HOURS = {"funding": 24 * 6, "openInterest": 6}


def test_every_history_of_the_venue_is_tried_here() -> None:
    assert set(load("BinanceU").histories) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_pages_of_any_size_bring_each_row_once(
    config: Path, tmp_path: Path, now_ms: int, kind: str
) -> None:
    span = [f"start={now_ms - HOURS.get(kind, 1) * 60 * MS_MIN}", f"end={now_ms}"]
    whole = fetch(config, tmp_path / "whole", kind, *KINDS[kind], *span)
    few = fetch(config, tmp_path / "few", kind, *KINDS[kind], *span, "--page", "7")
    if kind == "funding":
        assert times(few) == times(whole), "simulated rates of the past are those of now"
    else:
        assert few == whole
    keys = [next(iter(row.values())) for row in whole]
    assert keys == sorted(set(keys))
    if "rades" in kind:
        assert keys == list(range(keys[0], keys[-1] + 1)), "ids have no holes"
        assert len(keys) > 14
    if kind == "funding":
        assert len(keys) > 7, "several pages"


def test_numbers_are_the_venues_to_the_last_digit(
    sim: Sim, config: Path, tmp_path: Path, now_ms: int
) -> None:
    words = ["symbol=BTCUSDT", f"start={now_ms - 60 * MS_MIN}", f"end={now_ms}"]
    found = fetch(config, tmp_path / "out", "aggTrades", *words)
    first = found[0]["id"]
    said = sim.ask(f"/fapi/v1/aggTrades?symbol=BTCUSDT&fromId={first}&limit=1000")
    for row, venue in zip(found, said, strict=False):
        assert (row["id"], ms(row["time"]), row["buyer_is_maker"]) == (
            venue["a"],
            venue["T"],
            venue["m"],
        )
        assert (row["price"], row["qty"]) == (Decimal(venue["p"]), Decimal(venue["q"]))


def test_what_was_broken_off_goes_on_where_it_was(
    sim: Sim, config: Path, tmp_path: Path, now_ms: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    end_ms = now_ms - 2 * 60 * MS_MIN  # no row can be late any more
    words = ["funding", "symbol=BTCUSDT", f"start={end_ms - 400 * 60 * MS_MIN}", f"end={end_ms}"]
    whole = times(fetch(config, tmp_path / "whole", *words))
    assert len(whole) == 50
    monkeypatch.setattr("connector.cli._fetch_files.PART_ROWS", 10)
    folder = tmp_path / "broken"
    body = '{"code":-1121,"msg":"Invalid symbol."}'
    sim.fault("status", path="/fapi/v1/fundingRate", status=400, body=body, after=10, count=0)
    command = ["fetch", "BinanceU", *words, "-o", str(folder), "--config", str(config)]
    assert main([*command, "--page", "20"]) == 1
    sim.clear()
    before = times(rows(folder))
    assert 20 < len(before) < len(whole), "two files that were full, and the rest"
    assert before == whole[: len(before)]
    (folder / "funding-000009.new").write_bytes(b"half a file")
    assert times(fetch(config, folder, *words, "--page", "50")) == whole
    state = json.loads((folder / "fetch.json").read_text())
    assert (state["rows"], state["done"]) == (len(whole), True)
    assert main(["fetch", "BinanceU", "funding", "symbol=ETHUSDT", words[2], "-o", str(folder),
                 "--config", str(config)]) == 2  # fmt: skip
    assert times(rows(folder)) == whole, "another download does not touch it"


class Past:
    """Candles of the simulated venue, asked for as its REST side is."""

    symbols = ("BTCUSDT",)

    def __init__(self, opens: list[int]) -> None:
        self.minutes = [
            Candle(
                open_ms=at, open=Decimal(1), high=Decimal(3), low=Decimal("0.5"), close=Decimal(2),
                first_id=at, last_id=at,
            )
            for at in opens
        ]  # fmt: skip
        self.page, self.history = 1, load("BinanceU").histories["klines"]

    def candles(self, symbol: str) -> list[Candle]:
        return self.minutes

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def rows(self, params: Mapping[str, Any]) -> list[Row]:
        query = urlencode({"symbol": "BTCUSDT", "interval": "1m", **params})
        return self.history.read(klines(Params(query), self, 0))  # type: ignore[arg-type]


class Kept:
    """Where rows go."""

    last = None

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.is_whole = False

    def add(self, rows: Sequence[Row]) -> None:
        self.rows += rows

    def keep(self) -> None:
        pass

    def end(self, *, whole: bool) -> None:
        self.is_whole = whole


class Bar:
    def update(self, task: Any, completed: float) -> None:
        assert 0 <= completed <= 1


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.booleans(), max_size=60),
    st.integers(1, 9),
    st.integers(-70, 70),
    st.integers(1, 80 * MS_MIN),
    st.integers(0, MS_MIN - 1),
)
def test_a_download_is_what_the_venue_has_whatever_the_borders_are(
    traded: list[bool], page: int, first: int, length_ms: int, offset_ms: int
) -> None:
    """Minutes without a trade have no candle; begin and end lie anywhere."""
    base_ms = 1_700_000_040_000
    venue = Past([base_ms + at * MS_MIN for at, there in enumerate(traded) if there])
    venue.page = page
    start_ms = base_ms + first * MS_MIN + offset_ms
    end_ms = start_ms + length_ms
    kept, whole = Kept(), [row.open_ms for row in venue.minutes if start_ms <= row.open_ms < end_ms]
    asyncio.run(Download(venue, kept, start_ms, end_ms, None, Bar()).run())  # type: ignore[arg-type]
    assert [row[0] for row in kept.rows] == whole
    assert kept.is_whole


def test_a_candle_that_is_not_over_is_left_out() -> None:
    now_ms = time.time_ns() // 1_000_000
    open_ms = now_ms - now_ms % MS_MIN
    venue, kept = Past([open_ms - MS_MIN, open_ms + MS_MIN]), Kept()
    work = Download(venue, kept, open_ms - 9 * MS_MIN, open_ms + 9 * MS_MIN, None, Bar())  # type: ignore[arg-type]
    asyncio.run(work.run())
    assert [row[0] for row in kept.rows] == [open_ms - MS_MIN]
    assert not kept.is_whole


def test_what_ends_in_the_future_goes_on_with_the_same_command(
    config: Path, tmp_path: Path, now_ms: int
) -> None:
    """Nothing says that it is whole before its end has come."""
    words = ["trades", "symbol=BTCUSDT", f"start={now_ms - 60_000}", f"end={now_ms + 86_400_000}"]
    first = fetch(config, tmp_path / "t", *words)
    eventually(lambda: len(fetch(config, tmp_path / "t", *words)) > len(first))
    found = [row["id"] for row in rows(tmp_path / "t")]
    assert found == list(range(found[0], found[-1] + 1))


def test_a_folder_is_filled_by_one_at_a_time(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = os.open(tmp_path, os.O_RDONLY)
    words = ["klines", "symbol=BTCUSDT", "interval=1m", "start=2026-01-01", "-o", str(tmp_path)]
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert main(["fetch", "BinanceU", *words, "--config", str(config)]) == 2
    finally:
        os.close(lock)
    assert "another download fills it" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [config]


@pytest.mark.parametrize("text", ["[]", "{", '{"about":{}}', '{"about":1,"last":[]}'])
def test_a_state_that_cannot_be_read_is_an_error_that_names_it(
    config: Path, tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "fetch.json"
    state.write_text(text)
    words = ["klines", "symbol=BTCUSDT", "interval=1m", "start=2026-01-01", "-o", str(tmp_path)]
    assert main(["fetch", "BinanceU", *words, "--config", str(config)]) == 2
    assert str(state) in capsys.readouterr().err
    assert state.read_text() == text


@pytest.mark.parametrize("folder", ["/proc/x", "/dev/null", "/dev/null/x"])
def test_where_nothing_can_be_written_nothing_is_asked(
    config: Path, folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["klines", "symbol=BTCUSDT", "interval=1m", "start=2026-01-01", "-o", folder]
    assert main(["fetch", "BinanceU", *words, "--config", str(config)]) == 2
    assert folder in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("2026-01-01", 1_767_225_600_000),
        ("2026-01-01T00:00:00.001", 1_767_225_600_001),
        ("2026-06-30T23:59:59.999", 1_782_863_999_999),
        ("2026-01-01T01:00+01:00", 1_767_225_600_000),
        ("1767225600123", 1_767_225_600_123),
    ],
)
def test_times_are_exact(text: str, ms: int) -> None:
    assert fetch_cli._ms("start", text) == ms


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["klins"], "no history 'klins'; the nearest is klines"),
        (["klines", "symbol=BTCUSDT", "interval=1m"], "start: missing"),
        (["klines", "start=2026-01-01", "symbol=BTCUSDT", "interval=1x"], "interval"),
        (
            ["klines", "start=yesterday", "symbol=BTCUSDT", "interval=1m"],
            "start: 'yesterday' is no",
        ),
        (["klines", "start=2026-02-01", "end=2026-01-01", "symbol=A", "interval=1m"], "not before"),
        (["klines", "start=2026-02-01", "symbl=BTCUSDT", "interval=1m"], "symbl"),
        (
            ["klines", "start=2026-02-01", "symbol=BTCUSDT", "interval=1m", "limit=5"],
            "limit: the download's own",
        ),
        (["aggTrades", "start=2026-02-01", "symbol=BTCUSDT", "fromId=5"], "fromId: the download's"),
        (["trades", "start=2026-02-01", "symbol=BTCUSDT", "fromId=5"], "fromId: the download's"),
        (["klines", "start=0001-01-01", "symbol=BTCUSDT", "interval=1m"], "startTime: '-62135"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_sent(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fetch", "BinanceU", *words, "-o", str(tmp_path / "out")]) == 2
    assert said in capsys.readouterr().err


def test_without_pyarrow_it_says_what_to_install(
    config: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    words = ["klines", "symbol=BTCUSDT", "interval=1m", "start=2026-01-01", "-o", str(tmp_path)]
    assert main(["fetch", "BinanceU", *words, "--config", str(config)]) == 2
    assert "pip install connector[history]" in capsys.readouterr().err
