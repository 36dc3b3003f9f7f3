"""Binance USD-M market messages, from the bytes of a frame straight into a claimed ring record.

Taken here: depthUpdate, bookTicker, trade, aggTrade and markPriceUpdate, wrapped (``{"stream":…,"data":…}``) or raw, as
the venue has written them from 2021 to 2026: no blanks, ``e`` first, the symbol before the numbers it scales, the
other keys in any order. Everything else is RARE and left to ``connector.venues.binance_usdm.market``; both say the
same of every frame that is taken here.
"""
cimport cython
from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memset

from .atomics cimport likely, unlikely
from .codec cimport HANDLED, RARE, Codec, FeedSlot, find_slot
from .counters cimport COUNT_FALLBACK, COUNT_FAST, count
from .feed cimport (
    VERDICT_APPLIED, VERDICT_RARE, FeedC, feed_bbo, feed_depth, feed_mark_price, feed_trade,
)
from .layout cimport (
    CONNECTOR_ABSENT, SIDE_BUY, SIDE_SELL, BboBody, BookDeltaBody, Level, MarkPriceBody, RecordHeader, TradeBody,
)
from .ring cimport ring_claim
from .scan cimport (
    NUMBER_OK, PAIR_BYTES, Cursor, quick_pair, take, take_integer, take_levels, take_milliseconds, take_quoted,
    take_text,
)
from .snapshot cimport DepthC, SnapshotC

cdef enum:
    NS_PER_MS = 1000000
    ORIGIN_MARKET = 1
    LEVEL_TEXT = 10               # bytes of the shortest level with its comma, `["1","1"],`

# The key after a comma as its bytes: "u" is 117, "pu" is 112 << 8 | 117. 0: the object ended. -1: neither.
cdef inline int next_key(Cursor* c) noexcept nogil:
    cdef const char* p = c.p
    if likely(c.end - p >= 6 and p[0] == c','):
        if p[1] == c'"' and p[3] == c'"' and p[4] == c':':
            c.p = p + 5
            return <unsigned char>p[2]
        if p[1] == c'"' and p[4] == c'"' and p[5] == c':' and p[2] != 0:
            c.p = p + 6
            return (<unsigned char>p[2] << 8) | <unsigned char>p[3]
        return -1
    if c.end > p and p[0] == c'}':
        c.p = p + 1
        return 0
    return -1


# Marks a key as seen; False when it had been.
cdef inline bint first_time(Message* m, uint32_t key) noexcept nogil:
    if unlikely(m.seen & key):
        return False
    m.seen |= key
    return True


cdef inline bint take_stamp(Cursor* c, int64_t* ms) noexcept nogil:
    if unlikely(not take_milliseconds(c, ms) and take_integer(c, ms) != NUMBER_OK):
        return False
    return ms[0] <= (<int64_t>0x7FFFFFFFFFFFFFFF) // NS_PER_MS


cdef inline bint take_symbol(Message* m) noexcept nogil:
    cdef const char* text = NULL
    cdef Py_ssize_t length = 0
    cdef bint wide = False
    if unlikely(not take_text(&m.c, &text, &length, &wide)):
        return False
    m.slot = find_slot(m.slots, m.mask, text, length)
    return m.slot != NULL


# The pair says nothing the symbol does not; but it has to be text.
cdef inline bint take_pair(Message* m) noexcept nogil:
    cdef const char* text = NULL
    cdef Py_ssize_t length = 0
    cdef bint wide = False
    if unlikely(not take_text(&m.c, &text, &length, &wide)):
        return False
    return not wide or (
        m.slot != NULL and m.slot.length == length and memcmp(m.slot.symbol, text, length) == 0
    )


# The keys every event has; -1 for another one, else whether its value was understood.
cdef inline int take_common(Message* m, int key) noexcept nogil:
    cdef int64_t number = 0
    if key == c'E':
        return first_time(m, KEY_E) and take_stamp(&m.c, &m.event_ms)
    if key == c'T':
        return first_time(m, KEY_T) and take_stamp(&m.c, &m.transaction_ms)
    if key == c's':
        return first_time(m, KEY_S) and take_symbol(m)
    if key == (c'p' << 8 | c's'):
        return first_time(m, KEY_PS) and take_pair(m)
    if key == (c's' << 8 | c't'):
        # COIN-M streams carry symbols of their own; an equal name would be another instrument.
        return first_time(m, KEY_ST) and take_integer(&m.c, &number) == NUMBER_OK and number == 1
    return -1


# A number whose scale is the symbol's.
cdef inline bint take_price(Message* m, uint32_t key, int64_t* out) noexcept nogil:
    return (
        m.slot != NULL and first_time(m, key)
        and take_quoted(&m.c, m.slot.feed.price_exponent, out) == NUMBER_OK and out[0] >= 0
    )


cdef inline bint take_qty(Message* m, uint32_t key, int64_t* out) noexcept nogil:
    return (
        m.slot != NULL and first_time(m, key)
        and take_quoted(&m.c, m.slot.feed.qty_exponent, out) == NUMBER_OK and out[0] >= 0
    )


cdef inline bint take_number(Message* m, uint32_t key, int64_t* out) noexcept nogil:
    return first_time(m, key) and take_integer(&m.c, out) == NUMBER_OK


# Mark prices and rates; `""` is how the venue writes that there is none.
cdef inline bint take_mark(Message* m, uint32_t key, int exponent, int64_t* out) noexcept nogil:
    if unlikely(not first_time(m, key)):
        return False
    if unlikely(take(&m.c, b'""', 2)):
        out[0] = CONNECTOR_ABSENT
        return key != KEY_PRICE
    return take_quoted(&m.c, exponent, out) == NUMBER_OK


# True when every needed key was there and the frame ends here, the wrapping object's brace included.
cdef inline bint complete(Message* m, uint32_t needs) noexcept nogil:
    if unlikely((m.seen & needs) != needs):
        return False
    if m.stream != NULL:
        if unlikely(not take(&m.c, b"}", 1)):
            return False
        if unlikely(m.stream_wide) and not (
            m.stream_length >= m.slot.prefix_length
            and memcmp(m.stream, m.slot.prefix, m.slot.prefix_length) == 0
            and not has_wide(m.stream + m.slot.prefix_length, m.stream_length - m.slot.prefix_length)
        ):
            return False
    return m.c.p == m.c.end


cdef bint has_wide(const char* text, Py_ssize_t length) noexcept nogil:
    cdef Py_ssize_t index
    for index in range(length):
        if <unsigned char>text[index] >= 128:
            return True
    return False


cdef inline void stamp(Message* m, RecordHeader* record, int64_t update_id) noexcept nogil:
    record.venue_ns = m.event_ms * NS_PER_MS
    record.recv_ns = m.recv_ns
    record.update_id = update_id
    record.line = m.line


# Whether a wrapped depthUpdate is of the diff stream: `@depth20` brings a whole top each time and `@rpiDepth` other
# orders, neither may change the book.
cdef inline bint diff_stream(const Message* m) noexcept nogil:
    cdef const char* p = m.stream
    cdef const char* end = m.stream + m.stream_length
    if p == NULL:
        return True
    while p < end and p[0] != c'@':
        p += 1
    p += 1
    return end - p >= 5 and memcmp(p, b"depth", 5) == 0 and (end - p == 5 or p[5] == c'@')


cdef int take_depth(Message* m) noexcept nogil:
    cdef RecordHeader* record = NULL
    cdef BookDeltaBody* body
    cdef Level* levels = NULL
    cdef Py_ssize_t most = (m.c.end - m.c.p) // LEVEL_TEXT + 1
    cdef Py_ssize_t bids = 0, asks = 0
    cdef int64_t first_id = 0, last_id = 0, prev_id = 0
    cdef FeedC* feed = NULL
    cdef int key, found
    if unlikely(not diff_stream(m)):
        return VERDICT_RARE
    while True:
        key = next_key(&m.c)
        if key == c'b':
            if unlikely(m.slot == NULL or m.seen & (KEY_BIDS | KEY_ASKS)):
                return VERDICT_RARE
            m.seen |= KEY_BIDS
            feed = m.slot.feed
            if unlikely(m.kept != NULL):
                record = m.kept
            else:
                record = ring_claim(feed.ring, sizeof(RecordHeader) + sizeof(BookDeltaBody) + most * sizeof(Level))
            if unlikely(record == NULL):
                return VERDICT_RARE
            levels = <Level*>(<char*>record + sizeof(RecordHeader) + sizeof(BookDeltaBody))
            if unlikely(take_levels(
                &m.c, m.start, feed.price_exponent, feed.qty_exponent, levels, most, &bids, m.quick
            ) != NUMBER_OK):
                return VERDICT_RARE
        elif key == c'a':
            if unlikely(record == NULL or not first_time(m, KEY_ASKS)):
                return VERDICT_RARE
            if unlikely(take_levels(
                &m.c, m.start, feed.price_exponent, feed.qty_exponent, levels + bids, most - bids, &asks, m.quick
            ) != NUMBER_OK):
                return VERDICT_RARE
        elif key == c'u':
            if unlikely(not take_number(m, KEY_U, &last_id)):
                return VERDICT_RARE
        elif key == c'U':
            if unlikely(not take_number(m, KEY_FIRST, &first_id)):
                return VERDICT_RARE
        elif key == (c'p' << 8 | c'u'):
            if unlikely(not take_number(m, KEY_PREVIOUS, &prev_id)):
                return VERDICT_RARE
        elif key == 0:
            break
        else:
            found = take_common(m, key)
            if unlikely(found != 1):
                return VERDICT_RARE
    if unlikely(not complete(m, DEPTH_NEEDS)):
        return VERDICT_RARE
    stamp(m, record, last_id)
    body = <BookDeltaBody*>(<char*>record + sizeof(RecordHeader))
    body.first_id = first_id
    body.prev_id = prev_id
    body.transaction_ns = m.transaction_ms * NS_PER_MS
    body.bids = <uint32_t>bids
    body.asks = <uint32_t>asks
    if unlikely(m.kept != NULL):
        return VERDICT_APPLIED
    return feed_depth(feed, record)


# --- the usual order of keys ------------------------------------------------------------------------------------------
# Each reads a message's keys in the order the venue has always written them, straight down, and then moves the message's
# cursor; at anything else nothing has changed and the loop that knows every order decides.

cdef inline FeedSlot* usual_symbol(Cursor* c, const Message* m) noexcept nogil:
    cdef const char* text = NULL
    cdef Py_ssize_t length = 0
    cdef bint wide = False
    if unlikely(not take_text(c, &text, &length, &wide)):
        return NULL
    return find_slot(m.slots, m.mask, text, length)


# Since 2026 the pair follows the symbol; False when it is not plain text.
cdef inline bint usual_pair_name(Cursor* c, uint32_t* seen) noexcept nogil:
    cdef const char* text = NULL
    cdef Py_ssize_t length = 0
    cdef bint wide = False
    if not take(c, b',"ps":', 6):
        return True
    seen[0] |= KEY_PS
    return take_text(c, &text, &length, &wide) and not wide


# Two quoted numbers; `between` is what stands from the first one's last quote to the second one's first.
cdef inline bint usual_numbers(
    Cursor* c, const char* between, const FeedC* feed, int64_t* price_e, int64_t* qty_e
) noexcept nogil:
    cdef Py_ssize_t length
    if unlikely(c.end - c.p < PAIR_BYTES):
        return False
    length = quick_pair(c.p - 1, between, feed.price_exponent, feed.qty_exponent, price_e, qty_e)
    c.p += length - 1
    return length != 0


cdef inline bint usual_book_ticker(Message* m, int64_t* update_id, BboBody* out) noexcept nogil:
    cdef Cursor c = m.c
    cdef FeedSlot* slot
    cdef int64_t event_ms = 0, transaction_ms = 0
    cdef uint32_t seen = BBO_NEEDS
    if unlikely(
        not m.quick or not take(&c, b',"u":', 5) or take_integer(&c, update_id) != NUMBER_OK
        or not take(&c, b',"s":', 5)
    ):
        return False
    slot = usual_symbol(&c, m)
    if unlikely(
        slot == NULL
        or not usual_pair_name(&c, &seen)
        or not take(&c, b',"b":', 5)
        or not usual_numbers(&c, b'","B":"', slot.feed, &out.bid_price_e, &out.bid_qty_e)
        or not take(&c, b',"a":', 5)
        or not usual_numbers(&c, b'","A":"', slot.feed, &out.ask_price_e, &out.ask_qty_e)
        or not take(&c, b',"T":', 5) or not take_stamp(&c, &transaction_ms)
        or not take(&c, b',"E":', 5) or not take_stamp(&c, &event_ms)
    ):
        return False
    m.slot = slot
    m.event_ms = event_ms
    m.transaction_ms = transaction_ms
    m.seen = seen
    m.c.p = c.p
    return True


cdef int take_book_ticker(Message* m) noexcept nogil:
    cdef RecordHeader* record
    cdef BboBody* body
    cdef BboBody read
    cdef int64_t update_id = 0
    cdef int key
    cdef bint found
    memset(&read, 0, sizeof(BboBody))
    usual_book_ticker(m, &update_id, &read)
    while True:
        key = next_key(&m.c)
        if likely(key == 0):
            break
        if key == c'b':
            found = take_price(m, KEY_BIDS, &read.bid_price_e)
        elif key == c'B':
            found = take_qty(m, KEY_BID_QTY, &read.bid_qty_e)
        elif key == c'a':
            found = take_price(m, KEY_ASKS, &read.ask_price_e)
        elif key == c'A':
            found = take_qty(m, KEY_ASK_QTY, &read.ask_qty_e)
        elif key == c'u':
            found = take_number(m, KEY_U, &update_id)
        else:
            found = take_common(m, key) == 1
        if unlikely(not found):
            return VERDICT_RARE
    if unlikely(not complete(m, BBO_NEEDS)):
        return VERDICT_RARE
    record = ring_claim(m.slot.feed.ring, sizeof(RecordHeader) + sizeof(BboBody))
    if unlikely(record == NULL):
        return VERDICT_RARE
    stamp(m, record, update_id)
    body = <BboBody*>(<char*>record + sizeof(RecordHeader))
    body[0] = read
    body.transaction_ns = m.transaction_ms * NS_PER_MS
    return feed_bbo(m.slot.feed, record)


cdef inline bint take_maker(Message* m, bint* buyer_is_maker) noexcept nogil:
    if unlikely(not first_time(m, KEY_MAKER)):
        return False
    buyer_is_maker[0] = take(&m.c, b"true", 4)
    return buyer_is_maker[0] or take(&m.c, b"false", 5)


# A trade up to its origin; the order of an aggTrade is another.
cdef inline bint usual_trade(Message* m, int64_t* trade_id, int64_t* price_e, int64_t* qty_e) noexcept nogil:
    cdef Cursor c = m.c
    cdef FeedSlot* slot
    cdef int64_t event_ms = 0, transaction_ms = 0
    if unlikely(
        not m.quick
        or not take(&c, b',"E":', 5) or not take_stamp(&c, &event_ms)
        or not take(&c, b',"T":', 5) or not take_stamp(&c, &transaction_ms)
        or not take(&c, b',"s":', 5)
    ):
        return False
    slot = usual_symbol(&c, m)
    if unlikely(
        slot == NULL
        or not take(&c, b',"t":', 5) or take_integer(&c, trade_id) != NUMBER_OK
        or not take(&c, b',"p":', 5) or not usual_numbers(&c, b'","q":"', slot.feed, price_e, qty_e)
    ):
        return False
    m.slot = slot
    m.event_ms = event_ms
    m.transaction_ms = transaction_ms
    m.seen = KEY_E | KEY_T | KEY_S | KEY_ID | KEY_PRICE | KEY_QTY
    if likely(take(&c, b',"X":"MARKET"', 13)):
        m.seen |= KEY_ORIGIN
    m.c.p = c.p
    return True


# trade and aggTrade: "a" and "t" are their ids; only a trade has "X", only an aggTrade "f", "l" and "nq".
cdef inline int take_any_trade(Message* m, bint aggregate) noexcept nogil:
    cdef RecordHeader* record
    cdef TradeBody* body
    cdef int64_t trade_id = 0, first_id = 0, last_id = 0, price_e = 0, qty_e = 0, normal_qty_e = 0
    cdef bint buyer_is_maker = False
    cdef int key
    cdef bint found
    if not aggregate:
        usual_trade(m, &trade_id, &price_e, &qty_e)
    while True:
        key = next_key(&m.c)
        if key == c'p':
            found = take_price(m, KEY_PRICE, &price_e)
        elif key == c'q':
            found = take_qty(m, KEY_QTY, &qty_e)
        elif key == c'm':
            found = take_maker(m, &buyer_is_maker)
        elif key == (c'a' if aggregate else c't'):
            found = take_number(m, KEY_ID, &trade_id)
        elif aggregate and key == c'f':
            found = take_number(m, KEY_FIRST, &first_id)
        elif aggregate and key == c'l':
            found = take_number(m, KEY_PREVIOUS, &last_id)
        elif aggregate and key == (c'n' << 8 | c'q'):
            found = take_qty(m, KEY_NORMAL_QTY, &normal_qty_e)
        elif not aggregate and key == c'X':
            # INSURANCE_FUND, NA and whatever comes next are not market prices: the rare path flags them.
            found = first_time(m, KEY_ORIGIN) and take(&m.c, b'"MARKET"', 8)
        elif key == 0:
            break
        else:
            found = take_common(m, key) == 1
        if unlikely(not found):
            return VERDICT_RARE
    if unlikely(not complete(m, AGG_TRADE_NEEDS if aggregate else TRADE_NEEDS)):
        return VERDICT_RARE
    record = ring_claim(m.slot.feed.ring, sizeof(RecordHeader) + sizeof(TradeBody))
    if unlikely(record == NULL):
        return VERDICT_RARE
    stamp(m, record, trade_id)
    body = <TradeBody*>(<char*>record + sizeof(RecordHeader))
    memset(body, 0, sizeof(TradeBody))
    body.price_e = price_e
    body.qty_e = qty_e
    body.normal_qty_e = normal_qty_e if m.seen & KEY_NORMAL_QTY else qty_e
    body.first_trade_id = first_id if aggregate else trade_id
    body.last_trade_id = last_id if aggregate else trade_id
    body.transaction_ns = m.transaction_ms * NS_PER_MS
    body.side = SIDE_SELL if buyer_is_maker else SIDE_BUY
    body.aggregate = aggregate
    body.origin = ORIGIN_MARKET
    return feed_trade(m.slot.feed, record)


cdef int take_trade(Message* m) noexcept nogil:
    return take_any_trade(m, False)


cdef int take_agg_trade(Message* m) noexcept nogil:
    return take_any_trade(m, True)


cdef int take_mark_price(Message* m) noexcept nogil:
    cdef RecordHeader* record
    cdef MarkPriceBody* body
    cdef FeedC* feed = NULL
    cdef int64_t mark_e = CONNECTOR_ABSENT, index_e = CONNECTOR_ABSENT, settle_e = CONNECTOR_ABSENT
    cdef int64_t average_e = CONNECTOR_ABSENT, rate_e = CONNECTOR_ABSENT
    cdef int key
    cdef bint found
    while True:
        key = next_key(&m.c)
        if key == 0:
            break
        if m.slot == NULL or key == c'E' or key == c'T':
            found = take_common(m, key) == 1
        elif key == c'p':
            found = take_mark(m, KEY_PRICE, m.slot.feed.mark_exponent, &mark_e)
        elif key == c'P':
            found = take_mark(m, KEY_SETTLE, m.slot.feed.mark_exponent, &settle_e)
        elif key == c'i':
            found = take_mark(m, KEY_INDEX, m.slot.feed.mark_exponent, &index_e)
        elif key == (c'a' << 8 | c'p'):
            found = take_mark(m, KEY_AVERAGE, m.slot.feed.mark_exponent, &average_e)
        elif key == c'r':
            found = take_mark(m, KEY_RATE, m.slot.feed.rate_exponent, &rate_e)
        else:
            found = take_common(m, key) == 1
        if unlikely(not found):
            return VERDICT_RARE
    if unlikely(not complete(m, MARK_PRICE_NEEDS)):
        return VERDICT_RARE
    feed = m.slot.feed
    record = ring_claim(feed.ring, sizeof(RecordHeader) + sizeof(MarkPriceBody))
    if unlikely(record == NULL):
        return VERDICT_RARE
    stamp(m, record, 0)
    body = <MarkPriceBody*>(<char*>record + sizeof(RecordHeader))
    memset(body, 0, sizeof(MarkPriceBody))
    body.mark_e = mark_e
    body.index_e = index_e
    body.settle_e = settle_e
    body.average_e = average_e
    body.rate_e = rate_e
    body.next_funding_ns = m.transaction_ms * NS_PER_MS
    return feed_mark_price(feed, record)


cdef inline int take_message(Message* m) noexcept nogil:
    if take(&m.c, b'{"stream":', 10):
        if unlikely(
            not take_text(&m.c, &m.stream, &m.stream_length, &m.stream_wide)
            or not take(&m.c, b',"data":', 8)
        ):
            return VERDICT_RARE
    if unlikely(not take(&m.c, b'{"e":"', 6)):
        return VERDICT_RARE
    if take(&m.c, b'depthUpdate"', 12):
        return take_depth(m)
    if unlikely(m.kept != NULL):
        return VERDICT_RARE
    if take(&m.c, b'bookTicker"', 11):
        return take_book_ticker(m)
    if take(&m.c, b'trade"', 6):
        return take_trade(m)
    if take(&m.c, b'aggTrade"', 9):
        return take_agg_trade(m)
    if take(&m.c, b'markPriceUpdate"', 16):
        return take_mark_price(m)
    return VERDICT_RARE


cdef inline void begin(
    Message* m, BinanceUsdmCodec codec, const char* frame, Py_ssize_t length, int64_t recv_ns, uint16_t line
) noexcept nogil:
    m.c.p = m.start = frame
    m.c.end = frame + length
    m.stream = NULL
    m.stream_length = 0
    m.stream_wide = False
    m.slots = codec.slots
    m.mask = codec.mask
    m.slot = NULL
    m.seen = 0
    m.recv_ns = recv_ns
    m.line = line
    m.quick = codec.quick
    m.kept = NULL


# `{"lastUpdateId":…,"E":…,"T":…,"bids":[…],"asks":[…]}`, E and T not on every market; any other spelling is left to
# the msgspec decoder.
cdef inline bint take_depth_answer(
    Cursor* c, int price_exponent, int qty_exponent, bint quick, SnapshotC* out
) noexcept nogil:
    cdef const char* start = c.p
    cdef int64_t ms = 0
    if not take(c, b'{"lastUpdateId":', 16) or take_integer(c, &out.last_id) != NUMBER_OK:
        return False
    out.venue_ns = CONNECTOR_ABSENT
    if take(c, b',"E":', 5):
        if not take_stamp(c, &ms):
            return False
        out.venue_ns = ms * NS_PER_MS
    if take(c, b',"T":', 5) and not take_stamp(c, &ms):
        return False
    if not take(c, b',"bids":', 8) or take_levels(
        c, start, price_exponent, qty_exponent, out.levels, out.most, &out.bids, quick
    ) != NUMBER_OK:
        return False
    if not take(c, b',"asks":', 8) or take_levels(
        c, start, price_exponent, qty_exponent, out.levels + out.bids, out.most - out.bids, &out.asks, quick
    ) != NUMBER_OK:
        return False
    return take(c, b"}", 1) and c.p == c.end


@cython.final
cdef class BinanceUsdmCodec(Codec):
    """The compiled codec of Binance USD-M market streams."""

    cdef int decode_frame(self, const char* frame, Py_ssize_t length, int64_t recv_ns, uint16_t line) noexcept nogil:
        cdef Message m
        begin(&m, self, frame, length, recv_ns, line)
        if unlikely(take_message(&m) == VERDICT_RARE):
            count(self.counters, COUNT_FALLBACK)
            return RARE
        count(self.counters, COUNT_FAST)
        return HANDLED

    cdef int read_depth(
        self, const char* frame, Py_ssize_t length, int64_t recv_ns, uint16_t line, DepthC* out
    ) noexcept nogil:
        cdef Message m
        begin(&m, self, frame, length, recv_ns, line)
        m.kept = out.record
        if take_message(&m) == VERDICT_RARE:
            return RARE
        out.symbol = m.slot.symbol
        out.symbol_length = m.slot.length
        return HANDLED

    cdef int read_snapshot(
        self, const char* body, Py_ssize_t length, int price_exponent, int qty_exponent, SnapshotC* out
    ) noexcept nogil:
        cdef Cursor c
        c.p = body
        c.end = body + length
        return HANDLED if take_depth_answer(&c, price_exponent, qty_exponent, self.quick, out) else RARE
