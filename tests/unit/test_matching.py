"""The matching engine's rules for orders, one by one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from connector.sim.matching.engine import Engine
from connector.sim.matching.events import (
    Accepted,
    AccountChanged,
    Canceled,
    Expired,
    OrderAmended,
    Traded,
)
from connector.sim.matching.types import (
    DAY_NS,
    RATIO,
    SECOND_NS,
    Amendment,
    Cause,
    Order,
    OrderType,
    PositionSide,
    PriceMatch,
    Reason,
    Refused,
    Side,
    Status,
    Stp,
    Tif,
)
from tests.reference.matching_venue import RULES, SYMBOL, Venue

BUY, SELL = Side.BUY, Side.SELL
BIDS, ASKS = {100: 10, 99: 20, 98: 5}, {101: 10, 102: 20, 103: 5}


def venue(**more: object) -> Venue:
    return Venue("ann", "ben", bids=BIDS, asks=ASKS, **more)  # type: ignore[arg-type]


def refusal(call, *args, **more) -> Reason:  # type: ignore[no-untyped-def]
    with pytest.raises(Refused) as refused:
        call(*args, **more)
    return refused.value.reason


def amend(stage: Venue, order: Order, lots: int, tick: int = 0, **more: object) -> Order:
    change = Amendment(
        symbol=SYMBOL, side=order.side, lots=lots, tick=tick, order_id=order.order_id, **more
    )  # type: ignore[arg-type]
    return stage.engine.amend(order.account, change, stage.tick())


@pytest.mark.parametrize(
    ("tif", "tick", "lots", "status", "cause", "filled"),
    [
        (Tif.GTC, 101, 10, Status.FILLED, Cause.NONE, 10),
        (Tif.GTC, 101, 11, Status.PARTIALLY_FILLED, Cause.NONE, 10),
        (Tif.GTC, 100, 11, Status.NEW, Cause.NONE, 0),
        (Tif.IOC, 101, 11, Status.EXPIRED, Cause.IOC, 10),
        (Tif.IOC, 100, 11, Status.EXPIRED, Cause.IOC, 0),
        (Tif.IOC, 102, 11, Status.FILLED, Cause.NONE, 11),
        (Tif.FOK, 102, 30, Status.FILLED, Cause.NONE, 30),
        (Tif.GTX, 100, 11, Status.NEW, Cause.NONE, 0),
        (Tif.GTC, 0, 36, Status.EXPIRED, Cause.MARKET, 35),
        (Tif.GTC, 0, 35, Status.FILLED, Cause.NONE, 35),
    ],
)
def test_what_becomes_of_an_order_at_once(
    tif: Tif, tick: int, lots: int, status: Status, cause: Cause, filled: int
) -> None:
    stage = venue()
    order = stage.place("ann", BUY, lots, tick, tif)
    assert (order.status, order.cause, order.filled) == (status, cause, filled)
    rests = order.leaves if order.open else 0
    assert stage.levels(BUY).get(tick, 0) == BIDS.get(tick, 0) + rests
    assert sum(stage.levels(SELL).values()) == 35 - filled
    events = stage.engine.take_events()
    assert isinstance(events[0], Accepted)
    assert events[0].order.status == Status.NEW
    assert sum(isinstance(event, Expired) for event in events) == (status == Status.EXPIRED)


@pytest.mark.parametrize(
    ("tif", "tick", "lots", "reason"),
    [
        (Tif.FOK, 101, 11, Reason.FOK_UNFILLABLE),
        (Tif.GTX, 101, 1, Reason.POST_ONLY_WOULD_TAKE),
        (Tif.GTE_GTC, 100, 1, Reason.BAD_REQUEST),
        (Tif.GTD, 100, 1, Reason.GOOD_TILL_TOO_SOON),
        (Tif.GTX, 0, 1, Reason.BAD_REQUEST),
        (Tif.FOK, 0, 36, Reason.FOK_UNFILLABLE),
    ],
)
def test_a_refused_order_leaves_nothing(tif: Tif, tick: int, lots: int, reason: Reason) -> None:
    stage = venue()
    assert refusal(stage.place, "ann", BUY, lots, tick, tif) == reason
    assert stage.engine.take_events() == []
    assert stage.engine.orders("ann") == []
    assert stage.levels(SELL) == ASKS


def test_what_the_market_cancels_moves_an_order_up_only_from_in_front() -> None:
    stage = venue()
    order = stage.place("ann", BUY, 5, 100)
    assert order.ahead == 10
    stage.put(BUY, 100, 25)
    assert order.ahead == 10
    for left in (12, 10, 9, 8):
        stage.put(BUY, 100, left)
        assert order.ahead == min(10, left)
    stage.put(BUY, 100, 30)
    stage.trade(BUY, 100, 3)
    assert (order.ahead, order.filled) == (5, 0)
    stage.trade(BUY, 100, 7)
    assert (order.ahead, order.filled) == (0, 2)
    assert stage.levels(BUY)[100] == 22 + 3


@pytest.mark.parametrize(
    ("match", "tick"),
    [
        (PriceMatch.OPPONENT, 101), (PriceMatch.QUEUE, 100), (PriceMatch.QUEUE_5, 96),
        (PriceMatch.OPPONENT_5, 105), (PriceMatch.OPPONENT_10, 110), (PriceMatch.OPPONENT_20, 120),
        (PriceMatch.QUEUE_10, 91), (PriceMatch.QUEUE_20, 81),
    ],
)  # fmt: skip
def test_a_price_may_come_from_the_book(match: PriceMatch, tick: int) -> None:
    bids, asks = {101 - n: 1 for n in range(1, 21)}, {100 + n: 1 for n in range(1, 21)}
    stage = Venue("ann", bids=bids, asks=asks)
    assert stage.place("ann", BUY, 1, price_match=match).tick == tick
    assert stage.place("ann", SELL, 1, price_match=match).tick == 201 - tick
    assert refusal(stage.place, "ann", BUY, 1, 99, price_match=match) == (
        Reason.PRICE_MATCH_NOT_ALLOWED
    )
    assert refusal(Venue("ann").place, "ann", BUY, 1, price_match=match) == (
        Reason.PRICE_MATCH_NO_DEPTH
    )


STRICT = replace(
    RULES, min_tick=50, max_tick=150, min_lots=2, max_lots=40, market_min_lots=3,
    market_max_lots=20, min_notional_m=RATIO * 3 // 100, collar_up_r=RATIO * 11 // 10,
    collar_down_r=RATIO * 9 // 10, max_orders=3, market_bound_r=RATIO // 50,
)  # fmt: skip


@pytest.mark.parametrize(
    ("side", "lots", "tick", "reason"),
    [
        (BUY, 5, 49, Reason.PRICE_BELOW_MIN), (SELL, 5, 151, Reason.PRICE_ABOVE_MAX),
        (BUY, 5, 111, Reason.PRICE_ABOVE_COLLAR), (SELL, 5, 89, Reason.PRICE_BELOW_COLLAR),
        (BUY, 1, 100, Reason.QTY_BELOW_MIN), (BUY, 41, 100, Reason.QTY_ABOVE_MAX),
        (BUY, 2, 100, Reason.NOTIONAL_BELOW_MIN), (BUY, 2, 0, Reason.QTY_BELOW_MIN),
        (BUY, 21, 0, Reason.QTY_ABOVE_MAX), (SELL, 29, 110, None), (SELL, 31, 110, None),
        (BUY, 3, 100, None), (SELL, 3, 0, None), (BUY, 20, 0, None),
    ],
)  # fmt: skip
def test_the_symbols_rules(side: Side, lots: int, tick: int, reason: Reason | None) -> None:
    stage = venue(rules=STRICT)
    stage.engine.mark(SYMBOL, 10 * RATIO, stage.tick())
    if reason is None:
        stage.place("ann", side, lots, tick)
    else:
        assert refusal(stage.place, "ann", side, lots, tick) == reason
        assert stage.engine.take_events() == []


def test_a_market_order_stays_near_the_mark() -> None:
    stage = venue(rules=STRICT)
    stage.engine.mark(SYMBOL, 10 * RATIO, stage.tick())
    order = stage.place("ann", BUY, 20)  # 2 % above 10.0 is 10.2, tick 102
    assert order.filled == 20
    order = stage.place("ann", BUY, 20)
    assert (order.filled, order.status, order.cause) == (10, Status.EXPIRED, Cause.MARKET)
    assert refusal(stage.place, "ann", BUY, 3) == Reason.MARKET_OUT_OF_BOUND


def test_open_orders_are_limited_together_with_conditional_ones() -> None:
    stage = venue(rules=STRICT)
    stage.place("ann", BUY, 5, 98)
    stage.place("ann", BUY, 5, 98)
    stage.conditional("ann", BUY, OrderType.STOP_MARKET, lots=5, trigger_tick=120)
    assert refusal(stage.place, "ann", BUY, 5, 98) == Reason.TOO_MANY_OPEN_ORDERS
    assert (
        refusal(stage.conditional, "ann", BUY, OrderType.STOP_MARKET, lots=5, trigger_tick=120)
        == Reason.TOO_MANY_OPEN_ORDERS
    )
    stage.place("ben", BUY, 5, 98)
    # What cannot rest is never open.
    assert stage.place("ann", BUY, 5).filled == 5
    assert stage.place("ann", BUY, 5, 99, Tif.IOC).status == Status.EXPIRED


def test_client_ids_are_unique_among_open_orders() -> None:
    stage = venue()
    first = stage.place("ann", BUY, 1, 99, client_id="x")
    assert refusal(stage.place, "ann", BUY, 1, 98, client_id="x") == Reason.DUPLICATE_CLIENT_ID
    stage.place("ben", BUY, 1, 98, client_id="x")
    stage.engine.cancel("ann", SYMBOL, stage.tick(), client_id="x")
    second = stage.place("ann", BUY, 1, 98, client_id="x")
    assert stage.engine.order("ann", SYMBOL, client_id="x") is second
    assert stage.engine.order("ann", SYMBOL, order_id=first.order_id) is first
    assert refusal(
        stage.engine.cancel, "ann", SYMBOL, stage.tick(), order_id=first.order_id
    ) == Reason.ORDER_NOT_FOUND  # fmt: skip
    assert refusal(stage.engine.cancel, "ben", SYMBOL, 0, order_id=3) == Reason.ORDER_NOT_FOUND


@pytest.mark.parametrize(
    ("stp", "tif", "taker", "maker", "left"),
    [
        (Stp.NONE, Tif.GTC, (Status.FILLED, Cause.NONE), (Status.PARTIALLY_FILLED, Cause.NONE), 3),
        (Stp.EXPIRE_TAKER, Tif.GTC, (Status.EXPIRED_IN_MATCH, Cause.STP), (Status.NEW, 0), 5),
        (Stp.EXPIRE_MAKER, Tif.GTC, (Status.FILLED, 0), (Status.EXPIRED_IN_MATCH, Cause.STP), 0),
        (
            Stp.EXPIRE_BOTH, Tif.GTC, (Status.EXPIRED_IN_MATCH, Cause.STP),
            (Status.EXPIRED_IN_MATCH, Cause.STP), 0,
        ),
        (Stp.EXPIRE_TAKER, Tif.IOC, (Status.EXPIRED, Cause.IOC_STP), (Status.NEW, 0), 5),
        (Stp.EXPIRE_BOTH, Tif.FOK, (Status.FILLED, 0), (Status.PARTIALLY_FILLED, 0), 3),
    ],
)  # fmt: skip
def test_self_trade_prevention(
    stp: Stp, tif: Tif, taker: tuple[Status, Cause], maker: tuple[Status, Cause], left: int
) -> None:
    """The taker first takes 10 of the market, would then meet its own 5, then 20 of the market."""
    stage = venue()
    own = stage.place("ann", SELL, 5, 101, stp=Stp.EXPIRE_BOTH if stp == Stp.NONE else Stp.NONE)
    order = stage.place("ann", BUY, 12, 102, tif, stp=stp)
    assert (order.status, order.cause) == taker
    assert (own.status, own.cause) == maker
    assert stage.levels(SELL).get(101, 0) == left
    assert order.filled >= 10


# Amends


@pytest.mark.parametrize("lots", [1, 2, 3])
def test_an_amend_to_what_is_filled_cancels(lots: int) -> None:
    stage = venue()
    stage.put(BUY, 100, 0)
    order = stage.place("ann", BUY, 8, 100)
    stage.trade(BUY, 100, 3)
    assert amend(stage, order, lots, 99).status == Status.CANCELED
    assert order.cause == Cause.AMEND
    assert order.lots == 8
    assert 100 not in stage.levels(BUY)


def test_an_amend_loses_its_place_and_may_trade() -> None:
    stage = venue()
    first, second = stage.place("ann", BUY, 4, 100), stage.place("ben", BUY, 4, 100)
    amend(stage, first, 5, 100, modify_id=77)
    assert (first.amends, first.modify_id, first.lots) == (1, 77, 5)
    stage.trade(BUY, 100, 15)
    assert (first.filled, second.filled) == (1, 4)
    stage.engine.take_events()
    amend(stage, first, 8, 102)
    events = stage.engine.take_events()
    assert [type(event) for event in events] == [OrderAmended, AccountChanged, Traded]
    assert first.status == Status.FILLED
    changes = stage.engine.amendments("ann", SYMBOL, first.order_id)
    assert [(row.tick_before, row.tick, row.lots_before, row.lots) for row in changes] == [
        (100, 100, 4, 5), (100, 102, 5, 8),
    ]  # fmt: skip


def test_a_post_only_order_that_would_take_after_an_amend_is_cancelled() -> None:
    stage = venue()
    order = stage.place("ann", BUY, 4, 99, Tif.GTX)
    amend(stage, order, 4, 100)
    assert order.open
    amend(stage, order, 4, 101)
    assert (order.status, order.cause) == (Status.CANCELED, Cause.AMEND)
    assert stage.levels(SELL) == ASKS


def test_amends_that_are_refused_leave_the_order() -> None:
    stage = venue(rules=replace(STRICT, max_amends=2))
    stage.engine.mark(SYMBOL, 10 * RATIO, stage.tick())
    order = stage.place("ann", BUY, 5, 99)
    for lots, tick, reason in [
        (5, 99, Reason.SAME_ORDER), (5, 49, Reason.PRICE_BELOW_MIN), (1, 99, Reason.QTY_BELOW_MIN),
        (2, 99, Reason.NOTIONAL_BELOW_MIN), (5, 112, Reason.PRICE_ABOVE_COLLAR),
    ]:  # fmt: skip
        assert refusal(amend, stage, order, lots, tick) == reason
        assert (order.open, order.lots, order.tick, order.amends) == (True, 5, 99, 0)
    wrong = Amendment(symbol=SYMBOL, side=SELL, lots=6, tick=99, order_id=order.order_id)
    assert refusal(stage.engine.amend, "ann", wrong, 0) == Reason.SIDE_MISMATCH
    amend(stage, order, 5, 98)
    amend(stage, order, 6, 98)
    assert refusal(amend, stage, order, 5, 98) == Reason.TOO_MANY_AMENDS
    stage.engine.cancel("ann", SYMBOL, stage.tick(), order_id=order.order_id)
    assert refusal(amend, stage, order, 7, 98) == Reason.ORDER_NOT_FOUND


def test_an_amend_may_take_its_price_from_the_book() -> None:
    stage = venue()
    order = stage.place("ann", BUY, 4, 99)
    amend(stage, order, 4, price_match=PriceMatch.QUEUE)
    assert order.tick == 100


# Reduce only


def test_reduce_only_needs_a_position_on_the_other_side() -> None:
    stage = venue()
    more = {"reduce_only": True}
    assert refusal(stage.place, "ann", SELL, 1, 105, **more) == Reason.REDUCE_ONLY_REJECTED
    stage.place("ann", BUY, 10)
    assert refusal(stage.place, "ann", BUY, 1, 95, **more) == Reason.REDUCE_ONLY_REJECTED
    stage.place("ann", SELL, 6, 105, **more)
    stage.place("ann", SELL, 6, 106, **more)
    assert refusal(stage.place, "ann", SELL, 6, 107, **more) == Reason.REDUCE_ONLY_REJECTED


def test_a_better_reduce_only_order_displaces_the_worst() -> None:
    stage = venue()
    stage.place("ann", BUY, 10)
    worst = stage.place("ann", SELL, 6, 106, reduce_only=True)
    middle = stage.place("ann", SELL, 6, 105, reduce_only=True)
    assert worst.open
    best = stage.place("ann", SELL, 6, 104, reduce_only=True)
    assert (worst.status, worst.cause) == (Status.EXPIRED, Cause.REDUCE_ONLY)
    assert middle.open
    stage.place("ben", BUY, 100, 106)
    assert (best.filled, best.status) == (6, Status.FILLED)
    assert (middle.filled, middle.status) == (4, Status.EXPIRED)
    assert stage.engine.positions("ann")[0].lots == 0


def test_a_market_order_that_reduces_stops_at_flat() -> None:
    stage = venue()
    stage.place("ann", BUY, 4)
    order = stage.place("ann", SELL, 9, reduce_only=True)
    assert (order.filled, order.status, order.cause) == (4, Status.EXPIRED, Cause.REDUCE_ONLY)
    assert stage.engine.positions("ann")[0].lots == 0


def test_a_symbol_may_take_only_what_reduces() -> None:
    stage = venue()
    stage.place("ann", BUY, 4)
    stage.engine.set_rules(replace(RULES, reduce_only=True))
    assert refusal(stage.place, "ann", SELL, 1, 105) == Reason.SYMBOL_REDUCE_ONLY
    stage.place("ann", SELL, 1, 105, reduce_only=True)
    stage.engine.set_rules(replace(RULES, trading=False))
    assert refusal(stage.place, "ann", SELL, 1, 105) == Reason.NOT_TRADING
    assert len(stage.engine.cancel_all("ann", SYMBOL, stage.tick())) == 1


STEP = st.tuples(
    st.sampled_from(["ann", "ben"]), st.sampled_from(Side), st.integers(97, 104),
    st.integers(1, 9), st.booleans(), st.sampled_from([Tif.GTC, Tif.GTC, Tif.IOC, Tif.FOK]),
    st.sampled_from(Stp),
)  # fmt: skip


@pytest.mark.parametrize("hedge", [False, True])
@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(STEP, st.sampled_from(PositionSide)), max_size=50))
def test_what_may_only_reduce_never_opens_or_flips(hedge: bool, steps: list) -> None:  # type: ignore[type-arg]
    stage = venue()
    if hedge:
        for name in ("ann", "ben"):
            stage.engine.set_hedge_mode(name, True, stage.tick())
    lots: dict[tuple[str, PositionSide], int] = {}
    for (name, side, tick, size, reduce, tif, stp), position_side in steps:
        more = {"reduce_only": reduce} if not hedge else {"position_side": position_side}
        try:
            stage.place(name, side, size, tick, tif, stp=stp, **more)
        except Refused as refused:
            if refused.reason not in (
                Reason.REDUCE_ONLY_REJECTED, Reason.FOK_UNFILLABLE, Reason.POSITION_SIDE_MISMATCH,
            ):  # fmt: skip
                raise
        for event in stage.engine.take_events():
            if not isinstance(event, Traded):
                continue
            order, fill = event.order, event.fill
            key = (order.account, order.position_side)
            before = lots.get(key, 0)
            lots[key] = before + (fill.lots if fill.side == BUY else -fill.lots)
            if order.closing:
                assert abs(lots[key]) == abs(before) - fill.lots
            if order.tif == Tif.FOK:
                assert order.filled == order.lots or order.status == Status.PARTIALLY_FILLED
        for name in ("ann", "ben"):
            for row in stage.engine.positions(name):
                assert row.lots == lots.get((name, row.position_side), 0)
                assert row.position_side != PositionSide.LONG or row.lots >= 0
                assert row.position_side != PositionSide.SHORT or row.lots <= 0
            for order in stage.engine.orders(name):
                if order.tif == Tif.FOK:
                    assert order.status == Status.FILLED
                if order.tif == Tif.IOC:
                    assert not order.open
                if order.open and order.closing:
                    assert stage.matcher.room(order) > 0


def test_hedge_mode_keeps_two_positions_and_closes_each_for_itself() -> None:
    stage = venue()
    stage.engine.set_hedge_mode("ann", True, stage.tick())
    long, short = {"position_side": PositionSide.LONG}, {"position_side": PositionSide.SHORT}
    assert refusal(stage.place, "ann", BUY, 1, 99) == Reason.POSITION_SIDE_MISMATCH
    assert refusal(stage.place, "ben", BUY, 1, 99, **long) == Reason.POSITION_SIDE_MISMATCH
    assert refusal(stage.place, "ann", SELL, 1, 105, **long) == Reason.REDUCE_ONLY_REJECTED
    flagged = {**long, "reduce_only": True}
    assert refusal(stage.place, "ann", SELL, 1, 105, **flagged) == Reason.REDUCE_ONLY_IN_HEDGE
    stage.place("ann", BUY, 5, **long)
    stage.place("ann", SELL, 3, **short)
    assert [row.lots for row in stage.engine.positions("ann")] == [5, -3]
    stage.place("ann", SELL, 9, **long)
    stage.place("ann", BUY, 1, **short)
    assert [row.lots for row in stage.engine.positions("ann")] == [0, -2]
    assert refusal(stage.engine.set_hedge_mode, "ann", False, 0) == Reason.POSITION_EXISTS
    stage.place("ann", BUY, 2, **short)
    stage.engine.set_hedge_mode("ann", False, stage.tick())
    assert refusal(stage.engine.set_hedge_mode, "ann", False, 0) == Reason.NO_CHANGE


# Time


def test_an_order_good_till_a_date_ends_then() -> None:
    stage = venue()
    till_ns = stage.now_ns + 700 * SECOND_NS
    order = stage.place("ann", BUY, 4, 99, Tif.GTD, good_till_ns=till_ns)
    assert stage.engine.next_ns() == till_ns
    stage.engine.advance(till_ns - 1)
    assert order.open
    stage.engine.advance(till_ns)
    assert (order.status, order.cause) == (Status.EXPIRED, Cause.GTD)
    assert stage.levels(BUY)[99] == 20
    soon_ns = till_ns + 600 * SECOND_NS
    assert refusal(
        stage.place, "ann", BUY, 4, 99, Tif.GTD, good_till_ns=soon_ns
    ) == Reason.GOOD_TILL_TOO_SOON  # fmt: skip


def test_a_countdown_cancels_what_is_open_unless_it_is_renewed() -> None:
    stage = venue()
    order, other = stage.place("ann", BUY, 4, 99), stage.place("ben", BUY, 4, 99)
    waiting = stage.conditional("ann", BUY, OrderType.STOP_MARKET, lots=1, trigger_tick=110)
    start_ns = stage.now_ns
    stage.engine.countdown("ann", SYMBOL, 5 * SECOND_NS, start_ns)
    stage.engine.countdown("ann", SYMBOL, 9 * SECOND_NS, start_ns)
    stage.engine.advance(start_ns + 9 * SECOND_NS - 1)
    assert order.open
    stage.engine.advance(start_ns + 9 * SECOND_NS)
    assert (order.status, order.cause) == (Status.CANCELED, Cause.COUNTDOWN)
    assert other.open
    assert waiting.open
    again = stage.place("ann", BUY, 4, 99)
    stage.engine.countdown("ann", SYMBOL, 5 * SECOND_NS, stage.now_ns)
    stage.engine.countdown("ann", SYMBOL, 0, stage.now_ns)
    stage.engine.advance(stage.now_ns + 60 * SECOND_NS)
    assert again.open


def test_ended_orders_are_kept_for_a_time() -> None:
    stage = venue()
    unfilled = stage.place("ann", BUY, 4, 99, client_id="a")
    stage.engine.cancel("ann", SYMBOL, stage.tick(), order_id=unfilled.order_id)
    filled = stage.place("ann", BUY, 4, client_id="b")
    resting = stage.place("ann", BUY, 4, 98, client_id="c")
    assert stage.engine.order("ann", SYMBOL, client_id="a") is unfilled
    stage.engine.advance(stage.now_ns + 3 * DAY_NS)
    assert stage.engine.order("ann", SYMBOL, client_id="a") is None
    assert stage.engine.orders("ann") == [filled, resting]
    stage.engine.advance(stage.now_ns + 90 * DAY_NS)
    assert stage.engine.orders("ann") == [resting]
    assert stage.engine.open_orders("ann") == [resting]


def test_no_more_than_so_many_ended_orders_are_kept() -> None:
    stage = venue(engine=Engine(keep_most=3))
    for number in range(5):
        order = stage.place("ann", BUY, 4, 99, client_id=f"n{number}")
        stage.engine.cancel("ann", SYMBOL, stage.tick(), order_id=order.order_id)
    resting = stage.place("ann", BUY, 4, 99)
    filled = stage.place("ann", BUY, 1)
    stage.engine.advance(stage.tick())
    kept = [order.client_id for order in stage.engine.orders("ann")]
    assert kept == ["n2", "n3", "n4", resting.client_id, filled.client_id]
    assert stage.engine.order("ann", SYMBOL, client_id="n1") is None


def test_cancel_all_ends_every_order_of_one_symbol_and_account() -> None:
    stage = venue()
    mine = [stage.place("ann", BUY, 4, tick) for tick in (97, 99, 98)]
    other = stage.place("ben", BUY, 4, 99)
    stage.engine.take_events()
    assert stage.engine.cancel_all("ann", SYMBOL, stage.tick()) == mine
    events = stage.engine.take_events()
    assert [event.order.order_id for event in events if isinstance(event, Canceled)] == [1, 2, 3]
    assert other.open
    assert stage.levels(BUY) == {100: 10, 99: 24, 98: 5}


def test_a_command_is_published_once_and_refused_ones_not_at_all() -> None:
    stage = venue()
    before = stage.port.settlements
    stage.place("ann", BUY, 40, 103)
    assert stage.port.settlements == before + 1
    assert refusal(stage.place, "ann", BUY, 1, 104, Tif.FOK) == Reason.FOK_UNFILLABLE
    assert stage.port.settlements == before + 1


def test_unknown_symbols_and_a_clock_that_goes_back() -> None:
    stage = venue()
    assert refusal(stage.engine.cancel_all, "ann", "NOPE", 0) == Reason.UNKNOWN_SYMBOL
    order = stage.place("ann", BUY, 4, 99)
    stage.engine.cancel("ann", SYMBOL, 5, order_id=order.order_id)
    assert order.updated_ns >= order.created_ns
    assert isinstance(Engine(first_order_id=10**15), Engine)
