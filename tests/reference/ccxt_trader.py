"""A trader on the simulated venue that is not ours: ccxt, unmodified but for its URLs.

    python ccxt_trader.py REST_URL WS_URL KEY SECRET SYMBOL

Places, amends and cancels by REST while it follows its orders, fills, balance and positions on the
user stream, and writes one JSON object of what it saw.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from ccxt_client import pointed


async def collect(watch: Callable[[], Awaitable[Any]], into: list[Any]) -> None:
    while True:
        found = await watch()
        into.extend(found if isinstance(found, list) else [found])


async def until(ready: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not ready():  # noqa: ASYNC110  whatever it is, it is seen
            await asyncio.sleep(0.01)


def order_row(order: dict[str, Any]) -> dict[str, Any]:
    names = ("id", "clientOrderId", "status", "type", "side", "price", "amount", "filled")
    return {name: order[name] for name in names}


async def trade(exchange: Any, market_id: str) -> dict[str, Any]:
    await exchange.load_markets()
    symbol = exchange.market(market_id)["symbol"]
    seen: dict[str, Any] = {"before": (await exchange.fetch_balance())["USDT"]}
    orders: list[Any] = []
    fills: list[Any] = []
    balances: list[Any] = []
    positions: list[Any] = []
    tasks = [
        asyncio.create_task(collect(lambda: exchange.watch_orders(symbol), orders)),
        asyncio.create_task(collect(lambda: exchange.watch_my_trades(symbol), fills)),
        asyncio.create_task(collect(exchange.watch_balance, balances)),
        asyncio.create_task(collect(lambda: exchange.watch_positions([symbol]), positions)),
    ]
    bid = float((await exchange.fetch_ticker(symbol))["last"]) * 0.97
    # The stream is there once an order of ours comes back on it.
    while not orders:
        probe = await exchange.create_order(symbol, "limit", "buy", 0.05, bid)
        await asyncio.sleep(0.2)
        await exchange.cancel_order(probe["id"], symbol)

    def last(order_id: str) -> dict[str, Any]:
        return next((o for o in reversed(orders) if o["id"] == order_id), {"status": None})

    placed = await exchange.create_order(
        symbol, "limit", "buy", 0.05, bid, {"timeInForce": "PO", "clientOrderId": "ccxt-one"}
    )
    seen["placed"] = order_row(await exchange.fetch_order(placed["id"], symbol))
    await exchange.edit_order(placed["id"], symbol, "limit", "buy", 0.06, bid * 0.99)
    (opened,) = await exchange.fetch_open_orders(symbol)
    seen["edited"] = order_row(opened)
    await until(lambda: last(placed["id"]).get("amount") == 0.06)
    await exchange.cancel_order(placed["id"], symbol)
    await until(lambda: last(placed["id"])["status"] == "canceled")
    seen["open_after_cancel"] = len(await exchange.fetch_open_orders(symbol))

    bought = await exchange.create_order(symbol, "market", "buy", 0.05)
    await until(lambda: last(bought["id"])["status"] == "closed")
    seen["bought"] = order_row(await exchange.fetch_order(bought["id"], symbol))
    seen["trades"] = [
        {"amount": t["amount"], "fee": t["fee"]["cost"], "order": t["order"]}
        for t in await exchange.fetch_my_trades(symbol)
    ]
    (position,) = await exchange.fetch_positions([symbol])
    seen["position"] = {name: position[name] for name in ("contracts", "side")}
    stop = await exchange.create_order(
        symbol, "market", "sell", 0.05, None, {"stopLossPrice": bid * 0.98, "reduceOnly": True}
    )
    (waiting,) = await exchange.fetch_open_orders(symbol, params={"trigger": True})
    seen["stop"] = {"type": waiting["type"], "same": waiting["id"] == stop["id"]}
    await exchange.cancel_order(stop["id"], symbol, {"trigger": True})
    seen["stops_left"] = len(await exchange.fetch_open_orders(symbol, params={"trigger": True}))
    sold = await exchange.create_order(symbol, "market", "sell", 0.05, None, {"reduceOnly": True})
    await until(lambda: last(sold["id"])["status"] == "closed")
    batch = await exchange.create_orders(
        [
            {"symbol": symbol, "type": "limit", "side": "buy", "amount": 0.05, "price": bid},
            {"symbol": symbol, "type": "limit", "side": "buy", "amount": 0.05, "price": bid * 0.99},
        ]
    )
    await exchange.cancel_all_orders(symbol)
    await until(lambda: all(last(each["id"])["status"] == "canceled" for each in batch))
    seen["leverage"] = (await exchange.set_leverage(5, symbol))["leverage"]
    await exchange.set_margin_mode("isolated", symbol)
    for name, action in {
        "rejected": exchange.create_order(symbol, "limit", "buy", 10_000, bid),
        "unknown": exchange.cancel_order("123", symbol),
    }.items():
        try:
            await action
        except Exception as error:
            seen[name] = type(error).__name__
    seen["after"] = (await exchange.fetch_balance())["USDT"]
    await until(lambda: len(fills) >= 2 and bool(balances) and bool(positions))
    seen["watched_fills"] = [{"side": t["side"], "order": t["order"]} for t in fills]
    seen["ours"] = [bought["id"], sold["id"]]
    seen["watched_balance"] = balances[-1]["USDT"]["total"]
    for task in tasks:
        task.cancel()
    return seen


async def main(targets: dict[str, str], key: str, secret: str, market_id: str) -> dict[str, Any]:
    import ccxt.pro

    # Currencies are asked of the spot venue, which is not simulated.
    options = {"fetchCurrencies": False}
    exchange = ccxt.pro.binanceusdm({"apiKey": key, "secret": secret, "options": options})
    exchange.urls["api"] = pointed(exchange.urls["api"], targets)
    try:
        return await trade(exchange, market_id)
    finally:
        await exchange.close()


if __name__ == "__main__":
    rest, ws, *words = sys.argv[1:]
    sys.stdout.write(json.dumps(asyncio.run(main({"rest": rest, "ws": ws}, *words))))
