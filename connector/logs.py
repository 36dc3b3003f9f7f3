"""Structured logs on stderr: one line an edge of state, as ``key=value`` text or as JSON.

A line is written by a thread of its own: whoever reads our stderr may be slow, and the loop must
not wait for him."""

import json
import logging
import os
import sys
import threading
from datetime import UTC, datetime
from queue import SimpleQueue
from typing import Any

from connector.model.redaction import hide

WAITING_MOST = 10_000
"""Lines that wait for a stderr that is full; more are counted and lost."""
GOODBYE_S = 2.0
"""How long the end waits for what is still to be written."""

_STANDARD = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def _extras(record: logging.LogRecord) -> dict[str, Any]:
    return {key: value for key, value in vars(record).items() if key not in _STANDARD}


def _stamp(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


class TextFormatter(logging.Formatter):
    """``2026-01-02T03:04:05.678Z INFO connector.app what happened key=value``"""

    def format(self, record: logging.LogRecord) -> str:
        words = [_stamp(record), record.levelname, record.name, _plain(record.getMessage())]
        words += [f"{key}={_quoted(value)}" for key, value in _extras(record).items()]
        text = " ".join(words)
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        return text


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": _stamp(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_extras(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


def _plain(text: str) -> str:
    """A peer's words must not forge a second line."""
    return text.replace("\r", "\\r").replace("\n", "\\n")


def _quoted(value: Any) -> str:
    text = _plain(str(value))
    return json.dumps(text, ensure_ascii=False) if not text or set(text) & set(' "=') else text


class Writer(logging.Handler):
    """Hands lines to a thread that writes them to ``fd``, in order; never waits.

    A line that finds ``most`` others waiting is dropped and counted in ``lost``; when the reader is
    back, one line says how many there were."""

    def __init__(self, fd: int, most: int = WAITING_MOST) -> None:
        super().__init__()
        self._fd, self._most = fd, most
        self._lines: SimpleQueue[bytes | None] = SimpleQueue()
        self.lost = 0
        """Lines dropped since the start."""
        self._thread = threading.Thread(target=self._write_all, name="log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        if self._lines.qsize() >= self._most:
            self.lost += 1
            return
        try:
            line = self.format(record).encode("utf-8", "backslashreplace")
            self._lines.put(hide(line) + b"\n")
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        """Write what waits, for as long as that is reasonable."""
        if self._thread.is_alive():
            self._lines.put(None)
            self._thread.join(GOODBYE_S)
        super().close()

    def _write_all(self) -> None:
        told = 0
        while (line := self._lines.get()) is not None:
            if self.lost > told and self._lines.qsize() < self._most // 2:
                lost, told = self.lost - told, self.lost
                note = logging.makeLogRecord(
                    {
                        "name": __name__,
                        "levelno": logging.WARNING,
                        "levelname": "WARNING",
                        "msg": "stderr was full: lines were lost",
                        "lines": lost,
                    }
                )
                line += (self.format(note) + "\n").encode()
            self._write(line)

    def _write(self, line: bytes) -> None:
        try:
            while line:
                line = line[os.write(self._fd, line) :]
        except OSError:  # a closed stderr must not become our failure
            return


_writer: Writer | None = None


def lost() -> int:
    """Lines that were dropped because nobody read our stderr."""
    return _writer.lost if _writer is not None else 0


def configure(as_json: bool, level: int = logging.INFO) -> None:
    """Send everything from ``level`` on to stderr; picows' own chatter only when it matters."""
    global _writer
    handler = _writer = Writer(sys.stderr.fileno())
    handler.setFormatter(JsonFormatter() if as_json else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("picows").setLevel(logging.ERROR)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    # Nobody prints where a line comes from, and looking for it takes longer than all the rest.
    logging._srcfile = None  # as the logging HOWTO says
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.raiseExceptions = False  # a line that cannot be formatted must not become our failure
