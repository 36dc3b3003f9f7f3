"""Serve one instrument: decoded messages in; book, top-table cells and ring records out.

The order is the promise: a cell is written before the record that tells of it is released, and a book that became
wrong is marked so before anything else happens.
"""
cimport cython
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from .atomics cimport likely, monotonic_ns, unlikely
from .base cimport PreparedBase
from .book cimport (
    BOOK_NEGATIVE, BOOK_OK, BookC, book_apply, book_ask_count, book_asks, book_behind, book_bid_count, book_bids,
    book_centre, book_crossed, book_difference, book_edge_near, book_free, book_free_part, book_on_grid, book_recentre,
    list_side, raise_status,
)
from .counters cimport (
    COUNT_BBO_OLD, COUNT_BOOKS_REBUILT, COUNT_DELTAS, COUNT_DUPLICATES, COUNT_MARK_PRICES_OLD, COUNT_TRADES_OLD,
    COUNT_VENUE_RESETS, count,
)
from .crosscheck cimport note_trades, trades_contradict
from .ids cimport id_is_new
from .layout cimport (
    CONNECTOR_ABSENT, FLAG_LAST, FLAG_MORE, FLAG_RESYNC, RECORD_BBO, RECORD_BOOK_DELTA, RECORD_MARK_PRICE,
    RECORD_TRADE, STATE_BEHIND, STATE_DOWN, STATE_GAP, STATE_LIVE, STATE_RESYNC, STATE_STALE, STATE_SYNCING, BboBody,
    BookDeltaBody, InstrumentStats, Level, MarkPriceBody, RecordHeader, TradeBody,
)
from .publish cimport (
    KIND_BBO, KIND_BOOK, KIND_MARK_PRICE, KIND_TRADE, ORIGIN_MARKET, RESET_NS, SMALL_RECORD, add, all_wanted,
    check_kind, check_line, heard, live_touch, make_live, may_follow, move, next_trade_number, not_wanted, publish,
    publish_state, publish_touch, show_book, show_touch, trade_cell_state, valid,
)
from .ring cimport ring_claim
from .segment cimport Segment
from .seqlock cimport cell_begin, cell_end, cell_state
from .snapshot cimport levels_of
from .table cimport write_bbo, write_levels, write_mark_price, write_trade
from .window cimport cut_window, trim


# --- depth and best bid/ask -----------------------------------------------------------------------------------------

cdef int feed_depth(FeedC* feed, RecordHeader* record) noexcept nogil:
    cdef BookDeltaBody* body = <BookDeltaBody*>(record + 1)
    cdef int64_t update_id = record.update_id, venue_ns = record.venue_ns, recv_ns = record.recv_ns
    cdef uint16_t line = record.line
    cdef BboBody touch
    cdef bint touched
    if unlikely(feed.state[KIND_BOOK] != STATE_LIVE or line >= feed.lines[KIND_BOOK]):
        return not_wanted(feed, KIND_BOOK, line)
    if unlikely(update_id < feed.line_last_id[line] and venue_ns > feed.line_venue_ns[line]):
        return VERDICT_RARE       # the venue's ids were reset
    if unlikely(update_id <= feed.last_id):
        if unlikely(feed.venue_ns > 0 and venue_ns > feed.venue_ns + RESET_NS):
            return VERDICT_RARE   # a line that is new: its ids began anew while it was not listened to
        if update_id > feed.line_last_id[line]:
            feed.line_last_id[line] = update_id
            feed.line_venue_ns[line] = venue_ns
        heard(feed, KIND_BOOK, line, recv_ns, venue_ns)
        add(&feed.stats.duplicates)
        count(feed.counters, COUNT_DUPLICATES)
        return VERDICT_OLD
    if unlikely(body.prev_id > feed.last_id):
        return VERDICT_RARE       # something is missing
    if unlikely(book_apply(feed.book, <Level*>(body + 1), body.bids, body.asks) != BOOK_OK):
        return VERDICT_RARE
    if feed.window:
        cut_window(feed, <Level*>(body + 1), &body.bids, &body.asks)
    feed.line_last_id[line] = update_id
    feed.line_venue_ns[line] = venue_ns
    heard(feed, KIND_BOOK, line, recv_ns, venue_ns)
    touched = show_book(feed, record, body.transaction_ns, &touch)
    publish(
        feed, record, RECORD_BOOK_DELTA,
        sizeof(RecordHeader) + sizeof(BookDeltaBody) + (<uint64_t>body.bids + body.asks) * sizeof(Level),
    )
    if touched:
        publish_touch(feed, &touch, update_id, venue_ns, recv_ns, line)
    return VERDICT_APPLIED


cdef int feed_bbo(FeedC* feed, RecordHeader* record) noexcept nogil:
    cdef BboBody* body = <BboBody*>(record + 1)
    cdef uint16_t line = record.line
    if unlikely(line >= feed.lines[KIND_BBO]):
        return not_wanted(feed, KIND_BBO, line)
    heard(feed, KIND_BBO, line, record.recv_ns, record.venue_ns)
    if unlikely(record.update_id <= feed.bbo_id):
        if record.update_id < feed.line_bbo_id[line] and record.venue_ns > feed.line_bbo_ns[line]:
            count(feed.counters, COUNT_VENUE_RESETS)
            memset(feed.line_bbo_id, 0, sizeof(feed.line_bbo_id))
        elif feed.has_ticker or record.update_id < feed.bbo_id:
            if record.update_id > feed.line_bbo_id[line]:
                feed.line_bbo_id[line] = record.update_id
                feed.line_bbo_ns[line] = record.venue_ns
            feed.has_ticker = True
            count(feed.counters, COUNT_BBO_OLD)
            return VERDICT_OLD
    feed.bbo_id = feed.line_bbo_id[line] = record.update_id
    feed.line_bbo_ns[line] = record.venue_ns
    feed.has_ticker = True
    body.source = KIND_BBO
    body.state = STATE_LIVE
    write_bbo(&feed.top.bbo, record, body, STATE_LIVE)
    if unlikely(feed.state[KIND_BBO] != STATE_LIVE):
        record = make_live(feed, KIND_BBO, record)
    add(&feed.stats.bbos)
    publish(feed, record, RECORD_BBO, SMALL_RECORD)
    return VERDICT_APPLIED


# --- trades and mark prices -----------------------------------------------------------------------------------------

cdef int feed_trade(FeedC* feed, RecordHeader* record) noexcept nogil:
    cdef TradeBody* body = <TradeBody*>(record + 1)
    cdef IdWindow* window = &feed.aggregates if body.aggregate else &feed.trades
    if unlikely(record.line >= feed.lines[KIND_TRADE]):
        return not_wanted(feed, KIND_TRADE, record.line)
    heard(feed, KIND_TRADE, record.line, record.recv_ns, record.venue_ns)
    if unlikely(not id_is_new(feed, window, record.update_id, record.line, record.venue_ns)):
        add(&feed.stats.duplicates)
        count(feed.counters, COUNT_TRADES_OLD)
        return VERDICT_OLD
    feed.has_trades = True
    if body.origin == ORIGIN_MARKET and record.update_id == window.last and record.venue_ns >= feed.top.trade.trade_venue_ns:
        write_trade(&feed.top.trade, record, body, STATE_LIVE)
    elif feed.state[KIND_TRADE] != STATE_LIVE:
        cell_state(&feed.top.trade.word, STATE_LIVE)
    if unlikely(feed.state[KIND_TRADE] != STATE_LIVE):
        record = make_live(feed, KIND_TRADE, record)
    add(&feed.stats.trades)
    publish(feed, record, RECORD_TRADE, SMALL_RECORD)
    return VERDICT_APPLIED


cdef int feed_mark_price(FeedC* feed, RecordHeader* record) noexcept nogil:
    cdef MarkPriceBody* body = <MarkPriceBody*>(record + 1)
    if unlikely(record.line >= feed.lines[KIND_MARK_PRICE]):
        return not_wanted(feed, KIND_MARK_PRICE, record.line)
    heard(feed, KIND_MARK_PRICE, record.line, record.recv_ns, record.venue_ns)
    if unlikely(record.venue_ns <= feed.mark_ns):
        add(&feed.stats.duplicates)
        count(feed.counters, COUNT_MARK_PRICES_OLD)
        return VERDICT_OLD
    feed.mark_ns = record.venue_ns
    write_mark_price(&feed.top.trade, record, body, feed.state[KIND_TRADE] if feed.has_trades else STATE_LIVE)
    if unlikely(feed.state[KIND_MARK_PRICE] != STATE_LIVE):
        record = make_live(feed, KIND_MARK_PRICE, record)
    add(&feed.stats.marks)
    publish(feed, record, RECORD_MARK_PRICE, SMALL_RECORD)
    return VERDICT_APPLIED


# --- the rare path --------------------------------------------------------------------------------------------------

@cython.final
cdef class Feed:
    def __cinit__(self, Segment segment not None, uint32_t index, instrument not None, uint16_t venue_index=0):
        if index >= segment.header.instruments:
            raise IndexError(f"the directory has no instrument {index}")
        if instrument.tick_e <= 0:
            raise ValueError(f"{instrument.symbol}: tick_e must be positive, not {instrument.tick_e}")
        self.c = <FeedC*>calloc(1, sizeof(FeedC))
        if self.c == NULL:
            raise MemoryError
        self.segment = segment
        self.instrument = instrument
        self.tick_e = instrument.tick_e
        self.c.book_line = NO_LINE
        self.c.ring = &segment.ring
        self.c.top = &segment.table[index]
        self.c.stats = &segment.stats[index]
        self.c.counters = segment.counters
        self.c.latency = &segment.histograms[0]
        self.c.transit = &segment.histograms[1]
        self.c.wall_offset_ns = &segment.wall_offset_ns
        self.c.instrument = index
        self.c.venue = venue_index
        self.c.price_exponent = instrument.price_exponent
        self.c.qty_exponent = instrument.qty_exponent
        self.c.mark_exponent = segment.directory[index].mark_exponent
        self.c.rate_exponent = segment.directory[index].rate_exponent
        self.c.ratio_exponent = instrument.ratio_exponent
        self.c.bid_low_e = self.c.ask_high_e = CONNECTOR_ABSENT
        all_wanted(self.c)

    def __dealloc__(self):
        if self.c != NULL:
            book_free(self.c.book)
            free(self.c)
        book_free(self.shadow)
        book_free(self.retired)

    cdef RecordHeader* claim(
        self, uint64_t size, int64_t venue_ns, int64_t recv_ns, int64_t update_id, int line
    ) except NULL:
        cdef RecordHeader* record
        check_line(line)
        record = ring_claim(self.c.ring, size)
        if record == NULL:
            raise ValueError(f"a record of {size:,} bytes is longer than an eighth of the ring")
        record.venue_ns = venue_ns
        record.recv_ns = recv_ns
        record.update_id = update_id
        record.line = <uint16_t>line
        return record

    cdef int publish_levels(
        self, const Level* levels, Py_ssize_t bids, Py_ssize_t asks, BookDeltaBody ids, int64_t update_id,
        int64_t venue_ns, int64_t recv_ns, int line, uint16_t flags
    ) except -1:
        """Write one message's levels as one record, or as parts flagged MORE and LAST."""
        cdef uint64_t head = sizeof(RecordHeader) + sizeof(BookDeltaBody)
        cdef Py_ssize_t most = <Py_ssize_t>(((self.c.ring.capacity >> 3) - head) // sizeof(Level))
        cdef Py_ssize_t done = 0, part, part_bids, total = bids + asks
        cdef RecordHeader* record
        cdef BookDeltaBody* body
        while True:
            part = min(total - done, most)
            part_bids = max(0, min(bids - done, part))
            record = self.claim(head + part * sizeof(Level), venue_ns, recv_ns, update_id, line)
            body = <BookDeltaBody*>(record + 1)
            body[0] = ids
            body.bids = <uint32_t>part_bids
            body.asks = <uint32_t>(part - part_bids)
            memcpy(body + 1, levels + done, part * sizeof(Level))
            done += part
            record.flags = flags
            if done < total:
                record.flags |= FLAG_MORE
            elif part < total:
                record.flags |= FLAG_LAST
            publish(self.c, record, RECORD_BOOK_DELTA, head + part * sizeof(Level))
            if done == total:
                return 0

    # -- states

    def state(self, int kind): return self.c.state[check_kind(kind)]
    def mute(self, int kind, bint on): self.c.lines[check_kind(kind)] = 0 if on else MAX_LINES

    def set_state(self, int kind, int state, int reason=0, int64_t recv_ns=0):
        cdef FeedC* feed = self.c
        cdef uint8_t previous = feed.state[check_kind(kind)]
        cdef uint8_t bbo_state, bbo_follows
        if not 0 <= state < 7 or not may_follow(previous, state):
            raise ValueError(f"feed kind {kind}: no move from state {previous} to {state}")
        if kind == KIND_BOOK and valid(<uint8_t>state) and not self.has_base:
            raise ValueError(f"the book has no base: it cannot move to state {state}")
        # Without messages of its own the best bid/ask is as good as the book.
        bbo_follows = (
            kind == KIND_BOOK and not valid(<uint8_t>state) and not feed.has_ticker
            and feed.state[KIND_BBO] == STATE_LIVE
        )
        bbo_state = STATE_DOWN if state == STATE_DOWN else STATE_STALE
        if kind == KIND_BOOK:
            cell_state(&feed.top.levels.word, <uint8_t>state)
            if bbo_follows:
                cell_state(&feed.top.bbo.word, bbo_state)
            if not valid(<uint8_t>state):
                feed.traded_id = 0
        elif kind == KIND_BBO:
            cell_state(&feed.top.bbo.word, <uint8_t>state)
        feed.state[kind] = <uint8_t>state
        if kind == KIND_TRADE or kind == KIND_MARK_PRICE:
            feed.has_trades |= kind == KIND_TRADE
            cell_state(&feed.top.trade.word, trade_cell_state(feed))
        recv_ns = recv_ns or monotonic_ns()
        publish_state(feed, kind, previous, <uint32_t>reason, recv_ns)
        if bbo_follows:
            move(feed, KIND_BBO, bbo_state, <uint32_t>reason, recv_ns)
        if state == STATE_DOWN:
            self._forget(kind)
        elif kind == KIND_BOOK:
            if state == STATE_GAP:
                add(&feed.stats.gaps)
            elif state == STATE_LIVE:
                show_touch(feed, recv_ns)

    def _forget(self, int kind):
        """No connection serves it: the ids of the next one are judged by themselves."""
        cdef FeedC* feed = self.c
        if kind == KIND_BOOK:
            memset(feed.line_last_id, 0, sizeof(feed.line_last_id))
            memset(feed.line_venue_ns, 0, sizeof(feed.line_venue_ns))
        elif kind == KIND_BBO:
            feed.has_ticker = False
            feed.bbo_id = 0
            memset(feed.line_bbo_id, 0, sizeof(feed.line_bbo_id))
            memset(feed.line_bbo_ns, 0, sizeof(feed.line_bbo_ns))
        elif kind == KIND_TRADE:
            memset(&feed.trades, 0, sizeof(IdWindow))
            memset(&feed.aggregates, 0, sizeof(IdWindow))

    def last_recv_ns(self, int kind):
        cdef int64_t last_ns = 0
        cdef int line
        check_kind(kind)
        for line in range(MAX_LINES):
            last_ns = max(last_ns, self.c.line_recv_ns[kind][line])
        return last_ns

    def line_recv_ns(self, int kind, int line): return self.c.line_recv_ns[check_kind(kind)][check_line(line)]

    def stood(self, int kind): return self.c.stood[check_kind(kind)]
    def stand(self, int kind, int64_t number): self.c.stood[check_kind(kind)] = number

    def line_heard(self, int kind, int line, int64_t recv_ns):
        self.c.line_recv_ns[check_kind(kind)][check_line(line)] = recv_ns

    @property
    def last_id(self): return self.c.last_id

    @property
    def venue_ns(self): return self.c.venue_ns

    @property
    def index(self): return self.c.instrument

    @property
    def has_base(self): return bool(self.has_base)

    @property
    def bounds(self): return self.c.bid_low_e, self.c.ask_high_e

    @property
    def window(self): return self.c.window

    @window.setter
    def window(self, levels): self.c.window = levels

    def line_last_id(self, int line): return self.c.line_last_id[check_line(line)]

    def line_venue_ns(self, int line): return self.c.line_venue_ns[check_line(line)]

    def line_seen(self, int line, int64_t last_id, int64_t venue_ns):
        self.c.line_last_id[check_line(line)] = last_id
        self.c.line_venue_ns[line] = venue_ns

    # -- messages

    def apply(self, event, int line, int64_t recv_ns, int flags=0):
        cdef FeedC* feed = self.c
        cdef Py_ssize_t bids = 0, asks = 0
        cdef RecordHeader head
        cdef BookDeltaBody ids
        cdef BboBody touch
        cdef bint touched
        cdef Level* levels
        cdef Level* made
        cdef uint32_t whole_bids, whole_asks
        if not self.has_base:
            raise ValueError("the book has no base to apply a message to")
        memset(&head, 0, sizeof(head))
        memset(&ids, 0, sizeof(ids))
        head.line = <uint16_t>check_line(line)
        head.update_id, head.venue_ns, head.recv_ns = event.last_id, event.venue_ns, recv_ns
        ids.first_id, ids.prev_id, ids.transaction_ns = event.first_id, event.prev_id, event.transaction_ns
        levels = levels_of(event, &bids, &asks, &made, room=feed.window > 0)
        try:
            raise_status(book_apply(feed.book, levels, bids, asks))
            whole_bids, whole_asks = <uint32_t>bids, <uint32_t>asks
            if feed.window:
                cut_window(feed, levels, &whole_bids, &whole_asks)
            heard(feed, KIND_BOOK, head.line, recv_ns, event.venue_ns)
            add(&feed.stats.fallbacks)
            touched = show_book(feed, &head, ids.transaction_ns, &touch)
            self.publish_levels(
                levels, whole_bids, whole_asks, ids, head.update_id, head.venue_ns, recv_ns, line, <uint16_t>flags
            )
        finally:
            free(made)
        if touched:
            publish_touch(feed, &touch, head.update_id, head.venue_ns, recv_ns, head.line)

    def bbo(self, event, int line, int64_t recv_ns):
        cdef BboBody body
        cdef RecordHeader* record
        memset(&body, 0, sizeof(body))
        body.bid_price_e, body.bid_qty_e = event.bid_price_e, event.bid_qty_e
        body.ask_price_e, body.ask_qty_e = event.ask_price_e, event.ask_qty_e
        body.transaction_ns = event.transaction_ns
        record = self.claim(SMALL_RECORD, event.venue_ns, recv_ns, event.update_id, line)
        memset(record + 1, 0, 64)
        memcpy(record + 1, &body, sizeof(body))
        add(&self.c.stats.fallbacks)
        return feed_bbo(self.c, record)

    def trade(self, event, int line, int64_t recv_ns):
        cdef TradeBody body
        cdef RecordHeader* record
        memset(&body, 0, sizeof(body))
        body.price_e, body.qty_e, body.normal_qty_e = event.price_e, event.qty_e, event.normal_qty_e
        body.first_trade_id, body.last_trade_id = event.first_trade_id, event.last_trade_id
        body.transaction_ns = event.transaction_ns
        body.side, body.aggregate, body.origin = event.side, event.aggregate, event.origin
        record = self.claim(SMALL_RECORD, event.venue_ns, recv_ns, event.trade_id, line)
        memset(record + 1, 0, 64)
        memcpy(record + 1, &body, sizeof(body))
        add(&self.c.stats.fallbacks)
        return feed_trade(self.c, record)

    def mark_price(self, event, int line, int64_t recv_ns):
        cdef MarkPriceBody body
        cdef RecordHeader* record
        memset(&body, 0, sizeof(body))
        body.mark_e, body.index_e, body.settle_e = event.mark_e, event.index_e, event.settle_e
        body.average_e, body.rate_e, body.next_funding_ns = event.average_e, event.rate_e, event.next_funding_ns
        record = self.claim(SMALL_RECORD, event.venue_ns, recv_ns, 0, line)
        memset(record + 1, 0, 64)
        memcpy(record + 1, &body, sizeof(body))
        add(&self.c.stats.fallbacks)
        return feed_mark_price(self.c, record)

    def traded(self, event, int64_t recv_ns):
        note_trades(self.c, event.book_id, recv_ns)
        return trades_contradict(self.c, event.book_id, event.bid_most_e, event.ask_least_e)

    @property
    def traded_id(self): return self.c.traded_id
    @property
    def traded_ns(self): return self.c.traded_ns
    def forget_trades(self): self.c.traded_id = 0
    def number_trade(self): return next_trade_number(self.c)
    def lead(self, int line): self.c.book_line = line

    def record(self, int type, int kind, bytes body not None, int64_t venue_ns, int64_t recv_ns, int64_t update_id, int line):
        cdef uint64_t size = sizeof(RecordHeader) + len(body)
        cdef RecordHeader* record = self.claim(size, venue_ns, recv_ns, update_id, line)
        memcpy(record + 1, <const char*>body, len(body))
        heard(self.c, check_kind(kind), <uint16_t>line, recv_ns, venue_ns)
        publish(self.c, record, <uint16_t>type, size)

    # -- a new base

    def stage(self, snapshot):
        cdef PreparedBase base
        cdef BookC* shadow
        if type(snapshot) is not PreparedBase:
            base = PreparedBase(snapshot, self.tick_e)
        elif (<PreparedBase>snapshot).tick_e == self.tick_e:
            base = snapshot
        else:
            base = PreparedBase((<PreparedBase>snapshot).snapshot, self.tick_e)
        shadow = base.take()
        if self.c.window:
            trim(shadow, self.c.window)
        book_free(self.shadow)
        self.shadow = shadow
        self.shadow_id, self.shadow_venue_ns = base.last_id, base.venue_ns
        self.shadow_low_e, self.shadow_high_e = base.low_e, base.high_e
        add(&self.c.stats.snapshots)

    def stage_apply(self, event):
        cdef Py_ssize_t bids = 0, asks = 0
        cdef int64_t last_id = event.last_id, venue_ns = event.venue_ns
        cdef Level* levels
        cdef Level* made
        if self.shadow == NULL:
            raise ValueError("no snapshot is staged")
        levels = levels_of(event, &bids, &asks, &made)
        try:
            raise_status(book_apply(self.shadow, levels, bids, asks))
        finally:
            free(made)
        self.shadow_id, self.shadow_venue_ns = last_id, venue_ns
        add(&self.c.stats.deltas)
        count(self.c.counters, COUNT_DELTAS)

    def adopt(self, int64_t recv_ns=0):
        cdef FeedC* feed = self.c
        cdef BookC* old = feed.book
        cdef Py_ssize_t bids = 0, asks = 0
        cdef BookDeltaBody ids
        cdef Level* levels = NULL
        if self.shadow == NULL:
            raise ValueError("no snapshot is staged")
        if feed.state[KIND_BOOK] != STATE_SYNCING and feed.state[KIND_BOOK] != STATE_RESYNC:
            raise ValueError(f"a book in state {feed.state[KIND_BOOK]} takes no new base")
        memset(&ids, 0, sizeof(ids))
        if self.has_base:
            levels = <Level*>malloc(
                (book_bid_count(old) + book_ask_count(old) + book_bid_count(self.shadow)
                 + book_ask_count(self.shadow) + 1) * sizeof(Level)
            )
            if levels == NULL:
                raise MemoryError
            bids = book_difference(old, self.shadow, levels, &asks)
            ids.first_id = ids.prev_id = feed.last_id
        feed.book = self.shadow
        self.shadow = NULL
        feed.last_id, feed.venue_ns = self.shadow_id, self.shadow_venue_ns
        feed.bid_low_e, feed.ask_high_e = self.shadow_low_e, self.shadow_high_e
        if not recv_ns:
            recv_ns = monotonic_ns()
        cell_begin(&feed.top.levels.word)
        feed.top.levels.bid_low_e, feed.top.levels.ask_high_e = feed.bid_low_e, feed.ask_high_e
        cell_end(&feed.top.levels.word, feed.state[KIND_BOOK])
        write_levels(
            &feed.top.levels, feed.book, feed.last_id, feed.venue_ns, recv_ns, feed.state[KIND_BOOK]
        )
        if not self.has_base:
            self.has_base = True
            return
        add(&feed.stats.resyncs)
        book_free(self.retired)
        self.retired = old
        try:
            self.publish_levels(
                levels, bids, asks, ids, feed.last_id, feed.venue_ns, recv_ns, 0, FLAG_RESYNC
            )
        finally:
            free(levels)

    def sweep(self, Py_ssize_t pages=256):
        if self.retired == NULL or book_free_part(self.retired, pages):
            return self.retired != NULL
        self.retired = NULL
        return False

    @property
    def touch(self): return live_touch(self.c)

    @property
    def mark(self): return (self.c.top.trade.mark_e, self.c.top.trade.mark_recv_ns) if self.c.mark_ns else None

    @property
    def crossed(self): return self.c.book != NULL and bool(book_crossed(self.c.book))

    def drop_base(self):
        if valid(self.c.state[KIND_BOOK]):
            raise ValueError("a live book is in use")
        book_free(self.c.book)
        self.c.book = NULL
        self.has_base = False

    # -- the book as it stands

    def bids(self, most=None): return list_side(self.c.book, True, most) if self.c.book != NULL else []

    def asks(self, most=None): return list_side(self.c.book, False, most) if self.c.book != NULL else []

    def top(self, most=20): return self.bids(most), self.asks(most)

    @property
    def counts(self):
        cdef BookC* book = self.c.book
        return book_bid_count(book) if book != NULL else 0, book_ask_count(book) if book != NULL else 0

    def dump(self, buffer):
        cdef uint8_t[::1] data = buffer
        cdef Py_ssize_t bids, asks, need
        if self.c.book == NULL:
            return 0, 0, 0
        bids, asks = book_bid_count(self.c.book), book_ask_count(self.c.book)
        need = (bids + asks) * sizeof(Level)
        if data.shape[0] < need: raise ValueError(f"the book needs {need:,} bytes, the buffer has {data.shape[0]:,}")
        if need:
            book_bids(self.c.book, <Level*>&data[0], bids)
            book_asks(self.c.book, <Level*>&data[0] + bids, asks)
        return bids, asks, self.c.last_id

    def levels(self, bint bid, bytes behind not None, buffer):
        cdef uint8_t[::1] out = buffer
        cdef int64_t price_e = (<const Level*><const char*>behind).price_e if len(behind) >= 8 else -1
        if self.c.book == NULL or out.shape[0] < <Py_ssize_t>sizeof(Level):
            return 0
        return sizeof(Level) * book_behind(self.c.book, bid, price_e, <Level*>&out[0], out.shape[0] // sizeof(Level))

    @property
    def changes(self): return self.c.stats.deltas + self.c.stats.snapshots + self.c.stats.resyncs

    @property
    def snapshots(self): return self.c.stats.snapshots

    # -- the grid

    @property
    def edge_near(self): return self.c.book != NULL and bool(book_edge_near(self.c.book))

    def recentre(self):
        if self.c.book != NULL:
            raise_status(book_recentre(self.c.book, book_centre(self.c.book)))
            count(self.c.counters, COUNT_BOOKS_REBUILT)

    def set_tick(self, int64_t tick_e):
        cdef BookC* moved
        if tick_e <= 0:
            raise ValueError(f"tick_e must be positive, not {tick_e}")
        if self.c.book != NULL:
            moved = book_on_grid(self.c.book, tick_e)
            if moved == NULL:
                raise MemoryError("the book has no memory for another grid")
            book_free(self.c.book)
            self.c.book = moved
            count(self.c.counters, COUNT_BOOKS_REBUILT)
        book_free(self.shadow)        # on the old grid; whoever staged it stages again
        self.shadow = NULL
        self.tick_e = tick_e
