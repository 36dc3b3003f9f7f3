"""When to try again: full jitter under a growing ceiling.

Pure: a source of random numbers is given, delays in nanoseconds come back."""

from collections.abc import Callable


class Backoff:
    """Delays drawn evenly from [floor, ceiling]; the ceiling doubles with each failure up to
    ``most_ns``.

    Full jitter stays at the largest ceiling, too: a thousand clients cut at one moment must not
    come back at one."""

    def __init__(
        self, first_ns: int, most_ns: int, uniform: Callable[[], float], floor_ns: int = 0
    ) -> None:
        if not 0 < first_ns <= most_ns or not 0 <= floor_ns < first_ns:
            raise ValueError("needs floor < first <= most")
        self._first_ns, self._most_ns, self._floor_ns = first_ns, most_ns, floor_ns
        self._uniform = uniform
        self.failures = 0

    @property
    def ceiling_ns(self) -> int:
        """The most the next delay may be."""
        return min(self._most_ns, self._first_ns << min(self.failures, 62))

    def next_ns(self) -> int:
        """The delay after one more failure."""
        span = self.ceiling_ns - self._floor_ns
        self.failures += 1
        return self._floor_ns + int(self._uniform() * span)

    def reset(self) -> None:
        """It worked; the next failure starts small again."""
        self.failures = 0
