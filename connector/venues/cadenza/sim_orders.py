"""The simulated Cadenza's orders: submitted, cancelled, listed, and what becomes of them.

Written from the venue's reference alone (sections 5.1, 9.1, 14.4). What is matched the matching
engine decides; what an account can pay is looked at here, because assets are bought and sold.
"""

import contextlib
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from connector.sim.matching.api import Matching
from connector.sim.matching.events import (
    Accepted,
    Canceled,
    ConditionalChanged,
    Event,
    Expired,
    Traded,
)
from connector.sim.matching.types import (
    AlgoStatus,
    Cause,
    Fill,
    NewConditional,
    NewOrder,
    OrderType,
    Reason,
    Refused,
    Side,
    Stp,
    Tif,
)
from connector.venues.cadenza import sim_checks as checks
from connector.venues.cadenza import sim_contingent, sim_quotes
from connector.venues.cadenza.sim_asked import Asked, Held, page
from connector.venues.cadenza.sim_desk import ACTIVE, Account, Desk
from connector.venues.cadenza.sim_envelope import CONFLICT, Fault, Paged
from connector.venues.cadenza.sim_events import Teller
from connector.venues.cadenza.sim_refusals import fault_of
from connector.venues.cadenza.sim_tickets import (
    ACCEPTED,
    CANCELLED,
    CREATED,
    EXPIRED,
    FILLED,
    PENDING_CANCEL,
    REJECTED,
    SUBMITTED,
    Ticket,
)
from connector.venues.sim_contract import MarketView, decimal

MS_NS = 1_000_000
CONTINGENCY = "CONTINGENCY"
AWAITED_MS = 1000
"""How long an answer waits for an order to end."""
LET_GO = (Reason.POST_ONLY_WOULD_TAKE, Reason.FOK_UNFILLABLE)
"""For which the venue behind takes an order and ends it at once."""
ENDLESS_M = 10**22
"""What the engine believes an account to have: it counts margin, and must not say no."""
TIMES = {"GTC": Tif.GTC, "IOC": Tif.IOC, "FOK": Tif.FOK, "GTX": Tif.GTX, "GTD": Tif.GTD}


class Orders:
    """Everybody's orders."""

    def __init__(self, engine: Matching, desk: Desk, teller: Teller) -> None:
        self._engine, self._desk, self._teller = engine, desk, teller
        self.tickets: dict[str, Ticket] = {}
        self._by_engine: dict[int, Ticket] = {}
        self._by_algo: dict[int, Ticket] = {}
        self._by_key: dict[tuple[str, str], Ticket] = {}
        self._opened: set[str] = set()
        self._leaving: list[Ticket] = []
        """To be cancelled with the next turn; till then they may trade."""
        self._turned_ms = 0

    def _open(self, account: Account, now_ns: int) -> None:
        if account.account_id in self._opened:
            return
        self._opened.add(account.account_id)
        self._engine.open_account(account.account_id)
        for symbol in self._engine.symbols():
            asset = self._engine.rules(symbol).asset
            self._engine.transfer(account.account_id, asset, ENDLESS_M, now_ns)

    # Requests

    def submit(self, asked: Asked) -> Any:
        fields = dict(asked.fields)
        account: Account = self._desk.account(asked.me.user_id, fields["tradingAccountId"])
        for key in _keys(fields):
            known = self._by_key.get((account.account_id, key))
            if known is not None:
                return [one.told(asked.profile) for one in _with_it(known)]
        if account.status != ACTIVE:
            raise Fault(checks.NOT_TAKEN, f"Trading account is {account.status}")
        account.entered()
        if "quoteId" in fields or fields.get("orderType") == "QUOTED":
            ticket = self._quoted(asked, account, fields)
        else:
            ticket = checks.checked(asked, account, fields)
            sim_contingent.group(asked, account, ticket)
            self._open(account, asked.now_ms * MS_NS)
            self._first(asked, ticket)
            self.take()
        waited = fields.get("awaitClosed", False)
        return [one.told(asked.profile, first=not waited) for one in _with_it(ticket)]

    def _first(self, asked: Asked, ticket: Ticket) -> None:
        """Place an order that was asked for, and the one that goes beside it. Raises `Fault`."""
        beside = ticket.other
        now_ns = asked.now_ms * MS_NS
        self._lock(ticket, asked.market)
        try:
            if beside is not None:
                self._lock_beside(beside, ticket)
            self._place(ticket, now_ns)
        except Refused as refused:
            self._release(ticket)
            if refused.reason not in LET_GO:
                raise fault_of(refused) from None
            # The venue behind has taken it and lets go of it at once.
            self._changed(ticket)
            ticket.status = REJECTED
            ticket.reject_reason = refused.reason.name
            if refused.reason is Reason.FOK_UNFILLABLE:
                ticket.status, ticket.reject_reason = EXPIRED, ""
        except Fault:
            self._release(ticket)
            raise
        for one in reversed(_with_it(ticket)):
            self._keep(one)
            self._changed(one)
        if ticket.algo_id:
            self._become(ticket, ACCEPTED)
        self.take()
        if beside is not None and not beside.ended:
            self._later([beside], now_ns)

    def _become(self, ticket: Ticket, status: str) -> None:
        ticket.status = status
        self._changed(ticket)

    # Those that hang on others

    def _lock_beside(self, ticket: Ticket, holder: Ticket) -> None:
        """What one of two orders may cost more than the other, of which only one trades: the first
        holds it for both. Raises `Fault`."""
        asset, needed = checks.cost(ticket, None)
        ticket.asset = asset
        more = needed - holder.locked
        if more > 0:
            purse = holder.account.purse(asset)
            if purse.free < more:
                raise Fault(checks.NO_FUNDS, f"Insufficient funds: {asset}")
            purse.free -= more
            purse.locked += more
            holder.locked += more

    def _later(self, tickets: list[Ticket], now_ns: int) -> None:
        """Place those that waited for another; what they are paid with is put aside."""
        for one in tickets:
            one.updated_ms = max(one.updated_ms, now_ns // MS_NS)
            self._become(one, SUBMITTED)
        for one in tickets:
            if one.ended:
                continue
            try:
                self._place(one, now_ns)
            except Refused as refused:
                one.reject_reason = refused.reason.name
                self._end(one, REJECTED, now_ns // MS_NS, "")
                self._changed(one)
            else:
                self._become(one, ACCEPTED)
                self.take()

    def _follow(self, ticket: Ticket) -> None:
        """Do what the change of an order means for those that hang on it."""
        group = ticket.group
        if group is None:
            return
        now_ns = ticket.updated_ms * MS_NS
        other = ticket.other
        triggered = ticket.algo_id and ticket.engine_id
        moved = ticket.ended or ticket.filled_lots or triggered
        if other is not None and not other.ended and moved and ticket.cancel_reason != CONTINGENCY:
            self._drop(other, now_ns)
        waiting = [one for one in group.waiting(ticket) if one.status == CREATED]
        if ticket.ended and waiting:
            self._release_waiting(waiting, ticket.filled_lots, now_ns)

    def _release_waiting(self, legs: list[Ticket], lots: int, now_ns: int) -> None:
        """The order they hang on is at its end, so much of it filled."""
        try:
            if not lots:
                raise Fault(checks.NOT_TAKEN, "")
            for leg in legs:
                leg.lots = lots
                leg.fields["quantity"] = decimal(leg.qty(lots), 8)
            self._lock(legs[0], None)
            for leg in legs[1:]:
                self._lock_beside(leg, legs[0])
        except Fault as fault:
            for leg in legs:
                leg.updated_ms = now_ns // MS_NS
                leg.reject_reason = fault.words
                self._end(leg, REJECTED if lots else CANCELLED, leg.updated_ms, CONTINGENCY)
                self._changed(leg)
            return
        self._later(legs, now_ns)

    def _drop(self, ticket: Ticket, now_ns: int) -> None:
        """Cancel what another order makes needless."""
        if ticket.cancel_reason:
            return  # on its way out
        ticket.cancel_reason = CONTINGENCY
        if not ticket.engine_id and not ticket.algo_id:
            self._end(ticket, CANCELLED, now_ns // MS_NS, CONTINGENCY)
            self._changed(ticket)
            return
        try:
            self._withdraw(ticket, now_ns)
        except Refused:
            ticket.cancel_reason = ""  # it is at its end in the matching, which is told next

    def _withdraw(self, ticket: Ticket, now_ns: int) -> None:
        """Raises `Refused`."""
        name = ticket.account.account_id
        if ticket.engine_id:
            self._engine.cancel(name, ticket.row.symbol, now_ns, order_id=ticket.engine_id)
        else:
            self._engine.cancel_conditional(name, now_ns, algo_id=ticket.algo_id)

    def _keep(self, ticket: Ticket) -> None:
        self.tickets[ticket.order_id] = ticket
        for key in _keys(ticket.fields):
            self._by_key[ticket.account.account_id, key] = ticket

    def _quoted(self, asked: Asked, account: Account, fields: dict[str, Any]) -> Ticket:
        """Take a quote: it is filled at once and whole."""
        ticket, fill = sim_quotes.ticket(asked, account, fields)
        paid, owed = ticket.row.quote, fill.quote_m
        if not ticket.buys:
            paid, owed = ticket.row.base, fill.lots
        self._put_aside(ticket, paid, owed)
        sim_quotes.accepted(asked, fields["quoteId"])
        self._keep(ticket)
        self._changed(ticket)
        self._fill(ticket, fill)
        self._changed(ticket)
        return ticket

    def cancel(self, asked: Asked) -> Any:
        account = self._desk.account(asked.me.user_id, asked.fields["tradingAccountId"])
        ticket = self.tickets.get(asked.fields["tradeOrderId"])
        if ticket is None or ticket.account is not account or ticket.ended:
            raise Fault(checks.NO_ORDER, "Order not found")
        account.entered()
        if self._teller.slow_cancels and ticket.status != CREATED:
            if ticket not in self._leaving:
                self._leaving.append(ticket)
                ticket.updated_ms = asked.now_ms
                self._become(ticket, PENDING_CANCEL)
            return ticket.told(asked.profile)
        reason, ticket.cancel_reason = ticket.cancel_reason, "USER_REQUESTED"
        try:
            if ticket.status == CREATED:
                self._end(ticket, CANCELLED, asked.now_ms, "")
                self._changed(ticket)
            else:
                self._withdraw(ticket, asked.now_ms * MS_NS)
        except Refused as refused:
            ticket.cancel_reason = reason
            raise fault_of(refused) from None
        self.take()
        return ticket.told(asked.profile)

    def turn(self, now_ms: int) -> None:
        """Take in what the market and the time did to orders, and cancel those that are to go."""
        if now_ms != self._turned_ms:
            self._turned_ms = now_ms
            self._engine.advance(now_ms * MS_NS)
        self.take()
        leaving, self._leaving = self._leaving, []
        for ticket in leaving:
            if not ticket.ended:
                ticket.cancel_reason = "USER_REQUESTED"
                # Refused: the order is at its end there, which is told with what follows.
                with contextlib.suppress(Refused):
                    self._withdraw(ticket, now_ms * MS_NS)
        self.take()

    def mine(self, user_id: str) -> list[Ticket]:
        """A user's, oldest first."""
        return [one for one in self.tickets.values() if one.account.user_id == user_id]

    def select(self, asked: Asked) -> Paged:
        """Those of the user that are asked for, newest first unless told otherwise."""
        fields = asked.fields
        rows = [
            one
            for one in self.mine(asked.me.user_id)
            if fields.get("tradeOrderId", one.order_id) == one.order_id
            and fields.get("orderStatus", one.status) == one.status
            and fields.get("tradingAccountId", one.account.account_id) == one.account.account_id
            and fields.get("instrumentId", one.row.symbol) == one.row.symbol
            and fields.get("startTime", 0) <= one.created_ms
            and one.created_ms <= fields.get("endTime", one.created_ms)
            and fields.get("orderListId") in (None, one.group and one.group.list_id)
            and fields.get("externalOrderListId") in (None, one.group and one.group.external_id)
        ]
        if not fields.get("ascending", False):
            rows.reverse()
        return page(asked, rows, lambda row: str(row.order_id))

    def listed(self, asked: Asked) -> Any:
        found = self.select(asked)
        return replace(found, rows=[one.told(asked.profile) for one in found.rows])

    # A new order

    def _lock(self, ticket: Ticket, market: MarketView | None) -> None:
        """Put aside what the order may cost. Raises `Fault`."""
        self._put_aside(ticket, *checks.cost(ticket, market))

    @staticmethod
    def _put_aside(ticket: Ticket, asset: str, needed: int) -> None:
        """Lock so much of an asset. Raises `Fault`."""
        ticket.asset, purse = asset, ticket.account.purse(asset)
        if purse.free < needed:
            raise Fault(checks.NO_FUNDS, f"Insufficient funds: {asset}")
        purse.free -= needed
        purse.locked += needed
        ticket.locked = needed

    def _release(self, ticket: Ticket) -> None:
        other = ticket.other
        placed = other is not None and other.status != CREATED and not other.ended
        if other is not None and placed and ticket.locked:
            other.locked += ticket.locked  # it is held for both
            ticket.locked = 0
        purse = ticket.account.purse(ticket.asset)
        purse.locked -= ticket.locked
        purse.free += ticket.locked
        ticket.locked = 0

    def _place(self, ticket: Ticket, now_ns: int) -> None:
        """Raises `Refused`."""
        fields, row = ticket.fields, ticket.row
        kind = fields["orderType"]
        side = Side.BUY if ticket.buys else Side.SELL
        tick = (
            checks.tick_of(row, fields["limitPrice"], "limitPrice") if kind in checks.PRICED else 0
        )
        tif = Tif.GTX if kind == "LIMIT_MAKER" else TIMES.get(fields["timeInForce"], Tif.GTC)
        until_ns = fields.get("expireAt", 0) * MS_NS if tif is Tif.GTD else 0
        name = ticket.account.account_id
        if kind in checks.WAITING:
            waiting = NewConditional(
                symbol=row.symbol, side=side, type=checks.WAITING[kind], lots=ticket.lots,
                tick=tick,
                trigger_tick=checks.tick_of(row, fields["stopPrice"], "stopPrice"), tif=tif,
                good_till_ns=until_ns, link=ticket.link,
            )  # fmt: skip
            placed = self._engine.place_conditional(name, waiting, now_ns)
            ticket.algo_id = placed.algo_id
            self._by_algo[placed.algo_id] = ticket
            return
        new = NewOrder(
            symbol=row.symbol, side=side, lots=ticket.lots, tick=tick, tif=tif, stp=Stp.NONE,
            type=OrderType.MARKET if kind == "MARKET" else OrderType.LIMIT, good_till_ns=until_ns,
            link=ticket.link,
        )  # fmt: skip
        order = self._engine.place(name, new, now_ns)
        ticket.engine_id = order.order_id
        self._by_engine[order.order_id] = ticket

    # What becomes of them

    def take(self) -> None:
        """Take in what the engine tells."""
        while events := self._engine.take_events():
            for event in events:
                self._event(event)

    def _event(self, event: Event) -> None:
        if isinstance(event, ConditionalChanged):
            self._conditional(event)
            return
        if not isinstance(event, Accepted | Traded | Canceled | Expired):
            return
        ticket = self._by_engine.get(event.order.order_id)
        if ticket is None and event.order.conditional_id:
            ticket = self._by_algo.get(event.order.conditional_id)
            if ticket is not None:
                ticket.engine_id = event.order.order_id
                self._by_engine[ticket.engine_id] = ticket
        if ticket is None:
            return
        if isinstance(event, Traded):
            self._fill(ticket, event.fill)
        elif isinstance(event, Accepted):
            if ticket.status == SUBMITTED:
                ticket.status = ACCEPTED
        else:
            self._end(ticket, CANCELLED if isinstance(event, Canceled) else EXPIRED,
                      event.time_ns // MS_NS, event.order.cause.name)  # fmt: skip
        ticket.updated_ms = max(ticket.updated_ms, event.time_ns // MS_NS)
        self._changed(ticket)

    def _conditional(self, event: ConditionalChanged) -> None:
        found = event.conditional
        ticket = self._by_algo.get(found.algo_id)
        if ticket is None or ticket.ended:
            return
        time_ms = event.time_ns // MS_NS
        if found.status == AlgoStatus.CANCELED:
            self._end(ticket, CANCELLED, time_ms, found.cause.name)
        elif found.status == AlgoStatus.EXPIRED:
            self._end(ticket, EXPIRED, time_ms, found.cause.name)
        elif found.status == AlgoStatus.REJECTED:
            ticket.reject_reason = found.reject.name if found.reject is not None else "REJECTED"
            self._end(ticket, REJECTED, time_ms, "")
        else:
            return
        self._changed(ticket)

    def _fill(self, ticket: Ticket, fill: Fill) -> None:
        """Exchange the assets. What was locked goes in proportion; what it was too much is free."""
        other = ticket.other
        if other is not None and not ticket.locked:
            ticket.locked, other.locked = other.locked, 0
        left = ticket.lots - ticket.filled_lots
        part = ticket.locked if fill.lots >= left else ticket.locked * fill.lots // left
        ticket.locked -= part
        base, quote = ticket.account.purse(ticket.row.base), ticket.account.purse(ticket.row.quote)
        qty = ticket.qty(fill.lots)
        if ticket.buys:
            quote.locked -= part
            quote.free += part - fill.quote_m - fill.fee_m
            base.free += qty
        else:
            base.locked -= part
            base.free += part - qty
            quote.free += fill.quote_m - fill.fee_m
        ticket.book(fill)
        sign = 1 if ticket.buys else -1
        position = ticket.account.moved(
            ticket.row.symbol, ticket.row.base, sign * qty, sign * fill.quote_m, ticket.updated_ms
        )
        ticket.position_id = position.position_id
        if ticket.status == FILLED:
            self._release(ticket)

    def _end(self, ticket: Ticket, status: str, time_ms: int, cause: str) -> None:
        if ticket.ended:
            return
        self._release(ticket)
        ticket.status, ticket.updated_ms = status, time_ms
        if status == CANCELLED:
            ticket.canceled_ms = time_ms
            linked = cause == Cause.LINKED.name
            ticket.cancel_reason = ticket.cancel_reason or (CONTINGENCY if linked else cause)

    def _changed(self, ticket: Ticket) -> None:
        ticket.account.updated_ms = max(ticket.account.updated_ms, ticket.updated_ms)
        self._teller.order(ticket, ticket.told_status)
        ticket.told_status = ticket.status
        self._follow(ticket)


def _with_it(ticket: Ticket) -> list[Ticket]:
    """An order and those that hang on it."""
    return ticket.group.members if ticket.group is not None else [ticket]


def _keys(fields: Mapping[str, Any]) -> set[str]:
    """Either of the two is the key of a request."""
    found = {fields.get("idempotencyKey", ""), fields.get("clientOrderId", "")}
    return found - {""}


def submit(asked: Asked) -> Any:
    """Where it was asked for, the answer is held until the order is at its end, or a second."""
    orders = of(asked)
    rows = orders.submit(asked)
    tickets = [orders.tickets[row["tradeOrderId"]] for row in rows]
    if not asked.fields.get("awaitClosed", False) or tickets[0].ended:
        return rows
    return Held(
        lambda: [one.told(asked.profile) for one in tickets],
        lambda: tickets[0].ended,
        asked.now_ms + AWAITED_MS,
    )


def cancel(asked: Asked) -> Any:
    return of(asked).cancel(asked)


def listed(asked: Asked) -> Any:
    return of(asked).listed(asked)


def of(asked: Asked) -> Orders:
    """Raises `Fault` where nothing is matched."""
    if asked.orders is None:
        raise Fault(CONFLICT, "nothing is matched here", 400)
    return asked.orders
