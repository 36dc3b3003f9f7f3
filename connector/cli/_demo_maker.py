"""What the demo's strategy trades: both sides of the touch, one order a side, moved with it.

It asks for no venue's name: whether orders can be amended, and how many requests there may be, is
what the session says of the account."""

import math
from collections.abc import Sequence
from decimal import Decimal

from connector import (
    Bbo,
    CommandAnswer,
    Event,
    Instrument,
    OrderReport,
    Result,
    Side,
    State,
    Ticket,
    TradingSession,
)
from connector.clock import monotonic_ns

WORTH = 200
"""Of an order, in the quote asset."""
MOST = 8
"""Orders' worth that may be held on one side."""
PAUSE_NS = 300_000_000
"""Between two commands for one order: the venue counts orders."""
ANEW = 4
"""Every so many moves an order is cancelled and placed anew instead of amended."""
KEPT = 0.25
"""Share of what the venue allows in a window that is left for the last cancels, and for whatever
else the daemon asks it."""
SPREAD = 3
"""What is left beside that is spread over a window divided by this: quick at first, then steady."""
LOOK_NS = 100_000_000
"""Between two looks at a budget that is used up."""
VALID_MS = 5000
"""The demo also runs on machines with better things to do."""


class Maker:
    """Quotes these instruments until told to leave."""

    def __init__(self, session: TradingSession, instruments: Sequence[Instrument]) -> None:
        self._session = session
        accounts = {exchange: name for name, exchange in session.exchanges.items()}
        paces = {name: Pace(session, name) for name in accounts.values()}
        self._pairs = {
            one: Pair(session, one, paces[accounts[one.exchange]])
            for one in instruments
            if one.exchange in accounts
        }
        self._leaving = False

    def hear(self, event: Event) -> None:
        """Any event of the session."""
        pair = self._pairs.get(event.instrument)
        if pair is not None and not (self._leaving and isinstance(event, Bbo)):
            pair.hear(event)

    def leave(self) -> None:
        """Cancel everything, and place nothing more; ``gone`` says when it is done."""
        for instrument in self._pairs:
            self._session.cancel_all(instrument)
        self._leaving = True

    @property
    def gone(self) -> bool:
        """Every command was answered, and no order is open, nor about to be: one that was accepted
        is told of after the answer."""
        session = self._session
        standing = any(pair.stands for pair in self._pairs.values())
        return not (standing or session.waiting or session.orders())


class Pace:
    """How fast commands for an account may follow each other, by what the venue still allows."""

    def __init__(self, session: TradingSession, account: str) -> None:
        self._session, self._account = session, account
        self.amends = session.amends(account)
        """Whether orders can be changed; else they are cancelled, and placed anew."""
        self._next_ns = 0

    def take(self, now_ns: int) -> bool:
        """Whether there may be another command now; then it is counted as given."""
        if now_ns < self._next_ns:
            return False
        pause_ns = self._pause_ns()
        self._next_ns = now_ns + (LOOK_NS if pause_ns is None else pause_ns)
        return pause_ns is not None

    def _pause_ns(self) -> int | None:
        """Between this one and the next; None: nothing may be spent now."""
        pause_ns = 0
        for one in self._session.budget(self._account, orders=True):
            free = one.left - one.limit * KEPT
            if free < 1:
                return None
            pause_ns = max(pause_ns, int(one.window_ns / (SPREAD * free)))
        return pause_ns


class Pair:
    """Both sides of one instrument, and what they bought and sold."""

    def __init__(self, session: TradingSession, instrument: Instrument, pace: Pace) -> None:
        self._buy, self._sell = (
            Quote(session, instrument, side, pace) for side in (Side.BUY, Side.SELL)
        )
        self._orders_held = 0.0
        """What was bought less what was sold, in orders."""

    @property
    def stands(self) -> bool:
        """Whether it has an order, or may have one."""
        return self._buy.stands or self._sell.stands

    def hear(self, event: Event) -> None:
        """Follow a new touch, and what becomes of the orders."""
        if isinstance(event, Bbo):
            live = event.state is State.LIVE
            self._buy.aim(event.bid_price if live and self._orders_held < MOST else None)
            self._sell.aim(event.ask_price if live and self._orders_held > -MOST else None)
        elif isinstance(event, OrderReport | CommandAnswer):
            self._buy.hear(event)
            self._sell.hear(event)
        if isinstance(event, OrderReport) and event.last_qty_e:
            part = event.last_qty_e / event.qty_e
            self._orders_held += part if event.side is Side.BUY else -part


class Quote:
    """One side of one instrument: at most one order."""

    def __init__(
        self, session: TradingSession, instrument: Instrument, side: Side, pace: Pace
    ) -> None:
        self._session, self._instrument, self._side = session, instrument, side
        self._pace = pace
        self._placed: Ticket | None = None
        """The command that made the order there is."""
        self._order: OrderReport | None = None
        """The last word on it."""
        self._asked: Ticket | None = None
        """The last command."""
        self._moves = 0
        self._next_ns = 0

    @property
    def stands(self) -> bool:
        """Whether there is an order, or may be one."""
        return self._placed is not None

    def aim(self, price: float | None) -> None:
        """Have an order at this price; None: have none."""
        session, order, now_ns = self._session, self._order, monotonic_ns()
        if now_ns < self._next_ns or self._asked in session.waiting:
            return
        if self._placed is None:
            wanted = price is not None
        else:
            wanted = order is not None and price != order.price
        if not wanted or not self._pace.take(now_ns):
            return
        if self._placed is None and price is not None:
            qty = lots_worth(self._instrument, price)
            self._asked = self._placed = session.place(
                self._instrument, self._side, qty, price, valid_for_ms=VALID_MS
            )
        elif price is None or not self._pace.amends or self._moves % ANEW == ANEW - 1:
            self._moves += 1
            self._asked = session.cancel(order)
        else:
            self._moves += 1
            self._asked = session.amend(order, price, valid_for_ms=VALID_MS)
        self._next_ns = now_ns + PAUSE_NS

    def hear(self, report: OrderReport | CommandAnswer) -> None:
        """What became of the order, or of the command that was to make it."""
        if self._placed is None or report.command != self._placed.number:
            return
        if isinstance(report, OrderReport):
            self._order, ended = report, report.ended
        else:
            ended = report.result is Result.REFUSED
        if ended:
            self._placed = self._order = None


def lots_worth(instrument: Instrument, price: float) -> Decimal:
    """The least quantity on the instrument's step that is worth an order."""
    told = instrument.to_dict()
    step = told["step"]
    # A contract that is not settled in what its price is in has its size in the quote asset.
    inverse = told["margin"] != told["quote"]
    unit = told["contract_size"] * (1 if inverse else Decimal(repr(price)))
    lots = math.ceil(WORTH / (unit * step))
    return Decimal(lots * step)
