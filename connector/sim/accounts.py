"""The simulator's accounts: from the command line, from a file, or a throw-away one.

    [accounts.maker]
    balances = { USDT = "250000" }
    keys = [
        { key = "MAKERKEY", secret = "..." },
        { key = "MAKERED25519", public_key_file = "maker.pub.pem" },
    ]

A key has a ``secret`` (HMAC) or a public key in PEM, Ed25519 or RSA: in ``public_key``, or in a
file named by ``public_key_file``, relative to this one.
"""

import secrets
import string
import tomllib
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from connector.venues.sim_setup import ApiKey, SimAccount

UNIT = 100_000_000
LETTERS = string.ascii_letters + string.digits


def throw_away(
    funds: Mapping[str, int], written: Callable[[str], str] = lambda letters: letters
) -> SimAccount:
    """An account ``demo`` with a new key, ``written`` of letters, a secret and so much of each
    asset."""
    key, secret = ("".join(secrets.choice(LETTERS) for _ in range(64)) for _ in range(2))
    made = ApiKey(key=written(key), secret=secret)
    return SimAccount(name="demo", keys=(made,), balances=funds)


def from_words(words: Iterable[str], funds: Mapping[str, int]) -> list[SimAccount]:
    """Accounts of ``NAME=KEY:SECRET``; the same name again adds a key. Raises ValueError."""
    keys: dict[str, list[ApiKey]] = {}
    for word in words:
        name, equals, pair = word.partition("=")
        key, colon, secret = pair.partition(":")
        if not (equals and colon and name and key and secret):
            shown = f" for {name!r}" if equals and name else ""
            raise ValueError(f"expected NAME=KEY:SECRET{shown}")
        keys.setdefault(name, []).append(ApiKey(key=key, secret=secret))
    return [
        SimAccount(name=name, keys=tuple(found), balances=funds) for name, found in keys.items()
    ]


def from_file(path: Path, funds: Mapping[str, int]) -> list[SimAccount]:
    """Accounts of a TOML file; raises ValueError naming what is wrong, OSError."""
    try:
        tables = tomllib.loads(path.read_text())
    except tomllib.TOMLDecodeError as error:
        raise ValueError(str(error)) from None
    _known("", tables, {"accounts"})
    found = []
    for name, table in tables.get("accounts", {}).items():
        where = f"accounts.{name}"
        if not isinstance(table, dict):
            raise ValueError(f"{where} is not a table")
        _known(where, table, {"keys", "balances"})
        keys = [_key(f"{where}.keys[{n}]", row, path) for n, row in enumerate(_rows(where, table))]
        balances = table.get("balances")
        found.append(
            SimAccount(
                name=name,
                keys=tuple(keys),
                balances=funds if balances is None else _balances(where, balances),
            )
        )
    if not found:
        raise ValueError("no accounts")
    return found


def _rows(where: str, table: dict[str, Any]) -> list[Any]:
    rows = table.get("keys")
    if not isinstance(rows, list) or not rows:
        raise ValueError(f"{where}.keys: at least one is needed")
    return rows


def _key(where: str, row: Any, path: Path) -> ApiKey:
    if not isinstance(row, dict):
        raise ValueError(f"{where} is not a table")
    _known(where, row, {"key", "secret", "public_key", "public_key_file"})
    for name, value in row.items():
        if not isinstance(value, str):
            raise ValueError(f"{where}.{name} is not a text")
    public = row.get("public_key", "")
    if "public_key_file" in row:
        public = (path.parent / row["public_key_file"]).read_text()
    if not row.get("key") or bool(row.get("secret")) == bool(public):
        raise ValueError(f"{where}: key and either secret or a public key are needed")
    return ApiKey(key=row["key"], secret=row.get("secret", ""), public_key=public)


def _balances(where: str, table: Any) -> dict[str, int]:
    if not isinstance(table, dict):
        raise ValueError(f"{where}.balances is not a table")
    found = {}
    for asset, amount in table.items():
        try:
            units = Decimal(str(amount)) * UNIT
            if units < 0 or units != units.to_integral_value():
                raise ValueError
        except (InvalidOperation, ValueError):
            raise ValueError(f"{where}.balances.{asset}: not an amount: {amount!r}") from None
        found[asset] = int(units)
    return found


def _known(where: str, table: dict[str, Any], names: set[str]) -> None:
    unknown = sorted(table.keys() - names)
    if unknown:
        raise ValueError(f"{where + '.' if where else ''}{unknown[0]}: unknown key")
