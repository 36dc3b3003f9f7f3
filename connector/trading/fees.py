"""Fees that the stream still owes: when to ask for them, and how a list of fills is read.

A fill that was told without its fee gets it with its full event; where that was lost, only a list
of own fills has it. Whether such a list writes what was paid as a positive number the reference
leaves open, so a fill whose fee is known from an event has to show it first."""

import msgspec
from msgspec import Struct

from connector.model.order import Fill, Order
from connector.venues.trading_contract import OrderEvent

SECOND_NS = 1_000_000_000
WAITS_NS = (5 * SECOND_NS, 10 * SECOND_NS, 30 * SECOND_NS, 60 * SECOND_NS)
"""After the fill, and between questions; the last one again and again."""
MOST = 60
"""Questions about one order."""
AT_ONCE = 8
"""Questions of one tick. Orders whose fees are never told may be thousands, the more after a
restart, and each question is a task and a request."""
PAUSE_NS = SECOND_NS
"""Between ticks that ask."""


Place = tuple[int, str, int]
"""What one answer is of: account, symbol, and the key of one order or 0."""


class Owed(Struct):
    order: Order
    at_ns: int
    """When to ask, CLOCK_MONOTONIC."""
    asks: int = 0


class Fees:
    """The orders with fills whose fee is not known."""

    def __init__(self) -> None:
        self._owed: dict[int, Owed] = {}
        self._signs: dict[int, int] = {}
        """By account: 1 when its lists have the sign of events, -1 when the opposite."""
        self._witnesses: dict[int, Order] = {}
        """By account: an order of an earlier run that has a fill with a known fee."""
        self._not_before_ns = 0
        """When the next questions may be asked."""

    def __len__(self) -> int:
        return len(self._owed)

    def owe(self, order: Order, now_ns: int) -> None:
        """A fill was told without its fee."""
        if order.key not in self._owed:
            self._owed[order.key] = Owed(order, now_ns + WAITS_NS[0])

    def restored(self, order: Order, now_ns: int) -> None:
        """An order of an earlier run: what it was still owed is asked for again, by its own id,
        since nobody knows when it was filled."""
        for fill in order.fills.values():
            if fill.fee_e:
                self._witnesses[order.account] = order
            elif not fill.fee_known:
                self.owe(order, now_ns)

    def told(self, order: Order) -> None:
        """The fee of one of its fills is known now."""
        if order.key not in self._owed or order.inferred_qty_e:
            return
        if all(fill.fee_known for fill in order.fills.values()):
            del self._owed[order.key]

    def signed(self, order: Order, event: OrderEvent, known: Fill | None) -> OrderEvent:
        """A fill from a list, with its fee if that can be read for certain; ``known``: the same
        fill as it was told before."""
        listed_e = event.fee_listed_e
        assert listed_e is not None
        if known is not None and known.fee_e and abs(known.fee_e) == abs(listed_e):
            self._signs[order.account] = 1 if known.fee_e == listed_e else -1
        sign = self._signs.get(order.account, 0) if listed_e else 1
        return msgspec.structs.replace(event, fee_e=sign * listed_e) if sign else event

    def due(self, now_ns: int) -> list[Order]:
        """Whose fills are to be asked for: of those of one instrument the oldest, since one
        answer has them all; of an order of an earlier run its own. Those that have waited longest
        come first; who is not among the first ``AT_ONCE`` waits on, and has used up nothing."""
        if now_ns < self._not_before_ns:
            return []
        asked: dict[Place, Order] = {}
        waiting = [owed for owed in self._owed.values() if owed.at_ns <= now_ns]
        waiting.sort(key=lambda owed: owed.at_ns)
        for owed in waiting:
            order = owed.order
            if owed.asks >= MOST:
                del self._owed[order.key]
                continue
            questions = self._questions(order)
            if len(asked.keys() | questions.keys()) > AT_ONCE:
                continue
            owed.asks += 1
            owed.at_ns = now_ns + WAITS_NS[min(owed.asks, len(WAITS_NS) - 1)]
            for place, one in questions.items():
                if place not in asked or one.created_ns < asked[place].created_ns:
                    asked[place] = one
        if asked:
            self._not_before_ns = now_ns + PAUSE_NS
        return list(asked.values())

    def _questions(self, order: Order) -> dict[Place, Order]:
        """What is to be asked for an order: its fills, and before them those that show the sign,
        if an earlier run left any."""
        found: dict[Place, Order] = {}
        witness = self._witnesses.get(order.account)
        if order.restored and order.account not in self._signs and witness is not None:
            found[order.account, witness.instrument.symbol, witness.key] = witness
        place = order.account, order.instrument.symbol, order.key if order.restored else 0
        return found | {place: order}
