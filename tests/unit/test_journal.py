"""The journal: what was appended is read again, in order and whole, whatever happened between."""

import errno
import os
import random
import resource
import shutil
import struct
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connector._speedups import journal as kernel
from connector._speedups.journal import MAX_REPORT
from connector.model.counters import Counter
from connector.model.records import RecordType, dtype
from connector.trading import journal_files
from connector.trading.journal import Journals
from connector.trading.journal_files import Entry
from tests.ipc.test_reports import Session

SMALL = 1 << 18
REPORT, COMMAND = RecordType.ORDER_REPORT, RecordType.COMMAND


class Place:
    """A runtime directory in memory and a state directory on disk."""

    def __init__(self, runtime: Path, state: Path) -> None:
        self.runtime, self.state = runtime, state
        self.counts: dict[Counter, int] = {}
        self.opened: list[Journals] = []

    def journals(self, **options: object) -> Journals:
        def count(counter: Counter, amount: int) -> None:
            self.counts[counter] = self.counts.get(counter, 0) + amount

        settings = {"capacity": SMALL, "count": count} | options
        self.opened.append(Journals(self.runtime, self.state, **settings))  # type: ignore[arg-type]
        return self.opened[-1]

    @property
    def live(self) -> Path:
        return self.runtime / "journal" / "alpha.live"

    def logs(self) -> list[Path]:
        return [file.path for file in journal_files.log_files(self.state, "alpha")]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    memory = Path(f"/dev/shm/journal-{os.getpid()}-{time.monotonic_ns()}")
    place = Place(memory, tmp_path / "state")
    yield place
    for journals in place.opened:
        journals.close(0.5)
    shutil.rmtree(memory, ignore_errors=True)


def until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not done():
        assert time.monotonic() < end, "not within 30 seconds"
        time.sleep(0.002)


def wait_for_disk(journals: Journals, strategy: str = "alpha") -> None:
    journal = journals.open(strategy)
    until(lambda: journal.durable == journal.position)


def content(entry: Entry) -> tuple[object, ...]:
    return entry.kind, entry.sequence, entry.order_key, entry.body


def body(number: int) -> bytes:
    """Of many lengths, and every byte depends on the number."""
    return bytes((number * 7 + place) & 255 for place in range(number * 37 % 500))


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 64)


def fill(journals: Journals, first: int, last: int) -> list[tuple[object, ...]]:
    """Append commands and reports, never more than memory holds beside what the disk has not taken;
    what must be read of them."""
    journal = journals.open("alpha")
    sequence = journal.sequence
    wanted: list[tuple[object, ...]] = []
    for number in range(first, last):
        until(lambda: journal.position - journal.durable < SMALL - 4096)
        kind = COMMAND if number % 3 == 0 else REPORT
        sequence += kind is REPORT
        assert journals.append("alpha", kind, body(number), order_key=number) == sequence
        wanted.append((kind, sequence, number, padded(body(number))))
    return wanted


def test_entries_come_back_as_they_were_written(place: Place) -> None:
    journals = place.journals()
    at = {"instrument": 7, "venue": 2, "account": 3, "venue_ns": -5, "recv_ns": 1 << 62}
    assert journals.append("alpha", COMMAND, b"", **at, order_key=1 << 63) == 0  # type: ignore[arg-type]
    assert journals.append("alpha", RecordType.SENT, b"s", order_key=4) == 0
    assert journals.append("alpha", REPORT, b"r" * 65) == 1
    assert journals.append("beta", REPORT, b"other") == 1
    one, two, three = journals.read("alpha")
    assert {name: getattr(one, name) for name in at} == at
    assert (one.kind, one.sequence, one.order_key, one.body) == (COMMAND, 0, 1 << 63, b"")
    assert content(two) == (RecordType.SENT, 0, 4, padded(b"s"))
    assert content(three) == (REPORT, 1, 0, padded(b"r" * 65))
    assert one.publish_ns <= two.publish_ns <= three.publish_ns <= time.monotonic_ns()
    assert journals.strategies() == ["alpha", "beta"]
    assert [entry.body for entry in journals.read("beta")] == [padded(b"other")]


@pytest.mark.parametrize("way", ["closed", "killed", "memory lost after a close"])
def test_sequences_are_dense_over_restarts(place: Place, way: str) -> None:
    wanted: list[tuple[object, ...]] = []
    for start in range(5):
        journals = place.journals()
        assert journals.open("alpha").sequence == (wanted[-1][1] if wanted else 0)
        wanted += fill(journals, 400 * start, 400 * start + 400)
        assert [content(entry) for entry in journals.read("alpha")] == wanted
        if way != "killed":
            assert journals.close()
        if way == "memory lost after a close":
            place.live.unlink()
    journals = place.journals()
    assert [content(entry) for entry in journals.read("alpha")] == wanted
    numbers = [entry.sequence for entry in journals.read("alpha") if entry.kind == REPORT]
    assert numbers == list(range(1, len(numbers) + 1))
    assert place.counts == {}


def test_reading_begins_at_a_report(place: Place) -> None:
    journals = place.journals()
    wanted = fill(journals, 0, 2000)
    for sequence in (0, 1, 2, 700, 1333, 1334):
        rest = [row for row in wanted if int(str(row[1])) >= sequence]
        assert [content(entry) for entry in journals.read("alpha", sequence)] == rest


def test_the_last_command_is_known_over_restarts(place: Place) -> None:
    command = struct.pack("<Q", 77).ljust(640, b"\0")
    journals = place.journals()
    assert journals.last_command("alpha") == 0
    journals.append("alpha", COMMAND, command)
    for way in ("killed", "closed", "memory lost", "rolled", "closed"):
        assert journals.last_command("alpha") == 77
        if way == "rolled":
            journals.append("alpha", REPORT, b"")
            journals.roll("alpha")
            wait_for_disk(journals)
            assert len(place.logs()) == 2
        if way != "killed":
            assert journals.close()
        if way == "memory lost":
            place.live.unlink()
        journals = place.journals()
    assert journals.last_command("alpha") == 77
    journals.append("alpha", COMMAND, struct.pack("<Q", 78).ljust(640, b"\0"))
    assert journals.last_command("alpha") == 78


def test_each_log_file_begins_with_a_checkpoint(place: Place) -> None:
    journals = place.journals(
        file_bytes=1 << 16, checkpoint=lambda strategy: iter([(strategy.encode(), True)])
    )
    wanted: list[tuple[object, ...]] = []
    for start in range(0, 3000, 100):
        wanted += fill(journals, start, start + 100)
        wait_for_disk(journals)
        before = journals.open("alpha").sequence
        journals.tick()
        assert journals.open("alpha").sequence == before
    wait_for_disk(journals)
    found = list(journals.read("alpha"))
    assert [content(one) for one in found if one.kind != RecordType.CHECKPOINT] == wanted
    files = place.logs()
    assert len(files) > 5
    for path in files[1:]:
        head = path.read_bytes()[64:256]
        (kind,) = struct.unpack_from("<H", head, 12)
        assert (kind, head[64:69]) == (RecordType.CHECKPOINT, b"alpha")
    recovered = list(journals.recover("alpha"))
    assert recovered == found[-len(recovered) :]
    assert recovered[0].kind == RecordType.CHECKPOINT
    assert sum(one.kind == RecordType.CHECKPOINT for one in recovered) == 1


def test_every_log_file_says_which_instruments_its_numbers_mean(place: Place) -> None:
    def describe(index: int) -> bytes:
        return b"" if index == 9 else b"I" * index

    def command(index: int) -> bytes:
        offset = 104
        return bytes(offset) + struct.pack("<I", index) + bytes(640 - offset - 4)

    assert dtype("Command").fields["instrument"][1] == 104
    journals = place.journals(describe=describe)
    for run in range(2):
        for _ in range(2):
            for index in (3, 4, 3, 9):
                journals.append("alpha", REPORT, b"", instrument=index)
            journals.append("alpha", COMMAND, command(5))
        if run == 0:
            journals.roll("alpha")
    found = [
        (one.instrument, one.body.rstrip(b"\0"))
        for one in journals.read("alpha")
        if one.kind == RecordType.INSTRUMENT_CHANGE
    ]
    assert found == [(3, b"III"), (4, b"IIII"), (5, b"IIIII")] * 2
    kinds = [one.kind for one in journals.read("alpha")]
    assert kinds[:2] == [RecordType.INSTRUMENT_CHANGE, REPORT]


def test_a_disk_that_hangs_costs_new_orders_and_nothing_silently(place: Place) -> None:
    """More is written than memory holds before the thread looks: what is lost is counted, and its
    numbers are missing."""
    skipped: list[str] = []
    journals = place.journals(checkpoint=lambda _: iter([(b"how", True)]), skipped=skipped.append)
    session = Session()
    journals.attach("alpha", session.up, session.down)
    journal = journals.open("alpha")
    wait_for_disk(journals)
    assert not journals.behind()
    image = bytes(MAX_REPORT)
    before = journal.sequence
    while not journal.lost:  # the thread sleeps two milliseconds between two looks
        journals.append("alpha", REPORT, image)
        journals.tick()
    lost = journal.sequence
    wait_for_disk(journals)
    after = journals.append("alpha", REPORT, b"on")
    found = [entry.sequence for entry in journals.read("alpha")]
    assert found[-1] == after == journal.sequence
    assert len(found) == after - before - journal.lost
    assert lost not in found
    assert skipped == []
    journals.tick()
    assert place.counts[Counter.JOURNAL_LOST] == journal.lost
    assert skipped == ["alpha"], "it is told how everything stands"
    assert [(one.kind, one.body[:3]) for one in journals.read("alpha")][-1] == (
        RecordType.CHECKPOINT, b"how",
    )  # fmt: skip
    journals.tick()
    assert skipped == ["alpha"]
    session.close()


def test_a_file_is_begun_once_though_the_disk_does_not_follow(place: Place) -> None:
    journals = place.journals(file_bytes=1 << 16)
    fill(journals, 0, 300)
    for _ in range(20):  # at most some of these are long enough after the first for the thread
        journals.tick()
        journals.append("alpha", REPORT, b"")
    found = [one.kind for one in journals.read("alpha")]
    assert found.count(RecordType.CHECKPOINT) == 1


def test_the_oldest_log_files_are_deleted(place: Place) -> None:
    journals = place.journals(file_bytes=1 << 16, retain_bytes=1 << 18)
    for start in range(0, 3000, 100):
        wanted = fill(journals, start, start + 100)
        wait_for_disk(journals)
        journals.tick()
        journals.tidy()
        assert sum(path.stat().st_size for path in place.logs()) < (1 << 18) + (1 << 17)
    found = [content(one) for one in journals.read("alpha") if one.kind != RecordType.CHECKPOINT]
    assert found[-100:] == wanted
    assert [row[2] for row in found] == list(range(3000 - len(found), 3000))


def test_after_a_loss_of_power_what_was_on_disk_is_there(place: Place) -> None:
    """The live file is gone; the log ends anywhere behind what was synced."""
    journals = place.journals()
    wanted = fill(journals, 0, 300)
    wait_for_disk(journals)
    journals.close()
    path = place.logs()[0]
    whole = path.read_bytes()
    unclosed = whole[:48] + bytes(8) + whole[56:]
    entries = list(journals.read("alpha"))
    last = entries[-1]
    begin = len(whole) - 64 - len(last.body)
    place.live.unlink()
    for cut in [*range(begin, len(whole) + 1), len(whole) + 64]:
        place.counts.clear()
        path.write_bytes(unclosed[:cut].ljust(cut, b"\0"))
        journals = place.journals()
        kept = len(wanted) if cut >= len(whole) else len(wanted) - 1
        assert [content(entry) for entry in journals.read("alpha")] == wanted[:kept]
        number = int(str(wanted[kept - 1][1])) + journal_files.JUMP + 1
        assert journals.append("alpha", REPORT, b"on") == number, "a number is never used twice"
        torn = cut not in (begin, len(whole))
        assert place.counts == {Counter.JOURNAL_MENDED: 1 + torn}
        journals.close()
        for one in place.opened:
            one.close(0)
        place.live.unlink()
        assert [entry.sequence for entry in journals.read("alpha")][-1] == number


def test_no_byte_of_the_last_entry_can_be_wrong_unseen(place: Place) -> None:
    """In memory, as it is found by a start: cut off from any byte on, or one byte changed."""
    journals = place.journals()
    wanted = fill(journals, 0, 300)
    journals.close()
    last = list(journals.read("alpha"))[-1]
    at = 4096 + (last.position & (SMALL - 1))
    size = 64 + len(last.body)
    image, log = place.live.read_bytes(), place.logs()[0].read_bytes()
    begin = len(log) - size
    log = log[:48] + bytes(8) + log[56:begin]
    durable = struct.pack("<Q", last.position)
    image = image[:256] + durable + image[264:]
    for byte in range(size):
        for other in (
            image[: at + byte] + bytes(size - byte) + image[at + size :],
            image[: at + byte] + bytes([image[at + byte] ^ 0x40]) + image[at + byte + 1 :],
        ):
            place.live.write_bytes(other)
            place.logs()[0].write_bytes(log)
            journals = place.journals()
            kept = wanted if other == image else wanted[:-1]
            assert [content(entry) for entry in journals.read("alpha")] == kept
            before = journals.open("alpha").sequence
            assert journals.append("alpha", REPORT, b"on") == before + 1
            assert [entry.body for entry in journals.read("alpha")][-1] == padded(b"on")
            journals.close()


def test_the_live_file_of_another_state_directory_is_left_alone(place: Place) -> None:
    journals = place.journals()
    fill(journals, 0, 10)
    journals.close()
    shutil.move(place.state, place.state.with_name("first"))
    place.live.rename(place.live.with_name("kept"))
    other = place.journals()
    fill(other, 0, 20)
    other.close()
    place.live.with_name("kept").replace(place.live)
    again = place.journals()
    assert len(list(again.read("alpha"))) == 20
    again.open("alpha")
    assert len(list(again.read("alpha"))) == 20
    assert len([path for path in place.live.parent.iterdir() if "live~" in path.name]) == 1
    assert place.counts[Counter.JOURNAL_MENDED] >= 1


def test_a_deleted_state_directory_is_begun_anew_from_memory(place: Place) -> None:
    journals = place.journals()
    wanted = fill(journals, 0, 30)
    wait_for_disk(journals)
    shutil.rmtree(place.state)
    again = place.journals()
    assert again.open("alpha").sequence == wanted[-1][1]
    assert again.append("alpha", REPORT, b"on") == int(str(wanted[-1][1])) + 1
    assert [entry.body for entry in again.read("alpha")][-1] == padded(b"on")


def test_another_capacity_keeps_everything(place: Place) -> None:
    wanted: list[tuple[object, ...]] = []
    for start, capacity in enumerate((SMALL, SMALL * 2, SMALL)):
        journals = place.journals(capacity=capacity)
        wanted += fill(journals, start * 300, start * 300 + 300)
        assert journals.open("alpha").capacity == capacity
        assert [content(entry) for entry in journals.read("alpha")] == wanted
    assert place.counts == {}


@pytest.mark.parametrize(
    "name", ["", "..", ".", "a/b", "../a", "a\0b", "ä", "a b", "x" * 65, "/etc/passwd", "a\n"]
)
def test_names_cannot_leave_the_directory(place: Place, name: str) -> None:
    journals = place.journals()
    if name in ("..", "."):  # files of their own, `...live`, in the same directory
        journals.append(name, REPORT, b"")
        assert journals.strategies() == [name]
        return
    with pytest.raises(ValueError, match="1 to 64 of"):
        journals.append(name, REPORT, b"")
    with pytest.raises(ValueError, match="1 to 64 of"):
        list(journals.read(name))
    assert journals.strategies() == []


def test_names_that_look_like_files_do_not_meet(place: Place) -> None:
    journals = place.journals()
    digits = "0" * 19 + "1"
    names = sorted(["a", f"a.{digits}", f"a.{digits}.log", "a.live", "a.log", "-", "-.live"])
    for name in names:
        journals.append(name, REPORT, name.encode())
    assert journals.strategies() == names
    for name in names:
        assert [entry.body for entry in journals.read(name)] == [padded(name.encode())]


def test_entries_that_are_too_long_are_refused(place: Place) -> None:
    journals = place.journals()
    journals.append("alpha", REPORT, bytes(MAX_REPORT))
    with pytest.raises(ValueError, match="too long"):
        journals.append("alpha", REPORT, bytes(MAX_REPORT + 1))
    with pytest.raises(ValueError, match="too long"):
        journals.append("alpha", COMMAND, bytes(SMALL // 8))
    assert [entry.sequence for entry in journals.read("alpha")] == [1]


def test_the_checksum_is_crc32c() -> None:
    """Against the bitwise definition, over everything a stamp covers."""
    rng = random.Random(5)

    def slow(data: bytes) -> int:
        value = 0xFFFFFFFF
        for byte in data:
            value ^= byte
            for _ in range(8):
                value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        return value ^ 0xFFFFFFFF

    assert slow(b"123456789") == 0xE3069283
    for length in (64, 128, 448):
        entry = bytearray(rng.randbytes(length))
        struct.pack_into("<I", entry, 8, length)
        position = rng.getrandbits(60)
        stamp = slow(struct.pack("<Q", position) + bytes(entry[8:]))
        struct.pack_into("<Q", entry, 0, stamp)
        assert kernel.check(bytes(entry), position) == length
        assert kernel.check(bytes(entry), position + 64) == -1
        assert kernel.check(bytes(entry[:-1]), position) == -1


def write_to_a_full_disk(runtime: Path, state: Path, limit: int, out: int) -> None:
    """In a process whose files may not grow: what the journal says while and after that."""
    counts: dict[Counter, int] = {}

    def count(counter: Counter, amount: int) -> None:
        counts[counter] = counts.get(counter, 0) + amount

    journals = Journals(runtime, state, capacity=SMALL, count=count)
    journal = journals.open("alpha")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    while not journals.behind():
        journals.append("alpha", REPORT, bytes(192))
        time.sleep(0.0002)
    fault = journal.fault
    for _ in range(200):
        journals.append("alpha", REPORT, bytes(192))
    journals.tick()
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    until(lambda: not journals.behind())
    last = journals.append("alpha", REPORT, b"last")
    assert journals.close()
    journals = Journals(runtime, state, capacity=SMALL, count=count)
    sequences = [entry.sequence for entry in journals.read("alpha")]
    assert sequences == list(range(1, last + 1))
    assert counts[Counter.JOURNAL_FAULTS] >= 1
    assert counts[Counter.JOURNAL_BEHIND] == 1
    assert Counter.JOURNAL_LOST not in counts
    os.write(out, struct.pack("<QQ", fault, last))


def in_a_process(work: Callable[[int], None]) -> bytes:
    """What ``work`` writes to the descriptor it is given, in a child that must end well."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work(theirs)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(theirs)
    with open(ours, "rb") as result:
        data = result.read()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    return data


def test_a_full_disk_is_said_and_made_up_for(place: Place) -> None:
    """Limits of every size, so that writes are cut within entries, too."""
    for limit in (70_000, 70_001, 70_100):
        shutil.rmtree(place.state, ignore_errors=True)
        shutil.rmtree(place.runtime, ignore_errors=True)
        data = in_a_process(
            lambda out, limit=limit: write_to_a_full_disk(place.runtime, place.state, limit, out)
        )
        fault, last = struct.unpack("<QQ", data)
        assert fault == errno.EFBIG
        assert last > limit // 256


def test_a_start_that_is_killed_half_way_changes_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After each step of an opening that leaves something behind, anew and after a reboot."""

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    steps = ("create_live", "begin_log")
    for step in steps:
        with monkeypatch.context() as patch:
            patch.setattr(journal_files, step, die)
            with pytest.raises(KeyboardInterrupt):
                place.journals().open("alpha")
    journals = place.journals()
    wanted = fill(journals, 0, 50)
    assert journals.close()
    place.live.unlink()
    for step in ("os.rename", "os.pwrite", "os.fdatasync"):
        with monkeypatch.context() as patch:
            patch.setattr(step, die)
            with pytest.raises(KeyboardInterrupt):
                place.journals().open("alpha")
    journals = place.journals()
    assert [content(entry) for entry in journals.read("alpha")] == wanted
    assert journals.append("alpha", REPORT, b"") == int(str(wanted[-1][1])) + 1
    assert place.counts == {}
