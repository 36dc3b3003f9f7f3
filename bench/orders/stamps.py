"""When an order left a process: a library preloaded into it reads the clock before each write."""

import mmap
import os
import subprocess
import tempfile
from pathlib import Path

from bench.native import BUILD

SOURCE = Path(__file__).resolve().parents[1] / "native" / "stamps.c"
SLOTS, SLOT, FIRST = 1 << 14, 64, 64
WORDS = SLOT // 8


def library() -> Path:
    """The compiled ``stamps.c``."""
    target = BUILD / "stamps.so"
    if not target.exists() or target.stat().st_mtime < SOURCE.stat().st_mtime:
        BUILD.mkdir(parents=True, exist_ok=True)
        compiler = os.environ.get("CC", "cc")
        command = [compiler, "-O2", "-shared", "-fPIC", "-o", str(target), str(SOURCE), "-ldl"]
        subprocess.run(command, check=True)
    return target


class Stamps:
    """The newest writes of one process that carried an order; a context manager."""

    def __init__(self) -> None:
        with tempfile.NamedTemporaryFile(prefix="bench-stamps-", dir="/dev/shm", delete=False) as f:
            self._path = f.name
            os.posix_fallocate(f.fileno(), 0, FIRST + SLOTS * SLOT)
            self._memory = mmap.mmap(f.fileno(), FIRST + SLOTS * SLOT)
        self._words = memoryview(self._memory).cast("Q")

    def environ(self) -> dict[str, str]:
        """What the process to be measured needs in its environment."""
        return {"LD_PRELOAD": str(library()), "BENCH_STAMPS": self._path}

    @property
    def count(self) -> int:
        return self._words[0]

    def since(self, count: int) -> list[int]:
        """The clock before each write after the first ``count``."""
        now = self.count
        if now - count > SLOTS:
            raise RuntimeError(f"{now - count} writes, only {SLOTS} are kept")
        return [self._words[FIRST // 8 + at % SLOTS * WORDS] for at in range(count, now)]

    def __enter__(self) -> "Stamps":
        return self

    def __exit__(self, *error: object) -> None:
        self._words.release()
        self._memory.close()
        os.unlink(self._path)
