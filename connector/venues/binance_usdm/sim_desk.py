"""The accounts' side of the simulated venue: who they are, what they asked, what they are told.

Holds the matching engine, the API keys, the listen keys and the order counts; the endpoints are in
``sim_orders.py``, ``sim_algo.py`` and ``sim_account.py``, and ``sim_signed.py`` leads requests to
them. What happened comes out of `Desk.take` as private streams and payloads.
"""

import math
import secrets
import string
from collections.abc import Callable, Container, Iterable, Sequence
from typing import Any

from msgspec import Struct

from connector.sim.matching.api import Matching
from connector.sim.matching.events import Accepted, Event
from connector.sim.matching.rules import Rules
from connector.sim.matching.types import Order, Refused
from connector.venues.binance_usdm import sim_events
from connector.venues.binance_usdm.sim_auth import Keyring
from connector.venues.binance_usdm.sim_params import Fault, Params
from connector.venues.binance_usdm.sim_private import ListenKeys, expired
from connector.venues.sim_setup import OrderSetup

MS_NS = 1_000_000


class Call(Struct):
    """A request whose sender is known."""

    account: str
    params: Params
    arrived_ms: int
    """When it came in at the door."""
    now_ms: int
    """When it is executed."""
    now_ns: int
    """The same for the matching engine, whose time never goes back."""

    def of(self, params: Params) -> "Call":
        """The same with other parameters: an element of a batch."""
        return Call(self.account, params, self.arrived_ms, self.now_ms, self.now_ns)


class Signed(Struct, frozen=True):
    """One endpoint: its weight, what it counts as orders in ten seconds and in a minute, its
    answer, and whether the key alone will do."""

    weight: Callable[[Params], int]
    answer: "Callable[[Desk, Call], Any]"
    orders: tuple[int, int] = (0, 0)
    key_only: bool = False


def fixed(weight: int) -> Callable[[Params], int]:
    return lambda params: weight


def by_symbol(one: int, all_of_them: int) -> Callable[[Params], int]:
    return lambda params: one if "symbol" in params else all_of_them


FREE, W1, W5 = fixed(0), fixed(1), fixed(5)
ONE, FIVE = (1, 1), (5, 1)


class OrderCounts:
    """Orders of each account in the venue's fixed windows: ten seconds and a minute."""

    WINDOWS = ((10_000, 300), (60_000, 1200))
    """Length in ms and the limit that exchangeInfo promises."""

    def __init__(self, windows: Sequence[tuple[int, int]] = WINDOWS) -> None:
        self.windows = tuple(windows)
        self._counts: dict[tuple[str, int], tuple[int, int]] = {}

    def used(self, account: str, now_ms: int) -> list[int]:
        """The counts of the windows that now belongs to."""
        found = []
        for length_ms, _ in self.windows:
            window, count = self._counts.get((account, length_ms), (0, 0))
            found.append(count if window == now_ms // length_ms else 0)
        return found

    def take(self, account: str, costs: Sequence[int], now_ms: int) -> list[int]:
        """Count an order; raises `Fault` -1015 beyond a limit, and then counts nothing."""
        counts = [used + cost for used, cost in zip(self.used(account, now_ms), costs, strict=True)]
        for count, (length_ms, limit) in zip(counts, self.windows, strict=True):
            if count > limit:
                span = "MINUTE" if length_ms == 60_000 else f"{length_ms // 1000} SECONDS"
                text = f"Too many new orders; current limit is {limit} orders per {span}."
                left_s = math.ceil((length_ms - now_ms % length_ms) / 1000)
                raise Fault(-1015, text, 429, retry_after_s=left_s)
        for count, (length_ms, _) in zip(counts, self.windows, strict=True):
            self._counts[account, length_ms] = now_ms // length_ms, count
        return counts


class Desk:
    """Everything about accounts; one a simulator. Raises ValueError for accounts it cannot keep."""

    def __init__(self, engine: Matching, setup: OrderSetup, now_ms: int) -> None:
        self.engine = engine
        self.setup = setup
        self.keyring = Keyring(setup.accounts)
        self.listen_keys = ListenKeys(setup.listen_key_ms)
        self.counts = OrderCounts(setup.order_limits or OrderCounts.WINDOWS)
        self.aliases: dict[str, str] = {}
        self.listed: Container[str] = ()
        """The symbols of the market at the time of a request."""
        self._out: list[tuple[str, bytes]] = []
        self.fee_burners: set[str] = set()
        self.margin_moves: dict[str, list[dict[str, Any]]] = {}
        """What each account added to isolated positions and took from them, as rows."""
        self.files: dict[str, tuple[str, str]] = {}
        """Files of history that were asked for: whose, and of what."""
        self._ordered: dict[str, set[str]] = {}
        """Of each account the symbols it ever had an order in."""
        self._engine_ns = self._turned_ms = 0
        for account in setup.accounts:
            engine.open_account(account.name)
            self.aliases[account.name] = _alias()
            for asset, amount_m in account.balances.items():
                engine.transfer(account.name, asset, amount_m, self.engine_ns(now_ms))
        engine.take_events()

    def rules(self, symbol: str) -> Rules:
        """A symbol's rules; raises `Fault` -1121."""
        try:
            return self.engine.rules(symbol)
        except Refused:
            raise Fault(-1121, "Invalid symbol.") from None

    def symbol(self, params: Params) -> Rules:
        """The mandatory parameter's rules; raises `Fault` -1121 also for what is listed no more."""
        name = params.required("symbol")
        if name not in self.listed:
            raise Fault(-1121, "Invalid symbol.")
        return self.rules(name)

    def some_symbol(self, params: Params) -> str:
        """The optional parameter; "" when it is not there."""
        return self.symbol(params).symbol if "symbol" in params else ""

    def call(self, account: str, params: Params, arrived_ms: int, now_ms: int) -> Call:
        return Call(account, params, arrived_ms, now_ms, self.engine_ns(now_ms))

    def engine_ns(self, now_ms: int) -> int:
        """The engine's time; it stands while the venue's clock is set back."""
        self._engine_ns = max(self._engine_ns, now_ms * MS_NS)
        return self._engine_ns

    # What happened.

    def collect(self, now_ms: int) -> list[Event]:
        """Tell the accounts what the engine did since the last call; returns it, too."""
        events = self.engine.take_events()
        for event in events:
            account = sim_events.account_of(event)
            if isinstance(event, Accepted):
                self._ordered.setdefault(account, set()).add(event.order.symbol)
            key = self.listen_keys.active(account)
            if key is None:
                continue  # nobody can be listening
            for name, payload in sim_events.payloads(self.engine, event, now_ms):
                self._out.append((f"{key}@{name}", payload))
        return events

    def ordered(self, account: str) -> list[str]:
        """The symbols in which the account may have an order or a position."""
        found = self._ordered.get(account, ())
        return [name for name in self.engine.symbols() if name in found]

    def accepted(self, order: Order, events: Iterable[Event]) -> Order:
        """The order as it was when it came in, before its fills."""
        for event in events:
            if isinstance(event, Accepted) and event.order.order_id == order.order_id:
                return event.order
        return order

    def take(self) -> list[tuple[str, bytes]]:
        """Private streams and payloads since the last call."""
        out, self._out = self._out, []
        return out

    def turn(self, now_ms: int) -> None:
        """Do what the time brings and what the market brought."""
        if now_ms != self._turned_ms:
            self._turned_ms = now_ms
            self.engine.advance(self.engine_ns(now_ms))
        self.collect(now_ms)
        for key in self.listen_keys.expire(now_ms):
            self._out.append((f"{key}@listenKeyExpired", expired(key, now_ms)))

    # Listen keys.

    def create_listen_key(self, account: str, now_ms: int) -> dict[str, str]:
        return {"listenKey": self.listen_keys.create(account, now_ms)}

    def extend_listen_key(self, account: str, now_ms: int) -> dict[str, str]:
        key = self.listen_keys.extend(account, now_ms)
        if key is None:
            raise Fault(-1125, "This listenKey does not exist.")
        return {"listenKey": key}

    def close_listen_key(self, account: str) -> dict[str, str]:
        self.listen_keys.close(account)
        return {}


def _alias() -> str:
    return "".join(secrets.choice(string.ascii_letters) for _ in range(8))
