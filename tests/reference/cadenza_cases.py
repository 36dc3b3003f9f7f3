"""Where lives of orders differ at Cadenza, by group and name.

It amends nothing (section 13 item 12 of the reference), buys and sells assets, so that no order is
bound to a position, and takes from an order neither a trigger of another price, a price of its book
nor a word about self trades (section 5.1). What it has taken it ends by itself: a post-only order
that would take is rejected afterwards, one that cannot be filled whole expires. That a conditional
order was triggered it does not tell."""

from dataclasses import replace
from typing import Any

from connector.model.reports import EndReason, Field
from tests.reference.order_cases import own_is
from tests.reference.order_lives import HALF, Act, Case, cancel, hit, not_yet, unamendable

UNAMENDED: tuple[str | Act, ...] = ("submitted", unamendable, cancel, "cancelled")
LIVES: dict[str, dict[str, Any]] = {
    "limit gtc amended, filled": {"life": UNAMENDED},
    "limit gtc amended into the other side": {"life": UNAMENDED},
    "limit gtc partly filled, amended, filled": {
        "life": ("submitted", hit("SELL", 0, HALF), "partly", unamendable, hit("SELL", 0, HALF),
                 "filled"),
    },
    "limit gtc cancelled by an amend below what is filled": {
        "life": ("submitted", hit("SELL", 0, HALF), "partly", unamendable, cancel, "cancelled"),
    },
    "limit gtc amended to what it is": {"life": UNAMENDED},
    # 231 are the most that an order may be of.
    "limit gtc without margin": {"order": {"time_in_force": "gtc", "quantity": "200"}},
    "limit fok not fillable": {
        "refused": "", "life": ("submitted", "expired"), "reason": EndReason.NOT_FILLABLE},
    "limit gtx that would take": {"refused": "", "life": ("submitted", "rejected")},
    "limit gtx amended into taking": {"life": UNAMENDED},
    # What an order may cost is put aside when it is placed.
    "algomkt stop without margin": {"life": (), "refused": "no margin", "reason": None},
    "stp by default": {"life": ("submitted", "filled", own_is("filled"))},
    "hedge without a side": {"refused": "", "life": ("submitted", cancel, "cancelled")},
}  # fmt: skip
ABSENT = {
    "callback_rate": Field.ORDER_TYPE,
    "position_side": Field.POSITION_SIDE,
    "reduce_only": Field.REDUCE_ONLY,
    "close_position": Field.CLOSE_POSITION,
    "price_protect": Field.PRICE_PROTECT,
    "price_match": Field.PRICE_MATCH,
    "self_trade": Field.SELF_TRADE,
    "working_type": Field.WORKING_TYPE,
}
"""In the order in which they are looked at."""


def here(group: str, case: Case) -> Case:
    """The case as it goes there."""
    if changes := LIVES.get(f"{group} {case.name}"):
        return replace(case, **changes)
    order = case.order
    wrong = next((field for word, field in ABSENT.items() if word in order), None)
    if wrong is None and group == "algo" and order.get("time_in_force") == "gtx":
        wrong = Field.TIME_IN_FORCE  # only a limit order is post-only
    if wrong is not None:
        return replace(case, before=(), life=(), refused="", local=wrong)
    if "amended triggered" in case.life:
        return replace(case, life=UNAMENDED)
    life = tuple(_step(step) for step in case.life if step != "triggered")
    if case.reason is EndReason.TRIGGER_REJECTED:
        return replace(case, life=life, reason=None)
    return replace(case, life=life)


def _step(step: str | Act) -> str | Act:
    return unamendable if step is not_yet else step
