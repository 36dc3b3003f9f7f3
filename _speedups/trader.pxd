from libc.stdint cimport uint64_t

from .commands cimport CommandWriter
from .layout cimport RecordHeader
from .order_events cimport CommandAnswer, OrderReport, Report
from .ring cimport RingView


cdef class TradingReader(CommandWriter):  # a strategy's view of both rings
    cdef RingView reports         # base NULL: no trading session
    cdef readonly object context  # renders reports
    cdef list unsent              # tickets of an earlier session that the daemon never took
    cdef dict open_orders         # order_key -> the latest OrderReport
    cdef dict open_positions      # (account, instrument, position side) -> the latest PositionUpdate
    cdef dict account_balances    # (account, asset) -> the latest BalanceUpdate
    cdef tuple snapshot           # the three that a snapshot fills; None: there is none under way
    cdef uint64_t stands_at       # the views say how things stand from this report on
    cdef Report next_report(self, const RecordHeader* record)
    cdef int learn(self, Report report) except -1
    cdef int own_fill(self, OrderReport order) except -1
    cdef bint answered(self, CommandAnswer answer) except -1
