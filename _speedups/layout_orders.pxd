# The bytes of the order path, drawn once: the commands a strategy writes and the reports it gets. A second sheet of
# layout.pxd, under the same rules; both count in the ABI hash. Reports are records of a session's report ring and,
# byte for byte, entries of the journal: RecordHeader.line is the account, .update_id the order_key, .sequence the
# number in the strategy's own dense count. In the journal a header's stamp is no position but a checksum.
#
# ------------------------------------------------------------------------------------------------ drawing
# ConnectorAction: ACTION_PLACE 1, ACTION_AMEND 2, ACTION_CANCEL 3, ACTION_CANCEL_ALL 4, ACTION_QUERY 5
# ConnectorCommandFlag: COMMAND_REDUCE_ONLY 1, COMMAND_CLOSE_POSITION 2, COMMAND_PRICE_PROTECT 4, COMMAND_TEXT 8
# ConnectorOrderType: TYPE_LIMIT 1, TYPE_MARKET 2, TYPE_STOP 3, TYPE_STOP_MARKET 4, TYPE_TAKE_PROFIT 5,
#   TYPE_TAKE_PROFIT_MARKET 6, TYPE_TRAILING_STOP_MARKET 7, TYPE_LIQUIDATION 8
# ConnectorTimeInForce: TIF_NONE 0, TIF_GTC 1, TIF_IOC 2, TIF_FOK 3, TIF_GTX 4, TIF_GTD 5, TIF_DAY 6
# ConnectorPositionSide: POSITION_BOTH 0, POSITION_LONG 1, POSITION_SHORT 2
# ConnectorWorkingType: WORKING_DEFAULT 0, WORKING_LAST 1, WORKING_MARK 2, WORKING_INDEX 3
# ConnectorSelfTrade: STP_DEFAULT 0, STP_NONE 1, STP_EXPIRE_TAKER 2, STP_EXPIRE_MAKER 3, STP_EXPIRE_BOTH 4
# ConnectorPriceMatch: MATCH_NONE 0, MATCH_OPPONENT 1, MATCH_OPPONENT_5 2, MATCH_OPPONENT_10 3,
#   MATCH_OPPONENT_20 4, MATCH_QUEUE 5, MATCH_QUEUE_5 6, MATCH_QUEUE_10 7, MATCH_QUEUE_20 8
# ConnectorResult: RESULT_ACCEPTED 1, RESULT_REFUSED 2, RESULT_UNKNOWN 3
# ConnectorText: TEXT_REQUEST 1, TEXT_ANSWER 2, TEXT_COMMAND 3, TEXT_EVENT 4
# ConnectorUpdate: UPDATE_SUBMITTED 1, UPDATE_EXECUTED 2, UPDATE_CANCELLED 3, UPDATE_REJECTED 4,
#   UPDATE_AMENDED 5, UPDATE_TRIGGERED 6, UPDATE_LIQUIDATED 7, UPDATE_STATE 8
# ConnectorOrderStatus: ORDER_PENDING 0, ORDER_NEW 1, ORDER_PARTIALLY_FILLED 2, ORDER_FILLED 3,
#   ORDER_CANCELLED 4, ORDER_EXPIRED 5, ORDER_REJECTED 6, ORDER_TRIGGERED 7, ORDER_UNKNOWN 8
# ConnectorReportFlag: REPORT_LATE 1, REPORT_FOREIGN 2, REPORT_RECOVERED 4, REPORT_MAKER 8, REPORT_TAKER 16,
#   REPORT_SNAPSHOT 32, REPORT_CONDITIONAL 64
#
# Command, 512 bytes: one slot of a session's command ring; texts are padded with NUL, not ended by it
#       0  u64       stamp              number of the command, from 1 and dense, once the slot is whole
#       8  i64       valid_until_ns     refused as stale when taken later, CLOCK_MONOTONIC
#      16  i64       created_ns         written by the strategy, CLOCK_MONOTONIC
#      24  u64       cause_sequence     market record the strategy had read last; 0: none
#      32  i64       cause_recv_ns      that record's recv_ns
#      40  u64       order_key          amend, cancel, query: the order; 0: see client_order_id and order_id
#      48  i64       order_id           amend, cancel, query: the venue's order id, or absent
#      56  i64       price_e            limit price; amend: the new one; or absent
#      64  i64       qty_e              quantity; amend: the new total; or absent
#      72  i64       stop_price_e       price that triggers it, or absent
#      80  i64       activation_price_e trailing: price that starts it, or absent
#      88  i64       callback_rate_e    trailing: distance as a fraction, in 10^-8, or absent
#      96  i64       good_till_ns       GTD: ends at, Unix, or absent
#     104  u32       instrument         index into the directory
#     108  u32       flags              ConnectorCommandFlag, or-ed
#     112  u16       account            index of the account in the hello's answer
#     114  u16       batch              0: alone; else position in its batch, from 1
#     116  u16       batch_size         commands of the batch
#     118  u8        action             ConnectorAction
#     119  u8        side               ConnectorSide
#     120  u8        order_type         ConnectorOrderType
#     121  u8        time_in_force      ConnectorTimeInForce
#     122  u8        position_side      ConnectorPositionSide
#     123  u8        working_type       ConnectorWorkingType
#     124  u8        self_trade         ConnectorSelfTrade
#     125  u8        price_match        ConnectorPriceMatch
#     126  u8[2]     pad                0
#     128  char[40]  ref_id             the strategy's id of this request
#     168  char[40]  client_order_id    place: empty, one is made; else the order
#     208  char[40]  venue_order_id     amend, cancel, query: the venue's order id where it is a text
#     248  char[64]  label              free text, echoed
#     312  char[64]  target             free text, echoed
#     376  u64       placed_by          amend, cancel, query: the command that placed the order; 0: see the others
#     384  u64       cause_report       report the strategy had read last, its number; 0: none
#     392  u8[120]   reserve            0
#
# CommandBody, 640 bytes: RECORD_COMMAND, in the journal only: a command as it was read and what the gateway made of it
#       0  Command   command            as it was read
#     512  u64       order_key          the order it made or means; 0: none
#     520  u64       session            the session it came from
#     528  i64       read_ns            taken by the gateway, CLOCK_MONOTONIC
#     536  i64       wall_ns            the same moment, Unix
#     544  i32       code               0: goes to the venue; else the refusal, as in CommandAnswerBody
#     548  u32       text_bytes         length of the JSON text that follows, as the door got it
#     552  char[40]  client_order_id    the order's, given or made
#     592  i64       checked_ns         nothing speaks against it, CLOCK_MONOTONIC; 0: it was refused
#     600  i64       encoded_ns         its request is made and signed, CLOCK_MONOTONIC; 0: there is none
#     608  u8[32]    reserve            0
#
# SentBody, 64 bytes: RECORD_SENT, in the journal only: before the first byte of a request leaves
#       0  u64       order_key          the order; 0: none
#       8  u64       command            number of the command; 0: the connector's own
#      16  u64       request            number of the request
#      24  i64       sent_ns            CLOCK_MONOTONIC
#      32  i64       wall_ns            Unix
#      40  i64       deadline_ns        the venue accepts it until, Unix by its clock; 0: no limit
#      48  u8        action             ConnectorAction
#      49  u8[7]     pad                0
#      56  i64       spare              0
#
# TextBody, 64 bytes: RECORD_TEXT, in the journal only; then char[text_bytes], no secret in it
#       0  u64       order_key          the order; 0: none
#       8  u64       command            number of the command; 0: the connector's own
#      16  u64       request            number of the request, as in SentBody; 0: none
#      24  i64       wall_ns            Unix
#      32  i32       status             of the venue's answer, HTTP or of its order API; 0: none
#      36  u32       text_bytes         length of the text
#      40  u8        what               ConnectorText
#      41  u8        action             ConnectorAction
#      42  u8        cut                1: there was more of it
#      43  u8[5]     pad                0
#      48  i64[2]    spare              0
#
# CommandAnswerBody, 256 bytes: RECORD_COMMAND_ANSWER; then char[text_bytes], the venue's own words
#       0  u64       order_key          the order; 0: none was made
#       8  u64       command            number of the command that is answered
#      16  i64       order_id           the venue's order id, or absent
#      24  i64       wall_ns            Unix
#      32  i64       sent_ns            before send(2), CLOCK_MONOTONIC; 0: never sent
#      40  i64       value_e            refused by a limit: the value
#      48  i64       limit_e            refused by a limit: the limit, in the units of the field
#      56  i32       code               0 accepted; 900001 and up: connector.model.reports.Code; 999999: the venue refused
#      60  i32       http_status        of the venue's answer; 0: none
#      64  i32       venue_code         the venue's own code; 0: none
#      68  u32       text_bytes         length of the venue's words
#      72  u8        result             ConnectorResult
#      73  u8        action             ConnectorAction
#      74  u8        field              connector.model.reports.Field that was refused; 0: none
#      75  u8        settled            1: ends an unknown outcome that was answered before
#      76  u16       batch              position in its batch, from 1; 0: alone
#      78  u16       pad                0
#      80  char[40]  ref_id             of the command
#     120  char[40]  client_order_id    the order's
#     160  char[40]  venue_order_id     the venue's order id where it is a text
#     200  i64       left_ns            the request's first byte was handed to the kernel, CLOCK_MONOTONIC; 0: not known
#     208  u8[48]    reserve            0
#
# OrderReportBody, 384 bytes: RECORD_ORDER_REPORT; the header's line is the account, its update_id the order_key
#       0  u64       order_key          the connector's own id of the order, never reused
#       8  i64       order_id           the venue's order id, or absent
#      16  i64       wall_ns            Unix
#      24  u64       command            number of the command that placed it; 0: none
#      32  i64       price_e            limit price; absent: market
#      40  i64       qty_e              original quantity
#      48  i64       filled_qty_e       filled so far
#      56  i64       last_qty_e         this fill; 0: no fill
#      64  i64       last_price_e       price of this fill, or absent
#      72  i64       average_e          average price of the fills, in 10^-average_exponent; 0: none
#      80  i64       stop_price_e       or absent
#      88  i64       fee_e              of this fill, in 10^-8 of fee_asset; a rebate is negative; or absent
#      96  i64       realised_e         profit this fill realised, in 10^-8 of the margin asset, or absent
#     104  i64       trade_id           the venue's id of this fill, or absent
#     112  i32       average_exponent   of average_e
#     116  u32       flags              ConnectorReportFlag, or-ed
#     120  u8        update             ConnectorUpdate
#     121  u8        status             ConnectorOrderStatus
#     122  u8        side               ConnectorSide
#     123  u8        order_type         ConnectorOrderType
#     124  u8        time_in_force      ConnectorTimeInForce
#     125  u8        position_side      ConnectorPositionSide
#     126  u8        reason             connector.model.reports.EndReason
#     127  u8        pad                0
#     128  char[16]  fee_asset          NUL-padded, as are the next
#     144  char[40]  client_order_id    empty: it has none
#     184  char[40]  ref_id             of the command that placed it
#     224  char[40]  venue_order_id     the venue's order id where it is a text
#     264  char[40]  venue_trade_id     the venue's id of this fill where it is a text
#     304  u8[80]    reserve            0
#
# FillDetailBody, 192 bytes: RECORD_FILL_DETAIL: more about a fill that was reported before
#       0  u64       order_key          the order
#       8  i64       trade_id           the fill, or absent
#      16  i64       wall_ns            Unix
#      24  i64       fee_e              in 10^-8 of fee_asset, or absent
#      32  i64       realised_e         in 10^-8 of the margin asset, or absent
#      40  u32       flags              ConnectorReportFlag, or-ed
#      44  u8        position_side      ConnectorPositionSide
#      45  u8[3]     pad                0
#      48  char[16]  fee_asset          NUL-padded, as is the next
#      64  char[40]  venue_trade_id     the fill where its id is a text
#     104  i64       last_qty_e         the fill's quantity and price
#     112  i64       last_price_e       in the units of the instrument, as the quantity
#     120  u8[72]    reserve            0
#
# BalanceUpdateBody, 128 bytes: RECORD_BALANCE_UPDATE; amounts in 10^-8 of the asset
#       0  i64       wall_ns            Unix
#       8  i64       wallet_e           wallet balance
#      16  i64       available_e        free for orders, or absent
#      24  i64       change_e           without profit and fees, or absent
#      32  u8        reason             connector.model.reports.BalanceReason
#      33  u8[7]     pad                0
#      40  char[16]  asset              NUL-padded
#      56  u32       flags              ConnectorReportFlag, or-ed
#      60  u8[68]    reserve            0
#
# PositionUpdateBody, 128 bytes: RECORD_POSITION_UPDATE
#       0  i64       wall_ns            Unix
#       8  i64       qty_e              the account's position; short is negative
#      16  i64       entry_e            average entry price, in 10^-entry_exponent, or absent
#      24  i64       unrealised_e       in 10^-8 of the margin asset, or absent
#      32  i64       realised_e         accumulated, in 10^-8 of the margin asset, or absent
#      40  i64       own_qty_e          the sum of this strategy's own fills; short is negative
#      48  i32       entry_exponent     of entry_e
#      52  u32       leverage           0: not known
#      56  u8        position_side      ConnectorPositionSide
#      57  u8        isolated           1: isolated margin
#      58  u8[2]     pad                0
#      60  u32       flags              ConnectorReportFlag, or-ed
#      64  u8[64]    reserve            0
#
# AccountConfigBody, 64 bytes: RECORD_ACCOUNT_CONFIG: what changed; the rest is 0
#       0  i64       wall_ns            Unix
#       8  u32       leverage           of the instrument
#      12  u8        multi_assets       1 off, 2 on
#      13  u8        hedge              1 off, 2 on
#      14  u8[2]     pad                0
#      16  i64[6]    spare              0
#
# MarginCallBody, 64 bytes: RECORD_MARGIN_CALL: one position of the warning
#       0  i64       wall_ns            Unix
#       8  i64       wallet_e           cross wallet balance, in 10^-8, or absent
#      16  i64       qty_e              position; short is negative
#      24  i64       mark_e             mark price, in 10^-mark_exponent of the instrument
#      32  i64       unrealised_e       in 10^-8
#      40  i64       maintenance_e      maintenance margin, in 10^-8
#      48  u8        position_side      ConnectorPositionSide
#      49  u8        isolated           1: isolated margin
#      50  u8[6]     pad                0
#      56  i64       spare              0
#
# SnapshotBody, 64 bytes: RECORD_SNAPSHOT_BEGIN, RECORD_SNAPSHOT_END: open orders, positions and balances stand between them
#       0  u64       journal_sequence   the state is that after this report
#       8  i64       wall_ns            Unix
#      16  u32       orders             open orders in it
#      20  u32       positions          positions in it
#      24  i64[5]    spare              0
# ------------------------------------------------------------------------------------------------ end
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef extern from "connector_abi.h" nogil:
    cdef enum:
        CONNECTOR_COMMANDS, CONNECTOR_REF_BYTES, CONNECTOR_LABEL_BYTES

    cdef enum ConnectorAction:
        ACTION_PLACE, ACTION_AMEND, ACTION_CANCEL, ACTION_CANCEL_ALL, ACTION_QUERY

    cdef enum ConnectorCommandFlag:
        COMMAND_REDUCE_ONLY, COMMAND_CLOSE_POSITION, COMMAND_PRICE_PROTECT, COMMAND_TEXT

    cdef enum ConnectorOrderType:
        TYPE_LIMIT, TYPE_MARKET, TYPE_STOP, TYPE_STOP_MARKET, TYPE_TAKE_PROFIT, TYPE_TAKE_PROFIT_MARKET,
        TYPE_TRAILING_STOP_MARKET, TYPE_LIQUIDATION

    cdef enum ConnectorTimeInForce:
        TIF_NONE, TIF_GTC, TIF_IOC, TIF_FOK, TIF_GTX, TIF_GTD, TIF_DAY

    cdef enum ConnectorPositionSide:
        POSITION_BOTH, POSITION_LONG, POSITION_SHORT

    cdef enum ConnectorWorkingType:
        WORKING_DEFAULT, WORKING_LAST, WORKING_MARK, WORKING_INDEX

    cdef enum ConnectorSelfTrade:
        STP_DEFAULT, STP_NONE, STP_EXPIRE_TAKER, STP_EXPIRE_MAKER, STP_EXPIRE_BOTH

    cdef enum ConnectorPriceMatch:
        MATCH_NONE, MATCH_OPPONENT, MATCH_OPPONENT_5, MATCH_OPPONENT_10, MATCH_OPPONENT_20, MATCH_QUEUE,
        MATCH_QUEUE_5, MATCH_QUEUE_10, MATCH_QUEUE_20

    cdef enum ConnectorResult:
        RESULT_ACCEPTED, RESULT_REFUSED, RESULT_UNKNOWN

    cdef enum ConnectorText:
        TEXT_REQUEST, TEXT_ANSWER, TEXT_COMMAND, TEXT_EVENT

    cdef enum ConnectorUpdate:
        UPDATE_SUBMITTED, UPDATE_EXECUTED, UPDATE_CANCELLED, UPDATE_REJECTED, UPDATE_AMENDED, UPDATE_TRIGGERED,
        UPDATE_LIQUIDATED, UPDATE_STATE

    cdef enum ConnectorOrderStatus:
        ORDER_PENDING, ORDER_NEW, ORDER_PARTIALLY_FILLED, ORDER_FILLED, ORDER_CANCELLED, ORDER_EXPIRED,
        ORDER_REJECTED, ORDER_TRIGGERED, ORDER_UNKNOWN

    cdef enum ConnectorReportFlag:
        REPORT_LATE, REPORT_FOREIGN, REPORT_RECOVERED, REPORT_MAKER, REPORT_TAKER, REPORT_SNAPSHOT,
        REPORT_CONDITIONAL

    ctypedef struct Command:
        uint64_t stamp
        int64_t valid_until_ns, created_ns
        uint64_t cause_sequence
        int64_t cause_recv_ns
        uint64_t order_key
        int64_t order_id, price_e, qty_e, stop_price_e, activation_price_e, callback_rate_e, good_till_ns
        uint32_t instrument, flags
        uint16_t account, batch, batch_size
        uint8_t action, side, order_type, time_in_force, position_side, working_type, self_trade, price_match
        char ref_id[40]
        char client_order_id[40]
        char venue_order_id[40]
        char label[64]
        char target[64]
        uint64_t placed_by, cause_report

    ctypedef struct CommandBody:
        Command command
        uint64_t order_key, session
        int64_t read_ns, wall_ns
        int32_t code
        uint32_t text_bytes
        char client_order_id[40]
        int64_t checked_ns, encoded_ns

    ctypedef struct SentBody:
        uint64_t order_key, command, request
        int64_t sent_ns, wall_ns, deadline_ns
        uint8_t action

    ctypedef struct TextBody:
        uint64_t order_key, command, request
        int64_t wall_ns
        int32_t status
        uint32_t text_bytes
        uint8_t what, action, cut

    ctypedef struct CommandAnswerBody:
        uint64_t order_key, command
        int64_t order_id, wall_ns, sent_ns, value_e, limit_e
        int32_t code, http_status, venue_code
        uint32_t text_bytes
        uint8_t result, action, field, settled
        uint16_t batch
        char ref_id[40]
        char client_order_id[40]
        char venue_order_id[40]
        int64_t left_ns

    ctypedef struct OrderReportBody:
        uint64_t order_key
        int64_t order_id, wall_ns
        uint64_t command
        int64_t price_e, qty_e, filled_qty_e, last_qty_e, last_price_e, average_e, stop_price_e, fee_e
        int64_t realised_e, trade_id
        int32_t average_exponent
        uint32_t flags
        uint8_t update, status, side, order_type, time_in_force, position_side, reason
        char fee_asset[16]
        char client_order_id[40]
        char ref_id[40]
        char venue_order_id[40]
        char venue_trade_id[40]

    ctypedef struct FillDetailBody:
        uint64_t order_key
        int64_t trade_id, wall_ns, fee_e, realised_e
        uint32_t flags
        uint8_t position_side
        char fee_asset[16]
        char venue_trade_id[40]
        int64_t last_qty_e, last_price_e

    ctypedef struct BalanceUpdateBody:
        int64_t wall_ns, wallet_e, available_e, change_e
        uint8_t reason
        char asset[16]
        uint32_t flags

    ctypedef struct PositionUpdateBody:
        int64_t wall_ns, qty_e, entry_e, unrealised_e, realised_e, own_qty_e
        int32_t entry_exponent
        uint32_t leverage
        uint8_t position_side, isolated
        uint32_t flags

    ctypedef struct AccountConfigBody:
        int64_t wall_ns
        uint32_t leverage
        uint8_t multi_assets, hedge

    ctypedef struct MarginCallBody:
        int64_t wall_ns, wallet_e, qty_e, mark_e, unrealised_e, maintenance_e
        uint8_t position_side, isolated

    ctypedef struct SnapshotBody:
        uint64_t journal_sequence
        int64_t wall_ns
        uint32_t orders, positions
