"""The shapes of the venue's answers about the past: fees, funding, balances, closed positions, and
the rows in which numbers stand for words. Sections 4.6, 4.9 and 10.1 of the reference.

As tolerant as the other schemas: unknown fields are ignored, any may be absent, values are kept as
their raw JSON text.
"""

from typing import Any, Generic, TypeVar

from msgspec import Raw, Struct, field

from connector.venues.phemex.errors import NOTHING
from connector.venues.phemex.schemas_trading import answer_name, hedged_row_name, twin

T = TypeVar("T")


class Page(Struct, Generic[T]):
    rows: list[T] = field(default_factory=list)
    total: Raw = NOTHING
    next_page_arg: Raw = field(default=NOTHING, name="nextPageArg")


class Answered(Struct, Generic[T]):
    """The envelope of everything that does not begin with /md."""

    code: Raw = NOTHING
    msg: Raw = NOTHING
    data: T | None = None


def answered(row: Any) -> Any:
    """An answer with one thing."""
    return Answered[row]


def listed(row: Any) -> Any:
    """An answer with rows: a page or a list; below /api-data it may have no envelope."""
    return Answered[Page[row] | list[row]] | list[row]


class FundingRow(Struct, rename=answer_name):
    """What was paid (above 0) or received at one settlement; the time is in ms."""

    symbol: Raw = NOTHING
    currency: Raw = NOTHING
    exec_qty: Raw = NOTHING
    side: Raw = NOTHING
    """Of the position."""
    exec_price_ep: Raw = NOTHING
    exec_value_ev: Raw = NOTHING
    funding_rate_er: Raw = NOTHING
    fee_rate_er: Raw = NOTHING
    exec_fee_ev: Raw = NOTHING
    create_time: Raw = NOTHING
    pos_side: Raw = NOTHING
    transact_time_ns: Raw = NOTHING


HedgedFundingRow = twin(FundingRow, hedged_row_name)


class TradingFeeRow(Struct, rename=answer_name):
    """Fees of a day's fills of a symbol; the time is in ms."""

    id: Raw = NOTHING
    user_id: Raw = field(default=NOTHING, name="userId")
    symbol: Raw = NOTHING
    currency: Raw = NOTHING
    create_time: Raw = NOTHING
    exchange_fee_value_ev: Raw = NOTHING
    maker_rate_er: Raw = NOTHING
    maker_value_ev: Raw = NOTHING
    taker_rate_er: Raw = NOTHING
    taker_value_ev: Raw = NOTHING


class FeeRate(Struct, rename=answer_name):
    symbol: Raw = NOTHING
    taker_fee_rate_er: Raw = NOTHING
    maker_fee_rate_er: Raw = NOTHING


class FeeRates(Struct, rename=answer_name):
    symbol_fee_rates: list[FeeRate] = field(default_factory=list)


class BalanceRow(Struct):
    """One change of a trading account's balance, in decimals of whichever family; in ms."""

    type_desc: Raw = field(default=NOTHING, name="typeDesc")
    amount: Raw = field(default=NOTHING, name="amountRv")
    balance: Raw = field(default=NOTHING, name="balanceRv")
    create_time: Raw = field(default=NOTHING, name="createTime")
    currency: Raw = NOTHING


class ClosedPosition(Struct):
    """A position that is over. ``openedTimeNs`` and ``updatedTimeNs`` are in ms; side 1 was long, 2
    short; leverage below 0 is cross. What is left of the profit is ``realizedPnlRv``."""

    symbol: Raw = NOTHING
    currency: Raw = NOTHING
    term: Raw = NOTHING
    closed_size: Raw = field(default=NOTHING, name="closedSizeRq")
    side: Raw = NOTHING
    cum_entry_value: Raw = field(default=NOTHING, name="cumEntryValueRv")
    closed_pnl: Raw = field(default=NOTHING, name="closedPnlRv")
    exchange_fee: Raw = field(default=NOTHING, name="exchangeFeeRv")
    funding_fee: Raw = field(default=NOTHING, name="fundingFeeRv")
    realized_pnl: Raw = field(default=NOTHING, name="realizedPnlRv")
    finished: Raw = NOTHING
    opened_ms: Raw = field(default=NOTHING, name="openedTimeNs")
    updated_ms: Raw = field(default=NOTHING, name="updatedTimeNs")
    open_price: Raw = field(default=NOTHING, name="openPrice")
    close_price: Raw = field(default=NOTHING, name="closePrice")
    roi: Raw = NOTHING
    leverage: Raw = NOTHING


class NumberedOrder(Struct):
    """An order in the second history: words are the numbers of section 8, the time is in ms."""

    created_at: Raw = field(default=NOTHING, name="createdAt")
    symbol: Raw = NOTHING
    order_id: Raw = field(default=NOTHING, name="orderId")
    cl_ord_id: Raw = field(default=NOTHING, name="clOrdId")
    side: Raw = NOTHING
    pos_side: Raw = field(default=NOTHING, name="posSide")
    ord_type: Raw = field(default=NOTHING, name="ordType")
    ord_status: Raw = field(default=NOTHING, name="ordStatus")
    exec_status: Raw = field(default=NOTHING, name="execStatus")
    action_by: Raw = field(default=NOTHING, name="actionBy")
    trade_type: Raw = field(default=NOTHING, name="tradeType")
    stop_direction: Raw = field(default=NOTHING, name="stopDirection")
    trigger: Raw = NOTHING
    biz_error: Raw = field(default=NOTHING, name="bizError")
    price: Raw = field(default=NOTHING, name="priceRp")
    stop_px: Raw = field(default=NOTHING, name="stopPxRp")
    exec_price: Raw = field(default=NOTHING, name="execPriceRp")
    average_price: Raw = field(default=NOTHING, name="avgTransactPriceRp")
    order_qty: Raw = field(default=NOTHING, name="orderQtyRq")
    exec_qty: Raw = field(default=NOTHING, name="execQtyRq")
    leaves_qty: Raw = field(default=NOTHING, name="leavesQtyRq")
    order_value: Raw = field(default=NOTHING, name="orderValueRv")
    cum_value: Raw = field(default=NOTHING, name="cumValueRv")
    leaves_value: Raw = field(default=NOTHING, name="leavesValueRv")
    exec_fee: Raw = field(default=NOTHING, name="execFeeRv")
    total_pnl: Raw = field(default=NOTHING, name="totalPnlRv")
    order_details: Raw = field(default=NOTHING, name="orderDetailsVos")


class NumberedTrade(Struct):
    """A fill or funding in the second history."""

    created_at: Raw = field(default=NOTHING, name="createdAt")
    symbol: Raw = NOTHING
    currency: Raw = NOTHING
    order_id: Raw = field(default=NOTHING, name="orderId")
    cl_ord_id: Raw = field(default=NOTHING, name="clOrdId")
    exec_id: Raw = field(default=NOTHING, name="execId")
    action: Raw = NOTHING
    trade_type: Raw = field(default=NOTHING, name="tradeType")
    exec_status: Raw = field(default=NOTHING, name="execStatus")
    side: Raw = NOTHING
    pos_side: Raw = field(default=NOTHING, name="posSide")
    ord_type: Raw = field(default=NOTHING, name="ordType")
    exec_qty: Raw = field(default=NOTHING, name="execQtyRq")
    exec_price: Raw = field(default=NOTHING, name="execPriceRp")
    order_qty: Raw = field(default=NOTHING, name="orderQtyRq")
    price: Raw = field(default=NOTHING, name="priceRp")
    exec_value: Raw = field(default=NOTHING, name="execValueRv")
    fee_rate: Raw = field(default=NOTHING, name="feeRateRr")
    exec_fee: Raw = field(default=NOTHING, name="execFeeRv")
    closed_size: Raw = field(default=NOTHING, name="closedSizeRq")
    closed_pnl: Raw = field(default=NOTHING, name="closedPnlRv")


class PastTrade(Struct):
    """A public trade of the history: plain texts, the last part of ``id`` its place."""

    id: Raw = NOTHING
    timestamp: Raw = NOTHING
    price: Raw = NOTHING
    amount_quote: Raw = NOTHING
    side: Raw = NOTHING
    type: Raw = NOTHING
