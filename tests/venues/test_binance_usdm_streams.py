"""Streams beside book, trades and mark price: the venue's samples and captured frames go into their
structs and come out whole, and into events that say the same."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import Raw, Struct
from msgspec.structs import replace

from connector.model.instrument import ABSENT, ContractType, Instrument, Status
from connector.model.records import DepthViewKind, IndexKind, KlineSource, Side
from connector.venues.binance_usdm import VENUE, schemas, streams
from connector.venues.binance_usdm import schemas_streams as wire
from connector.venues.binance_usdm.sim import SIM
from connector.venues.channels import CONTINUOUS_KLINES, DEPTH_VIEWS, KLINES, Channel
from connector.venues.contract import (
    Bbo,
    ContractInfo,
    Depth,
    DepthLevels,
    Index,
    Kline,
    Liquidation,
    MarketHours,
    MarkPrice,
    Ticker,
    Trade,
    UnknownSymbol,
    Unreadable,
)
from tests.reference.decoding import instrument
from tests.reference.every_stream import every_stream

GOLDEN = Path(__file__).parents[1] / "golden" / "binance_usdm"
SAMPLES: dict[str, Any] = json.loads((GOLDEN / "streams_2021.json").read_text())
CAPTURED = {
    row["name"]: json.loads(row["raw"])
    for row in map(json.loads, (GOLDEN / "frames.jsonl").read_text().splitlines())
}
SHAPES: dict[str, type[Struct]] = {
    "aggTrade": schemas.AggTradeEvent,
    "trade": schemas.TradeEvent,
    "markPriceUpdate": schemas.MarkPriceUpdate,
    "bookTicker": schemas.BookTicker,
    "depthUpdate": schemas.DepthUpdate,
    "kline": wire.KlineEvent,
    "continuous_kline": wire.ContinuousKlineEvent,
    "24hrMiniTicker": wire.TickerEvent,
    "24hrTicker": wire.TickerEvent,
    "forceOrder": wire.ForceOrderEvent,
    "compositeIndex": wire.CompositeIndexEvent,
    "assetIndexUpdate": wire.AssetIndexEvent,
    "contractInfo": wire.ContractInfoEvent,
    "EquityUpdate": wire.SessionEvent,
}
MS = 1_000_000

# Made by the venue's pages of today, where 2021's has no sample and nobody published a frame.
TODAY: dict[str, Any] = {
    "assetIndex": {
        "e": "assetIndexUpdate", "E": 1686749230000, "s": "ADAUSD", "i": "0.27462452",
        "b": "0.10000000", "a": "0.10000000", "B": "0.24716207", "A": "0.30208698",
        "q": "0.05000000", "g": "0.05000000", "Q": "0.26089330", "G": "0.28835575",
    },
    "contractInfo": {
        "e": "contractInfo", "E": 1669647330128, "s": "IOTAUSDT", "ps": "IOTAUSDT",
        "ct": "PERPETUAL", "dt": 4133404800000, "ot": 1569398400000, "cs": "TRADING",
        "bks": [
            {"bs": 1, "bnf": 0, "bnc": 5000, "mmr": 0.01, "cf": 0, "mi": 21, "ma": 50},
            {"bs": 2, "bnf": 5000, "bnc": 25000, "mmr": 0.025, "cf": 75, "mi": 11, "ma": 20},
        ],
        "st": 1,
    },
    "compositeIndex": {
        "e": "compositeIndex", "E": 1602310596000, "s": "DEFIUSDT", "p": "554.41604065",
        "C": "baseAsset",
        "c": [
            {"b": "BAL", "q": "USDT", "w": "1.04884844", "W": "0.01457800", "i": "24.33521021"},
            {"b": "BAND", "q": "USDT", "w": "3.53782729", "W": "0.03935200", "i": "7.26420084"},
        ],
    },
    "tradingSession": {
        "e": "EquityUpdate", "E": 1767000000000, "t": 1766999400000, "T": 1767022800000,
        "S": "REGULAR",
    },
}  # fmt: skip


def rows(told: Any) -> list[dict[str, Any]]:
    """The messages of a sample or frame."""
    told = told.get("data", told) if isinstance(told, dict) else told
    return told if isinstance(told, list) else [told]


def again(value: Any) -> Any:
    """What a decoded message says, as JSON says it."""
    if isinstance(value, Raw):
        return json.loads(bytes(value))
    if isinstance(value, list):
        return [again(one) for one in value]
    if not isinstance(value, Struct):
        return value
    return {
        field.encode_name: again(one)
        for field in msgspec.structs.fields(value)
        if (one := getattr(value, field.name)) not in (Raw(b""), "", [])
        or (field.required and one == [])
    }


EVERY = {
    name: row
    for name, told in {**SAMPLES, **CAPTURED, **TODAY}.items()
    for row in rows(told)
    if "e" in row
}


@pytest.mark.parametrize("name", EVERY)
def test_a_message_goes_in_and_comes_out_whole(name: str) -> None:
    sample = EVERY[name]
    found = msgspec.json.decode(json.dumps(sample), type=SHAPES[sample["e"]])
    assert again(found) == sample


def test_each_kind_of_both_lists_is_known() -> None:
    """2021's page has 15 streams, by 10 events; today's has four kinds more, and ``trade``."""
    assert len(SAMPLES) == 15
    of_then = {row["e"] for told in SAMPLES.values() for row in rows(told)}
    assert len(of_then) == 10
    hours = {f"{market}Update" for market in ("Equity", "Commodity", "KR_Equity", "HK_Equity")}
    hours |= {"CN_EquityUpdate"}
    known = {*of_then, "trade", "assetIndexUpdate", "contractInfo", *hours}
    assert known == streams.EVENTS.keys() | {
        "depthUpdate", "bookTicker", "trade", "aggTrade", "markPriceUpdate",
    }  # fmt: skip


ALL = replace(instrument("BTCUSDT"), base="BTC", series="PERPETUAL")
SERVED = {
    "BTCUSDT": ALL,
    "BNBUSDT": instrument("BNBUSDT"),
    "DEFIUSDT": instrument("DEFIUSDT"),
    "IOTAUSDT": instrument("IOTAUSDT"),
    "BTCBUSD NEXT_QUARTER": instrument("BTCBUSD_210326"),
    "ADAUSD asset index": instrument("ADAUSDT"),
    streams.MARKET_HOURS: instrument("TSLAUSDT"),
}


def event(told: Any, stream: str = "") -> Any:
    frame = json.dumps({"stream": stream, "data": told} if stream else told).encode()
    found = VENUE.decode(frame, SERVED.get)
    return found[0] if isinstance(found, list) and len(found) == 1 else found


def e(text: str, exponent: int = 8) -> int:
    return int(Decimal(text).scaleb(exponent))


def test_candles() -> None:
    found = event(SAMPLES["Kline/Candlestick Streams"])
    assert found == Kline(
        symbol="BTCUSDT", venue_ns=123456789 * MS, interval_s=60, open_ns=123400000 * MS,
        end_ns=123460001 * MS, open_e=e("0.0010"), high_e=e("0.0025"), low_e=e("0.0015"),
        close_e=e("0.0020"), qty_exponent=0, qty_e=1000, buy_qty_e=500, value_exponent=4,
        value_e=10000, buy_value_e=5000, trades=100, first_trade_id=100, last_trade_id=200,
    )  # fmt: skip
    live = event(CAPTURED["kline"])
    assert (live.qty_e, live.qty_exponent, live.value_e, live.value_exponent) == (
        502, 4, 3230204340, 6,
    )  # fmt: skip
    assert live.end_ns - live.open_ns == 60_000 * MS
    found = event(SAMPLES["Continues Contract Kline/Candlestick Streams"])
    assert isinstance(found, Kline)
    assert (found.symbol, found.source) == ("BTCBUSD NEXT_QUARTER", KlineSource.CONTINUOUS)
    assert (found.value_e, found.value_exponent) == (e("3715253.19494", 5), 5)
    assert (found.open_e, found.low_e) == (e("18787"), e("18786.54"))


def test_a_candle_without_trades_and_one_that_is_over() -> None:
    told = json.loads(json.dumps(SAMPLES["Kline/Candlestick Streams"]))
    told["k"] |= {"f": -1, "L": -1, "n": 0, "v": "0", "q": "0", "V": "0", "Q": "0", "x": True}
    found = event(told)
    assert (found.first_trade_id, found.last_trade_id, found.trades) == (ABSENT, ABSENT, 0)
    assert found.closed
    told["k"]["i"] = "7m"
    with pytest.raises(ValueError, match=r"kline: i: '7m' is no interval"):
        event(told)


def test_tickers() -> None:
    mini = event(SAMPLES["Individual Symbol Mini Ticker Stream"])
    assert mini == Ticker(
        symbol="BTCUSDT", venue_ns=123456789 * MS, open_e=e("0.0010"), high_e=e("0.0025"),
        low_e=e("0.0010"), last_e=e("0.0025"), qty_exponent=0, qty_e=10000, value_exponent=0,
        value_e=18, mini=True,
    )  # fmt: skip
    whole = event(SAMPLES["Individual Symbol Ticker Streams"])
    assert whole == replace(
        mini, mini=False, average_e=e("0.0018"), last_qty_e=10, open_ns=0, close_ns=86400000 * MS,
        first_trade_id=0, last_trade_id=18150, trades=18151,
    )  # fmt: skip
    for name, one in (("Mini Tickers", mini), ("Tickers", whole)):
        assert event(SAMPLES[f"All Market {name} Stream{'s' * (one is whole)}"]) == one


def test_liquidations() -> None:
    for name in ("Liquidation Order Streams", "All Market Liquidation Order Streams"):
        assert event(SAMPLES[name]) == Liquidation(
            symbol="BTCUSDT", venue_ns=1568014460893 * MS, transaction_ns=1568014460893 * MS,
            side=Side.SELL, order_type=1, time_in_force=2, status=3, price_e=e("9910"),
            average_e=e("9910"), qty_e=e("0.014"), last_qty_e=e("0.014"), filled_qty_e=e("0.014"),
        )  # fmt: skip
    strange = json.loads(json.dumps(SAMPLES["Liquidation Order Streams"]))
    strange["o"] |= {"o": "NEW_KIND", "f": "NEVER", "X": "WHO_KNOWS"}
    found = event(strange)
    assert (found.order_type, found.time_in_force, found.status) == (0, 0, 8)
    strange["o"]["S"] = "UP"
    with pytest.raises(ValueError, match=r"forceOrder: S: 'UP' is no side"):
        event(strange)


def test_indexes() -> None:
    then = event(SAMPLES["Composite Index Symbol Information Streams"])
    now = event(TODAY["compositeIndex"])
    for found in (then, now):
        assert isinstance(found, Index)
        assert (found.kind, found.name) == (IndexKind.COMPOSITE, "DEFIUSDT")
        assert found.value_e == e("554.41604065")
        assert [row.base for row in found.components] == ["BAL", "BAND"]
    assert then.components[0].price_e == ABSENT
    assert now.components[0].price_e == e("24.33521021")
    assert now.components[1].share_e == e("0.03935200")
    asset = event(TODAY["assetIndex"])
    assert (asset.symbol, asset.kind, asset.name) == (
        "ADAUSD asset index", IndexKind.ASSET, "ADAUSD",
    )  # fmt: skip
    assert (asset.value_e, asset.bid_rate_e, asset.auto_ask_rate_e) == (
        e("0.27462452"), e("0.24716207"), e("0.28835575"),
    )  # fmt: skip


def test_contracts_and_hours() -> None:
    found = event(TODAY["contractInfo"])
    assert isinstance(found, ContractInfo)
    assert (found.status, found.contract) == (Status.TRADING, ContractType.PERPETUAL)
    assert [row.cap_e for row in found.brackets] == [e("5000"), e("25000")]
    assert (found.brackets[1].maintenance_e, found.brackets[1].max_leverage) == (e("0.025"), 20)
    told = json.loads(json.dumps(TODAY["contractInfo"]))
    told["bks"][-1]["bnc"] = 2**63 - 1
    assert [row.cap_e for row in event(told).brackets] == [e("5000"), ABSENT]
    told["bks"][-1]["bnc"] = "much"
    with pytest.raises(ValueError, match="bnc"):
        event(told)
    hours = event(TODAY["tradingSession"])
    assert hours == MarketHours(
        symbol=streams.MARKET_HOURS, venue_ns=1767000000000 * MS, market="Equity",
        session="REGULAR", open_ns=1766999400000 * MS, end_ns=1767022800000 * MS,
    )  # fmt: skip


def test_levels_beside_the_book_never_look_like_its_changes() -> None:
    told = SAMPLES["Partial Book Depth Streams"] | {"s": "BTCUSDT"}
    assert isinstance(event(told, "btcusdt@depth"), Depth)
    assert isinstance(event(told, "btcusdt@depth@100ms"), Depth)
    for name, view, levels in (
        ("depth5", DepthViewKind.TOP, 5),
        ("depth10@100ms", DepthViewKind.TOP, 10),
        ("depth20@500ms", DepthViewKind.TOP, 20),
        ("rpiDepth@500ms", DepthViewKind.HIDDEN, 0),
    ):
        found = event(told, f"btcusdt@{name}")
        assert isinstance(found, DepthLevels), name
        assert (found.view, found.levels) == (view, levels)
        assert len(found.bids) == len(found.asks) == 10
        assert found.update_id == told["u"]


def test_what_is_not_configured_is_no_news_on_a_stream_of_all_symbols() -> None:
    other = SAMPLES["Individual Symbol Ticker Streams"] | {"s": "ETHUSDT"}
    both = [SAMPLES["Individual Symbol Ticker Streams"], other]
    assert isinstance(event(other, "ethusdt@ticker"), UnknownSymbol)
    assert isinstance(event(both, "!ticker@arr"), Ticker)
    assert event(other | {"st": 2, "s": "BTCUSDT"}, "!ticker@arr") == []


def test_one_row_that_cannot_be_read_costs_nothing_but_itself() -> None:
    good = SAMPLES["Individual Symbol Ticker Streams"]
    first, bad, last = event([good, good | {"c": "much"}, good], "!ticker@arr")
    assert first == last == event(good)
    assert isinstance(bad, Unreadable)
    assert "much" in bad.words


def test_a_mark_price_of_all_symbols() -> None:
    rows = [CAPTURED["mark_price_testnet"]["data"]] * 2
    found = VENUE.decode(
        json.dumps({"stream": "!markPrice@arr@1s", "data": rows}).encode(), SERVED.get
    )
    assert isinstance(found, list)
    assert all(isinstance(one, MarkPrice) for one in found)
    assert len(found) == 2


def asked(channel: str, one: Instrument = ALL, **options: Any) -> tuple[str, str]:
    """The stream of a channel and its route."""
    row = VENUE.subscription(one, Channel(channel), options)
    (route,) = [route.name for route in VENUE.routes if row.channel in route.channels]
    return row.stream, route


def test_every_channel_has_its_stream_on_its_route() -> None:
    """The spec's table of streams and routed paths."""
    whole = {"mark_price", "ticker", "mini_ticker", "bbo", "liquidation", "asset_index"}
    table = {
        "agg_trade": ("btcusdt@aggTrade", "market"),
        "mark_price": ("btcusdt@markPrice@1s", "market"),
        "kline_1m": ("btcusdt@kline_1m", "market"),
        "kline_1M": ("btcusdt@kline_1M", "market"),
        "continuous_kline_15m": ("btcusdt_perpetual@continuousKline_15m", "market"),
        "mini_ticker": ("btcusdt@miniTicker", "market"),
        "ticker": ("btcusdt@ticker", "market"),
        "bbo": ("btcusdt@bookTicker", "public"),
        "liquidation": ("btcusdt@forceOrder", "market"),
        "depth_5": ("btcusdt@depth5", "public"),
        "depth": ("btcusdt@depth@0ms", "public"),
        "composite_index": ("btcusdt@compositeIndex", "market"),
        "contract": ("!contractInfo", "market"),
        "asset_index": ("btcusd@assetIndex", "market"),
        "hidden_depth": ("btcusdt@rpiDepth@500ms", "public"),
        "market_hours": ("tradingSession", "market"),
    }
    assert {channel: asked(channel) for channel in table} == table
    assert {channel: asked(channel, whole_market=whole)[0] for channel in whole} == {
        "mark_price": "!markPrice@arr@1s", "ticker": "!ticker@arr",
        "mini_ticker": "!miniTicker@arr", "bbo": "!bookTicker", "liquidation": "!forceOrder@arr",
        "asset_index": "!assetIndex@arr",
    }  # fmt: skip
    assert asked("mark_price", whole_market=whole, mark_price_speed="3s")[0] == "!markPrice@arr"
    assert asked("depth_20", depth_view_speed="100ms")[0] == "btcusdt@depth20@100ms"
    quarter = replace(ALL, symbol="BTCUSDT_260626", series="CURRENT_QUARTER")
    assert asked("continuous_kline_1h", quarter)[0] == (
        "btcusdt_current_quarter@continuousKline_1h"
    )
    with pytest.raises(ValueError, match="BTCUSDT: not one of a pair's series"):
        asked("continuous_kline_1h", replace(ALL, series=""))
    served = frozenset[Channel]().union(*(route.channels for route in VENUE.routes))
    assert {one.value for one in set(Channel) - served} == {"index", "kline_1Q", "kline_1Y"}
    for channel in served:
        VENUE.subscription(ALL, channel, {})
    assert len(KLINES) == 17
    assert len(CONTINUOUS_KLINES) == 15
    assert len(DEPTH_VIEWS) == 3


INTERVALS = [
    "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M",
]  # fmt: skip
OF_2021 = [
    ["btcusdt@aggTrade"],
    ["btcusdt@markPrice"],
    [f"btcusdt@kline_{one}" for one in INTERVALS],
    [f"btcusdt_perpetual@continuousKline_{one}" for one in INTERVALS],
    ["btcusdt@miniTicker"],
    ["!miniTicker@arr"],
    ["btcusdt@ticker"],
    ["!ticker@arr"],
    ["btcusdt@bookTicker"],
    ["!bookTicker"],
    ["btcusdt@forceOrder"],
    ["!forceOrder@arr"],
    [f"btcusdt@depth{n}{speed}" for n in (5, 10, 20) for speed in ("", "@100ms", "@500ms")],
    ["btcusdt@depth", "btcusdt@depth@100ms", "btcusdt@depth@500ms"],
    ["btcusdt@compositeIndex"],
]
SINCE = [
    ["!markPrice@arr", "!markPrice@arr@1s"],
    ["btcusdt@markPrice@1s"],
    ["!contractInfo"],
    ["!assetIndex@arr", "btcusd@assetIndex"],
    ["btcusdt@rpiDepth@500ms"],
    ["tradingSession"],
    ["btcusdt@trade"],
    ["btcusdt@depth@0ms", *(f"btcusdt@depth{n}@0ms" for n in (5, 10, 20))],
]
"""Found or added since; the streams of listen keys' requests were removed in 2024."""


def test_every_stream_of_both_lists_can_be_had_and_is_served() -> None:
    had = every_stream(ALL)
    listed = [name for row in (*OF_2021, *SINCE) for name in row]
    assert set(listed) == had.keys()
    for name, route_name in had.items():
        served = SIM.stream(name, {"BTCUSDT": None})
        assert served is not None, name
        assert route_name in served.routes, "asked for where the venue serves it"
    assert len(OF_2021) == 15


def test_the_kinds_of_old_are_what_they_were() -> None:
    assert isinstance(event(SAMPLES["Aggregate Trade Streams"]), Trade)
    assert isinstance(event(SAMPLES["Mark Price Stream"]), MarkPrice)
    assert isinstance(event(SAMPLES["All Book Tickers Stream"], "!bookTicker"), Bbo)
