from collections.abc import Callable
from typing import Any, final

from connector._speedups.segment import Mapping, Segment

class Taker:
    """Takes commands (`connector._speedups.lane.Lane`)."""

    @property
    def again(self) -> bytes | None:
        """What is rehearsed next."""

@final
class Gateway:
    def __init__(
        self,
        handler: Taker | Callable[[Any, bytes, int], object],
        *,
        failed: Callable[[Any, bytes, Exception], object] | None = None,
        broken: Callable[[Any, str], object] | None = None,
        after: Callable[[], object] | None = None,
        call_soon: Callable[..., object] | None = None,
        segment: Segment | None = None,
        rehearse: Callable[[], object] | None = None,
    ) -> None: ...
    def add(
        self, session: object, up: Mapping, down: Mapping, doorbell: int, taken: int = 0
    ) -> None: ...
    def remove(self, doorbell: int) -> None: ...
    def set_call_soon(self, call_soon: Callable[..., object] | None) -> None: ...
    def take(self) -> int: ...
    def next_turn(self) -> int: ...
    def sleep(self) -> bool: ...
    def wake(self) -> None: ...
    def rung(self, doorbell: int) -> None: ...
    @property
    def taken(self) -> int: ...
    @property
    def sessions_served(self) -> int: ...
