"""The turns of a loop that spins: commands in, sleeping readers woken, each turn measured."""

cimport cython
from libc.stdint cimport int64_t, uint64_t

from .atomics cimport monotonic_ns
from .bell cimport Bell
from .counters cimport COUNT_STALLS, count
from .histogram cimport histogram_add
from .segment cimport Segment

cdef enum:
    HOP_LOOP_CALLBACK = 2         # connector.model.counters.Hop


@cython.final
cdef class Turns:
    """A callback that schedules itself with ``call_soon``: the loop then polls without waiting, timers and signals run as
    always.

    In each turn the commands of the bell's gateway are taken and the bell is rung. The length of one in which something
    was published or taken goes into the segment's histogram LOOP_CALLBACK, one longer than ``stall_ns`` is counted in
    STALLS. Once nothing was published for ``spin_ns``, ``rest()`` is asked each turn whether that was the last one; None:
    there is no last one."""

    cdef Bell bell
    cdef Segment segment
    cdef object call_soon, rest
    cdef int64_t spin_ns, stall_ns, until_ns, last_ns
    cdef uint64_t written
    cdef readonly bint on         # it goes on

    def __init__(
        self, Bell bell not None, Segment segment not None, call_soon, *, int64_t spin_ns=0, int64_t stall_ns, rest=None
    ):
        self.bell, self.segment, self.call_soon, self.rest = bell, segment, call_soon, rest
        self.spin_ns, self.stall_ns = spin_ns, stall_ns

    def begin(self):
        """From the next turn on."""
        if not self.on:
            self.on = True
            self.last_ns = monotonic_ns()
            self.until_ns = self.last_ns + self.spin_ns
            self.call_soon(self)

    def end(self):
        """No more turns."""
        self.on = False

    def __call__(self):
        cdef int64_t now_ns = monotonic_ns(), away_ns = now_ns - self.last_ns
        cdef uint64_t written
        if not self.on:
            return
        self.last_ns = now_ns
        if self.bell.gateway is not None:
            self.bell.gateway.next_turn()
        self.bell.ring()
        written = self.segment.ring.sequence
        if self.bell.gateway is not None:
            written += self.bell.gateway.taken
        if written != self.written:
            self.written = written
            self.until_ns = now_ns + self.spin_ns
            histogram_add(self.segment.histograms + HOP_LOOP_CALLBACK, away_ns)
        if away_ns > self.stall_ns:
            count(self.segment.counters, COUNT_STALLS)
        if self.rest is None or now_ns < self.until_ns or not self.rest():
            self.call_soon(self)
        else:
            self.on = False
