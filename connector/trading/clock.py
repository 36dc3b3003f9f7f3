"""The venue's clock as an offset to ours, from the round trips that were quickest."""

from collections import deque

from connector._speedups.states import ClockState
from connector.clock import monotonic_ns, wall_ns

SAMPLES = 16
"""Round trips remembered; clocks drift, so an old quick one must not rule for ever."""
DRIFT_NS = 50_000_000
"""How far two clocks part in the time of all samples: eight minutes at 100 ppm."""
MOST_NS = 1 << 62
"""Offsets beyond are no clock's, and nothing could be added to them in 63 bits."""


class VenueClock(ClockState):
    """CLOCK_MONOTONIC to the venue's wall clock.

    An answer's stamp lies somewhere between sending and receiving: the middle is wrong by at most
    half the round trip, so the quickest one is the best. One that cannot be true of the same clock
    as the latest is no longer: one of the two was set. A venue need not refuse what is signed with
    a time that is ahead of its own, so nothing else would tell.

    ``guess_ns`` is the offset to go by as long as the venue has told nothing: what must leave
    anyway, a cancel, is signed with it."""

    def __init__(self, guess_ns: int = 0) -> None:
        self._samples: deque[tuple[int, int]] = deque(maxlen=SAMPLES)
        self.offset_ns = guess_ns
        """Venue time minus monotonic time."""
        self.known = False
        """The venue told its time."""

    @property
    def error_ns(self) -> int:
        """The most the offset can be off."""
        return min(self._samples)[0] // 2

    def heard(self, sent_ns: int, received_ns: int, venue_ns: int) -> None:
        """An answer that was asked for at ``sent_ns`` says what time it is there; ValueError, and
        nothing changes: that is no time."""
        offset_ns = venue_ns - (sent_ns + received_ns) // 2
        if abs(offset_ns) > MOST_NS:
            raise ValueError(f"{venue_ns} ns are no time")
        trip_ns = received_ns - sent_ns
        while self._samples and not all(
            abs(old_ns - offset_ns) <= (trip_ns + old_trip_ns) // 2 + DRIFT_NS
            for old_trip_ns, old_ns in self._samples
        ):
            self._samples.popleft()
        self._samples.append((trip_ns, offset_ns))
        self.known = True
        self.offset_ns = min(self._samples)[1]

    def ahead_ns(self) -> int:
        """How far the venue's clock is ahead of this machine's, by what is known."""
        return self.offset_ns + monotonic_ns() - wall_ns()

    def forget(self) -> None:
        """The venue refused our time: only what comes from now on counts."""
        self._samples.clear()
        self.known = False

    def venue_ns(self, now_ns: int) -> int:
        return now_ns + self.offset_ns
