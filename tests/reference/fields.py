"""What there is of owners and holdings, to compare two of them."""

from typing import Any

from connector.model.order import FIELDS, Order
from connector.trading.holdings import Holding, Owner

_OWNED = ("kind", "name", "limits", "since_ns", "open_orders", "exposure_e", "profit_e", "unknown",
          "paid_e", "unmarked", "holdings", "sent_ns")  # fmt: skip
_HELD = ("account", "instrument", "position_side", "scale", "position_e", "buys_e", "sells_e",
         "cash_e", "unpriced_e", "mark_e", "fresh", "value_e", "profit_e", "said_ns",
         "filled_ns")  # fmt: skip


def fields_of(one: Any) -> dict[str, Any]:
    """The fields of an order, an owner, a holding or a Struct."""
    if isinstance(one, Order):
        return {name: getattr(one, name) for name in FIELDS}
    if isinstance(one, Owner | Holding):
        return {name: getattr(one, name) for name in (_OWNED if isinstance(one, Owner) else _HELD)}
    return {name: getattr(one, name) for name in one.__struct_fields__}
