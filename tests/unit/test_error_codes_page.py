"""The page of error codes is what the tables say: ``tools/error-codes`` writes it."""

import subprocess
import sys
from pathlib import Path

from connector.model.reports import Code
from connector.venues.binance_usdm.error_codes import ROWS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "error-codes.md").read_text()


def test_the_page_is_up_to_date() -> None:
    done = subprocess.run([sys.executable, ROOT / "tools" / "error-codes", "--check"], check=False)
    assert done.returncode == 0, "run tools/error-codes"


def test_every_code_has_a_row() -> None:
    for row in ROWS.values():
        assert f"\n| {row.code} | {row.name} |" in PAGE
    for code in Code:
        assert not code.value or f"\n| {code.value} | {code.sentence} |\n" in PAGE
