"""The simulated Phemex without sockets: a market in made-up time, connections that keep what they
are told, and a client's book built from it by the venue's own recipe."""

import hashlib
import hmac
import json
from decimal import Decimal
from typing import Any

from connector.clock import monotonic_ns
from connector.protocol.http1 import Request
from connector.sim.faults import Faults
from connector.sim.hub import Hub, content
from connector.sim.listings import contracts
from connector.sim.matching.engine import Engine
from connector.sim.synthetic import SyntheticMarket
from connector.venues.phemex.sim import SIM
from connector.venues.sim_contract import House, Opening, RestAnswer
from connector.venues.sim_setup import ApiKey, OrderSetup, SimAccount

START_MS = 1_790_133_513_000
STEP_NS = 1_000_000


class Phemex:
    """The venue, its clock and its connections."""

    def __init__(
        self,
        symbols: list[str] | None = None,
        *,
        rate: float = 400,
        market: Any = None,
        accounts: tuple[SimAccount, ...] = (),
    ) -> None:
        self.start_ns = self.now_ns = monotonic_ns()
        self.market = market or SyntheticMarket(
            SIM, contracts(SIM.listings, symbols or ["BTCUSD", "cETHUSD"]), rate=rate, levels=1000,
            seed=7, bursts=False, wall_ms=self.wall_ms,
        )  # fmt: skip
        self.faults = Faults()
        self.hub = self.market.hub = Hub(self.faults, SIM.wrapped, lambda *later: None)
        self.engine: Engine | None = None
        if accounts:
            self.engine = Engine(first_order_id=1000)
            self.market.attach(self.engine, SIM.rules)
        setup = OrderSetup(accounts=accounts)
        self.rest: Any = SIM.rest(500, self.engine, setup, START_MS)
        self.house = House(market=self.market, rest=self.rest, now_ms=self.wall_ms)
        self.clients: list[Client] = []

    def wall_ms(self) -> int:
        return START_MS + (self.now_ns - self.start_ns) // 1_000_000

    def client(self) -> "Client":
        self.clients.append(Client(self))
        return self.clients[-1]

    def run(self, ms: int) -> None:
        """Let so much time pass."""
        # A symbol's flow began on the real clock, when it was first asked for.
        self.now_ns = max(self.now_ns, monotonic_ns())
        for _ in range(ms):
            self.now_ns += STEP_NS
            while self.market.run_until(self.now_ns, 1000):
                pass
            self.tell()

    def tell(self) -> None:
        """Let the accounts hear what happened."""
        self.rest.turn(self.wall_ms())
        for stream, payload in self.rest.take():
            self.hub.publish(stream, payload)

    def get(self, path: str, query: str = "", **headers: str) -> RestAnswer:
        request = Request("GET", path, query, headers)
        now_ms = self.wall_ms()
        found: RestAnswer = self.rest.answer(self.market, request, "10.0.0.1", now_ms, now_ms)
        return found


class Client:
    """A connection: answers and pushes, as they came."""

    number = 0
    combined = False
    paused = False

    def __init__(self, venue: Phemex) -> None:
        self.venue = venue
        self.number = len(venue.clients) + 1
        self.session = SIM.session(Opening("ws", False, ()), venue.house)
        self.heard: set[str] = set()
        self.pushed: list[dict[str, Any]] = []

    def write(self, data: bytes) -> None:
        self.pushed.append(json.loads(content(data)))

    def flush(self) -> None:
        """Nothing is held back."""

    def ask(self, method: str, params: Any, number: Any = 1) -> dict[str, Any]:
        """Send a request; its streams are connected as the server does it."""
        return self.send(json.dumps({"id": number, "method": method, "params": params}).encode())

    def send(self, text: bytes) -> dict[str, Any]:
        reply = self.session.receive(text)
        market, hub = self.venue.market, self.venue.hub
        for name in reply.removed:
            self.heard.discard(name)
            stream = SIM.stream(name, market.symbols)
            if hub.remove(name, self) and stream is not None:
                market.unsubscribed(stream)
        for name in reply.added:
            stream = SIM.stream(name, market.symbols)
            if stream is None:
                self._hear(name)
                continue
            if hub.add(name, self):
                market.subscribed(stream)
            self.heard.add(name)
            for payload in market.greeting(stream, self.venue.wall_ms()):
                hub.greet(name, payload, self)
        found: dict[str, Any] = json.loads(reply.message)
        return found

    def _hear(self, name: str) -> None:
        """A private stream."""
        (private,) = self.venue.rest.private("ws", name)
        self.venue.hub.add(private, self)
        self.heard.add(private)
        for payload in self.venue.rest.greeting(private, self.venue.wall_ms()):
            self.venue.hub.greet(private, payload, self)

    def of(self, key: str) -> list[dict[str, Any]]:
        """The pushes of a kind."""
        return [each for each in self.pushed if key in each]


class ClientBook:
    """A book kept by the venue's recipe: a snapshot replaces, a quantity of 0 deletes."""

    def __init__(self) -> None:
        self.sides: dict[str, dict[int, int]] = {"asks": {}, "bids": {}}
        self.sequence = 0
        self.unknown_deletes = 0

    def take(self, message: dict[str, Any]) -> None:
        for side, rows in message["book"].items():
            if message["type"] == "snapshot":
                self.sides[side] = {}
            for price, qty in rows:
                if qty:
                    self.sides[side][price] = qty
                elif self.sides[side].pop(price, None) is None:
                    self.unknown_deletes += 1
        self.sequence = message["sequence"]

    def book(self) -> dict[str, list[list[int]]]:
        """Both sides, best first."""
        return {
            "asks": sorted(map(list, self.sides["asks"].items())),
            "bids": sorted(map(list, self.sides["bids"].items()), reverse=True),
        }


KEY, SECRET = "806066b0-f02b-4d3e-b444-76ec718e1023", "not-a-secret_-"
OTHER = "11111111-f02b-4d3e-b444-76ec718e1023"
UNIT = 100_000_000
FUNDS = {"BTC": 10 * UNIT, "USD": 100_000 * UNIT}
"""Of the first family."""


def account(name: str = "demo", key: str = KEY, **balances: int) -> SimAccount:
    keys = (ApiKey(key=key, secret=SECRET),)
    return SimAccount(name=name, keys=keys, balances=balances or FUNDS)


class Trader:
    """One account of the venue: it signs, asks, and hears its private stream."""

    def __init__(self, venue: Phemex, key: str = KEY, *, hedged: bool = False) -> None:
        """``hedged``: it trades the family of decimal texts, and hears its private stream."""
        self.venue, self.key = venue, key
        self.suffix = "_p" if hedged else ""
        self.client = venue.client()
        expiry = venue.wall_ms() // 1000 + 60
        signature = self.signature(f"{key}{expiry}".encode())
        answer = self.client.ask("user.auth", ["API", key, signature, expiry])
        assert answer["result"] == {"status": "success"}
        assert self.client.ask(f"aop{self.suffix}.subscribe", [])["error"] is None
        self.opened = self.client.of(f"accounts{self.suffix}")
        self.client.pushed.clear()
        self._names = 0

    @staticmethod
    def signature(text: bytes) -> str:
        return hmac.new(SECRET.encode(), text, hashlib.sha256).hexdigest()

    def ask(self, method: str, path: str, query: str = "", body: bytes = b"") -> dict[str, Any]:
        """The body of the answer to a signed request."""
        expiry = str(self.venue.wall_ms() // 1000 + 60)
        headers = {
            "x-phemex-access-token": self.key,
            "x-phemex-request-expiry": expiry,
            "x-phemex-request-signature": self.signature((path + query + expiry).encode() + body),
        }
        request = Request(method, path, query, headers, body)
        now_ms = self.venue.wall_ms()
        found = self.venue.rest.answer(self.venue.market, request, "10.0.0.1", now_ms, now_ms)
        self.venue.tell()
        answer: dict[str, Any] = json.loads(found.body)
        return answer

    def order(self, **fields: Any) -> dict[str, Any]:
        """Place an order; the client id is made up unless it is given."""
        self._names += 1
        given = {"clOrdID": f"c-{self._names}", "side": "Buy"} | fields
        if self.suffix:
            given = {"symbol": "BTCUSDT", "posSide": "Merged"} | given
            return self.ask("POST", "/g-orders", body=json.dumps(given).encode())
        return self.ask("POST", "/orders", body=json.dumps({"symbol": "BTCUSD"} | given).encode())

    def heard(self) -> list[dict[str, Any]]:
        """The order entries since the last call."""
        name = f"orders{self.suffix}"
        found = [each for push in self.client.of(name) for each in push[name]]
        self.client.pushed.clear()
        return found

    def touch(self, symbol: str = "BTCUSD") -> tuple[int, int]:
        """Best bid and ask, scaled."""
        top = self.venue.market.top(symbol, 1)
        return int(top.bids[0][0]), int(top.asks[0][0])

    def price(self, distance: str, side: str = "bids") -> str:
        """A price of BTCUSDT so far from the best of a side, as text."""
        best = getattr(self.venue.market.top("BTCUSDT", 1), side)[0][0]
        return f"{Decimal(best) + Decimal(distance):f}"
