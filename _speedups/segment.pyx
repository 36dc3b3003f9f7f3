"""Segments of shared memory: memfds that are sized, paid for and sealed before anybody sees them.

The daemon makes them and is the only writer of the market segment; strategies get the descriptors over the control
socket and can neither map what they only read writable, nor change its size, nor unlink it.
"""

import fcntl
import os
import time

from cpython.buffer cimport PyBuffer_FillInfo
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.errno cimport errno
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t, uint8_t, uint16_t, uintptr_t
from libc.string cimport memcpy, memset
from posix.unistd cimport close

from .atomics cimport fence_release, load_relaxed, monotonic_ns, store_relaxed, store_release, wall_offset_ns
from .histogram cimport histogram_add
from .layout cimport (
    Budget, CONNECTOR_ABI_HASH, CONNECTOR_MAGIC_MARKET, CONNECTOR_MAX_BUDGETS, CONNECTOR_MAX_COUNTERS,
    CONNECTOR_MAX_HISTOGRAMS, CONNECTOR_MAX_INSTRUMENTS, Histogram, INSTRUMENT_INVERSE, InstrumentChangeBody, InstrumentEntry,
    InstrumentStats, RECORD_INSTRUMENT_CHANGE, RecordHeader, RingControl, SegmentHeader, TopEntry,
)
from .ring cimport RING_MIN_BYTES, ring_claim, ring_commit
from .seqlock cimport cell_begin, cell_end

cdef extern from "sys/mman.h" nogil:
    void* mmap(void* address, size_t size, int protection, int flags, int fd, int64_t offset)
    int munmap(void* address, size_t size)
    int madvise(void* address, size_t size, int advice)
    int PROT_READ, PROT_WRITE, MAP_SHARED, MAP_POPULATE, MADV_DONTFORK
    void* MAP_FAILED

ABI_HASH = CONNECTOR_ABI_HASH

cdef extern from *:
    """
    #include <pthread.h>
    static uint64_t connector_forks;
    static void connector_forked(void) { connector_forks++; }
    static int connector_watch_forks(void) { return pthread_atfork(0, 0, connector_forked); }
    """
    const uint64_t connector_forks
    int connector_watch_forks() nogil


if connector_watch_forks() != 0:
    raise MemoryError("pthread_atfork")


cdef const uint64_t* fork_counter() noexcept nogil:
    return &connector_forks


cdef enum:
    PAGE = 4096
    SEAL_SEAL = 0x01
    SEAL_SHRINK = 0x02
    SEAL_GROW = 0x04
    SEAL_FUTURE_WRITE = 0x10


cdef class Mapping:
    """A shared mapping of ``size`` bytes of a file descriptor, unmapped when the object goes.

    Read-only mappings are not inherited by a fork (``MADV_DONTFORK``) unless ``keep_in_fork``. Supports the buffer
    protocol. Raises OSError when the kernel refuses (EPERM: sealed against writing).
    """

    def __cinit__(
        self, int fd, size_t size, *, bint writable=False, bint populate=False, bint keep_in_fork=False
    ):
        cdef void* base
        if size == 0 or <size_t>os.fstat(fd).st_size < size:
            raise ValueError(f"the segment has {os.fstat(fd).st_size:,} bytes, {size:,} are expected")
        base = mmap(
            NULL, size, PROT_READ | (PROT_WRITE if writable else 0), MAP_SHARED | (MAP_POPULATE if populate else 0),
            fd, 0,
        )
        if base == MAP_FAILED:
            code = errno
            raise OSError(code, f"cannot map {size:,} bytes of shared memory: {os.strerror(code)}")
        self.base = <char*>base
        self.size = size
        self.writable = writable
        self.kept = keep_in_fork
        self.forks = connector_forks
        if not keep_in_fork:
            madvise(base, size, MADV_DONTFORK)

    cdef bint lost(self) noexcept:
        return not self.kept and self.forks != connector_forks

    def __dealloc__(self):
        if self.base != NULL and not self.lost():  # the child may have something else there by now
            munmap(self.base, self.size)

    @property
    def address(self):
        """Where the mapping begins, for code that keeps this object alive."""
        return <uintptr_t>self.base

    def __getbuffer__(self, Py_buffer* buffer, int flags):
        if self.lost():
            raise BufferError("shared memory is not inherited by a fork: attach again in the child")
        PyBuffer_FillInfo(buffer, self, self.base, self.size, not self.writable, flags)


def create_memfd(str name, size_t size):
    """A memfd of ``size`` bytes that are all paid for; MemoryError names the bytes when they cannot be had."""
    if size > 1 << 20:  # the books handed out on request need not look at /proc each time
        available = available_bytes()
        if size > available:
            raise MemoryError(f"shared memory {name!r} needs {size:,} bytes, only {available:,} are available")
    fd = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(fd, size)
        os.posix_fallocate(fd, 0, size)
    except OSError as error:
        os.close(fd)
        raise MemoryError(f"shared memory {name!r} needs {size:,} bytes: {error.strerror}") from error
    return fd


def seal(int fd, *, bint read_only):
    """Fix the size for good; ``read_only`` also refuses every writable mapping made after this call."""
    fcntl.fcntl(
        fd, fcntl.F_ADD_SEALS, SEAL_SHRINK | SEAL_GROW | SEAL_SEAL | (SEAL_FUTURE_WRITE if read_only else 0)
    )


def available_bytes():
    """What may still be allocated: the machine's available memory, or less under a cgroup's limit."""
    found = []
    with open("/proc/meminfo") as lines:
        found += [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    try:
        with open("/proc/self/cgroup") as lines:
            group = lines.read().split("0::", 1)[1].split("\n", 1)[0]
        folder = f"/sys/fs/cgroup{group}"
        with open(f"{folder}/memory.max") as most, open(f"{folder}/memory.current") as used:
            found.append(int(most.read()) - int(used.read()))
    except (OSError, ValueError, IndexError):
        pass  # no cgroup v2, or no limit
    return min(found) if found else 1 << 62


cdef inline size_t pages(size_t size) noexcept nogil:
    return (size + PAGE - 1) & ~<size_t>(PAGE - 1)


cdef class Segment:
    """The market segment, as the one process that writes it maps it."""

    def __init__(self):
        raise TypeError("use Segment.create()")

    @staticmethod
    def create(uint64_t ring_bytes=64 << 20, str version="", *, epoch=None):
        """Make, pay for, fill in and seal a market segment.

        ``ring_bytes``: a power of two, at least 256 KiB. ``epoch`` tells one start of the daemon from another
        (default: the wall clock's nanoseconds). MemoryError names the bytes when there is too little memory.
        """
        cdef Segment segment = Segment.__new__(Segment)
        cdef size_t offsets[8]
        cdef size_t size = pages(sizeof(SegmentHeader))
        cdef size_t part
        cdef int index = 0
        cdef SegmentHeader* header
        if ring_bytes < RING_MIN_BYTES or ring_bytes & (ring_bytes - 1) or ring_bytes > 1 << 40:
            raise ValueError(f"ring_bytes must be a power of two of at least {RING_MIN_BYTES}, not {ring_bytes}")
        for part in (
            sizeof(InstrumentEntry) * CONNECTOR_MAX_INSTRUMENTS,
            sizeof(InstrumentStats) * CONNECTOR_MAX_INSTRUMENTS,
            sizeof(TopEntry) * CONNECTOR_MAX_INSTRUMENTS,
            sizeof(uint64_t) * CONNECTOR_MAX_COUNTERS,
            sizeof(Histogram) * CONNECTOR_MAX_HISTOGRAMS,
            sizeof(Budget) * CONNECTOR_MAX_BUDGETS,
            sizeof(RingControl),
            ring_bytes,
        ):
            offsets[index] = size
            size += pages(part)
            index += 1
        name = version.encode()
        if <size_t>len(name) >= sizeof(header.version):
            raise ValueError(f"version has more than {sizeof(header.version) - 1} bytes: {version!r}")
        segment.fd = create_memfd("connector-market", size)
        try:
            segment.memory = Mapping(segment.fd, size, writable=True, populate=True, keep_in_fork=True)
        except OSError as error:
            raise MemoryError(f"the market segment needs {size:,} bytes: {error.strerror}") from error
        header = segment.header = <SegmentHeader*>segment.memory.base
        segment.directory = <InstrumentEntry*>(segment.memory.base + offsets[0])
        segment.stats = <InstrumentStats*>(segment.memory.base + offsets[1])
        segment.table = <TopEntry*>(segment.memory.base + offsets[2])
        segment.counters = <uint64_t*>(segment.memory.base + offsets[3])
        segment.histograms = <Histogram*>(segment.memory.base + offsets[4])
        segment.budgets = <Budget*>(segment.memory.base + offsets[5])
        segment.ring.control = <RingControl*>(segment.memory.base + offsets[6])
        segment.ring.base = segment.memory.base + offsets[7]
        segment.ring.capacity = ring_bytes
        segment.ring.position = 0
        segment.ring.sequence = 1
        segment.ring.intent = 0
        segment.ring.rejoin_due = 0
        segment.ring.control.sequence = 1
        header.abi_hash = CONNECTOR_ABI_HASH
        header.epoch = time.time_ns() if epoch is None else epoch
        header.size = size
        header.started_ns = monotonic_ns()
        header.pid = os.getpid()
        header.directory_offset, header.stats_offset, header.table_offset = offsets[0], offsets[1], offsets[2]
        header.counters_offset, header.histograms_offset, header.budgets_offset = offsets[3], offsets[4], offsets[5]
        header.control_offset, header.ring_offset, header.ring_capacity = offsets[6], offsets[7], ring_bytes
        memcpy(header.version, <const char*>name, len(name))
        segment.heartbeat(header.started_ns)
        segment.align_clocks()
        store_release(&header.magic, CONNECTOR_MAGIC_MARKET)
        seal(segment.fd, read_only=True)
        return segment

    def __dealloc__(self):
        if self.header != NULL:
            close(self.fd)            # the module `os` may be gone when the interpreter ends

    @property
    def size(self):
        """Bytes of the whole segment."""
        return self.header.size

    @property
    def epoch(self):
        """Which start of the daemon this is."""
        return self.header.epoch

    @property
    def instruments(self):
        """Entries of the directory in use."""
        return self.header.instruments

    @property
    def ring_capacity(self):
        """Bytes of the ring."""
        return self.ring.capacity

    @property
    def written(self):
        """The ring's absolute position behind the last record, in bytes."""
        return self.ring.position

    @property
    def sequence(self):
        """The sequence number that the next record will get."""
        return self.ring.sequence

    def heartbeat(self, int64_t now_ns):
        """Tell readers that the daemon lives; at least once a second, ``now_ns`` of CLOCK_MONOTONIC."""
        store_release(<uint64_t*>&self.header.heartbeat_ns, <uint64_t>now_ns)

    def align_clocks(self):
        """Compare the wall clock, in which venues stamp, with CLOCK_MONOTONIC; now and then, since the first is set."""
        self.wall_offset_ns = wall_offset_ns()

    # -- directory

    def add_instrument(self, instrument, uint16_t venue_index=0):
        """Append a ``connector.model.instrument.Instrument`` to the directory and return its index.

        Readers see it whole, and hear of it by an InstrumentChange record. Raises ValueError when the directory is
        full, a name is too long or a number does not fit.
        """
        cdef uint32_t index = <uint32_t>self.header.instruments
        if index >= CONNECTOR_MAX_INSTRUMENTS:
            raise ValueError(f"the directory is full: {CONNECTOR_MAX_INSTRUMENTS} instruments")
        self._describe(index, instrument, venue_index, 1)
        store_release(&self.header.instruments, index + 1)
        self._changed(index, 0)
        return index

    def update_instrument(self, uint32_t index, instrument):
        """Rewrite a directory entry under its seqlock and publish an InstrumentChange record.

        The exponents are fixed for the life of the segment: ValueError when they differ.
        """
        cdef InstrumentEntry* entry = self.directory + index
        cdef uint32_t previous
        if index >= self.header.instruments:
            raise IndexError(f"no instrument {index}")
        if (instrument.price_exponent, instrument.qty_exponent) != (entry.price_exponent, entry.qty_exponent):
            raise ValueError(f"{instrument.symbol}: the exponents cannot change while the daemon runs")
        previous = entry.status
        self._describe(index, instrument, entry.venue, entry.generation + 1)
        self._changed(index, previous)

    def entry(self, uint32_t index):
        """The directory entry of an instrument, a drawn ``InstrumentEntry``, as bytes; b"": there is no such one."""
        if index >= self.header.instruments:
            return b""
        return PyBytes_FromStringAndSize(<char*>(self.directory + index), sizeof(InstrumentEntry))

    def _describe(self, uint32_t index, instrument, uint16_t venue_index, uint64_t generation):
        cdef InstrumentEntry entry
        memset(&entry, 0, sizeof(entry))
        entry.id = index
        entry.venue = venue_index
        entry.status, entry.contract = int(instrument.status), int(instrument.contract)
        entry.price_digits, entry.qty_digits = instrument.price_digits, instrument.qty_digits
        entry.price_exponent, entry.qty_exponent = instrument.price_exponent, instrument.qty_exponent
        entry.mark_exponent, entry.rate_exponent = 8, 8
        entry.tick_e, entry.step_e = instrument.tick_e, instrument.step_e
        entry.min_price_e, entry.max_price_e = instrument.min_price_e, instrument.max_price_e
        entry.min_qty_e, entry.max_qty_e = instrument.min_qty_e, instrument.max_qty_e
        entry.market_step_e = instrument.market_step_e
        entry.market_min_qty_e, entry.market_max_qty_e = instrument.market_min_qty_e, instrument.market_max_qty_e
        entry.min_notional_e = instrument.min_notional_e
        entry.multiplier_up_e, entry.multiplier_down_e = instrument.multiplier_up_e, instrument.multiplier_down_e
        entry.contract_size_e = instrument.contract_size_e
        entry.flags = INSTRUMENT_INVERSE if instrument.inverse else 0
        entry.onboard_ns, entry.delivery_ns = instrument.onboard_ns, instrument.delivery_ns
        entry.generation = generation
        _put(entry.exchange, sizeof(entry.exchange), instrument, "exchange")
        _put(entry.symbol, sizeof(entry.symbol), instrument, "symbol")
        _put(entry.base, sizeof(entry.base), instrument, "base")
        _put(entry.quote, sizeof(entry.quote), instrument, "quote")
        _put(entry.margin, sizeof(entry.margin), instrument, "margin")
        cdef InstrumentEntry* target = self.directory + index
        cell_begin(&target.word)
        memcpy(<char*>target + 8, <char*>&entry + 8, sizeof(entry) - 8)
        cell_end(&target.word, <uint8_t>entry.status)

    def _changed(self, uint32_t index, uint32_t previous):
        cdef InstrumentEntry* entry = self.directory + index
        cdef RecordHeader* record = ring_claim(&self.ring, 128)
        cdef InstrumentChangeBody* body = <InstrumentChangeBody*>(record + 1)
        if record == NULL:
            return  # never: a ring has room for 128 bytes
        memset(body, 0, sizeof(InstrumentChangeBody))
        record.type, record.instrument, record.venue = RECORD_INSTRUMENT_CHANGE, index, entry.venue
        record.recv_ns = monotonic_ns()
        body.generation, body.status, body.previous = entry.generation, entry.status, previous
        ring_commit(&self.ring, record, 128)

    # -- records

    def publish(
        self, uint16_t type, uint32_t instrument, body, *, uint16_t flags=0, uint16_t venue=0, uint16_t line=0,
        int64_t venue_ns=0, int64_t recv_ns=0, int64_t update_id=0,
    ):
        """Write one record whose body is ``body`` (bytes of the layout) and return its sequence number.

        For what is rare; the hot path claims its records itself. ValueError when it is longer than an eighth of
        the ring.
        """
        cdef const uint8_t[::1] data = body
        cdef RecordHeader* record = ring_claim(&self.ring, 64 + data.shape[0])
        if record == NULL:
            raise ValueError(f"a record of {64 + data.shape[0]:,} bytes is longer than an eighth of the ring")
        record.type, record.flags, record.instrument = type, flags, instrument
        record.venue, record.line = venue, line
        record.venue_ns, record.recv_ns, record.update_id = venue_ns, recv_ns, update_id
        if data.shape[0]:
            memcpy(record + 1, &data[0], data.shape[0])
        ring_commit(&self.ring, record, 64 + data.shape[0])
        return self.ring.sequence - 1

    # -- counters, histograms, budgets

    def count(self, int counter, uint64_t amount=1):
        """Add to a counter (``int(Counter.X.value)``)."""
        _check(counter, CONNECTOR_MAX_COUNTERS)
        store_relaxed(self.counters + counter, self.counters[counter] + amount)

    def counter(self, int counter):
        """The value of a counter."""
        _check(counter, CONNECTOR_MAX_COUNTERS)
        return load_relaxed(self.counters + counter)

    def observe(self, int hop, int64_t duration_ns):
        """Add a duration to a latency histogram (``Hop.X.value``)."""
        _check(hop, CONNECTOR_MAX_HISTOGRAMS)
        histogram_add(self.histograms + hop, duration_ns)

    def add_budget(self, str name, uint16_t venue, uint16_t account):
        """Place a rate budget behind those there are; its index. ValueError: there is no room, or its name is empty or
        has more than 23 bytes."""
        cdef bytes text = name.encode()
        cdef Budget* budget = self.budgets + self.budget_count
        if self.budget_count >= CONNECTOR_MAX_BUDGETS:
            raise ValueError(f"{CONNECTOR_MAX_BUDGETS} budgets are there already")
        if not 0 < len(text) < <Py_ssize_t>sizeof(budget.name):
            raise ValueError(f"{name!r} has 0 or more than {sizeof(budget.name) - 1} bytes")
        budget.venue, budget.account = venue, account
        memcpy(budget.name + 1, <const char*>text + 1, len(text) - 1)
        fence_release()
        budget.name[0] = text[0]                     # last: from here on it is there
        self.budget_count += 1
        return self.budget_count - 1

    def spend_budget(self, int index, uint64_t units):
        """So much more of it is used."""
        _check(index, self.budget_count)
        store_relaxed(&self.budgets[index].used, self.budgets[index].used + units)

    def set_budget(self, int index, uint64_t used, uint64_t limit, uint64_t window_ns, uint64_t resets_ns):
        """Publish how much of a rate budget is used."""
        _check(index, self.budget_count)
        cdef Budget* budget = self.budgets + index
        store_relaxed(&budget.limit, limit)
        store_relaxed(&budget.window_ns, window_ns)
        store_relaxed(&budget.resets_ns, resets_ns)
        store_release(&budget.used, used)


cdef _check(int index, int limit):
    if not 0 <= index < limit:
        raise IndexError(f"{index} is not in 0..{limit - 1}")


cdef _put(char* target, size_t room, instrument, str field):
    text = getattr(instrument, field).encode()
    if <size_t>len(text) >= room:
        raise ValueError(f"{instrument.symbol}: {field} has more than {room - 1} bytes: {text!r}")
    memcpy(target, <const char*>text, len(text))
