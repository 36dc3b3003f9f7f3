"""Candles and ticks of Phemex: what is asked for, and what comes of each message."""

import json
from pathlib import Path
from typing import Any

import pytest

from connector.model.instrument import ABSENT, Instrument
from connector.model.records import IndexKind
from connector.protocol.recording import Kind, read
from connector.venues.channels import INTERVALS_S, KLINES
from connector.venues.contract import (
    Channel,
    Index,
    Kline,
    MarkPrice,
    Ticker,
    UnknownSymbol,
    Unreadable,
    load,
)
from connector.venues.phemex.streams import INTERVALS

VENUE = load("phemex")
NAMES = (
    (IndexKind.PRICE, ".BTC"),
    (IndexKind.MARK, ".MBTC"),
    (IndexKind.FUNDING_RATE, ".BTCFR8H"),
    (IndexKind.NEXT_FUNDING_RATE, ".BTCFR"),
)


def instrument(symbol: str = "BTCUSD", **more: Any) -> Instrument:
    given: dict[str, Any] = {"price_exponent": 4, "qty_exponent": 0, "value_exponent": 8}
    given |= {"indexes": NAMES} | more
    return Instrument(
        symbol=symbol,
        exchange="Phemex",
        price_digits=1,
        qty_digits=0,
        tick_e=1000,
        step_e=1,
        **given,
    )


HEDGED = instrument("BTCUSDT", price_exponent=8, qty_exponent=8, margin="USDT")
KNOWN = {one.symbol: one for one in (instrument(), HEDGED)}
KNOWN |= {name: KNOWN["BTCUSD"] for _, name in NAMES}


def decoded(message: dict[str, Any]) -> Any:
    return VENUE.decode(json.dumps(message).encode(), KNOWN.get)


def test_every_length_the_venue_has_is_asked_for_by_its_seconds() -> None:
    asked = []
    for channel, name in KLINES.items():
        if INTERVALS_S[name] not in INTERVALS:
            continue
        row = VENUE.subscription(KNOWN["BTCUSD"], channel, {})
        assert not isinstance(row, tuple)
        frame = json.loads(VENUE.subscribe([row.stream], 7))
        assert (frame["method"], frame["params"][0]) == ("kline.subscribe", "BTCUSD")
        asked.append(frame["params"][1])
    assert asked == sorted(INTERVALS)
    (route,) = VENUE.routes
    assert Channel.KLINE_3m not in route.channels
    row = VENUE.subscription(HEDGED, Channel.KLINE_1m, {})
    assert not isinstance(row, tuple)
    frame = json.loads(VENUE.subscribe([row.stream], 7))
    assert (frame["method"], frame["params"]) == ("kline_p.subscribe", ["BTCUSDT", 60])


def test_ticks_are_asked_for_by_the_names_the_product_has() -> None:
    rows = VENUE.subscription(KNOWN["BTCUSD"], Channel.INDEX, {})
    assert isinstance(rows, tuple)
    assert [row.about for row in rows] == [name for _, name in NAMES]
    frames = [json.loads(VENUE.subscribe([row.stream], 7)) for row in rows]
    assert [frame["params"] for frame in frames] == [[name] for _, name in NAMES]
    assert {frame["method"] for frame in frames} == {"tick.subscribe"}
    with pytest.raises(ValueError, match="names no symbols"):
        VENUE.subscription(instrument(indexes=()), Channel.INDEX, {})


def test_products_name_their_numbers() -> None:
    products = (Path(__file__).parents[1] / "golden" / "phemex" / "products_2025.json").read_bytes()
    listed = {one.symbol: one for one in VENUE.instruments(products).instruments}
    assert dict(listed["BTCUSD"].indexes) == dict(NAMES)
    for one in listed.values():
        assert {kind for kind, _ in one.indexes} == {kind for kind, _ in NAMES}


DAY = {"close": 87425000, "fundingRate": 10000, "high": 92080000, "indexPrice": 87450676,
       "low": 87130000, "markPrice": 87453092, "open": 90710000, "openInterest": 7821141,
       "predFundingRate": 7609, "symbol": "BTCUSD", "turnover": 1399362834123,
       "volume": 125287131}  # fmt: skip


def test_a_day_of_integers_has_the_scales_of_the_contract() -> None:
    price, found = decoded({"market24h": DAY, "timestamp": 7})
    assert isinstance(price, MarkPrice)
    assert found == Ticker(
        symbol="BTCUSD", venue_ns=7, open_e=90710000, high_e=92080000, low_e=87130000,
        last_e=87425000, qty_exponent=0, qty_e=125287131, open_interest_e=7821141,
        value_exponent=8, value_e=1399362834123,
    )  # fmt: skip
    for gone in ("open", "high", "low", "close", "volume"):
        short = {name: value for name, value in DAY.items() if name != gone}
        assert isinstance(decoded({"market24h": short, "timestamp": 7}), MarkPrice)
    unread = decoded({"market24h": DAY | {"volume": -1}, "timestamp": 7})
    assert [type(event) for event in unread] == [MarkPrice, Unreadable]
    early = {name: value for name, value in DAY.items() if name != "markPrice"}
    assert decoded({"market24h": early, "timestamp": 7}) == [found]


PACK_ROW = {"symbol": "BTCUSDT", "openRp": "20700", "highRp": "20900.5", "lowRp": "20600",
            "lastRp": "20800.1", "volumeRq": "1234.567", "turnoverRv": "25678901.23456",
            "openInterestRv": "6880.97", "indexRp": "20801.12345678", "markRp": "20802",
            "fundingRateRr": "0.0001", "predFundingRateRr": "0.0001"}  # fmt: skip


def pack(**changed: Any) -> Any:
    row = PACK_ROW | changed
    message = {"data": [[*row.values()]], "fields": [*row], "timestamp": 9, "type": "snapshot"}
    return decoded(message | {"method": "perp_market24h_pack_p.update"})


def test_a_day_of_texts_has_the_scales_it_is_written_in() -> None:
    price, found = pack()
    assert isinstance(price, MarkPrice)
    assert (found.open_e, found.last_e) == (2070000000000, 2080010000000)
    assert (found.qty_e, found.qty_exponent, found.open_interest_e) == (1234567, 3, 6880970)
    assert (found.value_e, found.value_exponent) == (2567890123456, 5)
    (only,) = pack(markRp=None)
    assert only == found
    (price,) = pack(lastRp=None)
    assert isinstance(price, MarkPrice)
    _, unread = pack(lastRp="x")
    assert isinstance(unread, Unreadable)
    _, none = pack(turnoverRv=None, openInterestRv=None)
    assert (none.value_e, none.open_interest_e) == (ABSENT, ABSENT)


def test_every_channel_of_the_reference_is_a_record_or_has_none_for_a_reason() -> None:
    """Sections 5, 7 and 10.2: thirteen channels that push, the private ones with them."""
    pushed = ["orderbook", "trade", "kline", "market24h", "tick", "aop", "orderbook_p", "trade_p",
              "kline_p", "perp_market24h_pack_p", "tick_p", "aop_p", "ras_p"]  # fmt: skip
    methods = set()
    (route,) = VENUE.routes
    for one in KNOWN["BTCUSD"], HEDGED:
        for channel in route.channels:
            rows = VENUE.subscription(one, channel, {})
            for row in rows if isinstance(rows, tuple) else (rows,):
                frame = json.loads(VENUE.subscribe([row.stream], 7))
                methods.add(frame["method"].removesuffix(".subscribe"))
    # Accounts have the private ones; how margin is shared (ras_p) is asked for, by gRiskUnits.
    assert sorted({*methods, "aop", "aop_p", "ras_p"}) == sorted(pushed)
    assert "gRiskUnits" in VENUE.endpoints


ROW = [1625342220, 60, 329365000, 329915000, 329916000, 329914000, 329915500, 133, 4387869]


def test_a_candle_of_integers_has_the_scales_of_the_contract() -> None:
    message = {"kline": [ROW], "sequence": 5, "symbol": "BTCUSD", "type": "incremental"}
    (found,) = decoded(message)
    assert found == Kline(
        symbol="BTCUSD", venue_ns=0, interval_s=60, open_ns=1625342220 * 10**9,
        end_ns=1625342280 * 10**9, open_e=329915000, high_e=329916000, low_e=329914000,
        close_e=329915500, last_close_e=329365000, qty_exponent=0, qty_e=133, value_exponent=8,
        value_e=4387869, update_id=5,
    )  # fmt: skip


def test_a_candle_of_texts_has_the_scales_it_is_written_in() -> None:
    row = [1656547200, 60, "20640.1", "20640.2", "20650", "20630.25", "20641", "1.25", "25800.375"]
    message = {"kline_p": [row], "sequence": 5, "symbol": "BTCUSDT", "type": "incremental"}
    (found,) = decoded(message)
    assert (found.open_e, found.low_e) == (2064020000000, 2063025000000)
    assert (found.qty_e, found.qty_exponent) == (125, 2)
    assert (found.value_e, found.value_exponent) == (25800375, 3)


@pytest.mark.parametrize(
    ("start", "seconds", "end"),
    [
        (1609459200, 2592000, 1612137600),  # January 2021
        (1638316800, 2592000, 1640995200),  # December
        (1633046400, 7776000, 1640995200),
        (1577836800, 31104000, 1609459200),  # a leap year
    ],
)
def test_a_month_ends_where_the_next_begins(start: int, seconds: int, end: int) -> None:
    row = [start, seconds, *ROW[2:]]
    message = {"kline": [row], "sequence": 5, "symbol": "BTCUSD", "type": "incremental"}
    assert decoded(message)[0].end_ns == end * 10**9


def test_of_a_history_the_newest_two_are_told_the_older_first() -> None:
    rows = [[ROW[0] - 60 * number, *ROW[1:]] for number in range(5)]
    message = {"kline": rows, "sequence": 5, "symbol": "BTCUSD", "type": "snapshot"}
    found = decoded(message)
    assert [one.open_ns // 10**9 for one in found] == [ROW[0] - 60, ROW[0]]
    assert [one.backfill for one in found] == [True, False]


def test_recorded_candles_are_read(recordings: Path) -> None:
    names = ("YFIUSD", "XMRUSD", "XTZUSD", "ENJUSD", "ATOMUSD", "sGRTUSDT", "sSUSHIUSDT")
    known = {name: instrument(name) for name in names}
    candles = 0
    for item in read([recordings / "phemex" / "kline_202107.gz"]):
        if item.kind is not Kind.FRAME or b'"kline":' not in item.payload:
            continue
        found = VENUE.decode(item.payload, known.get)
        if isinstance(found, UnknownSymbol):
            continue
        assert isinstance(found, list)
        for one in found:
            assert isinstance(one, Kline)
            assert one.low_e <= min(one.open_e, one.close_e)
            assert one.high_e >= max(one.open_e, one.close_e)
            assert one.end_ns - one.open_ns == 60 * 10**9
        candles += len(found)
    assert candles > 20


@pytest.mark.parametrize(
    ("tick", "kind", "value_e"),
    [
        ({"last": 93385362, "scale": 4, "symbol": ".BTC", "timestamp": 7}, 1, 933853620000),
        ({"last": 93390304, "scale": 4, "symbol": ".MBTC", "timestmp": 7}, 2, 933903040000),
        ({"last": -7609, "scale": 8, "symbol": ".BTCFR", "timestamp": 7}, 5, -7609),
        ({"last": 10000, "scale": 8, "symbol": ".BTCFR8H", "timestamp": 7}, 4, 10000),
        ({"last": 123, "scale": 10, "symbol": ".BTC", "timestamp": 7}, 1, 1),
        ({"last": "20639.386923645", "symbol": ".BTC", "timestamp": 7}, 1, 2063938692364),
        ({"last": "2.5e2", "symbol": ".BTC", "timestamp": 7}, 1, 25000000000),
        ({"last": "-0.00012345", "symbol": ".BTCFR", "timestamp": 7}, 5, -12345),
    ],
)
def test_a_tick_has_the_scale_its_message_names(
    tick: dict[str, Any], kind: int, value_e: int
) -> None:
    key = "tick_p" if isinstance(tick["last"], str) else "tick"
    found = decoded({key: tick})
    assert found == Index(
        symbol=tick["symbol"], venue_ns=7, kind=IndexKind(kind), name=tick["symbol"],
        value_e=value_e,
    )  # fmt: skip


@pytest.mark.parametrize(
    "message",
    [
        {"kline": [ROW[:8]], "type": "incremental"},
        {"kline": [[ROW[0], 61, *ROW[2:]]], "type": "incremental"},
        {"kline": [[*ROW[:3], -1, *ROW[4:]]], "type": "incremental"},
        {"kline": [[*ROW[:3], "5", *ROW[4:]]], "type": "incremental"},
        {"kline": [[-60, *ROW[1:]]], "type": "incremental"},
        {"kline": [ROW], "type": "other"},
        {"kline_p": [ROW], "type": "incremental"},
    ],
)
def test_candles_that_are_none_are_refused(message: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="kline"):
        decoded(message | {"sequence": 5, "symbol": "BTCUSD"})


@pytest.mark.parametrize(
    ("last", "scale"),
    [("x", 4), (5, -1), (5, 99), ("1.123456789e0", None), (2**80, 0), (ABSENT, 0)],
)
def test_ticks_that_are_none_are_refused(last: int | str, scale: int | None) -> None:
    with pytest.raises(ValueError, match="tick"):
        decoded({"tick": {"last": last, "scale": scale, "symbol": ".BTC", "timestamp": 7}})


def test_ticks_of_other_symbols_are_unknown() -> None:
    tick = {"last": 5, "scale": 4, "symbol": ".ETH", "timestamp": 7}
    assert decoded({"tick": tick}) == UnknownSymbol(".ETH", "tick")
    assert decoded({"tick": tick | {"symbol": "BTCUSD"}}) == UnknownSymbol("BTCUSD", "tick")
