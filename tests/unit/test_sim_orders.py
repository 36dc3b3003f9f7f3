"""Accounts in the simulated market: one book for flow and orders, and the streams show it."""

import random
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from connector.sim.faults import Faults
from connector.sim.hub import Hub
from connector.sim.listings import contracts
from connector.sim.matching.book import ASK, BID
from connector.sim.matching.engine import Engine
from connector.sim.matching.rules import Rules
from connector.sim.matching.types import (
    RATIO,
    Amendment,
    Cause,
    IncomeType,
    NewConditional,
    NewOrder,
    OrderType,
    Reason,
    Refused,
    Side,
    Status,
    Stp,
    Tif,
)
from connector.sim.synthetic import SyntheticMarket
from connector.venues.sim_contract import load
from tests.reference.listener import Listener
from tests.reference.venue_book import VenueBook

SIM = load("binance_usdm")
SYMBOL = "BTCUSDT"
STREAMS = ("btcusdt@depth@0ms", "btcusdt@depth@100ms", "btcusdt@bookTicker", "btcusdt@trade")


class Stage:
    """A synthetic market with accounts, on a clock of its own."""

    def __init__(self, seed: int = 1, rules: Callable[[bytes], list[Rules]] = SIM.rules) -> None:
        self.wall_ms = 1_700_000_000_000
        self.market = SyntheticMarket(
            SIM, contracts(SIM.listings, [SYMBOL, "ETHUSDT"]), rate=200, levels=1000, seed=seed,
            bursts=False, wall_ms=lambda: self.wall_ms,
        )  # fmt: skip
        self.peer = Listener()
        self.hub = self.market.hub = Hub(Faults(), SIM.wrapped, lambda *later: None)
        self.engine = Engine()
        self.market.attach(self.engine, rules)
        for name in ("ann", "ben"):
            self.engine.open_account(name)
            self.engine.transfer(name, "USDT", 10**8 * RATIO, self.now_ns)
        for name in STREAMS:
            stream = SIM.stream(name, self.market.symbols)
            assert stream is not None
            self.hub.add(name, self.peer)
            self.market.subscribed(stream)
        self.book = self.engine.book(SYMBOL)

    @property
    def now_ns(self) -> int:
        return self.wall_ms * 1_000_000

    def run(self, steps: int) -> None:
        for _ in range(steps):
            self.wall_ms += 2
            due_ns = self.market.next_ns()
            assert due_ns is not None
            self.market.run_until(due_ns, 1)

    def run_until(self, condition: Callable[[], bool], most: int = 20_000) -> None:
        for _ in range(most):
            if condition():
                return
            self.run(1)
        raise AssertionError("it did not come to that")

    def touch(self) -> tuple[int, int]:
        """Best published bid and ask, in ticks."""
        bid, ask = self.book.best(BID), self.book.best(ASK)
        assert bid is not None
        assert ask is not None
        return -bid, ask

    def place(self, account: str, side: Side, lots: int, tick: int = 0, **more: Any) -> Any:
        kind = OrderType.LIMIT if tick else OrderType.MARKET
        new = NewOrder(symbol=SYMBOL, side=side, type=kind, lots=lots, tick=tick, **more)
        return self.engine.place(account, new, self.now_ns)

    def depth(self) -> dict[str, Any]:
        found: dict[str, Any] = orjson.loads(self.market.depth(SYMBOL, 1000, self.wall_ms))
        return found


def act(stage: Stage, rng: random.Random) -> None:
    """Something an account does."""
    account = rng.choice(("ann", "ben"))
    bid, ask = stage.touch()
    side = rng.choice([*Side])
    opened = stage.engine.open_orders(account, SYMBOL)
    choice = rng.random()
    if choice < 0.25 and opened:
        order = rng.choice(opened)
        stage.engine.cancel(account, SYMBOL, stage.now_ns, order_id=order.order_id)
    elif choice < 0.4 and opened:
        order = rng.choice(opened)
        change = Amendment(
            symbol=SYMBOL, side=order.side, lots=rng.randint(1, 900), order_id=order.order_id,
            tick=order.tick + rng.randint(-3, 3),
        )  # fmt: skip
        try:
            stage.engine.amend(account, change, stage.now_ns)
        except Refused as refused:
            if refused.reason != Reason.SAME_ORDER:
                raise
    elif choice < 0.5:
        stage.place(account, side, rng.choice([5, 200, 3000]))
    else:
        tick = rng.choice([bid, ask, bid + 1, ask - 1, bid - 4, ask + 4, (bid + ask) // 2])
        stage.place(account, side, rng.randint(1, 900), tick, stp=rng.choice([*Stp]))


class Told:
    """What the streams say."""

    def __init__(self, stage: Stage) -> None:
        self.peer = stage.peer
        self.books = {name: VenueBook() for name in STREAMS[:2]}
        for book in self.books.values():
            book.snapshot(stage.depth())
        self.touch: dict[str, Any] = {"u": 0}
        self.trades: list[dict[str, Any]] = []

    def read(self) -> set[str]:
        """Take in what came; the streams it came from."""
        names = set()
        for message in self.peer.messages():
            name, data = message["stream"], message["data"]
            names.add(name)
            if name in self.books:
                self.books[name].event(data)
            elif name.endswith("@trade"):
                self.trades.append(data)
            else:
                assert data["u"] >= self.touch["u"]
                self.touch = data
        return names


@pytest.mark.parametrize("seed", range(6))
def test_the_streams_show_what_accounts_do(seed: int) -> None:
    stage = Stage(seed)
    rng = random.Random(seed)
    told = Told(stage)
    for round_number in range(400):
        stage.run(rng.randint(0, 6))
        act(stage, rng)
        bid, ask = stage.touch()
        assert bid < ask
        told.read()
        if round_number % 50 == 49:
            for name, book in told.books.items():
                stage.run_until(lambda name=name: name in told.read())  # type: ignore[misc]
                assert book.gaps == 0
                assert book.differences(stage.depth()) == []
    assert told.books[STREAMS[0]].applied > 150
    # The last best prices that were told are the book's, once nothing is held back.
    stage.run_until(lambda: not stage.market._running[SYMBOL].late_bbo)
    told.read()
    answer = stage.depth()
    assert [told.touch["b"], told.touch["B"]] == answer["bids"][0]
    assert [told.touch["a"], told.touch["A"]] == answer["asks"][0]
    # Trades: each once, in order, and every account's fill is one of them.
    ids = [trade["t"] for trade in told.trades]
    assert ids == list(range(ids[0], ids[0] + len(ids)))
    public = {trade["t"]: trade for trade in told.trades}
    texts = SIM.texts(SYMBOL, 2, 10, 3, 1)
    fills = [*stage.engine.fills("ann", SYMBOL), *stage.engine.fills("ben", SYMBOL)]
    assert len(fills) > 100
    assert any(fill.maker for fill in fills)
    for fill in fills:
        trade = public[fill.trade_id]
        assert (trade["p"], trade["q"]) == (texts.price(fill.tick), texts.qty(fill.lots))
        assert trade["m"] == ((fill.side == Side.BUY) == fill.maker)


@pytest.mark.parametrize("seed", range(6))
def test_a_market_that_halts_has_told_all_that_happened(seed: int) -> None:
    stage = Stage(seed)
    told = Told(stage)
    stage.run(300 + seed)
    stage.market.relist({"symbol": SYMBOL, "status": "BREAK"})
    halted = stage.depth()["bids"]
    stage.run(2000)
    told.read()
    assert stage.depth()["bids"] == halted
    for book in told.books.values():
        assert (book.gaps, book.differences(stage.depth())) == (0, [])


def test_what_a_taker_takes_is_gone() -> None:
    stage = Stage(3)
    stage.run(50)
    before = [*stage.book.levels(ASK)][:5]
    wanted = before[0][1] + before[1][1] + 1
    stage.place("ann", Side.BUY, wanted, before[4][0], tif=Tif.IOC)
    after = [*stage.book.levels(ASK)][:3]
    assert after[0] == (before[2][0], before[2][1] - 1)
    fills = [(fill.tick, fill.lots) for fill in stage.engine.fills("ann", SYMBOL)]
    assert fills == [before[0], before[1], (before[2][0], 1)]


def test_an_order_inside_the_spread_is_the_best_price_and_is_hit_first() -> None:
    stage = Stage(5)
    stage.run_until(lambda: stage.touch()[1] - stage.touch()[0] > 1)
    bid, _ = stage.touch()
    order = stage.place("ann", Side.BUY, 7, bid + 1, tif=Tif.GTX)
    assert stage.touch()[0] == bid + 1
    stage.peer.messages()
    stage.run_until(lambda: not order.open)
    assert order.status == Status.FILLED
    assert all(fill.maker for fill in stage.engine.fills("ann", SYMBOL))


def test_the_flow_fills_a_resting_order_only_behind_what_was_there() -> None:
    stage = Stage(8)
    stage.run(200)
    bid, _ = stage.touch()
    queue = stage.book.lots(BID, -bid)
    order = stage.place("ann", Side.BUY, 5, bid)
    assert order.ahead == queue
    aheads = [order.ahead]
    while order.open:
        stage.run(1)
        if order.filled:
            assert aheads[-1] == 0 or order.ahead == 0
        aheads.append(order.ahead)
    assert aheads == sorted(aheads, reverse=True)
    assert order.status == Status.FILLED


def test_accounts_cannot_empty_the_market() -> None:
    def boundless(info: bytes) -> list[Rules]:
        return [
            Rules(
                symbol=row.symbol, asset=row.asset, price_digits=row.price_digits,
                tick_units=row.tick_units, qty_digits=row.qty_digits, step_units=row.step_units,
            )
            for row in SIM.rules(info)
        ]  # fmt: skip

    stage = Stage(2, boundless)
    stage.run(20)
    for side in Side:
        there = sum(lots for _, lots in stage.book.levels(1 - side))
        stage.engine.transfer("ann", "USDT", 10**15 * RATIO, stage.now_ns)
        order = stage.place("ann", side, there + 1)
        assert order.cause == Cause.MARKET
        assert order.status == Status.EXPIRED
        stage.run(300)
        bid, ask = stage.touch()
        assert 0 < bid < ask
        assert min(len(ladder.keys) for ladder in stage.book.market) >= 300


def test_a_stop_triggers_on_the_flows_trades() -> None:
    stage = Stage(4)
    stage.run(50)
    bid, ask = stage.touch()
    orders = [
        stage.engine.place_conditional(
            "ann",
            NewConditional(
                symbol=SYMBOL, side=side, type=OrderType.STOP_MARKET, lots=3, trigger_tick=tick
            ),
            stage.now_ns,
        )
        for side, tick in ((Side.BUY, ask + 4), (Side.SELL, bid - 4))
    ]
    stage.run_until(lambda: any(not each.open for each in orders))
    fired = next(each for each in orders if not each.open)
    assert fired.filled == 3
    (fill, *_) = stage.engine.fills("ann", SYMBOL)
    assert fill.order_id == fired.order_id


def test_a_symbol_taken_off_the_list_ends_its_orders() -> None:
    stage = Stage(6)
    bid, _ = stage.touch()
    order = stage.place("ann", Side.BUY, 7, bid - 3)
    assert stage.market.relist({"symbol": SYMBOL, "listed": False}) is None
    assert (order.status, order.cause) == (Status.EXPIRED, Cause.LISTING)
    with pytest.raises(Refused) as refused:
        stage.place("ann", Side.BUY, 7, bid - 3)
    assert refused.value.reason == Reason.UNKNOWN_SYMBOL
    assert SYMBOL not in stage.engine.symbols()
    stage.market.relist({"symbol": SYMBOL, "listed": True, "tick": "0.20"})
    stage.book = stage.engine.book(SYMBOL)
    bid, _ = stage.touch()
    again = stage.place("ann", Side.BUY, 7, bid - 3)
    assert again.open
    assert stage.book.resting[BID].lots[3 - bid] == 7


def test_funding_is_paid_when_its_time_comes() -> None:
    stage = Stage(7)
    stage.place("ann", Side.BUY, 100)
    mark = stage.market._running[SYMBOL].state.mark
    assert mark is not None
    stage.wall_ms = mark.next_funding_ms - 100
    stage.run(30)
    assert all(row.type != IncomeType.FUNDING_FEE for row in stage.engine.income("ann"))
    stage.run(800)
    rows = [row for row in stage.engine.income("ann") if row.type == IncomeType.FUNDING_FEE]
    assert len(rows) == 1


@pytest.mark.parametrize(("tick", "factor"), [("0.01", 10), ("0.20", 0.5)])
def test_orders_move_to_another_price_grid(tick: str, factor: float) -> None:
    stage = Stage(6)
    bid, ask = stage.touch()
    even, odd = bid - bid % 2 - 10, bid - bid % 2 - 11
    orders = [stage.place("ann", Side.BUY, 7, at) for at in (even, odd)]
    stage.place("ann", Side.BUY, 1, ask + 50, tif=Tif.IOC)
    stage.market.relist({"symbol": SYMBOL, "tick": tick})
    assert orders[0].tick == even * factor
    assert orders[0].open
    assert orders[1].open == (factor > 1)
    assert stage.book.resting[BID].lots[-orders[0].tick] == 7
    stage.engine.cancel("ann", SYMBOL, stage.now_ns, order_id=orders[0].order_id)
    stage.run(300)
    for fill in stage.engine.fills("ann", SYMBOL):
        assert fill.quote_m == stage.engine.rules(SYMBOL).quote_m(fill.tick, fill.lots)
