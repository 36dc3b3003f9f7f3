"""What the numbers in a journal's entries of earlier runs are in this one: of accounts, places in the directory and
venues, and of prices and quantities where an instrument has another scale now.

Only the journal knows what a number meant: each run begins with a CHECKPOINT, which names the accounts by number, and
an INSTRUMENT_CHANGE stands before the first entry that names a place.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport INT64_MAX, int64_t

from .layout cimport (
    CONNECTOR_ABSENT, InstrumentEntry, RECORD_ACCOUNT_CONFIG,
    RECORD_BALANCE_UPDATE, RECORD_CHECKPOINT, RECORD_COMMAND_ANSWER, RECORD_FILL_DETAIL, RECORD_MARGIN_CALL,
    RECORD_ORDER_REPORT, RECORD_POSITION_UPDATE, RECORD_SNAPSHOT_BEGIN, RecordHeader,
)
from .layout_orders cimport (
    AccountConfigBody, CommandAnswerBody, FillDetailBody, MarginCallBody, OrderReportBody, PositionUpdateBody,
)

cdef enum:
    DIGITS = 18                   # 10^18 fits 63 bits

    FIELD_PRICE = 6               # connector.model.reports.Field
    FIELD_QUANTITY = 7
    FIELD_STOP_PRICE = 13
    FIELD_ACTIVATION_PRICE = 20


# False: it is not exact in the other scale, or does not fit; then it stays as it is.
cdef bint shift(int64_t* value, int digits) noexcept nogil:
    cdef int64_t factor = 1
    cdef int turn, turns = digits if digits > 0 else -digits
    if digits == 0 or value[0] == 0 or value[0] == CONNECTOR_ABSENT:
        return True
    if turns > DIGITS:
        return False
    for turn in range(turns):
        factor *= 10
    if digits < 0:
        if value[0] % factor:
            return False
        value[0] = value[0] // factor
        return True
    if value[0] > INT64_MAX // factor or value[0] < -(INT64_MAX // factor):
        return False
    value[0] *= factor
    return True


# A report's prices and quantities in another scale, all or none.
cdef bint rescale(RecordHeader* record, int price, int qty) noexcept nogil:
    cdef void* body = record + 1
    cdef OrderReportBody order
    cdef FillDetailBody detail
    cdef PositionUpdateBody position
    cdef MarginCallBody call
    cdef CommandAnswerBody answer
    cdef bint whole = True
    cdef int digits
    if price == 0 and qty == 0:
        return True
    if record.type == RECORD_ORDER_REPORT:
        order = (<OrderReportBody*>body)[0]
        whole = (
            shift(&order.price_e, price) and shift(&order.last_price_e, price) and shift(&order.stop_price_e, price)
            and shift(&order.qty_e, qty) and shift(&order.filled_qty_e, qty) and shift(&order.last_qty_e, qty)
        )
        if whole:
            (<OrderReportBody*>body)[0] = order
    elif record.type == RECORD_FILL_DETAIL:
        detail = (<FillDetailBody*>body)[0]
        whole = shift(&detail.last_price_e, price) and shift(&detail.last_qty_e, qty)
        if whole:
            (<FillDetailBody*>body)[0] = detail
    elif record.type == RECORD_POSITION_UPDATE:
        position = (<PositionUpdateBody*>body)[0]
        whole = shift(&position.qty_e, qty) and shift(&position.own_qty_e, qty)
        if whole:
            (<PositionUpdateBody*>body)[0] = position
    elif record.type == RECORD_MARGIN_CALL:
        call = (<MarginCallBody*>body)[0]
        whole = shift(&call.qty_e, qty)
        if whole:
            (<MarginCallBody*>body)[0] = call
    elif record.type == RECORD_COMMAND_ANSWER:
        answer = (<CommandAnswerBody*>body)[0]
        digits = 0
        if answer.field == FIELD_PRICE or answer.field == FIELD_STOP_PRICE or answer.field == FIELD_ACTIVATION_PRICE:
            digits = price
        elif answer.field == FIELD_QUANTITY:
            digits = qty
        whole = shift(&answer.value_e, digits) and shift(&answer.limit_e, digits)
        if whole:
            (<CommandAnswerBody*>body)[0] = answer
    return whole


cdef size_t body_bytes(int type) noexcept nogil:
    if type == RECORD_ORDER_REPORT:
        return sizeof(OrderReportBody)
    if type == RECORD_FILL_DETAIL:
        return sizeof(FillDetailBody)
    if type == RECORD_POSITION_UPDATE:
        return sizeof(PositionUpdateBody)
    if type == RECORD_MARGIN_CALL:
        return sizeof(MarginCallBody)
    if type == RECORD_ACCOUNT_CONFIG:
        return sizeof(AccountConfigBody)
    return sizeof(CommandAnswerBody) if type == RECORD_COMMAND_ANSWER else 0


cdef class Renumbering:
    """Reads a journal's entries of earlier runs, in order.

    ``accounts``: this run's, name -> (number, number of its venue). ``names`` gives the names by number from the body
    of a CHECKPOINT. ``place`` gives the place that the instrument of an ``InstrumentEntry`` has in this run's
    directory, None: it cannot have one; ``describe`` the entry of a place."""

    def __init__(self, accounts, names, place, describe):
        self.accounts, self.names, self.place, self.describe = dict(accounts), names, place, describe
        self.forget()

    def forget(self):
        """What numbers mean is not known any more, until the next CHECKPOINT."""
        self.numbered, self.described, self.placed = [], {}, {}

    cdef int learn(self, const RecordHeader* entry) except -1:
        """A CHECKPOINT or an INSTRUMENT_CHANGE."""
        cdef bytes body = PyBytes_FromStringAndSize(<const char*>(entry + 1), entry.length - sizeof(RecordHeader))
        if entry.type == RECORD_CHECKPOINT:
            self.forget()
            self.numbered = [self.accounts.get(name) for name in self.names(body)]
        elif PyBytes_GET_SIZE(body) >= <Py_ssize_t>sizeof(InstrumentEntry):
            self.described[entry.instrument] = body[:sizeof(InstrumentEntry)]
            self.placed.pop(entry.instrument, None)
        return 0

    cdef object placed_now(self, object index):
        cdef const InstrumentEntry* then
        cdef const InstrumentEntry* now
        cdef bytes before, after
        cdef object found = None, number = None
        if index in self.placed:
            return self.placed[index]
        before = self.described.get(index)
        if before is not None:
            number = self.place(before)
        if number is not None:
            after = self.describe(number)
            then = <const InstrumentEntry*>PyBytes_AS_STRING(before)
            now = <const InstrumentEntry*>PyBytes_AS_STRING(after)
            found = (
                number, now.venue, now.price_exponent - then.price_exponent, now.qty_exponent - then.qty_exponent,
            )
        self.placed[index] = found
        return found

    cdef bint translate(self, RecordHeader* record) except -1:
        """Give a report this run's numbers; False: its account or its instrument has none, and says so."""
        cdef int type = record.type
        cdef bint whole = True
        cdef object account, place
        if type >= RECORD_SNAPSHOT_BEGIN:
            record.instrument = CONNECTOR_NO_INSTRUMENT
            return True
        if record.line != CONNECTOR_NO_ACCOUNT:
            account = self.numbered[record.line] if record.line < len(self.numbered) else None
            if account is None:
                record.line, whole = CONNECTOR_NO_ACCOUNT, False
            else:
                record.line, record.venue = account
        if record.length < sizeof(RecordHeader) + body_bytes(type):
            record.instrument = CONNECTOR_NO_INSTRUMENT
            return False
        if type == RECORD_BALANCE_UPDATE or (
            type == RECORD_ACCOUNT_CONFIG and (<AccountConfigBody*>(record + 1)).leverage == 0
        ):
            record.instrument = CONNECTOR_NO_INSTRUMENT
        if record.instrument == CONNECTOR_NO_INSTRUMENT:
            return whole
        place = self.placed_now(record.instrument)
        if place is None or not rescale(record, place[2], place[3]):
            record.instrument = CONNECTOR_NO_INSTRUMENT
            return False
        record.instrument, record.venue = place[0], place[1]
        return whole
