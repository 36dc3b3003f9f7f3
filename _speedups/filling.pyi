from collections.abc import Callable, Sequence
from typing import Any

from connector._speedups.order_state import OrderState
from connector._speedups.sums import HoldingState, OwnerState

class Filling:
    def __init__(
        self,
        *,
        holdings: Any,
        own: dict[Any, int],
        under_way: dict[int, list[Any]],
        amend: object,
        owners: Callable[[Any], tuple[Any, Sequence[tuple[OwnerState, HoldingState]]]],
    ) -> None: ...
    def count(
        self,
        order: OrderState,
        qty_e: int,
        price_e: int,
        fee_e: int | None,
        fee_asset: str,
        venue_ns: int,
    ) -> bool: ...
