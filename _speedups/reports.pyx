"""Hands a strategy its reports: a read position in its journal, and the report ring of its session.

That the strategy lags and that it comes back after a while is the same: what it has not taken is still in the journal,
in memory or on disk. Entries of earlier runs are handed over with the numbers that accounts and places in the directory
have in this one.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy

from .atomics cimport load_acquire, store_relaxed, store_release, unlikely
from .bell cimport Bell
from .journal cimport Journal, journal_check, tape_at
from .layout cimport (
    CONNECTOR_INTENT_BLOCK, CONNECTOR_MAGIC_DOWN, CONNECTOR_MAGIC_UP, RECORD_CHECKPOINT, RECORD_COMMAND_ANSWER,
    RECORD_INSTRUMENT_CHANGE, RecordHeader, RingControl, SessionDown, SessionUp,
)
from .renumbering cimport Renumbering
from .ring cimport RING_MIN_BYTES, Ring, ring_at, ring_claim
from .segment cimport Mapping

cdef enum:
    PAGE = 4096

CONTROL_OFFSET = PAGE
"""Where ``RingControl`` lies in a trading session's ``down``."""
RING_OFFSET = 2 * PAGE
"""Where the report ring lies in it, to its end."""
TAKEN, HELD, DISK, ENDED = 0, 1, 2, 3

cdef enum State:
    ALL_HANDED = 0
    RING_FULL = 1
    FROM_DISK = 2
    BROKEN = 3


# False: what the strategy has not taken yet would have to go.
cdef inline bint reports_put(Ring* ring, uint64_t cursor, const RecordHeader* entry) noexcept nogil:
    cdef uint64_t size = entry.length
    cdef uint64_t left = ring.capacity - (ring.position & (ring.capacity - 1))
    cdef uint64_t past = ring.position + size + 64 + (left if left < size else 0)
    cdef uint64_t position
    cdef RecordHeader* record
    past = (past + CONNECTOR_INTENT_BLOCK - 1) & ~(<uint64_t>CONNECTOR_INTENT_BLOCK - 1)
    if past > ring.intent and past > cursor + ring.capacity:
        return False
    record = ring_claim(ring, size)
    position = ring.position
    memcpy(<char*>record + 8, <const char*>entry + 8, size - 8)
    store_relaxed(&ring_at(ring.base, ring.capacity, position + size).stamp, 0)
    store_release(&record.stamp, position + 1)
    ring.position = position + size
    ring.sequence = entry.sequence + 1
    if unlikely(position >= ring.rejoin_due):
        ring.rejoin_due = position + CONNECTOR_INTENT_BLOCK
        store_release(&ring.control.rejoin, position)
    store_relaxed(&ring.control.sequence, ring.sequence)
    store_release(&ring.control.written, ring.position)
    return True


cdef class Reports:
    """Writes the report ring behind ``down``: the reports after number ``resume`` of ``journal``.

    ``up``, ``down``: the session's mappings; ``position``: of an entry of the journal, with no report after
    ``resume`` before it. ``bell`` is touched when there was something. ``earlier`` translates what stands before
    position ``begun``, the first of this run; ``position`` is then that of a checkpoint. ``state`` is TAKEN
    (everything was handed over), HELD (the ring is full), DISK (the next entry is not in memory: ``feed`` it) or
    ENDED: the strategy's report cursor cannot be, ``why`` says it, and nothing is handed over any more."""

    def __init__(
        self, Journal journal not None, Mapping up not None, Mapping down not None, uint64_t position, uint64_t resume,
        Bell bell=None, Renumbering earlier=None, uint64_t begun=0,
    ):
        cdef size_t capacity = down.size - 2 * PAGE
        if up.size < sizeof(SessionUp) or (<SessionUp*>up.base).magic != CONNECTOR_MAGIC_UP:
            raise ValueError("not a session's `up` segment")
        if (
            down.size < 2 * PAGE + RING_MIN_BYTES or capacity & (capacity - 1) or not down.writable
            or (<SessionDown*>down.base).magic != CONNECTOR_MAGIC_DOWN
        ):
            raise ValueError("not the `down` segment of a session that trades")
        self.journal, self.up, self.down, self.bell = journal, up, down, bell
        self.page = <const SessionUp*>up.base
        self.ring.control = <RingControl*>(down.base + PAGE)
        self.ring.base = down.base + 2 * PAGE
        self.ring.capacity = capacity
        self.ring.sequence = self.ring.control.sequence = resume + 1
        self.position, self.handed = position, resume
        self.earlier, self.begun = earlier, begun if earlier is not None else 0
        self.why = ""

    @property
    def sequence(self):
        """Number of the last report in the ring; before the first one, ``resume``."""
        return self.handed

    @property
    def written(self):
        """The ring's absolute position behind the last report."""
        return self.ring.position

    @property
    def taken(self):
        """Up to where the strategy has taken the ring, as it was looked at last."""
        return self.cursor

    cdef bint look(self) noexcept:
        """Look at the report cursor; False: it cannot be."""
        cdef uint64_t cursor
        if self.state == BROKEN:
            return False
        cursor = load_acquire(&self.page.report_cursor)
        if unlikely(cursor < self.cursor or cursor > self.ring.position):
            self.why = f"its report cursor is {cursor}, not between {self.cursor} and {self.ring.position}"
            self.state = BROKEN
            return False
        self.cursor = cursor
        return True

    cdef bint hand(self, const RecordHeader* entry) noexcept nogil:
        if entry.type >= RECORD_COMMAND_ANSWER and entry.sequence > self.handed:
            if not reports_put(&self.ring, self.cursor, entry):
                return False
            self.handed = entry.sequence
        self.position += entry.length
        return True

    cdef bint hand_earlier(self, const RecordHeader* entry) except -1:
        """The same for an entry of an earlier run."""
        cdef RecordHeader* record
        cdef bint whole
        if entry.type == RECORD_CHECKPOINT or entry.type == RECORD_INSTRUMENT_CHANGE:
            self.earlier.learn(entry)
        if entry.type < RECORD_COMMAND_ANSWER or entry.sequence <= self.handed:
            self.position += entry.length
            return True
        if entry.length > sizeof(self.translated):
            raise ValueError(f"a report of {entry.length:,} bytes at position {self.position} of the journal")
        record = <RecordHeader*>self.translated
        memcpy(record, entry, entry.length)
        whole = self.earlier.translate(record)
        if not self.hand(record):
            return False
        self.unplaced += not whole
        return True

    cdef int now(self, int state, uint64_t before) noexcept:
        self.held += state == RING_FULL and self.state != RING_FULL
        self.state = state
        if self.ring.position != before and self.bell is not None:
            self.bell.touched()
        return state

    cpdef int pump(self):
        """Hand over what there is in memory; returns ``state``."""
        cdef uint64_t before = self.ring.position
        cdef int state = ALL_HANDED
        if not self.look():
            return BROKEN
        if self.position < self.journal.window():
            return self.now(FROM_DISK, before)
        while self.position < self.begun:
            if not self.hand_earlier(tape_at(&self.journal.tape, self.position)):
                return self.now(RING_FULL, before)
        while self.position < self.journal.tape.position:
            if not self.hand(tape_at(&self.journal.tape, self.position)):
                state = RING_FULL
                break
        return self.now(state, before)

    def feed(self, bytes data not None):
        """Hand over whole entries as they lie on disk from ``position`` on; returns ``state``.

        ``position`` stands behind what was handed over. ValueError: garbled, at ``position``."""
        cdef uint64_t before = self.ring.position, offset = 0
        cdef uint64_t size = PyBytes_GET_SIZE(data)
        cdef const char* base = PyBytes_AS_STRING(data)
        cdef const RecordHeader* entry
        cdef int64_t length
        if not self.look():
            return BROKEN
        while offset < size:
            length = journal_check(base + offset, self.position, size - offset)
            if length <= 0:
                self.now(FROM_DISK, before)
                raise ValueError(f"no whole entry at position {self.position} of the journal")
            entry = <const RecordHeader*>(base + offset)
            if not (self.hand_earlier(entry) if self.position < self.begun else self.hand(entry)):
                return self.now(RING_FULL, before)
            offset += length
        return self.now(FROM_DISK, before)

    def skip(self, uint64_t position):
        """Go on at a later position: what lies between is lost, and its numbers will be missed."""
        if position < self.position:
            raise ValueError(f"{position} lies before {self.position}")
        if self.earlier is not None:
            self.earlier.forget()     # what numbers mean from there on is said at a checkpoint
        self.position = position
