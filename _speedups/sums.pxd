# Counts and sums of accounts and strategies: integers of C, of any size where one does not fit.
from libc.stdint cimport int64_t

cdef enum:
    SUMS_MOST = 11

cdef enum:                        # of an owner
    OPEN_ORDERS
    EXPOSURE_E
    PROFIT_E
    PAID_E

cdef enum:                        # of a holding
    POSITION_E
    BUYS_E
    SELLS_E
    CASH_E
    UNPRICED_E
    MARK_E
    VALUE_E
    HELD_PROFIT_E
    SAID_NS
    FILLED_NS


cdef class Sums:
    cdef int64_t[SUMS_MOST] sums
    cdef unsigned int wide        # a bit for each that is in `large` instead, and 0 here
    cdef dict large
    cdef object get(self, int index)
    cdef int set(self, int index, object value) except -1


cdef class OwnerState(Sums):
    cdef public object limits
    cdef public set unmarked
    cdef public object sent_ns
    cdef public bint unknown


cdef class HoldingState(Sums):
    cdef public bint fresh
