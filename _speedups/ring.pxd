# The market ring: one writer that never waits, any number of readers that know exactly what they missed.
#
# Positions are absolute bytes and never wrap; a record lies at position & (capacity - 1), is a multiple of 64 bytes
# long and never straddles the end (a PAD record fills what is left). Sequences are dense, PAD has none.
#
#   writer  intent := a 64 KiB boundary at or past everything it may touch; release fence; write the body;
#           stamp at position + length := 0; own stamp := position + 1 (release)
#   reader  stamp == position + 1 (acquire)? copy; acquire fence; intent > position + capacity means that the copy
#           is void: enter again at `rejoin`, a record start published every 64 KiB
from libc.stdint cimport uint64_t
from libc.string cimport memset

from .atomics cimport (
    fence_acquire, fence_release, fetch_to_read, fetch_to_write, load_acquire, load_relaxed, monotonic_ns, store_relaxed,
    store_release, unlikely,
)
from .layout cimport CONNECTOR_INTENT_BLOCK, RECORD_PAD, RecordHeader, RingControl

cdef enum:
    RING_MIN_BYTES = 1 << 18      # rejoin must stay ahead of intent by more than two blocks and two records
    FETCH_BYTES = 1024            # of a long record the processor fetches the rest by itself

cdef struct Ring:                 # the writer's private view of a ring in shared memory
    RingControl* control
    char* base
    uint64_t capacity             # bytes, a power of two
    uint64_t position             # absolute, where the next record starts
    uint64_t sequence             # of the next record; the first one is 1
    uint64_t intent               # what control.intent holds
    uint64_t rejoin_due           # publish the record that starts at or past this as the rejoin point


cdef inline uint64_t ring_round(uint64_t length) noexcept nogil:
    return (length + 63) & ~<uint64_t>63


cdef inline RecordHeader* ring_at(const char* base, uint64_t capacity, uint64_t position) noexcept nogil:
    return <RecordHeader*>(base + (position & (capacity - 1)))


cdef inline void ring_raise_intent(Ring* ring, uint64_t past) noexcept nogil:
    ring.intent = (past + CONNECTOR_INTENT_BLOCK - 1) & ~(<uint64_t>CONNECTOR_INTENT_BLOCK - 1)
    store_relaxed(&ring.control.intent, ring.intent)
    fence_release()


cdef inline void ring_pad(Ring* ring, uint64_t size) noexcept nogil:
    """Fill what is left of this round; ``intent`` already covers it and the first stamp of the next round."""
    cdef RecordHeader* pad = ring_at(ring.base, ring.capacity, ring.position)
    memset(&pad.length, 0, 56)
    pad.length = <unsigned int>size
    pad.type = RECORD_PAD
    store_relaxed(&ring_at(ring.base, ring.capacity, ring.position + size).stamp, 0)
    store_release(&pad.stamp, ring.position + 1)
    ring.position += size


# Reserves max_bytes (header included) and returns where to write, its header zeroed; nothing is visible yet. Dropping
# the pointer is the abort. NULL when max_bytes is more than capacity/8. The stamp is not the caller's to write.
cdef inline RecordHeader* ring_claim(Ring* ring, uint64_t max_bytes) noexcept nogil:
    cdef uint64_t size = ring_round(max_bytes)
    cdef uint64_t left = ring.capacity - (ring.position & (ring.capacity - 1))
    cdef uint64_t past = ring.position + size + 64
    cdef RecordHeader* record
    if unlikely(size > ring.capacity >> 3):
        return NULL
    if unlikely(left < size):
        past += left
    if unlikely(past > ring.intent):
        ring_raise_intent(ring, past)
    if unlikely(left < size):
        ring_pad(ring, left)
    record = ring_at(ring.base, ring.capacity, ring.position)
    fetch_to_write(record)        # a spinning reader has this line, and its prefetcher the next ones
    fetch_to_write(ring_at(ring.base, ring.capacity, ring.position + 64))
    fetch_to_write(ring_at(ring.base, ring.capacity, ring.position + 128))
    memset(&record.length, 0, 56)
    return record


# Stamps publish_ns and sequence and makes the claimed record visible with its true length (rounded up to 64).
cdef inline void ring_commit(Ring* ring, RecordHeader* record, uint64_t length) noexcept nogil:
    cdef uint64_t position = ring.position
    cdef uint64_t size = ring_round(length)
    store_relaxed(&ring_at(ring.base, ring.capacity, position + size).stamp, 0)
    fetch_to_write(record)        # both lines travel while the clock is read
    record.publish_ns = monotonic_ns()
    record.length = <unsigned int>size
    record.sequence = ring.sequence
    store_release(&record.stamp, position + 1)
    ring.position = position + size
    ring.sequence += 1
    if unlikely(position >= ring.rejoin_due):
        ring.rejoin_due = position + CONNECTOR_INTENT_BLOCK
        store_release(&ring.control.rejoin, position)
    store_relaxed(&ring.control.sequence, ring.sequence)
    store_release(&ring.control.written, ring.position)


cdef struct RingView:             # a reader's private view; it writes nothing to the ring
    const RingControl* control
    const char* base
    uint64_t capacity
    uint64_t position             # absolute, of the next record to read
    uint64_t sequence             # the next record expected
    uint64_t received             # records taken
    uint64_t lost                 # records missed, exactly
    uint64_t laps                 # times the writer overtook this reader


cdef inline void ring_enter(RingView* view) noexcept nogil:
    """Go to the published record start; what was missed is counted when the next record is taken."""
    cdef uint64_t rejoin = load_acquire(&view.control.rejoin)
    if rejoin > view.position:
        view.position = rejoin
        view.laps += 1


# The next record, in place, or NULL when there is none yet. It may be overwritten while it is looked at: copy
# ring_length() bytes of it, then ask ring_take(); only if that says yes was the copy whole.
cdef inline const RecordHeader* ring_peek(RingView* view) noexcept nogil:
    cdef const RecordHeader* record
    cdef uint64_t length
    while True:
        record = ring_at(view.base, view.capacity, view.position)
        if load_acquire(&record.stamp) != view.position + 1:
            if unlikely(load_relaxed(&view.control.intent) > view.position + view.capacity):
                ring_enter(view)
                if load_relaxed(&view.control.intent) <= view.position + view.capacity:
                    continue
            return NULL
        if unlikely(record.type == RECORD_PAD):
            length = record.length
            fence_acquire()
            if load_relaxed(&view.control.intent) > view.position + view.capacity:
                ring_enter(view)
            else:
                view.position += length
            continue
        return record


# Neither a record nor a lap: ring_peek() would find nothing. Changes nothing itself.
cdef inline bint ring_empty(const RingView* view) noexcept nogil:
    return (
        load_acquire(&ring_at(view.base, view.capacity, view.position).stamp) != view.position + 1
        and load_relaxed(&view.control.intent) <= view.position + view.capacity
    )


# How many bytes of a peeked record may be copied: its length, within the ring whatever it reads.
cdef inline uint64_t ring_length(const RingView* view, const RecordHeader* record) noexcept nogil:
    cdef uint64_t length = record.length
    cdef uint64_t most = view.capacity - (view.position & (view.capacity - 1))
    if most > view.capacity >> 3:
        most = view.capacity >> 3
    return length if length <= most else most


# Ask for all lines of a peeked record at once, before they are needed one after the other.
cdef inline void ring_fetch(const RecordHeader* record, uint64_t length) noexcept nogil:
    cdef uint64_t offset = 64
    while offset < length and offset < FETCH_BYTES:
        fetch_to_read(<const char*>record + offset)
        offset += 64


# After the copy: True when it was whole, and the view moves on by its length; False when the writer has lapped it.
cdef inline bint ring_take(RingView* view, uint64_t sequence, uint64_t length) noexcept nogil:
    fence_acquire()
    if unlikely(load_relaxed(&view.control.intent) > view.position + view.capacity):
        ring_enter(view)
        return False
    view.position += length
    view.lost += sequence - view.sequence
    view.sequence = sequence + 1
    view.received += 1
    return True


# Enter a ring for the first time, at the rejoin point; its record gives the first sequence expected.
cdef inline void ring_start(RingView* view) noexcept nogil:
    cdef const RecordHeader* record
    cdef uint64_t sequence
    view.position = view.received = view.lost = view.laps = 0
    view.sequence = 1
    while True:
        view.position = load_acquire(&view.control.rejoin)
        if view.position == 0:
            return
        record = ring_at(view.base, view.capacity, view.position)
        sequence = record.sequence
        fence_acquire()
        if load_relaxed(&view.control.intent) <= view.position + view.capacity:
            view.sequence = sequence
            return


# Pass over what is there without counting it, so that the next record is a new one.
cdef inline void ring_skip(RingView* view) noexcept nogil:
    cdef const RecordHeader* record = ring_peek(view)
    while record != NULL:
        ring_take(view, record.sequence, ring_length(view, record))
        record = ring_peek(view)
    view.received = view.lost = view.laps = 0


cdef class RingReader:
    cdef RingView view
    cdef readonly object memory   # keeps the mapping alive
