"""Read the daemon's counters, histograms and budgets from shared memory."""

import struct

from msgspec import Struct

from connector._speedups.segment import Mapping
from connector.model.counters import Counter, Hop
from connector.model.histogram import BUCKETS, Percentiles, summarize
from connector.model.records import fields

_OFFSETS = struct.Struct("<12Q")
_HISTOGRAM_WORDS = 8 + BUCKETS
_STATS_WORDS = 16
_BUDGET_WORDS = 8
MAX_BUDGETS = 256
EVERYBODY = 0xFFFF
"""In place of an account: everything from the daemon's address counts."""
_STATS = [field.name for field in fields("InstrumentStats") if not field.length]


class Budget(Struct, frozen=True):
    """A rate limit of a venue, and how much of it is used; at most 50 ms old."""

    used: int
    limit: int
    window_ns: int
    resets_ns: int
    """When the venue's window ends, CLOCK_MONOTONIC; what was used leaves as it gets that old."""
    venue: int
    """Index of the venue in the daemon's configuration."""
    account: int | None
    """Index of the account; None: whatever comes from the daemon's address counts."""
    pool: str
    """The venue's name of what is counted."""

    @property
    def left(self) -> int:
        """Units that may still be used."""
        return max(self.limit - self.used, 0)


class Counters:
    """Counts since the daemon started; every word is read whole, several are not one moment."""

    def __init__(self, memory: Mapping) -> None:
        header = _OFFSETS.unpack_from(memory, 0)
        self._words = memoryview(memory).cast("Q")
        self._stats, _, self._counters, self._histograms, self._budgets = (
            offset // 8 for offset in header[7:12]
        )

    def __getitem__(self, counter: Counter) -> int:
        return int(self._words[self._counters + int(counter.value)])

    def all(self) -> dict[Counter, int]:
        """Every counter."""
        return {counter: self[counter] for counter in Counter}

    def latency(self, hop: Hop) -> Percentiles:
        """The latencies of one hop."""
        start = self._histograms + int(hop.value) * _HISTOGRAM_WORDS
        _, sum_ns, max_ns = self._words[start : start + 3]
        buckets = self._words[start + 8 : start + _HISTOGRAM_WORDS].tolist()
        return summarize(buckets, sum_ns, max_ns)

    def buckets(self, hop: Hop) -> list[int]:
        """The raw buckets of one hop, so that two readings can be subtracted."""
        start = self._histograms + int(hop.value) * _HISTOGRAM_WORDS
        return self._words[start + 8 : start + _HISTOGRAM_WORDS].tolist()

    def instrument(self, index: int) -> dict[str, int]:
        """One instrument's counts, by the names of ``InstrumentStats``."""
        start = self._stats + index * _STATS_WORDS
        return dict(zip(_STATS, self._words[start : start + len(_STATS)], strict=True))

    def budgets(self) -> list[Budget]:
        """Every rate budget."""
        found = []
        for index in range(MAX_BUDGETS):
            start = self._budgets + index * _BUDGET_WORDS
            numbers = self._words[start : start + _BUDGET_WORDS].tolist()
            if not numbers[5] & 0xFF:  # a name's first letter is written last: none follow
                break
            if numbers[1]:
                found.append(self._budget(numbers))
        return found

    def _budget(self, numbers: list[int]) -> Budget:
        name = b"".join(word.to_bytes(8, "little") for word in numbers[5:]).rstrip(b"\0")
        venue, account = numbers[4] & 0xFFFF, numbers[4] >> 16 & 0xFFFF
        mine = account if account != EVERYBODY else None
        used, limit, window_ns, resets_ns = numbers[:4]
        return Budget(used, limit, window_ns, resets_ns, venue, mine, name.decode())
