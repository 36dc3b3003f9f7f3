# Books that are not applied at once, as scaled integers in C: a venue's full-book answer, a depth message that waits.
from libc.stdint cimport int64_t

from .layout cimport BookDeltaBody, Level, RecordHeader

cdef struct SnapshotC:
    Level* levels                 # bids, then asks, each best first
    Py_ssize_t most               # there is room for so many
    Py_ssize_t bids, asks
    int64_t last_id
    int64_t venue_ns              # CONNECTOR_ABSENT: the venue gave none
    int64_t depth                 # levels a side that the venue keeps up to date; 0: the whole book
    const char* symbol            # NULL: it names none
    Py_ssize_t symbol_length

cdef class PackedSnapshot:
    cdef SnapshotC c
    cdef readonly str symbol

cdef struct DepthC:               # a record as it would stand in the ring
    RecordHeader* record
    BookDeltaBody* body
    Level* levels
    const char* symbol
    Py_ssize_t symbol_length

cdef class PackedDepth:
    cdef DepthC c
    cdef readonly str symbol

# The levels of a message or snapshot, bids first: its own when it is packed, else `made`, which the caller frees. With
# `room` they are always `made` and there is room behind them for as many again.
cdef Level* levels_of(
    object event, Py_ssize_t* bids, Py_ssize_t* asks, Level** made, bint room=*
) except NULL
