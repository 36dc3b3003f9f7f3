"""Quote both sides of the touch of some instruments: examples/make_market.py SYMBOL=QUANTITY ...

One order a side, moved when the touch moves; none while the position is at its limit or the best
prices are not live. Ctrl-C cancels what is open. For the simulated venue: it earns nothing."""

import sys
import time

import connector
from connector import Bbo, CommandAnswer, OrderReport, Result, Side, State, TradingSession

MOST = 5  # quantities that may be held on one side
PAUSE_NS = 300_000_000  # between two commands for one order: the venue counts them


class Quote:
    """One side of one instrument: at most one order."""

    def __init__(self, session: TradingSession, symbol: str, side: Side, qty: str) -> None:
        self.session, self.symbol, self.side, self.qty = session, symbol, side, qty
        self.placed: connector.Ticket | None = None  # the command that made the order there is
        self.order: OrderReport | None = None  # the last word on it
        self.asked: connector.Ticket | None = None  # the last command
        self.next_ns = 0

    def aim(self, price: float | None) -> None:
        """Have an order at this price; None: have none."""
        if time.monotonic_ns() < self.next_ns or self.asked in self.session.waiting:
            return
        if self.placed is None and price is not None:
            self.placed = self.asked = self.session.place(self.symbol, self.side, self.qty, price)
        elif self.order is None or price == self.order.price:
            return
        elif price is None:
            self.asked = self.session.cancel(self.order)
        else:
            self.asked = self.session.amend(self.order, price)
        self.next_ns = time.monotonic_ns() + PAUSE_NS

    def hear(self, report: OrderReport | CommandAnswer) -> None:
        """What became of the order, or of the command that was to make it."""
        if self.placed is None or report.command != self.placed.number:
            return
        if isinstance(report, OrderReport):
            self.order, gone = report, report.ended
        else:
            gone = report.result is Result.REFUSED
        if gone:
            self.placed = self.order = None


class Maker:
    """Both sides of one instrument."""

    def __init__(self, session: TradingSession, symbol: str, qty: str) -> None:
        self.session, self.instrument = session, session.instruments[symbol]
        self.buy, self.sell = (Quote(session, symbol, side, qty) for side in (Side.BUY, Side.SELL))
        self.most_e = MOST * self.instrument.qty_e(qty)

    @property
    def position_e(self) -> int:
        """What was bought and not sold; negative: sold and not bought."""
        known = self.session.positions()
        return sum(one.own_qty_e for one in known if one.instrument is self.instrument)

    def hear(self, event: connector.Event) -> None:
        if isinstance(event, Bbo):
            live, held_e = event.state is State.LIVE, self.position_e
            self.buy.aim(event.bid_price if live and held_e < self.most_e else None)
            self.sell.aim(event.ask_price if live and held_e > -self.most_e else None)
        elif isinstance(event, OrderReport | CommandAnswer):
            self.buy.hear(event)
            self.sell.hear(event)
        if isinstance(event, OrderReport) and event.last_qty_e and not event.foreign:
            position = self.position_e / 10**self.instrument.qty_exponent
            what = f"{event.side.name} {event.last_qty:g} {self.instrument.symbol}"
            print(f"{what} at {event.last_price:.12g}, position {position:g}", flush=True)


def make(session: TradingSession, sizes: dict[str, str]) -> None:
    """Quote until the daemon is gone, or Ctrl-C."""
    makers = {session.instruments[one]: Maker(session, one, qty) for one, qty in sizes.items()}
    for instrument in makers:
        session.cancel_all(instrument)  # whatever an earlier run left
    while True:
        event = session.wait()
        # Before it has caught up, a session does not know how things stand.
        if session.caught_up and event is not None and event.instrument in makers:
            makers[event.instrument].hear(event)


def leave(session: TradingSession, sizes: dict[str, str]) -> None:
    """Cancel what is open, and wait until the venue has said so."""
    for _ in range(2):  # that an order was accepted is told before the order is
        for symbol in sizes:
            session.cancel_all(symbol)
        while session.waiting or any(not order.foreign for order in session.orders()):
            session.wait()


def main(sizes: dict[str, str]) -> None:
    with connector.attach("maker", trading=True, patience=10) as session:
        while True:
            try:
                make(session, sizes)
            except connector.EpochChanged:
                print("the daemon is gone; waiting for the next one", flush=True)
                session.reattach(patience=60)
            except KeyboardInterrupt:
                return leave(session, sizes)


if __name__ == "__main__":
    if len(sys.argv) < 2 or not all("=" in word for word in sys.argv[1:]):
        sys.exit(__doc__)
    try:
        main(dict(word.split("=", 1) for word in sys.argv[1:]))
    except connector.ConnectorError as error:
        sys.exit(str(error))
