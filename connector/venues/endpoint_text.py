"""A venue's endpoints in words: for ``connector call`` and for the page of the venue."""

import difflib
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

import msgspec

from connector.venues.endpoint import Endpoint, Retry, Security, Status
from connector.venues.parameters import parameters

SECOND_NS = 1_000_000_000
MOST = 2000
"""No venue's ``limit`` goes further."""


class NoEndpoint(ValueError):
    """The venue's table has no such name; the text names the nearest."""


def find(endpoints: Mapping[str, Endpoint], name: str) -> Endpoint:
    """The endpoint of that name, any case, or of that method and path; raises `NoEndpoint`."""
    wanted = name.strip().lower()
    for row in endpoints.values():
        if wanted in (row.name.lower(), f"{row.method} {row.path}".lower()):
            return row
    near = difflib.get_close_matches(wanted, [known.lower() for known in endpoints], 3, 0.5)
    found = [known for low in near for known in endpoints if known.lower() == low]
    hint = f"; the nearest: {', '.join(found)}" if found else ""
    raise NoEndpoint(f"no endpoint {name!r}{hint}")


def usage(row: Endpoint) -> str:
    """Its name and parameters, as they are typed."""
    words = [
        f"{one.name}=…" if one.mandatory else f"[{one.name}=…]" for one in parameters(row.params)
    ]
    return " ".join([row.name, *words])


def key(row: Endpoint) -> str:
    """What it wants of a key."""
    return {
        Security.NONE: "none",
        Security.KEY: "key",
        Security.SIGNED: "signed",
        Security.TOKEN: "logged in",
    }[row.security]


def cost(row: Endpoint) -> str:
    """What it costs, by its parameters; a pool of its own is named."""
    names = {one.name for one in parameters(row.params)}
    pool = "" if row.pool == "weight" else f" of {row.pool}"
    words = [f"{_weight(row, names)}{pool}"]
    words += [f"{one.units} of {one.pool} in {one.window_ns // SECOND_NS} s" for one in row.orders]
    return ", ".join(words)


def _weight(row: Endpoint, names: set[str]) -> str:
    plain = row.weight({})
    if "symbol" in names and row.weight({"symbol": "X"}) != plain:
        return f"{row.weight({'symbol': 'X'})}, without a symbol {plain}"
    if "limit" not in names:
        return str(plain)
    steps = []
    for weight, group in groupby(_limits(row), lambda pair: pair[1]):
        limits = [limit for limit, _ in group]
        span = str(limits[0]) if len(limits) == 1 else f"{limits[0]} to {limits[-1]}"
        steps.append(f"{weight} (limit {span})")
    return ", ".join(steps) if len(steps) > 1 else str(plain)


def _limits(row: Endpoint) -> Iterable[tuple[int, int]]:
    """Every limit that is allowed, and what it costs."""
    (field,) = (one for one in msgspec.structs.fields(row.params) if one.encode_name == "limit")
    for limit in range(1, MOST):
        try:
            msgspec.convert(limit, field.type)
        except msgspec.ValidationError:
            continue
        yield limit, row.weight({"limit": limit})


def became(row: Endpoint) -> str:
    """What became of it, or since when it is; "": it is current."""
    when = f" {row.since}" if row.since else ""
    if row.status is Status.SOCKET:
        return f"a connection: {row.successor}"
    if row.status is Status.REMOVED:
        return f"removed{when}: {row.successor}"
    if row.status is Status.REPLACED:
        return f"replaced{when}: {row.successor}"
    return f"since{when}" if when else ""


def rights(row: Endpoint) -> str:
    """What it takes to be allowed to call it, for a strategy; "": the account is enough."""
    words = []
    if row.permission is not None:
        words.append(f'`allow = ["{row.permission.value}"]`')
    if row.instead:
        words.append(f"strategies: `session.{row.instead}()`")
    if row.credential:
        words.append("not for strategies")
    return "; ".join(words)


def repeat(row: Endpoint) -> str:
    """What may follow when no answer came."""
    return {
        Retry.SAFE: "ask again",
        Retry.QUERY: "find out first",
        Retry.KEYED: "find out, then with the same key",
    }[row.retry]


def told(row: Endpoint) -> dict[str, Any]:
    """A row for machines."""
    return {
        "endpoint": row.name,
        "summary": row.summary,
        "method": row.method,
        "path": row.path,
        "key": key(row),
        "cost": cost(row),
        "changes": row.changes,
        "permission": row.permission.value if row.permission else "",
        "status": row.status.value,
        "successor": row.successor,
        "parameters": [msgspec.structs.asdict(one) for one in parameters(row.params)],
        "rules": [f"{rule.field}: {rule.text}" for rule in row.rules],
    }
