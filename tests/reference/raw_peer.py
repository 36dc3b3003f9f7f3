"""A peer of the control socket that is not our library: it says what it likes, byte for byte."""

import array
import json
import os
import socket
from pathlib import Path
from typing import Any

from connector._speedups.segment import ABI_HASH

HELLO = {"abi_hash": f"{ABI_HASH:016x}", "strategy": "raw", "version": "0", "kind": "market"}


class RawPeer:
    """Connects to the control socket; descriptors it gets are in ``fds`` and closed with it."""

    def __init__(self, runtime_dir: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(10)
        self.fds: list[int] = []
        try:
            self.socket.connect(str(runtime_dir / "control.sock"))
        except BaseException:
            self.socket.close()
            raise

    def send(self, message: bytes | dict[str, Any]) -> None:
        self.socket.send(message if isinstance(message, bytes) else json.dumps(message).encode())

    def receive(self) -> dict[str, Any] | None:
        """The next answer, None at the end of the connection."""
        data, ancillary, _, _ = self.socket.recvmsg(1 << 16, 1024, socket.MSG_CMSG_CLOEXEC)
        for _, _, payload in ancillary:
            fds = array.array("i")
            fds.frombytes(payload[: len(payload) - len(payload) % 4])
            self.fds += fds
        return json.loads(data) if data else None

    def ask(self, message: bytes | dict[str, Any]) -> dict[str, Any] | None:
        self.send(message)
        return self.receive()

    def __enter__(self) -> "RawPeer":
        return self

    def __exit__(self, *_: object) -> None:
        for fd in self.fds:
            os.close(fd)
        self.socket.close()
