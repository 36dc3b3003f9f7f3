"""Recordings as the simulated venue replays them: their messages, their snapshots, their books.

Recorded lines in; out come the messages of each stream with the bytes to send, and per symbol the
recorded snapshots and a book of its own (plain dictionaries, kept by the venue's rules).
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from math import gcd
from pathlib import Path

from msgspec import Struct

from connector.protocol import recording
from connector.sim.hub import frame
from connector.venues.sim_contract import (
    BookRow,
    Contract,
    RecordedDepth,
    RecordedSnapshot,
    VenueSim,
    decimal,
)

HELD_AFTER = 3
"""Depth messages at or behind the snapshot that may go out before it was asked for."""
KEPT_BYTES = 256 * 1024 * 1024
"""Recordings up to this size are kept in memory ready to send; larger ones are read as they go."""
WAITING_BYTES = 64 * 1024 * 1024
"""Messages of one symbol that may be sent before its own book takes them."""


Levels = Iterable[tuple[str, str]]


class Snapshot(Struct, frozen=True):
    """A recorded answer: its id, its bytes and what they mean."""

    last_id: int
    body: bytes
    parsed: RecordedSnapshot


class Track:
    """One recorded stream."""

    __slots__ = ("book", "kind", "names", "stream", "symbol")

    def __init__(self, stream: str, symbol: str, kind: str) -> None:
        self.stream, self.symbol, self.kind = stream, symbol, kind
        self.names: tuple[str, ...] = ()
        """The names under which somebody listens to it."""
        self.book: SymbolReplay


class Message(Struct, frozen=True, gc=False):
    """One recorded message."""

    time_ns: int
    track: Track
    payload: bytes
    framed: bytes
    """The combined form as recorded, in its WebSocket frame; empty when it was recorded raw."""
    joint: bool = False
    """First of its file."""


class Side(dict[float, tuple[str, str]]):
    """One side of a book: price to its wire texts. A double tells any two prices apart here: they
    have at most 15 digits."""

    def apply(self, levels: list[tuple[str, str]]) -> None:
        for level in levels:
            key = float(level[0])
            if float(level[1]):
                self[key] = level
            else:
                self.pop(key, None)

    def render(self, limit: int, *, reverse: bool) -> str:
        keys = sorted(self, reverse=reverse)[:limit]
        return ",".join('["{}","{}"]'.format(*self[key]) for key in keys)


class SymbolReplay:
    """What the replay knows of one symbol: recorded snapshots ahead, its own book behind.

    The own book takes messages when it has time (`settle`) or is asked, not as they are sent.
    """

    def __init__(self, symbol: str, venue: VenueSim) -> None:
        self.symbol = symbol
        self._tape, self._full = venue.tape, venue.snapshot
        self.snapshots: deque[Snapshot] = deque()
        """The recorded snapshots that the stream has not reached; the first is the book's base."""
        self.bids, self.asks = Side(), Side()
        self.last_id = 0
        self.time_ms = 0
        self.live = False
        """Whether the own book is correct at ``last_id``."""
        self.first: Snapshot | None = None
        self.opening: RecordedDepth | None = None
        """The first full book of its stream, where the stream has them."""
        self.asked = False
        """Somebody was given the first recorded snapshot."""
        self.after = 0
        """Depth messages sent at or behind the first snapshot."""
        self.missed = False
        """One of those went out while nobody listened: the first snapshot helps nobody any more."""
        self.gaps = 0
        self.trades: deque[bytes] = deque(maxlen=1000)
        self.agg_trades: deque[bytes] = deque(maxlen=1000)
        self.ticker = b""
        self.mark = b""
        self._first_prev_id = self._whole_id = 0
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self.on_base: Callable[[Levels, Levels], None] | None = None
        """Told the whole own book when it starts from a snapshot."""
        self.on_change: Callable[[RecordedDepth], None] | None = None
        """Told what its own book takes."""

    def take(self, payload: bytes, heard: bool) -> None:
        """Note a depth message that is being sent."""
        self._waiting.append(payload)
        self._waiting_bytes += len(payload)
        if self.on_change is not None:
            self.settle()
        elif self._waiting_bytes > WAITING_BYTES:
            self.settle(2)
        if self._first_prev_id and (self.asked or self.missed):
            return
        try:
            depth = self._tape.depth(payload)
        except ValueError:
            return
        self._first_prev_id = self._first_prev_id or depth.prev_id
        if self.first is not None and depth.last_id >= self.first.last_id:
            self.after += 1
            self.missed = self.missed or not heard

    def holds(self) -> bool:
        """Whether the next depth message must wait until the snapshot was asked for."""
        return (
            self._tape.waits
            and not self.asked
            and not self.missed
            and self.after >= HELD_AFTER
            and self.first is not None
        )

    def settle(self, most: int = -1) -> None:
        """Bring the own book up to date, or so many messages nearer to it."""
        waiting = self._waiting
        while waiting and most:
            payload = waiting.popleft()
            self._waiting_bytes -= len(payload)
            most -= 1
            try:
                self._apply(self._tape.depth(payload))
            except ArithmeticError:
                self.live = False
            except ValueError:
                # Not a depth message, as recorded. The ids of the next one tell what it cost.
                continue

    def _apply(self, depth: RecordedDepth) -> None:
        if depth.whole:
            self._restart(depth.bids, depth.asks)
            self.last_id = self._whole_id = depth.last_id
            self.time_ms = depth.time_ms
            return
        known_id = self._whole_id - 1 if depth.timed else self.last_id
        if self.live and depth.last_id <= known_id:
            return
        if self.live and depth.prev_id > self.last_id:
            # The recording has a hole: the book is wrong until the next recorded snapshot.
            self.live = False
            self.gaps += 1
        if not self.live and not self._rebase(depth):
            self.last_id = max(self.last_id, depth.last_id)
            return
        self.bids.apply(depth.bids)
        self.asks.apply(depth.asks)
        self.last_id, self.time_ms = depth.last_id, depth.time_ms
        if self.on_change is not None:
            self.on_change(depth)

    def _rebase(self, depth: RecordedDepth) -> bool:
        """Start the book from the recorded snapshot this message continues, if there is one."""
        while self.snapshots and self.snapshots[0].last_id < depth.prev_id:
            self.snapshots.popleft()
        if not self.snapshots or depth.last_id < self.snapshots[0].last_id:
            return False
        base = self.snapshots.popleft().parsed
        self._whole_id = base.last_id
        self._restart(base.bids, base.asks)
        return True

    def _restart(self, bids: list[tuple[str, str]], asks: list[tuple[str, str]]) -> None:
        self.bids.clear()
        self.asks.clear()
        self.bids.apply(bids)
        self.asks.apply(asks)
        self.live = True
        if self.on_base is not None:
            self.on_base(bids, asks)

    def depth(self, limit: int, now_ms: int) -> bytes:
        """Answer a depth request at this point of the replay."""
        first = self.first
        if first is not None and not self.asked:
            self.asked = limit >= len(first.parsed.bids)
            if not self.missed and self.after <= HELD_AFTER and self.asked:
                return first.body
        self.settle()
        if not self.live and self.snapshots:
            ahead = self.snapshots[0]
            if limit >= max(len(ahead.parsed.bids), len(ahead.parsed.asks)):
                return ahead.body
            return self._shortened(ahead.parsed, limit, now_ms)
        return self._full(
            self.symbol,
            self.last_id,
            now_ms,
            self.time_ms or now_ms,
            self.bids.render(limit, reverse=True),
            self.asks.render(limit, reverse=False),
        )

    def top(self, levels: int) -> BookRow:
        """The own book at this point of the replay; before it begins, the one to come."""
        self.settle()
        if not self.live and self.snapshots:
            ahead = self.snapshots[0].parsed
            most = levels or None
            return BookRow(ahead.last_id, ahead.time_ms, ahead.bids[:most], ahead.asks[:most])
        return BookRow(
            self.last_id,
            self.time_ms,
            [self.bids[key] for key in sorted(self.bids, reverse=True)[: levels or None]],
            [self.asks[key] for key in sorted(self.asks)[: levels or None]],
        )

    def old_depth(self, limit: int, now_ms: int) -> bytes:
        """A depth answer from before the recording began."""
        body = self.first.body if self.first is not None else self.depth(limit, now_ms)
        return self._tape.older(body, max(1, self._first_prev_id - 1000))

    def _shortened(self, snapshot: RecordedSnapshot, limit: int, now_ms: int) -> bytes:
        sides = []
        for levels in (snapshot.bids, snapshot.asks):
            sides.append(",".join(f'["{price}","{qty}"]' for price, qty in levels[:limit]))
        at_ms = snapshot.time_ms or now_ms
        return self._full(self.symbol, snapshot.last_id, now_ms, at_ms, sides[0], sides[1])

    def contract(self) -> Contract | None:
        """What the first full book tells of the symbol: decimals, and the grid of its prices."""
        first = self.first.parsed if self.first is not None else self.opening
        levels = first.bids + first.asks if first is not None else []
        if not levels:
            return None
        price_digits = max(_digits(price) for price, _ in levels)
        qty_digits = max(_digits(qty) for _, qty in levels)
        units = [int(Decimal(price).scaleb(price_digits)) for price, _ in levels]
        found = Contract(
            symbol=self.symbol,
            base=self.symbol.removesuffix("USDT"),
            price_digits=price_digits,
            tick=decimal(gcd(*units), price_digits),
            qty_digits=qty_digits,
            step=decimal(1, qty_digits),
            price=levels[0][0],
        )
        return self._tape.listed(found)


def _digits(text: str) -> int:
    return len(text.partition(".")[2])


class Tape:
    """The recordings of one replay; reading them tells the symbols and streams in them."""

    def __init__(
        self,
        paths: Sequence[Path],
        venue: VenueSim,
        only: str = "",
        warn: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        """``only``: the one symbol wanted, if not all. Raises OSError and ValueError."""
        self._paths, self._venue = paths, venue
        self.symbols: dict[str, SymbolReplay] = {}
        self.tracks: dict[str, Track] = {}
        self.counts: dict[str, int] = {}
        """Recorded stream to its number of messages."""
        self.info = b""
        """The recorded instruments answer."""
        self._kept: deque[Message] | None = deque()
        kept = 0
        for path in paths:
            own: dict[str, None] = {}
            bare: list[bytes] = []
            joint = True
            for item in recording.read([path], warn):
                said = self._messages(item, joint)
                if not said:
                    self._answer(item, bare, warn)
                for found in said:
                    symbol = found.track.symbol
                    own[symbol] = None
                    if only and symbol != only:
                        continue
                    joint = False
                    self._open(found)
                    self.counts[found.track.stream] = self.counts.get(found.track.stream, 0) + 1
                    kept += len(found.framed) + len(found.payload) + 120
                    if kept > KEPT_BYTES:
                        self._kept = None
                    if self._kept is not None:
                        self._kept.append(found)
            if bare and len(own) != 1:
                warn(f"{path}: {len(bare)} snapshots name no symbol and the file has {len(own)}")
                continue
            for body in bare:
                self._snapshot(next(iter(own)), body, f"{path}", warn)
        if only:
            if only not in self.symbols:
                known = ", ".join(sorted(self.symbols)) or "none"
                raise ValueError(f"{only} is not in the recording; there are: {known}")
            self.symbols = {only: self.symbols[only]}
        if not self.counts:
            raise ValueError("no message of a stream in " + ", ".join(map(str, paths)))
        for replay in self.symbols.values():
            replay.first = replay.snapshots[0] if replay.snapshots else None

    def messages(self) -> Iterator[Message]:
        """The messages in order; once."""
        if self._kept is not None:
            kept, self._kept = self._kept, None
            while kept:
                yield kept.popleft()
            return
        for path in self._paths:
            joint = True
            for item in recording.read([path]):
                for found in self._messages(item, joint):
                    if found.track.symbol in self.symbols:
                        joint = False
                        yield found

    def _messages(self, item: recording.Item, joint: bool) -> list[Message]:
        """The messages of streams in a line; the first of a file keeps the pace over its seam."""
        if item.kind is not recording.Kind.FRAME:
            return []
        found: list[Message] = []
        for line in self._venue.tape.lines(item.payload):
            one = self._message(line, item.time_ns, joint and not found)
            if one is not None:
                found.append(one)
        return found

    def _message(self, line: bytes, time_ns: int, joint: bool) -> Message | None:
        found = self._venue.tape.message(line)
        if found is None:
            return None
        track = self.tracks.get(found.stream)
        if track is None:
            symbol, kind = self._venue.tape.stream(found.stream)
            if not symbol:
                return None
            track = self.tracks[found.stream] = Track(found.stream, symbol, kind)
            track.book = self._symbol(symbol)
        framed = frame(line) if found.combined else b""
        return Message(time_ns, track, found.payload, framed, joint)

    def _open(self, found: Message) -> None:
        """Note a symbol's first full book, if it is on its stream."""
        book = found.track.book
        if found.track.kind != "depth" or book.opening is not None:
            return
        try:
            depth = self._venue.tape.depth(found.payload)
        except (ValueError, ArithmeticError):
            return
        book.opening = depth if depth.whole else book.opening

    def _symbol(self, symbol: str) -> SymbolReplay:
        replay = self.symbols.get(symbol)
        if replay is None:
            replay = self.symbols[symbol] = SymbolReplay(symbol, self._venue)
        return replay

    def _answer(self, item: recording.Item, bare: list[bytes], warn: Callable[[str], None]) -> None:
        if item.kind not in (recording.Kind.FRAME, recording.Kind.HTTP):
            return
        kind, symbol = self._venue.tape.answer(item.url, item.payload)
        if kind == "instruments":
            self.info = self.info or item.payload
        elif kind == "snapshot" and symbol:
            self._snapshot(symbol, item.payload, item.url, warn)
        elif kind == "snapshot":
            # Without a URL it belongs to the only symbol of its file.
            bare.append(item.payload)

    def _snapshot(self, symbol: str, body: bytes, where: str, warn: Callable[[str], None]) -> None:
        try:
            parsed = self._venue.tape.snapshot(body)
        except ValueError as error:
            warn(f"{where}: a snapshot of {symbol} cannot be read: {error}")
            return
        self._symbol(symbol).snapshots.append(Snapshot(parsed.last_id, body, parsed))
