"""A client of the simulated venue that is not ours: ccxt, unmodified but for its URLs.

    python ccxt_client.py REST_URL WS_URL SYMBOL LAST_ID

Reads markets, time, book and trades by REST, follows the book by WebSocket until it has reached
update id LAST_ID, and writes one JSON object of what it saw. It runs in a process of its own:
ccxt loads the event loop and a hundred modules.
"""

import asyncio
import json
import sys
from typing import Any

HOSTS = {"https://fapi.binance.com": "rest", "wss://fstream.binance.com": "ws"}


def pointed(urls: Any, targets: dict[str, str]) -> Any:
    """ccxt's tree of URLs with the venue's hosts replaced."""
    if isinstance(urls, dict):
        return {key: pointed(value, targets) for key, value in urls.items()}
    if isinstance(urls, str):
        for host, name in HOSTS.items():
            urls = urls.replace(host, targets[name])
    return urls


async def main(targets: dict[str, str], market_id: str, last_id: int) -> dict[str, Any]:
    import ccxt.pro

    exchange = ccxt.pro.binanceusdm()
    exchange.urls["api"] = pointed(exchange.urls["api"], targets)
    try:
        markets = await exchange.fetch_markets()
        await exchange.load_markets()
        symbol = exchange.market(market_id)["symbol"]
        seen: dict[str, Any] = {
            "markets": {row["id"]: row["precision"] for row in markets},
            "time": await exchange.fetch_time(),
        }
        book = await exchange.watch_order_book(symbol, 1000)
        while book["nonce"] < last_id:
            book = await exchange.watch_order_book(symbol, 1000)
        seen["watched"] = {"nonce": book["nonce"], "bids": [*book["bids"]], "asks": [*book["asks"]]}
        fetched = await exchange.fetch_order_book(symbol, 1000)
        seen["fetched"] = {key: fetched[key] for key in ("nonce", "bids", "asks")}
        seen["trades"] = await exchange.fetch_trades(
            symbol, params={"fetchTradesMethod": "fapiPublicGetTrades"}
        )
        return seen
    finally:
        await exchange.close()


if __name__ == "__main__":
    rest, ws, wanted, until = sys.argv[1:]
    answer = asyncio.run(main({"rest": rest, "ws": ws}, wanted, int(until)))
    sys.stdout.write(json.dumps(answer))
