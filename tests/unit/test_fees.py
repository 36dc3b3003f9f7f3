"""A fill whose fee the stream kept back gets it from a list, once the list's sign is sure."""

import itertools

import pytest

from connector.model.order import Order
from connector.model.reports import OrderStatus
from connector.trading.effects import AskFills, Detail, Effect, Report
from connector.trading.fees import MOST, WAITS_NS
from connector.trading.recovery import kept, restored
from connector.trading.tracker import Tracker
from connector.venues.trading_contract import Execution, OrderEvent, Source
from tests.reference.order_venue import INSTRUMENT

ACCOUNT, PAID_E = 3, 25_000


class Stage:
    def __init__(self) -> None:
        keys = itertools.count(100)
        self.tracker = Tracker(lambda: next(keys))
        self.now_ns = 10**12
        self.orders: list[Order] = []

    def order(self) -> Order:
        number = len(self.orders) + 1
        order = Order(
            key=number, account=ACCOUNT, strategy="s", instrument=INSTRUMENT, qty_e=5,
            client_order_id=f"c{number}", created_ns=self.now_ns + number,
        )  # fmt: skip
        self.orders.append(order)
        self.tracker.register(order)
        return order

    def fill(
        self, order: Order, trade_id: int, source: Source, fee_e: int | None = None
    ) -> list[Effect]:
        listed = source is Source.QUERY
        event = OrderEvent(
            source=source, execution=Execution.TRADE, symbol=INSTRUMENT.symbol,
            status=OrderStatus.PARTIALLY_FILLED if source is Source.STREAM else None,
            client_order_id=order.client_order_id, order_id=order.key, last_qty_e=1,
            last_price_e=1000, trade_id=trade_id, fee_asset="USDT",
            fee_e=None if listed else fee_e, fee_listed_e=fee_e if listed else None,
        )  # fmt: skip
        return list(self.tracker.event(ACCOUNT, event, self.now_ns))

    def asked(self, later_ns: int) -> list[Order]:
        self.now_ns += later_ns
        effects = self.tracker.tick(self.now_ns)
        return [one.order for one in effects if isinstance(one, AskFills) and one.spare]


@pytest.mark.parametrize("sign", [1, -1])
def test_a_fee_that_was_lost_is_found_in_the_list(sign: int) -> None:
    stage = Stage()
    whole, cut = stage.order(), stage.order()
    stage.fill(whole, 1, Source.STREAM, PAID_E)
    stage.fill(cut, 2, Source.LITE)
    assert stage.asked(WAITS_NS[0] - 1) == []
    assert stage.asked(1) == [cut]
    assert stage.fill(cut, 2, Source.QUERY, sign * 7) == []  # nothing shows its sign yet
    assert stage.fill(whole, 1, Source.QUERY, sign * PAID_E) == []
    assert stage.asked(WAITS_NS[1]) == [cut]
    (told,) = stage.fill(cut, 2, Source.QUERY, sign * 7)
    assert isinstance(told, Detail)
    assert (told.trade_id, told.fee_e, told.fee_asset) == (2, 7, "USDT")
    assert stage.fill(cut, 2, Source.QUERY, sign * 7) == []
    assert stage.asked(10 * WAITS_NS[-1]) == []


def test_what_an_earlier_run_was_owed_is_asked_for_again() -> None:
    stage = Stage()
    whole, cut, other = stage.order(), stage.order(), stage.order()
    stage.fill(whole, 1, Source.STREAM, PAID_E)
    stage.fill(cut, 2, Source.LITE)
    stage.fill(other, 3, Source.LITE)
    after = Stage()
    for one in (whole, cut, other):
        order = Order(key=one.key, account=ACCOUNT, strategy="s", instrument=INSTRUMENT)
        after.tracker.restored(restored(kept(one, "main"), ACCOUNT, order), after.now_ns)
    whole, cut, other = after.tracker.orders
    assert after.asked(WAITS_NS[0] - 1) == []
    assert after.asked(1) == [whole, cut, other], "and the one that shows the sign"
    after.fill(cut, 2, Source.QUERY, -7)
    after.fill(whole, 1, Source.QUERY, -PAID_E)
    assert after.asked(WAITS_NS[1]) == [cut, other], "each by its id"
    (told,) = after.fill(cut, 2, Source.QUERY, -7)
    assert isinstance(told, Detail)
    assert (told.trade_id, told.fee_e) == (2, 7)
    assert after.asked(WAITS_NS[2]) == [other]
    after.fill(other, 3, Source.QUERY, 0)
    assert after.asked(10 * WAITS_NS[-1]) == []


def test_a_fill_that_is_found_in_the_list_has_its_fee_once_the_sign_is_known() -> None:
    stage = Stage()
    order = stage.order()
    stage.fill(order, 1, Source.STREAM, PAID_E)
    *_, first = stage.fill(order, 2, Source.QUERY, -9)
    assert isinstance(first, Report)
    assert (first.fee_e, first.fee_asset) == (None, "")
    stage.fill(order, 1, Source.QUERY, -PAID_E)
    *_, second = stage.fill(order, 3, Source.QUERY, -9)
    assert isinstance(second, Report)
    assert (second.fee_e, second.fee_asset) == (9, "USDT")


def test_no_fee_needs_no_sign() -> None:
    stage = Stage()
    order = stage.order()
    stage.fill(order, 1, Source.LITE)
    (told,) = stage.fill(order, 1, Source.QUERY, 0)
    assert isinstance(told, Detail)
    assert told.fee_e == 0


def test_the_full_event_ends_the_wait() -> None:
    stage = Stage()
    order = stage.order()
    stage.fill(order, 1, Source.LITE)
    stage.fill(order, 2, Source.LITE)
    stage.fill(order, 1, Source.STREAM, PAID_E)
    assert stage.asked(WAITS_NS[0]) == [order]
    stage.fill(order, 2, Source.STREAM, PAID_E)
    assert stage.asked(WAITS_NS[-1]) == []


def test_one_question_for_all_orders_of_an_instrument_and_not_for_ever() -> None:
    stage = Stage()
    orders = [stage.order() for _ in range(3)]
    for order in reversed(orders):
        stage.fill(order, order.key, Source.LITE)
    assert stage.asked(WAITS_NS[0]) == orders[:1]
    asked = sum(len(stage.asked(WAITS_NS[-1])) for _ in range(2 * MOST))
    assert asked == MOST - 1
