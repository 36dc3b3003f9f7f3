# One instrument's order book: a paged ladder a side.
#
#   tick = price_e / tick_e          window of 2^20 ticks from `first_tick`; all else goes to the far list
#
#   directory[tick >> 6]  ->  page of 64 quantities + one occupancy word (bit = tick & 63)
#   summary[tick >> 12]       one bit a page that is not empty
#   far[]                     levels off the grid or outside the window, by price, ascending; it grows
#
# Every price in the window is O(1); the best is kept, its successor and ordered walks are ctz/clz. Pages come
# from one pool a process (pages.h) and are given back when they are empty.
from libc.stdint cimport int64_t, uint32_t, uint64_t

from .layout cimport Level, LevelsCell

cdef enum:
    WINDOW_TICKS = 1 << 20
    WINDOW_PAGES = WINDOW_TICKS >> 6
    WINDOW_GROUPS = WINDOW_PAGES >> 6
    CHANGES = 4                   # of quantities alone, that are written one by one

cdef enum BookStatus:
    BOOK_OK = 0
    BOOK_NO_MEMORY = 1            # the book is no longer whole: clear it
    BOOK_NEGATIVE = 2             # a negative price or quantity: nothing was applied

cdef struct Side:
    uint32_t* directory           # page number, 0: no page
    uint64_t* summary
    int64_t best                  # tick within the window; -1 (bids) or WINDOW_TICKS (asks): none
    int64_t edge_e                # the worst price in the last top written: a level beyond it changes no top
    bint touched                  # since the last top: the best 20 may be other levels, or more changed than `changes` holds
    int changed                   # else how many of them were given another quantity
    Level changes[CHANGES]
    Py_ssize_t count              # levels, far ones included
    Level* far
    Py_ssize_t far_count, far_capacity

cdef struct BookC:
    Side bids, asks
    uint64_t inverse              # of the odd part of tick_e modulo 2^64: one multiplication divides and checks
    int shift                     # and rotates away the even part
    uint64_t first_tick           # of the window; a multiple of 64
    uint64_t ticks                # in the window: WINDOW_TICKS, fewer where prices would pass 2^63
    int64_t tick_e
    uint32_t pages                # in use
    bint broken                   # memory ran out in an apply

# tick_e: the price grid in scaled units (> 0); centre_e: a price near the market, the window's middle.
cdef BookC* book_new(int64_t tick_e, int64_t centre_e) noexcept nogil   # NULL: no memory
cdef void book_free(BookC* book) noexcept nogil
# The same, some pages at a time: false when all of it is gone.
cdef bint book_free_part(BookC* book, Py_ssize_t pages) noexcept nogil
cdef void book_clear(BookC* book, int64_t centre_e) noexcept nogil
# Absolute quantities, zero deletes; bids first, then asks. BookStatus.
cdef int book_apply(BookC* book, const Level* levels, Py_ssize_t bids, Py_ssize_t asks) noexcept nogil
# Brings the cell's best 20 of each side up to date: a side is written only if something touched its best 20 since
# the last call, so it has to be the same cell each time. The caller holds its seqlock.
cdef void book_top(BookC* book, LevelsCell* cell) noexcept nogil
# Best first; return how many were written.
cdef Py_ssize_t book_bids(const BookC* book, Level* out, Py_ssize_t most) noexcept nogil
cdef Py_ssize_t book_asks(const BookC* book, Level* out, Py_ssize_t most) noexcept nogil
# The same from the first level behind a price on; -1: from the best.
cdef Py_ssize_t book_behind(const BookC* book, bint bid, int64_t price_e, Level* out, Py_ssize_t most) noexcept nogil
cdef Py_ssize_t book_bid_count(const BookC* book) noexcept nogil
cdef Py_ssize_t book_ask_count(const BookC* book) noexcept nogil
# The levels that turn `old` into `new`, absolute, zero for the vanished; bids first, each side best first. `out`
# holds at least the levels of both books. Returns the number of bids, stores the number of asks.
cdef Py_ssize_t book_difference(const BookC* old, const BookC* new, Level* out, Py_ssize_t* asks) noexcept nogil
# Has the touch come within an eighth of the window's end, so that book_recentre should be called in idle?
cdef bint book_edge_near(const BookC* book) noexcept nogil
cdef int book_recentre(BookC* book, int64_t centre_e) noexcept nogil
# A new book of the same levels on another grid; for a changed tick. NULL: no memory. The old one stays as it is: it is
# right on any grid, what is off its own is only kept more slowly.
cdef BookC* book_on_grid(const BookC* book, int64_t tick_e) noexcept nogil
cdef int64_t book_centre(const BookC* book) noexcept nogil        # the mid, or a single side's best, or -1

# Are both sides there and the best bid at or above the best ask?
cdef bint book_crossed(const BookC* book) noexcept nogil
# -1: that side is empty.
cdef int64_t book_best_price(const BookC* book, bint bid) noexcept nogil

# For the Python edge.
cdef Py_ssize_t flat_count(object flat) except -1
cdef int put_flat(Level* out, object flat) except -1
cdef list list_side(const BookC* book, bint bid, object most)
cdef list flat_levels(const Level* levels, Py_ssize_t count)
cdef object raise_status(int status)

cdef class Book:
    cdef BookC* c
    cdef LevelsCell cell          # what top() keeps up to date
