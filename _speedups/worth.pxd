from libc.stdint cimport int64_t, uint64_t

cdef extern from "worth.h" nogil:
    ctypedef struct connector_worth:
        uint64_t[5] limb


cdef class Worth:
    cdef readonly Py_ssize_t count
    cdef bint fits                # into the integers of C
    cdef int64_t total_e
    cdef connector_worth worth
    cdef bint take(self, int64_t qty_e, int64_t price_e) noexcept
    cdef bint average(self, int price_exponent, int64_t* average_e, int* exponent) noexcept
