from collections.abc import Callable, Iterable, Mapping
from typing import Any

from connector._speedups.order_reader import OrderReader
from connector.model.order import Fill, Order
from connector.model.reports import EndReason, OrderStatus

class Hearing:
    def __init__(
        self,
        reader: OrderReader,
        account: int,
        tracker: Any,
        *,
        moves: Mapping[OrderStatus, frozenset[OrderStatus]],
        statuses: Iterable[OrderStatus],
        reasons: Iterable[EndReason],
        fill: Callable[[int, int, bool, int | None], Fill],
        report: Callable[..., Any],
        write: Callable[[Order, bytes, int, int], object],
        clock: Callable[[], int],
        wall: Callable[[], int],
        follow: Callable[[Any], object],
        counted: Callable[[Order], object],
        spoken: Callable[[int], object],
    ) -> None: ...
    def take(self, frame: bytes, recv_ns: int) -> bool: ...
