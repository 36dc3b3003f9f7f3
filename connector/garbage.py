"""Python's garbage collection in small pieces: no pass takes longer than a frame may wait.

Reference counts free nearly everything at once. What is left to the collector are cycles, which
rare paths make (exceptions, tasks, connections). A pass costs by what it looks at, so each one
looks at the last tick's objects alone, and what survives it is not looked at again until a whole
pass is due."""

import gc
import logging
from collections.abc import Callable

from connector.clock import monotonic_ns

log = logging.getLogger("connector.daemon")

FEW, RARELY = 32, 20
"""So few young objects wait for so many ticks: a pass over nothing takes its time, too."""
PASSED_OVER = 300
"""More young objects than this are not looked at: it would take more than some 50 us. An
exchange's list of instruments makes a hundred thousand at once."""
WORTH = 50_000
"""By so many objects more than after the last whole pass one is due, some 10 MB; while orders are
open it waits."""
MOST = 1_000_000
"""By so many it waits for nothing, some 200 MB."""


class Collector:
    """Collects by hand from ``freeze`` to ``thaw``; ``at_rest`` tells whether a pause of some
    milliseconds costs little now."""

    def __init__(self, at_rest: Callable[[], bool]) -> None:
        self._at_rest = at_rest
        self._on = False
        self._waited = 0
        """Ticks since the last pass."""
        self.grown = 0
        """Objects more than at the last whole pass, at most: cycles that are not found yet are
        among them."""

    def freeze(self) -> None:
        """What lives now is looked at in whole passes alone."""
        gc.collect()
        gc.freeze()
        gc.disable()
        self._on = True

    def thaw(self) -> None:
        """As Python does it by itself."""
        if self._on:
            gc.unfreeze()
            gc.enable()
            self._on = False

    def tick(self) -> None:
        """About every 50 ms, in a turn of its own."""
        if not self._on:
            return
        young = gc.get_count()[0]
        self._waited += 1
        if young < FEW and self._waited < RARELY:
            return
        self._waited = 0
        if young <= PASSED_OVER:
            young -= gc.collect(0)
        self.grown += max(young, 0)
        gc.freeze()  # joins two lists, however long they are
        if self.grown >= MOST or (self.grown >= WORTH and self._at_rest()):
            self._whole()

    def _whole(self) -> None:
        began_ns = monotonic_ns()
        gc.unfreeze()
        found = gc.collect()
        gc.freeze()
        took_us = (monotonic_ns() - began_ns) // 1000
        log.info("garbage collected", extra={"us": took_us, "grown": self.grown, "found": found})
        self.grown = 0
