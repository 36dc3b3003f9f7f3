"""What the simulated Cadenza demands of an order before anything is done with it, and what it may
cost.

Written from the venue's reference alone (sections 5.1, 8 and 9.5)."""

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

from connector.sim.matching.types import OrderType
from connector.venues.cadenza import sim_listings as listings
from connector.venues.cadenza.sim_asked import Asked
from connector.venues.cadenza.sim_desk import Account
from connector.venues.cadenza.sim_envelope import INVALID, Fault, made
from connector.venues.cadenza.sim_market import found as instrument
from connector.venues.cadenza.sim_positions import Position
from connector.venues.cadenza.sim_tickets import Ticket
from connector.venues.sim_contract import Contract, MarketView

E8 = 10**8
BAD_TYPE, BAD_SIDE, BAD_TIME, NO_FUNDS, BAD_ORDER = 18001, 18002, 18003, 18006, 18007
NOT_SUPPORTED, NO_ORDER, NO_POSITION, NOT_TAKEN = 18016, 18018, 18019, 18025
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


def checked(asked: Asked, account: Account, fields: dict[str, Any]) -> Ticket:
    """The order of a request, or of a leg of one, not placed yet. Raises `Fault`."""
    if "leverage" in fields:
        raise Fault(NOT_SUPPORTED, "leverage is not supported")
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
            tick_of(row, fields[name], name)
    return Ticket(
        order_id=made("order", asked.desk.number()),
        account=account,
        row=row,
        fields=fields,
        lots=_lots(asked, account, row, fields),
        created_ms=asked.now_ms,
        updated_ms=asked.now_ms,
    )


def tick_of(row: Contract, text: str, name: str) -> int:
    price, tick = Decimal(text), Decimal(row.tick)
    if price <= 0 or price % tick:
        raise Fault(BAD_ORDER, f"{name}: not a multiple of {row.tick}")
    return int(price / tick)


def _lots(asked: Asked, account: Account, row: Contract, fields: dict[str, Any]) -> int:
    kind = fields.get("quantityType", "BASE")
    quantity, step = Decimal(fields["quantity"]), Decimal(row.step)
    if quantity <= 0:
        raise Fault(BAD_ORDER, "quantity: must be above zero")
    word = fields.get("quantityRounding", "")
    rounding = ROUNDINGS.get(word, ROUND_DOWN)
    position = _position(account, row, fields, needed=kind.startswith("POSITION"))
    if kind == "QUOTE":
        quantity /= _price(asked, row, fields)
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


def _price(asked: Asked, row: Contract, fields: dict[str, Any]) -> Decimal:
    """What a quantity in the quote is divided by: the order's own price, or the market's."""
    for name in ("limitPrice", "stopPrice"):
        if name in fields:
            return Decimal(fields[name])
    best = asked.market.ticker(row.symbol)
    if best is None:
        raise Fault(18012, "no price")
    return Decimal(best.ask if fields["orderSide"] == "BUY" else best.bid)


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


def cost(ticket: Ticket, market: MarketView | None) -> tuple[str, int]:
    """The asset an order is paid in, and how much it may take. ``market``: where one without a
    price would be matched."""
    row, fields = ticket.row, ticket.fields
    qty = ticket.qty(ticket.lots)
    if not ticket.buys:
        return row.base, qty
    if fields["orderType"] in PRICED:
        paid = Decimal(fields["limitPrice"]) * qty
    elif fields["orderType"] in WAITING:
        paid = Decimal(fields["stopPrice"]) * HEADROOM * qty
    else:
        assert market is not None
        paid = _swept(market, row.symbol, Decimal(qty))
    return row.quote, int((paid * (1 + FEE)).to_integral_value(ROUND_CEILING))


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
