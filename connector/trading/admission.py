"""What a command must pass before anything of it leaves: may this strategy, now, to this account,
with these numbers. Who breaks a rule gets a Refusal naming code, field, value and limit."""

import re
from collections.abc import Sequence
from enum import IntEnum

import msgspec

from connector._speedups.states import AdmissionState
from connector.clock import monotonic_ns
from connector.model.intents import OWN_COMMAND, Action
from connector.model.order import Order
from connector.model.reports import Code, Field, OrderStatus
from connector.trading import filters
from connector.trading.commands import Command, Refusal, intent
from connector.trading.holdings import mark_of
from connector.trading.ids import Ids
from connector.trading.ledger import Ledger
from connector.trading.pending import Pending
from connector.trading.risk import Risk
from connector.trading.roles import Account, Listed, Session, Stops
from connector.trading.tracker import Tracker
from connector.venues.trading_contract import CannotEncode, Intent, Message, NotNamed

_REDUCING = frozenset({Action.CANCEL, Action.CANCEL_ALL, Action.QUERY})
"""Never stopped by halts, risk, stale books, a draining daemon or their own age."""


class Step(IntEnum):
    """How far the command at hand has come."""

    READ = 0
    JOURNALLED = 1
    OURS = 2
    """It was answered, or will be as a request of ours is."""


class Admission(AdmissionState):
    """The checks of all accounts."""

    def __init__(
        self,
        accounts: Sequence[Account],
        tracker: Tracker,
        ledger: Ledger,
        ids: Ids,
        halts: Stops,
        risk: Risk,
    ) -> None:
        self._accounts, self._tracker = accounts, tracker
        self._ledger, self._ids = ledger, ids
        self._client_id = [re.compile(one.trading.client_id).fullmatch for one in accounts]
        self.halts, self.risk = halts, risk
        self.draining = False

    def account(self, session: Session, command: Command, listed: Listed | None) -> Account:
        """The account, if it and the instrument are for this strategy; raises Refusal."""
        if not 0 <= command.account < len(self._accounts):
            raise Refusal(Code.UNKNOWN_ACCOUNT, Field.ACCOUNT, f"no account {command.account}")
        account = self._accounts[command.account]
        if session.strategy not in account.strategies:
            raise Refusal(
                Code.NOT_PERMITTED,
                Field.ACCOUNT,
                f"{session.strategy!r} may not use account {account.name!r}",
            )
        if (
            listed is None
            or listed.venue != account.venue
            or (
                command.action is Action.PLACE
                and not listed.served
                and not command.number & OWN_COMMAND  # it closes what somebody left there
            )
        ):
            raise Refusal(
                Code.UNKNOWN_INSTRUMENT,
                Field.INSTRUMENT,
                f"account {account.name!r} does not trade instrument {command.instrument}",
            )
        return account

    def admit(
        self,
        session: Session,
        account: Account,
        listed: Listed | None,
        command: Command,
        now_ns: int,
    ) -> tuple[Order | None, Message | None]:
        """Every check, in the order of what is cheapest to say; raises Refusal. No request: it is
        a cancel that cannot be sent yet."""
        assert listed is not None
        order: Order | None = None
        if command.action is not Action.PLACE:
            order = self._named(account, listed, session.strategy, command)
        grows = not reduces(command, order)
        if grows:
            self._may_grow(account, command, now_ns)
        filters.check(command, listed.instrument, listed.mark_e)
        if grows:
            self.risk.check(session.strategy, account, listed, command, order, now_ns)
        if command.action is Action.PLACE:
            order = self._new_order(account, listed, session.strategy, command, now_ns)
        assert order is not None or command.action is not Action.PLACE
        self._ledger.checked_ns = monotonic_ns()
        message = None if order is None else account.encoded(command, listed, order, now_ns)
        if message is None:
            mark_e = mark_of(listed) if command.callback_rate_e is not None else 0
            wanted = intent(command, listed.instrument, mark_e)
            try:
                message = encode(account, wanted, order, now_ns)
            except NotNamed as error:
                if command.action is Action.CANCEL and order is not None:
                    return order, None
                raise Refusal(Code.NOT_YET, error.field, str(error)) from None
        self._ledger.encoded_ns = monotonic_ns()
        if grows:
            account.afford(command.action, message)
            if command.action is Action.PLACE and not command.number & OWN_COMMAND:
                account.guard(listed.instrument, now_ns)
            # Last: whoever halts while this is decided is heard.
            if halted := self.halts.why(account.name, session.strategy):
                raise Refusal(Code.HALTED, text=halted)
            self.took(session.strategy, account, now_ns)
        return order, message

    def overtaken(self, account: Account, pending: Pending, now_ns: int) -> Refusal | None:
        """What has come up since a request that waits was admitted; None: it may still leave."""
        if now_ns > pending.valid_until_ns:
            late_ms = (now_ns - pending.valid_until_ns) / 1e6
            return Refusal(
                Code.STALE_COMMAND,
                Field.VALID_UNTIL,
                f"could have left {late_ms:.1f} ms after it ended",
                now_ns,
                pending.valid_until_ns,
            )
        if self.draining:
            return Refusal(Code.DRAINING)
        halted = self.halts.why(account.name, pending.strategy)
        return Refusal(Code.HALTED, text=halted) if halted else None

    def _may_grow(self, account: Account, command: Command, now_ns: int) -> None:
        if now_ns > command.valid_until_ns:
            late_ns = now_ns - command.valid_until_ns
            raise Refusal(
                Code.STALE_COMMAND,
                Field.VALID_UNTIL,
                f"taken {late_ns / 1e6:.1f} ms after it ended",
                now_ns,
                command.valid_until_ns,
            )
        if self.draining:
            raise Refusal(Code.DRAINING)
        if not account.ready:
            raise Refusal(Code.DISCONNECTED, Field.ACCOUNT, f"{account.name}: not connected")
        if self._ledger.behind():
            raise Refusal(Code.JOURNAL_BEHIND)

    def _new_order(
        self, account: Account, listed: Listed, strategy: str, command: Command, now_ns: int
    ) -> Order:
        name = command.client_order_id or self._ids.client_order_id()
        if not self._client_id[account.index](name):
            raise Refusal(Code.MALFORMED, Field.CLIENT_ORDER_ID, f"not {account.trading.client_id}")
        if self._tracker.orders.by_client_id(account.index, name) is not None:
            raise Refusal(
                Code.DUPLICATE_CLIENT_ID, Field.CLIENT_ORDER_ID, f"{name} was used before"
            )
        return ordered(command, account, listed, strategy, self._ids.key(), name, now_ns)

    def took(self, strategy: str, account: Account, now_ns: int) -> None:
        """A new order or an amend goes out."""
        self.risk.took(strategy, account, now_ns)

    def _named(
        self, account: Account, listed: Listed, strategy: str, command: Command
    ) -> Order | None:
        """The order a command means; None: one of the account that we have not heard of."""
        orders = self._tracker.orders
        order: Order | None = None
        if command.order_key:
            order = orders.get(command.order_key)
        elif command.placed_by:
            order = orders.by_command(strategy, command.placed_by)
        elif command.client_order_id:
            order = orders.by_client_id(account.index, command.client_order_id)
        else:
            name = command.venue_order_id or command.order_id
            assert name is not None
            order = orders.by_venue_id(account.index, listed.instrument.symbol, name)
        if order is None:
            if command.order_key:
                raise Refusal(Code.MALFORMED, Field.ORDER_ID, f"no order {command.order_key}")
            if command.placed_by:
                text = f"command {command.placed_by} placed no order"
                raise Refusal(Code.MALFORMED, Field.ORDER_ID, text)
            _same(command, None)
            return None
        _same(command, order)
        if order.account != account.index or order.instrument.symbol != listed.instrument.symbol:
            raise Refusal(
                Code.MALFORMED, Field.INSTRUMENT, "the order is of another account or instrument"
            )
        if not order.foreign and order.strategy != strategy:
            raise Refusal(
                Code.NOT_PERMITTED, Field.ORDER_ID, "the order belongs to another strategy"
            )
        return order


def ordered(
    command: Command,
    account: Account,
    listed: Listed,
    strategy: str,
    key: int,
    name: str,
    now_ns: int,
) -> Order:
    """The new order a command asks for."""
    return Order(
        key=key,
        account=account.index,
        strategy=strategy,
        instrument=listed.instrument,
        client_order_id=name,
        side=command.side,
        order_type=command.order_type,
        time_in_force=command.time_in_force,
        position_side=command.position_side,
        reduce_only=command.reduce_only,
        conditional=command.order_type.conditional,
        price_e=command.price_e,
        qty_e=command.qty_e or 0,
        stop_price_e=command.stop_price_e,
        command=command.number,
        ref_id=command.ref_id,
        created_ns=now_ns,
    )


def _same(command: Command, order: Order | None) -> None:
    """Several names of an order must mean one order, which nobody can say of one that is not
    known; raises Refusal."""
    said = (command.client_order_id, command.venue_order_id, command.order_id)
    if order is not None:
        ids = (order.order_id, order.conditional_id)
        other = (
            (said[0] and said[0] != order.client_order_id)
            or (said[1] and said[1] != order.venue_order_id)
            or (said[2] is not None and any(ids) and said[2] not in ids)
        )
    else:
        other = bool(said[0]) + bool(said[1]) + (said[2] is not None) > 1
    if other:
        raise Refusal(Code.MALFORMED, Field.ORDER_ID, "the names given are not of one order")


def wish(command: Command, listed: Listed, order: Order | None) -> Intent:
    """What a command wants, under every name the order has."""
    wanted = intent(command, listed.instrument)
    return wanted if order is None else _of(order, wanted)


def encode(account: Account, wanted: Intent, order: Order | None, now_ns: int) -> Message:
    """The signed request, under every name the order has; raises Refusal, and NotNamed."""
    if order is not None:
        wanted = _of(order, wanted)
        unborn = wanted.conditional and order.status is OrderStatus.TRIGGERED
        if wanted.action is Action.AMEND and unborn:
            raise Refusal(
                Code.NOT_YET,
                Field.ACTION,
                "the venue has not told yet which order the trigger made: ask again",
            )
    try:
        return account.encode(wanted, now_ns)
    except NotNamed:
        raise
    except CannotEncode as error:
        raise Refusal(Code.NOT_SUPPORTED, error.field, str(error)) from None


def reduces(command: Command, order: Order | None) -> bool:
    """Nothing may stop it: a cancel, a question, or an amend that can only make less of the order,
    which is as good as a cancel of a part of it."""
    return command.action in _REDUCING or (
        command.action is Action.AMEND
        and order is not None
        and command.qty_e is not None
        and command.qty_e < order.qty_e
        and command.price_e in (None, order.price_e)
    )


def _of(order: Order, intent: Intent) -> Intent:
    """The intent with every name the order has, and what an amend leaves as it is."""
    if intent.action is Action.PLACE:
        return msgspec.structs.replace(intent, client_order_id=order.client_order_id)
    amend = intent.action is Action.AMEND
    return msgspec.structs.replace(
        intent,
        client_order_id=order.client_order_id,
        order_id=order.conditional_id if order.conditional else order.order_id,
        venue_order_id=order.venue_order_id,
        conditional=order.conditional,
        side=order.side,
        order_type=order.order_type,
        position_side=order.position_side,
        price_e=order.price_e if amend and intent.price_e is None else intent.price_e,
        qty_e=order.qty_e if amend and intent.qty_e is None else intent.qty_e,
    )
