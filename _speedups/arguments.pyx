"""What a strategy passes to its commands, made exact: numbers at an instrument's scale, words of enums, flags, texts.

Whatever cannot be said exactly is refused, by ValueError naming the argument; what is of another type by TypeError.
"""

from decimal import Decimal, InvalidOperation

cimport cython
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_Check
from cpython.long cimport PyLong_Check
from cpython.unicode cimport PyUnicode_Check
from libc.math cimport fabs
from libc.stdint cimport int64_t
from libc.string cimport memchr, memcpy

from .scan cimport Cursor, NUMBER_OK, POW10, take_decimal

cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size) except NULL
    bint PyUnicode_IS_ASCII(object text)
    long PyLong_AsLongAndOverflow(object value, int* overflow) except? -1

cdef extern from "string.h" nogil:
    size_t strnlen(const char* text, size_t most)

cdef extern from "math.h" nogil:
    long long llrint(double x)

cdef enum:
    WHOLE = 1_000_000_000         # integers below it fit at up to nine decimals
    DAY_MS = 86_400_000

cdef object DECIMAL = Decimal
cdef double SURE = 1e15           # integers of up to 15 digits are told apart by a double


cdef int64_t to_e(object value, int exponent, str what) except? -1:
    """``value`` as a scaled integer, exactly; ValueError names the argument."""
    cdef double number, scaled
    cdef long long rounded
    cdef Cursor cursor
    cdef Py_ssize_t size
    cdef int64_t found = 0
    if PyFloat_Check(value) and 0 <= exponent <= 18:
        number = PyFloat_AS_DOUBLE(value)
        scaled = number * <double>POW10[exponent]
        if fabs(scaled) < SURE:
            rounded = llrint(scaled)
            # A decimal of up to 15 digits that reads as this double is the shortest one that does.
            if <double>rounded / <double>POW10[exponent] == number:
                return rounded
    elif PyUnicode_Check(value) and PyUnicode_IS_ASCII(value):
        cursor.p = PyUnicode_AsUTF8AndSize(value, &size)
        cursor.end = cursor.p + size
        if 0 <= exponent <= 18 and take_decimal(&cursor, exponent, &found) == NUMBER_OK and cursor.p == cursor.end:
            return found
    elif type(value) is int and 0 <= exponent <= 9 and -WHOLE < value < WHOLE:
        return <int64_t>value * <int64_t>POW10[exponent]
    elif type(value) is DECIMAL and 0 <= exponent <= 18:
        text = str(value)         # digits and a point, mostly: cheaper to read than to compute with
        cursor.p = PyUnicode_AsUTF8AndSize(text, &size)
        cursor.end = cursor.p + size
        if take_decimal(&cursor, exponent, &found) == NUMBER_OK and cursor.p == cursor.end:
            return found
    return slow_to_e(value, exponent, what)


cdef object slow_to_e(object value, int exponent, str what):
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        raise TypeError(f"{what} must be a str, a Decimal, an int or a float, not {type(value).__name__}")
    # Decimal also takes blanks around, "1_0" and digits of other scripts.
    if isinstance(value, str) and not (value.isascii() and value.replace("_", " ").split() == [value]):
        raise ValueError(f"{what}: {value!r} is not a number")
    try:
        exact = Decimal(repr(float(value)) if isinstance(value, float) else value)
        if not exact.is_finite():
            raise ValueError(f"{what}: {value} is not a number")
    except (InvalidOperation, OverflowError):
        raise ValueError(f"{what}: {value!r} is not a number") from None
    if not exact:
        return 0
    # Before anything is written out: it may have a billion digits.
    if exact.adjusted() + exponent > 18:
        raise ValueError(f"{what}: {value} is too large")
    if exact.adjusted() + exponent < 0:
        raise ValueError(f"{what}: {value} has more than {exponent} decimals")
    whole = int(exact.scaleb(exponent))
    if exact.as_tuple().exponent < -exponent and Decimal(whole).scaleb(-exponent) != exact:
        raise ValueError(f"{what}: {value} has more than {exponent} decimals")
    if not -(1 << 63) < whole < 1 << 63:
        raise ValueError(f"{what}: {value} is too large")
    return whole


@cython.final
cdef class Words:
    """The words of an enum, and the last two values that were asked for: a strategy uses few, and the same objects."""

    def __init__(self, str what):
        self.what = what
        self.numbers = {}
        self.newest = self.newer = self.numbers  # nobody's argument

    cdef int look_up(self, object value) except -1:
        cdef long number
        if PyUnicode_Check(value):
            found = self.numbers.get((<str>value).lower())
            if found is None:
                raise ValueError(f"{self.what}: {value!r} is none of {', '.join(self.numbers)}")
            number = found
        elif PyLong_Check(value):
            number = value
            if not 0 <= number < 256:
                raise ValueError(f"{self.what}: {number} means nothing")
        else:
            raise TypeError(f"{self.what} must be an int or a str, not {type(value).__name__}")
        self.newer, self.newer_number = self.newest, self.newest_number
        self.newest, self.newest_number = value, <int>number
        return <int>number


cdef int no_flag(object value, str what) except -1:
    raise TypeError(f"{what} must be True or False, not {value!r}")


cdef int put_text(char* field, Py_ssize_t room, object text, str what) except -1:
    """A text into a field that is zero; its length."""
    cdef Py_ssize_t size
    cdef const char* data
    if not PyUnicode_Check(text):
        raise TypeError(f"{what} must be a str, not {type(text).__name__}")
    try:
        data = PyUnicode_AsUTF8AndSize(text, &size)
    except UnicodeEncodeError:
        raise ValueError(f"{what}: half a surrogate pair in it") from None
    if size > room:
        raise ValueError(f"{what}: {size} bytes, at most {room} fit")
    if size and memchr(data, 0, size) != NULL:
        raise ValueError(f"{what}: a NUL in it")
    memcpy(field, data, size)
    return <int>size


cdef str text_of(const char* field, size_t room):
    return field[:strnlen(field, room)].decode("utf-8", "replace")


cdef int64_t validity(object valid_for_ms) except? -1:
    """Milliseconds as nanoseconds."""
    cdef double milliseconds
    cdef int overflow
    cdef long whole
    if type(valid_for_ms) is int:
        whole = PyLong_AsLongAndOverflow(valid_for_ms, &overflow)
        if 0 < whole <= DAY_MS:
            return whole * 1_000_000
    if not isinstance(valid_for_ms, (int, float)):
        raise TypeError(f"valid_for_ms must be an int or a float, not {type(valid_for_ms).__name__}")
    milliseconds = valid_for_ms
    if 0 < milliseconds <= DAY_MS:
        return <int64_t>(milliseconds * 1e6)
    raise ValueError(f"valid_for_ms: {valid_for_ms} is not within 0 to a day")
