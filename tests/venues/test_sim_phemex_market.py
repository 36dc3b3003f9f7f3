"""The market side of the simulated Phemex: what it streams, what it answers, what it refuses."""

import json
from itertools import pairwise
from typing import Any

import pytest

from connector.venues.phemex import sim_limits
from connector.venues.phemex.sim import SIM
from connector.venues.phemex.sim_feeds import TRADES
from connector.venues.sim_contract import Refused
from tests.reference.phemex_venue import ClientBook, Phemex

SUCCESS = {"status": "success"}


@pytest.mark.parametrize(
    ("params", "depth"),
    [
        (["BTCUSD"], 30),
        (["BTCUSD", False, 0], 30),
        (["BTCUSD", False, 1], 1),
        (["BTCUSD", False, 5], 5),
        (["BTCUSD", True, 10], 10),
        (["BTCUSD", True], 0),
        (["BTCUSD", True, 0], 0),
    ],
)
def test_a_book_is_whole_at_first_and_then_says_every_change_of_its_window(
    params: list[Any], depth: int
) -> None:
    venue = Phemex()
    client = venue.client()
    assert client.ask("orderbook.subscribe", params)["result"] == SUCCESS
    venue.run(2500)
    venue.market.repeat("")
    venue.run(150)
    messages = client.of("book")
    while messages[-1]["type"] == "incremental":
        messages.pop()
    kinds = [each["type"] for each in messages]
    assert len(kinds) > 10
    assert kinds[0] == "snapshot"
    assert set(kinds[1:-1]) == {"incremental"}
    assert {each["depth"] for each in messages} == {depth}
    book = ClientBook()
    for before, message in pairwise([messages[0], *messages[:-1]]):
        book.take(message)
        if message["type"] == "incremental":
            assert message["sequence"] > before["sequence"]
        if depth:
            assert {len(side) for side in book.sides.values()} == {depth}
    assert book.book() == messages[-1]["book"]
    assert messages[-1]["sequence"] == messages[-2]["sequence"]
    assert book.unknown_deletes == 0
    both = book.book()
    assert both["bids"][0][0] < both["asks"][0][0]


def test_a_late_subscriber_starts_where_the_stream_stands() -> None:
    venue = Phemex()
    first, second = venue.client(), venue.client()
    first.ask("orderbook.subscribe", ["BTCUSD"])
    venue.run(500)
    book = ClientBook()
    for message in first.of("book"):
        book.take(message)
    second.ask("orderbook.subscribe", ["BTCUSD"])
    (snapshot,) = second.of("book")
    assert (snapshot["type"], snapshot["sequence"]) == ("snapshot", book.sequence)
    assert snapshot["book"] == book.book()
    venue.run(300)
    assert second.of("book")[1:] == first.of("book")[-len(second.of("book")) + 1 :]


def test_the_whole_book_is_said_again_after_a_minute() -> None:
    venue = Phemex(["cADAUSD"], rate=20)
    client = venue.client()
    client.ask("orderbook.subscribe", ["cADAUSD"])
    began_ms = venue.wall_ms()
    venue.run(59_900)
    assert [each["type"] for each in client.of("book")].count("snapshot") == 1
    venue.run(200)
    assert [each["type"] for each in client.of("book")].count("snapshot") == 2
    assert venue.wall_ms() - began_ms < 60_200


def test_symbols_share_one_sequence_and_never_a_value() -> None:
    venue = Phemex()
    client = venue.client()
    for symbol in ("BTCUSD", "cETHUSD"):
        client.ask("orderbook.subscribe", [symbol])
    venue.run(1000)
    seen = {
        symbol: [
            each["sequence"]
            for each in client.of("book")
            if each["symbol"] == symbol and each["type"] == "incremental"
        ]
        for symbol in ("BTCUSD", "cETHUSD")
    }
    assert not set(seen["BTCUSD"]) & set(seen["cETHUSD"])
    assert min(seen["BTCUSD"]) < max(seen["cETHUSD"])
    assert min(seen["cETHUSD"]) < max(seen["BTCUSD"])
    holes = [b - a for a, b in pairwise(seen["BTCUSD"])]
    assert min(holes) > 0
    assert max(holes) > 1


def test_a_drop_leads_to_a_snapshot_that_disagrees() -> None:
    venue = Phemex()
    client = venue.client()
    client.ask("orderbook.subscribe", ["BTCUSD"])
    venue.run(200)
    venue.faults.add({"kind": "drop", "stream": "BTCUSD@orderbook*", "count": 5})
    venue.run(200)
    venue.market.repeat("BTCUSD")
    venue.run(25)
    book = ClientBook()
    messages = client.of("book")
    while messages[-1]["type"] == "incremental":
        messages.pop()
    for message in messages[:-1]:
        book.take(message)
    assert len(messages) > 1
    assert messages[-1]["sequence"] == book.sequence
    assert messages[-1]["book"] != book.book()


def test_an_engine_that_counts_anew_sends_a_whole_book() -> None:
    venue = Phemex(["BTCUSD"])
    client = venue.client()
    client.ask("orderbook.subscribe", ["BTCUSD"])
    venue.run(200)
    high = client.of("book")[-1]["sequence"]
    venue.market.reset("BTCUSD")
    venue.run(100)
    low = next(each for each in client.of("book") if each["sequence"] < high)
    assert low["type"] == "snapshot"


def test_trades_begin_with_their_history_and_come_behind_their_book() -> None:
    venue = Phemex()
    client = venue.client()
    client.ask("trade.subscribe", ["BTCUSD"])
    client.ask("orderbook.subscribe", ["BTCUSD"])
    venue.run(3000)
    history, *fresh = client.of("trades")
    assert history["type"] == "snapshot"
    assert 0 < len(history["trades"]) <= TRADES
    for message in [history, *fresh]:
        times = [row[0] for row in message["trades"]]
        assert times == sorted(times, reverse=True)
        assert {row[1] for row in message["trades"]} <= {"Buy", "Sell"}
    assert len(fresh) > 10
    assert {each["type"] for each in fresh} == {"incremental"}
    numbers = [each["sequence"] for each in [history, *fresh]]
    assert numbers == sorted(set(numbers))
    book_at = 0
    for push in client.pushed:
        if "book" in push:
            book_at = push["sequence"]
        elif push.get("type") == "incremental":
            assert push["sequence"] <= book_at


def test_what_the_streams_and_rest_say_of_a_day_agrees() -> None:
    venue = Phemex()
    client = venue.client()
    assert client.ask("market24h.subscribe", [])["result"] == SUCCESS
    venue.run(2100)
    days = client.of("market24h")
    assert {each["market24h"]["symbol"] for each in days} == {"BTCUSD", "cETHUSD"}
    day = next(each for each in reversed(days) if each["market24h"]["symbol"] == "BTCUSD")
    row = day["market24h"]
    assert row["low"] <= row["open"] <= row["high"]
    assert row["low"] <= row["close"] <= row["high"]
    assert abs(row["markPrice"] / row["indexPrice"] - 1) < 0.001
    # An inverse contract turns over bitcoin: contracts / price, and so many contracts at least.
    assert row["turnover"] == pytest.approx(row["volume"] * 10**12 / row["close"], rel=0.01)
    first = json.loads(venue.get("/md/ticker/24hr", "symbol=BTCUSD").body)
    assert first["error"] is None
    assert first["result"].keys() == row.keys() | {"timestamp"}
    for path in ("/v1/md/ticker/24hr", "/md/v1/ticker/24hr"):
        later = json.loads(venue.get(path, "symbol=BTCUSD").body)["result"]
        assert (later["lastEp"], later["turnoverEv"]) == (
            first["result"]["close"], first["result"]["turnover"],
        )  # fmt: skip
        assert later["bidEp"] < later["askEp"]
    every = json.loads(venue.get("/md/v1/ticker/24hr/all").body)["result"]
    assert [each["symbol"] for each in every] == ["BTCUSD", "cETHUSD"]


def test_ticks_carry_the_scale_of_what_they_are() -> None:
    venue = Phemex(["cETHUSD"])
    client = venue.client()
    names = {".cETH": 4, ".McETH": 4, ".cETHFR": 8, ".cETHFR8H": 8, "cETHUSD": 4}
    for name in names:
        assert client.ask("tick.subscribe", [name])["result"] == SUCCESS
    venue.run(3100)
    ticks = [each["tick"] for each in client.of("tick")]
    assert {each["symbol"]: each["scale"] for each in ticks} == names
    counts = {name: sum(each["symbol"] == name for each in ticks) for name in names}
    assert counts[".McETH"] > 1
    assert counts[".cETHFR"] == counts[".cETHFR8H"] == 1
    client.ask("tick.unsubscribe", [])
    silent = len(client.pushed)
    venue.run(1500)
    assert len(client.pushed) == silent


def test_candles_begin_with_their_history_newest_first() -> None:
    venue = Phemex(["BTCUSD"], rate=50)
    client = venue.client()
    venue.get("/md/trade", "symbol=BTCUSD")
    venue.run(130_000)
    client.ask("kline.subscribe", ["BTCUSD", 60])
    venue.run(3000)
    history, *fresh = client.of("kline")
    rows = history["kline"]
    assert len(rows) == 3
    starts = [row[0] for row in rows]
    assert starts == sorted(starts, reverse=True)
    assert [row[2] for row in rows[:-1]] == [row[6] for row in rows[1:]]
    assert fresh
    assert all(row[1] == 60 for each in fresh for row in each["kline"])
    query = "symbol=BTCUSD&resolution=60&limit=5"
    asked = json.loads(venue.get("/exchange/public/md/v2/kline", query).body)
    assert asked["data"]["rows"][-1] == rows[-1]


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("orderbook.subscribe", []),
        ("orderbook.subscribe", ["NOSUCH"]),
        ("orderbook.subscribe", ["BTCUSDT"]),
        ("orderbook.subscribe", ["ETHUSD"]),
        ("orderbook.subscribe", [["BTCUSD"]]),
        ("orderbook.subscribe", ["BTCUSD", "cETHUSD"]),
        ("orderbook.subscribe", ["BTCUSD", False, 20]),
        ("orderbook.subscribe", ["BTCUSD", False, True]),
        ("orderbook.subscribe", "BTCUSD"),
        ("trade.subscribe", ["BTCUSD", "cETHUSD"]),
        ("kline.subscribe", ["BTCUSD"]),
        ("kline.subscribe", ["BTCUSD", 61]),
        ("tick.subscribe", [".NOSUCH"]),
        ("market24h.subscribe", ["BTCUSD"]),
        ("no.such", []),
    ],
)
def test_what_is_no_argument_is_refused_with_6001(method: str, params: Any) -> None:
    client = Phemex().client()
    answer = client.ask(method, params, 77)
    assert answer == {
        "error": {"code": 6001, "message": "invalid argument"}, "id": 77, "result": None,
    }  # fmt: skip
    assert client.heard == set()


def test_a_text_that_is_no_request_is_refused_without_an_id() -> None:
    client = Phemex().client()
    for text in (b"nonsense", b"[1]", b'{"id":1'):
        answer = client.send(text)
        assert (answer["error"]["code"], answer["id"]) == (6001, None)


def test_a_ping_is_answered_and_is_the_sign_of_life() -> None:
    client = Phemex().client()
    assert client.ask("server.ping", [], 9) == {"error": None, "id": 9, "result": "pong"}
    assert client.session.receive(b'{"id":1,"method":"server.ping","params":[]}').alive
    book = b'{"id":1,"method":"orderbook.subscribe","params":["BTCUSD"]}'
    assert not client.session.receive(book).alive


def test_unsubscribing_books_drops_all_of_them_and_only_without_a_symbol() -> None:
    venue = Phemex()
    client = venue.client()
    for symbol in ("BTCUSD", "cETHUSD"):
        client.ask("orderbook.subscribe", [symbol])
        client.ask("trade.subscribe", [symbol])
    assert client.ask("orderbook.unsubscribe", ["BTCUSD"])["result"] == SUCCESS
    assert len(client.heard) == 4
    assert client.ask("trade.unsubscribe", ["BTCUSD"])["result"] == SUCCESS
    assert client.heard == {"BTCUSD@orderbook", "cETHUSD@orderbook", "cETHUSD@trade"}
    assert client.ask("orderbook.unsubscribe", [])["result"] == SUCCESS
    assert client.heard == {"cETHUSD@trade"}
    client.pushed.clear()
    venue.run(200)
    assert not client.of("book")
    assert client.ask("trade.unsubscribe", [])["result"] == SUCCESS
    assert client.heard == set()


def test_a_subscription_too_many_is_refused_with_6015_until_one_goes() -> None:
    venue = Phemex()
    client = venue.client()
    forms: list[list[Any]] = [[], [False, 1], [False, 5], [False, 10], [True], [True, 1], [True, 5]]
    forms += [[True, 10], [True, 30]]
    for symbol in ("BTCUSD", "cETHUSD"):
        for form in forms:
            assert client.ask("orderbook.subscribe", [symbol, *form])["error"] is None
        assert client.ask("trade.subscribe", [symbol])["error"] is None
    assert len(client.heard) == 20
    refused = client.ask("kline.subscribe", ["BTCUSD", 60])
    assert refused["error"] == {"code": 6015, "message": "subscription limit exceeded"}
    assert client.ask("trade.subscribe", ["BTCUSD"])["error"] is None, "it has that one"
    client.ask("trade.unsubscribe", ["BTCUSD"])
    assert client.ask("kline.subscribe", ["BTCUSD", 60])["error"] is None


@pytest.mark.parametrize("params", [["API", "key", "signature", 1], [], ["API"]])
def test_private_channels_need_a_login_that_succeeds(params: list[Any]) -> None:
    client = Phemex().client()
    refusal = {"code": 6012, "message": "invalid login token"}
    assert client.ask("user.auth", params)["error"] == refusal
    assert client.ask("aop.subscribe", [])["error"] == refusal


# REST


def test_products_list_what_trades_and_what_is_gone() -> None:
    venue = Phemex()
    answer = json.loads(venue.get("/public/products").body)
    assert (answer["code"], answer["msg"]) == (0, "OK")
    rows = {row["symbol"]: row for row in answer["data"]["products"]}
    assert {name for name, row in rows.items() if row["status"] == "Listed"} == {
        "BTCUSD", "cETHUSD",
    }  # fmt: skip
    assert rows["ETHUSD"]["status"] == "Delisted"
    btc = rows["BTCUSD"]
    assert (btc["settleCurrency"], btc["quoteCurrency"]) == ("BTC", "USD")
    assert (btc["tickSize"], btc["priceScale"], btc["contractSize"]) == (0.1, 4, 1.0)
    assert (btc["indexSymbol"], btc["markSymbol"]) == (".BTC", ".MBTC")
    assert (btc["fundingRateSymbol"], btc["fundingRate8hSymbol"]) == (".BTCFR", ".BTCFR8H")
    scales = {row["currency"]: row["valueScale"] for row in answer["data"]["currencies"]}
    assert (scales["BTC"], scales["ETH"], scales["USD"]) == (8, 8, 4)
    old = json.loads(venue.get("/exchange/public/products").body)["data"]
    assert [(row["symbol"], row["tickSize"], row["contractSize"]) for row in old] == [
        ("BTCUSD", "0.1", "1 USD"), ("cETHUSD", "0.01", "1 USD"),
    ]  # fmt: skip
    for body in (venue.get("/public/products").body, venue.get("/exchange/public/products").body):
        (found, _) = SIM.contracts(body)
        assert (found.symbol, found.tick, found.settle, found.inverse) == (
            "BTCUSD", "0.1", "BTC", True,
        )  # fmt: skip


@pytest.mark.parametrize("path", ["/md/orderbook", "/md/trade", "/md/ticker/24hr", "/md/fullbook"])
@pytest.mark.parametrize("query", ["", "symbol=NOSUCH", "symbol=ETHUSD", "symbol=BTCUSD&id=x"])
def test_market_data_that_is_not_understood_is_500_with_6001(path: str, query: str) -> None:
    answer = Phemex().get(path, query)
    assert answer.status == 500
    assert json.loads(answer.body) == {
        "error": {"code": 6001, "message": "invalid argument"}, "id": None, "result": None,
    }  # fmt: skip


def test_rest_gives_the_book_of_the_stream() -> None:
    venue = Phemex()
    client = venue.client()
    client.ask("orderbook.subscribe", ["BTCUSD"])
    answer = json.loads(venue.get("/md/orderbook", "symbol=BTCUSD&id=5").body)
    (snapshot,) = client.of("book")
    assert answer["id"] == 5
    assert answer["result"] == snapshot
    full = json.loads(venue.get("/md/fullbook", "symbol=BTCUSD").body)["result"]
    assert full["depth"] == 0
    assert len(full["book"]["bids"]) > 500
    assert full["book"]["asks"][:30] == snapshot["book"]["asks"]


def test_a_book_from_before_is_a_whole_answer_too() -> None:
    venue = Phemex()
    venue.run(500)
    now = json.loads(venue.get("/md/orderbook", "symbol=BTCUSD").body)
    old = json.loads(venue.market.old_depth("BTCUSD", 30, venue.wall_ms()))
    assert old.keys() == now.keys()
    assert old["result"].keys() == now["result"].keys()
    assert [len(side) for side in old["result"]["book"].values()] == [30, 30]
    assert old["result"]["sequence"] < now["result"]["sequence"]


def test_the_clock_and_paths_that_are_not() -> None:
    venue = Phemex()
    now = json.loads(venue.get("/public/time").body)["data"]["serverTime"]
    assert now == venue.wall_ms()
    assert (venue.get("/no/such").status, venue.get("/no/such").body) == (403, b"")
    missing = json.loads(venue.get("/exchange/public/md/v2/kline", "symbol=BTCUSD").body)
    assert (missing["code"], missing["msg"]) == (412, "Missing parameter - resolution")
    assert venue.get("/public/time", **{"x-phemex-request-tracing": "t1"}).headers[
        "x-phemex-request-tracing"
    ] == ("t1")


def test_a_group_has_its_minute_and_says_when_to_come_back() -> None:
    venue = Phemex()
    left = [venue.get("/public/time").headers["x-ratelimit-remaining"] for _ in range(100)]
    assert (left[0], left[-1]) == ("99", "0")
    refused = venue.get("/public/time")
    assert refused.status == 429
    assert json.loads(refused.body)["code"] == "39995"
    wait_s = int(refused.headers["x-ratelimit-retry-after"])
    assert 0 < wait_s <= 60
    assert venue.rest.throttled == 1
    assert venue.get("/md/trade", "symbol=BTCUSD").status == 200, "it counts in no group"
    venue.now_ns += wait_s * 10**9
    assert venue.get("/public/time").status == 200


def test_an_address_that_asks_too_often_is_turned_away_for_five_minutes() -> None:
    limiter = sim_limits.Limiter()
    for _ in range(5000):
        assert limiter.take("1.2.3.4", "1.2.3.4", "/md/trade", 0).served
    refused = limiter.take("1.2.3.4", "1.2.3.4", "/md/trade", 1)
    assert not refused.served
    assert refused.headers == {"x-ratelimit-retry-after": "300"}
    assert limiter.take("5.6.7.8", "5.6.7.8", "/md/trade", 1).served
    assert not limiter.take("1.2.3.4", "1.2.3.4", "/md/trade", 299_000).served
    assert limiter.take("1.2.3.4", "1.2.3.4", "/md/trade", 301_000).served


@pytest.mark.parametrize("target", ["/ws/", "/ws?x=1", "/stream", "/wss"])
def test_a_handshake_takes_the_bare_path_only(target: str) -> None:
    assert SIM.opening("/ws").route == SIM.opening("/").route == "ws"
    with pytest.raises(Refused):
        SIM.opening(target)
