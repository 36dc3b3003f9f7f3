"""What Phemex's private stream says most about orders, from the bytes: section 7 of the venue's reference.

Of both families of contracts: ``orders`` with integers in the venue's scales, ``orders_p`` with decimals as texts. Taken
here are incremental messages of one family, without blanks, escapes and nesting, ASCII, keys in any order; of their entries
acknowledgements, fills, cancels, what the engine ended, and orders that were put back amended. Everything else is left to
``connector.venues.phemex.user``; both say the same of everything that is taken here.
"""
cimport cython
from libc.stdint cimport int64_t
from libc.string cimport memcmp

from .atomics cimport unlikely
from .layout cimport CONNECTOR_ABSENT
from .layout_orders cimport (
    ORDER_CANCELLED, ORDER_EXPIRED, ORDER_FILLED, ORDER_NEW, ORDER_PARTIALLY_FILLED, REPORT_MAKER, REPORT_TAKER,
)
from .order_reader cimport (
    HAPPENED_AMENDED, HAPPENED_CANCELLED, HAPPENED_EXPIRED, HAPPENED_NEW, HAPPENED_TRADE, OrderReader, Told,
)
from .rows_phemex cimport (
    ACCOUNT_FIELDS, BALANCE, ENTRY_PRICE, HELD, HELD_TIME, LEVERAGE, POSITION_FIELDS, POSITION_SIDE, REALISED, SIDE, SIZE,
    UNREALISED, USED, balance_of, money, position_of,
)
from .scalars cimport (
    Layout, NOTHING, Names, Token, add_name, decimal, pass_scalar, says, take_fields, whole,
)
from .scan cimport NUMBER_OK, Cursor, take, take_integer, take_text

cdef enum:
    SYMBOL
    CURRENCY
    ORDER_ID
    CLIENT_ID
    ACTION
    ACTION_BY
    ACTION_TIME
    TIME
    EXECUTION
    EXECUTION_ID
    STATUS
    KIND                          # tradeType
    TIME_IN_FORCE
    LAST_QTY
    LAST_PRICE
    FEE
    PRICE
    QTY
    FILLED
    PROFIT
    STOP
    CODE
    ENGINE                        # cxlRejReason
    FIELDS

cdef enum:
    CONTRACT = 1
    HEDGED = 2
    BOTH = 3
    ACCOUNTS = 0
    ORDERS = 1
    POSITIONS = 2
    ENTRIES = 32                  # of one message; more are for the other reader
    ROWS = 8                      # of accounts, and of positions: likewise
    LISTED = 8                    # codes of a list

cdef struct Entry:
    Token at[FIELDS]

cdef Names _names


cdef int name(const char* text, Py_ssize_t size, int place, int family):
    add_name(&_names, text, size, place, family)
    return 0

name(b"symbol", 6, SYMBOL, BOTH)
name(b"currency", 8, CURRENCY, BOTH)
name(b"orderID", 7, ORDER_ID, BOTH)
name(b"clOrdID", 7, CLIENT_ID, BOTH)
name(b"action", 6, ACTION, BOTH)
name(b"actionBy", 8, ACTION_BY, BOTH)
name(b"actionTimeNs", 12, ACTION_TIME, BOTH)
name(b"transactTimeNs", 14, TIME, BOTH)
name(b"execStatus", 10, EXECUTION, BOTH)
name(b"execID", 6, EXECUTION_ID, BOTH)
name(b"ordStatus", 9, STATUS, BOTH)
name(b"tradeType", 9, KIND, BOTH)
name(b"timeInForce", 11, TIME_IN_FORCE, BOTH)
name(b"execQty", 7, LAST_QTY, BOTH)
name(b"execPriceEp", 11, LAST_PRICE, CONTRACT)
name(b"execPriceRp", 11, LAST_PRICE, HEDGED)
name(b"execFeeEv", 9, FEE, CONTRACT)
name(b"execFeeRv", 9, FEE, HEDGED)
name(b"priceEp", 7, PRICE, CONTRACT)
name(b"priceRp", 7, PRICE, HEDGED)
name(b"orderQty", 8, QTY, BOTH)
name(b"cumQty", 6, FILLED, BOTH)
name(b"closedPnlEv", 11, PROFIT, CONTRACT)
name(b"closedPnlRv", 11, PROFIT, HEDGED)
name(b"stopPxEp", 8, STOP, CONTRACT)
name(b"stopPxRp", 8, STOP, HEDGED)
name(b"code", 4, CODE, BOTH)
name(b"cxlRejReason", 12, ENGINE, BOTH)

cdef Names _accounts, _positions

cdef int names(Names* table, const char* contract, const char* hedged, Py_ssize_t size, int place):
    """What both families have, each by its name."""
    add_name(table, contract, size, place, CONTRACT)
    add_name(table, hedged, size, place, HEDGED)
    return 0

add_name(&_accounts, b"currency", 8, 0, BOTH)
names(&_accounts, b"accountBalanceEv", b"accountBalanceRv", 16, BALANCE)
names(&_accounts, b"totalUsedBalanceEv", b"totalUsedBalanceRv", 18, USED)
add_name(&_positions, b"currency", 8, 0, BOTH)
add_name(&_positions, b"symbol", 6, HELD, BOTH)
add_name(&_positions, b"side", 4, SIDE, BOTH)
add_name(&_positions, b"size", 4, SIZE, BOTH)
names(&_positions, b"avgEntryPriceEp", b"avgEntryPriceRp", 15, ENTRY_PRICE)
names(&_positions, b"leverageEr", b"leverageRr", 10, LEVERAGE)
names(&_positions, b"unrealisedPnlEv", b"unrealisedPnlRv", 15, UNREALISED)
names(&_positions, b"cumClosedPnlEv", b"cumClosedPnlRv", 14, REALISED)
add_name(&_positions, b"transactTimeNs", 14, HELD_TIME, BOTH)
add_name(&_positions, b"posSide", 7, POSITION_SIDE, BOTH)

cdef list _forced = []            # of bytes
cdef bytes _nobody_bytes = b""
cdef int64_t[LISTED] _reduce_only
cdef int _reduce_only_count = 0
cdef int _post_only, _not_fillable, _remainder, _reduces, _liquidation, _command, _venue


def use_model(*, nobody, forced, reduce_only, reasons):
    """Give the package's words, codes and reasons; ``user`` does so when it is imported."""
    global _nobody_bytes, _forced, _reduce_only_count
    global _post_only, _not_fillable, _remainder, _reduces, _liquidation, _command, _venue
    cdef int i
    if len(reduce_only) > LISTED:
        raise ValueError(f"more than {LISTED} codes")
    _nobody_bytes, _forced = nobody.encode("ascii"), [word.encode("ascii") for word in forced]
    for i, code in enumerate(sorted(reduce_only)):
        _reduce_only[i] = code
    _reduce_only_count = len(reduce_only)
    _post_only, _not_fillable, _remainder = reasons["POST_ONLY"], reasons["NOT_FILLABLE"], reasons["REMAINDER"]
    _reduces, _liquidation = reasons["REDUCE_ONLY"], reasons["LIQUIDATION"]
    _command, _venue = reasons["COMMAND"], reasons["VENUE"]


cdef inline bint is_one_of(const Token* token, list words) noexcept:
    cdef bytes one
    for one in words:
        if says(token, one, len(one)):
            return True
    return False


cdef inline bint is_name(const Token* token) noexcept:
    """An id, and not nobody's."""
    return token.p != NULL and not says(token, _nobody_bytes, len(_nobody_bytes))


cdef inline int kind_of(const char* key, Py_ssize_t size) noexcept nogil:
    if size == 6 and memcmp(key, b"orders", 6) == 0:
        return ORDERS
    if size == 8 and memcmp(key, b"accounts", 8) == 0:
        return ACCOUNTS
    return POSITIONS if size == 9 and memcmp(key, b"positions", 9) == 0 else NOTHING


@cython.auto_pickle(False)
@cython.final
cdef class Reader(OrderReader):
    """Messages of the private stream as plain numbers, as ``user.decode`` understands them."""

    cdef Entry[ENTRIES] entries   # of the message that was looked at last
    cdef Layout[3][2] layouts     # of accounts, orders and positions, by family
    cdef Token[ROWS][ACCOUNT_FIELDS] accounts
    cdef Token[ROWS][POSITION_FIELDS] positions
    cdef int account_count, position_count
    cdef bint filled              # a fill was told of
    cdef int family, told_of
    cdef int64_t venue_ns

    cdef bint look(self, const char* frame, Py_ssize_t size, Told* out) noexcept:
        cdef int i
        cdef const Entry* e
        self.told_of = 0
        if not self.take_message(frame, size) or self.count == 0:
            return False
        for i in range(self.count):   # else the whole message is none, or its events are otherwise numbered
            e = &self.entries[i]
            if e.at[SYMBOL].p == NULL or says(&e.at[KIND], b"Funding", 7):
                return False
            if e.at[CLIENT_ID].p == NULL and not is_name(&e.at[ORDER_ID]):
                return False
        return self.next(out)

    cdef bint take_message(self, const char* frame, Py_ssize_t length) noexcept nogil:
        cdef Cursor c
        cdef const char* key = NULL
        cdef const char* text = NULL
        cdef Py_ssize_t size = 0, text_size = 0
        cdef bint wide = False, incremental = False, timed = False, rows
        cdef int family, kind, families = 0, seen = 0
        c.p, c.end = frame, frame + length
        self.count, self.more, self.filled, self.venue_ns = 0, False, False, 0
        self.account_count = self.position_count = 0
        if unlikely(not take(&c, b"{", 1)):
            return False
        while True:
            if unlikely(not take_text(&c, &key, &size, &wide) or wide or not take(&c, b":", 1)):
                return False
            family = CONTRACT
            if size > 2 and key[size - 1] == c'p' and key[size - 2] == c'_':
                family = HEDGED
                size -= 2
            kind = kind_of(key, size)
            if kind >= 0:
                if unlikely(seen >> (kind * 4 + family) & 1):
                    return False
                seen |= 1 << (kind * 4 + family)
                rows = False
                if unlikely(not self.take_rows(&c, family, kind, &rows)):
                    return False
                if rows:
                    families |= family
                    self.more |= kind != ORDERS
            elif unlikely(family == HEDGED):
                return False
            elif size == 4 and memcmp(key, b"type", 4) == 0:
                if unlikely(incremental or not take_text(&c, &text, &text_size, &wide) or wide):
                    return False
                if unlikely(text_size != 11 or memcmp(text, b"incremental", 11) != 0):
                    return False
                incremental = True
            elif size == 9 and memcmp(key, b"timestamp", 9) == 0:
                if unlikely(timed or take_integer(&c, &self.venue_ns) != NUMBER_OK):
                    return False
                timed = True
            elif size == 8 and memcmp(key, b"sequence", 8) == 0 or size == 7 and memcmp(key, b"version", 7) == 0:
                if unlikely(not pass_scalar(&c)):
                    return False
            else:
                return False
            if take(&c, b",", 1):
                continue
            self.family = families
            return take(&c, b"}", 1) and c.p == c.end and incremental and families != BOTH

    cdef bint take_rows(self, Cursor* c, int family, int kind, bint* some) noexcept nogil:
        cdef Token* fields
        cdef const Names* known
        cdef int places
        if unlikely(not take(c, b"[", 1)):
            return False
        if take(c, b"]", 1):
            return True
        some[0] = True
        while True:
            if kind == ORDERS:
                if unlikely(self.count == ENTRIES):
                    return False
                fields, places, known = self.entries[self.count].at, FIELDS, &_names
                self.count += 1
            elif kind == ACCOUNTS:
                if unlikely(self.account_count == ROWS):
                    return False
                fields, places, known = self.accounts[self.account_count], ACCOUNT_FIELDS, &_accounts
                self.account_count += 1
            else:
                if unlikely(self.position_count == ROWS):
                    return False
                fields, places, known = self.positions[self.position_count], POSITION_FIELDS, &_positions
                self.position_count += 1
            if unlikely(not take_fields(c, fields, places, known, family, &self.layouts[kind][family - 1])):
                return False
            if take(c, b",", 1):
                continue
            return take(c, b"]", 1)

    cdef bint next(self, Told* out) noexcept:
        cdef const Entry* e = &self.entries[self.told_of]
        cdef const Token* token = &e.at[ORDER_ID]
        if self.told_of >= self.count or not is_name(token) or is_one_of(&e.at[KIND], _forced):
            return False
        self.told_of += 1
        out.order_id = CONNECTOR_ABSENT
        out.venue_order_id, out.venue_order_id_size = token.p, token.size
        out.symbol, out.symbol_size = e.at[SYMBOL].p, e.at[SYMBOL].size
        out.name, out.name_size = e.at[CLIENT_ID].p, e.at[CLIENT_ID].size
        return self.happened(e, out)

    cdef bint happened(self, const Entry* e, Told* out) noexcept:
        """Execution and status, as ``user._meaning``: from the top of the table of section 7.5."""
        cdef const Token* status = &e.at[STATUS]
        cdef const Token* x = &e.at[EXECUTION]
        cdef bint maker = says(x, b"MakerFill", 9), replaced = says(&e.at[ACTION], b"Replace", 7)
        cdef int64_t engine = 0
        if says(status, b"New", 3):
            out.status = ORDER_NEW
        elif says(status, b"PartiallyFilled", 15):
            out.status = ORDER_PARTIALLY_FILLED
        elif says(status, b"Filled", 6):
            out.status = ORDER_FILLED
        elif says(status, b"Canceled", 8):
            out.status = ORDER_CANCELLED
        else:
            return False
        out.liquidity = 0
        if (maker or says(x, b"TakerFill", 9)) and is_name(&e.at[EXECUTION_ID]):
            out.happened, out.liquidity = HAPPENED_TRADE, REPORT_MAKER if maker else REPORT_TAKER
            self.filled = True
            return out.status == ORDER_PARTIALLY_FILLED or out.status == ORDER_FILLED
        if out.status == ORDER_CANCELLED:
            if not whole(&e.at[ENGINE], &engine):
                return False
            if (says(x, b"Aborted", 7) or says(x, b"Expired", 7)) and (
                not replaced or (engine != 0 and engine != CONNECTOR_ABSENT)
            ):
                out.happened, out.status = HAPPENED_EXPIRED, ORDER_EXPIRED
                return True
            out.happened = HAPPENED_CANCELLED
            return not replaced       # else taken off to be put back
        if out.status == ORDER_FILLED:
            return False
        if says(x, b"Replaced", 8) or says(x, b"ReAdded", 7) or (replaced and says(x, b"New", 3)):
            out.happened = HAPPENED_AMENDED
            return True
        out.happened = HAPPENED_NEW
        return out.status == ORDER_NEW and says(x, b"New", 3)

    cdef bint read(self, int price_exponent, int qty_exponent, Told* out) noexcept:
        cdef const Entry* e = &self.entries[self.told_of - 1]
        cdef const Token* token
        if not self.price(&e.at[PRICE], price_exponent, &out.price_e):
            return False
        if not self.price(&e.at[STOP], price_exponent, &out.stop_price_e):
            return False
        if not self.quantity(&e.at[QTY], qty_exponent, &out.qty_e):
            return False
        if not self.quantity(&e.at[FILLED], qty_exponent, &out.filled_qty_e):
            return False
        out.average, out.average_size, out.average_e, out.average_exponent = NULL, 0, 0, 0
        out.trade_id = out.last_price_e = out.fee_e = out.realised_e = CONNECTOR_ABSENT
        out.venue_trade_id, out.venue_trade_id_size = NULL, 0
        out.last_qty_e, out.fee_asset, out.fee_asset_size = 0, NULL, 0
        if not whole(&e.at[TIME], &out.told_ns):
            return False
        if out.told_ns == 0 or out.told_ns == CONNECTOR_ABSENT:
            if not whole(&e.at[ACTION_TIME], &out.told_ns):
                return False
            if out.told_ns == 0 or out.told_ns == CONNECTOR_ABSENT:
                out.told_ns = self.venue_ns
        if not self.because(e, out):
            return False
        if out.happened != HAPPENED_TRADE:
            return True
        token = &e.at[EXECUTION_ID]
        out.venue_trade_id, out.venue_trade_id_size = token.p, token.size
        if not self.quantity(&e.at[LAST_QTY], qty_exponent, &out.last_qty_e) or out.last_qty_e <= 0:
            return False
        if not self.price(&e.at[LAST_PRICE], price_exponent, &out.last_price_e):
            return False
        token = &e.at[CURRENCY]
        out.fee_asset, out.fee_asset_size = token.p, token.size
        return money(&e.at[FEE], token, self.family == HEDGED, &out.fee_e) and money(
            &e.at[PROFIT], token, self.family == HEDGED, &out.realised_e
        )

    cdef object besides(self, scales):
        cdef int i
        cdef list found = []
        cdef object event
        for i in range(self.account_count):
            event = balance_of(self.accounts[i], self.family == HEDGED, self.venue_ns, self.filled)
            if event is NotImplemented:
                return None
            if event is not None:
                found.append(event)
        for i in range(self.position_count):
            event = position_of(self.positions[i], self.family == HEDGED, scales)
            if event is NotImplemented:
                return None
            if event is not None:
                found.append(event)
        return found

    cdef inline bint price(self, const Token* token, int exponent, int64_t* out) noexcept nogil:
        """0 stands where there is none."""
        if not (whole(token, out) if self.family == CONTRACT else decimal(token, exponent, out)):
            return False
        if out[0] <= 0:
            out[0] = CONNECTOR_ABSENT
        return True

    cdef inline bint quantity(self, const Token* token, int exponent, int64_t* out) noexcept nogil:
        if not (whole(token, out) if self.family == CONTRACT else decimal(token, exponent, out)):
            return False
        return out[0] >= 0 or out[0] == CONNECTOR_ABSENT

    cdef bint because(self, const Entry* e, Told* out) noexcept nogil:
        """Why an order ended, as ``user._reason``."""
        cdef const Token* by = &e.at[ACTION_BY]
        cdef int64_t engine = 0, code = 0
        cdef int i
        out.reason = 0
        if out.status != ORDER_CANCELLED and out.status != ORDER_EXPIRED:
            return True
        if not whole(&e.at[ENGINE], &engine) or not whole(&e.at[CODE], &code):
            return False
        if engine == 101:
            out.reason = _post_only
            return True
        if engine == 100:
            out.reason = _not_fillable if says(&e.at[TIME_IN_FORCE], b"FillOrKill", 10) else _remainder
            return True
        for i in range(_reduce_only_count):
            if code == _reduce_only[i]:
                out.reason = _reduces
                return True
        if says(&e.at[ACTION], b"LiqRequest", 10):
            out.reason = _liquidation
        elif says(&e.at[ACTION], b"Cancel", 6) or says(&e.at[ACTION], b"CancelAll", 9):
            out.reason = _command if by.p == NULL or says(by, b"ByUser", 6) else _venue
        elif out.status == ORDER_EXPIRED and says(&e.at[TIME_IN_FORCE], b"ImmediateOrCancel", 17):
            out.reason = _remainder
        else:
            out.reason = _venue
        return True
