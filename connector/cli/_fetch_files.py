"""The files of a download: parts that are whole or not there, and how far it has come."""

import fcntl
import json
import os
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import msgspec

from connector.errors import ConfigError, ConnectorError
from connector.venues.histories import Archive, Kind, Row

STATE = "fetch.json"
PART_ROWS = 50_000
DIGITS, PLACES = 38, 18
"""Of every decimal: 20 digits before the point."""


class State(msgspec.Struct):
    """How far a download is."""

    about: dict[str, Any]
    last: int | None
    """The key of the last row that is on the disk."""
    parts: int
    rows: int
    done: bool


class Files:
    """A folder that one download fills, locked until ``close``. ConfigError: it holds another
    one's, or cannot be used."""

    def __init__(self, folder: Path, history: Archive, about: dict[str, Any]) -> None:
        self._folder, self._history = folder, history
        self._arrow, self._parquet = _pyarrow()
        self._about = {"history": history.name, **about}
        self._rows: list[Row] = []
        self.last: int | None = None
        """The key of the last row that is on the disk."""
        self.parts = self.rows = 0
        self.done = False
        self._lock = -1
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not os.access(folder, os.W_OK | os.X_OK):
                raise ConfigError(f"{folder}: not to be written to")
            self._resume()
        except BlockingIOError:
            self.close()
            raise ConfigError(f"{folder}: another download fills it just now") from None
        except OSError as error:
            self.close()
            raise ConfigError(f"{folder}: {error.strerror}") from None
        except ConfigError:
            self.close()
            raise

    def close(self) -> None:
        """Somebody else may use the folder."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _resume(self) -> None:
        path = self._folder / STATE
        try:
            told = msgspec.json.decode(path.read_bytes(), type=State)
        except FileNotFoundError:
            return
        except msgspec.MsgspecError as error:
            raise ConfigError(f"{path}: {error}") from None
        if told.about != self._about:
            raise ConfigError(
                f"{self._folder} holds another download: {json.dumps(told.about)}; "
                "choose another directory"
            )
        self.last, self.parts, self.rows = told.last, told.parts, told.rows
        self.done = told.done

    def add(self, rows: Sequence[Row]) -> None:
        """Take rows; they are on the disk when a part is full, or with ``end``."""
        self._rows += rows
        while len(self._rows) >= PART_ROWS:
            self._write(self._rows[:PART_ROWS])
            self._rows = self._rows[PART_ROWS:]

    def keep(self) -> None:
        """What is not on the disk yet goes there."""
        if self._rows:
            self._write(self._rows)
            self._rows = []

    def end(self, *, whole: bool) -> None:
        """Everything has come that there is by now; ``whole``: nothing will be added."""
        self.keep()
        self.done = whole
        self._state()

    def _write(self, rows: Sequence[Row]) -> None:
        """A part, then how far it is: a part that is there without that is written again."""
        table = self._arrow.table(
            [
                self._column([row[index] for row in rows], column.name, column.kind)
                for index, column in enumerate(self._history.columns)
            ],
            names=[column.name for column in self._history.columns],
        )
        path = self._folder / f"{self._history.name}-{self.parts:06}.parquet"
        fresh = path.with_suffix(".new")
        try:
            self._parquet.write_table(table, fresh)
            with fresh.open("rb") as file:
                os.fsync(file.fileno())
            fresh.replace(path)
            self.parts, self.rows = self.parts + 1, self.rows + len(rows)
            self.last = rows[-1][self._history.key]
        except OSError as error:
            raise ConnectorError(f"{path}: {error.strerror}") from None
        self._state()

    def _state(self) -> None:
        told = State(self._about, self.last, self.parts, self.rows, self.done)
        path = self._folder / STATE
        fresh = self._folder / f"{STATE}.new"
        try:
            with fresh.open("wb") as file:
                file.write(msgspec.json.encode(told))
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
        except OSError as error:
            raise ConnectorError(f"{path}: {error.strerror}") from None

    def _column(self, values: list[Any], name: str, kind: Kind) -> Any:
        arrow = self._arrow
        if kind is Kind.DECIMAL:
            try:
                exact = [None if one is None else Decimal(one) for one in values]
                return arrow.array(exact, type=arrow.decimal128(DIGITS, PLACES))
            except (arrow.ArrowInvalid, InvalidOperation) as error:
                raise ConnectorError(f"{name}: a number that does not fit: {error}") from None
        types = {
            Kind.INTEGER: arrow.int64(),
            Kind.TIME_MS: arrow.timestamp("ms", tz="UTC"),
            Kind.TRUTH: arrow.bool_(),
            Kind.TEXT: arrow.string(),
        }
        return arrow.array(values, type=types[kind])


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise ConfigError(
            "Parquet is written by pyarrow, which is not installed: pip install connector[history]"
        ) from None
    return pyarrow, pyarrow.parquet
