"""Rows of orders in, neutral events out: sections 9.1, 9.2, 9.8, 13 and 14.4 of the reference.

A row is ``TradeOrder`` of REST, ``rpcTradeOrder`` of the account channel, or what is left of either
in the thinner events; all three are read by the same code, field by field. For whoever has a row:

- ``order_event(row, scales, source)``: how the order stands, one event that has the row's
  ``executions`` in ``fills``;
- ``order_events(row, scales, source)``: the same behind one TRADE event for each of the row's
  ``executions``, oldest first. The last event says how the order stands;
- ``rows(body)``: the rows of an answer of REST, whose ``data`` is one or a list of them;
  ``listed(body, scales)``: one event for each.

A row counts: ``filled_qty_e`` and ``cost_e`` are sums over the order's whole life. Where it lists
no executions (``rpcTradeOrder`` never does) the tracker books what the sums have grown by, at what
it cost; executions that are told later bring names and fees for that, and are no second fill.
Rows may therefore come twice, late, in any order, and from both sides.

A row that says that something was filled but not how much, or that has no known status, is
``passing``: the venue is asked.

Quantities that are finer than the instrument's scale are booked as far as it goes: each execution
takes what the sum up to it has more than the sum before it, so that nothing is counted twice and
nothing is left but less than one unit of the scale in the end. The event names them (``unfit``).
"""

from collections.abc import Callable, Sequence

import msgspec
from msgspec import Raw, Struct

from connector.model.instrument import Instrument
from connector.model.intents import OrderType, TimeInForce
from connector.model.order import round_half_even
from connector.model.records import Side
from connector.model.reports import EndReason, OrderStatus
from connector.protocol.centrifugo_frames import NOTHING
from connector.venues.cadenza.numbers import (
    DIGITS,
    LARGEST,
    UNIT,
    average,
    cut,
    long_scaled,
    money,
    positive,
    rounded,
    stamp,
    text,
)
from connector.venues.contract import Scales
from connector.venues.trading_contract import Execution, OrderEvent, Source

Whose = Callable[[str], Instrument | None]
"""The instrument of an order of this ``tradeOrderId``; None: nobody knows it."""

LIVE = (
    "CREATED", "SUBMITTED", "PENDING", "ACCEPTED", "OPEN", "REPLACED", "PENDING_REPLACE",
    "PENDING_CANCEL",
)  # fmt: skip
"""It is not at its end. Whether the venue behind has it already makes no difference here."""
STATUSES = {
    **dict.fromkeys(LIVE, OrderStatus.NEW),
    "PARTIALLY_FILLED": OrderStatus.PARTIALLY_FILLED,
    "FILLED": OrderStatus.FILLED,
    "CANCELLED": OrderStatus.CANCELLED,
    "CANCELED": OrderStatus.CANCELLED,
    "REVOKED": OrderStatus.CANCELLED,
    "REJECTED": OrderStatus.REJECTED,
    "EXPIRED": OrderStatus.EXPIRED,
}
FILLING = frozenset({OrderStatus.PARTIALLY_FILLED, OrderStatus.FILLED})
UNTOLD = FILLING | {OrderStatus.CANCELLED, OrderStatus.EXPIRED}
"""These prove nothing without the quantity that was filled."""
SIDES = dict(Side.__members__)
TYPES = {
    "LIMIT": OrderType.LIMIT,
    "LIMIT_MAKER": OrderType.LIMIT,
    "QUOTED": OrderType.LIMIT,
    "MARKET": OrderType.MARKET,
    "STOP": OrderType.STOP_MARKET,
    "STOP_MARKET": OrderType.STOP_MARKET,
    "STOP_LOSS": OrderType.STOP_MARKET,
    "STOP_LIMIT": OrderType.STOP,
    "STOP_LOSS_LIMIT": OrderType.STOP,
    "TAKE_PROFIT": OrderType.TAKE_PROFIT_MARKET,
    "TAKE_PROFIT_LIMIT": OrderType.TAKE_PROFIT,
    "TRAILING_STOP": OrderType.TRAILING_STOP_MARKET,
}
TIMES = {name: time for name, time in TimeInForce.__members__.items() if time}
EXECUTIONS = {
    OrderStatus.CANCELLED: Execution.CANCELLED,
    OrderStatus.EXPIRED: Execution.EXPIRED,
    OrderStatus.REJECTED: Execution.REJECTED,
}
AVERAGE_DIGITS = 18
"""Decimals of an average price that are read, and written where it is worked out here."""
REMAINDERS = {
    TimeInForce.IOC: EndReason.REMAINDER,
    TimeInForce.FOK: EndReason.NOT_FILLABLE,
    TimeInForce.GTD: EndReason.GOOD_TILL,
}


class OrderRow(Struct, rename="camel"):
    """An order in any of the venue's shapes, its values undecoded."""

    trade_order_id: Raw = NOTHING
    order_id: Raw = NOTHING
    client_order_id: Raw = NOTHING
    idempotency_key: Raw = NOTHING
    trading_account_id: Raw = NOTHING
    instrument_id: Raw = NOTHING
    order_side: Raw = NOTHING
    order_type: Raw = NOTHING
    time_in_force: Raw = NOTHING
    status: Raw = NOTHING
    reject_reason: Raw = NOTHING
    cancel_reason: Raw = NOTHING
    limit_price: Raw = NOTHING
    stop_price: Raw = NOTHING
    quantity: Raw = NOTHING
    order_quantity_type: Raw = NOTHING
    quantity_type: Raw = NOTHING
    executed_price: Raw = NOTHING
    executed_quantity: Raw = NOTHING
    executed_cost: Raw = NOTHING
    executions: Raw = NOTHING
    updated_at: Raw = NOTHING
    timestamp: Raw = NOTHING
    created_at: Raw = NOTHING


class ExecutionRow(Struct, rename="camel"):
    execution_id: Raw = NOTHING
    external_trade_id: Raw = NOTHING
    executed_quantity: Raw = NOTHING
    executed_price: Raw = NOTHING
    executed_cost: Raw = NOTHING
    fees: Raw = NOTHING
    executed_at: Raw = NOTHING


class FeeRow(Struct, rename="camel"):
    asset: Raw = NOTHING
    security: Raw = NOTHING
    quantity: Raw = NOTHING


class _Fill(Struct, frozen=True):
    """An execution that can be booked."""

    name: str
    qty_e: int
    price_e: int
    cost_e: int
    fee_e: int | None
    fee_asset: str
    venue_ns: int


class _Answer(Struct):
    errno: int = 0
    data: Raw = NOTHING


_ANSWER = msgspec.json.Decoder(_Answer)
_RAWS = msgspec.json.Decoder(list[Raw])
_ROW = msgspec.json.Decoder(OrderRow)
_FEES = msgspec.json.Decoder(list[FeeRow])
_EXECUTIONS = msgspec.json.Decoder(list[ExecutionRow])


def rows(body: bytes) -> list[Raw]:
    """The rows of an answer. Raises ValueError on one without."""
    answer = _ANSWER.decode(body)
    data = bytes(answer.data)
    if answer.errno or not data.startswith((b"[", b"{")):
        raise ValueError("an answer without orders")
    return _RAWS.decode(data) if data.startswith(b"[") else [answer.data]


def listed(body: bytes, scales: Scales) -> Sequence[OrderEvent]:
    """One event for every order of an answer to a question; the venue lists the newest first, here
    it comes last. Raises ValueError."""
    return [order_event(row, scales, Source.QUERY) for row in reversed(rows(body))]


def name_of(raw: Raw | bytes) -> str:
    """The ``tradeOrderId`` of a row; "" when it names none. Raises ValueError when it is no row."""
    row = _ROW.decode(raw)
    return text(row.trade_order_id) or text(row.order_id)


def account_of(raw: Raw | bytes) -> str:
    """The trading account of a row, "" when it does not say."""
    return text(_ROW.decode(raw).trading_account_id)


def order_event(
    raw: Raw | bytes,
    scales: Scales,
    source: Source,
    *,
    execution: Execution | None = None,
    told_ns: int = 0,
    whose: Whose | None = None,
) -> OrderEvent:
    """How the order of a row stands. Raises ValueError on what is no row of an order.

    ``execution`` is what its own answer says has happened; ``told_ns``: the time of a message whose
    row has none; ``whose`` finds the instrument of an order whose row does not name it. Without
    an instrument there are no numbers, and without its name the event says "" for it."""
    row = _ROW.decode(raw)
    last = _order_event(row, scales, source, execution, told_ns, whose)
    fills = _executions(row, last, _instrument(row, scales, whose))
    return msgspec.structs.replace(last, fills=tuple(fills)) if fills else last


def order_events(
    raw: Raw | bytes,
    scales: Scales,
    source: Source,
    *,
    told_ns: int = 0,
    whose: Whose | None = None,
) -> Sequence[OrderEvent]:
    """The executions of a row, oldest first, and at the end how the order stands."""
    row = _ROW.decode(raw)
    last = _order_event(row, scales, source, None, told_ns, whose)
    fills = _executions(row, last, _instrument(row, scales, whose))
    return fills if fills and fills[-1].status is not None else [*fills, last]


def _executions(row: OrderRow, last: OrderEvent, instrument: Instrument | None) -> list[OrderEvent]:
    """The executions of a row, oldest first; the last of them says what the order came to where
    that is nothing but filled."""
    fills = _fills(row, instrument)
    if not fills or last.filled_qty_e is None:
        return []
    # What is counted beyond the list came before it.
    count_e = max(0, last.filled_qty_e - sum(fill.qty_e for fill in fills))
    cost_e = 0 if last.cost_e is None else last.cost_e - sum(fill.cost_e for fill in fills)
    events: list[OrderEvent] = []
    for fill in fills:
        count_e, cost_e = count_e + fill.qty_e, cost_e + fill.cost_e
        events.append(
            msgspec.structs.replace(
                last,
                execution=Execution.TRADE,
                status=None,
                passing=False,
                filled_qty_e=count_e,
                cost_e=max(0, cost_e),
                average="",
                last_qty_e=fill.qty_e,
                last_price_e=fill.price_e,
                venue_trade_id=fill.name,
                fee_e=fill.fee_e,
                fee_asset=fill.fee_asset,
                reason=EndReason.NONE,
                words="",
                venue_ns=fill.venue_ns or last.venue_ns,
            )
        )
    if last.status in FILLING and not last.passing:
        # The last of them is what the order came to.
        events[-1] = msgspec.structs.replace(
            events[-1], status=last.status, average=last.average, filled_qty_e=last.filled_qty_e,
            cost_e=last.cost_e if last.cost_e is not None else events[-1].cost_e,
        )  # fmt: skip
    return events


def _order_event(
    row: OrderRow,
    scales: Scales,
    source: Source,
    execution: Execution | None,
    told_ns: int,
    whose: Whose | None,
) -> OrderEvent:
    name, client_id = text(row.trade_order_id) or text(row.order_id), _client_id(row)
    if not name and not client_id:
        raise ValueError("an order without tradeOrderId")
    instrument = _instrument(row, scales, whose)
    price_exponent = instrument.price_exponent if instrument else None
    qty_exponent = instrument.qty_exponent if instrument else None
    based = (text(row.order_quantity_type) or text(row.quantity_type) or "BASE") == "BASE"
    filled_e, unfit = _filled(row.executed_quantity, instrument)
    status = STATUSES.get(text(row.status))
    # FILLED alone does not say how much, nor CANCELLED that nothing was.
    counted = filled_e is not None or instrument is None
    untold = not counted and status in UNTOLD
    words = _words(row) if status is OrderStatus.REJECTED else ""
    if status is OrderStatus.NEW and filled_e:
        status = OrderStatus.PARTIALLY_FILLED
    elif status is OrderStatus.REJECTED and filled_e:
        status = OrderStatus.CANCELLED  # only its rest was refused: what was filled counts
    passing = status is None or untold
    kind, time = text(row.order_type), TIMES.get(text(row.time_in_force))
    if kind == "LIMIT_MAKER":
        time = TimeInForce.GTX
    venue_ns = stamp(row.updated_at, row.timestamp) or told_ns or stamp(row.created_at)
    happened = EXECUTIONS.get(status, Execution.STATE) if status and not passing else None
    return OrderEvent(
        source=source,
        execution=execution or happened or Execution.STATE,
        status=None if passing else status,
        passing=passing,
        symbol=text(row.instrument_id) or (instrument.symbol if instrument else ""),
        client_order_id=client_id,
        venue_order_id=name,
        side=SIDES.get(text(row.order_side)),
        order_type=TYPES.get(kind),
        time_in_force=time,
        price_e=positive(row.limit_price, price_exponent),
        qty_e=positive(row.quantity, qty_exponent) if based else None,
        filled_qty_e=filled_e,
        cost_e=_cost(row, filled_e, instrument),
        average=average(row.executed_price) or _average(row, filled_e, instrument),
        stop_price_e=positive(row.stop_price, price_exponent),
        reason=_reason(row, status, time) if not passing else EndReason.NONE,
        words=words,
        venue_ns=venue_ns,
        transaction_ns=stamp(row.updated_at),
        unfit=unfit or _unfit(row, instrument),
    )


def _client_id(row: OrderRow) -> str:
    return text(row.client_order_id) or text(row.idempotency_key)


def _instrument(row: OrderRow, scales: Scales, whose: Whose | None) -> Instrument | None:
    symbol = text(row.instrument_id)
    if symbol:
        return scales(symbol)
    name = text(row.trade_order_id) or text(row.order_id)
    return whose(name) if whose is not None and name else None


def _filled(raw: Raw, instrument: Instrument | None) -> tuple[int | None, str]:
    """What was filled in all, None: not said; and the number where the scale does not hold it."""
    written = text(raw)
    if instrument is None or not written:
        return None, ""
    filled_e, finer = cut(raw, instrument.qty_exponent)
    return filled_e, f"executedQuantity {written[:DIGITS]}" if finer or filled_e is None else ""


def _unfit(row: OrderRow, instrument: Instrument | None) -> str:
    """The first execution that cannot be booked as it is written; "": all can."""
    if instrument is None:
        return ""
    for one in _listed(row):
        filled_e, finer = cut(one.executed_quantity, instrument.qty_exponent)
        if finer or filled_e is None:
            return f"executedQuantity {text(one.executed_quantity)[:DIGITS]} of an execution"
        if not _price(one, filled_e, instrument):
            return f"executedPrice {text(one.executed_price)[:DIGITS]} of an execution"
    return ""


def _cost(row: OrderRow, filled_e: int | None, instrument: Instrument | None) -> int | None:
    """What all fills cost, as ``OrderEvent.cost_e``: as it is told, else by their average price;
    None where neither says it."""
    if not filled_e or instrument is None or instrument.inverse:
        return None
    found = rounded(row.executed_cost, instrument.price_exponent + instrument.qty_exponent)
    if found is not None and found > 0:
        return found
    # The average may be written with more decimals than a price has.
    price = long_scaled(row.executed_price, AVERAGE_DIGITS)
    if price is None or price <= 0:
        return None
    scale: int = 10 ** (AVERAGE_DIGITS - instrument.price_exponent)
    return round_half_even(price * filled_e, scale) or None


def _average(row: OrderRow, filled_e: int | None, instrument: Instrument | None) -> str:
    """The average price by what all fills cost, where it is not told itself; "": unknown."""
    if not filled_e or instrument is None or instrument.inverse:
        return ""
    exponent = instrument.price_exponent + instrument.qty_exponent
    cost_e = rounded(row.executed_cost, exponent)
    if cost_e is None or cost_e <= 0:
        return ""
    price = round_half_even(cost_e * 10 ** (AVERAGE_DIGITS - instrument.price_exponent), filled_e)
    whole, part = divmod(price, 10**AVERAGE_DIGITS)
    return f"{whole}.{part:0{AVERAGE_DIGITS}d}".rstrip("0").rstrip(".") if price else ""


def _listed(row: OrderRow) -> list[ExecutionRow]:
    """The executions of a row as they are written; none where they cannot be read."""
    if not bytes(row.executions).startswith(b"["):
        return []
    try:
        return _EXECUTIONS.decode(row.executions)
    except ValueError:
        return []


def _price(one: ExecutionRow, qty_e: int, instrument: Instrument) -> int:
    """The price of an execution in the instrument's scale, rounded where it is written finer than
    that; 0: neither it nor the cost says it."""
    price_e = rounded(one.executed_price, instrument.price_exponent)
    if price_e is None or price_e <= 0:
        cost_e = rounded(one.executed_cost, instrument.price_exponent + instrument.qty_exponent)
        price_e = round_half_even(cost_e, qty_e) if cost_e and qty_e else 0
    return price_e if 0 < price_e <= LARGEST else 0


def _fills(row: OrderRow, instrument: Instrument | None) -> list[_Fill]:
    """The executions, oldest first; none where one of them cannot be booked: then the sums count
    alone."""
    if instrument is None:
        return []
    listed: dict[str, ExecutionRow] = {}
    for one in _listed(row):
        name = text(one.execution_id) or text(one.external_trade_id)
        if not name:
            return []
        listed[name] = one
    found: list[_Fill] = []
    carried = 0
    """What executions so far had beyond the scale."""
    exponent = instrument.price_exponent + instrument.qty_exponent
    for name, one in sorted(listed.items(), key=lambda item: stamp(item[1].executed_at)):
        qty_e, finer = cut(one.executed_quantity, instrument.qty_exponent)
        if qty_e is None or not (qty_e or finer):
            return []
        more, carried = divmod(carried + finer, UNIT)
        price_e, qty_e = _price(one, qty_e, instrument), qty_e + more
        if not price_e:
            return []
        if not qty_e:
            continue  # less than a unit, which a later one has more
        cost_e = rounded(one.executed_cost, exponent) if not finer and not more else None
        fee_e, asset = _fee(one.fees)
        at_ns = stamp(one.executed_at)
        found.append(_Fill(name, qty_e, price_e, cost_e or price_e * qty_e, fee_e, asset, at_ns))
    return found


def _fee(raw: Raw) -> tuple[int | None, str]:
    """What was paid, and in which asset: above zero is taken as paid. Of several assets only the
    first can be told. An empty list says nothing: the venue's own rows have it before it knows."""
    if not bytes(raw).startswith(b"["):
        return None, ""
    try:
        rows = _FEES.decode(raw)
    except ValueError:
        return None, ""
    sums: dict[str, int] = {}
    for row in rows:
        asset = text(row.asset) or text(row.security).rpartition(":")[2]
        paid_e = money(row.quantity)
        if paid_e is None:
            return None, ""
        sums[asset] = sums.get(asset, 0) + paid_e
    if not sums:
        return None, ""
    told = next((asset for asset, paid_e in sums.items() if paid_e), next(iter(sums)))
    return sums[told], told


def _reason(row: OrderRow, status: OrderStatus | None, time: TimeInForce | None) -> EndReason:
    if status not in (OrderStatus.CANCELLED, OrderStatus.EXPIRED):
        return EndReason.NONE
    if "USER" in text(row.cancel_reason).upper():
        return EndReason.COMMAND
    if text(row.order_type) == "MARKET":
        return EndReason.REMAINDER
    return REMAINDERS.get(time or TimeInForce.NONE, EndReason.VENUE)


def _words(row: OrderRow) -> str:
    """Why an order was rejected."""
    return text(row.reject_reason) or text(row.cancel_reason)
