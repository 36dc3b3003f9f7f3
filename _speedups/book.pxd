from libc.stdint cimport int64_t

from .layout cimport Level

cdef struct Book                  # defined in book.pyx's C: a paged ladder a side

cdef enum BookStatus:
    BOOK_OK = 0
    BOOK_NO_MEMORY = 1

# tick_e: the price grid in scaled units; centre_e: a price near the market, the middle of the directory's window.
cdef Book* book_new(int64_t tick_e, int64_t centre_e) noexcept nogil
cdef void book_free(Book* book) noexcept nogil
cdef void book_clear(Book* book, int64_t centre_e) noexcept nogil
# Absolute quantities, zero deletes; bids first, then asks.
cdef int book_apply(Book* book, const Level* levels, Py_ssize_t bids, Py_ssize_t asks) noexcept nogil
# Best first; returns how many were written.
cdef Py_ssize_t book_bids(const Book* book, Level* out, Py_ssize_t most) noexcept nogil
cdef Py_ssize_t book_asks(const Book* book, Level* out, Py_ssize_t most) noexcept nogil
cdef Py_ssize_t book_bid_count(const Book* book) noexcept nogil
cdef Py_ssize_t book_ask_count(const Book* book) noexcept nogil
