"""The venue's endpoints about what was: fills, income, margin moves, liquidations."""

from typing import Any

from connector.sim.matching.types import Income, OrderType
from connector.venues.binance_usdm.sim_desk import (
    MS_NS,
    W1,
    W5,
    Call,
    Desk,
    Signed,
    by_symbol,
    fixed,
)
from connector.venues.binance_usdm.sim_orders import DAY_MS
from connector.venues.binance_usdm.sim_params import MAX_ID, Fault, invalid
from connector.venues.binance_usdm.sim_rows import money, ms, order_row, trade_row

LIQUIDATION, ADL = "LIQUIDATION", "ADL"


def user_trades(desk: Desk, call: Call) -> list[dict[str, Any]]:
    params = call.params
    rules = desk.symbol(params)
    order_id, from_id = params.number("orderId"), params.number("fromId")
    most = params.limit(500, 1000)
    timed = "startTime" in params or "endTime" in params
    if from_id is not None and timed:
        raise Fault(-1128, "Combination of optional parameters invalid.")
    start_ms, end_ms = params.window(7 * DAY_MS, call.now_ms, 7 * DAY_MS)
    if from_id is not None or (order_id is not None and not timed):
        start_ms, end_ms = 0, MAX_ID
    found = [
        trade_row(rules, fill)
        for fill in desk.engine.fills(call.account, rules.symbol)
        if (from_id is None or fill.trade_id >= from_id)
        and order_id in (None, fill.order_id)
        and start_ms <= fill.time_ns // MS_NS <= end_ms
    ]
    return found[:most] if from_id is not None or "startTime" in params else found[-most:]


def income(desk: Desk, call: Call) -> list[dict[str, Any]]:
    params = call.params
    symbol = desk.some_symbol(params)
    kind = params.text("incomeType")
    most = params.limit(100, 1000)
    page = params.number("page") or 1
    start_ms, end_ms = params.window(MAX_ID, call.now_ms, 7 * DAY_MS)
    found = [
        _income(each)
        for each in desk.engine.income(call.account)
        if symbol in ("", each.symbol)
        and kind in (None, each.type.name)
        and start_ms <= each.time_ns // MS_NS <= end_ms
    ]
    if "page" in params or "startTime" in params:
        return found[(page - 1) * most : page * most]
    return found[-most:]


def _income(each: Income) -> dict[str, Any]:
    trade = str(each.trade_id) if each.trade_id else ""
    return {
        "symbol": each.symbol,
        "incomeType": each.type.name,
        "income": money(each.amount_m),
        "asset": each.asset,
        "info": trade or each.type.name,
        "time": ms(each.time_ns),
        "tranId": each.income_id,
        "tradeId": trade,
    }


def margin_moves(desk: Desk, call: Call) -> list[dict[str, Any]]:
    params = call.params
    symbol = desk.symbol(params).symbol
    kind = params.number("type")
    most = params.limit(500, 1000)
    if kind not in (None, 1, 2):
        raise invalid("type")
    start_ms, end_ms = params.window(30 * DAY_MS, call.now_ms, 30 * DAY_MS)
    found = [
        row
        for row in desk.margin_moves.get(call.account, ())
        if row["symbol"] == symbol
        and kind in (None, row["type"])
        and start_ms <= row["time"] <= end_ms
    ]
    return found[-most:]


def force_orders(desk: Desk, call: Call) -> list[dict[str, Any]]:
    """The orders by which the venue closed positions; it deleverages nobody."""
    params = call.params
    symbol = desk.some_symbol(params)
    kind = params.text("autoCloseType")
    if kind not in (None, LIQUIDATION, ADL):
        raise invalid("autoCloseType")
    most = params.limit(50, 100)
    start_ms, end_ms = params.window(90 * DAY_MS, call.now_ms, 7 * DAY_MS)
    rows = []
    for order in desk.engine.orders(call.account, symbol):
        if order.type == OrderType.LIQUIDATION and kind != ADL:
            row = order_row(desk.rules(order.symbol), order)
            if start_ms <= row["time"] <= end_ms:
                rows.append(row | {"pair": order.symbol, "cumBase": row["executedQty"]})
    return rows[-most:]


ROUTES: dict[tuple[str, str], Signed] = {
    ("GET", "/fapi/v1/userTrades"): Signed(W5, user_trades),
    ("GET", "/fapi/v1/income"): Signed(fixed(30), income),
    ("GET", "/fapi/v1/positionMargin/history"): Signed(W1, margin_moves),
    ("GET", "/fapi/v1/forceOrders"): Signed(by_symbol(20, 50), force_orders),
}
