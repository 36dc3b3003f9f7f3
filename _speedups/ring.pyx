"""The reader's side of the market ring for Python, and the loops of its stress test."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint64_t
from libc.string cimport memcpy

from .atomics cimport load_acquire, load_relaxed
from .layout cimport CONNECTOR_ABI_HASH, CONNECTOR_MAGIC_MARKET, RecordHeader, RingControl, SegmentHeader
from .ring cimport RingView, ring_enter, ring_fetch, ring_length, ring_peek, ring_take
from .segment cimport Mapping


cdef class RingReader:
    """Reads the records of a market segment as bytes, in order, and counts exactly what it missed.

    ``memory``: a mapping of the segment. It starts behind the newest record, or at the oldest rejoin point with
    ``from_start`` (records written in the last 64 KiB).
    """

    def __init__(self, Mapping memory not None, *, bint recent=False):
        cdef SegmentHeader* header = <SegmentHeader*>memory.base
        if memory.size < sizeof(SegmentHeader) or load_acquire(&header.magic) != CONNECTOR_MAGIC_MARKET:
            raise ValueError("not a market segment")
        if header.abi_hash != CONNECTOR_ABI_HASH:
            raise ValueError(f"layout {header.abi_hash:016x} of the segment is not ours, {CONNECTOR_ABI_HASH:016x}")
        self.memory = memory
        self.view.control = <RingControl*>(memory.base + header.control_offset)
        self.view.base = memory.base + header.ring_offset
        self.view.capacity = header.ring_capacity
        ring_start(&self.view)
        if not recent:
            ring_skip(&self.view)

    def read(self):
        """The next record as bytes (header and body), or None when there is none yet."""
        cdef const RecordHeader* record
        cdef uint64_t length
        while True:
            record = ring_peek(&self.view)
            if record == NULL:
                return None
            length = ring_length(&self.view, record)
            ring_fetch(record, length)
            copy = PyBytes_FromStringAndSize(<const char*>record, length)
            if ring_take(&self.view, (<RecordHeader*>PyBytes_AS_STRING(copy)).sequence, length):
                return copy

    @property
    def position(self):
        """Absolute position of the next record, in bytes."""
        return self.view.position

    @property
    def lag(self):
        """Bytes written that were not read yet."""
        return load_acquire(&self.view.control.written) - self.view.position

    @property
    def received(self):
        """Records taken."""
        return self.view.received

    @property
    def lost(self):
        """Records missed since the start, exactly, as of the last record taken."""
        return self.view.lost

    @property
    def laps(self):
        """How often the writer overtook this reader."""
        return self.view.laps
