# A book of which the venue keeps only the best levels up to date, its window, and whose snapshots come on the stream.
#
# What an insertion pushes out of the window is never told of again, so it leaves the book at once, and readers learn
# it as a delete in the same record. A venue that sends those deletes itself is the usual case: then nothing is cut.
from libc.stdint cimport int64_t, uint32_t
from libc.string cimport memmove

from .atomics cimport unlikely
from .book cimport BookC, book_apply, book_behind
from .counters cimport COUNT_WINDOW_CUTS, count_by
from .feed cimport FeedC
from .layout cimport Level


# Takes up to `most` levels behind the best `window` out of a side; `out` gets them as deletes. How many they were.
cdef inline Py_ssize_t cut_side(BookC* book, bint bid, Py_ssize_t window, Level* out, Py_ssize_t most) noexcept nogil:
    cdef Level[32] kept
    cdef Py_ssize_t left = window, count, i
    cdef int64_t price_e = -1
    while left > 0:
        count = book_behind(book, bid, price_e, kept, min(left, 32))
        if count == 0:
            return 0
        left -= count
        price_e = kept[count - 1].price_e
    count = book_behind(book, bid, price_e, out, most)
    for i in range(count):
        out[i].qty_e = 0
    book_apply(book, out, count if bid else 0, 0 if bid else count)
    return count


# A message's levels were applied: what they pushed out of the window leaves the book and is added to them. There is
# room behind the levels for as many again, and no message pushes out more than it has.
cdef inline void cut_window(FeedC* feed, Level* levels, uint32_t* bids, uint32_t* asks) noexcept nogil:
    cdef Py_ssize_t cut
    if unlikely(feed.book.bids.count > feed.window):
        memmove(levels + 2 * bids[0], levels + bids[0], asks[0] * sizeof(Level))
        cut = cut_side(feed.book, True, feed.window, levels + bids[0], bids[0])
        memmove(levels + bids[0] + cut, levels + 2 * bids[0], asks[0] * sizeof(Level))
        bids[0] += <uint32_t>cut
        count_by(feed.counters, COUNT_WINDOW_CUTS, cut)
    if unlikely(feed.book.asks.count > feed.window):
        cut = cut_side(feed.book, False, feed.window, levels + bids[0] + asks[0], asks[0])
        asks[0] += <uint32_t>cut
        count_by(feed.counters, COUNT_WINDOW_CUTS, cut)


# A new base keeps no more either; nobody was told of its levels yet.
cdef inline void trim(BookC* book, Py_ssize_t window) noexcept nogil:
    cdef Level[32] cut
    while cut_side(book, True, window, cut, 32) or cut_side(book, False, window, cut, 32):
        pass


# The levels that turn one side into another, absolute, zero for the vanished; both are sorted, best first. How many.
cdef inline Py_ssize_t sorted_difference(
    const Level* old, Py_ssize_t olds, const Level* new, Py_ssize_t news, bint bid, Level* out
) noexcept nogil:
    cdef Py_ssize_t i = 0, j = 0, count = 0
    while i < olds or j < news:
        if i < olds and j < news and old[i].price_e == new[j].price_e:
            if unlikely(old[i].qty_e != new[j].qty_e):
                out[count] = new[j]
                count += 1
            i += 1
            j += 1
        elif j == news or (i < olds and (old[i].price_e > new[j].price_e if bid else old[i].price_e < new[j].price_e)):
            out[count].price_e = old[i].price_e
            out[count].qty_e = 0
            count += 1
            i += 1
        else:
            out[count] = new[j]
            count += 1
            j += 1
    return count


# Whether a snapshot's side is one: best first, no price twice, no quantity of zero.
cdef inline bint in_order(const Level* levels, Py_ssize_t count, bint bid) noexcept nogil:
    cdef Py_ssize_t i
    cdef bint good = count == 0 or levels[0].qty_e > 0
    for i in range(1, count):
        good &= levels[i].qty_e > 0
        good &= levels[i].price_e < levels[i - 1].price_e if bid else levels[i].price_e > levels[i - 1].price_e
    return good
