"""What the compiled codec of Cadenza read from a line, in the oracle's form."""

import re

from msgspec.structs import replace

from connector._speedups.codec_cadenza import CadenzaCodec
from connector._speedups.feed import Feed
from connector._speedups.ring import RingReader
from connector._speedups.segment import Segment
from connector.model.instrument import Instrument
from connector.model.records import RecordType
from connector.model.states import FeedKind, Reason, State
from connector.venues.contract import Book, Depth, Event, Snapshot, Trade
from tests.reference.decoding import HEADER, RING_BYTES, TRADE

UNNUMBERED = -1
OFFSET = re.compile(rb'"offset":(\d{1,15})[,}]')


def instrument(symbol: str, exponent: int = 8) -> Instrument:
    return Instrument(
        symbol=symbol,
        exchange="Cadenza",
        price_exponent=exponent,
        qty_exponent=exponent,
        price_digits=2,
        qty_digits=5,
        tick_e=10 ** (exponent - 2),
        step_e=10 ** (exponent - 5),
    )


class Decoder:
    """A codec with feeds of some symbols."""

    def __init__(self, *instruments: Instrument) -> None:
        self.segment = Segment.create(RING_BYTES)
        self.codec = CadenzaCodec(self.segment)
        self.instruments = {one.symbol: one for one in instruments}
        self.feeds: dict[str, Feed] = {}
        for one in instruments:
            feed = Feed(self.segment, self.segment.add_instrument(one), one)
            self.codec.add(one.symbol, feed)
            self.feeds[one.symbol] = feed
        self._reader = RingReader(self.segment.memory)

    def scales(self, symbol: str) -> Instrument | None:
        return self.instruments.get(symbol)

    def read(self, line: bytes) -> Event | None:
        """The event the codec read to the last byte, None when it left the line."""
        depth, book = self.codec.depth(line, 1, 0), self.codec.book(line)
        if depth is not None:
            assert book is None
            ids = (depth.first_id, depth.last_id, depth.prev_id)
            stamps = (depth.venue_ns, depth.transaction_ns)
            return Depth(depth.symbol, *ids, *stamps, depth.bids, depth.asks)
        if book is not None:
            head = (book.symbol, book.last_id, book.venue_ns, book.depth)
            return Book(*head, book.bids, book.asks)
        return None

    def trades(self, line: bytes, offset: int) -> list[Trade] | None:
        """The trades the codec published of a line whose publication has that offset, None when it
        left the line. Every channel stands open to it, and no trade is known yet."""
        for feed in self.feeds.values():
            if feed.state(FeedKind.TRADE) != State.DOWN:
                feed.set_state(FeedKind.TRADE, State.DOWN)
            feed.stand(FeedKind.TRADE, offset or UNNUMBERED)
        while self._reader.read() is not None:
            """What others have published."""
        handled = self.codec.decode(line, 1, 0) == 0
        found = []
        while (record := self._reader.read()) is not None:
            header = HEADER.unpack_from(record)
            if header[2] == RecordType.TRADE:
                *numbers, side, aggregate, origin = TRADE.unpack_from(record, HEADER.size)
                price_e, qty_e, normal_e, first, last, transaction_ns = numbers
                symbol = list(self.feeds)[header[5]]
                told = (price_e, qty_e, normal_e, side, bool(aggregate), origin)
                ids = (header[11], first, last)
                found.append(Trade(symbol, *ids, header[8], transaction_ns, *told))
        assert handled or not found
        return found if handled else None

    def live(self, symbol: str, last_id: int = 0, stood: int = UNNUMBERED) -> Feed:
        """The symbol's feed with an empty live book, its channel open to the codec."""
        feed = self.feeds[symbol]
        if feed.state(FeedKind.BOOK) != State.DOWN:
            feed.set_state(FeedKind.BOOK, State.DOWN)
        feed.set_state(FeedKind.BOOK, State.SYNCING)
        feed.stage(Snapshot(last_id, 0, [], []))
        feed.adopt()
        feed.set_state(FeedKind.BOOK, State.LIVE, Reason.FRESH)
        feed.stand(FeedKind.BOOK, stood)
        return feed


class AnyDecoder(Decoder):
    """The same of books and trades, as lists; trades the codec numbered itself have id 0, as in the
    oracle's form."""

    def read(self, line: bytes) -> list[Event] | None:  # type: ignore[override]
        event = super().read(line)
        if event is not None:
            return [event]
        found = OFFSET.findall(line)
        offset = int(found[-1]) if found else 0
        trades = self.trades(line, offset) if b"\n" not in line else None
        if trades is None:
            return None
        if offset:
            return list(trades)
        return [replace(one, trade_id=0, first_trade_id=0, last_trade_id=0) for one in trades]
