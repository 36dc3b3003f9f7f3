"""The server's side of HTTP/1.1: bytes of one connection in, requests out; answers in, bytes out;
and the bytes of a client's request.

Sans-I/O over httptools. Requests come out in order, whatever way the bytes were split; a request
that breaks the protocol or a limit comes out as a `Refusal` and ends the connection. A WebSocket
upgrade comes out as an `Upgrade` with its head and whatever followed it, for a WebSocket
implementation to take over.
"""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Literal

import httptools
from msgspec import Struct

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Request(Struct, frozen=True):
    """One complete request; header names are lower case, repeated headers joined with a comma."""

    method: str
    path: str
    """As sent: not unescaped, without the query."""
    query: str
    headers: dict[str, str]
    body: bytes = b""
    keep_alive: bool = True

    @property
    def target(self) -> str:
        return f"{self.path}?{self.query}" if self.query else self.path


class Upgrade(Struct, frozen=True):
    """A request to continue as WebSocket; the connection carries no more HTTP after it."""

    request: Request
    head: bytes
    """The request's head, ready to be parsed again by whoever takes over."""
    rest: bytes
    """Bytes that followed the head."""


class Refusal(Struct, frozen=True):
    """A request that will not be served: answer with ``status`` and close."""

    status: int
    reason: str


class Continue(Struct, frozen=True):
    """The client waits for ``100 Continue`` before it sends its body."""


Event = Request | Upgrade | Refusal | Continue


class Limits(Struct, frozen=True):
    """What one request may cost: bytes of its head (431) and of its body (413)."""

    head_bytes: int = 16 * 1024
    body_bytes: int = 1024 * 1024


class _TooLarge(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class ServerConnection:
    """Parses what a client sends on one connection.

    ``receive`` returns the events completed by the new bytes; after a `Refusal` or an `Upgrade` it
    returns nothing more. Pipelined requests come out of one call together: answer them in order.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._parser = httptools.HttpRequestParser(self)
        self._events: list[Event] = []
        self._done = False
        self._in_head = True
        self._fed = 0
        self._reset()

    def receive(self, data: bytes) -> list[Event]:
        """Take the next bytes of the connection and return what they completed."""
        if self._done:
            return []
        self._events = []
        self._fed += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserCallbackError as error:
            cause = error.__context__
            self._refuse(cause.status if isinstance(cause, _TooLarge) else 400)
        except httptools.HttpParserError:
            self._refuse(400)
        if self._in_head and not self._done and self._fed > self._limits.head_bytes:
            self._refuse(431)
        return self._events

    # httptools calls these.

    def on_message_begin(self) -> None:
        self._reset()

    def on_url(self, part: bytes) -> None:
        self._url += part
        self._count(len(part))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + 4)
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self._headers[key] = f"{self._headers[key]}, {text}" if key in self._headers else text
        self._raw.append((name, value))

    def on_headers_complete(self) -> None:
        self._in_head = False
        if self._headers.get("expect", "").lower() == "100-continue":
            self._events.append(Continue())
        length = self._headers.get("content-length", "")
        if length.isdecimal() and int(length) > self._limits.body_bytes:
            raise _TooLarge(413)

    def on_body(self, part: bytes) -> None:
        self._body += part
        if len(self._body) > self._limits.body_bytes:
            raise _TooLarge(413)

    def on_message_complete(self) -> None:
        self._in_head = True
        self._fed = 0
        if (
            self._parser.should_upgrade()
            and "websocket" in self._headers.get("upgrade", "").lower()
        ):
            return  # receive() sees HttpParserUpgrade next
        self._finish()

    def _reset(self) -> None:
        self._url = b""
        self._headers: dict[str, str] = {}
        self._raw: list[tuple[bytes, bytes]] = []
        self._body = b""
        self._head_bytes = 0

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > self._limits.head_bytes:
            raise _TooLarge(431)

    def _finish(self) -> None:
        request = self._request()
        if request is None:
            self._refuse(400)
        elif not self._done:
            self._events.append(request)
            self._done = not request.keep_alive

    def _request(self) -> Request | None:
        """The request just parsed; None if HTTP/1.1 does not allow it (RFC 9112 section 3.2)."""
        url = self._url.decode("latin-1")
        if url.startswith(("http://", "https://")):
            url = "/" + url.split("/", 3)[3] if url.count("/") > 2 else "/"
        if not url.startswith("/") or (
            self._parser.get_http_version() == "1.1" and "host" not in self._headers
        ):
            return None
        path, _, query = url.partition("?")
        return Request(
            method=self._parser.get_method().decode("ascii"),
            path=path,
            query=query,
            headers=self._headers,
            body=self._body,
            keep_alive=self._parser.should_keep_alive(),
        )

    def _upgrade(self, rest: bytes) -> None:
        if "websocket" not in self._headers.get("upgrade", "").lower():
            # An upgrade nobody offers (h2c): the request was answered as HTTP, go on behind it.
            self._parser = httptools.HttpRequestParser(self)
            if rest:
                events = self._events
                self._events = events + self.receive(rest)
            return
        request = self._request()
        if request is None:
            self._refuse(400)
            return
        lines = [b"%b %b HTTP/1.1" % (self._parser.get_method(), self._url)]
        lines += [b"%b: %b" % pair for pair in self._raw]
        self._events.append(Upgrade(request, b"\r\n".join(lines) + b"\r\n\r\n", rest))
        self._done = True

    def _refuse(self, status: int) -> None:
        if self._done:
            return  # bytes behind a request with Connection: close
        self._done = True
        self._events.append(Refusal(status, HTTPStatus(status).phrase))


def response(
    status: int,
    body: bytes = b"",
    headers: Iterable[tuple[str, str]] = (),
    *,
    content_type: str = "application/json;charset=UTF-8",
    keep_alive: bool = True,
    method: str | Literal["HEAD"] = "GET",
) -> bytes:
    """Serialise an answer; ``method`` is the request's, because an answer to HEAD has no body."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Unknown"
    lines = [f"HTTP/1.1 {status} {phrase}"]
    if body or method == "HEAD":
        lines.append(f"Content-Type: {content_type}")
    lines.append(f"Content-Length: {len(body)}")
    lines.append(f"Connection: {'keep-alive' if keep_alive else 'close'}")
    lines += [f"{name}: {value}" for name, value in headers]
    head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
    return head if method == "HEAD" else head + body


def encode_request(
    method: str,
    target: str,
    host: str,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
) -> bytes:
    """A client's request; ``host`` is the value of the Host header.

    Raises ValueError for a line break inside the head."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in headers]
    # Compression saves bytes and costs time and memory to undo; loopback and colocation have
    # the bytes.
    lines.append("Accept-Encoding: identity")
    if body or method in ("POST", "PUT"):
        lines.append(f"Content-Length: {len(body)}")
    for line in lines:
        if "\r" in line or "\n" in line:
            raise ValueError("a line break inside a request header")
    return "\r\n".join(lines).encode("utf-8") + b"\r\n\r\n" + body
