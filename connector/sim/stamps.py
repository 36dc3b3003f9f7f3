"""When each message left: a line ``stream id send_ns`` per message, written by the sender.

The venue's own times have milliseconds only. ``send_ns`` is CLOCK_MONOTONIC read right before the
write that carries the message; on the same machine it is the clock of ``recv_ns``. ``id`` is the
message's own (``u``, ``t`` or ``a``); a message without one has no line."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from connector.clock import monotonic_ns

Named = Callable[[str, bytes], tuple[str, int] | None]
"""Stream (``<symbol>@<kind>``, lower case) and id of a message, as who reads events knows them."""
ID_KEYS = {"depth": b'"u":', "bookTicker": b'"u":', "trade": b'"t":', "aggTrade": b'"a":'}
"""The key of the id, by the stream's kind."""


class Stamps:
    """Notes messages as they are published and writes them down when they leave."""

    def __init__(self, file: BinaryIO, named: "Named | None" = None) -> None:
        """``named``: what a venue's messages are called here, if not as their streams."""
        self._file = file
        self._named = named or own_name
        self._noted: list[tuple[str, bytes]] = []

    def note(self, stream: str, payload: bytes) -> None:
        """The message will leave with the next write."""
        self._noted.append((stream, payload))

    def leaving(self) -> None:
        """What was noted is about to be written to the sockets."""
        if not self._noted:
            return
        now_ns = monotonic_ns()
        lines = []
        for stream, payload in self._noted:
            found = self._named(stream, payload)
            if found is not None:
                lines.append(b"%s %d %d\n" % (found[0].encode(), found[1], now_ns))
        self._noted.clear()
        self._file.write(b"".join(lines))


def own_name(stream: str, payload: bytes) -> tuple[str, int] | None:
    """The message by its stream and its own id."""
    message_id = id_of(stream, payload)
    return None if message_id is None else (stream, message_id)


def id_of(stream: str, payload: bytes) -> int | None:
    """The id of a message as the simulator spells it; None when it has none."""
    key = ID_KEYS.get(stream.split("@")[1] if "@" in stream else "")
    start = payload.find(key) + len(key) if key is not None else -1
    if key is None or start < len(key):
        return None
    end = start
    while payload[end : end + 1].isdigit():
        end += 1
    return int(payload[start:end]) if end > start else None


def read(path: Path) -> Iterator[tuple[str, int, int]]:
    """Stream, id and ``send_ns`` of every whole line."""
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                stream, message_id, send_ns = line.split()
                yield stream.decode(), int(message_id), int(send_ns)
