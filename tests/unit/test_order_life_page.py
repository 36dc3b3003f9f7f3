"""The page's table of an order's life is the table of the code: ``tools/order-life`` writes it."""

import subprocess
import sys
from pathlib import Path

from connector.model.order import MOVES
from connector.model.reports import OrderStatus

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_is_up_to_date() -> None:
    done = subprocess.run([sys.executable, ROOT / "tools" / "order-life", "--check"], check=False)
    assert done.returncode == 0, "run tools/order-life"


def test_the_page_names_every_status_and_move() -> None:
    page = (ROOT / "docs" / "strategy-api.md").read_text()
    for status in OrderStatus:
        (line,) = (one for one in page.splitlines() if one.startswith(f"| {status.name} |"))
        named = {word.strip() for word in line.split("|")[2].split(",")} - {"nothing else"}
        assert named == {one.name for one in MOVES[status]}
