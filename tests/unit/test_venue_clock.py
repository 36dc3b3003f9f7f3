"""A venue's clock from round trips: the quickest rules, until the clock was set."""

import random

import pytest

from connector.trading.clock import DRIFT_NS, SAMPLES, VenueClock

MS = 1_000_000


def tell(clock: VenueClock, now_ns: int, offset_ns: int, there_ns: int, back_ns: int) -> None:
    """An answer to a question that took so long there, and so long back."""
    clock.heard(now_ns, now_ns + there_ns + back_ns, now_ns + there_ns + offset_ns)


@pytest.mark.parametrize("seed", range(50))
def test_never_wrong_by_more_than_it_says(seed: int) -> None:
    rng = random.Random(seed)
    clock, offset_ns = VenueClock(), rng.randrange(-(10**18), 10**18)
    for turn in range(3 * SAMPLES):
        tell(clock, turn * 10**9, offset_ns, rng.randrange(900 * MS), rng.randrange(900 * MS))
        assert abs(clock.offset_ns - offset_ns) <= clock.error_ns + 1


@pytest.mark.parametrize("step_ms", [-86_400_000, -20_000, -1_000, 1_000, 20_000, 86_400_000])
def test_a_clock_that_was_set_is_believed_at_once(step_ms: int) -> None:
    clock = VenueClock()
    for turn in range(SAMPLES):
        tell(clock, turn * 10**9, 5, MS, MS)
    tell(clock, 10**12, 5 + step_ms * MS, 100 * MS, 300 * MS)  # a slow answer, too
    assert abs(clock.offset_ns - 5 - step_ms * MS) <= clock.error_ns == 200 * MS
    tell(clock, 10**12 + 10**9, 5 + step_ms * MS, MS, MS)
    assert clock.offset_ns == 5 + step_ms * MS


def test_drift_is_no_step() -> None:
    clock = VenueClock()
    tell(clock, 0, 0, MS, MS)
    tell(clock, 10**9, DRIFT_NS, 20 * MS, 20 * MS)
    assert clock.offset_ns == 0
    assert clock.error_ns == MS
