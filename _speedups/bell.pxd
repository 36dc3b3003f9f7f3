from libc.stdint cimport uint64_t

from .gateway cimport Gateway
from .segment cimport Segment


cdef struct Rope:                 # one session that may be asleep
    const uint64_t* sleeping      # in its `up` segment: odd when it wants to be woken
    uint64_t rung                 # the odd value it was last rung for
    int fd                        # its eventfd


cdef class Bell:                  # wakes sleeping sessions, once per loop turn
    cdef Rope* ropes
    cdef object call_soon         # loop.call_soon, or None while the loop spins and calls ring() itself each turn
    cdef object ring_method
    cdef Segment segment          # counts the doorbells; may be None
    cdef dict memory              # eventfd -> the `up` mapping, kept alive
    cdef public Gateway gateway   # whose commands are taken after each frame, or None
    cdef bint pending             # ring() will be called
    cdef bint dirty               # something was published since it was
    cdef Py_ssize_t sessions
    cdef readonly uint64_t rung   # doorbells rung so far
    # Something was published: make sure ring() runs at the end of this turn.
    cdef void touched(self) noexcept
    # The same after a frame; commands that came meanwhile are taken, too: frames that wait must not keep them.
    cdef void frame_done(self) noexcept
    # If anything was published: one fence, then wake each session that is asleep and not yet rung; returns how many.
    cpdef Py_ssize_t ring(self)
