"""What the demo's strategy trades: both sides of the touch, one order a side, moved with it."""

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
VALID_MS = 2000
"""The demo also runs on machines with better things to do."""


class Maker:
    """Quotes these instruments until told to leave."""

    def __init__(self, session: TradingSession, instruments: Sequence[Instrument]) -> None:
        self._session = session
        self._pairs = {one: Pair(session, one) for one in instruments}

    def hear(self, event: Event) -> None:
        """Any event of the session."""
        pair = self._pairs.get(event.instrument)
        if pair is not None:
            pair.hear(event)

    def leave(self) -> None:
        """Cancel everything, and place nothing more; ``gone`` says when it is done."""
        for instrument in self._pairs:
            self._session.cancel_all(instrument)
        self._pairs.clear()

    @property
    def gone(self) -> bool:
        """Every command was answered, and no order is open."""
        return not self._session.waiting and not self._session.orders()


class Pair:
    """Both sides of one instrument, and what they bought and sold."""

    def __init__(self, session: TradingSession, instrument: Instrument) -> None:
        self._buy, self._sell = (Quote(session, instrument, side) for side in (Side.BUY, Side.SELL))
        self._orders_held = 0.0
        """What was bought less what was sold, in orders."""

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

    def __init__(self, session: TradingSession, instrument: Instrument, side: Side) -> None:
        self._session, self._instrument, self._side = session, instrument, side
        self._placed: Ticket | None = None
        """The command that made the order there is."""
        self._order: OrderReport | None = None
        """The last word on it."""
        self._asked: Ticket | None = None
        """The last command."""
        self._moves = 0
        self._next_ns = 0

    def aim(self, price: float | None) -> None:
        """Have an order at this price; None: have none."""
        session, order, now_ns = self._session, self._order, monotonic_ns()
        if now_ns < self._next_ns or self._asked in session.waiting:
            return
        if self._placed is None and price is not None:
            qty = lots_worth(self._instrument, price)
            self._asked = self._placed = session.place(
                self._instrument, self._side, qty, price, valid_for_ms=VALID_MS
            )
        elif order is None or price == order.price:
            return
        elif price is None or self._moves % ANEW == ANEW - 1:
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
