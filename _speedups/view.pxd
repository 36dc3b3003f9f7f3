from libc.stdint cimport uint64_t

from .events cimport Instrument
from .layout cimport RecordHeader
from .ring cimport RingView
from .segment cimport Mapping


cdef class RecordView:            # a record in place
    cdef readonly Instrument instrument
    cdef Mapping memory           # keeps what `record` and `ring` point to
    cdef RingView ring
    cdef const RecordHeader* record
    cdef uint64_t position, length
    cdef RecordHeader header
