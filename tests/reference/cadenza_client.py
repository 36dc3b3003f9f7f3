"""Cadenza as a ground of order tests: a spot instrument of a venue behind it.

Its REST side names orders by its own ids alone; by which name their owner placed them only its
calls over the socket say (section 11.5 of the reference), so those are what is asked here."""

import itertools
import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import httpx
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from connector.venues.trading_contract import Transport
from tests.reference import ground
from tests.reference.ground import Fill, Ground, Placed, Proof
from tests.reference.sim_process import NOBODY, Simulator

BASE = "/api/v3"
SUBMIT, CANCEL = f"{BASE}/tradeOrder/submit", f"{BASE}/tradeOrder/cancel"
LIST = f"{BASE}/tradeOrder/list"
SOCKET = "/connection/websocket"
PAGE = 1000
SYMBOLS = ("BINANCE:BTC/USDT", "BINANCE:ETH/USDT", "BINANCE:SOL/USDT")
OPEN = {"CREATED", "SUBMITTED", "ACCEPTED", "PARTIALLY_FILLED", "PENDING_CANCEL"}
PLAIN = {"LIMIT", "LIMIT_MAKER", "MARKET"}
_numbers = itertools.count(1)


def address(key: str) -> str:
    """A user is known by an email address."""
    return f"{key.lower()}@example.com"


class Client(ground.Client):
    """One user's requests, about the account at the instrument's venue."""

    def __init__(self, venue: Simulator, key: str, secret: str, where: Ground) -> None:
        self.venue, self._where, self._symbol = venue, where, where.symbol
        self._login = {"email": address(key), "password": secret}
        self._client = httpx.Client(timeout=30, trust_env=False, verify=NOBODY)
        self._token = ""
        self._account_id = ""
        self._socket: ClientConnection | None = None
        self._stack = ExitStack()

    # REST

    def ask(self, method: str, path: str, **fields: Any) -> httpx.Response:
        """A request as this user, whose token may have ended."""
        for _ in range(2):
            if not self._token:
                self._token = self._log_in()
            answer = self._request(method, path, fields)
            if answer.status_code != 401:
                break
            self._token = ""
        return answer

    def _log_in(self) -> str:
        answer = self._request("POST", f"{BASE}/auth/login", self._login)
        assert answer.status_code == 200, answer.text
        found: str = answer.json()["data"]["accessToken"]
        return found

    def _request(self, method: str, path: str, fields: Mapping[str, Any]) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        url = f"{self.venue.rest}{path}"
        if method == "GET":
            return self._client.get(url, params=dict(fields), headers=headers)
        return self._client.request(method, url, json=dict(fields), headers=headers)

    def ok(self, method: str, path: str, **fields: Any) -> Any:
        """The data of an answer that is no error."""
        answer = self.ask(method, path, **fields)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def _pages(self, path: str, **fields: Any) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        while True:
            answer = self.ask("GET", path, **fields, limit=PAGE, offset=len(rows))
            assert answer.status_code == 200, answer.text
            found = answer.json()
            rows += found["data"]
            if not found["pagination"]["hasNext"]:
                return rows

    @property
    def account_id(self) -> str:
        """The user's account at the venue that lists the instrument."""
        if not self._account_id:
            behind = self._symbol.partition(":")[0]
            rows = self._pages(f"{BASE}/tradingAccount/list")
            self._account_id = {row["venue"]: row["tradingAccountId"] for row in rows}[behind]
        return self._account_id

    def proof(self, name: str, key: str, secret: str) -> Proof:
        """The daemon logs in as the user; its account's key is the venue's id of it."""
        words = f"TEST_{name.upper()}"
        return Proof(
            {"key": f"env:{words}_ACCOUNT"},
            {"email": f"env:{words}_EMAIL", "password": f"env:{words}_PASSWORD"},
            {
                f"{words}_ACCOUNT": self.account_id,
                f"{words}_EMAIL": address(key),
                f"{words}_PASSWORD": secret,
            },
        )

    # Calls over the socket

    def _call(self, method: str, **fields: Any) -> Any:
        """The answer to a question; asked again on another connection where one was cut."""
        for _ in range(5):
            try:
                return self._called(method, fields)
            except (WebSocketException, OSError, TimeoutError):
                self._hang_up()
        raise AssertionError(f"{method}: no answer")

    def _called(self, method: str, fields: Mapping[str, Any]) -> Any:
        if self._socket is None:
            if not self._token:
                self._token = self._log_in()
            url = self.venue.ws + SOCKET
            self._socket = self._stack.enter_context(connect(url, max_size=None))
            answer = self._reply({"connect": {"token": self._token}})
            if "error" in answer:
                self._token = ""
                raise OSError("the token has ended")
        answer = self._reply({"rpc": {"method": method, "data": fields}})
        return answer["rpc"]["data"]

    def _reply(self, command: dict[str, Any]) -> dict[str, Any]:
        assert self._socket is not None
        number = next(_numbers)
        self._socket.send(json.dumps({"id": number, **command}))
        while True:
            for line in str(self._socket.recv(timeout=10)).split("\n"):
                answer = json.loads(line)
                if not answer:
                    self._socket.send("{}")
                elif answer.get("id") == number:
                    found: dict[str, Any] = answer
                    return found

    def _hang_up(self) -> None:
        self._socket = None
        self._stack.close()

    def _orders(self) -> list[dict[str, Any]]:
        """Every order of the account, the oldest first."""
        rows: list[dict[str, Any]] = []
        while True:
            page = {"limit": PAGE, "offset": len(rows)}
            found = self._call(
                "query.trade_order.list", tradingAccountId=self.account_id,
                instrumentId=self._symbol, ascending=True, pagination=page,
            )  # fmt: skip
            rows += found["data"]
            if not found["pagination"]["hasNext"]:
                return rows

    def _order(self, client_order_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self._call(
            "query.trade_order.get",
            clientOrderId=client_order_id,
            tradingAccountId=self.account_id,
        )["data"]
        return found

    # What tests ask

    def begin(self) -> None:
        """What is bought is paid."""

    def hedge(self) -> None:
        raise AssertionError("assets are bought and sold")

    def best_bid(self) -> float:
        found = self.ok("GET", f"{BASE}/market/orderBook/get", instrumentId=self._symbol, depth=1)
        return float(found["bids"][0][0])

    def far(self) -> str:
        return str(int(self.best_bid() * 0.97))

    def limit_at(self, side: str, price: float, quantity: float, tif: str = "GTC") -> Placed:
        name = self._place(
            side, quantity, orderType="LIMIT", limitPrice=self._where.price(price), timeInForce=tif
        )
        return Placed(name, float(self._order(name)["executedQuantity"]))

    def take(self, side: str, quantity: float, position_side: str = "BOTH") -> None:
        assert position_side == "BOTH"
        self._place(side, quantity, orderType="MARKET")

    def _place(self, side: str, quantity: float, **fields: Any) -> str:
        name = f"by-hand-{next(_numbers)}"
        self.ok(
            "POST",
            SUBMIT,
            tradingAccountId=self.account_id,
            instrumentId=self._symbol,
            clientOrderId=name,
            orderSide=side,
            quantity=f"{quantity:.3f}",
            **fields,
        )
        return name

    def cancel(self, client_order_id: str) -> None:
        self._cancel(self._order(client_order_id)["tradeOrderId"])

    def _cancel(self, order_id: str) -> None:
        self.ok("POST", CANCEL, tradingAccountId=self.account_id, tradeOrderId=order_id)

    def cancel_all(self) -> None:
        for row in self._open():
            self._cancel(row["tradeOrderId"])

    def _open(self) -> list[dict[str, Any]]:
        return [row for row in self._orders() if row["status"] in OPEN]

    def opened(self) -> set[str]:
        return {row.get("clientOrderId", row["tradeOrderId"]) for row in self._open()}

    def resting(self) -> dict[str, tuple[Decimal, Decimal]]:
        return {
            row.get("clientOrderId", row["tradeOrderId"]): (
                Decimal(row["limitPrice"]),
                Decimal(row["quantity"]) - Decimal(row["executedQuantity"]),
            )
            for row in self._open()
            if row["orderType"] in PLAIN
        }

    def _portfolio(self) -> dict[str, Any]:
        (found,) = self.ok(
            "GET", f"{BASE}/tradingAccount/portfolio/list", tradingAccountId=self.account_id
        )
        whole: dict[str, Any] = found
        return whole

    def balances(self) -> dict[str, Decimal]:
        return {
            row["securitySymbol"]: Decimal(row["total"]) for row in self._portfolio()["balances"]
        }

    def held(self) -> dict[str, float]:
        """What was bought of the instrument, and not sold since."""
        found = {
            row["instrumentId"]: float(row["quantity"]) for row in self._portfolio()["positions"]
        }
        amount = found.get(self._symbol, 0.0)
        return {"BOTH": amount} if amount else {}

    def fills(self, report: Any) -> dict[Any, Fill]:
        if not report.order_id:
            return {}
        (row,) = self.ok("GET", LIST, tradeOrderId=report.order_id)
        return _fills(row)

    def ledger(self) -> Callable[[Any], dict[Any, Fill]]:
        rows = self._pages(LIST, tradingAccountId=self.account_id)
        orders = {row["tradeOrderId"]: _fills(row) for row in rows}
        return lambda report: orders.get(report.order_id, {})

    def bought(self) -> list[Decimal]:
        rows = self._pages(LIST, tradingAccountId=self.account_id, instrumentId=self._symbol)
        done = [one for row in rows for one in row["executions"]]
        done.sort(key=lambda one: one["executedAt"])
        return [
            Decimal(one["executedQuantity"]) * (1 if one["orderSide"] == "BUY" else -1)
            for one in done
        ]

    def known(self, client_order_id: str) -> list[float]:
        return [
            float(row.get("limitPrice", 0))
            for row in self._orders()
            if row.get("clientOrderId") == client_order_id
        ]

    def history(self) -> list[tuple[str, str]]:
        return [
            (row.get("clientOrderId", ""), row["orderSide"])
            for row in self._orders()
            if row["orderType"] in PLAIN
        ]

    def now_s(self) -> int:
        found: int = self.venue.get(f"{BASE}/health").json()["timestamp"]
        return found // 1000

    def crowd(self) -> None:
        """The options do it."""

    def use_up(self) -> None:
        asset = quote(self._symbol, safe="")
        missing = {"tradingAccountId": self.account_id, "tradeOrderId": self.account_id}
        while self.ask("POST", f"{CANCEL}?{asset}", **missing).status_code != 429:
            pass

    def close(self) -> None:
        self._hang_up()
        self._client.close()


def _fills(row: Mapping[str, Any]) -> dict[Any, Fill]:
    return {
        one["executionId"]: Fill(
            float(one["executedQuantity"]),
            float(one["executedPrice"]),
            sum(float(fee["quantity"]) for fee in one["fees"]),
        )
        for one in row["executions"]
    }


def _error(errno: int, words: str) -> str:
    """By the page's own sample."""
    return json.dumps({"data": None, "success": False, "errno": errno, "error": words})


# By section 4.2: what proves that nothing was placed, and that all else proves nothing.
UNPROVEN = {
    "in words": (503, "Service Unavailable"),
    "internal": (500, _error(-22000, "unknown")),
    "odd": (502, _error(-18004, "exchange error")),
    "timeout": (504, _error(-18015, "request timeout")),
    "conflict": (409, _error(-22017, "conflict")),
    "no such code": (422, _error(-77777, "words")),
    "throttled in words": (429, "Too Many Requests"),
    "names nothing": (200, '{"success":true,"errno":0,"error":null,"data":[]}'),
}
CERTAIN = {
    "no margin": (400, _error(-18006, "insufficient funds")),
    "rejected": (400, _error(-18025, "order rejected")),
    "no margin, as today": (400, _error(18006, "insufficient funds")),
    "no such instrument": (404, _error(-18017, "symbol unknown")),
}


def made() -> Ground:
    """The ground. It amends nothing, and buys and sells assets."""
    return Ground(
        name="cadenza",
        venue="cadenza",
        exchange="Cadenza",
        contract_type="spot",
        symbol="OKX:BTC/USDT",
        transport=Transport.HTTP.value,
        client=Client,
        user=address,
        one_user=True,
        amends=False,
        reduces=False,
        names_fills=False,
        price_digits=1,
        most=200,
        channels=("bbo",),
        settings=lambda where: {
            "ws_url": where["ws"] + SOCKET,
            "probe": False,
            **dict.fromkeys(
                (f"{name}_per_minute" for name in ("auth", "market", "trading", "account")), 10_000
            ),
        },
        rich={"USDT": "10000000000", "BTC": "100000"},
        stock={"BTC": "10", "ETH": "200", "SOL": "5000"},
        orders={
            "place": {"path": SUBMIT, "method": "POST"},
            "cancel": {"path": CANCEL, "method": "POST"},
        },
        batched={SUBMIT: 5, CANCEL: 5},
        steps=({SUBMIT: 7}, {}, {CANCEL: 7}),
        batch={"path": SUBMIT, "method": "POST", "count": 3},
        open_orders=LIST,
        streams={"order": "tradingAccount:*", "position": "tradingAccount:*"},
        few_orders=("--weight-limit", "100"),
        few_settings={"trading_per_minute": 50},
        order_pool="trading",
        own_windows=True,
        prices="market:orderBook:*",
        private_route="centrifugo",
        connections=2,
        proofs=5,
        hurried={"window_ms": 3000, "lookup_lag_s": 2},
        late_ms=0,
        skew_ms=20_000,
        unproven=UNPROVEN,
        certain=CERTAIN,
        two_sided=False,
        has=frozenset({"market orders have no time in force"}),
        beyond=("no margin", {"quantity": "200"}),
        refusals={
            "no margin": 18006,
            "no such order": 18018,
            "would trigger": 18025,
        },
    )


GROUND = made()
COARSE = replace(GROUND, name="cadenza-coarse", symbol=SYMBOLS[0], symbols=SYMBOLS, price_digits=2)
"""An instrument whose quantities have a step, at a venue behind that lists three."""
