"""The events of the private stream, from what the matching engine did."""

from collections.abc import Iterator
from typing import Any

import orjson

from connector.sim.matching.api import Matching
from connector.sim.matching.events import (
    Accepted,
    AccountChanged,
    BalanceChange,
    Canceled,
    ConditionalChanged,
    ConfigChanged,
    Event,
    Expired,
    MarginCalled,
    OrderAmended,
    Traded,
)
from connector.sim.matching.types import (
    Cause,
    Conditional,
    Fill,
    MarginType,
    Order,
    OrderType,
    PositionView,
)
from connector.venues.binance_usdm.sim_refusals import REASONS
from connector.venues.binance_usdm.sim_rows import (
    average,
    margin_type,
    money,
    ms,
    off_grid,
    percent,
    price,
    qty,
)
from connector.venues.sim_contract import decimal

EXPIRY_REASONS = {
    Cause.STP: "1",
    Cause.IOC: "2",
    Cause.IOC_STP: "3",
    Cause.REDUCE_ONLY: "4",
    Cause.LIQUIDATION: "5",
    Cause.POSITION_GONE: "6",
    Cause.MARKET: "9",
}
"""``er`` of an order update; everything else is "0"."""


def account_of(event: Event) -> str:
    """Whose event it is."""
    match event:
        case AccountChanged() | ConfigChanged() | MarginCalled():
            return event.account
        case ConditionalChanged():
            return event.conditional.account
        case _:
            return event.order.account


def payloads(engine: Matching, event: Event, now_ms: int) -> Iterator[tuple[str, bytes]]:
    """Event name and payload of everything an event of the engine says."""
    match event:
        case Traded():
            yield "TRADE_LITE", _trade_lite(engine, event, now_ms)
            kind = "CALCULATED" if event.order.type == OrderType.LIQUIDATION else "TRADE"
            payload = _order_update(engine, event.order, kind, event.time_ns, now_ms, event.fill)
            yield "ORDER_TRADE_UPDATE", payload
        case Accepted() | Canceled() | Expired() | OrderAmended():
            kind = _KINDS[type(event)]
            payload = _order_update(engine, event.order, kind, event.time_ns, now_ms)
            yield "ORDER_TRADE_UPDATE", payload
        case ConditionalChanged():
            yield "ALGO_UPDATE", _algo_update(engine, event.conditional, event.time_ns, now_ms)
        case AccountChanged():
            yield "ACCOUNT_UPDATE", _account_update(engine, event, now_ms)
        case ConfigChanged():
            change = {"s": event.symbol, "l": event.leverage}
            payload = _head("ACCOUNT_CONFIG_UPDATE", event.time_ns, now_ms, {"ac": change})
            yield "ACCOUNT_CONFIG_UPDATE", payload
        case MarginCalled():
            yield "MARGIN_CALL", _margin_call(engine, event, now_ms)


_KINDS: dict[type, str] = {
    Accepted: "NEW",
    Canceled: "CANCELED",
    Expired: "EXPIRED",
    OrderAmended: "AMENDMENT",
}


def _head(name: str, time_ns: int, now_ms: int, rest: dict[str, Any]) -> bytes:
    return orjson.dumps({"e": name, "E": now_ms, "T": ms(time_ns)} | rest)


def _order_update(
    engine: Matching, order: Order, kind: str, time_ns: int, now_ms: int, fill: Fill | None = None
) -> bytes:
    rules = engine.rules(order.symbol)
    position = _position(engine, order)
    row: dict[str, Any] = {
        "s": order.symbol,
        "c": order.client_id,
        "S": order.side.name,
        "o": order.type.name,
        "f": order.tif.name,
        "q": qty(rules, order.lots),
        "p": price(rules, order.tick),
        "ap": average(rules, order.filled_m, order.filled),
        "sp": price(rules, order.trigger_tick),
        "x": kind,
        "X": order.status.name,
        "i": order.order_id,
        "l": qty(rules, fill.lots if fill is not None else 0),
        "z": qty(rules, order.filled),
        "L": price(rules, fill.tick if fill is not None else 0),
    }
    if fill is not None:
        row |= {"N": fill.fee_asset, "n": money(fill.fee_m)}
    row |= {
        "T": ms(time_ns),
        "t": fill.trade_id if fill is not None else 0,
        "b": money(position.bid_notional_m),
        "a": money(position.ask_notional_m),
        "m": fill is not None and fill.maker,
        "R": order.reduce_only,
        "wt": order.working_type.name,
        "ot": order.original_type.name,
        "ps": order.position_side.name,
        "cp": order.close_position,
    }
    if order.original_type == OrderType.TRAILING_STOP_MARKET:
        row |= {"AP": price(rules, order.activate_tick), "cr": percent(order.callback_r)}
    row |= {
        "pP": order.price_protect,
        "si": 0,
        "ss": 0,
        "rp": money(fill.realized_m if fill is not None else 0),
        "V": order.stp.name,
        "pm": order.price_match.name,
        "gtd": ms(order.good_till_ns),
        "er": EXPIRY_REASONS.get(order.cause, "0") if kind == "EXPIRED" else "0",
    }
    if kind == "AMENDMENT" and order.modify_id is not None:
        row["M"] = order.modify_id
    return _head("ORDER_TRADE_UPDATE", time_ns, now_ms, {"o": row})


def _position(engine: Matching, order: Order) -> PositionView:
    rows = engine.positions(order.account, order.symbol)
    return next((row for row in rows if row.position_side == order.position_side), rows[0])


def _trade_lite(engine: Matching, event: Traded, now_ms: int) -> bytes:
    order, fill = event.order, event.fill
    rules = engine.rules(order.symbol)
    row = {
        "s": order.symbol,
        "q": qty(rules, order.lots),
        "p": price(rules, order.tick),
        "m": fill.maker,
        "c": order.client_id,
        "S": order.side.name,
        "L": price(rules, fill.tick),
        "l": qty(rules, fill.lots),
        "t": fill.trade_id,
        "i": order.order_id,
    }
    return _head("TRADE_LITE", event.time_ns, now_ms, row)


def _algo_update(engine: Matching, held: Conditional, time_ns: int, now_ms: int) -> bytes:
    asked = held.request
    rules = engine.rules(asked.symbol)
    row: dict[str, Any] = {
        "caid": held.client_id,
        "aid": held.algo_id,
        "at": "CONDITIONAL",
        "o": asked.type.name,
        "s": asked.symbol,
        "S": asked.side.name,
        "ps": asked.position_side.name,
        "f": asked.tif.name,
        "q": qty(rules, asked.lots),
        "X": held.status.name,
        "ai": str(held.order_id) if held.order_id else "",
        "ap": average(rules, held.filled_m, held.filled),
        "aq": decimal(held.filled * rules.step_units * 10 ** (8 - rules.qty_digits), 8)
        if held.filled
        else "0.00000",
        "act": held.actual_type.name if held.actual_type is not None else "0",
        "tp": price(rules, asked.trigger_tick),
        "p": price(rules, asked.tick),
        "V": asked.stp.name,
        "wt": asked.working_type.name,
        "pm": asked.price_match.name,
        "cp": asked.close_position,
        "pP": asked.price_protect,
        "R": asked.reduce_only,
        "tt": ms(held.triggered_ns),
        "gtd": ms(asked.good_till_ns),
        "rm": "" if held.reject is None else REASONS[held.reject][1],
    }
    if asked.type == OrderType.TRAILING_STOP_MARKET:
        row |= {
            "AP": off_grid(held.activate_e8),
            "cr": percent(asked.callback_r),
            "ia": held.activated,
        }
    return _head("ALGO_UPDATE", time_ns, now_ms, {"o": row})


def _account_update(engine: Matching, event: AccountChanged, now_ms: int) -> bytes:
    account: dict[str, Any] = {
        "m": event.reason.name,
        "B": [_balance(change) for change in event.balances],
        "P": [_position_row(engine, view) for view in event.positions],
    }
    if event.symbol and event.reason.name == "FUNDING_FEE":
        account["S"] = event.symbol
    return _head("ACCOUNT_UPDATE", event.time_ns, now_ms, {"a": account})


def _balance(change: BalanceChange) -> dict[str, str]:
    return {
        "a": change.asset,
        "wb": money(change.wallet_m),
        "cw": money(change.cross_wallet_m),
        "bc": money(change.change_m),
    }


def _position_row(engine: Matching, view: PositionView) -> dict[str, str]:
    rules = engine.rules(view.symbol)
    return {
        "s": view.symbol,
        "pa": qty(rules, view.lots),
        "ep": decimal(view.entry_e8, 8),
        "bep": decimal(view.break_even_e8, 8),
        "cr": money(view.realized_m),
        "up": money(view.unrealized_m),
        "mt": margin_type(view.margin_type),
        "iw": money(view.isolated_wallet_m),
        "ps": view.position_side.name,
        "ma": rules.asset,
    }


def _margin_call(engine: Matching, event: MarginCalled, now_ms: int) -> bytes:
    rows = []
    for view in event.positions:
        rules = engine.rules(view.symbol)
        isolated = view.margin_type == MarginType.ISOLATED
        row = {
            "s": view.symbol,
            "ps": view.position_side.name,
            "pa": qty(rules, view.lots),
            "mt": "ISOLATED" if isolated else "CROSSED",
            "mp": decimal(view.mark_e8, 8),
            "up": money(view.unrealized_m),
            "mm": money(view.maintenance_m),
        }
        if isolated:
            row["iw"] = money(view.isolated_wallet_m)
        rows.append(row)
    message: dict[str, Any] = {"e": "MARGIN_CALL", "E": now_ms}
    if event.cross_wallet_m:
        message["cw"] = money(event.cross_wallet_m)
    return orjson.dumps(message | {"p": rows})
