# A new base for a book: a snapshot's levels laid out on the ladder, some a turn of the loop, before it takes over.
from libc.stdint cimport int64_t

from .book cimport BookC
from .layout cimport Level

cdef class PreparedBase:
    cdef readonly object snapshot          # keeps `levels` alive, unless they are `made`
    cdef Level* levels
    cdef Level* made
    cdef Py_ssize_t bids, asks
    cdef Py_ssize_t done          # levels that lie in the book
    cdef BookC* book              # NULL: taken
    cdef readonly int64_t last_id
    cdef readonly int64_t venue_ns
    cdef readonly int64_t tick_e
    cdef readonly int64_t low_e, high_e   # the lowest bid and the highest ask, or CONNECTOR_ABSENT

    cdef int begin(self) except -1
    # Lays out up to `most` levels; how many are left.
    cdef Py_ssize_t lay(self, Py_ssize_t most) except -1
    # The whole book; it is the caller's, and a later one is made anew.
    cdef BookC* take(self) except NULL
