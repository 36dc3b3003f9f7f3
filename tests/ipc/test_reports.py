"""A strategy's reports through shared memory: each once and in order, whatever it does."""

import mmap
import os
import random
import shutil
import signal
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector._speedups.journal import MAX_REPORT
from connector._speedups.reports import CONTROL_OFFSET, RING_OFFSET, Reports
from connector._speedups.segment import Mapping, create_memfd, seal
from connector.model.counters import Counter
from connector.model.records import RecordType
from connector.trading.journal import Journals

SMALL = 1 << 18
REPORT, COMMAND = RecordType.ORDER_REPORT, RecordType.COMMAND
CURSOR = 256


class Session:
    """The segments of a trading session: the strategy's mappings and the daemon's."""

    def __init__(self, number: int = 1, ring_bytes: int = SMALL) -> None:
        self.up_fd = create_memfd("up", 4096)
        os.pwrite(self.up_fd, struct.pack("<8sQ", b"CNNTSSUP", number), 0)
        self.down_fd = create_memfd("down", RING_OFFSET + ring_bytes)
        os.pwrite(self.down_fd, struct.pack("<8sQ", b"CNNTSSDN", number), 0)
        self.up = Mapping(self.up_fd, 4096)
        self.down = Mapping(self.down_fd, RING_OFFSET + ring_bytes, writable=True, populate=True)
        seal(self.down_fd, read_only=True)
        self.ring_bytes = ring_bytes

    def close(self) -> None:
        os.close(self.up_fd)
        os.close(self.down_fd)


class Strategy:
    """The reader's side, straight from the drawing and slow: every step looks at every word."""

    def __init__(self, session: Session) -> None:
        self.up = mmap.mmap(session.up_fd, 4096)
        size = RING_OFFSET + session.ring_bytes
        self.down = mmap.mmap(session.down_fd, size, prot=mmap.PROT_READ)
        self.words = memoryview(self.down).cast("Q")
        self.cursor = memoryview(self.up).cast("Q")[CURSOR // 8 : CURSOR // 8 + 1]
        self.capacity, self.position = session.ring_bytes, 0

    def word(self, offset: int) -> int:
        return self.words[offset // 8]  # in one load: struct goes byte by byte

    def read(self) -> bytes | None:
        """The next report, or None."""
        while True:
            at = RING_OFFSET + (self.position & (self.capacity - 1))
            if self.word(at) != self.position + 1:
                assert self.word(CONTROL_OFFSET) <= self.position + self.capacity, "overwritten"
                return None
            length, kind = struct.unpack_from("<IH", self.down, at + 8)
            record = self.down[at : at + length]
            assert self.word(CONTROL_OFFSET) <= self.position + self.capacity, "overwritten"
            assert length % 64 == 0
            self.position += length
            if kind != RecordType.PAD:
                return record

    def taken(self) -> None:
        self.cursor[0] = self.position  # in one store

    def sequences(self, most: int = 1 << 30) -> list[int]:
        """Take up to ``most`` reports; their numbers."""
        found = []
        while len(found) < most and (record := self.read()) is not None:
            found.append(check(record))
        self.taken()
        return found


def body(number: int) -> bytes:
    return struct.pack("<Q", number) * (number * 7 % 90 + 1)


def check(record: bytes) -> int:
    kind, _, sequence = struct.unpack_from("<HHQ", record, 12)
    assert kind == REPORT
    wanted = body(sequence)
    assert record[64:] == wanted + bytes(-len(wanted) % 64)
    return int(sequence)


def write(journals: Journals, reports: int) -> None:
    """Append reports, commands between them; never further ahead than the disk lets."""
    journal = journals.open("alpha")
    for _ in range(reports):
        number = journal.sequence + 1
        while journal.position - journal.durable > SMALL // 2:
            time.sleep(0.0005)
        if number % 3 == 0:
            journals.append("alpha", COMMAND, bytes(640))
        assert journals.append("alpha", REPORT, body(number)) == number


@pytest.fixture
def place(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    runtime = Path(f"/dev/shm/journal-{os.getpid()}-{time.monotonic_ns()}")
    yield runtime, tmp_path
    shutil.rmtree(runtime, ignore_errors=True)


@pytest.fixture
def counts() -> dict[Counter, int]:
    return {}


@pytest.fixture
def journals(place: tuple[Path, Path], counts: dict[Counter, int]) -> Iterator[Journals]:
    def count(counter: Counter, amount: int) -> None:
        counts[counter] = counts.get(counter, 0) + amount

    made = Journals(*place, capacity=SMALL, file_bytes=1 << 19, count=count)
    yield made
    made.close()


def attach(journals: Journals, session: Session, resume: int | None = None) -> Reports:
    return journals.attach("alpha", session.up, session.down, resume=resume)


def test_a_report_is_there_when_append_returns(journals: Journals) -> None:
    session = Session()
    write(journals, 10)
    reports = attach(journals, session)
    strategy = Strategy(session)
    assert strategy.read() is None
    assert strategy.word(CONTROL_OFFSET + 264) == 11, "the number that comes next"
    for number in range(11, 2000):
        write(journals, 1)
        assert strategy.sequences() == [number]
        assert (reports.sequence, reports.state) == (number, 0)
    entries = [one for one in journals.read("alpha", 1500) if one.kind == REPORT]
    assert [one.sequence for one in entries] == list(range(1500, 2000))


def test_a_record_is_the_journals_byte_for_byte(journals: Journals) -> None:
    session = Session()
    attach(journals, session)
    strategy = Strategy(session)
    at = {"instrument": 3, "venue": 1, "account": 2, "venue_ns": 5, "recv_ns": 6, "order_key": 7}
    journals.append("alpha", REPORT, body(1), **at)
    record = strategy.read()
    journal = journals.open("alpha")
    assert record is not None
    assert record[8:] == (journal.copy(0) or b"")[8 : len(record)]


@pytest.mark.parametrize("resume", [0, 1, 2, 57, 4000, 7999, 8000])
def test_resuming_begins_behind_what_is_known(journals: Journals, resume: int) -> None:
    """In memory, in the newest log file, in older ones."""
    write(journals, 8000)
    journals.tick()
    write(journals, 1)
    session = Session()
    attach(journals, session, resume)
    strategy = Strategy(session)
    found: list[int] = []
    end = time.monotonic() + 30
    while len(found) < 8001 - resume and time.monotonic() < end:
        journals.pump()
        found += strategy.sequences()
    assert found == list(range(resume + 1, 8002))


def test_a_report_that_was_never_written_cannot_be_known(journals: Journals) -> None:
    write(journals, 5)
    with pytest.raises(ValueError, match="follows report 6, but the last one is 5"):
        attach(journals, Session(), 6)


def test_a_session_that_lags_gets_everything(
    journals: Journals, counts: dict[Counter, int]
) -> None:
    """It takes nothing while several times its ring and the memory are written."""
    session = Session()
    reports = attach(journals, session)
    strategy = Strategy(session)
    write(journals, 3000)
    assert strategy.word(CONTROL_OFFSET) <= session.ring_bytes
    assert reports.sequence < 1000
    found: list[int] = []
    while len(found) < 3000:
        found += strategy.sequences(50)
        journals.pump()
    assert found == list(range(1, 3001))
    write(journals, 10)
    assert strategy.sequences() == list(range(3001, 3011))
    journals.tick()
    assert counts[Counter.REPORTS_HELD] >= 1
    assert Counter.JOURNAL_LOST not in counts


@pytest.mark.parametrize("lie", ["ahead", "back", "far"])
def test_a_lying_cursor_ends_the_session(journals: Journals, lie: str) -> None:
    session, why = Session(), []
    journals.attach("alpha", session.up, session.down, ended=why.append)
    strategy = Strategy(session)
    write(journals, 100)
    strategy.sequences(50)
    write(journals, 10)
    assert why == []
    strategy.position = {
        "ahead": strategy.word(CONTROL_OFFSET + 256) + 64,
        "back": strategy.position - 64,
        "far": (1 << 64) - 64,
    }[lie]
    written = strategy.word(CONTROL_OFFSET + 256)
    strategy.taken()
    write(journals, 10)
    assert strategy.word(CONTROL_OFFSET + 256) == written
    journals.pump()
    assert len(why) == 1
    assert "its report cursor is" in why[0]
    write(journals, 10)
    journals.pump()
    assert len(why) == 1
    again = Session(2)
    attach(journals, again, 100)
    assert Strategy(again).sequences() == list(range(101, 131))


def test_the_longest_report_goes_through_the_smallest_ring(journals: Journals) -> None:
    session = Session()
    attach(journals, session)
    strategy = Strategy(session)
    for number in range(1, 50):
        journals.append("alpha", REPORT, bytes([number]) * MAX_REPORT)
        journals.pump()
        record = strategy.read()
        assert record is not None
        assert record[64:] == bytes([number]) * MAX_REPORT
        strategy.taken()
        while journals.open("alpha").position - journals.open("alpha").durable > SMALL // 2:
            time.sleep(0.0005)


def test_what_was_deleted_or_garbled_is_a_visible_gap(
    journals: Journals, place: tuple[Path, Path]
) -> None:
    for _ in range(6):
        write(journals, 2000)
        journals.tick()
    journal = journals.open("alpha")
    while journal.durable != journal.position:
        time.sleep(0.001)
    files = sorted(place[1].glob("journal/*.log"))
    assert len(files) >= 5
    files[0].unlink()
    data = bytearray(files[2].read_bytes())
    data[5000] ^= 1
    files[2].write_bytes(data)
    session = Session()
    attach(journals, session, 1)
    strategy = Strategy(session)
    found: list[int] = []
    while not found or found[-1] != 12000:
        journals.pump()
        found += strategy.sequences()
    firsts = [int(path.name.split(".")[1]) for path in files]
    assert found[0] == firsts[1]
    gap = next(i for i in range(len(found) - 1) if found[i + 1] != found[i] + 1)
    assert firsts[2] <= found[gap] < found[gap + 1] == firsts[3]
    assert found[gap + 1 :] == list(range(firsts[3], 12001))


def read_until_killed(session: Session, out: int, seed: int) -> None:
    rng = random.Random(seed)
    strategy = Strategy(session)
    while True:
        taken = strategy.sequences(rng.randrange(1, 200))
        os.write(out, struct.pack(f"<{len(taken)}Q", *taken))
        if not taken:
            time.sleep(0.0005)


def test_a_strategy_that_stops_lags_and_is_killed_gets_each_report_once(
    journals: Journals, tmp_path: Path
) -> None:
    """A process of its own writes down every number it took; the next one goes on behind it."""
    rng = random.Random(3)
    path = tmp_path / "taken"
    out = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    for turn in range(60):
        size = path.stat().st_size
        last = struct.unpack("<Q", path.read_bytes()[-8:])[0] if size else 0
        session = Session(turn + 1)
        attach(journals, session, last)
        child = os.fork()
        if child == 0:
            try:
                read_until_killed(session, out, turn)
            finally:
                os._exit(1)
        for _ in range(rng.randrange(1, 5)):
            if rng.random() < 0.3:
                os.kill(child, signal.SIGSTOP)
            write(journals, rng.randrange(1, 700))
            journals.pump()
            if rng.random() < 0.3:
                journals.tick()
            os.kill(child, signal.SIGCONT)
        if turn == 59:
            end = time.monotonic() + 30
            wanted = 8 * journals.open("alpha").sequence
            while path.stat().st_size < wanted and time.monotonic() < end:
                journals.pump()
                time.sleep(0.001)
        os.kill(child, signal.SIGKILL)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        journals.detach("alpha")
        session.close()
    os.close(out)
    data = path.read_bytes()
    taken = struct.unpack(f"<{len(data) // 8}Q", data)
    assert list(taken) == list(range(1, journals.open("alpha").sequence + 1))
