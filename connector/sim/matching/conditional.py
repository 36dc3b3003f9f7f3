"""When a conditional order triggers.

STOP triggers a BUY at or above its price, a SELL at or below; TAKE_PROFIT the other way. A trailing
stop follows the extreme since it was placed and triggers when the price comes back from it by the
callback rate or by an offset, once the extreme has reached the activation price.
"""

from connector.sim.matching.account import Account
from connector.sim.matching.matcher import Matcher
from connector.sim.matching.rules import Rules
from connector.sim.matching.types import (
    RATIO,
    Conditional,
    NewConditional,
    OrderType,
    PositionSide,
    PriceMatch,
    Reason,
    Refused,
    Side,
    Tif,
    WorkingType,
)

TYPES = (
    OrderType.STOP,
    OrderType.STOP_MARKET,
    OrderType.TAKE_PROFIT,
    OrderType.TAKE_PROFIT_MARKET,
    OrderType.TRAILING_STOP_MARKET,
)
WITH_PRICE = (OrderType.STOP, OrderType.TAKE_PROFIT)


def working_price_e8(matcher: Matcher, working_type: WorkingType) -> int:
    """The price that counts; 0 before there is one."""
    if working_type == WorkingType.MARK_PRICE:
        return matcher.mark_e8
    return matcher.rules.price_e8(matcher.last_tick)


def reached(request: NewConditional, rules: Rules, price_e8: int) -> bool:
    """Whether a stop or take-profit triggers at that price."""
    trigger_e8 = rules.price_e8(request.trigger_tick)
    stop = request.type in (OrderType.STOP, OrderType.STOP_MARKET)
    if stop == (request.side == Side.BUY):
        return price_e8 >= trigger_e8
    return price_e8 <= trigger_e8


def follow(each: Conditional, price_e8: int) -> bool:
    """Let a trailing stop see a price; whether it triggers."""
    callback, offset_e8 = each.request.callback_r, each.request.offset_e8
    if each.request.side == Side.BUY:
        each.extreme_e8 = min(each.extreme_e8, price_e8)
        each.activated = each.extreme_e8 <= each.activate_e8
        back = (price_e8 - offset_e8) * RATIO >= each.extreme_e8 * (RATIO + callback)
    else:
        each.extreme_e8 = max(each.extreme_e8, price_e8)
        each.activated = each.extreme_e8 >= each.activate_e8
        back = (price_e8 + offset_e8) * RATIO <= each.extreme_e8 * (RATIO - callback)
    return each.activated and back


def protected(matcher: Matcher) -> bool:
    """Whether last and mark price are too far apart for orders with price protection."""
    mark, last = matcher.mark_e8, matcher.rules.price_e8(matcher.last_tick)
    if not mark or not last:
        return False
    return abs(mark - last) * RATIO > mark * matcher.rules.trigger_protect_r > 0


def check(account: Account, matcher: Matcher, new: NewConditional) -> None:
    """Everything that the request and the symbol's rules say. Raises Refused."""
    rules = matcher.rules
    trailing = new.type == OrderType.TRAILING_STOP_MARKET
    market = new.type not in WITH_PRICE
    if new.type not in TYPES:
        raise Refused(Reason.BAD_REQUEST, "type is not conditional")
    if not rules.trading:
        raise Refused(Reason.NOT_TRADING)
    if new.position_side not in account.sides(new.symbol):
        raise Refused(Reason.POSITION_SIDE_MISMATCH)
    if new.reduce_only and account.hedged(new.symbol):
        raise Refused(Reason.REDUCE_ONLY_IN_HEDGE)
    if new.close_position:
        _check_close_position(new)
    else:
        rules.check_lots(new.lots, market=market)
    if new.price_match != PriceMatch.NONE and (market or new.tick):
        raise Refused(Reason.PRICE_MATCH_NOT_ALLOWED)
    if not market and new.price_match == PriceMatch.NONE:
        rules.check_price(new.tick)
    if not trailing:
        rules.check_trigger(new.trigger_tick)
    if not new.reduce_only and not new.close_position:
        tick = new.tick or new.trigger_tick or new.activate_tick or matcher.last_tick
        rules.check_notional(rules.quote_m(tick, new.lots))
    if new.tif == Tif.GTE_GTC and not account.lots(new.symbol, new.position_side):
        raise Refused(Reason.REDUCE_ONLY_REJECTED, "GTE_GTC without a position")
    price_e8 = working_price_e8(matcher, new.working_type)
    if trailing:
        _check_trailing(rules, new, price_e8)
    elif price_e8 and reached(new, rules, price_e8):
        raise Refused(Reason.WOULD_TRIGGER)


def _check_close_position(new: NewConditional) -> None:
    if new.type not in (OrderType.STOP_MARKET, OrderType.TAKE_PROFIT_MARKET):
        raise Refused(Reason.BAD_REQUEST, "close position is for market types")
    if new.lots or new.reduce_only:
        raise Refused(Reason.BAD_REQUEST, "close position excludes quantity and reduce-only")
    opening = {PositionSide.LONG: Side.BUY, PositionSide.SHORT: Side.SELL}
    if opening.get(new.position_side) == new.side:
        raise Refused(Reason.CLOSE_POSITION_SIDE)


def _check_trailing(rules: Rules, new: NewConditional, price_e8: int) -> None:
    if new.offset_e8 < 0 or (new.offset_e8 and new.callback_r):
        raise Refused(Reason.BAD_REQUEST, "an offset above 0, or a rate")
    if not new.offset_e8 and not rules.min_callback_r <= new.callback_r <= rules.max_callback_r:
        raise Refused(Reason.BAD_CALLBACK_RATE)
    if not new.activate_tick:
        return
    if new.activate_tick < rules.min_tick or (
        rules.max_tick and new.activate_tick > rules.max_tick
    ):
        raise Refused(Reason.BAD_ACTIVATION_PRICE)
    activate_e8 = rules.price_e8(new.activate_tick)
    if new.side == Side.BUY and activate_e8 >= price_e8 > 0:
        raise Refused(Reason.WOULD_TRIGGER, "activation price not below the latest")
    if new.side == Side.SELL and activate_e8 <= price_e8:
        raise Refused(Reason.WOULD_TRIGGER, "activation price not above the latest")
