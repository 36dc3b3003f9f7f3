"""What the tracker makes of venues that tell old events again, take an order off the book to amend
it, deny late and keep a conditional order's id."""

import itertools
from typing import Any

from connector.model.intents import Action, OrderType
from connector.model.order import Order
from connector.model.records import Side
from connector.model.reports import EndReason, OrderStatus, ReportFlag, Update
from connector.trading.effects import Ask, Effect, Report
from connector.trading.pending import Pending
from connector.trading.tracker import Tracker
from connector.venues.trading_contract import Denial, Execution, OrderEvent, Source
from tests.reference.order_venue import INSTRUMENT

ACCOUNT, SECOND_NS = 3, 10**9
LAG_NS = 30 * SECOND_NS
AT_ONCE = Denial()
ID = "2585817b-85df-4dea-8507-5db1920b9954"


class Stage:
    def __init__(self, denial: Denial = AT_ONCE) -> None:
        keys = itertools.count(100)
        self.tracker = Tracker(lambda: next(keys), lambda account: denial)
        self.now_ns = 10**12
        self.tracker.stream_up(ACCOUNT, self.now_ns)

    def order(self, **fields: Any) -> Order:
        order = Order(
            key=1, account=ACCOUNT, strategy="s", instrument=INSTRUMENT, client_order_id="mine",
            qty_e=5, price_e=1000, created_ns=self.now_ns, **fields,
        )  # fmt: skip
        self.tracker.register(order)
        return order

    def hear(self, source: Source = Source.STREAM, **fields: Any) -> list[Effect]:
        """As the desk does it."""
        told: dict[str, Any] = dict(
            source=source, execution=Execution.STATE, status=OrderStatus.NEW,
            symbol=INSTRUMENT.symbol, client_order_id="mine", venue_order_id=ID, side=Side.BUY,
        )  # fmt: skip
        event = OrderEvent(**{**told, **fields})
        found = list(self.tracker.event(ACCOUNT, event, self.now_ns))
        if not found and self.tracker.orders.find(ACCOUNT, event) is None:
            found += self.tracker.stranger(ACCOUNT, event, INSTRUMENT, self.now_ns)
        return found

    def asked(self, seconds: float) -> bool:
        self.now_ns += int(seconds * SECOND_NS)
        return any(isinstance(one, Ask) for one in self.tracker.tick(self.now_ns))


FILL: dict[str, Any] = dict(
    execution=Execution.TRADE, status=OrderStatus.FILLED, filled_qty_e=5, last_qty_e=5,
    last_price_e=1000, venue_trade_id="x-1", fee_e=1,
)  # fmt: skip


def test_what_ended_before_the_stream_began_does_not_come_back() -> None:
    stage = Stage()
    assert stage.hear(Source.HISTORY, **FILL) == []
    assert stage.hear(Source.HISTORY, status=OrderStatus.CANCELLED) == []
    assert stage.hear(Source.HISTORY, status=None) == []
    assert stage.tracker.orders.open_of(ACCOUNT) == []


def test_an_open_order_of_somebody_is_news() -> None:
    stage = Stage()
    (report,) = stage.hear(Source.HISTORY)
    assert isinstance(report, Report)
    assert report.order.foreign


def test_a_fill_that_was_missed_is_recovered_once() -> None:
    stage = Stage()
    order = stage.order()
    stage.hear()
    (report,) = stage.hear(Source.HISTORY, **FILL)
    assert isinstance(report, Report)
    assert report.update is Update.EXECUTED
    assert report.flags & ReportFlag.RECOVERED
    assert order.status is OrderStatus.FILLED
    assert stage.hear(Source.HISTORY, **FILL) == []


def test_a_listed_fill_before_the_order_s_state_ends_nothing_until_asked() -> None:
    """An amend nobody heard of may have raised the quantity."""
    stage = Stage()
    order = stage.order()
    stage.hear()
    (early,) = stage.hear(Source.QUERY, **{**FILL, "status": None, "filled_qty_e": None})
    assert isinstance(early, Report)
    assert early.last_qty_e == 5
    assert order.status is OrderStatus.PARTIALLY_FILLED
    assert stage.asked(2)
    (whole,) = stage.hear(Source.QUERY, status=OrderStatus.FILLED, filled_qty_e=5)
    assert isinstance(whole, Report)
    assert (whole.update, order.status) == (Update.EXECUTED, OrderStatus.FILLED)
    assert (whole.last_qty_e, order.known_qty_e) == (0, 5)


def test_an_order_taken_off_to_be_amended_is_asked_for_if_nothing_follows() -> None:
    stage = Stage()
    order = stage.order()
    stage.hear()
    assert stage.hear(status=None, passing=True) == []
    assert order.status is OrderStatus.NEW
    assert not stage.asked(0.9)
    assert stage.asked(0.2)


def test_a_venue_that_never_says_how_an_order_stands_is_asked_less_and_less_often() -> None:
    stage, asks = Stage(), 0
    stage.order()
    stage.hear(status=None, passing=True)
    for _ in range(600):
        if stage.asked(0.1):
            asks += 1
            stage.hear(Source.QUERY, status=None, passing=True)
    assert 5 < asks < 10


def test_and_is_not_if_it_is_put_back() -> None:
    stage = Stage()
    order = stage.order()
    stage.hear()
    stage.hear(status=None, passing=True)
    (report,) = stage.hear(execution=Execution.AMENDED, price_e=1100)
    assert isinstance(report, Report)
    assert (report.update, order.price_e) == (Update.AMENDED, 1100)
    assert not stage.asked(5)


def late_stage() -> tuple[Stage, Order, int]:
    """Half a minute late, at most; an order whose answer was lost, and since when a denial of it
    counts."""
    stage = Stage(Denial(lag_ns=LAG_NS, times=2))
    order = stage.order()
    deadline_ns = stage.now_ns + 10 * SECOND_NS
    stage.tracker.requested(
        Pending(request=1, account=ACCOUNT, strategy="s", action=Action.PLACE, order=order,
                deadline_ns=deadline_ns)
    )  # fmt: skip
    stage.tracker.lost(1, stage.now_ns)
    assert order.status is OrderStatus.UNKNOWN
    return stage, order, deadline_ns + LAG_NS


def test_a_late_venue_must_deny_twice_and_what_is_asked_in_between_repeats_the_first() -> None:
    """Two answers may come of the same old copy unless the second was asked for so long after the
    first one was there, however long that had taken."""
    stage, order, counts_ns = late_stage()
    for early_s in (-39, -20, -1):
        asked_ns = counts_ns + early_s * SECOND_NS
        assert not stage.tracker.absent(order, asked_ns, asked_ns)
    heard_ns = counts_ns + 4 * SECOND_NS
    assert not stage.tracker.absent(order, counts_ns, heard_ns)
    for asked_ns in (heard_ns + 1, heard_ns + 15 * SECOND_NS, heard_ns + LAG_NS - 1):
        assert not stage.tracker.absent(order, asked_ns, asked_ns)
    assert order.status is OrderStatus.UNKNOWN
    stage.tracker.absent(order, heard_ns + LAG_NS, heard_ns + LAG_NS)
    assert (order.status, order.reason) == (OrderStatus.REJECTED, EndReason.NOT_PLACED)


def test_the_second_question_is_asked_when_its_answer_counts() -> None:
    stage, order, counts_ns = late_stage()
    stage.now_ns = heard_ns = counts_ns
    stage.tracker.tick(stage.now_ns)
    stage.tracker.absent(order, stage.now_ns, stage.now_ns)
    asks = 0
    while order.status is OrderStatus.UNKNOWN:
        if stage.asked(0.05):
            asks += 1
            stage.tracker.absent(order, stage.now_ns, stage.now_ns)
    assert LAG_NS <= stage.now_ns - heard_ns <= LAG_NS + SECOND_NS // 10
    assert asks < 8, "in between as seldom as ever"


def test_a_venue_that_speaks_of_an_order_must_deny_it_twice_again() -> None:
    stage, order, counts_ns = late_stage()
    assert not stage.tracker.absent(order, counts_ns, counts_ns)
    stage.tracker.watched.affirmed(order)
    assert not stage.tracker.absent(order, counts_ns + LAG_NS, counts_ns + LAG_NS)
    stage.tracker.absent(order, counts_ns + 2 * LAG_NS, counts_ns + 2 * LAG_NS)
    assert order.status is OrderStatus.REJECTED


def test_an_order_that_has_lived_is_not_gone_by_one_old_copy() -> None:
    """A look-up that is behind misses its end as well: a fill may be there that nobody has told."""
    stage, order, counts_ns = late_stage()
    stage.hear()
    assert order.status is OrderStatus.NEW
    stage.tracker.watched.ask_soon(order, counts_ns)
    for asked_ns in range(counts_ns, counts_ns + LAG_NS, SECOND_NS):
        assert not stage.tracker.absent(order, asked_ns, asked_ns)
    assert order.status is OrderStatus.NEW
    stage.tracker.absent(order, counts_ns + LAG_NS, counts_ns + LAG_NS)
    assert (order.status, order.reason) == (OrderStatus.EXPIRED, EndReason.VENUE)


def test_a_conditional_order_with_the_venue_s_id_became_nobody_else_s() -> None:
    stage = Stage()
    order = stage.order(order_type=OrderType.STOP_MARKET, conditional=True)
    stage.hear()
    assert (order.venue_order_id, order.conditional) == (ID, False)
    (report,) = stage.hear(client_order_id="other", venue_order_id="another")
    assert isinstance(report, Report)
    assert report.order.foreign
