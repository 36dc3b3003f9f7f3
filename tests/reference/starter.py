"""Starts ``connector`` processes without loading the package anew for each of them.

A server of this test run's own has imported what the commands need, which is most of what their
start takes, and forks; each process then runs the command's ``main``, or a script of a test's own,
with its own arguments, environment and output, and ends as any other. The server is the parent: it
tells how they ended."""

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import IO, Any

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 1 << 20
"""Bytes of a request: arguments and environment."""
PRELOADED = (
    "connector.app",
    "connector.daemon",
    "connector.sim.accounts",
    "connector.sim.replay",
    "connector.sim.server",
    "connector.sim.synthetic",
    "connector.transport.sd_notify",
    "tests.reference.market_daemon",
    "uvloop",
)
"""Beside the commands and the venues, both sides of them."""


class Started:
    """A process of the server's; as much of `subprocess.Popen` as tests ask of one."""

    def __init__(
        self, server: "Server", pid: int, stdout: IO[str] | None, stdin: IO[str] | None = None
    ) -> None:
        self._server = server
        self._ended = os.pidfd_open(pid)
        self.pid = pid
        self.stdin, self.stdout = stdin, stdout
        self.returncode: int | None = None

    def poll(self) -> int | None:
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        code = self._look(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            signal.pidfd_send_signal(self._ended, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _look(self, timeout: float | None) -> int | None:
        if self.returncode is None:
            poll = select.poll()
            poll.register(self._ended, select.POLLIN)
            if poll.poll(None if timeout is None else max(timeout, 0) * 1000):
                self.returncode = self._server.ask({"ended": self.pid})
                os.close(self._ended)
        return self.returncode


class Server:
    """The process that forks."""

    def __init__(self) -> None:
        self._asking = Lock()
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for end in (self._socket, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LONGEST)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __spec__.name, str(theirs.fileno())],
                cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )  # fmt: skip

    def start(
        self, arguments: Sequence[str], environ: Mapping[str, str], *,
        stdout: int | None = None, stderr: int | None = None,
    ) -> Started:  # fmt: skip
        """``connector`` with these arguments. Without ``stderr`` its output can be read, and its
        errors go where ours do; else its errors go there, and its output to ``stdout`` or where
        ours goes."""
        request = {"run": list(arguments), "environ": dict(environ), "cwd": str(Path.cwd())}
        if stderr is not None:
            output = 1 if stdout is None else stdout
            return Started(self, self.ask(request, 0, output, stderr), None)
        reader, writer = os.pipe()
        try:
            pid = self.ask(request, 0, writer, 2)
        finally:
            os.close(writer)
        return Started(self, pid, os.fdopen(reader))

    def script(self, code: str, arguments: Sequence[str], environ: Mapping[str, str]) -> Started:
        """``python -c`` with this code; it can be spoken to."""
        request = {"run": list(arguments), "code": code, "environ": dict(environ)}
        theirs, stdin = os.pipe()
        stdout, answers = os.pipe()
        try:
            pid = self.ask({**request, "cwd": str(Path.cwd())}, theirs, answers, 2)
        finally:
            os.close(theirs)
            os.close(answers)
        return Started(self, pid, os.fdopen(stdout), os.fdopen(stdin, "w"))

    def ask(self, request: Mapping[str, Any], *descriptors: int) -> int:
        with self._asking:  # a test may start processes in threads of its own
            socket.send_fds(self._socket, [json.dumps(request).encode()], descriptors)
            answer = self._socket.recv(LONGEST)
        assert answer, f"the server ended: {self._process.wait(30)}"
        number = json.loads(answer)
        assert isinstance(number, int)
        return number

    def close(self) -> None:
        self._socket.close()
        self._process.wait(30)


_server: Server | None = None
_making = Lock()


def server() -> Server:
    """This process's."""
    global _server
    with _making:
        if _server is None:
            _server = Server()
            atexit.register(_server.close)
    return _server


def start(arguments: Sequence[str], environ: Mapping[str, str], **output: int) -> Started:
    """By this process's server; see `Server.start`."""
    return server().start(arguments, environ, **output)


def script(code: str, *arguments: str | Path) -> Started:
    """By this process's server; see `Server.script`."""
    return server().script(code, [str(one) for one in arguments], os.environ)


def run(
    *arguments: str | Path, environ: Mapping[str, str] | None = None, timeout: float = 60
) -> "subprocess.CompletedProcess[str]":
    """``connector`` with these arguments, to its end: what it said, and its exit code."""
    words = [str(one) for one in arguments]
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = start(
            words, os.environ if environ is None else environ,
            stdout=output.fileno(), stderr=errors.fileno(),
        )  # fmt: skip
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        said = [one.seek(0) or one.read().decode() for one in (output, errors)]
    return subprocess.CompletedProcess(words, code, *said)


def serve(requests: socket.socket) -> dict[str, Any] | None:
    """Forks until nobody asks any more; in a child: what it shall run."""
    while True:
        message, descriptors, _, _ = socket.recv_fds(requests, LONGEST, 3)
        if not message:
            return None
        request: dict[str, Any] = json.loads(message)
        if "ended" in request:
            _, status = os.waitpid(request["ended"], 0)
            answer = os.waitstatus_to_exitcode(status)
        else:
            answer = os.fork()
            if answer == 0:
                requests.close()
                for number, descriptor in enumerate(descriptors):
                    os.dup2(descriptor, number)
                    os.close(descriptor)
                os.environ.clear()
                os.environ.update(request["environ"])
                os.chdir(request["cwd"])
                return request
            for descriptor in descriptors:
                os.close(descriptor)
        requests.send(json.dumps(answer).encode())


if __name__ == "__main__":
    import gc
    import importlib

    from connector.cli import commands, main
    from connector.venues import contract, sim_contract
    from connector.venues.parameters import parameters

    for name in PRELOADED:
        importlib.import_module(name)
    for name in commands():
        importlib.import_module(f"connector.cli.{name}")
    for name in contract.folders():
        sim_contract.load(name)
        for row in contract.load(name).endpoints.values():
            parameters(row.params)
    gc.collect()
    gc.freeze()  # a child looks at none of it, and shares the memory
    found = serve(socket.socket(fileno=int(sys.argv[1])))
    if found is not None:
        if "code" in found:
            sys.argv = ["-c", *found["run"]]
            code = exec(found["code"], {"__name__": "__main__"})
        else:
            sys.argv = ["connector", *found["run"]]
            code = main(found["run"])
        gc.freeze()  # the last look at everything copies what is shared: most of a short life
        sys.exit(code)
