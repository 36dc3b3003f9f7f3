"""The simulated venue's shell: one port that speaks REST and WebSocket, plain or TLS.

A connection starts as HTTP (`requests`); an upgrade hands its transport over to picows. The pump
lets the market do what is due and writes what it published.
"""

import asyncio
import logging
import os
import ssl
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import aiofastnet
import msgspec
import orjson
from msgspec import Struct

from connector.clock import monotonic_ns, wall_ns
from connector.protocol import http1
from connector.sim.connection import ApiConnection, Connection
from connector.sim.faults import Faults, Rule
from connector.sim.hub import NOBODY, Hub
from connector.sim.matching.api import Matching
from connector.sim.requests import HttpConnection, rule_row
from connector.sim.standing import standing
from connector.venues.sim_contract import (
    Contract,
    House,
    MarketView,
    Opening,
    RestAnswer,
    SocketRules,
    Stream,
    VenueSim,
)
from connector.venues.sim_setup import OrderSetup

log = logging.getLogger("connector.sim")


class Options(Struct, frozen=True, kw_only=True):
    """The venue's rules; the defaults are the real venue's."""

    sockets: SocketRules | None = None
    backlog_bytes: int = 64 * 1024 * 1024
    """A client this far behind is cut off."""
    weight_limit: int = 0
    """REST weight a minute; 0: what exchangeInfo promises."""
    idle_s: float = 75.0
    """A REST connection that asked nothing for so long is closed."""
    bare_errors: bool = False
    """See `House.bare_errors`."""


class Market(MarketView, Protocol):
    """A market the server can run: synthetic or a replay."""

    hub: Hub | None

    @property
    def done(self) -> bool: ...
    def old_depth(self, symbol: str, limit: int, now_ms: int) -> bytes: ...
    def greeting(self, stream: Stream, now_ms: int) -> list[bytes]: ...
    def repeat(self, symbol: str) -> None: ...
    def subscribed(self, stream: Stream) -> None: ...
    def unsubscribed(self, stream: Stream) -> None: ...
    def reset(self, symbol: str) -> None: ...
    def relist(self, command: Mapping[str, Any]) -> Contract | None: ...
    def next_ns(self) -> int | None: ...
    def run_until(self, now_ns: int, most: int) -> bool: ...
    def status(self) -> dict[str, object]: ...


class VenueClock:
    """The venue's wall clock: this machine's and a skew."""

    def __init__(self) -> None:
        self.skew_ms = 0

    def __call__(self) -> int:
        return wall_ns() // 1_000_000 + self.skew_ms


class Server:
    """The venue: its connections, its market, its faults, and with an engine its accounts.

    Raises ValueError for accounts that cannot be."""

    def __init__(
        self,
        venue: VenueSim,
        market: Market,
        options: Options | None = None,
        *,
        clock: VenueClock | None = None,
        engine: Matching | None = None,
        setup: OrderSetup | None = None,
    ) -> None:
        self.venue = venue
        self.market = market
        self._engine = engine
        self.options = options or Options()
        self.sockets = self.options.sockets or venue.sockets
        self.clock = clock or VenueClock()
        self.faults = Faults()
        promised = venue.promised(market.exchange_info(self.clock()))
        self.rest = venue.rest(
            self.options.weight_limit or promised, engine, setup or OrderSetup(), self.clock()
        )
        bare = self.options.bare_errors
        self._house = House(market=market, rest=self.rest, now_ms=self.clock, bare_errors=bare)
        self.connections: dict[int, Connection] = {}
        self.http: set[HttpConnection] = set()
        self.requests: dict[str, int] = {}
        self.accepted = 0
        self.closed_for: dict[str, int] = {}
        self.port = 0
        self._connects: dict[str, deque[int]] = {}
        self._number = 0
        self._server: Any = None
        self._running: set[str] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self.ended = asyncio.Event()
        """The market is through and everything it sent has left."""

    async def start(self, host: str, port: int, context: ssl.SSLContext | None) -> None:
        """Listen; ``port`` 0 takes a free one, told in ``self.port``."""
        loop = asyncio.get_running_loop()
        self.hub = self.market.hub = Hub(self.faults, self.venue.wrapped, loop.call_later)
        outlet = self.venue.outlet
        if outlet is not None:
            self.hub.outlet = lambda stream, payload: outlet(
                self.rest, stream, payload, self.clock()
            )
        self._server = await aiofastnet.create_server(
            loop, lambda: HttpConnection(self), host=host, port=port, ssl=context, backlog=512
        )
        self.port = self._server.sockets[0].getsockname()[1]
        self._tasks = [
            loop.create_task(self._pump(), name="sim/pump"),
            loop.create_task(self._sweep(), name="sim/sweep"),
        ]

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        asyncio.get_running_loop().call_later(seconds, action)

    async def serve(self) -> None:
        """Run until cancelled or until a task of the server fails."""
        await asyncio.gather(*self._tasks)

    async def stop(self) -> None:
        """Close every connection and stop listening."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server is not None:
            self._server.close()
        for connection in [*self.connections.values()]:
            connection.close(1001, "going away")
        for http in [*self.http]:
            http.transport.close()
        await asyncio.sleep(0.05)
        for connection in [*self.connections.values()]:
            connection.abort()

    def status(self) -> dict[str, object]:
        """What ``GET /_sim/status`` answers."""
        return {
            "market": self.market.status(),
            "connections": [each.status() for each in self.connections.values()],
            "accepted": self.accepted,
            "closed_for": self.closed_for,
            "frames_sent": self.hub.messages,
            "bytes_sent": self.hub.sent_bytes,
            "streams": sorted(self.hub.streams),
            "requests": self.requests,
            "throttled": self.rest.throttled,
            "banned": self.rest.banned,
            "accounts": standing(self._engine) if self._engine is not None else {},
            "faults": dict(self.faults.counts),
            "rules": [rule_row(rule) for rule in self.faults.rules()],
        }

    def command(self, body: bytes) -> list[dict[str, object]]:
        """Put faults in force: one command or a list; ValueError if any of them is wrong."""
        try:
            commands = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise ValueError(f"not JSON: {error}") from None
        if not isinstance(commands, list):
            commands = [commands]
        for each in commands:
            if not isinstance(each, dict):
                raise ValueError(f"a fault is an object, not {each!r}")
            Faults().add(each)
        rules = [self.faults.add(each) for each in commands]
        for rule in rules:
            self._act(rule)
        return [rule_row(rule) for rule in rules]

    def relist(self, body: bytes) -> dict[str, object]:
        """Change what is listed; ValueError says what is wrong with the command."""
        try:
            command = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise ValueError(f"not JSON: {error}") from None
        if not isinstance(command, dict):
            raise ValueError(f"an instrument is an object, not {command!r}")
        now = self.market.relist(command)
        self.hub.flush()
        return {"symbol": command["symbol"], "listed": now is not None} | (
            msgspec.to_builtins(now) if now is not None else {}
        )

    def admit(self, address: str) -> bool:
        """Count a WebSocket connection attempt against its address."""
        times = self._connects.setdefault(address, deque())
        now_ns = monotonic_ns()
        while times and now_ns - times[0] > 300_000_000_000:
            times.popleft()
        rules = self.sockets
        open_now = sum(each.address == address for each in self.connections.values())
        if rules.connects and len(times) >= rules.connects:
            return False
        if rules.at_once and open_now >= rules.at_once:
            return False
        times.append(now_ns)
        return True

    def open(self, opened: Opening, address: str) -> Connection:
        """A connection whose handshake is being answered; raises `Refused`."""
        session = self.venue.session(opened, self._house)
        number = self._number + 1
        if self.venue.api_route and opened.route == self.venue.api_route:
            api = self.rest.api(self.market, opened, address, self.clock())
            connection: Connection = ApiConnection(self, number, session, address, api)
        else:
            connection = Connection(self, number, session, address)
        self._number = number
        self.accepted += 1
        fault = self.faults.opening(opened.route or "legacy")
        connection.mute = fault is not None and fault.kind == "mute"
        if fault is not None and fault.kind == "bare":
            session.combined = False
        return connection

    def perform(self, request: http1.Request, address: str, arrived_ms: int) -> RestAnswer:
        """Execute a request now, whenever it arrived."""
        return self.rest.answer(self.market, request, address, arrived_ms, self.clock())

    def tell(self) -> None:
        """Publish what happened to the accounts and write it."""
        self._keep_running()
        for stream, payload in self.rest.take():
            self.hub.publish(stream, payload)
        self.hub.flush()

    def _keep_running(self) -> None:
        """Streams that speak whether anybody listens or not have nobody as a listener."""
        for name in self.venue.running(self.rest):
            if name not in self._running:
                self._running.add(name)
                stream = self.venue.stream(name, self.market.symbols)
                if self.hub.add(name, NOBODY) and stream is not None:
                    self.market.subscribed(stream)

    def subscribe(self, connection: Connection, names: tuple[str, ...]) -> None:
        """Let the connection hear these streams, as far as they exist and its URL carries them."""
        if connection.mute:
            return
        for name in names:
            stream = self.venue.stream(name, self.market.symbols)
            if stream is None:
                for private in self.rest.private(connection.session.route, name):
                    if private not in connection.heard:
                        self.faults.subscribed(private, connection.number)
                    self.hub.add(private, connection)
                    connection.heard.add(private)
                    for payload in self.rest.greeting(private, self.clock()):
                        self.hub.greet(private, payload, connection)
            elif connection.session.route in stream.routes:
                if name not in connection.heard:
                    self.faults.subscribed(name, connection.number)
                if self.hub.add(name, connection):
                    self.market.subscribed(stream)
                connection.heard.add(name)
                for payload in self.market.greeting(stream, self.clock()):
                    self.hub.greet(name, payload, connection)
        self.hub.flush()

    def unsubscribe(self, connection: Connection, names: tuple[str, ...]) -> None:
        for name in names:
            for each in (name, *self.rest.private(connection.session.route, name)):
                if each in connection.heard:
                    connection.heard.discard(each)
                    self._left(each, connection)

    def gone(self, connection: Connection, why: str) -> None:
        """The connection is closed."""
        self.connections.pop(connection.number, None)
        for name in [*connection.heard]:
            self._left(name, connection)
        self.hub.forget(connection)
        self.closed_for[why] = self.closed_for.get(why, 0) + 1

    def _left(self, name: str, connection: Connection) -> None:
        if self.hub.remove(name, connection):
            stream = self.venue.stream(name, self.market.symbols)
            if stream is not None:  # else its symbol is listed no longer
                self.market.unsubscribed(stream)

    def _act(self, rule: Rule) -> None:
        if rule.group == "venue":
            about = rule.options.get("symbol") or rule.options.get("name", "")
            self.venue.mishap(self.rest, rule.kind, about)
            self.faults.count(rule.kind)
            if rule.kind == "skew":
                self.clock.skew_ms = rule["ms"]
            elif rule.kind == "repeat":
                self.market.repeat(rule["symbol"])
            elif rule.kind == "reset":
                self.market.reset(rule["symbol"])
        if rule.group != "connection":
            return
        for connection in [*self.connections.values()]:
            if rule["connection"] not in (0, connection.number):
                continue
            if not connection.hears(rule["stream"]):
                continue
            self.faults.count(rule.kind)
            if rule.kind == "half_open":
                connection.silent = True
            elif rule.kind == "close":
                connection.close(rule["code"], rule["reason"], "fault")
            elif rule.kind == "lose":
                connection.lose(rule["stream"])
            elif rule.kind == "foist":
                connection.session.streams[rule["name"]] = None
                self.subscribe(connection, (rule["name"],))
            elif rule.kind == "unsubscribe":
                connection.end(rule["stream"], rule["code"])
            elif rule["how"] == "clean":
                connection.close(1001, "fault", "fault")
            else:
                connection.cut(abrupt=rule["how"] == "abrupt")

    async def _pump(self) -> None:
        while True:
            now_ns = monotonic_ns()
            more = self.market.run_until(now_ns, 256)
            self.rest.turn(self.clock())
            self.tell()
            if more:
                await asyncio.sleep(0)
                continue
            if self.market.done and not any(each.backlog for each in self.connections.values()):
                self.ended.set()
            due_ns = self.market.next_ns()
            wait_s = 0.02 if due_ns is None else (due_ns - now_ns) / 1e9
            await asyncio.sleep(min(0.02, max(0.0005, wait_s)))

    async def _sweep(self) -> None:
        """Pings, pong deadlines, lifetimes, idle REST connections."""
        while True:
            rules = self.sockets
            waits = (0.25, rules.ping_s / 4, rules.pong_s / 4, rules.silence_s / 4)
            await asyncio.sleep(min(each for each in waits if each))
            now_ns = monotonic_ns()
            for connection in [*self.connections.values()]:
                connection.on_timer(now_ns)
            for http in [*self.http]:
                if now_ns - http.heard_ns > self.options.idle_s * 1e9:
                    http.transport.close()


def ready_line(server: Server, host: str, ca: str | None) -> dict[str, object]:
    """What the process prints when it listens."""
    shown = f"[{host}]" if ":" in host else host
    secure = "s" if ca else ""
    return {
        "rest": f"http{secure}://{shown}:{server.port}",
        "ws": f"ws{secure}://{shown}:{server.port}",
        "ca": ca,
        "pid": os.getpid(),
    }
