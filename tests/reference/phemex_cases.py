"""Where lives of orders differ at Phemex, by group and name.

It takes no price from its book, knows no good-till date, lets an account trade with itself and has
one position a contract. What its matching engine does not take was accepted before, and it amends
what still waits for its trigger."""

import itertools
from dataclasses import replace
from typing import Any

from connector.model.reports import EndReason, Field
from tests.reference.order_cases import own_is
from tests.reference.order_lives import HALF, Act, Case, accepted, cancel, hit, not_yet, refused

AMENDED: tuple[str | Act, ...] = (accepted(quantity=HALF), "amended")
ENDED_BY_ENGINE = ("submitted", "expired")
LIVES: dict[str, dict[str, Any]] = {
    "limit gtc cancelled by an amend below what is filled": {
        "life": ("submitted", hit("SELL", 0, HALF), "partly",
                 refused("amend below filled", quantity=HALF), cancel, "cancelled"),
    },
    "limit gtc amended to what it is": {
        "life": ("submitted", refused("nothing to amend", -20, 2 * HALF), cancel, "cancelled"),
    },
    "limit fok not fillable": {
        "refused": "", "life": ENDED_BY_ENGINE, "reason": EndReason.NOT_FILLABLE},
    "limit gtx that would take": {
        "refused": "", "life": ENDED_BY_ENGINE, "reason": EndReason.POST_ONLY},
    "limit gtx amended into taking": {
        "life": ("submitted", accepted(price=10), "expired"), "reason": EndReason.POST_ONLY},
    "stp by default": {"life": ("submitted", "filled", own_is("filled"))},
    "algomkt stop has nothing left to reduce": {"reason": EndReason.REDUCE_ONLY},
    "algomkt trailing activated at once": {"refused": "would activate"},
    "limit day cancelled": {"local": None, "life": ("submitted", cancel, "cancelled")},
    "hedge without a side": {"refused": "", "life": ("submitted", cancel, "cancelled")},
}  # fmt: skip
HEDGED: dict[str, dict[str, Any]] = {
    "stp expire taker": {"reason": EndReason.VENUE},
    "stp expire taker, ioc": {"reason": EndReason.REMAINDER},
    "stp expire both": {"reason": EndReason.VENUE},
}
"""Lives of orders of contracts in decimal texts, where they differ from those above: no reason is
documented for an order that would have traded with its account's own."""
LET_GO = {"gtx": EndReason.POST_ONLY, "fok": EndReason.NOT_FILLABLE}
"""What the matching engine does not take once it is triggered is no rejected order either."""
ABSENT = {
    "price_match": Field.PRICE_MATCH,
    "good_till_ms": Field.GOOD_TILL,
    "self_trade": Field.SELF_TRADE,
    "price_protect": Field.PRICE_PROTECT,
    "position_side": Field.POSITION_SIDE,
}


OF_DECIMALS = {"self_trade", "position_side"}
"""What the contracts in decimal texts have all the same."""


def here(group: str, case: Case) -> Case:
    """The case as it goes with contracts of scaled integers."""
    return _changed(case, LIVES.get(f"{group} {case.name}"), ABSENT)


def hedged(group: str, case: Case) -> Case:
    """The case as it goes with contracts in decimal texts."""
    absent = {word: wrong for word, wrong in ABSENT.items() if word not in OF_DECIMALS}
    name = f"{group} {case.name}"
    return _changed(case, HEDGED.get(name, {} if group == "hedge" else LIVES.get(name)), absent)


def _changed(case: Case, changes: dict[str, Any] | None, absent: dict[str, Field]) -> Case:
    if changes:
        return replace(case, **changes)
    for word, wrong in absent.items():
        if word in case.order:
            return replace(case, before=(), life=(), refused="", local=wrong)
    reason = LET_GO.get(case.order.get("time_in_force", ""))
    if reason is not None and "rejected" in case.life:
        life = tuple("expired" if step == "rejected" else step for step in case.life)
        return replace(case, life=life, reason=reason)
    steps = [AMENDED if step is not_yet else (step,) for step in case.life]
    return replace(case, life=tuple(itertools.chain.from_iterable(steps)))
