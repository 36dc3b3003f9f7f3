# What a feed writes: records, states, the touch a book shows. Inlines of feed.pyx, which decides when.
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from .atomics cimport likely, store_relaxed, unlikely
from .book cimport book_ask_count, book_bid_count, book_crossed
from .counters cimport COUNT_CROSSED, COUNT_DELTAS, COUNT_RECORDS, COUNT_VENUE_AHEAD, count
from .feed cimport FEED_KINDS, MAX_LINES, REASON_CONNECTED, REASON_DATA, VERDICT_OLD, VERDICT_RARE, FeedC
from .histogram cimport histogram_add
from .layout cimport (
    CONNECTOR_ABSENT, RECORD_BBO, RECORD_FEED_STATE, STATE_BEHIND, STATE_DOWN, STATE_GAP, STATE_LIVE, STATE_RESYNC,
    STATE_STALE, STATE_SYNCING, BboBody, FeedStateBody, LevelsCell, RecordHeader,
)
from .ring cimport ring_claim, ring_commit
from .table cimport write_bbo, write_levels

cdef enum:                        # ConnectorFeedKind as plain numbers, to index with
    KIND_BOOK = 1
    KIND_BBO = 2
    KIND_TRADE = 3
    KIND_MARK_PRICE = 4
    KIND_TICKER = 6

cdef enum:
    SMALL_RECORD = 128            # header and a body of 64 bytes
    RESET_NS = 1000000000         # connector.market.book_sync.RESET_NS; a test compares
    ORIGIN_MARKET = 1


# connector.model.states.MOVES; a test compares. Both are states.
cdef inline bint may_follow(int previous, int state) noexcept nogil:
    if previous == STATE_DOWN:
        return state == STATE_SYNCING
    if state == STATE_DOWN:
        return True
    if previous == STATE_SYNCING:
        return state == STATE_LIVE
    if previous == STATE_LIVE:
        return state == STATE_BEHIND or state == STATE_STALE or state == STATE_GAP
    if previous == STATE_BEHIND:
        return state == STATE_LIVE or state == STATE_STALE or state == STATE_GAP
    if previous == STATE_GAP:
        return state == STATE_RESYNC
    return state == STATE_LIVE or state == STATE_GAP     # STALE, RESYNC


# --- records --------------------------------------------------------------------------------------------------------

cdef inline void add(uint64_t* number) noexcept nogil:
    store_relaxed(number, number[0] + 1)


cdef inline void publish(FeedC* feed, RecordHeader* record, uint16_t type, uint64_t length) noexcept nogil:
    record.type = type
    record.instrument = feed.instrument
    record.venue = feed.venue
    ring_commit(feed.ring, record, length)
    count(feed.counters, COUNT_RECORDS)
    histogram_add(feed.latency, record.publish_ns - record.recv_ns)


# A message arrived. Its age is of two clocks: the venue's stamp is in its milliseconds, the wall clock as good as NTP.
cdef inline void heard(FeedC* feed, int kind, uint16_t line, int64_t recv_ns, int64_t venue_ns) noexcept nogil:
    cdef int64_t age_ns = recv_ns + feed.wall_offset_ns[0] - venue_ns
    if likely(venue_ns > 0):      # some recordings name none
        histogram_add(feed.transit, age_ns)
        if unlikely(age_ns < 0):
            count(feed.counters, COUNT_VENUE_AHEAD)
    feed.line_recv_ns[kind][line] = recv_ns
    add(&feed.stats.frames)
    store_relaxed(&feed.stats.last_data_ns, <uint64_t>recv_ns)


cdef inline bint valid(uint8_t state) noexcept nogil:
    return state == STATE_LIVE or state == STATE_BEHIND


cdef inline void publish_state(FeedC* feed, int kind, uint8_t previous, uint32_t reason, int64_t recv_ns) noexcept nogil:
    cdef RecordHeader* record = ring_claim(feed.ring, SMALL_RECORD)
    cdef FeedStateBody* body
    if record == NULL:
        return                    # never: every ring has room for 128 bytes
    body = <FeedStateBody*>(record + 1)
    memset(body, 0, 64)
    record.recv_ns = recv_ns
    body.kind = <uint8_t>kind
    body.state = feed.state[kind]
    body.previous = previous
    body.reason = reason
    body.bid_low_e = body.ask_high_e = CONNECTOR_ABSENT
    if kind == KIND_BOOK:
        record.venue_ns = feed.venue_ns
        record.update_id = feed.last_id
        body.bid_low_e = feed.bid_low_e
        body.ask_high_e = feed.ask_high_e
        if feed.book != NULL:
            body.bids = <uint32_t>book_bid_count(feed.book)
            body.asks = <uint32_t>book_ask_count(feed.book)
    publish(feed, record, RECORD_FEED_STATE, SMALL_RECORD)


cdef inline void move(FeedC* feed, int kind, uint8_t state, uint32_t reason, int64_t recv_ns) noexcept nogil:
    cdef uint8_t previous = feed.state[kind]
    feed.state[kind] = state
    publish_state(feed, kind, previous, reason, recv_ns)


# The number of a trade to which the venue gives none, above all of this feed's before.
cdef inline int64_t next_trade_number(FeedC* feed) noexcept nogil:
    feed.own_trades = max(feed.own_trades, feed.trades.last) + 1
    return feed.own_trades


cdef inline uint8_t trade_cell_state(const FeedC* feed) noexcept nogil:
    return feed.state[KIND_TRADE] if feed.has_trades else feed.state[KIND_MARK_PRICE]


# --- what is wanted ---------------------------------------------------------------------------------------------------

cdef inline void all_wanted(FeedC* feed) noexcept nogil:
    cdef int kind
    for kind in range(FEED_KINDS):
        feed.lines[kind] = MAX_LINES


# What still comes of a kind that nobody wants any more is dropped; a line with a number that cannot be is Python's.
cdef inline int not_wanted(const FeedC* feed, int kind, uint16_t line) noexcept nogil:
    return VERDICT_OLD if feed.lines[kind] == 0 and line < MAX_LINES else VERDICT_RARE


# Data made a feed live. Its cell is written; the claimed record waits until the state is told.
cdef inline RecordHeader* make_live(FeedC* feed, int kind, RecordHeader* record) noexcept nogil:
    cdef char kept[SMALL_RECORD]
    cdef int64_t recv_ns = record.recv_ns
    memcpy(kept, record, SMALL_RECORD)
    if feed.state[kind] == STATE_DOWN:
        move(feed, kind, STATE_SYNCING, REASON_CONNECTED, recv_ns)
    move(feed, kind, STATE_LIVE, REASON_DATA, recv_ns)
    record = ring_claim(feed.ring, SMALL_RECORD)
    memcpy(&record.length, kept + sizeof(uint64_t), SMALL_RECORD - sizeof(uint64_t))
    return record


# --- the book as shown ------------------------------------------------------------------------------------------------

# The book's touch replaces an older best bid/ask: the cell is written; True when a record is due, `touch` its body.
cdef inline bint fuse_touch(FeedC* feed, const RecordHeader* record, int64_t transaction_ns, BboBody* touch) noexcept nogil:
    cdef const LevelsCell* levels = &feed.top.levels
    if record.update_id <= feed.bbo_id:
        return False
    feed.bbo_id = record.update_id
    memset(touch, 0, sizeof(BboBody))
    touch.bid_price_e = levels.bid[0].price_e if levels.bids else CONNECTOR_ABSENT
    touch.bid_qty_e = levels.bid[0].qty_e if levels.bids else 0
    touch.ask_price_e = levels.ask[0].price_e if levels.asks else CONNECTOR_ABSENT
    touch.ask_qty_e = levels.ask[0].qty_e if levels.asks else 0
    if (
        feed.state[KIND_BBO] == STATE_LIVE
        and touch.bid_price_e == feed.top.bbo.bid_price_e and touch.bid_qty_e == feed.top.bbo.bid_qty_e
        and touch.ask_price_e == feed.top.bbo.ask_price_e and touch.ask_qty_e == feed.top.bbo.ask_qty_e
    ):
        return False
    touch.transaction_ns = transaction_ns
    touch.source = KIND_BOOK
    touch.state = STATE_LIVE
    write_bbo(&feed.top.bbo, record, touch, STATE_LIVE)
    return True


# Best bid and ask while one of both sources is live, 0 for an empty side; None when none is.
cdef inline object live_touch(const FeedC* feed):
    cdef const LevelsCell* levels = &feed.top.levels
    if feed.state[KIND_BBO] == STATE_LIVE:
        return max(0, feed.top.bbo.bid_price_e), max(0, feed.top.bbo.ask_price_e)
    if valid(feed.state[KIND_BOOK]):
        return levels.bid[0].price_e if levels.bids else 0, levels.ask[0].price_e if levels.asks else 0
    return None


cdef inline void publish_touch(
    FeedC* feed, const BboBody* touch, int64_t update_id, int64_t venue_ns, int64_t recv_ns, uint16_t line
) noexcept nogil:
    cdef RecordHeader* record = ring_claim(feed.ring, SMALL_RECORD)
    if record == NULL:
        return
    record.update_id = update_id
    record.venue_ns = venue_ns
    record.recv_ns = recv_ns
    record.line = line
    memcpy(record + 1, touch, 64)
    if feed.state[KIND_BBO] != STATE_LIVE:
        record = make_live(feed, KIND_BBO, record)
    add(&feed.stats.bbos)
    publish(feed, record, RECORD_BBO, SMALL_RECORD)


# The book became live: its touch counts again.
cdef inline void show_touch(FeedC* feed, int64_t recv_ns) noexcept nogil:
    cdef RecordHeader head
    cdef BboBody touch
    if not feed.has_ticker:
        feed.bbo_id = feed.last_id - 1   # whatever it was before: ids may have been reset
    memset(&head, 0, sizeof(head))
    head.update_id = feed.last_id
    head.venue_ns = feed.venue_ns
    head.recv_ns = recv_ns
    if fuse_touch(feed, &head, 0, &touch):
        publish_touch(feed, &touch, feed.last_id, feed.venue_ns, recv_ns, 0)


# The book was changed by the message `record` tells of: tables and counts. True when a Bbo record is due after it.
cdef inline bint show_book(FeedC* feed, const RecordHeader* record, int64_t transaction_ns, BboBody* touch) noexcept nogil:
    feed.last_id = record.update_id
    feed.venue_ns = record.venue_ns
    write_levels(
        &feed.top.levels, feed.book, record.update_id, record.venue_ns, record.recv_ns, feed.state[KIND_BOOK]
    )
    add(&feed.stats.deltas)
    count(feed.counters, COUNT_DELTAS)
    if not valid(feed.state[KIND_BOOK]):
        return False
    if unlikely(book_crossed(feed.book)):
        add(&feed.stats.crossed)
        count(feed.counters, COUNT_CROSSED)
    return fuse_touch(feed, record, transaction_ns, touch)


cdef inline int check_kind(int kind) except -1:
    if not 1 <= kind < FEED_KINDS:
        raise ValueError(f"there is no feed kind {kind}")
    return kind


cdef inline int check_line(int line) except -1:
    if not 0 <= line < MAX_LINES:
        raise ValueError(f"line {line} is not in 0..{MAX_LINES - 1}")
    return line
