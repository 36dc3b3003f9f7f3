from libc.stdint cimport int64_t, uint64_t

from .book cimport BookC
from .events cimport BookDelta, Event, Instrument
from .layout cimport InstrumentEntry, RecordHeader, SegmentHeader, SessionUp, TopEntry
from .ring cimport RingView
from .segment cimport Mapping


cdef class MarketReader:          # a strategy's view of the market segment and its own `up` segment
    cdef RingView view
    cdef readonly Mapping memory
    cdef Mapping up_memory
    cdef const SegmentHeader* header
    cdef const InstrumentEntry* directory
    cdef const TopEntry* table    # NULL: not attached
    cdef SessionUp* up
    cdef const uint64_t* fork_counter
    cdef uint64_t forks           # what it stood at when we attached
    cdef int control_fd, event_fd
    cdef list listed              # Instrument by index
    cdef dict books               # index -> FullBook
    cdef bint has_books
    cdef Event taken              # out of the ring, not handed out yet; None but while poll() works or after it raised
    cdef bint missed              # records were lost just before it
    cdef uint64_t cursor          # the position last told to the daemon
    cdef int64_t checked_ns       # when the control socket was last looked at
    cdef public int64_t stalled_since_ns  # since when no copy of some cell could be had; 0: not now
    cdef Event take(self)
    cdef Event copy(self, const RecordHeader* record)
    cdef Event settle(self)
    cdef void tell(self) noexcept
    cdef int idle(self) except -1
    cdef int glance(self) except -1
    cdef int check(self) except -1
    cdef int own(self, Instrument instrument) except -1
    cdef Instrument listing(self, uint64_t index)
    cdef int absorb(self, Event event) except -1


cdef class FullBook:              # one instrument's whole book, kept up to date from the ring
    cdef BookC* c
    cdef readonly Instrument instrument
    cdef MarketReader reader
    cdef uint64_t since           # records before this one are in the image already
    cdef int state_now
    cdef readonly int64_t update_id
    cdef readonly int64_t venue_ns
    cdef readonly uint64_t images # full books fetched so far
    cdef bint partial             # some parts of a split message were applied, its last one was not
    cdef bint based               # an image was loaded and nothing was missed since
    cdef bint load(self) except -1
    cdef int apply(self, BookDelta delta) except -1
    cdef list _levels(self, bint bid, most, bint exact)
