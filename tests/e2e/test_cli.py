"""`connector top` and `connector tap` against a daemon that runs, and one that is restarted."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.stage import ROOT, Stage, read_until, stage
from tests.reference.stack import BUSY, eventually


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("s"), "BTCUSDT,ETHUSDT") as both:
        yield both


def command(*words: str, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "connector", *words],
        cwd=ROOT, capture_output=True, text=True, timeout=timeout_s, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_top_prints_one_frame_with_every_book(running: Stage) -> None:
    shown = command("top", "--once", "--interval", "0.5", "--runtime-dir", str(running.runtime))
    assert shown.returncode == 0, shown.stderr
    assert "2 of 2 books live" in shown.stdout
    assert re.search(r"BTCUSDT +LIVE +[\d.]+ +[\d.]+ +[\d.]+ +[\d.]+ +\d+ t", shown.stdout)
    assert re.search(r"frame callback to record readable +[\d.]+ [nµm]?s", shown.stdout)
    assert re.search(r"top +\d+ +0:00:\d\d", shown.stdout)
    assert "\x1b" not in shown.stdout


def test_top_tells_the_same_as_json(running: Stage) -> None:
    def moving() -> Any:
        """A market that is held up for so long says nothing."""
        shown = command("top", "--json", "--interval", "0.5", "--runtime-dir", str(running.runtime))
        told = json.loads(shown.stdout)
        return all(book["rates"]["depth"] > 0 for book in told["books"]) and told

    told = eventually(moving)
    assert told["pid"] == running.pid
    assert told["heartbeat_age_ms"] < 15_000
    assert [book["symbol"] for book in told["books"]] == ["BTCUSDT", "ETHUSDT"]
    for book in told["books"]:
        assert book["state"] == "LIVE"
        assert Decimal(book["bid"]) < Decimal(book["ask"])
    assert told["latency_ns"]["recv_to_publish"]["count"] > 0
    assert told["counters"]["frames"] > 0
    assert {reader["strategy"] for reader in told["readers"]} == {"top"}


def test_top_draws_a_picture(running: Stage, tmp_path: Path) -> None:
    runtime = str(running.runtime)
    picture = tmp_path / "top.svg"
    shown = command("top", "--svg", str(picture), "--interval", "0.2", "--runtime-dir", runtime)
    assert shown.returncode == 0, shown.stderr
    assert "BTCUSDT" in picture.read_text()
    shown = command("top", "--svg", str(tmp_path), "--interval", "0.2", "--runtime-dir", runtime)
    assert shown.returncode == 2


def test_tap_follows_what_was_asked_for(running: Stage) -> None:
    shown = command(
        "tap", "--json", "--symbol", "btcusdt", "--type", "bbo", "--type", "trade",
        "--count", "20", "--runtime-dir", str(running.runtime),
    )  # fmt: skip
    assert shown.returncode == 0, shown.stderr
    told = [json.loads(line, parse_float=Decimal) for line in shown.stdout.splitlines()]
    assert len(told) == 20
    assert {row["symbol"] for row in told} == {"BTCUSDT"}
    assert {row["type"] for row in told} <= {"bbo", "trade"}
    assert [row["sequence"] for row in told] == sorted({row["sequence"] for row in told})
    for row in told:
        if row["type"] == "bbo":
            assert Decimal(0) < row["bid_price"] < row["ask_price"]


def test_tap_writes_a_line_for_people(running: Stage) -> None:
    shown = command(
        "tap", "--type", "book_delta", "--count", "3", "--runtime-dir", str(running.runtime)
    )
    assert [len(re.findall(r"bids=\d+ asks=\d+", line)) for line in shown.stdout.splitlines()] == [
        1, 1, 1,
    ]  # fmt: skip


def test_a_symbol_the_daemon_does_not_have_is_told(running: Stage) -> None:
    shown = command("tap", "--symbol", "NOPE", "--runtime-dir", str(running.runtime))
    assert shown.returncode == 2
    assert "NOPE: the daemon has BTCUSDT, ETHUSDT" in shown.stderr


@pytest.mark.parametrize("name", ["top", "tap"])
def test_without_a_daemon_they_say_where_they_looked(name: str, tmp_path: Path) -> None:
    shown = command(name, "--runtime-dir", str(tmp_path))
    assert shown.returncode == 1
    assert f"no daemon at {tmp_path}/control.sock" in shown.stderr
    assert "Traceback" not in shown.stderr


def test_tap_goes_on_after_a_restart_and_ends_on_ctrl_c(running: Stage) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "connector", "tap", "--json", "--type", "trade",
         "--runtime-dir", str(running.runtime)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    ) as tap:  # fmt: skip
        try:
            assert tap.stdout is not None
            assert json.loads(tap.stdout.readline())["sequence"] > 0
            running.restart_daemon()
            for line in tap.stdout:
                if "the daemon is gone; waiting" in line:
                    break
            else:
                pytest.fail("tap ended with its daemon")
            assert json.loads(tap.stdout.readline())["type"] == "trade"
            tap.send_signal(signal.SIGINT)
            assert tap.wait(BUSY * 10) == 130
        finally:
            tap.kill()


def test_the_live_view_follows_a_restart(running: Stage) -> None:
    main, other = pty.openpty()
    top = subprocess.Popen(
        [sys.executable, "-m", "connector", "top", "--interval", "0.2",
         "--runtime-dir", str(running.runtime)],
        cwd=ROOT, stdin=other, stdout=other, stderr=other, start_new_session=True,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "110", "LINES": "40"},
    )  # fmt: skip
    os.close(other)
    try:
        first = f"pid {running.pid} ".encode()
        assert first in read_until(main, first, BUSY * 20)
        running.restart_daemon()
        second = f"pid {running.pid} ".encode()
        assert second in read_until(main, second, BUSY * 20)
        top.send_signal(signal.SIGINT)
        read_until(main, b"no such words: to the end", BUSY * 10)
        assert top.wait(BUSY * 10) == 130
    finally:
        top.kill()
        top.wait()
        os.close(main)
