"""A simulated venue and a daemon that outlives its restarts, for tests of what a user does."""

import os
import select
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.reference.stack import Daemon, Sim

ROOT = Path(__file__).resolve().parents[2]


class Stage:
    """Both processes; the daemon's books are live."""

    def __init__(self, folder: Path, sim: Sim) -> None:
        self._folder = folder
        self._sim = sim
        self.daemon = Daemon(folder, sim).ready(60)

    @property
    def runtime(self) -> Path:
        return self.daemon.runtime_dir

    @property
    def pid(self) -> int:
        return self.daemon.process.pid

    def restart_daemon(self) -> None:
        """Kill the daemon as nobody should, and start another one."""
        self.daemon.process.kill()
        self.daemon.process.wait()
        with self.daemon:
            self.daemon = Daemon(self._folder, self._sim).ready(60)


@contextmanager
def stage(folder: Path, symbols: str) -> Iterator[Stage]:
    """Both processes, ended when it is left."""
    with Sim("--symbols", symbols, "--rate", "50") as sim:
        both = Stage(folder, sim)
        try:
            yield both
        finally:
            with both.daemon:
                pass


def read_until(terminal: int, wanted: bytes, timeout_s: float) -> bytes:
    """What the terminal shows up to ``wanted``, or to its end."""
    seen = b""
    deadline = time.monotonic() + timeout_s
    while wanted not in seen and time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                seen += os.read(terminal, 65536)
            except OSError:
                return seen
    return seen
