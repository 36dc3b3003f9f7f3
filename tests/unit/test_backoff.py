"""Laws of the waiting times."""

import random

import pytest

from connector.protocol.backoff import Backoff

S = 1_000_000_000


def test_the_ceiling_doubles_to_its_most_and_starts_again_after_success() -> None:
    backoff = Backoff(S, 30 * S, lambda: 1.0)
    assert [backoff.next_ns() // S for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]
    backoff.reset()
    assert backoff.next_ns() == S


def test_jitter_does_not_collapse_at_the_largest_ceiling() -> None:
    source = random.Random(7)
    backoffs = [Backoff(S, 30 * S, source.random) for _ in range(1000)]
    for backoff in backoffs:
        for _ in range(20):
            backoff.next_ns()
    delays = [backoff.next_ns() for backoff in backoffs]
    assert max(delays) - min(delays) > 0.95 * 30 * S
    early = sum(delay < 15 * S for delay in delays)
    assert 400 < early < 600


def test_no_delay_is_below_the_floor_or_above_the_ceiling() -> None:
    source = random.Random(1)
    backoff = Backoff(2 * S, 60 * S, source.random, floor_ns=S)
    for _ in range(200):
        ceiling = backoff.ceiling_ns
        assert S <= backoff.next_ns() <= ceiling <= 60 * S


def test_a_very_long_outage_does_not_overflow() -> None:
    backoff = Backoff(S, 60 * S, lambda: 0.5)
    backoff.failures = 10_000
    assert backoff.next_ns() == 30 * S


@pytest.mark.parametrize(("first", "most", "floor"), [(0, 1, 0), (2, 1, 0), (1, 2, 1), (1, 2, -1)])
def test_bounds_that_make_no_sense_are_refused(first: int, most: int, floor: int) -> None:
    with pytest.raises(ValueError, match="floor"):
        Backoff(first, most, random.random, floor)
