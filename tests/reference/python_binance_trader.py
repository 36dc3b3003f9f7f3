"""A trader on the simulated venue that is not ours: python-binance, unmodified but for its URLs.

    python python_binance_trader.py REST_URL WS_URL KEY SECRET SYMBOL

Places, amends and cancels by REST and by the WebSocket order API while it follows the user stream,
and writes one JSON object of what it saw.
"""

import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any

from binance import AsyncClient, BinanceSocketManager
from binance.exceptions import BinanceAPIException


async def listen(stream: Any, events: list[Any]) -> None:
    while True:
        events.append(await stream.recv())


async def until(ready: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not ready():  # noqa: ASYNC110  whatever it is, it is seen
            await asyncio.sleep(0.01)


async def trade(client: AsyncClient, symbol: str) -> dict[str, Any]:
    seen: dict[str, Any] = {"ping": await client.futures_ping()}
    info = await client.futures_exchange_info()
    seen["symbols"] = [row["symbol"] for row in info["symbols"]]
    last = float((await client.futures_symbol_ticker(symbol=symbol))["price"])
    price = f"{round(last * 0.97)}"
    events: list[Any] = []

    def updates(order_id: int) -> list[tuple[str, str]]:
        return [
            (event["o"]["x"], event["o"]["X"])
            for event in events
            if event["e"] == "ORDER_TRADE_UPDATE" and event["o"]["i"] == order_id
        ]

    async with BinanceSocketManager(client).futures_user_socket() as stream:
        listening = asyncio.create_task(listen(stream, events))
        order = {"symbol": symbol, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
        placed = await client.futures_create_order(**order, quantity="0.05", price=price)
        number = placed["orderId"]
        named = {"symbol": symbol, "orderId": number}
        changed = await client.futures_modify_order(
            **named, side="BUY", quantity="0.06", price=price
        )
        seen["changed"] = changed["origQty"]
        seen["asked"] = (await client.futures_get_order(**named))["status"]
        seen["open"] = len(await client.futures_get_open_orders(symbol=symbol))
        seen["cancelled"] = (await client.futures_cancel_order(**named))["status"]
        await until(lambda: len(updates(number)) == 3)
        seen["updates"] = updates(number)

        bought = await client.futures_create_order(
            symbol=symbol, side="BUY", type="MARKET", quantity="0.05", newOrderRespType="RESULT"
        )
        seen["bought"] = bought["status"]
        await until(lambda: updates(bought["orderId"])[-1:] == [("TRADE", "FILLED")])
        await until(lambda: any(event["e"] == "ACCOUNT_UPDATE" for event in events))
        trades = await client.futures_account_trades(symbol=symbol)
        seen["traded"] = sum(float(row["qty"]) for row in trades)
        risk = await client.futures_position_information(symbol=symbol)
        seen["position"] = float(risk[0]["positionAmt"])
        balance = await client.futures_account_balance()
        seen["balance"] = [row["asset"] for row in balance]
        account = await client.futures_account()
        seen["wallet"] = float(account["totalWalletBalance"])
        stop = await client.futures_create_order(
            symbol=symbol, side="SELL", type="STOP_MARKET", quantity="0.05",
            triggerPrice=f"{round(last * 0.9)}", reduceOnly="true",
        )  # fmt: skip
        seen["stop"] = stop["algoStatus"]
        await client.futures_cancel_algo_order(algoId=stop["algoId"])
        batch = await client.futures_place_batch_order(
            batchOrders=[order | {"quantity": "0.05", "price": price} for _ in range(2)]
        )
        await client.futures_cancel_all_open_orders(symbol=symbol)
        await until(
            lambda: all(updates(row["orderId"])[-1:] == [("CANCELED",) * 2] for row in batch)
        )
        try:
            await client.futures_create_order(**order, quantity="0.05", price=f"{price}.001")
        except BinanceAPIException as error:
            seen["refused"] = [error.status_code, error.code]

        # The WebSocket order API.
        placed = await client.ws_futures_create_order(**order, quantity="0.05", price=price)
        named = {"symbol": symbol, "orderId": placed["orderId"]}
        changed = await client.ws_futures_edit_order(
            **named, side="BUY", quantity="0.06", price=price
        )
        seen["ws_changed"] = changed["origQty"]
        seen["ws_status"] = (await client.ws_futures_get_order(**named))["status"]
        seen["ws_cancelled"] = (await client.ws_futures_cancel_order(**named))["status"]
        await until(lambda: len(updates(placed["orderId"])) == 3)
        seen["ws_balance"] = [row["asset"] for row in await client.ws_futures_account_balance()]
        sold = await client.futures_create_order(
            symbol=symbol, side="SELL", type="MARKET", quantity="0.05", reduceOnly="true"
        )
        await until(lambda: updates(sold["orderId"])[-1:] == [("TRADE", "FILLED")])
        listening.cancel()
    seen["events"] = sorted({event["e"] for event in events})
    return seen


async def main(rest: str, ws: str, key: str, secret: str, symbol: str) -> dict[str, Any]:
    AsyncClient.FUTURES_URL = f"{rest}/fapi"
    AsyncClient.WS_FUTURES_URL = f"{ws}/ws-fapi/v1"
    BinanceSocketManager.FSTREAM_URL = f"{ws}/"
    # Not AsyncClient.create(): that asks the spot venue, which is not simulated, for its time.
    client = AsyncClient(key, secret)
    try:
        return await trade(client, symbol)
    finally:
        await client.close_connection()


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(main(*sys.argv[1:]))))
