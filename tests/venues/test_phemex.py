"""The venue as data and pure functions: products in, subscriptions out, frames as events."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from connector.market.selection import Wish, select, shards
from connector.model.instrument import ABSENT, ContractType, Instrument, Status
from connector.venues.contract import (
    Bases,
    Book,
    Channel,
    Control,
    Depth,
    History,
    MarkPrice,
    Snapshot,
    Trade,
    Traded,
    UnknownEvent,
    UnknownSymbol,
    load,
)
from connector.venues.phemex import VENUE, limits
from connector.venues.phemex.numbers import HEDGED

GOLDEN = Path(__file__).parents[1] / "golden" / "phemex"
PRODUCTS = (GOLDEN / "products_2025.json").read_bytes()
FRAMES = {
    row["name"]: row["raw"].encode()
    for row in map(json.loads, (GOLDEN / "frames.jsonl").read_text().splitlines())
}
LISTED = {one.symbol: one for one in VENUE.instruments(PRODUCTS).instruments}
BTCUSD = LISTED["BTCUSD"]
PAIR = {"BTCUSD": BTCUSD, "XTZUSD": BTCUSD}
EXPECTED: dict[str, Any] = {
    "change_ask_2020": Depth("BTCUSD", 1191905, 1191905, 0, 0, 0, [], [86775000, 4621]),
    "change_bid_2020": Depth("BTCUSD", 1191906, 1191906, 0, 0, 0, [86755000, 8097], []),
    "tick_2020": UnknownSymbol(".BTC", "tick"),
    "granted_2021": Control(1, True, result={"status": "success"}),
    "book_2021": Book(
        "XTZUSD",
        4899654225,
        1625342241462123457,
        30,
        [30070, 57317, 30060, 76218, 30050, 103914],
        [30080, 233, 30090, 4352, 30100, 79859],
    ),
    "history_2021": History("XTZUSD"),
    "change_2021": Depth(
        "XTZUSD",
        4899654234,
        4899654234,
        0,
        1625342241732802237,
        1625342241732802237,
        [],
        [30170, 42007],
    ),
    "trade_2021": [
        Trade(
            "XTZUSD",
            *(4899656369 << 10,) * 3,
            *(1625342248626993976,) * 2,
            30070,
            *(38,) * 2,
            2,
            False,
            1,
        ),
        Traded("XTZUSD", 4899656369, 30070, ABSENT),
    ],
    "book_p_2026": UnknownSymbol("ETHUSDT", "book"),
    "pong_2026": Control(0, True, result="pong"),
    "refused_2026": Control(106, False, message="6001: invalid argument"),
    "unparsable_2026": Control(None, False, message="6001: invalid argument"),
}


def scales(symbol: str) -> Instrument | None:
    return PAIR.get(symbol)


def decoded(message: dict[str, Any]) -> Any:
    return VENUE.decode(json.dumps(message).encode(), scales)


def drained(pieces: Any) -> Any:
    while True:
        try:
            next(pieces)
        except StopIteration as end:
            return end.value


def test_it_is_found_by_folder_and_name() -> None:
    assert load("Phemex").folder == load("PHEMEX").folder == "phemex"
    assert VENUE.bases is Bases.STREAMED
    assert VENUE.unsubscribe is None


# Frames


@pytest.mark.parametrize("name", EXPECTED)
def test_a_published_frame_is_this_event(name: str) -> None:
    assert VENUE.decode(FRAMES[name], scales) == EXPECTED[name]


def test_every_frame_is_read_by_a_test() -> None:
    assert set(FRAMES) == {*EXPECTED, "book_2020"}


def test_the_documented_sample_of_a_book() -> None:
    book = VENUE.decode(FRAMES["book_2020"], scales)
    assert isinstance(book, Book)
    assert (book.last_id, book.venue_ns) == (1191904, 0)
    assert book.bids[:2] == [86760000, 18995]
    assert book.asks[:2] == [86765000, 19609]
    assert book.bids[::2] == sorted(book.bids[::2], reverse=True)
    assert book.asks[::2] == sorted(book.asks[::2])


BOOK = {
    "book": {"asks": [[12, 3], [11, 1], [13, 0], [11, 2]], "bids": [[9, 1, 5], [10, 4]]},
    "depth": 0,
    "sequence": 7,
    "symbol": "BTCUSD",
    "timestamp": 5,
    "type": "snapshot",
}


def test_a_whole_book_is_brought_into_order_and_a_change_is_left_in_its_own() -> None:
    assert decoded(BOOK) == Book("BTCUSD", 7, 5, 0, [10, 4, 9, 1], [11, 2, 12, 3])
    change = Depth("BTCUSD", 7, 7, 0, 5, 5, [9, 1, 10, 4], [12, 3, 11, 1, 13, 0, 11, 2])
    assert decoded(BOOK | {"type": "incremental"}) == change


DAY = {
    "market24h": {
        "close": 70485000,
        "fundingRate": 10000,
        "indexPrice": 70485125,
        "markPrice": 70480000,
        "openInterest": 153502,
        "predFundingRate": -5,
        "symbol": "BTCUSD",
        "volume": 4419810,
    },
    "timestamp": 1576490244024818000,
}


def test_the_days_figures_give_the_mark_price() -> None:
    scaled = (70480000 * 10**4, 70485125 * 10**4, ABSENT, ABSENT, 10000, 0)
    assert decoded(DAY) == MarkPrice("BTCUSD", 1576490244024818000, *scaled)
    others: Any = DAY | {"market24h": DAY["market24h"] | {"symbol": "cETHUSD"}}  # type: ignore[operator]
    assert decoded(others) == []
    early = {"market24h": {"close": 1, "symbol": "BTCUSD"}, "timestamp": 1}
    assert decoded(early) == []


PACK: dict[str, Any] = {
    "data": [
        ["ETHUSDT", "2700", "2763.865123456789", "2763.87", "0.0001"],
        ["BTCUSDT", "86000", "86555.323116129", "86513.6", "-0.00012"],
        ["XRPUSDT", "1", "2", None, "0"],
    ],
    "fields": ["symbol", "openRp", "indexRp", "markRp", "fundingRateRr"],
    "method": "perp_market24h_pack_p.update",
    "timestamp": 1677094918686806209,
    "type": "incremental",
}


def test_the_days_figures_with_decimal_texts_are_a_table() -> None:
    """Its columns are where it says they are; of other symbols, and without a mark price, a row
    says nothing."""

    def known(symbol: str) -> Instrument | None:
        return LISTED["BTCUSDT"] if symbol in ("BTCUSDT", "XRPUSDT") else None

    numbers = (8651360000000, 8655532311612, ABSENT, ABSENT, -12000, 0)
    expected = [MarkPrice("BTCUSDT", 1677094918686806209, *numbers)]
    assert VENUE.decode(json.dumps(PACK).encode(), known) == expected
    turned = PACK | {
        "fields": PACK["fields"][::-1],
        "data": [row[::-1] for row in PACK["data"]],
    }
    assert VENUE.decode(json.dumps(turned).encode(), known) == expected
    bad = VENUE.decode(json.dumps(PACK).replace("86513.6", "x").encode(), LISTED.get)
    assert isinstance(bad, list)
    told = {getattr(event, "symbol", ""): event for event in bad}
    assert told.keys() == {"", *(LISTED.keys() & {"ETHUSDT"})}
    assert str(told[""]).startswith('Unreadable(words="BTCUSDT: markRp')


def test_books_and_trades_with_decimal_texts_get_the_instruments_scale() -> None:
    def known(symbol: str) -> Instrument | None:
        return LISTED.get(symbol)

    book = {"asks": [["86540.3", "2.316"], ["86541.4", "0"]], "bids": []}
    told: dict[str, Any] = {
        "sequence": 7,
        "symbol": "BTCUSDT",
        "timestamp": 5,
        "type": "incremental",
    }
    frame = json.dumps({"depth": 30, "orderbook_p": book, **told}).encode()
    sides: tuple[list[int], list[int]] = ([], [8654030000000, 231600000, 8654140000000, 0])
    assert VENUE.decode(frame, known) == Depth("BTCUSDT", 7, 7, 0, 5, 5, *sides)
    frame = json.dumps({"trades_p": [[5, "Buy", "86540.3", "1"]], **told}).encode()
    trade, _ = VENUE.decode(frame, known)
    assert (trade.price_e, trade.qty_e, trade.side) == (8654030000000, 10**8, 1)
    for wrong in ("86540.123456789", "-1", "x"):
        frame = json.dumps({"orderbook_p": {"bids": [[wrong, "1"]]}, **told}).encode()
        with pytest.raises(ValueError, match="bids: a level that does not fit"):
            VENUE.decode(frame, known)


def test_trades_are_numbered_by_sequence_and_place() -> None:
    rows = [[5, "Buy", 11, 2], [5, "Buy", 11, 2], [6, "Sell", 10, 1]]
    found = decoded({"sequence": 9, "symbol": "BTCUSD", "trades": rows, "type": "incremental"})
    *trades, said = found
    assert [(one.trade_id, one.side) for one in trades] == [(9216, 1), (9217, 1), (9218, 2)]
    assert said == Traded("BTCUSD", 9, ABSENT, ABSENT)


@pytest.mark.parametrize(
    ("side", "bid_most", "ask_least"), [("Buy", ABSENT, 10), ("Sell", 12, ABSENT)]
)
def test_trades_of_one_side_say_what_their_book_cannot_hold(
    side: str, bid_most: int, ask_least: int
) -> None:
    rows = [[5, side, 11, 2], [5, side, 10, 2], [6, side, 12, 1]]
    found = decoded({"sequence": 9, "symbol": "BTCUSD", "trades": rows, "type": "incremental"})
    assert found[3:] == [Traded("BTCUSD", 9, bid_most, ask_least)]


def test_what_is_not_configured_and_what_is_not_known() -> None:
    assert decoded(BOOK | {"symbol": "X"}) == UnknownSymbol("X", "book")
    trades = {"sequence": 9, "symbol": "X", "trades": [], "type": "snapshot"}
    assert decoded(trades) == UnknownSymbol("X", "trades")
    kline = {"kline": [], "sequence": 1, "symbol": "X", "type": "snapshot"}
    assert decoded(kline) == UnknownSymbol("X", "kline")
    assert decoded({"position_info": {}}) == UnknownEvent("position_info")
    assert decoded({"index_market24h": {}, "timestamp": 1}) == UnknownEvent("index_market24h")


TRADES: dict[str, Any] = {
    "sequence": 9,
    "symbol": "BTCUSD",
    "trades": [[5, "Buy", 11, 2]],
    "type": "incremental",
}


@pytest.mark.parametrize(
    ("message", "word"),
    [
        (BOOK | {"sequence": 0}, "book: sequence"),
        (BOOK | {"sequence": -1, "type": "incremental"}, "book: sequence"),
        (BOOK | {"sequence": 2**63, "type": "incremental"}, "book: sequence"),
        (BOOK | {"timestamp": -1}, "book: timestamp"),
        (BOOK | {"type": "full"}, "book: type"),
        (BOOK | {"depth": -1}, "book: depth"),
        (BOOK | {"book": {"asks": [[1]], "bids": []}}, "book: asks: a level without"),
        (BOOK | {"book": {"asks": [], "bids": [[-1, 1]]}}, "book: bids: a level that does"),
        (BOOK | {"book": {"asks": [], "bids": [[1, 2**63]]}}, "book: bids: a level that does"),
        (BOOK | {"book": {"asks": [["1", 1]], "bids": []}}, "int"),
        (BOOK | {"book": {"asks": [[1.5, 1]], "bids": []}}, "int"),
        (TRADES | {"trades": [[5, "Buy", 11]]}, "trades: a row that is too short"),
        (TRADES | {"trades": [[5, "Bid", 11, 2]]}, "trades: a row that is none"),
        (TRADES | {"trades": [[5, "Buy", "x", 2]]}, "trades: a row that is none"),
        (TRADES | {"trades": [[5, "Buy", 11, -2]]}, "trades: a row that is none"),
        (TRADES | {"trades": [[5, "Buy", 11, 2]] * 1025}, "trades: more than can"),
        (TRADES | {"sequence": 2**54}, "trades: more than can"),
        (TRADES | {"type": ""}, "trades: type"),
        (DAY | {"market24h": DAY["market24h"] | {"markPrice": 2**60}}, "markPrice"),  # type: ignore[operator]
        ({"symbol": "BTCUSD"}, "neither"),
    ],
    ids=str,
)
def test_what_is_no_event_says_where(message: dict[str, Any], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        decoded(message)


@pytest.mark.parametrize("frame", [b"", b"{", b"[]", b"null", b"[" * 100_000, b'{"book":' * 9999])
def test_what_is_no_json_object_is_a_value_error(frame: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        VENUE.decode(frame, scales)


# Control messages


def test_one_symbol_a_subscription_and_one_for_the_day() -> None:
    rows = {
        channel: VENUE.subscription(BTCUSD, channel, {})
        for channel in (Channel.DEPTH, Channel.BBO, Channel.TRADE, Channel.MARK_PRICE)
    }
    sent = [json.loads(VENUE.subscribe([row.stream], 7)) for row in rows.values()]
    assert sent == [
        {"id": 7, "method": "orderbook.subscribe", "params": ["BTCUSD"]},
        {"id": 7, "method": "orderbook.subscribe", "params": ["BTCUSD"]},
        {"id": 7, "method": "trade.subscribe", "params": ["BTCUSD"]},
        {"id": 7, "method": "market24h.subscribe", "params": []},
    ]
    decimals = [VENUE.subscription(LISTED["BTCUSDT"], channel, {}).stream for channel in rows]
    assert [json.loads(VENUE.subscribe([stream], 7)) for stream in decimals] == [
        {"id": 7, "method": "orderbook_p.subscribe", "params": ["BTCUSDT"]},
        {"id": 7, "method": "orderbook_p.subscribe", "params": ["BTCUSDT"]},
        {"id": 7, "method": "trade_p.subscribe", "params": ["BTCUSDT"]},
        {"id": 7, "method": "perp_market24h_pack_p.subscribe", "params": []},
    ]
    assert VENUE.limits.streams_per_message == 1
    assert [row.sparse for row in rows.values()] == [False, True, True, True]
    with pytest.raises(ValueError, match="speed"):
        VENUE.subscription(BTCUSD, Channel.DEPTH, {"speed": 1})


def test_the_heartbeat_is_the_documented_one() -> None:
    heartbeat = VENUE.heartbeat
    assert heartbeat.ping is not None
    assert json.loads(heartbeat.ping(3)) == {"id": 3, "method": "server.ping", "params": []}
    assert heartbeat.silence_ns == 3 * heartbeat.ping_every_ns == 15 * 10**9


def test_streams_that_are_shared_fill_a_connection_once() -> None:
    every = [Channel.DEPTH, Channel.BBO, Channel.TRADE, Channel.MARK_PRICE]
    selection = select(VENUE, list(LISTED.values()), [], [Wish(["*"], every, True, {})])
    chosen = ["BTCUSD", "cETHUSD", "cXRPUSD", "BTCUSDT"]
    assert [one.instrument.symbol for one in selection.chosen] == chosen
    (shard,) = shards(VENUE, selection.chosen)
    assert len({row.stream for row in shard.streams["public"]}) == 4 * 2 + 2


# Products


def test_the_scales_are_the_products() -> None:
    assert (
        Instrument(
            symbol="BTCUSD",
            exchange="Phemex",
            base="BTC",
            quote="USD",
            margin="BTC",
            indexes=((1, ".BTC"), (2, ".MBTC"), (4, ".BTCFR8H"), (5, ".BTCFR")),
            contract=ContractType.PERPETUAL,
            status=Status.TRADING,
            price_exponent=4,
            qty_exponent=0,
            price_digits=1,
            qty_digits=0,
            tick_e=1000,
            step_e=1,
            min_price_e=100000,
            max_price_e=10000000000,
            min_qty_e=1,
            max_qty_e=20000000,
            contract_size_e=10**8,
            inverse=True,
            ratio_exponent=8,
            value_exponent=8,
        )
        == BTCUSD
    )
    linear = LISTED["ETHUSD"]
    assert (linear.base, linear.margin, linear.inverse) == ("ETH", "USD", False)
    assert (linear.contract_size_e, linear.value_exponent) == (500_000, 4)
    assert linear.status is Status.CLOSED
    assert LISTED["cETHUSD"].margin == "ETH"


def test_spot_is_not_listed_here() -> None:
    named = {product["symbol"] for product in json.loads(PRODUCTS)["data"]["products"]}
    assert {"BTCUSDT", "sBTCUSDT"} <= named
    assert set(LISTED) == named - {"sBTCUSDT"}


def test_contracts_with_decimal_texts_have_eight_decimals() -> None:
    assert LISTED["BTCUSDT"] == Instrument(
        symbol="BTCUSDT",
        exchange="Phemex",
        base="BTC",
        quote="USDT",
        margin="USDT",
        indexes=((1, ".BTCUSDT"), (2, ".MBTCUSDT"), (4, ".BTCUSDTFR8H"), (5, ".BTCUSDTFR")),
        contract=ContractType.PERPETUAL,
        status=Status.TRADING,
        price_exponent=8,
        qty_exponent=8,
        price_digits=1,
        qty_digits=4,
        tick_e=10**7,
        step_e=10**4,
        min_price_e=1000 * 10**8,
        max_price_e=500_000 * 10**8,
        min_qty_e=10**4,
        max_qty_e=1000 * 10**8,
        min_notional_e=10**8,
    )


def test_contracts_with_decimal_texts_may_have_a_list_of_their_own() -> None:
    product = {
        "symbol": "A", "type": "PerpetualV2", "status": "Listed", "settleCurrency": "USDT",
        "quoteCurrency": "USDT", "tickSize": 1e-05, "qtyStepSize": 1.0,
    }  # fmt: skip
    wrong = [
        product | {"symbol": "B", "qtyStepSize": 0},
        product | {"symbol": "C", "tickSize": 1e-09},
    ]
    data = {"products": [], "perpProductsV2": [product, *wrong]}
    body = json.dumps({"code": 0, "data": data}).encode()
    listing = VENUE.instruments(body)
    assert drained(VENUE.instruments_in_pieces(body)) == (listing, ())
    (found,) = listing.instruments
    assert (found.tick_e, found.price_digits, found.max_qty_e) == (1000, 5, ABSENT)
    assert [fault.partition(":")[0] for fault in listing.faults] == ["B", "C"]


OLD = {
    "symbol": "BTCUSD",
    "underlyingSymbol": ".BTC",
    "quoteCurrency": "USD",
    "settlementCurrency": "BTC",
    "maxOrderQty": 1000000,
    "maxPriceEp": 10000000000,
    "lotSize": 1,
    "tickSize": "0.5",
    "contractSize": "1 USD",
    "priceScale": 4,
    "ratioScale": 8,
    "valueScale": 8,
    "fundingInterval": 8,
}
LINEAR = OLD | {
    "symbol": "ETHUSD",
    "underlyingSymbol": ".ETH",
    "settlementCurrency": "USD",
    "contractSize": "0.005 ETH",
    "tickSize": "0.05",
    "valueScale": 4,
}


def answer(*products: dict[str, Any]) -> bytes:
    return json.dumps({"code": 0, "msg": "OK", "data": products}).encode()


def test_the_list_of_2020() -> None:
    inverse, linear = VENUE.instruments(answer(OLD, LINEAR)).instruments
    assert (inverse.tick_e, inverse.price_digits, inverse.inverse) == (5000, 1, True)
    assert (linear.base, linear.contract_size_e, linear.inverse) == ("ETH", 500_000, False)
    assert linear.value_exponent == 4


@pytest.mark.parametrize(
    "body", [PRODUCTS, (GOLDEN / "products_2021.json").read_bytes(), answer(OLD)]
)
def test_in_pieces_it_is_the_same(body: bytes) -> None:
    assert drained(VENUE.instruments_in_pieces(body)) == (VENUE.instruments(body), ())


@pytest.mark.parametrize(
    "name", ["phemex_products_202107.txt.gz", "phemex_products_v2_202508.json.gz"]
)
def test_the_whole_real_lists(name: str, recordings: Path) -> None:
    body = gzip.decompress((recordings / "metadata" / name).read_bytes())
    body = body[body.index(b"{") :].splitlines()[0]
    listing = VENUE.instruments(body)
    assert not listing.faults
    assert len(listing.instruments) == {"2": 37, "v": 166 + 614}[name[16]]
    assert drained(VENUE.instruments_in_pieces(body)) == (listing, ())
    trading = [one for one in listing.instruments if one.status is Status.TRADING]
    scales = {(one.price_exponent, one.qty_exponent, one.margin in HEDGED) for one in trading}
    assert scales <= {(4, 0, False), (8, 8, True)}


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"tickSize": "0.00001"}, "tickSize"),
        ({"tickSize": "0"}, "tickSize"),
        ({"tickSize": None}, "tickSize"),
        ({"contractSize": "x USD"}, "contractSize"),
        ({"lotSize": -1}, "lotSize"),
        ({"priceScale": 19}, "price_scale"),
        ({"priceScale": None}, "priceScale"),
        ({"maxPriceEp": 2**62}, "max_price_ep"),
        ({"symbol": "X" * 64}, "symbol"),
    ],
    ids=str,
)
def test_one_bad_product_costs_only_itself(fields: dict[str, Any], word: str) -> None:
    body = answer(OLD | fields, LINEAR)
    listing = VENUE.instruments(body)
    assert [one.symbol for one in listing.instruments] == ["ETHUSD"]
    assert word in listing.faults[0]
    assert drained(VENUE.instruments_in_pieces(body))[0] == listing


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"data":"x"}', b'{"data":{"products":[{]}}', b'{"da']
)
def test_an_answer_that_is_none(body: bytes) -> None:
    with pytest.raises(ValueError, match="products"):
        VENUE.instruments(body)
    with pytest.raises(ValueError, match="products"):
        drained(VENUE.instruments_in_pieces(body))


# REST


def test_a_book_below_md() -> None:
    result = {"book": BOOK["book"], "depth": 30, "sequence": 9, "symbol": "BTCUSD", "timestamp": 4}
    body = json.dumps({"error": None, "id": 0, "result": result}).encode()
    assert VENUE.snapshot(body, BTCUSD) == Snapshot(9, 4, [10, 4, 9, 1], [11, 2, 12, 3])
    request = VENUE.snapshot_request(BTCUSD)
    assert request.target == "/md/orderbook?symbol=BTCUSD"
    with pytest.raises(ValueError, match="BTCUSD: book answer: no result"):
        VENUE.snapshot(b'{"error":{"code":6001,"message":"invalid argument"},"id":0}', BTCUSD)


def test_what_is_left_of_a_group_says_what_was_used() -> None:
    headers = {"X-RateLimit-Remaining-CONTRACT": "498", "x-ratelimit-capacity-contract": "500"}
    assert VENUE.used(headers) == {"x-ratelimit-remaining-contract": 2}
    assert VENUE.used({"x-ratelimit-remaining": "98"}) == {"x-ratelimit-remaining": 2}
    assert VENUE.used({"x-ratelimit-remaining-other": "1", "x-ratelimit-remaining": "x"}) == {}
    assert {pool.header for pool in limits.POOLS} >= {"x-ratelimit-remaining"}


# Recordings


def test_frames_of_books_are_told_from_others() -> None:
    books = {name for name, raw in FRAMES.items() if VENUE.depth_stream(raw)[0]}
    contracts = {"book_2020", "change_ask_2020", "change_bid_2020", "book_2021", "change_2021"}
    assert books == contracts | {"book_p_2026"}
    assert VENUE.depth_stream(FRAMES["book_2021"]) == ("XTZUSD", "orderbook.XTZUSD")
    assert VENUE.recorded(PRODUCTS) == "products"
    assert not any(VENUE.recorded(raw) for raw in FRAMES.values())


def test_a_recordings_own_numbers_are_kept_as_they_are() -> None:
    found = VENUE.wire_instrument("XTZUSD", FRAMES["book_2020"])
    assert (found.price_exponent, found.qty_exponent, found.tick_e) == (0, 0, 5000)
    assert VENUE.wire_instrument("XTZUSD", FRAMES["change_2021"]).tick_e == 1
