"""The shared memory's layout as Python sees it: record types, flags and, on demand, numpy dtypes.

The drawings at the head of ``_speedups/layout.pxd``, ``layout_streams.pxd`` and
``layout_orders.pxd`` say what each field means and in which unit; a test compares them. numpy is
only imported by ``dtype()``.
"""

from enum import IntFlag
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from connector.model.enums import Number

if TYPE_CHECKING:
    import numpy as np

ALIGN = 64
"""Records begin at multiples of this many bytes."""


NO_INSTRUMENT = 0xFFFF_FFFF
"""In the header of a report: about no instrument, or one without a place in this run's directory
(``CONNECTOR_NO_INSTRUMENT`` of ``_speedups/renumbering.pxd``)."""
NO_ACCOUNT = 0xFFFF
"""Likewise: an account that this run does not have (``CONNECTOR_NO_ACCOUNT``)."""


class RecordType(Number):
    """What a record's body holds."""

    PAD = 1
    BOOK_DELTA = 2
    BBO = 3
    TRADE = 4
    MARK_PRICE = 5
    INDEX = 6
    LIQUIDATION = 7
    TICKER = 8
    KLINE = 9
    INSTRUMENT_CHANGE = 10
    FEED_STATE = 11
    CONTRACT = 12
    DEPTH_VIEW = 13
    MARKET_HOURS = 14
    CHECKPOINT_PART = 29
    """More of a checkpoint, up to one that says it is the last. In the journal only."""
    TEXT = 30
    """What went over the wire, or came: said where it did not end well. In the journal only."""
    CHECKPOINT = 31
    """What a journal's log file begins with; the body is its writer's. In the journal only."""
    COMMAND = 32
    SENT = 33
    COMMAND_ANSWER = 34
    ORDER_REPORT = 35
    FILL_DETAIL = 36
    BALANCE_UPDATE = 37
    POSITION_UPDATE = 38
    ACCOUNT_CONFIG = 39
    MARGIN_CALL = 40
    SNAPSHOT_BEGIN = 41
    SNAPSHOT_END = 42


class Flag(IntFlag):
    MORE = 1
    """The message goes on in the next record of this instrument."""
    LAST = 2
    """The last part of a split message."""
    RESYNC = 4
    """Part of the difference between the book before a gap and the one after it."""


class InstrumentFlag(IntFlag):
    INVERSE = 1
    """Its value is in the margin asset, as quantity times contract size divided by price."""


class Side(Number):
    """The side of an aggressor."""

    BUY = 1
    SELL = 2


class KlineSource(Number):
    """What a candle is of."""

    TRADES = 1
    """The instrument's trades."""
    CONTINUOUS = 2
    """The trades of whichever contract is the pair's perpetual, current or next quarter's."""
    INDEX = 3
    """The index price; there are no quantities."""
    MARK = 4
    """The mark price, likewise."""
    PREMIUM = 5
    """The premium index, likewise: a rate, not a price."""


class IndexKind(Number):
    """What a number of an Index record is."""

    PRICE = 1
    """An index price."""
    MARK = 2
    """A mark price."""
    LAST = 3
    """The last trade's price."""
    FUNDING_RATE = 4
    """The funding rate that was settled last, in 10^-rate_exponent."""
    NEXT_FUNDING_RATE = 5
    """The one foreseen for the next settlement, likewise."""
    ASSET = 6
    """What an asset counts for as margin."""
    COMPOSITE = 7
    """A composite index, with what it is made of."""


class DepthViewKind(Number):
    """What the levels of a DepthView record are."""

    TOP = 1
    """The best levels, all of them each time."""
    HIDDEN = 2
    """Changes of a book with orders that the instrument's own leaves out."""


STRUCTS: dict[str, str] = {
    "Level": "price_e:i64 qty_e:i64",
    "RecordHeader": (
        "stamp:u64 length:u32 type:u16 flags:u16 sequence:u64 instrument:u32 venue:u16 line:u16 "
        "venue_ns:i64 recv_ns:i64 publish_ns:i64 update_id:i64"
    ),
    "BookDeltaBody": "first_id:i64 prev_id:i64 transaction_ns:i64 bids:u32 asks:u32",
    "BboBody": (
        "bid_price_e:i64 bid_qty_e:i64 ask_price_e:i64 ask_qty_e:i64 transaction_ns:i64 "
        "source:u32 state:u32 spare:i64[2]"
    ),
    "TradeBody": (
        "price_e:i64 qty_e:i64 normal_qty_e:i64 first_trade_id:i64 last_trade_id:i64 "
        "transaction_ns:i64 side:u8 aggregate:u8 origin:u8 pad:u8[5] spare:i64"
    ),
    "MarkPriceBody": (
        "mark_e:i64 index_e:i64 settle_e:i64 average_e:i64 rate_e:i64 next_funding_ns:i64 "
        "spare:i64[2]"
    ),
    "FeedStateBody": (
        "kind:u8 state:u8 previous:u8 pad:u8 reason:u32 bid_low_e:i64 ask_high_e:i64 bids:u32 "
        "asks:u32 spare:i64[4]"
    ),
    "InstrumentChangeBody": "generation:u64 status:u32 previous:u32 spare:i64[6]",
    "KlineBody": (
        "open_ns:i64 end_ns:i64 open_e:i64 high_e:i64 low_e:i64 close_e:i64 last_close_e:i64 "
        "qty_e:i64 buy_qty_e:i64 value_e:i64 buy_value_e:i64 trades:i64 first_trade_id:i64 "
        "last_trade_id:i64 interval_s:u32 closed:u8 source:u8 qty_exponent:u8 "
        "value_exponent:u8 backfill:u8 pad:u8[7]"
    ),
    "TickerBody": (
        "open_e:i64 high_e:i64 low_e:i64 last_e:i64 average_e:i64 last_qty_e:i64 qty_e:i64 "
        "open_interest_e:i64 value_e:i64 open_ns:i64 close_ns:i64 first_trade_id:i64 "
        "last_trade_id:i64 trades:i64 qty_exponent:u8 value_exponent:u8 mini:u8 pad:u8[5] "
        "spare:i64"
    ),
    "IndexBody": (
        "value_e:i64 bid_buffer_e:i64 ask_buffer_e:i64 bid_rate_e:i64 ask_rate_e:i64 "
        "auto_bid_buffer_e:i64 auto_ask_buffer_e:i64 auto_bid_rate_e:i64 auto_ask_rate_e:i64 "
        "kind:u8 pad:u8[3] components:u32 name:char[32] spare:i64[2]"
    ),
    "Component": ("quantity_e:i64 share_e:i64 price_e:i64 base:char[16] quote:char[16] spare:i64"),
    "LiquidationBody": (
        "price_e:i64 average_e:i64 qty_e:i64 last_qty_e:i64 filled_qty_e:i64 "
        "transaction_ns:i64 side:u8 order_type:u8 time_in_force:u8 status:u8 pad:u8[4] "
        "spare:i64[9]"
    ),
    "ContractBody": (
        "onboard_ns:i64 delivery_ns:i64 status:u16 contract:u16 brackets:u32 spare:i64[13]"
    ),
    "Bracket": (
        "floor_e:i64 cap_e:i64 maintenance_e:i64 deduction_e:i64 number:u32 min_leverage:u32 "
        "max_leverage:u32 pad:u32 spare:i64[2]"
    ),
    "DepthViewBody": (
        "first_id:i64 prev_id:i64 transaction_ns:i64 bids:u32 asks:u32 levels:u16 view:u8 "
        "pad:u8[5] spare:i64[11]"
    ),
    "MarketHoursBody": ("open_ns:i64 end_ns:i64 market:char[32] session:char[32] spare:i64[6]"),
    "BboCell": (
        "word:u64 bid_price_e:i64 bid_qty_e:i64 ask_price_e:i64 ask_qty_e:i64 update_id:i64 "
        "venue_ns:i64 recv_ns:i64"
    ),
    "TradeCell": (
        "word:u64 price_e:i64 qty_e:i64 trade_id:i64 side:u64 trade_venue_ns:i64 "
        "trade_recv_ns:i64 mark_e:i64 index_e:i64 settle_e:i64 rate_e:i64 next_funding_ns:i64 "
        "mark_venue_ns:i64 mark_recv_ns:i64 spare:i64[2]"
    ),
    "LevelsCell": (
        "word:u64 update_id:i64 venue_ns:i64 recv_ns:i64 bids:u32 asks:u32 bid_low_e:i64 "
        "ask_high_e:i64 spare:i64 bid:Level[20] ask:Level[20]"
    ),
    "TopEntry": "bbo:BboCell trade:TradeCell levels:LevelsCell",
    "InstrumentEntry": (
        "word:u64 id:u32 venue:u16 status:u16 contract:u16 price_digits:u16 qty_digits:u16 "
        "flags:u16 price_exponent:i32 qty_exponent:i32 mark_exponent:i32 rate_exponent:i32 "
        "tick_e:i64 step_e:i64 min_price_e:i64 max_price_e:i64 min_qty_e:i64 max_qty_e:i64 "
        "market_step_e:i64 market_min_qty_e:i64 market_max_qty_e:i64 min_notional_e:i64 "
        "multiplier_up_e:i64 multiplier_down_e:i64 contract_size_e:i64 onboard_ns:i64 "
        "delivery_ns:i64 generation:u64 exchange:char[16] symbol:char[64] base:char[16] "
        "quote:char[16] margin:char[16] reserve:u8[216]"
    ),
    "InstrumentStats": (
        "frames:u64 deltas:u64 bbos:u64 trades:u64 marks:u64 gaps:u64 resyncs:u64 "
        "duplicates:u64 fallbacks:u64 crossed:u64 snapshots:u64 last_data_ns:u64 spare:u64[4]"
    ),
    "Histogram": "count:u64 sum_ns:u64 max_ns:u64 spare:u64[5] bucket:u64[1024]",
    "Budget": (
        "used:u64 limit:u64 window_ns:u64 resets_ns:u64 venue:u16 account:u16 pad:u32 name:char[24]"
    ),
    "RingControl": (
        "intent:u64 pad0:u64[15] rejoin:u64 pad1:u64[15] written:u64 sequence:u64 pad2:u64[14]"
    ),
    "SegmentHeader": (
        "magic:u64 abi_hash:u64 epoch:u64 size:u64 started_ns:i64 pid:u64 directory_offset:u64 "
        "stats_offset:u64 table_offset:u64 counters_offset:u64 histograms_offset:u64 "
        "budgets_offset:u64 control_offset:u64 ring_offset:u64 ring_capacity:u64 "
        "instruments:u64 pad0:u64[16] heartbeat_ns:i64 pad1:i64[15] version:char[64] "
        "reserve:u8[3648]"
    ),
    "SessionUp": (
        "magic:u64 session:u64 pad0:u64[14] market_cursor:u64 market_sequence:u64 pad1:u64[14] "
        "report_cursor:u64 pad2:u64[15] sleeping:u64 pad3:u64[15] lease_ns:i64 pad4:i64[15] "
        "reserve:u8[3456]"
    ),
    "SessionDown": (
        "magic:u64 session:u64 pad0:u64[14] state:u64 reason:u64 pad1:u64[14] "
        "command_cursor:u64 pad2:u64[15] daemon_sleeping:u64 pad3:u64[15] reserve:u8[3584]"
    ),
    "BookHeader": (
        "magic:u64 abi_hash:u64 instrument:u32 state:u32 update_id:i64 venue_ns:i64 "
        "sequence:u64 bids:u32 asks:u32 spare:u64"
    ),
    "Command": (
        "stamp:u64 valid_until_ns:i64 created_ns:i64 cause_sequence:u64 cause_recv_ns:i64 "
        "order_key:u64 order_id:i64 price_e:i64 qty_e:i64 stop_price_e:i64 activation_price_e:i64 "
        "callback_rate_e:i64 good_till_ns:i64 instrument:u32 flags:u32 account:u16 batch:u16 "
        "batch_size:u16 action:u8 side:u8 order_type:u8 time_in_force:u8 position_side:u8 "
        "working_type:u8 self_trade:u8 price_match:u8 pad:u8[2] ref_id:char[40] "
        "client_order_id:char[40] venue_order_id:char[40] label:char[64] target:char[64] "
        "placed_by:u64 cause_report:u64 reserve:u8[120]"
    ),
    "CommandBody": (
        "command:Command order_key:u64 session:u64 read_ns:i64 wall_ns:i64 code:i32 "
        "text_bytes:u32 client_order_id:char[40] checked_ns:i64 encoded_ns:i64 reserve:u8[32]"
    ),
    "SentBody": (
        "order_key:u64 command:u64 request:u64 sent_ns:i64 wall_ns:i64 deadline_ns:i64 action:u8 "
        "pad:u8[7] spare:i64"
    ),
    "TextBody": (
        "order_key:u64 command:u64 request:u64 wall_ns:i64 status:i32 text_bytes:u32 what:u8 "
        "action:u8 cut:u8 pad:u8[5] spare:i64[2]"
    ),
    "CommandAnswerBody": (
        "order_key:u64 command:u64 order_id:i64 wall_ns:i64 sent_ns:i64 value_e:i64 limit_e:i64 "
        "code:i32 http_status:i32 venue_code:i32 text_bytes:u32 result:u8 action:u8 field:u8 "
        "settled:u8 batch:u16 pad:u16 ref_id:char[40] client_order_id:char[40] "
        "venue_order_id:char[40] left_ns:i64 reserve:u8[48]"
    ),
    "OrderReportBody": (
        "order_key:u64 order_id:i64 wall_ns:i64 command:u64 price_e:i64 qty_e:i64 "
        "filled_qty_e:i64 last_qty_e:i64 last_price_e:i64 average_e:i64 stop_price_e:i64 "
        "fee_e:i64 realised_e:i64 trade_id:i64 average_exponent:i32 flags:u32 update:u8 status:u8 "
        "side:u8 order_type:u8 time_in_force:u8 position_side:u8 reason:u8 pad:u8 "
        "fee_asset:char[16] client_order_id:char[40] ref_id:char[40] venue_order_id:char[40] "
        "venue_trade_id:char[40] reserve:u8[80]"
    ),
    "FillDetailBody": (
        "order_key:u64 trade_id:i64 wall_ns:i64 fee_e:i64 realised_e:i64 flags:u32 "
        "position_side:u8 pad:u8[3] fee_asset:char[16] venue_trade_id:char[40] "
        "last_qty_e:i64 last_price_e:i64 reserve:u8[72]"
    ),
    "BalanceUpdateBody": (
        "wall_ns:i64 wallet_e:i64 available_e:i64 change_e:i64 reason:u8 pad:u8[7] asset:char[16] "
        "flags:u32 reserve:u8[68]"
    ),
    "PositionUpdateBody": (
        "wall_ns:i64 qty_e:i64 entry_e:i64 unrealised_e:i64 realised_e:i64 own_qty_e:i64 "
        "entry_exponent:i32 leverage:u32 position_side:u8 isolated:u8 pad:u8[2] flags:u32 "
        "reserve:u8[64]"
    ),
    "AccountConfigBody": "wall_ns:i64 leverage:u32 multi_assets:u8 hedge:u8 pad:u8[2] spare:i64[6]",
    "MarginCallBody": (
        "wall_ns:i64 wallet_e:i64 qty_e:i64 mark_e:i64 unrealised_e:i64 maintenance_e:i64 "
        "position_side:u8 isolated:u8 pad:u8[6] spare:i64"
    ),
    "SnapshotBody": "journal_sequence:u64 wall_ns:i64 orders:u32 positions:u32 spare:i64[5]",
}
"""Every struct of the layout as ``name:type[count] ...``; each uses only earlier ones."""

_NUMPY = {
    "u8": "u1",
    "u16": "<u2",
    "u32": "<u4",
    "u64": "<u8",
    "i32": "<i4",
    "i64": "<i8",
}


class Field(NamedTuple):
    name: str
    type: str
    length: int
    """0: not an array."""


def fields(struct: str) -> list[Field]:
    """The fields of a struct in their order."""
    found = []
    for word in STRUCTS[struct].split():
        name, _, kind = word.partition(":")
        kind, _, count = kind.partition("[")
        found.append(Field(name, kind, int(count.rstrip("]") or 0)))
    return found


@cache
def dtype(struct: str) -> "np.dtype[Any]":
    """The numpy dtype of a struct, e.g. ``dtype("TopEntry")``; needs numpy."""
    import numpy as np

    described: list[Any] = []
    for name, kind, count in fields(struct):
        if kind == "char":
            described.append((name, f"S{count}"))
            continue
        base = _NUMPY.get(kind) or dtype(kind)
        described.append((name, base, (count,)) if count else (name, base))
    return np.dtype(described)
