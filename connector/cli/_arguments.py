"""What several subcommands take alike."""

import argparse
import math
from collections.abc import Iterable

from connector.errors import ConfigError


def add_overrides(parser: argparse.ArgumentParser) -> None:
    """``--set KEY=VALUE`` over a configuration's file."""
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE",
        help="override one value, e.g. --set daemon.loop=block; may be repeated",
    )  # fmt: skip


def seconds(text: str) -> float:
    """A time to wait, as the type of an option."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= 86_400:
        raise argparse.ArgumentTypeError(f"{text!r} is not above 0 and at most 86400 seconds")
    return value


def whole(text: str) -> int:
    """A number of something, as the type of an option."""
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of at least 0")
    return int(text)


def port(text: str) -> int:
    """Of TCP, as the type of an option; 0: a free one."""
    if not (text.isascii() and text.isdigit() and int(text) < 1 << 16):
        raise argparse.ArgumentTypeError(f"{text!r} is no port: 0 to 65535")
    return int(text)


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
