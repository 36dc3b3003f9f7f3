# An order as fields of C: its class in Python (`connector.model.order.Order`) has them like any attribute.
# So there is one truth, and who is quick reads and changes it without an object in between.
from libc.stdint cimport int64_t, uint8_t, uint64_t

from .worth cimport Worth

cdef enum:                        # in `wide`
    WIDE_PRICE_E = 1
    WIDE_QTY_E = 2
    WIDE_STOP_PRICE_E = 4
    WIDE_COMMAND = 8
    WIDE_CREATED_NS = 16
    WIDE_FILLED_QTY_E = 32
    WIDE_KNOWN_QTY_E = 64
    WIDE_INFERRED_QTY_E = 128
    WIDE_INFERRED_PRICE_E = 256
    WIDE_AVERAGE_OF_E = 512
    WIDE_CHANGED_NS = 1024
    WIDE_NOTIONAL_E = 2048
    WIDE_KEY = 4096

cdef struct OrderFields:          # CONNECTOR_ABSENT: None
    uint64_t key
    int64_t price_e, qty_e, stop_price_e, command, created_ns, filled_qty_e, known_qty_e, inferred_qty_e
    int64_t inferred_price_e, average_of_e, changed_ns
    uint64_t notional_high, notional_low          # 62 bits in the lower one
    uint8_t status, reason, side, order_type, time_in_force, position_side


cdef class OrderState:
    cdef OrderFields c
    cdef unsigned int wide        # a bit for each that is in `large` instead, and 0 here
    cdef dict large
    cdef object keyed             # the key
    cdef object of                # the instrument
    cdef str symbol               # its symbol
    cdef int price_exponent, qty_exponent
    cdef bint inverse
    cdef object is_status, is_reason, is_side, is_order_type, is_time_in_force, is_position_side      # members
    cdef public int account
    cdef public str strategy, client_order_id, venue_order_id, ref_id
    cdef public object order_id, conditional_id
    cdef public bint conditional, reduce_only, submitted, restored, echoed, cancel_wanted
    cdef public dict fills
    cdef public Worth worth
    cdef str said_average
    cdef bint odd_average         # that is no plain number that fits its field
    cdef object tell(self, int64_t field, unsigned int bit)
    cdef int take(self, int64_t* field, unsigned int bit, object value) except -1
    cdef int stand(self, int status, object member) except -1
    cdef int averaged(self, str text) except -1
    cdef bint add_fill(self, int64_t qty_e, int64_t price_e) except -1
    # As it is, under another key, with fills of its own.
    cdef OrderState copied(self, object key)
