"""Read log-linear latency histograms back: buckets in, percentiles out.

``_speedups/histogram.pxd`` fills them: a value below 32 has a bucket of its own; above, every power
of two has 32 buckets, so a bucket is at most 1/32 of its value wide.
"""

from collections.abc import Sequence

from msgspec import Struct

BUCKETS = 1024


def bucket(value_ns: int) -> int:
    """The bucket a duration falls into; the oracle of the compiled formula."""
    if value_ns < 32:
        return max(value_ns, 0)
    exponent = value_ns.bit_length() - 1
    return min((exponent - 4) * 32 + ((value_ns >> (exponent - 5)) & 31), BUCKETS - 1)


def lower_ns(index: int) -> int:
    """The smallest duration of a bucket."""
    if index < 32:
        return index
    exponent, part = index // 32 + 4, index % 32
    return (32 + part) << (exponent - 5)


class Percentiles(Struct, frozen=True):
    """A histogram in ns; a percentile is its bucket's middle, never above ``max_ns``."""

    count: int
    mean: float
    p50: int
    p99: int
    p999: int
    max_ns: int


def percentile(buckets: Sequence[int], share: float) -> int:
    """The duration below which ``share`` (0..1) of the counted ones lie, in ns; 0 when empty."""
    wanted = share * sum(buckets)
    seen = 0
    for index, count in enumerate(buckets):
        seen += count
        if count and seen >= wanted:
            low = lower_ns(index)
            width = lower_ns(index + 1) - low if index + 1 < BUCKETS else 1
            return low + (width - 1) // 2
    return 0


def summarize(buckets: Sequence[int], sum_ns: int, max_ns: int) -> Percentiles:
    """Percentiles of a histogram as read from shared memory."""
    count = sum(buckets)
    if not count:
        return Percentiles(0, 0.0, 0, 0, 0, 0)
    p50, p99, p999 = (min(percentile(buckets, share), max_ns) for share in (0.5, 0.99, 0.999))
    return Percentiles(count, sum_ns / count, p50, p99, p999, max_ns)
