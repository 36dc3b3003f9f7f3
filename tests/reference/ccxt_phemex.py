"""A trader on the simulated Phemex that is not ours: ccxt, unmodified but for its URLs.

    python ccxt_phemex.py REST_URL WS_URL KEY SECRET SYMBOL [SYMBOL]

Reads markets and market data, follows book, trades and ticker, then places, amends and cancels
while it follows its balance; of the second symbol, which is settled in USDT, it takes a position of
each side; then it asks for all that is kept of the past. Writes one JSON object of what it saw.
"""

import asyncio
import json
import sys
from typing import Any

from ccxt_trader import collect, order_row, until

HOSTS = {"https://{hostname}": "rest", "wss://ws.phemex.com": "ws"}


def pointed(urls: Any, targets: dict[str, str]) -> Any:
    """ccxt's tree of URLs with the venue's hosts replaced."""
    if isinstance(urls, dict):
        return {key: pointed(value, targets) for key, value in urls.items()}
    if isinstance(urls, str):
        for host, name in HOSTS.items():
            urls = urls.replace(host, targets[name])
    return urls


async def look(exchange: Any, symbol: str) -> dict[str, Any]:
    """The market side."""
    market = exchange.market(symbol)
    book = await exchange.watch_order_book(symbol)
    for _ in range(20):
        book = await exchange.watch_order_book(symbol)
    fetched = await exchange.fetch_order_book(symbol)
    ticker = await exchange.fetch_ticker(symbol)
    watched = await exchange.watch_ticker(symbol)
    trades = await exchange.watch_trades(symbol)
    candles = await exchange.fetch_ohlcv(symbol, "1m")
    rows = await exchange.fetch_trades(symbol)
    return {
        "market": {name: market[name] for name in ("inverse", "linear", "settle", "contractSize")},
        "precision": market["precision"],
        "book": {side: len(book[side]) for side in ("bids", "asks")},
        "nonce": book["nonce"],
        "fetched_nonce": fetched["nonce"],
        "spread": [book["bids"][0][0], book["asks"][0][0]],
        "ticker": [ticker["low"], ticker["last"], ticker["high"]],
        "watched_ticker": watched["last"],
        "watched_trades": len(trades),
        "trade": {name: rows[-1][name] for name in ("side", "price", "amount")},
        "candles": len(candles),
    }


async def trade(exchange: Any, symbol: str) -> dict[str, Any]:
    """The order side. ccxt reads no arrays of orders on the private stream (4.5 expects another
    shape there), so orders are asked for, and what it hears there is the account."""
    settle = exchange.market(symbol)["settle"]
    swap = {"type": "swap", "code": settle}
    seen: dict[str, Any] = {"before": (await exchange.fetch_balance(swap))[settle]["total"]}
    balances: list[Any] = []
    watching = asyncio.create_task(collect(lambda: exchange.watch_balance(swap), balances))
    bid = (await exchange.fetch_order_book(symbol))["bids"][0][0]
    price = float(exchange.price_to_precision(symbol, bid * 0.97))

    async def order(order_id: str) -> Any:
        return order_row(await exchange.fetch_order(order_id, symbol))

    placed = await exchange.create_order(
        symbol, "limit", "buy", 10, price, {"timeInForce": "PostOnly", "clientOrderId": "ccxt-one"}
    )
    (opened,) = await exchange.fetch_open_orders(symbol)
    seen["placed"] = order_row(opened)
    # It names the quantity of a contract as that of a coin pair: the venue's own name goes with it.
    quantity = {"orderQty": 12}
    await exchange.edit_order(placed["id"], symbol, "limit", "buy", 12, price, quantity)
    (opened,) = await exchange.fetch_open_orders(symbol)
    seen["edited"] = order_row(opened)
    await exchange.cancel_order(placed["id"], symbol)
    seen["canceled"] = await order(placed["id"])
    seen["open_after_cancel"] = len(await exchange.fetch_open_orders(symbol))
    bought = await exchange.create_order(symbol, "market", "buy", 100)
    seen["bought"] = await order(bought["id"])
    seen["trades"] = [
        {"amount": t["amount"], "fee": t["fee"]["cost"], "order": t["order"]}
        for t in await exchange.fetch_my_trades(symbol)
    ]
    (position,) = await exchange.fetch_positions([symbol], {"code": settle})
    seen["position"] = {name: position[name] for name in ("contracts", "side")}
    sold = await exchange.create_order(symbol, "market", "sell", 100, None, {"reduceOnly": True})
    seen["sold"] = await order(sold["id"])
    stop = await exchange.create_order(
        symbol, "market", "sell", 5, None, {"triggerPrice": price, "triggerDirection": "descending"}
    )
    left = [await exchange.create_order(symbol, "limit", "buy", n, price) for n in (1, 2)]
    await exchange.cancel_all_orders(symbol)
    seen["left"] = [(await order(each["id"]))["status"] for each in left]
    (waiting,) = await exchange.fetch_open_orders(symbol)
    seen["waiting"] = waiting["id"] == stop["id"]
    # It spells the flag in another way, which cancels nothing that waits.
    await exchange.cancel_all_orders(symbol, {"trigger": True})
    seen["misspelt"] = len(await exchange.fetch_open_orders(symbol))
    await exchange.cancel_all_orders(symbol, {"untriggered": "true"})
    seen["open_at_the_end"] = len(await exchange.fetch_open_orders(symbol))
    await exchange.set_leverage(5, symbol, {"leverage": 5})
    for name, action in {
        "rejected": exchange.create_order(symbol, "limit", "buy", 30_000_000, price),
        "unknown": exchange.cancel_order("123", symbol),
    }.items():
        try:
            await action
        except Exception as error:
            seen[name] = type(error).__name__
    seen["after"] = (await exchange.fetch_balance(swap))[settle]["total"]
    await until(lambda: bool(balances) and balances[-1][settle]["total"] == seen["after"])
    watching.cancel()
    return seen


async def hedge(exchange: Any, symbol: str) -> dict[str, Any]:
    """The contracts in USDT: a position of each side."""
    swap = {"type": "swap", "code": "USDT"}
    seen: dict[str, Any] = {"before": (await exchange.fetch_balance(swap))["USDT"]["total"]}
    book = await exchange.watch_order_book(symbol)
    price = float(exchange.price_to_precision(symbol, book["bids"][0][0] * 0.97))

    async def order(order_id: str) -> Any:
        return order_row(await exchange.fetch_order(order_id, symbol))

    merged = await exchange.create_order(symbol, "market", "buy", 0.01)
    seen["merged"] = await order(merged["id"])
    await exchange.create_order(symbol, "market", "sell", 0.01, None, {"reduceOnly": True})
    await exchange.set_position_mode(True, symbol)
    long, short = {"hedged": True}, {"hedged": True}
    placed = await exchange.create_order(
        symbol, "limit", "buy", 0.02, price, {**long, "clientOrderId": "ccxt-hedged"}
    )
    (opened,) = await exchange.fetch_open_orders(symbol)
    seen["placed"] = order_row(opened)
    await exchange.edit_order(
        placed["id"], symbol, "limit", "buy", 0.03, price, {"posSide": "Long"}
    )
    (opened,) = await exchange.fetch_open_orders(symbol)
    seen["edited"] = order_row(opened)
    await exchange.cancel_order(placed["id"], symbol, {"posSide": "Long"})
    seen["canceled"] = await order(placed["id"])
    await exchange.create_order(symbol, "market", "buy", 0.05, None, long)
    await exchange.create_order(symbol, "market", "sell", 0.02, None, short)
    # A reduce-only sell in hedged mode closes the long position.
    closed = await exchange.create_order(
        symbol, "market", "sell", 0.01, None, {"hedged": True, "reduceOnly": True}
    )
    seen["closed"] = await order(closed["id"])
    rows = await exchange.fetch_positions([symbol], {"code": "USDT"})
    seen["positions"] = {row["side"]: row["contracts"] for row in rows}
    seen["trades"] = [
        {"amount": t["amount"], "fee": t["fee"]["cost"], "cost": t["cost"]}
        for t in await exchange.fetch_my_trades(symbol)
    ]
    await exchange.set_leverage(
        7, symbol, {"hedged": True, "longLeverageRr": -7, "shortLeverageRr": -7}
    )
    left = await exchange.create_order(symbol, "limit", "buy", 0.01, price, long)
    await exchange.cancel_all_orders(symbol)
    seen["left"] = (await order(left["id"]))["status"]
    seen["closed_orders"] = len(await exchange.fetch_closed_orders(symbol))
    try:
        await exchange.create_order(symbol, "market", "buy", 0.01)
    except Exception as error:
        seen["wrong_side"] = type(error).__name__
    seen["after"] = (await exchange.fetch_balance(swap))["USDT"]["total"]
    return seen


async def remember(exchange: Any, coin: str, linear: str) -> dict[str, Any]:
    """What the venue keeps of the past, and what can be set: by ccxt's own names of it all."""
    seen: dict[str, Any] = {"orders": {}, "closed": {}, "candles": {}, "funding": {}, "rates": {}}
    for symbol in (coin, linear):
        seen["orders"][symbol] = len(await exchange.fetch_orders(symbol))
        seen["closed"][symbol] = len(await exchange.fetch_closed_orders(symbol))
        seen["candles"][symbol] = len(await exchange.watch_ohlcv(symbol, "1m"))
        # Nobody was paid here yet: the list is empty, and one.
        seen["funding"][symbol] = await exchange.fetch_funding_history(symbol)
        rates = await exchange.fetch_funding_rate_history(symbol, None, 5)
        seen["rates"][symbol] = [len(rates), (await exchange.fetch_funding_rate(symbol))["symbol"]]
        assert (await exchange.fetch_tickers([symbol]))[symbol]["last"]
    seen["interest"] = (await exchange.fetch_open_interest(linear))["symbol"]
    seen["past_positions"] = [
        {name: row[name] for name in ("contracts", "side")}
        for row in await exchange.fetch_position_history(linear)
    ]
    await exchange.transfer("BTC", 1, "future", "spot")
    await exchange.transfer("BTC", 0.25, "spot", "future")
    seen["transfers"] = [
        [row["amount"], row["fromAccount"], row["status"]]
        for row in await exchange.fetch_transfers("BTC")
    ]
    seen["deposits"] = await exchange.fetch_deposits("BTC")
    seen["withdrawals"] = await exchange.fetch_withdrawals("BTC")
    address = await exchange.fetch_deposit_address("BTC", {"network": "BTC"})
    seen["address"] = len(address["address"])
    await exchange.set_margin_mode("isolated", coin, {"leverage": 5})
    await exchange.create_order(coin, "market", "buy", 100)
    await exchange.set_margin(coin, 0.01)
    (position,) = await exchange.fetch_positions([coin], {"code": "BTC"})
    seen["isolated"] = [position["contracts"], position["info"]["assignedPosBalanceEv"]]
    await exchange.create_order(coin, "market", "sell", 100, None, {"reduceOnly": True})
    await exchange.set_margin_mode("cross", coin)
    try:
        await exchange.transfer("BTC", 1000, "future", "spot")
    except Exception as error:
        seen["too_much"] = type(error).__name__
    return seen


async def main(
    targets: dict[str, str], key: str, secret: str, market_id: str, hedged_id: str
) -> dict[str, Any]:
    import ccxt.pro

    # No pauses of its own: what it asks is far below the venue's limits.
    exchange = ccxt.pro.phemex({"apiKey": key, "secret": secret, "enableRateLimit": False})
    exchange.urls["api"] = pointed(exchange.urls["api"], targets)
    try:
        await exchange.load_markets()
        symbol = exchange.market(market_id)["symbol"]
        return {
            "looked": await look(exchange, symbol),
            "traded": await trade(exchange, symbol),
            "hedged": await hedge(exchange, exchange.market(hedged_id)["symbol"]),
            "past": await remember(exchange, symbol, exchange.market(hedged_id)["symbol"]),
        }
    finally:
        await exchange.close()


if __name__ == "__main__":
    rest, ws, *words = sys.argv[1:]
    sys.stdout.write(json.dumps(asyncio.run(main({"rest": rest, "ws": ws}, *words))))
