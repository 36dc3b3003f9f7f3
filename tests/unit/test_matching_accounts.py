"""Money, margin, positions and liquidation in the matching engine, in exact numbers."""

import pytest
from msgspec.structs import replace

from connector.sim.matching.book import Book
from connector.sim.matching.events import (
    AccountChanged,
    ChangeReason,
    ConfigChanged,
    Expired,
    MarginCalled,
)
from connector.sim.matching.rules import Bracket, Rules
from connector.sim.matching.types import (
    RATIO,
    Cause,
    IncomeType,
    MarginType,
    NewOrder,
    OrderType,
    PositionSide,
    Reason,
    Refused,
    Side,
    Status,
)
from tests.reference.matching_venue import RULES, SYMBOL, TapePort, Venue

BUY, SELL = Side.BUY, Side.SELL
BOTH = PositionSide.BOTH
UNIT = RATIO
WHOLE = replace(
    RULES, price_digits=0, tick_units=1, qty_digits=0, step_units=1, default_leverage=10
)
"""A tick is one, a lot is one: notional is price times quantity."""


def venue(money: int = 1000, rules: Rules = WHOLE, **more: object) -> Venue:
    bids, asks = {99: 50, 90: 500, 50: 5000}, {101: 50, 110: 500, 150: 5000}
    stage = Venue("ann", "ben", rules=rules, money_m=money * UNIT, bids=bids, asks=asks, **more)  # type: ignore[arg-type]
    stage.engine.mark(SYMBOL, 100 * UNIT, stage.tick())
    return stage


def refusal(call, *args, **more) -> Reason:  # type: ignore[no-untyped-def]
    with pytest.raises(Refused) as refused:
        call(*args, **more)
    return refused.value.reason


def balance(stage: Venue, account: str = "ann"):  # type: ignore[no-untyped-def]
    (row,) = stage.engine.balances(account)
    return row


def position(stage: Venue, account: str = "ann"):  # type: ignore[no-untyped-def]
    (row,) = stage.engine.positions(account)
    return row


def test_a_round_trip_in_numbers() -> None:
    stage = venue()
    stage.place("ann", BUY, 10)  # 10 * 101 = 1010, fee 0.05 %
    row = position(stage)
    assert (row.lots, row.entry_e8, row.notional_m) == (10, 101 * UNIT, 1000 * UNIT)
    assert row.unrealized_m == -10 * UNIT
    assert row.break_even_e8 == 101 * UNIT + 101 * UNIT * 5 // 10_000
    assert balance(stage).wallet_m == 1000 * UNIT - 1010 * UNIT * 5 // 10_000
    stage.place("ann", SELL, 4, 99)  # closes 4: (99 - 101) * 4
    row = position(stage)
    assert (row.lots, row.entry_e8, row.realized_m) == (6, 101 * UNIT, -8 * UNIT)
    stage.place("ann", SELL, 9, 99)  # closes 6 and opens a short of 3 at 99
    row = position(stage)
    assert (row.lots, row.entry_e8, row.realized_m) == (-3, 99 * UNIT, -20 * UNIT)
    fees = (1010 + 396 + 891) * UNIT * 5 // 10_000
    assert balance(stage).wallet_m == 1000 * UNIT - 20 * UNIT - fees
    kinds = [row.type for row in stage.engine.income("ann")]
    assert kinds == [
        IncomeType.TRANSFER, IncomeType.COMMISSION,
        IncomeType.REALIZED_PNL, IncomeType.COMMISSION,
        IncomeType.REALIZED_PNL, IncomeType.COMMISSION,
    ]  # fmt: skip


def test_makers_pay_less_and_fees_may_be_an_accounts_own() -> None:
    stage = venue()
    stage.place("ann", BUY, 10, 100)
    stage.engine.set_fees("ben", 10_000, 70_000)
    stage.place("ben", SELL, 10, 100)
    (maker,) = stage.engine.fills("ann", SYMBOL)
    (taker,) = stage.engine.fills("ben", SYMBOL)
    assert maker.trade_id == taker.trade_id
    assert (maker.maker, maker.fee_m) == (True, 1000 * UNIT * 2 // 10_000)
    assert (taker.maker, taker.fee_m) == (False, 1000 * UNIT * 7 // 10_000)


@pytest.mark.parametrize(
    ("before", "side", "lots", "tick", "fits"),
    [
        # 1000 of money at leverage 10 carry 10000 of notional.
        ([], BUY, 100, 100, True),
        ([], BUY, 101, 100, False),
        ([], SELL, 100, 100, True),
        ([], SELL, 101, 100, False),
        # A sell far below mark would start with a loss; a buy far below does not.
        ([], SELL, 100, 99, False),
        ([], BUY, 200, 50, True),
        # Open orders of both sides: only the larger side counts.
        ([(BUY, 100, 100)], SELL, 100, 100, False),  # would trade with itself, but also:
        ([(BUY, 100, 98)], SELL, 100, 102, False),  # 100 * 102 / 10 > 1000
        ([(BUY, 100, 98)], SELL, 98, 102, True),
        ([(BUY, 60, 98)], BUY, 60, 98, False),
    ],
)
def test_the_initial_margin(
    before: list[tuple[Side, int, int]], side: Side, lots: int, tick: int, fits: bool
) -> None:
    stage = Venue("ann", rules=WHOLE, money_m=1000 * UNIT)
    stage.engine.mark(SYMBOL, 100 * UNIT, stage.tick())
    for order in before:
        stage.place("ann", *order)
    if fits:
        stage.place("ann", side, lots, tick)
    elif before[:1] == [(BUY, 100, 100)]:
        stage.place("ann", side, lots, tick)  # against its own order: nothing more is bound
    else:
        assert refusal(stage.place, "ann", side, lots, tick) == Reason.INSUFFICIENT_MARGIN


def test_closing_needs_no_margin_and_frees_it() -> None:
    stage = venue(money=2000)
    stage.place("ann", BUY, 90, 110)
    assert balance(stage).available_m == 650 * UNIT - 9450 * UNIT * 5 // 10_000
    assert refusal(stage.place, "ann", BUY, 65, 100) == Reason.INSUFFICIENT_MARGIN
    stage.place("ann", SELL, 90, 120)
    stage.place("ann", SELL, 10, 120)  # nine of ten notionals of a short are covered
    assert balance(stage).order_margin_m == 0
    stage.engine.cancel_all("ann", SYMBOL, stage.tick())
    stage.place("ann", SELL, 90, 50)
    assert (position(stage).lots, balance(stage).position_margin_m) == (0, 0)


def test_the_available_balance_is_what_the_venue_says() -> None:
    stage = venue()
    stage.place("ann", BUY, 10, 101)
    stage.place("ann", BUY, 5, 90)
    stage.engine.mark(SYMBOL, 103 * UNIT, stage.tick())
    row = balance(stage)
    assert row.unrealized_m == 20 * UNIT
    assert row.position_margin_m == 103 * UNIT
    assert row.order_margin_m == 45 * UNIT
    assert row.available_m == row.wallet_m + 20 * UNIT - 148 * UNIT
    view = position(stage)
    assert (view.bid_notional_m, view.ask_notional_m) == (450 * UNIT, 0)
    assert view.maintenance_m == 1030 * UNIT * 4 // 1000


def test_leverage() -> None:
    stage = venue(rules=replace(WHOLE, brackets=(
        Bracket(20, 5_000 * UNIT, 400_000), Bracket(10, 20_000 * UNIT, 1_000_000, 30 * UNIT),
    )))  # fmt: skip
    for wrong in (0, 21):
        assert refusal(stage.engine.set_leverage, "ann", SYMBOL, wrong, 0) == Reason.BAD_LEVERAGE
    found = stage.engine.set_leverage("ann", SYMBOL, 20, stage.tick())
    assert (found.leverage, found.max_notional_m) == (20, 5000 * UNIT)
    assert isinstance(stage.engine.take_events()[-1], ConfigChanged)
    assert refusal(stage.place, "ann", BUY, 51, 100) == Reason.EXCEEDS_LEVERAGE_LIMIT
    stage.place("ann", BUY, 50, 100)
    stage.engine.set_leverage("ann", SYMBOL, 10, stage.tick())
    stage.place("ann", BUY, 20, 100)
    assert refusal(stage.engine.set_leverage, "ann", SYMBOL, 20, 0) == (
        Reason.EXCEEDS_LEVERAGE_LIMIT
    )
    assert refusal(stage.engine.set_leverage, "ann", SYMBOL, 5, 0) == Reason.INSUFFICIENT_MARGIN
    # Continuous at the floor: 5000 * 0.4 % + 3000 * 1 %.
    assert stage.rules.maintenance_m(8000 * UNIT) == (20 + 30) * UNIT


def test_an_isolated_position_has_its_own_wallet() -> None:
    stage = venue()
    engine = stage.engine
    engine.set_margin_type("ann", SYMBOL, MarginType.ISOLATED, stage.tick())
    assert refusal(engine.set_margin_type, "ann", SYMBOL, MarginType.ISOLATED, 0) == (
        Reason.NO_CHANGE
    )
    assert refusal(engine.adjust_margin, "ann", SYMBOL, BOTH, UNIT, 0) == Reason.NO_POSITION
    assert refusal(engine.adjust_margin, "ben", SYMBOL, BOTH, UNIT, 0) == Reason.NOT_ISOLATED
    stage.place("ann", BUY, 10, 101)
    row = position(stage)
    assert row.isolated_wallet_m == 101 * UNIT
    assert row.isolated_margin_m == 91 * UNIT
    assert balance(stage).cross_wallet_m == balance(stage).wallet_m - 101 * UNIT
    engine.adjust_margin("ann", SYMBOL, BOTH, 50 * UNIT, stage.tick())
    assert position(stage).isolated_wallet_m == 151 * UNIT
    assert refusal(engine.adjust_margin, "ann", SYMBOL, BOTH, -60 * UNIT, 0) == (
        Reason.ISOLATED_BALANCE_INSUFFICIENT
    )
    assert refusal(engine.adjust_margin, "ann", SYMBOL, BOTH, 900 * UNIT, 0) == (
        Reason.CROSS_BALANCE_INSUFFICIENT
    )
    engine.adjust_margin("ann", SYMBOL, BOTH, -40 * UNIT, stage.tick())
    assert refusal(engine.set_leverage, "ann", SYMBOL, 5, 0) == Reason.ISOLATED_LEVERAGE_DECREASE
    assert refusal(engine.set_margin_type, "ann", SYMBOL, MarginType.CROSSED, 0) == (
        Reason.POSITION_EXISTS
    )
    stage.place("ann", SELL, 5, 99)
    assert position(stage).isolated_wallet_m == 111 * UNIT // 2
    stage.place("ann", SELL, 5, 99)
    assert position(stage).isolated_wallet_m == 0
    assert balance(stage).cross_wallet_m == balance(stage).wallet_m


def test_transfers_and_their_events() -> None:
    stage = venue()
    stage.engine.take_events()
    assert refusal(stage.engine.transfer, "ann", "USDT", -1001 * UNIT, 0) == (
        Reason.CROSS_BALANCE_INSUFFICIENT
    )
    stage.engine.transfer("ann", "USDT", -1000 * UNIT, stage.tick())
    (event,) = stage.engine.take_events()
    assert isinstance(event, AccountChanged)
    assert event.reason == ChangeReason.WITHDRAW
    assert (event.balances[0].wallet_m, event.balances[0].change_m) == (0, -1000 * UNIT)


def test_funding_goes_from_longs_to_shorts() -> None:
    stage = venue()
    stage.place("ann", BUY, 10, 100)
    stage.place("ben", SELL, 10, 100)
    before = balance(stage).wallet_m, balance(stage, "ben").wallet_m
    stage.engine.mark(SYMBOL, 110 * UNIT, stage.tick())
    stage.engine.take_events()
    stage.engine.fund(SYMBOL, RATIO // 1000, stage.tick())
    paid = 1100 * UNIT // 1000
    after = balance(stage).wallet_m, balance(stage, "ben").wallet_m
    assert after == (before[0] - paid, before[1] + paid)
    events = stage.engine.take_events()
    assert [event.balances[0].change_m for event in events] == [-paid, paid]  # type: ignore[union-attr]
    assert all(event.positions == () for event in events)  # type: ignore[union-attr]


def test_cross_liquidation() -> None:
    stage = venue()
    stage.place("ann", BUY, 50, 101)
    resting = stage.place("ann", BUY, 5, 90)
    price_e8 = position(stage).liquidation_e8
    stage.engine.take_events()
    stage.engine.mark(SYMBOL, price_e8 + UNIT // 20, stage.tick())
    assert [type(event) for event in stage.engine.take_events()] == [MarginCalled]
    stage.engine.mark(SYMBOL, price_e8 + UNIT // 25, stage.tick())
    assert stage.engine.take_events() == []  # told once
    assert resting.open
    stage.engine.mark(SYMBOL, price_e8 - 1, stage.tick())
    events = stage.engine.take_events()
    assert position(stage).lots == 0
    assert (resting.status, resting.cause) == (Status.EXPIRED, Cause.LIQUIDATION)
    assert isinstance(events[0], Expired)
    order = stage.engine.orders("ann")[-1]
    assert order.type == OrderType.LIQUIDATION
    assert order.client_id.startswith("autoclose-")
    assert order.filled == 50


def test_what_a_liquidation_cannot_pay_the_insurance_does() -> None:
    stage = venue()
    stage.place("ann", BUY, 50, 101)
    stage.put(BUY, 99, 0)
    stage.put(BUY, 90, 0)
    stage.engine.mark(SYMBOL, 81 * UNIT, stage.tick())
    # Closed at 50: 50 * 51 is lost, the wallet had 1000 less the fee.
    row = balance(stage)
    assert row.wallet_m == row.available_m == 0
    rows = stage.engine.income("ann")
    assert rows[-1].type == IncomeType.INSURANCE_CLEAR
    assert sum(each.amount_m for each in rows) == 0


def test_what_the_book_cannot_take_is_tried_again() -> None:
    stage = venue()
    stage.place("ann", BUY, 50, 101)
    for tick in (99, 90, 50):
        stage.put(BUY, tick, 0)
    stage.engine.mark(SYMBOL, 81 * UNIT, stage.tick())
    assert position(stage).lots == 50
    assert refusal(stage.place, "ann", BUY, 1, 60) == Reason.IN_LIQUIDATION
    stage.put(BUY, 80, 100)
    stage.engine.mark(SYMBOL, 81 * UNIT, stage.tick())
    assert position(stage).lots == 0
    assert balance(stage).wallet_m == 0
    stage.engine.transfer("ann", "USDT", 100 * UNIT, stage.tick())
    stage.place("ann", BUY, 1, 60)


def test_an_isolated_liquidation_leaves_the_rest_alone() -> None:
    stage = venue()
    stage.engine.set_margin_type("ann", SYMBOL, MarginType.ISOLATED, stage.tick())
    stage.place("ann", BUY, 10, 101)
    cross = balance(stage).cross_wallet_m
    assert position(stage).liquidation_e8 == (1010 - 101) * UNIT * 1000 // (10 * 996)
    for tick in (99, 90):
        stage.put(BUY, tick, 0)
    stage.engine.mark(SYMBOL, 91 * UNIT, stage.tick())
    assert position(stage).lots == 0
    assert balance(stage).cross_wallet_m == balance(stage).wallet_m == cross


def test_the_liquidation_price_counts_the_other_positions() -> None:
    stage = venue()
    other = replace(WHOLE, symbol="ETHUSDT")
    book = Book()
    book.market[1].put(100, 100)
    book.market[0].put(-90, 100)
    stage.engine.add_symbol(other, book, TapePort())
    stage.engine.mark("ETHUSDT", 100 * UNIT, stage.tick())
    stage.place("ann", BUY, 20, 101)
    alone = position_of(stage, SYMBOL).liquidation_e8
    stage.engine.place(
        "ann", NewOrder(symbol="ETHUSDT", side=BUY, type=OrderType.MARKET, lots=20), stage.tick()
    )
    stage.engine.mark("ETHUSDT", 90 * UNIT, stage.tick())
    price_e8 = position_of(stage, SYMBOL).liquidation_e8
    assert price_e8 > alone
    stage.engine.mark(SYMBOL, price_e8 + UNIT // 100, stage.tick())
    assert position_of(stage, SYMBOL).lots == 20
    stage.engine.mark(SYMBOL, price_e8 - UNIT // 100, stage.tick())
    assert position_of(stage, SYMBOL).lots == 0
    assert position_of(stage, "ETHUSDT").lots == 0


def position_of(stage: Venue, symbol: str):  # type: ignore[no-untyped-def]
    (row,) = stage.engine.positions("ann", symbol)
    return row


def test_the_rules_read_prices_and_quantities_exactly() -> None:
    assert RULES.ticks(10010, 2) == 1001
    assert RULES.ticks(1001, 1) == 1001
    assert RULES.ticks(100100000, 6) == 1001
    assert refusal(RULES.ticks, 10011, 2) == Reason.PRICE_OFF_TICK
    assert RULES.lots(15, 1) == 1500
    assert refusal(RULES.lots, 15, 4) == Reason.QTY_OFF_STEP
    assert RULES.quote_m(1001, 15) == 150_150_000  # 100.1 * 0.015 = 1.5015
    fine = replace(RULES, price_digits=7, qty_digits=3, tick_units=1, step_units=1)
    assert [fine.quote_m(1, lots) for lots in (49, 50, 149, 150)] == [0, 1, 1, 2]
