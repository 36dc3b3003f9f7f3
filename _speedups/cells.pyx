"""The top table for strategies: best bid and ask, last trade and mark price, twenty levels, each copied whole.

A copy is taken under the cell's seqlock. When none can be had because the daemon was stopped or killed while it wrote,
the reader says so instead of waiting for ever.
"""

from libc.math cimport NAN
from libc.stdint cimport int64_t

from .events cimport Instrument, scaled, side_of, state_of
from .layout cimport BboCell, CONNECTOR_TOP_LEVELS, Level, LevelsCell, TopEntry, TradeCell
from .reader cimport MarketReader
from .seqlock cimport cell_read

cimport cython


@cython.final
cdef class TopBbo:
    """Best bid and ask of an instrument at one moment; believe it while ``state`` is LIVE."""

    @property
    def state(self):
        return state_of(self.cell.word)

    @property
    def bid_price_e(self):
        return self.cell.bid_price_e

    @property
    def bid_qty_e(self):
        return self.cell.bid_qty_e

    @property
    def ask_price_e(self):
        return self.cell.ask_price_e

    @property
    def ask_qty_e(self):
        return self.cell.ask_qty_e

    @property
    def bid_price(self):
        return scaled(self.cell.bid_price_e, self.instrument.price_unit)

    @property
    def bid_qty(self):
        return scaled(self.cell.bid_qty_e, self.instrument.qty_unit)

    @property
    def ask_price(self):
        return scaled(self.cell.ask_price_e, self.instrument.price_unit)

    @property
    def ask_qty(self):
        return scaled(self.cell.ask_qty_e, self.instrument.qty_unit)

    @property
    def update_id(self):
        return self.cell.update_id

    @property
    def venue_ns(self):
        return self.cell.venue_ns

    @property
    def recv_ns(self):
        return self.cell.recv_ns


@cython.final
cdef class TopTrade:
    """Last trade and mark price of an instrument; ``recv_ns`` and ``mark_recv_ns`` are 0 for what was never seen."""

    @property
    def state(self):
        return state_of(self.cell.word)

    @property
    def price_e(self):
        return self.cell.price_e

    @property
    def qty_e(self):
        return self.cell.qty_e

    @property
    def price(self):
        return scaled(self.cell.price_e, self.instrument.price_unit)

    @property
    def qty(self):
        return scaled(self.cell.qty_e, self.instrument.qty_unit)

    @property
    def side(self):
        return side_of(self.cell.side)

    @property
    def trade_id(self):
        return self.cell.trade_id

    @property
    def venue_ns(self):
        return self.cell.trade_venue_ns

    @property
    def recv_ns(self):
        return self.cell.trade_recv_ns

    @property
    def mark(self):
        return scaled(self.cell.mark_e, self.instrument.mark_unit)

    @property
    def index(self):
        return scaled(self.cell.index_e, self.instrument.mark_unit)

    @property
    def settle(self):
        return scaled(self.cell.settle_e, self.instrument.mark_unit)

    @property
    def rate(self):
        return scaled(self.cell.rate_e, self.instrument.rate_unit)

    @property
    def next_funding_ns(self):
        return self.cell.next_funding_ns

    @property
    def mark_venue_ns(self):
        return self.cell.mark_venue_ns

    @property
    def mark_recv_ns(self):
        return self.cell.mark_recv_ns


@cython.final
cdef class TopLevels:
    """The best levels of the book at ``update_id``, best first; believe them while ``state`` is LIVE or BEHIND."""

    @property
    def state(self):
        return state_of(self.cell.word)

    @property
    def update_id(self):
        return self.cell.update_id

    @property
    def venue_ns(self):
        return self.cell.venue_ns

    @property
    def recv_ns(self):
        return self.cell.recv_ns

    @property
    def bids(self):
        """(price, qty) floats."""
        return self._side(self.cell.bid, self.cell.bids)

    @property
    def asks(self):
        return self._side(self.cell.ask, self.cell.asks)

    @property
    def bids_e(self):
        """(price_e, qty_e) integers."""
        return [(self.cell.bid[i].price_e, self.cell.bid[i].qty_e) for i in range(count_of(self.cell.bids))]

    @property
    def asks_e(self):
        return [(self.cell.ask[i].price_e, self.cell.ask[i].qty_e) for i in range(count_of(self.cell.asks))]

    cdef list _side(self, const Level* levels, Py_ssize_t count):
        cdef double price_unit = self.instrument.price_unit, qty_unit = self.instrument.qty_unit
        cdef Py_ssize_t i
        return [(levels[i].price_e / price_unit, levels[i].qty_e / qty_unit) for i in range(count_of(count))]


cdef inline Py_ssize_t count_of(Py_ssize_t count) noexcept nogil:
    return count if count <= CONNECTOR_TOP_LEVELS else CONNECTOR_TOP_LEVELS


@cython.final
cdef class Top:
    """The top table of one instrument. Each call copies what is there now; it needs no polling.

    Raises Stalled when the daemon was stopped half-way through a write, EpochChanged when it is gone (looked at every
    10 ms) or when this is of an earlier daemon: ask the session for another.
    """

    def __init__(self, MarketReader reader not None, Instrument instrument not None):
        self.reader = reader
        self.instrument = instrument
        self.entry()

    cdef const TopEntry* entry(self) except NULL:
        if self.reader.table == NULL or self.reader.forks != self.reader.fork_counter[0]:
            self.reader.unusable()
        self.reader.glance()
        self.reader.own(self.instrument)
        return self.reader.table + self.instrument.entry.id

    cdef int copy(self, const void* cell, void* out, size_t size) except -1:
        while not cell_read(cell, out, size):
            self.reader.stalled()  # raises sooner or later
        self.reader.stalled_since_ns = 0
        return 0

    def bbo(self):
        cdef TopBbo found = TopBbo.__new__(TopBbo)
        found.instrument = self.instrument
        self.copy(&self.entry().bbo, &found.cell, sizeof(BboCell))
        return found

    def trade(self):
        cdef TopTrade found = TopTrade.__new__(TopTrade)
        found.instrument = self.instrument
        self.copy(&self.entry().trade, &found.cell, sizeof(TradeCell))
        return found

    def levels(self):
        cdef TopLevels found = TopLevels.__new__(TopLevels)
        found.instrument = self.instrument
        self.copy(&self.entry().levels, &found.cell, sizeof(LevelsCell))
        return found

    def levels_into(self, double[:, :, ::1] array not None):
        """Fill ``array[side, level] = (price, qty)``, side 0 the bids; shape (2, n, 2), float64.

        At most n and 20 levels a side; rows without a level become nan. Returns (update_id, bids, asks); the state
        is that of ``levels()``.
        """
        cdef LevelsCell cell
        cdef Py_ssize_t side, i, count, most = array.shape[1]
        cdef const Level* levels
        cdef double price_unit = self.instrument.price_unit, qty_unit = self.instrument.qty_unit
        if array.shape[0] != 2 or array.shape[2] != 2:
            raise ValueError(f"shape (2, n, 2) is wanted, not ({array.shape[0]}, {most}, {array.shape[2]})")
        self.copy(&self.entry().levels, &cell, sizeof(LevelsCell))
        for side in range(2):
            levels = &cell.ask[0] if side else &cell.bid[0]
            count = count_of(cell.asks if side else cell.bids)
            for i in range(most):
                if i < count:
                    array[side, i, 0] = levels[i].price_e / price_unit
                    array[side, i, 1] = levels[i].qty_e / qty_unit
                else:
                    array[side, i, 0] = array[side, i, 1] = NAN
        return cell.update_id, min(count_of(cell.bids), most), min(count_of(cell.asks), most)

    def levels_into_e(self, int64_t[:, :, ::1] array not None):
        """The same in scaled integers, int64; rows without a level become 0."""
        cdef LevelsCell cell
        cdef Py_ssize_t side, i, count, most = array.shape[1]
        cdef const Level* levels
        if array.shape[0] != 2 or array.shape[2] != 2:
            raise ValueError(f"shape (2, n, 2) is wanted, not ({array.shape[0]}, {most}, {array.shape[2]})")
        self.copy(&self.entry().levels, &cell, sizeof(LevelsCell))
        for side in range(2):
            levels = &cell.ask[0] if side else &cell.bid[0]
            count = count_of(cell.asks if side else cell.bids)
            for i in range(most):
                array[side, i, 0] = levels[i].price_e if i < count else 0
                array[side, i, 1] = levels[i].qty_e if i < count else 0
        return cell.update_id, min(count_of(cell.bids), most), min(count_of(cell.asks), most)
