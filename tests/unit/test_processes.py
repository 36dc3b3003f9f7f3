"""Children do not outlive their parent: asked, forced, or orphaned."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from connector.cli._processes import Family, ends_on_signals
from connector.errors import ConnectorError

STUBBORN = """
import signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
time.sleep(60)
"""


def gone(pid: int, timeout_s: float = 5.0) -> bool:
    """Whether the process has ended (a zombie has)."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose modules can be run by name."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "stubborn.py").write_text(STUBBORN)
    (tmp_path / "failing.py").write_text("import sys\nsys.exit('the reason')\n")
    return tmp_path


def test_leaving_ends_even_those_that_do_not_listen(
    modules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connector.cli._processes.STOP_S", 0.2)
    with Family(modules) as family:
        child = family.start("stubborn", "stubborn")
        assert child.stdout is not None
        assert child.stdout.readline() == b"up\n"
        os.kill(child.pid, signal.SIGSTOP)
    assert child.returncode == -signal.SIGKILL


def test_a_child_that_ended_is_told_with_its_last_words(modules: Path) -> None:
    with Family(modules) as family:
        child = family.start("failing", "failing")
        child.wait(10)
        with pytest.raises(ConnectorError, match=r"(?s)failing ended with status 1.*the reason"):
            family.check()


def test_children_of_a_killed_parent_die(modules: Path) -> None:
    code = (
        "import sys, pathlib\n"
        "from connector.cli._processes import Family\n"
        "child = Family(pathlib.Path(sys.argv[1])).start('stubborn', 'stubborn')\n"
        "child.stdout.readline()\n"
        "print(child.pid, flush=True)\n"
        "input()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(modules)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as parent:
        assert parent.stdout is not None
        child_pid = int(parent.stdout.readline())
        parent.kill()
    assert gone(child_pid)


def test_sigterm_unwinds_like_an_exit() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as left, ends_on_signals():
        signal.raise_signal(signal.SIGTERM)
    assert left.value.code == 143
    assert signal.getsignal(signal.SIGTERM) is before
