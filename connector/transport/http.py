"""An HTTP/1.1 client for one host: requests in, whole answers out, and an honest word on what was
not answered.

One request is in flight on a connection; idle connections are kept and reused last in, first out.
What is raised says what may be done next: ``NotSent`` (nothing left this machine), ``Unknown`` (it
may have happened)."""

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


class HttpAnswer(Struct, frozen=True):
    """Status, headers (lower-case names) and the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _Connection(asyncio.Protocol):
    """One socket: feeds the parser, completes one future an exchange."""

    def __init__(self, body_cap: int) -> None:
        self._body_cap = body_cap
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
        self._headers_done = False
        self._whole = False

    def send(self, message: bytes) -> asyncio.Future[HttpAnswer]:
        assert self.transport is not None
        self._reset()
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
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            if not self._whole:
                self._fail(Unknown(f"the answer is not HTTP: {error}"))

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
    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self._headers_done = True
        length = self._headers.get("content-length", "")
        if length.isdigit() and int(length) > self._body_cap:
            self._fail(Unknown(f"an answer of {length} bytes; the most taken is {self._body_cap}"))

    def on_body(self, body: bytes) -> None:
        self._length += len(body)
        if self._length > self._body_cap:
            self._fail(Unknown(f"an answer of more than {self._body_cap} bytes"))
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() < 200:
            self._reset_after_interim()
            return
        self._complete()

    def _reset_after_interim(self) -> None:
        """100 Continue and the like come before the answer."""
        self._headers = {}
        self._headers_done = False

    def _framed(self) -> bool:
        return "content-length" in self._headers or "transfer-encoding" in self._headers

    def _complete(self) -> None:
        self._whole = True
        if not self._parser.should_keep_alive() or not self._framed():
            self.reusable = False
        if self.answer is not None and not self.answer.done():
            status = self._parser.get_status_code()
            self.answer.set_result(HttpAnswer(status, self._headers, b"".join(self._body)))

    def _fail(self, error: Exception) -> None:
        self._body = []
        if self.answer is not None and not self.answer.done():
            self.answer.set_exception(error)
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
                return await self._exchange(message, method == "GET")
        except TimeoutError:
            raise Unknown(f"{method} {target}: no answer within {self._timeout_s:g} s") from None

    async def close(self) -> None:
        """End every connection; exchanges in flight fail as Unknown."""
        self.closed = True
        for connection in [*self._idle, *self._busy]:
            connection.close()
        self._idle.clear()
        await asyncio.sleep(0)

    async def _exchange(self, message: bytes, harmless: bool) -> HttpAnswer:
        while True:
            connection, reused = await self._take()
            self._busy.add(connection)
            try:
                answer = await connection.send(message)
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
