"""Fills counted in C against the holdings' and positions' own words: every sum after every step."""

import random
from typing import Any

import msgspec
import pytest

from connector._speedups.filling import Filling
from connector.model.instrument import Instrument
from connector.model.intents import Action, PositionSide
from connector.model.order import Order
from connector.model.records import Side
from connector.model.reports import OrderStatus, Update
from connector.trading.effects import Report
from connector.trading.holdings import Holdings
from connector.trading.pending import Pending
from connector.trading.positions import Positions
from connector.venues.trading_contract import PositionEvent
from tests.reference.fields import fields_of

BTC = Instrument(
    symbol="BTCUSDT", exchange="BinanceU", price_exponent=2, qty_exponent=3, price_digits=2,
    qty_digits=3, tick_e=10, step_e=1, quote="USDT", margin="USDT",
)  # fmt: skip
FINE = msgspec.structs.replace(BTC, symbol="FINEUSDT", price_exponent=11, qty_exponent=8)
LOTS = msgspec.structs.replace(
    BTC, symbol="LOTUSDC", quote="USDC", margin="BNB", contract_size_e=10**5, price_exponent=8
)
COINS = msgspec.structs.replace(BTC, symbol="BTCUSD", quote="USD", margin="BTC", inverse=True)
HUGE = msgspec.structs.replace(BTC, symbol="HUGEUSDT", contract_size_e=10**17)
INSTRUMENTS = {one.symbol: one for one in (BTC, FINE, LOTS, COINS, HUGE)}
ASSETS = ("USDT", "USDC", "BNB", "BTC", "")
STRATEGIES = ("maker", "taker")
MARK_E8 = 10_000 * 10**8


class Account:
    index, name = 0, "main"
    strategies = frozenset(STRATEGIES)

    def scales(self, symbol: str) -> Instrument | None:
        return INSTRUMENTS.get(symbol)


class Books:
    """Holdings and positions; ``short``: fills are counted in C where it takes them."""

    def __init__(self, short: bool) -> None:
        self.account: Any = Account()
        self.marks: dict[str, int] = {}
        self.under_way: dict[int, list[Pending]] = {}
        self.now_ns = 86_400 * 10**9
        self.holdings = Holdings(
            [self.account], {}, lambda _, symbol: self.marks.get(symbol, 0), self.amends,
            lambda: self.now_ns,
        )  # fmt: skip
        self.positions = Positions()
        self.orders: dict[int, Order] = {}
        self.short = self.long = 0
        self.filling = short and Filling(
            holdings=self.holdings, own=self.positions.by_fills, under_way=self.under_way,
            amend=Action.AMEND, owners=self.owners,
        )  # fmt: skip

    def owners(self, order: Order) -> Any:
        place = order.account, order.instrument.symbol, order.position_side
        return (order.strategy, place), self.holdings.shares(order)

    def amends(self, order: Order) -> int:
        requests = self.under_way.get(order.key, ())
        return max([one.qty_e or 0 for one in requests if one.action is Action.AMEND], default=0)

    def fill(
        self, key: int, qty_e: int, price_e: int, fee_e: int | None, asset: str, ns: int
    ) -> None:
        order = self.orders[key]
        order.filled_qty_e += qty_e
        if order.filled_qty_e >= order.qty_e:
            order.status = OrderStatus.FILLED
        if self.filling and self.filling.count(order, qty_e, price_e, fee_e, asset, ns):
            self.short += 1
            return
        self.long += 1
        report = Report(
            order=order, update=Update.EXECUTED, status=0, reason=0, filled_qty_e=0, average_e=0,
            average_exponent=0, last_qty_e=qty_e, last_price_e=price_e, fee_e=fee_e,
            fee_asset=asset, venue_ns=ns,
        )  # fmt: skip
        self.positions.filled(report)
        self.holdings.filled(report)

    def all(self) -> Any:
        owners = [fields_of(owner) for owner in self.holdings.owners()]
        for owner in owners:
            owner["holdings"] = {place: fields_of(one) for place, one in owner["holdings"].items()}
        return (
            owners, self.holdings.counted, self.positions.by_fills, self.holdings.changed,
            [one.instrument.symbol for _, one in self.holdings._turn],
        )  # fmt: skip


class Story:
    """The same to both."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.sides = Books(True), Books(False)
        self.keys = 0
        self.huge = seed % 3 == 0
        """Numbers are past what fits, now and then; what is so once is left to Python for long."""

    def step(self) -> None:
        rng = self.rng
        what = rng.choices(
            (self.order, self.fill, self.said, self.mark, self.amend, self.look),
            (4, 12, 2, 2, 1, 1),
        )[0]
        what(rng)
        left, right = self.sides
        assert left.all() == right.all(), what.__name__

    def symbol(self) -> str:
        huge = self.huge and self.rng.random() < 0.03
        return HUGE.symbol if huge else self.rng.choice(list(INSTRUMENTS)[:-1])

    def order(self, rng: random.Random) -> None:
        self.keys += 1
        instrument = INSTRUMENTS[self.symbol()]
        given: dict[str, Any] = {
            "strategy": rng.choice(STRATEGIES),
            "instrument": instrument,
            "side": rng.choice((Side.BUY, Side.SELL)),
            "qty_e": (
                rng.choice((2**64, rng.randrange(1, 2**62)))
                if self.huge and rng.random() < 0.05
                else rng.randrange(1, 5_000)
            ),
            "price_e": 10_000 * 10**instrument.price_exponent,
            "reduce_only": rng.random() < 0.2,
            "position_side": rng.choice((PositionSide.BOTH, PositionSide.BOTH, PositionSide.LONG)),
        }
        for side in self.sides:
            order = side.orders[self.keys] = Order(key=self.keys, account=0, **given)
            side.holdings.order(order)

    def fill(self, rng: random.Random) -> None:
        orders = self.sides[0].orders
        open_ones = [key for key, one in orders.items() if not one.status.terminal]
        if not open_ones:
            return
        key = rng.choice(open_ones)
        order = orders[key]
        left_e = order.qty_e - order.filled_qty_e
        qty_e = min(left_e, rng.choice((rng.randrange(1, 1_000), 2**62)))
        unit = 10**order.instrument.price_exponent
        price_e = rng.choice((rng.randrange(1, 20_000 * unit), 10_000 * unit, 1))
        if self.huge and rng.random() < 0.05:
            price_e = 2**62
        fee_e = rng.choice((None, rng.randrange(-(10**6), 10**8)))
        asset = rng.choice(ASSETS) if fee_e is not None else ""
        told_ns = rng.randrange(1, 200)
        for side in self.sides:
            side.fill(key, qty_e, price_e, fee_e, asset, told_ns)

    def said(self, rng: random.Random) -> None:
        event = PositionEvent(
            symbol=self.symbol(), position_side=PositionSide.BOTH,
            qty_e=rng.randrange(-5_000, 5_000), venue_ns=rng.randrange(1, 200),
        )  # fmt: skip
        for side in self.sides:
            side.holdings.said(side.account, event)

    def mark(self, rng: random.Random) -> None:
        symbol = rng.choice(list(INSTRUMENTS))
        mark_e = rng.choice((0, rng.randrange(1, 2 * MARK_E8), MARK_E8, MARK_E8))
        for side in self.sides:
            side.marks[symbol] = mark_e

    def amend(self, rng: random.Random) -> None:
        if not self.keys:
            return
        key, qty_e = rng.randrange(1, self.keys + 1), rng.randrange(1, 10_000)
        request = Pending(
            request=1, account=0, order=self.sides[0].orders[key], action=Action.AMEND,
            strategy="maker", sent_ns=0, deadline_ns=0, qty_e=qty_e,
        )  # fmt: skip
        for side in self.sides:
            if side.under_way.pop(key, None) is None:
                side.under_way[key] = [request]

    def look(self, rng: random.Random) -> None:
        for side in self.sides:
            side.holdings.changed = False
            for _ in side.holdings.tick():
                pass


@pytest.mark.parametrize("seed", range(30))
def test_what_a_fill_means_is_the_same_in_c(seed: int) -> None:
    story = Story(seed)
    for symbol in INSTRUMENTS:
        for side in story.sides:
            side.marks[symbol] = MARK_E8
    for _ in range(200):
        story.step()
    assert story.huge or story.sides[0].short > 10
    assert story.sides[1].short == 0


def test_plain_fills_are_counted_in_c() -> None:
    side = Books(True)
    side.marks["BTCUSDT"] = MARK_E8
    order = side.orders[1] = Order(
        key=1, account=0, strategy="maker", instrument=BTC, side=Side.SELL, qty_e=100, price_e=10**6
    )
    side.holdings.order(order)
    for number in range(1, 101):
        side.fill(1, 1, 10**6, 7, "USDT", number)
    assert (side.short, side.long) == (100, 0)
    assert order.status is OrderStatus.FILLED
    assert side.holdings.counted == {}
    place = 0, "BTCUSDT", PositionSide.BOTH
    assert side.positions.by_fills == {("maker", place): -100}
    for owner in side.holdings.owners():
        if owner.name != "taker":
            assert owner.open_orders == 0
            assert owner.holdings[place].position_e == -100
            assert owner.profit_e == -700


@pytest.mark.parametrize(
    ("instrument", "fill"),
    [
        (COINS, (1, 10**6, 0, "", 1)),
        (HUGE, (2**40, 2**40, None, "", 1)),
        (BTC, (1, 2**62, None, "", 1)),
        (BTC, (0, 10**6, None, "", 1)),
        (BTC, (1, 0, None, "", 1)),
        (BTC, (1, -5, None, "", 1)),
    ],
)
def test_what_is_not_plain_is_left_to_the_holdings_untouched(
    instrument: Instrument, fill: tuple[int, int, int | None, str, int]
) -> None:
    side = Books(True)
    side.marks[instrument.symbol] = MARK_E8
    order = Order(key=1, account=0, strategy="maker", instrument=instrument, qty_e=2**41)
    side.holdings.order(order)
    assert isinstance(side.filling, Filling)
    side.holdings.shares(order)
    before = repr(side.all())
    assert not side.filling.count(order, *fill)
    assert repr(side.all()) == before
