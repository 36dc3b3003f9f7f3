"""The synthetic flow: lawful books, whole chains of ids, and the statistics of the recordings."""

import itertools
from bisect import bisect_left
from statistics import mean, median, quantiles

import pytest

from connector.sim.exchange import ASK, BID, Cut, Exchange, Listing, SymbolState
from connector.sim.flow import Flow, Kind

LISTING = Listing(
    symbol="BTCUSDT", price_digits=2, tick=10, qty_digits=3, step=1, start_tick=281_451
)


def market(seed: int = 1, levels: int = 2500, **options: object) -> tuple[SymbolState, Flow]:
    state = SymbolState(LISTING, Exchange([LISTING]))
    flow = Flow(state, seed=seed, rate=200, levels=levels, now_ns=0, **options)  # type: ignore[arg-type]
    return state, flow


def run(state: SymbolState, flow: Flow, messages: int, period_ms: int = 0) -> list[Cut]:
    """That many depth messages of one stream, cut at each depth event."""
    state.window(period_ms)
    cuts: list[Cut] = []
    while len(cuts) < messages:
        if flow.step(flow.next_ns, 0).kind is Kind.DEPTH and (cut := state.cut(period_ms)):
            cuts.append(cut)
    return cuts


def apply(book: tuple[dict[int, int], dict[int, int]], cut: Cut) -> None:
    for side, levels in zip(book, (cut.bids, cut.asks), strict=True):
        for tick, lots in levels:
            if lots:
                side[tick] = lots
            else:
                side.pop(tick, None)


@pytest.mark.parametrize("seed", range(4))
def test_a_dictionary_fed_with_the_messages_is_the_book(seed: int) -> None:
    state, flow = market(seed)
    bids, asks = state.top(10**6)
    book = dict(bids), dict(asks)
    for cut in run(state, flow, 400):
        apply(book, cut)
        assert max(book[0]) < min(book[1])
    bids, asks = state.top(10**6)
    assert book == (dict(bids), dict(asks))
    assert bids == sorted(bids, reverse=True)
    assert asks == sorted(asks)
    assert min(len(bids), len(asks)) >= 1000


def test_every_speed_has_its_own_chain_and_ends_at_the_same_book() -> None:
    state, flow = market(7)
    bids, asks = state.top(10**6)
    books = {period: (dict(bids), dict(asks)) for period in (0, 100, 500)}
    last = {period: state.window(period).prev_id for period in books}
    for number in range(2000):
        flow.step(flow.next_ns, 0)
        for period, every in ((0, 1), (100, 7), (500, 31)):
            if number % every or (cut := state.cut(period)) is None:
                continue
            assert cut.prev_id == last[period]
            assert cut.prev_id < cut.first_id <= cut.last_id
            last[period] = cut.last_id
            apply(books[period], cut)
    for period, book in books.items():
        if (cut := state.cut(period)) is not None:
            apply(book, cut)
    bids, asks = state.top(10**6)
    assert all(book == (dict(bids), dict(asks)) for book in books.values())


def test_the_same_seed_gives_the_same_market_and_another_does_not() -> None:
    runs = [run(*market(seed), 50) for seed in (3, 3, 4)]
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


def test_the_statistics_are_the_recordings() -> None:
    state, flow = market(11, levels=3000, bursts=False)
    books = [dict(side.lots) for side in state.sides]
    sizes: list[int] = []
    ranks: list[int] = []
    kinds = {"update": 0, "insert": 0, "delete": 0, "absent": 0}
    moves = messages = touches = 0
    best = (state.bid_tick, state.ask_tick)
    state.window(0)
    begin_ns = flow.next_ns
    while messages < 3000:
        step = flow.step(flow.next_ns, 0)
        touches += step.touch_moved
        if step.kind is not Kind.DEPTH:
            continue
        cut = state.cut(0)
        assert cut is not None
        messages += 1
        sizes.append(len(cut.bids) + len(cut.asks))
        moves += best != (best := (state.bid_tick, state.ask_tick))
        for side, sign, levels in ((BID, -1, cut.bids), (ASK, 1, cut.asks)):
            book = books[side]
            order = sorted(book) if messages % 60 == 0 else None
            for tick, lots in levels:
                key = sign * tick
                if order is not None:
                    ranks.append(bisect_left(order, key))
                if lots:
                    kinds["update" if key in book else "insert"] += 1
                    book[key] = lots
                else:
                    kinds["delete" if book.pop(key, None) else "absent"] += 1
    share = {name: count / sum(kinds.values()) for name, count in kinds.items()}
    assert 20 <= mean(sizes) <= 68
    assert 14 <= median(sizes) <= 39
    assert 145 <= quantiles(sizes, n=100)[98] <= 610
    assert 0.54 <= share["update"] <= 0.80
    assert 0.07 <= share["insert"] <= 0.19
    assert 0.05 <= share["delete"] <= 0.18
    assert 0.01 <= share["absent"] <= 0.14
    assert 0.02 <= moves / messages <= 0.09
    low, middle, high = quantiles(ranks, n=4)
    assert 35 <= low <= 75
    assert 120 <= middle <= 230
    assert 450 <= high <= 750
    seconds = (flow.next_ns - begin_ns) / 1e9
    # Depth, best bid/ask and trades together are what was asked for: 200 a second.
    assert 0.85 <= (messages + touches + state.trade_id) / seconds / 200 <= 1.15


def test_bursts_are_fifty_times_the_rate_for_a_tenth_of_a_second() -> None:
    _, flow = market(5, levels=1000)
    stamps = []
    while flow.next_ns < 120_000_000_000:
        stamps.append(flow.next_ns)
        flow.step(flow.next_ns, 0)
    windows: dict[int, int] = {}
    for stamp in stamps:
        windows[stamp // 100_000_000] = windows.get(stamp // 100_000_000, 0) + 1
    assert max(windows.values()) > 500
    assert median(windows.values()) < 30


def test_trades_happen_at_the_touch_and_aggregate_without_holes() -> None:
    state, flow = market(2)
    for _ in range(3000):
        before = (state.bid_tick, state.ask_tick)
        trade = flow.step(flow.next_ns, 0).trade
        if trade is not None:
            assert trade.tick == before[0 if trade.buyer_is_maker else 1]
            assert trade.lots > 0
    made = state.aggregate()
    assert sum(each.last_id - each.first_id + 1 for each in made) == state.trade_id
    assert all(b.first_id == a.last_id + 1 for a, b in itertools.pairwise(made))


def test_a_rate_of_nothing_is_refused() -> None:
    state = SymbolState(LISTING, Exchange([LISTING]))
    with pytest.raises(ValueError, match="rate"):
        Flow(state, seed=1, rate=0, now_ns=0)


def test_whatever_is_listed_can_trade() -> None:
    from connector.sim.listings import contracts, listing
    from connector.venues.sim_contract import load

    for row in contracts(load("binance_usdm").listings, 60):
        listed = listing(row)
        state = SymbolState(listed, Exchange([listed]))
        flow = Flow(state, seed=1, rate=10, levels=1000, now_ns=0)
        for _ in range(50):
            flow.step(flow.next_ns, 0)
        assert 0 < state.bid_tick < state.ask_tick
        assert min(len(side.keys) for side in state.sides) > 800
