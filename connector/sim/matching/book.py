"""One symbol's book: the market's own liquidity, and the accounts' orders among it.

A key orders one side, best first: the tick of an ask, minus the tick of a bid. At one price the
queue is the order of arrival. The market's lots there are one number; how many of them came before
an order is the order's ``ahead``. What others of the market take comes off the front of the queue;
what the market cancels comes off its end, so an order moves up by it only when less is left at
its price than was ahead of it: nobody can see whose lots were cancelled, and this is the guess
that never flatters.
"""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Iterator

from connector.sim.matching.types import Order

BID, ASK = 0, 1


class Ladder:
    """One side of the market's liquidity: keys in order, best first, and the lots at each."""

    __slots__ = ("keys", "lots")

    def __init__(self) -> None:
        self.keys: list[int] = []
        self.lots: dict[int, int] = {}

    def put(self, key: int, lots: int) -> None:
        """Set the absolute quantity at ``key``; 0 removes the level, also one that is not there."""
        present = key in self.lots
        if lots:
            self.lots[key] = lots
            if not present:
                self.keys.insert(bisect_left(self.keys, key), key)
        elif present:
            del self.lots[key]
            del self.keys[bisect_left(self.keys, key)]

    @property
    def best(self) -> int:
        """The best key; IndexError on an empty side."""
        return self.keys[0]


class Resting:
    """One side of the accounts' orders: a queue a price."""

    __slots__ = ("keys", "lots", "queues")

    def __init__(self) -> None:
        self.keys: list[int] = []
        self.queues: dict[int, deque[Order]] = {}
        self.lots: dict[int, int] = {}
        """What is left of all orders at a key."""


class Book:
    """The whole book; its published levels are the sum of market and accounts."""

    def __init__(self) -> None:
        self.market = (Ladder(), Ladder())
        self.resting = (Resting(), Resting())

    @property
    def busy(self) -> bool:
        """Whether any account's order rests here."""
        return bool(self.resting[BID].keys or self.resting[ASK].keys)

    def best(self, side: int) -> int | None:
        """The best key of market and accounts; None on an empty side."""
        market, own = self.market[side].keys, self.resting[side].keys
        if not own:
            return market[0] if market else None
        return min(market[0], own[0]) if market else own[0]

    def lots(self, side: int, key: int) -> int:
        """The published quantity at a key."""
        return self.market[side].lots.get(key, 0) + self.resting[side].lots.get(key, 0)

    def quantities(self, side: int) -> Callable[[int, int], int]:
        """What gives the published quantity at a key; called with 0 as what it is if there is
        none."""
        market, own = self.market[side].lots, self.resting[side].lots
        if not own:
            return market.get
        return lambda key, none: market.get(key, none) + own.get(key, none)

    def levels(self, side: int) -> Iterator[tuple[int, int]]:
        """Published (key, lots), best first."""
        market, own = self.market[side], self.resting[side]
        if not own.keys:
            for key in market.keys:
                yield key, market.lots[key]
            return
        mine = 0
        for key in market.keys:
            while mine < len(own.keys) and own.keys[mine] < key:
                yield own.keys[mine], own.lots[own.keys[mine]]
                mine += 1
            if mine < len(own.keys) and own.keys[mine] == key:
                mine += 1
            yield key, market.lots[key] + own.lots.get(key, 0)
        for key in own.keys[mine:]:
            yield key, own.lots[key]

    def level(self, side: int, number: int) -> int | None:
        """The key of the ``number``-th best level, counted from 1; None if there are fewer."""
        for at, (key, _) in enumerate(self.levels(side), 1):
            if at == number:
                return key
        return None

    def add(self, order: Order) -> None:
        """Let the order rest at ``order.key`` behind all that is there."""
        own = self.resting[order.side]
        key = order.key
        order.ahead = self.market[order.side].lots.get(key, 0)
        queue = own.queues.get(key)
        if queue is None:
            own.queues[key] = deque((order,))
            own.lots[key] = order.leaves
            insort(own.keys, key)
        else:
            queue.append(order)
            own.lots[key] += order.leaves

    def remove(self, order: Order) -> None:
        """Take out an order that rests, with what is left of it."""
        own = self.resting[order.side]
        own.lots[order.key] -= order.leaves
        self._drop(own, order)

    def fill(self, order: Order, lots: int) -> None:
        """So much of a resting order, which does not know it yet, is executed."""
        own = self.resting[order.side]
        own.lots[order.key] -= lots
        if lots == order.leaves:
            self._drop(own, order)

    @staticmethod
    def _drop(own: Resting, order: Order) -> None:
        queue = own.queues[order.key]
        # By identity: two orders may be equal in all that comparing would look at.
        del queue[next(at for at, each in enumerate(queue) if each is order)]
        if not queue:
            del own.queues[order.key], own.lots[order.key]
            del own.keys[bisect_left(own.keys, order.key)]

    def front(self, side: int, key: int) -> Order | None:
        """The first order at a key."""
        queue = self.resting[side].queues.get(key)
        return queue[0] if queue else None

    def take(self, side: int, key: int, lots: int) -> None:
        """So much of the market's liquidity at the front of ``key`` is gone."""
        ladder = self.market[side]
        ladder.put(key, ladder.lots[key] - lots)
        self.advance(side, key, lots)

    def advance(self, side: int, key: int, lots: int) -> None:
        """So much at the front of ``key`` was executed."""
        for order in self.resting[side].queues.get(key, ()):
            order.ahead = max(0, order.ahead - lots)

    def settle(self) -> None:
        """The market's quantities have changed by themselves."""
        for ladder, own in zip(self.market, self.resting, strict=True):
            for key, queue in own.queues.items():
                left = ladder.lots.get(key, 0)
                for order in queue:
                    if order.ahead > left:
                        order.ahead = left
