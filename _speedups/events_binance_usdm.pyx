"""What Binance USD-M says most about orders, from the bytes: ORDER_TRADE_UPDATE of the private stream (alone or wrapped,
``{"stream":…,"data":…}``), and an order as answers show it.

Taken here: what has no blanks, escapes and no nesting beyond ``o``, ASCII, integers as numbers, keys in any order.
Everything else is left to ``connector.venues.binance_usdm``, ``user`` and ``answers``; both say the same of everything
that is taken here.
"""
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int64_t
from libc.string cimport memcmp, memset

from .atomics cimport likely, unlikely
from .scan cimport NUMBER_OK, Cursor, take, take_decimal, take_integer, take_text

cdef extern from "Python.h":
    object PyUnicode_DecodeASCII(const char* text, Py_ssize_t size, const char* errors)

cdef enum:
    NS_PER_MS = 1000000
    LETTERS = 128                 # keys of one letter; the others behind them
    AP = LETTERS
    SP = LETTERS + 1
    PS = LETTERS + 2
    RP = LETTERS + 3
    ER = LETTERS + 4
    KEYS = LETTERS + 5
    UNKNOWN = -1
    ROWS = 17                     # keys of an answer
    MONEY_EXPONENT = 8

cdef struct Token:
    const char* p                 # NULL: absent, null or ""
    Py_ssize_t size

cdef struct Fields:
    Token at[KEYS]

# An answer's keys stand in the places of the event's that mean the same.
cdef struct Name:
    const char* text
    Py_ssize_t size
    int place

cdef Name[ROWS] _rows
cdef int _row = 0

cdef int row(const char* text, Py_ssize_t size, int place):
    global _row
    _rows[_row].text, _rows[_row].size, _rows[_row].place = text, size, place
    _row += 1
    return 0

row(b"orderId", 7, c'i')
row(b"symbol", 6, c's')
row(b"status", 6, c'X')
row(b"clientOrderId", 13, c'c')
row(b"price", 5, c'p')
row(b"avgPrice", 8, AP)
row(b"origQty", 7, c'q')
row(b"executedQty", 11, c'z')
row(b"timeInForce", 11, c'f')
row(b"type", 4, c'o')
row(b"reduceOnly", 10, c'R')
row(b"side", 4, c'S')
row(b"positionSide", 12, PS)
row(b"stopPrice", 9, SP)
row(b"updateTime", 10, c'T')
row(b"time", 4, c't')
row(b"code", 4, c'e')

cdef object _event, _source, _trade, _state, _both, _reason, _none
cdef dict _executions, _statuses, _sides, _types, _times, _position_sides, _reasons
cdef tuple _liquidations
cdef int64_t _last_ms


def use_model(*, event, both, none, statuses, sides, types, times, position_sides, reasons, liquidations, last_ms):
    """Give the package's classes, enums and tables; ``answers`` does so when it is imported."""
    global _event, _both, _none, _statuses, _sides, _types, _times, _position_sides, _reasons, _liquidations, _last_ms
    _event, _both, _none = event, both, none
    _statuses, _sides, _types, _times, _position_sides, _reasons = statuses, sides, types, times, position_sides, reasons
    _liquidations, _last_ms = liquidations, last_ms


def use_stream(*, source, trade, state, executions, reason):
    """The same for the private stream; ``user`` does so."""
    global _source, _trade, _state, _executions, _reason
    _source, _trade, _state, _executions, _reason = source, trade, state, executions, reason


cdef inline int place_in_answer(const char* key, Py_ssize_t size) noexcept nogil:
    cdef int i
    for i in range(ROWS):
        if _rows[i].size == size and memcmp(_rows[i].text, key, size) == 0:
            return _rows[i].place
    return UNKNOWN


cdef inline int place(const char* key, Py_ssize_t size) noexcept nogil:
    if size == 1:
        return key[0]
    if size == 2:
        if key[1] == c'p':
            if key[0] == c'a':
                return AP
            if key[0] == c's':
                return SP
            if key[0] == c'r':
                return RP
        elif key[0] == c'p' and key[1] == c's':
            return PS
        elif key[0] == c'e' and key[1] == c'r':
            return ER
    return UNKNOWN


# A value that is neither list nor object.
cdef inline bint take_scalar(Cursor* c, Token* out) noexcept nogil:
    cdef const char* begin = c.p
    cdef int64_t number = 0
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
    if not take(c, b"true", 4) and not take(c, b"false", 5) and take_integer(c, &number) != NUMBER_OK:
        return False
    out.p, out.size = begin, c.p - begin
    return True


# An object's scalars; what is nested in `nested` under the key "o".
cdef bint take_object(Cursor* c, Fields* fields, Fields* nested, bint answer) noexcept nogil:
    cdef const char* key = NULL
    cdef Py_ssize_t size = 0
    cdef bint wide = False, seen = False
    cdef Token value
    cdef int at
    if unlikely(not take(c, b"{", 1)):
        return False
    while True:
        if unlikely(not take_text(c, &key, &size, &wide) or wide or not take(c, b":", 1)):
            return False
        at = place_in_answer(key, size) if answer else place(key, size)
        if at == c'o' and nested != NULL:
            if unlikely(seen or not take_object(c, nested, NULL, False)):
                return False
            seen = True
        elif unlikely(nested != NULL and size > 2):
            return False          # the envelope of something else
        elif unlikely(not take_scalar(c, &value)):
            return False
        elif at >= 0:
            fields.at[at] = value
        if take(c, b",", 1):
            continue
        return take(c, b"}", 1)


cdef inline object word(const Token* token):
    return PyUnicode_DecodeASCII(token.p, token.size, NULL) if token.p != NULL else ""


cdef inline bint is_true(const Token* token) noexcept nogil:
    return token.size == 4 and (
        (token.p[0] | 32) == c't' and (token.p[1] | 32) == c'r' and (token.p[2] | 32) == c'u' and (token.p[3] | 32) == c'e'
    )


cdef inline bint is_false(const Token* token) noexcept nogil:
    return token.size == 5 and (
        (token.p[0] | 32) == c'f' and (token.p[1] | 32) == c'a' and (token.p[2] | 32) == c'l'
        and (token.p[3] | 32) == c's' and (token.p[4] | 32) == c'e'
    )


# Whether there is such a number.
cdef inline bint number(const Token* token, int exponent, int64_t* out) noexcept nogil:
    cdef Cursor cursor
    if token.p == NULL or exponent < 0:
        return False
    cursor.p, cursor.end = token.p, token.p + token.size
    return take_decimal(&cursor, exponent, out) == NUMBER_OK and cursor.p == cursor.end


cdef inline object scaled(const Token* token, int exponent):
    cdef int64_t found = 0
    return found if number(token, exponent, &found) else None


cdef inline object positive(const Token* token, int exponent):
    cdef int64_t found = 0
    return found if number(token, exponent, &found) and found > 0 else None


cdef inline int64_t stamp(const Token* token) noexcept nogil:
    cdef int64_t ms = 0
    return ms * NS_PER_MS if number(token, 0, &ms) and 0 < ms <= _last_ms else 0


cdef inline object price_text(const Token* token):
    """As it is written; "" when it is nothing but zeros."""
    cdef Py_ssize_t i
    for i in range(token.size):
        if token.p[i] != c'0' and token.p[i] != c'.':
            return word(token)
    return ""


def traded(bytes frame not None, scales):
    """The OrderEvent of an ORDER_TRADE_UPDATE; None: it is another frame, or one for the other reader.

    ``scales`` gives the instrument of a symbol, or None."""
    cdef Fields head, o
    cdef Cursor c
    cdef const char* text = NULL
    cdef Py_ssize_t size = 0
    cdef bint wide = False, wrapped, fill
    cdef int price_exponent = -1, qty_exponent = -1
    cdef int64_t order_id = 0, trade_id = 0
    cdef const Token* at
    c.p = PyBytes_AS_STRING(frame)
    c.end = c.p + PyBytes_GET_SIZE(frame)
    memset(&head, 0, sizeof(head))
    memset(&o, 0, sizeof(o))
    wrapped = take(&c, b'{"stream":', 10)
    if wrapped and not (take_text(&c, &text, &size, &wide) and not wide and take(&c, b',"data":', 8)):
        return None
    if not take_object(&c, &head, &o, False) or (wrapped and not take(&c, b"}", 1)) or c.p != c.end:
        return None
    at = &head.at[<int>c'e']
    if at.size != 18 or memcmp(at.p, b"ORDER_TRADE_UPDATE", 18) != 0:
        return None
    if not number(&o.at[<int>c'i'], 0, &order_id) or order_id <= 0 or o.at[<int>c's'].p == NULL:
        return None
    symbol = word(&o.at[<int>c's'])
    instrument = scales(symbol)
    if instrument is not None:
        price_exponent, qty_exponent = instrument.price_exponent, instrument.qty_exponent
    execution = _executions.get(word(&o.at[<int>c'x']), _state)
    status, client_id, kind = word(&o.at[<int>c'X']), word(&o.at[<int>c'c']), word(&o.at[<int>c'o'])
    fill = execution is _trade and number(&o.at[<int>c't'], 0, &trade_id) and trade_id > 0
    time = word(&o.at[<int>c'f'])
    return _event(
        source=_source,
        execution=execution,
        status=_statuses.get(status),
        symbol=symbol,
        client_order_id=client_id,
        order_id=order_id,
        side=_sides.get(word(&o.at[<int>c'S'])),
        order_type=_types.get(kind),
        time_in_force=_times.get(time),
        position_side=_position_sides.get(word(&o.at[PS]), _both),
        reduce_only=is_true(&o.at[<int>c'R']),
        price_e=positive(&o.at[<int>c'p'], price_exponent),
        qty_e=scaled(&o.at[<int>c'q'], qty_exponent),
        filled_qty_e=scaled(&o.at[<int>c'z'], qty_exponent),
        average=price_text(&o.at[AP]),
        stop_price_e=positive(&o.at[SP], price_exponent),
        last_qty_e=(scaled(&o.at[<int>c'l'], qty_exponent) or 0) if fill else 0,
        last_price_e=positive(&o.at[<int>c'L'], price_exponent) if fill else None,
        trade_id=trade_id if fill else None,
        maker=maker_of(&o.at[<int>c'm']) if fill else None,
        fee_e=scaled(&o.at[<int>c'n'], MONEY_EXPONENT) if fill else None,
        fee_asset=word(&o.at[<int>c'N']) if fill else "",
        realised_e=scaled(&o.at[RP], MONEY_EXPONENT) if fill else None,
        reason=_reason(execution, status, word(&o.at[ER]), time),
        liquidation=kind == "LIQUIDATION" or client_id.startswith(_liquidations),
        venue_ns=stamp(&head.at[<int>c'E']),
        transaction_ns=stamp(&head.at[<int>c'T']) or stamp(&o.at[<int>c'T']),
    )


cdef inline object maker_of(const Token* token):
    if is_true(token):
        return True
    return False if is_false(token) else None


def answered(bytes body not None, scales, source, execution):
    """The OrderEvent of an order as an answer without a code shows it; None: it is for the other reader."""
    cdef Fields o
    cdef Cursor c
    cdef int price_exponent = -1, qty_exponent = -1
    cdef int64_t order_id = 0
    c.p = PyBytes_AS_STRING(body)
    c.end = c.p + PyBytes_GET_SIZE(body)
    memset(&o, 0, sizeof(o))
    if not take_object(&c, &o, NULL, True) or c.p != c.end or o.at[<int>c's'].p == NULL:
        return None
    if not number(&o.at[<int>c'i'], 0, &order_id) or order_id <= 0 or o.at[<int>c'e'].p != NULL:
        return None
    symbol = word(&o.at[<int>c's'])
    instrument = scales(symbol)
    if instrument is not None:
        price_exponent, qty_exponent = instrument.price_exponent, instrument.qty_exponent
    status, client_id = word(&o.at[<int>c'X']), word(&o.at[<int>c'c'])
    return _event(
        source=source,
        execution=execution,
        status=_statuses.get(status),
        symbol=symbol,
        client_order_id=client_id,
        order_id=order_id,
        side=_sides.get(word(&o.at[<int>c'S'])),
        order_type=_types.get(word(&o.at[<int>c'o'])),
        time_in_force=_times.get(word(&o.at[<int>c'f'])),
        position_side=_position_sides.get(word(&o.at[PS]), _both),
        reduce_only=is_true(&o.at[<int>c'R']),
        price_e=positive(&o.at[<int>c'p'], price_exponent),
        qty_e=scaled(&o.at[<int>c'q'], qty_exponent),
        filled_qty_e=scaled(&o.at[<int>c'z'], qty_exponent),
        average=price_text(&o.at[AP]),
        stop_price_e=positive(&o.at[SP], price_exponent),
        reason=_reasons.get(status, _none),
        liquidation=client_id.startswith(_liquidations),
        venue_ns=stamp(&o.at[<int>c'T']) or stamp(&o.at[<int>c't']),
    )
