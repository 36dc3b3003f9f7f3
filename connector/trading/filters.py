"""The venue's filters, checked before anything is sent: exact integers against the instrument."""

from connector.model.instrument import ABSENT, Instrument, Status
from connector.model.intents import Action, OrderType
from connector.model.records import Side
from connector.model.reports import Code, Field
from connector.trading.commands import Command, Refusal

MULTIPLIER = 10**8
"""Price multipliers and notionals are integers of 10^-8."""


def check(command: Command, instrument: Instrument, mark_e: int | None) -> None:
    """Raises Refusal naming the field and the limit; ``mark_e``: the mark price in 10^-8, None
    when there is none (what hangs on it is then left to the venue)."""
    if command.action not in (Action.PLACE, Action.AMEND):
        return
    if instrument.status is not Status.TRADING:
        raise Refusal(
            Code.FILTER, Field.INSTRUMENT, f"{instrument.symbol} is {instrument.status.name}"
        )
    for value_e, field in (
        (command.price_e, Field.PRICE),
        (command.stop_price_e, Field.STOP_PRICE),
        (command.activation_price_e, Field.ACTIVATION_PRICE),
    ):
        if value_e is not None:
            _price(value_e, field, instrument)
    if command.qty_e is not None:
        _quantity(command, command.qty_e, instrument)
        _notional(command, command.qty_e, instrument, mark_e)
    if command.price_e is not None and mark_e is not None:
        _collar(command, command.price_e, instrument, mark_e)


def _price(value_e: int, field: Field, instrument: Instrument) -> None:
    low_e, high_e, tick_e = instrument.min_price_e, instrument.max_price_e, instrument.tick_e
    name = field.name.lower()
    if low_e != ABSENT and value_e < low_e:
        raise Refusal(Code.FILTER, field, f"{name}: below the least price", value_e, low_e)
    if high_e != ABSENT and value_e > high_e:
        raise Refusal(Code.FILTER, field, f"{name}: above the greatest price", value_e, high_e)
    base_e = low_e if low_e != ABSENT else 0
    if tick_e > 0 and (value_e - base_e) % tick_e:
        raise Refusal(Code.FILTER, field, f"{name}: off tick", value_e, tick_e)


def _quantity(command: Command, qty_e: int, instrument: Instrument) -> None:
    market = command.action is Action.PLACE and command.order_type is OrderType.MARKET
    low_e, high_e, step_e = instrument.min_qty_e, instrument.max_qty_e, instrument.step_e
    if market:
        low_e = _or(instrument.market_min_qty_e, low_e)
        high_e = _or(instrument.market_max_qty_e, high_e)
        step_e = _or(instrument.market_step_e, step_e)
    if low_e != ABSENT and qty_e < low_e:
        raise Refusal(Code.FILTER, Field.QUANTITY, "quantity: below the least", qty_e, low_e)
    if high_e != ABSENT and qty_e > high_e:
        raise Refusal(Code.FILTER, Field.QUANTITY, "quantity: above the greatest", qty_e, high_e)
    base_e = low_e if low_e != ABSENT else 0
    if step_e > 0 and (qty_e - base_e) % step_e:
        raise Refusal(Code.FILTER, Field.QUANTITY, "quantity: off step", qty_e, step_e)


def _notional(command: Command, qty_e: int, instrument: Instrument, mark_e: int | None) -> None:
    least_e = instrument.min_notional_e
    if least_e == ABSENT or command.reduce_only:
        return
    price_e, exponent = command.price_e, instrument.price_exponent
    if price_e is None:
        price_e, exponent = mark_e, 8
    if price_e is None or command.order_type.conditional:
        return
    scaled = price_e * qty_e * 10**8
    limit = least_e * 10 ** (exponent + instrument.qty_exponent)
    if scaled < limit:
        notional_e = scaled // 10 ** (exponent + instrument.qty_exponent)
        raise Refusal(Code.FILTER, Field.NOTIONAL, "notional: under the least", notional_e, least_e)


def _collar(command: Command, price_e: int, instrument: Instrument, mark_e: int) -> None:
    """PERCENT_PRICE: a buy at most so far over the mark, a sell at most so far under it."""
    if command.action is not Action.PLACE:
        return
    scale = 10**instrument.price_exponent
    if command.side is Side.BUY and instrument.multiplier_up_e != ABSENT:
        limit = mark_e * instrument.multiplier_up_e
        if price_e * 10**8 * MULTIPLIER > limit * scale:
            limit_e = limit * scale // (10**8 * MULTIPLIER)
            raise Refusal(Code.FILTER, Field.PRICE, "price: too far over mark", price_e, limit_e)
    if command.side is Side.SELL and instrument.multiplier_down_e != ABSENT:
        limit = mark_e * instrument.multiplier_down_e
        if price_e * 10**8 * MULTIPLIER < limit * scale:
            limit_e = -(-limit * scale // (10**8 * MULTIPLIER))
            raise Refusal(Code.FILTER, Field.PRICE, "price: too far under mark", price_e, limit_e)


def _or(value: int, other: int) -> int:
    return other if value == ABSENT else value
