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


def test_every_channel_of_cadenza_is_on_its_page() -> None:
    """What the connector subscribes to and what the simulated venue publishes."""
    from connector.venues.cadenza import figures, market, sim_figures, sim_streams

    page = (ROOT / "docs" / "venues" / "cadenza.md").read_text()
    heads = {*market.BOOKS, market.TRADES, figures.TICKER, figures.KLINE}
    assert heads == {
        sim_streams.JANUARY, sim_streams.TODAY, sim_streams.TRADE, sim_figures.TICKER,
        sim_figures.KLINE,
    }  # fmt: skip
    for head in heads:
        assert f"| `{head}{{" in page
    for channel in load("cadenza").routes[0].channels:
        assert f"`{channel.value}`" in page or channel.value.startswith("kline_")


def test_the_notes_on_cadenza_date_their_sources_and_count_as_the_table_does() -> None:
    from connector.venues.cadenza.endpoints import LATER, PUBLISHED

    notes = (ROOT / "connector" / "venues" / "cadenza" / "NOTES.md").read_text()
    assert f"{len(LATER)} calls came in April and May 2026" in notes
    assert f"page's {len(PUBLISHED)};" in notes
    for date in ("2026-01-27", "2026-06-18", "2026-05-11"):
        assert date in notes.split("##")[0], "the sources stand first, each with its date"
