"""Orders at the simulated Cadenza that hang on others: one or the other, one after another.

Written from the venue's reference alone (sections 5.1 and 7), which names the fields and the three
types and says no more. Here OCO is an order and one other of its side, of which the first that
trades ends the second; OTO an order and one of the other side, placed when the first is filled;
OTOCO the same with two, of which one ends the other. Without a type the prices that are given say
which of the last two it is. That of two only one trades is the matching's own doing (`link`): one
move of the market may meet both."""

from decimal import Decimal
from typing import Any

from connector.venues.cadenza import sim_checks as checks
from connector.venues.cadenza.sim_asked import Asked
from connector.venues.cadenza.sim_checks import BAD_ORDER
from connector.venues.cadenza.sim_desk import Account
from connector.venues.cadenza.sim_envelope import Fault, made
from connector.venues.cadenza.sim_tickets import CREATED, Group, Ticket
from connector.venues.sim_contract import decimal

OCO, OTO, OTOCO = "OCO", "OTO", "OTOCO"
OTHER = {"BUY": "SELL", "SELL": "BUY"}
PARTS = (("takeProfit", "TAKE_PROFIT"), ("stopLoss", "STOP_LOSS"))
FIELDS = ("Price", "LimitPrice", "TimeInForce")


def named(fields: dict[str, Any]) -> bool:
    """Whether others hang on an order."""
    return "contingencyType" in fields or any(
        f"{part}{name}" in fields for part, _ in PARTS for name in FIELDS
    )


def group(asked: Asked, account: Account, main: Ticket) -> Group | None:
    """The order with those that hang on it, None if there are none. Raises `Fault`."""
    fields = main.fields
    if not named(fields):
        return None
    parts = [part for part in PARTS if f"{part[0]}Price" in fields]
    for name, _ in PARTS:
        for more in FIELDS[1:]:
            if f"{name}{more}" in fields and f"{name}Price" not in fields:
                raise Fault(BAD_ORDER, f"{name}{more}: without {name}Price")
    kind = fields.get("contingencyType") or (OTO if len(parts) == 1 else OTOCO)
    if len(parts) != (2 if kind == OTOCO else 1):
        raise Fault(BAD_ORDER, f"{kind}: takeProfitPrice, stopLossPrice: one, or both of OTOCO")
    side = fields["orderSide"] if kind == OCO else OTHER[fields["orderSide"]]
    legs = [checks.checked(asked, account, _leg(fields, main, part, side)) for part in parts]
    if kind == OTOCO:
        profit, loss = (Decimal(leg.fields["stopPrice"]) for leg in legs)
        if (profit > loss) != (side == "SELL") or profit == loss:
            raise Fault(BAD_ORDER, "takeProfitPrice: on the wrong side of stopLossPrice")
    number = asked.desk.number()
    found = Group(list_id=made("list", number), external_id=str(number), kind=kind,
                  members=[main, *legs])  # fmt: skip
    for one in found.members:
        one.group = found
    for leg in legs:
        leg.status = CREATED
    return found


def _leg(
    fields: dict[str, Any], main: Ticket, part: tuple[str, str], side: str
) -> dict[str, Any]:  # fmt: skip
    name, kind = part
    leg = {
        "tradingAccountId": fields["tradingAccountId"], "instrumentId": main.row.symbol,
        "orderSide": side, "orderType": kind, "stopPrice": fields[f"{name}Price"],
        "quantity": decimal(main.qty(main.lots), 8), "quantityType": "BASE",
        "timeInForce": fields.get(f"{name}TimeInForce", "GTC"),
    }  # fmt: skip
    if f"{name}LimitPrice" in fields:
        leg |= {"orderType": f"{kind}_LIMIT", "limitPrice": fields[f"{name}LimitPrice"]}
    return leg
