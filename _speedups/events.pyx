"""What a strategy is handed: small objects, each the copy of one record or cell, that convert a number when asked.

``*_e`` are the exact integers of the layout; the same name without ``_e`` is the nearest float (nan: the venue did not
give it). Times are nanoseconds: ``venue_ns`` Unix, ``recv_ns`` and ``publish_ns`` CLOCK_MONOTONIC.
"""

from decimal import Decimal

import orjson

cimport cython
from libc.math cimport NAN
from libc.stdint cimport int64_t, uint64_t, uint8_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from .layout cimport (
    BboBody, BookDeltaBody, CONNECTOR_ABSENT, FLAG_LAST, FLAG_MORE, FLAG_RESYNC, FeedStateBody, INSTRUMENT_INVERSE,
    InstrumentChangeBody, InstrumentEntry, Level, MarkPriceBody, TradeBody,
)

cdef extern from "string.h" nogil:
    size_t strnlen(const char* text, size_t most)

cdef list _states = list(range(256))
cdef list _sides = list(range(256))
cdef list _kinds = list(range(256))
cdef list _reasons = list(range(256))
cdef list _statuses = list(range(256))
cdef list _contracts = list(range(256))


def use_enums(*, state, side, kind, reason, status, contract):
    """Give properties these IntEnums instead of bare numbers; the package does so when it is imported."""
    for target, members in (
        (_states, state), (_sides, side), (_kinds, kind), (_reasons, reason), (_statuses, status),
        (_contracts, contract),
    ):
        for member in members:
            target[int(member)] = member


cdef double scaled(int64_t value_e, double unit) noexcept:
    return NAN if value_e == CONNECTOR_ABSENT else value_e / unit


cdef object state_of(uint64_t word):
    return _states[word & 255]


cdef object side_of(uint64_t side):
    return _sides[side & 255]


def exact(int64_t value_e, int exponent):
    """``value_e`` / 10**``exponent`` as an exact Decimal; None when the venue did not give it."""
    return None if value_e == CONNECTOR_ABSENT else Decimal(value_e).scaleb(-exponent)


def plain(value):
    """For orjson: a Decimal as a JSON number with all its digits and no exponent.

    Only what no record can hold, an absurd number of a refused command, keeps its exponent: written out it would fill
    the memory."""
    if isinstance(value, Decimal):
        text = f"{value:f}" if -64 < value.adjusted() < 64 else str(value)
        return orjson.Fragment(text.rstrip("0").rstrip(".") if "." in text else text)
    raise TypeError(f"{type(value).__name__} is not JSON")


cdef str text(const char* field, size_t room):
    return field[:strnlen(field, room)].decode("utf-8", "replace")


@cython.final
cdef class Instrument:
    """One instrument of the daemon's directory; status and filters follow the venue's changes while one polls."""

    cdef void refresh(self, const InstrumentEntry* entry):
        memcpy(&self.entry, entry, sizeof(InstrumentEntry))
        self.exchange = text(self.entry.exchange, sizeof(self.entry.exchange))
        self.symbol = text(self.entry.symbol, sizeof(self.entry.symbol))
        self.base = text(self.entry.base, sizeof(self.entry.base))
        self.quote = text(self.entry.quote, sizeof(self.entry.quote))
        self.margin = text(self.entry.margin, sizeof(self.entry.margin))
        self.price_unit = 10.0 ** self.entry.price_exponent
        self.qty_unit = 10.0 ** self.entry.qty_exponent
        self.mark_unit = 10.0 ** self.entry.mark_exponent
        self.rate_unit = 10.0 ** self.entry.rate_exponent

    @property
    def index(self):
        return self.entry.id

    @property
    def status(self):
        return _statuses[self.entry.status & 255]

    @property
    def contract(self):
        return _contracts[self.entry.contract & 255]

    @property
    def inverse(self):
        """Its value is in the margin asset, as quantity times contract size divided by price."""
        return bool(self.entry.flags & INSTRUMENT_INVERSE)

    @property
    def price_exponent(self):
        return self.entry.price_exponent

    @property
    def qty_exponent(self):
        return self.entry.qty_exponent

    @property
    def price_digits(self):
        return self.entry.price_digits

    @property
    def qty_digits(self):
        return self.entry.qty_digits

    @property
    def tick_e(self):
        return self.entry.tick_e

    @property
    def tick(self):
        return scaled(self.entry.tick_e, self.price_unit)

    @property
    def step_e(self):
        return self.entry.step_e

    @property
    def step(self):
        return scaled(self.entry.step_e, self.qty_unit)

    @property
    def generation(self):
        return self.entry.generation

    def price_e(self, price):
        """``price`` (float, str, Decimal or int) as a scaled integer; ValueError when it is not exact."""
        return _to_e(price, self.entry.price_exponent)

    def qty_e(self, qty):
        """``qty`` (float, str, Decimal or int) as a scaled integer; ValueError when it is not exact."""
        return _to_e(qty, self.entry.qty_exponent)

    def to_dict(self):
        """Everything the directory says, numbers as exact Decimals, None for what the venue did not give."""
        cdef InstrumentEntry* e = &self.entry
        cdef int p = e.price_exponent, q = e.qty_exponent
        return {
            "index": e.id, "exchange": self.exchange, "symbol": self.symbol, "base": self.base, "quote": self.quote,
            "margin": self.margin, "status": name_of(self.status), "contract": name_of(self.contract),
            "tick": exact(e.tick_e, p), "step": exact(e.step_e, q),
            "min_price": exact(e.min_price_e, p), "max_price": exact(e.max_price_e, p),
            "min_qty": exact(e.min_qty_e, q), "max_qty": exact(e.max_qty_e, q),
            "market_step": exact(e.market_step_e, q), "market_min_qty": exact(e.market_min_qty_e, q),
            "market_max_qty": exact(e.market_max_qty_e, q), "min_notional": exact(e.min_notional_e, 8),
            "multiplier_up": exact(e.multiplier_up_e, 8), "multiplier_down": exact(e.multiplier_down_e, 8),
            "contract_size": exact(e.contract_size_e, 8), "inverse": self.inverse,
            "onboard_ns": e.onboard_ns, "delivery_ns": e.delivery_ns,
            "generation": e.generation,
        }

    def __repr__(self):
        return f"<Instrument {self.exchange} {self.symbol}>"


def _to_e(value, int exponent):
    scaled_value = Decimal(repr(value) if isinstance(value, float) else value).scaleb(exponent)
    if scaled_value != int(scaled_value):
        raise ValueError(f"{value} has more than {exponent} decimals")
    return int(scaled_value)


cdef object name_of(value):
    return value.name if hasattr(value, "name") else int(value)


@cython.freelist(256)
@cython.no_gc
cdef class Event:
    """One record of the market ring."""

    type = "event"

    @property
    def sequence(self):
        return self.header.sequence

    @property
    def record_type(self):
        return self.header.type

    @property
    def flags(self):
        return self.header.flags

    @property
    def venue_ns(self):
        return self.header.venue_ns

    @property
    def recv_ns(self):
        return self.header.recv_ns

    @property
    def publish_ns(self):
        return self.header.publish_ns

    @property
    def update_id(self):
        return self.header.update_id

    @property
    def line(self):
        return self.header.line

    def to_dict(self):
        """Everything the record says: enums by name, numbers as exact Decimals, None for what is absent."""
        cdef Instrument i = self.instrument
        found = {
            "type": self.type,
            "exchange": i.exchange if i is not None else None,
            "symbol": i.symbol if i is not None else None,
            "sequence": self.header.sequence,
            "venue_ns": self.header.venue_ns,
            "recv_ns": self.header.recv_ns,
            "publish_ns": self.header.publish_ns,
            "update_id": self.header.update_id,
            "line": self.header.line,
        }
        found.update(self._fields())
        return found

    def to_json(self):
        """``to_dict()`` as JSON bytes; prices and quantities are plain decimals with all their digits."""
        return orjson.dumps(self.to_dict(), default=plain)

    def _fields(self):
        return {}

    def __repr__(self):
        shown = " ".join(f"{key}={value}" for key, value in self._fields().items())
        symbol = self.instrument.symbol if self.instrument is not None else "?"
        return f"<{type(self).__name__} {symbol} {shown}>"


@cython.final
@cython.no_gc
cdef class Bbo(Event):
    """Best bid and ask; a quantity of 0 means that the side is empty."""

    type = "bbo"

    @property
    def bid_price_e(self):
        return (<BboBody*>self.body).bid_price_e

    @property
    def bid_qty_e(self):
        return (<BboBody*>self.body).bid_qty_e

    @property
    def ask_price_e(self):
        return (<BboBody*>self.body).ask_price_e

    @property
    def ask_qty_e(self):
        return (<BboBody*>self.body).ask_qty_e

    @property
    def bid_price(self):
        return scaled((<BboBody*>self.body).bid_price_e, self.instrument.price_unit)

    @property
    def bid_qty(self):
        return scaled((<BboBody*>self.body).bid_qty_e, self.instrument.qty_unit)

    @property
    def ask_price(self):
        return scaled((<BboBody*>self.body).ask_price_e, self.instrument.price_unit)

    @property
    def ask_qty(self):
        return scaled((<BboBody*>self.body).ask_qty_e, self.instrument.qty_unit)

    @property
    def transaction_ns(self):
        return (<BboBody*>self.body).transaction_ns

    @property
    def state(self):
        return _states[(<BboBody*>self.body).state & 255]

    @property
    def source(self):
        return _kinds[(<BboBody*>self.body).source & 255]

    def _fields(self):
        cdef BboBody* b = <BboBody*>self.body
        cdef int p = self.instrument.entry.price_exponent, q = self.instrument.entry.qty_exponent
        return {
            "bid_price": exact(b.bid_price_e, p), "bid_qty": exact(b.bid_qty_e, q),
            "ask_price": exact(b.ask_price_e, p), "ask_qty": exact(b.ask_qty_e, q),
            "state": name_of(self.state), "source": name_of(self.source), "transaction_ns": b.transaction_ns,
        }


@cython.final
@cython.no_gc
cdef class Trade(Event):
    """One trade, or several fills of one order at one price (``aggregate``); ``side`` is the aggressor's."""

    type = "trade"

    @property
    def price_e(self):
        return (<TradeBody*>self.body).price_e

    @property
    def qty_e(self):
        return (<TradeBody*>self.body).qty_e

    @property
    def normal_qty_e(self):
        """Without what met orders that the depth stream leaves out; the whole where the venue makes no difference."""
        cdef TradeBody* b = <TradeBody*>self.body
        return b.normal_qty_e if b.normal_qty_e >= 0 else b.qty_e

    @property
    def price(self):
        return scaled((<TradeBody*>self.body).price_e, self.instrument.price_unit)

    @property
    def qty(self):
        return scaled((<TradeBody*>self.body).qty_e, self.instrument.qty_unit)

    @property
    def side(self):
        return _sides[(<TradeBody*>self.body).side]

    @property
    def trade_id(self):
        return self.header.update_id

    @property
    def first_trade_id(self):
        return (<TradeBody*>self.body).first_trade_id

    @property
    def last_trade_id(self):
        return (<TradeBody*>self.body).last_trade_id

    @property
    def aggregate(self):
        return (<TradeBody*>self.body).aggregate != 0

    @property
    def is_market(self):
        """False for what the venue mixes in (insurance fund and the like): not a market price."""
        return (<TradeBody*>self.body).origin == 1

    @property
    def transaction_ns(self):
        return (<TradeBody*>self.body).transaction_ns

    def _fields(self):
        cdef TradeBody* b = <TradeBody*>self.body
        cdef int p = self.instrument.entry.price_exponent, q = self.instrument.entry.qty_exponent
        return {
            "price": exact(b.price_e, p), "qty": exact(b.qty_e, q), "side": name_of(self.side),
            "aggregate": self.aggregate, "is_market": self.is_market, "normal_qty": exact(b.normal_qty_e, q),
            "first_trade_id": b.first_trade_id, "last_trade_id": b.last_trade_id, "transaction_ns": b.transaction_ns,
        }


@cython.final
@cython.no_gc
cdef class MarkPrice(Event):
    """Mark, index and settlement price and the funding rate."""

    type = "mark_price"

    @property
    def mark_e(self):
        return (<MarkPriceBody*>self.body).mark_e

    @property
    def mark(self):
        return scaled((<MarkPriceBody*>self.body).mark_e, self.instrument.mark_unit)

    @property
    def index(self):
        return scaled((<MarkPriceBody*>self.body).index_e, self.instrument.mark_unit)

    @property
    def settle(self):
        return scaled((<MarkPriceBody*>self.body).settle_e, self.instrument.mark_unit)

    @property
    def average(self):
        return scaled((<MarkPriceBody*>self.body).average_e, self.instrument.mark_unit)

    @property
    def rate_e(self):
        return (<MarkPriceBody*>self.body).rate_e

    @property
    def rate(self):
        return scaled((<MarkPriceBody*>self.body).rate_e, self.instrument.rate_unit)

    @property
    def next_funding_ns(self):
        return (<MarkPriceBody*>self.body).next_funding_ns

    def _fields(self):
        cdef MarkPriceBody* b = <MarkPriceBody*>self.body
        cdef int m = self.instrument.entry.mark_exponent
        return {
            "mark": exact(b.mark_e, m), "index": exact(b.index_e, m), "settle": exact(b.settle_e, m),
            "average": exact(b.average_e, m), "rate": exact(b.rate_e, self.instrument.entry.rate_exponent),
            "next_funding_ns": b.next_funding_ns,
        }


@cython.final
@cython.no_gc
cdef class FeedState(Event):
    """A feed of an instrument changed its state; believe the book only while it is LIVE or BEHIND."""

    type = "feed_state"

    @property
    def kind(self):
        return _kinds[(<FeedStateBody*>self.body).kind]

    @property
    def state(self):
        return _states[(<FeedStateBody*>self.body).state]

    @property
    def previous(self):
        return _states[(<FeedStateBody*>self.body).previous]

    @property
    def reason(self):
        return _reasons[(<FeedStateBody*>self.body).reason & 255]

    def _fields(self):
        cdef FeedStateBody* b = <FeedStateBody*>self.body
        return {
            "kind": name_of(self.kind), "state": name_of(self.state), "previous": name_of(self.previous),
            "reason": name_of(self.reason), "bids": b.bids, "asks": b.asks,
        }


@cython.final
@cython.no_gc
cdef class InstrumentChange(Event):
    """The venue changed an instrument, or a new one was added; ``instrument`` has the new values already."""

    type = "instrument_change"

    @property
    def generation(self):
        return (<InstrumentChangeBody*>self.body).generation

    @property
    def status(self):
        return _statuses[(<InstrumentChangeBody*>self.body).status & 255]

    @property
    def previous(self):
        return _statuses[(<InstrumentChangeBody*>self.body).previous & 255]

    def _fields(self):
        return {"generation": self.generation, "status": name_of(self.status), "previous": name_of(self.previous)}


@cython.final
@cython.no_gc
cdef class Unknown(Event):
    """A record of a type this version does not know; ``record_type`` says which."""

    type = "unknown"

    def _fields(self):
        return {"record_type": self.header.type}


@cython.final
@cython.no_gc
cdef class BookDelta(Event):
    """The levels of one message of the venue (or a part of it, ``more``): absolute quantities, 0 deletes."""

    type = "book_delta"

    def __dealloc__(self):
        free(self.levels)

    cdef int take_levels(self, const void* source, Py_ssize_t room) noexcept:
        """Copy ``bids + asks`` levels, never more than ``room``; -1 when there is no memory."""
        cdef BookDeltaBody* body = <BookDeltaBody*>self.body
        cdef Py_ssize_t bids = body.bids, asks = body.asks
        if bids > room:
            bids = room
        if asks > room - bids:
            asks = room - bids
        self.levels = <Level*>malloc((bids + asks) * sizeof(Level) or 1)
        if self.levels == NULL:
            return -1
        memcpy(self.levels, source, (bids + asks) * sizeof(Level))
        self.bid_count, self.ask_count = bids, asks
        return 0

    @property
    def first_id(self):
        return (<BookDeltaBody*>self.body).first_id

    @property
    def prev_id(self):
        return (<BookDeltaBody*>self.body).prev_id

    @property
    def transaction_ns(self):
        return (<BookDeltaBody*>self.body).transaction_ns

    @property
    def more(self):
        """The message goes on in this instrument's next record."""
        return self.header.flags & FLAG_MORE != 0

    @property
    def resync(self):
        """Part of the difference between the book before a gap and the one after it."""
        return self.header.flags & FLAG_RESYNC != 0

    cdef list _side(self, Py_ssize_t start, Py_ssize_t count):
        cdef double price_unit = self.instrument.price_unit, qty_unit = self.instrument.qty_unit
        cdef Py_ssize_t i
        return [
            (self.levels[i].price_e / price_unit, self.levels[i].qty_e / qty_unit) for i in range(start, start + count)
        ]

    cdef list _side_e(self, Py_ssize_t start, Py_ssize_t count):
        cdef Py_ssize_t i
        return [(self.levels[i].price_e, self.levels[i].qty_e) for i in range(start, start + count)]

    @property
    def bids(self):
        """(price, qty) floats in the venue's order."""
        return self._side(0, self.bid_count)

    @property
    def asks(self):
        return self._side(self.bid_count, self.ask_count)

    @property
    def bids_e(self):
        """(price_e, qty_e) integers in the venue's order."""
        return self._side_e(0, self.bid_count)

    @property
    def asks_e(self):
        return self._side_e(self.bid_count, self.ask_count)

    def _fields(self):
        cdef int p = self.instrument.entry.price_exponent, q = self.instrument.entry.qty_exponent
        return {
            "first_id": self.first_id, "prev_id": self.prev_id, "transaction_ns": self.transaction_ns,
            "more": self.more, "resync": self.resync,
            "bids": [[exact(price, p), exact(qty, q)] for price, qty in self.bids_e],
            "asks": [[exact(price, p), exact(qty, q)] for price, qty in self.asks_e],
        }
