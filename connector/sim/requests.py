"""A connection of the simulated venue that has not become a WebSocket: requests, what faults make
of their answers, the commands to the simulator itself, and the upgrade."""

import asyncio
import contextlib
import logging
import socket
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import orjson
from picows import WSAutoPingStrategy, WSUpgradeRequest
from picows.picows import WSProtocol  # type: ignore[attr-defined]  # not in picows' stub

from connector.clock import monotonic_ns
from connector.protocol import http1
from connector.sim.connection import Connection, reset
from connector.sim.faults import Rule
from connector.venues.sim_contract import Refused, RestAnswer

if TYPE_CHECKING:
    from connector.sim.server import Server

log = logging.getLogger("connector.sim")


def rule_row(rule: Rule) -> dict[str, object]:
    return {"id": rule.rule_id, "kind": rule.kind, "done": rule.done, "left": rule.left} | (
        rule.options
    )


class HttpConnection(asyncio.Protocol):
    """A connection that has not become a WebSocket: answers requests in order."""

    transport: Any

    def __init__(self, server: "Server") -> None:
        self.server = server
        self.heard_ns = monotonic_ns()
        self._http = http1.ServerConnection()
        self._waiting: deque[http1.Event] = deque()
        self._busy = False
        self.address = ""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        peer = transport.get_extra_info("peername")
        self.address = peer[0] if peer else ""
        sock = transport.get_extra_info("socket")
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.server.http.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self.server.http.discard(self)
        self._waiting.clear()

    def data_received(self, data: bytes) -> None:
        self.heard_ns = monotonic_ns()
        self._waiting.extend(self._http.receive(bytes(data)))
        self._work()

    def _work(self) -> None:
        while self._waiting and not self._busy:
            event = self._waiting.popleft()
            if isinstance(event, http1.Request):
                self._request(event)
            elif isinstance(event, http1.Upgrade):
                self._upgrade(event)
            elif isinstance(event, http1.Continue):
                self.transport.write(http1.CONTINUE)
            else:
                self._send(http1.response(event.status, keep_alive=False), close=True)

    def _send(self, data: bytes, *, close: bool = False) -> None:
        if not self.transport.is_closing():
            self.transport.write(data)
            if close:
                self.transport.close()

    def _request(self, request: http1.Request) -> None:
        server = self.server
        if request.path.startswith("/_sim/"):
            status, body = self._control(request)
            self._answer(request, status, body, {})
            return
        server.requests[request.path] = server.requests.get(request.path, 0) + 1
        symbol = _symbol_of(request)
        rule = server.faults.answer(request.method, request.path, symbol)
        arrived_ms = server.clock()
        if rule is not None and rule.kind == "queue":
            self._busy = True
            loop = asyncio.get_running_loop()
            loop.call_later(rule["ms"] / 1000, self._queued, request, arrived_ms)
            return
        if rule is not None and not rule.options.get("execute", True):
            found = RestAnswer(200, b"", {})
        else:
            found = server.perform(request, self.address, arrived_ms)
        self._give(request, found, rule, symbol)
        server.tell()

    def _queued(self, request: http1.Request, arrived_ms: int) -> None:
        found = self.server.perform(request, self.address, arrived_ms)
        self._late(request, found.status, found.body, found.headers)
        self.server.tell()

    def _give(
        self, request: http1.Request, found: RestAnswer, rule: Rule | None, symbol: str
    ) -> None:
        """Send the answer, or what a fault makes of it."""
        server = self.server
        status, body, headers = found.status, found.body, found.headers
        if rule is None:
            if found.later is not None:
                self._busy = True
                self._held(request, found.later)
            else:
                self._answer(request, status, body, headers)
            return
        match rule.kind:
            case "status":
                if rule["retry_after"] >= 0:
                    name = server.venue.retry_after(request.path)
                    headers[name] = str(rule["retry_after"])
                text = rule["body"].encode()
                html = "text/html" if text.startswith(b"<") else "application/json;charset=UTF-8"
                kind = rule["content_type"] or html
                self._answer(request, rule["status"], text, headers, kind)
            case "empty":
                self._answer(request, rule["status"], b"", headers)
            case "truncate":
                whole = http1.response(status, body, headers.items(), keep_alive=False)
                self._send(whole[: len(whole) - (len(body) + 1) // 2], close=True)
            case "slow":
                self._busy = True
                loop = asyncio.get_running_loop()
                loop.call_later(rule["ms"] / 1000, self._late, request, status, body, headers)
            case "old_snapshot":
                if status == 200:
                    levels = server.venue.snapshot_levels
                    body = server.market.old_depth(symbol, levels, server.clock())
                self._answer(request, status, body, headers)
            case "lost":
                self._busy = True
            case _:
                reset(self.transport)

    def _held(
        self, request: http1.Request, later: Callable[[int], RestAnswer | None]
    ) -> None:  # fmt: skip
        """Send an answer that the venue holds back, once it is there."""
        found = later(self.server.clock())
        if found is not None:
            self._late(request, found.status, found.body, found.headers)
        elif not self.transport.is_closing():
            self.server.later(0.01, lambda: self._held(request, later))

    def _late(
        self, request: http1.Request, status: int, body: bytes, headers: Mapping[str, str]
    ) -> None:
        self._busy = False
        self._answer(request, status, body, headers)
        self._work()

    def _answer(
        self,
        request: http1.Request,
        status: int,
        body: bytes,
        headers: Mapping[str, str],
        content_type: str = "application/json;charset=UTF-8",
    ) -> None:
        data = http1.response(
            status,
            body,
            headers.items(),
            content_type=content_type,
            keep_alive=request.keep_alive,
            method=request.method,
        )
        self._send(data, close=not request.keep_alive)

    def _control(self, request: http1.Request) -> tuple[int, bytes]:
        server = self.server
        what = (request.method, request.path)
        if what == ("GET", "/_sim/status"):
            return 200, orjson.dumps(server.status())
        if what == ("POST", "/_sim/faults"):
            try:
                return 200, orjson.dumps(server.command(request.body))
            except ValueError as error:
                return 400, orjson.dumps({"error": str(error)})
        if what == ("POST", "/_sim/instruments"):
            try:
                return 200, orjson.dumps(server.relist(request.body))
            except ValueError as error:
                return 400, orjson.dumps({"error": str(error)})
        if what == ("GET", "/_sim/book"):
            symbol = dict(parse_qsl(request.query)).get("symbol", "")
            if symbol not in server.market.symbols:
                return 400, orjson.dumps({"error": f"no symbol {symbol!r}"})
            levels = server.venue.snapshot_levels
            return 200, server.market.depth(symbol, levels, server.clock())
        if what == ("GET", "/_sim/faults"):
            return 200, orjson.dumps([rule_row(rule) for rule in server.faults.rules()])
        if what == ("DELETE", "/_sim/faults"):
            return 200, orjson.dumps({"cleared": server.faults.clear()})
        return 404, orjson.dumps({"error": f"no {request.method} {request.path}"})

    def _upgrade(self, event: http1.Upgrade) -> None:
        server = self.server
        try:
            opened = server.venue.opening(event.request.target)
            if not server.admit(self.address):
                raise Refused(429, "too many connections")
            connection = server.open(opened, self.address)
        except Refused as refused:
            body = server.venue.refusal(refused)
            self._send(http1.response(refused.status, body, keep_alive=False), close=True)
            return
        server.http.discard(self)

        def listener(request: WSUpgradeRequest) -> Connection:
            return connection

        protocol = WSProtocol(
            None, None, False, listener, log.getChild("ws"), True, 5.0,
            False, 10.0, 10.0, WSAutoPingStrategy.PING_WHEN_IDLE, False,
            64 * 1024, None, 16 * 1024,
        )  # fmt: skip
        self.transport.set_protocol(protocol)
        protocol.connection_made(self.transport)
        data = event.head + event.rest
        while data:
            buffer = protocol.get_buffer(len(data))
            size = min(len(buffer), len(data))
            buffer[:size] = data[:size]
            protocol.buffer_updated(size)
            data = data[size:]


def _symbol_of(request: http1.Request) -> str:
    for part in [*request.query.split("&"), *request.body.decode("latin-1").split("&")]:
        if part.startswith("symbol="):
            return part[7:]
    return ""
