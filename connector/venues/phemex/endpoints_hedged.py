"""The venue's REST table: orders and accounts of the hedged API, contracts settled in USDT or USDC.
Section 10 of the reference.

The names are those of the contract API with a ``g`` before them, as the venue does with its paths.
"""

from msgspec import Raw

from connector.venues.endpoint import Permission
from connector.venues.parameters import needed, not_with, one_of
from connector.venues.phemex import params as p
from connector.venues.phemex import schemas_trading as s
from connector.venues.phemex.endpoints_trading import CONDITIONAL, ONE_ID, row
from connector.venues.phemex.limits import OTHERS

PLACE = (
    needed("priceRp", "ordType", "Limit", "StopLimit", "LimitIfTouched"),
    needed("stopPxRp", "ordType", *CONDITIONAL),
)

ROWS = (
    row(
        "gPlaceOrder",
        "PUT /g-orders/create",
        "place an order, all of it in the query",
        p.HedgedPlaceParams,
        s.HedgedOrderRow,
        rules=PLACE,
        permission=Permission.ORDER,
        instead="place",
    ),
    row(
        "gPlaceOrderBody",
        "POST /g-orders",
        "place an order, all of it in the body",
        p.HedgedPlaceParams,
        s.HedgedOrderRow,
        rules=PLACE,
        body=True,
        permission=Permission.ORDER,
        instead="place",
    ),
    row(
        "gAmendOrder",
        "PUT /g-orders/replace",
        "change an order; the answer shows it before the engine has agreed",
        p.HedgedAmendParams,
        s.HedgedOrderRow,
        rules=(one_of("orderID", "origClOrdID"), not_with("orderID", "origClOrdID")),
        permission=Permission.ORDER,
        instead="amend",
    ),
    row(
        "gCancelOrder",
        "DELETE /g-orders/cancel",
        "cancel an order; the answer says only that it will be looked at",
        p.HedgedOrderParams,
        s.HedgedOrderRow,
        rules=ONE_ID,
        permission=Permission.ORDER,
        instead="cancel",
    ),
    row(
        "gCancelBatch",
        "DELETE /g-orders",
        "cancel several orders of a symbol",
        p.HedgedOrdersParams,
        list[s.HedgedOrderRow],  # type: ignore[valid-type]
        rules=ONE_ID,
        plain=",",
        permission=Permission.ORDER,
        instead="cancel",
    ),
    row(
        "gCancelAll",
        "DELETE /g-orders/all",
        "cancel all orders: once for those in the book, once for those that wait",
        p.HedgedCancelAllParams,
        Raw,
        weight=3,
        permission=Permission.ORDER,
        instead="cancel_all",
    ),
    row(
        "gOpenOrders",
        "GET /g-orders/activeList",
        "open orders of a symbol; 10002 where there are none",
        p.HedgedOpenOrdersParams,
        s.Rows,
    ),
    row("gOpenOrder", "GET /g-orders/active", "an open order", p.OpenOrderParams, s.HedgedOrderRow),
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
        "gAccountPositions",
        "GET /g-accounts/accountPositions",
        "balance and positions of a currency's account; profits are not those of now",
        p.HedgedAccountParams,
        s.AccountPositions,
    ),
    row(
        "gPositions",
        "GET /g-accounts/positions",
        "the same with the profit of now",
        p.HedgedAccountParams,
        s.AccountPositions,
        weight=25,
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
