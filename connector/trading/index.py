"""Finding an order by whatever name an event gives it."""

from collections import deque
from collections.abc import Callable, Iterator

from connector.model.order import Order
from connector.venues.trading_contract import OrderEvent

KEPT = 65_536
"""Ended orders that are still found, for late fills and answers."""


class OrderIndex:
    """All orders by key, by (strategy, command that placed it), by (account, client id) and by
    (account, symbol, id of the venue).

    A venue's order ids are per symbol; ids of its service for conditional orders are a space of
    their own. Client ids are unique among open orders only, so a reused one means the newer."""

    def __init__(self, kept: int = KEPT) -> None:
        self.by_key: dict[int, Order] = {}
        self.client_ids: dict[tuple[int, str], Order] = {}
        self.commands: dict[tuple[str, int], Order] = {}
        self.venue_ids: dict[tuple[int, str, int | str], Order] = {}
        self._conditional: dict[tuple[int, int | str], Order] = {}
        self._open: dict[int, dict[int, Order]] = {}
        self._ended: deque[Order] = deque()
        self._kept = kept
        self.odd: dict[int, set[str]] = {}
        """By key: numbers of the order that did not fit its instrument and were told of."""
        self.met: Callable[[str], object] = lambda name: None
        """Told of each client id."""

    def __len__(self) -> int:
        return len(self.by_key)

    def __iter__(self) -> Iterator[Order]:
        return iter(list(self.by_key.values()))

    def keys(self) -> list[int]:
        """Of all orders, in the order in which they came."""
        return [*self.by_key]

    def add(self, order: Order) -> None:
        self.by_key[order.key] = order
        if order.client_order_id:
            self.client_ids[order.account, order.client_order_id] = order
            self.met(order.client_order_id)
        if order.command:
            self.commands[order.strategy, order.command] = order
        self._open.setdefault(order.account, {})[order.key] = order

    def open_in(self, account: int) -> dict[int, Order]:
        """The same for good: the account's orders that have not ended, by key."""
        return self._open.setdefault(account, {})

    def restore(self, order: Order) -> None:
        """An order of an earlier run, with all its names."""
        self.add(order)
        name = _id(order)
        if name is not None:
            self.venue_ids[order.account, order.instrument.symbol, name] = order
        if order.conditional_id is not None:
            self._conditional[order.account, order.conditional_id] = order
        if order.status.terminal:
            self.ended(order)

    def get(self, key: int) -> Order | None:
        return self.by_key.get(key)

    def by_client_id(self, account: int, client_order_id: str) -> Order | None:
        return self.client_ids.get((account, client_order_id))

    def by_command(self, strategy: str, number: int) -> Order | None:
        """What this command of a strategy placed."""
        return self.commands.get((strategy, number))

    def by_venue_id(self, account: int, symbol: str, name: int | str) -> Order | None:
        return self.venue_ids.get((account, symbol, name))

    def open_of(self, account: int) -> list[Order]:
        """Orders that have not ended, oldest first."""
        return list(self._open.get(account, {}).values())

    def find(self, account: int, event: OrderEvent) -> Order | None:
        """The order this event speaks of."""
        name = _name(event)
        if name is not None:
            if event.conditional:
                found = self._conditional.get((account, name))
            else:
                found = self.venue_ids.get((account, event.symbol, name))
            if found is not None:
                return found
        order = self.client_ids.get((account, event.client_order_id))
        if order is None or order.instrument.symbol != event.symbol:
            return None
        known = order.conditional_id if event.conditional else _id(order)
        return order if known is None or name is None or known == name else None

    def learn(self, order: Order, event: OrderEvent) -> None:
        """Keep the names an event gives; they never change once known."""
        account, symbol, name = order.account, order.instrument.symbol, _name(event)
        if event.conditional:
            if name is not None and order.conditional_id is None:
                order.conditional_id = name if isinstance(name, int) else None
                self._conditional[account, name] = order
                order.conditional = _id(order) is None
            if event.born_order_id is not None and order.order_id is None:
                order.order_id, order.conditional = event.born_order_id, False
                self.venue_ids[account, symbol, event.born_order_id] = order
        elif name is not None and _id(order) is None:
            self.named(order, name)
        if event.client_order_id and not order.client_order_id:
            order.client_order_id = event.client_order_id
            self.client_ids[account, event.client_order_id] = order
            self.met(event.client_order_id)

    def named(self, order: Order, name: int | str) -> None:
        """The venue's id of a normal order that had none."""
        if isinstance(name, int):
            order.order_id = name
        else:
            order.venue_order_id = name
        order.conditional = False
        self.venue_ids[order.account, order.instrument.symbol, name] = order

    def ended(self, order: Order) -> None:
        """It has ended; it stays findable until ``KEPT`` others ended after it."""
        if self._open.get(order.account, {}).pop(order.key, None) is None:
            return
        self._ended.append(order)
        while len(self._ended) > self._kept:
            self._drop(self._ended.popleft())

    def revived(self, order: Order) -> None:
        """It had not ended after all."""
        self._open.setdefault(order.account, {})[order.key] = order
        if order in self._ended:
            self._ended.remove(order)

    def _drop(self, order: Order) -> None:
        self.by_key.pop(order.key, None)
        self.odd.pop(order.key, None)
        self.commands.pop((order.strategy, order.command), None)
        client, name = (order.account, order.client_order_id), _id(order)
        if self.client_ids.get(client) is order:
            del self.client_ids[client]
        if name is not None:
            self.venue_ids.pop((order.account, order.instrument.symbol, name), None)
        if order.conditional_id is not None:
            self._conditional.pop((order.account, order.conditional_id), None)


def _name(event: OrderEvent) -> int | str | None:
    return event.order_id if event.order_id is not None else event.venue_order_id or None


def _id(order: Order) -> int | str | None:
    return order.order_id if order.order_id is not None else order.venue_order_id or None
