"""The journals: one report stream a strategy name, each kept over restarts and loss of power.

An entry is written to memory that outlives the process, in a fraction of a microsecond; a thread of
its own copies it to disk within milliseconds. New orders are refused while the disk does not
follow, cancels and reports never."""

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from connector._speedups.bell import Bell
from connector._speedups.journal import Drain, Journal
from connector._speedups.reports import DISK, ENDED, HELD, Reports
from connector._speedups.segment import Mapping
from connector.model.counters import Counter
from connector.model.records import RecordType
from connector.trading import journal_files
from connector.trading.journal_files import Entry, LogReader

log = logging.getLogger("connector.journal")

CAPACITY = 4 << 20
"""Bytes of a live file: what memory holds of a journal."""
FILE_BYTES = 16 << 20
"""A log file ends at about this size."""
RETAIN_BYTES = 1 << 30
"""Of a strategy's log files; the oldest are deleted, never the two newest."""
CHUNKS = 2
"""Pieces of 64 KiB read from disk in one turn of the loop for a session that lags."""
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
        self._attached: dict[str, _Attached] = {}
        self._waiting: set[str] = set()
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
                found.command,
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

    def last_command(self, strategy: str) -> int:
        """Number of the last command of a strategy that was journalled; 0: none."""
        return self.open(strategy).command

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
        """Write one entry; the number of the strategy's last report: its own, if it is one.

        A report is handed to the strategy's session at once."""
        journal = self._journals.get(strategy) or self.open(strategy)
        number = journal.append(
            kind, body, instrument, venue, account, venue_ns, recv_ns, order_key
        )
        if (attached := self._attached.get(strategy)) is not None and attached.reports.pump():
            self._waiting.add(strategy)
        return number

    def attach(
        self,
        strategy: str,
        up: Mapping,
        down: Mapping,
        *,
        resume: int | None = None,
        bell: Bell | None = None,
        ended: Callable[[str], object] = lambda why: None,
    ) -> Reports:
        """Hand a strategy its reports, through the session with these segments, until ``detach``.

        ``resume``: the number of the last report it has, 0: none yet; None: it wants those to come.
        ``ended`` is called, from ``pump``, with the reason why the session must end: its report
        cursor cannot be. ValueError: it cannot have that report, the journal has fewer."""
        journal = self.open(strategy)
        if strategy in self._attached:
            raise ValueError(f"{strategy!r} has a session already")
        if resume is None:
            resume = journal.sequence
        if resume > journal.sequence:
            raise ValueError(
                f"{strategy!r} asks for what follows report {resume}, "
                f"but the last one is {journal.sequence}"
            )
        position = journal.locate(resume)
        if position < 0:
            position = journal_files.position_after(self._state, strategy, resume)
        reports = Reports(journal, up, down, position, resume, bell)
        log_reader = LogReader(self._state, strategy)
        self._attached[strategy] = _Attached(reports, log_reader, ended)
        self._waiting.add(strategy)
        self.pump()
        return reports

    def detach(self, strategy: str) -> None:
        """A strategy's session is gone; its reports are kept."""
        self._waiting.discard(strategy)
        if (attached := self._attached.pop(strategy, None)) is not None:
            self._add_held(attached)
            attached.log.close()

    def pump(self) -> bool:
        """Go on with sessions that lag, as far as their rings have room, once a turn of the loop.

        True: there is more to read from disk, call again soon."""
        more = False
        for strategy in list(self._waiting):
            attached = self._attached[strategy]
            for _ in range(CHUNKS):
                if (state := attached.reports.pump()) != DISK:
                    break
                state = self._from_disk(strategy, attached)
                if state != DISK:
                    break
            more |= state == DISK
            if state == ENDED:
                self.detach(strategy)
                why = attached.reports.why
                log.error("a session ended", extra={"strategy": strategy, "why": why})
                attached.ended(why)
            elif state not in (DISK, HELD):
                self._waiting.discard(strategy)
        return more

    def _from_disk(self, strategy: str, attached: "_Attached") -> int:
        reports = attached.reports
        position, data = attached.log.read(reports.position)
        try:
            if data and position == reports.position:
                return reports.feed(data)
        except ValueError:
            position, data = attached.log.next_file(reports.position), b""
        # Deleted, or garbled on disk: what comes after goes on, the numbers show the gap.
        if not data and position <= reports.position:
            position = reports.journal.oldest_entry
        log.error(
            "reports are not there any more",
            extra={"strategy": strategy, "bytes": position - reports.position},
        )
        reports.skip(position)
        return DISK

    def _add_held(self, attached: "_Attached") -> None:
        held = attached.reports.held - attached.held
        if held:
            self._count(Counter.REPORTS_HELD, held)
            attached.held += held

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
        """Now and then, at least ten times a second: begin new log files, count, look at the disk,
        go on with sessions that lag."""
        for strategy, journal in self._journals.items():
            if journal.position - journal.file_position >= self._file_bytes:
                self.roll(strategy)
            self._add(strategy, Counter.JOURNAL_FAULTS, journal.faults)
            self._add(strategy, Counter.JOURNAL_LOST, journal.lost)
        for attached in self._attached.values():
            self._add_held(attached)
        self.behind()
        self.pump()

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
        for strategy in list(self._attached):
            self.detach(strategy)
        self._journals.clear()
        if whole and self._folder >= 0:
            os.close(self._folder)
            self._folder = -1
        return whole


class _Attached:
    """A session's reports, and who is told when it must end."""

    def __init__(self, reports: Reports, log: LogReader, ended: Callable[[str], object]) -> None:
        self.reports, self.log, self.ended = reports, log, ended
        self.held = 0
