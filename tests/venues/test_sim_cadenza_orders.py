"""Orders at the simulated Cadenza: what they cost, what becomes of them, what is refused."""

import json
import random
from decimal import Decimal
from typing import Any

import pytest

from tests.reference.cadenza_rest import Cadenza, User

BTC = "BINANCE:BTC/USDT"
NOBODYS = "14f773c5-2079-41e0-90e4-340a7b4d3391"
FEE, TICK = Decimal("0.001"), Decimal("0.01")


class Trader(User):
    """A user with an account at BINANCE: 100,000 USDT and 2 BTC."""

    def __init__(self, venue: Cadenza, email: str = "me@example.com") -> None:
        super().__init__(venue, email)
        (self.account,) = (
            row["tradingAccountId"] for row in self.get("tradingAccountList", venue="BINANCE")
        )

    def wish(self, **given: Any) -> dict[str, Any]:
        usual = {
            "tradingAccountId": self.account, "instrumentId": BTC, "orderSide": "BUY",
            "orderType": "LIMIT", "quantity": "0.1",
        }  # fmt: skip
        return {name: value for name, value in (usual | given).items() if value is not None}

    def place(self, **given: Any) -> dict[str, Any]:
        (placed,) = self.get("tradeOrderSubmit", **self.wish(**given))
        return dict(placed)

    def no(self, **given: Any) -> tuple[int, int]:
        return self.refused("tradeOrderSubmit", **self.wish(**given))

    def order(self, name: str) -> dict[str, Any]:
        (row,) = self.get("tradeOrderList", tradeOrderId=name)
        return dict(row)

    def cancel(self, name: str) -> Any:
        return self.get("tradeOrderCancel", tradingAccountId=self.account, tradeOrderId=name)

    def purse(self, asset: str) -> tuple[Decimal, Decimal]:
        (row,) = self.get("portfolioList", tradingAccountId=self.account)
        for one in row["balances"]:
            if one["securitySymbol"] == asset:
                assert Decimal(one["total"]) == Decimal(one["free"]) + Decimal(one["locked"])
                return Decimal(one["free"]), Decimal(one["locked"])
        return Decimal(0), Decimal(0)

    def best(self) -> tuple[Decimal, Decimal]:
        book = self.get("orderBookGet", instrumentId=BTC, depth=1)
        return Decimal(book["bids"][0][0]), Decimal(book["asks"][0][0])


@pytest.fixture
def trader() -> Trader:
    return Trader(Cadenza("current"))


def test_an_order_that_waits_locks_what_it_costs_and_gives_it_back(trader: Trader) -> None:
    placed = trader.place(limitPrice="50000.00", clientOrderId="k1")
    assert (placed["status"], placed["timeInForce"]) == ("SUBMITTED", "GTC")
    cost = Decimal(5000) * (1 + FEE)
    assert trader.purse("USDT") == (100_000 - cost, cost)
    assert trader.order(placed["tradeOrderId"])["status"] == "ACCEPTED"
    ended = trader.cancel(placed["tradeOrderId"])
    assert ended["status"] == "CANCELLED"
    assert ended["canceledAt"] == ended["updatedAt"]
    assert trader.purse("USDT") == (100_000, 0)
    assert trader.refused(
        "tradeOrderCancel", tradingAccountId=trader.account, tradeOrderId=placed["tradeOrderId"]
    ) == (404, 18018)


@pytest.mark.parametrize("side", ["BUY", "SELL"])
def test_what_trades_at_once_exchanges_the_assets(trader: Trader, side: str) -> None:
    placed = trader.place(orderSide=side, orderType="MARKET", quantity="0.5", awaitClosed=True)
    assert placed["status"] == "FILLED"
    assert placed["executedQuantity"] == "0.50000000"
    fills = placed["executions"]
    assert sum(Decimal(one["executedQuantity"]) for one in fills) == Decimal("0.5")
    cost = sum(Decimal(one["executedCost"]) for one in fills)
    assert cost == Decimal(placed["executedCost"])
    for one in fills:
        product = Decimal(one["executedPrice"]) * Decimal(one["executedQuantity"])
        assert abs(product - Decimal(one["executedCost"])) < Decimal("0.00001")
    (paid,) = placed["fees"]
    assert (paid["asset"], paid["security"]) == ("USDT", "BINANCE:USDT")
    fee = Decimal(paid["quantity"])
    assert abs(fee - cost * FEE) < Decimal("0.000001")
    sign = 1 if side == "BUY" else -1
    assert trader.purse("BTC") == (2 + sign * Decimal("0.5"), 0)
    assert trader.purse("USDT") == (100_000 - sign * cost - fee, 0)


def test_the_first_word_of_an_order_is_that_it_was_submitted(trader: Trader) -> None:
    placed = trader.place(orderType="MARKET", quantity="0.1")
    assert (placed["status"], placed["executedQuantity"], placed["fees"]) == ("SUBMITTED", "0", [])
    assert "executions" not in placed
    assert trader.order(placed["tradeOrderId"])["status"] == "FILLED"


def test_an_answer_that_waits_is_there_when_the_order_ends(trader: Trader) -> None:
    held = [
        trader.ask("tradeOrderSubmit", **trader.wish(limitPrice="50000.00", awaitClosed=True)).later
        for _ in range(2)
    ]
    now_ms = trader.venue.wall_ms()
    for later in held:
        assert later is not None
        assert later(now_ms + 999) is None
    first, second = (later for later in held if later is not None)
    ended, waits = trader.get("tradeOrderList", ascending=True)
    trader.cancel(ended["tradeOrderId"])
    for found, name, status in (
        (first(now_ms), ended, "CANCELLED"), (second(now_ms + 1000), waits, "ACCEPTED"),
    ):  # fmt: skip
        assert found is not None
        (row,) = json.loads(found.body)["data"]
        assert (row["tradeOrderId"], row["status"]) == (name["tradeOrderId"], status)


def test_a_resting_order_is_filled_by_the_market(trader: Trader) -> None:
    bid, _ = trader.best()
    placed = trader.place(limitPrice=str(bid), quantity="0.00100")
    for _ in range(200):
        trader.venue.run(250)
        row = trader.order(placed["tradeOrderId"])
        if row["status"] == "FILLED":
            break
    assert row["status"] == "FILLED"
    assert Decimal(row["executedPrice"]) == bid, "who waits gets his own price"
    assert trader.purse("USDT")[1] == 0


def test_the_rest_of_what_must_not_wait_expires(trader: Trader) -> None:
    _, ask = trader.best()
    kept = trader.place(limitPrice=str(ask), quantity="1", timeInForce="IOC", awaitClosed=True)
    assert kept["status"] == "EXPIRED"
    assert 0 < Decimal(kept["executedQuantity"]) < 1
    none = trader.place(limitPrice="50000.00", timeInForce="FOK", awaitClosed=True)
    assert (none["status"], none["executedQuantity"]) == ("EXPIRED", "0.00000000")
    assert trader.purse("USDT")[1] == 0


@pytest.mark.parametrize("profile", ["seed", "current"])
def test_post_only_that_would_take_is_rejected(profile: str) -> None:
    trader = Trader(Cadenza(profile))
    _, ask = trader.best()
    current = trader.venue.profile == "current"
    given = {"orderType": "LIMIT_MAKER"} if current else {"timeInForce": "GTX"}
    row = trader.place(limitPrice=str(ask), awaitClosed=True, **given)
    assert (row["status"], row["rejectReason"]) == ("REJECTED", "POST_ONLY_WOULD_TAKE")
    assert trader.purse("USDT") == (100_000, 0)


def test_a_stop_waits_for_its_price(trader: Trader) -> None:
    far = trader.place(
        orderType="STOP_LOSS", orderSide="SELL", stopPrice="50000.00", quantity="0.1"
    )
    assert trader.order(far["tradeOrderId"])["status"] == "ACCEPTED"
    assert trader.purse("BTC") == (Decimal("1.9"), Decimal("0.1"))
    assert trader.cancel(far["tradeOrderId"])["status"] == "CANCELLED"
    bid, ask = trader.best()
    around = {"TAKE_PROFIT": ask + 2 * TICK, "STOP_LOSS": bid - 2 * TICK}
    near = {
        trader.place(orderType=kind, orderSide="SELL", stopPrice=str(price), quantity="0.1")[
            "tradeOrderId"
        ]: price
        for kind, price in around.items()
    }
    filled: list[dict[str, Any]] = []
    for _ in range(400):
        filled = [trader.order(name) for name in near]
        filled = [row for row in filled if row["status"] == "FILLED"]
        if filled:
            break
        trader.venue.run(250)
    assert filled, "the price has left one of the two"
    done = Decimal("0.1") * len(filled)
    assert trader.purse("BTC") == (Decimal("1.8"), Decimal("0.2") - done)


def test_the_same_key_is_one_order(trader: Trader) -> None:
    first = trader.place(limitPrice="50000.00", clientOrderId="k1", idempotencyKey="k1")
    again = trader.place(limitPrice="50000.00", clientOrderId="k1")
    assert again["tradeOrderId"] == first["tradeOrderId"]
    assert len(trader.get("tradeOrderList")) == 1


def test_quantities_are_rounded_only_when_asked(trader: Trader) -> None:
    assert trader.no(limitPrice="50000.00", quantity="0.0000123") == (400, 18007)
    found = {
        word: trader.order(
            trader.place(limitPrice="50000.00", quantity="0.010005" + "5", quantityRounding=word)[
                "tradeOrderId"
            ]
        )
        for word in ("UP", "DOWN")
    }
    locked = trader.purse("USDT")[1] / Decimal(50_000) / (1 + FEE)
    assert locked == Decimal("0.01001") + Decimal("0.01000")
    assert {row["quantity"] for row in found.values()} == {"0.0100055"}


def test_a_market_order_may_say_what_it_spends(trader: Trader) -> None:
    row = trader.place(orderType="MARKET", quantity="1000", quantityType="QUOTE", awaitClosed=True)
    assert row["status"] == "FILLED"
    assert row["orderQuantityType"] == "QUOTE"
    assert Decimal("998") < Decimal(row["executedCost"]) <= Decimal("1001")


def test_a_limit_may_say_it_too(trader: Trader) -> None:
    trader.place(limitPrice="50000.00", quantity="1000", quantityType="QUOTE")
    assert trader.purse("USDT")[1] == Decimal("0.02") * 50_000 * (1 + FEE)


def test_what_is_bought_is_a_position_until_it_is_sold(trader: Trader) -> None:
    def positions() -> list[dict[str, Any]]:
        (row,) = trader.get("portfolioList", tradingAccountId=trader.account)
        return list(row["positions"])

    assert positions() == []
    bought = trader.place(orderType="MARKET", quantity="0.5", awaitClosed=True)
    (row,) = positions()
    assert (row["instrumentId"], row["positionSide"], row["status"]) == (BTC, "LONG", "OPEN")
    assert (row["quantity"], bought["positionId"]) == ("0.50000000", row["positionId"])
    assert abs(Decimal(row["entryPrice"]) - Decimal(bought["executedPrice"])) < Decimal("0.0001")
    sell = {"orderSide": "SELL", "orderType": "MARKET", "awaitClosed": True}
    half = trader.place(quantity="50", quantityType="POSITION_PERCENTAGE", **sell)
    assert half["executedQuantity"] == "0.25000000"
    gained = Decimal(half["executedCost"]) - Decimal(bought["executedCost"]) / 2
    (row,) = positions()
    assert row["quantity"] == "0.25000000"
    assert abs(Decimal(row["realizedPnl"]) - gained) < Decimal("0.0001")
    wrong = {"quantity": "1", "quantityType": "POSITION_RATIO", "orderType": "MARKET"}
    assert trader.no(**wrong) == (400, 18007)
    assert trader.no(**{**wrong, **sell, "quantity": "1.1"}) == (400, 18007)
    trader.place(positionId=row["positionId"], quantity="1", quantityType="POSITION_RATIO", **sell)
    assert positions() == []
    trader.place(quantity="0.1", **sell)
    (row,) = positions()
    assert (row["positionSide"], row["quantity"]) == ("SHORT", "0.10000000")
    trader.place(quantity="0.3", orderType="MARKET")
    (row,) = positions()
    assert (row["positionSide"], row["quantity"]) == ("LONG", "0.20000000")


def test_a_quote_is_taken_once_and_as_it_is(trader: Trader) -> None:
    dealer = trader.get("dealerCreate", name="d", baseCurrencies=["BTC"])["dealerAccountId"]

    def quote(**given: Any) -> dict[str, Any]:
        asked = {"dealerAccountId": dealer, "orderSide": "BUY", "instrumentId": BTC}
        return dict(trader.get("quoteRfq", **asked, **{"quantity": "0.123456", **given}))

    first = quote(traderAccountId=trader.account)
    wish = {"orderType": "QUOTED", "quoteId": first["quoteId"], "quantity": "0.123456"}
    assert trader.no(**wish | {"quantity": "0.1"}) == (400, 18007)
    assert trader.no(**wish | {"orderSide": "SELL"}) == (400, 18007)
    other = Trader(trader.venue, "other@example.com")
    assert other.no(**wish) == (404, 22016)
    row = trader.place(**wish, awaitClosed=True)
    assert (row["status"], row["quoteId"], row["fees"]) == ("FILLED", first["quoteId"], [])
    assert Decimal(row["executedCost"]) == Decimal(first["quoteQuantity"])
    assert trader.purse("BTC") == (Decimal("2.123456"), 0)
    assert trader.purse("USDT") == (100_000 - Decimal(first["quoteQuantity"]), 0)
    assert trader.no(**wish) == (409, 22017)
    late = wish | {"quoteId": quote(ttl=1)["quoteId"]}
    trader.venue.wait(1.5)
    assert trader.no(**late) == (400, 18025)
    dear = quote(quantity="50")
    assert trader.no(**wish | {"quoteId": dear["quoteId"], "quantity": "50"}) == (400, 18006)
    for_another = quote(traderAccountId=trader.get("tradingAccountList", venue="OKX")[0]
                        ["tradingAccountId"])  # fmt: skip
    assert trader.no(**wish | {"quoteId": for_another["quoteId"]}) == (400, 22015)
    at_dealer = trader.get("tradingAccountConnect", venue="FERMATA", dealerAccountId=dealer)
    assert (at_dealer["status"], at_dealer["venue"]) == ("ACTIVE", "FERMATA")
    name = at_dealer["tradingAccountId"]
    bare = quote(quantity=None, quoteQuantity="1000")
    given = {"tradingAccountId": name, "instrumentId": None, "quoteId": bare["quoteId"]}
    (done,) = trader.get("tradeOrderSubmit", **trader.wish(**wish | given | {
        "quantity": bare["quoteQuantity"], "quantityType": "QUOTE"}))  # fmt: skip
    assert (done["status"], done["venue"]) == ("SUBMITTED", "FERMATA")
    assert trader.order(done["tradeOrderId"])["executedQuantity"] == bare["quantity"]


@pytest.mark.parametrize(
    ("given", "status", "code"),
    [
        ({"limitPrice": "50000.005"}, 400, 18007),
        ({"limitPrice": "0"}, 400, 18007),
        ({"limitPrice": "50000.00", "quantity": "0"}, 400, 18007),
        ({"limitPrice": "1.00", "quantity": "0.00001"}, 400, 18007),
        ({"limitPrice": "50000.00", "quantity": "3"}, 400, 18006),
        ({"limitPrice": "99000.00", "orderSide": "SELL", "quantity": "2.1"}, 400, 18006),
        ({"limitPrice": "50000.00", "instrumentId": "BINANCE:NO/SUCH"}, 404, 22016),
        ({"limitPrice": "50000.0", "instrumentId": "OKX:BTC/USDT"}, 400, 22015),
        ({"limitPrice": "50000.00", "timeInForce": "OPG"}, 400, 18003),
        ({"orderType": "TRAILING_STOP"}, 400, 18001),
        ({"limitPrice": "50000.00", "quantityType": "POSITION_RATIO"}, 404, 18019),
        ({"limitPrice": "50000.00", "positionId": NOBODYS}, 404, 18019),
        ({"limitPrice": "50000.00", "stopPrice": "50000.00"}, 400, 18007),
        ({"limitPrice": "50000.00", "orderType": "MARKET"}, 400, 18007),
        ({"orderType": "QUOTED", "quoteId": NOBODYS}, 404, 22016),
        ({"limitPrice": "50000.00", "quoteId": NOBODYS}, 400, 18007),
        ({"limitPrice": "50000.00", "leverage": 2}, 501, 18016),
        ({"limitPrice": "50000.00", "tradingAccountId": NOBODYS}, 404, 22016),
    ],
)
def test_what_is_refused_changes_nothing(
    trader: Trader, given: dict[str, Any], status: int, code: int
) -> None:
    assert trader.no(**given) == (status, code)
    assert trader.get("tradeOrderList") == []
    assert trader.purse("USDT") == (100_000, 0)
    assert trader.purse("BTC") == (2, 0)


def test_a_disabled_account_takes_no_new_orders_but_cancels(trader: Trader) -> None:
    placed = trader.place(limitPrice="50000.00")
    trader.get("tradingAccountDisable", tradingAccountId=trader.account)
    assert trader.no(limitPrice="50000.00") == (400, 18025)
    assert trader.cancel(placed["tradeOrderId"])["status"] == "CANCELLED"
    trader.get("tradingAccountEnable", tradingAccountId=trader.account)
    trader.place(limitPrice="50000.00")


def test_each_venue_behind_has_its_own_money_and_takes_its_own_orders(trader: Trader) -> None:
    key = trader.get("credentialCreate", venue="B2C2", credentialType="API_KEY", apiKey="k")
    given = {"credentialIds": [key["credentialId"]], "externalTradingAccountId": "b2c2-main"}
    dealers = trader.get("tradingAccountConnect", **given)["tradingAccountId"]
    (okx,) = (row["tradingAccountId"] for row in trader.get("tradingAccountList", venue="OKX"))

    def held(account: str) -> dict[str, str]:
        (row,) = trader.get("portfolioList", tradingAccountId=account)
        return {one["securitySymbol"]: one["total"] for one in row["balances"]}

    whole = held(trader.account)
    assert held(okx) == held(dealers) == whole
    sell = {"orderSide": "SELL", "orderType": "MARKET", "awaitClosed": True}
    at_okx = {"tradingAccountId": okx, "instrumentId": "OKX:BTC/USDT"}
    (done,) = trader.get("tradeOrderSubmit", **trader.wish(**sell, **at_okx))
    assert (done["status"], done["venue"], done["fees"][0]["security"]) == (
        "FILLED", "OKX", "OKX:USDT",
    )  # fmt: skip
    at_dealer = {"tradingAccountId": dealers, "instrumentId": "B2C2:BTC/USD"}
    assert trader.no(**at_dealer, limitPrice="50000.00") == (400, 18001)
    assert trader.no(**at_dealer, **sell, timeInForce="IOC") == (400, 18003)
    (done,) = trader.get("tradeOrderSubmit", **trader.wish(**sell, **at_dealer))
    assert (done["status"], done["quoteAsset"]) == ("FILLED", "USD")
    assert held(okx)["BTC"] == held(dealers)["BTC"] == "1.90000000"
    assert held(trader.account) == whole
    trader.get("tradingAccountDisconnect", tradingAccountId=dealers)
    again = trader.get("tradingAccountConnect", **given)["tradingAccountId"]
    assert again != dealers
    assert held(again)["BTC"] == "1.90000000", "it is there, connected or not"


def test_without_its_key_the_venue_behind_lets_nobody_in(trader: Trader) -> None:
    """A 401 that is not about the token."""
    placed = trader.place(limitPrice="50000.00")
    (account,) = trader.get("tradingAccountList", tradingAccountId=trader.account)
    trader.get("credentialRevoke", credentialId=account["credentials"][0]["credentialId"])
    assert trader.no(limitPrice="50000.00") == (401, 18005)
    given = {"tradingAccountId": trader.account, "tradeOrderId": placed["tradeOrderId"]}
    assert trader.refused("tradeOrderCancel", **given) == (401, 18005)
    assert trader.order(placed["tradeOrderId"])["status"] == "ACCEPTED"


def test_nobody_sees_or_cancels_what_is_another_users(trader: Trader) -> None:
    placed = trader.place(limitPrice="50000.00")
    other = Trader(trader.venue, "other@example.com")
    assert other.get("tradeOrderList") == []
    for account in (trader.account, other.account):
        refused = other.refused(
            "tradeOrderCancel", tradingAccountId=account, tradeOrderId=placed["tradeOrderId"]
        )
        assert refused == (404, 22016 if account == trader.account else 18018)


def test_orders_are_listed_by_pages(trader: Trader) -> None:
    names = []
    for number in range(7):
        trader.venue.wait(1)
        placed = trader.place(limitPrice=f"{50000 + number}.00", quantity="0.01")
        names.append(placed["tradeOrderId"])

    def page(**given: Any) -> tuple[list[str], dict[str, Any]]:
        answer = json.loads(trader.ask("tradeOrderList", **given).body)
        return [row["tradeOrderId"] for row in answer["data"]], answer["pagination"]

    rows, told = page(limit=3)
    assert rows == names[:3:-1]
    assert (told["total"], told["limit"], told["offset"], told["hasNext"]) == (7, 3, 0, True)
    again, _ = page(limit=3, cursor=told["cursor"])
    assert again == page(limit=3, offset=3)[0] == names[3:0:-1]
    last, told = page(limit=3, offset=6)
    assert (last, told["hasNext"], told["cursor"]) == (names[:1], False, "")
    assert page(ascending=True)[0] == names
    assert page(offset=7) == ([], told | {"offset": 7, "limit": 50})
    (row,) = trader.get("tradeOrderList", tradeOrderId=names[3])
    start = row["createdAt"]
    assert page(startTime=start, endTime=start)[0] == [names[3]]
    assert page(startTime=start)[0] == names[:2:-1]
    assert page(orderStatus="FILLED")[0] == []
    assert len(page(instrumentId=BTC)[0]) == 7
    assert trader.refused("tradeOrderList", cursor="nothing")[1] == 22015


@pytest.mark.parametrize("seed", [2])
def test_nothing_is_lost_or_made_whatever_is_ordered(seed: int) -> None:
    """What is locked is what open orders may cost; what is held is what was traded, less fees."""
    rng = random.Random(seed)
    trader = Trader(Cadenza("current"))
    names: list[str] = []
    for _ in range(60):
        bid, ask = trader.best()
        kind = rng.choice(["LIMIT", "LIMIT", "MARKET", "LIMIT_MAKER", "STOP_LOSS", "TAKE_PROFIT"])
        near = rng.choice([bid, ask]) + rng.randint(-30, 30) * TICK
        wish: dict[str, Any] = {
            "orderSide": rng.choice(["BUY", "SELL"]), "orderType": kind,
            "quantity": f"{rng.randint(10, 900_000) / 1e6:.5f}",
        }  # fmt: skip
        if kind.startswith("LIMIT"):
            wish["limitPrice"] = str(near)
            times = ["GTC"] if kind == "LIMIT_MAKER" else ["GTC", "IOC", "FOK"]
            wish["timeInForce"] = rng.choice(times)
        elif kind != "MARKET":
            wish["stopPrice"] = str(near)
        answer = trader.ask("tradeOrderSubmit", **trader.wish(**wish))
        if answer.status == 200:
            names.append(json.loads(answer.body)["data"][0]["tradeOrderId"])
        if names and rng.random() < 0.3:
            name = rng.choice(names)
            given = {"tradingAccountId": trader.account, "tradeOrderId": name}
            assert trader.ask("tradeOrderCancel", **given).status in (200, 404)
        trader.venue.run(rng.choice([0, 20, 200]))
    rows = trader.get("tradeOrderList", limit=1000)
    assert len(rows) == len(names)
    assert len({row["status"] for row in rows}) >= 4, "many things have happened"
    base, quote = Decimal(0), Decimal(0)
    locked = {"BTC": Decimal(0), "USDT": Decimal(0)}
    for row in rows:
        sign = 1 if row["orderSide"] == "BUY" else -1
        done, cost = Decimal(row["executedQuantity"]), Decimal(row["executedCost"])
        assert done == sum(Decimal(one["executedQuantity"]) for one in row["executions"])
        base += sign * done
        quote -= sign * cost + sum(Decimal(fee["quantity"]) for fee in row["fees"])
        if row["status"] in ("ACCEPTED", "PARTIALLY_FILLED"):
            left = Decimal(row["quantity"]) - done
            if sign < 0:
                locked["BTC"] += left
            else:
                price = row.get("limitPrice") or Decimal(row["stopPrice"]) * Decimal("1.05")
                locked["USDT"] += left * Decimal(price) * (1 + FEE)
    free, held = trader.purse("BTC")
    assert (free + held, held) == (2 + base, locked["BTC"])
    free, held = trader.purse("USDT")
    assert free + held == 100_000 + quote
    assert abs(held - locked["USDT"]) < Decimal("0.00001"), "but for what was rounded up"
    for name in names:
        trader.ask("tradeOrderCancel", tradingAccountId=trader.account, tradeOrderId=name)
    assert trader.purse("BTC")[1] == trader.purse("USDT")[1] == 0


def test_an_order_with_a_date_ends_when_it_is_due(trader: Trader) -> None:
    """Whether anybody trades or not."""
    venue = trader.venue
    end_ms = venue.wall_ms() + 700_000
    fields = {"limitPrice": "50000.00", "timeInForce": "GTD", "expireAt": end_ms}
    name = trader.place(**fields)["tradeOrderId"]
    waits = trader.place(
        orderType="TAKE_PROFIT_LIMIT", stopPrice="40000.00", **fields
    )["tradeOrderId"]  # fmt: skip
    venue.wait(699)
    venue.run(1)
    assert [trader.order(one)["status"] for one in (name, waits)] == ["ACCEPTED"] * 2
    venue.wait(1)
    venue.run(1)
    assert [trader.order(one)["status"] for one in (name, waits)] == ["EXPIRED"] * 2
    assert trader.purse("USDT") == (100_000, 0)
