"""The venue's REST table: orders and accounts of the hedged API, contracts settled in USDT or USDC.
Section 10 of the reference.

The names are those of the contract API with a ``g`` before them, as the venue does with its paths.
"""

from msgspec import Raw

from connector.venues.parameters import one_of
from connector.venues.phemex import params as p
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

ROWS = (
    *shared(HEDGED),
    row(
        "gOrders",
        "GET /api-data/g-futures/orders",
        "orders, the newest first",
        p.HedgedHistoryParams,
        s.Rows,
        OTHERS,
    ),
    row(
        "gQueryOrder",
        "GET /api-data/g-futures/orders/by-order-id",
        "orders by their ids, some time behind",
        p.HedgedQueryParams,
        list[s.HedgedOrderRow],  # type: ignore[valid-type]
        OTHERS,
        rules=ONE_ID,
    ),
    row(
        "gUserTrades",
        "GET /api-data/g-futures/trades",
        "own fills and funding, some time behind",
        p.HedgedHistoryParams,
        s.Rows,
        OTHERS,
    ),
    row(
        "gOrderList",
        "GET /exchange/order/v2/orderList",
        "orders of one symbol or all, their words as numbers",
        p.HedgedListParams,
        s.Rows,
        OTHERS,
    ),
    row(
        "gTradingList",
        "GET /exchange/order/v2/tradingList",
        "own fills and funding of 90 days, their words as numbers",
        p.HedgedListParams,
        s.Rows,
        OTHERS,
    ),
    row(
        "gFundingFees",
        "GET /api-data/g-futures/funding-fees",
        "funding paid and received",
        p.FuturesHistoryParams,
        Raw,
        OTHERS,
    ),
    row(
        "gSetLeverage",
        "PUT /g-positions/leverage",
        "set a symbol's leverage",
        p.HedgedLeverageParams,
        Raw,
        rules=(one_of("leverageRr", "longLeverageRr", "shortLeverageRr"),),
    ),
    row(
        "gAssignBalance",
        "POST /g-positions/assign",
        "set the margin of an isolated position",
        p.HedgedAssignParams,
        Raw,
    ),
    row(
        "gSetPositionMode",
        "PUT /g-positions/switch-pos-mode-sync",
        "one position a symbol, or one for each side",
        p.PositionModeParams,
        Raw,
    ),
    row(
        "gRiskUnits",
        "GET /g-accounts/risk-unit",
        "how the account's margin is shared",
        p.NoParams,
        Raw,
    ),
)

ENDPOINTS = {one.name: one for one in ROWS}
