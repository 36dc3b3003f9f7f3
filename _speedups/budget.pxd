from libc.stdint cimport int64_t, uint64_t


cdef struct Taken:                # a request that was counted
    int64_t ns                    # CLOCK_MONOTONIC
    int64_t window                # of the venue's
    uint64_t number
    int64_t units


cdef class Budget:
    cdef readonly int64_t limit, window_ns, quiet_until_ns
    cdef Taken* taken             # a ring of `room` entries, a power of two
    cdef uint64_t room, end
    cdef uint64_t rolled          # entries before it have left our rolling window, which holds `own` units
    cdef uint64_t covered         # entries before it are in a count of the venue's, or in a window that is over
    cdef int64_t own
    cdef int64_t header, header_window        # the venue's count, and the request it was given with
    cdef uint64_t sent, header_number
    cdef int64_t asked_window, asked_units    # of the window that was asked for last: the sum from `covered` on
    cdef Taken* at(self, uint64_t index) noexcept nogil
    cdef void roll(self, int64_t now_ns) noexcept nogil
    cdef void cover(self) noexcept nogil
    cdef int64_t theirs(self, int64_t venue_ns) noexcept nogil
    cdef int64_t own_ns(self, int64_t now_ns, int64_t units) noexcept nogil
    cdef int grow(self) except -1
    # May `units` be taken now, with `reserve` left?
    cdef bint allows(self, int64_t now_ns, int64_t venue_ns, int64_t units, int64_t reserve) noexcept nogil
    cpdef uint64_t take(self, int64_t now_ns, int64_t venue_ns, int64_t n) except 0
