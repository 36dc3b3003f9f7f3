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

#define CONNECTOR_ABI_HASH 0x1c0fd06c77b0f02dull
#define CONNECTOR_MAGIC_MARKET 0x544b524d544e4e43ull /* "CNNTMRKT" */
#define CONNECTOR_MAGIC_UP 0x50555353544e4e43ull     /* "CNNTSSUP" */
#define CONNECTOR_MAGIC_DOWN 0x4e445353544e4e43ull   /* "CNNTSSDN" */
#define CONNECTOR_MAGIC_BOOK 0x4b4f4f42544e4e43ull   /* "CNNTBOOK" */
#define CONNECTOR_ABSENT INT64_MIN
#define CONNECTOR_MAX_INSTRUMENTS 4096
#define CONNECTOR_MAX_COUNTERS 1024
#define CONNECTOR_MAX_HISTOGRAMS 32
#define CONNECTOR_HISTOGRAM_BUCKETS 1024
#define CONNECTOR_MAX_BUDGETS 256
#define CONNECTOR_TOP_LEVELS 20
#define CONNECTOR_INTENT_BLOCK 65536ull
#define CONNECTOR_COMMANDS 256 /* slots of a session's command ring */
#define CONNECTOR_REF_BYTES 40
#define CONNECTOR_LABEL_BYTES 64

enum ConnectorRecordType {
  RECORD_PAD = 1, RECORD_BOOK_DELTA = 2, RECORD_BBO = 3, RECORD_TRADE = 4, RECORD_MARK_PRICE = 5, RECORD_INDEX = 6,
  RECORD_LIQUIDATION = 7, RECORD_TICKER = 8, RECORD_KLINE = 9, RECORD_INSTRUMENT_CHANGE = 10, RECORD_FEED_STATE = 11,
  RECORD_CONTRACT = 12, RECORD_DEPTH_VIEW = 13, RECORD_MARKET_HOURS = 14,
  RECORD_CHECKPOINT_PART = 29, RECORD_TEXT = 30, RECORD_CHECKPOINT = 31, RECORD_COMMAND = 32, RECORD_SENT = 33, RECORD_COMMAND_ANSWER = 34,
  RECORD_ORDER_REPORT = 35, RECORD_FILL_DETAIL = 36,
  RECORD_BALANCE_UPDATE = 37, RECORD_POSITION_UPDATE = 38, RECORD_ACCOUNT_CONFIG = 39, RECORD_MARGIN_CALL = 40,
  RECORD_SNAPSHOT_BEGIN = 41, RECORD_SNAPSHOT_END = 42,
};
enum ConnectorRecordFlag {
  FLAG_MORE = 1,   /* the message goes on in the next record of this instrument */
  FLAG_LAST = 2,   /* the last part of a split message */
  FLAG_RESYNC = 4, /* the difference between the book before a gap and the one after it */
};
enum ConnectorInstrumentFlag {
  INSTRUMENT_INVERSE = 1, /* its value is in the margin asset: quantity times contract size divided by price */
};
enum ConnectorState {
  STATE_DOWN = 0, STATE_SYNCING = 1, STATE_LIVE = 2, STATE_BEHIND = 3, STATE_STALE = 4, STATE_GAP = 5, STATE_RESYNC = 6,
};
enum ConnectorFeedKind {
  FEED_BOOK = 1, FEED_BBO = 2, FEED_TRADE = 3, FEED_MARK_PRICE = 4, FEED_KLINE = 5, FEED_TICKER = 6, FEED_INDEX = 7,
  FEED_LIQUIDATION = 8, FEED_CONTRACT = 9, FEED_DEPTH_VIEW = 10, FEED_MARKET_HOURS = 11,
};
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
typedef struct {
  uint64_t used, limit, window_ns, resets_ns; uint16_t venue, account; uint32_t pad; char name[24];
} Budget;

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

/* Market records beside book, trades and mark prices: layout_streams.pxd. */
enum ConnectorKlineSource {
  KLINE_TRADES = 1, KLINE_CONTINUOUS = 2, KLINE_INDEX = 3, KLINE_MARK = 4, KLINE_PREMIUM = 5,
};
enum ConnectorIndexKind {
  INDEX_PRICE = 1, INDEX_MARK = 2, INDEX_LAST = 3, INDEX_FUNDING_RATE = 4, INDEX_NEXT_FUNDING_RATE = 5, INDEX_ASSET = 6,
  INDEX_COMPOSITE = 7,
};
enum ConnectorDepthView {
  VIEW_TOP = 1,    /* the best levels, all of them each time */
  VIEW_HIDDEN = 2, /* changes of a book with orders that the instrument's own leaves out */
};
typedef struct {
  int64_t open_ns, end_ns, open_e, high_e, low_e, close_e, last_close_e, qty_e, buy_qty_e, value_e, buy_value_e,
  trades, first_trade_id, last_trade_id; uint32_t interval_s; uint8_t closed, source, qty_exponent,
  value_exponent, backfill, pad[7];
} KlineBody;
typedef struct {
  int64_t open_e, high_e, low_e, last_e, average_e, last_qty_e, qty_e, open_interest_e, value_e, open_ns,
  close_ns, first_trade_id, last_trade_id, trades; uint8_t qty_exponent, value_exponent, mini, pad[5]; int64_t
  spare;
} TickerBody;
typedef struct {
  int64_t value_e, bid_buffer_e, ask_buffer_e, bid_rate_e, ask_rate_e, auto_bid_buffer_e, auto_ask_buffer_e,
  auto_bid_rate_e, auto_ask_rate_e; uint8_t kind, pad[3]; uint32_t components; char name[32]; int64_t spare[2];
} IndexBody;
typedef struct {
  int64_t quantity_e, share_e, price_e; char base[16], quote[16]; int64_t spare;
} Component;
typedef struct {
  int64_t price_e, average_e, qty_e, last_qty_e, filled_qty_e, transaction_ns; uint8_t side, order_type,
  time_in_force, status, pad[4]; int64_t spare[9];
} LiquidationBody;
typedef struct {
  int64_t onboard_ns, delivery_ns; uint16_t status, contract; uint32_t brackets; int64_t spare[13];
} ContractBody;
typedef struct {
  int64_t floor_e, cap_e, maintenance_e, deduction_e; uint32_t number, min_leverage, max_leverage, pad; int64_t
  spare[2];
} Bracket;
typedef struct {
  int64_t first_id, prev_id, transaction_ns; uint32_t bids, asks; uint16_t levels; uint8_t view, pad[5]; int64_t
  spare[11];
} DepthViewBody;
typedef struct {
  int64_t open_ns, end_ns; char market[32], session[32]; int64_t spare[6];
} MarketHoursBody;
CONNECTOR_SIZE(KlineBody, 128);
CONNECTOR_SIZE(TickerBody, 128);
CONNECTOR_SIZE(IndexBody, 128);
CONNECTOR_SIZE(Component, 64);
CONNECTOR_SIZE(LiquidationBody, 128);
CONNECTOR_SIZE(ContractBody, 128);
CONNECTOR_SIZE(Bracket, 64);
CONNECTOR_SIZE(DepthViewBody, 128);
CONNECTOR_SIZE(MarketHoursBody, 128);

/* The order path: layout_orders.pxd. Texts are padded with NUL, not ended by it. */
enum ConnectorAction { ACTION_PLACE = 1, ACTION_AMEND = 2, ACTION_CANCEL = 3, ACTION_CANCEL_ALL = 4, ACTION_QUERY = 5 };
enum ConnectorCommandFlag {
  COMMAND_REDUCE_ONLY = 1, COMMAND_CLOSE_POSITION = 2, COMMAND_PRICE_PROTECT = 4, COMMAND_TEXT = 8,
};
enum ConnectorOrderType {
  TYPE_LIMIT = 1, TYPE_MARKET = 2, TYPE_STOP = 3, TYPE_STOP_MARKET = 4, TYPE_TAKE_PROFIT = 5,
  TYPE_TAKE_PROFIT_MARKET = 6, TYPE_TRAILING_STOP_MARKET = 7, TYPE_LIQUIDATION = 8,
};
enum ConnectorTimeInForce {
  TIF_NONE = 0, TIF_GTC = 1, TIF_IOC = 2, TIF_FOK = 3, TIF_GTX = 4, TIF_GTD = 5, TIF_DAY = 6,
};
enum ConnectorPositionSide { POSITION_BOTH = 0, POSITION_LONG = 1, POSITION_SHORT = 2 };
enum ConnectorWorkingType { WORKING_DEFAULT = 0, WORKING_LAST = 1, WORKING_MARK = 2, WORKING_INDEX = 3 };
enum ConnectorSelfTrade {
  STP_DEFAULT = 0, STP_NONE = 1, STP_EXPIRE_TAKER = 2, STP_EXPIRE_MAKER = 3, STP_EXPIRE_BOTH = 4,
};
enum ConnectorPriceMatch {
  MATCH_NONE = 0, MATCH_OPPONENT = 1, MATCH_OPPONENT_5 = 2, MATCH_OPPONENT_10 = 3, MATCH_OPPONENT_20 = 4,
  MATCH_QUEUE = 5, MATCH_QUEUE_5 = 6, MATCH_QUEUE_10 = 7, MATCH_QUEUE_20 = 8,
};
enum ConnectorResult { RESULT_ACCEPTED = 1, RESULT_REFUSED = 2, RESULT_UNKNOWN = 3 };
enum ConnectorText { TEXT_REQUEST = 1, TEXT_ANSWER = 2, TEXT_COMMAND = 3, TEXT_EVENT = 4 };
enum ConnectorUpdate {
  UPDATE_SUBMITTED = 1, UPDATE_EXECUTED = 2, UPDATE_CANCELLED = 3, UPDATE_REJECTED = 4, UPDATE_AMENDED = 5,
  UPDATE_TRIGGERED = 6, UPDATE_LIQUIDATED = 7, UPDATE_STATE = 8,
};
enum ConnectorOrderStatus {
  ORDER_PENDING = 0, ORDER_NEW = 1, ORDER_PARTIALLY_FILLED = 2, ORDER_FILLED = 3, ORDER_CANCELLED = 4,
  ORDER_EXPIRED = 5, ORDER_REJECTED = 6, ORDER_TRIGGERED = 7, ORDER_UNKNOWN = 8,
};
enum ConnectorReportFlag {
  REPORT_LATE = 1, REPORT_FOREIGN = 2, REPORT_RECOVERED = 4, REPORT_MAKER = 8, REPORT_TAKER = 16,
  REPORT_SNAPSHOT = 32, REPORT_CONDITIONAL = 64,
};

typedef struct {
  uint64_t stamp; int64_t valid_until_ns, created_ns; uint64_t cause_sequence; int64_t cause_recv_ns; uint64_t
  order_key; int64_t order_id, price_e, qty_e, stop_price_e, activation_price_e, callback_rate_e, good_till_ns;
  uint32_t instrument, flags; uint16_t account, batch, batch_size; uint8_t action, side, order_type, time_in_force,
  position_side, working_type, self_trade, price_match, pad[2]; char ref_id[40], client_order_id[40],
  venue_order_id[40], label[64], target[64]; uint64_t placed_by, cause_report; uint8_t
  reserve[120];
} Command;
typedef struct {
  Command command; uint64_t order_key, session; int64_t read_ns, wall_ns; int32_t code; uint32_t text_bytes; char
  client_order_id[40]; int64_t checked_ns, encoded_ns; uint8_t reserve[32];
} CommandBody;
typedef struct {
  uint64_t order_key, command, request; int64_t sent_ns, wall_ns, deadline_ns; uint8_t action, pad[7]; int64_t
  spare;
} SentBody;
typedef struct {
  uint64_t order_key, command, request; int64_t wall_ns; int32_t status; uint32_t text_bytes; uint8_t what, action,
  cut, pad[5]; int64_t spare[2];
} TextBody;
typedef struct {
  uint64_t order_key, command; int64_t order_id, wall_ns, sent_ns, value_e, limit_e; int32_t code, http_status,
  venue_code; uint32_t text_bytes; uint8_t result, action, field, settled; uint16_t batch, pad; char ref_id[40],
  client_order_id[40], venue_order_id[40]; int64_t left_ns; uint8_t reserve[48];
} CommandAnswerBody;
typedef struct {
  uint64_t order_key; int64_t order_id, wall_ns; uint64_t command; int64_t price_e, qty_e, filled_qty_e, last_qty_e,
  last_price_e, average_e, stop_price_e, fee_e, realised_e, trade_id; int32_t average_exponent; uint32_t flags;
  uint8_t update, status, side, order_type, time_in_force, position_side, reason, pad; char fee_asset[16],
  client_order_id[40], ref_id[40], venue_order_id[40], venue_trade_id[40]; uint8_t reserve[80];
} OrderReportBody;
typedef struct {
  uint64_t order_key; int64_t trade_id, wall_ns, fee_e, realised_e; uint32_t flags; uint8_t position_side, pad[3];
  char fee_asset[16], venue_trade_id[40]; int64_t last_qty_e, last_price_e; uint8_t reserve[72];
} FillDetailBody;
typedef struct {
  int64_t wall_ns, wallet_e, available_e, change_e; uint8_t reason, pad[7]; char asset[16]; uint32_t flags; uint8_t
  reserve[68];
} BalanceUpdateBody;
typedef struct {
  int64_t wall_ns, qty_e, entry_e, unrealised_e, realised_e, own_qty_e; int32_t entry_exponent; uint32_t leverage;
  uint8_t position_side, isolated, pad[2]; uint32_t flags; uint8_t reserve[64];
} PositionUpdateBody;
typedef struct {
  int64_t wall_ns; uint32_t leverage; uint8_t multi_assets, hedge, pad[2]; int64_t spare[6];
} AccountConfigBody;
typedef struct {
  int64_t wall_ns, wallet_e, qty_e, mark_e, unrealised_e, maintenance_e; uint8_t position_side, isolated, pad[6];
  int64_t spare;
} MarginCallBody;
typedef struct {
  uint64_t journal_sequence; int64_t wall_ns; uint32_t orders, positions; int64_t spare[5];
} SnapshotBody;

CONNECTOR_SIZE(Command, 512);
CONNECTOR_SIZE(CommandBody, 640);
CONNECTOR_SIZE(SentBody, 64);
CONNECTOR_SIZE(TextBody, 64);
CONNECTOR_SIZE(CommandAnswerBody, 256);
CONNECTOR_SIZE(OrderReportBody, 384);
CONNECTOR_SIZE(FillDetailBody, 192);
CONNECTOR_SIZE(BalanceUpdateBody, 128);
CONNECTOR_SIZE(PositionUpdateBody, 128);
CONNECTOR_SIZE(AccountConfigBody, 64);
CONNECTOR_SIZE(MarginCallBody, 64);
CONNECTOR_SIZE(SnapshotBody, 64);

#endif
