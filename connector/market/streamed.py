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
                                         it does (what changes nothing on balance is not told)

While two connections bring the streams, one of them leads: its changes are the book's. The other's
book is kept beside (``line_book``), and leads as soon as it has come as far: what it has other is
told as one more depth message. Trades are told once, whoever brings them first."""

from collections.abc import Callable, Iterable
from itertools import chain

from connector.market.book_sync import began_anew, went_back
from connector.market.line_book import LineBook
from connector.market.streams import KIND, Base, DepthEvent, Kernel, MarketEvent, Streams, WholeBook
from connector.model.counters import Counter
from connector.model.states import FeedKind, Reason, State
from connector.venues.contract import Channel, Depth, Subscription, Trade, Traded

WINDOW_MOST = 2**16 - 1
"""A window so large is none."""
NO_LINE, NOBODY = -1, 2**15
"""What the kernel is told where there is one line, and where none leads."""
BOOKS = (FeedKind.BOOK, FeedKind.BBO)
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
        self._leader = NO_LINE
        self._joined: dict[int, int] = {}
        """When each line came, by a number."""
        self._beside_it: dict[int, LineBook] = {}
        """Books of the lines that do not lead, as far as they have one."""
        self._told_id = self._told_ns = 0
        """The last trade of a whole message, while several lines bring them."""
        self._heard_id = self._heard_ns = 0
        """And of the message that is read."""

    # Two lines

    @property
    def _bringing(self) -> list[int]:
        """The lines that bring the book."""
        return [
            line
            for line, channels in self._lines.items()
            if any(KIND[one] in BOOKS and one in self._subscriptions for one in channels)
        ]

    def carries(self, line: int) -> bool:
        return line in self._lines and (line == self._leader or line not in self._bringing)

    def on_line_down(self, line: int, now_ns: int) -> None:
        self._beside_it.pop(line, None)
        self._joined.pop(line, None)
        led = line == self._leader
        super().on_line_down(line, now_ns)
        if not led:
            self._lead(self._leader)
            return
        left = self._bringing
        known = [one for one in left if one in self._beside_it]
        if self._based and known:
            self._lead(NOBODY)
            self._take_over(known[0], now_ns)
        else:
            self._lead(left[0] if left else NO_LINE)
            if left and self._based:
                self._gap(Reason.DISCONNECTED, now_ns)

    def _lead(self, line: int) -> None:
        self._leader = line
        alone = line != NOBODY and len(self._bringing) < 2
        self._kernel.lead(NO_LINE if alone else line)

    def _take_over(self, line: int, now_ns: int) -> None:
        """The line leads if its book has come as far as the one that is told, and nobody does yet
        or one that was there before: it is to go on without that one."""
        kernel, book = self._kernel, self._beside_it[line]
        before = self._leader == NOBODY or self._joined[self._leader] < self._joined[line]
        if not before or book.last_id < kernel.last_id:
            return
        if self._leader in self._lines:
            self._beside_it[self._leader] = LineBook(
                kernel.last_id,
                kernel.venue_ns,
                kernel.window,
                list(chain.from_iterable(kernel.bids())),
                list(chain.from_iterable(kernel.asks())),
            )
        del self._beside_it[line]
        self._lead(line)
        bids, asks = difference(kernel, book)
        stood_at, kernel.window = kernel.last_id, book.depth
        if book.last_id > stood_at:
            told = (book.venue_ns, book.venue_ns, bids, asks)
            symbol = next(iter(self._subscriptions.values())).instrument
            change = Depth(symbol, book.last_id, book.last_id, stood_at, *told)
            self._apply(change, line, now_ns)
        elif bids or asks:
            self._count(Counter.BOOKS_DIFFERED)
            self._gap(Reason.GAP, now_ns)
        kernel.line_seen(line, book.last_id, book.venue_ns)
        self.base_ns = now_ns
        if self._based:
            self._spoke(now_ns)
        else:
            self._take(book, now_ns)

    def on_event(self, event: MarketEvent, line: int, recv_ns: int) -> None:
        if isinstance(event, Trade) and len(self._lines) > 1 and line in self._lines:
            if event.trade_id <= self._told_id or event.venue_ns <= self._told_ns:
                self._count(Counter.TRADES_OLD)
                self._kernel.line_heard(FeedKind.TRADE, line, recv_ns)
                return
            self._heard_id = max(self._heard_id, event.trade_id)
            self._heard_ns = max(self._heard_ns, event.venue_ns)
        elif isinstance(event, Traded):  # the end of its message
            self._told_id, self._told_ns = self._heard_id, self._heard_ns
        super().on_event(event, line, recv_ns)

    def _kinds(self, channels: Iterable[Channel]) -> frozenset[FeedKind]:
        found = super()._kinds(channels)
        return found | {FeedKind.BOOK} if FeedKind.BBO in found else found

    def _serve(self, line: int, channels: frozenset[Channel] | None) -> frozenset[FeedKind]:
        before = super()._serve(line, channels)
        if channels is not None:
            self._joined.setdefault(line, max(self._joined.values(), default=0) + 1)
            if len(self._lines) == 1:
                self._told_id = self._told_ns = self._heard_id = self._heard_ns = 0
            lines = self._bringing
            first = lines[0] if lines else NO_LINE
            self._lead(self._leader if self._leader in (*lines, NOBODY) else first)
        return before

    def _forget_book(self) -> None:
        self._based = False
        self.base_ns = 0
        self._beside_it.clear()
        self._lead(NO_LINE)

    # Events

    def on_depth(self, event: DepthEvent, line: int, recv_ns: int) -> None:
        """A change that the compiled path did not apply."""
        if line not in self._lines or FeedKind.BOOK not in self._served:
            return
        kernel = self._kernel
        kernel.line_heard(FeedKind.BOOK, line, recv_ns)
        if not self._based:
            return
        if line != self._leader:
            book = self._beside_it.get(line)
            if book is not None and book.apply(event):
                self._take_over(line, recv_ns)
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
        kernel.line_heard(FeedKind.BOOK, line, recv_ns)
        depth = book.depth if book.depth <= WINDOW_MOST else 0
        if self._based and line != self._leader:
            kept = LineBook(book.last_id, book.venue_ns, depth, book.bids, book.asks)
            self._beside_it[line] = kept
            self._take_over(line, recv_ns)
            return
        kernel.window = depth
        if line != self._leader:
            self._beside_it.pop(line, None)
            self._lead(line)
        if self._based and book.last_id < kernel.last_id:
            if 0 < book.venue_ns <= kernel.venue_ns:
                self._count(Counter.SNAPSHOTS_OLD)
                return
            self._count(Counter.VENUE_RESETS)
            self._gap(Reason.RESET, recv_ns)
        elif self._based:
            bids, asks = difference(kernel, book)
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

    def _take(self, book: WholeBook | LineBook, recv_ns: int) -> None:
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


def difference(kernel: Kernel, book: WholeBook | LineBook) -> tuple[list[int], list[int]]:
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
