"""The short way of common commands to the venue, beside the desk's (``_speedups/lane.pyx``): which
commands may take it, and what is to be done behind one that left."""

import logging
import re

from connector._speedups.desk import Command
from connector._speedups.lane import Bound, Route
from connector._speedups.lane import Lane as Kernel
from connector._speedups.order_ids import Ids
from connector._speedups.segment import Segment
from connector.accounts import AccountService
from connector.desk import Desk
from connector.market.live import Live
from connector.model.instrument import Instrument, Status
from connector.model.intents import Action, PositionSide
from connector.model.order import Order
from connector.trading.admission import ordered
from connector.trading.halts import CLEAR, Halts
from connector.trading.holdings import Owner
from connector.trading.journal import BEHIND_NS, Journals
from connector.trading.pending import Pending
from connector.trading.refs import Refs
from connector.trading.roles import Session
from connector.transport.http_connection import Connection
from connector.transport.order_socket import Line, next_number

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
        self.kernel = Kernel(
            slow=desk.take,
            learn=self._route,
            book=self._book,
            failed=self._failed,
            desk=desk,
            halts=halts,
            ids=ids,
            drain=journals.drain,
            most_bytes=journals.behind_bytes,
            most_ns=BEHIND_NS,
            segment=segment,
            clear=CLEAR,
            numbers=next_number,
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
        if encoder is None or listed.instrument.inverse:
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

    def _book(
        self,
        session: Session,
        command: Command,
        route: Route,
        order: Order | None,
        key: int,
        name: str,
        read_ns: int,
        request: int,
        sent_ns: int,
        left_ns: int,
        connection: Connection | Line,
        data: bytes,
        fault: Exception | None,
    ) -> None:
        """What the desk does for a request before it leaves. ``order``: the one a cancel means.
        ``fault``: what came of the write."""
        desk, account, strategy = self._desk, route.account, session.strategy
        action, placing = command.action, order is None
        if order is None:
            order = ordered(command, account, route.listed, strategy, key, name, read_ns)
        pending = Pending(
            request=request,
            order=order,
            account=account.index,
            strategy=strategy,
            action=action,
            command=command.number,
            ref_id=command.ref_id,
            batch=command.batch,
            sent_ns=sent_ns,
            deadline_ns=read_ns + account.trading.window_ns,
            price_e=command.price_e,
            qty_e=command.qty_e,
            valid_until_ns=command.valid_until_ns,
            reduces=not placing,
            instrument=command.instrument,
        )
        try:
            if placing:
                desk.tracker.register(order)
            desk.tracker.requested(pending)
            message = route.encoding.message(data, account.trading.charges[action])
            account.carried(request, action, message, connection, left_ns)
            if command.ref_id:
                refs = desk.refs.get(strategy)
                if refs is None:
                    refs = desk.refs[strategy] = Refs()
                refs.add(command.ref_id, b"", command.number, read_ns, command.slot)
            if placing and not order.reduce_only:
                for bound in route.bounds:
                    if bound.holding is not None:
                        desk.holdings.remark(bound.owner, bound.holding)
            desk.holdings.order(order)
            if placing:
                for bound in route.bounds:
                    bound.owner.pace(read_ns)
                desk.admission.took(strategy, account, read_ns)
            self._journals.handed(strategy, route.opened)
        except Exception as error:
            fault = fault or error
        if fault is not None:
            desk.outbox.settle([pending], fault, True)

    def _failed(self, session: Session, error: Exception) -> None:
        """The desk takes a command from the beginning that the short way stumbled over."""
        log.error("the short way failed", extra={"strategy": session.strategy}, exc_info=error)
