"""One instrument's life on its streams where whole books are asked for and streamed, too.

A book that was asked for has a time and no number. Changes that came before it are applied from its
time on; they carry absolute quantities, so one that it has in it already does no harm. Where the
stream counts its messages, a number proves that nothing is missing, over connections, too:

    the stream begins, or lost something     changes wait; a book is asked for
    a whole book on the stream               it is the book; later ones are one more change each
    a gap                                    invalid until what is missing comes, or a new base
    numbers go on after a gap or connection  the book goes on, valid again when all has come

Where it does not count, loss cannot be seen. Every half minute a book is asked for and compared at
the moment both have the same time, or when nothing came since the answer for so long that they must
be the same; one that differs among the best levels is a wrong book: GAP, and the other one is
taken. A venue may have had two books in one millisecond: of one that differs at the same time, and
goes on, nothing is said until the next comparison differs, too."""

from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import Any

from msgspec.structs import replace

from connector._speedups.base import PreparedBase
from connector.market.snapshots import SnapshotBackoff
from connector.market.streamed import difference
from connector.market.streams import Base, DepthEvent, Kernel, MarketEvent, Streams, WholeBook
from connector.model.counters import Counter
from connector.model.states import FeedKind, Reason, State
from connector.venues.contract import Channel, Depth, Subscription, Trade
from connector.venues.dialogue import Standing, Stands

SECOND_NS = 1_000_000_000
BUFFER_MOST = 1000
AUDIT_NS = 30 * SECOND_NS
SOON_NS = 2 * SECOND_NS
"""When the last comparison could not be made; also how long a stream has to be quiet after an
answer so that its book must be the same."""
LEAST, COMPARED = 5, 20
"""Levels a side: as many as readers of the top table see. A stream may be less deep than the
answer; so few are there in any case."""
UNNUMBERED = -1
CLOSED = 0


class MixedFeed(Streams):
    """The streams of one instrument. The best bid and ask are the book's."""

    def __init__(
        self,
        kernel: Kernel,
        subscriptions: Iterable[Subscription],
        count: Callable[[Counter], None],
        seed: int = 0,
    ) -> None:
        super().__init__(kernel, subscriptions, count)
        self._backoff = SnapshotBackoff(Random(seed).randrange)
        self._based = self._had_base = self._asked = False
        self._open = False
        """The stream stands: what it says may be applied."""
        self._sure = True
        self._openings = self._asked_under = 0
        self._number = UNNUMBERED
        """Of the last message, where they have numbers; 0 too, where there was none yet."""
        self._base_ns = 0
        """The venue's time of the last whole book."""
        self._buffer: list[DepthEvent] = []
        self._audit: Base | None = None
        self._audit_ns = 0
        """When it came."""
        self._audited_ns = 0
        self._differs = self._doubted = False
        """The book is another at the time of the one that is looked at, or was at the last's."""
        self.patient = True
        """Of a book that differs the next comparison decides, or silence after the answer; where
        there may be no more of either, this answer does."""
        self._still = False
        """The stream was found quiet; twice, for if we were held up it has not been read yet."""

    @property
    def _numbered(self) -> bool:
        return self._number != UNNUMBERED

    def _kinds(self, channels: Iterable[Channel]) -> frozenset[FeedKind]:
        found = super()._kinds(channels)
        return found | {FeedKind.BOOK} if FeedKind.BBO in found else found

    def heard_ns(self, channel: Channel, line: int | None = None) -> int:
        return super().heard_ns(Channel.DEPTH if channel is Channel.BBO else channel, line)

    def _on_book_served(self, now_ns: int) -> None:
        self._asked = False
        self._backoff.connected(now_ns)

    def _forget_book(self) -> None:
        """The book is kept where the stream may say that nothing was missed."""
        if self._based and self._numbered:
            self._number = max(self._number, self._kernel.last_id)
        else:
            self._based = False
        self._shut()

    def _shut(self) -> None:
        """Nothing is applied until the stream stands again."""
        self._kernel.stand(FeedKind.BOOK, CLOSED)
        self._open = False
        self._buffer.clear()
        self._audit = None
        self.snapshot_due_ns = None

    # Where the stream stands

    def on_stands(self, channel: Channel, stands: Stands, now_ns: int) -> None:
        """Where a stream stands, as its dialogue says."""
        standing, number = stands.standing, stands.number
        if channel is Channel.TRADE:
            self._trades_stand(standing, number, now_ns)
            return
        if channel not in (Channel.DEPTH, Channel.BBO) or FeedKind.BOOK not in self._served:
            return  # of other streams nothing is kept
        if standing in (Standing.GAP, Standing.ENDED):
            self._shut()
            self._invalid(Reason.GAP, now_ns)
            if not self._numbered:
                self._based = False
            return
        self._sure = stands.sure
        if standing is Standing.KEPT and self._open and (not self._based or number == self._number):
            self._admit()
            return
        if standing is Standing.KEPT and self._based and self._kernel.last_id == number:
            self._number, self._open = number, True
            self._live(now_ns)
            return
        self._shut()
        if standing is not Standing.FRESH or self._based:
            self._invalid(Reason.GAP, now_ns)
        self._based, self._open, self._number = False, True, number
        self._openings += 1
        self._plan(now_ns)

    def _end(self, kind: FeedKind, reason: Reason, now_ns: int) -> None:
        super()._end(kind, reason, now_ns)
        if kind is FeedKind.TRADE:
            self._kernel.stand(kind, CLOSED)

    def _trades_stand(self, standing: Standing, number: int, now_ns: int) -> None:
        state = self._state(FeedKind.TRADE)
        closed = standing in (Standing.GAP, Standing.ENDED) or FeedKind.TRADE not in self._served
        after = number + 1 if number != UNNUMBERED else UNNUMBERED
        self._kernel.stand(FeedKind.TRADE, CLOSED if closed else after)
        if standing in (Standing.GAP, Standing.LOST, Standing.ENDED):
            self._count(Counter.GAPS)
            if state in (State.LIVE, State.STALE):
                self._move(FeedKind.TRADE, State.GAP, Reason.GAP, now_ns)
                self._move(FeedKind.TRADE, State.RESYNC, Reason.GAP, now_ns)
        if standing in (Standing.KEPT, Standing.LOST) and self._state(FeedKind.TRADE) in (
            State.RESYNC,
        ):
            self._move(FeedKind.TRADE, State.LIVE, Reason.HEALED, now_ns)

    # Events

    def on_event(self, event: MarketEvent, line: int, recv_ns: int) -> None:
        """An event the compiled path did not take; trades without numbers get the next ones."""
        if isinstance(event, Trade) and not event.trade_id:
            number = self._kernel.number_trade()
            event = replace(event, trade_id=number, first_trade_id=number, last_trade_id=number)
        super().on_event(event, line, recv_ns)

    def on_depth(self, event: DepthEvent, line: int, recv_ns: int) -> None:
        """A change that the compiled path did not apply."""
        if line not in self._lines:
            return
        kernel = self._kernel
        kernel.line_heard(FeedKind.BOOK, line, recv_ns)
        if not self._based:
            self._hold(event, recv_ns)
            return
        if event.last_id and event.last_id <= kernel.last_id:
            self._count(Counter.DUPLICATES)
            self._spoke(recv_ns)
            return
        if event.prev_id > kernel.last_id:
            self._gap(Reason.GAP, recv_ns)
            self._hold(event, recv_ns)
            return
        # What is older than the whole book behind it is in that already.
        stale = event.venue_ns < self._base_ns
        if stale:
            self._count(Counter.DUPLICATES)
        self._apply(event, line, recv_ns, empty=stale)

    def on_book(self, book: WholeBook, line: int, recv_ns: int) -> None:
        """A whole book on the stream."""
        if line not in self._lines or FeedKind.BOOK not in self._served or not self._open:
            return
        kernel = self._kernel
        self._count(Counter.SNAPSHOTS)
        kernel.line_heard(FeedKind.BOOK, line, recv_ns)
        if not self._based:
            self._buffer.clear()
            self._take(book, book.last_id, recv_ns)
            return
        if book.last_id and book.last_id <= kernel.last_id:
            self._count(Counter.DUPLICATES)
            return
        told = (book.venue_ns, book.venue_ns)
        if book.venue_ns < self._base_ns:
            self._count(Counter.SNAPSHOTS_OLD)
            change = Depth(book.symbol, book.last_id, book.last_id, 0, *told, [], [])
        else:
            self._base_ns = book.venue_ns
            sides = difference(kernel, book)
            change = Depth(book.symbol, book.last_id, book.last_id, 0, *told, *sides)
        self._apply(change, line, recv_ns)

    def _apply(self, event: DepthEvent, line: int, recv_ns: int, *, empty: bool = False) -> None:
        kernel = self._kernel
        number = event.last_id or kernel.last_id + 1
        told = Depth(
            "", number, number, kernel.last_id, event.venue_ns, event.venue_ns,
            [] if empty else event.bids, [] if empty else event.asks,
        )  # fmt: skip
        kernel.apply(told, line, recv_ns)
        kernel.line_seen(line, number, event.venue_ns)
        if self._numbered:
            self._number = number
        self._spoke(recv_ns)

    def _hold(self, event: DepthEvent, recv_ns: int) -> None:
        """A change without a base."""
        if not self._open:
            return
        if len(self._buffer) >= BUFFER_MOST:
            self._count(Counter.BUFFER_OVERFLOWS)
            self._buffer.clear()
        self._buffer.append(event)
        self._plan(recv_ns)

    def _spoke(self, now_ns: int) -> None:
        if self._state(FeedKind.BOOK) is State.STALE:
            self._move(FeedKind.BOOK, State.LIVE, Reason.DATA, now_ns)
        self._admit()

    def _admit(self) -> None:
        """From here on the compiled path may take what follows."""
        if self._sure and self._open and self._based and self._state(FeedKind.BOOK) is State.LIVE:
            numbered = self._kernel.last_id + 1 if self._numbered else UNNUMBERED
            self._kernel.stand(FeedKind.BOOK, numbered)

    # Bases

    def _plan(self, now_ns: int) -> None:
        wanted = self._open and not self._asked and not self._based
        self.snapshot_due_ns = max(now_ns, self._backoff.not_before_ns) if wanted else None

    def on_snapshot_asked(self, now_ns: int) -> None:
        """A book was asked for; the next one waits longer."""
        self._asked, self._asked_under = True, self._openings
        self.snapshot_due_ns = None
        if not self._based:
            self._backoff.asked(now_ns)

    def on_snapshot_failed(self, epoch: int, now_ns: int, *, retryable: bool = True) -> None:
        """No book came of it."""
        self._count(Counter.SNAPSHOT_ERRORS)
        if epoch != self.epoch:
            return
        self._asked = False
        self._audited_ns = now_ns
        if not retryable:
            self._backoff.refused(now_ns)
        self._plan(now_ns)

    def on_snapshot(self, snapshot: Base, epoch: int, now_ns: int) -> None:
        """A book that was asked for."""
        self._count(Counter.SNAPSHOTS)
        if epoch != self.epoch:
            self._count(Counter.SNAPSHOTS_LATE)
            return
        self._asked = False
        if not self._open or self._asked_under != self._openings:
            # What the stream said before it began here may be missing in it.
            self._count(Counter.SNAPSHOTS_LATE)
            self._plan(now_ns)
            return
        if self._based:
            self._audit, self._audit_ns = snapshot, now_ns
            self._differs = self._still = False
            self._compare(now_ns)
            return
        if snapshot.venue_ns < self._base_ns and self._had_base:
            self._count(Counter.SNAPSHOTS_OLD)
            self._plan(now_ns)
            return
        before = [event for event in self._buffer if event.venue_ns < snapshot.venue_ns]
        number = before[-1].last_id if before else self._number
        self._take(snapshot, max(number, 0), now_ns)

    def _take(self, base: Base, number: int, now_ns: int) -> None:
        """The book begins with this one, which stands at the number; what waits and is not older is
        applied to it."""
        kernel = self._kernel
        later = [event for event in self._buffer if event.venue_ns >= base.venue_ns]
        self._buffer = []
        number = number if self._numbered else kernel.last_id + 1
        kernel.stage(base)
        kernel.stage_apply(_empty(number, base.venue_ns))
        for event in later:
            if self._numbered and event.last_id != number + 1:
                break  # it hangs in the air, and so does what follows it
            number = event.last_id or number + 1
            kernel.stage_apply(
                Depth("", number, number, 0, event.venue_ns, event.venue_ns, event.bids, event.asks)
            )
        kernel.adopt(now_ns)
        self._based, self._base_ns, self._doubted = True, base.venue_ns, False
        if self._numbered:
            self._number = number
        self.base_ns = None
        self.snapshot_due_ns = None
        self._audited_ns = now_ns
        if self._had_base:
            self._count(Counter.RESYNCS)
        self._live(now_ns)

    def _live(self, now_ns: int) -> None:
        if self._state(FeedKind.BOOK) in (State.SYNCING, State.RESYNC):
            reason = Reason.HEALED if self._had_base else Reason.FRESH
            self._move(FeedKind.BOOK, State.LIVE, reason, now_ns)
            self._backoff.valid(now_ns)
        self._had_base = True
        self._admit()

    def resync(self, reason: Reason, now_ns: int) -> None:
        """Give the book up and fetch a new base."""
        if self._based:
            self._gap(reason, now_ns)

    def _gap(self, reason: Reason, now_ns: int) -> None:
        self._invalid(reason, now_ns)
        self._based = False
        self._kernel.stand(FeedKind.BOOK, CLOSED)
        if self._numbered:
            self._number = self._kernel.last_id
        self._audit = None
        self._plan(now_ns)

    def _invalid(self, reason: Reason, now_ns: int) -> None:
        """Invalid first, recovery after."""
        if self._state(FeedKind.BOOK) in (State.LIVE, State.BEHIND, State.STALE):
            self._count(Counter.GAPS)
            self._move(FeedKind.BOOK, State.GAP, reason, now_ns)
            self._move(FeedKind.BOOK, State.RESYNC, reason, now_ns)
            self._backoff.invalid(now_ns)

    # Time

    def on_timer(self, now_ns: int) -> list[FeedKind]:
        silent = super().on_timer(now_ns)
        if self._audit is not None:
            self._compare(now_ns)
        elif (
            self._based
            and self._open
            and not self._numbered
            and not self._asked
            and self.snapshot_due_ns is None
            and now_ns - self._audited_ns > AUDIT_NS
        ):
            self.snapshot_due_ns = now_ns
        return silent

    def _compare(self, now_ns: int) -> None:
        """The book against one that was asked for, if they are of one moment."""
        found, kernel = self._audit, self._kernel
        assert found is not None
        heard_ns = kernel.last_recv_ns(FeedKind.BOOK)
        quiet = now_ns - max(heard_ns, self._audit_ns if self.patient else 0) >= SOON_NS
        still, self._still = quiet and (self._still or not self.patient), quiet
        if found.venue_ns > kernel.venue_ns and not still:
            return  # it may come to it yet
        if found.venue_ns < kernel.venue_ns:
            self._audit = None
            self._doubted |= self._differs
            self._audited_ns = now_ns - AUDIT_NS + SOON_NS
            return
        levels: Any = found.snapshot if isinstance(found, PreparedBase) else found
        sides = (kernel.bids(), levels.bids), (kernel.asks(), levels.asks)
        self._differs = not all(_same(mine, _pairs(theirs)) for mine, theirs in sides)
        if self._differs and self.patient and not (still or self._doubted):
            return  # the stream may tell of another book of the same time
        self._audit, self._audited_ns, self._doubted = None, now_ns, False
        if self._differs:
            self._count(Counter.BOOKS_DIFFERED)
            self._gap(Reason.GAP, now_ns)
            self._take(found, 0, now_ns)


def _empty(number: int, venue_ns: int) -> Depth:
    return Depth("", number, number, 0, venue_ns, venue_ns, [], [])


def _same(mine: Sequence[tuple[int, int]], theirs: Sequence[tuple[int, int]]) -> bool:
    """Whether two sides are one, as deep as both go."""
    depth = min(COMPARED, max(LEAST, min(len(mine), len(theirs))))
    return mine[:depth] == theirs[:depth]


def _pairs(flat: Sequence[int]) -> list[tuple[int, int]]:
    return list(zip(flat[::2], flat[1::2], strict=True))
