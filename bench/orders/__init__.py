"""The order path in whole processes."""

from bench.orders import latency
from bench.report import Group


def run(rounds: int) -> list[Group]:
    """Every bench of this folder but the peers."""
    return latency.run(rounds)
