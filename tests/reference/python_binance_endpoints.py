"""python-binance, unmodified but for its URLs, asks the simulated venue whatever it can ask.

    python python_binance_endpoints.py REST_URL WS_URL KEY SECRET SYMBOL

Calls every method of USD-M futures that reads, and those that set an account up, and writes one
JSON object: a method's name → the call it made, and "ok" or the venue's code and words.
"""

import json
import sys
import time
from typing import Any
from urllib.parse import urlsplit

from binance.client import Client
from binance.exceptions import BinanceAPIException

NOW_MS = int(time.time() * 1000)
SYMBOL, PAIR = {"symbol": None}, {"pair": None}
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
    "get_algo_order": {"algoId": 1}, "get_all_algo_orders": SYMBOL, "get_all_orders": SYMBOL,
    "get_multi_assets_mode": {}, "get_open_algo_orders": {}, "get_open_orders": {},
    "get_order": {**SYMBOL, "orderId": 1}, "get_position_mode": {},
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
    "v1_get_income_asyn": SPAN, "v1_get_income_asyn_id": {"downloadId": "1"},
    "v1_get_open_order": {**SYMBOL, "orderId": 1},
    "v1_get_order_amendment": {**SYMBOL, "orderId": 1}, "v1_get_order_asyn": SPAN,
    "v1_get_order_asyn_id": {"downloadId": "1"}, "v1_get_rate_limit_order": {},
    "v1_get_trade_asyn": SPAN, "v1_get_trade_asyn_id": {"downloadId": "1"},
    "stream_get_listen_key": {},
    "change_leverage": {**SYMBOL, "leverage": 7},
    "change_margin_type": {**SYMBOL, "marginType": "ISOLATED"},
    "change_multi_assets_mode": {"multiAssetsMargin": False},
    "change_position_mode": {"dualSidePosition": "true"},
    "v1_post_fee_burn": {"feeBurn": "false"},
    "countdown_cancel_all": {**SYMBOL, "countdownTime": 0},
    "create_test_order": {**SYMBOL, "side": "BUY", "type": "MARKET", "quantity": "0.01",
                          "positionSide": "LONG"},
    "cancel_all_open_orders": SYMBOL, "cancel_all_algo_open_orders": SYMBOL,
}  # fmt: skip


def main(rest: str, key: str, secret: str, symbol: str) -> dict[str, list[str]]:
    client = Client(key, secret, ping=False)
    made: list[str] = []
    send = client.session.request

    def sent(method: str, url: str, **more: Any) -> Any:
        path = urlsplit(url).path
        made[:] = [f"{method.upper()} {path}"]
        return send(method, rest + url[url.index(path, 8) :], **more)

    for verb in ("get", "post", "put", "delete"):
        setattr(client.session, verb, lambda url, verb=verb, **more: sent(verb, url, **more))
    found: dict[str, list[str]] = {}
    for name, params in METHODS.items():
        given = {one: symbol if value is None else value for one, value in params.items()}
        made.clear()
        try:
            getattr(client, f"futures_{name}")(**given)
            said = "ok"
        except BinanceAPIException as error:
            said = f"{error.code} {error.message}"
        found[name] = [*made, said]
    return found


if __name__ == "__main__":
    rest_url, _, who, hidden, wanted = sys.argv[1:]
    sys.stdout.write(json.dumps(main(rest_url, who, hidden, wanted)))
