"""Orders on a running simulator: the private stream's URLs, the order API, faults on the way."""

import asyncio
import base64
import json
import time
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.reference import starter
from tests.reference.signed_client import (
    EVENTS,
    ORDER,
    Trader,
    listening,
    now_ms,
    order_api,
)
from tests.reference.sim_process import Simulator, simulator

PLENTY = ("--symbols", "BTCUSDT", "--rate", "50", "--weight-limit", "100000", "--connects", "10000")
LOGON = Ed25519PrivateKey.generate()


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    folder: Path = tmp_path_factory.mktemp("accounts")
    public = LOGON.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (folder / "public.pem").write_bytes(public)
    (folder / "accounts.toml").write_text(
        """
        [accounts.first]
        keys = [
            { key = "FIRSTKEY", secret = "first" },
            { key = "FIRSTED25519", public_key_file = "public.pem" },
        ]
        balances = { USDT = "5000.5" }
        """
    )
    with simulator(*PLENTY, "--accounts", folder / "accounts.toml", "--account",
                   "second=SECONDKEY:second") as running:  # fmt: skip
        yield running


@pytest.fixture
def first(venue: Simulator) -> Iterator[Trader]:
    trader = Trader(venue, "FIRSTKEY", "first")
    yield trader
    httpx.delete(venue.rest + "/_sim/faults")
    venue.fault(kind="skew", ms=0)
    trader.ok("DELETE", "/fapi/v1/allOpenOrders", symbol="BTCUSDT")


def test_a_simulator_without_accounts_makes_one_and_prints_it() -> None:
    import subprocess
    import sys

    process = subprocess.Popen(
        [sys.executable, "-m", "connector", "sim", *PLENTY], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        ready = json.loads(process.stdout.readline())
        assert ready["account"]["name"] == "demo"
        running = Simulator(process, ready)
        trader = Trader(running, ready["account"]["key"], ready["account"]["secret"])
        (row,) = trader.ok("GET", "/fapi/v3/balance")
        assert float(row["balance"]) == 100_000
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


def test_the_status_says_how_accounts_stand(venue: Simulator, first: Trader) -> None:
    def now() -> Any:
        return venue.status()["accounts"]["first"]

    assert set(venue.status()["accounts"]) == {"first", "second"}
    before = now()
    first.ok("POST", ORDER, **first.limit())
    assert now()["open_orders"] == before["open_orders"] + 1
    market = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.002"}
    first.ok("POST", ORDER, **market)
    (held,) = first.ok("GET", "/fapi/v3/positionRisk", symbol="BTCUSDT")
    (said,) = now()["positions"]
    assert (said["symbol"], said["side"]) == ("BTCUSDT", "BOTH")
    assert Decimal(said["qty"]) == Decimal(held["positionAmt"])
    first.ok("POST", ORDER, **market | {"side": "SELL", "quantity": held["positionAmt"]})
    first.ok("DELETE", "/fapi/v1/allOpenOrders", symbol="BTCUSDT")
    assert now() == {"open_orders": 0, "positions": []}


def test_accounts_are_apart(venue: Simulator, first: Trader) -> None:
    second = Trader(venue, "SECONDKEY", "second")
    (row,) = first.ok("GET", "/fapi/v3/balance")
    assert float(row["balance"]) <= 5000.5
    order = first.ok("POST", ORDER, **first.limit())
    named = {"symbol": "BTCUSDT", "orderId": order["orderId"]}
    assert second.code("GET", ORDER, **named) == (400, -2013)
    assert second.code("DELETE", ORDER, **named) == (400, -2011)
    assert first.ok("GET", ORDER, **named)["status"] == "NEW"


@pytest.mark.parametrize(
    "bad", ["NAME", "name=key", "=KEY:secret", "name=KEY:", "a=K:s --account b=K:s"]
)
def test_accounts_that_cannot_be_are_refused_at_the_start(bad: str) -> None:
    process = starter.run("sim", "--account", *bad.split())
    assert process.returncode == 2
    assert "account" in process.stderr
    assert "secret" not in process.stderr.replace("KEY:SECRET", "")


def test_an_order_shows_in_the_public_book(first: Trader) -> None:
    def depth() -> dict[str, str]:
        rows = first.venue.get("/fapi/v1/depth", symbol="BTCUSDT", limit=1000).json()["bids"]
        return {row[0]: row[1] for row in rows}

    # Between two levels, where nobody else is.
    taken = [float(price) for price in depth()]
    price = next(
        f"{(high + low) / 2:.1f}0" for high, low in pairwise(taken[300:]) if high - low > 0.35
    )
    first.ok("POST", ORDER, **first.limit(price=price))
    assert float(depth()[price]) >= 0.01


FORMS = (
    "/private/ws/{key}",
    "/private/ws?listenKey={key}",
    f"/private/ws?listenKey={{key}}&events={EVENTS}",
    f"/private/stream?listenKey={{key}}&events={EVENTS}",
    "/ws/{key}",
)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_the_private_url_delivers(first: Trader, form: str) -> None:
    async def run() -> list[Any]:
        key = first.listen_key()
        url = first.venue.ws + form.format(key=key)
        async with listening(url) as heard:
            await asyncio.to_thread(lambda: first.ok("POST", ORDER, **first.limit()))
            await heard.until(lambda: bool(heard.events))
        for event in heard.events:
            assert ("/stream" in form) == ("stream" in event)
            assert event.get("stream", key) == key
        return [event.get("data", event) for event in heard.events]

    (event, *_) = asyncio.run(run())
    assert (event["e"], event["o"]["x"]) == ("ORDER_TRADE_UPDATE", "NEW")


def test_the_listen_key_can_be_subscribed_to(first: Trader) -> None:
    async def run() -> None:
        key = first.listen_key()
        async with websockets.connect(f"{first.venue.ws}/private/stream") as ws:
            await ws.send(json.dumps({"method": "SUBSCRIBE", "params": [key], "id": 1}))
            assert json.loads(await ws.recv()) == {"result": None, "id": 1}
            await asyncio.to_thread(lambda: first.ok("POST", ORDER, **first.limit()))
            event = json.loads(await asyncio.wait_for(ws.recv(), 30))
            assert (event["stream"], event["data"]["e"]) == (key, "ORDER_TRADE_UPDATE")

    asyncio.run(run())


def test_only_the_events_that_the_url_names_arrive(first: Trader) -> None:
    async def run() -> None:
        base = f"{first.venue.ws}/private/ws?listenKey={first.listen_key()}"
        async with (
            listening(f"{base}&events=TRADE_LITE") as some,
            listening(f"{base}&events={EVENTS}") as every,
        ):
            order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01"}
            await asyncio.to_thread(lambda: first.ok("POST", ORDER, **order))
            await every.until(lambda: ("TRADE", "FILLED") in every.orders())
            await some.until(lambda: bool(some.events))
        assert {event["e"] for event in some.events} == {"TRADE_LITE"}
        assert {event["e"] for event in every.events} == {
            "ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE", "TRADE_LITE",
        }  # fmt: skip

    asyncio.run(run())


def test_a_strict_venue_delivers_only_named_events_and_keys_expire() -> None:
    async def run(venue: Simulator) -> None:
        trader = Trader(venue, "K", "s")
        base = f"{venue.ws}/private/ws?listenKey={trader.listen_key()}"
        async with (
            listening(base) as bare,
            listening(f"{base}&events={EVENTS}") as named,
        ):
            await asyncio.to_thread(lambda: trader.ok("POST", ORDER, **trader.limit()))
            await named.until(lambda: bool(named.events))
            await named.until(lambda: named.events[-1]["e"] == "listenKeyExpired")
            await asyncio.to_thread(lambda: trader.ok("POST", ORDER, **trader.limit()))
            other = f"{venue.ws}/private/ws?listenKey={trader.listen_key()}&events={EVENTS}"
            async with listening(other) as fresh:
                await asyncio.to_thread(lambda: trader.ok("POST", ORDER, **trader.limit()))
                await fresh.until(lambda: bool(fresh.events))
        assert named.events[-1]["e"] == "listenKeyExpired", "silent, but open"
        assert bare.events == []

    with simulator(*PLENTY, "--account", "a=K:s", "--strict-private", "--listen-key-life",
                   "1.5") as venue:  # fmt: skip
        asyncio.run(run(venue))


# The WebSocket order API


def test_the_order_api_from_placing_to_the_end(first: Trader) -> None:
    async def run() -> None:
        async with order_api(first.venue) as api:
            order = {**first.limit(), "newClientOrderId": "by-socket"}
            placed = await api.ask("order.place", **first.signed_params(**order))
            assert (placed["status"], placed["result"]["status"]) == (200, "NEW")
            kinds = [(row["rateLimitType"], row["interval"]) for row in placed["rateLimits"]]
            assert kinds == [
                ("ORDERS", "SECOND"),
                ("ORDERS", "MINUTE"),
                ("REQUEST_WEIGHT", "MINUTE"),
            ]
            assert all(row["count"] <= row["limit"] for row in placed["rateLimits"])
            named = {"symbol": "BTCUSDT", "origClientOrderId": "by-socket"}
            change = {"side": "BUY", "quantity": "0.02", "price": order["price"]}
            changed = await api.ask("order.modify", **first.signed_params(**named, **change))
            assert changed["result"]["origQty"] == "0.020"
            found = await api.ask("order.status", **first.signed_params(**named))
            assert found["result"]["origQty"] == "0.020"
            gone = await api.ask("order.cancel", **first.signed_params(**named))
            assert gone["result"]["status"] == "CANCELED"
            again = await api.ask("order.cancel", **first.signed_params(**named))
            assert (again["status"], again["error"]["code"]) == (400, -2011)
            stop = {
                "algoType": "CONDITIONAL", "symbol": "BTCUSDT", "side": "SELL",
                "type": "STOP_MARKET", "quantity": "0.01", "triggerPrice": order["price"],
            }  # fmt: skip
            held = await api.ask("algoOrder.place", **first.signed_params(**stop))
            assert held["result"]["algoStatus"] == "NEW"
            gtx = await api.ask("algoOrder.place", **first.signed_params(**stop, timeInForce="GTX"))
            assert gtx["error"]["code"] == -1115, "GTC, IOC and FOK only"
            asked = first.signed_params(algoId=held["result"]["algoId"])
            assert (await api.ask("algoOrder.cancel", **asked))["result"]["code"] == "200"

    asyncio.run(run())


@pytest.mark.parametrize(
    ("method", "change", "status", "code"),
    [
        ("order.place", {"type": "STOP_MARKET"}, 400, -4120),
        ("order.place", {"signature": "00"}, 400, -1022),
        ("order.place", {"signature": None}, 400, -1102),
        ("order.place", {"apiKey": None}, 400, -1102),
        ("order.place", {"apiKey": "NOBODY"}, 401, -2015),
        ("order.place", {"timestamp": 1}, 400, -1021),
        ("order.place", {"quantity": None}, 400, -1102),
        ("order.place", {"quantity": 0.01}, 400, -1102),
        ("order.place", {"quantity": 1}, 400, -1102),
        ("order.place", {"timestamp": "1"}, 400, -1102),
        ("order.place", {"side": "buy"}, 400, -1117),
        ("order.place", {"price": "0.05"}, 400, -4014),
        ("order.batch", {}, 400, -1020),
        ("session.logon", {}, 401, -4056),
    ],
)
def test_what_the_order_api_refuses(
    first: Trader, method: str, change: dict[str, Any], status: int, code: int
) -> None:
    async def run() -> Any:
        params = first.limit()
        params.update({k: v for k, v in change.items() if k not in ("signature", "apiKey")})
        params = first.signed_params(**{k: v for k, v in params.items() if v is not None})
        params.update({k: v for k, v in change.items() if k in ("signature", "apiKey")})
        async with order_api(first.venue) as api:
            return await api.ask(method, **{k: v for k, v in params.items() if v is not None})

    answer = asyncio.run(run())
    assert (answer["status"], answer["error"]["code"]) == (status, code)


def test_a_session_is_logged_on_by_ed25519_and_then_signs_nothing(first: Trader) -> None:
    async def run() -> None:
        async with order_api(first.venue, "?returnRateLimits=false") as api:
            payload = f"apiKey=FIRSTED25519&timestamp={(at := now_ms())}"
            signature = base64.b64encode(LOGON.sign(payload.encode())).decode()
            unsigned = await api.ask("account.balance", timestamp=now_ms())
            assert unsigned["error"]["code"] == -1102
            logon = await api.ask(
                "session.logon", apiKey="FIRSTED25519", timestamp=at, signature=signature
            )
            assert logon["result"]["apiKey"] == "FIRSTED25519"
            assert "rateLimits" not in logon
            assert logon["result"]["authorizedSince"] >= logon["result"]["connectedSince"]
            placed = await api.ask("order.place", timestamp=now_ms(), **first.limit())
            assert placed["result"]["status"] == "NEW"
            late = await api.ask("order.place", timestamp=now_ms() - 9000, **first.limit())
            assert late["error"]["code"] == -1021
            assert (await api.ask("session.status"))["result"]["apiKey"] == "FIRSTED25519"
            assert (await api.ask("session.logout"))["result"]["apiKey"] is None
            after = await api.ask("account.balance", timestamp=now_ms())
            assert after["error"]["code"] == -1102

    asyncio.run(run())


def test_public_and_listen_key_methods_of_the_order_api(first: Trader) -> None:
    async def run() -> None:
        async with order_api(first.venue) as api:
            book = (await api.ask("depth", symbol="BTCUSDT", limit=5))["result"]
            assert len(book["bids"]) == len(book["asks"]) == 5
            price = (await api.ask("ticker.price", symbol="BTCUSDT"))["result"]
            assert float(price["price"]) > 0
            ticker = (await api.ask("ticker.book", symbol="BTCUSDT"))["result"]
            assert float(ticker["bidPrice"]) < float(ticker["askPrice"])
            started = (await api.ask("userDataStream.start", apiKey="FIRSTKEY"))["result"]
            assert started["listenKey"] == first.listen_key()
            assert (await api.ask("userDataStream.ping", apiKey="FIRSTKEY"))["result"] == started
            assert (await api.ask("userDataStream.stop", apiKey="FIRSTKEY"))["result"] == {}
            gone = await api.ask("userDataStream.ping", apiKey="FIRSTKEY")
            assert gone["error"]["code"] == -1125
            for path, method in (("account", "account.status"), ("balance", "account.balance"),
                                 ("positionRisk", "account.position")):  # fmt: skip
                for prefix, version in (("v2/", "v3"), ("", "v2")):
                    answer = await api.ask(prefix + method, **first.signed_params())
                    rest = first.ok("GET", f"/fapi/{version}/{path}")
                    assert type(answer["result"]) is type(rest)

    asyncio.run(run())


def test_more_than_five_pings_a_second_end_the_order_api(first: Trader) -> None:
    async def run() -> None:
        async with websockets.connect(f"{first.venue.ws}/ws-fapi/v1") as ws:
            for number in range(30):
                await ws.send(json.dumps({"id": number, "method": "session.status"}))
            for number in range(30):
                assert json.loads(await ws.recv())["id"] == number
            for _ in range(8):
                await ws.ping()
            with pytest.raises(websockets.ConnectionClosed):
                await asyncio.wait_for(ws.recv(), 30)
            assert ws.close_code == 1008

    asyncio.run(run())


def test_one_request_can_do_without_its_rate_limits(first: Trader) -> None:
    async def run() -> None:
        async with order_api(first.venue) as api:
            assert "rateLimits" in await api.ask("session.status")
            asked = first.signed_params(returnRateLimits=False)
            answer = await api.ask("account.balance", **asked)
            assert (answer["status"], "rateLimits" in answer) == (200, False)

    asyncio.run(run())


@pytest.mark.parametrize("text", ["{", "[]", '{"id":{},"method":"depth"}', '{"id":1,"x":1}'])
def test_nonsense_on_the_order_api_is_answered(first: Trader, text: str) -> None:
    async def run() -> Any:
        async with websockets.connect(f"{first.venue.ws}/ws-fapi/v1") as ws:
            await ws.send(text)
            return json.loads(await asyncio.wait_for(ws.recv(), 30))

    answer = asyncio.run(run())
    assert answer["status"] == 400
    assert answer["error"]["code"] < 0


# Faults on the order path


CERTAIN_AND_UNCERTAIN = ((503, -1000), (503, -1001), (500, -1006), (408, -1007), (503, -1008))


def open_ids(trader: Trader) -> list[str]:
    return [row["clientOrderId"] for row in trader.ok("GET", "/fapi/v1/openOrders")]


@pytest.mark.parametrize("execute", [True, False])
@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "lost"},
        {"kind": "reset_http"},
        {"kind": "empty", "status": 502},
        *(
            {"kind": "status", "status": status, "body": f'{{"code":{code},"msg":"..."}}'}
            for status, code in CERTAIN_AND_UNCERTAIN
        ),
    ],
)
def test_an_answer_is_lost_or_wrong_and_the_order_is_there_or_not(
    first: Trader, fault: dict[str, Any], execute: bool
) -> None:
    first.venue.fault(path=ORDER, method="POST", execute=execute, **fault)
    order = first.limit(newClientOrderId="unknown-fate")
    try:
        patience_s = 0.5 if fault["kind"] == "lost" else 10
        answer = first.ask("POST", ORDER, timeout=patience_s, **order)
    except httpx.TransportError:
        assert fault["kind"] in ("lost", "reset_http")
    else:
        assert answer.status_code == fault["status"]
        assert answer.text == fault.get("body", "")
    assert open_ids(first) == (["unknown-fate"] if execute else [])
    again = first.ask("POST", ORDER, **order).json()
    assert again.get("code", 0) == (-4116 if execute else 0)


def test_a_request_that_queues_is_judged_by_the_engines_time(first: Trader) -> None:
    first.venue.fault(kind="queue", path=ORDER, method="POST", ms=2200)
    assert first.code("POST", ORDER, **first.limit(recvWindow=2000)) == (400, -5028)
    first.venue.fault(kind="queue", path=ORDER, method="POST", ms=100)
    assert first.ok("POST", ORDER, **first.limit())["status"] == "NEW"


@pytest.mark.parametrize(("ms", "code"), [(60_000, -1021), (-60_000, -1021), (900, 0), (-900, 0)])
def test_the_venues_clock_can_be_wrong(first: Trader, ms: int, code: int) -> None:
    order = first.limit()
    first.venue.fault(kind="skew", ms=ms)
    at = first.venue.get("/fapi/v1/time").json()["serverTime"]
    assert abs(at - now_ms() - ms) < 5000
    answer = first.ask("POST", ORDER, **order)
    assert answer.json().get("code", 0) == code


def test_events_are_dropped_doubled_and_late(first: Trader) -> None:
    async def run() -> None:
        base = f"{first.venue.ws}/private/ws?listenKey={first.listen_key()}&events={EVENTS}"

        async def place(name: str, **fault: Any) -> None:
            if fault:
                await asyncio.to_thread(
                    lambda: first.venue.fault(stream="*@ORDER_TRADE_UPDATE", **fault)
                )
            order = {**first.limit(), "newClientOrderId": name}
            await asyncio.to_thread(lambda: first.ok("POST", ORDER, **order))

        async with listening(base) as heard:
            await place("dropped", kind="drop")
            await place("doubled", kind="duplicate", times=2)
            await place("late", kind="delay", ms=200)
            await heard.until(lambda: bool(heard.orders("late")))
            assert heard.orders("dropped") == []
            assert heard.orders("doubled") == [("NEW", "NEW")] * 3

    asyncio.run(run())


def test_a_private_connection_that_never_says_a_word(first: Trader) -> None:
    async def run() -> None:
        base = f"{first.venue.ws}/private/ws?listenKey={first.listen_key()}&events={EVENTS}"
        await asyncio.to_thread(lambda: first.venue.fault(kind="mute", route="private"))
        async with listening(base) as silent, listening(base) as next_one:
            await asyncio.to_thread(lambda: first.ok("POST", ORDER, **first.limit()))
            await next_one.until(lambda: bool(next_one.events))
        assert silent.events == []

    asyncio.run(run())


def test_only_private_connections_are_cut(first: Trader) -> None:
    async def run() -> None:
        base = f"{first.venue.ws}/private/ws?listenKey={first.listen_key()}&events={EVENTS}"
        async with (
            websockets.connect(base) as private,
            websockets.connect(f"{first.venue.ws}/public/ws/btcusdt@bookTicker") as public,
        ):
            await public.recv()
            await asyncio.to_thread(
                lambda: first.venue.fault(kind="cut", stream="*@ORDER_TRADE_UPDATE")
            )
            with pytest.raises(websockets.ConnectionClosed):
                await asyncio.wait_for(private.recv(), 30)
            await asyncio.wait_for(public.recv(), 30)
        async with listening(base) as heard:
            await asyncio.to_thread(lambda: first.ok("POST", ORDER, **first.limit()))
            await heard.until(lambda: bool(heard.events))

    asyncio.run(run())


@pytest.mark.parametrize("kind", ["lost", "reset_http", "status", "slow", "queue", "truncate"])
def test_faults_of_the_order_api(first: Trader, kind: str) -> None:
    fault: dict[str, Any] = {"kind": kind, "path": "order.place"}
    if kind == "status":
        fault |= {"status": 503, "body": '{"code":-1006,"msg":"..."}', "execute": False}
    if kind in ("slow", "queue"):
        fault["ms"] = 150

    async def run() -> None:
        await asyncio.to_thread(lambda: first.venue.fault(**fault))
        order = first.signed_params(**first.limit(newClientOrderId=f"api-{kind}"))
        request = json.dumps({"id": 5, "method": "order.place", "params": order})
        async with websockets.connect(f"{first.venue.ws}/ws-fapi/v1") as ws:
            await ws.send(request)
            if kind == "reset_http":
                with pytest.raises(websockets.ConnectionClosed):
                    await ws.recv()
                return
            if kind == "lost":
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(ws.recv(), 0.3)
                return
            answer = await asyncio.wait_for(ws.recv(), 30)
            if kind == "truncate":
                with pytest.raises(json.JSONDecodeError):
                    json.loads(answer)
            elif kind == "status":
                assert json.loads(answer) == {
                    "id": 5, "status": 503, "error": {"code": -1006, "msg": "..."},
                }  # fmt: skip
            else:
                assert json.loads(answer)["result"]["status"] == "NEW"

    asyncio.run(run())
    if kind == "status":
        assert open_ids(first) == []
        return
    deadline = time.monotonic() + 10
    while open_ids(first) != [f"api-{kind}"]:
        assert time.monotonic() < deadline


# What is listed


def test_orders_follow_what_is_listed() -> None:
    def change(venue: Simulator, **command: Any) -> None:
        answer = venue.client().post(venue.rest + "/_sim/instruments", json=command)
        assert answer.status_code == 200, answer.text

    with simulator("--symbols", "BTCUSDT,ETHUSDT", "--account", "a=K:s") as venue:
        trader = Trader(venue, "K", "s")
        eth = {"symbol": "ETHUSDT", "quantity": "0.1", "price": trader.far("ETHUSDT")}
        order = trader.ok("POST", ORDER, **trader.limit(**eth))
        named = {"symbol": "ETHUSDT", "orderId": order["orderId"]}
        change(venue, symbol="ETHUSDT", status="BREAK")
        told = venue.get("/_sim/book", symbol="ETHUSDT").json()
        depth = venue.get("/fapi/v1/depth", symbol="ETHUSDT", limit=1000).json()
        assert (told["bids"], told["asks"]) == (depth["bids"], depth["asks"]), "it stands still"
        assert venue.get("/_sim/book", symbol="ETH").status_code == 400
        assert trader.code("POST", ORDER, **trader.limit(**eth)) == (400, -4141)
        amend = {**named, "side": "BUY", "quantity": "0.2", "price": eth["price"]}
        assert trader.code("PUT", ORDER, **amend) == (400, -5024)
        assert trader.ok("GET", ORDER, **named)["status"] == "NEW"
        change(venue, symbol="ETHUSDT", status="TRADING", tick="0.50")
        off = {**eth, "price": f"{eth['price']}.25"}
        assert trader.code("POST", ORDER, **trader.limit(**off)) == (400, -4014)
        on = {**eth, "price": f"{eth['price']}.5"}
        trader.ok("POST", ORDER, **trader.limit(**on))
        change(venue, symbol="NEWUSDT", listed=True, tick="0.01", step="0.1", price="25")
        new = {"symbol": "NEWUSDT", "quantity": "1", "price": "24.5"}
        assert trader.ok("POST", ORDER, **trader.limit(**new))["status"] == "NEW"
        change(venue, symbol="ETHUSDT", listed=False)
        assert trader.code("POST", ORDER, **trader.limit(**on)) == (400, -1121)
        assert trader.code("GET", ORDER, **named) == (400, -1121)
