"""Paper accounts' fills against a slow reference of the rules, and the laws no run may break."""

from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from connector.model.instrument import ContractType, Instrument, Status
from connector.model.intents import Action, OrderType, TimeInForce
from connector.model.records import Side
from connector.paper.exchange import Exchange, NoMarket, Terms, Turn
from connector.sim.matching.events import Traded
from connector.sim.matching.rules import nearest
from connector.sim.matching.types import RATIO, PositionSide, Refused
from connector.venues.trading_contract import Intent
from tests.reference.slow_paper import BUY, SELL, SlowPaper

SYMBOL, ME = "ABCUSDT", "paper"
ABC = Instrument(
    symbol=SYMBOL, exchange="X", quote="USDT", margin="USDT", contract=ContractType.PERPETUAL,
    status=Status.TRADING, price_exponent=1, qty_exponent=2, price_digits=1, qty_digits=2,
    tick_e=1, step_e=1,
)  # fmt: skip
LATENCY = 5
MONEY = 10**17
MAKER, TAKER = -10_000, 45_000
TERMS = Terms(
    latency_ns=LATENCY, balances={"USDT": MONEY}, maker_r=MAKER, taker_r=TAKER, leverage=20,
    most_leverage=125, maintenance_r=500_000, hedge=False,
)  # fmt: skip

PRICES, QTYS = st.integers(98, 103), st.integers(1, 8)
WAIT = st.integers(0, 6)
SIDES = st.sampled_from([BUY, SELL])
PLACE = st.tuples(
    st.just("place"), WAIT, SIDES, st.one_of(st.none(), PRICES, PRICES, PRICES), QTYS,
    st.sampled_from(["GTC", "GTC", "GTC", "IOC", "FOK", "GTX"]),
)  # fmt: skip
CANCEL = st.tuples(st.just("cancel"), WAIT, st.integers(0, 30))


def levels(prices: st.SearchStrategy[int]) -> st.SearchStrategy[list[tuple[int, int]]]:
    """Changes of one side; now and then one that crosses."""
    rows = st.tuples(prices, st.integers(0, 8))
    return st.lists(rows, max_size=2, unique_by=lambda row: row[0])


BIDS = levels(st.sampled_from([98, 99, 99, 100, 100, 101]))
ASKS = levels(st.sampled_from([100, 101, 101, 102, 102, 103]))
DEPTH = st.tuples(st.just("depth"), WAIT, BIDS, ASKS)
TRADE = st.tuples(st.just("trade"), WAIT, PRICES, QTYS, st.booleans())
LOST = st.tuples(st.just("lost"), WAIT)
STEPS = st.lists(
    st.one_of(PLACE, PLACE, CANCEL, DEPTH, DEPTH, TRADE, TRADE, TRADE, LOST),
    min_size=10, max_size=60,
)  # fmt: skip


class Both:
    """The exchange and the reference, told the same."""

    def __init__(self) -> None:
        self.turns: list[Turn] = []
        self.exchange = Exchange(ME, TERMS, 0, self.turns.append)
        self.exchange.begin(lambda symbol: ABC, 0)
        self.floor = self.exchange.floor(ABC)
        self.slow = SlowPaper(LATENCY)
        self.now = self.requests = 0
        self.placed: list[tuple[int, int | None]] = []
        bids, asks = [(98, 6), (99, 5), (100, 4)], [(101, 4), (102, 5), (103, 6)]
        for _ in self.floor.load(bids, asks, 0):
            pass
        self.slow.depth(0, (bids, asks))

    def step(self, name: str, wait: int, *what: Any) -> None:
        self.now += wait
        getattr(self, name)(*what)

    def place(self, side: int, price: int | None, qty: int, tif: str) -> None:
        # None that may meet an own one: rules of self-trade have tests of their own.
        worst = (200 if side == BUY else 0) if price is None else price
        for other, at in self.placed:
            if other != side and at is not None and (worst >= at if side == BUY else worst <= at):
                return
        self.placed.append((side, price))
        number = len(self.placed)
        market = price is None
        self._send(
            Intent(
                action=Action.PLACE,
                instrument=ABC,
                client_order_id=f"c{number}",
                side=Side.BUY if side == BUY else Side.SELL,
                order_type=OrderType.MARKET if market else OrderType.LIMIT,
                time_in_force=TimeInForce.NONE if market else TimeInForce[tif],
                price_e=price,
                qty_e=qty,
            ),
            ("place", number, side, price, qty, "IOC" if market else tif),
        )

    def cancel(self, number: int) -> None:
        intent = Intent(action=Action.CANCEL, instrument=ABC, client_order_id=f"c{number}")
        self._send(intent, ("cancel", number))

    def _send(self, intent: Intent, command: tuple[Any, ...]) -> None:
        self.requests += 1
        self.exchange.send(self.requests, intent, self.now)
        self.slow.send(self.requests, self.now, *command)

    def depth(self, bids: list[tuple[int, int]], asks: list[tuple[int, int]]) -> None:
        before = self.filled()
        self.slow.arrive(self.now)
        self.exchange.before(self.now)
        commands = self.filled() - before
        crossed = self.slow.depth(self.now, (bids, asks))
        self.floor.delta(bids, asks, self.now)
        assert self.filled() - before - commands == crossed <= sum(q for _, q in (*bids, *asks))

    def trade(self, price: int, qty: int, buyer_is_maker: bool) -> None:
        self.exchange.before(self.now)
        before = self.filled()
        self.slow.trade(self.now, price, qty, buyer_is_maker)
        self.floor.trade(price, qty, buyer_is_maker, self.now)
        assert self.filled() - before <= qty, "no more is filled than was traded"

    def lost(self) -> None:
        """The book is lost and found again as it was told last."""
        self.slow.arrive(self.now)
        self.floor.down(self.now)
        self.slow.live = False
        self.now += 1
        self.trade(100, 3, True)
        self.slow.arrive(self.now)
        shown = [[(price, qty) for price, qty in side.items() if qty] for side in self.slow.shown]
        for _ in self.floor.load(*shown, self.now):
            pass
        self.slow.live = True

    def end(self) -> None:
        self.now += 3 * LATENCY
        self.slow.arrive(self.now + 1)
        self.exchange.until(self.now)

    def traded(self) -> Iterator[Traded]:
        for turn in self.turns:
            yield from (event for event in turn.events if isinstance(event, Traded))

    def filled(self) -> int:
        return sum(event.fill.lots for event in self.traded())

    def compare(self) -> None:
        found = [
            (int(event.order.client_id[1:]), event.fill.tick, event.fill.lots, event.fill.maker)
            for event in self.traded()
        ]
        assert found == [(one.number, one.price, one.qty, one.maker) for one in self.slow.fills]
        done = {
            turn.sent.request: not isinstance(turn.answer, Refused | NoMarket)
            for turn in self.turns
            if turn.sent is not None
        }
        assert done == self.slow.answers


@settings(max_examples=300, deadline=None)
@given(STEPS)
def test_the_fills_are_those_of_the_rules(steps: list[tuple[Any, ...]]) -> None:
    both = Both()
    for step in steps:
        both.step(*step)
    both.end()
    both.compare()
    laws(both)


def laws(both: Both) -> None:
    """Position, fees and money are the fills' sums, exactly."""
    engine = both.exchange.engine
    signed = cost_m = fees_m = 0
    for event in both.traded():
        sign = 1 if event.fill.side == BUY else -1
        # One decimal of price and two of quantity: a unit of both is 10^5 of 10^-8.
        quote_m = event.fill.tick * event.fill.lots * 10**5
        rate = MAKER if event.fill.maker else TAKER
        assert event.fill.quote_m == quote_m
        assert event.fill.fee_m == nearest(quote_m * rate, RATIO)
        assert event.order.filled <= event.order.lots
        if event.order.tick:
            assert sign * (event.order.tick - event.fill.tick) >= 0, "no worse than its limit"
        signed += sign * event.fill.lots
        cost_m += sign * quote_m
        fees_m += event.fill.fee_m
    (view,) = engine.positions(ME, SYMBOL)
    assert view.lots == signed
    (balance,) = engine.balances(ME)
    held_m = engine._accounts[ME].position(SYMBOL, PositionSide.BOTH).cost_m
    assert balance.wallet_m == MONEY - fees_m - cost_m + held_m
    for order in engine.open_orders(ME):
        assert order.leaves > 0


@settings(max_examples=100, deadline=None)
@given(STEPS)
def test_the_same_records_and_commands_give_the_same_turns(steps: list[tuple[Any, ...]]) -> None:
    runs = []
    for _ in range(2):
        both = Both()
        for step in steps:
            both.step(*step)
        both.end()
        runs.append([repr(turn) for turn in both.turns])
    assert runs[0] == runs[1]
