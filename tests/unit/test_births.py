"""What an own conditional order became is its own, whichever word of it comes first."""

import itertools
from collections.abc import Sequence

import pytest

from connector.model.intents import OrderType
from connector.model.order import Order
from connector.model.records import Side
from connector.model.reports import OrderStatus, ReportFlag, Update
from connector.trading.births import MOST
from connector.trading.effects import Ask, Effect, Report
from connector.trading.tracker import PROOF_NS, Tracker
from connector.venues.trading_contract import Execution, OrderEvent, Source
from tests.reference.order_venue import INSTRUMENT

ACCOUNT, ALGO_ID, BORN_ID, SECOND_NS = 3, 70, 900, 10**9
SYMBOL = INSTRUMENT.symbol


def algo(status: OrderStatus, born: int | None, source: Source = Source.STREAM) -> OrderEvent:
    return OrderEvent(
        source=source, execution=Execution.STATE, status=status, symbol=SYMBOL,
        client_order_id="mine", order_id=ALGO_ID, conditional=True, born_order_id=born,
        side=Side.BUY, order_type=OrderType.STOP_MARKET, qty_e=5,
    )  # fmt: skip


def born(status: OrderStatus, qty_e: int = 0, filled_e: int = 0, order_id: int = BORN_ID,
         side: Side = Side.BUY) -> OrderEvent:  # fmt: skip
    return OrderEvent(
        source=Source.STREAM, execution=Execution.TRADE if qty_e else Execution.NEW,
        status=status, symbol=SYMBOL, client_order_id=f"auto_{order_id}", order_id=order_id,
        side=side, order_type=OrderType.MARKET, qty_e=5, filled_qty_e=filled_e, last_qty_e=qty_e,
        last_price_e=1000 if qty_e else None, trade_id=filled_e or None,
        fee_e=1 if qty_e else None,
    )  # fmt: skip


BORN = (
    born(OrderStatus.NEW),
    born(OrderStatus.PARTIALLY_FILLED, 2, 2),
    born(OrderStatus.FILLED, 3, 5),
)
TRIGGERING = algo(OrderStatus.TRIGGERED, None)
LINK = algo(OrderStatus.TRIGGERED, BORN_ID)


class Stage:
    """One conditional order that waits at the venue."""

    def __init__(self) -> None:
        self.keys = itertools.count(100)
        self.tracker = Tracker(lambda: next(self.keys))
        self.now_ns = 10**12
        self.effects: list[Effect] = []
        self.tracker.stream_up(ACCOUNT, self.now_ns)
        self.order = self.conditional(1, "mine")
        self.hear(algo(OrderStatus.NEW, None))
        self.effects.clear()

    def conditional(self, key: int, name: str) -> Order:
        order = Order(
            key=key, account=ACCOUNT, strategy="s", instrument=INSTRUMENT, client_order_id=name,
            conditional=True, order_type=OrderType.STOP_MARKET, qty_e=5, created_ns=self.now_ns,
        )  # fmt: skip
        self.tracker.register(order)
        return order

    def take(self, effects: Sequence[Effect]) -> None:
        self.effects += effects

    def hear(self, event: OrderEvent, asked_ns: int = 0) -> None:
        """As the desk does it."""
        tracker = self.tracker
        effects = tracker.event(ACCOUNT, event, self.now_ns, asked_ns)
        if not effects and tracker.orders.find(ACCOUNT, event) is None:
            effects = tracker.stranger(ACCOUNT, event, INSTRUMENT, self.now_ns)
        self.take(effects)

    def tick(self, later_ns: int = 0) -> list[Order]:
        """The orders that are to be asked for."""
        self.now_ns += later_ns
        effects = self.tracker.tick(self.now_ns)
        self.take(effects)
        return [one.order for one in effects if isinstance(one, Ask)]

    def reports(self) -> list[Report]:
        return [one for one in self.effects if isinstance(one, Report)]

    def foreign(self) -> list[Report]:
        return [one for one in self.reports() if one.flags & ReportFlag.FOREIGN]


@pytest.mark.parametrize("before", range(len(BORN) + 1))
@pytest.mark.parametrize("place", range(len(BORN) + 1))
@pytest.mark.parametrize("twice", [False, True])
def test_the_link_may_come_at_any_place(before: int, place: int, twice: bool) -> None:
    stage = Stage()
    heard = [*BORN]
    heard.insert(place, LINK)
    heard.insert(before, TRIGGERING)
    for event in heard:
        for _ in range(1 + twice):
            stage.hear(event)
    reports = stage.reports()
    assert all(one.order is stage.order for one in reports)
    assert not stage.foreign()
    fills = [(one.trade_id, one.last_qty_e) for one in reports if one.last_qty_e]
    assert fills == [(2, 2), (5, 3)]
    assert reports[-1].update is Update.EXECUTED
    assert (stage.order.status, stage.order.order_id) == (OrderStatus.FILLED, BORN_ID)
    assert not any(one.flags & (ReportFlag.RECOVERED | ReportFlag.LATE) for one in reports)
    assert not stage.tick(3600 * SECOND_NS)


def test_the_link_is_asked_for_at_once() -> None:
    stage = Stage()
    for event in BORN:
        stage.hear(event)
    assert not stage.reports()
    assert stage.tick() == [stage.order]
    stage.hear(algo(OrderStatus.TRIGGERED, BORN_ID, Source.QUERY), stage.now_ns)
    assert [one.last_qty_e for one in stage.reports() if one.last_qty_e] == [2, 3]
    assert stage.order.status is OrderStatus.FILLED


def test_it_is_somebody_elses_once_the_venue_says_so_for_certain() -> None:
    stage = Stage()
    for event in BORN:
        stage.hear(event)
    assert stage.tick() == [stage.order]
    waits = algo(OrderStatus.NEW, None, Source.QUERY)
    stage.hear(waits, stage.now_ns)
    assert stage.tick(PROOF_NS - 1) == []
    assert not stage.reports()
    assert stage.tick(1) == [stage.order]
    stage.hear(waits, stage.now_ns)
    stage.tick()
    assert [one.last_qty_e for one in stage.foreign() if one.last_qty_e] == [2, 3]
    assert stage.order.status is OrderStatus.NEW
    assert stage.tick(3600 * SECOND_NS) == []


def test_a_question_that_is_not_answered_is_asked_again() -> None:
    stage = Stage()
    stage.hear(BORN[1])
    assert stage.tick() == [stage.order]
    asked = [stage.tick(15 * SECOND_NS) for _ in range(10)]
    assert asked == [[stage.order]] * 10
    assert not stage.reports()


def test_everyone_who_may_have_become_it_is_asked() -> None:
    stage = Stage()
    other = stage.conditional(2, "other")
    stage.hear(BORN[1])
    assert stage.tick() == [stage.order, other]
    stage.now_ns += PROOF_NS
    stage.hear(algo(OrderStatus.NEW, None, Source.QUERY), stage.now_ns)
    stage.tick()
    assert not stage.reports()
    stage.take(stage.tracker.absent(other, stage.now_ns, stage.now_ns))  # it was never placed
    stage.tick()
    assert [one.last_qty_e for one in stage.foreign() if one.last_qty_e] == [2]


@pytest.mark.parametrize("order_id", [BORN_ID, BORN_ID + 1])
def test_what_no_own_order_can_have_become_is_foreign_at_once(order_id: int) -> None:
    stage = Stage()
    stage.hear(LINK)
    stage.hear(born(OrderStatus.NEW, order_id=order_id))
    assert bool(stage.foreign()) == (order_id != BORN_ID)
    stage.hear(born(OrderStatus.NEW, order_id=7, side=Side.SELL))
    assert stage.foreign()


def test_what_is_kept_is_bounded() -> None:
    stage = Stage()
    for number in range(MOST + 5):
        stage.hear(born(OrderStatus.NEW, order_id=number))
    stage.tick()
    assert len(stage.foreign()) == 5
