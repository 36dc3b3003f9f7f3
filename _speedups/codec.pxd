# What every venue's compiled codec is: a table from the symbol's bytes to its feed, and one C method.
from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

from .feed cimport FeedC
from .segment cimport Segment
from .snapshot cimport DepthC, SnapshotC

cdef enum Handled:
    HANDLED = 0                   # applied, or known to be old: nothing is left to do
    RARE = 1                      # nothing was changed: the venue's msgspec decoder takes the frame

cdef enum:
    SYMBOL_BYTES = 64

cdef struct FeedSlot:
    FeedC* feed
    uint32_t hash
    uint16_t length
    uint16_t prefix_length
    char symbol[SYMBOL_BYTES]
    char prefix[SYMBOL_BYTES]     # how the names of the symbol's streams begin

cdef inline uint32_t symbol_hash(const char* symbol, Py_ssize_t length) noexcept nogil:
    cdef uint64_t first = 0, last = 0
    if length >= 8:
        memcpy(&first, symbol, 8)
        memcpy(&last, symbol + length - 8, 8)
    elif length >= 4:
        memcpy(&first, symbol, 4)
        memcpy(&last, symbol + length - 4, 4)
    elif length > 0:
        first = <unsigned char>symbol[0]
        last = <unsigned char>symbol[length - 1]
    first = (first ^ <uint64_t>length) * 0x9E3779B97F4A7C15ULL
    first = (first ^ (first >> 29) ^ last) * 0xBF58476D1CE4E5B9ULL
    return <uint32_t>(first >> 32)

# The slot of a symbol, NULL when it is not configured. `mask` is the number of slots, a power of two, less one.
cdef inline FeedSlot* find_slot(FeedSlot* slots, uint64_t mask, const char* symbol, Py_ssize_t length) noexcept nogil:
    cdef uint32_t hash = symbol_hash(symbol, length)
    cdef uint64_t index = hash & mask
    while slots[index].feed != NULL:
        if slots[index].hash == hash and slots[index].length == length \
                and memcmp(slots[index].symbol, symbol, length) == 0:
            return &slots[index]
        index = (index + 1) & mask
    return NULL

cdef int check_line(int line) except -1

cdef class Codec:
    cdef FeedSlot* slots          # open addressing, at most half full
    cdef uint64_t mask
    cdef uint64_t* counters
    cdef dict feeds               # symbol -> Feed, keeps them alive
    cdef Segment segment
    cdef public bint quick        # may use AVX2; False takes the plain path
    cdef Py_ssize_t taken         # of a frame of several messages that is RARE: so many bytes were applied before
    # One whole message. recv_ns: CLOCK_MONOTONIC at the callback; line: which connection brought it. Nothing is read
    # outside frame[:length]; nothing is changed from `taken` on unless the last byte was understood.
    cdef int decode_frame(self, const char* frame, Py_ssize_t length, int64_t recv_ns, uint16_t line) noexcept nogil
    # A depth message as a record of its own, applied to nothing; RARE: it is none, or msgspec's.
    cdef int read_depth(
        self, const char* frame, Py_ssize_t length, int64_t recv_ns, uint16_t line, DepthC* out
    ) noexcept nogil
    # A whole depth answer; RARE: the venue's msgspec decoder takes it, what `out` holds then means nothing.
    cdef int read_snapshot(
        self, const char* body, Py_ssize_t length, int price_exponent, int qty_exponent, SnapshotC* out
    ) noexcept nogil
    # A book snapshot that came on the stream, each side best first; RARE: it is none, or msgspec's.
    cdef int read_book(self, const char* frame, Py_ssize_t length, SnapshotC* out) noexcept nogil
