"""Accounts' orders in a replay: they trade with the recorded book and the recorded trades.

What was recorded goes out byte for byte as it is; nobody but the accounts sees their orders. How
they are filled says `matching.observed`. A symbol costs nothing until somebody asks for it.
"""

from collections.abc import Iterator, Sequence

from connector.sim.matching.engine import Engine
from connector.sim.matching.observed import ObservedMarket
from connector.sim.matching.rules import Rules
from connector.sim.matching.types import Refused
from connector.sim.tape import Levels, SymbolReplay
from connector.venues.sim_contract import AggRow, RecordedDepth, TradeRow, VenueSim

FIRST_TRADE_ID = 5_000_000_000_001
"""Trades of accounts are numbered above all that were recorded."""
UNREADABLE = (ValueError, KeyError, TypeError, ArithmeticError)
"""What a damaged message of a recording raises."""


class Floor:
    """One recorded symbol."""

    def __init__(self, replay: SymbolReplay, venue: VenueSim, engine: Engine, rules: Rules) -> None:
        self._replay, self._tape = replay, venue.tape
        self._market = ObservedMarket(engine, rules, FIRST_TRADE_ID, self._wake)
        self.awake = False
        self.unread = 0
        """Recorded levels, trades and mark prices that cannot be read or are not on the symbol's
        grid."""
        self._now_ns = 0

    def turn(self, now_ns: int) -> None:
        """A recorded message follows that is sent at this time."""
        self._now_ns = now_ns

    def trade(self, payload: bytes, *, aggregate: bool) -> None:
        for row, tick, lots in self._read(payload, aggregate):
            if tick and lots:
                self._market.trade(tick, lots, row.buyer_is_maker, self._now_ns)

    def mark(self, payload: bytes) -> None:
        try:
            units, digits = _number(self._tape.mark(payload).mark)
        except UNREADABLE:
            self.unread += 1
            return
        mark_e8 = units * 10 ** (8 - digits) if digits <= 8 else units // 10 ** (digits - 8)
        self._market.mark(mark_e8, self._now_ns)

    def _wake(self) -> None:
        if self.awake:
            return
        self.awake = True
        replay = self._replay
        replay.settle()
        if replay.live:
            self._load(replay.bids.values(), replay.asks.values())
        elif replay.snapshots:
            ahead = replay.snapshots[0].parsed
            self._load(ahead.bids, ahead.asks)
        replay.on_base, replay.on_change = self._load, self._change
        if replay.mark:
            self.mark(replay.mark)
        trades = replay.trades or replay.agg_trades
        if trades:
            for _, tick, _ in self._read(trades[-1], trades is replay.agg_trades)[-1:]:
                if tick:
                    self._market.last(tick, self._now_ns)

    def _load(self, bids: Levels, asks: Levels) -> None:
        self._market.load(self._levels(bids), self._levels(asks), self._now_ns)

    def _change(self, depth: RecordedDepth) -> None:
        self._market.change(self._levels(depth.bids), self._levels(depth.asks), self._now_ns)

    def _read(self, payload: bytes, aggregate: bool) -> list[tuple[TradeRow | AggRow, int, int]]:
        """Recorded trades, their ticks and their lots; counted if they cannot be read."""
        try:
            rows: Sequence[TradeRow | AggRow]
            rows = [self._tape.agg_trade(payload)] if aggregate else self._tape.trades(payload)
            return [(row, self._tick(row.price), self._lots(row.qty) or 0) for row in rows]
        except UNREADABLE:
            self.unread += 1
            return []

    def _levels(self, levels: Levels) -> Iterator[tuple[int, int]]:
        for price, qty in levels:
            tick, lots = self._tick(price), self._lots(qty)
            if tick and lots is not None:
                yield tick, lots

    def _tick(self, text: str) -> int:
        """0 for a price that is not on the grid."""
        try:
            return self._market.matcher.rules.ticks(*_number(text))
        except Refused:
            self.unread += 1
            return 0

    def _lots(self, text: str) -> int | None:
        try:
            return self._market.matcher.rules.lots(*_number(text))
        except Refused:
            self.unread += 1
            return None


def _number(text: str) -> tuple[int, int]:
    """Units and decimals of a number as recorded."""
    whole, _, fraction = text.partition(".")
    return int(whole + fraction), len(fraction)
