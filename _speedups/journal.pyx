"""Journals: appended to in memory that outlives the process, copied to disk by a thread that never takes the GIL."""

import os

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.errno cimport errno
from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset
from posix.unistd cimport close

from .atomics cimport load_acquire, load_relaxed, monotonic_ns, store_release
from .journal cimport (
    JOURNAL_LIVE_MAGIC, JOURNAL_LOG_MAGIC, JOURNAL_NAME, Journal, JournalDrain, JournalThread, LiveHead, LogHead,
    MARK_SHIFT, Mark, journal_check, tape_at, tape_claim, tape_commit,
)
from .layout cimport (
    CONNECTOR_ABI_HASH, RECORD_CHECKPOINT, RECORD_CHECKPOINT_PART, RECORD_COMMAND, RECORD_COMMAND_ANSWER, RecordHeader,
)
from .layout_orders cimport Command
from .ring cimport RING_MIN_BYTES

cdef extern from "sched.h" nogil:
    void CPU_SET(int cpu, cpu_set_t* cpus) noexcept

cdef extern from "journal.h" nogil:
    char* journal_map(int fd, uint64_t capacity, LiveHead** head) noexcept
    void journal_unmap(char* base, uint64_t capacity) noexcept
    int journal_begin(int folder, const char* name, LogHead* log) noexcept
    int journal_start(JournalThread* thread) noexcept
    bint journal_wait(const JournalThread* thread, int64_t timeout_ns) noexcept

cdef enum:
    HEAD = sizeof(RecordHeader)
    PAGE = 4096

LIVE_MAGIC = JOURNAL_LIVE_MAGIC
LOG_MAGIC = JOURNAL_LOG_MAGIC
MAX_REPORT = (RING_MIN_BYTES >> 3) - HEAD
"""Bytes of the longest body a report may have: every report ring takes it."""
MIN_CAPACITY = 1 << 18


def check(data, uint64_t position, size_t offset=0):
    """The length of the entry at ``offset`` of ``data``, which is the one at ``position`` of its journal.

    0: there is none; -1: it is garbled or cut off."""
    cdef Py_buffer view
    cdef int64_t length = 0
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        if offset < <size_t>view.len:
            length = journal_check(<const char*>view.buf + offset, position, view.len - offset)
    finally:
        PyBuffer_Release(&view)
    return length


cdef inline uint64_t number_of(const Command* command, uint64_t last) noexcept nogil:
    """A strategy's last command, after this one: those the connector gave itself have the highest bit, and do not count."""
    return last if command.stamp >> 63 else command.stamp


cdef class Walk:
    """What was found from a position on: entries up to ``end``, behind which there is nothing or, if ``garbled``,
    something that is no whole entry."""

    cdef readonly uint64_t end, entries, sequence, before, checkpoint, command
    cdef readonly bint garbled, whole
    cdef bint parts

    cdef void step(self, const RecordHeader* entry, uint64_t position) noexcept nogil:
        if self.entries == 0:
            self.before = entry.sequence - (1 if entry.type >= RECORD_COMMAND_ANSWER else 0)
        if entry.type == RECORD_CHECKPOINT:
            self.checkpoint, self.parts = position, True
        if self.parts and entry.update_id and (
            entry.type == RECORD_CHECKPOINT or entry.type == RECORD_CHECKPOINT_PART
        ):
            self.whole = True
        elif entry.type == RECORD_COMMAND and entry.length > HEAD:
            self.command = number_of(<const Command*>(entry + 1), self.command)
        self.entries += 1
        self.sequence = entry.sequence
        self.end += entry.length


def walk(data, uint64_t position, size_t offset=0):
    """Check every entry of ``data`` from ``offset`` on, where ``position`` of the journal is.

    The result's ``checkpoint`` is the position of the last CHECKPOINT (without one, ``position``), its ``before`` the
    last report before the first entry, its ``whole`` whether a checkpoint was found with its last part, its
    ``command`` the number of the last command (0: none was found)."""
    cdef Py_buffer view
    cdef Walk found = Walk.__new__(Walk)
    cdef int64_t length = 1
    found.end = found.checkpoint = position
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        with nogil:
            while length > 0 and offset < <size_t>view.len:
                length = journal_check(<const char*>view.buf + offset, found.end, view.len - offset)
                if length > 0:
                    found.step(<const RecordHeader*>(<const char*>view.buf + offset), found.end)
                    offset += length
    finally:
        PyBuffer_Release(&view)
    found.garbled = length < 0
    return found


def seek(data, uint64_t sequence, size_t offset=0):
    """The offset of the first report after number ``sequence``; without one, where the entries end. Checks nothing."""
    cdef Py_buffer view
    cdef const RecordHeader* entry
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        with nogil:
            while offset + HEAD <= <size_t>view.len:
                entry = <const RecordHeader*>(<const char*>view.buf + offset)
                if entry.length < HEAD or entry.length & 63 or entry.length > <size_t>view.len - offset:
                    break
                if entry.type >= RECORD_COMMAND_ANSWER and entry.sequence > sequence:
                    break
                offset += entry.length
    finally:
        PyBuffer_Release(&view)
    return offset


def begin_log(int folder, bytes name, uint64_t identity, uint64_t position, uint64_t sequence, int64_t wall_ns):
    """Make the log file whose first entry stands at ``position``, in the directory open as ``folder``; its descriptor.

    ``sequence``: of the first report that may follow. OSError when the disk refuses; then there is no file."""
    cdef LogHead log
    cdef int fd
    if len(name) >= JOURNAL_NAME:
        raise ValueError(f"the name has {len(name)} bytes, {JOURNAL_NAME - 1} fit: {name!r}")
    memset(&log, 0, sizeof(log))
    log.magic, log.abi_hash, log.identity = JOURNAL_LOG_MAGIC, CONNECTOR_ABI_HASH, identity
    log.position, log.sequence, log.wall_ns = position, sequence, wall_ns
    fd = journal_begin(folder, name, &log)
    if fd < 0:
        raise OSError(errno, f"cannot begin a log file of {name.decode()!r}: {os.strerror(errno)}")
    return fd


def create_live(int fd, uint64_t capacity, uint64_t identity, uint64_t position, uint64_t sequence):
    """Make an empty file the live file of a journal that stands at ``position``; all its memory is paid for."""
    cdef LiveHead head
    if capacity < MIN_CAPACITY or capacity & (capacity - 1):
        raise ValueError(f"capacity must be a power of two of at least {MIN_CAPACITY}, not {capacity}")
    os.posix_fallocate(fd, 0, PAGE + capacity)
    memset(&head, 0, sizeof(head))
    head.magic, head.abi_hash, head.capacity, head.identity = JOURNAL_LIVE_MAGIC, CONNECTOR_ABI_HASH, capacity, identity
    head.base = head.written = head.durable = position
    head.sequence = sequence
    os.pwrite(fd, PyBytes_FromStringAndSize(<char*>&head, sizeof(head)), 0)


cdef class Journal:
    """One strategy's journal, as its one writer maps its live file; ``fd`` stays the caller's to close.

    ``scan`` finds what is there, ``start`` says where to go on. OSError when it cannot be mapped, ValueError when it
    is no live file."""

    def __init__(self, int fd):
        cdef char* base
        cdef LiveHead* head = NULL
        cdef bytes first = os.pread(fd, sizeof(LiveHead), 0)
        if len(first) < <Py_ssize_t>sizeof(LiveHead):
            raise ValueError("not a live file of a journal: too short")
        memcpy(&self.tape.capacity, <const char*>first + 16, 8)
        if (
            (<uint64_t*><const char*>first)[0] != JOURNAL_LIVE_MAGIC
            or self.tape.capacity < MIN_CAPACITY or self.tape.capacity & (self.tape.capacity - 1)
            or <uint64_t>os.fstat(fd).st_size < PAGE + self.tape.capacity
        ):
            raise ValueError("not a live file of a journal")
        self.tape.marks = <Mark*>calloc(self.tape.capacity >> MARK_SHIFT, sizeof(Mark))
        if self.tape.marks == NULL:
            raise MemoryError()
        memset(self.tape.marks, 255, (self.tape.capacity >> MARK_SHIFT) * sizeof(Mark))
        base = journal_map(fd, self.tape.capacity, &head)
        if base == NULL:
            raise OSError(errno, f"cannot map a journal's {self.tape.capacity:,} bytes: {os.strerror(errno)}")
        self.tape.base, self.tape.head = base, head

    def __dealloc__(self):
        if self.drain != NULL:
            return                    # the thread may still look at both
        if self.tape.base != NULL:
            journal_unmap(self.tape.base, self.tape.capacity)
        free(self.tape.marks)

    @property
    def identity(self):
        """Tells this journal from others of its name."""
        return self.tape.head.identity

    @property
    def abi_hash(self):
        """The layout its entries were written with."""
        return self.tape.head.abi_hash

    @property
    def capacity(self):
        """Bytes of the newest entries that memory holds."""
        return self.tape.capacity

    @property
    def base(self):
        """The position at which the live file was made."""
        return self.tape.head.base

    @property
    def position(self):
        """Behind the last entry, in bytes since the journal began."""
        return self.tape.position if self.started else load_acquire(&self.tape.head.written)

    @property
    def sequence(self):
        """Number of the last report; 0: there was none."""
        return self.tape.sequence if self.started else self.tape.head.sequence

    @property
    def durable(self):
        """Everything before this position is on disk."""
        return load_acquire(&self.tape.head.durable)

    @property
    def fault(self):
        """The errno with which the disk refused; 0: it takes everything."""
        return load_acquire(&self.tape.head.fault)

    @property
    def faults(self):
        """How often the disk refused."""
        return load_relaxed(&self.drain.faults) if self.drain != NULL else 0

    @property
    def files(self):
        """Log files the thread has begun."""
        return load_relaxed(&self.drain.files) if self.drain != NULL else 0

    @property
    def file_position(self):
        """Where the log file begins that the last entry will be in."""
        return self.drain.log.position if self.drain != NULL else 0

    @property
    def lost(self):
        """Entries that found no room, since the start."""
        return self.tape.lost

    cdef void mark(self, uint64_t position, uint64_t sequence) noexcept nogil:
        cdef Mark* mark = self.tape.marks + (position >> MARK_SHIFT & ((self.tape.capacity >> MARK_SHIFT) - 1))
        if mark.position >> MARK_SHIFT != position >> MARK_SHIFT:
            mark.position, mark.sequence = position, sequence

    def scan(self, uint64_t position):
        """Check the entries in memory from ``position`` on; see ``walk``."""
        cdef Walk found = Walk.__new__(Walk)
        cdef RecordHeader* entry
        cdef int64_t length = 1
        found.end = found.checkpoint = position
        with nogil:
            while length > 0 and found.end < position + self.tape.capacity:
                entry = tape_at(&self.tape, found.end)
                length = journal_check(<char*>entry, found.end, self.tape.capacity >> 3)
                if length > 0:
                    self.mark(found.end, entry.sequence - (1 if entry.type >= RECORD_COMMAND_ANSWER else 0))
                    found.step(entry, found.end)
        found.garbled = length < 0
        return found

    def start(self, uint64_t position, uint64_t sequence, uint64_t copied, bytes name, int log_fd, int folder, command=0):
        """Go on at ``position`` behind report ``sequence`` and the command of number ``command``.

        The log file open as ``log_fd`` holds everything before ``copied``; it and the directory ``folder`` are the
        thread's from now on."""
        cdef JournalDrain* drain
        cdef uint64_t capacity = self.tape.capacity
        cdef bytes head = os.pread(log_fd, sizeof(LogHead), 0)
        if self.started:
            raise RuntimeError("the journal was started before")
        if len(head) < <Py_ssize_t>sizeof(LogHead) or len(name) >= JOURNAL_NAME:
            raise ValueError(f"not a log file, or too long a name: {name!r}")
        if copied > position or position - copied > capacity:
            raise ValueError(f"{position - copied} bytes of {name.decode()!r} are neither on disk nor in memory")
        drain = <JournalDrain*>calloc(1, sizeof(JournalDrain))
        if drain == NULL:
            raise MemoryError()
        memcpy(&drain.log, <const char*>head, sizeof(LogHead))
        drain.head, drain.base, drain.mask, drain.copied = self.tape.head, self.tape.base, capacity - 1, copied
        drain.fd, drain.folder = log_fd, folder
        memcpy(drain.name, <const char*>name, len(name))
        self.tape.position, self.tape.sequence = position, sequence
        self.tape.room = 0
        self.mark(position, sequence)
        (<uint64_t*>tape_at(&self.tape, position))[1] = 0
        self.tape.head.sequence = sequence
        self.tape.head.fault = 0
        store_release(&self.tape.head.durable, copied)
        store_release(&self.tape.head.caught_ns, monotonic_ns())
        store_release(&self.tape.head.written, position)
        self.drain = drain
        self.command = command
        self.started = True

    def append(
        self, uint16_t kind, bytes body not None, uint32_t instrument=0, uint16_t venue=0,
        uint16_t account=0, int64_t venue_ns=0, int64_t recv_ns=0, uint64_t order_key=0,
    ):
        """Write one entry; the number of the last report: its own, if it is one.

        What neither the disk has taken nor memory can hold is lost: its number is used up, so that whoever reads the
        reports sees the gap; ``lost`` counts it. ValueError: the body is too long."""
        cdef uint64_t length = HEAD + PyBytes_GET_SIZE(body)
        if not self.started:
            raise RuntimeError("the journal was not started")
        if length > (HEAD + MAX_REPORT if kind >= RECORD_COMMAND_ANSWER else self.tape.capacity >> 3):
            raise ValueError(f"an entry of type {kind} has {length:,} bytes: too long")
        if tape_claim(&self.tape, length) == NULL:
            self.tape.lost += 1
            if kind >= RECORD_COMMAND_ANSWER:
                self.tape.sequence += 1
            return self.tape.sequence
        return self.put(
            kind, PyBytes_AS_STRING(body), length - HEAD, instrument, venue, account, venue_ns, recv_ns, order_key
        )

    cdef bint fits(self, uint64_t size) noexcept nogil:
        return self.started and tape_claim(&self.tape, size) != NULL

    cdef void anew(self) noexcept nogil:
        self.tape.position = 0

    cdef uint64_t rehearse(self, uint64_t size) noexcept nogil:
        return journal_stamp(self.tape.position, 0, <char*>tape_at(&self.tape, self.tape.position), size)

    cdef uint64_t put(
        self, uint16_t kind, const void* body, uint64_t size, uint32_t instrument, uint16_t venue, uint16_t account,
        int64_t venue_ns, int64_t recv_ns, uint64_t order_key
    ) noexcept nogil:
        memcpy(self.here(size), body, size)
        return self.put_here(kind, size, instrument, venue, account, venue_ns, recv_ns, order_key, monotonic_ns())

    cdef void* here(self, uint64_t size) noexcept nogil:
        return tape_claim(&self.tape, HEAD + size) + 1

    cdef uint64_t put_here(
        self, uint16_t kind, uint64_t size, uint32_t instrument, uint16_t venue, uint16_t account, int64_t venue_ns,
        int64_t recv_ns, uint64_t order_key, int64_t now_ns
    ) noexcept nogil:
        cdef RecordHeader* entry = tape_at(&self.tape, self.tape.position)
        entry.instrument, entry.venue, entry.line = instrument, venue, account
        entry.venue_ns, entry.recv_ns, entry.update_id = venue_ns, recv_ns, <int64_t>order_key
        if kind == RECORD_COMMAND and size:
            self.command = number_of(<const Command*>(entry + 1), self.command)
        return tape_commit(&self.tape, entry, HEAD + size, kind, 0, now_ns)

    @property
    def oldest(self):
        """Entries at or past this position are whole in memory."""
        return self.window()

    cdef uint64_t window(self) noexcept nogil:
        cdef uint64_t least = self.tape.position + 64
        least = least - self.tape.capacity if least > self.tape.capacity else 0
        return max(least, self.tape.head.base)

    def raw(self, uint64_t position, uint64_t size):
        """Bytes of memory, whatever they are."""
        if size > self.tape.capacity:
            raise ValueError(f"memory holds {self.tape.capacity:,} bytes, not {size:,}")
        return PyBytes_FromStringAndSize(<char*>tape_at(&self.tape, position), size)

    def copy(self, uint64_t position, uint64_t most=1 << 16):
        """Whole entries from ``position`` on, at most ``most`` bytes, but one if there is one; None: memory does not
        hold them any more."""
        cdef uint64_t end = position, length
        if position < self.window():
            return None
        while end < self.tape.position:
            length = tape_at(&self.tape, end).length
            if end > position and end + length - position > most:
                break
            end += length
        return PyBytes_FromStringAndSize(<char*>tape_at(&self.tape, position), end - position)

    @property
    def oldest_entry(self):
        """The first entry known to be whole in memory; without one, where the next one will be."""
        cdef uint64_t block, position = self.tape.position
        for block in range(self.tape.capacity >> MARK_SHIFT):
            if self.window() <= self.tape.marks[block].position < position:
                position = self.tape.marks[block].position
        return position

    def locate(self, uint64_t sequence):
        """A position with the report behind ``sequence`` at or shortly behind it; -1: memory does not hold it."""
        cdef uint64_t blocks = self.tape.capacity >> MARK_SHIFT, block, position = 0
        cdef Mark* mark
        cdef bint found = False
        if sequence >= self.tape.sequence:
            return self.tape.position
        for block in range(blocks):
            mark = self.tape.marks + block
            if (
                mark.position >= self.window() and mark.position <= self.tape.position and mark.sequence <= sequence
                and (not found or mark.position > position)
            ):
                position, found = mark.position, True
        return position if found else -1


cdef Journal scratch_journal():
    cdef Journal made
    cdef int fd = os.memfd_create("rehearsals")
    try:
        create_live(fd, MIN_CAPACITY, 0, 0, 0)
        made = Journal(fd)
    finally:
        os.close(fd)
    made.tape.room, made.started = made.tape.capacity, True
    return made


cdef class Drain:
    """The thread that copies journals to disk, looking at each of them every ``pause_ns``, and
    ``JOURNAL_HASTE`` times as often while a 32nd of a memory and more comes between.

    It runs beside strategies where cores are few, and every look with something to copy takes some
    300 us of their core: every 2 ms, that was under one order in ten."""

    def __init__(self, int64_t pause_ns=50_000_000):
        self.thread = <JournalThread*>calloc(1, sizeof(JournalThread))
        if self.thread == NULL:
            raise MemoryError()
        self.thread.pause_ns = pause_ns
        self.journals = []

    def __dealloc__(self):
        if self.thread != NULL and not self.thread.running:
            free(self.thread)

    def start(self, cpus=frozenset()):
        """Start the thread, on these CPUs if there are any; OSError when there can be no other."""
        cdef int code
        if self.thread.running:
            return
        for cpu in cpus:
            CPU_SET(cpu, &self.thread.cpus)
        code = journal_start(self.thread)
        if code:
            raise OSError(code, f"cannot start a thread: {os.strerror(code)}")

    def add(self, Journal journal not None):
        """Copy this journal, too, until ``stop``."""
        if journal.drain == NULL or journal.drain.next != NULL:
            raise RuntimeError("the journal was not started")
        self.journals.append(journal)
        journal.drain.next = self.thread.first
        store_release(<uint64_t*>&self.thread.first, <uint64_t>journal.drain)

    def behind(self, uint64_t most_bytes, int64_t most_ns):
        """Whether a journal's disk refuses, or is more than ``most_bytes`` or ``most_ns`` behind."""
        return self.late(most_bytes, most_ns, monotonic_ns())

    cdef bint late(self, uint64_t most_bytes, int64_t most_ns, int64_t now_ns) noexcept nogil:
        cdef JournalDrain* drain = self.thread.first
        cdef uint64_t durable
        while drain != NULL:
            durable = load_acquire(&drain.head.durable)
            if drain.head.written != durable:
                if drain.head.written - durable > most_bytes or load_acquire(&drain.head.fault):
                    return True
                if now_ns - <int64_t>load_acquire(&drain.head.caught_ns) > most_ns:
                    return True
            drain = drain.next
        return False

    def stop(self, int64_t timeout_ns):
        """Copy what is left and end the thread; whether all of every journal is on disk and its logs are closed.

        Without the thread's end in time everything stays as it is, for the process to end; else the journals are not
        started any more."""
        cdef JournalDrain* drain
        cdef Journal journal
        cdef bint ended, whole = True
        store_release(&self.thread.stop, 1)
        if not self.thread.running:
            return not self.journals
        with nogil:
            ended = journal_wait(self.thread, timeout_ns)
        if not ended:
            return False
        for journal in self.journals:
            drain = journal.drain
            whole &= drain.head.durable == drain.head.written and drain.log.closed == drain.copied
            close(drain.fd)
            journal.drain, journal.started = NULL, False
            free(drain)
        self.journals = []
        self.thread.first, self.thread.running = NULL, False
        return whole
