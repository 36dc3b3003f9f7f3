"""The ordered end of the order side: DRAIN, CANCEL, VERIFY.

New orders are refused, the orders that no policy leaves are cancelled, and the venue is asked
whether any of them is still open. Positions stay: an end that was asked for is nobody's death."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from connector.clock import monotonic_ns
from connector.desk import Desk
from connector.errors import VenueError
from connector.model.order import Order
from connector.model.policies import OnDeath
from connector.trading.deadman import DeadMan, Policy
from connector.trading.roles import Account
from connector.venues.trading_contract import OrderEvent

log = logging.getLogger("connector.shutdown")

SECOND_NS = 1_000_000_000
LOOK_S = 0.01
"""Between looks at what is still open."""
ASK_S = 0.5
"""Between attempts to ask a venue that does not answer."""


class Listing(Account, Protocol):
    """An account that can be asked for all its open orders."""

    async def list_orders(self) -> Sequence[OrderEvent]:
        """Ask now; the desk is told. Raises VenueError, ValueError, RecursionError."""

    async def disarm(self) -> None:
        """Stop the venue's countdowns: what is open is meant to stay. Raises VenueError."""


class Shutdown:
    """One end, run once, while everything still serves.

    ``policy`` gives what is configured for a strategy."""

    def __init__(
        self,
        desk: Desk,
        dead_man: DeadMan,
        accounts: Sequence[Listing],
        policy: Callable[[str], Policy],
    ) -> None:
        self._desk, self._dead_man = desk, dead_man
        self._accounts, self._policy = accounts, policy
        self._hurry = asyncio.Event()
        self._until_ns = 0

    def hurry(self) -> None:
        """Wait for nothing any more; what was sent is sent."""
        self._hurry.set()

    async def run(self, limit_s: float) -> list[str]:
        """What is left open or not verified after at most so long, a line each; empty: nothing."""
        self._until_ns = monotonic_ns() + int(limit_s * SECOND_NS)
        self._desk.admission.draining = True
        log.info("draining: new orders are refused", extra={"cancelling": len(self._open())})
        unverified: set[int] = set()
        while True:
            still = self._open()
            unverified |= {order.account for order in still}
            self._dead_man.cancel(still, "shutdown")
            if self._over or not unverified:
                break
            if still:
                await self._wait(LOOK_S)
                continue
            for index in sorted(unverified):
                if await self._verified(self._accounts[index]):
                    unverified.discard(index)
            if unverified:
                await self._wait(ASK_S)
        for account in self._accounts:
            if account.index not in unverified:  # else the countdown does what we could not
                await self._disarm(account)
        faults = [self._told(order) for order in self._open()]
        mute = unverified - {order.account for order in self._open()}
        faults += [f"account {self._accounts[one].name}: not verified" for one in sorted(mute)]
        return faults

    @property
    def _over(self) -> bool:
        return self._hurry.is_set() or monotonic_ns() >= self._until_ns

    def _mine(self, order: Order | None) -> bool:
        """An order that no policy leaves."""
        return (
            order is not None
            and not order.foreign
            and self._policy(order.strategy).on_death is not OnDeath.LEAVE
        )

    def _open(self) -> list[Order]:
        """Own orders that are, or may be, open and that no policy leaves."""
        return [
            order
            for account in self._accounts
            for order in self._desk.tracker.orders.open_of(account.index)
            if self._mine(order)
        ]

    async def _verified(self, account: Listing) -> bool:
        """Whether the venue's list of open orders has none of them."""
        asking = asyncio.ensure_future(account.list_orders())
        await self._first(asking)
        try:
            events = asking.result()
        except asyncio.CancelledError:  # by us: the time is over
            return False
        except (VenueError, ValueError, RecursionError) as error:
            log.warning("no list of open orders: %s", error, extra={"account": account.name})
            return False
        find = self._desk.tracker.orders.find
        there = [event for event in events if self._mine(find(account.index, event))]
        for event in there:
            log.error(
                "an order is still open",
                extra={"account": account.name, "client_order_id": event.client_order_id},
            )
        return not there

    async def _disarm(self, account: Listing) -> None:
        stopping = asyncio.ensure_future(account.disarm())
        await self._first(stopping)
        error = asyncio.CancelledError() if stopping.cancelled() else stopping.exception()
        if error is not None:
            log.error(
                "a countdown was not stopped: the venue will cancel what is left: %r",
                error,
                extra={"account": account.name},
            )

    async def _wait(self, seconds: float) -> None:
        await self._first(asyncio.sleep(seconds))

    async def _first(self, what: Awaitable[object]) -> None:
        """Until it is done, the time is over or somebody is in a hurry."""
        task, hurry = asyncio.ensure_future(what), asyncio.ensure_future(self._hurry.wait())
        left_s = max(0, self._until_ns - monotonic_ns()) / SECOND_NS
        try:
            await asyncio.wait({task, hurry}, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            hurry.cancel()
            task.cancel()
            await asyncio.gather(task, hurry, return_exceptions=True)

    def _told(self, order: Order) -> str:
        name = order.client_order_id or order.order_id or order.venue_order_id
        where = f"account {self._accounts[order.account].name}: {order.instrument.symbol}"
        return f"{where} {name} of {order.strategy}: {order.status.name}"
