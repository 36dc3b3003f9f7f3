"""The turns of a loop that spins: commands in, sleeping readers woken, each turn measured."""

from collections.abc import Callable
from typing import final

from connector._speedups.bell import Bell
from connector._speedups.segment import Segment

@final
class Turns:
    """A callback that schedules itself with ``call_soon``.

    In each turn the commands of the bell's gateway are taken and the bell is rung. Once nothing was
    published for ``spin_ns``, ``rest()`` is asked each turn whether that was the last one; None:
    there is no last one. A turn longer than ``stall_ns`` is counted in STALLS."""

    on: bool
    """It goes on."""
    def __init__(
        self,
        bell: Bell,
        segment: Segment,
        call_soon: Callable[..., object],
        *,
        spin_ns: int = 0,
        stall_ns: int,
        rest: Callable[[], bool] | None = None,
    ) -> None: ...
    def begin(self) -> None:
        """From the next turn on."""
    def end(self) -> None:
        """No more turns."""
    def __call__(self) -> None: ...
