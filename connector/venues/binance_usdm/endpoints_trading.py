"""The venue's REST table, order and account side: sections 6.2 and 6.3 of the reference.

A cost of orders is counted per account and per window, beside the weight per address; a batch costs
its five in ten seconds and one in a minute.
"""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from connector.venues.binance_usdm import params as p
from connector.venues.binance_usdm import schemas_trading as s
from connector.venues.binance_usdm.limits import MINUTE_NS, ORDERS, SECOND_NS, WEIGHT
from connector.venues.binance_usdm.schemas import NoParams, Nothing
from connector.venues.contract import Cost, Endpoint, Retry, Security

ONE_ORDER = (Cost(ORDERS, 10 * SECOND_NS, 1), Cost(ORDERS, MINUTE_NS, 1))
FIVE_ORDERS = (Cost(ORDERS, 10 * SECOND_NS, 5), Cost(ORDERS, MINUTE_NS, 1))

Weight = int | Callable[[Mapping[str, Any]], int]


def _by_symbol(one: int, every: int) -> Callable[[Mapping[str, Any]], int]:
    return lambda params: one if params.get("symbol") else every


def _row(
    name: str,
    call: str,
    weight: Weight,
    params: type[Struct],
    result: Any,
    *,
    security: Security = Security.SIGNED,
    orders: tuple[Cost, ...] = (),
    retry: Retry | None = None,
) -> Endpoint:
    method, path = call.split()
    if retry is None:
        retry = Retry.SAFE if method == "GET" else Retry.QUERY
    return Endpoint(
        name=name,
        method=method,
        path=path,
        security=security,
        weight=(lambda params: weight) if isinstance(weight, int) else weight,
        params=params,
        result=result,
        pool=WEIGHT,
        retry=retry,
        orders=orders,
    )


ORDER_ROWS = (
    _row("placeOrder", "POST /fapi/v1/order", 0, p.PlaceParams, s.OrderRow, orders=ONE_ORDER),
    _row("amendOrder", "PUT /fapi/v1/order", 0, p.AmendParams, s.OrderRow, orders=ONE_ORDER),
    _row("cancelOrder", "DELETE /fapi/v1/order", 1, p.OrderParams, s.OrderRow),
    _row("queryOrder", "GET /fapi/v1/order", 1, p.OrderParams, s.OrderRow),
    _row("testOrder", "POST /fapi/v1/order/test", 1, p.PlaceParams, s.OrderRow),
    _row(
        "placeBatch",
        "POST /fapi/v1/batchOrders",
        5,
        p.BatchParams,
        list[s.OrderRow],
        orders=FIVE_ORDERS,
    ),
    _row(
        "amendBatch",
        "PUT /fapi/v1/batchOrders",
        5,
        p.BatchParams,
        list[s.OrderRow],
        orders=FIVE_ORDERS,
    ),
    _row("cancelBatch", "DELETE /fapi/v1/batchOrders", 1, p.CancelBatchParams, list[s.OrderRow]),
    _row("cancelAll", "DELETE /fapi/v1/allOpenOrders", 1, p.SymbolParams, s.Done),
    # Renewing a clock twice is renewing it.
    _row(
        "countdownCancelAll",
        "POST /fapi/v1/countdownCancelAll",
        10,
        p.CountdownParams,
        s.Countdown,
        retry=Retry.SAFE,
    ),
    _row("openOrder", "GET /fapi/v1/openOrder", 1, p.OrderParams, s.OrderRow),
    _row(
        "openOrders",
        "GET /fapi/v1/openOrders",
        _by_symbol(1, 40),
        p.AnySymbolParams,
        list[s.OrderRow],
    ),
    _row("allOrders", "GET /fapi/v1/allOrders", 5, p.HistoryParams, list[s.OrderRow]),
    _row("orderAmendment", "GET /fapi/v1/orderAmendment", 1, p.AmendmentsParams, list[s.Amendment]),
    _row("orderLimits", "GET /fapi/v1/rateLimit/order", 1, NoParams, list[s.OrderLimit]),
)

ALGO_ROWS = (
    _row("placeAlgo", "POST /fapi/v1/algoOrder", 0, p.AlgoParams, s.AlgoRow, orders=ONE_ORDER),
    _row("cancelAlgo", "DELETE /fapi/v1/algoOrder", 1, p.AlgoIdParams, s.AlgoRow),
    _row("queryAlgo", "GET /fapi/v1/algoOrder", 1, p.AlgoIdParams, s.AlgoRow),
    _row(
        "openAlgos",
        "GET /fapi/v1/openAlgoOrders",
        _by_symbol(1, 40),
        p.OpenAlgoParams,
        list[s.AlgoRow],
    ),
    _row("allAlgos", "GET /fapi/v1/allAlgoOrders", 5, p.AlgoHistoryParams, list[s.AlgoRow]),
    _row("cancelAllAlgos", "DELETE /fapi/v1/algoOpenOrders", 1, p.SymbolParams, s.Done),
)

# Where the reference has two weights for a call (5, or 10 by a notice), the larger is planned with.
ACCOUNT_ROWS = (
    _row("balance", "GET /fapi/v3/balance", 5, NoParams, list[s.Balance]),
    _row("balanceV2", "GET /fapi/v2/balance", 10, NoParams, list[s.Balance]),
    _row("account", "GET /fapi/v3/account", 5, NoParams, s.Account),
    _row("accountV2", "GET /fapi/v2/account", 10, NoParams, s.Account),
    _row("positionRisk", "GET /fapi/v3/positionRisk", 5, p.AnySymbolParams, list[s.PositionRow]),
    _row("positionRiskV2", "GET /fapi/v2/positionRisk", 10, p.AnySymbolParams, list[s.PositionRow]),
    _row("accountConfig", "GET /fapi/v1/accountConfig", 5, NoParams, s.AccountSettings),
    _row("symbolConfig", "GET /fapi/v1/symbolConfig", 5, p.AnySymbolParams, list[s.SymbolSettings]),
    _row("positionMode", "GET /fapi/v1/positionSide/dual", 30, NoParams, s.PositionMode),
    _row("setPositionMode", "POST /fapi/v1/positionSide/dual", 1, p.PositionModeParams, s.Done),
    _row("multiAssets", "GET /fapi/v1/multiAssetsMargin", 30, NoParams, s.MultiAssets),
    _row("setMultiAssets", "POST /fapi/v1/multiAssetsMargin", 1, p.MultiAssetsParams, s.Done),
    _row("feeBurn", "GET /fapi/v1/feeBurn", 30, NoParams, s.FeeBurn),
    _row("setFeeBurn", "POST /fapi/v1/feeBurn", 1, p.FeeBurnParams, s.Done),
    _row("setLeverage", "POST /fapi/v1/leverage", 1, p.LeverageParams, s.Leverage),
    _row("setMarginType", "POST /fapi/v1/marginType", 1, p.MarginTypeParams, s.Done),
    _row(
        "setPositionMargin",
        "POST /fapi/v1/positionMargin",
        1,
        p.PositionMarginParams,
        s.PositionMargin,
    ),
    _row(
        "positionMargins",
        "GET /fapi/v1/positionMargin/history",
        1,
        p.PositionMarginHistoryParams,
        list[s.PositionMarginChange],
    ),
    _row("userTrades", "GET /fapi/v1/userTrades", 5, p.FillsParams, list[s.Fill]),
    _row("income", "GET /fapi/v1/income", 30, p.IncomeParams, list[s.Income]),
    # With a symbol the answer is an object or a list of one.
    _row(
        "leverageBracket",
        "GET /fapi/v1/leverageBracket",
        1,
        p.AnySymbolParams,
        s.Brackets | list[s.Brackets],
    ),
    _row("adlQuantile", "GET /fapi/v1/adlQuantile", 5, p.AnySymbolParams, list[s.AdlRow]),
    _row(
        "forceOrders",
        "GET /fapi/v1/forceOrders",
        _by_symbol(20, 50),
        p.ForcedParams,
        list[s.ForcedOrder],
    ),
    _row("commissionRate", "GET /fapi/v1/commissionRate", 20, p.SymbolParams, s.Commission),
    _row(
        "tradingStatus",
        "GET /fapi/v1/apiTradingStatus",
        _by_symbol(1, 10),
        p.AnySymbolParams,
        s.TradingStatus,
    ),
)

# Creating the key that exists extends it, so asking again is safe. Closing it ends it for everybody
# else of the account, too.
STREAM_ROWS = (
    _row(
        "startStream",
        "POST /fapi/v1/listenKey",
        1,
        NoParams,
        s.ListenKey,
        security=Security.KEY,
        retry=Retry.SAFE,
    ),
    _row(
        "keepStream",
        "PUT /fapi/v1/listenKey",
        1,
        NoParams,
        s.ListenKey,
        security=Security.KEY,
        retry=Retry.SAFE,
    ),
    _row("closeStream", "DELETE /fapi/v1/listenKey", 1, NoParams, Nothing, security=Security.KEY),
)

ENDPOINTS = {row.name: row for row in (*ORDER_ROWS, *ALGO_ROWS, *ACCOUNT_ROWS, *STREAM_ROWS)}
