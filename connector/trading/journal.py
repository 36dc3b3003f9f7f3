"""The journals: one report stream a strategy name, each kept over restarts and loss of power.

An entry is written to memory that outlives the process, in a fraction of a microsecond; a thread of
its own copies it to disk within milliseconds. New orders are refused while the disk does not
follow, cancels and reports never."""

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from connector._speedups.journal import Drain, Journal
from connector.model.counters import Counter
from connector.model.records import RecordType
from connector.trading import journal_files
from connector.trading.journal_files import Entry

log = logging.getLogger("connector.journal")

CAPACITY = 4 << 20
"""Bytes of a live file: what memory holds of a journal."""
FILE_BYTES = 16 << 20
"""A log file ends at about this size."""
RETAIN_BYTES = 1 << 30
"""Of a strategy's log files; the oldest are deleted, never the two newest."""
BEHIND_NS = 2_000_000_000
"""The disk may lag so long before new orders are refused."""


class Journals:
    """The journals of a runtime and a state directory; their one writer.

    ``checkpoint(strategy)``: what a new log file of a strategy begins with, for whoever reads it.
    ``count`` is called with what is to be added to a counter. ``capacity``: bytes of memory a
    strategy, a power of two of at least 256 KiB."""

    def __init__(
        self,
        runtime: Path,
        state: Path,
        *,
        checkpoint: Callable[[str], bytes] = lambda strategy: b"",
        count: Callable[[Counter, int], None] = lambda counter, amount: None,
        capacity: int = CAPACITY,
        file_bytes: int = FILE_BYTES,
        retain_bytes: int = RETAIN_BYTES,
    ) -> None:
        self._runtime, self._state = runtime, state
        self._checkpoint, self._count = checkpoint, count
        self._capacity, self._file_bytes = capacity, file_bytes
        self._retain_bytes = retain_bytes
        self._journals: dict[str, Journal] = {}
        self._drain = Drain()
        self._folder = -1
        self._was_behind = False
        self._counted: dict[tuple[str, Counter], int] = {}

    def open(self, strategy: str) -> Journal:
        """A strategy's journal, made or mended if this is the first time; that takes milliseconds.

        ValueError: a strategy cannot be called that; OSError: there is no room for it."""
        if (known := self._journals.get(strategy)) is not None:
            return known
        found = journal_files.open_journal(self._runtime, self._state, strategy, self._capacity)
        try:
            if self._folder < 0:
                path = journal_files.folder(self._state)
                self._folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            found.journal.start(
                found.position,
                found.sequence,
                found.copied,
                strategy.encode(),
                found.log_fd,
                self._folder,
            )
        except BaseException:
            os.close(found.log_fd)
            raise
        self._drain.add(found.journal)
        self._drain.start()
        self._journals[strategy] = found.journal
        if found.faults:
            self._count(Counter.JOURNAL_MENDED, len(found.faults))
        return found.journal

    def append(
        self,
        strategy: str,
        kind: RecordType,
        body: bytes,
        *,
        instrument: int = 0,
        venue: int = 0,
        account: int = 0,
        venue_ns: int = 0,
        recv_ns: int = 0,
        order_key: int = 0,
    ) -> int:
        """Write one entry; the number of the strategy's last report: its own, if it is one."""
        journal = self._journals.get(strategy) or self.open(strategy)
        return journal.append(kind, body, instrument, venue, account, venue_ns, recv_ns, order_key)

    def behind(self) -> bool:
        """Too far from the disk for new orders."""
        behind = self._drain.behind(self._capacity // 2, BEHIND_NS)
        if behind != self._was_behind:
            self._was_behind = behind
            if behind:
                self._count(Counter.JOURNAL_BEHIND, 1)
                log.error("the disk does not follow the journal", extra=self._lag())
            else:
                log.warning("the disk follows the journal again")
        return behind

    def _lag(self) -> dict[str, object]:
        worst = max(self._journals.values(), key=lambda one: one.position - one.durable)
        fault = os.strerror(worst.fault) if worst.fault else ""
        return {"bytes": worst.position - worst.durable, "fault": fault}

    def tick(self) -> None:
        """Now and then: begin new log files, count, look at the disk."""
        for strategy, journal in self._journals.items():
            if journal.position - journal.file_position >= self._file_bytes:
                self.roll(strategy)
            self._add(strategy, Counter.JOURNAL_FAULTS, journal.faults)
            self._add(strategy, Counter.JOURNAL_LOST, journal.lost)
        self.behind()

    def _add(self, strategy: str, counter: Counter, value: int) -> None:
        before = self._counted.get((strategy, counter), 0)
        if value != before:
            self._count(counter, value - before)
            self._counted[strategy, counter] = value

    def roll(self, strategy: str) -> None:
        """Write a checkpoint: a new log file begins with it, if reports were written to the last
        one. Raises ValueError when the checkpoint is longer than an eighth of the memory."""
        self.append(strategy, RecordType.CHECKPOINT, self._checkpoint(strategy))

    def tidy(self) -> None:
        """Delete log files that are older than ``retain_bytes`` reach; for a thread that may wait
        for the disk."""
        for strategy in journal_files.strategies(self._state):
            files = journal_files.log_files(self._state, strategy)
            sizes = [file.path.stat().st_size for file in files]
            for index, file in enumerate(files[:-2]):
                if sum(sizes[index:]) <= self._retain_bytes:
                    break
                file.path.unlink()

    def strategies(self) -> list[str]:
        """The names with a journal on disk or open."""
        return sorted({*journal_files.strategies(self._state), *self._journals})

    def read(self, strategy: str, sequence: int = 0) -> Iterator[Entry]:
        """A strategy's entries from report ``sequence`` on."""
        return journal_files.entries(self._runtime, self._state, strategy, sequence=sequence)

    def recover(self, strategy: str) -> Iterator[Entry]:
        """A strategy's entries from the log file on that begins with the newest checkpoint.

        Each CHECKPOINT among them stands for everything before it."""
        return journal_files.entries(self._runtime, self._state, strategy, last_checkpoint=True)

    def close(self, timeout_s: float = 5.0) -> bool:
        """Put everything on disk; False: not all of it in time, which the next start makes up for
        unless the machine stops, too."""
        whole = self._drain.stop(int(timeout_s * 1e9))
        if not whole and self._journals:
            log.error("not all of the journal is on disk", extra=self._lag())
        self._journals.clear()
        return whole
