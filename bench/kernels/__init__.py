"""The kernels in nanoseconds a call: parse, decode to book, books in numbers, ring and cells.

Everything runs in one thread on recorded frames. Frames are timed in chunks of 100, each chunk's
best of all rounds, and ``orjson.loads`` of the same bytes takes its turn after each chunk.
``test_kernels.py`` beside this file gives single calls to pytest-benchmark."""

from __future__ import annotations

import ctypes
import gc
import os
import time
from array import array

from bench import native
from bench.chunks import Chunked, loads
from bench.frames import SETS, Frames, load
from bench.kernels.centrifugo import centrifugo
from bench.kernels.journal import appends
from bench.kernels.reports import reports
from bench.kernels.signing import requests, signatures
from bench.kernels.streamed import streamed
from bench.report import Group
from bench.rig import Rig, scaled, sides, tick

BOOKS = (1, 20, 500)
MOST_LEVELS = 1000
MESSAGES = 20
LOOP = 5_000


def decode(name: str, rounds: int) -> Group:
    """Frames of one recording to book, cells and ring record."""
    frames = load(name)
    # Trades of the insurance fund are rare and left to Python; they are no kernel.
    probe = Rig(frames, ring_bytes=1 << 22)
    trades = [frame for frame in frames.trade if probe.codec.decode(frame, 0, 0) == 0]
    depth, ticker, trade = Chunked(frames.depth), Chunked(frames.ticker), Chunked(trades)
    gc.disable()
    try:
        for _ in range(rounds):
            rig = Rig(frames)
            for chunked in (depth, ticker, trade):
                chunked.round({"ours": rig.decode, "orjson": loads})
    finally:
        gc.enable()
    levels = frames.levels / len(frames.depth)
    group = Group(
        f"frame to record, {name}: {levels:.1f} levels a depth message",
        "every message of every instrument costs more before any strategy hears of it",
    )
    ours, json = depth.ns("ours"), depth.ns("orjson")
    group.add(
        "depth: decode, book, top 20, record", ours, "ns", note=f"{ours / levels:.1f} a level"
    )
    group.add("depth: orjson.loads of the same bytes", json, "ns")
    group.add("depth: ours of orjson.loads", ours / json, "x", 0.28)
    for kind, chunked in (("bookTicker", ticker), ("trade", trade)):
        group.add(f"{kind}: frame to record", chunked.ns("ours"), "ns", 200)
        json = chunked.ns("orjson")
        share = chunked.ns("ours") / json
        group.add(f"{kind}: ours of orjson.loads", share, "x", note=f"orjson {json:.0f} ns")
    return group


def resident() -> int:
    """Bytes of this process's resident memory."""
    with open("/proc/self/statm") as numbers:
        return int(numbers.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def messages(frames: Frames, count: int) -> tuple[array[int], array[int]]:
    """Levels and sizes of the first depth messages, flat scaled integers."""
    import orjson

    levels, sizes = array("q"), array("q")
    for frame in frames.depth[:count]:
        data = orjson.loads(frame)["data"]
        for side in (data["b"], data["a"]):
            sizes.append(len(side))
            for price, quantity in side:
                levels.extend((scaled(price), scaled(quantity)))
    return levels, sizes


def codec_books(frames: Frames, count: int, rounds: int) -> float:
    """Each message for every symbol in turn through the codec; ns for all, best of the rounds.

    Its bytes are read once before, as they are when they come from a socket."""
    symbols = [f"S{number:03d}USDT" for number in range(count)]
    best = [1 << 62] * MESSAGES
    for _ in range(max(rounds // 2, 3)):
        rig = Rig(frames, symbols, ring_bytes=1 << 22, most_levels=MOST_LEVELS)
        for index, frame in enumerate(frames.depth[:MESSAGES]):
            text = frame.replace(frames.symbol.encode(), b"%s")
            text = text.replace(frames.symbol.lower().encode(), b"%s")
            chunk = [text % (s.lower().encode(), s.encode()) for s in symbols]
            b"".join(chunk)
            best[index] = min(best[index], rig.decode(chunk))
    return float(sum(best))


def books(rounds: int) -> Group:
    """Messages applied to 1, 20 and 500 full books in turn: how the caches hold."""
    frames = load("ethusdt", 100)
    levels, sizes = messages(frames, MESSAGES)
    bids, asks = (array("q", side[: 2 * MOST_LEVELS]) for side in sides(frames))
    group = Group(
        f"full books of {MOST_LEVELS} levels a side, round robin",
        "an installation of many instruments slows down more than a small one",
    )
    probes = native.load()
    one = one_whole = 0.0
    for count in BOOKS:
        ctypes.CDLL(None).malloc_trim(0)
        before = resident()
        full = probes.Books(count, tick(frames), bids, asks)
        used = resident() - before
        total = len(levels) // 2 * count
        spent, least = array("q", bytes(8 * (len(sizes) // 2))), [1 << 62] * (len(sizes) // 2)
        for _ in range(max(rounds, 3)):
            full.apply(levels, sizes, True, spent)
            least = list(map(min, least, spent))
        best = sum(least) / total
        whole = codec_books(frames, count, rounds) / (len(levels) // 2 * count)
        one, one_whole = one or best, one_whole or whole
        goal = {1: None, 20: 1.2, 500: 1.7}[count]
        group.add(f"{count} books: frame to record", whole, "ns/level")
        group.add(f"{count} books: apply + top 20 alone", best, "ns/level")
        if count > 1:
            group.add(f"{count} books of 1: frame to record", whole / one_whole, "x", goal)
            group.add(f"{count} books of 1: apply + top 20 alone", best / one, "x")
        if count == BOOKS[-1]:
            group.add(f"memory of {count} books", used / 1e6, "MB", 300)
        del full
    return group


def memory(rounds: int) -> Group:
    """Ring and cells with one thread, and the clock that is read in each commit."""
    from connector._speedups import decimal
    from connector._speedups.segment import Segment

    probes = native.load()
    segment = Segment.create(64 << 20)
    group = Group(
        "ring and cells, one thread",
        "each record costs the daemon more; readers are measured by `ipc`",
    )
    turns = range(100 * rounds)
    clock = min(probes.clock_loop(LOOP) for _ in turns) / LOOP
    group.add("clock_gettime(CLOCK_MONOTONIC)", clock, "ns", note="one in each commit")
    for length in (128, 704):
        best = min(probes.commit_loop(segment, length, LOOP) for _ in turns) / LOOP
        group.add(f"claim + commit, {length} bytes", best, "ns")
    pairs = [probes.cell_loops(LOOP) for _ in turns]
    group.add("BBO cell: write", min(pair[0] for pair in pairs) / LOOP, "ns")
    group.add("BBO cell: read", min(pair[1] for pair in pairs) / LOOP, "ns")
    texts = ["3424.98", "28155.10000000", "0.001", "247.080"] * 1000
    parse = decimal.parse
    best = float("inf")
    for _ in range(rounds):
        begin = time.perf_counter_ns()
        for text in texts:
            parse(text, 8)
        best = min(best, time.perf_counter_ns() - begin)
    group.add("decimal.parse called from Python", best / len(texts), "ns")
    return group


def run(rounds: int) -> list[Group]:
    """Every bench of this file."""
    decoding = [decode(name, rounds) for name in SETS]
    orders = [signatures(rounds), requests(rounds), appends(rounds), reports(rounds)]
    streams = [streamed(rounds), *centrifugo(rounds)]
    return [*decoding, *streams, books(rounds), memory(rounds), *orders]
