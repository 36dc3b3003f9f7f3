# JSON objects of scalars, read by their keys. An object is held against those that came before: what stood in all of them,
# keys and values that nobody reads, is compared as a whole, and only what changes is looked at. Nothing nested, no blanks,
# no escapes, ASCII; whatever is otherwise is left to whoever called.
from libc.stdint cimport int16_t, int64_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

from .atomics cimport likely, unlikely
from .layout cimport CONNECTOR_ABSENT
from .scan cimport NUMBER_OK, Cursor, take, take_decimal, take_text

cdef extern from "scalars.h" nogil:
    enum:
        WIDE "CONNECTOR_WIDE"
    bint same "connector_same" (const char* p, const char* q, Py_ssize_t size)
    const char* text_end "connector_text_end" (const char* p, const char* end)
    const char* digits_end "connector_digits_end" (const char* p, const char* end)

cdef enum:
    NOTHING = -1                  # no place
    THE_END = -2                  # ... and no value
    SLOTS = 256                   # of the table of names; mostly free
    SHORTEST = 4                  # of the names in it
    KEYS = 96                     # of an object that is remembered
    TEXT_BYTES = 3072             # ... and its size
    SHAPES = 3                    # that are remembered
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

cdef struct Key:                  # of an object
    uint16_t at, size             # in its shape's text, with quotes and colon
    uint16_t value                # bytes of the value behind it, the same in every object; 0: it is another each time
    int16_t place

cdef struct Step:                 # what is compared as a whole, and whose value follows
    uint16_t at, size
    int16_t place

cdef struct Shape:                # of objects with the same keys in the same order
    int count, steps, then        # then: the shape that came after it last
    Key keys[KEYS]
    Step step[KEYS + 1]
    char[TEXT_BYTES + WIDE] text  # what stands in all of them

cdef struct Layout:
    int count, last, turn
    Shape shapes[SHAPES]

cdef struct Seen:                 # a key of an object and its value, where they stand
    const char* key
    Py_ssize_t size, value
    int place

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
    c.p = digits_end(c.p, c.end)
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
        text = text_end(c.p + 1, c.end)
        if likely(text != NULL):
            c.p = text + 1
            return True
        return take_text(c, &text, &size, &wide) and not wide
    if c.p[0] == c'-' or c'0' <= c.p[0] <= c'9':
        return take_number(c)
    return take(c, b"null", 4) or take(c, b"true", 4) or take(c, b"false", 5)

# A text, an integer or null.
cdef inline bint take_value(Cursor* c, Token* out) noexcept nogil:
    cdef const char* begin = c.p
    cdef const char* digits
    cdef bint wide = False
    out.p, out.size = NULL, 0
    if unlikely(c.p >= c.end):
        return False
    if c.p[0] == c'"':
        digits = text_end(begin + 1, c.end)
        if likely(digits != NULL):
            c.p = digits + 1
            out.size = digits - begin - 1
            if out.size:
                out.p = begin + 1
            return True
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
    c.p = digits_end(digits, c.end)
    if unlikely(c.p == digits or (digits[0] == c'0' and (c.p - digits > 1 or digits != begin))):
        return False
    out.p, out.size = begin, c.p - begin
    return True

# An object of a shape, as far as it is one. Plain texts and integers are read here, whatever is otherwise as ever.
cdef inline bint take_shape(Cursor* c, Token* fields, Shape* shape) noexcept nogil:
    cdef Step* step = shape.step
    cdef Step* behind = shape.step + shape.steps
    cdef const char* p = c.p
    cdef const char* end = c.end
    cdef const char* first
    cdef const char* stop
    cdef int place
    while step < behind:
        if unlikely(end - p < step.size + WIDE):               # near its end
            if end - p < step.size or memcmp(p, shape.text + step.at, step.size) != 0:
                return False
        elif unlikely(not same(p, shape.text + step.at, step.size)):
            return False
        p += step.size
        place = step.place
        step += 1
        if place == THE_END:
            c.p = p
            return True
        if unlikely(p >= end):
            return False
        if p[0] == c'"':
            stop = text_end(p + 1, end)
            if likely(stop != NULL):
                if place >= 0:
                    fields[place].size = stop - p - 1
                    fields[place].p = p + 1 if stop > p + 1 else NULL
                p = stop + 1
                continue
        else:
            first = p + (p[0] == c'-')
            stop = digits_end(first, end)
            if likely(
                stop < end and (stop[0] == c',' or stop[0] == c'}') and stop > first
                and (first[0] != c'0' or (stop == first + 1 and first == p))
            ):
                if place >= 0:
                    fields[place].p, fields[place].size = p, stop - p
                p = stop
                continue
        c.p = p
        if unlikely(not (take_value(c, &fields[place]) if place >= 0 else pass_scalar(c))):
            return False
        p = c.p
    return False

cdef inline Shape* shape_of(Layout* layout, const Seen* seen, int count) noexcept nogil:
    cdef Shape* shape
    cdef int i, k
    for i in range(layout.count):
        shape = &layout.shapes[i]
        if shape.count != count:
            continue
        k = 0
        while k < count and seen[k].size == shape.keys[k].size and memcmp(
            seen[k].key, shape.text + shape.keys[k].at, seen[k].size
        ) == 0:
            k += 1
        if k == count:
            return shape
    return NULL

# What objects of a shape have in common, as far as it is known now.
cdef inline void learn(Layout* layout, const Seen* seen, int count) noexcept nogil:
    cdef Shape made
    cdef Shape* shape
    cdef const Key* before
    cdef Key* key
    cdef int i, at = 1, begin = 0, number
    memset(&made, 0, sizeof(made))
    shape = shape_of(layout, seen, count)
    made.text[0] = c'{'
    for i in range(count):
        key = &made.keys[i]
        if at + seen[i].size + seen[i].value + 2 > TEXT_BYTES:
            return
        if i:
            made.text[at] = c','
            at += 1
        key.at, key.size, key.place = at, <uint16_t>seen[i].size, <int16_t>seen[i].place
        memcpy(made.text + at, seen[i].key, seen[i].size)
        at += <int>seen[i].size
        if key.place < 0:
            before = &shape.keys[i] if shape != NULL else NULL
            if before == NULL or (before.value == seen[i].value and memcmp(
                shape.text + before.at + before.size, seen[i].key + seen[i].size, before.value
            ) == 0):
                key.value = <uint16_t>seen[i].value
                memcpy(made.text + at, seen[i].key + seen[i].size, seen[i].value)
                at += key.value
                continue
        made.step[made.steps].at, made.step[made.steps].size = begin, at - begin
        made.step[made.steps].place = key.place
        made.steps += 1
        begin = at
    made.text[at] = c'}'
    made.step[made.steps].at, made.step[made.steps].size = begin, at + 1 - begin
    made.step[made.steps].place = THE_END
    made.steps += 1
    made.count = count
    if shape == NULL:
        if layout.count < SHAPES:
            number = layout.count
            layout.count += 1
        else:
            number = layout.turn
            layout.turn = (layout.turn + 1) % SHAPES
        shape = &layout.shapes[number]
        made.then = number
    else:
        made.then = shape.then
    memcpy(shape, &made, sizeof(made))
    came(layout, <int>(shape - layout.shapes))

cdef inline void came(Layout* layout, int number) noexcept nogil:
    layout.shapes[layout.last].then = number
    layout.last = number

# An object's values in the places of their names, of which there are `places`; nothing is said of the others.
cdef inline bint take_fields(
    Cursor* c, Token* fields, int places, const Names* names, int family, Layout* layout,
) noexcept nogil:
    cdef Seen[KEYS] seen
    cdef Seen one
    cdef const char* begin = c.p
    cdef const char* text = NULL
    cdef Py_ssize_t size = 0
    cdef bint wide = False
    cdef int i, number, count = 0
    for i in range(layout.count):
        number = layout.shapes[layout.last].then if i == 0 else (number + 1) % layout.count
        memset(fields, 0, places * sizeof(Token))
        if likely(take_shape(c, fields, &layout.shapes[number])):
            came(layout, number)
            return True
        c.p = begin
    memset(fields, 0, places * sizeof(Token))
    if unlikely(not take(c, b"{", 1)):
        return False
    if unlikely(take(c, b"}", 1)):
        return True
    while True:
        one.key = c.p
        if unlikely(not take_text(c, &text, &size, &wide) or wide or not take(c, b":", 1)):
            return False
        one.size, one.place = c.p - one.key, place_of(names, text, size, family)
        begin = c.p
        if one.place >= 0:
            if unlikely(not take_value(c, &fields[one.place])):
                return False
        elif unlikely(not pass_scalar(c)):
            return False
        one.value = c.p - begin
        if count < KEYS:
            seen[count] = one
        count += 1
        if take(c, b",", 1):
            continue
        if unlikely(not take(c, b"}", 1)):
            return False
        if count <= KEYS:
            learn(layout, seen, count)
        return True

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
