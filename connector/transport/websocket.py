"""WebSocket connections over picows: a listener and a URL in, an open connection or one error
out."""

import asyncio
import ssl
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import connector.transport  # sets aiofastnet's read limit before picows imports it  # isort: skip
import picows
import picows.api
from picows import WSCloseCode, WSHandshakeError, WSListener, WSMsgType, WSTransport

from connector.errors import NotSent

READ_MOST = connector.transport.READ_HINT
"""Bytes taken from a socket at once, however much a burst has left there: 64 KiB of depth are some
100 us of work, and then the other sockets have their turn."""
READ_BUFFER = 2 * READ_MOST
"""picows doubles its buffer for good when it is nine tenths full, and moves all of it once at the
handshake: a megabyte of fresh memory there takes more than a millisecond."""
GOODBYE_S = 0.5
"""How long a close handshake may take before the socket is aborted."""

_API: Any = picows.api


class _Protocol(_API.WSProtocol):  # type: ignore[misc]
    """picows' own would offer the socket all that is free of its buffer, and leave a socket open
    that nobody waits for any more."""

    def get_buffer(self, size_hint: int) -> memoryview:
        offered: memoryview = super().get_buffer(size_hint)
        return offered[:READ_MOST]

    async def wait_until_handshake_complete(self) -> None:
        try:
            await super().wait_until_handshake_complete()
        except asyncio.CancelledError:
            # It is nobody's: it would count among the venue's connections for as long as it lasts.
            self.transport.disconnect(graceful=False)
            raise


_API.WSProtocol = _Protocol


class WebSocket:
    """An open connection. What arrives goes to the listener it was opened with."""

    def __init__(self, transport: WSTransport, listener: WSListener) -> None:
        self._transport = transport
        self.listener = listener
        self._ping: asyncio.Task[bool] | None = None

    @property
    def is_open(self) -> bool:
        """Whether a message sent now has a chance: picows drops messages silently afterwards."""
        return not (self._transport.is_disconnected or self._transport.is_close_frame_sent)

    def send(self, message: bytes) -> bool:
        """Send a text message; False when the connection is already closing."""
        if not self.is_open:
            return False
        self._transport.send(WSMsgType.TEXT, message)
        return True

    @property
    def talk(self) -> WSTransport:
        """What its messages go through."""
        return self._transport

    @property
    def carrier(self) -> Any:
        """What carries its bytes: takes a whole, masked frame while the connection is open."""
        return self._transport.underlying_transport

    async def answers(self, timeout_s: float) -> bool:
        """Whether the peer answers a ping in time: tells a quiet stream from a dead connection."""
        # A ping without an answer is waited for until the socket ends: picows says so to nobody
        # otherwise, which asyncio reports as an exception that was never retrieved.
        if self._ping is None or self._ping.done():
            self._ping = asyncio.get_running_loop().create_task(self._answered())
        await asyncio.wait({self._ping}, timeout=timeout_s)
        return self._ping.done() and self._ping.result() and self.is_open

    async def _answered(self) -> bool:
        try:
            await self._transport.measure_roundtrip_time(1)
        except (ConnectionError, RuntimeError):
            return False
        return True

    async def close(self, why: str) -> None:
        """Say goodbye, then end the socket whether or not the peer answers."""
        if self.is_open:
            self._transport.send_close(WSCloseCode.OK, why.encode()[:100])
        try:
            async with asyncio.timeout(GOODBYE_S):
                await self._transport.wait_disconnected()
        except TimeoutError:
            self.abort()
        except Exception:  # it ended by a local failure, which is an end as well
            return

    def abort(self) -> None:
        """End the socket at once: a graceful TLS end keeps it reading for half a minute."""
        self._transport.disconnect(graceful=False)

    async def ended(self) -> str:
        """Wait for the end; returns why."""
        try:
            await self._transport.wait_disconnected()
        except Exception as error:  # picows hands over whatever ended the connection
            return f"{type(error).__name__}: {error}"
        handshake = self._transport.close_handshake
        if handshake is None or handshake.recv is None:
            return "the peer ended the connection without a close frame"
        received = handshake.recv
        return f"the peer closed: {received.code.value} {received.reason or ''}".rstrip()


async def connect(
    url: str,
    listener: Callable[[], WSListener],
    *,
    context: ssl.SSLContext | None,
    timeout_s: float,
    max_message: int,
    local_address: str = "",
) -> WebSocket:
    """Open ``url`` within ``timeout_s`` (TCP, TLS and handshake); NotSent says why it did not
    open. The listener answers the peer's pings and its close."""
    extra: Any = {"local_addr": (local_address, 0)} if local_address else {}
    try:
        async with asyncio.timeout(timeout_s):
            transport, made = await picows.ws_connect(
                listener,
                url,
                ssl_context=context,
                websocket_handshake_timeout=timeout_s,
                max_redirects=0,  # a venue that redirects its feed needs somebody to look
                # The listener itself refuses what is too large, and counts it.
                max_frame_size=2 * max_message,
                enable_auto_pong=False,  # the listener answers pings, and counts them
                read_buffer_init_size=READ_BUFFER,
                **extra,
            )
    except TimeoutError:
        raise NotSent(f"{_place(url)}: not open within {timeout_s:g} s") from None
    except WSHandshakeError as error:
        status = error.response.status if error.response is not None else None
        raise NotSent(f"{_place(url)}: {_refusal(status, str(error))}") from None
    except (OSError, ssl.SSLError) as error:
        raise NotSent(f"{_place(url)}: {error}") from None
    if transport.response is None:
        # picows reports a peer that hangs up before answering as a connection that has ended.
        raise NotSent(f"{_place(url)}: the host ended the connection before answering")
    return WebSocket(transport, made)


def _refusal(status: int | None, text: str) -> str:
    if status is None:
        return f"no WebSocket handshake: {text}"
    code = int(status)
    hint = {
        400: "the host refuses this URL; the venue may have moved its streams",
        403: "refused by a firewall; wait some minutes",
        404: "the host does not know this path; the venue may have moved its streams",
        410: "the venue has retired this address; configure the one it has now",
        418: "this address is banned for a while",
        429: "too many connections; slow down",
    }.get(code, "no WebSocket there")
    return f"HTTP {code}: {hint}"


def _place(url: str) -> str:
    """The URL without what may be a key."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
