"""The simulated Cadenza's calls over its Centrifugo connection.

Written from the venue's reference alone (section 11.5): methods are ``category.resource.action``,
answers ``{data, pagination?}`` or ``{error: {code, message}}`` with positive codes, orders have
their owner's ids. What is not here answers as a method nobody knows."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct, structs

from connector.venues.cadenza import sim_accounts, sim_dialects, sim_orders
from connector.venues.cadenza.sim_asked import Asked
from connector.venues.cadenza.sim_envelope import BAD_FORM, NOT_FOUND, Fault, Paged
from connector.venues.cadenza.sim_fields import described, read
from connector.venues.cadenza.sim_routes import SUBMIT
from connector.venues.cadenza.sim_tickets import Ticket

NAMES = "tradeOrderId:uuid clientOrderId:str externalOrderId:str"


class Method(Struct, frozen=True):
    """One that can be called."""

    shape: Mapping[str, str]
    answer: Callable[[Asked], Any]


def call(method: str, data: Any, asked: Callable[[Mapping[str, Any]], Asked]) -> Any:
    """The body of an answer, None for a method there is not. ``asked`` of the fields read."""
    found = METHODS.get(method)
    if found is None:
        return None
    try:
        if not isinstance(data or {}, dict):
            raise Fault(BAD_FORM, "data: must be an object")
        it = asked({})
        fields = read(found.shape, data or {}, it.profile, text=False)
        answer = found.answer(structs.replace(it, fields=fields))
    except Fault as fault:
        return {"error": {"code": fault.code, "message": fault.words}}
    if not isinstance(answer, Paged):
        return {"data": answer}
    more = answer.offset + len(answer.rows) < answer.total
    page = {"offset": answer.offset, "limit": answer.limit, "total": answer.total, "hasNext": more}
    return {"data": answer.rows, "pagination": page}


def _named(asked: Asked) -> Ticket:
    """The order that one of its names is of. Raises `Fault`."""
    fields = asked.fields
    if not any(name in fields for name in ("tradeOrderId", "clientOrderId", "externalOrderId")):
        raise Fault(BAD_FORM, "one of tradeOrderId, clientOrderId, externalOrderId: required")
    for one in reversed(sim_orders.of(asked).mine(asked.me.user_id)):
        if (
            fields.get("tradeOrderId", one.order_id) == one.order_id
            and fields.get("clientOrderId") in (None, one.fields.get("clientOrderId"))
            and fields.get("externalOrderId") in (None, str(one.engine_id or ""))
            and fields.get("tradingAccountId", one.account.account_id) == one.account.account_id
        ):
            return one
    raise Fault(NOT_FOUND, "Not found")


def _order(asked: Asked) -> Any:
    return _named(asked).rpc()


def _orders(asked: Asked) -> Any:
    fields = dict(asked.fields)
    for name in ("startTime", "endTime"):
        if name in fields:
            fields[name] = _ms(fields[name], name)
    fields |= read(PAGE, fields.pop("pagination", {}), asked.profile, text=False)
    found = sim_orders.of(asked).select(structs.replace(asked, fields=fields))
    assert isinstance(found, Paged)
    return structs.replace(found, rows=[one.rpc() for one in found.rows])


def _ms(text: str, name: str) -> int:
    try:
        return int(datetime.fromisoformat(text).timestamp() * 1000)
    except ValueError:
        raise Fault(BAD_FORM, f"{name}: not a time") from None


def _submit(asked: Asked) -> Any:
    """The body is an order as it is told, beside the account and the key; or as over REST."""
    given = dict(asked.fields)
    order = given.pop("tradeOrder", None)
    flat = {**order, **given} if order is not None else given
    fields = read(REST, flat, asked.profile, text=False)
    orders = sim_orders.of(asked)
    placed = orders.submit(structs.replace(asked, fields=fields))
    return [orders.tickets[row["tradeOrderId"]].rpc() for row in placed]


def _cancel(asked: Asked) -> Any:
    one = _named(asked)
    sim_orders.of(asked).cancel(
        structs.replace(asked, fields={**asked.fields, "tradeOrderId": one.order_id})
    )
    return one.rpc()


def _portfolios(asked: Asked) -> Any:
    worth = sim_accounts.prices(asked)
    found = []
    for one in asked.desk.accounts.values():
        if one.user_id != asked.me.user_id:
            continue
        if asked.fields.get("tradingAccountId", one.account_id) != one.account_id:
            continue
        whole = asked.desk.portfolio(one, worth)
        (told,) = sim_dialects.money("A1", one, one.purses, whole, 0, all_of_it=True)
        found.append(told["data"])
    return found


def _portfolio(asked: Asked) -> Any:
    found = _portfolios(asked)
    if not found:
        raise Fault(NOT_FOUND, "Not found")
    return found[0]


def _accounts(asked: Asked) -> Any:
    rows = asked.desk.accounts.values()
    return [sim_dialects.account_row(one) for one in rows if one.user_id == asked.me.user_id]


PAGE = described("limit:int(1-1000) offset:int(0-)")
REST = described(SUBMIT)
_FLAT = " ".join(
    word.replace("*S", "").replace("*", "")
    for word in SUBMIT.split()
    if not word.startswith("tradingAccountId")
)
METHODS = {
    "query.system.info": Method({}, lambda asked: {"name": "cadenza", "version": "3.0.1"}),
    "query.system.check": Method({}, lambda asked: {"status": "healthy"}),
    "query.trade_order.get": Method(described(f"{NAMES} tradingAccountId:uuid"), _order),
    "query.trade_order.get_by_id": Method(described("tradeOrderId:uuid*"), _order),
    "query.trade_order.list": Method(
        described(
            "tradeOrderId:uuid orderStatus:orderStatus tradingAccountId:uuid instrumentId:str"
            " startTime:str endTime:str ascending:bool pagination:obj"
        ),
        _orders,
    ),
    "command.trade_order.submit": Method(
        described(f"tradeOrder:obj tradingAccountId:uuid* {_FLAT}"), _submit
    ),
    "command.trade_order.cancel": Method(described(f"{NAMES} tradingAccountId:uuid*"), _cancel),
    "query.portfolio.get": Method(described("tradingAccountId:uuid*"), _portfolio),
    "query.portfolio.list": Method(described("tradingAccountId:uuid"), _portfolios),
    "query.trading_account.list": Method({}, _accounts),
}
