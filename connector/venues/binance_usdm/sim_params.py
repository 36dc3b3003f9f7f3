"""The parameters of a request as the venue reads them, and the errors it answers with.

Written from the venue's reference alone (see ``sim.py``): every accessor refuses what the venue
refuses, with its code and text. Of a parameter that stands in query and body the query's counts.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import orjson

MAX_ID = 2**63 - 1
DECIMAL = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
INTEGER = r"^[0-9]{1,20}$"
CLIENT_ID = r"^[\.A-Z\:/a-z0-9_-]{1,36}$"


class Fault(Exception):
    """An error answer ``{"code","msg"}``."""

    def __init__(
        self, code: int, message: str, status: int = 400, *, retry_after_s: int = 0
    ) -> None:
        super().__init__(message)
        self.code, self.status, self.retry_after_s = code, status, retry_after_s

    @property
    def body(self) -> bytes:
        return error_body(self.code, str(self))


def error_body(code: int, message: str) -> bytes:
    return orjson.dumps({"code": code, "msg": message})


def malformed(name: str) -> Fault:
    return Fault(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def invalid(name: str) -> Fault:
    return Fault(-1130, f"Data sent for parameter '{name}' is not valid.")


def illegal(name: str, legal: str) -> Fault:
    return Fault(
        -1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'."
    )


def not_required(name: str) -> Fault:
    return Fault(-1106, f"Parameter '{name}' sent when not required.")


class Params:
    """Named texts; every accessor raises `Fault` as the venue does."""

    def __init__(self, query: str = "", body: str = "") -> None:
        self._values: dict[str, str] = {}
        self._strings, self._numbers = set[str](), set[str]()
        """Where that makes a difference."""
        self.take(body)
        first = self._values
        self._values = {}
        self.take(query)
        self._values = first | self._values

    def take(self, text: str) -> None:
        """Read more ``a=b&c=d``; a name that comes twice is refused."""
        for key, value in parse_qsl(text, keep_blank_values=True):
            if key in self._values:
                raise Fault(-1101, f"Duplicate values for parameter '{key}' detected.")
            self._values[key] = value

    @classmethod
    def of(cls, values: Mapping[str, Any], typed: bool = False) -> "Params":
        """The parameters of a JSON object: an element of a batch, or of the WebSocket API, which
        is ``typed``: decimals are strings there and whole numbers are JSON's."""
        self = cls()
        for key, value in values.items():
            if typed and isinstance(value, str | int | float) and not isinstance(value, bool):
                (self._strings if isinstance(value, str) else self._numbers).add(key)
            if isinstance(value, bool):
                text = "true" if value else "false"
            elif isinstance(value, int | float):
                text = f"{Decimal(repr(value)):f}"
            elif isinstance(value, str):
                text = value
            elif value is None:
                continue
            else:
                text = orjson.dumps(value).decode()
            self._values[key] = text
        return self

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def names(self) -> list[str]:
        return [*self._values]

    def raw(self, name: str) -> str | None:
        return self._values.get(name)

    def text(self, name: str) -> str | None:
        """An optional text, which cannot be empty."""
        value = self._values.get(name)
        if value == "":
            raise Fault(-1105, f"Parameter '{name}' was empty.")
        return value

    def required(self, name: str) -> str:
        value = self._values.get(name)
        if not value:
            raise malformed(name)
        return value

    def integer(self, name: str, default: int | None, low: int, high: int) -> int | None:
        value = self._values.get(name)
        if value is None:
            return default
        if not re.fullmatch(r"-?[0-9]{1,19}", value):
            raise malformed(name)
        if not low <= int(value) <= high:
            raise invalid(name)
        return int(value)

    def limit(self, default: int, most: int) -> int:
        found = self.integer("limit", default, 1, most)
        assert found is not None
        return found

    def number(self, name: str, *, required: bool = False) -> int | None:
        """A whole number as the signed endpoints check it."""
        value = self.required(name) if required else self.text(name)
        if value is None:
            return None
        if name in self._strings:
            raise malformed(name)
        if not re.fullmatch(INTEGER, value):
            raise illegal(name, INTEGER)
        if int(value) > MAX_ID:
            raise invalid(name)
        return int(value)

    def decimal(self, name: str, *, required: bool = False) -> Decimal | None:
        value = self.required(name) if required else self.text(name)
        if value is None:
            return None
        if name in self._numbers:
            raise malformed(name)
        if not re.fullmatch(DECIMAL, value):
            raise illegal(name, DECIMAL)
        return Decimal(value)

    def flag(self, name: str, default: bool = False) -> bool:
        """``true`` or ``false``, any case."""
        value = self.text(name)
        if value is None:
            return default
        if value.lower() not in ("true", "false"):
            raise invalid(name)
        return value.lower() == "true"

    def client_id(self, name: str) -> str | None:
        value = self.text(name)
        if value is None:
            return None
        if len(value) > 36:
            raise Fault(-4015, "Client order id length should be less than 36 chars")
        if not re.fullmatch(CLIENT_ID, value):
            raise illegal(name, CLIENT_ID)
        return value

    def symbol(self, listed: Any, *, required: bool = True) -> str | None:
        """A symbol out of ``listed``: anything with ``in``, or with ``symbols``."""
        value = self._values.get("symbol")
        if not value:
            if value is None and not required:
                return None
            raise malformed("symbol")
        if value not in getattr(listed, "symbols", listed):
            raise Fault(-1121, "Invalid symbol.")
        return value

    def window(self, longest_ms: int, now_ms: int, default_ms: int) -> tuple[int, int]:
        """``startTime`` and ``endTime``, filled in as the venue does."""
        start_ms, end_ms = self.number("startTime"), self.number("endTime")
        if start_ms is None and end_ms is None:
            return now_ms - default_ms, now_ms
        if start_ms is None:
            assert end_ms is not None
            return end_ms - default_ms, end_ms
        if end_ms is None:
            return start_ms, start_ms + default_ms
        if start_ms > end_ms:
            raise Fault(-1023, "Start time is greater than end time.")
        if end_ms - start_ms > longest_ms:
            raise Fault(-4165, "Invalid time interval.")
        return start_ms, end_ms
