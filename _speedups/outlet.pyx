"""Records of an account's private stream into strategies' journals, and to who hears of them, in C where all is known."""

cimport cython
from libc.stdint cimport int64_t, uint16_t, uint64_t

from .journal cimport Journal
from .layout cimport RecordHeader
from .renumbering cimport CONNECTOR_NO_INSTRUMENT
from .reports cimport Reports
from .states cimport OpenState


@cython.final
cdef class Outlet:
    """Of an account and its venue, by their numbers.

    ``place(symbol)`` is the index of an instrument in the directory, None: it has none; ``opened(strategy)`` its journal
    and who hears of it; ``handed(strategy, opened)`` goes on with a session that lags, ``fault(error, strategy)`` is told
    of faults of ours."""

    def __init__(self, uint16_t number, uint16_t venue, *, place, opened, handed, fault):
        self.number, self.venue = number, venue
        self.place, self.opened, self.handed, self.fault = place, opened, handed, fault
        self.places, self.journals = {}, {}

    cdef bint put(
        self, object strategy, object symbol, int kind, const void* body, size_t size, int64_t venue_ns, int64_t recv_ns,
        uint64_t order_key,
    ) except -1:
        cdef object found = self.journals.get(strategy), index = None
        cdef OpenState opened
        cdef Journal journal
        if found is None:
            return False
        opened = <OpenState?>found
        if symbol is not None:
            index = self.places.get(symbol)
            if index is None or index not in opened.described:
                return False
        journal = <Journal?>opened.journal
        if not journal.fits(sizeof(RecordHeader) + size):
            return False
        journal.put(
            <uint16_t>kind, body, size, CONNECTOR_NO_INSTRUMENT if index is None else index, self.venue, self.number,
            venue_ns, recv_ns, order_key,
        )
        try:
            if opened.reports is not None and (<Reports?>opened.reports).pump():
                self.handed(strategy, opened)
        except Exception as error:
            self.fault(error, strategy)
        return True

    cdef int learn(self, object strategy, object symbol) except -1:
        cdef object index
        try:
            self.journals[strategy] = self.opened(strategy)
            index = self.place(symbol) if symbol is not None else None
            if index is not None:
                self.places[symbol] = index
        except Exception as error:    # what the event changes is owed all the same; the next one looks again
            self.fault(error, strategy)
        return 0
