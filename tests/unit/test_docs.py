"""What the pages tell a user to type exists, and so do the files they point to."""

import argparse
import importlib
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.cli import commands
from connector.config import settings
from connector.errors import ConfigError
from connector.venues.channels import Channel
from connector.venues.contract import load

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("configs/**/*"))
    if path.is_file()
)


def code(page: str) -> Iterator[str]:
    """What stands between backticks, a line each, and in files that are no pages the lines."""
    text = (ROOT / page).read_text()
    if not page.endswith(".md"):
        yield from text.splitlines()
        return
    fenced = re.findall(r"^```(\w*)\n(.*?)^```", text, re.S | re.M)
    told = [block for language, block in fenced if language in ("", "sh", "ini")]
    yield from (line for block in told for line in block.splitlines())
    yield from re.findall(r"`([^`\n]+)`", re.sub(r"^```\w*\n.*?^```", "", text, flags=re.S | re.M))


def typed(page: str) -> list[tuple[str, list[str]]]:
    """Commands and the options named beside them."""
    found = []
    for line in code(page):
        for words in re.findall(r"\bconnector ([a-z][^|;&`]*)", line.partition("  #")[0]):
            command, *rest = words.split()
            found.append((command, [word for word in rest if word.startswith("--")]))
        command, *rest = line.split() or [""]
        if command in commands() and any(word.startswith("--") for word in rest):
            found.append((command, [word for word in rest if word.startswith("--")]))
    return found


def options(command: str) -> set[str]:
    parser = argparse.ArgumentParser()
    module = importlib.import_module(f"connector.cli.{command.replace('-', '_')}")
    module.add_arguments(parser)
    return {option for action in parser._actions for option in action.option_strings}


@pytest.mark.parametrize("page", PAGES)
def test_every_command_and_option_exists(page: str) -> None:
    for command, given in typed(page):
        assert command in commands(), f"{page}: connector {command}"
        for option in given:
            assert option.partition("=")[0] in options(command), f"{page}: {command} {option}"


def test_the_pages_show_every_command() -> None:
    shown = {command for page in PAGES for command, _ in typed(page)}
    assert set(commands()) - shown == set()


@pytest.mark.parametrize("page", [page for page in PAGES if page.endswith(".md")])
def test_every_link_leads_somewhere(page: str) -> None:
    text = (ROOT / page).read_text()
    for target, _, part in re.findall(r"\]\(([^)#\s:]*)(#([^)\s]*))?\)", text):
        path = ((ROOT / page).parent / target) if target else ROOT / page
        assert path.exists(), f"{page}: {target}"
        if part and path.suffix == ".md":
            heads = re.findall(r"^#+ (.*)$", path.read_text(), re.M)
            assert part in {anchor(head) for head in heads}, f"{page}: {target}#{part}"


def anchor(head: str) -> str:
    """As the forge names a heading."""
    return re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-")


def test_the_table_of_channels_has_each_and_who_serves_it() -> None:
    page = (ROOT / "docs" / "strategy-api.md").read_text()
    text = page.partition("### Channels")[2].partition("\n## ")[0]
    every = [one.value for one in Channel]
    venues = [load(name) for name in ("binance_usdm", "phemex")]
    served = [{one.value for route in venue.routes for one in route.channels} for venue in venues]
    shown = set()
    for row in re.findall(r"^\| (`.*) \|$", text, re.M):
        names, _, *cells = (cell.strip() for cell in row.split(" |"))
        told = re.findall(r"`(\w+)`", names)
        if "…" in names:
            told = every[every.index(told[0]) : every.index(told[1]) + 1]
        shown.update(told)
        for venue, channels, cell in zip(venues, served, cells, strict=True):
            assert bool(cell) is bool(channels.intersection(told)), f"{names}: {venue.name}"
    assert shown == set(every)


def blocks() -> list[tuple[str, str]]:
    """Pieces of configurations that the pages show; the simulator's have their own form."""
    found = []
    for page in sorted(set(PAGES) - {"docs/simulator.md"}):
        text = (ROOT / page).read_text()
        for block in re.findall(r"^```toml\n(.*?)^```", text, re.S | re.M):
            found.append((page, block))
    return found


@pytest.mark.parametrize(("page", "piece"), blocks())
def test_every_piece_of_a_configuration_fits_into_one(page: str, piece: str) -> None:
    settings(around(piece), page)
    faults = ""
    try:
        settings(around(re.sub(r"^# (\w+ = )", r"\1", piece, flags=re.M)), page)
    except ConfigError as error:  # choices may exclude each other
        faults = str(error)
    assert "unknown key" not in faults


def around(piece: str) -> dict[str, Any]:
    """A configuration with this piece of one."""
    whole: dict[str, Any] = {
        "venues": {"binance_usdm": {"feeds": [{"instruments": ["BTCUSDT", "ETHUSDT"]}]}},
        "accounts": {
            "main": {"venue": "binance_usdm", "key": "env:K", "secret": "env:S",
                     "strategies": ["maker"]}
        },
    }  # fmt: skip
    merge(whole, tomllib.loads(piece))
    return whole


def merge(whole: dict[str, Any], piece: dict[str, Any]) -> None:
    for key, value in piece.items():
        if isinstance(value, dict) and isinstance(whole.get(key), dict):
            merge(whole[key], value)
        else:
            whole[key] = value
