"""python-binance, unmodified but for its URLs, calls whatever it knows at the simulated venue.

    python python_binance_endpoints.py REST_URL WS_URL KEY SECRET SYMBOL

Calls the methods of USD-M futures: those that set an account up, place, amend and cancel, then
those that read. Writes one JSON object: of each method of the client the last call it made, and
"ok" or the venue's code and words, or null where it was not called; and what came of the changes.
"""

import json
import sys
import time
from collections.abc import Iterator
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from binance.client import Client
from binance.exceptions import BinanceAPIException

NOW_MS = int(time.time() * 1000)
SYMBOL, PAIR = {"symbol": None}, {"pair": None}
ORDER = {"symbol": None, "orderId": None}
CANDLES = {"interval": "1m", "limit": 5}
PERIOD = {"symbol": None, "period": "5m", "limit": 5}
SPAN = {"startTime": NOW_MS - 60_000, "endTime": NOW_MS}
METHODS: dict[str, dict[str, Any]] = {
    "account": {}, "account_balance": {}, "account_config": {}, "account_trades": SYMBOL,
    "adl_quantile_estimate": SYMBOL, "aggregate_trades": SYMBOL, "api_trading_status": {},
    "basis": {**PAIR, "contractType": "PERPETUAL", "period": "5m", "limit": 5},
    "commission_rate": SYMBOL,
    "continuous_klines": {**PAIR, "contractType": "PERPETUAL", **CANDLES},
    "delivery_price": PAIR, "exchange_info": {}, "funding_rate": SYMBOL,
    "get_algo_order": {"algoId": None}, "get_all_algo_orders": SYMBOL, "get_all_orders": SYMBOL,
    "get_multi_assets_mode": {}, "get_open_algo_orders": {}, "get_open_orders": {},
    "get_order": ORDER, "get_position_mode": {},
    "global_longshort_ratio": PERIOD, "historical_trades": SYMBOL, "income_history": {},
    "index_info": {}, "index_price_constituents": SYMBOL,
    "index_price_klines": {**PAIR, **CANDLES}, "insurance_fund_balance_snapshot": {},
    "klines": {**SYMBOL, **CANDLES}, "leverage_bracket": {}, "liquidation_orders": {},
    "mark_price": {}, "mark_price_klines": {**SYMBOL, **CANDLES}, "open_interest": SYMBOL,
    "open_interest_hist": PERIOD, "order_book": SYMBOL, "orderbook_ticker": {}, "ping": {},
    "position_information": {}, "position_margin_history": SYMBOL,
    "premium_index_klines": {**SYMBOL, **CANDLES}, "recent_trades": SYMBOL, "rpi_depth": SYMBOL,
    "symbol_adl_risk": {}, "symbol_config": {}, "symbol_ticker": {},
    "taker_longshort_ratio": PERIOD, "ticker": {}, "time": {},
    "top_longshort_account_ratio": PERIOD, "top_longshort_position_ratio": PERIOD,
    "v1_get_asset_index": {}, "v1_get_fee_burn": {}, "v1_get_funding_info": {},
    "v1_get_income_asyn": SPAN, "v1_get_income_asyn_id": {"downloadId": None},
    "v1_get_open_order": ORDER,
    "v1_get_order_amendment": ORDER, "v1_get_order_asyn": SPAN,
    "v1_get_order_asyn_id": {"downloadId": None}, "v1_get_rate_limit_order": {},
    "v1_get_trade_asyn": SPAN, "v1_get_trade_asyn_id": {"downloadId": None},
}  # fmt: skip


SINCE = ("1m", "5 minutes ago UTC")


class Caller:
    def __init__(self, rest: str, key: str, secret: str, symbol: str) -> None:
        self.client = Client(key, secret, ping=False)
        names = (name.removeprefix("futures_") for name in dir(Client) if name[:8] == "futures_")
        self.called: dict[str, list[str] | None] = {
            name: None for name in names if name[:5] != "coin_"
        }
        self.ids: dict[str, Any] = {"symbol": symbol, "pair": symbol}
        self._made: list[str] = []
        send = self.client.session.request

        def sent(method: str, url: str, **more: Any) -> Any:
            path = urlsplit(url).path
            self._made[:] = [f"{method.upper()} {path}"]
            return send(method, rest + url[url.index(path, 8) :], **more)

        for verb in ("get", "post", "put", "delete"):
            setattr(self.client.session, verb, partial(sent, verb))

    def call(self, method: str, /, *given: Any, **params: Any) -> Any:
        self._made.clear()
        answer, said = None, "ok"
        try:
            answer = getattr(self.client, f"futures_{method}")(*given, **params)
            if isinstance(answer, Iterator):
                answer = list(answer)
        except BinanceAPIException as error:
            said = f"{error.code} {error.message}"
        self.called[method] = [*self._made, said]
        return answer

    def do(self, method: str, /, **params: Any) -> Any:
        return self.call(method, symbol=self.ids["symbol"], **params)

    def read(self) -> None:
        for name, params in METHODS.items():
            given = {each: self.ids[each] for each in params if params[each] is None}
            answer = self.call(name, **{**params, **given})
            if name.endswith("_asyn") and answer:
                self.ids["downloadId"] = answer["downloadId"]
        symbol = self.ids["symbol"]
        self.call("historical_klines", symbol, *SINCE)
        self.call("historical_mark_price_klines", symbol, *SINCE)
        self.call("historical_klines_generator", symbol, *SINCE)

    def change(self) -> dict[str, Any]:
        seen: dict[str, Any] = {}
        self.call("change_multi_assets_mode", multiAssetsMargin=False)
        self.call("change_position_mode", dualSidePosition="true")
        market = {"side": "BUY", "type": "MARKET", "quantity": "0.05"}
        self.do("create_test_order", **market, positionSide="LONG")
        self.call("change_position_mode", dualSidePosition="false")
        self.call("v1_post_fee_burn", feeBurn="false")
        seen["leverage"] = self.do("change_leverage", leverage=7)["leverage"]
        self.do("change_margin_type", marginType="ISOLATED")
        self.do("countdown_cancel_all", countdownTime=0)
        last = float(self.client.futures_symbol_ticker(symbol=self.ids["symbol"])["price"])
        low, lower, high = (f"{last * part:.1f}" for part in (0.97, 0.96, 1.03))
        bid = {"timeInForce": "GTC", "quantity": "0.05", "price": low}

        placed = self.do("create_order", **bid, side="BUY", type="LIMIT")
        one = {"orderId": placed["orderId"]}
        amended = self.do("modify_order", **one, side="BUY", quantity="0.06", price=lower)
        cancelled = self.do("cancel_order", **one)
        seen["order"] = [placed["status"], amended["origQty"], cancelled["status"]]

        rows = [{"symbol": self.ids["symbol"], "side": "BUY", "type": "LIMIT", **bid}] * 2
        batch = self.call("place_batch_order", batchOrders=[dict(row) for row in rows])
        numbers = [row["orderId"] for row in batch]
        more = [
            {"symbol": self.ids["symbol"], "orderId": number, "side": "BUY", "quantity": "0.07",
             "price": lower}
            for number in numbers
        ]  # fmt: skip
        self.call("v1_put_batch_orders", batchOrders=json.dumps(more))
        gone = self.do("cancel_orders", orderidlist=numbers)
        seen["batch"] = [[row.get("status") for row in rows] for rows in (batch, gone)]
        for method in ("post", "put", "delete"):
            self.do(f"v1_{method}_batch_order")

        stop = {"side": "SELL", "type": "STOP_MARKET", "quantity": "0.05", "triggerPrice": low}
        algo = self.do("create_algo_order", **stop)
        self.call("cancel_algo_order", algoId=algo["algoId"])
        self.ids["algoId"] = self.do("create_algo_order", **stop)["algoId"]
        seen["algos"] = str(self.do("cancel_all_algo_open_orders")["code"])

        self.do("limit_buy_order", **bid)
        self.do("limit_sell_order", **{**bid, "price": high})
        seen["all"] = str(self.do("cancel_all_open_orders")["code"])
        self.ids["orderId"] = self.do("limit_order", **bid, side="BUY")["orderId"]
        self.do("modify_order", orderId=self.ids["orderId"], side="BUY", quantity="0.06", price=low)

        self.do("market_buy_order", quantity="0.05")
        self.do("market_sell_order", quantity="0.02")
        self.do("market_order", side="BUY", quantity="0.01")
        for kind, amount in ((1, "50"), (2, "20")):
            moved = self.do("change_position_margin", amount=amount, type=kind)
            seen[f"margin {kind}"] = [float(moved["amount"]), int(moved["type"])]

        key = self.call("stream_get_listen_key")
        seen["key"] = self.call("stream_keepalive", listenKey=key) == {"listenKey": key}
        self.call("stream_close", listenKey=key)
        return seen


def main(rest: str, key: str, secret: str, symbol: str) -> dict[str, Any]:
    caller = Caller(rest, key, secret, symbol)
    changed = caller.change()
    caller.read()
    (position,) = caller.client.futures_position_information(symbol=symbol)
    return {"called": caller.called, "changed": changed, "held": float(position["positionAmt"])}


if __name__ == "__main__":
    rest_url, _, who, hidden, wanted = sys.argv[1:]
    sys.stdout.write(json.dumps(main(rest_url, who, hidden, wanted)))
