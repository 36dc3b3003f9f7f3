"""Accounts' orders in a replay: they trade with the recorded book and the recorded trades.

What was recorded goes out byte for byte as it is; nobody but the accounts sees their orders. So the
recorded market does not know what accounts took from it: a level has what was recorded less what
was taken, until the recording names it with another quantity. A resting order stands behind what
was there when it came and moves up by recorded trades at its price; trades at worse prices, and
recorded quantities that cross it, would have met it first, and fill it at its own price. Where no
mark price was recorded the last trade's stands for it.
"""

from collections.abc import Iterable

from connector.sim.matching.book import ASK, BID, Book
from connector.sim.matching.engine import Engine
from connector.sim.matching.rules import Rules
from connector.sim.matching.types import Refused
from connector.sim.tape import Levels, SymbolReplay
from connector.venues.sim_contract import AggRow, RecordedDepth, TradeRow, VenueSim

FIRST_TRADE_ID = 5_000_000_000_000
"""Trades of accounts are numbered above all that were recorded."""
UNREADABLE = (ValueError, KeyError, TypeError, ArithmeticError)
"""What a damaged message of a recording raises."""


class Floor:
    """One symbol's; idle until somebody asks for the symbol (`matching.matcher.Port`)."""

    def __init__(self, replay: SymbolReplay, venue: VenueSim, engine: Engine, rules: Rules) -> None:
        self._replay, self._tape, self._engine = replay, venue.tape, engine
        self.book = Book()
        self.awake = False
        self.unread = 0
        """Recorded levels and trades that are not on the symbol's grid."""
        self.marked = False
        """A mark price was recorded."""
        self._recorded: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self._trade_id = FIRST_TRADE_ID
        self._now_ns = 0
        self.matcher = engine.add_symbol(rules, self.book, self)

    # What the matcher asks

    def changed(self, side: int, key: int) -> None:
        """The recording stays as it is."""

    def traded(self, tick: int, lots: int, buyer_is_maker: bool, now_ns: int) -> int:
        self._trade_id += 1
        return self._trade_id

    def settled(self, now_ns: int) -> None:
        """The recording stays as it is."""

    def wake(self) -> None:
        if self.awake:
            return
        self.awake = True
        replay = self._replay
        replay.settle()
        if replay.live:
            self.load(replay.bids.values(), replay.asks.values())
        elif replay.snapshots:
            ahead = replay.snapshots[0].parsed
            self.load(ahead.bids, ahead.asks)
        replay.on_base, replay.on_change = self.load, self.change
        if replay.mark:
            self.mark(replay.mark)
        if replay.trades:
            self._last(replay.trades[-1], aggregate=False)
        elif replay.agg_trades:
            self._last(replay.agg_trades[-1], aggregate=True)

    # What the recording says; ``now_ns`` of a turn is set before

    def turn(self, now_ns: int) -> None:
        """Recorded messages follow that are sent at this time."""
        self._now_ns = now_ns

    def load(self, bids: Levels, asks: Levels) -> None:
        """The whole book, in place of what there was."""
        for side, levels in ((BID, bids), (ASK, asks)):
            found = dict(self._levels(side, levels))
            for key in self._recorded[side].keys() - found.keys():
                self._set(side, key, 0)
            for key, lots in sorted(found.items()):
                self._set(side, key, lots)
        self.book.settle()

    def change(self, depth: RecordedDepth) -> None:
        for side, levels in ((BID, depth.bids), (ASK, depth.asks)):
            for key, lots in self._levels(side, levels):
                self._set(side, key, lots)
        self.book.settle()

    def trade(self, payload: bytes, *, aggregate: bool) -> None:
        row, tick, lots = self._read(payload, aggregate)
        if row is None or not tick or not lots:
            return
        side = BID if row.buyer_is_maker else ASK
        self.matcher.market_traded(side, tick, lots, self._now_ns)
        self.matcher.printed(tick)
        if not self.marked:
            self._engine.mark(self._replay.symbol, self.matcher.rules.price_e8(tick), self._now_ns)

    def _last(self, payload: bytes, *, aggregate: bool) -> None:
        """What the last price was before anybody asked."""
        tick = self._read(payload, aggregate)[1]
        if tick:
            self.matcher.printed(tick)
            if not self.marked:
                self.matcher.mark_e8 = self.matcher.rules.price_e8(tick)

    def _read(self, payload: bytes, aggregate: bool) -> tuple[TradeRow | AggRow | None, int, int]:
        """A recorded trade, its tick and its lots; counted if it cannot be read."""
        read = self._tape.agg_trade if aggregate else self._tape.trade
        try:
            row: TradeRow | AggRow = read(payload)
            return row, self._tick(row.price), self._lots(row.qty) or 0
        except UNREADABLE:
            self.unread += 1
            return None, 0, 0

    def mark(self, payload: bytes) -> None:
        try:
            units, digits = _number(self._tape.mark(payload).mark)
        except UNREADABLE:
            self.unread += 1
            return
        self.marked = True
        mark_e8 = units * 10 ** (8 - digits) if digits <= 8 else units // 10 ** (digits - 8)
        self._engine.mark(self._replay.symbol, mark_e8, self._now_ns)

    def _set(self, side: int, key: int, lots: int) -> None:
        """A level as recorded; naming it unchanged brings nothing back that was taken."""
        recorded = self._recorded[side]
        if recorded.get(key, 0) == lots:
            return
        if lots:
            recorded[key] = lots
        else:
            del recorded[key]
        left = self.matcher.market_offers(side, key, lots, self._now_ns)
        self.book.market[side].put(key, left)

    def _levels(self, side: int, levels: Levels) -> Iterable[tuple[int, int]]:
        for price, qty in levels:
            tick, lots = self._tick(price), self._lots(qty)
            if tick and lots is not None:
                yield (tick if side == ASK else -tick), lots

    def _tick(self, text: str) -> int:
        """0 for a price that is not on the grid."""
        try:
            return self.matcher.rules.ticks(*_number(text))
        except Refused:
            self.unread += 1
            return 0

    def _lots(self, text: str) -> int | None:
        try:
            return self.matcher.rules.lots(*_number(text))
        except Refused:
            self.unread += 1
            return None


def _number(text: str) -> tuple[int, int]:
    """Units and decimals of a number as recorded."""
    whole, _, fraction = text.partition(".")
    return int(whole + fraction), len(fraction)
