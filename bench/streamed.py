"""Recorded Phemex frames for the benches, and a live book that they continue."""

import math
import re
from dataclasses import dataclass

import orjson

from bench.frames import FOLDER
from connector._speedups.codec_phemex import PhemexCodec
from connector._speedups.feed import Feed
from connector._speedups.segment import Segment
from connector.model.instrument import Instrument
from connector.model.states import FeedKind, State
from connector.protocol.recording import Kind, read

FILE = "phemex/book_trade_202107.gz"
SYMBOL = "XTZUSD"
PRICE_SCALE = 4
SEQUENCE = re.compile(rb'"sequence":\d+')
REPEATS = 300


@dataclass
class Streamed:
    """One contract's frames as they came over the socket."""

    symbol: str
    snapshot: bytes
    """The whole book, 30 levels a side."""
    increments: list[bytes]
    """What changes it, in order, 1 to 3 levels each."""
    trades: list[bytes]

    @property
    def levels(self) -> float:
        """Of an increment, in the mean."""
        books = [orjson.loads(frame)["book"] for frame in self.increments]
        return sum(len(book["bids"]) + len(book["asks"]) for book in books) / len(books)


def load(symbol: str = SYMBOL) -> Streamed:
    """SystemExit says where the recording was looked for when there is none."""
    path = FOLDER / FILE
    if not path.is_file():
        raise SystemExit(f"no recordings at {FOLDER}: set CONNECTOR_RECORDINGS to their folder")
    found = Streamed(symbol, b"", [], [])
    for item in read([path]):
        frame = item.payload
        if item.kind is not Kind.FRAME or f'"symbol":"{symbol}"'.encode() not in frame:
            continue
        incremental = frame.endswith(b'"type":"incremental"}')
        if frame.startswith(b'{"book":'):
            if incremental:
                found.increments.append(frame)
            else:
                found.snapshot = found.snapshot or frame
        elif incremental:
            found.trades.append(frame)
    return found


def renumbered(frame: bytes, sequences: range) -> list[bytes]:
    """The same frame again and again, as if later each time."""
    return [SEQUENCE.sub(b'"sequence":%d' % number, frame) for number in sequences]


class StreamedRig:
    """A feed LIVE at the recording's whole book, and the codec."""

    def __init__(self, frames: Streamed) -> None:
        self.segment = Segment.create(1 << 22)
        self.codec = PhemexCodec(self.segment)
        prices = [
            price for side in orjson.loads(frames.snapshot)["book"].values() for price, _ in side
        ]
        instrument = Instrument(
            symbol=frames.symbol,
            exchange="Phemex",
            price_exponent=PRICE_SCALE,
            qty_exponent=0,
            price_digits=3,
            qty_digits=0,
            tick_e=math.gcd(*prices),
            step_e=1,
        )
        self.feed = Feed(self.segment, self.segment.add_instrument(instrument), instrument)
        self.codec.add(frames.symbol, self.feed)
        base = self.codec.book(frames.snapshot)
        assert base is not None
        self.feed.window = base.depth
        self.feed.set_state(FeedKind.BOOK, State.SYNCING)
        self.feed.stage(base)
        self.feed.adopt()
        self.feed.set_state(FeedKind.BOOK, State.LIVE)

    def decode(self, messages: list[bytes]) -> int:
        """Nanoseconds for all of ``messages``; RuntimeError unless the compiled path took each."""
        handled, spent_ns = self.codec.decode_many(messages)
        if handled != len(messages):
            raise RuntimeError(
                f"the codec left {len(messages) - handled} of {len(messages)} frames"
            )
        return spent_ns
