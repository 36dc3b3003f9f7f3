from libc.stdint cimport uint64_t

from .layout cimport RecordHeader, RingControl

cdef struct Ring:                 # the writer's private view of a ring in shared memory
    RingControl* control
    char* base
    uint64_t capacity             # bytes, a power of two
    uint64_t position             # absolute, where the next record starts
    uint64_t sequence             # of the next record
    uint64_t intent               # what control.intent holds
    uint64_t rejoin_due           # publish the record that starts at or past this as the rejoin point

# Reserves max_bytes (header included; at most capacity/8) and returns where to write; nothing is visible yet.
# Dropping the pointer is the abort.
cdef RecordHeader* ring_claim(Ring* ring, uint64_t max_bytes) noexcept nogil
# Stamps publish_ns and sequence and makes the claimed record visible with its true length (rounded up to 64).
cdef void ring_commit(Ring* ring, RecordHeader* record, uint64_t length) noexcept nogil

