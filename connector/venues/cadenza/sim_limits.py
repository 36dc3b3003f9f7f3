"""How many REST requests the simulated Cadenza takes: classes by the minute and user.

Written from the venue's reference alone (section 4.4). A window is a minute that begins with its
first request; who has no token is counted by address."""

from msgspec import Struct

AUTH, MARKET, TRADING, ACCOUNT = "A", "M", "T", "C"
CAPACITY = {AUTH: 10, MARKET: 100, TRADING: 50, ACCOUNT: 30}
WINDOW_MS = 60_000


def scaled(market: int) -> dict[str, int]:
    """The limits where that of market data is so much: the others grow with it."""
    return {
        name: max(most, most * market // CAPACITY[MARKET]) if name != MARKET else market
        for name, most in CAPACITY.items()
    }


class Verdict(Struct, frozen=True):
    """Whether a request is served, and what the headers say."""

    served: bool
    headers: dict[str, str]


class Limiter:
    """Counts requests."""

    def __init__(self, capacity: dict[str, int]) -> None:
        self._capacity = capacity
        self._used: dict[tuple[str, str], tuple[int, int]] = {}
        """Start of the window, and how many."""
        self.throttled = 0

    def take(self, who: str, kind: str, now_ms: int) -> Verdict:
        """Count a request of a class; one that is refused is not counted."""
        most = self._capacity[kind]
        start_ms, used = self._used.get((who, kind), (now_ms, 0))
        if now_ms - start_ms >= WINDOW_MS or now_ms < start_ms:
            start_ms, used = now_ms, 0
        end_ms = start_ms + WINDOW_MS
        served = used < most
        if served:
            used += 1
        self._used[who, kind] = (start_ms, used)
        headers = {
            "X-RateLimit-Limit": str(most),
            "X-RateLimit-Remaining": str(most - used),
            "X-RateLimit-Reset": str(-(-end_ms // 1000)),
        }
        if not served:
            self.throttled += 1
            headers["Retry-After"] = str(max(1, -(-(end_ms - now_ms) // 1000)))
        return Verdict(served, headers)
