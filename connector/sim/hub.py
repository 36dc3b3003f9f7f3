"""Who listens to what, and the bytes that go to them.

A message is put into WebSocket framing once and handed to every subscriber of its form; frames of
one turn leave in one write. Server frames carry no mask: a frame is a short head and the payload.
"""

import struct
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Protocol

from connector.clock import monotonic_ns
from connector.sim.faults import Faults, Part
from connector.sim.stamps import Stamps

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
_FIN, _RSV1 = 0x80, 0x40


def frame(payload: bytes, opcode: int = TEXT, flags: int = _FIN) -> bytes:
    """A WebSocket frame from server to client."""
    size = len(payload)
    if size < 126:
        return bytes((flags | opcode, size)) + payload
    if size < 65536:
        return struct.pack("!BBH", flags | opcode, 126, size) + payload
    return struct.pack("!BBQ", flags | opcode, 127, size) + payload


def content(framed: bytes) -> bytes:
    """The payload of a `frame`."""
    if len(framed) < 2:
        return b""
    return framed[{126: 4, 127: 10}.get(framed[1], 2) :]


def frames(part: Part) -> bytes:
    """The frames of one part of a message, framing faults included."""
    if part.form in ("split", "pings"):
        payload = part.payload
        size = -(-len(payload) // part.argument) or 1
        pieces = [payload[i : i + size] for i in range(0, len(payload), size)] or [b""]
        between = frame(b"between fragments", PING) if part.form == "pings" else b""
        last = len(pieces) - 1
        return between.join(
            frame(piece, TEXT if i == 0 else 0, _FIN if i == last else 0)
            for i, piece in enumerate(pieces)
        )
    if part.form == "binary":
        return frame(part.payload, BINARY)
    if part.form == "rsv1":
        return frame(part.payload, flags=_FIN | _RSV1)
    return frame(part.payload)


class Peer(Protocol):
    """A connection as the hub sees it."""

    number: int

    @property
    def combined(self) -> bool: ...
    @property
    def paused(self) -> bool: ...
    def write(self, data: bytes) -> None: ...
    def flush(self) -> None: ...


class _Nobody:
    """Listens to what speaks anyway."""

    number = 0
    combined = paused = False

    def write(self, data: bytes) -> None:
        """Nobody hears it."""

    def flush(self) -> None:
        """Nothing waits."""


NOBODY = _Nobody()


class Hub:
    """Streams and their subscribers."""

    def __init__(
        self,
        faults: Faults,
        wrap: Callable[[str, bytes], bytes],
        later: Callable[[float, Callable[[], None]], object],
    ) -> None:
        """``wrap`` makes the combined form; ``later(seconds, callback)`` is the loop's timer."""
        self.faults = faults
        self._wrap = wrap
        self._later = later
        self._peers: dict[str, list[Peer]] = {}
        self._dirty: set[Peer] = set()
        self._held: dict[tuple[int, str], deque[bytes]] = {}
        self.outlet: Callable[[str, bytes], bytes | None] | None = None
        """See `VenueSim.outlet`."""
        self.stamps: Stamps | None = None
        """Where to write down when each message leaves, if anybody wants to know."""
        self.messages = 0
        self.sent_bytes = 0
        self.waiting_bytes = 0
        """Published since the last flush."""

    def add(self, stream: str, peer: Peer) -> bool:
        """Subscribe; True if the stream had no subscriber before."""
        peers = self._peers.setdefault(stream, [])
        if peer not in peers:
            peers.append(peer)
        return len(peers) == 1

    def remove(self, stream: str, peer: Peer) -> bool:
        """Unsubscribe; True if nobody is left."""
        peers = self._peers.get(stream)
        if not peers or peer not in peers:
            return False
        # A new list: publish may be walking the old one.
        left = [each for each in peers if each is not peer]
        if left:
            self._peers[stream] = left
            return False
        del self._peers[stream]
        return True

    def has(self, stream: str) -> bool:
        return stream in self._peers

    def peers(self, stream: str) -> Iterable[Peer]:
        return self._peers.get(stream, ())

    @property
    def streams(self) -> Iterable[str]:
        return self._peers.keys()

    @property
    def backed_up(self) -> bool:
        """Whether some subscriber does not take what it is sent."""
        return any(peer.paused for peers in self._peers.values() for peer in peers)

    def publish(self, stream: str, payload: bytes, framed: bytes = b"") -> None:
        """Send a payload to the stream's subscribers, wrapped or raw as each wants it.

        ``framed`` is the frame of the combined form where it exists already.
        """
        peers = self._peers.get(stream)
        if not peers:
            return
        if self.outlet is not None:
            made = self.outlet(stream, payload)
            if made is None:
                return
            payload, framed = made, b""
        if self.stamps is not None:
            self.stamps.note(stream, payload)
        if self.faults.messages or self._held:
            self._publish_faulty(stream, payload, framed, peers)
            return
        raw = b""
        for peer in peers:
            if peer.combined:
                data = framed = framed or frame(self._wrap(stream, payload))
            else:
                data = raw = raw or frame(payload)
            self._send(peer, data)

    def greet(self, stream: str, payload: bytes, peer: Peer) -> None:
        """Send a payload of the stream to one subscriber only."""
        if self.faults.messages or self._held:
            self._publish_faulty(stream, payload, b"", [peer])
        else:
            self._send(peer, frame(self._wrap(stream, payload) if peer.combined else payload))

    def flush(self) -> None:
        """Write what was published since the last call."""
        if self.stamps is not None:
            self.stamps.leaving()
        self.waiting_bytes = 0
        if self._dirty:
            dirty, self._dirty = self._dirty, set()
            for peer in dirty:
                peer.flush()

    def forget(self, peer: Peer) -> None:
        """The peer is gone."""
        for stream in [name for name, peers in self._peers.items() if peer in peers]:
            self.remove(stream, peer)
        self._dirty.discard(peer)
        for key in [key for key in self._held if key[0] == peer.number]:
            del self._held[key]

    def _send(self, peer: Peer, data: bytes) -> None:
        self.messages += 1
        size = len(data)
        self.sent_bytes += size
        self.waiting_bytes += size
        peer.write(data)
        self._dirty.add(peer)

    def _publish_faulty(
        self, stream: str, payload: bytes, framed: bytes, peers: list[Peer]
    ) -> None:
        now_ns = monotonic_ns()
        whole = content(framed)
        for peer in peers:
            if peer is NOBODY:  # whom no fault meets
                continue
            message = (whole or self._wrap(stream, payload)) if peer.combined else payload
            parts, hold_ms = self.faults.message(stream, peer.number, message, now_ns)
            key = (peer.number, stream)
            if hold_ms:
                self._held.setdefault(key, deque())
                self._later(hold_ms / 1000, partial(self._release, key, peer))
            queue = self._held.get(key)
            for part in parts:
                data = frames(part)
                if queue is None:
                    self._send(peer, data)
                else:
                    queue.append(data)

    def _release(self, key: tuple[int, str], peer: Peer) -> None:
        for data in self._held.pop(key, ()):
            self._send(peer, data)
        self.flush()
