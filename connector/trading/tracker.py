"""What became of each order: any arrival order of answers, stream, queries and losses in, the one
true story out.

Pure: no socket, no clock; ``now_ns`` is CLOCK_MONOTONIC. Every call returns the effects it leads
to, reports first to last. Three outcomes exist for a request: accepted, refused, unknown; unknown
is settled by the stream or by asking, and "absent" proves something only after the venue can no
longer execute the request, with the private stream alive.
"""

from collections.abc import Callable, Iterable, Sequence

from msgspec.structs import replace

from connector.model.instrument import Instrument
from connector.model.intents import Action, OrderType, TimeInForce
from connector.model.order import Fill, Order
from connector.model.records import Side
from connector.model.reports import Code, EndReason, OrderStatus, ReportFlag, Result, Update
from connector.trading import unnamed
from connector.trading.births import Births
from connector.trading.effects import (
    Ask,
    AskFills,
    Effect,
    SendCancel,
    StreamGap,
    detail_of,
    report_of,
)
from connector.trading.fees import Fees
from connector.trading.index import OrderIndex
from connector.trading.pending import Pending
from connector.trading.watch import SECOND_NS, Due, WatchList
from connector.venues.trading_contract import (
    Denial,
    Execution,
    OrderAnswer,
    OrderEvent,
    OrderOutcome,
    Source,
)

PROOF_NS = Denial().lag_ns
"""How long a venue's word may lag behind, where it names no other time."""
DENIALS = 6
"""A live order that the venue denies this often has ended: it forgets unfilled ones after days."""
FILL_ASKS = 8
"""Fills that are not told after so many questions are inferred from the venue's count."""
ALIVE = frozenset({OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED, OrderStatus.TRIGGERED})
# As numbers: to join two members of a Flag takes microseconds.
_LATE, _RECOVERED, _MAKER, _TAKER = map(
    int, (ReportFlag.LATE, ReportFlag.RECOVERED, ReportFlag.MAKER, ReportFlag.TAKER)
)
_ASKED = frozenset({Source.QUERY, Source.HISTORY})
"""What the stream did not tell as it happened."""
_PASSES = frozenset({OrderOutcome.NOT_EXECUTED, OrderOutcome.THROTTLED, OrderOutcome.BANNED})
"""Refusals that say nothing of the next attempt."""


class Tracker:
    """The orders of all accounts. ``new_key`` gives keys that were never used; of an account's
    venue, ``denial`` when its "no" proves something, ``unnamed`` whether it tells no client ids."""

    def __init__(
        self,
        new_key: Callable[[], int],
        denial: Callable[[int], Denial] = lambda _: Denial(),
        unnamed: Callable[[int], bool] = lambda _: False,
    ) -> None:
        self._new_key, self._denial = new_key, denial
        self.orders = OrderIndex()
        self.watched = WatchList()
        self._births = Births(PROOF_NS, unnamed)
        self._fees = Fees()
        self.requests: dict[int, Pending] = {}
        self.under_way: dict[int, list[Pending]] = {}
        """Requests of orders that are under way or unknown, by the order's key."""
        self._live_since: dict[int, int] = {}
        self._out: list[Effect] = []

    # What we do

    def register(self, order: Order) -> None:
        """A new order, before its request is sent; its client order id must be free."""
        self.orders.add(order)

    def restored(self, order: Order, now_ns: int) -> None:
        """An order of an earlier run, which may have been told fills without their fees."""
        self.orders.restore(order)
        self._fees.restored(order, now_ns)

    def requested(self, pending: Pending) -> None:
        """A request is about to leave; every one ends in `answered`, `unsent` or `lost`."""
        self.requests[pending.request] = pending
        if pending.order is not None:
            self.under_way.setdefault(pending.order.key, []).append(pending)
            if pending.action is Action.CANCEL:
                pending.order.cancel_wanted = True

    def unsent(self, request: int, code: Code, now_ns: int, text: str = "") -> Sequence[Effect]:
        """No byte of it left: nothing happened at the venue."""
        pending = self._close(request)
        if pending is None:
            return ()
        order = pending.order
        if (
            pending.action is Action.PLACE
            and order is not None
            and order.move(OrderStatus.REJECTED)
        ):
            self._ended(order)
        if pending.action is Action.CANCEL and order is not None and not order.status.terminal:
            self.watched.cancel_again(order, now_ns)
        self._answer(pending, Result.REFUSED, code.value, text=text)
        return self._taken()

    def lost(self, request: int, now_ns: int) -> Sequence[Effect]:
        """It left, and no answer will come."""
        return self.answered(request, OrderAnswer(OrderOutcome.UNKNOWN), now_ns)

    def answered(
        self, request: int, answer: OrderAnswer, now_ns: int, echo_ns: int = 0
    ) -> Sequence[Effect]:
        """The venue answered; ``echo_ns``: by when the stream must tell of a placed order."""
        pending = self.requests.get(request)
        if pending is None:
            return ()
        cancel = pending.action is Action.CANCEL
        if answer.outcome in (OrderOutcome.ACCEPTED, OrderOutcome.ALREADY):
            self._accepted(pending, answer, now_ns, echo_ns)
        elif answer.outcome is OrderOutcome.UNKNOWN or (cancel and answer.outcome in _PASSES):
            self._unknown(pending, answer, now_ns)
        else:
            self._refused(pending, answer, now_ns)
        return self._taken()

    def want_cancelled(self, orders: Iterable[Order], now_ns: int) -> Sequence[Effect]:
        """Make the end of these orders a goal (halt, a strategy that is gone, cancel all)."""
        for order in orders:
            if not order.status.terminal and not order.cancel_wanted:
                order.cancel_wanted = True
                self.watched.cancel(order, now_ns)
        return self.tick(now_ns)

    def request(self, number: int) -> Pending | None:
        """A request under way or unknown."""
        return self.requests.get(number)

    def amends(self, order: Order) -> int:
        """The largest total quantity that amends under way ask for; 0: none does."""
        requests = self.under_way.get(order.key, ())
        return max([one.qty_e or 0 for one in requests if one.action is Action.AMEND], default=0)

    def pending(self) -> list[Pending]:
        """Requests under way or unknown."""
        return list(self.requests.values())

    # What we hear

    def event(
        self, account: int, event: OrderEvent, now_ns: int, asked_ns: int = 0
    ) -> Sequence[Effect]:
        """Anything the venue says about an order we know; ``asked_ns``: when we asked, if we did.

        Nothing comes of an order nobody registered: see `stranger`."""
        order = self.orders.find(account, event)
        if order is not None:
            self._apply(order, event, now_ns, asked_ns)
            if asked_ns and event.conditional and event.born_order_id is None:
                again_ns = self._births.denied(order, asked_ns)
                if again_ns:
                    self.watched.ask(order, again_ns)
        return self._taken()

    def stranger(
        self, account: int, event: OrderEvent, instrument: Instrument, now_ns: int
    ) -> Sequence[Effect]:
        """The same for an order that was not placed through us: it becomes a foreign one, unless
        it may be what an own conditional order became."""
        if self.orders.find(account, event) is None:
            if event.source is Source.LITE:
                return ()  # the full event follows and says what this one cannot
            if event.source is Source.HISTORY and (event.status is None or event.status.terminal):
                return ()  # it was told when it happened, if it was anybody's
        own = self.orders.open_of(account)
        parents = self._births.hold(account, event, instrument, own, now_ns)
        for parent in parents or ():
            self.watched.ask(parent, now_ns)
        if parents is None and not event.anonymous:
            self._foreign(account, event, instrument, now_ns)
        return self._taken()

    def _foreign(
        self, account: int, event: OrderEvent, instrument: Instrument, now_ns: int
    ) -> None:
        order = self.orders.find(account, event)
        if order is None:
            order = Order(
                key=self._new_key(),
                account=account,
                strategy="",
                instrument=instrument,
                client_order_id=event.client_order_id,
                side=event.side or Side.BUY,
                order_type=event.order_type or OrderType.LIMIT,
                time_in_force=event.time_in_force or TimeInForce.NONE,
                position_side=event.position_side,
                reduce_only=event.reduce_only,
                created_ns=now_ns,
            )
            self.orders.add(order)
        self._apply(order, event, now_ns, 0)

    def absent(self, order: Order, asked_ns: int, now_ns: int) -> Sequence[Effect]:
        """The venue says that it does not know this order; it was asked at ``asked_ns``."""
        live_ns = self._live_since.get(order.account)
        if live_ns is None:
            return ()
        denial = self._denial(order.account)
        proof_ns = max(self._deadline(order), live_ns) + denial.lag_ns
        if asked_ns < proof_ns:
            if not order.submitted:
                self.watched.ask(order, proof_ns)
            return ()
        if order.status in (OrderStatus.PENDING, OrderStatus.UNKNOWN):
            if not self.watched.disproved(order, denial, asked_ns, now_ns):
                return ()  # asked again
            order.status, order.reason = OrderStatus.REJECTED, EndReason.NOT_PLACED
            self._report(order, Update.REJECTED, flags=_RECOVERED)
            self._ended(order)
        elif order.status in ALIVE and self.watched.gone(
            order, DENIALS, denial.lag_ns, asked_ns, now_ns
        ):
            order.status, order.reason = OrderStatus.EXPIRED, EndReason.VENUE
            self._report(order, Update.CANCELLED, flags=_RECOVERED)
            self._ended(order)
        return self._taken()

    def stream_up(self, account: int, now_ns: int) -> None:
        """The private stream delivers from now on."""
        self._live_since[account] = now_ns

    def stream_down(self, account: int, now_ns: int) -> None:
        """It may miss something from now on: every open order is asked for."""
        self._live_since.pop(account, None)
        for order in self.orders.open_of(account):
            self.watched.ask_soon(order, now_ns)

    def listed(self, account: int, keys: Iterable[int], asked_ns: int, now_ns: int) -> None:
        """The venue listed its open orders at ``asked_ns``, each given to `event` before; ``keys``
        are ours among them. Those it left out are asked for one by one."""
        there = set(keys)
        for order in self.orders.open_of(account):
            if order.key not in there and order.status in ALIVE and order.created_ns < asked_ns:
                self.watched.ask(order, now_ns)

    def tick(self, now_ns: int) -> Sequence[Effect]:
        """What is due: questions, cancels that are pursued, orders the stream does not tell of."""
        for one in self._births.foreign() if self._births else ():
            for event in one.events:
                self._foreign(one.account, event, one.instrument, now_ns)
        for watch, due in self.watched.due(now_ns):
            order = watch.order
            if due is Due.ECHO:
                self.watched.ask(order, now_ns)
                why = f"no event of the accepted order {order.client_order_id}"
                self._out.append(StreamGap(order.account, why))
            elif due is Due.ASK:
                self._out.append(Ask(order))
            elif due is Due.CANCEL:
                self._out.append(SendCancel(order))
            elif watch.fill_asks > FILL_ASKS:
                self._infer(order)
                self.watched.drop(order, Due.FILLS)
            else:
                self._out.append(AskFills(order))
        for order in self._fees.due(now_ns) if self._fees else ():
            self._out.append(AskFills(order, spare=True))
        return self._taken()

    # Inside: requests

    def _accepted(self, pending: Pending, answer: OrderAnswer, now_ns: int, echo_ns: int) -> None:
        self._close(pending.request)
        order, said = pending.order, answer.order
        self._answer(pending, Result.ACCEPTED, Code.ACCEPTED.value, answer)
        if order is None:
            return
        if said is not None:
            self.orders.learn(order, said)
        if pending.action is Action.PLACE:
            self._placed(order, said, now_ns)
            if echo_ns and not order.echoed and not order.status.terminal:
                self.watched.echo(order, echo_ns)
        if said is not None:
            self._apply(order, said, now_ns, 0)
        if pending.action is Action.CANCEL:
            self.watched.drop(order, Due.CANCEL)
            if not order.status.terminal:  # the stream tells of the end soon, else we ask
                self.watched.ask(order, now_ns + SECOND_NS)

    def _unknown(self, pending: Pending, answer: OrderAnswer, now_ns: int) -> None:
        order, pending.unknown = pending.order, True
        if order is not None:
            self._settle(order)
            if pending.request not in self.requests:
                return  # the stream had told already
        if not pending.told:
            pending.told = True
            self._answer(pending, Result.UNKNOWN, Code.OUTCOME_UNKNOWN.value, answer)
        if order is None:
            self._close(pending.request)
        elif pending.action is Action.CANCEL:
            self.watched.cancel_again(order, now_ns)
        else:
            order.move(OrderStatus.UNKNOWN)
            self.watched.ask_soon(order, now_ns)

    def _refused(self, pending: Pending, answer: OrderAnswer, now_ns: int) -> None:
        self._close(pending.request)
        order = pending.order
        self._answer(pending, Result.REFUSED, Code.VENUE.value, answer)
        if order is None or order.status.terminal:
            return
        if pending.action is Action.PLACE:
            if order.move(OrderStatus.REJECTED):
                self._ended(order)
            return
        if answer.outcome is OrderOutcome.GONE:  # it has ended, or has not arrived yet
            self.watched.ask_soon(order, now_ns)
        if pending.action is Action.CANCEL:
            self.watched.cancel_again(order, now_ns)

    def _deadline(self, order: Order) -> int:
        return max((one.deadline_ns for one in self.under_way.get(order.key, ())), default=0)

    def _close(self, request: int) -> Pending | None:
        pending = self.requests.pop(request, None)
        if pending is not None and pending.order is not None:
            of_order = self.under_way[pending.order.key]
            of_order.remove(pending)
            if not of_order:
                del self.under_way[pending.order.key]
        return pending

    def _settle(self, order: Order, event: OrderEvent | None = None, asked_ns: int = 0) -> None:
        """Close what was unknown as far as the order's state proves it, with the second answer."""
        for pending in list(self.under_way.get(order.key, ())):
            result = self._proved(pending, order, event, asked_ns) if pending.unknown else None
            if result is not None:
                self._close(pending.request)
                code = Code.ACCEPTED if result is Result.ACCEPTED else Code.VENUE
                self._answer(pending, result, code.value)

    def _proved(
        self, pending: Pending, order: Order, event: OrderEvent | None, asked_ns: int
    ) -> Result | None:
        if pending.action is Action.PLACE:
            if order.submitted:
                return Result.ACCEPTED
            return Result.REFUSED if order.status.terminal else None
        if pending.action is Action.CANCEL:
            if not order.status.terminal:
                return None
            ended = order.status in (OrderStatus.CANCELLED, OrderStatus.EXPIRED)
            return Result.ACCEPTED if ended else Result.REFUSED
        if pending.action is Action.AMEND:
            if pending.price_e in (None, order.price_e) and pending.qty_e in (None, order.qty_e):
                return Result.ACCEPTED
            too_late = (
                event is not None
                and asked_ns >= pending.deadline_ns + self._denial(order.account).lag_ns
            )
            return Result.REFUSED if order.status.terminal or too_late else None
        return None

    # Inside: events

    def _apply(self, order: Order, event: OrderEvent, now_ns: int, asked_ns: int) -> None:
        self.orders.learn(order, event)
        for fill in event.fills:
            self._apply(order, fill, now_ns, asked_ns)
        if event.source in (Source.STREAM, Source.LITE):
            order.echoed = True
            self.watched.drop(order, Due.ECHO)
        if event.status is not None:
            self.watched.affirmed(order)
        if OrderStatus.REJECTED is event.status:
            if order.status is OrderStatus.TRIGGERED and not event.reason:
                order.reason = EndReason.TRIGGER_REJECTED
            if order.move(OrderStatus.REJECTED):
                order.reason = event.reason or order.reason
                self._report(order, Update.REJECTED, event)
                self._ended(order)
            return
        known = order.submitted
        if not self._placed(order, event, now_ns) and order.status is OrderStatus.REJECTED:
            return
        if self._terms(order, event) and known:
            self._report(order, Update.AMENDED, event)
        if event.filled_qty_e is not None:
            order.filled_qty_e = max(order.filled_qty_e, event.filled_qty_e)
            if event.average:
                order.average, order.average_of_e = event.average, event.filled_qty_e
        if event.execution is Execution.TRADE:
            self._fill(order, event, now_ns)
        more = unnamed.summed(order, event) if event.cost_e is not None else None
        if more is not None:
            self._fees.owe(order, now_ns)
            self._book(order, more, _RECOVERED if event.source in _ASKED else 0)
        self._status(order, event)
        self._missing(order, now_ns)
        self._settle(order, event, asked_ns)
        said = event.status is not None and event.source is not Source.ANSWER
        self._alive(order, said, event.source in _ASKED, now_ns)
        if event.passing and not order.status.terminal:
            self.watched.unsaid(order, now_ns + SECOND_NS, event.source in _ASKED)
        for before in self._births.claimed(order, event):
            self._apply(order, before, now_ns, 0)

    def _placed(self, order: Order, event: OrderEvent | None, now_ns: int) -> bool:
        """Anything but a refusal proves that the venue took the order."""
        if order.submitted:
            return True
        was_ended = order.status.terminal
        if not order.move(OrderStatus.NEW):
            return False
        if was_ended:
            self.orders.revived(order)
            self.watched.ask_soon(order, now_ns)
            if order.cancel_wanted:  # that was given up when it seemed to have ended
                self.watched.cancel(order, now_ns)
        order.submitted = True
        if event is not None:
            self._terms(order, event)
        self._report(order, Update.SUBMITTED, event)
        return True

    def _terms(self, order: Order, event: OrderEvent) -> bool:
        """Take over price and quantity unless something newer was said; True when they changed."""
        told_ns = event.transaction_ns or event.venue_ns
        past = event.conditional and not order.conditional  # what it was before it was triggered
        if event.source is Source.LITE or past or told_ns < order.changed_ns:
            return False
        order.changed_ns = told_ns
        changed = False
        if event.price_e is not None and event.price_e != order.price_e:
            order.price_e, changed = event.price_e, True
        if event.qty_e is not None and event.qty_e != order.qty_e:
            order.qty_e, changed = event.qty_e, True
        if event.stop_price_e is not None and event.stop_price_e != order.stop_price_e:
            order.stop_price_e, changed = event.stop_price_e, True
        return changed

    def _fill(self, order: Order, event: OrderEvent, now_ns: int) -> None:
        """Every fill once: two sources, two connections and a restart may tell the same one."""
        name: int | str | None = event.venue_trade_id or event.trade_id
        if name is None or event.last_price_e is None or event.last_qty_e <= 0:
            return
        known = order.fills.get(name)
        if event.fee_listed_e is not None:
            event = self._fees.signed(order, event, known)
        fee_e = event.fee_e
        if known is not None:
            if fee_e is not None and not known.fee_known:
                known.fee_known, known.fee_e = True, fee_e
                self._fees.told(order)
                self._detail(order, event)
            return
        assert event.last_price_e is not None
        fill = order.fills[name] = Fill(0, event.last_price_e, fee_e is not None, fee_e)
        if fee_e is None:
            self._fees.owe(order, now_ns)
        new_e, fill.qty_e = unnamed.new_part(order, event)
        if not new_e:  # reported already, without its name
            if fee_e is not None:
                self._fees.told(order)
            self._detail(order, event, _RECOVERED if unnamed.guessed(event) else 0)
            return
        part = event if new_e == event.last_qty_e else replace(event, last_qty_e=new_e)
        self._book(order, part, _RECOVERED if event.source in _ASKED else 0)

    def _book(self, order: Order, event: OrderEvent, flags: int) -> None:
        assert event.last_price_e is not None
        if order.status in (OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.REJECTED):
            flags |= _LATE
        if event.maker is not None:
            flags |= _MAKER if event.maker else _TAKER
        order.known_qty_e += event.last_qty_e
        order.notional_e += event.last_qty_e * event.last_price_e
        order.filled_qty_e = max(order.filled_qty_e, order.known_qty_e)
        filled = self._whole(order, event) and order.move(OrderStatus.FILLED)
        if not filled:
            order.move(OrderStatus.PARTIALLY_FILLED)
        update = Update.LIQUIDATED if event.liquidation else Update.EXECUTED
        self._out.append(report_of(order, update, event, flags, event))
        if filled:
            self._ended(order)

    def _whole(self, order: Order, event: OrderEvent) -> bool:
        """Whether this fill ended the order, by the venue's word alone: an amend that is not heard
        of yet may have raised the quantity that the fills seem to reach."""
        if event.source is not Source.LITE:
            return event.status is OrderStatus.FILLED
        sizes = [one.qty_e or 0 for one in self.under_way.get(order.key, ())]  # of amends under way
        said = event.qty_e or 0
        return said > 0 and order.known_qty_e >= max(order.qty_e, said, *sizes)

    def _status(self, order: Order, event: OrderEvent) -> None:
        said = event.status
        if said is None or said is OrderStatus.NEW or not order.move(said):
            return
        order.reason = event.reason
        if said in (OrderStatus.CANCELLED, OrderStatus.EXPIRED):
            self._report(order, Update.CANCELLED, event)
        elif said is OrderStatus.TRIGGERED:
            self._report(order, Update.TRIGGERED, event)
        elif said is OrderStatus.FILLED and order.missing_qty_e <= 0:
            self._report(order, Update.EXECUTED, event)  # its fills were told before, one by one
        if said.terminal:
            self._ended(order)

    def _missing(self, order: Order, now_ns: int) -> None:
        """Ask for the fills that the venue counts and nobody told."""
        if order.missing_qty_e > 0:
            self.watched.fills(order, now_ns + SECOND_NS)
        else:
            self.watched.drop(order, Due.FILLS)

    def _alive(self, order: Order, said: bool, asked: bool, now_ns: int) -> None:
        """What an order that lives still needs; ``said``: the venue has told how it stands, by
        itself or, ``asked``, because we asked."""
        if order.status not in ALIVE:
            return
        requests = self.under_way.get(order.key, ())
        if order.known_qty_e >= order.qty_e > 0:
            self.watched.ask_soon(order, now_ns)  # filled whole, yet nobody said so
        elif said and not any(one.unknown for one in requests):
            self.watched.drop(order, Due.ASK)
        if (
            order.cancel_wanted
            and asked
            and not any(one.action is Action.CANCEL for one in requests)
        ):
            self.watched.cancel(order, now_ns)

    def heard(
        self, order: Order, now_ns: int, said: bool, ended: bool, owes: bool, paid: bool
    ) -> None:
        """The rest of an event of the private stream that ``_speedups/hearing.pyx`` took: what it
        means for the plans. ``said``: how the order stands was in it; ``owes``: its fill's fee was
        not; ``paid``: the fee of an earlier fill was. No request of the order is in doubt."""
        self.watched.drop(order, Due.ECHO)
        if said:
            self.watched.affirmed(order)
        if owes:
            self._fees.owe(order, now_ns)
        if paid:
            self._fees.told(order)
        if ended:
            self._ended(order)
        self._missing(order, now_ns)
        self._alive(order, said, False, now_ns)

    def _infer(self, order: Order) -> None:
        """The venue counts more than the fills it tells add up to: book the rest, marked."""
        event = unnamed.inferred(order)
        if event is not None:
            self._book(order, event, _RECOVERED)

    def _ended(self, order: Order) -> None:
        self.watched.drop(order, Due.ASK, Due.CANCEL, Due.ECHO)
        self.orders.ended(order)
        self._settle(order)

    # Inside: what is said

    def _report(
        self, order: Order, update: Update, event: OrderEvent | None = None, flags: int = 0
    ) -> None:
        self._out.append(report_of(order, update, event, flags, None))

    def _detail(self, order: Order, event: OrderEvent, flags: int = 0) -> None:
        self._out.append(detail_of(order, event, flags))

    def _answer(
        self,
        pending: Pending,
        result: Result,
        code: int,
        answer: OrderAnswer | None = None,
        text: str = "",
    ) -> None:
        if pending.command:
            self._out.append(pending.answered(result, code, answer, text))

    def _taken(self) -> Sequence[Effect]:
        out, self._out = self._out, []
        return out
