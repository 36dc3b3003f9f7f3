"""What a running daemon may take from a configuration that was changed: the feeds, and who may
subscribe beside them. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from connector.config import Config
from connector.errors import ConfigError

TAKEN = ("feeds", "on_request")
"""Keys of a venue that may change while it runs."""
UNUSED = "setup"
"""Of an account: commands read it, the daemon does not."""


def changed_venues(was: Config, now: Config) -> list[str]:
    """The venues of which something changed that can be taken; ConfigError names everything that
    cannot."""
    changed: list[str] = []
    faults: list[str] = []
    for path in _differences(was, now, ""):
        parts = path.split(".")
        if parts[0] == "accounts" and len(parts) > 2 and parts[2] == UNUSED:
            continue
        if parts[0] == "venues" and len(parts) > 2 and parts[2] in TAKEN:
            changed.append(parts[1])
        else:
            faults.append(f"{path}: cannot change while the daemon runs: restart it")
    if faults:
        raise ConfigError("\n".join(faults))
    return list(dict.fromkeys(changed))


def _differences(was: Any, now: Any, path: str) -> Iterator[str]:
    if was == now:
        return
    old, new = _table(was), _table(now)
    if old is None or new is None or type(was) is not type(now):
        yield path
        return
    for key in {**old, **new}:
        where = f"{path}.{key}" if path and key != "own" else path or key
        if key in old and key in new:
            yield from _differences(old[key], new[key], where)
        else:
            yield where


def _table(value: Any) -> Mapping[str, Any] | None:
    if isinstance(value, Struct):
        return {name: getattr(value, name) for name in value.__struct_fields__}
    return value if isinstance(value, dict) else None
