"""The accounts' side of the simulated Phemex: whose orders there are, what became of them, and what
the private stream says of it.

Written from the venue's reference alone. An answer to a request only says that it was taken; every
change of an order comes out of `Desk.take`, in the order in which it happened.
"""

from collections.abc import Iterable
from typing import Any

import orjson

from connector.sim.matching.api import Matching
from connector.sim.matching.events import (
    Accepted,
    AccountChanged,
    Canceled,
    ChangeReason,
    ConditionalChanged,
    Event,
    Expired,
    OrderAmended,
    Traded,
)
from connector.sim.matching.types import (
    AlgoStatus,
    Cause,
    Order,
    OrderType,
    PositionSide,
    PositionView,
    Reason,
    Refused,
    Side,
)
from connector.venues.phemex import sim_aop, sim_attached, sim_texts
from connector.venues.phemex.sim_aop import Exposure
from connector.venues.phemex.sim_auth import Keyring
from connector.venues.phemex.sim_listings import (
    DECIMAL_CURRENCIES,
    decimal_family,
    value_scale,
)
from connector.venues.phemex.sim_params import POSITION_WORDS, Wish
from connector.venues.phemex.sim_person import Person
from connector.venues.phemex.sim_refusals import code_of
from connector.venues.phemex.sim_rules import CoinRules
from connector.venues.phemex.sim_tickets import (
    CANCELED,
    DEACTIVATED,
    FILLED,
    NEW,
    NOBODY,
    PARTIAL,
    REJECTED,
    TRIGGERED,
    UNTRIGGERED,
    WORDS,
    Ticket,
    made_id,
)
from connector.venues.sim_contract import MarketView
from connector.venues.sim_setup import OrderSetup

MS_NS = 1_000_000
AOP, AOP_P = "aop", "aop_p"
"""The private streams of the two families."""
FIRST_USER = 67534
KEPT = 100
"""Closed orders, and fills, that a snapshot of the private stream repeats."""
NO_QTY, WOULD_CROSS = 100, 101
"""Why the engine let go of an order: nothing to take, or it would have taken."""
ABORTS = {Reason.POST_ONLY_WOULD_TAKE: WOULD_CROSS, Reason.FOK_UNFILLABLE: NO_QTY}
"""What the engine lets go of at once, new or just triggered, and why."""
REASONS = {
    Cause.IOC: NO_QTY, Cause.IOC_STP: NO_QTY, Cause.MARKET: NO_QTY, Cause.AMEND: WOULD_CROSS,
}  # fmt: skip


class Desk:
    """Everybody's orders. Raises ValueError for accounts that cannot be."""

    def __init__(self, engine: Matching, setup: OrderSetup, now_ms: int) -> None:
        self.engine = engine
        self.keys = Keyring(setup.accounts)
        self.market: MarketView | None = None
        self.people: dict[str, Person] = {}
        self._numbers = now_ms
        """Ids of another start are not met again."""
        self._sequence = now_ms % 10**9
        self._filled_now: list[tuple[Person, Ticket, int]] = []
        """Orders that something comes with, and since when they have another fill."""
        self._ended_now: list[tuple[Person, str, str, int]] = []
        """Positions that are none any more, or another: whose, symbol, posSide, and since when."""
        self._news: dict[tuple[str, str], tuple[list[dict[str, Any]], dict[str, None]]] = {}
        """Of each account and currency what the stream has not said: entries, and symbols."""
        for place, account in enumerate(setup.accounts):
            engine.open_account(account.name)
            person = Person(account.name, FIRST_USER + place)
            self.people[account.name] = person
            for asset, amount in account.balances.items():
                if amount:
                    engine.transfer(account.name, asset, amount, now_ms * MS_NS)
                person.balances[asset] = amount
        engine.take_events()

    # What requests need

    def rules(self, symbol: str) -> CoinRules:
        found = self.engine.rules(symbol)
        assert isinstance(found, CoinRules)
        return found

    def ticket(self, person: Person, wish: Wish, now_ns: int) -> Ticket:
        """A new order's, under its own id."""
        self._numbers += 1
        rules = self.rules(wish.symbol)
        made = Ticket(
            number=self._numbers,
            order_id=made_id("order", self._numbers),
            wish=wish,
            account_id=sim_aop.account_id(person.user_id, rules.asset),
            user_id=person.user_id,
            currency=rules.asset,
            price_ep=wish.price_ep,
            qty=wish.qty,
            action_ns=now_ns,
            time_ns=now_ns,
        )
        self.asked(person, made, "New", now_ns)
        made.leaves_ev = self.value_ev(made)
        person.tickets[made.number] = person.alive[made.number] = made
        person.by_id[made.order_id] = made.number
        if wish.client_id:
            person.by_client.setdefault(wish.client_id, made.number)
        else:
            person.unnamed[made.order_id] = made.number
        return made

    @staticmethod
    def asked(person: Person, ticket: Ticket, action: str, now_ns: int) -> None:
        """Somebody wants something of the order."""
        person.requests += 1
        ticket.request, ticket.action, ticket.action_ns = person.requests, action, now_ns

    def value_ev(self, ticket: Ticket) -> int:
        """What is open, at the order's price."""
        if not ticket.price_ep:
            return 0
        rules = self.rules(ticket.wish.symbol)
        tick = ticket.price_ep // rules.tick_units
        return abs(rules.quote_m(tick, ticket.qty - ticket.filled)) // rules.unit_m

    def rejected(self, person: Person, ticket: Ticket, code: int, now_ns: int) -> None:
        """The engine does not take a new order: it says so on the private stream, too."""
        ticket.status, ticket.exec_status, ticket.code = REJECTED, "CreateRejected", code
        ticket.time_ns = now_ns
        self._tell(person, ticket, message="TE: " + ("no enough available balance" if code == 11001
                                                     else str(code)))  # fmt: skip

    def aborted(self, person: Person, ticket: Ticket, reason: int, now_ns: int) -> None:
        """The matching engine let go of a new order at once."""
        ticket.status, ticket.exec_status, ticket.reason = CANCELED, "Aborted", reason
        ticket.time_ns, ticket.sequence = now_ns, self._at(ticket.wish.symbol)
        self._tell(person, ticket, execQty=ticket.qty)

    # What happened

    def turn(self, now_ms: int) -> None:
        self.engine.advance(now_ms * MS_NS)
        self.follow()

    def follow(self) -> None:
        """Read what the matching engine did, and do what came with orders that it filled."""
        while events := self.engine.take_events():
            for event in events:
                self._follow(event)
            self._attach()

    def _attach(self) -> None:
        """Put up the closing orders of new positions, and take away those of closed ones."""
        ended, self._ended_now = self._ended_now, []
        filled, self._filled_now = self._filled_now, []
        for person, symbol, word, time_ns in ended:
            for leg in sim_attached.legs(person, symbol, word):
                if leg.action != "Cancel":
                    self.asked(person, leg, "Cancel", time_ns)
                    self.engine.cancel_conditional(person.name, time_ns, algo_id=leg.algo_id)
        for person, ticket, time_ns in filled:
            wish = ticket.wish
            rules, holding = (
                self.rules(wish.symbol),
                person.holding(wish.symbol, wish.position_side),
            )
            for one in sim_attached.due(person, ticket, holding):
                leg = self.ticket(person, one, time_ns)
                try:
                    sim_attached.submit(self.engine, person.name, rules, leg, time_ns)
                except Refused as refused:
                    self.rejected(person, leg, code_of(refused.reason), time_ns)

    def take(self) -> list[tuple[str, bytes]]:
        """Private streams and messages since the last call."""
        news, self._news = self._news, {}
        return [
            (
                f"{name}@{AOP_P if currency in DECIMAL_CURRENCIES else AOP}",
                self._message(name, currency, entries, symbols, "incremental"),
            )
            for (name, currency), (entries, symbols) in news.items()
        ]

    def greeting(self, name: str, stream: str, now_ms: int) -> list[bytes]:
        """Of each trading account: where it stands, its open orders, and what closed last."""
        person = self.people[name]
        made = []
        for currency in person.balances:
            if (currency in DECIMAL_CURRENCIES) != (stream == AOP_P):
                continue
            entries = self._history(person, currency)
            symbols = dict.fromkeys(
                symbol for symbol, _ in person.holdings if self._currency(symbol) == currency
            )
            made.append(self._message(name, currency, entries, symbols, "snapshot", now_ms))
        return made

    def _history(self, person: Person, currency: str) -> list[dict[str, Any]]:
        """Events to repeat: all of open orders, of the rest the newest."""
        own = [each for each in person.events if each["currency"] == currency]
        alive = {each.order_id for each in person.alive.values() if each.open}
        last = {each["orderID"]: number for number, each in enumerate(own)}
        standing: list[tuple[int, dict[str, Any]]] = []
        fills: list[tuple[int, dict[str, Any]]] = []
        closed: list[tuple[int, dict[str, Any]]] = []
        for number, each in enumerate(own):
            if each["execQty"] and each["execID"] != NOBODY:
                fills.append((number, each))
            elif last[each["orderID"]] == number:
                (standing if each["orderID"] in alive else closed).append((number, each))
        kept = [*standing, *closed[-KEPT:], *fills[-KEPT:]]
        return [each for _, each in sorted(kept, key=lambda pair: pair[0])]

    def _message(
        self,
        name: str,
        currency: str,
        entries: list[dict[str, Any]],
        symbols: Iterable[str],
        kind: str,
        now_ms: int = 0,
    ) -> bytes:
        self._sequence += 1 + self._sequence % 3
        person = self.people[name]
        row = self.account(person, currency)
        last_ns = max((each["transactTimeNs"] for each in entries), default=0)
        positions = [each for symbol in symbols for each in self.positions(person, symbol, row)]
        said = {
            "sequence": self._sequence,
            "timestamp": max(last_ns, now_ms * MS_NS),
            "type": kind,
            "version": 0,
        }
        if currency in DECIMAL_CURRENCIES:
            said |= {
                "accounts_p": [sim_texts.account(row)],
                "orders_p": [
                    sim_texts.order(each, self.rules(each["symbol"]), "") for each in entries
                ],
                "positions_p": [
                    sim_texts.position(each, self.rules(each["symbol"])) for each in positions
                ],
            }
        else:
            said |= {"accounts": [row], "orders": entries, "positions": positions}
        return orjson.dumps(said)

    # Accounts and positions

    def account(self, person: Person, currency: str) -> dict[str, Any]:
        unit = 10 ** (8 - value_scale(currency))
        used = 0
        for symbol in dict.fromkeys(symbol for symbol, _ in person.holdings):
            if self._currency(symbol) != currency:
                continue
            for view in self.engine.positions(person.name, symbol):
                open_now = self._exposure(person, symbol, view.position_side)
                holding = person.holding(symbol, view.position_side)
                used += sim_aop.figures(self.rules(symbol), view, holding, open_now).used_ev
        balance = next(
            (row.wallet_m for row in self.engine.balances(person.name) if row.asset == currency), 0
        )
        return sim_aop.account_row(person.user_id, currency, balance // unit, used)

    def positions(self, person: Person, symbol: str, row: dict[str, Any]) -> list[dict[str, Any]]:
        """Rows of a symbol's positions, which are two in hedged mode; ``row``: the account's."""
        rules, found = self.rules(symbol), []
        for view in self.engine.positions(person.name, symbol):
            holding = person.holding(symbol, view.position_side)
            limit_ev = rules.brackets[-1].cap_m // rules.unit_m
            holding.risk_limit_ev = holding.risk_limit_ev or limit_ev
            open_now = self._exposure(person, symbol, view.position_side)
            made = sim_aop.position_row(rules, view, holding, open_now, row)
            if not rules.scaled:
                both = view.position_side == PositionSide.BOTH
                made["posSide"] = POSITION_WORDS[view.position_side]
                made["posMode"] = "OneWay" if both else "Hedged"
            found.append(made)
        return found

    def view(self, person: Person, symbol: str, side: PositionSide) -> PositionView | None:
        """A position; None where the symbol has none of that side."""
        rows = self.engine.positions(person.name, symbol)
        return next((row for row in rows if row.position_side == side), None)

    def _exposure(self, person: Person, symbol: str, side: PositionSide) -> Exposure:
        sums = [0, 0, 0, 0]
        for each in person.alive.values():
            here = each.wish.symbol == symbol and each.wish.position_side == side
            if here and each.status in (NEW, PARTIAL):
                place = 0 if WORDS[each.wish.side] == "Buy" else 2
                sums[place] += each.leaves
                sums[place + 1] += each.leaves_ev
        return Exposure(*sums)

    def _currency(self, symbol: str) -> str:
        return self.engine.rules(symbol).asset

    # Events of the matching engine

    def _follow(self, event: Event) -> None:
        match event:
            case AccountChanged():
                self._account_changed(event)
            case Accepted(order=order):
                self._accepted(order, event.time_ns)
            case Traded():
                self._traded(event)
            case OrderAmended(order=order):
                self._amended(order, event.time_ns)
            case Canceled(order=order) | Expired(order=order):
                self._ended(order, event.time_ns)
            case ConditionalChanged():
                self._conditional(event)

    def _account_changed(self, event: AccountChanged) -> None:
        person = self.people[event.account]
        moved = event.reason in (ChangeReason.DEPOSIT, ChangeReason.WITHDRAW)
        for each in event.balances:
            person.book(each.asset, each.wallet_m, moved, event.time_ns)
            _, symbols = self._news.setdefault((person.name, each.asset), ([], {}))
            for view in event.positions:
                symbols[view.symbol] = None
        for view in event.positions:
            holding = person.holding(view.symbol, view.position_side)
            if holding.lots and not view.lots:
                holding.term += 1
                holding.ended_ns = event.time_ns
            if (holding.lots and (holding.lots > 0) != (view.lots > 0)) or not view.lots:
                word = self._position_word(view.symbol, view.position_side)
                self._ended_now.append((person, view.symbol, word, event.time_ns))
            unit = self.rules(view.symbol).unit_m
            holding.lots, holding.time_ns = view.lots, event.time_ns
            holding.value_ev = abs(view.notional_m - view.unrealized_m) // unit
            holding.assigned_ev = view.isolated_wallet_m // unit
            holding.version += 1
        if event.reason == ChangeReason.FUNDING_FEE:
            self._funded(person, event)

    def _of(self, order: Order, time_ns: int) -> tuple[Person, Ticket]:
        """The order's ticket; one that the venue itself made has none yet."""
        person = self.people[order.account]
        number = person.by_engine.get(order.order_id)
        number = number or person.by_algo.get(order.conditional_id)
        number = number or person.unnamed.get(order.client_id)
        number = number or person.by_client.get(order.client_id)
        if number is None:
            wish = Wish(symbol=order.symbol, client_id=order.client_id, side=order.side,
                        kind="Market", qty=order.lots, tif="ImmediateOrCancel",
                        position=self._position_word(order.symbol, order.position_side),
                    )  # fmt: skip
            number = self.ticket(person, wish, time_ns).number
        person.by_engine[order.order_id] = number
        return person, person.tickets[number]

    def _accepted(self, order: Order, time_ns: int) -> None:
        person, ticket = self._of(order, time_ns)
        ticket.engine_id = order.order_id
        ticket.status, ticket.exec_status, ticket.time_ns = NEW, "New", time_ns
        ticket.qty = order.lots
        if order.type == OrderType.LIQUIDATION:
            ticket.action = "LiqRequest"
        ticket.leaves_ev = self.value_ev(ticket)
        ticket.added = ticket.sequence = max(ticket.sequence, self._at(order.symbol))
        self._tell(person, ticket)

    def _traded(self, event: Traded) -> None:
        order, fill = event.order, event.fill
        person, ticket = self._of(order, event.time_ns)
        rules = self.rules(order.symbol)
        holding = person.holding(order.symbol, order.position_side)
        unit = rules.unit_m
        before = abs(ticket.filled_ev)
        ticket.filled, ticket.filled_ev = order.filled, abs(order.filled_m) // unit
        ticket.status = PARTIAL if order.leaves else FILLED
        ticket.exec_status = "MakerFill" if fill.maker else "TakerFill"
        ticket.time_ns, ticket.leaves_ev = event.time_ns, self.value_ev(ticket)
        ticket.sequence = max(ticket.sequence, self._of_trade(order.symbol, fill.trade_id))
        holding.sequence = max(holding.sequence, ticket.sequence)
        value_ev, fee_ev = ticket.filled_ev - before, fill.fee_m // unit
        pnl_ev = fill.realized_m // unit
        was = holding.lots - (fill.lots if ticket.wish.side == Side.BUY else -fill.lots)
        against = was * (1 if ticket.wish.side == Side.BUY else -1) < 0
        closed = min(abs(was), fill.lots) if against else 0
        ticket.closed, ticket.closed_pnl_ev = ticket.closed + closed, ticket.closed_pnl_ev + pnl_ev
        holding.closed_pnl_ev += pnl_ev
        holding.fees_ev += fee_ev
        ticket.fees_ev += fee_ev
        maker, taker = self.engine.fees(person.name, order.symbol)
        kind = "LiqTrade" if order.type == OrderType.LIQUIDATION else "Trade"
        done = {
            "closedPnlEv": pnl_ev,
            "closedSize": closed,
            "execFeeEv": fee_ev,
            "execID": made_id("fill", order.symbol, fill.trade_id, ticket.order_id),
            "execPriceEp": fill.tick * rules.tick_units,
            "execQty": fill.lots,
            "execValueEv": value_ev,
            "feeRateEr": maker if fill.maker else taker,
            "lastLiquidityInd": "AddedLiquidity" if fill.maker else "RemovedLiquidity",
            "tradeType": kind,
        }
        entry = self._tell(person, ticket, **done)
        person.trades.append(trade_row(entry))
        if sim_attached.asked(ticket.wish):
            self._filled_now.append((person, ticket, event.time_ns))

    def _amended(self, order: Order, time_ns: int) -> None:
        """The old version goes, the new one comes: neither is the end of the order."""
        person, ticket = self._of(order, time_ns)
        sequence = max(ticket.sequence, self._at(order.symbol))
        left = ticket.qty - ticket.filled
        ticket.sequence, ticket.time_ns = sequence, time_ns
        ticket.status, ticket.exec_status = CANCELED, "ReplaceToCanceled"
        self._tell(person, ticket, execQty=left)
        rules = self.rules(order.symbol)
        ticket.price_ep, ticket.qty = order.tick * rules.tick_units, order.lots
        ticket.status, ticket.exec_status = (PARTIAL if ticket.filled else NEW), "ReAdded"
        ticket.leaves_ev = self.value_ev(ticket)
        self._tell(person, ticket)

    def _ended(self, order: Order, time_ns: int) -> None:
        person, ticket = self._of(order, time_ns)
        left = ticket.qty - ticket.filled
        ticket.status, ticket.time_ns = CANCELED, time_ns
        ticket.exec_status = "Canceled" if order.cause == Cause.USER else "Expired"
        ticket.reason = REASONS.get(order.cause, 0)
        ticket.code = 11011 if order.cause == Cause.REDUCE_ONLY else 0
        ticket.sequence = max(ticket.sequence, self._at(order.symbol))
        self._tell(person, ticket, execQty=left)

    def _conditional(self, event: ConditionalChanged) -> None:
        each = event.conditional
        person = self.people[each.account]
        number = person.by_algo.get(each.algo_id) or person.unnamed.get(each.client_id)
        number = number or person.by_client[each.client_id]
        ticket = person.tickets[number]
        person.by_algo[each.algo_id] = ticket.number
        ticket.algo_id, ticket.time_ns = each.algo_id, event.time_ns
        changed: dict[str, Any] = {}
        match each.status:
            case AlgoStatus.NEW:
                ticket.status, ticket.exec_status = UNTRIGGERED, "New"
            case AlgoStatus.TRIGGERING:
                ticket.status, ticket.exec_status = TRIGGERED, "New"
            case AlgoStatus.CANCELED | AlgoStatus.EXPIRED:
                ticket.status, ticket.exec_status = DEACTIVATED, "Canceled"
                changed["execQty"] = ticket.qty
            case AlgoStatus.REJECTED if each.reject in ABORTS:
                ticket.status, ticket.exec_status = CANCELED, "Aborted"
                ticket.reason = ABORTS[each.reject]
                changed["execQty"] = ticket.qty
            case AlgoStatus.REJECTED:
                ticket.status, ticket.exec_status = REJECTED, "CreateRejected"
                ticket.code = code_of(each.reject) if each.reject is not None else 0
            case _:
                return
        ticket.sequence = max(ticket.sequence, self._at(ticket.wish.symbol))
        self._tell(person, ticket, **changed)

    def _funded(self, person: Person, event: AccountChanged) -> None:
        """Each position that is there pays its part, or gets it."""
        views = [each for each in self.engine.positions(person.name, event.symbol) if each.lots]
        left_m, whole_m = -event.balances[0].change_m, sum(each.notional_m for each in views)
        for view in views:
            last = view is views[-1]
            paid_m = left_m if last or not whole_m else left_m * view.notional_m // whole_m
            left_m, whole_m = left_m - paid_m, whole_m - view.notional_m
            self._funding(person, event, view, paid_m)

    def _funding(
        self, person: Person, event: AccountChanged, view: PositionView, paid_m: int
    ) -> None:
        symbol, unit = view.symbol, self.rules(view.symbol).unit_m
        holding = person.holding(symbol, view.position_side)
        fee_ev, value_ev = paid_m // unit, abs(view.notional_m) // unit
        holding.funding_ev += fee_ev
        holding.funded_ns = event.time_ns
        wish = Wish(symbol=symbol, client_id="SettlingFunding", kind="UNSPECIFIED", qty=0,
                    side=Side.BUY if view.lots > 0 else Side.SELL,
                    position=self._position_word(symbol, view.position_side))  # fmt: skip
        ticket = Ticket(
            number=0, order_id=NOBODY, wish=wish, user_id=person.user_id, price_ep=0, qty=0,
            account_id=sim_aop.account_id(person.user_id, self._currency(symbol)),
            currency=self._currency(symbol), action="SettleFundingFee", exec_status="Init",
            action_ns=event.time_ns, time_ns=event.time_ns, sequence=self._at(symbol),
        )  # fmt: skip
        self._numbers += 1
        entry = self._tell(
            person, ticket, execFeeEv=fee_ev, execID=made_id("funding", self._numbers),
            execPriceEp=view.mark_e8 // 10 ** (8 - self.rules(symbol).price_digits),
            execQty=abs(view.lots), execValueEv=value_ev,
            feeRateEr=fee_ev * 10**8 // value_ev if value_ev else 0, tradeType="Funding",
        )  # fmt: skip
        person.trades.append(trade_row(entry))

    # The stream

    def _tell(self, person: Person, ticket: Ticket, **changed: Any) -> dict[str, Any]:
        """Put an entry of the order on the private stream."""
        entry = ticket.event(self._now_holds(person, ticket), **changed)
        person.note(entry)
        if ticket.over:
            person.alive.pop(ticket.number, None)
        key = (person.name, ticket.currency)
        entries, symbols = self._news.setdefault(key, ([], {}))
        entries.append(entry)
        person.holding(ticket.wish.symbol, ticket.wish.position_side)
        symbols[ticket.wish.symbol] = None
        return entry

    def _now_holds(self, person: Person, ticket: Ticket) -> dict[str, Any]:
        """Account and position as of the event."""
        wish = ticket.wish
        holding, rules = person.holding(wish.symbol, wish.position_side), self.rules(wish.symbol)
        unit = rules.unit_m
        return {
            "curAccBalanceEv": person.balances.get(ticket.currency, 0) // unit,
            "curAssignedPosBalanceEv": holding.assigned_ev,
            "curBonusBalanceEv": 0,
            "curLeverageEr": holding.leverage_er,
            "curPosSide": sim_aop.side(holding.lots),
            "curPosSize": abs(holding.lots),
            "curPosTerm": holding.term,
            "curPosValueEv": holding.value_ev,
            "curRiskLimitEv": rules.brackets[-1].cap_m // unit,
        }

    @staticmethod
    def _position_word(symbol: str, side: PositionSide) -> str:
        return POSITION_WORDS[side] if decimal_family(symbol) else ""

    def _at(self, symbol: str) -> int:
        """The engine's sequence: the book's."""
        return 0 if self.market is None else self.market.top(symbol, 1).update_id

    def _of_trade(self, symbol: str, trade_id: int) -> int:
        if self.market is None:
            return 0
        rows = self.market.trades(symbol, trade_id - 1)
        found = rows[0].update_id if rows and rows[0].trade_id == trade_id else 0
        return found or self._at(symbol)


def trade_row(entry: dict[str, Any]) -> dict[str, Any]:
    """A fill or a funding as the history tells it."""
    names = (
        "transactTimeNs", "symbol", "currency", "action", "side", "tradeType", "execQty",
        "execPriceEp", "execValueEv", "feeRateEr", "execFeeEv", "ordType", "execID", "orderID",
        "clOrdID", "execStatus", "orderQty", "priceEp", "closedPnlEv", "closedSize",
    )  # fmt: skip
    return {name: entry[name] for name in (*names, "posSide") if name in entry}
