"""Replays: recorded bytes in order, snapshots that fit whoever asks, the recording's own book."""

import asyncio
import gzip
import hashlib
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets

from tests.reference import starter
from tests.reference.sim_process import Simulator, simulator
from tests.reference.venue_book import VenueBook


async def replayed(
    venue: Simulator, symbol: str, streams: Sequence[str], wait_s: float = 2.0, ask_after: int = 2
) -> tuple[VenueBook, list[str], bytes]:
    """Follow a replay to its end: the synced book, every message, and the first depth answer."""
    book, messages, first, done = VenueBook(), [], b"", False
    params = {"symbol": symbol, "limit": 1000}
    asked: asyncio.Task[httpx.Response] | None = None
    async with (
        httpx.AsyncClient(base_url=venue.rest) as http,
        websockets.connect(venue.ws + "/public/stream", max_size=None, close_timeout=1) as ws,
    ):
        await ws.send(json.dumps({"method": "SUBSCRIBE", "params": streams, "id": 1}))
        assert json.loads(await ws.recv())["result"] is None
        while True:
            try:
                message = await asyncio.wait_for(ws.recv(), wait_s)
            except TimeoutError:
                if done:
                    break
                done = (await asyncio.to_thread(venue.status))["market"]["done"]
                continue
            messages.append(message)
            parsed = json.loads(message)
            if parsed["stream"] == streams[0]:
                book.event(parsed["data"])
            if asked is None and len(book.buffer) >= ask_after:
                asked = asyncio.create_task(http.get("/fapi/v1/depth", params=params))
                await asyncio.sleep(0)
            if asked is not None and not first and asked.done():
                first = asked.result().content
                book.snapshot(json.loads(first))
        if asked is not None and not first:
            first = (await asked).content
            book.snapshot(json.loads(first))
    return book, messages, first


def recorded(paths: Sequence[Path], head: str) -> list[str]:
    lines = []
    for path in paths:
        with gzip.open(path, "rt") as file:
            lines += [line.split(" ", 1)[1].rstrip("\n") for line in file]
    return [line for line in lines if line.startswith(head)]


CASES = {
    "btcusdt_202304": ["btcusdt_20230404.dat.gz", "btcusdt_20230405.dat.gz"],
    "ethusdt_202407": ["ethusdt_20240718.gz", "ethusdt_20240719.gz"],
    "btcusdt_20220811": ["btcusdt_20220811.dat.gz"],
}


@pytest.mark.parametrize(
    ("oracle", "speed"), [("ethusdt_202407", "max"), ("btcusdt_20220811", "50")]
)
def test_a_replay_is_byte_for_byte_and_ends_with_the_oracles_book(
    recordings: Path, oracle: str, speed: str
) -> None:
    paths = [recordings / "binance-usdm" / name for name in CASES[oracle]]
    symbol = oracle[:7].upper()
    streams = [f"{symbol.lower()}@depth@0ms", f"{symbol.lower()}@trade"]
    with simulator("--replay", *paths, "--speed", speed) as venue:
        book, messages, first = asyncio.run(replayed(venue, symbol, streams))
        (snapshot,) = recorded(paths, '{"lastUpdateId"')
        assert first == snapshot.encode()
        assert messages == [
            line
            for line in recorded(paths, '{"stream"')
            if any(line.startswith(f'{{"stream":"{stream}"') for stream in streams)
        ]
        final = json.loads((recordings / "oracle" / f"binance_{oracle}.json").read_text())
        last = final["checkpoints"][-1]
        assert book.gaps == 0
        assert (book.last_id, book.applied) == (last["u"], last["applied"])
        assert (len(book.bids), len(book.asks)) == (last["nb"], last["na"])
        lines = [f"b,{price},{book.bids[price]}\n" for price in sorted(book.bids, reverse=True)]
        lines += [f"a,{price},{book.asks[price]}\n" for price in sorted(book.asks)]
        assert hashlib.sha256("".join(lines).encode()).hexdigest() == last["full"]
        own = venue.get("/fapi/v1/depth", symbol=symbol, limit=1000).json()
        assert own["lastUpdateId"] == last["u"]
        book.touched = set()
        assert book.differences(own) == []
        status = venue.status()["market"]
        assert status["done"]
        assert status["messages_sent"] == status["messages_total"]


def test_several_symbols_of_one_recording_sync_each(recordings: Path) -> None:
    folder = recordings / "binance-usdm"
    paths = [folder / f"alts_202107.{part}.gz" for part in ("0", "http.0.0", "ws.1.0")]
    with simulator("--replay", *paths, "--speed", "20") as venue:
        with gzip.open(paths[0]) as file:
            recorded_info = file.readline().split(b": ", 1)[1].strip()
        assert venue.get("/fapi/v1/exchangeInfo").content == recorded_info

        async def run() -> Any:
            return await asyncio.gather(
                *(
                    replayed(venue, symbol.upper(), [f"{symbol}@depth@100ms"], 4.0, 1)
                    for symbol in ("sushiusdt", "akrousdt", "keepusdt", "ctkusdt")
                )
            )

        for (book, messages, _), name in zip(
            asyncio.run(run()), ("sushi", "akro", "keep", "ctk"), strict=True
        ):
            path = recordings / "oracle" / f"binance_202107_{name}usdt.json"
            last = json.loads(path.read_text())["checkpoints"][-1]
            assert (book.gaps, book.last_id, book.applied) == (0, last["u"], last["applied"])
            assert (len(book.bids), len(book.asks)) == (last["nb"], last["na"])
            assert messages


# A recording of our own making: what follows needs no files.

LEVELS = (
    [[f"{100 - n}.0", "1.0"] for n in range(1, 6)],
    [[f"{100 + n}.0", "1.0"] for n in range(1, 6)],
)


def event(number: int, *, gap: int = 0) -> dict[str, Any]:
    """Depth message ``number``: ids 10n-9..10n, one level changes."""
    return {
        "e": "depthUpdate", "E": 1000 + number, "T": 1000 + number, "s": "ABCUSDT",
        "U": 10 * number - 9, "u": 10 * number, "pu": 10 * (number - 1 - gap),
        "b": [["99.0", f"{number}.0"]], "a": [],
    }  # fmt: skip


def record(
    path: Path, lines: list[Any], stream: str = "abcusdt@depth@100ms", every_us: int = 1000
) -> Path:
    """Write a recording with a line each ms; an int is that depth message."""
    rows = []
    for number, line in enumerate(lines):
        if isinstance(line, int):
            line = event(line)
        if isinstance(line, dict) and "e" in line:
            line = {"stream": stream, "data": line}
        text = line if isinstance(line, str) else json.dumps(line, separators=(",", ":"))
        rows.append(f"{1_700_000_000_000_000 + number * every_us} {text}")
    path.write_text("\n".join(rows) + "\n")
    return path


def snapshot(last_id: int) -> dict[str, Any]:
    return {"lastUpdateId": last_id, "E": 1, "T": 1, "bids": LEVELS[0], "asks": LEVELS[1]}


def test_the_flow_waits_for_the_depth_request_however_late_it_comes(tmp_path: Path) -> None:
    file = record(tmp_path / "r", [1, 2, snapshot(20), *range(3, 40)])

    async def run(venue: Simulator) -> tuple[list[int], bytes, list[int]]:
        url = venue.ws + "/public/stream?streams=abcusdt@depth@100ms"
        async with httpx.AsyncClient(base_url=venue.rest) as http, websockets.connect(url) as ws:
            early = []
            while len(early) < 4:
                early.append(json.loads(await ws.recv())["data"]["u"])
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(ws.recv(), 0.5)
            params = {"symbol": "ABCUSDT", "limit": 1000}
            answer = (await http.get("/fapi/v1/depth", params=params)).content
            late = [json.loads(await ws.recv())["data"]["u"] for _ in range(35)]
            return early, answer, late

    with simulator("--replay", file, "--speed", "10") as venue:
        assert not venue.status()["market"]["started"]
        early, answer, late = asyncio.run(run(venue))
        assert early + late == [10 * n for n in range(1, 40)]
        assert json.loads(answer) == snapshot(20)
        own = venue.get("/fapi/v1/depth", symbol="ABCUSDT", limit=1000).json()
        assert own["lastUpdateId"] == 390
        assert own["bids"][0] == ["99.0", "39.0"]
        info = venue.get("/fapi/v1/exchangeInfo").json()["symbols"][0]
        assert info["filters"][0]["tickSize"] == "1.0"


def test_a_request_before_the_flow_gets_the_recorded_snapshot_and_later_ones_do_not(
    tmp_path: Path,
) -> None:
    file = record(tmp_path / "r", [1, snapshot(20), *range(2, 40)])
    with simulator("--replay", file, "--speed", "max") as venue:
        first = venue.get("/fapi/v1/depth", symbol="ABCUSDT", limit=1000)
        assert first.json() == snapshot(20)
        book, messages, again = asyncio.run(
            replayed(venue, "ABCUSDT", ["abcusdt@depth@100ms"], 0.5)
        )
        assert len(messages) == 39
        assert json.loads(again)["lastUpdateId"] > 20
        book.touched = set()
        own = venue.get("/fapi/v1/depth", symbol="ABCUSDT", limit=1000).json()
        assert own["lastUpdateId"] == 390


def test_after_a_gap_of_the_recording_the_next_recorded_snapshot_is_given(tmp_path: Path) -> None:
    lines = [1, snapshot(10), 2, 3, event(6, gap=0), 7, snapshot(70), 8, 9]
    file = record(tmp_path / "r", lines)
    with simulator("--replay", file, "--speed", "max", "--snapshot-wait", "0.2") as venue:

        async def run() -> None:
            async with websockets.connect(f"{venue.ws}/public/ws/abcusdt@depth@100ms") as ws:
                for _ in range(7):
                    await ws.recv()

        asyncio.run(run())
        own = venue.get("/fapi/v1/depth", symbol="ABCUSDT", limit=1000).json()
        assert own["lastUpdateId"] == 90
        status = venue.status()["market"]
        assert status["recorded_gaps"] == {"ABCUSDT": 1}
        assert status["live"] == {"ABCUSDT": True}


def test_another_speed_of_the_stream_is_served_under_the_name_asked_for(tmp_path: Path) -> None:
    file = record(tmp_path / "r", [1, *range(2, 9)], "abcusdt@depth@0ms")

    async def run(venue: Simulator) -> tuple[list[Any], list[Any]]:
        names = "abcusdt@depth@500ms/abcusdt@trade"
        async with (
            websockets.connect(f"{venue.ws}/public/stream?streams={names}") as one,
            websockets.connect(f"{venue.ws}/public/ws/abcusdt@depth@0ms") as two,
        ):
            return (
                [json.loads(await one.recv()) for _ in range(8)],
                [json.loads(await two.recv()) for _ in range(8)],
            )

    with simulator("--replay", file) as venue:
        wrapped, raw = asyncio.run(run(venue))
        assert {message["stream"] for message in wrapped} == {"abcusdt@depth@500ms"}
        assert [message["data"] for message in wrapped] == raw == [event(n) for n in range(1, 9)]


def test_broken_lines_are_sent_as_they_were_on_the_wire(tmp_path: Path) -> None:
    broken = '{"stream":"abcusdt@depth@100ms","data":{"e":"depthUpdate","E":10'
    file = record(tmp_path / "r", [1, broken, 2])

    async def run(venue: Simulator) -> list[Any]:
        async with websockets.connect(
            f"{venue.ws}/public/stream?streams=abcusdt@depth@100ms"
        ) as ws:
            return [await ws.recv() for _ in range(3)]

    with simulator("--replay", file) as venue:
        assert asyncio.run(run(venue))[1] == broken


def test_the_pace_is_the_recordings_times_the_speed(tmp_path: Path) -> None:
    file = record(tmp_path / "r", list(range(1, 1001)), every_us=20_000)

    async def run(venue: Simulator) -> float:
        url = f"{venue.ws}/public/ws/abcusdt@depth@100ms"
        begin = time.monotonic()
        async with websockets.connect(url, max_queue=None) as ws:
            for _ in range(1000):
                await ws.recv()
            return time.monotonic() - begin

    with simulator("--replay", file, "--speed", "40") as venue:
        took_s = asyncio.run(run(venue))
    # Nothing makes it faster; a busy machine may make it slower, but hardly forty times.
    assert 20 / 40 * 0.9 < took_s < 20 * 0.9


def test_exit_at_end_and_nothing_is_lost_by_a_slow_client(tmp_path: Path) -> None:
    padding = [["1.0", "0." + "0" * 50]] * 60
    lines = [event(n) | {"a": padding} for n in range(1, 4001)]
    file = record(tmp_path / "r", lines)
    with simulator("--replay", file, "--speed", "max", "--exit-at-end") as venue:

        async def run() -> tuple[list[int], int]:
            url = f"{venue.ws}/public/ws/abcusdt@depth@100ms"
            async with websockets.connect(url, max_queue=4, close_timeout=1) as ws:
                await ws.recv()
                await asyncio.sleep(0.7)
                sent = (await asyncio.to_thread(venue.status))["market"]["messages_sent"]
                return [json.loads(await ws.recv())["u"] for _ in range(3999)], sent

        ids, sent_while_asleep = asyncio.run(run())
        assert sent_while_asleep < 4000
        assert ids == [10 * n for n in range(2, 4001)]
        assert venue.process.wait(30) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--replay", "/nowhere/x.gz"], "/nowhere/x.gz"),
        (["--replay", "FILE", "--symbol", "NOUSDT"], "NOUSDT is not in the recording"),
        (["--replay", "FILE", "--speed", "0"], "--speed must be above 0"),
        (["--symbols", "0"], "--symbols"),
        (["--rate", "-1"], "--rate"),
        (["--exchange-info", "FILE"], "not an exchangeInfo answer"),
        (["--scenario", "FILE"], "--scenario"),
    ],
)
def test_wrong_options_are_one_sentence_and_status_2(
    tmp_path: Path, arguments: list[str], words: str
) -> None:
    file = record(tmp_path / "r", [1])
    command = [str(file) if each == "FILE" else each for each in arguments]
    done = starter.run("sim", *command)
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
