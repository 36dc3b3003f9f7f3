"""Limits by table, exposure against every way the orders could fill, profit against plain sums."""

import itertools
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.model.counters import Counter
from connector.model.instrument import Instrument
from connector.model.intents import OWN_COMMAND, Action, CommandFlag, OrderType, PositionSide
from connector.model.order import Order
from connector.model.packing import layout
from connector.model.records import Side
from connector.model.reports import Code, Field, OrderStatus, Update
from connector.trading.commands import Command, Refusal, read
from connector.trading.effects import Report
from connector.trading.holdings import DAY_NS, Holding, Holdings
from connector.trading.risk import Limits, Risk
from connector.venues.trading_contract import PositionEvent

BTC = Instrument(
    symbol="BTCUSDT", exchange="BinanceU", price_exponent=2, qty_exponent=3, price_digits=2,
    qty_digits=3, tick_e=10, step_e=1, quote="USDT", margin="USDT",
)  # fmt: skip
ETH = msgspec.structs.replace(BTC, symbol="ETHUSDT", price_exponent=3, qty_exponent=2)
ABSENT = {
    name: None
    for name in (
        "order_id", "price_e", "qty_e", "stop_price_e", "activation_price_e", "callback_rate_e",
        "good_till_ns",
    )
}  # fmt: skip
MONEY = 10**8
NOW_NS = 50_000 * DAY_NS
SECOND_NS = 1_000_000_000
MARKET = {"order_type": OrderType.MARKET, "price_e": None}
SELL = {"side": Side.SELL}
STOP = {"order_type": OrderType.STOP, "stop_price_e": 10_000_00}
REDUCE = {"flags": CommandFlag.REDUCE_ONLY}
TOO_LARGE = (Code.RISK_LIMIT, Field.NOTIONAL)
TOO_MUCH = (Code.RISK_LIMIT, Field.QUANTITY)
TOO_FAR = (Code.RISK_LIMIT, Field.PRICE)
STALE = (Code.STALE_BOOK, Field.INSTRUMENT)
FINE = (None, None)
BOTH_SIDES, NO_ASK, NO_TOUCH = (10_000_00, 10_001_00), (10_000_00, 0), None


class Listed:
    index, venue, served = 3, 0, True

    def __init__(self, touch: tuple[int, int] | None = BOTH_SIDES) -> None:
        self.instrument, self.touch = BTC, touch
        self.mark_e: int | None = 10_000 * MONEY


class Account:
    index, venue = 0, 0
    name = "main"
    strategies = frozenset({"maker", "taker"})

    def scales(self, symbol: str) -> Instrument | None:
        return {"BTCUSDT": BTC, "ETHUSDT": ETH}.get(symbol)


class Rig:
    def __init__(
        self, account: Limits | None = None, strategy: Limits | None = None, **marks: int
    ) -> None:
        limits = {("account", "main"): account, ("strategy", "maker"): strategy}
        self.marks = marks or {"BTCUSDT": 10_000 * MONEY, "ETHUSDT": 500 * MONEY}
        self.amends: dict[int, int] = {}
        self.now_ns = NOW_NS
        self.main: Any = Account()
        self.holdings = Holdings(
            [self.main],
            {who: one for who, one in limits.items() if one is not None},
            lambda account, symbol: self.marks.get(symbol, 0),
            lambda order: self.amends.get(order.key, 0),
            lambda: self.now_ns,
        )
        self.risk = Risk(self.holdings)
        self.counted: list[tuple[Counter, int]] = []

    def count(self, counter: Counter, amount: int) -> None:
        self.counted.append((counter, amount))

    def check(
        self, order: Order | None = None, touch: tuple[int, int] | None = BOTH_SIDES, **given: Any
    ) -> None:
        listed: Any = Listed(touch)
        listed.mark_e = self.marks.get("BTCUSDT")
        self.risk.check("maker", self.main, listed, command(**given), order, self.now_ns)

    def refused(self, **given: Any) -> tuple[Code | None, Field | None]:
        try:
            self.check(**given)
        except Refusal as refusal:
            return refusal.code, refusal.field
        return None, None

    def order(self, key: int = 1, **given: Any) -> Order:
        fields: dict[str, Any] = {"strategy": "maker", "instrument": BTC, "qty_e": 1000} | given
        made = Order(key=key, account=0, **fields)
        self.holdings.order(made)
        return made

    def fill(self, qty_e: int, price_e: int, order: Order | None = None, **more: Any) -> None:
        side = Side.BUY if qty_e > 0 else Side.SELL
        order = order or Order(key=99, account=0, strategy="maker", instrument=BTC, side=side,
                               status=OrderStatus.FILLED)  # fmt: skip
        report = Report(order=order, update=Update.EXECUTED, status=0, reason=0, filled_qty_e=0,
                        average_e=0, average_exponent=0, last_qty_e=abs(qty_e),
                        last_price_e=price_e, **more)  # fmt: skip
        self.holdings.filled(report)

    def said(self, qty_e: int, venue_ns: int = 1) -> None:
        event = PositionEvent(symbol="BTCUSDT", position_side=PositionSide.BOTH, qty_e=qty_e,
                              venue_ns=venue_ns)  # fmt: skip
        self.holdings.said(self.main, event)

    def profits(self) -> tuple[int, int]:
        """Of the account and of the strategy."""
        return self.holdings.account(0).profit_e, self.holdings.strategy("maker").profit_e


def command(**given: Any) -> Command:
    fields = ABSENT | {
        "action": Action.PLACE, "side": Side.BUY, "order_type": OrderType.LIMIT,
        "price_e": 10_000_00, "qty_e": 1000,
    } | given  # fmt: skip
    return read(layout("Command").pack(**fields))


TABLE: list[tuple[dict[str, Any], Any, Limits, tuple[Code | None, Field | None]]] = [
    ({}, BOTH_SIDES, Limits(), FINE),
    ({}, NO_TOUCH, Limits(), STALE),
    ({}, NO_ASK, Limits(), FINE),
    (MARKET, NO_TOUCH, Limits(), STALE),
    (MARKET, NO_ASK, Limits(), STALE),
    (MARKET | SELL, NO_ASK, Limits(), FINE),
    (MARKET | REDUCE, NO_TOUCH, Limits(), STALE),
    (REDUCE, NO_TOUCH, Limits(), FINE),
    (STOP, NO_TOUCH, Limits(), FINE),
    (MARKET | REDUCE | {"stamp": OWN_COMMAND | 1}, NO_TOUCH, Limits(), FINE),
    (MARKET | {"stamp": OWN_COMMAND | 1}, NO_TOUCH, Limits(), STALE),
    ({}, BOTH_SIDES, Limits(order_notional_e=10_000 * MONEY), FINE),
    ({"qty_e": 1001}, BOTH_SIDES, Limits(order_notional_e=10_000 * MONEY), TOO_LARGE),
    # A bid below mark is valued at mark; a market order at the touch it would take; a stop at its
    # trigger.
    ({"price_e": 1_000_00}, BOTH_SIDES, Limits(order_notional_e=9_999 * MONEY), TOO_LARGE),
    (MARKET, BOTH_SIDES, Limits(order_notional_e=10_001 * MONEY), FINE),
    (MARKET, BOTH_SIDES, Limits(order_notional_e=10_001 * MONEY - 1), TOO_LARGE),
    (STOP | {"stop_price_e": 11_000_00}, BOTH_SIDES, Limits(order_notional_e=10_999 * MONEY),
     TOO_LARGE),
    (REDUCE | {"qty_e": 5000}, BOTH_SIDES, Limits(order_notional_e=1), FINE),
    ({}, BOTH_SIDES, Limits(order_quantity={"BTCUSDT": "1"}), FINE),
    ({"qty_e": 1001}, BOTH_SIDES, Limits(order_quantity={"BTCUSDT": "1"}), TOO_MUCH),
    ({"qty_e": 2}, BOTH_SIDES, Limits(order_quantity={"BTCUSDT": "0.00199999"}), TOO_MUCH),
    ({"qty_e": 1001}, BOTH_SIDES, Limits(order_quantity={"ETHUSDT": "1"}), FINE),
    ({"price_e": 10_101_01}, BOTH_SIDES, Limits(collar_bps=100), FINE),
    ({"price_e": 10_101_02}, BOTH_SIDES, Limits(collar_bps=100), TOO_FAR),
    ({"price_e": 99_999_00}, NO_ASK, Limits(collar_bps=100), FINE),
    (SELL | {"price_e": 9_900_00}, BOTH_SIDES, Limits(collar_bps=100), FINE),
    (SELL | {"price_e": 9_899_99}, BOTH_SIDES, Limits(collar_bps=100), TOO_FAR),
]  # fmt: skip


@pytest.mark.parametrize("whose", ["account", "strategy"])
@pytest.mark.parametrize(("order", "touch", "limits", "said"), TABLE)
def test_one_order(
    whose: str, order: dict[str, Any], touch: Any, limits: Limits, said: tuple[Any, Any]
) -> None:
    assert Rig(**{whose: limits}).refused(touch=touch, **order) == said  # type: ignore[arg-type]


def test_without_limits_the_stale_book_is_the_only_rule() -> None:
    assert Rig().refused(touch=NO_TOUCH) == STALE
    assert Rig().refused(price_e=99_000_00, qty_e=10**9) == FINE


def test_both_limits_apply_and_the_refusal_says_whose() -> None:
    rig = Rig(Limits(order_notional_e=5_000 * MONEY), Limits(order_notional_e=1_000 * MONEY))
    with pytest.raises(Refusal, match="account main") as caught:
        rig.check()
    assert (caught.value.value_e, caught.value.limit_e) == (10_000 * MONEY, 5_000 * MONEY)
    with pytest.raises(Refusal, match="strategy maker"):
        rig.check(qty_e=400)
    rig.check(qty_e=100)


def test_open_orders_count_until_they_are_proved_dead() -> None:
    rig = Rig(Limits(open_orders=3))
    mine = rig.order(1)
    rig.order(2, strategy="taker", status=OrderStatus.UNKNOWN)
    rig.check()
    rig.order(3, strategy="", status=OrderStatus.NEW)
    with pytest.raises(Refusal) as caught:
        rig.check()
    assert (caught.value.field, caught.value.value_e) == (Field.OPEN_ORDERS, 4)
    rig.check(mine, action=Action.AMEND, client_order_id="x", qty_e=1100, price_e=None)
    mine.status = OrderStatus.CANCELLED
    rig.holdings.order(mine)
    rig.check()
    rig = Rig(None, Limits(open_orders=1))
    rig.order(1, strategy="taker")
    rig.check()


def test_orders_in_any_second() -> None:
    rig = Rig(None, Limits(orders_per_second=2))
    for _ in range(2):
        rig.check()
        rig.risk.took("maker", rig.main, rig.now_ns)
        rig.now_ns += SECOND_NS // 2
    rig.now_ns -= 1
    with pytest.raises(Refusal) as caught:
        rig.check()
    assert (caught.value.field, caught.value.value_e, caught.value.limit_e) == (
        Field.ORDER_RATE, 3, 2,
    )  # fmt: skip
    rig.now_ns += 1
    rig.check()


ORDERS = st.lists(
    st.tuples(
        st.sampled_from(Side),
        st.integers(1, 50),
        st.integers(0, 49),
        st.sampled_from(
            [OrderStatus.PENDING, OrderStatus.UNKNOWN, OrderStatus.NEW, OrderStatus.CANCELLED]
        ),
        st.sampled_from([0, 0, 80]),
    ),
    max_size=6,
)  # fmt: skip


@given(st.integers(-60, 60), ORDERS, st.randoms(use_true_random=False))
def test_exposure_is_the_worst_of_every_way_the_orders_could_fill(
    position_e: int, rows: list[tuple[Side, int, int, OrderStatus, int]], random: Any
) -> None:
    rig = Rig()
    if position_e:
        rig.fill(position_e, 10_000_00)
    orders = []
    for key, (side, qty_e, filled_e, status, amend_e) in enumerate(rows):
        order = rig.order(key, side=side, qty_e=qty_e)
        rig.amends[key] = amend_e
        order.filled_qty_e, order.status = min(filled_e, qty_e), status
        orders.append(order)
    random.shuffle(orders)
    for order in orders:
        rig.holdings.order(order)
        rig.holdings.order(order)
    leaves = [
        (max(order.qty_e, rig.amends[order.key]) - order.filled_qty_e)
        * (1 if order.side is Side.BUY else -1)
        for order in orders
        if not order.status.terminal
    ]
    worst = max(
        abs(position_e + sum(chosen))
        for size in range(len(leaves) + 1)
        for chosen in itertools.combinations(leaves, size)
    )
    for owner in (rig.holdings.account(0), rig.holdings.strategy("maker")):
        assert owner.exposure_e == worst * 10 * MONEY  # 10,000 a thousandth
        assert owner.open_orders == len(leaves)


@given(st.integers(1, 10**6), st.integers(1, 10**13), st.integers(1, 10**9))
def test_notional_rounds_away_from_zero(qty_e: int, mark_e: int, size_e: int) -> None:
    sized = msgspec.structs.replace(BTC, contract_size_e=size_e)
    exact = Fraction(qty_e, 10**3) * Fraction(mark_e, 10**8) * Fraction(size_e, 10**8) * MONEY
    holding = Holding(0, sized, 0, 10**11)
    holding.mark_e = mark_e
    assert 0 <= holding.notional_e(qty_e) - exact < 1


def test_exposure_limits_growth_and_never_the_way_back() -> None:
    rig = Rig(None, Limits(exposure_e=100_000 * MONEY))
    rig.fill(10_000, 10_000_00)
    with pytest.raises(Refusal) as caught:
        rig.check(qty_e=1)
    assert (caught.value.field, caught.value.value_e, caught.value.limit_e) == (
        Field.EXPOSURE, 100_010 * MONEY, 100_000 * MONEY,
    )  # fmt: skip
    rig.check(**SELL, qty_e=20_000)
    with pytest.raises(Refusal):
        rig.check(**SELL, qty_e=20_001)
    rig.check(qty_e=10**6, **REDUCE)


def test_an_amend_counts_with_what_it_adds() -> None:
    rig = Rig(None, Limits(exposure_e=20_000 * MONEY))
    order = rig.order(1, price_e=10_000_00, client_order_id="x", status=OrderStatus.NEW)
    amend = {"action": Action.AMEND, "client_order_id": "x", "price_e": None}
    rig.check(order, **amend, qty_e=2000)
    assert rig.refused(order=order, **amend, qty_e=2001) == (Code.RISK_LIMIT, Field.EXPOSURE)
    rig.amends[1] = 2000
    rig.holdings.order(order)
    assert rig.refused(qty_e=1) == (Code.RISK_LIMIT, Field.EXPOSURE)
    rig.amends.clear()
    rig.holdings.order(order)
    rig.check(qty_e=1000)
    # A sell's amend is judged as a sell, though the command names no side.
    sell = rig.order(2, side=Side.SELL, price_e=10_000_00, status=OrderStatus.NEW)
    far = {"action": Action.AMEND, "client_order_id": "x", "qty_e": None, "price_e": 5_000_00}
    collared = Rig(None, Limits(collar_bps=100))
    assert collared.refused(order=sell, **far) == TOO_FAR


def test_what_cannot_be_valued_lets_nothing_grow() -> None:
    rig = Rig(None, Limits(exposure_e=100_000 * MONEY), BTCUSDT=10_000 * MONEY)
    rig.order(1, instrument=ETH)
    with pytest.raises(Refusal, match="ETHUSDT") as caught:
        rig.check(qty_e=1)
    assert (caught.value.code, caught.value.field) == (Code.STALE_BOOK, Field.EXPOSURE)
    rig.marks["ETHUSDT"] = MONEY
    list(rig.holdings.tick())
    rig.check(qty_e=1)
    rig.marks["ETHUSDT"] = 0
    list(rig.holdings.tick())
    with pytest.raises(Refusal):
        rig.check(qty_e=1)


def test_exposure_adds_instruments_up_and_follows_their_marks() -> None:
    rig = Rig(Limits(exposure_e=15_000 * MONEY))
    rig.order(1, instrument=ETH, qty_e=1000)  # 10 at 500
    rig.check(qty_e=1000)
    rig.marks["ETHUSDT"] = 501 * MONEY
    list(rig.holdings.tick())
    assert rig.refused(qty_e=1000) == (Code.RISK_LIMIT, Field.EXPOSURE)


# The day's profit

FILLS = st.lists(
    st.tuples(st.integers(-50, 50).filter(bool), st.integers(9_000_00, 11_000_00)), max_size=12
)


@given(FILLS, st.integers(9_000, 11_000), st.integers(0, 12))
def test_profit_is_money_back_and_the_position_at_mark(
    fills: list[tuple[int, int]], mark: int, cut: int
) -> None:
    rig = Rig()
    for qty_e, price_e in fills[:cut]:
        rig.fill(qty_e, price_e)
    rig.now_ns += DAY_NS  # midnight: at the mark of 10,000
    list(rig.holdings.tick())
    assert rig.profits() == (0, 0)
    for qty_e, price_e in fills[cut:]:
        rig.fill(qty_e, price_e)
    rig.marks["BTCUSDT"] = mark * MONEY
    list(rig.holdings.tick())
    held = sum(qty_e for qty_e, _ in fills[:cut])
    exact = Fraction(held * (mark - 10_000), 10**3)
    for qty_e, price_e in fills[cut:]:
        exact += Fraction(qty_e, 10**3) * (mark - Fraction(price_e, 100))
    for profit_e in rig.profits():
        assert abs(profit_e - exact * MONEY) <= len(fills) + 2


@pytest.mark.parametrize("fill_first", [True, False])
def test_a_fill_and_the_venue_s_word_on_the_position_count_once(fill_first: bool) -> None:
    rig = Rig()
    if fill_first:
        rig.fill(1000, 9_990_00, venue_ns=5)
    rig.said(1000, venue_ns=5)
    if not fill_first:
        rig.fill(1000, 9_990_00, venue_ns=5)
    assert rig.profits() == (10 * MONEY, 10 * MONEY)
    assert rig.holdings.account(0).exposure_e == 10_000 * MONEY
    rig.said(0, venue_ns=4)  # old news of before the fill
    assert rig.holdings.account(0).exposure_e == (10_000 * MONEY if fill_first else 0)


def test_a_position_nobody_told_fills_of_is_taken_in_at_mark() -> None:
    rig = Rig(BTCUSDT=0)
    rig.said(1000)
    assert rig.profits() == (0, 0)
    rig.marks["BTCUSDT"] = 10_000 * MONEY
    list(rig.holdings.tick())
    assert rig.profits() == (0, 0)
    rig.marks["BTCUSDT"] = 9_999 * MONEY
    list(rig.holdings.tick())
    assert rig.profits() == (-MONEY, 0)


def test_fees_in_the_quote_count() -> None:
    rig = Rig()
    rig.fill(1000, 10_000_00, fee_e=4 * MONEY, fee_asset="USDT")
    rig.fill(1000, 10_000_00, fee_e=4 * MONEY, fee_asset="BNB")
    assert rig.profits() == (-4 * MONEY, -4 * MONEY)


def test_the_day_s_loss_stops_at_the_limit_and_lets_out() -> None:
    rig = Rig(None, Limits(loss_e=50 * MONEY))
    rig.fill(1000, 10_049_00)
    rig.check()
    rig.marks["BTCUSDT"] = 9_999 * MONEY
    list(rig.holdings.tick())
    with pytest.raises(Refusal) as caught:
        rig.check()
    assert (caught.value.field, caught.value.value_e, caught.value.limit_e) == (
        Field.LOSS, 50 * MONEY, 50 * MONEY,
    )  # fmt: skip
    rig.check(**REDUCE, **SELL)
    rig.now_ns += DAY_NS
    list(rig.holdings.tick())
    rig.check()
