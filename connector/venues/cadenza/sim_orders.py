"""The simulated Cadenza's orders: submitted, cancelled, listed, and what becomes of them.

Written from the venue's reference alone (sections 5.1, 9.1, 14.4). What is matched the matching
engine decides; what an account can pay is looked at here, because assets are bought and sold.
"""

from collections.abc import Mapping
from decimal import (
    ROUND_CEILING,
    ROUND_DOWN,
    ROUND_FLOOR,
    ROUND_HALF_DOWN,
    ROUND_HALF_EVEN,
    ROUND_HALF_UP,
    ROUND_UP,
    Decimal,
)
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
from connector.venues.cadenza import sim_listings as listings
from connector.venues.cadenza import sim_quotes
from connector.venues.cadenza.sim_asked import Asked, page
from connector.venues.cadenza.sim_desk import ACTIVE, Account, Desk
from connector.venues.cadenza.sim_envelope import CONFLICT, INVALID, Fault, Paged, made
from connector.venues.cadenza.sim_events import Teller
from connector.venues.cadenza.sim_market import found as instrument
from connector.venues.cadenza.sim_positions import Position
from connector.venues.cadenza.sim_refusals import fault_of
from connector.venues.cadenza.sim_tickets import (
    ACCEPTED,
    CANCELLED,
    EXPIRED,
    FILLED,
    REJECTED,
    SUBMITTED,
    Ticket,
)
from connector.venues.sim_contract import Contract, MarketView

MS_NS = 1_000_000
E8 = 10**8
BAD_TYPE, BAD_SIDE, BAD_TIME, NO_FUNDS, BAD_ORDER = 18001, 18002, 18003, 18006, 18007
NOT_SUPPORTED, NO_ORDER, NO_POSITION, NOT_TAKEN = 18016, 18018, 18019, 18025
ENDLESS_M = 10**22
"""What the engine believes an account to have: it counts margin, and must not say no."""
TIMES = {"GTC": Tif.GTC, "IOC": Tif.IOC, "FOK": Tif.FOK, "GTX": Tif.GTX, "GTD": Tif.GTD}
WAITING = {
    "STOP_LOSS": OrderType.STOP_MARKET, "STOP_LOSS_LIMIT": OrderType.STOP,
    "TAKE_PROFIT": OrderType.TAKE_PROFIT_MARKET, "TAKE_PROFIT_LIMIT": OrderType.TAKE_PROFIT,
}  # fmt: skip
PRICED = ("LIMIT", "LIMIT_MAKER", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT")
ROUNDINGS = {
    "UP": ROUND_UP, "DOWN": ROUND_DOWN, "NEAREST": ROUND_HALF_UP, "CEIL": ROUND_CEILING,
    "FLOOR": ROUND_FLOOR, "HALF_UP": ROUND_HALF_UP, "HALF_DOWN": ROUND_HALF_DOWN,
    "HALF_EVEN": ROUND_HALF_EVEN,
}  # fmt: skip
HEADROOM = Decimal("1.05")
"""Locked for a market order that waits, over its trigger price."""
FEE = Decimal(listings.FEES_E8) / E8


class Orders:
    """Everybody's orders."""

    def __init__(self, engine: Matching, desk: Desk, teller: Teller) -> None:
        self._engine, self._desk, self._teller = engine, desk, teller
        self.tickets: dict[str, Ticket] = {}
        self._by_engine: dict[int, Ticket] = {}
        self._by_algo: dict[int, Ticket] = {}
        self._by_key: dict[tuple[str, str], Ticket] = {}
        self._opened: set[str] = set()

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
                return [known.told(asked.profile)]
        if account.status != ACTIVE:
            raise Fault(NOT_TAKEN, f"Trading account is {account.status}")
        if "quoteId" in fields or fields.get("orderType") == "QUOTED":
            taken = self._quoted(asked, account, fields)
            return [taken.told(asked.profile, first=not fields.get("awaitClosed", False))]
        ticket = self._checked(asked, account, fields)
        self._open(account, asked.now_ms * MS_NS)
        self._lock(ticket, asked.market)
        try:
            self._place(ticket, asked.now_ms * MS_NS)
        except Refused as refused:
            self._release(ticket)
            if refused.reason not in (Reason.POST_ONLY_WOULD_TAKE, Reason.FOK_UNFILLABLE):
                raise fault_of(refused) from None
            # The venue behind has taken it and lets go of it at once.
            self._changed(ticket)
            ticket.status = REJECTED
            ticket.reject_reason = refused.reason.name
            if refused.reason is Reason.FOK_UNFILLABLE:
                ticket.status, ticket.reject_reason = EXPIRED, ""
        self._changed(ticket)
        if ticket.algo_id:
            ticket.status = ACCEPTED
            self._changed(ticket)
        self._keep(ticket)
        self.take()
        waited = fields.get("awaitClosed", False)
        return [ticket.told(asked.profile, first=not waited)]

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
            raise Fault(NO_ORDER, "Order not found")
        now_ns = asked.now_ms * MS_NS
        name, symbol = account.account_id, ticket.row.symbol
        try:
            if ticket.engine_id:
                self._engine.cancel(name, symbol, now_ns, order_id=ticket.engine_id)
            else:
                self._engine.cancel_conditional(name, now_ns, algo_id=ticket.algo_id)
        except Refused as refused:
            raise fault_of(refused) from None
        ticket.cancel_reason = "USER_REQUESTED"
        self.take()
        return ticket.told(asked.profile)

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
            and "orderListId" not in fields
            and "externalOrderListId" not in fields
        ]
        if not fields.get("ascending", False):
            rows.reverse()
        return page(asked, rows, lambda row: str(row.order_id))

    def listed(self, asked: Asked) -> Any:
        found = self.select(asked)
        return replace(found, rows=[one.told(asked.profile) for one in found.rows])

    # A new order

    def _checked(self, asked: Asked, account: Account, fields: dict[str, Any]) -> Ticket:
        for name in ("contingencyType", "takeProfitPrice", "stopLossPrice", "leverage"):
            if name in fields:
                raise Fault(NOT_SUPPORTED, f"{name} is not supported")
        if "instrumentId" not in fields:
            raise Fault(BAD_ORDER, "instrumentId: required")
        row = instrument(asked, fields["instrumentId"])
        if listings.venue_of(row.symbol) != account.venue:
            raise Fault(INVALID, "instrument and account are of different venues")
        if row.status not in ("", listings.ACTIVE):
            raise Fault(NOT_TAKEN, f"Instrument is {row.status}")
        if listings.kind_of(row) != "SPOT":
            raise Fault(NOT_SUPPORTED, "derivatives are not supported")
        if fields["orderSide"] not in ("BUY", "SELL"):
            raise Fault(BAD_SIDE, "orderSide: BUY or SELL")
        kind = fields.get("orderType") or ""
        if kind not in listings.order_types(row, asked.profile):
            raise Fault(BAD_TYPE, f"orderType: {kind} is not supported")
        time = fields.get("timeInForce") or ("" if kind == "MARKET" else "GTC")
        if time and time not in listings.times(row):
            raise Fault(BAD_TIME, f"timeInForce: {time} is not supported")
        if (time == "GTD") != ("expireAt" in fields):
            raise Fault(BAD_ORDER, "expireAt: with GTD, and only with it")
        fields |= {"orderType": kind, "timeInForce": time}
        for name, wanted in (("limitPrice", kind in PRICED), ("stopPrice", kind in WAITING)):
            if wanted != (name in fields):
                raise Fault(BAD_ORDER, f"{name}: {'required' if wanted else 'not with'} {kind}")
            if wanted:
                self._tick(row, fields[name], name)
        return Ticket(
            order_id=made("order", self._desk.number()),
            account=account,
            row=row,
            fields=fields,
            lots=self._lots(asked, account, row, fields),
            created_ms=asked.now_ms,
            updated_ms=asked.now_ms,
        )

    @staticmethod
    def _tick(row: Contract, text: str, name: str) -> int:
        price, tick = Decimal(text), Decimal(row.tick)
        if price <= 0 or price % tick:
            raise Fault(BAD_ORDER, f"{name}: not a multiple of {row.tick}")
        return int(price / tick)

    def _lots(self, asked: Asked, account: Account, row: Contract, fields: dict[str, Any]) -> int:
        kind = fields.get("quantityType", "BASE")
        quantity, step = Decimal(fields["quantity"]), Decimal(row.step)
        if quantity <= 0:
            raise Fault(BAD_ORDER, "quantity: must be above zero")
        word = fields.get("quantityRounding", "")
        rounding = ROUNDINGS.get(word, ROUND_DOWN)
        position = self._position(account, row, fields, needed=kind.startswith("POSITION"))
        if kind == "QUOTE":
            quantity /= self._price(asked, row, fields)
        elif position is not None and kind.startswith("POSITION"):
            share = quantity if kind == "POSITION_RATIO" else quantity / 100
            if share > 1:
                raise Fault(BAD_ORDER, "quantity: more than the position")
            if (position.qty > 0) == (fields["orderSide"] == "BUY"):
                raise Fault(BAD_ORDER, "orderSide: a part of a position is what closes it")
            quantity = share * abs(position.qty) / E8
        elif not word and quantity % step:
            raise Fault(BAD_ORDER, f"quantity: not a multiple of {row.step}")
        lots = int((quantity / step).quantize(Decimal(1), rounding))
        if lots <= 0:
            raise Fault(BAD_ORDER, "quantity: less than a lot")
        return lots

    @staticmethod
    def _price(asked: Asked, row: Contract, fields: dict[str, Any]) -> Decimal:
        """What a quantity in the quote is divided by: the order's own price, or the market's."""
        for name in ("limitPrice", "stopPrice"):
            if name in fields:
                return Decimal(fields[name])
        best = asked.market.ticker(row.symbol)
        if best is None:
            raise Fault(18012, "no price")
        return Decimal(best.ask if fields["orderSide"] == "BUY" else best.bid)

    @staticmethod
    def _position(
        account: Account, row: Contract, fields: dict[str, Any], *, needed: bool
    ) -> Position | None:
        """The open position an order names, or the instrument's where it needs one."""
        found = account.positions.get(row.symbol)
        name = fields.get("positionId", "")
        good = found is not None and not found.closed and name in ("", found.position_id)
        if (name or needed) and not good:
            raise Fault(NO_POSITION, "Position not found")
        return found if good else None

    def _lock(self, ticket: Ticket, market: MarketView) -> None:
        """Put aside what the order may cost. Raises `Fault`."""
        row, fields = ticket.row, ticket.fields
        qty = ticket.qty(ticket.lots)
        if ticket.buys:
            ticket.asset = row.quote
            if fields["orderType"] in PRICED:
                cost = Decimal(fields["limitPrice"]) * qty
            elif fields["orderType"] in WAITING:
                cost = Decimal(fields["stopPrice"]) * HEADROOM * qty
            else:
                cost = _swept(market, row.symbol, Decimal(qty))
            needed = int((cost * (1 + FEE)).to_integral_value(ROUND_CEILING))
        else:
            ticket.asset, needed = row.base, qty
        self._put_aside(ticket, ticket.asset, needed)

    @staticmethod
    def _put_aside(ticket: Ticket, asset: str, needed: int) -> None:
        """Lock so much of an asset. Raises `Fault`."""
        ticket.asset, purse = asset, ticket.account.purse(asset)
        if purse.free < needed:
            raise Fault(NO_FUNDS, f"Insufficient funds: {asset}")
        purse.free -= needed
        purse.locked += needed
        ticket.locked = needed

    def _release(self, ticket: Ticket) -> None:
        purse = ticket.account.purse(ticket.asset)
        purse.locked -= ticket.locked
        purse.free += ticket.locked
        ticket.locked = 0

    def _place(self, ticket: Ticket, now_ns: int) -> None:
        """Raises `Refused`."""
        fields, row = ticket.fields, ticket.row
        kind = fields["orderType"]
        side = Side.BUY if ticket.buys else Side.SELL
        tick = self._tick(row, fields["limitPrice"], "limitPrice") if kind in PRICED else 0
        tif = Tif.GTX if kind == "LIMIT_MAKER" else TIMES.get(fields["timeInForce"], Tif.GTC)
        until_ns = fields.get("expireAt", 0) * MS_NS if tif is Tif.GTD else 0
        name = ticket.account.account_id
        if kind in WAITING:
            waiting = NewConditional(
                symbol=row.symbol, side=side, type=WAITING[kind], lots=ticket.lots, tick=tick,
                trigger_tick=self._tick(row, fields["stopPrice"], "stopPrice"), tif=tif,
                good_till_ns=until_ns,
            )  # fmt: skip
            placed = self._engine.place_conditional(name, waiting, now_ns)
            ticket.algo_id = placed.algo_id
            self._by_algo[placed.algo_id] = ticket
            return
        new = NewOrder(
            symbol=row.symbol, side=side, lots=ticket.lots, tick=tick, tif=tif, stp=Stp.NONE,
            type=OrderType.MARKET if kind == "MARKET" else OrderType.LIMIT, good_till_ns=until_ns,
        )  # fmt: skip
        order = self._engine.place(name, new, now_ns)
        ticket.engine_id = order.order_id
        self._by_engine[order.order_id] = ticket

    # What becomes of them

    def take(self) -> None:
        """Take in what the engine tells."""
        for event in self._engine.take_events():
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
            ticket.cancel_reason = ticket.cancel_reason or cause

    def _changed(self, ticket: Ticket) -> None:
        ticket.account.updated_ms = max(ticket.account.updated_ms, ticket.updated_ms)
        self._teller.order(ticket, ticket.told_status)
        ticket.told_status = ticket.status


def _swept(market: MarketView, symbol: str, qty: Decimal) -> Decimal:
    """What a buy of so much costs now, in the same units; what the book has not got at its last
    price."""
    cost, left, price = Decimal(0), qty, Decimal(0)
    for text, amount in market.top(symbol, 0).asks:
        price = Decimal(text)
        taken = min(left, Decimal(amount) * E8)
        cost += price * taken
        left -= taken
        if not left:
            break
    return cost + left * price


def _keys(fields: Mapping[str, Any]) -> set[str]:
    """Either of the two is the key of a request."""
    found = {fields.get("idempotencyKey", ""), fields.get("clientOrderId", "")}
    return found - {""}


def submit(asked: Asked) -> Any:
    return of(asked).submit(asked)


def cancel(asked: Asked) -> Any:
    return of(asked).cancel(asked)


def listed(asked: Asked) -> Any:
    return of(asked).listed(asked)


def of(asked: Asked) -> Orders:
    """Raises `Fault` where nothing is matched."""
    if asked.orders is None:
        raise Fault(CONFLICT, "nothing is matched here", 400)
    return asked.orders
