"""What an instrument's streams have in common: who serves them, their states, their silence.

Pure: every method is handed the time. How its book gets a base and is kept is ``feed``'s and
``streamed``'s."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from connector.market.beside import Beside
from connector.market.bodies import BODIES
from connector.model.counters import Counter
from connector.model.states import VALID, FeedKind, Reason, State
from connector.venues.channels import CONTINUOUS_KLINES, DEPTH_VIEWS, KLINES
from connector.venues.contract import (
    Bbo,
    Book,
    Channel,
    Depth,
    History,
    MarkPrice,
    StreamEvent,
    Subscription,
    Trade,
    Traded,
    Voided,
)
from connector.venues.dialogue import Stands

KEPT = {
    Channel.DEPTH: FeedKind.BOOK,
    Channel.BBO: FeedKind.BBO,
    Channel.TRADE: FeedKind.TRADE,
    Channel.AGG_TRADE: FeedKind.TRADE,
    Channel.MARK_PRICE: FeedKind.MARK_PRICE,
}
"""What has cells of the top table."""
KIND = KEPT | {
    Channel.TICKER: FeedKind.TICKER,
    Channel.MINI_TICKER: FeedKind.TICKER,
    Channel.LIQUIDATION: FeedKind.LIQUIDATION,
    Channel.INDEX: FeedKind.INDEX,
    Channel.ASSET_INDEX: FeedKind.INDEX,
    Channel.COMPOSITE_INDEX: FeedKind.INDEX,
    Channel.CONTRACT: FeedKind.CONTRACT,
    Channel.HIDDEN_DEPTH: FeedKind.DEPTH_VIEW,
    Channel.MARKET_HOURS: FeedKind.MARKET_HOURS,
    **dict.fromkeys(DEPTH_VIEWS, FeedKind.DEPTH_VIEW),
    **dict.fromkeys([*KLINES, *CONTINUOUS_KLINES], FeedKind.KLINE),
}

MarketEvent = Depth | Book | Bbo | Trade | Traded | History | MarkPrice | Voided | StreamEvent


class Base(Protocol):
    """A snapshot, decoded by the venue or packed by the compiled codec; the kernel takes either."""

    @property
    def last_id(self) -> int: ...
    @property
    def venue_ns(self) -> int: ...


class WholeBook(Base, Protocol):
    """A whole book of the stream, likewise."""

    @property
    def symbol(self) -> str: ...
    @property
    def depth(self) -> int: ...
    @property
    def bids(self) -> list[int]: ...
    @property
    def asks(self) -> list[int]: ...


class DepthEvent(Protocol):
    """A depth message, decoded by the venue or packed by the compiled codec."""

    @property
    def last_id(self) -> int: ...
    @property
    def prev_id(self) -> int: ...
    @property
    def venue_ns(self) -> int: ...
    @property
    def bids(self) -> list[int]: ...
    @property
    def asks(self) -> list[int]: ...


class Kernel(Protocol):
    """What of ``_speedups.feed.Feed`` is used here; it publishes and keeps the top table."""

    @property
    def last_id(self) -> int: ...
    @property
    def venue_ns(self) -> int: ...
    def state(self, kind: int) -> int: ...
    def set_state(self, kind: int, state: int, reason: int, recv_ns: int) -> None: ...
    def line_last_id(self, line: int) -> int: ...
    def line_venue_ns(self, line: int) -> int: ...
    def line_seen(self, line: int, last_id: int, venue_ns: int) -> None: ...
    def apply(self, event: Any, line: int, recv_ns: int) -> None: ...
    def stage(self, snapshot: Any) -> None: ...
    def stage_apply(self, event: Any) -> None: ...
    def adopt(self, recv_ns: int) -> None: ...
    def drop_base(self) -> None: ...
    def bbo(self, event: Bbo, line: int, recv_ns: int) -> int: ...
    def trade(self, event: Trade, line: int, recv_ns: int) -> int: ...
    def number_trade(self) -> int: ...
    def traded(self, event: Traded, recv_ns: int) -> bool: ...
    def mark_price(self, event: MarkPrice, line: int, recv_ns: int) -> int: ...
    def record(
        self,
        type: int,
        kind: int,
        body: bytes,
        venue_ns: int,
        recv_ns: int,
        update_id: int,
        line: int,
    ) -> None: ...
    def mute(self, kind: int, on: bool) -> None: ...
    def last_recv_ns(self, kind: int) -> int: ...
    def line_recv_ns(self, kind: int, line: int) -> int: ...
    def line_heard(self, kind: int, line: int, recv_ns: int) -> None: ...
    def stood(self, kind: int) -> int: ...
    def stand(self, kind: int, number: int) -> None: ...

    def forget_trades(self) -> None: ...
    def lead(self, line: int) -> None: ...

    window: int

    @property
    def traded_id(self) -> int: ...
    @property
    def traded_ns(self) -> int: ...
    @property
    def snapshots(self) -> int: ...
    def bids(self) -> list[tuple[int, int]]: ...
    def asks(self) -> list[tuple[int, int]]: ...
    @property
    def crossed(self) -> bool: ...


class Streams(ABC):
    """The streams of one instrument. ``lines`` are connections by number; each serves some of the
    channels."""

    def __init__(
        self,
        kernel: Kernel,
        subscriptions: Iterable[Subscription],
        count: Callable[[Counter], None],
        on_applied: Callable[[], None] | None = None,
    ) -> None:
        self._kernel = kernel
        self._subscriptions: dict[Channel, Subscription] = {}
        self._quiet_ns: list[tuple[FeedKind, int]] = []
        self._one_stream = False
        """The best prices are the book's: they have no messages of their own."""
        self._want(subscriptions)
        self._count = count
        self._beside = Beside(kernel, count)
        self._on_applied = on_applied
        self._lines: dict[int, frozenset[Channel]] = {}
        self._served: frozenset[FeedKind] = frozenset()
        """The kinds that are subscribed and have a connection."""
        self._served_ns: dict[FeedKind, int] = {}
        """Since when a kind is served; silence counts from there."""
        self._silent: set[FeedKind] = set()
        self._closed = False
        self.epoch = 0
        """Of the connection that a snapshot asked for now belongs to."""
        self.snapshot_due_ns: int | None = None
        """The earliest time a snapshot should be asked for, None when none is wanted."""
        self.base_ns: int | None = None
        """When the stream last brought a whole book that stands, 0 while none does; None: none
        comes on the stream."""

    # What is wanted

    def _want(self, subscriptions: Iterable[Subscription]) -> None:
        self._subscriptions = {row.channel: row for row in subscriptions}
        self._quiet_ns = [
            (KIND[row.channel], row.quiet_ns)
            for row in self._subscriptions.values()
            if row.quiet_ns
        ]
        depth, bbo = (self._subscriptions.get(one) for one in (Channel.DEPTH, Channel.BBO))
        self._one_stream = depth is not None and bbo is not None and depth.stream == bbo.stream

    def change(self, subscriptions: Iterable[Subscription], now_ns: int) -> None:
        """These are wanted from now on: a kind of which nothing is wanted any more is DOWN and what
        still comes of it is dropped; the others notice nothing. What is new waits for a line that
        serves it (``on_line_serves``)."""
        if self._closed:
            return
        self._want(subscriptions)
        before = self._serve_anew()
        for kind in before - self._served:
            self._end(kind, Reason.UNWANTED, now_ns)
        wanted = self._kinds(self._subscriptions)
        for kind in before - wanted:
            self._kernel.mute(kind, True)
        for kind in wanted:
            self._kernel.mute(kind, False)
        self._begin(before, self.epoch, now_ns)

    def on_line_serves(
        self, line: int, epoch: int, now_ns: int, channels: frozenset[Channel]
    ) -> None:
        """A connection that is open serves other channels now."""
        if self._closed:
            return
        if line not in self._lines:
            if channels:
                self.on_line_up(line, epoch, now_ns, channels)
            return
        before = self._serve(line, channels or None)
        for kind in before - self._served:
            self._end(kind, Reason.UNWANTED, now_ns)
        for kind in self._served - before:
            self._kernel.line_heard(kind, line, 0)
        self._begin(before, epoch, now_ns)

    # Connections

    def on_line_up(
        self,
        line: int,
        epoch: int,
        now_ns: int,
        channels: frozenset[Channel] = frozenset(Channel),
    ) -> None:
        """A connection that serves ``channels`` is open and subscribed; ``epoch`` is its number."""
        if self._closed:
            return
        served = self._serve(line, channels)
        self._kernel.line_seen(line, 0, 0)
        for kind in FeedKind:
            self._kernel.line_heard(kind, line, 0)
        self._beside.forget(line)
        self._begin(served, epoch, now_ns)

    def _begin(self, before: frozenset[FeedKind], epoch: int, now_ns: int) -> None:
        """Kinds that were not served before are."""
        if FeedKind.BOOK in self._served and FeedKind.BOOK not in before:
            self.epoch = epoch
            self._on_book_served(now_ns)
        for kind in self._served - before:
            self._served_ns[kind] = now_ns
            if self._state(kind) is State.DOWN:
                self._move(kind, State.SYNCING, Reason.CONNECTED, now_ns)

    def _end(self, kind: FeedKind, reason: Reason, now_ns: int) -> None:
        """Nothing serves a kind any more."""
        self._move(kind, State.DOWN, reason, now_ns)
        self._beside.end(kind)
        if kind is FeedKind.BOOK:
            self._forget_book()

    def close(self, reason: Reason, now_ns: int) -> None:
        """Everything is DOWN, for good: whoever serves the instrument later makes a new feed."""
        self._closed = True
        self._lines.clear()
        self._served = frozenset()
        for kind in FeedKind:
            self._move(kind, State.DOWN, reason, now_ns)
        self._forget_book()

    def on_line_down(self, line: int, now_ns: int) -> None:
        """A connection is gone; what only it served is DOWN at once."""
        served = self._serve(line, None)
        for kind in served - self._served:
            self._end(kind, Reason.DISCONNECTED, now_ns)

    def _on_book_served(self, now_ns: int) -> None:  # noqa: B027 nothing to do is an answer
        """The first connection that brings the book is there."""

    @abstractmethod
    def _forget_book(self) -> None:
        """No connection brings the book: nothing kept of it has a future."""

    def _serve(self, line: int, channels: frozenset[Channel] | None) -> frozenset[FeedKind]:
        """A line serves these channels now (None: it is gone); returns what was served before."""
        if channels is None:
            self._lines.pop(line, None)
        else:
            self._lines[line] = channels
        return self._serve_anew()

    def _serve_anew(self) -> frozenset[FeedKind]:
        """What is served, from lines and subscriptions; returns what was before."""
        before = self._served
        self._served = self._kinds(
            channel
            for served in self._lines.values()
            for channel in served
            if channel in self._subscriptions
        )
        return before

    def _kinds(self, channels: Iterable[Channel]) -> frozenset[FeedKind]:
        """What subscribed channels bring."""
        return frozenset(KIND[channel] for channel in channels)

    def carries(self, line: int) -> bool:
        """Whether the book would go on as it is if only this line were left."""
        return line in self._lines

    # Events

    def on_event(self, event: MarketEvent, line: int, recv_ns: int) -> None:
        """An event the compiled path did not take, decoded by the venue."""
        if line not in self._lines:
            return
        if isinstance(event, StreamEvent):
            self._on_beside(event, line, recv_ns)
            return
        if isinstance(event, Depth):
            self.on_depth(event, line, recv_ns)
            return
        if isinstance(event, Book):
            self.on_book(event, line, recv_ns)
            return
        if isinstance(event, Traded):
            self.on_traded(event, recv_ns)
            return
        if isinstance(event, Voided):
            self.resync(Reason.FAULT, recv_ns)
            return
        kind = FeedKind.MARK_PRICE
        if isinstance(event, Bbo):
            kind = FeedKind.BBO
            self._kernel.bbo(event, line, recv_ns)
        elif isinstance(event, Trade):
            kind = FeedKind.TRADE
            self._kernel.trade(event, line, recv_ns)
        elif isinstance(event, History):
            kind = FeedKind.TRADE
            self._kernel.line_heard(kind, line, recv_ns)
        elif Channel.MARK_PRICE not in self._subscriptions:
            return  # it came on a stream of all symbols, which another one asked for
        else:
            self._kernel.mark_price(event, line, recv_ns)
        if self._state(kind) in (State.SYNCING, State.STALE):
            self._move(kind, State.LIVE, Reason.DATA, recv_ns)

    def on_traded(self, event: Traded, recv_ns: int) -> None:  # noqa: B027 others see gaps
        """Trades came that say something of the book."""

    def _on_beside(self, event: StreamEvent, line: int, recv_ns: int) -> None:
        """A message of a stream of which nothing is kept."""
        body = BODIES[type(event)]
        if body.channel(event) not in self._subscriptions:
            return  # it came on a stream of all symbols, which another one asked for
        kind = body.kind
        news = self._beside.heard(event, line, recv_ns)
        if self._state(kind) in (State.SYNCING, State.STALE):
            self._move(kind, State.LIVE, Reason.DATA, recv_ns)
        if news:
            self._beside.publish(event, line, recv_ns)
        else:
            self._kernel.line_heard(kind, line, recv_ns)

    def heard_ns(self, channel: Channel, line: int | None = None) -> int:
        """When data of a channel last came on a line, or on any; 0: never."""
        kind = KEPT.get(channel)
        if kind is None:
            return self._beside.heard_ns(channel, line)
        if line is None:
            return self._kernel.last_recv_ns(kind)
        return self._kernel.line_recv_ns(kind, line)

    @abstractmethod
    def on_book(self, book: WholeBook, line: int, recv_ns: int) -> None:
        """A whole book that the stream brought and the compiled path did not take."""

    @abstractmethod
    def on_depth(self, event: DepthEvent, line: int, recv_ns: int) -> None:
        """A depth message that the compiled path did not apply."""

    def on_stands(self, channel: Channel, stands: Stands, now_ns: int) -> None:  # noqa: B027
        """Where a stream stands, as its dialogue says."""

    def stood(self, channel: Channel) -> int:
        """The number of the last message of a stream that was taken in C; -1: it tells of none."""
        kind = KEPT.get(channel)
        return self._kernel.stood(kind) - 1 if kind is not None else -1

    @abstractmethod
    def resync(self, reason: Reason, now_ns: int) -> None:
        """Give the book up and wait for a new base: it is crossed, or its grid changed."""

    # Snapshots that are asked for, where the venue's books begin so

    @abstractmethod
    def on_snapshot_asked(self, now_ns: int) -> None:
        """A snapshot was asked for, as ``snapshot_due_ns`` wished."""

    @abstractmethod
    def on_snapshot(self, snapshot: Base, epoch: int, now_ns: int) -> None:
        """A snapshot that was asked for under ``epoch``; a late or needless one changes nothing."""

    @abstractmethod
    def on_snapshot_failed(self, epoch: int, now_ns: int, *, retryable: bool = True) -> None:
        """No snapshot came of it."""

    # Time

    def on_timer(self, now_ns: int) -> list[FeedKind]:
        """Look at the clock; returns the kinds whose streams were found silent, each once, also
        those that never said anything."""
        kernel = self._kernel
        if kernel.state(FeedKind.BOOK) in VALID and kernel.crossed:
            # A lost message crosses a book, or levels that come from beyond the snapshot's depth.
            self.resync(Reason.FAULT, now_ns)
        silent: list[FeedKind] = []
        for kind, quiet_ns in self._quiet_ns:
            if kind not in self._served:
                continue
            heard_ns = self._last_heard_ns(kind)
            if kind is FeedKind.BBO and self._one_stream:
                heard_ns = max(heard_ns, self._last_heard_ns(FeedKind.BOOK))
            if now_ns - heard_ns <= quiet_ns:
                self._silent.discard(kind)
                continue
            if kind not in self._silent:
                self._silent.add(kind)
                self._count(Counter.SILENT)
                silent.append(kind)
            if kind is FeedKind.BBO:
                # The book's touch keeps it fresh while its own stream is silent.
                heard_ns = max(heard_ns, self._last_heard_ns(FeedKind.BOOK))
            if now_ns - heard_ns > quiet_ns and self._state(kind) in (State.LIVE, State.BEHIND):
                self._move(kind, State.STALE, Reason.SILENT, now_ns)
        return silent

    def _last_heard_ns(self, kind: FeedKind) -> int:
        """When the last message of a kind came on any line, or its first connection."""
        return max(self._served_ns.get(kind, 0), self._kernel.last_recv_ns(kind))

    def _state(self, kind: FeedKind) -> State:
        return State(self._kernel.state(kind))

    def _move(self, kind: FeedKind, state: State, reason: Reason, now_ns: int) -> None:
        # The kernel moves the best bid/ask along with the book while nothing else feeds it.
        if self._state(kind) is not state:
            self._kernel.set_state(kind, state, reason, now_ns)
