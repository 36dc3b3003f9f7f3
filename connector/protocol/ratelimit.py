"""Rate limits as arithmetic: when may the next message or request go out, given what went before.

Pure: every method is handed the time. ``RollingWindow`` is strict: no window of its length,
wherever it starts, ever holds more than its limit. (A token bucket is not: it lets a burst and its
refill fall into one window, and venues that count strictly cut the connection.)"""

from collections import deque

from connector._speedups.budget import FOREVER_NS
from connector._speedups.budget import Budget as Budget


class RollingWindow:
    """At most ``limit`` units in every window of ``window_ns``.

    Instants must not run backwards from one ``take`` to the next."""

    def __init__(self, limit: int, window_ns: int) -> None:
        if limit <= 0 or window_ns <= 0:
            raise ValueError(f"a window needs a limit and a length, got {limit} in {window_ns} ns")
        self.limit = limit
        self.window_ns = window_ns
        self._taken: deque[tuple[int, int]] = deque()
        self._sum = 0

    def used(self, now_ns: int) -> int:
        """Units taken in the window that ends now."""
        while self._taken and self._taken[0][0] + self.window_ns <= now_ns:
            self._sum -= self._taken.popleft()[1]
        return self._sum

    def admit_ns(self, now_ns: int, n: int = 1) -> int:
        """The earliest instant, not before ``now_ns``, at which ``n`` units may be taken.

        FOREVER_NS when ``n`` is above the limit."""
        if n > self.limit:
            return FOREVER_NS
        excess = self.used(now_ns) + n - self.limit
        if excess <= 0:
            return now_ns
        for taken_ns, units in self._taken:
            excess -= units
            if excess <= 0:
                return taken_ns + self.window_ns
        return FOREVER_NS

    def take(self, now_ns: int, n: int = 1) -> bool:
        """Take ``n`` units now; False, and nothing taken, when that is too early."""
        if self.admit_ns(now_ns, n) > now_ns:
            return False
        self.record(now_ns, n)
        return True

    def record(self, now_ns: int, n: int = 1) -> None:
        """Count ``n`` units that went out now, admitted or not."""
        self.used(now_ns)
        if n > 0:
            self._taken.append((now_ns, n))
            self._sum += n
