"""The compiled codec says of every Phemex frame what the msgspec decoder says, or leaves it."""

import json
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connector.model.counters import Counter
from connector.model.states import FeedKind, Reason, State
from connector.protocol.recording import Kind, read
from connector.venues.contract import (
    Book,
    Depth,
    Event,
    History,
    MarkPrice,
    Snapshot,
    Ticker,
    Trade,
    Traded,
    UnknownSymbol,
    Unreadable,
)
from connector.venues.phemex.market import decode
from tests.reference.decoding_phemex import Decoder, instrument
from tests.reference.mutations import mutated

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "phemex" / "frames.jsonl"
FRAMES = {
    row["name"]: row["raw"].encode() for row in map(json.loads, GOLDEN.read_text().splitlines())
}
SYMBOLS = ["BTCUSD", "XTZUSD", "ATOMUSD", "YFIUSD", "sGRTUSDT", "sSUSHIUSDT", "币USD"]
DAY = (
    b'{"market24h":{"close":87425000,"fundingRate":10000,"high":92080000,"indexPrice":87450676,'
    b'"low":87130000,"markPrice":87453092,"open":90710000,"openInterest":7821141,'
    b'"predFundingRate":-7609,"symbol":"BTCUSD","timestamp":1583646442444219017,'
    b'"turnover":1399362834123,"volume":125287131},"timestamp":1583646442444219017}'
)
DAY_2020 = (
    b'{"market24h":{"close":70485000,"high":71465000,"low":70225000,"open":71300000,'
    b'"openInterest":153502,"symbol":"BTCUSD","turnover":62419527476,"volume":4419810},'
    b'"timestamp":1576490244024818000}'
)
TRADES = (
    b'{"sequence":4899656369,"symbol":"XTZUSD","trades":[[1625342248626993976,"Sell",30070,38],'
    b'[1625342248626993976,"Sell",30070,38],[1625342248626993970,"Buy",30080,1]],'
    b'"type":"incremental"}'
)
BOTH_SIDES = (
    b'{"book":{"asks":[[30090,0],[30080,5],[30100,1]],"bids":[[30070,0],[30060,18446]]},"depth":30,'
    b'"dts":1790133513685489850,"mts":1790133513662974773,"sequence":68604886383,'
    b'"symbol":"XTZUSD","timestamp":1790133513660305085,"type":"incremental"}'
)
DECIMAL = (
    b'{"depth":30,"dts":1790133513685595340,"mts":1790133513683881504,"orderbook_p":{"asks":'
    b'[["86540.3","2.316"],["86541.4","0"],["1e3","0.5"]],"bids":[["86510.7","2.36"],["9","0"]]},'
    b'"sequence":68604886406,"symbol":"BTCUSDT","timestamp":1790133513674330491,'
    b'"type":"incremental"}'
)
DECIMAL_2022 = (
    b'{"depth":30,"orderbook_p":{"asks":[],"bids":[["20700.5","0"],["20340.5","0.06"]]},'
    b'"sequence":77668209,"symbol":"BTCUSDT","timestamp":1666854173705089711,"type":"incremental"}'
)
DECIMAL_TRADES = (
    b'{"dts":1790133513685595340,"mts":1790133513683881504,"sequence":77702250,'
    b'"symbol":"BTCUSDT","trades_p":[[1666856076819029800,"Sell","20700.3","0.649"],'
    b'[1666856076819029799,"Buy","20700.4","2.455"]],"type":"incremental"}'
)
DECIMAL_TRADES_2022 = b'{"sequence"' + DECIMAL_TRADES.partition(b',"sequence"')[2]
DECIMAL_BOOK = FRAMES["book_p_2026"].replace(b"ETHUSDT", b"BTCUSDT")
DECIMAL_FRAMES = [DECIMAL, DECIMAL_2022, DECIMAL_TRADES, DECIMAL_TRADES_2022, DECIMAL_BOOK]
HOT = ["book_2020", "change_ask_2020", "change_bid_2020", "book_2021", "change_2021", "trade_2021"]
HOT_FRAMES = [*(FRAMES[name] for name in HOT), DAY, DAY_2020, TRADES, BOTH_SIDES]
WIDE = BOTH_SIDES.replace(b"XTZUSD", "币USD".encode())
DECODER = Decoder(*map(instrument, SYMBOLS), instrument("BTCUSDT", 8, qty_exponent=8))


def oracle(frame: bytes) -> list[Event]:
    """What is published; what trades say of the book is nobody's to read, and the day's figures,
    where they are asked for, are left to the venue's decoder with the whole frame."""
    found = decode(frame, DECODER.scales)
    events = found if isinstance(found, list) else [found]
    return [event for event in events if not isinstance(event, Traded | Ticker | Unreadable)]


def agree(frame: bytes) -> bool:
    """Whether the codec took the frame; if it did, the oracle must say the same of it."""
    events = DECODER.read(frame)
    if events is None:
        return False
    expected = oracle(frame)
    if [type(event) for event in events] == [MarkPrice] and not events[0].symbol:
        expected = [
            MarkPrice("", *(getattr(event, name) for name in MarkPrice.__struct_fields__[1:]))
            for event in expected
        ]
    assert events == expected
    return True


@pytest.mark.parametrize("frame", [*HOT_FRAMES, WIDE], ids=lambda frame: frame[:40].decode())
def test_known_frames_are_taken(frame: bytes) -> None:
    assert agree(frame)
    assert agree(frame.replace(b"XTZUSD", b"BTCUSD"))


@pytest.mark.parametrize("frame", DECIMAL_FRAMES, ids=lambda frame: frame[:80].decode())
@pytest.mark.parametrize("quick", [True, False])
def test_known_frames_of_the_decimal_family_are_taken(frame: bytes, quick: bool) -> None:
    able = DECODER.codec.quick
    DECODER.codec.quick = able and quick
    assert agree(frame)
    assert not agree(frame.replace(b"BTCUSDT", b"ETHUSDT"))
    DECODER.codec.quick = able


@pytest.mark.parametrize("name", sorted(set(FRAMES) - set(HOT)))
def test_other_frames_are_left(name: str) -> None:
    assert DECODER.read(FRAMES[name]) is None


def test_only_mark_prices_of_a_symbol_that_is_not_configured_end_here() -> None:
    """They come for every symbol the venue has, whatever was asked for."""
    before = DECODER.segment.counter(Counter.FAST.value)
    assert DECODER.read(DAY.replace(b"BTCUSD", b"ETHUSD")) == []
    assert DECODER.segment.counter(Counter.FAST.value) == before + 1
    for frame in (BOTH_SIDES, TRADES):
        other = frame.replace(b"XTZUSD", b"ETHUSD")
        assert DECODER.read(other) is None
        assert isinstance(decode(other, DECODER.scales), UnknownSymbol)


def test_who_wants_the_day_has_it_from_the_venues_decoder() -> None:
    """And nobody is told a mark price that another instrument asked for."""
    decoder = Decoder(*map(instrument, ["BTCUSD", "cETHUSD"]))
    feed = decoder.feed("BTCUSD")
    assert [type(event) for event in decoder.read(DAY) or ()] == [MarkPrice]
    feed.set_state(FeedKind.MARK_PRICE, State.DOWN)
    assert decoder.read(DAY) == []
    feed.set_state(FeedKind.TICKER, State.SYNCING)
    assert decoder.read(DAY) is None
    assert [type(event) for event in decoder.read(DAY.replace(b"BTCUSD", b"cETHUSD")) or ()]


def test_the_recording_is_read_alike(recordings: Path) -> None:
    taken: dict[type, int] = {}
    for item in read([recordings / "phemex" / "book_trade_202107.gz"]):
        if item.kind is not Kind.FRAME:
            continue
        events = DECODER.read(item.payload)
        expected = oracle(item.payload)
        kinds = {type(event) for event in expected}
        if kinds <= {Depth, Book, Trade}:
            assert events == expected
            for kind in kinds:
                taken[kind] = taken.get(kind, 0) + 1
        else:
            assert events is None
            assert kinds <= {History, UnknownSymbol} or b'"id"' in item.payload
    assert taken == {Depth: 777, Book: 7, Trade: taken[Trade]}
    assert taken[Trade] >= 10


@settings(max_examples=220, deadline=None)
@given(mutated([*HOT_FRAMES, *DECIMAL_FRAMES, WIDE]))
@example(HOT_FRAMES[0] + b"\n")
@example(BOTH_SIDES.replace(b"}", b"}}"))
@example(BOTH_SIDES.replace(b"68604886383", b"0"))
@example(DAY.replace(b"10000,", b"-0,"))
@example(DAY.replace(b'"low"', b'"markPrice"'))
@example(TRADES.replace(b"4899656369", b"9007199254740992"))
def test_mutated_frames_are_read_alike_or_left(frame: bytes) -> None:
    agree(frame)


NUMBER = st.one_of(
    st.integers(0, 10**6),
    st.sampled_from([0, 9, 10, 99_999_999, 100_000_000, 2**53, 2**63 - 1, 2**63, 2**64, 10**20]),
)
SIDE = st.lists(st.tuples(NUMBER, NUMBER), max_size=35)


@settings(max_examples=80, deadline=None)
@given(SIDE, SIDE, NUMBER, NUMBER, st.sampled_from(["incremental", "snapshot", "other"]))
def test_books_of_any_size_are_read_alike(
    bids: list, asks: list, sequence: int, stamp: int, kind: str
) -> None:
    content = {
        "book": {"asks": asks, "bids": bids}, "depth": 30, "sequence": sequence,
        "symbol": "XTZUSD", "timestamp": stamp, "type": kind,
    }  # fmt: skip
    frame = json.dumps(content, separators=(",", ":")).encode()
    taken = agree(frame)
    numbers = [sequence, stamp, *(number for level in bids + asks for number in level)]
    if kind == "incremental":
        assert taken == (max(numbers) < 2**63 and sequence > 0)


ROW = st.tuples(st.just(5), st.sampled_from(["Buy", "Sell"]), st.integers(97, 104), st.just(1))


@settings(max_examples=80, deadline=None)
@given(
    st.lists(ROW, min_size=1, max_size=3),
    st.integers(9, 11),
    st.sampled_from([[], [100, 1, 99, 1]]),
    st.sampled_from([[], [101, 1, 103, 1]]),
)
@example([(5, "Buy", 102, 1)], 10, [100, 1], [101, 1])
@example([(5, "Buy", 101, 1), (5, "Buy", 102, 1)], 10, [100, 1], [101, 1])
@example([(5, "Sell", 99, 1)], 10, [100, 1], [101, 1])
@example([(5, "Sell", 99, 1), (5, "Buy", 102, 1)], 10, [100, 1], [101, 1])
def test_trades_that_the_book_of_their_id_cannot_have_seen_are_left_and_no_others(
    rows: list, sequence: int, bids: list[int], asks: list[int]
) -> None:
    feed = DECODER.feed("BTCUSD")
    if feed.state(FeedKind.BOOK) == State.LIVE:
        feed.set_state(FeedKind.BOOK, State.DOWN)
    feed.set_state(FeedKind.BOOK, State.SYNCING)
    feed.stage(Snapshot(10, 0, bids, asks))
    feed.adopt()
    feed.set_state(FeedKind.BOOK, State.LIVE, Reason.FRESH)
    content = {"sequence": sequence, "symbol": "BTCUSD", "trades": rows, "type": "incremental"}
    frame = json.dumps(content, separators=(",", ":")).encode()
    taken = agree(frame)
    # The law said slowly: at its own id a book holds nothing that all of them traded through.
    through = sequence == 10 and (
        all(side == "Buy" and any(ask < price for ask in asks[::2]) for _, side, price, _ in rows)
        or all(
            side == "Sell" and any(bid > price for bid in bids[::2]) for _, side, price, _ in rows
        )
    )
    assert taken != through
    behind = feed.traded_id
    assert behind == (11 if sequence == 11 else 0)
    *_, told = decode(frame, DECODER.scales)
    assert isinstance(told, Traded)
    assert feed.traded(told, 1) == through
    assert feed.traded_id == behind
    feed.set_state(FeedKind.BOOK, State.DOWN)


TEXT = st.from_regex(r"[0-9]{1,12}(\.[0-9]{1,9})?", fullmatch=True)
TEXTS = st.lists(st.tuples(TEXT, TEXT), max_size=20)


@settings(max_examples=25, deadline=None)
@given(TEXTS, TEXTS, st.sampled_from(["incremental", "snapshot"]))
def test_decimal_books_of_any_size_are_read_alike(bids: list, asks: list, kind: str) -> None:
    content = {
        "depth": 30, "orderbook_p": {"asks": asks, "bids": bids}, "sequence": 7,
        "symbol": "BTCUSDT", "timestamp": 8, "type": kind,
    }  # fmt: skip
    agree(json.dumps(content, separators=(",", ":")).encode())


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(NUMBER, st.sampled_from(["Buy", "Sell", "buy"]), NUMBER, NUMBER), max_size=9)
)
def test_trades_are_read_alike(rows: list) -> None:
    content = {"sequence": 17, "symbol": "BTCUSD", "trades": rows, "type": "incremental"}
    taken = agree(json.dumps(content, separators=(",", ":")).encode())
    good = rows and all(
        side != "buy" and max(stamp, price, qty) < 2**63 for stamp, side, price, qty in rows
    )
    assert taken == bool(good)


@pytest.mark.parametrize(("count", "taken"), [(1024, True), (1025, False)])
def test_a_message_of_trades_has_as_many_as_can_be_numbered(count: int, taken: bool) -> None:
    rows = [[1625342248626993976, "Buy", 100, 1]] * count
    content = {"sequence": 17, "symbol": "BTCUSD", "trades": rows, "type": "incremental"}
    assert agree(json.dumps(content, separators=(",", ":")).encode()) is taken


@pytest.mark.parametrize(
    ("price_exponent", "ratio_exponent", "mark", "taken"),
    [(4, 8, 12345, True), (8, 6, 12345, True), (0, 8, -1, True), (9, 8, 10, False),
     (4, 9, 1, False), (4, 8, 2**63 - 1, False), (0, 0, 92233720368, True)],
)  # fmt: skip
def test_mark_prices_get_their_scale_exactly_or_are_left(
    price_exponent: int, ratio_exponent: int, mark: int, taken: bool
) -> None:
    decoder = Decoder(instrument("BTCUSD", price_exponent, ratio_exponent))
    frame = DAY.replace(b'"markPrice":87453092', b'"markPrice":%d' % mark)
    events = decoder.read(frame.replace(b"87450676", b"5"))
    assert (events is not None) == taken
    if events is not None:
        (event,) = events
        assert isinstance(event, MarkPrice)
        price, day = decode(frame.replace(b"87450676", b"5"), decoder.scales)
        assert (event, type(day)) == (price, Ticker)
        assert event.mark_e == mark * 10 ** (8 - price_exponent)
