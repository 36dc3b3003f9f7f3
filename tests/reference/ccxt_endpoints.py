"""ccxt, unmodified but for its URLs, asks the simulated venue whatever it knows how to ask.

    python ccxt_endpoints.py REST_URL WS_URL KEY SECRET SYMBOL

Calls the endpoints of USD-M futures in ccxt's own table: first those that set the account up,
place, amend and cancel, then every one that reads, and its functions on top of them. Writes one
JSON object: each call of that table → "ok", the error's class and text, or null where it was not
made, and what came of the changes and of the functions.
"""

import json
import re
import sys
import time
from typing import Any

from ccxt_client import pointed

NOW_MS = int(time.time() * 1000)
VERSIONS = {
    "fapiPublic": "/fapi/v1/",
    "fapiPublicV2": "/fapi/v2/",
    "fapiPublicV3": "/fapi/v3/",
    "fapiData": "/futures/data/",
    "fapiPrivate": "/fapi/v1/",
    "fapiPrivateV2": "/fapi/v2/",
    "fapiPrivateV3": "/fapi/v3/",
}
GIVEN = {
    "interval": "1m",
    "period": "5m",
    "contractType": "PERPETUAL",
    "limit": 5,
    "startTime": NOW_MS - 60_000,
    "endTime": NOW_MS,
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


class Caller:
    """Calls ccxt's implicit methods, and keeps what each call gave."""

    def __init__(self, exchange: Any, symbol: str) -> None:
        self.exchange = exchange
        self.symbol = symbol
        self.called: dict[str, str | None] = {}
        self.ids: dict[str, Any] = {}
        for group, version in VERSIONS.items():
            for method, paths in exchange.api[group].items():
                self.called |= {f"{method.upper()} {version}{path}": None for path in paths}

    def call(self, group: str, method: str, path: str, params: dict[str, Any]) -> Any:
        import ccxt

        words = re.split("[^A-Za-z0-9]", path)
        name = "".join(word[:1].upper() + word[1:] for word in words)
        answer, said = None, "ok"
        try:
            answer = getattr(self.exchange, f"{group}{method.capitalize()}{name}")(params)
        except ccxt.BaseError as error:
            said = f"{type(error).__name__}: {error}"[:200]
        self.called[f"{method.upper()} {VERSIONS[group]}{path}"] = said
        return answer

    def do(self, call: str, **params: Any) -> Any:
        """One that changes something, of this symbol."""
        method, path = call.split()
        return self.call("fapiPrivate", method.lower(), path, {"symbol": self.symbol, **params})

    def params(self, path: str) -> dict[str, Any]:
        """What one that reads needs."""
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
            return {"downloadId": self.ids.get(path.removesuffix("/id"), "1")}
        if path == "algoOrder":
            names = ("algoId",)
        given = {**GIVEN, **self.ids, "symbol": self.symbol, "pair": self.symbol}
        return {name: given[name] for name in names}

    def read(self) -> None:
        for group in VERSIONS:
            for path in self.exchange.api[group].get("get", ()):
                answer = self.call(group, "get", path, self.params(path))
                if path.endswith("/asyn") and answer:
                    self.ids[path] = answer["downloadId"]

    def change(self) -> dict[str, Any]:
        """Whatever changes something; says what came of it."""
        seen: dict[str, Any] = {}
        for value in ("true", "false"):
            self.call("fapiPrivate", "post", "multiAssetsMargin", {"multiAssetsMargin": value})
            self.call("fapiPrivate", "post", "positionSide/dual", {"dualSidePosition": value})
        self.call("fapiPrivate", "post", "feeBurn", {"feeBurn": "false"})
        seen["leverage"] = self.do("POST leverage", leverage=7)["leverage"]
        self.do("POST marginType", marginType="ISOLATED")
        self.do("POST countdownCancelAll", countdownTime=0)
        last = float(self.exchange.fapiPublicV2GetTickerPrice({"symbol": self.symbol})["price"])
        low, lower = f"{last * 0.97:.1f}", f"{last * 0.96:.1f}"
        order = {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.05"}
        self.do("POST order/test", **order, price=low)

        placed = self.do("POST order", **order, price=low)
        one = {"orderId": placed["orderId"]}
        amended = self.do("PUT order", **one, side="BUY", quantity="0.06", price=lower)
        seen["order"] = [placed["status"], amended["origQty"]]
        seen["cancelled"] = self.do("DELETE order", **one)["status"]

        batch = [{"symbol": self.symbol, **order, "price": price} for price in (low, lower)]
        rows = self.call("fapiPrivate", "post", "batchOrders", {"batchOrders": batch})
        named = [
            {"symbol": self.symbol, "orderId": row["orderId"], "side": "BUY", "quantity": "0.07",
             "price": lower}
            for row in rows
        ]  # fmt: skip
        more = self.call("fapiPrivate", "put", "batchOrders", {"batchOrders": named})
        gone = self.do("DELETE batchOrders", orderidlist=[str(row["orderId"]) for row in rows])
        seen["batch"] = [[row.get("status") for row in rows], [row.get("origQty") for row in more],
                         [row.get("status") for row in gone]]  # fmt: skip

        stop = {"algoType": "CONDITIONAL", "side": "SELL", "type": "STOP_MARKET",
                "quantity": "0.05", "triggerPrice": low}  # fmt: skip
        algo = self.do("POST algoOrder", **stop)
        self.call("fapiPrivate", "delete", "algoOrder", {"algoId": algo["algoId"]})
        algo = self.do("POST algoOrder", **stop)
        seen["algos"] = str(self.do("DELETE algoOpenOrders")["code"])

        self.do("POST order", **order, price=low)
        seen["all"] = str(self.do("DELETE allOpenOrders")["code"])
        left = self.do("POST order", **order, price=low)
        self.do("PUT order", orderId=left["orderId"], side="BUY", quantity="0.06", price=lower)
        self.ids |= {"orderId": left["orderId"], "algoId": algo["algoId"]}

        self.do("POST order", side="BUY", type="MARKET", quantity="0.05")
        for kind, amount in ((1, "50"), (2, "20")):
            moved = self.do("POST positionMargin", amount=amount, type=kind)
            seen[f"margin {kind}"] = [float(moved["amount"]), int(moved["type"])]

        key = self.call("fapiPrivate", "post", "listenKey", {})["listenKey"]
        again = self.call("fapiPrivate", "put", "listenKey", {})["listenKey"]
        seen["key"] = again == key
        self.call("fapiPrivate", "delete", "listenKey", {})
        return seen


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
    caller = Caller(exchange, market_id)
    changed = caller.change()
    caller.read()
    exchange.load_markets()
    symbol = exchange.market(market_id)["symbol"]
    funding = exchange.fetch_funding_rate_history(symbol, limit=3)
    moves = exchange.fetch_margin_adjustment_history(symbol)
    return {
        "moves": sorted([row["amount"], row["type"]] for row in moves),
        "called": caller.called,
        "changed": changed,
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
