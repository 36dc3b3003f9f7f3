"""The venue's request weight: what an address has used in this minute, and what follows from it."""

import math

from msgspec import Struct

from connector.venues.binance_usdm.sim_params import error_body

WEIGHT_LIMIT = 2400
MINUTE_MS = 60_000


class Verdict(Struct, frozen=True):
    """Whether a request is served; ``used`` is the weight of its address in this minute."""

    used: int
    status: int = 200
    retry_after_s: int = 0
    body: bytes = b""


class Weights:
    """Counts request weight per address in fixed windows, throttles, and bans who goes on.

    Beyond ``limit`` the answer is 429 until the window is over; after ``patience`` such answers in
    a row the address is banned (418) for ``ban_s``, twice as long each time, at most three days.
    """

    def __init__(
        self,
        limit: int = WEIGHT_LIMIT,
        *,
        patience: int = 10,
        ban_s: int = 120,
        window_ms: int = MINUTE_MS,
    ) -> None:
        self.limit, self._patience, self._ban_s = limit, patience, ban_s
        self._window_ms = window_ms
        self._minute: dict[str, tuple[int, int]] = {}
        self._refused: dict[str, int] = {}
        self._banned_until_ms: dict[str, int] = {}
        self._bans: dict[str, int] = {}
        self.throttled = 0
        self.banned = 0

    def take(self, address: str, weight: int, now_ms: int) -> Verdict:
        """Count a request of ``weight`` and decide."""
        until_ms = self._banned_until_ms.get(address, 0)
        minute, used = self._minute.get(address, (0, 0))
        if minute != now_ms // self._window_ms:
            minute, used = now_ms // self._window_ms, 0
            if now_ms >= until_ms:
                self._refused.pop(address, None)
        if now_ms < until_ms:
            self.banned += 1
            return self._ban(address, used, until_ms, now_ms)
        if used + weight > self.limit:
            self.throttled += 1
            refused = self._refused[address] = self._refused.get(address, 0) + 1
            if refused > self._patience:
                bans = self._bans[address] = self._bans.get(address, 0) + 1
                seconds = min(3 * 86400, self._ban_s * 2 ** (bans - 1))
                until_ms = self._banned_until_ms[address] = now_ms + seconds * 1000
                return self._ban(address, used, until_ms, now_ms)
            wait_s = math.ceil((self._window_ms - now_ms % self._window_ms) / 1000)
            text = (
                f"Too many requests; current limit of IP({address}) is {self.limit} requests per "
                f"{self._minutes()}. Please use the websocket for live updates to avoid polling "
                "the API."
            )
            return Verdict(used, 429, wait_s, error_body(-1003, text))
        self._minute[address] = (minute, used + weight)
        return Verdict(used + weight)

    def _minutes(self) -> str:
        minutes = self._window_ms // MINUTE_MS
        return "minute" if minutes == 1 else f"{minutes} minutes"

    def _ban(self, address: str, used: int, until_ms: int, now_ms: int) -> Verdict:
        text = (
            f"Way too many requests; IP({address}) banned until {until_ms}. Please use the "
            "websocket for live updates to avoid bans."
        )
        wait_s = math.ceil((until_ms - now_ms) / 1000)
        return Verdict(used, 418, wait_s, error_body(-1003, text))
