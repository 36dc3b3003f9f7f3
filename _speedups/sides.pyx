"""The base of codecs that read a message's levels before they know whose they are."""
from libc.stdlib cimport free, malloc


cdef class SidesCodec(Codec):
    """A codec with memory for both sides of a message, and for one of the book's."""

    def __cinit__(self, segment):
        self.bids = <Level*>malloc(3 * MOST_LEVELS * sizeof(Level))
        if self.bids == NULL:
            raise MemoryError
        self.asks = self.bids + MOST_LEVELS
        self.mine = self.asks + MOST_LEVELS

    def __dealloc__(self):
        free(self.bids)
