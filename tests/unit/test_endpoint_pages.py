"""The pages of the venues are what their endpoint tables say: ``tools/endpoints`` writes them."""

import subprocess
import sys
from pathlib import Path

import pytest

from connector.venues.contract import folders, load

ROOT = Path(__file__).resolve().parents[2]


def test_the_pages_are_up_to_date() -> None:
    command = [sys.executable, ROOT / "tools" / "endpoints", "--check"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("venue", folders())
def test_every_endpoint_has_a_row(venue: str) -> None:
    page = (ROOT / "docs" / "venues" / f"{venue}.md").read_text()
    for row in load(venue).endpoints.values():
        assert page.count(f"\n| **{row.name}**") == 1
        assert f"`{row.method} {row.path}`" in page
