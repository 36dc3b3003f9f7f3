"""The Phemex recording through the compiled codec and feed: every checkpoint of every oracle."""

import hashlib
import json
from pathlib import Path

import pytest

from connector._speedups.codec_phemex import PhemexCodec
from connector._speedups.feed import Feed
from connector._speedups.segment import Segment
from connector.model.counters import Counter
from connector.model.instrument import Instrument
from connector.model.states import FeedKind, Reason, State
from connector.protocol.recording import Kind, read
from tests.reference.book_model import BookModel

ORACLES = ("atomusd", "sgrtusdt", "ssushiusdt", "xtzusd", "yfiusd")
HANDLED = 0


def instrument(symbol: str) -> Instrument:
    """Integers as they are received."""
    return Instrument(
        symbol=symbol, exchange="Phemex", price_exponent=0, qty_exponent=0, price_digits=0,
        qty_digits=0, tick_e=1, step_e=1,
    )  # fmt: skip


def full(bids: list[tuple[int, int]], asks: list[tuple[int, int]]) -> str:
    sides = (",".join(f"{price}:{qty}" for price, qty in side) for side in (bids, asks))
    return hashlib.sha256("|".join(sides).encode()).hexdigest()


def test_no_oracle_is_left_out(recordings: Path) -> None:
    there = {path.stem for path in (recordings / "oracle").glob("phemex_*.json")}
    assert there == {f"phemex_202107_{name}" for name in ORACLES}


@pytest.mark.parametrize("name", ORACLES)
def test_every_checkpoint_is_reproduced(recordings: Path, name: str) -> None:
    oracle = json.loads((recordings / "oracle" / f"phemex_202107_{name}.json").read_text())
    symbol = oracle["symbol"]
    wanted = {row["inc"]: row for row in oracle["checkpoints"]}
    segment = Segment.create(1 << 20)
    one = instrument(symbol)
    feed = Feed(segment, segment.add_instrument(one), one)
    codec = PhemexCodec(segment)
    codec.add(symbol, feed)
    slow = BookModel()
    applied = audits = 0
    found = set()
    for item in read([recordings / oracle["file"]]):
        if item.kind is not Kind.FRAME or item.payload[:8] not in (b'{"book":', b'{"sequen'):
            continue
        content = json.loads(item.payload)
        if content["symbol"] != symbol:
            continue
        if "book" not in content:
            news = content.get("trades") and content["type"] == "incremental"
            assert (codec.decode(item.payload, 1, 0) == HANDLED) == bool(news)
            assert feed.traded_id == 0, "the book came first"
            continue
        sides = [[x for level in content["book"][side] for x in level] for side in ("bids", "asks")]
        if content["type"] == "snapshot":
            slow = BookModel()
            slow.apply(*sides)
            if not feed.has_base:
                base = codec.book(item.payload)
                assert base is not None
                assert (base.symbol, base.depth, base.bids) == (symbol, 30, sides[0])
                feed.window = base.depth
                feed.set_state(FeedKind.BOOK, State.SYNCING)
                feed.stage(base)
                feed.adopt()
                feed.set_state(FeedKind.BOOK, State.LIVE, Reason.FRESH)
                continue
            audits += 1
        else:
            slow.apply(*sides)
            applied += 1
        assert codec.decode(item.payload, 1, 0) == HANDLED
        assert (feed.bids(), feed.asks()) == (slow.bids(), slow.asks())
        if content["type"] == "incremental" and applied in wanted:
            row = wanted[applied]
            found.add(applied)
            bids, asks = feed.bids(), feed.asks()
            assert full(bids, asks) == row["full"]
            assert (feed.last_id, len(bids), len(asks)) == (row["sequence"], row["nb"], row["na"])
            assert [list(bids[0]), list(asks[0])] == [row["bid"], row["ask"]]
    assert (applied, found) == (oracle["incrementals"], set(wanted))
    assert audits == oracle["snapshots"] - 1
    assert segment.counter(int(Counter.SNAPSHOTS.value)) == audits
    assert segment.counter(int(Counter.WINDOW_CUTS.value)) == 0, "the venue sent its deletes"
