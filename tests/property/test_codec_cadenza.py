"""The compiled codec says of every publication what the msgspec decoder says, or leaves it, and
that what the two say is the book that was meant."""

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from connector.model.counters import Counter
from connector.model.states import FeedKind, State
from connector.venues.cadenza.market import decode, snapshot
from connector.venues.contract import Book, Depth, Event, Snapshot, Trade, Unreadable, Voided
from tests.reference.decoding_cadenza import UNNUMBERED, Decoder, instrument
from tests.reference.mutations import mutated

SYMBOL = "BINANCE:BTC/USDT"
OTHER = "B2C2:A-B.SPOT:x"
DECODER = Decoder(instrument(SYMBOL), instrument(OTHER, 9))
MS = 1_000_000


def units(text: str) -> int:
    whole, _, fraction = text.partition(".")
    return int(whole + fraction.ljust(8, "0"))


def push(channel: str, data: Any, offset: int = 0, **more: Any) -> bytes:
    pub = {"data": data} | ({"offset": offset} if offset else {}) | more
    return json.dumps(
        {"push": {"channel": channel, "pub": pub}}, separators=(",", ":"), ensure_ascii=False
    ).encode()


TODAY = f"market:orderbook:{SYMBOL}"
PAGE = f"market:orderBook:{SYMBOL}"
UNIFIED = {
    "updateType": "SNAPSHOT", "instrumentId": SYMBOL, "venue": "BINANCE", "symbol": "BTC/USDT",
    "orderBookType": "L2", "columns": ["price", "quantity"],
    "bids": [["50000.00", "1.5"], ["49999.00", "2.0"]],
    "asks": [["50001.00", "1.2"], ["50002.00", "0.8"]],
    "timestamp": 1703052635110,
}  # fmt: skip
COUNTED = {
    "updateType": "DIFF", "venue": "BINANCE", "symbol": "BTC/USDT",
    "orderBookType": "L2_COUNTED", "columns": ["price", "quantity", "orderCount"],
    "bids": [["50000.00", "2.0", "3"]], "asks": [["50001.00", "0", "0"]],
    "timestamp": 1703052635200,
}  # fmt: skip
JANUARY = {
    "instrumentId": SYMBOL, "venue": "BINANCE", "symbol": "BTC/USDT",
    "asks": [["1234.56789000", "1234.56789000"]], "bids": [["1234.56789000", "1234.56789000"]],
    "timestamp": 1632933600000,
}  # fmt: skip
OBJECTS = {
    "instrumentId": SYMBOL, "bids": [{"price": "50000.00", "quantity": "1.5"}],
    "asks": [{"price": "50000.50", "quantity": "1.2"}],
    "timestamp": "2024-01-15T10:30:00.000Z", "sequenceNumber": 7,
}  # fmt: skip
BARE = {
    "type": "snapshot", "bids": [["50000.00", "1.5"]], "asks": [["50001.00", "1.2"]],
    "timestamp": 1703052635110,
}  # fmt: skip
BARE_CHANGE = {
    "type": "update", "bids": [["50000.00", "2.0"]], "asks": [["50001.00", "0"]],
    "timestamp": 1703052635200,
}  # fmt: skip
STAMP = 1703052635110 * MS
LATER = 1703052635200 * MS
LEVEL = [units("50000"), units("1.5")]
ASK = [units("50001"), units("1.2")]
WHOLE = Book(SYMBOL, 41, STAMP, 0, [*LEVEL, units("49999"), units("2")],
             [*ASK, units("50002"), units("0.8")])  # fmt: skip

# The samples of the reference: what is published, where, and what it means.
SAMPLES: dict[str, tuple[bytes, Event, bool]] = {
    "unified": (push(TODAY, UNIFIED, 41), WHOLE, True),
    "unified change": (
        push(TODAY, COUNTED, 42),
        Depth(SYMBOL, 42, 42, 41, LATER, LATER, [units("50000"), units("2")], [units("50001"), 0]),
        True,
    ),
    "january": (
        push(PAGE, JANUARY),
        Book(SYMBOL, 0, 1632933600000 * MS, 0, *[[units("1234.56789"), units("1234.56789")]] * 2),
        True,
    ),
    "rows as objects": (
        push(PAGE, OBJECTS),
        Book(SYMBOL, 0, 1705314600000 * MS, 0, LEVEL, [units("50000.5"), units("1.2")]),
        False,
    ),
    "bare": (push(TODAY, BARE), Book(SYMBOL, 0, STAMP, 0, LEVEL, ASK), False),
    "bare change": (
        push(TODAY, BARE_CHANGE),
        Depth(SYMBOL, 0, 0, 0, LATER, LATER, [units("50000"), units("2")], [units("50001"), 0]),
        False,
    ),
    "wrapped": (push(TODAY, {"data": UNIFIED}, 41), WHOLE, False),
    "wrapped twice": (
        push(TODAY, {"channel": "market.orderBook", "subscriptionId": "s", "timestamp": 1,
                     "data": UNIFIED}, 41),
        WHOLE,
        False,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("quick", [True, False])
def test_the_references_samples_are_read(name: str, quick: bool) -> None:
    frame, expected, compiled = SAMPLES[name]
    able = DECODER.codec.quick
    DECODER.codec.quick = able and quick
    try:
        assert decode(frame, DECODER.scales) == [expected]
        assert DECODER.read(frame) == (expected if compiled else None)
        printed = frame.replace(b'{"push"', b'{"id":0,"push"')  # as the vendor's samples do
        assert decode(printed, DECODER.scales) == [expected]
        assert DECODER.read(printed) == (expected if compiled else None)
    finally:
        DECODER.codec.quick = able


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("delta", UNIFIED | {"updateType": "DELTA"}),
        ("another kind", UNIFIED | {"updateType": "PATCH"}),
        ("average prices", UNIFIED | {"orderBookType": "VWAP"}),
        ("a change of orders", COUNTED | {"orderBookType": "L3"}),
        ("no column of prices", UNIFIED | {"columns": ["quantity", "orderCount"]}),
        ("a column twice", UNIFIED | {"columns": ["price", "quantity", "price"]}),
        ("a short row", UNIFIED | {"bids": [["1"]]}),
        ("a negative price", UNIFIED | {"bids": [["-1", "1"]]}),
        ("too fine", UNIFIED | {"bids": [["0.000000001", "1"]]}),
        ("too large", UNIFIED | {"bids": [["99999999999", "1"]]}),
        ("no number", UNIFIED | {"bids": [["one", "1"]]}),
        ("null", UNIFIED | {"bids": [[None, "1"]]}),
        ("no time", {name: value for name, value in UNIFIED.items() if name != "timestamp"}),
        ("a time that is none", UNIFIED | {"timestamp": "yesterday"}),
        ("a time before all", UNIFIED | {"timestamp": -1}),
        ("no asks", {name: value for name, value in UNIFIED.items() if name != "asks"}),
        ("a list", [1, 2]),
        ("a word", "book"),
    ],
)
def test_a_book_of_which_something_cannot_be_read_is_void(name: str, changed: Any) -> None:
    """Never in silence: what was changed is not known."""
    frame = push(TODAY, changed, 41)
    assert DECODER.read(frame) is None
    assert any(isinstance(event, Voided) for event in decode(frame, DECODER.scales))


@pytest.mark.parametrize("empty", ["", None])
def test_empty_words_and_null_are_as_absent(empty: str | None) -> None:
    """Enumerations have had either, and a side that has not changed may be null."""
    words = {"updateType": empty, "orderBookType": empty, "columns": None, "type": empty}
    (found,) = decode(push(TODAY, UNIFIED | words, 41), DECODER.scales)
    assert found == WHOLE
    change = COUNTED | {"bids": None, "orderBookType": empty}
    (found,) = decode(push(TODAY, change, 42), DECODER.scales)
    assert isinstance(found, Depth)
    assert (found.bids, found.asks) == ([], [units("50001"), 0])
    (fault, _) = decode(push(TODAY, UNIFIED | {"bids": None}, 42), DECODER.scales)
    assert isinstance(fault, Unreadable), "a whole book has both sides"


@pytest.mark.parametrize("kind", ["L2_EXCHANGE", "L3", "L3_COUNTED"])
def test_rows_of_one_price_are_summed(kind: str) -> None:
    data = UNIFIED | {
        "orderBookType": kind, "columns": ["exchange", "quantity", "price"],
        "bids": [["A", "1.5", "50000"], ["B", "0.5", "50000"], ["A", "1", "49000"]], "asks": [],
    }  # fmt: skip
    (found,) = decode(push(TODAY, data, 41), DECODER.scales)
    assert isinstance(found, Book)
    assert found.bids == [units("50000"), units("2"), units("49000"), units("1")]


def test_a_book_that_was_asked_for_is_read_in_either_form() -> None:
    one = DECODER.instruments[SYMBOL]
    for data in (JANUARY, UNIFIED):
        body = json.dumps({"success": True, "errno": 0, "error": None, "data": data}).encode()
        found = snapshot(body, one)
        (whole,) = decode(push(PAGE, data), DECODER.scales)
        assert isinstance(whole, Book)
        assert found == Snapshot(0, whole.venue_ns, whole.bids, whole.asks)
    for body in (b'{"errno":-22016,"data":null}', b"[]", b"{", b'{"errno":0,"data":[]}'):
        with pytest.raises(ValueError, match=SYMBOL):
            snapshot(body, one)


TRADE = {"price": "50000.5", "quantity": "0.25", "side": "buy", "timestamp": 1703052635110}
OTHER_TRADE = {
    "executedPrice": "50000.5", "amount": 0.25, "orderSide": "BUY",
    "executedAt": "2023-12-20T06:10:35.110Z", "tradeId": "t-7",
}  # fmt: skip


@pytest.mark.parametrize(
    "data", [TRADE, [TRADE], {"data": TRADE}, {"trades": [TRADE]}, {"data": {"trades": [TRADE]}},
             OTHER_TRADE]
)  # fmt: skip
@pytest.mark.parametrize("offset", [0, 7])
def test_trades_are_read_by_their_keys(data: Any, offset: int) -> None:
    number = offset << 10
    numbers = (STAMP, STAMP, units("50000.5"), *[units("0.25")] * 2)
    frame = push(f"market:trade:{SYMBOL}", data, offset)
    assert decode(frame, DECODER.scales) == [
        Trade(SYMBOL, number, number, number, *numbers, 1, False, 1)
    ]


def test_a_trade_without_time_has_that_of_its_publication() -> None:
    data = {"price": "1", "size": "1", "side": "?"}
    (found,) = decode(push(f"market:trade:{SYMBOL}", data, time=5), DECODER.scales)
    assert isinstance(found, Trade)
    assert (found.venue_ns, found.side) == (5 * MS, 0)
    (bad,) = decode(push(f"market:trade:{SYMBOL}", {"price": "1"}), DECODER.scales)
    assert isinstance(bad, Unreadable)


TRADES = f"market:trade:{SYMBOL}"
VENUES_OWN = {
    "tradeId": "1", "instrumentId": SYMBOL, "price": "50000.5", "quantity": "0.25",
    "side": "SELL", "timestamp": 1703052635110,
}  # fmt: skip


def agree_on_trades(line: bytes, offset: int) -> bool:
    """Whether the codec took the line; if it did, the oracle must say the same of it. Without
    offsets the codec gives the next numbers, the oracle none."""
    found = DECODER.trades(line, offset)
    if found is None:
        return False
    if not offset:
        numbers = [one.trade_id for one in found]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        found = [replace(one, trade_id=0, first_trade_id=0, last_trade_id=0) for one in found]
    assert decode(line, DECODER.scales) == found
    return True


@pytest.mark.parametrize(
    ("data", "taken"),
    [
        (VENUES_OWN, True),
        ([VENUES_OWN, VENUES_OWN | {"side": "buy", "price": "0.00000001"}], True),
        (VENUES_OWN | {"tradeId": 17, "note": "x"}, True),
        ({"executedPrice": "1", "amount": "2", "orderSide": "sell", "executedAt": 5}, True),
        ({"price": "1", "size": "2", "side": "BUY", "time": 0}, True),
        (TRADE, True),
        (TRADE | {"price": 50000.5}, False),
        ({"data": VENUES_OWN}, False),
        ({"trades": [VENUES_OWN]}, False),
        (VENUES_OWN | {"side": "Buy"}, False),
        (VENUES_OWN | {"side": None}, False),
        (VENUES_OWN | {"executedPrice": "3"}, False),
        (VENUES_OWN | {"data": "x"}, False),
        (VENUES_OWN | {"price": "-1"}, False),
        (VENUES_OWN | {"timestamp": "2023-12-20T06:10:35.110Z"}, False),
        (VENUES_OWN | {"timestamp": 9223372036855}, False),
        ({name: value for name, value in VENUES_OWN.items() if name != "timestamp"}, False),
        ([], False),
        ([VENUES_OWN] * 1025, False),
    ],
)
@pytest.mark.parametrize("offset", [0, 7])
def test_trades_are_read_alike_or_left(data: Any, taken: bool, offset: int) -> None:
    line = push(TRADES, data, offset)
    assert agree_on_trades(line, offset) == taken
    assert DECODER.read(line) is None, "it is no book"


TEXT = st.one_of(
    st.decimals(0, 10**6, allow_nan=False, allow_infinity=False, places=3).map(str),
    st.sampled_from(["0", "0.00000000", "1e3", "92233720368.54775807", "92233720368.54775808",
                     "0.000000010", "-1", "", "1."]),
)  # fmt: skip
NAMES = {
    "price": ("price", "executedPrice"), "qty": ("quantity", "executedQuantity", "size", "amount"),
    "side": ("side", "orderSide"), "time": ("timestamp", "executedAt", "time"),
}  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.data(), st.integers(0, 2**54), st.integers(1, 4), st.booleans())
def test_trades_by_any_names_in_any_order_are_read_alike(
    data: st.DataObject, offset: int, count: int, listed: bool
) -> None:
    rows = []
    for _ in range(count if listed else 1):
        values = {
            data.draw(st.sampled_from(NAMES["price"])): data.draw(TEXT),
            data.draw(st.sampled_from(NAMES["qty"])): data.draw(TEXT),
            data.draw(st.sampled_from(NAMES["side"])): data.draw(
                st.sampled_from(["BUY", "SELL", "buy", "sell", "Sell", "ASK", ""])
            ),
            data.draw(st.sampled_from(NAMES["time"])): data.draw(st.integers(-1, 2**45)),
            "tradeId": data.draw(st.sampled_from(["7", 7, "é", None])),
        }
        order = data.draw(st.permutations(list(values)))
        rows.append({name: values[name] for name in order})
    agree_on_trades(push(TRADES, rows if listed else rows[0], offset), offset)


@settings(max_examples=200, deadline=None)
@given(mutated([push(TRADES, VENUES_OWN, 7), push(TRADES, [VENUES_OWN] * 2, 7)]))
def test_mutated_trades_are_read_alike_or_left(line: bytes) -> None:
    if b"\n" not in line and DECODER.read(line) is None:
        agree_on_trades(line, 7)


def test_trades_are_taken_while_their_channel_stands_open() -> None:
    assert DECODER.trades(push(TRADES, VENUES_OWN, 5), 5)
    feed = DECODER.feeds[SYMBOL]
    assert feed.stood(FeedKind.TRADE) == 6
    codec, count = DECODER.codec, DECODER.segment.counter
    old = count(Counter.TRADES_OLD.value)
    assert codec.decode(push(TRADES, VENUES_OWN, 5), 2, 0) == 1  # again
    assert codec.decode(push(TRADES, VENUES_OWN, 7), 2, 0) == 1  # one is missing
    assert codec.decode(push(TRADES, VENUES_OWN), 2, 0) == 1  # none, where they are given
    assert codec.decode(push(TRADES, [VENUES_OWN] * 3, 6), 2, 0) == 0
    assert feed.stood(FeedKind.TRADE) == 7
    feed.stand(FeedKind.TRADE, 0)
    assert codec.decode(push(TRADES, VENUES_OWN, 7), 2, 0) == 1
    feed.stand(FeedKind.TRADE, UNNUMBERED)
    assert codec.decode(push(TRADES, VENUES_OWN), 2, 0) == 0
    assert feed.number_trade() == (6 << 10) + 2 + 2, "above every number before"
    assert count(Counter.TRADES_OLD.value) == old


HOT = [push(TODAY, UNIFIED, 41), push(TODAY, COUNTED, 42), push(PAGE, JANUARY),
       push(f"market:orderbook:{OTHER}", COUNTED, 1, time=5)]  # fmt: skip


def agree(line: bytes) -> bool:
    """Whether the codec took the line; if it did, the oracle must say the same of it."""
    event = DECODER.read(line)
    if event is None:
        return False
    assert decode(line, DECODER.scales) == [event]
    return True


@settings(max_examples=300, deadline=None)
@given(mutated(HOT))
@example(HOT[0].replace(b'"DIFF"', b'"DELTA"'))
@example(HOT[0].replace(b'"bids"', b'"asks"'))
@example(HOT[0].replace(b',"offset":41', b',"offset":18446744073709551615'))
@example(HOT[1].replace(b'"timestamp":', b'"timestamp":1'))
@example(HOT[1].replace(b'"columns"', b'"column"'))
@example(HOT[2].replace(b"}}}", b"}}},"))
def test_mutated_lines_are_read_alike_or_left(line: bytes) -> None:
    if b"\n" not in line:
        agree(line)


ROWS = st.lists(st.tuples(TEXT, TEXT), max_size=25)


@settings(max_examples=120, deadline=None)
@given(
    ROWS, ROWS, st.booleans(), st.booleans(), st.sampled_from(["SNAPSHOT", "DIFF", None]),
    st.permutations(["updateType", "bids", "asks", "columns", "timestamp", "venue"]),
    st.integers(0, 2**54),
)  # fmt: skip
def test_books_of_any_size_and_order_of_keys_are_read_alike(
    bids: list,
    asks: list,
    counted: bool,
    first: bool,
    kind: str | None,
    keys: list[str],
    offset: int,
) -> None:
    extra = ("1",) if counted else ()
    values = {
        "updateType": kind, "bids": [(*row, *extra) for row in bids],
        "asks": [(*row, *extra) for row in asks], "timestamp": 1703052635110, "venue": "BINANCE",
        "columns": ["price", "quantity", "orderCount"] if counted else ["price", "quantity"],
    }  # fmt: skip
    if kind is None:
        del values["updateType"]
    ordered = (["columns"] if first else []) + keys
    data = {name: values[name] for name in ordered if name in values}
    line = push(TODAY, data, offset)
    taken = agree(line)
    plain = all("e" not in cell and cell[-1:] not in ("", ".") and cell[0] != "-"
                for row in bids + asks for cell in row)  # fmt: skip
    fits = all(units(cell) < 2**63 for row in bids + asks for cell in row) if plain else False
    early = keys.index("columns") < min(keys.index("bids"), keys.index("asks"))
    if kind == "DIFF" and fits and (first or early or not counted) and offset <= (2**63 - 1) >> 10:
        assert taken


def test_publications_are_taken_while_their_channel_stands_open() -> None:
    """Offsets follow one another, or there are none; a frame is taken up to its first odd line."""
    feed = DECODER.live(SYMBOL, 40, 41)
    codec, segment = DECODER.codec, DECODER.segment
    change = lambda offset, stamp=0: push(  # noqa: E731
        TODAY, COUNTED | {"timestamp": COUNTED["timestamp"] + stamp, "asks": []}, offset
    )
    assert codec.decode(HOT[0], 1, 0) == 0
    assert (feed.last_id, feed.stood(FeedKind.BOOK)) == (41, 42)
    assert (feed.bids(), feed.asks()) == (
        [(WHOLE.bids[0], WHOLE.bids[1]), (WHOLE.bids[2], WHOLE.bids[3])],
        [(WHOLE.asks[0], WHOLE.asks[1]), (WHOLE.asks[2], WHOLE.asks[3])],
    )
    left = segment.counter(Counter.FALLBACK.value)
    assert codec.decode(change(43), 1, 0) == 1  # one is missing
    assert codec.decode(change(41), 1, 0) == 1  # again
    assert codec.decode(change(0), 1, 0) == 1  # none, where they are given
    assert segment.counter(Counter.FALLBACK.value) == left + 3
    assert codec.decode(b"\n".join([change(42), change(43), b"{}", change(44)]), 1, 0) == 1
    assert feed.last_id == 43
    assert codec.decode(change(44, -1), 1, 0) == 1  # its time is earlier
    assert codec.decode(b"\n".join([change(44), change(45), b""]), 1, 0) == 0
    assert feed.last_id == 45
    feed.stand(FeedKind.BOOK, 0)
    assert codec.decode(change(46), 1, 0) == 1
    feed.stand(FeedKind.BOOK, UNNUMBERED)
    assert codec.decode(change(46), 1, 0) == 1
    assert codec.decode(change(0), 1, 0) == 0
    assert feed.last_id == 46
    feed.set_state(FeedKind.BOOK, State.STALE)
    assert codec.decode(change(0), 1, 0) == 1


def test_a_channel_nobody_asked_for_is_named() -> None:
    assert decode(push("market:ticker:BINANCE", {}), DECODER.scales)[0].kind == "market:ticker"
    assert decode(b"{}\n" + HOT[0] + b"\n", DECODER.scales) == [WHOLE]
    assert decode(b'{"id":1,"subscribe":{}}', DECODER.scales) == []
    with pytest.raises(ValueError, match="truncated"):
        decode(b"{", DECODER.scales)
