from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t

from .booking cimport Booking, Form
from .desk cimport Command as Taken
from .encoder cimport OrderEncoder
from .feed cimport Feed
from .journal cimport Drain, Journal
from .order_ids cimport Ids
from .segment cimport Segment
from .states cimport (
    AccountState, AddressState, AdmissionState, BatchState, BudgetState, ClockState, HaltState, ListedState, PoolState,
    SocketState,
)

cdef extern from "lane.h" nogil:
    enum:
        LANE_ABSENT

    ctypedef struct LaneGrid:
        int64_t low, high, step

    ctypedef struct LaneRules:
        LaneGrid price
        LaneGrid quantity[2]
        int64_t min_notional_e, up_e, down_e, contract_size_e
        int price_exponent, quantity_exponent

    ctypedef struct LaneLimits:
        int64_t notional_e, quantity_e, exposure_e, loss_e, open_orders, rate, collar_bps

    ctypedef struct LaneHeld:
        int64_t position_e, buys_e, sells_e, cash_e, value_e, held_profit_e, exposure_e, profit_e

    ctypedef struct LaneOrder:
        int64_t price_e, qty_e
        int market, buy, reduces

    ctypedef struct LaneMarket:
        int64_t bid_e, ask_e, mark_e
        int live

    int lane_filters(const LaneRules* rules, const LaneOrder* order, const LaneMarket* market) noexcept
    int lane_touch(const LaneOrder* order, const LaneMarket* market) noexcept
    int lane_limits(
        const LaneRules* rules, const LaneLimits* limits, const LaneHeld* held, const LaneOrder* order,
        const LaneMarket* market) noexcept
    int lane_clear(int fd, const char* clear, size_t size) noexcept
    int64_t lane_wall_ns() noexcept


cdef enum:
    LANE_KEYS = 64


cdef class Bound:                 # one owner whose limits bind
    cdef LaneLimits limits
    cdef readonly object owner, holding
    cdef bint allows(
        self, const LaneRules* rules, const LaneOrder* order, const LaneMarket* market, int64_t read_ns
    ) except -1


cdef class Route:                 # one strategy's orders in one instrument of one account
    cdef LaneRules rules
    cdef readonly list bounds
    cdef readonly object strategy, instrument, encoding, opened, charge, chosen
    cdef readonly AccountState account
    cdef readonly ListedState listed
    cdef PoolState pool           # the account's, as these all, as long as its encoding stands
    cdef SocketState socket
    cdef ClockState clock
    cdef BudgetState budget
    cdef AddressState rest
    cdef Feed feed
    cdef Journal journal
    cdef OrderEncoder encoder
    cdef Form form
    cdef uint32_t index
    cdef uint16_t venue, number
    cdef int64_t window_ns
    cdef bint over_api            # its requests have numbers, and go over a connection that takes any number of them
    cdef bint stale               # to be learnt anew
    cdef bint look(self, LaneMarket* market) noexcept nogil


cdef class Lane:
    cdef object slow, learn, failed, numbers, desk, orders
    cdef Booking booking
    cdef AdmissionState admission
    cdef BatchState held
    cdef HaltState halts
    cdef bint left                # the command at hand is gone
    cdef bint rehearsing          # the command at hand is an old one: nothing is to come of it
    cdef list rehearsal           # the last cancel and the last order that left, or None
    cdef list rehearsed           # ... and their routes
    cdef bint turn                # which of them is next
    cdef uint32_t[LANE_KEYS] keys  # of the next frames, from the last to the first
    cdef int keys_left
    cdef dict routes, refs, client_ids, commands
    cdef object requests
    cdef object last_session, last_number               # whose command was the last that came, and its session's number
    cdef Route last                                     # ... and its route
    cdef Ids ids
    cdef Drain drain
    cdef uint64_t most_bytes
    cdef int64_t most_ns
    cdef Segment segment
    cdef bytes clear
    cdef public bint on
    cdef int go(self, object session, bytes slot, int64_t read_ns) except -1
    cdef int decide(self, object session, Taken command, Route route, int64_t read_ns) except -1
    cdef bint may_place(self, Route route, Taken command, int64_t read_ns) except -1
    cdef object named(self, Route route, Taken command)
    cdef bint affords(self, Route route, bint placing) except -1
    cdef object carrier(self, Route route, bint placing)
    cdef int leave(
        self, object session, Taken command, Route route, object order, int64_t read_ns, int64_t checked_ns
    ) except -1
