from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from .book cimport BookC
from .layout cimport InstrumentStats, RecordHeader, TopEntry
from .ring cimport Ring

cdef enum:
    MAX_LINES = 4

cdef enum Verdict:
    VERDICT_APPLIED = 0           # applied and committed
    VERDICT_OLD = 1               # a duplicate or overtaken by another line: counted, nothing committed
    VERDICT_RARE = 2              # not the common case: nothing was changed, market/book_sync decides

cdef struct FeedC:                # one instrument: what the path needs, without Python objects
    Ring* ring
    TopEntry* top
    InstrumentStats* stats
    uint64_t* counters
    BookC* book
    uint32_t instrument
    uint16_t venue
    int price_exponent, qty_exponent, mark_exponent, rate_exponent
    uint8_t book_state, bbo_state, trade_state, mark_state
    int64_t last_id               # the update id the book stands at
    int64_t bbo_id
    int64_t trade_id, aggregate_id
    int64_t mark_ns
    int64_t line_last_id[4]       # by line: the last `u` and `E` delivered
    int64_t line_venue_ns[4]

# Each takes a claimed record whose header (venue_ns, recv_ns, update_id, line) and body are filled in.
cdef int feed_depth(FeedC* feed, RecordHeader* record) noexcept nogil
cdef int feed_bbo(FeedC* feed, RecordHeader* record) noexcept nogil
cdef int feed_trade(FeedC* feed, RecordHeader* record) noexcept nogil
cdef int feed_mark_price(FeedC* feed, RecordHeader* record) noexcept nogil

cdef class Feed:
    cdef FeedC* c
