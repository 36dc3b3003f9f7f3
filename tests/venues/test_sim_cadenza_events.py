"""What the simulated Cadenza tells of accounts: in which form, on which channel, to whom."""

import json
import random
from decimal import Decimal
from typing import Any

import pytest

from connector.venues.cadenza import sim_streams
from tests.reference.cadenza_rest import Cadenza, Ear
from tests.venues.test_sim_cadenza_orders import Trader

FEE = Decimal("0.001")


class Owner(Trader):
    """A trader who listens to his account at BINANCE."""

    def __init__(self, venue: Cadenza, *, asked: bool = True) -> None:
        super().__init__(venue)
        self.channel = f"tradingAccount:{self.account}"
        self.ear = Ear(venue, self.token())
        if asked:
            self.get("tradingAccountSubscribe", tradingAccountId=self.account)

    def token(self) -> str:
        if not self.tokens.valid(self.venue.wall_ns()):
            assert not self.enter()
        return self.tokens.token

    def listen(self, channel: str = "", **fields: Any) -> Any:
        return self.ear.say("subscribe", channel=channel or self.channel, **fields)


@pytest.fixture
def owner() -> Owner:
    made = Owner(Cadenza("current"))
    made.listen()
    made.ear.told()
    return made


def orders(told: list[Any]) -> list[dict[str, Any]]:
    return [row["data"] for row in told if "status" in row["data"] and "orderType" in row["data"]]


def balances(told: list[Any]) -> dict[str, tuple[Decimal, Decimal]]:
    found = {}
    for row in told:
        for one in row["data"].get("balances", []):
            found[one["securitySymbol"]] = (Decimal(one["free"]), Decimal(one["locked"]))
    return found


def test_every_step_of_an_order_is_told(owner: Owner) -> None:
    placed = owner.place(limitPrice="50000.00", clientOrderId="k1")
    told = owner.ear.told(owner.channel)
    rows = orders(told)
    assert [row["status"] for row in rows] == ["SUBMITTED", "ACCEPTED"]
    cost = Decimal(5000) * (1 + FEE)
    assert balances(told) == {"USDT": (100_000 - cost, cost)}
    assert {row["tradeOrderId"] for row in rows} == {placed["tradeOrderId"]}
    assert {row["clientOrderId"] for row in rows} == {"k1"}
    owner.cancel(placed["tradeOrderId"])
    told = owner.ear.told()
    (row,) = orders(told)
    assert (row["status"], row["cancelReason"]) == ("CANCELLED", "USER_REQUESTED")
    assert balances(told) == {"USDT": (100_000, 0)}
    owner.place(orderType="MARKET", quantity="0.5")
    told = owner.ear.told()
    *_, last = rows = orders(told)
    assert rows[0]["status"] == "SUBMITTED"
    assert last["status"] == "FILLED"
    done = [Decimal(row["executedQuantity"]) for row in rows]
    assert done == sorted(done)
    assert done[-1] == Decimal("0.5")
    assert balances(told) == {"BTC": owner.purse("BTC"), "USDT": owner.purse("USDT")}
    assert "executions" not in last
    assert last["updatedAt"].endswith("Z")


def test_what_the_market_does_is_told(owner: Owner) -> None:
    bid, _ = owner.best()
    placed = owner.place(limitPrice=str(bid), quantity="0.00100")
    owner.ear.told()
    seen: list[dict[str, Any]] = []
    for _ in range(200):
        owner.venue.run(250)
        seen += orders(owner.ear.told())
        if seen and seen[-1]["status"] == "FILLED":
            break
    row = owner.order(placed["tradeOrderId"])
    assert (seen[-1]["status"], row["status"]) == ("FILLED", "FILLED")
    assert seen[-1]["executedCost"] == row["executedCost"]
    (paid,) = row["fees"]
    assert seen[-1]["fees"] == [{"asset": paid["asset"], "quantity": paid["quantity"]}]


def test_only_an_account_that_was_asked_for_speaks() -> None:
    owner = Owner(Cadenza("seed"), asked=False)
    assert owner.listen() == {}
    owner.place(limitPrice="50000.00")
    assert owner.ear.told() == []
    owner.get("tradingAccountSubscribe", tradingAccountId=owner.account)
    stream, whole = (row["data"] for row in owner.ear.told())
    assert (stream["status"], "tradingAccountId" in stream) == ("ACTIVE", False)
    assert whole["updateMode"] == "SNAPSHOT"
    owner.place(limitPrice="50000.00")
    assert len(orders(owner.ear.told())) == 2
    owner.get("tradingAccountUnsubscribe", subscriptionId=stream["subscriptionId"])
    (last,) = owner.ear.told()
    assert last["data"]["status"] == "INACTIVE"
    owner.place(limitPrice="50000.00")
    assert owner.ear.told() == []


def test_an_account_is_heard_by_its_owner_alone() -> None:
    owner = Owner(Cadenza("seed"))
    other = Trader(owner.venue, "other@example.com")
    assert owner.listen(f"tradingAccount:{other.account}") == 103
    assert owner.listen("tradingAccount:14f773c5-2079-41e0-90e4-340a7b4d3391") == 103
    assert owner.listen(f"trading:userData:{owner.account}") == 102
    assert owner.listen() == {}


def test_who_comes_back_is_told_what_was_missed_where_it_is_kept() -> None:
    owner = Owner(Cadenza("current", history=300))
    top = owner.listen(recoverable=True, positioned=True)
    assert (top["recoverable"], top["positioned"], top["offset"]) == (True, True, 2)
    owner.ear.gone()
    owner.place(limitPrice="50000.00")
    place = {"recover": True, "recoverable": True, "epoch": top["epoch"], "offset": top["offset"]}
    owner.ear = Ear(owner.venue, owner.token())
    back = owner.listen(**place)
    assert (back["was_recovering"], back["recovered"]) == (True, True)
    assert [one["offset"] for one in back["publications"]] == [3, 4, 5]
    assert [row["status"] for row in orders([one["data"] for one in back["publications"]])] == [
        "SUBMITTED", "ACCEPTED"
    ]  # fmt: skip
    for kind in ("forget", "reset"):
        sim_streams.mishap(owner.venue.rest, kind, owner.account)
        owner.place(limitPrice="50000.00")
        owner.ear.gone()
        owner.ear = Ear(owner.venue, owner.token())
        again = owner.listen(**place)
        assert (again["was_recovering"], "recovered" in again) == (True, False)
        assert (again["epoch"] == top["epoch"]) is (kind == "forget")


def speak(owner: Owner, name: str) -> None:
    sim_streams.mishap(owner.venue.rest, "dialect", name)


def test_the_second_form_has_an_envelope_and_what_rest_has(owner: Owner) -> None:
    speak(owner, "A2")
    placed = owner.place(limitPrice="50000.00")
    told = owner.ear.told()
    kinds = [row["metadata"]["eventType"] for row in told]
    changed, money = "event.tradeOrder.statusChanged", "event.portfolio.updated"
    assert sorted(kinds) == sorted([changed, changed, money])
    steps = [row["data"] for row in told if row["metadata"]["eventType"] == changed]
    assert [(row["previousStatus"], row["newStatus"]) for row in steps] == [
        ("CREATED", "SUBMITTED"), ("SUBMITTED", "ACCEPTED"),
    ]  # fmt: skip
    assert steps[-1]["order"] == owner.order(placed["tradeOrderId"])
    (whole,) = (row["data"] for row in told if row["metadata"]["eventType"] == money)
    (portfolio,) = owner.get("portfolioList", tradingAccountId=owner.account)
    assert whole == portfolio
    assert len({row["metadata"]["eventId"] for row in told}) == 3


def test_the_third_form_says_little_and_nothing_of_money(owner: Owner) -> None:
    speak(owner, "A3")
    name = owner.place(limitPrice="50000.00")["tradeOrderId"]
    assert owner.ear.told() == [
        {"type": "orderUpdate", "order": {"orderId": name, "status": status}}
        for status in ("SUBMITTED", "ACCEPTED")
    ]


def test_the_fourth_and_fifth_form_have_words_of_their_own(owner: Owner) -> None:
    speak(owner, "A4")
    name = owner.place(limitPrice="50000.00")["tradeOrderId"]
    told = owner.ear.told()
    held = {"symbol": "USDT", "available": "94995.00000000", "locked": "5005.00000000",
            "total": "100000.00000000"}  # fmt: skip
    assert [row for row in told if row["eventType"] == "balanceUpdate"] == [
        {"eventType": "balanceUpdate", "balance": held}
    ]
    rows = [row["order"] for row in told if row["eventType"] == "orderUpdate"]
    assert [(row["tradeOrderId"], row["status"]) for row in rows] == [
        (name, "PENDING"), (name, "OPEN"),
    ]  # fmt: skip
    speak(owner, "A5")
    owner.cancel(name)
    order, money = owner.ear.told()
    assert (order["type"], order["status"]) == ("order", "CANCELLED")
    assert (order["tradeOrderId"], order["executedQuantity"]) == (name, "0.00000000")
    assert money == {
        "type": "balance", "symbol": "USDT", "available": "100000.00000000",
        "locked": "0.00000000",
    }  # fmt: skip
    speak(owner, "A4")
    owner.place(orderType="MARKET", quantity="0.1")
    whole = [row["portfolio"] for row in owner.ear.told() if "portfolio" in row][-1]
    assert {row["symbol"] for row in whole["balances"]} == {"BTC", "USDT"}
    assert "updateMode" not in whole
    with pytest.raises(ValueError, match="A6"):
        speak(owner, "A6")


def test_channels_have_other_names_where_the_prose_is_right(owner: Owner) -> None:
    speak(owner, "trading")
    assert owner.ear.say("unsubscribe", channel=owner.channel) == 102
    names = [f"trading:{what}:{owner.account}" for what in
             ("userData", "executionReport", "portfolio")]  # fmt: skip
    assert [owner.listen(name) for name in names] == [{}] * 3
    owner.place(limitPrice="50000.00")
    found = [owner.ear.told(name) for name in names]
    assert [len(rows) for rows in found] == [3, 2, 1]
    assert [row for row in found[0] if row in found[1] + found[2]] == found[0]
    speak(owner, "split")
    again = Ear(owner.venue, owner.token())
    assert [again.say("subscribe", channel=name) for name in names] == [103, {}, {}]
    owner.place(limitPrice="50000.00")
    assert [len(again.told(name)) for name in names] == [0, 2, 1]


def test_a_key_that_changes_is_told_with_its_text(owner: Owner) -> None:
    (account,) = owner.get("tradingAccountList", tradingAccountId=owner.account)
    name = account["credentials"][0]["credentialId"]
    owner.get("credentialRotate", credentialId=name, apiKey="new key", apiSecret="new secret")
    key, whole = (row["data"] for row in owner.ear.told())
    assert (key["credentialId"], key["apiKey"], key["withSecret"]) == (name, "new key", True)
    assert whole["tradingAccountId"] == owner.account
    assert whole["credentials"][0] == key
    owner.get("credentialRevoke", credentialId=name)
    assert [row["data"]["status"] for row in owner.ear.told()] == ["REVOKED", "ACTIVE"]
    owner.get("tradingAccountDisable", tradingAccountId=owner.account)
    assert [row["data"]["status"] for row in owner.ear.told()] == ["INACTIVE"]


def test_all_it_holds_is_told_when_it_is_repeated(owner: Owner) -> None:
    sim_streams.mishap(owner.venue.rest, "repeat", owner.account)
    owner.venue.tell()
    (row,) = owner.ear.told()
    assert row["data"]["updateMode"] == "SNAPSHOT"
    assert balances([row]) == {"USDT": (100_000, 0), "BTC": (2, 0)}
    assert row["data"]["summary"]["currency"] == "USDT"


def test_orders_are_found_over_the_connection(owner: Owner) -> None:
    """By the owner's own id, which REST does not know."""
    placed = owner.place(limitPrice="50000.00", clientOrderId="k1")

    def rpc(method: str, **data: Any) -> Any:
        return owner.ear.say("rpc", method=method, data=data)

    def call(method: str, **data: Any) -> Any:
        return rpc(method, **data)["data"]

    get = "query.trade_order.get"
    row = call(get, clientOrderId="k1", tradingAccountId=owner.account)["data"]
    assert (row["tradeOrderId"], row["status"]) == (placed["tradeOrderId"], "ACCEPTED")
    assert call(get, externalOrderId=row["externalOrderId"])["data"] == row
    assert call(get, clientOrderId="k2")["error"]["code"] == 22016
    assert call(get)["error"]["code"] == 19004
    listed = call("query.trade_order.list", startTime=row["createdAt"], pagination={"limit": 1})
    assert listed["data"] == [row]
    assert listed["pagination"] == {"offset": 0, "limit": 1, "total": 1, "hasNext": False}
    gone = call("command.trade_order.cancel", tradingAccountId=owner.account, clientOrderId="k1")
    assert gone["data"]["status"] == "CANCELLED"
    wish = owner.wish(limitPrice="50000.00", clientOrderId="k3")
    account = wish.pop("tradingAccountId")
    (made,) = call("command.trade_order.submit", tradeOrder=wish, tradingAccountId=account)["data"]
    assert made["clientOrderId"] == "k3"
    (held,) = call("query.portfolio.list", tradingAccountId=account)["data"]
    assert {row["securitySymbol"] for row in held["balances"]} == {"BTC", "USDT"}
    assert len(call("query.trading_account.list")["data"]) == 2
    assert rpc("query.tradeOrder.list") == 104
    other = Trader(owner.venue, "other@example.com")
    assert not other.enter()
    stranger = Ear(owner.venue, other.tokens.token)
    found = stranger.say("rpc", method=get, data={"clientOrderId": "k1"})["data"]
    assert found["error"]["code"] == 22016


def test_a_cancel_may_only_be_on_its_way_when_it_is_answered(owner: Owner) -> None:
    speak(owner, "pending_cancel")
    name = owner.place(limitPrice="50000.00")["tradeOrderId"]
    owner.ear.told()
    for _ in range(2):
        assert owner.cancel(name)["status"] == "PENDING_CANCEL"
    assert owner.purse("USDT")[1] > 0
    owner.venue.run(1)
    assert [row["status"] for row in orders(owner.ear.told())] == ["PENDING_CANCEL", "CANCELLED"]
    assert owner.order(name)["cancelReason"] == "USER_REQUESTED"
    assert owner.purse("USDT")[1] == 0
    waits = owner.place(orderType="STOP_LOSS", orderSide="SELL", stopPrice="50000.00")
    assert owner.cancel(waits["tradeOrderId"])["status"] == "PENDING_CANCEL"
    owner.venue.run(1)
    assert owner.order(waits["tradeOrderId"])["status"] == "CANCELLED"


def folded(told: list[Any], held: dict[str, Any]) -> None:
    """Take in messages of the first, fourth or fifth form, each change as the last word."""
    for row in told:
        body = row.get("data", row)
        for one in [*body.get("balances", []), *body.get("portfolio", {}).get("balances", [])]:
            free = one["free"] if "free" in one else one["available"]
            held[one.get("securitySymbol") or one["symbol"]] = (
                Decimal(free),
                Decimal(one["locked"]),
            )
        flat = body.get("balance") or (body if body.get("type") == "balance" else None)
        if flat is not None:
            held[flat["symbol"]] = (Decimal(flat["available"]), Decimal(flat["locked"]))
        order = body.get("order", body)
        if "tradeOrderId" in order:
            name, filled = order["tradeOrderId"], Decimal(order["executedQuantity"])
            before = held.get(name)
            assert before is None or before[1] <= filled, "nothing is taken back"
            held[name] = (order["status"], filled)


@pytest.mark.parametrize("seed", [1, 2])
def test_who_takes_in_every_message_knows_what_rest_knows(owner: Owner, seed: int) -> None:
    """Whatever is ordered and whatever form is spoken: balances, states and what is filled."""
    rng, held = random.Random(seed), {}
    names: list[str] = []
    old = {"CREATED": "PENDING", "SUBMITTED": "PENDING", "ACCEPTED": "OPEN"}
    for _ in range(60):
        bid, ask = owner.best()
        kind = rng.choice(["LIMIT", "LIMIT", "MARKET", "LIMIT_MAKER", "STOP_LOSS", "TAKE_PROFIT"])
        price = str(rng.choice([bid, ask]) + rng.randint(-30, 30) * Decimal("0.01"))
        wish = {"orderType": kind, "orderSide": rng.choice(["BUY", "SELL"]),
                "quantity": f"{rng.randint(10, 900_000) / 1e6:.5f}"}  # fmt: skip
        if kind.startswith("LIMIT"):
            wish["limitPrice"] = price
        elif kind != "MARKET":
            wish["stopPrice"] = price
        if rng.random() < 0.3:
            up, down = ("takeProfitPrice", "stopLossPrice")[:: rng.choice([1, -1])]
            wish |= {up: "150000.00", down: "40000.00"}
        answer = owner.ask("tradeOrderSubmit", **owner.wish(**wish))
        if answer.status == 200:
            names += [row["tradeOrderId"] for row in json.loads(answer.body)["data"]]
        if names and rng.random() < 0.4:
            given = {"tradingAccountId": owner.account, "tradeOrderId": rng.choice(names)}
            assert owner.ask("tradeOrderCancel", **given).status in (200, 404)
        owner.venue.run(rng.choice([0, 20, 200]))
        folded(owner.ear.told(), held)
        speak(owner, rng.choice(["A1", "A4", "A5"]))
    rows = owner.get("tradeOrderList", limit=1000)
    assert len({row["status"] for row in rows}) >= 4, "many things have happened"
    for row in rows:
        status, filled = held.pop(row["tradeOrderId"])
        assert status in (row["status"], old.get(row["status"]))
        assert filled == Decimal(row["executedQuantity"])
    assert held == {asset: owner.purse(asset) for asset in held}
    assert set(held) == {"BTC", "USDT"}
