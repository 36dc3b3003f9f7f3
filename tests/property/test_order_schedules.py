"""Whatever answers, stream and queries do, every order's story ends as the venue's truth: each fill
once, nothing lost, doubled or falsely ended."""

import itertools
import random
from collections import Counter
from collections.abc import Sequence

import pytest

from connector.model.intents import Action
from connector.model.order import Order
from connector.model.reports import Code, OrderStatus, ReportFlag, Result, Update
from connector.trading.effects import Answered, Ask, AskFills, Effect, Report, SendCancel
from connector.trading.pending import Pending
from connector.trading.tracker import ALIVE, DENIALS, Tracker
from connector.venues.trading_contract import OrderAnswer, OrderOutcome
from tests.reference.order_venue import FEE_E, INSTRUMENT, MS, WINDOW_NS, TrueVenue

SCHEDULES = 10_008
BLOCKS = 12
SECOND_NS = 1000 * MS
ACCOUNT = 3


class Desk:
    """One account's connector side, its network bad in every way, its time virtual."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.venue = TrueVenue(self.rng)
        keys = itertools.count(1)
        self.tracker = Tracker(lambda: next(keys))
        self.now_ns = 10**12
        self.requests = itertools.count(1)
        self.commands = itertools.count(1)
        self.orders: list[Order] = []
        self.answers: list[tuple[int, OrderAnswer]] = []
        self.late: list[tuple[int, Pending]] = []
        """Requests that reach the venue only later: (when, which)."""
        self.effects: list[Effect] = []
        self.first_end: dict[int, OrderStatus] = {}
        self.cause: dict[int, Action] = {}
        self.amended: set[int] = set()
        """Keys of orders that somebody wanted to amend."""
        self.silent_until_ns = 0
        """No question is answered before."""
        self.denials: Counter[int] = Counter()
        """By key: how often in a row the venue denied an order that lives."""
        self.tracker.stream_up(ACCOUNT, self.now_ns)

    # What goes out

    def place(self) -> None:
        number = len(self.orders) + 1
        order = Order(
            key=number,
            account=ACCOUNT,
            strategy="s",
            instrument=INSTRUMENT,
            client_order_id=f"c{number}",
            price_e=self.rng.randint(100, 999) * 10,
            qty_e=self.rng.randint(1, 50),
            created_ns=self.now_ns,
        )
        self.orders.append(order)
        self.tracker.register(order)
        self.send(order, Action.PLACE)

    def send(
        self,
        order: Order,
        action: Action,
        command: bool = True,
        price_e: int | None = None,
        qty_e: int | None = None,
    ) -> None:
        pending = Pending(
            request=next(self.requests),
            order=order,
            account=ACCOUNT,
            strategy="s",
            action=action,
            command=next(self.commands) if command else 0,
            sent_ns=self.now_ns,
            deadline_ns=self.now_ns + WINDOW_NS,
            price_e=price_e,
            qty_e=qty_e,
        )
        if command:
            self.cause[pending.command] = action
        if action is Action.AMEND:
            self.amended.add(order.key)
        self.tracker.requested(pending)
        fate = self.rng.random()
        if fate < 0.05:
            self.take(self.tracker.unsent(pending.request, Code.DISCONNECTED, self.now_ns))
        elif fate < 0.15:
            self.take(self.tracker.lost(pending.request, self.now_ns))  # it never arrived
        elif fate < 0.3:
            due_ns = self.now_ns + self.rng.randrange(WINDOW_NS)
            self.late.append((due_ns, pending))
            self.take(self.tracker.lost(pending.request, self.now_ns))
        else:
            answer = self.execute(pending)
            if fate < 0.45:
                self.take(self.tracker.lost(pending.request, self.now_ns))
            else:
                self.answers.append((pending.request, answer))

    def execute(self, pending: Pending) -> OrderAnswer:
        order = pending.order
        assert order is not None
        if pending.action is Action.PLACE:
            return self.venue.place(order)
        if pending.action is Action.CANCEL:
            return self.venue.cancel(order.client_order_id)
        assert pending.price_e is not None
        assert pending.qty_e is not None
        return self.venue.amend(order.client_order_id, pending.price_e, pending.qty_e)

    # What comes back

    def carry(self, how_many: int) -> None:
        """Let the stream deliver; each event perhaps twice, as two connections would."""
        for _ in range(min(how_many, len(self.venue.stream))):
            event = self.venue.stream.pop(0)
            for _ in range(self.rng.choice((1, 1, 1, 2))):
                self.take(self.tracker.event(ACCOUNT, event, self.now_ns))

    def lose_stream(self) -> None:
        """The connection dies and takes what it had; the next one begins with a listing."""
        self.venue.stream.clear()
        self.tracker.stream_down(ACCOUNT, self.now_ns)
        self.advance(self.rng.randrange(3 * SECOND_NS))
        self.venue.stream.clear()
        self.tracker.stream_up(ACCOUNT, self.now_ns)
        there = []
        for true in self.venue.orders.values():
            if not true.status.terminal:
                event = self.venue.query(true.client_order_id)
                assert event is not None
                self.take(self.tracker.event(ACCOUNT, event, self.now_ns, self.now_ns))
                found = self.tracker.orders.find(ACCOUNT, event)
                assert found is not None
                there.append(found.key)
        self.tracker.listed(ACCOUNT, there, self.now_ns, self.now_ns)

    def answer(self) -> None:
        if self.answers:
            request, answer = self.answers.pop(self.rng.randrange(len(self.answers)))
            self.take(
                self.tracker.answered(request, answer, self.now_ns, self.now_ns + 3 * SECOND_NS)
            )

    def advance(self, by_ns: int) -> None:
        self.now_ns += by_ns
        self.venue.now_ns += by_ns
        for due_ns, pending in [one for one in self.late if one[0] <= self.now_ns]:
            self.late.remove((due_ns, pending))
            self.execute(pending)
        self.take(self.tracker.tick(self.now_ns))

    def take(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            self.effects.append(effect)
            if isinstance(effect, Report) and effect.status.terminal:
                self.first_end.setdefault(effect.order.key, effect.status)
            if isinstance(effect, Ask):
                self.ask(effect.order)
            elif isinstance(effect, AskFills):
                if self.rng.random() < 0.8:
                    for event in list(self.venue.trades()):
                        self.take(self.tracker.event(ACCOUNT, event, self.now_ns, self.now_ns))
            elif isinstance(effect, SendCancel):
                self.send(effect.order, Action.CANCEL, command=False)

    def ask(self, order: Order) -> None:
        if self.now_ns < self.silent_until_ns or self.rng.random() < 0.2:
            return  # the query failed
        event = self.venue.query(order.client_order_id)
        if (
            order.status in ALIVE
            and self.denials[order.key] < DENIALS - 1
            and self.rng.random() < 0.2
        ):
            self.denials[order.key] += 1
            event = None  # asked where the venue has not written it down yet
        elif event is not None:
            self.denials[order.key] = 0
        if event is None:
            self.take(self.tracker.absent(order, self.now_ns, self.now_ns))
        else:
            self.take(self.tracker.event(ACCOUNT, event, self.now_ns, self.now_ns))

    # A whole day

    def step(self) -> None:
        rng = self.rng
        what = rng.random()
        known = self.orders[rng.randrange(len(self.orders))] if self.orders else None
        trues = list(self.venue.orders.values())
        if what < 0.15 or known is None:
            self.place()
        elif what < 0.25:
            self.send(known, Action.CANCEL)
        elif what < 0.32:
            price_e, qty_e = rng.randint(100, 999) * 10, rng.randint(1, 60)
            self.send(known, Action.AMEND, price_e=price_e, qty_e=qty_e)
        elif what < 0.45 and trues:
            self.venue.fill(rng.choice(trues))
        elif what < 0.48 and trues:
            self.venue.expire(rng.choice(trues))
        elif what < 0.65:
            self.carry(rng.randint(1, 4))
        elif what < 0.68:
            self.lose_stream()
        elif what < 0.69:
            self.silent_until_ns = self.now_ns + rng.randrange(60 * SECOND_NS)
        elif what < 0.85:
            self.answer()
        else:
            self.advance(rng.choice((MS, 100 * MS, SECOND_NS, 4 * SECOND_NS)))

    def run(self) -> None:
        for _ in range(self.rng.randint(10, 60)):
            self.step()
        while self.answers:
            self.answer()
        quiet_s = 0
        for _ in range(600):
            busy = self.venue.stream or self.late or self.tracker.watched or self.some_fees_known()
            quiet_s = 0 if busy else quiet_s + 1
            if quiet_s > 60:  # four times the longest wait between two questions
                return
            self.carry(len(self.venue.stream))
            while self.answers:
                self.answer()
            self.advance(SECOND_NS)

    def fees(self) -> list[int | None]:
        return [fill.fee_e for order in self.orders for fill in order.fills.values()]

    def some_fees_known(self) -> bool:
        """Then a list of fills teaches the others, however often asking for it fails."""
        return {FEE_E, None} <= set(self.fees())


def judge(desk: Desk, seed: int) -> None:
    where = f"seed {seed}"
    reports = [one for one in desk.effects if isinstance(one, Report)]
    told = Counter(
        one.trade_id for one in reports if one.update is Update.EXECUTED and one.trade_id
    )
    true_fills = {
        fill[0]: (true.client_order_id, fill[1])
        for true in desk.venue.orders.values()
        for fill in true.fills
    }
    assert set(told) == set(true_fills), f"{where}: fills lost or invented"
    assert set(told.values()) <= {1}, f"{where}: a fill was reported twice"
    for one in reports:
        if one.trade_id:
            assert true_fills[one.trade_id] == (one.order.client_order_id, one.last_qty_e), where
    for order in desk.orders:
        mine = [one for one in reports if one.order is order]
        true = desk.venue.orders.get(order.client_order_id)
        if true is None:
            assert order.status is OrderStatus.REJECTED, f"{where}: {order}"
            assert not any(one.update is Update.SUBMITTED for one in mine), where
            continue
        assert order.status is true.status, f"{where}: {order} is {true}"
        assert order.filled_qty_e == true.filled_qty_e == order.known_qty_e, where
        assert order.notional_e == true.notional_e, where
        if not true.status.terminal:
            assert (order.price_e, order.qty_e) == (true.price_e, true.qty_e), where
        updates = [one.update for one in mine]
        assert updates.count(Update.SUBMITTED) == 1, f"{where}: {updates}"
        after_rejection = updates[updates.index(Update.SUBMITTED) :]
        assert Update.REJECTED not in after_rejection, where
        ends = [one for one in mine if one.update is Update.CANCELLED]
        assert len(ends) <= 1, f"{where}: ended twice"
        empty = [one for one in mine if one.update is Update.EXECUTED and not one.last_qty_e]
        asked = any(one.flags & ReportFlag.RECOVERED for one in mine)
        assert not empty or asked or order.key in desk.amended, f"{where}: a fill told twice"
        assert len(empty) <= 1, where
        filled = [one.filled_qty_e for one in mine]
        assert filled == sorted(filled), f"{where}: filled went back"
        late = [one for one in mine if one.flags & ReportFlag.LATE]
        assert not late or order.key in desk.first_end, where
        if true.status.terminal:
            assert mine[-1].status is true.status, f"{where}: the end was not reported"
    assert set(desk.fees()) <= {FEE_E, None}, f"{where}: a fee was read wrongly"
    assert not desk.some_fees_known(), f"{where}: a fee was not asked for"
    answers: dict[int, list[Answered]] = {}
    for one in desk.effects:
        if isinstance(one, Answered):
            answers.setdefault(one.command, []).append(one)
    assert set(answers) == set(desk.cause), f"{where}: a command was not answered"
    for command, given in answers.items():
        results = [one.result for one in given]
        assert results in (
            [Result.ACCEPTED],
            [Result.REFUSED],
            [Result.UNKNOWN, Result.ACCEPTED],
            [Result.UNKNOWN, Result.REFUSED],
        ), f"{where}: command {command} {desk.cause[command]} was answered {results}"
        assert given[-1].settled == (len(given) == 2), where
        if desk.cause[command] is Action.PLACE:
            order = given[-1].order
            assert order is not None
            placed = order.client_order_id in desk.venue.orders
            assert (results[-1] is Result.ACCEPTED) == placed, f"{where}: {order}"
    for order in desk.orders:
        if order.cancel_wanted:
            assert order.status.terminal, f"{where}: a cancel was forgotten: {order}"
    assert not desk.tracker.watched, f"{where}: something is still planned"


@pytest.mark.parametrize("block", range(BLOCKS))
def test_the_story_ends_as_the_truth(block: int) -> None:
    each = SCHEDULES // BLOCKS
    for seed in range(block * each, (block + 1) * each):
        desk = Desk(seed)
        desk.run()
        judge(desk, seed)


def test_a_proof_needs_the_window_to_have_passed_and_the_stream_alive() -> None:
    desk = Desk(0)
    order = Order(
        key=1, account=ACCOUNT, strategy="s", instrument=INSTRUMENT, client_order_id="c", qty_e=5
    )
    desk.tracker.register(order)
    desk.tracker.requested(
        Pending(
            request=1,
            order=order,
            account=ACCOUNT,
            strategy="s",
            action=Action.PLACE,
            command=1,
            deadline_ns=desk.now_ns + WINDOW_NS,
        )
    )
    unknown = OrderAnswer(OrderOutcome.UNKNOWN, 503, 0, "Unknown error")
    (first,) = desk.tracker.answered(1, unknown, desk.now_ns)
    assert isinstance(first, Answered)
    assert first.result is Result.UNKNOWN
    late_ns = desk.now_ns + WINDOW_NS + 2 * SECOND_NS
    assert not desk.tracker.absent(order, late_ns - 1, late_ns + MS)
    desk.tracker.stream_down(ACCOUNT, late_ns)
    assert not desk.tracker.absent(order, late_ns, late_ns + MS)
    desk.tracker.stream_up(ACCOUNT, late_ns)
    assert not desk.tracker.absent(order, late_ns + SECOND_NS, late_ns + SECOND_NS)
    proof_ns = late_ns + 2 * SECOND_NS
    report, settled = desk.tracker.absent(order, proof_ns, proof_ns)
    assert isinstance(report, Report)
    assert report.update is Update.REJECTED
    assert isinstance(settled, Answered)
    assert (settled.result, settled.settled) == (Result.REFUSED, True)


def open_order(desk: Desk) -> Order:
    """One that rests at the venue, as the stream said."""
    order = Order(
        key=1, account=ACCOUNT, strategy="s", instrument=INSTRUMENT, client_order_id="c", qty_e=5
    )
    desk.tracker.register(order)
    desk.venue.place(order)
    (event,) = [one for one in desk.venue.stream if one.status is OrderStatus.NEW]
    desk.tracker.event(ACCOUNT, event, desk.now_ns)
    return order


def test_questions_that_nobody_answers_do_not_make_a_denial_the_end() -> None:
    desk = Desk(3)
    order = open_order(desk)
    desk.tracker.stream_down(ACCOUNT, desk.now_ns)
    desk.tracker.stream_up(ACCOUNT, desk.now_ns)
    asked = 0
    while asked < 2 * DENIALS:
        desk.now_ns += SECOND_NS
        asked += len(desk.tracker.tick(desk.now_ns))
    for _ in range(DENIALS - 1):
        assert not desk.tracker.absent(order, desk.now_ns, desk.now_ns)
    desk.now_ns += 2 * SECOND_NS
    (end,) = desk.tracker.absent(order, desk.now_ns, desk.now_ns)
    assert isinstance(end, Report)
    assert (end.update, end.status) == (Update.CANCELLED, OrderStatus.EXPIRED)


def test_denials_count_with_the_stream_up_and_in_a_row() -> None:
    desk = Desk(3)
    order = open_order(desk)
    desk.tracker.stream_down(ACCOUNT, desk.now_ns)
    late_ns = desk.now_ns + 60 * SECOND_NS
    for _ in range(2 * DENIALS):
        assert not desk.tracker.absent(order, late_ns, late_ns)
    desk.tracker.stream_up(ACCOUNT, late_ns)
    for _ in range(2 * DENIALS):
        assert not desk.tracker.absent(order, late_ns + SECOND_NS, late_ns + SECOND_NS)
    late_ns += 10 * SECOND_NS
    for _ in range(DENIALS - 1):
        assert not desk.tracker.absent(order, late_ns, late_ns)
    said = desk.venue.query("c")
    assert said is not None
    desk.tracker.event(ACCOUNT, said, late_ns, late_ns)
    desk.tracker.stream_down(ACCOUNT, late_ns)
    desk.tracker.stream_up(ACCOUNT, late_ns)
    late_ns += 10 * SECOND_NS
    for _ in range(DENIALS - 1):
        assert not desk.tracker.absent(order, late_ns, late_ns)
    assert order.status is OrderStatus.NEW
