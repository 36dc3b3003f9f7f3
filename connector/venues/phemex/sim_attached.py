"""Take-profit and stop-loss that come with an order of the simulated Phemex: what is refused, and
the two orders that close its position once there is one.

Written from the venue's reference alone. Both follow the position: they have no quantity, close all
there is, and go when it does."""

from connector.sim.matching.api import Matching
from connector.sim.matching.types import (
    NewConditional,
    OrderType,
    PositionView,
    Side,
)
from connector.venues.phemex.sim_aop import Holding
from connector.venues.phemex.sim_params import POSITIONS, TRIGGERS, Fault, Wish
from connector.venues.phemex.sim_person import Person
from connector.venues.phemex.sim_rules import CoinRules
from connector.venues.phemex.sim_tickets import UNTRIGGERED, Ticket

PROFIT, LOSS = "MarketIfTouched", "Stop"
TYPES = {PROFIT: OrderType.TAKE_PROFIT_MARKET, LOSS: OrderType.STOP_MARKET}
WITH_POSITION, ON_CLOSING = 11074, 11096
THERE = {PROFIT: 11083, LOSS: 11084}
TRIGGER = {PROFIT: 11077, LOSS: 11080}
TOO_LARGE, TOO_SMALL = {PROFIT: 11075, LOSS: 11078}, {PROFIT: 11076, LOSS: 11079}
WRONG_SIDE = {
    (PROFIT, Side.BUY): 11047, (LOSS, Side.BUY): 11048,
    (PROFIT, Side.SELL): 11050, (LOSS, Side.SELL): 11052,
}  # fmt: skip
OTHER = {Side.BUY: Side.SELL, Side.SELL: Side.BUY}


def asked(wish: Wish) -> dict[str, tuple[int, str]]:
    """Trigger price and its kind of each that comes with the order."""
    each = {PROFIT: (wish.profit_ep, wish.profit_by), LOSS: (wish.loss_ep, wish.loss_by)}
    return {kind: one for kind, one in each.items() if one[0]}


def check(person: Person, rules: CoinRules, wish: Wish, view: PositionView) -> None:
    """Raises `Fault`, or Refused for a price off the tick."""
    for kind, (price_ep, trigger) in asked(wish).items():
        if wish.reduce_only:
            raise Fault(ON_CLOSING)
        if view.lots:
            raise Fault(WITH_POSITION)
        if trigger not in TRIGGERS:
            raise Fault(TRIGGER[kind])
        tick = rules.ticks(price_ep, rules.price_digits)
        if tick < max(1, rules.min_tick):
            raise Fault(TOO_SMALL[kind])
        if rules.max_tick and tick > rules.max_tick:
            raise Fault(TOO_LARGE[kind])
        mark_ep = view.mark_e8 // 10 ** (8 - rules.price_digits)
        base_ep = wish.price_ep or wish.stop_ep or mark_ep
        above = (kind == PROFIT) == (wish.side == Side.BUY)
        if base_ep and (price_ep <= base_ep if above else price_ep >= base_ep):
            raise Fault(WRONG_SIDE[kind, wish.side])
        if any(
            each.open
            and _same(each.wish, wish)
            and (each.wish.leg == kind or kind in asked(each.wish))
            for each in person.alive.values()
        ):
            raise Fault(THERE[kind])


def _same(one: Wish, other: Wish) -> bool:
    return (one.symbol, one.position) == (other.symbol, other.position)


def due(person: Person, ticket: Ticket, holding: Holding) -> list[Wish]:
    """The closing orders that a fill of this order calls for, and that are not there yet."""
    wish = ticket.wish
    if (holding.lots > 0) != (wish.side == Side.BUY) or not holding.lots:
        return []  # it only made another position smaller
    there = {each.wish.leg for each in person.alive.values() if _same(each.wish, wish)}
    return [
        Wish(
            symbol=wish.symbol, client_id="", side=OTHER[wish.side], kind=kind, qty=0,
            stop_ep=price_ep, trigger=trigger, reduce_only=True, close=True,
            position=wish.position, leg=kind,
        )
        for kind, (price_ep, trigger) in asked(wish).items()
        if kind not in there
    ]  # fmt: skip


def legs(person: Person, symbol: str, position: str) -> list[Ticket]:
    """Of a position: the closing orders that wait."""
    return [
        each
        for each in person.alive.values()
        if each.wish.leg
        and each.status == UNTRIGGERED
        and (each.wish.symbol, each.wish.position) == (symbol, position)
    ]


def submit(engine: Matching, name: str, rules: CoinRules, ticket: Ticket, now_ns: int) -> None:
    """Raises Refused."""
    wish = ticket.wish
    engine.place_conditional(
        name,
        NewConditional(
            symbol=wish.symbol, side=wish.side, type=TYPES[wish.leg], client_id=ticket.order_id,
            trigger_tick=rules.ticks(wish.stop_ep, rules.price_digits), close_position=True,
            position_side=POSITIONS[wish.position or "Merged"],
            working_type=TRIGGERS[wish.trigger],
        ),
        now_ns,
    )  # fmt: skip


def closes(person: Person, rules: CoinRules, position: str) -> dict[str, int]:
    """Where a position is closed, as its row says it; its prices have digits of their own."""
    found = {"takeProfitEp": 0, "stopLossEp": 0}
    digits = 0 if rules.scaled else rules.average_digits - rules.price_digits
    for leg in legs(person, rules.symbol, position):
        name = "takeProfitEp" if leg.wish.leg == PROFIT else "stopLossEp"
        found[name] = leg.wish.stop_ep * 10**digits
    return found
