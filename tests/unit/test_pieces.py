"""Work that is done in pieces gives what the whole gives, whatever comes between the pieces."""

import itertools
import os
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector._speedups.base import PreparedBase
from connector._speedups.feed import Feed
from connector._speedups.segment import Segment
from connector.ipc.segments import COPIES, LEVEL, PIECE, BookHead, book_memfd, read_book
from connector.model.states import FeedKind, State
from connector.venues.contract import Depth, Snapshot
from tests.reference.market_daemon import instrument

TICK = instrument("X").tick_e


class Market:
    """A kernel with a live book."""

    def __init__(self, bids: dict[int, int], asks: dict[int, int]) -> None:
        self.segment = Segment.create(1 << 20, "test")
        index = self.segment.add_instrument(instrument("X"))
        self.kernel = Feed(self.segment, index, instrument("X"))
        self.kernel.set_state(FeedKind.BOOK, State.SYNCING)
        self.kernel.stage(Snapshot(1, 0, flat(bids, True), flat(asks, False)))
        self.kernel.adopt(1)
        self.kernel.set_state(FeedKind.BOOK, State.LIVE)

    def head(self) -> BookHead | None:
        if self.kernel.state(FeedKind.BOOK) != State.LIVE:
            return None
        kernel = self.kernel
        return BookHead(State.LIVE, kernel.last_id, 7, *kernel.counts, kernel.changes)

    def levels(self, bid: bool, behind: bytes, out: bytearray) -> int:
        return self.kernel.levels(bid, behind, out)

    def change(self, price_e: int, qty_e: int) -> None:
        follows = self.kernel.last_id
        message = Depth("X", follows + 1, follows + 1, follows, 0, 0, [price_e, qty_e], [])
        self.kernel.apply(message, 0, 1)

    def copy(self, between: Callable[[int], None]) -> tuple[int, int, object] | None:
        """A copy of the whole book; ``between`` is told the number of each pause."""
        steps = book_memfd(0, lambda: self.segment.sequence, self)
        for pause in itertools.count():
            try:
                next(steps)
            except StopIteration as end:
                fd = int(end.value)
                break
            between(pause)
        if fd < 0:
            return None
        try:
            return read_book(fd)
        finally:
            os.close(fd)

    def expected(self) -> tuple[bytes, bytes]:
        buffer = bytearray(sum(self.kernel.counts) * LEVEL.size)
        bids, _, _ = self.kernel.dump(buffer)
        return bytes(buffer[: bids * LEVEL.size]), bytes(buffer[bids * LEVEL.size :])


def flat(side: dict[int, int], bid: bool) -> list[int]:
    return [number for price in sorted(side, reverse=bid) for number in (price, side[price])]


def deep(count: int = 2 * PIECE + 100) -> Market:
    middle = 1 << 20
    return Market(
        {(middle - 1 - i) * TICK: i + 1 for i in range(count)},
        {(middle + i) * TICK: i + 1 for i in range(count)},
    )


def check(market: Market, found: tuple[int, int, object] | None) -> None:
    assert found is not None
    _, sequence, image = found
    assert (image.bids, image.asks) == market.expected()  # type: ignore[attr-defined]
    assert image.update_id == market.kernel.last_id  # type: ignore[attr-defined]
    assert sequence == market.segment.sequence


def test_a_book_that_stands_still_is_copied_once() -> None:
    market, pauses = deep(), []
    check(market, market.copy(pauses.append))
    assert 4 <= len(pauses) <= 8


@pytest.mark.parametrize("rounds", [1, 5, 10**9])
def test_a_copy_is_one_moment_of_a_book_that_changes(rounds: int) -> None:
    market = deep()

    def between(pause: int) -> None:
        if pause < rounds:
            market.change((1000 + pause) * TICK, pause % 3)

    check(market, market.copy(between))


def test_a_book_that_never_rests_is_copied_in_the_end() -> None:
    market, pauses = deep(), []

    def between(pause: int) -> None:
        pauses.append(pause)
        market.change(((1 << 20) - 1) * TICK, pause + 1)

    check(market, market.copy(between))
    assert len(pauses) < 8 * (COPIES + 1)


def test_a_book_that_becomes_invalid_meanwhile_is_not_handed_out() -> None:
    market = deep()

    def between(pause: int) -> None:
        if pause == 1:
            market.kernel.set_state(FeedKind.BOOK, State.GAP)

    assert market.copy(between) is None


def test_a_new_base_meanwhile_begins_the_copy_again() -> None:
    market = deep()

    def between(pause: int) -> None:
        if pause == 1:
            kernel = market.kernel
            kernel.set_state(FeedKind.BOOK, State.GAP)
            kernel.set_state(FeedKind.BOOK, State.RESYNC)
            kernel.stage(Snapshot(1, 0, [5 * TICK, 1], [9 * TICK, 2]))
            kernel.adopt(1)
            kernel.set_state(FeedKind.BOOK, State.LIVE)

    check(market, market.copy(between))


PRICES = st.dictionaries(
    st.one_of(
        st.integers(1, 300).map(lambda n: n * TICK),
        st.integers(1, 300 * TICK),  # off the grid
        st.integers(1 << 22, 1 << 23).map(lambda n: n * TICK),  # outside the window
    ),
    st.integers(1, 10**9),
    max_size=60,
)


@given(PRICES, PRICES, st.integers(1, 7))
def test_levels_piece_by_piece_are_the_side(
    bids: dict[int, int], asks: dict[int, int], most: int
) -> None:
    market = Market(bids, asks)
    for bid, side in ((True, bids), (False, asks)):
        out, behind, found = bytearray(most * LEVEL.size), b"", []
        while size := market.kernel.levels(bid, behind, out):
            found += [LEVEL.unpack_from(out, at) for at in range(0, size, LEVEL.size)]
            behind = bytes(out[size - LEVEL.size : size])
        assert found == sorted(side.items(), reverse=bid)


@given(PRICES, PRICES, st.integers(1, 40), st.integers(0, 5))
def test_a_base_laid_out_in_pieces_is_the_snapshot(
    bids: dict[int, int], asks: dict[int, int], most: int, steps: int
) -> None:
    market = Market({TICK: 1}, {2 * TICK: 1})
    kernel = market.kernel
    snapshot = Snapshot(77, 5, flat(bids, True), flat(asks, False))
    base = PreparedBase(snapshot, kernel.tick_e)
    for _ in range(steps):
        base.more(most)
    for again in range(2):  # what was taken is laid out anew
        kernel.set_state(FeedKind.BOOK, State.GAP)
        kernel.set_state(FeedKind.BOOK, State.RESYNC)
        kernel.stage(base)
        kernel.adopt(1)
        kernel.set_state(FeedKind.BOOK, State.LIVE)
        assert kernel.bids() == sorted(bids.items(), reverse=True), again
        assert kernel.asks() == sorted(asks.items())
        assert kernel.last_id == 77
        while kernel.sweep(2):
            pass


def test_a_base_of_another_grid_is_laid_out_anew() -> None:
    market = Market({TICK: 1}, {2 * TICK: 1})
    base = PreparedBase(Snapshot(77, 5, [3 * TICK, 1], [4 * TICK, 1]), 7 * TICK)
    kernel = market.kernel
    kernel.set_state(FeedKind.BOOK, State.GAP)
    kernel.set_state(FeedKind.BOOK, State.RESYNC)
    kernel.stage(base)
    kernel.adopt(1)
    assert (kernel.bids(), kernel.asks()) == ([(3 * TICK, 1)], [(4 * TICK, 1)])


def test_a_negative_level_is_refused() -> None:
    base = PreparedBase(Snapshot(1, 0, [TICK, -1], []), TICK)
    with pytest.raises(ValueError, match="negative"):
        base.more()
