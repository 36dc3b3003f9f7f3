from collections.abc import Callable
from typing import Any, final

@final
class Outlet:
    def __init__(
        self,
        number: int,
        venue: int,
        *,
        place: Callable[[str], int | None],
        opened: Callable[[str], Any],
        handed: Callable[[str, Any], object],
        fault: Callable[[Exception, str], object],
    ) -> None: ...
