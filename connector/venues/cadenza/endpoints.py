"""The venue's REST table: the rows of its published page in their order, then those that only
today's client has (sections 5 and 6 of the reference)."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from connector.venues.cadenza import figures, models, params, schemas
from connector.venues.cadenza.limits import ACCOUNT, AUTH, MARKET, TRADING
from connector.venues.contract import Channel, Endpoint, Permission, Retry, Route, Security, Status
from connector.venues.endpoint import Rule
from connector.venues.parameters import needed, not_with, one_of, only, ordered

BASE = "/api/v3"
STOPS = ("STOP", "STOP_LIMIT", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")
LIMITED = ("LIMIT", "LIMIT_MAKER", "STOP_LIMIT", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT")
APRIL = {"since": "2026-04-01"}
MAY = {"since": "2026-05-09"}
PLAIN = ":/"
"""What stands in an instrument's id; a query may have it as it is."""


def _one(given: Mapping[str, Any]) -> int:
    return 1


def _row(
    name: str,
    method: str,
    path: str,
    asked: type[Struct],
    result: Any,
    pool: str,
    summary: str,
    **more: Any,
) -> Endpoint:
    more.setdefault("security", Security.KEY)
    # DELETE, too, has its parameters in a JSON body here.
    more.setdefault("body", method != "GET" and asked is not params.NoParams)
    return Endpoint(
        name=name,
        method=method,
        path=BASE + path,
        summary=summary,
        weight=_one,
        params=asked,
        result=result,
        pool=pool,
        plain=PLAIN,
        **more,
    )


def _holds_any(*names: str) -> Rule:
    return Rule(
        names[0],
        f"something to change is needed: {', '.join(names)}",
        lambda given: any(name in given for name in names),
    )


NOBODY = {"security": Security.NONE}
PUBLIC = {"security": Security.TOKEN}
ONCE = {"retry": Retry.QUERY}
KEYED = {"retry": Retry.KEYED}
CREDENTIALS = {"permission": Permission.CREDENTIALS, "credential": True}
ACCOUNTS = {"permission": Permission.ACCOUNTS}
ADMIN = {"permission": Permission.ADMIN}
BOOK_BY = (
    one_of("instrumentId", "symbol"),
    not_with("instrumentId", "venue", "symbol"),
    needed("venue", "symbol"),
    needed("symbol", "venue"),
)
BOOKS_BY = (
    one_of("instrumentIds", "symbols"),
    not_with("instrumentIds", "venue", "symbols"),
    needed("venue", "symbols"),
)
SPAN = (ordered("startTime", "endTime"),)
STREAM_BY = (one_of("subscriptionId", "tradingAccountId", "instrumentId"),)
SUBMIT_RULES = (
    one_of("instrumentId", "quoteId"),
    *(needed("limitPrice", "orderType", kind) for kind in LIMITED),
    *(needed("stopPrice", "orderType", kind) for kind in STOPS),
    needed("quoteId", "orderType", "QUOTED"),
    needed("expireAt", "timeInForce", "GTD"),
    only("expireAt", "timeInForce", "GTD"),
    needed("takeProfitPrice", "takeProfitLimitPrice"),
    needed("stopLossPrice", "stopLossLimitPrice"),
    Rule(
        "clientOrderId",
        "the same as idempotencyKey where both are given: either serves as the key",
        lambda given: (
            "clientOrderId" not in given
            or given.get("idempotencyKey", given["clientOrderId"]) == given["clientOrderId"]
        ),
    ),
)
QUOTE_RULES = (
    one_of("instrumentId", "baseAsset"),
    not_with("instrumentId", "baseAsset", "quoteAsset"),
    needed("quoteAsset", "baseAsset"),
    needed("baseAsset", "quoteAsset"),
    one_of("quantity", "quoteQuantity"),
    not_with("quantity", "quoteQuantity"),
    not_with("ttl", "expireAt"),
)

USER_ROWS = (
    _row("info", "GET", "", params.NoParams, schemas.InfoAnswer, MARKET,
         "name and version of the interface", **PUBLIC),
    _row("health", "GET", "/health", params.NoParams, models.Health, MARKET,
         "whether the service and what it stands on are well", **NOBODY),
    _row("signup", "POST", "/auth/signup", params.SignupParams, schemas.SignupAnswer, AUTH,
         "create a user", security=Security.NONE, **ONCE, **CREDENTIALS),
    _row("login", "POST", "/auth/login", params.LoginParams, schemas.SessionAnswer, AUTH,
         "an access token and a refresh token for email and password",
         security=Security.NONE, harmless=True, credential=True),
    _row("logout", "POST", "/auth/logout", params.NoParams, schemas.WordAnswer, AUTH,
         "end the session of the token it is called with", credential=True),
    _row("tokenRefresh", "POST", "/auth/token/refresh", params.RefreshParams,
         schemas.SessionAnswer, AUTH, "new tokens for a refresh token, which is used up",
         security=Security.NONE, credential=True, **ONCE),
    _row("user", "GET", "/auth/user", params.NoParams, schemas.UserAnswer, AUTH,
         "the user whose token it is", credential=True),
    _row("userUpdate", "PUT", "/auth/user", params.UserParams, schemas.UserAnswer, AUTH,
         "change email, password or metadata of that user",
         rules=(_holds_any("email", "password", "metadata"),), **CREDENTIALS),
    _row("recover", "POST", "/auth/recover", params.RecoverParams, schemas.WordAnswer, AUTH,
         "mail a link to set a new password", security=Security.NONE, **ONCE, **CREDENTIALS),
)  # fmt: skip

ORDER_ROWS = (
    _row("tradeOrderSubmit", "POST", "/tradeOrder/submit", params.SubmitParams,
         schemas.OrdersAnswer, TRADING, "a new order; the answer is a list", rules=SUBMIT_RULES,
         permission=Permission.ORDER, instead="place", **KEYED),
    _row("tradeOrderCancel", "POST", "/tradeOrder/cancel", params.CancelParams,
         schemas.OrderAnswer, TRADING, "cancel an order by the venue's id",
         permission=Permission.ORDER, instead="cancel"),
    _row("tradeOrderList", "GET", "/tradeOrder/list", params.OrdersParams, schemas.OrdersAnswer,
         ACCOUNT, "orders, open or at their end, the newest first", rules=SPAN),
)  # fmt: skip

ACCOUNT_ROWS = (
    _row("tradingAccountConnect", "POST", "/tradingAccount/connect", params.ConnectParams,
         schemas.AccountAnswer, ACCOUNT, "attach an account at a venue behind this one",
         rules=(one_of("credentialIds", "dealerAccountId"),), **ONCE, **ACCOUNTS),
    _row("tradingAccountDisconnect", "POST", "/tradingAccount/disconnect", params.AccountParams,
         schemas.AccountAnswer, ACCOUNT, "archive an account for good", **ONCE, **ACCOUNTS),
    _row("tradingAccountUpdate", "POST", "/tradingAccount/update", params.RenameParams,
         schemas.AccountAnswer, ACCOUNT, "rename an account", **ACCOUNTS),
    _row("tradingAccountList", "GET", "/tradingAccount/list", params.AccountsParams,
         schemas.AccountsAnswer, ACCOUNT, "accounts and their credentials"),
    _row("tradingAccountDisable", "POST", "/tradingAccount/disable", params.AccountParams,
         schemas.AccountAnswer, ACCOUNT, "let an account place no new orders", **ACCOUNTS),
    _row("tradingAccountEnable", "POST", "/tradingAccount/enable", params.AccountParams,
         schemas.AccountAnswer, ACCOUNT, "let it place them again", **ACCOUNTS),
    _row("tradingAccountOperationList", "GET", "/tradingAccount/operation/list",
         params.OperationsParams, schemas.OperationsAnswer, ACCOUNT,
         "what was done to accounts", rules=SPAN),
    _row("credentialList", "GET", "/credential/list", params.CredentialsParams,
         schemas.CredentialsAnswer, ACCOUNT, "keys for venues, without what is secret of them"),
    _row("credentialCreate", "POST", "/credential/create", params.CreateCredentialParams,
         schemas.CredentialAnswer, ACCOUNT, "store a key for a venue", **ONCE, **CREDENTIALS),
    _row("credentialRevoke", "POST", "/credential/revoke", params.CredentialParams,
         schemas.CredentialAnswer, ACCOUNT, "revoke a key for good", **CREDENTIALS),
    _row("credentialRotate", "POST", "/credential/rotate", params.RotateParams,
         schemas.CredentialAnswer, ACCOUNT, "replace what is secret of a key", **CREDENTIALS),
    _row("credentialVerify", "POST", "/credential/verify", params.VerifyParams,
         schemas.AccountsAnswer, ACCOUNT, "check keys; the accounts they open", **CREDENTIALS),
    _row("tradingAccountSubscribe", "POST", "/tradingAccount/subscription/subscribe",
         params.AccountParams, schemas.SubscriptionAnswer, ACCOUNT,
         "let the venue stream an account"),
    _row("tradingAccountUnsubscribe", "POST", "/tradingAccount/subscription/unsubscribe",
         params.EndStreamParams, schemas.SubscriptionAnswer, ACCOUNT,
         "end the stream of an account, perhaps for others, too", rules=STREAM_BY),
    _row("tradingAccountSubscriptionList", "GET", "/tradingAccount/subscription/list",
         params.AccountStreamsParams, schemas.SubscriptionsAnswer, ACCOUNT,
         "the accounts that are streamed"),
    _row("portfolioList", "GET", "/tradingAccount/portfolio/list", params.PortfoliosParams,
         schemas.PortfoliosAnswer, ACCOUNT, "balances and positions"),
)  # fmt: skip

MARKET_ROWS = (
    _row("venueList", "GET", "/market/venue/list", params.NoParams, schemas.VenuesAnswer, MARKET,
         "the venues behind this one", **PUBLIC),
    _row("instrumentSync", "POST", "/market/instrument/sync", params.SyncInstrumentsParams,
         schemas.TotalAnswer, ACCOUNT, "list instruments of a venue here", **ADMIN),
    _row("instrumentDelete", "DELETE", "/market/instrument/delete", params.InstrumentParams,
         schemas.WordAnswer, ACCOUNT, "take an instrument off the list", **ADMIN),
    _row("instrumentEnable", "POST", "/market/instrument/enable", params.InstrumentParams,
         schemas.InstrumentAnswer, ACCOUNT, "let an instrument be traded", **ADMIN),
    _row("instrumentDisable", "POST", "/market/instrument/disable", params.InstrumentParams,
         schemas.InstrumentAnswer, ACCOUNT, "let it be traded no more", **ADMIN),
    _row("instrumentList", "GET", "/market/instrument/list", params.InstrumentsParams,
         schemas.InstrumentsAnswer, MARKET, "instruments with their steps and bounds", **PUBLIC),
    _row("securitySync", "POST", "/market/security/sync", params.SyncSecuritiesParams,
         schemas.WordAnswer, ACCOUNT, "list a venue's assets here", **ADMIN),
    _row("securityDelete", "DELETE", "/market/security/delete", params.SecurityParams,
         schemas.SecurityAnswer, ACCOUNT, "take an asset off the list", **ADMIN),
    _row("securityList", "GET", "/market/security/list", params.SecuritiesParams,
         schemas.SecuritiesAnswer, MARKET, "assets", **PUBLIC),
    _row("orderBookGet", "GET", "/market/orderBook/get", params.BookParams, schemas.BookAnswer,
         MARKET, "the book of one instrument; 10 levels a side where no depth is given",
         rules=BOOK_BY, **PUBLIC),
    _row("orderBookList", "GET", "/market/orderBook/list", params.BooksParams, schemas.BooksAnswer,
         MARKET, "the books of up to 20 instruments", rules=BOOKS_BY, **PUBLIC),
    _row("orderBookSubscribe", "POST", "/market/subscription/orderBook/subscribe",
         params.InstrumentParams, schemas.SubscriptionAnswer, ACCOUNT,
         "let the venue stream a book"),
    _row("orderBookUnsubscribe", "POST", "/market/subscription/orderBook/unsubscribe",
         params.EndStreamParams, schemas.SubscriptionAnswer, ACCOUNT,
         "end the stream of a book, perhaps for others, too", rules=STREAM_BY),
    _row("orderBookSubscriptionList", "GET", "/market/subscription/orderBook/list",
         params.BookStreamsParams, schemas.SubscriptionsAnswer, ACCOUNT,
         "the books that are streamed"),
    Endpoint(
        name="websocket", method="GET", path="/connection/websocket",
        summary="streams and remote calls over the Centrifugo protocol, on a host of their own",
        weight=_one, params=params.NoParams, result=Any, pool=MARKET, security=Security.KEY,
        status=Status.SOCKET, successor="the daemon opens it",
    ),
)  # fmt: skip

PUBLISHED = {
    row.name: row for rows in (USER_ROWS, ORDER_ROWS, ACCOUNT_ROWS, MARKET_ROWS) for row in rows
}
"""The 43 of the published page, in its order."""

LATER_ROWS = (
    _row("quoteRfq", "POST", "/quote/rfq", params.QuoteParams, schemas.QuoteAnswer, TRADING,
         "a firm quote from a dealer", rules=QUOTE_RULES, permission=Permission.ORDER, **KEYED,
         **APRIL),
    _row("tickerGet", "GET", "/market/ticker/get", params.InstrumentParams, schemas.TickerAnswer,
         MARKET, "last trade and best prices of an instrument", **PUBLIC, **MAY),
    _row("tickerList", "GET", "/market/ticker/list", params.TickersParams, schemas.TickersAnswer,
         MARKET, "the same of several, or of all", **PUBLIC, **MAY),
    _row("klineGet", "GET", "/market/kline/get", params.KlineParams, schemas.KlineAnswer, MARKET,
         "candles of an instrument, oldest first; both ends of the span count",
         rules=(ordered("from", "to"),), **PUBLIC, **MAY),
    _row("dealerCreate", "POST", "/fermata/dealer/create", params.NewDealerParams,
         schemas.DealerAnswer, ACCOUNT, "a new dealer", **ONCE, **ADMIN, **MAY),
    _row("dealerGet", "GET", "/fermata/dealer/get", params.DealerParams, schemas.DealerAnswer,
         ACCOUNT, "one dealer", **MAY),
    _row("dealerList", "GET", "/fermata/dealer/list", params.DealersParams, schemas.DealersAnswer,
         ACCOUNT, "dealers, for administrators", **MAY),
    _row("dealerLink", "POST", "/fermata/dealer/link", params.LinkParams, schemas.WordAnswer,
         ACCOUNT, "let a dealer use an account's liquidity", **ADMIN, **MAY),
    _row("dealerUnlink", "POST", "/fermata/dealer/unlink", params.LinkParams, schemas.WordAnswer,
         ACCOUNT, "let it use that no more", **ADMIN, **MAY),
    _row("dealerPause", "POST", "/fermata/dealer/pause", params.DealerParams,
         schemas.DealerAnswer, ACCOUNT, "let a dealer quote nothing", **ADMIN, **MAY),
    _row("dealerResume", "POST", "/fermata/dealer/resume", params.DealerParams,
         schemas.DealerAnswer, ACCOUNT, "let it quote again", **ADMIN, **MAY),
    _row("dealerArchive", "POST", "/fermata/dealer/archive", params.DealerParams,
         schemas.DealerAnswer, ACCOUNT, "end a dealer for good", **ADMIN, **MAY),
    _row("walletCreate", "POST", "/fermata/wallet/create", params.NewWalletParams,
         schemas.WalletAnswer, ACCOUNT, "a new wallet", **ONCE, **ACCOUNTS, **APRIL),
    _row("walletGet", "GET", "/fermata/wallet/get", params.WalletParams, schemas.WalletAnswer,
         ACCOUNT, "one wallet", **APRIL),
    _row("walletList", "GET", "/fermata/wallet/list", params.WalletsParams, schemas.WalletsAnswer,
         ACCOUNT, "wallets", **APRIL),
    _row("walletTransfer", "POST", "/fermata/wallet/transfer", params.WalletTransferParams,
         schemas.WordAnswer, ACCOUNT, "move an asset between wallets of one owner",
         permission=Permission.TRANSFER, **ONCE, **APRIL),
    _row("walletFreeze", "POST", "/fermata/wallet/freeze", params.WalletParams,
         schemas.WalletAnswer, ACCOUNT, "let nothing leave or enter a wallet", **ADMIN, **APRIL),
    _row("walletUnfreeze", "POST", "/fermata/wallet/unfreeze", params.WalletParams,
         schemas.WalletAnswer, ACCOUNT, "let it move again", **ADMIN, **APRIL),
    _row("walletClose", "POST", "/fermata/wallet/close", params.WalletParams,
         schemas.WalletAnswer, ACCOUNT, "end a wallet for good", **ACCOUNTS, **APRIL),
)  # fmt: skip

LATER = {row.name: row for row in LATER_ROWS}
"""The 19 that came since."""

ENDPOINTS = PUBLISHED | LATER

CHANNELS = frozenset({Channel.DEPTH, Channel.BBO, Channel.TRADE, *figures.CHANNELS})
ROUTES: tuple[Route, ...] = (Route("market", "", CHANNELS),)
"""One class of URL serves everything."""
