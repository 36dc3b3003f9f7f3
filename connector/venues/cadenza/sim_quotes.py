"""Orders on quotes at the simulated Cadenza: a dealer's firm price, taken whole or not at all.

Written from the venue's reference alone (sections 5.1, 6 and 9.7). A quote is taken once, before it
ends, by who asked for it, on its own side and for its own quantity."""

from decimal import Decimal
from typing import Any

from connector.sim.matching.types import Fill, PositionSide, Side
from connector.venues.cadenza import sim_contingent
from connector.venues.cadenza.sim_asked import Asked
from connector.venues.cadenza.sim_desk import Account
from connector.venues.cadenza.sim_envelope import CONFLICT, INVALID, NOT_FOUND, Fault, made
from connector.venues.cadenza.sim_fermata import ACTIVE
from connector.venues.cadenza.sim_listings import venue_of
from connector.venues.cadenza.sim_market import found as instrument
from connector.venues.cadenza.sim_tickets import Ticket

BAD_ORDER, NOT_TAKEN = 18007, 18025
E8 = 10**8


def ticket(asked: Asked, account: Account, fields: dict[str, Any]) -> tuple[Ticket, Fill]:
    """The order that takes a quote, and what it gets. Raises `Fault`."""
    if fields.get("orderType") != "QUOTED" or "quoteId" not in fields:
        raise Fault(BAD_ORDER, "quoteId: with QUOTED, and only with it")
    if sim_contingent.named(fields):
        raise Fault(BAD_ORDER, "nothing hangs on an order on a quote")
    kept = asked.state.fermata
    quote = kept.quotes.get(fields["quoteId"])
    if quote is None or kept.owners[fields["quoteId"]] != asked.me.user_id:
        raise Fault(NOT_FOUND, "Quote not found")
    if quote["status"] == "ACCEPTED":
        raise Fault(CONFLICT, "Quote is already accepted")
    if asked.now_ms >= quote["expireAt"]:
        quote["status"] = "EXPIRED"
        raise Fault(NOT_TAKEN, "Quote is expired")
    if kept.dealers[quote["dealerAccountId"]].status != ACTIVE:
        raise Fault(NOT_TAKEN, "Dealer takes no orders")
    if quote.get("traderAccountId", account.account_id) != account.account_id:
        raise Fault(INVALID, "quote is for another account")
    row = instrument(asked, quote["instrumentId"])
    if account.venue not in ("FERMATA", venue_of(row.symbol)):
        raise Fault(INVALID, "quote and account are of different venues")
    kind = fields.get("quantityType", "BASE")
    wanted = {"BASE": "quantity", "QUOTE": "quoteQuantity"}.get(kind, "")
    same = (
        fields["orderSide"] == quote["orderSide"]
        and fields.get("instrumentId", row.symbol) == row.symbol
        and bool(wanted)
        and Decimal(fields["quantity"]) == Decimal(quote[wanted])
    )
    if not same:
        raise Fault(BAD_ORDER, "the quote is for another order")
    qty, cost = (int(Decimal(quote[name]) * E8) for name in ("quantity", "quoteQuantity"))
    found = Ticket(
        order_id=made("order", asked.desk.number()), account=account, row=row,
        fields=fields | {"timeInForce": fields.get("timeInForce", "FOK")}, lots=qty, lot=1,
        created_ms=asked.now_ms, updated_ms=asked.now_ms,
    )  # fmt: skip
    side = Side.BUY if found.buys else Side.SELL
    fill = Fill(
        trade_id=asked.desk.number(), order_id=0, account=account.account_id, symbol=row.symbol,
        side=side, position_side=PositionSide.BOTH, tick=0, lots=qty, quote_m=cost, maker=False,
        fee_m=0, fee_asset=row.quote, realized_m=0, time_ns=asked.now_ms * 1_000_000,
    )  # fmt: skip
    return found, fill


def accepted(asked: Asked, quote_id: str) -> None:
    """It is taken."""
    asked.state.fermata.quotes[quote_id] |= {"status": "ACCEPTED", "updatedAt": asked.now_ms}
