# Readers over a stretch of bytes: a pointer never travels without its end, and none of these reads past it.
#
# A decimal is `[-]digits[.digits][(e|E)[+|-]digits]` and becomes an integer scaled by 10**exponent, exactly:
# zeros beyond the scale are fine, any other digit there is NUMBER_INEXACT, and what does not fit 63 bits is
# NUMBER_OVERFLOW. INT64_MIN means "absent" in the shared memory, so it counts as overflow, too.
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcmp, memcpy

from .atomics cimport likely, unlikely
from .layout cimport Level

cdef extern from *:
    """
    #include <stdint.h>
    #define CONNECTOR_CTZ64(x)         __builtin_ctzll(x)
    #define CONNECTOR_MUL_U64(a, b, r) __builtin_mul_overflow((uint64_t)(a), (uint64_t)(b), (r))
    /* Of eight bytes already xored with '0': the high bit of each that is no digit. A carry only reaches bytes behind
       the first such one, and only the first one is looked at. */
    #define CONNECTOR_NO_DIGIT(x)      ((((x) + 0x7676767676767676ull) | (x)) & 0x8080808080808080ull)
    #define CONNECTOR_HIGH_BYTES(x)    ((x) & 0x8080808080808080ull)
    #define CONNECTOR_ZERO_BYTE(x)     (((x) - 0x0101010101010101ull) & ~(x))
    /* The high bit of each byte that is a quote, a backslash or below a blank; as above, only the first one counts. */
    #define CONNECTOR_STRING_STOPS(x)  ((CONNECTOR_ZERO_BYTE((x) ^ 0x2222222222222222ull) \
        | CONNECTOR_ZERO_BYTE((x) ^ 0x5c5c5c5c5c5c5c5cull) \
        | (((x) - 0x2020202020202020ull) & ~(x))) & 0x8080808080808080ull)
    #define CONNECTOR_MAX_VALUE        0x7fffffffffffffffull
    #define CONNECTOR_MAX_WRITTEN      1000000000000ll
    static const uint64_t connector_pow10[20] = {
      1ull, 10ull, 100ull, 1000ull, 10000ull, 100000ull, 1000000ull, 10000000ull, 100000000ull, 1000000000ull,
      10000000000ull, 100000000000ull, 1000000000000ull, 10000000000000ull, 100000000000000ull,
      1000000000000000ull, 10000000000000000ull, 100000000000000000ull, 1000000000000000000ull,
      10000000000000000000ull };
    """
    int ctz64 "CONNECTOR_CTZ64" (uint64_t x) noexcept nogil
    bint multiply "CONNECTOR_MUL_U64" (uint64_t a, uint64_t b, uint64_t* product) noexcept nogil  # true: overflow
    const uint64_t[20] POW10 "connector_pow10"
    uint64_t no_digit "CONNECTOR_NO_DIGIT" (uint64_t x) noexcept nogil
    uint64_t high_bytes "CONNECTOR_HIGH_BYTES" (uint64_t x) noexcept nogil
    uint64_t string_stops "CONNECTOR_STRING_STOPS" (uint64_t x) noexcept nogil
    const uint64_t MAX_VALUE "CONNECTOR_MAX_VALUE"
    const int64_t MAX_WRITTEN "CONNECTOR_MAX_WRITTEN"         # exponents are read no further: the answer is known

cdef extern from "levels.h" nogil:
    bint quick_levels_supported "connector_levels_supported" ()
    Py_ssize_t quick_levels "connector_levels" (
        const char* start, const char* p, const char* end, int price_exponent, int qty_exponent, Level* out,
        Py_ssize_t most, const char** next,
    )
    Py_ssize_t quick_pair "connector_pair" (
        const char* p, const char* between, int first_exponent, int second_exponent, int64_t* first, int64_t* second,
    )

cdef enum NumberStatus:
    NUMBER_OK = 0
    NUMBER_INEXACT = 1            # a digit other than zero beyond the scale
    NUMBER_OVERFLOW = 2           # beyond +-(2**63 - 1) at this scale
    NUMBER_MALFORMED = 3          # not a decimal number

cdef enum:
    QUICK_DIGITS = 18             # so many digits fit an int64 whatever they are
    PAIR_BYTES = 32               # of which a quick pair is at most
    QUICK_LEVEL = 40              # bytes that are read at most of a level of integers, and one more

cdef struct Cursor:
    const char* p
    const char* end

# The value of eight bytes 0..9, the first byte most significant.
cdef inline uint64_t _eight_digits(uint64_t x) noexcept nogil:
    x = x * 10 + (x >> 8)
    return (
        (x & 0x000000FF000000FFULL) * 0x000F424000000064ULL
        + ((x >> 16) & 0x000000FF000000FFULL) * 0x0000271000000001ULL
    ) >> 32

# Appends the run of digits at the cursor to `value` and returns how many there were. Wraps beyond 19 digits in all:
# callers count.
cdef inline int take_digits(Cursor* cursor, uint64_t* value) noexcept nogil:
    cdef uint64_t x, other
    cdef int n, count = 0
    cdef unsigned char digit
    while likely(cursor.end - cursor.p >= 8):
        memcpy(&x, cursor.p, 8)
        x ^= 0x3030303030303030ULL
        other = no_digit(x)
        if other == 0:
            value[0] = value[0] * POW10[8] + _eight_digits(x)
            cursor.p += 8
            count += 8
            if unlikely(count > 32):                          # nobody asks for more; the slow reader counts again
                return count
            continue
        n = ctz64(other) >> 3
        if n:
            value[0] = value[0] * POW10[n] + _eight_digits(x << (64 - 8 * n))
            cursor.p += n
        return count + n
    while cursor.p < cursor.end:
        digit = <unsigned char>cursor.p[0] - 48
        if digit > 9:
            break
        value[0] = value[0] * 10 + digit
        cursor.p += 1
        count += 1
    return count

cdef inline bint _is_digit(char c) noexcept nogil:
    return c >= 48 and c <= 57

# Every spelling, any length; the cursor stands behind the number unless it is malformed.
cdef inline int take_any_decimal(Cursor* cursor, int exponent, int64_t* out) noexcept nogil:
    cdef const char* p = cursor.p
    cdef const char* end = cursor.end
    cdef bint negative = False, exponent_negative = False, point = False
    cdef uint64_t value = 0
    cdef int64_t shift = exponent, written = 0
    cdef int64_t significant = 0, zeros = 0                   # zeros: not yet known to be trailing or not
    cdef unsigned char digit
    if p < end and p[0] == 45:
        negative = True
        p += 1
    if p >= end or not _is_digit(p[0]):
        return NUMBER_MALFORMED
    while p < end:
        digit = <unsigned char>p[0] - 48
        if digit <= 9:
            shift -= point
            if digit == 0:
                zeros += significant > 0
            else:
                significant += zeros + 1
                if significant <= 19:
                    value = value * POW10[zeros + 1] + digit
                zeros = 0
        elif p[0] == 46 and not point and p + 1 < end and _is_digit(p[1]):
            point = True
        else:
            break
        p += 1
    if p < end and (p[0] == 101 or p[0] == 69):
        p += 1
        if p < end and (p[0] == 43 or p[0] == 45):
            exponent_negative = p[0] == 45
            p += 1
        if p >= end or not _is_digit(p[0]):
            return NUMBER_MALFORMED
        while p < end and _is_digit(p[0]):
            if written < MAX_WRITTEN:
                written = written * 10 + (p[0] - 48)
            p += 1
        shift += -written if exponent_negative else written
    cursor.p = p
    if significant == 0:
        out[0] = 0
        return NUMBER_OK
    shift += zeros                                            # value has no trailing zero now
    if shift < 0:
        return NUMBER_INEXACT
    if significant > 19 or shift > 18 or multiply(value, POW10[shift], &value) or value > MAX_VALUE:
        return NUMBER_OVERFLOW
    out[0] = -<int64_t>value if negative else <int64_t>value
    return NUMBER_OK

# The same, with a short way for the plain `digits[.digits]` of at most 18 digits.
cdef inline int take_decimal(Cursor* cursor, int exponent, int64_t* out) noexcept nogil:
    cdef const char* start = cursor.p
    cdef uint64_t value = 0
    cdef int whole = take_digits(cursor, &value)
    cdef int fraction = 0
    if whole and cursor.p < cursor.end and cursor.p[0] == 46:
        cursor.p += 1
        fraction = take_digits(cursor, &value)
        if unlikely(fraction == 0):
            whole = 0
    if likely(
        whole != 0 and whole + fraction <= QUICK_DIGITS and fraction <= exponent and exponent - fraction <= QUICK_DIGITS
        and (cursor.p == cursor.end or (cursor.p[0] | 32) != 101)
        and not multiply(value, POW10[exponent - fraction], &value) and value <= MAX_VALUE
    ):
        out[0] = <int64_t>value
        return NUMBER_OK
    cursor.p = start
    return take_any_decimal(cursor, exponent, out)

# A JSON number without sign, fraction and exponent, below 2**63.
cdef inline int take_integer(Cursor* cursor, int64_t* out) noexcept nogil:
    cdef const char* start = cursor.p
    cdef uint64_t value = 0
    cdef int n = take_digits(cursor, &value)
    if unlikely(n == 0 or (start[0] == 48 and n > 1)):        # JSON writes no leading zero
        return NUMBER_MALFORMED
    if unlikely(n > 19 or value > MAX_VALUE):
        return NUMBER_OVERFLOW
    out[0] = <int64_t>value
    return NUMBER_OK

# The same of 13 digits, as milliseconds have until 2286, in two overlapping reads; else False, and nothing was read.
cdef inline bint take_milliseconds(Cursor* cursor, int64_t* out) noexcept nogil:
    cdef uint64_t x, y
    if unlikely(cursor.end - cursor.p < 14):
        return False
    memcpy(&x, cursor.p, 8)
    memcpy(&y, cursor.p + 5, 8)
    x ^= 0x3030303030303030ULL
    y ^= 0x3030303030303030ULL
    if unlikely((no_digit(x) | no_digit(y)) or x & 255 == 0 or _is_digit(cursor.p[13])):
        return False
    out[0] = _eight_digits(x) * POW10[5] + _eight_digits(y & 0xFFFFFFFFFF000000ULL)
    cursor.p += 13
    return True

# Whether the next bytes are `text`; if so the cursor moves behind them.
cdef inline bint take(Cursor* cursor, const char* text, Py_ssize_t length) noexcept nogil:
    if cursor.end - cursor.p < length or memcmp(cursor.p, text, length) != 0:
        return False
    cursor.p += length
    return True

# A JSON string without escapes; the cursor moves behind its closing quote. `wide` tells of bytes that are not ASCII,
# which nobody has checked to be UTF-8.
cdef inline bint take_text(Cursor* cursor, const char** text, Py_ssize_t* length, bint* wide) noexcept nogil:
    cdef const char* p = cursor.p + 1
    cdef uint64_t x, stop
    cdef unsigned char c
    wide[0] = False
    if unlikely(cursor.end - cursor.p < 2 or cursor.p[0] != 34):
        return False
    text[0] = p
    while likely(cursor.end - p >= 8):
        memcpy(&x, p, 8)
        wide[0] |= high_bytes(x) != 0
        stop = string_stops(x)
        if stop:
            p += ctz64(stop) >> 3
            break
        p += 8
    while p < cursor.end:
        c = <unsigned char>p[0]
        if c == 34:
            length[0] = p - text[0]
            cursor.p = p + 1
            return True
        if c == 92 or c < 32:
            return False
        wide[0] |= c >= 128
        p += 1
    return False

# A decimal in quotes.
cdef inline int take_quoted(Cursor* cursor, int exponent, int64_t* out) noexcept nogil:
    cdef int status
    if unlikely(cursor.end - cursor.p < 3 or cursor.p[0] != 34):
        return NUMBER_MALFORMED
    cursor.p += 1
    status = take_decimal(cursor, exponent, out)
    if unlikely(status != NUMBER_OK):
        return status
    if unlikely(cursor.p >= cursor.end or cursor.p[0] != 34):
        return NUMBER_MALFORMED
    cursor.p += 1
    return NUMBER_OK

# The list `[["price","qty"],...]` with its brackets, at most `most` levels; `quick` allows AVX2 (levels.h).
cdef inline int take_levels(
    Cursor* cursor, const char* start, int price_exponent, int qty_exponent, Level* out, Py_ssize_t most,
    Py_ssize_t* count, bint quick,
) noexcept nogil:
    cdef Py_ssize_t n = 0, read
    cdef int status
    if unlikely(not take(cursor, b"[", 1)):
        return NUMBER_MALFORMED
    if take(cursor, b"]", 1):
        count[0] = 0
        return NUMBER_OK
    while True:
        if quick:
            read = quick_levels(
                start, cursor.p, cursor.end, price_exponent, qty_exponent, out + n, most - n, &cursor.p
            )
            n += read
            if read and take(cursor, b"]", 1):
                count[0] = n
                return NUMBER_OK
        if unlikely(n == most or not take(cursor, b"[", 1)):
            return NUMBER_MALFORMED
        status = take_quoted(cursor, price_exponent, &out[n].price_e)
        if unlikely(status != NUMBER_OK):
            return status
        if unlikely(not take(cursor, b",", 1)):
            return NUMBER_MALFORMED
        status = take_quoted(cursor, qty_exponent, &out[n].qty_e)
        if unlikely(status != NUMBER_OK):
            return status
        if unlikely(not take(cursor, b"]", 1) or out[n].price_e < 0 or out[n].qty_e < 0):
            return NUMBER_MALFORMED
        n += 1
        if take(cursor, b"]", 1):
            count[0] = n
            return NUMBER_OK
        if unlikely(not take(cursor, b",", 1)):
            return NUMBER_MALFORMED

# The same, with a short way for fewer than eight digits.
cdef inline int take_short_integer(Cursor* cursor, int64_t* out) noexcept nogil:
    cdef uint64_t x, other
    cdef int bits
    if unlikely(cursor.end - cursor.p < 8):
        return take_integer(cursor, out)
    memcpy(&x, cursor.p, 8)
    x ^= 0x3030303030303030ULL
    other = no_digit(x)
    if unlikely(other == 0):
        return take_integer(cursor, out)
    bits = ctz64(other) & ~7
    if unlikely(bits == 0 or (x & 255 == 0 and bits > 8)):    # no digit, or a leading zero
        return NUMBER_MALFORMED
    out[0] = <int64_t>_eight_digits(x << (64 - bits))
    cursor.p += bits >> 3
    return NUMBER_OK

# A number of at most 15 digits that ends within the 16 bytes at `p`: where it ends, NULL for whatever is other.
cdef inline const char* quick_integer(const char* p, int64_t* out) noexcept nogil:
    cdef uint64_t x, other, value
    cdef int bits
    memcpy(&x, p, 8)
    x ^= 0x3030303030303030ULL
    other = no_digit(x)
    if likely(other != 0):
        bits = ctz64(other) & ~7
        if unlikely(bits == 0 or (x & 255 == 0 and bits > 8)):
            return NULL
        out[0] = <int64_t>_eight_digits(x << (64 - bits))
        return p + (bits >> 3)
    if unlikely(x & 255 == 0):
        return NULL
    value = _eight_digits(x)
    memcpy(&x, p + 8, 8)
    x ^= 0x3030303030303030ULL
    other = no_digit(x)
    if unlikely(other == 0):
        return NULL
    bits = ctz64(other) & ~7
    if bits:
        value = value * POW10[bits >> 3] + _eight_digits(x << (64 - bits))
    out[0] = <int64_t>value
    return p + 8 + (bits >> 3)

# Levels `[price,qty],` from the first bracket on, as far as they are plain; how many. `more`: the cursor stands behind
# a comma, else behind the last one's bracket.
cdef inline Py_ssize_t quick_integer_levels(Cursor* cursor, Level* out, Py_ssize_t most, bint* more) noexcept nogil:
    cdef Py_ssize_t n = 0
    cdef const char* p = cursor.p
    cdef const char* q
    while likely(n < most and cursor.end - p >= QUICK_LEVEL and p[0] == 91):
        q = quick_integer(p + 1, &out[n].price_e)
        if unlikely(q == NULL or q[0] != 44):
            break
        q = quick_integer(q + 1, &out[n].qty_e)
        if unlikely(q == NULL or q[0] != 93):
            break
        n += 1
        p = q + 1
        more[0] = p[0] == 44
        if not more[0]:
            break
        p += 1
    cursor.p = p
    return n

# The list `[[price,qty],...]` with its brackets, plain integers of at least zero, at most `most` levels.
cdef inline int take_integer_levels(Cursor* cursor, Level* out, Py_ssize_t most, Py_ssize_t* count) noexcept nogil:
    cdef Py_ssize_t n = 0
    cdef bint more = True
    if unlikely(not take(cursor, b"[", 1)):
        return NUMBER_MALFORMED
    if take(cursor, b"]", 1):
        count[0] = 0
        return NUMBER_OK
    n = quick_integer_levels(cursor, out, most, &more)
    if likely(not more):
        count[0] = n
        return NUMBER_OK if take(cursor, b"]", 1) else NUMBER_MALFORMED
    while True:
        if unlikely(
            n == most or not take(cursor, b"[", 1)
            or take_short_integer(cursor, &out[n].price_e) != NUMBER_OK or not take(cursor, b",", 1)
            or take_short_integer(cursor, &out[n].qty_e) != NUMBER_OK or not take(cursor, b"]", 1)
        ):
            return NUMBER_MALFORMED
        n += 1
        if take(cursor, b"]", 1):
            count[0] = n
            return NUMBER_OK
        if unlikely(not take(cursor, b",", 1)):
            return NUMBER_MALFORMED
