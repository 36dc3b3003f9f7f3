"""Bodies of the order path's records as bytes and back, straight from the drawn layout.

For what is rare or already in Python; the hot path writes the C structs."""

import struct
from collections import namedtuple
from collections.abc import Mapping
from functools import cache
from typing import Any

from connector.model.instrument import ABSENT
from connector.model.records import fields

_FORMATS = {"u8": "B", "u16": "H", "u32": "I", "u64": "Q", "i32": "i", "i64": "q"}
_UNUSED = ("pad", "spare", "reserve")


class Layout:
    """One struct of the layout: its bytes from named values, and named values from its bytes.

    Texts are str, NUL-padded in the bytes; numbers that were not given are 0. Padding is 0 and has
    no name. ``pack`` raises ValueError naming a field that does not fit."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._texts: dict[str, int] = {}
        self._nested: set[str] = set()
        parts = ["<"]
        self._names: list[str] = []
        for field in fields(name):
            if field.name in _UNUSED:
                size = struct.calcsize(_FORMATS[field.type]) * max(1, field.length)
                parts.append(f"{size}x")
                continue
            if field.type == "char":
                self._texts[field.name] = field.length
                parts.append(f"{field.length}s")
            elif field.type in _FORMATS:
                parts.append(_FORMATS[field.type])
            else:  # a struct within the struct, as bytes
                parts.append(f"{Layout(field.type).size}s")
                self._nested.add(field.name)
            self._names.append(field.name)
        self._struct = struct.Struct("".join(parts))
        self.size: int = self._struct.size
        self.view: Any = namedtuple(name, self._names)  # type: ignore[misc]

    def pack(self, **values: Any) -> bytes:
        """The struct's bytes; names that the struct has not are a TypeError."""
        row: list[Any] = []
        for name in self._names:
            value = values.pop(name, 0)
            if name in self._texts:
                value = (value or "").encode()
                if len(value) > self._texts[name]:
                    raise ValueError(
                        f"{self.name}.{name}: {len(value)} bytes, {self._texts[name]} fit"
                    )
            elif value is None:
                value = ABSENT
            elif not value and name in self._nested:
                value = b""
            row.append(value)
        if values:
            raise TypeError(f"{self.name} has no {', '.join(values)}")
        try:
            return self._struct.pack(*row)
        except struct.error as error:
            raise ValueError(
                f"{self.name}: {error}: {dict(zip(self._names, row, strict=True))}"
            ) from None

    def unpack(self, data: bytes | memoryview) -> Any:
        """A named tuple of the struct at the start of ``data``; texts as str."""
        row = list(self._struct.unpack_from(data))
        for index, name in enumerate(self._names):
            if name in self._texts:
                row[index] = row[index].rstrip(b"\0").decode(errors="replace")
        return self.view._make(row)

    def as_dict(self, data: bytes | memoryview) -> Mapping[str, Any]:
        """The same as a dict."""
        found: Mapping[str, Any] = self.unpack(data)._asdict()
        return found


@cache
def layout(name: str) -> Layout:
    """The layout of a drawn struct, e.g. ``layout("OrderReportBody")``."""
    return Layout(name)


def given(value: int) -> int | None:
    """A number of a record, or None where it says absent."""
    return None if value == ABSENT else value
