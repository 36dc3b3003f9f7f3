"""The doorbell, waker's side: strategies that sleep on an eventfd are woken once per loop turn, after all sockets.

Waiter: makes ``sleeping`` odd, fences, looks at the rings once more, polls its eventfd. Waker: publishes, fences, rings
whoever is odd and was not rung for that value yet. One of the two always sees the other.
"""

from libc.stdint cimport uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memset

from .atomics cimport fence_seq_cst, load_relaxed
from .counters cimport COUNT_DOORBELLS, count_by
from .gateway cimport Gateway
from .layout cimport CONNECTOR_MAGIC_UP, SessionUp
from .segment cimport Mapping, Segment

cdef extern from "unistd.h" nogil:
    ssize_t write(int fd, const void* data, size_t size)


cdef class Bell:
    """Wakes sleeping sessions.

    ``call_soon`` is the loop's; with it ``touched()`` schedules one ``ring()`` for the end of the turn. Without it
    (a loop that spins) somebody calls ``ring()`` each turn. With ``segment`` its counter DOORBELLS counts them.
    Listeners tell it of each frame, and so reach the ``gateway``, whose commands are taken then.
    """

    def __init__(self, call_soon=None, Segment segment=None):
        self.call_soon = call_soon
        self.segment = segment
        self.ring_method = self.ring
        self.memory = {}

    def __dealloc__(self):
        free(self.ropes)

    def set_call_soon(self, call_soon):
        """Change the mode: the loop's ``call_soon``, or None when the loop spins."""
        self.call_soon = call_soon
        self.pending = False

    def add_session(self, Mapping up not None, int eventfd):
        """Watch the session whose ``up`` segment this maps; its eventfd stays the caller's to close."""
        if up.size < sizeof(SessionUp) or (<SessionUp*>up.base).magic != CONNECTOR_MAGIC_UP:
            raise ValueError("not a session's `up` segment")
        if eventfd in self.memory:
            raise ValueError(f"eventfd {eventfd} is watched already")
        cdef Rope* ropes = <Rope*>realloc(self.ropes, (self.sessions + 1) * sizeof(Rope))
        if ropes == NULL:
            raise MemoryError()
        self.ropes = ropes
        memset(ropes + self.sessions, 0, sizeof(Rope))
        ropes[self.sessions].sleeping = &(<SessionUp*>up.base).sleeping
        ropes[self.sessions].fd = eventfd
        self.sessions += 1
        self.memory[eventfd] = up

    def remove(self, int eventfd):
        """Forget a session; before its eventfd is closed."""
        cdef Py_ssize_t index
        del self.memory[eventfd]
        for index in range(self.sessions):
            if self.ropes[index].fd == eventfd:
                self.sessions -= 1
                self.ropes[index] = self.ropes[self.sessions]
                break

    cdef void touched(self) noexcept:
        self.dirty = True
        if self.sessions and not self.pending and self.call_soon is not None:
            self.pending = True
            self.call_soon(self.ring_method)

    cdef void frame_done(self) noexcept:
        self.touched()
        if self.gateway is not None:
            self.gateway.poll()

    def touch(self):
        """``touched()`` for Python: something was published in this turn."""
        self.touched()

    cpdef Py_ssize_t ring(self):
        """Wake whoever sleeps and was not rung yet, if anything was published; returns how many.

        A loop that spins calls this each turn: who falls asleep after the last record must be left to sleep.
        """
        cdef uint64_t one = 1, sleeping
        cdef Py_ssize_t index, woken = 0
        cdef Rope* rope
        self.pending = False
        if not self.dirty:
            return 0
        self.dirty = False
        if self.sessions == 0:
            return 0
        fence_seq_cst()
        for index in range(self.sessions):
            rope = self.ropes + index
            sleeping = load_relaxed(rope.sleeping)
            if sleeping & 1 and sleeping != rope.rung:
                rope.rung = sleeping
                write(rope.fd, &one, 8)  # the eventfd does not block: full means that it was rung anyway
                woken += 1
        self.rung += woken
        if woken and self.segment is not None:
            count_by(self.segment.counters, COUNT_DOORBELLS, woken)
        return woken
