"""The base of the compiled codecs: which symbols they know, and how Python hands them frames."""
import time

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from .feed cimport MAX_LINES, Feed, FeedC
from .scan cimport quick_levels_supported
from .segment cimport Segment
from .snapshot cimport DepthC, PackedDepth, PackedSnapshot, SnapshotC

cdef enum:
    FIRST_SLOTS = 64
    LEVEL_TEXT = 6                # bytes of the shortest level with its comma, `[1,0],`


cdef int check_line(int line) except -1:
    """Raise ValueError unless ``line`` is a connection's number, which indexes arrays."""
    if not 0 <= line < MAX_LINES:
        raise ValueError(f"line {line} is not within 0 to {MAX_LINES - 1}")
    return 0


cdef class Codec:
    """A venue's compiled codec; frames of symbols that were not added are left to the msgspec decoder."""

    def __cinit__(self, Segment segment not None):
        self.slots = <FeedSlot*>calloc(FIRST_SLOTS, sizeof(FeedSlot))
        if self.slots == NULL:
            raise MemoryError()
        self.mask = FIRST_SLOTS - 1
        self.counters = segment.counters
        self.segment = segment
        self.feeds = {}
        self.quick = quick_levels_supported()

    def __dealloc__(self):
        free(self.slots)

    def add(self, str symbol not None, Feed feed not None):
        """Decode this symbol's messages into ``feed``, in place of an earlier feed of that symbol."""
        cdef bytes name = symbol.encode()
        if not 0 < len(name) <= SYMBOL_BYTES or len(symbol.lower().encode()) > SYMBOL_BYTES - 1:
            raise ValueError(f"a symbol has 1 to {SYMBOL_BYTES - 1} bytes: {symbol!r}")
        self.feeds[symbol] = feed
        self._rebuild()

    def remove(self, str symbol not None):
        """Leave this symbol's messages to the msgspec decoder again; KeyError if it was not added."""
        del self.feeds[symbol]
        self._rebuild()

    def clear(self):
        """Leave every symbol's messages to the msgspec decoder again."""
        self.feeds = {}
        self._rebuild()

    @property
    def symbols(self):
        """The symbols decoded here."""
        return tuple(self.feeds)

    def _rebuild(self):
        cdef uint64_t size = FIRST_SLOTS, index
        cdef FeedSlot* slots
        cdef Feed feed
        cdef bytes name, prefix
        while size < 2 * <uint64_t>len(self.feeds):
            size *= 2
        slots = <FeedSlot*>calloc(size, sizeof(FeedSlot))
        if slots == NULL:
            raise MemoryError()
        for symbol, feed in self.feeds.items():
            name = symbol.encode()
            prefix = symbol.lower().encode() + b"@"
            index = symbol_hash(name, len(name)) & (size - 1)
            while slots[index].feed != NULL:
                index = (index + 1) & (size - 1)
            slots[index].feed = feed.c
            slots[index].hash = symbol_hash(name, len(name))
            slots[index].length = <uint16_t>len(name)
            slots[index].prefix_length = <uint16_t>len(prefix)
            memcpy(slots[index].symbol, <const char*>name, len(name))
            memcpy(slots[index].prefix, <const char*>prefix, len(prefix))
        free(self.slots)
        self.slots = slots
        self.mask = size - 1

    cdef int decode_frame(self, const char* frame, Py_ssize_t length, int64_t recv_ns, uint16_t line) noexcept nogil:
        return RARE

    cdef int read_depth(
        self, const char* frame, Py_ssize_t length, int64_t recv_ns, uint16_t line, DepthC* out
    ) noexcept nogil:
        return RARE

    def depth(self, bytes frame not None, int64_t recv_ns, int line):
        """A depth message of a symbol that was added, applied to nothing; None when the frame is none or is left to
        the msgspec decoder."""
        cdef PackedDepth found = PackedDepth(len(frame) // LEVEL_TEXT + 1)
        check_line(line)
        if self.read_depth(frame, len(frame), recv_ns, <uint16_t>line, &found.c) != HANDLED:
            return None
        found.symbol = found.c.symbol[:found.c.symbol_length].decode()
        return found

    cdef int read_snapshot(
        self, const char* body, Py_ssize_t length, int price_exponent, int qty_exponent, SnapshotC* out
    ) noexcept nogil:
        return RARE

    def snapshot(self, bytes body not None, str symbol not None):
        """A depth answer of a symbol that was added; None when it is left to the msgspec decoder."""
        cdef Feed feed = self.feeds[symbol]
        cdef Py_ssize_t length = len(body)
        cdef PackedSnapshot found = PackedSnapshot(length // LEVEL_TEXT)
        if self.read_snapshot(body, length, feed.c.price_exponent, feed.c.qty_exponent, &found.c) != HANDLED:
            return None
        return found

    cdef int read_book(self, const char* frame, Py_ssize_t length, SnapshotC* out) noexcept nogil:
        return RARE

    def book(self, bytes frame not None):
        """A book snapshot that came on the stream, of a symbol that was added, applied to nothing; None when the frame
        is none or is left to the msgspec decoder."""
        cdef PackedSnapshot found = PackedSnapshot(len(frame) // LEVEL_TEXT + 1)
        if self.read_book(frame, len(frame), &found.c) != HANDLED:
            return None
        found.symbol = found.c.symbol[:found.c.symbol_length].decode()
        return found

    def decode(self, frame not None, int64_t recv_ns, int line):
        """Decode one whole message, bytes or another contiguous buffer.

        0 when it was handled, 1 when it is left to the msgspec decoder, unchanged.
        """
        cdef Py_buffer view
        check_line(line)
        if type(frame) is bytes:
            return self.decode_frame(<bytes>frame, len(<bytes>frame), recv_ns, <uint16_t>line)
        PyObject_GetBuffer(frame, &view, PyBUF_SIMPLE)
        try:
            return self.decode_frame(<const char*>view.buf, view.len, recv_ns, <uint16_t>line)
        finally:
            PyBuffer_Release(&view)

    def decode_many(self, list frames not None, int64_t recv_ns=0, int line=0):
        """Decode frames one after another; (how many were handled, nanoseconds it took). For benches."""
        cdef bytes frame
        cdef Py_ssize_t handled = 0
        check_line(line)
        started_ns = time.perf_counter_ns()
        for frame in frames:
            handled += self.decode_frame(frame, len(frame), recv_ns, <uint16_t>line) == HANDLED
        return handled, time.perf_counter_ns() - started_ns
