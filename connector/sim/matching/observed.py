"""A market that is only watched: accounts trade against it, and it does not know of them.

For recordings and for live data. What accounts took from a level stays taken until the level is
named with another quantity. A resting order stands behind what was there when it came and moves up
by the trades that are seen at its price; trades at worse prices, and quantities that cross it,
would have met it first, and fill it at its own price. Until a mark price is told the last trade's
stands for it.
"""

from collections.abc import Callable, Iterable, Iterator

from connector.sim.matching.book import ASK, BID, Book
from connector.sim.matching.engine import Engine
from connector.sim.matching.rules import Rules

Levels = Iterable[tuple[int, int]]
"""(tick, lots)."""
PIECE = 64
"""Levels of a whole book that are taken over at once."""


class ObservedMarket:
    """One symbol's market in an engine. Who feeds it settles the engine after each of its turns."""

    def __init__(
        self,
        engine: Engine,
        rules: Rules,
        first_trade_id: int,
        on_wake: Callable[[], None] = lambda: None,
    ) -> None:
        """Accounts' trades are numbered from ``first_trade_id`` on. ``on_wake`` is called before
        anybody's request is looked at, so that who feeds the market can begin with it."""
        self._engine, self._on_wake = engine, on_wake
        self.book = Book()
        self._seen: tuple[dict[int, int], dict[int, int]] = ({}, {})
        """Lots of each level as they were told."""
        self._trade_id = first_trade_id - 1
        self._marked = False
        self.matcher = engine.add_symbol(rules, self.book, self)

    # What the matcher says (`matching.matcher.Port`)

    def changed(self, side: int, key: int) -> None:
        """What is watched stays as it is."""

    def traded(self, tick: int, lots: int, buyer_is_maker: bool, now_ns: int) -> int:
        self._trade_id += 1
        return self._trade_id

    def settled(self, now_ns: int) -> None:
        """What is watched stays as it is."""

    def wake(self) -> None:
        self._on_wake()

    # What is seen

    def load(self, bids: Levels, asks: Levels, now_ns: int) -> None:
        """The whole book, in place of what there was."""
        for _ in self.loading(bids, asks, now_ns):
            pass

    def loading(self, bids: Levels, asks: Levels, now_ns: int) -> Iterator[None]:
        """The same in pieces, for who has other things to do; it is the book at the end."""
        for side, levels in ((BID, bids), (ASK, asks)):
            found = {(tick if side == ASK else -tick): lots for tick, lots in levels if lots}
            yield
            changes = [(key, 0) for key in self._seen[side].keys() - found.keys()]
            changes += found.items()
            changes.sort()
            for at in range(0, len(changes), PIECE):
                yield
                for key, lots in changes[at : at + PIECE]:
                    self._set(side, key, lots, now_ns)
        self.book.settle()

    def change(self, bids: Levels, asks: Levels, now_ns: int) -> None:
        """Absolute quantities of some levels; 0: it is gone."""
        for tick, lots in bids:
            self._set(BID, -tick, lots, now_ns)
        for tick, lots in asks:
            self._set(ASK, tick, lots, now_ns)
        self.book.settle()

    def trade(self, tick: int, lots: int, buyer_is_maker: bool, now_ns: int) -> None:
        self.matcher.market_traded(BID if buyer_is_maker else ASK, tick, lots, now_ns)
        self.last(tick, now_ns)

    def last(self, tick: int, now_ns: int) -> None:
        """The price of the last trade, one that was before anybody was here."""
        self.matcher.printed(tick)
        if not self._marked:
            rules = self.matcher.rules
            self._engine.mark(rules.symbol, rules.price_e8(tick), now_ns)

    def mark(self, mark_e8: int, now_ns: int) -> None:
        self._marked = True
        self._engine.mark(self.matcher.rules.symbol, mark_e8, now_ns)

    def _set(self, side: int, key: int, lots: int, now_ns: int) -> None:
        """A level as seen; naming it unchanged brings nothing back that was taken."""
        seen = self._seen[side]
        if seen.get(key, 0) == lots:
            return
        if lots:
            seen[key] = lots
        else:
            del seen[key]
        left = self.matcher.market_offers(side, key, lots, now_ns)
        self.book.market[side].put(key, left)
