"""A fill whose fee the stream kept back gets it from a list, once the list's sign is sure."""

import asyncio
import itertools
from collections import Counter

import pytest

from connector.model.order import Order
from connector.model.reports import OrderStatus
from connector.reconcile import FEES_AT_ONCE, FEES_SHARE, SHARE, Reconciler
from connector.trading.effects import AskFills, Detail, Effect, Report
from connector.trading.fees import AT_ONCE, MOST, PAUSE_NS, WAITS_NS
from connector.trading.recovery import kept, restored
from connector.trading.tracker import Tracker
from connector.venues.contract import Request
from connector.venues.trading_contract import Execution, OrderEvent, Source
from tests.reference.desk_rig import TRADING
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


def restarted(orders: int) -> Stage:
    """A run that takes over so many orders whose fees were never told."""
    before, after = Stage(), Stage()
    for _ in range(orders):
        one = before.order()
        before.fill(one, one.key, Source.LITE)
        order = Order(key=one.key, account=ACCOUNT, strategy="s", instrument=INSTRUMENT)
        after.tracker.restored(restored(kept(one, "main"), ACCOUNT, order), after.now_ns)
    return after


def test_of_thousands_a_few_are_asked_for_at_a_time_the_longest_waiting_first() -> None:
    stage = restarted(2000)
    stage.now_ns += WAITS_NS[0]
    first: list[int] = []
    for _ in range(2000 // AT_ONCE):
        asked = stage.asked(PAUSE_NS)
        assert len(asked) == AT_ONCE
        assert stage.asked(0) == []
        first += [order.key for order in asked]
    assert first == [order.key for order in stage.tracker.orders]


def test_who_has_to_wait_for_others_is_asked_for_as_often() -> None:
    stage = restarted(3 * AT_ONCE)
    asked = Counter(
        order.key for _ in range(60 * MOST) for order in stage.asked(WAITS_NS[-1] // 30)
    )
    assert asked == {order.key: MOST for order in stage.tracker.orders}


class Owner:
    """An account, of whose limit so much is used up, and whose venue answers when told to."""

    index, name, scales = ACCOUNT, "main", None

    def __init__(self, used: float) -> None:
        self.used, self.asked, self.answer = used, 0, asyncio.Event()
        self.trading = TRADING
        self.order = Stage().order()

    def affordable(self, weight: int, share: float) -> bool:
        return self.used < share

    def venue_ns(self, local_ns: int) -> int:
        return local_ns

    async def signed(self, request: Request) -> bytes:
        self.asked += 1
        await self.answer.wait()
        return b"[]"


@pytest.mark.parametrize("used", [0.0, FEES_SHARE - 0.01, FEES_SHARE, SHARE - 0.01])
def test_fees_leave_most_of_the_limit_to_looks_and_few_are_asked_for_together(used: float) -> None:
    async def ask() -> Owner:
        owner = Owner(used)
        reconciler = Reconciler(owner, 0.0)  # type: ignore[arg-type]
        async with asyncio.TaskGroup() as group:
            for _ in range(5 * FEES_AT_ONCE):
                group.create_task(reconciler.fees(owner.order))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert owner.asked == (FEES_AT_ONCE if used < FEES_SHARE else 0)
            owner.answer.set()
        await reconciler.fees(owner.order)  # there is room again
        await reconciler.fills(owner.order)  # and this one nothing holds back
        return owner

    assert asyncio.run(ask()).asked == (FEES_AT_ONCE + 2 if used < FEES_SHARE else 1)
    assert FEES_SHARE < SHARE
