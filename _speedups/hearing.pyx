"""The short way of what happens to orders all day: from a frame of the private stream to the report in the journal.

An acknowledgement, a fill, a cancel or an expiry, or an amend of a known own order that is in no doubt. Everything else is
left to the tracker (``connector/trading/tracker.py``), untouched: it says what each event means, here it is said once more
for these. The table of moves is the tracker's own. A report is handed over before anything else is brought up to date with
it, in the same callback.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint32_t
from libc.string cimport memcpy, memset

from .layout cimport CONNECTOR_ABSENT
from .layout_orders cimport (
    ORDER_CANCELLED, ORDER_EXPIRED, ORDER_FILLED, ORDER_NEW, ORDER_PARTIALLY_FILLED, ORDER_REJECTED, OrderReportBody,
    UPDATE_AMENDED, UPDATE_CANCELLED, UPDATE_EXECUTED, UPDATE_SUBMITTED,
)
from .order_reader cimport (
    HAPPENED_AMENDED, HAPPENED_CANCELLED, HAPPENED_EXPIRED, HAPPENED_NEW, HAPPENED_TRADE, OrderReader, Told, UNSAID,
)

cdef extern from "Python.h":
    object PyUnicode_DecodeASCII(const char* text, Py_ssize_t size, const char* errors)
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size) except NULL

cdef enum:
    STATUSES = 16

cdef int64_t MOST_QTY = 1LL << 62   # two of them still fit


cdef inline object word(const char* text, Py_ssize_t size):
    return PyUnicode_DecodeASCII(text, size, NULL) if size else ""


cdef inline int64_t given(object value) except? -1:
    return CONNECTOR_ABSENT if value is None else <int64_t>value


cdef inline bint put(char* field, Py_ssize_t room, object text) except -1:
    """False: it does not fit."""
    cdef Py_ssize_t size = 0
    cdef const char* data = PyUnicode_AsUTF8AndSize(text, &size)
    if size > room:
        return False
    memcpy(field, data, size)
    return True


cdef inline bint ended(int status) noexcept:
    return ORDER_FILLED <= status <= ORDER_REJECTED


@cython.final
cdef class Hearing:
    """One account's.

    ``moves``: what may become of each status; ``statuses``, ``reasons``: the members by number; ``fill`` and ``report``
    make a Fill and a Report. ``write(order, body, told_ns, recv_ns)`` journals a report and hands it over;
    ``clock`` is CLOCK_MONOTONIC, ``wall`` Unix; ``follow(report)`` counts a fill, ``counted(order)`` what is open of an
    order; ``spoken(recv_ns)`` is called when the reports of a frame are out."""

    cdef OrderReader reader
    cdef object tracker, index, fill, report, write, clock, wall, follow, counted, spoken
    cdef dict under_way, watched, by_venue, by_client
    cdef list statuses, reasons
    cdef uint32_t[STATUSES] moves
    cdef object account
    # Of the event at hand
    cdef Told told
    cdef OrderReportBody body
    cdef int64_t recv_ns

    def __init__(
        self, OrderReader reader not None, account, tracker, *, moves, statuses, reasons, fill, report, write, clock,
        wall, follow, counted, spoken,
    ):
        self.reader, self.account, self.tracker, self.index = reader, account, tracker, tracker.orders
        self.under_way, self.watched = tracker.under_way, tracker.watched.plans
        self.by_venue, self.by_client = tracker.orders.venue_ids, tracker.orders.client_ids
        self.fill, self.report, self.write, self.clock, self.wall = fill, report, write, clock, wall
        self.follow, self.counted, self.spoken = follow, counted, spoken
        self.statuses, self.reasons = [None] * STATUSES, [None] * 256
        for status in statuses:
            self.statuses[<int>status] = status
        for reason in reasons:
            self.reasons[<int>reason] = reason
        for status, after in moves.items():
            for one in after:
                self.moves[<int>status] |= 1 << <int>one

    def take(self, bytes frame not None, int64_t recv_ns):
        """Whether this was all that had to be done about a frame; False: nothing was, and the tracker has to."""
        cdef object order
        if not self.reader.look(PyBytes_AS_STRING(frame), PyBytes_GET_SIZE(frame), &self.told):
            return False
        self.recv_ns = recv_ns
        try:
            order = self.known()
            if order is None or not self.plain(order):
                return False
        except OverflowError:          # a number past 63 bits
            return False
        self.apply(order)
        return True

    cdef object known(self):
        """As ``OrderIndex.find``, for an own order that has a name."""
        cdef Told* t = &self.told
        cdef object symbol = word(t.symbol, t.symbol_size)
        cdef object order = self.by_venue.get((self.account, symbol, t.order_id))
        if order is None:
            order = self.by_client.get((self.account, word(t.name, t.name_size)))
            if order is None or order.order_id is not None or order.instrument.symbol != symbol:
                return None
        if not order.strategy or not order.client_order_id or order.venue_order_id or order.conditional_id is not None:
            return None
        return order

    cdef bint plain(self, object order) except -1:
        """Whether what is told of an order is for here; ``body`` then has what each report of it says. Changes nothing."""
        cdef Told* t = &self.told
        cdef OrderReportBody* body = &self.body
        cdef int status = order.status
        cdef object instrument, requests
        if ended(status) or order.inferred_qty_e:
            return False
        if not order.submitted and (
            not self.may(status, ORDER_NEW) or order.known_qty_e or order.filled_qty_e or order.average
        ):
            return False
        requests = self.under_way.get(order.key)
        if requests is not None:
            for one in requests:
                if one.unknown:
                    return False
        instrument = order.instrument
        if not self.reader.read(instrument.price_exponent, instrument.qty_exponent, t):
            return False
        if t.happened == HAPPENED_TRADE:
            if t.status not in (UNSAID, ORDER_PARTIALLY_FILLED, ORDER_FILLED):
                return False
            if t.trade_id == CONNECTOR_ABSENT or t.last_price_e == CONNECTOR_ABSENT or t.last_qty_e <= 0:
                return False
            if t.trade_id in order.fills or t.fee_asset_size > <Py_ssize_t>sizeof(body.fee_asset):
                return False
            if t.last_qty_e > MOST_QTY or <int64_t>order.known_qty_e > MOST_QTY:
                return False
        elif t.happened == HAPPENED_NEW:
            if t.status != ORDER_NEW:
                return False
        elif t.happened == HAPPENED_CANCELLED:
            if t.status != ORDER_CANCELLED:
                return False
        elif t.happened == HAPPENED_EXPIRED:
            if t.status != ORDER_EXPIRED:
                return False
        elif t.happened != HAPPENED_AMENDED or t.status not in (ORDER_NEW, status):
            return False
        memset(body, 0, sizeof(OrderReportBody))
        body.order_key, body.order_id, body.command = order.key, t.order_id, order.command
        body.qty_e, body.filled_qty_e = order.qty_e, order.filled_qty_e
        body.price_e, body.stop_price_e = given(order.price_e), given(order.stop_price_e)
        body.status, body.reason, body.side = status, order.reason, order.side
        body.order_type, body.time_in_force = order.order_type, order.time_in_force
        body.position_side = order.position_side
        return put(body.client_order_id, sizeof(body.client_order_id), order.client_order_id) and put(
            body.ref_id, sizeof(body.ref_id), order.ref_id
        )

    cdef inline bint may(self, int status, int then) noexcept:
        return self.moves[status] >> then & 1

    cdef bint move(self, object order, int then) except -1:
        """As ``Order.move``, from a status that is no end."""
        if not self.may(self.body.status, then):
            return False
        self.body.status = then
        order.status = self.statuses[then]
        return True

    cdef int apply(self, object order) except -1:
        """As ``Tracker._apply``. Nothing is refused from here on."""
        cdef Told* t = &self.told
        cdef OrderReportBody* body = &self.body
        cdef int64_t known_e, now_ns
        cdef bint reported = False, fill = t.happened == HAPPENED_TRADE, over = False
        cdef object report = None
        order.echoed = True
        if order.order_id is None:
            self.index.named(order, t.order_id)
        if not order.submitted:
            self.move(order, ORDER_NEW)
            order.submitted = True
            self.terms(order)
            self.say(order, UPDATE_SUBMITTED)
            reported = True
        elif self.terms(order):
            self.average(order, False)
            self.say(order, UPDATE_AMENDED)
            reported = True
        if t.filled_qty_e != CONNECTOR_ABSENT:
            if t.filled_qty_e > body.filled_qty_e:
                body.filled_qty_e = t.filled_qty_e
                order.filled_qty_e = t.filled_qty_e
            if t.average_size:
                order.average, order.average_of_e = word(t.average, t.average_size), t.filled_qty_e
        if fill:
            over = self.filled(order)
            report = self.told_fill(order)
            reported = True
        elif t.status != ORDER_NEW and self.move(order, t.status):
            body.reason = t.reason
            order.reason = self.reasons[t.reason]
            self.average(order, True)
            self.say(order, UPDATE_CANCELLED)
            reported = over = True
        self.spoken(self.recv_ns)
        # The strategy has it.
        known_e = order.known_qty_e
        if (
            over or body.filled_qty_e > known_e or (fill and t.fee_e == CONNECTOR_ABSENT)
            or known_e >= body.qty_e > 0 or order.key in self.watched
        ):
            now_ns = self.clock()
            self.tracker.heard(order, now_ns, t.status != UNSAID, over, fill and t.fee_e == CONNECTOR_ABSENT)
        if reported:
            self.counted(order)
        if report is not None:
            self.follow(report)
        return 0

    cdef bint terms(self, object order) except -1:
        """As ``Tracker._terms``."""
        cdef Told* t = &self.told
        cdef OrderReportBody* body = &self.body
        cdef bint changed = False
        if t.status == UNSAID or t.told_ns < <int64_t>order.changed_ns:
            return False
        order.changed_ns = t.told_ns
        if t.price_e != CONNECTOR_ABSENT and t.price_e != body.price_e:
            body.price_e, changed = t.price_e, True
            order.price_e = t.price_e
        if t.qty_e != CONNECTOR_ABSENT and t.qty_e != body.qty_e:
            body.qty_e, changed = t.qty_e, True
            order.qty_e = t.qty_e
        if t.stop_price_e != CONNECTOR_ABSENT and t.stop_price_e != body.stop_price_e:
            body.stop_price_e, changed = t.stop_price_e, True
            order.stop_price_e = t.stop_price_e
        return changed

    cdef bint filled(self, object order) except -1:
        """As ``Tracker._fill`` and ``_book``; whether it ended the order."""
        cdef Told* t = &self.told
        cdef OrderReportBody* body = &self.body
        cdef int64_t known_e = <int64_t>order.known_qty_e + t.last_qty_e
        cdef bint fee = t.fee_e != CONNECTOR_ABSENT
        cdef bint over
        cdef object last_e = t.last_qty_e, price_e = t.last_price_e
        order.fills[t.trade_id] = self.fill(last_e, price_e, fee, t.fee_e if fee else None)
        order.known_qty_e = known_e
        order.notional_e = order.notional_e + last_e * price_e
        if known_e > body.filled_qty_e:
            body.filled_qty_e = known_e
            order.filled_qty_e = known_e
        over = self.whole(order, known_e) and self.move(order, ORDER_FILLED)
        if not over:
            self.move(order, ORDER_PARTIALLY_FILLED)
        return over

    cdef bint whole(self, object order, int64_t known_e) except -1:
        """As ``Tracker._whole``."""
        cdef Told* t = &self.told
        cdef object requests
        if t.status != UNSAID:
            return t.status == ORDER_FILLED
        if t.qty_e == CONNECTOR_ABSENT or t.qty_e <= 0 or known_e < t.qty_e or known_e < self.body.qty_e:
            return False
        requests = self.under_way.get(order.key)
        if requests is not None:
            for one in requests:
                if one.qty_e is not None and one.qty_e > known_e:
                    return False
        return True

    cdef int average(self, object order, bint taken) except -1:
        """As ``Order.average_price``; ``taken``: the order has what this event says of it."""
        cdef Told* t = &self.told
        cdef OrderReportBody* body = &self.body
        if taken and t.average_size and t.filled_qty_e == body.filled_qty_e:
            body.average_e, body.average_exponent = t.average_e, t.average_exponent
        elif order.average or order.known_qty_e:
            body.average_e, body.average_exponent = order.average_price()
        return 0

    cdef int say(self, object order, int update) except -1:
        """One more report of the order as it stands."""
        self.body.update = update
        self.body.last_price_e = self.body.fee_e = self.body.realised_e = self.body.trade_id = CONNECTOR_ABSENT
        return self.out(order)

    cdef int out(self, object order) except -1:
        self.body.wall_ns = self.wall()
        self.write(
            order, PyBytes_FromStringAndSize(<const char*>&self.body, sizeof(OrderReportBody)), self.told.told_ns,
            self.recv_ns,
        )
        return 0

    cdef object told_fill(self, object order):
        """The report of a fill; what it said, for whoever counts it."""
        cdef Told* t = &self.told
        cdef OrderReportBody* body = &self.body
        cdef bint fee = t.fee_e != CONNECTOR_ABSENT
        self.average(order, True)
        body.update, body.flags = UPDATE_EXECUTED, t.liquidity
        body.last_qty_e, body.last_price_e, body.trade_id = t.last_qty_e, t.last_price_e, t.trade_id
        body.fee_e, body.realised_e = t.fee_e, t.realised_e
        if fee and t.fee_asset_size:
            memcpy(body.fee_asset, t.fee_asset, t.fee_asset_size)
        self.out(order)
        return self.report(
            order, body.filled_qty_e, body.average_e, body.average_exponent, body.flags, t.last_qty_e, t.last_price_e,
            t.trade_id, t.fee_e if fee else None, word(t.fee_asset, t.fee_asset_size) if fee else "",
            None if t.realised_e == CONNECTOR_ABSENT else t.realised_e, t.told_ns,
        )
