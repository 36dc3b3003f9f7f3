"""Dealers, quotes and wallets at the simulated Cadenza: what each state of theirs allows."""

from decimal import Decimal
from typing import Any

import pytest

from tests.reference.cadenza_rest import Cadenza, User

BTC = "BINANCE:BTC/USDT"


@pytest.fixture
def user() -> User:
    return User(Cadenza("current"))


def dealer(user: User) -> dict[str, Any]:
    made = user.get("dealerCreate", name="d", baseCurrencies=["BTC"])
    return {"dealerAccountId": made["dealerAccountId"]}


def rfq(user: User, by: dict[str, Any], **given: Any) -> dict[str, Any]:
    wish = {"orderSide": "BUY", "instrumentId": BTC, "quantity": "1"} | given
    asked = {name: value for name, value in wish.items() if value is not None}
    return dict(user.get("quoteRfq", **by, **asked))


def test_a_quote_is_worse_than_the_book_and_ends(user: User) -> None:
    by = dealer(user)
    book = user.get("orderBookGet", instrumentId=BTC, depth=1)
    bid, ask = Decimal(book["bids"][0][0]), Decimal(book["asks"][0][0])
    buy, sell = rfq(user, by, ttl=300), rfq(user, by, orderSide="SELL")
    assert Decimal(buy["price"]) > ask
    assert Decimal(sell["price"]) < bid
    assert buy["expireAt"] - buy["createdAt"] == 300_000
    assert sell["expireAt"] - sell["createdAt"] == 10_000
    cost = Decimal(buy["price"]) * Decimal(buy["quantity"])
    assert Decimal(buy["quoteQuantity"]) == cost
    spent = rfq(user, by, quantity=None, quoteQuantity="1000")
    assert abs(Decimal(spent["quoteQuantity"]) - 1000) < Decimal("0.01")
    pair = rfq(user, by, instrumentId=None, baseAsset="BTC", quoteAsset="USDT")
    assert pair["instrumentId"] == BTC


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"instrumentId": "OKX:NO/SUCH"}, 22016),
        ({"instrumentId": None, "baseAsset": "NO", "quoteAsset": "USDT"}, 18017),
        ({"quantity": "0"}, 22015),
        ({"expireAt": "2020-01-01T00:00:00Z"}, 19004),
    ],
)
def test_quotes_that_cannot_be(user: User, given: dict[str, Any], code: int) -> None:
    wish = {"orderSide": "BUY", "instrumentId": BTC, "quantity": "1"} | given
    asked = {name: value for name, value in wish.items() if value is not None}
    assert user.refused("quoteRfq", **dealer(user), **asked)[1] == code


def test_a_dealer_who_pauses_quotes_nothing_and_one_who_is_archived_never_again(user: User) -> None:
    by = dealer(user)
    wish = {"orderSide": "BUY", "instrumentId": BTC, "quantity": "1"}
    user.get("dealerPause", **by)
    assert user.refused("quoteRfq", **by, **wish) == (409, 22017)
    user.get("dealerResume", **by)
    user.get("quoteRfq", **by, **wish)
    user.get("dealerArchive", **by)
    assert user.refused("dealerResume", **by) == (409, 22017)
    account = user.get("tradingAccountList")[0]["tradingAccountId"]
    assert user.refused("dealerLink", **by, tradingAccountId=account) == (409, 22017)
    assert user.get("dealerList", status="ACTIVE") == []


def test_only_administrators_make_and_list_dealers(user: User) -> None:
    user.get("signup", email="new@example.com", password="long enough")
    new = User(user.venue, "new@example.com", "long enough")
    assert new.refused("dealerCreate", name="x", baseCurrencies=["BTC"]) == (403, 19002)
    assert new.refused("dealerList") == (403, 19002)
    wallet = new.get("walletCreate")["walletId"]
    assert new.refused("walletFreeze", walletId=wallet) == (403, 19002)
    user.get("walletFreeze", walletId=wallet)
    assert new.get("walletGet", walletId=wallet)["status"] == "FROZEN"


def test_money_moves_between_wallets_of_one_owner_that_are_open(user: User) -> None:
    one, two = (user.get("walletCreate")["walletId"] for _ in range(2))
    other = User(user.venue, "other@example.com").get("walletCreate")["walletId"]

    def moved(amount: str, source: str = one, target: str = two) -> tuple[int, int]:
        given = {"sourceWalletId": source, "destWalletId": target, "asset": "USDT"}
        answer = user.ask("walletTransfer", **given, amount=amount)
        return (200, 0) if answer.status == 200 else user.refused("walletTransfer", **given,
                                                                  amount=amount)  # fmt: skip

    assert moved("10000.01") == (400, 18006)
    assert moved("4000") == (200, 0)
    assert moved("6000.01") == (400, 18006)
    assert moved("4000.01", two, one) == (400, 18006)
    assert moved("0") == moved("1", one, one) == (400, 22015)
    assert moved("1", one, other) == (404, 22016)
    assert user.refused("walletClose", walletId=one) == (409, 22017), "it is not empty"
    user.get("walletFreeze", walletId=two)
    assert moved("1") == (409, 22017)
    user.get("walletUnfreeze", walletId=two)
    assert moved("6000") == (200, 0)
    user.get("walletClose", walletId=one)
    assert user.refused("walletUnfreeze", walletId=one) == (409, 22017)
    assert user.refused("walletGet", walletId=other) == (404, 22016)
