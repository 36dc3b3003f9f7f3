"""What a strategy hears of its orders: small objects, each the copy of one record of its report ring.

``*_e`` are the exact integers of the layout; the same name without ``_e`` is the nearest float, None where there is
none. Times are nanoseconds, ``wall_ns`` and ``venue_ns`` Unix. ``to_dict()`` and ``to_json()`` have the shapes of the
strategy protocol.
"""

from decimal import Decimal

import orjson

cimport cython
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy, memset

from .events cimport Event
from .events import plain
from .layout cimport CONNECTOR_ABSENT
from .layout_orders cimport (
    CommandAnswerBody, FillDetailBody, OrderReportBody, REPORT_CONDITIONAL, REPORT_FOREIGN, REPORT_LATE, REPORT_MAKER,
    REPORT_RECOVERED, REPORT_SNAPSHOT, REPORT_TAKER,
)
from .renumbering cimport CONNECTOR_NO_ACCOUNT

cdef extern from "string.h" nogil:
    size_t strnlen(const char* text, size_t most)

cdef enum:
    NO_SCALE = -1000              # the instrument is not known, nor its scale

cdef dict _enums = {}
cdef list _numbers = list(range(256))


def use_enums(**enums):
    """Give properties these IntEnums instead of bare numbers; the package does so when it is imported."""
    for name, members in enums.items():
        values = list(range(256))
        for member in members:
            values[int(member)] = member
        _enums[name] = values


cdef object enum_of(str name, int value):
    return (<list>_enums.get(name, _numbers))[value & 255]


cdef str text(const char* field, size_t room):
    return field[:strnlen(field, room)].decode("utf-8", "replace")


cdef object scaled(int64_t value_e, int exponent):
    return None if value_e == CONNECTOR_ABSENT or exponent == NO_SCALE else value_e / 10.0**exponent


cdef object exactly(int64_t value_e, int exponent):
    """The same as a Decimal."""
    return None if value_e == CONNECTOR_ABSENT or exponent == NO_SCALE else Decimal(value_e).scaleb(-exponent)


cdef object whole(int64_t value):
    return None if value == CONNECTOR_ABSENT else value


cdef class Report(Event):
    """One record of the report ring; ``sequence`` is its number among this strategy's reports."""

    type = "report"

    cdef int fill(self, const char* source, Py_ssize_t size) except -1:
        """The record's body, up to ``size`` bytes of it."""
        return 0

    cdef int price_exponent(self) noexcept:
        return self.instrument.entry.price_exponent if self.instrument is not None else NO_SCALE

    cdef int qty_exponent(self) noexcept:
        return self.instrument.entry.qty_exponent if self.instrument is not None else NO_SCALE

    @property
    def account(self):
        """Index of the account, as in ``session.accounts``; None: an old one that is configured no more."""
        return self.header.line if self.header.line != CONNECTOR_NO_ACCOUNT else None

    @property
    def account_id(self):
        """Its name; "": not one of the session's."""
        return self.context.account(self.header.line) if self.context is not None else ""

    @property
    def order_key(self):
        """The connector's id of the order; 0: it is about none."""
        return self.header.update_id

    @property
    def body_bytes(self):
        """The record's body as it lay in the ring."""
        return b""

    def to_dict(self):
        """The record in the shape of the strategy protocol, numbers as exact Decimals."""
        return self.context.render(self)

    def to_json(self):
        """``to_dict()`` as JSON bytes; numbers are plain decimals with all their digits."""
        return orjson.dumps(self.to_dict(), default=plain)

    def __repr__(self):
        symbol = self.instrument.symbol if self.instrument is not None else "-"
        return f"<{type(self).__name__} {symbol} {self._shown()}>"

    def _shown(self):
        return f"record_type={self.header.type}"


@cython.final
cdef class CommandAnswer(Report):
    """What became of a command. ``result``: ACCEPTED, REFUSED, or UNKNOWN, after which another answer follows."""

    type = "command_answer"

    cdef int fill(self, const char* source, Py_ssize_t size) except -1:
        cdef Py_ssize_t room = size - <Py_ssize_t>sizeof(CommandAnswerBody)
        memcpy(&self.answer, source, min(size, <Py_ssize_t>sizeof(CommandAnswerBody)))
        self.words = b""
        if room > 0 and self.answer.text_bytes > 0:
            room = min(room, <Py_ssize_t>self.answer.text_bytes)
            self.words = source[sizeof(CommandAnswerBody):sizeof(CommandAnswerBody) + room]
        return 0

    @property
    def order_key(self):
        """The connector's id of the order; 0: none was made."""
        return self.answer.order_key

    @property
    def command(self):
        """Number of the command; its Ticket has it, too."""
        return self.answer.command

    @property
    def result(self):
        return enum_of("result", self.answer.result)

    @property
    def accepted(self):
        return self.answer.result == 1

    @property
    def action(self):
        return enum_of("action", self.answer.action)

    @property
    def code(self):
        """0: accepted; 999999: the venue refused; else one of ``connector.model.reports.Code``."""
        return self.answer.code

    @property
    def field(self):
        """The field that was refused."""
        return enum_of("field", self.answer.field)

    @property
    def value_e(self):
        """Refused by a limit: the value, in the units of the field."""
        return self.answer.value_e

    @property
    def limit_e(self):
        return self.answer.limit_e

    @property
    def http_status(self):
        return self.answer.http_status

    @property
    def venue_code(self):
        return self.answer.venue_code

    @property
    def text(self):
        """The venue's own words, or what was wrong."""
        return self.words.decode("utf-8", "replace")

    @property
    def settled(self):
        """Does it end an unknown outcome?"""
        return self.answer.settled != 0

    @property
    def batch(self):
        """Position in its batch, from 1; 0: alone."""
        return self.answer.batch

    @property
    def ref_id(self):
        return text(self.answer.ref_id, sizeof(self.answer.ref_id))

    @property
    def client_order_id(self):
        return text(self.answer.client_order_id, sizeof(self.answer.client_order_id))

    @property
    def order_id(self):
        """The venue's id of the order: int, or str where the venue has texts; None."""
        return whole(self.answer.order_id) or text(self.answer.venue_order_id, sizeof(self.answer.venue_order_id)) or None

    @property
    def wall_ns(self):
        return self.answer.wall_ns

    @property
    def sent_ns(self):
        """Before the request's first byte left, CLOCK_MONOTONIC; 0: none did."""
        return self.answer.sent_ns

    @property
    def slot(self):
        """The command's 512 bytes, if this process wrote it; else None."""
        return self.command_slot

    @property
    def body_bytes(self):
        return (<const char*>&self.answer)[:sizeof(CommandAnswerBody)] + self.words

    def _shown(self):
        return f"command={self.command} {getattr(self.result, 'name', self.result)} code={self.code} {self.text}".rstrip()


@cython.final
cdef class OrderReport(Report):
    """An order as it stands after one event: accepted, filled, cancelled, ..."""

    type = "order_report"

    cdef int fill(self, const char* source, Py_ssize_t size) except -1:
        memcpy(&self.report, source, min(size, <Py_ssize_t>sizeof(OrderReportBody)))
        return 0

    @property
    def order_key(self):
        """The connector's own id of the order, never reused."""
        return self.report.order_key

    @property
    def order_id(self):
        """The venue's id: int, or str where the venue has texts; None: not known."""
        return whole(self.report.order_id) or text(self.report.venue_order_id, sizeof(self.report.venue_order_id)) or None

    @property
    def client_order_id(self):
        return text(self.report.client_order_id, sizeof(self.report.client_order_id))

    @property
    def ref_id(self):
        """Of the command that placed it."""
        return text(self.report.ref_id, sizeof(self.report.ref_id))

    @property
    def command(self):
        """Number of the command that placed it; 0: none."""
        return self.report.command

    @property
    def update(self):
        """Why it is reported."""
        return enum_of("update", self.report.update)

    @property
    def status(self):
        return enum_of("status", self.report.status)

    @property
    def ended(self):
        """Filled, cancelled, expired or rejected; late fills may still come."""
        return 3 <= self.report.status <= 6

    @property
    def reason(self):
        """Why it ended, as far as the venue says."""
        return enum_of("reason", self.report.reason)

    @property
    def side(self):
        return enum_of("side", self.report.side)

    @property
    def order_type(self):
        return enum_of("order_type", self.report.order_type)

    @property
    def time_in_force(self):
        return enum_of("time_in_force", self.report.time_in_force)

    @property
    def position_side(self):
        return enum_of("position_side", self.report.position_side)

    @property
    def price_e(self):
        """Limit price; None: it has none."""
        return whole(self.report.price_e)

    @property
    def price(self):
        return scaled(self.report.price_e, self.price_exponent())

    @property
    def qty_e(self):
        return self.report.qty_e

    @property
    def qty(self):
        return scaled(self.report.qty_e, self.qty_exponent())

    @property
    def filled_qty_e(self):
        return self.report.filled_qty_e

    @property
    def filled_qty(self):
        return scaled(self.report.filled_qty_e, self.qty_exponent())

    @property
    def leaves_qty_e(self):
        """What may still fill."""
        return 0 if self.ended else max(self.report.qty_e - self.report.filled_qty_e, 0)

    @property
    def price_decimal(self):
        """The limit price, exact; None: it has none."""
        return exactly(self.report.price_e, self.price_exponent())

    @property
    def qty_decimal(self):
        """Exact, as are the next."""
        return exactly(self.report.qty_e, self.qty_exponent())

    @property
    def filled_qty_decimal(self):
        return exactly(self.report.filled_qty_e, self.qty_exponent())

    @property
    def leaves_qty_decimal(self):
        return exactly(self.leaves_qty_e, self.qty_exponent())

    @property
    def average_decimal(self):
        """Average price of the fills; 0: there are none."""
        return exactly(self.report.average_e, self.report.average_exponent)

    @property
    def last_qty_e(self):
        """Of this fill; 0: this is no fill."""
        return self.report.last_qty_e

    @property
    def last_qty(self):
        return scaled(self.report.last_qty_e, self.qty_exponent())

    @property
    def last_price_e(self):
        return whole(self.report.last_price_e)

    @property
    def last_price(self):
        return scaled(self.report.last_price_e, self.price_exponent())

    @property
    def average(self):
        """Average price of the fills; 0: there are none."""
        return scaled(self.report.average_e, self.report.average_exponent)

    @property
    def stop_price_e(self):
        return whole(self.report.stop_price_e)

    @property
    def stop_price(self):
        return scaled(self.report.stop_price_e, self.price_exponent())

    @property
    def fee_e(self):
        """Of this fill, in 10^-8 of ``fee_asset``; a rebate is negative; None: the venue did not say."""
        return whole(self.report.fee_e)

    @property
    def fee(self):
        return scaled(self.report.fee_e, MONEY_EXPONENT)

    @property
    def fee_asset(self):
        return text(self.report.fee_asset, sizeof(self.report.fee_asset))

    @property
    def realised(self):
        """Profit this fill realised, in the margin asset."""
        return scaled(self.report.realised_e, MONEY_EXPONENT)

    @property
    def trade_id(self):
        """The venue's id of this fill."""
        return whole(self.report.trade_id) or text(self.report.venue_trade_id, sizeof(self.report.venue_trade_id)) or None

    @property
    def report_flags(self):
        """``connector.model.reports.ReportFlag``, or-ed."""
        return self.report.flags

    @property
    def late(self):
        """A fill of an order that had ended."""
        return self.report.flags & REPORT_LATE != 0

    @property
    def foreign(self):
        """Not placed through this connector."""
        return self.report.flags & REPORT_FOREIGN != 0

    @property
    def recovered(self):
        """Found by asking the venue, not told by its stream."""
        return self.report.flags & REPORT_RECOVERED != 0

    @property
    def snapshot(self):
        """Part of the state handed over after an attach."""
        return self.report.flags & REPORT_SNAPSHOT != 0

    @property
    def conditional(self):
        return self.report.flags & REPORT_CONDITIONAL != 0

    @property
    def maker(self):
        """Did this fill add liquidity? None: the venue did not say."""
        return True if self.report.flags & REPORT_MAKER else False if self.report.flags & REPORT_TAKER else None

    @property
    def wall_ns(self):
        return self.report.wall_ns

    @property
    def body_bytes(self):
        return (<const char*>&self.report)[:sizeof(OrderReportBody)]

    def _shown(self):
        return (
            f"{getattr(self.update, 'name', self.update)} {getattr(self.status, 'name', self.status)} "
            f"{self.client_order_id or self.order_id} {self.filled_qty}/{self.qty} at {self.price}"
        )


@cython.final
cdef class FillDetail(Report):
    """More about a fill that was reported before: ``trade_id`` says which."""

    type = "fill_detail"

    cdef int fill(self, const char* source, Py_ssize_t size) except -1:
        memcpy(&self.detail, source, min(size, <Py_ssize_t>sizeof(FillDetailBody)))
        return 0

    @property
    def trade_id(self):
        return whole(self.detail.trade_id) or text(self.detail.venue_trade_id, sizeof(self.detail.venue_trade_id)) or None

    @property
    def last_qty(self):
        """Of the fill: one that was reported without its name may turn out to be several."""
        return scaled(self.detail.last_qty_e, self.qty_exponent())

    @property
    def last_price(self):
        return scaled(self.detail.last_price_e, self.price_exponent())

    @property
    def fee_e(self):
        return whole(self.detail.fee_e)

    @property
    def fee(self):
        return scaled(self.detail.fee_e, MONEY_EXPONENT)

    @property
    def fee_asset(self):
        return text(self.detail.fee_asset, sizeof(self.detail.fee_asset))

    @property
    def realised(self):
        return scaled(self.detail.realised_e, MONEY_EXPONENT)

    @property
    def maker(self):
        return True if self.detail.flags & REPORT_MAKER else False if self.detail.flags & REPORT_TAKER else None

    @property
    def position_side(self):
        return enum_of("position_side", self.detail.position_side)

    @property
    def wall_ns(self):
        return self.detail.wall_ns

    @property
    def body_bytes(self):
        return (<const char*>&self.detail)[:sizeof(FillDetailBody)]

    def _shown(self):
        return f"trade_id={self.trade_id} fee={self.fee} {self.fee_asset}"
