# One instrument on its streams: decoded messages in; book, top-table cells and ring records out.
#
#   decode -> claim -> feed_depth/bbo/trade/mark_price -> book -> cell -> commit     (C, the common case)
#                            | VERDICT_RARE
#                            +-> market/feed.py -> the methods of Feed               (Python, everything else)
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from .book cimport BookC
from .layout cimport BookDeltaBody, Histogram, InstrumentStats, Level, RecordHeader, TopEntry
from .ring cimport Ring

cdef enum:
    MAX_LINES = 16
    NO_LINE = -1
    FEED_KINDS = 12               # ConnectorFeedKind counts from 1

cdef enum Verdict:
    VERDICT_APPLIED = 0           # applied and committed
    VERDICT_OLD = 1               # a duplicate or overtaken by another line: counted, nothing committed
    VERDICT_RARE = 2              # not the common case: nothing was changed, market/book_sync decides

cdef enum FeedReason:             # those of connector.model.states.Reason that C gives; a test compares
    REASON_CONNECTED = 7
    REASON_DATA = 11

cdef struct IdWindow:             # which ids of a dense sequence were seen, over all lines
    int64_t last                  # the highest
    uint64_t seen                 # bit i: last - i was seen
    int64_t line_id[MAX_LINES]    # by line: the last one delivered and its event time
    int64_t line_ns[MAX_LINES]

cdef struct FeedC:                # one instrument: what the path needs, without Python objects
    Ring* ring
    TopEntry* top
    InstrumentStats* stats
    uint64_t* counters
    Histogram* latency            # RECV_TO_PUBLISH
    Histogram* transit            # VENUE_TO_RECV
    const int64_t* wall_offset_ns # the wall clock less CLOCK_MONOTONIC
    BookC* book                   # NULL: no base yet
    uint32_t instrument
    uint16_t venue
    int price_exponent, qty_exponent, mark_exponent, rate_exponent
    int ratio_exponent            # of the venue's own ratios, where it writes integers
    uint8_t state[FEED_KINDS]     # by ConnectorFeedKind
    uint16_t lines[FEED_KINDS]    # line numbers below this are taken: MAX_LINES, or 0 while nobody wants the kind
    uint16_t window               # levels a side that the venue keeps up to date; 0: the whole book
    int book_line                 # whose changes are the book's while two lines bring it; NO_LINE: all are one's
    bint has_ticker               # best bid/ask messages come; without them the book's touch is the only source
    bint has_trades               # the trade cell's state is the trades'; the mark price's while there are none
    int64_t last_id               # the update id the book stands at
    int64_t venue_ns              # and the event time of that message
    int64_t traded_id             # the highest id a trade named that the live book had not come to (crosscheck.pxd)
    int64_t traded_ns             # and when the first such came
    int64_t bid_low_e, ask_high_e # the prices between which the book is known to be complete
    int64_t bbo_id
    int64_t mark_ns               # event time of the newest mark price
    int64_t line_recv_ns[FEED_KINDS][MAX_LINES]   # of the last message of each kind on each line; 0: none
    int64_t line_last_id[MAX_LINES]   # depth, by line: the last `u` and `E` delivered
    int64_t line_venue_ns[MAX_LINES]
    int64_t line_bbo_id[MAX_LINES]    # best bid/ask, likewise
    int64_t line_bbo_ns[MAX_LINES]
    IdWindow trades, aggregates
    int64_t own_trades            # the last number given to a trade that had none
    int64_t stood[FEED_KINDS]     # where the venue counts what a channel says: 0 nothing is taken in C, -1 it does not
                                  # count, else the last one's number and one more

# Each takes a claimed record whose header (venue_ns, recv_ns, update_id, line) and body are filled in; a Verdict.
cdef int feed_depth(FeedC* feed, RecordHeader* record) noexcept nogil
cdef int feed_bbo(FeedC* feed, RecordHeader* record) noexcept nogil
cdef int feed_trade(FeedC* feed, RecordHeader* record) noexcept nogil
cdef int feed_mark_price(FeedC* feed, RecordHeader* record) noexcept nogil

cdef class Feed:
    cdef FeedC* c
    cdef readonly object segment  # keeps the shared memory alive
    cdef readonly object instrument
    cdef BookC* shadow            # being built beside the book, NULL: nothing is staged
    cdef BookC* retired           # the book before the last new base, until it is swept up
    cdef int64_t shadow_id, shadow_venue_ns, shadow_low_e, shadow_high_e
    cdef readonly int64_t tick_e
    cdef bint has_base            # a book was adopted: its levels were told to readers

    cdef RecordHeader* claim(
        self, uint64_t size, int64_t venue_ns, int64_t recv_ns, int64_t update_id, int line
    ) except NULL
    cdef int publish_levels(
        self, const Level* levels, Py_ssize_t bids, Py_ssize_t asks, BookDeltaBody ids, int64_t update_id,
        int64_t venue_ns, int64_t recv_ns, int line, uint16_t flags
    ) except -1
