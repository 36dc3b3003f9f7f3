"""Phemex's contract API as a ground of order tests: an inverse contract and a linear one."""

import hashlib
import hmac
import itertools
import json
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx

from connector.venues.trading_contract import Transport
from tests.reference import ground
from tests.reference.ground import Fill, Ground, Placed
from tests.reference.sim_process import NOBODY, Simulator

E4 = 10_000
PAGE = 200
TIFS = {"GTC": "GoodTillCancel", "IOC": "ImmediateOrCancel"}
SIDES = {"BUY": "Buy", "SELL": "Sell"}
FEW = 54
"""Requests of a minute, of which the daemon leaves 50 to cancels."""
HEAVY = 25
"""What a list of positions with their profits costs."""
VALUE_DIGITS = {"BTC": 8, "USD": 4}
_numbers = itertools.count(1)


class Client(ground.Client):
    """One account's requests, all on one connection."""

    _trades, _filled = "/exchange/order/trade", "execQty"

    def __init__(self, venue: Simulator, key: str, secret: str, where: Ground) -> None:
        self.venue, self.key, self._secret = venue, key, secret.encode()
        self._client = httpx.Client(timeout=30, trust_env=False, verify=NOBODY)
        self._symbol = where.symbol
        self._currency = "USD" if where.symbol.startswith("u") else "BTC"

    def ask(self, method: str, path: str, query: str = "") -> Any:
        """The whole answer to a signed request."""
        return self._signed(method, path, query).json()

    def _signed(self, method: str, path: str, query: str) -> httpx.Response:
        expiry = str(int(time.time() + self.ahead_ms / 1000) + 60)
        text = f"{path}{query}{expiry}".encode()
        headers = {
            "x-phemex-access-token": self.key,
            "x-phemex-request-expiry": expiry,
            "x-phemex-request-signature": hmac.new(self._secret, text, hashlib.sha256).hexdigest(),
        }
        url = f"{self.venue.rest}{path}" + (f"?{query}" if query else "")
        return self._client.request(method, url, headers=headers)

    def ok(self, method: str, path: str, **params: Any) -> Any:
        """The data of an answer that is no error."""
        query = "&".join(f"{name}={value}" for name, value in params.items())
        answer = self.ask(method, path, query)
        assert answer["code"] == 0, answer
        return answer["data"]

    def begin(self) -> None:
        """Nothing binds less than the venue's usual."""

    def hedge(self) -> None:
        """A contract has one position, on either side."""

    def best_bid(self) -> float:
        book = self.venue.get("/md/orderbook", symbol=self._symbol).json()["result"]["book"]
        found: float = book["bids"][0][0] / E4
        return found

    def far(self) -> str:
        return str(int(self.best_bid() * 0.97))

    def limit_at(self, side: str, price: float, quantity: float, tif: str = "GTC") -> Placed:
        name = self._place(
            side, quantity, ordType="Limit", priceEp=round(price * E4), timeInForce=TIFS[tif]
        )
        (row,) = self._orders(name)
        return Placed(name, row["cumQty"])

    def take(self, side: str, quantity: float, position_side: str = "BOTH") -> None:
        assert position_side == "BOTH"
        self._place(side, quantity, ordType="Market")

    def _place(self, side: str, quantity: float, **fields: Any) -> str:
        name = f"by-hand-{next(_numbers)}"
        self.ok(
            "PUT",
            "/orders/create",
            clOrdID=name,
            symbol=self._symbol,
            side=SIDES[side],
            orderQty=round(quantity),
            **fields,
        )
        return name

    def cancel(self, client_order_id: str) -> None:
        self.ok("DELETE", "/orders/cancel", symbol=self._symbol, clOrdID=client_order_id)

    def cancel_all(self) -> None:
        for untriggered in ("false", "true"):
            self.ok("DELETE", "/orders/all", symbol=self._symbol, untriggered=untriggered)

    def opened(self) -> set[str]:
        return self._opened("/orders/activeList")

    def _opened(self, path: str) -> set[str]:
        return {row["clOrdID"] for row in self._active(path)}

    def _active(self, path: str) -> list[dict[str, Any]]:
        answer = self.ask("GET", path, f"symbol={self._symbol}")
        if answer["code"] == 10002:  # how it says that there are none
            return []
        rows: list[dict[str, Any]] = answer["data"]["rows"]
        return rows

    def resting(self) -> dict[str, tuple[Decimal, Decimal]]:
        return {
            row["clOrdID"]: (Decimal(row["priceEp"]) / E4, Decimal(row["leavesQty"]))
            for row in self._active("/orders/activeList")
            if row["ordStatus"] != "Untriggered"
        }

    def balances(self) -> dict[str, Decimal]:
        digits = VALUE_DIGITS[self._currency]
        found = self.ok("GET", "/accounts/accountPositions", currency=self._currency)["account"]
        return {self._currency: Decimal(found["accountBalanceEv"]).scaleb(-digits)}

    def held(self) -> dict[str, float]:
        found = self.ok("GET", "/accounts/accountPositions", currency=self._currency)
        (row,) = [row for row in found["positions"] if row["symbol"] == self._symbol]
        signs = {"Buy": 1, "Sell": -1, "None": 0}
        amount = signs[row["side"]] * row["size"]
        return {"BOTH": amount} if amount else {}

    def fills(self, report: Any) -> dict[Any, Fill]:
        return self.ledger()(report)

    def ledger(self) -> Callable[[Any], dict[Any, Fill]]:
        unit = 10 ** VALUE_DIGITS[self._currency]
        orders: dict[str, dict[Any, Fill]] = {}
        for row in self._pages(self._trades):
            fill = Fill(row["execQty"], row["execPriceEp"] / E4, row["execFeeEv"] / unit)
            orders.setdefault(row["clOrdID"], {})[row["execID"]] = fill
        return lambda report: orders.get(report.client_order_id, {})

    def bought(self) -> list[Decimal]:
        rows = self._pages(self._trades)[::-1]
        return [Decimal(row[self._filled]) * (1 if row["side"] == "Buy" else -1) for row in rows]

    def _pages(self, path: str) -> list[dict[str, Any]]:
        """The whole of a history, the newest first; the venue has no question for the trades of
        an order."""
        rows: list[dict[str, Any]] = []
        while len(rows) % PAGE == 0:
            page = {"symbol": self._symbol, "offset": len(rows), "limit": PAGE}
            found = self.ok("GET", path, **page)["rows"]
            if not found:
                break
            rows += found
        return rows

    def known(self, client_order_id: str) -> list[float]:
        return [row["priceEp"] / E4 for row in self._orders(client_order_id)]

    def _orders(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ok(
            "GET", "/exchange/order", symbol=self._symbol, clOrdID=name
        )
        return found

    def history(self) -> list[tuple[str, str]]:
        rows = self._pages("/api-data/futures/orders")[::-1]
        return [(row["clOrdID"], row["side"].upper()) for row in rows]

    def now_s(self) -> int:
        found: int = self.venue.get("/public/time").json()["data"]["serverTime"]
        return found // 1000

    def crowd(self) -> None:
        while (left := self._left("/accounts/accountPositions")) > FEW:
            if left > FEW + HEAVY:
                self._left("/accounts/positions")

    def use_up(self) -> None:
        for path in ("/accounts/positions", "/accounts/accountPositions"):  # 25, then 1 each
            while self._signed("GET", path, "currency=BTC").status_code == 200:
                pass

    def _left(self, path: str) -> int:
        """What a question leaves of the user's minute."""
        answer = self._signed("GET", path, "currency=BTC")
        return int(answer.headers["x-ratelimit-remaining-contract"])

    def close(self) -> None:
        self._client.close()


def _error(code: int | str, words: str) -> str:
    return json.dumps({"code": code, "msg": words, "data": None})


# A 5XX leaves open what happened, whatever stands in it.
UNPROVEN = {
    "in words": (503, "Service Unavailable"),
    "internal": (500, _error(11001, "TE_NO_ENOUGH_AVAILABLE_BALANCE")),
    "odd": (200, _error(10005, "OM_ORDER_PENDING")),
    "timeout": (504, ""),
    "code as a text": (200, _error("39996", "Access denied.")),
    "duplicate": (200, _error(11085, "TE_CL_ORD_ID_DUPLICATE")),
    "no such code": (200, _error(77777, "words")),
    "names nothing": (200, '{"code":0,"msg":"","data":null}'),
}
CERTAIN = {
    "clock": (401, _error("401", "401 Request Expired at 1580533239")),
    "no margin": (200, _error(11001, "TE_NO_ENOUGH_AVAILABLE_BALANCE")),
    "no margin, as a text": (200, _error("11001", "TE_NO_ENOUGH_AVAILABLE_BALANCE")),
    "delisted": (200, _error(39997, "Symbol not listed")),
}


def made(symbol: str, kind: str, funds: dict[str, str]) -> Ground:
    """The ground for a contract. It has no words for much that others have."""
    return Ground(
        name=f"phemex-{kind}",
        venue="phemex",
        exchange="Phemex",
        symbol=symbol,
        transport=Transport.HTTP.value,
        client=Client,
        price_digits=1,
        gap=0.0015,
        most=50,
        whole=1000,
        settings=lambda where: {},
        rich={"BTC": "100000", "USD": "1000000000"},
        funds=funds,
        orders={
            "place": {"path": "/orders/create", "method": "PUT"},
            "cancel": {"path": "/orders/cancel", "method": "DELETE"},
            "amend": {"path": "/orders/replace", "method": "PUT"},
        },
        batched={"/orders/create": 5, "/orders": 1},
        steps=(
            {"/orders/create": 7, "/orders": 0},
            {"/orders/replace": 4},
            {"/orders": 1, "/orders/cancel": 0},
        ),
        batch={"path": "/orders/create", "method": "PUT", "count": 3},
        open_orders="/orders/activeList",
        streams={"order": "*@aop", "position": "*@aop"},
        scarce="2500",  # a fifth of it is there for all else
        order_pool="contract",
        prices="*@orderbook*",
        few_orders=("--weight-limit", "500"),
        private_route="ws",
        connections=2,
        proofs=5,
        hurried={"window_ms": 5000, "lookup_lag_s": 2},
        skew_ms=20_000,
        unproven=UNPROVEN,
        certain=CERTAIN,
        conditional={"working_type": "last"},
        good_till=False,
        two_sided=False,
        impossible=frozenset({30000, 10500, 401}),
        refusals={
            "no margin": 11001,
            "no such order": 10002,
            "nothing to reduce": 11057,
            "would trigger": 11043,
            "amend below filled": 11012,
            "nothing to amend": 11065,
            "would activate": 11094,
            "clock": 401,
        },
    )


# What 90 and 400 of the tests need must be too much, and 0.02 nothing.
GROUNDS = [
    made("BTCUSD", "inverse", {"BTC": "0.008", "USD": "1000"}),
    made("uBTCUSD", "linear", {"BTC": "1", "USD": "10000"}),
]
