"""One symbol's matching: who trades with whom, in which order, at which price.

A taker is an account's order or the market itself (`None`). What a trade means to an account is
the `Clearing`'s business; who is told of trades and levels is the `Port`'s.
"""

from collections.abc import Callable
from typing import Protocol

from connector.sim.matching.book import ASK, BID, Book
from connector.sim.matching.rules import Rules
from connector.sim.matching.types import RATIO, Cause, Order, PositionSide, Side, Status, Stp, Tif

ANY_PRICE = 1 << 62
"""A limit, as a key, that every level is within."""


class Port(Protocol):
    """The symbol's market as the matching sees it."""

    def changed(self, side: int, key: int) -> None:
        """The published quantity of that level is another."""

    def traded(self, tick: int, lots: int, buyer_is_maker: bool, now_ns: int) -> int:
        """A public trade; returns its id."""

    def settled(self, now_ns: int) -> None:
        """A command is through: publish what it did."""

    def wake(self) -> None:
        """Somebody asks for the symbol: it should have a market."""


class Clearing(Protocol):
    """What becomes of the accounts."""

    def position_lots(self, account: str, symbol: str, side: PositionSide) -> int: ...

    def filled(
        self, order: Order, tick: int, lots: int, trade_id: int, *, maker: bool, now_ns: int
    ) -> None:
        """So much of the order traded; its own numbers are the clearing's to change."""

    def expired(self, order: Order, status: Status, cause: Cause, now_ns: int) -> None:
        """The order ended; it does not rest any more."""

    def reduced(self, account: str, symbol: str, now_ns: int) -> None:
        """After a trade: orders that may only reduce may have nothing left to reduce."""


class Matcher:
    """The matching of one symbol."""

    def __init__(self, rules: Rules, book: Book, port: Port, clearing: Clearing) -> None:
        self.rules, self.book, self.port = rules, book, port
        self._clearing = clearing
        self.listed = True
        """Whether it takes requests; positions may outlive that."""
        self.mark_e8 = 0
        self.last_tick = 0
        self.prints: list[int] = []
        """Prices of trades that conditional orders have not seen yet."""
        self.watched = 0
        """Conditional orders that look at the last price."""
        self.on_print: Callable[[Matcher], None] = lambda matcher: None
        """Called when ``prints`` is no longer empty."""
        self.dirty = False
        """Something has changed since the last `Port.settled`."""
        self.on_dirty: Callable[[Matcher], None] = lambda matcher: None
        """Called when that becomes so."""

    # What the market does

    def printed(self, tick: int) -> None:
        """A trade happened at that price."""
        self.last_tick = tick
        if self.watched:
            self.prints.append(tick)
            if len(self.prints) == 1:
                self.on_print(self)

    def market_takes(self, side: int, lots: int, limit: int, now_ns: int) -> int:
        """The market takes so much from ``side``, no worse than the key ``limit``; returns what
        was not there."""
        return self._walk(None, side, limit, lots, now_ns)[0]

    def market_offers(self, side: int, key: int, lots: int, now_ns: int) -> int:
        """The market wants to rest so much at ``key``: accounts' orders that it crosses are
        filled first. Returns what is left to rest; the caller puts it."""
        while lots:
            own = self.book.resting[1 - side]
            if not own.keys or own.keys[0] > -key:
                break
            lots = self._meet(None, own.queues[own.keys[0]][0], lots, now_ns)
        return lots

    def market_traded(self, side: int, tick: int, lots: int, now_ns: int) -> None:
        """The market reports a trade of its own against ``side`` (a recorded one): orders at
        better prices would have been first, orders at its price when all ahead of them is gone."""
        key = tick if side == ASK else -tick
        own = self.book.resting[side]
        while lots and own.keys and own.keys[0] < key:
            lots = self._meet(None, own.queues[own.keys[0]][0], lots, now_ns)
        while lots and (first := self.book.front(side, key)) is not None:
            if first.ahead:
                passed = min(lots, first.ahead)
                self.book.advance(side, key, passed)
                lots -= passed
            else:
                lots = self._meet(None, first, lots, now_ns)

    # What accounts do

    def crosses(self, order: Order) -> bool:
        """Whether a limit order at its price would take."""
        best = self.book.best(1 - order.side)
        return best is not None and best <= -order.key

    def market_limit(self, side: Side) -> int:
        """The worst key that a market order of that side takes."""
        bound, mark = self.rules.market_bound_r, self.mark_e8
        if not bound or not mark:
            return ANY_PRICE
        grid_e8 = self.rules.price_e8(1)
        if side == Side.BUY:
            return mark * (RATIO + bound) // (RATIO * grid_e8)
        return mark * (RATIO - bound) // (-RATIO * grid_e8)

    def match(self, order: Order, limit: int, now_ns: int) -> bool:
        """Trade as far as it goes; True if self-trade prevention stopped it."""
        return self._walk(order, 1 - order.side, limit, order.leaves, now_ns)[1]

    def rest(self, order: Order) -> None:
        self.book.add(order)
        self._changed(order.side, order.key)

    def withdraw(self, order: Order) -> None:
        """Take a resting order out of the book."""
        self.book.remove(order)
        self._changed(order.side, order.key)

    def fillable(self, order: Order, limit: int) -> bool:
        """Whether all of the order could trade now; self-trade prevention is not applied."""
        room = _Room(self._clearing, self.rules.symbol)
        side, need = 1 - order.side, order.leaves
        for key, _ in self.book.levels(side):
            if key > limit or not need:
                break
            left = self.book.market[side].lots.get(key, 0)
            used = 0
            for maker in self.book.resting[side].queues.get(key, ()):
                lots = min(need, maker.ahead - used, room.of(order))
                room.fill(order, lots)
                need, used = need - lots, used + lots
                lots = min(need, maker.leaves, room.of(maker), room.of(order))
                room.fill(order, lots)
                room.fill(maker, lots)
                need -= lots
            lots = min(need, left - used, room.of(order))
            room.fill(order, lots)
            need -= lots
        return not need

    def room(self, order: Order) -> int:
        """How much of the order may trade: all, unless it may only reduce."""
        if not order.closing:
            return order.leaves
        held = self._clearing.position_lots(order.account, order.symbol, order.position_side)
        return max(0, -held if order.side == Side.BUY else held)

    # The walk

    def _walk(
        self, taker: Order | None, side: int, limit: int, wanted: int, now_ns: int
    ) -> tuple[int, bool]:
        """Take up to ``wanted`` from ``side``, best price first, first come first served at one
        price. Returns what is not taken and whether self-trade prevention ended it."""
        book = self.book
        while wanted:
            key = book.best(side)
            if key is None or key > limit:
                break
            room = wanted if taker is None else min(wanted, self.room(taker))
            if not room:
                break
            first = book.front(side, key)
            if first is None or first.ahead:
                there = book.market[side].lots[key]
                lots = min(room, first.ahead if first is not None else there)
                book.take(side, key, lots)
                self._changed(side, key)
                self._trade(taker, None, side, abs(key), lots, now_ns)
                wanted -= lots
            elif self._prevented(taker, first):
                assert taker is not None
                if taker.stp != Stp.EXPIRE_TAKER:
                    self.withdraw(first)
                    self._clearing.expired(first, Status.EXPIRED_IN_MATCH, Cause.STP, now_ns)
                if taker.stp != Stp.EXPIRE_MAKER:
                    return wanted, True
            else:
                wanted -= room - self._meet(taker, first, room, now_ns)
        return wanted, False

    def _meet(self, taker: Order | None, maker: Order, wanted: int, now_ns: int) -> int:
        """Trade with one resting order; returns what is still wanted."""
        lots = min(wanted, maker.leaves, self.room(maker))
        side, key = maker.side, maker.key
        if not lots:
            self.withdraw(maker)
            self._clearing.expired(maker, Status.EXPIRED, Cause.REDUCE_ONLY, now_ns)
            return wanted
        self.book.fill(maker, lots)
        self._changed(side, key)
        self._trade(taker, maker, side, abs(key), lots, now_ns)
        return wanted - lots

    def _trade(
        self,
        taker: Order | None,
        maker: Order | None,
        side: int,
        tick: int,
        lots: int,
        now_ns: int,
    ) -> None:
        trade_id = self.port.traded(tick, lots, side == BID, now_ns)
        self._touch()
        self.printed(tick)
        clearing = self._clearing
        if taker is not None:
            clearing.filled(taker, tick, lots, trade_id, maker=False, now_ns=now_ns)
        if maker is not None:
            clearing.filled(maker, tick, lots, trade_id, maker=True, now_ns=now_ns)
            clearing.reduced(maker.account, maker.symbol, now_ns)
        if taker is not None and (maker is None or maker.account != taker.account):
            clearing.reduced(taker.account, taker.symbol, now_ns)

    def _changed(self, side: int, key: int) -> None:
        self._touch()
        self.port.changed(side, key)

    def _touch(self) -> None:
        if not self.dirty:
            self.dirty = True
            self.on_dirty(self)

    @staticmethod
    def _prevented(taker: Order | None, maker: Order) -> bool:
        return (
            taker is not None
            and taker.account == maker.account
            and taker.stp != Stp.NONE
            and taker.tif not in (Tif.FOK, Tif.GTX)
        )


class _Room:
    """Positions as they would be, while a walk is only imagined."""

    def __init__(self, clearing: Clearing, symbol: str) -> None:
        self._clearing, self._symbol = clearing, symbol
        self._lots: dict[tuple[str, PositionSide], int] = {}

    def _held(self, order: Order) -> int:
        key = (order.account, order.position_side)
        if key not in self._lots:
            self._lots[key] = self._clearing.position_lots(key[0], self._symbol, key[1])
        return self._lots[key]

    def of(self, order: Order) -> int:
        if not order.closing:
            return order.leaves
        held = self._held(order)
        return max(0, -held if order.side == Side.BUY else held)

    def fill(self, order: Order, lots: int) -> None:
        held = self._held(order)
        key = (order.account, order.position_side)
        self._lots[key] = held + (lots if order.side == Side.BUY else -lots)
