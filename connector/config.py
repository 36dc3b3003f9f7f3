"""Turn a TOML file into frozen settings, or into one error that names every fault at once.

Unknown keys are refused with their path and the nearest known key, wrong values with their path.
Secrets are never in the file: it holds references (``credential:``, ``file:``, ``env:``) that are
read when needed and cannot print what they read."""

import copy
import difflib
import grp
import ipaddress
import os
import re
import stat
import tomllib
import types
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct

from connector.config_trading import (
    STRATEGY,
    AccountSettings,
    AccountType,
    StrategyProtocol,
    StrategySettings,
    judge_account,
    judge_strategy,
)
from connector.errors import ConfigError
from connector.model.paths import runtime_directory as runtime_directory
from connector.model.rendering import zone_of
from connector.model.secret import Secret as Secret
from connector.model.secret import SecretRef as SecretRef
from connector.venues.contract import Channel, Venue, folders, load

Positive = Annotated[float, Meta(gt=0, le=1e9)]
"""Seconds; the bound keeps nanoseconds within 64 bits and infinity out."""


class LoopMode(Enum):
    """How the event loop waits (see ``connector.daemon``)."""

    SPIN = "spin"
    BLOCK = "block"
    ADAPTIVE = "adaptive"
    AUTO = "auto"


class LogFormat(Enum):
    TEXT = "text"
    JSON = "json"


class OnRequest(Enum):
    """What strategies may subscribe at run time."""

    NONE = "none"
    CONFIGURED = "configured"
    """More channels of the instruments that the feeds name."""
    LISTED = "listed"
    """Any instrument of the venue."""


class Daemon(Struct, frozen=True, forbid_unknown_fields=True):
    """The process: its loop, memory and doors."""

    loop: LoopMode = LoopMode.AUTO
    """``auto`` spins only on one CPU that is isolated or named in ``cpu``: a spin on a shared CPU
    starves others."""
    spin_us: Annotated[int, Meta(ge=0, le=1_000_000)] = 50
    """How long ``adaptive`` keeps looking after the last event; 50 us is above the usual gap inside
    a burst."""
    cpu: Annotated[int, Meta(ge=0)] | None = None
    """The CPU the loop is bound to; none: where the system puts it."""
    ring_bytes: Annotated[int, Meta(ge=1 << 18, le=1 << 34)] = 64 << 20
    """The market ring; 64 MiB are tens of seconds of a busy venue for a reader that was stopped."""
    log: LogFormat = LogFormat.TEXT
    ready_s: Positive = 60.0
    """Not ready after this long ends the start with exit status 4; a thousand books need most of a
    minute of weight."""
    stop_s: Positive = 20.0
    """How long an end that was asked for may take until orders are cancelled and the venue has said
    so; five seconds more, and the process is gone. The unit's TimeoutStopSec must be longer."""
    runtime_dir: str = ""
    """Where the control socket is; empty: the order of ``runtime_directory``."""
    state_dir: str = ""
    """What outlives the process; empty: the order of ``state_directory``."""
    allow_uids: tuple[Annotated[int, Meta(ge=0)], ...] = ()
    """Users that may attach beside the daemon's own and root."""
    allow_gids: tuple[Annotated[int, Meta(ge=0)], ...] = ()
    admin_group: str = ""
    """Who may halt and resume beside the daemon's user: the group of the halt file; empty: the
    daemon's own."""


class Feeds(Struct, frozen=True, forbid_unknown_fields=True):
    """Some instruments of a venue and what is wanted of them."""

    instruments: Annotated[tuple[str, ...], Meta(min_length=1)]
    """Names as the venue writes them, any case; ``*`` is every instrument the venue trades."""
    channels: Annotated[tuple[Channel, ...], Meta(min_length=1)] = (
        Channel.DEPTH,
        Channel.BBO,
        Channel.TRADE,
        Channel.MARK_PRICE,
    )
    """The book, the best of it, the trades and the mark: what nearly every strategy reads."""
    quiet_ms: Annotated[int, Meta(ge=1)] | None = None
    """Silence after which a stream counts as stale; none: what the venue's pace suggests."""
    required: bool = True
    """READY waits for these; the others may come later."""


class VenueSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """``[venues.<name>]``: what every venue can be told; the venue's own keys stand beside
    these."""

    feeds: Annotated[tuple[Feeds, ...], Meta(min_length=1)]
    ca_file: str = ""
    """PEM file of the authority that signed the hosts' certificates; empty: the system's."""
    local_address: str = ""
    """Source address of every connection; empty: the system's choice."""
    connect_s: Positive = 10.0
    """TCP, TLS and handshake together; a host that takes longer is better asked anew."""
    request_s: Positive = 10.0
    """One REST answer, from connecting to the last byte."""
    first_message_s: Positive = 60.0
    """A stream granted and silent for this long was misspelt or misrouted: venues grant those."""
    connection_life_s: Annotated[float, Meta(ge=0, le=1e9)] = 0.0
    """Replace a connection before it is this old, for whatever stands between and cuts sooner than
    the venue; 0: before the venue's own cut."""
    reconnect_s: Annotated[float, Meta(ge=0.5, le=3600)] = 30.0
    """The longest pause before a lost connection is opened again: pauses grow with each failure,
    and how long one is is drawn."""
    clock_s: Annotated[float, Meta(ge=1, le=3600)] = 30.0
    """How often the venue's clock is looked at for its accounts (a fifth more or less)."""
    audit_s: Annotated[float, Meta(ge=0, le=1e6)] = 300.0
    """How often a venue that can be asked (Binance) is asked which streams each connection carries,
    first when all were granted; 0: never. One message on the connection each time."""
    refresh_s: Annotated[float, Meta(ge=1, le=1e6)] = 600.0
    """How often the instruments are asked for again (a tenth more or less, so that daemons do not
    ask together): ticks, filters and listings change a few times a day."""
    max_connections: Annotated[int, Meta(ge=0, le=1000)] = 0
    """Of market data at once; 0: as many as the venue documents, less one for each account there.
    What has no place on them is unavailable."""
    on_request: OnRequest = OnRequest.CONFIGURED
    """What strategies may subscribe at run time: ``none``, more channels of the instruments that
    the feeds name, or of any that is ``listed``: each costs the machine and the venue's limits."""
    own: Struct | None = None
    """The venue's own section (``Venue.config``), taken from the same table."""


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything a daemon is told."""

    venues: dict[str, VenueSettings]
    daemon: Daemon = Daemon()
    accounts: dict[str, AccountSettings] = {}
    strategies: dict[str, StrategySettings] = {}
    strategy_protocol: StrategyProtocol = StrategyProtocol()


def read(path: str | Path, overrides: Sequence[str] = ()) -> Config:
    """The configuration in the file at ``path``; ``overrides`` are ``a.b.c=VALUE`` with TOML
    values.

    Raises ConfigError whose text names every fault, one a line.
    """
    try:
        text = Path(path).read_text()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not TOML: {error}") from None
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not TOML: {error}") from None
    for override in overrides:
        _override(table, override)
    return settings(table, str(path))


def settings(table: Mapping[str, Any], source: str) -> Config:
    """The configuration in an already parsed table; ``source`` begins every line of the
    ConfigError."""
    faults: list[str] = []
    config = _take(Config, table, "", faults)
    if (rest := config if isinstance(config, Config) else _sound(table, faults)) is not None:
        more: list[str] = []
        _judge(rest, more)
        known = {_place(fault) for fault in faults}
        faults += [fault for fault in more if _place(fault) not in known]
    if faults:
        raise ConfigError("\n".join(f"{source}: {fault}" for fault in faults))
    assert isinstance(config, Config)
    return config


def _place(fault: str) -> str:
    return fault.partition(": ")[0]


def _sound(table: Mapping[str, Any], faults: Sequence[str]) -> Config | None:
    """What can still be judged of a table with such faults: without the keys they name, and without
    the venues, accounts and strategies that are nothing without those keys. None: nothing."""
    rest: dict[str, Any] = copy.deepcopy(dict(table))
    for fault in faults:
        _drop(rest, re.sub(r"\[\d+\]", "", _place(fault)).split("."))
    still: list[str] = []
    _take(Config, rest, "", still)
    gone = [_place(fault).split(".")[:2] for fault in still]
    for path in gone:
        _drop(rest, path)
    # What is left must not be blamed for what it names and was taken away.
    lost = {path[0] for path in gone} | ({"accounts"} if "type" in map(_last, faults) else set())
    if "venues" in lost:
        return None
    if "accounts" in lost:
        rest.pop("strategies", None)
    config = _take(Config, rest, "", [])
    return config if isinstance(config, Config) else None


def _last(fault: str) -> str:
    return _place(fault).rpartition(".")[2]


def _drop(table: dict[str, Any], path: Sequence[str]) -> None:
    """Take away what stands at ``path``; of a list, all of it."""
    for index, key in enumerate(path):
        below = table.get(key)
        if index + 1 == len(path) or not isinstance(below, dict):
            table.pop(key, None)
            return
        table = below


def _override(table: dict[str, Any], override: str) -> None:
    path, equals, text = override.partition("=")
    keys = path.strip().split(".")
    if not equals or not all(keys):
        raise ConfigError(f"--set {override}: expected KEY.KEY=VALUE")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()  # a bare word is a string: shells eat the quotes
    place: Any = table
    for index, key in enumerate(keys[:-1]):
        place = place.setdefault(key, {})
        if not isinstance(place, dict):
            raise ConfigError(f"--set {override}: {'.'.join(keys[: index + 1])} is not a table")
    place[keys[-1]] = value


def _take(kind: Any, value: Any, path: str, faults: list[str]) -> Any:
    """``value`` as ``kind``; what is wrong goes to ``faults`` and gives None."""
    if get_origin(kind) is Annotated:
        inner, *rest = get_args(kind)
        if get_origin(inner) is not tuple:
            return _leaf(kind, value, path, faults)
        least = next((meta.min_length for meta in rest if meta.min_length), 0)
        if isinstance(value, list) and len(value) < least:
            faults.append(f"{path}: needs at least {least} {'entry' if least == 1 else 'entries'}")
            return None
        return _take(inner, value, path, faults)
    if isinstance(kind, type) and issubclass(kind, Struct):
        return _table(kind, value, path, faults)
    if get_origin(kind) is tuple:
        if not isinstance(value, list):
            faults.append(f"{path}: expected a list, got {_word(value)}")
            return None
        item = get_args(kind)[0]
        return tuple(_take(item, one, f"{path}[{i}]", faults) for i, one in enumerate(value))
    if get_origin(kind) is dict:
        if not isinstance(value, dict):
            faults.append(f"{path}: expected a table, got {_word(value)}")
            return None
        item = get_args(kind)[1]
        if item is str:
            return {key: _leaf(str, one, _join(path, key), faults) for key, one in value.items()}
        if item is VenueSettings:
            return {key: _venue(key, one, _join(path, key), faults) for key, one in value.items()}
        if isinstance(item, type) and issubclass(item, Struct):
            return {
                key: _named(item, key, one, _join(path, key), faults) for key, one in value.items()
            }
        return {key: _take(item, one, _join(path, key), faults) for key, one in value.items()}
    return _leaf(kind, value, path, faults)


def _venue(name: str, value: Any, path: str, faults: list[str]) -> Any:
    """One venue's table: our keys and, beside them, the venue's own."""
    try:
        kind = load(name).config
    except ConfigError:
        names = folders()
        near = difflib.get_close_matches(name.lower(), names, 1, 0.5)
        hint = f"the nearest is {near[0]!r}" if near else f"known: {', '.join(names)}"
        faults.append(f"{path}: no such venue; {hint}")
        return None
    if not isinstance(value, dict):
        faults.append(f"{path}: expected a table, got {_word(value)}")
        return None
    own_keys = [field.name for field in msgspec.structs.fields(kind)]
    mine = {key: one for key, one in value.items() if key not in own_keys}
    own = {key: one for key, one in value.items() if key in own_keys}
    section = _table(kind, own, path, faults)
    common = _table(VenueSettings, mine, path, faults, own_keys)
    if section is None or common is None:
        return None
    return msgspec.structs.replace(common, own=section)


def _named(kind: type[Struct], name: str, value: Any, path: str, faults: list[str]) -> Any:
    """An account or a strategy."""
    if not re.fullmatch(STRATEGY, name):
        faults.append(f"{path}: a name is 1 to 64 of A-Z a-z 0-9 . _ -")
    return _table(kind, value, path, faults)


def _table(
    kind: type[Struct], value: Any, path: str, faults: list[str], beside: Sequence[str] = ()
) -> Any:
    """``beside``: keys known at this place that another struct takes."""
    if not isinstance(value, dict):
        faults.append(f"{path or 'file'}: expected a table, got {_word(value)}")
        return None
    hints = get_type_hints(kind, include_extras=True)
    hints.pop("own", None)
    known = [*hints, *beside]
    before = len(faults)
    for key in value:
        if key not in hints:
            near = difflib.get_close_matches(key, known, 1, 0.5)
            hint = f"the nearest known key is {near[0]!r}" if near else f"known: {', '.join(known)}"
            faults.append(f"{_join(path, key)}: unknown key; {hint}")
    taken: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        where = _join(path, field.name)
        if field.name not in hints:
            continue
        if field.name in value:
            taken[field.name] = _take(hints[field.name], value[field.name], where, faults)
        elif field.required:
            faults.append(f"{where}: missing")
    return kind(**taken) if len(faults) == before else None


def _leaf(kind: Any, value: Any, path: str, faults: list[str]) -> Any:
    bare = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    if isinstance(bare, type) and issubclass(bare, Enum):
        known = [member.value for member in bare]
        if value in known:
            return bare(value)
        near = difflib.get_close_matches(str(value), known, 1, 0.5)
        hint = f"the nearest is {near[0]!r}; " if near else ""
        faults.append(f"{path}: {value!r} is none of them; {hint}known: {', '.join(known)}")
        return None
    if isinstance(value, bool) and bool not in (bare, *get_args(bare)):
        faults.append(f"{path}: expected {_kind(bare)}, got true or false")
        return None
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        unquoted = "str" in _kind(bare) and isinstance(value, int | float)
        hint = "; write it in quotes" if unquoted else ""
        faults.append(f"{path}: {str(error).replace('`', '')}{hint}")
        return None


def _kind(kind: Any) -> str:
    if get_origin(kind) in (Union, types.UnionType):
        return " or ".join(_kind(one) for one in get_args(kind) if one is not type(None))
    if get_origin(kind) is Annotated:
        return _kind(get_args(kind)[0])
    return getattr(kind, "__name__", str(kind))


def _word(value: Any) -> str:
    return {dict: "a table", list: "a list", str: "text", bool: "true or false"}.get(
        type(value), type(value).__name__
    )


def _join(path: str, key: str) -> str:
    shown = key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else repr(key)
    return f"{path}.{shown}" if path else shown


def _judge(config: Config, faults: list[str]) -> None:
    """What types cannot say."""
    daemon = config.daemon
    if daemon.ring_bytes & (daemon.ring_bytes - 1):
        faults.append(f"daemon.ring_bytes: {daemon.ring_bytes} is not a power of two")
    if daemon.cpu is not None and daemon.cpu not in os.sched_getaffinity(0):
        allowed = ",".join(map(str, sorted(os.sched_getaffinity(0))))
        faults.append(f"daemon.cpu: {daemon.cpu} is not one this process may use ({allowed})")
    if daemon.admin_group:
        try:
            group_id(daemon.admin_group)
        except ValueError as error:
            faults.append(f"daemon.admin_group: {error}")
    if not config.venues:
        faults.append("venues: no venue is configured")
    seen: dict[str, str] = {}
    for key, settings in config.venues.items():
        path = _join("venues", key)
        folder = load(key).folder
        if folder in seen:
            faults.append(f"{path}: the same venue as venues.{seen[folder]}")
        seen.setdefault(folder, key)
        _judge_venue(configured(key, settings), settings, path, faults)
    try:
        zone_of(config.strategy_protocol.timezone)
    except ValueError as error:
        faults.append(f"strategy_protocol.timezone: {error}")
    serving = {
        load(key).folder: configured(key, settings) for key, settings in config.venues.items()
    }
    symbols = {load(key).folder: _symbols(one) for key, one in config.venues.items()}
    for key, account in config.accounts.items():
        judge_account(account, serving, symbols, _join("accounts", key), faults)
    for key, strategy in config.strategies.items():
        path = _join("strategies", key)
        judge_strategy(key, strategy, config.accounts, symbols, path, faults)


def _symbols(settings: VenueSettings) -> frozenset[str] | None:
    """The instruments a venue's feeds name; None: whatever it lists."""
    found = frozenset(one.strip().upper() for feeds in settings.feeds for one in feeds.instruments)
    return None if "*" in found else found


def _judge_hosts(venue: Venue, settings: VenueSettings, path: str, faults: list[str]) -> None:
    for key, url, schemes in (
        ("rest_url", venue.rest_url, ("http", "https")),
        ("ws_url", venue.ws_url, ("ws", "wss")),
    ):
        try:
            parts = urlsplit(url)
            wrong = "" if parts.hostname and parts.port != 0 else "no host or port"
            if parts.scheme not in schemes:
                wrong = f"expected {' or '.join(schemes)}, not {parts.scheme!r}"
        except ValueError as error:
            wrong = str(error)
        if wrong:
            faults.append(f"{path}.{key}: {wrong}")
    if settings.local_address:
        try:
            ipaddress.ip_address(settings.local_address)
        except ValueError as error:
            faults.append(f"{path}.local_address: {error}")
    if settings.ca_file and not Path(settings.ca_file).is_file():
        faults.append(f"{path}.ca_file: no file {settings.ca_file}")
    elif settings.ca_file:
        # Costs milliseconds; most configurations name no authority of their own.
        from cryptography import x509

        try:
            x509.load_pem_x509_certificates(Path(settings.ca_file).read_bytes())
        except (OSError, ValueError) as error:
            faults.append(f"{path}.ca_file: {settings.ca_file} holds no certificates: {error}")


def _judge_venue(venue: Venue, settings: VenueSettings, path: str, faults: list[str]) -> None:
    _judge_hosts(venue, settings, path, faults)
    wanted: dict[tuple[str, Channel], int] = {}
    for index, feeds in enumerate(settings.feeds):
        where = f"{path}.feeds[{index}]"
        for symbol in feeds.instruments:
            if not symbol or symbol != symbol.strip():
                faults.append(f"{where}.instruments: {symbol!r} is not a name")
        if len(set(feeds.channels)) != len(feeds.channels):
            faults.append(f"{where}.channels: one is named twice")
        for symbol in {symbol.upper() for symbol in feeds.instruments}:
            for channel in dict.fromkeys(feeds.channels):
                other = wanted.setdefault((symbol, channel), index)
                if other != index:
                    faults.append(f"{where}: {symbol} {channel.value} stands in feeds[{other}] too")


def group_id(name: str) -> int:
    """The number of a group of this machine that the process may give files to; raises
    ValueError."""
    try:
        gid = grp.getgrnam(name).gr_gid
    except KeyError:
        raise ValueError(f"no group {name!r} on this machine") from None
    if os.geteuid() and gid not in (os.getegid(), *os.getgroups()):
        raise ValueError(f"uid {os.geteuid()} is no member of {name!r}, so it cannot give it files")
    return gid


def configured(name: str, settings: VenueSettings) -> Venue:
    """The venue called ``name`` as its section wants it."""
    venue = load(name)
    return venue.configured(settings.own if settings.own is not None else venue.config())


def private_streams(config: Config, name: str) -> int:
    """How many connections the accounts at a venue open beside those of market data."""
    folder = load(name).folder
    live = (one for one in config.accounts.values() if one.type is AccountType.LIVE)
    return sum(load(one.venue).folder == folder for one in live)


def state_directory(option: str = "", environ: Mapping[str, str] | None = None) -> Path:
    """What outlives a run: ``option``, ``$CONNECTOR_STATE_DIR``, ``$STATE_DIRECTORY`` (systemd),
    ``$XDG_STATE_HOME/connector``, ``~/.local/state/connector``."""
    environ = os.environ if environ is None else environ
    if option or environ.get("CONNECTOR_STATE_DIR"):
        return Path(option or environ["CONNECTOR_STATE_DIR"])
    if environ.get("STATE_DIRECTORY"):
        return Path(environ["STATE_DIRECTORY"].split(":")[0])
    if environ.get("XDG_STATE_HOME"):
        return Path(environ["XDG_STATE_HOME"]) / "connector"
    home = environ.get("HOME")
    return Path(home) / ".local/state/connector" if home else Path(f"/tmp/connector-{os.getuid()}")


def directory_fault(path: Path) -> str:
    """What is wrong with a directory that exists; empty when nothing is, or when it is missing."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"{path}: {error.strerror}"
    if not stat.S_ISDIR(found.st_mode):
        return f"{path}: not a directory (a link is not followed)"
    if found.st_uid != os.geteuid():
        return f"{path}: owned by uid {found.st_uid}, not by {os.geteuid()}"
    if found.st_mode & 0o002:
        return f"{path}: everybody may write there; chmod o-w {path}"
    return ""


def own_directory(path: Path) -> Path:
    """``path``, made 0700 where missing; ConfigError when it is not ours or anybody may write
    there."""
    if not directory_fault(path):
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}") from None
    if fault := directory_fault(path):
        raise ConfigError(fault)
    return path
