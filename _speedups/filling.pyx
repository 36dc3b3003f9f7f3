"""What a fill that was told means for limits, positions and profit, right behind its report.

As ``connector.trading.holdings.Holdings.filled`` and ``connector.trading.positions.Positions.filled`` in exact integers,
on the very sums they keep; whatever does not fit, is inverse or needs a mark is left to them before anything was changed.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int64_t
from libc.string cimport memcmp

from .booking cimport booking_fill, booking_moves, booking_worth, Owned
from .layout cimport CONNECTOR_ABSENT
from .layout_orders cimport ORDER_FILLED, ORDER_REJECTED
from .order_state cimport OrderState
from .sums cimport (
    BUYS_E, CASH_E, EXPOSURE_E, FILLED_NS, HELD_PROFIT_E, HoldingState, MARK_E, OPEN_ORDERS, OwnerState, POSITION_E,
    PROFIT_E, SAID_NS, SELLS_E, UNPRICED_E, VALUE_E,
)

cdef enum:
    BUY = 1
    MOST_SHARES = 4096
    MARK_EXPONENT = 8             # connector.model.instrument.MARK_EXPONENT


@cython.final
cdef class Share:

    def __init__(self, OrderState order not None, key, owners):
        cdef object instrument = order.of
        cdef int shift = MARK_EXPONENT - order.price_exponent
        cdef object ten = 10
        cdef Owned one
        self.instrument, self.strategy, self.key = instrument, order.strategy, key
        self.account, self.position_side = order.account, order.c.position_side
        self.owned = [Owned(owner, holding, False, False) for owner, holding in owners]
        self.quote, self.margin = instrument.quote.encode(), instrument.margin.encode()
        self.up = self.down = 1
        self.plain = not instrument.inverse and -18 <= shift <= 18
        if self.plain:
            self.up, self.down = ten ** max(shift, 0), ten ** max(-shift, 0)
        for one in self.owned:
            self.plain = self.plain and one.plain

    cdef bint of(self, OrderState order) noexcept:
        return (
            self.instrument is order.of and self.account == order.account
            and self.position_side == order.c.position_side and self.strategy == order.strategy
        )

    cdef bint counts(self, const char* asset, Py_ssize_t size) noexcept:
        """Whether a fee in it is in what profit is measured in."""
        if size == 0:
            return False
        if size == PyBytes_GET_SIZE(self.quote) and memcmp(asset, PyBytes_AS_STRING(self.quote), size) == 0:
            return True
        return size == PyBytes_GET_SIZE(self.margin) and memcmp(asset, PyBytes_AS_STRING(self.margin), size) == 0


@cython.final
cdef class Filling:
    """``own``: sums of fills by strategy and place; ``under_way``: requests by their order's key, ``amend`` what changes
    its quantity; ``owners(order)`` gives the key in ``own`` and the owners with their holdings."""

    def __init__(self, *, holdings, dict own not None, dict under_way not None, amend, owners):
        self.holdings, self.counted, self.own, self.under_way = holdings, holdings.counted, own, under_way
        self.amend, self.owners, self.shares = amend, owners, {}

    cdef Share share(self, OrderState order):
        cdef Share found = self.last
        cdef tuple key
        if found is not None and found.of(order):
            return found
        key = (order.strategy, order.account, order.symbol, order.c.position_side)
        found = self.shares.get(key)
        if found is None or not found.of(order):
            if len(self.shares) >= MOST_SHARES:
                self.shares.clear()
            place, owners = self.owners(order)
            found = self.shares[key] = Share(order, place, owners)
        self.last = found
        return found

    def count(self, OrderState order not None, int64_t qty_e, int64_t price_e, fee_e, str fee_asset not None, int64_t venue_ns):
        """Count a fill that is told for the first time; False: nothing was done. For tests."""
        cdef bytes asset = fee_asset.encode()
        return self.take(
            order, qty_e, price_e, CONNECTOR_ABSENT if fee_e is None else fee_e, PyBytes_AS_STRING(asset),
            PyBytes_GET_SIZE(asset), venue_ns,
        )

    cdef bint take(
        self, OrderState order, int64_t qty_e, int64_t price_e, int64_t fee_e, const char* asset, Py_ssize_t asset_size,
        int64_t venue_ns
    ) except -1:
        cdef bint buys = order.c.side == BUY, ended = ORDER_FILLED <= order.c.status <= ORDER_REJECTED
        cdef int64_t signed_e = qty_e if buys else -qty_e, leaves_e = 0, was_e = 0
        cdef int opened
        cdef object was, request
        cdef Share share
        cdef Owned one
        if order.wide or qty_e <= 0 or price_e <= 0 or order.c.qty_e < 0 or not order.strategy:
            return False
        for request in self.under_way.get(order.keyed, ()):
            if request.action is self.amend:
                return False
        share = self.share(order)
        if not share.plain or price_e > (<int64_t>0x7fffffffffffffff) // share.up:
            return False
        price_e = price_e * share.up // share.down
        if fee_e == CONNECTOR_ABSENT or not share.counts(asset, asset_size):
            fee_e = 0
        was = self.counted.get(order.keyed)
        if was is not None:
            try:
                was_e = was
            except OverflowError:     # of an amend that had asked for more
                return False
        if not ended and not order.reduce_only and order.c.qty_e > order.c.filled_qty_e:
            leaves_e = order.c.qty_e - order.c.filled_qty_e
        opened = -(was is not None) if ended else was is None
        for one in share.owned:
            if not self.weigh(one, buys, leaves_e - was_e, signed_e, price_e, fee_e, venue_ns):
                return False
        # Nothing is left to others from here on.
        if not ended:
            self.counted[order.keyed] = leaves_e
        elif was is not None:
            del self.counted[order.keyed]
        self.own[share.key] = self.own.get(share.key, 0) + signed_e
        for one in share.owned:
            self.hold(one, opened, not tells(one.holding, venue_ns), venue_ns)
        self.holdings.changed = True
        return True

    cdef bint weigh(
        self, Owned one, bint buys, int64_t more_e, int64_t signed_e, int64_t price_e, int64_t fee_e, int64_t venue_ns
    ) noexcept:
        """Value a holding with the fill. False: it needs more than that."""
        cdef HoldingState holding = one.holding
        cdef OwnerState owner = one.owner
        cdef int64_t unpriced_e = holding.sums[UNPRICED_E]
        if holding.wide or owner.wide or not holding.fresh or holding.sums[MARK_E] <= 0:
            return False
        one.held.position_e, one.held.cash_e, one.held.mark_e = (
            holding.sums[POSITION_E], holding.sums[CASH_E], holding.sums[MARK_E]
        )
        one.held.buys_e, one.held.sells_e = holding.sums[BUYS_E], holding.sums[SELLS_E]
        if not booking_moves(
            one.held.buys_e if buys else one.held.sells_e, 0, more_e, &one.held.buys_e if buys else &one.held.sells_e
        ):
            return False
        if tells(holding, venue_ns):  # the venue's word has it already, taken in at mark
            if not booking_moves(unpriced_e, signed_e, 0, &unpriced_e):
                return False
        elif not booking_moves(one.held.position_e, 0, signed_e, &one.held.position_e):
            return False
        return (
            booking_fill(&one.held, signed_e, price_e, fee_e) and booking_fill(&one.held, unpriced_e, one.held.mark_e, 0)
            and booking_worth(&one.held, &one.value_e, &one.profit_e)
            and booking_moves(owner.sums[EXPOSURE_E], holding.sums[VALUE_E], one.value_e, &one.exposure_e)
            and booking_moves(owner.sums[PROFIT_E], holding.sums[HELD_PROFIT_E], one.profit_e, &one.sum_e)
        )

    cdef int hold(self, Owned one, int opened, bint newer, int64_t venue_ns) except -1:
        """Take over what `weigh` has found."""
        cdef HoldingState holding = one.holding
        cdef OwnerState owner = one.owner
        owner.sums[OPEN_ORDERS] += opened
        holding.sums[POSITION_E], holding.sums[CASH_E] = one.held.position_e, one.held.cash_e
        holding.sums[BUYS_E], holding.sums[SELLS_E], holding.sums[UNPRICED_E] = one.held.buys_e, one.held.sells_e, 0
        if newer and venue_ns > holding.sums[FILLED_NS]:
            holding.sums[FILLED_NS] = venue_ns
        if owner.unmarked:
            owner.unmarked.discard(one.symbol)
        holding.sums[VALUE_E], owner.sums[EXPOSURE_E] = one.value_e, one.exposure_e
        holding.sums[HELD_PROFIT_E], owner.sums[PROFIT_E] = one.profit_e, one.sum_e
        return 0


cdef inline bint tells(HoldingState holding, int64_t venue_ns) noexcept:
    """Whether the venue's word on a position has a fill of that time in it."""
    return holding.sums[SAID_NS] != 0 and venue_ns <= holding.sums[SAID_NS]
