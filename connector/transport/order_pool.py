"""Warm HTTP/1.1 connections for orders: a request leaves in the very call that brings it, or waits
in a bounded queue by priority; what became of it is said exactly once.

One request in flight a connection, the connection used last first (its caches and congestion
window are warm); some connections are kept for cancels alone. A connection that ended before the
first byte of a request was written is replaced by another one; what was written and not answered
is lost, that is: unknown, and never sent again from here."""

import asyncio
import heapq
import itertools
import logging
import random
import ssl
from collections.abc import Mapping
from enum import IntEnum
from typing import Protocol
from urllib.parse import urlsplit

import aiofastnet

from connector._speedups.pooled import Pool
from connector.clock import monotonic_ns
from connector.protocol.backoff import Backoff
from connector.protocol.http1 import encode_request
from connector.transport.http_connection import Connection, HttpAnswer

log = logging.getLogger("connector.orders")

ANSWER_CAP = 4 << 20
"""Lists of orders and fills of one account; an order's own answer is half a kilobyte."""
SECOND_NS = 1_000_000_000
PROVEN_NS = 5 * SECOND_NS
"""A connection that lasted this long was a good one."""


class Priority(IntEnum):
    """What goes first when every connection is busy."""

    CANCEL = 0
    AMEND = 1
    PLACE = 2
    QUERY = 3


class Owner(Protocol):
    """Who is told what became of a request; each request ends in exactly one of these."""

    def answered(self, request: int, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """The venue answered."""

    def left(self, request: int, now_ns: int) -> None:
        """It was handed to the kernel at ``now_ns``, CLOCK_MONOTONIC; its answer may be here."""

    def lost(self, request: int, why: str) -> None:
        """It left, at least in part, and no answer will come."""

    def unsent(self, request: int, why: str) -> None:
        """Not one byte of it left."""

    def stopped(self, request: int) -> str:
        """Asked before a request that waited is sent: why it must not be any more; "": it may."""


class OrderPool(Pool):
    """``connections`` warm ones to one host, of which only cancels may use the last ``reserved``.

    ``run`` keeps them open until cancelled; ``tick`` about every 50 ms looks at deadlines."""

    def __init__(
        self,
        url: str,
        context: ssl.SSLContext | None,
        owner: Owner,
        *,
        connections: int = 4,
        reserved: int = 1,
        timeout_s: float = 5.0,
        queue: int = 256,
        queue_s: float = 0.5,
        local_address: str = "",
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is not an http:// or https:// URL")
        if not 0 <= reserved < connections:
            raise ValueError(f"{reserved} of {connections} connections cannot be reserved")
        self._host, self._secure = parts.hostname, parts.scheme == "https"
        self._port = parts.port or (443 if self._secure else 80)
        self.host = parts.netloc.rpartition("@")[2]
        """As in the Host header."""
        self.prefix = parts.path.rstrip("/")
        """The path in front of the venue's own."""
        self._context, self.owner = context, owner
        self._connections, self.reserved = connections, reserved
        self.timeout_ns = int(timeout_s * SECOND_NS)
        self._queue_most, self._queue_ns = queue, int(queue_s * SECOND_NS)
        self._local_address = local_address
        self.idle: list[Connection] = []
        self.busy: dict[Connection, tuple[int, int]] = {}
        """What it carries, and until when it may."""
        self.queue: list[tuple[Priority, int, int, int, bytes]] = []
        self._order = itertools.count()
        self._closing = False

    # What the desk asks

    @property
    def open(self) -> int:
        """Connections that are up."""
        return len(self.idle) + len(self.busy)

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return len(self.queue)

    def carries(self, request: int) -> bool:
        """Whether it is under way, or waits."""
        return any(one == request for one, _ in self.busy.values()) or any(
            entry[3] == request for entry in self.queue
        )

    def encode(
        self, method: str, target: str, headers: tuple[tuple[str, str], ...], body: bytes
    ) -> bytes:
        """A request's bytes; ValueError when a header would break out of its line."""
        return encode_request(method, self.prefix + target, self.host, headers, body)

    def tick(self, now_ns: int) -> None:
        """Give up what waited or was under way for too long."""
        for connection, (_, until_ns) in list(self.busy.items()):
            if now_ns >= until_ns:
                connection.give_up(f"no answer within {self.timeout_ns / SECOND_NS:g} s")
        late = [entry for entry in self.queue if now_ns >= entry[2]]
        if late:
            self.queue = [entry for entry in self.queue if now_ns < entry[2]]
            heapq.heapify(self.queue)
            for entry in late:
                self.owner.unsent(entry[3], "every connection was busy for too long")

    # Life

    async def run(self) -> None:
        """Keep the connections open until cancelled."""
        async with asyncio.TaskGroup() as group:
            for number in range(self._connections):
                group.create_task(self._keep(), name=f"orders/{self._host}/{number}")

    def close(self) -> None:
        """End every connection: what waits is unsent, what is under way is lost."""
        self._closing = True
        queue, self.queue = self.queue, []
        for entry in sorted(queue):
            self.owner.unsent(entry[3], "closing")
        for connection in list(self.busy):
            connection.give_up("closing")
        for connection in list(self.idle):
            connection.close()

    async def _keep(self) -> None:
        """One connection after the other."""
        backoff = Backoff(SECOND_NS // 10, 10 * SECOND_NS, random.random)
        while not self._closing:
            ended = asyncio.Event()
            try:
                async with asyncio.timeout(self.timeout_ns / SECOND_NS):
                    connection = await self._connect(ended)
            except (OSError, TimeoutError) as error:
                wait_ns = backoff.next_ns()
                log.warning(
                    "no connection for orders",
                    extra={"host": self._host, "why": str(error) or "timeout"},
                )
                await asyncio.sleep(wait_ns / SECOND_NS)
                continue
            opened_ns = monotonic_ns()
            try:
                await ended.wait()
            finally:
                connection.close()
            if monotonic_ns() - opened_ns >= PROVEN_NS:
                backoff.reset()
            else:  # a host that takes connections and drops them must not be stormed
                await asyncio.sleep(backoff.next_ns() / SECOND_NS)

    async def _connect(self, ended: asyncio.Event) -> Connection:
        def gone(connection: Connection) -> None:
            if connection in self.idle:
                self.idle.remove(connection)
            self.busy.pop(connection, None)
            ended.set()

        _, connection = await aiofastnet.create_connection(
            asyncio.get_running_loop(),
            lambda: Connection(ANSWER_CAP, gone),
            self._host,
            self._port,
            ssl=self._context if self._secure else None,
            local_addr=(self._local_address, 0) if self._local_address else None,
        )
        assert isinstance(connection, Connection)
        self.idle.append(connection)
        self._pump()
        return connection

    # Inside

    def _wait(self, request: int, priority: Priority, message: bytes) -> None:
        """No connection is free for it, or others were first."""
        if self._closing or len(self.queue) >= self._queue_most:
            why = "closing" if self._closing else f"{self._queue_most} requests are waiting"
            self.owner.unsent(request, why)
            return
        until_ns = monotonic_ns() + self._queue_ns
        heapq.heappush(self.queue, (priority, next(self._order), until_ns, request, message))
        self._pump()

    def _ended(self, connection: Connection, result: HttpAnswer | Exception) -> None:
        """What came of the request that a connection carried, if not a whole answer at once."""
        request, _ = self.busy.pop(connection)
        if isinstance(result, Exception):
            self.owner.lost(request, str(result))
            return
        if connection.alive:
            self.idle.append(connection)
        else:
            connection.close()
        self.owner.answered(request, result.status, result.headers, result.body)
        if self.queue:
            self._pump()

    def _pump(self) -> None:
        while self.queue:
            if why := self.owner.stopped(self.queue[0][3]):
                self.owner.unsent(heapq.heappop(self.queue)[3], why)
                continue
            connection = self.free(self.queue[0][0] is Priority.CANCEL)
            if connection is None:
                return
            _, _, _, request, message = heapq.heappop(self.queue)
            self.start(connection, request, message)
