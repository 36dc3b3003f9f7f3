# The bodies of market records beside book, trades and mark prices, drawn as layout.pxd draws the others; they are part
# of the same layout and of its hash.
#
# ------------------------------------------------------------------------------------------------ drawing
# ConnectorKlineSource: KLINE_TRADES 1, KLINE_CONTINUOUS 2, KLINE_INDEX 3, KLINE_MARK 4, KLINE_PREMIUM 5
# ConnectorIndexKind: INDEX_PRICE 1, INDEX_MARK 2, INDEX_LAST 3, INDEX_FUNDING_RATE 4, INDEX_NEXT_FUNDING_RATE 5,
#   INDEX_ASSET 6, INDEX_COMPOSITE 7
# ConnectorDepthView: VIEW_TOP 1, VIEW_HIDDEN 2
#
# KlineBody, 128 bytes: RECORD_KLINE: what an interval's trades come to so far; what the venue did not give is absent
#       0  i64       open_ns            when the interval begins, Unix
#       8  i64       end_ns             when the next one begins, Unix
#      16  i64       open_e             first price, in 10^-price_exponent as are the next four
#      24  i64       high_e             highest price
#      32  i64       low_e              lowest price
#      40  i64       close_e            last price
#      48  i64       last_close_e       last price of the interval before
#      56  i64       qty_e              quantity traded, in 10^-qty_exponent of this record
#      64  i64       buy_qty_e          of it what aggressors bought
#      72  i64       value_e            price times quantity of all trades, in 10^-value_exponent of this record
#      80  i64       buy_value_e        of it what aggressors bought
#      88  i64       trades             how many
#      96  i64       first_trade_id     the first of them
#     104  i64       last_trade_id      the last of them
#     112  u32       interval_s         seconds; 2592000 is a month, 7776000 a quarter, 31104000 a year
#     116  u8        closed             1: the venue says that it is over
#     117  u8        source             ConnectorKlineSource
#     118  u8        qty_exponent       scale of the quantities: sums may not fit the instrument's
#     119  u8        value_exponent     scale of the values
#     120  u8        backfill           1: from before the subscription
#     121  u8[7]     pad                0
#
# TickerBody, 128 bytes: RECORD_TICKER: statistics of a rolling window, usually a day; what was not given is absent
#       0  i64       open_e             price at the window's start, in 10^-price_exponent as are the next three
#       8  i64       high_e             highest price
#      16  i64       low_e              lowest price
#      24  i64       last_e             last price
#      32  i64       average_e          mean price weighted by quantity, in 10^-mark_exponent
#      40  i64       last_qty_e         last trade's quantity, in 10^-qty_exponent of this record as are the next two
#      48  i64       qty_e              quantity traded
#      56  i64       open_interest_e    contracts held
#      64  i64       value_e            price times quantity of all trades, in 10^-value_exponent of this record
#      72  i64       open_ns            where the window begins, Unix
#      80  i64       close_ns           where it ends, Unix
#      88  i64       first_trade_id     the first trade in it
#      96  i64       last_trade_id      the last trade in it
#     104  i64       trades             how many
#     112  u8        qty_exponent       scale of the quantities: sums may not fit the instrument's
#     113  u8        value_exponent     scale of the value
#     114  u8        mini               1: of a stream that gives prices and sums alone
#     115  u8[5]     pad                0
#     120  i64       spare              0
#
# IndexBody, 128 bytes: RECORD_INDEX: a number the venue computes and its name; then Component[components]
#       0  i64       value_e            in 10^-mark_exponent; rates in 10^-rate_exponent
#       8  i64       bid_buffer_e       assets: share taken off as margin, in 10^-8; or absent, as are the next
#      16  i64       ask_buffer_e       assets: share put on
#      24  i64       bid_rate_e         assets: value less that share, in 10^-8
#      32  i64       ask_rate_e         assets: value and that share
#      40  i64       auto_bid_buffer_e  assets: the same four where the venue exchanges by itself
#      48  i64       auto_ask_buffer_e  share put on
#      56  i64       auto_bid_rate_e    value less share
#      64  i64       auto_ask_rate_e    value and share
#      72  u8        kind               ConnectorIndexKind
#      73  u8[3]     pad                0
#      76  u32       components         what a composite index is made of
#      80  char[32]  name               the venue's name of it, NUL-padded
#     112  i64[2]    spare              0
#
# Component, 64 bytes: one asset of a composite index
#       0  i64       quantity_e         its weight as a quantity, in 10^-8
#       8  i64       share_e            its weight as a share of the whole, in 10^-8
#      16  i64       price_e            its price, in 10^-8, or absent
#      24  char[16]  base               the asset, NUL-padded as is the next
#      40  char[16]  quote              what the price is in
#      56  i64       spare              0
#
# LiquidationBody, 128 bytes: RECORD_LIQUIDATION: an order by which the venue closed somebody's position
#       0  i64       price_e            limit, in 10^-price_exponent
#       8  i64       average_e          price it was filled at, in 10^-mark_exponent, or absent
#      16  i64       qty_e              quantity, in 10^-qty_exponent as are the next two
#      24  i64       last_qty_e         of its last fill
#      32  i64       filled_qty_e       filled
#      40  i64       transaction_ns     the matching engine's time, Unix
#      48  u8        side               ConnectorSide
#      49  u8        order_type         ConnectorOrderType, 0: another
#      50  u8        time_in_force      ConnectorTimeInForce
#      51  u8        status             ConnectorOrderStatus
#      52  u8[4]     pad                0
#      56  i64[9]    spare              0
#
# ContractBody, 128 bytes: RECORD_CONTRACT: a contract is listed, changed or over; then Bracket[brackets] that changed
#       0  i64       onboard_ns         listed at, Unix
#       8  i64       delivery_ns        delisted or delivered at, Unix
#      16  u16       status             connector.model.instrument.Status
#      18  u16       contract           connector.model.instrument.ContractType
#      20  u32       brackets           risk brackets
#      24  i64[13]   spare              0
#
# Bracket, 64 bytes: how much leverage and margin positions of a size have
#       0  i64       floor_e            notional from, in 10^-8 of the quote
#       8  i64       cap_e              notional up to, likewise
#      16  i64       maintenance_e      maintenance margin rate, in 10^-8
#      24  i64       deduction_e        to be taken off the maintenance margin, in 10^-8 of the quote
#      32  u32       number             of the bracket, from 1
#      36  u32       min_leverage       least leverage
#      40  u32       max_leverage       most leverage
#      44  u32       pad                0
#      48  i64[2]    spare              0
#
# DepthViewBody, 128 bytes: RECORD_DEPTH_VIEW: levels beside the book; then Level[bids], Level[asks]
#       0  i64       first_id           the first update id the message covers
#       8  i64       prev_id            the update id it follows
#      16  i64       transaction_ns     the matching engine's time, Unix
#      24  u32       bids               levels of the bid side
#      28  u32       asks               levels of the ask side
#      32  u16       levels             most levels of a side, 0: any
#      34  u8        view               ConnectorDepthView: whole tops; or changes with orders the book leaves out
#      35  u8[5]     pad                0
#      40  i64[11]   spare              0
#
# MarketHoursBody, 128 bytes: RECORD_MARKET_HOURS: the session of the market below a contract on shares or commodities
#       0  i64       open_ns            when the session began, Unix
#       8  i64       end_ns             when it ends, Unix
#      16  char[32]  market             the venue's name of the market, NUL-padded as is the next
#      48  char[32]  session            the venue's word for the session
#      80  i64[6]    spare              0
# ------------------------------------------------------------------------------------------------ end
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t

cdef extern from "connector_abi.h" nogil:
    cdef enum ConnectorKlineSource:
        KLINE_TRADES, KLINE_CONTINUOUS, KLINE_INDEX, KLINE_MARK, KLINE_PREMIUM

    cdef enum ConnectorIndexKind:
        INDEX_PRICE, INDEX_MARK, INDEX_LAST, INDEX_FUNDING_RATE, INDEX_NEXT_FUNDING_RATE, INDEX_ASSET, INDEX_COMPOSITE

    cdef enum ConnectorDepthView:
        VIEW_TOP, VIEW_HIDDEN

    ctypedef struct KlineBody:
        int64_t open_ns, end_ns, open_e, high_e, low_e, close_e, last_close_e, qty_e, buy_qty_e, value_e
        int64_t buy_value_e, trades, first_trade_id, last_trade_id
        uint32_t interval_s
        uint8_t closed, source, qty_exponent, value_exponent, backfill

    ctypedef struct TickerBody:
        int64_t open_e, high_e, low_e, last_e, average_e, last_qty_e, qty_e, open_interest_e, value_e, open_ns
        int64_t close_ns, first_trade_id, last_trade_id, trades
        uint8_t qty_exponent, value_exponent, mini

    ctypedef struct IndexBody:
        int64_t value_e, bid_buffer_e, ask_buffer_e, bid_rate_e, ask_rate_e, auto_bid_buffer_e
        int64_t auto_ask_buffer_e, auto_bid_rate_e, auto_ask_rate_e
        uint8_t kind
        uint32_t components
        char name[32]

    ctypedef struct Component:
        int64_t quantity_e, share_e, price_e
        char base[16]
        char quote[16]

    ctypedef struct LiquidationBody:
        int64_t price_e, average_e, qty_e, last_qty_e, filled_qty_e, transaction_ns
        uint8_t side, order_type, time_in_force, status

    ctypedef struct ContractBody:
        int64_t onboard_ns, delivery_ns
        uint16_t status, contract
        uint32_t brackets

    ctypedef struct Bracket:
        int64_t floor_e, cap_e, maintenance_e, deduction_e
        uint32_t number, min_leverage, max_leverage

    ctypedef struct DepthViewBody:
        int64_t first_id, prev_id, transaction_ns
        uint32_t bids, asks
        uint16_t levels
        uint8_t view

    ctypedef struct MarketHoursBody:
        int64_t open_ns, end_ns
        char market[32]
        char session[32]
