# What trades say of a book whose messages carry ids of the same count and do not show what is missing.
#
# A trade of id n is in the book from the message with id n on: a book at exactly n has no ask below a price somebody
# bought at last, and no bid above one somebody sold at; and a book below n is to hear of it.
from libc.stdint cimport int64_t

from .atomics cimport unlikely
from .feed cimport FeedC
from .layout cimport CONNECTOR_ABSENT, STATE_LIVE, LevelsCell
from .publish cimport KIND_BOOK


# Whether the live book at `book_id` is none that such trades leave behind; ABSENT: they say nothing of that side.
cdef inline bint trades_contradict(
    const FeedC* feed, int64_t book_id, int64_t bid_most_e, int64_t ask_least_e
) noexcept nogil:
    cdef const LevelsCell* levels = &feed.top.levels
    if book_id != feed.last_id or feed.state[KIND_BOOK] != STATE_LIVE:
        return False
    return (
        (bid_most_e != CONNECTOR_ABSENT and levels.bids > 0 and levels.bid[0].price_e > bid_most_e)
        or (ask_least_e != CONNECTOR_ABSENT and levels.asks > 0 and levels.ask[0].price_e < ask_least_e)
    )


# A book that is behind is due to hear of the trades: since when, unless it was behind already.
cdef inline void note_trades(FeedC* feed, int64_t book_id, int64_t recv_ns) noexcept nogil:
    if unlikely(book_id > feed.last_id and feed.state[KIND_BOOK] == STATE_LIVE):
        if feed.traded_id <= feed.last_id:
            feed.traded_ns = recv_ns
        if feed.traded_id < book_id:
            feed.traded_id = book_id
