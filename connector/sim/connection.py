"""One WebSocket connection of the simulated venue: its control messages, its pings, its limits."""

import socket
import struct
from collections import deque
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from picows import WSFrame, WSListener, WSMsgType, WSTransport

from connector.clock import monotonic_ns, wall_ns
from connector.sim.hub import CLOSE, PING, PONG, frame
from connector.venues.sim_contract import OrderApi, Reply, Session, TimedSession

if TYPE_CHECKING:
    from connector.sim.faults import Rule
    from connector.sim.server import Server

SECOND_NS = 1_000_000_000
LARGEST_MESSAGE = 64 * 1024


def reset(transport: Any) -> None:
    """Close with a TCP reset, as a crashed peer or a firewall does."""
    sock = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


class Connection(WSListener):
    """A client's WebSocket."""

    def __init__(self, server: "Server", number: int, session: Session, address: str) -> None:
        self.server = server
        self.number = number
        self.session = session
        self.address = address
        self.heard: set[str] = set()
        self.silent = False
        """Half open: nothing is sent any more."""
        self.mute = False
        """No stream is heard on it, whatever it asks for."""
        self.paused = False
        self.opened_ns = monotonic_ns()
        self.transport: Any = None
        self._tcp: Any = None
        self._out: list[bytes] = []
        self._closing = ""
        self._joined = b""
        self._times: deque[int] = deque()
        self._alive_ns = self.opened_ns
        self._next_ping_ns = self.opened_ns + int(server.sockets.ping_s * SECOND_NS)
        self._ping: bytes | None = None
        self._ping_ns = 0
        self._timed = session if isinstance(session, TimedSession) else None
        self.sent_bytes = 0

    @property
    def combined(self) -> bool:
        return self.session.combined

    @property
    def backlog(self) -> int:
        """Bytes the client has not taken."""
        return self._tcp.get_write_buffer_size() if self._tcp is not None else 0

    def hears(self, pattern: str) -> bool:
        """Whether one of its streams matches; ``*`` is every connection."""
        return pattern == "*" or any(fnmatchcase(name, pattern) for name in self.heard)

    def status(self) -> dict[str, object]:
        return {
            "id": self.number,
            "address": self.address,
            "route": self.session.route or "legacy",
            "streams": list(self.session.streams),
            "backlog": self.backlog,
            "bytes_sent": self.sent_bytes,
            "half_open": self.silent,
        }

    # What the hub calls.

    def write(self, data: bytes) -> None:
        if not self.silent and not self._closing:
            self._out.append(data)

    def flush(self) -> None:
        if not self._out:
            return
        data = self._out[0] if len(self._out) == 1 else b"".join(self._out)
        self._out = []
        if self._tcp.is_closing():
            return
        self.sent_bytes += len(data)
        self._tcp.write(data)
        if self.paused and self._tcp.get_write_buffer_size() > self.server.options.backlog_bytes:
            self.cut(abrupt=True, why="too slow")

    # Ends.

    def close(self, code: int, reason: str, why: str = "") -> None:
        """Say goodbye and hang up; the peer has a second to answer."""
        if self._closing or self._tcp is None:
            return
        if not self.server.sockets.farewell:
            self.cut(abrupt=False, why=why or reason)
            return
        self.write(frame(struct.pack("!H", code) + reason.encode()[:120], CLOSE))
        self.flush()
        self._closing = why or reason
        self.server.hub.forget(self)
        self.server.later(1.0, self._tcp.close)

    def cut(self, *, abrupt: bool, why: str = "fault") -> None:
        """Drop the TCP connection without a word: a reset, or an orderly end of stream."""
        self._closing = self._closing or why
        self._out = []
        self.server.hub.forget(self)
        if abrupt:
            reset(self._tcp)
        else:
            self._tcp.close()

    def abort(self) -> None:
        if self._tcp is not None:
            self._tcp.abort()

    def on_timer(self, now_ns: int) -> None:
        """Pings, the pong deadline and the end of the connection's life."""
        rules = self.server.sockets
        if self._closing:
            return
        if self._timed is not None and (reply := self._timed.turn()) is not None:
            self._reply(reply)
        if rules.lifetime_s and now_ns - self.opened_ns > rules.lifetime_s * SECOND_NS:
            self.close(1001, "connection lifetime over", "lifetime")
        elif rules.silence_s and now_ns - self._alive_ns > rules.silence_s * SECOND_NS:
            self.close(1008, "no sign of life", "silence")
        elif self._ping is not None and now_ns - self._ping_ns > rules.pong_s * SECOND_NS:
            self.close(1008, "Pong timeout", "no pong")
        elif rules.ping_s and now_ns >= self._next_ping_ns:
            self._next_ping_ns = now_ns + int(rules.ping_s * SECOND_NS)
            payload = str(wall_ns() // 1_000_000).encode()
            if self._ping is None:
                self._ping, self._ping_ns = payload, now_ns
            else:
                payload = self._ping
            self.write(frame(payload, PING))
            self.flush()

    # picows calls these.

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport
        self._tcp = transport.underlying_transport
        self._tcp.set_write_buffer_limits(high=1024 * 1024)
        self.server.connections[self.number] = self
        self.server.subscribe(self, tuple(self.session.streams))

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        if self._timed is not None:
            self._timed.gone()
        self.server.gone(self, self._closing or "client")

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False

    def on_ws_frame(self, transport: WSTransport, received: WSFrame) -> None:
        if received.msg_type == WSMsgType.CLOSE:
            if not self._closing:
                self.write(frame(received.get_payload_as_bytes()[:2], CLOSE))
                self.flush()
            self._tcp.close()
            return
        if self._closing:
            return
        payload = received.get_payload_as_bytes()
        control = received.msg_type in (WSMsgType.PING, WSMsgType.PONG)
        if received.fin and not self._allowed(control):
            self.close(1008, "Too many requests", "too many messages")
        elif received.msg_type == WSMsgType.PING:
            self._alive_ns = monotonic_ns()
            self.write(frame(payload, PONG))
            self.flush()
        elif received.msg_type == WSMsgType.PONG:
            # Only the echo of the last ping counts, an unsolicited pong keeps nothing alive.
            if payload == self._ping:
                self._ping = None
        else:
            self._joined += payload
            if len(self._joined) > LARGEST_MESSAGE:
                self.close(1009, "message too big")
            elif received.fin:
                message, self._joined = self._joined, b""
                self._control(message)

    def _allowed(self, control: bool) -> bool:
        """Count a message of the client."""
        rules = self.server.sockets
        return (control and not rules.pings_count) or self._count(rules.messages_per_s)

    def _count(self, most: int) -> bool:
        now_ns = monotonic_ns()
        times = self._times
        while times and now_ns - times[0] >= SECOND_NS:
            times.popleft()
        times.append(now_ns)
        return not most or len(times) <= most

    def _control(self, message: bytes) -> None:
        self._reply(self.session.receive(message))

    def _reply(self, reply: Reply) -> None:
        if reply.alive:
            self._alive_ns = monotonic_ns()
        if reply.removed:
            self.server.unsubscribe(self, reply.removed)
        if reply.message:
            self.write(frame(reply.message))
            self.flush()
        if reply.close:
            self.close(reply.close, reply.reason, reply.reason.lower())
        elif reply.added:
            self.server.subscribe(self, reply.added)
        for stream, payload in reply.published:
            self.server.hub.publish(stream, payload)
            self.server.hub.flush()

    def lose(self, pattern: str) -> None:
        """Forget its subscriptions of these streams without a word."""
        names = tuple(name for name in self.session.streams if fnmatchcase(name, pattern))
        for name in names:
            del self.session.streams[name]
        self.server.unsubscribe(self, names)

    def end(self, pattern: str, code: int) -> bool:
        """End its subscriptions of these streams, where the venue may do so."""
        if self._timed is None or self._closing:
            return False
        self._reply(self._timed.end(lambda name: fnmatchcase(name, pattern), code))
        return True


class ApiConnection(Connection):
    """A connection of the WebSocket order API; faults on answers apply to its requests, too."""

    def __init__(
        self, server: "Server", number: int, session: Session, address: str, api: OrderApi
    ) -> None:
        super().__init__(server, number, session, address)
        self._api = api

    def status(self) -> dict[str, object]:
        return super().status() | {"route": "order_api"}

    PINGS_PER_S = 5

    def _allowed(self, control: bool) -> bool:
        """What limits requests here is their weight; pings and pongs are five in any second."""
        return not control or self._count(self.PINGS_PER_S)

    def _control(self, message: bytes) -> None:
        server = self.server
        name, symbol = self._api.name(message)
        server.requests[name] = server.requests.get(name, 0) + 1
        rule = server.faults.answer("", name, symbol)
        arrived_ms = server.clock()
        if rule is not None and rule.kind == "queue":
            server.later(rule["ms"] / 1000, lambda: self._perform(message, arrived_ms, None))
        elif rule is not None and not rule.options.get("execute", True):
            self._give(Reply(b""), message, rule)
        else:
            self._perform(message, arrived_ms, rule)

    def _perform(self, message: bytes, arrived_ms: int, rule: "Rule | None") -> None:
        reply = self._api.receive(message, arrived_ms, self.server.clock())
        self._give(reply, message, rule)
        self.server.tell()

    def _give(self, reply: Reply, message: bytes, rule: "Rule | None") -> None:
        """Send the answer, or what a fault makes of it."""
        match "" if rule is None else rule.kind:
            case "status":
                assert rule is not None
                body = rule["body"].encode()
                self._reply(Reply(self._api.error(message, rule["status"], body)))
            case "truncate":
                self._reply(Reply(reply.message[: len(reply.message) // 2]))
            case "slow":
                assert rule is not None
                self.server.later(rule["ms"] / 1000, lambda: self._reply(reply))
            case "empty" | "lost":
                pass
            case "reset_http":
                self.cut(abrupt=True)
            case _:
                self._reply(reply)
