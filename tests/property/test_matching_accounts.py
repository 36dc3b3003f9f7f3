"""Whatever accounts ask and the market does: books, money and events of the engine agree."""

from random import Random
from typing import Any

import pytest
from msgspec.structs import replace

from connector.sim.matching.events import (
    Accepted,
    AccountChanged,
    Canceled,
    ConditionalChanged,
    Event,
    Expired,
    OrderAmended,
    Traded,
)
from connector.sim.matching.rules import Bracket
from connector.sim.matching.types import (
    RATIO,
    SECOND_NS,
    AlgoStatus,
    Amendment,
    IncomeType,
    MarginType,
    NewConditional,
    NewOrder,
    Order,
    OrderType,
    PositionSide,
    PriceMatch,
    Refused,
    Side,
    Status,
    Stp,
    Tif,
    WorkingType,
)
from tests.reference.matching_venue import RULES, SYMBOL, Venue

NAMES = ("ann", "ben", "cat")
RULE = replace(
    RULES, price_digits=1, tick_units=1, qty_digits=0, step_units=1, default_leverage=10,
    market_bound_r=RATIO // 10, max_orders=6, trigger_protect_r=RATIO // 20,
    liquidation_fee_r=RATIO // 100,
    brackets=(Bracket(20, 40 * RATIO, 1_000_000), Bracket(10, 200 * RATIO, 2_000_000, RATIO // 2)),
)  # fmt: skip
MONEY = 12 * RATIO
KINDS = [kind for kind in OrderType if OrderType.STOP <= kind < OrderType.LIQUIDATION]
TIFS = [Tif.GTC] * 8 + [Tif.IOC, Tif.FOK, Tif.GTX, Tif.GTD]
MATCHES = [PriceMatch.NONE] * 9 + [PriceMatch.QUEUE, PriceMatch.OPPONENT]


def a_step(rng: Random) -> tuple[Any, ...]:
    """Something that an account, the market or the venue does."""
    who, side, position = rng.choice(NAMES), rng.choice([*Side]), rng.choice([*PositionSide])
    tick, lots, stp = rng.randint(92, 109), rng.randint(1, 6), rng.choice([*Stp])
    reduce = rng.random() < 0.15
    steps: list[tuple[int, tuple[Any, ...]]] = [
        (30, ("place", who, side, tick, lots, rng.choice(TIFS), reduce, position, stp,
              rng.choice(MATCHES))),
        (12, ("market", who, side, lots, reduce, position, stp)),
        (8, ("amend", rng.randint(0, 30), tick, lots)),
        (6, ("cancel", rng.randint(0, 30))),
        (1, ("cancel_all", who)),
        (8, ("conditional", who, side, rng.choice(KINDS), tick, rng.randint(92, 109), lots, reduce,
             rng.random() < 0.2, position, rng.choice([*WorkingType]), rng.random() < 0.2)),
        (1, ("drop_conditionals", who)),
        (10, ("put", side, rng.randint(0, 8), rng.randint(0, 12))),
        (8, ("take", side, lots)),
        (8, ("mark", tick)),
        (1, ("mark", rng.randint(70, 140))),
        (1, ("fund", rng.randint(-RATIO // 50, RATIO // 50))),
        (2, ("leverage", who, rng.randint(1, 20))),
        (1, ("margin_type", who, rng.choice([*MarginType]))),
        (2, ("margin", who, position, rng.randint(-RATIO, RATIO))),
        (1, ("transfer", who, rng.randint(-RATIO, RATIO))),
        (1, ("hedge", who, rng.random() < 0.5)),
        (1, ("countdown", who, rng.randint(0, 5))),
        (2, ("wait", rng.choice([1, 5, 100, 900]))),
    ]  # fmt: skip
    return rng.choices([each for _, each in steps], [weight for weight, _ in steps])[0]


class Day:
    """One venue and what its events have told so far."""

    def __init__(self) -> None:
        self.venue = Venue(
            *NAMES, rules=RULE, money_m=MONEY,
            bids={100 - n: 4 for n in range(9)}, asks={101 + n: 4 for n in range(9)},
        )  # fmt: skip
        self.engine = self.venue.engine
        self.told: dict[int, Order] = {}
        self.filled: dict[int, int] = {}
        self.conditionals: dict[int, AlgoStatus] = {}
        self.wallets = dict.fromkeys(NAMES, MONEY)
        self.engine.mark(SYMBOL, 10 * RATIO, self.venue.tick())

    def do(self, name: str, *parts: Any) -> None:
        before = (len(self.venue.port.trades), self.state())
        try:
            getattr(self, name)(*parts)
        except Refused:
            # A refusal changes nothing and says nothing.
            assert self.engine.take_events() == []
            assert before == (len(self.venue.port.trades), self.state())
        for event in self.engine.take_events():
            self.hear(event)
        self.check()

    def state(self) -> Any:
        return [
            (self.engine.balances(name), self.engine.positions(name), [
                (order.order_id, order.tick, order.lots, order.filled, order.status)
                for order in self.engine.orders(name)
            ])
            for name in NAMES
        ]  # fmt: skip

    # What is done

    def place(
        self, who: str, side: Side, tick: int, lots: int, tif: Tif, reduce: bool,
        position: PositionSide, stp: Stp, match: PriceMatch,
    ) -> None:  # fmt: skip
        till = self.venue.now_ns + 700 * SECOND_NS if tif == Tif.GTD else 0
        self.engine.place(
            who,
            NewOrder(
                symbol=SYMBOL, side=side, type=OrderType.LIMIT, lots=lots, tif=tif, stp=stp,
                tick=0 if match else tick, price_match=match, good_till_ns=till,
                **self.mode(who, reduce, position),
            ),
            self.venue.tick(),
        )  # fmt: skip

    def mode(self, who: str, reduce: bool, position: PositionSide) -> dict[str, Any]:
        """Mostly what fits the account's mode."""
        if self.engine.hedge_mode(who):
            return {"position_side": position}
        return {"reduce_only": reduce}

    def market(
        self, who: str, side: Side, lots: int, reduce: bool, position: PositionSide, stp: Stp
    ) -> None:
        more = self.mode(who, reduce, position)
        new = NewOrder(symbol=SYMBOL, side=side, type=OrderType.MARKET, lots=lots, stp=stp, **more)
        self.engine.place(who, new, self.venue.tick())

    def opened(self, which: int) -> Order | None:
        every = [order for name in NAMES for order in self.engine.open_orders(name)]
        return every[which % len(every)] if every else None

    def amend(self, which: int, tick: int, lots: int) -> None:
        order = self.opened(which)
        if order is not None:
            change = Amendment(
                symbol=SYMBOL, side=order.side, lots=lots, tick=tick, order_id=order.order_id
            )
            self.engine.amend(order.account, change, self.venue.tick())

    def cancel(self, which: int) -> None:
        order = self.opened(which)
        if order is not None:
            self.engine.cancel(order.account, SYMBOL, self.venue.tick(), order_id=order.order_id)

    def cancel_all(self, who: str) -> None:
        self.engine.cancel_all(who, SYMBOL, self.venue.tick())

    def conditional(
        self, who: str, side: Side, kind: OrderType, trigger: int, tick: int, lots: int,
        reduce: bool, close: bool, position: PositionSide, working: WorkingType, gte: bool,
    ) -> None:  # fmt: skip
        limit = kind in (OrderType.STOP, OrderType.TAKE_PROFIT)
        trailing = kind == OrderType.TRAILING_STOP_MARKET
        close = close and not limit and not trailing
        mode = self.mode(who, reduce and not close, position)
        new = NewConditional(
            symbol=SYMBOL, side=side, type=kind, lots=0 if close else lots,
            tick=tick if limit else 0, trigger_tick=0 if trailing else trigger,
            callback_r=RATIO // 50 if trailing else 0, close_position=close, working_type=working,
            tif=Tif.GTE_GTC if gte else Tif.GTC, price_protect=gte, **mode,
        )  # fmt: skip
        self.engine.place_conditional(who, new, self.venue.tick())

    def drop_conditionals(self, who: str) -> None:
        self.engine.cancel_conditionals(who, SYMBOL, self.venue.tick())

    def put(self, side: Side, away: int, lots: int) -> None:
        """The market offers anew around the touch, never through anybody."""
        best = self.venue.book.best(1 - side)
        if best is not None:
            self.venue.put(side, abs(best) + (away + 1) * (1 if side == Side.SELL else -1), lots)

    def take(self, side: Side, lots: int) -> None:
        self.venue.trade(side, 1000 if side == Side.SELL else 1, lots)

    def mark(self, tick: int) -> None:
        self.engine.mark(SYMBOL, RULE.price_e8(tick), self.venue.tick())

    def fund(self, rate: int) -> None:
        self.engine.fund(SYMBOL, rate, self.venue.tick())

    def leverage(self, who: str, leverage: int) -> None:
        self.engine.set_leverage(who, SYMBOL, leverage, self.venue.tick())

    def margin_type(self, who: str, kind: MarginType) -> None:
        self.engine.set_margin_type(who, SYMBOL, kind, self.venue.tick())

    def margin(self, who: str, position: PositionSide, amount: int) -> None:
        self.engine.adjust_margin(who, SYMBOL, position, amount, self.venue.tick())

    def transfer(self, who: str, amount: int) -> None:
        self.engine.transfer(who, "USDT", amount, self.venue.tick())

    def hedge(self, who: str, hedge: bool) -> None:
        self.engine.set_hedge_mode(who, hedge, self.venue.tick())

    def countdown(self, who: str, seconds: int) -> None:
        self.engine.countdown(who, SYMBOL, seconds * SECOND_NS, self.venue.tick())

    def wait(self, seconds: int) -> None:
        self.venue.now_ns += seconds * SECOND_NS
        self.engine.advance(self.venue.now_ns)

    # What must hold

    def hear(self, event: Event) -> None:
        """An order's events in the order of its life."""
        if isinstance(event, ConditionalChanged):
            each = event.conditional
            before = self.conditionals.get(each.algo_id)
            after = {
                None: {AlgoStatus.NEW},
                AlgoStatus.NEW: {
                    AlgoStatus.NEW, AlgoStatus.TRIGGERING, AlgoStatus.CANCELED, AlgoStatus.EXPIRED,
                },
                AlgoStatus.TRIGGERING: {AlgoStatus.TRIGGERED, AlgoStatus.REJECTED},
                AlgoStatus.TRIGGERED: {AlgoStatus.FINISHED},
            }  # fmt: skip
            assert each.status in after[before]
            self.conditionals[each.algo_id] = each.status
        if isinstance(event, AccountChanged):
            self.wallets[event.account] = event.balances[0].wallet_m
        if not isinstance(event, Accepted | Traded | Canceled | Expired | OrderAmended):
            return
        order = event.order
        number = order.order_id
        last = self.told.get(number)
        self.told[number] = order
        if isinstance(event, Accepted):
            assert last is None
            assert (order.status, order.filled) == (Status.NEW, 0)
            return
        assert last is not None
        assert last.open
        if isinstance(event, Traded):
            assert order.filled == last.filled + event.fill.lots <= order.lots
            assert (order.status == Status.FILLED) == (order.filled == order.lots)
        else:
            assert order.filled == last.filled
            assert order.open == isinstance(event, OrderAmended)

    def check(self) -> None:
        engine, book = self.engine, self.venue.book
        best = [book.best(side) for side in Side]
        assert None in best or -best[0] < best[1]  # type: ignore[operator]
        resting: dict[tuple[int, int], int] = {}
        for name in NAMES:
            for order in engine.orders(name):
                told = self.told[order.order_id]
                assert (told.status, told.filled, told.lots, told.tick) == (
                    order.status, order.filled, order.lots, order.tick,
                )  # fmt: skip
            for order in engine.open_orders(name):
                place = (int(order.side), order.key)
                resting[place] = resting.get(place, 0) + order.leaves
                assert order.leaves > 0
                assert not order.closing or self.venue.matcher.room(order) > 0
                assert order.ahead <= book.market[order.side].lots.get(order.key, 0)
            self.check_money(name)
            for each in engine.conditionals(name):
                assert self.conditionals[each.algo_id] == each.status
        for side in Side:
            own = book.resting[side]
            assert own.lots == {key: n for (where, key), n in resting.items() if where == side}
            assert own.keys == sorted(own.lots)
            assert all(lots > 0 for lots in book.market[side].lots.values())
            assert book.market[side].keys == sorted(book.market[side].lots)

    def check_money(self, name: str) -> None:
        engine = self.engine
        for row in engine.positions(name):
            mine = [
                order
                for order in engine.open_orders(name)
                if order.position_side == row.position_side and not order.closing
            ]
            worth = [0, 0]
            for order in mine:
                worth[order.side] += RULE.quote_m(order.tick, order.leaves)
            assert [row.bid_notional_m, row.ask_notional_m] == worth
        (balance,) = engine.balances(name)
        rows, fills = engine.income(name), engine.fills(name, SYMBOL)
        assert balance.wallet_m == sum(row.amount_m for row in rows) == self.wallets[name]
        fees = sum(row.amount_m for row in rows if row.type == IncomeType.COMMISSION)
        assert -fees == sum(fill.fee_m for fill in fills)
        profits = sum(row.amount_m for row in rows if row.type == IncomeType.REALIZED_PNL)
        positions = [*engine._accounts[name].positions.values()]
        assert profits == sum(position.realized_m for position in positions)
        for position in positions:
            mine = [fill for fill in fills if fill.position_side == position.side]
            signs = [(1 if fill.side == Side.BUY else -1, fill) for fill in mine]
            assert position.lots == sum(sign * fill.lots for sign, fill in signs)
            paid = sum(sign * fill.quote_m for sign, fill in signs)
            assert position.cost_m - position.realized_m == paid
            assert position.side != PositionSide.LONG or position.lots >= 0
            assert position.side != PositionSide.SHORT or position.lots <= 0
            if not position.lots:
                assert position.cost_m == position.fees_m == position.isolated_m == 0
        held = sum(position.isolated_m for position in positions)
        assert balance.cross_wallet_m == balance.wallet_m - held


@pytest.mark.parametrize("seed", range(120))
def test_nothing_that_happens_breaks_the_books(seed: int) -> None:
    rng, day = Random(seed), Day()
    for _ in range(150):
        name, *parts = a_step(rng)
        day.do(name, *parts)
