# Events of the records that layout_streams.pxd draws: a body of 128 bytes, and what is behind it as bytes.
from libc.stdint cimport int64_t

from .events cimport Event
from .layout cimport (
    RECORD_CONTRACT, RECORD_DEPTH_VIEW, RECORD_INDEX, RECORD_KLINE, RECORD_LIQUIDATION, RECORD_MARKET_HOURS,
    RECORD_TICKER,
)

cdef enum:
    WIDE = 128


cdef class StreamEvent(Event):
    cdef char wide[WIDE]
    cdef bytes rest
    cdef int fill(self, const char* source, Py_ssize_t size) except -1


cdef class Kline(StreamEvent):
    pass


cdef class Ticker(StreamEvent):
    pass


cdef class Index(StreamEvent):
    cdef int exponent(self) noexcept


cdef class Liquidation(StreamEvent):
    pass


cdef class Contract(StreamEvent):
    pass


cdef class DepthView(StreamEvent):
    cdef list side(self, Py_ssize_t first, Py_ssize_t count)


cdef class MarketHours(StreamEvent):
    pass


cdef inline bint of_stream(int type) noexcept:
    return RECORD_INDEX <= type <= RECORD_KLINE or RECORD_CONTRACT <= type <= RECORD_MARKET_HOURS


# An empty event for a record of such a type.
cdef inline StreamEvent stream_event_of(int type):
    if type == RECORD_KLINE:
        return <StreamEvent>Kline.__new__(Kline)
    if type == RECORD_TICKER:
        return <StreamEvent>Ticker.__new__(Ticker)
    if type == RECORD_INDEX:
        return <StreamEvent>Index.__new__(Index)
    if type == RECORD_LIQUIDATION:
        return <StreamEvent>Liquidation.__new__(Liquidation)
    if type == RECORD_CONTRACT:
        return <StreamEvent>Contract.__new__(Contract)
    if type == RECORD_DEPTH_VIEW:
        return <StreamEvent>DepthView.__new__(DepthView)
    return <StreamEvent>MarketHours.__new__(MarketHours)
