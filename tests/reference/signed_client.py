"""A client of the simulated venue's order side: signs, asks, listens. By the venue's page alone."""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import httpx
import websockets

from tests.reference.sim_process import NOBODY, Simulator

ORDER = "/fapi/v1/order"
EVENTS = "ORDER_TRADE_UPDATE/ACCOUNT_UPDATE/TRADE_LITE/ALGO_UPDATE/listenKeyExpired"


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Trader:
    """One account's requests, each on a connection of its own."""

    def __init__(self, venue: Simulator, key: str, secret: str) -> None:
        self.venue, self.key, self._secret = venue, key, secret.encode()

    def sign(self, payload: str) -> str:
        return hmac.new(self._secret, payload.encode(), hashlib.sha256).hexdigest()

    def ask(self, method: str, path: str, timeout: float = 30, **params: Any) -> httpx.Response:
        values = {"timestamp": now_ms(), **params}
        text = urlencode({name: value for name, value in values.items() if value is not None})
        text += f"&signature={self.sign(text)}"
        with httpx.Client(timeout=timeout, trust_env=False, verify=NOBODY) as client:
            return client.request(
                method, f"{self.venue.rest}{path}?{text}", headers={"X-MBX-APIKEY": self.key}
            )

    def ok(self, method: str, path: str, **params: Any) -> Any:
        answer = self.ask(method, path, **params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def code(self, method: str, path: str, **params: Any) -> tuple[int, int]:
        answer = self.ask(method, path, **params)
        return answer.status_code, answer.json()["code"]

    def far(self, symbol: str = "BTCUSDT") -> str:
        """A price below the market that a buy rests at."""
        book = self.venue.get("/fapi/v1/depth", symbol=symbol, limit=5).json()
        return f"{int(float(book['bids'][0][0]) * 0.97)}"

    def limit(self, **change: Any) -> dict[str, Any]:
        return {
            "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
            "quantity": "0.01", "price": self.far(), **change,
        }  # fmt: skip

    def listen_key(self) -> str:
        headers = {"X-MBX-APIKEY": self.key}
        with httpx.Client(trust_env=False, verify=NOBODY) as client:
            answer = client.post(f"{self.venue.rest}/fapi/v1/listenKey", headers=headers)
        key: str = answer.json()["listenKey"]
        return key

    def signed_params(self, **params: Any) -> dict[str, Any]:
        """Parameters of a request of the WebSocket order API."""
        values = {"apiKey": self.key, "timestamp": now_ms(), **params}
        texts = {
            name: json.dumps(v) if v is True or v is False else v for name, v in values.items()
        }
        payload = "&".join(f"{name}={texts[name]}" for name in sorted(texts))
        return values | {"signature": self.sign(payload)}


class Heard:
    """What a private stream said so far."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def orders(self, client_id: str = "") -> list[tuple[str, str]]:
        """Execution type and status of every order update."""
        return [
            (event["o"]["x"], event["o"]["X"])
            for event in self.events
            if event["e"] == "ORDER_TRADE_UPDATE" and client_id in ("", event["o"]["c"])
        ]

    async def until(self, ready: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not ready():  # noqa: ASYNC110  whatever it is, it is seen
                await asyncio.sleep(0.005)


@asynccontextmanager
async def listening(url: str) -> AsyncIterator[Heard]:
    """The events of a private URL while the block runs."""
    heard = Heard()
    async with websockets.connect(url, max_size=None) as ws:

        async def read() -> None:
            async for message in ws:
                heard.events.append(json.loads(message))

        task = asyncio.create_task(read())
        try:
            yield heard
        finally:
            task.cancel()


class Api:
    """A connection of the WebSocket order API."""

    def __init__(self, ws: Any) -> None:
        self._ws = ws
        self._id = 0

    async def ask(self, method: str, **params: Any) -> Any:
        self._id += 1
        await self._ws.send(json.dumps({"id": self._id, "method": method, "params": params}))
        answer = json.loads(await asyncio.wait_for(self._ws.recv(), 30))
        assert answer["id"] == self._id
        return answer


@asynccontextmanager
async def order_api(venue: Simulator, query: str = "") -> AsyncIterator[Api]:
    async with websockets.connect(f"{venue.ws}/ws-fapi/v1{query}") as ws:
        yield Api(ws)
