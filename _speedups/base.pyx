"""Lay a snapshot out on a ladder beside the book in use, in pieces."""
cimport cython
from libc.stdint cimport int64_t
from libc.stdlib cimport free

from .book cimport BOOK_OK, BookC, book_apply, book_free, book_new, raise_status
from .layout cimport CONNECTOR_ABSENT, Level
from .snapshot cimport levels_of


@cython.final
cdef class PreparedBase:
    def __cinit__(self, snapshot, int64_t tick_e):
        if tick_e <= 0:
            raise ValueError(f"tick_e must be positive, not {tick_e}")
        self.tick_e = tick_e
        self.last_id, self.venue_ns = snapshot.last_id, snapshot.venue_ns
        self.levels = levels_of(snapshot, &self.bids, &self.asks, &self.made)
        self.snapshot = snapshot
        self.begin()

    def __dealloc__(self):
        free(self.made)
        book_free(self.book)

    cdef int begin(self) except -1:
        """An empty book around the snapshot's mid."""
        cdef int64_t bid_e = -1, ask_e = -1, price_e
        cdef Py_ssize_t i
        self.low_e = self.high_e = CONNECTOR_ABSENT
        for i in range(self.bids):
            price_e = self.levels[i].price_e
            bid_e = max(bid_e, price_e)
            self.low_e = price_e if i == 0 or price_e < self.low_e else self.low_e
        for i in range(self.bids, self.bids + self.asks):
            price_e = self.levels[i].price_e
            ask_e = price_e if i == self.bids or price_e < ask_e else ask_e
            self.high_e = max(self.high_e, price_e)
        if bid_e < 0 or ask_e < 0:
            price_e = max(bid_e, ask_e)
        else:
            price_e = bid_e // 2 + ask_e // 2
        self.done = 0
        self.book = book_new(self.tick_e, price_e)
        if self.book == NULL:
            raise MemoryError("the book has no memory")
        return 0

    cdef Py_ssize_t lay(self, Py_ssize_t most) except -1:
        cdef Py_ssize_t total = self.bids + self.asks, left = self.bids - self.done, bids, asks
        cdef int status
        bids = min(most, left) if left > 0 else 0
        asks = min(most - bids, total - self.done - bids)
        status = book_apply(self.book, self.levels + self.done, bids, asks)
        if status != BOOK_OK:
            book_free(self.book)
            self.book = NULL
            raise_status(status)
        self.done += bids + asks
        return total - self.done

    cdef BookC* take(self) except NULL:
        cdef BookC* book
        if self.book == NULL:
            self.begin()
        self.lay(self.bids + self.asks - self.done)
        book = self.book
        self.book = NULL
        return book

    def more(self, Py_ssize_t most=512):
        if self.book == NULL or most < 1:
            return False
        return self.lay(most) > 0
