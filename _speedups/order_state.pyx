"""An order as fields of C: its class in Python (`connector.model.order.Order`) has them like any attribute.

Numbers may have any size; where one passes 63 bits a bit of ``wide`` says that, and who is quick leaves the order alone.
"""

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memset

from .layout cimport CONNECTOR_ABSENT
from .worth cimport Worth

cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size) except NULL

cdef extern from "hearing.h" nogil:
    bint notional_add "connector_notional_add" (uint64_t* high, uint64_t* low, int64_t quantity, int64_t price)

cdef enum:
    LOW_BITS = 62
    NOTIONAL_BITS = 98            # as much as an average is taken from in C
    AVERAGE_DIGITS = 18

cdef object LOW_MASK = 2**62 - 1
cdef object _status, _reason, _side, _order_type, _time_in_force, _position_side


def use_model(*, status, reason, side, order_type, time_in_force, position_side):
    """Give the members that an order begins with; ``connector.model.order`` does so when it is imported."""
    global _status, _reason, _side, _order_type, _time_in_force, _position_side
    _status, _reason, _side = status, reason, side
    _order_type, _time_in_force, _position_side = order_type, time_in_force, position_side


cdef class OrderState:
    """One order of one account."""

    def __cinit__(self, *args, **kwargs):
        memset(&self.c, 0, sizeof(self.c))

    def __init__(
        self, *, key, account, strategy, instrument, client_order_id="", order_id=None, venue_order_id="",
        conditional_id=None, conditional=False, side=None, order_type=None, time_in_force=None, position_side=None,
        reduce_only=False, price_e=None, qty_e=0, stop_price_e=None, command=0, ref_id="", created_ns=0, status=None,
        reason=None, filled_qty_e=0, fills=None, known_qty_e=0, inferred_qty_e=0, inferred_price_e=0, notional_e=0,
        worth=None, average="", average_of_e=0, changed_ns=0, submitted=False, restored=False, echoed=False,
        cancel_wanted=False,
    ):
        self.key, self.account, self.strategy, self.instrument = key, account, strategy, instrument
        self.client_order_id, self.order_id, self.venue_order_id = client_order_id, order_id, venue_order_id
        self.conditional_id, self.conditional, self.reduce_only = conditional_id, conditional, reduce_only
        self.side = _side if side is None else side
        self.order_type = _order_type if order_type is None else order_type
        self.time_in_force = _time_in_force if time_in_force is None else time_in_force
        self.position_side = _position_side if position_side is None else position_side
        self.price_e, self.qty_e, self.stop_price_e = price_e, qty_e, stop_price_e
        self.command, self.ref_id, self.created_ns = command, ref_id, created_ns
        self.status = _status if status is None else status
        self.reason = _reason if reason is None else reason
        self.fills = {} if fills is None else fills
        self.filled_qty_e, self.known_qty_e, self.notional_e = filled_qty_e, known_qty_e, notional_e
        self.inferred_qty_e, self.inferred_price_e = inferred_qty_e, inferred_price_e
        self.worth, self.average, self.average_of_e, self.changed_ns = worth, average, average_of_e, changed_ns
        self.submitted, self.restored, self.echoed, self.cancel_wanted = submitted, restored, echoed, cancel_wanted

    cdef object tell(self, int64_t field, unsigned int bit):
        if self.wide & bit:
            return self.large[bit]
        return None if field == CONNECTOR_ABSENT else field

    cdef int take(self, int64_t* field, unsigned int bit, object value) except -1:
        cdef int64_t number = CONNECTOR_ABSENT
        if value is not None:
            try:
                number = value
            except OverflowError:
                pass
            if number == CONNECTOR_ABSENT:
                if self.large is None:
                    self.large = {}
                self.large[bit], field[0] = value, 0
                self.wide |= bit
                return 0
        field[0] = number
        self.wide &= ~bit
        return 0

    cdef int stand(self, int status, object member) except -1:
        self.c.status, self.is_status = status, member
        return 0

    cdef int averaged(self, str text) except -1:
        cdef Py_ssize_t size = 0, i
        cdef const char* data = PyUnicode_AsUTF8AndSize(text, &size)
        cdef int points = 0
        cdef bint odd = False
        for i in range(size):
            if data[i] == c'.':
                points += 1
            elif not c'0' <= data[i] <= c'9':
                odd = True
        self.odd_average = odd or size - points > AVERAGE_DIGITS or points > 1 or (size > 0 and data[0] == c'.')
        self.said_average = text
        return 0

    cdef bint add_fill(self, int64_t qty_e, int64_t price_e) except -1:
        """To what the known fills add up to; of no other fields. Quantities must fit."""
        self.c.known_qty_e += qty_e
        if self.wide & WIDE_NOTIONAL_E or not notional_add(&self.c.notional_high, &self.c.notional_low, qty_e, price_e):
            self.notional_e = self.notional_e + <object>qty_e * price_e
        return True

    cdef OrderState copied(self, object key):
        cdef OrderState made = type(self).__new__(type(self))
        made.c, made.wide = self.c, self.wide
        made.large = None if self.large is None else self.large.copy()
        made.keyed, made.c.key = key, key
        made.of, made.symbol, made.inverse = self.of, self.symbol, self.inverse
        made.price_exponent, made.qty_exponent = self.price_exponent, self.qty_exponent
        made.is_status, made.is_reason, made.is_side = self.is_status, self.is_reason, self.is_side
        made.is_order_type, made.is_time_in_force = self.is_order_type, self.is_time_in_force
        made.is_position_side = self.is_position_side
        made.account, made.strategy, made.client_order_id = self.account, self.strategy, self.client_order_id
        made.venue_order_id, made.ref_id, made.order_id = self.venue_order_id, self.ref_id, self.order_id
        made.conditional_id, made.conditional, made.reduce_only = self.conditional_id, self.conditional, self.reduce_only
        made.submitted, made.restored, made.echoed = self.submitted, self.restored, self.echoed
        made.cancel_wanted, made.fills, made.worth = self.cancel_wanted, self.fills.copy(), None
        made.said_average, made.odd_average = self.said_average, self.odd_average
        return made

    @property
    def key(self):
        return self.keyed

    @key.setter
    def key(self, value):
        try:
            self.c.key = value
            self.wide &= ~<unsigned int>WIDE_KEY
        except OverflowError:
            self.c.key = 0
            self.wide |= WIDE_KEY
        self.keyed = value

    @property
    def instrument(self):
        return self.of

    @instrument.setter
    def instrument(self, value):
        self.price_exponent, self.qty_exponent = value.price_exponent, value.qty_exponent
        self.symbol, self.inverse, self.of = value.symbol, value.inverse, value

    @property
    def side(self):
        return self.is_side

    @side.setter
    def side(self, value):
        self.c.side, self.is_side = value, value

    @property
    def order_type(self):
        return self.is_order_type

    @order_type.setter
    def order_type(self, value):
        self.c.order_type, self.is_order_type = value, value

    @property
    def time_in_force(self):
        return self.is_time_in_force

    @time_in_force.setter
    def time_in_force(self, value):
        self.c.time_in_force, self.is_time_in_force = value, value

    @property
    def position_side(self):
        return self.is_position_side

    @position_side.setter
    def position_side(self, value):
        self.c.position_side, self.is_position_side = value, value

    @property
    def status(self):
        return self.is_status

    @status.setter
    def status(self, value):
        self.c.status, self.is_status = value, value

    @property
    def reason(self):
        return self.is_reason

    @reason.setter
    def reason(self, value):
        self.c.reason, self.is_reason = value, value

    @property
    def price_e(self):
        return self.tell(self.c.price_e, WIDE_PRICE_E)

    @price_e.setter
    def price_e(self, value):
        self.take(&self.c.price_e, WIDE_PRICE_E, value)

    @property
    def qty_e(self):
        return self.tell(self.c.qty_e, WIDE_QTY_E)

    @qty_e.setter
    def qty_e(self, value):
        self.take(&self.c.qty_e, WIDE_QTY_E, value)

    @property
    def stop_price_e(self):
        return self.tell(self.c.stop_price_e, WIDE_STOP_PRICE_E)

    @stop_price_e.setter
    def stop_price_e(self, value):
        self.take(&self.c.stop_price_e, WIDE_STOP_PRICE_E, value)

    @property
    def command(self):
        return self.tell(self.c.command, WIDE_COMMAND)

    @command.setter
    def command(self, value):
        self.take(&self.c.command, WIDE_COMMAND, value)

    @property
    def created_ns(self):
        return self.tell(self.c.created_ns, WIDE_CREATED_NS)

    @created_ns.setter
    def created_ns(self, value):
        self.take(&self.c.created_ns, WIDE_CREATED_NS, value)

    @property
    def filled_qty_e(self):
        return self.tell(self.c.filled_qty_e, WIDE_FILLED_QTY_E)

    @filled_qty_e.setter
    def filled_qty_e(self, value):
        self.take(&self.c.filled_qty_e, WIDE_FILLED_QTY_E, value)

    @property
    def known_qty_e(self):
        return self.tell(self.c.known_qty_e, WIDE_KNOWN_QTY_E)

    @known_qty_e.setter
    def known_qty_e(self, value):
        self.take(&self.c.known_qty_e, WIDE_KNOWN_QTY_E, value)

    @property
    def inferred_qty_e(self):
        return self.tell(self.c.inferred_qty_e, WIDE_INFERRED_QTY_E)

    @inferred_qty_e.setter
    def inferred_qty_e(self, value):
        self.take(&self.c.inferred_qty_e, WIDE_INFERRED_QTY_E, value)

    @property
    def inferred_price_e(self):
        return self.tell(self.c.inferred_price_e, WIDE_INFERRED_PRICE_E)

    @inferred_price_e.setter
    def inferred_price_e(self, value):
        self.take(&self.c.inferred_price_e, WIDE_INFERRED_PRICE_E, value)

    @property
    def average_of_e(self):
        return self.tell(self.c.average_of_e, WIDE_AVERAGE_OF_E)

    @average_of_e.setter
    def average_of_e(self, value):
        self.take(&self.c.average_of_e, WIDE_AVERAGE_OF_E, value)

    @property
    def changed_ns(self):
        return self.tell(self.c.changed_ns, WIDE_CHANGED_NS)

    @changed_ns.setter
    def changed_ns(self, value):
        self.take(&self.c.changed_ns, WIDE_CHANGED_NS, value)

    @property
    def notional_e(self):
        if self.wide & WIDE_NOTIONAL_E:
            return self.large[WIDE_NOTIONAL_E]
        return <object>self.c.notional_high << LOW_BITS | self.c.notional_low

    @notional_e.setter
    def notional_e(self, value):
        if value < 0 or value >> NOTIONAL_BITS:
            if self.large is None:
                self.large = {}
            self.large[WIDE_NOTIONAL_E] = value
            self.wide |= WIDE_NOTIONAL_E
        else:
            self.c.notional_high, self.c.notional_low = value >> LOW_BITS, value & LOW_MASK
            self.wide &= ~<unsigned int>WIDE_NOTIONAL_E

    @property
    def average(self):
        return self.said_average

    @average.setter
    def average(self, str value not None):
        self.averaged(value)
