"""What an account's private stream tells of balances and positions, into the journals of all strategies that may use it.

As ``connector.desk.Desk.account_event`` does it; the events are the venue's reader's. Whether one is news, and what it means
for limits, the desk's own books say."""

cimport cython
from libc.stdint cimport int64_t
from libc.string cimport memcpy, memset

from .layout cimport CONNECTOR_ABSENT, RECORD_BALANCE_UPDATE, RECORD_POSITION_UPDATE
from .layout_orders cimport BalanceUpdateBody, PositionUpdateBody
from .outlet cimport Outlet

cdef extern from "Python.h":
    object PyBytes_FromStringAndSize(const char* text, Py_ssize_t size)
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size) except NULL

cdef enum:
    QUICK_DIGITS = 18


cdef inline int64_t given(object value) except? -1:
    return CONNECTOR_ABSENT if value is None else <int64_t>value


@cython.final
cdef class Telling:
    """Of one account, to ``strategies``, in this order.

    ``balance`` and ``position`` are the events' types; everything else goes to ``other(events, recv_ns)``. ``paid`` and
    ``held`` bring what is held up to date with events that ``told_balance`` and ``told_position`` find new;
    ``own(strategy, place)`` is the sum of a strategy's fills; ``scaled(text)`` a decimal as an integer and its exponent.
    ``write(strategy, kind, body, symbol, venue_ns, recv_ns)`` journals a record where ``outlet`` cannot."""

    cdef object account, index, strategies, balance, position, told_balance, told_position, paid, held, own, scaled, other
    cdef object wall, write
    cdef Outlet outlet

    def __init__(
        self, Outlet outlet not None, account, strategies, *, balance, position, told_balance, told_position, paid, held, own,
        scaled, other, wall, write,
    ):
        self.outlet, self.account, self.index, self.strategies = outlet, account, account.index, tuple(strategies)
        self.balance, self.position, self.told_balance, self.told_position = balance, position, told_balance, told_position
        self.paid, self.held, self.own, self.scaled, self.other = paid, held, own, scaled, other
        self.wall, self.write = wall, write

    def tell(self, events, int64_t recv_ns):
        """Of a frame that was received then."""
        for event in events:
            if type(event) is self.position:
                self.of_position(event, recv_ns)
            elif type(event) is self.balance:
                self.of_balance(event, recv_ns)
            else:
                self.other((event,), recv_ns)

    cdef int of_balance(self, object event, int64_t recv_ns) except -1:
        cdef BalanceUpdateBody body
        cdef Py_ssize_t size = 0
        cdef const char* asset
        if not self.told_balance(self.index, event):
            return 0
        if event.change_e:
            self.paid(self.account, event)
        memset(&body, 0, sizeof(body))
        body.wallet_e, body.available_e, body.change_e = event.wallet_e, given(event.available_e), given(event.change_e)
        body.reason = event.reason
        asset = PyUnicode_AsUTF8AndSize(event.asset, &size)
        if size > <Py_ssize_t>sizeof(body.asset):
            raise ValueError(f"BalanceUpdateBody.asset: {size} bytes, {sizeof(body.asset)} fit")
        memcpy(body.asset, asset, size)
        for strategy in self.strategies:
            body.wall_ns = self.wall()
            self.put(strategy, None, RECORD_BALANCE_UPDATE, &body, sizeof(body), event.venue_ns, recv_ns)
        return 0

    cdef int of_position(self, object event, int64_t recv_ns) except -1:
        cdef PositionUpdateBody body
        cdef object symbol = event.symbol
        cdef tuple place
        if not self.told_position(self.index, event):
            return 0
        self.held(self.account, event)
        place = (self.index, symbol, event.position_side)
        memset(&body, 0, sizeof(body))
        body.qty_e, body.unrealised_e, body.realised_e = event.qty_e, given(event.unrealised_e), given(event.realised_e)
        self.entry(event.entry, &body)
        body.leverage, body.position_side, body.isolated = event.leverage, event.position_side, event.isolated
        for strategy in self.strategies:
            body.own_qty_e, body.wall_ns = self.own(strategy, place), self.wall()
            self.put(strategy, symbol, RECORD_POSITION_UPDATE, &body, sizeof(body), event.venue_ns, recv_ns)
        return 0

    cdef int entry(self, object text, PositionUpdateBody* body) except -1:
        """The average price: its digits, without zeros at the end of its decimals."""
        cdef Py_ssize_t size = 0, i, digits = 0, point = -1
        cdef const char* p = PyUnicode_AsUTF8AndSize(text, &size)
        cdef int64_t value = 0
        cdef int exponent
        for i in range(size):
            if c'0' <= p[i] <= c'9':
                digits += 1
                if digits <= QUICK_DIGITS:
                    value = value * 10 + (p[i] - c'0')
            elif p[i] == c'.' and point < 0 and digits:
                point = i
            else:
                digits = QUICK_DIGITS + 1
        if digits == 0 or digits > QUICK_DIGITS:
            found, body.entry_exponent = self.scaled(text)
            body.entry_e = given(found)
            return 0
        exponent = 0 if point < 0 else <int>(size - point - 1)
        while exponent > 0 and value % 10 == 0:
            value //= 10
            exponent -= 1
        body.entry_e, body.entry_exponent = value, exponent
        return 0

    cdef int put(
        self, object strategy, object symbol, int kind, const void* body, size_t size, int64_t venue_ns, int64_t recv_ns,
    ) except -1:
        if not self.outlet.put(strategy, symbol, kind, body, size, venue_ns, recv_ns, 0):
            self.write(strategy, kind, PyBytes_FromStringAndSize(<const char*>body, size), symbol, venue_ns, recv_ns)
            self.outlet.learn(strategy, symbol)
        return 0
