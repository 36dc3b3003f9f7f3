"""The venue's answers about orders in, neutral outcomes and order events out.

Shapes R15, R16, R27, R28 of the reference. What an answer says is taken field by field: a value
that is missing, unknown or does not fit the scale is None, never a reason to lose the others.
"""

import re
from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Raw

from connector._speedups import events_binance_usdm as compiled
from connector._speedups.decimal import parse
from connector.model.instrument import ABSENT
from connector.model.intents import Action, OrderType, PositionSide, TimeInForce
from connector.model.records import Side
from connector.model.reports import EndReason, OrderStatus
from connector.venues.binance_usdm.errors import Verdict, judge_order
from connector.venues.binance_usdm.schemas import LAST_MS, MS, text
from connector.venues.binance_usdm.schemas_trading import AlgoRow, Done, OrderRow
from connector.venues.contract import Scales
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
    "NEW": OrderStatus.NEW,
    "PARTIALLY_FILLED": OrderStatus.PARTIALLY_FILLED,
    "FILLED": OrderStatus.FILLED,
    "CANCELED": OrderStatus.CANCELLED,
    "REJECTED": OrderStatus.REJECTED,
    "EXPIRED": OrderStatus.EXPIRED,
    "EXPIRED_IN_MATCH": OrderStatus.EXPIRED,
    # Deleted in 2023, still seen: the venue's own orders.
    "NEW_INSURANCE": OrderStatus.NEW,
    "NEW_ADL": OrderStatus.NEW,
}
ALGO_STATUSES = {
    "NEW": OrderStatus.NEW,
    "CANCELED": OrderStatus.CANCELLED,
    "TRIGGERING": OrderStatus.TRIGGERED,
    "TRIGGERED": OrderStatus.TRIGGERED,
    # Its normal order was filled or cancelled; that order's own events say which.
    "FINISHED": OrderStatus.TRIGGERED,
    "REJECTED": OrderStatus.REJECTED,
    "EXPIRED": OrderStatus.EXPIRED,
}
REASONS = {
    "EXPIRED_IN_MATCH": EndReason.SELF_TRADE,
}
LIQUIDATIONS = ("autoclose-", "adl_autoclose", "settlement_autoclose-", "delivery_autoclose-")
"""How client ids of the venue's own orders begin."""
TYPES = {kind.name: kind for kind in OrderType}
TIMES = {
    name: time
    for name, time in TimeInForce.__members__.items()
    if time not in {TimeInForce.NONE, TimeInForce.DAY}
}
POSITION_SIDES = dict(PositionSide.__members__)
SIDES = dict(Side.__members__)
EXECUTIONS = {
    (Action.PLACE, OrderStatus.NEW): Execution.NEW,
    (Action.CANCEL, OrderStatus.CANCELLED): Execution.CANCELLED,
    (Action.AMEND, OrderStatus.NEW): Execution.AMENDED,
    (Action.AMEND, OrderStatus.PARTIALLY_FILLED): Execution.AMENDED,
}
"""What an answer says has happened; else it says how the order stands."""

_DECIMAL = re.compile(r"[0-9]+(\.[0-9]*)?")
_ORDER = msgspec.json.Decoder(OrderRow)
_ORDERS = msgspec.json.Decoder(list[Raw])
_ALGO = msgspec.json.Decoder(AlgoRow)
_DONE = msgspec.json.Decoder(Done)


def judge(
    action: Action, status: int, headers: Mapping[str, str], body: bytes, scales: Scales
) -> OrderAnswer:
    """What the answer to one order request proves, and what it says of the order. Total."""
    words = body[:MOST_WORDS].decode("utf-8", "replace")
    if 200 <= status < 300:  # nearly always: an order, and no code
        event = compiled.answered(body, scales, _source(action), Execution.STATE)
        if event is not None:
            done = _done(event, action)
            return OrderAnswer(OrderOutcome.ACCEPTED, status, body=words, order=done)
    verdict = judge_order(action, status, headers, body)
    if verdict is not None:
        return _answer(verdict, status, words)
    try:
        event = _event(body, action, scales)
    except (ValueError, RecursionError):
        return OrderAnswer(OrderOutcome.UNKNOWN, status, body=words)
    return OrderAnswer(OrderOutcome.ACCEPTED, status, body=words, order=event)


def judge_batch(
    action: Action,
    count: int,
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    scales: Scales,
) -> list[OrderAnswer]:
    """One answer for each of the ``count`` elements of a batch, in the order of the request.

    What cannot be told apart (no list, another length) is unknown for all of them."""
    verdict = judge_order(action, status, headers, body)
    if verdict is not None:
        words = body[:MOST_WORDS].decode("utf-8", "replace")
        return [_answer(verdict, status, words)] * count
    try:
        rows = _ORDERS.decode(body)
    except (ValueError, RecursionError):
        rows = []
    if len(rows) != count:
        words = body[:MOST_WORDS].decode("utf-8", "replace")
        return [OrderAnswer(OrderOutcome.UNKNOWN, status, body=words)] * count
    return [judge(action, status, {}, bytes(row), scales) for row in rows]


def order_event(
    body: bytes,
    scales: Scales,
    source: Source = Source.QUERY,
    execution: Execution = Execution.STATE,
) -> OrderEvent:
    """One order, of either kind, as an answer shows it. Raises ValueError when it names none."""
    event: OrderEvent | None = compiled.answered(body, scales, source, execution)
    return order_event_any(body, scales, source, execution) if event is None else event


def order_event_any(
    body: bytes, scales: Scales, source: Source, execution: Execution
) -> OrderEvent:
    """The same by the general reader alone."""
    row = _ORDER.decode(body)
    if text(row.order_id):
        return _order(row, scales, source, execution)
    return _algo(_ALGO.decode(body), scales, source, execution)


def order_events(body: bytes, scales: Scales) -> Sequence[OrderEvent]:
    """A list of orders, of either kind. Raises ValueError."""
    return [order_event(bytes(row), scales) for row in _ORDERS.decode(body)]


def _event(body: bytes, action: Action, scales: Scales) -> OrderEvent | None:
    if action is Action.CANCEL_ALL:
        if text(_DONE.decode(body).code) != "200":
            raise ValueError("an answer that says nothing")
        return None
    event = order_event(body, scales, _source(action))
    if event.conditional and not event.symbol:
        return None  # cancelling one is answered with its ids and a code alone
    return _done(event, action)


def _source(action: Action) -> Source:
    return Source.QUERY if action is Action.QUERY else Source.ANSWER


def _done(event: OrderEvent, action: Action) -> OrderEvent:
    """What the answer says has happened."""
    done = EXECUTIONS.get((action, event.status or OrderStatus.UNKNOWN))
    if done is None:
        return event
    reason = EndReason.COMMAND if done is Execution.CANCELLED else event.reason
    return msgspec.structs.replace(event, execution=done, reason=reason)


def _answer(verdict: Verdict, status: int, words: str) -> OrderAnswer:
    return OrderAnswer(
        verdict.outcome,
        status,
        verdict.code,
        words,
        retry_after_ns=verdict.retry_after_ns,
        until_ns=verdict.until_ns,
        orders_only=verdict.orders_only,
        reconcile=verdict.reconcile,
    )


def _order(row: OrderRow, scales: Scales, source: Source, execution: Execution) -> OrderEvent:
    symbol = text(row.symbol)
    instrument = scales(symbol)
    price_exponent = instrument.price_exponent if instrument else None
    qty_exponent = instrument.qty_exponent if instrument else None
    word = text(row.status)
    client_id = text(row.client_order_id)
    return OrderEvent(
        source=source,
        execution=execution,
        status=STATUSES.get(word),
        symbol=symbol,
        client_order_id=client_id,
        order_id=whole(row.order_id),
        side=SIDES.get(text(row.side)),
        order_type=TYPES.get(text(row.type)),
        time_in_force=TIMES.get(text(row.time_in_force)),
        position_side=POSITION_SIDES.get(text(row.position_side), PositionSide.BOTH),
        reduce_only=text(row.reduce_only).lower() == "true",
        price_e=positive(row.price, price_exponent),
        qty_e=scaled(row.orig_qty, qty_exponent),
        filled_qty_e=scaled(row.executed_qty, qty_exponent),
        average=average(row.avg_price),
        stop_price_e=positive(row.stop_price, price_exponent),
        reason=REASONS.get(word, EndReason.NONE),
        liquidation=client_id.startswith(LIQUIDATIONS),
        venue_ns=stamp(row.update_time) or stamp(row.time),
    )


def _algo(row: AlgoRow, scales: Scales, source: Source, execution: Execution) -> OrderEvent:
    if whole(row.algo_id) is None:
        raise ValueError("an answer that names no order")
    symbol = text(row.symbol)
    instrument = scales(symbol)
    price_exponent = instrument.price_exponent if instrument else None
    word = text(row.algo_status)
    return OrderEvent(
        source=source,
        execution=execution,
        status=ALGO_STATUSES.get(word),
        symbol=symbol,
        client_order_id=text(row.client_algo_id),
        order_id=whole(row.algo_id),
        conditional=True,
        born_order_id=whole(row.actual_order_id),
        side=SIDES.get(text(row.side)),
        order_type=TYPES.get(text(row.order_type)),
        time_in_force=TIMES.get(text(row.time_in_force)),
        position_side=POSITION_SIDES.get(text(row.position_side), PositionSide.BOTH),
        reduce_only=text(row.reduce_only).lower() == "true",
        price_e=positive(row.price, price_exponent),
        qty_e=scaled(row.quantity, instrument.qty_exponent if instrument else None),
        stop_price_e=positive(row.trigger_price, price_exponent),
        reason=EndReason.TRIGGER_REJECTED if word == "REJECTED" else EndReason.NONE,
        venue_ns=stamp(row.update_time) or stamp(row.create_time),
    )


# Values: None where the venue gave nothing usable


def scaled(raw: Raw, exponent: int | None) -> int | None:
    """A number in units of 10**-exponent."""
    value = text(raw)
    if exponent is None or not value:
        return None
    try:
        found = parse(value, exponent)
    except ValueError:
        return None
    return found if found != ABSENT else None


def positive(raw: Raw, exponent: int | None) -> int | None:
    """Like ``scaled``; the venue writes 0 where there is none."""
    found = scaled(raw, exponent)
    return found if found is not None and found > 0 else None


def average(raw: Raw) -> str:
    """An average price as it is written; "": nothing has been filled, or it is none."""
    value = text(raw)
    return value if _DECIMAL.fullmatch(value) and value.strip("0.") else ""


def whole(raw: Raw) -> int | None:
    """An id; "" and 0 are none."""
    return positive(raw, 0)


def stamp(raw: Raw) -> int:
    """A time in nanoseconds; 0 where there is none."""
    ms = positive(raw, 0)
    return ms * MS if ms is not None and ms <= LAST_MS else 0


compiled.use_model(
    event=OrderEvent,
    both=PositionSide.BOTH,
    none=EndReason.NONE,
    statuses=STATUSES,
    sides=SIDES,
    types=TYPES,
    times=TIMES,
    position_sides=POSITION_SIDES,
    reasons=REASONS,
    liquidations=LIQUIDATIONS,
    last_ms=LAST_MS,
)
