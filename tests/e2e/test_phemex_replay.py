"""The recorded Phemex session through the simulated venue and the daemon, both as real processes:
who follows the daemon's records has every book of the oracles."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from connector.model.counters import Counter
from connector.model.records import RecordType, dtype
from connector.protocol.recording import Kind, read
from tests.reference.book_model import BookModel
from tests.reference.market_reader import Reader, row_of
from tests.reference.stack import Daemon, Sim, eventually

SPEED, SETTLE_S = "50", "4"
RING_BYTES = 1 << 23
"""Everything that is said: it is read when all is over."""


def attached(daemon: Daemon) -> Reader | None:
    """A reader of the daemon's ring, as soon as there is one."""
    try:
        return Reader(daemon)
    except (OSError, AssertionError):
        return None


def begun(file: Path, symbol: str) -> BookModel:
    """The recording's first whole book, which readers find in shared memory; records tell what
    comes after it."""
    for item in read([file]):
        if item.kind is Kind.FRAME and item.payload.startswith(b'{"book":'):
            content = json.loads(item.payload)
            if content["symbol"] == symbol:
                assert content["type"] == "snapshot"
                sides = (content["book"][side] for side in ("bids", "asks"))
                book = BookModel()
                book.apply(*([n for level in side for n in level] for side in sides))
                return book
    raise AssertionError(f"no book of {symbol}")


def full(book: BookModel) -> str:
    sides = (",".join(f"{price}:{qty}" for price, qty in side) for side in both(book))
    return hashlib.sha256("|".join(sides).encode()).hexdigest()


def both(book: BookModel) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    return book.bids(), book.asks()


Running = tuple[Sim, Daemon, Reader]


@pytest.fixture(scope="module")
def oracles(recordings: Path) -> list[dict[str, Any]]:
    found = sorted((recordings / "oracle").glob("phemex_*"))
    assert len(found) == 5
    return [json.loads(path.read_text()) for path in found]


@pytest.fixture(scope="module")
def running(
    recordings: Path, oracles: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    (file,) = {oracle["file"] for oracle in oracles}
    feeds = [{"instruments": [one["symbol"] for one in oracles], "channels": ["depth", "trade"]}]
    folder = tmp_path_factory.mktemp("replay")
    with (
        Sim("--speed", SPEED, "--settle", SETTLE_S, "--replay", str(recordings / file),
            venue="phemex") as sim,
        Daemon(folder, sim, feeds=feeds, daemon={"ring_bytes": RING_BYTES}) as daemon,
        eventually(lambda: attached(daemon), 10) as reader,
    ):  # fmt: skip
        assert daemon.state()["books_live"] == 0, "before anything is said"
        yield sim, daemon.ready(), reader


def test_every_checkpoint_of_the_oracles_is_reproduced(
    running: Running, recordings: Path, oracles: list[dict[str, Any]]
) -> None:
    _, daemon, reader = running
    ends = {oracle["checkpoints"][-1]["sequence"]: oracle for oracle in oracles}

    def ended() -> dict[int, int]:
        images = {place: daemon.book(place) for place in range(len(oracles))}
        found = {image.update_id: place for place, image in images.items() if image is not None}
        return found if found.keys() == ends.keys() else {}

    places = eventually(ended, 30)
    books = {
        places[last]: begun(recordings / oracle["file"], oracle["symbol"])
        for last, oracle in ends.items()
    }
    wanted = {
        places[last]: {row["sequence"]: row for row in oracle["checkpoints"]}
        for last, oracle in ends.items()
    }

    def judge(place: int, sequence: int) -> None:
        """All that is said of a message was read: what it left is a checkpoint, or none."""
        row = wanted[place].pop(sequence, None)
        if row is not None:
            assert books[place].counts == (row["nb"], row["na"])
            assert full(books[place]) == row["full"]

    at: dict[int, int] = {}
    while (record := reader.ring.read()) is not None:
        head = row_of(dtype("RecordHeader"), memoryview(record))
        if head["type"] != RecordType.BOOK_DELTA:
            continue
        place, sequence = head["instrument"], head["update_id"]
        if at.setdefault(place, sequence) != sequence:
            judge(place, at[place])
            at[place] = sequence
        body = row_of(dtype("BookDeltaBody"), memoryview(record)[64:])
        rows = np.frombuffer(record, dtype("Level"), body["bids"] + body["asks"], 96)
        levels = [int(n) for row in rows for n in (row["price_e"], row["qty_e"])]
        books[place].apply(levels[: 2 * body["bids"]], levels[2 * body["bids"] :])
    for place, sequence in at.items():
        judge(place, sequence)
    assert not any(wanted.values()), "every checkpoint was met"
    for counter in (Counter.GAPS, Counter.CROSSED, Counter.BOOKS_DIFFERED):
        assert reader.counter(counter) == 0


def test_a_socket_that_falls_silent_is_replaced(running: Running) -> None:
    """Not even pongs come any more, and the venue ends nothing: it is the client that hangs up."""
    sim, _, reader = running
    connects = reader.counter(Counter.CONNECTS)
    sim.fault("half_open")
    eventually(lambda: reader.counter(Counter.CONNECTS) == connects + 1, 25)
    assert sim.status()["closed_for"] == {"client": 1}
