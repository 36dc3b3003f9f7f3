"""The matching engine against a reference that keeps one entry a lot, and its conservation laws."""

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.sim.matching.events import Traded
from connector.sim.matching.types import (
    Amendment,
    IncomeType,
    OrderType,
    Reason,
    Refused,
    Side,
    Status,
    Stp,
    Tif,
)
from tests.reference.matching_venue import RULES, SYMBOL, Venue
from tests.reference.slow_matching import MARKET, SlowBook

ACCOUNTS = ("ann", "ben")
TICKS = st.integers(98, 103)
LOTS = st.integers(1, 6)
SIDES = st.sampled_from(Side)

PLACE = st.tuples(
    st.just("place"), st.sampled_from(ACCOUNTS), SIDES, TICKS, LOTS,
    st.sampled_from([Tif.GTC, Tif.GTC, Tif.GTC, Tif.IOC, Tif.FOK, Tif.GTX]),
    st.sampled_from(Stp),
)  # fmt: skip
MARKET_ORDER = st.tuples(
    st.just("market"), st.sampled_from(ACCOUNTS), SIDES, LOTS, st.sampled_from(Stp)
)
CANCEL = st.tuples(st.just("cancel"), st.integers(0, 50))
AMEND = st.tuples(st.just("amend"), st.integers(0, 50), TICKS, LOTS)
OFFER = st.tuples(st.just("offer"), SIDES, TICKS, LOTS)
SET = st.tuples(st.just("set"), SIDES, st.integers(0, 1), st.integers(0, 6))
TAKE = st.tuples(st.just("take"), SIDES, TICKS, LOTS)
STEPS = st.lists(
    st.one_of(PLACE, PLACE, MARKET_ORDER, CANCEL, AMEND, OFFER, SET, TAKE), max_size=60
)


@contextmanager
def refused_as(*reasons: Reason) -> Iterator[None]:
    """Nothing but these refusals, if any."""
    try:
        yield
    except Refused as refused:
        if refused.reason not in reasons:
            raise


class Pair:
    """Engine and reference, given the same."""

    def __init__(self) -> None:
        self.venue = Venue(*ACCOUNTS)
        self.slow = SlowBook()
        self.placed: list[Any] = []
        for tick, lots in ((98, 5), (99, 3), (102, 4), (103, 6)):
            side = Side.BUY if tick < 100 else Side.SELL
            self.slow.market_put(side, tick, lots)
            self.venue.put(side, tick, lots)

    def step(self, step: tuple[Any, ...]) -> None:
        getattr(self, step[0])(*step[1:])

    def place(
        self, account: str, side: Side, tick: int, lots: int, tif: Tif, stp: Stp,
        kind: OrderType = OrderType.LIMIT,
    ) -> None:  # fmt: skip
        number = len(self.placed) + 1
        slow = self.slow.place(number, account, side, kind, tif, tick, lots, stp)
        order = None
        with refused_as(Reason.POST_ONLY_WOULD_TAKE, Reason.FOK_UNFILLABLE):
            order = self.venue.place(account, side, lots, tick, tif, stp=stp)
        assert slow == (order is not None)
        if order is None:
            return
        assert order.order_id == number
        self.placed.append(order)

    def market(self, account: str, side: Side, lots: int, stp: Stp) -> None:
        self.place(account, side, 0, lots, Tif.GTC, stp, OrderType.MARKET)

    def cancel(self, which: int) -> None:
        opened = [order for order in self.placed if order.open]
        if opened:
            order = opened[which % len(opened)]
            self.slow.drop(order.order_id, "CANCELED")
            self.venue.engine.cancel(
                order.account, SYMBOL, self.venue.tick(), order_id=order.order_id
            )

    def amend(self, which: int, tick: int, lots: int) -> None:
        opened = [order for order in self.placed if order.open]
        if not opened:
            return
        order = opened[which % len(opened)]
        change = Amendment(
            symbol=SYMBOL, side=order.side, lots=lots, tick=tick, order_id=order.order_id
        )
        same = (tick, lots) == (order.tick, order.lots) and lots > order.filled
        left = lots - order.filled
        done = False
        with refused_as(Reason.SAME_ORDER):
            self.venue.engine.amend(order.account, change, self.venue.tick())
            done = True
        assert done != same
        if done:
            self.slow.amend(order.order_id, order.side, tick, left, order.tif, order.stp)

    def offer(self, side: Side, tick: int, lots: int) -> None:
        """A new limit order of the market, which never crosses the market's own."""
        key = tick if side == Side.SELL else -tick
        other = self.venue.book.market[1 - side]
        if other.keys and other.keys[0] <= -key:
            return
        left = self.slow.take(1 - side, lots, tick, MARKET, Stp.NONE)
        assert self.venue.matcher.market_offers(side, key, lots, self.venue.tick()) == left
        total = self.slow.market_lots(side, tick) + left
        self.slow.market_put(side, tick, total)
        self.venue.put(side, tick, total)

    def set(self, side: Side, rank: int, lots: int) -> None:
        """The market changes what it has at a price."""
        keys = self.venue.book.market[side].keys
        if rank < len(keys):
            tick = abs(keys[rank])
            self.slow.market_put(side, tick, lots)
            self.venue.put(side, tick, lots)

    def take(self, side: Side, tick: int, lots: int) -> None:
        self.slow.take(side, lots, tick, MARKET, Stp.NONE)
        self.venue.trade(side, tick, lots)

    def compare(self) -> None:
        for side in Side:
            assert self.venue.levels(side) == self.slow.levels(side)
        for order in self.placed:
            number = order.order_id
            assert order.open == (self.slow.leaves(number) > 0)
            assert order.filled == sum(number in fill[1:] for fill in self.slow.fills)
            if order.open:
                assert order.leaves == self.slow.leaves(number)
            elif number in self.slow.ended:
                assert order.status.name == self.slow.ended[number]
            else:
                assert order.status == Status.FILLED

    def compare_fills(self) -> None:
        """Lot for lot the same trades, and each account told of its own in that order."""
        lots = [tick for _, tick, lots, _ in self.venue.port.trades for _ in range(lots)]
        assert lots == [tick for tick, _, _ in self.slow.fills]
        told = [
            (event.fill.order_id, event.fill.tick, event.fill.lots, event.fill.maker)
            for event in self.venue.engine.take_events()
            if isinstance(event, Traded)
        ]
        for maker in (True, False):
            place = 1 if maker else 2
            mine = [(fill[place], fill[0]) for fill in self.slow.fills if fill[place]]
            assert [(number, tick) for number, tick, lots, how in told if how == maker
                    for _ in range(lots)] == mine  # fmt: skip


@settings(max_examples=800, deadline=None)
@given(STEPS)
def test_who_trades_with_whom_is_the_slow_references(steps: list[tuple[Any, ...]]) -> None:
    pair = Pair()
    for step in steps:
        pair.step(step)
        pair.compare()
    pair.compare_fills()


def a_step(rng: Random) -> tuple[Any, ...]:
    """The same steps, drawn so that long schedules stay busy."""
    side, tick, lots = rng.choice([*Side]), rng.randint(97, 104), rng.randint(1, 6)
    who, stp = rng.choice(ACCOUNTS), rng.choice([*Stp])
    tif = rng.choice([Tif.GTC] * 6 + [Tif.IOC, Tif.FOK, Tif.GTX])
    return rng.choice(
        [("place", who, side, tick, lots, tif, stp)] * 4
        + [("set", side, rng.randint(0, 2), rng.randint(0, 6))] * 3
        + [("take", side, tick, rng.randint(1, 9)), ("offer", side, tick, lots)] * 2
        + [("market", who, side, lots, stp), ("cancel", rng.randint(0, 99))]
        + [("amend", rng.randint(0, 99), tick, lots)]
    )


@pytest.mark.parametrize("seed", range(25))
def test_long_days_are_the_slow_references(seed: int) -> None:
    rng, pair = Random(seed), Pair()
    for _ in range(200):
        pair.step(a_step(rng))
        pair.compare()
    pair.compare_fills()


@settings(max_examples=200, deadline=None)
@given(STEPS)
def test_nothing_is_made_or_lost(steps: list[tuple[Any, ...]]) -> None:
    """Positions are the fills, cash is profits less fees, profits and costs are the quotes."""
    pair = Pair()
    for step in steps:
        pair.step(step)
    venue, engine = pair.venue, pair.venue.engine
    public = {number: (tick, lots) for number, tick, lots, _ in venue.port.trades}
    by_trade: dict[int, list[Any]] = {}
    for name in ACCOUNTS:
        fills = engine.fills(name, SYMBOL)
        for fill in fills:
            by_trade.setdefault(fill.trade_id, []).append(fill)
            assert public[fill.trade_id] == (fill.tick, fill.lots)
            assert fill.quote_m == RULES.quote_m(fill.tick, fill.lots)
            rate = RULES.maker_fee_r if fill.maker else RULES.taker_fee_r
            assert abs(fill.fee_m * 10**8 - fill.quote_m * rate) * 2 <= 10**8
        signed = [(1 if fill.side == Side.BUY else -1, fill) for fill in fills]
        (position,) = engine._accounts[name].positions.values() or [None]
        if position is None:
            assert not fills
            continue
        assert position.lots == sum(sign * fill.lots for sign, fill in signed)
        paid = sum(sign * fill.quote_m for sign, fill in signed)
        assert position.cost_m - position.realized_m == paid
        assert position.realized_m == sum(fill.realized_m for fill in fills)
        if not position.lots:
            assert position.cost_m == position.fees_m == 0
        (balance,) = engine.balances(name)
        fees = sum(fill.fee_m for fill in fills)
        start_m = 10**17
        assert balance.wallet_m == start_m + position.realized_m - fees
        assert balance.wallet_m == sum(row.amount_m for row in engine.income(name))
        commissions = [row for row in engine.income(name) if row.type == IncomeType.COMMISSION]
        assert -sum(row.amount_m for row in commissions) == fees
    for number, fills in by_trade.items():
        assert len(fills) <= 2
        if len(fills) == 2:
            assert {fill.maker for fill in fills} == {True, False}
            assert fills[0].side != fills[1].side
        assert number in public
