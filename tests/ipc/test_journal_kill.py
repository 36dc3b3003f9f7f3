"""A process that writes a journal is killed at any moment: nothing it had written is lost."""

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

from connector.model.counters import Counter
from connector.model.records import RecordType
from connector.trading.journal import Journals
from connector.trading.journal_files import entries

KILLS = 300
CAPACITY = 1 << 18
FILE_BYTES = 1 << 18


@pytest.fixture
def runtime() -> Iterator[Path]:
    path = Path(f"/dev/shm/journal-{os.getpid()}-{time.monotonic_ns()}")
    yield path
    shutil.rmtree(path, ignore_errors=True)


def body(sequence: int) -> bytes:
    return struct.pack("<Q", sequence) * (sequence % 60 + 1)


def write_until_killed(runtime: Path, state: Path, shared: mmap.mmap, first: int) -> None:
    journals = Journals(runtime, state, capacity=CAPACITY, file_bytes=FILE_BYTES)
    journal = journals.open("alpha")
    assert journal.sequence >= first
    words = memoryview(shared).cast("Q")
    while True:
        for _ in range(200):
            if journal.position - journal.durable > CAPACITY // 2:
                time.sleep(0.001)
                continue
            wanted = journal.sequence + 1
            if wanted % 5 == 0:
                journals.append("alpha", RecordType.COMMAND, body(wanted))
            assert journals.append("alpha", RecordType.ORDER_REPORT, body(wanted)) == wanted
            words[0] = wanted  # in one store: pack_into clears what it packs into first
        journals.tick()


def test_kills_lose_nothing_and_garble_nothing(runtime: Path, tmp_path: Path) -> None:
    rng = random.Random(11)
    shared = mmap.mmap(-1, 4096)
    verified = commands = 0
    counts: dict[Counter, int] = {}

    def count(counter: Counter, amount: int) -> None:
        counts[counter] = counts.get(counter, 0) + amount

    for turn in range(KILLS):
        before = struct.unpack_from("<Q", shared)[0]
        child = os.fork()
        if child == 0:
            try:
                write_until_killed(runtime, tmp_path, shared, before)
            finally:
                os._exit(1)  # it is killed, or it has failed
        while struct.unpack_from("<Q", shared)[0] == before:
            time.sleep(0.0005)
        time.sleep(rng.random() * 0.01)
        os.kill(child, signal.SIGKILL)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        committed = struct.unpack_from("<Q", shared)[0]
        if turn % 2:
            journals = Journals(
                runtime, tmp_path, capacity=CAPACITY, file_bytes=FILE_BYTES, count=count
            )
            assert journals.open("alpha").sequence in (committed, committed + 1)
            assert journals.close()
        for entry in entries(runtime, tmp_path, "alpha", sequence=verified + 1):
            if entry.kind == RecordType.ORDER_REPORT:
                verified += 1
                assert entry.sequence == verified
                assert entry.body.rstrip(b"\0") == body(verified).rstrip(b"\0")
            elif entry.kind == RecordType.COMMAND:
                commands += 1
        assert verified in (committed, committed + 1)
    assert commands
    assert set(counts) <= {Counter.JOURNAL_MENDED}  # a log's tail may be cut, memory has it
    whole = [one for one in entries(runtime, tmp_path, "alpha") if one.kind > RecordType.SENT]
    assert [one.sequence for one in whole] == list(range(1, verified + 1))
