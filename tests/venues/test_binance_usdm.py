"""Binance USD-M, market side: real frames to records, and every spelling the venue may choose."""

import json
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.model.instrument import ABSENT, ContractType, Instrument, Status
from connector.venues.binance_usdm import VENUE, configured
from connector.venues.binance_usdm.config import Config
from connector.venues.contract import (
    Bbo,
    Channel,
    Control,
    Depth,
    DepthLevels,
    Kline,
    MarkPrice,
    Outcome,
    Trade,
    UnknownEvent,
    UnknownSymbol,
    load,
)

GOLDEN = Path(__file__).parents[1] / "golden" / "binance_usdm"
FRAMES = {
    row["name"]: row["raw"].encode()
    for row in map(json.loads, (GOLDEN / "frames.jsonl").read_text().splitlines())
}
INFO = (GOLDEN / "exchange_info.json").read_bytes()
MS = 1_000_000


def scales(symbol: str) -> Instrument | None:
    """Every symbol of the frames, eight decimals for prices and quantities."""
    if symbol not in {"BTCUSDT", "ETHUSDT", "AKROUSDT", "CTKUSDT"}:
        return None
    return Instrument(
        symbol=symbol,
        exchange="BinanceU",
        price_exponent=8,
        qty_exponent=8,
        price_digits=2,
        qty_digits=3,
        tick_e=10**6,
        step_e=10**5,
    )


def e8(text: str) -> int:
    whole, _, fraction = text.partition(".")
    return int(whole + fraction.ljust(8, "0"))


EXPECTED = {
    "depth_2026": lambda event: (
        isinstance(event, Depth)
        and (event.first_id, event.last_id, event.prev_id)
        == (11289273841677, 11289273848795, 11289273841549)
        and event.venue_ns == 1786742884159 * MS
        and event.bids[:4] == [e8("200.00"), e8("57.006"), e8("1353.67"), e8("4.685")]
        and event.bids[5] == 0
        and len(event.asks) == 16
    ),
    "depth_testnet": lambda event: (
        event.bids == [] and event.asks == [e8("64346.70"), e8("589.8041")]
    ),
    "depth_2021": lambda event: (
        event.symbol == "AKROUSDT" and event.asks == [e8("0.01737"), e8("437848")]
    ),
    "depth_2022": lambda event: event.last_id == 1801732818363,
    "depth_2024": lambda event: event.prev_id == 4984033953043,
    "agg_trade_buy": lambda event: (
        isinstance(event, Trade)
        and event.aggregate
        and (event.trade_id, event.first_trade_id, event.last_trade_id)
        == (300238285, 521512568, 521512568)
        and event.side == 1
        and event.normal_qty_e == e8("0.0200")
    ),
    "agg_trade_sell": lambda event: event.side == 2 and event.price_e == e8("1882.58"),
    "agg_trade_2026": lambda event: event.first_trade_id == 7297376181,
    "agg_trade_2021": lambda event: event.qty_e == event.normal_qty_e == e8("10"),
    "book_ticker_testnet": lambda event: event.bid_qty_e == e8("73.3346"),
    "book_ticker_2026": lambda event: (
        (event.ask_price_e, event.ask_qty_e) == (e8("68005.10"), e8("0.857"))
    ),
    "book_ticker_2023": lambda event: event.update_id == 2710246762461,
    "book_ticker_raw": lambda event: isinstance(event, Bbo) and event.update_id == 10206941216683,
    "mark_price_testnet": lambda event: (
        isinstance(event, MarkPrice)
        and event.average_e == e8("64346.70000000")
        and event.settle_e == e8("64335.31235580")
        and event.rate_e == 5301
        and event.next_funding_ns == 1785052800000 * MS
    ),
    "mark_price_2026": lambda event: event.rate_e == -4435 and event.average_e == ABSENT,
    "mark_price_2023": lambda event: event.mark_e == e8("28155.10000000"),
    "kline": lambda event: isinstance(event, Kline) and event.close_e == e8("64346.70"),
    "kline_2021": lambda event: isinstance(event, Kline),
    "trade": lambda event: (
        isinstance(event, Trade)
        and not event.aggregate
        and event.side == 2
        and event.origin == 1
        and event.trade_id == event.first_trade_id == event.last_trade_id == 7297376207
    ),
    "trade_2022": lambda event: event.qty_e == e8("0.070"),
}


def test_every_golden_frame_is_read_here():
    assert set(FRAMES) == set(EXPECTED) | {"snapshot"}


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_real_frames_decode_to_what_they_say(name):
    assert EXPECTED[name](VENUE.decode(FRAMES[name], scales))


def test_a_snapshot_decodes_best_first():
    instrument = scales("BTCUSDT")
    found = VENUE.snapshot(FRAMES["snapshot"], instrument)
    assert found.last_id == 359226328428
    assert found.venue_ns == 1785048698972 * MS
    assert found.bids[:2] == [e8("64336.00"), e8("69.0738")]
    assert found.asks[-2:] == [e8("64348.80"), e8("622.4083")]
    assert VENUE.recorded(FRAMES["snapshot"]) == "depth"
    levels = ",".join(['["64336.00","69.0738"]'] * 100)
    backwards = f'{{"asks":[{levels}],"bids":[{levels}],"lastUpdateId":5}}'.encode()
    assert VENUE.recorded(backwards) == "depth"
    assert VENUE.recorded(INFO) == "exchangeInfo"
    assert not any(VENUE.recorded(FRAMES[name]) for name in EXPECTED)


def respelled(value, as_text: bool, backwards: bool):
    """The same message: keys in another order, numbers as strings or strings as numbers."""
    if isinstance(value, dict):
        items = list(value.items())[:: -1 if backwards else 1]
        return {key: respelled(item, as_text, backwards) for key, item in items}
    if isinstance(value, list):
        return [respelled(item, as_text, backwards) for item in value]
    if isinstance(value, bool):
        return str(value).lower() if as_text else value
    if isinstance(value, int) and as_text:
        return str(value)
    if isinstance(value, str) and not as_text and value.replace(".", "").lstrip("-").isdigit():
        return msgspec.Raw(value.encode())
    return value


@pytest.mark.parametrize("name", sorted(EXPECTED))
@pytest.mark.parametrize("as_text", [True, False])
@pytest.mark.parametrize("backwards", [True, False])
def test_spelling_does_not_matter(name, as_text, backwards):
    message = respelled(json.loads(FRAMES[name]), as_text, backwards)
    frame = msgspec.json.format(msgspec.json.encode(message), indent=2)
    assert VENUE.decode(frame, scales) == VENUE.decode(FRAMES[name], scales)


def test_a_number_keeps_every_digit():
    frame = FRAMES["depth_testnet"].replace(b'"589.8041"', b"12345678901.12345678")
    assert VENUE.decode(frame, scales).asks[1] == 1234567890112345678


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b'"589.8041"', b'"589.804112345"', "a quantity: .*8 decimals"),
        (b'"589.8041"', b'"1e30"', "a quantity"),
        (b'"589.8041"', b'"-1"', "below zero"),
        (b'"589.8041"', b'"NaN"', "a quantity"),
        (b'"589.8041"', b'""', "a quantity: missing"),
        (b'"589.8041"', b"null", "a quantity: missing"),
        (b'"589.8041"', b"{}", "a quantity"),
        (b',"589.8041"', b"", "level without"),
        (b'"pu":359220613550,', b"", "pu"),
        (b'"u":359220619477,', b'"u":3.5,', "u: .*decimals"),
        (b'"u":359220619477,', b'"u":99999999999999999999,', "u:"),
        (b'"E":1785048482829', b'"E":-5', "E:"),
        (b'"E":1785048482829', b'"E":9300000000000', "E:"),
        (b'"s":"BTCUSDT"', b'"s":null', "depthUpdate"),
        (b'"a":[[', b'"a":[["', "malformed"),
    ],
)
def test_what_is_wrong_is_named(old, new, words):
    frame = FRAMES["depth_testnet"]
    assert old in frame
    with pytest.raises(ValueError, match=words):
        VENUE.decode(frame.replace(old, new), scales)


@given(st.data())
def test_decoding_is_total(data):
    """Any damage to a real frame is an event or a ValueError, never another exception."""
    frame = bytearray(data.draw(st.sampled_from(sorted(FRAMES.values()))))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(frame) - 1))
        match data.draw(st.integers(0, 3)):
            case 0:
                frame[at] = data.draw(st.integers(0, 255))
            case 1:
                del frame[at:]
            case 2:
                frame[at:at] = data.draw(st.binary(max_size=5))
            case _:
                del frame[at : at + 8]
        if not frame:
            break
    payload = bytes(frame)
    VENUE.depth_stream(payload)
    VENUE.recorded(payload)
    with suppress(ValueError):
        VENUE.decode(payload, scales)


@pytest.mark.parametrize("frame", [b"[" * 100_000, b'{"e":' * 50_000, b'{"data":' + b"[" * 100_000])
def test_deep_nesting_is_an_error_like_any_other(frame):
    with pytest.raises(ValueError, match=r"nested|malformed|truncated|Expected"):
        VENUE.decode(frame, scales)


def test_blank_optional_numbers_are_absent():
    """Quarterly contracts push an empty funding rate."""
    frame = (
        FRAMES["mark_price_2023"].replace(b'"r":"0.00002760"', b'"r":""').replace(b'"i":', b'"_":')
    )
    event = VENUE.decode(frame, scales)
    assert (event.rate_e, event.index_e) == (ABSENT, ABSENT)


def test_trades_of_other_origin_are_marked():
    frame = FRAMES["trade"].replace(b'"X":"MARKET"', b'"X":"INSURANCE_FUND"')
    assert VENUE.decode(frame, scales).origin == 2


def test_symbols_that_are_not_configured_are_told_apart():
    frame = FRAMES["depth_2026"].replace(b"ETHUSDT", "币安人生USDT".encode())
    assert VENUE.decode(frame, scales) == UnknownSymbol("币安人生USDT", "depthUpdate")
    assert VENUE.depth_stream(frame) == ("币安人生USDT", "ethusdt@depth@100ms")
    escaped = json.dumps(json.loads(frame)).encode()
    assert b"\\u5e01" in escaped
    assert VENUE.depth_stream(escaped) == VENUE.depth_stream(frame)


@pytest.mark.parametrize("kind", [b"depth20", b"depth5@100ms", b"depth20@0ms", b"rpiDepth@500ms"])
def test_depth_streams_of_another_kind_do_not_touch_the_book(kind):
    frame = FRAMES["depth_2026"].replace(b"@depth@100ms", b"@" + kind)
    assert isinstance(VENUE.decode(frame, scales), DepthLevels)
    assert VENUE.depth_stream(frame) == ("", "")
    other = frame.replace(b"@" + kind, b"@depthOfTomorrow")
    assert VENUE.decode(other, scales) == UnknownEvent("depthOfTomorrow")


@pytest.mark.parametrize("kind", [b"depth", b"depth@0ms", b"depth@100ms", b"depth@500ms"])
def test_every_pace_of_the_diff_stream_is_the_book(kind):
    frame = FRAMES["depth_2026"].replace(b"@depth@100ms", b"@" + kind)
    assert isinstance(VENUE.decode(frame, scales), Depth)
    assert VENUE.depth_stream(frame) == ("ETHUSDT", f"ethusdt@{kind.decode()}")


def test_an_array_of_events_is_a_list():
    rows = (
        b"["
        + b",".join(
            json.dumps(json.loads(FRAMES[name])["data"]).encode()
            for name in ("mark_price_2023", "mark_price_2026")
        )
        + b"]"
    )
    wrapped = b'{"stream":"!markPrice@arr","data":' + rows + b"}"
    for frame in (rows, wrapped):
        events = VENUE.decode(frame, scales)
        assert [type(event) for event in events] == [MarkPrice, MarkPrice]


@pytest.mark.parametrize(
    ("frame", "control"),
    [
        (b'{"result":null,"id":7}', Control(7, True)),
        (b'{"id":"7","result":["a@depth"]}', Control(7, True, result=["a@depth"])),
        (b'{"code":2,"msg":"Invalid request"}', Control(None, False, False, "2: Invalid request")),
        (
            b'{"error":{"code":3,"msg":"Invalid JSON"},"id":9}',
            Control(9, False, True, "3: Invalid JSON"),
        ),
        (
            b'{"code":0,"msg":"Unknown property","id":1}',
            Control(1, False, False, "0: Unknown property"),
        ),
        (b'{"error":null,"result":true,"id":2}', Control(2, True, result=True)),
    ],
)
def test_control_answers_come_bare_and_wrapped(frame, control):
    assert VENUE.decode(frame, scales) == control


@pytest.mark.parametrize("frame", [b"", b"{}", b"null", b"5", b'"x"', b'{"stream":"a"}', b"\xff"])
def test_what_is_neither_event_nor_answer_is_refused(frame):
    with pytest.raises(ValueError, match=r"\w"):
        VENUE.decode(frame, scales)


# Instruments


def info(**changes) -> bytes:
    """An exchangeInfo of two symbols, the second changed as a path says."""
    document = json.loads(INFO)
    rows = {row["symbol"]: row for row in document["symbols"]}
    other = rows["ETHUSDT"]
    for name, value in changes.items():
        head, _, field = name.partition("__")
        if not field:
            other[name] = value
            continue
        for row in other["filters"]:
            if row["filterType"] == head:
                row[field] = value
    document["symbols"] = [rows["BTCUSDT"], other]
    return json.dumps(document).encode()


def test_instruments_are_exact():
    found = {row.symbol: row for row in VENUE.instruments(INFO).instruments}
    btc = found["BTCUSDT"]
    assert (btc.price_exponent, btc.qty_exponent, btc.price_digits, btc.qty_digits) == (8, 8, 2, 3)
    assert (btc.tick_e, btc.step_e) == (e8("0.10"), e8("0.001"))
    assert (btc.min_price_e, btc.max_price_e) == (e8("261.10"), e8("809484"))
    assert (btc.min_notional_e, btc.multiplier_up_e) == (e8("100"), e8("1.0500"))
    assert (btc.base, btc.quote, btc.margin) == ("BTC", "USDT", "USDT")
    assert (btc.status, btc.contract) == (Status.TRADING, ContractType.PERPETUAL)
    assert btc.onboard_ns == 1569398400000 * MS
    assert found["BTCUSDT_251226"].contract is ContractType.DELIVERY
    assert "测试测试USDT" in found
    assert found["OPENUSDT"].tick_e == 1, "a tick of 0 disables the rule"
    delivering = [row for row in found.values() if row.status is Status.SETTLING]
    assert delivering
    assert delivering[0].contract is ContractType.DELIVERY


def test_display_precision_is_never_the_tick():
    found = VENUE.instruments(info(pricePrecision=7, PRICE_FILTER__tickSize="0.0500")).instruments[
        1
    ]
    assert (found.tick_e, found.price_digits) == (e8("0.05"), 7)


@pytest.mark.parametrize(
    ("changes", "price_exponent"),
    [
        ({"PRICE_FILTER__tickSize": "0.0000000001", "PRICE_FILTER__maxPrice": "1"}, 10),
        ({"PRICE_FILTER__maxPrice": "100000000000"}, 7),
        ({"PRICE_FILTER__maxPrice": "10000000000000000"}, 2),
        (
            {
                "PRICE_FILTER__minPrice": 0,
                "PRICE_FILTER__maxPrice": 4611686018427387903,
                "pricePrecision": 0,
                "PRICE_FILTER__tickSize": 1,
            },
            0,
        ),
    ],
)
def test_the_scale_is_as_fine_as_the_largest_price_allows(changes, price_exponent):
    listing = VENUE.instruments(info(**changes))
    assert listing.faults == []
    assert listing.instruments[1].price_exponent == price_exponent
    assert listing.instruments[1].max_price_e < 2**62


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"PRICE_FILTER__maxPrice": "100000000000000000"}, "PRICE_FILTER.maxPrice"),
        ({"PRICE_FILTER__tickSize": "x"}, "PRICE_FILTER.tickSize"),
        ({"PRICE_FILTER__tickSize": "-1"}, "PRICE_FILTER.tickSize"),
        ({"LOT_SIZE__stepSize": ""}, "LOT_SIZE.stepSize"),
        ({"LOT_SIZE__maxQty": "1e40"}, "LOT_SIZE.maxQty"),
        ({"filters": []}, "PRICE_FILTER: missing"),
        ({"filters": 5}, "filters"),
        ({"pricePrecision": None}, "pricePrecision"),
        ({"pricePrecision": 40}, "pricePrecision"),
        ({"onboardDate": "soon"}, "onboardDate"),
        ({"symbol": "BTCUSDT"}, "listed twice"),
        ({"symbol": "X" * 64}, "symbol"),
    ],
)
def test_one_bad_symbol_does_not_lose_the_others(changes, fault):
    listing = VENUE.instruments(info(**changes))
    assert [row.symbol for row in listing.instruments] == ["BTCUSDT"]
    name = changes.get("symbol", "ETHUSDT")
    (sentence,) = listing.faults
    assert sentence.startswith(f"{name}: ")
    assert fault in sentence


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("TRADING", Status.TRADING),
        ("BREAK", Status.HALTED),
        ("CLOSE", Status.CLOSED),
        ("NEW_WORD", 0),
    ],
)
def test_unknown_status_words_are_not_tradable(word, status):
    assert VENUE.instruments(info(status=word)).instruments[1].status == status


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"symbols":5}', INFO[:2000], b"[" * 100_000]
)
def test_an_answer_that_is_no_exchange_info_is_one_error(body):
    with pytest.raises(ValueError, match="exchangeInfo"):
        VENUE.instruments(body)


def test_pools_are_those_the_venue_states():
    found = {(row.name, row.window_ns): row for row in VENUE.pools_of(INFO)}
    assert found["weight", 60 * 10**9].limit == 6000
    assert found["orders", 10 * 10**9].header == "x-mbx-order-count-10s"
    assert VENUE.pools_of(b'{"symbols":[],"rateLimits":[{"rateLimitType":"LUNAR"}]}') == ()


def test_the_wire_shows_scale_and_grid():
    rows = [[f"{100 + 5 * level}.50", f"{level + 1}.125"] for level in range(30)]
    body = json.dumps({"lastUpdateId": 1, "bids": rows[:1], "asks": rows[1:]}).encode()
    found = VENUE.wire_instrument("XYZ", body)
    assert (found.price_digits, found.qty_digits) == (2, 3)
    assert (found.price_exponent, found.qty_exponent, found.tick_e) == (8, 8, e8("0.5"))
    few = json.dumps({"lastUpdateId": 1, "bids": rows[:2], "asks": []}).encode()
    assert VENUE.wire_instrument("XYZ", few).tick_e == e8("0.01"), "two prices say little"
    huge = json.dumps({"lastUpdateId": 1, "bids": [["1", "99999999999999"]], "asks": []}).encode()
    assert VENUE.wire_instrument("XYZ", huge).qty_exponent == 1, "a thousand times as much fits"


# Streams, requests, answers


@pytest.mark.parametrize(
    ("channel", "options", "stream"),
    [
        (Channel.DEPTH, {}, "btcusdt@depth@0ms"),
        (Channel.DEPTH, {"depth_speed": "100ms"}, "btcusdt@depth@100ms"),
        (Channel.DEPTH, {"depth_speed": "250ms"}, "btcusdt@depth"),
        (Channel.BBO, {}, "btcusdt@bookTicker"),
        (Channel.TRADE, {}, "btcusdt@trade"),
        (Channel.AGG_TRADE, {}, "btcusdt@aggTrade"),
        (Channel.MARK_PRICE, {}, "btcusdt@markPrice@1s"),
        (Channel.MARK_PRICE, {"mark_price_speed": "3s"}, "btcusdt@markPrice"),
    ],
)
def test_streams_are_named_as_the_venue_names_them(channel, options, stream):
    found = VENUE.subscription(scales("BTCUSDT"), channel, options)
    assert found.stream == stream
    assert found.channel is channel


def test_subscriptions_know_their_silence_and_period():
    found = VENUE.subscription(
        scales("BTCUSDT"), Channel.DEPTH, {"depth_speed": "100ms", "quiet_ms": 700}
    )
    assert (found.quiet_ns, found.period_ns) == (700 * MS, 100 * MS)
    with pytest.raises(ValueError, match="'depthspeed'"):
        VENUE.subscription(scales("BTCUSDT"), Channel.DEPTH, {"depthspeed": "100ms"})


def test_control_messages_carry_integers_as_ids():
    assert json.loads(VENUE.subscribe(["a@depth", "币@trade"], 3)) == {
        "method": "SUBSCRIBE",
        "params": ["a@depth", "币@trade"],
        "id": 3,
    }
    assert json.loads(VENUE.unsubscribe(["a@depth"], 4))["method"] == "UNSUBSCRIBE"


def test_every_channel_has_exactly_one_route():
    """A stream asked for on the wrong class of URL is acknowledged and then silent."""
    for trades in ("public", "market"):
        routes = configured(Config(trade_route=trades)).routes
        served = [channel for route in routes for channel in route.channels]
        others = {Channel.INDEX, Channel.KLINE_1Q, Channel.KLINE_1Y}
        wanted = set(Channel) - others
        assert sorted(row.value for row in served) == sorted(row.value for row in wanted)
        (home,) = [route.name for route in routes if Channel.TRADE in route.channels]
        assert home == trades


@pytest.mark.parametrize(
    ("limit", "weight"), [(5, 2), (10, 2), (20, 2), (50, 2), (100, 5), (500, 10), (1000, 20)]
)
def test_depth_costs_what_the_table_says(limit, weight):
    request = VENUE.endpoints["depth"].request(symbol="BTCUSDT", limit=limit)
    assert (request.weight, request.pool) == (weight, "weight")
    assert request.target == f"/fapi/v1/depth?symbol=BTCUSDT&limit={limit}"


def test_requests_are_checked_and_percent_encoded():
    depth = VENUE.endpoints["depth"].request(symbol="测试USDT")
    assert (depth.query, depth.weight) == ("symbol=%E6%B5%8B%E8%AF%95USDT", 10)
    assert VENUE.endpoints["premiumIndex"].request().weight == 10
    assert VENUE.endpoints["premiumIndex"].request(symbol="X").weight == 1
    with pytest.raises(ValueError, match="limit"):
        VENUE.endpoints["depth"].request(symbol="BTCUSDT", limit=7)
    with pytest.raises(ValueError, match="depth"):
        VENUE.endpoints["time"].request(depth=5)
    assert VENUE.snapshot_request(scales("BTCUSDT")).weight == 20
    assert VENUE.instruments_request().target == "/fapi/v1/exchangeInfo"


BANNED = b'{"code":-1003,"msg":"Way too many requests; IP banned until 1626992860000."}'


@pytest.mark.parametrize(
    ("status", "headers", "body", "outcome", "seconds"),
    [
        (200, {}, b'{"lastUpdateId":1}', Outcome.OK, 0),
        (200, {}, b"", Outcome.UNKNOWN, 0),
        (200, {}, b"<html>ok</html>", Outcome.UNKNOWN, 0),
        (200, {}, b'{"lastUpdateId":1,"bids":[["1', Outcome.UNKNOWN, 0),
        (200, {}, b"[" * 100_000, Outcome.UNKNOWN, 0),
        (200, {}, b'{"code":-1121,"msg":"Invalid symbol."}', Outcome.REJECTED, 0),
        (200, {}, b'{"code":200,"msg":"success"}', Outcome.OK, 0),
        (400, {}, b'{"code":-1121,"msg":"Invalid symbol."}', Outcome.REJECTED, 0),
        (404, {}, b"<html>not here</html>", Outcome.REJECTED, 0),
        (403, {}, b"<html>blocked</html>", Outcome.BANNED, 300),
        (403, {"Retry-After": "7"}, b"", Outcome.BANNED, 7),
        (408, {}, b"", Outcome.UNKNOWN, 0),
        (418, {}, b"", Outcome.BANNED, 120),
        (418, {"RETRY-AFTER": "35"}, BANNED, Outcome.BANNED, 35),
        (418, {"date": "Thu, 22 Jul 2021 22:25:40 GMT"}, BANNED, Outcome.BANNED, 120),
        (418, {"date": "never"}, BANNED, Outcome.BANNED, 120),
        (429, {"retry-after": "30"}, b"", Outcome.THROTTLED, 30),
        (429, {"Retry-After": "soon"}, b"<html>", Outcome.THROTTLED, 60),
        (429, {"Retry-After": "99999999999"}, b"", Outcome.THROTTLED, 3 * 86400),
        (400, {}, b'{"code":-1003,"msg":"Too many requests."}', Outcome.THROTTLED, 60),
        (400, {}, BANNED, Outcome.BANNED, 120),
        (500, {}, b"<html>oops</html>", Outcome.UNKNOWN, 0),
        (502, {}, b"", Outcome.UNKNOWN, 0),
        (503, {}, b'{"code":-1001,"msg":"Internal error"}', Outcome.NOT_EXECUTED, 0),
        (503, {}, b'{"code":-1008,"msg":"throttled"}', Outcome.NOT_EXECUTED, 0),
        (503, {}, b"Service Unavailable.", Outcome.NOT_EXECUTED, 0),
        (
            503,
            {},
            b"Unknown error, please check your request or try again later.",
            Outcome.UNKNOWN,
            0,
        ),
        (400, {}, b'{"code":-1007,"msg":"Timeout"}', Outcome.UNKNOWN, 0),
        (200, {}, b'{"code":239999,"msg":"maintenance"}', Outcome.NOT_EXECUTED, 0),
        (400, {}, b'{"code":"-1121","msg":"Invalid symbol."}', Outcome.REJECTED, 0),
    ],
)
def test_answers_are_judged_by_what_may_follow(status, headers, body, outcome, seconds):
    answer = VENUE.judge(status, headers, body)
    assert (answer.outcome, answer.retry_after_ns) == (outcome, seconds * 10**9)
    if answer.outcome is not Outcome.OK:
        assert answer.message, "a person is told what came"


def test_a_ban_names_its_end():
    assert VENUE.judge(418, {}, BANNED).until_ns == 1626992860000 * MS


@given(status=st.integers(100, 599), value=st.text(max_size=20), body=st.binary(max_size=60))
def test_judging_never_raises(status, value, body):
    VENUE.judge(status, {"Retry-After": value, "Date": value}, body)
    VENUE.used({"X-MBX-USED-WEIGHT-1M": value})


def test_used_counts_are_read_in_any_case_and_negative_means_not_given():
    assert VENUE.used({"X-MBX-USED-WEIGHT-1m": "57", "x-mbx-order-count-10S": "3"}) == {
        "x-mbx-used-weight-1m": 57,
        "x-mbx-order-count-10s": 3,
    }
    assert VENUE.used({"x-mbx-used-weight-1m": "-1", "date": "now"}) == {}


def test_the_venue_is_found_by_folder_and_by_name():
    assert load("BINANCEU") is load("binance_usdm") is VENUE


def test_an_unknown_key_of_its_section_is_refused():
    with pytest.raises(msgspec.ValidationError, match="dept_speed"):
        msgspec.convert({"dept_speed": "0ms"}, Config)
    assert configured(Config(rest_url="http://127.0.0.1:1")).rest_url == "http://127.0.0.1:1"
