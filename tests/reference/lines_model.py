"""The rule for several lines that carry one depth stream, as prose made code: every message ever
delivered is kept, everything is searched anew each time, books are dictionaries.

    Each line is FIFO. ``pu > c`` goes to a bounded ahead-list and the book is BEHIND but valid at
    c; it is a GAP as soon as every live line has delivered past c, the list is full, or
    max(2 x the stream's period, 50 ms) has passed (checked at each frame and by timer)."""

from dataclasses import dataclass, field

FIRST_PRICE_E = 100
PRICES = 7


def price_of(update_id: int) -> int:
    """The one level an update changes; few of them, so that levels are changed again and again."""
    return FIRST_PRICE_E + update_id * 5 % PRICES


def quantity_of(update_id: int) -> int:
    """Its new quantity; every fourth update removes the level."""
    return 0 if update_id % 4 == 0 else update_id


def truth(update_id: int) -> dict[int, int]:
    """The venue's bids after an update."""
    book: dict[int, int] = {}
    for number in range(1, update_id + 1):
        book[price_of(number)] = quantity_of(number)
    return {price_e: qty_e for price_e, qty_e in book.items() if qty_e}


def levels_of(prev_id: int, last_id: int) -> dict[int, int]:
    """What a message for (prev_id, last_id] carries: the final quantity of each level changed."""
    return {price_of(number): quantity_of(number) for number in range(prev_id + 1, last_id + 1)}


@dataclass
class LinesModel:
    """What a book at ``book_id`` must do; ``state`` is LIVE, BEHIND or GAP."""

    book_id: int
    patience_ns: int
    most: int
    lines: dict[int, list[int]]
    """By live line: the last ids of all it has delivered."""
    known: set[tuple[int, int]] = field(default_factory=set)
    state: str = "LIVE"
    hole_ns: int = 0
    """Since when something waits for the message after ``book_id``."""

    def _waiting(self) -> list[tuple[int, int]]:
        return [message for message in self.known if message[1] > self.book_id]

    def message(self, line: int, prev_id: int, last_id: int, now_ns: int) -> None:
        waited, stood = bool(self._waiting()), self.book_id
        self.lines[line].append(last_id)
        self.known.add((prev_id, last_id))
        while follows := [row for row in self._waiting() if row[0] <= self.book_id]:
            self.book_id = max(row[1] for row in follows)
        if self._waiting() and (not waited or self.book_id != stood):
            self.hole_ns = now_ns
        self.check(now_ns)

    def check(self, now_ns: int) -> None:
        waiting = self._waiting()
        passed = all(max(ids, default=0) > self.book_id for ids in self.lines.values())
        if not waiting:
            self.state = "LIVE"
        elif passed or len(waiting) >= self.most or now_ns - self.hole_ns >= self.patience_ns:
            self.state = "GAP"
        else:
            self.state = "BEHIND"

    def up(self, line: int) -> None:
        self.lines[line] = []

    def down(self, line: int, now_ns: int) -> None:
        del self.lines[line]
        self.check(now_ns)
