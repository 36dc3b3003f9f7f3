"""Hold depth answers and depth messages as scaled integers, without a Python object a number."""
cimport cython
from libc.stdlib cimport calloc, free, malloc

from .book cimport flat_count, flat_levels, put_flat
from .layout cimport CONNECTOR_ABSENT, BookDeltaBody, Level, RecordHeader


@cython.final
cdef class PackedSnapshot:
    def __cinit__(self, Py_ssize_t most):
        if most < 0:
            raise ValueError(f"a snapshot has room for no less than no levels, not {most}")
        self.c.levels = <Level*>malloc((most + 1) * sizeof(Level))
        if self.c.levels == NULL:
            raise MemoryError
        self.c.most = most
        self.c.bids = self.c.asks = 0
        self.c.last_id = 0
        self.c.venue_ns = CONNECTOR_ABSENT

    def __dealloc__(self):
        free(self.c.levels)

    @property
    def last_id(self):
        return self.c.last_id

    @property
    def venue_ns(self):
        return self.c.venue_ns

    @property
    def bids(self):
        return flat_levels(self.c.levels, self.c.bids)

    @property
    def asks(self):
        return flat_levels(self.c.levels + self.c.bids, self.c.asks)


@cython.final
cdef class PackedDepth:
    def __cinit__(self, Py_ssize_t most):
        if most < 0:
            raise ValueError(f"a message has room for no less than no levels, not {most}")
        self.c.record = <RecordHeader*>calloc(
            1, sizeof(RecordHeader) + sizeof(BookDeltaBody) + (most + 1) * sizeof(Level)
        )
        if self.c.record == NULL:
            raise MemoryError
        self.c.body = <BookDeltaBody*>(self.c.record + 1)
        self.c.levels = <Level*>(self.c.body + 1)

    def __dealloc__(self):
        free(self.c.record)

    @property
    def first_id(self):
        return self.c.body.first_id

    @property
    def last_id(self):
        return self.c.record.update_id

    @property
    def prev_id(self):
        return self.c.body.prev_id

    @property
    def venue_ns(self):
        return self.c.record.venue_ns

    @property
    def transaction_ns(self):
        return self.c.body.transaction_ns

    @property
    def bids(self):
        return flat_levels(self.c.levels, self.c.body.bids)

    @property
    def asks(self):
        return flat_levels(self.c.levels + self.c.body.bids, self.c.body.asks)


cdef Level* levels_of(object event, Py_ssize_t* bids, Py_ssize_t* asks, Level** made) except NULL:
    cdef Level* levels
    made[0] = NULL
    if type(event) is PackedDepth:
        bids[0] = (<PackedDepth>event).c.body.bids
        asks[0] = (<PackedDepth>event).c.body.asks
        return (<PackedDepth>event).c.levels
    if type(event) is PackedSnapshot:
        bids[0] = (<PackedSnapshot>event).c.bids
        asks[0] = (<PackedSnapshot>event).c.asks
        return (<PackedSnapshot>event).c.levels
    bids[0] = flat_count(event.bids)
    asks[0] = flat_count(event.asks)
    levels = <Level*>malloc((bids[0] + asks[0] + 1) * sizeof(Level))
    if levels == NULL:
        raise MemoryError
    try:
        put_flat(levels, event.bids)
        put_flat(levels + bids[0], event.asks)
    except BaseException:
        free(levels)
        raise
    made[0] = levels
    return levels
