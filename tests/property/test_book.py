"""The compiled book equals two dictionaries, whatever is applied and wherever its window lies."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from connector._speedups.book import Book
from tests.reference.book_model import BookModel

WINDOW = 1 << 20
TOP_PRICE = 2**63 - 1
TICKS = st.sampled_from([1, 2, 3, 10, 12, 64, 1000, 10**7, 5 * 10**8, 2**43, 2**62])
QTY = st.one_of(st.just(0), st.integers(1, 50), st.integers(1, 2**63 - 1))


def prices(book: Book) -> st.SearchStrategy[int]:
    """Near the middle, at the window's edges, off the grid, far away."""
    tick_e = book.tick_e
    low, high = book.window
    middle = (low + high) // 2 // tick_e * tick_e

    def around(price_e: int, reach: int) -> st.SearchStrategy[int]:
        return st.integers(-reach, reach).map(
            lambda step: min(max(price_e + step * tick_e, 0), TOP_PRICE)
        )

    return st.one_of(
        around(middle, 40),
        around(middle, 40),
        around(middle, 5_000),
        around(low, 3),
        around(high, 3),
        st.tuples(around(middle, 40), st.integers(0, tick_e)).map(
            lambda pair: min(sum(pair), TOP_PRICE)
        ),
        st.integers(0, TOP_PRICE),
    )


class BookMachine(RuleBasedStateMachine):
    """Every operation on both; after each, both hold the same."""

    @initialize(tick_e=TICKS, centre=st.integers(0, 2**21), far=st.booleans())
    def start(self, tick_e: int, centre: int, far: bool) -> None:
        centre_e = TOP_PRICE // 2 if far else min(centre * tick_e, TOP_PRICE)
        self.book = Book(tick_e, centre_e)
        self.model = BookModel()
        self.seen: list[int] = [0]

    def _apply(self, bids: list[int], asks: list[int]) -> None:
        self.book.apply(bids, asks)
        self.model.apply(bids, asks)
        self.seen += bids[::2] + asks[::2]

    @rule(data=st.data())
    def apply(self, data: st.DataObject) -> None:
        level = st.tuples(prices(self.book), QTY)
        bids, asks = data.draw(
            st.tuples(st.lists(level, max_size=30), st.lists(level, max_size=30))
        )
        self._apply([n for pair in bids for n in pair], [n for pair in asks for n in pair])

    @rule(data=st.data(), qty_e=QTY)
    def change_what_is_there(self, data: st.DataObject, qty_e: int) -> None:
        price_e = data.draw(st.sampled_from(self.seen))
        self._apply([price_e, qty_e], [price_e, qty_e])

    @rule(bids=st.integers(0, 30), asks=st.integers(0, 30))
    def take_the_best(self, bids: int, asks: int) -> None:
        best = self.book.bids(bids), self.book.asks(asks)
        self._apply(*([n for price_e, _ in side for n in (price_e, 0)] for side in best))

    @rule(bids=st.integers(0, 8), asks=st.integers(0, 8), first_e=QTY, then_e=QTY)
    def change_the_best_twice(self, bids: int, asks: int, first_e: int, then_e: int) -> None:
        best = self.book.bids(bids), self.book.asks(asks)
        for qty_e in (first_e, then_e):
            self._apply(*([n for price_e, _ in side for n in (price_e, qty_e)] for side in best))

    @rule(data=st.data())
    def recentre(self, data: st.DataObject) -> None:
        self.book.recentre(data.draw(st.one_of(st.none(), prices(self.book))))

    @rule(tick_e=TICKS)
    def rebuild(self, tick_e: int) -> None:
        self.book.rebuild(tick_e)
        assert self.book.tick_e == tick_e

    @rule(centre_e=st.integers(0, TOP_PRICE))
    def clear(self, centre_e: int) -> None:
        self.book.clear(centre_e)
        self.model = BookModel()

    @rule(data=st.data())
    def refuse(self, data: st.DataObject) -> None:
        price_e = data.draw(prices(self.book))
        bad = data.draw(st.sampled_from([[-1, 5], [price_e, -1], [price_e, 1, -price_e - 1, 0]]))
        with pytest.raises(ValueError, match="negative"):
            self.book.apply([price_e, 7], bad)

    @invariant()
    def equal(self) -> None:
        bids, asks = self.model.bids(), self.model.asks()
        assert self.book.counts == self.model.counts
        assert self.book.bids() == bids
        assert self.book.asks() == asks
        assert self.book.top() == (bids[:20], asks[:20])
        assert self.book.bids(3) == bids[:3]
        assert self.book.crossed == bool(bids and asks and bids[0][0] >= asks[0][0])
        if not any(self.book.counts):
            assert self.book.pages == 0


BookMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)
test_any_history_equals_the_model = BookMachine.TestCase

SIDE = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 5)), max_size=60).map(
    lambda pairs: [n for pair in pairs for n in pair]
)


@given(old=st.tuples(SIDE, SIDE), new=st.tuples(SIDE, SIDE), ticks=st.tuples(TICKS, TICKS))
def test_the_difference_turns_the_old_book_into_the_new(
    old: tuple[list[int], list[int]], new: tuple[list[int], list[int]], ticks: tuple[int, int]
) -> None:
    before, after = Book(ticks[0], 200), Book(ticks[1], 200)
    before.apply(*old)
    after.apply(*new)
    bids, asks = before.difference(after)
    assert before.difference(before) == ([], [])
    assert len(bids[::2]) == len(set(bids[::2]))
    before.apply(bids, asks)
    assert (before.bids(), before.asks()) == (after.bids(), after.asks())
    assert before.difference(after) == ([], [])


@given(st.integers(0, TOP_PRICE), st.one_of(TICKS, st.integers(1, TOP_PRICE)), st.data())
def test_a_price_is_in_the_window_exactly_when_the_grid_holds_it(
    centre_e: int, tick_e: int, data: st.DataObject
) -> None:
    book = Book(tick_e, centre_e)
    low, high = book.window
    assert low % tick_e == 0
    assert low <= centre_e
    price_e = data.draw(prices(book))
    book.apply([price_e, 1], [])
    inside = price_e % tick_e == 0 and low <= price_e < high
    assert book.far_counts == (0 if inside else 1, 0)
    assert book.bids() == [(price_e, 1)]


def test_the_far_list_has_no_end() -> None:
    book, model = Book(10, 10_000), BookModel()
    far = [n for i in range(5_000) for n in (10 * WINDOW * 3 + (i * 7919 % 5_000) * 10, i + 1)]
    for part in (far, [n if i % 2 == 0 else 0 for i, n in enumerate(far[:9_000])]):
        book.apply(part, part)
        model.apply(part, part)
        assert book.asks() == model.asks()
        assert book.bids() == model.bids()
    assert book.far_counts == (500, 500)


def test_recentring_takes_the_far_levels_in_and_lets_the_left_ones_go() -> None:
    book = Book(1, WINDOW * 4)
    low, high = book.window
    book.apply([high + 100, 1, low, 2], [high + 200, 3])
    assert book.far_counts == (1, 1)
    assert not Book(1, WINDOW * 4).edge_near
    assert book.edge_near
    book.recentre()
    assert book.far_counts == (0, 0) or book.window[0] > low
    assert not book.edge_near
    assert book.bids() == [(high + 100, 1), (low, 2)]
    assert book.asks() == [(high + 200, 3)]


def test_empty_pages_are_given_back() -> None:
    book = Book(1, WINDOW)
    flat = [n for i in range(300) for n in (WINDOW + 64 * i, 1)]
    book.apply(flat, [])
    assert book.pages == 300
    for _ in range(3):
        book.apply([n if i % 2 == 0 else 0 for i, n in enumerate(flat)], [])
        assert book.pages == 0
        book.apply([], flat)
        assert book.pages == 300
        book.apply([], [n if i % 2 == 0 else 0 for i, n in enumerate(flat)])


@pytest.mark.parametrize("tick_e", [0, -1])
def test_a_grid_is_positive(tick_e: int) -> None:
    with pytest.raises(ValueError, match="positive"):
        Book(tick_e, 0)
    with pytest.raises(ValueError, match="positive"):
        Book(1, 0).rebuild(tick_e)


def test_a_flat_side_has_pairs_and_64_bits() -> None:
    with pytest.raises(ValueError, match="even"):
        Book(1, 0).apply([1], [])
    with pytest.raises(OverflowError):
        Book(1, 0).apply([2**63, 1], [])


def test_a_hundred_books_of_a_thousand_levels_are_lean() -> None:
    def resident() -> int:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4096

    sides = [
        [n for i in range(1_000) for n in (50_000_000 + sign * (1 + 3 * i + i % 3), 5)]
        for sign in (-1, 1)
    ]
    before = resident()
    books = [Book(1, 50_000_000) for _ in range(100)]
    for book in books:
        book.apply(*sides)
    assert resident() - before < 100 * 300_000_000 // 500
