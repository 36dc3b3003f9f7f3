"""Cadenza's books, from the bytes of a Centrifugo frame into a claimed ring record.

Taken here: publications of book channels in either spelling, whole books and changes, rows of decimal texts by the
columns price and quantity with or without a count of orders, keys in any order, without blanks; publications of trades,
one or a list of them, by any of the names of their price, quantity, side and time. One or several lines a frame: it is
taken line by line, what stands before the first line that is left was applied, and ``taken`` says how many bytes that
is. Everything else is RARE and left to the Centrifugo client and ``connector.venues.cadenza.market``; codec and decoder
say the same of every line that is taken here.

A publication is taken where its channel stands open (``FeedC.stood``), its offset follows the last one's, or it has none
where none are given.
"""
cimport cython
from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memchr, memcmp, memset

from .atomics cimport likely, unlikely
from .codec cimport HANDLED, RARE, FeedSlot, find_slot
from .counters cimport COUNT_FALLBACK, COUNT_FAST, COUNT_SNAPSHOTS, count
from .feed cimport MAX_LINES, VERDICT_RARE, FeedC, feed_depth
from .layout cimport SIDE_BUY, SIDE_SELL, STATE_LIVE, BookDeltaBody, Level, RecordHeader
from .publish cimport KIND_BOOK, KIND_TRADE, add, next_trade_number
from .scan cimport (
    MAX_VALUE, NUMBER_OK, Cursor, take, take_integer, take_levels, take_milliseconds, take_quoted, take_text,
)
from .sides cimport (
    MOST_LEVELS, MOST_TRADES, PLACE_BITS, SidesCodec, TradeRow, claim_difference, claim_levels, give_trade, levels_of,
    put_levels,
)
from .snapshot cimport DepthC, SnapshotC
from .window cimport in_order

# --- reading ----------------------------------------------------------------------------------------------------------

cdef inline bint same(const char* text, Py_ssize_t length, const char* name, Py_ssize_t size) noexcept nogil:
    return length == size and memcmp(text, name, size) == 0


# Rows `["price","qty","count"]`; the count is a text nobody asks for.
cdef bint take_counted(Cursor* c, int price_exponent, int qty_exponent, Level* out, Py_ssize_t* found) noexcept nogil:
    cdef const char* text = NULL
    cdef Py_ssize_t n = 0, length = 0
    cdef bint wide = False
    if unlikely(not take(c, b"[", 1)):
        return False
    if take(c, b"]", 1):
        found[0] = 0
        return True
    while n < MOST_LEVELS:
        if unlikely(
            not take(c, b"[", 1) or take_quoted(c, price_exponent, &out[n].price_e) != NUMBER_OK
            or not take(c, b",", 1) or take_quoted(c, qty_exponent, &out[n].qty_e) != NUMBER_OK
            or not take(c, b",", 1) or not take_text(c, &text, &length, &wide) or wide
            or not take(c, b"]", 1) or out[n].price_e < 0 or out[n].qty_e < 0
        ):
            return False
        n += 1
        if take(c, b"]", 1):
            found[0] = n
            return True
        if unlikely(not take(c, b",", 1)):
            return False
    return False


cdef inline bint take_side(
    Cursor* c, CadenzaCodec codec, const char* start, BookMessage* m, Level* out, Py_ssize_t* found
) noexcept nogil:
    cdef FeedC* feed = m.slot.feed
    if unlikely(m.columns == 3):
        return take_counted(c, feed.price_exponent, feed.qty_exponent, out, found)
    return take_levels(
        c, start, feed.price_exponent, feed.qty_exponent, out, MOST_LEVELS, found, codec.quick
    ) == NUMBER_OK


# `"columns":["price","quantity"]`, with one more of any name behind them; before the levels, else they were two.
cdef bint take_columns(Cursor* c, BookMessage* m) noexcept nogil:
    cdef const char* text = NULL
    cdef Py_ssize_t length = 0
    cdef bint wide = False
    if unlikely(not take(c, b'["price","quantity"', 19)):
        return False
    m.columns = 2
    if take(c, b",", 1):
        if unlikely(
            not take_text(c, &text, &length, &wide) or wide or same(text, length, b"price", 5)
            or same(text, length, b"quantity", 8)
        ):
            return False
        m.columns = 3
    return take(c, b"]", 1) and (m.columns == 2 or not m.told & (TOLD_BIDS | TOLD_ASKS))


cdef bint take_word(Cursor* c, BookMessage* m, const char* key, Py_ssize_t length) noexcept nogil:
    cdef const char* text = NULL
    cdef Py_ssize_t size = 0
    cdef bint wide = False
    if unlikely(not take_text(c, &text, &size, &wide) or wide):
        return False
    if same(key, length, b"updateType", 10):
        if m.told & TOLD_TYPE:
            return False
        m.told |= TOLD_TYPE
        if same(text, size, b"DIFF", 4):
            m.kind = CHANGE
            return True
        return same(text, size, b"SNAPSHOT", 8)
    if same(key, length, b"orderBookType", 13):
        if m.told & TOLD_LEVELS:
            return False
        m.told |= TOLD_LEVELS
        return same(text, size, b"L2", 2) or same(text, size, b"L2_COUNTED", 10)
    # Of who the channel is of already; other words might mean something.
    return (
        same(key, length, b"instrumentId", 12) or same(key, length, b"venue", 5) or same(key, length, b"symbol", 6)
    )


cdef inline bint take_stamp(Cursor* c, int64_t* venue_ns) noexcept nogil:
    cdef int64_t stamp_ms = 0
    if unlikely(not take_milliseconds(c, &stamp_ms) and take_integer(c, &stamp_ms) != NUMBER_OK):
        return False
    venue_ns[0] = stamp_ms * 1000000
    return stamp_ms <= <int64_t>(MAX_VALUE // 1000000)


cdef inline bint take_member(Cursor* c, CadenzaCodec codec, const char* start, BookMessage* m) noexcept nogil:
    cdef const char* key = NULL
    cdef Py_ssize_t length = 0
    cdef bint wide = False
    if unlikely(not take_text(c, &key, &length, &wide) or wide or not take(c, b":", 1) or c.p >= c.end):
        return False
    if c.p[0] == c'[':
        if length == 4 and memcmp(key, b"bids", 4) == 0 and not m.told & TOLD_BIDS:
            m.told |= TOLD_BIDS
            return take_side(c, codec, start, m, codec.bids, &m.bids)
        if length == 4 and memcmp(key, b"asks", 4) == 0 and not m.told & TOLD_ASKS:
            m.told |= TOLD_ASKS
            return take_side(c, codec, start, m, codec.asks, &m.asks)
        if same(key, length, b"columns", 7) and not m.told & TOLD_COLUMNS:
            m.told |= TOLD_COLUMNS
            return take_columns(c, m)
        return False
    if c.p[0] == c'"':
        return take_word(c, m, key, length)
    if not same(key, length, b"timestamp", 9) or m.told & TOLD_TIME:
        return False
    m.told |= TOLD_TIME
    return take_stamp(c, &m.venue_ns)


cdef inline bint take_data(Cursor* c, CadenzaCodec codec, const char* start, BookMessage* m) noexcept nogil:
    if unlikely(m.told & TOLD_DATA or not take(c, b"{", 1)):
        return False
    while True:
        if unlikely(not take_member(c, codec, start, m)):
            return False
        if take(c, b"}", 1):
            break
        if unlikely(not take(c, b",", 1)):
            return False
    m.told |= TOLD_DATA
    return m.told & (TOLD_BIDS | TOLD_ASKS | TOLD_TIME) == TOLD_BIDS | TOLD_ASKS | TOLD_TIME


# Which of a trade's values a key names; 0: none of them. `data` and `trades` are around trades, and have no place here.
cdef inline uint32_t named(const char* key, Py_ssize_t length) noexcept nogil:
    if same(key, length, b"price", 5) or same(key, length, b"executedPrice", 13):
        return TOLD_PRICE
    if (
        same(key, length, b"quantity", 8) or same(key, length, b"executedQuantity", 16)
        or same(key, length, b"size", 4) or same(key, length, b"amount", 6)
    ):
        return TOLD_QTY
    if same(key, length, b"side", 4) or same(key, length, b"orderSide", 9):
        return TOLD_SIDE
    if (
        same(key, length, b"timestamp", 9) or same(key, length, b"executedAt", 10) or same(key, length, b"time", 4)
    ):
        return TOLD_STAMP
    return 0


cdef inline bint take_trade_side(Cursor* c, int64_t* side) noexcept nogil:
    if take(c, b'"BUY"', 5) or take(c, b'"buy"', 5):
        side[0] = SIDE_BUY
        return True
    side[0] = SIDE_SELL
    return take(c, b'"SELL"', 6) or take(c, b'"sell"', 6)


# One trade: each of its values once, by whichever name; other keys have texts and numbers.
cdef inline bint take_trade(Cursor* c, const FeedC* feed, TradeRow* row) noexcept nogil:
    cdef const char* key = NULL
    cdef const char* text = NULL
    cdef Py_ssize_t length = 0, size = 0
    cdef int64_t ignored = 0
    cdef uint32_t told = 0, name
    cdef bint wide = False
    if unlikely(not take(c, b"{", 1)):
        return False
    while True:
        if unlikely(not take_text(c, &key, &length, &wide) or wide or not take(c, b":", 1) or c.p >= c.end):
            return False
        name = named(key, length)
        if unlikely(name & told):
            return False
        told |= name
        if name == TOLD_PRICE:
            if unlikely(take_quoted(c, feed.price_exponent, &row.price_e) != NUMBER_OK or row.price_e < 0):
                return False
        elif name == TOLD_QTY:
            if unlikely(take_quoted(c, feed.qty_exponent, &row.qty_e) != NUMBER_OK or row.qty_e < 0):
                return False
        elif name == TOLD_SIDE:
            if unlikely(not take_trade_side(c, &row.side)):
                return False
        elif name == TOLD_STAMP:
            if unlikely(not take_stamp(c, &row.venue_ns)):
                return False
        elif unlikely(
            same(key, length, b"data", 4) or same(key, length, b"trades", 6)
            or (not (take_text(c, &text, &size, &wide) and not wide) and take_integer(c, &ignored) != NUMBER_OK)
        ):
            return False
        if take(c, b"}", 1):
            return told == TOLD_TRADE
        if unlikely(not take(c, b",", 1)):
            return False


cdef bint take_trades(Cursor* c, CadenzaCodec codec, BookMessage* m) noexcept nogil:
    cdef TradeRow* rows = <TradeRow*>codec.asks
    cdef bint listed = take(c, b"[", 1)
    if unlikely(m.told & TOLD_DATA):
        return False
    m.told |= TOLD_DATA
    while m.trades < MOST_TRADES:
        if unlikely(not take_trade(c, m.slot.feed, rows + m.trades)):
            return False
        m.trades += 1
        if not listed or take(c, b"]", 1):
            return True
        if unlikely(not take(c, b",", 1)):
            return False
    return False


# `"data"` and `"offset"` in any order, and the time of publishing, which is nobody's.
cdef inline bint take_publication(Cursor* c, CadenzaCodec codec, const char* start, BookMessage* m) noexcept nogil:
    cdef int64_t ignored = 0
    while True:
        if likely(take(c, b'"data":', 7)):
            if unlikely(not (take_trades(c, codec, m) if m.kind == TRADES else take_data(c, codec, start, m))):
                return False
        elif take(c, b'"offset":', 9):
            if unlikely(m.told & TOLD_OFFSET or take_integer(c, &m.offset) != NUMBER_OK):
                return False
            m.told |= TOLD_OFFSET
        elif unlikely(not take(c, b'"time":', 7) or take_integer(c, &ignored) != NUMBER_OK):
            return False
        if take(c, b"}", 1):
            break
        if unlikely(not take(c, b",", 1)):
            return False
    return (m.told & TOLD_DATA) != 0


# One line, its levels in the codec's memory.
cdef inline bint take_line(CadenzaCodec codec, const char* line, Py_ssize_t length, BookMessage* m) noexcept nogil:
    cdef Cursor c
    cdef const char* text = NULL
    cdef Py_ssize_t size = 0, head
    cdef bint wide = False
    memset(m, 0, sizeof(BookMessage))
    c.p = line
    c.end = line + length
    if unlikely(
        length < SHORTEST or not (take(&c, b'{"push":{"channel":', 19) or take(&c, b'{"id":0,"push":{"channel":', 26))
        or not take_text(&c, &text, &size, &wide)
    ):
        return False
    if size > 17 and (memcmp(text, b"market:orderbook:", 17) == 0 or memcmp(text, b"market:orderBook:", 17) == 0):
        head = 17
    elif size > 13 and memcmp(text, b"market:trade:", 13) == 0:
        m.kind, head = TRADES, 13
    else:
        return False
    m.slot = find_slot(codec.slots, codec.mask, text + head, size - head)
    return (
        m.slot != NULL and take(&c, b',"pub":{', 8) and take_publication(&c, codec, line, m)
        and take(&c, b"}}", 2) and c.p == c.end and m.offset <= <int64_t>(MAX_VALUE >> 10)
    )


# --- giving -----------------------------------------------------------------------------------------------------------

cdef inline void put_head(
    RecordHeader* record, const BookMessage* m, int64_t number, int64_t recv_ns, uint16_t line, Py_ssize_t bids,
    Py_ssize_t asks,
) noexcept nogil:
    cdef BookDeltaBody* body = <BookDeltaBody*>(record + 1)
    record.venue_ns = m.venue_ns
    record.recv_ns = recv_ns
    record.update_id = number
    record.line = line
    body.first_id = number
    body.prev_id = m.offset - 1 if m.offset > 0 else 0
    body.transaction_ns = m.venue_ns
    body.bids = <uint32_t>bids
    body.asks = <uint32_t>asks


# What the channel's last publication said of this one's place; the book is asked for its own by `feed_depth`.
cdef inline bint follows(const FeedC* feed, const BookMessage* m) noexcept nogil:
    cdef int64_t stood = feed.stood[KIND_BOOK]
    if m.offset:
        return stood > 0 and m.offset == stood and feed.last_id == m.offset - 1
    return stood == UNNUMBERED


cdef inline int give(CadenzaCodec codec, const BookMessage* m, int64_t recv_ns, uint16_t line) noexcept nogil:
    cdef FeedC* feed = m.slot.feed
    cdef RecordHeader* record
    cdef Py_ssize_t bids = m.bids, asks = m.asks
    cdef int64_t number = m.offset if m.offset else feed.last_id + 1
    if m.kind == TRADES:
        return give_trades(codec, m, recv_ns, line)
    if unlikely(
        not follows(feed, m) or feed.state[KIND_BOOK] != STATE_LIVE or line >= MAX_LINES or m.venue_ns < feed.venue_ns
    ):
        return VERDICT_RARE
    if likely(m.kind == CHANGE):
        record = claim_levels(feed, bids + asks)
    else:  # a whole book is told as what it changes of the one before
        record = claim_difference(codec, feed, &bids, &asks)
    if unlikely(record == NULL):
        return VERDICT_RARE
    if likely(m.kind == CHANGE):
        put_levels(codec, bids, asks, levels_of(record))
    put_head(record, m, number, recv_ns, line, bids, asks)
    if unlikely(feed_depth(feed, record) == VERDICT_RARE):
        return VERDICT_RARE
    if m.offset:
        feed.stood[KIND_BOOK] = m.offset + 1
    if m.kind == WHOLE:
        add(&feed.stats.snapshots)
        count(feed.counters, COUNT_SNAPSHOTS)
    return HANDLED


# The venue numbers no trades: the publication's offset and the place in it tell them apart, else they are counted.
cdef inline int give_trades(CadenzaCodec codec, const BookMessage* m, int64_t recv_ns, uint16_t line) noexcept nogil:
    cdef FeedC* feed = m.slot.feed
    cdef TradeRow* rows = <TradeRow*>codec.asks
    cdef int64_t stood = feed.stood[KIND_TRADE], number
    cdef Py_ssize_t place
    if unlikely(line >= MAX_LINES or (stood != m.offset if m.offset else stood != UNNUMBERED)):
        return VERDICT_RARE
    for place in range(m.trades):
        number = m.offset << PLACE_BITS | place if m.offset else next_trade_number(feed)
        give_trade(feed, rows + place, number, recv_ns, line)
    if m.offset:
        feed.stood[KIND_TRADE] = m.offset + 1
    return HANDLED


# --- the codec --------------------------------------------------------------------------------------------------------

@cython.final
cdef class CadenzaCodec(SidesCodec):
    """The compiled codec of Cadenza's book channels."""

    cdef int decode_frame(self, const char* frame, Py_ssize_t length, int64_t recv_ns, uint16_t line) noexcept nogil:
        cdef BookMessage m
        cdef const char* p = frame
        cdef const char* end = frame + length
        cdef const char* stop
        self.taken = 0
        while p < end:
            stop = <const char*>memchr(p, c'\n', end - p)
            if stop == NULL:
                stop = end
            if unlikely(not take_line(self, p, stop - p, &m) or give(self, &m, recv_ns, line) == VERDICT_RARE):
                self.taken = p - frame
                count(self.counters, COUNT_FALLBACK)
                return RARE
            count(self.counters, COUNT_FAST)
            p = stop + 1
        return HANDLED

    cdef int read_depth(
        self, const char* frame, Py_ssize_t length, int64_t recv_ns, uint16_t line, DepthC* out
    ) noexcept nogil:
        cdef BookMessage m
        if not take_line(self, frame, length, &m) or m.kind != CHANGE:
            return RARE
        put_head(out.record, &m, m.offset, recv_ns, line, m.bids, m.asks)
        put_levels(self, m.bids, m.asks, out.levels)
        out.symbol = m.slot.symbol
        out.symbol_length = m.slot.length
        return HANDLED

    cdef int read_book(self, const char* frame, Py_ssize_t length, SnapshotC* out) noexcept nogil:
        cdef BookMessage m
        if not take_line(self, frame, length, &m) or m.kind != WHOLE:
            return RARE
        if not in_order(self.bids, m.bids, True) or not in_order(self.asks, m.asks, False):
            return RARE
        put_levels(self, m.bids, m.asks, out.levels)
        out.bids, out.asks = m.bids, m.asks
        out.last_id, out.venue_ns, out.depth = m.offset, m.venue_ns, 0
        out.symbol = m.slot.symbol
        out.symbol_length = m.slot.length
        return HANDLED
