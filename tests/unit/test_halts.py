"""The halt file: any line that is set halts, and so does everything that is not in order."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connector.model.counters import Counter
from connector.trading import halts
from connector.trading.halts import Damaged, Halt, Halts, Scope, clear, path_of, set_halt, writing


class Rig:
    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, path_of(folder)
        self.counted: list[Counter] = []
        self.halts = self.start()

    def start(self) -> Halts:
        made = Halts(self.path, count=lambda counter, _: self.counted.append(counter))
        made.open()
        return made

    def halt(self, scope: Scope = Scope.EVERYTHING, name: str = "", reason: str = "why") -> None:
        with writing(self.folder) as fd:
            set_halt(fd, Halt(scope, name, reason, 7, 8, 9))

    def resume(self, scope: Scope | None = Scope.EVERYTHING, name: str = "") -> list[Halt]:
        with writing(self.folder) as fd:
            return clear(fd, scope, name)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    found = Rig(tmp_path)
    yield found
    found.halts.close()


@pytest.mark.parametrize(
    ("scope", "name", "stopped"),
    [
        (Scope.EVERYTHING, "", {("main", "maker"), ("main", "taker"), ("other", "maker")}),
        (Scope.ACCOUNT, "main", {("main", "maker"), ("main", "taker")}),
        (Scope.STRATEGY, "maker", {("main", "maker"), ("other", "maker")}),
        (Scope.ACCOUNT, "mai", set()),
        (Scope.STRATEGY, "main", set()),
    ],
)
def test_a_halt_stops_its_scope_at_once_and_until_it_is_resumed(
    rig: Rig, scope: Scope, name: str, stopped: set[tuple[str, str]]
) -> None:
    every = {("main", "maker"), ("main", "taker"), ("other", "maker"), ("other", "taker")}

    def asked() -> set[tuple[str, str]]:
        return {pair for pair in every if "why" in rig.halts.why(*pair)}

    assert asked() == set()
    rig.halt(scope, name)
    everybody = every if scope is Scope.EVERYTHING else stopped
    assert asked() == everybody
    rig.halts.tick()
    assert rig.counted == [Counter.HALTS]
    assert [(one.scope, one.name, one.pid, one.uid) for one in rig.halts.standing()] == [
        (scope, name, 8, 9)
    ]
    assert len(rig.resume(scope, name)) == 1
    assert asked() == set()
    rig.halts.tick()
    assert rig.halts.standing() == []


def test_each_halt_is_taken_back_by_itself(rig: Rig) -> None:
    rig.halt()
    rig.halt(Scope.ACCOUNT, "main")
    rig.halt(Scope.ACCOUNT, "main", "another reason")
    assert [one.reason for one in rig.resume()] == ["why"]
    assert "another reason" in rig.halts.why("main", "maker")
    assert rig.halts.why("other", "maker") == ""
    assert rig.resume(Scope.ACCOUNT, "other") == []
    assert len(rig.resume(None)) == 1
    assert rig.halts.why("main", "maker") == ""


def test_halts_outlive_the_daemon(rig: Rig) -> None:
    rig.halt()
    rig.halts.close()
    rig.halts = rig.start()
    assert "why" in rig.halts.why("main", "maker")
    assert rig.counted == [Counter.HALTS]


def test_before_the_directory_is_ours_everything_is_halted(tmp_path: Path) -> None:
    assert Halts(path_of(tmp_path)).why("main", "maker")


def test_the_file_is_the_group_s_to_write(rig: Rig) -> None:
    assert rig.path.stat().st_mode & 0o777 == 0o660


def test_more_halts_than_lines_are_refused_and_say_what_to_do(rig: Rig) -> None:
    for number in range(halts.LINES):
        rig.halt(Scope.STRATEGY, f"s{number}")
    with pytest.raises(Damaged, match="resume one"):
        rig.halt(Scope.STRATEGY, "one more")
    rig.halt(Scope.STRATEGY, "s3", "anew")
    assert "anew" in rig.halts.why("main", "s3")


def test_a_text_of_any_length_and_script_is_cut_to_fit(rig: Rig) -> None:
    rig.halt(reason="ä" * 500 + "\0")
    assert rig.halts.why("main", "maker").endswith("ä")


def shorten(path: Path) -> None:
    os.truncate(path, 100)


def empty(path: Path) -> None:
    os.truncate(path, 0)


def scribble(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"something else entirely")


def half_a_line(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(halts.LINE * 3)
        file.write(b"\1")


def delete(path: Path) -> None:
    path.unlink()


def replace_by_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def replace_by_link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


def open_to_everybody(path: Path) -> None:
    path.chmod(0o666)


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


DAMAGE = [shorten, empty, scribble, half_a_line, delete, replace_by_directory, replace_by_link,
          open_to_everybody, pipe]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_is_not_in_order_halts_everything_and_says_why(
    rig: Rig, damage: Callable[[Path], None]
) -> None:
    damage(rig.path)
    rig.halts.tick()
    why = rig.halts.why("main", "maker")
    assert str(rig.path) in why
    assert rig.counted == [Counter.HALTS]
    (one,) = rig.halts.standing()
    assert one.scope is Scope.EVERYTHING
    assert one.reason in why
    rig.halts.tick()
    assert rig.counted == [Counter.HALTS], "once"


@pytest.mark.parametrize("damage", [one for one in DAMAGE if one is not delete])
def test_a_start_with_a_file_that_is_not_in_order_is_halted(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    rig = Rig(tmp_path)
    rig.halts.close()
    damage(rig.path)
    rig.halts = rig.start()
    assert str(rig.path) in rig.halts.why("main", "maker")
    rig.halts.close()


@pytest.mark.parametrize("damage", [shorten, empty, scribble, half_a_line])
def test_resuming_everything_mends_the_file(rig: Rig, damage: Callable[[Path], None]) -> None:
    damage(rig.path)
    assert rig.halts.why("main", "maker")
    with pytest.raises(Damaged):
        rig.resume(Scope.EVERYTHING)
    rig.resume(None)
    rig.halts.tick()
    assert rig.halts.why("main", "maker") == ""
    rig.halt()
    assert rig.halts.why("main", "maker")


def test_a_new_file_at_the_path_is_the_one_that_counts(rig: Rig) -> None:
    rig.path.unlink()
    rig.halt()
    rig.halts.tick()
    assert "why" in rig.halts.why("main", "maker")
    rig.resume()
    assert rig.halts.why("main", "maker") == ""


def test_whom_a_halt_is_for_counts_though_its_line_is_the_same(rig: Rig) -> None:
    """Somebody writes the file in place: names stand behind the lines."""
    with writing(rig.path.parent) as fd:
        set_halt(fd, Halt(Scope.ACCOUNT, "main", "first", 1, 2, 3))
        rig.halts.tick()
        os.pwrite(fd, b"other\0", halts.DETAILS)
    rig.halts.tick()
    assert [one.name for one in rig.halts.standing()] == ["other"]
    assert rig.halts.why("other", "maker")
    assert not rig.halts.why("main", "maker")


def test_another_user_s_file_halts(tmp_path: Path) -> None:
    if os.geteuid():
        pytest.skip("only root can give files away")
    rig = Rig(tmp_path)
    os.chown(rig.path, 12345, -1)
    rig.halts.tick()
    assert "12345" in rig.halts.why("main", "maker")
    rig.halts.close()


def test_a_file_that_is_cut_short_and_made_anew_ends_nobody_and_is_looked_at_again(
    rig: Rig,
) -> None:
    looks = rig.halts.looks_clear
    assert looks(halts.CLEAR)
    rig.halt()
    assert not looks(halts.CLEAR)
    rig.resume()
    assert looks(halts.CLEAR)
    os.truncate(rig.path, 0)
    assert not looks(halts.CLEAR)
    assert "too short" in rig.halts.why("main", "maker")
    rig.halts.tick()
    rig.resume(None)
    assert rig.halts.why("main", "maker") == ""
    assert not looks(halts.CLEAR)  # the page of then
    rig.halts.tick()
    assert looks(halts.CLEAR)
    rig.halt()
    assert not looks(halts.CLEAR)
    rig.halts.close()
    assert not looks(halts.CLEAR)


@pytest.mark.parametrize("size", [halts.LINE, halts.HEAD, halts.SIZE - 1])
def test_a_file_that_keeps_its_beginning_and_is_too_short_halts_on_every_way(
    rig: Rig, size: int
) -> None:
    os.truncate(rig.path, size)
    rig.halts.tick()
    assert not rig.halts.looks_clear(halts.CLEAR)
    assert "too short" in rig.halts.why("main", "maker")
    rig.resume(None)
    rig.halts.tick()
    assert rig.halts.looks_clear(halts.CLEAR)
    assert rig.halts.why("main", "maker") == ""


def test_a_fault_elsewhere_ends_the_process_as_before(rig: Rig) -> None:
    code = """
import faulthandler, mmap, os, sys
from pathlib import Path
from connector.trading.halts import Halts
path = Path(sys.argv[1])
if sys.argv[2] == "before": faulthandler.enable()
made = Halts(path / "halt")
made.open()
if sys.argv[2] == "behind": faulthandler.enable()
made.tick()
fd = os.open(path / "other", os.O_RDWR | os.O_CREAT)
os.ftruncate(fd, 4096)
there = mmap.mmap(fd, 4096)
os.ftruncate(fd, 0)
there[0]
"""
    for faults in ("", "before", "behind"):
        done = subprocess.run(
            [sys.executable, "-c", code, str(rig.folder), faults],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == -signal.SIGBUS
        assert done.stderr.count("Bus error") == bool(faults)
