"""Recorded messages of a venue whose books begin on the stream, without sockets; checkpoints out.

The same compiled codec, the same feed and the same book as in the daemon. Changes before the first
whole book are dropped, as they are there. Nothing shows that a message is missing but the next
whole book; a message that cannot be read may have been one of the book's, so the book is given up
until that comes."""

import hashlib

from connector._speedups.decimal import format as decimal_text
from connector._speedups.feed import Feed
from connector._speedups.segment import Segment
from connector.market.feeds import make_feed
from connector.market.replaying import (
    FIRST_LINE,
    HANDLED,
    RING_BYTES,
    TOP,
    Checkpoint,
    Levels,
    Replaying,
)
from connector.market.streams import Streams
from connector.model.counters import Counter
from connector.model.instrument import Instrument
from connector.model.states import Reason
from connector.protocol.recording import Item, Kind
from connector.venues.contract import (
    Book,
    Channel,
    Depth,
    Subscription,
    Traded,
    Unreadable,
)

FAULTS = {
    Counter.BOOKS_DIFFERED: "a whole book shows another one than was kept: a message was lost",
    Counter.BOOKS_DOUBTED: "trades show another book than was kept: a message was lost",
    Counter.VENUE_RESETS: "the sequence went back: a reset of the venue",
}
Number = int | str


class StreamedDigests:
    """Makes checkpoints of one instrument's books, hashed as the oracles of such venues are.

    ``full`` is the SHA-256 of ``price:qty,…|price:qty,…``, bids and asks, best first, ``top20``
    that of the best 20 of each; numbers as the venue writes them: integers, or decimals without
    needless zeros."""

    def __init__(self, instrument: Instrument) -> None:
        self._instrument = instrument

    def __call__(self, applied: int, update_id: int, bids: Levels, asks: Levels) -> Checkpoint:
        sides = [[self._level(*level) for level in side] for side in (bids, asks)]
        return Checkpoint(
            applied,
            update_id,
            sides[0][0] if bids else None,
            sides[1][0] if asks else None,
            len(bids),
            len(asks),
            _hash([side[:TOP] for side in sides]),
            _hash(sides),
        )

    def _level(self, price_e: int, qty_e: int) -> tuple[Number, Number]:
        one = self._instrument
        return _number(price_e, one.price_exponent), _number(qty_e, one.qty_exponent)


def _number(value_e: int, exponent: int) -> Number:
    return decimal_text(value_e, exponent, 0) if exponent else value_e


def _hash(sides: list[list[tuple[Number, Number]]]) -> str:
    texts = (",".join(f"{price}:{qty}" for price, qty in side) for side in sides)
    return hashlib.sha256("|".join(texts).encode()).hexdigest()


class StreamedReplay(Replaying):
    """Of a venue whose books begin on the stream; ``symbols`` counts whole books, too."""

    LOST = (
        "{symbol}: the book is lost after update {update}, {applied} messages applied; it waits"
        " for a whole one"
    )
    _feed: Streams | None = None

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
            self._unreadable(str(error), item.time_ns)
            return
        if not isinstance(event, Book):
            self._count("early")
            return
        self._begin(instrument, item.time_ns)
        assert self._feed is not None
        self._feed.on_event(event, FIRST_LINE, item.time_ns)

    def _begin(self, instrument: Instrument, time_ns: int) -> None:
        segment = Segment.create(RING_BYTES)
        self._kernel = Feed(segment, segment.add_instrument(instrument), instrument)
        self._codec = self._venue.codec(segment)
        self._codec.add(instrument.symbol, self._kernel)
        subscriptions = [Subscription(instrument.symbol, Channel.DEPTH, "", 0)]
        self._feed = make_feed(self._venue, self._kernel, subscriptions, self._counted)
        self._feed.on_line_up(FIRST_LINE, 1, time_ns)
        self._digests = StreamedDigests(instrument)
        self.instrument = instrument

    def _decode(self, item: Item, symbol: str) -> None:
        """A frame: the compiled codec takes it, or the venue's decoder and the feed do."""
        if self._feed is None:
            if symbol:
                self._first(item)
            return
        before = self._kernel.last_id
        whole = self._codec.book(item.payload) is not None
        if self._codec.decode(item.payload, item.time_ns, FIRST_LINE) == HANDLED:
            self._applied(before, whole)
            return
        self._count("rare")
        try:
            events = self._venue.decode(item.payload, self._scales)
        except ValueError as error:
            events = Unreadable(str(error))
        for event in events if isinstance(events, list) else [events]:
            if isinstance(event, Unreadable):
                self._unreadable(event.words, item.time_ns)
            elif isinstance(event, Depth | Book):
                before = self._kernel.last_id
                self._feed.on_event(event, FIRST_LINE, item.time_ns)
                self._applied(before, isinstance(event, Book))
                self._look()
            elif isinstance(event, Traded):
                self._feed.on_event(event, FIRST_LINE, item.time_ns)
                self._look()

    def _unreadable(self, words: str, time_ns: int) -> None:
        self._count("undecodable")
        self._warn(f"a message that cannot be read: {words}")
        if self._feed is not None:
            self._feed.resync(Reason.FAULT, time_ns)
            self._look()

    def _applied(self, before: int, whole: bool) -> None:
        """After a message that may have moved the book: changes count, whole books do not."""
        if whole or self._kernel.last_id == before:
            return
        self._one_applied()

    def _counted(self, counter: Counter) -> None:
        self._count(counter.name.lower())
        sentence = FAULTS.get(counter)
        if sentence:
            self._warn(f"{self.symbol}: {sentence}, {self.applied} messages applied")
