"""Rate limits as arithmetic: when may the next message or request go out, given what went before.

Pure: every method is handed the time. ``RollingWindow`` is strict: no window of its length,
wherever it starts, ever holds more than its limit. (A token bucket is not: it lets a burst and its
refill fall into one window, and venues that count strictly cut the connection.)"""

from collections import deque

FOREVER_NS = 2**63 - 1


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


class Budget:
    """A pool of request weight, held by us and by the venue.

    We count in a rolling window. The venue counts in its own fixed windows and sees other users of
    the same address; its headers correct us: what is left is the smaller of ``limit`` minus our own
    rolling sum, and ``limit`` minus the highest count the venue has given in this window of its
    own plus what we sent since and that count cannot cover."""

    def __init__(self, limit: int, window_ns: int) -> None:
        self.limit = limit
        self._own = RollingWindow(limit, window_ns)
        self._header = 0
        self._header_window = -1
        self._since: deque[tuple[int, int, int]] = deque()
        """What the last count does not cover: number, window of the venue's, units."""
        self._units: dict[int, int] = {}
        """Sums of it, by window."""
        self._sent = 0
        self._covered = 0
        self._quiet_until_ns = 0

    @property
    def window_ns(self) -> int:
        return self._own.window_ns

    def resize(self, limit: int) -> None:
        """Take over the limit the venue states; what was already used stays counted."""
        if limit <= 0:
            raise ValueError(f"a budget needs a limit, got {limit}")
        self.limit = limit
        self._own.limit = limit

    def left(self, now_ns: int, venue_ns: int) -> int:
        """Units left; ``venue_ns`` is the venue's wall clock now, which bounds its windows."""
        if now_ns < self._quiet_until_ns:
            return 0
        own = self.limit - self._own.used(now_ns)
        return max(0, min(own, self.limit - self._theirs(venue_ns)))

    def admit_ns(self, now_ns: int, venue_ns: int, n: int, reserve: int = 0) -> int:
        """The earliest instant at which ``n`` units may be taken and ``reserve`` still be left.

        FOREVER_NS when that can never be."""
        if n + reserve > self.limit:
            return FOREVER_NS
        start_ns = max(now_ns, self._quiet_until_ns)
        due_ns = self._own.admit_ns(start_ns, n + reserve)
        if self._theirs(venue_ns + start_ns - now_ns) + n + reserve > self.limit:
            turn_ns = self.window_ns - (venue_ns + start_ns - now_ns) % self.window_ns
            due_ns = max(due_ns, start_ns + turn_ns)
        return due_ns

    def take(self, now_ns: int, venue_ns: int, n: int) -> int:
        """Count a request of ``n`` units that is sent now; returns its number for ``correct``.

        The caller has asked ``admit_ns``; a request that goes out regardless is counted, too."""
        self._own.record(now_ns, n)
        self._sent += 1
        window = venue_ns // self.window_ns
        self._since.append((self._sent, window, n))
        self._units[window] = self._units.get(window, 0) + n
        while self._since[0][1] < window - 1:  # a venue that gives no counts covers nothing
            self._forget()
        return self._sent

    def correct(self, request: int, venue_ns: int, used: int) -> None:
        """The answer to ``request`` (from ``take``), given at ``venue_ns``, says ``used``.

        Requests sent later than it are not in that count; negative counts mean "not given"."""
        window = venue_ns // self.window_ns
        if used < 0 or window < self._header_window:
            return
        if window > self._header_window:
            self._header_window = window
            self._header, self._covered = used, request
        elif used >= self._header:
            self._header, self._covered = used, max(self._covered, request)
        while self._since and (
            self._since[0][0] <= self._covered or self._since[0][1] < self._header_window
        ):
            self._forget()

    def _forget(self) -> None:
        _, window, units = self._since.popleft()
        left = self._units.get(window, 0) - units
        if left:
            self._units[window] = left
        else:
            self._units.pop(window, None)

    def stop(self, until_ns: int) -> None:
        """Send nothing before this instant (429, 418); never shortens an earlier stop."""
        self._quiet_until_ns = max(self._quiet_until_ns, until_ns)

    @property
    def quiet_until_ns(self) -> int:
        return self._quiet_until_ns

    def used(self, now_ns: int, venue_ns: int) -> int:
        """Units in use, by the larger of both counts."""
        return max(self._own.used(now_ns), self._theirs(venue_ns))

    def _theirs(self, venue_ns: int) -> int:
        """The venue's count for its window at ``venue_ns``, with what we sent it cannot cover."""
        window = venue_ns // self.window_ns
        header = self._header if window == self._header_window else 0
        return header + self._units.get(window, 0)
