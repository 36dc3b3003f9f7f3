"""Commands as they lie in their slots, and what they want."""

from collections.abc import Sequence
from typing import Any

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
from connector.model.packing import given as number
from connector.model.packing import layout
from connector.model.records import Side
from connector.venues.trading_contract import Intent

COMMAND = layout("Command")


def wish(slot: bytes, listed: Sequence[Instrument]) -> Intent:
    """What a command wants, of an instrument by its place in ``listed``."""
    raw = COMMAND.unpack(slot)
    return Intent(
        action=Action(raw.action),
        instrument=listed[raw.instrument],
        client_order_id=raw.client_order_id,
        order_id=number(raw.order_id),
        venue_order_id=raw.venue_order_id,
        side=Side(raw.side or 1),
        order_type=OrderType(raw.order_type),
        time_in_force=TimeInForce(raw.time_in_force),
        position_side=PositionSide(raw.position_side),
        price_e=number(raw.price_e),
        qty_e=number(raw.qty_e),
        stop_price_e=number(raw.stop_price_e),
        activation_price_e=number(raw.activation_price_e),
        callback_rate_e=number(raw.callback_rate_e),
        good_till_ns=number(raw.good_till_ns),
        working_type=WorkingType(raw.working_type),
        self_trade=SelfTrade(raw.self_trade),
        price_match=PriceMatch(raw.price_match),
        flags=CommandFlag(raw.flags),
    )


def slot(**values: Any) -> bytes:
    """A command as a strategy writes it; what is not given is absent."""
    absent = ("price_e", "qty_e", "stop_price_e", "activation_price_e", "callback_rate_e")
    empty = dict.fromkeys((*absent, "good_till_ns", "order_id"))
    return COMMAND.pack(**{"stamp": 1, "side": Side.BUY, "order_type": 1, **empty, **values})
