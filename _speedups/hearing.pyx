"""The short way of what happens to orders all day: from a frame of the private stream to the report in the journal.

An acknowledgement, a fill, a cancel or an expiry, or an amend of a known own order that is in no doubt. Of a frame that tells
of several, those up to the first that is none of these; what it says behind them is told afterwards. Everything else is
left to the tracker (``connector/trading/tracker.py``), untouched: it says what each event means, here it is said once more
for these. The table of moves is the tracker's own. A report is handed over before anything else is brought up to date with
it, in the same callback.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint16_t, uint32_t
from libc.string cimport memcmp, memcpy, memset

from .atomics cimport monotonic_ns
from .codec cimport Codec, HANDLED, RARE
from .counters cimport COUNT_HEARD, COUNT_RARE_ERRORS, count
from .filling cimport Filling
from .histogram cimport histogram_add
from .layout cimport CONNECTOR_ABSENT, RECORD_FILL_DETAIL, RECORD_ORDER_REPORT
from .layout_orders cimport (
    FillDetailBody, ORDER_CANCELLED, ORDER_EXPIRED, ORDER_FILLED, ORDER_NEW, ORDER_PARTIALLY_FILLED, ORDER_REJECTED,
    OrderReportBody, UPDATE_AMENDED, UPDATE_CANCELLED, UPDATE_EXECUTED, UPDATE_SUBMITTED,
)
from .order_reader cimport (
    HAPPENED_AMENDED, HAPPENED_CANCELLED, HAPPENED_EXPIRED, HAPPENED_NEW, HAPPENED_TRADE, OrderReader, Told, UNSAID,
)
from .order_state cimport OrderState, WIDE_NOTIONAL_E
from .outlet cimport Outlet
from .segment cimport Segment
from .worth cimport Worth

cdef extern from "Python.h":
    object PyUnicode_DecodeASCII(const char* text, Py_ssize_t size, const char* errors)
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size) except NULL

cdef extern from "hearing.h" nogil:
    bint average_of "connector_average" (
        int64_t high, int64_t low, int64_t quantity, int price_exponent, int64_t* average_e, int* exponent
    )

cdef enum:
    STATUSES = 16

cdef int64_t MOST_QTY = 1LL << 62   # two of them still fit


cdef inline object word(const char* text, Py_ssize_t size):
    return PyUnicode_DecodeASCII(text, size, NULL) if size else ""


cdef inline object given_of(int64_t value):
    return None if value == CONNECTOR_ABSENT else value


cdef inline bint write_text(char* field, Py_ssize_t room, object text) except -1:
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
cdef class Hearing(Codec):
    """The codec of one account's private stream."""

    cdef OrderReader reader
    cdef object tracker, index, fill, report, detailed, write, clock, wall, follow, detail, counted, failed
    cdef Outlet outlet
    cdef Filling filling
    cdef dict under_way, watched, by_venue, by_client
    cdef list statuses, reasons
    cdef uint32_t[STATUSES] moves
    cdef object account, scales, rest, tell
    cdef int hop
    # Of the event at hand
    cdef Told told
    cdef OrderReportBody body
    cdef int64_t recv_ns
    cdef object trade             # the venue's id of the fill; None: it is none, or is kept
    cdef object again             # the Fill that is told again
    cdef object last              # the symbol of the last one, and its text
    cdef const char* last_text
    cdef Py_ssize_t last_size

    def use(
        self, OrderReader reader not None, account, tracker, Outlet outlet not None, *, moves, statuses, reasons, fill, report,
        detailed, write, clock, wall, Filling filling not None, follow, detail, counted, rest, tell, failed, int hop,
    ):
        """Begin; until then every frame is left to the tracker.

        ``moves``: what may become of each status; ``statuses``, ``reasons``: the members by number; ``fill``,
        ``report`` and ``detailed`` make a Fill, a Report and a Detail. ``write(order, kind, body, told_ns, recv_ns)``
        journals a record and hands it over where ``outlet`` cannot. ``clock`` is CLOCK_MONOTONIC, ``wall`` Unix;
        ``filling`` counts a fill, ``follow(report)`` one that is not for it, ``detail(more)`` its fee, ``counted(order)`` what is open of an order;
        ``rest(frame, recv_ns, done)`` is given what a frame says behind its first ``done`` events, ``tell(events, recv_ns)``
        what it says besides orders; ``failed(error)`` is told of faults of ours. ``hop``: in which histogram it is put
        down how long reports took."""
        self.reader, self.account, self.tracker, self.index = reader, account.index, tracker, tracker.orders
        self.outlet = outlet
        self.under_way, self.watched = tracker.under_way, tracker.watched.plans
        self.by_venue, self.by_client = tracker.orders.venue_ids, tracker.orders.client_ids
        self.fill, self.report, self.detailed, self.clock, self.wall = fill, report, detailed, clock, wall
        self.write, self.filling, self.follow, self.detail, self.counted = write, filling, follow, detail, counted
        self.scales, self.rest, self.tell = account.scales, rest, tell
        self.failed, self.hop = failed, hop
        self.statuses, self.reasons = [None] * STATUSES, [None] * 256
        for status in statuses:
            self.statuses[<int>status] = status
        for reason in reasons:
            self.reasons[<int>reason] = reason
        for status, after in moves.items():
            for one in after:
                self.moves[<int>status] |= 1 << <int>one

    cdef int decode_frame(self, const char* frame, Py_ssize_t length, int64_t recv_ns, uint16_t line) noexcept nogil:
        with gil:
            return self.heard(frame, length, recv_ns)

    cdef int heard(self, const char* frame, Py_ssize_t length, int64_t recv_ns) noexcept:
        try:
            return HANDLED if self.hear(frame, length, recv_ns) else RARE
        except Exception as error:    # the report is out, or was counted as a fault; the stream goes on
            count(self.counters, COUNT_RARE_ERRORS)
            self.failed(error)
            return HANDLED

    def take(self, bytes frame not None, int64_t recv_ns):
        """Whether this was all that had to be done about a frame; False: nothing was, and the tracker has to."""
        return self.hear(PyBytes_AS_STRING(frame), PyBytes_GET_SIZE(frame), recv_ns)

    cdef bint hear(self, const char* frame, Py_ssize_t length, int64_t recv_ns) except -1:
        cdef OrderState order
        cdef object more, fault = None
        cdef int done = 0
        if self.reader is None or not self.reader.look(frame, length, &self.told):
            return False
        self.recv_ns = recv_ns
        while True:
            try:
                order = self.known()
                if order is None or not self.plain(order):
                    break
            except Exception:          # a number past 63 bits, say; nothing is changed yet
                break
            if done == 0:
                count(self.counters, COUNT_HEARD)
            done += 1
            try:
                self.apply(order)
            except Exception as error: # what else the frame says is owed all the same
                fault = error
            if not self.reader.next(&self.told):
                break
        if done == 0:
            return False
        if done < self.reader.count or self.reader.more:
            more = self.reader.besides(self.scales) if done == self.reader.count else None
            if more is not None:
                self.tell(more, recv_ns)
            else:
                self.rest(PyBytes_FromStringAndSize(frame, length), recv_ns, done)
        if fault is not None:
            raise fault
        return True

    cdef object name(self):
        """The venue's id of the order."""
        if self.told.venue_order_id_size:
            return word(self.told.venue_order_id, self.told.venue_order_id_size)
        return self.told.order_id

    cdef object symbol(self):
        """Of the instrument; mostly that of the last event."""
        cdef Told* t = &self.told
        if self.last is None or t.symbol_size != self.last_size or memcmp(t.symbol, self.last_text, t.symbol_size) != 0:
            self.last = word(t.symbol, t.symbol_size)
            self.last_text = PyUnicode_AsUTF8AndSize(self.last, &self.last_size)
        return self.last

    cdef OrderState known(self):
        """As ``OrderIndex.find``, for an own order that has a name."""
        cdef Told* t = &self.told
        cdef object symbol = self.symbol()
        cdef object found = self.by_venue.get((self.account, symbol, self.name()))
        cdef OrderState order
        if found is None:
            found = self.by_client.get((self.account, word(t.name, t.name_size)))
            if found is None:
                return None
            order = <OrderState?>found
            if order.order_id is not None or order.venue_order_id or order.symbol != symbol:
                return None
        order = <OrderState?>found
        if not order.strategy or not order.client_order_id or order.conditional_id is not None:
            return None
        return order

    cdef bint plain(self, OrderState order) except -1:
        """Whether what is told of an order is for here; ``body`` then has what each report of it says. Changes nothing."""
        cdef Told* t = &self.told
        cdef OrderReportBody* body = &self.body
        cdef int status = order.c.status
        cdef object requests
        if order.wide or (ended(status) and status != ORDER_FILLED) or order.c.inferred_qty_e or order.odd_average:
            return False
        if not order.submitted and (
            not self.may(status, ORDER_NEW) or order.c.known_qty_e or order.c.filled_qty_e or order.said_average
        ):
            return False
        requests = self.under_way.get(order.keyed)
        if requests is not None:
            for one in requests:
                if one.unknown:
                    return False
        if not self.reader.read(order.price_exponent, order.qty_exponent, t):
            return False
        self.again = self.trade = None
        if t.happened == HAPPENED_TRADE:
            if t.status not in (UNSAID, ORDER_PARTIALLY_FILLED, ORDER_FILLED):
                return False
            if t.venue_trade_id_size:
                self.trade = word(t.venue_trade_id, t.venue_trade_id_size)
            elif t.trade_id != CONNECTOR_ABSENT:
                self.trade = t.trade_id
            if self.trade is None or t.last_price_e == CONNECTOR_ABSENT or t.last_qty_e <= 0:
                return False
            if t.fee_asset_size > <Py_ssize_t>sizeof(body.fee_asset):
                return False
            if t.venue_trade_id_size > <Py_ssize_t>sizeof(body.venue_trade_id):
                return False
            if t.last_qty_e >= MOST_QTY or order.c.known_qty_e >= MOST_QTY:
                return False
            self.again = order.fills.get(self.trade)
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
        if ended(status) and self.again is None:
            return False
        if t.venue_order_id_size > <Py_ssize_t>sizeof(body.venue_order_id):
            return False
        memset(body, 0, sizeof(OrderReportBody))
        body.order_key, body.command = order.c.key, order.c.command
        body.order_id = CONNECTOR_ABSENT if t.venue_order_id_size else t.order_id
        if t.venue_order_id_size:
            memcpy(body.venue_order_id, t.venue_order_id, t.venue_order_id_size)
        body.qty_e, body.filled_qty_e = order.c.qty_e, order.c.filled_qty_e
        body.price_e, body.stop_price_e = order.c.price_e, order.c.stop_price_e
        body.status, body.reason, body.side = status, order.c.reason, order.c.side
        body.order_type, body.time_in_force = order.c.order_type, order.c.time_in_force
        body.position_side = order.c.position_side
        return write_text(body.client_order_id, sizeof(body.client_order_id), order.client_order_id) and write_text(
            body.ref_id, sizeof(body.ref_id), order.ref_id
        )

    cdef inline bint may(self, int status, int then) noexcept:
        return self.moves[status] >> then & 1

    cdef bint move(self, OrderState order, int then) except -1:
        """As ``Order.move``, where nothing can be revived."""
        if not self.may(self.body.status, then):
            return False
        self.body.status = then
        order.stand(then, self.statuses[then])
        return True

    cdef int apply(self, OrderState order) except -1:
        """As ``Tracker._apply``. Nothing is refused from here on."""
        cdef Told* t = &self.told
        cdef OrderReportBody* body = &self.body
        cdef int64_t now_ns
        cdef bint reported = False, over = False, new = t.happened == HAPPENED_TRADE and self.again is None
        cdef bint owes = new and t.fee_e == CONNECTOR_ABSENT
        cdef object more = None
        order.echoed = True
        if order.order_id is None and not order.venue_order_id:
            self.index.named(order, self.name())
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
                body.filled_qty_e = order.c.filled_qty_e = t.filled_qty_e
            if t.average_size:
                order.averaged(word(t.average, t.average_size))
                order.c.average_of_e = t.filled_qty_e
        if new:
            over = self.filled(order)
            try:
                self.say_fill(order)
            finally:
                self.keep(order)
        elif self.again is not None and t.fee_e != CONNECTOR_ABSENT and not self.again.fee_known:
            more = self.told_fee(order)
        if not new and t.status != ORDER_NEW and t.status != UNSAID and self.move(order, t.status):
            body.reason = order.c.reason = t.reason
            order.is_reason = self.reasons[t.reason]
            over = ended(t.status)
            if t.status != ORDER_FILLED:
                self.average(order, True)
                self.say(order, UPDATE_CANCELLED)
                reported = True
            elif body.filled_qty_e <= order.c.known_qty_e:  # its fills were told before, one by one
                self.average(order, True)
                self.say(order, UPDATE_EXECUTED)
                reported = True
        histogram_add(self.segment.histograms + self.hop, monotonic_ns() - self.recv_ns)
        # The strategy has it.
        if (
            over or owes or more is not None or body.filled_qty_e > order.c.known_qty_e
            or order.c.known_qty_e >= body.qty_e > 0 or order.keyed in self.watched
        ):
            now_ns = self.clock()
            self.tracker.heard(order, now_ns, t.status != UNSAID, over, owes, more is not None)
        if new:
            if not self.filling.take(
                order, t.last_qty_e, t.last_price_e, t.fee_e, t.fee_asset, t.fee_asset_size, t.told_ns
            ):
                self.follow(self.told_fill(order))
        elif more is not None:
            self.detail(more)
        if reported and not new:
            self.counted(order)
        return 0

    cdef bint terms(self, OrderState order) noexcept:
        """As ``Tracker._terms``."""
        cdef Told* t = &self.told
        cdef OrderReportBody* body = &self.body
        cdef bint changed = False
        if t.status == UNSAID or t.told_ns < order.c.changed_ns:
            return False
        order.c.changed_ns = t.told_ns
        if t.price_e != CONNECTOR_ABSENT and t.price_e != body.price_e:
            body.price_e, changed = t.price_e, True
            order.c.price_e = t.price_e
        if t.qty_e != CONNECTOR_ABSENT and t.qty_e != body.qty_e:
            body.qty_e, changed = t.qty_e, True
            order.c.qty_e = t.qty_e
        if t.stop_price_e != CONNECTOR_ABSENT and t.stop_price_e != body.stop_price_e:
            body.stop_price_e, changed = t.stop_price_e, True
            order.c.stop_price_e = t.stop_price_e
        return changed

    cdef bint filled(self, OrderState order) except -1:
        """As ``Tracker._fill`` and ``_book``, but for what ``keep`` does; whether it ended the order."""
        cdef Told* t = &self.told
        cdef OrderReportBody* body = &self.body
        cdef bint over
        order.add_fill(t.last_qty_e, t.last_price_e)
        if order.c.known_qty_e > body.filled_qty_e:
            body.filled_qty_e = order.c.filled_qty_e = order.c.known_qty_e
        over = self.whole(order) and self.move(order, ORDER_FILLED)
        if not over:
            self.move(order, ORDER_PARTIALLY_FILLED)
        return over

    cdef int keep(self, OrderState order) except -1:
        """Put the new fill down, if that is not done."""
        cdef Told* t = &self.told
        cdef bint fee = t.fee_e != CONNECTOR_ABSENT
        if self.trade is not None and self.again is None:
            order.fills[self.trade] = self.fill(t.last_qty_e, t.last_price_e, fee, t.fee_e if fee else None)
            self.trade = None
        return 0

    cdef bint whole(self, OrderState order) except -1:
        """As ``Tracker._whole``."""
        cdef Told* t = &self.told
        cdef object requests
        if t.status != UNSAID:
            return t.status == ORDER_FILLED
        if t.qty_e == CONNECTOR_ABSENT or t.qty_e <= 0 or order.c.known_qty_e < max(t.qty_e, self.body.qty_e):
            return False
        requests = self.under_way.get(order.keyed)
        if requests is not None:
            for one in requests:
                if one.qty_e is not None and one.qty_e > order.c.known_qty_e:
                    return False
        return True

    cdef int average(self, OrderState order, bint taken) except -1:
        """As ``Order.average_price``; ``taken``: the order has what this event says of it."""
        cdef Told* t = &self.told
        cdef OrderReportBody* body = &self.body
        if taken and t.average_size and t.filled_qty_e == body.filled_qty_e:
            body.average_e, body.average_exponent = t.average_e, t.average_exponent
        elif order.said_average and order.c.average_of_e == body.filled_qty_e:
            body.average_e, body.average_exponent = order.average_price()
        elif order.c.known_qty_e == 0:
            body.average_e = body.average_exponent = 0
        elif not (self.harmonic(order) if order.inverse else self.summed(order)):
            self.keep(order)
            body.average_e, body.average_exponent = order.average_price()
        return 0

    cdef bint harmonic(self, OrderState order) noexcept:
        """The same of an inverse contract; False: it is not summed up yet, or too large for here."""
        cdef Py_ssize_t fills = len(order.fills)
        cdef Worth worth = order.worth
        cdef int exponent = 0
        if worth is None:
            return False
        if self.trade is not None and self.again is None:     # a new one, which is not kept yet
            if worth.count == fills:
                worth.take(self.told.last_qty_e, self.told.last_price_e)
            fills += 1
        if worth.count != fills or not worth.average(order.price_exponent, &self.body.average_e, &exponent):
            return False
        self.body.average_exponent = exponent
        return True

    cdef bint summed(self, OrderState order) noexcept:
        """The average from the exact sums; False: they are too large for here."""
        cdef int exponent = 0
        cdef bint found
        if order.wide & WIDE_NOTIONAL_E:
            return False
        found = average_of(
            order.c.notional_high, order.c.notional_low, order.c.known_qty_e, order.price_exponent,
            &self.body.average_e, &exponent
        )
        self.body.average_exponent = exponent
        return found

    cdef int say(self, OrderState order, int update) except -1:
        """One more report of the order as it stands."""
        self.body.update = update
        self.body.last_price_e = self.body.fee_e = self.body.realised_e = self.body.trade_id = CONNECTOR_ABSENT
        return self.out(order)

    cdef int out(self, OrderState order) except -1:
        self.body.wall_ns = self.wall()
        return self.put(order, RECORD_ORDER_REPORT, &self.body, sizeof(OrderReportBody))

    cdef int put(self, OrderState order, int kind, const void* body, size_t size) except -1:
        """A record into the journal and to the order's strategy."""
        if not self.outlet.put(
            order.strategy, order.symbol, kind, body, size, self.told.told_ns, self.recv_ns, self.body.order_key
        ):
            self.keep(order)
            self.write(
                order, kind, PyBytes_FromStringAndSize(<const char*>body, size), self.told.told_ns, self.recv_ns
            )
            self.outlet.learn(order.strategy, order.symbol)
        return 0

    cdef object told_fee(self, OrderState order):
        """More about a fill that a short notice had told: the fee. As ``Tracker._detail``; for whoever counts it."""
        cdef Told* t = &self.told
        cdef FillDetailBody body
        cdef object fee_e = t.fee_e, asset = word(t.fee_asset, t.fee_asset_size)
        self.again.fee_known, self.again.fee_e = True, fee_e
        memset(&body, 0, sizeof(body))
        body.order_key, body.trade_id, body.fee_e, body.realised_e = self.body.order_key, t.trade_id, t.fee_e, t.realised_e
        body.position_side = self.body.position_side
        if t.fee_asset_size:
            memcpy(body.fee_asset, t.fee_asset, t.fee_asset_size)
        if t.venue_trade_id_size:
            memcpy(body.venue_trade_id, t.venue_trade_id, t.venue_trade_id_size)
        body.last_qty_e, body.last_price_e, body.wall_ns = t.last_qty_e, t.last_price_e, self.wall()
        self.put(order, RECORD_FILL_DETAIL, &body, sizeof(body))
        return self.detailed(
            order, t.last_qty_e, t.last_price_e, given_of(t.trade_id), word(t.venue_trade_id, t.venue_trade_id_size),
            fee_e, asset, given_of(t.realised_e), t.told_ns,
        )

    cdef int say_fill(self, OrderState order) except -1:
        """The report of a fill."""
        cdef Told* t = &self.told
        cdef OrderReportBody* body = &self.body
        self.average(order, True)
        body.update, body.flags = UPDATE_EXECUTED, t.liquidity
        body.last_qty_e, body.last_price_e, body.trade_id = t.last_qty_e, t.last_price_e, t.trade_id
        body.fee_e, body.realised_e = t.fee_e, t.realised_e
        if t.fee_e != CONNECTOR_ABSENT and t.fee_asset_size:
            memcpy(body.fee_asset, t.fee_asset, t.fee_asset_size)
        if t.venue_trade_id_size:
            memcpy(body.venue_trade_id, t.venue_trade_id, t.venue_trade_id_size)
        return self.out(order)

    cdef object told_fill(self, OrderState order):
        """What it said, for whoever counts it."""
        cdef Told* t = &self.told
        cdef OrderReportBody* body = &self.body
        cdef bint fee = t.fee_e != CONNECTOR_ABSENT
        return self.report(
            order, body.filled_qty_e, body.average_e, body.average_exponent, body.flags, t.last_qty_e, t.last_price_e,
            given_of(t.trade_id), word(t.venue_trade_id, t.venue_trade_id_size), t.fee_e if fee else None,
            word(t.fee_asset, t.fee_asset_size) if fee else "", given_of(t.realised_e), t.told_ns,
        )
