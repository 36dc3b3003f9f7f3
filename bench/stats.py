"""Percentiles of plain samples, and rounds that are taken in turn."""

from collections.abc import Callable, Mapping, Sequence
from statistics import median


def percentile(samples: Sequence[int], share: float) -> float:
    """The sample below which ``share`` (0..1) of them lie."""
    ordered = sorted(samples)
    return float(ordered[min(int(share * len(ordered)), len(ordered) - 1)])


def spread(samples: Sequence[int]) -> tuple[float, float, float]:
    """p50, p99 and p99.9."""
    ordered = sorted(samples)
    last = len(ordered) - 1
    p50, p99, p999 = (
        float(ordered[min(int(share * len(ordered)), last)]) for share in (0.5, 0.99, 0.999)
    )
    return p50, p99, p999


def in_turn(contenders: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Each contender once a round, so that what disturbs the machine disturbs all of them alike."""
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            found[name].append(run())
    return found


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Median of the rounds' own ratios: each was measured within one moment of the machine."""
    return median(our / their for our, their in zip(ours, theirs, strict=True))
