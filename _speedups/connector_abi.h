/* The shared-memory ABI of connector, for native strategies; C11, Linux, little-endian, 64-bit.
 *
 * The layout is drawn at the head of layout.pxd; this file is the same bytes as C structs. CONNECTOR_ABI_HASH is the
 * first 64 bits of the drawing's SHA-256: a reader compares it with SegmentHeader.abi_hash and refuses another.
 * Prices and quantities are integers scaled by the instrument's exponents: value = price_e / 10^price_exponent.
 * CONNECTOR_ABSENT marks a number the venue did not give. */
#ifndef CONNECTOR_ABI_H
#define CONNECTOR_ABI_H

#include <stddef.h>
#include <stdint.h>

#define CONNECTOR_ABI_HASH 0x20a14c14c37af15eull
#define CONNECTOR_MAGIC_MARKET 0x544b524d544e4e43ull /* "CNNTMRKT" */
#define CONNECTOR_MAGIC_UP 0x50555353544e4e43ull     /* "CNNTSSUP" */
#define CONNECTOR_MAGIC_DOWN 0x4e445353544e4e43ull   /* "CNNTSSDN" */
#define CONNECTOR_MAGIC_BOOK 0x4b4f4f42544e4e43ull   /* "CNNTBOOK" */
#define CONNECTOR_ABSENT INT64_MIN
#define CONNECTOR_MAX_INSTRUMENTS 4096
#define CONNECTOR_MAX_COUNTERS 1024
#define CONNECTOR_MAX_HISTOGRAMS 32
#define CONNECTOR_HISTOGRAM_BUCKETS 1024
#define CONNECTOR_MAX_BUDGETS 64
#define CONNECTOR_TOP_LEVELS 20
#define CONNECTOR_INTENT_BLOCK 65536ull

enum ConnectorRecordType {
  RECORD_PAD = 1, RECORD_BOOK_DELTA = 2, RECORD_BBO = 3, RECORD_TRADE = 4, RECORD_MARK_PRICE = 5, RECORD_INDEX = 6,
  RECORD_LIQUIDATION = 7, RECORD_TICKER = 8, RECORD_KLINE = 9, RECORD_INSTRUMENT_CHANGE = 10, RECORD_FEED_STATE = 11,
};
enum ConnectorRecordFlag {
  FLAG_MORE = 1,   /* the message goes on in the next record of this instrument */
  FLAG_LAST = 2,   /* the last part of a split message */
  FLAG_RESYNC = 4, /* the difference between the book before a gap and the one after it */
};
enum ConnectorState {
  STATE_DOWN = 0, STATE_SYNCING = 1, STATE_LIVE = 2, STATE_BEHIND = 3, STATE_STALE = 4, STATE_GAP = 5, STATE_RESYNC = 6,
};
enum ConnectorFeedKind { FEED_BOOK = 1, FEED_BBO = 2, FEED_TRADE = 3, FEED_MARK_PRICE = 4 };
enum ConnectorSide { SIDE_BUY = 1, SIDE_SELL = 2 };

typedef struct { int64_t price_e, qty_e; } Level;

typedef struct {
  uint64_t stamp; uint32_t length; uint16_t type, flags; uint64_t sequence; uint32_t instrument; uint16_t venue, line;
  int64_t venue_ns, recv_ns, publish_ns, update_id;
} RecordHeader;

typedef struct { int64_t first_id, prev_id, transaction_ns; uint32_t bids, asks; } BookDeltaBody; /* then Level[bids+asks] */
typedef struct { int64_t bid_price_e, bid_qty_e, ask_price_e, ask_qty_e, transaction_ns; uint32_t source, state; int64_t spare[2]; } BboBody;
typedef struct { int64_t price_e, qty_e, normal_qty_e, first_trade_id, last_trade_id, transaction_ns; uint8_t side, aggregate, origin, pad[5]; int64_t spare; } TradeBody;
typedef struct { int64_t mark_e, index_e, settle_e, average_e, rate_e, next_funding_ns; int64_t spare[2]; } MarkPriceBody;
typedef struct { uint8_t kind, state, previous, pad; uint32_t reason; int64_t bid_low_e, ask_high_e; uint32_t bids, asks; int64_t spare[4]; } FeedStateBody;
typedef struct { uint64_t generation; uint32_t status, previous; int64_t spare[6]; } InstrumentChangeBody;

/* Seqlocked cells: word = count << 8 | state; count is odd while the cell is written. */
typedef struct { uint64_t word; int64_t bid_price_e, bid_qty_e, ask_price_e, ask_qty_e, update_id, venue_ns, recv_ns; } BboCell;
typedef struct {
  uint64_t word; int64_t price_e, qty_e, trade_id; uint64_t side; int64_t trade_venue_ns, trade_recv_ns;
  int64_t mark_e, index_e, settle_e, rate_e, next_funding_ns, mark_venue_ns, mark_recv_ns, spare[2];
} TradeCell;
typedef struct {
  uint64_t word; int64_t update_id, venue_ns, recv_ns; uint32_t bids, asks; int64_t bid_low_e, ask_high_e, spare;
  Level bid[CONNECTOR_TOP_LEVELS], ask[CONNECTOR_TOP_LEVELS];
} LevelsCell;
typedef struct { BboCell bbo; TradeCell trade; LevelsCell levels; } TopEntry;

typedef struct {
  uint64_t word; uint32_t id; uint16_t venue, status, contract, price_digits, qty_digits, flags;
  int32_t price_exponent, qty_exponent, mark_exponent, rate_exponent;
  int64_t tick_e, step_e, min_price_e, max_price_e, min_qty_e, max_qty_e, market_step_e, market_min_qty_e, market_max_qty_e;
  int64_t min_notional_e, multiplier_up_e, multiplier_down_e, contract_size_e, onboard_ns, delivery_ns;
  uint64_t generation;
  char exchange[16], symbol[64], base[16], quote[16], margin[16];
  uint8_t reserve[216];
} InstrumentEntry;

typedef struct {
  uint64_t frames, deltas, bbos, trades, marks, gaps, resyncs, duplicates, fallbacks, crossed, snapshots, last_data_ns;
  uint64_t spare[4];
} InstrumentStats;

typedef struct { uint64_t count, sum_ns, max_ns, spare[5]; uint64_t bucket[CONNECTOR_HISTOGRAM_BUCKETS]; } Histogram;
typedef struct { uint64_t used, limit, window_ns, resets_ns, spare[4]; } Budget;

typedef struct {
  uint64_t intent; uint64_t pad0[15];                      /* how far the writer may have written, in 64 KiB steps */
  uint64_t rejoin, pad1[15];                               /* a recent record start, for readers that were lapped */
  uint64_t written, sequence, pad2[14];                    /* behind the last committed record; the next sequence */
} RingControl;

typedef struct {
  uint64_t magic, abi_hash, epoch, size; int64_t started_ns; uint64_t pid;
  uint64_t directory_offset, stats_offset, table_offset, counters_offset, histograms_offset, budgets_offset;
  uint64_t control_offset, ring_offset, ring_capacity, instruments; /* instruments: entries in use, store-released */
  uint64_t pad0[16];
  int64_t heartbeat_ns, pad1[15];                          /* CLOCK_MONOTONIC, at least once a second */
  char version[64];
  uint8_t reserve[3648];
} SegmentHeader;

/* A session's two segments: `up` is written by the strategy, `down` by the daemon. */
typedef struct {
  uint64_t magic, session, pad0[14];
  uint64_t market_cursor, market_sequence, pad1[14];       /* the reader's position, stored now and then, for its lag */
  uint64_t report_cursor, pad2[15];
  uint64_t sleeping, pad3[15];                             /* odd: wants the doorbell */
  int64_t lease_ns, pad4[15];
  uint8_t reserve[3456];
} SessionUp;
typedef struct {
  uint64_t magic, session, pad0[14];
  uint64_t state, reason, pad1[14];
  uint64_t command_cursor, pad2[15];
  uint64_t daemon_sleeping, pad3[15];
  uint8_t reserve[3584];
} SessionDown;

/* The answer to a `book` request; Level[bids], then Level[asks] follow, best first. */
typedef struct {
  uint64_t magic, abi_hash; uint32_t instrument, state; int64_t update_id, venue_ns;
  uint64_t sequence; uint32_t bids, asks; uint64_t spare;
} BookHeader;

#define CONNECTOR_SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), #type " must be " #bytes " bytes")
CONNECTOR_SIZE(Level, 16);
CONNECTOR_SIZE(RecordHeader, 64);
CONNECTOR_SIZE(BookDeltaBody, 32);
CONNECTOR_SIZE(BboBody, 64);
CONNECTOR_SIZE(TradeBody, 64);
CONNECTOR_SIZE(MarkPriceBody, 64);
CONNECTOR_SIZE(FeedStateBody, 64);
CONNECTOR_SIZE(InstrumentChangeBody, 64);
CONNECTOR_SIZE(BboCell, 64);
CONNECTOR_SIZE(TradeCell, 128);
CONNECTOR_SIZE(LevelsCell, 704);
CONNECTOR_SIZE(TopEntry, 896);
CONNECTOR_SIZE(InstrumentEntry, 512);
CONNECTOR_SIZE(InstrumentStats, 128);
CONNECTOR_SIZE(Histogram, 8256);
CONNECTOR_SIZE(Budget, 64);
CONNECTOR_SIZE(RingControl, 384);
CONNECTOR_SIZE(SegmentHeader, 4096);
CONNECTOR_SIZE(SessionUp, 4096);
CONNECTOR_SIZE(SessionDown, 4096);
CONNECTOR_SIZE(BookHeader, 64);

#endif
