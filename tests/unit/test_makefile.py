"""The Makefile offers what it promises, and each target is short."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.conftest import LONGEST

ROOT = Path(__file__).resolve().parents[2]
TARGETS = [
    "demo",
    "test",
    "check",
    "fuzz",
    "soak",
    "bench",
    "bench-peers",
    "dev",
    "cover",
    "asan",
    "clean",
    "help",
]


def test_help_lists_every_target() -> None:
    shown = subprocess.run(
        ["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30
    ).stdout
    assert "Entering directory" not in shown
    for target in TARGETS:
        assert re.search(rf"^  make {target} +\S", shown, re.M), f"make help does not tell {target}"


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_has_at_most_three_lines(target: str) -> None:
    text = (ROOT / "Makefile").read_text()
    recipe = re.search(rf"^{target}:.*\n((?:\t.*\n)*)", text, re.M)
    assert recipe is not None
    assert recipe[1].count("\n") <= 3


@pytest.mark.parametrize("script", ["tools/setup-venv", "tools/traced", ".ci/run"])
def test_a_script_is_executable_and_stops_at_the_first_failure(script: str) -> None:
    path = ROOT / script
    assert path.stat().st_mode & 0o111
    assert "set -euo pipefail" in path.read_text()
    subprocess.run(["bash", "-n", str(path)], check=True, timeout=30)


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"PYTHON": "no-such-python"}, "no-such-python is missing; on Debian: apt-get install"),
        ({"CC": "no-such-compiler"}, "apt-get install build-essential"),
    ],
)
def test_what_is_missing_is_named_with_its_package(
    tmp_path: Path, environ: dict[str, str], said: str
) -> None:
    (tmp_path / "tools").mkdir()
    script = tmp_path / "tools" / "setup-venv"
    script.write_bytes((ROOT / "tools" / "setup-venv").read_bytes())
    answer = subprocess.run(
        ["bash", str(script)], capture_output=True, text=True, timeout=60, env=os.environ | environ
    )
    assert answer.returncode == 1
    assert said in answer.stderr
    assert not (tmp_path / ".venv").exists()


def test_the_files_that_begin_are_there() -> None:
    assert [name for name in LONGEST if not (ROOT / "tests" / name).is_file()] == []
    assert len(set(LONGEST)) == len(LONGEST)
