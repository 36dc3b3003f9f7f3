"""The gateway: the daemon's end of the strategies' command rings.

A ring lies in the `up` segment, which its strategy may scribble over at any time. So a slot is copied once and only the
copy is looked at; a number that cannot be ends the session, everything else in it is for the handler to judge.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memset

from .atomics cimport (
    fence_acquire, fence_seq_cst, likely, load_acquire, load_relaxed, monotonic_ns, store_relaxed, store_release, unlikely,
)
from .counters cimport COUNT_COMMAND_ERRORS, COUNT_COMMANDS, COUNT_COMMANDS_BROKEN, count
from .histogram cimport histogram_add
from .layout cimport CONNECTOR_MAGIC_DOWN, CONNECTOR_MAGIC_UP, SessionDown, SessionUp
from .layout_orders cimport CONNECTOR_COMMANDS, Command
from .segment cimport Mapping, Segment

cdef extern from "unistd.h" nogil:
    ssize_t read(int fd, void* data, size_t size)

cdef enum:
    MOST = 64                     # commands a session a turn
    LONGEST_NS = 100_000          # what one poll() may take before sockets get their turn again
    REHEARSE_NS = 100_000         # between rehearsals while the loop spins (ADR 22)
    LEAST_NS = 500_000            # ... while each turn publishes something
    HOP_COMMAND_TO_TAKE = 4       # connector.model.counters.Hop


cdef class Taker:
    """Takes commands (`connector._speedups.lane.Lane`)."""

    cdef int take_command(self, object session, bytes slot, int64_t read_ns, bint rehearsing) except -1:
        raise NotImplementedError


@cython.final
cdef class Called(Taker):
    """Has them taken by functions of Python."""

    cdef object handler, rehearse

    def __init__(self, handler, rehearse):
        self.handler, self.rehearse = handler, rehearse
        self.again = None if rehearse is None else bytes(sizeof(Command))

    cdef int take_command(self, object session, bytes slot, int64_t read_ns, bint rehearsing) except -1:
        if rehearsing:
            self.rehearse()
        else:
            self.handler(session, slot, read_ns)
        return 0


@cython.final
cdef class Gateway:
    """Hands each command to ``handler(session, slot, read_ns)``: the session's object, the copied slot, CLOCK_MONOTONIC.
    A Taker is called without Python in between, and rehearses by itself.

    What the handler raises is counted and told to ``failed(session, slot, error)``; a command ring that cannot be is
    told to ``broken(session, why)`` and not looked at again. ``after()`` is called once nothing is left to be taken.
    At most 64 commands a session are taken in a turn of the loop, the rest in the next one, which ``call_soon`` (the
    loop's) schedules; without it the caller goes through ``next_turn()`` each turn, and some turns in which nothing is
    to be taken call ``rehearse()``.
    """

    def __init__(
        self, handler, *, failed=None, broken=None, after=None, call_soon=None, Segment segment=None, rehearse=None
    ):
        self.taker = handler if isinstance(handler, Taker) else Called(handler, rehearse)
        self.rehearses = True
        self.after = after
        self.failed = failed
        self.broken = broken
        self.call_soon = call_soon
        self.segment = segment
        self.next_method = self.next_turn
        self.sessions = []
        self.memory = {}

    def __dealloc__(self):
        free(self.doors)

    def add(self, session, Mapping up not None, Mapping down not None, int doorbell, uint64_t taken=0):
        """Serve a session: its segments, the eventfd it rings, the number of the last command taken of its strategy."""
        cdef Door* doors
        cdef Door* door
        if up.size < sizeof(SessionUp) + CONNECTOR_COMMANDS * sizeof(Command):
            raise ValueError("an `up` segment without a command ring")
        if (<SessionUp*>up.base).magic != CONNECTOR_MAGIC_UP:
            raise ValueError("not a session's `up` segment")
        if down.size < sizeof(SessionDown) or not down.writable or (<SessionDown*>down.base).magic != CONNECTOR_MAGIC_DOWN:
            raise ValueError("not a session's `down` segment")
        if doorbell in self.memory:
            raise ValueError(f"doorbell {doorbell} is watched already")
        if self.busy:
            raise RuntimeError("a handler cannot add a session")
        doors = <Door*>realloc(self.doors, (self.count + 1) * sizeof(Door))
        if doors == NULL:
            raise MemoryError()
        self.doors = doors
        door = doors + self.count
        memset(door, 0, sizeof(Door))
        door.slots = <const Command*>(up.base + sizeof(SessionUp))
        door.cursor = &(<SessionDown*>down.base).command_cursor
        door.sleeping = &(<SessionDown*>down.base).daemon_sleeping
        door.begun, door.next = taken, taken + 1
        door.fd = doorbell
        self.sessions.append(session)
        self.memory[doorbell] = (up, down)
        self.count += 1
        store_release(door.cursor, taken)
        if self.asleep:
            store_release(door.sleeping, door.sleeping[0] | 1)

    def remove(self, int doorbell):
        """Forget a session; before its doorbell is closed."""
        cdef Py_ssize_t index
        del self.memory[doorbell]
        for index in range(self.count):
            if self.doors[index].fd == doorbell:
                self.count -= 1
                self.doors[index] = self.doors[self.count]
                self.sessions[index] = self.sessions[self.count]
                del self.sessions[self.count]
                break

    def set_call_soon(self, call_soon):
        """How ``next_turn`` gets called: by the loop's ``call_soon`` after commands were taken, or by the caller."""
        self.call_soon = call_soon
        self.pending = False

    def take(self):
        """Take the commands that are there, within the limits of a turn; returns how many."""
        return self.poll()

    cpdef Py_ssize_t next_turn(self):
        """Another turn of the loop: every session may be served again; returns how many commands were taken."""
        self.pending = False
        self.turn += 1
        cdef Py_ssize_t taken = self.poll()
        if taken == 0 and self.rehearses and self.call_soon is None and self.count and self.taker.again is not None:
            self.idle(monotonic_ns())
        return taken

    cdef void idle(self, int64_t now_ns) noexcept:
        """Nothing is to be taken, and the loop spins."""
        cdef const Command* slot
        if now_ns < self.rehearse_ns or self.busy:
            return
        if self.segment is not None and self.segment.ring.sequence != self.published:
            self.published = self.segment.ring.sequence
            if now_ns < self.rehearse_ns + LEAST_NS:
                return                        # more frames may be waiting
        self.rehearse_ns = now_ns + REHEARSE_NS
        slot = <const Command*>PyBytes_AS_STRING(self.taker.again)
        self.hand(NULL, self.taker.again_by, slot, slot.stamp)

    cdef Py_ssize_t poll(self) noexcept:
        cdef Py_ssize_t index, step
        cdef uint64_t before = self.taken
        cdef int64_t until_ns = 0
        cdef Door* door
        for step in range(self.count):
            index = self.first + step
            if index >= self.count:
                index -= self.count
            if unlikely(index >= self.count):   # a handler's doing: somebody left
                break
            door = self.doors + index
            if likely(load_acquire(&door.slots[(door.next - 1) % CONNECTOR_COMMANDS].stamp) == door.stale):
                continue
            if door.shut or self.busy:
                continue
            if until_ns == 0:
                until_ns = monotonic_ns() + LONGEST_NS
            if not self.serve(index, until_ns):
                self.first = index + 1 if index + 1 < self.count else 0
                break
        self.owed |= self.taken != before
        if self.owed and self.after is not None and not self.busy and not self.waiting():
            self.taken_all()
        return <Py_ssize_t>(self.taken - before)

    cdef void taken_all(self) noexcept:
        self.busy, self.owed = True, False
        try:
            self.after()
        except Exception as error:
            if self.segment is not None:
                count(self.segment.counters, COUNT_COMMAND_ERRORS)
            self.tell(None, b"", error)
        finally:
            self.busy = False

    cdef bint serve(self, Py_ssize_t index, int64_t until_ns) noexcept:
        """One session's commands; False: the time is over."""
        cdef Door* door = self.doors + index
        cdef int fd = door.fd
        cdef uint64_t stamp
        if door.turn != self.turn:
            door.turn, door.used = self.turn, 0
        if not self.pending and self.call_soon is not None:
            self.pending = True
            try:
                self.call_soon(self.next_method)
            except Exception:     # the loop is closed: the daemon ends
                self.pending = False
        while door.used < MOST:
            stamp = load_acquire(&door.slots[(door.next - 1) % CONNECTOR_COMMANDS].stamp)
            if stamp == door.stale:
                return True
            if stamp != door.next:
                self.shut(index, f"command {stamp} in the place of {door.next}")
                return True
            if not self.hand(door, self.sessions[index], door.slots + (door.next - 1) % CONNECTOR_COMMANDS, stamp):
                self.shut(index, f"command {stamp} was changed while it was taken")
                return True
            if index >= self.count or self.doors[index].fd != fd:
                return True       # it left
            door = self.doors + index
            if monotonic_ns() >= until_ns:
                return False
        return True

    cdef bint hand(self, Door* door, object session, const Command* at, uint64_t number) noexcept:
        """Give a command to its taker; False: the strategy wrote on while it was copied. ``door`` NULL: in a rehearsal."""
        cdef bytes slot = None
        cdef int64_t now_ns
        self.busy = True
        try:
            slot = PyBytes_FromStringAndSize(<const char*>at, sizeof(Command))
            fence_acquire()
            if (<const Command*>PyBytes_AS_STRING(slot)).stamp != number or load_relaxed(&at.stamp) != number:
                return False
            now_ns = monotonic_ns()
            if door != NULL:
                door.used += 1
                door.next += 1
                door.stale = door.next - CONNECTOR_COMMANDS if door.next > door.begun + CONNECTOR_COMMANDS else 0
                store_release(door.cursor, door.next - 1)
                self.taken += 1
                if self.segment is not None:
                    count(self.segment.counters, COUNT_COMMANDS)
            self.taker.take_command(session, slot, now_ns, door == NULL)
            if door != NULL and self.segment is not None:
                histogram_add(
                    self.segment.histograms + HOP_COMMAND_TO_TAKE,
                    now_ns - (<const Command*>PyBytes_AS_STRING(slot)).created_ns,
                )
        except Exception as error:
            if door == NULL:
                self.rehearses, session, slot = False, None, b""
            if self.segment is not None:
                count(self.segment.counters, COUNT_COMMAND_ERRORS)
            self.tell(session, slot, error)
        finally:
            self.busy = False
        return True

    def tell(self, session, slot, error):
        """Say that a handler failed; nothing may come of saying it."""
        if self.failed is not None:
            try:
                self.failed(session, slot, error)
            except Exception:
                pass              # it was counted

    cdef void shut(self, Py_ssize_t index, str why) noexcept:
        self.doors[index].shut = True
        if self.segment is not None:
            count(self.segment.counters, COUNT_COMMANDS_BROKEN)
        if self.broken is not None:
            try:
                self.broken(self.sessions[index], why)
            except Exception:
                pass              # nobody serves it any more

    # -- the doorbell

    cdef bint waiting(self) noexcept:
        """Does any session have a command for us?"""
        cdef Py_ssize_t index
        cdef Door* door
        for index in range(self.count):
            door = self.doors + index
            if not door.shut and load_relaxed(&door.slots[(door.next - 1) % CONNECTOR_COMMANDS].stamp) != door.stale:
                return True
        return False

    def sleep(self):
        """The loop is about to block: sessions shall ring. False, and nothing changes: commands are waiting."""
        cdef Py_ssize_t index
        if not self.asleep:
            self.asleep = True
            for index in range(self.count):
                store_relaxed(self.doors[index].sleeping, self.doors[index].sleeping[0] + 1)
        fence_seq_cst()
        if not self.waiting():
            return True
        self.wake()
        return False

    def wake(self):
        """The loop does not block: no doorbell is wanted."""
        cdef Py_ssize_t index
        if self.asleep:
            self.asleep = False
            for index in range(self.count):
                store_release(self.doors[index].sleeping, self.doors[index].sleeping[0] + 1)

    def rung(self, int doorbell):
        """A session's doorbell is readable: drain it, take what is there, want the next ring.

        What comes between is seen: the doors are opened before the last look at them."""
        cdef uint64_t count
        if read(doorbell, &count, 8) < 0 and errno not in (EAGAIN, EINTR):
            raise OSError(errno, "eventfd")
        self.poll()
        if self.asleep:
            self.wake()
            if not self.sleep():
                self.sleep_later()

    def sleep_later(self):
        """Commands are left for the next turn: it takes them and tries again."""
        if self.call_soon is not None:
            self.call_soon(self.sleep_or_take)

    def sleep_or_take(self):
        """Take what is left; then the loop may block."""
        self.next_turn()
        if not self.asleep and not self.sleep():
            self.sleep_later()

    @property
    def sessions_served(self):
        """How many sessions have a door."""
        return self.count
