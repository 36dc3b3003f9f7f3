# The bytes of the shared memory; connector_abi.h holds the same as C structs with static asserts.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef extern from "connector_abi.h" nogil:
    cdef enum:
        CONNECTOR_MAX_INSTRUMENTS, CONNECTOR_MAX_COUNTERS, CONNECTOR_MAX_HISTOGRAMS, CONNECTOR_HISTOGRAM_BUCKETS
        CONNECTOR_MAX_BUDGETS, CONNECTOR_TOP_LEVELS
    const uint64_t CONNECTOR_ABI_HASH, CONNECTOR_MAGIC_MARKET, CONNECTOR_MAGIC_UP, CONNECTOR_MAGIC_DOWN, CONNECTOR_INTENT_BLOCK
    const int64_t CONNECTOR_ABSENT

    cdef enum ConnectorRecordType:
        RECORD_PAD, RECORD_BOOK_DELTA, RECORD_BBO, RECORD_TRADE, RECORD_MARK_PRICE, RECORD_INDEX, RECORD_LIQUIDATION, RECORD_TICKER, RECORD_KLINE, RECORD_INSTRUMENT_CHANGE, RECORD_FEED_STATE

    cdef enum ConnectorRecordFlag:
        FLAG_MORE, FLAG_LAST, FLAG_RESYNC

    cdef enum ConnectorState:
        STATE_DOWN, STATE_SYNCING, STATE_LIVE, STATE_BEHIND, STATE_STALE, STATE_GAP, STATE_RESYNC

    cdef enum ConnectorFeedKind:
        FEED_BOOK, FEED_BBO, FEED_TRADE, FEED_MARK_PRICE

    cdef enum ConnectorSide:
        SIDE_BUY, SIDE_SELL

    ctypedef struct Level:
        int64_t price_e, qty_e

    ctypedef struct RecordHeader:
        uint64_t stamp
        uint32_t length
        uint16_t type, flags
        uint64_t sequence
        uint32_t instrument
        uint16_t venue, line
        int64_t venue_ns, recv_ns, publish_ns, update_id

    ctypedef struct BookDeltaBody:
        int64_t first_id, prev_id, transaction_ns
        uint32_t bids, asks

    ctypedef struct BboBody:
        int64_t bid_price_e, bid_qty_e, ask_price_e, ask_qty_e, transaction_ns
        uint32_t source, state

    ctypedef struct TradeBody:
        int64_t price_e, qty_e, normal_qty_e, first_trade_id, last_trade_id, transaction_ns
        uint8_t side, aggregate, origin

    ctypedef struct MarkPriceBody:
        int64_t mark_e, index_e, settle_e, average_e, rate_e, next_funding_ns

    ctypedef struct FeedStateBody:
        uint8_t kind, state, previous
        uint32_t reason
        int64_t bid_low_e, ask_high_e
        uint32_t bids, asks

    ctypedef struct InstrumentChangeBody:
        uint64_t generation
        uint32_t status, previous

    ctypedef struct BboCell:
        uint64_t word
        int64_t bid_price_e, bid_qty_e, ask_price_e, ask_qty_e, update_id, venue_ns, recv_ns

    ctypedef struct TradeCell:
        uint64_t word
        int64_t price_e, qty_e, trade_id
        uint64_t side
        int64_t trade_venue_ns, trade_recv_ns
        int64_t mark_e, index_e, settle_e, rate_e, next_funding_ns, mark_venue_ns, mark_recv_ns

    ctypedef struct LevelsCell:
        uint64_t word
        int64_t update_id, venue_ns, recv_ns
        uint32_t bids, asks
        int64_t bid_low_e, ask_high_e
        Level bid[20]
        Level ask[20]

    ctypedef struct TopEntry:
        BboCell bbo
        TradeCell trade
        LevelsCell levels

    ctypedef struct InstrumentEntry:
        uint64_t word
        uint32_t id
        uint16_t venue, status, contract, price_digits, qty_digits, flags
        int32_t price_exponent, qty_exponent, mark_exponent, rate_exponent
        int64_t tick_e, step_e, min_price_e, max_price_e, min_qty_e, max_qty_e, market_step_e, market_min_qty_e, market_max_qty_e
        int64_t min_notional_e, multiplier_up_e, multiplier_down_e, contract_size_e, onboard_ns, delivery_ns
        uint64_t generation
        char exchange[16]
        char symbol[64]
        char base[16]
        char quote[16]
        char margin[16]

    ctypedef struct InstrumentStats:
        uint64_t frames, deltas, bbos, trades, marks, gaps, resyncs, duplicates, fallbacks, crossed, snapshots, last_data_ns

    ctypedef struct Histogram:
        uint64_t count, sum_ns, max_ns
        uint64_t bucket[1024]

    ctypedef struct Budget:
        uint64_t used, limit, window_ns, resets_ns

    ctypedef struct RingControl:
        uint64_t intent
        uint64_t rejoin
        uint64_t written, sequence

    ctypedef struct SegmentHeader:
        uint64_t magic, abi_hash, epoch, size
        int64_t started_ns
        uint64_t pid
        uint64_t directory_offset, stats_offset, table_offset, counters_offset, histograms_offset, budgets_offset
        uint64_t control_offset, ring_offset, ring_capacity, instruments
        int64_t heartbeat_ns
        char version[64]

    ctypedef struct SessionUp:
        uint64_t magic, session
        uint64_t market_cursor, market_sequence
        uint64_t report_cursor
        uint64_t sleeping
        int64_t lease_ns

    ctypedef struct SessionDown:
        uint64_t magic, session
        uint64_t state, reason
        uint64_t command_cursor
        uint64_t daemon_sleeping
