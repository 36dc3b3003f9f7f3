"""The venue's REST table: orders and accounts of the hedged API, contracts settled in USDT or USDC.
Section 10 of the reference.

The names are those of the contract API with a ``g`` before them, as the venue does with its paths.
"""

from msgspec import Raw

from connector.venues.endpoint import Status
from connector.venues.parameters import one_of
from connector.venues.phemex import params as p
from connector.venues.phemex import schemas_history as h
from connector.venues.phemex import schemas_trading as s
from connector.venues.phemex.endpoints_trading import ONE_ID, Family, row, shared
from connector.venues.phemex.limits import OTHERS

HEDGED = Family(
    g="g",
    price="priceRp",
    stop="stopPxRp",
    offset="pegOffsetValueRp",
    place=p.HedgedPlaceParams,
    amend=p.HedgedAmendParams,
    order=p.HedgedOrderParams,
    orders=p.HedgedOrdersParams,
    orders_rules=ONE_ID,
    cancel_all=p.HedgedCancelAllParams,
    cancel_all_of="",
    open_orders=p.HedgedOpenOrdersParams,
    account=p.HedgedAccountParams,
    result=s.HedgedOrderRow,
)

ABOUT = (one_of("symbol", "symbols", "currency"),)
ROWS = (
    *shared(HEDGED),
    row(
        "gOrders",
        "GET /api-data/g-futures/orders",
        "orders, the newest first",
        p.HedgedHistoryParams,
        h.listed(s.HedgedOrderRow),
        OTHERS,
        rules=ABOUT,
    ),
    row(
        "gQueryOrder",
        "GET /api-data/g-futures/orders/by-order-id",
        "orders by their ids, some time behind",
        p.HedgedQueryParams,
        h.listed(s.HedgedOrderRow),
        OTHERS,
        rules=ONE_ID,
    ),
    row(
        "gUserTrades",
        "GET /api-data/g-futures/trades",
        "own fills and funding, some time behind",
        p.HedgedHistoryParams,
        h.listed(s.HedgedFillRow),
        OTHERS,
        rules=ABOUT,
    ),
    row(
        "gOrderList",
        "GET /exchange/order/v2/orderList",
        "orders of one symbol or all, their words as numbers",
        p.HedgedListParams,
        h.listed(h.NumberedOrder),
        OTHERS,
    ),
    row(
        "gTradingList",
        "GET /exchange/order/v2/tradingList",
        "own fills and funding of 90 days, their words as numbers",
        p.HedgedTradesParams,
        h.listed(h.NumberedTrade),
        OTHERS,
    ),
    row(
        "gFundingFees",
        "GET /api-data/g-futures/funding-fees",
        "funding paid and received",
        p.FeesParams,
        h.listed(h.HedgedFundingRow),
        OTHERS,
    ),
    row(
        "gClosedPositions",
        "GET /api-data/g-futures/closedPosition",
        "positions of the last 90 days that are over, with profit, fees and funding",
        p.ClosedPositionsParams,
        h.listed(h.ClosedPosition),
        OTHERS,
        rules=(one_of("symbol", "currency"),),
    ),
    row(
        "gSetLeverage",
        "PUT /g-positions/leverage",
        "set a symbol's leverage",
        p.HedgedLeverageParams,
        s.Reply,
        rules=(one_of("leverageRr", "longLeverageRr", "shortLeverageRr"),),
    ),
    row(
        "gAssignBalance",
        "POST /g-positions/assign",
        "set the margin of an isolated position",
        p.HedgedAssignParams,
        s.Reply,
    ),
    row(
        "gSetRiskLimit",
        "PUT /g-positions/riskLimit",
        "set a position's risk limit, which follows its leverage today",
        p.HedgedRiskLimitParams,
        s.Reply,
        status=Status.REPLACED,
        successor="gSetLeverage",
    ),
    row(
        "gSetPositionMode",
        "PUT /g-positions/switch-pos-mode-sync",
        "one position a symbol, or one for each side",
        p.PositionModeParams,
        s.Reply,
    ),
    row(
        "gRiskUnits",
        "GET /g-accounts/risk-unit",
        "how the account's margin is shared",
        p.NoParams,
        h.listed(Raw),
    ),
)

ENDPOINTS = {one.name: one for one in ROWS}
