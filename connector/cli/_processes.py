"""Child processes that cannot outlive their parent, whichever way it ends.

Each child is asked to stop, then killed, when the ``Family`` is left; the kernel kills it when the
parent dies without a word (PR_SET_PDEATHSIG). Children have a process group of their own, so a
Ctrl-C at the terminal reaches the parent alone, which then ends them in order."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import NoReturn

import connector
from connector.errors import ConnectorError

STOP_S = 5.0
"""How long a child has to end by itself."""
_PR_SET_PDEATHSIG = 1


class Family:
    """The processes started here, newest first when they are ended; each logs to ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._children: list[tuple[str, subprocess.Popen[bytes]]] = []

    def __enter__(self) -> "Family":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.end()

    def start(
        self, name: str, module: str, *arguments: str, **environ: str
    ) -> subprocess.Popen[bytes]:
        """Run ``python -m module arguments``; its stdout is piped, its stderr goes to a file."""
        parent = os.getpid()

        def tie() -> None:
            self._libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(1)

        with self.log(name).open("ab") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=_environment(environ),
                process_group=0,
                preexec_fn=tie,
            )
        self._children.append((name, child))
        return child

    def log(self, name: str) -> Path:
        """The file that takes a child's stderr."""
        return self._folder / f"{name}.log"

    def check(self) -> None:
        """ConnectorError if a child has ended, with the last it said."""
        for name, child in self._children:
            if (code := child.poll()) is not None:
                raise ConnectorError(f"{name} ended with status {code}{self._last_words(name)}")

    def dismiss(self, child: subprocess.Popen[bytes]) -> None:
        """This one has ended, as it should."""
        self._children = [(name, each) for name, each in self._children if each is not child]
        _close(child)

    def end(self) -> None:
        """Stop every child, the last one first, as each may need those before it to end in order:
        SIGTERM, then SIGKILL for those that do not hear."""
        for _, child in reversed(self._children):
            with contextlib.suppress(ProcessLookupError):
                child.send_signal(signal.SIGCONT)  # a stopped process hears nothing else
                child.terminate()
            try:
                child.wait(STOP_S)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            _close(child)
        self._children.clear()

    def _last_words(self, name: str) -> str:
        try:
            lines = self.log(name).read_text(errors="replace").splitlines()[-8:]
        except OSError:
            return ""
        return "".join(f"\n  {line}" for line in lines)


def _close(child: subprocess.Popen[bytes]) -> None:
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


@contextlib.contextmanager
def ends_on_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP unwind the stack, as SIGINT does, so that children are ended."""

    def leave(number: int, frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    """This process's environment, with the package it runs from found first."""
    root = str(Path(connector.__file__).parents[1])
    paths: Sequence[str] = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **more}
