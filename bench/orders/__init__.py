"""The order path in whole processes."""

from bench.orders import latency, rest
from bench.report import Group


def run(rounds: int) -> list[Group]:
    """Every bench of this folder."""
    return [*latency.run(rounds), rest.round_trips(rounds)]
