"""The base of the venues' compiled readers of order events."""
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int64_t
from libc.string cimport memset

from .layout cimport CONNECTOR_ABSENT
from .layout_orders cimport REPORT_MAKER
from .order_reader cimport HAPPENED_TRADE, Told, UNSAID


cdef inline object given(int64_t value):
    return None if value == CONNECTOR_ABSENT else value


cdef inline object word(const char* text, Py_ssize_t size):
    return text[:size].decode("ascii") if size else ""


cdef class OrderReader:
    """Reads what happens to orders all day; everything else is for the venue's general reader."""

    def __cinit__(self):
        self.count, self.more = 1, False

    cdef bint look(self, const char* frame, Py_ssize_t size, Told* told) noexcept:
        return False

    cdef bint next(self, Told* told) noexcept:
        return False

    cdef bint read(self, int price_exponent, int qty_exponent, Told* told) noexcept:
        return False

    cdef object besides(self, scales):
        return None

    def said_besides(self, bytes frame not None, scales):
        """As ``besides``, behind ``told`` of the same frame."""
        return self.besides(scales)

    def told(self, bytes frame not None, scales):
        """The events of a frame up to the first that is left to the general reader, by the names that OrderEvent has.

        ``scales`` gives the instrument of a symbol, None: nothing of it is read."""
        cdef Told t
        cdef bint some
        cdef list found = []
        memset(&t, 0, sizeof(t))
        some = self.look(PyBytes_AS_STRING(frame), PyBytes_GET_SIZE(frame), &t)
        while some:
            instrument = scales(word(t.symbol, t.symbol_size))
            if instrument is None or not self.read(instrument.price_exponent, instrument.qty_exponent, &t):
                break
            trade = t.happened == HAPPENED_TRADE
            found.append({
                "execution": t.happened,
                "status": None if t.status == UNSAID else t.status,
                "symbol": word(t.symbol, t.symbol_size),
                "client_order_id": word(t.name, t.name_size),
                "order_id": None if t.venue_order_id_size else t.order_id,
                "venue_order_id": word(t.venue_order_id, t.venue_order_id_size),
                "price_e": given(t.price_e),
                "qty_e": given(t.qty_e),
                "stop_price_e": given(t.stop_price_e),
                "filled_qty_e": given(t.filled_qty_e),
                "average": word(t.average, t.average_size),
                "last_qty_e": t.last_qty_e,
                "last_price_e": given(t.last_price_e),
                "trade_id": given(t.trade_id),
                "venue_trade_id": word(t.venue_trade_id, t.venue_trade_id_size),
                "maker": t.liquidity == REPORT_MAKER if trade and t.liquidity else None,
                "fee_e": given(t.fee_e),
                "fee_asset": word(t.fee_asset, t.fee_asset_size),
                "realised_e": given(t.realised_e),
                "reason": t.reason,
                "transaction_ns": t.told_ns,
            })
            some = self.next(&t)
        return found
