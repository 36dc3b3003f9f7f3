"""One instrument's life on its streams: connections, events, snapshots and time in; states out.

Pure: every method is handed the time, and what is to be fetched is said in ``snapshot_due_ns``. The
compiled path applies messages while all is well; everything else comes here, is judged by
``book_sync`` and applied through the kernel's methods. The order of things is the promise: a book
is declared invalid before anything else happens to it, and valid only when it is."""

from collections.abc import Callable, Iterable
from random import Random

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
from connector.market.streams import KIND, Base, DepthEvent, Kernel, Streams, WholeBook
from connector.model.counters import Counter
from connector.model.instrument import ABSENT
from connector.model.states import VALID, FeedKind, Reason, State
from connector.venues.contract import Channel, Subscription

__all__ = ["BUFFER_MOST", "KIND", "InstrumentFeed"]

SECOND_NS = 1_000_000_000
UNREACHED_NS = 10 * SECOND_NS
"""A snapshot whose id the stream has not come to by then is given up."""
BUFFER_MOST = 4096


class Held(Waiting, frozen=True):
    """A depth message that waits: for a base, or for what another line may bring."""

    event: DepthEvent
    line: int
    recv_ns: int


class InstrumentFeed(Streams):
    """The streams of one instrument whose book begins with a snapshot that is asked for.

    Who asks, at ``snapshot_due_ns``, says so with ``on_snapshot_asked``, remembers ``epoch`` and
    brings the answer with it."""

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
        super().__init__(kernel, subscriptions, count, on_applied)
        self._buffer_most = buffer_most
        depth = self._subscriptions.get(Channel.DEPTH)
        self._ahead = Ahead[Held](depth.period_ns if depth else 0, ahead_most)
        self._buffer: list[Held] = []
        self._staged: Base | None = None
        self._spare: Base | None = None
        self._chained = False
        self._had_base = False
        self._reset_ns = ABSENT
        self._left_ns = 0
        """The venue's time of the last depth message before connections went."""
        self._asked = False
        self._backoff = SnapshotBackoff(Random(seed).randrange)
        self._staged_ns = 0

    def change(self, subscriptions: Iterable[Subscription], now_ns: int) -> None:
        super().change(subscriptions, now_ns)
        depth = self._subscriptions.get(Channel.DEPTH)
        if depth is not None:
            self._ahead.set_period(depth.period_ns)

    # Connections

    def _on_book_served(self, now_ns: int) -> None:
        self._asked = False
        self._backoff.connected(now_ns)

    def on_line_down(self, line: int, now_ns: int) -> None:
        """A connection is gone; what only it served is DOWN at once."""
        told_ns = (self._kernel.line_venue_ns(one) for one in self._lines)
        self._left_ns = max(self._left_ns, *told_ns, 0)
        super().on_line_down(line, now_ns)
        if (
            FeedKind.BOOK in self._served
            and self._chained
            and self._ahead.lost(self._kernel.last_id, self._line_ids(), now_ns)
        ):
            self._gap(Reason.GAP, now_ns)

    def close(self, reason: Reason, now_ns: int) -> None:
        """Everything is DOWN, for good: whoever serves the instrument later makes a new feed."""
        super().close(reason, now_ns)
        self._chained = False

    def _forget_book(self) -> None:
        self._buffer.clear()
        self._ahead.take()
        self._staged = self._spare = None
        self.snapshot_due_ns = None

    def _line_ids(self) -> list[int]:
        """The last id each live depth line delivered, 0 before its first message."""
        return [
            self._kernel.line_last_id(line)
            for line, channels in self._lines.items()
            if Channel.DEPTH in channels
        ]

    # Events

    def on_book(self, book: WholeBook, line: int, recv_ns: int) -> None:
        """A whole book nobody asked for is none of ours: they come by ``on_snapshot``."""

    def on_depth(self, event: DepthEvent, line: int, recv_ns: int) -> None:
        """A depth message that the compiled path did not apply."""
        if line not in self._lines or FeedKind.BOOK not in self._served:
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
        return super().on_timer(now_ns)

    def _move(self, kind: FeedKind, state: State, reason: Reason, now_ns: int) -> None:
        was = self._state(kind)
        super()._move(kind, state, reason, now_ns)
        if kind is FeedKind.BOOK and (was in VALID) != (state in VALID):
            (self._backoff.valid if state in VALID else self._backoff.invalid)(now_ns)
