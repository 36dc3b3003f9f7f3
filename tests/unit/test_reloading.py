"""What a running daemon takes of a configuration that was changed."""

from pathlib import Path

import pytest

from connector.config import Config, read
from connector.errors import ConfigError
from connector.reloading import changed_venues

TEXT = """
[venues.BinanceU]
rest_url = "http://127.0.0.1:1"
ws_url = "ws://127.0.0.1:1"
[[venues.BinanceU.feeds]]
instruments = ["BTCUSDT"]
[accounts.main]
venue = "BinanceU"
key = "env:A"
secret = "env:B"
strategies = ["s"]
"""
SETUP = "[accounts.main.setup.instruments.BTCUSDT]\nleverage = 7\n"


def config(folder: Path, text: str) -> Config:
    path = folder / "c.toml"
    path.write_text(text)
    return read(str(path), [])


def test_how_an_account_is_set_up_at_the_venue_does_not_concern_the_daemon(tmp_path: Path) -> None:
    was, now = config(tmp_path, TEXT), config(tmp_path, TEXT + SETUP)
    assert changed_venues(was, now) == changed_venues(now, was) == []
    more = TEXT.replace('"BTCUSDT"', '"BTCUSDT", "ETHUSDT"')
    assert changed_venues(was, config(tmp_path, more + SETUP)) == [*was.venues]


def test_what_the_daemon_uses_of_an_account_wants_a_restart(tmp_path: Path) -> None:
    was = config(tmp_path, TEXT)
    with pytest.raises(ConfigError, match=r"accounts\.main\.reconcile_s: cannot change"):
        changed_venues(was, config(tmp_path, TEXT + "reconcile_s = 5\n" + SETUP))
