"""A paper account's venue: what fills an order, when it gets there, and what survives."""

import pytest
from msgspec import structs

from connector.model.instrument import Status
from connector.model.intents import Action, CommandFlag, OrderType, PositionSide, TimeInForce
from connector.model.intents import WorkingType as Working
from connector.paper.exchange import NoMarket
from connector.paper.translate import why_not
from connector.sim.matching.events import ConditionalChanged
from connector.sim.matching.types import AlgoStatus, Cause, Conditional, Order, Reason, Refused
from connector.sim.matching.types import Status as Stands
from tests.reference.paper_rig import ABC, BUY, ME, SELL, UNIT, Rig, instrument, intent

BOOK = [(999, 50), (998, 70)], [(1001, 40), (1002, 60)]


@pytest.fixture
def rig() -> Rig:
    found = Rig()
    found.book(*BOOK)
    return found


def limit(side: object, price_e: int, qty_e: int, **keys: object) -> object:
    return intent(side=side, price_e=price_e, qty_e=qty_e, **keys)


# What fills


def test_a_market_order_takes_what_is_displayed_and_pays_the_takers_fee(rig: Rig) -> None:
    rig.do(intent(side=BUY, order_type=OrderType.MARKET, qty_e=70))
    assert [(one.tick, one.lots, one.maker) for one in rig.fills()] == [
        (1001, 40, False),
        (1002, 30, False),
    ]
    quote = 1001 * 40 * 10**5 + 1002 * 30 * 10**5
    assert rig.wallet == 1000 * UNIT - quote * 5 // 10_000
    assert rig.position == 70


def test_what_was_taken_stays_taken_until_the_level_is_named_anew(rig: Rig) -> None:
    buy = limit(BUY, 1001, 40, time_in_force=TimeInForce.IOC)
    rig.do(buy)
    rig.do(buy)
    assert rig.position == 40
    rig.delta(asks=[(1001, 40)])
    rig.do(buy)
    assert rig.position == 40, "the same quantity is no news"
    rig.delta(asks=[(1001, 41)])
    rig.do(buy)
    assert rig.position == 80


def test_an_order_waits_for_what_was_before_it_at_its_price(rig: Rig) -> None:
    rig.do(limit(BUY, 999, 10))
    rig.trade(999, 30)
    assert not rig.fills()
    rig.delta(bids=[(999, 20)])
    rig.trade(999, 25)
    assert [(one.tick, one.lots, one.maker) for one in rig.fills()] == [(999, 5, True)]
    rig.trade(999, 100)
    assert rig.position == 10
    assert rig.wallet == 1000 * UNIT - 999 * 10 * 10**5 * 2 // 10_000


def test_a_cancel_of_others_moves_it_up_only_when_less_is_left_than_was_ahead(rig: Rig) -> None:
    rig.do(limit(BUY, 999, 10))
    rig.delta(bids=[(999, 80)])  # 30 more behind
    rig.delta(bids=[(999, 60)])  # nobody can see whose 20 went
    rig.trade(999, 50)
    assert not rig.fills()
    rig.trade(999, 4)
    assert rig.position == 4


def test_a_trade_through_its_price_fills_it_as_far_as_the_trade_goes(rig: Rig) -> None:
    rig.do(limit(BUY, 999, 10))
    rig.trade(998, 6)
    assert [(one.tick, one.lots) for one in rig.fills()] == [(999, 6)]


def test_a_displayed_order_that_crosses_it_fills_it_at_its_own_price(rig: Rig) -> None:
    rig.do(limit(BUY, 999, 10))
    rig.delta(asks=[(997, 4)])
    assert [(one.tick, one.lots, one.maker) for one in rig.fills()] == [(999, 4, True)]


def test_own_orders_do_not_trade_with_each_other(rig: Rig) -> None:
    resting = rig.do(limit(BUY, 1000, 10))
    rig.do(limit(SELL, 1000, 10))
    assert isinstance(resting, Order)
    assert resting.status is Stands.EXPIRED_IN_MATCH
    assert not rig.fills()


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        (limit(BUY, 1001, 5, time_in_force=TimeInForce.GTX), Reason.POST_ONLY_WOULD_TAKE),
        (limit(BUY, 1002, 101, time_in_force=TimeInForce.FOK), Reason.FOK_UNFILLABLE),
        (limit(BUY, 1000, 100_000), Reason.INSUFFICIENT_MARGIN),
        (limit(SELL, 1010, 5, flags=CommandFlag.REDUCE_ONLY), Reason.REDUCE_ONLY_REJECTED),
        (limit(BUY, 999, 5, position_side=PositionSide.LONG), Reason.POSITION_SIDE_MISMATCH),
        (intent(Action.CANCEL, client_order_id="unheard"), Reason.ORDER_NOT_FOUND),
        (intent(Action.QUERY, order_id=77), Reason.ORDER_NOT_FOUND),
    ],
)
def test_what_the_venue_would_refuse_is_refused(rig: Rig, wanted: object, reason: Reason) -> None:
    refused = rig.do(wanted)  # type: ignore[arg-type]
    assert isinstance(refused, Refused)
    assert refused.reason is reason


# The way there


def test_an_order_meets_the_market_of_when_it_is_there(rig: Rig) -> None:
    rig.send(limit(BUY, 1001, 40))
    rig.delta(asks=[(1001, 0), (1003, 9)], after=19)
    rig.delta(asks=[(1001, 7)], after=1)  # received when the order is due: seen before it
    rig.wait(0)
    assert [(one.tick, one.lots) for one in rig.fills()] == [(1001, 7)]
    rig.delta(asks=[(1001, 8)], after=1)
    assert [one.maker for one in rig.fills()] == [False, True]


def test_a_cancel_comes_too_late_for_what_traded_on_its_way(rig: Rig) -> None:
    rig.do(limit(BUY, 999, 10, client_order_id="mine"))
    rig.send(intent(Action.CANCEL, client_order_id="mine"))
    rig.trade(999, 55, after=20)  # at the moment it arrives
    rig.wait(0)
    cancelled = rig.answers()[2]
    assert isinstance(cancelled, Order)
    assert (cancelled.filled, cancelled.status) == (5, Stands.CANCELED)
    rig.do(limit(BUY, 998, 10, client_order_id="other"))
    rig.send(intent(Action.CANCEL, client_order_id="other"))
    rig.trade(997, 10, after=19)
    rig.wait(1)
    refused = rig.answers()[4]
    assert isinstance(refused, Refused)
    assert refused.reason is Reason.ORDER_NOT_FOUND


# Without a book


def test_without_a_book_nothing_is_matched_and_orders_are_turned_away(rig: Rig) -> None:
    rig.do(limit(BUY, 999, 10, client_order_id="mine"))
    rig.floor.down(rig.now)
    rig.trade(990, 100)
    rig.delta(asks=[(990, 100)])
    assert not rig.fills()
    assert isinstance(rig.do(limit(BUY, 999, 10)), NoMarket)
    assert isinstance(rig.do(intent(Action.CANCEL, client_order_id="mine")), Order)


def test_a_gap_never_moves_an_order_forward_in_its_queue(rig: Rig) -> None:
    rig.do(limit(BUY, 999, 10))
    rig.trade(999, 20)  # 30 left before it
    rig.floor.down(rig.now)
    rig.book([(999, 500)], [(1001, 1)])
    rig.trade(999, 29)
    assert not rig.fills()
    rig.trade(999, 2)
    assert rig.position == 1


def test_levels_of_a_message_count_when_it_is_whole(rig: Rig) -> None:
    rig.do(limit(BUY, 999, 10))
    rig.floor.delta([], [(990, 3)], rig.now, more=True)
    assert not rig.fills()
    rig.floor.delta([], [(991, 4)], rig.now)
    assert rig.position == 7


# Conditional orders


def stop(**keys: object) -> object:
    return intent(
        side=SELL, order_type=OrderType.STOP_MARKET, qty_e=20, client_order_id="stop", **keys
    )


def test_a_stop_waits_for_the_last_price(rig: Rig) -> None:
    rig.trade(1000, 1)
    rig.do(stop(stop_price_e=990))
    rig.trade(991, 1)
    assert not rig.fills()
    rig.trade(990, 1)
    assert [(one.tick, one.lots, one.maker) for one in rig.fills()] == [(999, 20, False)]
    states = [e.conditional.status for e in rig.events() if isinstance(e, ConditionalChanged)]
    assert states == [
        AlgoStatus.NEW,
        AlgoStatus.TRIGGERING,
        AlgoStatus.TRIGGERED,
        AlgoStatus.FINISHED,
    ]


def test_a_stop_on_the_mark_price_does_not_look_at_trades(rig: Rig) -> None:
    rig.mark(100.0)
    rig.do(stop(stop_price_e=990, working_type=Working.MARK))
    rig.trade(980, 1)
    assert not rig.fills()
    rig.mark(98.9)
    assert rig.position == -20


def test_a_trailing_stop_follows(rig: Rig) -> None:
    rig.trade(1000, 1)
    rig.do(
        intent(
            side=SELL,
            order_type=OrderType.TRAILING_STOP_MARKET,
            qty_e=5,
            callback_rate_e=UNIT // 100,
        )
    )
    for price in (1010, 1050, 1040):
        rig.trade(price, 1, sold=False)
    assert not rig.fills()
    rig.trade(1039, 1)
    assert rig.position == -5


def test_close_position_closes_what_there_is(rig: Rig) -> None:
    rig.do(intent(side=BUY, order_type=OrderType.MARKET, qty_e=30))
    rig.trade(1000, 1)
    rig.do(
        intent(
            side=SELL,
            order_type=OrderType.STOP_MARKET,
            stop_price_e=990,
            flags=CommandFlag.CLOSE_POSITION,
        )
    )
    rig.trade(989, 1)
    assert rig.position == 0


# Money


def test_hedge_mode_holds_long_and_short_beside_each_other() -> None:
    rig = Rig(hedge=True)
    rig.book(*BOOK)
    rig.do(intent(side=BUY, order_type=OrderType.MARKET, qty_e=5, position_side=PositionSide.LONG))
    rig.do(
        intent(side=SELL, order_type=OrderType.MARKET, qty_e=7, position_side=PositionSide.SHORT)
    )
    views = {view.position_side: view.lots for view in rig.exchange.engine.positions(ME)}
    assert views == {PositionSide.LONG: 5, PositionSide.SHORT: -7}


def test_funding_is_paid_when_its_time_has_passed(rig: Rig) -> None:
    rig.do(intent(side=BUY, order_type=OrderType.MARKET, qty_e=40))
    rig.mark(100.0, 10_000, 5000)
    before = rig.wallet
    rig.mark(101.0, 30_000, 5000)  # the rate moves until it is due
    rig.mark(102.0, 40_000, 9000)
    # 0.4 at the mark known then, at the rate known then.
    assert rig.wallet == before - 101 * UNIT * 40 // 100 * 30_000 // UNIT
    rig.mark(103.0, 40_000, 9000)
    assert rig.wallet == before - 101 * UNIT * 40 // 100 * 30_000 // UNIT


def test_who_cannot_hold_a_position_loses_it() -> None:
    rig = Rig(balances={"USDT": 10 * UNIT})
    rig.book(*BOOK)
    rig.do(intent(side=BUY, order_type=OrderType.MARKET, qty_e=40))
    rig.delta(bids=[(999, 0), (998, 0), (700, 100)])
    rig.mark(70.0)
    assert rig.position == 0
    assert rig.wallet == 0, "never below"


# What survives


def test_an_account_goes_on_where_it_was(rig: Rig) -> None:
    rig.do(intent(side=BUY, order_type=OrderType.MARKET, qty_e=30))
    rig.trade(1000, 1)
    rig.do(limit(SELL, 1005, 10, client_order_id="rests"))
    rig.do(limit(SELL, 1006, 10, client_order_id="gone"))
    rig.do(intent(Action.CANCEL, client_order_id="gone"))
    rig.do(stop(stop_price_e=950))
    again = Rig(rig.kept())
    assert (again.position, again.wallet) == (rig.position, rig.wallet)
    engine, before = again.exchange.engine, rig.exchange.engine
    assert [one.client_id for one in engine.open_orders(ME)] == ["rests"]
    assert [one.client_id for one in engine.open_conditionals(ME)] == ["stop"]
    (balance,), old = engine.balances(ME), before.balances(ME)
    assert [structs.replace(balance, updated_ns=old[0].updated_ns)] == old
    assert engine.positions(ME) == before.positions(ME)
    gone = again.do(intent(Action.QUERY, client_order_id="gone"))
    assert isinstance(gone, Order)
    assert gone.status is Stands.CANCELED
    again.book(*BOOK)
    placed = again.do(limit(BUY, 990, 1))
    assert isinstance(placed, Order)
    assert placed.order_id > max(one.order_id for one in before.orders(ME))
    assert again.exchange.wanted() == {"ABCUSDT"}


def test_after_a_restart_an_order_stands_behind_everything_that_is_displayed(rig: Rig) -> None:
    rig.do(limit(BUY, 999, 10))
    rig.trade(999, 50)
    again = Rig(rig.kept())
    again.book([(999, 80)], [(1001, 40)])
    again.trade(999, 80)
    assert not again.fills()
    again.trade(999, 3)
    assert [(one.tick, one.lots, one.maker) for one in again.fills()] == [(999, 3, True)]


def test_after_a_restart_an_order_that_is_crossed_by_then_is_filled(rig: Rig) -> None:
    rig.do(limit(BUY, 999, 10))
    again = Rig(rig.kept())
    again.book([(900, 5)], [(950, 4)])
    assert [(one.tick, one.lots, one.maker) for one in again.fills()] == [(999, 4, True)]


def test_trades_are_numbered_on(rig: Rig) -> None:
    rig.do(intent(side=BUY, order_type=OrderType.MARKET, qty_e=30))
    again = Rig(rig.kept())
    again.book(*BOOK)
    again.do(intent(side=SELL, order_type=OrderType.MARKET, qty_e=30))
    assert again.fills()[0].trade_id > max(one.trade_id for one in rig.fills())


def test_what_is_kept_is_counted_in_the_scale_of_now(rig: Rig) -> None:
    rig.do(intent(side=BUY, order_type=OrderType.MARKET, qty_e=30))
    rig.do(limit(SELL, 1005, 10))
    finer = instrument(price_exponent=2, qty_exponent=4)
    again = Rig(rig.kept(), scale=finer)
    (order,) = again.exchange.engine.open_orders(ME)
    assert (order.tick, order.lots, again.position) == (10050, 1000, 3000)
    assert again.exchange.engine.balances(ME)[0].wallet_m == rig.wallet
    with pytest.raises(ValueError, match="no whole number"):
        Rig(rig.kept(), scale=instrument(price_exponent=0))


def test_orders_in_what_is_not_listed_any_more_are_over(rig: Rig) -> None:
    rig.do(limit(BUY, 999, 10))
    again = Rig(rig.kept(), scale=instrument("XYZUSDT"))
    assert again.exchange.engine.open_orders(ME) == []


def test_new_filters_hold_from_when_they_are_told(rig: Rig) -> None:
    rig.exchange.relist(instrument(status=Status.HALTED), rig.now)
    refused = rig.do(limit(BUY, 999, 10))
    assert isinstance(refused, Refused)
    assert refused.reason is Reason.NOT_TRADING


def test_a_venue_that_closes_an_instrument_ends_its_orders(rig: Rig) -> None:
    rig.trade(1000, 1)
    rig.do(limit(BUY, 999, 10, client_order_id="rests"))
    rig.do(stop(stop_price_e=950))
    rig.exchange.relist(instrument(status=Status.CLOSED), rig.now)
    rests = rig.do(intent(Action.QUERY, client_order_id="rests"))
    waits = rig.do(intent(Action.QUERY, client_order_id="stop", conditional=True))
    assert isinstance(rests, Order)
    assert (rests.status, rests.cause) == (Stands.EXPIRED, Cause.LISTING)
    assert isinstance(waits, Conditional)
    assert waits.status is AlgoStatus.EXPIRED
    assert rig.exchange.wanted() == set()


@pytest.mark.parametrize(
    ("changes", "word"),
    [({"margin": "ABC"}, "linear"), ({"contract_size_e": 10**10}, "linear"), ({"contract": 3}, "")],
)
def test_only_linear_contracts_are_traded(changes: dict[str, object], word: str) -> None:
    assert word in why_not(instrument(**changes))
    assert why_not(instrument(**changes))
    assert not why_not(ABC)
