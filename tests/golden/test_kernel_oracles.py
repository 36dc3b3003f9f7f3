"""The recordings through the compiled codec and feed: every checkpoint of every Binance oracle."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector._speedups.book import Book
from connector._speedups.codec_binance_usdm import BinanceUsdmCodec
from connector._speedups.feed import Feed
from connector._speedups.segment import Segment
from connector.model.counters import Counter
from connector.model.instrument import Instrument
from connector.model.states import FeedKind, Reason, State
from connector.protocol.recording import Kind, read
from connector.venues.contract import Depth, Snapshot

ORACLES = (
    "binance_202107_akrousdt",
    "binance_202107_ctkusdt",
    "binance_202107_keepusdt",
    "binance_202107_sushiusdt",
    "binance_btcusdt_20220811",
    "binance_btcusdt_202304",
    "binance_ethusdt_202407",
)
SCALE = 8
Levels = list[tuple[int, int]]


def scaled(text: str) -> int:
    whole, _, fraction = text.partition(".")
    return int(whole + fraction.ljust(SCALE, "0"))


def flat(rows: list[list[str]]) -> list[int]:
    return [scaled(text) for row in rows for text in row[:2]]


def text(number: int, digits: int) -> str:
    whole, fraction = divmod(number, 10**SCALE)
    return f"{whole}.{fraction:08}"[: len(str(whole)) + 1 + digits] if digits else str(whole)


def depth(data: dict[str, Any]) -> Depth:
    return Depth(
        data["s"],
        data["U"],
        data["u"],
        data["pu"],
        data["E"] * 10**6,
        data["T"] * 10**6,
        flat(data["b"]),
        flat(data["a"]),
    )


def snapshot_and_frames(files: list[Path], symbol: str) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """The payloads that concern a symbol's book, and their decoded content."""
    for item in read(files):
        if item.kind is Kind.HTTP and f"symbol={symbol}" not in item.url:
            continue
        if item.kind not in (Kind.HTTP, Kind.FRAME) or b"{" not in item.payload[:1]:
            continue
        head = item.payload[:120]
        if item.kind is Kind.FRAME and b"depthUpdate" not in head and b"lastUpdateId" not in head:
            continue
        content = json.loads(item.payload)
        content = content.get("data", content)
        if content.get("s", symbol) == symbol and ("u" in content or "lastUpdateId" in content):
            yield item.payload, content


class Kernel:
    """Codec and feed of one symbol, synced by the rule of the oracles."""

    def __init__(self, symbol: str, snapshot: dict[str, Any]) -> None:
        price, qty = snapshot["bids"][0][:2]
        self.digits = tuple(len(number.partition(".")[2]) for number in (price, qty))
        self.instrument = Instrument(
            symbol=symbol,
            exchange="BinanceU",
            price_exponent=SCALE,
            qty_exponent=SCALE,
            price_digits=self.digits[0],
            qty_digits=self.digits[1],
            tick_e=10 ** (SCALE - self.digits[0]),
            step_e=1,
        )
        self.segment = Segment.create(1 << 20)
        index = self.segment.add_instrument(self.instrument)
        self.feed = Feed(self.segment, index, self.instrument)
        self.codec = BinanceUsdmCodec(self.segment)
        self.codec.add(symbol, self.feed)
        self.slow = Book(self.instrument.tick_e, scaled(price))
        bids, asks = flat(snapshot["bids"]), flat(snapshot["asks"])
        self.slow.apply(bids, asks)
        self.feed.stage(Snapshot(snapshot["lastUpdateId"], 0, bids, asks))
        self.applied = 0

    def first(self, event: Depth) -> None:
        self.feed.stage_apply(event)
        self.feed.set_state(FeedKind.BOOK, State.SYNCING)
        self.feed.adopt()
        self.feed.set_state(FeedKind.BOOK, State.LIVE, Reason.FRESH)
        self._count(event)

    def follow(self, payload: bytes, event: Depth) -> None:
        assert self.codec.decode(payload, 1, 0) == 0, "left to the slow decoder"
        assert self.feed.last_id == event.last_id
        self._count(event)

    def _count(self, event: Depth) -> None:
        self.slow.apply(event.bids, event.asks)
        self.applied += 1

    def checkpoint(self) -> dict[str, Any]:
        bids, asks = self.feed.bids(), self.feed.asks()
        assert (bids, asks) == (self.slow.bids(), self.slow.asks())
        assert self.slow.top() == (bids[:20], asks[:20])
        b, a = (
            [(text(price, self.digits[0]), text(qty, self.digits[1])) for price, qty in side]
            for side in (bids, asks)
        )
        top = "|".join(",".join(f"{p}:{q}" for p, q in side[:20]) for side in (b, a))
        full = "".join([f"b,{p},{q}\n" for p, q in b] + [f"a,{p},{q}\n" for p, q in a])
        return {
            "applied": self.applied,
            "u": self.feed.last_id,
            "bid": list(b[0]),
            "ask": list(a[0]),
            "nb": len(b),
            "na": len(a),
            "top20": hashlib.sha256(top.encode()).hexdigest(),
            "full": hashlib.sha256(full.encode()).hexdigest(),
        }


@pytest.mark.parametrize("name", ORACLES)
def test_every_checkpoint_is_reproduced(recordings: Path, name: str) -> None:
    path = recordings / "oracle" / f"{name}.json"
    if not path.exists():
        pytest.skip(f"no oracle {path}")
    oracle = json.loads(path.read_text())
    wanted = {row["applied"]: row for row in oracle["checkpoints"]}
    files = [recordings / file for file in oracle["files"]]
    kernel: Kernel | None = None
    waiting: list[tuple[bytes, Depth]] = []
    found = {}
    for payload, content in snapshot_and_frames(files, oracle["symbol"]):
        if "lastUpdateId" in content:
            if kernel is None:
                kernel = Kernel(oracle["symbol"], content)
        else:
            waiting.append((payload, depth(content)))
        if kernel is None:
            continue
        for raw, event in waiting:
            if event.last_id < oracle["lastUpdateId"]:
                continue
            if kernel.applied:
                kernel.follow(raw, event)
            else:
                assert event.prev_id <= oracle["lastUpdateId"]
                kernel.first(event)
            if kernel.applied in wanted:
                found[kernel.applied] = kernel.checkpoint()
        waiting.clear()
    assert kernel is not None
    assert kernel.applied == oracle["applied"]
    assert found == wanted
    assert kernel.segment.counter(int(Counter.CROSSED.value)) == 0
    assert kernel.feed.state(FeedKind.BOOK) == State.LIVE
