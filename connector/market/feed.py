"""One instrument's life on its streams: connections, events, snapshots and time in; states out.

Pure: every method is handed the time, and what is to be fetched is said in ``snapshot_due_ns``. The
compiled path applies messages while all is well; everything else comes here, is judged by
``book_sync`` and applied through the kernel's methods. The order of things is the promise: a book
is declared invalid before anything else happens to it, and valid only when it is."""

from collections.abc import Callable, Iterable
from random import Random
from typing import Any, Protocol

from connector.market.book_sync import (
    MOST_AHEAD,
    Ahead,
    Step,
    Waiting,
    began_anew,
    first,
    follow,
    went_back,
)
from connector.market.snapshots import SnapshotBackoff
from connector.model.counters import Counter
from connector.model.instrument import ABSENT
from connector.model.states import VALID, FeedKind, Reason, State
from connector.venues.contract import (
    Bbo,
    Channel,
    Depth,
    MarkPrice,
    Subscription,
    Trade,
)

SECOND_NS = 1_000_000_000
UNREACHED_NS = 10 * SECOND_NS
"""A snapshot whose id the stream has not come to by then is given up."""
BUFFER_MOST = 4096

KIND = {
    Channel.DEPTH: FeedKind.BOOK,
    Channel.BBO: FeedKind.BBO,
    Channel.TRADE: FeedKind.TRADE,
    Channel.AGG_TRADE: FeedKind.TRADE,
    Channel.MARK_PRICE: FeedKind.MARK_PRICE,
}


class Base(Protocol):
    """A snapshot, decoded by the venue or packed by the compiled codec; the kernel takes either."""

    @property
    def last_id(self) -> int: ...
    @property
    def venue_ns(self) -> int: ...


class DepthEvent(Protocol):
    """A depth message, decoded by the venue or packed by the compiled codec."""

    @property
    def last_id(self) -> int: ...
    @property
    def prev_id(self) -> int: ...
    @property
    def venue_ns(self) -> int: ...


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
    def mark_price(self, event: MarkPrice, line: int, recv_ns: int) -> int: ...
    def last_recv_ns(self, kind: int) -> int: ...
    def line_heard(self, kind: int, line: int, recv_ns: int) -> None: ...
    @property
    def crossed(self) -> bool: ...


class Held(Waiting, frozen=True):
    """A depth message that waits: for a base, or for what another line may bring."""

    event: DepthEvent
    line: int
    recv_ns: int


class InstrumentFeed:
    """The streams of one instrument.

    ``snapshot_due_ns`` is the earliest time a snapshot should be asked for, None when none is
    wanted. Who asks says so with ``on_snapshot_asked``, remembers ``epoch`` and brings the answer
    with it. ``lines`` are connections by number; each serves some of the channels."""

    def __init__(
        self,
        kernel: Kernel,
        subscriptions: Iterable[Subscription],
        *,
        count: Callable[[Counter], None],
        seed: int = 0,
        buffer_most: int = BUFFER_MOST,
        ahead_most: int = MOST_AHEAD,
        on_applied: Callable[[], None] | None = None,
    ) -> None:
        self._kernel = kernel
        self._subscriptions = {row.channel: row for row in subscriptions}
        self._quiet_ns = [
            (KIND[row.channel], row.quiet_ns)
            for row in self._subscriptions.values()
            if row.quiet_ns
        ]
        self._count = count
        self._buffer_most = buffer_most
        self._on_applied = on_applied
        depth = self._subscriptions.get(Channel.DEPTH)
        self._ahead = Ahead[Held](depth.period_ns if depth else 0, ahead_most)
        self._lines: dict[int, frozenset[Channel]] = {}
        self._served: frozenset[FeedKind] = frozenset()
        """The kinds that are subscribed and have a connection."""
        self._served_ns: dict[FeedKind, int] = {}
        """Since when a kind is served; silence counts from there."""
        self._silent: set[FeedKind] = set()
        self._buffer: list[Held] = []
        self._staged: Base | None = None
        self._spare: Base | None = None
        self._chained = False
        self._closed = False
        self._had_base = False
        self._reset_ns = ABSENT
        self._left_ns = 0
        """The venue's time of the last depth message before connections went."""
        self._asked = False
        self._backoff = SnapshotBackoff(Random(seed).randrange)
        self._staged_ns = 0
        self.epoch = 0
        """Of the connection that a snapshot asked for now belongs to."""
        self.snapshot_due_ns: int | None = None

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
        if Channel.DEPTH in channels and FeedKind.BOOK not in served:
            self.epoch = epoch
            self._asked = False
            self._backoff.connected(now_ns)
        for kind in self._served - served:
            self._served_ns[kind] = now_ns
            if self._state(kind) is State.DOWN:
                self._move(kind, State.SYNCING, Reason.CONNECTED, now_ns)

    def on_line_down(self, line: int, now_ns: int) -> None:
        """A connection is gone; what only it served is DOWN at once."""
        told_ns = (self._kernel.line_venue_ns(one) for one in self._lines)
        self._left_ns = max(self._left_ns, *told_ns, 0)
        served = self._serve(line, None)
        for kind in served - self._served:
            self._move(kind, State.DOWN, Reason.DISCONNECTED, now_ns)
        if FeedKind.BOOK not in self._served:
            self._buffer.clear()
            self._ahead.take()
            self._staged = self._spare = None
            self.snapshot_due_ns = None
        elif self._chained and self._ahead.lost(self._kernel.last_id, self._line_ids(), now_ns):
            self._gap(Reason.GAP, now_ns)

    def close(self, reason: Reason, now_ns: int) -> None:
        """Everything is DOWN, for good: whoever serves the instrument later makes a new feed."""
        self._closed = True
        self._lines.clear()
        self._served = frozenset()
        for kind in FeedKind:
            self._move(kind, State.DOWN, reason, now_ns)
        self._chained = False
        self._buffer.clear()
        self._ahead.take()
        self._staged = self._spare = None
        self.snapshot_due_ns = None

    def _serve(self, line: int, channels: frozenset[Channel] | None) -> frozenset[FeedKind]:
        """A line serves these channels now (None: it is gone); returns what was served before."""
        before = self._served
        if channels is None:
            self._lines.pop(line, None)
        else:
            self._lines[line] = channels
        self._served = frozenset(
            KIND[channel]
            for served in self._lines.values()
            for channel in served
            if channel in self._subscriptions
        )
        return before

    def _line_ids(self) -> list[int]:
        """The last id each live depth line delivered, 0 before its first message."""
        return [
            self._kernel.line_last_id(line)
            for line, channels in self._lines.items()
            if Channel.DEPTH in channels
        ]

    # Events

    def on_event(self, event: Depth | Bbo | Trade | MarkPrice, line: int, recv_ns: int) -> None:
        """An event the compiled path did not take, decoded by the venue."""
        if line not in self._lines:
            return
        if isinstance(event, Depth):
            self.on_depth(event, line, recv_ns)
            return
        kind = FeedKind.MARK_PRICE
        if isinstance(event, Bbo):
            kind = FeedKind.BBO
            self._kernel.bbo(event, line, recv_ns)
        elif isinstance(event, Trade):
            kind = FeedKind.TRADE
            self._kernel.trade(event, line, recv_ns)
        else:
            self._kernel.mark_price(event, line, recv_ns)
        if self._state(kind) in (State.SYNCING, State.STALE):
            self._move(kind, State.LIVE, Reason.DATA, recv_ns)

    def on_depth(self, event: DepthEvent, line: int, recv_ns: int) -> None:
        """A depth message that the compiled path did not apply."""
        if line not in self._lines:
            return
        held = Held(event.prev_id, event.last_id, event, line, recv_ns)
        # What waits for a base, or for another message, never reaches the kernel's own count.
        self._kernel.line_heard(FeedKind.BOOK, line, recv_ns)
        line_id = self._kernel.line_last_id(held.line)
        line_ns = self._kernel.line_venue_ns(held.line)
        if went_back(line_id, line_ns, event.last_id, event.venue_ns):
            self._reset(held)
            return
        if event.last_id > line_id:
            self._kernel.line_seen(held.line, event.last_id, event.venue_ns)
        if self._chained:
            self._on_chained(held)
        else:
            self._hold(held)

    def _on_chained(self, held: Held) -> None:
        """The book stands at its id; does the message follow?"""
        step = follow(self._kernel.last_id, held.prev_id, held.last_id)
        if step is Step.OLD:
            told_ns = held.event.venue_ns
            syncing = self._state(FeedKind.BOOK) is State.SYNCING
            if (syncing and told_ns > self._left_ns) or began_anew(self._kernel.venue_ns, told_ns):
                self._reset(held)  # while no connection, or another line, was there
                return
            self._count(Counter.DUPLICATES)
            if len(self._ahead):
                self._settle(held.recv_ns)  # patience ends at any message
            elif self._state(FeedKind.BOOK) is State.STALE:
                self._move(FeedKind.BOOK, State.LIVE, Reason.DATA, held.recv_ns)
            return
        if step is Step.AHEAD:
            if not self._ahead.add(held, held.recv_ns):
                self._count(Counter.DUPLICATES)
        else:
            self._apply(held)
            while (waiting := self._ahead.next(self._kernel.last_id)) is not None:
                self._apply(waiting)
            self._ahead.restart(held.recv_ns)
        self._settle(held.recv_ns)

    def _apply(self, held: Held) -> None:
        self._kernel.apply(held.event, held.line, held.recv_ns)
        if self._on_applied is not None:
            self._on_applied()

    def _settle(self, now_ns: int) -> None:
        """Bring the state into line with what waits: GAP, BEHIND or LIVE."""
        if self._ahead.lost(self._kernel.last_id, self._line_ids(), now_ns):
            self._gap(Reason.GAP, now_ns)
            return
        state = self._state(FeedKind.BOOK)
        if not len(self._ahead):
            if state is State.BEHIND:
                self._move(FeedKind.BOOK, State.LIVE, Reason.CAUGHT_UP, now_ns)
            elif state in (State.SYNCING, State.STALE):
                self._move(FeedKind.BOOK, State.LIVE, Reason.DATA, now_ns)
        elif state in (State.LIVE, State.STALE):
            if state is State.STALE:
                self._move(FeedKind.BOOK, State.LIVE, Reason.DATA, now_ns)
            self._move(FeedKind.BOOK, State.BEHIND, Reason.WAITING, now_ns)

    def _reset(self, held: Held) -> None:
        """The venue began its ids anew: nothing known so far says anything about what follows."""
        self._count(Counter.VENUE_RESETS)
        self._reset_ns = held.event.venue_ns
        spare = self._spare
        if spare is not None and not went_back(
            self._kernel.line_last_id(held.line),
            self._kernel.line_venue_ns(held.line),
            spare.last_id,
            spare.venue_ns,
        ):
            spare = None  # of the ids before
        for line in self._lines:
            self._kernel.line_seen(line, 0, 0)
        self._kernel.line_seen(held.line, held.last_id, held.event.venue_ns)
        self._staged = self._spare = None
        if self._chained:
            self._gap(Reason.RESET, held.recv_ns)
        self._buffer = [held]
        if spare is not None:
            self._staged = spare
            self._sync(held.recv_ns)
        else:
            self._plan(held.recv_ns)

    def resync(self, reason: Reason, now_ns: int) -> None:
        """Give the book up and fetch a new base: it is crossed, or its grid changed."""
        if self._chained:
            self._gap(reason, now_ns)

    def _gap(self, reason: Reason, now_ns: int) -> None:
        """Invalid first, recovery after."""
        if self._state(FeedKind.BOOK) in (State.LIVE, State.BEHIND, State.STALE):
            self._move(FeedKind.BOOK, State.GAP, reason, now_ns)
            self._move(FeedKind.BOOK, State.RESYNC, reason, now_ns)
        self._chained = False
        self._count(Counter.GAPS)
        self._buffer = self._ahead.take()
        spare, self._staged, self._spare = self._spare, None, None
        if spare is not None and spare.last_id > self._kernel.last_id and self._buffer:
            self._staged = spare
            self._sync(now_ns)
        else:
            self._plan(now_ns)

    # Base

    def _hold(self, held: Held) -> None:
        if len(self._buffer) >= self._buffer_most:
            self._count(Counter.BUFFER_OVERFLOWS)
            self._buffer.clear()
            self._staged = self._spare = None
        self._buffer.append(held)
        if self._staged is None:
            self._plan(held.recv_ns)
        elif held.last_id >= self._staged.last_id:
            self._sync(held.recv_ns)
        elif held.recv_ns - self._staged_ns > UNREACHED_NS:
            # The stream flows and does not come to this id: it is another host's, or from before
            # the venue began its ids anew.
            self._count(Counter.SNAPSHOTS_UNREACHED)
            self._staged = self._spare = None
            self._plan(held.recv_ns)

    def _plan(self, now_ns: int) -> None:
        """Ask for a snapshot when one is wanted: only with a message in the buffer, so that the
        snapshot cannot be older than everything that follows."""
        wanted = self._buffer and self._staged is None and not self._asked and not self._chained
        self.snapshot_due_ns = max(now_ns, self._backoff.not_before_ns) if wanted else None

    def on_snapshot_asked(self, now_ns: int) -> None:
        """A snapshot was asked for; the next one waits longer, 1 to 60 s with jitter."""
        self._asked = True
        self.snapshot_due_ns = None
        self._backoff.asked(now_ns)

    def on_snapshot_failed(self, epoch: int, now_ns: int, *, retryable: bool = True) -> None:
        """No snapshot came of it; what cannot help to repeat is repeated once a minute only."""
        self._count(Counter.SNAPSHOT_ERRORS)
        if epoch != self.epoch:
            return
        self._asked = False
        if not retryable:
            self._backoff.refused(now_ns)
        self._plan(now_ns)

    def on_snapshot(self, snapshot: Base, epoch: int, now_ns: int) -> None:
        """A snapshot that was asked for under ``epoch``; a late or needless one changes nothing."""
        self._count(Counter.SNAPSHOTS)
        if epoch != self.epoch or FeedKind.BOOK not in self._served:
            self._count(Counter.SNAPSHOTS_LATE)
            return
        self._asked = False
        if self._chained:
            # Nobody asked, but a gap that is found later may lie before it.
            self._spare = snapshot
            return
        if self._staged is None or snapshot.last_id < self._staged.last_id:
            # Ids do not fall: one that is waited for with a larger id is not of these ids.
            self._staged = snapshot
            self._sync(now_ns)
        else:
            self._spare = snapshot

    def _sync(self, now_ns: int) -> None:
        """Join snapshot and buffer, if they meet."""
        assert self._staged is not None
        base_id = self._staged.last_id
        held = sorted(
            (
                row
                for row in self._buffer
                if row.last_id >= base_id and row.event.venue_ns >= self._reset_ns
            ),
            key=lambda row: row.last_id,
        )
        if not held:
            self._staged_ns = now_ns  # newer than every message: the next ones decide
            self._plan(now_ns)
            return
        self._buffer = held
        steps = (first(base_id, row.prev_id, row.last_id) for row in held)
        start = next((index for index, step in enumerate(steps) if step is Step.APPLY), None)
        if start is None:
            self._count(Counter.SNAPSHOTS_OLD)
            self._staged, self._spare = self._spare, None
            if self._staged is not None:
                self._sync(now_ns)
            else:
                self._plan(now_ns)
            return
        self._join(held[start], held[start + 1 :], now_ns)

    def _join(self, base: Held, later: list[Held], now_ns: int) -> None:
        """Build the new book beside the old one, and put it in place when it is whole."""
        assert self._staged is not None
        chain, waiting = [base], []
        for row in later:
            step = follow(chain[-1].last_id, row.prev_id, row.last_id)
            if step is Step.APPLY:
                chain.append(row)
            elif step is Step.AHEAD:
                waiting.append(row)
        book_id = chain[-1].last_id
        waiting = [row for row in waiting if row.last_id > book_id]
        whole = self._on_applied is None
        for row in waiting:
            self._ahead.add(row, now_ns)
        if whole and self._ahead.lost(book_id, self._line_ids(), now_ns):
            # The buffer itself has a hole behind this snapshot: only a newer one can pass it.
            self._count(Counter.GAPS)
            self._buffer = self._ahead.take()
            self._staged = self._spare = None
            self._plan(now_ns)
            return
        self._kernel.stage(self._staged)
        for row in chain if whole else chain[:1]:
            self._kernel.stage_apply(row.event)
        self._kernel.adopt(now_ns)
        self._staged = self._spare = None
        self._buffer, self._chained = [], True
        self.snapshot_due_ns = None
        if self._had_base:
            self._count(Counter.RESYNCS)
        self._move(
            FeedKind.BOOK, State.LIVE, Reason.HEALED if self._had_base else Reason.FRESH, now_ns
        )
        self._had_base = True
        if self._on_applied is not None:
            # Whoever counts messages sees the book after each of them.
            self._on_applied()
            for row in chain[1:]:
                self._apply(row)
        self._settle(now_ns)

    # Time

    def on_timer(self, now_ns: int) -> list[FeedKind]:
        """Look at the clock; returns the kinds whose streams were found silent, each once, also
        those that never said anything."""
        kernel = self._kernel
        if (
            self._chained
            and len(self._ahead)
            and self._ahead.lost(kernel.last_id, self._line_ids(), now_ns)
        ):
            self._gap(Reason.GAP, now_ns)
        if kernel.state(FeedKind.BOOK) in VALID and kernel.crossed:
            # A lost message crosses a book, or levels that come from beyond the snapshot's depth.
            self.resync(Reason.FAULT, now_ns)
        silent: list[FeedKind] = []
        for kind, quiet_ns in self._quiet_ns:
            if kind not in self._served:
                continue
            heard_ns = self._last_heard_ns(kind)
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
        was = self._state(kind)
        if was is state:
            return
        self._kernel.set_state(kind, state, reason, now_ns)
        if kind is FeedKind.BOOK and (was in VALID) != (state in VALID):
            (self._backoff.valid if state in VALID else self._backoff.invalid)(now_ns)
