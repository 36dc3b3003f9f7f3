"""What Binance USD-M says most about orders, from the bytes: ORDER_TRADE_UPDATE of the private stream (alone or wrapped,
``{"stream":…,"data":…}``), and an order as answers show it.

Taken here: what has no blanks, escapes and no nesting beyond ``o``, ASCII, integers as numbers, keys in any order.
Everything else is left to ``connector.venues.binance_usdm``, ``user`` and ``answers``; both say the same of everything
that is taken here. ``Reader`` gives the same without a Python object, of what happens to orders all day, and of
TRADE_LITE.
"""
cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int64_t
from libc.string cimport memcmp, memset

from .atomics cimport likely, unlikely
from .layout cimport CONNECTOR_ABSENT
from .layout_orders cimport (
    ORDER_CANCELLED, ORDER_EXPIRED, ORDER_FILLED, ORDER_NEW, ORDER_PARTIALLY_FILLED, REPORT_MAKER, REPORT_TAKER,
)
from .order_reader cimport (
    HAPPENED_AMENDED, HAPPENED_CANCELLED, HAPPENED_EXPIRED, HAPPENED_NEW, HAPPENED_TRADE, OrderReader, Told, UNSAID,
)
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
cdef tuple _liquidations, _liquidation_bytes = ()
cdef int64_t _last_ms
cdef int[128] _expiry             # EndReason by the one character of `er`
cdef int _command = 0, _good_till = 0


def use_model(*, event, both, none, statuses, sides, types, times, position_sides, reasons, liquidations, last_ms):
    """Give the package's classes, enums and tables; ``answers`` does so when it is imported."""
    global _event, _both, _none, _statuses, _sides, _types, _times, _position_sides, _reasons, _liquidations, _last_ms
    global _liquidation_bytes
    _event, _both, _none = event, both, none
    _statuses, _sides, _types, _times, _position_sides, _reasons = statuses, sides, types, times, position_sides, reasons
    _liquidations, _last_ms = liquidations, last_ms
    _liquidation_bytes = tuple([begin.encode() for begin in liquidations])


def use_stream(*, source, trade, state, executions, reason, expiry, command, good_till):
    """The same for the private stream; ``user`` does so. ``command``, ``good_till``: reasons that `er` does not say."""
    global _source, _trade, _state, _executions, _reason, _command, _good_till
    _source, _trade, _state, _executions, _reason = source, trade, state, executions, reason
    _command, _good_till = command, good_till
    for code, found in expiry.items():
        if len(code) != 1:
            raise ValueError(f"a reason of {code!r}")
        _expiry[<int>ord(code) & 127] = found


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
    if c.p[0] < c'A':             # no word
        if unlikely(take_integer(c, &number) != NUMBER_OK):
            return False
    elif take(c, b"null", 4):
        return True
    elif not take(c, b"true", 4) and not take(c, b"false", 5):
        return False
    out.p, out.size = begin, c.p - begin
    return True


# A key and its colon.
cdef inline bint take_key(Cursor* c, const char** key, Py_ssize_t* size) noexcept nogil:
    cdef const char* p = c.p
    cdef bint wide = False
    if likely(c.end - p >= 4 and p[2] == c'"' and p[3] == c':' and p[0] == c'"' and c'a' <= p[1] | 32 <= c'z'):
        key[0], size[0] = p + 1, 1
        c.p = p + 4
        return True
    return take_text(c, key, size, &wide) and not wide and take(c, b":", 1)


# An object's scalars; what is nested in `nested` under the key "o".
cdef bint take_object(Cursor* c, Fields* fields, Fields* nested, bint answer) noexcept nogil:
    cdef const char* key = NULL
    cdef Py_ssize_t size = 0
    cdef bint seen = False
    cdef Token value
    cdef int at
    if unlikely(not take(c, b"{", 1)):
        return False
    while True:
        if unlikely(not take_key(c, &key, &size)):
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
    """As it is written; "" when it is nothing but zeros, or no price."""
    cdef Py_ssize_t i, point = -1
    cdef bint something = False
    for i in range(token.size):
        if token.p[i] == c'.' and point < 0 < i:
            point = i
        elif not c'0' <= token.p[i] <= c'9':
            return ""
        elif token.p[i] != c'0':
            something = True
    return word(token) if something else ""


# A whole frame: what is around the order, and the order.
cdef bint take_frame(const char* frame, Py_ssize_t length, Fields* head, Fields* o) noexcept nogil:
    cdef Cursor c
    cdef const char* text = NULL
    cdef Py_ssize_t size = 0
    cdef bint wide = False, wrapped
    c.p, c.end = frame, frame + length
    memset(head, 0, sizeof(Fields))
    memset(o, 0, sizeof(Fields))
    wrapped = take(&c, b'{"stream":', 10)
    if wrapped and not (take_text(&c, &text, &size, &wide) and not wide and take(&c, b',"data":', 8)):
        return False
    return take_object(&c, head, o, False) and (not wrapped or take(&c, b"}", 1)) and c.p == c.end


cdef inline bint says(const Token* token, const char* text, Py_ssize_t size) noexcept nogil:
    return token.size == size and memcmp(token.p, text, size) == 0


def traded(bytes frame not None, scales):
    """The OrderEvent of an ORDER_TRADE_UPDATE; None: it is another frame, or one for the other reader.

    ``scales`` gives the instrument of a symbol, or None."""
    cdef Fields head, o
    cdef bint fill
    cdef int price_exponent = -1, qty_exponent = -1
    cdef int64_t order_id = 0, trade_id = 0
    if not take_frame(PyBytes_AS_STRING(frame), PyBytes_GET_SIZE(frame), &head, &o):
        return None
    if not says(&head.at[<int>c'e'], b"ORDER_TRADE_UPDATE", 18):
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


cdef inline int64_t told(const Token* token, int exponent) noexcept nogil:
    """As ``scaled``."""
    cdef int64_t found = 0
    return found if number(token, exponent, &found) else CONNECTOR_ABSENT


cdef inline int64_t told_positive(const Token* token, int exponent) noexcept nogil:
    cdef int64_t found = 0
    return found if number(token, exponent, &found) and found > 0 else CONNECTOR_ABSENT


# An average price and its scale, zeros at its end left out; nothing at all is said by zeros. False: not for here.
cdef bint take_average(const Token* token, Told* out) noexcept nogil:
    cdef Py_ssize_t i, point = -1, digits = 0
    cdef bint something = False
    out.average, out.average_size, out.average_e, out.average_exponent = NULL, 0, 0, 0
    for i in range(token.size):
        if token.p[i] == c'.' and point < 0:
            point = i
        elif not c'0' <= token.p[i] <= c'9':
            return False
        elif token.p[i] != c'0':
            something = True
            digits = i - point if point >= 0 else 0
    if not something:
        return True
    out.average, out.average_size, out.average_exponent = token.p, token.size, <int>digits
    return digits <= 18 and number(token, <int>digits, &out.average_e)


@cython.final
cdef class Reader(OrderReader):
    """ORDER_TRADE_UPDATE and TRADE_LITE as plain numbers, as ``user.decode`` understands them."""

    cdef Fields head, o           # of the frame that was looked at last

    cdef bint look(self, const char* frame, Py_ssize_t size, Told* out) noexcept:
        cdef const Fields* o = &self.o
        cdef const Token* token
        cdef bytes begin
        if not take_frame(frame, size, &self.head, &self.o):
            return False
        if says(&self.head.at[<int>c'e'], b"TRADE_LITE", 10):
            o = &self.head
            out.happened, out.status = HAPPENED_TRADE, UNSAID
        elif not says(&self.head.at[<int>c'e'], b"ORDER_TRADE_UPDATE", 18) or not self.happened(out):
            return False
        token = &o.at[<int>c's']
        out.symbol, out.symbol_size = token.p, token.size
        if token.p == NULL or not number(&o.at[<int>c'i'], 0, &out.order_id) or out.order_id <= 0:
            return False
        out.venue_order_id, out.venue_order_id_size = NULL, 0
        token = &o.at[<int>c'c']
        out.name, out.name_size = token.p, token.size
        if says(&o.at[<int>c'o'], b"LIQUIDATION", 11):
            return False
        for begin in _liquidation_bytes:
            if token.size >= PyBytes_GET_SIZE(begin) and memcmp(token.p, PyBytes_AS_STRING(begin), PyBytes_GET_SIZE(begin)) == 0:
                return False
        return True

    cdef bint happened(self, Told* out) noexcept nogil:
        """Execution and status where the two are as they are all day."""
        cdef const Token* x = &self.o.at[<int>c'x']
        cdef const Token* status = &self.o.at[<int>c'X']
        if says(status, b"NEW", 3):
            out.status = ORDER_NEW
        elif says(status, b"PARTIALLY_FILLED", 16):
            out.status = ORDER_PARTIALLY_FILLED
        elif says(status, b"FILLED", 6):
            out.status = ORDER_FILLED
        elif says(status, b"CANCELED", 8):
            out.status = ORDER_CANCELLED
        elif says(status, b"EXPIRED", 7):
            out.status = ORDER_EXPIRED
        else:
            return False
        if says(x, b"TRADE", 5):
            out.happened = HAPPENED_TRADE
        elif says(x, b"NEW", 3):
            out.happened = HAPPENED_NEW
        elif says(x, b"CANCELED", 8):
            out.happened = HAPPENED_CANCELLED
        elif says(x, b"EXPIRED", 7):
            out.happened = HAPPENED_EXPIRED
        elif says(x, b"AMENDMENT", 9):
            out.happened = HAPPENED_AMENDED
        else:
            return False
        return True

    cdef bint read(self, int price_exponent, int qty_exponent, Told* out) noexcept:
        cdef bint short_notice = out.status == UNSAID
        cdef const Fields* o = &self.head if short_notice else &self.o
        cdef const Token* token
        cdef Token nothing
        nothing.p, nothing.size = NULL, 0
        out.told_ns = stamp(&self.head.at[<int>c'T'])
        if out.told_ns == 0 and not short_notice:
            out.told_ns = stamp(&o.at[<int>c'T'])
        if out.told_ns == 0:
            out.told_ns = stamp(&self.head.at[<int>c'E'])
        out.qty_e = told(&o.at[<int>c'q'], qty_exponent)
        out.reason = 0
        out.liquidity = 0
        out.trade_id = out.last_price_e = out.fee_e = out.realised_e = CONNECTOR_ABSENT
        out.last_qty_e, out.fee_asset, out.fee_asset_size = 0, NULL, 0
        out.venue_trade_id, out.venue_trade_id_size = NULL, 0
        if short_notice:              # "p" is there, but nobody says of what moment
            out.price_e = out.stop_price_e = out.filled_qty_e = CONNECTOR_ABSENT
            take_average(&nothing, out)
        else:
            out.price_e = told_positive(&o.at[<int>c'p'], price_exponent)
            out.stop_price_e = told_positive(&o.at[SP], price_exponent)
            out.filled_qty_e = told(&o.at[<int>c'z'], qty_exponent)
            if not take_average(&o.at[AP], out) or not self.because(out):
                return False
        if out.happened != HAPPENED_TRADE:
            return True
        out.trade_id = told_positive(&o.at[<int>c't'], 0)
        out.last_qty_e = told_positive(&o.at[<int>c'l'], qty_exponent)
        out.last_price_e = told_positive(&o.at[<int>c'L'], price_exponent)
        token = &o.at[<int>c'm']
        out.liquidity = REPORT_MAKER if is_true(token) else REPORT_TAKER if is_false(token) else 0
        if not short_notice:
            out.fee_e = told(&o.at[<int>c'n'], MONEY_EXPONENT)
            out.realised_e = told(&o.at[RP], MONEY_EXPONENT)
            token = &o.at[<int>c'N']
            out.fee_asset, out.fee_asset_size = token.p, token.size
        return True

    cdef bint because(self, Told* out) noexcept nogil:
        """Why an order ended, as ``user._reason``."""
        cdef const Token* er = &self.o.at[ER]
        if er.size == 1:
            out.reason = _expiry[er.p[0] & 127]
        elif er.size > 1:
            return False
        if out.reason == 0 and out.happened == HAPPENED_CANCELLED:
            out.reason = _command
        elif out.reason == 0 and out.happened == HAPPENED_EXPIRED and says(&self.o.at[<int>c'f'], b"GTD", 3):
            out.reason = _good_till
        return True
