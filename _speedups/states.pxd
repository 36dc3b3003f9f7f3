# What the desk keeps that every order asks, as fields of C: their classes in Python set them like any attribute.
# So there is one truth, and who is quick reads it without an object in between.
from libc.stdint cimport int64_t


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


cdef class ClockState:
    cdef public bint known
    cdef public int64_t offset_ns


cdef class ConnectionState:
    cdef public bint reusable
    cdef public object transport


cdef class HaltState:
    cdef public int _fd           # its descriptor
    cdef public object _fault     # why everything is halted, "": it is in order


cdef class ListedState:
    cdef public bint served
    cdef public object chosen


cdef class PoolState:
    cdef public list idle
    cdef public dict busy
    cdef public list queue
    cdef public Py_ssize_t reserved


cdef class RefsState:
    cdef public object known


cdef class SocketState:
    cdef public object serving
