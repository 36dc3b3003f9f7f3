from collections.abc import Callable, Iterable, Mapping
from typing import Any

from connector._speedups.codec import Codec
from connector._speedups.filling import Filling
from connector._speedups.order_reader import OrderReader
from connector._speedups.outlet import Outlet
from connector.model.order import Fill, Order
from connector.model.reports import EndReason, OrderStatus

class Hearing(Codec):
    def use(
        self,
        reader: OrderReader,
        account: Any,
        tracker: Any,
        outlet: Outlet,
        *,
        moves: Mapping[OrderStatus, frozenset[OrderStatus]],
        statuses: Iterable[OrderStatus],
        reasons: Iterable[EndReason],
        fill: Callable[[int, int, bool, int | None], Fill],
        report: Callable[..., Any],
        detailed: Callable[..., Any],
        write: Callable[[Order, int, bytes, int, int], object],
        clock: Callable[[], int],
        wall: Callable[[], int],
        filling: Filling,
        follow: Callable[[Any], object],
        detail: Callable[[Any], object],
        counted: Callable[[Order], object],
        rest: Callable[[bytes, int, int], object],
        tell: Callable[[Any, int], object],
        failed: Callable[[Exception], object],
        hop: int,
    ) -> None: ...
    def take(self, frame: bytes, recv_ns: int) -> bool: ...
