"""Order commands in, complete signed requests out; the base of every venue's compiled encoder."""
from urllib.parse import quote

from libc.stdlib cimport free, realloc
from libc.stdint cimport int64_t, uint32_t
from libc.string cimport memcpy, memset

from .encoder cimport ENCODE_ROOM, NAME_BYTES, Written
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE

from .desk cimport Command as TakenCommand
from .layout cimport CONNECTOR_ABSENT, CONNECTOR_MAX_INSTRUMENTS
from .layout_orders cimport ACTION_AMEND, ACTION_PLACE, Command

ROOM = 4096


cdef bint put_name(char* field, Py_ssize_t room, str name):
    """False: it does not fit."""
    cdef bytes text = name.encode()
    cdef Py_ssize_t size = PyBytes_GET_SIZE(text)
    if size > room:
        return False
    memcpy(field, PyBytes_AS_STRING(text), size)
    memset(field + size, 0, room - size)
    return True


cdef class OrderEncoder:
    """Knows how instruments are written; a venue's encoder adds the orders."""

    def __dealloc__(self):
        free(self.written)

    def add(self, uint32_t index, instrument not None):
        """Write ``instrument`` as the directory's number ``index`` from now on; again to change it.

        Raises ValueError when its symbol or its decimals cannot be written."""
        cdef bytes text = quote(instrument.symbol, safe="").encode("ascii")
        cdef Written entry
        cdef Written* grown
        cdef const char* bytes_of_name = text
        if not 0 < len(text) <= NAME_BYTES:
            raise ValueError(f"{instrument.symbol!r} is not a name of 1 to {NAME_BYTES} bytes")
        if index >= CONNECTOR_MAX_INSTRUMENTS:
            raise ValueError(f"no directory has an instrument {index}")
        for value in (
            instrument.price_exponent, instrument.qty_exponent, instrument.price_digits, instrument.qty_digits
        ):
            if not 0 <= value <= 18:
                raise ValueError(f"{instrument.symbol}: {value} decimals are not within 0 to 18")
        entry.price_exponent, entry.price_digits = instrument.price_exponent, instrument.price_digits
        entry.qty_exponent, entry.qty_digits = instrument.qty_exponent, instrument.qty_digits
        entry.length, entry.kind = len(text), 0
        memcpy(entry.name, bytes_of_name, len(text))
        if index >= self.count:
            grown = <Written*>realloc(self.written, (index + 1) * sizeof(Written))
            if grown == NULL:
                raise MemoryError()
            memset(grown + self.count, 0, (index + 1 - self.count) * sizeof(Written))
            self.written, self.count = grown, index + 1
        self.written[index] = entry

    def remove(self, uint32_t index):
        """Encode nothing more for this instrument."""
        if index < self.count:
            self.written[index].length = 0

    cdef Py_ssize_t encode_command(
        self, const Command* command, int64_t venue_ns, char* out, size_t room
    ) noexcept nogil:
        return 0

    def request(
        self, TakenCommand command not None, str client_order_id not None, order_id, str venue_order_id not None,
        int side, int position_side, price_e, qty_e, int64_t venue_ns,
    ):
        """The request for a command about an order of these names and terms; None when Python has to take it.

        A new order's own terms are the command's; for an amend the given price and quantity stand in for what it
        leaves as it is."""
        cdef Command copy = command.raw
        cdef char[4096] out
        cdef Py_ssize_t length
        if not (
            put_name(copy.client_order_id, sizeof(copy.client_order_id), client_order_id)
            and put_name(copy.venue_order_id, sizeof(copy.venue_order_id), venue_order_id)
        ):
            return None
        copy.order_id = CONNECTOR_ABSENT if order_id is None else order_id
        if copy.action != ACTION_PLACE:
            copy.side, copy.position_side = <unsigned char>side, <unsigned char>position_side
        if copy.action == ACTION_AMEND:
            if copy.price_e == CONNECTOR_ABSENT and price_e is not None:
                copy.price_e = price_e
            if copy.qty_e == CONNECTOR_ABSENT and qty_e is not None:
                copy.qty_e = qty_e
        length = self.encode_command(&copy, venue_ns, out, sizeof(out))
        return out[:length] if length > 0 else None

    def encode(self, bytes command not None, int64_t venue_ns, size_t room=ROOM):
        """The request for a ``Command`` as bytes; None when the Python encoder has to take it.

        Raises ValueError when the command is not whole or the request does not fit ``room``."""
        cdef Command copy
        cdef const char* source = command
        cdef char[4096] out
        cdef Py_ssize_t length
        if len(command) != sizeof(Command):
            raise ValueError(f"a command of {len(command)} bytes; it has {sizeof(Command)}")
        memcpy(&copy, source, sizeof(Command))
        length = self.encode_command(&copy, venue_ns, out, min(room, sizeof(out)))
        if length == ENCODE_ROOM:
            raise ValueError(f"the request does not fit {room} bytes")
        return out[:length] if length > 0 else None
