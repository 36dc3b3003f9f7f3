"""The trading side of the simulated Phemex: what an order leads to, on REST and on the stream."""

import json
from typing import Any

import pytest

from connector.protocol.http1 import Request
from connector.venues.phemex import sim_auth
from connector.venues.phemex.sim import SIM
from connector.venues.phemex.sim_aop import Exposure, Holding, figures, ratios
from connector.venues.phemex.sim_listings import products
from connector.venues.phemex.sim_rules import CoinRules
from connector.venues.phemex.sim_tickets import NOBODY
from connector.venues.sim_setup import ApiKey, SimAccount
from tests.reference.phemex_venue import OTHER, Phemex, Trader, account

RULES: dict[str, Any] = {
    row.symbol: row for row in SIM.rules(products(SIM.listings[:1] + SIM.listings[8:]))
}
BTC: CoinRules = RULES["BTCUSD"]
ETH: CoinRules = RULES["ETHUSD"]

# Numbers


@pytest.mark.parametrize(
    ("qty", "price_ep", "value_ev", "rate_er", "fee_ev"),
    [
        (2, 86885000, 23018, -25000, -5),
        (3, 86880000, 34530, -25000, -8),
        (4, 86865000, 46048, -25000, -11),
        (4, 86770000, 46098, 75000, 35),
        (700, 71500000, 9790209, -25000, -2447),
        (3, 552310000, 5431, -25000, -1),
        (619715, 422445000, 1466972031, 75000, 1100230),
        (301421, 422445000, 713515368, 75000, 535137),
    ],
)
def test_values_are_floored_and_fees_rounded_up(
    qty: int, price_ep: int, value_ev: int, rate_er: int, fee_ev: int
) -> None:
    value = BTC.quote_m(price_ep // BTC.tick_units, qty)
    assert price_ep % BTC.tick_units == 0
    assert abs(value) == value_ev
    assert BTC.fee_m(value, rate_er) == fee_ev


def test_funding_is_a_fee_that_the_side_and_the_sign_of_the_rate_turn_around() -> None:
    value = BTC.value_m(69473435 * 10**4, 700)
    assert abs(value) == 10075793
    assert BTC.funding_m(value, 700, 4747) == 479
    assert BTC.funding_m(value, -700, 4747) == -478
    assert BTC.funding_m(value, -700, -4747) == 479


@pytest.mark.parametrize(
    ("qty", "price_ep", "value_ev"),
    [
        (1, 98970000, 10104), (1, 80040000, 12493), (1, 99040000, 10096), (4, 86770000, 46098),
        (1, 320000000, 3125), (1, 323230000, 3093), (67, 552310000, 121308),
        (1000000, 422455000, 2367116024),
    ],
)  # fmt: skip
def test_open_values(qty: int, price_ep: int, value_ev: int) -> None:
    assert abs(BTC.quote_m(price_ep // BTC.tick_units, qty)) == value_ev


@pytest.mark.parametrize(
    ("size", "value_ev", "average_ep", "mark_ep", "pnl_ev"),
    [
        (9, 103596, 86875941, 86786292, -107),
        (13, 149694, 86843828, 86732335, -192),
        (5, 26435, 189143181, 238287555, 5452),
    ],
)
def test_averages_and_unrealised_profit(
    size: int, value_ev: int, average_ep: int, mark_ep: int, pnl_ev: int
) -> None:
    assert BTC.average_e8(value_ev, size) // 10**4 == average_ep
    assert BTC.value_m(mark_ep * 10**4, size) + value_ev == pnl_ev


def test_costs_of_positions_and_ratios() -> None:
    assert ratios(0) == (1000000, 1150750, 1149250)
    for value_ev, cost_ev in ((103596, 1115), (149694, 1611), (26435, 285)):

        class View:
            notional_m, unrealized_m, lots = -value_ev, 0, 9

        found = figures(BTC, View, Holding(), Exposure())  # type: ignore[arg-type]
        assert (found.value_ev, found.cost_ev) == (value_ev, cost_ev)


def test_linear_values_count_in_ten_thousandths_of_a_dollar() -> None:
    # 3 contracts of 0.005 ETH at 2763.85 are 41.45775 dollars.
    value = ETH.quote_m(27638500 // ETH.tick_units, 3)
    assert value == 414577 * 10**4
    assert ETH.fee_m(value, 75000) == 311 * 10**4
    assert ETH.fee_m(value, -25000) == -103 * 10**4
    assert ETH.average_e8(value, 3) // 10**4 == 27638466


# Who asks

VECTOR_SECRET = "--__cGhlbWV4LXRlc3QtdmVjdG9yLXNlY3JldC0wMTIzNDU2Nzg5-_8"
BODY = (
    b'{"symbol":"BTCUSD","clOrdID":"uuid-1573058952273","side":"Sell","priceEp":93185000,'
    b'"orderQty":7,"ordType":"Limit","reduceOnly":false,"timeInForce":"GoodTillCancel",'
    b'"takeProfitEp":0,"stopLossEp":0}'
)
VECTORS = [
    ("/accounts/accountPositions", "currency=BTC", 1575735514, b"",
     "fc60195a9d709aa4d1b8081ec7f1610c53c72841e0a3bcd081d602c5d9b4e849"),
    ("/orders/activeList",
     "ordStatus=New&ordStatus=PartiallyFilled&ordStatus=Untriggered&symbol=BTCUSD", 1575735951,
     b"", "cd68c70c449446a1925b056afa8d01f6096b9a843c145e911634685deafb8e8e"),
    ("/orders", "", 1575735514, BODY,
     "c1bb306e25f7ce4b37d5b2e991db925072ee8a7c576bceb79bdd7e1971e1ae40"),
    ("/orders/cancel", "symbol=BTCUSD&orderID=2585817b-85df-4dea-8507-5db1920b9954", 1580533239,
     b"", "c265f43940f508af9af71343e685b0e2da996a6a435ae03f9dc737eb4347d0e3"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "query", "expiry", "body", "signature"), VECTORS)
def test_signatures_of_the_reference_are_accepted_until_they_expire(
    path: str, query: str, expiry: int, body: bytes, signature: str
) -> None:
    keys = (ApiKey(key="K", secret=VECTOR_SECRET),)
    ring = sim_auth.Keyring([SimAccount(name="demo", keys=keys)])

    def asked(signed: str) -> Request:
        headers = {"x-phemex-access-token": "K", "x-phemex-request-expiry": str(expiry),
                   "x-phemex-request-signature": signed}  # fmt: skip
        return Request("GET", path, query, headers, body)

    assert ring.account(asked(signature), expiry * 1000 - 1) == "demo"
    with pytest.raises(sim_auth.Denied, match=f"Request Expired at {expiry}"):
        ring.account(asked(signature), expiry * 1000)
    for wrong in (signature.upper(), signature[:-1] + "x", ""):
        with pytest.raises(sim_auth.Denied, match="API Signature"):
            ring.account(asked(wrong), 0)


def test_a_login_is_signed_with_key_and_expiry_and_not_far_ahead() -> None:
    key, expiry = "806066b0-f02b-4d3e-b444-76ec718e1023", 1570091232
    keys = (ApiKey(key=key, secret=VECTOR_SECRET),)
    ring = sim_auth.Keyring([SimAccount(name="demo", keys=keys)])
    signature = "2dcb5e13bfca11d7256669835eed0d6627ed3e6cee211f48e0ca3a01bc7c15c4"
    login = ["API", key, signature, expiry]
    assert ring.login(login, (expiry - 60) * 1000) == "demo"
    assert ring.login(login, expiry * 1000) == ""
    assert ring.login(login, (expiry - 300) * 1000) == ""
    assert ring.login(["API", key, signature, str(expiry)], (expiry - 60) * 1000) == ""
    assert ring.login(["KEY", key, signature, expiry], (expiry - 60) * 1000) == ""


@pytest.mark.parametrize(
    ("headers", "code", "text"),
    [
        ({}, "401", "401 Miss Api Key."),
        ({"x-phemex-access-token": "NOBODY"}, "401", "401 Failed to load API KEY."),
    ],
)
def test_nobody_is_answered_with_401(headers: dict[str, str], code: str, text: str) -> None:
    answer = Phemex(accounts=(account(),)).get("/orders/activeList", "symbol=BTCUSD", **headers)
    assert answer.status == 401
    assert json.loads(answer.body) == {"code": code, "msg": text, "data": None}


# Orders


@pytest.fixture
def trader() -> Trader:
    return Trader(Phemex(["BTCUSD", "ETHUSD"], rate=50, accounts=(account(),)))


def short(entry: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(entry[name] for name in ("action", "ordStatus", "execStatus", "leavesQty"))


def test_the_stream_opens_with_a_snapshot_of_each_trading_account(trader: Trader) -> None:
    assert [(each["type"], each["accounts"][0]["currency"]) for each in trader.opened] == [
        ("snapshot", "BTC"), ("snapshot", "USD"),
    ]  # fmt: skip
    row = trader.opened[0]["accounts"][0]
    assert (row["accountID"], row["accountBalanceEv"]) == (675340001, 1_000_000_000)
    assert trader.opened[1]["accounts"][0]["accountBalanceEv"] == 100_000 * 10**4


def test_an_order_rests_is_amended_and_cancelled(trader: Trader) -> None:
    bid, _ = trader.touch()
    price = bid - 5000 * 1000
    placed = trader.order(ordType="Limit", priceEp=price, orderQty=10)
    assert placed["code"] == 0
    ack = placed["data"]
    assert (ack["ordStatus"], ack["execStatus"], ack["bizError"]) == ("Created", "PendingNew", 0)
    (entry,) = trader.heard()
    assert short(entry) == ("New", "New", "New", 10)
    assert entry["orderID"] == ack["orderID"]
    assert entry["leavesValueEv"] == 10 * 10**12 // price
    assert entry["execID"] == NOBODY
    assert entry["addedSeq"] == entry["execSeq"] > 0
    query = f"symbol=BTCUSD&orderID={ack['orderID']}&priceEp={price - 1000}&orderQty=12"
    shown = trader.ask("PUT", "/orders/replace", query)["data"]
    assert (shown["priceEp"], shown["ordStatus"], shown["execStatus"]) == (
        price - 1000, "New", "PendingReplace",
    )  # fmt: skip
    gone, back = trader.heard()
    assert short(gone) == ("Replace", "Canceled", "ReplaceToCanceled", 0)
    assert short(back) == ("Replace", "New", "ReAdded", 12)
    assert (gone["priceEp"], back["priceEp"]) == (price, price - 1000)
    assert gone["execSeq"] == back["execSeq"] > entry["execSeq"] == back["addedSeq"]
    (row,) = trader.ask("GET", "/orders/activeList", "symbol=BTCUSD")["data"]["rows"]
    assert (row["ordStatus"], row["priceEp"], row["orderQty"]) == ("New", price - 1000, 12)
    before = trader.ask("DELETE", "/orders/cancel", f"symbol=BTCUSD&orderID={ack['orderID']}")
    assert (before["data"]["ordStatus"], before["data"]["execStatus"]) == ("New", "PendingCancel")
    (entry,) = trader.heard()
    assert short(entry) == ("Cancel", "Canceled", "Canceled", 0)
    assert (entry["execQty"], entry["execID"], entry["cumQty"]) == (12, NOBODY, 0)
    assert trader.ask("GET", "/orders/activeList", "symbol=BTCUSD")["code"] == 10002
    again = trader.ask("DELETE", "/orders/cancel", f"symbol=BTCUSD&orderID={ack['orderID']}")
    assert again == {"code": 10002, "msg": "OM_ORDER_NOT_FOUND", "data": None}


def test_fills_balance_and_position_add_up(trader: Trader) -> None:
    for side, qty in (("Buy", 70_000), ("Sell", 30_000), ("Sell", 90_000), ("Buy", 50_000)):
        assert trader.order(ordType="Market", side=side, orderQty=qty)["code"] == 0
        trader.venue.run(20)
    entries = trader.heard()
    fills = [each for each in entries if each["execID"] != NOBODY]
    assert len({each["execID"] for each in fills}) == len(fills) >= 4
    assert {each["execStatus"] for each in fills} == {"TakerFill"}
    balance, size = 1_000_000_000, 0
    for fill in fills:
        assert fill["execValueEv"] == fill["execQty"] * 10**12 // fill["execPriceEp"]
        assert fill["execFeeEv"] == -(-fill["execValueEv"] * 75000 // 10**8)
        balance += fill["closedPnlEv"] - fill["execFeeEv"]
        size += fill["execQty"] if fill["side"] == "Buy" else -fill["execQty"]
        assert fill["curAccBalanceEv"] == balance
        held = fill["curPosSize"] * {"Buy": 1, "Sell": -1, "None": 0}[fill["curPosSide"]]
        assert held == size
    assert size == 0
    by_order: dict[str, list[dict[str, Any]]] = {}
    for each in entries:
        by_order.setdefault(each["orderID"], []).append(each)
    for events in by_order.values():
        assert events[0]["ordStatus"] == "New"
        assert events[-1]["ordStatus"] == "Filled"
        assert events[-1]["cumValueEv"] == sum(each["execValueEv"] for each in events)
        assert sum(each["execQty"] for each in events) == events[-1]["cumQty"]
    account_now = trader.ask("GET", "/accounts/accountPositions", "currency=BTC")["data"]
    assert account_now["account"]["accountBalanceEv"] == balance
    (position,) = account_now["positions"]
    assert (position["size"], position["side"]) == (0, "None")
    assert position["cumTransactFeeEv"] == sum(each["execFeeEv"] for each in fills)
    answer = trader.ask("GET", "/exchange/order/trade", "symbol=BTCUSD&limit=200&withCount=true")
    assert answer["data"]["total"] == len(fills)
    assert [row["execID"] for row in answer["data"]["rows"]] == [
        each["execID"] for each in reversed(fills)
    ]


def test_a_long_inverse_position_gains_when_the_price_rises() -> None:
    """What two accounts trade with each other at two prices is one's gain and the other's loss."""
    venue = Phemex(["BTCUSD"], rate=50, accounts=(account(), account("other", OTHER)))
    one, two = Trader(venue), Trader(venue, OTHER)
    bid, _ = one.touch()
    one.order(ordType="Limit", priceEp=bid, orderQty=500)
    there = int(venue.market.top("BTCUSD", 1).bids[0][1])
    two.order(ordType="Limit", side="Sell", priceEp=bid, orderQty=there,
              timeInForce="ImmediateOrCancel")  # fmt: skip
    (long,) = one.ask("GET", "/accounts/positions", "currency=BTC")["data"]["positions"]
    assert long["size"] == 500
    assert long["valueEv"] == 500 * 10**12 // bid
    assert long["side"] == "Buy"
    mark = long["markPriceEp"]
    assert long["unRealisedPnlEv"] == long["valueEv"] - 500 * 10**12 // mark


@pytest.mark.parametrize("symbol", ["BTCUSD", "ETHUSD"])
def test_a_maker_is_filled_by_the_flow_and_gets_its_rebate(symbol: str) -> None:
    venue = Phemex([symbol], rate=400, accounts=(account(),))
    trader = Trader(venue)
    bid, ask = trader.touch(symbol)
    tick = {"BTCUSD": 1000, "ETHUSD": 500}[symbol]
    trader.order(symbol=symbol, ordType="Limit", side="Sell", priceEp=ask - tick, orderQty=3,
                 timeInForce="PostOnly") if ask - tick > bid else trader.order(
        symbol=symbol, ordType="Limit", side="Sell", priceEp=ask, orderQty=3)  # fmt: skip
    for _ in range(400):
        venue.run(50)
        entries = [each for push in trader.client.of("orders") for each in push["orders"]]
        if entries[-1]["ordStatus"] == "Filled":
            break
    fills = [each for each in entries if each["execID"] != NOBODY]
    assert entries[-1]["ordStatus"] == "Filled"
    assert {each["execStatus"] for each in fills} == {"MakerFill"}
    assert all(each["execFeeEv"] == -(each["execValueEv"] * 25000 // 10**8) for each in fills)
    assert all(each["execSeq"] > entries[0]["addedSeq"] for each in fills)
    trades = {row[2]: row for row in json.loads(
        venue.get("/md/trade", f"symbol={symbol}").body)["result"]["trades"]}  # fmt: skip
    assert fills[0]["execPriceEp"] in trades


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"side": "Up"}, 11034),
        ({"ordType": "Pegged"}, 11035),
        ({"timeInForce": "GoodTillDate"}, 11036),
        ({"orderQty": 0}, 11058),
        ({"orderQty": 20_000_001}, 11056),
        ({"priceEp": 1}, 30000),
        ({"priceEp": 99_000}, 11055),
        ({"priceEp": 10_000_001_000}, 11053),
        ({"symbol": "NOSUCH"}, 11027),
        ({"symbol": "XRPUSD"}, 39997),
        ({"clOrdID": ""}, 30000),
        ({"clOrdID": "x" * 41}, 30000),
        ({"reduceOnly": True}, 11057),
        ({"orderQty": 19_000_000}, 11081),
        ({"ordType": "Stop", "stopPxEp": 1_000_000_000, "triggerType": "ByAskPrice"}, 11038),
    ],
)
def test_what_no_order_is_has_its_code(trader: Trader, fields: dict[str, Any], code: int) -> None:
    bid, _ = trader.touch()
    answer = trader.order(**({"ordType": "Limit", "priceEp": bid - 10**6, "orderQty": 1} | fields))
    assert (answer["code"], answer["data"]) == (code, None)
    for entry in trader.heard():
        assert (entry["ordStatus"], entry["code"]) == ("Rejected", code)
    assert trader.ask("GET", "/orders/activeList", "symbol=BTCUSD")["code"] == 10002


def test_an_order_needs_its_margin() -> None:
    poor = Trader(Phemex(["BTCUSD"], rate=50, accounts=(account(BTC=100_000),)))
    bid, _ = poor.touch()
    order = {"ordType": "Limit", "priceEp": bid - 10**6}
    assert poor.order(orderQty=20_000, **order)["code"] == 11001
    (entry,) = poor.heard()
    assert (entry["ordStatus"], entry["message"]) == (
        "Rejected", "TE: no enough available balance",
    )  # fmt: skip
    assert poor.order(orderQty=50, **order)["code"] == 0


def test_a_client_id_is_used_once(trader: Trader) -> None:
    bid, _ = trader.touch()
    order = {"ordType": "Limit", "priceEp": bid - 10**6, "orderQty": 1, "clOrdID": "mine"}
    assert trader.order(**order)["code"] == 0
    assert trader.order(**order)["code"] == 11085
    assert trader.ask("DELETE", "/orders/cancel", "symbol=BTCUSD&clOrdID=mine")["code"] == 0
    assert trader.order(**order)["code"] == 11085
    (row,) = trader.ask("GET", "/exchange/order", "symbol=BTCUSD&clOrdID=mine")["data"]
    assert row["ordStatus"] == "Canceled"


def test_post_only_and_what_cannot_be_filled_end_at_once_with_the_engines_reason(
    trader: Trader,
) -> None:
    bid, ask = trader.touch()
    for tif, price, reason in (
        ("PostOnly", ask + 10**6, 101),
        ("FillOrKill", bid - 10**6, 100),
        ("ImmediateOrCancel", bid - 10**6, 100),
    ):
        answer = trader.order(ordType="Limit", priceEp=price, orderQty=5, timeInForce=tif)
        assert answer["code"] == 0, "the answer only says that it was taken"
        last = trader.heard()[-1]
        assert (last["ordStatus"], last["cxlRejReason"], last["execQty"]) == (
            "Canceled", reason, 5,
        )  # fmt: skip
        assert last["execStatus"] in ("Aborted", "Expired")


def test_cancelling_all_needs_a_call_for_each_kind(trader: Trader) -> None:
    bid, ask = trader.touch()
    trader.order(ordType="Limit", priceEp=bid - 10**6, orderQty=1)
    stop = {"stopPxEp": ask + 10**8 - 10**8 % 1000, "triggerType": "ByLastPrice"}
    placed = trader.order(ordType="Stop", orderQty=1, **stop)
    assert placed["code"] == 0
    entries = trader.heard()
    assert (entries[-1]["ordStatus"], entries[-1]["leavesQty"]) == ("Untriggered", 0)
    rows = trader.ask("GET", "/orders/activeList", "symbol=BTCUSD")["data"]["rows"]
    assert [row["ordStatus"] for row in rows] == ["New", "Untriggered"]
    assert trader.ask("DELETE", "/orders/all", "symbol=BTCUSD&untriggerred=true")["code"] == 0
    (entry,) = trader.heard()
    assert short(entry) == ("CancelAll", "Canceled", "Canceled", 0), "the misspelt flag is none"
    assert trader.ask("DELETE", "/orders/all", "symbol=BTCUSD&untriggered=true")["code"] == 0
    (entry,) = trader.heard()
    assert (entry["orderID"], entry["ordStatus"]) == (placed["data"]["orderID"], "Deactivated")


def test_a_batch_of_cancels_answers_each_order(trader: Trader) -> None:
    bid, _ = trader.touch()
    ids = [
        trader.order(ordType="Limit", priceEp=bid - 10**6, orderQty=n)["data"]["orderID"]
        for n in (1, 2)
    ]
    names = f"{ids[0]},{NOBODY},{ids[1]}"
    rows = trader.ask("DELETE", "/orders", f"symbol=BTCUSD&orderID={names}")["data"]
    assert [(row["orderID"], row["bizError"]) for row in rows] == [
        (ids[0], 0), (NOBODY, 10002), (ids[1], 0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "side", "away", "code"),
    [
        ("Stop", "Buy", -1, 11043),
        ("Stop", "Sell", 1, 11044),
        ("MarketIfTouched", "Buy", 1, 11044),
        ("MarketIfTouched", "Sell", -1, 11043),
    ],
)
def test_a_trigger_on_the_wrong_side_would_fire_at_once(
    trader: Trader, kind: str, side: str, away: int, code: int
) -> None:
    trader.venue.run(50)
    bid, _ = trader.touch()
    far = (bid + away * bid // 50) // 1000 * 1000
    order = {"ordType": kind, "side": side, "orderQty": 1, "triggerType": "ByMarkPrice"}
    assert trader.order(stopPxEp=far, **order)["code"] == code
    right = (bid - away * bid // 50) // 1000 * 1000
    assert trader.order(stopPxEp=right, **order)["code"] == 0


def test_a_stop_triggers_becomes_an_order_and_fills_under_its_own_id() -> None:
    venue = Phemex(["BTCUSD"], rate=400, accounts=(account(),))
    trader = Trader(venue)
    _, ask = trader.touch()
    answer = trader.order(ordType="Stop", side="Buy", orderQty=5, stopPxEp=ask + 3000,
                          triggerType="ByLastPrice")  # fmt: skip
    if answer["code"] == 11043:
        answer = trader.order(ordType="Stop", side="Buy", orderQty=5, stopPxEp=ask + 30_000,
                              triggerType="ByLastPrice")  # fmt: skip
    assert answer["code"] == 0
    engine = venue.engine
    assert engine is not None
    trader.order(ordType="Market", side="Buy", orderQty=3_000_000)
    entries = [e for e in trader.heard() if e["orderID"] == answer["data"]["orderID"]]
    states = [each["ordStatus"] for each in entries]
    assert states[:3] == ["Untriggered", "Triggered", "New"]
    assert states[-1] == "Filled"
    assert engine.positions("demo", "BTCUSD")[0].lots > 5


def test_leverage_is_isolated_above_zero_and_cross_below(trader: Trader) -> None:
    assert trader.ask("PUT", "/positions/leverage", "symbol=BTCUSD&leverage=10")["code"] == 0
    data = trader.ask("GET", "/accounts/accountPositions", "currency=BTC")["data"]
    (row,) = data["positions"]
    assert (row["leverageEr"], row["crossMargin"], row["initMarginReqEr"]) == (
        10 * 10**8, False, 10**7,
    )  # fmt: skip
    assert trader.ask("PUT", "/positions/leverage", "symbol=BTCUSD&leverageEr=0")["code"] == 0
    assert trader.ask("PUT", "/positions/leverage", "symbol=BTCUSD&leverage=101")["code"] == 11004
    data = trader.ask("GET", "/accounts/accountPositions", "currency=BTC")["data"]
    assert data["positions"][0]["crossMargin"] is True


def test_the_risk_limit_has_one_step(trader: Trader) -> None:
    for query, code in (("riskLimit=100", 0), ("riskLimitEv=10000000000", 0),
                        ("riskLimit=150", 11002), ("", 11002)):  # fmt: skip
        answer = trader.ask("PUT", "/positions/riskLimit", f"symbol=BTCUSD&{query}".rstrip("&"))
        assert answer["code"] == code


def test_an_isolated_position_is_assigned_a_balance(trader: Trader) -> None:
    assign = "symbol=BTCUSD&posBalanceEv=5000000"
    assert trader.ask("POST", "/positions/assign", assign)["code"] == 11007, "it is cross"
    assert trader.ask("PUT", "/positions/leverage", "symbol=BTCUSD&leverage=10")["code"] == 0
    assert trader.ask("POST", "/positions/assign", assign)["code"] == 11006, "there is none"
    trader.order(ordType="Market", orderQty=1000)
    assert trader.ask("POST", "/positions/assign", assign)["code"] == 0
    (row,) = trader.ask("GET", "/accounts/accountPositions", "currency=BTC")["data"]["positions"]
    assert row["assignedPosBalanceEv"] == 5_000_000
    assert trader.ask("POST", "/positions/assign", "symbol=BTCUSD&posBalance=0")["code"] == 11008


def test_a_waiting_order_is_amended_and_stays_itself(trader: Trader) -> None:
    bid, ask = trader.touch()
    far = ask + 10**8 - ask % 1000
    order_id = trader.order(ordType="Stop", orderQty=5, stopPxEp=far, triggerType="ByLastPrice")[
        "data"
    ]["orderID"]
    trader.heard()
    query = f"symbol=BTCUSD&orderID={order_id}"
    shown = trader.ask("PUT", "/orders/replace", f"{query}&stopPxEp={far + 10**7}&orderQty=6")
    assert shown["data"]["stopPxEp"] == far + 10**7
    (entry,) = trader.heard()
    assert (entry["orderID"], entry["ordStatus"], entry["stopPxEp"], entry["orderQty"]) == (
        order_id, "Untriggered", far + 10**7, 6,
    )  # fmt: skip
    # A trigger that is met already is refused, and the order is as it was.
    wrong = trader.ask("PUT", "/orders/replace", f"{query}&stopPxEp={bid - 10**7}")
    assert wrong["code"] == 11043
    assert trader.heard() == []
    (row,) = trader.ask("GET", "/orders/activeList", "symbol=BTCUSD")["data"]["rows"]
    assert (row["orderID"], row["stopPxEp"], row["orderQty"]) == (order_id, far + 10**7, 6)
    assert trader.ask("DELETE", "/orders/cancel", query)["code"] == 0
    assert trader.heard()[-1]["ordStatus"] == "Deactivated"


def test_funding_is_told_as_a_row_that_is_no_order(trader: Trader) -> None:
    trader.order(ordType="Market", side="Buy", orderQty=700)
    trader.heard()
    engine = trader.venue.engine
    assert engine is not None
    engine.fund("BTCUSD", 4747, trader.venue.wall_ms() * 10**6)
    trader.venue.tell()
    (entry,) = trader.heard()
    assert (entry["tradeType"], entry["action"], entry["clOrdID"], entry["orderID"]) == (
        "Funding", "SettleFundingFee", "SettlingFunding", NOBODY,
    )  # fmt: skip
    assert entry["execFeeEv"] == -(-entry["execValueEv"] * 4747 // 10**8)
    assert entry["curAccBalanceEv"] == engine.balances("demo")[0].wallet_m
    rows = trader.ask("GET", "/exchange/order/trade", "symbol=BTCUSD&tradeType=Funding")
    assert len(rows["data"]["rows"]) == 1
    (row,) = trader.ask("GET", "/api-data/futures/funding-fees", "symbol=BTCUSD")["data"]["rows"]
    assert (row["execFeeEv"], row["side"]) == (entry["execFeeEv"], "Buy")
    for path in ("orders", "trades"):
        rows = trader.ask("GET", f"/api-data/futures/{path}", "symbol=BTCUSD&limit=200")
        assert rows["data"]["rows"][-1]["clOrdID"] == "c-1"


def test_a_new_subscription_repeats_open_orders_and_fills_in_their_order(trader: Trader) -> None:
    bid, _ = trader.touch()
    trader.order(ordType="Market", side="Buy", orderQty=7)
    kept = trader.order(ordType="Limit", priceEp=bid - 10**6, orderQty=2)["data"]["orderID"]
    first = trader.heard()
    again = Trader(trader.venue)
    snapshot = next(each for each in again.opened if each["accounts"][0]["currency"] == "BTC")
    fills = [each for each in first if each["execID"] != NOBODY]
    assert [each for each in snapshot["orders"] if each["execID"] != NOBODY] == fills
    assert snapshot["orders"][-1]["orderID"] == kept
    (position,) = snapshot["positions"]
    assert (position["size"], position["buyLeavesQty"]) == (7, 2)
    assert position["valueEv"] == sum(each["execValueEv"] for each in fills)


def test_what_is_kept_of_an_account_has_a_bound(
    trader: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    from connector.venues.phemex import sim_person

    monkeypatch.setattr(sim_person, "MOST_EVENTS", 40)
    bid, _ = trader.touch()
    kept = trader.order(ordType="Limit", priceEp=bid - 10**6, orderQty=2)["data"]["orderID"]
    for _ in range(60):
        trader.order(ordType="Limit", priceEp=bid - 10**6, orderQty=1, timeInForce="FillOrKill")
    person = trader.venue.rest._desk.people["demo"]
    assert len(person.events) <= 40
    assert [each.order_id for each in person.alive.values()] == [kept]
    snapshot = Trader(trader.venue).opened[0]
    assert kept in [each["orderID"] for each in snapshot["orders"]]
