"""Replay of recordings: the recorded payloads, in order, at the recorded pace or another.

No I/O but reading the files. The flow starts at the first subscription that names a recorded
stream (and a settling time later, so that a client's other subscriptions make it, too), sends each
recorded message to the subscribers of its stream and stays idle at the end.

The first ``depth`` request of a symbol is answered with the recorded snapshot, byte for byte. The
recorder asked for it at one moment of its own; a client here may ask earlier or later. Earlier is
harmless: the snapshot is newer than what the client buffered, it waits until the stream gets there.
Later would not be, so the flow holds three depth messages behind the snapshot until somebody who
listens to that symbol's depth asked for it (or ``snapshot_wait_s`` has passed). Other requests get
the replay's own book, kept from the messages sent; where the recording itself has a gap, the next
recorded snapshot.

A subscriber of a diff stream that was recorded at another speed only gets that one, under the name
he asked for.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from connector.clock import monotonic_ns, wall_ns
from connector.sim.floor import Floor
from connector.sim.history import history_of
from connector.sim.hub import Hub
from connector.sim.matching.engine import Engine
from connector.sim.matching.rules import Rules
from connector.sim.tape import Message, SymbolReplay, Tape
from connector.venues.sim_contract import (
    AggRow,
    BookRow,
    Candle,
    Contract,
    MarkTexts,
    Stream,
    TickerRow,
    TradeRow,
    VenueSim,
)

LONGEST_JOINT_NS = 1_000_000_000
"""Longest pause between the last line of one file and the first of the next."""
FULL_BYTES = 64 * 1024
"""So much leaves in one write."""


class ReplayMarket:
    """A market that happened before; also the `MarketView` of the REST side.

    ``speed`` is a factor, 0 means as fast as the clients take it. ``info`` is the exchangeInfo
    answer to give instead of the recording's.
    """

    def __init__(
        self,
        venue: VenueSim,
        paths: Sequence[Path],
        *,
        speed: float = 1.0,
        symbol: str = "",
        info: bytes = b"",
        settle_s: float = 0.3,
        snapshot_wait_s: float = 10.0,
        weight_limit: int = 0,
        warn: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        self._venue = venue
        self._speed = speed
        self._weight_limit = weight_limit or venue.weight_limit
        self._tape = Tape([Path(path) for path in paths], venue, symbol, warn)
        self._replays = self._tape.symbols
        self._streams = self._tape.counts
        contracts = [row for each in self._replays.values() if (row := each.contract())]
        self._info = info or self._tape.info
        listed = {row.symbol: row for row in contracts}
        if self._info:
            listed |= {row.symbol: row for row in venue.contracts(self._info)}
        else:
            self._made = contracts
        self._symbols: dict[str, object] = {**dict.fromkeys(self._replays), **listed}
        self._settle_ns = int(settle_s * 1e9)
        self._snapshot_wait_ns = int(snapshot_wait_s * 1e9)
        self._iterator = self._tape.messages()
        self._next: Message | None = next(self._iterator, None)
        self._begin_ns = 0
        """When the flow starts; 0: nobody has subscribed yet."""
        self._base_ns = 0
        """Recorded time that corresponds to ``_begin_ns``."""
        self._last_ns = 0
        self._held_ns = 0
        self.sent = 0
        self.holds = 0
        self.hub: Hub | None = None
        self._engine: Engine | None = None
        self._floors: dict[str, Floor] = {}

    def attach(self, engine: Engine, rules: Callable[[bytes], Sequence[Rules]]) -> None:
        """Let accounts trade here, see `floor`. ``rules`` reads an instruments answer."""
        self._engine = engine
        for row in rules(self.exchange_info(wall_ns() // 1_000_000)):
            replay = self._replays.get(row.symbol) or SymbolReplay(row.symbol, self._venue)
            self._floors[row.symbol] = Floor(replay, self._venue, engine, row)

    @property
    def done(self) -> bool:
        """Whether the recording is at its end."""
        return self._next is None

    @property
    def profile(self) -> str:
        """The state of the venue that was recorded; "": it may be any."""
        told = map(self._venue.tape.profile, self._streams)
        return next((name for name in told if name), "")

    # What the REST side asks.

    @property
    def symbols(self) -> Mapping[str, object]:
        return self._symbols

    def exchange_info(self, now_ms: int) -> bytes:
        return self._info or self._venue.exchange_info(self._made, now_ms, self._weight_limit)

    def depth(self, symbol: str, limit: int, now_ms: int) -> bytes:
        return self._replay(symbol).depth(limit, now_ms)

    def top(self, symbol: str, levels: int) -> BookRow:
        return self._replay(symbol).top(levels)

    def old_depth(self, symbol: str, limit: int, now_ms: int) -> bytes:
        return self._replay(symbol).old_depth(limit, now_ms)

    def trades(self, symbol: str, after: int = 0) -> Sequence[TradeRow]:
        payloads = self._replay(symbol).trades
        rows = (row for each in payloads for row in self._venue.tape.trades(each))
        return [row for row in rows if row.trade_id > after]

    def agg_trades(self, symbol: str) -> Sequence[AggRow]:
        return [*map(self._venue.tape.agg_trade, self._replay(symbol).agg_trades)]

    def mark(self, symbol: str, now_ms: int) -> MarkTexts | None:
        raw = self._replay(symbol).mark
        return self._venue.tape.mark(raw) if raw else None

    def ticker(self, symbol: str) -> TickerRow | None:
        raw = self._replay(symbol).ticker
        return self._venue.tape.bbo(raw) if raw else None

    def candles(self, symbol: str) -> Sequence[Candle]:
        """Of the trades that are still known."""
        return history_of(self.trades(symbol)).minutes

    # What the server tells and asks.

    def subscribed(self, stream: Stream) -> None:
        """The stream has its first subscriber."""
        source = self._source(stream)
        if source is None:
            return
        track = self._tape.tracks[source]
        track.names = (*track.names, stream.name)
        if not self._begin_ns and self._next is not None:
            self._begin_ns = monotonic_ns() + self._settle_ns
            self._base_ns = self._last_ns = self._next.time_ns

    def unsubscribed(self, stream: Stream) -> None:
        for track in self._tape.tracks.values():
            track.names = tuple(name for name in track.names if name != stream.name)

    def relist(self, command: Mapping[str, Any]) -> Contract | None:
        """Not here."""
        raise ValueError("a replay lists what was recorded")

    def greeting(self, stream: Stream, now_ms: int) -> list[bytes]:
        """Of a stream that begins with where it stands, once it has begun."""
        feed = self._venue.feed(stream, self) if self.sent else None
        if feed is None:
            return []
        replay = self._replay(stream.symbol)
        replay.settle()
        # Before its first full book there is nothing to begin with: the recording brings it.
        return feed.greeting(now_ms) if replay.live else []

    def repeat(self, symbol: str) -> None:
        """A recording says what was said."""

    def reset(self, symbol: str) -> None:
        """A recording's ids are what they are."""

    def next_ns(self) -> int | None:
        if not self._begin_ns or self._next is None:
            return None
        if self._held_ns:
            return monotonic_ns() + 1_000_000
        return self._due_ns(self._next)

    def run_until(self, now_ns: int, most: int) -> bool:
        """Send at most so many messages that are due; True if more wait."""
        hub = self.hub
        assert hub is not None
        if not self._begin_ns or now_ns < self._begin_ns or self._next is None:
            return False
        if self._speed != 1 and hub.backed_up:
            return False
        for _ in range(most):
            upcoming = self._next
            if upcoming is None or (self._speed and self._due_ns(upcoming) > now_ns):
                self._settle()
                return False
            track = upcoming.track
            if track.kind == "depth" and track.book.holds() and self._hold(track.book, now_ns):
                return False
            self._send(upcoming)
            self._next = following = next(self._iterator, None)
            if following is not None:
                if following.joint:
                    self._join(following)
                self._last_ns = following.time_ns
            if hub.waiting_bytes >= FULL_BYTES:
                break
        return self._next is not None

    def status(self) -> dict[str, object]:
        for replay in self._replays.values():
            replay.settle()
        return {
            "mode": "replay",
            "speed": self._speed or "max",
            "done": self.done,
            "started": bool(self._begin_ns),
            "holding": bool(self._held_ns),
            "messages_sent": self.sent,
            "messages_total": sum(self._streams.values()),
            "streams": self._streams,
            "last_update_id": {name: each.last_id for name, each in self._replays.items()},
            "live": {name: each.live for name, each in self._replays.items()},
            "unread": {name: each.unread for name, each in self._floors.items() if each.awake},
            "recorded_gaps": {name: each.gaps for name, each in self._replays.items()},
        }

    def _replay(self, symbol: str) -> SymbolReplay:
        found = self._replays.get(symbol)
        if found is None:
            # Listed, but not recorded: a book nobody trades in.
            found = self._replays[symbol] = SymbolReplay(symbol, self._venue)
        return found

    def _settle(self) -> None:
        """Bring the own books nearer to what was sent: there is time."""
        for replay in self._replays.values():
            replay.settle(20)

    def _source(self, stream: Stream) -> str | None:
        """The recorded stream that serves a subscriber: the same, or another speed of it."""
        if stream.name in self._streams:
            return stream.name
        others = [
            other
            for name in self._streams
            if (other := self._venue.stream(name, self._symbols)) is not None
            and (other.symbol, other.kind, other.levels)
            == (stream.symbol, stream.kind, stream.levels)
        ]
        return min(others, key=lambda other: other.period_ms).name if others else None

    def _due_ns(self, upcoming: Message) -> int:
        if not self._speed:
            return self._begin_ns
        return self._begin_ns + int((upcoming.time_ns - self._base_ns) / self._speed)

    def _join(self, upcoming: Message) -> None:
        """Keep the pace over the seam of two files, whatever lies between them."""
        gap_ns = upcoming.time_ns - self._last_ns
        if not 0 <= gap_ns <= LONGEST_JOINT_NS:
            self._base_ns += gap_ns - LONGEST_JOINT_NS

    def _hold(self, replay: SymbolReplay, now_ns: int) -> bool:
        """Whether to wait for somebody to ask for the recorded snapshot before this message."""
        if not self._held_ns:
            self._held_ns = now_ns
            self.holds += 1
        if now_ns - self._held_ns > self._snapshot_wait_ns:
            replay.missed = True
        return not replay.missed

    def _send(self, sent: Message) -> None:
        hub = self.hub
        assert hub is not None
        if self._held_ns:
            self._begin_ns += monotonic_ns() - self._held_ns
            self._held_ns = 0
        self.sent += 1
        track = sent.track
        names, replay = track.names, track.book
        floor = self._floors.get(track.symbol)
        if floor is not None and floor.awake:
            floor.turn(wall_ns())
        else:
            floor = None
        match track.kind:
            case "depth":
                replay.take(sent.payload, bool(names))
            case "bookTicker":
                replay.ticker = sent.payload
            case "trade":
                replay.trades.append(sent.payload)
                if floor is not None:
                    floor.trade(sent.payload, aggregate=False)
            case "aggTrade":
                replay.agg_trades.append(sent.payload)
                if floor is not None and not replay.trades:
                    floor.trade(sent.payload, aggregate=True)
            case "markPrice":
                replay.mark = sent.payload
                if floor is not None:
                    floor.mark(sent.payload)
        for name in names:
            hub.publish(name, sent.payload, sent.framed if name == track.stream else b"")
        if self._engine is not None and self._engine.unsettled:
            self._engine.settle(wall_ns())
