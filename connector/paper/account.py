"""A paper account as the desk sees it: the same questions and answers as of an account at a venue.

Nothing leaves the process. A command is encoded as it would be for the venue, so that what the
venue cannot take is refused in the same words; then it waits for as long as its way would take.
Every change is in the state file before the desk is told."""

import asyncio
import logging
import os
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from msgspec import structs

from connector._speedups.segment import Segment
from connector.clock import monotonic_ns, wall_ns
from connector.config_paper import PaperSettings, scaled
from connector.config_trading import AccountSettings
from connector.desk import Desk
from connector.errors import ConfigError, VenueError
from connector.market.live import Live
from connector.model.counters import Counter
from connector.model.instrument import Instrument
from connector.model.intents import Action
from connector.model.order import Order
from connector.model.reports import Code, EndReason, Field, Text
from connector.model.states import VALID, FeedKind
from connector.paper.exchange import Answer, Exchange, NoMarket, Terms, Turn
from connector.paper.market import PaperMarket
from connector.paper.state import StateFile
from connector.paper.translate import (
    balance_event,
    conditional_event,
    fill_event,
    let_go,
    order_event,
    position_event,
    told,
    why_not,
)
from connector.sim.matching.events import Accepted, ConditionalChanged
from connector.sim.matching.types import Conditional, Reason, Refused
from connector.sim.matching.types import Order as EngineOrder
from connector.trading.commands import Command, Refusal
from connector.trading.roles import Account, Listed
from connector.trading.texts import request_text
from connector.venues import sim_contract
from connector.venues.contract import Request, Scales, Venue
from connector.venues.trading_contract import (
    AccountConfigEvent,
    AccountEvent,
    CannotEncode,
    Denial,
    Intent,
    Message,
    OrderAnswer,
    OrderEvent,
    OrderOutcome,
    PositionEvent,
    Signer,
    Source,
    Trading,
)

log = logging.getLogger("connector.paper")

MOST_LEVERAGE = 125
LATE_NS = 1_000_000_000
"""A command may be so much later there than its latency, on a loop that has other things to do."""
TRAIL_NS = 1_000_000_000
"""How often the extremes that trailing stops follow are written to the state file."""


class PaperRequest(Request, frozen=True, kw_only=True):
    """What would be sent, without a signature."""

    intent: Intent


class _Flying(NamedTuple):
    """A command on its way."""

    action: Action
    message: PaperRequest
    left_ns: int


class _Unsigned:
    """Signs nothing: there is no key."""

    key = ""
    means = "no key: a paper account"

    def sign(self, payload: bytes) -> bytes:
        return b""

    def count_in(self, segment: Segment) -> None:
        """There is nothing to count."""


class PaperAccount:
    """One paper account, running until cancelled; it may be run again. Implements
    ``trading.roles.Account``.

    ``find`` gives an instrument of the venue that is served, ``scales`` any. ``desk`` must be set
    before anything runs. Raises ConfigError when the state of an earlier run cannot be used."""

    def __init__(
        self,
        index: int,
        name: str,
        settings: AccountSettings,
        venue: Venue,
        venue_index: int,
        market: PaperMarket,
        find: Callable[[str], object],
        scales: Scales,
        state_dir: Path,
        segment: Segment,
    ) -> None:
        assert venue.trading is not None
        self.index, self.name, self.venue = index, name, venue_index
        self.trading: Trading = _at_hand(venue.trading, settings.paper)
        self.signer: Signer = _Unsigned()
        self.strategies = frozenset(settings.strategies)
        self.foreign_to = frozenset(settings.foreign_to)
        self.settings, self.scales = settings, scales
        self.desk: Desk
        self.reconciled = False
        self._terms = _terms(settings.paper)
        self._refusal, self._lets_go = _refusals(venue.folder)
        self._market, self._find, self._segment = market, find, segment
        self._path, self._folder = state_dir / f"paper-{name}.state", venue.folder
        StateFile(self._path, self._folder).close()  # what is wrong with it is said at the start
        self._offset_ns = wall_ns() - monotonic_ns()
        self._exchange: Exchange | None = None
        self._file: StateFile | None = None
        self._syncing: asyncio.Task[None] | None = None
        self._flying: dict[int, _Flying] = {}
        self._said: deque[Callable[[], None]] = deque()
        """What the desk is still to be told, a little in each turn of the loop."""
        self._trails: dict[int, int] = {}
        self._tick_ns = 0

    # trading.roles.Account

    @property
    def ready(self) -> bool:
        """New orders may go out."""
        return self.reconciled

    def venue_ns(self, now_ns: int) -> int:
        return now_ns + self._offset_ns

    def encode(self, intent: Intent, now_ns: int) -> Message:
        """The request as the venue would get it, unsigned. Raises CannotEncode."""
        if intent.instrument is not None and (why := why_not(intent.instrument)):
            raise CannotEncode(Field.INSTRUMENT, f"instrument: {why}")
        request = self.trading.encode(_by_name(intent), self.signer, self.venue_ns(now_ns))
        return PaperRequest(
            method=request.method,
            path=request.path,
            query=request.query,
            body=request.body,
            weight=0,
            name=request.name,
            intent=intent,
        )

    def encoded(
        self, command: Command, listed: Listed, order: Order, now_ns: int
    ) -> Message | None:
        """Never: there is no wire to be fast on."""
        return None

    def encode_batch(self, intents: Sequence[Intent], now_ns: int) -> Message:
        raise CannotEncode(Field.BATCH, "batch: a paper account's orders go one by one")

    def post_batch(self, requests: Sequence[int], action: Action, message: Message) -> None:
        raise AssertionError("nothing makes a batch for a paper account")

    def afford(self, action: Action, message: Message) -> None:
        """Raises Refusal when there is no book to match against."""
        assert isinstance(message, PaperRequest)
        instrument = message.intent.instrument
        if instrument is not None and not self._live(instrument.symbol):
            text = f"{instrument.symbol}: a paper account needs its live book (the depth channel)"
            raise Refusal(Code.STALE_BOOK, Field.INSTRUMENT, text)

    def _live(self, symbol: str) -> bool:
        live = self._find(symbol)
        return isinstance(live, Live) and live.kernel.state(FeedKind.BOOK) in VALID

    def post(self, request: int, action: Action, message: Message) -> None:
        assert isinstance(message, PaperRequest)
        exchange = self._exchange
        if exchange is None:
            self.count(Counter.REQUESTS_UNSENT)
            self.desk.unsent(request, "the account is not served")
            return
        intent = message.intent
        self._flying[request] = _Flying(action, message, monotonic_ns())
        if intent.instrument is not None:
            self._watch(exchange, intent.instrument.symbol)
        exchange.send(request, intent, monotonic_ns())
        self._market.arm()

    def _watch(self, exchange: Exchange, symbol: str) -> None:
        live = self._find(symbol)
        if isinstance(live, Live):
            self._market.watch(exchange, live)

    def ask(self, order: Order) -> None:
        """Look at one order; the answer goes to the desk in another turn, as every answer does."""
        if self._exchange is not None:
            asyncio.get_running_loop().call_soon(self._asked, order, monotonic_ns())

    def _asked(self, order: Order, asked_ns: int) -> None:
        if self._exchange is None:
            return  # asked again later
        found = self._exchange.find(
            Intent(
                action=Action.QUERY,
                instrument=order.instrument,
                client_order_id=order.client_order_id,
                order_id=order.conditional_id if order.conditional else order.order_id,
                conditional=order.conditional,
            )
        )
        if found is None:
            self.desk.absent(order, asked_ns)
        else:
            self.desk.order_event(self, _stands(found, Source.QUERY), asked_ns)

    def ask_fills(self, order: Order, spare: bool = False) -> None:
        if self._exchange is not None:
            asyncio.get_running_loop().call_soon(self._asked_fills, order, monotonic_ns())

    def _asked_fills(self, order: Order, asked_ns: int) -> None:
        if self._exchange is None:
            return
        engine = self._exchange.engine
        for fill in [*engine.fills(self.name, order.instrument.symbol)]:
            of = engine.order(self.name, fill.symbol, order_id=fill.order_id)
            self.desk.order_event(self, fill_event(of, fill), asked_ns)

    def ask_positions(
        self, then: Callable[[Account, Sequence[PositionEvent] | None], None]
    ) -> None:
        exchange = self._exchange
        if exchange is None:
            then(self, None)
            return
        at_ns = self.venue_ns(monotonic_ns())
        found = self._positions(exchange, at_ns)
        self.desk.positions_listed(self, found, at_ns)
        asyncio.get_running_loop().call_soon(then, self, found)

    def guard(self, instrument: Instrument, now_ns: int) -> None:
        """Nothing is at a venue that could outlive the process."""

    async def disarm(self) -> None:
        """There is no countdown."""

    def gap(self, why: str) -> None:
        """Everything is told anew: in a process there is no stream that could lose anything."""
        log.error("an event is missing: %s", why, extra={"account": self.name})
        self.count(Counter.STREAM_GAPS)
        self._reconcile()

    # Life

    async def run(self) -> None:
        """Until cancelled, or something failed; commands on their way then are lost, which the
        desk is told."""
        failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        file = self._file = await asyncio.to_thread(StateFile, self._path, self._folder)
        if file.cut:
            extra = {"account": self.name, "bytes": file.cut}
            log.warning("the last change was written in part: it never was", extra=extra)
        exchange = self._exchange = Exchange(
            self.name, self._terms, self._offset_ns, self._turn, file.kept
        )
        try:
            self._begin(exchange, file)

            def fail(error: Exception) -> None:
                if not failed.done():
                    failed.set_exception(error)

            self._market.add(exchange, self._said, fail)
            for symbol in sorted(exchange.wanted()):
                self._watch(exchange, symbol)
            self.reconciled = True
            await failed
        finally:
            self.reconciled = False
            self._market.remove(exchange)
            self._exchange = self._file = None
            while self._said:  # it is written: it happened
                self._said.popleft()()
            self.desk.stream_down(self)
            for request, flying in [*self._flying.items()]:
                self._lost(request, flying)
            self._flying.clear()
            file.close()

    def _lost(self, request: int, flying: "_Flying") -> None:
        """It may have been done, or not: the state file knows."""
        self.count(Counter.REQUESTS_LOST)
        write = self.desk.words(self, request)
        self.desk.lost(request)
        write(Text.REQUEST, request_text(flying.message, self.trading.unwritten), 0)

    def _begin(self, exchange: Exchange, file: StateFile) -> None:
        """Take the account up, write it whole, and tell the desk how it stands."""
        before, self._file = self._file, None  # what begins is written as a whole
        exchange.begin(self.scales, monotonic_ns())
        file.begin(exchange.engine.whole(self.name))
        self._file = before
        self.desk.stream_up(self)
        self._reconcile()
        self.count(Counter.RECONCILED)

    def _reconcile(self) -> None:
        """Tell the desk everything."""
        exchange = self._exchange
        if exchange is None:
            return
        self._list_orders(exchange)
        engine, at_ns = exchange.engine, self.venue_ns(monotonic_ns())
        self.desk.positions_listed(self, self._positions(exchange, at_ns), at_ns)
        for balance in engine.balances(self.name):
            self.desk.account_event(self, balance_event(balance, at_ns))
        hedge = engine.hedge_mode(self.name)
        config = AccountConfigEvent(multi_assets=False, hedge=hedge, venue_ns=at_ns)
        self.desk.account_event(self, config)

    async def list_orders(self) -> Sequence[OrderEvent]:
        """All open orders, which the desk is told. Raises VenueError when nobody serves them."""
        if self._exchange is None:
            raise VenueError(f"account {self.name} is not served")
        return self._list_orders(self._exchange)

    def _list_orders(self, exchange: Exchange) -> Sequence[OrderEvent]:
        engine, asked_ns = exchange.engine, monotonic_ns()
        events = [order_event(one, Source.QUERY) for one in engine.open_orders(self.name)]
        events += [
            conditional_event(one, Source.QUERY) for one in engine.open_conditionals(self.name)
        ]
        for event in events:
            self.desk.order_event(self, event, asked_ns)
        self.desk.listed(self, events, asked_ns)
        return events

    def _positions(self, exchange: Exchange, at_ns: int) -> list[PositionEvent]:
        views = exchange.engine.positions(self.name)
        return [position_event(view, at_ns) for view in views if view.lots]

    def tick(self, now_ns: int) -> None:
        """About every 50 ms."""
        exchange, file = self._exchange, self._file
        if exchange is None or file is None or now_ns - self._tick_ns < TRAIL_NS:
            return
        self._tick_ns = now_ns
        moved = [
            each
            for each in exchange.engine.trailing(self.name)
            if self._trails.get(each.algo_id) != each.extreme_e8
        ]
        if moved:
            self._trails |= {each.algo_id: each.extreme_e8 for each in moved}
            changes = exchange.engine.changes(self.name, [])
            changes.conditionals = moved
            file.append(changes)
        if file.long:
            file.begin(exchange.engine.whole(self.name))
        if file.dirty and (self._syncing is None or self._syncing.done()):
            self._syncing = asyncio.get_running_loop().create_task(
                self._sync(file.handle()), name=f"sync/{self.name}"
            )

    async def _sync(self, fd: int) -> None:
        try:
            await asyncio.to_thread(os.fdatasync, fd)
        except OSError as error:
            log.error("not on the disk: %s", error, extra={"account": self.name})
        finally:
            os.close(fd)

    def pending(self) -> list[str]:
        """What READY still waits for."""
        if self.ready or not self.settings.required:
            return []
        return [f"account {self.name}"]

    def state(self) -> dict[str, Any]:
        """How it is, for people."""
        exchange = self._exchange
        return {
            "name": self.name,
            "type": self.settings.type.value,
            "strategies": sorted(self.strategies),
            "ready": self.ready,
            "reconciled": self.reconciled,
            "latency_us": self._terms.latency_ns // 1000,
            "on_the_way": len(self._flying),
            "watched": sorted(exchange.wanted()) if exchange is not None else [],
        }

    def count(self, counter: Counter) -> None:
        self._segment.count(counter.value)

    # What the exchange says

    def _turn(self, turn: Turn) -> None:
        """First it is written, then it is told: the answer, then what a stream would say."""
        if self._file is None:
            return  # the account begins: it is told as a whole
        if turn.events:
            self._file.append(turn.changes)
        if turn.sent is not None and turn.answer is not None:
            flying = self._flying.pop(turn.sent.request)
            ended = self._let_go(turn.sent.intent, turn.answer, turn.at_ns)
            if ended:
                answer = OrderAnswer(OrderOutcome.ACCEPTED, 200, order=ended[0])
            else:
                answer = self._answer(flying.action, turn.answer, turn)
            say = partial(self._say_answer, turn.at_ns, turn.sent.request, flying, answer)
            self._said.append(say)
            self._said.extend(partial(self._say, turn.at_ns, event) for event in ended[1:])
        for event in turn.events:
            for one in told(event, turn.changes.hedge):
                self._said.append(partial(self._say, turn.at_ns, one))

    def _say_answer(self, at_ns: int, request: int, flying: "_Flying", answer: OrderAnswer) -> None:
        desk = self.desk
        write = desk.words(self, request)
        desk.heard(at_ns)
        try:
            desk.answered(self, request, answer, at_ns, flying.left_ns)
        finally:
            desk.heard(0)
        if answer.outcome not in (OrderOutcome.ACCEPTED, OrderOutcome.ALREADY):
            write(Text.REQUEST, request_text(flying.message, self.trading.unwritten), 0)
            write(Text.ANSWER, answer.body.encode(), answer.status)

    def _say(self, at_ns: int, event: OrderEvent | AccountEvent) -> None:
        self.desk.heard(at_ns)
        try:
            if isinstance(event, OrderEvent):
                self.desk.order_event(self, event)
            else:
                self.desk.account_event(self, event)
        finally:
            self.desk.heard(0)

    def _answer(self, action: Action, answer: Answer, turn: Turn) -> OrderAnswer:
        """As the venue would have answered, and been understood."""
        if isinstance(answer, NoMarket):
            return OrderAnswer(OrderOutcome.NOT_EXECUTED, 503, body=str(answer))
        if isinstance(answer, Refused):
            return self._refused(action, answer)
        event = _stands(answer, Source.ANSWER)
        if action is Action.PLACE:
            event = _placed(turn) or event
        return OrderAnswer(OrderOutcome.ACCEPTED, 200, order=event)

    def _let_go(self, intent: Intent, answer: Answer, at_ns: int) -> Sequence[OrderEvent]:
        """How the order stood and how it ended, when the venue would have taken it and let go of it
        at once."""
        if intent.action is not Action.PLACE or not isinstance(answer, Refused):
            return ()
        reason = self._lets_go.get(answer.reason)
        return () if reason is None else let_go(intent, reason, self.venue_ns(at_ns))

    def _refused(self, action: Action, refused: Refused) -> OrderAnswer:
        if self._refusal is None:
            gone = refused.reason is Reason.ORDER_NOT_FOUND
            outcome = OrderOutcome.GONE if gone else OrderOutcome.REFUSED
            return OrderAnswer(outcome, 400, body=str(refused))
        status, body = self._refusal(action, refused)
        return self.trading.judge(action, status, {}, body, self.scales)


def _at_hand(trading: Trading, paper: PaperSettings) -> Trading:
    """The order side of an exchange that is in the same process: what it does not know there was
    not, and nothing gets there later."""
    there_ns = 2 * paper.latency_us * 1000 + LATE_NS
    return structs.replace(
        trading, denial=Denial(lag_ns=0), window_ns=min(trading.window_ns, there_ns)
    )


def _refusals(
    name: str,
) -> tuple[sim_contract.OrderRefusal | None, Mapping[Reason, EndReason]]:
    """How a venue refuses orders, and what it takes to let go of it at once; None and nothing of
    one without a simulated side, which knows."""
    try:
        found = sim_contract.load(name)
    except ConfigError:
        return None, {}
    return found.order_refusal, found.lets_go


def _by_name(intent: Intent) -> Intent:
    """Its numbers are no ids of the venue, whose own may be texts: the client's id names an
    order."""
    return structs.replace(intent, order_id=None) if intent.client_order_id else intent


def _terms(paper: PaperSettings) -> Terms:
    return Terms(
        latency_ns=paper.latency_us * 1000,
        balances=paper.money(),
        maker_r=scaled(paper.maker_bps, 4),
        taker_r=scaled(paper.taker_bps, 4),
        leverage=paper.leverage,
        most_leverage=MOST_LEVERAGE,
        maintenance_r=scaled(paper.maintenance_bps, 4),
        hedge=paper.hedge,
    )


def _placed(turn: Turn) -> OrderEvent | None:
    """The order as it was taken, before the fills that are told after."""
    for event in turn.events:
        if isinstance(event, Accepted):
            return order_event(event.order, Source.ANSWER)
        if isinstance(event, ConditionalChanged):
            return conditional_event(event.conditional, Source.ANSWER)
    return None


def _stands(found: EngineOrder | Conditional, source: Source) -> OrderEvent:
    if isinstance(found, Conditional):
        return conditional_event(found, source)
    return order_event(found, source)
