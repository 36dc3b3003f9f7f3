"""What a compiled codec read from a frame, whatever the feed made of it, in the oracle's form."""

import struct
from typing import Any

from connector._speedups.codec_binance_usdm import BinanceUsdmCodec
from connector._speedups.feed import Feed
from connector._speedups.segment import Segment
from connector.model.instrument import Instrument
from connector.venues.contract import Bbo, Depth, Event, MarkPrice, Trade

HEADER = struct.Struct("<QIHHQIHHqqqq")
DEPTH = struct.Struct("<qqqII")
BBO = struct.Struct("<5q")
TRADE = struct.Struct("<6qBBB")
MARK_PRICE = struct.Struct("<6q")
FEED_STATE = 11
RING_BYTES = 1 << 22
RING_OFFSET = 104
"""Of ``ring_offset`` in the segment's header."""


def instrument(symbol: str, price_exponent: int = 8, qty_exponent: int = 8) -> Instrument:
    return Instrument(
        symbol=symbol,
        exchange="BinanceU",
        price_exponent=price_exponent,
        qty_exponent=qty_exponent,
        price_digits=2,
        qty_digits=3,
        tick_e=10 ** (price_exponent - 2),
        step_e=10 ** (qty_exponent - 3),
    )


class Decoder:
    """A codec with feeds of some symbols and a look at the record it claimed last."""

    def __init__(self, *instruments: Instrument) -> None:
        self.segment = Segment.create(RING_BYTES)
        self.codec = BinanceUsdmCodec(self.segment)
        self.instruments = {one.symbol: one for one in instruments}
        self.feeds: dict[str, Feed] = {}
        for one in instruments:
            index = self.segment.add_instrument(one)
            self.feeds[one.symbol] = Feed(self.segment, index, one)
            self.codec.add(one.symbol, self.feeds[one.symbol])
        self._memory = memoryview(self.segment.memory)
        (self._ring,) = struct.unpack_from("<Q", self._memory, RING_OFFSET)
        self._calls = 0

    def scales(self, symbol: str) -> Instrument | None:
        return self.instruments.get(symbol)

    def read(self, frame: bytes, line: int = 0) -> Event | None:
        """The event the codec read to the last byte, None when it left the frame."""
        self._calls += 1
        before = self.segment.written
        handled = self.codec.decode(frame, self._calls, line) == 0
        found = self._claimed(before)
        if found is None:
            assert not handled
            assert self.segment.written == before  # nothing is published of a frame that is left
            return None
        at, header = found
        assert header[7] == line
        return self._event(frame, at, header)

    def _claimed(self, position: int) -> tuple[int, tuple[Any, ...]] | None:
        """The record of this call, committed or not: recv_ns is filled in after the last byte."""
        while True:
            at = self._ring + position % RING_BYTES
            header = HEADER.unpack_from(self._memory, at)
            committed = header[0] == position + 1
            if header[9] == self._calls and header[2] != FEED_STATE:
                return at, header
            if not committed:
                return None
            position += header[1]

    def _event(self, frame: bytes, at: int, header: tuple[Any, ...]) -> Event:
        venue_ns, update_id = header[8], header[11]
        symbol = next(name for name in self.instruments if f'"s":"{name}"'.encode() in frame)
        body = at + HEADER.size
        if b'"depthUpdate"' in frame:
            first, previous, transaction_ns, bids, asks = DEPTH.unpack_from(self._memory, body)
            count = 2 * (bids + asks)
            levels = list(struct.unpack_from(f"<{count}q", self._memory, body + DEPTH.size))
            sides = levels[: 2 * bids], levels[2 * bids :]
            return Depth(symbol, first, update_id, previous, venue_ns, transaction_ns, *sides)
        if b'"bookTicker"' in frame:
            *numbers, transaction_ns = BBO.unpack_from(self._memory, body)
            return Bbo(symbol, update_id, venue_ns, transaction_ns, *numbers)
        if b'"markPriceUpdate"' in frame:
            return MarkPrice(symbol, venue_ns, *MARK_PRICE.unpack_from(self._memory, body))
        price_e, qty_e, normal_e, first, last, transaction_ns, side, aggregate, origin = (
            TRADE.unpack_from(self._memory, body)
        )
        numbers = [price_e, qty_e, normal_e]
        return Trade(
            symbol,
            update_id,
            first,
            last,
            venue_ns,
            transaction_ns,
            *numbers,
            side,
            bool(aggregate),
            origin,
        )
