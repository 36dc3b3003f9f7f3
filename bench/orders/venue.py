"""The venue's end of every socket, in the process that measures: prebuilt answers, no matching, no
loop of its own.

``turn()`` looks at the sockets once; whoever measures calls it between what it measures. The same
end serves the daemon and the peers."""

import re
import select
import socket
import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha1

import orjson

from bench.frames import Frames
from bench.orders import canned
from bench.path import GUID

_NAME = re.compile(rb'newClientOrderId(?:=|":")([^&"\s]+)')
_PRICE = re.compile(rb'\bprice(?:=|":")([^&"\s]+)')
_QTY = re.compile(rb'\bquantity(?:=|":")([^&"\s]+)')
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_KEY = re.compile(rb"\r\nsec-websocket-key: *(\S+)", re.IGNORECASE)


def server_frame(text: bytes) -> bytes:
    """A text frame as a server sends it."""
    size = len(text)
    head = bytes([0x81, size]) if size < 126 else b"\x81\x7e" + size.to_bytes(2, "big")
    return head + text


@dataclass
class Order:
    """An order request as it came in."""

    came_ns: int
    name: bytes
    price: bytes
    qty: bytes
    order_id: int


@dataclass
class Peer:
    """One connection."""

    sock: socket.socket
    waiting: bytearray = field(default_factory=bytearray)
    path: str = ""
    """Of its WebSocket; "": it speaks HTTP."""


class Venue:
    """The venue of one symbol, at the recording's base book; a context manager."""

    def __init__(self, frames: Frames) -> None:
        self.symbol = frames.symbol
        self._bodies = canned.answers(frames)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.setblocking(False)
        self.port = self._listening.getsockname()[1]
        self._poll = select.epoll()
        self._poll.register(self._listening, select.EPOLLIN)
        self._peers: dict[int, Peer] = {}
        self.streams: dict[str, Peer] = {}
        """Stream name -> who subscribed to it last."""
        self.private: Peer | None = None
        self.orders: list[Order] = []
        self.unknown: set[str] = set()
        """Paths it was asked for and does not have."""
        self.expire = True
        """Orders end at once, as IOC orders that find nothing do; else they rest."""
        self.pulse: Callable[[], None] | None = None
        """Called about ten times a second while somebody waits: a book that is silent is not
        live."""
        self._next_id = 10**9

    def __enter__(self) -> "Venue":
        return self

    def __exit__(self, *error: object) -> None:
        for peer in list(self._peers.values()):
            self._drop(peer)
        self._poll.close()
        self._listening.close()

    @property
    def rest(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def turn(self, timeout_s: float = 0.0) -> None:
        """Serve whatever has come in."""
        for fd, _ in self._poll.poll(timeout_s):
            if fd == self._listening.fileno():
                sock, _ = self._listening.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._peers[sock.fileno()] = Peer(sock)
                self._poll.register(sock, select.EPOLLIN)
            elif (peer := self._peers.get(fd)) is not None:
                self._read(peer)

    def wait(self, done: Callable[[], bool], seconds: float = 30.0) -> None:
        """Serve until ``done()``; RuntimeError when that does not come about."""
        deadline = time.monotonic() + seconds
        pulse = 0.0
        while not done():
            self.turn(0.002)
            if self.pulse is not None and time.monotonic() >= pulse:
                self.pulse()
                pulse = time.monotonic() + 0.1
            if time.monotonic() > deadline:
                raise RuntimeError(f"not within {seconds:g} s; never asked for: {self.unknown}")

    def stream(self, name: str) -> Peer | None:
        """Who subscribed to the stream of that name, whatever its pace."""
        found = (peer for stream, peer in self.streams.items() if stream.startswith(name))
        return next(found, None)

    def tell(self, **values: object) -> bytes:
        """The frame of a private event."""
        filled = {
            "ms": time.time_ns() // 1_000_000,
            "symbol": self.symbol.encode(),
            "average": b"0",
            "last": b"0",
            "filled": b"0",
            "last_price": b"0",
            "trade": 0,
        }
        return server_frame(canned.UPDATE % {k.encode(): v for k, v in (filled | values).items()})

    # Inside

    def _drop(self, peer: Peer) -> None:
        self._peers.pop(peer.sock.fileno(), None)
        self.streams = {name: one for name, one in self.streams.items() if one is not peer}
        if self.private is peer:
            self.private = None
        peer.sock.close()

    def _read(self, peer: Peer) -> None:
        try:
            data = peer.sock.recv(1 << 16, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._drop(peer)
            return
        came_ns = time.monotonic_ns()
        peer.waiting += data
        if peer.path:
            self._frames(peer, came_ns)
        else:
            self._requests(peer, came_ns)

    def _requests(self, peer: Peer, came_ns: int) -> None:
        while (end := peer.waiting.find(b"\r\n\r\n")) >= 0:
            head = bytes(peer.waiting[:end])
            found = _LENGTH.search(head)
            whole = end + 4 + (int(found[1]) if found else 0)
            if len(peer.waiting) < whole:
                return
            request = bytes(peer.waiting[:whole])
            del peer.waiting[:whole]
            method, target, _ = head.split(b" ", 2)
            path = target.partition(b"?")[0].decode()
            if (key := _KEY.search(head)) is not None:
                self._upgrade(peer, target.decode(), key[1])
                return
            if method == b"POST" and path == "/fapi/v1/order":
                order = self._order(request, came_ns)
                body = self._accepted(order)
                self._send(peer, canned.HEAD % (200, len(body)) + body)
                self._follow(order)
                continue
            status, body = 200, b""
            if path == "/fapi/v1/time":
                body = canned.server_time()
            elif path == "/fapi/v1/order":  # asked for, cancelled: it has ended
                status, body = 400, b'{"code":-2013,"msg":"Order does not exist."}'
            elif path in self._bodies:
                body = self._bodies[path]
            else:
                self.unknown.add(f"{method.decode()} {path}")
                status, body = 404, b'{"code":-5000,"msg":"Path is invalid"}'
            self._send(peer, canned.HEAD % (status, len(body)) + body)

    def _order(self, request: bytes, came_ns: int) -> Order:
        name, price, qty = (find.search(request) for find in (_NAME, _PRICE, _QTY))
        if name is None or price is None or qty is None:
            raise RuntimeError(f"not the order that was expected: {request!r}")
        self._next_id += 1
        order = Order(came_ns, name[1], price[1], qty[1], self._next_id)
        self.orders.append(order)
        return order

    def _accepted(self, order: Order) -> bytes:
        symbol, now_ms = self.symbol.encode(), time.time_ns() // 1_000_000
        return canned.ORDER % (order.order_id, symbol, order.name, order.price, order.qty, now_ms)

    def _follow(self, order: Order) -> None:
        """What the private stream tells after the answer."""
        if self.private is None:
            return
        values = {
            "name": order.name,
            "qty": order.qty,
            "price": order.price,
            "id": order.order_id,
        }
        frames = self.tell(**values, what=b"NEW", status=b"NEW")
        if self.expire:
            frames += self.tell(**values, what=b"EXPIRED", status=b"EXPIRED")
        self._send(self.private, frames)

    def _upgrade(self, peer: Peer, target: str, key: bytes) -> None:
        accept = b64encode(sha1(key + GUID).digest())
        answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade"
        self._send(peer, answer + b"\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n")
        peer.path = target
        if target.startswith("/private"):
            self.private = peer

    def _frames(self, peer: Peer, came_ns: int) -> None:
        """Client frames: masked, whole, short."""
        data = peer.waiting
        while len(data) >= 6:
            size, at = data[1] & 127, 2
            if size == 126:
                size, at = int.from_bytes(data[2:4], "big"), 4
            if len(data) < at + 4 + size:
                return
            mask = bytes(data[at : at + 4])
            coded = bytes(data[at + 4 : at + 4 + size])
            kind = data[0] & 15
            del data[: at + 4 + size]
            pad = mask * (size // 4 + 1)
            number = int.from_bytes(coded, "big") ^ int.from_bytes(pad[:size], "big")
            text = number.to_bytes(size, "big")
            if kind == 9:
                self._send(peer, bytes([0x8A, size]) + text)
            elif kind == 8:
                self._drop(peer)
                return
            elif kind == 1:
                self._said(peer, text, came_ns)

    def _said(self, peer: Peer, text: bytes, came_ns: int) -> None:
        message = orjson.loads(text)
        method = message["method"]
        if method == "order.place":
            order = self._order(text, came_ns)
            result = self._accepted(order)
            answer = canned.API % (message["id"], result)
            self._send(peer, server_frame(answer))
            self._follow(order)
            return
        if method == "SUBSCRIBE":
            self.streams.update(dict.fromkeys(message["params"], peer))
        self._send(peer, server_frame(orjson.dumps({"result": None, "id": message["id"]})))

    def _send(self, peer: Peer, data: bytes) -> None:
        try:
            peer.sock.sendall(data)
        except OSError:
            self._drop(peer)
