"""Real processes for end-to-end tests: a simulated venue and a daemon."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from weakref import finalize

import connector
from connector.ipc.segments import BookImage, read_book
from connector.model.states import State
from connector.venues.contract import load
from tests.reference import starter
from tests.reference.raw_peer import HELLO, RawPeer
from tests.reference.starter import Started

COMMAND = [sys.executable, "-m", "connector"]


BUSY = 4
"""How much longer things may take beside other work; nobody waits for it where all is well."""


def eventually(what: Any, seconds: float = 10.0, step_s: float = 0.02) -> Any:
    """The first true answer of ``what()``; fails when none comes in ``seconds``, on a busy machine
    ``BUSY`` times as many."""
    end = time.monotonic() + BUSY * seconds
    while True:
        answer = what()
        if answer:
            return answer
        assert time.monotonic() < end, f"not within {seconds:g} s: {what}"
        time.sleep(step_s)


class Sim:
    """A ``connector sim`` process."""

    def __init__(self, *arguments: str, venue: str = "binance_usdm") -> None:
        self.venue = load(venue)
        arguments = ("--venue", venue, *arguments)
        self.process = starter.start(["sim", *arguments], os.environ)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the simulator did not start"
        self.where: dict[str, Any] = json.loads(line)

    def fault(self, kind: str, **keys: Any) -> None:
        """Put a fault in force."""
        self.ask("/_sim/faults", json.dumps({"kind": kind, **keys}).encode())

    def instrument(self, symbol: str, **keys: Any) -> None:
        """Change what the venue lists."""
        self.ask("/_sim/instruments", json.dumps({"symbol": symbol, **keys}).encode())

    def clear(self) -> None:
        self.ask("/_sim/faults", method="DELETE")

    def status(self) -> dict[str, Any]:
        answer = self.ask("/_sim/status")
        assert isinstance(answer, dict)
        return answer

    def ask(self, path: str, body: bytes | None = None, method: str | None = None) -> Any:
        request = urllib.request.Request(self.where["rest"] + path, body, method=method)
        with urllib.request.urlopen(request, timeout=30, context=self._context()) as answer:
            return json.loads(answer.read())

    def _context(self) -> Any:
        if not self.where["ca"]:
            return None
        import ssl

        return ssl.create_default_context(cafile=self.where["ca"])

    def __enter__(self) -> "Sim":
        return self

    def __exit__(self, *_: object) -> None:
        _end(self.process)


class Daemon:
    """A ``connector run`` process under a notify socket of ours."""

    def __init__(
        self,
        folder: Path,
        sim: Sim | None,
        *,
        feeds: list[dict[str, Any]] | None = None,
        venue: Mapping[str, Any] | None = None,
        daemon: Mapping[str, Any] | None = None,
        watchdog_us: int = 0,
        accounts: Mapping[str, Mapping[str, Any]] | None = None,
        strategies: Mapping[str, Mapping[str, Any]] | None = None,
        environ: Mapping[str, str] | None = None,
        config: str | None = None,
        command: list[str] | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.venue = sim.venue.folder if sim is not None else "binance_usdm"
        self.runtime_dir = folder / "run"
        self.state_dir = folder / "state"
        if config is None:
            config = self._config(sim, feeds, venue or {}, daemon or {})
            for name, keys in (accounts or {}).items():
                config += f"[accounts.{name}]\n" + _toml(keys)
            for name, keys in (strategies or {}).items():
                config += f"[strategies.{name}]\n" + _toml(keys)
        (folder / "c.toml").write_text(config)
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        (folder / "notify").unlink(missing_ok=True)
        self._notify.bind(str(folder / "notify"))
        finalize(self, self._notify.close)  # of one that was killed and replaced, too
        self.heard: list[str] = []
        environ = {**os.environ, "NOTIFY_SOCKET": str(folder / "notify"), **(environ or {})}
        if watchdog_us:
            environ["WATCHDOG_USEC"] = str(watchdog_us)
        self.log = folder / "log"
        with self.log.open("ab") as log:
            words = ["run", str(folder / "c.toml")]
            words += ["--runtime-dir", str(self.runtime_dir), "--state-dir", str(self.state_dir)]
            self.process: Started | subprocess.Popen[str]
            if command is None:
                self.process = starter.start(words, environ, stderr=log.fileno())
            else:
                self.process = subprocess.Popen([*command, *words], stderr=log, env=environ)

    def _config(
        self,
        sim: Sim | None,
        feeds: list[dict[str, Any]] | None,
        venue: Mapping[str, Any],
        daemon: Mapping[str, Any],
    ) -> str:
        keys: dict[str, Any] = {"loop": "block", "ring_bytes": 1 << 22, "ready_s": 60, **daemon}
        text = "[daemon]\n" + _toml(keys)
        hosts: dict[str, Any] = {"reconnect_s": 1}  # many are cut, one after the other
        if sim is not None:
            hosts |= {"rest_url": sim.where["rest"], "ws_url": sim.where["ws"]}
            if sim.where["ca"]:
                hosts["ca_file"] = sim.where["ca"]
        text += f"[venues.{self.venue}]\n" + _toml({**hosts, **venue})
        for row in feeds or [{"instruments": ["*"]}]:
            text += f"[[venues.{self.venue}.feeds]]\n" + _toml(row)
        return text

    def ready(self, seconds: float = 60.0) -> "Daemon":
        """Wait for READY=1."""
        self.hear("READY=1", seconds)
        return self

    def quoted(self, symbol: str = "BTCUSDT") -> "Daemon":
        """Wait until the best prices are live: nothing may be placed without them."""
        with connector.attach("look", self.runtime_dir) as session:
            eventually(lambda: session.top(symbol).bbo().state is State.LIVE, 30)
        return self

    def hear(self, word: str, seconds: float = 30.0) -> None:
        """Wait until the service manager's socket has received ``word``."""
        end = time.monotonic() + seconds
        while not any(word in line for line in self.heard):
            left = end - time.monotonic()
            assert left > 0, f"no {word} in {self.heard}\n{self.text()}"
            assert self.process.poll() is None, f"ended: {self.process.returncode}\n{self.text()}"
            self._notify.settimeout(min(left, 0.2))
            try:
                self.heard.append(self._notify.recv(4096).decode())
            except TimeoutError:
                continue

    def text(self) -> str:
        return self.log.read_text()

    def ask(self, request: str, **keys: Any) -> dict[str, Any]:
        """One request on the control socket."""
        with RawPeer(self.runtime_dir) as peer:
            assert (peer.ask(HELLO) or {}).get("ok")
            answer = peer.ask({"request": request, **keys})
            assert answer is not None
            return answer

    def state(self) -> dict[str, Any]:
        venues = self.ask("state")["state"]["venues"]
        assert isinstance(venues, dict)
        return dict(venues[self.venue])

    def book(self, index: int) -> BookImage | None:
        """The full book of an instrument; None while it is not valid."""
        with RawPeer(self.runtime_dir) as peer:
            assert (peer.ask(HELLO) or {}).get("ok")
            before = len(peer.fds)
            answer = peer.ask({"request": "book", "instrument": index}) or {}
            if not answer.get("ok"):
                return None
            return read_book(peer.fds[before])[2]

    def stop(self, number: int = signal.SIGTERM, seconds: float = 30.0) -> int:
        self.process.send_signal(number)
        return self.process.wait(seconds)

    def __enter__(self) -> "Daemon":
        return self

    def __exit__(self, *_: object) -> None:
        _end(self.process)
        self._notify.close()


def _toml(keys: Mapping[str, Any]) -> str:
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())


def _end(process: "Started | subprocess.Popen[str]") -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(30)
    if process.stdout is not None:
        process.stdout.close()
