"""Private messages in, neutral events out: section 7 of the venue's reference.

An entry of ``orders`` is one event of an order and how it stands after it; what happened is told
from the status and the execution together, never from ``action``, which is the last request for the
order and stays through its fills. Total for well-formed frames: an unknown word is no event of its
own, an unreadable value is None and takes nothing else with it.

A snapshot shows the open orders, and up to a hundred closed and a hundred filled ones: its entries
are history (``Source.HISTORY``), so that orders nobody knows any more do not come back as somebody
else's, and fills that were missed are told as recovered.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from connector._speedups import events_phemex as compiled
from connector._speedups import rows_phemex
from connector.model.intents import OrderType, PositionSide, TimeInForce
from connector.model.reports import BalanceReason, EndReason, OrderStatus
from connector.venues.contract import Control, Scales
from connector.venues.phemex.answers import (
    FORCED,
    MAKER,
    POSITION_SIDES,
    REDUCING,
    SIDES,
    STATUSES,
    TIMES,
    TYPES,
)
from connector.venues.phemex.error_codes import ENGINE, ROWS
from connector.venues.phemex.errors import text
from connector.venues.phemex.money import VALUE_EXPONENTS
from connector.venues.phemex.numbers import DECIMALS, HEDGED, INTEGERS, NOBODY, Numbers, name, whole
from connector.venues.phemex.positions import balance, position
from connector.venues.phemex.schemas_trading import AccountRow, HedgedAccountRow
from connector.venues.phemex.schemas_user import (
    ControlFrame,
    DecodedFrame,
    Frame,
    Granted,
    HedgedOrderEntry,
    HedgedPositionEntry,
    Keys,
    OrderEntry,
    PositionEntry,
)
from connector.venues.phemex.signing import logon as logon_params
from connector.venues.trading_contract import (
    BalanceEvent,
    Execution,
    OrderEvent,
    PositionEvent,
    Signer,
    Source,
    UnknownUserEvent,
    UserEvent,
)

LOGON_ID, SUBSCRIBE_ID, HEDGED_ID = 1, 2, 3
SUBSCRIBE = {
    SUBSCRIBE_ID: "aop.subscribe",
    HEDGED_ID: "aop_p.subscribe",
}

AMENDED = {"Replaced", "ReAdded"}
ENGINE_ENDED = {"Aborted", "Expired"}
"""``execStatus`` of what the matching engine ended."""
NOT_FILLABLE, WILL_CROSS = 100, 101
"""``cxlRejReason``."""
REDUCE_ONLY = {
    row.code
    for row in ROWS.values()
    if row.name in {"TE_REDUCE_ONLY_ABORT", "TE_QTY_NOT_MATCH_REDUCE_ONLY"}
}
NOTHING_WRONG = {"", "No error"}
ENDED = {OrderStatus.CANCELLED: Execution.CANCELLED, OrderStatus.EXPIRED: Execution.EXPIRED}

_FRAME = msgspec.json.Decoder(Frame)
_DECODED = msgspec.json.Decoder(DecodedFrame)
_CONTROL = msgspec.json.Decoder(ControlFrame)
_GRANTED = msgspec.json.Decoder(Granted)
_KEYS = msgspec.json.Decoder(Keys)
_ANY = msgspec.json.Decoder(dict[str, msgspec.Raw])
_READERS: dict[bool, tuple[Any, ...]] = {
    False: (
        msgspec.json.Decoder(OrderEntry),
        msgspec.json.Decoder(AccountRow),
        msgspec.json.Decoder(PositionEntry),
    ),
    True: (
        msgspec.json.Decoder(HedgedOrderEntry),
        msgspec.json.Decoder(HedgedAccountRow),
        msgspec.json.Decoder(HedgedPositionEntry),
    ),
}
"""Of orders, accounts and positions."""


def logon(signer: Signer, venue_ns: int, hedged: bool = False) -> Sequence[bytes]:
    """The messages that make a connection a private one: login, then the subscription of each
    family; ``hedged``: of both."""
    frames = [{"method": "user.auth", "params": logon_params(signer, venue_ns), "id": LOGON_ID}]
    frames += [
        {"method": method, "params": [], "id": number}
        for number, method in SUBSCRIBE.items()
        if hedged or number != HEDGED_ID
    ]
    return [msgspec.json.encode(frame) for frame in frames]


def control(frame: bytes) -> Control | None:
    """The answer to a message of ours; None: it is an event. Raises ValueError."""
    if b'"id"' not in frame or b'"result"' not in frame:
        return None
    found = _CONTROL.decode(frame)
    number = whole(found.id)
    if found.error is not None:
        words = f"{text(found.error.code)} {text(found.error.message)}"
        # Without the hedged family the connection serves the other.
        fatal = number in (LOGON_ID, SUBSCRIBE_ID)
        return Control(number, ok=False, fatal=fatal, message=words)
    raw = bytes(found.result)
    ok = raw == b'"pong"'
    if raw.startswith(b"{"):
        ok = _GRANTED.decode(raw).status == "success"
    return Control(number, ok=ok, message="" if ok else raw[:120].decode("utf-8", "replace"))


def decode(frame: bytes, scales: Scales) -> Sequence[UserEvent]:
    """The events of one frame. Raises ValueError on what is not an event."""
    try:
        head = _DECODED.decode(frame)
    except msgspec.ValidationError:
        return decode_any(frame, scales)
    found: list[UserEvent] = []
    for hedged, rows in (
        (False, (head.orders, head.accounts, head.positions)),
        (True, (head.orders_p, head.accounts_p, head.positions_p)),
    ):
        if any(rows):
            found += _family(head, hedged, *rows, scales)
    return found or _nothing(frame, head)


def decode_any(frame: bytes, scales: Scales) -> Sequence[UserEvent]:
    """The same value by value: for what ``decode`` cannot take as a whole."""
    head = _FRAME.decode(frame)
    found: list[UserEvent] = []
    for hedged, rows in (
        (False, (head.orders, head.accounts, head.positions)),
        (True, (head.orders_p, head.accounts_p, head.positions_p)),
    ):
        if any(rows):
            each = zip(_READERS[hedged], rows, strict=True)
            orders, accounts, positions = (
                [reader.decode(raw) for raw in raws or ()] for reader, raws in each
            )
            found += _family(head, hedged, orders, accounts, positions, scales)
    return found or _nothing(frame, head)


def _nothing(frame: bytes, head: Frame | DecodedFrame) -> Sequence[UserEvent]:
    if head.type:
        return ()
    known = _KEYS.decode(frame)
    if bytes(known.index_market24h) or bytes(known.position_info):
        return ()
    keys = sorted(_ANY.decode(frame))
    if not keys:
        raise ValueError("a private message that says nothing")
    return (UnknownUserEvent(keys[0]),)


def _family(
    head: Frame | DecodedFrame,
    hedged: bool,
    orders: Sequence[Any] | None,
    accounts: Sequence[Any] | None,
    positions: Sequence[Any] | None,
    scales: Scales,
) -> list[UserEvent]:
    numbers = DECIMALS if hedged else INTEGERS
    source = Source.HISTORY if head.type == "snapshot" else Source.STREAM
    venue_ns = whole(head.timestamp) or 0
    found: list[UserEvent] = []
    filled = False
    for row in orders or ():
        if text(row.trade_type) == "Funding":
            funding = _funding(row, numbers, venue_ns) if source is Source.STREAM else None
            if funding is not None:
                found.append(funding)
            continue
        event = _order(row, numbers, scales, source, venue_ns)
        filled |= event.execution is Execution.TRADE and source is Source.STREAM
        found.append(event)
    reason = BalanceReason.ORDER if filled else BalanceReason.OTHER
    for row in accounts or ():
        line = balance(row, numbers, venue_ns, reason)
        if line is not None:
            found.append(line)
    for row in positions or ():
        held = position(row, scales(text(row.symbol)))
        if held is not None:
            found.append(held)
    return found


def _funding(row: Any, numbers: Numbers, venue_ns: int) -> BalanceEvent | None:
    """Paid or received: no event of an order."""
    currency = text(row.currency)
    fee_e = numbers.money(row.exec_fee_ev, currency)
    wallet_e = numbers.money(row.cur_acc_balance_ev, currency)
    if fee_e is None or wallet_e is None:
        return None
    return BalanceEvent(
        asset=currency,
        wallet_e=wallet_e,
        change_e=-fee_e,
        reason=BalanceReason.FUNDING,
        venue_ns=venue_ns,
    )


def _order(row: Any, numbers: Numbers, scales: Scales, source: Source, venue_ns: int) -> OrderEvent:
    symbol, order_id, client_id = text(row.symbol), name(row.order_id), text(row.cl_ord_id)
    if not symbol or not (order_id or client_id):
        raise ValueError("orders: an entry that names no order")
    instrument = scales(symbol)
    happened, currency, trade = text(row.exec_status), text(row.currency), text(row.trade_type)
    maker, exec_id = MAKER.get(happened), name(row.exec_id)
    fill = maker is not None and bool(exec_id)
    execution, status, passing = _meaning(row, happened, fill)
    hollow = passing or status is OrderStatus.REJECTED
    code = whole(row.code) or 0
    return OrderEvent(
        source=source,
        execution=execution,
        status=status,
        passing=passing,
        symbol=symbol,
        client_order_id=client_id,
        venue_order_id=order_id,
        side=SIDES.get(text(row.side)),
        order_type=OrderType.LIQUIDATION if trade in FORCED else TYPES.get(text(row.ord_type)),
        time_in_force=TIMES.get(text(row.time_in_force)),
        position_side=POSITION_SIDES.get(text(row.pos_side), PositionSide.BOTH),
        reduce_only=text(row.exec_inst) in REDUCING,
        # Taken off to be put back, it may show either price; rejected, a quantity of 0.
        price_e=None if passing else numbers.price(row.price_ep, instrument),
        qty_e=None if hollow else numbers.qty(row.order_qty, instrument),
        filled_qty_e=numbers.qty(row.cum_qty, instrument),
        stop_price_e=numbers.price(row.stop_px_ep, instrument),
        # A cancel shows what it took away as its quantity, without an execution.
        last_qty_e=(numbers.qty(row.exec_qty, instrument) or 0) if fill else 0,
        last_price_e=numbers.price(row.exec_price_ep, instrument) if fill else None,
        venue_trade_id=exec_id if fill else "",
        maker=maker if fill else None,
        fee_e=numbers.money(row.exec_fee_ev, currency) if fill else None,
        fee_asset=currency if fill else "",
        realised_e=numbers.money(row.closed_pnl_ev, currency) if fill else None,
        reason=_reason(row, status, code),
        words=_words(row, code) if status is OrderStatus.REJECTED else "",
        liquidation=trade in FORCED,
        venue_ns=venue_ns,
        transaction_ns=whole(row.transact_time_ns) or whole(row.action_time_ns) or venue_ns,
    )


def _meaning(row: Any, happened: str, fill: bool) -> tuple[Execution, OrderStatus | None, bool]:
    """What an entry says, from the top of the table of section 7.5; whether it may pass."""
    word = text(row.ord_status)
    status = STATUSES.get(word)
    if fill:
        return Execution.TRADE, status, False
    if status is OrderStatus.REJECTED:
        return Execution.REJECTED, status, False
    replaced = text(row.action) == "Replace"
    if status is OrderStatus.CANCELLED and word == "Canceled":
        if happened in ENGINE_ENDED and (not replaced or whole(row.cxl_rej_reason)):
            return Execution.EXPIRED, OrderStatus.EXPIRED, False
        if replaced:  # taken off to be put back: the order lives on
            return Execution.STATE, None, True
    if status in ENDED:
        return ENDED[status], status, False
    if status is OrderStatus.TRIGGERED:
        return Execution.TRIGGERED, status, False
    if happened in AMENDED or (status is not None and replaced and happened == "New"):
        return Execution.AMENDED, status, False
    if status is OrderStatus.NEW and happened == "New":
        return Execution.NEW, status, False
    return Execution.STATE, status, False


def _reason(row: Any, status: OrderStatus | None, code: int) -> EndReason:
    if status is None or not status.terminal or status is OrderStatus.FILLED:
        return EndReason.NONE
    engine = whole(row.cxl_rej_reason) or 0
    if engine == WILL_CROSS:
        return EndReason.POST_ONLY
    time_in_force = TIMES.get(text(row.time_in_force))
    if engine == NOT_FILLABLE:
        return EndReason.NOT_FILLABLE if time_in_force is TimeInForce.FOK else EndReason.REMAINDER
    if code in REDUCE_ONLY:
        return EndReason.REDUCE_ONLY
    action = text(row.action)
    if action == "LiqRequest":
        return EndReason.LIQUIDATION
    if status is OrderStatus.REJECTED:
        return EndReason.NONE
    if action in ("Cancel", "CancelAll"):
        by = text(row.action_by)
        return EndReason.COMMAND if by in ("ByUser", "") else EndReason.VENUE
    if status is OrderStatus.EXPIRED and time_in_force is TimeInForce.IOC:
        return EndReason.REMAINDER
    return EndReason.VENUE


def _words(row: Any, code: int) -> str:
    """Why an order was rejected, by the venue's own names."""
    known = ROWS.get(code)
    engine = ENGINE.get(whole(row.cxl_rej_reason) or 0, "")
    said = text(row.message)
    parts = (
        str(code or ""),
        known.name if known else "",
        engine,
        "" if said in NOTHING_WRONG else said,
    )
    return " ".join(part for part in parts if part)


rows_phemex.use_rows(
    balance=BalanceEvent,
    position=PositionEvent,
    sides=POSITION_SIDES,
    both=PositionSide.BOTH,
    order=BalanceReason.ORDER,
    other=BalanceReason.OTHER,
    hedged=HEDGED,
    value_exponents=VALUE_EXPONENTS,
)
compiled.use_model(
    nobody=NOBODY,
    forced=FORCED,
    reduce_only=REDUCE_ONLY,
    reasons=dict(EndReason.__members__),
)
