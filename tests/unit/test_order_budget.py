"""An account's requests stay within the venue's windows whatever is asked, cancels always fit, and
the venue's own count rules."""

import random

import pytest

from connector.model.intents import Action
from connector.protocol.ratelimit import Budget
from connector.trading.budget import OrderBudget
from connector.venues.contract import Cost, Pool, Request

SECOND_NS = 1_000_000_000
TEN = Pool("orders", 30, 10 * SECOND_NS, "x-10s")
MINUTE = Pool("orders", 100, 60 * SECOND_NS, "x-1m")
WEIGHT = Pool("weight", 50, 60 * SECOND_NS, "x-weight")
PLACE = Request(
    "POST", "/o", weight=0, pool="weight", orders=(Cost("orders", 10 * SECOND_NS, 1),
    Cost("orders", 60 * SECOND_NS, 1)),
)  # fmt: skip
CANCEL = Request("DELETE", "/o", weight=1, pool="weight")


def budget() -> OrderBudget:
    weight = Budget(WEIGHT.limit, WEIGHT.window_ns)
    return OrderBudget((TEN, MINUTE), lambda: [(WEIGHT, weight)])


@pytest.mark.parametrize("seed", range(5))
def test_no_window_ever_holds_more_than_its_limit_less_the_reserve(seed: int) -> None:
    rng = random.Random(seed)
    mine = budget()
    sent: list[int] = []
    now_ns = 10**15
    for _ in range(3000):
        now_ns += rng.randrange(SECOND_NS // 2)
        if mine.shortage(PLACE, Action.PLACE, now_ns, now_ns) is None:
            mine.take(PLACE, now_ns, now_ns)
            sent.append(now_ns)
    assert len(sent) > 300
    for pool in (TEN, MINUTE):
        most = pool.limit - int(pool.limit * pool.reserve)
        for index, at_ns in enumerate(sent):
            within = [
                one for one in list(sent)[index : index + 200] if one - at_ns < pool.window_ns
            ]
            assert len(within) <= most


def test_orders_that_did_not_leave_use_nothing_up() -> None:
    mine, now_ns = budget(), 10**15
    for _ in range(1000):
        assert mine.shortage(PLACE, Action.PLACE, now_ns, now_ns) is None
        mine.give_back(mine.take(PLACE, now_ns, now_ns))
        now_ns += SECOND_NS // 1000


def test_too_many_orders_stop_orders_alone() -> None:
    mine, now_ns = budget(), 10**15
    mine.stop(now_ns + SECOND_NS, orders_only=True)
    amend = mine.shortage(PLACE, Action.AMEND, now_ns, now_ns)
    assert amend is not None
    assert amend.retry_ns == now_ns + SECOND_NS
    assert mine.shortage(CANCEL, Action.CANCEL, now_ns, now_ns) is None
    mine.stop(now_ns + 2 * SECOND_NS)
    assert mine.shortage(CANCEL, Action.CANCEL, now_ns, now_ns) is not None
    later_ns = now_ns + 2 * SECOND_NS
    assert mine.shortage(PLACE, Action.PLACE, later_ns, later_ns) is None


def test_cancels_go_when_orders_may_not() -> None:
    mine, now_ns = budget(), 10**15
    while mine.shortage(PLACE, Action.PLACE, now_ns, now_ns) is None:
        mine.take(PLACE, now_ns, now_ns)
    short = mine.shortage(PLACE, Action.PLACE, now_ns, now_ns)
    assert short is not None
    assert (short.pool, short.used, short.limit) == ("orders", 27, 27)
    assert now_ns < short.retry_ns <= now_ns + 10 * SECOND_NS
    for _ in range(2 * WEIGHT.limit):
        assert mine.shortage(CANCEL, Action.CANCEL, now_ns, now_ns) is None
        mine.take(CANCEL, now_ns, now_ns)


def test_silence_the_venue_asked_for_stops_cancels_too() -> None:
    mine, now_ns = budget(), 10**15
    mine.stop(now_ns + SECOND_NS)
    assert mine.shortage(CANCEL, Action.CANCEL, now_ns, now_ns) is not None
    assert mine.shortage(CANCEL, Action.CANCEL, now_ns + SECOND_NS, now_ns + SECOND_NS) is None


def test_the_venues_count_includes_what_others_sent() -> None:
    mine, now_ns = budget(), 60 * SECOND_NS * 10**6
    spent = mine.take(PLACE, now_ns, now_ns)
    mine.learn(spent, {"x-10s": 30, "x-1m": 31}, now_ns)
    assert mine.shortage(PLACE, Action.PLACE, now_ns, now_ns) is not None
    later_ns = now_ns + 11 * SECOND_NS
    assert mine.shortage(PLACE, Action.PLACE, later_ns, later_ns) is None


def test_the_venue_may_state_other_limits() -> None:
    mine, now_ns = budget(), 10**15
    mine.resize([Pool("orders", 10, 10 * SECOND_NS, "x-10s"), Pool("other", 1, 1)])
    count = 0
    while mine.shortage(PLACE, Action.PLACE, now_ns, now_ns) is None:
        mine.take(PLACE, now_ns, now_ns)
        count += 1
    assert count == 9


def test_questions_leave_room_for_cancels() -> None:
    question = Request("GET", "/o", weight=1, pool="weight")
    mine, now_ns = budget(), 10**15
    asked = 0
    while mine.shortage(question, Action.QUERY, now_ns, now_ns) is None:
        mine.take(question, now_ns, now_ns)
        asked += 1
    assert asked == WEIGHT.limit - int(WEIGHT.limit * WEIGHT.reserve)
    assert mine.shortage(CANCEL, Action.CANCEL, now_ns, now_ns) is None
    assert mine.shortage(question, Action.AMEND, now_ns, now_ns) is None


def test_a_pool_that_is_stopped_alone_stops_no_other() -> None:
    lists = Pool("lists", 30, 60 * SECOND_NS)
    weight, other = Budget(WEIGHT.limit, WEIGHT.window_ns), Budget(lists.limit, lists.window_ns)
    mine = OrderBudget((), lambda: [(WEIGHT, weight), (lists, other)])
    question, now_ns = Request("GET", "/l", weight=1, pool="lists"), 10**15
    mine.stop(now_ns + SECOND_NS, alone="lists")
    assert mine.shortage(question, Action.QUERY, now_ns, now_ns) is not None
    assert mine.shortage(PLACE, Action.PLACE, now_ns, now_ns) is None
    assert mine.shortage(CANCEL, Action.CANCEL, now_ns, now_ns) is None


def test_a_pool_says_itself_what_it_keeps_for_cancels() -> None:
    pool = Pool("writes", 50, 60 * SECOND_NS, reserve=0.2)
    writes = Budget(pool.limit, pool.window_ns)
    mine = OrderBudget((), lambda: [(pool, writes)])
    place, now_ns = Request("POST", "/o", weight=1, pool="writes"), 10**15
    for _ in range(40):
        assert mine.shortage(place, Action.PLACE, now_ns, now_ns) is None
        mine.take(place, now_ns, now_ns)
    short = mine.shortage(place, Action.PLACE, now_ns, now_ns)
    assert short is not None
    assert (short.used, short.limit) == (40, 40)
    assert mine.shortage(place, Action.CANCEL, now_ns, now_ns) is None
