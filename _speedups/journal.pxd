# The journal of a strategy: every command and every report of it, in order. Entries are records as the rings have them;
# in the journal a header's stamp is a CRC-32C of the entry and of its position, and the word that holds its length is
# stored last. An entry whose length is 0 is none.
#
# Positions are absolute bytes over the journal's whole life. Reports are numbered densely from 1; what only the journal
# holds (types below RECORD_COMMAND_ANSWER) carries the number of the last report. The body of RECORD_INSTRUMENT_CHANGE is
# the InstrumentEntry that the number of the instrument stands for from there on.
from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memset

from .atomics cimport fetch_to_write, load_acquire, monotonic_ns, store_relaxed, store_release, unlikely
from .layout cimport RECORD_COMMAND_ANSWER, RecordHeader
from .ring cimport ring_round

cdef extern from "sched.h" nogil:
    ctypedef struct cpu_set_t:
        pass

cdef extern from "journal_entry.h" nogil:
    const uint64_t JOURNAL_LIVE_MAGIC, JOURNAL_LOG_MAGIC
    enum:
        JOURNAL_NAME

    ctypedef struct LiveHead:
        uint64_t magic, abi_hash, capacity, identity, base
        uint64_t written, sequence
        uint64_t durable, fault, caught_ns

    ctypedef struct LogHead:
        uint64_t magic, abi_hash, identity, position, sequence
        int64_t wall_ns
        uint64_t closed

    ctypedef struct JournalDrain:
        JournalDrain* next
        LiveHead* head
        const char* base
        uint64_t mask, copied
        LogHead log
        int fd, folder
        int64_t retry_ns
        uint64_t faults, bytes, syncs, files
        char name[128]

    ctypedef struct JournalThread:
        JournalDrain* first
        int64_t pause_ns
        uint64_t stop, finished, running
        cpu_set_t cpus

    uint64_t journal_word(uint64_t length, uint64_t type, uint64_t flags) noexcept
    uint64_t journal_stamp(uint64_t position, uint64_t word, const char* entry, uint64_t length) noexcept
    int64_t journal_check(const char* entry, uint64_t position, uint64_t room) noexcept

cdef enum:
    MARK_SHIFT = 16               # one mark in 64 KiB

cdef struct Mark:                 # where to begin looking for a report
    uint64_t position             # the first entry of a block
    uint64_t sequence             # the last report before it

cdef struct Tape:                 # the appender's private view of a live file
    LiveHead* head
    char* base
    uint64_t capacity             # bytes, a power of two
    uint64_t position             # absolute, where the next entry goes
    uint64_t sequence             # of the last report
    uint64_t room                 # nothing at or past this may be written: what lies there is not on disk yet
    uint64_t lost                 # entries that found no room
    Mark* marks


cdef inline RecordHeader* tape_at(const Tape* tape, uint64_t position) noexcept nogil:
    return <RecordHeader*>(tape.base + (position & (tape.capacity - 1)))


# Reserves max_bytes (header included) and returns where to write, its header zeroed; nothing is there yet. Length, type
# and flags are not the caller's to write. NULL: the disk is a whole ring behind. Dropping the pointer is the abort.
cdef inline RecordHeader* tape_claim(Tape* tape, uint64_t max_bytes) noexcept nogil:
    cdef uint64_t past = tape.position + ring_round(max_bytes) + 64
    cdef RecordHeader* entry = tape_at(tape, tape.position)
    if unlikely(past > tape.room):
        tape.room = load_acquire(&tape.head.durable) + tape.capacity
        if past > tape.room:
            return NULL
    fetch_to_write(tape_at(tape, tape.position + 64))
    memset(<char*>entry + 16, 0, 48)
    return entry


# The claimed entry, of its true length with header, is there. Returns the number of the last report: its own, if it is
# one. A process that is killed has written it whole or not at all.
cdef inline uint64_t tape_commit(
    Tape* tape, RecordHeader* entry, uint64_t length, uint64_t type, uint64_t flags, int64_t now_ns
) noexcept nogil:
    cdef uint64_t size = ring_round(length)
    cdef uint64_t word = journal_word(size, type, flags)
    cdef Mark* mark = tape.marks + (tape.position >> MARK_SHIFT & ((tape.capacity >> MARK_SHIFT) - 1))
    if mark.position >> MARK_SHIFT != tape.position >> MARK_SHIFT:
        mark.position = tape.position
        mark.sequence = tape.sequence
    memset(<char*>entry + length, 0, size - length)
    store_relaxed(<uint64_t*>tape_at(tape, tape.position + size) + 1, 0)
    if type >= RECORD_COMMAND_ANSWER:
        tape.sequence += 1
    entry.sequence = tape.sequence
    entry.publish_ns = now_ns
    entry.stamp = journal_stamp(tape.position, word, <char*>entry, size)
    store_release(<uint64_t*>entry + 1, word)
    tape.position += size
    tape.head.sequence = tape.sequence
    store_release(&tape.head.written, tape.position)
    return tape.sequence


cdef class Journal:
    cdef Tape tape
    cdef JournalDrain* drain      # the thread's; never freed while it may run
    cdef readonly bint started
    cdef readonly uint64_t command  # number of the last command
    cdef object __weakref__
    cdef void mark(self, uint64_t position, uint64_t sequence) noexcept nogil
    cdef uint64_t window(self) noexcept nogil
    # Are there so many bytes of entries left?
    cdef bint fits(self, uint64_t size) noexcept nogil
    # Begin at the first byte again; of a scratch journal.
    cdef void anew(self) noexcept nogil
    # Bring where the next entries go into the caches; nothing comes of it.
    cdef uint64_t rehearse(self, uint64_t size) noexcept nogil
    # Where the body of the next entry goes, if it fits: for `put_here`, and what is there is its own.
    cdef void* here(self, uint64_t size) noexcept nogil
    cdef uint64_t put_here(
        self, uint16_t kind, uint64_t size, uint32_t instrument, uint16_t venue, uint16_t account, int64_t venue_ns,
        int64_t recv_ns, uint64_t order_key, int64_t now_ns
    ) noexcept nogil
    # One entry that fits; `recv_ns` and `order_key` as in its header. The number of the last report.
    cdef uint64_t put(
        self, uint16_t kind, const void* body, uint64_t size, uint32_t instrument, uint16_t venue, uint16_t account,
        int64_t venue_ns, int64_t recv_ns, uint64_t order_key
    ) noexcept nogil


# One that nobody reads, for rehearsals.
cdef Journal scratch_journal()


cdef class Drain:
    cdef JournalThread* thread
    cdef list journals
    # Does a journal's disk refuse, or is more than so much behind?
    cdef bint late(self, uint64_t most_bytes, int64_t most_ns, int64_t now_ns) noexcept nogil
