"""The page of error codes is what the tables say: ``tools/error-codes`` writes it."""

import re
import subprocess
import sys
from pathlib import Path

from connector.model.reports import Code
from connector.venues.binance_usdm import error_codes as binance_usdm
from connector.venues.phemex import error_codes as phemex

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "error-codes.md").read_text()


def test_the_page_is_up_to_date() -> None:
    done = subprocess.run([sys.executable, ROOT / "tools" / "error-codes", "--check"], check=False)
    assert done.returncode == 0, "run tools/error-codes"


def test_every_code_has_a_row() -> None:
    for row in (*binance_usdm.ROWS.values(), *phemex.ROWS.values()):
        assert f"\n| {row.code} | {row.name} |" in PAGE
    for code in Code:
        assert not code.value or f"\n| {code.value} | {code.name} | {code.sentence} | " in PAGE


def test_what_a_limit_counts_is_said_of_every_field_that_has_one() -> None:
    sources = (ROOT / "connector").rglob("*.py")
    limited = re.compile(
        r"(?:Refusal|_over)\(\s*(?:Code\.\w+,\s*)?Field\.(\w+),[^()]*,[^()]*,[^()]*\)"
    )
    used = {name for path in sources for name in limited.findall(path.read_text())}
    assert {"QUANTITY", "VALID_UNTIL"} <= used
    for name in used:
        assert f"\n| {name} | " in PAGE, name
