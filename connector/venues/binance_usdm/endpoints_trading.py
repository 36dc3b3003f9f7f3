"""The venue's REST table, order and account side: sections 6.2 and 6.3 of the reference.

A cost of orders is counted per account and per window, beside the weight per address; a batch costs
its five in ten seconds and one in a minute.
"""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from connector.venues.binance_usdm import params as p
from connector.venues.binance_usdm import schemas_trading as s
from connector.venues.binance_usdm.limits import MINUTE_NS, ORDERS, SECOND_NS, WEIGHT, by_symbol
from connector.venues.binance_usdm.rules import (
    ALGO,
    ALGO_ID,
    AMEND,
    CANCEL_BATCH,
    DAYS_7,
    FIVE,
    ORDER_ID,
    PLACE,
    TRADES,
    YEAR,
    days,
)
from connector.venues.binance_usdm.schemas import NoParams, Nothing
from connector.venues.contract import Cost, Endpoint, Permission, Retry, Security, Status
from connector.venues.parameters import Rule, ordered

ONE_ORDER = (Cost(ORDERS, 10 * SECOND_NS, 1), Cost(ORDERS, MINUTE_NS, 1))
FIVE_ORDERS = (Cost(ORDERS, 10 * SECOND_NS, 5), Cost(ORDERS, MINUTE_NS, 1))
ORDERED = (ordered("startTime", "endTime"),)

Weight = int | Callable[[Mapping[str, Any]], int]


def _row(
    name: str,
    call: str,
    summary: str,
    weight: Weight,
    params: type[Struct],
    result: Any,
    *,
    rules: tuple[Rule, ...] = (),
    security: Security = Security.SIGNED,
    orders: tuple[Cost, ...] = (),
    retry: Retry | None = None,
    permission: Permission | None = None,
    harmless: bool = False,
    instead: str = "",
    successor: str = "",
    credential: bool = False,
) -> Endpoint:
    method, path = call.split()
    if retry is None:
        retry = Retry.SAFE if method == "GET" else Retry.QUERY
    return Endpoint(
        name=name,
        method=method,
        path=path,
        summary=summary,
        security=security,
        weight=(lambda params: weight) if isinstance(weight, int) else weight,
        params=params,
        rules=rules,
        result=result,
        pool=WEIGHT,
        retry=retry,
        orders=orders,
        permission=permission,
        harmless=harmless,
        instead=instead,
        credential=credential,
        status=Status.REPLACED if successor else Status.CURRENT,
        successor=successor,
    )


def _order(
    name: str,
    call: str,
    summary: str,
    weight: Weight,
    params: type[Struct],
    result: Any,
    *,
    rules: tuple[Rule, ...] = (),
    orders: tuple[Cost, ...] = (),
    retry: Retry = Retry.QUERY,
    instead: str = "",
) -> Endpoint:
    """One that places, amends or cancels."""
    return _row(
        name, call, summary, weight, params, result, rules=rules, orders=orders, retry=retry,
        instead=instead, permission=Permission.ORDER,
    )  # fmt: skip


PLACED, AMENDED, CANCELLED = "place", "amend", "cancel"

ORDER_ROWS = (
    _order("placeOrder", "POST /fapi/v1/order", "place a limit or market order", 0, p.PlaceParams,
           s.OrderRow, rules=PLACE, orders=ONE_ORDER, instead=PLACED),
    _order("amendOrder", "PUT /fapi/v1/order", "change price or quantity of a limit order", 0,
           p.AmendParams, s.OrderRow, rules=AMEND, orders=ONE_ORDER, instead=AMENDED),
    _order("cancelOrder", "DELETE /fapi/v1/order", "cancel an order", 1, p.OrderParams, s.OrderRow,
           rules=ORDER_ID, instead=CANCELLED),
    _row("queryOrder", "GET /fapi/v1/order", "one order", 1, p.OrderParams, s.OrderRow,
         rules=ORDER_ID),
    _row("testOrder", "POST /fapi/v1/order/test", "whether an order would be taken", 1,
         p.PlaceParams, s.OrderRow, rules=PLACE, harmless=True, retry=Retry.SAFE),
    _order("placeBatch", "POST /fapi/v1/batchOrders", "place up to five orders", 5, p.BatchParams,
           list[s.OrderRow], rules=FIVE, orders=FIVE_ORDERS, instead=PLACED),
    _order("amendBatch", "PUT /fapi/v1/batchOrders", "change up to five orders", 5, p.BatchParams,
           list[s.OrderRow], rules=FIVE, orders=FIVE_ORDERS, instead=AMENDED),
    _order("cancelBatch", "DELETE /fapi/v1/batchOrders", "cancel up to ten orders of a symbol", 1,
           p.CancelBatchParams, list[s.OrderRow], rules=CANCEL_BATCH, instead=CANCELLED),
    _order("cancelAll", "DELETE /fapi/v1/allOpenOrders",
           "cancel all plain orders of a symbol, whoever placed them", 1, p.SymbolParams, s.Done),
    # Renewing a clock twice is renewing it.
    _order("countdownCancelAll", "POST /fapi/v1/countdownCancelAll",
           "let the venue cancel everything of a symbol unless renewed", 10, p.CountdownParams,
           s.Countdown, retry=Retry.SAFE),
    _row("openOrder", "GET /fapi/v1/openOrder", "one open order", 1, p.OrderParams, s.OrderRow,
         rules=ORDER_ID),
    _row("openOrders", "GET /fapi/v1/openOrders", "all open plain orders", by_symbol(1, 40),
         p.AnySymbolParams, list[s.OrderRow]),
    _row("allOrders", "GET /fapi/v1/allOrders", "orders of a span below 7 days", 5,
         p.HistoryParams, list[s.OrderRow], rules=DAYS_7),
    _row("orderAmendment", "GET /fapi/v1/orderAmendment", "changes of an order", 1,
         p.AmendmentsParams, list[s.Amendment], rules=(*ORDER_ID, *ORDERED)),
    _row("orderLimits", "GET /fapi/v1/rateLimit/order", "the account's own order limits", 1,
         NoParams, list[s.OrderLimit]),
)  # fmt: skip

ALGO_ROWS = (
    _order("placeAlgo", "POST /fapi/v1/algoOrder", "place a conditional order", 0, p.AlgoParams,
           s.AlgoRow, rules=ALGO, orders=ONE_ORDER, instead=PLACED),
    _order("cancelAlgo", "DELETE /fapi/v1/algoOrder", "cancel a conditional order", 1,
           p.AlgoIdParams, s.AlgoRow, rules=ALGO_ID, instead=CANCELLED),
    _row("queryAlgo", "GET /fapi/v1/algoOrder", "one conditional order", 1, p.AlgoIdParams,
         s.AlgoRow, rules=ALGO_ID),
    _row("openAlgos", "GET /fapi/v1/openAlgoOrders", "all open conditional orders",
         by_symbol(1, 40), p.OpenAlgoParams, list[s.AlgoRow]),
    _row("allAlgos", "GET /fapi/v1/allAlgoOrders", "conditional orders of a span below 7 days", 5,
         p.AlgoHistoryParams, list[s.AlgoRow], rules=DAYS_7),
    _order("cancelAllAlgos", "DELETE /fapi/v1/algoOpenOrders",
           "cancel all conditional orders of a symbol, whoever placed them", 1, p.SymbolParams,
           s.Done),
)  # fmt: skip

# Where the reference has two weights for a call (5, or 10 by a notice), the larger is planned with.
ACCOUNT_ROWS = (
    _row("balance", "GET /fapi/v3/balance", "balances by asset", 5, NoParams, list[s.Balance]),
    _row("balanceV2", "GET /fapi/v2/balance", "balances by asset", 10, NoParams, list[s.Balance],
         successor="balance"),
    _row("account", "GET /fapi/v3/account", "balances, margins and positions", 5, NoParams,
         s.Account),
    _row("accountV2", "GET /fapi/v2/account", "balances, margins, positions and settings", 10,
         NoParams, s.Account, successor="account, accountConfig and symbolConfig"),
    _row("positionRisk", "GET /fapi/v3/positionRisk", "positions and their risk", 5,
         p.AnySymbolParams, list[s.PositionRow]),
    _row("positionRiskV2", "GET /fapi/v2/positionRisk", "positions, their risk and settings", 10,
         p.AnySymbolParams, list[s.PositionRow], successor="positionRisk"),
    _row("accountConfig", "GET /fapi/v1/accountConfig", "the account's settings", 5, NoParams,
         s.AccountSettings),
    _row("symbolConfig", "GET /fapi/v1/symbolConfig", "leverage and margin type by symbol", 5,
         p.AnySymbolParams, list[s.SymbolSettings]),
    _row("positionMode", "GET /fapi/v1/positionSide/dual", "one-way or hedge mode", 30, NoParams,
         s.PositionMode),
    _row("setPositionMode", "POST /fapi/v1/positionSide/dual",
         "one-way or hedge mode, of USD-M and COIN-M together", 1, p.PositionModeParams, s.Done),
    _row("multiAssets", "GET /fapi/v1/multiAssetsMargin", "single-asset or multi-assets mode", 30,
         NoParams, s.MultiAssets),
    _row("setMultiAssets", "POST /fapi/v1/multiAssetsMargin", "single-asset or multi-assets mode",
         1, p.MultiAssetsParams, s.Done),
    _row("feeBurn", "GET /fapi/v1/feeBurn", "whether fees are paid in BNB", 30, NoParams,
         s.FeeBurn),
    _row("setFeeBurn", "POST /fapi/v1/feeBurn", "pay fees in BNB", 1, p.FeeBurnParams, s.Done),
    _row("setLeverage", "POST /fapi/v1/leverage", "leverage of a symbol", 1, p.LeverageParams,
         s.Leverage),
    _row("setMarginType", "POST /fapi/v1/marginType", "cross or isolated margin of a symbol", 1,
         p.MarginTypeParams, s.Done),
    _row("setPositionMargin", "POST /fapi/v1/positionMargin",
         "add margin to an isolated position or take it away", 1, p.PositionMarginParams,
         s.PositionMargin),
    _row("positionMargins", "GET /fapi/v1/positionMargin/history",
         "changes of isolated margin, of the last 30 days", 1, p.PositionMarginHistoryParams,
         list[s.PositionMarginChange], rules=days(30)),
    _row("userTrades", "GET /fapi/v1/userTrades", "own fills", 5, p.FillsParams, list[s.Fill],
         rules=TRADES),
    _row("income", "GET /fapi/v1/income", "profits, fees, funding and transfers", 30,
         p.IncomeParams, list[s.Income], rules=ORDERED),
    # With a symbol the answer is an object or a list of one.
    _row("leverageBracket", "GET /fapi/v1/leverageBracket", "leverage and margin by notional", 1,
         p.AnySymbolParams, s.Brackets | list[s.Brackets]),
    _row("adlQuantile", "GET /fapi/v1/adlQuantile", "place in the queue of deleveraging", 5,
         p.AnySymbolParams, list[s.AdlRow]),
    _row("forceOrders", "GET /fapi/v1/forceOrders", "own liquidations", by_symbol(20, 50),
         p.ForcedParams, list[s.ForcedOrder], rules=ORDERED),
    _row("commissionRate", "GET /fapi/v1/commissionRate", "own fees", 20, p.SymbolParams,
         s.Commission),
    _row("tradingStatus", "GET /fapi/v1/apiTradingStatus", "quantitative rules that restrict",
         by_symbol(1, 10), p.AnySymbolParams, s.TradingStatus),
    _row("acceptStockContract", "POST /fapi/v1/stock/contract",
         "accept the agreement on contracts on stocks and commodities", 50, NoParams, s.Done),
)  # fmt: skip

# Asking for a file takes one of a few a month, so it is not simply asked again.
FILE_ROWS = tuple(
    row
    for kind, words in (("order", "orders"), ("trade", "fills"), ("income", "income"))
    for row in (
        _row(f"{kind}File", f"GET /fapi/v1/{kind}/asyn", f"have a file of {words} written", 1000,
             p.SpanParams, s.FileAsked, rules=YEAR, retry=Retry.QUERY),
        _row(f"{kind}FileLink", f"GET /fapi/v1/{kind}/asyn/id", f"where a file of {words} is", 10,
             p.FileParams, s.FileLink),
    )
)  # fmt: skip

# Creating the key that exists extends it, so asking again is safe. Closing it ends it for everybody
# else of the account, too.
STREAM_ROWS = (
    _row("startStream", "POST /fapi/v1/listenKey", "the private stream's key", 1, NoParams,
         s.ListenKey, security=Security.KEY, retry=Retry.SAFE, harmless=True, credential=True),
    _row("keepStream", "PUT /fapi/v1/listenKey", "keep the private stream's key alive", 1,
         NoParams, s.ListenKey, security=Security.KEY, retry=Retry.SAFE, harmless=True,
         credential=True),
    _row("closeStream", "DELETE /fapi/v1/listenKey", "end the private stream, for everybody", 1,
         NoParams, Nothing, security=Security.KEY, credential=True),
)  # fmt: skip

ENDPOINTS = {
    row.name: row for row in (*ORDER_ROWS, *ALGO_ROWS, *ACCOUNT_ROWS, *FILE_ROWS, *STREAM_ROWS)
}
