# The bytes of the shared memory, drawn once (bodies of streams beside book, trades and mark prices in
# layout_streams.pxd, those of the order path in layout_orders.pxd); connector_abi.h holds the same as C structs, connector/model/records.py
# describes it to Python, and a test compares all three. Little-endian, 64-bit, nothing between the fields.
# Numbers ending in _e are scaled integers; one that the venue did not give ("absent") is -2^63. `tools/abi-hash`
# writes the hash of what stands between the two rules into connector_abi.h.
#
# ------------------------------------------------------------------------------------------------ drawing
# ConnectorRecordType: RECORD_PAD 1, RECORD_BOOK_DELTA 2, RECORD_BBO 3, RECORD_TRADE 4, RECORD_MARK_PRICE 5,
#   RECORD_INDEX 6, RECORD_LIQUIDATION 7, RECORD_TICKER 8, RECORD_KLINE 9, RECORD_INSTRUMENT_CHANGE 10,
#   RECORD_FEED_STATE 11, RECORD_CONTRACT 12, RECORD_DEPTH_VIEW 13, RECORD_MARKET_HOURS 14,
#   RECORD_CHECKPOINT_PART 29, RECORD_TEXT 30, RECORD_CHECKPOINT 31, RECORD_COMMAND 32,
#   RECORD_SENT 33, RECORD_COMMAND_ANSWER 34,
#   RECORD_ORDER_REPORT 35, RECORD_FILL_DETAIL 36, RECORD_BALANCE_UPDATE 37, RECORD_POSITION_UPDATE 38,
#   RECORD_ACCOUNT_CONFIG 39, RECORD_MARGIN_CALL 40, RECORD_SNAPSHOT_BEGIN 41, RECORD_SNAPSHOT_END 42
# ConnectorRecordFlag: FLAG_MORE 1, FLAG_LAST 2, FLAG_RESYNC 4
# ConnectorInstrumentFlag: INSTRUMENT_INVERSE 1
# ConnectorState: STATE_DOWN 0, STATE_SYNCING 1, STATE_LIVE 2, STATE_BEHIND 3, STATE_STALE 4, STATE_GAP 5,
#   STATE_RESYNC 6
# ConnectorFeedKind: FEED_BOOK 1, FEED_BBO 2, FEED_TRADE 3, FEED_MARK_PRICE 4, FEED_KLINE 5, FEED_TICKER 6,
#   FEED_INDEX 7, FEED_LIQUIDATION 8, FEED_CONTRACT 9, FEED_DEPTH_VIEW 10, FEED_MARKET_HOURS 11
# ConnectorSide: SIDE_BUY 1, SIDE_SELL 2
#
# Level, 16 bytes: one price of a book side
#       0  i64       price_e            price, in 10^-price_exponent
#       8  i64       qty_e              quantity, in 10^-qty_exponent; 0 in a BookDelta deletes the price
#
# RecordHeader, 64 bytes: before the body of every record of a ring
#       0  u64       stamp              absolute position of the record + 1, once it is whole
#       8  u32       length             bytes from this header to the next one, a multiple of 64
#      12  u16       type               ConnectorRecordType
#      14  u16       flags              ConnectorRecordFlag, or-ed
#      16  u64       sequence           dense, the first record is 1; PAD has none
#      24  u32       instrument         index into the directory
#      28  u16       venue              index of the venue in the daemon's configuration
#      30  u16       line               which of the feed's connections brought it
#      32  i64       venue_ns           the venue's event time, Unix
#      40  i64       recv_ns            frame callback entered, CLOCK_MONOTONIC
#      48  i64       publish_ns         record committed, CLOCK_MONOTONIC
#      56  i64       update_id          depth and best bid/ask: the venue's last update id; trades: trade id
#
# BookDeltaBody, 32 bytes: RECORD_BOOK_DELTA; then Level[bids], Level[asks], absolute quantities
#       0  i64       first_id           the first update id the message covers
#       8  i64       prev_id            the update id it follows
#      16  i64       transaction_ns     the matching engine's time, Unix
#      24  u32       bids               levels of the bid side
#      28  u32       asks               levels of the ask side
#
# BboBody, 64 bytes: RECORD_BBO
#       0  i64       bid_price_e        best bid; qty 0 means that the side is empty
#       8  i64       bid_qty_e          quantity there
#      16  i64       ask_price_e        best ask
#      24  i64       ask_qty_e          quantity there
#      32  i64       transaction_ns     the matching engine's time, Unix
#      40  u32       source             ConnectorFeedKind the update came from
#      44  u32       state              ConnectorState of the best bid/ask
#      48  i64[2]    spare              0
#
# TradeBody, 64 bytes: RECORD_TRADE
#       0  i64       price_e            price
#       8  i64       qty_e              quantity
#      16  i64       normal_qty_e       quantity without special order types, or absent
#      24  i64       first_trade_id     aggregates: the first trade in it
#      32  i64       last_trade_id      aggregates: the last trade in it
#      40  i64       transaction_ns     the matching engine's time, Unix
#      48  u8        side               ConnectorSide of the aggressor
#      49  u8        aggregate          1: several fills of one order at one price
#      50  u8        origin             1 market; 2 anything else the venue mixes in, not a market price
#      51  u8[5]     pad                0
#      56  i64       spare              0
#
# MarkPriceBody, 64 bytes: RECORD_MARK_PRICE
#       0  i64       mark_e             mark price, in 10^-mark_exponent
#       8  i64       index_e            index price
#      16  i64       settle_e           estimated settlement price
#      24  i64       average_e          moving average of the mark price
#      32  i64       rate_e             funding rate, in 10^-rate_exponent
#      40  i64       next_funding_ns    when it is exchanged next, Unix
#      48  i64[2]    spare              0
#
# FeedStateBody, 64 bytes: RECORD_FEED_STATE
#       0  u8        kind               ConnectorFeedKind this speaks of
#       1  u8        state              ConnectorState from here on
#       2  u8        previous           ConnectorState before
#       3  u8        pad                0
#       4  u32       reason             why, 0 when there is nothing to say
#       8  i64       bid_low_e          book: the lowest bid known to be complete, or absent
#      16  i64       ask_high_e         book: the highest ask known to be complete, or absent
#      24  u32       bids               book: levels of the bid side
#      28  u32       asks               book: levels of the ask side
#      32  i64[4]    spare              0
#
# InstrumentChangeBody, 64 bytes: RECORD_INSTRUMENT_CHANGE; the entry itself is in the directory
#       0  u64       generation         of the directory entry; 1 when it is new
#       8  u32       status             trading status now
#      12  u32       previous           trading status before
#      16  i64[6]    spare              0
#
# BboCell, 64 bytes: seqlocked: word = count << 8 | ConnectorState, count odd while it is written
#       0  u64       word               count and state
#       8  i64       bid_price_e        best bid
#      16  i64       bid_qty_e          quantity there
#      24  i64       ask_price_e        best ask
#      32  i64       ask_qty_e          quantity there
#      40  i64       update_id          the venue's update id
#      48  i64       venue_ns           the venue's event time, Unix
#      56  i64       recv_ns            frame callback, CLOCK_MONOTONIC
#
# TradeCell, 128 bytes: seqlocked: the last trade, the mark price and funding; recv_ns 0: never seen
#       0  u64       word               count and state
#       8  i64       price_e            last trade's price
#      16  i64       qty_e              its quantity
#      24  i64       trade_id           its id
#      32  u64       side               ConnectorSide of its aggressor
#      40  i64       trade_venue_ns     its event time, Unix
#      48  i64       trade_recv_ns      its frame callback, CLOCK_MONOTONIC
#      56  i64       mark_e             mark price, in 10^-mark_exponent
#      64  i64       index_e            index price
#      72  i64       settle_e           estimated settlement price
#      80  i64       rate_e             funding rate, in 10^-rate_exponent
#      88  i64       next_funding_ns    when it is exchanged next, Unix
#      96  i64       mark_venue_ns      mark price's event time, Unix
#     104  i64       mark_recv_ns       its frame callback, CLOCK_MONOTONIC
#     112  i64[2]    spare              0
#
# LevelsCell, 704 bytes: seqlocked: the best levels of the book, with the book's own state
#       0  u64       word               count and state
#       8  i64       update_id          the venue's update id the book stands at
#      16  i64       venue_ns           the venue's event time, Unix
#      24  i64       recv_ns            frame callback, CLOCK_MONOTONIC
#      32  u32       bids               levels given in bid
#      36  u32       asks               levels given in ask
#      40  i64       bid_low_e          the lowest bid known to be complete, or absent
#      48  i64       ask_high_e         the highest ask known to be complete, or absent
#      56  i64       spare              0
#      64  Level[20] bid                best first
#     384  Level[20] ask                best first
#
# TopEntry, 896 bytes: one instrument of the top table
#       0  BboCell   bbo                best bid and ask
#      64  TradeCell trade              last trade and mark price
#     192  LevelsCell levels             best levels
#
# InstrumentEntry, 512 bytes: one instrument of the directory; seqlocked as the cells, state = trading status
#       0  u64       word               count and status
#       8  u32       id                 its own index
#      12  u16       venue              index of the venue in the daemon's configuration
#      14  u16       status             connector.model.instrument.Status
#      16  u16       contract           connector.model.instrument.ContractType
#      18  u16       price_digits       decimals the venue writes in prices
#      20  u16       qty_digits         decimals the venue writes in quantities
#      22  u16       flags              ConnectorInstrumentFlag, or-ed
#      24  i32       price_exponent     prices are integers of 10^-price_exponent
#      28  i32       qty_exponent       likewise quantities
#      32  i32       mark_exponent      likewise mark, index and settlement prices
#      36  i32       rate_exponent      likewise funding rates
#      40  i64       tick_e             price grid
#      48  i64       step_e             quantity grid
#      56  i64       min_price_e        the venue's filter, as are the next; or absent
#      64  i64       max_price_e        or absent
#      72  i64       min_qty_e          or absent
#      80  i64       max_qty_e          or absent
#      88  i64       market_step_e      for market orders; or absent
#      96  i64       market_min_qty_e   or absent
#     104  i64       market_max_qty_e   or absent
#     112  i64       min_notional_e     in 10^-8 of the quote; or absent
#     120  i64       multiplier_up_e    price limit over the mark, in 10^-8; or absent
#     128  i64       multiplier_down_e  price limit under the mark, in 10^-8; or absent
#     136  i64       contract_size_e    in 10^-8
#     144  i64       onboard_ns         listed at, Unix
#     152  i64       delivery_ns        delisted or delivered at, Unix
#     160  u64       generation         of this entry: 1, then one more with each change
#     168  char[16]  exchange           exchange name, NUL-terminated UTF-8 as are the next
#     184  char[64]  symbol             the venue's symbol
#     248  char[16]  base               base asset
#     264  char[16]  quote              quote asset
#     280  char[16]  margin             margin asset
#     296  u8[216]   reserve            0
#
# InstrumentStats, 128 bytes: one instrument's counts since the daemon started
#       0  u64       frames             messages
#       8  u64       deltas             depth messages applied
#      16  u64       bbos               best bid/ask updates
#      24  u64       trades             trades
#      32  u64       marks              mark prices
#      40  u64       gaps               gaps found
#      48  u64       resyncs            books made live after a gap
#      56  u64       duplicates         messages dropped, a newer one was applied
#      64  u64       fallbacks          messages taken by the slow decoder
#      72  u64       crossed            live books seen with best bid at or above best ask
#      80  u64       snapshots          snapshots received
#      88  u64       last_data_ns       last message, CLOCK_MONOTONIC
#      96  u64[4]    spare              0
#
# Histogram, 8256 bytes: one latency histogram; buckets as histogram.pxd says
#       0  u64       count              durations
#       8  u64       sum_ns             of all of them
#      16  u64       max_ns             the largest
#      24  u64[5]    spare              0
#      64  u64[1024] bucket             durations by bucket
#
# Budget, 64 bytes: one rate budget
#       0  u64       used               units used in the running window
#       8  u64       limit              units the venue allows in a window
#      16  u64       window_ns          length of the window
#      24  u64       resets_ns          when it ends, CLOCK_MONOTONIC; 0 when it rolls
#      32  u16       venue              index of the venue in the daemon's configuration
#      34  u16       account            index of the account; 65535: everything from this address counts
#      36  u32       pad                0
#      40  char[24]  name               the venue's pool, NUL-terminated
#
# RingControl, 384 bytes: the ring's words, each group on lines of its own
#       0  u64       intent             how far the writer may have written, in 64 KiB steps
#       8  u64[15]   pad0               0
#     128  u64       rejoin             a recent record start, for readers that were lapped
#     136  u64[15]   pad1               0
#     256  u64       written            behind the last record
#     264  u64       sequence           of the next record
#     272  u64[14]   pad2               0
#
# SegmentHeader, 4096 bytes: head of the market segment; offsets in bytes from here
#       0  u64       magic              "CNNTMRKT", stored last
#       8  u64       abi_hash           first 64 bits of the SHA-256 of this drawing
#      16  u64       epoch              another one with every start of the daemon
#      24  u64       size               bytes of the segment
#      32  i64       started_ns         CLOCK_MONOTONIC
#      40  u64       pid                the daemon's
#      48  u64       directory_offset   InstrumentEntry[4096]
#      56  u64       stats_offset       InstrumentStats[4096]
#      64  u64       table_offset       TopEntry[4096]
#      72  u64       counters_offset    u64[1024], connector.model.counters.Counter
#      80  u64       histograms_offset  Histogram[32], connector.model.counters.Hop
#      88  u64       budgets_offset     Budget[256]; those in use come first, an empty name ends them
#      96  u64       control_offset     RingControl
#     104  u64       ring_offset        the ring's bytes
#     112  u64       ring_capacity      how many, a power of two
#     120  u64       instruments        directory entries in use
#     128  u64[16]   pad0               0
#     256  i64       heartbeat_ns       CLOCK_MONOTONIC, at least once a second
#     264  i64[15]   pad1               0
#     384  char[64]  version            the daemon's, NUL-terminated
#     448  u8[3648]  reserve            0
#
# SessionUp, 4096 bytes: written by the strategy, read by the daemon; a trading session has its Command[256] behind it
#       0  u64       magic              "CNNTSSUP"
#       8  u64       session            its number
#      16  u64[14]   pad0               0
#     128  u64       market_cursor      the reader's position in the market ring, stored now and then
#     136  u64       market_sequence    the record it expects next
#     144  u64[14]   pad1               0
#     256  u64       report_cursor      position in the report ring up to which reports were taken
#     264  u64[15]   pad2               0
#     384  u64       sleeping           odd: wants the doorbell
#     392  u64[15]   pad3               0
#     512  i64       lease_ns           when the strategy last looked for events, CLOCK_MONOTONIC_COARSE
#     520  i64[15]   pad4               0
#     640  u8[3456]  reserve            0
#
# SessionDown, 4096 bytes: written by the daemon, read by the strategy; a trading session: RingControl, report ring behind
#       0  u64       magic              "CNNTSSDN"
#       8  u64       session            its number
#      16  u64[14]   pad0               0
#     128  u64       state              1 open, 2 ended
#     136  u64       reason             why it ended
#     144  u64[14]   pad1               0
#     256  u64       command_cursor     commands taken
#     264  u64[15]   pad2               0
#     384  u64       daemon_sleeping    odd: wants its doorbell
#     392  u64[15]   pad3               0
#     512  u8[3584]  reserve            0
#
# BookHeader, 64 bytes: head of the memfd that answers a `book` request; then Level[bids], Level[asks], best first
#       0  u64       magic              "CNNTBOOK"
#       8  u64       abi_hash           as in SegmentHeader
#      16  u32       instrument         index into the directory
#      20  u32       state              ConnectorState of the book
#      24  i64       update_id          the venue's update id the book stands at
#      32  i64       venue_ns           that message's event time, Unix
#      40  u64       sequence           records from this one on are not in it yet
#      48  u32       bids               levels of the bid side
#      52  u32       asks               levels of the ask side
#      56  u64       spare              0
# ------------------------------------------------------------------------------------------------ end
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef extern from "connector_abi.h" nogil:
    cdef enum:
        CONNECTOR_MAX_INSTRUMENTS, CONNECTOR_MAX_COUNTERS, CONNECTOR_MAX_HISTOGRAMS, CONNECTOR_HISTOGRAM_BUCKETS
        CONNECTOR_MAX_BUDGETS, CONNECTOR_TOP_LEVELS
    const uint64_t CONNECTOR_ABI_HASH, CONNECTOR_MAGIC_MARKET, CONNECTOR_MAGIC_UP, CONNECTOR_MAGIC_DOWN
    const uint64_t CONNECTOR_MAGIC_BOOK, CONNECTOR_INTENT_BLOCK
    const int64_t CONNECTOR_ABSENT

    cdef enum ConnectorRecordType:
        RECORD_PAD, RECORD_BOOK_DELTA, RECORD_BBO, RECORD_TRADE, RECORD_MARK_PRICE, RECORD_INDEX, RECORD_LIQUIDATION, RECORD_TICKER, RECORD_KLINE, RECORD_INSTRUMENT_CHANGE, RECORD_FEED_STATE
        RECORD_CONTRACT, RECORD_DEPTH_VIEW, RECORD_MARKET_HOURS
        RECORD_CHECKPOINT_PART, RECORD_TEXT, RECORD_CHECKPOINT, RECORD_COMMAND, RECORD_SENT, RECORD_COMMAND_ANSWER, RECORD_ORDER_REPORT, RECORD_FILL_DETAIL
        RECORD_BALANCE_UPDATE
        RECORD_POSITION_UPDATE, RECORD_ACCOUNT_CONFIG, RECORD_MARGIN_CALL, RECORD_SNAPSHOT_BEGIN, RECORD_SNAPSHOT_END

    cdef enum ConnectorRecordFlag:
        FLAG_MORE, FLAG_LAST, FLAG_RESYNC

    cdef enum ConnectorInstrumentFlag:
        INSTRUMENT_INVERSE

    cdef enum ConnectorState:
        STATE_DOWN, STATE_SYNCING, STATE_LIVE, STATE_BEHIND, STATE_STALE, STATE_GAP, STATE_RESYNC

    cdef enum ConnectorFeedKind:
        FEED_BOOK, FEED_BBO, FEED_TRADE, FEED_MARK_PRICE, FEED_KLINE, FEED_TICKER, FEED_INDEX, FEED_LIQUIDATION, FEED_CONTRACT
        FEED_DEPTH_VIEW, FEED_MARKET_HOURS

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
        uint16_t venue, account
        char name[24]

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

    ctypedef struct BookHeader:
        uint64_t magic, abi_hash
        uint32_t instrument, state
        int64_t update_id, venue_ns
        uint64_t sequence
        uint32_t bids, asks
