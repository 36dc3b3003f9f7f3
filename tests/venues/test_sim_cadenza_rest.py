"""The simulated Cadenza's door: who may pass, how often, what it understands, in both states."""

import json
from typing import Any

import pytest

from tests.reference.cadenza_rest import EMAIL, PASSWORD, Cadenza, User

BASE = "/api/v3"
JSON = {"content_type": "application/json"}


@pytest.fixture(params=["seed", "current"])
def venue(request: pytest.FixtureRequest) -> Cadenza:
    return Cadenza(request.param)


def told(answer: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answer.body)
    return found


def test_an_error_has_the_sign_of_its_state(venue: Cadenza) -> None:
    answer = venue.raw("GET", f"{BASE}/auth/user")
    body = told(answer)
    assert answer.status == 401
    assert body["errno"] == (-19002 if venue.profile == "seed" else 19002)
    assert ("success" in body) == ("data" in body) == (venue.profile == "seed")
    assert body["details"]["code"] == "INVALID_TOKEN"
    assert body["details"]["resource"] == f"{BASE}/auth/user"
    assert len(body["details"]["request_id"]) == 36


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic x", "Bearer a.b.c", "Bearer x", "Bearer ...", "…"]
)
def test_what_is_no_token_is_none(venue: Cadenza, header: str) -> None:
    assert venue.raw("GET", f"{BASE}/auth/user", authorization=header).status == 401


def test_a_token_whose_words_were_changed_is_none(venue: Cadenza) -> None:
    user = User(venue)
    user.enter()
    head, body, signature = user.tokens.token.split(".")
    for forged in (f"{head}.{body[:-2]}x.{signature}", f"{head}.{body}.", f"{head}.{body}"):
        answer = venue.raw("GET", f"{BASE}/auth/user", authorization=f"Bearer {forged}")
        assert answer.status == 401


def test_limits_are_counted_by_class_and_user() -> None:
    venue = Cadenza(weight=100)
    me, other = User(venue), User(venue, "other@example.com")
    for left in range(29, -1, -1):
        answer = me.ask("tradingAccountList")
        assert answer.status == 200
        assert answer.headers["X-RateLimit-Limit"] == "30"
        assert answer.headers["X-RateLimit-Remaining"] == str(left)
    venue.wait(10.5)
    answer = me.ask("tradingAccountList")
    assert answer.status == 429
    assert told(answer)["success"] is False
    wait_s = int(answer.headers["Retry-After"])
    assert 0 < wait_s <= 60
    assert other.ask("tradingAccountList").status == 200, "another user"
    assert me.ask("venueList").status == 200, "another class"
    venue.wait(wait_s)
    assert me.ask("tradingAccountList").status == 200


def test_who_has_no_token_is_counted_by_address() -> None:
    venue = Cadenza(weight=100)
    statuses = [
        venue.raw("POST", f"{BASE}/auth/login", body=b"{}", **JSON).status for _ in range(12)
    ]
    assert statuses == [400] * 10 + [429] * 2
    assert venue.raw("GET", f"{BASE}/health").status == 200, "nobody counts that"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, 19005),
        (b"[]", 400, 19004),
        (b"", 400, 19004),
        (b'{"email":"me","password":"x"}', 400, 19004),
        (b'{"email":"me@example.com"}', 400, 19004),
        (b'{"email":"me@example.com","password":7}', 400, 19004),
        (b'{"email":"me@example.com","password":"wrong"}', 401, 19002),
        (b'{"email":"nobody@example.com","password":"wrong"}', 401, 19002),
    ],
)
def test_logins_that_are_none(venue: Cadenza, body: bytes, status: int, code: int) -> None:
    answer = venue.raw("POST", f"{BASE}/auth/login", body=body, **JSON)
    assert (answer.status, abs(told(answer)["errno"])) == (status, code)


def test_bodies_are_json_by_name_and_roads_lead_somewhere(venue: Cadenza) -> None:
    good = json.dumps({"email": EMAIL, "password": PASSWORD}).encode()
    assert venue.raw("POST", f"{BASE}/auth/login", body=good, **JSON).status == 200
    assert venue.raw("POST", f"{BASE}/auth/login", body=good).status == 400
    for method, path, status in (
        ("GET", f"{BASE}/auth/login", 405),
        ("GET", f"{BASE}/nothing", 404),
        ("GET", "/", 404),
        ("POST", f"{BASE}/health", 404),
    ):
        answer = venue.raw(method, path)
        assert (answer.status, abs(told(answer)["errno"])) == (status, 19003)
    long = venue.raw("GET", f"{BASE}/market/instrument/list", query="symbols=" + "x" * 9000)
    assert long.status == 414


def test_words_that_only_one_state_has() -> None:
    seed, current = User(Cadenza("seed")), User(Cadenza("current"))
    for status, here, there in (("SETUP", seed, current), ("UNAVAILABLE", current, seed)):
        assert here.get("tradingAccountList", accountStatus=status) == []
        assert there.refused("tradingAccountList", accountStatus=status) == (400, 19004)
    by_symbol = {"venue": "BINANCE", "symbol": "BTC/USDT"}
    assert seed.get("orderBookGet", **by_symbol)["instrumentId"] == "BINANCE:BTC/USDT"
    assert current.refused("orderBookGet", **by_symbol) == (400, 19004)


def test_instruments_are_listed_by_pages_and_filters(venue: Cadenza) -> None:
    user = User(venue)
    every = user.get("instrumentList", limit=1000)
    assert len(every) == 5
    assert user.get("instrumentList", limit=2, offset=4) == every[4:]
    assert [row["venue"] for row in user.get("instrumentList", venue="OKX")] == ["OKX"]
    two = user.get("instrumentList", symbols=["BTC/USDT"])
    assert {row["venue"] for row in two} == {"BINANCE", "OKX"}
    user.get("instrumentDisable", instrumentId="OKX:BTC/USDT")
    (off,) = user.get("instrumentList", instrumentStatus="DISABLED")
    assert off["instrumentId"] == "OKX:BTC/USDT"
    user.get("instrumentDelete", instrumentId="OKX:BTC/USDT")
    assert user.refused("orderBookGet", instrumentId="OKX:BTC/USDT") == (404, 22016)


def test_who_signed_up_owns_nothing_and_administers_nothing(venue: Cadenza) -> None:
    User(venue).get("signup", email="new@example.com", password="long enough")
    assert User(venue).refused("signup", email="NEW@example.com", password="long enough")[0] == 400
    new = User(venue, "new@example.com", "long enough")
    assert new.get("tradingAccountList") == []
    assert new.get("portfolioList") == []
    answer = new.ask("instrumentDisable", instrumentId="BINANCE:BTC/USDT")
    assert answer.status == 403
    details = told(answer)["details"]
    assert (details["code"], details["required"]) == ("ACCESS_DENIED", ["admin"])


# The life of keys and accounts


def key_of(user: User, **given: Any) -> str:
    usual = {"venue": "BINANCE", "credentialType": "HMAC", "apiKey": "k", "apiSecret": "s"}
    return str(user.get("credentialCreate", **usual | given)["credentialId"])


def test_a_key_is_shown_without_what_is_secret(venue: Cadenza) -> None:
    user = User(venue)
    answer = user.ask(
        "credentialCreate", venue="OKX", credentialType="HMAC", apiKey="canary-key",
        apiSecret="canary-secret", apiPassphrase="canary-phrase",
    )  # fmt: skip
    assert b"canary" not in answer.body + user.ask("credentialList").body
    assert told(answer)["data"]["status"] == "CREATED"


def test_a_key_the_venue_behind_does_not_take(venue: Cadenza) -> None:
    user = User(venue)
    bad = key_of(user, apiSecret=None)
    assert user.refused("credentialVerify", credentialIds=[bad]) == (401, 18022)
    connect = {"credentialIds": [bad], "externalTradingAccountId": "binance-sub1"}
    assert user.refused("tradingAccountConnect", **connect) == (401, 18022)
    user.get("credentialRotate", credentialId=bad, apiKey="k2", apiSecret="s2")
    assert user.get("tradingAccountConnect", **connect)["status"] == "ACTIVE"


def test_what_is_revoked_or_archived_stays_so(venue: Cadenza) -> None:
    user = User(venue)
    key = key_of(user)
    connect = {"credentialIds": [key], "externalTradingAccountId": "binance-sub1"}
    first = user.get("tradingAccountConnect", **connect)["tradingAccountId"]
    again = user.refused("tradingAccountConnect", **connect)
    assert again == (400 if venue.profile == "seed" else 409, 22017)
    user.get("tradingAccountDisconnect", tradingAccountId=first)
    for endpoint in ("tradingAccountEnable", "tradingAccountDisconnect", "tradingAccountSubscribe"):
        assert user.refused(endpoint, tradingAccountId=first) == (409, 22017)
    second = user.get("tradingAccountConnect", **connect)["tradingAccountId"]
    assert second != first, "reconnecting makes a new one"
    user.get("credentialRevoke", credentialId=key)
    assert user.get("credentialRevoke", credentialId=key)["status"] == "REVOKED"
    assert user.refused("credentialVerify", credentialIds=[key]) == (409, 22017)
    rotate = {"credentialId": key, "apiKey": "a", "apiSecret": "b"}
    assert user.refused("credentialRotate", **rotate) == (409, 22017)


def test_nobody_names_what_is_another_users(venue: Cadenza) -> None:
    user, other = User(venue), User(venue, "other@example.com")
    key = key_of(user)
    account = user.get("tradingAccountList")[0]["tradingAccountId"]
    assert other.refused("credentialRevoke", credentialId=key) == (404, 22016)
    for endpoint in ("tradingAccountDisable", "tradingAccountSubscribe"):
        assert other.refused(endpoint, tradingAccountId=account) == (404, 22016)
    assert other.get("portfolioList", tradingAccountId=account) == []


def test_keys_of_several_venues_open_no_account(venue: Cadenza) -> None:
    user = User(venue)
    keys = [key_of(user), key_of(user, venue="OKX")]
    refused = user.refused(
        "tradingAccountConnect", credentialIds=keys, externalTradingAccountId="binance-sub1"
    )
    assert refused == (400, 22015)
    assert user.refused(
        "tradingAccountConnect", credentialIds=keys[:1], externalTradingAccountId="nobodys"
    ) == (404, 22016)


def test_a_stream_that_ended_can_be_asked_for_again(venue: Cadenza) -> None:
    user = User(venue)
    one = user.get("orderBookSubscribe", instrumentId="BINANCE:BTC/USDT")
    user.get("orderBookUnsubscribe", instrumentId="BINANCE:BTC/USDT")
    assert user.get("orderBookSubscriptionList") == []
    again = user.get("orderBookSubscribe", instrumentId="BINANCE:BTC/USDT")
    assert (again["subscriptionId"], again["status"]) == (one["subscriptionId"], "ACTIVE")
    assert user.refused("orderBookUnsubscribe", instrumentId="OKX:BTC/USDT") == (404, 22016)
    assert user.refused("orderBookSubscribe", instrumentId="OKX:NO/SUCH") == (404, 22016)
