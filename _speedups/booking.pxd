from libc.stdint cimport int64_t, uint64_t

from .desk cimport Command
from .feed cimport Feed
from .order_state cimport OrderState
from .pooled cimport Pool
from .segment cimport Segment
from .states cimport AddressState, ClockState
from .sums cimport HoldingState, OwnerState

cdef extern from "booking.h" nogil:
    ctypedef struct BookingHeld:
        int64_t position_e, buys_e, sells_e, cash_e, mark_e, size_e, scale

    int booking_worth(const BookingHeld* held, int64_t* value_e, int64_t* profit_e) noexcept
    int booking_fill(BookingHeld* held, int64_t qty_e, int64_t price_e, int64_t fee_e) noexcept
    int booking_moves(int64_t sum_e, int64_t part_e, int64_t now_e, int64_t* moved_e) noexcept


cdef class Owned:                 # an account or a strategy, and what it holds of an instrument
    cdef readonly OwnerState owner
    cdef readonly HoldingState holding
    cdef object symbol
    cdef bint marked              # it is valued at the mark of now: a limit asks for that
    cdef bint paced               # its orders are counted by the second
    cdef bint plain               # its numbers are within 63 bits, and no inverse contract's
    cdef BookingHeld held         # as it will be
    cdef int64_t value_e, profit_e
    cdef int64_t exposure_e, sum_e            # the owner's, as they will be


cdef class Kind:                  # new orders, or cancels
    cdef object pending, flying, message, charge
    cdef object parts             # of the account's budgets, as ...
    cdef list rows                # ... (budget, units, header) of each
    cdef list costs               # (place on the board, units)


cdef class Form:                  # what one strategy's requests in one instrument of an account have in common
    cdef OrderState order
    cdef Kind place, cancel
    cdef list owned
    cdef Pool pool                # the account's, while its encoding stands
    cdef object socket
    cdef AddressState rest
    cdef ClockState clock
    cdef Feed feed
    cdef object strategy, opened, budget
    cdef dict flights, places, known, open
    cdef int64_t window_ns


cdef class Booking:
    cdef object handed, settle, spent, encoded, force, known, refs_made
    cdef object holdings, amend
    cdef dict keys, client_ids, commands, pending, under_way, counted, refs
    cdef Segment segment
    cdef int book(
        self, Command command, Form form, OrderState order, uint64_t key, object name, int64_t read_ns, object request,
        int64_t sent_ns, int64_t left_ns, object connection, object number, bytes data, object fault
    ) except -1
    cdef OrderState ordered(self, Command command, Form form, object key, object name, int64_t read_ns)
    cdef int carried(
        self, Form form, Kind kind, object request, object number, bytes data, object connection, int64_t left_ns
    ) except -1
    cdef object take(self, Form form, Kind kind, object message, int64_t left_ns)
    cdef int refer(self, Command command, Form form, object read_ns) except -1
    cdef int placed(self, Command command, Form form, OrderState order, object key, object read_ns) except -1
    cdef int pace(self, Form form, object read_ns) except -1
    cdef int slowly(self, Form form, OrderState order, object read_ns) except -1
    cdef bint weigh(self, Owned one, int64_t more_e, bint buys, int64_t mark_e) except -1
    cdef int hold(self, Owned one, bint buys) except -1
    cdef int again(self, OrderState order, object key) except -1
