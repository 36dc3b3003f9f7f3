"""A strategy's command as the desk reads it: the copied slot, decoded and held against its own
rules. What the instrument, the account and the market say of it comes later."""

from enum import IntEnum
from typing import Any

from connector._speedups.desk import Command as Command
from connector._speedups.desk import use_enums
from connector.model.instrument import Instrument
from connector.model.intents import (
    Action,
    CommandFlag,
    OrderType,
    PositionSide,
    PriceMatch,
    SelfTrade,
    TimeInForce,
    WorkingType,
)
from connector.model.packing import given, layout
from connector.model.records import Side
from connector.model.reports import Code, Field
from connector.venues.trading_contract import Intent

SLOT = layout("Command")
use_enums(
    action=Action,
    side=Side,
    order_type=OrderType,
    time_in_force=TimeInForce,
    position_side=PositionSide,
    working_type=WorkingType,
    self_trade=SelfTrade,
    price_match=PriceMatch,
    flags=CommandFlag,
)

_ENUMS: tuple[tuple[str, type[IntEnum], Field], ...] = (
    ("action", Action, Field.ACTION),
    ("order_type", OrderType, Field.ORDER_TYPE),
    ("time_in_force", TimeInForce, Field.TIME_IN_FORCE),
    ("position_side", PositionSide, Field.POSITION_SIDE),
    ("working_type", WorkingType, Field.WORKING_TYPE),
    ("self_trade", SelfTrade, Field.SELF_TRADE),
    ("price_match", PriceMatch, Field.PRICE_MATCH),
)
_POSITIVE = (
    ("price_e", Field.PRICE),
    ("qty_e", Field.QUANTITY),
    ("stop_price_e", Field.STOP_PRICE),
    ("activation_price_e", Field.ACTIVATION_PRICE),
    ("callback_rate_e", Field.CALLBACK_RATE),
    ("good_till_ns", Field.GOOD_TILL),
)
"""The first two of every command, the others of a new order."""
_TEXTS = (
    ("ref_id", Field.REF_ID),
    ("client_order_id", Field.CLIENT_ORDER_ID),
    ("venue_order_id", Field.ORDER_ID),
    ("label", Field.LABEL),
    ("target", Field.TARGET),
)
_PLACE_ONLY = frozenset({"order_type"})
_KNOWN_FLAGS = int(
    CommandFlag.REDUCE_ONLY
    | CommandFlag.CLOSE_POSITION
    | CommandFlag.PRICE_PROTECT
    | CommandFlag.TEXT
)


class Refusal(Exception):
    """Why a command does not go to the venue: a code, the field, and the limit it broke."""

    def __init__(
        self,
        code: Code,
        field: Field = Field.NONE,
        text: str = "",
        value_e: int = 0,
        limit_e: int = 0,
    ) -> None:
        super().__init__(text or code.sentence)
        self.code, self.field = code, field
        self.value_e, self.limit_e = value_e, limit_e


def intent(command: Command, instrument: Instrument | None, mark_price_e: int = 0) -> Intent:
    """What an encoder takes."""
    return Intent(
        action=command.action,
        instrument=instrument,
        client_order_id=command.client_order_id,
        order_id=command.order_id,
        venue_order_id=command.venue_order_id,
        side=command.side,
        order_type=command.order_type,
        time_in_force=command.time_in_force,
        position_side=command.position_side,
        price_e=command.price_e,
        qty_e=command.qty_e,
        stop_price_e=command.stop_price_e,
        activation_price_e=command.activation_price_e,
        callback_rate_e=command.callback_rate_e,
        mark_price_e=mark_price_e,
        good_till_ns=command.good_till_ns,
        working_type=command.working_type,
        self_trade=command.self_trade,
        price_match=command.price_match,
        flags=command.flags,
    )


def read(slot: bytes) -> Command:
    """The command in a copied slot; raises Refusal (malformed) naming the field."""
    command = Command(slot)
    if not command.plain:
        examine(slot)
    return command


def examine(slot: bytes) -> None:
    """The rules of every command; raises Refusal naming the field that breaks one. What `Command`
    calls plain surely keeps them."""
    raw: Any = SLOT.unpack(slot)
    for name, kind, field in _ENUMS:
        number = getattr(raw, name)
        try:
            kind(number)
        except ValueError:
            if name not in _PLACE_ONLY or raw.action == Action.PLACE:
                raise Refusal(Code.MALFORMED, field, f"{name}: {number} means nothing") from None
    action = Action(raw.action)
    if action is Action.PLACE:
        _placing(raw, OrderType(raw.order_type))
    elif raw.side not in (0, Side.BUY, Side.SELL):
        raise Refusal(Code.MALFORMED, Field.DIRECTION, f"side: {raw.side} means nothing")
    elif action is not Action.CANCEL_ALL and not (
        raw.order_key
        or raw.placed_by
        or raw.client_order_id
        or raw.venue_order_id
        or given(raw.order_id) is not None
    ):
        raise Refusal(Code.MALFORMED, Field.ORDER_ID, "no order is named")
    if action is Action.AMEND and given(raw.price_e) is None and given(raw.qty_e) is None:
        raise Refusal(Code.MALFORMED, Field.PRICE, "an amend needs a price or a quantity")
    if raw.flags & ~_KNOWN_FLAGS:
        raise Refusal(Code.MALFORMED, Field.NONE, f"flags: {raw.flags:#x} has unknown bits")
    for name, field in _POSITIVE if action is Action.PLACE else _POSITIVE[:2]:
        value = given(getattr(raw, name))
        if value is not None and value <= 0:
            raise Refusal(Code.MALFORMED, field, f"{field.name.lower()}: it must be above 0")
    for name, field in _TEXTS:
        text = getattr(raw, name)
        if "�" in text or "\0" in text:
            why = "is not UTF-8" if "�" in text else "has a NUL inside"
            raise Refusal(Code.MALFORMED, field, f"{name}: {why}")


def _placing(raw: Any, order_type: OrderType) -> None:
    """What every new order needs, whatever the venue."""
    if raw.side not in (Side.BUY, Side.SELL):
        raise Refusal(Code.MALFORMED, Field.DIRECTION, f"side: {raw.side} means nothing")
    if order_type is OrderType.LIQUIDATION:
        raise Refusal(Code.MALFORMED, Field.ORDER_TYPE, "only a venue liquidates")
    closes = bool(raw.flags & CommandFlag.CLOSE_POSITION)
    if closes and order_type not in (OrderType.STOP_MARKET, OrderType.TAKE_PROFIT_MARKET):
        raise Refusal(
            Code.MALFORMED, Field.CLOSE_POSITION, "only conditional market orders close a position"
        )
    if closes == (given(raw.qty_e) is not None):
        text = "close_position has no quantity" if closes else "missing"
        raise Refusal(Code.MALFORMED, Field.QUANTITY, f"quantity: {text}")
    priced = order_type in (OrderType.LIMIT, OrderType.STOP, OrderType.TAKE_PROFIT)
    matched = raw.price_match != PriceMatch.NONE
    if priced and matched == (given(raw.price_e) is not None):
        text = "not with price_match" if matched else "missing"
        raise Refusal(Code.MALFORMED, Field.PRICE, f"price: {text}")
    if not priced and given(raw.price_e) is not None:
        raise Refusal(Code.MALFORMED, Field.PRICE, "price: a market order has none")
    if not priced and matched:
        raise Refusal(Code.MALFORMED, Field.PRICE_MATCH, "price_match: only with a limit price")
    triggered = order_type.conditional and order_type is not OrderType.TRAILING_STOP_MARKET
    if triggered and given(raw.stop_price_e) is None:
        raise Refusal(Code.MALFORMED, Field.STOP_PRICE, "stop_price: missing")
    if not triggered and given(raw.stop_price_e) is not None:
        raise Refusal(Code.MALFORMED, Field.STOP_PRICE, "stop_price: only of conditional orders")
    trailing = order_type is OrderType.TRAILING_STOP_MARKET
    if trailing and given(raw.callback_rate_e) is None:
        raise Refusal(Code.MALFORMED, Field.CALLBACK_RATE, "callback_rate: missing")
    if not trailing:
        for name, field in (
            ("callback_rate_e", Field.CALLBACK_RATE),
            ("activation_price_e", Field.ACTIVATION_PRICE),
        ):
            if given(getattr(raw, name)) is not None:
                raise Refusal(Code.MALFORMED, field, f"{name}: only of trailing orders")
    dated = raw.time_in_force == TimeInForce.GTD
    if dated != (given(raw.good_till_ns) is not None):
        text = "missing" if dated else "only with GTD"
        raise Refusal(Code.MALFORMED, Field.GOOD_TILL, f"good_till: {text}")
