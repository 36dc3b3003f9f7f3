"""A simulated venue whose market stands still: nothing trades unless a test says so.

The flow says next to nothing, and all it offered near the market is taken away at the start. What
is left is a wide gap around ``mid`` in which two accounts of ours (``other``, ``mate``) quote and
trade, so that every price, quantity and trigger of a test is its own doing."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.reference.signed_client import ORDER, Trader
from tests.reference.sim_process import Simulator
from tests.reference.stack import Sim

SYMBOL = "BTCUSDT"
GAP = 0.004
"""Of the price, to each side."""


class Client(Trader):
    """One account's requests, all on one connection."""

    def __init__(self, venue: Simulator, key: str, secret: str) -> None:
        super().__init__(venue, key, secret)
        self._client = httpx.Client(timeout=30, trust_env=False)
        self.ahead_ms = 0
        """The venue's clock ahead of this machine's, when a test set it so."""

    def ask(self, method: str, path: str, timeout: float = 10, **params: Any) -> httpx.Response:
        values = {"timestamp": time.time_ns() // 1_000_000 + self.ahead_ms, **params}
        text = str(httpx.QueryParams({name: v for name, v in values.items() if v is not None}))
        text += f"&signature={self.sign(text)}"
        url = f"{self.venue.rest}{path}?{text}"
        return self._client.request(method, url, headers={"X-MBX-APIKEY": self.key})

    def close(self) -> None:
        self._client.close()

    def limit_at(self, side: str, price: float, quantity: float, tif: str = "GTC") -> Any:
        """Place a limit order; the answer."""
        return self.ok(
            "POST",
            ORDER,
            symbol=SYMBOL,
            side=side,
            type="LIMIT",
            timeInForce=tif,
            price=f"{price:.2f}",
            quantity=f"{quantity:.3f}",
            newOrderRespType="RESULT",
        )

    def position(self, side: str = "BOTH") -> float:
        """Quantity held; short is negative."""
        rows = self.ok("GET", "/fapi/v3/positionRisk", symbol=SYMBOL)
        return sum(float(row["positionAmt"]) for row in rows if row["positionSide"] == side)

    def fills(self, order_id: int) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.ok(
            "GET", "/fapi/v1/userTrades", symbol=SYMBOL, orderId=order_id
        )
        return rows


class Market:
    """The venue and who makes its market. Prices are whole units away from ``mid``."""

    def __init__(self, start: Callable[[int], Sim], accounts: dict[str, tuple[str, str]]) -> None:
        self._start, self._accounts = start, accounts
        self.clients: dict[str, Client] = {}
        self._open(0)

    def begin_anew(self) -> None:
        """Kill the venue, and start it again where it was; it remembers nothing."""
        self.sim.process.kill()
        self.sim.process.wait()
        self.close()
        self._open(int(self.sim.where["rest"].rpartition(":")[2]))

    def _open(self, port: int) -> None:
        self.sim = sim = self._start(port)
        self.venue = Simulator(sim.process, sim.where)  # type: ignore[arg-type]
        self.clients.update(
            {name: Client(self.venue, *both) for name, both in self._accounts.items()}
        )
        self.other, self.mate = self.clients["other"], self.clients["mate"]
        book = self.venue.get("/fapi/v1/depth", symbol=SYMBOL, limit=5).json()
        self.mid = int(float(book["bids"][0][0]))
        for client in (self.other, self.mate):
            client.ok("POST", "/fapi/v1/leverage", symbol=SYMBOL, leverage=1)
        for side, price in (("BUY", self.mid * (1 + GAP)), ("SELL", self.mid * (1 - GAP))):
            self.other.limit_at(side, int(price), 500, "IOC")

    def price(self, away: float) -> str:
        return f"{self.mid + away:.2f}"

    def rest(self, side: str, away: float, quantity: float) -> None:
        """Let ``other`` offer something."""
        self.other.limit_at(side, self.mid + away, quantity)

    def hit(self, side: str, away: float, quantity: float) -> None:
        """Let ``mate`` take at that price or better."""
        answer = self.mate.limit_at(side, self.mid + away, quantity, "IOC")
        assert answer["status"] == "FILLED", answer

    def trade(self, away: float) -> None:
        """Make a price: the two trade with each other, and leave nothing."""
        self.rest("SELL", away, 0.001)
        self.hit("BUY", away, 0.001)

    def nudge(self) -> None:
        """Let the best bid's quantity change, and change back."""
        book = self.venue.get("/fapi/v1/depth", symbol=SYMBOL, limit=5).json()
        order = self.other.limit_at("BUY", float(book["bids"][0][0]), 0.02)
        named = {"symbol": SYMBOL, "orderId": order["orderId"]}
        self.other.ok("DELETE", ORDER, **named)

    def clear(self) -> None:
        """Nobody's orders are left."""
        for client in self.clients.values():
            for path in ("allOpenOrders", "algoOpenOrders"):
                client.ok("DELETE", f"/fapi/v1/{path}", symbol=SYMBOL)

    def hold(self, name: str, wanted: float, side: str = "BOTH") -> None:
        """Bring an account's position to a quantity, at the middle."""
        client = self.clients[name]
        missing = round(wanted - client.position(side), 3)
        if not missing:
            return
        buys = missing > 0
        self.rest("SELL" if buys else "BUY", 0, abs(missing))
        client.ok(
            "POST",
            ORDER,
            symbol=SYMBOL,
            side="BUY" if buys else "SELL",
            positionSide=side,
            type="MARKET",
            quantity=f"{abs(missing):.3f}",
        )

    def close(self) -> None:
        for client in self.clients.values():
            client.close()


@contextmanager
def quiet_market(folder: Path, *arguments: str, **accounts: tuple[str, str]) -> Iterator[Market]:
    """Start one; ``accounts``: key and secret of each, beside those that make the market."""
    everybody = {"other": ("OTHER", "other"), "mate": ("MATE", "mate"), **accounts}
    text = ""
    for name, (key, secret) in everybody.items():
        text += f"[accounts.{name}]\nkeys = [{{ key = {json.dumps(key)}, "
        text += f"secret = {json.dumps(secret)} }}]\n"
        if name not in accounts:
            text += 'balances = { USDT = "1000000000" }\n'
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "accounts.toml").write_text(text)
    with ExitStack() as stack:

        def start(port: int) -> Sim:
            return stack.enter_context(
                Sim("--symbols", SYMBOL, "--rate", "0.05", "--no-bursts", "--weight-limit",
                    "1000000", "--order-limits", "100000,100000", "--connects", "10000",
                    "--accounts", str(folder / "accounts.toml"), "--port", str(port), *arguments)
            )  # fmt: skip

        market = Market(start, everybody)
        stack.callback(market.close)
        yield market
