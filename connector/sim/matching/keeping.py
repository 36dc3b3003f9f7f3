"""An account that outlives the process: what changed is taken out of the engine as it happens, and
all of it is put into another one.

How many lots were ahead of an order is not kept: after a restart it stands behind everything that
is displayed at its price, for nobody saw what traded meanwhile.
"""

import heapq
from collections.abc import Iterable, Sequence

from msgspec import Struct, structs

from connector.sim.matching.account import Position
from connector.sim.matching.engine import Engine
from connector.sim.matching.events import (
    AccountChanged,
    ConditionalChanged,
    ConfigChanged,
    Event,
    MarginCalled,
    Traded,
)
from connector.sim.matching.rules import Rules
from connector.sim.matching.types import (
    AlgoStatus,
    Cause,
    Conditional,
    Fill,
    NewConditional,
    Order,
    OrderType,
    PositionSide,
    Status,
    Tif,
)

BEHIND_ALL = 1 << 62
"""More lots than any level has; what is displayed corrects it."""
ENDED_KEPT = 64
"""Orders at their end, conditional ones, and fills: of each kind the newest so many are kept. They
are for who was not told before a kill."""


class Kept(Struct, kw_only=True, omit_defaults=True):
    """An account, or what changed of it."""

    now_ns: int = 0
    hedge: bool = False
    wallets: dict[str, int] = {}
    """Money (1e-8) of each asset."""
    rules: dict[str, Rules] = {}
    """In whose ticks and lots the rest is counted, by symbol."""
    prices: dict[str, tuple[int, int]] = {}
    """Mark price (1e-8) and last tick of each symbol."""
    leverages: dict[str, int] = {}
    positions: list[Position] = []
    orders: list[Order] = []
    conditionals: list[Conditional] = []
    fills: list[Fill] = []

    @property
    def last_id(self) -> int:
        """The highest number of an order, normal or conditional."""
        normal = max((order.order_id for order in self.orders), default=0)
        return max(normal, max((each.algo_id for each in self.conditionals), default=0))

    def last_trade(self, symbol: str) -> int:
        """The highest number of a trade; 0: none."""
        return max((fill.trade_id for fill in self.fills if fill.symbol == symbol), default=0)

    def symbols(self) -> set[str]:
        """Where there is a position or an open order."""
        found = {order.symbol for order in self.orders if order.open}
        found |= {each.request.symbol for each in self.conditionals if each.open}
        return found | {position.symbol for position in self.positions if position.lots}


def merged(parts: Iterable[Kept]) -> Kept:
    """One account of what it was and what changed of it, in that order."""
    whole = Kept()
    positions: dict[tuple[str, PositionSide], Position] = {}
    orders: dict[int, Order] = {}
    conditionals: dict[int, Conditional] = {}
    fills: dict[tuple[str, int, int], Fill] = {}
    for part in parts:
        whole.now_ns, whole.hedge = max(whole.now_ns, part.now_ns), part.hedge
        whole.wallets |= part.wallets
        whole.rules |= part.rules
        whole.prices |= part.prices
        whole.leverages |= part.leverages
        positions |= {(one.symbol, one.side): one for one in part.positions}
        orders |= {one.order_id: one for one in part.orders}
        conditionals |= {one.algo_id: one for one in part.conditionals}
        fills |= {(one.symbol, one.trade_id, one.order_id): one for one in part.fills}
    whole.positions = [*positions.values()]
    ended = sorted((one for one in orders.values() if not one.open), key=_updated)
    whole.orders = [*ended[-ENDED_KEPT:], *(one for one in orders.values() if one.open)]
    born = {one.conditional_id for one in whole.orders if one.open}
    over = [one for one in conditionals.values() if not one.open and one.algo_id not in born]
    over.sort(key=_updated)
    gone = {one.algo_id for one in over[:-ENDED_KEPT]}
    whole.conditionals = [one for one in conditionals.values() if one.algo_id not in gone]
    whole.fills = [*fills.values()][-ENDED_KEPT:]
    return whole


def _updated(one: Order | Conditional) -> int:
    return one.updated_ns


class KeptEngine(Engine):
    """An engine whose accounts are kept."""

    def changes(self, account: str, events: Sequence[Event]) -> Kept:
        """What these events, the last that were taken, changed of an account."""
        owner = self._accounts[account]
        orders: dict[int, Order] = {}
        conditionals: dict[int, Conditional] = {}
        fills: list[Fill] = []
        symbols: set[str] = set()
        for event in events:
            match event:
                case ConditionalChanged():
                    conditionals[event.conditional.algo_id] = event.conditional
                    symbols.add(event.conditional.request.symbol)
                case AccountChanged() | ConfigChanged():
                    symbols.add(event.symbol)
                case MarginCalled():
                    pass
                case _:
                    orders[event.order.order_id] = event.order
                    symbols.add(event.order.symbol)
                    if isinstance(event, Traded):
                        fills.append(event.fill)
        symbols.discard("")
        return Kept(
            now_ns=self._now_ns,
            hedge=owner.hedge,
            wallets={asset: wallet.total_m for asset, wallet in owner.wallets.items()},
            rules={symbol: self.market[symbol].rules for symbol in symbols},
            prices={symbol: self._prices(symbol) for symbol in symbols},
            leverages={
                symbol: owner.leverages[symbol] for symbol in symbols if symbol in owner.leverages
            },
            positions=[each for key, each in owner.positions.items() if key[0] in symbols],
            orders=[*orders.values()],
            conditionals=[*conditionals.values()],
            fills=fills,
        )

    def whole(self, account: str) -> Kept:
        """All of an account that is kept."""
        owner = self._accounts[account]
        fills = [fill for rows in owner.fills.values() for fill in rows[-ENDED_KEPT:]]
        fills.sort(key=lambda fill: fill.time_ns)
        return merged(
            [
                Kept(
                    now_ns=self._now_ns,
                    hedge=owner.hedge,
                    wallets={asset: wallet.total_m for asset, wallet in owner.wallets.items()},
                    rules={symbol: matcher.rules for symbol, matcher in self.market.items()},
                    prices={symbol: self._prices(symbol) for symbol in self.market},
                    leverages=owner.leverages,
                    positions=[*owner.positions.values()],
                    orders=[*owner.orders.values()],
                    conditionals=[*owner.conditionals.values()],
                    fills=fills,
                )
            ]
        )

    def _prices(self, symbol: str) -> tuple[int, int]:
        matcher = self.market[symbol]
        return matcher.mark_e8, matcher.last_tick

    def trailing(self, account: str) -> list[Conditional]:
        """Trailing stops that wait: the extreme they follow moves without an event."""
        return [
            structs.replace(each)
            for each in self._accounts[account].waiting.values()
            if each.request.type == OrderType.TRAILING_STOP_MARKET
        ]

    def restore(self, account: str, kept: Kept) -> None:
        """Put back an account, which was just opened; its symbols are listed, their books empty,
        and their rules count as ``kept.rules`` do (see `rescaled`). Nothing is told of it."""
        self._at(kept.now_ns)
        owner = self._accounts[account]
        owner.hedge = kept.hedge
        owner.leverages |= kept.leverages
        for symbol, (mark_e8, last_tick) in kept.prices.items():
            self.market[symbol].mark_e8, self.market[symbol].last_tick = mark_e8, last_tick
        for asset, total_m in kept.wallets.items():
            owner.wallet(asset).total_m = total_m
        for position in kept.positions:
            owner.positions[position.symbol, position.side] = position
        for each in sorted(kept.conditionals, key=lambda one: one.algo_id):
            self._restore_conditional(account, each)
        for order in sorted(kept.orders, key=lambda one: one.order_id):
            owner.orders[order.order_id] = order
            owner.by_client[order.symbol, order.client_id] = order.order_id
        for order in sorted(kept.orders, key=lambda one: one.seq):
            if order.open:
                self._restore_open(account, order)
        for order in sorted(kept.orders, key=_updated):
            if not order.open:
                row = (order.updated_ns, account, order.order_id)
                self._ended[1 if order.filled else 0].append(row)
        for fill in kept.fills:
            owner.fills.setdefault(fill.symbol, []).append(fill)

    def end_orders(self, symbol: str, now_ns: int) -> None:
        """The venue closes the symbol: its orders expire."""
        self._at(now_ns)
        for owner in self._accounts.values():
            for order in owner.open_orders(symbol):
                self._withdraw(order, Status.EXPIRED, Cause.LISTING)
            for each in self.open_conditionals(owner.name, symbol):
                self._unwatch(each)
                self._conditional(owner, each, AlgoStatus.EXPIRED, Cause.LISTING)
        self.settle(now_ns)

    def _restore_open(self, account: str, order: Order) -> None:
        matcher = self.market[order.symbol]
        order.bound_m = 0
        self._seq = max(self._seq, order.seq)
        self._accounts[account].add_open(order, matcher.rules)
        matcher.rest(order)
        order.ahead = BEHIND_ALL
        if order.tif == Tif.GTD:
            heapq.heappush(self._due, (order.good_till_ns, "order", account, order.order_id))

    def _restore_conditional(self, account: str, each: Conditional) -> None:
        owner, request = self._accounts[account], each.request
        owner.conditionals[each.algo_id] = each
        owner.conditional_by_client[each.client_id] = each.algo_id
        if each.open:
            owner.waiting[each.algo_id] = each
            self._watched.setdefault(request.symbol, {})[each.algo_id] = each
            self.market[request.symbol].watched += 1
            if request.tif == Tif.GTD:
                row = (request.good_till_ns, "conditional", account, each.algo_id)
                heapq.heappush(self._due, row)
        elif each.status >= AlgoStatus.FINISHED:
            self._ended_conditionals.append((each.updated_ns, account, each.algo_id))


def rescaled(kept: Kept, symbol: str, rules: Rules) -> None:
    """Count what is kept of a symbol as ``rules`` do. Raises ValueError, with nothing changed, when
    it cannot be said in them."""
    old = kept.rules.get(symbol)
    kept.rules[symbol] = rules
    if old is None:
        return
    tick, lot = _factor(old, rules, price=True), _factor(old, rules, price=False)
    if tick == (1, 1) and lot == (1, 1):
        return

    def ticks(value: int) -> int:
        return _times(value, tick, symbol)

    def lots(value: int) -> int:
        return _times(value, lot, symbol)

    def order_in(one: Order) -> Order:
        return structs.replace(
            one,
            lots=lots(one.lots),
            filled=lots(one.filled),
            tick=ticks(one.tick),
            key=ticks(one.key),
            trigger_tick=ticks(one.trigger_tick),
            activate_tick=ticks(one.activate_tick),
        )

    def request_in(one: NewConditional) -> NewConditional:
        return structs.replace(
            one,
            lots=lots(one.lots),
            tick=ticks(one.tick),
            trigger_tick=ticks(one.trigger_tick),
            activate_tick=ticks(one.activate_tick),
        )

    try:
        positions = [
            structs.replace(one, lots=lots(one.lots)) if one.symbol == symbol else one
            for one in kept.positions
        ]
        orders = [order_in(one) if one.symbol == symbol else one for one in kept.orders]
        conditionals = [
            structs.replace(one, request=request_in(one.request), filled=lots(one.filled))
            if one.request.symbol == symbol
            else one
            for one in kept.conditionals
        ]
        fills = [
            structs.replace(one, tick=ticks(one.tick), lots=lots(one.lots))
            if one.symbol == symbol
            else one
            for one in kept.fills
        ]
    except ValueError:
        kept.rules[symbol] = old
        raise
    mark_e8, last_tick = kept.prices.get(symbol, (0, 0))
    # A price to look at, not to trade at: rounding it does no harm.
    kept.prices[symbol] = (mark_e8, last_tick * tick[0] // tick[1])
    kept.positions, kept.orders = positions, orders
    kept.conditionals, kept.fills = conditionals, fills


def _factor(old: Rules, new: Rules, *, price: bool) -> tuple[int, int]:
    """From old ticks, or lots, to new ones: times the first, by the second."""
    before = (old.tick_units, old.price_digits) if price else (old.step_units, old.qty_digits)
    after = (new.tick_units, new.price_digits) if price else (new.step_units, new.qty_digits)
    shift = after[1] - before[1]
    up: int = before[0] * 10 ** max(shift, 0)
    down: int = after[0] * 10 ** max(-shift, 0)
    return (1, 1) if up == down else (up, down)


def _times(value: int, factor: tuple[int, int], symbol: str) -> int:
    found, rest = divmod(value * factor[0], factor[1])
    if rest:
        raise ValueError(f"{symbol}: {value} has no whole number in the scale of now")
    return found
