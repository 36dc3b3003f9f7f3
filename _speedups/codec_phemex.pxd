# What a Phemex message is read into before anything is done with it.
from libc.stdint cimport int64_t, uint32_t

from .codec cimport FeedSlot
from .sides cimport SidesCodec

cdef enum:
    MOST_DEPTH = 0x7FFFFFFF
    SHORTEST = 20                 # bytes; no message is
    LONGEST_TAIL = 200            # bytes behind the levels in which the symbol is looked for

cdef struct BookMessage:          # beside its levels
    FeedSlot* slot
    int64_t depth                 # levels a side that the venue keeps up to date; 0: the whole book
    int64_t sequence
    int64_t venue_ns              # 0: none was written, as in 2020
    Py_ssize_t bids, asks
    bint snapshot

cdef enum Told:                   # of a market24h message
    TOLD_MARK = 1
    TOLD_INDEX = 2
    TOLD_RATE = 4
    TOLD_SYMBOL = 8

cdef struct Ticker:
    FeedSlot* slot                # NULL: a symbol that was not added
    int64_t mark, index, rate     # Ep, Ep, Er
    uint32_t told

cdef class PhemexCodec(SidesCodec):
    pass
