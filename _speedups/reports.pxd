# The report ring of a session, writer's side: the ring of ring.pxd, but this writer waits. It never raises `intent`
# past report_cursor + capacity, so that what the strategy has not taken is never overwritten.
from libc.stdint cimport uint64_t

from .bell cimport Bell
from .journal cimport Journal
from .layout cimport RecordHeader, SessionUp
from .renumbering cimport Renumbering
from .ring cimport Ring
from .segment cimport Mapping

cdef enum:
    REPORT_BYTES = 1 << 15        # of the longest report with its header


cdef class Reports:
    cdef Ring ring
    cdef const SessionUp* page
    cdef uint64_t cursor          # the report cursor as it was looked at last
    cdef uint64_t handed          # reports up to this one were handed over, or had been before
    cdef readonly uint64_t position  # of the next entry to look at
    cdef readonly uint64_t held   # times the ring was full
    cdef readonly uint64_t unplaced  # reports of earlier runs without an account or a place in this one
    cdef readonly int state
    cdef readonly str why
    cdef readonly Journal journal
    cdef Bell bell
    cdef Mapping up, down
    cdef Renumbering earlier
    cdef uint64_t begun           # where this run begins in the journal
    cdef char[REPORT_BYTES] translated
    cdef bint look(self) noexcept
    cdef bint hand(self, const RecordHeader* entry) noexcept nogil
    cdef bint hand_earlier(self, const RecordHeader* entry) except -1
    cdef int now(self, int state, uint64_t before) noexcept
    cpdef int pump(self)
