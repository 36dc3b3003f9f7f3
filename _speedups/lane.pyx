"""The short way of common commands: checked, journalled, signed and written before anything else is done about them.

A plain order or the cancel of a known one leaves here if it surely may: every check is made on the very state the desk
keeps, by the desk's rules. What is not sure, or not common, is left to the desk, untouched; so is every refusal. What the
desk does for a request before it leaves is done right after, in the same callback: no answer can come in between, and
the journal has everything.
"""

from os import urandom

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from .atomics cimport monotonic_ns
from .booking cimport Booking, Form
from .budget cimport Budget
from .counters cimport COUNT_LANE, COUNT_LANE_LEFT, COUNT_REQUESTS_ENCODED, count
from .desk cimport Command as Taken, command_text, plain_command
from .encoder cimport OrderEncoder
from .feed cimport Feed
from .histogram cimport histogram_add
from .journal cimport Drain, Journal, scratch_journal
from .layout cimport CONNECTOR_ABSENT, RECORD_COMMAND, RECORD_SENT, RecordHeader, STATE_LIVE
from .layout_orders cimport (
    ACTION_CANCEL, ACTION_PLACE, COMMAND_REDUCE_ONLY, Command, CommandBody, POSITION_BOTH, SentBody, STP_DEFAULT,
    TYPE_LIMIT, TYPE_MARKET,
)
from .masked cimport MASKED_HEAD, MASKED_MOST, put_masked
from .order_state cimport OrderState
from .order_ids cimport Ids, Numbers
from .publish cimport KIND_BBO, KIND_BOOK, valid
from .segment cimport Segment
from .sums cimport (
    BUYS_E, CASH_E, EXPOSURE_E, HELD_PROFIT_E, HoldingState, OPEN_ORDERS, OwnerState, POSITION_E, PROFIT_E, SELLS_E,
    UNPRICED_E, VALUE_E,
)
from .states cimport ConnectionState, PoolState, RefsState, watched_equal

cdef enum:
    HOP_TAKE_TO_SENT = 5          # connector.model.counters.Hop
    REQUEST_MOST = 4096
    BUY = 1
    JOURNALLED = 2 * sizeof(RecordHeader) + sizeof(CommandBody) + sizeof(SentBody)


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


# A text into a field of that room, zeros behind it; False: it does not fit.
cdef inline bint put_text(char* field, Py_ssize_t room, object text) except -1:
    cdef Py_ssize_t size
    cdef const char* found = PyUnicode_AsUTF8AndSize(text, &size)
    if size > room:
        return False
    memset(field, 0, room)
    memcpy(field, found, size)
    return True


# Whether a command that left is a new order.
cdef inline bint places(bytes slot) noexcept:
    return (<const Command*>PyBytes_AS_STRING(slot)).action == ACTION_PLACE


cdef int64_t limit_of(object value) except? -1:
    return LANE_ABSENT if value is None else value


@cython.final
cdef class Bound:
    """The limits of one account or strategy; ``quantity_e``: of an order in this instrument, None: no such limit;
    ``holding``: what it has of the instrument."""

    def __init__(self, OwnerState owner not None, limits, quantity_e, HoldingState holding):
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
        cdef OwnerState owner = self.owner
        cdef HoldingState holding = self.holding
        memset(&held, 0, sizeof(held))
        if owner.wide or (holding is not None and holding.wide):
            return False              # past 63 bits
        if self.limits.open_orders != LANE_ABSENT and owner.sums[OPEN_ORDERS] >= self.limits.open_orders:
            return False
        if (
            self.limits.rate != LANE_ABSENT and <int64_t>len(owner.sent_ns) >= self.limits.rate
            and <int64_t>(<object>owner).pace(read_ns) >= self.limits.rate
        ):
            return False
        if not order.reduces and (self.limits.exposure_e != LANE_ABSENT or self.limits.loss_e != LANE_ABSENT):
            held.profit_e = owner.sums[PROFIT_E]
            if self.limits.exposure_e != LANE_ABSENT:
                if holding.sums[UNPRICED_E] or owner.unmarked:
                    return False
                held.position_e, held.buys_e = holding.sums[POSITION_E], holding.sums[BUYS_E]
                held.sells_e, held.cash_e = holding.sums[SELLS_E], holding.sums[CASH_E]
                held.value_e, held.held_profit_e = holding.sums[VALUE_E], holding.sums[HELD_PROFIT_E]
                held.exposure_e = owner.sums[EXPOSURE_E]
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
        rules.contract_size_e, rules.inverse = instrument.contract_size_e, instrument.inverse
        rules.price_exponent, rules.quantity_exponent = instrument.price_exponent, instrument.qty_exponent
        for exponent in (rules.price_exponent, rules.quantity_exponent):
            if not 0 <= exponent <= 18:
                raise ValueError(f"{exponent} decimals are not within 0 to 18")

    cdef bint look(self, LaneMarket* market, int64_t now_ns) noexcept nogil:
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
        if self.feed.c.mark_ns and now_ns - self.feed.c.top.trade.mark_recv_ns <= MARK_OLD_NS:
            market.mark_e = self.feed.c.top.trade.mark_e
            return market.mark_e > 0
        return True

    cdef bint ask(self) except -1:
        """Have the budgets at hand that the next request counts against; False: they are too many."""
        cdef object rows = self.budget.needs.get(self.charge), row
        self.pools, self.version, self.held = self.rest.pools, self.budget.version, []
        self.silent, self.needed = 0, -1
        if len(self.pools) + (0 if rows is None else len(rows)) > LANE_BUDGETS:
            self.pools = None
            return False
        for row in self.pools:
            self.need(row[1], 0, 0)
            self.silent += 1
        if rows is None or self.budget.known_address is not self.pools:
            return True
        self.needed = 0
        for row in rows:
            self.need(row[0], row[1], row[2])
            self.needed += 1
        return True

    cdef int need(self, Budget budget, int64_t units, int64_t reserve) except -1:
        cdef Need* one = &self.needs[self.silent + max(0, self.needed)]
        self.held.append(budget)
        one.budget, one.units, one.reserve = <PyObject*>budget, units, reserve
        return 0

    cdef bint affords(self, bint placing, int64_t now_ns) except -1:
        """The venue wants no silence, and, of a new order, the budgets have room."""
        cdef Need* one = &self.needs[0]
        cdef int i
        if self.pools is None or self.rest.pools is not self.pools or self.budget.version != self.version:
            if not self.ask():
                return False
        if placing and self.needed < 0:
            self.pools, self.stale = None, True
            return False
        for i in range(self.silent + (self.needed if placing else 0)):
            if now_ns < (<Budget>one.budget).quiet_until_ns:
                return False
            if one.units and not (<Budget>one.budget).allows(
                now_ns, now_ns + self.clock.offset_ns, one.units, one.reserve
            ):
                return False
            one += 1
        return True


@cython.final
cdef class Place:
    """Where the commands of a session go that are about one instrument of one account."""


@cython.final
cdef class Lane:
    """Takes commands as ``Desk.take`` does, which is ``slow``.

    ``learn(session, account, instrument)`` gives the Route of what went the other way, or None; ``failed(session, error)``
    is told of a fault before anything left, ``booking`` of what has left,
    ``unbooked`` of what has left that it could not do all about. ``numbers`` gives requests of an order API theirs;
    ``clear`` is how a halt file begins in which nothing is set; ``most_bytes`` and ``most_ns`` are how far the journals
    may be from the disk."""

    def __init__(
        self, *, slow, learn, Booking booking not None, unbooked, failed, desk, halts, Ids ids not None,
        Drain drain not None, uint64_t most_bytes, int64_t most_ns, Segment segment not None, bytes clear not None,
        Numbers numbers not None,
    ):
        cdef object orders = desk.tracker.orders
        self.slow, self.learn, self.booking, self.failed, self.numbers = slow, learn, booking, failed, numbers
        self.unbooked = unbooked
        self.desk, self.admission, self.held = desk, desk.admission, desk.outbox.held
        self.halts, self.ids, self.drain = halts, ids, drain
        self.most_bytes, self.most_ns, self.segment, self.clear = most_bytes, most_ns, segment, clear
        self.refs, self.requests = desk.refs, desk.outbox.requests
        self.by_key, self.client_ids, self.commands = orders.by_key, orders.client_ids, orders.commands
        self.routes, self.places, self.last = {}, [None] * LANE_PLACES, Place()
        self.scratch = scratch_journal()
        self.on = True

    def take(self, session, bytes slot not None, int64_t read_ns):
        """One command, as copied from the session's ring."""
        self.take_command(session, slot, read_ns, False)

    def rehearse(self):
        """Go the way of the last order or, in turn, of the last cancel once more, up to where something would change: so
        its code, and what it looks at, are in the caches when the next one comes. For moments in which nothing else is
        to be done."""
        if self.again is not None:
            self.take_command(self.again_by, self.again, monotonic_ns(), True)

    cdef int take_command(self, object session, bytes slot, int64_t read_ns, bint rehearsing) except -1:
        cdef const Command* c
        cdef object key, route
        self.left, self.rehearsing = False, rehearsing
        if self.on:
            try:
                self.go(session, slot, read_ns)
            except Exception as error:
                if rehearsing:                    # who comes next will stumble, too, and be heard
                    self.forget(slot)
                else:
                    self.failed(session, error)
        if rehearsing:
            self.other(slot)
            return 0
        if self.left:
            count(self.segment.counters, COUNT_LANE)
            return 0
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
                    self.places, self.last = [None] * LANE_PLACES, Place()
        return 0

    cdef void other(self, bytes slot) noexcept:
        """What is rehearsed behind this one: an order behind a cancel, and a cancel behind an order. By what it is: the
        gateway hands copies on."""
        if self.placed is not None and (self.cancelled is None or not places(slot)):
            self.again, self.again_by = self.placed, self.placed_by.session
        elif self.cancelled is not None:
            self.again, self.again_by = self.cancelled, self.cancelled_by.session
        else:
            self.again = self.again_by = None

    cdef void forget(self, bytes slot) noexcept:
        """It is not rehearsed any more."""
        if places(slot):
            self.placed = None
        else:
            self.cancelled = None

    cdef int go(self, object session, bytes slot, int64_t read_ns) except -1:
        """Sets ``left``: it is gone, and everything about it is done; until then nothing is changed."""
        cdef const Command* c
        cdef Place place = self.last
        if PyBytes_GET_SIZE(slot) != sizeof(Command):
            return 0
        c = <const Command*>PyBytes_AS_STRING(slot)
        if c.action != ACTION_PLACE and c.action != ACTION_CANCEL:
            return 0
        if place.session is not session or c.instrument != place.index or c.account != place.account:
            place = self.place(session, c)
            if place is None:
                return 0
            self.last = place
        return self.decide(slot, place, read_ns)

    cdef Place place(self, object session, const Command* c):
        """Where a session's command goes; None: nobody knows."""
        cdef size_t at = (
            (<size_t><PyObject*>session >> 5) + 31 * c.account + 7 * <size_t>c.instrument
        ) & (LANE_PLACES - 1)
        cdef object found = self.places[at], route
        cdef Place place
        if found is not None:
            place = found
            if place.session is session and place.index == c.instrument and place.account == c.account:
                return place
        route = self.routes.get((session.strategy, c.account, c.instrument))
        if route is None:
            return None
        place = Place()
        place.session, place.number, place.route = session, session.number, route
        place.index, place.account = c.instrument, c.account
        self.places[at] = place
        return place

    cdef int decide(self, bytes slot, Place place, int64_t read_ns) except -1:
        cdef const Command* c = <const Command*>PyBytes_AS_STRING(slot)
        cdef Route route = place.route
        cdef object refs, order
        cdef int64_t now_ns
        if (
            not plain_command(c) or c.stamp >> 63 or c.batch > 1 or c.batch_size > 1 or self.held.held
            or c.venue_order_id[0] != 0 or c.order_id != CONNECTOR_ABSENT
        ):
            return 0
        if c.ref_id[0] != 0:
            refs = self.refs.get(route.strategy)
            if refs is None:
                return 0
            if (
                not (<RefsState?>refs).fresh(c.ref_id) and not self.rehearsing
                and command_text(c.ref_id, sizeof(c.ref_id)) in (<RefsState>refs).known
            ):
                return 0
        if (
            not route.listed.served or route.listed.chosen is not route.chosen
            or route.account.encoding is not route.encoding
        ):
            route.stale = True
        if route.stale:
            return 0
        now_ns = monotonic_ns()
        if c.action == ACTION_PLACE:
            return self.leave(slot, place, None, read_ns, now_ns) if self.may_place(route, c, read_ns, now_ns) else 0
        order = self.named(route, c)
        return 0 if order is None else self.leave(slot, place, order, read_ns, now_ns)

    cdef bint may_place(self, Route route, const Command* c, int64_t read_ns, int64_t now_ns) except -1:
        """As `Admission.admit`, up to the venue's budget and the halts."""
        cdef LaneOrder order
        cdef LaneMarket market
        cdef Bound bound
        cdef object one
        if (
            c.flags & ~<unsigned int>COMMAND_REDUCE_ONLY or c.position_side != POSITION_BOTH
            or c.self_trade != STP_DEFAULT or c.client_order_id[0] != 0
            or (read_ns > c.valid_until_ns and not self.rehearsing) or self.admission.draining
            or not route.account.reconciled or not route.clock.known
            or self.drain.late(self.most_bytes, self.most_ns, now_ns) or not route.look(&market, now_ns)
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

    cdef OrderState named(self, Route route, const Command* c):
        """The own, known order a cancel means, by one name; None: the desk has to look."""
        cdef object found
        cdef OrderState order
        cdef bint named = c.client_order_id[0] != 0
        if c.order_key:
            found = self.by_key.get(c.order_key)
        elif c.placed_by:
            found = self.commands.get((route.strategy, c.placed_by))
        else:
            found = self.client_ids.get((c.account, command_text(c.client_order_id, sizeof(c.client_order_id))))
            named = False
        if found is None:
            return None
        order = <OrderState?>found
        if (
            order.conditional or order.account != c.account
            or (order.strategy is not route.strategy and order.strategy != route.strategy)
            or (order.of is not route.instrument and order.symbol != route.instrument.symbol)
            or (named and command_text(c.client_order_id, sizeof(c.client_order_id)) != order.client_order_id)
        ):
            return None
        return order

    cdef ConnectionState carrier(self, Route route, bint placing):
        """What would be written to now; None: it has to wait. As `OrderPool.send` and `OrderSocket.send`."""
        cdef PoolState pool = route.pool
        cdef Py_ssize_t free = len(pool.idle)
        cdef ConnectionState found
        if not route.account.running:
            return None
        if route.over_api:
            found = route.socket.serving
            if found is None or found.logged_on or not found.open():
                return None
            return found if not placing or free or pool.busy else None
        if free == 0 or pool.queue:
            return None
        if placing and free <= min(free + <Py_ssize_t>len(pool.busy) - 1, pool.reserved):
            return None
        found = pool.idle[free - 1]
        return found if found.reusable and found.open() else None

    cdef bint resolve(self, Route route, const Command* c, Command* copy, OrderState order) except -1:
        """The command as it is encoded: with the order's names. False: they do not fit."""
        memcpy(copy, c, sizeof(Command))
        if order is None:
            memset(copy.client_order_id, 0, sizeof(copy.client_order_id))
            if self.ids.peek(copy.client_order_id) == 0:
                return False
            return self.ids.next_id >= self.ids.taken or (
                c.account, command_text(copy.client_order_id, sizeof(copy.client_order_id))
            ) not in self.client_ids
        if not put_text(copy.client_order_id, sizeof(copy.client_order_id), order.client_order_id) or (
            not put_text(copy.venue_order_id, sizeof(copy.venue_order_id), order.venue_order_id)
        ):
            return False
        if order.order_id is not None:
            copy.order_id = order.order_id
        copy.side, copy.position_side = order.c.side, order.c.position_side
        return True

    cdef int leave(self, bytes slot, Place place, OrderState order, int64_t read_ns, int64_t now_ns) except -1:
        """``order``: what a cancel means."""
        cdef bint placing = order is None
        cdef Route route = place.route
        cdef const Command* c = <const Command*>PyBytes_AS_STRING(slot)
        cdef Journal journal = self.scratch if self.rehearsing else route.journal
        cdef Command copy
        cdef CommandBody* body
        cdef SentBody* sent
        cdef char[REQUEST_MOST] out
        cdef char[REQUEST_MOST + MASKED_HEAD] framed
        cdef int64_t venue_ns = route.clock.offset_ns, wall_ns, sent_ns, checked_ns, encoded_ns
        cdef Py_ssize_t length, size
        cdef char* bytes_out = out
        cdef uint64_t key, request
        cdef ConnectionState connection = self.carrier(route, placing)
        cdef object fault = None
        if (
            connection is None or not route.affords(placing, now_ns) or not self.resolve(route, c, &copy, order)
            or (route.described != route.opened.rolls + 1 and c.instrument not in route.opened.described)
            or not route.journal.fits(JOURNALLED)
        ):
            return 0
        route.described = route.opened.rolls + 1
        key = self.ids.next_key if placing else order.c.key
        if route.over_api:
            route.encoder.number = self.numbers.number
        checked_ns = monotonic_ns()
        length = size = route.encoder.encode_command(&copy, read_ns + venue_ns, out, REQUEST_MOST)
        if size <= 0:
            return 0
        if route.over_api:
            if self.keys_left == 0:               # nobody may guess them: RFC 6455, section 5.3
                memcpy(self.keys, PyBytes_AS_STRING(urandom(sizeof(self.keys))), sizeof(self.keys))
                self.keys_left = LANE_KEYS
            self.keys_left -= not self.rehearsing
            length = put_masked(framed, out, size, self.keys[self.keys_left - self.rehearsing])
            bytes_out = framed
        encoded_ns = monotonic_ns()
        if placing and (                      # last: whoever halts while this is decided is heard
            self.halts._fault or self.halts.page == NULL
            or not watched_equal(self.halts.page, PyBytes_AS_STRING(self.clear), PyBytes_GET_SIZE(self.clear))
        ):
            return 0
        # Nothing fails from here on.
        request = self.requests.number
        if self.rehearsing:
            journal.anew()
        else:
            self.requests.number += 1
            if placing:
                self.ids.next_id += 1
                self.ids.next_key += 1
            if route.over_api:
                self.numbers.number += 1
        sent_ns, wall_ns = monotonic_ns(), lane_wall_ns()
        body = <CommandBody*>journal.here(sizeof(CommandBody))
        memcpy(body, c, sizeof(Command))
        memset(<char*>body + sizeof(Command), 0, sizeof(CommandBody) - sizeof(Command))
        memcpy(body.client_order_id, copy.client_order_id, sizeof(copy.client_order_id))
        body.session, body.order_key, body.read_ns, body.wall_ns = place.number, key, read_ns, wall_ns
        body.checked_ns, body.encoded_ns = checked_ns, encoded_ns
        journal.put_here(
            RECORD_COMMAND, sizeof(CommandBody), route.index, route.venue, route.number, 0, read_ns, key, sent_ns
        )
        sent = <SentBody*>journal.here(sizeof(SentBody))
        memset(sent, 0, sizeof(SentBody))
        sent.order_key, sent.command, sent.request, sent.action = key, c.stamp, request, c.action
        sent.sent_ns, sent.wall_ns, sent.deadline_ns = sent_ns, wall_ns, read_ns + route.window_ns + venue_ns
        journal.put_here(
            RECORD_SENT, sizeof(SentBody), route.index, route.venue, route.number, 0, 0, key, sent_ns
        )
        if self.rehearsing:
            route.journal.rehearse(JOURNALLED)
            connection.put(bytes_out, 0)
            return 0
        self.left = True
        try:
            connection.put(bytes_out, length)
        except Exception as error:
            fault = error
        histogram_add(self.segment.histograms + HOP_TAKE_TO_SENT, monotonic_ns() - read_ns)
        count(self.segment.counters, COUNT_REQUESTS_ENCODED)
        if placing:
            self.placed, self.placed_by = slot, place
        else:
            self.cancelled, self.cancelled_by = slot, place
        self.again, self.again_by = slot, place.session
        try:
            return self.booking.book(
                Taken(slot), route.form, order, key,
                command_text(copy.client_order_id, sizeof(copy.client_order_id)), read_ns, request, sent_ns, sent_ns,
                connection, route.encoder.number if route.over_api else None, PyBytes_FromStringAndSize(out, size),
                fault,
            )
        except Exception as error:    # memory ran out, say, and what left has to be known all the same
            self.unbooked(
                route, slot, order, key, PyBytes_FromStringAndSize(copy.client_order_id, sizeof(copy.client_order_id)),
                read_ns, request, sent_ns, fault or error,
            )
            return 0
