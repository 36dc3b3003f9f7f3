"""The rows of orders and fills as the venue's REST answers write them."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from connector.sim.matching.rules import Rules
from connector.sim.matching.types import (
    RATIO,
    Amended,
    Conditional,
    Fill,
    MarginType,
    Order,
    OrderType,
)
from connector.venues.sim_contract import decimal

MS_NS = 1_000_000
MONEY_DIGITS = 8


def ms(time_ns: int) -> int:
    return time_ns // MS_NS


def money(amount_m: int) -> str:
    return decimal(amount_m, MONEY_DIGITS)


def price(rules: Rules, tick: int) -> str:
    return decimal(tick * rules.tick_units, rules.price_digits)


def qty(rules: Rules, lots: int) -> str:
    return decimal(lots * rules.step_units, rules.qty_digits)


def average(rules: Rules, filled_m: int, filled: int) -> str:
    """An average price: five decimals, or as many as the symbol's prices have."""
    digits = max(5, rules.price_digits)
    value = Decimal(rules.average_e8(filled_m, filled)).scaleb(-8)
    return f"{value.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP):f}"


def off_grid(price_e8: int) -> str:
    """A price that need not be one of the symbol's."""
    return decimal(price_e8, 8)


def percent(ratio_r: int) -> str:
    """A ratio as a percentage, as callback rates are written."""
    value = (Decimal(ratio_r * 100) / RATIO).normalize()
    return f"{value:f}"


def margin_type(value: MarginType) -> str:
    """As answers and events write it; requests write it in capitals and otherwise."""
    return "isolated" if value == MarginType.ISOLATED else "cross"


def stop_price(rules: Rules, order: Order) -> str:
    return price(rules, order.trigger_tick)


def order_ack(rules: Rules, order: Order) -> dict[str, Any]:
    """The answer to a placed, changed or cancelled order."""
    row = _order(rules, order)
    row["cumQty"] = row["executedQty"]
    return row


def order_row(rules: Rules, order: Order) -> dict[str, Any]:
    """The answer to a query."""
    row = _order(rules, order)
    row["avgPrice"] = average(rules, order.filled_m, order.filled)
    row["cumQuote"] = money(order.filled_m)
    row["time"] = ms(order.created_ns)
    return row


def _order(rules: Rules, order: Order) -> dict[str, Any]:
    row: dict[str, Any] = {
        "orderId": order.order_id,
        "symbol": order.symbol,
        "status": order.status.name,
        "clientOrderId": order.client_id,
        "price": price(rules, order.tick),
        "origQty": qty(rules, order.lots),
        "executedQty": qty(rules, order.filled),
        "timeInForce": order.tif.name,
        "type": order.type.name,
        "reduceOnly": order.reduce_only,
        "closePosition": order.close_position,
        "side": order.side.name,
        "positionSide": order.position_side.name,
        "stopPrice": stop_price(rules, order),
        "workingType": order.working_type.name,
        "priceProtect": order.price_protect,
        "origType": order.original_type.name,
        "priceMatch": order.price_match.name,
        "selfTradePreventionMode": order.stp.name,
        "goodTillDate": ms(order.good_till_ns),
        "updateTime": ms(order.updated_ns),
    }
    if order.original_type == OrderType.TRAILING_STOP_MARKET:
        row["activatePrice"] = price(rules, order.activate_tick)
        row["priceRate"] = percent(order.callback_r)
    return row


def amendment_row(rules: Rules, change: Amended) -> dict[str, Any]:
    amendment: dict[str, Any] = {
        "price": {
            "before": price(rules, change.tick_before),
            "after": price(rules, change.tick),
        },
        "origQty": {"before": qty(rules, change.lots_before), "after": qty(rules, change.lots)},
        "count": change.count,
    }
    if change.modify_id is not None:
        amendment["modifyId"] = change.modify_id
    return {
        "amendmentId": change.amendment_id,
        "symbol": change.symbol,
        "pair": change.symbol,
        "orderId": change.order_id,
        "clientOrderId": change.client_id,
        "time": ms(change.time_ns),
        "amendment": amendment,
    }


def trade_row(rules: Rules, fill: Fill) -> dict[str, Any]:
    """A fill of userTrades; what is paid is positive, as in the events."""
    return {
        "symbol": fill.symbol,
        "id": fill.trade_id,
        "orderId": fill.order_id,
        "side": fill.side.name,
        "price": price(rules, fill.tick),
        "qty": qty(rules, fill.lots),
        "realizedPnl": money(fill.realized_m),
        "quoteQty": money(fill.quote_m),
        "commission": money(fill.fee_m),
        "commissionAsset": fill.fee_asset,
        "time": ms(fill.time_ns),
        "positionSide": fill.position_side.name,
        "buyer": fill.side.name == "BUY",
        "maker": fill.maker,
        "marginAsset": rules.asset,
        "baseQty": qty(rules, fill.lots),
        "pair": fill.symbol,
    }


def algo_ack(rules: Rules, held: Conditional) -> dict[str, Any]:
    """The answer to a placed conditional order."""
    row = _algo(rules, held)
    asked = held.request
    trailing = asked.type == OrderType.TRAILING_STOP_MARKET
    row["activatePrice"] = off_grid(held.activate_e8) if trailing else ""
    row["callbackRate"] = percent(asked.callback_r) if trailing else ""
    return row


def algo_row(rules: Rules, held: Conditional, *, single: bool) -> dict[str, Any]:
    """The answer to a query; a single one tells more of the order it became."""
    row = _algo(rules, held)
    row["actualOrderId"] = str(held.order_id) if held.order_id else ""
    row["actualPrice"] = average(rules, held.filled_m, held.filled)
    row["tpOrderType"] = ""
    if single:
        row["actualType"] = held.actual_type.name if held.actual_type is not None else ""
        row["actualQty"] = qty(rules, held.filled)
    else:
        for name in ("tpTriggerPrice", "tpPrice", "slTriggerPrice", "slPrice"):
            row[name] = price(rules, 0)
    return row


def _algo(rules: Rules, held: Conditional) -> dict[str, Any]:
    asked = held.request
    return {
        "algoId": held.algo_id,
        "clientAlgoId": held.client_id,
        "algoType": "CONDITIONAL",
        "orderType": asked.type.name,
        "symbol": asked.symbol,
        "side": asked.side.name,
        "positionSide": asked.position_side.name,
        "timeInForce": asked.tif.name,
        "quantity": qty(rules, asked.lots),
        "algoStatus": held.status.name,
        "triggerPrice": price(rules, asked.trigger_tick),
        "price": price(rules, asked.tick),
        "icebergQuantity": None,
        "selfTradePreventionMode": asked.stp.name,
        "workingType": asked.working_type.name,
        "priceMatch": asked.price_match.name,
        "closePosition": asked.close_position,
        "priceProtect": asked.price_protect,
        "reduceOnly": asked.reduce_only,
        "createTime": ms(held.created_ns),
        "updateTime": ms(held.updated_ns),
        "triggerTime": ms(held.triggered_ns),
        "goodTillDate": ms(asked.good_till_ns),
    }
