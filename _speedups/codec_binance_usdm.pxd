# One message being read: where the cursor stands, which keys were seen.
from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t

from .codec cimport FeedSlot
from .layout cimport RecordHeader
from .scan cimport Cursor

cdef enum Key:                    # one bit a key, so that a second one of the same name is seen
    KEY_E = 1 << 0                # "E", event time
    KEY_T = 1 << 1                # "T", transaction time; of mark prices the next funding time
    KEY_S = 1 << 2                # "s"
    KEY_PS = 1 << 3               # "ps", the pair; since 2026
    KEY_ST = 1 << 4               # "st": 1 USD-M, 2 COIN-M; since 2026
    KEY_U = 1 << 5                # "u"
    KEY_FIRST = 1 << 6            # "U", or "f" of an aggTrade
    KEY_PREVIOUS = 1 << 7         # "pu", or "l" of an aggTrade
    KEY_BIDS = 1 << 8             # "b"
    KEY_ASKS = 1 << 9             # "a"; the id of an aggTrade
    KEY_BID_QTY = 1 << 10         # "B"
    KEY_ASK_QTY = 1 << 11         # "A"
    KEY_ID = 1 << 12              # "t"
    KEY_PRICE = 1 << 13           # "p"
    KEY_QTY = 1 << 14             # "q"
    KEY_NORMAL_QTY = 1 << 15      # "nq", without RPI orders; since 2025-12-31
    KEY_MAKER = 1 << 16           # "m"
    KEY_ORIGIN = 1 << 17          # "X"
    KEY_SETTLE = 1 << 18          # "P"
    KEY_INDEX = 1 << 19           # "i"
    KEY_RATE = 1 << 20            # "r"
    KEY_AVERAGE = 1 << 21         # "ap"; since 2026-03-16

cdef enum:
    DEPTH_NEEDS = KEY_E | KEY_T | KEY_S | KEY_U | KEY_FIRST | KEY_PREVIOUS | KEY_BIDS | KEY_ASKS
    BBO_NEEDS = KEY_E | KEY_T | KEY_S | KEY_U | KEY_BIDS | KEY_ASKS | KEY_BID_QTY | KEY_ASK_QTY
    TRADE_NEEDS = KEY_E | KEY_T | KEY_S | KEY_ID | KEY_PRICE | KEY_QTY | KEY_MAKER | KEY_ORIGIN
    AGG_TRADE_NEEDS = (
        KEY_E | KEY_T | KEY_S | KEY_ID | KEY_FIRST | KEY_PREVIOUS | KEY_PRICE | KEY_QTY | KEY_MAKER
    )
    MARK_PRICE_NEEDS = KEY_E | KEY_T | KEY_S | KEY_PRICE

cdef struct Message:
    Cursor c
    const char* start
    const char* stream            # the name of a wrapped message's stream, NULL when it is raw
    Py_ssize_t stream_length
    bint stream_wide              # has bytes that are not ASCII
    FeedSlot* slots
    uint64_t mask
    FeedSlot* slot                # of the symbol, once it was read
    uint32_t seen                 # keys
    int64_t event_ms
    int64_t transaction_ms
    int64_t recv_ns
    uint16_t line
    bint quick
    RecordHeader* kept            # not NULL: a depth message goes there, and nothing else is taken
