"""The rules of docs/paper.md the slow way: one instrument, plain dicts, every fill with its reason.

Written from the rules, not from the engine. Own orders never meet each other here: whoever drives
it sends none that would."""

from collections.abc import Iterable
from dataclasses import dataclass, field

BUY, SELL = 0, 1


@dataclass
class SlowOrder:
    number: int
    side: int
    price: int
    leaves: int
    ahead: int = 0
    filled: int = 0
    alive: bool = True


@dataclass
class SlowFill:
    number: int
    price: int
    qty: int
    maker: bool


@dataclass
class SlowPaper:
    """``shown[side]``: displayed; ``left[side]``: of it, what nobody here took yet."""

    latency: int
    live: bool = True
    shown: tuple[dict[int, int], dict[int, int]] = field(default_factory=lambda: ({}, {}))
    left: tuple[dict[int, int], dict[int, int]] = field(default_factory=lambda: ({}, {}))
    orders: list[SlowOrder] = field(default_factory=list)
    """Those that rest, oldest first."""
    by_number: dict[int, SlowOrder] = field(default_factory=dict)
    fills: list[SlowFill] = field(default_factory=list)
    answers: dict[int, bool] = field(default_factory=dict)
    """By request: whether it was done."""
    way: list[tuple[int, int, tuple[object, ...]]] = field(default_factory=list)

    # The way there

    def send(self, request: int, now: int, *command: object) -> None:
        self.way.append((now + 2 * self.latency, request, command))

    def arrive(self, before: int) -> None:
        """Commands due before this moment."""
        while self.way and self.way[0][0] < before:
            _, request, command = self.way.pop(0)
            done = getattr(self, f"_{command[0]}")(*command[1:])
            self.answers[request] = done

    # What is seen

    def depth(self, now: int, sides: Iterable[Iterable[tuple[int, int]]]) -> int:
        """Levels by side; what of it crossed and filled orders."""
        self.arrive(now)
        if not self.live:
            return 0
        crossed = 0
        for side, levels in enumerate(sides):
            for price, qty in levels:
                if self.shown[side].get(price, 0) == qty:
                    continue
                self.shown[side][price] = qty
                against = [
                    one for one in self.orders
                    if one.side != side and self._within(side, price, one.price)
                ]  # fmt: skip
                for one in sorted(against, key=self._best):
                    took = min(qty, one.leaves)
                    qty -= took
                    crossed += took
                    self._fill(one, one.price, took, maker=True)
                self.left[side][price] = qty
        for one in self.orders:
            one.ahead = min(one.ahead, self.left[one.side].get(one.price, 0))
        return crossed

    def trade(self, now: int, price: int, qty: int, buyer_is_maker: bool) -> None:
        self.arrive(now)
        if not self.live:
            return
        side = BUY if buyer_is_maker else SELL
        hit = sorted((one for one in self.orders if one.side == side), key=self._best)
        for one in hit:
            if self._rank(side, one.price) < self._rank(side, price):  # better: it met us first
                took = min(qty, one.leaves)
                qty -= took
                self._fill(one, one.price, took, maker=True)
        for one in hit:
            if one.price == price and one.alive:
                passed = min(qty, one.ahead)
                qty -= passed
                for other in self.orders:
                    if (other.side, other.price) == (side, price):
                        other.ahead = max(0, other.ahead - passed)
                took = min(qty, one.leaves)
                qty -= took
                self._fill(one, price, took, maker=True)

    # What is asked

    def _place(self, number: int, side: int, price: int | None, qty: int, tif: str) -> bool:
        if not self.live:
            return False
        other = 1 - side
        reach = sorted(
            (
                at
                for at, there in self.left[other].items()
                if there and self._crosses(side, price, at)
            ),
            key=lambda at: self._rank(other, at),
        )
        if tif == "GTX" and reach:
            return False
        if tif == "FOK" and sum(self.left[other][at] for at in reach) < qty:
            return False
        order = SlowOrder(number, side, price or 0, qty)
        self.by_number[number] = order
        self._work(order, reach, rests=price is not None and tif in ("GTC", "GTX"))
        return True

    def _work(self, order: SlowOrder, reach: list[int], *, rests: bool) -> None:
        other = 1 - order.side
        for at in reach:
            took = min(order.leaves, self.left[other][at])
            self.left[other][at] -= took
            self._fill(order, at, took, maker=False)
        if order.leaves and rests:
            order.ahead = self.left[order.side].get(order.price, 0)
            self.orders.append(order)
        else:
            order.alive = False

    def _cancel(self, number: int) -> bool:
        order = self.by_number.get(number)
        if order is None or not order.alive:
            return False
        self._end(order)
        return True

    # Inside

    def _fill(self, order: SlowOrder, price: int, qty: int, *, maker: bool) -> None:
        if qty:
            order.leaves -= qty
            order.filled += qty
            self.fills.append(SlowFill(order.number, price, qty, maker))
            if not order.leaves:
                self._end(order)

    def _end(self, order: SlowOrder) -> None:
        order.alive = False
        self.orders = [one for one in self.orders if one is not order]

    @staticmethod
    def _rank(side: int, price: int) -> int:
        """Best first."""
        return -price if side == BUY else price

    def _best(self, order: SlowOrder) -> int:
        return self._rank(order.side, order.price)

    @staticmethod
    def _within(side: int, price: int, other: int) -> bool:
        """Whether a level of that side reaches an order of the other."""
        return price >= other if side == BUY else price <= other

    def _crosses(self, side: int, price: int | None, at: int) -> bool:
        return price is None or self._within(side, price, at)
