"""An order whose answer was lost, at a venue that looks it up in copies of its book, each as late
as it likes up to a bound: as long as it may live it is never called absent, and soon once it
cannot."""

import heapq
import itertools
import random
from collections.abc import Callable, Sequence
from functools import partial

import pytest

from connector.model.intents import Action
from connector.model.order import Order
from connector.model.records import Side
from connector.model.reports import EndReason, OrderStatus
from connector.trading.effects import Ask, Effect, SendCancel
from connector.trading.pending import Pending
from connector.trading.tracker import Tracker
from connector.venues.trading_contract import (
    Denial,
    Execution,
    OrderAnswer,
    OrderEvent,
    OrderOutcome,
    Source,
)
from tests.reference.order_venue import INSTRUMENT

SEEDS, BLOCKS = 4000, 8
MS, SECOND_NS = 1_000_000, 1_000_000_000
ACCOUNT = 3
ANSWER_NS = 3 * SECOND_NS
"""An answer takes less."""
GONE = OrderAnswer(OrderOutcome.GONE, 404)


class Late:
    """One order and its venue, on a clock of their own; ``calm``: nothing else goes wrong."""

    def __init__(self, seed: int, calm: bool) -> None:
        self.rng = random.Random(seed)
        rng, self.calm = self.rng, calm
        lag_ns = rng.choice((1, 2, 10, 30)) * SECOND_NS
        self.denial = Denial(lag_ns=lag_ns, times=rng.choice((1, 2, 2, 3)))
        self.behind_ns = self.denial.times * lag_ns
        """The oldest copy that is looked at: every one of the denials may come of such a one."""
        keys = itertools.count(100)
        self.tracker = Tracker(lambda: next(keys), lambda _: self.denial)
        self.now_ns = 10**12
        self.later: list[tuple[int, int, Callable[[], None]]] = []
        self.numbers = itertools.count(2)
        window_ns = rng.randrange(2_000, 60_000) * MS
        self.deadline_ns = self.now_ns + window_ns
        """No request is executed after it."""
        self.executed_ns = self.deadline_ns - int(window_ns * rng.random() ** 3)
        self.lives = rng.random() < 0.6 and not calm
        self.order = Order(
            key=1, account=ACCOUNT, strategy="s", instrument=INSTRUMENT, client_order_id="mine",
            side=Side.BUY, qty_e=5, price_e=1000, created_ns=self.now_ns,
        )  # fmt: skip
        self.tracker.stream_up(ACCOUNT, self.now_ns)
        self.tracker.register(self.order)
        self.send(Action.PLACE, self.deadline_ns)
        self.take(self.tracker.lost(1, self.now_ns))
        if not calm:
            for _ in range(rng.randrange(4)):
                self.after(rng.randrange(150 * SECOND_NS), self.disturbed)

    def send(self, action: Action, deadline_ns: int) -> int:
        number = 1 if action is Action.PLACE else next(self.numbers)
        self.tracker.requested(
            Pending(request=number, order=self.order, account=ACCOUNT, strategy="s", action=action,
                    sent_ns=self.now_ns, deadline_ns=deadline_ns)
        )  # fmt: skip
        return number

    def after(self, wait_ns: int, what: Callable[[], None]) -> None:
        heapq.heappush(self.later, (self.now_ns + wait_ns, next(self.numbers), what))

    def disturbed(self) -> None:
        """The stream is interrupted, or somebody wants the order's end: its cancels are denied."""
        if self.rng.random() < 0.5:
            self.take(self.tracker.want_cancelled([self.order], self.now_ns))
            return
        self.tracker.stream_down(ACCOUNT, self.now_ns)
        self.after(
            self.rng.randrange(5 * SECOND_NS),
            lambda: self.tracker.stream_up(ACCOUNT, self.now_ns),
        )

    def take(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Ask):
                self.asked()
            elif isinstance(effect, SendCancel):
                number = self.send(Action.CANCEL, self.now_ns + SECOND_NS)
                self.after(self.rng.randrange(SECOND_NS), partial(self.denied, number))

    def denied(self, cancel: int) -> None:
        self.take(self.tracker.answered(cancel, GONE, self.now_ns))

    def asked(self) -> None:
        rng, asked_ns = self.rng, self.now_ns
        if not self.calm and rng.random() < 0.2:
            return  # nobody answers
        looked_ns = asked_ns + rng.randrange(ANSWER_NS // 2)
        old_ns = rng.choice((self.behind_ns, rng.randrange(self.behind_ns)))
        there = self.lives and self.executed_ns <= looked_ns - old_ns
        self.after(
            looked_ns - asked_ns + rng.randrange(ANSWER_NS // 2),
            lambda: self.heard(asked_ns, there),
        )

    def heard(self, asked_ns: int, there: bool) -> None:
        if not there:
            self.take(self.tracker.absent(self.order, asked_ns, self.now_ns))
            return
        event = OrderEvent(
            source=Source.QUERY, execution=Execution.STATE, status=OrderStatus.NEW,
            symbol=INSTRUMENT.symbol, client_order_id="mine", order_id=77, side=Side.BUY,
        )  # fmt: skip
        self.take(self.tracker.event(ACCOUNT, event, self.now_ns, asked_ns))

    def run(self) -> None:
        """Until somebody knows."""
        end_ns = self.now_ns + 3600 * SECOND_NS
        while self.order.status is OrderStatus.UNKNOWN:
            watch = self.tracker.watched.get(self.order)
            assert watch is not None, "nobody looks for it any more"
            due = [at_ns for at_ns in (watch.ask_ns, watch.cancel_ns) if at_ns]
            due += [self.later[0][0]] if self.later else []
            assert due, "nobody looks for it any more"
            self.now_ns = max(self.now_ns, min(due))
            assert self.now_ns < end_ns, "nobody found out"
            while self.later and self.later[0][0] <= self.now_ns:
                heapq.heappop(self.later)[2]()
            self.take(self.tracker.tick(self.now_ns))


@pytest.mark.parametrize("block", range(BLOCKS))
def test_an_order_that_may_live_is_never_called_absent(block: int) -> None:
    told = {OrderStatus.NEW: 0, OrderStatus.REJECTED: 0}
    for seed in range(block, SEEDS, BLOCKS):
        late = Late(seed, calm=False)
        late.run()
        status, reason = late.order.status, late.order.reason
        if late.lives:
            assert status is OrderStatus.NEW, f"seed {seed}"
        else:
            assert (status, reason) == (OrderStatus.REJECTED, EndReason.NOT_PLACED), f"seed {seed}"
        told[status] += 1
    assert min(told.values()) > SEEDS // BLOCKS // 5


@pytest.mark.parametrize("block", range(BLOCKS))
def test_an_order_that_never_was_is_known_to_be_none_as_soon_as_that_is_proved(block: int) -> None:
    """Not before so many lags have passed since it could be executed, and after that as soon as the
    answers are there."""
    for seed in range(block, SEEDS // 4, BLOCKS):
        late = Late(seed, calm=True)
        late.run()
        times, lag_ns = late.denial.times, late.denial.lag_ns
        took_ns = late.now_ns - late.deadline_ns
        assert times * lag_ns <= took_ns, f"seed {seed}"
        assert took_ns <= times * (lag_ns + ANSWER_NS) + ANSWER_NS, f"seed {seed}"
