# What every venue's compiled order encoder is: what it needs to know of the instruments, and one C method.
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from .layout_orders cimport Command
from .scan cimport POW10

cdef enum Encoded:
    ENCODE_RARE = 0               # nothing that is hot, or nothing the venue has: the Python encoder takes it
    ENCODE_ROOM = -1              # does not fit the buffer

cdef enum:
    NAME_BYTES = 200              # of a symbol, percent-encoded

cdef struct Written:              # how an instrument is written
    uint16_t length
    uint8_t price_exponent, qty_exponent
    uint8_t price_digits, qty_digits        # decimals at least
    uint8_t kind                            # where a venue writes some otherwise: its encoder's own
    char[NAME_BYTES] name

cdef extern from *:
    """
    static const char connector_pairs[201] =
      "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051525354555657"
      "585960616263646566676869707172737475767778798081828384858687888990919293949596979899";
    """
    const char[201] PAIRS "connector_pairs"

cdef inline char* put(char* p, const char* text, size_t length) noexcept nogil:
    memcpy(p, text, length)
    return p + length

# The `width` last digits, zeros in front of them; width is at most 20.
cdef inline void put_digits(char* p, uint64_t value, int width) noexcept nogil:
    while width >= 2:
        width -= 2
        memcpy(p + width, &PAIRS[2 * (value % 100)], 2)
        value //= 100
    if width:
        p[0] = <char>(48 + value % 10)

cdef inline char* put_integer(char* p, uint64_t value) noexcept nogil:
    cdef int width = 1
    while width < 20 and value >= POW10[width]:
        width += 1
    put_digits(p, value, width)
    return p + width

# A positive number of 10**-exponent, exactly: with `digits` decimals, more only where it needs them. As
# decimal.format does; exponent and digits are at most 18.
cdef inline char* put_decimal(char* p, uint64_t value, int exponent, int digits) noexcept nogil:
    cdef int decimals = exponent
    if decimals > digits and value % POW10[decimals - digits] == 0:
        value //= POW10[decimals - digits]
        decimals = digits
    while decimals > digits and value % 10 == 0:
        value //= 10
        decimals -= 1
    p = put_integer(p, value // POW10[decimals])
    if digits == 0 and decimals == 0:
        return p
    p[0] = c"."
    put_digits(p + 1, value % POW10[decimals], decimals)
    p += 1 + decimals
    if decimals < digits:
        memset(p, c"0", digits - decimals)
        p += digits - decimals
    return p


# A text into a field of that room, zeros behind it; False: it does not fit.
cdef bint put_name(char* field, Py_ssize_t room, str name)


cdef class OrderEncoder:
    cdef Written* written         # by the instrument's index in the directory; length 0: not known
    cdef uint32_t count
    cdef public uint64_t number   # the next request's, where requests have one
    # The complete signed request at `out`, in at most `room` bytes: its length, or what kept it from being made. The
    # command is a copy, whole and resolved: an order's ids and the side of its position, for an amend also its side,
    # price and quantity; it is no amend or cancel of a conditional order that waits. venue_ns is the venue's clock.
    cdef Py_ssize_t encode_command(
        self, const Command* command, int64_t venue_ns, char* out, size_t room
    ) noexcept nogil
