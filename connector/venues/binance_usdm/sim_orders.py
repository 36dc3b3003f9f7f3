"""The venue's order endpoints: checks in the venue's order, the engine, the answers.

What concerns one order alone (presence, form, precision) is checked here; what needs the market or
the account (filters, margin, position) by the matching engine.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from enum import IntEnum
from typing import Any, TypeVar

import orjson

from connector.sim.matching.rules import Rules
from connector.sim.matching.types import (
    RATIO,
    Amendment,
    NewOrder,
    Order,
    OrderType,
    PositionSide,
    PriceMatch,
    Side,
    Stp,
    Tif,
    WorkingType,
)
from connector.venues.binance_usdm.sim_auth import check_time_again
from connector.venues.binance_usdm.sim_desk import MS_NS, Call, Desk
from connector.venues.binance_usdm.sim_params import (
    MAX_ID,
    Fault,
    Params,
    invalid,
    malformed,
    not_required,
)
from connector.venues.binance_usdm.sim_refusals import AMEND, CANCEL, refusals
from connector.venues.binance_usdm.sim_rows import amendment_row, money, order_ack, order_row

DAY_MS = 86_400_000
LAST_GOOD_TILL_MS = 253402300799000
SOONEST_GOOD_TILL_MS = 600_000
LARGEST_BATCH = 5
LARGEST_CANCEL = 10
BATCH_NAMES = ("orderIdList", "orderidlist", "origclientorderidlist", "origClientOrderIdList")
"""The venue takes the small letters of ccxt and python-binance, too; its answer to them is in
github.com/ccxt/ccxt/pull/22890."""
TIFS = (Tif.GTC, Tif.IOC, Tif.FOK, Tif.GTX, Tif.GTD)
MATCHES = tuple(each for each in PriceMatch if each.name not in ("OPPONENT_10", "OPPONENT_20"))
"""The two others were taken away in 2025, "temporarily"."""
CONDITIONAL = (
    OrderType.STOP,
    OrderType.STOP_MARKET,
    OrderType.TAKE_PROFIT,
    OrderType.TAKE_PROFIT_MARKET,
    OrderType.TRAILING_STOP_MARKET,
)

E = TypeVar("E", bound=IntEnum)


# Reading parameters


def enum(params: Params, name: str, members: Sequence[E], code: int, text: str) -> E | None:
    """A parameter that is one of these names; raises `Fault` with the venue's code for others."""
    value = params.text(name)
    if value is None:
        return None
    for member in members:
        if member.name == value:
            return member
    raise Fault(code, text)


def side_of(params: Params) -> Side:
    params.required("side")
    side = enum(params, "side", tuple(Side), -1117, "Invalid side.")
    assert side is not None
    return side


def position_side_of(params: Params) -> PositionSide:
    members = tuple(PositionSide)
    found = enum(params, "positionSide", members, -4060, "Invalid position side.")
    return PositionSide.BOTH if found is None else found


def tif_of(params: Params, members: Sequence[Tif] = TIFS) -> Tif | None:
    return enum(params, "timeInForce", members, -1115, "Invalid timeInForce.")


def stp_of(params: Params, default: Stp) -> Stp:
    text = "Invalid selfTradePreventionMode."
    found = enum(params, "selfTradePreventionMode", tuple(Stp), -5039, text)
    return default if found is None else found


def price_match_of(params: Params) -> PriceMatch:
    found = enum(params, "priceMatch", MATCHES, -5037, "Invalid price match.")
    return PriceMatch.NONE if found is None else found


def working_type_of(params: Params) -> WorkingType:
    found = enum(params, "workingType", tuple(WorkingType), -4031, "Invalid workingType.")
    return WorkingType.CONTRACT_PRICE if found is None else found


def response_type(params: Params) -> str:
    value = params.text("newOrderRespType") or "ACK"
    if value not in ("ACK", "RESULT"):
        raise Fault(-1136, "Invalid newOrderRespType.")
    return value


def units(value: Decimal, digits: int) -> int:
    """``value`` in units of 10**-digits; raises `Fault` -1111 when it has more decimals."""
    _, figures, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    # Not by Decimal's arithmetic, which rounds to 28 figures.
    number = int("".join(map(str, figures)))
    shift = digits + exponent
    if shift >= 0:
        found: int = number * 10**shift
        return found
    found, rest = divmod(number, 10**-shift)
    if rest:
        raise Fault(-1111, "Precision is over the maximum defined for this asset.")
    return found


def lots_of(rules: Rules, params: Params, *, required: bool) -> int:
    """``quantity`` in lots; 0 when it is neither there nor required."""
    value = params.decimal("quantity", required=required)
    if value is None:
        return 0
    if value <= 0:
        raise Fault(-4003, "Quantity less than or equal to zero.")
    with refusals():
        return rules.lots(units(value, rules.qty_digits), rules.qty_digits)


def tick_of(rules: Rules, params: Params, name: str, *, required: bool, stop: bool = False) -> int:
    """A price in ticks; 0 when it is neither there nor required."""
    value = params.decimal(name, required=required)
    if value is None:
        return 0
    if value <= 0:
        raise (
            Fault(-4006, "Stop price less than zero.")
            if stop
            else Fault(-4001, "Price less than 0.")
        )
    with refusals():
        return rules.ticks(units(value, rules.price_digits), rules.price_digits)


def good_till_ns_of(params: Params, tif: Tif, now_ms: int) -> int:
    """Only the seconds of ``goodTillDate`` are kept."""
    if tif != Tif.GTD:
        if params.number("goodTillDate"):
            raise not_required("goodTillDate")
        return 0
    date_ms = params.number("goodTillDate", required=True)
    assert date_ms is not None
    if not now_ms + SOONEST_GOOD_TILL_MS < date_ms < LAST_GOOD_TILL_MS:
        raise Fault(
            -5040,
            "The goodTillDate timestamp must be greater than the current time plus 600 seconds "
            f"and smaller than {LAST_GOOD_TILL_MS}.",
        )
    return date_ms // 1000 * 1000 * MS_NS


def order_id_of(params: Params) -> tuple[int, str]:
    """``orderId`` or ``origClientOrderId``; the first counts when both are there."""
    order_id = params.number("orderId")
    client_id = params.text("origClientOrderId")
    if order_id is None and client_id is None:
        text = "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!"
        raise Fault(-1102, text)
    if order_id is not None:
        return order_id, ""
    assert client_id is not None
    return 0, client_id


def limits(desk: Desk, rules: Rules) -> dict[str, str]:
    """What fills the blanks of the filters' texts."""
    mark_e8 = desk.engine.mark_e8(rules.symbol)
    return {
        "NOTIONAL_BELOW_MIN": _short(money(rules.min_notional_m)),
        "PRICE_ABOVE_COLLAR": _short(money(mark_e8 * rules.collar_up_r // RATIO)),
        "PRICE_BELOW_COLLAR": _short(money(mark_e8 * rules.collar_down_r // RATIO)),
    }


def _short(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


# Placing


def new_order(desk: Desk, call: Call) -> NewOrder:
    """The order that the parameters describe; raises `Fault`."""
    params = call.params
    rules = desk.symbol(params)
    side = side_of(params)
    params.required("type")
    members = (OrderType.LIMIT, OrderType.MARKET, *CONDITIONAL)
    order_type = enum(params, "type", members, -1116, "Invalid orderType.")
    assert order_type is not None
    if order_type in CONDITIONAL:
        raise Fault(
            -4120,
            "Order type not supported for this endpoint. Please use the Algo Order API endpoints "
            "instead.",
        )
    position_side = position_side_of(params)
    tif = tif_of(params)
    match = price_match_of(params)
    limit = order_type == OrderType.LIMIT
    if limit and tif is None:
        raise malformed("timeInForce")
    unwanted: tuple[str, ...] = ("stopPrice", "activationPrice", "callbackRate")
    if not limit:
        unwanted = ("timeInForce", "price", "goodTillDate", *unwanted)
    elif match != PriceMatch.NONE:
        unwanted = ("price", *unwanted)
    for name in unwanted:
        if name in params:
            raise not_required(name)
    if not limit and match != PriceMatch.NONE:
        raise Fault(-5038, "Price match only supports order type: LIMIT, STOP.")
    if params.flag("closePosition"):
        raise not_required("closePosition")
    client_id = params.client_id("newClientOrderId") or ""
    response_type(params)
    stp = stp_of(params, Stp.EXPIRE_MAKER)
    reduce_only = params.flag("reduceOnly")
    if "reduceOnly" in params and desk.engine.hedge_mode(call.account):
        raise Fault(-1106, "Parameter 'reduceonly' sent when not required.")
    tif = Tif.GTC if tif is None else tif
    good_till_ns = good_till_ns_of(params, tif, call.now_ms)
    lots = lots_of(rules, params, required=True)
    tick = tick_of(rules, params, "price", required=limit and match == PriceMatch.NONE)
    return NewOrder(
        symbol=rules.symbol,
        side=side,
        type=order_type,
        lots=lots,
        tick=tick,
        tif=tif,
        client_id=client_id,
        position_side=position_side,
        reduce_only=reduce_only,
        stp=stp,
        price_match=match,
        good_till_ns=good_till_ns,
    )


def place(desk: Desk, call: Call) -> dict[str, Any]:
    new = new_order(desk, call)
    rules = desk.rules(new.symbol)
    check_time_again(call.params, call.now_ms)
    with refusals(None, **limits(desk, rules)):
        order = desk.engine.place(call.account, new, call.now_ns)
    events = desk.collect(call.now_ms)
    final = new.type == OrderType.MARKET or new.tif in (Tif.IOC, Tif.FOK)
    if not (final and response_type(call.params) == "RESULT"):
        order = desk.accepted(order, events)
    return order_ack(rules, order)


def test(desk: Desk, call: Call) -> dict[str, Any]:
    new = new_order(desk, call)
    with refusals(None, **limits(desk, desk.rules(new.symbol))):
        desk.engine.test(call.account, new, call.now_ns)
    return {}


# Changing


def amend(desk: Desk, call: Call) -> dict[str, Any]:
    params = call.params
    rules = desk.symbol(params)
    order_id, client_id = order_id_of(params)
    side = side_of(params)
    match = price_match_of(params)
    if match != PriceMatch.NONE and "price" in params:
        raise not_required("price")
    lots = lots_of(rules, params, required=True)
    tick = tick_of(rules, params, "price", required=match == PriceMatch.NONE)
    change = Amendment(
        symbol=rules.symbol,
        side=side,
        lots=lots,
        tick=tick,
        order_id=order_id,
        client_id=client_id,
        price_match=match,
        modify_id=params.number("modifyId"),
    )
    check_time_again(params, call.now_ms)
    with refusals(AMEND, **limits(desk, rules)):
        order = desk.engine.amend(call.account, change, call.now_ns)
    desk.collect(call.now_ms)
    row = order_ack(rules, order)
    row["pair"] = rules.symbol
    if change.modify_id is not None:
        row["modifyId"] = change.modify_id
    return row


def amendments(desk: Desk, call: Call) -> list[dict[str, Any]]:
    params = call.params
    rules = desk.symbol(params)
    order_id, client_id = order_id_of(params)
    start_ms, end_ms = params.number("startTime"), params.number("endTime")
    most = params.limit(50, 100)
    order = desk.engine.order(call.account, rules.symbol, order_id=order_id, client_id=client_id)
    if order is None:
        raise Fault(-2013, "Order does not exist.")
    rows = [
        amendment_row(rules, change)
        for change in desk.engine.amendments(call.account, rules.symbol, order.order_id)
    ]
    return [
        row
        for row in reversed(rows)
        if (start_ms or 0) <= row["time"] <= (MAX_ID if end_ms is None else end_ms)
    ][:most]


# Cancelling


def cancel(desk: Desk, call: Call) -> dict[str, Any]:
    rules = desk.symbol(call.params)
    order_id, client_id = order_id_of(call.params)
    return _cancel(desk, call, rules, order_id, client_id)


def _cancel(desk: Desk, call: Call, rules: Rules, order_id: int, client_id: str) -> dict[str, Any]:
    with refusals(CANCEL):
        order = desk.engine.cancel(
            call.account, rules.symbol, call.now_ns, order_id=order_id, client_id=client_id
        )
    desk.collect(call.now_ms)
    return order_ack(rules, order)


def cancel_all(desk: Desk, call: Call) -> dict[str, Any]:
    rules = desk.symbol(call.params)
    desk.engine.cancel_all(call.account, rules.symbol, call.now_ns)
    desk.collect(call.now_ms)
    return {"code": 200, "msg": "The operation of cancel all open order is done."}


def countdown(desk: Desk, call: Call) -> dict[str, Any]:
    rules = desk.symbol(call.params)
    after_ms = call.params.number("countdownTime", required=True)
    assert after_ms is not None
    desk.engine.countdown(call.account, rules.symbol, after_ms * MS_NS, call.now_ns)
    return {"symbol": rules.symbol, "countdownTime": str(after_ms)}


# Batches


def _each(actions: Sequence[Callable[[], dict[str, Any]]]) -> list[dict[str, Any]]:
    """Every action's answer, an error's as ``{code, msg}``."""
    rows: list[dict[str, Any]] = []
    for action in actions:
        try:
            rows.append(action())
        except Fault as fault:
            rows.append({"code": fault.code, "msg": str(fault)})
    return rows


def _listed(params: Params, name: str) -> list[Any]:
    """A parameter that is a JSON list."""
    try:
        found = orjson.loads(params.required(name))
    except orjson.JSONDecodeError:
        raise invalid(name) from None
    if not isinstance(found, list):
        raise invalid(name)
    return found


def _batch(
    desk: Desk, call: Call, endpoint: Callable[[Desk, Call], dict[str, Any]]
) -> list[dict[str, Any]]:
    rows = _listed(call.params, "batchOrders")
    if not 0 < len(rows) <= LARGEST_BATCH:
        raise Fault(-4082, "Invalid number of batch place orders.")
    if not all(isinstance(row, dict) for row in rows):
        raise invalid("batchOrders")
    timing = {name: text for name in ("timestamp", "recvWindow") if (text := call.params.raw(name))}
    calls = [call.of(Params.of(row | timing)) for row in rows]
    return _each([lambda each=each: endpoint(desk, each) for each in calls])  # type: ignore[misc]


def place_batch(desk: Desk, call: Call) -> list[dict[str, Any]]:
    return _batch(desk, call, place)


def amend_batch(desk: Desk, call: Call) -> list[dict[str, Any]]:
    return _batch(desk, call, amend)


def cancel_batch(desk: Desk, call: Call) -> list[dict[str, Any]]:
    rules = desk.symbol(call.params)
    name = next((each for each in BATCH_NAMES if each in call.params), BATCH_NAMES[-1])
    by_id = name.lower() == "orderidlist"
    found = _listed(call.params, name)
    if not 0 < len(found) <= LARGEST_CANCEL:
        raise Fault(-4032, "Exceed maximum cancel order size.")
    # Numbers written as texts are not taken since 2023.
    if not all(isinstance(each, int if by_id else str) for each in found):
        raise invalid(name)
    pairs = [(each, "") if by_id else (0, each) for each in found]
    return _each([lambda pair=pair: _cancel(desk, call, rules, *pair) for pair in pairs])  # type: ignore[misc]


# Asking


def query(desk: Desk, call: Call) -> dict[str, Any]:
    order = _asked(desk, call)
    if order is None:
        raise Fault(-2013, "Order does not exist.")
    return order_row(desk.rules(order.symbol), order)


def open_order(desk: Desk, call: Call) -> dict[str, Any]:
    order = _asked(desk, call)
    if order is None or not order.open:
        raise Fault(-2013, "Order does not exist.")
    return order_row(desk.rules(order.symbol), order)


def _asked(desk: Desk, call: Call) -> Order | None:
    rules = desk.symbol(call.params)
    order_id, client_id = order_id_of(call.params)
    return desk.engine.order(call.account, rules.symbol, order_id=order_id, client_id=client_id)


def open_orders(desk: Desk, call: Call) -> list[dict[str, Any]]:
    symbol = desk.some_symbol(call.params)
    return [
        order_row(desk.rules(order.symbol), order)
        for order in desk.engine.open_orders(call.account, symbol)
    ]


def all_orders(desk: Desk, call: Call) -> list[dict[str, Any]]:
    """From an order id on, or of a time: the last seven days unless told otherwise."""
    params = call.params
    symbol = desk.some_symbol(params)
    first_id = params.number("orderId")
    most = params.limit(500, 1000)
    start_ms, end_ms = params.window(7 * DAY_MS, call.now_ms, 7 * DAY_MS)
    found = [
        order
        for order in desk.engine.orders(call.account, symbol)
        if (first_id is None or order.order_id >= first_id)
        and start_ms <= order.created_ns // MS_NS <= end_ms
    ]
    chosen = found[:most] if first_id is not None or "startTime" in params else found[-most:]
    rows = []
    for order in chosen:
        row = order_row(desk.rules(order.symbol), order)
        row["cumBase"] = row["executedQty"]
        row["pair"] = order.symbol
        rows.append(row)
    return rows
