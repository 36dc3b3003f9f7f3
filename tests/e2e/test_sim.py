"""The simulated venue as third-party clients see it: httpx and websockets, unmodified."""

import asyncio
import itertools
import json
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets

from tests.reference.sim_process import NOBODY, Simulator, simulator
from tests.reference.venue_book import VenueBook


@pytest.fixture(scope="module")
def venue() -> Iterator[Simulator]:
    with simulator("--symbols", "BTCUSDT,ETHUSDT,DOGEUSDT", "--rate", "150", "--no-bursts",
                   "--weight-limit", "100000", "--connects", "10000") as running:  # fmt: skip
        yield running


@asynccontextmanager
async def connected(url: str, *streams: str, **options: Any) -> AsyncIterator[Any]:
    async with websockets.connect(url, max_size=None, **options) as ws:
        if streams:
            await ws.send(json.dumps({"method": "SUBSCRIBE", "params": streams, "id": 1}))
            assert json.loads(await ws.recv()) == {"result": None, "id": 1}
        yield ws


async def received(ws: Any, seconds: float) -> list[Any]:
    """Every message of the next ``seconds``."""
    found = []
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        try:
            found.append(json.loads(await asyncio.wait_for(ws.recv(), left)))
        except TimeoutError:
            break
    return found


async def until(ws: Any, done: Callable[[list[Any]], bool]) -> list[Any]:
    """Messages until there are enough of them."""
    found: list[Any] = []
    async with asyncio.timeout(60):
        while not done(found):
            found.append(json.loads(await ws.recv()))
    return found


def streams_of(messages: list[Any]) -> set[str]:
    return {message["stream"] for message in messages}


@pytest.mark.parametrize("stream", ["btcusdt@depth@0ms", "dogeusdt@depth@100ms", "ethusdt@depth"])
def test_the_documented_algorithm_ends_with_the_venues_book(venue: Simulator, stream: str) -> None:
    symbol = stream.partition("@")[0].upper()
    params = {"symbol": symbol, "limit": 1000}

    async def run() -> tuple[VenueBook, dict[str, Any]]:
        book = VenueBook()
        url = f"{venue.ws}/public/stream?streams={stream}"
        async with (
            httpx.AsyncClient(base_url=venue.rest, verify=NOBODY) as http,
            connected(url) as ws,
        ):

            async def follow(count: int) -> None:
                for _ in range(count):
                    message = json.loads(await ws.recv())
                    assert message["stream"] == stream
                    assert message["data"]["e"] == "depthUpdate"
                    book.event(message["data"])

            await follow(3)
            book.snapshot((await http.get("/fapi/v1/depth", params=params)).json())
            await follow(12)
            last: dict[str, Any] = (await http.get("/fapi/v1/depth", params=params)).json()
            while book.last_id is None or book.last_id < last["lastUpdateId"]:
                await follow(1)
        return book, last

    book, last = asyncio.run(run())
    assert book.gaps == 0
    assert book.applied > 3
    assert len(last["bids"]) == len(last["asks"]) == 1000
    assert book.differences(last) == []
    assert max(book.bids) < min(book.asks)


def test_tls_is_verified_against_the_throw_away_ca(tmp_path: Path) -> None:
    with simulator("--symbols", "1", "--tls", tmp_path) as venue:
        assert venue.rest.startswith("https://")
        assert venue.ca == str(tmp_path / "ca.pem")
        assert venue.get("/fapi/v1/ping").json() == {}
        with pytest.raises(httpx.ConnectError), httpx.Client() as stranger:
            stranger.get(venue.rest + "/fapi/v1/ping")

        async def run() -> None:
            context = ssl.create_default_context(cafile=venue.ca)
            async with connected(venue.ws + "/public/ws", "btcusdt@bookTicker", ssl=context) as ws:
                assert json.loads(await ws.recv())["e"] == "bookTicker"
            with pytest.raises(ssl.SSLCertVerificationError):
                await websockets.connect(venue.ws + "/public/ws")

        asyncio.run(run())
        assert (tmp_path / "server.key").stat().st_mode & 0o777 == 0o600


_UNKNOWN = (
    "Invalid request: unknown variant `SUBSCRIB`, expected one of `SUBSCRIBE`, `UNSUBSCRIBE`, "
    "`LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY`"
)


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        ({"method": "SUBSCRIBE", "params": ["btcusdt@depth5"], "id": 7}, {"result": None}),
        ({"method": "UNSUBSCRIBE", "params": ["nothing@here"], "id": 7}, {"result": None}),
        ({"method": "LIST_SUBSCRIPTIONS", "id": 7}, {"result": []}),
        ({"method": "GET_PROPERTY", "params": ["combined"], "id": 7}, {"result": False}),
        ({"method": "SET_PROPERTY", "params": ["combined", True], "id": 7}, {"result": None}),
        ({"method": "GET_PROPERTY", "params": ["x"], "id": 7}, (0, "Unknown property")),
        ({"method": "SET_PROPERTY", "params": ["x", True], "id": 7}, (0, "Unknown property")),
        (
            {"method": "SET_PROPERTY", "params": ["combined", "true"], "id": 7},
            (1, "Invalid value type: expected Boolean"),
        ),
        (
            {"method": "SET_PROPERTY", "params": [5, True], "id": 7},
            (2, "Invalid request: property name must be a string"),
        ),
        (
            {"method": "GET_PROPERTY", "params": ["combined", 1], "id": 7},
            (2, "Invalid request: too many parameters"),
        ),
        (
            {"method": "SUBSCRIBE", "params": ["x"]},
            (2, "Invalid request: request ID must be an unsigned integer"),
        ),
        (
            {"method": "SUBSCRIBE", "params": ["x"], "id": -1},
            (2, "Invalid request: request ID must be an unsigned integer"),
        ),
        (
            {"method": "SUBSCRIBE", "params": ["x"], "id": True},
            (2, "Invalid request: request ID must be an unsigned integer"),
        ),
        ({"method": "SUBSCRIB", "params": ["x"], "id": 7}, (2, _UNKNOWN)),
        (
            {"params": ["x"], "id": 7},
            (2, "Invalid request: missing field `method` at line 1 column 26"),
        ),
    ],
)
def test_control_messages_are_answered_as_documented(
    venue: Simulator, message: dict[str, Any], answer: Any
) -> None:
    async def run() -> Any:
        async with connected(venue.ws + "/public/ws") as ws:
            await ws.send(json.dumps(message))
            return json.loads(await ws.recv())

    if isinstance(answer, tuple):
        expected = {"error": {"code": answer[0], "msg": answer[1]}}
    else:
        expected = answer | {"id": 7}
    assert asyncio.run(run()) == expected


def test_invalid_json_is_answered_with_code_3_and_a_close(venue: Simulator) -> None:
    async def run() -> tuple[Any, int]:
        async with connected(venue.ws + "/public/ws") as ws:
            await ws.send('{"method": SUBSCRIBE}')
            answer = json.loads(await ws.recv())
            with pytest.raises(websockets.ConnectionClosed):
                await ws.recv()
            return answer, ws.close_code

    answer, code = asyncio.run(run())
    assert answer["error"]["code"] == 3
    assert answer["error"]["msg"] == "Invalid JSON: expected value at line 1 column 12"
    assert code == 1008


def test_the_eleventh_message_of_a_second_ends_the_connection(venue: Simulator) -> None:
    async def run(pings: int) -> bool:
        """Whether eleven messages were too many; ten never are."""
        async with connected(venue.ws + "/public/ws") as ws:
            for _ in range(pings):
                await ws.ping()
            for n in range(11 - pings):
                await ws.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": n}))
            answers = [await ws.recv() for _ in range(10 - pings)]
            assert len(answers) == 10 - pings
            try:
                await ws.recv()
            except websockets.ConnectionClosed:
                assert ws.close_code == 1008
                return True
            return False

    for pings in (0, 4):
        # Held up for a second in between, the eleventh is the first of another second.
        assert any(asyncio.run(run(pings)) for _ in range(10))


PUBLIC = {"btcusdt@depth@0ms", "btcusdt@bookTicker", "btcusdt@depth5@100ms"}
MARKET = {"btcusdt@aggTrade", "btcusdt@markPrice@1s"}
BOTH = {"btcusdt@trade"}
NOWHERE = {"BTCUSDT@bookTicker", "btcusd@bookTicker", "btcusdt@depth7", "btcusdt@depth@250ms"}


@pytest.mark.parametrize(
    ("base", "heard"),
    [("/public", PUBLIC | BOTH), ("/market", MARKET | BOTH), ("", PUBLIC | BOTH)],
)
def test_other_classes_and_misspelt_streams_are_accepted_and_silent(
    venue: Simulator, base: str, heard: set[str]
) -> None:
    streams = sorted(PUBLIC | MARKET | BOTH | NOWHERE)

    async def run() -> tuple[set[str], list[str]]:
        async with connected(f"{venue.ws}{base}/stream", *streams) as ws:
            names = streams_of(await until(ws, lambda seen: streams_of(seen) >= heard))
            names |= streams_of(await received(ws, 0.3))
            await ws.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": 2}))
            while "result" not in (message := json.loads(await ws.recv())):
                pass
            return names, message["result"]

    names, listed = asyncio.run(run())
    assert names == heard
    assert listed == streams


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/ws", 101),
        ("/stream", 101),
        ("/public/ws", 101),
        ("/public/ws/btcusdt@depth/btcusdt@bookTicker", 101),
        ("/market/stream?streams=btcusdt@aggTrade", 101),
        ("/private/ws?listenKey=abc&events=ORDER_TRADE_UPDATE", 101),
        ("/public/ws/", 400),
        ("/public/ws?btcusdt@depth", 400),
        ("/public/stream?streams=", 400),
        ("/public/stream?stream=btcusdt@depth", 400),
        ("/public/stream/btcusdt@depth", 404),
        ("/public", 404),
        ("/other/ws", 404),
        ("/", 404),
        ("/public/stream?streams=" + "/".join(f"s{n}@depth" for n in range(1025)), 400),
    ],
)
def test_only_documented_urls_are_upgraded(venue: Simulator, path: str, status: int) -> None:
    async def run() -> int:
        try:
            async with connected(venue.ws + path):
                return 101
        except websockets.InvalidStatus as refused:
            return refused.response.status_code

    assert asyncio.run(run()) == status


def test_combined_is_a_property_of_the_connection(venue: Simulator) -> None:
    async def run() -> None:
        async with connected(venue.ws + "/public/ws", "btcusdt@bookTicker") as ws:
            assert json.loads(await ws.recv())["e"] == "bookTicker"
            await ws.send(
                json.dumps({"method": "SET_PROPERTY", "params": ["combined", True], "id": 5})
            )
            while json.loads(await ws.recv()).get("id") != 5:
                pass
            message = json.loads(await ws.recv())
            assert message["stream"] == "btcusdt@bookTicker"
            assert message["data"]["s"] == "BTCUSDT"
            await ws.send(
                json.dumps({"method": "UNSUBSCRIBE", "params": ["btcusdt@bookTicker"], "id": 6})
            )
            while json.loads(await ws.recv()).get("id") != 6:
                pass
            assert await received(ws, 0.3) == []

    asyncio.run(run())


def test_best_bid_ask_and_depth_share_ids_and_agree(venue: Simulator) -> None:
    async def run() -> list[Any]:
        streams = ("ethusdt@bookTicker", "ethusdt@depth@0ms", "ethusdt@depth5@100ms")
        async with connected(venue.ws + "/public/stream", *streams) as ws:
            found = await until(
                ws, lambda seen: sum("depth5" in message["stream"] for message in seen) == 15
            )
            return [message["data"] | message for message in found]

    messages = asyncio.run(run())
    diffs = [m for m in messages if m["stream"].endswith("@depth@0ms")]
    tickers = {m["u"]: m for m in messages if m["e"] == "bookTicker"}
    tops = [m for m in messages if m["stream"].endswith("@depth5@100ms")]
    assert all(later["pu"] == earlier["u"] for earlier, later in itertools.pairwise(diffs))
    assert all(d["pu"] < d["U"] <= d["u"] and d["E"] >= d["T"] for d in diffs)
    assert list(tickers) == sorted(tickers)
    agreeing = [(t, tickers[t["u"]]) for t in tops if t["u"] in tickers]
    assert agreeing
    for top, ticker in agreeing:
        assert len(top["b"]) == len(top["a"]) == 5
        assert [ticker["b"], ticker["B"]] == top["b"][0]
        assert [ticker["a"], ticker["A"]] == top["a"][0]


def test_trades_and_mark_prices_have_the_venues_shape(venue: Simulator) -> None:
    async def run() -> list[Any]:
        streams = ("btcusdt@trade", "btcusdt@aggTrade", "btcusdt@markPrice@1s")
        async with connected(venue.ws + "/market/stream", *streams) as ws:
            found = await until(
                ws, lambda seen: sum("markPrice" in message["stream"] for message in seen) == 4
            )
            return [message["data"] for message in found]

    messages = asyncio.run(run())
    trades = [m for m in messages if m["e"] == "trade"]
    aggregates = [m for m in messages if m["e"] == "aggTrade"]
    marks = [m for m in messages if m["e"] == "markPriceUpdate"]
    assert [t["t"] for t in trades] == list(range(trades[0]["t"], trades[0]["t"] + len(trades)))
    assert {t["X"] for t in trades} == {"MARKET"}
    assert all(b["f"] == a["l"] + 1 for a, b in itertools.pairwise(aggregates))
    assert all(b["a"] == a["a"] + 1 for a, b in itertools.pairwise(aggregates))
    # Every second; a venue that is held up tells one late, and the next one at its time.
    assert marks[-1]["E"] - marks[0]["E"] > 1900
    assert all(len(m[key].partition(".")[2]) == 8 for m in marks for key in ("p", "i", "P", "r"))
    rest = venue.get("/fapi/v1/premiumIndex", symbol="BTCUSDT").json()
    assert rest["symbol"] == "BTCUSDT"
    assert abs(float(rest["markPrice"]) / float(marks[-1]["p"]) - 1) < 0.01


def test_an_unanswered_ping_ends_the_connection_and_an_answered_one_does_not() -> None:
    with simulator("--symbols", "1", "--ping", "0.2", "--pong", "5") as venue:
        host, port = venue.rest.removeprefix("http://").split(":")

        async def both() -> bytes:
            """One that answers is there before the other one, and longer."""
            async with connected(venue.ws + "/public/ws", "btcusdt@bookTicker") as ws:
                await ws.recv()
                told = asyncio.create_task(asyncio.to_thread(rudely))
                while not told.done():
                    await ws.recv()
                assert ws.close_code is None
                return told.result()

        def rudely() -> bytes:
            with socket.create_connection((host, int(port)), timeout=30) as rude:
                rude.sendall(
                    b"GET /public/ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
                    b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
                    # An unsolicited pong keeps nothing alive.
                    b"\x8a\x80abcd"
                )
                data = b""
                while piece := rude.recv(65536):
                    data += piece
                return data

        data = asyncio.run(both())
        assert data.startswith(b"HTTP/1.1 101 ")
        assert b"\x89\x0d" in data  # a ping with a time of 13 digits
        assert b"Pong timeout" in data
        assert venue.status()["closed_for"]["no pong"] == 1


def test_a_connection_is_closed_at_the_end_of_its_life() -> None:
    with simulator("--symbols", "1", "--lifetime", "0.5") as venue:

        async def run() -> float:
            begin = time.monotonic()
            async with connected(venue.ws + "/public/ws") as ws:
                with pytest.raises(websockets.ConnectionClosed):
                    await ws.recv()
                assert ws.close_code == 1001
            return time.monotonic() - begin

        assert 0.4 < asyncio.run(run()) < 30


REST_ERRORS = [
    ("/fapi/v1/depth", {}, 400, -1102),
    ("/fapi/v1/depth", {"symbol": ""}, 400, -1102),
    ("/fapi/v1/depth", {"symbol": "BTCUSD"}, 400, -1121),
    ("/fapi/v1/depth", {"symbol": "btcusdt"}, 400, -1121),
    ("/fapi/v1/depth", {"symbol": "BTCUSDT", "limit": "7"}, 400, -4021),
    ("/fapi/v1/depth", {"symbol": "BTCUSDT", "limit": "x"}, 400, -1102),
    ("/fapi/v1/depth", [("symbol", "BTCUSDT"), ("symbol", "ETHUSDT")], 400, -1101),
    ("/fapi/v1/trades", {"symbol": "BTCUSDT", "limit": "1001"}, 400, -1130),
    ("/fapi/v1/trades", {"limit": "5"}, 400, -1102),
    ("/fapi/v1/aggTrades", {"symbol": "BTCUSDT", "fromId": 1, "startTime": 1}, 400, -1128),
    ("/fapi/v1/aggTrades", {"symbol": "BTCUSDT", "startTime": 2, "endTime": 1}, 400, -1023),
    ("/fapi/v1/premiumIndex", {"symbol": "NO"}, 400, -1121),
    ("/fapi/v1/nothing", {}, 404, -1099),
]


@pytest.mark.parametrize(("path", "params", "status", "code"), REST_ERRORS)
def test_bad_requests_are_refused_with_the_venues_codes(
    venue: Simulator, path: str, params: Any, status: int, code: int
) -> None:
    answer = httpx.get(venue.rest + path, params=params, verify=NOBODY)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert int(answer.headers["X-MBX-USED-WEIGHT-1M"]) > 0


def test_rest_serves_what_a_client_starts_with(venue: Simulator) -> None:
    with httpx.Client(base_url=venue.rest, verify=NOBODY) as http:
        assert http.get("/fapi/v1/ping").json() == {}
        assert abs(http.get("/fapi/v1/time").json()["serverTime"] - time.time() * 1000) < 5000
        info = http.get("/fapi/v1/exchangeInfo").json()
        assert [row["symbol"] for row in info["symbols"]] == ["BTCUSDT", "ETHUSDT", "DOGEUSDT"]
        depth = http.get("/fapi/v1/depth", params={"symbol": "ETHUSDT"}).json()
        assert len(depth["bids"]) == 500
        assert all(len(price.partition(".")[2]) == 2 for price, _ in depth["bids"])
        assert float(depth["bids"][0][0]) < float(depth["asks"][0][0])
        trades = http.get("/fapi/v1/trades", params={"symbol": "ETHUSDT", "limit": 3}).json()
        assert len(trades) == 3
        assert {"id", "price", "qty", "quoteQty", "time", "isBuyerMaker"} <= trades[0].keys()
        aggregates = http.get("/fapi/v1/aggTrades", params={"symbol": "ETHUSDT"}).json()
        assert {"a", "p", "q", "nq", "f", "l", "T", "m"} <= aggregates[0].keys()
        ticker = http.get("/fapi/v1/ticker/bookTicker", params={"symbol": "ETHUSDT"}).json()
        assert float(ticker["bidPrice"]) < float(ticker["askPrice"])
        assert len(http.get("/fapi/v1/premiumIndex").json()) == 3
        assert http.post("/fapi/v1/ping").status_code == 405


def test_weight_beyond_the_limit_is_throttled_then_banned() -> None:
    with simulator("--symbols", "1", "--weight-limit", "50") as venue:
        # A minute of the venue must not end under this test.
        venue.fault(kind="skew", ms=-int(time.time() * 1000 % 60_000))
        params = {"symbol": "BTCUSDT", "limit": 1000}
        first = [venue.get("/fapi/v1/depth", **params) for _ in range(3)]
        assert [each.status_code for each in first] == [200, 200, 429]
        assert first[1].headers["x-mbx-used-weight-1m"] == "40"
        assert 1 <= int(first[2].headers["Retry-After"]) <= 60
        assert first[2].json()["code"] == -1003
        assert venue.get("/fapi/v1/ping").status_code == 200  # weight 1 still fits
        answers = [venue.get("/fapi/v1/depth", **params) for _ in range(12)]
        assert [each.status_code for each in answers][-1] == 418
        assert "banned until" in answers[-1].json()["msg"]
        assert int(answers[-1].headers["Retry-After"]) > 60
        assert venue.get("/fapi/v1/ping").status_code == 418
        assert venue.status()["banned"] > 0


def test_many_symbols_and_a_listing_of_the_callers_making(tmp_path: Path) -> None:
    with simulator("--symbols", "30") as venue:
        info = venue.get("/fapi/v1/exchangeInfo").content
        assert len(json.loads(info)["symbols"]) == 30
    file = tmp_path / "info.json"
    file.write_bytes(info)
    with simulator("--symbols", "SIM005USDT", "--exchange-info", file) as venue:
        listed = venue.get("/fapi/v1/exchangeInfo").json()["symbols"]
        assert [row["symbol"] for row in listed] == ["SIM005USDT"]
        depth = venue.get("/fapi/v1/depth", symbol="SIM005USDT", limit=1000).json()
        assert len(depth["bids"]) == 1000
