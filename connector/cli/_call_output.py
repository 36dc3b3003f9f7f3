"""What `connector call` prints."""

import json
from textwrap import indent
from typing import Any

import orjson

from connector.clock import monotonic_ns
from connector.transport.calls import Called
from connector.venues.contract import Endpoint, Outcome, Security, Venue
from connector.venues.endpoint_text import became, cost, key, rights, told, usage
from connector.venues.parameters import parameters

SECOND_NS = 1_000_000_000
COLUMNS = 12
"""A list of rows with more keys is printed a value a line."""


def listing(venue: Venue, as_json: bool) -> str:
    """The endpoints of a venue."""
    rows = list(venue.endpoints.values())
    if as_json:
        return json.dumps([told(row) for row in rows], ensure_ascii=False)
    wide = max(len(row.name) for row in rows)
    lines = [f"{venue.name}: {len(rows)} endpoints"]
    for title, found in (
        ("Without a key", [row for row in rows if row.security is Security.NONE]),
        ("With a key", [row for row in rows if row.security is not Security.NONE]),
    ):
        if found:
            lines += ["", title]
            lines += [f"  {row.name:<{wide}}  {_summary(row)}" for row in found]
    lines += ["", f"connector call {venue.name} ENDPOINT --describe says what one takes."]
    return "\n".join(lines)


def _summary(row: Endpoint) -> str:
    old = became(row)
    return f"{row.summary} ({old})" if old else row.summary


def describe(row: Endpoint, as_json: bool) -> str:
    """One endpoint: parameters, rules, cost."""
    if as_json:
        return json.dumps(told(row), ensure_ascii=False)
    lines = [f"{usage(row)}", f"  {_summary(row)}: {row.method} {row.path}"]
    for one in parameters(row.params):
        need = "" if one.mandatory else "optional, "
        lines.append(f"  {one.name}: {need}{one.allowed}")
    lines += [f"  together: {rule.field}: {rule.text}" for rule in row.rules]
    lines.append(f"  cost: {cost(row)}; key: {key(row)}")
    if words := rights(row):
        lines.append(f"  needs: {words}")
    return "\n".join(lines)


def show(row: Endpoint, called: Called, as_json: bool) -> str:
    """What became of a call."""
    good = called.outcome in (Outcome.OK, Outcome.ALREADY)
    wait_s = max(0, called.retry_ns - monotonic_ns()) / SECOND_NS if called.retry_ns else 0.0
    if as_json:
        answer = {
            "endpoint": called.endpoint,
            "outcome": called.outcome.value,
            "status": called.status,
            "code": called.code,
            "message": called.message,
            "retry_s": round(wait_s, 1),
            "result": _parsed(called.body) if good else None,
        }
        return json.dumps(answer, ensure_ascii=False)
    if called.outcome is Outcome.OK:
        return _text(_parsed(called.body))
    code = str(called.code) if called.code else ""
    said = " ".join(filter(None, (code, called.message))) or f"HTTP {called.status}"
    words = f"{called.endpoint}: {called.outcome.value}: {said}"
    if wait_s:
        words += f"; again in {wait_s:.0f} s"
    if called.outcome is Outcome.UNKNOWN and row.changes:
        words += "\nIt may have been done: find out before you call it again."
    return words


def _parsed(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return body.decode(errors="replace")


def _text(found: Any) -> str:
    """An answer for people: rows as a table, an object a line a value."""
    if isinstance(found, list):
        if not found:
            return "nothing"
        if all(isinstance(one, dict) for one in found):
            keys = list(dict.fromkeys(name for one in found for name in one))
            flat = not any(
                isinstance(value, dict | list) for one in found for value in one.values()
            )
            if flat and len(keys) <= COLUMNS:
                return _table([keys, *([_word(one.get(name)) for name in keys] for one in found)])
            return "\n\n".join(_text(one) for one in found)
        if all(isinstance(one, list) for one in found):
            return _table([[_word(value) for value in one] for one in found])
    if isinstance(found, dict):
        return "\n".join(_line(name, value) for name, value in found.items())
    return _word(found)


def _line(name: str, value: Any) -> str:
    """A value beside its name, or below it where it is rows or an object."""
    if not value or not isinstance(value, dict | list):
        return f"{name}: {_word(value)}"
    if isinstance(value, list) and not all(isinstance(one, dict | list) for one in value):
        return f"{name}: {_word(value)}"
    return f"{name}:\n{indent(_text(value), '  ')}"


def _word(value: Any) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _table(rows: list[list[str]]) -> str:
    wide: dict[int, int] = {}
    for row in rows:
        for place, cell in enumerate(row):
            wide[place] = max(wide.get(place, 0), len(cell))
    lines = ("  ".join(f"{cell:<{wide[i]}}" for i, cell in enumerate(row)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)
