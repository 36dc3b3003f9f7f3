"""A pool of request weight, held by us and by the venue; every request is held against it."""

cimport cython
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free, malloc

cdef enum:
    ROOM = 64                     # entries to begin with

FOREVER_NS = 2**63 - 1
cdef int64_t FOREVER = FOREVER_NS


@cython.final
cdef class Budget:
    """``limit`` units in ``window_ns``.

    We count in a rolling window. The venue counts in its own fixed windows and sees other users of the same address; its
    headers correct us: what is left is the smaller of ``limit`` minus our own rolling sum, and ``limit`` minus the
    highest count the venue has given in this window of its own plus what we sent since and that count cannot cover.
    ``now_ns`` is CLOCK_MONOTONIC, ``venue_ns`` the venue's wall clock. ValueError without a limit and a length."""

    def __cinit__(self, int64_t limit, int64_t window_ns):
        if limit <= 0 or window_ns <= 0:
            raise ValueError(f"a window needs a limit and a length, got {limit} in {window_ns} ns")
        self.limit, self.window_ns = limit, window_ns
        self.header_window = self.asked_window = -1
        self.room = ROOM
        self.taken = <Taken*>malloc(ROOM * sizeof(Taken))
        if self.taken == NULL:
            raise MemoryError()

    def __dealloc__(self):
        free(self.taken)

    def resize(self, int64_t limit):
        """Take over the limit the venue states; what was already used stays counted."""
        if limit <= 0:
            raise ValueError(f"a budget needs a limit, got {limit}")
        self.limit = limit

    cdef inline Taken* at(self, uint64_t index) noexcept nogil:
        return self.taken + (index & (self.room - 1))

    cdef void roll(self, int64_t now_ns) noexcept nogil:
        """What was taken too long ago leaves our window."""
        while self.rolled < self.end and self.at(self.rolled).ns + self.window_ns <= now_ns:
            self.own -= self.at(self.rolled).units
            self.rolled += 1

    cdef void cover(self) noexcept nogil:
        """The oldest entry is in the venue's count."""
        if self.at(self.covered).window == self.asked_window:
            self.asked_units -= self.at(self.covered).units
        self.covered += 1

    cdef int64_t theirs(self, int64_t venue_ns) noexcept nogil:
        """The venue's count for its window at ``venue_ns``, with what we sent it cannot cover."""
        cdef int64_t window = venue_ns // self.window_ns
        cdef uint64_t index
        if window != self.asked_window:
            self.asked_window, self.asked_units = window, 0
            for index in range(self.covered, self.end):
                if self.at(index).window == window:
                    self.asked_units += self.at(index).units
        return self.asked_units + (self.header if window == self.header_window else 0)

    cdef bint allows(self, int64_t now_ns, int64_t venue_ns, int64_t units, int64_t reserve) noexcept nogil:
        self.roll(now_ns)
        return (
            now_ns >= self.quiet_until_ns and self.own + units + reserve <= self.limit
            and self.theirs(venue_ns) + units + reserve <= self.limit
        )

    cdef int64_t own_ns(self, int64_t now_ns, int64_t units) noexcept nogil:
        """When our own window has so many left."""
        cdef int64_t excess
        cdef uint64_t index
        self.roll(now_ns)
        excess = self.own + units - self.limit
        if excess <= 0:
            return now_ns
        for index in range(self.rolled, self.end):
            excess -= self.at(index).units
            if excess <= 0:
                return self.at(index).ns + self.window_ns
        return FOREVER

    @property
    def kept(self):
        """Requests that are still remembered."""
        return self.end - min(self.rolled, self.covered)

    def left(self, int64_t now_ns, int64_t venue_ns):
        """Units left."""
        if now_ns < self.quiet_until_ns:
            return 0
        self.roll(now_ns)
        return max(0, min(self.limit - self.own, self.limit - self.theirs(venue_ns)))

    def admit_ns(self, int64_t now_ns, int64_t venue_ns, int64_t n, int64_t reserve=0):
        """The earliest instant at which ``n`` units may be taken and ``reserve`` still be left.

        FOREVER_NS when that can never be."""
        cdef int64_t start_ns, due_ns
        if n + reserve > self.limit:
            return FOREVER
        start_ns = max(now_ns, self.quiet_until_ns)
        due_ns = self.own_ns(start_ns, n + reserve)
        venue_ns += start_ns - now_ns
        if self.theirs(venue_ns) + n + reserve > self.limit:
            due_ns = max(due_ns, start_ns + self.window_ns - venue_ns % self.window_ns)
        return due_ns

    cdef int grow(self) except -1:
        cdef Taken* fresh = <Taken*>malloc(2 * self.room * sizeof(Taken))
        cdef uint64_t index
        if fresh == NULL:
            raise MemoryError()
        for index in range(min(self.rolled, self.covered), self.end):
            fresh[index & (2 * self.room - 1)] = self.at(index)[0]
        free(self.taken)
        self.taken = fresh
        self.room *= 2
        return 0

    cpdef uint64_t take(self, int64_t now_ns, int64_t venue_ns, int64_t n) except 0:
        """Count a request of ``n`` units that is sent now; returns its number for ``correct``.

        The caller has asked ``admit_ns``; a request that goes out regardless is counted, too."""
        cdef int64_t window = venue_ns // self.window_ns
        cdef Taken* entry
        self.roll(now_ns)
        if self.end - min(self.rolled, self.covered) == self.room:
            self.grow()
        self.sent += 1
        entry = self.at(self.end)
        entry.ns, entry.window, entry.number, entry.units = now_ns, window, self.sent, n
        self.end += 1
        self.own += n
        if window == self.asked_window:
            self.asked_units += n
        while self.at(self.covered).window < window - 1:  # a venue that gives no counts covers nothing
            self.cover()
        return self.sent

    def give_back(self, uint64_t request):
        """``request`` (from ``take``) did not leave, not one byte of it: it counts nowhere."""
        cdef uint64_t index = request - 1  # numbers and entries go up together
        cdef Taken* entry = self.at(index)
        if not request or index >= self.end or index < min(self.rolled, self.covered):
            return
        if index >= self.rolled:
            self.own -= entry.units
        if index >= self.covered and entry.window == self.asked_window:
            self.asked_units -= entry.units
        entry.units = 0

    def correct(self, uint64_t request, int64_t venue_ns, int64_t used):
        """The answer to ``request`` (from ``take``), given at ``venue_ns``, says ``used``.

        Requests sent later than it are not in that count; negative counts mean "not given"."""
        cdef int64_t window = venue_ns // self.window_ns
        if used < 0 or window < self.header_window:
            return
        if window > self.header_window:
            self.header_window = window
            self.header, self.header_number = used, request
        elif used >= self.header:
            self.header, self.header_number = used, max(self.header_number, request)
        while self.covered < self.end and (
            self.at(self.covered).number <= self.header_number or self.at(self.covered).window < self.header_window
        ):
            self.cover()

    def stop(self, int64_t until_ns):
        """Send nothing before this instant (429, 418); never shortens an earlier stop."""
        self.quiet_until_ns = max(self.quiet_until_ns, until_ns)

    def used(self, int64_t now_ns, int64_t venue_ns):
        """Units in use, by the larger of both counts."""
        self.roll(now_ns)
        return max(self.own, self.theirs(venue_ns))
