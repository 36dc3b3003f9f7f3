"""The real daemon, as a user starts it, on a CPU of its own, trading at the bench's venue."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from bench.orders.stamps import Stamps
from bench.orders.venue import Venue
from connector.model.packing import layout
from connector.model.records import RecordType
from connector.trading import journal_files

STRATEGY = "bench"
_COMMAND, _SENT = layout("CommandBody"), layout("SentBody")
_SLOT, _ANSWER = layout("Command"), layout("CommandAnswerBody")


def _toml(keys: dict[str, Any]) -> str:
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())


class Daemon:
    """A ``connector run`` that serves one symbol and one account; a context manager that is ready
    when it is entered. ``stamps`` has what left it."""

    def __init__(
        self, venue: Venue, cpu: int, *, transport: str = "http", loop: str = "spin"
    ) -> None:
        self._venue, self._cpu = venue, cpu
        self._transport, self._loop = transport, loop
        self.stamps = Stamps()
        # Where a unit's RuntimeDirectory is: memory.
        self.folder = Path(tempfile.mkdtemp(prefix="bench-", dir="/dev/shm"))
        self.state_dir = Path(tempfile.mkdtemp(prefix="bench-state-"))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def runtime_dir(self) -> Path:
        return self.folder / "run"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def _config(self) -> str:
        venue = self._venue
        text = "[daemon]\n" + _toml(
            {"loop": self._loop, "cpu": self._cpu, "ring_bytes": 16 << 20, "ready_s": 30}
        )
        text += "[venues.binance_usdm]\n" + _toml(
            {
                "rest_url": venue.rest,
                "ws_url": venue.ws,
                "ws_api_url": f"{venue.ws}/ws-fapi/v1",
            }
        )
        text += "[[venues.binance_usdm.feeds]]\n" + _toml(
            {"instruments": [venue.symbol], "channels": ["depth", "bbo"], "quiet_ms": 3_600_000}
        )
        return (
            text
            + "[accounts.main]\n"
            + _toml(
                {
                    "venue": "binance_usdm",
                    "key": "env:BENCH_KEY",
                    "secret": "env:BENCH_SECRET",
                    "strategies": [STRATEGY],
                    "transport": self._transport,
                }
            )
        )

    def __enter__(self) -> "Daemon":
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self) -> None:
        config, doorway = self.folder / "bench.toml", self.folder / "notify"
        config.write_text(self._config())
        environ = {
            **os.environ,
            **self.stamps.environ(),
            "NOTIFY_SOCKET": str(doorway),
            "BENCH_KEY": "k" * 64,
            "BENCH_SECRET": "s" * 64,
        }
        folders = ["--runtime-dir", str(self.runtime_dir), "--state-dir", str(self.state_dir)]
        with (
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify,
            (self.folder / "log").open("wb") as log,
        ):
            notify.bind(str(doorway))
            notify.setblocking(False)
            self._process = subprocess.Popen(
                [sys.executable, "-m", "connector", "run", str(config), *folders],
                stderr=log,
                env=environ,
            )

            def is_ready() -> bool:
                if self._process is not None and self._process.poll() is not None:
                    raise RuntimeError(f"the daemon ended:\n{self.log()}")
                try:
                    return b"READY=1" in notify.recv(4096)
                except BlockingIOError:
                    return False

            try:
                self._venue.wait(is_ready, 40)
            except RuntimeError as error:
                raise RuntimeError(f"{error}\n{self.log()}") from None

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def __exit__(self, *error: object) -> None:
        process = self._process
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                self._venue.wait(lambda: process.poll() is not None, 10)
            except RuntimeError:
                process.kill()
                process.wait()
        self.stamps.__exit__()
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self.state_dir, ignore_errors=True)

    def journalled(self) -> dict[int, dict[str, int]]:
        """By command number: when it was written (``created_ns``), taken (``read_ns``) and recorded
        as sent (``sent_ns``)."""
        found: dict[int, dict[str, int]] = defaultdict(dict)
        for entry in journal_files.entries(self.runtime_dir, self.state_dir, STRATEGY):
            if entry.kind == RecordType.COMMAND:
                body = _COMMAND.unpack(entry.body)
                slot = _SLOT.unpack(body.command)
                found[slot.stamp] |= {
                    "created_ns": slot.created_ns,
                    "read_ns": body.read_ns,
                }
            elif entry.kind == RecordType.SENT:
                sent = _SENT.unpack(entry.body)
                if sent.command:
                    found[sent.command]["sent_ns"] = sent.sent_ns
        return found

    def refused(self) -> str:
        """Why the last command was refused that was."""
        text = "no command was refused"
        for entry in journal_files.entries(self.runtime_dir, self.state_dir, STRATEGY):
            if entry.kind == RecordType.COMMAND_ANSWER:
                body = _ANSWER.unpack(entry.body)
                if body.code:
                    words = entry.body[_ANSWER.size :][: body.text_bytes].decode()
                    text = f"command {body.command & 0xFFFF} was refused: {body.code} {words}"
        return text
