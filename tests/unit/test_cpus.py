"""Whose a CPU is: the loop's, somebody else's, or left for threads beside the loop."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from connector import cpus
from connector.cpus import isolated_cpus, parse_cpus
from connector.errors import ConfigError

MINE = frozenset(os.sched_getaffinity(0))
TWO = pytest.mark.skipif(len(MINE) < 2, reason="there is one CPU")


@pytest.mark.parametrize(
    ("text", "cpus"),
    [("", set()), ("3", {3}), ("0,2-4", {0, 2, 3, 4}), ("1-2\n", {1, 2})],
)
def test_cpu_lists_are_read_as_the_kernel_writes_them(text: str, cpus: set[int]) -> None:
    assert parse_cpus(text) == cpus


def test_a_missing_or_odd_list_isolates_nothing(tmp_path: Path) -> None:
    assert isolated_cpus(tmp_path / "nothing") == frozenset()
    (tmp_path / "odd").write_text("a-b")
    assert isolated_cpus(tmp_path / "odd") == frozenset()


def beside(mine: frozenset[int], what: Callable[[], frozenset[int]]) -> frozenset[int]:
    """Done by a thread that has these CPUs."""

    def bound() -> frozenset[int]:
        os.sched_setaffinity(0, mine)  # of this thread alone
        return what()

    with ThreadPoolExecutor(1) as threads:
        return threads.submit(bound).result()


@TWO
def test_beside_a_loop_whose_cpu_is_configured_there_is_what_the_process_had_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cpus, "_granted", frozenset())
    own = min(MINE)

    def bound() -> frozenset[int]:
        cpus.bind(own)
        cpus.leave()
        return frozenset(os.sched_getaffinity(0))

    assert beside(MINE, bound) == MINE - {own} - isolated_cpus()


@TWO
def test_isolated_cpus_are_nobodys_spare(monkeypatch: pytest.MonkeyPatch) -> None:
    own, other = sorted(MINE)[:2]
    monkeypatch.setattr(cpus, "_granted", MINE)
    assert other not in beside(frozenset({own}), lambda: cpus.spare(frozenset({own, other})))
    monkeypatch.setattr(cpus, "_granted", frozenset())
    assert other in beside(frozenset({own}), lambda: cpus.spare(frozenset({own})))


@TWO
def test_threads_stay_where_an_operator_put_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpus, "_granted", frozenset())
    for mine in (frozenset({min(MINE)}), MINE):
        assert beside(mine, lambda: cpus.spare(frozenset())) == frozenset()


def test_a_cpu_that_is_not_there_is_a_fault_of_the_configuration() -> None:
    with pytest.raises(ConfigError, match=r"daemon\.cpu: 1000: Invalid argument"):
        cpus.bind(1000)
