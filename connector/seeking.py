"""What became of an order whose answer was lost, at a venue that knows orders by its own ids alone:
its lists are looked through for what can only be that order."""

import logging
from typing import Protocol

import msgspec

from connector.clock import monotonic_ns
from connector.desk import Desk
from connector.model.intents import Action
from connector.model.order import Order
from connector.reconcile import FAULTS, Asked, pages
from connector.trading.roles import Account
from connector.trading.suspects import find, nameless
from connector.venues.contract import Request
from connector.venues.trading_contract import OrderEvent

log = logging.getLogger("connector.accounts")

SECOND_NS = 1_000_000_000
BEFORE_NS = 2 * SECOND_NS
"""The venue's clock is known to about this."""
EARLIER_NS = 62 * SECOND_NS
"""The same for an order of an earlier run, which may have had the longest window there is."""
DAY_NS = 86_400 * SECOND_NS


class Owner(Account, Asked, Protocol):
    """The account."""

    desk: Desk

    def spare(self, request: Request) -> bool:
        """Whether a question leaves enough to cancels."""


class Seeker:
    """Of one account."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._under_way: set[int] = set()

    def serves(self, order: Order) -> bool:
        """The venue cannot be asked for this order by any name."""
        return self._owner.trading.lookups.since is not None and nameless(order)

    async def seek(self, order: Order) -> None:
        """Look for it; the desk is told. It asks again while nobody can say."""
        if order.key in self._under_way:
            return
        self._under_way.add(order.key)
        try:
            await self._seek(order)
        finally:
            self._under_way.discard(order.key)

    async def _seek(self, order: Order) -> None:
        owner, lookups = self._owner, self._owner.trading.lookups
        assert lookups.since is not None
        request = lookups.since(order.instrument, self._since_ns(order))
        if not owner.spare(request):
            return
        asked_ns, rows = monotonic_ns(), list[OrderEvent]()
        try:
            async for body in pages(owner, request):
                rows += lookups.order_events(body, owner.scales)
        except FAULTS as error:
            log.warning("not found out yet: %s", error, extra=self._about(order))
            return
        orders = owner.desk.tracker.orders
        if not nameless(order):
            return  # somebody has told meanwhile
        found = find(order, rows, orders, orders.open_of(owner.index))
        if found.event is not None:
            for row in rows:
                if _name(row) == _name(found.event):
                    event = msgspec.structs.replace(row, client_order_id=order.client_order_id)
                    owner.desk.order_event(owner, event, asked_ns)
        elif found.doubt:
            log.warning("not found out yet: %s", found.doubt, extra=self._about(order))
        else:
            owner.desk.absent(order, asked_ns)

    def _since_ns(self, order: Order) -> int:
        """No later than the venue can have taken it, Unix."""
        owner = self._owner
        for pending in owner.desk.tracker.under_way.get(order.key, ()):
            if pending.action is Action.PLACE:
                began_ns = pending.venue_ns or owner.venue_ns(pending.sent_ns)
                return began_ns - (EARLIER_NS if order.restored else BEFORE_NS)
        began_ns = owner.venue_ns(order.created_ns)
        return began_ns - (DAY_NS if order.restored else BEFORE_NS)

    def _about(self, order: Order) -> dict[str, str]:
        return {"account": self._owner.name, "client_order_id": order.client_order_id}


def _name(row: OrderEvent) -> int | str | None:
    return row.order_id or row.venue_order_id
