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

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import orjson

from connector.clock import monotonic_ns
from connector.protocol import recording
from connector.sim.hub import Hub
from connector.sim.tape import HELD_AFTER, Message, SymbolReplay, contract, is_diff, message, scan
from connector.venues.binance_usdm import sim as venue
from connector.venues.binance_usdm import sim_rest as rest

LONGEST_JOINT_NS = 1_000_000_000
"""Longest pause between the last line of one file and the first of the next."""


class ReplayMarket:
    """A market that happened before; also the `MarketView` of the REST side.

    ``speed`` is a factor, 0 means as fast as the clients take it. ``info`` is the exchangeInfo
    answer to give instead of the recording's.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        speed: float = 1.0,
        symbol: str = "",
        info: bytes = b"",
        settle_s: float = 0.3,
        snapshot_wait_s: float = 10.0,
        weight_limit: int = rest.WEIGHT_LIMIT,
        warn: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        self._paths = [Path(path) for path in paths]
        self._speed = speed
        self._weight_limit = weight_limit
        found = scan(self._paths, warn)
        if symbol:
            if symbol not in found.symbols:
                known = ", ".join(sorted(found.symbols)) or "none"
                raise ValueError(f"{symbol} is not in the recording; there are: {known}")
            found.symbols = {symbol: found.symbols[symbol]}
        if not found.symbols:
            raise ValueError("no message of a stream in " + ", ".join(map(str, self._paths)))
        self._replays = found.symbols
        self._streams = {
            name: count
            for name, count in found.streams.items()
            if name.partition("@")[0].upper() in found.symbols
        }
        contracts = [row for each in found.symbols.values() if (row := contract(each))]
        self._info = info or found.info
        listed = {row.symbol: row for row in contracts}
        if self._info:
            listed |= {row.symbol: row for row in rest.contracts(self._info)}
        else:
            self._made = contracts
        self._symbols: dict[str, object] = {**dict.fromkeys(found.symbols), **listed}
        self._names: dict[str, list[str]] = {}
        self._settle_ns = int(settle_s * 1e9)
        self._snapshot_wait_ns = int(snapshot_wait_s * 1e9)
        self._iterator = self._messages()
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

    @property
    def done(self) -> bool:
        """Whether the recording is at its end."""
        return self._next is None

    # What the REST side asks.

    @property
    def symbols(self) -> Mapping[str, object]:
        return self._symbols

    def exchange_info(self, now_ms: int) -> bytes:
        return self._info or rest.exchange_info(self._made, now_ms, self._weight_limit)

    def depth(self, symbol: str, limit: int, now_ms: int) -> bytes:
        return self._replay(symbol).depth(limit, now_ms)

    def old_depth(self, symbol: str, limit: int, now_ms: int) -> bytes:
        return self._replay(symbol).old_depth(limit, now_ms)

    def trades(self, symbol: str) -> Sequence[rest.TradeRow]:
        rows = []
        for event in map(orjson.loads, self._replay(symbol).trades):
            price, qty = Decimal(event["p"]), Decimal(event["q"])
            rows.append(
                rest.TradeRow(
                    event["t"], event["p"], event["q"], f"{price * qty:f}", event["T"], event["m"]
                )
            )
        return rows

    def agg_trades(self, symbol: str) -> Sequence[rest.AggRow]:
        return [
            rest.AggRow(e["a"], e["p"], e["q"], e["f"], e["l"], e["T"], e["m"])
            for e in map(orjson.loads, self._replay(symbol).agg_trades)
        ]

    def mark(self, symbol: str, now_ms: int) -> venue.MarkTexts | None:
        raw = self._replay(symbol).mark
        if not raw:
            return None
        event = orjson.loads(raw)
        index = event.get("i", event["p"])
        return venue.MarkTexts(
            event["p"], index, event.get("P", index), event.get("ap", event["p"]),
            event.get("r", "0.00000000"), event.get("T", 0),
        )  # fmt: skip

    def ticker(self, symbol: str) -> rest.TickerRow | None:
        raw = self._replay(symbol).ticker
        if not raw:
            return None
        event = orjson.loads(raw)
        return rest.TickerRow(
            event["b"], event["B"], event["a"], event["A"], event.get("T", 0), event["u"]
        )

    # What the server tells and asks.

    def subscribed(self, stream: venue.Stream) -> None:
        """The stream has its first subscriber."""
        source = self._source(stream)
        if source is None:
            return
        self._names.setdefault(source, []).append(stream.name)
        if not self._begin_ns and self._next is not None:
            self._begin_ns = monotonic_ns() + self._settle_ns
            self._base_ns = self._last_ns = self._next.time_ns

    def unsubscribed(self, stream: venue.Stream) -> None:
        for names in self._names.values():
            if stream.name in names:
                names.remove(stream.name)

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
            if upcoming is None or self._due_ns(upcoming) > now_ns:
                return False
            if self._hold(upcoming, now_ns):
                return False
            self._send(upcoming)
            self._next = next(self._iterator, None)
            if self._next is not None:
                self._join(self._next)
        return self._next is not None

    def status(self) -> dict[str, object]:
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
            "recorded_gaps": {name: each.gaps for name, each in self._replays.items()},
        }

    def _replay(self, symbol: str) -> SymbolReplay:
        found = self._replays.get(symbol)
        if found is None:
            # Listed, but not recorded: a book nobody trades in.
            found = self._replays[symbol] = SymbolReplay(symbol)
        return found

    def _messages(self) -> Iterator[Message]:
        for path in self._paths:
            joint = True
            for item in recording.read([path]):
                if item.kind is recording.Kind.FRAME:
                    found = message(item, joint)
                    if found is not None and found.stream in self._streams:
                        joint = False
                        yield found

    def _source(self, stream: venue.Stream) -> str | None:
        """The recorded stream that serves a subscriber: the same, or another speed of it."""
        if stream.name in self._streams:
            return stream.name
        others = [
            other
            for name in self._streams
            if (other := venue.stream(name, self._symbols)) is not None
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
        if upcoming.joint and not 0 <= gap_ns <= LONGEST_JOINT_NS:
            self._base_ns += gap_ns - LONGEST_JOINT_NS
        self._last_ns = upcoming.time_ns

    def _hold(self, upcoming: Message, now_ns: int) -> bool:
        """Whether to wait for somebody to ask for the recorded snapshot before this message."""
        replay = self._replays[upcoming.stream.partition("@")[0].upper()]
        if (
            replay.first is None
            or replay.asked
            or replay.missed
            or replay.after < HELD_AFTER
            or not is_diff(upcoming.stream)
        ):
            return False
        if not self._held_ns:
            self._held_ns = now_ns
            self.holds += 1
        if now_ns - self._held_ns > self._snapshot_wait_ns:
            replay.missed = True
        elif not replay.asked:
            return True
        return False

    def _send(self, sent: Message) -> None:
        hub = self.hub
        assert hub is not None
        if self._held_ns:
            self._begin_ns += monotonic_ns() - self._held_ns
            self._held_ns = 0
        self.sent += 1
        names = self._names.get(sent.stream, ())
        symbol, _, kind = sent.stream.partition("@")
        replay = self._replays[symbol.upper()]
        if is_diff(sent.stream):
            replay.take(sent.payload, bool(names))
        elif kind == "bookTicker":
            replay.ticker = sent.payload
        elif kind == "trade":
            replay.trades.append(sent.payload)
        elif kind == "aggTrade":
            replay.agg_trades.append(sent.payload)
        elif kind.startswith("markPrice"):
            replay.mark = sent.payload
        for name in names:
            hub.publish(name, sent.payload, sent.whole if name == sent.stream else b"")
