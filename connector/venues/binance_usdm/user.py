"""Private events in, neutral ones out: section 13 of the venue's reference.

Total for well-formed frames: an unknown event is named, an unknown or garbled value of a known one
is None and takes nothing else with it."""

from collections.abc import Callable, Sequence

import msgspec

from connector._speedups import events_binance_usdm as compiled
from connector._speedups.events_binance_usdm import Reader as Reader
from connector.model.instrument import MARK_EXPONENT
from connector.model.intents import PositionSide
from connector.model.reports import BalanceReason, EndReason, OrderStatus
from connector.venues.binance_usdm.answers import (
    ALGO_STATUSES,
    LIQUIDATIONS,
    POSITION_SIDES,
    SIDES,
    STATUSES,
    TIMES,
    TYPES,
    average,
    positive,
    scaled,
    stamp,
    whole,
)
from connector.venues.binance_usdm.schemas import text
from connector.venues.binance_usdm.schemas_user import (
    AccountConfigUpdate,
    AccountUpdate,
    AlgoUpdate,
    MarginCall,
    OrderTradeUpdate,
    TradeLite,
    UserFrame,
)
from connector.venues.contract import Scales
from connector.venues.trading_contract import (
    MONEY_EXPONENT,
    AccountConfigEvent,
    BalanceEvent,
    Execution,
    MarginCallEvent,
    OrderEvent,
    PositionEvent,
    Source,
    StreamExpired,
    UnknownUserEvent,
    UserEvent,
)

EVENTS = (
    "ORDER_TRADE_UPDATE",
    "ACCOUNT_UPDATE",
    "TRADE_LITE",
    "ALGO_UPDATE",
    "ACCOUNT_CONFIG_UPDATE",
    "MARGIN_CALL",
    "STRATEGY_UPDATE",
    "GRID_UPDATE",
    "CONDITIONAL_ORDER_TRIGGER_REJECT",
    "listenKeyExpired",
)
"""Asked for by name: without names the query form of the URL delivers nothing."""
EXECUTIONS = {
    "NEW": Execution.NEW,
    "TRADE": Execution.TRADE,
    "PARTIAL_FILL": Execution.TRADE,
    "FILL": Execution.TRADE,
    "CALCULATED": Execution.TRADE,
    "CANCELED": Execution.CANCELLED,
    "EXPIRED": Execution.EXPIRED,
    "AMENDMENT": Execution.AMENDED,
}
"""``x``; CALCULATED is the execution of a liquidation."""
EXPIRY_REASONS = {
    "1": EndReason.SELF_TRADE,
    "2": EndReason.REMAINDER,
    "3": EndReason.SELF_TRADE,
    "4": EndReason.REDUCE_ONLY,
    "5": EndReason.LIQUIDATION,
    "6": EndReason.REDUCE_ONLY,
    "7": EndReason.DELISTING,
    "8": EndReason.VENUE,
    "9": EndReason.REMAINDER,
}
"""``er``."""
ALGO_EXECUTIONS = {
    OrderStatus.NEW: Execution.NEW,
    OrderStatus.CANCELLED: Execution.CANCELLED,
    OrderStatus.TRIGGERED: Execution.TRIGGERED,
    OrderStatus.REJECTED: Execution.REJECTED,
    OrderStatus.EXPIRED: Execution.EXPIRED,
}
BALANCE_REASONS = {
    "ORDER": BalanceReason.ORDER,
    "FUNDING_FEE": BalanceReason.FUNDING,
    "DEPOSIT": BalanceReason.TRANSFER,
    "WITHDRAW": BalanceReason.TRANSFER,
    "WITHDRAW_REJECT": BalanceReason.TRANSFER,
    "ADMIN_DEPOSIT": BalanceReason.TRANSFER,
    "ADMIN_WITHDRAW": BalanceReason.TRANSFER,
    "MARGIN_TRANSFER": BalanceReason.TRANSFER,
    "ASSET_TRANSFER": BalanceReason.TRANSFER,
    "COIN_SWAP_DEPOSIT": BalanceReason.TRANSFER,
    "COIN_SWAP_WITHDRAW": BalanceReason.TRANSFER,
    "ADJUSTMENT": BalanceReason.ADJUSTMENT,
    "INSURANCE_CLEAR": BalanceReason.INSURANCE,
    "AUTO_EXCHANGE": BalanceReason.CONVERSION,
}

_FRAME = msgspec.json.Decoder(UserFrame)
_ORDER = msgspec.json.Decoder(OrderTradeUpdate)
_LITE = msgspec.json.Decoder(TradeLite)
_ALGO = msgspec.json.Decoder(AlgoUpdate)
_ACCOUNT = msgspec.json.Decoder(AccountUpdate)
_CONFIG = msgspec.json.Decoder(AccountConfigUpdate)
_MARGIN = msgspec.json.Decoder(MarginCall)


def decode(frame: bytes, scales: Scales) -> Sequence[UserEvent]:
    """The events of one frame. Raises ValueError on what is not an event."""
    event = compiled.traded(frame, scales)
    return (event,) if event is not None else decode_any(frame, scales)


def decode_any(frame: bytes, scales: Scales) -> Sequence[UserEvent]:
    """The same by the general reader alone."""
    head = _FRAME.decode(frame)
    if bytes(head.data):
        frame = bytes(head.data)
        head = _FRAME.decode(frame)
    if not head.e:
        raise ValueError("a private message without an event type")
    read = _READERS.get(head.e)
    if read is not None:
        return read(frame, scales)
    if head.e == "listenKeyExpired":
        return (StreamExpired(stamp(head.E)),)
    return (UnknownUserEvent(head.e),)


def _traded(frame: bytes, scales: Scales) -> Sequence[UserEvent]:
    """ORDER_TRADE_UPDATE."""
    event = _ORDER.decode(frame)
    o = event.o
    symbol = text(o.s)
    if not symbol or whole(o.i) is None:
        raise ValueError("ORDER_TRADE_UPDATE: names no order")
    instrument = scales(symbol)
    price_exponent = instrument.price_exponent if instrument else None
    qty_exponent = instrument.qty_exponent if instrument else None
    execution = EXECUTIONS.get(text(o.x), Execution.STATE)
    word, client_id = text(o.X), text(o.c)
    trade_id = whole(o.t)
    is_fill = execution is Execution.TRADE and trade_id is not None
    return (
        OrderEvent(
            source=Source.STREAM,
            execution=execution,
            status=STATUSES.get(word),
            symbol=symbol,
            client_order_id=client_id,
            order_id=whole(o.i),
            side=SIDES.get(text(o.S)),
            # A conditional order that was triggered trades as another type than it was placed as.
            order_type=TYPES.get(text(o.o)),
            time_in_force=TIMES.get(text(o.f)),
            position_side=POSITION_SIDES.get(text(o.ps), PositionSide.BOTH),
            reduce_only=text(o.R).lower() == "true",
            price_e=positive(o.p, price_exponent),
            qty_e=scaled(o.q, qty_exponent),
            filled_qty_e=scaled(o.z, qty_exponent),
            average=average(o.ap),
            stop_price_e=positive(o.sp, price_exponent),
            last_qty_e=(scaled(o.l, qty_exponent) or 0) if is_fill else 0,
            last_price_e=positive(o.L, price_exponent) if is_fill else None,
            trade_id=trade_id if is_fill else None,
            maker=_truth(text(o.m)) if is_fill else None,
            fee_e=scaled(o.n, MONEY_EXPONENT) if is_fill else None,
            fee_asset=text(o.N) if is_fill else "",
            realised_e=scaled(o.rp, MONEY_EXPONENT) if is_fill else None,
            reason=_reason(execution, word, text(o.er), text(o.f)),
            liquidation=client_id.startswith(LIQUIDATIONS) or text(o.o) == "LIQUIDATION",
            venue_ns=stamp(event.E),
            transaction_ns=stamp(event.T) or stamp(o.T),
        ),
    )


def _reason(execution: Execution, status: str, expiry: str, time_in_force: str) -> EndReason:
    if status == "EXPIRED_IN_MATCH":
        return EndReason.SELF_TRADE
    reason = EXPIRY_REASONS.get(expiry, EndReason.NONE)
    if reason is EndReason.NONE:
        if execution is Execution.CANCELLED:
            return EndReason.COMMAND
        if execution is Execution.EXPIRED and time_in_force == "GTD":
            return EndReason.GOOD_TILL
    return reason


def _lite(frame: bytes, scales: Scales) -> Sequence[UserEvent]:
    """TRADE_LITE: no status, no totals, no fee; its full event follows or came before."""
    event = _LITE.decode(frame)
    symbol = text(event.s)
    if not symbol or whole(event.i) is None:
        raise ValueError("TRADE_LITE: names no order")
    instrument = scales(symbol)
    return (
        OrderEvent(
            source=Source.LITE,
            execution=Execution.TRADE,
            symbol=symbol,
            client_order_id=text(event.c),
            order_id=whole(event.i),
            side=SIDES.get(text(event.S)),
            qty_e=scaled(event.q, instrument.qty_exponent if instrument else None),
            last_qty_e=scaled(event.l, instrument.qty_exponent if instrument else None) or 0,
            last_price_e=positive(event.L, instrument.price_exponent if instrument else None),
            trade_id=whole(event.t),
            maker=_truth(text(event.m)),
            venue_ns=stamp(event.E),
            transaction_ns=stamp(event.T),
        ),
    )


def _algo(frame: bytes, scales: Scales) -> Sequence[UserEvent]:
    """ALGO_UPDATE. Fills are never booked from it: the order it becomes tells them."""
    event = _ALGO.decode(frame)
    o = event.o
    symbol, word = text(o.s), text(o.X)
    if whole(o.aid) is None:
        raise ValueError("ALGO_UPDATE: names no order")
    instrument = scales(symbol)
    price_exponent = instrument.price_exponent if instrument else None
    status = ALGO_STATUSES.get(word)
    execution = ALGO_EXECUTIONS.get(status, Execution.STATE) if status else Execution.STATE
    return (
        OrderEvent(
            source=Source.STREAM,
            execution=execution,
            status=status,
            symbol=symbol,
            client_order_id=text(o.caid),
            order_id=whole(o.aid),
            conditional=True,
            born_order_id=whole(o.ai),
            side=SIDES.get(text(o.S)),
            order_type=TYPES.get(text(o.o)),
            time_in_force=TIMES.get(text(o.f)),
            position_side=POSITION_SIDES.get(text(o.ps), PositionSide.BOTH),
            reduce_only=text(o.R).lower() == "true",
            price_e=positive(o.p, price_exponent),
            qty_e=positive(o.q, instrument.qty_exponent if instrument else None),
            stop_price_e=positive(o.tp, price_exponent),
            reason=EndReason.TRIGGER_REJECTED if word == "REJECTED" else EndReason.NONE,
            words=text(o.rm),
            # The reference's samples label the two times the other way round: E is the later one.
            venue_ns=max(stamp(event.E), stamp(event.T)),
            transaction_ns=min(stamp(event.E), stamp(event.T)) or stamp(event.E),
        ),
    )


def _account(frame: bytes, scales: Scales) -> Sequence[UserEvent]:
    """ACCOUNT_UPDATE: only what changed."""
    event = _ACCOUNT.decode(frame)
    venue_ns = stamp(event.E)
    reason = BALANCE_REASONS.get(text(event.a.m), BalanceReason.OTHER)
    found: list[UserEvent] = []
    for balance in event.a.B:
        wallet_e = scaled(balance.wb, MONEY_EXPONENT)
        if wallet_e is not None and text(balance.a):
            found.append(
                BalanceEvent(
                    asset=text(balance.a),
                    wallet_e=wallet_e,
                    change_e=scaled(balance.bc, MONEY_EXPONENT),
                    reason=reason,
                    symbol=text(event.a.S),
                    venue_ns=venue_ns,
                )
            )
    for position in event.a.P:
        instrument = scales(text(position.s))
        qty_e = scaled(position.pa, instrument.qty_exponent if instrument else None)
        if qty_e is not None:
            entry = text(position.ep)
            found.append(
                PositionEvent(
                    symbol=text(position.s),
                    position_side=POSITION_SIDES.get(text(position.ps), PositionSide.BOTH),
                    qty_e=qty_e,
                    entry=entry if entry.strip("0.") else "",
                    unrealised_e=scaled(position.up, MONEY_EXPONENT),
                    realised_e=scaled(position.cr, MONEY_EXPONENT),
                    isolated=text(position.mt).lower() == "isolated",
                    venue_ns=venue_ns,
                )
            )
    return found


def _config(frame: bytes, scales: Scales) -> Sequence[UserEvent]:
    """ACCOUNT_CONFIG_UPDATE."""
    event = _CONFIG.decode(frame)
    if event.ac is not None:
        return (
            AccountConfigEvent(
                symbol=text(event.ac.s), leverage=whole(event.ac.l) or 0, venue_ns=stamp(event.E)
            ),
        )
    mode = _truth(text(event.ai.j)) if event.ai is not None else None
    return (AccountConfigEvent(multi_assets=mode, venue_ns=stamp(event.E)),)


def _margin(frame: bytes, scales: Scales) -> Sequence[UserEvent]:
    """MARGIN_CALL: one event a position."""
    event = _MARGIN.decode(frame)
    found = []
    for position in event.p:
        instrument = scales(text(position.s))
        qty_e = scaled(position.pa, instrument.qty_exponent if instrument else None)
        if qty_e is None:
            continue
        isolated = text(position.mt).upper() == "ISOLATED"
        found.append(
            MarginCallEvent(
                symbol=text(position.s),
                position_side=POSITION_SIDES.get(text(position.ps), PositionSide.BOTH),
                qty_e=qty_e,
                mark_e=scaled(position.mp, MARK_EXPONENT) or 0,
                unrealised_e=scaled(position.up, MONEY_EXPONENT) or 0,
                maintenance_e=scaled(position.mm, MONEY_EXPONENT) or 0,
                isolated=isolated,
                # Each has a wallet of its own; the cross one is only told when it is in danger.
                wallet_e=scaled(position.iw if isolated else event.cw, MONEY_EXPONENT),
                venue_ns=stamp(event.E),
            )
        )
    return found


def _truth(word: str) -> bool | None:
    return {"true": True, "false": False}.get(word.lower())


_READERS: dict[str, Callable[[bytes, Scales], Sequence[UserEvent]]] = {
    "ORDER_TRADE_UPDATE": _traded,
    "TRADE_LITE": _lite,
    "ALGO_UPDATE": _algo,
    "ACCOUNT_UPDATE": _account,
    "ACCOUNT_CONFIG_UPDATE": _config,
    "MARGIN_CALL": _margin,
}

compiled.use_stream(
    source=Source.STREAM,
    trade=Execution.TRADE,
    state=Execution.STATE,
    executions=EXECUTIONS,
    reason=_reason,
    expiry=EXPIRY_REASONS,
    command=EndReason.COMMAND,
    good_till=EndReason.GOOD_TILL,
)
