"""Recorded messages through codec, sequencer and book, without sockets; checkpoints come out.

The same compiled codec, the same rules and the same book as in the daemon, driven by the stamps of
the recording. Snapshots are taken where the recording has them: nothing is asked for."""

import hashlib
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from urllib.parse import parse_qs, urlsplit

import msgspec

from connector._speedups.decimal import format as decimal_text
from connector._speedups.feed import Feed
from connector._speedups.segment import Segment
from connector.market.feed import InstrumentFeed
from connector.market.replaying import (
    FIRST_LINE,
    HANDLED,
    RING_BYTES,
    TOP,
    Checkpoint,
    Replaying,
)
from connector.model.counters import Counter
from connector.model.instrument import Instrument
from connector.protocol.recording import Item, Kind
from connector.venues.contract import (
    Channel,
    Depth,
    Snapshot,
    Subscription,
    Unreadable,
    Venue,
)

WAITING_MOST = 200_000
"""Depth messages kept from before the first snapshot; a snapshot that follows needs the newest."""
TEXTS_MOST = 1_000_000
RECENT = 8
"""Messages of each symbol that are looked at to tell whose a snapshot is."""
CLEARLY = 4
FITS = 0.05
"""The least share of a symbol's prices in its own snapshot; 0.7 and more is usual for 1,000 levels
a side, far less for a snapshot of 5, next to nothing for another symbol's."""
ENOUGH = 20
"""Prices of messages after which one knows that a snapshot is not of their symbol."""
NOBODYS_MOST = 64
MOST_LINES = 16
"""Streams of one symbol that are told apart; the feed has room for so many connections."""


class _Texts(dict[int, str]):
    """The wire's text of scaled integers; prices and quantities come again and again."""

    def __init__(self, exponent: int, digits: int) -> None:
        super().__init__()
        self._exponent, self._digits = exponent, digits

    def __missing__(self, value_e: int) -> str:
        if len(self) >= TEXTS_MOST:
            self.clear()
        text = self[value_e] = decimal_text(value_e, self._exponent, self._digits)
        return text


class Digests:
    """Makes checkpoints of one instrument's books, hashed as the oracles are.

    ``full`` is the SHA-256 over the lines ``b,price,qty`` (bids) and then ``a,price,qty`` (asks),
    ``top20`` that of ``price:qty,…|price:qty,…``; the texts have the wire's number of decimals."""

    def __init__(self, instrument: Instrument) -> None:
        self._prices = _Texts(instrument.price_exponent, instrument.price_digits)
        self._sizes = _Texts(instrument.qty_exponent, instrument.qty_digits)

    def __call__(
        self,
        applied: int,
        update_id: int,
        bids: list[tuple[int, int]],
        asks: list[tuple[int, int]],
    ) -> Checkpoint:
        """The checkpoint of a book given as scaled levels, best first."""
        prices, sizes = self._prices, self._sizes
        lines = [f"b,{prices[price_e]},{sizes[qty_e]}\n" for price_e, qty_e in bids]
        lines += [f"a,{prices[price_e]},{sizes[qty_e]}\n" for price_e, qty_e in asks]
        top = "|".join(
            ",".join(f"{prices[price_e]}:{sizes[qty_e]}" for price_e, qty_e in side[:TOP])
            for side in (bids, asks)
        )
        return Checkpoint(
            applied,
            update_id,
            (prices[bids[0][0]], sizes[bids[0][1]]) if bids else None,
            (prices[asks[0][0]], sizes[asks[0][1]]) if asks else None,
            len(bids),
            len(asks),
            hashlib.sha256(top.encode()).hexdigest(),
            hashlib.sha256("".join(lines).encode()).hexdigest(),
        )


class Replay(Replaying):
    """Of a venue whose books are asked for: snapshots come from answers in the recording."""

    LOST = (
        "{symbol}: gap after update {update}, {applied} messages applied; the book waits for a"
        " snapshot"
    )

    def __init__(
        self,
        venue: Venue,
        *,
        symbol: str = "",
        every: int = 0,
        on_checkpoint: Callable[[Checkpoint], None],
        warn: Callable[[str], None],
    ) -> None:
        super().__init__(venue, symbol=symbol, every=every, on_checkpoint=on_checkpoint, warn=warn)
        self._listing = b""
        self._waiting: deque[tuple[Item, str]] = deque(maxlen=WAITING_MOST)
        self._unclaimed: list[Item] = []
        self._nobodys: deque[Item] = deque(maxlen=NOBODYS_MOST)
        self._unnamed = False
        self._digits_known = False
        self._parts: dict[int, dict[str, deque[bytes]]] = {}
        self._segment: Segment | None = None
        self._feed: InstrumentFeed | None = None
        self._lines: dict[str, int] = {}
        self._seen_id = 0

    def take(self, item: Item) -> None:
        """One line of the recording."""
        self.first_ns = self.first_ns or item.time_ns
        self.last_ns = item.time_ns
        if item.kind is Kind.FRAME:
            name = self._venue.recorded(item.payload)
            if not name:
                self._take_frame(item)
            else:
                self._take_answer(name, "", item)
        elif item.kind is Kind.HTTP:
            url = urlsplit(item.url)
            symbol = parse_qs(url.query).get("symbol", [""])[0]
            self._take_answer(url.path.rpartition("/")[2], symbol, item)

    def finish(self) -> bool:
        """The recording is over: the last checkpoint, if one is due; whether the book is LIVE."""
        self._claim(last=True)
        for _ in self._nobodys:
            self._warn(
                "a snapshot that names no symbol, and its prices are not plainly those of one: "
                "not used"
            )
        return super().finish()

    # Lines

    def _take_frame(self, item: Item) -> None:
        symbol, stream = self._venue.depth_stream(item.payload)
        if symbol:
            self._meet(symbol)
            self.symbols[symbol] += 1
            there = self._parts.setdefault(item.part, {})
            there.setdefault(symbol, deque(maxlen=RECENT)).append(item.payload)
            if self._unclaimed:
                self._claim()
        if self._feed is not None:
            if not symbol or symbol == self.symbol:
                self._decode(item, stream if symbol else None)
        elif symbol and symbol == self.symbol:
            self._waiting.append((item, stream))

    def _meet(self, symbol: str) -> bool:
        new = super()._meet(symbol)
        if new:
            self._unclaimed += self._nobodys
            self._nobodys.clear()
        return new

    def _take_answer(self, name: str, symbol: str, item: Item) -> None:
        if name == self._venue.instruments_endpoint:
            self._listing = item.payload
        elif name == self._venue.snapshot_endpoint:
            if not symbol:
                self._unclaimed.append(item)
                self._claim()
                return
            self._meet(symbol)
            if symbol == self.symbol:
                self._take_snapshot(item)

    def _claim(self, last: bool = False) -> None:
        """Hand out the snapshots that name no symbol and whose symbol is known by now."""
        unclaimed, self._unclaimed = self._unclaimed, []
        for item in unclaimed:
            whose = self._whose(item, last)
            if whose is None:
                self._unclaimed.append(item)
            elif whose == self.symbol:
                self._take_snapshot(item)
            elif not whose:
                self._nobodys.append(item)

    def _whose(self, item: Item, last: bool) -> str | None:
        """The symbol whose recent messages speak of a snapshot's prices; "": of no symbol so far is
        that plain; None: not enough was heard yet, which at the end is enough for a lone symbol.

        Most of a message's levels change a price that the book has; other symbols' do so seldom.
        Asked are the symbols of its file; where that has none, those of all files."""
        there = self._parts.get(item.part) or {
            name: messages for part in self._parts.values() for name, messages in part.items()
        }
        lone = next(iter(there)) if len(there) == 1 else ""
        undecided = lone if last else None
        if not there:
            return undecided
        try:
            instrument = self._venue.wire_instrument(self.symbol, item.payload)
            found = self._venue.snapshot(item.payload, instrument)
        except ValueError:
            return lone
        prices = {*found.bids[::2], *found.asks[::2]}
        if lone and not prices:
            return undecided
        shares = sorted(
            (*self._share(prices, messages, instrument), name) for name, messages in there.items()
        )
        most, told, name = shares[-1]
        second = shares[-2][0] if len(shares) > 1 else 0.0
        if most >= FITS and most > CLEARLY * second:
            return name
        return undecided if lone and told < ENOUGH and len(there[lone]) < RECENT else ""

    def _share(
        self, prices: set[int], messages: Iterable[bytes], instrument: Instrument
    ) -> tuple[float, int]:
        """What share of the prices in some messages is among these, and of how many."""
        told: list[int] = []
        for message in messages:
            with suppress(ValueError):
                event = self._venue.decode(message, lambda symbol: instrument)
                if isinstance(event, Depth):
                    told += event.bids[::2] + event.asks[::2]
        return sum(price in prices for price in told) / (len(told) or 1), len(told)

    def _take_snapshot(self, item: Item) -> None:
        try:
            if self._feed is None:
                self._begin(item)
            assert self._feed is not None
            assert self.instrument is not None
            snapshot = self._venue.snapshot(item.payload, self.instrument)
        except ValueError as error:
            self._count("snapshots_refused")
            self._warn(f"a snapshot that cannot be used: {error}")
            return
        self._feed.on_snapshot(snapshot, self._feed.epoch, item.time_ns)
        self._look()

    # The book

    def _begin(self, item: Item) -> None:
        """The first snapshot: now the scale is known, and what came before can be decoded."""
        instrument = self._scale(item.payload)
        segment = Segment.create(RING_BYTES)
        index = segment.add_instrument(instrument)
        codec = self._venue.codec(segment)
        kernel = Feed(segment, index, instrument)
        codec.add(instrument.symbol, kernel)
        channels = (Channel.DEPTH, Channel.BBO, Channel.TRADE, Channel.MARK_PRICE)
        feed = InstrumentFeed(
            kernel,
            [Subscription(instrument.symbol, channel, "", 0) for channel in channels],
            count=self._counted,
            buffer_most=WAITING_MOST,
            on_applied=self._on_applied,
        )
        self.instrument, self._segment = instrument, segment
        feed.on_line_up(FIRST_LINE, 1, item.time_ns)
        self._digests = Digests(instrument)
        self._codec, self._kernel, self._feed = codec, kernel, feed
        while self._waiting:
            self._decode(*self._waiting.popleft())

    def _scale(self, snapshot: bytes) -> Instrument:
        """The recording's own exchangeInfo where it fits what is written, else the wire."""
        wire = self._venue.wire_instrument(self.symbol, snapshot)
        self._digits_known = self._has_levels(self._venue.snapshot(snapshot, wire))
        if not self._listing:
            return wire
        try:
            listing = self._venue.instruments(self._listing)
        except ValueError as error:
            self._warn(f"{error}; the scale is taken from the wire")
            return wire
        known = {row.symbol: row for row in listing.instruments}.get(self.symbol)
        if known is None:
            return wire
        if not self._digits_known:
            return known
        if known.price_exponent < wire.price_digits or known.qty_exponent < wire.qty_digits:
            self._warn(f"{self.symbol}: finer on the wire than in exchangeInfo")
            return wire
        return msgspec.structs.replace(
            known, price_digits=wire.price_digits, qty_digits=wire.qty_digits
        )

    def _has_levels(self, told: Snapshot | Depth) -> bool:
        return bool(len(told.bids) or len(told.asks))

    def _learn_digits(self, message: bytes) -> None:
        """After an empty snapshot the first message with levels shows the wire's decimals."""
        with suppress(ValueError):
            assert self.instrument is not None
            event = self._venue.decode(message, self._scales)
            if isinstance(event, Depth) and self._has_levels(event):
                wire = self._venue.wire_instrument(self.symbol, message)
                self._digits_known = True
                self._digests = Digests(
                    msgspec.structs.replace(
                        self.instrument,
                        price_digits=wire.price_digits,
                        qty_digits=wire.qty_digits,
                    )
                )

    def _line(self, stream: str, time_ns: int) -> int:
        """The line a depth stream counts as: only within one stream do ids rise, and one symbol may
        have been recorded at several speeds."""
        line = self._lines.get(stream)
        if line is None:
            line = self._lines[stream] = min(len(self._lines), MOST_LINES - 1)
            if line != FIRST_LINE and self._feed is not None:
                self._feed.on_line_up(line, 1, time_ns)
        return line

    def _decode(self, item: Item, stream: str | None) -> None:
        """A frame: the compiled codec takes it, or the venue's decoder and the sequencer do;
        ``stream`` names a depth message's."""
        self._count("frames")
        line = FIRST_LINE if stream is None else self._line(stream, item.time_ns)
        self._unnamed = self._unnamed or stream == ""
        if not self._digits_known and stream is not None:
            self._learn_digits(item.payload)
        if self._codec.decode(item.payload, item.time_ns, line) == HANDLED:
            if self._kernel.last_id != self._seen_id:
                self._on_applied()
            return
        self._count("rare")
        try:
            events = self._venue.decode(item.payload, self._scales)
        except ValueError as error:
            events = Unreadable(str(error))
        assert self._feed is not None
        for event in events if isinstance(events, list) else [events]:
            if isinstance(event, Unreadable):
                self._count("undecodable")
                self._warn(f"a message that cannot be read: {event.words}")
            elif isinstance(event, Depth):
                self._feed.on_event(event, line, item.time_ns)
                self._look()

    def _on_applied(self) -> None:
        self._seen_id = self._kernel.last_id
        self._one_applied()

    def _counted(self, counter: Counter) -> None:
        self._count(counter.name.lower())
        if counter is Counter.VENUE_RESETS:
            sentence = f"{self.symbol}: update ids went back: a reset of the venue"
            if self._unnamed:
                sentence += (
                    ", or streams of several speeds, which cannot be told apart in messages that "
                    "were recorded without the stream's name"
                )
            self._warn(sentence)
