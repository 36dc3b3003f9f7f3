"""Every endpoint of Cadenza's published page and of today's client can be called by name, and the
simulated venue serves it, each in the states of the interface that have it."""

import json
from typing import Any

import pytest

from connector.transport.calls import unknown_fields
from connector.venues.cadenza.endpoints import ENDPOINTS, LATER, PUBLISHED
from connector.venues.cadenza.sim import SIM
from connector.venues.contract import Permission, Retry, Security, Status
from connector.venues.parameters import BadParameter
from tests.reference.cadenza_rest import Cadenza, User

PAGE = """
GET /api/v3
GET /api/v3/health
POST /api/v3/auth/signup
POST /api/v3/auth/login
POST /api/v3/auth/logout
POST /api/v3/auth/token/refresh
GET /api/v3/auth/user
PUT /api/v3/auth/user
POST /api/v3/auth/recover
POST /api/v3/tradeOrder/submit
POST /api/v3/tradeOrder/cancel
GET /api/v3/tradeOrder/list
POST /api/v3/tradingAccount/connect
POST /api/v3/tradingAccount/disconnect
POST /api/v3/tradingAccount/update
GET /api/v3/tradingAccount/list
POST /api/v3/tradingAccount/disable
POST /api/v3/tradingAccount/enable
GET /api/v3/tradingAccount/operation/list
GET /api/v3/credential/list
POST /api/v3/credential/create
POST /api/v3/credential/revoke
POST /api/v3/credential/rotate
POST /api/v3/credential/verify
POST /api/v3/tradingAccount/subscription/subscribe
POST /api/v3/tradingAccount/subscription/unsubscribe
GET /api/v3/tradingAccount/subscription/list
GET /api/v3/tradingAccount/portfolio/list
GET /api/v3/market/venue/list
POST /api/v3/market/instrument/sync
DELETE /api/v3/market/instrument/delete
POST /api/v3/market/instrument/enable
POST /api/v3/market/instrument/disable
GET /api/v3/market/instrument/list
POST /api/v3/market/security/sync
DELETE /api/v3/market/security/delete
GET /api/v3/market/security/list
GET /api/v3/market/orderBook/get
GET /api/v3/market/orderBook/list
POST /api/v3/market/subscription/orderBook/subscribe
POST /api/v3/market/subscription/orderBook/unsubscribe
GET /api/v3/market/subscription/orderBook/list
GET /connection/websocket
"""
"""In its order, the connection drawn as what it is."""
CLIENT = """
POST /api/v3/quote/rfq
GET /api/v3/market/ticker/get
GET /api/v3/market/ticker/list
GET /api/v3/market/kline/get
POST /api/v3/fermata/dealer/create
GET /api/v3/fermata/dealer/get
GET /api/v3/fermata/dealer/list
POST /api/v3/fermata/dealer/link
POST /api/v3/fermata/dealer/unlink
POST /api/v3/fermata/dealer/pause
POST /api/v3/fermata/dealer/resume
POST /api/v3/fermata/dealer/archive
POST /api/v3/fermata/wallet/create
GET /api/v3/fermata/wallet/get
GET /api/v3/fermata/wallet/list
POST /api/v3/fermata/wallet/transfer
POST /api/v3/fermata/wallet/freeze
POST /api/v3/fermata/wallet/unfreeze
POST /api/v3/fermata/wallet/close
"""
STATES = ("seed", "current")
UUID = "14f773c5-2079-41e0-90e4-340a7b4d3391"
BTC = "BINANCE:BTC/USDT"


def calls(rows: Any) -> list[str]:
    return [f"{row.method} {row.path}" for row in rows.values()]


def test_the_table_is_the_published_page_and_what_came_since() -> None:
    assert calls(PUBLISHED) == PAGE.split("\n")[1:-1]
    assert sorted(calls(LATER)) == sorted(CLIENT.split("\n")[1:-1])
    assert (len(PUBLISHED), len(LATER), len(ENDPOINTS)) == (43, 19, 62)


def test_all_of_them_but_the_connection_are_served() -> None:
    rest = [row for row in ENDPOINTS.values() if row.status is not Status.SOCKET]
    assert len(rest) == 61
    assert [row.name for row in rest if not SIM.serves(row.method, row.path)] == []
    assert not SIM.serves("POST", "/api/v3/market/venue/list")


def test_who_may_call_without_a_token() -> None:
    open_ones = {row.name for row in ENDPOINTS.values() if row.security is Security.NONE}
    assert open_ones == {"health", "signup", "login", "tokenRefresh", "recover"}


def test_what_is_about_keys_and_users_needs_a_permission() -> None:
    wanted = {row.name for row in ENDPOINTS.values() if row.permission is Permission.CREDENTIALS}
    assert wanted == {
        "signup", "userUpdate", "recover",
        "credentialCreate", "credentialRevoke", "credentialRotate", "credentialVerify",
    }  # fmt: skip
    harmless = {
        "login", "logout", "tokenRefresh",
        "tradingAccountSubscribe", "tradingAccountUnsubscribe",
        "orderBookSubscribe", "orderBookUnsubscribe",
    }  # fmt: skip
    free = {row.name for row in ENDPOINTS.values() if row.method != "GET" and not row.permission}
    assert free == harmless


def test_what_is_never_repeated_by_itself() -> None:
    once = {row.name for row in ENDPOINTS.values() if row.retry is Retry.QUERY}
    assert once == {
        "signup", "tokenRefresh", "recover", "tradingAccountConnect", "tradingAccountDisconnect",
        "credentialCreate", "dealerCreate", "walletCreate", "walletTransfer",
    }  # fmt: skip
    keyed = {row.name for row in ENDPOINTS.values() if row.retry is Retry.KEYED}
    assert keyed == {"tradeOrderSubmit", "quoteRfq"}


SUBMIT = {
    "tradingAccountId": UUID, "instrumentId": BTC, "orderSide": "BUY", "orderType": "LIMIT",
    "quantity": "0.1", "limitPrice": "100",
}  # fmt: skip


@pytest.mark.parametrize(
    ("endpoint", "given", "field"),
    [
        ("signup", {"email": "me@example.com", "password": "short"}, "password"),
        ("login", {"email": "nobody", "password": "x"}, "email"),
        ("userUpdate", {}, "email"),
        ("tradeOrderSubmit", SUBMIT | {"quantity": "1e5"}, "quantity"),
        ("tradeOrderSubmit", SUBMIT | {"quantity": "-1"}, "quantity"),
        ("tradeOrderSubmit", SUBMIT | {"quantity": 1}, "quantity"),
        ("tradeOrderSubmit", SUBMIT | {"orderSide": "buy"}, "orderSide"),
        ("tradeOrderSubmit", SUBMIT | {"orderSide": "UNKNOWN"}, "orderSide"),
        ("tradeOrderSubmit", SUBMIT | {"limitPrice": None}, "limitPrice"),
        ("tradeOrderSubmit", SUBMIT | {"orderType": "STOP_LOSS"}, "stopPrice"),
        ("tradeOrderSubmit", SUBMIT | {"orderType": "QUOTED"}, "quoteId"),
        ("tradeOrderSubmit", SUBMIT | {"timeInForce": "GTD"}, "expireAt"),
        ("tradeOrderSubmit", SUBMIT | {"expireAt": 5}, "expireAt"),
        ("tradeOrderSubmit", SUBMIT | {"instrumentId": None}, "instrumentId"),
        ("tradeOrderSubmit", SUBMIT | {"instrumentId": "BTCUSDT"}, "instrumentId"),
        ("tradeOrderSubmit", SUBMIT | {"clientOrderId": "x" * 37}, "clientOrderId"),
        (
            "tradeOrderSubmit",
            SUBMIT | {"clientOrderId": "a", "idempotencyKey": "b"},
            "clientOrderId",
        ),
        ("tradeOrderSubmit", SUBMIT | {"leverage": 0}, "leverage"),
        ("tradeOrderSubmit", SUBMIT | {"quantityRounding": ""}, "quantityRounding"),
        ("tradeOrderSubmit", SUBMIT | {"takeProfitLimitPrice": "1"}, "takeProfitPrice"),
        ("tradeOrderCancel", {"tradingAccountId": UUID, "tradeOrderId": "7"}, "tradeOrderId"),
        ("tradeOrderList", {"limit": 1001}, "limit"),
        ("tradeOrderList", {"limit": 0}, "limit"),
        ("tradeOrderList", {"offset": -1}, "offset"),
        ("tradeOrderList", {"startTime": 5, "endTime": 4}, "endTime"),
        ("tradeOrderList", {"orderStatus": "OPEN"}, "orderStatus"),
        ("tradingAccountConnect", {}, "credentialIds"),
        ("tradingAccountConnect", {"credentialIds": []}, "credentialIds"),
        ("credentialCreate", {"venue": "KRAKEN", "credentialType": "HMAC"}, "venue"),
        ("credentialCreate", {"venue": "OKX", "credentialType": ""}, "credentialType"),
        ("orderBookGet", {}, "instrumentId"),
        ("orderBookGet", {"symbol": "BTC/USDT"}, "venue"),
        ("orderBookGet", {"instrumentId": BTC, "venue": "OKX", "symbol": "X"}, "instrumentId"),
        ("orderBookGet", {"instrumentId": BTC, "depth": 1001}, "depth"),
        ("orderBookList", {"instrumentIds": [BTC] * 21}, "instrumentIds"),
        ("orderBookUnsubscribe", {}, "subscriptionId"),
        ("quoteRfq", {"dealerAccountId": UUID, "orderSide": "BUY"}, "instrumentId"),
        (
            "quoteRfq",
            {"dealerAccountId": UUID, "orderSide": "BUY", "instrumentId": BTC, "quantity": "1",
             "ttl": 301},
            "ttl",
        ),
        (
            "quoteRfq",
            {"dealerAccountId": UUID, "orderSide": "BUY", "instrumentId": BTC, "quantity": "1",
             "quoteQuantity": "1"},
            "quantity",
        ),
        ("klineGet", {"interval": "2m"}, "interval"),
        ("klineGet", {"interval": "1m", "from": 2, "to": 1}, "to"),
        ("walletTransfer", {"sourceWalletId": UUID, "destWalletId": UUID, "asset": "USDT",
                            "amount": "-1"}, "amount"),
        ("health", {"verbose": True}, "verbose"),
    ],
)  # fmt: skip
def test_what_the_venue_would_refuse_is_refused_before(
    endpoint: str, given: dict[str, Any], field: str
) -> None:
    with pytest.raises(BadParameter) as refused:
        ENDPOINTS[endpoint].called(given)
    assert refused.value.field == field


def test_lists_are_sent_as_repeated_names_and_deletes_have_a_body() -> None:
    asked = ENDPOINTS["orderBookList"].called({"instrumentIds": [BTC, "OKX:ETH/USDT"]})
    assert asked.query == "instrumentIds=BINANCE:BTC/USDT&instrumentIds=OKX:ETH/USDT"
    spoken = ENDPOINTS["instrumentList"].called({"symbols": "BTC/USDT,A&B"}, text=True)
    assert spoken.query == "symbols=BTC/USDT&symbols=A%26B"
    deleted = ENDPOINTS["instrumentDelete"].called({"instrumentId": BTC})
    assert (deleted.method, deleted.query) == ("DELETE", "")
    assert json.loads(deleted.body) == {"instrumentId": BTC}
    assert ("Content-Type", "application/json") in deleted.headers


# Every row against the simulated venue


class Story:
    """One user calls everything once."""

    def __init__(self, profile: str) -> None:
        self.venue = Cadenza(profile)
        self.user = User(self.venue)
        self.profile = profile
        self.called: list[str] = []

    def __call__(self, endpoint: str, **given: Any) -> Any:
        self.called.append(endpoint)
        row = ENDPOINTS[endpoint]
        found = self.user.ask(endpoint, **given)
        assert found.status == 200, (endpoint, found.body)
        assert unknown_fields(row, found.body) == {}, "the venue's fields are all known"
        answer = json.loads(found.body)
        if endpoint == "health":
            assert "errno" not in answer
            return answer
        assert ("success" in answer) == (self.profile == "seed")
        return answer.get("data")


def the_user(story: Story) -> None:
    assert story("info")["version"] == "3.0.1"
    assert story("health")["status"] == "healthy"
    new = story("signup", email="new@example.com", password="long enough", metadata={"a": 1})
    assert ("accessToken" in new) == (story.profile == "current")
    session = story("login", email="new@example.com", password="long enough")
    assert session["expiresIn"] == 3600
    again = story("tokenRefresh", refreshToken=session["refreshToken"])
    assert again["refreshToken"] != session["refreshToken"]
    assert story("user")["email"] == "me@example.com"
    assert story("userUpdate", metadata={"b": 2})["userMetadata"] == {"b": 2}
    assert story("recover", email="new@example.com") == "ok"


def accounts(story: Story) -> str:
    rows = story("tradingAccountList", venue="BINANCE")
    (account,) = (row["tradingAccountId"] for row in rows)
    key = story(
        "credentialCreate", venue="BINANCE", credentialType="HMAC", nickname="n", apiKey="k",
        apiSecret="s",
    )["credentialId"]  # fmt: skip
    story("credentialRotate", credentialId=key, apiKey="k2", apiSecret="s2")
    found = story("credentialVerify", credentialIds=[key])
    assert [row["externalTradingAccountId"] for row in found] == ["binance-main", "binance-sub1"]
    new = story(
        "tradingAccountConnect", credentialIds=[key], externalTradingAccountId="binance-sub1",
        nickname="second",
    )["tradingAccountId"]  # fmt: skip
    assert story("tradingAccountUpdate", tradingAccountId=new, nickname="x")["nickname"] == "x"
    assert story("tradingAccountDisable", tradingAccountId=new)["status"] == "INACTIVE"
    assert story("tradingAccountEnable", tradingAccountId=new)["status"] == "ACTIVE"
    assert story("credentialRevoke", credentialId=key)["status"] == "REVOKED"
    assert story("tradingAccountDisconnect", tradingAccountId=new)["status"] == "DISCONNECTED"
    done = story("tradingAccountOperationList", tradingAccountId=new)
    assert [row["operationType"] for row in done] == [
        "DISCONNECT", "CREDENTIAL_REVOKE", "ENABLE", "DISABLE", "UPDATE", "CONNECT",
    ]  # fmt: skip
    assert [row["credentialId"] for row in story("credentialList", credentialIds=[key])] == [key]
    one = story("tradingAccountSubscribe", tradingAccountId=account)
    assert one["subscriptionType"] == "TRADING_ACCOUNT.SUBSCRIPTION.USER_DATA"
    assert story("tradingAccountSubscriptionList") == [one]
    ended = story("tradingAccountUnsubscribe", tradingAccountId=account)
    assert ended["status"] == "INACTIVE"
    (portfolio,) = story("portfolioList", tradingAccountId=account)
    assert {row["securitySymbol"]: row["free"] for row in portfolio["balances"]} == {
        "BTC": "2.00000000", "USDT": "100000.00000000",
    }  # fmt: skip
    return str(account)


def the_market(story: Story) -> None:
    assert {"BINANCE", "OKX", "DERIBIT", "B2C2"} <= {row["venue"] for row in story("venueList")}
    rows = story("instrumentList", venue="BINANCE", symbols=["BTC/USDT"], limit=1000)
    assert [row["instrumentId"] for row in rows] == [BTC]
    assert story("instrumentDisable", instrumentId=BTC)["status"] == "DISABLED"
    assert story("instrumentEnable", instrumentId=BTC)["status"] == "ACTIVE"
    assert story("instrumentDelete", instrumentId=BTC) == ("ok" if in_seed(story) else None)
    assert story("instrumentSync", venue="BINANCE", symbols=["BTC/USDT"]) == {"total": 1}
    assert story("securityDelete", securityId="BINANCE:BTC")["symbol"] == "BTC"
    assert story("securitySync", venue="BINANCE") == ("ok" if in_seed(story) else None)
    assert len(story("securityList", securityId="BINANCE:BTC")) == 1
    book = story("orderBookGet", instrumentId=BTC, depth=3)
    assert ("columns" in book) == (not in_seed(story))
    assert len(book["bids"]) == len(book["asks"]) == 3
    books = story("orderBookList", instrumentIds=[BTC, "OKX:BTC/USDT"])
    assert [each["venue"] for each in books] == ["BINANCE", "OKX"]
    one = story("orderBookSubscribe", instrumentId=BTC)
    assert story("orderBookSubscribe", instrumentId=BTC) == one, "asking again changes nothing"
    assert story("orderBookSubscriptionList", instrumentId=BTC) == [one]
    name = one["subscriptionId"]
    assert story("orderBookUnsubscribe", subscriptionId=name)["status"] == "INACTIVE"
    assert story("orderBookSubscriptionList") == []


def in_seed(story: Story) -> bool:
    return story.profile == "seed"


def orders(story: Story, account: str) -> None:
    (placed,) = story(
        "tradeOrderSubmit", **SUBMIT | {"tradingAccountId": account, "clientOrderId": "k1"}
    )
    assert (placed["status"], placed["executedQuantity"]) == ("SUBMITTED", "0")
    name = placed["tradeOrderId"]
    (open_one,) = story("tradeOrderList", tradeOrderId=name)
    assert open_one["status"] == "ACCEPTED"
    ended = story("tradeOrderCancel", tradingAccountId=account, tradeOrderId=name)
    assert (ended["status"], ended["cancelReason"]) == ("CANCELLED", "USER_REQUESTED")


def fermata(story: Story, account: str) -> None:
    dealer = story("dealerCreate", name="d", baseCurrencies=["BTC"], config={"x": 1})
    by = {"dealerAccountId": dealer["dealerAccountId"]}
    assert story("dealerLink", **by, tradingAccountId=account) is None
    assert story("dealerGet", **by)["linkedAccountIds"] == [account]
    assert story("dealerUnlink", **by, tradingAccountId=account) is None
    assert story("dealerPause", **by)["status"] == "PAUSED"
    assert story("dealerResume", **by)["status"] == "ACTIVE"
    wish = {"orderSide": "BUY", "instrumentId": BTC, "quantity": "0.5", "quoteRequestId": "q1"}
    quote = story("quoteRfq", **by, **wish)
    assert quote["expireAt"] - quote["createdAt"] == 10_000
    assert story("quoteRfq", **by, **wish) == quote, "the same request has the same quote"
    assert story("dealerArchive", **by)["status"] == "ARCHIVED"
    assert [row["status"] for row in story("dealerList")] == ["ARCHIVED"]
    one, two = (story("walletCreate", nickname=name)["walletId"] for name in "ab")
    moved = {"sourceWalletId": one, "destWalletId": two, "asset": "USDT", "amount": "10000"}
    assert story("walletTransfer", **moved) is None
    assert story("walletFreeze", walletId=one)["status"] == "FROZEN"
    assert story("walletUnfreeze", walletId=one)["status"] == "ACTIVE"
    assert story("walletClose", walletId=one)["status"] == "CLOSED"
    assert story("walletGet", walletId=two)["status"] == "ACTIVE"
    assert [row["walletId"] for row in story("walletList")] == [one, two]
    ticker = story("tickerGet", instrumentId=BTC)
    assert float(ticker["bidPrice"]) < float(ticker["askPrice"])
    assert len(story("tickerList", limit=2)) == 2
    candles = story("klineGet", interval="1m", instrumentId=BTC)["candles"]
    assert all(len(row) == 6 for row in candles)


@pytest.fixture(scope="module", params=STATES)
def told(request: pytest.FixtureRequest) -> Story:
    story = Story(request.param)
    the_user(story)
    account = accounts(story)
    the_market(story)
    orders(story, account)
    if not in_seed(story):
        fermata(story, account)
    assert story("logout") == "ok"
    return story


def test_every_row_of_a_state_was_called_and_answered(told: Story) -> None:
    rows = PUBLISHED if in_seed(told) else ENDPOINTS
    assert set(told.called) == {
        name for name, row in rows.items() if row.status is not Status.SOCKET
    }


def test_who_logged_out_is_nobody_any_more(told: Story) -> None:
    assert told.user.refused("user") == (401, 19002)


def test_what_came_later_is_no_route_of_the_earlier_state() -> None:
    user = User(Cadenza("seed"))
    for name, row in LATER.items():
        if row.method == "GET" and name in ("walletList", "dealerList", "tickerList"):
            assert user.refused(name) == (404, 19003)


def test_what_came_since_the_published_page_is_dated() -> None:
    """January's state answers these with 404: the page of the venue says so of each."""
    assert {row.since for row in PUBLISHED.values()} == {""}
    assert {row.since for row in LATER.values()} == {"2026-04-01", "2026-05-09"}
