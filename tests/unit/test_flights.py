"""What becomes of requests that were under way, as their account's budgets see it."""

from types import SimpleNamespace
from typing import Any, cast

from connector._speedups.segment import Segment
from connector.flights import Flights, Flying
from connector.model.counters import Counter
from connector.model.intents import Action
from tests.unit.test_order_budget import PLACE, budget


def test_a_request_that_did_not_leave_uses_nothing_up_and_one_that_was_lost_does() -> None:
    """Of the second nobody knows whether the venue counted it."""
    told: list[tuple[str, int]] = []
    desk = SimpleNamespace(
        unsent=lambda request, why, code: told.append(("unsent", request)),
        lost=lambda request: told.append(("lost", request)),
        words=lambda account, request: lambda what, text, status: None,
    )
    account = cast(Any, SimpleNamespace(desk=desk, trading=None, name="main"))
    mine, segment, now_ns = budget(), Segment.create(1 << 18), 10**15
    flights = Flights(account, mine, lambda headers: {}, segment)
    for request, end in enumerate((flights.unsent, flights.unsent, flights.lost)):
        flights.begin(request, Flying(Action.PLACE, spent=mine.take(PLACE, now_ns, now_ns)))
        end(request, "a reason")
    assert told == [("unsent", 0), ("unsent", 1), ("lost", 2)]
    assert {part.used(now_ns, now_ns) for pool, part in mine.pools} == {1}
    assert segment.counter(Counter.REQUESTS_UNSENT.value) == 2
    assert segment.counter(Counter.REQUESTS_LOST.value) == 1
    assert not flights.flying
