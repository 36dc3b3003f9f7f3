"""The day's profits over a restart: a small file in the runtime directory, which outlives the
process, and a copy in the state directory, which outlives the machine's memory.

It is written when a fill changed something, at most five times a second, since the loop waits for
it: what was filled after the last time is taken in at mark by the next start, which knows the
positions exactly."""

import contextlib
import errno
import logging
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec
from msgspec import Struct

from connector.model.counters import Counter
from connector.trading.halts import Scope
from connector.trading.holdings import Holdings, KeptOwner

log = logging.getLogger("connector.trading")

NAME = "profits"
WRITE_NS = 200_000_000
"""A fill is in the file after at most so long."""
STATE_NS = 5_000_000_000
"""How far the copy in the state directory may be behind."""


class _File(Struct):
    wall_ns: int
    owners: list[KeptOwner]


_encode = msgspec.json.Encoder().encode
_DECODER = msgspec.json.Decoder(_File)


class ProfitFile:
    """Keeps ``holdings`` in both directories."""

    def __init__(
        self,
        holdings: Holdings,
        runtime_dir: Path,
        state_dir: Path,
        wall: Callable[[], int],
        count: Callable[[Counter, int], None] = lambda counter, amount: None,
    ) -> None:
        self._holdings, self._wall, self._count = holdings, wall, count
        self._runtime_dir, self._state_dir = runtime_dir, state_dir
        self._due_ns = 0
        self._write_ns = 0
        """Not again before that."""
        self._copy = b""
        self._complained: set[Path] = set()

    def load(self) -> None:
        """What an earlier run left. Where that cannot be read nobody knows what the day has cost:
        then limits of loss count as reached until midnight UTC or an operator's word."""
        rows, faults = load(self._runtime_dir, self._state_dir)
        if faults:
            self._count(Counter.PROFITS_UNREADABLE, faults)
        if rows is None:
            log.error(
                "the day's loss is not known: no new orders for whom a limit of loss binds, until "
                "midnight UTC or `connector resume --loss`"
            )
            for owner in self._holdings.owners():
                self._holdings.forget(owner, self._wall())
        else:
            self._holdings.load(rows)

    def tick(self, now_ns: int, resets: Iterable[tuple[int, Scope, str]]) -> None:
        """Begin anew what operators set back, and write what changed."""
        for wall_ns, scope, name in resets:
            for owner in self._holdings.owners():
                meant = scope is Scope.EVERYTHING or (owner.kind, owner.name) == (
                    scope.name.lower(), name,
                )  # fmt: skip
                if meant and owner.since_ns < wall_ns:
                    log.warning("the day's loss begins anew", extra={owner.kind: owner.name})
                    self._holdings.begin(owner, wall_ns)
        if self._holdings.changed and now_ns >= self._write_ns:
            self._write_ns = now_ns + WRITE_NS
            self._copy = self._encoded()
            if not self._save(self._runtime_dir, self._copy):
                self._holdings.changed = True  # again at the next tick
            self._due_ns = self._due_ns or now_ns + STATE_NS

    def due(self, now_ns: int) -> bool:
        """Is it time to ``copy``?"""
        if not self._due_ns or now_ns < self._due_ns:
            return False
        self._due_ns = 0
        return True

    def copy(self) -> None:
        """To the disk, which may take a while: any thread may do it, one at a time."""
        self._save(self._state_dir, self._copy, durable=True)

    def close(self) -> None:
        """The last word of this run."""
        data = self._encoded()
        self._save(self._runtime_dir, data)
        self._save(self._state_dir, data, durable=True)

    def _encoded(self) -> bytes:
        return _encode(_File(self._wall(), self._holdings.kept()))

    def _save(self, folder: Path, data: bytes, durable: bool = False) -> bool:
        try:
            save(folder, data, durable)
        except OSError as error:
            if folder not in self._complained:
                log.error("the day's profits cannot be written: %s", error)
            self._complained.add(folder)
            return False
        self._complained.discard(folder)
        return True


def save(folder: Path, data: bytes, durable: bool = False) -> None:
    """Replace the file as one, ``durable``: on the disk before its name is; raises OSError, and the
    old one stays."""
    new = folder / f"{NAME}.new"
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        if os.write(fd, data) != len(data):  # a full disk takes a part before it refuses
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(new))
        if durable:
            os.fsync(fd)
    finally:
        os.close(fd)
    new.replace(folder / NAME)


def load(*folders: Path) -> tuple[list[KeptOwner] | None, int]:
    """The newest that can be read, and how many cannot be, which is said on the log. None: what
    cannot be read is newer by more than copies are apart."""
    found: list[_File] = []
    faults = changed_ns = 0
    for folder in folders:
        try:
            found.append(_DECODER.decode((folder / NAME).read_bytes()))
        except FileNotFoundError:
            continue
        except (OSError, msgspec.DecodeError) as error:
            log.error("the day's profits cannot be read: %s: %s", folder / NAME, error)
            faults += 1
            with contextlib.suppress(OSError):
                changed_ns = max(changed_ns, (folder / NAME).lstat().st_mtime_ns)
    newest = max(found, key=lambda one: one.wall_ns, default=None)
    if newest is None:
        return (None if faults else []), faults
    return (None if newest.wall_ns + 2 * STATE_NS < changed_ns else newest.owners), faults
