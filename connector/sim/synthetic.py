"""The synthetic market: flows of many symbols in time order, turned into the venue's messages.

No I/O and no clock of its own: ``run_until`` does what is due and ``next_ns`` says when to come
back. A symbol starts to trade when it is first asked for and goes on from then.
"""

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any
from zlib import crc32

from connector.clock import monotonic_ns
from connector.sim.exchange import Exchange, Listing, SymbolState, Trade
from connector.sim.flow import Flow, Kind, Step
from connector.sim.hub import Hub
from connector.sim.listings import changed, listing
from connector.sim.matching.engine import Engine
from connector.sim.matching.regrid import Grid
from connector.sim.matching.rules import Rules
from connector.sim.running import Running
from connector.venues.sim_contract import (
    Activity,
    AggRow,
    BookRow,
    Candle,
    Contract,
    Feed,
    MarkTexts,
    Stream,
    TickerRow,
    TradeRow,
    VenueSim,
    decimal,
)

BEHIND_NS = 500_000_000
"""A flow later than this skips what it missed: the machine is too slow for the rate asked."""
IDLE_NS = 20_000_000
"""How often a symbol that does not trade is looked at."""
LEAST_LEVELS = 10
MARK_NS = 1_000_000_000
"""How often a symbol's mark price changes."""
FIRST_ID = 9_000_000_000_000


Action = Callable[[int, int], int | None]
"""Called with the time and the time it was due; returns when it is due again, None: never."""


class SyntheticMarket:
    """A market that makes itself up; also the `MarketView` of the REST side."""

    def __init__(
        self,
        venue: VenueSim,
        contracts: list[Contract],
        *,
        rate: float,
        levels: int,
        seed: int,
        bursts: bool,
        wall_ms: Callable[[], int],
        weight_limit: int = 0,
    ) -> None:
        self._venue = venue
        self._weight_limit = weight_limit or venue.weight_limit
        self._contracts = {row.symbol: row for row in contracts}
        self.exchange = Exchange([listing(row) for row in contracts], FIRST_ID)
        self._rate, self._levels, self._seed, self._bursts = rate, levels, seed, bursts
        self._wall_ms = wall_ms
        self._running: dict[str, Running] = {}
        self._due: list[tuple[int, int, Action]] = []
        self._tie = 0
        self._timed: set[str] = set()
        self._feeds: dict[str, Feed] = {}
        self.skipped_ns = 0
        self.hub: Hub | None = None
        self._engine: Engine | None = None
        self._rules: Callable[[bytes], Sequence[Rules]] = lambda info: ()
        self._states: dict[str, SymbolState] = {}
        self._moved: dict[str, Grid] = {}
        """Symbols on a new grid that the engine does not know yet."""

    def attach(self, engine: Engine, rules: Callable[[bytes], Sequence[Rules]]) -> None:
        """Let accounts trade here: their orders and the flow share one book. ``rules`` reads an
        instruments answer. A symbol's flow starts when it is first asked for."""
        self._engine, self._rules = engine, rules
        self._admit(self._contracts)

    def _admit(self, symbols: Iterable[str]) -> None:
        """List symbols in the engine, or tell it what they demand now."""
        engine = self._engine
        if engine is None:
            return
        wanted = {*symbols}
        for row in self._rules(self.exchange_info(self._wall_ms())):
            if row.symbol not in wanted:
                continue
            state = self._state(row.symbol)
            if state.matcher is None:
                state.matcher = engine.add_symbol(row, state.book, state)
                state.on_wake = partial(self._wake, row.symbol)
            elif (grid := self._moved.pop(row.symbol, None)) is not None:
                engine.regrid(row, grid)
            else:
                engine.set_rules(row)

    def _wake(self, symbol: str) -> None:
        self._start(symbol)

    def _state(self, symbol: str) -> SymbolState:
        found = self._states.get(symbol)
        if found is None:
            found = self._states[symbol] = SymbolState(
                self.exchange.listings[symbol], self.exchange
            )
        return found

    @property
    def done(self) -> bool:
        """A synthetic market has no end."""
        return False

    # What the REST side asks.

    @property
    def symbols(self) -> Mapping[str, Contract]:
        return self._contracts

    def exchange_info(self, now_ms: int) -> bytes:
        return self._venue.exchange_info(self._contracts.values(), now_ms, self._weight_limit)

    def depth(self, symbol: str, limit: int, now_ms: int) -> bytes:
        return self._start(symbol).snapshot(limit, now_ms)

    def top(self, symbol: str, levels: int) -> BookRow:
        return self._start(symbol).top(levels)

    def old_depth(self, symbol: str, limit: int, now_ms: int) -> bytes:
        return self._start(symbol).first_snapshot

    def trades(self, symbol: str, after: int = 0) -> Sequence[TradeRow]:
        running = self._start(symbol)
        kept = running.state.trades
        wanted = min(len(kept), running.state.trade_id - after)
        row, texts = running.state.listing, running.texts
        digits = row.price_digits + row.qty_digits
        return [
            TradeRow(
                t.trade_id,
                texts.price(t.tick),
                texts.qty(t.lots),
                decimal(t.tick * row.tick * t.lots * row.step, digits),
                t.time_ms,
                t.buyer_is_maker,
                t.update_id,
            )
            for t in islice(kept, len(kept) - wanted, None)
        ]

    def agg_trades(self, symbol: str) -> Sequence[AggRow]:
        running = self._start(symbol)
        texts = running.texts
        return [
            AggRow(
                t.agg_id, texts.price(t.tick), texts.qty(t.lots), t.first_id, t.last_id, t.time_ms,
                t.buyer_is_maker,
            )
            for t in running.state.agg_trades
        ]  # fmt: skip

    def mark(self, symbol: str, now_ms: int) -> MarkTexts | None:
        return self._mark(self._start(symbol), now_ms)

    def ticker(self, symbol: str) -> TickerRow | None:
        running = self._start(symbol)
        state = running.state
        return TickerRow(*running.best(), time_ms=state.time_ms, update_id=state.bbo_id)

    def candles(self, symbol: str) -> Sequence[Candle]:
        return self._start(symbol).state.history.minutes

    # What the server tells.

    def subscribed(self, stream: Stream) -> None:
        """The stream has its first subscriber."""
        running = self._start(stream.symbol)
        feed = self._venue.feed(stream, self)
        if feed is not None:
            self._feeds[stream.name] = feed
        elif stream.kind == "depth":
            running.state.window(stream.period_ms)
        period_ms = 10 if stream.kind == "partial" and not stream.period_ms else stream.period_ms
        if period_ms and stream.name not in self._timed:
            self._timed.add(stream.name)
            period_ns = period_ms * 1_000_000
            # The venue cuts on its own clock, each symbol at another offset.
            offset_ns = crc32(stream.symbol.encode()) % period_ns + stream.last
            first_ns = monotonic_ns() // period_ns * period_ns + offset_ns

            def tick(now_ns: int, due_ns: int) -> int | None:
                if self._running.get(stream.symbol) is not running:
                    self._timed.discard(stream.name)
                    return None
                if not self._tick(stream, running):
                    return None
                return due_ns + ((now_ns - due_ns) // period_ns + 1) * period_ns

            self._plan(first_ns, tick)

    def greeting(self, stream: Stream, now_ms: int) -> list[bytes]:
        """What a new subscriber hears first."""
        feed = self._feeds.get(stream.name)
        running = self._running.get(stream.symbol)
        if feed is None or running is None or running.activity is Activity.SILENT:
            return []
        return feed.greeting(now_ms)

    def repeat(self, symbol: str) -> None:
        """Streams of the symbol, or all, say again now what they repeat from time to time."""
        for name, feed in self._feeds.items():
            stream = self._venue.stream(name, self._contracts)
            if stream is not None and symbol in ("", stream.symbol):
                feed.repeat()

    def unsubscribed(self, stream: Stream) -> None:
        """Nobody listens to the stream any more."""
        self._feeds.pop(stream.name, None)
        running = self._running.get(stream.symbol)
        if running is not None and stream.kind == "depth":
            running.state.windows.pop(stream.period_ms, None)

    def reset(self, symbol: str) -> None:
        """The venue counts its update ids anew."""
        self.exchange.restart_ids()

    def relist(self, command: Mapping[str, Any]) -> Contract | None:
        """Change what is listed as `listings.changed` says; None: the symbol is gone."""
        symbol = str(command.get("symbol", ""))
        was = self._contracts.get(symbol)
        now = changed(was, command, self._venue.listings, self._venue.statuses)
        if now is None:
            self._delist(symbol)
            return None
        row = listing(now)
        running = self._running.get(symbol)
        if running is not None and was is not None and now.tick != was.tick:
            self._move(running, row)
        elif running is None and symbol in self._states:
            self._states[symbol].listing = row
        self._contracts[symbol], self.exchange.listings[symbol] = now, row
        if running is not None:
            running.activity = self._activity(symbol)
        if was is None:
            self._resubscribe(symbol)
        self._admit([symbol])
        return now

    def _delist(self, symbol: str) -> None:
        state = self._states.pop(symbol, None)
        if state is not None and state.matcher is not None:
            assert self._engine is not None
            state.on_wake = lambda: None
            self._engine.leave(symbol, self._wall_ms() * 1_000_000)
        del self._contracts[symbol], self.exchange.listings[symbol]
        self._running.pop(symbol, None)  # its streams stay silent

    def _move(self, running: Running, row: Listing) -> None:
        """Another grid: orders that are not on it are cancelled, the others stay."""
        state, hub = running.state, self.hub
        assert hub is not None
        grid = state.grid(row)
        off = state.off_grid(grid)
        for side, keys in zip(state.sides, off, strict=True):
            if len(side.keys) - len(keys) < LEAST_LEVELS:
                raise ValueError(f"{row.symbol}: too few levels are on a grid of {row.tick}")
        touch = running.best()
        wall_ms = self._wall_ms()
        if self._engine is not None:
            self._engine.leave(row.symbol, wall_ms * 1_000_000, grid)
        for side, keys in zip(state.sides, off, strict=True):
            for key in keys:
                side.put(key, 0)
        state.commit(*off)
        # What was cancelled is said in the old spelling, and before anything on the new grid.
        state.time_ms = wall_ms
        for name in list(hub.streams):
            stream = self._venue.stream(name, self._contracts)
            if stream is None or stream.symbol != row.symbol or stream.kind != "depth":
                continue
            message = state.cut(stream.period_ms)
            if message is not None:
                hub.publish(name, running.cut(message, wall_ms))
        running.late_bbo = []
        state.move(row)
        self._moved[row.symbol] = grid
        running.spell()
        if touch != running.best():
            state.bbo_id = state.update_id
            if hub.has(running.names.bbo):
                payload = running.frames.bbo(
                    row.symbol, wall_ms, wall_ms, state.update_id, running.best()
                )
                hub.publish(running.names.bbo, payload)

    def _resubscribe(self, symbol: str) -> None:
        """Who listened to the symbol before it was listed anew hears it again."""
        assert self.hub is not None
        for name in list(self.hub.streams):
            stream = self._venue.stream(name, self._contracts)
            if stream is not None and stream.symbol == symbol:
                self.subscribed(stream)

    def _activity(self, symbol: str) -> Activity:
        status = self._contracts[symbol].status
        return self._venue.statuses[status] if status else Activity.OPEN

    def next_ns(self) -> int | None:
        """When something is due next, on the clock of `clock.monotonic_ns`."""
        return self._due[0][0] if self._due else None

    def run_until(self, now_ns: int, most: int) -> bool:
        """Do at most so many things that are due; True if more of them wait."""
        due = self._due
        for _ in range(most):
            if not due or due[0][0] > now_ns:
                return False
            due_ns, tie, action = heapq.heappop(due)
            again_ns = action(now_ns, due_ns)
            if again_ns is not None:
                heapq.heappush(due, (again_ns, tie, action))
        return bool(due) and due[0][0] <= now_ns

    def status(self) -> dict[str, object]:
        """What ``/_sim/status`` says of this market."""
        return {
            "mode": "synthetic",
            "symbols": len(self._contracts),
            "last_update_id": {name: each.state.update_id for name, each in self._running.items()},
            "skipped_ms": self.skipped_ns // 1_000_000,
        }

    def _plan(self, when_ns: int, action: Action) -> None:
        self._tie += 1
        heapq.heappush(self._due, (when_ns, self._tie, action))

    def _start(self, symbol: str) -> Running:
        running = self._running.get(symbol)
        if running is None:
            state = self._state(symbol)
            state.time_ms = self._wall_ms()
            flow = Flow(
                state,
                seed=self._seed,
                rate=self._rate,
                levels=self._levels,
                now_ns=monotonic_ns(),
                bursts=self._bursts,
            )
            running = self._running[symbol] = Running(self._venue, state, flow)
            for _ in range(50):
                flow.step(flow.next_ns, state.time_ms)
            flow.next_ns = monotonic_ns()
            running.activity = self._activity(symbol)
            state.on_settled = partial(self._settled, running)
            self._new_mark(running)
            self._plan(flow.next_ns, lambda now_ns, due_ns: self._step(running, now_ns))
            self._plan(flow.next_ns + MARK_NS, lambda now_ns, due_ns: self._remark(running, due_ns))
        return running

    def _new_mark(self, running: Running) -> None:
        """A new mark price, and at its time the funding that the last one promised."""
        symbol, wall_ms, last = running.state.listing.symbol, self._wall_ms(), running.state.mark
        mark = running.flow.mark(wall_ms)
        if self._engine is None or running.state.matcher is None:
            return
        if last is not None and wall_ms >= last.next_funding_ms:
            self._engine.fund(symbol, last.rate_e, wall_ms * 1_000_000)
        self._engine.mark(symbol, mark.mark_e, wall_ms * 1_000_000)

    def _remark(self, running: Running, due_ns: int) -> int | None:
        if self._running.get(running.state.listing.symbol) is not running:
            return None
        self._new_mark(running)
        return max(due_ns, monotonic_ns() - MARK_NS) + MARK_NS

    def _step(self, running: Running, now_ns: int) -> int | None:
        flow = running.flow
        if self._running.get(running.state.listing.symbol) is not running:
            return None
        if running.activity is not Activity.OPEN:
            if running.activity is Activity.HALTED:  # what happened before is still told
                self._publish_depth(running, self._wall_ms())
            flow.next_ns = now_ns + IDLE_NS
            return flow.next_ns
        if now_ns - flow.next_ns > BEHIND_NS:
            self.skipped_ns += now_ns - flow.next_ns
            flow.next_ns = now_ns
        wall_ms = self._wall_ms()
        step = flow.step(now_ns, wall_ms)
        if self._engine is not None and self._engine.unsettled:
            self._engine.settle(wall_ms * 1_000_000)
        self._publish(running, step, wall_ms)
        self._aggregate(running, wall_ms)
        return flow.next_ns

    def _publish(self, running: Running, step: Step, wall_ms: int) -> None:
        if step.trade is not None:
            self._publish_trade(running, step.trade, wall_ms)
        if step.touch_moved:
            self._publish_touch(running, wall_ms, late=step.late_touch)
        if step.kind is Kind.DEPTH:
            self._publish_depth(running, wall_ms)

    def _settled(self, running: Running, now_ns: int) -> None:
        """Publish what accounts' orders did to the book."""
        state, wall_ms = running.state, now_ns // 1_000_000
        state.time_ms = max(state.time_ms, wall_ms)
        running.flow.heal()
        fresh, state.fresh = state.fresh, []
        if self.hub is None or running.activity is Activity.SILENT:
            return
        for trade in fresh:
            self._publish_trade(running, trade, wall_ms)
        if running.shown != state.best():
            state.bbo_id = state.update_id
            self._publish_touch(running, wall_ms, late=False)
        self._publish_depth(running, wall_ms)

    def _publish_trade(self, running: Running, trade: Trade, wall_ms: int) -> None:
        assert self.hub is not None
        if self.hub.has(running.names.trade):
            texts, symbol = running.texts, running.state.listing.symbol
            price, qty = texts.price(trade.tick), texts.qty(trade.lots)
            payload = running.frames.trade(
                symbol, wall_ms, trade.time_ms, trade.trade_id, price, qty, trade.buyer_is_maker
            )
            self.hub.publish(running.names.trade, payload)

    def _publish_touch(self, running: Running, wall_ms: int, *, late: bool) -> None:
        hub, state = self.hub, running.state
        assert hub is not None
        if self._engine is not None:
            running.shown = state.best()
        if not hub.has(running.names.bbo):
            return
        payload = running.frames.bbo(
            state.listing.symbol, wall_ms, state.time_ms, state.update_id, running.best()
        )
        if late or running.late_bbo:
            running.late_bbo.append(payload)
        else:
            hub.publish(running.names.bbo, payload)

    def _publish_depth(self, running: Running, wall_ms: int) -> None:
        hub, state = self.hub, running.state
        assert hub is not None
        if hub.has(running.names.depth) and (message := state.cut(0)) is not None:
            hub.publish(running.names.depth, running.cut(message, wall_ms))
        for payload in running.late_bbo:
            hub.publish(running.names.bbo, payload)
        running.late_bbo = []

    def _tick(self, stream: Stream, running: Running) -> bool:
        """Send what a timed stream sends; False when nobody listens any more."""
        hub, state = self.hub, running.state
        assert hub is not None
        if not hub.has(stream.name):
            self._timed.discard(stream.name)
            return False
        if running.activity is Activity.SILENT:
            return True
        wall_ms = self._wall_ms()
        feed = self._feeds.get(stream.name)
        if feed is not None:
            for payload in feed.turn(wall_ms):
                hub.publish(stream.name, payload)
        elif stream.kind == "depth":
            message = state.cut(stream.period_ms)
            if message is not None:
                hub.publish(stream.name, running.cut(message, wall_ms))
        elif stream.kind == "partial":
            self._partial(stream, running, wall_ms)
        else:
            mark = self._mark(running, wall_ms)
            hub.publish(stream.name, running.frames.mark(state.listing.symbol, wall_ms, mark))
        return True

    def _aggregate(self, running: Running, wall_ms: int) -> None:
        """Trades of a tenth of a second become aggregates, whether anybody listens or not."""
        pending = running.state.pending_trades
        if not pending or wall_ms - pending[0].time_ms < 100:
            return
        hub, texts = self.hub, running.texts
        assert hub is not None
        made = running.state.aggregate()
        if not hub.has(running.names.agg_trade):
            return
        for trade in made:
            ids = (trade.agg_id, trade.first_id, trade.last_id)
            price, qty = texts.price(trade.tick), texts.qty(trade.lots)
            symbol = running.state.listing.symbol
            payload = running.frames.agg_trade(
                symbol, wall_ms, trade.time_ms, ids, price, qty, trade.buyer_is_maker
            )
            hub.publish(running.names.agg_trade, payload)

    def _partial(self, stream: Stream, running: Running, wall_ms: int) -> None:
        """The top levels; the venue sends them whether they changed or not, with the diff's ids."""
        hub, state = self.hub, running.state
        assert hub is not None
        bids, asks = state.top(stream.levels)
        last = running.partial_ids.get(stream.name, state.update_id)
        running.partial_ids[stream.name] = state.update_id
        payload = running.frames.depth(
            state.listing.symbol, wall_ms, state.time_ms,
            (min(last + 1, state.update_id), state.update_id, last),
            running.texts.levels(bids), running.texts.levels(asks),
        )  # fmt: skip
        hub.publish(stream.name, payload)

    def _mark(self, running: Running, wall_ms: int) -> MarkTexts:
        mark = running.state.mark
        assert mark is not None
        return MarkTexts(
            decimal(mark.mark_e, 8),
            decimal(mark.index_e, 8),
            decimal(mark.settle_e, 8),
            decimal(mark.average_e, 8),
            decimal(mark.rate_e, 8),
            mark.next_funding_ms,
        )
