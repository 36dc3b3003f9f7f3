"""A paper account's exchange with one instrument, driven by hand."""

from collections.abc import Iterable, Sequence
from typing import Any

from connector.model.instrument import ContractType, Instrument, Status
from connector.model.intents import Action, OrderType, TimeInForce
from connector.model.records import Side
from connector.paper.exchange import Answer, Exchange, Floor, Terms, Turn
from connector.sim.matching.events import Event, Traded
from connector.sim.matching.keeping import Kept, merged
from connector.sim.matching.types import Fill
from connector.venues.trading_contract import Intent

ME = "paper"
UNIT = 10**8
Levels = Sequence[tuple[int, int]]


def instrument(symbol: str = "ABCUSDT", **changes: Any) -> Instrument:
    """Prices have one decimal, quantities two."""
    keys: dict[str, Any] = {
        "symbol": symbol, "exchange": "X", "quote": "USDT", "margin": "USDT",
        "contract": ContractType.PERPETUAL, "status": Status.TRADING, "price_exponent": 1,
        "qty_exponent": 2, "price_digits": 1, "qty_digits": 2, "tick_e": 1, "step_e": 1,
    }  # fmt: skip
    return Instrument(**{**keys, **changes})


def terms(**changes: Any) -> Terms:
    keys: dict[str, Any] = {
        "latency_ns": 10, "balances": {"USDT": 1000 * UNIT}, "maker_r": 20_000, "taker_r": 50_000,
        "leverage": 10, "most_leverage": 125, "maintenance_r": 500_000, "hedge": False,
    }  # fmt: skip
    return Terms(**{**keys, **changes})


def intent(action: Action = Action.PLACE, **keys: Any) -> Intent:
    """A limit order, good till cancelled, unless told otherwise."""
    if action is Action.PLACE:
        keys = {"time_in_force": TimeInForce.GTC, **keys}
        if keys.get("order_type", OrderType.LIMIT) is not OrderType.LIMIT:
            keys["time_in_force"] = TimeInForce.NONE
    return Intent(action=action, instrument=keys.pop("instrument", ABC), **keys)


ABC = instrument()
BUY, SELL = Side.BUY, Side.SELL


class Rig:
    """An account and what became of it."""

    def __init__(self, kept: Kept | None = None, scale: Instrument = ABC, **changes: Any) -> None:
        self.turns: list[Turn] = []
        self.exchange = Exchange(ME, terms(**changes), 0, self.turns.append, kept)
        self.now = max((kept.now_ns if kept is not None else 0), 0)
        self.exchange.begin(lambda symbol: scale if symbol == scale.symbol else None, self.now)
        self.requests = 0

    @property
    def floor(self) -> Floor:
        return self.exchange.floor(ABC)

    def book(self, bids: Levels = (), asks: Levels = (), floor: Floor | None = None) -> None:
        for _ in (floor or self.floor).load(bids, asks, self.now):
            pass

    def send(self, sent: Intent) -> int:
        """A command leaves; its number."""
        self.requests += 1
        self.exchange.send(self.requests, sent, self.now)
        return self.requests

    def do(self, sent: Intent) -> Answer:
        """A command leaves and is there."""
        number = self.send(sent)
        self.wait(20)
        return self.answers()[number]

    def wait(self, ns: int) -> None:
        self.now += ns
        self.exchange.until(self.now)

    def delta(self, bids: Levels = (), asks: Levels = (), after: int = 0) -> None:
        self.now += after
        self.floor.delta(list(bids), list(asks), self.now)

    def trade(self, price_e: int, qty_e: int, *, sold: bool = True, after: int = 0) -> None:
        self.now += after
        self.floor.trade(price_e, qty_e, sold, self.now)

    def mark(self, mark: float, rate_r: int | None = None, next_ns: int = 0) -> None:
        self.floor.mark(round(mark * UNIT), rate_r, next_ns, self.now)

    def answers(self) -> dict[int, Answer]:
        return {
            turn.sent.request: turn.answer
            for turn in self.turns
            if turn.sent is not None and turn.answer is not None
        }

    def events(self) -> Iterable[Event]:
        for turn in self.turns:
            yield from turn.events

    def fills(self) -> list[Fill]:
        return [event.fill for event in self.events() if isinstance(event, Traded)]

    @property
    def wallet(self) -> int:
        (balance,) = self.exchange.engine.balances(ME)
        return balance.wallet_m

    @property
    def position(self) -> int:
        return sum(view.lots for view in self.exchange.engine.positions(ME))

    def kept(self) -> Kept:
        """What was told to keep so far."""
        return merged(turn.changes for turn in self.turns)
