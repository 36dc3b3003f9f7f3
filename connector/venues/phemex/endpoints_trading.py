"""The venue's REST table: orders, accounts and the wallet. Section 4 of the reference.

Two groups of requests, counted for a user by the minute: CONTRACT, and OTHERS for what the venue
does not name.
"""

from typing import Any

from msgspec import Raw, Struct

from connector.venues.endpoint import Endpoint, Permission, Retry, Security, Status
from connector.venues.parameters import Rule, needed, not_with, one_of
from connector.venues.phemex import params as p
from connector.venues.phemex import schemas_trading as s
from connector.venues.phemex.limits import CONTRACT, OTHERS

CONDITIONAL = ("Stop", "StopLimit", "MarketIfTouched", "LimitIfTouched")
PLACE = (
    needed("priceEp", "ordType", "Limit", "StopLimit", "LimitIfTouched"),
    needed("stopPxEp", "ordType", *CONDITIONAL),
)
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


ORDER_ROWS = (
    row(
        "placeOrder",
        "PUT /orders/create",
        "place an order, all of it in the query",
        p.PlaceParams,
        s.OrderRow,
        rules=PLACE,
        permission=Permission.ORDER,
        instead="place",
    ),
    row(
        "placeOrderBody",
        "POST /orders",
        "place an order, all of it in the body",
        p.PlaceParams,
        s.OrderRow,
        rules=PLACE,
        body=True,
        permission=Permission.ORDER,
        instead="place",
    ),
    row(
        "amendOrder",
        "PUT /orders/replace",
        "change an order; the answer shows it before the engine has agreed",
        p.AmendParams,
        s.OrderRow,
        rules=(one_of("orderID", "origClOrdID"), not_with("orderID", "origClOrdID")),
        permission=Permission.ORDER,
        instead="amend",
    ),
    row(
        "cancelOrder",
        "DELETE /orders/cancel",
        "cancel an order; the answer says only that it will be looked at",
        p.OrderParams,
        s.OrderRow,
        rules=ONE_ID,
        permission=Permission.ORDER,
        instead="cancel",
    ),
    row(
        "cancelBatch",
        "DELETE /orders",
        "cancel several orders of a symbol",
        p.OrdersParams,
        list[s.OrderRow],
        plain=",",
        permission=Permission.ORDER,
        instead="cancel",
    ),
    row(
        "cancelAll",
        "DELETE /orders/all",
        "cancel all orders of a symbol: once for those in the book, once for those that wait",
        p.CancelAllParams,
        Raw,
        weight=3,
        permission=Permission.ORDER,
        instead="cancel_all",
    ),
    row(
        "openOrders",
        "GET /orders/activeList",
        "open orders of a symbol; 10002 where there are none",
        p.SymbolParams,
        s.Rows,
    ),
    row(
        "openOrder",
        "GET /orders/active",
        "an open order",
        p.OpenOrderParams,
        s.OrderRow,
    ),
    row(
        "closedOrders",
        "GET /exchange/order/list",
        "closed orders of the last two months, some time behind",
        p.OrdersHistoryParams,
        s.Rows,
        OTHERS,
    ),
    row(
        "queryOrder",
        "GET /exchange/order",
        "orders of the last two months by their ids, some time behind",
        p.QueryParams,
        list[s.OrderRow],
        OTHERS,
        rules=ONE_ID,
    ),
    row(
        "userTrades",
        "GET /exchange/order/trade",
        "own fills and funding of the last two months, some time behind",
        p.TradesHistoryParams,
        s.Rows,
        OTHERS,
    ),
)

ACCOUNT_ROWS = (
    row(
        "accountPositions",
        "GET /accounts/accountPositions",
        "balance and positions of a currency's account; profits are not those of now",
        p.CurrencyParams,
        s.AccountPositions,
    ),
    row(
        "positions",
        "GET /accounts/positions",
        "the same with the profit of now",
        p.CurrencyParams,
        s.AccountPositions,
        weight=25,
    ),
    row(
        "setLeverage",
        "PUT /positions/leverage",
        "set a symbol's leverage",
        p.LeverageParams,
        Raw,
        OTHERS,
        rules=(one_of("leverage", "leverageEr"),),
    ),
    row(
        "setRiskLimit",
        "PUT /positions/riskLimit",
        "set a symbol's risk limit",
        p.RiskLimitParams,
        Raw,
        OTHERS,
        rules=(one_of("riskLimitEv", "riskLimit"),),
    ),
    row(
        "assignBalance",
        "POST /positions/assign",
        "set the margin of an isolated position",
        p.AssignParams,
        Raw,
        OTHERS,
        rules=(one_of("posBalanceEv", "posBalance"),),
    ),
)

# Money. Nothing here has a key of its own but the transfers of margin, so nothing is repeated.
WALLET_ROWS = (
    row(
        "children",
        "GET /phemex-user/users/children",
        "sub-accounts with their wallets",
        p.ChildrenParams,
        s.Rows,
        OTHERS,
    ),
    row(
        "transferOut",
        "POST /exchange/wallets/transferOut",
        "from a sub-account to its parent",
        p.TransferOutParams,
        Raw,
        OTHERS,
        body=True,
        permission=Permission.TRANSFER,
        status=Status.REPLACED,
        successor="POST /assets/universal-transfer",
    ),
    row(
        "transferIn",
        "POST /exchange/wallets/transferIn",
        "from the parent to a sub-account",
        p.TransferInParams,
        Raw,
        OTHERS,
        body=True,
        permission=Permission.TRANSFER,
        status=Status.REPLACED,
        successor="POST /assets/universal-transfer",
    ),
    row(
        "moveMargin",
        "POST /exchange/margins",
        "between the wallet and the trading accounts; the same linkKey moves once",
        p.MarginsParams,
        Raw,
        OTHERS,
        rules=(
            needed("btcAmountEv", "moveOp", 1, 2, 3),
            needed("usdAmountEv", "moveOp", 4),
        ),
        body=True,
        permission=Permission.TRANSFER,
        status=Status.REPLACED,
        successor="POST /assets/transfer",
        since="2022-04-08",
    ),
    row(
        "marginMoves",
        "GET /exchange/margins/transfer",
        "what was moved between the wallet and the trading accounts",
        p.MarginsHistoryParams,
        s.Rows,
        OTHERS,
        status=Status.REPLACED,
        successor="GET /assets/transfer",
        since="2022-04-08",
    ),
    row(
        "createWithdraw",
        "POST /exchange/wallets/createWithdraw",
        "ask for a withdrawal, to be confirmed by mail",
        p.WithdrawParams,
        Raw,
        OTHERS,
        body=True,
        query=frozenset({"otpCode"}),
        permission=Permission.WITHDRAW,
        status=Status.REPLACED,
        successor="POST /phemex-withdraw/wallets/api/createWithdraw",
    ),
    row(
        "confirmWithdraw",
        "GET /exchange/wallets/confirm/withdraw",
        "confirm a withdrawal by the code from the mail",
        p.WithdrawCodeParams,
        Raw,
        OTHERS,
        acts=True,
        permission=Permission.WITHDRAW,
        status=Status.REPLACED,
        successor="the link in the venue's mail",
    ),
    row(
        "cancelWithdraw",
        "POST /exchange/wallets/cancelWithdraw",
        "take a withdrawal back, until somebody at the venue looks at it",
        p.WithdrawIdParams,
        Raw,
        OTHERS,
        body=True,
        permission=Permission.WITHDRAW,
        status=Status.REPLACED,
        successor="POST /phemex-withdraw/wallets/api/cancelWithdraw",
    ),
    row(
        "withdrawals",
        "GET /exchange/wallets/withdrawList",
        "withdrawals",
        p.WithdrawListParams,
        Raw,
        OTHERS,
        status=Status.REPLACED,
        successor="GET /phemex-withdraw/wallets/api/withdrawHist",
    ),
    row(
        "createWithdrawAddress",
        "POST /exchange/wallets/createWithdrawAddress",
        "allow an address for withdrawals",
        p.WithdrawAddressParams,
        Raw,
        OTHERS,
        body=True,
        query=frozenset({"otpCode"}),
        permission=Permission.WITHDRAW,
        status=Status.REPLACED,
        successor="the venue's site",
    ),
)

ENDPOINTS = {one.name: one for one in (*ORDER_ROWS, *ACCOUNT_ROWS, *WALLET_ROWS)}
