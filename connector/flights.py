"""Requests of one account under way: what each took of the budgets, and whom its end concerns."""

import logging
from collections.abc import Callable, Mapping
from typing import Protocol

from msgspec import Struct

from connector._speedups.segment import Segment
from connector.clock import monotonic_ns
from connector.desk import Desk
from connector.model.counters import Counter, Hop
from connector.model.intents import Action
from connector.model.order import Order
from connector.model.redaction import hide
from connector.model.reports import Code, Text
from connector.trading.budget import OrderBudget, Spent
from connector.trading.roles import Account
from connector.trading.texts import request_text
from connector.transport.order_pool import Priority
from connector.venues.trading_contract import Message, OrderAnswer, OrderOutcome

log = logging.getLogger("connector.accounts")

PRIORITY = {
    Action.CANCEL: Priority.CANCEL,
    Action.CANCEL_ALL: Priority.CANCEL,
    Action.AMEND: Priority.AMEND,
    Action.PLACE: Priority.PLACE,
    Action.QUERY: Priority.QUERY,
}


class Flying(Struct):
    """A request under way, and what it took of the budgets."""

    action: Action
    asked: Order | None = None
    """The tracker's own question about this order."""
    asked_ns: int = 0
    spent: Spent = Spent(())
    code: Code = Code.DISCONNECTED
    """Why it was not sent, if it was not."""
    message: Message | None = None
    left_ns: int = 0
    """Its first byte was handed to the kernel; 0: not yet."""
    batch: tuple[int, ...] = ()
    """The requests it carries, if they are several; it has the number of the first."""
    renewals: int = 0
    """Of the token it bore, where the venue wants a login."""


class Served(Account, Protocol):
    """The account, as far as the end of a request concerns it."""

    desk: Desk

    def heed(self, answer: OrderAnswer, flying: Flying) -> None:
        """The answer to this request may mean more than its order."""


class Flights:
    """Owner of an account's ways to the venue: what becomes of each request goes to the desk.

    ``used`` reads the venue's own counts from headers."""

    def __init__(
        self,
        account: Served,
        budget: OrderBudget,
        used: Callable[[Mapping[str, str]], Mapping[str, int]],
        segment: Segment,
    ) -> None:
        self._account, self._trading = account, account.trading
        self._budget, self._used, self._segment = budget, used, segment
        self.flying: dict[int, Flying] = {}
        """By the number of the request."""

    def begin(self, request: int, flying: Flying) -> None:
        """It is about to leave; it ends in `answered`, `lost` or `unsent`."""
        self.flying[request] = flying

    def answered(self, request: int, status: int, headers: Mapping[str, str], body: bytes) -> None:
        recv_ns, account = monotonic_ns(), self._account
        flying = self.flying.pop(request)
        self._segment.observe(Hop.SENT_TO_ANSWER.value, recv_ns - flying.left_ns)
        self._budget.learn(flying.spent, self._used(headers), account.venue_ns(recv_ns))
        if flying.batch:
            self._answered_batch(flying, status, headers, body, recv_ns)
            return
        answer = self._trading.judge(flying.action, status, headers, body, account.scales)
        account.heed(answer, flying)
        order = flying.asked
        if order is None:
            self._judged(request, answer, flying, status, body, recv_ns)
        elif answer.outcome is OrderOutcome.GONE:
            account.desk.absent(order, flying.asked_ns)
        elif answer.order is not None:
            account.desk.order_event(account, answer.order, flying.asked_ns)

    def _answered_batch(
        self, flying: Flying, status: int, headers: Mapping[str, str], body: bytes, recv_ns: int
    ) -> None:
        assert self._trading.batches is not None
        answers = self._trading.batches.judge(
            flying.action, len(flying.batch), status, headers, body, self._account.scales
        )
        for answer in answers:
            self._account.heed(answer, flying)
        for request, answer in zip(flying.batch, answers, strict=True):
            self._judged(request, answer, flying, status, body, recv_ns)

    def _judged(
        self,
        request: int,
        answer: OrderAnswer,
        flying: Flying,
        status: int,
        body: bytes,
        recv_ns: int,
    ) -> None:
        """The answer to a strategy's request."""
        account, desk = self._account, self._account.desk
        if answer.outcome in (OrderOutcome.ACCEPTED, OrderOutcome.ALREADY):
            desk.answered(account, request, answer, recv_ns, flying.left_ns)
            return
        write = desk.words(account, request)  # reports first, then what was said
        desk.answered(account, request, answer, recv_ns, flying.left_ns)
        self._write(write, flying)
        write(Text.ANSWER, hide(body, self._trading.unwritten), status)

    def left(self, request: int, now_ns: int) -> None:
        if (flying := self.flying.get(request)) is not None:
            flying.left_ns = now_ns

    def lost(self, request: int, why: str) -> None:
        flying, account = self.flying.pop(request), self._account
        if flying.asked is None:
            log.warning("an order request was lost: %s", why, extra={"account": account.name})
            self._segment.count(Counter.REQUESTS_LOST.value)
            for each in flying.batch or (request,):
                write = account.desk.words(account, each)
                account.desk.lost(each)
                self._write(write, flying)

    def unsent(self, request: int, why: str) -> None:
        flying = self.flying.pop(request)
        self._budget.give_back(flying.spent)
        if flying.asked is None:
            self._segment.count(Counter.REQUESTS_UNSENT.value)
            for each in flying.batch or (request,):
                self._account.desk.unsent(each, why, flying.code)

    def stopped(self, request: int) -> str:
        """Asked before a request that waited is sent."""
        flying, account = self.flying[request], self._account
        if flying.asked is not None:
            return ""
        # One reason is enough for all of a batch: it cannot leave in part any more.
        each = (account.desk.stopped(account, one) for one in flying.batch or (request,))
        why = next((one for one in each if one is not None), None)
        if why is None:
            return ""
        flying.code = why.code
        return str(why)

    def _write(self, write: Callable[[Text, bytes, int], None], flying: Flying) -> None:
        """What was sent."""
        if flying.message is not None:
            write(Text.REQUEST, request_text(flying.message, self._trading.unwritten), 0)
