"""ccxt, unmodified but for its URLs, asks the simulated venue whatever it knows how to ask.

    python ccxt_endpoints.py REST_URL WS_URL KEY SECRET SYMBOL

Calls every reading endpoint of USD-M futures in ccxt's own table, and its functions on top of
them; writes one JSON object: an endpoint's path → "ok" or the error's class and text, and what the
functions made of the answers.
"""

import json
import re
import sys
import time
from typing import Any

from ccxt_client import pointed

NOW_MS = int(time.time() * 1000)
GIVEN = {
    "symbol": None,  # the one of the command line
    "pair": None,
    "interval": "1m",
    "period": "5m",
    "contractType": "PERPETUAL",
    "limit": 5,
    "startTime": NOW_MS - 60_000,
    "endTime": NOW_MS,
    "orderId": 1,
    "algoId": 1,
    "downloadId": "1",
    "timestamp": 0,
}
NEEDED = {
    "klines": ("symbol", "interval"),
    "markPriceKlines": ("symbol", "interval"),
    "premiumIndexKlines": ("symbol", "interval"),
    "indexPriceKlines": ("pair", "interval"),
    "continuousKlines": ("pair", "contractType", "interval"),
    "basis": ("pair", "contractType", "period"),
    "delivery-price": ("pair",),
}
SYMBOL_FIRST = (
    "depth", "rpiDepth", "trades", "historicalTrades", "aggTrades", "openInterest", "constituents",
    "commissionRate", "userTrades", "orderAmendment", "positionMargin/history", "allAlgoOrders",
    "allOrders", "forceOrders",
)  # fmt: skip
STATISTICS = (
    "openInterestHist", "topLongShortAccountRatio", "topLongShortPositionRatio",
    "globalLongShortAccountRatio", "takerlongshortRatio",
)  # fmt: skip


def params_of(path: str, symbol: str) -> dict[str, Any]:
    names: tuple[str, ...] = NEEDED.get(path, ())
    if path in SYMBOL_FIRST:
        names = ("symbol",)
    if path in STATISTICS:
        names = ("symbol", "period")
    if path in ("order", "openOrder", "orderAmendment"):
        names = ("symbol", "orderId")
    if path.endswith("/asyn"):
        names = ("startTime", "endTime")
    if path.endswith("/asyn/id"):
        names = ("downloadId",)
    if path == "algoOrder":
        names = ("algoId",)
    return {name: symbol if GIVEN[name] is None else GIVEN[name] for name in names}


def main(targets: dict[str, str], key: str, secret: str, market_id: str) -> dict[str, Any]:
    import ccxt

    exchange = ccxt.binanceusdm(
        {
            "apiKey": key,
            "secret": secret,
            "enableRateLimit": False,
            "options": {"fetchCurrencies": False},
        }
    )
    exchange.urls["api"] = pointed(exchange.urls["api"], targets)
    called: dict[str, str] = {}
    for group, prefix in (
        ("fapiPublic", "/fapi/v1/"),
        ("fapiPublicV2", "/fapi/v2/"),
        ("fapiData", "/futures/data/"),
        ("fapiPrivate", "/fapi/v1/"),
        ("fapiPrivateV2", "/fapi/v2/"),
        ("fapiPrivateV3", "/fapi/v3/"),
    ):
        for path in exchange.api[group]["get"]:
            try:
                words = re.split("[^A-Za-z0-9]", path)
                name = f"{group}Get" + "".join(word[:1].upper() + word[1:] for word in words)
                getattr(exchange, name)(params_of(path, market_id))
                called[prefix + path] = "ok"
            except ccxt.BaseError as error:
                called[prefix + path] = f"{type(error).__name__}: {error}"[:200]
    exchange.load_markets()
    symbol = exchange.market(market_id)["symbol"]
    funding = exchange.fetch_funding_rate_history(symbol, limit=3)
    return {
        "called": called,
        "funding": [row["fundingRate"] for row in funding],
        "rate": exchange.fetch_funding_rate(symbol)["fundingRate"],
        "open_interest": exchange.fetch_open_interest(symbol)["openInterestAmount"],
        "candles": {
            price: len(
                exchange.fetch_ohlcv(
                    symbol, "1m", limit=2, params={"price": price} if price else {}
                )
            )
            for price in ("", "mark", "index", "premiumIndex")
        },
        "tickers": [*exchange.fetch_tickers()],
        "best": [*exchange.fetch_bids_asks()],
    }


if __name__ == "__main__":
    rest, ws, who, hidden, wanted = sys.argv[1:]
    answer = main({"rest": rest, "ws": ws}, who, hidden, wanted)
    sys.stdout.write(json.dumps(answer))
