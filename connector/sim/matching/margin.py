"""Margin: what positions and open orders bind, what is free, when an account is liquidated.

The venue's formulas for single-asset mode. A symbol binds the larger of what its position would be
if all its buys, or all its sells, were filled, over the leverage; orders that may only reduce bind
nothing. An isolated position is backed by its own wallet, its open orders by the cross wallet.
"""

from collections.abc import Iterable, Mapping

from msgspec import Struct

from connector.sim.matching.account import Account, Position
from connector.sim.matching.matcher import Matcher
from connector.sim.matching.types import (
    Balance,
    MarginType,
    Order,
    PositionSide,
    PositionView,
    Side,
)

Market = Mapping[str, Matcher]


class Bound(Struct, frozen=True):
    """What one position and its open orders bind."""

    notional_m: int
    """Signed, at mark."""
    unrealized_m: int
    position_m: int
    total_m: int
    bid_m: int
    ask_m: int
    exposure_m: int
    """The largest the position may become by its open orders."""
    maintenance_m: int

    @property
    def order_m(self) -> int:
        return self.total_m - self.position_m


def valuation_e8(matcher: Matcher) -> int:
    """Mark price; before there is one the last trade's, or the middle of the book."""
    if matcher.mark_e8:
        return matcher.mark_e8
    if matcher.last_tick:
        return matcher.rules.price_e8(matcher.last_tick)
    best = [abs(key) for side in (0, 1) if (key := matcher.book.best(side)) is not None]
    return sum(map(matcher.rules.price_e8, best)) // len(best) if best else 0


def bound(
    account: Account,
    matcher: Matcher,
    side: PositionSide,
    *,
    without: Order | None = None,
    buy_m: int = 0,
    sell_m: int = 0,
    leverage: int = 0,
) -> Bound:
    """What the position ``side`` binds; as it would be without an order, with more to buy or to
    sell, or at another leverage."""
    rules = matcher.rules
    position = account.positions.get((rules.symbol, side))
    price_e8 = valuation_e8(matcher)
    lots = position.lots if position is not None else 0
    notional = rules.value_m(price_e8, lots)
    buy_m += account.opening_m.get((rules.symbol, side, Side.BUY), 0)
    sell_m += account.opening_m.get((rules.symbol, side, Side.SELL), 0)
    if without is not None and without.side == Side.BUY:
        buy_m -= without.bound_m
    elif without is not None:
        sell_m -= without.bound_m
    if side == PositionSide.LONG:
        exposure = abs(notional) + buy_m
    elif side == PositionSide.SHORT:
        exposure = abs(notional) + sell_m
    else:
        exposure = max(abs(notional), abs(notional + buy_m), abs(notional - sell_m))
    leverage = leverage or account.leverage(rules)
    return Bound(
        notional_m=notional,
        unrealized_m=notional - (position.cost_m if position is not None else 0),
        position_m=-(-abs(notional) // leverage),
        total_m=-(-exposure // leverage),
        bid_m=buy_m,
        ask_m=sell_m,
        exposure_m=exposure,
        maintenance_m=rules.maintenance_m(notional) if lots else 0,
    )


def active(account: Account, market: Market, asset: str) -> Iterable[tuple[Matcher, PositionSide]]:
    """Where the account has a position, or orders to open one, that is settled in ``asset``."""
    found = {key for key, position in account.positions.items() if position.lots}
    found.update((symbol, side) for symbol, side, _ in account.opening_m)
    for symbol, side in sorted(found):
        if market[symbol].rules.asset == asset:
            yield market[symbol], side


def cross_wallet_m(account: Account, market: Market, asset: str) -> int:
    held = sum(
        position.isolated_m
        for (symbol, _), position in account.positions.items()
        if position.isolated_m and market[symbol].rules.asset == asset
    )
    return account.wallet(asset).total_m - held


def balance(account: Account, market: Market, asset: str) -> Balance:
    wallet = account.wallet(asset)
    cross = cross_wallet_m(account, market, asset)
    unrealized = cross_unrealized = positions = orders = maintenance = reserved = 0
    for matcher, side in active(account, market, asset):
        row = bound(account, matcher, side)
        isolated = account.isolated(matcher.rules.symbol)
        unrealized += row.unrealized_m
        positions += row.position_m
        orders += row.order_m
        maintenance += row.maintenance_m
        reserved += row.order_m if isolated else row.total_m
        if not isolated:
            cross_unrealized += row.unrealized_m
    return Balance(
        asset=asset,
        wallet_m=wallet.total_m,
        cross_wallet_m=cross,
        unrealized_m=unrealized,
        cross_unrealized_m=cross_unrealized,
        position_margin_m=positions,
        order_margin_m=orders,
        maintenance_m=maintenance,
        available_m=max(0, cross + cross_unrealized - reserved),
        updated_ns=wallet.updated_ns,
    )


def required_m(
    account: Account,
    matcher: Matcher,
    side: PositionSide,
    way: Side,
    tick: int,
    lots: int,
    without: Order | None = None,
) -> tuple[int, int]:
    """What one order more would bind beyond what is bound now, and the exposure with it.

    Counts the loss with which it would start: a buy above mark, a sell below."""
    rules = matcher.rules
    quote = rules.quote_m(tick, lots)
    buy, sell = (quote, 0) if way == Side.BUY else (0, quote)
    now = bound(account, matcher, side)
    then = bound(account, matcher, side, without=without, buy_m=buy, sell_m=sell)
    more = then.total_m - now.total_m
    if more <= 0:
        return 0, then.exposure_m
    fair = rules.value_m(valuation_e8(matcher), lots)
    return more + max(0, quote - fair if way == Side.BUY else fair - quote), then.exposure_m


def view(account: Account, market: Market, symbol: str, side: PositionSide) -> PositionView:
    matcher = market[symbol]
    rules = matcher.rules
    position = account.positions.get((symbol, side)) or Position(symbol, side)
    row = bound(account, matcher, side)
    isolated = account.isolated(symbol)
    leverage = account.leverage(rules)
    lots = position.lots
    paid_back = abs(position.cost_m) + position.fees_m * _sign(lots)
    return PositionView(
        account=account.name,
        symbol=symbol,
        position_side=side,
        lots=lots,
        entry_e8=rules.average_e8(abs(position.cost_m), abs(lots)),
        break_even_e8=rules.average_e8(max(0, paid_back), abs(lots)),
        mark_e8=valuation_e8(matcher),
        notional_m=row.notional_m,
        unrealized_m=row.unrealized_m,
        realized_m=position.realized_m,
        leverage=leverage,
        margin_type=MarginType.ISOLATED if isolated else MarginType.CROSSED,
        isolated_wallet_m=position.isolated_m,
        isolated_margin_m=position.isolated_m + row.unrealized_m if isolated else 0,
        initial_margin_m=row.total_m,
        position_margin_m=row.position_m,
        order_margin_m=row.order_m,
        maintenance_m=row.maintenance_m,
        bid_notional_m=row.bid_m,
        ask_notional_m=row.ask_m,
        max_notional_m=rules.max_notional_m(leverage),
        liquidation_e8=_liquidation_e8(account, market, matcher, position, row),
        updated_ns=position.updated_ns,
    )


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)


def _liquidation_e8(
    account: Account, market: Market, matcher: Matcher, position: Position, row: Bound
) -> int:
    """Mark price p where what backs the position is its maintenance margin:
    backing + p * lots - cost = others' maintenance + rate * p * |lots| - deduction."""
    rules, lots = matcher.rules, position.lots
    if not lots:
        return 0
    if account.isolated(rules.symbol):
        spare = position.isolated_m
    else:
        whole = balance(account, market, rules.asset)
        spare = whole.cross_wallet_m + whole.cross_unrealized_m - row.unrealized_m
        for other, side in active(account, market, rules.asset):
            name = other.rules.symbol
            if not account.isolated(name) and (name, side) != (rules.symbol, position.side):
                spare -= bound(account, other, side).maintenance_m
    bracket = rules.bracket(row.notional_m)
    needed = position.cost_m - spare - bracket.deduction_m
    return rules.liquidation_e8(needed, lots, bracket.maintenance_r)


def backing(account: Account, market: Market, asset: str) -> tuple[int, int]:
    """What backs the account's cross positions, and the maintenance margin they need."""
    held = cross_wallet_m(account, market, asset)
    needed = 0
    for matcher, side in active(account, market, asset):
        if not account.isolated(matcher.rules.symbol):
            row = bound(account, matcher, side)
            held += row.unrealized_m
            needed += row.maintenance_m
    return held, needed


def isolated_backing(account: Account, matcher: Matcher, side: PositionSide) -> tuple[int, int]:
    """The same of one isolated position."""
    position = account.position(matcher.rules.symbol, side)
    row = bound(account, matcher, side)
    return position.isolated_m + row.unrealized_m, row.maintenance_m
