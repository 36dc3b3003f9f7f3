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
LET_GO = {"gtx": EndReason.POST_ONLY, "fok": EndReason.NOT_FILLABLE}
"""What the matching engine does not take once it is triggered is no rejected order either."""
ABSENT = {
    "price_match": Field.PRICE_MATCH,
    "good_till_ms": Field.GOOD_TILL,
    "self_trade": Field.SELF_TRADE,
    "price_protect": Field.PRICE_PROTECT,
    "position_side": Field.POSITION_SIDE,
}


def here(group: str, case: Case) -> Case:
    """The case as it goes here."""
    name = f"{group} {case.name}"
    if name in LIVES:
        return replace(case, **LIVES[name])
    for word, wrong in ABSENT.items():
        if word in case.order:
            return replace(case, before=(), life=(), refused="", local=wrong)
    reason = LET_GO.get(case.order.get("time_in_force", ""))
    if reason is not None and "rejected" in case.life:
        life = tuple("expired" if step == "rejected" else step for step in case.life)
        return replace(case, life=life, reason=reason)
    steps = [AMENDED if step is not_yet else (step,) for step in case.life]
    return replace(case, life=tuple(itertools.chain.from_iterable(steps)))
