"""A book that comes on the stream: what each message does to it, on the real kernel."""

import itertools
from collections import Counter as Tally

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector._speedups.feed import Feed
from connector._speedups.ring import RingReader
from connector._speedups.segment import Segment
from connector.market.streamed import BEHIND_NS, StreamedFeed
from connector.model.counters import Counter
from connector.model.instrument import ABSENT, Instrument
from connector.model.records import Flag, RecordType
from connector.model.states import FeedKind, Reason, State
from connector.venues.contract import (
    Book,
    Channel,
    Depth,
    History,
    MarkPrice,
    Snapshot,
    Subscription,
    Traded,
)
from tests.reference.feed_desk import Desk

S = 1_000_000_000
SYMBOL = "BTCUSD"
INSTRUMENT = Instrument(
    symbol=SYMBOL,
    exchange="Phemex",
    price_exponent=4,
    qty_exponent=0,
    price_digits=1,
    qty_digits=0,
    tick_e=1,
    step_e=1,
)
BIDS, ASKS = [100, 5, 99, 6], [101, 7, 102, 8]
MOVES = [State.SYNCING, State.LIVE]


class Rig(Desk):
    def __init__(self, *channels: Channel, apart: bool = False) -> None:
        """``apart``: each channel has a stream of its own."""
        segment = Segment.create(1 << 20)
        kernel = Feed(segment, segment.add_instrument(INSTRUMENT), INSTRUMENT)
        super().__init__(segment, kernel, RingReader(segment.memory))
        self.counts: Tally[Counter] = Tally()
        rows = [
            Subscription(SYMBOL, channel, channel.value if apart else "", 90 * S)
            for channel in channels or Channel
        ]
        self.streams = StreamedFeed(kernel, rows, self._count)
        self.now = 1000 * S

    def _count(self, counter: Counter) -> None:
        self.counts[counter] += 1

    @property
    def state(self) -> State:
        return State(self.feed.state(FeedKind.BOOK))

    def up(self) -> "Rig":
        self.streams.on_line_up(0, 1, self.now)
        return self

    def book(
        self,
        last_id: int,
        bids: list[int] = BIDS,
        asks: list[int] = ASKS,
        venue_ns: int | None = None,
        line: int = 0,
    ) -> "Rig":
        self.now += S
        stamp_ns = last_id if venue_ns is None else venue_ns
        event = Book(SYMBOL, last_id, stamp_ns, 30, bids, asks)
        self.streams.on_event(event, line, self.now)
        return self

    def change(
        self, last_id: int, bids: list[int], asks: list[int], venue_ns: int | None = None
    ) -> "Rig":
        self.now += 1
        stamp_ns = last_id if venue_ns is None else venue_ns
        event = Depth(SYMBOL, last_id, last_id, 0, stamp_ns, stamp_ns, bids, asks)
        self.streams.on_event(event, 0, self.now)
        return self

    def levels(self) -> tuple[list[int], list[int]]:
        return flat(self.feed.bids()), flat(self.feed.asks())


def flat(levels: list[tuple[int, int]]) -> list[int]:
    return list(itertools.chain.from_iterable(levels))


def told(rig: Rig) -> list[tuple[int, int, list[tuple[int, int]]]]:
    """Id, flags and levels of the depth records published since."""
    return [
        (int(head["update_id"]), int(head["flags"]), levels)
        for head, _, levels in rig.records()
        if head["type"] == RecordType.BOOK_DELTA
    ]


def test_the_book_begins_with_the_first_whole_one_and_changes_before_it_are_dropped() -> None:
    rig = Rig().up()
    rig.change(9, [1, 1], [])
    assert rig.state is State.SYNCING
    rig.book(10)
    assert rig.state is State.LIVE
    assert rig.levels() == (BIDS, ASKS)
    rig.change(17, [100, 0], [])
    assert rig.levels() == ([99, 6], ASKS)
    assert rig.feed.last_id == 17
    assert rig.streams.snapshot_due_ns is None


def test_an_equal_book_of_the_same_id_changes_and_tells_nothing() -> None:
    rig = Rig().up().book(10).change(12, [98, 3], [])
    rig.records()
    rig.book(12, [100, 5, 99, 6, 98, 3])
    assert rig.records() == []
    assert not rig.counts[Counter.BOOKS_DIFFERED]
    assert rig.streams.base_ns == rig.now


@pytest.mark.parametrize(
    ("bids", "asks"),
    [([100, 5, 99, 7], ASKS), ([100, 5], ASKS), (BIDS, [101, 7, 102, 8, 103, 1]), ([], [])],
)
def test_another_book_of_the_same_id_is_an_error_found_and_mended(
    bids: list[int], asks: list[int]
) -> None:
    rig = Rig().up().book(10)
    rig.records()
    rig.book(10, bids, asks)
    assert rig.counts[Counter.BOOKS_DIFFERED] == rig.counts[Counter.GAPS] == 1
    assert rig.levels() == (bids, asks)
    moves = [state for kind, _, state, _ in rig.states() if kind is FeedKind.BOOK]
    assert moves == [State.GAP, State.RESYNC, State.LIVE]


def test_the_mended_difference_is_published_flagged() -> None:
    rig = Rig().up().book(10)
    rig.records()
    rig.book(10, [100, 5, 98, 1], [101, 7])
    assert told(rig) == [(10, Flag.RESYNC, [(99, 0), (98, 1), (102, 0)])]


def test_a_later_book_is_one_more_change() -> None:
    rig = Rig().up().book(10)
    rig.records()
    rig.book(15, [100, 5, 98, 1], [101, 9, 102, 8])
    (found,) = told(rig)
    assert found[0] == 15
    assert not found[1]
    assert sorted(found[2]) == [(98, 1), (99, 0), (101, 9)]
    assert rig.state is State.LIVE
    assert not rig.counts[Counter.GAPS]


@pytest.mark.parametrize("last_id", [10, 7])
def test_a_change_that_is_not_newer_is_dropped(last_id: int) -> None:
    rig = Rig().up().book(10, venue_ns=100)
    rig.change(last_id, [100, 0], [], venue_ns=90)
    assert rig.levels() == (BIDS, ASKS)
    assert rig.state is State.LIVE
    assert rig.counts[Counter.DUPLICATES] == 1


def test_ids_that_fall_while_time_goes_on_are_a_reset() -> None:
    rig = Rig().up().book(1000, venue_ns=100)
    rig.change(1001, [99, 1], [], venue_ns=101)
    rig.change(5, [98, 1], [], venue_ns=5 * S)
    assert rig.state is State.RESYNC
    rig.change(6, [98, 1], [], venue_ns=5 * S)
    rig.book(7, [50, 1], [60, 1], venue_ns=5 * S)
    assert rig.state is State.LIVE
    assert rig.levels() == ([50, 1], [60, 1])
    assert rig.counts[Counter.VENUE_RESETS] == 1
    assert rig.change(8, [50, 0], [], venue_ns=5 * S).levels() == ([], [60, 1])


def test_a_whole_book_with_a_lower_id_is_a_reset_if_it_is_later_and_old_if_not() -> None:
    rig = Rig().up().book(10, venue_ns=100)
    rig.book(9, [1, 1], [2, 2], venue_ns=90)
    assert rig.levels() == (BIDS, ASKS)
    assert rig.counts[Counter.SNAPSHOTS_OLD] == 1
    rig.book(9, [1, 1], [2, 2], venue_ns=110)
    assert rig.levels() == ([1, 1], [2, 2])
    assert rig.state is State.LIVE
    assert rig.counts[Counter.VENUE_RESETS] == 1


def test_a_crossed_book_is_given_up_until_the_next_whole_one() -> None:
    rig = Rig().up().book(10).change(11, [101, 1], [])
    rig.streams.on_timer(rig.now)
    assert rig.state is State.RESYNC
    assert rig.streams.base_ns == 0
    assert rig.change(12, [99, 1], []).state is State.RESYNC
    assert rig.book(12).state is State.LIVE
    assert rig.levels() == (BIDS, ASKS)


@pytest.mark.parametrize("apart", [False, True])
def test_best_prices_that_come_with_the_book_are_as_silent_as_it_is(apart: bool) -> None:
    """Where they have a stream of their own, that one's silence is told though the book speaks."""
    rig = Rig(Channel.DEPTH, Channel.BBO, apart=apart).up().book(10)
    rig.now += 91 * S
    rig.book(11)
    assert rig.streams.on_timer(rig.now) == ([FeedKind.BBO] if apart else [])
    assert rig.counts[Counter.SILENT] == apart
    rig.now += 91 * S
    assert set(rig.streams.on_timer(rig.now)) | {FeedKind.BBO} == {FeedKind.BBO, FeedKind.BOOK}
    assert State(rig.feed.state(FeedKind.BBO)) is State.STALE
    assert rig.counts[Counter.SILENT] == 2


def test_silence_is_told_and_ends_with_the_next_message() -> None:
    rig = Rig().up().book(10)
    assert FeedKind.BOOK in rig.streams.on_timer(rig.now + 91 * S)
    assert rig.state is State.STALE
    rig.now += 91 * S
    assert rig.change(11, [99, 1], []).state is State.LIVE
    rig.streams.on_timer(rig.now + 91 * S)
    rig.now += 91 * S
    assert rig.book(11, [100, 5, 99, 1]).state is State.LIVE


def test_another_connection_begins_with_a_whole_book_of_its_own() -> None:
    rig = Rig().up().book(10)
    rig.streams.on_line_down(0, rig.now)
    assert rig.state is State.DOWN
    rig.streams.on_line_up(1, 2, rig.now)
    rig.records()
    rig.now += 1
    rig.streams.on_event(Depth(SYMBOL, 11, 11, 0, 11, 11, [99, 9], []), 1, rig.now)
    assert rig.state is State.SYNCING
    rig.book(12, [100, 5], line=1)
    assert rig.state is State.LIVE
    assert told(rig) == [(12, Flag.RESYNC, [(99, 0)])]
    assert rig.book(13, line=0).feed.last_id == 12  # a line that is gone says nothing


def test_the_best_bid_and_ask_alone_come_from_the_book() -> None:
    rig = Rig(Channel.BBO).up().book(10)
    assert State(rig.feed.state(FeedKind.BBO)) is State.LIVE
    assert int(rig.cell("bbo")["bid_price_e"]) == 100


def test_history_makes_the_trades_live_and_is_published_to_nobody() -> None:
    rig = Rig().up()
    rig.records()
    rig.streams.on_event(History(SYMBOL), 0, rig.now)
    assert [(kind, state) for kind, _, state, _ in rig.states()] == [(FeedKind.TRADE, State.LIVE)]


def test_mark_prices_need_no_book() -> None:
    rig = Rig(Channel.MARK_PRICE).up()
    rig.streams.on_event(MarkPrice(SYMBOL, 1, 5, 6, ABSENT, ABSENT, 7, 0), 0, rig.now)
    assert int(rig.cell("trade")["mark_e"]) == 5
    assert rig.book(10).feed.has_base is False  # nobody asked for it


def test_what_was_asked_for_has_no_place_in_a_streamed_book() -> None:
    rig = Rig().up().book(10)
    rig.streams.on_snapshot(Snapshot(11, 11, [1, 1], []), 1, rig.now)
    assert rig.levels() == (BIDS, ASKS)
    assert rig.counts[Counter.SNAPSHOTS_LATE] == 1


def test_a_closed_feed_stays_down() -> None:
    rig = Rig().up().book(10)
    rig.streams.close(Reason.UNAVAILABLE, rig.now)
    rig.up().book(11)
    assert rig.state is State.DOWN


def traded(rig: Rig, book_id: int, bid_most: int = ABSENT, ask_least: int = ABSENT) -> Rig:
    rig.streams.on_event(Traded(SYMBOL, book_id, bid_most, ask_least), 0, rig.now)
    return rig


@pytest.mark.parametrize(
    ("book_id", "bid_most", "ask_least", "wrong"),
    [
        (10, ABSENT, 101, False),  # bought at the best ask: what is left of it
        (10, ABSENT, 102, True),  # bought above it: it cannot be there any more
        (10, 100, ABSENT, False),
        (10, 99, ABSENT, True),
        (10, ABSENT, ABSENT, False),  # both sides
        (9, ABSENT, 102, False),  # of a book before ours
        (11, 1, 200, False),  # of one after it
    ],
)
def test_trades_prove_a_book_of_their_id_wrong(
    book_id: int, bid_most: int, ask_least: int, wrong: bool
) -> None:
    rig = Rig().up().book(10)
    rig.records()
    traded(rig, book_id, bid_most, ask_least)
    assert rig.counts[Counter.BOOKS_DOUBTED] == rig.counts[Counter.GAPS] == wrong
    moves = [state for kind, _, state, _ in rig.states() if kind is FeedKind.BOOK]
    assert moves == ([State.GAP, State.RESYNC] if wrong else [])
    rig.book(12)
    assert rig.state is State.LIVE
    assert rig.levels() == (BIDS, ASKS)


def test_trades_say_nothing_of_an_empty_side_or_of_a_book_that_is_not_there() -> None:
    rig = traded(Rig().up(), 10, 1, 200).book(10, [], [])
    assert not rig.streams.on_timer(rig.now + 2 * BEHIND_NS)
    traded(rig, 10, ABSENT, 200)
    assert rig.state is State.LIVE
    assert not rig.counts[Counter.BOOKS_DOUBTED] + rig.counts[Counter.BOOKS_BEHIND]


def late(rig: Rig, book_id: int, wait_ns: int) -> State:
    traded(rig, book_id)
    rig.now += wait_ns
    rig.streams.on_timer(rig.now)
    return rig.state


def test_a_book_that_does_not_hear_of_a_trade_is_behind_until_it_does() -> None:
    rig = Rig().up().book(10)
    assert late(rig, 10, 2 * BEHIND_NS) is State.LIVE
    assert late(rig, 12, BEHIND_NS) is State.LIVE, "it has a second"
    rig.change(11, [98, 1], [])
    assert late(rig, 13, 1) is State.BEHIND, "counted from the first"
    rig.records()
    rig.change(12, [98, 2], [])
    assert rig.state is State.BEHIND
    rig.change(13, [98, 3], [])
    assert rig.state is State.LIVE
    assert rig.counts[Counter.BOOKS_BEHIND] == 1
    assert late(rig, 13, 2 * BEHIND_NS) is State.LIVE


def test_a_whole_book_ends_the_wait_whatever_its_id() -> None:
    """The venue has no later one; a trade that changed nothing on balance is not told."""
    rig = Rig().up().book(10)
    assert late(rig, 12, 2 * BEHIND_NS) is State.BEHIND
    rig.book(10)
    assert rig.state is State.LIVE
    rig.streams.on_timer(rig.now + 2 * BEHIND_NS)
    assert rig.state is State.LIVE


def test_a_book_that_is_behind_can_be_found_wrong_and_silent() -> None:
    rig = Rig().up().book(10)
    assert late(rig, 12, 2 * BEHIND_NS) is State.BEHIND
    rig.book(10, [100, 6], ASKS)
    assert rig.counts[Counter.BOOKS_DIFFERED] == 1
    assert rig.levels() == ([100, 6], ASKS)
    assert late(rig, 12, 2 * BEHIND_NS) is State.BEHIND
    assert late(rig, 12, 90 * S) is State.STALE
    assert rig.change(11, [98, 1], []).state is State.LIVE


def test_a_reset_forgets_what_trades_named() -> None:
    rig = Rig().up().book(1000, venue_ns=S)
    traded(rig, 2000)
    rig.book(5, venue_ns=9 * S)
    assert rig.counts[Counter.VENUE_RESETS] == 1
    rig.streams.on_timer(rig.now + 2 * BEHIND_NS)
    assert rig.state is State.LIVE


LEVEL = st.tuples(st.integers(90, 110), st.integers(0, 3))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.lists(LEVEL, max_size=3), st.booleans()), max_size=25))
def test_audits_find_nothing_as_long_as_nothing_is_lost(
    story: list[tuple[list[tuple[int, int]], bool]],
) -> None:
    rig = Rig().up().book(1, [], [])
    sides: tuple[dict[int, int], dict[int, int]] = ({}, {})
    for last_id, (levels, whole) in enumerate(story, 2):
        bids = [row for row in levels if row[0] < 100]
        asks = [row for row in levels if row[0] > 100]
        for side, rows in zip(sides, (bids, asks), strict=True):
            side.update(rows)
            for price in [price for price, qty in side.items() if not qty]:
                del side[price]
        rig.change(last_id, flat(bids), flat(asks))
        now = (flat(sorted(sides[0].items(), reverse=True)), flat(sorted(sides[1].items())))
        if whole:
            rig.book(last_id, *now)
        assert rig.levels() == now
    assert not rig.counts[Counter.BOOKS_DIFFERED]
    assert rig.state is State.LIVE
