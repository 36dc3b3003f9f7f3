"""What several subcommands take alike."""

import argparse
from collections.abc import Iterable

from connector.errors import ConfigError


def add_overrides(parser: argparse.ArgumentParser) -> None:
    """``--set KEY=VALUE`` over a configuration's file."""
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE",
        help="override one value, e.g. --set daemon.loop=block; may be repeated",
    )  # fmt: skip


def pairs(given: Iterable[str]) -> dict[str, str]:
    """``KEY=VALUE`` each, every key once. Raises ConfigError."""
    found: dict[str, str] = {}
    for pair in given:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise ConfigError(f"{pair!r} is not KEY=VALUE")
        if name in found:
            raise ConfigError(f"{name}: given twice")
        found[name] = value
    return found
