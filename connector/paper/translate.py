"""Between the connector's words for orders and the matching engine's.

Of a paper account one tick is one unit of the instrument's price scale and one lot one unit of its
quantity scale: the venue's steps are the desk's to check, and what is off them in a book is exact
all the same."""

from collections.abc import Iterable

from msgspec import structs

from connector.model.instrument import ABSENT, ContractType, Instrument, Status
from connector.model.intents import (
    CommandFlag,
    OrderType,
    PositionSide,
    PriceMatch,
    SelfTrade,
    TimeInForce,
    WorkingType,
)
from connector.model.records import Side
from connector.model.reports import BalanceReason, EndReason, OrderStatus
from connector.sim.matching import types as engine
from connector.sim.matching.events import Accepted as Taken
from connector.sim.matching.events import (
    AccountChanged,
    ChangeReason,
    ConditionalChanged,
    ConfigChanged,
    Event,
    Expired,
    MarginCalled,
    OrderAmended,
    Traded,
)
from connector.sim.matching.rules import Bracket, Rules
from connector.venues.sim_contract import decimal
from connector.venues.trading_contract import (
    AccountConfigEvent,
    AccountEvent,
    BalanceEvent,
    Execution,
    Intent,
    MarginCallEvent,
    OrderEvent,
    PositionEvent,
    Source,
)

LARGEST_M = 9 * 10**18
"""No position is larger: ninety billion of the settlement asset; 64 bits hold it."""

_SIDES = {Side.BUY: engine.Side.BUY, Side.SELL: engine.Side.SELL}
_SIDES_BACK = {value: key for key, value in _SIDES.items()}
_TYPES = {
    OrderType.LIMIT: engine.OrderType.LIMIT,
    OrderType.MARKET: engine.OrderType.MARKET,
    OrderType.STOP: engine.OrderType.STOP,
    OrderType.STOP_MARKET: engine.OrderType.STOP_MARKET,
    OrderType.TAKE_PROFIT: engine.OrderType.TAKE_PROFIT,
    OrderType.TAKE_PROFIT_MARKET: engine.OrderType.TAKE_PROFIT_MARKET,
    OrderType.TRAILING_STOP_MARKET: engine.OrderType.TRAILING_STOP_MARKET,
    OrderType.LIQUIDATION: engine.OrderType.LIQUIDATION,
}
_TYPES_BACK = {value: key for key, value in _TYPES.items()}
_TIMES = {
    TimeInForce.NONE: engine.Tif.GTC,
    TimeInForce.GTC: engine.Tif.GTC,
    TimeInForce.IOC: engine.Tif.IOC,
    TimeInForce.FOK: engine.Tif.FOK,
    TimeInForce.GTX: engine.Tif.GTX,
    TimeInForce.GTD: engine.Tif.GTD,
}
_TIMES_BACK = {value: key for key, value in _TIMES.items()}
_STP = {
    SelfTrade.NONE: engine.Stp.NONE,
    SelfTrade.EXPIRE_TAKER: engine.Stp.EXPIRE_TAKER,
    SelfTrade.EXPIRE_MAKER: engine.Stp.EXPIRE_MAKER,
    SelfTrade.EXPIRE_BOTH: engine.Stp.EXPIRE_BOTH,
}
_STATUSES = {
    engine.Status.NEW: OrderStatus.NEW,
    engine.Status.PARTIALLY_FILLED: OrderStatus.PARTIALLY_FILLED,
    engine.Status.FILLED: OrderStatus.FILLED,
    engine.Status.CANCELED: OrderStatus.CANCELLED,
    engine.Status.EXPIRED: OrderStatus.EXPIRED,
    engine.Status.EXPIRED_IN_MATCH: OrderStatus.EXPIRED,
}
_WAITING = {
    engine.AlgoStatus.NEW: (OrderStatus.NEW, Execution.NEW),
    engine.AlgoStatus.TRIGGERING: (OrderStatus.TRIGGERED, Execution.TRIGGERED),
    engine.AlgoStatus.TRIGGERED: (OrderStatus.TRIGGERED, Execution.TRIGGERED),
    # The order it became says how it ended.
    engine.AlgoStatus.FINISHED: (OrderStatus.TRIGGERED, Execution.TRIGGERED),
    engine.AlgoStatus.CANCELED: (OrderStatus.CANCELLED, Execution.CANCELLED),
    engine.AlgoStatus.REJECTED: (OrderStatus.REJECTED, Execution.REJECTED),
    engine.AlgoStatus.EXPIRED: (OrderStatus.EXPIRED, Execution.EXPIRED),
}
_CAUSES = {
    engine.Cause.USER: EndReason.COMMAND,
    engine.Cause.COUNTDOWN: EndReason.COMMAND,
    engine.Cause.AMEND: EndReason.COMMAND,
    engine.Cause.STP: EndReason.SELF_TRADE,
    engine.Cause.IOC: EndReason.REMAINDER,
    engine.Cause.IOC_STP: EndReason.SELF_TRADE,
    engine.Cause.MARKET: EndReason.REMAINDER,
    engine.Cause.REDUCE_ONLY: EndReason.REDUCE_ONLY,
    engine.Cause.LIQUIDATION: EndReason.LIQUIDATION,
    engine.Cause.GTD: EndReason.GOOD_TILL,
    engine.Cause.POSITION_GONE: EndReason.REDUCE_ONLY,
    engine.Cause.LISTING: EndReason.DELISTING,
}
_CHANGES = {
    ChangeReason.ORDER: BalanceReason.ORDER,
    ChangeReason.DEPOSIT: BalanceReason.TRANSFER,
    ChangeReason.WITHDRAW: BalanceReason.TRANSFER,
    ChangeReason.FUNDING_FEE: BalanceReason.FUNDING,
    ChangeReason.MARGIN_TRANSFER: BalanceReason.TRANSFER,
    ChangeReason.INSURANCE_CLEAR: BalanceReason.INSURANCE,
}


# What is asked


def why_not(instrument: Instrument) -> str:
    """Why paper accounts do not trade it; "": they do."""
    if instrument.contract not in (ContractType.PERPETUAL, ContractType.DELIVERY):
        return f"{instrument.symbol} is not a perpetual or delivery contract"
    if instrument.margin != instrument.quote or instrument.contract_size_e != 10**8:
        return f"{instrument.symbol} is not a linear contract of one unit"
    return ""


def rules_of(instrument: Instrument, leverage: int, most: int, maintenance_r: int) -> Rules:
    """What the instrument demands of orders; leverage unless changed, the most there is, and the
    maintenance margin as a ratio are the account's."""

    def given(value: int, none: int = 0) -> int:
        return none if value == ABSENT else value

    return Rules(
        symbol=instrument.symbol,
        asset=instrument.margin,
        price_digits=instrument.price_exponent,
        tick_units=1,
        qty_digits=instrument.qty_exponent,
        step_units=1,
        min_tick=max(1, given(instrument.min_price_e)),
        max_tick=given(instrument.max_price_e),
        min_lots=max(1, given(instrument.min_qty_e)),
        max_lots=given(instrument.max_qty_e),
        market_min_lots=max(1, given(instrument.market_min_qty_e, given(instrument.min_qty_e))),
        market_max_lots=given(instrument.market_max_qty_e, given(instrument.max_qty_e)),
        min_notional_m=given(instrument.min_notional_e),
        collar_up_r=given(instrument.multiplier_up_e),
        collar_down_r=given(instrument.multiplier_down_e),
        brackets=(Bracket(most, LARGEST_M, maintenance_r),),
        default_leverage=leverage,
        trading=instrument.status is Status.TRADING,
    )


def new_order(intent: Intent) -> engine.NewOrder:
    """An order that is matched at once."""
    assert intent.instrument is not None
    stp = _STP.get(intent.self_trade, engine.Stp.EXPIRE_MAKER)
    return engine.NewOrder(
        symbol=intent.instrument.symbol,
        side=_SIDES[intent.side],
        type=_TYPES[intent.order_type],
        lots=intent.qty_e or 0,
        tick=intent.price_e or 0,
        tif=_TIMES[intent.time_in_force],
        client_id=intent.client_order_id,
        position_side=engine.PositionSide(intent.position_side),
        reduce_only=bool(intent.flags & CommandFlag.REDUCE_ONLY),
        stp=stp,
        price_match=_match(intent.price_match),
        good_till_ns=intent.good_till_ns or 0,
    )


def new_conditional(intent: Intent) -> engine.NewConditional:
    """An order that waits for a price."""
    assert intent.instrument is not None
    mark = intent.working_type is WorkingType.MARK
    working = engine.WorkingType.MARK_PRICE if mark else engine.WorkingType.CONTRACT_PRICE
    return engine.NewConditional(
        symbol=intent.instrument.symbol,
        side=_SIDES[intent.side],
        type=_TYPES[intent.order_type],
        lots=intent.qty_e or 0,
        tick=intent.price_e or 0,
        trigger_tick=intent.stop_price_e or 0,
        tif=_TIMES[intent.time_in_force],
        client_id=intent.client_order_id,
        position_side=engine.PositionSide(intent.position_side),
        reduce_only=bool(intent.flags & CommandFlag.REDUCE_ONLY),
        close_position=bool(intent.flags & CommandFlag.CLOSE_POSITION),
        working_type=working,
        price_protect=bool(intent.flags & CommandFlag.PRICE_PROTECT),
        price_match=_match(intent.price_match),
        activate_tick=intent.activation_price_e or 0,
        callback_r=intent.callback_rate_e or 0,
        stp=_STP.get(intent.self_trade, engine.Stp.NONE),
        good_till_ns=intent.good_till_ns or 0,
    )


def amendment(intent: Intent) -> engine.Amendment:
    assert intent.instrument is not None
    return engine.Amendment(
        symbol=intent.instrument.symbol,
        side=_SIDES[intent.side],
        lots=intent.qty_e or 0,
        tick=intent.price_e or 0,
        order_id=intent.order_id or 0,
        client_id=intent.client_order_id,
        price_match=_match(intent.price_match),
    )


def _match(match: PriceMatch) -> engine.PriceMatch:
    return engine.PriceMatch(int(match))


# What is told


def told(event: Event, hedge: bool) -> Iterable[OrderEvent | AccountEvent]:
    """What the private stream of a venue would say."""
    match event:
        case Traded():
            yield order_event(event.order, Source.STREAM, Execution.TRADE, event.fill)
        case Taken():
            yield order_event(event.order, Source.STREAM, Execution.NEW)
        case OrderAmended():
            yield order_event(event.order, Source.STREAM, Execution.AMENDED)
        case ConditionalChanged():
            yield conditional_event(event.conditional, Source.STREAM)
        case AccountChanged():
            yield from _account(event)
        case ConfigChanged():
            yield AccountConfigEvent(
                symbol=event.symbol, leverage=event.leverage, hedge=hedge, venue_ns=event.time_ns
            )
        case MarginCalled():
            yield from map(_margin_call, event.positions)
        case _:  # Canceled, Expired
            ended = Execution.EXPIRED if isinstance(event, Expired) else Execution.CANCELLED
            yield order_event(event.order, Source.STREAM, ended)


def order_event(
    order: engine.Order,
    source: Source,
    execution: Execution = Execution.STATE,
    fill: engine.Fill | None = None,
) -> OrderEvent:
    """How an order stands, and a fill of it if there is one."""
    time_ns = fill.time_ns if fill is not None else order.updated_ns
    return OrderEvent(
        source=source,
        execution=execution,
        status=_STATUSES[order.status],
        symbol=order.symbol,
        client_order_id=order.client_id,
        order_id=order.order_id,
        side=_SIDES_BACK[order.side],
        order_type=_TYPES_BACK[order.type],
        time_in_force=_TIMES_BACK.get(order.tif),
        position_side=PositionSide(order.position_side),
        reduce_only=order.reduce_only,
        price_e=order.tick or None,
        qty_e=order.lots,
        filled_qty_e=order.filled,
        stop_price_e=order.trigger_tick or None,
        last_qty_e=fill.lots if fill is not None else 0,
        last_price_e=fill.tick if fill is not None else None,
        trade_id=fill.trade_id if fill is not None else None,
        maker=fill.maker if fill is not None else None,
        fee_e=fill.fee_m if fill is not None else None,
        fee_asset=fill.fee_asset if fill is not None else "",
        realised_e=fill.realized_m if fill is not None else None,
        reason=_CAUSES.get(order.cause, EndReason.NONE),
        liquidation=order.type == engine.OrderType.LIQUIDATION,
        venue_ns=time_ns,
        transaction_ns=time_ns,
    )


def let_go(intent: Intent, reason: EndReason, venue_ns: int) -> tuple[OrderEvent, OrderEvent]:
    """How an order stood, and its end, that was taken and did not live: the engine never had it,
    and it has no number."""
    assert intent.instrument is not None
    stood = OrderEvent(
        source=Source.ANSWER,
        execution=Execution.STATE,
        status=OrderStatus.NEW,
        symbol=intent.instrument.symbol,
        client_order_id=intent.client_order_id,
        side=intent.side,
        order_type=intent.order_type,
        time_in_force=intent.time_in_force,
        position_side=intent.position_side,
        reduce_only=bool(intent.flags & CommandFlag.REDUCE_ONLY),
        price_e=intent.price_e,
        qty_e=intent.qty_e,
        venue_ns=venue_ns,
        transaction_ns=venue_ns,
    )
    ended = structs.replace(
        stood,
        source=Source.STREAM,
        execution=Execution.EXPIRED,
        status=OrderStatus.EXPIRED,
        reason=reason,
    )
    return stood, ended


def conditional_event(each: engine.Conditional, source: Source) -> OrderEvent:
    """How a conditional order stands."""
    status, execution = _WAITING[each.status]
    asked = each.request
    reason = _CAUSES.get(each.cause, EndReason.NONE)
    if each.status == engine.AlgoStatus.REJECTED:
        reason = EndReason.TRIGGER_REJECTED
    return OrderEvent(
        source=source,
        execution=execution if source is Source.STREAM else Execution.STATE,
        status=status,
        symbol=asked.symbol,
        client_order_id=each.client_id,
        order_id=each.algo_id,
        conditional=True,
        born_order_id=each.order_id or None,
        side=_SIDES_BACK[asked.side],
        order_type=_TYPES_BACK[asked.type],
        time_in_force=_TIMES_BACK.get(asked.tif),
        position_side=PositionSide(asked.position_side),
        reduce_only=asked.reduce_only,
        price_e=asked.tick or None,
        qty_e=asked.lots or None,
        stop_price_e=asked.trigger_tick or None,
        reason=reason,
        venue_ns=each.updated_ns,
        transaction_ns=each.updated_ns,
    )


def fill_event(order: engine.Order | None, fill: engine.Fill) -> OrderEvent:
    """A fill that was asked for, as a list of fills says it."""
    return OrderEvent(
        source=Source.QUERY,
        execution=Execution.TRADE,
        symbol=fill.symbol,
        client_order_id=order.client_id if order is not None else "",
        order_id=fill.order_id,
        side=_SIDES_BACK[fill.side],
        position_side=PositionSide(fill.position_side),
        last_qty_e=fill.lots,
        last_price_e=fill.tick,
        trade_id=fill.trade_id,
        maker=fill.maker,
        fee_e=fill.fee_m,
        fee_asset=fill.fee_asset,
        realised_e=fill.realized_m,
        venue_ns=fill.time_ns,
        transaction_ns=fill.time_ns,
    )


def position_event(view: engine.PositionView, venue_ns: int) -> PositionEvent:
    return PositionEvent(
        symbol=view.symbol,
        position_side=PositionSide(view.position_side),
        qty_e=view.lots,
        entry=decimal(view.entry_e8, 8) if view.entry_e8 else "",
        unrealised_e=view.unrealized_m,
        realised_e=view.realized_m,
        isolated=view.margin_type == engine.MarginType.ISOLATED,
        leverage=view.leverage,
        venue_ns=venue_ns,
    )


def balance_event(balance: engine.Balance, venue_ns: int) -> BalanceEvent:
    return BalanceEvent(
        asset=balance.asset,
        wallet_e=balance.wallet_m,
        available_e=balance.available_m,
        venue_ns=venue_ns,
    )


def _account(event: AccountChanged) -> Iterable[AccountEvent]:
    reason = _CHANGES.get(event.reason, BalanceReason.OTHER)
    for change in event.balances:
        yield BalanceEvent(
            asset=change.asset,
            wallet_e=change.wallet_m,
            change_e=change.change_m,
            reason=reason,
            symbol=event.symbol,
            venue_ns=event.time_ns,
        )
    for view in event.positions:
        yield position_event(view, event.time_ns)


def _margin_call(view: engine.PositionView) -> MarginCallEvent:
    return MarginCallEvent(
        symbol=view.symbol,
        position_side=PositionSide(view.position_side),
        qty_e=view.lots,
        mark_e=view.mark_e8,
        unrealised_e=view.unrealized_m,
        maintenance_e=view.maintenance_m,
        isolated=view.margin_type == engine.MarginType.ISOLATED,
        venue_ns=view.updated_ns,
    )
