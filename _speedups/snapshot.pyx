"""Hold depth answers and depth messages as scaled integers, without a Python object a number."""
cimport cython
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy

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
        self.c.depth = 0
        self.c.symbol = NULL
        self.symbol = ""

    def __dealloc__(self):
        free(self.c.levels)

    @property
    def depth(self):
        return self.c.depth

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


cdef Level* levels_of(
    object event, Py_ssize_t* bids, Py_ssize_t* asks, Level** made, bint room=False
) except NULL:
    cdef Level* levels = NULL
    made[0] = NULL
    if type(event) is PackedDepth:
        bids[0] = (<PackedDepth>event).c.body.bids
        asks[0] = (<PackedDepth>event).c.body.asks
        levels = (<PackedDepth>event).c.levels
    elif type(event) is PackedSnapshot:
        bids[0] = (<PackedSnapshot>event).c.bids
        asks[0] = (<PackedSnapshot>event).c.asks
        levels = (<PackedSnapshot>event).c.levels
    else:
        bids[0] = flat_count(event.bids)
        asks[0] = flat_count(event.asks)
    if levels != NULL and not room:
        return levels
    made[0] = <Level*>malloc(((bids[0] + asks[0]) * (2 if room else 1) + 1) * sizeof(Level))
    if made[0] == NULL:
        raise MemoryError
    if levels != NULL:
        memcpy(made[0], levels, (bids[0] + asks[0]) * sizeof(Level))
        return made[0]
    try:
        put_flat(made[0], event.bids)
        put_flat(made[0] + bids[0], event.asks)
    except BaseException:
        free(made[0])
        made[0] = NULL
        raise
    return made[0]
