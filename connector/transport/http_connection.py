"""One HTTP/1.1 connection, client side: one exchange at a time, every part of an answer capped.

The parser is httptools' (llhttp), strict: two lengths, a length beside a transfer encoding,
negative and overflowing numbers are errors there. What it lets through without end is capped
here."""

import asyncio
from collections.abc import Callable, Mapping

import httptools
from msgspec import Struct

from connector.errors import Unknown

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


Done = Callable[[HttpAnswer | Exception], None]


class Connection(asyncio.Protocol):
    """One socket: feeds the parser, hands over what each exchange came to.

    ``closed``, if given, is called once when the socket has ended."""

    def __init__(self, body_cap: int, closed: "Callable[[Connection], None] | None" = None) -> None:
        self._body_cap = body_cap
        self._closed = closed
        self._bodiless = False
        self.transport: asyncio.Transport | None = None
        self._done: Done | None = None
        self._result: HttpAnswer | Exception | None = None
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

    @property
    def alive(self) -> bool:
        """Another request may be sent on it, as far as this side knows."""
        return self.reusable and self.transport is not None and not self.transport.is_closing()

    def send(self, message: bytes, done: Done, bodiless: bool = False) -> None:
        """Send a request; ``done`` gets the answer or why there is none, within the very callback
        that knows. ``bodiless``: the answer has no body whatever its headers say (HEAD)."""
        assert self.transport is not None
        assert self._done is None
        self._reset()
        self._bodiless = bodiless
        self.got_bytes = False
        self._done = done
        self.transport.write(message)

    def give_up(self, why: str) -> None:
        """End the exchange and the socket: the answer, if it still came, would be nobody's."""
        self._fail(Unknown(why))
        self._deliver()

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
        if self._done is None:
            self.close()  # bytes nobody asked for: the next answer could not be told from them
            return
        self._feed(data)
        self._deliver()

    def _feed(self, data: bytes) -> None:
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
        if self._done is None:
            pass
        elif self._headers_done and not self._framed():
            self._complete()  # without a length, the end of the connection is the end of the body
        elif self.got_bytes:
            self._fail(Unknown(f"the connection ended after {self._length} bytes of the body"))
        else:
            self._fail(Unknown("the connection ended before an answer"))
        self._deliver()
        if self._closed is not None:
            self._closed(self)

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
        if self._done is not None:
            status = self._parser.get_status_code()
            self._result = HttpAnswer(status, self._headers, b"".join(self._body))

    def _fail(self, error: Exception) -> None:
        self._body = []
        self._over = True
        self.close()
        if self._done is not None and self._result is None:
            self._result = error

    def _deliver(self) -> None:
        """Outside the parser: whoever gets the answer may send the next request at once."""
        if self._done is not None and self._result is not None:
            done, result = self._done, self._result
            self._done = self._result = None
            done(result)
