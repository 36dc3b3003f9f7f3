"""The venue's REST table: orders and accounts. Section 4 of the reference.

Two groups of requests, counted for a user by the minute: CONTRACT, and OTHERS for what the venue
does not name.
"""

from typing import Any

from msgspec import Struct

from connector.venues.endpoint import Endpoint, Permission, Retry, Security, Status
from connector.venues.parameters import Rule, needed, not_with, one_of
from connector.venues.phemex import params as p
from connector.venues.phemex import schemas_history as h
from connector.venues.phemex import schemas_trading as s
from connector.venues.phemex.limits import CONTRACT, OTHERS

PRICED = ("Limit", "StopLimit", "LimitIfTouched")
STOPPED = ("StopLimit", "MarketIfTouched", "LimitIfTouched")
ONE_ID = (one_of("orderID", "clOrdID"), not_with("orderID", "clOrdID"))


def row(
    name: str,
    call: str,
    summary: str,
    params: type[Struct],
    result: Any,
    pool: str = CONTRACT,
    *,
    weight: int = 1,
    rules: tuple[Rule, ...] = (),
    security: Security = Security.SIGNED,
    retry: Retry | None = None,
    body: bool = False,
    query: frozenset[str] = frozenset(),
    plain: str = "",
    acts: bool = False,
    permission: Permission | None = None,
    instead: str = "",
    status: Status = Status.CURRENT,
    successor: str = "",
    since: str = "",
) -> Endpoint:
    method, path = call.split()
    if retry is None:
        retry = Retry.SAFE if method == "GET" and not acts else Retry.QUERY
    return Endpoint(
        name=name,
        method=method,
        path=path,
        summary=summary,
        security=security,
        weight=lambda params: weight,
        params=params,
        rules=rules,
        result=result,
        pool=pool,
        retry=retry,
        body=body,
        query=query,
        plain=plain,
        acts=acts,
        permission=permission,
        instead=instead,
        status=status,
        successor=successor,
        since=since,
    )


class Family(Struct, frozen=True, kw_only=True):
    """How one of the venue's two families asks what both are asked."""

    g: str = ""
    """What its names and, with a hyphen, its paths begin with."""
    price: str
    stop: str
    offset: str
    """Names of the parameters."""
    place: type[Struct]
    amend: type[Struct]
    order: type[Struct]
    orders: type[Struct]
    orders_rules: tuple[Rule, ...]
    cancel_all: type[Struct]
    cancel_all_of: str
    open_orders: type[Struct]
    account: type[Struct]
    result: Any
    """An order."""

    def name(self, name: str) -> str:
        return f"{self.g}{name[0].upper()}{name[1:]}" if self.g else name

    def path(self, path: str) -> str:
        return f"/{self.g}-{path}" if self.g else f"/{path}"


def shared(f: Family) -> tuple[Endpoint, ...]:
    """The calls that both families have."""
    place = (
        needed(f.price, "ordType", *PRICED),
        needed(f.stop, "ordType", *STOPPED),
        needed(f.stop, "pegPriceType", "TrailingTakeProfitPeg"),
        Rule(
            f.stop,
            "needed where ordType is Stop, but for a TrailingStopPeg",
            lambda given: (
                f.stop in given
                or given.get("ordType") != "Stop"
                or given.get("pegPriceType") == "TrailingStopPeg"
            ),
        ),
        needed(f.offset, "pegPriceType", "TrailingStopPeg", "TrailingTakeProfitPeg"),
    )
    which = (one_of("orderID", "origClOrdID"), not_with("orderID", "origClOrdID"))
    order: dict[str, Any] = {"permission": Permission.ORDER}
    return (
        row(
            f.name("placeOrder"),
            f"PUT {f.path('orders/create')}",
            "place an order, all of it in the query",
            f.place,
            h.answered(f.result),
            rules=place,
            instead="place",
            **order,
        ),
        row(
            f.name("placeOrderBody"),
            f"POST {f.path('orders')}",
            "place an order, all of it in the body",
            f.place,
            h.answered(f.result),
            rules=place,
            body=True,
            instead="place",
            **order,
        ),
        row(
            f.name("amendOrder"),
            f"PUT {f.path('orders/replace')}",
            "change an order; the answer shows it before the engine has agreed",
            f.amend,
            h.answered(f.result),
            rules=which,
            instead="amend",
            **order,
        ),
        row(
            f.name("cancelOrder"),
            f"DELETE {f.path('orders/cancel')}",
            "cancel an order; the answer says only that it will be looked at",
            f.order,
            h.answered(f.result),
            rules=ONE_ID,
            instead="cancel",
            **order,
        ),
        row(
            f.name("cancelBatch"),
            f"DELETE {f.path('orders')}",
            "cancel several orders of a symbol",
            f.orders,
            h.listed(f.result),
            rules=f.orders_rules,
            plain=",",
            instead="cancel",
            **order,
        ),
        row(
            f.name("cancelAll"),
            f"DELETE {f.path('orders/all')}",
            f"cancel all orders{f.cancel_all_of}: once for those in the book, once for those that"
            " wait",
            f.cancel_all,
            s.Reply,
            weight=3,
            instead="cancel_all",
            **order,
        ),
        row(
            f.name("openOrders"),
            f"GET {f.path('orders/activeList')}",
            "open orders of a symbol; 10002 where there are none",
            f.open_orders,
            h.listed(f.result),
        ),
        row(
            f.name("openOrder"),
            f"GET {f.path('orders/active')}",
            "an open order",
            p.OpenOrderParams,
            h.answered(f.result),
        ),
        row(
            f.name("accountPositions"),
            f"GET {f.path('accounts/accountPositions')}",
            "balance and positions of a currency's account; profits are not those of now",
            f.account,
            h.answered(s.AccountPositions),
        ),
        row(
            f.name("positions"),
            f"GET {f.path('accounts/positions')}",
            "the same with the profit of now",
            f.account,
            h.answered(s.AccountPositions),
            weight=25,
        ),
    )


COINS = Family(
    price="priceEp",
    stop="stopPxEp",
    offset="pegOffsetValueEp",
    place=p.PlaceParams,
    amend=p.AmendParams,
    order=p.OrderParams,
    orders=p.OrdersParams,
    orders_rules=(),
    cancel_all=p.CancelAllParams,
    cancel_all_of=" of a symbol",
    open_orders=p.SymbolParams,
    account=p.CurrencyParams,
    result=s.OrderRow,
)
"""The contract API."""

ROWS = (
    *shared(COINS),
    row(
        "closedOrders",
        "GET /exchange/order/list",
        "closed orders of the last two months, some time behind",
        p.OrdersHistoryParams,
        h.listed(s.OrderRow),
        OTHERS,
    ),
    row(
        "queryOrder",
        "GET /exchange/order",
        "orders of the last two months by their ids, some time behind",
        p.QueryParams,
        h.listed(s.OrderRow),
        OTHERS,
        rules=ONE_ID,
    ),
    row(
        "userTrades",
        "GET /exchange/order/trade",
        "own fills and funding of the last two months, some time behind",
        p.TradesHistoryParams,
        h.listed(s.FillRow),
        OTHERS,
    ),
    row(
        "setLeverage",
        "PUT /positions/leverage",
        "set a symbol's leverage",
        p.LeverageParams,
        s.Reply,
        OTHERS,
        rules=(one_of("leverage", "leverageEr"),),
    ),
    row(
        "setRiskLimit",
        "PUT /positions/riskLimit",
        "set a symbol's risk limit",
        p.RiskLimitParams,
        s.Reply,
        OTHERS,
        rules=(one_of("riskLimitEv", "riskLimit"),),
    ),
    row(
        "assignBalance",
        "POST /positions/assign",
        "set the margin of an isolated position",
        p.AssignParams,
        s.Reply,
        OTHERS,
        rules=(one_of("posBalanceEv", "posBalance"),),
    ),
    row(
        "futuresOrders",
        "GET /api-data/futures/orders",
        "orders, the newest first",
        p.FuturesHistoryParams,
        h.listed(s.OrderRow),
        OTHERS,
    ),
    row(
        "futuresQueryOrder",
        "GET /api-data/futures/orders/by-order-id",
        "orders by their ids, some time behind",
        p.QueryParams,
        h.listed(s.OrderRow),
        OTHERS,
        rules=ONE_ID,
    ),
    row(
        "futuresTrades",
        "GET /api-data/futures/trades",
        "own fills and funding, some time behind",
        p.FuturesHistoryParams,
        h.listed(s.FillRow),
        OTHERS,
    ),
    row(
        "fundingFees",
        "GET /api-data/futures/funding-fees",
        "funding paid and received",
        p.FeesParams,
        h.listed(h.FundingRow),
        OTHERS,
    ),
    row(
        "tradingFees",
        "GET /api-data/futures/trading-fees",
        "fees of own fills by day",
        p.FeesParams,
        h.listed(h.TradingFeeRow),
        OTHERS,
    ),
    row(
        "feeRates",
        "GET /api-data/futures/fee-rate",
        "the account's own fees for every contract settled in a currency",
        p.FeeRateParams,
        h.answered(h.FeeRates),
        OTHERS,
    ),
    row(
        "accountDetail",
        "GET /api-data/futures/v2/tradeAccountDetail",
        "every change of a trading account's balance",
        p.AccountDetailParams,
        h.listed(h.BalanceRow),
        OTHERS,
    ),
)

ENDPOINTS = {one.name: one for one in ROWS}
