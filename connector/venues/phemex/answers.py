"""The venue's answers about orders in, neutral outcomes and order events out.

Sections 4.4 and 4.6 of the reference. What an answer says is taken field by field: a value that is
missing, unknown or does not fit is None, never a reason to lose the others. A success says only
that the request was taken: what becomes of the order the private stream tells.
"""

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Raw

from connector.model.instrument import Instrument
from connector.model.intents import Action, OrderType, PositionSide, TimeInForce
from connector.model.records import Side
from connector.model.reports import OrderStatus
from connector.venues.contract import Scales
from connector.venues.phemex.errors import NOT_FOUND, Verdict, judge_code, judge_order, read, text
from connector.venues.phemex.numbers import DECIMALS, name, numbers_of, whole
from connector.venues.phemex.schemas_trading import (
    FillRow,
    HedgedFillRow,
    HedgedOrderRow,
    Named,
    OrderRow,
    Reply,
    Rows,
)
from connector.venues.trading_contract import (
    Execution,
    OrderAnswer,
    OrderEvent,
    OrderOutcome,
    Source,
)

MOST_WORDS = 4096
"""Of the venue's own words, as much as an answer carries on."""

STATUSES = {
    # Waits for its trigger.
    "Untriggered": OrderStatus.NEW,
    "Triggered": OrderStatus.TRIGGERED,
    "New": OrderStatus.NEW,
    "PartiallyFilled": OrderStatus.PARTIALLY_FILLED,
    "Filled": OrderStatus.FILLED,
    "Canceled": OrderStatus.CANCELLED,
    "Rejected": OrderStatus.REJECTED,
    # A conditional order that was removed before it fired.
    "Deactivated": OrderStatus.CANCELLED,
}
"""The others (Created, Init, PendingNew …) are of requests under way: no state of the order."""
SIDES = {"Buy": Side.BUY, "Sell": Side.SELL}
TYPES = {
    "Limit": OrderType.LIMIT,
    "Market": OrderType.MARKET,
    "Stop": OrderType.STOP_MARKET,
    "StopLimit": OrderType.STOP,
    "MarketIfTouched": OrderType.TAKE_PROFIT_MARKET,
    "LimitIfTouched": OrderType.TAKE_PROFIT,
    # What the engine makes of them when they trade.
    "ProtectedMarket": OrderType.MARKET,
    "MarketAsLimit": OrderType.MARKET,
    "StopAsLimit": OrderType.STOP_MARKET,
    "MarketIfTouchedAsLimit": OrderType.TAKE_PROFIT_MARKET,
}
TIMES = {
    "GoodTillCancel": TimeInForce.GTC,
    "ImmediateOrCancel": TimeInForce.IOC,
    "FillOrKill": TimeInForce.FOK,
    "PostOnly": TimeInForce.GTX,
    "RPIPostOnly": TimeInForce.GTX,
    "Day": TimeInForce.DAY,
}
REDUCING = {"ReduceOnly", "CloseOnTrigger"}
"""``execInst``."""
POSITION_SIDES = {"Long": PositionSide.LONG, "Short": PositionSide.SHORT}
"""``posSide`` of the hedged API; Merged is both."""
FILLS = {"Trade", "LiqTrade", "AdlTrade", "Liq", "Adl", "TakeOver"}
"""``tradeType`` of what fills an order."""
FORCED = {"LiqTrade", "AdlTrade", "Liq", "Adl", "TakeOver"}
"""The venue's own: liquidation, auto-deleveraging."""
MAKER = {"MakerFill": True, "TakerFill": False}

_REPLY = msgspec.json.Decoder(Reply)
_ORDER = msgspec.json.Decoder(OrderRow)
_HEDGED_ORDER = msgspec.json.Decoder(HedgedOrderRow)
_ROWS = msgspec.json.Decoder(Rows)
_LIST = msgspec.json.Decoder(list[Raw])
_FILL = msgspec.json.Decoder(FillRow)
_HEDGED_FILL = msgspec.json.Decoder(HedgedFillRow)
_SYMBOL = msgspec.json.Decoder(Named)


def judge(
    action: Action, status: int, headers: Mapping[str, str], body: bytes, scales: Scales
) -> OrderAnswer:
    """What the answer to one order request proves, and what it says of the order. Total."""
    words = body[:MOST_WORDS].decode("utf-8", "replace")
    verdict = judge_order(action, status, headers, body)
    if verdict is not None:
        return _answer(verdict, status, words)
    if action is Action.CANCEL_ALL:  # what it says besides is not to be relied on
        return OrderAnswer(OrderOutcome.ACCEPTED, status, body=words)
    try:
        event = _event(body, action, scales)
    except (ValueError, RecursionError):
        return OrderAnswer(OrderOutcome.UNKNOWN, status, body=words)
    if event is None:
        return OrderAnswer(OrderOutcome.GONE, status, NOT_FOUND, words)
    return OrderAnswer(OrderOutcome.ACCEPTED, status, body=words, order=event)


def judge_batch(
    action: Action,
    count: int,
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    scales: Scales,
) -> list[OrderAnswer]:
    """One answer for each of the ``count`` cancels of a batch.

    The venue does not say how the list looks: only a list of that length without an error, or one
    error for all, can be told; whatever else it is, each cancel is unknown and goes on alone."""
    words = body[:MOST_WORDS].decode("utf-8", "replace")
    verdict = judge_order(action, status, headers, body)
    if verdict is not None:
        return [_answer(verdict, status, words)] * count
    try:
        rows = _list(body)
        failed = [row for row in map(_ORDER.decode, rows) if text(row.biz_error) not in ("", "0")]
        if len(rows) == count and not failed:
            events = [_order(row, scales, Source.ANSWER) for row in rows]
            return [
                OrderAnswer(OrderOutcome.ACCEPTED, status, body=words, order=event)
                for event in events
            ]
        codes = {int(text(row.biz_error)) for row in failed}
        if len(failed) == len(rows) == count and len(codes) == 1:
            return [_answer(judge_code(action, codes.pop(), words, headers), status, words)] * count
    except (ValueError, RecursionError):
        pass
    return [OrderAnswer(OrderOutcome.UNKNOWN, status, body=words)] * count


def order_event(body: bytes, scales: Scales, source: Source = Source.QUERY) -> OrderEvent:
    """The order in an answer; raises ValueError when it names none."""
    rows = orders(body)
    if not rows:
        raise ValueError("an answer that names no order")
    return _order(rows[0], scales, source)


def order_events(body: bytes, scales: Scales) -> Sequence[OrderEvent]:
    """A list of orders. Raises ValueError."""
    return [_order(raw, scales, Source.QUERY) for raw in orders(body)]


def fill_events(body: bytes, scales: Scales) -> Sequence[OrderEvent]:
    """The fills of a page of trades, oldest first; funding is none of an order's. Raises
    ValueError."""
    found = []
    for raw in orders(body):
        symbol, instrument = _instrument(raw, scales)
        numbers = numbers_of(instrument)
        row = (_HEDGED_FILL if numbers is DECIMALS else _FILL).decode(raw)
        kind = text(row.trade_type)
        if kind not in FILLS or instrument is None:
            continue
        currency = text(row.currency)
        when_ns = whole(row.transact_time_ns) or 0
        found.append(
            OrderEvent(
                source=Source.QUERY,
                execution=Execution.TRADE,
                symbol=symbol,
                client_order_id=text(row.cl_ord_id),
                venue_order_id=name(row.order_id),
                side=SIDES.get(text(row.side)),
                position_side=POSITION_SIDES.get(text(row.pos_side), PositionSide.BOTH),
                last_qty_e=numbers.qty(row.exec_qty, instrument) or 0,
                last_price_e=numbers.price(row.exec_price_ep, instrument),
                venue_trade_id=name(row.exec_id),
                maker=MAKER.get(text(row.exec_status)),
                fee_e=numbers.money(row.exec_fee_ev, currency),
                fee_asset=currency,
                realised_e=numbers.money(row.closed_pnl_ev, currency),
                liquidation=kind in FORCED,
                venue_ns=when_ns,
                transaction_ns=when_ns,
            )
        )
    found.sort(key=lambda event: event.venue_ns)
    return found


def orders(body: bytes) -> Sequence[Raw]:
    """The rows of an answer: one order, a list of them, or a page. No open order is an error of the
    venue's, and an empty list here. Raises ValueError."""
    fault = read(body) if len(body) < MOST_WORDS else None
    if fault is not None and fault.code == NOT_FOUND:
        return []
    # Below /api-data a list may stand without an envelope.
    data = body if body.startswith(b"[") else bytes(_REPLY.decode(body).data)
    if data.startswith(b"["):
        return _LIST.decode(data)
    if not data.startswith(b"{"):
        raise ValueError("an answer without data")
    rows = _ROWS.decode(data).rows
    return rows if rows or b'"rows"' in data[:64] else [Raw(data)]


def _list(body: bytes) -> Sequence[Raw]:
    data = _REPLY.decode(body).data
    return _LIST.decode(data) if bytes(data).startswith(b"[") else _ROWS.decode(data).rows


def _instrument(raw: Raw, scales: Scales) -> tuple[str, Instrument | None]:
    symbol = text(_SYMBOL.decode(raw).symbol)
    return symbol, scales(symbol)


def _event(body: bytes, action: Action, scales: Scales) -> OrderEvent | None:
    """None: the question has no answer."""
    if action is Action.QUERY:
        rows = orders(body)
        return _order(rows[0], scales, Source.QUERY) if rows else None
    event = order_event(body, scales, Source.ANSWER)
    if action is Action.AMEND:
        # It shows what was asked for before the engine has agreed.
        return msgspec.structs.replace(event, price_e=None, qty_e=None, stop_price_e=None)
    return event


def _order(raw: Raw, scales: Scales, source: Source) -> OrderEvent:
    symbol, instrument = _instrument(raw, scales)
    numbers = numbers_of(instrument)
    row = (_HEDGED_ORDER if numbers is DECIMALS else _ORDER).decode(raw)
    order_id = name(row.order_id) or name(row.order_id_today)
    if not symbol or not order_id:
        raise ValueError("an answer that names no order")
    when_ns = whole(row.transact_time_ns) or whole(row.action_time_ns) or 0
    return OrderEvent(
        source=source,
        execution=Execution.STATE,
        status=STATUSES.get(text(row.ord_status)),
        symbol=symbol,
        client_order_id=text(row.cl_ord_id) or text(row.cl_ord_id_today),
        venue_order_id=order_id,
        side=SIDES.get(text(row.side)),
        order_type=TYPES.get(text(row.order_type) or text(row.ord_type)),
        time_in_force=TIMES.get(text(row.time_in_force)),
        position_side=POSITION_SIDES.get(text(row.pos_side), PositionSide.BOTH),
        reduce_only=text(row.reduce_only) == "true" or text(row.exec_inst) in REDUCING,
        price_e=numbers.price(row.price_ep, instrument),
        qty_e=numbers.qty(row.order_qty, instrument),
        filled_qty_e=numbers.qty(row.cum_qty, instrument),
        stop_price_e=numbers.price(row.stop_px_ep, instrument),
        venue_ns=when_ns,
        transaction_ns=when_ns,
    )


def _answer(verdict: Verdict, status: int, words: str) -> OrderAnswer:
    return OrderAnswer(
        verdict.outcome,
        status,
        verdict.code,
        words,
        retry_after_ns=verdict.retry_after_ns,
        reconcile=verdict.reconcile,
    )
