"""Which examples the properties are shown, and how many."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
from types import SimpleNamespace

from hypothesis import given, settings, strategies as st

from tests.conftest import TIMES, more_examples

seen = []

@settings(max_examples=20)
@given(st.integers())
def one(number):
    seen.append(number)

more_examples([SimpleNamespace(obj=one), SimpleNamespace(obj=one)], TIMES)
one()
print(settings.default.derandomize, settings.default.database is None, len(seen), hash(tuple(seen)))
"""


def told(**environment: str) -> list[str]:
    """Whether examples are the same each time, whether none are kept, how many there are, which."""
    kept = {
        key: value for key, value in os.environ.items() if key not in ("CI", "CONNECTOR_EXAMPLES")
    }
    return subprocess.run(
        [sys.executable, "-c", SCRIPT], env=kept | environment, cwd=ROOT, check=True,
        capture_output=True, text=True,
    ).stdout.split()  # fmt: skip


def test_the_gate_shows_the_same_examples_each_time() -> None:
    first, again = told(CI="true"), told(CI="true")
    assert first[:3] == ["True", "True", "20"]
    assert first == again


@pytest.mark.parametrize("ci", [{}, {"CI": ""}])
def test_elsewhere_they_differ(ci: dict[str, str]) -> None:
    first, again = told(**ci), told(**ci)
    assert first[0] == "False"
    assert first[3] != again[3]


def test_who_asks_for_more_examples_has_others_in_the_gate_too() -> None:
    first, again = told(CI="1", CONNECTOR_EXAMPLES="3"), told(CI="1", CONNECTOR_EXAMPLES="3")
    assert (first[0], first[2]) == ("False", "60")
    assert first[3] != again[3]
