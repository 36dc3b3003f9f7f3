"""One WebSocket connection's control dialogue: what was asked and what was granted.

Pure: events and ``now_ns`` in, actions out. A session belongs to one connection and dies with it;
the next connection starts a new one from the desired set, so nothing is ever replayed from a queue.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from msgspec import Struct

from connector.market.stream_audit import StreamAudit
from connector.protocol.ratelimit import RollingWindow
from connector.venues.contract import Control, Heartbeat, Limits, Subscription
from connector.venues.dialogue import Action, Audited, Drop, Refused, Send

__all__ = ["Action", "Audited", "Drop", "Refused", "Send", "Session"]

ACK_NS = 10_000_000_000
"""A venue answers a control message in milliseconds; after ten seconds the connection is not worth
keeping."""
RESERVED_MESSAGES = 1
"""Kept out of the message window for a pong: a venue may count it, and a late one costs the
connection."""


_Row = TypeVar("_Row")


class _Batch(Struct):
    streams: list[Subscription]
    sent_ns: int


class Session:
    """Keeps one connection's subscriptions.

    ``subscribe`` and ``unsubscribe`` are the venue's encoders. ``desired`` is the set this
    connection carries; each stream is asked for once, in batches of ``limits.streams_per_message``,
    never more messages in any window than ``limits.messages``, the ``heartbeat``'s own pings
    included. A refused batch is asked again one by one, so one bad name costs only itself. Without
    ``unsubscribe`` nothing can be taken back: what is not wanted any more goes on to come, and
    counts among the connection's streams until its end (``lingering``). Whether a granted stream
    speaks is judged elsewhere (``silence.Ladder``), which has it asked for anew by
    ``renew``. With an ``audit`` the venue is asked what the connection really carries, in the same
    window, while nothing else is under way: what it lost is asked for again, and what nobody wants
    is ended, though not while something is missing: it may be that stream under a name of the
    venue's own."""

    def __init__(
        self,
        desired: Sequence[Subscription],
        subscribe: Callable[[Sequence[str], int], bytes],
        unsubscribe: Callable[[Sequence[str], int], bytes] | None,
        limits: Limits,
        heartbeat: Heartbeat | None = None,
        audit: StreamAudit | None = None,
    ) -> None:
        self._subscribe, self._unsubscribe = subscribe, unsubscribe
        self._limits = limits
        self._queue: deque[tuple[bool, list[Subscription]]] = deque()
        self._window = RollingWindow(max(1, limits.messages - RESERVED_MESSAGES), limits.window_ns)
        self._pending: dict[int, _Batch] = {}
        self._request_id = 0
        self._heartbeat = heartbeat
        self._pinged_ns = 0
        self._strays: deque[list[str]] = deque()
        self._leaving: dict[int, int] = {}
        """Request ids of what was taken back and not acknowledged, and when they were sent."""
        self.audit = audit
        self.wanted: dict[str, Subscription] = {one.stream: one for one in desired}
        if len(self.wanted) > limits.streams:
            raise ValueError(
                f"{len(self.wanted)} streams on a connection that takes {limits.streams}"
            )
        self.granted: dict[str, int] = {}
        """Stream name -> when it was acknowledged."""
        self.lingering: set[str] = set()
        """Not wanted any more, but they could not be ended."""
        for batch in _batches(list(self.wanted.values()), limits.streams_per_message):
            self._queue.append((True, batch))

    @property
    def settled(self) -> bool:
        """Every control message was sent and answered."""
        return not self._queue and not self._pending

    def renew(self, names: Iterable[str], now_ns: int) -> list[Action]:
        """Ask anew for streams that were granted and are silent; to ask for a stream that the venue
        believes it serves would change nothing, so it is told to stop first."""
        if self._unsubscribe is None:
            return [Drop("a stream is silent, and the venue cannot begin one alone anew")]
        again = [self.wanted[name] for name in names if self.granted.pop(name, None) is not None]
        self._touch(one.stream for one in again)
        for batch in _batches(again, self._limits.streams_per_message):
            self._queue.append((False, batch))
            self._queue.append((True, batch))
        return self.on_timer(now_ns)

    def add(self, subscriptions: Iterable[Subscription], now_ns: int) -> list[Action]:
        """Also carry these."""
        fresh = [one for one in subscriptions if one.stream not in self.wanted]
        fresh = list({one.stream: one for one in fresh}.values())
        lingering = self.lingering - {one.stream for one in fresh}
        if len(self.wanted) + len(lingering) + len(fresh) > self._limits.streams:
            raise ValueError("too many streams for one connection")
        self.lingering = lingering
        self.wanted.update((one.stream, one) for one in fresh)
        names = {one.stream for one in fresh}
        self._touch(names)
        strays = ([name for name in batch if name not in names] for batch in self._strays)
        self._strays = deque(batch for batch in strays if batch)
        for batch in _batches(fresh, self._limits.streams_per_message):
            self._queue.append((True, batch))
        return self.on_timer(now_ns)

    def remove(self, names: Iterable[str], now_ns: int) -> list[Action]:
        """Carry these no longer; what was asked for is taken back."""
        gone = {name: self.wanted.pop(name) for name in names if name in self.wanted}
        self._touch(gone)
        asked = {
            name: row for name, row in gone.items() if self.granted.pop(name, None) is not None
        }
        for batch in self._pending.values():
            asked.update({row.stream: row for row in batch.streams if row.stream in gone})
            batch.streams = [row for row in batch.streams if row.stream not in gone]
        # What is queued to be taken back was asked for before: that stays.
        queue = [
            (wanted, [row for row in rows if not wanted or row.stream not in gone])
            for wanted, rows in self._queue
        ]
        self._queue = deque((wanted, rows) for wanted, rows in queue if rows)
        if self._unsubscribe is None:
            self.lingering.update(asked)
            return self.on_timer(now_ns)
        for rows in _batches(list(asked.values()), self._limits.streams_per_message):
            self._queue.append((False, rows))
        return self.on_timer(now_ns)

    def on_control(self, control: Control, now_ns: int) -> list[Action]:
        """A control answer arrived."""
        if control.fatal:
            return [Drop(f"venue: {control.message}")]
        if self.audit is not None and self.audit.concerned(control):
            found = self.audit.on_answer(control, self._needs, self.granted, now_ns)
            self._mend(found)
            return [found, *self.on_timer(now_ns)]
        if control.request_id is None:
            # A bare error does not say which message it means; the acknowledgement that stays away
            # will.
            return [] if control.ok else [Drop(f"venue: {control.message}")]
        self._leaving.pop(control.request_id, None)
        batch = self._pending.pop(control.request_id, None)
        if batch is None:
            return []
        if control.ok:
            for one in batch.streams:
                self.granted[one.stream] = now_ns
            return self.on_timer(now_ns)
        if len(batch.streams) == 1:
            return [self._refuse(batch.streams[0], control.message), *self.on_timer(now_ns)]
        self._queue.extend((True, [one]) for one in batch.streams)
        return self.on_timer(now_ns)

    def on_timer(self, now_ns: int) -> list[Action]:
        """Time passed."""
        for request_id, batch in self._pending.items():
            if now_ns - batch.sent_ns >= ACK_NS:
                return [Drop(f"control message {request_id} was never answered")]
        return [*self._ping(now_ns), *self._inquire(now_ns), *self._release(now_ns)]

    def _touch(self, names: Iterable[str]) -> None:
        if self.audit is not None:
            self.audit.touched(names)

    def _needs(self, name: str) -> bool:
        return name in self.wanted or name in self.lingering

    def _inquire(self, now_ns: int) -> list[Action]:
        """Ask the venue what it has, when that is due."""
        if (audit := self.audit) is None:
            return []
        actions: list[Action] = []
        if (found := audit.on_timer(now_ns)) is not None:
            actions.append(found)
        for request_id, sent_ns in list(self._leaving.items()):
            if now_ns - sent_ns >= ACK_NS:
                del self._leaving[request_id]  # what became of it is for the audit to find out
        quiet = self.settled and not self._leaving and not self._strays
        if audit.due(quiet, now_ns) and self._window.take(now_ns):
            self._request_id += 1
            actions.append(Send(audit.ask(self._request_id, self.granted, now_ns)))
        return actions

    def _mend(self, found: Audited) -> None:
        """Ask for what is missing; what is too much is ended when nothing is."""
        rows = [self.wanted[name] for name in found.missing]
        most = self._limits.streams_per_message
        for row in rows:
            del self.granted[row.stream]
        for batch in _batches(rows, most):
            self._queue.append((True, batch))
        if self._unsubscribe is not None and not rows:
            self._strays.extend(_batches(list(found.stray), most))

    def _ping(self, now_ns: int) -> list[Action]:
        """Our own ping, when one is due; its answer is told like any message's, by its id."""
        heartbeat = self._heartbeat
        if heartbeat is None or heartbeat.ping is None or not heartbeat.ping_every_ns:
            return []
        if now_ns - self._pinged_ns < heartbeat.ping_every_ns or not self._window.take(now_ns):
            return []
        self._pinged_ns = now_ns
        self._request_id += 1
        return [Send(heartbeat.ping(self._request_id))]

    def next_ns(self, now_ns: int) -> int:
        """When ``on_timer`` has something to do at the latest."""
        due = [batch.sent_ns + ACK_NS for batch in self._pending.values()]
        if self._queue:
            due.append(self._window.admit_ns(now_ns))
        if self._heartbeat is not None and self._heartbeat.ping is not None:
            due.append(self._pinged_ns + self._heartbeat.ping_every_ns)
        if self.audit is not None:
            due.append(self.audit.next_ns(now_ns))
        return min(due, default=now_ns + ACK_NS)

    def _refuse(self, subscription: Subscription, why: str) -> Refused:
        self.wanted.pop(subscription.stream, None)
        self.granted.pop(subscription.stream, None)
        return Refused(subscription, why)

    def _release(self, now_ns: int) -> list[Action]:
        """As many queued messages as the strict rolling window lets through."""
        if self.audit is not None and self.audit.holds:
            return []
        actions: list[Action] = []
        while self._queue and self._window.take(now_ns):
            wanted, batch = self._queue.popleft()
            names = [one.stream for one in batch]
            self._request_id += 1
            if wanted:
                self._pending[self._request_id] = _Batch(batch, now_ns)
                actions.append(Send(self._subscribe(names, self._request_id)))
            elif self._unsubscribe is not None:
                if self.audit is not None:
                    self._leaving[self._request_id] = now_ns
                actions.append(Send(self._unsubscribe(names, self._request_id)))
        while self._strays and self._unsubscribe is not None and self._window.take(now_ns):
            self._request_id += 1
            self._leaving[self._request_id] = now_ns
            actions.append(Send(self._unsubscribe(self._strays.popleft(), self._request_id)))
        return actions


def _batches(streams: list[_Row], most: int) -> list[list[_Row]]:
    return [streams[start : start + most] for start in range(0, len(streams), most)]
