"""The short way of common commands to the venue, beside the desk's (``_speedups/lane.pyx``): which
commands may take it, and what is to be done behind one that left."""

import logging
import re
from collections.abc import Sequence

from msgspec.structs import force_setattr

from connector._speedups.booking import Booking, Form, Kind, Owned
from connector._speedups.lane import Bound, Route
from connector._speedups.lane import Lane as Kernel
from connector._speedups.order_ids import Ids
from connector._speedups.segment import Segment
from connector.accounts import AccountService
from connector.desk import Desk
from connector.flights import Flying
from connector.market.live import Live
from connector.model.instrument import Instrument, Status
from connector.model.intents import Action, PositionSide
from connector.model.order import Order
from connector.trading.admission import ordered
from connector.trading.budget import Spent
from connector.trading.commands import Command
from connector.trading.halts import CLEAR, Halts
from connector.trading.holdings import Owner
from connector.trading.journal import BEHIND_NS, Journals, Open
from connector.trading.pending import Pending
from connector.trading.refs import Known, Refs
from connector.trading.roles import Session
from connector.transport import order_socket
from connector.venues.trading_contract import Encoded

log = logging.getLogger("connector.lane")

_ID = "0" * 8
"""The end of a client order id, as far as its letters matter."""


def _place(account: int, instrument: Instrument) -> tuple[int, str, int]:
    """Of an owner's holdings."""
    return account, instrument.symbol, PositionSide.BOTH.value


class Lane:
    """In front of a desk; ``take`` takes commands as ``Desk.take`` does."""

    def __init__(
        self, desk: Desk, journals: Journals, halts: Halts, ids: Ids, segment: Segment
    ) -> None:
        self._desk, self._journals, self._ids = desk, journals, ids
        booking = Booking(
            desk=desk,
            segment=segment,
            handed=journals.handed,
            spent=Spent,
            encoded=Encoded,
            known=Known(b"", 0, 0),
            refs=Refs,
            force=force_setattr,
            amend=Action.AMEND,
        )
        self.kernel = Kernel(
            slow=desk.take,
            learn=self._route,
            booking=booking,
            unbooked=self._unbooked,
            failed=self._failed,
            desk=desk,
            halts=halts,
            ids=ids,
            drain=journals.drain,
            most_bytes=journals.behind_bytes,
            most_ns=BEHIND_NS,
            segment=segment,
            clear=CLEAR,
            numbers=order_socket.NUMBERS,
        )
        self.take = self.kernel.take

    # Which commands

    def _route(self, session: Session, account: int, instrument: int) -> Route | None:
        """The way of a strategy's common commands; None: there is none, or not yet."""
        if not 0 <= account < len(self._desk.accounts):
            return None
        to, listed = self._desk.accounts[account], self._desk.listed_at(instrument)
        if (
            not isinstance(to, AccountService)
            or not isinstance(listed, Live)
            or listed.venue != to.venue
            or not listed.served
            or session.strategy not in to.strategies
            or not to.short()
            or listed.instrument.status is not Status.TRADING
            or Action.PLACE not in to.trading.charges
            or Action.CANCEL not in to.trading.charges
            or not re.fullmatch(to.trading.client_id, self._ids.stem + _ID)
        ):
            return None
        encoder = to.encoding.writer(listed)
        if encoder is None:
            return None
        holdings = self._desk.holdings
        owners = holdings.account(account), holdings.strategy(session.strategy)
        for owner in owners:  # what exposure is measured against is begun by the desk's own check
            exposed = owner.limits is not None and owner.limits.exposure_e is not None
            if exposed and _place(account, listed.instrument) not in owner.holdings:
                return None
        opened = self._journals.opened(session.strategy)
        to.budget.prepare(to.trading.charges[Action.PLACE])
        try:
            return Route(
                session.strategy,
                to,
                listed,
                listed.kernel,
                to.encoding,
                encoder,
                opened,
                opened.journal,
                [self._bound(one, account, listed.instrument) for one in owners if one.limits],
                to.trading.window_ns,
                to.trading.charges[Action.PLACE].name,
                to.socket is not None,
                self._form(to, listed, session.strategy, owners, opened),
            )
        except (OverflowError, ValueError) as error:  # numbers past 63 bits
            log.warning("no short way: %s", error, extra={"symbol": listed.instrument.symbol})
            return None

    def _bound(self, owner: Owner, account: int, instrument: Instrument) -> Bound:
        assert owner.limits is not None
        holding = None
        if owner.limits.exposure_e is not None:
            holding = owner.holdings[_place(account, instrument)]
        most_e = self._desk.admission.risk.most_e(owner, instrument)
        return Bound(owner, owner.limits, most_e, holding)

    # What is done behind one

    def _form(
        self, to: AccountService, listed: Live, strategy: str, owners: Sequence[Owner], opened: Open
    ) -> Form:
        instrument = listed.instrument
        order = Order(
            key=0,
            account=to.index,
            strategy=strategy,
            instrument=instrument,
            position_side=PositionSide.BOTH,
        )
        return Form(
            order=order,
            place=self._kind(to, listed, strategy, Action.PLACE),
            cancel=self._kind(to, listed, strategy, Action.CANCEL),
            owned=[self._owned(one, to.index, instrument) for one in owners],
            account=to,
            feed=listed.kernel,
            strategy=strategy,
            opened=opened,
            flights=to.flights.flying,
            places=to.board.places,
            open=self._desk.tracker.orders.open_in(to.index),
            window_ns=to.trading.window_ns,
        )

    def _kind(self, to: AccountService, listed: Live, strategy: str, action: Action) -> Kind:
        pending = Pending(
            request=0,
            order=None,
            account=to.index,
            strategy=strategy,
            action=action,
            reduces=action is Action.CANCEL,
            instrument=listed.index,
        )
        charge = to.trading.charges[action]
        message = None if to.socket is None else to.encoding.message(b"", charge)
        return Kind(pending, Flying(action), message, charge)

    def _owned(self, owner: Owner, account: int, instrument: Instrument) -> Owned:
        holding = self._desk.holdings.holding(owner, account, instrument, PositionSide.BOTH)
        limits = owner.limits
        return Owned(
            owner,
            holding,
            limits is not None and limits.exposure_e is not None,
            limits is not None and limits.orders_per_second is not None,
        )

    def _unbooked(
        self,
        route: Route,
        slot: bytes,
        order: Order | None,
        key: int,
        name: bytes,
        read_ns: int,
        request: int,
        sent_ns: int,
        error: Exception,
    ) -> None:
        """A request has left, and not all was done that is to be done behind it (memory ran out):
        the rest is, by the desk's words, and the venue is asked what became of it. ``order``: what
        a cancel means; ``name``: the client order id, zeros behind it."""
        desk, tracker, account = self._desk, self._desk.tracker, route.account
        command, strategy = Command(slot), route.strategy
        if command.action is Action.PLACE:
            order = tracker.orders.get(key)
            if order is None:
                said = name.rstrip(b"\0").decode()
                order = ordered(command, account, route.listed, strategy, key, said, read_ns)
            tracker.register(order)
        pending = tracker.request(request)
        if pending is None:
            pending = Pending(
                request=request,
                order=order,
                account=account.index,
                strategy=strategy,
                action=command.action,
                command=command.number,
                ref_id=command.ref_id,
                batch=command.batch,
                sent_ns=sent_ns,
                deadline_ns=read_ns + account.trading.window_ns,
                price_e=command.price_e,
                qty_e=command.qty_e,
                valid_until_ns=command.valid_until_ns,
                reduces=command.action is Action.CANCEL,
                instrument=route.listed.index,
            )
        if pending not in tracker.under_way.get(key, ()):
            tracker.requested(pending)
        refs = desk.refs.setdefault(strategy, Refs())
        if command.ref_id and refs.get(command.ref_id) is None:
            refs.add(command.ref_id, b"", command.number, read_ns, slot)
        account.settle_flight(request, Flying(command.action, left_ns=sent_ns))
        if order is not None:
            desk.holdings.order(order)
        self._journals.handed(strategy, self._journals.opened(strategy))
        desk.outbox.settle([pending], error, True)

    def _failed(self, session: Session, error: Exception) -> None:
        """The desk takes a command from the beginning that the short way stumbled over."""
        log.error("the short way failed", extra={"strategy": session.strategy}, exc_info=error)
