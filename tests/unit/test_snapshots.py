"""When one symbol's next snapshot may be asked for: time in, time out."""

from random import Random

import pytest

from connector.market.snapshots import LONGEST_NS, STEADY_NS, SnapshotBackoff

S = 1_000_000_000


def backoff(asked: int = 0, now_ns: int = 0) -> SnapshotBackoff:
    """Without luck: each wait is as long as it may be."""
    one = SnapshotBackoff(lambda most: most - 1)
    for _ in range(asked):
        one.asked(now_ns)
    return one


def wait_s(one: SnapshotBackoff, now_ns: int) -> float:
    one.asked(now_ns)
    return (one.not_before_ns - now_ns) / S


def test_it_doubles_up_to_a_minute() -> None:
    one = backoff()
    assert [wait_s(one, 0) for _ in range(9)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_half_of_each_wait_is_drawn() -> None:
    found = []
    for seed in range(200):
        one = SnapshotBackoff(Random(seed).randrange)
        found.append([wait_s(one, 0) for _ in range(8)])
    for waits, most in zip(zip(*found, strict=True), (1, 2, 4, 8, 16, 32, 60, 60), strict=True):
        assert most / 2 <= min(waits) < most * 0.55
        assert most * 0.95 < max(waits) <= most


@pytest.mark.parametrize(
    ("moves", "attempts"),
    [
        ([("valid", 0), ("invalid", STEADY_NS)], 0),  # a minute, to the nanosecond
        ([("valid", 0), ("invalid", STEADY_NS - 1)], 5),
        ([("invalid", STEADY_NS)], 5),  # it never was valid
        ([("valid", 0), ("invalid", 40 * S), ("valid", 41 * S), ("invalid", 90 * S)], 5),
        ([("valid", 0), ("invalid", 40 * S), ("valid", 41 * S), ("invalid", 101 * S)], 0),
        ([("valid", 0)], 5),  # still valid: decided when it ends
        ([("connected", 0)], 0),  # other connections, another book
        ([("valid", 0), ("connected", S), ("invalid", 2 * S)], 0),
    ],
)
def test_only_a_steady_minute_or_a_new_connection_starts_it_anew(
    moves: list[tuple[str, int]], attempts: int
) -> None:
    one = backoff(asked=5)
    for name, now_ns in moves:
        getattr(one, name)(now_ns)
    assert one.attempts == attempts


def test_a_new_connection_shortens_the_wait_that_runs() -> None:
    one = backoff(asked=7)
    assert one.not_before_ns == LONGEST_NS
    one.connected(10 * S)
    assert one.not_before_ns == 11 * S
    assert wait_s(one, 11 * S) == 1


def test_a_refusal_costs_a_minute() -> None:
    one = backoff(asked=1)
    one.refused(5 * S)
    assert one.not_before_ns == 5 * S + LONGEST_NS
