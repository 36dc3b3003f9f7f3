"""Read recordings: lines of text in, stamped frames and HTTP answers out.

A file is plain or gzip, its lines end with LF or CRLF, blank ones are skipped. Known lines:

    1680652700423575 {...}                   a frame; the stamp in s, ms, us or ns since 1970
    1626992741.06217: {...}                  a frame
    https://host/path?query -> 1626992741.3: {...}   the answer to an HTTP request
    wss://host/path <- 1626992740.2: {...}   a frame that was sent
    wss://host/path <-> 1626992740.2         a connection was opened
    {...}                                    a frame without a stamp
    configuration: {...}                     the recorder's own note, skipped

Payloads are handed on as they are: a frame that was cut in the middle of the file is the decoder's
business. A file that ends in the middle of a line is said through ``warn`` and ends there."""

import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from pathlib import Path
from typing import IO

import msgspec

GZIP_MAGIC = b"\x1f\x8b"

_STAMPED = re.compile(rb"(\d{10,19})[ \t]+(?=[{\[])")
_FRAME = re.compile(rb"(\d{9,11}(?:\.\d*)?): ?")
_URL = re.compile(rb"([a-z][a-z0-9+.-]*://\S+) (->|<-|<->) (\d{9,11}(?:\.\d*)?)(?:: ?|$)")
_NOTE = re.compile(rb"[A-Za-z_][\w ]*: ?[{\[]")
_KINDS: dict[bytes, "Kind"]


class Kind(Enum):
    """What a line of a recording is."""

    FRAME = "frame"
    HTTP = "http"
    SENT = "sent"
    CONNECT = "connect"


class Item(msgspec.Struct, frozen=True, gc=False):
    """One line: when, what, from where (HTTP, SENT and CONNECT only) and its bytes."""

    time_ns: int
    """Wall clock of the recorder in nanoseconds; the previous line's where a line has none."""
    kind: Kind
    url: str
    payload: bytes
    part: int = 0
    """Which of the files it is from, counted from 0."""


class RecordingError(ValueError):
    """A line that is of no known form; the message names the file and the line."""


def read(
    paths: Iterable[str | Path], warn: Callable[[str], None] = lambda sentence: None
) -> Iterator[Item]:
    """The items of the files, one file after the other in the order given.

    Raises RecordingError for a line of unknown form and OSError for a file that cannot be read;
    ``warn`` is told of a file that ends in the middle of a line."""
    for part, path in enumerate(paths):
        with open(path, "rb") as raw:
            yield from items(raw, str(path), warn, part)


def items(
    raw: io.BufferedReader, name: str, warn: Callable[[str], None], part: int = 0
) -> Iterator[Item]:
    """The items of one open file; ``name`` is what errors call it."""
    time_ns = 0
    for number, line, whole in _lines(raw, name, warn):
        stripped = line.strip(b" \t\r\n\x00")
        if not stripped:
            continue
        item = _item(stripped, time_ns, part)
        if not whole and (item is None or not _complete(item)):
            warn(f"{name}:{number}: the file ends in the middle of this line")
            return
        if item is None:
            if _NOTE.match(stripped):
                continue
            shown = stripped[:60].decode("utf-8", "replace")
            raise RecordingError(f"{name}:{number}: not a line of a recording: {shown!r}")
        time_ns = item.time_ns
        yield item


def _lines(
    raw: io.BufferedReader, name: str, warn: Callable[[str], None]
) -> Iterator[tuple[int, bytes, bool]]:
    """Number, bytes and whether it ended with a line end, of every line."""
    lines: IO[bytes] | gzip.GzipFile = raw
    if raw.peek(2)[:2] == GZIP_MAGIC:  # not read and wound back: it may be a pipe
        lines = gzip.GzipFile(fileobj=raw)
    number = 0
    try:
        for number, line in enumerate(lines, 1):
            yield number, line, line.endswith(b"\n")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        # A recorder that was killed leaves a file like this; what came before it is good.
        warn(f"{name}: compressed data ends early after line {number} ({error})")


def _item(line: bytes, time_ns: int, part: int) -> Item | None:
    found = _STAMPED.match(line)
    if found is not None:
        return Item(_whole_ns(found[1]), Kind.FRAME, "", line[found.end() :], part)
    found = _FRAME.match(line)
    if found is not None:
        return Item(_seconds_ns(found[1]), Kind.FRAME, "", line[found.end() :], part)
    found = _URL.match(line)
    if found is not None:
        url = found[1].decode("utf-8", "replace")
        return Item(_seconds_ns(found[3]), _KINDS[found[2]], url, line[found.end() :], part)
    if line[:1] in (b"{", b"["):
        return Item(time_ns, Kind.FRAME, "", line, part)
    return None


_KINDS = {b"->": Kind.HTTP, b"<-": Kind.SENT, b"<->": Kind.CONNECT}


def _whole_ns(digits: bytes) -> int:
    """A whole stamp in nanoseconds; its length tells the unit (10: s, 13: ms, 16: us, 19: ns)."""
    scale: int = 10 ** (3 * ((21 - len(digits)) // 3))
    return int(digits) * scale


def _seconds_ns(text: bytes) -> int:
    """Decimal seconds in nanoseconds, without a float."""
    seconds, _, fraction = text.partition(b".")
    return int(seconds) * 1_000_000_000 + int(fraction[:9].ljust(9, b"0") or 0)


def _complete(item: Item) -> bool:
    """Whether the payload of a last line is whole, as far as can be told: JSON can."""
    if item.kind is Kind.CONNECT or (item.kind is Kind.HTTP and item.payload[:1] not in b"{["):
        return True
    try:
        msgspec.json.decode(item.payload, type=msgspec.Raw)
    except (ValueError, RecursionError):
        return False
    return True
