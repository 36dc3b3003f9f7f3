"""The pages of the venues are what their endpoint tables say: ``tools/endpoints`` writes them."""

import subprocess
import sys
from pathlib import Path

from connector.venues.contract import load

ROOT = Path(__file__).resolve().parents[2]


def test_the_pages_are_up_to_date() -> None:
    command = [sys.executable, ROOT / "tools" / "endpoints", "--check"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_endpoint_has_a_row() -> None:
    page = (ROOT / "docs" / "venues" / "binance_usdm.md").read_text()
    for row in load("binance_usdm").endpoints.values():
        assert page.count(f"\n| **{row.name}**") == 1
        assert f"`{row.method} {row.path}`" in page
