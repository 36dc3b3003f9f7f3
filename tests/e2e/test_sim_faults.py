"""Faults on command, seen from the client: each does what it says, is counted, and ends."""

import asyncio
import json
import subprocess
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets

from tests.reference import starter
from tests.reference.sim_process import Simulator, simulator

DEPTH = "btcusdt@depth@0ms"


@pytest.fixture(scope="module")
def venue() -> Iterator[Simulator]:
    with simulator("--symbols", "2", "--rate", "300", "--no-bursts",
                   "--weight-limit", "100000", "--connects", "10000") as running:  # fmt: skip
        yield running


@pytest.fixture(autouse=True)
def _clean(venue: Simulator) -> Iterator[None]:
    yield
    httpx.delete(venue.rest + "/_sim/faults")


async def fence(venue: Simulator, *faults: dict[str, Any]) -> float:
    """Order faults, wait until each has had its effect, and tell when: what the venue stamps later
    comes after all of them."""
    for fault in faults:
        await asyncio.to_thread(lambda fault=fault: venue.fault(**fault))
    while (await asyncio.to_thread(venue.status))["rules"]:
        pass
    return time.time() * 1000


def stamp(message: Any) -> int:
    """When the venue made a message; 0 if it cannot be read."""
    try:
        data = json.loads(message)
        return int(data.get("data", data).get("E", 0))
    except ValueError:
        return 0


async def past(ws: Any, ordered: "asyncio.Task[float]", more: int = 10) -> list[Any]:
    """Messages until the faults that are ordered have had their effect, and some more."""
    found = [await ws.recv()]
    while not ordered.done() or stamp(found[-1]) <= ordered.result():
        found.append(await ws.recv())
    return found + [await ws.recv() for _ in range(more)]


def follow(
    venue: Simulator, count: int, *faults: dict[str, Any], streams: str = DEPTH
) -> list[Any]:
    """Messages of a connection: three, those that come until the faults ordered then have had
    their effect, and ``count``."""

    async def run() -> list[Any]:
        async with websockets.connect(
            f"{venue.ws}/public/stream?streams={streams}", max_size=None, close_timeout=1
        ) as ws:
            found = [await ws.recv() for _ in range(3)]
            # Those of the tests before may still be there, and would use a fault up.
            rows = (await asyncio.to_thread(venue.status))["connections"]
            me = {"connection": max(row["id"] for row in rows)}
            mine = [fault | me if "stream" in fault else fault for fault in faults]
            ordered = asyncio.create_task(fence(venue, *mine))
            return found + await past(ws, ordered, count)

    return asyncio.run(run())


async def drain(ws: Any, found: list[Any], patience_s: float = 5.0) -> None:
    """Receive until it fails: with ConnectionClosed at the end, TimeoutError in silence."""
    while True:
        found.append(await asyncio.wait_for(ws.recv(), patience_s))


def chain(messages: list[Any]) -> list[bool]:
    """Whether each depth message continues the one before it."""
    data = [json.loads(message)["data"] for message in messages]
    return [later["pu"] == earlier["u"] for earlier, later in pairwise(data)]


def test_without_faults_the_chain_is_whole(venue: Simulator) -> None:
    assert all(chain(follow(venue, 40)))


def test_a_dropped_message_is_one_gap(venue: Simulator) -> None:
    before = venue.status()["faults"].get("drop", 0)
    links = chain(follow(venue, 10, {"kind": "drop", "stream": DEPTH}))
    assert links.count(False) == 1
    assert venue.status()["faults"]["drop"] == before + 1
    assert venue.status()["rules"] == []


def test_three_messages_dropped_after_five(venue: Simulator) -> None:
    messages = follow(venue, 10, {"kind": "drop", "stream": "*@depth*", "count": 3, "after": 5})
    assert chain(messages).count(False) == 1


def test_a_duplicate_is_the_same_bytes_again(venue: Simulator) -> None:
    messages = follow(venue, 10, {"kind": "duplicate", "stream": DEPTH, "times": 2})
    assert sum(a == b for a, b in pairwise(messages)) == 2


def test_swapped_neighbours_break_the_chain_and_all_arrive(venue: Simulator) -> None:
    messages = follow(venue, 10, {"kind": "swap", "stream": DEPTH})
    ids = [json.loads(message)["data"]["u"] for message in messages]
    assert sum(a > b for a, b in pairwise(ids)) == 1
    ordered = sorted(messages, key=lambda message: json.loads(message)["data"]["u"])
    assert all(chain(ordered))


BOTH = f"{DEPTH}/ethusdt@depth@0ms"


def test_a_delayed_stream_is_late_and_in_order(venue: Simulator) -> None:
    async def run() -> list[tuple[float, Any]]:
        url = f"{venue.ws}/public/stream?streams={BOTH}"
        async with websockets.connect(url, max_queue=None, close_timeout=1) as ws:
            await ws.recv()
            fault = {"kind": "delay", "stream": DEPTH, "ms": 2000}
            ordered = asyncio.create_task(fence(venue, fault))
            found: list[tuple[float, Any]] = []
            async for message in ws:
                found.append((time.time() * 1000, message))
                if ordered.done() and DEPTH in message[:40] and stamp(message) > ordered.result():
                    break
            return found

    arrivals = asyncio.run(run())
    first, late_ms = max(
        (
            (number, at - stamp(message))
            for number, (at, message) in enumerate(arrivals)
            if DEPTH in message[:40]
        ),
        key=lambda row: row[1],
    )
    assert late_ms >= 2000
    others = [stamp(message) for _, message in arrivals[:first] if DEPTH not in message[:40]]
    assert max(others) - stamp(arrivals[first][1]) > 300, "nobody else had to wait"
    assert all(chain([message for _, message in arrivals if DEPTH in message[:40]]))


def test_a_stalled_stream_is_silent_so_long_and_comes_back_with_a_gap(venue: Simulator) -> None:
    btc = follow(venue, 10, {"kind": "stall", "stream": DEPTH, "ms": 500})
    assert chain(btc).count(False) == 1
    gap = chain(btc).index(False)
    assert stamp(btc[gap + 1]) - stamp(btc[gap]) >= 490


def test_a_stalled_stream_is_silent_alone_until_it_is_cleared(venue: Simulator) -> None:
    async def run() -> tuple[list[Any], float, float]:
        url = f"{venue.ws}/public/stream?streams={BOTH}"
        async with websockets.connect(url, max_queue=None, close_timeout=1) as ws:
            found = [await ws.recv()]
            while DEPTH not in found[-1][:40]:
                found.append(await ws.recv())
            await asyncio.to_thread(lambda: venue.fault(kind="stall", stream=DEPTH))
            begun = time.time() * 1000
            others = 0
            while others < 20:
                found.append(await ws.recv())
                others += DEPTH not in found[-1][:40] and stamp(found[-1]) > begun
            while not (await asyncio.to_thread(venue.status))["rules"][0]["done"]:
                pass  # it has lost nothing yet
            ended = time.time() * 1000
            await asyncio.to_thread(venue.heal)
            healed = time.time() * 1000
            while DEPTH not in found[-1][:40] or stamp(found[-1]) <= healed:
                found.append(await ws.recv())
            return found, begun, ended

    found, begun, ended = asyncio.run(run())
    btc = [message for message in found if DEPTH in message[:40]]
    assert chain(btc).count(False) == 1
    assert not [message for message in btc if begun < stamp(message) < ended]


def test_split_messages_are_the_same_to_a_client_that_joins_them(venue: Simulator) -> None:
    fault = {"kind": "split", "stream": DEPTH, "count": 3, "parts": 3, "pings": True}
    assert all(chain(follow(venue, 10, fault)))
    assert venue.status()["faults"]["split"] >= 3


@pytest.mark.parametrize("how", ["truncate", "garbage"])
def test_corrupt_messages_are_not_json(venue: Simulator, how: str) -> None:
    broken = 0
    for message in follow(venue, 10, {"kind": "corrupt", "stream": DEPTH, "how": how, "count": 2}):
        try:
            json.loads(message)
        except ValueError:
            broken += 1
    assert broken == 2


def test_corrupt_can_also_be_binary_or_a_word_for_a_number(venue: Simulator) -> None:
    binary = follow(venue, 10, {"kind": "corrupt", "stream": DEPTH, "how": "binary"})
    assert sum(isinstance(message, bytes) for message in binary) == 1
    words = follow(venue, 10, {"kind": "corrupt", "stream": DEPTH, "how": "number"})
    assert sum('"E":eight' in message for message in words) == 1


def test_an_oversize_message_has_the_size_asked_for(venue: Simulator) -> None:
    messages = follow(venue, 10, {"kind": "oversize", "stream": DEPTH, "bytes": 3_000_000})
    assert max(map(len, messages)) == 3_000_000


def test_a_compressed_frame_is_a_protocol_error(venue: Simulator) -> None:
    async def run() -> int:
        url = f"{venue.ws}/public/ws/{DEPTH}"
        async with websockets.connect(url, compression=None) as ws:
            await ws.recv()
            await asyncio.to_thread(lambda: venue.fault(kind="compress", stream=DEPTH))
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await drain(ws, [])
            assert closed.value.sent is not None
            return closed.value.sent.code

    assert asyncio.run(run()) == 1002


@pytest.mark.parametrize(("how", "code"), [("abrupt", 1006), ("fin", 1006), ("clean", 1001)])
def test_cut_ends_the_connections_that_hear_the_stream(
    venue: Simulator, how: str, code: int
) -> None:
    async def run() -> int:
        async with (
            websockets.connect(f"{venue.ws}/public/ws/{DEPTH}", close_timeout=1) as ws,
            websockets.connect(
                f"{venue.ws}/public/ws/ethusdt@bookTicker", close_timeout=1
            ) as other,
        ):
            await ws.recv()
            await asyncio.to_thread(lambda: venue.fault(kind="cut", stream="btcusdt@*", how=how))
            with pytest.raises(websockets.ConnectionClosed):
                await drain(ws, [])
            for _ in range(20):
                await other.recv()
            assert ws.close_code is not None
            return ws.close_code

    assert asyncio.run(run()) == code


def test_a_half_open_connection_is_silent_but_not_closed(venue: Simulator) -> None:
    async def run() -> None:
        async with websockets.connect(f"{venue.ws}/public/ws/{DEPTH}", close_timeout=0.2) as ws:
            await ws.recv()
            await asyncio.to_thread(lambda: venue.fault(kind="half_open", stream=DEPTH))
            with pytest.raises(TimeoutError):
                await drain(ws, [], 0.5)
            pong = await ws.ping()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(pong, 0.3)
            assert ws.close_code is None

    asyncio.run(run())


def test_a_fault_can_be_for_one_connection_only(venue: Simulator) -> None:
    async def run() -> tuple[list[bool], list[bool]]:
        # Connections of the tests before may still be there; none of them hears this stream.
        other = "ethusdt@depth@500ms"
        url = f"{venue.ws}/public/stream?streams={DEPTH}"
        async with (
            websockets.connect(f"{url}/{other}", max_size=None) as one,
            websockets.connect(url, max_size=None) as two,
        ):
            # What came before the fault: the message after it is compared with that.
            before = [await one.recv(), await two.recv()]
            while DEPTH not in before[0][:40]:
                before[0] = await one.recv()
            rows = (await asyncio.to_thread(venue.status))["connections"]
            (first,) = [row["id"] for row in rows if other in row["streams"]]
            fault = {"kind": "drop", "stream": DEPTH, "connection": first}
            ordered = asyncio.create_task(fence(venue, fault))
            found = await asyncio.gather(past(one, ordered), past(two, ordered))
            mine = [message for message in found[0] if DEPTH in message[:40]]
            return chain([before[0], *mine]), chain([before[1], *found[1]])

    one, two = asyncio.run(run())
    assert (one.count(False), two.count(False)) == (1, 0)


def test_a_reset_of_the_ids_goes_backwards(venue: Simulator) -> None:
    with simulator("--symbols", "1", "--rate", "300") as own:
        messages = follow(own, 10, {"kind": "reset"})
        ids = [json.loads(message)["data"]["u"] for message in messages]
        assert sum(a > b for a, b in pairwise(ids)) == 1


def depth(venue: Simulator) -> httpx.Response:
    return venue.get("/fapi/v1/depth", symbol="BTCUSDT", limit=1000)


def test_answers_of_the_callers_making(venue: Simulator) -> None:
    html = "<html><body>403 Forbidden</body></html>"
    venue.fault(kind="status", path="/fapi/v1/depth", status=403, body=html)
    answer = depth(venue)
    assert (answer.status_code, answer.text) == (403, html)
    assert answer.headers["content-type"].startswith("text/html")
    assert depth(venue).status_code == 200
    venue.fault(kind="status", path="*depth", status=429, retry_after=7, count=2)
    assert [depth(venue).status_code for _ in range(3)] == [429, 429, 200]
    venue.fault(kind="status", status=418, retry_after=120, body='{"code":-1003,"msg":"x"}')
    banned = venue.get("/fapi/v1/ping")
    assert (banned.status_code, banned.headers["Retry-After"]) == (418, "120")
    venue.fault(kind="empty", path="*time")
    assert venue.get("/fapi/v1/time").content == b""
    venue.fault(kind="status", path="*depth", symbol="ETHUSDT", status=503)
    assert depth(venue).status_code == 200
    assert venue.get("/fapi/v1/depth", symbol="ETHUSDT").status_code == 503


def test_truncated_slow_lost_and_reset_answers(venue: Simulator) -> None:
    venue.fault(kind="truncate", path="*depth")
    with pytest.raises(httpx.RemoteProtocolError):
        depth(venue)
    venue.fault(kind="slow", path="*depth", ms=400)
    begin = time.monotonic()
    assert depth(venue).status_code == 200
    assert time.monotonic() - begin > 0.4
    venue.fault(kind="reset_http", path="*depth")
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        depth(venue)
    venue.fault(kind="lost", path="*depth")
    hurried = httpx.Timeout(10, read=0.5)
    with pytest.raises(httpx.ReadTimeout), httpx.Client(timeout=hurried) as client:
        client.get(venue.rest + "/fapi/v1/depth", params={"symbol": "BTCUSDT"})
    assert depth(venue).status_code == 200


def test_an_old_snapshot_is_older_than_anything_streamed(venue: Simulator) -> None:
    first = json.loads(follow(venue, 4)[0])["data"]
    venue.fault(kind="old_snapshot")
    old = depth(venue).json()
    assert old["lastUpdateId"] < first["pu"]
    assert len(old["bids"]) == 1000
    assert depth(venue).json()["lastUpdateId"] > first["u"]


@pytest.mark.parametrize(
    "command",
    [
        b"no json",
        b"5",
        b"{}",
        b'{"kind":"nonsense"}',
        b'{"kind":"drop","color":"red"}',
        b'{"kind":"drop","count":"many"}',
        b'{"kind":"delay"}',
        b'{"kind":"cut","how":"gently"}',
    ],
)
def test_a_wrong_command_is_refused_and_changes_nothing(venue: Simulator, command: bytes) -> None:
    answer = httpx.post(venue.rest + "/_sim/faults", content=command)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert venue.status()["rules"] == []


def test_the_command_line_orders_lists_and_clears_faults(venue: Simulator) -> None:
    def order(*words: str) -> "subprocess.CompletedProcess[str]":
        return starter.run("sim", "fault", *words, "--url", venue.rest)

    made = order("drop", "stream=nothing@depth", "count=4")
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)[0]["left"] == 4
    assert json.loads(order("list").stdout)[0]["kind"] == "drop"
    assert json.loads(order("clear").stdout) == {"cleared": 1}
    wrong = order("drop", "colour=red")
    assert wrong.returncode == 2
    assert "colour" in wrong.stderr


def test_a_scenario_file_orders_faults_by_time(tmp_path: Path) -> None:
    file = tmp_path / "scenario.json"
    rules: list[dict[str, Any]] = [{"at_s": 0.2, "kind": "drop", "stream": "*@depth*"}]
    rules += [{"at_s": at_s, "kind": "cut"} for at_s in (0.4, 1, 3, 10)]  # one finds us connected
    file.write_text(json.dumps(rules))
    with simulator("--symbols", "1", "--rate", "300", "--scenario", file) as own:

        async def run() -> list[Any]:
            found: list[Any] = []
            async with websockets.connect(f"{own.ws}/public/stream?streams={DEPTH}") as ws:
                with pytest.raises(websockets.ConnectionClosed):
                    await drain(ws, found)
            return found

        assert chain(asyncio.run(run())).count(False) <= 1
        assert own.status()["faults"] in ({"drop": 1, "cut": count} for count in (1, 2, 3, 4))
