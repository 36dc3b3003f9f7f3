"""The matching engine's commands; see `api.Matching` for what each promises.

Liquidation is simple: when what backs the positions is below the maintenance margin at a new mark
price, all orders there expire and each position is closed by an order of type LIQUIDATION against
the book, whole and at once, not bracket by bracket; what the wallet is then short of, the
insurance pays. There is no automatic deleveraging: what the book cannot take is tried again at the
next mark price.
"""

import heapq

from msgspec import structs

from connector.sim.matching import conditional as conditions
from connector.sim.matching import margin
from connector.sim.matching.account import Account
from connector.sim.matching.book import Book
from connector.sim.matching.desk import Desk
from connector.sim.matching.events import ChangeReason, MarginCalled, OrderAmended
from connector.sim.matching.matcher import Matcher, Port
from connector.sim.matching.regrid import (
    Grid,
    between,
    conditional_ticks,
    move_account,
    order_ticks,
)
from connector.sim.matching.rules import Rules
from connector.sim.matching.types import (
    DAY_NS,
    SECOND_NS,
    AlgoStatus,
    Amended,
    Amendment,
    Cause,
    Conditional,
    IncomeType,
    NewConditional,
    NewOrder,
    Order,
    OrderType,
    PositionSide,
    PriceMatch,
    Reason,
    Refused,
    Side,
    Status,
    Tif,
    WorkingType,
)

LATEST_NS = 253_402_300_799 * SECOND_NS
"""The last moment an order may be good till."""
CALL_SHARE = (4, 5)
"""A margin call comes when the maintenance margin is above this part of what backs it."""


class Engine(Desk):
    """All accounts and symbols of a venue. Implements `api.Matching`."""

    def __init__(
        self,
        *,
        first_order_id: int = 1,
        max_conditionals: int = 200,
        good_till_min_ns: int = 600 * SECOND_NS,
        keep_unfilled_ns: int = 3 * DAY_NS,
        keep_ns: int = 90 * DAY_NS,
        keep_most: int = 100_000,
        born_names: bool = False,
    ) -> None:
        """``max_conditionals`` of an account over all symbols; ``good_till_min_ns`` is how far
        ahead GTD must be; ended orders are kept so long, those without a fill and the others, but
        no more of each kind than ``keep_most``; ``born_names``: what a triggered conditional order
        becomes has a client id of its own."""
        super().__init__(first_order_id)
        self._born_names = born_names
        self._max_conditionals = max_conditionals
        self._good_till_min_ns = good_till_min_ns
        self._keep_ns, self._keep_most = (keep_unfilled_ns, keep_ns), keep_most
        self._algo_id = first_order_id - 1
        self._amendment_id = 0
        self._printed: list[Matcher] = []
        self._dirty: list[Matcher] = []
        self._due: list[tuple[int, str, str, int]] = []
        """Time, what (order, conditional, countdown), account and id or symbol."""
        self._countdowns: list[tuple[int, str, str]] = []

    def add_symbol(self, rules: Rules, book: Book, port: Port) -> Matcher:
        """List a symbol over a book that the caller's market moves; the matcher takes its word."""
        before = self.market.get(rules.symbol)
        if before is not None:  # listed anew
            for owner in self._accounts.values():
                move_account(owner, rules.symbol, between(before.rules, rules))
        matcher = Matcher(rules, book, port, self)
        matcher.on_print = self._printed.append
        matcher.on_dirty = self._dirty.append
        self._list(matcher)
        return matcher

    def set_rules(self, rules: Rules) -> None:
        """What a listed symbol demands from now on, its price grid unchanged."""
        self.market[rules.symbol].rules = rules

    def leave(self, symbol: str, now_ns: int, grid: Grid | None = None) -> None:
        """End the symbol's open orders: those whose prices are not on the grid to come, or all
        and the symbol is not listed any more."""
        self._at(now_ns)
        for owner in self._accounts.values():
            for order in owner.open_orders(symbol):
                if grid is None or not grid.holds(*order_ticks(order)):
                    self._withdraw(order, Status.EXPIRED, Cause.LISTING)
            for each in self.open_conditionals(owner.name, symbol):
                if grid is None or not grid.holds(*conditional_ticks(each)):
                    self._unwatch(each)
                    self._conditional(owner, each, AlgoStatus.EXPIRED, Cause.LISTING)
        if grid is None:
            self.market[symbol].listed = False
        self.settle(now_ns)

    def regrid(self, rules: Rules, grid: Grid) -> None:
        """Count in the new ticks; whoever has the book has moved it (`regrid.move_book`)."""
        matcher = self.market[rules.symbol]
        matcher.rules = rules
        matcher.last_tick = grid.tick(matcher.last_tick)
        matcher.prints = []
        self._printed = [each for each in self._printed if each is not matcher]
        for owner in self._accounts.values():
            move_account(owner, rules.symbol, grid)

    # Orders

    def place(self, account: str, new: NewOrder, now_ns: int) -> Order:
        self._at(now_ns)
        owner, matcher, order = self._checked(account, new)
        self._check_at_once(matcher, order)
        self._submit(owner, matcher, order)
        if order.open and order.tif == Tif.GTD:
            heapq.heappush(self._due, (order.good_till_ns, "order", account, order.order_id))
        self.settle(now_ns)
        return order

    def test(self, account: str, new: NewOrder, now_ns: int) -> None:
        self._at(now_ns)
        self._checked(account, new)

    def amend(self, account: str, change: Amendment, now_ns: int) -> Order:
        now_ns = self._at(now_ns)
        owner, matcher = self._accounts[account], self._matcher(change.symbol)
        order = owner.open_order(change.symbol, change.order_id, change.client_id)
        if order is None:
            raise Refused(Reason.ORDER_NOT_FOUND)
        if order.type != OrderType.LIMIT:
            raise Refused(Reason.LIMIT_ONLY)
        if order.side != change.side:
            raise Refused(Reason.SIDE_MISMATCH)
        wanted = structs.replace(
            order, lots=change.lots, tick=change.tick, price_match=change.price_match
        )
        if order.filled > 0 and 0 < wanted.lots <= order.filled:
            self._price(matcher, wanted, market=False)
            matcher.rules.check_lots(wanted.lots, market=False)
            self._withdraw(order, Status.CANCELED, Cause.AMEND)
            self.settle(now_ns)
            return order
        self._admit(owner, matcher, wanted, counted=True, replaced=order)
        if (wanted.tick, wanted.lots) == (order.tick, order.lots):
            raise Refused(Reason.SAME_ORDER)
        if order.amends >= matcher.rules.max_amends:
            raise Refused(Reason.TOO_MANY_AMENDS)
        if order.tif == Tif.GTX and matcher.crosses(wanted):
            self._withdraw(order, Status.CANCELED, Cause.AMEND)
        else:
            self._change(owner, matcher, order, wanted, change.modify_id)
        self.settle(now_ns)
        return order

    def cancel(
        self, account: str, symbol: str, now_ns: int, *, order_id: int = 0, client_id: str = ""
    ) -> Order:
        self._at(now_ns)
        self._matcher(symbol)
        order = self._accounts[account].open_order(symbol, order_id, client_id)
        if order is None:
            raise Refused(Reason.ORDER_NOT_FOUND)
        self._withdraw(order, Status.CANCELED, Cause.USER)
        self.settle(now_ns)
        return order

    def cancel_all(self, account: str, symbol: str, now_ns: int) -> list[Order]:
        self._at(now_ns)
        self._matcher(symbol)
        found = self._accounts[account].open_orders(symbol)
        for order in found:
            self._withdraw(order, Status.CANCELED, Cause.USER)
        self.settle(now_ns)
        return found

    def countdown(self, account: str, symbol: str, after_ns: int, now_ns: int) -> None:
        now_ns = self._at(now_ns)
        self._matcher(symbol)
        owner = self._accounts[account]
        if after_ns:
            owner.countdowns[symbol] = now_ns + after_ns
            heapq.heappush(self._countdowns, (now_ns + after_ns, account, symbol))
        else:
            owner.countdowns.pop(symbol, None)

    def _checked(self, account: str, new: NewOrder) -> tuple[Account, Matcher, Order]:
        """The order as it would be placed. Raises Refused."""
        owner, matcher = self._accounts[account], self._matcher(new.symbol)
        if new.type not in (OrderType.LIMIT, OrderType.MARKET):
            raise Refused(Reason.BAD_REQUEST, "a conditional type")
        if new.tif == Tif.GTE_GTC:
            raise Refused(Reason.BAD_REQUEST, "GTE_GTC is for conditional orders")
        if new.type == OrderType.MARKET and new.tif in (Tif.GTX, Tif.GTD):
            raise Refused(Reason.BAD_REQUEST, f"a market order with {new.tif.name}")
        self._check_good_till(new.tif, new.good_till_ns)
        if new.client_id and owner.has_open(new.client_id):
            raise Refused(Reason.DUPLICATE_CLIENT_ID)
        order = Order(
            order_id=0,
            account=account,
            symbol=new.symbol,
            client_id=new.client_id,
            side=new.side,
            position_side=new.position_side,
            type=new.type,
            original_type=new.type,
            tif=new.tif,
            tick=new.tick,
            lots=new.lots,
            reduce_only=new.reduce_only,
            stp=new.stp,
            price_match=new.price_match,
            good_till_ns=new.good_till_ns,
            link=new.link,
            created_ns=self._now_ns,
            updated_ns=self._now_ns,
        )
        self._admit(owner, matcher, order)
        return owner, matcher, order

    def _check_good_till(self, tif: Tif, good_till_ns: int) -> None:
        if tif != Tif.GTD:
            if good_till_ns:
                raise Refused(Reason.BAD_REQUEST, "a good-till time without GTD")
        elif not self._now_ns + self._good_till_min_ns < good_till_ns < LATEST_NS:
            raise Refused(Reason.GOOD_TILL_TOO_SOON)

    def _change(
        self, owner: Account, matcher: Matcher, order: Order, wanted: Order, modify_id: int | None
    ) -> None:
        """Put the order to its new place, at the end of the queue."""
        matcher.withdraw(order)
        owner.drop_open(order)
        self._amendment_id += 1
        amended = Amended(
            amendment_id=self._amendment_id,
            order_id=order.order_id,
            symbol=order.symbol,
            client_id=order.client_id,
            time_ns=self._now_ns,
            tick_before=order.tick,
            tick=wanted.tick,
            lots_before=order.lots,
            lots=wanted.lots,
            count=order.amends + 1,
            modify_id=modify_id,
        )
        owner.amendments.setdefault(order.order_id, []).append(amended)
        order.tick, order.lots, order.key = wanted.tick, wanted.lots, wanted.key
        order.price_match, order.modify_id = wanted.price_match, modify_id
        order.amends += 1
        order.updated_ns = self._now_ns
        self._tell(OrderAmended(self._now_ns, structs.replace(order), amended))
        self._work(owner, matcher, order)

    # Conditional orders

    def place_conditional(self, account: str, new: NewConditional, now_ns: int) -> Conditional:
        now_ns = self._at(now_ns)
        owner, matcher = self._accounts[account], self._matcher(new.symbol)
        self._check_good_till(new.tif, new.good_till_ns)
        if new.client_id and any(
            new.client_id == each.client_id for each in owner.waiting.values()
        ):
            raise Refused(Reason.DUPLICATE_CLIENT_ID)
        conditions.check(owner, matcher, new)
        if len(owner.waiting) >= self._max_conditionals:
            raise Refused(Reason.TOO_MANY_CONDITIONALS)
        here = sum(each.request.symbol == new.symbol for each in owner.waiting.values())
        if here + len(owner.open.get(new.symbol, ())) >= matcher.rules.max_orders:
            raise Refused(Reason.TOO_MANY_OPEN_ORDERS)
        self._algo_id += 1
        each = Conditional(
            algo_id=self._algo_id,
            account=account,
            request=new,
            client_id=new.client_id or f"auto_{self._algo_id}",
            created_ns=now_ns,
            updated_ns=now_ns,
        )
        if new.type == OrderType.TRAILING_STOP_MARKET:
            latest_e8 = conditions.working_price_e8(matcher, new.working_type)
            if not latest_e8:
                raise Refused(Reason.NOT_TRADING, "no price yet")
            each.extreme_e8 = latest_e8
            asked_e8 = matcher.rules.price_e8(new.activate_tick)
            each.activate_e8 = asked_e8 or latest_e8
            conditions.follow(each, latest_e8)
        owner.conditionals[each.algo_id] = owner.waiting[each.algo_id] = each
        owner.conditional_by_client[each.client_id] = each.algo_id
        self._watched.setdefault(new.symbol, {})[each.algo_id] = each
        matcher.watched += 1
        if new.tif == Tif.GTD:
            heapq.heappush(self._due, (new.good_till_ns, "conditional", account, each.algo_id))
        self._conditional(owner, each, AlgoStatus.NEW)
        return each

    def cancel_conditional(
        self, account: str, now_ns: int, *, algo_id: int = 0, client_id: str = ""
    ) -> Conditional:
        self._at(now_ns)
        each = self.conditional(account, algo_id=algo_id, client_id=client_id)
        if each is None or not each.open:
            raise Refused(Reason.ORDER_NOT_FOUND)
        self._unwatch(each)
        self._conditional(self._accounts[account], each, AlgoStatus.CANCELED, Cause.USER)
        return each

    def cancel_conditionals(self, account: str, symbol: str, now_ns: int) -> list[Conditional]:
        self._at(now_ns)
        self._matcher(symbol)
        found = self.open_conditionals(account, symbol)
        for each in found:
            self._unwatch(each)
            self._conditional(self._accounts[account], each, AlgoStatus.CANCELED, Cause.USER)
        return found

    def _look(self, matcher: Matcher, working_type: WorkingType, price_e8: int) -> None:
        """A price that may trigger."""
        for each in [*self._watched.get(matcher.rules.symbol, {}).values()]:
            request = each.request
            if request.working_type != working_type or not each.open:
                continue
            if request.type == OrderType.TRAILING_STOP_MARKET:
                asleep = not each.activated
                met = conditions.follow(each, price_e8)
                if asleep and each.activated:
                    self._conditional(self._accounts[each.account], each, AlgoStatus.NEW)
            else:
                met = conditions.reached(request, matcher.rules, price_e8)
            if met and not (request.price_protect and conditions.protected(matcher)):
                self._fire(matcher, each)

    def _fire(self, matcher: Matcher, each: Conditional) -> None:
        """Make it an order."""
        owner, request = self._accounts[each.account], each.request
        self._unwatch(each)
        each.triggered_ns = self._now_ns
        self._conditional(owner, each, AlgoStatus.TRIGGERING)
        self._only(owner, request.symbol, request.link)
        lots = request.lots
        if request.close_position:
            lots = abs(owner.lots(request.symbol, request.position_side))
        limit = request.type in conditions.WITH_PRICE
        order = Order(
            order_id=0,
            account=each.account,
            symbol=request.symbol,
            client_id="" if self._born_names else each.client_id,
            side=request.side,
            position_side=request.position_side,
            type=OrderType.LIMIT if limit else OrderType.MARKET,
            original_type=request.type,
            tif=Tif.GTC if request.tif == Tif.GTE_GTC else request.tif,
            tick=request.tick,
            lots=lots,
            reduce_only=request.reduce_only
            or (request.close_position and not owner.hedged(request.symbol)),
            close_position=request.close_position,
            stp=request.stp,
            price_match=request.price_match,
            good_till_ns=request.good_till_ns,
            created_ns=self._now_ns,
            updated_ns=self._now_ns,
            conditional_id=each.algo_id,
            trigger_tick=request.trigger_tick,
            working_type=request.working_type,
            price_protect=request.price_protect,
            activate_tick=request.activate_tick,
            callback_r=request.callback_r,
            link=request.link,
        )
        try:
            if request.close_position and not lots:
                raise Refused(Reason.REDUCE_ONLY_REJECTED)
            self._admit(owner, matcher, order, counted=True)
            self._check_at_once(matcher, order)
        except Refused as refused:
            each.reject = refused.reason
            self._conditional(owner, each, AlgoStatus.REJECTED)
            return

        def accepted() -> None:
            each.order_id, each.actual_type = order.order_id, order.type
            self._conditional(owner, each, AlgoStatus.TRIGGERED)

        self._submit(owner, matcher, order, accepted)
        if order.open and order.tif == Tif.GTD:
            heapq.heappush(self._due, (order.good_till_ns, "order", each.account, order.order_id))

    # The venue's own doing

    def mark(self, symbol: str, mark_e8: int, now_ns: int) -> None:
        now_ns = self._at(now_ns)
        matcher = self._matcher(symbol)
        matcher.mark_e8 = mark_e8
        if self._watched.get(symbol):
            self._look(matcher, WorkingType.MARK_PRICE, mark_e8)
        for owner in self._accounts.values():
            if any(owner.lots(symbol, side) for side in owner.sides(symbol)):
                self._guard(owner, matcher)
        self.settle(now_ns)

    def advance(self, now_ns: int) -> None:
        now_ns = self._at(now_ns)
        while self._due and self._due[0][0] <= now_ns:
            _, what, account, number = heapq.heappop(self._due)
            owner = self._accounts[account]
            if what == "order":
                order = owner.orders.get(number)
                if order is not None and order.open:
                    self._withdraw(order, Status.EXPIRED, Cause.GTD)
                continue
            each = owner.conditionals.get(number)
            if each is not None and each.open:
                self._unwatch(each)
                self._conditional(owner, each, AlgoStatus.EXPIRED, Cause.GTD)
        while self._countdowns and self._countdowns[0][0] <= now_ns:
            due_ns, account, symbol = heapq.heappop(self._countdowns)
            owner = self._accounts[account]
            if owner.countdowns.get(symbol) == due_ns:
                del owner.countdowns[symbol]
                for order in owner.open_orders(symbol):
                    self._withdraw(order, Status.CANCELED, Cause.COUNTDOWN)
        self._forget(now_ns)
        self.settle(now_ns)

    def next_ns(self) -> int | None:
        times = [heap[0][0] for heap in (self._due, self._countdowns) if heap]
        for ended, keep_ns in zip(self._ended, self._keep_ns, strict=True):
            if ended:
                times.append(ended[0][0] + keep_ns)
        return min(times, default=None)

    @property
    def unsettled(self) -> bool:
        """Whether the market did something that `settle` has to follow up."""
        return bool(self._printed or self._gone or self._dirty)

    def settle(self, now_ns: int) -> None:
        """Follow up what happened until nothing follows any more, then let it be published.
        Whoever runs the market calls it after each of the market's own steps."""
        now_ns = self._at(now_ns)
        while self._printed or self._gone:
            if self._gone:
                account, symbol = self._gone.popitem()[0]
                self._flat(self._accounts[account], symbol)
                continue
            matcher = self._printed[0]
            tick = matcher.prints.pop(0)
            if not matcher.prints:
                del self._printed[0]
            self._look(matcher, WorkingType.CONTRACT_PRICE, matcher.rules.price_e8(tick))
        while self._dirty:
            matcher = self._dirty.pop(0)
            matcher.dirty = False
            matcher.port.settled(now_ns)

    def _flat(self, owner: Account, symbol: str) -> None:
        """A position is closed: what lives by it ends."""
        for each in self.open_conditionals(owner.name, symbol):
            request = each.request
            if request.tif == Tif.GTE_GTC and not owner.lots(symbol, request.position_side):
                self._unwatch(each)
                self._conditional(owner, each, AlgoStatus.EXPIRED, Cause.POSITION_GONE)

    def _forget(self, now_ns: int) -> None:
        """Drop what need not be found any more."""
        rows = (*self._ended, self._ended_conditionals)
        for ended, keep_ns in zip(rows, (*self._keep_ns, self._keep_ns[1]), strict=True):
            while ended and (ended[0][0] + keep_ns <= now_ns or len(ended) > self._keep_most):
                _, account, number = ended.popleft()
                owner = self._accounts[account]
                if ended is self._ended_conditionals:
                    owner.forget_conditional(number)
                else:
                    owner.forget_order(number)

    # Liquidation

    def _guard(self, owner: Account, matcher: Matcher) -> None:
        """Close what its owner cannot hold at this mark price, or warn."""
        symbol, asset = matcher.rules.symbol, matcher.rules.asset
        if owner.isolated(symbol):
            for side in owner.sides(symbol):
                if owner.lots(symbol, side):
                    held, needed = margin.isolated_backing(owner, matcher, side)
                    if held < needed:
                        self._liquidate(owner, [(matcher, side)])
                    else:
                        owner.liquidating = False
                        self._warn(owner, [(matcher, side)], held, needed)
            return
        held, needed = margin.backing(owner, self.market, asset)
        places = [
            (each, side)
            for each, side in margin.active(owner, self.market, asset)
            if not owner.isolated(each.rules.symbol)
        ]
        if held < needed:
            self._liquidate(owner, places)
        else:
            owner.liquidating = False
            self._warn(owner, places, held, needed)

    def _warn(
        self, owner: Account, places: list[tuple[Matcher, PositionSide]], held: int, needed: int
    ) -> None:
        matcher, side = places[0]
        isolated = owner.isolated(matcher.rules.symbol)
        what = (matcher.rules.symbol, side) if isolated else None
        near = needed * CALL_SHARE[1] > held * CALL_SHARE[0]
        if near and what not in owner.margin_called:
            rows = tuple(
                margin.view(owner, self.market, matcher.rules.symbol, side)
                for matcher, side in places
                if owner.lots(matcher.rules.symbol, side)
            )
            owner.margin_called.add(what)
            cross = margin.cross_wallet_m(owner, self.market, matcher.rules.asset)
            self._tell(MarginCalled(self._now_ns, owner.name, 0 if isolated else cross, rows))
        elif not near:
            owner.margin_called.discard(what)

    def _liquidate(self, owner: Account, places: list[tuple[Matcher, PositionSide]]) -> None:
        for symbol in dict.fromkeys(matcher.rules.symbol for matcher, _ in places):
            for order in owner.open_orders(symbol):
                self._withdraw(order, Status.EXPIRED, Cause.LIQUIDATION)
        for matcher, side in places:
            symbol, asset = matcher.rules.symbol, matcher.rules.asset
            lots = owner.lots(symbol, side)
            if not lots:
                continue
            position = owner.position(symbol, side)
            backing = position.isolated_m
            before = owner.wallet(asset).total_m
            order = Order(
                order_id=0,
                account=owner.name,
                symbol=symbol,
                client_id=f"autoclose-{self._now_ns // 1_000_000}-{self._order_id + 1}",
                side=Side.SELL if lots > 0 else Side.BUY,
                position_side=side,
                type=OrderType.LIQUIDATION,
                original_type=OrderType.LIQUIDATION,
                tif=Tif.IOC,
                tick=0,
                lots=abs(lots),
                price_match=PriceMatch.NONE,
                created_ns=self._now_ns,
                updated_ns=self._now_ns,
            )
            self._submit(owner, matcher, order)
            if owner.isolated(symbol):
                lost = before - owner.wallet(asset).total_m
                spent = backing - position.isolated_m
                self._insure(owner, asset, lost - spent, symbol)
        asset = places[0][0].rules.asset
        held = margin.cross_wallet_m(owner, self.market, asset)
        exposed = any(owner.lots(matcher.rules.symbol, side) for matcher, side in places)
        owner.liquidating = exposed
        if not exposed:
            self._insure(owner, asset, -held, "")

    def _insure(self, owner: Account, asset: str, missing_m: int, symbol: str) -> None:
        """The insurance pays what the account does not have."""
        if missing_m > 0:
            self._pay(owner, asset, missing_m, IncomeType.INSURANCE_CLEAR, symbol)
            self._account_changed(owner, ChangeReason.INSURANCE_CLEAR, asset, missing_m, symbol)
