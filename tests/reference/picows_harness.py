"""picows' own handshake and frame parser, driven from bytes: no socket, no peer."""

import asyncio
import base64
import hashlib
import logging
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from picows import WSListener
from picows.picows import WSAutoPingStrategy, WSProtocol

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


class MemoryTransport(asyncio.Transport):
    """Keeps what was written. A non-zero buffer size keeps picows off its raw ``send``."""

    def __init__(self) -> None:
        self._socket = socket.socket()
        super().__init__({"socket": self._socket, "peername": None, "sockname": None})
        self.sent = bytearray()
        self.closed = False

    def write(self, data: Any) -> None:
        self.sent += data

    def get_write_buffer_size(self) -> int:
        return 1

    def close(self) -> None:
        self.closed = True
        self._socket.close()

    abort = close

    def frames(self) -> list[tuple[int, bytes]]:
        """Opcode and unmasked payload of each control frame the client sent."""
        found = []
        data = bytes(self.sent)
        while data:
            opcode, size = data[0] & 0x0F, data[1] & 0x7F
            mask, payload = data[2:6], data[6 : 6 + size]
            found.append(
                (opcode, bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload)))
            )
            data = data[6 + size :]
        return found


def frame(payload: bytes, opcode: int = TEXT, *, fin: bool = True, rsv: int = 0) -> bytes:
    """One unmasked frame, as a server sends it; ``rsv`` is three bits, rsv1 highest."""
    size = len(payload)
    if size < 126:
        length = bytes([size])
    elif size < 65536:
        length = b"\x7e" + struct.pack(">H", size)
    else:
        length = b"\x7f" + struct.pack(">Q", size)
    return bytes([fin << 7 | rsv << 4 | opcode]) + length + payload


def push(protocol: WSProtocol, data: bytes) -> None:
    """Hand ``data`` over as one read."""
    while data:
        room = protocol.get_buffer(-1)
        part, data = data[: len(room)], data[len(room) :]
        room[: len(part)] = part
        protocol.buffer_updated(len(part))


def open_client(
    factory: Callable[[], WSListener], read_buffer: int = 1 << 16, max_frame: int = 10 << 20
) -> tuple[WSProtocol, MemoryTransport]:
    """A client past its handshake, automatic pongs off; call it inside a running loop."""
    transport, log = MemoryTransport(), logging.getLogger("picows.harness")
    log.setLevel(logging.CRITICAL)
    protocol = WSProtocol(
        "host",
        "/",
        True,
        factory,
        log,
        True,
        None,
        False,
        10,
        10,
        WSAutoPingStrategy.PING_WHEN_IDLE,
        False,
        max_frame,
        None,
        read_buffer,
    )
    protocol.connection_made(transport)
    headers = dict(
        line.split(b": ", 1) for line in bytes(transport.sent).split(b"\r\n") if b": " in line
    )
    digest = hashlib.sha1(headers[b"Sec-WebSocket-Key"] + GUID).digest()
    transport.sent.clear()
    push(
        protocol,
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n",
    )
    return protocol, transport


async def end(protocol: WSProtocol) -> None:
    """The connection is lost; takes note of the error that ended it, as its owner would."""
    protocol.connection_lost(None)
    with suppress(Exception):
        await protocol.transport.wait_disconnected()
