from libc.stdint cimport int64_t, uint64_t

from .layout cimport Budget, Histogram, InstrumentEntry, InstrumentStats, SegmentHeader, TopEntry
from .ring cimport Ring


# Counts the forks this process is a child of: what was mapped before is gone.
cdef const uint64_t* fork_counter() noexcept nogil


cdef class Mapping:               # a shared mapping of a file descriptor; unmapped when the object goes
    cdef char* base
    cdef readonly size_t size
    cdef readonly bint writable
    cdef bint kept                # the mapping is inherited by a fork
    cdef uint64_t forks           # what the counter stood at
    cdef bint lost(self) noexcept # a forked child has no such mapping any more


cdef class Segment:               # the market segment as its one writer maps it
    cdef SegmentHeader* header
    cdef InstrumentEntry* directory
    cdef InstrumentStats* stats
    cdef TopEntry* table
    cdef uint64_t* counters
    cdef Histogram* histograms
    cdef Budget* budgets
    cdef int budget_count
    cdef readonly int64_t wall_offset_ns  # the wall clock less CLOCK_MONOTONIC, as of the last `align_clocks`
    cdef Ring ring
    cdef readonly Mapping memory
    cdef readonly int fd
    cdef object __weakref__
