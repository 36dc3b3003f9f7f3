from libc.stdint cimport int64_t

from .events cimport Event
from .layout_orders cimport CommandAnswerBody, FillDetailBody, OrderReportBody

cdef enum:
    MONEY_EXPONENT = 8            # of fees, balances and profits


cdef class Report(Event):         # the copy of one record of the report ring
    cdef readonly object context  # who renders it: connector.model.rendering.Renderer
    cdef int fill(self, const char* source, Py_ssize_t size) except -1
    cdef int price_exponent(self) noexcept
    cdef int qty_exponent(self) noexcept


cdef class CommandAnswer(Report):
    cdef CommandAnswerBody answer
    cdef bytes words              # of the venue
    cdef bytes command_slot       # the command, if this process wrote it


cdef class OrderReport(Report):
    cdef OrderReportBody report


cdef class FillDetail(Report):
    cdef FillDetailBody detail


cdef object enum_of(str name, int value)
cdef str text(const char* field, size_t room)
cdef object scaled(int64_t value_e, int exponent)
cdef object exactly(int64_t value_e, int exponent)
