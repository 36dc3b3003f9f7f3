"""The page of an order's life says what the code's table says: ``tools/order-life`` writes it."""

import re
import subprocess
import sys
from pathlib import Path

from connector.model.order import MOVES
from connector.model.reports import OrderStatus

ROOT = Path(__file__).resolve().parents[2]
GROUPS = {
    "open": {OrderStatus.NEW, OrderStatus.TRIGGERED, OrderStatus.PARTIALLY_FILLED},
    "ended": {status for status in OrderStatus if status.terminal},
}


def test_page_and_drawing_are_up_to_date() -> None:
    done = subprocess.run([sys.executable, ROOT / "tools" / "order-life", "--check"], check=False)
    assert done.returncode == 0, "run tools/order-life"


def test_the_page_names_every_status_and_move() -> None:
    page = (ROOT / "docs" / "order-life.md").read_text()
    table = page.partition("<!-- order moves")[2].partition("<!-- end")[0]
    for status in OrderStatus:
        (line,) = (one for one in table.splitlines() if one.startswith(f"| {status.name} |"))
        named = {word.strip() for word in line.split("|")[2].split(",")} - {"nothing else"}
        assert named == {one.name for one in MOVES[status]}
        assert status.name in page.replace(table, ""), "and what it means"


def test_the_arrows_of_the_drawing_are_the_moves() -> None:
    drawing = (ROOT / "docs" / "order-life.svg").read_text()
    drawn: dict[OrderStatus, set[OrderStatus]] = {status: set() for status in OrderStatus}
    for begin, end in re.findall(r'data-from="(\w+)" data-to="(\w+)"', drawing):
        drawn[OrderStatus[begin]] |= GROUPS[end] if end in GROUPS else {OrderStatus[end]}
    assert drawn == MOVES
