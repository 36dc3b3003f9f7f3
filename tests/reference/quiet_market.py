"""A simulated venue whose market stands still: nothing trades unless a test says so.

The flow says next to nothing, and all it offered near the market is taken away at the start. What
is left is a wide gap around ``mid`` in which two accounts of ours (``other``, ``mate``) quote and
trade, so that every price, quantity and trigger of a test is its own doing."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.reference.ground import Client, Ground
from tests.reference.sim_process import Simulator
from tests.reference.stack import Sim

BY_HAND = "BYHAND"
"""Ends the second key of every account, which is ours: requests are counted by key."""


class Market:
    """The venue and who makes its market. Prices are whole units away from ``mid``."""

    def __init__(
        self, ground: Ground, start: Callable[[int], Sim], accounts: dict[str, tuple[str, str]]
    ) -> None:
        self.ground, self._start, self._accounts = ground, start, accounts
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
            {
                name: self.ground.client(self.venue, key + BY_HAND, secret, self.ground)
                for name, (key, secret) in self._accounts.items()
            }
        )
        self.other, self.mate = self.clients["other"], self.clients["mate"]
        self.mid = int(self.other.best_bid())
        for client in (self.other, self.mate):
            client.begin()
        gap, most = self.ground.gap, self.ground.amount(self.ground.most)
        left = {"BUY": int(self.mid * (1 + gap)), "SELL": int(self.mid * (1 - gap))}
        while left:  # in turn: what it holds has a limit, too
            for side, price in [*left.items()]:
                if self.other.limit_at(side, price, most, "IOC").filled < most:
                    del left[side]

    def price(self, away: float) -> str:
        return self.ground.price(self.mid + away)

    def rest(self, side: str, away: float, quantity: float) -> str:
        """Let ``other`` offer something."""
        order = self.other.limit_at(side, self.mid + away, self.ground.amount(quantity))
        return order.client_order_id

    def hit(self, side: str, away: float, quantity: float) -> None:
        """Let ``mate`` take at that price or better."""
        wanted = self.ground.amount(quantity)
        order = self.mate.limit_at(side, self.mid + away, wanted, "IOC")
        assert round(order.filled - wanted, 8) == 0, order

    def trade(self, away: float) -> None:
        """Make a price: the two trade with each other, and leave nothing."""
        self.rest("SELL", away, 0.001)
        self.hit("BUY", away, 0.001)

    def nudge(self) -> None:
        """Let the best bid's quantity change, and change back."""
        order = self.other.limit_at("BUY", self.other.best_bid(), self.ground.amount(0.02))
        self.other.cancel(order.client_order_id)

    def clear(self) -> None:
        """Nobody's orders are left."""
        for client in self.clients.values():
            client.cancel_all()

    def hold(self, name: str, wanted: float, side: str = "BOTH") -> None:
        """Bring an account's position to a quantity, at the middle."""
        client = self.clients[name]
        missing = round(self.ground.amount(wanted) - client.held().get(side, 0), 3)
        if not missing:
            return
        buys = missing > 0
        self.other.limit_at("SELL" if buys else "BUY", self.mid, abs(missing))
        client.take("BUY" if buys else "SELL", abs(missing), side)

    def close(self) -> None:
        for client in self.clients.values():
            client.close()


@contextmanager
def quiet_market(
    ground: Ground, folder: Path, *arguments: str, **accounts: tuple[str, str]
) -> Iterator[Market]:
    """Start one; ``accounts``: key and secret of each, beside those that make the market."""
    everybody = {"other": ("OTHER", "other"), "mate": ("MATE", "mate"), **accounts}
    text = ""
    for name, (key, secret) in everybody.items():
        keys = [f"{{ key = {json.dumps(one)}, secret = {json.dumps(secret)} }}"
                for one in map(ground.user, (key, key + BY_HAND))]  # fmt: skip
        text += f"[accounts.{name}]\nkeys = [{', '.join(keys)}]\n"
        funds = ground.funds if name in accounts else ground.rich
        if funds is not None:
            rows = ", ".join(f"{asset} = {json.dumps(amount)}" for asset, amount in funds.items())
            text += f"balances = {{ {rows} }}\n"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "accounts.toml").write_text(text)
    with ExitStack() as stack:

        def start(port: int) -> Sim:
            return stack.enter_context(
                Sim("--symbols", ground.symbol, "--rate", "0.001", "--no-bursts", "--weight-limit",
                    "1000000", "--connects", "10000", *ground.sim,
                    "--accounts", str(folder / "accounts.toml"), "--port", str(port), *arguments,
                    venue=ground.venue)
            )  # fmt: skip

        market = Market(ground, start, everybody)
        stack.callback(market.close)
        yield market
