"""An account's private stream: its key kept alive, its socket kept up, its frames handed over."""

import asyncio
import logging
import random
import ssl
from typing import Protocol

from msgspec import Struct

from connector._speedups.bell import Bell
from connector._speedups.codec import Codec
from connector._speedups.listener import Listener
from connector._speedups.segment import Segment
from connector.clock import monotonic_ns
from connector.config import VenueSettings
from connector.errors import Rejected, Throttled, VenueError
from connector.model.counters import Counter
from connector.protocol.backoff import Backoff
from connector.protocol.ratelimit import RollingWindow
from connector.protocol.session import Link
from connector.transport.supervisor import Supervisor
from connector.transport.websocket import WebSocket, connect
from connector.venues.contract import Request, Venue

log = logging.getLogger("connector.private")

SECOND_NS = 1_000_000_000
PROBE_NS = 15 * SECOND_NS
"""A connection silent for this long is asked whether anybody is there."""


class _Socket(Struct):
    listener: Listener
    probed_ns: int
    believed: bool = True
    """Its key is the one in use."""


class Owner(Protocol):
    """The account."""

    async def signed(self, request: Request) -> bytes: ...
    def stream_up(self) -> None:
        """It delivers from now on."""

    def stream_down(self, why: str) -> None:
        """Nothing delivers any more."""

    def frame(self, frame: bytes, recv_ns: int) -> None: ...
    def count(self, counter: Counter) -> None: ...


class PrivateStream:
    """Runs until cancelled. A second socket opens before the first is cut by the venue; while both
    are open everything arrives twice, which the tracker expects."""

    def __init__(
        self,
        owner: Owner,
        name: str,
        venue: Venue,
        settings: VenueSettings,
        segment: Segment,
        bell: Bell,
        context: ssl.SSLContext | None,
        gate: RollingWindow,
    ) -> None:
        assert venue.trading is not None
        self._owner, self._name = owner, name
        self._venue, self._settings, self._context = venue, settings, context
        self._stream = venue.trading.stream
        self._codec, self._bell = Codec(segment), bell
        self._key = ""
        self._key_wanted = asyncio.Event()
        self._open: dict[int, _Socket] = {}
        self._began: dict[int, tuple[str, Listener]] = {}
        life_ns = int(settings.connection_life_s * SECOND_NS) or venue.heartbeat.lifetime_ns
        link = Link(
            Backoff(SECOND_NS // 4, 30 * SECOND_NS, random.random), gate, random.random, life_ns
        )
        self._supervisor = Supervisor(f"private/{name}", link, self._connect, self)

    @property
    def up(self) -> bool:
        """A socket with the key in use is open."""
        return any(socket.believed for socket in self._open.values())

    async def run(self) -> None:
        """Until cancelled."""
        self._key_wanted.clear()
        await self._make_key()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_key())
            group.create_task(self._supervisor.run())

    def renew(self) -> None:
        """Make a new key and open a new socket; the old one is not believed any more."""
        for socket in self._open.values():
            socket.believed = False
        self._key_wanted.set()

    def tick(self, now_ns: int) -> None:
        """Now and then: an account may have nothing to say for days, a dead connection neither."""
        for epoch, socket in self._open.items():
            heard_ns = max(socket.probed_ns, socket.listener.last_frame_ns)
            if now_ns - heard_ns > PROBE_NS:
                socket.probed_ns = now_ns
                self._supervisor.probe(epoch)

    # The key

    async def _make_key(self) -> None:
        backoff = Backoff(SECOND_NS // 2, 30 * SECOND_NS, random.random, SECOND_NS // 8)
        while True:
            try:
                self._key = self._stream.key(await self._owner.signed(self._stream.start()))
                return
            except (VenueError, ValueError, RecursionError) as error:
                self._warn("no key for the stream: %s", error)
                retry_ns = error.retry_ns - monotonic_ns() if isinstance(error, Throttled) else 0
                await asyncio.sleep(max(backoff.next_ns(), retry_ns) / SECOND_NS)

    async def _keep_key(self) -> None:
        """Extend the key's life with chances to spare; make another one when it is gone."""
        backoff = Backoff(5 * SECOND_NS, 60 * SECOND_NS, random.random, SECOND_NS)
        wait_s = self._keep_s()
        while True:
            try:
                async with asyncio.timeout(wait_s):
                    await self._key_wanted.wait()
            except TimeoutError:
                try:
                    if await self._extended():
                        backoff.reset()
                        wait_s = self._keep_s()
                        continue
                except VenueError as error:
                    self._warn("the stream's key was not extended: %s", error)
                    wait_s = backoff.next_ns() / SECOND_NS
                    continue
            self._key_wanted.clear()
            await self._make_key()
            wait_s = self._keep_s()
            backoff.reset()
            for epoch in list(self._open):
                self._supervisor.drop(epoch, "the key was renewed")

    async def _extended(self) -> bool:
        """Whether the key lives on."""
        if self._stream.keep is None:
            return True
        try:
            body = await self._owner.signed(self._stream.keep())
        except Rejected as error:
            self._warn("the stream's key is gone: %s", error)
            return False
        try:
            return self._stream.key(body) == self._key
        except (ValueError, RecursionError):
            return True  # extended; the venue used to answer without naming the key

    def _keep_s(self) -> float:
        return self._stream.keep_every_ns * (0.8 + 0.2 * random.random()) / SECOND_NS

    # The socket: what the supervisor tells

    async def _connect(self, epoch: int) -> WebSocket:
        def arrived(frame: bytes, recv_ns: int, line: int) -> None:
            self._owner.frame(frame, recv_ns)

        def failed(_listener: Listener, error: Exception, message: bytes) -> None:
            log.error(
                "a private frame could not be handled",
                extra={"account": self._name},
                exc_info=error,
            )

        key = self._key
        most = self._venue.limits.max_message
        listener = Listener(self._codec, 0, self._bell, arrived, _nothing, _nothing, most, failed)
        socket = await connect(
            self._venue.ws_url.rstrip("/") + self._stream.target(key),
            lambda: listener,
            context=self._context,
            timeout_s=self._settings.connect_s,
            max_message=most,
            local_address=self._settings.local_address,
        )
        self._began[epoch] = (key, listener)
        return socket

    def opened(self, epoch: int, connection: WebSocket, now_ns: int) -> None:
        self._owner.count(Counter.CONNECTS)
        key, listener = self._began.pop(epoch)
        was_up, believed = self.up, key == self._key and not self._key_wanted.is_set()
        self._open[epoch] = _Socket(listener, now_ns, believed)
        if not believed:  # the key is made anew while this one was being opened
            self._supervisor.drop(epoch, "the key was renewed")
            return
        self._supervisor.serving(epoch)
        log.info("private stream connected", extra={"account": self._name})
        if not was_up:
            self._owner.stream_up()

    def lost(self, epoch: int, why: str, now_ns: int) -> None:
        self._owner.count(Counter.DISCONNECTS)
        was_up = self.up
        self._open.pop(epoch, None)
        if was_up and not self.up:
            self._owner.stream_down(why)

    def failed(self, epoch: int, why: str, now_ns: int) -> None:
        self._owner.count(Counter.CONNECT_ERRORS)
        self._warn("no private stream: %s", why)

    def _warn(self, what: str, why: object) -> None:
        log.warning(what, why, extra={"account": self._name})


def _nothing(*_: object) -> None:
    """Nobody needs to know: the supervisor tells."""
