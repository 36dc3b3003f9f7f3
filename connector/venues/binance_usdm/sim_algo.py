"""The venue's Algo service: conditional orders, held outside of the matching engine."""

from decimal import Decimal
from typing import Any

from connector.sim.matching.types import (
    RATIO,
    Conditional,
    NewConditional,
    OrderType,
    PositionSide,
    PriceMatch,
    Side,
    Stp,
    Tif,
)
from connector.venues.binance_usdm.sim_auth import check_time_again
from connector.venues.binance_usdm.sim_desk import (
    FREE,
    MS_NS,
    ONE,
    W1,
    W5,
    Call,
    Desk,
    Signed,
    by_symbol,
)
from connector.venues.binance_usdm.sim_orders import (
    CONDITIONAL,
    DAY_MS,
    TIFS,
    enum,
    good_till_ns_of,
    limits,
    lots_of,
    position_side_of,
    price_match_of,
    response_type,
    side_of,
    stp_of,
    tick_of,
    tif_of,
    working_type_of,
)
from connector.venues.binance_usdm.sim_params import Fault, Params, invalid, not_required
from connector.venues.binance_usdm.sim_refusals import CANCEL, refusals
from connector.venues.binance_usdm.sim_rows import algo_ack, algo_row

LIMITED = (OrderType.STOP, OrderType.TAKE_PROFIT)
"""With a limit price of their own."""
CLOSING = (OrderType.STOP_MARKET, OrderType.TAKE_PROFIT_MARKET)
SMALLEST_RATE, LARGEST_RATE = Decimal("0.1"), Decimal(20)
"""Percent; 10 was the largest until 2026-10-23."""


def conditional(desk: Desk, call: Call) -> NewConditional:
    """The conditional order that the parameters describe; raises `Fault`."""
    params = call.params
    if params.required("algoType") != "CONDITIONAL":
        raise invalid("algoType")
    rules = desk.symbol(params)
    side = side_of(params)
    params.required("type")
    order_type = enum(params, "type", CONDITIONAL, -1116, "Invalid orderType.")
    assert order_type is not None
    position_side = position_side_of(params)
    tif = tif_of(params, (*TIFS, Tif.GTE_GTC))
    tif = Tif.GTC if tif is None else tif
    working_type = working_type_of(params)
    match = price_match_of(params)
    closes = params.flag("closePosition")
    reduce_only = params.flag("reduceOnly")
    price_protect = params.flag("priceProtect")
    client_id = params.client_id("clientAlgoId") or ""
    response_type(params)
    stp = stp_of(params, Stp.NONE)
    hedge = desk.engine.hedge_mode(call.account)
    if "reduceOnly" in params and hedge:
        raise Fault(-1106, "Parameter 'reduceonly' sent when not required.")
    _unwanted(params, order_type, closes=closes, matched=match != PriceMatch.NONE)
    if hedge and closes and (side == Side.BUY) == (position_side == PositionSide.LONG):
        raise Fault(-2022, "ReduceOnly Order is rejected.")
    trailing = order_type == OrderType.TRAILING_STOP_MARKET
    lots = 0 if closes else lots_of(rules, params, required=True)
    needs_price = order_type in LIMITED and match == PriceMatch.NONE
    return NewConditional(
        symbol=rules.symbol,
        side=side,
        type=order_type,
        lots=lots,
        tick=tick_of(rules, params, "price", required=needs_price),
        trigger_tick=tick_of(rules, params, "triggerPrice", required=not trailing, stop=True),
        tif=tif,
        client_id=client_id,
        position_side=position_side,
        reduce_only=reduce_only,
        close_position=closes,
        working_type=working_type,
        price_protect=price_protect,
        price_match=match,
        activate_tick=tick_of(rules, params, "activatePrice", required=False, stop=True),
        callback_r=_callback_r(params) if trailing else 0,
        stp=stp,
        good_till_ns=good_till_ns_of(params, tif, call.now_ms),
    )


def _unwanted(params: Params, order_type: OrderType, *, closes: bool, matched: bool) -> None:
    """Parameters that go with another type of order."""
    trailing = order_type == OrderType.TRAILING_STOP_MARKET
    names = ["triggerPrice"] if trailing else ["activatePrice", "callbackRate"]
    if order_type not in LIMITED or matched:
        names.append("price")
    for name in names:
        if name in params:
            raise not_required(name)
    if matched and order_type not in LIMITED:
        raise Fault(-5038, "Price match only supports order type: LIMIT, STOP.")
    if not closes:
        return
    if order_type not in CLOSING:
        raise not_required("closePosition")
    if "quantity" in params:
        raise Fault(-4137, "Quantity must be zero with closePosition equals true.")
    if "reduceOnly" in params:
        raise not_required("reduceOnly")


def _callback_r(params: Params) -> int:
    rate = params.decimal("callbackRate", required=True)
    assert rate is not None
    if not SMALLEST_RATE <= rate <= LARGEST_RATE:
        raise invalid("callbackRate")
    ratio = rate * RATIO / 100
    if ratio != ratio.to_integral_value():
        raise invalid("callbackRate")
    return int(ratio)


def place(desk: Desk, call: Call) -> dict[str, Any]:
    new = conditional(desk, call)
    rules = desk.rules(new.symbol)
    check_time_again(call.params, call.now_ms)
    with refusals(None, **limits(desk, rules)):
        held = desk.engine.place_conditional(call.account, new, call.now_ns)
    desk.collect(call.now_ms)
    return algo_ack(rules, held)


def _named(params: Params) -> tuple[int, str]:
    """``algoId`` or ``clientAlgoId``; the first counts when both are there."""
    algo_id, client_id = params.number("algoId"), params.text("clientAlgoId")
    if algo_id is None and client_id is None:
        text = "Param 'clientAlgoId' or 'algoId' must be sent, but both were empty/null!"
        raise Fault(-1102, text)
    return (algo_id, "") if algo_id is not None else (0, client_id or "")


def cancel(desk: Desk, call: Call) -> dict[str, Any]:
    algo_id, client_id = _named(call.params)
    with refusals(CANCEL):
        held = desk.engine.cancel_conditional(
            call.account, call.now_ns, algo_id=algo_id, client_id=client_id
        )
    desk.collect(call.now_ms)
    return {
        "algoId": held.algo_id,
        "clientAlgoId": held.client_id,
        "code": "200",
        "msg": "success",
    }


def cancel_all(desk: Desk, call: Call) -> dict[str, Any]:
    rules = desk.symbol(call.params)
    desk.engine.cancel_conditionals(call.account, rules.symbol, call.now_ns)
    desk.collect(call.now_ms)
    return {"code": 200, "msg": "The operation of cancel all open order is done."}


def query(desk: Desk, call: Call) -> dict[str, Any]:
    algo_id, client_id = _named(call.params)
    held = desk.engine.conditional(call.account, algo_id=algo_id, client_id=client_id)
    if held is None:
        raise Fault(-2013, "Order does not exist.")
    return algo_row(desk.rules(held.request.symbol), held, single=True)


def open_algos(desk: Desk, call: Call) -> list[dict[str, Any]]:
    params = call.params
    symbol = desk.some_symbol(params)
    if params.text("algoType") not in (None, "CONDITIONAL"):
        raise invalid("algoType")
    algo_id = params.number("algoId")
    return _rows(
        desk,
        [
            held
            for held in desk.engine.open_conditionals(call.account, symbol)
            if algo_id in (None, held.algo_id)
        ],
    )


def all_algos(desk: Desk, call: Call) -> list[dict[str, Any]]:
    """From an algo id on, or of a time: the last seven days unless told otherwise."""
    params = call.params
    symbol = desk.symbol(params).symbol
    first_id = params.number("algoId")
    most = params.limit(500, 1000)
    start_ms, end_ms = params.window(7 * DAY_MS, call.now_ms, 7 * DAY_MS)
    found = [
        held
        for held in desk.engine.conditionals(call.account, symbol)
        if (first_id is None or held.algo_id >= first_id)
        and start_ms <= held.created_ns // MS_NS <= end_ms
    ]
    forward = first_id is not None or "startTime" in params
    return _rows(desk, found[:most] if forward else found[-most:])


def _rows(desk: Desk, found: list[Conditional]) -> list[dict[str, Any]]:
    return [algo_row(desk.rules(held.request.symbol), held, single=False) for held in found]


ROUTES: dict[tuple[str, str], Signed] = {
    ("POST", "/fapi/v1/algoOrder"): Signed(FREE, place, ONE),
    ("DELETE", "/fapi/v1/algoOrder"): Signed(W1, cancel),
    ("GET", "/fapi/v1/algoOrder"): Signed(W1, query),
    ("GET", "/fapi/v1/openAlgoOrders"): Signed(by_symbol(1, 40), open_algos),
    ("GET", "/fapi/v1/allAlgoOrders"): Signed(W5, all_algos),
    ("DELETE", "/fapi/v1/algoOpenOrders"): Signed(W1, cancel_all),
}
