"""An order's way through the engine: admission, matching, what fills do to its owner, its end.

`engine.Engine` is this and the commands.
"""

from collections import deque
from collections.abc import Callable

from msgspec import structs

from connector.sim.matching import margin
from connector.sim.matching.account import Account
from connector.sim.matching.events import (
    Accepted,
    Canceled,
    ChangeReason,
    ConditionalChanged,
    Expired,
    Traded,
)
from connector.sim.matching.ledger import Ledger, trim
from connector.sim.matching.matcher import ANY_PRICE, Matcher
from connector.sim.matching.types import (
    AlgoStatus,
    Cause,
    Conditional,
    Fill,
    IncomeType,
    Order,
    OrderType,
    PositionSide,
    PriceMatch,
    Reason,
    Refused,
    Side,
    Status,
    Tif,
)

DEPTHS = {
    PriceMatch.OPPONENT: 1,
    PriceMatch.OPPONENT_5: 5,
    PriceMatch.OPPONENT_10: 10,
    PriceMatch.OPPONENT_20: 20,
    PriceMatch.QUEUE: 1,
    PriceMatch.QUEUE_5: 5,
    PriceMatch.QUEUE_10: 10,
    PriceMatch.QUEUE_20: 20,
}
MARKET_MARGIN = (10_005, 10_000)
"""A market buy is margined at the best ask and a twentieth of a percent."""


class Desk(Ledger):
    """Orders, once they are made; also the `Clearing` of every matcher."""

    def __init__(self, order_id: int) -> None:
        super().__init__()
        self._order_id = order_id - 1
        self._seq = 0
        self._gone: dict[tuple[str, str], None] = {}
        """Accounts and symbols with a position that is now flat."""
        self._watched: dict[str, dict[int, Conditional]] = {}
        """Of each symbol the conditional orders that wait."""
        self._ended: tuple[deque[tuple[int, str, int]], deque[tuple[int, str, int]]]
        self._ended = (deque(), deque())
        """Orders at their end, unfilled and (partly) filled ones: time, account, order id."""
        self._ended_conditionals: deque[tuple[int, str, int]] = deque()

    # Admission

    def _admit(
        self,
        account: Account,
        matcher: Matcher,
        order: Order,
        counted: bool = False,
        replaced: Order | None = None,
    ) -> None:
        """Check all that the symbol's rules, the position and the margin say, and settle the
        order's price. Raises Refused. ``replaced`` is the open order that an amend changes."""
        rules = matcher.rules
        market = order.type == OrderType.MARKET
        if not rules.trading:
            raise Refused(Reason.NOT_TRADING)
        if order.position_side not in account.sides(order.symbol):
            raise Refused(Reason.POSITION_SIDE_MISMATCH)
        if order.reduce_only and account.hedged(order.symbol):
            raise Refused(Reason.REDUCE_ONLY_IN_HEDGE)
        if account.liquidating and not order.closing:
            raise Refused(Reason.IN_LIQUIDATION)
        rules.check_lots(order.lots, market=market)
        self._price(matcher, order, market)
        if not order.closing:
            if rules.reduce_only:
                raise Refused(Reason.SYMBOL_REDUCE_ONLY)
            if market:
                quote = rules.value_m(margin.valuation_e8(matcher), order.lots)
            else:
                quote = rules.quote_m(order.tick, order.lots)
            rules.check_notional(quote)
        elif self._reducible(account, matcher, order, replaced) <= 0:
            raise Refused(Reason.REDUCE_ONLY_REJECTED)
        if not counted and not market and order.tif not in (Tif.IOC, Tif.FOK):
            # What cannot rest is never an open order.
            waiting = sum(each.request.symbol == rules.symbol for each in account.waiting.values())
            if len(account.open.get(rules.symbol, ())) + waiting >= rules.max_orders:
                raise Refused(Reason.TOO_MANY_OPEN_ORDERS)
        if market:
            best, limit = matcher.book.best(1 - order.side), matcher.market_limit(order.side)
            if best is not None and best > limit:
                raise Refused(Reason.MARKET_OUT_OF_BOUND)
        if not order.closing:
            self._check_margin(account, matcher, order, replaced)

    def _price(self, matcher: Matcher, order: Order, market: bool) -> None:
        """Take the price from the book if the order says so, check it, and give it its key."""
        rules, match = matcher.rules, order.price_match
        if match != PriceMatch.NONE:
            if market or order.tick:
                raise Refused(Reason.PRICE_MATCH_NOT_ALLOWED)
            opponent = match < PriceMatch.QUEUE
            side = 1 - order.side if opponent else int(order.side)
            key = matcher.book.level(side, DEPTHS[match])
            if key is None:
                raise Refused(Reason.PRICE_MATCH_NO_DEPTH)
            order.tick = abs(key)
        if market:
            if order.tick:
                raise Refused(Reason.BAD_REQUEST, "a market order has no price")
            return
        rules.check_price(order.tick)
        rules.check_collar(order.side, order.tick, matcher.mark_e8)
        order.key = order.tick if order.side == Side.SELL else -order.tick

    def _reducible(
        self, account: Account, matcher: Matcher, order: Order, replaced: Order | None
    ) -> int:
        """What an order that may only reduce could still reduce, behind the better ones."""
        held = account.lots(order.symbol, order.position_side)
        left = -held if order.side == Side.BUY else held
        if order.type == OrderType.MARKET:
            return left
        for other in account.closing(order.symbol):
            same = (other.side, other.position_side) == (order.side, order.position_side)
            if same and other is not replaced and other.key <= order.key:
                left -= other.leaves
        return left

    def _check_margin(
        self, account: Account, matcher: Matcher, order: Order, replaced: Order | None
    ) -> None:
        rules, tick = matcher.rules, order.tick
        if order.type == OrderType.MARKET:
            best = matcher.book.best(1 - order.side)
            if best is None:
                return
            tick = abs(best)
            if order.side == Side.BUY:
                tick = -(-tick * MARKET_MARGIN[0] // MARKET_MARGIN[1])
            else:
                tick = max(tick, matcher.mark_e8 // rules.price_e8(1))
        required, exposure = margin.required_m(
            account, matcher, order.position_side, order.side, tick, order.leaves, replaced
        )
        if not required:
            return
        if required > self._free_m(account, rules.asset):
            raise Refused(Reason.INSUFFICIENT_MARGIN)
        if exposure > rules.max_notional_m(account.leverage(rules)):
            raise Refused(Reason.EXCEEDS_LEVERAGE_LIMIT)

    def _check_at_once(self, matcher: Matcher, order: Order) -> None:
        """What the first match decides: post-only and all-or-nothing. Raises Refused."""
        if order.tif == Tif.GTX and matcher.crosses(order):
            raise Refused(Reason.POST_ONLY_WOULD_TAKE)
        if order.tif == Tif.FOK and not matcher.fillable(order, self._limit(matcher, order)):
            raise Refused(Reason.FOK_UNFILLABLE)

    # Matching

    def _submit(
        self,
        account: Account,
        matcher: Matcher,
        order: Order,
        accepted: Callable[[], None] = lambda: None,
    ) -> None:
        """Into the matching engine; ``accepted`` is called before the first fill."""
        self._order_id += 1
        order.order_id = self._order_id
        order.client_id = order.client_id or f"auto_{order.order_id}"
        account.orders[order.order_id] = order
        account.by_client[order.symbol, order.client_id] = order.order_id
        self._tell(Accepted(self._now_ns, structs.replace(order)))
        accepted()
        self._work(account, matcher, order)

    def _work(self, account: Account, matcher: Matcher, order: Order) -> None:
        """Match an order that does not rest, and see to what is left of it."""
        prevented = matcher.match(order, self._limit(matcher, order), self._now_ns)
        if not order.leaves:
            return
        if prevented and order.tif == Tif.IOC:
            self.expired(order, Status.EXPIRED, Cause.IOC_STP, self._now_ns)
        elif prevented:
            self.expired(order, Status.EXPIRED_IN_MATCH, Cause.STP, self._now_ns)
        elif order.closing and not matcher.room(order):
            self.expired(order, Status.EXPIRED, Cause.REDUCE_ONLY, self._now_ns)
        elif order.type != OrderType.LIMIT:
            self.expired(order, Status.EXPIRED, Cause.MARKET, self._now_ns)
        elif order.tif == Tif.IOC:
            self.expired(order, Status.EXPIRED, Cause.IOC, self._now_ns)
        else:
            assert order.tif != Tif.FOK, "an all-or-nothing order was filled in part"
            self._seq += 1
            order.seq = self._seq
            account.add_open(order, matcher.rules)
            matcher.rest(order)
            if order.closing:
                self.reduced(order.account, order.symbol, self._now_ns)

    def _limit(self, matcher: Matcher, order: Order) -> int:
        if order.type == OrderType.LIMIT:
            return -order.key
        if order.type == OrderType.MARKET:
            return matcher.market_limit(order.side)
        return ANY_PRICE

    # Clearing

    def position_lots(self, account: str, symbol: str, side: PositionSide) -> int:
        return self._accounts[account].lots(symbol, side)

    def filled(
        self, order: Order, tick: int, lots: int, trade_id: int, *, maker: bool, now_ns: int
    ) -> None:
        now_ns = self._at(now_ns)
        owner, rules = self._accounts[order.account], self.market[order.symbol].rules
        quote = rules.quote_m(tick, lots)
        fee = owner.fee_m(rules, quote, maker=maker)
        if order.type == OrderType.LIQUIDATION:
            fee += rules.liquidation_fee_m(quote)
        position = owner.position(order.symbol, order.position_side)
        isolate = owner.leverage(rules) if owner.isolated(order.symbol) else 0
        profit = position.fill(rules, order.side, tick, lots, fee, isolate)
        position.updated_ns = now_ns
        if not position.lots:
            self._gone[order.account, order.symbol] = None
        order.filled += lots
        order.filled_m += quote
        order.updated_ns = now_ns
        order.status = Status.PARTIALLY_FILLED if order.leaves else Status.FILLED
        self._pay(owner, rules.asset, profit, IncomeType.REALIZED_PNL, order.symbol, trade_id)
        self._pay(owner, rules.asset, -fee, IncomeType.COMMISSION, order.symbol, trade_id)
        fill = Fill(
            trade_id=trade_id,
            order_id=order.order_id,
            account=order.account,
            symbol=order.symbol,
            side=order.side,
            position_side=order.position_side,
            tick=tick,
            lots=lots,
            quote_m=quote,
            maker=maker,
            fee_m=fee,
            fee_asset=rules.asset,
            realized_m=profit,
            time_ns=now_ns,
        )
        rows = owner.fills.setdefault(order.symbol, [])
        rows.append(fill)
        trim(rows)
        if not order.leaves:
            owner.drop_open(order)
        elif maker:
            owner.count_open(order, rules)
        sides = (order.position_side,)
        self._account_changed(owner, ChangeReason.ORDER, rules.asset, 0, order.symbol, sides)
        self._tell(Traded(now_ns, structs.replace(order), fill))
        self._only(owner, order.symbol, order.link, order)
        if order.conditional_id and (born := owner.conditionals.get(order.conditional_id)):
            born.filled, born.filled_m = order.filled, order.filled_m
        if not order.leaves:
            self._closed(owner, order)

    def expired(self, order: Order, status: Status, cause: Cause, now_ns: int) -> None:
        now_ns = self._at(now_ns)
        owner = self._accounts[order.account]
        owner.drop_open(order)
        order.status, order.cause, order.updated_ns = status, cause, now_ns
        kind = Canceled if status == Status.CANCELED else Expired
        self._tell(kind(now_ns, structs.replace(order)))
        self._closed(owner, order)

    def reduced(self, account: str, symbol: str, now_ns: int) -> None:
        owner = self._accounts[account]
        closing = owner.closing(symbol)
        if not closing:
            return
        closing.sort(key=lambda each: (each.key, each.seq))
        claimed: dict[tuple[PositionSide, Side], int] = {}
        for order in closing:
            place = (order.position_side, order.side)
            before = claimed.get(place, 0)
            if before >= self.market[symbol].room(order):
                self._withdraw(order, Status.EXPIRED, Cause.REDUCE_ONLY)
            else:
                claimed[place] = before + order.leaves

    def _withdraw(self, order: Order, status: Status, cause: Cause) -> None:
        """End an order that rests."""
        self.market[order.symbol].withdraw(order)
        self.expired(order, status, cause, self._now_ns)

    def _only(self, owner: Account, symbol: str, link: int, one: Order | None = None) -> None:
        """Of linked orders one trades, or is about to: the others are at their end before anything
        else can happen to them."""
        if not link:
            return
        for order in owner.open_orders(symbol):
            if order.link == link and order is not one:
                self._withdraw(order, Status.CANCELED, Cause.LINKED)
        for each in [*self._watched.get(symbol, {}).values()]:
            if each.request.link == link and each.account == owner.name:
                self._unwatch(each)
                self._conditional(owner, each, AlgoStatus.CANCELED, Cause.LINKED)

    def _unwatch(self, each: Conditional) -> None:
        """It waits no longer."""
        del self._accounts[each.account].waiting[each.algo_id]
        del self._watched[each.request.symbol][each.algo_id]
        self.market[each.request.symbol].watched -= 1

    def _closed(self, owner: Account, order: Order) -> None:
        """The order is at its end, whichever."""
        self._ended[1 if order.filled else 0].append((self._now_ns, owner.name, order.order_id))
        born = owner.conditionals.get(order.conditional_id)
        if born is not None and born.status == AlgoStatus.TRIGGERED:
            self._conditional(owner, born, AlgoStatus.FINISHED)

    def _conditional(
        self, owner: Account, each: Conditional, status: AlgoStatus, cause: Cause = Cause.NONE
    ) -> None:
        """A conditional order moves on."""
        each.status, each.cause, each.updated_ns = status, cause, self._now_ns
        if status >= AlgoStatus.FINISHED:
            self._ended_conditionals.append((self._now_ns, owner.name, each.algo_id))
        self._tell(ConditionalChanged(self._now_ns, structs.replace(each)))
