"""Every fault of a configuration is named, with its place, at once."""

import os
import pickle
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from connector.config import (
    Daemon,
    LoopMode,
    Secret,
    SecretRef,
    configured,
    own_directory,
    read,
    runtime_directory,
    settings,
    state_directory,
)
from connector.config_trading import AccountSettings, LimitSettings, StrategySettings
from connector.errors import ConfigError
from connector.venues.cadenza.config import Config as CadenzaConfig
from connector.venues.contract import Channel

ROOT = Path(__file__).resolve().parents[2]
GOOD: dict[str, Any] = {"venues": {"binance_usdm": {"feeds": [{"instruments": ["BTCUSDT"]}]}}}


def faults(table: dict[str, Any]) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        settings(table, "x.toml")
    lines = str(raised.value).splitlines()
    assert all(line.startswith("x.toml: ") for line in lines)
    return [line.removeprefix("x.toml: ") for line in lines]


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.toml")), ids=lambda p: p.name)
def test_every_example_is_valid(path: Path) -> None:
    config = read(path)
    assert config.venues
    for name, venue in config.venues.items():
        assert configured(name, venue).name


def test_every_commented_key_of_an_example_exists_with_the_value_shown(tmp_path: Path) -> None:
    text = (ROOT / "configs" / "binance_usdm.toml").read_text()
    shown = re.sub(r"^# (\w+ = [^#]+?)\s+#", r"\1 #", text, flags=re.M)
    shown = re.sub(r"^cpu = .*$", f"cpu = {min(os.sched_getaffinity(0))}", shown, flags=re.M)
    shown = re.sub(r"^# (\[(?:accounts|strategies)\.\w+(?:\.limits)?\])$", r"\1", shown, flags=re.M)
    assert shown.count("\nring_bytes") == 1
    path = tmp_path / "all.toml"
    path.write_text(shown)
    config = read(path)
    default = Daemon(cpu=min(os.sched_getaffinity(0)))
    assert config.daemon == default, "an example that shows a default shows the default"
    account = config.accounts["main"]
    limits = LimitSettings(exposure="5000")
    least = AccountSettings(
        "binance_usdm", ("maker",), key=account.key, secret=account.secret, limits=account.limits
    )
    assert account == least, "an example that shows a default shows the default"
    assert config.strategies == {"maker": StrategySettings(limits=limits)}
    unlimited = LimitSettings()
    for name in LimitSettings.__struct_fields__:
        assert getattr(account.limits, name) != getattr(unlimited, name), f"{name} is shown"


def test_the_example_of_cadenza_shows_every_key_of_its_section(tmp_path: Path) -> None:
    text = (ROOT / "configs" / "cadenza.toml").read_text()
    shown = re.sub(r"^# (\w+ = [^#]+?)\s+#", r"\1 #", text, flags=re.M)
    path = tmp_path / "all.toml"
    path.write_text(shown)
    venue = read(path).venues["cadenza"]
    config, default = configured("cadenza", venue), CadenzaConfig()
    assert config.name == "Cadenza"
    for name in CadenzaConfig.__struct_fields__:
        assert re.search(rf"^{name} = ", shown, re.M), f"{name} is not shown"
    for line in re.findall(r"^# (\w+) = ([^#\n]+)", text, re.M):
        if line[0] in CadenzaConfig.__struct_fields__ and line[0] != "refresh_token":
            value = tomllib.loads(f"{line[0]} = {line[1]}")[line[0]]
            assert value == getattr(default, line[0]), "an example that shows a default shows it"


def test_the_example_shows_every_key_of_accounts_and_strategies() -> None:
    text = (ROOT / "configs" / "binance_usdm.toml").read_text()
    for kind in (AccountSettings, StrategySettings):
        for name in kind.__struct_fields__:  # a paper account has an example of its own
            assert name in ("type", "paper") or re.search(rf"\b{name}\b", text), name


def test_defaults_need_only_the_instruments() -> None:
    config = settings(GOOD, "x.toml")
    feeds = config.venues["binance_usdm"].feeds[0]
    assert feeds.required
    assert Channel.DEPTH in feeds.channels
    assert config.daemon.loop is LoopMode.AUTO


def test_a_venue_is_known_by_folder_or_exchange_name() -> None:
    config = settings({"venues": {"BinanceU": GOOD["venues"]["binance_usdm"]}}, "x.toml")
    assert configured("BinanceU", config.venues["BinanceU"]).folder == "binance_usdm"


def test_the_venues_own_keys_stand_beside_the_common_ones() -> None:
    table = {**GOOD["venues"]["binance_usdm"], "rest_url": "http://127.0.0.1:1", "request_s": 3}
    config = settings({"venues": {"binance_usdm": table}}, "x.toml")
    venue = config.venues["binance_usdm"]
    assert venue.request_s == 3.0
    assert configured("binance_usdm", venue).rest_url == "http://127.0.0.1:1"


def test_all_faults_are_named_at_once() -> None:
    found = faults(
        {
            "deamon": {},
            "daemon": {
                "lop": "spin",
                "loop": "spinn",
                "spin_us": "fast",
                "ring_bytes": 1 << 20,
                "ready_s": 0,
                "allow_uids": [1, "root"],
                "cpu": True,
            },
            "venues": {
                "binance_usdn": {},
                "binance_usdm": {
                    "feeds": [
                        {"instruments": [], "chanels": ["depth"]},
                        {"instruments": ["BTCUSDT"], "channels": ["dept"]},
                        {"channels": ["bbo"]},
                    ],
                    "rest_ulr": "http://localhost",
                    "ws_url": "localhost:80",
                    "connect_s": "soon",
                },
            },
        }
    )
    text = "\n".join(found)
    for place, what in [
        ("deamon", "'daemon'"),
        ("daemon.lop", "'loop'"),
        ("daemon.loop", "'spin'"),
        ("daemon.spin_us", "int"),
        ("daemon.ready_s", "> 0"),
        ("daemon.allow_uids[1]", "int"),
        ("daemon.cpu", "int"),
        ("venues.binance_usdn", "'binance_usdm'"),
        ("venues.binance_usdm.feeds[0].instruments", "at least 1"),
        ("venues.binance_usdm.feeds[0].chanels", "'channels'"),
        ("venues.binance_usdm.feeds[1].channels[0]", "'depth'"),
        ("venues.binance_usdm.feeds[2].instruments", "missing"),
        ("venues.binance_usdm.rest_ulr", "'rest_url'"),
        ("venues.binance_usdm.ws_url", "regex"),
        ("venues.binance_usdm.connect_s", "float"),
    ]:
        lines = [line for line in found if line.startswith(f"{place}: ")]
        assert len(lines) == 1, f"{place} in\n{text}"
        assert what in lines[0]
    assert len(found) == 15, text


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"daemon": {"ring_bytes": (64 << 20) + 64}}, "daemon.ring_bytes: .* power of two"),
        ({"daemon": {"cpu": 100_000}}, "daemon.cpu: 100000 is not one"),
        ({"venues": {}}, "venues: no venue"),
        ({"venues": []}, "venues: expected a table, got a list"),
        ({"venues": {"binance_usdm": {}}}, r"venues.binance_usdm.feeds: missing"),
        ({"venues": {"binance_usdm": {"feeds": {}}}}, "feeds: expected a list, got a table"),
        ({"venues": {"binance_usdm": {"feeds": []}}}, "feeds: needs at least 1 entry"),
        ({"venues": {"binance_usdm": {"feeds": ["BTCUSDT"]}}}, r"feeds\[0\]: expected a table"),
        (
            {"venues": {"binance_usdm": {"feeds": [{"instruments": [" BTCUSDT"]}]}}},
            r"instruments: ' BTCUSDT' is not a name",
        ),
        (
            {"venues": {"binance_usdm": {"feeds": [{"instruments": ["A"]}] * 2}}},
            r"feeds\[1\]: A depth stands in feeds\[0\] too",
        ),
        (
            {
                "venues": {
                    "binance_usdm": {
                        "feeds": [{"instruments": ["A"], "channels": ["bbo", "bbo"]}],
                        "ca_file": "/nowhere/ca.pem",
                    }
                }
            },
            "ca_file: no file /nowhere/ca.pem",
        ),
        *(
            ({"venues": {"binance_usdm": {**GOOD["venues"]["binance_usdm"], key: value}}}, fault)
            for key, value, fault in (
                ("rest_url", "http://127.0.0.1:99999", r"binance_usdm.rest_url: Port out of range"),
                ("rest_url", "wss://127.0.0.1", r"rest_url: expected http or https, not 'wss'"),
                ("ws_url", "https://127.0.0.1", r"ws_url: expected ws or wss, not 'https'"),
                ("ws_url", "ws://[::1", r"ws_url: Invalid IPv6 URL"),
                ("local_address", "eth0", r"local_address: 'eth0' does not appear to be"),
                ("first_message_s", float("inf"), r"first_message_s: Expected float <="),
                ("connect_s", float("nan"), r"connect_s: Expected float"),
                ("ca_file", __file__, r"ca_file: .*test_config.py holds no certificates"),
            )
        ),
        ({"daemon": {"ring_bytes": 1 << 17}}, "daemon.ring_bytes: Expected int >= 262144"),
        (
            {"strategy_protocol": {"timezone": "Asia/Nowhere"}},
            "strategy_protocol.timezone: 'Asia/Nowhere' is no time zone of this machine",
        ),
        (
            {
                "venues": {
                    "binance_usdm": GOOD["venues"]["binance_usdm"],
                    "BinanceU": GOOD["venues"]["binance_usdm"],
                }
            },
            "venues.BinanceU: the same venue as venues.binance_usdm",
        ),
    ],
)
def test_faults_of_meaning_are_named_with_their_place(change: dict[str, Any], fault: str) -> None:
    assert any(re.search(fault, line) for line in faults({**GOOD, **change}))


@pytest.mark.parametrize(
    ("account", "strategies", "fault"),
    [
        ({}, {"makr": {}}, "strategies.makr: no account names it"),
        ({}, {"maker": {"on_death": "cancle"}}, "strategies.maker.on_death: .*nearest is 'cancel'"),
        ({}, {"maker": {"grace_s": -1}}, "strategies.maker.grace_s: "),
        ({}, {"maker": {"on_death": "flatten"}}, "maker.on_death: .*accounts.main.*not exclusive"),
        (
            {"exclusive": True, "strategies": ["maker", "taker"]},
            {"maker": {"on_death": "flatten"}},
            "strategies.maker.on_death: .*accounts.main, which taker may use, too",
        ),
        ({}, {"a b": {}}, "strategies.'a b': a name is"),
        ({"limits": {"exposur": "1"}}, {}, "limits.exposur: .*nearest known key is 'exposure'"),
        ({"limits": {"exposure": "a lot"}}, {}, "accounts.main.limits.exposure: 'a lot' is no"),
        ({"limits": {"exposure": "-1"}}, {}, "accounts.main.limits.exposure: '-1' is no decimal"),
        ({"limits": {"exposure": ""}}, {}, "accounts.main.limits.exposure: '' is no decimal"),
        ({"limits": {"exposure": 5}}, {}, "limits.exposure: Expected str.*in quotes"),
        ({"limits": {"order_notional": "0.123456789"}}, {}, "limits.order_notional: .*8 places"),
        ({"limits": {"order_notional": "9" * 30}}, {}, "limits.order_notional: .*no decimal"),
        ({"limits": {"order_quantity": "1"}}, {}, "limits.order_quantity: expected a table"),
        ({"limits": {"order_quantity": {"BTCUSDT": 1}}}, {}, "order_quantity.BTCUSDT: Expected"),
        ({"limits": {"order_quantity": {"BTCUSDT": "x"}}}, {}, "order_quantity.BTCUSDT: 'x' is no"),
        ({"limits": {"order_quantity": {"btcusdt": "1"}}}, {}, "'btcusdt' is not a symbol"),
        ({"limits": {"order_quantity": {"BTCUSD": "1"}}}, {}, "quantity.BTCUSD: .*'BTCUSDT'"),
        ({}, {"maker": {"limits": {"order_quantity": {"X": "1"}}}}, "maker.*quantity.X: no feeds"),
        ({"limits": {"open_orders": -1}}, {}, "accounts.main.limits.open_orders: "),
        ({"limits": {"orders_per_second": 0}}, {}, "accounts.main.limits.orders_per_second: "),
        ({"limits": {"collar_bps": 10_001}}, {}, "accounts.main.limits.collar_bps: "),
        ({}, {"maker": {"limits": {"loss": "0"}}}, "strategies.maker.limits.loss: 0 would stop"),
        ({}, {"maker": {"limits": {"loss": "-5"}}}, "strategies.maker.limits.loss: '-5' is no"),
        ({}, {"maker": {"limits": []}}, "strategies.maker.limits: expected a table"),
        ({}, {"maker": {"lease_s": 0.5}}, "strategies.maker.lease_s: less than a second"),
        ({"countdown_s": 30}, {}, "accounts.main.countdown_s: .*only if exclusive"),
        ({"countdown_s": 0.5, "exclusive": True}, {}, "accounts.main.countdown_s: less than a"),
    ],
)
def test_faults_of_strategies_are_named_with_their_place(
    account: dict[str, Any], strategies: dict[str, Any], fault: str
) -> None:
    main = {"venue": "binance_usdm", "key": "env:K", "secret": "env:S", "strategies": ["maker"]}
    table = {**GOOD, "accounts": {"main": {**main, **account}}, "strategies": strategies}
    assert any(re.search(fault, line) for line in faults(table))


def test_faults_of_meaning_are_named_beside_those_of_form() -> None:
    main = {"venue": "binance_usdm", "key": "env:K", "secret": "env:S", "strategies": ["maker"]}
    table = {
        **GOOD,
        "accounts": {"main": {**main, "secret": "pasted", "conections": 3, "connections": "x"}},
        "strategies": {"maker": {"grace_s": -1, "limits": {"loss": "0"}}, "nobody": {}},
    }
    assert {line.partition(": ")[0] for line in faults(table)} == {
        "accounts.main.secret", "accounts.main.conections", "accounts.main.connections",
        "strategies.maker.grace_s", "strategies.maker.limits.loss", "strategies.nobody",
    }  # fmt: skip
    # What cannot be judged without the faulty part is not blamed for it.
    del table["accounts"]["main"]["venue"]
    assert not any(line.startswith("strategies.nobody") for line in faults(table))
    table = {**GOOD, "venues": {"binance_usdm": {"feeds": []}}, "accounts": {"main": main}}
    assert all(line.startswith("venues.") for line in faults(table))


def test_a_missing_file_and_broken_toml_name_the_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml"):
        read(tmp_path / "nowhere.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("[daemon\nloop = 1")
    with pytest.raises(ConfigError, match=r"broken.toml: not TOML: .*line 1"):
        read(broken)


def test_overrides_take_toml_values_or_bare_words(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text('[[venues.binance_usdm.feeds]]\ninstruments = ["BTCUSDT"]\n')
    config = read(
        path,
        [
            "daemon.loop=block",
            "daemon.ring_bytes=262144",
            "venues.binance_usdm.ws_url=ws://127.0.0.1:8080",
        ],
    )
    assert config.daemon.loop is LoopMode.BLOCK
    assert config.daemon.ring_bytes == 262144
    with pytest.raises(ConfigError, match=r"daemon\.lop: unknown key"):
        read(path, ["daemon.lop=block"])
    with pytest.raises(ConfigError, match="KEY"):
        read(path, ["daemon.loop"])
    with pytest.raises(ConfigError, match="not a table"):
        read(path, ["venues.binance_usdm.feeds.x=1"])


# --- secrets


def test_a_secret_never_shows_itself() -> None:
    secret = Secret(b"canary")
    for text in (repr(secret), str(secret), f"{secret}", f"{[secret]!r}"):
        assert "canary" not in text
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    assert secret.reveal() == b"canary"


@pytest.mark.parametrize("text", ["canary", "file:", "vault:canary", ":canary", ""])
def test_a_pasted_secret_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(ValueError, match="expected") as raised:
        SecretRef.parse(text)
    assert "canary" not in str(raised.value)


def test_a_file_must_be_ours_and_closed_to_others(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(b"canary\n")
    reference = SecretRef.parse(f"file:{path}")
    path.chmod(0o640)
    with pytest.raises(ConfigError, match=r"mode 0640 .* chmod 0600") as raised:
        reference.read()
    assert "canary" not in str(raised.value)
    path.chmod(0o600)
    assert reference.read().reveal() == b"canary"
    link = tmp_path / "link"
    link.symlink_to(path)
    with pytest.raises(ConfigError):
        SecretRef.parse(f"file:{link}").read()
    if os.geteuid() == 0:
        os.chown(path, 12345, -1)
        with pytest.raises(ConfigError, match="owned by uid 12345"):
            reference.read()


def test_credentials_and_variables(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"canary")
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path), "KEY": "bird"}
    assert SecretRef.parse("credential:key").read(environ).reveal() == b"canary"
    assert SecretRef.parse("env:KEY").read(environ).reveal() == b"bird"
    with pytest.raises(ConfigError, match="LoadCredential"):
        SecretRef.parse("credential:key").read({})
    with pytest.raises(ConfigError, match="not set"):
        SecretRef.parse("env:KEY").read({})


# --- directories


def test_the_runtime_directory_follows_its_order() -> None:
    environ = {
        "CONNECTOR_RUNTIME_DIR": "/b",
        "RUNTIME_DIRECTORY": "/c:/other",
        "XDG_RUNTIME_DIR": "/d",
    }
    assert runtime_directory("/a", environ) == Path("/a")
    for key, expected in [
        ("CONNECTOR_RUNTIME_DIR", "/b"),
        ("RUNTIME_DIRECTORY", "/c"),
        ("XDG_RUNTIME_DIR", "/d/connector"),
    ]:
        assert runtime_directory("", environ) == Path(expected)
        del environ[key]
    assert runtime_directory("", environ) == Path(f"/tmp/connector-{os.getuid()}")


def test_the_state_directory_follows_its_order() -> None:
    environ = {"STATE_DIRECTORY": "/c", "HOME": "/home/x"}
    assert state_directory("", {**environ, "CONNECTOR_STATE_DIR": "/b"}) == Path("/b")
    assert state_directory("/a", environ) == Path("/a")
    assert state_directory("", environ) == Path("/c")
    assert state_directory("", {"HOME": "/home/x"}) == Path("/home/x/.local/state/connector")


def test_a_directory_somebody_else_prepared_is_refused(tmp_path: Path) -> None:
    made = own_directory(tmp_path / "a" / "b")
    assert made.stat().st_mode & 0o777 == 0o700
    made.chmod(0o777)
    with pytest.raises(ConfigError, match="everybody may write"):
        own_directory(made)
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    with pytest.raises(ConfigError, match="not a directory"):
        own_directory(link)
    if os.geteuid() == 0:
        other = tmp_path / "other"
        other.mkdir()
        os.chown(other, 12345, -1)
        with pytest.raises(ConfigError, match="owned by uid 12345"):
            own_directory(other)
