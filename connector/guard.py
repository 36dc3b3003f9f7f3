"""An account's countdown at its venue: the running side of ``trading.countdown``."""

import logging
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Protocol

from connector.clock import monotonic_ns
from connector.errors import VenueError
from connector.model.counters import Counter
from connector.model.instrument import Instrument
from connector.model.order import Order
from connector.trading.countdown import Countdown
from connector.venues.contract import Request

log = logging.getLogger("connector.countdown")

SECOND_NS = 1_000_000_000


class Owner(Protocol):
    """The account."""

    name: str

    async def signed(self, request: Request) -> bytes: ...
    def open_orders(self) -> list[Order]:
        """Own and foreign ones."""

    def start(self, work: Coroutine[Any, Any, None], name: str) -> bool:
        """Run it beside everything else; False: the account does not run."""

    def count(self, counter: Counter) -> None: ...


class Guard:
    """Keeps the venue's countdown armed, ``after_s`` long, while own orders are open.

    ``request`` is ``Trading.countdown``."""

    def __init__(
        self, owner: Owner, request: Callable[[Instrument, int], Request], after_s: float
    ) -> None:
        self._owner, self._request = owner, request
        after_ns = int(after_s * SECOND_NS)
        self._countdown = Countdown(owner.name, after_ns, self._send, self._busy, owner.count)
        self.allow = self._countdown.guard
        self.tick = self._countdown.tick
        self.state = self._countdown.state

    def found(self) -> None:
        """Own orders may be open that nobody placed in this run."""
        self._countdown.found(self._busy())

    async def disarm(self) -> None:
        """For the end: what is open from here on is meant to stay. Raises VenueError for the first
        countdown that could not be stopped; nothing is armed again."""
        for instrument in self._countdown.close():
            await self._owner.signed(self._request(instrument, 0))

    def _busy(self) -> Iterator[Instrument]:
        return (order.instrument for order in self._owner.open_orders() if order.strategy)

    def _send(self, instrument: Instrument, ms: int) -> None:
        if not self._owner.start(self._ask(instrument, ms), f"countdown {instrument.symbol}"):
            self._countdown.answered(instrument, ms, "the account is not served", monotonic_ns())

    async def _ask(self, instrument: Instrument, ms: int) -> None:
        fault = "given up"
        try:
            await self._owner.signed(self._request(instrument, ms))
            fault = ""
        except VenueError as error:
            fault = str(error)
        finally:
            self._countdown.answered(instrument, ms, fault, monotonic_ns())
