from collections.abc import Collection, Mapping

from connector._speedups.order_reader import OrderReader
from connector.model.reports import EndReason

def use_model(
    *,
    nobody: str,
    forced: Collection[str],
    reduce_only: Collection[int],
    reasons: Mapping[str, EndReason],
) -> None: ...

class Reader(OrderReader): ...
