"""All grounds, and what each says about cases that are not its own."""

from collections.abc import Callable

import pytest

from tests.reference import (
    binance_client,
    cadenza_cases,
    cadenza_client,
    phemex_cases,
    phemex_client,
    phemex_hedged_client,
)
from tests.reference.ground import Ground
from tests.reference.order_lives import Case

INVERSE, LINEAR = phemex_client.GROUNDS
CADENZA = cadenza_client.GROUND
FAMILIES = [*binance_client.GROUNDS, INVERSE, phemex_hedged_client.GROUND, CADENZA]
GROUNDS = [*FAMILIES, LINEAR]
EACH = [binance_client.GROUNDS[0], INVERSE, phemex_hedged_client.GROUND, CADENZA]
"""One for each venue and family of contracts."""
VENUES = [EACH[0], INVERSE, CADENZA]
"""One for each venue: the families of one differ in their requests and events, not in what is made
of them."""
WIRES = [*binance_client.GROUNDS, INVERSE, CADENZA]
"""One for each venue and way that orders travel."""
LINEAR_ONES = [EACH[0], EACH[2]]
"""One for each venue, settled in the currency of its prices."""
PRICED = [*LINEAR_ONES, cadenza_client.COARSE]
"""The same, and what is paid in that currency."""
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
"""Which all of those list."""
HERE: dict[tuple[str, str], Callable[[str, Case], Case]] = {
    ("phemex", ""): phemex_cases.here,
    ("phemex", "hedged"): phemex_cases.hedged,
    ("cadenza", ""): cadenza_cases.here,
}
"""By venue and family; the others live as the table says."""


def only(ground: Ground, among: list[Ground]) -> None:
    """Skip what is the same on another ground."""
    if ground not in among:
        pytest.skip(f"the same on {', '.join(one.name for one in among)}")


def here(ground: Ground, group: str, case: Case) -> Case:
    """The case as it goes on a ground."""
    changed = HERE.get((ground.venue, ground.family))
    return case if changed is None else changed(group, case)
