"""Commands of one batch leave as one request where the venue has it; each keeps its own story."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from connector.model.counters import Counter
from connector.model.intents import Action, OrderType
from connector.model.packing import layout
from connector.model.records import RecordType
from connector.model.reports import Code, Field, OrderStatus, Result
from connector.trading.commands import Refusal
from connector.venues.contract import Request
from connector.venues.trading_contract import OrderAnswer, OrderOutcome
from tests.reference.desk_rig import ANSWER, NOW_NS, ORDER, Place, Rig, Session

SLOT, SENT = layout("Command"), layout("SentBody")
SESSION = Session()
STOP = {"order_type": OrderType.STOP_MARKET, "price_e": None, "stop_price_e": 40_000_00,
        "time_in_force": 0}  # fmt: skip


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    made.places[8] = Place(8, symbol="ETHUSDT")
    made.desk.holdings.account(0).limits = None  # they have tests of their own
    yield made
    made.halts.close()


def send(
    rig: Rig, action: Action, elements: Sequence[dict[str, Any]], whole: bool = True
) -> list[int]:
    """Give the elements of a batch; their numbers. Not ``whole``: the last one is still to come."""
    size, numbers = len(elements) + (not whole), []
    empty = ("order_id", "price_e", "qty_e", "stop_price_e", "activation_price_e",
             "callback_rate_e", "good_till_ns")  # fmt: skip
    for place, element in enumerate(elements, 1):
        rig.commands += 1
        values = dict.fromkeys(empty) | {"instrument": 3, "valid_until_ns": NOW_NS + 10**9}
        if action is Action.PLACE:
            values |= ORDER
        if size > 1:
            values |= {"batch": place, "batch_size": size}
        slot = SLOT.pack(stamp=rig.commands, action=action, **(values | element))
        rig.desk.take(SESSION, slot, rig.now_ns)
        numbers.append(rig.commands)
    return numbers


def answers(rig: Rig) -> dict[int, tuple[Result, int]]:
    found = [
        ANSWER.unpack(body)
        for _, kind, body in rig.journals.entries
        if kind is RecordType.COMMAND_ANSWER
    ]
    return {one.command: (Result(one.result), one.code) for one in found}


def left(rig: Rig) -> list[tuple[str, int]]:
    """Each request that left: its endpoint, and for how many orders."""
    found = []
    for _, _, message in rig.main.posted:
        query = parse_qs(message.query)
        rows = query.get(
            "batchOrders", query.get("orderIdList", query.get("origClientOrderIdList"))
        )
        found.append((message.name, len(json.loads(rows[0])) if rows else 1))
    return found


def placed(rig: Rig, count: int, **values: Any) -> list[str]:
    names = [f"mine-{number}" for number in range(count)]
    for name in names:
        rig.send(client_order_id=name, **values)
    rig.main.posted.clear()
    return names


def test_new_orders_go_five_by_five(rig: Rig) -> None:
    numbers = send(rig, Action.PLACE, [{"client_order_id": f"n{n}"} for n in range(7)])
    assert left(rig) == [("placeBatch", 5), ("placeBatch", 2)]
    assert [len(group) for group in rig.main.together] == [5, 2]
    kinds = [kind for _, kind, _ in rig.journals.entries]
    assert kinds == [RecordType.COMMAND] * 7 + [RecordType.SENT] * 7
    sent = [SENT.unpack(body) for _, kind, body in rig.journals.entries if kind is RecordType.SENT]
    assert [one.command for one in sent] == numbers
    assert [one.request for one in sent] == [one for group in rig.main.together for one in group]
    assert len({one.order_key for one in sent}) == 7
    assert answers(rig) == {}


def test_each_order_has_its_own_answer(rig: Rig) -> None:
    first, second, third = send(rig, Action.PLACE, [{"client_order_id": f"n{n}"} for n in range(3)])
    (group,) = rig.main.together
    outcomes = (OrderOutcome.ACCEPTED, OrderOutcome.REFUSED, OrderOutcome.UNKNOWN)
    for request, outcome in zip(group, outcomes, strict=True):
        rig.desk.answered(rig.main, request, OrderAnswer(outcome, 200))
    assert answers(rig) == {
        first: (Result.ACCEPTED, 0),
        second: (Result.REFUSED, Code.VENUE.value),
        third: (Result.UNKNOWN, Code.OUTCOME_UNKNOWN.value),
    }
    orders = [rig.desk.tracker.orders.by_client_id(0, f"n{n}") for n in range(3)]
    assert [one.status for one in orders if one] == [
        OrderStatus.NEW, OrderStatus.REJECTED, OrderStatus.UNKNOWN,
    ]  # fmt: skip


def test_what_is_refused_here_does_not_hold_up_the_others(rig: Rig) -> None:
    numbers = send(rig, Action.PLACE, [{}, {"price_e": 50_000_01}, {}, {"instrument": 99}])
    assert left(rig) == [("placeBatch", 2)]
    assert answers(rig) == {
        numbers[1]: (Result.REFUSED, Code.FILTER.value),
        numbers[3]: (Result.REFUSED, Code.UNKNOWN_INSTRUMENT.value),
    }


def test_a_batch_of_one_is_an_order(rig: Rig) -> None:
    send(rig, Action.PLACE, [{}])
    send(rig, Action.PLACE, [{}, {"price_e": 50_000_01}])
    assert left(rig) == [("placeOrder", 1), ("placeOrder", 1)]


def test_symbols_may_be_mixed_and_conditional_orders_go_alone(rig: Rig) -> None:
    send(rig, Action.PLACE, [{}, {"instrument": 8}, STOP, {}])
    assert sorted(left(rig)) == [("placeAlgo", 1), ("placeBatch", 3)]


def test_amends_go_together(rig: Rig) -> None:
    names = placed(rig, 3)
    send(rig, Action.AMEND, [{"client_order_id": n, "price_e": 50_001_00} for n in names])
    assert left(rig) == [("amendBatch", 3)]
    (row, *_) = json.loads(parse_qs(rig.main.posted[0][2].query)["batchOrders"][0])
    assert row["price"] == "50001.00"
    assert row["quantity"] == "0.010"  # the order's own: the venue wants both


def test_what_nothing_may_stop_does_not_depend_on_what_limits_may(rig: Rig) -> None:
    names = placed(rig, 4)
    rig.main.short = True
    more = [{"client_order_id": name, "qty_e": 11} for name in names[:2]]
    less = [{"client_order_id": name, "qty_e": 9} for name in names[2:]]
    first, second, *_ = send(rig, Action.AMEND, more + less)
    assert left(rig) == [("amendBatch", 2)]
    refused = (Result.REFUSED, Code.RATE_BUDGET.value)
    assert {number: answers(rig)[number] for number in (first, second)} == {
        first: refused, second: refused,
    }  # fmt: skip


def test_cancels_go_by_symbol_and_kind_of_id(rig: Rig) -> None:
    names = placed(rig, 12)
    for number, name in enumerate(names[:2]):
        order = rig.desk.tracker.orders.by_client_id(0, name)
        assert order is not None
        order.order_id = 100 + number
    send(rig, Action.CANCEL, [{"client_order_id": name} for name in names])
    assert left(rig) == [("cancelBatch", 2), ("cancelBatch", 10)]
    by_id, by_name = (parse_qs(message.query) for _, _, message in rig.main.posted)
    assert json.loads(by_id["orderIdList"][0]) == [100, 101]
    assert json.loads(by_name["origClientOrderIdList"][0]) == names[2:]


def test_a_batch_that_costs_too_much_goes_one_by_one_as_far_as_it_may(rig: Rig) -> None:
    units = 2

    def afford(action: Action, message: Request) -> None:
        if message.name == "placeBatch" or len(rig.main.posted) >= units:
            raise Refusal(Code.RATE_BUDGET, Field.RATE_BUDGET, "orders: used up", 301, 300)

    rig.main.afford = afford  # type: ignore[method-assign]
    numbers = send(rig, Action.PLACE, [{"client_order_id": f"n{n}"} for n in range(4)])
    assert left(rig) == [("placeOrder", 1)] * 2
    assert answers(rig) == {
        number: (Result.REFUSED, Code.RATE_BUDGET.value) for number in numbers[2:]
    }
    statuses = [rig.desk.tracker.orders.by_client_id(0, f"n{n}") for n in range(4)]
    assert [one.status for one in statuses if one] == [OrderStatus.PENDING] * 2 + [
        OrderStatus.REJECTED
    ] * 2


def test_a_fault_of_ours_in_one_of_them_does_not_hold_up_the_others(rig: Rig) -> None:
    def afford(action: Action, message: Request) -> None:
        if message.name == "placeBatch":
            raise Refusal(Code.RATE_BUDGET)
        if "newClientOrderId=n1" in message.query:
            raise ArithmeticError("a budget that cannot be read")

    rig.main.afford = afford  # type: ignore[method-assign, assignment]
    _, second, _ = send(rig, Action.PLACE, [{"client_order_id": f"n{n}"} for n in range(3)])
    assert left(rig) == [("placeOrder", 1)] * 2
    assert answers(rig) == {second: (Result.REFUSED, Code.INTERNAL.value)}
    assert rig.counted == {Counter.COMMAND_ERRORS: 1}
    assert rig.desk.holdings.account(0).open_orders == 2


def test_a_batch_that_is_not_whole_leaves_when_nothing_more_comes(rig: Rig) -> None:
    send(rig, Action.PLACE, [{}, {}], whole=False)
    assert left(rig) == []
    rig.desk.taken()
    assert left(rig) == [("placeBatch", 2)]
    rig.desk.taken()
    assert len(rig.main.posted) == 1


@pytest.mark.parametrize("other", [Action.PLACE, Action.CANCEL])
def test_nothing_overtakes_a_batch(rig: Rig, other: Action) -> None:
    send(rig, Action.PLACE, [{"client_order_id": "a"}, {"client_order_id": "b"}], whole=False)
    send(rig, other, [{"client_order_id": "a" if other is Action.CANCEL else "c"}])
    assert left(rig)[0][0] == "placeBatch"
    assert len(rig.main.posted) == 2


def test_one_batch_behind_the_other(rig: Rig) -> None:
    send(rig, Action.PLACE, [{}, {}], whole=False)
    send(rig, Action.PLACE, [{}, {}, {}])
    assert left(rig) == [("placeBatch", 2), ("placeBatch", 3)]


def test_a_request_may_be_executed_as_long_as_its_own_stamp_says(rig: Rig) -> None:
    send(rig, Action.PLACE, [{}, {}], whole=False)
    rig.now_ns += 50_000_000
    rig.desk.taken()
    window_ns = rig.main.trading.window_ns
    assert {one.deadline_ns for one in rig.desk.tracker.pending()} == {rig.now_ns + window_ns}
