from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t

from .feed cimport FeedC

cdef enum Handled:
    HANDLED = 0
    RARE = 1                      # the venue's msgspec decoder takes the frame

cdef struct FeedSlot:
    FeedC* feed
    uint32_t hash
    uint32_t length
    char symbol[64]

cdef class Codec:
    cdef FeedSlot* slots          # open addressing, by symbol bytes
    cdef uint64_t mask
    cdef dict feeds               # symbol -> Feed, keeps them alive
    cdef uint64_t* counters
    cdef object memory
    cdef FeedC* find(self, const char* symbol, Py_ssize_t length) noexcept nogil
    cdef int decode(self, const char* frame, Py_ssize_t length, int64_t recv_ns, uint16_t line) noexcept nogil
