"""Two connections that bring the book of a venue whose books come on the stream: each cuts the
changes together in its own way, and what is told is the venue's book at its id all the same."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.model.counters import Counter
from connector.model.records import RecordType
from connector.model.states import State
from connector.venues.contract import Book, Channel, Depth, Trade, Traded
from tests.unit.test_streamed_feed import SYMBOL, Rig

WINDOW = 4
SPREAD = 12


class Venue:
    """A book that changes at random, as it was at each id, and its trades."""

    def __init__(self, seed: int, steps: int) -> None:
        draw = random.Random(seed)
        self.books: list[tuple[list[int], list[int]]] = []
        self.trades: list[tuple[int, int]] = []
        """Id of the engine and price."""
        bids, asks = (
            {100 - n: 5 for n in range(WINDOW + 2)},
            {101 + n: 5 for n in range(WINDOW + 2)},
        )
        for number in range(steps):
            side, low = draw.choice([(bids, 100 - SPREAD), (asks, 101)])
            price = low + draw.randrange(SPREAD)
            if draw.random() < 0.45 and len(side) > 1:
                side.pop(draw.choice([*side]))
            else:
                side[price] = draw.randrange(1, 9)
            if draw.random() < 0.4:
                self.trades.append((number + 1, 100 + draw.randrange(2)))
            self.books.append((self.top(bids, True), self.top(asks, False)))

    @staticmethod
    def top(side: dict[int, int], down: bool) -> list[int]:
        kept = sorted(side.items(), reverse=down)[:WINDOW]
        return [number for level in kept for number in level]


class Line:
    """One connection: what the venue cuts for it, at ids of its own choosing."""

    def __init__(self, venue: Venue, rig: Rig, number: int, at: int) -> None:
        self.venue, self.rig, self.number, self.at = venue, rig, number, at
        self.waiting: list[Any] = [self.whole()]
        self.epoch = number
        rig.streams.on_line_up(number, number + 1, rig.now)

    def whole(self) -> Book:
        bids, asks = self.venue.books[self.at - 1]
        return Book(SYMBOL, self.at, self.at, WINDOW, [*bids], [*asks])

    def cut(self, upto: int, whole: bool) -> None:
        """What came since the last cut, as one message."""
        if upto <= self.at:
            return
        before, now = self.venue.books[self.at - 1], self.venue.books[upto - 1]
        rows = [row for row in self.venue.trades if self.at < row[0] <= upto]
        self.at = upto
        flat = []
        for had, has in zip(before, now, strict=True):
            old, new = (dict(zip(side[::2], side[1::2], strict=True)) for side in (had, has))
            changed = {price: 0 for price in old if price not in new}
            changed |= {price: qty for price, qty in new.items() if old.get(price) != qty}
            flat.append([number for level in changed.items() for number in level])
        if flat[0] or flat[1]:
            self.waiting.append(Depth(SYMBOL, upto, upto, 0, upto, upto, *flat))
        elif whole:
            self.waiting.append(self.whole())
        if rows:
            self.waiting.append(rows)
        if whole:
            self.waiting.append(self.whole())

    def bring(self) -> None:
        """The next message arrives."""
        if not self.waiting:
            return
        message = self.waiting.pop(0)
        rig = self.rig
        rig.now += 1
        if not isinstance(message, list):
            rig.streams.on_event(message, self.number, rig.now)
            return
        sequence = message[-1][0]
        for place, (at, price) in enumerate(message):
            number = sequence << 10 | place
            trade = Trade(SYMBOL, number, number, number, at, at, price, 1, 1, 1, False, 1)
            rig.streams.on_event(trade, self.number, rig.now)
        rig.streams.on_event(Traded(SYMBOL, sequence, -(2**63), -(2**63)), self.number, rig.now)


STEPS = st.lists(
    st.tuples(
        st.integers(0, 1), st.sampled_from(["cut", "bring", "bring", "whole"]), st.integers(1, 4)
    ),
    min_size=20,
    max_size=120,
)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), STEPS, st.integers(0, 40), st.booleans())
def test_the_book_is_the_venues_at_its_id_whoever_brings_it(
    seed: int, steps: list[tuple[int, str, int]], joins: int, ends: bool
) -> None:
    """The second line joins while the first is there, and the first may end."""
    venue, rig = Venue(seed, 400), Rig()
    now, lines = 3, []
    lines.append(Line(venue, rig, 0, now))
    for number, (which, what, more) in enumerate(steps):
        if number == joins:
            lines.append(Line(venue, rig, 1, now))
        if ends and number == joins + 40 and len(lines) == 2:
            rig.streams.on_line_down(0, rig.now)
            lines.pop(0)
        line = lines[which % len(lines)]
        if what == "bring":
            line.bring()
        else:
            now += more
            line.cut(now, what == "whole")
        if rig.state is State.LIVE:
            assert rig.levels() == venue.books[rig.feed.last_id - 1]
    for line in lines:
        line.cut(now + 1, True)
        while line.waiting:
            line.bring()
    assert rig.state is State.LIVE
    assert rig.levels() == venue.books[now]
    assert rig.counts[Counter.BOOKS_DIFFERED] == 0


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), STEPS)
def test_each_trade_is_told_once_however_it_is_cut(
    seed: int, steps: list[tuple[int, str, int]]
) -> None:
    venue, rig = Venue(seed, 400), Rig()
    lines = [Line(venue, rig, number, 3) for number in range(2)]
    now = 3
    for which, what, more in steps:
        if what == "bring":
            lines[which].bring()
        else:
            now += more
            lines[which].cut(now, False)
    for line in lines:
        line.cut(now, False)
        while line.waiting:
            line.bring()
    told = [head for head, *_ in rig.records() if head["type"] == RecordType.TRADE]
    assert len(told) == sum(3 < at <= now for at, _ in venue.trades)


def both(rig: Rig, venue: Venue, at: int = 10) -> tuple[Line, Line]:
    first = Line(venue, rig, 0, at)
    first.bring()
    return first, Line(venue, rig, 1, at)


def test_a_replacement_leads_as_soon_as_it_has_come_as_far() -> None:
    venue, rig = Venue(7, 100), Rig()
    old, new = both(rig, venue)
    old.cut(14, False)
    while old.waiting:
        old.bring()
    assert rig.feed.last_id == 14
    new.bring()  # its whole book is of before
    assert not rig.streams.carries(1)
    assert rig.streams.carries(0)
    new.cut(16, False)
    while new.waiting:
        new.bring()
    assert (rig.streams.carries(1), rig.streams.carries(0)) == (True, False)
    assert rig.feed.last_id == 16
    rig.streams.on_line_down(0, rig.now)
    assert rig.state is State.LIVE
    assert rig.levels() == venue.books[15]


def test_the_old_line_leads_again_where_the_new_one_fails() -> None:
    venue, rig = Venue(7, 100), Rig()
    old, new = both(rig, venue)
    new.bring()
    assert rig.streams.carries(1)
    new.cut(20, False)
    while new.waiting:
        new.bring()
    rig.streams.on_line_down(1, rig.now)
    assert rig.state is State.LIVE
    old.cut(24, False)
    while old.waiting:
        old.bring()
    assert rig.levels() == venue.books[rig.feed.last_id - 1]
    assert rig.feed.last_id == 24


def test_a_line_without_a_book_cannot_go_on_with_it() -> None:
    venue, rig = Venue(7, 100), Rig()
    _, new = both(rig, venue)
    rig.streams.on_line_down(0, rig.now)
    assert rig.state is State.RESYNC
    new.bring()
    assert rig.state is State.LIVE


@pytest.mark.parametrize("channel", [Channel.DEPTH, Channel.BBO])
def test_what_the_leader_says_twice_differently_is_found(channel: Channel) -> None:
    """A whole book of the same id that is another one: as without a second line."""
    venue, rig = Venue(7, 100), Rig(channel, Channel.TRADE)
    both(rig, venue)
    bids, asks = venue.books[9]
    rig.streams.on_event(
        Book(SYMBOL, 10, 10, WINDOW, [*bids], [asks[0], 77, *asks[2:]]), 1, rig.now
    )
    assert rig.counts[Counter.BOOKS_DIFFERED] == 1
    assert rig.state is State.LIVE, "the later one stands"
    assert rig.levels()[1][1] == 77
