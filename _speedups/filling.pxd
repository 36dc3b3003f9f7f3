from libc.stdint cimport int64_t

from .booking cimport Owned
from .order_state cimport OrderState


cdef class Share:                 # whom the fills of a strategy's orders in an instrument concern
    cdef object instrument, strategy, key
    cdef int account, position_side
    cdef list owned
    cdef bytes quote, margin
    cdef int64_t up, down         # what makes its prices those of marks: times one, divided by the other
    cdef bint plain
    cdef bint of(self, OrderState order) noexcept
    cdef bint counts(self, const char* asset, Py_ssize_t size) noexcept


cdef class Filling:
    cdef dict counted, own, under_way, shares
    cdef object owners, holdings, amend
    cdef Share last
    cdef Share share(self, OrderState order)
    cdef bint take(
        self, OrderState order, int64_t qty_e, int64_t price_e, int64_t fee_e, const char* asset, Py_ssize_t asset_size,
        int64_t venue_ns
    ) except -1
    cdef bint weigh(
        self, Owned one, bint buys, int64_t more_e, int64_t signed_e, int64_t price_e, int64_t fee_e, int64_t venue_ns
    ) noexcept
    cdef int hold(self, Owned one, int opened, bint newer, int64_t venue_ns) except -1
