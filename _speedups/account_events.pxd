from .layout_orders cimport AccountConfigBody, BalanceUpdateBody, MarginCallBody, PositionUpdateBody, SnapshotBody
from .order_events cimport Report


cdef class BalanceUpdate(Report):
    cdef BalanceUpdateBody balance


cdef class PositionUpdate(Report):
    cdef PositionUpdateBody position


cdef class AccountConfig(Report):
    cdef AccountConfigBody config


cdef class MarginCall(Report):
    cdef MarginCallBody call


cdef class Snapshot(Report):
    cdef SnapshotBody snapshot


cdef class SnapshotBegin(Snapshot):
    pass


cdef class SnapshotEnd(Snapshot):
    pass


cdef class UnknownReport(Report):
    pass


cdef Report report_of(int type)
