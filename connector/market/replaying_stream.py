"""What replays of books that come on a stream share: the compiled codec with the feed behind it,
and checkpoints hashed as the oracles of such venues are."""

import hashlib
from collections.abc import Mapping
from typing import ClassVar

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
from connector.venues.contract import (
    Book,
    Channel,
    Depth,
    Event,
    Subscription,
    Traded,
    Unreadable,
)

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


class StreamReplaying(Replaying):
    """``symbols`` counts messages of books, whole ones among them."""

    LOST = (
        "{symbol}: the book is lost after update {update}, {applied} messages applied; it waits"
        " for a whole one"
    )
    FAULTS: ClassVar[Mapping[Counter, str]] = {}
    """What to say when one of these is counted."""
    _feed: Streams | None = None

    def _begin(self, instrument: Instrument, time_ns: int) -> Streams:
        """The instrument is known: from here on there is a book."""
        segment = Segment.create(RING_BYTES)
        self._kernel = Feed(segment, segment.add_instrument(instrument), instrument)
        self._codec = self._venue.codec(segment)
        self._codec.add(instrument.symbol, self._kernel)
        subscriptions = [Subscription(instrument.symbol, Channel.DEPTH, "", 0)]
        self._feed = make_feed(self._venue, self._kernel, subscriptions, self._counted)
        self._feed.on_line_up(FIRST_LINE, 1, time_ns)
        self._digests = StreamedDigests(instrument)
        self.instrument = instrument
        return self._feed

    def _compiled(self, frame: bytes, time_ns: int) -> bool:
        """Whether the compiled codec took the frame."""
        before = self._kernel.last_id
        whole = self._codec.book(frame) is not None
        if self._codec.decode(frame, time_ns, FIRST_LINE) != HANDLED:
            self._count("rare")
            return False
        self._moved(before, whole)
        return True

    def _events(self, frame: bytes) -> list[Event]:
        """What the venue's decoder reads in a frame that the compiled codec left."""
        try:
            events = self._venue.decode(frame, self._scales)
        except ValueError as error:
            events = Unreadable(str(error))
        return events if isinstance(events, list) else [events]

    def _hear(self, event: Depth | Book | Traded, time_ns: int) -> None:
        assert self._feed is not None
        before = self._kernel.last_id
        self._feed.on_event(event, FIRST_LINE, time_ns)
        self._moved(before, not isinstance(event, Depth))

    def _moved(self, before: int, whole: bool) -> None:
        """After a message that may have moved the book: changes count, whole books do not."""
        if not whole and self._kernel.last_id != before:
            self._one_applied()

    def _unreadable(self, words: str) -> None:
        self._count("undecodable")
        self._warn(f"a message that cannot be read: {words}")

    def _counted(self, counter: Counter) -> None:
        self._count(counter.name.lower())
        sentence = self.FAULTS.get(counter)
        if sentence:
            self._warn(f"{self.symbol}: {sentence}, {self.applied} messages applied")
