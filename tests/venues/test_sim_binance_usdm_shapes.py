"""What the simulated Binance answers and pushes, key by key, against the reference's shapes."""

import json
import re
from typing import Any

import pytest

from tests.reference.binance_desk import (
    MAKER,
    NOW_MS,
    OTHER,
    UNIT,
    Venue,
    limit_order,
    market_order,
)

ORDER, ALGO = "/fapi/v1/order", "/fapi/v1/algoOrder"

TEXT, WHOLE, FLAG, NUMBER = "text", "whole", "flag", "number"
S, I, B, D = TEXT, WHOLE, FLAG, "decimal"  # noqa: E741  the reference's own letters


def kind(value: Any) -> str:
    if isinstance(value, bool):
        return FLAG
    if isinstance(value, int):
        return WHOLE
    if isinstance(value, float):
        return NUMBER
    if isinstance(value, str):
        return D if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value) else TEXT
    return type(value).__name__


def shaped(row: dict[str, Any], shape: dict[str, str]) -> None:
    """Exactly these keys with values of these kinds; a text may look like a number."""
    assert sorted(row) == sorted(shape)
    for name, wanted in shape.items():
        found = kind(row[name])
        assert found == wanted or (found, wanted) == (D, TEXT), (name, row[name])


def keys(text: str, default: str) -> dict[str, str]:
    """``a b c:whole`` as a shape."""
    return {
        name: kind or default for name, _, kind in (word.partition(":") for word in text.split())
    }


R15 = keys(
    "clientOrderId cumQty:decimal executedQty:decimal orderId:whole origQty:decimal price:decimal "
    "reduceOnly:flag side positionSide status stopPrice:decimal closePosition:flag symbol "
    "timeInForce type origType updateTime:whole workingType priceProtect:flag priceMatch "
    "selfTradePreventionMode goodTillDate:whole",
    TEXT,
)
R16 = {name: kind for name, kind in R15.items() if name != "cumQty"} | keys(
    "avgPrice cumQuote time:whole", D
)
R17 = keys(
    "accountAlias:text asset:text balance crossWalletBalance crossUnPnl availableBalance "
    "maxWithdrawAmount marginAvailable:flag updateTime:whole",
    D,
)
TOTALS = keys(
    "totalInitialMargin totalMaintMargin totalWalletBalance totalUnrealizedProfit "
    "totalMarginBalance totalPositionInitialMargin totalOpenOrderInitialMargin "
    "totalCrossWalletBalance totalCrossUnPnl availableBalance maxWithdrawAmount assets:list "
    "positions:list",
    D,
)
ASSET = keys(
    "asset:text walletBalance unrealizedProfit marginBalance maintMargin initialMargin "
    "positionInitialMargin openOrderInitialMargin crossWalletBalance crossUnPnl availableBalance "
    "maxWithdrawAmount updateTime:whole",
    D,
)
V3_POSITION = keys(
    "symbol:text positionSide:text positionAmt unrealizedProfit isolatedMargin notional "
    "isolatedWallet initialMargin maintMargin updateTime:whole",
    D,
)
V2_POSITION = keys(
    "symbol:text initialMargin maintMargin unrealizedProfit positionInitialMargin "
    "openOrderInitialMargin leverage isolated:flag entryPrice breakEvenPrice maxNotional "
    "bidNotional askNotional positionSide:text positionAmt notional isolatedWallet "
    "updateTime:whole",
    D,
)
R20 = keys(
    "entryPrice breakEvenPrice marginType:text isAutoAddMargin:text isolatedMargin leverage "
    "liquidationPrice markPrice maxNotionalValue positionAmt notional isolatedWallet symbol:text "
    "unRealizedProfit positionSide:text updateTime:whole",
    D,
)
R21 = keys(
    "buyer:flag commission commissionAsset:text id:whole maker:flag orderId:whole price qty "
    "quoteQty realizedPnl side:text positionSide:text symbol:text time:whole baseQty "
    "marginAsset:text pair:text",
    D,
)
R22 = keys("symbol incomeType income asset info time:whole tranId:whole tradeId", TEXT)
R23 = keys("symbol:text brackets:list", D)
BRACKET = keys(
    "bracket initialLeverage notionalCap notionalFloor maintMarginRatio:number cum:number", WHOLE
)
R27 = keys(
    "algoId:whole clientAlgoId algoType orderType symbol side positionSide timeInForce "
    "quantity:decimal algoStatus triggerPrice:decimal price:decimal icebergQuantity:NoneType "
    "selfTradePreventionMode workingType priceMatch closePosition:flag priceProtect:flag "
    "reduceOnly:flag activatePrice callbackRate createTime:whole updateTime:whole "
    "triggerTime:whole goodTillDate:whole",
    TEXT,
)
R28 = {
    name: kind for name, kind in R27.items() if name not in ("activatePrice", "callbackRate")
} | keys("actualOrderId actualPrice:decimal tpOrderType", TEXT)
R29 = keys(
    "symbol:text positionSide:text positionAmt entryPrice breakEvenPrice markPrice "
    "unRealizedProfit liquidationPrice isolatedMargin notional marginAsset:text isolatedWallet "
    "initialMargin maintMargin positionInitialMargin openOrderInitialMargin adl:whole bidNotional "
    "askNotional updateTime:whole",
    D,
)


@pytest.fixture
def venue() -> Venue:
    """With a position in BTCUSDT, an open order and a conditional one."""
    venue = Venue()
    venue.ok("POST", ORDER, **market_order())
    venue.place(newClientOrderId="open")
    venue.ok("POST", ALGO, **stop())
    return venue


def stop(**change: Any) -> dict[str, Any]:
    return {
        "algoType": "CONDITIONAL", "symbol": "BTCUSDT", "side": "SELL", "type": "STOP_MARKET",
        "quantity": "0.1", "triggerPrice": "29000", "clientAlgoId": "held", **change,
    }  # fmt: skip


def test_orders(venue: Venue) -> None:
    shaped(venue.place(), R15)
    named = {"symbol": "BTCUSDT", "origClientOrderId": "open"}
    change = {"side": "BUY", "quantity": "0.2", "price": "29991"}
    shaped(venue.ok("PUT", ORDER, **named, **change), R15 | {"pair": TEXT})
    shaped(
        venue.ok("PUT", ORDER, **named, **change | {"price": "29992"}, modifyId=5),
        R15 | {"pair": TEXT, "modifyId": WHOLE},
    )
    shaped(venue.ok("GET", ORDER, **named), R16)
    shaped(venue.ok("GET", "/fapi/v1/openOrder", **named), R16)
    for row in venue.ok("GET", "/fapi/v1/openOrders"):
        shaped(row, R16)
    for row in venue.ok("GET", "/fapi/v1/allOrders", symbol="BTCUSDT"):
        shaped(row, R16 | {"cumBase": D, "pair": TEXT})
    shaped(venue.ok("DELETE", ORDER, **named), R15)
    (row, *_) = venue.ok("GET", "/fapi/v1/orderAmendment", symbol="BTCUSDT", orderId=2)
    shaped(
        row,
        keys("amendmentId:whole symbol pair orderId:whole clientOrderId time:whole "
             "amendment:dict", TEXT),
    )  # fmt: skip


def test_conditional_orders(venue: Venue) -> None:
    shaped(venue.ok("POST", ALGO, **stop(clientAlgoId="two")), R27)
    trailing = stop(
        type="TRAILING_STOP_MARKET", triggerPrice=None, callbackRate="1.5", clientAlgoId="three"
    )
    row = venue.ok("POST", ALGO, **trailing)
    shaped(row, R27 | {"activatePrice": D})
    assert row["callbackRate"] == "1.5"
    single = R28 | {"actualType": TEXT, "actualQty": D}
    shaped(venue.ok("GET", ALGO, clientAlgoId="held"), single)
    listed = R28 | keys("tpTriggerPrice tpPrice slTriggerPrice slPrice", D)
    for path in ("openAlgoOrders", "allAlgoOrders"):
        rows = venue.ok("GET", f"/fapi/v1/{path}", symbol="BTCUSDT")
        assert len(rows) == 3
        for row in rows:
            shaped(row, listed)
    shaped(
        venue.ok("DELETE", ALGO, clientAlgoId="held"),
        keys("algoId:whole clientAlgoId code msg", TEXT),
    )


def test_accounts(venue: Venue) -> None:
    for path in ("v2/balance", "v3/balance"):
        for row in venue.ok("GET", f"/fapi/{path}"):
            shaped(row, R17)
    account = venue.ok("GET", "/fapi/v3/account")
    shaped(account, TOTALS)
    shaped(account["assets"][0], ASSET)
    (position,) = account["positions"]
    shaped(position, V3_POSITION)
    account = venue.ok("GET", "/fapi/v2/account")
    config = keys(
        "feeTier:whole feeBurn canTrade canDeposit canWithdraw updateTime:whole "
        "multiAssetsMargin tradeGroupId:whole",
        FLAG,
    )
    shaped(account, TOTALS | config)
    shaped(account["assets"][0], ASSET | {"marginAvailable": FLAG})
    assert [row["symbol"] for row in account["positions"]] == ["BTCUSDT", "ETHUSDT"]
    shaped(account["positions"][0], V2_POSITION)
    rows = venue.ok("GET", "/fapi/v2/positionRisk")
    assert [row["symbol"] for row in rows] == ["BTCUSDT", "ETHUSDT"]
    shaped(rows[0], R20)
    (row,) = venue.ok("GET", "/fapi/v3/positionRisk")
    shaped(row, R29)
    shaped(
        venue.ok("GET", "/fapi/v1/accountConfig"),
        {name: kind for name, kind in config.items() if name != "feeBurn"}
        | {"dualSidePosition": FLAG},
    )
    shaped(
        venue.ok("GET", "/fapi/v1/symbolConfig")[0],
        keys("symbol marginType isAutoAddMargin:flag leverage:whole maxNotionalValue", TEXT),
    )
    shaped(
        venue.ok("GET", "/fapi/v1/commissionRate", symbol="BTCUSDT"),
        keys("symbol:text makerCommissionRate takerCommissionRate rpiCommissionRate", D),
    )
    for row in venue.ok("GET", "/fapi/v1/rateLimit/order"):
        shaped(row, keys("rateLimitType interval intervalNum:whole limit:whole", TEXT))


def test_history(venue: Venue) -> None:
    for row in venue.ok("GET", "/fapi/v1/userTrades", symbol="BTCUSDT"):
        shaped(row, R21)
    for row in venue.ok("GET", "/fapi/v1/income"):
        shaped(row, R22)


def test_margin_moves_liquidations_and_the_queue_for_deleveraging(venue: Venue) -> None:
    asked = {"symbol": "ETHUSDT"}
    venue.ok("POST", "/fapi/v1/marginType", **asked, marginType="ISOLATED")
    venue.ok("POST", ORDER, **market_order(**asked))
    venue.ok("POST", "/fapi/v1/positionMargin", **asked, amount="5", type=1)
    (row,) = venue.ok("GET", "/fapi/v1/positionMargin/history", **asked)
    shaped(row, keys("amount:decimal asset symbol time:whole type:whole deltaType positionSide",
                     TEXT))  # fmt: skip
    assert venue.ok("GET", "/fapi/v1/positionMargin/history", **asked, type=2) == []
    rows = venue.ok("GET", "/fapi/v1/adlQuantile")
    assert [row["symbol"] for row in rows] == ["BTCUSDT", "ETHUSDT"]
    assert rows[0]["adlQuantile"] == {"LONG": 0, "SHORT": 0, "BOTH": 0}
    assert venue.ok("GET", "/fapi/v1/forceOrders") == []
    venue.now_ms += 1000
    venue.engine.mark("ETHUSDT", 1_700 * UNIT, venue.now_ms * 1_000_000)
    (row,) = venue.ok("GET", "/fapi/v1/forceOrders")
    shaped(row, R16 | {"cumBase": D, "pair": TEXT})
    assert row["clientOrderId"].startswith("autoclose-")
    assert venue.ok("GET", "/fapi/v1/forceOrders", autoCloseType="ADL") == []
    assert venue.refused("GET", "/fapi/v1/forceOrders", autoCloseType="X")[1] == -1130


def test_brackets_are_continuous(venue: Venue) -> None:
    row = venue.ok("GET", "/fapi/v1/leverageBracket", symbol="BTCUSDT")
    shaped(row, R23)
    assert len(venue.ok("GET", "/fapi/v1/leverageBracket")) == 2
    for low, high in zip(row["brackets"], row["brackets"][1:], strict=False):
        shaped(low, BRACKET)
        at = high["notionalFloor"]
        assert low["notionalCap"] == at
        assert low["initialLeverage"] > high["initialLeverage"]
        assert at * low["maintMarginRatio"] - low["cum"] == pytest.approx(
            at * high["maintMarginRatio"] - high["cum"]
        )


# Events

O_FIELDS = keys(
    "s c S o f q:decimal p:decimal ap:decimal sp:decimal x X i:whole l:decimal z:decimal L:decimal "
    "T:whole t:whole b:decimal a:decimal m:flag R:flag wt ot ps cp:flag pP:flag si:whole ss:whole "
    "rp:decimal V pm gtd:whole er",
    TEXT,
)


def updates(events: list[tuple[str, Any]], name: str) -> list[Any]:
    return [payload for found, payload in events if found == name]


def test_a_fill_is_told_by_four_events_in_this_order() -> None:
    venue = Venue()
    venue.listen()
    row = venue.ok("POST", ORDER, **market_order(newClientOrderId="mine"))
    events = venue.events()
    assert [name for name, _ in events] == [
        "ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE", "TRADE_LITE", "ORDER_TRADE_UPDATE",
    ]  # fmt: skip
    for name, payload in events:
        assert payload["e"] == name
        assert payload["E"] >= payload["T"] == NOW_MS
    (_, new), (_, account), (_, lite), (_, fill) = events
    shaped(new["o"], O_FIELDS)
    shaped(fill["o"], O_FIELDS | {"N": TEXT, "n": D})
    assert (new["o"]["x"], new["o"]["X"], new["o"]["t"]) == ("NEW", "NEW", 0)
    trade = fill["o"]
    assert (trade["x"], trade["X"], trade["i"]) == ("TRADE", "FILLED", row["orderId"])
    assert (trade["l"], trade["z"], trade["L"]) == ("0.100", "0.100", "30000.10")
    assert (trade["N"], float(trade["n"]), trade["m"]) == ("USDT", 1.500005, False)
    shaped(lite, keys("e E:whole T:whole s q:decimal p:decimal m:flag c S L:decimal l:decimal "
                      "t:whole i:whole", TEXT))  # fmt: skip
    assert (lite["c"], lite["t"], lite["i"]) == ("mine", trade["t"], trade["i"])
    assert sorted(account["a"]) == ["B", "P", "m"]
    assert account["a"]["m"] == "ORDER"
    shaped(account["a"]["B"][0], keys("a:text wb cw bc", D))
    assert account["a"]["B"][0]["bc"] == "0.00000000", "fees are no balance change"
    shaped(account["a"]["P"][0], keys("s:text pa ep bep cr up mt:text iw ps:text ma:text", D))
    assert account["a"]["P"][0]["pa"] == "0.100"


@pytest.mark.parametrize(
    ("order", "kinds", "reason"),
    [
        ({}, [("NEW", "NEW")], "0"),
        ({"timeInForce": "IOC"}, [("NEW", "NEW"), ("EXPIRED", "EXPIRED")], "2"),
        (
            {"timeInForce": "IOC", "price": "30000.10", "quantity": "2.5"},
            [("NEW", "NEW"), ("TRADE", "PARTIALLY_FILLED"), ("EXPIRED", "EXPIRED")],
            "2",
        ),
        (
            {"type": "MARKET", "timeInForce": None, "price": None, "quantity": "12"},
            [("NEW", "NEW"), *[("TRADE", "PARTIALLY_FILLED")] * 5, ("EXPIRED", "EXPIRED")],
            "9",
        ),
    ],
)
def test_how_orders_end(order: dict[str, Any], kinds: list[tuple[str, str]], reason: str) -> None:
    venue = Venue()
    # Enough money for all the market has.
    venue.engine.transfer("maker", "USDT", 10_000_000 * UNIT, NOW_MS * 1_000_000)
    venue.listen()
    venue.ok("POST", ORDER, **limit_order(**order))
    found = [each["o"] for each in updates(venue.events(), "ORDER_TRADE_UPDATE")]
    assert [(each["x"], each["X"]) for each in found] == kinds
    assert found[-1]["er"] == reason


def test_cancel_amend_and_self_trade() -> None:
    venue = Venue()
    venue.listen()
    order = venue.place()
    named = {"symbol": "BTCUSDT", "orderId": order["orderId"]}
    venue.ok("PUT", ORDER, **named, side="BUY", quantity="0.2", price="29991", modifyId=8)
    venue.ok("DELETE", ORDER, **named)
    found = [each["o"] for each in updates(venue.events(), "ORDER_TRADE_UPDATE")]
    assert [each["x"] for each in found] == ["NEW", "AMENDMENT", "CANCELED"]
    assert (found[1]["X"], found[1]["M"], found[1]["q"], found[1]["p"]) == (
        "NEW", 8, "0.200", "29991.00",
    )  # fmt: skip
    assert "M" not in found[2]
    # The taker's mode decides: EXPIRE_MAKER takes the resting order away.
    venue.place(side="SELL", price="30000.00", newClientOrderId="rests")
    venue.place(price="30000.00", newClientOrderId="comes")
    found = [each["o"] for each in updates(venue.events(), "ORDER_TRADE_UPDATE")]
    assert [(each["c"], each["x"], each["X"]) for each in found] == [
        ("rests", "NEW", "NEW"),
        ("comes", "NEW", "NEW"),
        ("rests", "EXPIRED", "EXPIRED_IN_MATCH"),
    ]
    assert found[-1]["er"] == "1"


def test_both_sides_of_a_trade_are_told() -> None:
    venue = Venue()
    keys_of = {venue.listen(who): who for who in (MAKER, OTHER)}
    assert len(keys_of) == 2
    venue.place(side="SELL", price="30000.00")
    venue.ok("POST", ORDER, OTHER, **market_order())
    venue.rest.turn(venue.now_ms)
    fills = [
        (keys_of[name.partition("@")[0]].key, payload["o"])
        for name, payload in venue.published
        if name.endswith("@ORDER_TRADE_UPDATE") and payload["o"]["x"] == "TRADE"
    ]
    assert sorted((who, fill["m"], fill["S"]) for who, fill in fills) == [
        ("MAKERKEY", True, "SELL"),
        ("OTHERKEY", False, "BUY"),
    ]
    assert len({fill["t"] for _, fill in fills}) == 1


def test_settings_push_their_change() -> None:
    venue = Venue()
    venue.listen()
    venue.ok("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=7)
    ((name, payload),) = venue.events()
    assert name == "ACCOUNT_CONFIG_UPDATE"
    assert payload["ac"] == {"s": "BTCUSDT", "l": 7}
    assert sorted(payload) == ["E", "T", "ac", "e"]
    venue.ok("POST", "/fapi/v1/marginType", symbol="BTCUSDT", marginType="ISOLATED")
    for name, payload in venue.events():
        assert (name, payload["a"]["m"]) == ("ACCOUNT_UPDATE", "MARGIN_TYPE_CHANGE")


ALGO_O = keys(
    "caid aid:whole at o s S ps f q:decimal X ai ap:decimal aq:decimal act tp:decimal p:decimal V "
    "wt pm cp:flag pP:flag R:flag tt:whole gtd:whole rm",
    TEXT,
)


def test_a_conditional_order_from_its_placing_to_its_end() -> None:
    venue = Venue()
    venue.listen()
    venue.ok("POST", ORDER, **market_order())
    held = venue.ok("POST", ALGO, **stop(workingType="MARK_PRICE"))
    venue.events()
    venue.now_ms += 1000
    venue.engine.mark("BTCUSDT", 28_999 * UNIT, venue.now_ms * 1_000_000)
    events = venue.events()
    found = [each["o"] for each in updates(events, "ALGO_UPDATE")]
    assert [each["X"] for each in found] == ["TRIGGERING", "TRIGGERED", "FINISHED"]
    for each in found:
        shaped(each, ALGO_O)
        assert (each["aid"], each["caid"]) == (held["algoId"], "held")
    orders = [each["o"] for each in updates(events, "ORDER_TRADE_UPDATE")]
    assert [each["x"] for each in orders] == ["NEW", "TRADE"]
    assert {str(each["i"]) for each in orders} == {found[1]["ai"]} == {found[2]["ai"]}
    assert (orders[0]["o"], orders[0]["ot"], orders[0]["sp"]) == (
        "MARKET", "STOP_MARKET", "29000.00",
    )  # fmt: skip
    assert found[0]["ai"] == ""
    assert (found[2]["act"], float(found[2]["aq"])) == ("MARKET", 0.1)
    row = venue.ok("GET", ALGO, algoId=held["algoId"])
    assert (row["algoStatus"], row["actualOrderId"]) == ("FINISHED", found[1]["ai"])
    assert venue.refused("DELETE", ALGO, algoId=held["algoId"])[1] == -2011


def test_a_conditional_order_that_the_engine_refuses_says_why() -> None:
    venue = Venue()
    venue.listen()
    venue.ok("POST", ALGO, **stop(quantity="99", workingType="MARK_PRICE"))
    venue.now_ms += 1000
    venue.engine.mark("BTCUSDT", 28_999 * UNIT, venue.now_ms * 1_000_000)
    found = [each["o"] for each in updates(venue.events(), "ALGO_UPDATE")]
    assert [each["X"] for each in found] == ["NEW", "TRIGGERING", "REJECTED"]
    assert found[-1]["rm"] == "Margin is insufficient."


# Listen keys


def test_the_life_of_a_listen_key() -> None:
    venue = Venue()
    path = "/fapi/v1/listenKey"
    answer = venue.send("PUT", path, key=MAKER.key)
    assert json.loads(answer.body) == {"code": -1125, "msg": "This listenKey does not exist."}
    key = venue.listen()
    assert re.fullmatch("[A-Za-z0-9]{64}", key)
    venue.now_ms += 59 * 60_000
    assert venue.listen() == key, "the same key, extended"
    venue.now_ms += 59 * 60_000
    assert json.loads(venue.send("PUT", path, key=MAKER.key).body) == {"listenKey": key}
    assert venue.events() == []
    venue.now_ms += 3600_000
    ((name, payload),) = venue.events()
    assert name == "listenKeyExpired"
    assert payload == {"e": "listenKeyExpired", "E": venue.now_ms, "listenKey": key}
    assert venue.send("PUT", path, key=MAKER.key).status == 400
    venue.place()
    assert venue.events() == [], "nobody is told"
    other = venue.listen()
    assert other != key
    assert json.loads(venue.send("DELETE", path, key=MAKER.key).body) == {}
    venue.place()
    assert venue.events() == []


@pytest.mark.parametrize("strict", [False, True])
def test_what_the_forms_of_the_private_url_deliver(strict: bool) -> None:
    from connector.venues.binance_usdm.sim import opening
    from connector.venues.binance_usdm.sim_private import EVENTS

    venue = Venue(strict_private=strict)
    key, other = venue.listen(), venue.listen(OTHER)
    named = (f"{key}@ORDER_TRADE_UPDATE", f"{key}@TRADE_LITE")
    every = () if strict else tuple(f"{key}@{event}" for event in EVENTS)

    def delivered(target: str) -> tuple[str, ...]:
        found = opening(target)
        return tuple(
            stream for name in found.streams for stream in venue.rest.private(found.route, name)
        )

    events = "ORDER_TRADE_UPDATE/TRADE_LITE"
    assert delivered(f"/private/ws?listenKey={key}&events={events}") == named
    assert delivered(f"/private/stream?listenKey={key}&events={events}") == named
    both = f"listenKey={key}&events={events}&listenKey={other}&events=ACCOUNT_UPDATE"
    assert delivered(f"/private/stream?{both}") == (*named, f"{other}@ACCOUNT_UPDATE")
    assert delivered(f"/private/ws?listenKey={key}") == every
    assert delivered(f"/private/ws/{key}") == every
    assert delivered(f"/ws/{key}") == every, "un-routed, as on the demo venue"
    assert delivered(f"/private/ws?listenKey={key}&events=ALGO_ORDER_UPDATE") == ()
    assert delivered("/private/ws?listenKey=unknown&events=ORDER_TRADE_UPDATE") == ()
    assert delivered(f"/public/ws/{key}") == ()


@pytest.mark.parametrize(
    "target",
    [
        "/private/ws?events=ORDER_TRADE_UPDATE",
        "/private/ws?listenKey=",
        "/private/ws?listenKey=k&streams=a",
        "/private/ws/k?listenKey=k",
        "/private/other",
        "/ws-fapi/v2",
    ],
)
def test_a_private_url_that_is_none_is_refused(target: str) -> None:
    from connector.venues.binance_usdm.sim import opening
    from connector.venues.sim_contract import Refused

    with pytest.raises(Refused):
        opening(target)
