"""How fast the demo's strategy may go: as the venue's limits allow, and never to their end."""

from collections import deque
from typing import Any

import pytest

from connector.cli._demo_maker import KEPT, Pace
from connector.ipc.counters import Budget

MS = 1_000_000
S = 1000 * MS


class Venue:
    """A session whose venue counts what was taken in each window."""

    def __init__(self, *limits: tuple[int, int]) -> None:
        self.now_ns = 1000 * S
        self._limits = limits
        self.taken: deque[int] = deque()

    def amends(self, account: str) -> bool:
        return account == "amending"

    def used(self, window_ns: int) -> int:
        return sum(self.now_ns - at_ns < window_ns for at_ns in self.taken)

    def budget(self, account: str, *, orders: bool) -> list[Budget]:
        assert orders
        return [
            Budget(self.used(window_ns), limit, window_ns, 0, 0, None, "orders")
            for limit, window_ns in self._limits
        ]

    def trade(self, pace: Pace, seconds: float) -> None:
        """Take whatever the pace allows, and see that no window is ever used up."""
        end_ns = self.now_ns + int(seconds * S)
        while self.now_ns < end_ns:
            if pace.take(self.now_ns):
                self.taken.append(self.now_ns)
                for limit, window_ns in self._limits:
                    assert self.used(window_ns) <= limit * (1 - KEPT)
            self.now_ns += 20 * MS


@pytest.mark.parametrize(
    ("limits", "first", "steady"),
    [
        ([(50, 60 * S)], 12, 25),
        ([(500, 60 * S)], 120, 250),
        ([(300, 10 * S), (1200, 60 * S)], 150, 500),
    ],
    ids=["50 a minute", "500 a minute", "two windows"],
)
def test_it_begins_at_once_and_goes_on_for_ever(
    limits: list[tuple[int, int]], first: int, steady: int
) -> None:
    """``first``: at least so many in ten seconds; ``steady``: in any later minute."""
    venue = Venue(*limits)
    session: Any = venue
    pace = Pace(session, "main")
    venue.trade(pace, 10)
    assert len(venue.taken) >= first
    venue.trade(pace, 110)
    for _ in range(3):
        before = len(venue.taken)
        venue.trade(pace, 60)
        assert len(venue.taken) - before >= steady


def test_what_others_used_up_stops_it_until_it_is_given_back() -> None:
    venue = Venue((50, 60 * S))
    session: Any = venue
    pace = Pace(session, "main")
    venue.taken.extend([venue.now_ns] * 40)
    assert not pace.take(venue.now_ns)
    venue.now_ns += 60 * S
    assert pace.take(venue.now_ns)


def test_a_venue_without_limits_sets_no_pace() -> None:
    venue = Venue()
    session: Any = venue
    pace = Pace(session, "amending")
    assert pace.take(venue.now_ns)
    assert pace.take(venue.now_ns)
    assert pace.amends
