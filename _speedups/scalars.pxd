# JSON objects of scalars, read by their keys: the place of a key is looked up where it is not the one that stood there in
# the last such object. Nothing nested, no blanks, no escapes, ASCII; whatever is otherwise is left to whoever called.
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

from .atomics cimport likely, unlikely
from .layout cimport CONNECTOR_ABSENT
from .scan cimport NUMBER_OK, Cursor, take, take_decimal, take_digits, take_text

cdef enum:
    NOTHING = -1                  # no place
    SLOTS = 256                   # of the table of names; mostly free
    SHORTEST = 4                  # of the names in it
    KEYS = 96                     # of an object that are expected
    KEY_BYTES = 40                # ... each with its quotes and colon, and what is read of it behind them
    KEY_MOST = 32
    MISSES = 6                    # in an object, until others are expected
    WHOLE_DIGITS = 18

cdef struct Token:
    const char* p                 # NULL: absent, null or ""
    Py_ssize_t size

cdef struct Name:
    const char* text
    Py_ssize_t size               # 0: free
    int place, family             # family: bits of where it is known

cdef struct Names:
    Name slots[SLOTS]

cdef struct Key:                  # as it stands in a message
    char[KEY_BYTES] text
    int size, place

cdef struct Layout:               # the keys of an object in the order in which they came last
    int count
    Key keys[KEYS]

cdef inline unsigned int slot_of(const char* key, Py_ssize_t size) noexcept nogil:
    cdef uint32_t first, last
    memcpy(&first, key, SHORTEST)
    memcpy(&last, key + size - SHORTEST, SHORTEST)
    return <unsigned int>(((first * 0x9E3779B1U) ^ last) * 0x85EBCA6BU + <uint32_t>size * 0x27D4EB2FU) >> 24

cdef inline void add_name(Names* names, const char* text, Py_ssize_t size, int place, int family) noexcept nogil:
    cdef unsigned int slot = slot_of(text, size)
    while names.slots[slot].size:
        slot = (slot + 1) % SLOTS
    names.slots[slot].text, names.slots[slot].size = text, size
    names.slots[slot].place, names.slots[slot].family = place, family

cdef inline int place_of(const Names* names, const char* key, Py_ssize_t size, int family) noexcept nogil:
    cdef unsigned int slot
    if size < SHORTEST:
        return NOTHING
    slot = slot_of(key, size)
    while names.slots[slot].size:
        if names.slots[slot].size == size and memcmp(names.slots[slot].text, key, size) == 0:
            return names.slots[slot].place if names.slots[slot].family & family else NOTHING
        slot = (slot + 1) % SLOTS
    return NOTHING

cdef inline bint take_number(Cursor* c) noexcept nogil:
    """Any number of JSON."""
    cdef const char* begin
    cdef Py_ssize_t digits = 0
    if c.p < c.end and c.p[0] == c'-':
        c.p += 1
    begin = c.p
    while c.p < c.end and c'0' <= c.p[0] <= c'9':
        c.p += 1
    digits = c.p - begin
    if digits == 0 or (digits > 1 and begin[0] == c'0'):
        return False
    if c.p < c.end and c.p[0] == c'.':
        c.p += 1
        begin = c.p
        while c.p < c.end and c'0' <= c.p[0] <= c'9':
            c.p += 1
        if c.p == begin:
            return False
    if c.p < c.end and (c.p[0] | 32) == c'e':
        c.p += 1
        if c.p < c.end and (c.p[0] == c'+' or c.p[0] == c'-'):
            c.p += 1
        begin = c.p
        while c.p < c.end and c'0' <= c.p[0] <= c'9':
            c.p += 1
        if c.p == begin:
            return False
    return True

# A value that nobody reads, and that is neither list nor object.
cdef inline bint pass_scalar(Cursor* c) noexcept nogil:
    cdef const char* text = NULL
    cdef Py_ssize_t size = 0
    cdef bint wide = False
    if unlikely(c.p >= c.end):
        return False
    if c.p[0] == c'"':
        return take_text(c, &text, &size, &wide) and not wide
    if c.p[0] == c'-' or c'0' <= c.p[0] <= c'9':
        return take_number(c)
    return take(c, b"null", 4) or take(c, b"true", 4) or take(c, b"false", 5)

# A text, an integer or null.
cdef inline bint take_value(Cursor* c, Token* out) noexcept nogil:
    cdef const char* begin = c.p
    cdef const char* digits
    cdef uint64_t value = 0
    cdef bint wide = False
    out.p, out.size = NULL, 0
    if unlikely(c.p >= c.end):
        return False
    if c.p[0] == c'"':
        if unlikely(not take_text(c, &out.p, &out.size, &wide) or wide):
            return False
        if out.size == 0:
            out.p = NULL
        return True
    if take(c, b"null", 4):
        return True
    if c.p[0] == c'-':
        c.p += 1
    digits = c.p
    take_digits(c, &value)
    if unlikely(c.p == digits or (digits[0] == c'0' and (c.p - digits > 1 or digits != begin))):
        return False
    out.p, out.size = begin, c.p - begin
    return True

# Whether the next bytes are the key that is expected, its quotes and colon with it; the cursor moves behind it then.
cdef inline bint take_expected(Cursor* c, const Key* key) noexcept nogil:
    cdef uint64_t x, y
    cdef int i = 0
    if unlikely(c.end - c.p < KEY_BYTES):
        return False
    while i + 8 <= key.size:
        memcpy(&x, c.p + i, 8)
        memcpy(&y, key.text + i, 8)
        if x != y:
            return False
        i += 8
    memcpy(&x, c.p + i, 8)
    memcpy(&y, key.text + i, 8)
    if i < key.size and (x ^ y) << (64 - 8 * (key.size - i)):
        return False
    c.p += key.size
    return True

cdef inline void learn(Layout* layout, const char* key, Py_ssize_t size, int place) noexcept nogil:
    cdef Key* at = &layout.keys[layout.count]
    if layout.count == KEYS or size + 3 > KEY_MOST:
        return
    at.text[0] = c'"'
    memcpy(&at.text[1], key, size)
    memcpy(&at.text[1 + size], b'":', 2)
    at.size, at.place = <int>size + 3, place
    layout.count += 1

# An object's values in the places of their names; fields NULL: nobody reads them.
cdef inline bint take_fields(
    Cursor* c, Token* fields, const Names* names, int family, Layout* layout,
) noexcept nogil:
    cdef const char* key = NULL
    cdef Py_ssize_t size = 0
    cdef bint wide = False
    cdef int at, i = 0, missed = 0
    if unlikely(not take(c, b"{", 1)):
        return False
    if unlikely(take(c, b"}", 1)):
        return True
    while True:
        if likely(i < layout.count and take_expected(c, &layout.keys[i])):
            at = layout.keys[i].place
            i += 1
        elif i + 1 < layout.count and take_expected(c, &layout.keys[i + 1]):   # one is not there
            at = layout.keys[i + 1].place
            i += 2
        else:
            if unlikely(not take_text(c, &key, &size, &wide) or wide or not take(c, b":", 1)):
                return False
            at = place_of(names, key, size, family) if fields != NULL else NOTHING
            if i == layout.count:
                learn(layout, key, size, at)
                i = layout.count
            else:
                missed += 1
        if at >= 0:
            if unlikely(not take_value(c, &fields[at])):
                return False
        elif unlikely(not pass_scalar(c)):
            return False
        if take(c, b",", 1):
            continue
        if unlikely(missed > MISSES):
            layout.count = 0      # the next one is learnt from its beginning
        return take(c, b"}", 1)

cdef inline bint says(const Token* token, const char* text, Py_ssize_t size) noexcept nogil:
    return token.size == size and memcmp(token.p, text, size) == 0

# An integer within what fits whatever it is; absent is CONNECTOR_ABSENT. False: the other reader has to look.
cdef inline bint whole(const Token* token, int64_t* out) noexcept nogil:
    cdef const char* p = token.p
    cdef const char* end = token.p + token.size
    cdef int64_t value = 0
    cdef bint negative
    out[0] = CONNECTOR_ABSENT
    if token.p == NULL:
        return True
    negative = p[0] == c'-'
    p += negative
    if unlikely(p == end or end - p > WHOLE_DIGITS + 1):
        return False
    if unlikely(end - p > WHOLE_DIGITS and p[0] != c'1'):      # nanoseconds have nineteen digits
        return False
    while p < end:
        if unlikely(not c'0' <= p[0] <= c'9'):
            return False
        value = value * 10 + (p[0] - c'0')
        p += 1
    out[0] = -value if negative else value
    return True

# The same of a decimal text in a scale.
cdef inline bint decimal(const Token* token, int exponent, int64_t* out) noexcept nogil:
    cdef Cursor cursor
    out[0] = CONNECTOR_ABSENT
    if token.p == NULL:
        return True
    cursor.p, cursor.end = token.p, token.p + token.size
    return 0 <= exponent <= WHOLE_DIGITS and take_decimal(&cursor, exponent, out) == NUMBER_OK and cursor.p == cursor.end
