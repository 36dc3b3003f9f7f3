"""An HTTP/1.1 client for one host: requests in, whole answers out, and an honest word on what was
not answered.

One request is in flight on a connection; idle connections are kept and reused last in, first out.
What is raised says what may be done next: ``NotSent`` (nothing left this machine), ``Unknown`` (it
may have happened)."""

import asyncio
import ssl
from urllib.parse import urlsplit

import aiofastnet

from connector.errors import NotSent, Unknown
from connector.protocol.http1 import encode_request
from connector.transport.http_connection import BODY_CAP, Connection, HttpAnswer

IDLE_CONNECTIONS = 4


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
        self._idle: list[Connection] = []
        self._busy: set[Connection] = set()
        self.closed = False

    async def request(
        self,
        method: str,
        target: str,
        headers: tuple[tuple[str, str], ...] = (),
        body: bytes = b"",
        *,
        fresh: bool = False,
    ) -> HttpAnswer:
        """The answer, whatever its status. NotSent: no connection. Unknown: no whole answer.

        ``fresh``: on a connection of its own, which cannot have been closed unnoticed while it was
        kept: that would leave a change unknown."""
        message = encode_request(method, self._prefix + target, self._host_header, headers, body)
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._exchange(message, method, fresh)
        except TimeoutError:
            path = target.partition("?")[0]  # a signed query is nobody's business
            raise Unknown(f"{method} {path}: no answer within {self._timeout_s:g} s") from None

    async def close(self) -> None:
        """End every connection; exchanges in flight fail as Unknown."""
        self.closed = True
        for connection in [*self._idle, *self._busy]:
            connection.close()
        self._idle.clear()
        await asyncio.sleep(0)

    async def _exchange(self, message: bytes, method: str, fresh: bool) -> HttpAnswer:
        harmless = method in ("GET", "HEAD")
        while True:
            connection, reused = await self._take(fresh)
            self._busy.add(connection)
            try:
                answer = await self._answer(connection, message, method)
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

    async def _answer(self, connection: Connection, message: bytes, method: str) -> HttpAnswer:
        answer: asyncio.Future[HttpAnswer] = asyncio.get_running_loop().create_future()

        def done(result: HttpAnswer | Exception) -> None:
            if answer.done():
                return
            if isinstance(result, Exception):
                answer.set_exception(result)
            else:
                answer.set_result(result)

        connection.send(message, done, method == "HEAD")
        return await answer

    async def _take(self, fresh: bool) -> tuple[Connection, bool]:
        while self._idle and not fresh:
            connection = self._idle.pop()
            if connection.reusable:
                return connection, True
            connection.close()
        if self.closed:
            raise NotSent("the client is closed")
        try:
            _, protocol = await aiofastnet.create_connection(
                asyncio.get_running_loop(),
                lambda: Connection(self._body_cap),
                self._host,
                self._port,
                ssl=self._context if self._secure else None,
                local_addr=(self._local_address, 0) if self._local_address else None,
            )
        except OSError as error:
            raise NotSent(f"{self._host}:{self._port}: {error}") from None
        assert isinstance(protocol, Connection)
        return protocol, False
