# Memory for the sides of a message whose symbol comes last, and what the codecs that need it do alike with whole books
# and with trades that have no numbers.
from libc.stdint cimport int64_t, uint16_t
from libc.string cimport memcpy, memset

from .atomics cimport unlikely
from .book cimport book_asks, book_bids
from .codec cimport Codec
from .feed cimport VERDICT_RARE, FeedC, feed_trade
from .layout cimport BookDeltaBody, Level, RecordHeader, TradeBody
from .publish cimport ORIGIN_MARKET
from .ring cimport ring_claim
from .window cimport in_order, sorted_difference

cdef enum:
    MOST_LEVELS = 4096            # a side; Phemex's full book has some 2,300. A message with more is left.
    MOST_TRADES = 1024            # in a message: their place in it is ten bits of their number
    PLACE_BITS = 10

cdef struct TradeRow:
    int64_t venue_ns, price_e, qty_e, side

cdef class SidesCodec(Codec):
    cdef Level* bids              # of the message that is read; each MOST_LEVELS long
    cdef Level* asks              # or its trades, as TradeRow
    cdef Level* mine              # a side of the book a whole one is compared with

cdef inline Level* levels_of(RecordHeader* record) noexcept nogil:
    return <Level*>(<BookDeltaBody*>(record + 1) + 1)

# A record with room for so many levels; NULL: there is none.
cdef inline RecordHeader* claim_levels(FeedC* feed, Py_ssize_t levels) noexcept nogil:
    return ring_claim(feed.ring, sizeof(RecordHeader) + sizeof(BookDeltaBody) + levels * sizeof(Level))

cdef inline void put_levels(SidesCodec codec, Py_ssize_t bids, Py_ssize_t asks, Level* out) noexcept nogil:
    memcpy(out, codec.bids, bids * sizeof(Level))
    memcpy(out + bids, codec.asks, asks * sizeof(Level))

# A record with what a whole book of so many levels a side changes of the feed's; `bids` and `asks` become the numbers of
# its levels. NULL: it is too large, or not sorted.
cdef inline RecordHeader* claim_difference(
    SidesCodec codec, FeedC* feed, Py_ssize_t* bids, Py_ssize_t* asks
) noexcept nogil:
    cdef RecordHeader* record
    cdef Level* levels
    if unlikely(
        feed.book.bids.count > MOST_LEVELS or feed.book.asks.count > MOST_LEVELS
        or not in_order(codec.bids, bids[0], True) or not in_order(codec.asks, asks[0], False)
    ):
        return NULL
    record = claim_levels(feed, bids[0] + asks[0] + feed.book.bids.count + feed.book.asks.count)
    if unlikely(record == NULL):
        return NULL
    levels = levels_of(record)
    bids[0] = sorted_difference(
        codec.mine, book_bids(feed.book, codec.mine, MOST_LEVELS), codec.bids, bids[0], True, levels
    )
    asks[0] = sorted_difference(
        codec.mine, book_asks(feed.book, codec.mine, MOST_LEVELS), codec.asks, asks[0], False, levels + bids[0]
    )
    return record

# A trade that the venue did not number, as `number`; a Verdict.
cdef inline int give_trade(FeedC* feed, const TradeRow* row, int64_t number, int64_t recv_ns, uint16_t line) noexcept nogil:
    cdef RecordHeader* record = ring_claim(feed.ring, sizeof(RecordHeader) + sizeof(TradeBody))
    cdef TradeBody* body
    if unlikely(record == NULL):
        return VERDICT_RARE       # never: every ring has room for so little
    record.venue_ns = row.venue_ns
    record.recv_ns = recv_ns
    record.update_id = number
    record.line = line
    body = <TradeBody*>(record + 1)
    memset(body, 0, sizeof(TradeBody))
    body.price_e = row.price_e
    body.qty_e = body.normal_qty_e = row.qty_e
    body.first_trade_id = body.last_trade_id = number
    body.transaction_ns = row.venue_ns
    body.side = <unsigned char>row.side
    body.origin = ORIGIN_MARKET
    return feed_trade(feed, record)
