"""Log lines go to stderr by a thread: in order, and never at the loop's cost."""

import logging
import os
import threading
import time

import pytest

from connector.logs import TextFormatter, Writer


@pytest.fixture
def pipe() -> tuple[int, int]:
    return os.pipe()


def logger(writer: Writer) -> logging.Logger:
    writer.setFormatter(TextFormatter())
    found = logging.Logger("test")
    found.addHandler(writer)
    return found


def test_every_line_arrives_in_order(pipe: tuple[int, int]) -> None:
    writer = Writer(pipe[1])
    log = logger(writer)
    for number in range(500):
        log.info("line %d", number)
    writer.close()
    os.close(pipe[1])
    with os.fdopen(pipe[0]) as lines:
        told = [int(line.split()[-1]) for line in lines]
    assert told == list(range(500))
    assert writer.lost == 0


def test_a_full_pipe_stops_nobody_and_what_is_lost_is_counted_and_told(
    pipe: tuple[int, int],
) -> None:
    writer = Writer(pipe[1], most=50)
    log = logger(writer)
    text = "x" * 8192  # a pipe holds sixteen of them
    done = threading.Event()

    def write() -> None:
        for _ in range(200):
            log.info(text)
        done.set()

    threading.Thread(target=write, daemon=True).start()
    assert done.wait(10), "somebody waited for the reader"
    lost = writer.lost
    assert 50 < lost <= 150
    read = b""
    end = time.monotonic() + 10
    while b"lines were lost" not in read:
        assert time.monotonic() < end
        read += os.read(pipe[0], 1 << 16)
    assert f"lines={lost}".encode() in read
    log.info("afterwards")
    while b"afterwards" not in read:
        assert time.monotonic() < end
        read += os.read(pipe[0], 1 << 16)
    assert read.count(text.encode()) == 200 - lost
    writer.close()


def test_a_closed_stderr_is_no_failure(pipe: tuple[int, int]) -> None:
    os.close(pipe[0])
    writer = Writer(pipe[1])
    log = logger(writer)
    for _ in range(10):
        log.info("to nobody")
    writer.close()
    assert writer.lost == 0
