"""Recorded messages of a venue whose books are asked for and streamed, too, without sockets;
checkpoints come out.

The same compiled codec, the same feed and the same book as in the daemon. Nobody is asked for
anything: a book begins with an answer of the recording or with a whole book on its stream. Where
publications have numbers, one that is missing is a gap, and one that goes back is a stream that
began anew; where they have none, only an answer that shows another book tells of a loss."""

from typing import ClassVar

from connector.market.mixed import MixedFeed
from connector.market.replaying import FIRST_LINE
from connector.market.replaying_stream import StreamReplaying
from connector.model.counters import Counter
from connector.protocol.recording import Item, Kind
from connector.venues.contract import Book, Channel, Depth, Unreadable, Voided
from connector.venues.dialogue import Standing, Stands

UNNUMBERED = -1


class MixedReplay(StreamReplaying):
    """Of a venue whose books begin with an answer or on the stream."""

    FAULTS: ClassVar = {
        Counter.BOOKS_DIFFERED: "an answer shows another book than was kept: a message was lost"
    }
    _number = UNNUMBERED
    """Of the last publication."""
    _stands = False

    def take(self, item: Item) -> None:
        """One line of the recording."""
        self.first_ns = self.first_ns or item.time_ns
        self.last_ns = item.time_ns
        name = self._venue.recorded(item.payload)
        if name:
            if name == self._venue.snapshot_endpoint:
                self._take_answer(item)
        elif item.kind is Kind.FRAME:
            for line in item.payload.split(b"\n"):
                self._take_line(line, item.time_ns)

    def _take_line(self, line: bytes, time_ns: int) -> None:
        symbol, stream = self._venue.depth_stream(line)
        if not symbol:
            return
        self._meet(symbol)
        self.symbols[symbol] += 1
        if symbol != self.symbol:
            return
        self._count("frames")
        if self._feed is None:
            self._first(line, time_ns)
        if self._feed is not None:
            self._decode(line, stream, time_ns)

    def _first(self, frame: bytes, time_ns: int) -> None:
        """The first levels show the scale."""
        try:
            instrument = self._venue.wire_instrument(self.symbol, frame)
        except ValueError:
            self._count("early")
            return
        feed = self._begin(instrument, time_ns)
        assert isinstance(feed, MixedFeed)
        feed.patient = False  # a recording may have no further answer

    # Messages

    def _decode(self, line: bytes, stream: str, time_ns: int) -> None:
        """The compiled codec takes a publication, or the venue's decoder and the feed do."""
        assert self._feed is not None
        if self._compiled(line, time_ns):
            if self._number != UNNUMBERED:
                self._number = self._kernel.last_id
            return
        for event in self._events(line):
            if isinstance(event, Unreadable):
                self._unreadable(event.words)
            elif isinstance(event, Voided):
                self._feed.on_event(event, FIRST_LINE, time_ns)
            elif isinstance(event, Depth | Book):
                self._stand(event, stream, time_ns)
                self._hear(event, time_ns)
            self._look()

    def _stand(self, event: Depth | Book, stream: str, time_ns: int) -> None:
        """Where the stream stands, which its dialogue with the venue would tell."""
        assert self._feed is not None
        number = event.last_id or UNNUMBERED
        anew = number < self._number and event.venue_ns > self._kernel.venue_ns
        if not self._stands or anew:
            standing = Standing.LOST if self._stands else Standing.FRESH
            if anew:
                self._warn(f"{self.symbol}: the numbers of its messages begin anew")
            before = number - 1 if number != UNNUMBERED else UNNUMBERED
            self._feed.on_stands(Channel.DEPTH, Stands(stream, standing, before), time_ns)
            self._stands = True
        self._number = number

    # Answers

    def _take_answer(self, item: Item) -> None:
        """A book that somebody asked for, if it is of this instrument."""
        if self._feed is None and self.symbol in self.symbols:
            self._first(item.payload, item.time_ns)
        if self._feed is None or self.instrument is None:
            self._count("early")
            return
        try:
            found = self._venue.snapshot(item.payload, self.instrument)
        except ValueError as error:
            self._count("snapshots_refused")
            self._warn(f"an answer that cannot be used: {error}")
            return
        self._count("answers")
        self._feed.on_snapshot_asked(item.time_ns)
        self._feed.on_snapshot(found, self._feed.epoch, item.time_ns)
        self._look()
