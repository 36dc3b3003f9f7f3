# What every venue's compiled reader of order events is: three C methods, from a frame to plain numbers.
from libc.stdint cimport int64_t

cdef enum Happened:
    HAPPENED_NEW = 0
    HAPPENED_TRADE = 1
    HAPPENED_CANCELLED = 2
    HAPPENED_EXPIRED = 3
    HAPPENED_AMENDED = 4

cdef enum:
    UNSAID = 255                  # as a status: a short notice, the full event follows

# Numbers are in the instrument's scale, money in 10^-8, CONNECTOR_ABSENT: not said. Texts lie in the frame; they are
# ASCII and not terminated, and one of no bytes was not said.
cdef struct Told:
    int happened
    int status                    # ConnectorOrderStatus or UNSAID
    int reason                    # connector.model.reports.EndReason
    int64_t order_id              # the venue's where that is a number
    const char* venue_order_id    # ... and where it is a text
    Py_ssize_t venue_order_id_size
    const char* symbol
    Py_ssize_t symbol_size
    const char* name              # client order id
    Py_ssize_t name_size
    int64_t price_e, qty_e, stop_price_e
    int64_t filled_qty_e          # cumulative
    const char* average           # as the venue writes it
    Py_ssize_t average_size
    int64_t average_e             # the same, its last digit no zero behind the point
    int average_exponent
    int64_t last_qty_e, last_price_e, trade_id, fee_e, realised_e
    const char* venue_trade_id    # where that is a text
    Py_ssize_t venue_trade_id_size
    unsigned int liquidity        # REPORT_MAKER, REPORT_TAKER; 0: not said
    const char* fee_asset
    Py_ssize_t fee_asset_size
    int64_t told_ns               # when it happened, else when it was told, Unix


cdef class OrderReader:
    # Of the frame that was looked at last: its events of orders, as the general reader counts them, and whether it says
    # anything besides.
    cdef readonly int count
    cdef readonly bint more
    # A whole frame: which order its first event is about and what happened to it. False: that is no plain event of an
    # order, or the venue's general reader has to take the frame; what `told` holds then means nothing.
    cdef bint look(self, const char* frame, Py_ssize_t size, Told* told) noexcept
    # The next event of the same frame, which must still be there. False: there is none, or it is no plain one.
    cdef bint next(self, Told* told) noexcept
    # What the frame says besides, if every event of its orders was told of, as the events of the general reader; None: that
    # has to be asked.
    cdef object besides(self, scales)
    # The rest of the event that was told of last. False as above.
    cdef bint read(self, int price_exponent, int qty_exponent, Told* told) noexcept
