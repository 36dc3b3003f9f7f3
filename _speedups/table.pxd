# Writing the cells of the top table; the reading side is table.pyx. Cells are drawn in layout.pxd, seqlocked as
# seqlock.pxd says. Each writer leaves the cell whole and in the state it is given.
from libc.stdint cimport int64_t, uint8_t

from .book cimport BookC, book_top
from .layout cimport BboBody, BboCell, LevelsCell, MarkPriceBody, RecordHeader, TradeBody, TradeCell
from .seqlock cimport cell_begin, cell_end


cdef inline void write_bbo(BboCell* cell, const RecordHeader* record, const BboBody* body, uint8_t state) noexcept nogil:
    cell_begin(&cell.word)
    cell.bid_price_e = body.bid_price_e
    cell.bid_qty_e = body.bid_qty_e
    cell.ask_price_e = body.ask_price_e
    cell.ask_qty_e = body.ask_qty_e
    cell.update_id = record.update_id
    cell.venue_ns = record.venue_ns
    cell.recv_ns = record.recv_ns
    cell_end(&cell.word, state)


cdef inline void write_trade(TradeCell* cell, const RecordHeader* record, const TradeBody* body, uint8_t state) noexcept nogil:
    cell_begin(&cell.word)
    cell.price_e = body.price_e
    cell.qty_e = body.qty_e
    cell.trade_id = record.update_id
    cell.side = body.side
    cell.trade_venue_ns = record.venue_ns
    cell.trade_recv_ns = record.recv_ns
    cell_end(&cell.word, state)


cdef inline void write_mark_price(
    TradeCell* cell, const RecordHeader* record, const MarkPriceBody* body, uint8_t state
) noexcept nogil:
    cell_begin(&cell.word)
    cell.mark_e = body.mark_e
    cell.index_e = body.index_e
    cell.settle_e = body.settle_e
    cell.rate_e = body.rate_e
    cell.next_funding_ns = body.next_funding_ns
    cell.mark_venue_ns = record.venue_ns
    cell.mark_recv_ns = record.recv_ns
    cell_end(&cell.word, state)


# The book's best 20 as they stand at update_id.
cdef inline void write_levels(
    LevelsCell* cell, BookC* book, int64_t update_id, int64_t venue_ns, int64_t recv_ns, uint8_t state
) noexcept nogil:
    cell_begin(&cell.word)
    cell.update_id = update_id
    cell.venue_ns = venue_ns
    cell.recv_ns = recv_ns
    book_top(book, cell)
    cell_end(&cell.word, state)
