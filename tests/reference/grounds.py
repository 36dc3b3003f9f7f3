"""All grounds, and what each says about cases that are not its own."""

from collections.abc import Callable

from tests.reference import binance_client, phemex_cases, phemex_client
from tests.reference.ground import Ground
from tests.reference.order_lives import Case

GROUNDS = [*binance_client.GROUNDS, *phemex_client.GROUNDS]
HERE: dict[str, Callable[[str, Case], Case]] = {"phemex": phemex_cases.here}
"""By venue; the others live as the table says."""


def here(ground: Ground, group: str, case: Case) -> Case:
    """The case as it goes on a ground."""
    changed = HERE.get(ground.venue)
    return case if changed is None else changed(group, case)
