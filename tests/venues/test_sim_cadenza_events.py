"""What the simulated Cadenza tells of accounts: in which form, on which channel, to whom."""

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
