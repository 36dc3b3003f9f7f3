"""Halts: one file in the runtime directory, written by operators, read before each send.

It is a file and no request, so that it works while the daemon hangs and holds over its restarts.
Every halt has a cache line of its own, and any line that is set halts: everything, one account or
one strategy. What is not in order halts everything. Whoever may write the file may cut it short,
and a mapping of it would end the process then: it is read, and where common orders leave it is a
mapping whose pages are taken by empty ones in that case (``_speedups/watched.h``).

    0     header      magic, version; one line
    64    lines       LINES times {set u64, wall_ns u64, pid u32, uid u32, scope u32}, one line each
    1024  details     LINES times {name, reason}, 256 bytes each: zero-ended UTF-8
    4864  resets      LINES times {wall_ns u64, scope u32, name} of the day's loss, 128 bytes each
"""

import fcntl
import logging
import os
import stat
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path

from msgspec import Struct

from connector._speedups.states import HaltState
from connector.model.counters import Counter

log = logging.getLogger("connector.halts")

LINES = 15
LINE, DETAIL, RESET = 64, 256, 128
HEAD = LINE * (LINES + 1)
DETAILS = HEAD
RESETS = DETAILS + LINES * DETAIL
SIZE = RESETS + LINES * RESET
NAME, REASON = 72, DETAIL - 72
_LINE = struct.Struct("<QQIII")
_RESET = struct.Struct("<QI")
_HEADER = struct.pack("<8sI", b"CONNHALT", 1).ljust(LINE, b"\0")
CLEAR = _HEADER + bytes(HEAD - LINE)
"""How the file begins while nothing is set."""


class Scope(IntEnum):
    """What a halt stops."""

    EVERYTHING = 1
    ACCOUNT = 2
    STRATEGY = 3


class Halt(Struct, frozen=True):
    """One halt that stands."""

    scope: Scope
    name: str = ""
    """Of the account or the strategy."""
    reason: str = ""
    wall_ns: int = 0
    pid: int = 0
    """Who set it; 0: the daemon found the file not in order."""
    uid: int = 0

    def __str__(self) -> str:
        what = "everything" if self.scope is Scope.EVERYTHING else f"{self.scope.name} {self.name}"
        return f"{what.lower() if not self.name else what}: {self.reason or 'no reason given'}"


class Damaged(ValueError):
    """The file is not what a daemon or ``connector halt`` writes."""


def path_of(runtime_dir: Path) -> Path:
    """Where the halts of a runtime directory's daemon stand."""
    return runtime_dir / "halt"


def read(fd: int) -> list[Halt]:
    """The halts that stand; raises Damaged, OSError."""
    return _parsed(os.pread(fd, HEAD, 0), fd)


def _parsed(head: bytes, fd: int) -> list[Halt]:
    if len(head) < HEAD or os.fstat(fd).st_size < SIZE:
        raise Damaged("it is too short")
    if head[:LINE] != _HEADER:
        raise Damaged("it does not begin as a halt file of this version")
    found = []
    for index in range(LINES):
        word, wall_ns, pid, uid, scope = _LINE.unpack_from(head, LINE * (index + 1))
        if not word:
            continue
        detail = os.pread(fd, DETAIL, DETAILS + DETAIL * index)
        name, reason = _text(detail[:NAME]), _text(detail[NAME:])
        if scope not in set(Scope) or bool(name) != (scope != Scope.EVERYTHING):
            raise Damaged(f"line {index} means nothing")
        found.append(Halt(Scope(scope), name, reason, wall_ns, pid, uid))
    return found


def _text(data: bytes) -> str:
    return data.partition(b"\0")[0].decode(errors="replace")


class Halts(HaltState):
    """The daemon's side: ``path`` is made if it is missing, for the group ``gid`` to write (None:
    the daemon's own). ``open`` once the runtime directory is ours; until then everything is halted.

    ``why`` is the question before each send, ``tick`` looks about every 50 ms whether the file is
    still the one at its path and says on the log what changed."""

    def __init__(
        self,
        path: Path,
        gid: int | None = None,
        count: Callable[[Counter, int], None] = lambda *_: None,
    ) -> None:
        self._path, self._gid, self._count = path, gid, count
        self._fd = -1
        self._at = os.fspath(path)
        self._inode = (-1, -1)
        """Device and number of the file that is open."""
        self._seen = b""
        self._standing: list[Halt] = []
        self._resets_seen = b""
        self._resets: list[tuple[int, Scope, str]] = []
        self._fault = "the daemon is starting"
        self._told: list[Halt] = []

    def open(self) -> None:
        """Open the file, or make it; one that is not in order halts."""
        self.close()
        try:
            self._fd = _opened(self._path, self._gid)
        except (OSError, Damaged) as error:
            why = error.strerror if isinstance(error, OSError) else error
            self._fault = f"{self._path}: {why}"
        else:
            self._fault = ""
        self.tick()

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self.watch(-1)
        self._fd, self._seen, self._fault = -1, b"", "the daemon is stopping"

    def why(self, account: str, strategy: str) -> str:
        """Why nothing new may go out for them; "": it may. One read of the file."""
        if self._fault:
            return self._fault
        try:
            head = os.pread(self._fd, HEAD, 0)
        except OSError as error:
            return f"{self._path}: {error.strerror}"
        if head != self._seen:
            self._read(head)
        for one in self._standing:
            if (
                one.scope is Scope.EVERYTHING
                or (one.scope is Scope.ACCOUNT and one.name == account)
                or (one.scope is Scope.STRATEGY and one.name == strategy)
            ):
                return str(one)
        return ""

    def _read(self, head: bytes) -> None:
        try:
            self._standing = _parsed(head, self._fd)
        except (OSError, Damaged) as error:
            self._standing = [_broken(f"{self._path}: {error}")]
            self._seen = b""
            return
        self._seen = head

    def standing(self) -> Sequence[Halt]:
        """Every halt, of the last ``tick``."""
        return self._told

    def tick(self) -> None:
        """Look at the file anew; count and log what changed."""
        if self._fd >= 0 or self._fault:
            self._look()
        now = [_broken(self._fault)] if self._fault else list(self._standing)
        if now == self._told:
            return
        for one in now:
            if one not in self._told:
                self._count(Counter.HALTS, 1)
                log.error("halted: %s", one, extra={"by_pid": one.pid, "by_uid": one.uid})
        for one in self._told:
            if one not in now:
                log.warning("resumed: %s", one)
        self._told = now

    def _look(self) -> None:
        """Is the file at the path the one that is open, and in order?"""
        try:
            found = os.lstat(self._at)  # twenty times a second: no Path
            if self._fd < 0 or (found.st_dev, found.st_ino) != self._inode:
                fd = _opened(self._path, self._gid, make=False)
                self.close()
                self._fd, found = fd, os.fstat(fd)
                self._inode = found.st_dev, found.st_ino
            _owned(found)
            self._fault = ""
        except (OSError, Damaged) as error:
            why = error.strerror if isinstance(error, OSError) else error
            self._fault = f"{self._path}: {why}"
            return
        head = os.pread(self._fd, HEAD, 0)
        # Whom a halt is for stands behind the head. While none is set nothing else can be new.
        if head != self._seen or self._standing or found.st_size < SIZE:
            self._read(head)
        # Of a file that is cut short within its head the page shows zeros behind: as one in which
        # nothing is set.
        self.watch(self._fd if self._seen else -1)

    def resets(self) -> list[tuple[int, Scope, str]]:
        """When the day's loss was set back, as (wall_ns, scope, name)."""
        if self._fd < 0 or self._fault:
            return []
        data = os.pread(self._fd, LINES * RESET, RESETS)
        if data == self._resets_seen:
            return self._resets
        found: list[tuple[int, Scope, str]] = []
        for index in range(len(data) // RESET):
            wall_ns, scope = _RESET.unpack_from(data, index * RESET)
            if wall_ns and scope in set(Scope):
                name = _text(data[index * RESET + _RESET.size : (index + 1) * RESET])
                found.append((wall_ns, Scope(scope), name))
        self._resets_seen, self._resets = data, found
        return found


def _broken(why: str) -> Halt:
    return Halt(Scope.EVERYTHING, reason=why)


def _opened(path: Path, gid: int | None, make: bool = True) -> int:
    """The file, made where it is missing; raises OSError, Damaged."""
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        fd = os.open(path, flags)
    except FileNotFoundError:
        if not make:
            raise
        fd = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o600)
        os.ftruncate(fd, SIZE)
        os.pwrite(fd, CLEAR, 0)
        if os.geteuid() == 0:  # a root who halts before the daemon's first start
            owner = path.parent.stat()
            os.fchown(fd, owner.st_uid, owner.st_gid)
            os.fchmod(fd, 0o660)
    try:
        found = os.fstat(fd)
        _owned(found)
        if found.st_uid == os.geteuid():
            if gid is not None and found.st_gid != gid:
                os.fchown(fd, -1, gid)
            os.fchmod(fd, 0o660)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _owned(found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise Damaged("not a file")
    if found.st_uid not in (0, os.geteuid()):
        raise Damaged(f"owned by uid {found.st_uid}, not by {os.geteuid()}")
    if found.st_mode & stat.S_IWOTH:
        raise Damaged("everybody may write it")


# An operator's side


@contextmanager
def writing(runtime_dir: Path) -> Iterator[int]:
    """The file of a runtime directory, made where it is missing, for one writer at a time; raises
    OSError, Damaged."""
    path = path_of(runtime_dir)
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        fd = os.open(path, flags)
    except FileNotFoundError:
        fd = _opened(path, None)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise Damaged("not a file")
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield fd
    finally:
        os.close(fd)


def set_halt(fd: int, halt: Halt) -> None:
    """Add a halt, or say anew why one stands; raises Damaged, OSError."""
    standing = _lines(fd)
    same = [i for i, one in standing.items() if (one.scope, one.name) == (halt.scope, halt.name)]
    free = [i for i in range(LINES) if i not in standing]
    if not same and not free:
        raise Damaged(f"{LINES} halts stand already: resume one of them, or halt everything")
    index = (same or free)[0]
    detail = _field(halt.name, NAME) + _field(halt.reason, REASON)
    os.pwrite(fd, detail, DETAILS + DETAIL * index)
    line = _LINE.pack(1, halt.wall_ns, halt.pid, halt.uid, halt.scope).ljust(LINE, b"\0")
    os.pwrite(fd, line[8:], LINE * (index + 1) + 8)
    os.pwrite(fd, line[:8], LINE * (index + 1))  # only now it counts


def clear(fd: int, scope: Scope | None = None, name: str = "") -> list[Halt]:
    """Take halts away, all of them without a scope; those that were taken. A file that is not in
    order is made anew when all are; else raises Damaged."""
    try:
        standing = _lines(fd)
    except Damaged:
        if scope is not None:
            raise
        os.ftruncate(fd, SIZE)
        os.pwrite(fd, CLEAR, 0)
        return [_broken("the file was not in order")]
    gone = [
        i for i, one in standing.items() if scope is None or (one.scope, one.name) == (scope, name)
    ]
    for index in gone:
        os.pwrite(fd, bytes(LINE), LINE * (index + 1))
    return [standing[index] for index in gone]


def set_back(fd: int, wall_ns: int, scope: Scope, name: str = "") -> None:
    """Let the day's loss of everything, an account or a strategy begin anew; raises Damaged."""
    _lines(fd)
    data = os.pread(fd, LINES * RESET, RESETS)
    rows = [_RESET.unpack_from(data, index * RESET)[0] for index in range(LINES)]
    index = rows.index(min(rows))
    row = _RESET.pack(wall_ns, scope) + _field(name, RESET - _RESET.size)
    os.pwrite(fd, row, RESETS + RESET * index)


def _lines(fd: int) -> dict[int, Halt]:
    head = os.pread(fd, HEAD, 0)
    found = iter(_parsed(head, fd))
    words = (_LINE.unpack_from(head, LINE * (index + 1))[0] for index in range(LINES))
    return {index: next(found) for index, word in enumerate(words) if word}


def _field(text: str, size: int) -> bytes:
    """Zero-ended; what does not fit is cut between characters."""
    data = text.replace("\0", " ").encode()[: size - 1].decode(errors="ignore")
    return data.encode().ljust(size, b"\0")
