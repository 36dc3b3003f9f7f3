"""Keep one logical WebSocket connection up: performs what ``protocol.session.Link`` decides."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from connector.clock import monotonic_ns
from connector.errors import NotSent
from connector.protocol.session import Close, Link, Open
from connector.transport.websocket import WebSocket

log = logging.getLogger("connector.transport")

PROBE_S = 3.0
"""A ping that is not answered within three seconds will not be."""


class Peer(Protocol):
    """Who is told about the connections of a supervisor."""

    def opened(self, epoch: int, connection: WebSocket, now_ns: int) -> None:
        """Connection ``epoch`` is open; nothing has been sent on it."""

    def lost(self, epoch: int, why: str, now_ns: int) -> None:
        """Connection ``epoch``, which was open, is gone."""

    def failed(self, epoch: int, why: str, now_ns: int) -> None:
        """Connection ``epoch`` could not be opened."""


class Supervisor:
    """Owns the connections of one link; ``run`` until cancelled.

    ``connect(epoch)`` opens one and raises NotSent when it cannot. The peer learns of every opening
    and every end exactly once, and answers with ``serving`` when everything was granted and
    ``drop`` when it is of no more use."""

    def __init__(
        self,
        name: str,
        link: Link,
        connect: Callable[[int], Awaitable[WebSocket]],
        peer: Peer,
    ) -> None:
        self.name = name
        self.link = link
        self._connect = connect
        self._peer = peer
        self._open: dict[int, WebSocket] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Open, watch and reopen until cancelled; then every socket is closed."""
        try:
            while True:
                self._perform(self.link.on_timer(monotonic_ns()))
                await self._sleep()
        finally:
            await self._end()

    def serving(self, epoch: int) -> None:
        """Everything asked for on connection ``epoch`` was granted."""
        self._perform(self.link.on_serving(epoch))
        self._wake.set()

    def drop(self, epoch: int, why: str) -> None:
        """Connection ``epoch`` is of no more use: it is ended now and counted as lost."""
        connection = self._open.get(epoch)
        if connection is not None:
            log.warning("connection dropped: %s", why, extra={"link": self.name, "epoch": epoch})
            connection.abort()

    def replace(self) -> None:
        """Open a replacement for the current connection now."""
        self.link.replace_now(monotonic_ns())
        self._wake.set()

    def probe(self, epoch: int) -> None:
        """Ping connection ``epoch``; no answer drops it."""
        connection = self._open.get(epoch)
        if connection is not None:
            self._start(self._probe(epoch, connection), f"{self.name}/probe")

    async def _probe(self, epoch: int, connection: WebSocket) -> None:
        if not await connection.answers(PROBE_S) and self._open.get(epoch) is connection:
            self.drop(epoch, f"half-open: a ping was not answered within {PROBE_S:g} s")

    def _perform(self, actions: Sequence[Open | Close]) -> None:
        for action in actions:
            if isinstance(action, Open):
                self._start(self._live(action.epoch), f"{self.name}/{action.epoch}")
                continue
            connection = self._open.get(action.epoch)
            if connection is not None:
                log.info(
                    "connection closed: %s",
                    action.why,
                    extra={"link": self.name, "epoch": action.epoch},
                )
                self._start(connection.close(action.why), f"{self.name}/close")

    def _start(self, work: Awaitable[None], name: str) -> None:
        async def guarded() -> None:
            await work

        task = asyncio.get_running_loop().create_task(guarded(), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("task %s failed", task.get_name(), exc_info=task.exception())
        self._wake.set()

    async def _live(self, epoch: int) -> None:
        """The whole life of one connection."""
        try:
            connection = await self._connect(epoch)
        except NotSent as error:
            now_ns = monotonic_ns()
            self._peer.failed(epoch, str(error), now_ns)
            self._perform(self.link.on_lost(epoch, now_ns))
            return
        except Exception:
            self._perform(self.link.on_lost(epoch, monotonic_ns()))
            raise
        self._open[epoch] = connection
        why = "a fault of ours"
        try:
            now_ns = monotonic_ns()
            self.link.on_open(epoch, now_ns)
            self._peer.opened(epoch, connection, now_ns)
            why = await connection.ended()
        finally:
            connection.abort()
            del self._open[epoch]
            now_ns = monotonic_ns()
            try:
                self._peer.lost(epoch, why, now_ns)
            finally:  # a fault of the peer's must not keep the link from being opened again
                self._perform(self.link.on_lost(epoch, now_ns))

    async def _sleep(self) -> None:
        now_ns = monotonic_ns()
        due_ns = self.link.next_ns(now_ns)
        self._wake.clear()
        # Timers may fire a millisecond early while the loop spins; on_timer compares the clock
        # itself.
        timeout_s = max(due_ns - now_ns, 1_000_000) / 1e9 if due_ns else None
        try:
            async with asyncio.timeout(timeout_s):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _end(self) -> None:
        goodbyes = [connection.close("going away") for connection in self._open.values()]
        await asyncio.gather(*goodbyes, return_exceptions=True)
        while self._tasks:  # the end of one may begin another
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        self.link.end()
