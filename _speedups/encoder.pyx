"""Order commands in, complete signed requests out; the base of every venue's compiled encoder."""
from urllib.parse import quote

from libc.stdlib cimport free, realloc
from libc.stdint cimport int64_t, uint32_t
from libc.string cimport memcpy, memset

from .encoder cimport ENCODE_ROOM, NAME_BYTES, Written
from .layout cimport CONNECTOR_MAX_INSTRUMENTS
from .layout_orders cimport Command

ROOM = 4096


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
        entry.length = len(text)
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
