"""What an account's private stream may have kept back, asked for: at every start of the stream,
whenever somebody doubts, and now and then while own orders are open."""

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Sequence
from typing import Protocol

from connector.clock import monotonic_ns
from connector.desk import Desk
from connector.errors import Throttled, VenueError
from connector.model.counters import Counter
from connector.model.instrument import Instrument
from connector.model.order import Order
from connector.protocol.backoff import Backoff
from connector.trading.clock import VenueClock
from connector.trading.positions import asked_at
from connector.trading.roles import Account
from connector.transport.rest import Rest
from connector.venues.contract import Pool, Request
from connector.venues.trading_contract import (
    BalanceEvent,
    Lookups,
    OrderEvent,
    PositionEvent,
    Trading,
)

log = logging.getLogger("connector.accounts")

SECOND_NS = 1_000_000_000
FILLS = 1000
"""Fills asked for at once."""
FILLS_BACK_NS = 600 * SECOND_NS
"""How far before an order's registration its fills are looked for: clocks differ, fills do not
come before orders."""
SHARE = 0.5
"""Of the address's weight that looking without need may use up."""
FEES_SHARE = 0.25
"""The same for fees that are still owed: nothing else waits for them, and they may be many."""
FEES_AT_ONCE = 8
"""Questions for owed fees that are under way."""
PATIENCE_S = 1.0
"""Until weight for a doubt is looked for again."""
SETTLE_S = 0.5
"""Between a list and its comparison: the stream may be on its way with the same news."""
FAULTS = (VenueError, ValueError, RecursionError)

Answers = dict[Request, tuple[int, list[bytes]]]
"""What was asked in one look: when, CLOCK_MONOTONIC, and the pages that came. One answer may hold
positions and balances, too."""


class Asked(Protocol):
    """Who asks for an account."""

    trading: Trading

    async def signed(self, request: Request) -> bytes:
        """The body of the answer to a request that needs the key. Raises VenueError."""


class Owner(Account, Asked, Protocol):
    """The account."""

    desk: Desk

    def open_orders(self) -> list[Order]:
        """Own and foreign ones."""

    def affordable(self, weight: int, share: float) -> bool:
        """Whether so much weight leaves the rest of the address's to others."""

    def limited(self, pools: Sequence[Pool]) -> None:
        """The venue states these limits for the account."""

    def instruments(self) -> Sequence[Instrument]:
        """Those it may have something in."""

    def epoch(self) -> int:
        """The private stream that is up, by number; 0: none is."""

    def found(self, epoch: int, open_orders: int) -> None:
        """Everything was asked for, beginning under that stream."""

    def count(self, counter: Counter) -> None: ...


class Reconciler:
    """Runs until cancelled. ``every_s``: between looks without a reason; 0: never."""

    def __init__(self, owner: Owner, every_s: float) -> None:
        self._owner, self._every_s = owner, every_s
        self._wanted, self._needed = asyncio.Event(), asyncio.Event()
        self._fees_asked = 0

    def want(self) -> None:
        """As soon as possible."""
        self._needed.set()
        self._wanted.set()

    def doubt(self) -> None:
        """Soon: an answer does not fit what is known. Many may not, one a cancel that comes too
        late; a look at everything is dear, and half of the weight is for others."""
        self._wanted.set()

    async def run(self) -> None:
        backoff = Backoff(SECOND_NS // 2, 30 * SECOND_NS, random.random, SECOND_NS // 8)
        while True:
            if not await self._asked_for():
                await self._look()
                continue
            if not self._needed.is_set() and not self._affordable():
                self._owner.count(Counter.RECONCILE_SKIPPED)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(PATIENCE_S):
                        await self._needed.wait()
                continue
            self._wanted.clear()
            self._needed.clear()
            try:
                await self._everything()
            except FAULTS as error:
                log.warning("cannot reconcile: %s", error, extra={"account": self._owner.name})
                self.want()
                await after(error, backoff)
            else:
                backoff.reset()

    async def _asked_for(self) -> bool:
        """Wait; False: nobody asked, it is time to look."""
        patience_s = self._every_s * (0.8 + 0.4 * random.random()) or None
        try:
            async with asyncio.timeout(patience_s):
                return await self._wanted.wait()
        except TimeoutError:
            return False

    async def _everything(self) -> None:
        owner = self._owner
        lookups, epoch = owner.trading.lookups, owner.epoch()
        if lookups.limits is not None and lookups.limit_pools is not None:
            owner.limited(lookups.limit_pools(await owner.signed(lookups.limits())))
        sure = {order.key for order in owner.open_orders() if order.submitted}
        listed = await self.orders()
        there = self._there(listed)
        for order in owner.open_orders():
            if order.key in sure - there:  # it ended meanwhile, or the venue forgot it
                more = {"account": owner.name, "client_order_id": order.client_order_id}
                log.info("not among the venue's open orders: it is asked for", extra=more)
        answers: Answers = {}
        await self.positions(answers)
        self._balances(*await self._asked_balances(answers))
        if lookups.config is not None and lookups.config_event is not None:
            config = lookups.config_event(await owner.signed(lookups.config()))
            owner.desk.account_event(owner, config)
        owner.found(epoch, len(listed))

    def _affordable(self) -> bool:
        """Whether a look at everything leaves enough weight to others."""
        lookups, about = self._owner.trading.lookups, self._owner.instruments()
        each = (lookups.open_orders(about), lookups.positions(about), lookups.balances(about))
        requests = {request for several in each for request in several}
        return self._owner.affordable(sum(request.weight for request in requests), SHARE)

    # Now and then

    async def _look(self) -> None:
        """Compare while own orders are open; what differs is counted, logged and mended."""
        owner = self._owner
        if not owner.ready or not any(order.strategy for order in owner.open_orders()):
            return
        if not self._affordable():
            owner.count(Counter.RECONCILE_SKIPPED)
            return
        epoch, asked_ns = owner.epoch(), monotonic_ns()
        sure = {order.key for order in owner.open_orders() if order.submitted}
        try:
            rows = await self._rows()
            answers: Answers = {}
            positions = await self._asked_positions(answers)
            balances, _ = await self._asked_balances(answers)
        except FAULTS as error:
            log.warning("cannot compare: %s", error, extra={"account": owner.name})
            return
        await asyncio.sleep(SETTLE_S)
        if epoch != owner.epoch() or self._wanted.is_set():
            return  # everything is asked for anyway
        desk = owner.desk
        there = self._there(rows)
        for order in owner.open_orders():
            if order.key in sure - there:
                self._differs("order", order.client_order_id, "open here, not at the venue")
        self._compare("order", self._known_orders, lambda: self._told(rows, asked_ns))
        held = {(one.symbol, one.position_side.name): one.qty_e for one in positions if one.qty_e}
        if held != self._known_positions():
            self._compare(
                "position",
                self._known_positions,
                lambda: desk.positions_listed(owner, positions, owner.venue_ns(asked_ns)),
            )
        self._compare(
            "balance",
            self._known_balances,
            lambda: self._balances(balances, asked_ns),
        )
        owner.count(Counter.RECONCILED)

    def _there(self, rows: Sequence[OrderEvent]) -> set[int]:
        """Keys of the orders that the venue lists."""
        owner, orders = self._owner, self._owner.desk.tracker.orders
        return {order.key for row in rows if (order := orders.find(owner.index, row))}

    def _compare(
        self, kind: str, known: Callable[[], dict[Hashable, object]], tell: Callable[[], object]
    ) -> None:
        before = known()
        tell()
        now = known()
        for name in before | now:
            if before.get(name) != now.get(name):
                self._differs(kind, name, f"was {before.get(name)}, is {now.get(name)}")

    def _differs(self, kind: str, name: object, how: str) -> None:
        self._owner.count(Counter.RECONCILE_FIXED)
        more = {"account": self._owner.name}
        log.warning("not told by the stream: %s %s: %s", kind, name, how, extra=more)

    def _known_orders(self) -> dict[Hashable, object]:
        return {
            order.key: (order.status.name, order.filled_qty_e, order.price_e, order.qty_e)
            for order in self._owner.open_orders()
        }

    def _known_positions(self) -> dict[Hashable, object]:
        return {
            (one.symbol, one.position_side.name): one.qty_e
            for one in self._owner.desk.positions.account(self._owner.index)
            if one.qty_e
        }

    def _known_balances(self) -> dict[Hashable, object]:
        """What is free of them changes with every order, and no stream tells of it."""
        found = self._owner.desk.positions.balances(self._owner.index)
        return {one.asset: one.wallet_e for one in found}

    def _balances(self, events: Sequence[BalanceEvent], asked_ns: int) -> None:
        venue_ns = self._owner.venue_ns(asked_ns)
        for event in events:
            self._owner.desk.account_event(self._owner, asked_at(event, venue_ns))

    # Parts

    async def orders(self) -> Sequence[OrderEvent]:
        """All open orders, of anybody; the desk is told. Raises what ``FAULTS`` are."""
        asked_ns = monotonic_ns()
        rows = await self._rows()
        self._told(rows, asked_ns)
        return rows

    async def _rows(self) -> list[OrderEvent]:
        owner, rows = self._owner, list[OrderEvent]()
        for request in owner.trading.lookups.open_orders(owner.instruments()):
            async for body in pages(owner, request):
                rows += owner.trading.lookups.order_events(body, owner.scales)
        return rows

    def _told(self, rows: Sequence[OrderEvent], asked_ns: int) -> None:
        desk = self._owner.desk
        for row in rows:
            desk.order_event(self._owner, row, asked_ns)
        desk.listed(self._owner, rows, asked_ns)

    async def positions(self, answers: Answers | None = None) -> Sequence[PositionEvent]:
        """All positions; the desk is told. Raises what ``FAULTS`` are."""
        owner, asked_ns = self._owner, monotonic_ns()
        found = await self._asked_positions({} if answers is None else answers)
        owner.desk.positions_listed(owner, found, owner.venue_ns(asked_ns))
        return found

    async def _asked_positions(self, answers: Answers) -> list[PositionEvent]:
        owner, found = self._owner, list[PositionEvent]()
        for request in owner.trading.lookups.positions(owner.instruments()):
            for body in await self._bodies(request, answers):
                found += owner.trading.lookups.position_events(body, owner.scales)
        return found

    async def _asked_balances(self, answers: Answers) -> tuple[list[BalanceEvent], int]:
        """All balances, and when the first question about them left, CLOCK_MONOTONIC."""
        owner, found, asked_ns = self._owner, list[BalanceEvent](), monotonic_ns()
        for request in owner.trading.lookups.balances(owner.instruments()):
            for body in await self._bodies(request, answers):
                found += owner.trading.lookups.balance_events(body)
            asked_ns = min(asked_ns, answers[request][0])
        return found, asked_ns

    async def _bodies(self, request: Request, answers: Answers) -> list[bytes]:
        """The pages of an answer; what was asked for already is not asked for again."""
        if request not in answers:
            asked_ns = monotonic_ns()
            answers[request] = asked_ns, [body async for body in pages(self._owner, request)]
        return answers[request][1]

    async def fees(self, order: Order) -> None:
        """The fills of an order whose fees are owed, unless that takes from others; the desk is
        told."""
        if self._fees_asked >= FEES_AT_ONCE:
            return  # the tracker asks again
        self._fees_asked += 1
        try:
            await self.fills(order, spare=True)
        finally:
            self._fees_asked -= 1

    async def fills(self, order: Order, spare: bool = False) -> None:
        """The fills of an order; the desk is told. Those of orders nobody knows any more were told
        by an earlier run: they must not come back as somebody else's.

        ``spare``: only if affordable, and with the instrument's other fills of the time, unless
        that is an earlier run's: what a fee is owed for is known, and one whose fee is known shows
        how the list writes fees."""
        owner, now_ns = self._owner, monotonic_ns()
        age_ns = now_ns - order.created_ns + FILLS_BACK_NS
        lookups = owner.trading.lookups
        since_ns = owner.venue_ns(now_ns) - age_ns
        name = order.order_id or order.venue_order_id or None
        order_id = None if spare and not order.restored else name
        request = lookups.fills(order.instrument, order_id, since_ns, FILLS)
        if spare and not owner.affordable(request.weight, FEES_SHARE):
            return  # the tracker asks again
        try:
            events = lookups.fill_events(await owner.signed(request), owner.scales)
        except FAULTS as error:
            log.warning("no fills: %s", error, extra={"account": owner.name})
            return  # the tracker asks again
        for event in events:
            if owner.desk.tracker.orders.find(owner.index, event) is not None:
                owner.desk.order_event(owner, event, now_ns)


async def pages(owner: Asked, request: Request) -> AsyncIterator[bytes]:
    """The answers to a request and to those that go on with its list. Raises what ``FAULTS``
    are."""
    following: Request | None = request
    while following is not None:
        body = await owner.signed(following)
        yield body
        goes_on = owner.trading.lookups.next_page
        following = goes_on(following, body) if goes_on is not None else None


async def after(error: Exception, backoff: Backoff) -> None:
    """Wait before something that failed is tried again, at least as long as the venue wants."""
    retry_ns = error.retry_ns - monotonic_ns() if isinstance(error, Throttled) else 0
    await asyncio.sleep(max(backoff.next_ns(), retry_ns) / SECOND_NS)


async def look_at_clock(
    rest: Rest, lookups: Lookups, clock: VenueClock, name: str, looks: int
) -> None:
    """Measure the venue's clock so many times; one that is known serves on when that fails."""
    backoff = Backoff(SECOND_NS, 30 * SECOND_NS, random.random, SECOND_NS // 4)
    while looks:
        sent_ns = monotonic_ns()
        try:
            venue_ns = lookups.server_ns(await rest.ask(lookups.time()))
            clock.heard(sent_ns, monotonic_ns(), venue_ns)
        except FAULTS as error:
            if clock.known:
                return  # the old offset serves until the next look
            log.warning("no time of the venue: %s", error, extra={"account": name})
            await after(error, backoff)
            continue
        looks -= 1


async def keep_clock(look: Callable[[int], Awaitable[None]], every_s: float) -> None:
    """Look at it about that often, until cancelled."""
    while True:
        await asyncio.sleep(every_s * (0.8 + 0.4 * random.random()))
        await look(1)
