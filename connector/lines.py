"""Lines: the numbers by which an instrument's feed knows the connections that bring its streams."""

from connector.errors import NotSent
from connector.market.subscriptions import Session
from connector.transport.websocket import WebSocket
from connector.venues.contract import Subscription, Venue
from connector.venues.dialogue import Dialogue

LINES = 16
"""Line numbers of a feed (``MAX_LINES`` of the kernel)."""


def overlaps(venue: Venue) -> bool:
    """Whether a connection's replacement may serve before it is closed.

    Two lines a route use every line number, so none is left for a replacement: the other line
    carries the streams while this one is opened anew. A dialogue is of one socket at a time."""
    return venue.lines * len(venue.routes) * 2 <= LINES and venue.dialogue is None


class Lines:
    """The line numbers of one shard's instruments: one for every connection that is open or
    opening."""

    def __init__(self) -> None:
        self._free = list(range(LINES))

    def __len__(self) -> int:
        return len(self._free)

    def take(self) -> int:
        if not self._free:
            raise NotSent("every line is in use")
        return self._free.pop(0)

    def give(self, line: int) -> None:
        self._free.append(line)


class OpenLine:
    """An open connection, its line and its dialogue."""

    def __init__(
        self, line: int, number: int, socket: WebSocket, session: Session | Dialogue, now_ns: int
    ) -> None:
        self.line, self.number = line, number
        self.socket, self.session = socket, session
        self.since_ns = now_ns
        self.probed_ns = now_ns
        self.told: set[str] = set()
        self.serving = False
        self.is_up = False
        """Whether every feed knows of it."""
        self.expects = True
        """Whether any of its streams should be speaking now."""
        self.data_ns = now_ns
        """When it last brought data, as far as was looked."""
        self.behind: list[Subscription] | None = None
        """Of a replacement: streams that have not caught up with the connection in use; None: not
        all are granted yet."""
        self.replaced = False
