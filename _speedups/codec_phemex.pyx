"""Phemex market messages, from the bytes of a frame into a claimed ring record.

Taken here, as the venue has written them from 2020 to 2026, without blanks and with sorted keys: books, increments and
snapshots, trades as they happen, and ``market24h``. The prices and quantities of one family (``book``, ``trades``) are
scaled integers and pass as they are; those of the other (``orderbook_p``, ``trades_p``) are decimal texts. The symbol
comes after the levels, so a message is read into memory of the codec's own and only then, known to its last byte, copied
into a record. Everything else is RARE and left to ``connector.venues.phemex.market``; both say the same of every frame
that is taken here.
"""
cimport cython
from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memset

from .atomics cimport likely, unlikely
from .codec cimport HANDLED, RARE, FeedSlot, find_slot
from .counters cimport COUNT_FALLBACK, COUNT_FAST, COUNT_SNAPSHOTS, count
from .crosscheck cimport note_trades, trades_contradict
from .feed cimport MAX_LINES, NO_LINE, VERDICT_RARE, FeedC, feed_depth, feed_mark_price
from .layout cimport (
    CONNECTOR_ABSENT, SIDE_BUY, SIDE_SELL, STATE_DOWN, STATE_LIVE, BookDeltaBody, Level, MarkPriceBody, RecordHeader,
)
from .publish cimport KIND_BOOK, KIND_MARK_PRICE, KIND_TICKER, add, heard
from .ring cimport ring_claim
from .scan cimport (
    MAX_VALUE, NUMBER_OK, POW10, Cursor, multiply, take, take_integer, take_integer_levels, take_levels, take_quoted,
    take_short_integer, take_text,
)
from .sides cimport (
    MOST_LEVELS, MOST_TRADES, PLACE_BITS, SidesCodec, TradeRow, claim_difference, claim_levels, give_trade, levels_of,
    put_levels,
)
from .snapshot cimport DepthC, SnapshotC
from .window cimport in_order

# --- books ------------------------------------------------------------------------------------------------------------

# `"name":` and an integer, when they stand here; False only when the name does and no integer follows.
cdef inline bint may_take(Cursor* c, const char* name, Py_ssize_t length, int64_t* out) noexcept nogil:
    return not take(c, name, length) or take_integer(c, out) == NUMBER_OK


cdef inline FeedSlot* take_symbol(Cursor* c, PhemexCodec codec) noexcept nogil:
    cdef const char* text = NULL
    cdef Py_ssize_t length = 0
    cdef bint wide = False
    if unlikely(not take_text(c, &text, &length, &wide)):
        return NULL
    return find_slot(codec.slots, codec.mask, text, length)


# `dts` and `mts`, times of the venue's gateways, are in newer frames.
cdef inline bint take_depth(Cursor* c, BookMessage* m) noexcept nogil:
    cdef int64_t ignored = 0
    return (
        take(c, b'"depth":', 8) and take_short_integer(c, &m.depth) == NUMBER_OK
        and may_take(c, b',"dts":', 7, &ignored) and may_take(c, b',"mts":', 7, &ignored)
    )


# From `,"sequence":` to the last byte.
cdef inline bint take_rest(Cursor* c, PhemexCodec codec, BookMessage* m) noexcept nogil:
    if unlikely(
        not take(c, b',"sequence":', 12) or take_integer(c, &m.sequence) != NUMBER_OK
        or not take(c, b',"symbol":', 10)
    ):
        return False
    m.slot = take_symbol(c, codec)
    if unlikely(
        m.slot == NULL or m.sequence == 0 or m.depth > MOST_DEPTH
        or not may_take(c, b',"timestamp":', 13, &m.venue_ns)
    ):
        return False
    if likely(take(c, b',"type":"incremental"}', 22)):
        return c.p == c.end
    m.snapshot = True
    return take(c, b',"type":"snapshot"}', 19) and c.p == c.end


# Up to the levels, and these.
cdef inline bint take_integer_book(Cursor* c, PhemexCodec codec, BookMessage* m) noexcept nogil:
    return (
        take(c, b'{"book":{"asks":', 16)
        and take_integer_levels(c, codec.asks, MOST_LEVELS, &m.asks) == NUMBER_OK
        and take(c, b',"bids":', 8)
        and take_integer_levels(c, codec.bids, MOST_LEVELS, &m.bids) == NUMBER_OK
        and take(c, b"},", 2)
        and take_depth(c, m)
    )


# The symbol is looked for from the end, since its scale is needed before it is read.
cdef inline FeedSlot* slot_behind(Cursor* c, PhemexCodec codec) noexcept nogil:
    cdef Cursor name
    cdef const char* first = c.end - LONGEST_TAIL if c.end - c.p > LONGEST_TAIL else c.p
    name.p = c.end - 10
    name.end = c.end
    while name.p >= first:
        if name.p[1] == c's' and memcmp(name.p, b'"symbol":"', 10) == 0:
            name.p += 9
            return take_symbol(&name, codec)
        name.p -= 1
    return NULL


cdef bint take_decimal_book(Cursor* c, PhemexCodec codec, BookMessage* m, FeedSlot* slot) noexcept nogil:
    cdef const char* start = c.p
    cdef int price_exponent, qty_exponent
    if unlikely(slot == NULL):
        return False
    price_exponent, qty_exponent = slot.feed.price_exponent, slot.feed.qty_exponent
    return (
        take(c, b"{", 1) and take_depth(c, m)
        and take(c, b',"orderbook_p":{"asks":', 23)
        and take_levels(
            c, start, price_exponent, qty_exponent, codec.asks, MOST_LEVELS, &m.asks, codec.quick
        ) == NUMBER_OK
        and take(c, b',"bids":', 8)
        and take_levels(
            c, start, price_exponent, qty_exponent, codec.bids, MOST_LEVELS, &m.bids, codec.quick
        ) == NUMBER_OK
        and take(c, b"}", 1)
    )


# A whole book message, its levels in the codec's memory.
cdef inline bint take_book(PhemexCodec codec, const char* frame, Py_ssize_t length, BookMessage* m) noexcept nogil:
    cdef Cursor c
    cdef FeedSlot* slot = NULL
    c.p = frame
    c.end = frame + length
    memset(m, 0, sizeof(BookMessage))
    if unlikely(length < SHORTEST):
        return False
    if likely(frame[2] == c'b'):
        if unlikely(not take_integer_book(&c, codec, m)):
            return False
    else:
        slot = slot_behind(&c, codec)
        if unlikely(not take_decimal_book(&c, codec, m, slot)):
            return False
    return take_rest(&c, codec, m) and (slot == NULL or m.slot == slot)


# `prev_id` 0: `sequence` counts for many symbols together and shows no gap; it has to rise, no more.
cdef inline void put_head(
    RecordHeader* record, const BookMessage* m, int64_t recv_ns, uint16_t line, Py_ssize_t bids, Py_ssize_t asks
) noexcept nogil:
    cdef BookDeltaBody* body = <BookDeltaBody*>(record + 1)
    record.venue_ns = m.venue_ns
    record.recv_ns = recv_ns
    record.update_id = m.sequence
    record.line = line
    body.first_id = m.sequence
    body.prev_id = 0
    body.transaction_ns = m.venue_ns
    body.bids = <uint32_t>bids
    body.asks = <uint32_t>asks


cdef inline int give_increment(
    PhemexCodec codec, const BookMessage* m, int64_t recv_ns, uint16_t line
) noexcept nogil:
    cdef FeedC* feed = m.slot.feed
    cdef RecordHeader* record
    if unlikely(feed.book_line != NO_LINE and line != feed.book_line):
        return VERDICT_RARE  # another connection's are the book's
    # Room for as many again: what they push out of the window is told of behind them.
    record = claim_levels(feed, 2 * (m.bids + m.asks))
    if unlikely(record == NULL):
        return VERDICT_RARE
    put_head(record, m, recv_ns, line, m.bids, m.asks)
    put_levels(codec, m.bids, m.asks, levels_of(record))
    return feed_depth(feed, record)


# The venue repeats the whole book every minute. A live book that equals it is as good as it was; what a later one has
# other is told as one message. One of the same sequence with other levels is a fault, and not judged here.
cdef int give_snapshot(PhemexCodec codec, const BookMessage* m, int64_t recv_ns, uint16_t line) noexcept nogil:
    cdef FeedC* feed = m.slot.feed
    cdef RecordHeader* record
    cdef Py_ssize_t bids = m.bids, asks = m.asks
    if unlikely(
        feed.state[KIND_BOOK] != STATE_LIVE or feed.window != m.depth or line >= MAX_LINES
        or (feed.book_line != NO_LINE and line != feed.book_line)
        or m.sequence < feed.last_id or m.sequence < feed.line_last_id[line]
        or (m.depth > 0 and (m.bids > m.depth or m.asks > m.depth))
    ):
        return VERDICT_RARE
    record = claim_difference(codec, feed, &bids, &asks)
    if unlikely(record == NULL):
        return VERDICT_RARE
    if likely(m.sequence == feed.last_id):
        if bids or asks:
            return VERDICT_RARE
        heard(feed, KIND_BOOK, line, recv_ns, 0)  # its time is the last change's, minutes ago in a quiet market
    else:
        put_head(record, m, recv_ns, line, bids, asks)
        if feed_depth(feed, record) == VERDICT_RARE:
            return VERDICT_RARE
    add(&feed.stats.snapshots)
    count(feed.counters, COUNT_SNAPSHOTS)
    return HANDLED


# --- trades and mark prices -------------------------------------------------------------------------------------------

cdef inline bint take_number(Cursor* c, bint decimal, int exponent, int64_t* out) noexcept nogil:
    if decimal:
        return take_quoted(c, exponent, out) == NUMBER_OK and out[0] >= 0
    return take_integer(c, out) == NUMBER_OK


# `[[1625342248626993976,"Sell",30070,38],...]`: time, the taker's side, price, quantity.
cdef inline bint take_trade_rows(
    Cursor* c, const FeedC* feed, bint decimal, TradeRow* rows, Py_ssize_t* found
) noexcept nogil:
    cdef Py_ssize_t n = 0
    if not take(c, b"[", 1):
        return False
    while n < MOST_TRADES:
        if unlikely(
            not take(c, b"[", 1) or take_integer(c, &rows[n].venue_ns) != NUMBER_OK
        ):
            return False
        if take(c, b',"Buy",', 7):
            rows[n].side = SIDE_BUY
        elif take(c, b',"Sell",', 8):
            rows[n].side = SIDE_SELL
        else:
            return False
        if unlikely(
            not take_number(c, decimal, feed.price_exponent, &rows[n].price_e) or not take(c, b",", 1)
            or not take_number(c, decimal, feed.qty_exponent, &rows[n].qty_e) or not take(c, b"]", 1)
        ):
            return False
        n += 1
        if take(c, b"]", 1):
            found[0] = n
            return True
        if unlikely(not take(c, b",", 1)):
            return False
    return False


# What the rows say of the book of their message's sequence, that of the last row: nothing, where both sides traded.
cdef inline bint doubt_book(const FeedC* feed, const TradeRow* rows, Py_ssize_t count, int64_t sequence) noexcept nogil:
    cdef int64_t least = MAX_VALUE, most = 0
    cdef Py_ssize_t i
    for i in range(count):
        if rows[i].side != rows[0].side:
            return False
        least = min(least, rows[i].price_e)
        most = max(most, rows[i].price_e)
    if rows[0].side == SIDE_BUY:
        return trades_contradict(feed, sequence, CONNECTOR_ABSENT, least)
    return trades_contradict(feed, sequence, most, CONNECTOR_ABSENT)


# The venue numbers no trades: they are told apart by the message's sequence and their place in it.
cdef int take_trades(
    PhemexCodec codec, const char* frame, Py_ssize_t length, int64_t recv_ns, uint16_t line
) noexcept nogil:
    cdef Cursor c
    cdef FeedSlot* slot
    cdef TradeRow* rows = <TradeRow*>codec.asks
    cdef int64_t sequence = 0, ignored = 0
    cdef Py_ssize_t found = 0, place
    cdef bint decimal
    c.p = frame
    c.end = frame + length
    if take(&c, b'{"dts":', 7):
        if unlikely(
            take_integer(&c, &ignored) != NUMBER_OK or not may_take(&c, b',"mts":', 7, &ignored)
            or not take(&c, b",", 1)
        ):
            return VERDICT_RARE
    elif unlikely(not take(&c, b"{", 1)):
        return VERDICT_RARE
    if unlikely(
        not take(&c, b'"sequence":', 11) or take_integer(&c, &sequence) != NUMBER_OK or sequence == 0
        or sequence > <int64_t>(MAX_VALUE >> PLACE_BITS) or not take(&c, b',"symbol":', 10)
    ):
        return VERDICT_RARE
    slot = take_symbol(&c, codec)
    if unlikely(slot == NULL or line >= MAX_LINES or slot.feed.book_line != NO_LINE):
        return VERDICT_RARE
    decimal = take(&c, b',"trades_p":', 12)
    if unlikely(
        not (decimal or take(&c, b',"trades":', 10)) or not take_trade_rows(&c, slot.feed, decimal, rows, &found)
        or not take(&c, b',"type":"incremental"}', 22) or c.p != c.end
        or doubt_book(slot.feed, rows, found, sequence)
    ):
        return VERDICT_RARE
    note_trades(slot.feed, sequence, recv_ns)
    for place in range(found):
        give_trade(slot.feed, rows + place, sequence << PLACE_BITS | place, recv_ns, line)
    return HANDLED


cdef inline bint take_signed(Cursor* c, int64_t* out) noexcept nogil:
    cdef bint negative = take(c, b"-", 1)
    if unlikely(take_integer(c, out) != NUMBER_OK):
        return False
    if negative:
        out[0] = -out[0]
        return out[0] != 0
    return True


cdef inline bint same(const char* text, Py_ssize_t length, const char* name, Py_ssize_t size) noexcept nogil:
    return length == size and memcmp(text, name, size) == 0


# One `"key":value`, any key; a second one of those that matter is left to msgspec.
cdef inline bint take_field(Cursor* c, PhemexCodec codec, Ticker* t) noexcept nogil:
    cdef const char* text = NULL
    cdef Py_ssize_t length = 0
    cdef bint wide = False
    cdef uint32_t field = 0
    cdef int64_t value = 0
    if unlikely(not take_text(c, &text, &length, &wide) or wide or not take(c, b":", 1)):
        return False
    if same(text, length, b"symbol", 6):
        if t.told & TOLD_SYMBOL or not take_text(c, &text, &length, &wide) or wide:
            return False
        t.told |= TOLD_SYMBOL
        t.slot = find_slot(codec.slots, codec.mask, text, length)
        return True
    if not take_signed(c, &value):
        return False
    if same(text, length, b"markPrice", 9):
        field, t.mark = TOLD_MARK, value
    elif same(text, length, b"indexPrice", 10):
        field, t.index = TOLD_INDEX, value
    elif same(text, length, b"fundingRate", 11):
        field, t.rate = TOLD_RATE, value
    if unlikely(t.told & field):
        return False
    t.told |= field
    return True


# A number of the contract's scale with `up` more decimals.
cdef inline bint with_more(int64_t number, int up, int64_t* out) noexcept nogil:
    cdef uint64_t scaled = 0
    cdef uint64_t magnitude = <uint64_t>(-number if number < 0 else number)
    if unlikely(up < 0 or up > 18 or multiply(magnitude, POW10[up], &scaled) or scaled > MAX_VALUE):
        return False
    out[0] = -<int64_t>scaled if number < 0 else <int64_t>scaled
    return True


# One message a symbol, of every symbol the venue has: those that are not configured end here.
cdef int take_ticker(
    PhemexCodec codec, const char* frame, Py_ssize_t length, int64_t recv_ns, uint16_t line
) noexcept nogil:
    cdef Cursor c
    cdef Ticker t
    cdef int64_t venue_ns = 0, mark_e = 0, index_e = CONNECTOR_ABSENT, rate_e = CONNECTOR_ABSENT
    cdef int finer
    cdef FeedC* feed
    cdef RecordHeader* record
    cdef MarkPriceBody* body
    c.p = frame
    c.end = frame + length
    memset(&t, 0, sizeof(Ticker))
    if unlikely(not take(&c, b'{"market24h":{', 14) or not take_field(&c, codec, &t)):
        return VERDICT_RARE
    while take(&c, b",", 1):
        if unlikely(not take_field(&c, codec, &t)):
            return VERDICT_RARE
    if unlikely(
        not take(&c, b'},"timestamp":', 14) or take_integer(&c, &venue_ns) != NUMBER_OK
        or not take(&c, b"}", 1) or c.p != c.end or not t.told & TOLD_SYMBOL
    ):
        return VERDICT_RARE
    if t.slot == NULL:
        return HANDLED
    feed = t.slot.feed
    if feed.state[KIND_TICKER] != STATE_DOWN:  # the day's figures are wanted, too
        return VERDICT_RARE
    # The first months had no mark price in it; or another instrument asked for the stream.
    if not t.told & TOLD_MARK or feed.state[KIND_MARK_PRICE] == STATE_DOWN:
        return HANDLED
    finer = feed.mark_exponent - feed.price_exponent
    if unlikely(
        not with_more(t.mark, finer, &mark_e)
        or (t.told & TOLD_INDEX and not with_more(t.index, finer, &index_e))
        or (t.told & TOLD_RATE and not with_more(t.rate, feed.rate_exponent - feed.ratio_exponent, &rate_e))
    ):
        return VERDICT_RARE
    record = ring_claim(feed.ring, sizeof(RecordHeader) + sizeof(MarkPriceBody))
    if unlikely(record == NULL):
        return VERDICT_RARE
    record.venue_ns = venue_ns
    record.recv_ns = recv_ns
    record.update_id = 0
    record.line = line
    body = <MarkPriceBody*>(record + 1)
    memset(body, 0, sizeof(MarkPriceBody))
    body.mark_e = mark_e
    body.index_e = index_e
    body.settle_e = body.average_e = CONNECTOR_ABSENT
    body.rate_e = rate_e
    return feed_mark_price(feed, record)


# --- the codec --------------------------------------------------------------------------------------------------------

cdef inline int take_message(
    PhemexCodec codec, const char* frame, Py_ssize_t length, int64_t recv_ns, uint16_t line
) noexcept nogil:
    cdef BookMessage m
    if unlikely(length < SHORTEST):
        return VERDICT_RARE
    if likely(memcmp(frame, b'{"book":', 8) == 0 or memcmp(frame, b'{"depth":', 9) == 0):
        if unlikely(not take_book(codec, frame, length, &m)):
            return VERDICT_RARE
        if unlikely(m.snapshot):
            return give_snapshot(codec, &m, recv_ns, line)
        return give_increment(codec, &m, recv_ns, line)
    if memcmp(frame, b'{"sequence":', 12) == 0 or memcmp(frame, b'{"dts":', 7) == 0:
        return take_trades(codec, frame, length, recv_ns, line)
    return take_ticker(codec, frame, length, recv_ns, line)


@cython.final
cdef class PhemexCodec(SidesCodec):
    """The compiled codec of Phemex market streams."""

    cdef int decode_frame(self, const char* frame, Py_ssize_t length, int64_t recv_ns, uint16_t line) noexcept nogil:
        if unlikely(take_message(self, frame, length, recv_ns, line) == VERDICT_RARE):
            count(self.counters, COUNT_FALLBACK)
            return RARE
        count(self.counters, COUNT_FAST)
        return HANDLED

    cdef int read_depth(
        self, const char* frame, Py_ssize_t length, int64_t recv_ns, uint16_t line, DepthC* out
    ) noexcept nogil:
        cdef BookMessage m
        if not take_book(self, frame, length, &m) or m.snapshot:
            return RARE
        put_head(out.record, &m, recv_ns, line, m.bids, m.asks)
        put_levels(self, m.bids, m.asks, out.levels)
        out.symbol = m.slot.symbol
        out.symbol_length = m.slot.length
        return HANDLED

    cdef int read_book(self, const char* frame, Py_ssize_t length, SnapshotC* out) noexcept nogil:
        cdef BookMessage m
        if not take_book(self, frame, length, &m) or not m.snapshot:
            return RARE
        if not in_order(self.bids, m.bids, True) or not in_order(self.asks, m.asks, False):
            return RARE
        put_levels(self, m.bids, m.asks, out.levels)
        out.bids, out.asks = m.bids, m.asks
        out.last_id, out.venue_ns, out.depth = m.sequence, m.venue_ns, m.depth
        out.symbol = m.slot.symbol
        out.symbol_length = m.slot.length
        return HANDLED
