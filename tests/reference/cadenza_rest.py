"""The simulated Cadenza's REST side without sockets: a market in made-up time, and a user who asks
through the connector's own endpoint table."""

import json
from typing import Any

import msgspec

from connector.clock import monotonic_ns
from connector.protocol.http1 import Request
from connector.sim.faults import Faults
from connector.sim.hub import Hub
from connector.sim.listings import contracts
from connector.sim.matching.engine import Engine
from connector.sim.synthetic import SyntheticMarket
from connector.venues.cadenza import sim, sim_streams
from connector.venues.cadenza.auth import Tokens
from connector.venues.cadenza.endpoints import ENDPOINTS
from connector.venues.cadenza.sim import SIM
from connector.venues.contract import Request as Asked
from connector.venues.contract import Security
from connector.venues.sim_contract import House, RestAnswer
from connector.venues.sim_setup import ApiKey, OrderSetup, SimAccount

START_MS = 1_790_133_513_000
STEP_NS = 1_000_000
EMAIL, PASSWORD = "me@example.com", "correct horse"
SYMBOLS = ["BINANCE:BTC/USDT", "BINANCE:ETH/USDT", "OKX:BTC/USDT", "B2C2:BTC/USD",
           "DERIBIT:BTC-PERPETUAL"]  # fmt: skip
MONEY = {"USDT": 100_000 * 10**8, "BTC": 2 * 10**8}


class Cadenza:
    """The venue and its clock."""

    def __init__(
        self, profile: str = "seed", *, weight: int = 100_000, rate: float = 50, history: int = 0,
        token_s: int = 0,
    ) -> None:  # fmt: skip
        self.start_ns = self.now_ns = monotonic_ns()
        self.profile = profile
        self.market = SyntheticMarket(
            SIM, contracts(SIM.listings, SYMBOLS), rate=rate, levels=200, seed=7, bursts=False,
            wall_ms=self.wall_ms,
        )  # fmt: skip
        self.market.hub = Hub(Faults(), SIM.wrapped, lambda *later: None)
        self.engine = Engine(first_order_id=1000)
        self.market.attach(self.engine, SIM.rules)
        self.accounts = tuple(
            SimAccount(name=name, keys=(ApiKey(key=email, secret=PASSWORD),), balances=MONEY)
            for name, email in (("me", EMAIL), ("other", "other@example.com"))
        )
        setup = OrderSetup(
            accounts=self.accounts, profile=profile, history=history, token_s=token_s
        )
        self.rest: Any = SIM.rest(weight, self.engine, setup, START_MS)
        self.house = House(market=self.market, rest=self.rest, now_ms=self.wall_ms)
        self.ears: list[Ear] = []

    def wall_ms(self) -> int:
        return START_MS + (self.now_ns - self.start_ns) // 1_000_000

    def wall_ns(self) -> int:
        return START_MS * 1_000_000 + self.now_ns - self.start_ns

    def run(self, ms: int) -> None:
        """Let so much time pass."""
        for _ in range(ms):
            self.now_ns += STEP_NS
            while self.market.run_until(self.now_ns, 1000):
                pass
            self.rest.turn(self.wall_ms())
        self.tell()

    def tell(self) -> None:
        """Let those hear it who listen; what is published counts, whoever does."""
        for channel, data in self.rest.take():
            push = sim_streams.outlet(self.rest, channel, data, self.wall_ms())
            assert push is not None
            for ear in self.ears:
                if channel in ear.session.streams:
                    ear.take(push)

    def wait(self, seconds: float) -> None:
        """The same without the market."""
        self.now_ns += int(seconds * 1_000_000_000)

    def send(self, request: Asked) -> RestAnswer:
        return self.raw(
            request.method, request.path, request.query, request.body, **dict(request.headers)
        )

    def raw(
        self, method: str, path: str, query: str = "", body: bytes = b"", **headers: str
    ) -> RestAnswer:
        lower = {name.lower().replace("_", "-"): value for name, value in headers.items()}
        asked = Request(method, path, query, lower, body)
        now_ms = self.wall_ms()
        found: RestAnswer = self.rest.answer(self.market, asked, "10.0.0.1", now_ms, now_ms)
        self.tell()
        return found


class Ear:
    """A connection of Centrifugo at the same venue."""

    def __init__(self, venue: Cadenza, token: str) -> None:
        self.venue = venue
        self.session: Any = SIM.session(SIM.opening(sim.PATH), venue.house)
        self.number = 0
        self.heard: list[tuple[str, dict[str, Any]]] = []
        """Channels and publications."""
        venue.ears.append(self)
        self.connected = self.say("connect", token=token)

    def say(self, command: str, **fields: Any) -> Any:
        """The result of a command, or its error's code; a closed connection's is negative."""
        self.number += 1
        reply = self.session.receive(json.dumps({"id": self.number, command: fields}).encode())
        if reply.close:
            self.gone()
            return -reply.close
        (line,) = [json.loads(each) for each in reply.message.split(b"\n")]
        return line["error"]["code"] if "error" in line else line[command]

    def take(self, push: bytes) -> None:
        told = json.loads(push)["push"]
        self.heard.append((told["channel"], told["pub"]))

    def told(self, channel: str = "") -> list[Any]:
        """What a channel has said since it was last asked; "": all of them."""
        found = [pub["data"] for name, pub in self.heard if channel in ("", name)]
        self.heard = [(name, pub) for name, pub in self.heard if channel not in ("", name)]
        return found

    def gone(self) -> None:
        self.session.gone()
        self.venue.ears.remove(self)


class User:
    """Somebody who is logged in, and asks by the names of the connector's table."""

    def __init__(self, venue: Cadenza, email: str = EMAIL, password: str = PASSWORD) -> None:
        self.venue = venue
        self.tokens = Tokens(email=email, password=password)

    def enter(self) -> str:
        """Do what the machine wants done; why it did not work, "" when it did."""
        asked = self.tokens.ask(self.venue.wall_ns())
        found = self.venue.send(asked)
        return self.tokens.answered(found.status, found.headers, found.body, self.venue.wall_ns())

    def ask(self, endpoint: str, **given: Any) -> RestAnswer:
        """Whatever is answered; the venue's names of the parameters."""
        row = ENDPOINTS[endpoint]
        request = row.called(given)
        if row.security is not Security.NONE:
            if not self.tokens.valid(self.venue.wall_ns()):
                assert not self.enter()
            request = self.tokens.bear(request)
        return self.venue.send(request)

    def get(self, endpoint: str, **given: Any) -> Any:
        """The data of a good answer; it is in the shape that the table says."""
        found = self.ask(endpoint, **given)
        assert found.status == 200, found.body
        msgspec.json.decode(found.body, type=ENDPOINTS[endpoint].result)
        answer = json.loads(found.body)
        assert "errno" not in answer or answer["errno"] == 0
        return answer.get("data") if "errno" in answer else answer

    def refused(self, endpoint: str, **given: Any) -> tuple[int, int]:
        """Status and code of a refusal."""
        found = self.ask(endpoint, **given)
        assert found.status != 200, found.body
        return found.status, abs(json.loads(found.body)["errno"])
