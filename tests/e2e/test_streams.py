"""Streams beside book, trades and mark prices, from the simulated venue to a strategy."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

import connector
from connector.model.records import KlineSource
from tests.reference.stack import Daemon, Sim

MS = 1_000_000
CHANNELS = ["depth", "kline_1m", "kline_1h", "continuous_kline_1m"]


@pytest.fixture(scope="module")
def sim() -> Iterator[Sim]:
    with Sim("--symbols", "BTCUSDT", "--rate", "50", "--no-bursts") as running:
        yield running


@pytest.fixture(scope="module")
def session(sim: Sim, tmp_path_factory: pytest.TempPathFactory) -> Iterator[connector.Session]:
    feeds = [{"instruments": ["BTCUSDT"], "channels": CHANNELS}]
    with Daemon(tmp_path_factory.mktemp("streams"), sim, feeds=feeds) as daemon:
        daemon.ready(60)
        with connector.attach("streams", daemon.runtime_dir) as found:
            yield found


def following(session: connector.Session, wanted: Any) -> connector.Event:
    """The next event of which ``wanted`` is true."""
    for _ in range(100_000):
        event = session.wait(30)
        assert event is not None, "nothing came any more"
        if wanted(event):
            return event
    raise AssertionError("it never came")


@pytest.mark.parametrize(
    ("interval", "interval_s", "source"),
    [
        ("1m", 60, KlineSource.TRADES),
        ("1h", 3600, KlineSource.TRADES),
        ("1m", 60, KlineSource.CONTINUOUS),
    ],
)
def test_a_candle_is_the_venues(
    session: connector.Session, sim: Sim, interval: str, interval_s: int, source: KlineSource
) -> None:
    found = following(
        session,
        lambda one: (
            isinstance(one, connector.Kline)
            and (one.interval_s, one.source) == (interval_s, source)
        ),
    )
    assert isinstance(found, connector.Kline)
    assert (found.end_ns - found.open_ns) == interval_s * 10**9
    assert found.open_ns <= found.venue_ns < found.end_ns + 10**9
    open_ms = found.open_ns // MS
    # The candle went on meanwhile: what cannot change is compared, the rest only grows.
    (row,) = sim.ask(
        f"/fapi/v1/klines?symbol=BTCUSDT&interval={interval}&startTime={open_ms}&limit=1"
    )
    told = found.to_dict()
    assert row[0] == open_ms
    assert row[6] == found.end_ns // MS - 1
    assert Decimal(row[1]) == told["open"]
    assert Decimal(row[2]) >= told["high"]
    assert Decimal(row[3]) <= told["low"]
    assert row[8] >= told["trades"] > 0
    assert Decimal(row[5]) >= told["qty"] >= told["buy_qty"]
    assert Decimal(row[7]) >= told["value"] >= told["buy_value"]
    assert told["last_trade_id"] - told["first_trade_id"] + 1 == told["trades"]


def test_candles_are_asked_for_where_the_venue_serves_them(
    session: connector.Session, sim: Sim
) -> None:
    routes = {
        name: one["route"]
        for one in sim.status()["connections"]
        for name in one["streams"]
        if "line" in name
    }
    assert routes == {
        "btcusdt@kline_1m": "market",
        "btcusdt@kline_1h": "market",
        "btcusdt_perpetual@continuousKline_1m": "market",
    }
