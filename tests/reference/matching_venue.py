"""A small venue around the matching engine, for tests: one symbol, accounts with money."""

from typing import Any

from connector.sim.matching.book import Book
from connector.sim.matching.engine import Engine
from connector.sim.matching.matcher import Matcher
from connector.sim.matching.rules import Rules
from connector.sim.matching.types import (
    RATIO,
    Conditional,
    NewConditional,
    NewOrder,
    Order,
    OrderType,
    Side,
    Stp,
    Tif,
)

SYMBOL = "BTCUSDT"
RULES = Rules(
    symbol=SYMBOL, asset="USDT", price_digits=2, tick_units=10, qty_digits=3, step_units=1,
    maker_fee_r=20_000, taker_fee_r=50_000, max_orders=10_000,
)  # fmt: skip


class TapePort:
    """A port that writes down what it is told."""

    def __init__(self) -> None:
        self.trades: list[tuple[int, int, int, bool]] = []
        """(id, tick, lots, whether the buyer is the maker)."""
        self.touched: list[tuple[int, int]] = []
        self.settlements = 0

    def changed(self, side: int, key: int) -> None:
        self.touched.append((side, key))

    def traded(self, tick: int, lots: int, buyer_is_maker: bool, now_ns: int) -> int:
        self.trades.append((len(self.trades) + 1, tick, lots, buyer_is_maker))
        return len(self.trades)

    def settled(self, now_ns: int) -> None:
        self.settlements += 1

    def wake(self) -> None:
        """It has a market."""


class Venue:
    """An engine with one symbol; every call moves the clock by a millisecond."""

    def __init__(
        self,
        *accounts: str,
        rules: Rules = RULES,
        money_m: int = 10**9 * RATIO,
        bids: dict[int, int] | None = None,
        asks: dict[int, int] | None = None,
        engine: Engine | None = None,
    ) -> None:
        self.engine = engine or Engine()
        self.port = TapePort()
        self.book = Book()
        self.rules = rules
        self.matcher: Matcher = self.engine.add_symbol(rules, self.book, self.port)
        self.now_ns = 1_700_000_000_000_000_000
        for name in accounts:
            self.engine.open_account(name)
            self.engine.transfer(name, rules.asset, money_m, self.tick())
        for side, levels in ((Side.BUY, bids), (Side.SELL, asks)):
            for tick, lots in (levels or {}).items():
                self.put(side, tick, lots)
        self.engine.take_events()

    def tick(self) -> int:
        self.now_ns += 1_000_000
        return self.now_ns

    def put(self, side: int, tick: int, lots: int) -> None:
        """The market's own quantity at a price."""
        self.book.market[side].put(tick if side == Side.SELL else -tick, lots)
        self.book.settle()

    def trade(self, side: int, tick: int, lots: int) -> None:
        """The market takes from ``side`` down or up to ``tick``."""
        key = tick if side == Side.SELL else -tick
        self.matcher.market_takes(side, lots, key, self.tick())
        self.engine.settle(self.now_ns)

    def place(
        self, account: str, side: Side, lots: int, tick: int = 0, tif: Tif = Tif.GTC, **more: Any
    ) -> Order:
        limit = tick or more.get("price_match")
        new = NewOrder(
            symbol=self.rules.symbol,
            side=side,
            type=OrderType.LIMIT if limit else OrderType.MARKET,
            lots=lots,
            tick=tick,
            tif=tif,
            stp=more.pop("stp", Stp.NONE),
            **more,
        )
        return self.engine.place(account, new, self.tick())

    def conditional(self, account: str, side: Side, kind: OrderType, **more: Any) -> Conditional:
        new = NewConditional(symbol=self.rules.symbol, side=side, type=kind, **more)
        return self.engine.place_conditional(account, new, self.tick())

    def levels(self, side: int) -> dict[int, int]:
        """The published book of one side, by tick."""
        return {abs(key): lots for key, lots in self.book.levels(side)}
