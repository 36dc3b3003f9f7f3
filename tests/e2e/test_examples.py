"""The examples and README's strategy do what they say, against a simulated venue and a daemon."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.e2e.stage import ROOT, Stage, stage


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("x"), "BTCUSDT") as both:
        yield both


def first_lines(arguments: list[str], running: Stage, wanted: int) -> list[str]:
    """The first lines a program prints; it is ended when they are there."""
    with subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ
        | {"CONNECTOR_RUNTIME_DIR": str(running.runtime), "PYTHONPATH": str(ROOT),
           "PYTHONUNBUFFERED": "1"},
    ) as program:  # fmt: skip
        assert program.stdout is not None
        assert program.stderr is not None
        lines = [program.stdout.readline() for _ in range(wanted)]
        program.kill()
        assert all(lines), program.stderr.read()
    return lines


def python_blocks(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.S)


def test_the_strategy_of_the_readme_runs_and_is_ten_lines(running: Stage) -> None:
    code, _ = python_blocks("README.md")
    assert len(code.strip().splitlines()) <= 10
    lines = first_lines(["-c", code], running, 5)
    for line in lines:
        assert re.search(r"\d+\.\d+", line), line


def test_watch_book_prints_prices_that_are_not_crossed(running: Stage) -> None:
    lines = first_lines(["examples/watch_book.py", "BTCUSDT"], running, 10)
    prices = [line for line in lines if line.startswith("BTCUSDT")]
    assert prices
    for line in prices:
        symbol, _, bid, ask, _ = line.split()
        assert symbol == "BTCUSDT"
        assert 0 < float(bid) < float(ask)


@pytest.mark.parametrize("page", ["README.md", "docs/strategy-api.md", "docs/trading.md"])
def test_python_in_the_pages_compiles(page: str) -> None:
    blocks = python_blocks(page)
    assert blocks
    for block in blocks:
        compile(block, page, "exec")
