"""Recorded messages of a venue whose books begin on the stream, without sockets; checkpoints out.

The same compiled codec, the same feed and the same book as in the daemon. Changes before the first
whole book are dropped, as they are there. Nothing shows that a message is missing but the next
whole book; a message that cannot be read may have been one of the book's, so the book is given up
until that comes."""

from typing import ClassVar

from connector.market.replaying import FIRST_LINE
from connector.market.replaying_stream import StreamReplaying
from connector.model.counters import Counter
from connector.model.states import Reason
from connector.protocol.recording import Item, Kind
from connector.venues.contract import Book, Depth, Traded, Unreadable


class StreamedReplay(StreamReplaying):
    """Of a venue whose books begin on the stream."""

    FAULTS: ClassVar = {
        Counter.BOOKS_DIFFERED: "a whole book shows another one than was kept: a message was lost",
        Counter.BOOKS_DOUBTED: "trades show another book than was kept: a message was lost",
        Counter.VENUE_RESETS: "the sequence went back: a reset of the venue",
    }

    def take(self, item: Item) -> None:
        """One line of the recording."""
        self.first_ns = self.first_ns or item.time_ns
        self.last_ns = item.time_ns
        if item.kind is not Kind.FRAME or self._venue.recorded(item.payload):
            return
        symbol, _ = self._venue.depth_stream(item.payload)
        if symbol:
            self._meet(symbol)
            self.symbols[symbol] += 1
        if symbol in ("", self.symbol):
            self._count("frames")
            self._decode(item, symbol)

    def _first(self, item: Item) -> None:
        """The first whole book shows the scale; what came before is of no use."""
        try:
            instrument = self._venue.wire_instrument(self.symbol, item.payload)
            event = self._venue.decode(item.payload, lambda symbol: instrument)
        except ValueError as error:
            self._unreadable(str(error))
            return
        if isinstance(event, Book):
            self._begin(instrument, item.time_ns).on_event(event, FIRST_LINE, item.time_ns)
        else:
            self._count("early")

    def _decode(self, item: Item, symbol: str) -> None:
        """A frame: the compiled codec takes it, or the venue's decoder and the feed do."""
        if self._feed is None:
            if symbol:
                self._first(item)
            return
        if self._compiled(item.payload, item.time_ns):
            return
        for event in self._events(item.payload):
            if isinstance(event, Unreadable):
                self._unreadable(event.words)
                self._feed.resync(Reason.FAULT, item.time_ns)
            elif isinstance(event, Depth | Book | Traded):
                self._hear(event, item.time_ns)
            self._look()
