"""What a strategy may not do is refused before anything leaves, with the field and the limit."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connector.model.counters import Counter
from connector.model.intents import Action, OrderType, TimeInForce
from connector.model.records import NO_INSTRUMENT, RecordType, Side
from connector.model.reports import Code, Field, OrderStatus, Result
from connector.venues.trading_contract import (
    Execution,
    OrderEvent,
    Source,
)
from tests.reference.desk_rig import (
    ANSWER,
    COMMAND,
    NOW_NS,
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


def unplug(rig: Rig) -> None:
    rig.main.ready = False


def lag(rig: Rig) -> None:
    rig.journals.late = True


def go_stale(rig: Rig) -> None:
    for place in rig.places.values():
        place.touch = None


def lose(rig: Rig) -> None:
    rig.desk.holdings.strategy("taker").profit_e = -1000 * 10**8


def hold(rig: Rig) -> None:
    """As much as exposure may be."""
    for qty_e in (1990, 10):
        rig.send(qty_e=qty_e, client_order_id=f"much-{qty_e}")
        rig.accept()


def crowd(rig: Rig) -> None:
    """As many orders as may be open."""
    for number in range(5):
        rig.send(client_order_id=f"one-{number}")
        rig.accept()
        rig.now_ns += SECOND_NS // 10


def hurry(rig: Rig) -> None:
    """As many orders as a second may see."""
    for number in range(3):
        rig.send(Action.PLACE, "taker", client_order_id=f"fast-{number}")
        rig.accept()


def use_up(rig: Rig) -> None:
    rig.main.short = True


def disarm(rig: Rig) -> None:
    rig.main.unguarded = True


def use_id(rig: Rig) -> None:
    rig.send(client_order_id="used")


def use_ref(rig: Rig) -> None:
    rig.send(ref_id="r1")


def trigger(rig: Rig, born: int | None = None) -> None:
    """A conditional order that was triggered."""
    rig.send(client_order_id="waiting", order_type=OrderType.STOP, stop_price_e=50_100_00)
    for status in (OrderStatus.NEW, OrderStatus.TRIGGERED):
        event = OrderEvent(
            source=Source.STREAM, execution=Execution.STATE, status=status, symbol="BTCUSDT",
            client_order_id="waiting", order_id=70, conditional=True,
            born_order_id=born if status is OrderStatus.TRIGGERED else None,
        )  # fmt: skip
        rig.desk.order_event(rig.main, event)


def leave(rig: Rig) -> None:
    """Nothing beforehand."""


F = Code.FILTER
R = Code.RISK_LIMIT
M = Code.MALFORMED
REFUSED: list[tuple[Callable[[Rig], None], dict[str, Any], Code, Field, int | None]] = [
    (leave, {"order_type": 99}, M, Field.ORDER_TYPE, None),
    (leave, {"side": 9}, M, Field.DIRECTION, None),
    (leave, {"price_e": None}, M, Field.PRICE, None),
    (leave, {"price_e": -5}, M, Field.PRICE, None),
    (leave, {"qty_e": None}, M, Field.QUANTITY, None),
    (leave, {"stop_price_e": 5}, M, Field.STOP_PRICE, None),
    (leave, {"flags": 1 << 30}, M, Field.NONE, None),
    (leave, {"client_order_id": "no spaces!"}, M, Field.CLIENT_ORDER_ID, None),
    (leave, {"instrument": 77}, Code.UNKNOWN_INSTRUMENT, Field.INSTRUMENT, None),
    (leave, {"instrument": 4}, Code.UNKNOWN_INSTRUMENT, Field.INSTRUMENT, None),
    (leave, {"instrument": 6}, Code.UNKNOWN_INSTRUMENT, Field.INSTRUMENT, None),
    (leave, {"account": 9}, Code.UNKNOWN_ACCOUNT, Field.ACCOUNT, None),
    (leave, {"account": 1}, Code.NOT_PERMITTED, Field.ACCOUNT, None),
    (leave, {"instrument": 5}, F, Field.INSTRUMENT, None),
    (leave, {"price_e": 50_000_05}, F, Field.PRICE, 10),
    (leave, {"price_e": 990}, F, Field.PRICE, 1000),
    (leave, {"price_e": 200_000_00}, F, Field.PRICE, 100_000_00),
    (leave, {"price_e": 60_000_00}, F, Field.PRICE, 52_500_00),
    (leave, {"price_e": 40_000_00, "side": Side.SELL}, F, Field.PRICE, 47_500_00),
    (leave, {"qty_e": 2_000_000}, F, Field.QUANTITY, 1_000_000),
    (leave, {"qty_e": 1}, F, Field.NOTIONAL, 100 * 10**8),
    (leave, {"qty_e": 600_000, "price_e": None, "time_in_force": 0,
             "order_type": OrderType.MARKET}, F, Field.QUANTITY, 500_000),
    (go_stale, {}, Code.STALE_BOOK, Field.INSTRUMENT, None),
    (leave, {"qty_e": 2001}, R, Field.NOTIONAL, 100_000 * 10**8),
    (leave, {"qty_e": 1501, "strategy": "taker"}, R, Field.QUANTITY, 1500),
    (leave, {"price_e": 50_501_10}, R, Field.PRICE, 50_501_01),
    (hold, {}, R, Field.EXPOSURE, 100_000 * 10**8),
    (crowd, {}, R, Field.OPEN_ORDERS, 5),
    (hurry, {"strategy": "taker"}, R, Field.ORDER_RATE, 3),
    (lose, {"strategy": "taker"}, R, Field.LOSS, 1000 * 10**8),
    (use_up, {}, Code.RATE_BUDGET, Field.RATE_BUDGET, 300),
    (disarm, {}, Code.UNGUARDED, Field.NONE, None),
    (leave, {"valid_until_ns": NOW_NS - 1}, Code.STALE_COMMAND, Field.VALID_UNTIL, NOW_NS - 1),
    (halt, {}, Code.HALTED, Field.NONE, None),
    (drain, {}, Code.DRAINING, Field.NONE, None),
    (unplug, {}, Code.DISCONNECTED, Field.ACCOUNT, None),
    (lag, {}, Code.JOURNAL_BEHIND, Field.NONE, None),
    (use_ref, {"ref_id": "r1", "qty_e": 20}, Code.DUPLICATE_REF, Field.REF_ID, None),
    (use_id, {"client_order_id": "used"}, Code.DUPLICATE_CLIENT_ID, Field.CLIENT_ORDER_ID, None),
    (leave, {"time_in_force": TimeInForce.DAY}, Code.NOT_SUPPORTED, Field.TIME_IN_FORCE, None),
    (trigger, {"action": Action.AMEND, "client_order_id": "waiting", "qty_e": 5}, Code.NOT_YET,
     Field.ACTION, None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("before", "fields", "code", "field", "limit"),
    REFUSED,
    ids=[f"{row[2].name.lower()}-{row[3].name.lower()}-{i}" for i, row in enumerate(REFUSED)],
)
def test_refused_with_field_and_limit(
    rig: Rig,
    before: Callable[[Rig], None],
    fields: dict[str, Any],
    code: Code,
    field: Field,
    limit: int | None,
) -> None:
    before(rig)
    sent = len(rig.main.posted)
    answer = rig.send(**fields)
    assert answer is not None, "it was sent"
    assert (Code(answer.code), Field(answer.field)) == (code, field)
    assert answer.result == Result.REFUSED
    if limit is not None:
        assert answer.limit_e == limit
    assert len(rig.main.posted) == sent
    named = fields.get("instrument", 3)
    assert rig.journals.places[-1] == (named if named in rig.places else NO_INSTRUMENT)
    assert len(rig.other.posted) == 0


STOPS = [halt, drain, unplug, lag, use_up, go_stale, hold]
ELSEWHERE = {
    Code.ACCEPTED, Code.VENUE, Code.OUTCOME_UNKNOWN,  # not refusals of ours
    Code.NOT_SENT,  # of a restart
    Code.INTERNAL,  # of faults of ours, below
}  # fmt: skip


def test_every_code_of_a_refusal_is_in_the_table() -> None:
    assert {row[2] for row in REFUSED} | ELSEWHERE == set(Code)


def test_orders_of_one_batch_count_for_each_other(rig: Rig) -> None:
    many = {"qty_e": 1500, "batch_size": 2}
    assert rig.send(batch=1, **many, client_order_id="one") is None
    answer = rig.send(batch=2, **many, client_order_id="two")
    assert (Code(answer.code), Field(answer.field)) == (R, Field.EXPOSURE)


@pytest.mark.parametrize("stop", STOPS)
def test_nothing_stops_a_cancel(rig: Rig, stop: Callable[[Rig], None]) -> None:
    rig.send(client_order_id="mine")
    rig.accept()
    stop(rig)
    late = {"valid_until_ns": NOW_NS - 1}
    assert rig.send(Action.CANCEL, client_order_id="mine", **late) is None
    assert rig.main.posted[-1][1] is Action.CANCEL


def test_what_a_trigger_made_is_amended_once_it_has_a_name(rig: Rig) -> None:
    trigger(rig, born=900)
    assert rig.send(Action.AMEND, client_order_id="waiting", qty_e=5) is None
    _, action, message = rig.main.posted[-1]
    assert (action, b"orderId=900" in message.body + message.target.encode()) == (
        Action.AMEND, True,
    )  # fmt: skip


@pytest.mark.parametrize("stop", STOPS)
def test_an_amend_that_only_reduces_counts_as_a_cancel(
    rig: Rig, stop: Callable[[Rig], None]
) -> None:
    rig.send(client_order_id="mine")
    rig.accept()
    stop(rig)
    grown = rig.send(Action.AMEND, client_order_id="mine", qty_e=20)
    assert grown is not None
    assert grown.result == Result.REFUSED
    assert rig.send(Action.AMEND, client_order_id="mine", qty_e=5) is None
    assert rig.main.posted[-1][1] is Action.AMEND


def test_orders_of_another_strategy_are_not_touched(rig: Rig) -> None:
    rig.send(client_order_id="mine")
    rig.accept()
    answer = rig.send(Action.CANCEL, strategy="taker", client_order_id="mine")
    assert (Code(answer.code), Field(answer.field)) == (Code.NOT_PERMITTED, Field.ORDER_ID)


def test_cancel_all_ends_only_the_own_orders(rig: Rig) -> None:
    rig.send(client_order_id="mine-1")
    rig.accept()
    rig.send(client_order_id="mine-2")
    rig.accept()
    rig.send(strategy="taker", client_order_id="theirs")
    rig.accept()
    before = len(rig.main.posted)
    answer = rig.send(Action.CANCEL_ALL)
    assert answer.result == Result.ACCEPTED
    cancels = rig.main.posted[before:]
    assert [action for _, action, _ in cancels] == [Action.CANCEL, Action.CANCEL]
    assert all("mine-" in message.target for _, _, message in cancels)


def test_a_request_repeated_is_answered_again_and_sent_once(rig: Rig) -> None:
    assert rig.send(ref_id="r1") is None
    assert rig.send(ref_id="r1") is None
    assert len(rig.main.posted) == 1
    rig.accept()
    answers = [
        ANSWER.unpack(body)
        for _, kind, body in rig.journals.entries
        if kind is RecordType.COMMAND_ANSWER
    ]
    assert [(one.command, one.result) for one in answers] == [
        (1, Result.ACCEPTED), (2, Result.ACCEPTED),
    ]  # fmt: skip
    assert rig.send(ref_id="r1").result == Result.ACCEPTED
    assert len(rig.main.posted) == 1


def test_an_order_is_named_by_the_command_that_placed_it(rig: Rig) -> None:
    assert rig.send() is None
    assert rig.send(Action.CANCEL, placed_by=1) is None
    assert [action for _, action, _ in rig.main.posted] == [Action.PLACE, Action.CANCEL]
    name = next(iter(rig.desk.tracker.orders)).client_order_id
    assert name in rig.main.posted[1][2].query
    for number, strategy in ((2, "maker"), (1, "taker")):
        answer = rig.send(Action.CANCEL, strategy, placed_by=number)
        assert answer.result == Result.REFUSED
    assert len(rig.main.posted) == 2


def test_the_journal_knows_before_anything_leaves(rig: Rig) -> None:
    kinds: list[RecordType] = []
    rig.main.post = lambda *_: kinds.extend(  # type: ignore[method-assign]
        kind for _, kind, _ in rig.journals.entries
    )
    rig.send()
    assert kinds == [RecordType.COMMAND, RecordType.SENT]


def test_what_left_and_was_lost_is_unknown_and_not_sent_again(rig: Rig) -> None:
    rig.send(client_order_id="mine")
    rig.desk.lost(rig.main.posted[0][0])
    order = rig.desk.tracker.orders.by_client_id(0, "mine")
    assert order is not None
    assert order.status is OrderStatus.UNKNOWN
    for second in range(30):
        rig.now_ns = NOW_NS + second * SECOND_NS
        list(rig.desk.tick(rig.now_ns))
    assert [action for _, action, _ in rig.main.posted] == [Action.PLACE]


def test_a_slot_of_anything_is_answered_and_never_fatal(rig: Rig) -> None:
    rng = random.Random(7)
    for _ in range(300):
        slot = bytes(rng.randrange(256) for _ in range(COMMAND.size))
        rig.desk.take(Session(), slot, NOW_NS)
    kinds = [kind for _, kind, _ in rig.journals.entries]
    assert kinds.count(RecordType.COMMAND) == kinds.count(RecordType.COMMAND_ANSWER) == 300
    assert rig.main.posted == []


# Faults of ours


def broken(*_: Any) -> Any:
    raise ZeroDivisionError("a fault of ours")


def break_encoder(rig: Rig) -> None:
    rig.main.trading = msgspec.structs.replace(rig.main.trading, encode=broken)


def mend_encoder(rig: Rig) -> None:
    rig.main.trading = TRADING


def test_an_encoder_that_fails_refuses_and_is_counted(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    break_encoder(rig)
    answer = rig.send(client_order_id="mine", ref_id="r1")
    assert (Result(answer.result), Code(answer.code)) == (Result.REFUSED, Code.INTERNAL)
    assert rig.main.posted == []
    assert rig.counted == {Counter.COMMAND_ERRORS: 1}
    assert "in broken" in caplog.text, "the log says where"
    assert rig.send(ref_id="r1", client_order_id="mine").code == Code.INTERNAL.value
    mend_encoder(rig)
    assert rig.send(client_order_id="mine") is None
    assert len(rig.main.posted) == 1


@pytest.mark.parametrize("kind", [RecordType.COMMAND, RecordType.SENT])
def test_what_fails_before_the_send_was_not_sent(rig: Rig, kind: RecordType) -> None:
    append, faults = rig.journals.append, [True]

    def once(strategy: str, what: RecordType, body: bytes, **more: Any) -> int:
        if what is kind and faults:
            faults.clear()
            raise OSError("no room")
        return append(strategy, what, body, **more)

    rig.journals.append = once  # type: ignore[method-assign]
    rig.desk.take(Session(), rig.slot(client_order_id="mine"), rig.now_ns)
    assert answers_of(rig, 1) == [(Result.REFUSED, Code.INTERNAL.value)]
    assert rig.main.posted == []
    assert rig.counted == {Counter.COMMAND_ERRORS: 1}
    order = rig.desk.tracker.orders.by_client_id(0, "mine")
    assert order is not None
    assert order.status is OrderStatus.REJECTED
    assert rig.desk.holdings.account(0).open_orders == 0
    assert rig.desk.holdings.account(0).exposure_e == 0


@pytest.mark.parametrize("batch_size", [0, 2])
def test_what_may_have_left_is_unknown_and_found_out(rig: Rig, batch_size: int) -> None:
    rig.main.post = broken  # type: ignore[method-assign]
    rig.main.post_batch = broken  # type: ignore[method-assign]
    for number in range(max(1, batch_size)):
        fields = {"batch": number + 1, "batch_size": batch_size} if batch_size else {}
        slot = rig.slot(client_order_id=f"mine-{number}", **fields)
        rig.desk.take(rig.sessions.setdefault("maker", Session()), slot, rig.now_ns)
    for number in range(max(1, batch_size)):
        order = rig.desk.tracker.orders.by_client_id(0, f"mine-{number}")
        assert order is not None
        assert order.status is OrderStatus.UNKNOWN
        assert answers_of(rig, number + 1) == [(Result.UNKNOWN, Code.OUTCOME_UNKNOWN.value)]
    assert rig.counted == {Counter.COMMAND_ERRORS: max(1, batch_size)}
    assert rig.desk.holdings.account(0).open_orders == max(1, batch_size)


def test_a_cancel_that_fails_is_pursued(rig: Rig) -> None:
    for name in ("one", "two"):
        rig.send(client_order_id=name)
        rig.accept()
    break_encoder(rig)
    before = len(rig.main.posted)
    answer = rig.send(Action.CANCEL_ALL)
    assert answer.result == Result.ACCEPTED
    assert len(rig.main.posted) == before
    assert answers_of(rig, rig.commands) == [(Result.ACCEPTED, 0)]
    mend_encoder(rig)
    for _ in range(40):
        rig.now_ns += SECOND_NS // 4
        list(rig.desk.tick(rig.now_ns))
    cancelled = {message.target.split("origClientOrderId=")[1].split("&")[0]
                 for _, action, message in rig.main.posted[before:]
                 if action is Action.CANCEL}  # fmt: skip
    assert cancelled == {"one", "two"}
