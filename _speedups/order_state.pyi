"""An order as fields of C: its class in Python (`connector.model.order.Order`) has them like any
attribute."""

from connector._speedups.worth import Worth
from connector.model.instrument import Instrument
from connector.model.intents import OrderType, PositionSide, TimeInForce
from connector.model.order import Fill
from connector.model.records import Side
from connector.model.reports import EndReason, OrderStatus

def use_model(
    *,
    status: OrderStatus,
    reason: EndReason,
    side: Side,
    order_type: OrderType,
    time_in_force: TimeInForce,
    position_side: PositionSide,
) -> None:
    """Give the members that an order begins with; ``connector.model.order`` does so when it is
    imported."""

class OrderState:
    def __init__(
        self,
        *,
        key: int,
        account: int,
        strategy: str,
        instrument: Instrument,
        client_order_id: str = ...,
        order_id: int | None = ...,
        venue_order_id: str = ...,
        conditional_id: int | None = ...,
        conditional: bool = ...,
        side: Side = ...,
        order_type: OrderType = ...,
        time_in_force: TimeInForce = ...,
        position_side: PositionSide = ...,
        reduce_only: bool = ...,
        price_e: int | None = ...,
        qty_e: int = ...,
        stop_price_e: int | None = ...,
        command: int = ...,
        ref_id: str = ...,
        created_ns: int = ...,
        status: OrderStatus = ...,
        reason: EndReason = ...,
        filled_qty_e: int = ...,
        fills: dict[int | str, Fill] = ...,
        known_qty_e: int = ...,
        inferred_qty_e: int = ...,
        inferred_price_e: int = ...,
        notional_e: int = ...,
        worth: Worth | None = ...,
        average: str = ...,
        average_of_e: int = ...,
        changed_ns: int = ...,
        submitted: bool = ...,
        restored: bool = ...,
        echoed: bool = ...,
        cancel_wanted: bool = ...,
    ) -> None: ...
