from libc.stdint cimport int64_t, uint16_t, uint64_t


cdef class Outlet:
    cdef object place, opened, handed, fault
    cdef dict places, journals
    cdef uint16_t number, venue
    # A record into a strategy's journal, and to it; symbol None: of no instrument. False: it has to go by the journals.
    cdef bint put(
        self, object strategy, object symbol, int kind, const void* body, size_t size, int64_t venue_ns, int64_t recv_ns,
        uint64_t order_key,
    ) except -1
    # It did; the next one may find what it needs.
    cdef int learn(self, object strategy, object symbol) except -1
