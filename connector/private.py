"""An account's private stream: its key kept alive, its socket kept up, its frames handed over."""

import asyncio
import logging
import random
import ssl
from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from connector._speedups.bell import Bell
from connector._speedups.codec import Codec
from connector._speedups.listener import Listener
from connector._speedups.segment import Segment
from connector.clock import monotonic_ns
from connector.config import VenueSettings
from connector.ear import Ear
from connector.errors import Rejected, Throttled, VenueError
from connector.model.counters import Counter
from connector.protocol.backoff import Backoff
from connector.protocol.ratelimit import RollingWindow
from connector.protocol.session import Link
from connector.transport.supervisor import Supervisor
from connector.transport.websocket import WebSocket, connect
from connector.venues.contract import Request, Venue
from connector.venues.trading_contract import Logon, Signer, StreamKey

log = logging.getLogger("connector.private")

SECOND_NS = 1_000_000_000
PROBE_NS = 15 * SECOND_NS
"""A connection silent for this long is asked whether anybody is there."""


class _Socket(Struct):
    listener: Listener
    probed_ns: int
    connection: WebSocket | None = None
    believed: bool = True
    """Its key is the one in use."""
    steps: list[bytes] = []
    """What is to be sent until it is a private one; the first was sent and is not answered."""
    patient_ns: int = 0
    """Until then its answer is waited for."""


class Owner(Protocol):
    """The account."""

    ear: Ear

    @property
    def signer(self) -> Signer: ...
    def venue_ns(self, now_ns: int) -> int:
        """The venue's clock."""

    async def signed(self, request: Request) -> bytes: ...
    def stream_up(self) -> None:
        """It delivers from now on."""

    def stream_down(self, why: str) -> None:
        """Nothing delivers any more."""

    def count(self, counter: Counter) -> None: ...


class Sockets:
    """Opens an account's private connections, as the venue and its settings say."""

    def __init__(
        self,
        venue: Venue,
        settings: VenueSettings,
        segment: Segment,
        bell: Bell,
        context: ssl.SSLContext | None,
        gate: RollingWindow,
    ) -> None:
        self.venue, self.settings, self.gate = venue, settings, gate
        self._bell, self._context = bell, context
        self.codec = Codec(segment)
        """Reads frames first; what it leaves goes to who opened the connection."""
        self.life_ns = int(settings.connection_life_s * SECOND_NS) or venue.heartbeat.lifetime_ns

    def backoff(self, shortest_ns: int) -> Backoff:
        return Backoff(shortest_ns, int(self.settings.reconnect_s * SECOND_NS), random.random)

    async def open(
        self,
        target: str,
        arrived: Callable[[bytes, int, int], None],
        failed: Callable[[Listener, Exception, bytes], None],
    ) -> tuple[WebSocket, Listener]:
        """``arrived`` is called with each frame, ``failed`` when that raises."""
        most = self.venue.limits.max_message
        listener = Listener(self.codec, 0, self._bell, arrived, _nothing, _nothing, most, failed)
        socket = await connect(
            self.venue.ws_url.rstrip("/") + target,
            lambda: listener,
            context=self._context,
            timeout_s=self.settings.connect_s,
            max_message=most,
            local_address=self.settings.local_address,
        )
        return socket, listener


class PrivateStream:
    """Runs until cancelled. A second socket opens before the first is cut by the venue; while both
    are open everything arrives twice, which the tracker expects."""

    def __init__(self, owner: Owner, name: str, sockets: Sockets) -> None:
        trading = sockets.venue.trading
        assert trading is not None
        self._owner, self._name, self._sockets = owner, name, sockets
        self._stream = trading.stream
        self._key = ""
        self._key_wanted = asyncio.Event()
        self._open: dict[int, _Socket] = {}
        self._began: dict[int, tuple[str, Listener]] = {}
        backoff = sockets.backoff(SECOND_NS // 4)
        link = Link(backoff, sockets.gate, random.random, sockets.life_ns)
        self._supervisor = Supervisor(f"private/{name}", link, self._connect, self)

    @property
    def up(self) -> bool:
        """A socket with the key in use is open, and private."""
        return any(one.believed and not one.steps for one in self._open.values())

    @property
    def fault(self) -> str:
        """Why it does not deliver; "": it does, or is about to."""
        return "" if self.up else "not connected"

    async def run(self) -> None:
        """Until cancelled."""
        self._key_wanted.clear()
        kind = self._stream.key
        if kind is None:
            await self._supervisor.run()
            return
        await self._make_key(kind)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_key(kind))
            group.create_task(self._supervisor.run())

    def renew(self) -> None:
        """Make a new key, where there is one, and open a new socket; the old one is not believed
        any more."""
        for socket in self._open.values():
            socket.believed = False
        if self._stream.key is not None:
            self._key_wanted.set()
            return
        for epoch in list(self._open):
            self._supervisor.drop(epoch, "it keeps something back")

    def tick(self, now_ns: int) -> None:
        """Now and then: an account may have nothing to say for days, a dead connection neither. A
        venue that wants pings gets them, whatever is heard."""
        every_ns = self._sockets.venue.heartbeat.ping_every_ns
        for epoch, socket in list(self._open.items()):
            heard_ns = 0 if every_ns else socket.listener.last_frame_ns
            if now_ns - max(socket.probed_ns, heard_ns) > (every_ns or PROBE_NS):
                socket.probed_ns = now_ns
                self._supervisor.probe(epoch)
            if socket.steps and now_ns > socket.patient_ns:
                self._supervisor.drop(epoch, "the logon was not answered")

    # The key

    async def _make_key(self, kind: StreamKey) -> None:
        backoff = Backoff(SECOND_NS // 2, 30 * SECOND_NS, random.random, SECOND_NS // 8)
        while True:
            try:
                self._key = kind.read(await self._owner.signed(kind.start()))
                return
            except (VenueError, ValueError, RecursionError) as error:
                self._warn("no key for the stream: %s", error)
                retry_ns = error.retry_ns - monotonic_ns() if isinstance(error, Throttled) else 0
                await asyncio.sleep(max(backoff.next_ns(), retry_ns) / SECOND_NS)

    async def _keep_key(self, kind: StreamKey) -> None:
        """Extend the key's life with chances to spare; make another one when it is gone."""
        backoff = Backoff(5 * SECOND_NS, 60 * SECOND_NS, random.random, SECOND_NS)
        wait_s = _keep_s(kind)
        while True:
            try:
                async with asyncio.timeout(wait_s):
                    await self._key_wanted.wait()
            except TimeoutError:
                try:
                    if await self._extended(kind):
                        backoff.reset()
                        wait_s = _keep_s(kind)
                        continue
                except VenueError as error:
                    self._warn("the stream's key was not extended: %s", error)
                    wait_s = backoff.next_ns() / SECOND_NS
                    continue
            self._key_wanted.clear()
            await self._make_key(kind)
            wait_s = _keep_s(kind)
            backoff.reset()
            for epoch in list(self._open):
                self._supervisor.drop(epoch, "the key was renewed")

    async def _extended(self, kind: StreamKey) -> bool:
        """Whether the key lives on."""
        if kind.keep is None:
            return True
        try:
            body = await self._owner.signed(kind.keep())
        except Rejected as error:
            self._warn("the stream's key is gone: %s", error)
            return False
        try:
            return kind.read(body) == self._key
        except (ValueError, RecursionError):
            return True  # extended; the venue used to answer without naming the key

    # The socket: what the supervisor tells

    async def _connect(self, epoch: int) -> WebSocket:
        logon = self._stream.logon

        def arrived(frame: bytes, recv_ns: int, line: int) -> None:
            if logon is None or not self._answered(logon, epoch, frame):
                self._owner.ear.frame(frame, recv_ns)

        def failed(_listener: Listener, error: Exception, message: bytes) -> None:
            log.error(
                "a private frame could not be handled",
                extra={"account": self._name},
                exc_info=error,
            )

        key = self._key
        socket, listener = await self._sockets.open(self._stream.target(key), arrived, failed)
        self._began[epoch] = (key, listener)
        return socket

    def opened(self, epoch: int, connection: WebSocket, now_ns: int) -> None:
        self._owner.count(Counter.CONNECTS)
        key, listener = self._began.pop(epoch)
        believed = key == self._key and not self._key_wanted.is_set()
        socket = self._open[epoch] = _Socket(listener, now_ns, connection, believed)
        if not believed:  # the key is made anew while this one was being opened
            self._supervisor.drop(epoch, "the key was renewed")
            return
        others = self._others(epoch)
        if self._stream.logon is not None:
            owner = self._owner
            socket.steps = list(self._stream.logon.messages(owner.signer, owner.venue_ns(now_ns)))
            self._say(socket, now_ns)
            return
        self._serves(epoch, others)

    def _others(self, epoch: int) -> bool:
        """Whether another socket delivers."""
        return any(
            one.believed and not one.steps for other, one in self._open.items() if other != epoch
        )

    def _serves(self, epoch: int, others: bool) -> None:
        self._supervisor.serving(epoch)
        log.info("private stream connected", extra={"account": self._name})
        if not others:
            self._owner.stream_up()

    def _say(self, socket: _Socket, now_ns: int) -> None:
        """The next message of the logon."""
        assert socket.connection is not None
        socket.patient_ns = now_ns + int(self._sockets.settings.request_s * SECOND_NS)
        socket.connection.send(socket.steps[0])

    def _answered(self, logon: Logon, epoch: int, frame: bytes) -> bool:
        """Whether a frame answers one of our messages; takes the next step if so."""
        try:
            answer = logon.answer(frame)
        except (ValueError, RecursionError):
            return False  # whoever reads events says so
        if answer is None:
            return False
        socket = self._open.get(epoch)
        if not answer.ok:
            self._warn("refused on the private stream: %s", answer.message)
            if answer.fatal:
                self._supervisor.drop(epoch, "the logon was refused")
                return True
        if socket is not None and socket.steps and answer.request_id is not None:
            socket.steps.pop(0)
            if socket.steps:
                self._say(socket, monotonic_ns())
            else:
                self._serves(epoch, self._others(epoch))
        return True

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


def _keep_s(kind: StreamKey) -> float:
    return kind.keep_every_ns * (0.8 + 0.2 * random.random()) / SECOND_NS


def _nothing(*_: object) -> None:
    """Nobody needs to know: the supervisor tells."""
