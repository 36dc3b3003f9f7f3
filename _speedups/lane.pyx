"""The short way of common commands: checked, journalled, signed and written before anything else is done about them.

A plain order or the cancel of a known one leaves here if it surely may: every check is made on the very state the desk
keeps, by the desk's rules. What is not sure, or not common, is left to the desk, untouched; so is every refusal. What the
desk does for a request before it leaves is done right after, in the same callback: no answer can come in between, and
the journal has everything.
"""

from os import urandom

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from .atomics cimport monotonic_ns
from .booking cimport Booking, Form
from .budget cimport Budget
from .counters cimport COUNT_LANE, COUNT_LANE_LEFT, COUNT_REQUESTS_ENCODED, count
from .desk cimport Command as Taken
from .encoder cimport OrderEncoder, put_name
from .feed cimport Feed
from .histogram cimport histogram_add
from .journal cimport Drain, Journal
from .layout cimport CONNECTOR_ABSENT, RECORD_COMMAND, RECORD_SENT, RecordHeader, STATE_LIVE
from .layout_orders cimport (
    ACTION_CANCEL, ACTION_PLACE, COMMAND_REDUCE_ONLY, Command, CommandBody, POSITION_BOTH, SentBody, STP_DEFAULT,
    TYPE_LIMIT, TYPE_MARKET,
)
from .masked cimport MASKED_HEAD, MASKED_MOST, put_masked
from .order_ids cimport ID_BYTES, Ids
from .publish cimport KIND_BBO, KIND_BOOK, valid
from .segment cimport Segment
from .states cimport ConnectionState, PoolState, RefsState

cdef enum:
    HOP_TAKE_TO_SENT = 5          # connector.model.counters.Hop
    REQUEST_MOST = 4096
    BUY = 1


MARK_NS = 10_000_000_000
"""`connector.market.live.MARK_NS`; a test compares."""
cdef int64_t MARK_OLD_NS = MARK_NS


def masked(bytes message not None, uint32_t key):
    """The frame of a WebSocket client that carries a text, masked with a key. ValueError: it is too long."""
    cdef Py_ssize_t length = PyBytes_GET_SIZE(message)
    cdef bytes frame
    if length > MASKED_MOST:
        raise ValueError(f"a message of {length} bytes, at most {MASKED_MOST} are")
    frame = PyBytes_FromStringAndSize(NULL, MASKED_HEAD + length)
    return frame[:put_masked(PyBytes_AS_STRING(frame), PyBytes_AS_STRING(message), length, key)]


cdef int64_t limit_of(object value) except? -1:
    return LANE_ABSENT if value is None else value


@cython.final
cdef class Bound:
    """The limits of one account or strategy; ``quantity_e``: of an order in this instrument, None: no such limit;
    ``holding``: what it has of the instrument."""

    def __init__(self, owner, limits, quantity_e, holding):
        self.owner, self.holding = owner, holding
        self.limits.notional_e = limit_of(limits.order_notional_e)
        self.limits.quantity_e = limit_of(quantity_e)
        self.limits.exposure_e = limit_of(limits.exposure_e)
        self.limits.loss_e = limit_of(limits.loss_e)
        self.limits.open_orders = limit_of(limits.open_orders)
        self.limits.rate = limit_of(limits.orders_per_second)
        self.limits.collar_bps = limit_of(limits.collar_bps)

    cdef bint allows(
        self, const LaneRules* rules, const LaneOrder* order, const LaneMarket* market, int64_t read_ns
    ) except -1:
        cdef LaneHeld held
        cdef int64_t unpriced_e
        cdef object owner = self.owner, holding
        memset(&held, 0, sizeof(held))
        if self.limits.open_orders != LANE_ABSENT and <int64_t>owner.open_orders >= self.limits.open_orders:
            return False
        if (
            self.limits.rate != LANE_ABSENT and <int64_t>len(owner.sent_ns) >= self.limits.rate
            and <int64_t>owner.pace(read_ns) >= self.limits.rate
        ):
            return False
        if not order.reduces and (self.limits.exposure_e != LANE_ABSENT or self.limits.loss_e != LANE_ABSENT):
            held.profit_e = owner.profit_e
            if self.limits.exposure_e != LANE_ABSENT:
                holding = self.holding
                unpriced_e = holding.unpriced_e
                if unpriced_e or owner.unmarked:
                    return False
                held.position_e, held.buys_e, held.sells_e = holding.position_e, holding.buys_e, holding.sells_e
                held.cash_e, held.value_e, held.held_profit_e = holding.cash_e, holding.value_e, holding.profit_e
                held.exposure_e = owner.exposure_e
        return lane_limits(rules, &self.limits, &held, order, market)


@cython.final
cdef class Route:
    """One strategy's orders in one instrument of one account, as long as all these stay what they are."""

    def __init__(
        self, str strategy not None, account, listed, Feed feed not None, encoding, OrderEncoder encoder not None, opened,
        Journal journal not None, list bounds not None, int64_t window_ns, charge, bint over_api, Form form not None,
    ):
        cdef LaneRules* rules = &self.rules
        instrument = listed.instrument
        self.strategy = strategy
        self.account, self.listed, self.instrument, self.encoding = account, listed, instrument, encoding
        self.pool, self.socket, self.clock = account.pool, account.socket, account.clock
        self.budget, self.rest = account.budget, account.rest
        self.feed, self.journal, self.encoder, self.opened = feed, journal, encoder, opened
        self.bounds, self.charge, self.chosen, self.over_api = bounds, charge, listed.chosen, over_api
        self.form = form
        self.index, self.venue, self.number, self.window_ns = listed.index, account.venue, account.index, window_ns
        rules.price.low, rules.price.high = instrument.min_price_e, instrument.max_price_e
        rules.price.step = instrument.tick_e
        rules.quantity[0].low, rules.quantity[0].high = instrument.min_qty_e, instrument.max_qty_e
        rules.quantity[0].step = instrument.step_e
        rules.quantity[1] = rules.quantity[0]
        if instrument.market_min_qty_e != CONNECTOR_ABSENT:
            rules.quantity[1].low = instrument.market_min_qty_e
        if instrument.market_max_qty_e != CONNECTOR_ABSENT:
            rules.quantity[1].high = instrument.market_max_qty_e
        if instrument.market_step_e != CONNECTOR_ABSENT:
            rules.quantity[1].step = instrument.market_step_e
        rules.min_notional_e = instrument.min_notional_e
        rules.up_e, rules.down_e = instrument.multiplier_up_e, instrument.multiplier_down_e
        rules.contract_size_e = instrument.contract_size_e
        rules.price_exponent, rules.quantity_exponent = instrument.price_exponent, instrument.qty_exponent
        for exponent in (rules.price_exponent, rules.quantity_exponent):
            if not 0 <= exponent <= 18:
                raise ValueError(f"{exponent} decimals are not within 0 to 18")

    cdef bint look(self, LaneMarket* market) noexcept nogil:
        """The market now; False: it cannot be told. As `Live.touch` and `Live.mark_e`."""
        market.bid_e = market.ask_e = market.mark_e = 0
        market.live = True
        if self.feed.c.state[KIND_BBO] == STATE_LIVE:
            market.bid_e = max(0, self.feed.c.top.bbo.bid_price_e)
            market.ask_e = max(0, self.feed.c.top.bbo.ask_price_e)
        elif valid(self.feed.c.state[KIND_BOOK]):
            if self.feed.c.top.levels.bids:
                market.bid_e = self.feed.c.top.levels.bid[0].price_e
            if self.feed.c.top.levels.asks:
                market.ask_e = self.feed.c.top.levels.ask[0].price_e
        else:
            market.live = False
        if self.feed.c.mark_ns and monotonic_ns() - self.feed.c.top.trade.mark_recv_ns <= MARK_OLD_NS:
            market.mark_e = self.feed.c.top.trade.mark_e
            return market.mark_e > 0
        return True


@cython.final
cdef class Lane:
    """Takes commands as ``Desk.take`` does, which is ``slow``.

    ``learn(session, account, instrument)`` gives the Route of what went the other way, or None; ``failed(session, error)``
    is told of a fault before anything left, ``booking`` of what has left. ``numbers`` gives requests of an order API
    theirs; ``clear`` is how a halt file begins in which nothing is set; ``most_bytes`` and ``most_ns`` are how far the
    journals may be from the disk."""

    def __init__(
        self, *, slow, learn, Booking booking not None, failed, desk, halts, Ids ids not None, Drain drain not None,
        uint64_t most_bytes, int64_t most_ns, Segment segment not None, bytes clear not None, numbers,
    ):
        self.slow, self.learn, self.booking, self.failed, self.numbers = slow, learn, booking, failed, numbers
        self.desk, self.admission, self.orders, self.held = desk, desk.admission, desk.tracker.orders, desk.outbox.held
        self.halts, self.ids, self.drain = halts, ids, drain
        self.most_bytes, self.most_ns, self.segment, self.clear = most_bytes, most_ns, segment, clear
        self.refs, self.requests = desk.refs, desk.outbox.requests
        self.client_ids, self.commands = self.orders.client_ids, self.orders.commands
        self.routes = {}
        self.rehearsal, self.rehearsed = [None, None], [None, None]
        self.on = True

    def take(self, session, bytes slot not None, int64_t read_ns):
        """One command, as copied from the session's ring."""
        cdef const Command* c
        cdef object key, route
        self.left = self.rehearsing = False
        if self.on:
            try:
                self.go(session, slot, read_ns)
            except Exception as error:
                self.failed(session, error)
        if self.left:
            count(self.segment.counters, COUNT_LANE)
            return
        count(self.segment.counters, COUNT_LANE_LEFT)
        self.slow(session, slot, read_ns)
        if self.on and PyBytes_GET_SIZE(slot) == sizeof(Command):
            c = <const Command*>PyBytes_AS_STRING(slot)
            key = session.strategy, c.account, c.instrument
            route = self.routes.get(key)
            if (route is None or (<Route>route).stale) and c.action in (ACTION_PLACE, ACTION_CANCEL):
                route = self.learn(session, c.account, c.instrument)
                if route is not None:
                    self.routes[key] = route
                    self.last_session = None

    def rehearse(self):
        """Go the way of the last order or, in turn, of the last cancel once more, up to where something would change: so
        its code, and what it looks at, are in the caches when the next one comes. For moments in which nothing else is
        to be done."""
        cdef Taken command
        self.turn = not self.turn
        if not self.on or self.rehearsal[self.turn] is None:
            return
        command = self.rehearsal[self.turn]
        self.rehearsing = True
        try:
            self.decide(None, command, self.rehearsed[self.turn], monotonic_ns())
        except Exception:                     # who comes next will stumble, too, and be heard
            self.rehearsal[self.turn] = None
        finally:
            self.rehearsing = False

    cdef int go(self, object session, bytes slot, int64_t read_ns) except -1:
        """Sets ``left``: it is gone, and everything about it is done; until then nothing is changed."""
        cdef const Command* c
        cdef object found
        if PyBytes_GET_SIZE(slot) != sizeof(Command):
            return 0
        c = <const Command*>PyBytes_AS_STRING(slot)
        if c.action != ACTION_PLACE and c.action != ACTION_CANCEL:
            return 0
        if session is not self.last_session or c.instrument != self.last.index or c.account != self.last.number:
            found = self.routes.get((session.strategy, c.account, c.instrument))
            if found is None:
                return 0
            self.last, self.last_session, self.last_number = found, session, session.number
        return self.decide(session, Taken(slot), self.last, read_ns)

    cdef int decide(self, object session, Taken command, Route route, int64_t read_ns) except -1:
        cdef const Command* c = &command.raw
        cdef object strategy = route.strategy, refs, order
        if (
            not command._plain() or c.stamp >> 63 or c.batch > 1 or c.batch_size > 1 or self.held.held
            or c.venue_order_id[0] != 0 or c.order_id != CONNECTOR_ABSENT
        ):
            return 0
        if c.ref_id[0] != 0:
            refs = self.refs.get(strategy)
            if refs is None or (command.ref_id in (<RefsState?>refs).known and not self.rehearsing):
                return 0
        if (
            not route.listed.served or route.listed.chosen is not route.chosen
            or route.account.encoding is not route.encoding
        ):
            route.stale = True
        if route.stale:
            return 0
        if c.action == ACTION_PLACE:
            if not self.may_place(route, command, read_ns):
                return 0
            return self.leave(session, command, route, None, read_ns, monotonic_ns())
        order = self.named(route, command)
        if order is None:
            return 0
        return self.leave(session, command, route, order, read_ns, monotonic_ns())

    cdef bint may_place(self, Route route, Taken command, int64_t read_ns) except -1:
        """As `Admission.admit`, up to the venue's budget and the halts."""
        cdef const Command* c = &command.raw
        cdef LaneOrder order
        cdef LaneMarket market
        cdef Bound bound
        cdef object one
        if (
            c.flags & ~<unsigned int>COMMAND_REDUCE_ONLY or c.position_side != POSITION_BOTH
            or c.self_trade != STP_DEFAULT or c.client_order_id[0] != 0
            or (read_ns > c.valid_until_ns and not self.rehearsing) or self.admission.draining or not route.account.reconciled or not route.clock.known
            or self.drain.late(self.most_bytes, self.most_ns) or not route.look(&market)
        ):
            return False
        order.price_e, order.qty_e = c.price_e, c.qty_e
        order.market, order.buy = c.order_type == TYPE_MARKET, c.side == BUY
        order.reduces = c.flags & COMMAND_REDUCE_ONLY != 0
        if not lane_filters(&route.rules, &order, &market) or not lane_touch(&order, &market):
            return False
        for one in route.bounds:
            bound = one
            if not bound.allows(&route.rules, &order, &market, read_ns):
                return False
        return True

    cdef object named(self, Route route, Taken command):
        """The own, known order a cancel means, by one name; None: the desk has to look."""
        cdef const Command* c = &command.raw
        cdef object order
        if c.order_key:
            order = self.orders.get(c.order_key)
        elif c.placed_by:
            order = self.commands.get((route.strategy, c.placed_by))
        else:
            order = self.client_ids.get((c.account, command.client_order_id))
        if (
            order is None or order.conditional or order.strategy != route.strategy or order.account != c.account
            or order.instrument.symbol != route.instrument.symbol
            or (c.client_order_id[0] != 0 and command.client_order_id != order.client_order_id)
        ):
            return None
        return order

    cdef bint affords(self, Route route, bint placing) except -1:
        """The venue wants no silence, and, of a new order, the budgets have room."""
        cdef int64_t now_ns = monotonic_ns(), venue_ns
        cdef Budget budget
        cdef int64_t units, reserve
        cdef object pools = route.rest.pools, needs, row
        for row in pools:
            budget = row[1]
            if now_ns < budget.quiet_until_ns:
                return False
        if not placing:
            return True
        needs = route.budget.needs.get(route.charge)
        if needs is None or route.budget.known_address is not pools:
            route.stale = True
            return False
        venue_ns = now_ns + route.clock.offset_ns
        for row in needs:
            budget, units, reserve = row[0], row[1], row[2]
            if now_ns < budget.quiet_until_ns:
                return False
            if units and not budget.allows(now_ns, venue_ns, units, reserve):
                return False
        return True

    cdef object carrier(self, Route route, bint placing):
        """What would be written to now; None: it has to wait. As `OrderPool.send` and `OrderSocket.send`."""
        cdef object connection
        cdef PoolState pool = route.pool
        cdef Py_ssize_t free = len(pool.idle)
        cdef ConnectionState found
        if not route.account.running:
            return None
        if route.over_api:
            connection = route.socket.serving
            if connection is None or connection.logged_on or not connection.connection.is_open:
                return None
            return connection if not placing or free or pool.busy else None
        if free == 0 or pool.queue:
            return None
        if placing and free <= min(free + <Py_ssize_t>len(pool.busy) - 1, pool.reserved):
            return None
        found = pool.idle[free - 1]
        return found if found.reusable and not found.transport.is_closing() else None

    cdef int leave(
        self, object session, Taken command, Route route, object order, int64_t read_ns, int64_t checked_ns
    ) except -1:
        """``order``: what a cancel means."""
        cdef bint placing = order is None
        cdef Command copy = command.raw
        cdef CommandBody body
        cdef SentBody sent
        cdef char[REQUEST_MOST] out
        cdef char[REQUEST_MOST + MASKED_HEAD] framed
        cdef char[ID_BYTES] text
        cdef int64_t venue_ns, sent_ns, left_ns, encoded_ns
        cdef Py_ssize_t length
        cdef bytes data, frame = None
        cdef int fd, size
        cdef uint64_t key
        cdef object name, connection, request, fault = None
        memset(<char*>&body + sizeof(Command), 0, sizeof(body) - sizeof(Command))
        if placing:
            size = self.ids.peek(text)
            if size == 0:
                return 0
            name = text[:size].decode("ascii")
            if (copy.account, name) in self.client_ids:
                return 0
            memcpy(copy.client_order_id, text, size)
            memcpy(body.client_order_id, text, size)
            key = self.ids.next_key
        else:
            name = order.client_order_id
            if not put_name(copy.client_order_id, sizeof(copy.client_order_id), name) or not put_name(
                copy.venue_order_id, sizeof(copy.venue_order_id), order.venue_order_id
            ):
                return 0
            memcpy(body.client_order_id, copy.client_order_id, sizeof(copy.client_order_id))
            if order.order_id is not None:
                copy.order_id = order.order_id
            copy.side, copy.position_side = <unsigned char><int>order.side, <unsigned char><int>order.position_side
            key = order.key
        venue_ns = route.clock.offset_ns
        if route.over_api and not self.rehearsing:
            route.encoder.number = self.numbers()
        length = route.encoder.encode_command(&copy, read_ns + venue_ns, out, REQUEST_MOST)
        if length <= 0:
            return 0
        data = PyBytes_FromStringAndSize(out, length)
        if route.over_api:
            if self.keys_left == 0:               # nobody may guess them: RFC 6455, section 5.3
                memcpy(self.keys, PyBytes_AS_STRING(urandom(sizeof(self.keys))), sizeof(self.keys))
                self.keys_left = LANE_KEYS
            self.keys_left -= not self.rehearsing
            length = put_masked(framed, out, length, self.keys[self.keys_left - self.rehearsing])
            frame = PyBytes_FromStringAndSize(framed, length)
        encoded_ns = monotonic_ns()
        connection = self.carrier(route, placing)
        if connection is None or not self.affords(route, placing):
            return 0
        if copy.instrument not in route.opened.described or not route.journal.fits(
            2 * sizeof(RecordHeader) + sizeof(CommandBody) + sizeof(SentBody)
        ):
            return 0
        memset(&sent, 0, sizeof(sent))
        body.session = self.last_number
        if placing:                           # last: whoever halts while this is decided is heard
            fd = -1 if self.halts._fault else self.halts._fd
            if not lane_clear(fd, PyBytes_AS_STRING(self.clear), PyBytes_GET_SIZE(self.clear)):
                return 0
        if self.rehearsing:
            route.journal.rehearse(2 * sizeof(RecordHeader) + sizeof(CommandBody) + sizeof(SentBody))
            if route.over_api:
                connection.connection.rehearse()
            elif (<ConnectionState>connection).transport.get_write_buffer_size() == 0:
                (<ConnectionState>connection).transport.write(b"")      # which writes nothing
            return 0
        self.rehearsal[placing], self.rehearsed[placing] = command, route
        if placing:
            self.ids.next_id += 1
            self.ids.next_key += 1
        # Nothing fails from here on.
        request = next(self.requests)
        sent.request = request
        memcpy(&body.command, &command.raw, sizeof(Command))
        body.order_key, body.read_ns, body.wall_ns = key, read_ns, lane_wall_ns()
        body.checked_ns, body.encoded_ns = checked_ns, encoded_ns
        route.journal.put(
            RECORD_COMMAND, &body, sizeof(body), route.index, route.venue, route.number, 0, read_ns, key
        )
        sent_ns = monotonic_ns()
        sent.order_key, sent.command, sent.sent_ns, sent.wall_ns = key, copy.stamp, sent_ns, lane_wall_ns()
        sent.deadline_ns, sent.action = read_ns + route.window_ns + venue_ns, copy.action
        route.journal.put(RECORD_SENT, &sent, sizeof(sent), route.index, route.venue, route.number, 0, 0, key)
        self.left = True
        left_ns = monotonic_ns()
        try:
            if not route.over_api:
                (<ConnectionState>connection).transport.write(data)
            elif not connection.connection.write(frame):
                fault = ConnectionError("the connection is closing")
        except Exception as error:
            fault = error
        histogram_add(self.segment.histograms + HOP_TAKE_TO_SENT, monotonic_ns() - read_ns)
        count(self.segment.counters, COUNT_REQUESTS_ENCODED)
        return self.booking.book(
            command, route.form, order, key, name, read_ns, request, sent_ns, left_ns, connection,
            route.encoder.number if route.over_api else None, data, fault,
        )
