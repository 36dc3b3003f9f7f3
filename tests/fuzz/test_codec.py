"""Mutated frames between two forbidden pages: one byte read outside them would end the process.

``FUZZ_SECONDS`` sets how long it goes on for each venue (default 2). Where ``CI`` is set and that
is not, every run begins with the same mutants."""

import ctypes
import json
import mmap
import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from connector.venues import binance_usdm, cadenza, phemex
from connector.venues.contract import Traded
from tests.reference import decoding, decoding_cadenza, decoding_phemex

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
SECONDS = float(os.environ.get("FUZZ_SECONDS", "2"))
SAME = bool(os.environ.get("CI")) and "FUZZ_SECONDS" not in os.environ
PAGE = mmap.PAGESIZE
ROOM = 16
"""Pages a frame may fill."""
PROT_NONE = 0
TELLING = b'"\\,:[]{}0123456789.-+eE \n\0\xff'


class Cage:
    """Memory with a forbidden page on both sides."""

    def __init__(self) -> None:
        self._map = mmap.mmap(-1, (ROOM + 2) * PAGE)
        self._pin = ctypes.c_char.from_buffer(self._map)
        base = ctypes.addressof(self._pin)
        protect = ctypes.CDLL(None, use_errno=True).mprotect
        for page in (0, ROOM + 1):
            address = ctypes.c_void_p(base + page * PAGE)
            assert protect(address, ctypes.c_size_t(PAGE), PROT_NONE) == 0
        self._view = memoryview(self._map)

    def at_the_end(self, frame: bytes) -> memoryview:
        return self._put((ROOM + 1) * PAGE - len(frame), frame)

    def at_the_start(self, frame: bytes) -> memoryview:
        return self._put(PAGE, frame)

    def _put(self, at: int, frame: bytes) -> memoryview:
        self._view[at : at + len(frame)] = frame
        return self._view[at : at + len(frame)]


@pytest.fixture(scope="module")
def cage() -> Cage:
    return Cage()


class Case(NamedTuple):
    """A venue's compiled codec beside its oracle."""

    decoder: Any
    decode: Callable[..., Any]
    frames: list[bytes]


def frames(folder: str) -> list[bytes]:
    lines = (GOLDEN / folder / "frames.jsonl").read_text().splitlines()
    return [json.loads(line)["raw"].encode() for line in lines]


def pushes() -> list[bytes]:
    """Nobody has recorded Cadenza: the forms of its page and of its clients."""
    book = {
        "updateType": "DIFF", "instrumentId": "BINANCE:BTC/USDT", "orderBookType": "L2_COUNTED",
        "columns": ["price", "quantity", "orderCount"], "bids": [["50000.00", "1.5", "3"]],
        "asks": [["50001.00", "0", "0"], ["50002.5", "2.25", "1"]], "timestamp": 1703052635110,
    }  # fmt: skip
    plain = {
        "bids": [["50000.00", "1.5"]], "asks": [["50001", "2"]], "timestamp": 1703052635110,
    }  # fmt: skip
    trade = {
        "tradeId": "7", "price": "50000.5", "quantity": "0.25", "side": "SELL",
        "timestamp": 1703052635110,
    }  # fmt: skip
    told = [
        ("market:orderbook:BINANCE:BTC/USDT", {"data": book, "offset": 42}),
        ("market:orderBook:BINANCE:BTC/USDT", {"data": plain}),
        ("market:trade:BINANCE:BTC/USDT", {"data": trade, "offset": 7}),
        ("market:trade:OKX:ETH/USDT", {"data": [trade, trade], "time": 5}),
    ]
    return [
        json.dumps({"push": {"channel": name, "pub": pub}}, separators=(",", ":")).encode()
        for name, pub in told
    ]


@pytest.fixture(scope="module", params=["binance_usdm", "phemex", "cadenza"])
def case(request: pytest.FixtureRequest) -> Case:
    if request.param == "cadenza":
        names = ("BINANCE:BTC/USDT", "OKX:ETH/USDT")
        known = [decoding_cadenza.instrument(name) for name in names]
        return Case(decoding_cadenza.AnyDecoder(*known), cadenza.VENUE.decode, pushes())
    found = frames(request.param)
    if request.param == "phemex":
        known = [decoding_phemex.instrument(name) for name in ("BTCUSD", "XTZUSD")]
        known.append(decoding_phemex.instrument("ETHUSDT", 8, qty_exponent=8))
        return Case(decoding_phemex.Decoder(*known), phemex.VENUE.decode, found)
    known = [decoding.instrument(name) for name in ("BTCUSDT", "ETHUSDT", "SUSHIUSDT")]
    return Case(decoding.Decoder(*known), binance_usdm.VENUE.decode, found)


def mutants(frames: list[bytes], seed: int) -> Iterator[bytes]:
    """Without end."""
    chance = random.Random(seed)
    while True:
        frame = bytearray(chance.choice(frames))
        for _ in range(chance.choice((0, 1, 1, 1, 2, 2, 3, 8))):
            if not frame:
                break
            at = chance.randrange(len(frame))
            match chance.randrange(6):
                case 0:
                    frame[at] = chance.choice(TELLING)
                case 1:
                    frame[at] = chance.randrange(256)
                case 2:
                    del frame[at : at + chance.randrange(1, 40)]
                case 3:
                    frame[at:at] = frame[chance.randrange(len(frame)) :][: chance.randrange(40)]
                case 4:
                    frame[at:at] = bytes([chance.choice(TELLING)]) * chance.choice((1, 1, 2, 30))
                case 5:
                    del frame[at:]
        yield bytes(frame[: ROOM * PAGE])


def test_no_byte_outside_a_frame_is_read(cage: Cage, case: Case) -> None:
    codec = case.decoder.codec
    able = codec.quick
    for frame in case.frames:
        for length in range(len(frame) + 1):
            for quick in {able, False}:
                codec.quick = quick
                codec.decode(cage.at_the_end(frame[:length]), 0, 0)
        codec.quick = able
        codec.decode(cage.at_the_start(frame), 0, 0)


def test_mutants_are_read_as_the_oracle_reads_them_or_left(cage: Cage, case: Case) -> None:
    decoder = case.decoder
    seed = 1 if SAME else random.SystemRandom().randrange(2**32)
    until = time.monotonic() + SECONDS
    taken = tried = 0
    for frame in mutants(case.frames, seed):
        if time.monotonic() > until:
            break
        tried += 1
        decoder.codec.decode(cage.at_the_start(frame), 0, 0)
        decoder.codec.decode(cage.at_the_end(frame), 0, 0)
        event = decoder.read(frame)
        if event is not None:
            taken += 1
            expected = case.decode(frame, decoder.scales)
            if isinstance(event, list):
                every = expected if isinstance(expected, list) else [expected]
                # What trades say of the book is nobody's to read.
                expected = [one for one in every if not isinstance(one, Traded)]
            assert event == expected, f"seed {seed}, mutant {tried}: {frame!r}"
    assert taken > tried // 20 > 0
