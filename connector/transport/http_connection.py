"""One HTTP/1.1 connection, client side: one exchange at a time, every part of an answer capped.

The parser is httptools' (llhttp), strict: two lengths, a length beside a transfer encoding,
negative and overflowing numbers are errors there. What it lets through without end is capped
here."""

import asyncio
from collections.abc import Callable, Mapping

import httptools
from msgspec import Struct

from connector._speedups.http_answer import Answer
from connector._speedups.pooled import Exchange
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


class Connection(Exchange, asyncio.Protocol):
    """One socket: feeds the parser, hands over what each exchange came to.

    ``closed``, if given, is called once when the socket has ended."""

    def __init__(self, body_cap: int, closed: "Callable[[Connection], None] | None" = None) -> None:
        self._closed = closed
        self.transport: asyncio.Transport | None = None
        self.reusable = True
        self.answer = Answer(HEAD_CAP, HEADERS_MOST, STATUS_LINE_CAP, body_cap)
        self.parser = httptools.HttpResponseParser(self.answer)

    @property
    def alive(self) -> bool:
        """Another request may be sent on it, as far as this side knows."""
        return self.reusable and self.transport is not None and not self.transport.is_closing()

    def send(self, message: bytes, done: Done, bodiless: bool = False) -> None:
        """Send a request; ``done`` gets the answer or why there is none, within the very callback
        that knows. ``bodiless``: the answer has no body whatever its headers say (HEAD)."""
        assert self.transport is not None
        self.begin(done, bodiless)
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

    def _malformed(self, error: Exception) -> None:
        """What came is no answer."""
        if isinstance(error, httptools.HttpParserUpgrade):
            self._fail(Malformed("the answer switches protocols, which nobody asked for"))
            return
        self.reusable = False
        self._fail(Malformed(f"the answer is not HTTP: {error}"))

    def _check(self) -> None:
        """What has come so far of an answer that is not whole."""
        answer = self.answer
        if answer.fault:
            self._fail(Malformed(answer.fault))
            return
        # The parser keeps what is not complete: a header, a reason, a size line without end.
        framing = self.body_fed - answer.length
        if not answer.headers_done and self.head_fed > HEAD_CAP:
            self._fail(Malformed(f"an answer's head of more than {HEAD_CAP} bytes"))
        elif framing > FRAMING_CAP + FRAMING_SHARE * answer.length:
            self._fail(Malformed(f"{framing} bytes around {answer.length} bytes of a body"))

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.reusable = False
        answer = self.answer
        if self.done is None or answer.complete:
            pass
        elif answer.headers_done and not answer.framed:
            answer.finish()  # without a length, the end of the connection is the end of the body
        elif self.got_bytes:
            self._fail(Unknown(f"the connection ended after {answer.length} bytes of the body"))
        else:
            self._fail(Unknown("the connection ended before an answer"))
        self._deliver()
        if self._closed is not None:
            self._closed(self)

    def _fail(self, error: Exception) -> None:
        complete = self.answer.complete
        self.answer.refuse(str(error))
        self.close()
        if self.done is not None and not complete and self.error is None:
            self.error = error

    def _deliver(self) -> None:
        """Outside the parser: whoever gets the answer may send the next request at once."""
        if self.done is not None and (self.error is not None or self.answer.complete):
            self.tell(self.error or self._answered())

    def _answered(self) -> HttpAnswer:
        answer = self.answer
        return HttpAnswer(answer.status, answer.headers, answer.body)
