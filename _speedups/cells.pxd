from .events cimport Instrument
from .layout cimport BboCell, Level, LevelsCell, TopEntry, TradeCell
from .reader cimport MarketReader


cdef class TopBbo:
    cdef BboCell cell
    cdef readonly Instrument instrument


cdef class TopTrade:
    cdef TradeCell cell
    cdef readonly Instrument instrument


cdef class TopLevels:
    cdef LevelsCell cell
    cdef readonly Instrument instrument
    cdef list _side(self, const Level* levels, Py_ssize_t count)


cdef class Top:
    cdef readonly MarketReader reader
    cdef readonly Instrument instrument
    cdef const TopEntry* entry(self) except NULL
    cdef int copy(self, const void* cell, void* out, size_t size) except -1
