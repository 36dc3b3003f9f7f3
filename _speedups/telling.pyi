from collections.abc import Callable, Iterable, Sequence
from typing import Any, final

from connector._speedups.outlet import Outlet

@final
class Telling:
    def __init__(
        self,
        outlet: Outlet,
        account: Any,
        strategies: Iterable[str],
        *,
        balance: type,
        position: type,
        told_balance: Callable[[int, Any], bool],
        told_position: Callable[[int, Any], bool],
        paid: Callable[[Any, Any], object],
        held: Callable[[Any, Any], object],
        own: Callable[[str, Any], int],
        scaled: Callable[[str], tuple[int | None, int]],
        other: Callable[[Any, int], object],
        wall: Callable[[], int],
        write: Callable[[str, int, bytes, str | None, int, int], object],
    ) -> None: ...
    def tell(self, events: Sequence[Any], recv_ns: int) -> None: ...
