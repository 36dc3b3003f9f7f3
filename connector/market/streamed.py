"""One instrument's life on its streams where the venue sends whole books on the stream itself.

A whole book comes after the subscription and again every minute or so; in between come changes
whose ids rise but say nothing of what came before. So nothing that is lost can be seen at once,
and each whole book is an audit of the one that is kept:

    no book yet, or it was given up      take it
    its id is the book's                 it must be the book; else the book was wrong: GAP, take it
    its id is higher                     the change between the two is one more depth message
    its id is lower, its time later      the venue began its ids anew: GAP, take it
    its id is lower, its time not        a late copy: dropped

Changes are dropped while there is no book, and when their id is not above the book's.

Between two whole books the trades are an audit, where they carry ids of the same count:

    the book is at their id              what they traded through must be gone; else the book was
                                         wrong: GAP, the next whole book heals it
    the book is below their id           it hears of them within a second; else it is BEHIND until
                                         it does (what changes nothing on balance is not told)"""

from collections.abc import Callable, Iterable
from itertools import chain

from connector.market.book_sync import began_anew, went_back
from connector.market.streams import Base, DepthEvent, Kernel, Streams, WholeBook
from connector.model.counters import Counter
from connector.model.states import FeedKind, Reason, State
from connector.venues.contract import Channel, Depth, Subscription, Traded

WINDOW_MOST = 2**16 - 1
"""A window so large is none."""
BEHIND_NS = 1_000_000_000
"""A change that a trade made comes within some hundredths of a second before or after it."""


class StreamedFeed(Streams):
    """The streams of one instrument whose book comes on the stream. The best bid and ask are the
    book's, so who wants them alone is served by the book's stream, too."""

    def __init__(
        self,
        kernel: Kernel,
        subscriptions: Iterable[Subscription],
        count: Callable[[Counter], None],
        on_applied: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(kernel, subscriptions, count, on_applied)
        self._based = False
        self._had_base = False
        self._audits = 0
        self.base_ns = 0

    def _kinds(self, channels: Iterable[Channel]) -> frozenset[FeedKind]:
        found = super()._kinds(channels)
        return found | {FeedKind.BOOK} if FeedKind.BBO in found else found

    def _forget_book(self) -> None:
        self._based = False
        self.base_ns = 0

    # Events

    def on_depth(self, event: DepthEvent, line: int, recv_ns: int) -> None:
        """A change that the compiled path did not apply."""
        if line not in self._lines or FeedKind.BOOK not in self._served:
            return
        kernel = self._kernel
        kernel.line_heard(FeedKind.BOOK, line, recv_ns)
        if not self._based:
            return
        line_id, line_ns = kernel.line_last_id(line), kernel.line_venue_ns(line)
        if event.last_id <= kernel.last_id:
            if went_back(line_id, line_ns, event.last_id, event.venue_ns) or began_anew(
                kernel.venue_ns, event.venue_ns
            ):
                self._count(Counter.VENUE_RESETS)
                self._gap(Reason.RESET, recv_ns)
                return
            self._count(Counter.DUPLICATES)
        else:
            kernel.line_seen(line, event.last_id, event.venue_ns)
            self._apply(event, line, recv_ns)
        self._spoke(recv_ns)

    def on_book(self, book: WholeBook, line: int, recv_ns: int) -> None:
        """A whole book; the compiled path takes most of those that find nothing wrong itself."""
        if line not in self._lines or FeedKind.BOOK not in self._served:
            return
        kernel = self._kernel
        self._count(Counter.SNAPSHOTS)
        kernel.window = book.depth if book.depth <= WINDOW_MOST else 0
        kernel.line_heard(FeedKind.BOOK, line, recv_ns)
        if self._based and book.last_id < kernel.last_id:
            if 0 < book.venue_ns <= kernel.venue_ns:
                self._count(Counter.SNAPSHOTS_OLD)
                return
            self._count(Counter.VENUE_RESETS)
            self._gap(Reason.RESET, recv_ns)
        elif self._based:
            bids, asks = _difference(kernel, book)
            if book.last_id > kernel.last_id:
                told = (book.venue_ns, book.venue_ns, bids, asks)
                change = Depth(book.symbol, book.last_id, book.last_id, kernel.last_id, *told)
                self._apply(change, line, recv_ns)
            elif bids or asks:
                self._count(Counter.BOOKS_DIFFERED)
                self._gap(Reason.GAP, recv_ns)
        kernel.line_seen(line, book.last_id, book.venue_ns)
        self.base_ns = recv_ns
        if not self._based:
            self._take(book, recv_ns)
        else:
            if self._state(FeedKind.BOOK) is State.BEHIND:
                kernel.forget_trades()  # the venue has no later book: there is nothing to wait for
            self._spoke(recv_ns)

    def on_traded(self, event: Traded, recv_ns: int) -> None:
        """Trades came; the compiled path takes those that find nothing wrong itself."""
        if self._kernel.traded(event, recv_ns):
            self._count(Counter.BOOKS_DOUBTED)
            self._gap(Reason.GAP, recv_ns)

    @property
    def _behind(self) -> bool:
        """Trades named an id that the book has not come to."""
        return self._kernel.traded_id > self._kernel.last_id

    def _spoke(self, now_ns: int) -> None:
        """The book's stream brought something and the book stands."""
        state = self._state(FeedKind.BOOK)
        if state is State.STALE:
            self._move(FeedKind.BOOK, State.LIVE, Reason.DATA, now_ns)
        elif state is State.BEHIND and not self._behind:
            self._move(FeedKind.BOOK, State.LIVE, Reason.CAUGHT_UP, now_ns)

    def _apply(self, event: DepthEvent, line: int, recv_ns: int) -> None:
        self._kernel.apply(event, line, recv_ns)
        if self._on_applied is not None:
            self._on_applied()

    def _take(self, book: WholeBook, recv_ns: int) -> None:
        """The book begins with this one; what it changes of an earlier one is published."""
        self._kernel.stage(book)
        self._kernel.adopt(recv_ns)
        self._based = True
        if self._had_base:
            self._count(Counter.RESYNCS)
        reason = Reason.HEALED if self._had_base else Reason.FRESH
        self._move(FeedKind.BOOK, State.LIVE, reason, recv_ns)
        self._had_base = True

    def resync(self, reason: Reason, now_ns: int) -> None:
        """Give the book up and wait for the next whole one."""
        if self._based:
            self._gap(reason, now_ns)

    def _gap(self, reason: Reason, now_ns: int) -> None:
        """Invalid first; the next whole book heals it."""
        if self._state(FeedKind.BOOK) in (State.LIVE, State.BEHIND, State.STALE):
            self._move(FeedKind.BOOK, State.GAP, reason, now_ns)
            self._move(FeedKind.BOOK, State.RESYNC, reason, now_ns)
        self._based = False
        self.base_ns = 0
        self._count(Counter.GAPS)

    def on_timer(self, now_ns: int) -> list[FeedKind]:
        if self._based and self._kernel.snapshots != self._audits:
            self._audits = self._kernel.snapshots  # those that the compiled path took, too
            self.base_ns = now_ns
        if (
            self._state(FeedKind.BOOK) is State.LIVE
            and self._behind
            and now_ns - self._kernel.traded_ns > BEHIND_NS
        ):
            self._count(Counter.BOOKS_BEHIND)
            self._move(FeedKind.BOOK, State.BEHIND, Reason.WAITING, now_ns)
        return super().on_timer(now_ns)

    # Nothing is asked for: ``snapshot_due_ns`` stays None

    def on_snapshot_asked(self, now_ns: int) -> None:
        """Somebody asked for a book; it is of no use here."""

    def on_snapshot(self, snapshot: Base, epoch: int, now_ns: int) -> None:
        """A book that was asked for has no place among the stream's."""
        self._count(Counter.SNAPSHOTS_LATE)

    def on_snapshot_failed(self, epoch: int, now_ns: int, *, retryable: bool = True) -> None:
        self._count(Counter.SNAPSHOT_ERRORS)


def _difference(kernel: Kernel, book: WholeBook) -> tuple[list[int], list[int]]:
    """What turns the kernel's book into this one, flat sides; 0 deletes a price."""
    sides: list[list[int]] = []
    for had, now in ((kernel.bids(), book.bids), (kernel.asks(), book.asks)):
        flat = list(chain.from_iterable(had))
        if flat == now:
            sides.append([])
            continue
        old, new = dict(had), dict(zip(now[::2], now[1::2], strict=True))
        changed = {price_e: 0 for price_e in old if price_e not in new}
        changed |= {price_e: qty_e for price_e, qty_e in new.items() if old.get(price_e) != qty_e}
        sides.append(list(chain.from_iterable(changed.items())))
    return sides[0], sides[1]
