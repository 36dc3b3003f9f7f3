"""Streams beside book, trades and mark prices, from the simulated venue to a strategy."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import connector
from connector.model.counters import Counter
from connector.model.records import DepthViewKind, KlineSource
from connector.model.reports import OrderStatus
from tests.reference.stack import Daemon, Sim

MS = 1_000_000
CHANNELS = [
    "depth", "kline_1m", "kline_1h", "continuous_kline_1m", "ticker", "mini_ticker", "liquidation",
    "asset_index", "composite_index", "contract", "depth_5", "depth_20", "hidden_depth",
    "market_hours",
]  # fmt: skip
OTHERS = ["mark_price", "bbo", "ticker", "mini_ticker", "liquidation", "asset_index"]
"""Of another instrument, by the streams of all symbols."""


@pytest.fixture(scope="module")
def sim() -> Iterator[Sim]:
    with Sim("--symbols", "BTCUSDT,BTCDOMUSDT", "--rate", "50", "--no-bursts") as running:
        yield running


@pytest.fixture(scope="module")
def session(sim: Sim, tmp_path_factory: pytest.TempPathFactory) -> Iterator[connector.Session]:
    feeds = [{"instruments": ["*"], "channels": CHANNELS}]
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
            and one.instrument.symbol == "BTCUSDT"
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


@pytest.mark.parametrize(
    ("symbol", "kind", "wanted"),
    [
        ("BTCUSDT", connector.Ticker, {"mini": False}),
        ("BTCUSDT", connector.Ticker, {"mini": True}),
        ("BTCUSDT", connector.Liquidation, {"status": OrderStatus.FILLED}),
        ("BTCUSDT", connector.Index, {"kind": connector.IndexKind.ASSET, "name": "BTCUSD"}),
        ("BTCDOMUSDT", connector.Index, {"kind": connector.IndexKind.COMPOSITE}),
        ("BTCUSDT", connector.DepthView, {"view": DepthViewKind.TOP, "levels": 5}),
        ("BTCUSDT", connector.DepthView, {"view": DepthViewKind.TOP, "levels": 20}),
        ("BTCUSDT", connector.DepthView, {"view": DepthViewKind.HIDDEN}),
        ("BTCUSDT", connector.MarketHours, {"market": "Equity"}),
    ],
)
def test_each_stream_comes(
    session: connector.Session, symbol: str, kind: type[connector.Event], wanted: dict[str, Any]
) -> None:
    found = following(
        session,
        lambda one: (
            isinstance(one, kind)
            and one.instrument.symbol == symbol
            and all(getattr(one, name) == value for name, value in wanted.items())
        ),
    )
    told = found.to_dict()
    assert told["exchange"] == "BinanceU"
    assert session.instruments[symbol] is found.instrument
    if isinstance(found, connector.DepthView) and found.view is DepthViewKind.TOP:
        bids, asks = found.bids_e, found.asks_e
        assert len(bids) == len(asks) == found.levels
        assert bids == sorted(bids, reverse=True)
        assert bids[0] < asks[0]
        assert asks == sorted(asks)


def test_a_contract_is_told(session: connector.Session, sim: Sim) -> None:
    body = json.dumps({"symbol": "BTCDOMUSDT", "status": "TRADING_HALT"}).encode()
    sim.ask("/_sim/instruments", body, "POST")
    found = following(session, lambda one: isinstance(one, connector.Contract))
    assert isinstance(found, connector.Contract)
    assert (found.instrument.symbol, found.status) == ("BTCDOMUSDT", connector.Status.HALTED)


def test_what_comes_of_all_symbols_reaches_those_that_asked(sim: Sim, tmp_path: Path) -> None:
    feeds = [{"instruments": ["BTCUSDT"], "channels": OTHERS}]
    with Daemon(tmp_path, sim, feeds=feeds, venue={"whole_market": OTHERS}) as daemon:
        daemon.ready(60)
        with connector.attach("streams", daemon.runtime_dir) as session:
            for kind in (connector.MarkPrice, connector.Ticker, connector.Index):
                found = following(session, lambda one, kind=kind: isinstance(one, kind))
                assert found.instrument.symbol == "BTCUSDT"
            assert session.counters[Counter.UNKNOWN_SYMBOL] == 0


def test_candles_are_asked_for_where_the_venue_serves_them(
    session: connector.Session, sim: Sim
) -> None:
    routes = {
        name: one["route"]
        for one in sim.status()["connections"]
        for name in one["streams"]
        if name.startswith("btcusdt") and "line" in name
    }
    assert routes == {
        "btcusdt@kline_1m": "market",
        "btcusdt@kline_1h": "market",
        "btcusdt_perpetual@continuousKline_1m": "market",
    }
