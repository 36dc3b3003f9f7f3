from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t

from .booking cimport Booking, Form
from .budget cimport Budget
from .encoder cimport OrderEncoder
from .feed cimport Feed
from .gateway cimport Taker
from .journal cimport Drain, Journal
from .layout_orders cimport Command
from .order_ids cimport Ids, Numbers
from .order_state cimport OrderState
from .segment cimport Segment
from .states cimport (
    AccountState, AddressState, AdmissionState, BatchState, BudgetState, ClockState, ConnectionState, HaltState,
    ListedState, OpenState, PoolState, SocketState,
)
from .sums cimport HoldingState, OwnerState

cdef extern from "lane.h" nogil:
    enum:
        LANE_ABSENT

    ctypedef struct LaneGrid:
        int64_t low, high, step

    ctypedef struct LaneRules:
        LaneGrid price
        LaneGrid quantity[2]
        int64_t min_notional_e, up_e, down_e, contract_size_e
        int price_exponent, quantity_exponent, inverse

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
    int64_t lane_wall_ns() noexcept


cdef enum:
    LANE_KEYS = 64
    LANE_PLACES = 64
    LANE_BUDGETS = 16

cdef struct Need:                 # what an order asks of a budget, which the route holds
    PyObject* budget
    int64_t units, reserve


cdef class Bound:                 # one owner whose limits bind
    cdef LaneLimits limits
    cdef readonly OwnerState owner
    cdef readonly HoldingState holding        # None: its exposure has no limit
    cdef bint allows(
        self, const LaneRules* rules, const LaneOrder* order, const LaneMarket* market, int64_t read_ns
    ) except -1


cdef class Route:                 # one strategy's orders in one instrument of one account
    cdef LaneRules rules
    cdef readonly list bounds
    cdef readonly object strategy, instrument, encoding, charge, chosen
    cdef readonly OpenState opened
    cdef uint64_t described       # what `opened.rolls` was when its instrument was known to be described, and one
    cdef list pools               # the address's budgets, as it was asked for them last
    cdef uint64_t version         # ... and of the account's needs
    cdef list held                # keeps them
    cdef Need[LANE_BUDGETS] needs # of the address, as far as they may want silence, then of a new order
    cdef int silent, needed       # how many of each; needed -1: nobody knows yet
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
    cdef bint look(self, LaneMarket* market, int64_t now_ns) noexcept nogil
    cdef bint ask(self) except -1
    cdef int need(self, Budget budget, int64_t units, int64_t reserve) except -1
    cdef bint affords(self, bint placing, int64_t now_ns) except -1


cdef class Place:                 # a session's way in one instrument of one account
    cdef object session
    cdef object number            # the session's
    cdef Route route
    cdef uint32_t index
    cdef uint16_t account


cdef class Lane(Taker):
    cdef object slow, learn, failed, unbooked, desk
    cdef Booking booking
    cdef AdmissionState admission
    cdef BatchState held
    cdef HaltState halts
    cdef bint left                # the command at hand is gone
    cdef bint rehearsing          # the command at hand is an old one: nothing is to come of it
    cdef bytes placed, cancelled  # the last order and the last cancel that left, or None
    cdef Place placed_by, cancelled_by
    cdef uint32_t[LANE_KEYS] keys  # of the next frames, from the last to the first
    cdef int keys_left
    cdef dict routes, refs, by_key, client_ids, commands
    cdef list places              # by session, account and instrument, as far as none took the other's
    cdef Place last               # of the last command
    cdef Numbers requests, numbers
    cdef Ids ids
    cdef Drain drain
    cdef Journal scratch          # where rehearsals write what a journal would get
    cdef uint64_t most_bytes
    cdef int64_t most_ns
    cdef Segment segment
    cdef bytes clear
    cdef public bint on
    cdef void other(self, bytes slot) noexcept
    cdef void forget(self, bytes slot) noexcept
    cdef int go(self, object session, bytes slot, int64_t read_ns) except -1
    cdef Place place(self, object session, const Command* c)
    cdef int decide(self, bytes slot, Place place, int64_t read_ns) except -1
    cdef bint may_place(self, Route route, const Command* c, int64_t read_ns, int64_t now_ns) except -1
    cdef bint resolve(self, Route route, const Command* c, Command* copy, OrderState order) except -1
    cdef OrderState named(self, Route route, const Command* c)
    cdef ConnectionState carrier(self, Route route, bint placing)
    cdef int leave(self, bytes slot, Place place, OrderState order, int64_t read_ns, int64_t now_ns) except -1
