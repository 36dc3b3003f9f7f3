"""One instrument's messages: what is applied, what is told, and in which order."""

import itertools
import json
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector._speedups.codec_binance_usdm import BinanceUsdmCodec
from connector._speedups.feed import Feed
from connector._speedups.segment import Segment
from connector.clock import monotonic_ns, wall_ns
from connector.ipc.counters import Counters
from connector.market.book_sync import follow, went_back
from connector.model.counters import Counter, Hop
from connector.model.instrument import ABSENT
from connector.model.records import Flag, RecordType
from connector.model.states import MOVES, FeedKind, Reason, State
from connector.venues.contract import Depth, Snapshot
from tests.reference.book_model import BookModel
from tests.reference.feed_desk import MS, Desk, bbo, depth, make_desk, mark, trade


@pytest.fixture
def desk() -> Desk:
    return make_desk(Segment.create(1 << 18))


@pytest.fixture(scope="module")
def shared() -> Segment:
    """One segment for tests that take many instruments."""
    return Segment.create(1 << 18)


# States


@pytest.mark.parametrize("kind", list(FeedKind))
def test_only_the_moves_of_the_table_are_made(kind: FeedKind, shared: Segment) -> None:
    paths = {State.DOWN: [State.DOWN]}
    while len(paths) < len(State):
        for state, path in list(paths.items()):
            for follower in MOVES[state]:
                paths.setdefault(follower, [*path, follower])
    for path, follower in itertools.product(paths.values(), State):
        desk = make_desk(shared)
        for state in path[1:]:
            if state is State.LIVE and kind is FeedKind.BOOK:
                desk.feed.stage(Snapshot(1, 1, [], []))
                desk.feed.adopt()
            desk.feed.set_state(kind, state)
        desk.records()
        if follower in MOVES[path[-1]]:
            if kind is FeedKind.BOOK and not desk.feed.has_base and follower is State.LIVE:
                continue
            desk.feed.set_state(kind, follower, Reason.FAULT, 77)
            assert desk.feed.state(kind) == follower
            assert desk.states()[0] == (kind, path[-1], follower, Reason.FAULT)
        else:
            with pytest.raises(ValueError, match="no move"):
                desk.feed.set_state(kind, follower)
            assert desk.feed.state(kind) == path[-1]
            assert desk.records() == []


def test_a_book_without_a_base_is_never_valid(desk: Desk) -> None:
    desk.feed.set_state(FeedKind.BOOK, State.SYNCING)
    with pytest.raises(ValueError, match="no base"):
        desk.feed.set_state(FeedKind.BOOK, State.LIVE)
    with pytest.raises(ValueError, match="no base"):
        desk.feed.apply(depth(1, 2, [], []), 0, 1)
    with pytest.raises(ValueError, match="staged"):
        desk.feed.adopt()
    with pytest.raises(ValueError, match="staged"):
        desk.feed.stage_apply(depth(1, 2, [], []))
    assert desk.cell_state("levels") is State.SYNCING


def test_a_first_base_is_fresh_and_publishes_no_difference(desk: Desk) -> None:
    desk.live([990, 5, 980, 6], [1000, 7, 1015, 8])
    records = desk.records()
    assert [head["type"] for head, _, _ in records] == [
        RecordType.FEED_STATE,
        RecordType.FEED_STATE,
        RecordType.FEED_STATE,
        RecordType.FEED_STATE,
        RecordType.BBO,
    ]
    head, body, _ = records[1]
    assert (body["state"], body["reason"]) == (State.LIVE, Reason.FRESH)
    assert (body["bid_low_e"], body["ask_high_e"]) == desk.feed.bounds == (980, 1015)
    assert (body["bids"], body["asks"], head["update_id"]) == (2, 2, 100)
    cell = desk.cell("levels")
    assert (cell["bids"], cell["asks"], cell["update_id"]) == (2, 2, 100)
    assert (cell["bid_low_e"], cell["ask_high_e"]) == (980, 1015)
    assert list(cell["ask"]["price_e"][:2]) == [1000, 1015]
    assert desk.cell_state("levels") is State.LIVE


def test_a_gap_is_in_the_cell_before_its_record(desk: Desk) -> None:
    desk.live([990, 5], [1000, 7])
    desk.records()
    desk.feed.set_state(FeedKind.BOOK, State.GAP, Reason.GAP, 50)
    assert desk.cell_state("levels") is State.GAP
    assert desk.cell_state("bbo") is State.STALE  # it had no messages of its own
    assert desk.states() == [
        (FeedKind.BOOK, State.LIVE, State.GAP, Reason.GAP),
        (FeedKind.BBO, State.LIVE, State.STALE, Reason.GAP),
    ]
    assert desk.stats("gaps") == 1
    desk.feed.stage(Snapshot(200, 1, [], []))
    with pytest.raises(ValueError, match="takes no new base"):
        desk.feed.adopt()


def test_a_best_bid_ask_of_its_own_outlives_the_book(desk: Desk) -> None:
    desk.live([990, 5], [1000, 7])
    desk.feed.bbo(bbo(101, 990, 1000), 0, 60)
    desk.feed.set_state(FeedKind.BOOK, State.GAP, Reason.GAP, 61)
    assert desk.cell_state("bbo") is State.LIVE
    assert desk.feed.state(FeedKind.BBO) == State.LIVE


def test_a_resync_is_told_as_the_difference_and_then_live(desk: Desk) -> None:
    desk.live([990, 5, 980, 6], [1000, 7])
    desk.depth(100, 101, [970, 1], [])
    desk.feed.set_state(FeedKind.BOOK, State.GAP)
    desk.feed.set_state(FeedKind.BOOK, State.RESYNC)
    desk.records()
    desk.feed.stage(Snapshot(150, 9 * MS, [990, 5, 980, 1], [1000, 7, 1010, 2]))
    desk.feed.stage_apply(depth(149, 151, [985, 4], [1000, 0]))
    desk.feed.adopt(70)
    assert desk.cell_state("levels") is State.RESYNC
    desk.feed.set_state(FeedKind.BOOK, State.LIVE, Reason.HEALED, 70)
    (head, body, levels), (_, live, _), *rest = desk.records()
    assert head["flags"] == Flag.RESYNC
    assert (head["update_id"], body["prev_id"], body["bids"], body["asks"]) == (151, 101, 3, 2)
    assert levels == [(985, 4), (980, 1), (970, 0), (1000, 0), (1010, 2)]
    assert (live["state"], live["reason"]) == (State.LIVE, Reason.HEALED)
    assert [head["type"] for head, _, _ in rest] == [RecordType.FEED_STATE, RecordType.BBO]
    assert desk.feed.last_id == 151
    assert desk.stats("resyncs") == 1


FLAT = st.lists(st.tuples(st.integers(1, 90), st.integers(0, 3)), max_size=40).map(
    lambda rows: [n for row in rows for n in row]
)


@settings(max_examples=60, deadline=None)
@given(old=st.tuples(FLAT, FLAT), new=st.tuples(FLAT, FLAT))
def test_a_reader_that_adds_the_difference_has_the_new_book(
    shared: Segment, old: tuple[list[int], list[int]], new: tuple[list[int], list[int]]
) -> None:
    desk = make_desk(shared)
    desk.live(*old)
    model = BookModel()
    model.apply(*old)
    desk.feed.set_state(FeedKind.BOOK, State.GAP)
    desk.feed.set_state(FeedKind.BOOK, State.RESYNC)
    desk.feed.stage(Snapshot(200, 1, *new))
    desk.feed.adopt()
    for head, body, levels in desk.records():
        if head["type"] == RecordType.BOOK_DELTA:
            bids = [n for level in levels[: int(body["bids"])] for n in level]
            asks = [n for level in levels[int(body["bids"]) :] for n in level]
            model.apply(bids, asks)
    assert (model.bids(), model.asks()) == (desk.feed.bids(), desk.feed.asks())
    fresh = BookModel()
    fresh.apply(*new)
    assert (model.bids(), model.asks()) == (fresh.bids(), fresh.asks())


# Depth


def test_long_messages_are_split_and_lose_nothing(desk: Desk) -> None:
    most = ((1 << 18) // 8 - 96) // 16
    bids = [n for i in range(most + 5) for n in (10 * (i + 1), i + 1)]
    asks = [n for i in range(2 * most) for n in (10 * (most + 10 + i), i + 1)]
    desk.live([], [])
    desk.records()
    desk.depth(100, 101, bids, asks)
    parts = [row for row in desk.records() if row[0]["type"] == RecordType.BOOK_DELTA]
    assert [int(head["flags"]) for head, _, _ in parts] == [Flag.MORE] * 3 + [Flag.LAST]
    assert {int(head["update_id"]) for head, _, _ in parts} == {101}
    told: tuple[list[int], list[int]] = ([], [])
    for _, body, levels in parts:
        for index, level in enumerate(levels):
            told[int(index >= body["bids"])].extend(level)
    assert told == (bids, asks)
    assert desk.feed.counts == (most + 5, 2 * most)


def test_a_message_that_fits_exactly_is_one_record(desk: Desk) -> None:
    most = ((1 << 18) // 8 - 96) // 16
    desk.live([], [])
    desk.records()
    desk.depth(100, 101, [n for i in range(most) for n in (i, 1)], [])
    parts = [row for row in desk.records() if row[0]["type"] == RecordType.BOOK_DELTA]
    assert [int(head["flags"]) for head, _, _ in parts] == [0]


def test_a_message_with_a_negative_number_changes_nothing(desk: Desk) -> None:
    desk.live([990, 5], [1000, 7])
    desk.records()
    with pytest.raises(ValueError, match="negative"):
        desk.depth(100, 101, [980, 1], [1010, -1])
    assert desk.feed.last_id == 100
    assert desk.records() == []
    assert desk.feed.top() == ([(990, 5)], [(1000, 7)])


def test_the_top_of_the_cell_is_the_top_of_the_book(desk: Desk) -> None:
    desk.live([10 * i for n in range(40) for i in (n + 1, 1)], [])
    rng = np.random.default_rng(1)
    for last_id in range(101, 400):
        bids = [int(n) for _ in range(3) for n in (10 * rng.integers(1, 60), rng.integers(0, 3))]
        asks = [int(n) for _ in range(3) for n in (10 * rng.integers(61, 99), rng.integers(0, 3))]
        desk.depth(last_id - 1, last_id, bids, asks)
        cell = desk.cell("levels")
        assert cell["update_id"] == last_id
        for side, number, levels in zip(
            ("bid", "ask"), ("bids", "asks"), desk.feed.top(20), strict=True
        ):
            rows = cell[side][: int(cell[number])]
            assert [(int(r["price_e"]), int(r["qty_e"])) for r in rows] == levels
        touch = desk.cell("bbo")
        if cell["bids"] and cell["asks"]:
            assert touch["bid_price_e"] == cell["bid"][0]["price_e"]
            assert touch["ask_qty_e"] == cell["ask"][0]["qty_e"]
        else:
            assert touch["ask_qty_e"] == 0 or touch["bid_qty_e"] == 0


def test_a_live_book_that_crosses_is_counted(desk: Desk) -> None:
    desk.live([990, 5], [1000, 7])
    desk.depth(100, 101, [1000, 1], [])
    assert (desk.stats("crossed"), desk.count(Counter.CROSSED)) == (1, 1)
    desk.depth(101, 102, [], [1000, 0])
    assert desk.count(Counter.CROSSED) == 1


def test_the_full_book_is_dumped_best_first(desk: Desk) -> None:
    assert desk.feed.dump(bytearray(0)) == (0, 0, 0)
    desk.live([990, 5, 980, 6], [1000, 7])
    with pytest.raises(ValueError, match="48 bytes"):
        desk.feed.dump(bytearray(47))
    buffer = bytearray(48)
    assert desk.feed.dump(buffer) == (2, 1, 100)
    assert np.frombuffer(buffer, np.int64).tolist() == [990, 5, 980, 6, 1000, 7]


def test_another_grid_keeps_the_levels(desk: Desk) -> None:
    desk.live([990, 5, 985, 6], [1000, 7])
    desk.feed.set_tick(5)
    desk.feed.recentre()
    assert desk.feed.top() == ([(990, 5), (985, 6)], [(1000, 7)])
    assert not desk.feed.edge_near
    assert desk.count(Counter.BOOKS_REBUILT) == 2


# The compiled path: frames through the codec into feed_depth

HANDLED, LEFT = 0, 1


def frame(prev_id: int, last_id: int, event_ms: int, bid: str = '["9.80","0.001"]') -> bytes:
    return (
        f'{{"e":"depthUpdate","E":{event_ms},"T":{event_ms},"s":"X","U":{prev_id + 1},'
        f'"u":{last_id},"pu":{prev_id},"b":[{bid}],"a":[]}}'
    ).encode()


def wired(desk: Desk) -> BinanceUsdmCodec:
    codec = BinanceUsdmCodec(desk.segment)
    codec.add("X", desk.feed)
    return codec


@pytest.mark.parametrize(
    ("prev_id", "last_id", "step"),
    [
        (100, 101, "applied"),
        (100, 500, "applied"),
        (99, 101, "applied"),  # it overlaps: final quantities, still right
        (1, 101, "applied"),
        (99, 100, "old"),
        (98, 99, "old"),
        (100, 100, "old"),
        (101, 102, "left"),
        (200, 300, "left"),
    ],
)
def test_the_compiled_check_is_the_rule(desk: Desk, prev_id: int, last_id: int, step: str) -> None:
    """``pu <= c < u`` applies, ``u <= c`` is old, anything else is left to book_sync."""
    codec = wired(desk)
    desk.live([990, 5], [1000, 7])
    desk.records()
    verdict = codec.decode(frame(prev_id, last_id, 9), 55, 0)
    told = [head["type"] for head, _, _ in desk.records()]
    assert verdict == (LEFT if step == "left" else HANDLED)
    assert told == ([RecordType.BOOK_DELTA] if step == "applied" else [])
    assert desk.feed.last_id == (last_id if step == "applied" else 100)
    assert desk.feed.bids() == ([(990, 5), (980, 1)] if step == "applied" else [(990, 5)])
    assert desk.count(Counter.DUPLICATES) == (step == "old")
    assert desk.stats("duplicates") == (step == "old")
    assert desk.feed.line_last_id(0) == (0 if step == "left" else last_id)
    assert follow(100, prev_id, last_id).value == {"left": "ahead", "applied": "apply"}.get(
        step, step
    )


@pytest.mark.parametrize("state", [s for s in State if s is not State.LIVE])
def test_frames_of_a_book_that_is_not_live_are_left(desk: Desk, state: State) -> None:
    codec = wired(desk)
    desk.live([990, 5], [1000, 7])
    if state is not State.GAP and state not in MOVES[State.LIVE]:
        desk.feed.set_state(FeedKind.BOOK, State.DOWN if state is State.SYNCING else State.GAP)
    desk.feed.set_state(FeedKind.BOOK, state)
    desk.records()
    assert codec.decode(frame(100, 101, 9), 1, 0) == LEFT
    assert desk.records() == []
    assert desk.feed.last_id == 100


@pytest.mark.parametrize(
    ("last_id", "event_ms", "verdict"),
    [(150, 21, LEFT), (150, 20, HANDLED), (150, 19, HANDLED), (200, 21, HANDLED)],
)
def test_ids_that_go_back_with_a_later_time_are_a_reset(
    desk: Desk, last_id: int, event_ms: int, verdict: int
) -> None:
    codec = wired(desk)
    desk.live([990, 5], [1000, 7])
    assert codec.decode(frame(100, 200, 20), 1, 0) == HANDLED
    assert codec.decode(frame(last_id - 1, last_id, event_ms), 1, 0) == verdict
    assert went_back(200, 20, last_id, event_ms) == (verdict == LEFT)
    # another line is only behind, whatever its times
    assert codec.decode(frame(149, 150, 30), 1, 1) == HANDLED
    assert desk.count(Counter.VENUE_RESETS) == 0


def test_both_paths_write_the_same(desk: Desk) -> None:
    other = make_desk(Segment.create(1 << 18))
    codec = wired(desk)
    for one in (desk, other):
        one.live([990, 5], [1000, 7])
        one.records()
    for last_id, bid in ((101, '["9.95","0.004"]'), (102, '["9.95","0"]'), (103, '["1.23","4"]')):
        payload = frame(last_id - 1, last_id, last_id, bid)
        assert codec.decode(payload, 7, 0) == HANDLED
        price, qty = json.loads(f"[{bid}]")[0]
        ns = last_id * MS
        bids = [round(float(price) * 100), round(float(qty) * 1000)]
        other.feed.apply(Depth("X", last_id, last_id, last_id - 1, ns, ns, bids, []), 0, 7)
        told = [
            [
                (
                    [head[name] for name in ("type", "flags", "update_id", "venue_ns", "recv_ns")],
                    body,
                    levels,
                )
                for head, body, levels in one.records()
            ]
            for one in (desk, other)
        ]
        assert told[0] == told[1]
        for name in ("bbo", "levels"):
            assert desk.cell(name).tobytes() == other.cell(name).tobytes()


# Best bid and ask


def test_the_newest_update_id_wins_whoever_brings_it(desk: Desk) -> None:
    desk.live([990, 5], [1000, 7])
    desk.records()
    assert desk.feed.bbo(bbo(105, 995, 1000), 0, 60) == 0
    assert desk.kinds() == [RecordType.BBO]
    desk.depth(100, 103, [991, 1], [])  # the depth behind it: the book moves, the touch does not
    assert desk.kinds() == [RecordType.BOOK_DELTA]
    assert desk.cell("bbo")["bid_price_e"] == 995
    desk.depth(103, 107, [991, 0], [])
    (_, (head, body, _)) = desk.records()
    assert (head["update_id"], body["bid_price_e"], body["source"]) == (107, 990, FeedKind.BOOK)
    assert desk.feed.bbo(bbo(106, 995, 1000), 0, 61) == 1  # overtaken
    assert desk.feed.bbo(bbo(107, 990, 1000), 0, 61) == 1
    assert desk.kinds() == []
    assert desk.count(Counter.BBO_OLD) == 2
    assert desk.feed.bbo(bbo(108, 992, 1000), 0, 62) == 0
    ((head, body, _),) = desk.records()
    assert (head["update_id"], body["source"], body["state"]) == (108, FeedKind.BBO, State.LIVE)
    assert desk.cell("bbo")["update_id"] == 108


def test_depth_that_leaves_the_touch_tells_no_bbo(desk: Desk) -> None:
    desk.live([990, 5], [1000, 7])
    desk.records()
    desk.depth(100, 101, [980, 1], [])
    assert desk.kinds() == [RecordType.BOOK_DELTA]


def test_an_empty_side_has_no_price(desk: Desk) -> None:
    desk.live([990, 5], [1000, 7])
    desk.depth(100, 101, [990, 0], [])
    cell = desk.cell("bbo")
    assert (cell["bid_price_e"], cell["bid_qty_e"]) == (ABSENT, 0)
    assert (cell["ask_price_e"], cell["ask_qty_e"]) == (1000, 7)


def test_best_bid_ask_follows_a_venue_that_starts_its_ids_anew(desk: Desk) -> None:
    desk.feed.bbo(bbo(1000, 990, 1000, 10 * MS), 0, 1)
    assert desk.feed.bbo(bbo(999, 991, 1000, 10 * MS), 0, 2) == 1  # swapped, not later
    assert desk.feed.bbo(bbo(5, 992, 1000, 11 * MS), 0, 3) == 0
    assert desk.cell("bbo")["bid_price_e"] == 992
    assert desk.count(Counter.VENUE_RESETS) == 1


def test_each_line_is_heard_for_itself(desk: Desk) -> None:
    feed = desk.feed
    feed.trade(trade(1), 0, 9)
    feed.trade(trade(1), 3, 12)  # old news is a sign of life, too
    feed.mark_price(mark(5), 2, 20)
    kinds = (FeedKind.TRADE, FeedKind.MARK_PRICE, FeedKind.BBO)
    assert [feed.last_recv_ns(kind) for kind in kinds] == [12, 20, 0]
    assert [feed.line_recv_ns(FeedKind.TRADE, line) for line in range(4)] == [9, 0, 0, 12]
    feed.line_heard(FeedKind.TRADE, 3, 0)
    assert feed.last_recv_ns(FeedKind.TRADE) == 9
    for wrong in (-1, 16):
        with pytest.raises(ValueError, match="line"):
            feed.line_recv_ns(FeedKind.TRADE, wrong)


@pytest.mark.parametrize(
    ("kind", "send"),
    [
        (FeedKind.BBO, lambda feed: feed.bbo(bbo(1, 2, 3), 0, 9)),
        (FeedKind.TRADE, lambda feed: feed.trade(trade(1), 0, 9)),
        (FeedKind.MARK_PRICE, lambda feed: feed.mark_price(mark(1), 0, 9)),
    ],
)
def test_data_makes_its_feed_live(desk: Desk, kind: FeedKind, send: Any) -> None:
    assert send(desk.feed) == 0
    assert desk.feed.state(kind) == State.LIVE
    assert desk.feed.last_recv_ns(kind) == 9
    first, second, data = desk.records()
    assert (first[1]["previous"], first[1]["state"]) == (State.DOWN, State.SYNCING)
    assert (second[1]["state"], second[1]["reason"]) == (State.LIVE, Reason.DATA)
    assert data[0]["type"] in (RecordType.BBO, RecordType.TRADE, RecordType.MARK_PRICE)
    assert data[0]["recv_ns"] == 9
    desk.feed.set_state(kind, State.DOWN, Reason.DISCONNECTED, 10)
    assert desk.cell_state("bbo" if kind is FeedKind.BBO else "trade") is State.DOWN
    assert send(desk.feed) == (1 if kind is FeedKind.MARK_PRICE else 0)


# Trades and mark prices


@pytest.mark.parametrize(
    ("kind", "send"),
    [
        (FeedKind.BBO, lambda feed: feed.bbo(bbo(1, 2, 3), 0, 9)),
        (FeedKind.TRADE, lambda feed: feed.trade(trade(1), 0, 9)),
        (FeedKind.MARK_PRICE, lambda feed: feed.mark_price(mark(1), 0, 9)),
    ],
)
def test_what_nobody_wants_is_dropped_until_somebody_does(
    desk: Desk, kind: FeedKind, send: Any
) -> None:
    desk.feed.mute(kind, True)
    assert send(desk.feed) == 1
    assert desk.feed.state(kind) == State.DOWN
    assert desk.records() == []
    desk.feed.mute(kind, False)
    assert send(desk.feed) == 0
    assert desk.feed.state(kind) == State.LIVE


def test_each_trade_is_told_once_over_all_lines(desk: Desk) -> None:
    arrivals = [(0, 1), (0, 2), (1, 1), (0, 4), (1, 2), (1, 3), (1, 4), (0, 5), (0, 3), (1, 5)]
    told = [
        trade_id for line, trade_id in arrivals if desk.feed.trade(trade(trade_id), line, 9) == 0
    ]
    assert told == [1, 2, 4, 3, 5]
    assert desk.count(Counter.TRADES_OLD) == 5
    assert desk.cell("trade")["trade_id"] == 5
    published = [int(h["update_id"]) for h, _, _ in desk.records() if h["type"] == RecordType.TRADE]
    assert published == told


@settings(max_examples=80, deadline=None)
@given(arrivals=st.lists(st.tuples(st.integers(0, 1), st.integers(1, 60)), max_size=80))
def test_trades_within_the_window_are_told_exactly_once(
    shared: Segment, arrivals: list[tuple[int, int]]
) -> None:
    desk = make_desk(shared)
    told = [n for line, n in arrivals if desk.feed.trade(trade(n, venue_ns=5), line, 9) == 0]
    assert sorted(told) == sorted({n for _, n in arrivals})


def test_trades_and_aggregates_have_ids_of_their_own(desk: Desk) -> None:
    assert desk.feed.trade(trade(500), 0, 1) == 0
    assert desk.feed.trade(trade(7, aggregate=True), 0, 2) == 0
    assert desk.feed.trade(trade(7, aggregate=True), 0, 3) == 1


def test_what_is_no_market_price_is_told_but_is_no_last_trade(desk: Desk) -> None:
    desk.feed.trade(trade(1), 0, 1)
    desk.feed.trade(trade(2, origin=2), 0, 2)
    assert desk.kinds()[-1] is RecordType.TRADE
    assert desk.cell("trade")["trade_id"] == 1


def test_trades_follow_a_venue_that_starts_its_ids_anew(desk: Desk) -> None:
    desk.feed.trade(trade(10_000, 10 * MS), 0, 1)
    assert desk.feed.trade(trade(3, 10 * MS), 0, 2) == 1
    assert desk.feed.trade(trade(3, 11 * MS), 0, 3) == 0
    assert desk.count(Counter.VENUE_RESETS) == 1


def test_the_newest_mark_price_wins(desk: Desk) -> None:
    verdicts = [
        desk.feed.mark_price(mark(ns), line, 5) for line, ns in ((0, 3), (1, 3), (1, 2), (0, 4))
    ]
    assert verdicts == [0, 1, 1, 0]
    cell = desk.cell("trade")
    assert (cell["mark_venue_ns"], cell["mark_e"], cell["rate_e"]) == (4, 70, -3)
    assert cell["settle_e"] == ABSENT
    assert desk.count(Counter.MARK_PRICES_OLD) == 2


# Edges


def test_lines_and_kinds_are_checked(desk: Desk) -> None:
    for line in (-1, 16):
        with pytest.raises(ValueError, match="line"):
            desk.feed.trade(trade(1), line, 0)
        with pytest.raises(ValueError, match="line"):
            desk.feed.line_seen(line, 1, 1)
    for kind in (0, max(FeedKind) + 1):
        with pytest.raises(ValueError, match="kind"):
            desk.feed.state(kind)
    with pytest.raises(IndexError):
        Feed(desk.segment, 1, desk.feed.instrument)


def test_a_line_remembers_what_it_delivered(desk: Desk) -> None:
    desk.feed.line_seen(3, 17, 18)
    assert (desk.feed.line_last_id(3), desk.feed.line_venue_ns(3)) == (17, 18)
    assert desk.feed.line_last_id(2) == 0


def test_every_record_has_its_latency_and_count(desk: Desk) -> None:
    before = desk.count(Counter.RECORDS)
    desk.live([990, 5], [1000, 7])
    desk.depth(100, 101, [980, 1], [])
    assert desk.count(Counter.RECORDS) - before == len(desk.records())
    assert desk.stats("deltas") == 1


def test_every_message_has_its_age_by_the_two_clocks(desk: Desk) -> None:
    """Each message once, whatever is published of it; without a stamp of the venue, none."""
    counters = Counters(desk.segment.memory)
    now_ns, wall = monotonic_ns(), wall_ns()
    desk.live([990, 5], [1000, 7])
    desk.feed.bbo(bbo(200, 990, 1000, wall - 20 * MS), 0, now_ns)
    desk.feed.bbo(bbo(200, 990, 1000, wall - 20 * MS), 1, now_ns)  # the same by another line
    desk.feed.trade(trade(7, wall - 20 * MS), 0, now_ns)
    desk.feed.mark_price(mark(wall - 20 * MS), 0, now_ns)
    found = counters.latency(Hop.VENUE_TO_RECV)
    assert found.count == 4
    assert 19 * MS < found.p50 < 21 * MS
    assert desk.count(Counter.VENUE_AHEAD) == 0
    stamped = msgspec.structs.replace(depth(100, 101, [980, 1], []), venue_ns=wall + 5000 * MS)
    desk.feed.apply(stamped, 0, now_ns)
    assert desk.count(Counter.VENUE_AHEAD) == 1
    assert counters.buckets(Hop.VENUE_TO_RECV)[0] == 1
    stamped = msgspec.structs.replace(depth(101, 102, [980, 2], []), venue_ns=0)
    desk.feed.apply(stamped, 0, now_ns)
    assert counters.latency(Hop.VENUE_TO_RECV).count == 5


def test_the_clocks_are_compared_again_when_told(desk: Desk) -> None:
    first = desk.segment.wall_offset_ns
    desk.segment.align_clocks()
    for offset in (first, desk.segment.wall_offset_ns):
        assert abs(monotonic_ns() + offset - wall_ns()) < 50 * MS
