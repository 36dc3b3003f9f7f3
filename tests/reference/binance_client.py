"""Binance USD-M as a ground of order tests."""

import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx

from connector.venues.trading_contract import Transport
from tests.reference import ground
from tests.reference.ground import Fill, Ground, Placed
from tests.reference.signed_client import ORDER, Trader
from tests.reference.sim_process import NOBODY, Simulator

TRADES = "/fapi/v1/userTrades"
PAGE = 1000
"""Trades of one answer."""


class Client(Trader, ground.Client):
    """One account's requests, all on one connection."""

    def __init__(self, venue: Simulator, key: str, secret: str, where: Ground) -> None:
        super().__init__(venue, key, secret)
        self._client = httpx.Client(timeout=30, trust_env=False, verify=NOBODY)
        self._symbol, self._where = where.symbol, where

    def ask(self, method: str, path: str, timeout: float = 10, **params: Any) -> httpx.Response:
        values = {"timestamp": time.time_ns() // 1_000_000 + self.ahead_ms, **params}
        text = str(httpx.QueryParams({name: v for name, v in values.items() if v is not None}))
        text += f"&signature={self.sign(text)}"
        url = f"{self.venue.rest}{path}?{text}"
        return self._client.request(method, url, headers={"X-MBX-APIKEY": self.key})

    def begin(self) -> None:
        self.ok("POST", "/fapi/v1/leverage", symbol=self._symbol, leverage=1)

    def hedge(self) -> None:
        self.ok("POST", "/fapi/v1/positionSide/dual", dualSidePosition="true")

    def best_bid(self) -> float:
        book = self.venue.get("/fapi/v1/depth", symbol=self._symbol, limit=5).json()
        return float(book["bids"][0][0])

    def far(self, symbol: str = "") -> str:
        return super().far(symbol or self._symbol)

    def limit_at(self, side: str, price: float, quantity: float, tif: str = "GTC") -> Placed:
        answer = self.ok(
            "POST",
            ORDER,
            symbol=self._symbol,
            side=side,
            type="LIMIT",
            timeInForce=tif,
            price=self._where.price(price),
            quantity=f"{quantity:.3f}",
            newOrderRespType="RESULT",
        )
        return Placed(answer["clientOrderId"], float(answer["executedQty"]))

    def take(self, side: str, quantity: float, position_side: str = "BOTH") -> None:
        self.ok(
            "POST",
            ORDER,
            symbol=self._symbol,
            side=side,
            positionSide=position_side,
            type="MARKET",
            quantity=f"{quantity:.3f}",
        )

    def cancel(self, client_order_id: str) -> None:
        self.ok("DELETE", ORDER, symbol=self._symbol, origClientOrderId=client_order_id)

    def cancel_all(self) -> None:
        for path in ("allOpenOrders", "algoOpenOrders"):
            self.ok("DELETE", f"/fapi/v1/{path}", symbol=self._symbol)

    def opened(self) -> set[str]:
        algos = self.ok("GET", "/fapi/v1/openAlgoOrders", symbol=self._symbol)
        rows = self.ok("GET", "/fapi/v1/openOrders", symbol=self._symbol)
        return {row["clientOrderId"] for row in rows} | {row["clientAlgoId"] for row in algos}

    def resting(self) -> dict[str, tuple[Decimal, Decimal]]:
        rows = self.ok("GET", "/fapi/v1/openOrders", symbol=self._symbol)
        return {
            row["clientOrderId"]: (
                Decimal(row["price"]),
                Decimal(row["origQty"]) - Decimal(row["executedQty"]),
            )
            for row in rows
        }

    def balances(self) -> dict[str, Decimal]:
        rows = self.ok("GET", "/fapi/v3/balance")
        return {row["asset"]: Decimal(row["balance"]) for row in rows}

    def held(self) -> dict[str, float]:
        rows = self.ok("GET", "/fapi/v3/positionRisk", symbol=self._symbol)
        found = {row["positionSide"]: float(row["positionAmt"]) for row in rows}
        return {side: amount for side, amount in found.items() if amount}

    def fills(self, report: Any) -> dict[Any, Fill]:
        if not report.order_id:
            return {}
        rows = self.ok("GET", TRADES, symbol=self._symbol, orderId=report.order_id)
        return {row["id"]: _fill(row) for row in rows}

    def ledger(self) -> Callable[[Any], dict[Any, Fill]]:
        orders: dict[int, dict[Any, Fill]] = {}
        rows: list[dict[str, Any]] = []
        while len(rows) % PAGE == 0:
            after = rows[-1]["id"] + 1 if rows else 0
            found = self.ok("GET", TRADES, symbol=self._symbol, fromId=after, limit=PAGE)
            if not found:
                break
            rows += found
        for row in rows:
            orders.setdefault(row["orderId"], {})[row["id"]] = _fill(row)
        return lambda report: orders.get(report.order_id, {})

    def bought(self) -> list[Decimal]:
        rows = self.ok("GET", TRADES, symbol=self._symbol)
        return [Decimal(row["qty"]) * (1 if row["buyer"] else -1) for row in rows]

    def known(self, client_order_id: str) -> list[float]:
        rows = self.ok("GET", "/fapi/v1/allOrders", symbol=self._symbol)
        return [float(row["price"]) for row in rows if row["clientOrderId"] == client_order_id]

    def history(self) -> list[tuple[str, str]]:
        rows = self.ok("GET", "/fapi/v1/allOrders", symbol=self._symbol)
        return [(row["clientOrderId"], row["side"]) for row in rows]

    def now_s(self) -> int:
        found: int = self.venue.get("/fapi/v1/time").json()["serverTime"]
        return found // 1000

    def crowd(self) -> None:
        """The options do it."""

    def use_up(self) -> None:
        for symbol in (None, self._symbol):  # 40, then 1 each
            path = "/fapi/v1/openOrders"
            while (answer := self.ask("GET", path, symbol=symbol)).status_code == 200:
                pass
            assert answer.status_code == 429

    def close(self) -> None:
        self._client.close()


def _error(code: int, words: str = "words") -> str:
    return f'{{"code":{code},"msg":"{words}"}}'


BATCH = "/fapi/v1/batchOrders"
UNKNOWN_ERROR = "Unknown error, please check your request or try again later."
UNPROVEN = {
    "in words": (503, UNKNOWN_ERROR),
    "internal": (503, _error(-1000, UNKNOWN_ERROR)),
    "odd": (400, _error(-1006)),
    "timeout": (408, _error(-1007)),
    "no such code": (400, _error(-9999)),
    "names nothing": (200, "{}"),
}
CERTAIN = {
    "unavailable": (503, "Service Unavailable."),
    "internal": (503, _error(-1001, "Internal error; unable to process your request.")),
    "throttled": (503, _error(-1008, "Request throttled by system-level protection")),
    "clock": (400, _error(-1021)),
    "no margin": (400, _error(-2019, "Margin is insufficient.")),
    "disconnected": (503, _error(-1016)),
}


def made(transport: Transport) -> Ground:
    """The ground for one of the venue's ways to send orders."""
    http = transport is Transport.HTTP
    words = {"place": "POST", "cancel": "DELETE", "amend": "PUT"}
    paths = {"place": "order.place", "cancel": "order.cancel", "amend": "order.modify"}
    return Ground(
        name=f"binance_usdm-{transport.value}",
        venue="binance_usdm",
        exchange="BinanceU",
        symbol="BTCUSDT",
        transport=transport.value,
        client=Client,
        price_digits=2,
        sim=("--order-limits", "100000,100000"),
        settings=lambda where: {"ws_api_url": f"{where['ws']}/ws-fapi/v1"},
        rich={"USDT": "1000000000"},
        orders={
            action: {"path": ORDER, "method": method} if http else {"path": paths[action]}
            for action, method in words.items()
        },
        batched={BATCH: 2},
        steps=tuple({BATCH: number, ORDER: 0} for number in (2, 1, 1)),
        batch={"path": BATCH, "method": "POST"},
        open_orders="/fapi/v1/openOrders",
        streams={
            "order": "*@ORDER_TRADE_UPDATE",
            "position": "*@ACCOUNT_UPDATE",
            "fast": "*@TRADE_LITE",
        },
        order_pool="orders",
        order_windows=2,
        prices="*@bookTicker",
        few_orders=("--order-limits", "3,1200"),
        private_route="private",
        short_keys=("--listen-key-life", "3"),
        skew_ms=-1500,
        unproven=UNPROVEN,
        certain={
            what: (status, body)
            for what, (status, body) in CERTAIN.items()
            if http or body.startswith("{")  # the order API has no answer without a code
        },
        impossible=frozenset({-4120}),
        late_cancel_doubted=True,  # -2011 is any cancel that was rejected
        refusals={
            "no margin": -2019,
            "nothing to reduce": -2022,
            "would trigger": -2021,
            "fok": -5021,
            "would take": -5022,
            "no such order": -2011,
            "position side": -4061,
            "clock": -1021,
        },
    )


GROUNDS = [made(transport) for transport in Transport]


def _fill(row: dict[str, Any]) -> Fill:
    return Fill(float(row["qty"]), float(row["price"]), float(row["commission"]))
