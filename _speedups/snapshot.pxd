# A venue's full-book answer as scaled integers in C: read by a codec, staged by a feed.
from libc.stdint cimport int64_t

from .layout cimport Level

cdef struct SnapshotC:
    Level* levels                 # bids, then asks, each best first
    Py_ssize_t most               # there is room for so many
    Py_ssize_t bids, asks
    int64_t last_id
    int64_t venue_ns              # CONNECTOR_ABSENT: the venue gave none

cdef class PackedSnapshot:
    cdef SnapshotC c
