from libc.stdint cimport int64_t, uint64_t

from .layout cimport (
    InstrumentEntry, Level, RECORD_BBO, RECORD_BOOK_DELTA, RECORD_FEED_STATE, RECORD_INSTRUMENT_CHANGE, RECORD_MARK_PRICE,
    RECORD_TRADE, RecordHeader,
)


cdef class Instrument:            # a copy of a directory entry, refreshed in place when the venue changes it
    cdef InstrumentEntry entry
    cdef uint64_t epoch           # the start of the daemon whose directory it is of
    cdef readonly str exchange, symbol, base, quote, margin
    cdef double price_unit, qty_unit, mark_unit, rate_unit
    cdef object __weakref__
    cdef void refresh(self, const InstrumentEntry* entry)


cdef class Event:                 # the copy of one record
    cdef RecordHeader header
    cdef char body[64]            # its first 64 bytes; a BookDelta keeps its levels beside it
    cdef readonly Instrument instrument


cdef class Bbo(Event):
    pass


cdef class Trade(Event):
    pass


cdef class MarkPrice(Event):
    pass


cdef class FeedState(Event):
    pass


cdef class InstrumentChange(Event):
    pass


cdef class Unknown(Event):
    pass


cdef class BookDelta(Event):
    cdef Level* levels            # bids, then asks
    cdef Py_ssize_t bid_count, ask_count
    cdef int take_levels(self, const void* source, Py_ssize_t room) noexcept
    cdef list _side(self, Py_ssize_t start, Py_ssize_t count)
    cdef list _side_e(self, Py_ssize_t start, Py_ssize_t count)


cdef double scaled(int64_t value_e, double unit) noexcept
cdef object state_of(uint64_t word)
cdef object side_of(uint64_t side)
cdef object name_of(value)
cdef str text(const char* field, size_t room)


# An empty event for a record of this type; the casts are true and spare a check of what was just made.
cdef inline Event event_of(int type):
    if type == RECORD_BOOK_DELTA:
        return <Event>BookDelta.__new__(BookDelta)
    if type == RECORD_BBO:
        return <Event>Bbo.__new__(Bbo)
    if type == RECORD_TRADE:
        return <Event>Trade.__new__(Trade)
    if type == RECORD_MARK_PRICE:
        return <Event>MarkPrice.__new__(MarkPrice)
    if type == RECORD_FEED_STATE:
        return <Event>FeedState.__new__(FeedState)
    if type == RECORD_INSTRUMENT_CHANGE:
        return <Event>InstrumentChange.__new__(InstrumentChange)
    return <Event>Unknown.__new__(Unknown)
