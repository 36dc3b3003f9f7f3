"""An instrument's streams beside book, trades and mark price: nothing is kept of them, each message
is one record.

Pure. More than one connection may bring a stream: what came already is dropped."""

from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from connector.market.bodies import BODIES, order, thread
from connector.market.book_sync import began_anew
from connector.model.counters import Counter
from connector.model.states import FeedKind
from connector.venues.channels import Channel
from connector.venues.contract import DepthLevels, Kline, StreamEvent


class Recorder(Protocol):
    """What of ``_speedups.feed.Feed`` is used here."""

    def record(
        self,
        type: int,
        kind: int,
        body: bytes,
        venue_ns: int,
        recv_ns: int,
        update_id: int,
        line: int,
    ) -> None: ...


class Misfit(ValueError):
    """A message that is longer or larger than its record: it is lost, and nothing else."""


class _Newest(Struct):
    """The newest place of a stream, and what came of it."""

    order: tuple[int, ...]
    events: list[StreamEvent]


class Beside:
    """Messages of such streams in, records out."""

    def __init__(self, kernel: Recorder, count: Callable[[Counter], None]) -> None:
        self._kernel, self._count = kernel, count
        self._newest: dict[tuple[Channel, str], _Newest] = {}
        self._heard: dict[tuple[Channel, int], int] = {}

    def heard_ns(self, channel: Channel, line: int | None = None) -> int:
        """When a message of it last came on a line, or on any; 0: never."""
        if line is not None:
            return self._heard.get((channel, line), 0)
        return max((at for (one, _), at in self._heard.items() if one is channel), default=0)

    def forget(self, line: int) -> None:
        """The line is another connection's from now on."""
        for key in [key for key in self._heard if key[1] == line]:
            del self._heard[key]

    def end(self, kind: FeedKind) -> None:
        """No connection brings it: what the next one brings is judged by itself, its ids and times
        may have begun anew."""
        for key in [
            key
            for key, newest in self._newest.items()
            if BODIES[type(newest.events[0])].kind is kind
        ]:
            del self._newest[key]

    def heard(self, event: StreamEvent, line: int, recv_ns: int) -> bool:
        """Note a message; whether it is news."""
        channel = BODIES[type(event)].channel(event)
        self._heard[channel, line] = recv_ns
        if isinstance(event, Kline) and event.backfill:
            return True
        place, key = order(event), (channel, thread(event))
        newest = self._newest.get(key)
        if newest is None or place > newest.order or _reset(newest.events[0], event):
            self._newest[key] = _Newest(place, [event])
            return True
        if place < newest.order or event in newest.events:
            self._count(Counter.STREAMS_OLD)
            return False
        newest.events.append(event)
        return True

    def publish(self, event: StreamEvent, line: int, recv_ns: int) -> None:
        """Write its record; Misfit naming what does not fit into it."""
        body = BODIES[type(event)]
        try:
            packed = body.pack(event)
            self._kernel.record(
                body.type, body.kind, packed, event.venue_ns, recv_ns, event.update_id, line
            )
        except ValueError as error:
            raise Misfit(f"{event.symbol}: {error}") from None


def _reset(newest: StreamEvent, event: StreamEvent) -> bool:
    """Whether the venue began its ids anew: told of a message whose place may be an older one."""
    return (
        isinstance(event, DepthLevels)
        and event.update_id < newest.update_id
        and began_anew(newest.venue_ns, event.venue_ns)
    )
