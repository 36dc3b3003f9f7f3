"""What is done about a request of the short way right behind its write: the order, the request, what it took of the
budgets, what it means for limits, its strategy's reference.

The desk does the same before a request leaves, in Python and with words (`connector.desk`); what is rare is left to the
very functions that it calls.
"""

cimport cython
from libc.stdint cimport int64_t, uint64_t

from .atomics cimport monotonic_ns
from .budget cimport Budget
from .feed cimport Feed
from .layout cimport CONNECTOR_ABSENT
from .layout_orders cimport ACTION_PLACE, COMMAND_REDUCE_ONLY, ORDER_FILLED, ORDER_REJECTED
from .desk cimport Command
from .order_state cimport OrderState
from .pooled cimport Pool
from .segment cimport Segment
from .states cimport RefsState
from .sums cimport (
    BUYS_E, CASH_E, EXPOSURE_E, HELD_PROFIT_E, HoldingState, MARK_E, OPEN_ORDERS, OwnerState, POSITION_E, PROFIT_E,
    SELLS_E, UNPRICED_E, VALUE_E,
)

cdef enum:
    BUY = 1

cdef int64_t LIMIT = 2**62

MARK_NS = 10_000_000_000
"""`connector.market.live.MARK_NS`; a test compares."""
cdef int64_t MARK_OLD_NS = MARK_NS


@cython.final
cdef class Owned:
    """An owner and its holding in an instrument. ``marked``: what it holds is valued at the mark of now, as its limits
    want; ``paced``: it has a limit of orders a second."""

    def __init__(self, OwnerState owner not None, HoldingState holding not None, bint marked, bint paced):
        cdef object instrument = (<object>holding).instrument
        self.owner, self.holding, self.marked, self.paced = owner, holding, marked, paced
        self.symbol = instrument.symbol
        try:
            self.held.size_e, self.held.scale = instrument.contract_size_e, (<object>holding).scale
            self.plain = not instrument.inverse
        except OverflowError:
            self.plain = False


@cython.final
cdef class Kind:
    """Requests of one kind. The first of each: as it is before anything is known of it but the kind.

    ``message``: an order API's; None: they go over HTTP."""

    def __init__(self, pending, flying, message, charge):
        self.pending, self.flying, self.message, self.charge = pending, flying, message, charge
        self.costs = [((cost.pool, cost.window_ns), cost.units) for cost in charge.orders]


@cython.final
cdef class Form:
    """``order``: a new one as it is before anything is known of it but whose it is. ``flights``: requests of the account
    under way, ``places``: of its budgets on the board, ``open``: its open orders, by key."""

    def __init__(
        self, *, OrderState order not None, Kind place not None, Kind cancel not None, list owned not None, account, Feed feed not None,
        str strategy not None, opened, dict flights not None, dict places not None, dict open not None,
        int64_t window_ns,
    ):
        self.order, self.place, self.cancel, self.owned = order, place, cancel, owned
        self.pool, self.socket, self.rest, self.clock = account.pool, account.socket, account.rest, account.clock
        self.strategy, self.opened, self.budget, self.feed = strategy, opened, account.budget, feed
        self.flights, self.places, self.open, self.window_ns = flights, places, open, window_ns
        self.known = account.budget.known


@cython.final
cdef class Booking:
    """``settle(requests, error, sent)`` of the desk's outbox is told of a fault, ``handed(strategy, opened)`` that the journal of a strategy
    has grown. ``spent``, ``encoded``, ``refs`` make what has that name; ``known``: a reference as it is before anything
    is known of it; ``force(struct, field, value)`` writes what else cannot be changed; ``amend``: what no cancel is."""

    def __init__(self, *, desk, Segment segment not None, handed, spent, encoded, known, refs, force, amend):
        tracker = desk.tracker
        self.settle, self.handed = desk.outbox.settle, handed
        self.spent, self.encoded, self.known, self.refs_made, self.force = spent, encoded, known, refs, force
        self.holdings, self.counted, self.refs = desk.holdings, desk.holdings.counted, desk.refs
        self.keys, self.client_ids = tracker.orders.by_key, tracker.orders.client_ids
        self.commands = tracker.orders.commands
        self.pending, self.under_way = tracker.requests, tracker.under_way
        self.amend, self.segment = amend, segment

    cdef int book(
        self, Command command, Form form, OrderState order, uint64_t key, object name, int64_t read_ns, object request,
        int64_t sent_ns, int64_t left_ns, object connection, object number, bytes data, object fault
    ) except -1:
        """``order``: what a cancel means; ``number``: the request's for an order API; ``fault``: what came of the write.

        Whatever is raised, some of it is done and the rest is not: `connector.lane.Lane.unbooked` makes up for it."""
        cdef bint placing = order is None
        cdef Kind kind = form.place if placing else form.cancel
        cdef object pending = kind.pending.__copy__(), keyed = key, read = read_ns, flying
        if placing:
            order = self.ordered(command, form, keyed, name, read_ns)
        pending.request, pending.order, pending.command = request, order, command.raw.stamp
        pending.ref_id, pending.batch = command.ref_id, command.raw.batch
        pending.sent_ns, pending.deadline_ns = sent_ns, read_ns + form.window_ns
        pending.price_e = None if command.raw.price_e == CONNECTOR_ABSENT else command.raw.price_e
        pending.qty_e = None if command.raw.qty_e == CONNECTOR_ABSENT else command.raw.qty_e
        pending.valid_until_ns = command.raw.valid_until_ns
        if placing:
            self.keys[keyed] = order
            self.client_ids[order.account, name] = order
            self.commands[form.strategy, pending.command] = order
            form.open[keyed] = order
        else:
            order.cancel_wanted = True
        self.pending[request] = pending
        flying = self.under_way.get(keyed)
        if flying is None:
            self.under_way[keyed] = [pending]
        else:
            flying.append(pending)
        if command.raw.ref_id[0] != 0:        # first: whatever becomes of the rest, it is not done twice
            self.refer(command, form, read)
        self.carried(form, kind, request, number, data, connection, left_ns)
        if placing:
            self.placed(command, form, order, keyed, read)
        else:
            self.again(order, keyed)
        self.handed(form.strategy, form.opened)
        if fault is not None:
            self.settle([pending], fault, True)
        return 0

    cdef OrderState ordered(self, Command command, Form form, object key, object name, int64_t read_ns):
        """As `connector.trading.admission.ordered`, of the orders that go the short way."""
        cdef OrderState order = form.order.copied(key)
        order.client_order_id, order.ref_id, order.c.created_ns = name, command.ref_id, read_ns
        order.is_side, order.is_order_type, order.is_time_in_force = command.side, command.order_type, command.time_in_force
        order.c.side, order.c.order_type = command.raw.side, command.raw.order_type
        order.c.time_in_force = command.raw.time_in_force
        order.c.price_e, order.c.qty_e, order.command = command.raw.price_e, command.raw.qty_e, command.raw.stamp
        order.reduce_only = command.raw.flags & COMMAND_REDUCE_ONLY != 0
        return order

    cdef int carried(
        self, Form form, Kind kind, object request, object number, bytes data, object connection, int64_t left_ns
    ) except -1:
        """As `connector.accounts.AccountService.carried`."""
        cdef object flying = kind.flying.__copy__(), message, place
        form.flights[request] = flying
        if kind.message is None:
            message = self.encoded(data, kind.charge)
            form.pool.carry(connection, request, left_ns)
        else:
            message = kind.message.__copy__()
            self.force(message, "number", number)
            self.force(message, "frame", data)
            form.socket.carry(connection, request, number, left_ns)
        flying.message, flying.left_ns = message, left_ns
        flying.spent = self.take(form, kind, message, left_ns)
        for cost in kind.costs:
            place = form.places.get(cost[0])
            if place is not None and <int>place >= 0:
                self.segment.spend_budget(place, cost[1])
        return 0

    cdef object take(self, Form form, Kind kind, object message, int64_t left_ns):
        """As `connector.trading.budget.OrderBudget.take`."""
        cdef int64_t venue_ns = left_ns + form.clock.offset_ns
        cdef object parts = form.known.get(kind.charge.name), row
        cdef Budget budget
        cdef list taken
        if parts is None or form.budget.known_address is not form.rest.pools:
            form.budget.prepare(kind.charge)
            parts = form.known[kind.charge.name]
        if parts is not kind.parts:
            kind.parts, kind.rows = parts, [(budget, units, pool.header) for pool, budget, units in parts]
        taken = []
        for row in kind.rows:
            budget = row[0]
            taken.append((budget, budget.take(left_ns, venue_ns, row[1]), row[2]))
        return self.spent(tuple(taken))

    cdef int refer(self, Command command, Form form, object read_ns) except -1:
        """As `connector.trading.refs.Refs.add`."""
        cdef object refs = self.refs.get(form.strategy), known
        if refs is None:
            refs = self.refs[form.strategy] = self.refs_made()
        known = self.known.__copy__()
        known.answers, known.repeats = [], []
        known.command, known.at_ns, known.slot = command.raw.stamp, read_ns, command.slot
        refs.known[command.ref_id] = known
        (<RefsState?>refs).known_now(command.raw.ref_id)
        if len(refs.known) > refs.kept or read_ns >= refs.due_ns:
            refs.forget(read_ns)
        return 0

    cdef int placed(self, Command command, Form form, OrderState order, object key, object read_ns) except -1:
        """What a new order means for the limits of its owners. As `connector.trading.holdings.Holdings.order`."""
        cdef bint counts = command.raw.flags & COMMAND_REDUCE_ONLY == 0, buys = command.raw.side == BUY
        cdef int64_t more_e = command.raw.qty_e if counts else 0, mark_e = 0
        cdef Owned one
        if counts:
            if form.feed.c.mark_ns and monotonic_ns() - form.feed.c.top.trade.mark_recv_ns <= MARK_OLD_NS:
                mark_e = form.feed.c.top.trade.mark_e
            for one in form.owned:
                if not self.weigh(one, more_e, buys, mark_e):
                    self.slowly(form, order, read_ns)
                    return 0
        self.counted[key] = more_e
        for one in form.owned:
            one.owner.set(OPEN_ORDERS, one.owner.get(OPEN_ORDERS) + 1)
            if counts:
                self.hold(one, buys)
        self.pace(form, read_ns)      # last: what is counted is so for all owners, whatever becomes of this
        return 0

    cdef int pace(self, Form form, object read_ns) except -1:
        cdef Owned one
        for one in form.owned:
            if one.paced:
                (<object>one.owner).pace(read_ns)
                (<object>one.owner).took(read_ns)
        return 0

    cdef int slowly(self, Form form, OrderState order, object read_ns) except -1:
        """The same by those whose words they are."""
        cdef Owned one
        for one in form.owned:
            if one.marked:
                self.holdings.remark(one.owner, one.holding)
        self.holdings.order(order)
        self.pace(form, read_ns)
        return 0

    cdef bint weigh(self, Owned one, int64_t more_e, bint buys, int64_t mark_e) except -1:
        """Value a holding with so much more to buy or sell. False: it needs more than that."""
        cdef HoldingState holding = one.holding
        cdef BookingHeld* held = &one.held
        if not one.plain or holding.wide or one.owner.wide or holding.sums[UNPRICED_E]:
            return False
        held.position_e, held.buys_e, held.sells_e = holding.sums[POSITION_E], holding.sums[BUYS_E], holding.sums[SELLS_E]
        held.cash_e, held.mark_e = holding.sums[CASH_E], holding.sums[MARK_E]
        if one.marked:
            held.mark_e = mark_e
        elif not holding.fresh:
            return False
        if held.mark_e <= 0 or more_e > (LIMIT - held.buys_e if buys else LIMIT - held.sells_e):
            return False
        if buys:
            held.buys_e += more_e
        else:
            held.sells_e += more_e
        return booking_worth(held, &one.value_e, &one.profit_e) and booking_moves(
            one.owner.sums[EXPOSURE_E], holding.sums[VALUE_E], one.value_e, &one.exposure_e
        ) and booking_moves(one.owner.sums[PROFIT_E], holding.sums[HELD_PROFIT_E], one.profit_e, &one.sum_e)

    cdef int hold(self, Owned one, bint buys) except -1:
        """Take over what `weigh` has found."""
        cdef HoldingState holding = one.holding
        cdef OwnerState owner = one.owner
        holding.sums[BUYS_E], holding.sums[SELLS_E] = one.held.buys_e, one.held.sells_e
        if one.marked:
            holding.fresh, holding.sums[MARK_E] = True, one.held.mark_e
        if owner.unmarked:
            owner.unmarked.discard(one.symbol)
        holding.sums[VALUE_E], owner.sums[EXPOSURE_E] = one.value_e, one.exposure_e
        holding.sums[HELD_PROFIT_E], owner.sums[PROFIT_E] = one.profit_e, one.sum_e
        return 0

    cdef int again(self, OrderState order, object key) except -1:
        """The order of a cancel, counted as it is now: mostly as it was."""
        cdef object was = self.counted.get(key), one
        cdef int64_t leaves_e = 0
        if was is not None and not ORDER_FILLED <= order.c.status <= ORDER_REJECTED and not order.wide:
            for one in self.under_way[key]:
                if one.action is self.amend:
                    break
            else:
                if not order.reduce_only:
                    leaves_e = max(0, order.c.qty_e - order.c.filled_qty_e)
                if leaves_e == <int64_t>was:
                    return 0
        self.holdings.order(order)
        return 0
