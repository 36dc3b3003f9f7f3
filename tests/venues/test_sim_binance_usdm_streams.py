"""The simulated Binance's streams beside book, trades and mark price, key by key against the
venue's samples, and in their numbers against what was traded."""

import json
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from connector.clock import monotonic_ns
from connector.sim.faults import Faults
from connector.sim.hub import Hub, content
from connector.sim.listings import contracts
from connector.sim.synthetic import SyntheticMarket
from connector.venues.binance_usdm.sim import SIM
from tests.venues.test_binance_usdm_streams import SAMPLES, TODAY

SYMBOLS = ["BTCUSDT", "ETHUSDT", "BTCDOMUSDT"]
MINUTE_MS = 60_000
START_MS = 1_790_133_477_000
"""Three seconds before a minute is over."""
ROUTES = {"public", "market"}


class Venue:
    """The market in a time of its own, and what it sends."""

    def __init__(self) -> None:
        self.start_ns = self.now_ns = monotonic_ns()
        self.market = SyntheticMarket(
            SIM, contracts(SIM.listings, SYMBOLS), rate=100, levels=200, seed=7, bursts=False,
            wall_ms=self.wall_ms,
        )  # fmt: skip
        self.hub = self.market.hub = Hub(Faults(), SIM.wrapped, lambda *later: None)
        self.said: dict[str, list[Any]] = {}

    def wall_ms(self) -> int:
        return START_MS + (self.now_ns - self.start_ns) // 1_000_000

    def ask(self, *names: str) -> None:
        for name in names:
            stream = SIM.stream(name, self.market.symbols)
            assert stream is not None, name
            assert set(stream.routes) & ROUTES
            self.said[name] = []
            self.hub.add(name, Heard(self.said[name]))
            self.market.subscribed(stream)

    def run(self, ms: int) -> None:
        for _ in range(ms // 5):
            self.now_ns += 5_000_000
            while self.market.run_until(self.now_ns, 1000):
                pass


class Heard:
    """A subscriber of one stream."""

    number, combined, paused = 1, False, False

    def __init__(self, said: list[Any]) -> None:
        self._said = said

    def write(self, data: bytes) -> None:
        self._said.append(json.loads(content(data)))

    def flush(self) -> None:
        """Nothing is held back."""


KINDS = {
    "btcusdt@kline_1m": SAMPLES["Kline/Candlestick Streams"],
    "btcusdt@kline_3m": SAMPLES["Kline/Candlestick Streams"],
    "btcusdt_perpetual@continuousKline_1M": SAMPLES["Continues Contract Kline/Candlestick Streams"],
    "btcusdt@ticker": SAMPLES["Individual Symbol Ticker Streams"],
    "btcusdt@miniTicker": SAMPLES["Individual Symbol Mini Ticker Stream"],
    "!ticker@arr": SAMPLES["All Market Tickers Streams"],
    "!miniTicker@arr": SAMPLES["All Market Mini Tickers Stream"],
    "btcusdt@forceOrder": SAMPLES["Liquidation Order Streams"],
    "!forceOrder@arr": SAMPLES["All Market Liquidation Order Streams"],
    "!bookTicker": SAMPLES["All Book Tickers Stream"],
    "!markPrice@arr": [SAMPLES["Mark Price Stream"] | {"ap": "1"}],
    "!markPrice@arr@1s": [SAMPLES["Mark Price Stream"] | {"ap": "1"}],
    "btcdomusdt@compositeIndex": TODAY["compositeIndex"],
    "btcusd@assetIndex": TODAY["assetIndex"],
    "!assetIndex@arr": [TODAY["assetIndex"]],
    "btcusdt@rpiDepth@500ms": SAMPLES["Diff. Book Depth Streams"],
    "btcusdt@depth5": SAMPLES["Partial Book Depth Streams"],
    "tradingSession": TODAY["tradingSession"],
}


@pytest.fixture(scope="module")
def venue() -> Venue:
    found = Venue()
    found.ask(*KINDS)
    found.run(6000)
    return found


def keys(value: Any) -> Any:
    """The names in a message, and whether each value is text, a number or a truth."""
    if isinstance(value, list):
        return [keys(value[0])] if value else []
    if isinstance(value, dict):
        return {name: keys(one) for name, one in value.items() if name not in ("st", "ps")}
    return type(value).__name__


@pytest.mark.parametrize("stream", KINDS)
def test_messages_have_the_samples_keys(venue: Venue, stream: str) -> None:
    said = venue.said[stream]
    assert said, "it says nothing"
    for message in said:
        assert keys(message) == keys(KINDS[stream])


def test_candles_add_up_and_close_once(venue: Venue) -> None:
    said = [row["k"] for row in venue.said["btcusdt@kline_1m"]]
    begin_ms = START_MS - START_MS % MINUTE_MS
    first = [row for row in said if row["t"] == begin_ms]
    second = [row for row in said if row["t"] == begin_ms + MINUTE_MS]
    assert len(first) + len(second) == len(said)
    assert len(first) > 3
    assert len(second) > 3
    assert [row["x"] for row in first] == [False] * (len(first) - 1) + [True]
    assert not any(row["x"] for row in second)
    trades = venue.market.trades("BTCUSDT")
    for row in (first[-1], second[-1]):
        assert row["T"] == row["t"] + MINUTE_MS - 1
        mine = [one for one in trades if row["f"] <= one.trade_id <= row["L"]]
        prices = [Decimal(one.price) for one in mine]
        assert row["n"] == len(mine) == row["L"] - row["f"] + 1
        assert (Decimal(row["o"]), Decimal(row["c"])) == (prices[0], prices[-1])
        assert (Decimal(row["h"]), Decimal(row["l"])) == (max(prices), min(prices))
        assert Decimal(row["v"]) == sum(Decimal(one.qty) for one in mine)
        bought = [one for one in mine if not one.buyer_is_maker]
        assert Decimal(row["Q"]) == sum(Decimal(one.quote_qty) for one in bought)
    assert second[0]["f"] == first[-1]["L"] + 1


def test_a_longer_candle_goes_on_where_a_shorter_one_ends(venue: Venue) -> None:
    last = venue.said["btcusdt@kline_3m"][-1]["k"]
    minutes = {
        row["k"]["t"]: row["k"]
        for row in venue.said["btcusdt@kline_1m"]
        if row["k"]["t"] >= last["t"]
    }
    assert last["t"] % (3 * MINUTE_MS) == 0
    assert abs(last["n"] - sum(row["n"] for row in minutes.values())) <= last["n"] // 2
    month = venue.said["btcusdt_perpetual@continuousKline_1M"][-1]
    assert (month["ps"], month["ct"]) == ("BTCUSDT", "PERPETUAL")
    assert month["k"]["t"] <= last["t"]
    assert month["k"]["T"] > last["T"]


def test_a_days_statistics_are_the_endpoints(venue: Venue) -> None:
    every = {row["s"]: row for row in venue.said["!ticker@arr"][-1]}
    one = venue.said["btcusdt@ticker"][-1]
    assert {"BTCUSDT", "ETHUSDT"} <= every.keys()
    for row in (one, every["ETHUSDT"]):
        assert Decimal(row["p"]) == Decimal(row["c"]) - Decimal(row["o"])
        assert Decimal(row["l"]) <= Decimal(row["w"]) <= Decimal(row["h"])
        assert row["L"] - row["F"] + 1 == row["n"]


def test_books_with_hidden_orders_chain_and_follow_the_book(venue: Venue) -> None:
    said = venue.said["btcusdt@rpiDepth@500ms"]
    for before, after in pairwise(said):
        assert after["pu"] == before["u"] < after["U"] <= after["u"]
    row = venue.market.top("BTCUSDT", 0)
    book = dict(row.bids)
    if row.update_id == said[-1]["u"]:
        for price, qty in said[-1]["b"]:
            assert book.get(price, "0.000") == qty


def test_a_composite_index_is_the_sum_of_its_parts(venue: Venue) -> None:
    row = venue.said["btcdomusdt@compositeIndex"][-1]
    total = sum(Decimal(part["w"]) * Decimal(part["i"]) for part in row["c"])
    assert abs(total - Decimal(row["p"])) < Decimal("0.01") * len(row["c"])
    assert sum(Decimal(part["W"]) for part in row["c"]) == 1


def test_contracts_are_told_when_their_status_is_another() -> None:
    venue = Venue()
    venue.ask("!contractInfo")
    venue.run(500)
    assert venue.said["!contractInfo"] == []
    venue.market.relist({"symbol": "ETHUSDT", "status": "TRADING_HALT"})
    venue.run(200)
    (row,) = venue.said["!contractInfo"]
    assert (row["s"], row["cs"], row["ct"]) == ("ETHUSDT", "TRADING_HALT", "PERPETUAL")
    assert keys(row).items() <= keys(TODAY["contractInfo"]).items()


@pytest.mark.parametrize(
    "name",
    [
        "btcusdt@kline_7m", "btcusdt@kline", "btcusdt@tradingSession", "btcusdt@!ticker@arr",
        "btcusdt@ticker@500ms", "nope@ticker", "BTCUSDT@ticker", "btcusdt_perpetual@kline_1m",
        "btcusdt_next_quarter@continuousKline_1m", "!ticker", "btcusdt@depth7", "nope@assetIndex",
    ],
)  # fmt: skip
def test_what_is_no_stream_is_silent(name: str) -> None:
    assert SIM.stream(name, dict.fromkeys(SYMBOLS)) is None
