"""One account's running side: its key, its clock, its private stream, its way to the venue.

Decides nothing about orders: what it hears goes to the desk, what the desk wants it sends."""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Any

from connector._speedups.bell import Bell
from connector._speedups.segment import Segment
from connector._speedups.states import AccountState
from connector.budget_board import BudgetBoard
from connector.clock import monotonic_ns, wall_ns
from connector.config import SecretRef, VenueSettings
from connector.config_trading import AccountSettings
from connector.desk import Desk
from connector.ear import Ear
from connector.errors import ConfigError
from connector.flights import PRIORITY, Flights, Flying
from connector.guard import Guard
from connector.model.counters import Counter
from connector.model.instrument import Instrument
from connector.model.intents import Action
from connector.model.order import Order
from connector.model.reports import Code, Field
from connector.private import Sockets
from connector.private_talk import stream_of
from connector.protocol.ratelimit import RollingWindow
from connector.reconcile import FAULTS, Reconciler, keep_clock, look_at_clock
from connector.seeking import Seeker
from connector.trading.budget import OrderBudget
from connector.trading.clock import VenueClock
from connector.trading.commands import Command, Refusal
from connector.trading.encoding import Encoding
from connector.trading.roles import Account, Listed
from connector.transport.calls import Called, perform
from connector.transport.order_pool import OrderPool, Priority
from connector.transport.order_socket import OrderSocket, next_number
from connector.transport.rest import Rest
from connector.venues.contract import Endpoint, Outcome, Pool, Request, Scales, Venue
from connector.venues.trading_contract import (
    ApiRequest,
    Encoded,
    Intent,
    Message,
    OrderAnswer,
    OrderEvent,
    OrderOutcome,
    PositionEvent,
    Trading,
    Transport,
)

log = logging.getLogger("connector.accounts")

SECOND_NS = 1_000_000_000
FIRST_LOOKS = 5
"""Round trips measured before the first signature."""
ORDERS_SHARE = 0.9
"""Of the address's weight that new orders may use up; the rest is for cancels and questions."""


class AccountService(AccountState):
    """One account, running until cancelled; it may be run again. Implements
    ``trading.roles.Account``.

    ``scales`` gives every instrument of the venue, ``served`` those in the directory; ``rest`` is
    the venue's door under the budget of this address. ``desk`` must be set before anything runs."""

    def __init__(
        self,
        index: int,
        name: str,
        settings: AccountSettings,
        venue: Venue,
        venue_index: int,
        venue_settings: VenueSettings,
        segment: Segment,
        bell: Bell,
        rest: Rest,
        context: ssl.SSLContext | None,
        gate: RollingWindow,
        scales: Scales,
        served: Callable[[], Iterable[Instrument]],
    ) -> None:
        assert venue.trading is not None
        self.index, self.name, self.venue = index, name, venue_index
        self.trading: Trading = venue.trading
        self.strategies = frozenset(settings.strategies)
        self.foreign_to = frozenset(settings.foreign_to)
        self.settings = settings
        key = SecretRef.parse(settings.key).read().reveal().decode()
        secret = SecretRef.parse(settings.secret).read().reveal() if settings.secret else b""
        kind = settings.kind or self.trading.key_kinds[0]
        try:
            self.signer = self.trading.signer(key, secret, kind)
        except ValueError as error:
            raise ConfigError(f"accounts.{name}: {error}") from None
        self.scales, self._served = scales, served
        self.clock = VenueClock(wall_ns() - monotonic_ns())
        self.desk: Desk
        self._venue, self._venue_settings, self._context = venue, venue_settings, context
        self._segment, self.rest, self._bell, self._gate = segment, rest, bell, gate
        self.budget = OrderBudget(self.trading.pools, lambda: rest.pools)
        self.flights = Flights(self, self.budget, venue.used, segment)
        self.board = BudgetBoard(segment, venue_index, index)
        self._next_ask = -1
        self._reconciler = Reconciler(self, settings.reconcile_s)
        self._seeker = Seeker(self)
        self.ear = Ear(self, segment, self._reconciler.want)
        self._tasks: set[asyncio.Task[None]] = set()
        self.reconciled = False
        """Only while the private stream is up: whatever takes it down sets it back."""
        self.running = False
        self._guard: Guard | None = None
        if self.trading.countdown is not None and settings.guarded_s:
            self._guard = Guard(self, self.trading.countdown, settings.guarded_s)
        self._streams = 0
        """How many private streams began: what is asked under one proves nothing for the next."""
        self._begin()

    def _begin(self) -> None:
        """New connections: the old ones ended with what held them."""
        self.pool = OrderPool(
            self._venue.rest_url,
            self._context,
            self.flights,
            connections=self.settings.connections,
            timeout_s=self._venue_settings.request_s,
            local_address=self._venue_settings.local_address,
        )
        self.socket = self._order_socket()
        trading, make, api = self.trading, self.trading.encoder, self.trading.api
        encoder = make(self.signer, self.pool.host, self.pool.prefix) if make is not None else None
        self.encoding = self._over_http = Encoding(encoder, trading.charges, self.count)
        if self.socket is not None and api is not None:
            encoder = api.encoder(self.signer) if api.encoder is not None else None
            self.encoding = Encoding(encoder, trading.charges, self.count, next_number)
        self._sockets = Sockets(
            self._venue, self._venue_settings, self._segment, self._bell, self._context, self._gate
        )
        self._private = stream_of(self, self._sockets)

    def _order_socket(self) -> OrderSocket | None:
        api, settings = self.trading.api, self._venue_settings
        if self.settings.transport is not Transport.WS_API or api is None:
            return None
        return OrderSocket(
            self.name,
            api,
            self.signer,
            self._context,
            self.flights,
            segment=self._segment,
            bell=self._bell,
            gate=self._gate,
            venue_ns=self.venue_ns,
            spend=self._spend,
            admit=self._admit_ns,
            connect_s=settings.connect_s,
            timeout_s=settings.request_s,
            life_ns=int(settings.connection_life_s * SECOND_NS),
            local_address=settings.local_address,
        )

    # trading.roles.Account

    @property
    def ready(self) -> bool:
        """New orders may go out: connected both ways, the clock known, everything reconciled."""
        return (
            self.reconciled
            and self._private.up
            and self.clock.known
            and self.pool.open > 0
            and (self.socket is None or self.socket.open > 0)
        )

    def venue_ns(self, now_ns: int) -> int:
        return self.clock.venue_ns(now_ns)

    def encode(self, intent: Intent, now_ns: int) -> Message:
        """The signed request. Over the WebSocket order API if the account uses it, it serves and
        it has such a request; else over HTTP. Raises CannotEncode."""
        venue_ns, socket, api = self.venue_ns(now_ns), self.socket, self.trading.api
        if socket is not None and socket.open and api is not None:
            asked = api.encode(intent, self.signer, venue_ns, next_number(), socket.logged_on)
            if asked is not None:
                return asked
        return self.trading.encode(intent, self.signer, venue_ns)

    def encoded(
        self, command: Command, listed: Listed, order: Order, now_ns: int
    ) -> Message | None:
        down = self.socket is not None and not self.socket.open
        encoding = self._over_http if down else self.encoding
        return encoding.order(command, listed, order, self.venue_ns(now_ns))

    def afford(self, action: Action, message: Message) -> None:
        """Raises Refusal when the venue's limits do not allow it now."""
        now_ns = monotonic_ns()
        short = self.budget.shortage(message, action, now_ns, self.venue_ns(now_ns))
        if short is not None:
            wait_s = (short.retry_ns - now_ns) / SECOND_NS
            text = f"{short.pool}: used up, again in {wait_s:.1f} s"
            raise Refusal(Code.RATE_BUDGET, Field.RATE_BUDGET, text, short.used, short.limit)

    def guard(self, instrument: Instrument, now_ns: int) -> None:
        """Raises Refusal while the venue's countdown, where it is wanted, cannot be armed."""
        if self._guard is not None:
            self._guard.allow(instrument, now_ns)

    def post(self, request: int, action: Action, message: Message) -> None:
        self._send(request, PRIORITY[action], message, Flying(action))
        self.board.spend(message.orders)

    def short(self) -> bool:
        """Nothing is to be done about a new order but to send it."""
        return self._guard is None

    def encode_batch(self, intents: Sequence[Intent], now_ns: int) -> Message:
        """Over HTTP, whatever else the account uses: order APIs have no batches."""
        assert self.trading.batches is not None
        return self.trading.batches.encode(intents, self.signer, self.venue_ns(now_ns))

    def post_batch(self, requests: Sequence[int], action: Action, message: Message) -> None:
        flying = Flying(action, batch=tuple(requests))
        self._send(requests[0], PRIORITY[action], message, flying)
        self.board.spend(message.orders)

    def ask(self, order: Order) -> None:
        """Query one order; the answer goes to the desk. A question must not use up what is left of
        the venue's limits for cancels: without room it is asked again later."""
        intent = Intent(
            action=Action.QUERY,
            instrument=order.instrument,
            client_order_id=order.client_order_id,
            order_id=order.conditional_id if order.conditional else order.order_id,
            venue_order_id=order.venue_order_id,
            conditional=order.conditional,
        )
        if not self.running or not self.clock.known:
            return  # asked again later
        if self._seeker.serves(order):
            self._start(self._seeker.seek(order), "seek")
            return
        now_ns = monotonic_ns()
        message = self.encode(intent, now_ns)
        if self.budget.shortage(message, Action.QUERY, now_ns, self.venue_ns(now_ns)) is not None:
            return
        number, self._next_ask = self._next_ask, self._next_ask - 1
        self._send(number, Priority.QUERY, message, Flying(Action.QUERY, order, now_ns))

    def spare(self, request: Request) -> bool:
        """Whether a question leaves enough to cancels."""
        now_ns = monotonic_ns()
        return self.budget.shortage(request, Action.QUERY, now_ns, self.venue_ns(now_ns)) is None

    def ask_fills(self, order: Order, spare: bool = False) -> None:
        if self.running:
            reconciler = self._reconciler
            self._start(reconciler.fees(order) if spare else reconciler.fills(order), "fills")

    def ask_positions(
        self, then: Callable[[Account, Sequence[PositionEvent] | None], None]
    ) -> None:
        async def ask() -> None:
            try:
                found = await self._reconciler.positions()
            except FAULTS as error:
                log.warning("no positions: %s", error, extra={"account": self.name})
                found = None
            then(self, found)

        if self.running:
            self._start(ask(), "positions")
        else:
            then(self, None)

    def gap(self, why: str) -> None:
        """The stream keeps something back: a new key, a new socket, and everything asked."""
        log.warning("private stream: %s", why, extra={"account": self.name})
        self.count(Counter.STREAM_GAPS)
        self.reconciled = False
        self.desk.stream_down(self)
        self._private.renew()

    # What answers mean for everything else

    def heed(self, answer: OrderAnswer, flying: Flying) -> None:
        """The answer to this request may mean more than its order."""
        if answer.outcome in (OrderOutcome.THROTTLED, OrderOutcome.BANNED):
            asked = flying.message
            self._throttled(answer, asked.pool if asked is not None and answer.alone else "")
        elif answer.outcome is OrderOutcome.CLOCK:
            self._mend_clock()
        elif self.rest.access is not None:
            self.rest.access.refused(answer.status, answer.code, flying.renewals)
        if answer.reconcile:
            self._reconciler.doubt()

    def _throttled(self, answer: OrderAnswer, alone: str) -> None:
        """Going on turns a limit into a ban of the whole address, so everything stops, but where
        the venue counts each pool by itself."""
        self.count(Counter.HTTP_THROTTLED)
        now_ns, pause_ns = monotonic_ns(), answer.retry_after_ns or 60 * SECOND_NS
        if answer.until_ns:
            pause_ns = max(SECOND_NS, answer.until_ns - self.venue_ns(now_ns))
        self.budget.stop(now_ns + pause_ns, orders_only=answer.orders_only, alone=alone)
        log.warning(
            "the venue wants %s", "no more orders" if answer.orders_only else "silence",
            extra={"account": self.name, "seconds": round(pause_ns / SECOND_NS, 1)},
        )  # fmt: skip

    def _mend_clock(self) -> None:
        if self.clock.known:  # else somebody is at it
            self.clock.forget()
            self._start(self._mend(), "clock")

    async def _mend(self) -> None:
        """Measure anew; what the venue said while its clock was ahead must not pass for newer than
        what it says now."""
        before_ns = self.clock.offset_ns
        await self._look_at_clock(FIRST_LOOKS)
        if self.clock.offset_ns < before_ns:
            self.desk.positions.rewind(self.index)
            for order in self.open_orders():
                order.changed_ns = 0
            self._reconciler.want()

    # Life

    async def run(self) -> None:
        """Until cancelled; what is under way then is lost, which the desk is told."""
        self._begin()
        hearing = self.desk.hearing(self, self._segment, self.ear.frame, self.ear.tell)
        if hearing is not None:
            self._sockets.codec = hearing
        self.running = True
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.pool.run(), name=f"orders/{self.name}")
                await self._look_at_clock(FIRST_LOOKS)
                if self.socket is not None:  # a logon is stamped with the venue's time
                    group.create_task(self.socket.run(), name=f"order api/{self.name}")
                looking = keep_clock(self._look_at_clock, self._venue_settings.clock_s)
                group.create_task(looking, name=f"clock/{self.name}")
                group.create_task(self._private.run(), name=f"private/{self.name}")
                group.create_task(self._reconciler.run(), name=f"reconcile/{self.name}")
        finally:
            self.running = self.reconciled = False
            self.pool.close()
            if self.socket is not None:
                self.socket.close()
            self.desk.stream_down(self)
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def tick(self, now_ns: int) -> None:
        """About every 50 ms."""
        self.board.publish(self.budget.pools, now_ns, self.venue_ns(now_ns))
        self.pool.tick(now_ns)
        if self.socket is not None:
            self.socket.tick(now_ns)
        self._private.tick(now_ns)
        if self.rest.access is not None and self.running:
            self.rest.access.keep(now_ns)
        if self._guard is not None and self.running:
            self._guard.tick(now_ns)

    def pending(self) -> list[str]:
        """What READY still waits for."""
        if self.ready or not self.settings.required:
            return []
        return [f"account {self.name}"]

    def state(self) -> dict[str, Any]:
        """How it is, for people; no key, no secret."""
        return {
            "name": self.name,
            "strategies": sorted(self.strategies),
            "ready": self.ready,
            "reconciled": self.reconciled,
            "stream": self._private.up,
            "stream_fault": self._private.fault,
            "connections": self.pool.open,
            "waiting": self.pool.waiting,
            "order_api": None if self.socket is None else self.socket.open,
            "countdown": None if self._guard is None else self._guard.state(),
            "clock_ahead_ns": self.clock.ahead_ns() if self.clock.known else None,
            "clock_error_ns": self.clock.error_ns if self.clock.known else None,
        }

    # The clock

    async def _look_at_clock(self, looks: int) -> None:
        await look_at_clock(self.rest, self.trading.lookups, self.clock, self.name, looks)

    # The private stream

    def stream_up(self) -> None:
        self._streams += 1
        self.desk.stream_up(self)
        self._reconciler.want()

    def stream_down(self, why: str) -> None:
        self.reconciled = False
        self.desk.stream_down(self)
        log.warning("private stream lost: %s", why, extra={"account": self.name})

    # What the reconciler asks of its owner

    def instruments(self) -> Sequence[Instrument]:
        """Those it may have something in: in the directory, with a position, with an order."""
        held = [one.symbol for one in self.desk.positions.account(self.index) if one.qty_e]
        found = {one.symbol: one for one in self._served()}
        found |= {one.symbol: one for one in map(self.scales, held) if one is not None}
        found |= {one.instrument.symbol: one.instrument for one in self.open_orders()}
        return list(found.values())

    def epoch(self) -> int:
        return self._streams if self._private.up else 0

    def limited(self, pools: Sequence[Pool]) -> None:
        self.budget.resize(pools)

    def affordable(self, weight: int, share: float) -> bool:
        now_ns = monotonic_ns()
        return self.rest.admit_ns(self._weighing(weight), now_ns, share) <= now_ns

    def found(self, epoch: int, open_orders: int) -> None:
        if self._guard is not None:
            self._guard.found()
        if epoch and epoch == self.epoch():
            self.reconciled = True
            self.count(Counter.RECONCILED)
            log.info("reconciled", extra={"account": self.name, "open_orders": open_orders})

    def open_orders(self) -> list[Order]:
        """Every order of the account that has not ended."""
        return self.desk.tracker.orders.open_of(self.index)

    # Listing

    async def list_orders(self) -> Sequence[OrderEvent]:
        """All open orders, of anybody; the desk is told. Raises VenueError, ValueError."""
        return await self._reconciler.orders()

    async def disarm(self) -> None:
        """Stop the venue's countdowns, for the end. Raises VenueError."""
        if self._guard is not None:
            await self._guard.disarm()

    # Inside

    async def signed(self, request: Request) -> bytes:
        """The body of the answer to a request that needs the key."""
        now_ns = monotonic_ns()
        return await self.rest.ask(self.trading.sign(request, self.signer, self.venue_ns(now_ns)))

    async def call(self, row: Endpoint, request: Request, share: float) -> Called:
        """Call an endpoint with the account's key; see `perform`."""
        if not self.running or not self.clock.known:
            why = f"account {self.name} is not connected yet"
            return Called(endpoint=row.name, outcome=Outcome.NOT_EXECUTED, message=why)
        signed = self.trading.sign(request, self.signer, self.venue_ns(monotonic_ns()))
        return await perform(self.rest, self._venue, row, signed, share)

    def settle_flight(self, request: int, flying: Flying) -> None:
        """Something failed as a request left: it is under way if a connection carries it or it
        waits for one, else nobody will ever tell of its end."""
        socket = self.socket
        if self.pool.carries(request) or (socket is not None and socket.carries(request)):
            self.flights.flying.setdefault(request, flying)
        else:
            self.flights.flying.pop(request, None)

    def _send(self, request: int, priority: Priority, message: Message, flying: Flying) -> None:
        self.flights.begin(request, flying)
        try:
            self._start_flight(request, priority, message, flying)
        except Exception:
            self.settle_flight(request, flying)
            raise

    def _start_flight(
        self, request: int, priority: Priority, message: Message, flying: Flying
    ) -> None:
        now_ns = monotonic_ns()
        if not self.running:
            self.flights.unsent(request, "the account is not served")
            return
        quiet_ns = self.rest.quiet_ns(message.pool)
        if now_ns < quiet_ns:  # sending on turns a 429 into a ban
            wait_s = (quiet_ns - now_ns) / SECOND_NS
            flying.code = Code.RATE_BUDGET
            self.flights.unsent(request, f"the venue wants silence for {wait_s:.1f} s more")
            return
        flying.message = message  # without a token: it is written down
        if self.rest.access is not None and isinstance(message, Request):
            bearing = self.rest.access.held(message)
            if bearing is None:
                self.flights.unsent(request, "no token of the venue is good now")
                return
            message, flying.renewals = bearing, self.rest.access.renewals
        flying.spent = self.budget.take(message, now_ns, self.venue_ns(now_ns))
        if isinstance(message, ApiRequest):
            assert self.socket is not None
            self.socket.send(request, priority, message)
            return
        if isinstance(message, Encoded):
            data = message.data
        else:
            data = self.pool.encode(message.method, message.target, message.headers, message.body)
        self.pool.send(request, priority, data)

    def _spend(self, weight: int) -> None:
        """What a connection of the order API costs beside its requests."""
        now_ns = monotonic_ns()
        self.budget.take(self._weighing(weight), now_ns, self.venue_ns(now_ns))

    def _admit_ns(self, weight: int, now_ns: int) -> int:
        """When so much may be spent, the venue's wish for silence kept."""
        return self.rest.admit_ns(self._weighing(weight), now_ns)

    def _weighing(self, weight: int) -> Request:
        return Request("GET", "", weight=weight, pool=self.trading.lookups.time().pool)

    def count(self, counter: Counter) -> None:
        self._segment.count(counter.value)

    def start(self, work: Coroutine[Any, Any, None], name: str) -> bool:
        """Run it beside everything else; False: the account does not run."""
        if not self.running:
            work.close()
            return False
        self._start(work, name)
        return True

    def _start(self, work: Awaitable[None], name: str) -> None:
        async def guarded() -> None:
            await work

        task = asyncio.get_running_loop().create_task(guarded(), name=f"{name}/{self.name}")
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("task %s failed", task.get_name(), exc_info=task.exception())
