"""The simulated Binance without sockets: its REST side over the real matching engine, a book that
stands still, a clock that is set by hand, and a client that signs as the venue's page says."""

import base64
import hashlib
import hmac
import json
from typing import Any
from urllib.parse import quote, urlencode

from connector.protocol.http1 import Request
from connector.sim.matching.book import ASK, BID, Book
from connector.sim.matching.engine import Engine
from connector.venues.binance_usdm.sim import SIM
from connector.venues.sim_contract import Contract, RestAnswer
from connector.venues.sim_setup import ApiKey, OrderSetup, SimAccount

NOW_MS = 1_700_000_000_000
UNIT = 100_000_000
MAKER = ApiKey(key="MAKERKEY", secret="maker-secret")
OTHER = ApiKey(key="OTHERKEY", secret="other-secret")

CONTRACTS = (
    Contract(symbol="BTCUSDT", base="BTC", price_digits=2, tick="0.10", qty_digits=3, step="0.001",
             price="30000.00"),
    Contract(symbol="ETHUSDT", base="ETH", price_digits=2, tick="0.01", qty_digits=3, step="0.001",
             price="2000.00"),
)  # fmt: skip


class StillMarket:
    """What the REST side asks of a market; nothing moves. Also the `Port` of every symbol."""

    def __init__(self) -> None:
        self.symbols = {row.symbol: row for row in CONTRACTS}
        self.trade_id = 0

    def exchange_info(self, now_ms: int) -> bytes:
        return SIM.exchange_info(CONTRACTS, now_ms, 2400)

    def changed(self, side: int, key: int) -> None:
        pass

    def traded(self, tick: int, lots: int, buyer_is_maker: bool, now_ns: int) -> int:
        self.trade_id += 1
        return self.trade_id

    def settled(self, now_ns: int) -> None:
        pass

    def wake(self) -> None:
        pass


class Venue:
    """BTCUSDT: 29999.90/30000.10, ETHUSDT: 1999.99/2000.01, five levels of 2 a side each."""

    def __init__(self, **setup: Any) -> None:
        self.now_ms = NOW_MS
        self.market: Any = StillMarket()
        self.engine = Engine()
        self.books: dict[str, Book] = {}
        for rules in SIM.rules(self.market.exchange_info(self.now_ms)):
            book = self.books[rules.symbol] = Book()
            self.engine.add_symbol(rules, book, self.market)
        self.refill()
        for name, price in (("BTCUSDT", 30_000), ("ETHUSDT", 2_000)):
            self.engine.mark(name, price * UNIT, self.now_ms * 1_000_000)
        accounts = [
            SimAccount(name="maker", keys=(MAKER,), balances={"USDT": 100_000 * UNIT}),
            SimAccount(name="other", keys=(OTHER,), balances={"USDT": 100_000 * UNIT}),
        ]
        options = {"accounts": accounts, **setup}
        self.rest = SIM.rest(2400, self.engine, OrderSetup(**options), self.now_ms)
        self.published: list[tuple[str, Any]] = []

    def refill(self) -> None:
        for name, middle in (("BTCUSDT", 300_000), ("ETHUSDT", 200_000)):
            for level in range(1, 6):
                self.books[name].market[BID].put(-(middle - level), 2_000)
                self.books[name].market[ASK].put(middle + level, 2_000)

    def send(
        self,
        method: str,
        path: str,
        query: str = "",
        body: str = "",
        key: str | None = None,
        arrived_ms: int = 0,
        **headers: str,
    ) -> RestAnswer:
        """A request as these bytes."""
        if body:
            headers.setdefault("content-type", "application/x-www-form-urlencoded")
        if key is not None:
            headers["x-mbx-apikey"] = key
        request = Request(method, path, query, headers, body.encode())
        answer: RestAnswer = self.rest.answer(
            self.market, request, "127.0.0.1", arrived_ms or self.now_ms, self.now_ms
        )
        self.published += [(name, json.loads(text)) for name, text in self.rest.take()]
        return answer

    def ask(self, method: str, path: str, who: ApiKey = MAKER, **params: Any) -> RestAnswer:
        """A signed request; ``timestamp`` is now unless given, None leaves a parameter out."""
        values = {"timestamp": self.now_ms, **params}
        text = urlencode({name: value for name, value in values.items() if value is not None})
        text += "&signature=" + sign(who, text)
        if method in ("GET", "DELETE"):
            return self.send(method, path, text, key=who.key)
        return self.send(method, path, body=text, key=who.key)

    def ok(self, method: str, path: str, who: ApiKey = MAKER, **params: Any) -> Any:
        """The same, which must work."""
        answer = self.ask(method, path, who, **params)
        assert answer.status == 200, answer.body
        return json.loads(answer.body)

    def refused(
        self, method: str, path: str, who: ApiKey = MAKER, **params: Any
    ) -> tuple[int, int, str]:
        """Status, code and text of a request that must not."""
        return refusal(self.ask(method, path, who, **params))

    def place(self, who: ApiKey = MAKER, **params: Any) -> Any:
        """A buy of 0.100 BTC at 29990.00 unless told otherwise."""
        return self.ok("POST", "/fapi/v1/order", who, **limit_order(**params))

    def listen(self, who: ApiKey = MAKER) -> str:
        key: str = json.loads(self.send("POST", "/fapi/v1/listenKey", key=who.key).body)[
            "listenKey"
        ]
        return key

    def events(self) -> list[tuple[str, Any]]:
        """Event names and payloads published since the last call."""
        self.rest.turn(self.now_ms)
        self.published += [(name, json.loads(text)) for name, text in self.rest.take()]
        found, self.published = self.published, []
        return [(name.rpartition("@")[2], payload) for name, payload in found]


def limit_order(**params: Any) -> dict[str, Any]:
    """Parameters of a limit order with these changes; None leaves one out."""
    return {
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "0.100",
        "price": "29990.00",
        **params,
    }


def market_order(**params: Any) -> dict[str, Any]:
    return {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.1", **params}


def sign(key: ApiKey, payload: str) -> str:
    return hmac.new(key.secret.encode(), payload.encode(), hashlib.sha256).hexdigest()


def escaped(raw: bytes) -> str:
    return quote(base64.b64encode(raw), safe="")


def refusal(answer: RestAnswer) -> tuple[int, int, str]:
    found = json.loads(answer.body)
    assert set(found) == {"code", "msg"}
    return answer.status, found["code"], found["msg"]
