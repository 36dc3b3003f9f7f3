"""The state of a simulated venue: one book a symbol, its update ids, and the cuts of its streams.

Pure: no clock, no I/O. Prices are whole ticks and quantities whole lots; a ladder's key is the tick
for asks and minus the tick for bids, so that on both sides the best level comes first.
"""

from collections import deque
from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import islice

from msgspec import Struct

from connector.sim.history import History
from connector.sim.matching.book import ASK, BID, Book
from connector.sim.matching.matcher import Matcher
from connector.sim.matching.regrid import Grid, move_book


class Listing(Struct, frozen=True, kw_only=True):
    """What is listed: how a symbol's prices and quantities are written, and where it trades."""

    symbol: str
    price_digits: int
    """Decimals of a price on the wire."""
    tick: int
    """Smallest price step, in units of 10**-price_digits."""
    qty_digits: int
    step: int
    """Smallest quantity step, in units of 10**-qty_digits."""
    start_tick: int
    """Where the synthetic market starts, in ticks."""
    lot_notional: int = 200
    """Typical size of a level, in lots."""
    inverse: bool = False
    """Its value is quantity / price."""
    size: str = "1"
    """What one unit of quantity stands for."""

    def value(self, price: Decimal, qty: Decimal) -> Decimal:
        """What so much is worth at that price, in the asset it is settled in."""
        whole = qty * Decimal(self.size)
        return whole / price if self.inverse else whole * price


class Trade(Struct, frozen=True, gc=False):
    trade_id: int
    tick: int
    lots: int
    buyer_is_maker: bool
    time_ms: int
    update_id: int = 0
    """Of the book when it was done."""


class AggTrade(Struct, frozen=True, gc=False):
    agg_id: int
    tick: int
    lots: int
    first_id: int
    last_id: int
    buyer_is_maker: bool
    time_ms: int


class Mark(Struct, frozen=True, gc=False):
    """Prices of the mark price stream, in units of 1e-8."""

    mark_e: int
    index_e: int
    settle_e: int
    average_e: int
    rate_e: int
    next_funding_ms: int


class Cut(Struct, frozen=True, gc=False):
    """One message of a diff stream: final quantities of every level touched in (prev_id, last_id].

    ``bids`` and ``asks`` are (tick, lots) in ascending tick order, lots 0 for a level that is gone.
    """

    first_id: int
    last_id: int
    prev_id: int
    bids: list[tuple[int, int]]
    asks: list[tuple[int, int]]


class Window:
    """What a diff stream has not sent yet. Every speed of a symbol has its own chain of ids."""

    __slots__ = ("first_id", "prev_id", "touched")

    def __init__(self, prev_id: int) -> None:
        self.prev_id = prev_id
        self.first_id = 0
        self.touched: tuple[set[int], set[int]] = (set(), set())


class SymbolState:
    """A symbol's book, ids, trades and the windows of the streams somebody listens to."""

    def __init__(self, listing: Listing, venue: "Exchange") -> None:
        self.listing = listing
        self.venue = venue
        self.book = Book()
        self.sides = self.book.market
        """The market's own liquidity; accounts' orders stand beside it in the book."""
        self.update_id = 0
        self.time_ms = 0
        self.bbo_id = 0
        self.windows: dict[int, Window] = {}
        self.trades: deque[Trade] = deque(maxlen=1000)
        self.agg_trades: deque[AggTrade] = deque(maxlen=1000)
        self.pending_trades: list[Trade] = []
        self.history = History()
        self.trade_id = 0
        self.agg_id = 0
        self.mark: Mark | None = None
        self.matcher: Matcher | None = None
        """Where accounts trade; None if there are none."""
        self.fresh: list[Trade] = []
        """Trades of the matcher that are not published yet."""
        self.on_settled: Callable[[int], None] = lambda now_ns: None
        self.on_wake: Callable[[], None] = lambda: None

    @property
    def bid_tick(self) -> int:
        return -self.sides[BID].keys[0]

    @property
    def ask_tick(self) -> int:
        return self.sides[ASK].keys[0]

    def put(self, side: int, key: int, lots: int) -> None:
        """Change one level under the next update id of the venue and note it in every window."""
        self.sides[side].put(key, lots)
        self.commit((key,) if side == BID else (), (key,) if side == ASK else ())

    def commit(self, bids: Sequence[int], asks: Sequence[int]) -> None:
        """Give ids to changes already made in the ladders, one each, and note their keys.

        A key may be named without a change: a level that came and went between two messages.
        """
        if self.book.busy:
            self.book.settle()
        self._note(bids, asks)

    def _note(self, bids: Sequence[int], asks: Sequence[int]) -> None:
        count = len(bids) + len(asks)
        if not count:
            return
        self.update_id = self.venue.take_ids(count)
        for window in self.windows.values():
            if not window.first_id:
                window.first_id = self.update_id - count + 1
            window.touched[BID].update(bids)
            window.touched[ASK].update(asks)

    def window(self, period_ms: int) -> Window:
        """The window of the diff stream of that speed; opened on first use."""
        found = self.windows.get(period_ms)
        if found is None:
            found = self.windows[period_ms] = Window(self.update_id)
        return found

    def cut(self, period_ms: int) -> Cut | None:
        """Close the stream's window and give its message; None if nothing was touched."""
        window = self.windows[period_ms]
        if not window.first_id:
            return None
        bids, asks = window.touched
        bid_lots, ask_lots = self.book.quantities(BID), self.book.quantities(ASK)
        message = Cut(
            window.first_id,
            self.update_id,
            window.prev_id,
            [(-key, bid_lots(key, 0)) for key in sorted(bids, reverse=True)],
            [(key, ask_lots(key, 0)) for key in sorted(asks)],
        )
        window.prev_id = self.update_id
        window.first_id = 0
        window.touched = (set(), set())
        return message

    def top(self, levels: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """The best levels of both sides as (tick, lots), best first."""
        bids, asks = self.book.levels(BID), self.book.levels(ASK)
        return (
            [(-key, lots) for key, lots in islice(bids, levels)],
            [*islice(asks, levels)],
        )

    def best(self) -> tuple[int, int, int, int]:
        """Best bid's tick and lots, best ask's."""
        bid, ask = self.book.best(BID), self.book.best(ASK)
        assert bid is not None
        assert ask is not None
        return -bid, self.book.lots(BID, bid), ask, self.book.lots(ASK, ask)

    # What accounts' orders do to it (`matching.matcher.Port`)

    def changed(self, side: int, key: int) -> None:
        self._note((key,) if side == BID else (), (key,) if side == ASK else ())

    def traded(self, tick: int, lots: int, buyer_is_maker: bool, now_ns: int) -> int:
        done = self._record(tick, lots, buyer_is_maker, now_ns // 1_000_000)
        self.fresh.append(done)
        return done.trade_id

    def settled(self, now_ns: int) -> None:
        self.on_settled(now_ns)

    def wake(self) -> None:
        self.on_wake()

    # What the market does where accounts' orders may be in its way

    def take(self, side: int, key: int, lots: int, *, whole: bool, time_ms: int) -> Trade | None:
        """The market takes so much of its own best level, or all of it, and with it what accounts
        have before it. The trade, if there is only this one."""
        there = self.sides[side].lots[key]
        if self.matcher is None or not self.book.busy:
            self.put(side, key, there - lots)
            return self.trade(key if side == ASK else -key, lots, side == BID, time_ms)
        if whole:
            own = self.book.resting[side]
            lots = there + sum(own.lots[each] for each in own.keys if each <= key)
        self.matcher.market_takes(side, lots, key, time_ms * 1_000_000)
        return None

    def offer(self, side: int, key: int, lots: int) -> None:
        """The market's quantity at ``key``, a price no worse than its best, is to be this: what
        accounts want to pay for it is traded first."""
        if self.matcher is not None and self.book.busy:
            lots = self.matcher.market_offers(side, key, lots, self.time_ms * 1_000_000)
        if lots or key in self.sides[side].lots:
            self.put(side, key, lots)

    def grid(self, listing: Listing) -> Grid:
        """From the present grid to the one of ``listing``."""
        return Grid(*_units(self.listing, listing))

    def off_grid(self, grid: Grid) -> tuple[list[int], list[int]]:
        """The keys of the market's levels that are not on that grid."""
        bids, asks = self.sides
        return (
            [key for key in bids.keys if not grid.holds(key)],
            [key for key in asks.keys if not grid.holds(key)],
        )

    def move(self, listing: Listing) -> None:
        """Go on on another grid, which every level must be on; trades of before are forgotten:
        they were counted in the old ticks."""
        move_book(self.book, self.grid(listing))
        self.trades.clear()
        self.agg_trades.clear()
        self.pending_trades = []
        self.listing = listing

    def trade(self, tick: int, lots: int, buyer_is_maker: bool, time_ms: int) -> Trade:
        """Record an execution of the market with itself; what it does to the book is the caller's
        business."""
        if self.matcher is not None:
            self.matcher.printed(tick)
        return self._record(tick, lots, buyer_is_maker, time_ms)

    def _record(self, tick: int, lots: int, buyer_is_maker: bool, time_ms: int) -> Trade:
        self.trade_id += 1
        done = Trade(self.trade_id, tick, lots, buyer_is_maker, time_ms, self.update_id)
        self.trades.append(done)
        self.pending_trades.append(done)
        row = self.listing
        price = Decimal(tick * row.tick).scaleb(-row.price_digits)
        qty = Decimal(lots * row.step).scaleb(-row.qty_digits)
        self.history.add(
            self.trade_id, price, qty, time_ms,
            quote=row.value(price, qty), buyer_is_maker=buyer_is_maker,
        )  # fmt: skip
        return done

    def aggregate(self) -> list[AggTrade]:
        """Trades since the last call, those of one price and side in a row made one."""
        made: list[AggTrade] = []
        run: list[Trade] = []
        for trade in [*self.pending_trades, None]:
            if run and (
                trade is None
                or (trade.tick, trade.buyer_is_maker) != (run[0].tick, run[0].buyer_is_maker)
            ):
                self.agg_id += 1
                first, last = run[0], run[-1]
                lots = sum(each.lots for each in run)
                made.append(
                    AggTrade(
                        self.agg_id,
                        first.tick,
                        lots,
                        first.trade_id,
                        last.trade_id,
                        first.buyer_is_maker,
                        first.time_ms,
                    )
                )
                run = []
            if trade is not None:
                run.append(trade)
        self.pending_trades = []
        self.agg_trades.extend(made)
        return made


def _units(one: Listing, other: Listing) -> tuple[int, int]:
    """Both ticks in one unit."""
    digits = max(one.price_digits, other.price_digits)
    return (
        one.tick * 10 ** (digits - one.price_digits),
        other.tick * 10 ** (digits - other.price_digits),
    )


class Exchange:
    """All symbols of the venue; update ids come from one counter, so a symbol's own ids jump."""

    def __init__(self, listings: list[Listing], first_id: int = 1) -> None:
        self.listings = {listing.symbol: listing for listing in listings}
        self._id = first_id

    def take_ids(self, count: int) -> int:
        """Hand out that many ids in a row; returns the last."""
        self._id += count
        return self._id

    def skip(self, ids: int) -> None:
        """Ids that went to symbols nobody simulates."""
        self._id += ids

    def restart_ids(self, first_id: int = 1) -> None:
        """The venue starts counting anew: every later id is lower than every earlier one."""
        self._id = first_id
