"""What a strategy is handed of the market beside book, trades and mark prices; numbers as events.pyx gives them."""

cimport cython
from libc.stdint cimport int64_t
from libc.string cimport memcpy, memset

from .events cimport Event, name_of, scaled, text
from .events import exact
from .layout cimport CONNECTOR_ABSENT, Level
from .layout_streams cimport (
    Bracket, Component, ContractBody, DepthViewBody, IndexBody, INDEX_FUNDING_RATE, INDEX_NEXT_FUNDING_RATE,
    KlineBody, LiquidationBody, MarketHoursBody, TickerBody,
)

cdef enum:
    SHARES = 8                    # decimals of ratios and of sums of money

cdef dict _enums = {}


def use_enums(**enums):
    """Give properties these IntEnums instead of bare numbers; the package does so when it is imported."""
    _enums.update(enums)


cdef object enum_of(str name, int value):
    kind = _enums.get(name)
    try:
        return value if kind is None else kind(value)
    except ValueError:
        return value


cdef double decimal(int64_t value_e, int exponent) noexcept:
    return scaled(value_e, 10.0 ** exponent)


cdef object _margin(int64_t bid_buffer_e, int64_t ask_buffer_e, int64_t bid_rate_e, int64_t ask_rate_e):
    if bid_rate_e == CONNECTOR_ABSENT:
        return None
    return (
        decimal(bid_buffer_e, SHARES), decimal(ask_buffer_e, SHARES), decimal(bid_rate_e, SHARES),
        decimal(ask_rate_e, SHARES),
    )


cdef object given(int64_t value):
    return None if value == CONNECTOR_ABSENT else value


@cython.no_gc
cdef class StreamEvent(Event):
    """One record of a stream beside book, trades and mark prices."""

    cdef int fill(self, const char* source, Py_ssize_t size) except -1:
        cdef Py_ssize_t first = min(size, WIDE)
        memset(self.wide, 0, WIDE)
        memcpy(self.wide, source, first)
        self.rest = source[first:size] if size > first else b""
        return 0


@cython.final
@cython.no_gc
cdef class Kline(StreamEvent):
    """What an interval's trades come to so far."""

    type = "kline"

    @property
    def open_ns(self): return (<KlineBody*>self.wide).open_ns

    @property
    def end_ns(self): return (<KlineBody*>self.wide).end_ns

    @property
    def interval_s(self): return (<KlineBody*>self.wide).interval_s

    @property
    def closed(self): return (<KlineBody*>self.wide).closed != 0

    @property
    def backfill(self): return (<KlineBody*>self.wide).backfill != 0

    @property
    def source(self): return enum_of("kline_source", (<KlineBody*>self.wide).source)

    @property
    def open_e(self): return (<KlineBody*>self.wide).open_e

    @property
    def open(self): return scaled((<KlineBody*>self.wide).open_e, self.instrument.price_unit)

    @property
    def high_e(self): return (<KlineBody*>self.wide).high_e

    @property
    def high(self): return scaled((<KlineBody*>self.wide).high_e, self.instrument.price_unit)

    @property
    def low_e(self): return (<KlineBody*>self.wide).low_e

    @property
    def low(self): return scaled((<KlineBody*>self.wide).low_e, self.instrument.price_unit)

    @property
    def close_e(self): return (<KlineBody*>self.wide).close_e

    @property
    def close(self): return scaled((<KlineBody*>self.wide).close_e, self.instrument.price_unit)

    @property
    def last_close_e(self): return (<KlineBody*>self.wide).last_close_e

    @property
    def last_close(self): return scaled((<KlineBody*>self.wide).last_close_e, self.instrument.price_unit)

    @property
    def qty_e(self): return (<KlineBody*>self.wide).qty_e

    @property
    def buy_qty_e(self): return (<KlineBody*>self.wide).buy_qty_e

    @property
    def qty_exponent(self): return (<KlineBody*>self.wide).qty_exponent

    @property
    def qty(self):
        cdef KlineBody* b = <KlineBody*>self.wide
        return decimal(b.qty_e, b.qty_exponent)

    @property
    def buy_qty(self):
        cdef KlineBody* b = <KlineBody*>self.wide
        return decimal(b.buy_qty_e, b.qty_exponent)

    @property
    def value_e(self): return (<KlineBody*>self.wide).value_e

    @property
    def buy_value_e(self): return (<KlineBody*>self.wide).buy_value_e

    @property
    def value_exponent(self): return (<KlineBody*>self.wide).value_exponent

    @property
    def value(self):
        cdef KlineBody* b = <KlineBody*>self.wide
        return decimal(b.value_e, b.value_exponent)

    @property
    def buy_value(self):
        cdef KlineBody* b = <KlineBody*>self.wide
        return decimal(b.buy_value_e, b.value_exponent)

    @property
    def trades(self): return given((<KlineBody*>self.wide).trades)

    @property
    def first_trade_id(self): return given((<KlineBody*>self.wide).first_trade_id)

    @property
    def last_trade_id(self): return given((<KlineBody*>self.wide).last_trade_id)

    def _fields(self):
        cdef KlineBody* b = <KlineBody*>self.wide
        cdef int p = self.instrument.entry.price_exponent
        return {
            "interval_s": b.interval_s, "source": name_of(self.source), "open_ns": b.open_ns, "end_ns": b.end_ns,
            "closed": self.closed, "backfill": self.backfill, "open": exact(b.open_e, p), "high": exact(b.high_e, p),
            "low": exact(b.low_e, p), "close": exact(b.close_e, p), "last_close": exact(b.last_close_e, p),
            "qty": exact(b.qty_e, b.qty_exponent), "buy_qty": exact(b.buy_qty_e, b.qty_exponent),
            "value": exact(b.value_e, b.value_exponent), "buy_value": exact(b.buy_value_e, b.value_exponent),
            "trades": given(b.trades), "first_trade_id": given(b.first_trade_id),
            "last_trade_id": given(b.last_trade_id),
        }


@cython.final
@cython.no_gc
cdef class Ticker(StreamEvent):
    """Statistics of a rolling window, usually the last 24 hours."""

    type = "ticker"

    @property
    def mini(self): return (<TickerBody*>self.wide).mini != 0

    @property
    def open_ns(self): return given((<TickerBody*>self.wide).open_ns)

    @property
    def close_ns(self): return given((<TickerBody*>self.wide).close_ns)

    @property
    def open_e(self): return (<TickerBody*>self.wide).open_e

    @property
    def open(self): return scaled((<TickerBody*>self.wide).open_e, self.instrument.price_unit)

    @property
    def high_e(self): return (<TickerBody*>self.wide).high_e

    @property
    def high(self): return scaled((<TickerBody*>self.wide).high_e, self.instrument.price_unit)

    @property
    def low_e(self): return (<TickerBody*>self.wide).low_e

    @property
    def low(self): return scaled((<TickerBody*>self.wide).low_e, self.instrument.price_unit)

    @property
    def last_e(self): return (<TickerBody*>self.wide).last_e

    @property
    def last(self): return scaled((<TickerBody*>self.wide).last_e, self.instrument.price_unit)

    @property
    def average_e(self): return (<TickerBody*>self.wide).average_e

    @property
    def average(self): return scaled((<TickerBody*>self.wide).average_e, self.instrument.mark_unit)

    @property
    def change(self):
        cdef TickerBody* b = <TickerBody*>self.wide
        if b.last_e == CONNECTOR_ABSENT or b.open_e == CONNECTOR_ABSENT:
            return scaled(CONNECTOR_ABSENT, 1)
        return (b.last_e - b.open_e) / self.instrument.price_unit

    @property
    def qty_exponent(self): return (<TickerBody*>self.wide).qty_exponent

    @property
    def qty_e(self): return (<TickerBody*>self.wide).qty_e

    @property
    def qty(self):
        cdef TickerBody* b = <TickerBody*>self.wide
        return decimal(b.qty_e, b.qty_exponent)

    @property
    def last_qty_e(self): return (<TickerBody*>self.wide).last_qty_e

    @property
    def last_qty(self):
        cdef TickerBody* b = <TickerBody*>self.wide
        return decimal(b.last_qty_e, b.qty_exponent)

    @property
    def open_interest_e(self): return (<TickerBody*>self.wide).open_interest_e

    @property
    def open_interest(self):
        cdef TickerBody* b = <TickerBody*>self.wide
        return decimal(b.open_interest_e, b.qty_exponent)

    @property
    def value_exponent(self): return (<TickerBody*>self.wide).value_exponent

    @property
    def value_e(self): return (<TickerBody*>self.wide).value_e

    @property
    def value(self):
        cdef TickerBody* b = <TickerBody*>self.wide
        return decimal(b.value_e, b.value_exponent)

    @property
    def trades(self): return given((<TickerBody*>self.wide).trades)

    @property
    def first_trade_id(self): return given((<TickerBody*>self.wide).first_trade_id)

    @property
    def last_trade_id(self): return given((<TickerBody*>self.wide).last_trade_id)

    def _fields(self):
        cdef TickerBody* b = <TickerBody*>self.wide
        cdef int p = self.instrument.entry.price_exponent, q = b.qty_exponent
        return {
            "mini": self.mini, "open_ns": self.open_ns, "close_ns": self.close_ns, "open": exact(b.open_e, p),
            "high": exact(b.high_e, p), "low": exact(b.low_e, p), "last": exact(b.last_e, p),
            "average": exact(b.average_e, self.instrument.entry.mark_exponent), "last_qty": exact(b.last_qty_e, q),
            "qty": exact(b.qty_e, q), "open_interest": exact(b.open_interest_e, q),
            "value": exact(b.value_e, b.value_exponent), "trades": given(b.trades),
            "first_trade_id": given(b.first_trade_id), "last_trade_id": given(b.last_trade_id),
        }


@cython.final
@cython.no_gc
cdef class Index(StreamEvent):
    """A number the venue computes: an index or mark price, a rate, an asset's worth as margin."""

    type = "index"

    @property
    def kind(self): return enum_of("index_kind", (<IndexBody*>self.wide).kind)

    @property
    def name(self): return text((<IndexBody*>self.wide).name, 32)

    cdef int exponent(self) noexcept:
        cdef int kind = (<IndexBody*>self.wide).kind
        if kind == INDEX_FUNDING_RATE or kind == INDEX_NEXT_FUNDING_RATE:
            return self.instrument.entry.rate_exponent
        return self.instrument.entry.mark_exponent

    @property
    def value_e(self): return (<IndexBody*>self.wide).value_e

    @property
    def value(self): return decimal((<IndexBody*>self.wide).value_e, self.exponent())

    @property
    def margin(self):
        cdef IndexBody* b = <IndexBody*>self.wide
        return _margin(b.bid_buffer_e, b.ask_buffer_e, b.bid_rate_e, b.ask_rate_e)

    @property
    def auto_margin(self):
        cdef IndexBody* b = <IndexBody*>self.wide
        return _margin(b.auto_bid_buffer_e, b.auto_ask_buffer_e, b.auto_bid_rate_e, b.auto_ask_rate_e)

    @property
    def components(self):
        cdef Py_ssize_t index, count = min((<IndexBody*>self.wide).components, len(self.rest) // sizeof(Component))
        cdef const Component* rows = <const Component*><const char*>self.rest
        return [
            {
                "base": text(rows[index].base, 16), "quote": text(rows[index].quote, 16) or None,
                "quantity": exact(rows[index].quantity_e, SHARES), "share": exact(rows[index].share_e, SHARES),
                "price": exact(rows[index].price_e, SHARES),
            }
            for index in range(count)
        ]

    def _fields(self):
        cdef IndexBody* b = <IndexBody*>self.wide
        found = {"kind": name_of(self.kind), "name": self.name, "value": exact(b.value_e, self.exponent())}
        if b.bid_rate_e != CONNECTOR_ABSENT:
            found |= {
                "bid_buffer": exact(b.bid_buffer_e, SHARES), "ask_buffer": exact(b.ask_buffer_e, SHARES),
                "bid_rate": exact(b.bid_rate_e, SHARES), "ask_rate": exact(b.ask_rate_e, SHARES),
                "auto_bid_buffer": exact(b.auto_bid_buffer_e, SHARES),
                "auto_ask_buffer": exact(b.auto_ask_buffer_e, SHARES),
                "auto_bid_rate": exact(b.auto_bid_rate_e, SHARES),
                "auto_ask_rate": exact(b.auto_ask_rate_e, SHARES),
            }
        if b.components:
            found["components"] = self.components
        return found


@cython.final
@cython.no_gc
cdef class Liquidation(StreamEvent):
    """An order by which the venue closed somebody's position."""

    type = "liquidation"

    @property
    def side(self): return enum_of("side", (<LiquidationBody*>self.wide).side)

    @property
    def order_type(self): return enum_of("order_type", (<LiquidationBody*>self.wide).order_type)

    @property
    def time_in_force(self): return enum_of("time_in_force", (<LiquidationBody*>self.wide).time_in_force)

    @property
    def status(self): return enum_of("order_status", (<LiquidationBody*>self.wide).status)

    @property
    def price_e(self): return (<LiquidationBody*>self.wide).price_e

    @property
    def price(self): return scaled((<LiquidationBody*>self.wide).price_e, self.instrument.price_unit)

    @property
    def average_e(self): return (<LiquidationBody*>self.wide).average_e

    @property
    def average(self): return scaled((<LiquidationBody*>self.wide).average_e, self.instrument.mark_unit)

    @property
    def qty_e(self): return (<LiquidationBody*>self.wide).qty_e

    @property
    def qty(self): return scaled((<LiquidationBody*>self.wide).qty_e, self.instrument.qty_unit)

    @property
    def last_qty_e(self): return (<LiquidationBody*>self.wide).last_qty_e

    @property
    def last_qty(self): return scaled((<LiquidationBody*>self.wide).last_qty_e, self.instrument.qty_unit)

    @property
    def filled_qty_e(self): return (<LiquidationBody*>self.wide).filled_qty_e

    @property
    def filled_qty(self): return scaled((<LiquidationBody*>self.wide).filled_qty_e, self.instrument.qty_unit)

    @property
    def transaction_ns(self): return (<LiquidationBody*>self.wide).transaction_ns

    def _fields(self):
        cdef LiquidationBody* b = <LiquidationBody*>self.wide
        cdef int p = self.instrument.entry.price_exponent, q = self.instrument.entry.qty_exponent
        return {
            "side": name_of(self.side), "order_type": name_of(self.order_type),
            "time_in_force": name_of(self.time_in_force), "status": name_of(self.status),
            "price": exact(b.price_e, p), "average": exact(b.average_e, self.instrument.entry.mark_exponent),
            "qty": exact(b.qty_e, q), "last_qty": exact(b.last_qty_e, q), "filled_qty": exact(b.filled_qty_e, q),
            "transaction_ns": b.transaction_ns,
        }


@cython.final
@cython.no_gc
cdef class Contract(StreamEvent):
    """The venue tells that a contract is listed, changed or over; the directory follows."""

    type = "contract"

    @property
    def status(self): return enum_of("status", (<ContractBody*>self.wide).status)

    @property
    def contract(self): return enum_of("contract", (<ContractBody*>self.wide).contract)

    @property
    def onboard_ns(self): return (<ContractBody*>self.wide).onboard_ns

    @property
    def delivery_ns(self): return (<ContractBody*>self.wide).delivery_ns

    @property
    def brackets(self):
        cdef Py_ssize_t index, count = min((<ContractBody*>self.wide).brackets, len(self.rest) // sizeof(Bracket))
        cdef const Bracket* rows = <const Bracket*><const char*>self.rest
        return [
            {
                "number": rows[index].number, "floor": exact(rows[index].floor_e, SHARES),
                "cap": exact(rows[index].cap_e, SHARES), "maintenance": exact(rows[index].maintenance_e, SHARES),
                "deduction": exact(rows[index].deduction_e, SHARES), "min_leverage": rows[index].min_leverage,
                "max_leverage": rows[index].max_leverage,
            }
            for index in range(count)
        ]

    def _fields(self):
        return {
            "status": name_of(self.status), "contract": name_of(self.contract), "onboard_ns": self.onboard_ns,
            "delivery_ns": self.delivery_ns, "brackets": self.brackets,
        }


@cython.final
@cython.no_gc
cdef class DepthView(StreamEvent):
    """Levels beside the book: its top, all of it each time, or changes of one with orders the book leaves out."""

    type = "depth_view"

    @property
    def view(self): return enum_of("depth_view", (<DepthViewBody*>self.wide).view)

    @property
    def levels(self): return (<DepthViewBody*>self.wide).levels

    @property
    def first_id(self): return (<DepthViewBody*>self.wide).first_id

    @property
    def prev_id(self): return (<DepthViewBody*>self.wide).prev_id

    @property
    def transaction_ns(self): return (<DepthViewBody*>self.wide).transaction_ns

    cdef list side(self, Py_ssize_t first, Py_ssize_t count):
        cdef Py_ssize_t index, most = len(self.rest) // sizeof(Level)
        cdef const Level* rows = <const Level*><const char*>self.rest
        return [(rows[index].price_e, rows[index].qty_e) for index in range(min(first, most), min(first + count, most))]

    @property
    def bids_e(self): return self.side(0, (<DepthViewBody*>self.wide).bids)

    @property
    def asks_e(self): return self.side((<DepthViewBody*>self.wide).bids, (<DepthViewBody*>self.wide).asks)

    @property
    def bids(self):
        cdef double p = self.instrument.price_unit, q = self.instrument.qty_unit
        return [(price_e / p, qty_e / q) for price_e, qty_e in self.bids_e]

    @property
    def asks(self):
        cdef double p = self.instrument.price_unit, q = self.instrument.qty_unit
        return [(price_e / p, qty_e / q) for price_e, qty_e in self.asks_e]

    def _fields(self):
        cdef int p = self.instrument.entry.price_exponent, q = self.instrument.entry.qty_exponent
        return {
            "view": name_of(self.view), "levels": self.levels, "first_id": self.first_id, "prev_id": self.prev_id,
            "transaction_ns": self.transaction_ns,
            "bids": [[exact(price, p), exact(qty, q)] for price, qty in self.bids_e],
            "asks": [[exact(price, p), exact(qty, q)] for price, qty in self.asks_e],
        }


@cython.final
@cython.no_gc
cdef class MarketHours(StreamEvent):
    """The session of the market below a contract on shares or commodities."""

    type = "market_hours"

    @property
    def market(self): return text((<MarketHoursBody*>self.wide).market, 32)

    @property
    def session(self): return text((<MarketHoursBody*>self.wide).session, 32)

    @property
    def open_ns(self): return (<MarketHoursBody*>self.wide).open_ns

    @property
    def end_ns(self): return (<MarketHoursBody*>self.wide).end_ns

    def _fields(self):
        return {"market": self.market, "session": self.session, "open_ns": self.open_ns, "end_ns": self.end_ns}
