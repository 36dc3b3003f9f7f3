"""Loops for the benches that must not be Python: both sides of a hand-over, a frame sender, a listener that does nothing.

All clocks are CLOCK_MONOTONIC. Every function here is called with processes already pinned.
"""
cimport cython
from cpython.buffer cimport PyBUF_CONTIG, PyBUF_CONTIG_RO, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from picows.picows cimport WSFrame, WSListener, WSMsgType, WSTransport

from connector._speedups.atomics cimport (
    load_acquire, load_relaxed, monotonic_ns, pause, store_relaxed, store_release,
)
from connector._speedups.book cimport BookC, BookStatus, book_apply, book_free, book_new, book_top
from connector._speedups.layout cimport (
    BboCell, BookDeltaBody, Level, LevelsCell, RECORD_BBO, RECORD_BOOK_DELTA, RecordHeader, RingControl, SegmentHeader,
)
from connector._speedups.ring cimport (
    Ring, RingView, ring_claim, ring_commit, ring_fetch, ring_length, ring_peek, ring_skip, ring_start, ring_take,
)
from connector._speedups.segment cimport Mapping, Segment
from connector._speedups.seqlock cimport cell_begin, cell_end, cell_read

cdef extern from "sys/socket.h" nogil:
    ssize_t send(int fd, const void* data, size_t size, int flags)

cdef enum:
    LINE = 64
    FROM_CLAIM = 0                # latency counted from a clock read before the record is claimed
    FROM_PUBLISH = 1              # from the clock that ring_commit reads itself


cdef inline void wait_until(int64_t due_ns) noexcept nogil:
    while monotonic_ns() < due_ns:
        pause()


# ---------------------------------------------------------------- hand-over between two processes

def bare_write(uint64_t[::1] area, uint64_t first, int lines, int count, int64_t gap_ns):
    """The floor: ``count`` times so many cache lines, written and then stamped; ``first`` numbers them."""
    cdef uint64_t slots = <uint64_t>area.shape[0] // 8 // <uint64_t>lines, number
    cdef int64_t due = monotonic_ns()
    cdef int64_t now
    cdef uint64_t* line
    cdef char body[8192]
    memset(body, 7, sizeof(body))
    with nogil:
        for number in range(first, first + <uint64_t>count):
            due += gap_ns
            wait_until(due)
            line = &area[number % slots * <uint64_t>lines * 8]
            now = monotonic_ns()
            if lines > 1:
                memcpy(line + 8, body, (lines - 1) * LINE)
            line[1] = <uint64_t>now
            store_release(line, number + 1)


def bare_read(const uint64_t[::1] area, uint64_t first, int lines, int64_t[::1] latencies):
    """The other side of ``bare_write``; more than one line are copied whole before the clock is read."""
    cdef uint64_t slots = <uint64_t>area.shape[0] // 8 // <uint64_t>lines, number
    cdef const uint64_t* line
    cdef char buffer[8192]
    cdef Py_ssize_t index
    with nogil:
        for index in range(latencies.shape[0]):
            number = first + <uint64_t>index
            line = &area[number % slots * <uint64_t>lines * 8]
            while load_acquire(line) != number + 1:
                pause()
            if lines > 1:
                ring_fetch(<const RecordHeader*>line, lines * LINE)
                memcpy(buffer, line, lines * LINE)
                latencies[index] = monotonic_ns() - <int64_t>(<uint64_t*>buffer)[1]
            else:
                latencies[index] = monotonic_ns() - <int64_t>line[1]


def ring_write(Segment segment, int length, int count, int64_t gap_ns, bint depth=False):
    """``count`` records of ``length`` bytes, header included; recv_ns is read before the claim.

    They are BBOs, with ``depth`` BookDeltas of as many levels as fit.
    """
    cdef RecordHeader* record
    cdef int64_t due = monotonic_ns(), now
    cdef uint16_t type = RECORD_BOOK_DELTA if depth else RECORD_BBO
    cdef char body[8192]
    memset(body, 7, sizeof(body))
    (<BookDeltaBody*>body).bids = (length - 96) // 16
    (<BookDeltaBody*>body).asks = 0
    with nogil:
        for _ in range(count):
            due += gap_ns
            wait_until(due)
            now = monotonic_ns()
            record = ring_claim(&segment.ring, length)
            record.type = type
            record.recv_ns = now
            memcpy(record + 1, body, length - 64)
            ring_commit(&segment.ring, record, length)


@cython.final
cdef class Reader:
    """A native reader of a market segment, from its newest record on."""

    cdef RingView view
    cdef Mapping memory

    def __init__(self, Mapping memory not None):
        cdef SegmentHeader* header = <SegmentHeader*>memory.base
        self.memory = memory
        self.view.control = <RingControl*>(memory.base + header.control_offset)
        self.view.base = memory.base + header.ring_offset
        self.view.capacity = header.ring_capacity
        ring_start(&self.view)
        ring_skip(&self.view)

    @property
    def lost(self):
        return self.view.lost

    def read(self, int64_t[::1] latencies, int since=FROM_CLAIM):
        """Spin for one record after the other, each copied whole; its age when the copy was known to be good."""
        cdef const RecordHeader* record
        cdef RecordHeader* copy
        cdef char buffer[1 << 16]
        cdef uint64_t length
        cdef Py_ssize_t index = 0
        copy = <RecordHeader*>buffer
        with nogil:
            while index < latencies.shape[0]:
                record = ring_peek(&self.view)
                if record == NULL:
                    pause()
                    continue
                length = ring_length(&self.view, record)
                ring_fetch(record, length)
                memcpy(buffer, record, length)
                if ring_take(&self.view, copy.sequence, length):
                    latencies[index] = monotonic_ns() - (copy.publish_ns if since else copy.recv_ns)
                    index += 1

    def skip(self):
        ring_skip(&self.view)


# ---------------------------------------------------------------- frames over a socket

@cython.final
cdef class Nothing(WSListener):
    """The floor of the path: notes when each frame was there and does nothing else."""

    cdef int64_t[::1] times
    cdef uint64_t[::1] seen       # one shared word: frames so far

    def __init__(self, int64_t[::1] times, uint64_t[::1] seen):
        self.times = times
        self.seen = seen

    cpdef on_ws_frame(self, WSTransport transport, WSFrame frame):
        cdef uint64_t number
        if frame.msg_type == WSMsgType.TEXT:
            number = load_relaxed(&self.seen[0])
            self.times[number % <uint64_t>self.times.shape[0]] = monotonic_ns()
            store_release(&self.seen[0], number + 1)


cdef inline int write_all(int fd, const char* data, size_t size) noexcept nogil:
    cdef ssize_t done
    while size:
        done = send(fd, data, size, 0)
        if done <= 0:
            return -1
        data += done
        size -= <size_t>done
    return 0


def send_to_nothing(
    int fd, const uint8_t[::1] frames, const int64_t[::1] ends, const int64_t[::1] due_ns, const int64_t[::1] times,
    const uint64_t[::1] seen, int64_t[::1] latencies,
):
    """Send frame i at ``due_ns[i]`` (open loop); latency = when ``Nothing`` had it, less when it was due.

    ``ends[i]``: where frame i ends in ``frames``; ``ends[i - 1]`` begins it, ``ends[-1]`` of the array is not special.
    """
    cdef Py_ssize_t sent = 0, got = 0, count = due_ns.shape[0]
    cdef uint64_t first = load_acquire(&seen[0])
    cdef int64_t start
    with nogil:
        while got < count:
            if sent < count and monotonic_ns() >= due_ns[sent]:
                start = ends[sent - 1] if sent else 0
                if write_all(fd, <const char*>&frames[start], ends[sent] - start):
                    break
                sent += 1
            while got < sent and load_acquire(&seen[0]) > first + <uint64_t>got:
                latencies[got] = times[(first + <uint64_t>got) % <uint64_t>times.shape[0]] - due_ns[got]
                got += 1
            pause()
    return got


def send_and_read(
    int fd, const uint8_t[::1] frames, const int64_t[::1] ends, const int64_t[::1] due_ns, Reader reader,
    int type, int64_t[::1] latencies, int64_t[::1] hidden,
):
    """The same, but the strategy is a native ring reader: latency = copied record in hand, less when it was due.

    Only records of ``type`` count, one a frame. ``hidden[i]``: how much of that passed before the connector's own callback stamp.
    """
    cdef Py_ssize_t sent = 0, got = 0, count = due_ns.shape[0]
    cdef const RecordHeader* record
    cdef char buffer[1 << 16]
    cdef RecordHeader* copy = <RecordHeader*>buffer
    cdef uint64_t length
    cdef int64_t start
    with nogil:
        while got < count:
            if sent < count and monotonic_ns() >= due_ns[sent]:
                start = ends[sent - 1] if sent else 0
                if write_all(fd, <const char*>&frames[start], ends[sent] - start):
                    break
                sent += 1
            record = ring_peek(&reader.view)
            if record != NULL:
                length = ring_length(&reader.view, record)
                ring_fetch(record, length)
                memcpy(buffer, record, length)
                if ring_take(&reader.view, copy.sequence, length) and copy.type == type:
                    latencies[got] = monotonic_ns() - due_ns[got]
                    hidden[got] = copy.recv_ns - due_ns[got]
                    got += 1
            else:
                pause()
    return got


def send_now(int fd, const uint8_t[::1] frames, int64_t begin, int64_t end):
    """Send one frame; for strategies that are read in Python."""
    return write_all(fd, <const char*>&frames[begin], end - begin)


def send_chunks(int fd, const uint8_t[::1] data, int64_t chunk):
    """Everything, ``chunk`` bytes a write, as fast as the socket takes it; nanoseconds it took."""
    cdef int64_t begin = monotonic_ns(), offset = 0, size
    with nogil:
        while offset < data.shape[0]:
            size = data.shape[0] - offset
            if size > chunk:
                size = chunk
            if write_all(fd, <const char*>&data[offset], size):
                break
            offset += size
    return monotonic_ns() - begin


# ---------------------------------------------------------------- kernels

def commit_loop(Segment segment, int length, int count):
    """Claim and commit ``count`` records whose body is not written; ns."""
    cdef int64_t begin = monotonic_ns()
    cdef RecordHeader* record
    for _ in range(count):
        record = ring_claim(&segment.ring, length)
        record.type = RECORD_BBO
        ring_commit(&segment.ring, record, length)
    return monotonic_ns() - begin


def clock_loop(int count):
    """``count`` reads of the clock; ns. One of them is inside each commit."""
    cdef int64_t begin = monotonic_ns()
    for _ in range(count):
        monotonic_ns()
    return monotonic_ns() - begin


def cell_loops(int count):
    """(write, read) of one BBO cell by one thread, ns for ``count``."""
    cdef BboCell cell, copy
    cdef int64_t begin, written
    cdef int64_t sum = 0
    memset(&cell, 0, sizeof(cell))
    begin = monotonic_ns()
    for number in range(count):
        cell_begin(&cell.word)
        cell.bid_price_e = number
        cell.bid_qty_e = number
        cell.ask_price_e = number
        cell.ask_qty_e = number
        cell.update_id = number
        cell.venue_ns = number
        cell.recv_ns = number
        cell_end(&cell.word, 2)
    written = monotonic_ns() - begin
    begin = monotonic_ns()
    for number in range(count):
        if cell_read(&cell, &copy, sizeof(cell)):
            sum += copy.update_id
    assert sum == <int64_t>(count - 1) * count
    return written, monotonic_ns() - begin


@cython.final
cdef class Books:
    """Full books in C, and delta levels to apply to them round robin."""

    cdef BookC* books[500]
    cdef readonly int count
    cdef LevelsCell cells[500]

    def __init__(self, int count, int64_t tick_e, const int64_t[::1] bids, const int64_t[::1] asks):
        """``count`` (at most 500) equal books; flat ``[price_e, qty_e, ...]`` sides, best first."""
        cdef int index
        cdef Py_ssize_t b = bids.shape[0] // 2, a = asks.shape[0] // 2
        cdef bytearray joined = bytearray(bids) + bytearray(asks)
        cdef char* levels = joined
        if not 0 < count <= 500:
            raise ValueError("1 to 500 books")
        for index in range(count):
            self.books[index] = book_new(tick_e, (bids[0] + asks[0]) // 2)
            if self.books[index] == NULL:
                raise MemoryError()
            self.count = index + 1
            if book_apply(self.books[index], <const Level*>levels, b, a) != BookStatus.BOOK_OK:
                raise MemoryError()

    def __dealloc__(self):
        for index in range(self.count):
            book_free(self.books[index])

    def apply(self, const int64_t[::1] levels, const int64_t[::1] sizes, bint top, int64_t[::1] spent_ns):
        """Each message to every book in turn; ns of each. ``sizes``: bids and asks of each message, flat."""
        cdef Py_ssize_t message, offset
        cdef int index
        cdef int64_t begin = monotonic_ns()
        with nogil:
            offset = 0
            for message in range(sizes.shape[0] // 2):
                begin = monotonic_ns()
                for index in range(self.count):
                    book_apply(
                        self.books[index], <const Level*>&levels[offset], sizes[2 * message], sizes[2 * message + 1]
                    )
                    if top:
                        book_top(self.books[index], &self.cells[index])
                offset += 2 * (sizes[2 * message] + sizes[2 * message + 1])
                spent_ns[message] = monotonic_ns() - begin
