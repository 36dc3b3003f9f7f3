"""Conditional orders of the matching engine: when they trigger and what becomes of them."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from connector.sim.matching.engine import Engine
from connector.sim.matching.events import Accepted, ConditionalChanged, Traded
from connector.sim.matching.types import (
    RATIO,
    SECOND_NS,
    AlgoStatus,
    Cause,
    Conditional,
    OrderType,
    PositionSide,
    PriceMatch,
    Reason,
    Refused,
    Side,
    Status,
    Tif,
    WorkingType,
)
from tests.reference.matching_venue import RULES, SYMBOL, Venue

BUY, SELL = Side.BUY, Side.SELL
STOP, STOP_MARKET = OrderType.STOP, OrderType.STOP_MARKET
TAKE, TAKE_MARKET = OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_MARKET
TRAILING = OrderType.TRAILING_STOP_MARKET
WIDE = {100 - n: 1000 for n in range(60)}, {101 + n: 1000 for n in range(60)}


def venue(last: int = 100, **more: object) -> Venue:
    """A deep market whose last price is ``last``."""
    stage = Venue("ann", "ben", bids=WIDE[0], asks=WIDE[1], **more)  # type: ignore[arg-type]
    printed(stage, last)
    stage.engine.mark(SYMBOL, RULES.price_e8(last), stage.tick())
    stage.engine.take_events()
    return stage


def printed(stage: Venue, tick: int) -> None:
    """The market trades at that price, its book unchanged."""
    stage.matcher.printed(tick)
    stage.engine.settle(stage.tick())


def refusal(call, *args, **more) -> Reason:  # type: ignore[no-untyped-def]
    with pytest.raises(Refused) as refused:
        call(*args, **more)
    return refused.value.reason


def statuses(stage: Venue) -> Iterator[AlgoStatus]:
    for event in stage.engine.take_events():
        if isinstance(event, ConditionalChanged):
            yield event.conditional.status


@pytest.mark.parametrize(
    ("kind", "side", "trigger", "quiet", "fires"),
    [
        (STOP_MARKET, BUY, 105, [101, 104, 99], 105),
        (STOP_MARKET, BUY, 105, [104], 120),
        (STOP_MARKET, SELL, 95, [96, 110], 95),
        (TAKE_MARKET, BUY, 95, [96, 110], 94),
        (TAKE_MARKET, SELL, 105, [104, 90], 106),
    ],
)
@pytest.mark.parametrize("working", [*WorkingType])
def test_a_price_triggers(
    kind: OrderType, side: Side, trigger: int, quiet: list[int], fires: int, working: WorkingType
) -> None:
    stage = venue()

    def price(tick: int) -> None:
        if working == WorkingType.MARK_PRICE:
            stage.engine.mark(SYMBOL, RULES.price_e8(tick), stage.tick())
        else:
            printed(stage, tick)

    each = stage.conditional("ann", side, kind, lots=3, trigger_tick=trigger, working_type=working)
    for tick in quiet:
        price(tick)
        assert each.status == AlgoStatus.NEW
    price(fires)
    assert each.status == AlgoStatus.FINISHED
    order = stage.engine.order("ann", SYMBOL, order_id=each.order_id)
    assert order is not None
    assert (order.type, order.original_type, order.filled) == (OrderType.MARKET, kind, 3)
    assert (each.filled, each.actual_type) == (3, OrderType.MARKET)
    assert [*statuses(stage)] == [
        AlgoStatus.NEW, AlgoStatus.TRIGGERING, AlgoStatus.TRIGGERED, AlgoStatus.FINISHED,
    ]  # fmt: skip


def test_the_order_is_known_before_it_trades() -> None:
    stage = venue()
    stage.conditional("ann", BUY, STOP_MARKET, lots=3, trigger_tick=105)
    stage.engine.take_events()
    printed(stage, 105)
    kinds = [
        event.conditional.status if isinstance(event, ConditionalChanged) else type(event)
        for event in stage.engine.take_events()
        if isinstance(event, ConditionalChanged | Accepted | Traded)
    ]
    assert kinds == [
        AlgoStatus.TRIGGERING, Accepted, AlgoStatus.TRIGGERED, Traded, AlgoStatus.FINISHED,
    ]  # fmt: skip


def test_a_stop_limit_rests_and_finishes_with_its_order() -> None:
    stage = venue()
    each = stage.conditional("ann", SELL, STOP, lots=3, tick=110, trigger_tick=95)
    printed(stage, 95)
    assert each.status == AlgoStatus.TRIGGERED
    order = stage.engine.order("ann", SYMBOL, order_id=each.order_id)
    assert order is not None
    assert (order.type, order.tick, order.status) == (OrderType.LIMIT, 110, Status.NEW)
    again = refusal(stage.engine.cancel_conditional, "ann", 0, algo_id=each.algo_id)
    assert again == Reason.ORDER_NOT_FOUND
    stage.engine.cancel("ann", SYMBOL, stage.tick(), order_id=order.order_id)
    assert each.status == AlgoStatus.FINISHED


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"reduce_only": True}, Reason.REDUCE_ONLY_REJECTED),
        ({"tif": Tif.FOK, "tick": 100}, Reason.FOK_UNFILLABLE),
        ({"tif": Tif.GTX, "tick": 102}, Reason.POST_ONLY_WOULD_TAKE),
        ({"lots": 10**13}, Reason.INSUFFICIENT_MARGIN),
    ],
)
def test_what_the_matching_refuses_is_rejected(more: dict, reason: Reason) -> None:  # type: ignore[type-arg]
    stage = venue()
    each = stage.conditional(
        "ann", BUY, STOP, **{"lots": 3, "tick": 104, "trigger_tick": 104} | more
    )
    printed(stage, 104)
    assert (each.status, each.reject, each.order_id) == (AlgoStatus.REJECTED, reason, 0)
    assert stage.engine.orders("ann") == []


def test_close_position_closes_all_there_is_when_it_triggers() -> None:
    stage = venue()
    each = stage.conditional("ann", SELL, STOP_MARKET, close_position=True, trigger_tick=95)
    stage.place("ann", BUY, 7, 101)
    printed(stage, 94)
    assert (each.status, each.filled) == (AlgoStatus.FINISHED, 7)
    assert stage.engine.positions("ann")[0].lots == 0
    printed(stage, 100)
    flat = stage.conditional("ann", SELL, STOP_MARKET, close_position=True, trigger_tick=95)
    printed(stage, 94)
    assert (flat.status, flat.reject) == (AlgoStatus.REJECTED, Reason.REDUCE_ONLY_REJECTED)


def test_an_order_that_lives_by_its_position_ends_with_it() -> None:
    stage = venue()
    more = {"lots": 3, "trigger_tick": 95, "tif": Tif.GTE_GTC}
    assert refusal(stage.conditional, "ann", SELL, STOP_MARKET, **more) == (
        Reason.REDUCE_ONLY_REJECTED
    )
    stage.place("ann", BUY, 7, 101)
    each = stage.conditional("ann", SELL, STOP_MARKET, **more)
    stage.place("ann", SELL, 4, 100)
    assert each.open
    stage.place("ann", SELL, 3, 100)
    assert (each.status, each.cause) == (AlgoStatus.EXPIRED, Cause.POSITION_GONE)


def test_price_protection_waits_until_mark_and_last_agree() -> None:
    stage = venue(rules=replace(RULES, trigger_protect_r=RATIO // 20))
    each = stage.conditional("ann", BUY, STOP_MARKET, lots=3, trigger_tick=110, price_protect=True)
    plain = stage.conditional("ann", BUY, STOP_MARKET, lots=3, trigger_tick=110)
    printed(stage, 112)
    assert (each.status, plain.status) == (AlgoStatus.NEW, AlgoStatus.FINISHED)
    stage.engine.mark(SYMBOL, RULES.price_e8(111), stage.tick())
    printed(stage, 112)
    assert each.status == AlgoStatus.FINISHED


def test_conditional_orders_end_by_their_date() -> None:
    stage = venue()
    till_ns = stage.now_ns + 700 * SECOND_NS
    each = stage.conditional(
        "ann", BUY, STOP_MARKET, lots=3, trigger_tick=110, tif=Tif.GTD, good_till_ns=till_ns
    )
    stage.engine.advance(till_ns)
    assert (each.status, each.cause) == (AlgoStatus.EXPIRED, Cause.GTD)
    printed(stage, 115)
    assert each.order_id == 0


@pytest.mark.parametrize(
    ("side", "kind", "more", "reason"),
    [
        (BUY, STOP_MARKET, {"trigger_tick": 100}, Reason.WOULD_TRIGGER),
        (SELL, STOP_MARKET, {"trigger_tick": 100}, Reason.WOULD_TRIGGER),
        (BUY, TAKE_MARKET, {"trigger_tick": 101}, Reason.WOULD_TRIGGER),
        (SELL, TAKE_MARKET, {"trigger_tick": 99}, Reason.WOULD_TRIGGER),
        (BUY, TRAILING, {"callback_r": RATIO // 1001}, Reason.BAD_CALLBACK_RATE),
        (BUY, TRAILING, {"callback_r": RATIO // 4}, Reason.BAD_CALLBACK_RATE),
        (BUY, TRAILING, {"callback_r": RATIO // 9, "offset_e8": 1}, Reason.BAD_REQUEST),
        (BUY, TRAILING, {"offset_e8": -1}, Reason.BAD_REQUEST),
        (BUY, TRAILING, {"callback_r": RATIO // 9, "activate_tick": 100}, Reason.WOULD_TRIGGER),
        (SELL, TRAILING, {"callback_r": RATIO // 9, "activate_tick": 99}, Reason.WOULD_TRIGGER),
        (SELL, TRAILING, {"callback_r": RATIO // 9, "activate_tick": 2000},
         Reason.BAD_ACTIVATION_PRICE),
        (BUY, STOP_MARKET, {"trigger_tick": 1001}, Reason.STOP_PRICE_ABOVE_MAX),
        (BUY, STOP_MARKET, {"trigger_tick": 0}, Reason.STOP_PRICE_BELOW_MIN),
        (BUY, STOP, {"trigger_tick": 110}, Reason.PRICE_BELOW_MIN),
        (BUY, STOP, {"trigger_tick": 110, "tick": 1001}, Reason.PRICE_ABOVE_MAX),
        (BUY, STOP_MARKET, {"trigger_tick": 110, "price_match": PriceMatch.QUEUE},
         Reason.PRICE_MATCH_NOT_ALLOWED),
        (BUY, STOP_MARKET, {"trigger_tick": 110, "lots": 0}, Reason.QTY_BELOW_MIN),
        (BUY, STOP_MARKET, {"trigger_tick": 110, "close_position": True}, Reason.BAD_REQUEST),
        (BUY, STOP, {"trigger_tick": 110, "close_position": True, "lots": 0, "tick": 110},
         Reason.BAD_REQUEST),
        (BUY, STOP_MARKET, {"trigger_tick": 110, "position_side": PositionSide.LONG},
         Reason.POSITION_SIDE_MISMATCH),
        (BUY, OrderType.MARKET, {"trigger_tick": 110}, Reason.BAD_REQUEST),
    ],
)  # fmt: skip
def test_what_is_refused_at_the_door(
    side: Side,
    kind: OrderType,
    more: dict,
    reason: Reason,  # type: ignore[type-arg]
) -> None:
    stage = venue(rules=replace(RULES, max_tick=1000))
    assert refusal(stage.conditional, "ann", side, kind, **{"lots": 3} | more) == reason
    assert stage.engine.take_events() == []


def test_hedge_positions_are_not_opened_by_close_position() -> None:
    stage = venue()
    stage.engine.set_hedge_mode("ann", True, stage.tick())
    more = {"trigger_tick": 110, "close_position": True, "position_side": PositionSide.LONG}
    assert refusal(stage.conditional, "ann", BUY, STOP_MARKET, **more) == (
        Reason.CLOSE_POSITION_SIDE
    )
    stage.place("ann", BUY, 5, 101, position_side=PositionSide.LONG)
    each = stage.conditional("ann", SELL, TAKE_MARKET, **more)
    printed(stage, 111)
    assert each.filled == 5


def test_conditional_orders_are_limited_cancelled_and_found() -> None:
    stage = venue(engine=Engine(max_conditionals=2))
    first = stage.conditional("ann", BUY, STOP_MARKET, lots=3, trigger_tick=110, client_id="a")
    again = {"lots": 3, "trigger_tick": 110, "client_id": "a"}
    assert refusal(stage.conditional, "ann", BUY, STOP_MARKET, **again) == (
        Reason.DUPLICATE_CLIENT_ID
    )
    stage.conditional("ann", BUY, STOP_MARKET, lots=3, trigger_tick=110)
    assert refusal(stage.conditional, "ann", BUY, STOP_MARKET, lots=3, trigger_tick=110) == (
        Reason.TOO_MANY_CONDITIONALS
    )
    assert refusal(stage.engine.cancel_conditional, "ben", 0, algo_id=first.algo_id) == (
        Reason.ORDER_NOT_FOUND
    )
    assert stage.engine.cancel_conditional("ann", stage.tick(), client_id="a") is first
    assert first.status == AlgoStatus.CANCELED
    assert stage.engine.conditional("ann", client_id="a") is first
    assert len(stage.engine.open_conditionals("ann", SYMBOL)) == 1
    (left,) = stage.engine.cancel_conditionals("ann", SYMBOL, stage.tick())
    assert left.status == AlgoStatus.CANCELED
    assert len(stage.engine.conditionals("ann", SYMBOL)) == 2
    printed(stage, 120)
    assert stage.engine.orders("ann") == []


# Trailing stops against the venue's sentence, read over all prices since the order was placed


def should_fire(side: Side, activate: int, rate: int, prices: list[int]) -> bool:
    """BUY: lowest price <= activation and price >= lowest * (1 + rate); SELL the other way."""
    price = prices[-1]
    if side == BUY:
        low = min(prices)
        return low <= activate and price * RATIO >= low * (RATIO + rate)
    high = max(prices)
    return high >= activate and price * RATIO <= high * (RATIO - rate)


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(Side),
    st.integers(0, 25),
    st.integers(1, 200),
    st.lists(st.integers(-4, 4), min_size=1, max_size=60),
    st.sampled_from(WorkingType),
)
def test_a_trailing_stop_is_what_the_venue_says(
    side: Side, away: int, permille: int, moves: list[int], working: WorkingType
) -> None:
    stage = venue(last=200)
    activate = 0 if not away else 200 - away if side == BUY else 200 + away
    rate = permille * RATIO // 1000
    each: Conditional = stage.conditional(
        "ann", side, TRAILING, lots=1, callback_r=rate, activate_tick=activate,
        working_type=working,
    )  # fmt: skip
    prices = [200]
    for move in moves:
        prices.append(max(140, prices[-1] + move))
        if working == WorkingType.MARK_PRICE:
            stage.engine.mark(SYMBOL, RULES.price_e8(prices[-1]), stage.tick())
        else:
            printed(stage, prices[-1])
        fired = should_fire(side, activate or 200, rate, prices)
        reached = min(prices) <= (activate or 200) if side == BUY else max(prices) >= activate
        assert each.activated == reached
        assert (each.status != AlgoStatus.NEW) == fired
        if fired:
            break
    told = [
        event.conditional.activated
        for event in stage.engine.take_events()
        if isinstance(event, ConditionalChanged) and event.conditional.status == AlgoStatus.NEW
    ]
    assert told in ([True], [False], [False, True])
    assert told[-1] == each.activated


# Linked orders, of which only one may trade


def linked(stage: Venue, lots: int = 10) -> tuple[int, Conditional]:
    """A limit to buy below the market, and a stop above it."""
    order = stage.place("ann", BUY, lots, 95, link=7)
    return order.order_id, stage.conditional("ann", BUY, STOP_MARKET, trigger_tick=105, lots=lots,
                                             link=7)  # fmt: skip


def test_the_first_that_trades_ends_the_other_in_the_same_step() -> None:
    stage = venue()
    number, waits = linked(stage)
    stage.matcher.printed(110)
    stage.matcher.market_takes(BUY, 20_000, -95, stage.tick())  # nothing has followed it up yet
    order = stage.engine.order("ann", SYMBOL, order_id=number)
    assert order is not None
    assert order.filled == 10
    assert (waits.status, waits.cause) == (AlgoStatus.CANCELED, Cause.LINKED)
    stage.matcher.printed(110)
    stage.engine.settle(stage.tick())
    assert [one.order_id for one in stage.engine.orders("ann", SYMBOL)] == [number]


@pytest.mark.parametrize("prints", [(110, 90), (90, 110), (105,), (110, 106, 95)])
def test_one_that_is_triggered_ends_the_one_that_rests_before_it_trades(
    prints: tuple[int, ...],
) -> None:
    """Also when the same move of the market would have met both."""
    stage = venue()
    number, waits = linked(stage)
    for tick in prints:
        stage.matcher.printed(tick)
    stage.engine.settle(stage.tick())
    stage.trade(BUY, 90, 20_000)
    order = stage.engine.order("ann", SYMBOL, order_id=number)
    assert order is not None
    assert (order.status, order.cause, order.filled) == (Status.CANCELED, Cause.LINKED, 0)
    assert waits.status == AlgoStatus.FINISHED
    assert waits.filled == 10


def test_of_two_that_one_price_triggers_the_first_alone_is() -> None:
    stage = venue()
    first = stage.conditional("ann", SELL, STOP_MARKET, trigger_tick=95, lots=1, link=3)
    second = stage.conditional("ann", SELL, STOP_MARKET, trigger_tick=96, lots=1, link=3)
    other = stage.conditional("ann", SELL, STOP_MARKET, trigger_tick=96, lots=1, link=4)
    printed(stage, 90)
    assert (first.filled, second.filled, other.filled) == (1, 0, 1)
    assert (second.status, second.cause) == (AlgoStatus.CANCELED, Cause.LINKED)


def test_a_link_is_its_account_s_and_an_end_without_a_trade_ends_nothing() -> None:
    stage = venue()
    number, waits = linked(stage)
    other = stage.conditional("ben", BUY, STOP_MARKET, trigger_tick=105, lots=10, link=7)
    stage.engine.cancel("ann", SYMBOL, stage.tick(), order_id=number)
    assert waits.open
    printed(stage, 105)
    assert (waits.filled, other.filled) == (10, 10)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_whatever_the_market_does_one_of_linked_orders_trades(data: st.DataObject) -> None:
    stage = venue()
    ticks = st.integers(80, 120)
    for link in (1, 2, 3):
        if data.draw(st.booleans()):
            stage.place("ann", *((BUY, 5, 94) if link % 2 else (SELL, 5, 107)), link=link)
        for kind in (STOP_MARKET, TAKE_MARKET):
            side = BUY if link % 2 else SELL
            above = (kind == STOP_MARKET) == (side == BUY)
            away = data.draw(st.integers(1, 15))
            trigger = 100 + away if above else 100 - away
            stage.conditional("ann", side, kind, trigger_tick=trigger, lots=5, link=link)
    for _ in range(data.draw(st.integers(1, 12))):
        tick, how = data.draw(ticks), data.draw(st.integers(0, 3))
        if how == 0:
            stage.matcher.printed(tick)
        elif how == 1:
            printed(stage, tick)
        else:
            side = BUY if tick < 100 else SELL
            lots = data.draw(st.integers(1, 9_000))
            stage.matcher.market_takes(side, lots, -tick if side == BUY else tick, stage.tick())
    stage.engine.settle(stage.tick())
    traded: dict[int, set[int]] = {}
    for order in stage.engine.orders("ann", SYMBOL):
        if order.filled:
            traded.setdefault(order.link, set()).add(order.order_id)
    assert all(len(found) == 1 for found in traded.values()), traded
    for each in stage.engine.open_conditionals("ann"):
        assert each.request.link not in traded


def test_one_that_is_triggered_and_rests_is_alone() -> None:
    stage = venue()
    order = stage.place("ann", BUY, 10, 95, link=7)
    waits = stage.conditional("ann", BUY, STOP, trigger_tick=105, tick=90, lots=10, link=7)
    printed(stage, 105)
    assert (order.status, waits.status) == (Status.CANCELED, AlgoStatus.TRIGGERED)
    assert [one.tick for one in stage.engine.open_orders("ann", SYMBOL)] == [90]
