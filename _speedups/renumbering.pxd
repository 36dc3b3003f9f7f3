# What the numbers in a journal's entries of earlier runs are in this one.
from libc.stdint cimport uint16_t, uint32_t

from .layout cimport RecordHeader

cdef extern from *:
    """
    #define CONNECTOR_NO_INSTRUMENT UINT32_MAX
    #define CONNECTOR_NO_ACCOUNT UINT16_MAX
    """
    # In the header of a report: it is about none, or about one that this run does not have (connector/model/records.py).
    const uint32_t CONNECTOR_NO_INSTRUMENT
    const uint16_t CONNECTOR_NO_ACCOUNT

cdef class Renumbering:
    cdef dict accounts                # name -> (number, venue) in this run
    cdef object names, place, describe
    cdef list numbered                # by the number of then: the same pair, or None
    cdef dict described, placed       # by the index of then: its InstrumentEntry; (index, venue, two shifts), or None
    cdef int learn(self, const RecordHeader* entry) except -1
    cdef bint translate(self, RecordHeader* record) except -1
    cdef object placed_now(self, object index)
