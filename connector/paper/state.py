"""What a paper account is, in a file: every change is written before anybody is told of it.

    line      magic, venue's folder
    record    length u32, crc32 u32, a `Kept` as MessagePack; the first is the whole account

A change is one ``write(2)``: it survives the process however that ends. Who has `handle` brings it
to the disk, for the machine's end. What was written in part is cut off at the next start. A file
that has grown is begun anew: a second file is written whole and takes its name.
"""

import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from connector.errors import ConfigError
from connector.sim.matching.keeping import Kept, merged

MAGIC = b"connector paper account 1 "
LONGEST = 4 << 20
"""Bytes of a file before it is begun anew."""
_HEAD = struct.Struct("<II")
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Kept)


class StateFile:
    """One account's file; its one writer.

    Raises ConfigError when the file is of another venue or cannot be read, OSError when it cannot
    be opened."""

    def __init__(self, path: Path, venue: str) -> None:
        self._path, self._venue = path, venue
        self._fd = -1
        self._size = self._whole = 0
        self._dirty = False
        self.cut = 0
        """Bytes at the end that were no whole record."""
        self.kept = self._read()
        """The account as it was; None: there was none."""

    def _read(self) -> Kept | None:
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return None
        line, _, rest = data.partition(b"\n")
        if not line.startswith(MAGIC):
            raise ConfigError(f"{self._path}: not the state of a paper account")
        venue = line.removeprefix(MAGIC).decode("utf-8", "replace")
        if venue != self._venue:
            raise ConfigError(f"{self._path}: of an account at {venue}, not {self._venue}")
        parts = list(self._parts(rest))
        return merged(parts) if parts else None

    def _parts(self, data: bytes) -> Iterator[Kept]:
        offset = 0
        while offset < len(data):
            end = offset + _HEAD.size
            if end > len(data):
                break
            length, crc = _HEAD.unpack_from(data, offset)
            body = data[end : end + length]
            if len(body) < length or zlib.crc32(body) != crc:
                break
            try:
                yield _DECODER.decode(body)
            except msgspec.ValidationError as error:
                raise ConfigError(f"{self._path}: of another version: {error}") from None
            offset = end + length
        self.cut = len(data) - offset

    def begin(self, whole: Kept) -> None:
        """Write the whole account to a file of its own, which takes the name."""
        part = self._path.with_name(f"{self._path.name}.new")
        fd = os.open(
            part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600
        )
        try:
            data = MAGIC + self._venue.encode() + b"\n" + _record(whole)
            _write(fd, data)
            os.rename(part, self._path)
        except BaseException:
            os.close(fd)
            raise
        self.close()
        self._fd, self._size, self._whole = fd, len(data), len(data)
        self._dirty = True

    def append(self, change: Kept) -> None:
        """Write a change; OSError: it is not written."""
        data = _record(change)
        _write(self._fd, data)
        self._size += len(data)
        self._dirty = True

    @property
    def long(self) -> bool:
        """It should be begun anew."""
        return self._size - self._whole > LONGEST

    def handle(self) -> int:
        """A descriptor of its own to bring it to the disk with; what is written from now on is
        dirty again."""
        self._dirty = False
        return os.dup(self._fd)

    @property
    def dirty(self) -> bool:
        """Something is not on the disk yet."""
        return self._dirty

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _record(kept: Kept) -> bytes:
    body = _ENCODER.encode(kept)
    return _HEAD.pack(len(body), zlib.crc32(body)) + body


def _write(fd: int, data: bytes) -> None:
    """All of it, or nothing that would be read."""
    if os.write(fd, data) != len(data):
        raise OSError(28, "no space for a paper account's state")
