"""One paper account's venue: its orders, after their way there, against the market that is seen.

Pure and deterministic: the same records and commands, with the same times, give the same fills in
the same order. Times are CLOCK_MONOTONIC; the engine's are those plus a fixed offset.

An order sent at t meets the market as it is received at t plus the latency there and back: what
is received then shows the venue as it was when the order got there, one way before. Its answer
comes at that same moment. A market record is seen before a command that is due at its time.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping

from msgspec import Struct

from connector.model.instrument import Instrument, Status
from connector.model.intents import Action
from connector.paper.translate import amendment, new_conditional, new_order, rules_of
from connector.sim.matching.events import Event
from connector.sim.matching.keeping import ENDED_KEPT, Kept, KeptEngine, rescaled
from connector.sim.matching.observed import Levels, ObservedMarket
from connector.sim.matching.rules import Rules
from connector.sim.matching.types import Conditional, Order, Reason, Refused
from connector.venues.trading_contract import Intent

FIRST_TRADE_ID = 5_000_000_000_001
"""Its trades are numbered from here on, above those of the venue."""


class Terms(Struct, frozen=True, kw_only=True):
    """What the account is granted."""

    latency_ns: int
    """One way."""
    balances: Mapping[str, int]
    """What it starts with, in 10^-8 of each asset."""
    maker_r: int
    """Fees as ratios of 10^-8; negative: a rebate."""
    taker_r: int
    leverage: int
    """Of every instrument."""
    most_leverage: int
    maintenance_r: int
    hedge: bool


class NoMarket(Exception):
    """The order got there while nobody knew the book."""


Answer = Order | Conditional | Refused | NoMarket
"""How the order stands after the command, or why there is none."""


class Sent(Struct, frozen=True):
    """A command on its way."""

    due_ns: int
    request: int
    intent: Intent


class Turn(Struct, frozen=True):
    """What one command, or one look at the market, led to."""

    at_ns: int
    """When the command was there, or what was seen had been received."""
    sent: Sent | None
    answer: Answer | None
    events: list[Event]
    changes: Kept


class Exchange:
    """``tell`` is called with every turn that led to something. ``offset_ns``: what is added to
    CLOCK_MONOTONIC to have the venue's clock. ``kept``: the account of an earlier run."""

    def __init__(
        self,
        name: str,
        terms: Terms,
        offset_ns: int,
        tell: Callable[[Turn], None],
        kept: Kept | None = None,
    ) -> None:
        self.name, self._terms, self._tell = name, terms, tell
        self._offset_ns = offset_ns
        self._kept = kept
        self.engine = KeptEngine(
            first_order_id=kept.last_id + 1 if kept is not None else 1, keep_most=ENDED_KEPT
        )
        self.engine.open_account(name)
        self.engine.set_fees(name, terms.maker_r, terms.taker_r)
        self._floors: dict[str, Floor] = {}
        self._sent: deque[Sent] = deque()

    def begin(self, scales: Callable[[str], Instrument | None], now_ns: int) -> None:
        """Take up the account where it was, or pay in what it starts with. ``scales`` gives an
        instrument. ValueError: what was kept cannot be counted in its scale."""
        kept, wall_ns = self._kept, now_ns + self._offset_ns
        if kept is None:
            if self._terms.hedge:
                self.engine.set_hedge_mode(self.name, True, wall_ns)
            for asset, amount_m in self._terms.balances.items():
                self.engine.transfer(self.name, asset, amount_m, wall_ns)
            self._finish(now_ns)
            return
        gone = set()
        for symbol in sorted(kept.rules):
            instrument = scales(symbol)
            if instrument is None:  # off the list
                gone.add(symbol)
                self._list(kept.rules[symbol], kept)
                continue
            rules = self._rules(instrument)
            rescaled(kept, symbol, rules)
            self._list(rules, kept)
        self.engine.restore(self.name, kept)
        for symbol in sorted(gone):
            self.engine.leave(symbol, wall_ns)
        self._finish(now_ns)

    def _rules(self, instrument: Instrument) -> Rules:
        terms = self._terms
        return rules_of(instrument, terms.leverage, terms.most_leverage, terms.maintenance_r)

    def _list(self, rules: Rules, kept: Kept | None = None) -> "Floor":
        first = max(FIRST_TRADE_ID, kept.last_trade(rules.symbol) + 1 if kept is not None else 0)
        floor = Floor(self, ObservedMarket(self.engine, rules, first))
        self._floors[rules.symbol] = floor
        return floor

    def floor(self, instrument: Instrument) -> "Floor":
        """Where the instrument is traded; listed if this is the first time."""
        found = self._floors.get(instrument.symbol)
        return found if found is not None else self._list(self._rules(instrument))

    def relist(self, instrument: Instrument, now_ns: int) -> None:
        """The venue demands something else of orders now, or takes none and ends those it has."""
        if instrument.symbol not in self._floors:
            return
        self.engine.set_rules(self._rules(instrument))
        if instrument.status is Status.CLOSED:
            self.engine.end_orders(instrument.symbol, now_ns + self._offset_ns)
            self._finish(now_ns)

    def wanted(self) -> set[str]:
        """Symbols with a position or an order: their market must be watched."""
        engine = self.engine
        found = {order.symbol for order in engine.open_orders(self.name)}
        found |= {each.request.symbol for each in engine.open_conditionals(self.name)}
        return found | {view.symbol for view in engine.positions(self.name) if view.lots}

    # The way there

    def send(self, request: int, intent: Intent, now_ns: int) -> int:
        """A command leaves; when it is there."""
        sent = Sent(now_ns + 2 * self._terms.latency_ns, request, intent)
        self._sent.append(sent)
        return sent.due_ns

    @property
    def due_ns(self) -> int | None:
        """When something has to be done that no record of the market brings."""
        times = [self._sent[0].due_ns] if self._sent else []
        next_ns = self.engine.next_ns()
        if next_ns is not None:
            times.append(next_ns - self._offset_ns)
        return min(times, default=None)

    def step(self, now_ns: int) -> bool:
        """One thing that happens up to this time and that the market does not bring; False: there
        was none."""
        sent = self._sent
        if sent and sent[0].due_ns <= now_ns:
            self._advance(sent[0].due_ns)
            self._arrive(sent.popleft())
            return True
        self._advance(now_ns)
        return False

    def until(self, now_ns: int) -> None:
        """All of it."""
        while self.step(now_ns):
            pass

    def before(self, now_ns: int) -> None:
        """The same up to the moment before: what is due at it comes after the record of it."""
        self.until(now_ns - 1)

    def _advance(self, now_ns: int) -> None:
        next_ns = self.engine.next_ns()
        if next_ns is not None and next_ns <= now_ns + self._offset_ns:
            self.engine.advance(now_ns + self._offset_ns)
            self._finish(now_ns)

    def _arrive(self, sent: Sent) -> None:
        try:
            answer: Answer = self._execute(sent.intent, sent.due_ns + self._offset_ns)
        except (Refused, NoMarket) as why:
            answer = why
        self._finish(sent.due_ns, sent, answer)

    def _execute(self, intent: Intent, wall_ns: int) -> Answer:
        assert intent.instrument is not None
        engine, name, symbol = self.engine, self.name, intent.instrument.symbol
        floor = self.floor(intent.instrument)
        if intent.action in (Action.PLACE, Action.AMEND) and not floor.live:
            raise NoMarket(f"the book of {symbol} is not live")
        if intent.action is Action.PLACE:
            if intent.order_type.conditional:
                return engine.place_conditional(name, new_conditional(intent), wall_ns)
            return engine.place(name, new_order(intent), wall_ns)
        number, client_id = intent.order_id or 0, intent.client_order_id
        if intent.action is Action.AMEND:
            return engine.amend(name, amendment(intent), wall_ns)
        if intent.action is Action.CANCEL:
            if not intent.conditional:
                return engine.cancel(
                    name, symbol, wall_ns, order_id=number, client_id="" if number else client_id
                )
            return engine.cancel_conditional(
                name, wall_ns, algo_id=number, client_id="" if number else client_id
            )
        found = self.find(intent)
        if found is None:
            raise Refused(Reason.ORDER_NOT_FOUND)
        return found

    def find(self, intent: Intent) -> Order | Conditional | None:
        """The order that an intent names."""
        assert intent.instrument is not None
        number, client_id = intent.order_id or 0, intent.client_order_id
        if intent.conditional:
            return self.engine.conditional(self.name, algo_id=number, client_id=client_id)
        symbol = intent.instrument.symbol
        if symbol not in self.engine.market:
            return None
        return self.engine.order(self.name, symbol, order_id=number, client_id=client_id)

    # Told by the floors

    def seen(self, now_ns: int) -> None:
        """The market moved: follow up what that leads to."""
        if self.engine.unsettled:
            self.engine.settle(now_ns + self._offset_ns)
        self._finish(now_ns)

    def wall_ns(self, now_ns: int) -> int:
        """The venue's clock."""
        return now_ns + self._offset_ns

    def _finish(self, now_ns: int, sent: Sent | None = None, answer: Answer | None = None) -> None:
        events = self.engine.take_events()
        if events or sent is not None:
            changes = self.engine.changes(self.name, events)
            self._tell(Turn(now_ns, sent, answer, events, changes))


class Floor:
    """One instrument's market as an account sees it. Every call is told when the record was
    received, and never goes back in that."""

    def __init__(self, exchange: Exchange, market: ObservedMarket) -> None:
        self.exchange, self._market = exchange, market
        self.live = False
        """Whether the book is known: only then anything is matched."""
        self._bids: list[tuple[int, int]] = []
        self._asks: list[tuple[int, int]] = []
        """Parts of a message that is not whole yet."""
        self._funding = (0, 0)
        """When it is paid next, and at what rate."""

    @property
    def symbol(self) -> str:
        return self._market.matcher.rules.symbol

    def down(self, now_ns: int) -> None:
        """The book is not known any more: nothing is matched until `load`."""
        if self.live:
            self.exchange.before(now_ns)
            self.live = False

    def load(self, bids: Levels, asks: Levels, now_ns: int) -> Iterator[None]:
        """The whole book, in pieces; live from the end on. What is displayed and crosses orders
        that rest fills them."""
        self.exchange.before(now_ns)
        self.live = False
        self._bids, self._asks = [], []
        yield from self._market.loading(bids, asks, self.exchange.wall_ns(now_ns))
        self.live = True
        self.exchange.seen(now_ns)

    def delta(self, bids: Levels, asks: Levels, now_ns: int, *, more: bool = False) -> None:
        """Absolute quantities; ``more``: the message goes on, and counts when it is whole."""
        self._bids += bids
        self._asks += asks
        if more:
            return
        bids, asks, self._bids, self._asks = self._bids, self._asks, [], []
        if not self.live:
            return
        self.exchange.before(now_ns)
        self._market.change(bids, asks, self.exchange.wall_ns(now_ns))
        self.exchange.seen(now_ns)

    def trade(self, price_e: int, qty_e: int, buyer_is_maker: bool, now_ns: int) -> None:
        """A public trade."""
        if not self.live or qty_e <= 0:
            return
        self.exchange.before(now_ns)
        self._market.trade(price_e, qty_e, buyer_is_maker, self.exchange.wall_ns(now_ns))
        self.exchange.seen(now_ns)

    def mark(self, mark_e8: int, rate_r: int | None, next_funding_ns: int, now_ns: int) -> None:
        """The mark price, and what longs pay shorts at the venue's time ``next_funding_ns``."""
        exchange = self.exchange
        exchange.before(now_ns)
        wall_ns = exchange.wall_ns(now_ns)
        due_ns, due_r = self._funding
        if rate_r is not None and next_funding_ns:
            self._funding = (next_funding_ns, rate_r)
            if due_ns and next_funding_ns > due_ns:
                exchange.engine.fund(self.symbol, due_r, wall_ns)
        if self.live:
            self._market.mark(mark_e8, wall_ns)
        exchange.seen(now_ns)
