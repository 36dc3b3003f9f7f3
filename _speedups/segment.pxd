from libc.stdint cimport uint64_t

from .layout cimport (
    Budget, Histogram, InstrumentEntry, InstrumentStats, RingControl, SegmentHeader, TopEntry,
)
from .ring cimport Ring

cdef class Segment:               # the market segment as its one writer maps it
    cdef SegmentHeader* header
    cdef InstrumentEntry* directory
    cdef InstrumentStats* stats
    cdef TopEntry* table
    cdef uint64_t* counters
    cdef Histogram* histograms
    cdef Budget* budgets
    cdef Ring ring
    cdef object memory            # the mmap
