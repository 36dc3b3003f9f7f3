"""What accounts and strategies hold and risk, as every order asks it: integers of C, exact ones of Python where they pass 63 bits.

Bases of `connector.trading.holdings`, which says what they mean and changes them.
"""


cdef class Sums:
    """Integers of any size."""

    cdef object get(self, int index):
        return self.large[index] if self.wide >> index & 1 else self.sums[index]

    cdef int set(self, int index, object value) except -1:
        try:
            self.sums[index] = value
            self.wide &= ~(<unsigned int>1 << index)
        except OverflowError:
            if self.large is None:
                self.large = {}
            self.large[index], self.sums[index] = value, 0
            self.wide |= <unsigned int>1 << index
        return 0


cdef class OwnerState(Sums):
    """An account or a strategy (`connector.trading.holdings.Owner`)."""

    @property
    def open_orders(self):
        return self.get(OPEN_ORDERS)

    @open_orders.setter
    def open_orders(self, value):
        self.set(OPEN_ORDERS, value)

    @property
    def exposure_e(self):
        return self.get(EXPOSURE_E)

    @exposure_e.setter
    def exposure_e(self, value):
        self.set(EXPOSURE_E, value)

    @property
    def profit_e(self):
        return self.get(PROFIT_E)

    @profit_e.setter
    def profit_e(self, value):
        self.set(PROFIT_E, value)

    @property
    def paid_e(self):
        return self.get(PAID_E)

    @paid_e.setter
    def paid_e(self, value):
        self.set(PAID_E, value)


cdef class HoldingState(Sums):
    """What one has in one instrument (`connector.trading.holdings.Holding`)."""

    @property
    def position_e(self):
        return self.get(POSITION_E)

    @position_e.setter
    def position_e(self, value):
        self.set(POSITION_E, value)

    @property
    def buys_e(self):
        return self.get(BUYS_E)

    @buys_e.setter
    def buys_e(self, value):
        self.set(BUYS_E, value)

    @property
    def sells_e(self):
        return self.get(SELLS_E)

    @sells_e.setter
    def sells_e(self, value):
        self.set(SELLS_E, value)

    @property
    def cash_e(self):
        return self.get(CASH_E)

    @cash_e.setter
    def cash_e(self, value):
        self.set(CASH_E, value)

    @property
    def unpriced_e(self):
        return self.get(UNPRICED_E)

    @unpriced_e.setter
    def unpriced_e(self, value):
        self.set(UNPRICED_E, value)

    @property
    def mark_e(self):
        return self.get(MARK_E)

    @mark_e.setter
    def mark_e(self, value):
        self.set(MARK_E, value)

    @property
    def value_e(self):
        return self.get(VALUE_E)

    @value_e.setter
    def value_e(self, value):
        self.set(VALUE_E, value)

    @property
    def profit_e(self):
        return self.get(HELD_PROFIT_E)

    @profit_e.setter
    def profit_e(self, value):
        self.set(HELD_PROFIT_E, value)

    @property
    def said_ns(self):
        return self.get(SAID_NS)

    @said_ns.setter
    def said_ns(self, value):
        self.set(SAID_NS, value)

    @property
    def filled_ns(self):
        return self.get(FILLED_NS)

    @filled_ns.setter
    def filled_ns(self, value):
        self.set(FILLED_NS, value)
