"""The examples run against a daemon's memory, the C reader compiled from the shipped header."""

import asyncio
import os
import signal
import struct
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from connector.ipc.segments import BookImage
from connector.model.records import RecordType
from tests.reference.market_daemon import MarketDaemon, book_image, instrument, levels

ROOT = Path(__file__).resolve().parents[2]


async def run(runtime_dir: Path, command: list[str], lines: int, delta: bool = False) -> list[str]:
    """The first ``lines`` lines ``command`` says while a daemon publishes trades, or deltas."""
    asked = asyncio.Event()
    update_id = book_image().update_id

    def book(index: int) -> BookImage:
        asked.set()
        best = levels((100, update_id), (99, 2))
        return msgspec.structs.replace(book_image(), update_id=update_id, bids=best)

    daemon = MarketDaemon(runtime_dir, book=book)
    daemon.segment.add_instrument(instrument())
    await daemon.server.start()
    process = await asyncio.create_subprocess_exec(
        *command,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "CONNECTOR_RUNTIME_DIR": str(runtime_dir), "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None

    async def publish() -> None:
        nonlocal update_id
        while True:
            if delta and asked.is_set():
                body = struct.pack("<3q2I", update_id, update_id, 1, 1, 0)
                update_id += 1
                daemon.segment.publish(
                    RecordType.BOOK_DELTA, 0, body + levels((100, update_id)), update_id=update_id
                )
                daemon.bell.touch()
            elif not delta and daemon.server.sessions():
                daemon.trade(123_450_000_000, 50_000_000)
            await asyncio.sleep(0.02)

    publishing = asyncio.create_task(publish())
    try:
        async with asyncio.timeout(120):
            found = [(await process.stdout.readline()).decode().rstrip() for _ in range(lines)]
            if delta:  # watch_book goes on until it is interrupted
                process.send_signal(signal.SIGINT)
            await process.communicate()
        assert process.returncode == 0
        return found
    finally:
        publishing.cancel()
        if process.returncode is None:
            process.kill()
            await process.communicate()
        await daemon.server.close()


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> str:
    program = tmp_path_factory.mktemp("c") / "reader"
    command = ["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-O2", f"-I{ROOT / '_speedups'}"]
    subprocess.run([*command, ROOT / "examples" / "reader.c", "-o", program], check=True)
    return str(program)


def test_the_c_reader_follows_a_daemon(tmp_path: Path, reader: str) -> None:
    lines = asyncio.run(run(tmp_path, [reader, str(tmp_path), "5"], 6))
    assert lines[0] == "1 BTCUSDT record of type 10"
    assert lines[1:5] == [f"{n} BTCUSDT trade 1234.50000000 x 0.50000000" for n in (2, 3, 4, 5)]
    assert lines[5] == "lost 0"


def test_the_c_reader_says_that_no_daemon_is_there(tmp_path: Path, reader: str) -> None:
    done = subprocess.run([reader, str(tmp_path), "1"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "no daemon" in done.stderr


def test_watch_book_keeps_the_book_from_the_ring(tmp_path: Path) -> None:
    command = [sys.executable, "examples/watch_book.py", "BTCUSDT"]
    lines = asyncio.run(run(tmp_path, command, 3, delta=True))
    quantities = [float(line.split()[1]) for line in lines]
    assert all(line.startswith("BTCUSDT") for line in lines)
    assert quantities == sorted(set(quantities))  # each delta raised it by one step
