"""The simulated Centrifugo behind a real WebSocket, for clients that are not ours."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

from websockets.asyncio.server import ServerConnection, serve

from connector.venues.cadenza.sim_broker import Broker, Claims, Rules, read, sign
from connector.venues.cadenza.sim_centrifugo import Client
from connector.venues.sim_contract import Reply

SECRET = b"a secret of these tests"


class Venue:
    """``skew_ms`` moves its clock; what clients sent is in ``heard``."""

    def __init__(self, rules: Rules) -> None:
        self.rules, self.broker = rules, Broker(rules)
        self.skew_ms = 0
        self.heard: list[str] = []
        self.closed: list[int] = []
        self.sockets: dict[ServerConnection, Client] = {}
        self.url = ""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self.skew_ms

    def verify(self, token: str, now_ms: int) -> Claims:
        return read(token, SECRET, now_ms)

    def token(self, seconds: int = 3600, **claims: Any) -> str:
        return sign({"sub": "u1", "exp": self.now_ms() // 1000 + seconds} | claims, SECRET)

    async def publish(self, channel: str, data: bytes) -> None:
        push = self.broker.publish(channel, data, self.now_ms())
        for socket, client in self.sockets.items():
            if channel in client.streams:
                await socket.send(push.decode())

    async def give(self, socket: ServerConnection, reply: Reply | None) -> None:
        if reply is None:
            return
        if reply.message:
            await socket.send(reply.message.decode())
        for channel, data in reply.published:
            await self.publish(channel, data)
        if reply.close:
            self.closed.append(reply.close)
            await socket.close(reply.close, reply.reason)

    async def serve(self, socket: ServerConnection) -> None:
        client = Client(
            self.rules, self.broker, self.now_ms, self.verify,
            lambda user, method, data: data if method == "echo" else None,
        )  # fmt: skip
        self.sockets[socket] = client
        try:
            while True:
                text = None
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.05):
                        text = await socket.recv()
                if text is None:
                    await self.give(socket, client.turn())
                    continue
                self.heard.append(str(text))
                await self.give(socket, client.receive(str(text).encode()))
        except Exception:
            if socket.close_code is None:
                raise
        finally:
            del self.sockets[socket]
            client.gone()


@contextlib.asynccontextmanager
async def venue(rules: Rules) -> AsyncIterator[Venue]:
    found = Venue(rules)
    async with serve(found.serve, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        found.url = f"ws://127.0.0.1:{port}/connection/websocket"
        yield found
