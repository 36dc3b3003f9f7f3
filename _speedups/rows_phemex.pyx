"""Balances and positions of Phemex's private messages, and the money of both families: sections 7.2, 7.4 and 10.3 of the
venue's reference. What ``connector.venues.phemex.positions`` says, or nothing."""

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy

from .atomics cimport unlikely
from .layout cimport CONNECTOR_ABSENT
from .scalars cimport Token, decimal, says, whole
from .scan cimport NUMBER_INEXACT, NUMBER_OK, Cursor, multiply, take_decimal

cdef extern from "Python.h":
    object PyUnicode_DecodeASCII(const char* text, Py_ssize_t size, const char* errors)
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size) except NULL

cdef enum:
    LISTED = 8                    # currencies of a list
    CODE_BYTES = 16               # of a currency's name
    MONEY_EXPONENT = 8
    RATIO_EXPONENT = 8

cdef int64_t RATIO = 100_000_000
cdef int64_t MOST_RATIO = 10**15  # a float of it is exact enough to be cut
cdef object _balance, _position, _both, _order, _other
cdef dict _sides = {}
cdef frozenset _hedged = frozenset()

# A currency whose values have a scale of their own; those of all others are in 10**-8.
cdef struct Currency:
    char[CODE_BYTES] code
    Py_ssize_t length
    uint64_t unit                 # of 10**-8 in a unit of its values

cdef Currency[LISTED] _currencies
cdef int _listed = 0


def use_rows(*, balance, position, sides, both, order, other, hedged, value_exponents):
    """Give the package's events, words and scales; ``user`` does so when it is imported. ``order``, ``other``: why a
    balance changed; ``hedged``: what contracts of the hedged family are settled in."""
    global _balance, _position, _both, _order, _other, _sides, _hedged, _listed
    cdef bytes code
    if len(value_exponents) > LISTED:
        raise ValueError(f"more than {LISTED} currencies")
    _balance, _position, _sides, _both, _order, _other = balance, position, dict(sides), both, order, other
    _hedged = frozenset(hedged)
    _listed = 0
    for word, exponent in value_exponents.items():
        code = word.encode("ascii")
        if not 0 < len(code) <= CODE_BYTES:
            raise ValueError(f"a currency has 1 to {CODE_BYTES} characters: {word!r}")
        memcpy(_currencies[_listed].code, <const char*>code, len(code))
        _currencies[_listed].length, _currencies[_listed].unit = len(code), 10 ** (MONEY_EXPONENT - exponent)
        _listed += 1


cdef inline object word(const Token* token):
    return PyUnicode_DecodeASCII(token.p, token.size, NULL) if token.p != NULL else ""


cdef inline object given(int64_t value):
    return None if value == CONNECTOR_ABSENT else value


# A sum of money of the hedged family; what is past our decimals is cut, downwards.
cdef bint cut(const Token* token, int64_t* out) noexcept nogil:
    cdef Cursor cursor
    cdef const char* p
    cdef int status
    out[0] = CONNECTOR_ABSENT
    if token.p == NULL:
        return True
    cursor.p, cursor.end = token.p, token.p + token.size
    status = take_decimal(&cursor, MONEY_EXPONENT, out)
    if unlikely(cursor.p != cursor.end or (status != NUMBER_OK and status != NUMBER_INEXACT)):
        return False
    if status == NUMBER_OK:
        return True
    p = token.p
    while p < cursor.end and p[0] != c'.':
        p += 1
    if unlikely(cursor.end - p <= MONEY_EXPONENT + 1):         # an exponent made it so fine
        return False
    cursor.p, cursor.end = token.p, p + 1 + MONEY_EXPONENT
    status = take_decimal(&cursor, MONEY_EXPONENT, out)
    p = cursor.end
    while p < token.p + token.size:
        if unlikely(not c'0' <= p[0] <= c'9'):
            return False
        p += 1
    if unlikely(status != NUMBER_OK or cursor.p != cursor.end):
        return False
    out[0] -= token.p[0] == c'-'
    return True


cdef bint money(const Token* token, const Token* currency, bint hedged, int64_t* out) noexcept nogil:
    cdef uint64_t magnitude
    cdef int i
    if hedged:
        return cut(token, out)
    if currency.p == NULL:
        out[0] = CONNECTOR_ABSENT
        return True
    if not whole(token, out) or out[0] == CONNECTOR_ABSENT:
        return token.p == NULL
    for i in range(_listed):
        if says(currency, _currencies[i].code, _currencies[i].length):
            magnitude = -out[0] if out[0] < 0 else out[0]
            if multiply(magnitude, _currencies[i].unit, &magnitude) or magnitude >> 63:
                return False
            out[0] = -<int64_t>magnitude if out[0] < 0 else <int64_t>magnitude
            break
    return True


cdef object balance_of(const Token* row, bint hedged, int64_t venue_ns, bint filled):
    cdef int64_t wallet_e = 0, used_e = 0
    cdef const Token* currency = &row[CURRENCY_OF]
    if not money(&row[BALANCE], currency, hedged, &wallet_e) or not money(&row[USED], currency, hedged, &used_e):
        return NotImplemented
    if wallet_e == CONNECTOR_ABSENT or currency.p == NULL:
        return None
    return _balance(
        asset=word(currency), wallet_e=wallet_e,
        available_e=None if used_e == CONNECTOR_ABSENT else <object>wallet_e - <object>used_e,
        reason=_order if filled else _other, venue_ns=venue_ns,
    )


cdef object position_of(const Token* row, bint hedged, scales):
    cdef int64_t size = 0, leverage = 0, unrealised_e = 0, realised_e = 0, venue_ns = 0
    cdef const Token* side = &row[SIDE]
    cdef Token currency = row[CURRENCY_OF]
    cdef object symbol = word(&row[HELD]), instrument = scales(symbol), margin, entry
    cdef int sign
    if instrument is None:
        return None
    margin = instrument.margin
    if hedged != (margin in _hedged and instrument.qty_exponent != 0):
        return NotImplemented
    if row[SIZE].p == NULL or not amount(&row[SIZE], hedged, instrument.qty_exponent, &size):
        return NotImplemented
    sign = sign_of(side)
    if sign > 1:
        return None
    size = -size if size < 0 else size
    if currency.p == NULL:
        currency.p = PyUnicode_AsUTF8AndSize(margin, &currency.size)
        if currency.size == 0:
            currency.p = NULL
    if not money(&row[UNREALISED], &currency, hedged, &unrealised_e):
        return NotImplemented
    if not money(&row[REALISED], &currency, hedged, &realised_e):
        return NotImplemented
    if not leverage_of(&row[LEVERAGE], hedged, &leverage) or not whole(&row[HELD_TIME], &venue_ns):
        return NotImplemented
    entry = entry_of(&row[ENTRY_PRICE], hedged, instrument.price_exponent)
    if entry is None:
        return NotImplemented
    return _position(
        symbol=symbol, position_side=_sides.get(word(&row[POSITION_SIDE]), _both),
        qty_e=sign * size, entry=entry,
        unrealised_e=given(unrealised_e), realised_e=given(realised_e), isolated=leverage > 0,
        leverage=-leverage if leverage < 0 else leverage, venue_ns=0 if venue_ns == CONNECTOR_ABSENT else venue_ns,
    )


cdef inline bint amount(const Token* token, bint hedged, int exponent, int64_t* out) noexcept nogil:
    return decimal(token, exponent, out) if hedged else whole(token, out)


# 2: a word that is none.
cdef inline int sign_of(const Token* side) noexcept nogil:
    if side.p == NULL or says(side, b"None", 4):
        return 0
    if says(side, b"Buy", 3):
        return 1
    return -1 if says(side, b"Sell", 4) else 2


# In ones; unreadable is 0.
cdef bint leverage_of(const Token* token, bint hedged, int64_t* out) noexcept nogil:
    cdef bint below
    if not (decimal(token, RATIO_EXPONENT, out) if hedged else whole(token, out)):
        return False
    if out[0] == CONNECTOR_ABSENT:
        out[0] = 0
        return True
    if hedged and not -MOST_RATIO < out[0] < MOST_RATIO:
        return False
    below = out[0] < 0 and out[0] % RATIO != 0 and not hedged
    out[0] = out[0] // RATIO - below                           # a text is cut, an integer rounded down
    return True


# As the venue writes it, or its decimals; "": there is none. None: the other reader has to look.
cdef object entry_of(const Token* token, bint hedged, int exponent):
    cdef char[40] text
    cdef int64_t value = 0
    cdef int at = 40, decimals = exponent
    cdef Py_ssize_t i
    if hedged:
        for i in range(token.size):
            if token.p[i] != c'0' and token.p[i] != c'.':
                return word(token)
        return ""
    if not whole(token, &value) or not 0 <= exponent <= 18:
        return None
    if value == CONNECTOR_ABSENT or value <= 0:
        return ""
    while decimals > 0 and value % 10 == 0:
        value //= 10
        decimals -= 1
    for i in range(decimals):
        at -= 1
        text[at] = c'0' + <char>(value % 10)
        value //= 10
    if decimals:
        at -= 1
        text[at] = c'.'
    while True:
        at -= 1
        text[at] = c'0' + <char>(value % 10)
        value //= 10
        if value == 0:
            break
    return PyUnicode_DecodeASCII(text + at, 40 - at, NULL)
