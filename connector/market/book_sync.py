"""Whether a depth message follows a book: the venue's numbered rules, pure.

The rules, quoted from the venue's "How to manage a local order book correctly" (steps 4 to 6), with
L the snapshot's ``lastUpdateId`` and U, u, pu the message's first, last and previous update id:

    4. "Drop any event where u is < lastUpdateId in the snapshot."
    5. "The first processed event should have U <= lastUpdateId AND u >= lastUpdateId."
    6. "While listening to the stream, each new event's pu should be equal to the previous event's
       u, otherwise initialize the process from step 3."

Update ids have holes: U is not the previous u plus one, and L may lie in the hole between pu and U.
A message carries the final quantity of every level changed in (pu, u], so a book at id c is right
after any message with pu <= c < u, wherever it was cut. Steps 5 and 6 are therefore kept as
``pu <= L <= u`` (a message with u == L is applied: it may carry levels beyond the snapshot's depth)
and ``pu <= c < u``. The compiled check in ``_speedups.feed`` obeys the same table of tests."""

from enum import Enum
from typing import Generic, TypeVar

from msgspec import Struct

MOST_AHEAD = 256
LEAST_PATIENCE_NS = 50_000_000
"""A line is given at least this long to bring what another line has missed."""


class Step(Enum):
    """What to do with a depth message."""

    APPLY = "apply"
    OLD = "old"
    """Nothing in it is newer than the book: drop it, it is no fault."""
    AHEAD = "ahead"
    """Something between the book and this message is missing."""
    RESET = "reset"
    """The venue started its ids anew: the book has no way on."""


def first(snapshot_id: int, prev_id: int, last_id: int) -> Step:
    """Steps 4 and 5: the first message after a snapshot; AHEAD means the snapshot is too old."""
    if last_id < snapshot_id:
        return Step.OLD
    return Step.APPLY if prev_id <= snapshot_id else Step.AHEAD


def follow(book_id: int, prev_id: int, last_id: int) -> Step:
    """Step 6: a message for a book that stands at ``book_id``."""
    if last_id <= book_id:
        return Step.OLD
    return Step.APPLY if prev_id <= book_id else Step.AHEAD


def went_back(line_id: int, line_venue_ns: int, last_id: int, venue_ns: int) -> bool:
    """Whether ids restarted on a line: a smaller id than its last one, made later.

    A repeated or swapped message has a smaller id, too, but an event time that is not later."""
    return last_id < line_id and venue_ns > line_venue_ns


RESET_NS = 1_000_000_000
"""Lines cut their windows at different instants, and differ by fractions of a second."""


def began_anew(book_venue_ns: int, venue_ns: int) -> bool:
    """Whether ids restarted while nobody listened: told of a message that is old for the book.

    Within one count an id that is not newer was not told so much later. Needed where a line's own
    last id cannot tell: on its first message."""
    return 0 < book_venue_ns < venue_ns - RESET_NS


class Waiting(Struct, frozen=True):
    """A message that cannot be applied yet."""

    prev_id: int
    last_id: int


Message = TypeVar("Message", bound="Waiting")


class Ahead(Generic[Message]):
    """Messages of several lines that wait for one that another line may still bring.

    Each line delivers in order, so a line that has delivered past the book's id will never bring
    what is missing. It is a gap as soon as that holds for every live line, the list is full, or
    max(2 x the stream's period, 50 ms) has passed. With one line that is the plain rule: gap.

    Patience belongs to a hole, not to the list: while a line that is behind brings message after
    message, nothing is lost."""

    def __init__(self, period_ns: int, most: int = MOST_AHEAD) -> None:
        self.set_period(period_ns)
        self._most = most
        self._waiting: list[Message] = []
        self._since_ns = 0

    def set_period(self, period_ns: int) -> None:
        """The stream has this pace from now on."""
        self.patience_ns = max(2 * period_ns, LEAST_PATIENCE_NS)

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def due_ns(self) -> int | None:
        """When patience ends; None while nothing waits."""
        return self._since_ns + self.patience_ns if self._waiting else None

    def add(self, message: Message, now_ns: int) -> bool:
        """Let a message wait; False when it is waiting already, on whatever line it came."""
        ids = message.prev_id, message.last_id
        if any((waits.prev_id, waits.last_id) == ids for waits in self._waiting):
            return False
        if not self._waiting:
            self._since_ns = now_ns
        self._waiting.append(message)
        return True

    def next(self, book_id: int) -> Message | None:
        """Take out a message that a book at ``book_id`` can apply; drops those it has passed."""
        self._waiting = [waits for waits in self._waiting if waits.last_id > book_id]
        for index, waits in enumerate(self._waiting):
            if follow(book_id, waits.prev_id, waits.last_id) is Step.APPLY:
                return self._waiting.pop(index)
        return None

    def lost(self, book_id: int, line_ids: list[int], now_ns: int) -> bool:
        """Whether what is missing will not come; ``line_ids``: the last id of every live line."""
        if not self._waiting:
            return False
        return (
            len(self._waiting) >= self._most
            or now_ns >= self._since_ns + self.patience_ns
            or all(line_id > book_id for line_id in line_ids)
        )

    def restart(self, now_ns: int) -> None:
        """The book moved on: what still waits waits for another message, from now on."""
        self._since_ns = now_ns

    def take(self) -> list[Message]:
        """Everything that waits, leaving nothing."""
        waiting, self._waiting = self._waiting, []
        return waiting
