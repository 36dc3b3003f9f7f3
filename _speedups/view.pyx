"""A record of the ring that is read where it lies."""

cimport cython
from cpython.buffer cimport PyBUF_READ
from cpython.memoryview cimport PyMemoryView_FromMemory

from .atomics cimport fence_acquire, load_relaxed


@cython.final
cdef class RecordView:
    """A record where it lies in the ring: read what you need, then ask ``still_valid()``."""

    @property
    def record_type(self):
        return self.header.type

    @property
    def sequence(self):
        return self.header.sequence

    @property
    def recv_ns(self):
        return self.header.recv_ns

    @property
    def body(self):
        """A read-only memoryview of the body; keep this object while it is used."""
        return PyMemoryView_FromMemory(<char*>(self.record + 1), self.length - 64, PyBUF_READ)

    def still_valid(self):
        """Was everything read from it so far whole? Once False it stays so."""
        if self.memory.lost():
            return False
        fence_acquire()
        return load_relaxed(&self.ring.control.intent) <= self.position + self.ring.capacity
