"""The sender's stamps: a line a message, with the id the reader sees and a time before it left."""

import io
from pathlib import Path

import pytest

from connector.clock import monotonic_ns
from connector.sim import stamps

ROWS = [
    ("btcusdt@depth@0ms", b'{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":5,"u":77,"pu":4}', 77),
    ("btcusdt@bookTicker", b'{"e":"bookTicker","u":400900217,"s":"BTCUSDT"}', 400900217),
    ("btcusdt@trade", b'{"e":"trade","E":1,"T":2,"s":"BTCUSDT","t":6072661,"p":"1"}', 6072661),
    ("btcusdt@aggTrade", b'{"e":"aggTrade","a":3201,"f":1,"l":2}', 3201),
    ("btcusdt@markPrice@1s", b'{"e":"markPriceUpdate","p":"1"}', None),
    ("btcusdt@depth", b'{"code":1}', None),
    ("btcusdt@depth", b'{"u":"text"}', None),
    ("btcusdt", b'{"u":1}', None),
]


@pytest.mark.parametrize(("stream", "payload", "expected"), ROWS)
def test_the_id_is_the_messages_own(stream: str, payload: bytes, expected: int | None) -> None:
    assert stamps.id_of(stream, payload) == expected


def test_what_is_noted_is_written_when_it_leaves(tmp_path: Path) -> None:
    file = io.BytesIO()
    sender = stamps.Stamps(file)
    for stream, payload, _ in ROWS:
        sender.note(stream, payload)
    assert file.getvalue() == b""
    before_ns = monotonic_ns()
    sender.leaving()
    sender.leaving()
    path = tmp_path / "stamps"
    path.write_bytes(file.getvalue() + b"btcusdt@trade 1")
    found = list(stamps.read(path))
    assert [(stream, number) for stream, number, _ in found] == [
        (stream, number) for stream, _, number in ROWS if number is not None
    ]
    assert all(before_ns <= send_ns <= monotonic_ns() for _, _, send_ns in found)


def test_a_venue_may_name_its_messages_as_readers_know_them(tmp_path: Path) -> None:
    from connector.venues.sim_contract import load

    file = io.BytesIO()
    sender = stamps.Stamps(file, load("phemex").stamped)
    sender.note("cETHUSD@orderbook:5", b'{"book":{},"sequence":77,"symbol":"cETHUSD"}')
    sender.note("BTCUSD@trade", b'{"sequence":5,"symbol":"BTCUSD","trades":[],"type":"x"}')
    sender.note("BTCUSD@market24h", b'{"market24h":{},"timestamp":1}')
    sender.leaving()
    path = tmp_path / "stamps"
    path.write_bytes(file.getvalue())
    assert [(stream, number) for stream, number, _ in stamps.read(path)] == [
        ("cethusd@depth", 77), ("btcusd@trade", 5 << 10),
    ]  # fmt: skip


def test_a_publication_is_named_by_its_channel_and_offset() -> None:
    from connector.venues.sim_contract import load

    named = load("cadenza").stamped
    assert named is not None
    book = b'{"push":{"channel":"c","pub":{"data":{"bids":[],"timestamp":1}%s}}}'
    for spelling in ("orderBook", "orderbook"):
        channel = f"market:{spelling}:BINANCE:BTC/USDT"
        assert named(channel, book % b',"offset":41') == ("binance:btc/usdt@depth", 41)
        assert named(channel, book % b"") is None, "a channel without history"
    assert named("market:trade:BINANCE:BTC/USDT", book % b',"offset":41') is None
    assert named("tradingAccount:abc", book % b',"offset":41') is None
