# What a publication of Cadenza's is read into before anything is done with it.
from libc.stdint cimport int64_t, uint32_t

from .codec cimport FeedSlot
from .sides cimport SidesCodec

cdef enum:
    SHORTEST = 40                 # bytes of a line; no publication is
    CLOSED = 0                    # of FeedC.stood: the channel's publications are not taken here
    UNNUMBERED = -1               # they have no offsets; else the last one's offset and one more

cdef enum Told:                   # keys that may stand once
    TOLD_BIDS = 1
    TOLD_ASKS = 2
    TOLD_TIME = 4
    TOLD_TYPE = 8
    TOLD_COLUMNS = 16
    TOLD_LEVELS = 32
    TOLD_DATA = 64
    TOLD_OFFSET = 128

cdef enum ToldOfTrade:            # likewise, under any of their names
    TOLD_PRICE = 1
    TOLD_QTY = 2
    TOLD_SIDE = 4
    TOLD_STAMP = 8
    TOLD_TRADE = 15

cdef enum Kind:
    WHOLE = 0
    CHANGE = 1
    TRADES = 2

cdef struct BookMessage:          # beside its levels
    FeedSlot* slot
    int64_t offset                # 0: the channel keeps no history
    int64_t venue_ns
    Py_ssize_t bids, asks
    uint32_t told
    int columns                   # of a row; 0: not said, which is two
    int kind
    Py_ssize_t trades             # rows, of KIND TRADES

cdef class CadenzaCodec(SidesCodec):
    pass
