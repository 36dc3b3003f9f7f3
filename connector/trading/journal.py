"""The journals: one report stream a strategy name, each kept over restarts and loss of power.

An entry is written to memory that outlives the process, in a fraction of a microsecond; a thread of
its own copies it to disk within milliseconds. New orders are refused while the disk does not
follow, cancels and reports never."""

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from connector import cpus
from connector._speedups.bell import Bell
from connector._speedups.journal import Drain, Journal
from connector._speedups.renumbering import Renumbering
from connector._speedups.reports import DISK, ENDED, HELD, Reports
from connector._speedups.segment import Mapping as SharedMapping
from connector._speedups.states import OpenState
from connector.model.counters import Counter
from connector.model.records import RecordType
from connector.trading import journal_files
from connector.trading.journal_files import Entry, LogReader
from connector.trading.journal_view import account_names

log = logging.getLogger("connector.journal")

CAPACITY = 4 << 20
"""Bytes of a live file: what memory holds of a journal."""
FILE_BYTES = 16 << 20
"""A log file ends at about this size."""
RETAIN_BYTES = 1 << 30
"""Of a strategy's log files; the oldest are deleted, never the two newest or what a start needs."""
CHUNKS = 2
"""Pieces of 64 KiB read from disk in one turn of the loop for a session that lags."""
_INSTRUMENT = 104
"""Offset of ``instrument`` in ``Command``."""
BEHIND_NS = 2_000_000_000
"""The disk may lag so long before new orders are refused."""


class Journals:
    """The journals of a runtime and a state directory; their one writer.

    ``checkpoint(strategy)``: what a new log file of a strategy begins with, for whoever reads it:
    bodies of entries, each asked for when it is written, and whether it is the last; an empty one
    behind the first is left out.
    ``describe(index)``: the ``InstrumentEntry`` of an instrument, as bytes, empty when there is no
    such one; written before the first entry that names it in each log file and each run, since
    numbers change with the run.
    ``place``: the place in this run's directory of the instrument that such an entry of an earlier
    run describes, None: it cannot have one; ``accounts``: this run's, name -> (number, number of
    the venue). With them reports of earlier runs are handed over with this run's numbers.
    ``count`` is called with what is to be added to a counter, ``skipped`` with the strategy whose
    session was or will be handed less than all of its reports. ``capacity``: bytes of memory a
    strategy, a power of two of at least 256 KiB."""

    def __init__(
        self,
        runtime: Path,
        state: Path,
        *,
        checkpoint: Callable[[str], Iterator[tuple[bytes, bool]]] = lambda _: iter([(b"", True)]),
        describe: Callable[[int], bytes] | None = None,
        place: Callable[[bytes], int | None] | None = None,
        accounts: Mapping[str, tuple[int, int]] = MappingProxyType({}),
        count: Callable[[Counter, int], None] = lambda counter, amount: None,
        skipped: Callable[[str], object] = lambda strategy: None,
        capacity: int = CAPACITY,
        file_bytes: int = FILE_BYTES,
        retain_bytes: int = RETAIN_BYTES,
    ) -> None:
        self._runtime, self._state = runtime, state
        self._checkpoint, self._describe, self._count = checkpoint, describe, count
        self._place, self._accounts = place, accounts
        self._skipped = skipped
        self._capacity, self._file_bytes = capacity, file_bytes
        self.behind_bytes = capacity // 2
        """The disk may lag so far before new orders are refused."""
        self._retain_bytes = retain_bytes
        self._open: dict[str, Open] = {}
        self.drain = Drain()
        self._folder = -1
        self._waiting: set[str] = set()
        self.untidy = True
        """``tidy`` may find something to delete."""
        self._was_behind = False
        self._counted: dict[tuple[str, Counter], int] = {}

    def open(self, strategy: str) -> Journal:
        """A strategy's journal, made or mended if this is the first time; that takes milliseconds.

        ValueError: a strategy cannot be called that; OSError: there is no room for it."""
        return self.opened(strategy).journal

    def opened(self, strategy: str) -> "Open":
        """The same with what else is known of it, for who appends beside `append`: only what is
        ``described`` may be named, and ``handed`` is to be called behind it."""
        if (known := self._open.get(strategy)) is not None:
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
        self.drain.add(found.journal)
        self.drain.start(cpus.spare())
        opened = self._open[strategy] = Open(found.journal, found.position)
        if found.faults:
            self._count(Counter.JOURNAL_MENDED, len(found.faults))
        return opened

    def sequence(self, strategy: str) -> int:
        """Number of a strategy's last report."""
        return self.open(strategy).sequence

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
        opened = self._open.get(strategy) or self.opened(strategy)
        if self._describe is not None:
            self._tell(opened, _named(body) if kind is RecordType.COMMAND else instrument)
        number = opened.append(kind, body, instrument, venue, account, venue_ns, recv_ns, order_key)
        self.handed(strategy, opened)
        return number

    def handed(self, strategy: str, opened: "Open") -> None:
        """The session hears of what was appended."""
        if opened.reports is not None and opened.reports.pump():
            self._waiting.add(strategy)

    def _tell(self, opened: "Open", instrument: int) -> None:
        """Say once a log file which instrument a number means."""
        if instrument in opened.described or self._describe is None:
            return
        if entry := self._describe(instrument):
            opened.described.add(instrument)
            opened.append(RecordType.INSTRUMENT_CHANGE, entry, instrument)

    def attach(
        self,
        strategy: str,
        up: SharedMapping,
        down: SharedMapping,
        *,
        resume: int | None = None,
        bell: Bell | None = None,
        ended: Callable[[str], object] = lambda why: None,
    ) -> Reports:
        """Hand a strategy its reports, through the session with these segments, until ``detach``.

        ``resume``: the number of the last report it has, 0: none yet; None: it wants those to come.
        ``ended`` is called, from ``pump``, with the reason why the session must end: its report
        cursor cannot be. ValueError: it cannot have that report, the journal has fewer."""
        opened = self.opened(strategy)
        journal = opened.journal
        if opened.reports is not None:
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
        earlier = self._earlier() if position < opened.begun else None
        if earlier is not None:  # begin where the journal says what its numbers mean
            position = journal_files.checkpoint_before(self._state, strategy, position)
        opened.reports = reports = Reports(
            journal, up, down, position, resume, bell, earlier, opened.begun
        )
        opened.log, opened.ended = LogReader(self._state, strategy), ended
        opened.held = opened.unplaced = 0
        self._waiting.add(strategy)
        self.pump()
        return reports

    def _earlier(self) -> Renumbering | None:
        """How to read entries of earlier runs."""
        if self._place is None or self._describe is None:
            return None
        return Renumbering(self._accounts, account_names, self._place, self._describe)

    def detach(self, strategy: str) -> None:
        """A strategy's session is gone; its reports are kept."""
        self._waiting.discard(strategy)
        opened = self._open.get(strategy)
        if opened is not None and opened.reports is not None:
            self._add_held(opened)
            opened.reports = None
            if opened.log is not None:
                opened.log.close()

    def pump(self) -> bool:
        """Go on with sessions that lag, as far as their rings have room, once a turn of the loop.

        True: there is more to read from disk, call again soon."""
        more = False
        for strategy in list(self._waiting):
            opened = self._open[strategy]
            reports = opened.reports
            assert reports is not None
            for _ in range(CHUNKS):
                if (state := reports.pump()) != DISK:
                    break
                if (state := self._from_disk(strategy, opened, reports)) != DISK:
                    break
            more |= state == DISK
            if state == ENDED:
                self.detach(strategy)
                log.error("a session ended", extra={"strategy": strategy, "why": reports.why})
                opened.ended(reports.why)
            elif state not in (DISK, HELD):
                self._waiting.discard(strategy)
        return more

    def _from_disk(self, strategy: str, opened: "Open", reports: Reports) -> int:
        assert opened.log is not None
        position, data = opened.log.read(reports.position)
        try:
            if data and position == reports.position:
                return reports.feed(data)
        except ValueError:
            position, data = opened.log.next_file(reports.position), b""
        # Deleted, or garbled on disk: what comes after goes on, the numbers show the gap.
        if not data and position <= reports.position:
            position = reports.journal.oldest_entry
        log.error(
            "reports are not there any more",
            extra={"strategy": strategy, "bytes": position - reports.position},
        )
        reports.skip(position)
        self._skipped(strategy)
        return DISK

    def _add_held(self, opened: "Open") -> None:
        if opened.reports is not None and (held := opened.reports.held - opened.held):
            self._count(Counter.REPORTS_HELD, held)
            opened.held += held
        if opened.reports is not None and (more := opened.reports.unplaced - opened.unplaced):
            self._count(Counter.REPORTS_UNPLACED, more)
            opened.unplaced += more

    def behind(self) -> bool:
        """Too far from the disk for new orders."""
        behind = self.drain.behind(self.behind_bytes, BEHIND_NS)
        if behind != self._was_behind:
            self._was_behind = behind
            if behind:
                self._count(Counter.JOURNAL_BEHIND, 1)
                log.error("the disk does not follow the journal", extra=self._lag())
            else:
                log.warning("the disk follows the journal again")
        return behind

    def _lag(self) -> dict[str, object]:
        journals = [opened.journal for opened in self._open.values()]
        worst = max(journals, key=lambda one: one.position - one.durable)
        fault = os.strerror(worst.fault) if worst.fault else ""
        return {"bytes": worst.position - worst.durable, "fault": fault}

    def tick(self) -> None:
        """Now and then, at least ten times a second: begin new log files, count, look at the disk,
        go on with sessions that lag."""
        for strategy, opened in self._open.items():
            journal = opened.journal
            begun = max(journal.file_position, opened.rolled)
            if opened.parts is None and journal.position - begun >= self._file_bytes:
                self.roll(strategy)
                self.untidy = True
            self._add(strategy, Counter.JOURNAL_FAULTS, journal.faults)
            self._add(strategy, Counter.JOURNAL_LOST, journal.lost)
            self._add_held(opened)
        if not self.behind():
            self._make_up()
        for opened in self._open.values():
            if opened.parts is not None:  # one part a turn, however many strategies there are
                self._go_on(opened)
                break
        self.pump()

    def _make_up(self) -> None:
        """No entry says what was lost: how things stand does, to the next start by a checkpoint
        and to a session by a snapshot."""
        for strategy, opened in self._open.items():
            if opened.journal.lost != opened.lost:
                opened.lost = opened.journal.lost
                self.roll(strategy)
                if opened.reports is not None:
                    self._skipped(strategy)

    def _add(self, strategy: str, counter: Counter, value: int) -> None:
        before = self._counted.get((strategy, counter), 0)
        if value != before:
            self._count(counter, value - before)
            self._counted[strategy, counter] = value

    def roll(self, strategy: str, at_once: bool = False) -> None:
        """Begin a checkpoint: a new log file begins with it, if reports were written to the last
        one. ``tick`` goes on with it; ``at_once``: as far as memory has room, it is written now."""
        opened = self.opened(strategy)
        opened.rolled = opened.journal.position
        opened.parts = self._checkpoint(strategy)
        body, last = next(opened.parts)
        opened.append(RecordType.CHECKPOINT, body, order_key=int(last))
        opened.described.clear()
        opened.rolls += 1
        if last:
            opened.parts = None
        while at_once and self._go_on(opened):
            pass

    def _go_on(self, opened: "Open") -> bool:
        """Write the next part of a checkpoint, if there is one; False: not now."""
        journal, parts = opened.journal, opened.parts
        if parts is None or journal.position - journal.durable > self._capacity // 4:
            return False
        opened.parts = None  # it is given up if this cannot be written
        body, last = next(parts)
        if body:
            opened.append(RecordType.CHECKPOINT_PART, body, order_key=int(last))
        if last:
            opened.rolled = journal.position  # the next one is as far from here as from a small one
        else:
            opened.parts = parts
        return not last

    def tidy(self) -> None:
        """Delete log files that are older than ``retain_bytes`` reach; for a thread that may wait
        for the disk."""
        try:
            for strategy in journal_files.strategies(self._state):
                files = journal_files.log_files(self._state, strategy)
                sizes = [file.path.stat().st_size for file in files]
                needed = journal_files.newest_checkpoint(files)
                for index, file in enumerate(files[: min(needed, len(files) - 2)]):
                    if sum(sizes[index:]) <= self._retain_bytes:
                        break
                    file.path.unlink()
        except OSError as error:
            log.warning("old log files stay", extra={"why": str(error)})

    def strategies(self) -> list[str]:
        """The names with a journal on disk or open."""
        return sorted({*journal_files.strategies(self._state), *self._open})

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
        whole = self.drain.stop(int(timeout_s * 1e9))
        if not whole and self._open:
            log.error("not all of the journal is on disk", extra=self._lag())
        for strategy in self._open:
            self.detach(strategy)
        self._open.clear()
        if whole and self._folder >= 0:
            os.close(self._folder)
            self._folder = -1
        return whole


def _named(command: bytes) -> int:
    """The instrument that a CommandBody names; whether there is one has not been looked at."""
    return int.from_bytes(command[_INSTRUMENT : _INSTRUMENT + 4], "little")


class Open(OpenState):
    """A journal that is written, and the session that hears of it, if there is one."""

    def __init__(self, journal: Journal, begun: int) -> None:
        self.journal = journal
        self.begun = begun
        """Position where this run begins."""
        self.append = journal.append
        self.rolled = 0
        """Position of the last checkpoint, which the thread may not have come to yet."""
        self.described: set[int] = set()
        """Instruments that the log file and the run know."""
        self.reports: Reports | None = None
        self.log: LogReader | None = None
        self.ended: Callable[[str], object] = lambda why: None
        self.held = self.unplaced = 0
        self.parts: Iterator[tuple[bytes, bool]] | None = None
        """Of a checkpoint that is being written."""
        self.lost = 0
        """Entries without room, as far as they are made up for."""
