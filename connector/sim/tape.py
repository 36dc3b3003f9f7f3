"""Recordings as the simulated venue reads them: their messages, their snapshots, their books.

Recorded lines in; out come the messages of each stream with the bytes to send, and per symbol the
recorded snapshots and a book of its own (plain dictionaries, kept by the venue's rules).
"""

import re
from collections import deque
from collections.abc import Callable, Sequence
from decimal import Decimal
from math import gcd
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import msgspec
from msgspec import Struct

from connector.protocol import recording
from connector.venues.binance_usdm import sim as venue
from connector.venues.binance_usdm import sim_rest as rest

HELD_AFTER = 3
"""Depth messages at or behind the snapshot that may go out before it was asked for."""


class Depth(Struct):
    """A recorded depth message, as far as the book needs it."""

    u: int
    pu: int
    b: list[tuple[str, str]]
    a: list[tuple[str, str]]
    T: int = 0


class RecordedSnapshot(Struct):
    lastUpdateId: int
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]
    T: int = 0


class _Combined(Struct):
    stream: str
    data: msgspec.Raw


class _Event(Struct):
    e: str
    s: str


class Snapshot(Struct, frozen=True):
    """A recorded answer: its id, its bytes and what they mean."""

    last_id: int
    body: bytes
    parsed: RecordedSnapshot


class Message(Struct, frozen=True, gc=False):
    """One recorded message: whole as recorded, and the payload inside the combined form."""

    time_ns: int
    stream: str
    whole: bytes
    """Empty when it was not recorded in the combined form."""
    payload: bytes
    joint: bool = False
    """First of its file."""


_HEAD = re.compile(rb'\s*\{\s*"stream"\s*:\s*"([^"\\]+)"\s*,\s*"data"\s*:\s*')
_depth = msgspec.json.Decoder(Depth)
_snapshot = msgspec.json.Decoder(RecordedSnapshot)
_combined = msgspec.json.Decoder(_Combined)
_event = msgspec.json.Decoder(_Event)
_RAW_STREAMS = {
    "depthUpdate": "@depth@0ms",
    "bookTicker": "@bookTicker",
    "trade": "@trade",
    "aggTrade": "@aggTrade",
    "markPriceUpdate": "@markPrice@1s",
}


def message(item: recording.Item, joint: bool = False) -> Message | None:
    """The recorded message of a line; None when it is none of a stream.

    A line that is not whole JSON is a message all the same when its stream can be told: it was on
    the wire like that.
    """
    whole = item.payload
    match = _HEAD.match(whole)
    if match is not None:
        name, payload = match[1].decode(), whole[match.end() :].rstrip().removesuffix(b"}")
        return Message(item.time_ns, name, whole, payload, joint)
    try:
        combined = _combined.decode(whole)
        return Message(item.time_ns, combined.stream, whole, bytes(combined.data), joint)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        pass
    try:
        event = _event.decode(whole)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    suffix = _RAW_STREAMS.get(event.e)
    if suffix is None:
        return None
    return Message(item.time_ns, event.s.lower() + suffix, b"", whole, joint)


class Side(dict[Decimal, tuple[str, str]]):
    """One side of a book: price to its wire texts."""

    def apply(self, levels: list[tuple[str, str]]) -> None:
        for price, qty in levels:
            key = Decimal(price)
            if Decimal(qty):
                self[key] = (price, qty)
            else:
                self.pop(key, None)

    def render(self, limit: int, *, reverse: bool) -> str:
        keys = sorted(self, reverse=reverse)[:limit]
        return ",".join('["{}","{}"]'.format(*self[key]) for key in keys)


class SymbolReplay:
    """What the replay knows of one symbol: recorded snapshots ahead, its own book behind."""

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.snapshots: deque[Snapshot] = deque()
        """The recorded snapshots that the stream has not reached; the first is the book's base."""
        self.bids, self.asks = Side(), Side()
        self.last_id = 0
        self.time_ms = 0
        self.live = False
        """Whether the own book is correct at ``last_id``."""
        self.first: Snapshot | None = None
        self.asked = False
        """Somebody was given the first recorded snapshot."""
        self.after = 0
        """Depth messages sent at or behind the first snapshot."""
        self.missed = False
        """One of those went out while nobody listened: the first snapshot helps nobody any more."""
        self.first_prev_id = 0
        self.gaps = 0
        self.trades: deque[bytes] = deque(maxlen=1000)
        self.agg_trades: deque[bytes] = deque(maxlen=1000)
        self.ticker = b""
        self.mark = b""

    def take(self, payload: bytes, heard: bool) -> None:
        """Note a depth message that is being sent."""
        try:
            depth = _depth.decode(payload)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return
        self.first_prev_id = self.first_prev_id or depth.pu
        if self.first is not None and depth.u >= self.first.last_id:
            self.after += 1
            self.missed = self.missed or not heard
        try:
            self._apply(depth)
        except ArithmeticError:
            self.live = False

    def _apply(self, depth: Depth) -> None:
        if self.live and depth.u <= self.last_id:
            return
        if self.live and depth.pu > self.last_id:
            # The recording has a hole: the book is wrong until the next recorded snapshot.
            self.live = False
            self.gaps += 1
        if not self.live and not self._rebase(depth):
            self.last_id = max(self.last_id, depth.u)
            return
        self.bids.apply(depth.b)
        self.asks.apply(depth.a)
        self.last_id, self.time_ms = depth.u, depth.T

    def _rebase(self, depth: Depth) -> bool:
        """Start the book from the recorded snapshot this message continues, if there is one."""
        while self.snapshots and self.snapshots[0].last_id < depth.pu:
            self.snapshots.popleft()
        if not self.snapshots or depth.u < self.snapshots[0].last_id:
            return False
        base = self.snapshots.popleft().parsed
        self.bids.clear()
        self.asks.clear()
        self.bids.apply(base.bids)
        self.asks.apply(base.asks)
        self.live = True
        return True

    def depth(self, limit: int, now_ms: int) -> bytes:
        """Answer a depth request at this point of the replay."""
        first = self.first
        if first is not None and not self.asked:
            self.asked = self.asked or limit >= len(first.parsed.bids)
            if not self.missed and self.after <= HELD_AFTER and self.asked:
                return first.body
        if not self.live and self.snapshots:
            ahead = self.snapshots[0]
            if limit >= max(len(ahead.parsed.bids), len(ahead.parsed.asks)):
                return ahead.body
            return _body(ahead.parsed, limit, now_ms)
        return rest.depth_body(
            self.last_id,
            now_ms,
            self.time_ms or now_ms,
            self.bids.render(limit, reverse=True),
            self.asks.render(limit, reverse=False),
        )

    def old_depth(self, limit: int, now_ms: int) -> bytes:
        """A depth answer from before the recording began."""
        body = self.first.body if self.first is not None else self.depth(limit, now_ms)
        old = b"%d" % max(1, self.first_prev_id - 1000)
        return re.sub(rb'("lastUpdateId"\s*:\s*)\d+', rb"\g<1>" + old, body, count=1)


def _body(snapshot: RecordedSnapshot, limit: int, now_ms: int) -> bytes:
    sides = []
    for levels in (snapshot.bids, snapshot.asks):
        sides.append(",".join(f'["{price}","{qty}"]' for price, qty in levels[:limit]))
    return rest.depth_body(snapshot.lastUpdateId, now_ms, snapshot.T or now_ms, *sides)


class Scan(Struct):
    """What a first reading of the files found."""

    symbols: dict[str, SymbolReplay]
    streams: dict[str, int]
    """Recorded stream to its number of messages."""
    info: bytes = b""


def scan(paths: Sequence[Path], warn: Callable[[str], None]) -> Scan:
    """Read the files once: streams, snapshots in order, exchangeInfo.

    A snapshot line without a URL belongs to the only symbol of its file.
    """
    found = Scan({}, {})
    for path in paths:
        own: dict[str, None] = {}
        bare: list[bytes] = []
        for item in recording.read([path], warn):
            if item.kind is recording.Kind.HTTP:
                _answer(found, item, warn)
                continue
            if item.kind is not recording.Kind.FRAME:
                continue
            if item.payload.startswith(b'{"lastUpdateId"'):
                bare.append(item.payload)
                continue
            sent = message(item)
            if sent is None:
                if b'"symbols"' in item.payload and b'"rateLimits"' in item.payload:
                    found.info = found.info or item.payload
                continue
            found.streams[sent.stream] = found.streams.get(sent.stream, 0) + 1
            symbol = sent.stream.partition("@")[0].upper()
            own[symbol] = None
            found.symbols.setdefault(symbol, SymbolReplay(symbol))
        if bare and len(own) != 1:
            warn(f"{path}: {len(bare)} snapshots name no symbol and the file has {len(own)}")
            continue
        for body in bare:
            _add(found, next(iter(own)), body, f"{path}", warn)
    for replay in found.symbols.values():
        replay.first = replay.snapshots[0] if replay.snapshots else None
    return found


def _answer(found: Scan, item: recording.Item, warn: Callable[[str], None]) -> None:
    url = urlsplit(item.url)
    if url.path.endswith("/exchangeInfo"):
        found.info = found.info or item.payload
    elif url.path.endswith("/depth"):
        symbol = parse_qs(url.query).get("symbol", [""])[0]
        found.symbols.setdefault(symbol, SymbolReplay(symbol))
        _add(found, symbol, item.payload, item.url, warn)


def _add(found: Scan, symbol: str, body: bytes, where: str, warn: Callable[[str], None]) -> None:
    try:
        parsed = _snapshot.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        warn(f"{where}: a snapshot of {symbol} cannot be read: {error}")
        return
    found.symbols[symbol].snapshots.append(Snapshot(parsed.lastUpdateId, body, parsed))


def contract(symbol: SymbolReplay) -> rest.Contract | None:
    """What a symbol's first snapshot tells of it: decimals, and the grid of its prices."""
    if symbol.first is None:
        return None
    levels = symbol.first.parsed.bids + symbol.first.parsed.asks
    if not levels:
        return None
    price_digits = max(_digits(price) for price, _ in levels)
    qty_digits = max(_digits(qty) for _, qty in levels)
    units = [int(Decimal(price).scaleb(price_digits)) for price, _ in levels]
    return rest.Contract(
        symbol=symbol.symbol,
        base=symbol.symbol.removesuffix("USDT"),
        price_digits=price_digits,
        tick=venue.decimal(gcd(*units), price_digits),
        qty_digits=qty_digits,
        step=venue.decimal(1, qty_digits),
        price=levels[0][0],
    )


def _digits(text: str) -> int:
    return len(text.partition(".")[2])


def is_diff(stream: str) -> bool:
    """Whether a stream carries changes of a book."""
    kind = stream.partition("@")[2]
    return kind == "depth" or kind.startswith("depth@")
