"""What the compiled codec read from a Phemex frame, in the oracle's form."""

import struct

from connector._speedups.codec_phemex import PhemexCodec
from connector._speedups.feed import Feed
from connector._speedups.segment import Segment
from connector.model.instrument import Instrument
from connector.model.records import RecordType
from connector.model.states import FeedKind, State
from connector.venues.contract import Book, Depth, Event, MarkPrice, Trade
from tests.reference.decoding import HEADER, MARK_PRICE, RING_BYTES, RING_OFFSET, TRADE

HANDLED = 0


def instrument(
    symbol: str, price_exponent: int = 4, ratio_exponent: int = 8, qty_exponent: int = 0
) -> Instrument:
    return Instrument(
        symbol=symbol,
        exchange="Phemex",
        price_exponent=price_exponent,
        qty_exponent=qty_exponent,
        price_digits=4,
        qty_digits=0,
        tick_e=10,
        step_e=1,
        ratio_exponent=ratio_exponent,
    )


class Decoder:
    """A codec with feeds of some symbols and a look at the records of one frame."""

    def __init__(self, *instruments: Instrument) -> None:
        self.segment = Segment.create(RING_BYTES)
        self.codec = PhemexCodec(self.segment)
        self.instruments = {one.symbol: one for one in instruments}
        self._feeds: list[Feed] = []
        for one in instruments:
            feed = Feed(self.segment, self.segment.add_instrument(one), one)
            feed.set_state(FeedKind.MARK_PRICE, State.SYNCING)  # what is not served is not told
            self.codec.add(one.symbol, feed)
            self._feeds.append(feed)
        self._memory = memoryview(self.segment.memory)
        (self._ring,) = struct.unpack_from("<Q", self._memory, RING_OFFSET)
        self._calls = 0

    def scales(self, symbol: str) -> Instrument | None:
        return self.instruments.get(symbol)

    def feed(self, symbol: str) -> Feed:
        return self._feeds[list(self.instruments).index(symbol)]

    def read(self, frame: bytes, line: int = 0) -> list[Event] | None:
        """The events the codec read to the last byte, None when it left the frame."""
        self._calls += 1
        for feed in self._feeds:  # the ids of trades are judged anew
            if feed.state(FeedKind.TRADE) != State.DOWN:
                feed.set_state(FeedKind.TRADE, State.DOWN)
        before = self.segment.written
        depth, book = self.codec.depth(frame, self._calls, line), self.codec.book(frame)
        handled = self.codec.decode(frame, self._calls, line) == HANDLED
        if depth is not None:
            assert book is None
            numbers = (depth.first_id, depth.last_id, depth.prev_id)
            stamps = (depth.venue_ns, depth.transaction_ns)
            return [Depth(depth.symbol, *numbers, *stamps, depth.bids, depth.asks)]
        if book is not None:
            head = (book.symbol, book.last_id, book.venue_ns, book.depth)
            return [Book(*head, book.bids, book.asks)]
        if not handled:
            assert self.segment.written == before  # nothing is published of a frame that is left
            return None
        return self._told(before, line)

    def _told(self, position: int, line: int) -> list[Event]:
        """The trades that were published; the mark price that was written, published or not: an
        older one than the last is not."""
        found: list[Event] = []
        while True:
            at = self._ring + position % RING_BYTES
            header = HEADER.unpack_from(self._memory, at)
            committed = header[0] == position + 1
            _, _, type_, _, _, index, _, header_line, venue_ns, recv_ns, _, update_id = header
            if recv_ns != self._calls:
                return found
            body = at + HEADER.size
            if type_ == RecordType.TRADE:
                assert header_line == line
                *numbers, side, aggregate, origin = TRADE.unpack_from(self._memory, body)
                price_e, qty_e, normal_e, first, last, transaction_ns = numbers
                ids = (update_id, first, last)
                told = (price_e, qty_e, normal_e, side, bool(aggregate), origin)
                found.append(Trade(self._name(index), *ids, venue_ns, transaction_ns, *told))
            elif type_ == RecordType.MARK_PRICE or not committed:
                # An uncommitted record has neither type nor instrument yet.
                marks = MARK_PRICE.unpack_from(self._memory, body)
                found.append(MarkPrice(self._name(index) if committed else "", venue_ns, *marks))
            if not committed:
                return found
            position += header[1]

    def _name(self, index: int) -> str:
        return list(self.instruments)[index]
