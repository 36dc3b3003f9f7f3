"""What a venue keeps of the past and how it is read page after page.

Pure: where a page begins in, its request out; an answer in, rows out. Rows have a key that rises
and never comes twice, so a page begins right behind the last row of the one before."""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from msgspec import Struct


class Kind(Enum):
    """How a column's values are written."""

    INTEGER = "integer"
    TIME_MS = "time"
    """Milliseconds of the venue's clock."""
    DECIMAL = "decimal"
    """Exact; "" is none."""
    TRUTH = "truth"
    TEXT = "text"


class Column(Struct, frozen=True):
    """One of a history's columns."""

    name: str
    kind: Kind


Row = tuple[Any, ...]
"""A value a column: integers, decimals as the venue writes them, None where it is silent."""


class Archive(Struct, frozen=True, kw_only=True):
    """One thing that a venue keeps of the past."""

    name: str
    endpoint: str
    columns: tuple[Column, ...]
    key: int
    """The column that rises from row to row: a time or an id."""
    time: int
    """The column of the time by which rows are wanted."""
    page: int
    """Rows a request: where a row costs least of the rate limit."""
    read: Callable[[bytes], list[Row]]
    """An answer's rows, the earliest first. Raises ValueError."""
    first: Callable[[int, int, int], Mapping[str, Any]]
    """Parameters of the first page of rows from ``start_ms`` to ``end_ms``, so many."""
    after: Callable[[int, int, int], Mapping[str, Any]]
    """Parameters of the page behind a row with this key, up to ``end_ms``, so many."""
    over: int | None = None
    """The column that says when a row is final, in ms: what is not yet is left out. None: rows are
    final."""
    row_ms: Callable[[Mapping[str, str]], int] | None = None
    """The least time between two rows, by the parameters, where the venue may give the last rows of
    a span that holds more than a page: pages are spans then that cannot. None: it gives the first
    ones."""
    late_ms: int = 0
    """A row may be there only so long after its time: until then nothing is known to be whole."""
    by_id: bool = False
    """Pages begin at ids alone: where a time is, is found out by halving."""
