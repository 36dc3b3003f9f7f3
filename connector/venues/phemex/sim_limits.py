"""How many REST requests Phemex takes: groups by the minute and user, and an address's total.

Written from the venue's reference alone. A window is a minute of the venue's clock; an address that
exceeds its total is turned away for five minutes."""

from msgspec import Struct

CONTRACT, OTHERS, NONE = "CONTRACT", "OTHERS", ""
CAPACITY = {CONTRACT: 500, OTHERS: 100}
ADDRESS_MOST, ADDRESS_MS = 5000, 300_000
MINUTE_MS = 60_000

CONTRACT_PATHS = frozenset(
    {
        "/orders", "/orders/create", "/orders/replace", "/orders/cancel", "/orders/all",
        "/orders/activeList", "/orders/active", "/accounts/accountPositions", "/accounts/positions",
        "/g-orders", "/g-orders/create", "/g-orders/replace", "/g-orders/cancel", "/g-orders/all",
        "/g-orders/activeList", "/g-orders/active", "/g-accounts/accountPositions",
        "/g-accounts/positions", "/g-accounts/risk-unit", "/g-positions/leverage",
        "/g-positions/assign", "/g-positions/switch-pos-mode-sync", "/g-positions/riskLimit",
    }
)  # fmt: skip
WEIGHTS = {
    "/orders/all": 3, "/accounts/positions": 25, "/g-orders/all": 3, "/g-accounts/positions": 25,
}  # fmt: skip
CANDLE_WEIGHT = 10


def scaled(contract: int) -> dict[str, int]:
    """The limits where that of CONTRACT is so much: more of it, and the other grows with it."""
    grown = CAPACITY[OTHERS] * contract // CAPACITY[CONTRACT]
    return {CONTRACT: contract, OTHERS: max(CAPACITY[OTHERS], grown)}


def group_of(path: str) -> str:
    """The group a path counts in; market data under ``/md`` only counts for its address."""
    if path.startswith(("/md/", "/v1/md/")):
        return NONE
    return CONTRACT if path in CONTRACT_PATHS else OTHERS


def weight_of(path: str) -> int:
    if "kline" in path:
        return CANDLE_WEIGHT
    return WEIGHTS.get(path, 1)


def header(name: str, group: str) -> str:
    """``x-ratelimit-<name>`` with the group's suffix, which the last group has not."""
    return f"x-ratelimit-{name}" + (f"-{group}" if group == CONTRACT else "")


class Verdict(Struct, frozen=True):
    """Whether a request is served, and what the headers say."""

    served: bool
    headers: dict[str, str]


class Limiter:
    """Counts requests. ``capacity`` of a group replaces the venue's, and an
    address may send at least as much."""

    def __init__(self, capacity: dict[str, int] | None = None) -> None:
        self._capacity = CAPACITY | (capacity or {})
        self._most = max(ADDRESS_MOST, *self._capacity.values())
        self._used: dict[tuple[str, str], tuple[int, int]] = {}
        self._address: dict[str, tuple[int, int]] = {}
        self._blocked_ms: dict[str, int] = {}
        self.throttled = 0
        self.banned = 0

    def take(self, who: str, address: str, path: str, now_ms: int) -> Verdict:
        """Count a request of a user (the address, if it has none)."""
        until_ms = self._blocked_ms.get(address, 0)
        start_ms, count = self._address.get(address, (now_ms, 0))
        if now_ms - start_ms >= ADDRESS_MS:
            start_ms, count = now_ms, 0
        self._address[address] = (start_ms, count + 1)
        if until_ms <= now_ms and count >= self._most:
            until_ms = self._blocked_ms[address] = now_ms + ADDRESS_MS
        if until_ms > now_ms:
            self.banned += 1
            wait_s = -(-(until_ms - now_ms) // 1000)
            return Verdict(False, {header("retry-after", OTHERS): str(wait_s)})
        group = group_of(path)
        if group == NONE:
            return Verdict(True, {})
        weight, capacity = weight_of(path), self._capacity[group]
        minute = now_ms // MINUTE_MS
        found, used = self._used.get((who, group), (minute, 0))
        used = used if found == minute else 0
        headers = {header("capacity", group): str(capacity)}
        if used + weight > capacity:
            self.throttled += 1
            left_ms = (minute + 1) * MINUTE_MS - now_ms
            headers[header("remaining", group)] = str(max(0, capacity - used))
            headers[header("retry-after", group)] = str(-(-left_ms // 1000))
            return Verdict(False, headers)
        self._used[who, group] = (minute, used + weight)
        headers[header("remaining", group)] = str(capacity - used - weight)
        return Verdict(True, headers)
