"""A simulated venue and a daemon for tests of what a user does with them."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from connector.cli._processes import Family
from connector.cli._sample import Watch
from connector.errors import AttachError
from connector.model.states import VALID

ROOT = Path(__file__).resolve().parents[2]


class Stage:
    """Simulator and daemon, each restartable; everything of theirs lies in ``folder``."""

    def __init__(self, folder: Path, family: Family, symbols: str) -> None:
        self.runtime = folder / "run"
        self.runtime.mkdir(mode=0o700)
        self._state = folder / "state"
        self._family = family
        sim = family.start("sim", "connector", "sim", "--symbols", symbols, "--rate", "50")
        assert sim.stdout is not None
        self.venue: dict[str, Any] = json.loads(sim.stdout.readline())
        self.daemon = self.start_daemon()

    def start_daemon(self) -> Any:
        """Start the daemon; returns when all books are live."""
        daemon = self._family.start(
            "daemon", "connector", "run", str(ROOT / "configs" / "demo.toml"),
            "--runtime-dir", str(self.runtime), "--state-dir", str(self._state),
            "--set", f'venues.binance_usdm.rest_url="{self.venue["rest"]}"',
            "--set", f'venues.binance_usdm.ws_url="{self.venue["ws"]}"',
        )  # fmt: skip
        deadline = time.monotonic() + 60
        watch = None
        while True:
            if daemon.poll() is not None:
                raise AssertionError(self._family.log("daemon").read_text())
            try:
                watch = watch or Watch(self.runtime, "stage")
                books = watch.sample().books
                if books and all(book.state in VALID for book in books):
                    watch.close()
                    return daemon
            except AttachError:
                pass
            assert time.monotonic() < deadline, self._family.log("daemon").read_text()
            time.sleep(0.05)

    def restart_daemon(self) -> None:
        """Kill the daemon as nobody should, and start another one."""
        self.daemon.kill()
        self.daemon.wait()
        self._family.forget(self.daemon)
        self.daemon = self.start_daemon()


@contextmanager
def stage(folder: Path, symbols: str) -> Iterator[Stage]:
    """Both processes, ended when it is left."""
    with Family(folder) as family:
        yield Stage(folder, family, symbols)
