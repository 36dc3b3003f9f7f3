"""A strategy on other people's libraries, one process from the frame to the order; imports nothing
of connector, since it runs in the peers' environment.

Usage: python trade.py PEER STREAM REST_URL WS_URL SYMBOL CPU

It buys at the best bid when a new second begins by the venue's clock, as ours does; the order's
client id is that second. STREAM: bookTicker or depth.
"""

import asyncio
import hashlib
import hmac
import os
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

HOSTS = {"https://fapi.binance.com": "rest", "wss://fstream.binance.com": "ws"}
KEY, SECRET = "k" * 64, "s" * 64
QTY = "0.010"


def pointed(urls: Any, targets: dict[str, str]) -> Any:
    """ccxt's tree of URLs with the venue's hosts replaced."""
    if isinstance(urls, dict):
        return {key: pointed(value, targets) for key, value in urls.items()}
    if isinstance(urls, str):
        for host, name in HOSTS.items():
            urls = urls.replace(host, targets[name])
    return urls


async def ccxt_pro(stream: str, rest: str, ws: str, symbol: str) -> None:
    """watch_order_book and create_order."""
    import ccxt.pro

    settings = {
        "apiKey": KEY,
        "secret": SECRET,
        "enableRateLimit": False,
        "options": {"fetchCurrencies": False},  # they are the spot venue's
    }
    exchange = ccxt.pro.binanceusdm(settings)
    exchange.urls["api"] = pointed(exchange.urls["api"], {"rest": rest, "ws": ws})
    await exchange.load_markets()
    name = exchange.market(symbol)["symbol"]
    last = 0
    orders = set()
    while True:
        book = await exchange.watch_order_book(name)
        second = (book["timestamp"] or 0) // 1000
        if second > last:
            if last:
                params = {"timeInForce": "IOC", "newClientOrderId": str(second)}
                bid = book["bids"][0][0]
                work = exchange.create_order(name, "limit", "buy", float(QTY), bid, params)
                task = asyncio.create_task(work)
                orders.add(task)
                task.add_done_callback(orders.discard)
            last = second


async def aiohttp_hmac(stream: str, rest: str, ws: str, symbol: str) -> None:
    """aiohttp for both ways, orjson, the standard library's hmac."""
    import aiohttp
    import orjson

    loads, secret = orjson.loads, SECRET.encode()
    bids: dict[float, float] = {}
    last = 0
    orders = set()
    async with aiohttp.ClientSession(headers={"X-MBX-APIKEY": KEY}) as session:

        async def order(price: str, name: str) -> None:
            query = urlencode(
                {
                    "symbol": symbol,
                    "side": "BUY",
                    "type": "LIMIT",
                    "timeInForce": "IOC",
                    "quantity": QTY,
                    "price": price,
                    "newClientOrderId": name,
                    "recvWindow": 5000,
                    "timestamp": time.time_ns() // 1_000_000,
                }
            )
            signature = hmac.digest(secret, query.encode(), hashlib.sha256).hex()
            url = f"{rest}/fapi/v1/order?{query}&signature={signature}"
            async with session.post(url) as answer:
                await answer.read()

        async with session.get(f"{rest}/fapi/v1/depth?symbol={symbol}&limit=1000") as answer:
            book = loads(await answer.read())
        bids = {float(price): float(quantity) for price, quantity in book["bids"]}
        name = f"{symbol.lower()}@{stream}" + ("@0ms" if stream == "depth" else "")
        async with session.ws_connect(f"{ws}/public/stream") as socket:
            await socket.send_json({"method": "SUBSCRIBE", "params": [name], "id": 1})
            async for message in socket:
                data = loads(message.data).get("data")
                if data is None:
                    continue
                if stream == "depth":
                    for price, amount in data["b"]:
                        quantity = float(amount)
                        if quantity:
                            bids[float(price)] = quantity
                        else:
                            bids.pop(float(price), None)
                second = data["E"] // 1000
                if second > last:
                    if last:
                        best = f"{max(bids):.2f}" if stream == "depth" else data["b"]
                        task = asyncio.create_task(order(best, str(second)))
                        orders.add(task)
                        task.add_done_callback(orders.discard)
                    last = second


PEERS: dict[str, Callable[[str, str, str, str], Awaitable[None]]] = {
    "ccxt.pro": ccxt_pro,
    "aiohttp+hmac": aiohttp_hmac,
}

if __name__ == "__main__":
    import uvloop

    peer, *arguments, cpu = sys.argv[1:]
    os.sched_setaffinity(0, {int(cpu)})
    uvloop.run(PEERS[peer](*arguments))  # type: ignore[arg-type]
