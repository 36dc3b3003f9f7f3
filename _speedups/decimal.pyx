"""Decimal text to scaled integers and back, exactly."""
from libc.stdint cimport int64_t, uint64_t

from .scan cimport (
    NUMBER_INEXACT, NUMBER_MALFORMED, NUMBER_OK, NUMBER_OVERFLOW, Cursor, take_any_decimal, take_decimal,
)

MAX_EXPONENT = 18


cdef object _refuse(int status, object text, int exponent):
    if status == NUMBER_INEXACT:
        return ValueError(f"{text!r} has more than {exponent} decimals")
    if status == NUMBER_OVERFLOW:
        return ValueError(f"{text!r} with {exponent} decimals does not fit 63 bits")
    return ValueError(f"{text!r} is not a decimal number")


def parse(text, int exponent):
    """``text`` (bytes or str) times 10**``exponent`` as an integer.

    Raises ValueError, naming the text, when it is no decimal number, when the result would not be an integer, and
    when it does not fit 63 bits.
    """
    cdef bytes data = text if isinstance(text, bytes) else (<str?>text).encode()
    cdef const char* start = data
    cdef Cursor cursor = Cursor(start, start + len(data))
    cdef int64_t value = 0
    cdef int status = take_decimal(&cursor, exponent, &value)
    if cursor.p != cursor.end:    # whatever its value: it is not a number alone
        status = NUMBER_MALFORMED
    if status != NUMBER_OK:
        raise _refuse(status, text, exponent)
    return value


def parse_any(text, int exponent):
    """The same through the general reader alone; tests compare the two."""
    cdef bytes data = text if isinstance(text, bytes) else (<str?>text).encode()
    cdef const char* start = data
    cdef Cursor cursor = Cursor(start, start + len(data))
    cdef int64_t value = 0
    cdef int status = take_any_decimal(&cursor, exponent, &value)
    if cursor.p != cursor.end:    # whatever its value: it is not a number alone
        status = NUMBER_MALFORMED
    if status != NUMBER_OK:
        raise _refuse(status, text, exponent)
    return value


def format(int64_t value_e, int exponent, int digits):
    """The exact decimal text of ``value_e`` / 10**``exponent``.

    ``digits`` decimals are written, more only where the value needs them; it is never rounded. Raises ValueError for
    the number that means "absent" (-2**63) and for an exponent outside 0 to 18.
    """
    if value_e == -9223372036854775807 - 1:
        raise ValueError("an absent number has no text")
    if not 0 <= exponent <= 18:
        raise ValueError(f"exponent {exponent} is not within 0 to 18")
    if digits < 0:
        raise ValueError(f"{digits} decimals")
    cdef uint64_t magnitude = -value_e if value_e < 0 else value_e
    cdef str plain = str(magnitude).zfill(exponent + 1)
    cdef str whole = plain[: len(plain) - exponent]
    cdef str fraction = plain[len(plain) - exponent :]
    if len(fraction) > digits:
        fraction = fraction[:digits] + fraction[digits:].rstrip("0")
    else:
        fraction = fraction.ljust(digits, "0")
    cdef str sign = "-" if value_e < 0 else ""
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"
