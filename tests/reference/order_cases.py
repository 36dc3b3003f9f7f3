"""Every order type and time in force, each with its life, group by group.

Venues that have other words, or none, say so beside (`tests/reference/phemex_cases.py`)."""

from collections.abc import Iterator
from typing import Any

from connector.model.reports import EndReason, Field
from tests.reference.order_lives import (
    HALF,
    QTY,
    WORDS,
    Act,
    Case,
    Life,
    accepted,
    cancel,
    hit,
    hold,
    not_yet,
    rest,
    trade,
)

BOUGHT = rest("SELL", 10, 1)
"""Plenty to buy at 10 above the middle."""

LIMITS = [
    Case("gtc filled as taker", {"time_in_force": "gtc"}, ("submitted", "filled"),
         {"price": 10}, (BOUGHT,)),
    Case("gtc filled as maker in parts", {"time_in_force": "gtc"},
         ("submitted", hit("SELL", 0, HALF), "partly", hit("SELL", 0, HALF), "filled"),
         {"price": 0}),
    Case("gtc partly taken, rest cancelled", {"time_in_force": "gtc"},
         ("submitted", "partly", cancel, "cancelled"), {"price": 10}, (rest("SELL", 10, HALF),),
         reason=EndReason.COMMAND),
    Case("gtc amended, filled", {"time_in_force": "gtc"},
         ("submitted", accepted(price=-5), "amended", accepted(quantity=HALF), "amended",
          hit("SELL", -5, HALF), "filled"), {"price": 0}),
    Case("gtc amended into the other side", {"time_in_force": "gtc"},
         ("submitted", accepted(price=10), "amended", "filled"), {"price": 0}, (BOUGHT,)),
    Case("gtc partly filled, amended, filled", {"time_in_force": "gtc"},
         ("submitted", hit("SELL", 0, HALF), "partly", accepted(quantity=0.03), "amended partly",
          hit("SELL", 0, 0.01), "partly", hit("SELL", 0, 0.01), "filled"), {"price": 0}),
    Case("gtc cancelled by an amend below what is filled", {"time_in_force": "gtc"},
         ("submitted", hit("SELL", 0, HALF), "partly", accepted(quantity=HALF), "cancelled"),
         {"price": 0}),
    Case("gtc amended to what it is", {"time_in_force": "gtc"},
         ("submitted", accepted(price=-20, quantity=QTY), cancel, "cancelled"), {"price": -20}),
    Case("gtc without margin", {"time_in_force": "gtc", "quantity": "400"}, (), {"price": -20},
         refused="no margin"),
    Case("ioc filled", {"time_in_force": "ioc"}, ("submitted", "filled"), {"price": 10}, (BOUGHT,)),
    Case("ioc partly filled", {"time_in_force": "ioc"}, ("submitted", "partly", "expired"),
         {"price": 10}, (rest("SELL", 10, HALF),), reason=EndReason.REMAINDER),
    Case("ioc not filled", {"time_in_force": "ioc"}, ("submitted", "expired"), {"price": 10},
         reason=EndReason.REMAINDER),
    Case("fok filled", {"time_in_force": "fok"}, ("submitted", "filled"), {"price": 10}, (BOUGHT,)),
    Case("fok not fillable", {"time_in_force": "fok"}, (), {"price": 10},
         (rest("SELL", 10, HALF),), refused="fok"),
    Case("gtx filled as maker", {"time_in_force": "gtx"},
         ("submitted", hit("SELL", 0), "filled"), {"price": 0}),
    Case("gtx that would take", {"post_only": True}, (), {"price": 10}, (BOUGHT,),
         refused="would take"),
    Case("gtx amended into taking", {"post_only": True},
         ("submitted", accepted(price=10), "cancelled"), {"price": 0}, (BOUGHT,)),
    Case("gtd cancelled", {"time_in_force": "gtd", "good_till_ms": 4_000_000_000_000},
         ("submitted", cancel, "cancelled"), {"price": 0}),
    Case("gtd filled", {"good_till_ms": 4_000_000_000_000},
         ("submitted", hit("SELL", 0), "filled"), {"price": 0}),
    Case("day cancelled", {"time_in_force": "day"}, (), {"price": 0}, local=Field.TIME_IN_FORCE),
    Case("sold", {"side": "sell"}, ("submitted", hit("BUY", 20), "filled"), {"price": 20}),
]  # fmt: skip

MATCHED = [
    Case("queue", {"price_match": "queue"}, ("submitted", cancel, "cancelled"),
         before=(rest("BUY", -30, 0.1),)),
    Case("queue 5", {"price_match": "queue_5"}, ("submitted", cancel, "cancelled")),
    Case("opponent", {"price_match": "opponent"}, ("submitted", "filled"), before=(BOUGHT,)),
    Case("opponent 5, ioc", {"price_match": "opponent_5", "time_in_force": "ioc"},
         ("submitted", "filled"), before=(BOUGHT,)),
    Case("opponent, post only", {"price_match": "opponent", "post_only": True}, (),
         before=(BOUGHT,), refused="would take"),
]  # fmt: skip

MARKET = {"order_type": "market"}
AT_MARKET = [
    Case("filled", MARKET, ("submitted", "filled"), before=(BOUGHT,)),
    Case("filled at two prices", MARKET, ("submitted", "partly", "filled"),
         before=(rest("SELL", 10, HALF), rest("SELL", 12, HALF))),
    Case("sold", MARKET | {"side": "sell"}, ("submitted", "filled"), before=(rest("BUY", 0, 1),)),
    Case("without margin", MARKET | {"quantity": "90"}, (), before=(BOUGHT,), refused="no margin"),
    Case("reduces", MARKET | {"side": "sell", "reduce_only": True}, ("submitted", "filled"),
         before=(hold(QTY), rest("BUY", 0, 1))),
    Case("reduces as far as it goes", MARKET | {"side": "sell", "reduce_only": True},
         ("submitted", "partly", "expired"), before=(hold(HALF), rest("BUY", 0, 1)),
         reason=EndReason.REDUCE_ONLY),
    Case("has nothing to reduce", MARKET | {"reduce_only": True}, (), before=(hold(0), BOUGHT),
         refused="nothing to reduce"),
]  # fmt: skip

REDUCING = {"side": "sell", "reduce_only": True}
REDUCES = [
    Case("gtc fills", REDUCING, ("submitted", hit("BUY", 30), "filled"), {"price": 30},
         (hold(QTY),)),
    Case("gtc expires with the position", REDUCING, ("submitted", hold(0), "expired"),
         {"price": 30}, (hold(QTY),), reason=EndReason.REDUCE_ONLY),
    Case("nothing there", REDUCING, (), {"price": 30}, (hold(0),), refused="nothing to reduce"),
]  # fmt: skip

OWN = "own resting order"


def own(life: Life) -> None:
    """An order of the same account is in the way."""
    life.stage.place(f"{life.name}-own", {"price": 5}, side="sell")
    life.stage.notes.tells(f"{life.name}-own", [WORDS["submitted"]])


def own_is(word: str) -> Act:
    """It ends as told."""

    def act(life: Life) -> None:
        name = f"{life.name}-own"
        wanted = [WORDS["submitted"], WORDS[word]] if word else [WORDS["submitted"]]
        life.stage.notes.tells(name, wanted)
        if word == "expired":
            assert life.stage.notes.reports[name][-1].reason is life.stage.ground.own_trade

    return act


SELF_TRADES = [
    Case("expire taker", {"self_trade": "expire_taker"}, ("submitted", "expired", own_is("")),
         {"price": 5}, (own,), reason=EndReason.SELF_TRADE),
    Case("expire taker, ioc", {"self_trade": "expire_taker", "time_in_force": "ioc"},
         ("submitted", "expired", own_is("")), {"price": 5}, (own,), reason=EndReason.SELF_TRADE),
    Case("expire maker", {"self_trade": "expire_maker"},
         ("submitted", own_is("expired"), cancel, "cancelled"), {"price": 5}, (own,)),
    Case("expire both", {"self_trade": "expire_both"},
         ("submitted", "expired", own_is("expired")), {"price": 5}, (own,),
         reason=EndReason.SELF_TRADE),
    Case("by default", {}, ("submitted", own_is("expired"), cancel, "cancelled"), {"price": 5},
         (own,)),
]  # fmt: skip


def conditionals() -> Iterator[Case]:
    """STOPs buy and TAKE_PROFITs sell: both trigger as the price goes up to 20."""
    for kind, side in (("stop", "buy"), ("take_profit", "sell")):
        taken = "SELL" if side == "buy" else "BUY"
        price = 20 if side == "buy" else -20
        prices = {"stop_price": 20.0, "price": price}
        plenty = rest(taken, price, 1)
        empty = trade(20)
        up: Act = trade(20)
        if side == "buy":  # what triggers it is the first of what it buys
            up = hit("BUY", 20, 0.001)
        for tif in ("gtc", "ioc", "fok", "gtx", "gtd"):
            order: dict[str, Any] = {"order_type": kind, "side": side, "time_in_force": tif}
            if tif == "gtd":
                order["good_till_ms"] = 4_000_000_000_000
            name = f"{kind} {tif}"
            yield Case(f"{name} cancelled before", order,
                       ("submitted", not_yet, cancel, "cancelled"), prices)  # fmt: skip
            if tif == "gtx":
                yield Case(f"{name} would take", order, ("submitted", up, "triggered", "rejected"),
                           prices, (plenty,), reason=EndReason.TRIGGER_REJECTED)  # fmt: skip
            else:
                yield Case(f"{name} triggered, filled", order,
                           ("submitted", up, "triggered", "filled"), prices, (plenty,))  # fmt: skip
            if tif == "ioc":
                yield Case(f"{name} triggered, nothing there", order,
                           ("submitted", empty, "triggered", "expired"), prices,
                           reason=EndReason.REMAINDER)  # fmt: skip
            elif tif == "fok":
                yield Case(f"{name} triggered, not fillable", order,
                           ("submitted", empty, "triggered", "rejected"), prices,
                           reason=EndReason.TRIGGER_REJECTED)  # fmt: skip
            else:
                yield Case(f"{name} triggered, rests, filled in parts", order,
                           ("submitted", empty, "triggered",
                            hit("SELL" if side == "buy" else "BUY", price, HALF), "partly",
                            hit("SELL" if side == "buy" else "BUY", price, HALF), "filled"),
                           prices)  # fmt: skip
                yield Case(f"{name} triggered, amended, cancelled", order,
                           ("submitted", empty, "triggered", accepted(price=price - 5 * (
                               1 if side == "buy" else -1)), "amended triggered", cancel,
                            "cancelled"), prices)  # fmt: skip


CONDITIONAL = list(conditionals())
STOP_MARKET = {"order_type": "stop_market"}
PROFIT_MARKET = {"order_type": "take_profit_market", "side": "sell"}
TRAILING = {"order_type": "trailing_stop_market", "callback_rate": "0.001"}
CLOSED = ("triggered", "amended triggered", "filled")
"""How much there is to close, or what price the book gives, is known when it triggers."""
MARKET_CONDITIONAL = [
    Case("stop cancelled before", STOP_MARKET | {"working_type": "mark", "price_protect": True},
         ("submitted", not_yet, cancel, "cancelled"), {"stop_price": 500}),
    Case("stop filled", STOP_MARKET, ("submitted", hit("BUY", 20, 0.001), "triggered", "filled"),
         {"stop_price": 20}, (rest("SELL", 20, 1),)),
    Case("stop would trigger at once", STOP_MARKET, (), {"stop_price": -40},
         refused="would trigger"),
    Case("stop without margin", STOP_MARKET | {"quantity": "90"},
         ("submitted", hit("BUY", 20, 0.001), "triggered", "rejected"),
         {"stop_price": 20}, (rest("SELL", 20, 1),), reason=EndReason.TRIGGER_REJECTED),
    Case("stop reduces", STOP_MARKET | {"reduce_only": True},
         ("submitted", hit("BUY", 20, 0.001), "triggered", "filled"),
         {"stop_price": 20}, (hold(-QTY), rest("SELL", 20, 1))),
    Case("stop has nothing left to reduce", STOP_MARKET | {"reduce_only": True},
         ("submitted", hold(0), hit("BUY", 20, 0.001), "triggered", "rejected"),
         {"stop_price": 20}, (hold(-QTY), rest("SELL", 20, 1)),
         reason=EndReason.TRIGGER_REJECTED),
    Case("stop closes the position", STOP_MARKET | {"close_position": True, "quantity": None},
         ("submitted", hit("BUY", 20, 0.001), *CLOSED),
         {"stop_price": 20}, (hold(-QTY), rest("SELL", 20, 1))),
    Case("profit cancelled before", PROFIT_MARKET, ("submitted", not_yet, cancel, "cancelled"),
         {"stop_price": 500}),
    Case("profit filled", PROFIT_MARKET, ("submitted", trade(20), "triggered", "filled"),
         {"stop_price": 20}, (rest("BUY", -20, 1),)),
    Case("profit closes the position",
         PROFIT_MARKET | {"close_position": True, "quantity": None},
         ("submitted", trade(20), *CLOSED), {"stop_price": 20},
         (hold(QTY), rest("BUY", -20, 1))),
    Case("trailing cancelled before", TRAILING, ("submitted", not_yet, cancel, "cancelled")),
    Case("trailing filled", TRAILING,
         ("submitted", trade(-60), rest("SELL", 40, 1), hit("BUY", 40, 0.001), "triggered",
          "filled"), ),
    Case("trailing activated, filled", TRAILING,
         ("submitted", trade(-20), trade(-60), rest("SELL", 40, 1), hit("BUY", 40, 0.001),
          "triggered", "filled"), {"activation_price": -30}),
    Case("trailing sold", TRAILING | {"side": "sell", "callback_rate": "0.0015"},
         ("submitted", trade(80), rest("BUY", -60, 1), hit("SELL", -60, 0.001), "triggered",
          "filled"), ),
    Case("trailing activated at once", TRAILING, (), {"activation_price": 30},
         refused="would trigger"),
    Case("stop with queue", {"order_type": "stop", "price_match": "queue"},
         ("submitted", trade(20), "triggered", "amended triggered", cancel, "cancelled"),
         {"stop_price": 20}, (rest("BUY", -30, 0.1),)),
    Case("stop that trades with itself", STOP_MARKET | {"self_trade": "none"},
         ("submitted", cancel, "cancelled"), {"stop_price": 40}),
]  # fmt: skip

LONG, SHORT = {"position_side": "long"}, {"position_side": "short"}
HEDGED = [
    Case("long opened", MARKET | LONG, ("submitted", "filled"), before=(BOUGHT,)),
    Case("long reduced", LONG | {"side": "sell", "reduce_only": True},
         ("submitted", hit("BUY", 30), "filled"), {"price": 30}, (hold(QTY, "LONG"),)),
    Case("short opened", SHORT | {"side": "sell"}, ("submitted", hit("BUY", 30), "filled"),
         {"price": 30}),
    Case("short closed by a stop", STOP_MARKET | SHORT | {"close_position": True, "quantity": None},
         ("submitted", hit("BUY", 20, 0.001), *CLOSED),
         {"stop_price": 20}, (hold(-QTY, "SHORT"), rest("SELL", 20, 1))),
    Case("long closed by a profit",
         PROFIT_MARKET | LONG | {"close_position": True, "quantity": None},
         ("submitted", trade(20), *CLOSED), {"stop_price": 20},
         (hold(QTY, "LONG"), rest("BUY", -20, 1))),
    Case("without a side", {}, (), {"price": 0}, refused="position side"),
]  # fmt: skip

ONE_WAY = [
    (group, case)
    for group, cases in (
        ("limit", LIMITS),
        ("match", MATCHED),
        ("market", AT_MARKET),
        ("reduce", REDUCES),
        ("stp", SELF_TRADES),
        ("algo", CONDITIONAL),
        ("algomkt", MARKET_CONDITIONAL),
    )
    for case in cases
]
BOTH_WAYS = [("hedge", case) for case in HEDGED]
"""With an account that holds a long and a short position."""
