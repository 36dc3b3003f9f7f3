"""One account of the simulated Phemex: its orders by every name, its positions beyond the matching
engine's, and what happened to it.

Written from the venue's reference alone.
"""

from typing import Any

from msgspec import Struct

from connector.sim.matching.types import PositionSide
from connector.venues.phemex.sim_aop import Holding
from connector.venues.phemex.sim_texts import number
from connector.venues.phemex.sim_tickets import Ticket

MOST_EVENTS = 20_000
"""Kept of an account; of its fills and fundings half as many, as of changes of its balances."""
REALIZED, TRANSFERRED = 1, 2
KINDS = {REALIZED: "REALIZED_PNL", TRANSFERRED: "TRANSFER"}
"""Why a balance changed, by the number it is asked for with; the rest of the venue's list is in no
document. Fees and funding are of the first kind."""
MS_NS = 1_000_000


class Entry(Struct, frozen=True):
    """One change of a balance; amounts in units of 1e-8."""

    kind: int
    currency: str
    change: int
    balance: int
    time_ns: int

    def row(self) -> dict[str, Any]:
        return {
            "typeDesc": KINDS[self.kind],
            "amountRv": number(self.change, 8),
            "balanceRv": number(self.balance, 8),
            "createTime": self.time_ns // MS_NS,
            "currency": self.currency,
        }


class Person:
    """Everything of it, until the simulator ends."""

    def __init__(self, name: str, user_id: int) -> None:
        self.name, self.user_id = name, user_id
        self.tickets: dict[int, Ticket] = {}
        self.alive: dict[int, Ticket] = {}
        """Those that are not at their end, oldest first."""
        self.by_id: dict[str, int] = {}
        self.by_client: dict[str, int] = {}
        self.by_engine: dict[int, int] = {}
        self.by_algo: dict[int, int] = {}
        self.unnamed: dict[str, int] = {}
        """Orders without a client id, by the name they have in the engine."""
        self.holdings: dict[tuple[str, PositionSide], Holding] = {}
        self.balances: dict[str, int] = {}
        """In units of 1e-8, at the last event told."""
        self.purse: Any = None
        """Its wallet, once somebody asks for it."""
        self.requests = 0
        self.events: list[dict[str, Any]] = []
        self.trades: list[dict[str, Any]] = []
        """Rows of fills and funding, oldest first."""
        self.ledger: list[Entry] = []
        """Changes of its balances, oldest first."""

    def find(self, order_id: str, client_id: str) -> Ticket | None:
        number = self.by_id.get(order_id) if order_id else self.by_client.get(client_id)
        return self.tickets.get(number or 0)

    def note(self, entry: dict[str, Any]) -> None:
        """Keep an event; old ones of orders at their end are forgotten."""
        self.events.append(entry)
        if len(self.events) > MOST_EVENTS:
            alive = {each.order_id for each in self.alive.values()}
            old, new = self.events[: MOST_EVENTS // 2], self.events[MOST_EVENTS // 2 :]
            self.events = [each for each in old if each["orderID"] in alive] + new
            del self.trades[: -MOST_EVENTS // 2]

    def holding(self, symbol: str, side: PositionSide = PositionSide.BOTH) -> Holding:
        found = self.holdings.get((symbol, side))
        if found is None:
            found = self.holdings[symbol, side] = Holding()
        return found

    def book(self, currency: str, balance: int, moved: bool, now_ns: int) -> None:
        """What the account has of a currency now; ``moved``: by a transfer."""
        change = balance - self.balances.get(currency, 0)
        self.balances[currency] = balance
        if change:
            kind = TRANSFERRED if moved else REALIZED
            self.ledger.append(Entry(kind, currency, change, balance, now_ns))
            del self.ledger[: -MOST_EVENTS // 2]
