"""What was promised holds whatever comes between: an order that waited leaves only if it still may,
and a cancel is pursued until its order has ended."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connector.model.counters import Counter
from connector.model.intents import (
    OWN_COMMAND,
    Action,
    CommandFlag,
    OrderType,
    PositionSide,
    TimeInForce,
)
from connector.model.order import Order
from connector.model.records import RecordType
from connector.model.reports import BalanceReason, Code, Field, OrderStatus, Result, Update
from connector.venues.trading_contract import (
    AccountEvent,
    BalanceEvent,
    CannotEncode,
    Execution,
    OrderAnswer,
    OrderEvent,
    OrderOutcome,
    PositionEvent,
    Source,
)
from tests.reference.desk_rig import (
    INSTRUMENT,
    SECOND_NS,
    TRADING,
    Rig,
    Session,
    answers_of,
    drain,
    halt,
)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.halts.close()


def order_of(rig: Rig, name: str) -> Order:
    found = rig.desk.tracker.orders.by_client_id(0, name)
    assert found is not None
    return found


def grow_old(rig: Rig) -> None:
    rig.now_ns += SECOND_NS + 1


@pytest.mark.parametrize(
    ("meanwhile", "code"),
    [(grow_old, Code.STALE_COMMAND), (drain, Code.DRAINING), (halt, Code.HALTED)],
)
def test_an_order_that_waited_leaves_only_if_it_still_may(
    rig: Rig, meanwhile: Callable[[Rig], None], code: Code
) -> None:
    rig.send(client_order_id="old")
    rig.accept()
    rig.send(client_order_id="new")
    rig.send(Action.AMEND, client_order_id="old", qty_e=20)
    rig.send(Action.AMEND, client_order_id="old", qty_e=5)
    rig.send(Action.CANCEL, client_order_id="old")
    waiting = [request for request, _, _ in rig.main.posted[1:]]
    assert [rig.desk.stopped(rig.main, one) for one in waiting] == [None] * 4
    meanwhile(rig)
    found = [rig.desk.stopped(rig.main, one) for one in waiting]
    assert [one and one.code for one in found] == [code, code, None, None]


def test_what_waited_too_long_says_so(rig: Rig) -> None:
    rig.send(client_order_id="new")
    grow_old(rig)
    why = rig.desk.stopped(rig.main, rig.main.posted[0][0])
    assert why is not None
    assert (why.field, why.value_e, why.value_e - why.limit_e) == (Field.VALID_UNTIL, rig.now_ns, 1)


def cancels(rig: Rig, seconds: int = 10) -> set[str]:
    """The orders that are tried to be cancelled within that time."""
    before = len(rig.main.posted)
    for _ in range(4 * seconds):
        rig.now_ns += SECOND_NS // 4
        list(rig.desk.tick(rig.now_ns))
    pending = [rig.desk.tracker.request(one) for one, _, _ in rig.main.posted[before:]]
    return {one.order.client_order_id for one in pending
            if one and one.order and one.action is Action.CANCEL}  # fmt: skip


def test_a_cancel_that_cannot_be_encoded_now_is_tried_again(rig: Rig) -> None:
    def cannot(*_: Any) -> Any:
        raise CannotEncode(Field.ORDER_ID, "not this way")

    for name in ("one", "two"):
        rig.send(client_order_id=name)
        rig.accept()
    rig.main.trading = msgspec.structs.replace(rig.main.trading, encode=cannot)
    assert rig.send(Action.CANCEL_ALL).result == Result.ACCEPTED
    assert rig.counted[Counter.COMMAND_ERRORS]
    rig.main.trading = TRADING
    assert cancels(rig) == {"one", "two"}


def test_cancels_leave_although_their_answer_cannot_be_written(rig: Rig) -> None:
    rig.send(client_order_id="one")
    rig.accept()
    append = rig.journals.append

    def fails(strategy: str, kind: RecordType, body: bytes, **more: Any) -> int:
        if kind is RecordType.COMMAND_ANSWER and not failed:
            failed.append(kind)
            raise OSError("no room")
        return append(strategy, kind, body, **more)

    failed: list[RecordType] = []
    rig.journals.append = fails  # type: ignore[method-assign]
    rig.desk.take(rig.sessions["maker"], rig.slot(Action.CANCEL_ALL), rig.now_ns)
    assert failed
    assert rig.main.posted[-1][1] is Action.CANCEL


def test_one_report_that_cannot_be_written_does_not_take_the_others_with_it(rig: Rig) -> None:
    """Accepted and answered by one event: the answer fails, the report and what the limits count do
    not."""
    rig.send(client_order_id="one", qty_e=10)
    rig.desk.lost(rig.main.posted[0][0])
    append = rig.journals.append
    failed: list[RecordType] = []

    def fails(strategy: str, kind: RecordType, body: bytes, **more: Any) -> int:
        if kind is RecordType.ORDER_REPORT and not failed:
            failed.append(kind)
            raise OSError("no room")
        return append(strategy, kind, body, **more)

    rig.journals.append = fails  # type: ignore[method-assign]
    rig.desk.order_event(rig.main, told(Execution.NEW, OrderStatus.NEW))
    assert failed
    assert answers_of(rig, 1)[-1] == (Result.ACCEPTED, 0)
    assert rig.counted == {Counter.COMMAND_ERRORS: 1}


def told(execution: Execution, status: OrderStatus, **more: Any) -> OrderEvent:
    """By the stream, of the order "one"."""
    return OrderEvent(
        source=Source.STREAM, execution=execution, status=status, symbol="BTCUSDT",
        client_order_id="one", order_id=7, **more,
    )  # fmt: skip


def test_an_order_that_lives_after_all_is_cancelled_if_that_was_wanted(rig: Rig) -> None:
    """Its request is lost, it is to be cancelled, the venue denies it long after it could have come
    and it counts as never placed; then the stream tells of it."""
    rig.desk.stream_up(rig.main)
    rig.send(client_order_id="one")
    rig.desk.lost(rig.main.posted[0][0])
    rig.send(Action.CANCEL, client_order_id="one")
    gone = OrderAnswer(OrderOutcome.GONE, 400, -2011)
    rig.desk.answered(rig.main, rig.main.posted[-1][0], gone)
    rig.now_ns += 60 * SECOND_NS
    rig.desk.absent(order_of(rig, "one"), rig.now_ns)
    assert order_of(rig, "one").status is OrderStatus.REJECTED
    assert cancels(rig) == set()
    rig.desk.order_event(rig.main, told(Execution.NEW, OrderStatus.NEW))
    assert rig.reports[-1] is Update.SUBMITTED
    assert cancels(rig) == {"one"}


def test_what_cannot_be_proved_yet_is_asked_when_it_can(rig: Rig) -> None:
    """A lost order's absence counts two seconds after the venue could last have executed it: the
    question comes then, not whenever the growing waits happen to end."""
    rig.desk.stream_up(rig.main)
    rig.send(client_order_id="one")
    rig.desk.lost(rig.main.posted[0][0])
    order, asked = order_of(rig, "one"), []
    rig.main.ask = lambda _: asked.append(rig.now_ns)  # type: ignore[method-assign]
    proof_ns = rig.now_ns + TRADING.window_ns + 2 * SECOND_NS
    while order.status is not OrderStatus.REJECTED:
        rig.now_ns += SECOND_NS // 20
        assert rig.now_ns <= proof_ns + SECOND_NS // 10
        before = len(asked)
        list(rig.desk.tick(rig.now_ns))
        if len(asked) > before:
            rig.desk.absent(order, asked[-1])
    assert rig.now_ns >= proof_ns


def test_a_position_is_closed_where_nobody_looks_any_more(rig: Rig) -> None:
    """Its instrument was taken out of the configuration: no market data, but still a position."""
    closing = {"instrument": 6, "order_type": OrderType.MARKET, "price_e": None,
               "time_in_force": TimeInForce.NONE, "flags": CommandFlag.REDUCE_ONLY}  # fmt: skip
    assert Code(rig.send(**closing).code) is Code.UNKNOWN_INSTRUMENT
    rig.places[6].mark_e = rig.places[6].touch = None
    assert rig.send(**closing, stamp=OWN_COMMAND | 77) is None
    assert [action for _, action, _ in rig.main.posted] == [Action.PLACE]


def test_fills_are_asked_for_by_their_order() -> None:
    """A time reaches seven days only, and a busy account has more fills than one answer holds."""
    assert TRADING is not None
    by_order = TRADING.lookups.fills(INSTRUMENT, 7, 1, 1000)
    assert "orderId=7" in by_order.query
    assert "startTime" not in by_order.query
    by_time = TRADING.lookups.fills(INSTRUMENT, None, 5_000_000, 1000)
    assert "startTime=5" in by_time.query


@pytest.mark.parametrize("entries", [0, 1])
def test_an_order_is_given_up_though_nobody_can_be_told(rig: Rig, entries: int) -> None:
    """The journal takes so many entries more, and not its refusal either."""
    append, left = rig.journals.append, [None] * entries

    def full(strategy: str, what: RecordType, body: bytes, **more: Any) -> int:
        if not left:
            raise OSError("no room")
        left.pop()
        return append(strategy, what, body, **more)

    rig.journals.append = full  # type: ignore[method-assign]
    slot = rig.slot(client_order_id="mine")
    with pytest.raises(OSError, match="no room") if not entries else contextlib.nullcontext():
        rig.desk.take(Session(), slot, rig.now_ns)
    assert rig.main.posted == []
    assert rig.counted[Counter.COMMAND_ERRORS] > 0
    order = order_of(rig, "mine")
    assert order.status is OrderStatus.REJECTED
    assert rig.desk.holdings.account(0).open_orders == 0
    rig.journals.append = append  # type: ignore[method-assign]
    for _ in range(9):
        rig.now_ns += 10 * SECOND_NS
        list(rig.desk.tick(rig.now_ns))
    assert rig.main.posted == []


FUNDING = {"asset": "USDT", "change_e": -5, "reason": BalanceReason.FUNDING, "symbol": "BTCUSDT"}
TOLD_TWICE: list[AccountEvent] = [
    BalanceEvent(wallet_e=5, venue_ns=7, **FUNDING),
    PositionEvent(symbol="BTCUSDT", position_side=PositionSide.BOTH, qty_e=5, venue_ns=7),
]


@pytest.mark.parametrize("event", TOLD_TWICE)
def test_what_two_private_streams_tell_of_an_account_is_told_once(
    rig: Rig, event: AccountEvent
) -> None:
    def told() -> int:
        kinds = [kind for _, kind, _ in rig.journals.entries]
        return kinds.count(RecordType.BALANCE_UPDATE) + kinds.count(RecordType.POSITION_UPDATE)

    for _ in range(2):
        rig.desk.account_event(rig.main, event)
    assert told() == 2, "one for each of the account's strategies"
    rig.desk.account_event(rig.main, msgspec.structs.replace(event, venue_ns=8))
    assert told() == 4
