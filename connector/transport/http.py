"""An HTTP/1.1 client for one host: requests in, whole answers out, and an honest word on what was
not answered.

One request is in flight on a connection; idle connections are kept and reused last in, first out.
What is raised says what may be done next: ``NotSent`` (nothing left this machine), ``Unknown`` (it
may have happened).

The parser is httptools' (llhttp), strict: two lengths, a length beside a transfer encoding,
negative and overflowing numbers are errors there. What it lets through without end is capped
here."""

import asyncio
import ssl
from collections.abc import Mapping
from urllib.parse import urlsplit

import aiofastnet
import httptools
from msgspec import Struct

from connector.errors import NotSent, Unknown

IDLE_CONNECTIONS = 4
BODY_CAP = 64 << 20
"""exchangeInfo is about 1 MB; anything near this is a fault of the peer's, not an answer."""
HEAD_CAP = 64 << 10
"""Bytes of everything before the body, interim answers included; venues send about 1 KB."""
HEADERS_MOST = 128
STATUS_LINE_CAP = 1 << 10
FRAMING_CAP = 8 << 10
"""Bytes around the chunks of a body (size lines, their extensions, trailers) beyond the body's own
size times ``FRAMING_SHARE``: a chunk of one byte comes with a line of its own."""
FRAMING_SHARE = 16


class Malformed(Unknown):
    """The answer broke HTTP or a cap; nothing of it was used and the connection was ended."""


class HttpAnswer(Struct, frozen=True):
    """Status, headers (lower-case names) and the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _Connection(asyncio.Protocol):
    """One socket: feeds the parser, completes one future an exchange."""

    def __init__(self, body_cap: int) -> None:
        self._body_cap = body_cap
        self._bodiless = False
        self.transport: asyncio.Transport | None = None
        self.answer: asyncio.Future[HttpAnswer] | None = None
        self.reusable = True
        self.got_bytes = False
        self._reset()

    def _reset(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._length = 0
        self._head_fed = 0
        self._body_fed = 0
        self._head = 0
        self._head_lines = 0
        self._status_line = 0
        self._headers_done = False
        self._over = False

    def send(self, message: bytes, bodiless: bool = False) -> asyncio.Future[HttpAnswer]:
        """Send a request; ``bodiless``: its answer has no body whatever its headers say (HEAD)."""
        assert self.transport is not None
        self._reset()
        self._bodiless = bodiless
        self.got_bytes = False
        self.answer = asyncio.get_running_loop().create_future()
        self.transport.write(message)
        return self.answer

    def close(self) -> None:
        """At once: a TLS goodbye would keep the socket open and reading for half a minute."""
        self.reusable = False
        if self.transport is not None:
            self.transport.abort()

    # asyncio.Protocol
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        if self.answer is None or self.answer.done():
            self.close()  # bytes nobody asked for: the next answer could not be told from them
            return
        self.got_bytes = True
        self._head_fed += 0 if self._headers_done else len(data)
        self._body_fed += len(data) if self._headers_done else 0
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail(Malformed("the answer switches protocols, which nobody asked for"))
        except httptools.HttpParserError as error:
            self.reusable = False
            self._fail(Malformed(f"the answer is not HTTP: {error}"))
        if self._over:
            return
        # The parser keeps what is not complete: a header, a reason, a size line without end.
        framing = self._body_fed - self._length
        if not self._headers_done and self._head_fed > HEAD_CAP:
            self._fail(Malformed(f"an answer's head of more than {HEAD_CAP} bytes"))
        elif framing > FRAMING_CAP + FRAMING_SHARE * self._length:
            self._fail(Malformed(f"{framing} bytes around {self._length} bytes of a body"))

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.reusable = False
        if self.answer is None or self.answer.done():
            return
        if self._headers_done and not self._framed():
            self._complete()  # without a length, the end of the connection is the end of the body
        elif self.got_bytes:
            self._fail(Unknown(f"the connection ended after {self._length} bytes of the body"))
        else:
            self._fail(Unknown("the connection ended before an answer"))

    # httptools
    def on_message_begin(self) -> None:
        if self._over:
            self.reusable = False  # more than was asked for: the next answer could not be told

    def on_status(self, reason: bytes) -> None:
        self._status_line += len(reason)
        if self._status_line > STATUS_LINE_CAP:
            self._fail(Malformed(f"a status line of more than {STATUS_LINE_CAP} bytes"))

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._over or self._headers_done:
            return  # of bytes nobody asked for; or a trailer, which may not change what was said
        self._head += len(name) + len(value) + 4
        self._head_lines += 1
        if self._head > HEAD_CAP:
            self._fail(Malformed(f"an answer's head of more than {HEAD_CAP} bytes"))
        elif self._head_lines > HEADERS_MOST:
            self._fail(Malformed(f"an answer of more than {HEADERS_MOST} headers"))
        else:
            self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if self._over:
            return
        self._headers_done = True
        status = self._parser.get_status_code()
        if status < 100:
            self._fail(Malformed(f"the answer is not HTTP: status {status}"))
        if status < 200:
            return
        if self._bodiless:
            self._complete()
            return
        length = self._headers.get("content-length", "")
        if length.isdecimal() and int(length) > self._body_cap:
            self._fail(
                Malformed(f"an answer of {length} bytes; the most taken is {self._body_cap}")
            )

    def on_body(self, body: bytes) -> None:
        if self._over:
            self.reusable = False
            return
        self._length += len(body)
        if self._length > self._body_cap:
            self._fail(Malformed(f"an answer of more than {self._body_cap} bytes"))
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        if self._over:
            return
        if self._parser.get_status_code() < 200:
            self._reset_after_interim()
            return
        self._complete()

    def _reset_after_interim(self) -> None:
        """100 Continue and the like come before the answer; their bytes count as its head's."""
        self._headers = {}
        self._status_line = 0
        self._headers_done = False

    def _framed(self) -> bool:
        return "content-length" in self._headers or "transfer-encoding" in self._headers

    def _complete(self) -> None:
        self._over = True
        if not self._parser.should_keep_alive():
            self.reusable = False
        if self.answer is not None and not self.answer.done():
            status = self._parser.get_status_code()
            self.answer.set_result(HttpAnswer(status, self._headers, b"".join(self._body)))

    def _fail(self, error: Exception) -> None:
        self._body = []
        if self.answer is not None and not self.answer.done():
            self.answer.set_exception(error)
        self._over = True
        self.close()


class HttpClient:
    """Requests to one host. ``timeout_s`` spans connecting, sending and the whole answer."""

    def __init__(
        self,
        url: str,
        context: ssl.SSLContext | None,
        *,
        timeout_s: float,
        body_cap: int = BODY_CAP,
        local_address: str = "",
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is not an http:// or https:// URL")
        self._host = parts.hostname
        self._secure = parts.scheme == "https"
        self._port = parts.port or (443 if self._secure else 80)
        self._prefix = parts.path.rstrip("/")
        self._host_header = parts.netloc.rpartition("@")[2]
        self._context = context
        self._timeout_s = timeout_s
        self._body_cap = body_cap
        self._local_address = local_address
        self._idle: list[_Connection] = []
        self._busy: set[_Connection] = set()
        self.closed = False

    async def request(
        self,
        method: str,
        target: str,
        headers: tuple[tuple[str, str], ...] = (),
        body: bytes = b"",
    ) -> HttpAnswer:
        """The answer, whatever its status. NotSent: no connection. Unknown: no whole answer."""
        message = self._encode(method, target, headers, body)
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._exchange(message, method)
        except TimeoutError:
            raise Unknown(f"{method} {target}: no answer within {self._timeout_s:g} s") from None

    async def close(self) -> None:
        """End every connection; exchanges in flight fail as Unknown."""
        self.closed = True
        for connection in [*self._idle, *self._busy]:
            connection.close()
        self._idle.clear()
        await asyncio.sleep(0)

    async def _exchange(self, message: bytes, method: str) -> HttpAnswer:
        harmless = method in ("GET", "HEAD")
        while True:
            connection, reused = await self._take()
            self._busy.add(connection)
            try:
                answer = await connection.send(message, method == "HEAD")
            except Unknown:
                # A kept connection that the host had closed meanwhile: reading may be asked again
                # at no risk.
                if reused and harmless and not connection.got_bytes and not self.closed:
                    continue
                raise
            except BaseException:
                connection.close()
                raise
            finally:
                self._busy.discard(connection)
            if connection.reusable and not self.closed and len(self._idle) < IDLE_CONNECTIONS:
                self._idle.append(connection)
            else:
                connection.close()
            return answer

    async def _take(self) -> tuple[_Connection, bool]:
        while self._idle:
            connection = self._idle.pop()
            if connection.reusable:
                return connection, True
            connection.close()
        if self.closed:
            raise NotSent("the client is closed")
        try:
            _, protocol = await aiofastnet.create_connection(
                asyncio.get_running_loop(),
                lambda: _Connection(self._body_cap),
                self._host,
                self._port,
                ssl=self._context if self._secure else None,
                local_addr=(self._local_address, 0) if self._local_address else None,
            )
        except OSError as error:
            raise NotSent(f"{self._host}:{self._port}: {error}") from None
        assert isinstance(protocol, _Connection)
        return protocol, False

    def _encode(
        self, method: str, target: str, headers: tuple[tuple[str, str], ...], body: bytes
    ) -> bytes:
        lines = [f"{method} {self._prefix}{target} HTTP/1.1", f"Host: {self._host_header}"]
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
