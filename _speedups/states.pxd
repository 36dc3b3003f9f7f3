# What the desk keeps that every order asks, as fields of C: their classes in Python set them like any attribute.
# So there is one truth, and who is quick reads it without an object in between.
from libc.stdint cimport int64_t, uint64_t

from aiofastnet.transport cimport StreamTransport, Transport
from picows.picows cimport WSTransport

cdef extern from "watched.h" nogil:
    ctypedef struct Watched:
        int torn

    int watched_guard() noexcept
    Watched* watched_begin(int fd) noexcept
    void watched_end(Watched* one) noexcept
    bint watched_equal(const Watched* one, const char* bytes, size_t size) noexcept

cdef enum:
    REF_BYTES = 40
    REF_BITS = 19                 # of a sieve of refs: 64 KiB


cdef class AccountState:
    cdef public bint reconciled
    cdef public bint running
    cdef public object encoding
    cdef public object pool
    cdef public object socket


cdef class AddressState:
    cdef public object pools


cdef class AdmissionState:
    cdef public bint draining


cdef class BatchState:
    cdef public list held


cdef class BudgetState:
    cdef public object known_address
    cdef public dict needs
    cdef public uint64_t version  # another one: what was known of needs is to be asked for anew


cdef class ClockState:
    cdef public bint known
    cdef public int64_t offset_ns


cdef class ConnectionState:
    cdef public bint reusable
    cdef public bint logged_on    # of an order API: its requests go without a signature
    cdef object way
    cdef object write             # its method, bound once
    cdef Transport fast           # the same, if it can be called without Python; else None
    cdef StreamTransport bare     # ... without TLS in between; else None
    cdef public WSTransport talk  # picows', if it is a WebSocket: open until one side has said goodbye
    cdef bint open(self) except -1
    cdef int put(self, char* data, Py_ssize_t size) except -1


cdef class HaltState:
    cdef public int _fd           # its descriptor
    cdef public object _fault     # why everything is halted, "": it is in order
    cdef Watched* page            # the file's first page; NULL: it has to be read


cdef class ListedState:
    cdef public bint served
    cdef public object chosen


cdef class OpenState:
    cdef public set described
    cdef public object journal
    cdef public object reports    # its session's; None: it has none
    cdef public uint64_t rolls    # how often it was emptied


cdef class PoolState:
    cdef public list idle
    cdef public dict busy
    cdef public list queue
    cdef public Py_ssize_t reserved


cdef class RefsState:
    cdef public object known
    cdef uint64_t* sieve          # a bit for each ref that may be known, and the one that takes its place
    cdef uint64_t* next_sieve
    cdef int64_t marked
    cdef public int64_t kept      # how many can be known
    cdef void known_now(self, const char* ref) noexcept nogil   # as ``mark``
    cdef bint fresh(self, const char* ref) noexcept nogil       # surely not known; of REF_BYTES, zeros behind its end


cdef class SocketState:
    cdef public object serving
