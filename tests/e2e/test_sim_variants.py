"""A recording in other shapes is replayed as well: each ends with the same client's same book."""

import asyncio
import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import websockets

from tests.reference.sim_process import Simulator, simulator
from tests.reference.venue_book import VenueBook

SYMBOL, FILE = "BTCUSDT", "btcusdt_20220811.dat.gz"
Lines = list[tuple[int, str]]


def depth(text: str) -> bool:
    return '"depthUpdate"' in text


def snapshot_first(lines: Lines) -> Lines:
    """Cut at the start: the snapshot, then the message that continues it."""
    answer = next(text for _, text in lines if "lastUpdateId" in text)
    last_id = json.loads(answer)["lastUpdateId"]
    frames = [row for row in lines if "lastUpdateId" not in row[1]]
    begin = next(
        n
        for n, (_, text) in enumerate(frames)
        if depth(text) and json.loads(text)["data"]["u"] >= last_id
    )
    return [(frames[begin][0], answer), *frames[begin:]]


def snapshot_late(lines: Lines) -> Lines:
    """The snapshot is that of a moment five seconds on."""
    book, made, done = VenueBook(), [], False
    book.snapshot(json.loads(next(text for _, text in lines if "lastUpdateId" in text)))
    for stamp, text in lines:
        if "lastUpdateId" in text:
            continue
        made.append((stamp, text))
        if depth(text):
            book.event(json.loads(text)["data"])
        if not done and book.last_id and stamp - lines[0][0] > 5_000_000:
            sides = {
                name: [
                    [str(price), str(side[price])] for price in sorted(side, reverse=reverse)[:1000]
                ]
                for name, side, reverse in (("bids", book.bids, True), ("asks", book.asks, False))
            }
            made.append((stamp, json.dumps({"lastUpdateId": book.last_id, "E": 1, "T": 1} | sides)))
            done = True
    assert done
    return made


def raw(lines: Lines) -> Lines:
    return [(stamp, re.sub(r'^\{"stream":"[^"]*","data":(.*)\}$', r"\1", t)) for stamp, t in lines]


VARIANTS: dict[str, Callable[[Lines], Lines]] = {
    "as it is": lambda lines: lines,
    "snapshot first": snapshot_first,
    "snapshot after 5 s": snapshot_late,
    "raw frames": raw,
    "another speed": lambda lines: [(s, t.replace("@depth@0ms", "@depth@100ms")) for s, t in lines],
    "stamps in ms": lambda lines: [(s // 1000, t) for s, t in lines],
    "stamps in ns": lambda lines: [(s * 1000, t) for s, t in lines],
    "only depth": lambda lines: [(s, t) for s, t in lines if depth(t) or "lastUpdateId" in t],
}


async def follow(venue: Simulator, until: int) -> VenueBook:
    """The book of a client that subscribes, waits for two messages and asks for a snapshot."""
    book, stream = VenueBook(), f"{SYMBOL.lower()}@depth@0ms"
    params = {"symbol": SYMBOL, "limit": 1000}
    async with (
        httpx.AsyncClient(base_url=venue.rest) as http,
        websockets.connect(f"{venue.ws}/public/ws/{stream}", max_size=None) as ws,
    ):
        while book.last_id != until:
            book.event(json.loads(await asyncio.wait_for(ws.recv(), 30)))
            if len(book.buffer) == 2:
                answer = (await http.get("/fapi/v1/depth", params=params)).json()
                book.snapshot(answer)
    return book


@pytest.mark.parametrize("name", VARIANTS)
def test_every_shape_ends_with_the_same_book(recordings: Path, tmp_path: Path, name: str) -> None:
    with gzip.open(recordings / "binance-usdm" / FILE, "rt") as file:
        rows = [line.rstrip("\n").split(" ", 1) for line in file]
    lines = VARIANTS[name]([(int(stamp), text) for stamp, text in rows])
    tape = tmp_path / "tape"
    tape.write_text("".join(f"{stamp} {text}\n" for stamp, text in lines))
    wanted = VenueBook()
    for _, text in lines:
        if depth(text):
            found = json.loads(text)
            wanted.event(found.get("data", found))
    wanted.snapshot(json.loads(next(text for _, text in lines if "lastUpdateId" in text)))
    assert wanted.last_id is not None
    with simulator("--replay", tape, "--speed", "max") as venue:
        book = asyncio.run(follow(venue, wanted.last_id))
    assert (book.bids, book.asks, book.gaps) == (wanted.bids, wanted.asks, wanted.gaps)
    assert book.applied == wanted.applied
