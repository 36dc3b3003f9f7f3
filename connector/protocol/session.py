"""Keep one connection up: when to open, when to give it up, when to replace it before the venue
cuts it.

Pure: events and ``now_ns`` in, actions out. Every attempt has an epoch; what arrives under an epoch
that is no longer current is nobody's business any more."""

from collections.abc import Callable
from enum import Enum

from msgspec import Struct

from connector.protocol.backoff import Backoff
from connector.protocol.ratelimit import RollingWindow

PROVEN_NS = 10_000_000_000
"""A connection that lasted this long was a good one: the next failure starts with a short wait
again."""
HANDOVER_NS = 30_000_000_000
"""A replacement that does not serve everything by then is given up; the old connection is still
there."""


class Open(Struct, frozen=True):
    """Open a connection and call it ``epoch``."""

    epoch: int


class Close(Struct, frozen=True):
    """Close the connection called ``epoch``."""

    epoch: int
    why: str


class Phase(Enum):
    CONNECTING = "connecting"
    UP = "up"
    SERVING = "serving"
    """Every stream of it was granted."""


class _Connection(Struct):
    epoch: int
    phase: Phase
    since_ns: int
    replace_ns: int = 0


class Link:
    """The life of one logical connection.

    While one connection serves, a second one may be on its way to replace it (make before break).
    ``lifetime_ns`` is when the venue cuts; the replacement starts at a random moment between 83 and
    96 % of it, so that connections opened together do not end together. ``held`` gives the earliest
    instant for another attempt, as the venue wishes (by default any). ``overlap`` says whether
    there may be two: without, the old connection is closed first."""

    def __init__(
        self,
        backoff: Backoff,
        gate: RollingWindow,
        uniform: Callable[[], float],
        lifetime_ns: int = 0,
        overlap: Callable[[], bool] = lambda: True,
        held: Callable[[int], int] = int,
    ) -> None:
        self._backoff, self._gate, self._uniform = backoff, gate, uniform
        self._held = held
        self._overlap = overlap
        self._lifetime_ns = lifetime_ns
        self._due_ns = 0
        self._epoch = 0
        self.current: _Connection | None = None
        self.replacement: _Connection | None = None

    @property
    def epoch(self) -> int:
        """Of the connection in use; 0 while there is none."""
        return self.current.epoch if self.current else 0

    @property
    def opened(self) -> int:
        """How many connections were begun."""
        return self._epoch

    def on_timer(self, now_ns: int) -> list[Open | Close]:
        """Time passed."""
        if self.current is None:
            if now_ns < self._due_ns or self._admit_ns(now_ns) > now_ns:
                return []
            self.current = self._begin(now_ns)
            return [Open(self.current.epoch)]
        if self.replacement is not None:
            if now_ns - self.replacement.since_ns < HANDOVER_NS:
                return []
            late = self.replacement.epoch
            self._postpone(now_ns)
            return [Close(late, "the replacement did not serve in time")]
        due = self.current.replace_ns
        if self.current.phase is Phase.SERVING and due and now_ns >= due:
            if self._admit_ns(now_ns) > now_ns:
                return []
            if not self._overlap():
                self.current.replace_ns = 0
                return [Close(self.current.epoch, "opened anew before the venue ends it")]
            self.replacement = self._begin(now_ns)
            return [Open(self.replacement.epoch)]
        return []

    def on_open(self, epoch: int, now_ns: int) -> None:
        """The connection was opened."""
        connection = self._find(epoch)
        if connection is None:
            return
        connection.phase, connection.since_ns = Phase.UP, now_ns
        if self._lifetime_ns:
            share = 0.83 + 0.13 * self._uniform()
            connection.replace_ns = now_ns + int(self._lifetime_ns * share)

    def on_serving(self, epoch: int) -> list[Close]:
        """Everything asked for on it was granted."""
        connection = self._find(epoch)
        if connection is None:
            return []
        connection.phase = Phase.SERVING
        if self.replacement is None or epoch != self.replacement.epoch:
            return []
        assert self.current is not None
        old, self.current, self.replacement = self.current, self.replacement, None
        return [Close(old.epoch, "replaced before the venue ends it")]

    def on_lost(self, epoch: int, now_ns: int) -> list[Open | Close]:
        """The connection is gone, or could not be opened."""
        if self.replacement is not None and epoch == self.replacement.epoch:
            self._postpone(now_ns)
            return []
        if self.current is None or epoch != self.current.epoch:
            return []
        lost, self.current = self.current, self.replacement
        self.replacement = None
        if self.current is not None:
            return []  # the replacement takes over wherever it stands
        if lost.phase is not Phase.CONNECTING and now_ns - lost.since_ns >= PROVEN_NS:
            self._backoff.reset()
        self._due_ns = now_ns + self._backoff.next_ns()
        return self.on_timer(now_ns)

    def end(self) -> None:
        """Nothing is open or being opened any more; what is begun again begins here."""
        self.current = self.replacement = None

    def replace_now(self, now_ns: int) -> None:
        """Replace the current connection as soon as possible (the venue said that it will end
        it)."""
        if self.current is not None and self.replacement is None:
            self.current.replace_ns = now_ns

    def next_ns(self, now_ns: int) -> int:
        """When ``on_timer`` has something to do; 0: only events can give it some."""
        if self.current is None:
            return max(self._due_ns, self._admit_ns(now_ns))
        if self.replacement is not None:
            return self.replacement.since_ns + HANDOVER_NS
        if self.current.phase is not Phase.SERVING or not self.current.replace_ns:
            return 0
        return max(self.current.replace_ns, self._admit_ns(now_ns))

    def _admit_ns(self, now_ns: int) -> int:
        return max(self._gate.admit_ns(now_ns), self._held(now_ns))

    def _begin(self, now_ns: int) -> _Connection:
        self._gate.record(now_ns)
        self._epoch += 1
        return _Connection(self._epoch, Phase.CONNECTING, now_ns)

    def _find(self, epoch: int) -> _Connection | None:
        for connection in (self.current, self.replacement):
            if connection is not None and connection.epoch == epoch:
                return connection
        return None

    def _postpone(self, now_ns: int) -> None:
        self.replacement = None
        if self.current is not None:
            self.current.replace_ns = now_ns + self._backoff.next_ns()
