from collections.abc import Callable, Collection, Mapping

from connector._speedups.order_reader import OrderReader
from connector.model.reports import EndReason
from connector.venues.trading_contract import UserEvent

def use_model(
    *,
    nobody: str,
    forced: Collection[str],
    reduce_only: Collection[int],
    value_exponents: Mapping[str, int],
    reasons: Mapping[str, EndReason],
    besides: Callable[..., list[UserEvent]],
) -> None: ...

class Reader(OrderReader): ...
