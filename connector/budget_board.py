"""Rate budgets where strategies and `connector top` see them: in the market segment."""

import logging
from collections.abc import Iterable

from connector._speedups.segment import Segment
from connector.ipc.counters import EVERYBODY
from connector.protocol.ratelimit import Budget
from connector.venues.contract import Cost, Pool

log = logging.getLogger("connector.budgets")


class BudgetBoard:
    """Publishes the pools of a venue's address or of one account."""

    def __init__(self, segment: Segment, venue: int, account: int = EVERYBODY) -> None:
        self._segment, self._venue, self._account = segment, venue, account
        self.places: dict[tuple[str, int], int] = {}
        """By name and window; negative: it is not shown."""

    def publish(self, pools: Iterable[tuple[Pool, Budget]], now_ns: int, venue_ns: int) -> None:
        """How much is used, by our own count or the venue's, whichever is larger."""
        for pool, budget in pools:
            place = self.places.get((pool.name, pool.window_ns))
            if place is None:
                place = self._add(pool)
            if place >= 0:
                resets_ns = now_ns + pool.window_ns - venue_ns % pool.window_ns
                used = budget.used(now_ns, venue_ns)
                self._segment.set_budget(place, used, pool.limit, pool.window_ns, resets_ns)

    def spend(self, costs: Iterable[Cost]) -> None:
        """A request just took this; the next ``publish`` is exact."""
        for cost in costs:
            place = self.places.get((cost.pool, cost.window_ns), -1)
            if place >= 0:
                self._segment.spend_budget(place, cost.units)

    def _add(self, pool: Pool) -> int:
        try:
            place = self._segment.add_budget(pool.name, self._venue, self._account)
        except ValueError as error:
            log.warning("a budget is not shown: %s", error)
            place = -1
        self.places[pool.name, pool.window_ns] = place
        return place
