"""What can be asked of the venue's order, account and wallet endpoints, checked before anything is
sent. Section 4 of the reference.

Prices are Ep, ratios Er, values Ev: integers in the scale of the instrument or the currency.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

CLIENT_ID = r"^[A-Za-z0-9._~-]{1,40}$"
"""At most 40 characters; only those that need no encoding where they are signed."""
IDS = r"^[0-9A-Za-z-]+(,[0-9A-Za-z-]+)*$"

Symbol = Annotated[str, Meta(min_length=1)]
Currency = Annotated[str, Meta(pattern=r"^[A-Z0-9]+$", description="a currency, as BTC")]
ClientId = Annotated[str, Meta(pattern=CLIENT_ID, description="1 to 40 of A-Z a-z 0-9 . _ ~ -")]
Ids = Annotated[str, Meta(pattern=IDS, description="ids of orders with commas between them")]
"""Several stand with commas between them."""
ClientIds = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9._~-]+(,[A-Za-z0-9._~-]+)*$",
        description="client ids with commas between them",
    ),
]
Symbols = Annotated[
    str,
    Meta(pattern=r"^[0-9A-Za-z]+(,[0-9A-Za-z]+)*$", description="symbols with commas between them"),
]
Codes = Annotated[
    str, Meta(pattern=r"^[0-9]+(,[0-9]+)*$", description="numbers with commas between them")
]
OrderId = Annotated[str, Meta(pattern=r"^[0-9A-Za-z-]{1,40}$", description="an order's id")]
Price = Annotated[int, Meta(gt=0)]
Protection = Annotated[int, Meta(ge=0)]
"""A price that takes profit or stops a loss; 0: none."""
Quantity = Annotated[int, Meta(ge=0)]
Count = Annotated[int, Meta(ge=0)]
Page = Annotated[int, Meta(ge=1, le=200)]
Ms = Annotated[int, Meta(ge=0)]
Text = Annotated[str, Meta(max_length=40)]
Side = Literal["Buy", "Sell"]
OrdType = Literal[
    "Market", "Limit", "Stop", "StopLimit", "MarketIfTouched", "LimitIfTouched", "Pegged"
]
TimeInForce = Literal[
    "Day", "GoodTillCancel", "ImmediateOrCancel", "FillOrKill", "PostOnly", "RPIPostOnly"
]
TriggerType = Literal["UNSPECIFIED", "ByMarkPrice", "ByLastPrice"]
HedgedTriggerType = Literal[
    "UNSPECIFIED",
    "ByMarkPrice",
    "ByIndexPrice",
    "ByLastPrice",
    "ByAskPrice",
    "ByBidPrice",
    "ByMarkPriceLimit",
    "ByLastPriceLimit",
]
PosSide = Literal["Merged", "Long", "Short"]
"""Merged in one-way mode, else Long or Short."""
Decimal = Annotated[
    str, Meta(pattern=r"^(0|[1-9][0-9]*)(\.[0-9]+)?$", description="a plain decimal, as 0.001")
]
Signed = Annotated[
    str, Meta(pattern=r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?$", description="a plain decimal, as -0.5")
]
PegPriceType = Literal["UNSPECIFIED", "TrailingStopPeg", "TrailingTakeProfitPeg"]

SPELLED = {
    "order_id": "orderID",
    "cl_ord_id": "clOrdID",
    "orig_cl_ord_id": "origClOrdID",
}
"""What is not plain camel case."""


def venue_name(name: str) -> str:
    """The venue's name of a field."""
    if name in SPELLED:
        return SPELLED[name]
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)


class Params(Struct, forbid_unknown_fields=True, rename=venue_name, omit_defaults=True):
    """Parameters, sent in the order they stand in; None is not sent."""


class NoParams(Struct, forbid_unknown_fields=True):
    """There are none."""


# Orders


class PlaceParams(Params):
    """Section 4.2; what the venue's own template of the call leaves undescribed is not offered."""

    cl_ord_id: ClientId
    symbol: Symbol
    side: Side
    ord_type: OrdType
    order_qty: Quantity
    price_ep: Price | None = None
    time_in_force: TimeInForce | None = None
    reduce_only: bool | None = None
    close_on_trigger: bool | None = None
    stop_px_ep: Price | None = None
    trigger_type: TriggerType | None = None
    take_profit_ep: Protection | None = None
    stop_loss_ep: Protection | None = None
    tp_trigger: TriggerType | None = None
    sl_trigger: TriggerType | None = None
    peg_price_type: PegPriceType | None = None
    peg_offset_value_ep: int | None = None
    display_qty: Quantity | None = None
    text: Text | None = None


class AmendParams(Params):
    """Section 4.3: absolute values; quantity is the new total."""

    symbol: Symbol
    order_id: OrderId | None = None
    orig_cl_ord_id: ClientId | None = None
    price_ep: Price | None = None
    order_qty: Quantity | None = None
    stop_px_ep: Price | None = None
    take_profit_ep: Protection | None = None
    stop_loss_ep: Protection | None = None
    peg_offset_value_ep: int | None = None
    peg_price_type: PegPriceType | None = None


class OrderParams(Params):
    """One order by one of its ids."""

    symbol: Symbol
    order_id: OrderId | None = None
    cl_ord_id: ClientId | None = None


class OrdersParams(Params):
    """Several orders of one symbol; a signature with the symbol in front was refused once."""

    order_id: Ids
    symbol: Symbol


class CancelAllParams(Params):
    """``untriggered``: conditional orders that wait, else those in the book."""

    symbol: Symbol
    untriggered: bool | None = None
    text: Text | None = None


class SymbolParams(Params):
    symbol: Symbol


class OpenOrderParams(Params):
    symbol: Symbol
    order_id: OrderId


class QueryParams(Params):
    """Orders of the last two months by one kind of id."""

    symbol: Symbol
    order_id: Ids | None = None
    cl_ord_id: ClientIds | None = None


class OrdersHistoryParams(Params):
    """Closed orders; the times are in ms."""

    symbol: Symbol
    start: Ms | None = None
    end: Ms | None = None
    offset: Count | None = None
    limit: Page | None = None
    ord_status: str | None = None
    with_count: bool | None = None


TradeType = Literal["Trade", "Funding", "AdlTrade", "LiqTrade"]


class TradesHistoryParams(Params):
    """Fills and funding; the times are in ms."""

    symbol: Symbol
    trade_type: TradeType | None = None
    start: Ms | None = None
    end: Ms | None = None
    offset: Count | None = None
    limit: Page | None = None
    with_count: bool | None = None


# The hedged API: the same with decimals as texts, and the side of the position in every request


class HedgedPlaceParams(Params):
    cl_ord_id: ClientId
    symbol: Symbol
    side: Side
    pos_side: PosSide
    ord_type: OrdType
    order_qty_rq: Decimal
    price_rp: Decimal | None = None
    time_in_force: TimeInForce | None = None
    reduce_only: bool | None = None
    close_on_trigger: bool | None = None
    stop_px_rp: Decimal | None = None
    trigger_type: HedgedTriggerType | None = None
    take_profit_rp: Decimal | None = None
    tp_px_rp: Decimal | None = None
    stop_loss_rp: Decimal | None = None
    sl_px_rp: Decimal | None = None
    tp_trigger: HedgedTriggerType | None = None
    sl_trigger: HedgedTriggerType | None = None
    peg_price_type: PegPriceType | None = None
    peg_offset_value_rp: Signed | None = None
    peg_offset_proportion_rr: Signed | None = None
    stp_instruction: Literal["None", "CancelMaker", "CancelTaker", "CancelBoth"] | None = None
    text: Text | None = None


class HedgedAmendParams(Params):
    symbol: Symbol
    pos_side: PosSide
    order_id: OrderId | None = None
    orig_cl_ord_id: ClientId | None = None
    price_rp: Decimal | None = None
    order_qty_rq: Decimal | None = None
    stop_px_rp: Decimal | None = None
    take_profit_rp: Decimal | None = None
    stop_loss_rp: Decimal | None = None
    peg_offset_value_rp: Signed | None = None
    peg_price_type: PegPriceType | None = None
    trigger_type: HedgedTriggerType | None = None


class HedgedOrderParams(Params):
    symbol: Symbol
    pos_side: PosSide
    order_id: OrderId | None = None
    cl_ord_id: ClientId | None = None


class HedgedOrdersParams(Params, kw_only=True):
    order_id: Ids | None = None
    cl_ord_id: ClientIds | None = None
    symbol: Symbol
    pos_side: PosSide


class HedgedCancelAllParams(Params):
    """Without a symbol: those of all."""

    symbol: Symbol | None = None
    untriggered: bool | None = None
    text: Text | None = None


class HedgedOpenOrdersParams(Params):
    symbol: Symbol
    next_page_arg: str | None = None


class HedgedQueryParams(Params):
    symbol: Symbol
    order_id: Ids | None = None
    cl_ord_id: ClientIds | None = None


class HedgedHistoryParams(Params):
    """Times in ms; the venue looks back two days where they are left out. A symbol wins over
    several."""

    symbol: Symbol | None = None
    symbols: Symbols | None = None
    currency: Currency | None = None
    start: Ms | None = None
    end: Ms | None = None
    offset: Count | None = None
    limit: Page | None = None


class HedgedListParams(Params):
    """Times in ms, of the last two months; statuses and types are the numbers of section 8."""

    currency: Currency
    start: Ms
    end: Ms
    offset: Count
    limit: Page
    symbol: Symbol | None = None
    ord_status: Codes | None = None
    ord_type: Codes | None = None
    with_count: bool | None = None


class HedgedTradesParams(Params):
    """Fills of the last 90 days; ``execType`` is a number of section 8. Times in ms."""

    currency: Currency
    offset: Count
    limit: Page
    symbol: Symbol | None = None
    exec_type: Codes | None = None
    start: Ms | None = None
    end: Ms | None = None
    with_count: bool | None = None


class ClosedPositionsParams(Params):
    """Of the last 90 days."""

    symbol: Symbol | None = None
    currency: Currency | None = None
    offset: Count | None = None
    limit: Page | None = None
    with_count: bool | None = None


class HedgedRiskLimitParams(Params):
    symbol: Symbol
    pos_side: PosSide
    risk_limit_rv: Decimal


class FeesParams(Params):
    symbol: Symbol
    offset: Count | None = None
    limit: Page | None = None


class FuturesHistoryParams(Params):
    """Times in ms; the venue looks back two days where they are left out."""

    symbol: Symbol
    start: Ms | None = None
    end: Ms | None = None
    offset: Count | None = None
    limit: Page | None = None


class FeeRateParams(Params):
    settle_currency: Currency


class AccountDetailParams(Params):
    """Times in ms. ``type``: 1 realised profit, 2 transfers, and others that are in no document."""

    currency: Currency | None = None
    type: Count | None = None
    limit: Page | None = None
    offset: Annotated[int, Meta(ge=0, le=1000)] | None = None
    start: Ms | None = None
    end: Ms | None = None
    with_count: bool | None = None


class HedgedAccountParams(Params):
    currency: Currency
    symbol: Symbol | None = None


class HedgedLeverageParams(Params):
    """``leverageRr`` in one-way mode, else both others; below 0 cross."""

    symbol: Symbol
    leverage_rr: Signed | None = None
    long_leverage_rr: Signed | None = None
    short_leverage_rr: Signed | None = None


class HedgedAssignParams(Params):
    symbol: Symbol
    pos_side: PosSide
    pos_balance_rv: Signed


class PositionModeParams(Params):
    symbol: Symbol
    target_pos_mode: Literal["OneWay", "Hedged"]


# The account


class CurrencyParams(Params):
    currency: Currency


class LeverageParams(Params):
    """Above 0 isolated, else cross; ``leverage`` wins."""

    symbol: Symbol
    leverage: int | None = None
    leverage_er: int | None = None


class RiskLimitParams(Params):
    """``riskLimitEv`` wins."""

    symbol: Symbol
    risk_limit: Count | None = None
    risk_limit_ev: Count | None = None


class AssignParams(Params):
    """An absolute target; ``posBalanceEv`` wins."""

    symbol: Symbol
    pos_balance: int | None = None
    pos_balance_ev: int | None = None
