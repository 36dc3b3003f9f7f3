"""Cadenza's pushes over a socket, ours and centrifuge-python in turn.

Each contender is a process that connects and subscribes; then all pushes are written as fast as it
reads them. The time is that from the first byte to when it has the last message."""

import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from bench.centrifugo import CHANNEL, LEVELS, wholes
from bench.path import accept, as_frames
from bench.report import Group

MESSAGES = 10_000
HERE = Path(__file__).parent
SETTLED_S = 0.2
"""After the subscription was answered."""


def _commands(peer: socket.socket) -> list[dict[str, object]]:
    """What one frame of the client says; they are short."""
    head = _exactly(peer, 2)
    size = head[1] & 127
    if size == 126:
        size = int.from_bytes(_exactly(peer, 2), "big")
    mask, data = _exactly(peer, 4), _exactly(peer, size)
    text = bytes(byte ^ mask[index & 3] for index, byte in enumerate(data))
    return [json.loads(line) for line in text.split(b"\n") if line.strip()]


def _exactly(peer: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        part = peer.recv(size - len(found))
        if not part:
            raise RuntimeError("a contender hung up")
        found += part
    return found


def _welcome(peer: socket.socket) -> None:
    """Answer until the channel is granted."""
    granted = False
    while not granted:
        for command in _commands(peer):
            granted = "subscribe" in command
            answer = {"recoverable": True, "positioned": True, "epoch": "bench"}
            body = {"subscribe": answer} if granted else {"connect": {"client": "c"}}
            frame, _ = as_frames(iter([json.dumps({"id": command["id"], **body}).encode()]))
            peer.sendall(frame)


def _run(command: list[str], data: bytes, root: Path) -> tuple[int, tuple[float, float]]:
    """Nanoseconds for all, and the touch it ended with."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(60)
        url = f"ws://127.0.0.1:{listening.getsockname()[1]}/connection/websocket"
        asked = [*command, url, CHANNEL, str(MESSAGES)]
        with subprocess.Popen(asked, cwd=root, stdout=subprocess.PIPE, text=True) as child:
            _, peer = accept(listening)
            with peer:
                peer.settimeout(60)
                _welcome(peer)
                time.sleep(SETTLED_S)
                begin = time.monotonic_ns()
                peer.sendall(data)
                found = json.loads(child.communicate(timeout=60)[0])
    return found["end_ns"] - begin, (found["bid"], found["ask"])


def pushed(rounds: int, python: Path, root: Path) -> Group:
    """``python``: the interpreter that has centrifuge-python."""
    data, ends = as_frames(iter(wholes(MESSAGES)))
    commands = {
        "connector": [sys.executable, "-m", "bench.peers.ours_centrifugo"],
        "centrifuge-python": [str(python), str(HERE / "centrifugo.py")],
    }
    spent: dict[str, list[int]] = {name: [] for name in commands}
    touches = set()
    for _ in range(rounds):
        for name, command in commands.items():
            took, touch = _run(command, data, root)
            spent[name].append(took)
            touches.add(touch)
    if len(touches) != 1:
        raise RuntimeError(f"not everybody ended with the same touch: {touches}")
    group = Group(
        f"Centrifugo pushes, whole books of {LEVELS} + {LEVELS} levels, socket included",
        "the distance to what else a Python user could run has become smaller",
    )
    for name, turns in spent.items():
        note = "parsed, no book" if name != "connector" else "book, best 20 and record"
        rate = MESSAGES / min(turns) * 1e9
        middle = f"median {MESSAGES / median(turns) * 1e9:,.0f}"
        size = f"{len(data) / len(ends):.0f} bytes"
        group.add(f"{name}: messages a second", rate, "msg/s", note=f"{note}; {middle}; {size}")
    ratio = min(spent["centrifuge-python"]) / min(spent["connector"])
    group.add("ours of centrifuge-python's", ratio, "x", 5, at_least=True)
    return group
