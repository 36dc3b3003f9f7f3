"""A journal's files: their names, what a start finds in them, and reading them by whoever may.

``<state>/journal/<strategy>.<first report>.log`` are on disk, oldest first; the newest entries are
also in ``<runtime>/journal/<strategy>.live`` in memory. What an entry is, is drawn in
``_speedups/journal.pxd``."""

import contextlib
import logging
import mmap
import os
import re
import struct
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from connector._speedups.journal import (
    LIVE_MAGIC,
    LOG_MAGIC,
    MIN_CAPACITY,
    Journal,
    begin_log,
    check,
    create_live,
    seek,
    walk,
)
from connector._speedups.segment import ABI_HASH
from connector.model.records import RecordType

log = logging.getLogger("connector.journal")

NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""What a strategy may be called."""
HEAD = 64
"""Bytes before the first entry of a log file."""
JUMP = 1_000_000
"""Reports more than any memory held: so many numbers are left out after memory was lost."""
ALL = (1 << 64) - 1
"""Later than every report."""
_HEAD = struct.Struct("<5QqQQ")
_CLOSED_OFFSET = 48
_LIVE = struct.Struct("<5Q")
_LIVE_BYTES = 4096
_WORDS = struct.Struct("<QQ")
_ENTRY = struct.Struct("<QIHHQIHHqqqQ")


class Entry(Struct, frozen=True):
    """One entry of a journal."""

    position: int
    kind: int
    """RecordType."""
    sequence: int
    """Its number if it is a report, else that of the last report before it."""
    instrument: int
    venue: int
    account: int
    venue_ns: int
    """The venue's time, Unix; 0: not from the venue."""
    recv_ns: int
    publish_ns: int
    """CLOCK_MONOTONIC of the boot it was written in, as ``recv_ns``."""
    order_key: int
    body: bytes
    """Padded with zeros to a multiple of 64."""

    @property
    def end(self) -> int:
        """The position behind it."""
        return self.position + _ENTRY.size + len(self.body)


class LogFile(Struct, frozen=True):
    """One log file, by its name and its head."""

    path: Path
    sequence: int
    """Of the first report that may be in it."""
    position: int
    identity: int
    abi_hash: int
    wall_ns: int
    closed: int
    """Position where it ends; 0: the daemon did not close it."""
    broken: bool
    """Its head is not what it should be."""


class Opened(Struct, frozen=True):
    """A journal as a start found it."""

    journal: Journal
    log_fd: int
    """The log file that goes on."""
    position: int
    sequence: int
    copied: int
    """The log files hold everything before."""
    command: int
    """Number of the last command; 0: there was none, as far as the log files go back."""
    faults: tuple[str, ...]
    """What was not in order, in words."""


def checked(strategy: str) -> str:
    """The name of a strategy; ValueError when it cannot be one."""
    if not NAME.fullmatch(strategy):
        raise ValueError(f"strategy {strategy!r}: 1 to 64 of A-Z a-z 0-9 . _ -")
    return strategy


def folder(directory: Path) -> Path:
    """Where the journals of a runtime or state directory are."""
    return directory / "journal"


def live_path(runtime: Path, strategy: str) -> Path:
    return folder(runtime) / f"{checked(strategy)}.live"


def strategies(state: Path) -> list[str]:
    """The names that have a journal on disk."""
    found = set()
    with contextlib.suppress(FileNotFoundError):
        for path in folder(state).iterdir():
            match = re.fullmatch(rf"({NAME.pattern})\.\d{{20}}\.log", path.name)
            if match:
                found.add(match[1])
    return sorted(found)


def log_files(state: Path, strategy: str) -> list[LogFile]:
    """A strategy's log files, oldest first."""
    pattern = re.compile(rf"{re.escape(checked(strategy))}\.(\d{{20}})\.log")
    found = []
    with contextlib.suppress(FileNotFoundError):
        for path in folder(state).iterdir():
            if match := pattern.fullmatch(path.name):
                found.append(_log_file(path, int(match[1])))
    return sorted(found, key=lambda one: one.sequence)


def _log_file(path: Path, sequence: int) -> LogFile:
    with open(path, "rb") as file:
        data = file.read(HEAD).ljust(HEAD, b"\0")
    magic, abi, identity, position, named, wall_ns, closed, _ = _HEAD.unpack(data)
    broken = magic != LOG_MAGIC or named != sequence
    return LogFile(path, sequence, position, identity, abi, wall_ns, closed, broken)


# -- at a start


def open_journal(runtime: Path, state: Path, strategy: str, capacity: int) -> Opened:
    """Find what a strategy's journal holds, mend it, and map it to go on.

    OSError when there is no room for it in memory or on disk."""
    for directory in (runtime, state):
        folder(directory).mkdir(mode=0o750, parents=True, exist_ok=True)
    return _Opening(runtime, state, checked(strategy), capacity).run()


class _Opening:
    def __init__(self, runtime: Path, state: Path, strategy: str, capacity: int) -> None:
        self.live = live_path(runtime, strategy)
        self.folder, self.name, self.capacity = folder(state), strategy, capacity
        self.faults: list[str] = []
        self.files = log_files(state, strategy)
        self.end = self.sequence = self.command = 0
        """Where the log files end, the last report and the last command in them."""

    def run(self) -> Opened:
        newest = self._newest()
        journal = self._mapped(newest.identity if newest else None)
        position = self.end
        if journal is not None:
            start = min(self.end, journal.durable) if newest else journal.durable
            found = journal.scan(start)
            if newest and found.end < self.end and start < journal.durable:
                found = journal.scan(journal.durable)
                self._say(f"the log ends {journal.durable - self.end:,} bytes too early")
                newest, self.sequence = None, found.before if found.entries else journal.sequence
                self.end = journal.durable
            if newest is None and not self.end:
                self.end = start
                self.sequence = found.before if found.entries else journal.sequence
            if found.end < self.end:
                self._aside("is older than the log")
                journal = None
            else:
                position = found.end
                self.sequence = max(self.sequence, found.sequence, journal.sequence)
                self.command = found.command or self.command
                if found.garbled:
                    self._say("the last entry in memory is garbled; it was left out")
        if journal is None and newest is not None and newest.closed != self.end:
            self.sequence += JUMP
            self._say(f"memory was lost; reports go on with number {self.sequence + 1}")
        if journal is not None and (
            journal.abi_hash != ABI_HASH or journal.capacity != self.capacity
        ):
            if newest is not None:
                self._complete(newest, journal.raw(self.end, position - self.end))
                self.end = position
            elif self.end != position:
                raise ValueError(f"{self.live}: written by another version, and its log is gone")
            journal = None
        if newest is not None and newest.abi_hash != ABI_HASH:
            self._say("its layout is another version's: what happened before is not read")
            newest = None
        identity = newest.identity if newest else int.from_bytes(os.urandom(8), "little")
        if journal is not None:
            identity = journal.identity
        if newest is None and self.files and self.files[-1].sequence > self.sequence:
            self.sequence = self.files[-1].sequence  # a file needs a name of its own
        if journal is None:  # memory first: a log alone would say that memory was lost
            journal = self._new(identity, position)
        log_fd = self._continued(newest, identity)
        return Opened(
            journal, log_fd, position, self.sequence, self.end, self.command, tuple(self.faults)
        )

    def _say(self, fault: str) -> None:
        self.faults.append(fault)
        log.warning("a journal was not in order", extra={"strategy": self.name, "why": fault})

    def _newest(self) -> LogFile | None:
        """The last log file; what is no whole entry at its end is cut off."""
        while self.files and self.files[-1].broken:
            self._say(f"{self.files[-1].path.name} was not begun whole; removed")
            self.files.pop().path.unlink()
        if not self.files:
            return None
        newest = self.files[-1]
        with open(newest.path, "r+b") as file:
            size = os.fstat(file.fileno()).st_size
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                found = walk(data, newest.position, HEAD)
                whole = found.end - newest.position + HEAD
                tail = data[whole:]
            if size > whole:
                if any(tail):
                    newest.path.with_suffix(".torn").write_bytes(tail)
                self._say(f"{newest.path.name}: cut off {size - whole:,} bytes, no whole entry")
                file.truncate(whole)
                os.fsync(file.fileno())
        self.end = found.end
        self.sequence = found.sequence if found.entries else newest.sequence - 1
        self.command = found.command or self._command_before(newest)
        return newest

    def _command_before(self, newest: LogFile) -> int:
        for file in reversed(self.files):
            if file.position < newest.position and not file.broken and file.abi_hash == ABI_HASH:
                with (
                    open(file.path, "rb") as opened,
                    mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data,
                ):
                    if found := walk(data, file.position, HEAD).command:
                        return found
        return 0

    def _mapped(self, identity: int | None) -> Journal | None:
        """The live file if it is this journal's."""
        try:
            fd = os.open(self.live, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return None
        try:
            journal = Journal(fd)
        except ValueError as error:
            self._aside(str(error))
            return None
        finally:
            os.close(fd)
        if identity is not None and journal.identity != identity:
            self._aside("belongs to another state directory")
            return None
        return journal

    def _aside(self, why: str) -> None:
        kept = self.live.with_name(f"{self.name}.live~{time.time_ns()}")
        os.rename(self.live, kept)
        self._say(f"{self.live.name} {why}; kept as {kept.name}")

    def _complete(self, newest: LogFile, data: bytes) -> None:
        """Put the rest of a live file that cannot go on behind its log."""
        with open(newest.path, "r+b") as file:
            file.seek(self.end - newest.position + HEAD)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    def _continued(self, newest: LogFile | None, identity: int) -> int:
        """The log file to go on with, not closed any more."""
        if newest is not None:
            fd = os.open(newest.path, os.O_RDWR | os.O_CLOEXEC)
            os.pwrite(fd, bytes(8), _CLOSED_OFFSET)
            os.fdatasync(fd)
            return fd
        directory = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            name = self.name.encode()
            return begin_log(directory, name, identity, self.end, self.sequence + 1, time.time_ns())
        finally:
            os.close(directory)

    def _new(self, identity: int, position: int) -> Journal:
        """A live file without entries in place of whatever is there."""
        made = self.live.with_name(f"{self.name}.live~")
        with contextlib.suppress(FileNotFoundError):
            made.unlink()
        fd = os.open(made, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        try:
            create_live(fd, self.capacity, identity, position, self.sequence)
            journal = Journal(fd)
            os.rename(made, self.live)
            return journal
        except OSError:
            made.unlink()
            raise
        finally:
            os.close(fd)


# -- reading


def entries(
    runtime: Path,
    state: Path,
    strategy: str,
    *,
    sequence: int = 0,
    last_checkpoint: bool = False,
    since_ns: int = 0,
    position: int = -1,
) -> Iterator[Entry]:
    """A strategy's entries in order, whoever is writing them.

    ``sequence``: none before this report; ``last_checkpoint``: none before the log file with
    the newest checkpoint that is whole; ``since_ns``: none before the log file that was being
    written then, Unix; ``position``: none before it, the end of one that was had before. Ends with
    what is there when it gets there. A file of another layout is passed over."""
    files = _whole(state, strategy)
    first = 0
    for index, file in enumerate(files):
        if file.sequence <= sequence or file.wall_ns <= since_ns or file.position <= position:
            first = index
    if last_checkpoint:
        first = max(first, newest_checkpoint(files))
    for _ in range(1000):  # again, while the writer is faster
        for file in files[first:]:
            if file.abi_hash != ABI_HASH:
                log.warning("a log file is not read", extra={"file": file.path.name})
                continue
            position = max(position, file.position)
            for entry in _of_log(file, position):
                position = entry.position + _ENTRY.size + len(entry.body)
                if entry.sequence >= sequence:
                    yield entry
        before = position
        identity = files[-1].identity if files else None
        for entry in _of_live(live_path(runtime, strategy), position, identity):
            position = entry.position + _ENTRY.size + len(entry.body)
            if entry.sequence >= sequence:
                yield entry
        files = _whole(state, strategy)
        first = max(sum(file.position <= position for file in files) - 1, 0)
        if position == before and position >= _on_disk(live_path(runtime, strategy)):
            return


def position_after(state: Path, strategy: str, sequence: int) -> int:
    """A position in the log files with no report after ``sequence`` before it, and that report
    right behind it unless it was deleted."""
    files = _whole(state, strategy)
    before = [file for file in files if file.sequence <= sequence + 1]
    if not before:
        return files[0].position if files else 0
    file = before[-1]
    with (
        open(file.path, "rb") as opened,
        mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        return file.position + seek(data, sequence, HEAD) - HEAD


def checkpoint_before(state: Path, strategy: str, position: int) -> int:
    """Where the log file begins that has ``position``, or an earlier one that begins with a
    checkpoint; without any, ``position``."""
    files = [file for file in _whole(state, strategy) if file.position <= position]
    for file in reversed(files):
        if _begins_with_checkpoint(file):
            return file.position
    return files[0].position if files else position


class LogReader:
    """Reads a strategy's log files in pieces, in order."""

    def __init__(self, state: Path, strategy: str) -> None:
        self._state, self._strategy = state, strategy
        self._fd = -1
        self._begin = 0

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def read(self, position: int, most: int = 1 << 16) -> tuple[int, bytes]:
        """Whole entries from ``position`` on, or from the next place where there are some, and
        that place. No bytes: the log files end before."""
        if self._fd >= 0 and (data := self._piece(position, most)):
            return position, data
        for file in _whole(self._state, self._strategy):
            if position < file.position + file.path.stat().st_size - HEAD:
                self.close()
                self._fd = os.open(file.path, os.O_RDONLY | os.O_CLOEXEC)
                self._begin = file.position - HEAD
                start = max(position, file.position)
                if data := self._piece(start, most):
                    return start, data
        return position, b""

    def next_file(self, position: int) -> int:
        """Where the first log file begins that does so behind ``position``; 0: there is none."""
        later = [one.position for one in _whole(self._state, self._strategy)]
        return min((one for one in later if one > position), default=0)

    def _piece(self, position: int, most: int) -> bytes:
        data = os.pread(self._fd, most, position - self._begin)
        end = seek(data, ALL)
        if not end and len(data) >= 12:  # one that is longer
            (length,) = struct.unpack_from("<I", data, 8)
            data = os.pread(self._fd, length, position - self._begin)
            end = seek(data, ALL)
        return data[:end]


def _whole(state: Path, strategy: str) -> list[LogFile]:
    """The log files but one that is just being begun."""
    return [file for file in log_files(state, strategy) if not file.broken]


def newest_checkpoint(files: Sequence[LogFile]) -> int:
    """The place among ``files``, oldest first, of the one a start reads first: it has the newest
    checkpoint that is whole."""
    for index in reversed(range(len(files))):
        file = files[index]
        if file.abi_hash != ABI_HASH and not file.broken:
            return index  # nothing is read across it
        if not file.broken and file.path.stat().st_size > HEAD:
            with (
                open(file.path, "rb") as opened,
                mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data,
            ):
                if walk(data, file.position, HEAD).whole:
                    return index
    return 0


def _begins_with_checkpoint(file: LogFile) -> bool:
    with open(file.path, "rb") as data:
        head = data.read(HEAD + _ENTRY.size)[HEAD:]
    return len(head) == _ENTRY.size and _ENTRY.unpack(head)[2] == RecordType.CHECKPOINT


def _of_log(file: LogFile, position: int) -> Iterator[Entry]:
    with open(file.path, "rb") as opened:
        size = os.fstat(opened.fileno()).st_size
        offset = position - file.position + HEAD
        if size <= offset:
            return
        with mmap.mmap(opened.fileno(), size, access=mmap.ACCESS_READ) as data:
            while (length := check(data, position, offset)) > 0:
                yield _entry(data[offset : offset + length], position)
                offset += length
                position += length


def _of_live(path: Path, position: int, identity: int | None) -> Iterator[Entry]:
    """The entries of a live file from ``position`` on, while the writer has not overtaken.

    ``identity``: of the log files; None: there are none."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return
    try:
        head = os.pread(fd, _LIVE.size, 0)
        if len(head) < _LIVE.size:
            return
        magic, abi, capacity, mine, base = _LIVE.unpack(head)
        if magic != LIVE_MAGIC or abi != ABI_HASH or capacity < MIN_CAPACITY:
            return
        if identity not in (None, mine):
            return
        if position < 0:
            position = base
        while True:
            at = position & (capacity - 1)
            data = os.pread(fd, min(1 << 16, capacity - at), _LIVE_BYTES + at)
            (length,) = struct.unpack_from("<I", data, 8)
            if not length or length > capacity >> 3:
                return
            if length > len(data):
                data = os.pread(fd, min(length, capacity - at), _LIVE_BYTES + at)
                data += os.pread(fd, length - len(data), _LIVE_BYTES)
            if (length := check(data, position)) <= 0:
                return
            yield _entry(data[:length], position)
            position += length
    finally:
        os.close(fd)


def _on_disk(path: Path) -> int:
    """Up to where a live file says that everything is on disk; -1: there is none."""
    try:
        with open(path, "rb") as file:
            file.seek(256)
            durable, _ = _WORDS.unpack(file.read(_WORDS.size))
            return int(durable)
    except (FileNotFoundError, struct.error):
        return -1


def _entry(data: bytes, position: int) -> Entry:
    fields = _ENTRY.unpack_from(data)
    _, _, kind, _, sequence, instrument, venue, account, venue_ns, recv_ns, publish_ns, key = fields
    return Entry(
        position, kind, sequence, instrument, venue, account, venue_ns, recv_ns, publish_ns, key,
        data[_ENTRY.size :],
    )  # fmt: skip
