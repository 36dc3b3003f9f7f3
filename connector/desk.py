"""The desk: a strategy's command in, a signed request out; what comes back in, reports out.

Every command is journalled before anything of it leaves, refused ones too. What an answer or an
event means is the tracker's; how a request travels is the account's."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType

import msgspec

from connector._speedups.hearing import Hearing
from connector._speedups.segment import Segment
from connector.model.counters import Counter, Hop
from connector.model.intents import Action
from connector.model.order import Order
from connector.model.reports import Code, Field, OrderStatus, Result, Text
from connector.trading.admission import Admission, Step, reduces, wish
from connector.trading.batching import Held
from connector.trading.commands import Command, Refusal, read
from connector.trading.effects import (
    NO_PLACE,
    Answered,
    Ask,
    AskFills,
    Detail,
    Effect,
    Report,
    SendCancel,
    StreamGap,
    state_of,
)
from connector.trading.hearing import hearing
from connector.trading.holdings import FILLS, Holdings, mark_of
from connector.trading.ids import Ids
from connector.trading.ledger import NOBODY, Ledger
from connector.trading.outbox import Outbox
from connector.trading.positions import Positions
from connector.trading.refs import Refs, content
from connector.trading.risk import Limits, Risk
from connector.trading.roles import Account, Listed, Session, Stops
from connector.trading.tracker import Tracker
from connector.venues.trading_contract import (
    AccountEvent,
    BalanceEvent,
    OrderAnswer,
    OrderEvent,
    PositionEvent,
    UserEvent,
)

log = logging.getLogger("connector.desk")


class Desk:
    """The order path of all accounts.

    ``listed`` gives the instrument of a directory index, ``find`` the one of a venue and symbol;
    ``clock`` is CLOCK_MONOTONIC."""

    def __init__(
        self,
        accounts: Sequence[Account],
        ledger: Ledger,
        ids: Ids,
        *,
        listed: Callable[[int], Listed | None],
        find: Callable[[int, str], Listed | None],
        halts: Stops,
        clock: Callable[[], int],
        observe: Callable[[int, int], object] = lambda hop, duration_ns: None,
        wall: Callable[[], int] = lambda: 0,
        count: Callable[[Counter, int], object] = lambda counter, amount: None,
        limits: Mapping[tuple[str, str], Limits] = MappingProxyType({}),
    ) -> None:
        self.accounts = accounts
        self.tracker = Tracker(
            ids.key,
            lambda account: accounts[account].trading.denial,
            lambda account: accounts[account].trading.lookups.since is not None,
        )
        self.tracker.orders.met = ids.met
        self.holdings = Holdings(
            accounts,
            limits,
            lambda account, symbol: mark_of(find(accounts[account].venue, symbol)),
            self.tracker.amends,
            wall,
        )
        self.admission = Admission(accounts, self.tracker, ledger, ids, halts, Risk(self.holdings))
        self.positions = Positions()
        self._step = Step.READ
        self._command: Command | None = None
        self._taking = "", 0
        self._order: Order | None = None
        """Registered for the command at hand."""
        self._ledger = ledger
        self.listed_at, self._find = listed, find
        self._clock, self._observe, self._count = clock, observe, count
        self.refs: dict[str, Refs] = {}
        self.outbox = Outbox(
            accounts, self.tracker, self.holdings, ledger, find, clock, self.perform, count
        )

    def hearing(
        self,
        account: Account,
        segment: Segment,
        rest: Callable[[bytes, int, int], object],
        tell: Callable[[Sequence[UserEvent], int], object],
    ) -> Hearing | None:
        """The short way of an account's plain events, beside `order_event`; None: it has none.
        ``rest(frame, recv_ns, done)`` is given a frame that says more than its first ``done``
        events, which were taken, ``tell(events, recv_ns)`` what is no order's."""
        return hearing(
            segment, account, self.tracker, self.positions, self.holdings, self._ledger,
            find=self._find, clock=self._clock, rest=rest, tell=tell,
            fault=self.outbox.fault,
        )  # fmt: skip

    def hearers(self, order: Order) -> list[str]:
        """Whose journals tell of an order."""
        if order.strategy:
            return [order.strategy]
        return sorted(self.accounts[order.account].foreign_to) or [NOBODY]

    # From a strategy

    def take(self, session: Session, slot: bytes, read_ns: int) -> None:
        """One command, as copied from the session's ring; a fault of ours is answered, too."""
        self._step, self._command, self._order = Step.READ, None, None
        self._taking = session.strategy, int.from_bytes(slot[:8], "little")
        try:
            self._read(session, slot, read_ns)
        except Exception as error:
            self._failed(session, slot, read_ns, error)

    def _read(self, session: Session, slot: bytes, read_ns: int) -> None:
        try:
            command = self._command = read(slot)
        except Refusal as refusal:
            self._ledger.unread(session, slot, read_ns, refusal, self.listed_at, self.accounts)
            return
        self.outbox.held.next(session, command)
        self._take(session, command, slot, read_ns)
        if command.batch == command.batch_size:
            self.outbox.held.end()

    def taken(self) -> None:
        """There are no more commands for now: a batch that is not whole leaves as it is."""
        self.outbox.held.end()

    def _take(self, session: Session, command: Command, slot: bytes, read_ns: int) -> None:
        refs = self.refs.setdefault(session.strategy, Refs())
        if command.ref_id and (known := refs.get(command.ref_id)) is not None:
            self._repeat(session, command, slot, read_ns, known.digest() == content(slot))
            return
        if command.ref_id:
            refs.add(command.ref_id, b"", command.number, read_ns, slot)
        listed = self.listed_at(command.instrument)
        try:
            account = self.admission.account(session, command, listed)
            if command.action is Action.CANCEL_ALL:
                self._cancel_all(session, account, listed, command, slot, read_ns)
                return
            order, message = self.admission.admit(session, account, listed, command, read_ns)
        except Refusal as refusal:
            self._journal(session, command, slot, read_ns, listed, None, refusal.code)
            self._refuse(session.strategy, command, refusal)
            return
        if order is not None and command.action is Action.PLACE:
            self.tracker.register(order)
            self._order = order
        if order is not None and command.action in (Action.PLACE, Action.AMEND):
            # Others of its batch are measured before it leaves.
            self.holdings.order(order, command.qty_e or 0)
        self._journal(session, command, slot, read_ns, listed, order, Code.ACCEPTED)
        pending = self.outbox.pending(account, order, command.action, session.strategy, read_ns)
        pending.command, pending.ref_id = command.number, command.ref_id
        pending.batch, pending.instrument = command.batch, command.instrument
        pending.price_e, pending.qty_e = command.price_e, command.qty_e
        pending.reduces = reduces(command, order)
        pending.valid_until_ns = command.valid_until_ns
        if message is None:
            self._step = Step.OURS
            self.outbox.pursue(pending)
        elif command.batch_size > 1 and account.trading.batches is not None:
            assert listed is not None
            wanted = wish(command, listed, order)
            self.outbox.held.add(session, command, Held(account, listed, pending, wanted, message))
            self._step = Step.OURS
        else:
            self._step = Step.OURS
            self.outbox.send(account, listed, pending, message)
            self._observe(Hop.TAKE_TO_SENT.value, self._clock() - read_ns)

    def _cancel_all(
        self,
        session: Session,
        account: Account,
        listed: Listed | None,
        command: Command,
        slot: bytes,
        read_ns: int,
    ) -> None:
        """One cancel for each own order: the venue's own cancel-all would end everybody's."""
        assert listed is not None
        self._journal(session, command, slot, read_ns, listed, None, Code.ACCEPTED)
        symbol = listed.instrument.symbol
        mine = [
            one
            for one in self.tracker.orders.open_of(account.index)
            if one.strategy == session.strategy and one.instrument.symbol == symbol
        ]
        for order in mine:
            order.cancel_wanted = True
        said = Answered(
            strategy=session.strategy,
            order=None,
            account=account.index,
            command=command.number,
            action=command.action,
            ref_id=command.ref_id,
            result=Result.ACCEPTED,
            code=Code.ACCEPTED.value,
            batch=command.batch,
            instrument=command.instrument,
        )
        try:
            self._answer(said)
        finally:
            for order in mine:
                self.outbox.cancel(order)

    # From the venue

    def answered(
        self,
        account: Account,
        request: int,
        answer: OrderAnswer,
        recv_ns: int = 0,
        left_ns: int = 0,
    ) -> None:
        """The answer to a request, judged; ``recv_ns``: when it came, ``left_ns``: when its request
        left, CLOCK_MONOTONIC, 0: not known."""
        self._ledger.answer_ns, self._ledger.left_ns = recv_ns, left_ns
        try:
            self._answered(account, request, answer)
        finally:
            self._ledger.answer_ns = self._ledger.left_ns = 0

    def _answered(self, account: Account, request: int, answer: OrderAnswer) -> None:
        now_ns = self._clock()
        echo_ns = now_ns + account.trading.stream.echo_ns
        self.perform(self.tracker.answered(request, answer, now_ns, echo_ns))
        said = answer.order
        if said is None:
            return
        if self.tracker.orders.find(account.index, said) is None:
            self.order_event(account, said)  # an order nobody here had heard of
        elif said.unfit:
            self._unfit(account, said)

    def lost(self, request: int) -> None:
        """Sent, and no answer will come."""
        self.perform(self.tracker.lost(request, self._clock()))

    def unsent(self, request: int, why: str, code: Code = Code.DISCONNECTED) -> None:
        """Not one byte of it left."""
        self.perform(self.tracker.unsent(request, code, self._clock(), why))

    def stopped(self, account: Account, request: int) -> Refusal | None:
        """Why a request that waited must not leave any more; None: it may."""
        pending = self.tracker.request(request)
        if pending is None or pending.reduces or not pending.command:
            return None
        return self.admission.overtaken(account, pending, self._clock())

    def words(self, account: Account, request: int) -> Callable[[Text, bytes, int], None]:
        """Where to write what went over the wire for a request, to be asked for before its answer
        is given: kind, text without secrets, status of the answer. 0: for no request."""
        pending = self.tracker.request(request)
        strategy = (pending.strategy if pending else "") or NOBODY

        def write(what: Text, text: bytes, status: int) -> None:
            self._ledger.text(strategy, what, text, account=account, pending=pending, status=status)

        return write

    def heard(self, recv_ns: int) -> None:
        """A frame that was received then is about to be told of; 0: it was."""
        self._ledger.recv_ns = recv_ns

    def order_event(self, account: Account, event: OrderEvent, asked_ns: int = 0) -> None:
        """What the venue says about an order."""
        now_ns = self._clock()
        effects = self.tracker.event(account.index, event, now_ns, asked_ns)
        if not effects and self.tracker.orders.find(account.index, event) is None:
            listed = self._find(account.venue, event.symbol)
            instrument = listed.instrument if listed else account.scales(event.symbol)
            if instrument is not None:
                effects = self.tracker.stranger(account.index, event, instrument, now_ns)
        if event.unfit:
            self._unfit(account, event)
        self.perform(effects)

    def _unfit(self, account: Account, event: OrderEvent) -> None:
        """Something was filled in a number that cannot be taken whole: told of once, however often
        the channel, lists and answers repeat it."""
        orders = self.tracker.orders
        order = orders.find(account.index, event)
        if order is not None:
            told = orders.odd.setdefault(order.key, set())
            if event.unfit in told:
                return
            told.add(event.unfit)
        self._count(Counter.NUMBER_ERRORS, 1)
        log.error(
            "an order's numbers do not fit its instrument: %s",
            event.unfit,
            extra={"account": account.name, "instrument": event.symbol,
                   "order": event.venue_order_id or event.client_order_id},
        )  # fmt: skip

    def absent(self, order: Order, asked_ns: int) -> None:
        """The venue does not know an order it was asked for at ``asked_ns``."""
        self.perform(self.tracker.absent(order, asked_ns, self._clock()))

    def listed(self, account: Account, events: Sequence[OrderEvent], asked_ns: int) -> None:
        """These were all open orders when the venue was asked; each was an `order_event` before."""
        found = (self.tracker.orders.find(account.index, event) for event in events)
        keys = [order.key for order in found if order is not None]
        self.tracker.listed(account.index, keys, asked_ns, self._clock())

    def stream_up(self, account: Account) -> None:
        """The private stream delivers."""
        self.tracker.stream_up(account.index, self._clock())

    def stream_down(self, account: Account) -> None:
        """It does not."""
        self.tracker.stream_down(account.index, self._clock())

    def account_event(self, account: Account, event: AccountEvent) -> None:
        """What the venue says about the account; told to every strategy that may use it."""
        if isinstance(event, PositionEvent):
            if not self.positions.said(account.index, event):
                return
            self.holdings.said(account, event)
        if isinstance(event, BalanceEvent):
            if not self.positions.balance(account.index, event):
                return
            self.holdings.paid(account, event)
        for strategy in sorted(account.strategies) or [NOBODY]:
            self._tell(account, event, strategy)

    def _tell(self, account: Account, event: AccountEvent, strategy: str) -> None:
        symbol = "" if isinstance(event, BalanceEvent) else event.symbol
        listed = self._find(account.venue, symbol) if symbol else None
        own_e = 0
        if isinstance(event, PositionEvent):
            own_e = self.positions.own(strategy, (account.index, symbol, event.position_side))
        self._ledger.account(strategy, event, own_e, listed, account)

    def positions_listed(
        self, account: Account, events: Sequence[PositionEvent], venue_ns: int
    ) -> None:
        """These were all positions when the venue was asked: what is not among them is closed."""
        for event in self.positions.listed(account.index, events, venue_ns):
            self.account_event(account, event)

    def tell_state(self, strategy: str) -> None:
        """How everything stands, for a strategy that has just attached: its open orders and what is
        known of its accounts, between SNAPSHOT_BEGIN and SNAPSHOT_END."""
        mine = [account for account in self.accounts if strategy in account.strategies]
        orders = [
            order
            for account in mine
            for order in self.tracker.orders.open_of(account.index)
            if order.strategy == strategy or (order.foreign and strategy in account.foreign_to)
        ]
        events: list[tuple[Account, AccountEvent]] = []
        for account in mine:
            events += [(account, one) for one in self.positions.held(strategy, account.index)]
            events += [(account, one) for one in self.positions.balances(account.index)]
        with self._ledger.snapshot(strategy, len(orders), len(events)):
            for order in orders:
                account = self.accounts[order.account]
                listed = self._find(account.venue, order.instrument.symbol)
                self._ledger.order(state_of(order), [strategy], listed, account)
            for account, event in events:
                self._tell(account, event, strategy)

    def tick(self, now_ns: int) -> Iterator[None]:
        """About every 50 ms, a piece for each turn of the loop."""
        self.perform(self.tracker.tick(now_ns))
        yield from self.holdings.tick()

    # Effects

    def perform(self, effects: Sequence[Effect]) -> None:
        """Journal what is reported, in order; send and ask what is wanted. Strategies hear first;
        what it changes of the holdings is counted before another command can be taken."""
        try:
            for effect in effects:
                try:
                    self._perform(effect)
                except Exception as error:  # of ours; the others are owed all the same
                    self.outbox.fault(error, *_whose(effect))
        finally:
            self.holdings.follow(effects)

    def _perform(self, effect: Effect) -> None:
        if isinstance(effect, Report):
            if effect.update in FILLS:
                self.positions.filled(effect)
            self._write(effect)
        elif isinstance(effect, Answered):
            self._answer(effect)
        elif isinstance(effect, Detail):
            self._write(effect)
        elif isinstance(effect, SendCancel):
            self.outbox.cancel(effect.order)
        elif isinstance(effect, Ask):
            self.accounts[effect.order.account].ask(effect.order)
        elif isinstance(effect, AskFills):
            self.accounts[effect.order.account].ask_fills(effect.order, effect.spare)
        elif isinstance(effect, StreamGap):
            self.accounts[effect.account].gap(effect.why)

    def _write(self, effect: Report | Detail) -> None:
        order = effect.order
        account = self.accounts[order.account]
        listed = self._find(account.venue, order.instrument.symbol)
        self._ledger.order(effect, self.hearers(order), listed, account)

    def _answer(self, effect: Answered) -> None:
        account, order, listed = self.accounts[effect.account], effect.order, None
        if order is not None:
            listed = self._find(account.venue, order.instrument.symbol)
        elif effect.instrument != NO_PLACE:
            listed = self.listed_at(effect.instrument)
        self._ledger.answer(effect, listed, account)
        if (effect.strategy, effect.command) == self._taking:
            self._step = Step.OURS
        refs = self.refs.get(effect.strategy)
        known = refs.get(effect.ref_id) if refs and effect.ref_id else None
        if known is None or known.command != effect.command:
            return
        known.answered(effect)
        for number in known.repeats:
            self._answer(_again(effect, number))

    # Faults of ours

    def _failed(self, session: Session, slot: bytes, read_ns: int, error: Exception) -> None:
        """A command that failed before it was a request: answered, unless it was. What is raised
        here nobody can be told any more; its order is gone by then."""
        self.outbox.fault(error, *self._taking)
        command, order, step = self._command, self._order, self._step
        refusal = Refusal(Code.INTERNAL)
        if step >= Step.OURS:
            return
        if order is not None and order.move(OrderStatus.REJECTED):
            self.tracker.orders.ended(order)
            self.holdings.order(order)
        if command is None:
            self._ledger.unread(session, slot, read_ns, refusal, self.listed_at, self.accounts)
            return
        if step < Step.JOURNALLED:
            listed = self.listed_at(command.instrument)
            self._journal(session, command, slot, read_ns, listed, order, Code.INTERNAL)
        self._refuse(session.strategy, command, refusal)

    # Refusals

    def _refuse(self, strategy: str, command: Command, refusal: Refusal) -> None:
        in_range = 0 <= command.account < len(self.accounts)
        self._answer(
            Answered(
                strategy=strategy,
                order=None,
                account=command.account if in_range else 0,
                command=command.number,
                action=command.action,
                ref_id=command.ref_id,
                result=Result.REFUSED,
                code=refusal.code.value,
                text=str(refusal),
                field=refusal.field,
                value_e=refusal.value_e,
                limit_e=refusal.limit_e,
                batch=command.batch,
                instrument=command.instrument,
            )
        )

    def _repeat(
        self, session: Session, command: Command, slot: bytes, read_ns: int, same: bool
    ) -> None:
        known = self.refs[session.strategy].get(command.ref_id)
        assert known is not None
        code = Code.ACCEPTED if same else Code.DUPLICATE_REF
        listed = self.listed_at(command.instrument)
        self._journal(session, command, slot, read_ns, listed, None, code)
        if not same:
            text = f"{command.ref_id} was used with other content"
            self._refuse(session.strategy, command, Refusal(Code.DUPLICATE_REF, Field.REF_ID, text))
            return
        known.repeats.append(command.number)
        for answer in list(known.answers):
            self._answer(_again(answer, command.number))

    def _journal(
        self,
        session: Session,
        command: Command,
        slot: bytes,
        read_ns: int,
        listed: Listed | None,
        order: Order | None,
        code: Code,
    ) -> None:
        account = None
        if 0 <= command.account < len(self.accounts):
            account = self.accounts[command.account]
        self._ledger.command(session, command, slot, read_ns, listed, account, order, code)
        self._step = Step.JOURNALLED


def _whose(effect: Effect) -> tuple[str, int]:
    """The strategy and the command that an effect concerns."""
    if isinstance(effect, Answered):
        return effect.strategy, effect.command
    return ("", 0) if isinstance(effect, StreamGap) else (effect.order.strategy, 0)


def _again(answer: Answered, command: int) -> Answered:
    return msgspec.structs.replace(answer, command=command)
