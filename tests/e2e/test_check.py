"""``connector check`` as a user runs it."""

import subprocess
from pathlib import Path

from tests.reference import starter
from tests.reference.stack import Sim

PRODUCTS = Path(__file__).parents[1] / "golden" / "phemex" / "products_2025.json"


def check(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return starter.run("check", *arguments)


def test_check_online_says_what_would_be_subscribed(tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text(
        "[[venues.binance_usdm.feeds]]\n"
        'instruments = ["ETHUSDT", "NOSUCH"]\nchannels = ["depth", "mark_price"]\n'
    )
    with Sim("--symbols", "ETHUSDT", "--rate", "1") as sim:
        urls = [f"venues.binance_usdm.{key}_url={sim.where[key]}" for key in ("rest", "ws")]
        found = check(str(config), "--online", "--set", urls[0], "--set", urls[1])
    assert found.returncode == 1, found.stderr
    assert "ethusdt@depth@" in found.stdout
    assert "ethusdt@markPrice@1s" in found.stdout
    assert "UNAVAILABLE NOSUCH: not listed" in found.stdout


def test_check_counts_the_connections_that_the_venue_allows(tmp_path: Path) -> None:
    """Without asking anybody: by name, then by what a daemon was told here before."""
    config, state = tmp_path / "c.toml", tmp_path / "state"
    symbols = [f"C{number}USD" for number in range(60)]
    config.write_text(
        f"[[venues.phemex.feeds]]\ninstruments = {symbols!r}\n"
        'channels = ["depth", "bbo", "trade"]\n'
    )
    state.mkdir(0o700)
    given = [str(config), "--state-dir", str(state)]
    found = check(*given)
    assert found.returncode == 1, found.stderr
    assert "connections: 6 needed; 5 of 20 streams each may be open\n" in found.stdout
    assert "TOO MANY: 10 instruments will be unavailable: " in found.stdout
    account = (
        '[accounts.main]\nvenue = "Phemex"\nkey = "env:HOME"\nsecret = "env:HOME"\n'
        'strategies = ["maker"]\n'
    )
    config.write_text(config.read_text() + account)
    assert "4 of 20 streams each may be open, and 1 for accounts" in check(*given).stdout
    assert check(*given, "--set", "venues.phemex.max_connections=6").returncode == 0
    every = ["--set", "venues.phemex.feeds=[{instruments=['*']}]"]
    found = check(*given, *every)
    assert found.returncode == 0, "nobody knows how many that are"
    assert "`*`: how many it takes is known with --online" in found.stdout
    (state / "instruments-phemex.json").write_bytes(PRODUCTS.read_bytes())
    found = check(*given, *every)
    assert found.returncode == 0
    assert "connections: 1 needed; 4 of 20" in found.stdout
    assert "`*`" not in found.stdout


def test_check_machine_names_a_mending_command_for_everything_that_costs() -> None:
    found = check("--machine")
    assert found.returncode in (0, 1), found.stderr
    lines = found.stdout.splitlines()
    costs = [index for index, line in enumerate(lines) if line.split()[0] == "COSTS"]
    assert all(lines[index + 1].split()[0] == "mend:" for index in costs)
    assert bool(costs) == bool(found.returncode)


def test_check_names_every_fault_and_says_2(tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text("[daemon]\nlop = 1\nspin_us = 'x'\n[venues.binance]\n")
    found = check(str(config))
    assert found.returncode == 2
    for place in ("daemon.lop", "daemon.spin_us", "venues.binance"):
        assert place in found.stderr


def test_check_says_who_trades_with_what_and_which_keys_cannot_be_read(tmp_path: Path) -> None:
    config, secret = tmp_path / "c.toml", tmp_path / "secret"
    config.write_text(
        '[[venues.binance_usdm.feeds]]\ninstruments = ["ETHUSDT"]\n'
        '[accounts.main]\nvenue = "binance_usdm"\nstrategies = ["maker", "taker"]\n'
        f'key = "file:{secret}"\nsecret = "file:{secret}"\n'
    )
    secret.write_text("canary-4b1d")
    secret.chmod(0o644)
    found = check(str(config))
    assert found.returncode == 1
    assert "account main (binance_usdm)" in found.stdout
    assert "used by maker, taker" in found.stdout
    assert "limits: NONE: maker, taker may send orders of any size" in found.stdout
    assert "strategy taker  gone for 10 s: cancel" in found.stdout
    assert found.stdout.count(f"cannot be read here: file:{secret}: mode 0644") == 2
    secret.chmod(0o600)
    found = check(str(config))
    assert (found.returncode, found.stderr) == (0, "")
    assert "cannot" not in found.stdout
    assert "canary" not in found.stdout


def test_check_says_what_is_limited_and_for_whom(tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text(
        '[[venues.binance_usdm.feeds]]\ninstruments = ["ETHUSDT"]\n'
        '[accounts.main]\nvenue = "binance_usdm"\nstrategies = ["maker", "taker"]\n'
        'key = "env:HOME"\nsecret = "env:HOME"\n'
        '[strategies.maker.limits]\nloss = "5"\norder_quantity = { ETHUSDT = "2" }\n'
    )
    found = check(str(config))
    assert "limits: NONE: taker may send" in found.stdout
    assert "limits: loss 5, order_quantity ETHUSDT 2" in found.stdout
    found = check(str(config), "--set", "accounts.main.limits.exposure='10'")
    assert "limits: exposure 10" in found.stdout
    assert "NONE" not in found.stdout


def test_check_calls_a_paper_account_one() -> None:
    found = check(str(Path(__file__).resolve().parents[2] / "configs" / "paper.toml"))
    assert (found.returncode, found.stderr) == (0, "")
    assert "account sandbox (binance_usdm)  PAPER: 1000 us one way" in found.stdout


def test_check_says_what_is_wrong_with_the_directories(tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text('[[venues.binance_usdm.feeds]]\ninstruments = ["ETHUSDT"]\n')
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    places = ["--runtime-dir", str(config), "--state-dir", str(open_to_all)]
    found = check(str(config), *places)
    assert found.returncode == 2
    assert f"{config}: not a directory" in found.stderr
    assert f"{open_to_all}: everybody may write there" in found.stderr
    same = ["--runtime-dir", str(tmp_path), "--state-dir", str(tmp_path)]
    assert "must differ" in check(str(config), *same).stderr
