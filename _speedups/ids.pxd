# Which ids of a dense sequence were seen, over all lines; an inline of feed.pyx.
from libc.stdint cimport int64_t, uint16_t, uint64_t
from libc.string cimport memset

from .atomics cimport unlikely
from .counters cimport COUNT_VENUE_RESETS, count
from .feed cimport FeedC, IdWindow

cdef enum:
    ID_WINDOW = 64

# Lines bring the same ids at different times, so an id is looked up among the last 64, not only compared with the
# highest. False when it was seen, or is too old to tell.
cdef inline bint id_is_new(FeedC* feed, IdWindow* window, int64_t number, uint16_t line, int64_t venue_ns) noexcept nogil:
    cdef uint64_t distance
    if unlikely(number <= window.last - ID_WINDOW and number < window.line_id[line] and venue_ns > window.line_ns[line]):
        count(feed.counters, COUNT_VENUE_RESETS)
        memset(window, 0, sizeof(IdWindow))
    if number > window.line_id[line]:
        window.line_id[line] = number
        window.line_ns[line] = venue_ns
    if number > window.last:
        distance = <uint64_t>number - <uint64_t>window.last
        window.seen = (window.seen << distance if distance < ID_WINDOW else 0) | 1
        window.last = number
        return True
    distance = <uint64_t>window.last - <uint64_t>number
    if distance >= ID_WINDOW or (window.seen >> distance) & 1:
        return False
    window.seen |= <uint64_t>1 << distance
    return True
