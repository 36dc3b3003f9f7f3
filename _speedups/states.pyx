"""What the desk keeps that every order asks, as fields of C: their classes in Python set them like any attribute.

Bases with no other behaviour than to keep what is asked at hand.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

cdef extern from "sys/socket.h" nogil:
    enum:
        MSG_DONTWAIT
        MSG_NOSIGNAL
    ssize_t send(int fd, const void* data, size_t size, int flags)


cdef inline uint64_t bit_of(const char* ref) noexcept nogil:
    cdef uint64_t word, found = 0
    cdef int i
    for i in range(0, REF_BYTES, 8):
        memcpy(&word, ref + i, 8)
        found = (found ^ word) * <uint64_t>0x9E3779B97F4A7C15
        found ^= found >> 32
    return found >> (64 - REF_BITS)


cdef class AccountState:
    """An account (`connector.accounts.AccountService`)."""


cdef class AddressState:
    """The budgets of a source address (`connector.transport.rest.Rest`)."""


cdef class AdmissionState:
    """Which commands may leave (`connector.trading.admission.Admission`)."""


cdef class BatchState:
    """Commands that wait for the rest of their batch (`connector.trading.batching.Holding`)."""


cdef class BudgetState:
    """The budgets of an account (`connector.trading.budget.OrderBudget`)."""


cdef class ClockState:
    """A venue's clock (`connector.trading.clock.VenueClock`)."""


cdef class ConnectionState:
    """A connection (`connector.transport.http_connection.Connection`)."""

    @property
    def transport(self):
        return self.way

    @transport.setter
    def transport(self, way):
        self.way = way
        self.write = None if way is None else way.write
        self.fast = way if isinstance(way, Transport) else None
        self.bare = way if isinstance(way, StreamTransport) else None

    @property
    def is_open(self):
        """Whether what is written now has a chance: it is dropped silently afterwards."""
        return self.open()

    cdef bint open(self) except -1:
        if self.way is None or (self.talk is not None and (self.talk.is_disconnected or self.talk.is_close_frame_sent)):
            return False
        return not (self.way.is_closing() if self.fast is None else self.fast.is_closing())

    cdef int put(self, char* data, Py_ssize_t size) except -1:
        """Write bytes, which may be gone afterwards. None at all: only its way is gone, the kernel's part of a bare
        socket's, too, which sends nothing then."""
        cdef StreamTransport bare = self.bare
        cdef ssize_t gone = 0
        if bare is not None and not (
            bare._write_backlog_size or bare._write_eof or bare._closing or bare._finalizing_close
        ):
            gone = max(0, send(bare._fileno, data, size, MSG_DONTWAIT | MSG_NOSIGNAL))
        if self.fast is None:
            self.write(PyBytes_FromStringAndSize(data, size))
        elif gone < size:             # what the socket did not take, or why
            self.fast.write_c(data + gone, size - gone)
        return 0

    def puts(self, bytes data not None):
        """``put``. For tests."""
        self.put(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))


cdef class HaltState:
    """The file of halts (`connector.trading.halts.Halts`)."""

    def __dealloc__(self):
        if self.page != NULL:
            watched_end(self.page)

    def watch(self, fd):
        """Have the first page of the file at hand, anew if there is none or it was cut short; -1: have none."""
        if self.page != NULL and (fd < 0 or self.page.torn or not watched_guard()):
            watched_end(self.page)
            self.page = NULL
        if fd >= 0 and self.page == NULL:
            self.page = watched_begin(fd)

    def looks_clear(self, bytes clear not None):
        """The first page is at hand, and begins so. For tests."""
        return self.page != NULL and watched_equal(self.page, PyBytes_AS_STRING(clear), PyBytes_GET_SIZE(clear))


cdef class ListedState:
    """An instrument that is served (`connector.market.live.Live`)."""


cdef class OpenState:
    """A journal that is written (`connector.trading.journal.Open`)."""


cdef class PoolState:
    """The connections of an account (`connector.transport.order_pool.OrderPool`)."""


cdef class RefsState:
    """The requests a strategy has made (`connector.trading.refs.Refs`)."""

    def __cinit__(self, *args, **kwargs):
        self.sieve = <uint64_t*>calloc(1, (1 << REF_BITS) // 8)
        self.next_sieve = <uint64_t*>calloc(1, (1 << REF_BITS) // 8)
        if self.sieve == NULL or self.next_sieve == NULL:
            raise MemoryError()

    def __dealloc__(self):
        free(self.sieve)
        free(self.next_sieve)

    cdef bint fresh(self, const char* ref) noexcept nogil:
        cdef uint64_t bit = bit_of(ref)
        return not self.sieve[bit >> 6] >> (bit & 63) & 1

    def mark(self, str ref_id not None):
        """This one is known from now on, and of the others at most the newest ``kept``."""
        cdef bytes text = ref_id.encode()
        cdef char[REF_BYTES] ref
        memset(ref, 0, REF_BYTES)
        memcpy(ref, PyBytes_AS_STRING(text), min(REF_BYTES, PyBytes_GET_SIZE(text)))
        self.known_now(ref)

    cdef void known_now(self, const char* ref) noexcept nogil:
        cdef uint64_t bit
        if self.marked > self.kept:   # the next sieve has seen all that can still be known
            self.sieve, self.next_sieve = self.next_sieve, self.sieve
            memset(self.next_sieve, 0, (1 << REF_BITS) // 8)
            self.marked = 0
        self.marked += 1
        bit = bit_of(ref)
        self.sieve[bit >> 6] |= <uint64_t>1 << (bit & 63)
        self.next_sieve[bit >> 6] |= <uint64_t>1 << (bit & 63)

    def maybe(self, str ref_id not None):
        """False: it is surely not known. For tests."""
        cdef bytes text = ref_id.encode()
        cdef char[REF_BYTES] ref
        memset(ref, 0, REF_BYTES)
        memcpy(ref, PyBytes_AS_STRING(text), min(REF_BYTES, PyBytes_GET_SIZE(text)))
        return not self.fresh(ref)


cdef class SocketState:
    """The order API of an account (`connector.transport.order_socket.OrderSocket`)."""
