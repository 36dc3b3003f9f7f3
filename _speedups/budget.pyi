"""A pool of request weight, held by us and by the venue; every request is held against it."""

FOREVER_NS: int

class Budget:
    """``limit`` units in ``window_ns``.

    We count in a rolling window. The venue counts in its own fixed windows and sees other users of
    the same address; its headers correct us: what is left is the smaller of ``limit`` minus our own
    rolling sum, and ``limit`` minus the highest count the venue has given in this window of its
    own plus what we sent since and that count cannot cover. ``now_ns`` is CLOCK_MONOTONIC,
    ``venue_ns`` the venue's wall clock. ValueError without a limit and a length."""

    limit: int
    window_ns: int
    quiet_until_ns: int
    def __init__(self, limit: int, window_ns: int) -> None: ...
    def resize(self, limit: int) -> None:
        """Take over the limit the venue states; what was already used stays counted."""

    @property
    def kept(self) -> int:
        """Requests that are still remembered."""

    def left(self, now_ns: int, venue_ns: int) -> int:
        """Units left."""

    def admit_ns(self, now_ns: int, venue_ns: int, n: int, reserve: int = 0) -> int:
        """The earliest instant at which ``n`` units may be taken and ``reserve`` still be left.

        FOREVER_NS when that can never be."""

    def take(self, now_ns: int, venue_ns: int, n: int) -> int:
        """Count a request of ``n`` units that is sent now; returns its number for ``correct``.

        The caller has asked ``admit_ns``; a request that goes out regardless is counted, too."""

    def give_back(self, request: int) -> None:
        """``request`` (from ``take``) did not leave, not one byte of it: it counts nowhere."""

    def correct(self, request: int, venue_ns: int, used: int) -> None:
        """The answer to ``request`` (from ``take``), given at ``venue_ns``, says ``used``.

        Requests sent later than it are not in that count; negative counts mean "not given"."""

    def stop(self, until_ns: int) -> None:
        """Send nothing before this instant (429, 418); never shortens an earlier stop."""

    def used(self, now_ns: int, venue_ns: int) -> int:
        """Units in use, by the larger of both counts."""
