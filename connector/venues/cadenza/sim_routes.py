"""What the simulated Cadenza serves over REST: who may ask, what it costs, what its fields are.

Written from the venue's reference alone (sections 5 and 6)."""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from connector.venues.cadenza import sim_accounts, sim_fermata, sim_market, sim_orders, sim_user
from connector.venues.cadenza.sim_asked import Asked
from connector.venues.cadenza.sim_fields import described
from connector.venues.cadenza.sim_limits import ACCOUNT, AUTH, MARKET, TRADING

BASE = "/api/v3"
PAGED = "limit:int(1-1000) offset:int(0-)"
CURSOR = f"{PAGED} cursor:str"


class Route(Struct, frozen=True):
    """One method and path."""

    kind: str
    """Class of the rate limit."""
    shape: Mapping[str, str]
    answer: Callable[[Asked], Any]
    open: bool = False
    """Needs no token."""
    later: bool = False
    """Not in the earlier state."""


def _route(kind: str, fields: str, answer: Callable[[Asked], Any], **more: bool) -> Route:
    return Route(kind, described(fields), answer, **more)


USER = {
    ("GET", ""): _route(MARKET, "", sim_market.info),
    ("POST", "/auth/signup"): _route(
        AUTH, "email:email* password:str* metadata:obj", sim_user.signup, open=True
    ),
    ("POST", "/auth/login"): _route(AUTH, "email:email* password:str*", sim_user.login, open=True),
    ("POST", "/auth/logout"): _route(AUTH, "", sim_user.logout),
    ("POST", "/auth/token/refresh"): _route(AUTH, "refreshToken:str*", sim_user.refresh, open=True),
    ("GET", "/auth/user"): _route(AUTH, "", sim_user.who),
    ("PUT", "/auth/user"): _route(AUTH, "email:email password:str metadata:obj", sim_user.update),
    ("POST", "/auth/recover"): _route(AUTH, "email:email*", sim_user.recover, open=True),
}

MARKETS = {
    ("GET", "/market/venue/list"): _route(MARKET, "", sim_market.venues),
    ("POST", "/market/instrument/sync"): _route(
        ACCOUNT, "venue:venue* symbols:[str]*", sim_market.sync_instruments
    ),
    ("DELETE", "/market/instrument/delete"): _route(
        ACCOUNT, "instrumentId:str*", sim_market.delete_instrument
    ),
    ("POST", "/market/instrument/enable"): _route(
        ACCOUNT, "instrumentId:str*", sim_market.enable_instrument
    ),
    ("POST", "/market/instrument/disable"): _route(
        ACCOUNT, "instrumentId:str*", sim_market.disable_instrument
    ),
    ("GET", "/market/instrument/list"): _route(
        MARKET,
        "venue:venue symbols:[str] securityType:securityType instrumentStatus:instrumentStatus "
        + PAGED,
        sim_market.instruments,
    ),
    ("POST", "/market/security/sync"): _route(ACCOUNT, "venue:venue*", sim_market.sync_securities),
    ("DELETE", "/market/security/delete"): _route(
        ACCOUNT, "securityId:str*", sim_market.delete_security
    ),
    ("GET", "/market/security/list"): _route(
        MARKET, f"venue:venue securityId:str {PAGED}", sim_market.securities
    ),
    ("GET", "/market/orderBook/get"): _route(
        MARKET, "instrumentId:str venue:venueS symbol:strS depth:int(1-1000)", sim_market.book
    ),
    ("GET", "/market/orderBook/list"): _route(
        MARKET, "instrumentIds:[str] venue:venueS symbols:[str]S depth:int(1-1000)",
        sim_market.books,
    ),
    ("GET", "/market/ticker/get"): _route(
        MARKET, "instrumentId:str*", sim_market.ticker, later=True
    ),
    ("GET", "/market/ticker/list"): _route(
        MARKET, f"instrumentIds:[str] {CURSOR}", sim_market.tickers, later=True
    ),
    ("GET", "/market/kline/get"): _route(
        MARKET, "interval:interval* instrumentId:str from:int(0-) to:int(0-) limit:int(1-1000)",
        sim_market.kline, later=True,
    ),
}  # fmt: skip

ONE_ACCOUNT = "tradingAccountId:uuid*"
STREAM = "subscriptionId:uuid tradingAccountId:uuid instrumentId:str"
SUBMIT = (
    "tradingAccountId:uuid* instrumentId:str*S idempotencyKey:str clientOrderId:str"
    " orderSide:orderSide* orderType:orderType* contingencyType:contingencyC limitPrice:dec"
    " stopPrice:dec quantity:dec* quantityType:quantityType quantityRounding:rounding"
    " positionId:uuid timeInForce:timeInForce expireAt:int(0-) quoteId:uuid leverage:int(1-)"
    " awaitClosed:bool takeProfitPrice:decC takeProfitLimitPrice:decC stopLossPrice:decC"
    " stopLossLimitPrice:decC takeProfitTimeInForce:timeInForceC stopLossTimeInForce:timeInForceC"
)

ORDERS = {
    ("POST", "/tradeOrder/submit"): _route(TRADING, SUBMIT, sim_orders.submit),
    ("POST", "/tradeOrder/cancel"): _route(
        TRADING, f"{ONE_ACCOUNT} tradeOrderId:uuid*", sim_orders.cancel
    ),
    ("GET", "/tradeOrder/list"): _route(
        ACCOUNT,
        "tradeOrderId:uuid orderStatus:orderStatus tradingAccountId:uuid instrumentId:str"
        " orderListId:uuidC externalOrderListId:strC startTime:int(0-) endTime:int(0-)"
        f" ascending:bool {CURSOR}",
        sim_orders.listed,
    ),
}

ACCOUNTS = {
    ("POST", "/tradingAccount/connect"): _route(
        ACCOUNT,
        "credentialIds:[uuid]*S externalTradingAccountId:str*S nickname:str venue:venueC"
        " dealerAccountId:uuidC",
        sim_accounts.connect,
    ),
    ("POST", "/tradingAccount/disconnect"): _route(ACCOUNT, ONE_ACCOUNT, sim_accounts.disconnect),
    ("POST", "/tradingAccount/update"): _route(
        ACCOUNT, f"{ONE_ACCOUNT} nickname:str", sim_accounts.rename
    ),
    ("GET", "/tradingAccount/list"): _route(
        ACCOUNT,
        "tradingAccountId:uuid venue:venue accountStatus:accountStatus userId:uuid tenantId:str "
        + PAGED,
        sim_accounts.accounts,
    ),
    ("POST", "/tradingAccount/disable"): _route(ACCOUNT, ONE_ACCOUNT, sim_accounts.disable),
    ("POST", "/tradingAccount/enable"): _route(ACCOUNT, ONE_ACCOUNT, sim_accounts.enable),
    ("GET", "/tradingAccount/operation/list"): _route(
        ACCOUNT,
        "tradingAccountId:uuid operationType:operationType startTime:int(0-) endTime:int(0-) "
        + CURSOR,
        sim_accounts.operations,
    ),
    ("GET", "/credential/list"): _route(
        ACCOUNT,
        "credentialType:credentialType credentialStatus:credentialStatus credentialIds:[str]",
        sim_accounts.credentials,
    ),
    ("POST", "/credential/create"): _route(
        ACCOUNT,
        "venue:venue* credentialType:credentialType* nickname:str apiKey:str apiSecret:str"
        " apiPassphrase:str",
        sim_accounts.create_credential,
    ),
    ("POST", "/credential/revoke"): _route(
        ACCOUNT, "credentialId:uuid*", sim_accounts.revoke_credential
    ),
    ("POST", "/credential/rotate"): _route(
        ACCOUNT,
        "credentialId:uuid* apiKey:str*S apiSecret:str apiPassphrase:str",
        sim_accounts.rotate_credential,
    ),
    ("POST", "/credential/verify"): _route(
        ACCOUNT, "credentialIds:[uuid]*", sim_accounts.verify_credentials
    ),
    ("POST", "/tradingAccount/subscription/subscribe"): _route(
        ACCOUNT, ONE_ACCOUNT, sim_accounts.subscribe_account
    ),
    ("POST", "/tradingAccount/subscription/unsubscribe"): _route(
        ACCOUNT, STREAM, sim_accounts.unsubscribe
    ),
    ("GET", "/tradingAccount/subscription/list"): _route(
        ACCOUNT, f"tradingAccountId:uuid {CURSOR}", sim_accounts.account_streams
    ),
    ("GET", "/tradingAccount/portfolio/list"): _route(
        ACCOUNT, f"tradingAccountId:uuid venue:venue currency:str {PAGED}", sim_accounts.portfolios
    ),
    ("POST", "/market/subscription/orderBook/subscribe"): _route(
        ACCOUNT, "instrumentId:str*", sim_accounts.subscribe_book
    ),
    ("POST", "/market/subscription/orderBook/unsubscribe"): _route(
        ACCOUNT, STREAM, sim_accounts.unsubscribe
    ),
    ("GET", "/market/subscription/orderBook/list"): _route(
        ACCOUNT, "instrumentId:str", sim_accounts.book_streams
    ),
}


def _later(fields: str, answer: Callable[[Asked], Any], kind: str = ACCOUNT) -> Route:
    return Route(kind, described(fields), answer, later=True)


DEALER, WALLET = "dealerAccountId:uuid*", "walletId:uuid*"
LINK = f"{DEALER} {ONE_ACCOUNT}"
FERMATA = {
    ("POST", "/quote/rfq"): _later(
        f"{DEALER} orderSide:orderSide* traderAccountId:uuid instrumentId:str baseAsset:str"
        " quoteAsset:str quantity:pdec quoteQuantity:pdec quoteRequestId:str ttl:int(1-300)"
        " expireAt:str pricingProfileId:str",
        sim_fermata.rfq,
        TRADING,
    ),
    ("POST", "/fermata/dealer/create"): _later(
        "name:str* baseCurrencies:[str]* riskThreshold:pdec config:obj", sim_fermata.create_dealer
    ),
    ("GET", "/fermata/dealer/get"): _later(DEALER, sim_fermata.dealer),
    ("GET", "/fermata/dealer/list"): _later(f"status:dealerStatus {CURSOR}", sim_fermata.dealers),
    ("POST", "/fermata/dealer/link"): _later(LINK, sim_fermata.link),
    ("POST", "/fermata/dealer/unlink"): _later(LINK, sim_fermata.unlink),
    ("POST", "/fermata/dealer/pause"): _later(DEALER, sim_fermata.pause),
    ("POST", "/fermata/dealer/resume"): _later(DEALER, sim_fermata.resume),
    ("POST", "/fermata/dealer/archive"): _later(DEALER, sim_fermata.archive),
    ("POST", "/fermata/wallet/create"): _later("nickname:str", sim_fermata.create_wallet),
    ("GET", "/fermata/wallet/get"): _later(WALLET, sim_fermata.wallet),
    ("GET", "/fermata/wallet/list"): _later(f"walletType:walletType {CURSOR}", sim_fermata.wallets),
    ("POST", "/fermata/wallet/transfer"): _later(
        "sourceWalletId:uuid* destWalletId:uuid* asset:str* amount:pdec*", sim_fermata.transfer
    ),
    ("POST", "/fermata/wallet/freeze"): _later(WALLET, sim_fermata.freeze),
    ("POST", "/fermata/wallet/unfreeze"): _later(WALLET, sim_fermata.unfreeze),
    ("POST", "/fermata/wallet/close"): _later(WALLET, sim_fermata.close),
}

ROUTES: dict[tuple[str, str], Route] = USER | ORDERS | ACCOUNTS | MARKETS | FERMATA
"""By method and path below ``BASE``; ``health`` has a form of its own."""
PATHS = frozenset(path for _, path in ROUTES)
