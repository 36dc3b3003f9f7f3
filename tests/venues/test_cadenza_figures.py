"""Cadenza's channels of tickers and candles: what is read, what is refused, and that the simulated
venue says what the connector reads."""

import json
from typing import Any

import pytest

from connector.market.streams import KIND
from connector.model.counters import Counter
from connector.model.instrument import ABSENT
from connector.model.states import State
from connector.venues.cadenza import figures
from connector.venues.cadenza.market import decode
from connector.venues.cadenza.streams import subscription
from connector.venues.contract import Channel, Kline, Ticker, Unreadable
from tests.reference.cadenza_rig import SYMBOL, TODAY, Rig
from tests.reference.decoding_cadenza import instrument

ONE = instrument(SYMBOL)
MS, E8 = 10**6, 10**8
TICKER = {
    "instrumentId": SYMBOL, "venue": "BINANCE", "symbol": "BTC/USDT", "lastPrice": "50000.5",
    "lastQuantity": "0.01", "bidPrice": "50000.0", "bidQuantity": "1.5", "askPrice": "50001.0",
    "askQuantity": "1.2", "priceChangePercent": "-0.42", "timestamp": 1703052635110,
}  # fmt: skip
KLINE = {
    "venue": "BINANCE", "symbol": "BTC/USDT", "interval": "1m",
    "candles": [
        [1703052480000, "50010", "50020", "49980", "50000", None],
        [1703052540000, "50000", "50050", "49990", "50010", "12.34"],
    ],
    "isClosed": False, "timestamp": 1703052599000,
}  # fmt: skip


def push(channel: str, data: Any, offset: int = 0) -> bytes:
    pub = {"data": data} | ({"offset": offset} if offset else {})
    return json.dumps({"push": {"channel": channel, "pub": pub}}).encode()


def read(channel: str, data: Any, offset: int = 0) -> list[Any]:
    return list(decode(push(channel, data, offset), {SYMBOL: ONE}.get))


def test_the_references_ticker_is_the_last_trade() -> None:
    assert read(f"market:ticker:{SYMBOL}", TICKER, 7) == [
        Ticker(
            symbol=SYMBOL, venue_ns=1703052635110 * MS, open_e=ABSENT, high_e=ABSENT,
            low_e=ABSENT, last_e=5000050 * 10**6, qty_exponent=8, last_qty_e=10**6, qty_e=ABSENT,
            update_id=7,
        )
    ]  # fmt: skip
    without = TICKER | {"lastPrice": None}
    assert read(f"market:ticker:{SYMBOL}", without) == []


def test_the_references_candles() -> None:
    before, last = read(f"market:kline:{SYMBOL}:1m", KLINE)
    assert isinstance(last, Kline)
    assert (last.open_ns, last.end_ns) == (1703052540000 * MS, 1703052600000 * MS)
    assert (last.open_e, last.high_e, last.low_e, last.close_e) == tuple(
        price * E8 for price in (50000, 50050, 49990, 50010)
    )
    assert (last.interval_s, last.qty_e) == (60, 1234 * 10**6)
    assert not last.closed
    assert not last.backfill
    assert (before.qty_e, before.closed, before.backfill) == (ABSENT, True, True)
    (closed,) = read(
        f"market:kline:{SYMBOL}:1m", KLINE | {"isClosed": True, "candles": KLINE["candles"][1:]}
    )
    assert closed.closed


@pytest.mark.parametrize(
    ("opens", "ends"), [("2024-01-01", "2024-02-01"), ("2023-12-01", "2024-01-01")]
)
def test_a_month_ends_with_the_month(opens: str, ends: str) -> None:
    from datetime import UTC, datetime

    first, after = (
        int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) for day in (opens, ends)
    )
    rows = [[first * 1000, "1", "1", "1", "1", "1"]]
    (found,) = read(f"market:kline:{SYMBOL}:1M", KLINE | {"interval": "1M", "candles": rows})
    assert found.end_ns == after * 10**9


ROW = KLINE["candles"][1]


@pytest.mark.parametrize(
    ("channel", "data"),
    [
        ("ticker", TICKER | {"lastPrice": "x"}),
        ("ticker", TICKER | {"lastPrice": "-1"}),
        ("ticker", TICKER | {"timestamp": None}),
        ("ticker", []),
        ("kline", KLINE | {"interval": "5m"}),
        ("kline", KLINE | {"candles": [ROW[:5]]}),
        ("kline", KLINE | {"candles": [["x", *ROW[1:]]]}),
        ("kline", KLINE | {"candles": [[*ROW[:4], None, "1"]]}),
        ("kline", KLINE | {"timestamp": -1}),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_said_and_costs_nothing_else(channel: str, data: Any) -> None:
    name = f"market:{channel}:{SYMBOL}" + (":1m" if channel == "kline" else "")
    (fault,) = read(name, data)
    assert isinstance(fault, Unreadable)


def test_streams_and_channels_name_each_other() -> None:
    for channel, kind in figures.CHANNELS.items():
        stream = subscription(ONE, channel, {}).stream
        assert stream == f"{kind}:{SYMBOL}"
        assert figures.kind_of(figures.channel_of(kind, SYMBOL)) == (kind, SYMBOL)
        assert channel in KIND
    for other in ("market:kline:1m", f"market:kline:{SYMBOL}:1s", "market:book:x"):
        assert figures.kind_of(other) == ("", "")


def test_they_are_subscribed_to_beside_the_book_and_told() -> None:
    rig = Rig(kept=10)
    rig.rows += [subscription(ONE, one, {}) for one in (Channel.TICKER, Channel.KLINE_1m)]
    rig.feed.change(rig.rows, rig.now_ns)
    rig.open()
    assert rig.server is not None
    names = {TODAY + SYMBOL, f"market:ticker:{SYMBOL}", f"market:kline:{SYMBOL}:1m"}
    assert set(rig.server.streams) == names
    rig.publish({"updateType": "SNAPSHOT"} | rig.book.whole())
    rig.deliver()
    assert rig.state() is State.LIVE
    before = rig.segment.written
    for rig.speaks, data in (("market:ticker:", TICKER), ("market:kline:", KLINE)):
        symbol = SYMBOL if data is TICKER else f"{SYMBOL}:1m"
        rig.publish(data, symbol=symbol)
    rig.deliver()
    assert rig.segment.written > before
    assert rig.feed.heard_ns(Channel.TICKER)
    assert rig.feed.heard_ns(Channel.KLINE_1m)
    rig.speaks = "market:ticker:"
    rig.publish(TICKER, lost=True)
    rig.publish(TICKER)
    rig.deliver()
    rig.speaks = TODAY
    rig.publish(rig.book.change("bids", 2, 2, 1))
    rig.deliver()
    assert rig.right()
    assert rig.state() is State.LIVE
    assert not rig.counts.get(Counter.GAPS), "a gap of figures is none of the book"
