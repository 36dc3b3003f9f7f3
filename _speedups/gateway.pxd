from libc.stdint cimport int64_t, uint64_t

from .layout_orders cimport Command
from .segment cimport Segment


cdef struct Door:                 # one trading session's command ring, as the daemon sees it
    const Command* slots          # in its `up` segment: whatever stands there may change at any time
    uint64_t* cursor              # in its `down` segment: commands taken
    uint64_t* sleeping            # in its `down` segment: odd when we want the doorbell
    uint64_t begun                # number of the last command before this session
    uint64_t next                 # number of the next command
    uint64_t stale                # what its slot holds until then: 0 in the first round, then the number of a round before
    uint64_t turn                 # in which `used` counts
    int used                      # commands taken in that turn
    int fd                        # the doorbell it rings
    bint shut                     # broken: not looked at any more


cdef class Taker:                 # who takes commands; of C where a call in between would be felt
    cdef readonly bytes again     # one that may be rehearsed next, None: there is none
    cdef object again_by          # ... and whose it is
    # `rehearsing`: an old one, of which nothing is to come
    cdef int take_command(self, object session, bytes slot, int64_t read_ns, bint rehearsing) except -1


cdef class Gateway:               # takes the commands of all trading sessions
    cdef Door* doors
    cdef Py_ssize_t count
    cdef Py_ssize_t first         # whose turn it is to be served first
    cdef list sessions            # in the order of `doors`
    cdef dict memory              # doorbell -> (up, down), kept alive
    cdef Taker taker
    cdef object failed
    cdef object broken
    cdef object after
    cdef object call_soon
    cdef object next_method
    cdef bint rehearses           # now and then old commands go their way once more: what they need stays in the caches
    cdef int64_t rehearse_ns      # when one is due again
    cdef uint64_t published       # what the segment's ring had then
    cdef Segment segment
    cdef uint64_t turn
    cdef bint pending             # next_turn() is scheduled
    cdef bint busy                # a handler runs
    cdef bint owed                # commands were taken, and after() was not called yet
    cdef bint asleep              # the loop may block: doors want the doorbell
    cdef readonly uint64_t taken  # commands taken so far
    # Takes what there is, within the limits of a turn; returns how many. One load a session when there is nothing.
    cdef Py_ssize_t poll(self) noexcept
    cpdef Py_ssize_t next_turn(self)
    cdef void idle(self, int64_t now_ns) noexcept
    cdef void taken_all(self) noexcept
    cdef bint serve(self, Py_ssize_t index, int64_t until_ns) noexcept
    cdef bint hand(self, Door* door, object session, const Command* at, uint64_t number) noexcept
    cdef void shut(self, Py_ssize_t index, str why) noexcept
    cdef bint waiting(self) noexcept
