"""Hold a venue's full-book answer as scaled integers, without a Python object a number."""
cimport cython
from libc.stdlib cimport free, malloc

from .book cimport flat_levels
from .layout cimport CONNECTOR_ABSENT, Level


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
