from libc.stdint cimport uint64_t

cdef class Bell:                  # wakes sleeping sessions, once per loop turn
    cdef object call_soon         # loop.call_soon, or None while the loop spins and calls ring() itself each turn
    cdef bint pending
    cdef Py_ssize_t sessions
    # Something was published: make sure ring() runs at the end of this turn.
    cdef void touched(self)
    # One fence, then wake each session that is asleep and not yet rung; returns how many were.
    cpdef Py_ssize_t ring(self)
