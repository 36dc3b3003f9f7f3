"""What several parameters of an endpoint may be together, by sections 6, 8 and 9 of the reference.

Spans that the venue wants below a length are refused at that length, too."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from connector.venues.parameters import Rule, listed, needed, not_with, one_of, only, within

DAY_MS = 86_400_000
TRAILING = "TRAILING_STOP_MARKET"
LIMITS = ("STOP", "TAKE_PROFIT")
CLOSING = ("STOP_MARKET", "TAKE_PROFIT_MARKET")


def days(most: int) -> tuple[Rule, ...]:
    return (within("startTime", "endTime", most * DAY_MS, f"at most {most} days"),)


def _priced(*types: str) -> Rule:
    return Rule(
        "price",
        f"needed where type is {' or '.join(types)}, unless priceMatch is given",
        lambda given: given.get("type") not in types or bool({"price", "priceMatch"} & {*given}),
    )


def _closes(given: Mapping[str, Any]) -> bool:
    return given.get("closePosition") == "true"


ORDER_ID = (one_of("orderId", "origClientOrderId"),)
PLACE = (
    needed("timeInForce", "type", "LIMIT"),
    needed("quantity", "type", "LIMIT", "MARKET"),
    _priced("LIMIT"),
    not_with("price", "priceMatch"),
    only("priceMatch", "type", "LIMIT"),
    needed("goodTillDate", "timeInForce", "GTD"),
)
AMEND = (*ORDER_ID, one_of("price", "priceMatch"), not_with("price", "priceMatch"))
FIVE = (listed("batchOrders", 1, 5),)
CANCEL_BATCH = (
    one_of("orderIdList", "origClientOrderIdList"),
    listed("orderIdList", 1, 10),
    listed("origClientOrderIdList", 1, 10),
)
DAYS_7 = (within("startTime", "endTime", 7 * DAY_MS - 1, "less than 7 days"),)
TRADES = (not_with("fromId", "startTime", "endTime"), *days(7))
YEAR = (within("startTime", "endTime", 366 * DAY_MS, "at most a year"),)

ALGO_ID = (one_of("algoId", "clientAlgoId"),)
ALGO = (
    needed("triggerPrice", "type", *LIMITS, *CLOSING),
    only("triggerPrice", "type", *LIMITS, *CLOSING),
    _priced(*LIMITS),
    not_with("price", "priceMatch"),
    only("priceMatch", "type", *LIMITS),
    needed("callbackRate", "type", TRAILING),
    only("callbackRate", "type", TRAILING),
    only("activatePrice", "type", TRAILING),
    Rule(
        "callbackRate",
        "a percentage from 0.1 to 20",
        lambda given: Decimal("0.1") <= Decimal(given.get("callbackRate", "1")) <= 20,
    ),
    Rule(
        "closePosition",
        f"true only where type is {' or '.join(CLOSING)}",
        lambda given: not _closes(given) or given.get("type") in CLOSING,
    ),
    Rule(
        "quantity",
        "needed unless closePosition is true, and not together with it",
        lambda given: _closes(given) is not ("quantity" in given),
    ),
    Rule(
        "reduceOnly",
        "not together with closePosition=true",
        lambda given: not (_closes(given) and "reduceOnly" in given),
    ),
    needed("goodTillDate", "timeInForce", "GTD"),
)
