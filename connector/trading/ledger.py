"""What the order path writes into the journals: commands, what left, and every report."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from connector._speedups.desk import command_body, sent_body
from connector.model.order import Order
from connector.model.packing import layout
from connector.model.records import NO_INSTRUMENT, RecordType
from connector.model.reports import Code, ReportFlag, Text
from connector.trading import reports
from connector.trading.commands import Command, Refusal
from connector.trading.effects import Answered, Detail, Report
from connector.trading.pending import Pending
from connector.trading.roles import Account, Journals, Listed, Session
from connector.venues.trading_contract import (
    AccountConfigEvent,
    AccountEvent,
    BalanceEvent,
    PositionEvent,
)

NOBODY = "-"
"""The journal of what belongs to no strategy."""
_SLOT = layout("Command")
_SNAPSHOT = layout("SnapshotBody")
_TEXT = layout("TextBody")
TEXT_BYTES = 4096
"""Most of a text that is kept."""


class Ledger:
    """Writes to the journals; ``wall`` is Unix time."""

    def __init__(self, journals: Journals, wall: Callable[[], int]) -> None:
        self.journals, self.wall = journals, wall
        self._flags = ReportFlag(0)
        self.recv_ns = 0
        """When the frame was received that is being told of, CLOCK_MONOTONIC; 0: it is none."""
        self.answer_ns = self.left_ns = 0
        """Of the answer that is being judged: when it came, and when its request left; 0: none."""
        self.checked_ns = self.encoded_ns = 0
        """Of the command that is being admitted."""

    def behind(self) -> bool:
        """Too far from the disk for new orders."""
        return self.journals.behind()

    def command(
        self,
        session: Session,
        command: Command,
        slot: bytes,
        read_ns: int,
        listed: Listed | None,
        account: Account | None,
        order: Order | None,
        code: Code,
    ) -> None:
        """A command as it was read, and what is made of it."""
        name = order.client_order_id if order else command.client_order_id
        key = order.key if order else 0
        self._command(session, slot, read_ns, listed, account, key, name, code)

    def unread(
        self,
        session: Session,
        slot: bytes,
        read_ns: int,
        refusal: Refusal,
        listed: Callable[[int], Listed | None],
        accounts: Sequence[Account],
    ) -> None:
        """A command that cannot be understood, and its answer; instrument and account as far as
        it names any."""
        raw: Any = _SLOT.unpack(slot)
        place = listed(raw.instrument)
        account = accounts[raw.account] if 0 <= raw.account < len(accounts) else None
        self._command(session, slot, read_ns, place, account, 0, "", refusal.code)
        found = reports.refused(raw, refusal, self.wall())
        self._append(session.strategy, *found, place, account)

    def sent(
        self, pending: Pending, listed: Listed | None, account: Account, deadline_ns: int
    ) -> None:
        """A request, before its first byte leaves; ``deadline_ns`` by the venue's clock."""
        key = pending.order.key if pending.order else 0
        body = sent_body(
            key, pending.command, pending.request, pending.sent_ns, self.wall(), deadline_ns,
            pending.action,
        )  # fmt: skip
        name = pending.strategy or NOBODY
        self._append(name, RecordType.SENT, body, listed, account, order_key=key)

    def order(
        self, effect: Report | Detail, hearers: Iterable[str], listed: Listed | None, to: Account
    ) -> None:
        """A report of an order or more about a fill, for each of these strategies."""
        if isinstance(effect, Report):
            kind, body = reports.report(effect, self.wall())
        else:
            kind, body = reports.detail(effect, self.wall())
        for strategy in hearers:
            self._append(
                strategy,
                kind,
                body,
                listed,
                to,
                venue_ns=effect.venue_ns,
                recv_ns=self.recv_ns,
                order_key=effect.order.key,
            )

    def told(
        self,
        order: Order,
        kind: RecordType,
        body: bytes,
        listed: Listed | None,
        to: Account,
        venue_ns: int,
        recv_ns: int,
    ) -> None:
        """A report of a strategy's order, or more about a fill of it, for this strategy alone."""
        self._append(
            order.strategy, kind, body, listed, to,
            venue_ns=venue_ns, recv_ns=recv_ns, order_key=order.key,
        )  # fmt: skip

    def noted(
        self,
        strategy: str,
        kind: RecordType,
        body: bytes,
        listed: Listed | None,
        account: Account,
        venue_ns: int,
        recv_ns: int,
    ) -> None:
        """What the venue says about the account, for this strategy."""
        self._append(strategy, kind, body, listed, account, venue_ns=venue_ns, recv_ns=recv_ns)

    def answer(self, effect: Answered, listed: Listed | None, account: Account) -> None:
        """The answer to a command."""
        key = effect.order.key if effect.order else 0
        kind, body = reports.answer(effect, self.wall(), self.left_ns)
        recv_ns = self.answer_ns or self.recv_ns
        name = effect.strategy
        self._append(name, kind, body, listed, account, recv_ns=recv_ns, order_key=key)

    def text(
        self,
        strategy: str,
        what: Text,
        text: bytes,
        *,
        account: Account | None = None,
        pending: Pending | None = None,
        command: int = 0,
        status: int = 0,
    ) -> None:
        """What went over the wire for a request, or came; nothing secret may be in ``text``."""
        key = pending.order.key if pending and pending.order else 0
        body = _TEXT.pack(
            order_key=key,
            command=pending.command if pending else command,
            request=pending.request if pending else 0,
            wall_ns=self.wall(),
            status=status,
            text_bytes=min(len(text), TEXT_BYTES),
            what=what,
            action=pending.action if pending else 0,
            cut=len(text) > TEXT_BYTES,
        )
        body = reports.text_behind(body, text[:TEXT_BYTES])
        self._append(strategy, RecordType.TEXT, body, None, account, order_key=key)

    def account(
        self,
        strategy: str,
        event: AccountEvent,
        own_qty_e: int,
        listed: Listed | None,
        account: Account,
    ) -> None:
        """What the venue says about the account; ``own_qty_e``: the strategy's own position."""
        if isinstance(event, PositionEvent):
            kind, body = reports.position(event, own_qty_e, self.wall(), self._flags)
        elif isinstance(event, BalanceEvent):
            kind, body = reports.balance(event, self.wall(), self._flags)
        elif isinstance(event, AccountConfigEvent):
            kind, body = reports.account_config(event, self.wall())
        else:
            kind, body = reports.margin_call(event, self.wall())
        self._append(
            strategy,
            kind,
            body,
            listed,
            account,
            venue_ns=event.venue_ns,
            recv_ns=self.recv_ns,
        )

    @contextmanager
    def snapshot(self, strategy: str, orders: int, positions: int) -> Iterator[None]:
        """What is written within is no event but how things stand."""
        body = _SNAPSHOT.pack(
            journal_sequence=self.journals.sequence(strategy),
            wall_ns=self.wall(),
            orders=orders,
            positions=positions,
        )
        self._append(strategy, RecordType.SNAPSHOT_BEGIN, body)
        self._flags = ReportFlag.SNAPSHOT
        try:
            yield
        finally:
            self._flags = ReportFlag(0)
        self._append(strategy, RecordType.SNAPSHOT_END, body)

    def _command(
        self,
        session: Session,
        slot: bytes,
        read_ns: int,
        listed: Listed | None,
        account: Account | None,
        key: int,
        name: str,
        code: Code,
    ) -> None:
        checked_ns = 0 if code.value else self.checked_ns
        encoded_ns = 0 if code.value else self.encoded_ns
        self.checked_ns = self.encoded_ns = 0
        body = command_body(
            slot,
            key,
            session.number,
            read_ns,
            self.wall(),
            code.value,
            name,
            checked_ns,
            encoded_ns,
        )
        self._append(
            session.strategy,
            RecordType.COMMAND,
            body,
            listed,
            account,
            recv_ns=read_ns,
            order_key=key,
        )

    def _append(
        self,
        strategy: str,
        kind: RecordType,
        body: bytes,
        listed: Listed | None = None,
        account: Account | None = None,
        *,
        venue_ns: int = 0,
        recv_ns: int = 0,
        order_key: int = 0,
    ) -> None:
        self.journals.append(
            strategy,
            kind,
            body,
            instrument=listed.index if listed else NO_INSTRUMENT,
            venue=account.venue if account else 0,
            account=account.index if account else 0,
            venue_ns=venue_ns,
            recv_ns=recv_ns,
            order_key=order_key,
        )
