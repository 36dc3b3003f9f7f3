# The numbers of connector/model/counters.py, for C; a test compares the two lists.
from libc.stdint cimport uint64_t

from .atomics cimport store_relaxed

cdef enum Count:
    COUNT_FRAMES = 0
    COUNT_FRAME_BYTES = 1
    COUNT_FAST = 2
    COUNT_FALLBACK = 3
    COUNT_UNDECODABLE = 4
    COUNT_UNKNOWN_EVENT = 5
    COUNT_UNKNOWN_SYMBOL = 6
    COUNT_COMPRESSED = 7
    COUNT_OVERSIZED = 8
    COUNT_FRAGMENTED = 9
    COUNT_PINGS = 10
    COUNT_RECORDS = 11
    COUNT_DELTAS = 12
    COUNT_DUPLICATES = 13
    COUNT_GAPS = 14
    COUNT_RESYNCS = 15
    COUNT_SNAPSHOTS = 16
    COUNT_SNAPSHOTS_LATE = 17
    COUNT_SNAPSHOTS_OLD = 18
    COUNT_SNAPSHOT_ERRORS = 19
    COUNT_BUFFER_OVERFLOWS = 20
    COUNT_VENUE_RESETS = 21
    COUNT_CROSSED = 22
    COUNT_NUMBER_ERRORS = 23
    COUNT_BBO_OLD = 24
    COUNT_CONNECTS = 25
    COUNT_DISCONNECTS = 26
    COUNT_CONNECT_ERRORS = 27
    COUNT_SILENT = 28
    COUNT_SUBSCRIBE_ERRORS = 29
    COUNT_HTTP_REQUESTS = 30
    COUNT_HTTP_ERRORS = 31
    COUNT_HTTP_THROTTLED = 32
    COUNT_ATTACHES = 33
    COUNT_ATTACH_REFUSED = 34
    COUNT_SESSIONS_ENDED = 35
    COUNT_DOORBELLS = 36
    COUNT_CONTROL_ERRORS = 37
    COUNT_INSTRUMENT_CHANGES = 38
    COUNT_STALLS = 39
    COUNT_BOOKS_REBUILT = 40
    COUNT_UNEXPECTED_FRAMES = 41
    COUNT_RARE_ERRORS = 42
    COUNT_TRADES_OLD = 43
    COUNT_MARK_PRICES_OLD = 44
    COUNT_SNAPSHOTS_UNREACHED = 45
    COUNT_RESUBSCRIBES = 46
    COUNT_REPLACEMENTS = 47
    COUNT_HANDOVERS = 48
    COUNT_HTTP_MALFORMED = 49
    COUNT_PLAIN_SIGNATURES = 50
    COUNT_INSTRUMENTS_OLD = 51
    COUNT_MISFITS = 52
    COUNT_RESTARTS = 53
    COUNT_LINES_LOST = 54
    COUNT_VENUE_AHEAD = 55
    COUNT_STREAM_GAPS = 56
    COUNT_RECONCILED = 57
    COUNT_REQUESTS_LOST = 58
    COUNT_REQUESTS_UNSENT = 59
    COUNT_COMMANDS = 60
    COUNT_COMMANDS_REFUSED = 61

# One writer: a plain add, stored whole so that readers in other processes never see half a number.
cdef inline void count(uint64_t* counters, int which) noexcept nogil:
    store_relaxed(counters + which, counters[which] + 1)

cdef inline void count_by(uint64_t* counters, int which, uint64_t amount) noexcept nogil:
    store_relaxed(counters + which, counters[which] + amount)
